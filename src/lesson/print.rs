//! A case as text: as the file that the parser reads back, as a handout for a class, and one action
//! as one line.

mod call;
mod file;
mod handout;
mod wrap;

#[cfg(test)]
mod tests;

pub use call::{call, call_alone};
pub(crate) use file::to_toml;
pub use handout::handout;

use super::case::{Entry, NVAL};
use crate::event::Mask;

/// A mask as a case file has it.
fn mask(mask: Mask) -> String {
    let rest = mask - NVAL;
    match (mask.has(NVAL), rest.is_empty()) {
        (false, _) => mask.to_string(),
        (true, true) => "NVAL".to_owned(),
        (true, false) => format!("{rest}|NVAL"),
    }
}

/// `p.r IN`
pub(super) fn entry(entry: &Entry) -> String {
    format!("{} {}", entry.label, mask(entry.mask))
}
