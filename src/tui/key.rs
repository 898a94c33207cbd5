//! Keys as the program names them, independent of the terminal library.

use std::fmt;

/// A key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names on the keyboard")]
pub enum Key {
    Char(char),
    Enter,
    Esc,
    Tab,
    BackTab,
    Backspace,
    Delete,
    Up,
    Down,
    Left,
    Right,
    PageUp,
    PageDown,
    Home,
    End,
}

/// A key that was pressed, perhaps with Ctrl.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct KeyPress {
    /// The key.
    pub key: Key,
    /// Whether Ctrl was held.
    pub ctrl: bool,
}

/// A key without Ctrl.
pub const fn plain(key: Key) -> KeyPress {
    KeyPress { key, ctrl: false }
}

/// A character without Ctrl.
pub(crate) const fn ch(c: char) -> KeyPress {
    plain(Key::Char(c))
}

/// A character with Ctrl.
pub(crate) const fn ctrl(c: char) -> KeyPress {
    KeyPress { key: Key::Char(c), ctrl: true }
}

impl fmt::Display for KeyPress {
    /// The name shown in help and hints: `space`, `Ctrl-C`, `PgUp`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.key {
            Key::Char(' ') => f.write_str("space"),
            Key::Char(c) if self.ctrl => write!(f, "Ctrl-{}", c.to_ascii_uppercase()),
            Key::Char(c) => write!(f, "{c}"),
            Key::PageUp => f.write_str("PgUp"),
            Key::PageDown => f.write_str("PgDn"),
            Key::BackTab => f.write_str("Shift-Tab"),
            key => write!(f, "{key:?}"),
        }
    }
}
