//! One screen, as what of it differs from the one before.

use serde::{Deserialize, Serialize};

use super::words::FilmWords;
use crate::event::{Nanos, Seq};

/// A screen of a film.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frame {
    /// The event that it shows.
    pub seq: Seq,
    /// The time of that.
    pub t: Nanos,
    /// How long it is to be read, in milliseconds, where that is not the time until the next one; 0
    /// if it is.
    #[serde(default, skip_serializing_if = "is_no_time")]
    pub reading: u32,
    /// Whether it stands for itself: spans lie on a blank screen, and all words are there.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub key: bool,
    /// The cells that changed, by rows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub spans: Vec<FilmSpan>,
    /// The words that changed.
    #[serde(default, skip_serializing_if = "FilmWords::is_empty")]
    pub words: FilmWords,
}

impl Frame {
    /// A key frame comes at least after so many others.
    pub const KEYS: u32 = 256;

    /// Its line of JSON, with the end.
    pub fn line(&self) -> String {
        super::line::json(self)
    }
}

/// Cells of a row that look the same. A row of JSON: `[y, x, style, "text"]`, with the columns as a
/// fifth where the text is one symbol that is not a character a column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Tuple", into = "Tuple")]
pub struct FilmSpan {
    /// The row.
    pub y: u16,
    /// The first column.
    pub x: u16,
    /// The style, as a place in the head's.
    pub style: u16,
    /// The text: a character a column, or one symbol.
    pub text: String,
    /// The columns of that symbol; 0 if it is a character a column.
    pub wide: u16,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_no_time(ms: &u32) -> bool {
    *ms == 0
}

#[derive(Serialize, Deserialize)]
struct Tuple(u16, u16, u16, String, #[serde(default, skip_serializing_if = "is_zero")] u16);

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_zero(n: &u16) -> bool {
    *n == 0
}

impl From<Tuple> for FilmSpan {
    fn from(Tuple(y, x, style, text, wide): Tuple) -> Self {
        Self { y, x, style, text, wide }
    }
}

impl From<FilmSpan> for Tuple {
    fn from(FilmSpan { y, x, style, text, wide }: FilmSpan) -> Self {
        Self(y, x, style, text, wide)
    }
}
