//! The word that somebody meant who wrote another.

/// The longest word that is compared, in characters.
const LONGEST: usize = 40;

/// How many letters must be changed, left out, put in or exchanged with their neighbour to make one
/// word of the other; `None` if they are not alike.
pub fn likeness(found: &str, word: &str) -> Option<usize> {
    let (found, word) = (found.to_lowercase(), word.to_lowercase());
    let (letters, others) = (found.chars().count(), word.chars().count());
    if letters.max(others) > LONGEST {
        return None;
    }
    let distance = strsim::osa_distance(&found, &word);
    let allowed = (letters.max(others) / 3).clamp(1, 3);
    // A word of one or two letters is like any other.
    (distance <= allowed && distance < letters.min(others)).then_some(distance)
}

/// The word of `known` that is most like `found`, if one is like it at all.
pub fn nearest<'k>(found: &str, known: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    known
        .filter_map(|word| likeness(found, word).map(|distance| (distance, word)))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
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
