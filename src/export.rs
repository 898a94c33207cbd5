//! What happened and what was shown, written down for others: each kind for somebody.
//!
//! ```text
//! a part of a history ──┬─> lines, spans, strace, trace    what happened, as data
//!                       └─> recording                      the same, to be replayed
//! a film of its screens ──> text, picture                  what was shown
//! ```
//!
//! An export never says more than the history does: what was lost is told as lost, and what a
//! recording has hidden is nowhere behind it.

mod excerpt;
mod file;
mod range;
mod spans;
mod strace;
mod trace;
mod tracks;

#[cfg(test)]
mod tests;

use std::io::{self, Write};
use std::path::Path;

use crate::event::vocabulary;
use crate::sink::jsonl::{LineWriter, Lines};

pub use excerpt::Excerpt;
pub use file::to_file;
pub use range::ExportRange;

vocabulary! {
    /// What is written.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub enum ExportKind {
        /// The screens in one file that any browser opens.
        #[default]
        Page = "page",
        /// A recording of the part that is chosen.
        Recording = "recording",
        /// A screen as SVG.
        Picture = "picture",
        /// A screen as text.
        Text = "text",
        /// The screens as asciicast.
        Cast = "cast",
        /// Tracks for ui.perfetto.dev.
        Trace = "trace",
        /// Calls as strace prints them.
        Strace = "strace",
        /// Events as lines of JSON.
        Lines = "lines",
        /// The timeline's spans as CSV.
        Spans = "spans",
    }
}

impl ExportKind {
    /// How a file of it ends.
    pub fn ending(self) -> &'static str {
        match self {
            Self::Page => "html",
            Self::Recording => "rec",
            Self::Picture => "svg",
            Self::Text => "txt",
            Self::Cast => "cast",
            Self::Trace => "json",
            Self::Strace => "strace",
            Self::Lines => "jsonl",
            Self::Spans => "csv",
        }
    }

    /// What a file of it is for.
    pub fn about(self) -> &'static str {
        match self {
            Self::Page => "for any browser: scrub, step, search, why; nothing to install",
            Self::Recording => "everything; for epollscope replay",
            Self::Picture => "one screen, for slides",
            Self::Text => "one screen, for a mail or a ticket",
            Self::Cast => "the screens as asciicast v2, for asciinema play",
            Self::Trace => "for ui.perfetto.dev: a track a thread, a track a descriptor",
            Self::Strace => "the calls as strace -f -ttt -T writes them",
            Self::Lines => "as --headless writes them",
            Self::Spans => "the timeline's spans, for a spreadsheet",
        }
    }

    /// Whether it shows screens.
    pub fn shows(self) -> bool {
        match self {
            Self::Page | Self::Picture | Self::Text | Self::Cast => true,
            Self::Recording | Self::Trace | Self::Strace | Self::Lines | Self::Spans => false,
        }
    }

    /// Whether it shows the screen of one moment.
    pub fn is_one_screen(self) -> bool {
        matches!(self, Self::Picture | Self::Text)
    }

    /// The one whose files end as that one does.
    pub fn of(path: &Path) -> Option<Self> {
        let ending = path.extension()?.to_str()?;
        Self::ALL.into_iter().find(|kind| kind.ending() == ending)
    }
}

/// Writes the events of a range as lines of JSON.
///
/// # Errors
/// If they cannot be written.
pub fn lines(range: &ExportRange<'_>, lines: Lines, out: impl Write) -> io::Result<()> {
    let mut writer = LineWriter::begin(out, range.header, lines)?;
    let mut world = range.before();
    range.each(|event| {
        world.apply(event);
        writer.event(event, &world)?;
        writer.ready_list(&world)
    })
}

pub use spans::write as spans;
pub use strace::write as strace;
pub use trace::write as trace;
