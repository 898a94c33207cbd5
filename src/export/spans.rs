//! The timeline's spans as comma-separated values (RFC 4180), for a spreadsheet.

use std::io::{self, Write};

use super::ExportRange;
use super::tracks::{EndedSpan, OpenSpans, word};
use crate::text::csv_field;

/// The first line.
const COLUMNS: &str = "track,what,from_ns,to_ns,seq";

/// Writes the spans of a range, each when it has ended: the track, what held, from when to when, and
/// the event that began it.
///
/// # Errors
/// If they cannot be written.
pub fn write(range: &ExportRange<'_>, mut out: impl Write) -> io::Result<()> {
    write!(out, "{COLUMNS}\r\n")?;
    let mut open = OpenSpans::before(range);
    range.each(|event| open.apply(event).iter().try_for_each(|span| row(&mut out, span)))?;
    open.finish(range.ends()).try_for_each(|span| row(&mut out, &span))
}

fn row(out: &mut impl Write, span: &EndedSpan) -> io::Result<()> {
    let EndedSpan { name, from, until, seq, .. } = span;
    let (track, what) = (csv_field(name), csv_field(word(span.span)));
    write!(out, "{track},{what},{},{},{seq}\r\n", from.0, until.0)
}
