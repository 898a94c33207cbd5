//! The code that a viewer must know.

use std::fs::File;
use std::io::{self, Read as _};

/// Letters that nobody takes for another: no I, L, O, 0, 1.
const LETTERS: &[u8; 31] = b"ABCDEFGHJKMNPQRSTUVWXYZ23456789";
/// Letters of a code that is drawn: 31^6 are 887 million.
const DRAWN: usize = 6;
/// Letters of a code that is chosen.
const CHOSEN: std::ops::RangeInclusive<usize> = 4..=32;

/// A code; capital letters and small ones are the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShareCode(String);

impl ShareCode {
    /// Draws one, of the kernel's random bytes (random(4)).
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn draw() -> io::Result<Self> {
        let mut random = File::open("/dev/urandom")?;
        let mut code = String::new();
        while code.len() < DRAWN {
            let mut byte = [0];
            random.read_exact(&mut byte)?;
            // Each letter is as likely as any other: what is over a multiple of 31 is drawn again.
            if usize::from(byte[0]) < 256 / LETTERS.len() * LETTERS.len() {
                code.push(char::from(LETTERS[usize::from(byte[0]) % LETTERS.len()]));
            }
        }
        Ok(Self(code))
    }

    /// One that somebody has chosen: 4 to 32 letters and digits.
    pub fn parse(text: &str) -> Option<Self> {
        let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric());
        (plain && CHOSEN.contains(&text.len())).then(|| Self(text.to_ascii_uppercase()))
    }

    /// Its letters.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether that is the code, found out in a time that does not tell how much of it is right.
    pub(super) fn is(&self, said: &str) -> bool {
        let letters = self.0.bytes();
        let said = said.bytes();
        let mut differs = u8::from(letters.len() != said.len());
        for (letter, said) in letters.zip(said) {
            differs |= letter ^ said.to_ascii_uppercase();
        }
        std::hint::black_box(differs) == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_that_is_drawn_has_six_letters_that_nobody_takes_for_others() {
        let codes: Vec<_> = (0..100).map(|_| ShareCode::draw().expect("random bytes")).collect();
        for code in &codes {
            assert_eq!(code.0.len(), 6);
            assert!(code.0.bytes().all(|letter| LETTERS.contains(&letter)), "{code:?}");
            assert_eq!(ShareCode::parse(&code.0).as_ref(), Some(code));
        }
        let mut different: Vec<_> = codes.iter().map(ShareCode::as_str).collect();
        different.sort_unstable();
        different.dedup();
        assert!(different.len() > 95);
    }

    #[test]
    fn a_code_is_known_in_capital_and_small_letters_and_by_nothing_else() {
        let code = ShareCode::parse("k7qm4x").expect("a code");
        assert!(code.is("K7QM4X") && code.is("k7qm4x"));
        for other in ["", "K7QM4", "K7QM4XX", "K7QM4Y", "X7QM4X", "K7QM4%", "k7qm4x "] {
            assert!(!code.is(other), "{other}");
        }
        for no in ["abc", "a/b/c", "a b c d", "code\u{e9}", &"a".repeat(33)] {
            assert_eq!(ShareCode::parse(no), None, "{no}");
        }
    }
}
