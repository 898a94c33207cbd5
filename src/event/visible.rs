//! Bytes of strangers made fit to be shown.
//!
//! Whatever a client sends reaches a screen, a title, a log or an export only through
//! [`visible`]. It knows nothing of screens: the result is plain text that no terminal can take
//! for a control sequence, and whose width is the one that terminals and `unicode-width` agree on.

use std::fmt::Write as _;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// How many combining marks a character may carry.
const MARKS: usize = 2;

/// The sign at the end of a text that was cut.
const CUT: char = '…';

/// Shows `bytes` as text of at most `max` columns; `…` at the end says that it was cut.
///
/// Control characters are shown as `\n`, `\r`, `\t`, else as `^X`; bytes that are not UTF-8 as
/// `\xNN`; `\` and `"` as `\\` and `\"`; whatever has no glyph of its own, changes the direction or
/// the width of its surroundings, or would be the third mark on one letter as `<U+XXXX>`.
pub fn visible(bytes: &[u8], max: usize) -> String {
    let mut line = Line::new(max);
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            line.push_char(c);
            if line.full {
                return line.text;
            }
        }
        for byte in chunk.invalid() {
            line.push_escape(format_args!("\\x{byte:02X}"));
        }
        if line.full {
            return line.text;
        }
    }
    line.text
}

/// The text so far.
struct Line {
    text: String,
    /// Columns of `text`.
    width: usize,
    max: usize,
    /// Where `text` can be cut so that the sign still fits.
    cut: usize,
    /// Where the last character that can carry marks begins; `None` after an escape.
    base: Option<usize>,
    /// Where the one before it begins, if nothing stands between: ligatures may be of three.
    before: Option<usize>,
    /// Marks on that character.
    marks: usize,
    /// Something did not fit: `text` is complete.
    full: bool,
}

impl Line {
    fn new(max: usize) -> Self {
        Self {
            text: String::new(),
            width: 0,
            max,
            cut: 0,
            base: None,
            before: None,
            marks: 0,
            full: false,
        }
    }

    fn push_char(&mut self, c: char) {
        match c {
            '\n' => self.push_escape(format_args!("\\n")),
            '\r' => self.push_escape(format_args!("\\r")),
            '\t' => self.push_escape(format_args!("\\t")),
            '\\' | '"' => self.push_escape(format_args!("\\{c}")),
            '\0'..='\x1f' => self.push_escape(format_args!("^{}", caret(c))),
            '\x7f' => self.push_escape(format_args!("^?")),
            ' '..='~' => self.push_base(c, 1),
            _ => self.push_wide(c),
        }
    }

    /// A character outside of ASCII.
    fn push_wide(&mut self, c: char) {
        let width = c.width().unwrap_or(0);
        match class(c) {
            Class::Mark if self.base.is_some() && self.marks < MARKS && self.adds(c, 0) => {
                self.text.push(c);
                self.marks += 1;
            }
            Class::Glyph if (1..=2).contains(&width) && self.adds(c, width) => {
                self.push_base(c, width);
            }
            _ => self.push_escape(format_args!("<U+{:04X}>", u32::from(c))),
        }
    }

    /// Whether `c` takes `width` columns here too: it forms no ligature with what is before it.
    fn adds(&self, c: char, width: usize) -> bool {
        let Some(from) = self.before.or(self.base) else {
            return true;
        };
        let mut last = self.text[from..].to_owned();
        let before = last.width();
        last.push(c);
        last.width() == before + width
    }

    fn push_base(&mut self, c: char, width: usize) {
        let start = self.text.len();
        self.text.push(c);
        self.grow(start, width);
        self.before = self.base;
        self.base = Some(start);
    }

    /// An escape, which is ASCII, stays whole and carries no marks.
    fn push_escape(&mut self, escape: std::fmt::Arguments<'_>) {
        let start = self.text.len();
        let _infallible = self.text.write_fmt(escape);
        let width = self.text.len() - start;
        self.grow(start, width);
        (self.base, self.before) = (None, None);
    }

    /// Accounts for what was just written at `start`, or cuts it off.
    fn grow(&mut self, start: usize, width: usize) {
        if self.full {
            self.text.truncate(start);
            return;
        }
        if self.width < self.max {
            self.cut = start;
        }
        self.width = self.width.saturating_add(width);
        self.marks = 0;
        if self.width > self.max {
            self.full = true;
            self.text.truncate(self.cut);
            if self.max > 0 {
                self.text.push(CUT);
            }
        }
    }
}

/// The letter after `^` for a control character.
fn caret(c: char) -> char {
    char::from(u8::try_from(c).unwrap_or(0) ^ 0x40)
}

