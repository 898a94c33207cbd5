//! Messages with their length before them, in postcard's form.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// No message is longer: the largest ones are the report of a case with a thousand descriptors, and
/// the world of a server with as many clients as it may have.
const LONGEST: usize = 64 << 20;
/// Bytes of the length.
const LENGTH: usize = 4;

/// Why bytes are no message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// It is longer than any message.
    #[error("a message of {0} bytes")]
    TooLong(usize),
    /// It cannot be read.
    #[error("a message that means nothing: {0}")]
    Meaningless(String),
}

/// The bytes of a message.
///
/// # Errors
/// If it is too long.
pub fn pack<T: Serialize>(message: &T) -> Result<Vec<u8>, MessageError> {
    let room = vec![0; LENGTH];
    let mut bytes = postcard::to_extend(message, room)
        .map_err(|error| MessageError::Meaningless(error.to_string()))?;
    let length = bytes.len() - LENGTH;
    let word = u32::try_from(length).ok().filter(|_| length <= LONGEST);
    let word = word.ok_or(MessageError::TooLong(length))?;
    bytes[..LENGTH].copy_from_slice(&word.to_le_bytes());
    Ok(bytes)
}

/// Takes the first message out of `bytes`, if it is there as a whole.
///
/// # Errors
/// If what is there is no message.
pub fn unpack<T: DeserializeOwned>(bytes: &mut Vec<u8>) -> Result<Option<T>, MessageError> {
    let Some(word) = bytes.first_chunk::<LENGTH>() else { return Ok(None) };
    let length = u32::from_le_bytes(*word) as usize;
    if length > LONGEST {
        return Err(MessageError::TooLong(length));
    }
    let Some(body) = bytes.get(LENGTH..LENGTH + length) else { return Ok(None) };
    let message = postcard::from_bytes(body);
    bytes.drain(..LENGTH + length);
    message.map(Some).map_err(|error| MessageError::Meaningless(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_come_out_one_by_one_as_they_went_in() {
        let mut bytes = pack(&(1u8, "one".to_owned())).expect("short");
        bytes.extend(pack(&(2u8, "two".to_owned())).expect("short"));
        let rest = bytes.split_off(bytes.len() - 1);
        assert_eq!(unpack(&mut bytes), Ok(Some((1u8, "one".to_owned()))));
        assert_eq!(unpack::<(u8, String)>(&mut bytes), Ok(None));
        bytes.extend(rest);
        assert_eq!(unpack(&mut bytes), Ok(Some((2u8, "two".to_owned()))));
        assert!(bytes.is_empty());
    }

    #[test]
    fn what_is_no_message_is_refused() {
        let mut bytes = u32::MAX.to_le_bytes().to_vec();
        assert!(matches!(unpack::<u8>(&mut bytes), Err(MessageError::TooLong(_))));
        let mut bytes = vec![1, 0, 0, 0, 7];
        assert!(matches!(unpack::<String>(&mut bytes), Err(MessageError::Meaningless(_))));
    }
}
