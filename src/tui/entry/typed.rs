//! What was typed before, for the arrow that goes back to it.

use super::Purpose;

/// How many lines are remembered.
const LINES: usize = 200;

/// The lines that were carried out, the newest last.
#[derive(Clone, Debug, Default)]
pub(crate) struct TypedLines(Vec<(Purpose, String)>);

impl TypedLines {
    /// A line was carried out.
    pub(crate) fn push(&mut self, purpose: Purpose, line: &str) {
        let line = line.trim();
        if line.is_empty() || self.back(purpose, 0) == Some(line) {
            return;
        }
        if self.0.len() == LINES {
            self.0.remove(0);
        }
        self.0.push((purpose, line.to_owned()));
    }

    /// The line for the like purpose that was typed so many of them ago: 0 is the last one.
    pub(super) fn back(&self, purpose: Purpose, n: usize) -> Option<&str> {
        let like = |one: &&(Purpose, String)| {
            std::mem::discriminant(&one.0) == std::mem::discriminant(&purpose)
        };
        self.0.iter().rev().filter(like).nth(n).map(|(_, line)| line.as_str())
    }
}
