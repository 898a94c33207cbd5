//! As much of HTTP/1.1 as is needed to ask for a stream of blocks and to take it (RFC 9112).

use tokio_util::bytes::{Buf as _, BytesMut};
use tokio_util::codec::Decoder;

use crate::event::visible;
use crate::record::{BlockCodec, Received, StreamError};

/// The longest head of an answer.
const HEAD: usize = 8 << 10;
/// How whoever does not know the code is answered.
const NOT_FOUND: &str = "404 Not Found";
/// The longest line before a chunk.
const LINE: usize = 1 << 10;

/// Why no blocks come.
#[derive(Debug, thiserror::Error)]
pub(super) enum HttpError {
    /// There is nothing under that code.
    #[error("wrong code")]
    WrongCode,
    /// It is refused, with this status.
    #[error("{0}")]
    Refused(String),
    /// It is not HTTP.
    #[error("no HTTP")]
    NoHttp,
    /// The blocks cannot be read, or their bytes not be had.
    #[error(transparent)]
    Stream(#[from] StreamError),
}

impl From<std::io::Error> for HttpError {
    fn from(error: std::io::Error) -> Self {
        Self::Stream(error.into())
    }
}

/// What is sent to ask for the blocks.
pub(super) fn request(server: &str, code: &str) -> String {
    let agent = concat!("epollscope/", env!("CARGO_PKG_VERSION"));
    format!(
        "GET /{code}/blocks?following HTTP/1.1\r\nHost: {server}\r\nUser-Agent: {agent}\r\n\r\n"
    )
}

/// Where in the answer it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    /// Before the end of its head.
    #[default]
    Head,
    /// Before the length of a chunk (RFC 9112, 7.1).
    Length,
    /// Before so many bytes of a chunk.
    Chunk(usize),
    /// Before the end of the line that ends a chunk.
    ChunkEnd,
    /// In a body that ends with the connection.
    Body,
    /// Behind the last chunk.
    Over,
}

/// Takes the blocks out of an answer, however its bytes are cut.
#[derive(Debug, Default)]
pub(super) struct ResponseCodec {
    place: Place,
    /// What of the body has not been made into blocks.
    body: BytesMut,
    blocks: BlockCodec,
}

impl Decoder for ResponseCodec {
    type Item = Received;
    type Error = HttpError;

    fn decode(&mut self, bytes: &mut BytesMut) -> Result<Option<Received>, HttpError> {
        loop {
            if let Some(received) = self.blocks.decode(&mut self.body)? {
                return Ok(Some(received));
            }
            if !self.go_on(bytes)? {
                return Ok(None);
            }
        }
    }

    fn decode_eof(&mut self, bytes: &mut BytesMut) -> Result<Option<Received>, HttpError> {
        let received = self.decode(bytes)?;
        if received.is_some() {
            return Ok(received);
        }
        if self.place == Place::Head {
            return Err(HttpError::NoHttp);
        }
        // What it was cut off in is not there.
        bytes.clear();
        Ok(self.blocks.decode_eof(&mut self.body)?)
    }
}

impl ResponseCodec {
    /// Takes the next part of the answer; whether it was all there.
    fn go_on(&mut self, bytes: &mut BytesMut) -> Result<bool, HttpError> {
        match self.place {
            Place::Head => return self.head(bytes),
            Place::Length => return self.length(bytes),
            Place::Chunk(left) => {
                let part = bytes.split_to(left.min(bytes.len()));
                self.body.extend_from_slice(&part);
                let left = left - part.len();
                self.place = if left == 0 { Place::ChunkEnd } else { Place::Chunk(left) };
                return Ok(left == 0);
            }
            Place::ChunkEnd => {
                let Some(end) = bytes.get(..2) else { return Ok(false) };
                if end != b"\r\n" {
                    return Err(HttpError::NoHttp);
                }
                bytes.advance(2);
                self.place = Place::Length;
            }
            Place::Body => {
                let part = bytes.split();
                self.body.extend_from_slice(&part);
                return Ok(!part.is_empty());
            }
            Place::Over => {
                bytes.clear();
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn head(&mut self, bytes: &mut BytesMut) -> Result<bool, HttpError> {
        let Some(head) = until(bytes, b"\r\n\r\n", HEAD)? else { return Ok(false) };
        let head = String::from_utf8_lossy(&head).into_owned();
        let mut lines = head.split("\r\n");
        let status = lines.next().and_then(|line| line.strip_prefix("HTTP/1."));
        let status = status.and_then(|line| line.split_once(' ')).ok_or(HttpError::NoHttp)?.1;
        match status.get(..3) {
            Some("200") => {}
            // With other words it is one who knows the code that is told them.
            Some("404") if status == NOT_FOUND => return Err(HttpError::WrongCode),
            _ => return Err(HttpError::Refused(visible(status.as_bytes(), 80))),
        }
        let mut fields = lines.filter_map(|line| line.split_once(':'));
        let chunked = fields.any(|(name, value)| {
            name.eq_ignore_ascii_case("transfer-encoding")
                && value.trim().eq_ignore_ascii_case("chunked")
        });
        self.place = if chunked { Place::Length } else { Place::Body };
        Ok(true)
    }

    fn length(&mut self, bytes: &mut BytesMut) -> Result<bool, HttpError> {
        let Some(line) = until(bytes, b"\r\n", LINE)? else { return Ok(false) };
        let line = String::from_utf8_lossy(&line);
        // Behind a semicolon it may be said more of the chunk.
        let length = line.split(';').next().unwrap_or_default().trim();
        let length = usize::from_str_radix(length, 16).map_err(|_| HttpError::NoHttp)?;
        self.place = if length == 0 { Place::Over } else { Place::Chunk(length) };
        Ok(true)
    }
}

/// Takes what stands before `end`, and that; `None` until it is there.
fn until(bytes: &mut BytesMut, end: &[u8], most: usize) -> Result<Option<BytesMut>, HttpError> {
    let seen = &bytes[..bytes.len().min(most)];
    let Some(at) = seen.windows(end.len()).position(|window| window == end) else {
        return if bytes.len() >= most { Err(HttpError::NoHttp) } else { Ok(None) };
    };
    let taken = bytes.split_to(at);
    bytes.advance(end.len());
    Ok(Some(taken))
}
