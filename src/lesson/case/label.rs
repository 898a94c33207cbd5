//! Names of descriptors, actors and threads.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The name of a descriptor, an actor or a thread: `e`, `p.r`, `worker1`.
///
/// In the body of a repeat `#` stands for the number of the round.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Label(Box<str>);

impl Label {
    /// This text as a label; whether it is a good one is for the parser to say.
    pub fn new(text: impl Into<Box<str>>) -> Self {
        Self(text.into())
    }

    /// The longest name.
    pub const LONGEST: usize = 40;
    /// Names that mean something else where a label may stand.
    pub(crate) const RESERVED: [&str; 6] =
        ["interest", "ready", "waiting", "calls", "path", "nobody"];
    /// Thread names that mean something else: two in a counter, one is that of the thread which
    /// makes the calls of which the file names no other.
    pub(crate) const RESERVED_THREADS: [&str; 3] = ["min", "max", "main"];

    /// Whether something new may be called so, as far as its letters go: a letter, then letters,
    /// digits, `_`, `-`.
    pub(crate) fn is_name(text: &str) -> bool {
        let good = |c: char| c.is_ascii_alphanumeric() || "_-".contains(c);
        text.len() <= Self::LONGEST
            && text.starts_with(|c: char| c.is_ascii_alphabetic())
            && text.chars().all(good)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it has a `#`.
    pub(crate) fn has_round(&self) -> bool {
        self.0.contains('#')
    }

    /// This label in round number `round` of a repeat, counted from 1.
    #[must_use]
    pub fn of_round(&self, round: u32) -> Self {
        if self.has_round() {
            Self::new(self.0.replace('#', &round.to_string()))
        } else {
            self.clone()
        }
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<&str> for Label {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

/// A descriptor as an argument of a call.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum FdArg {
    /// The number that this label got; a closed label still names its old number. A label that no
    /// call gave a number to stands for -1.
    Named(Label),
    /// Just this number, whatever it names.
    Number(i32),
}

impl FdArg {
    /// The label, if it is one.
    pub fn label(&self) -> Option<&Label> {
        match self {
            Self::Named(label) => Some(label),
            Self::Number(_) => None,
        }
    }
}

impl fmt::Display for FdArg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named(label) => label.fmt(f),
            Self::Number(number) => number.fmt(f),
        }
    }
}
