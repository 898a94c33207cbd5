//! The lines of a film.

use serde::Serialize;

use super::{FilmHead, Frame};

/// Any line of a film.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FilmLine {
    /// What it is, and all styles up to here.
    Head(FilmHead),
    /// A screen.
    Frame(Frame),
}

impl FilmLine {
    /// Reads a line; `None` if it is none of a film.
    pub fn parse(line: &str) -> Option<Self> {
        let frame = serde_json::from_str(line).map(Self::Frame);
        frame.or_else(|_| serde_json::from_str(line).map(Self::Head)).ok()
    }
}

/// Plain data as a line of JSON, with its end.
pub(super) fn json(value: &impl Serialize) -> String {
    // No map in it has keys that are not text.
    let mut line = serde_json::to_string(value).unwrap_or_default();
    line.push('\n');
    line
}
