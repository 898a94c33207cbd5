//! An export of any kind: what happened is written by `export`, what was shown is filmed here first.

use std::io::{self, Write};
use std::rc::Rc;

use super::theme::Theme;
use crate::export::{self, Excerpt, ExportKind, ExportRange};

use crate::record::{Hidden, Recording};
use crate::sink::jsonl::Lines;

/// What is to be written.
#[derive(Clone, Debug)]
pub struct ExportPlan {
    /// The kind.
    pub kind: ExportKind,
    /// What is left out.
    pub hidden: Vec<Hidden>,
    /// Columns and rows of the screen, if one is shown.
    pub size: (u16, u16),
    /// How it looks.
    pub theme: Theme,
    /// What the whole is called.
    pub title: String,
}

impl ExportPlan {
    /// Writes a part of a history in which `known` is hidden already.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write(
        &self,
        range: &ExportRange<'_>,
        known: &[Hidden],
        out: &mut dyn Write,
    ) -> io::Result<()> {
        let mut hidden = known.to_vec();
        hidden.extend(self.hidden.iter().filter(|what| !known.contains(what)));
        if self.kind == ExportKind::Recording {
            return excerpt(range, &hidden, out).map(|_| ());
        }
        if hidden.len() == known.len() {
            return self.plainly(range, out);
        }
        // Nothing behind a recording can tell what is hidden in it.
        let bytes = excerpt(range, &hidden, Vec::new())?;
        let recording = Recording::read(bytes).map_err(io::Error::other)?;
        let recording = Rc::new(recording);
        let journal = recording.journal();
        self.plainly(&ExportRange::whole(&recording.head().header, &journal), out)
    }

    fn plainly(&self, range: &ExportRange<'_>, out: &mut dyn Write) -> io::Result<()> {
        match self.kind {
            ExportKind::Trace => export::trace(range, out),
            ExportKind::Strace => export::strace(range, out),
            ExportKind::Lines => export::lines(range, Lines::default(), out),
            ExportKind::Spans => export::spans(range, out),
            ExportKind::Recording => excerpt(range, &[], out).map(|_| ()),
            ExportKind::Page | ExportKind::Cast | ExportKind::Picture | ExportKind::Text => {
                Err(io::Error::other("no film"))
            }
        }
    }
}

fn excerpt<W: Write>(range: &ExportRange<'_>, hidden: &[Hidden], out: W) -> io::Result<W> {
    let mut excerpt = Excerpt::begin(range, hidden, out)?;
    excerpt.go_on(range.journal, u64::MAX)?;
    excerpt.finish()
}
