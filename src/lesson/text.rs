//! A lesson as text, to read or to hand out.

use super::case::Case;

/// The lesson as text.
pub fn text(case: &Case) -> String {
    format!("{}\n\n{}\n", case.title, case.about)
}
