//! What every part of the parser writes to: the errors found so far.

use std::collections::BTreeMap;
use std::ops::Range;

use super::error::{Errors, MAX_KEPT, Wrong};
use super::usage::Use;
use crate::event::visible;

/// What was wrong has been noted already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ErrorReported;

/// A part of the file, if it is right.
pub(super) type Read<T> = Result<T, ErrorReported>;

/// The text that is read and what is wrong in it.
#[derive(Debug)]
pub(super) struct Reader<'t> {
    text: &'t str,
    wrongs: Vec<Wrong>,
    /// Where each line begins.
    lines: Vec<usize>,
    /// What the step that is being read names.
    pub(super) uses: Vec<Use>,
    /// `#` has a meaning here.
    pub(super) in_repeat: bool,
    /// The actors that have a `count`, with it.
    pub(super) members: BTreeMap<String, u16>,
    /// Entries in the lists of polls and selects so far.
    pub(super) entries: usize,
}

impl<'t> Reader<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        let breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let lines = std::iter::once(0).chain(breaks.map(|(at, _)| at + 1)).collect();
        Self {
            text,
            wrongs: Vec::new(),
            lines,
            uses: Vec::new(),
            in_repeat: false,
            members: BTreeMap::new(),
            entries: 0,
        }
    }

    /// Notes that something is wrong at `span`.
    pub(super) fn wrong(&mut self, span: Range<usize>, message: impl Into<String>) {
        if !self.is_full() {
            self.wrongs.push(Wrong { span, message: message.into() });
        }
    }

    /// Whether no more errors are kept, so that none need be looked for.
    pub(super) fn is_full(&self) -> bool {
        self.wrongs.len() >= MAX_KEPT
    }

    pub(super) fn is_clean(&self) -> bool {
        self.wrongs.is_empty()
    }

    /// The number, from 1, of the line with the byte `at`.
    pub(super) fn line(&self, at: usize) -> u32 {
        let line = self.lines.partition_point(|&start| start <= at);
        u32::try_from(line).unwrap_or(u32::MAX)
    }

    /// Where in the text the bytes `part` of the string value at `span` stand; the whole value if
    /// it is not written plainly.
    pub(super) fn inside(
        &self,
        span: &Range<usize>,
        value: &str,
        part: Range<usize>,
    ) -> Range<usize> {
        let plain = self.text.get(span.clone()).is_some_and(|source| {
            let inner = source.get(1..source.len().saturating_sub(1));
            source.starts_with(['"', '\'']) && inner == Some(value)
        });
        if !plain {
            return span.clone();
        }
        let start = span.start + 1;
        if part.is_empty() { span.clone() } else { start + part.start..start + part.end }
    }

    pub(super) fn into_errors(self, name: &str) -> Errors {
        Errors::new(name, self.text, self.wrongs)
    }
}

/// A word of the file as an error quotes it.
pub(super) fn quoted(word: &str) -> String {
    visible(word.as_bytes(), 40)
}
