//! The word that somebody meant who wrote another.

/// The longest word that is compared, in characters.
const LONGEST: usize = 40;

/// The word of `known` that is most like `found`, if one is like it at all.
pub fn nearest<'k>(found: &str, known: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    let found = found.to_lowercase();
    let letters = found.chars().count();
    if letters > LONGEST {
        return None;
    }
    known
        .filter_map(|word| {
            let other = word.to_lowercase();
            let others = other.chars().count();
            // How many letters must be changed, left out, put in or exchanged with their neighbour.
            let distance = strsim::osa_distance(&found, &other);
            let allowed = (letters.max(others) / 3).clamp(1, 3);
            // A word of one or two letters is like any other.
            let close = distance <= allowed && distance < letters.min(others);
            (others <= LONGEST && close).then_some((distance, word))
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}

/// `; did you mean ...?`, if one of `words` is like `found`.
pub(super) fn meant(found: &str, words: &[&str]) -> String {
    nearest(found, words.iter().copied())
        .map_or(String::new(), |word| format!("; did you mean `{word}`?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_word_finds_its_own() {
        let known = ["wait", "write", "mask", "shutdown", "p.r", "p.w", "e"];
        for (found, meant) in [
            ("wiat", Some("wait")),
            ("Wait", Some("wait")),
            ("shutdwon", Some("shutdown")),
            ("maks", Some("mask")),
            ("q.r", Some("p.r")),
            ("x", None),
            ("accept", None),
            ("", None),
        ] {
            assert_eq!(nearest(found, known.into_iter()), meant, "{found}");
        }
        assert_eq!(nearest(&"w".repeat(41), known.into_iter()), None);
    }
}
