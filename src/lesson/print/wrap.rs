//! Text in lines of a given width.

use unicode_width::UnicodeWidthStr as _;

use crate::event::visible;

/// `text` in lines of at most `width` columns, each after `indent` but the first, which comes after
/// `first`. Line breaks of the text are kept; a word that is longer than a line is cut.
pub(super) fn wrap(text: &str, first: &str, indent: &str, width: usize) -> String {
    let mut lines = Vec::new();
    let mut line = first.to_owned();
    for paragraph in text.split('\n') {
        let mut empty = true;
        for word in paragraph.split_whitespace().map(plain) {
            for piece in pieces(&word, width.saturating_sub(indent.width()).max(1)) {
                if !empty && line.width() + 1 + piece.width() > width {
                    lines.push(std::mem::replace(&mut line, indent.to_owned()));
                    empty = true;
                }
                if !empty {
                    line.push(' ');
                }
                line.push_str(piece);
                empty = false;
            }
        }
        lines.push(std::mem::replace(&mut line, indent.to_owned()));
    }
    let mut text = String::new();
    for line in lines {
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// A word that no terminal takes for anything else; quotes and backslashes stay as they are.
fn plain(word: &str) -> String {
    let mut plain = String::new();
    for part in word.split_inclusive(['"', '\\']) {
        let text = part.trim_end_matches(['"', '\\']);
        plain.push_str(&visible(text.as_bytes(), usize::MAX));
        plain.push_str(&part[text.len()..]);
    }
    plain
}

/// The word in pieces of at most `width` columns.
fn pieces(word: &str, width: usize) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut rest = word;
    while rest.width() > width {
        let end = rest.char_indices().map(|(at, c)| at + c.len_utf8());
        let fits = end.take_while(|&end| rest[..end].width() <= width).last();
        // A character that is wider than the line stands alone.
        let cut = fits.or_else(|| rest.chars().next().map(char::len_utf8)).unwrap_or(rest.len());
        let (piece, after) = rest.split_at(cut);
        pieces.push(piece);
        rest = after;
    }
    if !rest.is_empty() {
        pieces.push(rest);
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_filled_and_indented() {
        assert_eq!(wrap("one two three", "1. ", "   ", 10), "1. one two\n   three\n");
        assert_eq!(wrap("one\n\ntwo", "", "  ", 10), "one\n\n  two\n");
        assert_eq!(wrap("abcdefgh", "", "  ", 5), "abc\n  def\n  gh\n");
        assert_eq!(wrap("say \"a\\b\"", "", "", 40), "say \"a\\b\"\n");
        assert_eq!(wrap("a\u{202e}b", "", "", 40), "a<U+202E>b\n");
        assert_eq!(wrap("", "", "", 40), "\n");
    }
}
