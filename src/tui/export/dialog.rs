//! What is asked about a file for others: which kind, which part of the history, what is hidden, how
//! large a screen, and how it is called. Plain data.

use std::path::PathBuf;

use crate::event::{ExportKind, Nanos, Seq, TimeUnit, vocabulary};
use crate::record::Hidden;

vocabulary! {
    /// Which part of the history.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub enum RangeChoice {
        /// All that is kept.
        #[default]
        All = "all",
        /// The last ten seconds, or steps, before the viewed event.
        Back = "10 s back",
        /// From the mark before the viewed event to the one after it.
        Marks = "mark to mark",
        /// What the timeline shows.
        Timeline = "the timeline's",
    }
}

impl RangeChoice {
    /// What it is called on that clock.
    pub(crate) fn named(self, clock: TimeUnit) -> &'static str {
        match (self, clock) {
            (Self::Back, TimeUnit::Steps) => "10 steps back",
            _ => self.word(),
        }
    }

    /// The one after it.
    pub(crate) fn next(self) -> Self {
        after(&Self::ALL, self)
    }
}

/// Sizes of a screen.
pub(crate) const SIZES: [(u16, u16); 3] = [(120, 40), (80, 24), (160, 50)];
/// What can be hidden, one after the other.
const HIDDEN: [&[Hidden]; 4] =
    [&[], &[Hidden::Payload], &[Hidden::Peers], &[Hidden::Payload, Hidden::Peers]];

fn after<T: Copy + PartialEq>(all: &[T], one: T) -> T {
    let at = all.iter().position(|other| *other == one).map_or(0, |at| at + 1);
    all[at % all.len()]
}

/// What is asked, and what has been chosen so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportDialog {
    /// The kind.
    pub kind: ExportKind,
    /// The part of the history.
    pub range: RangeChoice,
    /// Its first and its last event.
    pub events: (Seq, Seq),
    /// When they were.
    pub times: (Nanos, Nanos),
    /// What is hidden.
    pub hidden: &'static [Hidden],
    /// Columns and rows of the screen.
    pub size: (u16, u16),
    /// The name, without its ending.
    pub name: String,
    /// What it is called inside.
    pub title: String,
    /// Whether the person gave it: else another one is taken if a file has it.
    pub named: bool,
    /// About how many bytes each kind would have, in the order of all kinds.
    pub bytes: Vec<u64>,
}

impl ExportDialog {
    /// What is asked first.
    pub(crate) fn new(name: String, title: String) -> Self {
        Self {
            kind: ExportKind::Page,
            range: RangeChoice::All,
            events: (Seq(0), Seq(0)),
            times: (Nanos(0), Nanos(0)),
            hidden: HIDDEN[0],
            size: SIZES[0],
            name,
            title,
            named: false,
            bytes: Vec::new(),
        }
    }

    /// Hides more, or nothing again.
    pub(crate) fn hide(&mut self) {
        self.hidden = after(&HIDDEN, self.hidden);
    }

    /// The next size.
    pub(crate) fn resize(&mut self) {
        self.size = after(&SIZES, self.size);
    }

    /// The kind so many places on.
    pub(crate) fn choose(&mut self, by: isize) {
        let at = ExportKind::ALL.iter().position(|kind| *kind == self.kind).unwrap_or(0);
        let last = ExportKind::ALL.len() - 1;
        self.kind = ExportKind::ALL[at.saturating_add_signed(by).min(last)];
    }

    /// The name of the file of a kind.
    pub fn file(&self, kind: ExportKind) -> String {
        let ending = format!(".{}", kind.ending());
        format!("{}{ending}", self.name.strip_suffix(&ending).unwrap_or(&self.name))
    }

    /// What is to be done.
    pub(crate) fn order(&self) -> ExportOrder {
        ExportOrder {
            kind: self.kind,
            events: self.events,
            hidden: self.hidden,
            size: self.size,
            path: self.file(self.kind).into(),
            named: self.named,
            title: self.title.clone(),
        }
    }
}

/// A file for others that is to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportOrder {
    /// The kind.
    pub kind: ExportKind,
    /// The first and the last event.
    pub events: (Seq, Seq),
    /// What is hidden.
    pub hidden: &'static [Hidden],
    /// Columns and rows of the screen.
    pub size: (u16, u16),
    /// The file.
    pub path: PathBuf,
    /// Whether it must be that one.
    pub named: bool,
    /// What it is called inside.
    pub title: String,
}
