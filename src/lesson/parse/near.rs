//! The word that somebody meant who wrote another.

/// The longest word that is compared, in characters.
const LONGEST: usize = 40;

/// The word of `known` that is most like `found`, if one is like it at all.
pub fn nearest<'k>(found: &str, known: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    let found: Vec<char> = found.to_lowercase().chars().take(LONGEST + 1).collect();
    if found.len() > LONGEST {
        return None;
    }
    known
        .filter_map(|word| {
            let chars: Vec<char> = word.to_lowercase().chars().take(LONGEST + 1).collect();
            let distance = distance(&found, &chars);
            let allowed = (found.len().max(chars.len()) / 3).clamp(1, 3);
            // A word of one or two letters is like any other.
            let close = distance <= allowed && distance < found.len().min(chars.len());
            (chars.len() <= LONGEST && close).then_some((distance, word))
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}

/// How many letters must be changed, left out, put in or exchanged with their neighbour.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut rows: [Vec<usize>; 3] = [Vec::new(), Vec::new(), (0..=b.len()).collect()];
    for (i, &left) in a.iter().enumerate() {
        rows.rotate_left(1);
        let [older, above, row] = &mut rows;
        row.clear();
        row.push(i + 1);
        for (j, &right) in b.iter().enumerate() {
            let mut least =
                (above[j + 1] + 1).min(row[j] + 1).min(above[j] + usize::from(left != right));
            if i > 0 && j > 0 && left == b[j - 1] && a[i - 1] == right {
                least = least.min(older[j - 1] + 1);
            }
            row.push(least);
        }
    }
    rows[2][b.len()]
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
