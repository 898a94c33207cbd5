//! Words: calls as strace writes them, events in a few words, and sentences that say why. The same
//! for the screen, the JSON lines, lessons and exports: it knows no keys, no colours and no widths.

mod csv;
mod findings;
mod gloss;
pub mod strace;
mod why;
mod words;

pub use csv::csv_field;
pub use findings::{about_finding, finding};
pub use gloss::{is_row, moment, row, row_parts};
pub use why::{Subject, changes, unknown_list, why};
pub use words::connection_state;

/// What a person can do about it; a screen adds how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// MOD the registration, which polls its file and arms it again.
    Modify,
    /// Stop watching OUT.
    UnwatchOut,
}

/// One or more plain sentences, and what would help.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sentence {
    /// The text, which stands for itself.
    pub text: String,
    /// Bytes of the text that say how it is; the rest says what follows from that.
    pub how: usize,
    /// What would help, if a person can do it here.
    pub remedy: Option<Remedy>,
}

impl Sentence {
    /// How it is, without what follows from that.
    pub fn how_it_is(&self) -> &str {
        self.text.get(..self.how).unwrap_or(&self.text)
    }
}
