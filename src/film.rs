//! What was shown: screens as cells that changed, with words beside them.
//!
//! ```text
//! {"title":"class.rec","cols":120,"rows":38,"styles":[{},{"fg":"#ffaf00","bold":true},..],..}
//! {"seq":1,"t":1000000,"key":true,"spans":[[0,1,1,"REPLAY"],..],"words":{"why":{"7":".."},..}}
//! {"seq":2,"t":1020000,"spans":[[4,52,0,"17"]],"words":{"calls":[[2,1020000,"T1 read(7, .."]]}}
//! ```
//!
//! A film is lines of JSON: first a [`FilmHead`], which comes again when there are more styles, then
//! a [`Frame`] for each screen that differs from the one before. Whatever shows a film (a page, a
//! cast, a picture, a browser that looks on) needs no more than that: a [`FilmScreen`] takes frames
//! and is the screen. Nothing here knows how a screen is made.

mod frame;
mod line;
mod screen;
mod style;
mod words;

#[cfg(test)]
mod tests;

pub use frame::{FilmSpan, Frame};
pub use line::FilmLine;
pub use screen::{FilmCell, FilmScreen, SpanList, glyph_of, told};
pub use style::{FilmGap, FilmHead, FilmStyle, Rgb, Sampling};
pub use words::{FilmCall, FilmRow, FilmWords, Sentences};

/// A whole film: its head has the styles of all frames.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Film {
    /// What it is.
    pub head: FilmHead,
    /// The screens, the first a key frame.
    pub frames: Vec<Frame>,
}

impl Film {
    /// Its lines, each with its end.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        let frames = self.frames.iter().map(Frame::line);
        std::iter::once(self.head.line()).chain(frames)
    }
}
