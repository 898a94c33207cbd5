//! Whatever the bytes are, the parser answers, and its answer can be shown.
//!
//! Few inputs in a usual run; `PROPTEST_CASES` asks for more.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use super::super::parse;
use crate::lesson::catalog;

/// Files that are right.
fn valid() -> Vec<&'static [u8]> {
    catalog::files().map(|file| file.text.as_bytes()).collect()
}

/// One thing that is done to a file.
#[derive(Clone, Debug)]
enum Damage {
    /// One bit of a byte is turned.
    Flip(Index, u8),
    /// Some bytes are taken out.
    Delete(Index, usize),
    /// Some bytes are put in.
    Insert(Index, Vec<u8>),
    /// A line is written twice.
    Repeat(Index),
    /// A line is put in another place.
    Move(Index, Index),
    /// The rest is that of another file.
    Splice(Index, Index, Index),
    /// A word is replaced by another word of the file.
    Swap(Index, Index),
}

fn damage() -> impl Strategy<Value = Damage> {
    let at = any::<Index>;
    prop_oneof![
        (at(), 0..8_u8).prop_map(|(at, bit)| Damage::Flip(at, bit)),
        (at(), 1..40_usize).prop_map(|(at, count)| Damage::Delete(at, count)),
        (at(), vec(any::<u8>(), 1..8)).prop_map(|(at, bytes)| Damage::Insert(at, bytes)),
        (at(), "[\\[\\]{}\"'#=.,|*@0-9a-e\n -]{1,4}")
            .prop_map(|(at, text)| Damage::Insert(at, text.into_bytes())),
        at().prop_map(Damage::Repeat),
        (at(), at()).prop_map(|(from, to)| Damage::Move(from, to)),
        (at(), at(), at()).prop_map(|(at, file, from)| Damage::Splice(at, file, from)),
        (at(), at()).prop_map(|(one, other)| Damage::Swap(one, other)),
    ]
}

impl Damage {
    fn apply(self, text: &mut Vec<u8>) {
        if text.is_empty() {
            return;
        }
        match self {
            Self::Flip(at, bit) => {
                let at = at.index(text.len());
                text[at] ^= 1 << bit;
            }
            Self::Delete(at, count) => {
                let at = at.index(text.len());
                let end = (at + count).min(text.len());
                text.drain(at..end);
            }
            Self::Insert(at, bytes) => {
                let at = at.index(text.len());
                text.splice(at..at, bytes);
            }
            Self::Repeat(at) => {
                let mut lines: Vec<_> = text.split(|&byte| byte == b'\n').collect();
                let at = at.index(lines.len());
                lines.insert(at, lines[at]);
                *text = lines.join(&b'\n');
            }
            Self::Move(from, to) => {
                let mut lines: Vec<_> = text.split(|&byte| byte == b'\n').collect();
                let line = lines.remove(from.index(lines.len()));
                lines.insert(to.index(lines.len() + 1), line);
                *text = lines.join(&b'\n');
            }
            Self::Splice(at, file, from) => {
                let files = valid();
                let other = files[file.index(files.len())];
                text.truncate(at.index(text.len()));
                text.extend_from_slice(&other[from.index(other.len())..]);
            }
            Self::Swap(one, other) => {
                let mut words: Vec<_> = text.split(|&byte| byte == b'"').collect();
                let (one, other) = (one.index(words.len()), other.index(words.len()));
                words[one] = words[other];
                *text = words.join(&b'"');
            }
        }
    }
}

/// The parser answers; what it says fits on a screen.
fn answers(text: &[u8]) -> Result<(), TestCaseError> {
    let Err(errors) = parse("some.toml", text) else {
        return Ok(());
    };
    prop_assert!((1..=20).contains(&errors.problems.len()));
    for problem in &errors.problems {
        prop_assert!(problem.line >= 1 && problem.column >= 1);
        prop_assert!(!problem.message.chars().any(char::is_control), "{:?}", problem.message);
        let shown = problem.shown.iter().flatten();
        prop_assert!(shown.clone().all(|line| line.chars().count() <= 120), "{errors}");
        prop_assert!(!shown.clone().any(|line| line.chars().any(char::is_control)), "{errors}");
    }
    Ok(())
}

proptest! {
    #[test]
    fn any_bytes_are_answered(text in vec(any::<u8>(), 0..400)) {
        answers(&text)?;
    }

    #[test]
    fn a_damaged_file_is_answered(at in any::<Index>(), damage in vec(damage(), 1..6)) {
        let files = valid();
        let mut text = files[at.index(files.len())].to_vec();
        for one in damage {
            one.apply(&mut text);
        }
        answers(&text)?;
    }
}