/// What a character outside of ASCII is to a reader.
#[derive(PartialEq, Eq)]
enum Class {
    /// It has a place of its own.
    Glyph,
    /// It sits on the character before it.
    Mark,
    /// It must not be written as it is.
    Hidden,
}

fn class(c: char) -> Class {
    if is_ignorable(c) || !is_printable(c) {
        Class::Hidden
    } else if c.width() == Some(0) {
        // The library escapes a mark that stands alone.
        if c.escape_debug().len() > 1 { Class::Mark } else { Class::Hidden }
    } else {
        Class::Glyph
    }
}

/// Whether the Unicode tables of the standard library give `c` a glyph: it is assigned, and no
/// control, format, private or separator character. After a letter, marks pass too.
fn is_printable(c: char) -> bool {
    let mut buffer = [b'a'; 5];
    let len = 1 + c.encode_utf8(&mut buffer[1..]).len();
    std::str::from_utf8(&buffer[..len]).is_ok_and(|text| text.escape_debug().count() == 2)
}

/// Letters and marks that leave no trace on a screen (Default_Ignorable_Code_Point), as far as
/// [`is_printable`] lets them through; variation selectors change the width of what they follow.
fn is_ignorable(c: char) -> bool {
    matches!(c,
        '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{ffa0}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(bytes: impl AsRef<[u8]>, expected: &str) {
        assert_eq!(visible(bytes.as_ref(), 80), expected);
    }

    #[track_caller]
    fn check_cut(text: &str, max: usize, expected: &str) {
        assert_eq!(visible(text.as_bytes(), max), expected, "{text:?} in {max}");
    }

    #[test]
    fn controls_are_shown_as_strace_and_cat_do() {
        check("hello world\r\n", "hello world\\r\\n");
        check("\t\0\x01\x1b[31m\x7f", "\\t^@^A^[[31m^?");
        check("\u{80}\u{9b}", "<U+0080><U+009B>");
        check(r#"a\b "c""#, r#"a\\b \"c\""#);
    }

    #[test]
    fn what_has_no_glyph_is_named() {
        check("a\u{202e}b\u{2066}", "a<U+202E>b<U+2066>");
        check(
            "\u{200b}\u{200d}\u{feff}\u{2028}\u{2029}",
            "<U+200B><U+200D><U+FEFF><U+2028><U+2029>",
        );
        check("\u{e0041}\u{e000}\u{ad}", "<U+E0041><U+E000><U+00AD>");
        check("\u{378}\u{10ffff}", "<U+0378><U+10FFFF>");
        check("\u{3164}\u{115f}\u{a0}", "<U+3164><U+115F><U+00A0>");
    }

    #[test]
    fn bytes_that_are_not_utf8_are_shown_in_hexadecimal() {
        check(b"\xff\xf4a\xe2\x82", "\\xFF\\xF4a\\xE2\\x82");
        check(b"\xc0\x80\xed\xa0\x80", "\\xC0\\x80\\xED\\xA0\\x80");
    }

    #[test]
    fn a_letter_carries_two_marks_and_no_more() {
        check("e\u{301}\u{302}", "e\u{301}\u{302}");
        check("e\u{301}\u{301}\u{301}\u{301}f", "e\u{301}\u{301}<U+0301><U+0301>f");
        check("\u{301}a", "<U+0301>a");
        check("\n\u{301}", "\\n<U+0301>");
    }

    #[test]
    fn text_of_many_scripts_stays_as_it_is() {
        for text in ["grüße", "здравствуй", "日本語", "한국어", "नमस्ते", "😀🎉", "שלום", "🇨🇭"]
        {
            check(text, text);
        }
    }

    #[test]
    fn what_changes_the_width_of_its_surroundings_is_named() {
        check("\u{2764}\u{fe0f}", "\u{2764}<U+FE0F>");
        check("\u{1f44d}\u{1f3fd}", "\u{1f44d}<U+1F3FD>");
        // Tifinagh letters with a joiner between them are one glyph.
        check("\u{2d31}\u{2d7f}\u{2d31}", "\u{2d31}\u{2d7f}<U+2D31>");
    }

    #[test]
    fn a_cut_text_ends_with_a_sign_and_with_whole_escapes() {
        check_cut("hello", 5, "hello");
        check_cut("hello!", 5, "hell…");
        check_cut("hell\n", 5, "hell…");
        check_cut("hel\n!", 5, "hel…");
        check_cut("hel\n", 5, "hel\\n");
        check_cut("日本語", 5, "日本…");
        check_cut("日本語", 4, "日…");
        check_cut("e\u{301}f", 1, "…");
        check_cut("fe\u{301}", 2, "fe\u{301}");
        check_cut("a", 0, "");
        check_cut("", 0, "");
    }

    fn is_plain(text: &str) -> bool {
        !text.chars().any(char::is_control)
    }

    fn mixed() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..8),
            any::<char>().prop_map(|c| c.to_string().into_bytes()),
            (0x300_u32..0x3000).prop_map(|n| {
                char::from_u32(n).map(|c| c.to_string().into_bytes()).unwrap_or_default()
            }),
            prop::sample::select(vec![
                "\u{200d}",
                "\u{fe0f}",
                "\u{1f468}",
                "\u{1f3fd}",
                "ل",
                "ا",
                "\u{17d2}",
                "\u{1780}",
                "\u{a4f8}",
                "\u{a4fc}",
                "\u{2d7f}",
                "\u{2d31}",
                "\u{338}",
                "<",
                "\u{1f1e6}",
                "e",
                "\u{301}",
                "\u{1160}",
                "\u{16d67}",
                "\u{16d63}",
            ])
            .prop_map(|text| text.as_bytes().to_vec()),
        ];
        proptest::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
    }

    /// What changes the direction, joins, hides or stands for nothing, from the charts of Unicode.
    fn is_harmful(c: char) -> bool {
        matches!(c,
            '\0'..='\x1f' | '\x7f'..='\u{9f}' | '\u{a0}' | '\u{ad}' | '\u{34f}' | '\u{61c}'
            | '\u{115f}' | '\u{1160}' | '\u{180b}'..='\u{180f}' | '\u{2000}'..='\u{200f}'
            | '\u{2028}'..='\u{202f}' | '\u{205f}'..='\u{206f}' | '\u{3000}' | '\u{3164}'
            | '\u{e000}'..='\u{f8ff}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}' | '\u{fffe}' | '\u{ffff}' | '\u{e0000}'..='\u{10ffff}')
    }

    proptest! {
        #[test]
        fn nothing_harmful_is_left_of_any_bytes(bytes in mixed(), max in 0_usize..200) {
            let text = visible(&bytes, max);
            prop_assert!(!text.chars().any(is_harmful), "{text:?}");
            // A column holds one character with two marks, of four bytes each.
            prop_assert!(text.len() <= 12 * max, "{text:?} in {max}");
        }

        #[test]
        fn a_terminal_moves_on_by_the_width(bytes in mixed()) {
            // That terminal takes the character for bytes that cannot be read, and drops it.
            let text = visible(&bytes, 200).replace('\u{fffd}', "?");
            let size = |n| std::num::NonZero::new(n).expect("not zero");
            let mut terminal = vt100::Parser::new(size(3), size(300), 0);
            terminal.process(text.as_bytes());
            let column = u16::try_from(text.width()).unwrap_or(u16::MAX);
            prop_assert_eq!(terminal.screen().cursor_position(), (0, column), "{:?}", text);
        }

        #[test]
        fn a_cut_text_is_the_beginning_of_the_whole(bytes in mixed(), max in 1_usize..60) {
            let (cut, whole) = (visible(&bytes, max), visible(&bytes, 10_000));
            match cut.strip_suffix(CUT) {
                Some(kept) if cut != whole => {
                    prop_assert!(whole.starts_with(kept), "{whole:?} cut to {cut:?}");
                    prop_assert!(whole.width() > max);
                }
                _ => prop_assert_eq!(cut, whole),
            }
        }

        #[test]
        fn any_bytes_are_plain_and_fit(bytes in mixed(), max in 0_usize..60) {
            let text = visible(&bytes, max);
            prop_assert!(is_plain(&text), "{text:?}");
            prop_assert!(text.width() <= max, "{text:?} in {max}");
            prop_assert!(visible(text.as_bytes(), max).width() <= max);
        }

        #[test]
        fn the_width_is_the_sum_of_the_widths(bytes in mixed()) {
            let text = visible(&bytes, 200);
            let sum: usize = text.chars().filter_map(char::width).sum();
            prop_assert_eq!(text.width(), sum, "{:?}", text);
        }

        #[test]
        fn a_text_that_fits_needs_no_more_room(bytes in mixed()) {
            let whole = visible(&bytes, 10_000);
            prop_assert_eq!(visible(&bytes, whole.width()), whole);
        }

        #[test]
        fn plain_ascii_is_unchanged(text in "[ !#-\\[\\]-~]{0,40}") {
            prop_assert_eq!(visible(text.as_bytes(), 40), text);
        }
    }

    #[test]
    fn every_character_alone_is_plain() {
        for c in '\0'..=char::MAX {
            let text = visible(c.to_string().as_bytes(), 20);
            assert!(is_plain(&text), "{c:?}");
            assert!((1..=10).contains(&text.width()), "{c:?} is {text:?}");
        }
    }
}
