//! The word that somebody meant who wrote another, as an error says it.

use crate::event::nearest;

/// `; did you mean ...?`, if one of `words` is like `found`.
pub(super) fn meant(found: &str, words: &[&str]) -> String {
    nearest(found, words.iter().copied())
        .map_or(String::new(), |word| format!("; did you mean `{word}`?"))
}
