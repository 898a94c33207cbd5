//! What can be made of a history for others.

use std::path::Path;

use super::vocabulary;

vocabulary! {
    /// What is made of a history for others.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub enum ExportKind {
        /// The screens in one file that any browser opens.
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

    /// Whether it shows screens, one or many.
    pub fn is_shown(self) -> bool {
        self.is_one_screen() || matches!(self, Self::Page | Self::Cast)
    }

    /// The one whose files end as that one does.
    pub fn of(path: &Path) -> Option<Self> {
        let ending = path.extension()?.to_str()?;
        Self::ALL.into_iter().find(|kind| kind.ending() == ending)
    }
}
