//! What the program writes to its terminal, byte by byte: on its screen there may be glyphs and
//! the few sequences that it draws with, and nothing of what a client sent.

use std::collections::BTreeSet;

/// Looks at the bytes as they come.
#[derive(Default)]
pub(crate) struct EscapeAudit {
    pending: Vec<u8>,
    /// On the program's own screen; elsewhere the shell, or a message, may write lines.
    inside: bool,
    /// The first thing that is not the program's own.
    pub(crate) wrong: Option<String>,
    /// Frames that have ended.
    pub(crate) frames: usize,
    /// How often the screen was cleared: each time a frame is drawn in full.
    pub(crate) clears: usize,
    /// The arguments of all changes of colours and attributes.
    pub(crate) looks: BTreeSet<String>,
    /// A glyph outside of ASCII was drawn.
    pub(crate) beyond_ascii: bool,
}

const CAN: u8 = 0x18;

/// Modes that the program sets: cursor, alternate screen, bracketed paste, synchronized update,
/// mouse.
const MODES: [&str; 9] =
    ["?25", "?1049", "?2004", "?2026", "?1000", "?1002", "?1003", "?1015", "?1006"];

/// Whether a character could change what a terminal shows beside itself.
pub(crate) fn is_harmful(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}

impl EscapeAudit {
    /// Takes the next bytes.
    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        self.pending.extend_from_slice(bytes);
        let pending = std::mem::take(&mut self.pending);
        let mut at = 0;
        while let Some(length) = self.token(&pending[at..]) {
            at += length;
        }
        self.pending = pending[at..].to_vec();
    }

    fn blame(&mut self, bytes: &[u8]) {
        if self.inside && self.wrong.is_none() {
            let shown = &bytes[..bytes.len().min(40)];
            self.wrong =
                Some(format!("{:?} in frame {}", shown.escape_ascii().to_string(), self.frames));
        }
    }

    /// The length of the glyph or sequence at the beginning; `None` if its end has not come yet.
    fn token(&mut self, bytes: &[u8]) -> Option<usize> {
        match *bytes.first()? {
            0x1b => match *bytes.get(1)? {
                b'[' => self.control_sequence(bytes),
                b']' => self.command(bytes),
                CAN => Some(1),
                _ => {
                    self.blame(bytes);
                    Some(2)
                }
            },
            0x20..=0x7e => Some(1),
            // CAN ends a sequence that was cut, before another one.
            CAN if *bytes.get(1)? == 0x1b => Some(1),
            0x80.. => self.glyph(bytes),
            _ => {
                self.blame(bytes);
                Some(1)
            }
        }
    }

    fn control_sequence(&mut self, bytes: &[u8]) -> Option<usize> {
        let end = 2 + bytes[2..].iter().position(|b| !(0x20..0x40).contains(b))?;
        if bytes[end] == CAN {
            return Some(end);
        }
        let args = String::from_utf8_lossy(&bytes[2..end]).into_owned();
        let numbers = args.bytes().all(|b| b.is_ascii_digit() || b == b';');
        let ours = match bytes[end] {
            b'm' if numbers => {
                self.looks.insert(args);
                true
            }
            b'H' => numbers,
            b'J' => args == "2",
            b'h' | b'l' => MODES.contains(&args.as_str()),
            _ => false,
        };
        if !ours {
            self.blame(bytes);
        }
        match &bytes[2..=end] {
            b"?1049h" => self.inside = true,
            b"?1049l" => self.inside = false,
            b"?2026l" => self.frames += 1,
            b"2J" => self.clears += 1,
            _ => {}
        }
        Some(end + 1)
    }

    /// Text for the clipboard, which is the only command of its kind.
    fn command(&mut self, bytes: &[u8]) -> Option<usize> {
        let end = bytes.iter().position(|b| *b == 0x07)?;
        let text = bytes[2..end].strip_prefix(b"52;c;");
        let is_base64 = |b: &u8| b.is_ascii_alphanumeric() || b"+/=".contains(b);
        if !text.is_some_and(|text| text.iter().all(is_base64)) {
            self.blame(bytes);
        }
        Some(end + 1)
    }

    fn glyph(&mut self, bytes: &[u8]) -> Option<usize> {
        self.beyond_ascii |= self.inside;
        let length = match bytes[0] {
            0xc0..0xe0 => 2,
            0xe0..0xf0 => 3,
            0xf0.. => 4,
            _ => 1,
        };
        if let Some(cut) = bytes.iter().take(length).position(|b| *b == CAN) {
            return Some(cut);
        }
        let whole = bytes.get(..length)?;
        match std::str::from_utf8(whole) {
            Ok(glyph) if !glyph.chars().any(is_harmful) => {}
            _ => self.blame(bytes),
        }
        Some(length)
    }
}

#[track_caller]
fn check(text: &[u8], clean: bool) {
    let mut sieve = EscapeAudit::default();
    // Wherever it is cut.
    for byte in [&b"\x1b[?1049h"[..], text, b"     "].concat() {
        sieve.feed(&[byte]);
    }
    assert_eq!(sieve.wrong.is_none(), clean, "{}: {:?}", text.escape_ascii(), sieve.wrong);
}

#[test]
fn sieve_lets_pass_what_the_program_draws_with_and_nothing_else() {
    check("\x1b[?2026h\x1b[1;2H\x1b[38;5;3mé\u{2502}x\x1b[0m\x1b[?2026l".as_bytes(), true);
    check(b"\x1b]52;c;aGk=\x07", true);
    check(b"\x1b[?1049l\nany \x1b[6n", true);
    // A frame may be cut behind any byte, and CAN ends what is left of it.
    for cut in [&b"\x1b"[..], b"\x1b[", b"\x1b[1", "\u{2502}".as_bytes().split_at(1).0] {
        check(&[cut, b"\x18\x1b[0m"].concat(), true);
    }
    let strange =
        ["\n", "\x07", "\x1b[6n", "\x1b[31;1H\r", "\x1b[?9h", "\x1b]0;title\x07", "\x1bc"];
    for bytes in strange {
        check(bytes.as_bytes(), false);
    }
    for text in ["\u{202e}", "\u{200b}", "\u{9b}31m", "\x7f"] {
        check(text.as_bytes(), false);
    }
    check(b"\xff\xff\xff\xff", false);
}
