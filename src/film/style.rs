//! What a film is, and how its cells can look.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::event::{Nanos, Seq, TimeUnit};

/// The first line of a film.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilmHead {
    /// What was filmed, in a few words.
    pub title: String,
    /// The number of the run: the same may begin again.
    #[serde(default)]
    pub run: u32,
    /// Columns.
    pub cols: u16,
    /// Rows.
    pub rows: u16,
    /// What its times count.
    pub clock: TimeUnit,
    /// The colour of text that has none.
    pub fg: Rgb,
    /// The colour behind it.
    pub bg: Rgb,
    /// Each colour with the one that stands for it on the other ground: light for dark, dark for
    /// light. Empty where there is only one.
    pub turned: Vec<(Rgb, Rgb)>,
    /// Which screens of what happened it has.
    pub sampling: Sampling,
    /// Where events are missing, in order; of very many places the first ones, the last of which
    /// stands for the rest too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gaps: Vec<FilmGap>,
    /// What followed the last screen is not to be had: what was filmed breaks off.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cut: bool,
    /// The styles; the first is that of blank cells.
    pub styles: Vec<FilmStyle>,
}

/// Events that are missing: `[seq, t, events]`, from which event and which time on, and how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilmGap(pub Seq, pub Nanos, pub u64);

impl FilmHead {
    /// Its line of JSON, with the end.
    pub fn line(&self) -> String {
        super::line::json(self)
    }

    /// The colours of a style's text and of what is behind it, as they are seen: dim text is nearer
    /// to what is behind it.
    pub fn colours(&self, style: u16) -> (Rgb, Rgb) {
        let style = self.styles.get(usize::from(style)).copied().unwrap_or_default();
        let (fg, bg) = (style.fg.unwrap_or(self.fg), style.bg.unwrap_or(self.bg));
        (if style.dim { fg.towards(bg) } else { fg }, bg)
    }
}

/// Which screens a film has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sampling {
    /// What was on a screen as it happened.
    #[default]
    Shown,
    /// One for each event.
    EachEvent,
    /// So many evenly in time, of more events.
    Evenly {
        /// Screens that were taken; those that did not differ are one frame.
        screens: u64,
        /// Events.
        events: u64,
    },
}

/// How cells look. What is reversed on a terminal has its colours exchanged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "they are independent, as on a terminal")]
pub struct FilmStyle {
    /// The colour of the text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fg: Option<Rgb>,
    /// The colour behind it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bg: Option<Rgb>,
    /// Bold.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub bold: bool,
    /// Dim.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dim: bool,
    /// Italic.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub italic: bool,
    /// Underlined.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub underlined: bool,
}

/// A colour; `#rrggbb` as text.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(try_from = "String", into = "String")]
pub struct Rgb(pub [u8; 3]);

impl Rgb {
    /// Part of the way towards another, as dim text is.
    fn towards(self, other: Self) -> Self {
        let mixed = |n: usize| (u16::from(self.0[n]) * 5 + u16::from(other.0[n]) * 3) / 8;
        Self([0, 1, 2].map(|n| u8::try_from(mixed(n)).unwrap_or(u8::MAX)))
    }
}

impl fmt::Display for Rgb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [r, g, b] = self.0;
        write!(f, "#{r:02x}{g:02x}{b:02x}")
    }
}

impl From<Rgb> for String {
    fn from(colour: Rgb) -> Self {
        colour.to_string()
    }
}

impl TryFrom<String> for Rgb {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6);
        let digits = digits.filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
        let number = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
        let [_, r, g, b] = number.ok_or("a colour is #rrggbb")?.to_be_bytes();
        Ok(Self([r, g, b]))
    }
}
