//! The timeline's spans as comma-separated values (RFC 4180), for a spreadsheet.

use std::borrow::Cow;
use std::io::{self, Write};

use super::ExportRange;
use super::tracks::{EndedSpan, OpenSpans, word};

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
    let (track, what) = (quoted(name), quoted(word(span.span)));
    write!(out, "{track},{what},{},{},{seq}\r\n", from.0, until.0)
}

/// A field, in quotes if it would not be one without.
fn quoted(field: &str) -> Cow<'_, str> {
    if field.contains(['"', ',', '\r', '\n']) {
        format!("\"{}\"", field.replace('"', "\"\"")).into()
    } else {
        field.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_that_would_be_two_is_quoted() {
        for (field, written) in
            [("T1", "T1"), ("a,b", "\"a,b\""), ("a\"b", "\"a\"\"b\""), ("a\r\nb", "\"a\r\nb\"")]
        {
            assert_eq!(quoted(field), written);
        }
    }
}
