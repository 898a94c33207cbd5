//! What happened and what was shown, written down for others: each kind for somebody.
//!
//! ```text
//! a part of a history ──┬─> lines, spans, strace, trace    what happened, as data
//!                       └─> recording                      the same, to be replayed
//! a film of its screens ──> page, cast, picture, text      what was shown
//! ```
//!
//! An export never says more than the history does: what was lost is told as lost, and what a
//! recording has hidden is nowhere behind it.

pub mod cast;
mod excerpt;
mod file;
mod markup;
pub mod page;
mod picture;
mod range;
mod shapes;
mod spans;
mod strace;
mod trace;
mod tracks;

#[cfg(test)]
mod tests;

use std::io::{self, Write};

use crate::sink::jsonl::{LineWriter, Lines};

pub use excerpt::Excerpt;
pub use file::to_file;
pub use range::ExportRange;

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

pub use picture::write as picture;
pub use spans::write as spans;
pub use strace::write as strace;
pub use trace::write as trace;
