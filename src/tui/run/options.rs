//! How a screen is to look, and how it ended.

use std::time::Duration;

use crate::tui::terminal::Mouse;
use crate::tui::theme::{ASCII, Depth, Glyphs, Theme, ThemeName, UNICODE};

/// How the screen is to look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TuiOptions {
    /// The colours; `None` chooses by the environment (NO_COLOR).
    pub theme: Option<ThemeName>,
    /// The marks.
    pub marks: Marks,
    /// Whether a click selects.
    pub mouse: Mouse,
    /// The screen ends by itself after that time.
    pub run_for: Option<Duration>,
    /// Which lessons are gone through from a server is remembered.
    pub remember: bool,
}

/// The set of marks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Marks {
    /// Unicode.
    #[default]
    Unicode,
    /// Only ASCII.
    Ascii,
}

/// How the screen ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// The person ended it, or another part of the program did.
    Quit,
    /// A signal did; the exit status is 128 and its number.
    Signal(i32),
}

impl TuiOptions {
    /// The theme for this environment.
    pub(in crate::tui) fn theme(self) -> Theme {
        let set = |name: &str| std::env::var(name).is_ok_and(|value| !value.is_empty());
        let has = |name: &str, part: &str| std::env::var(name).is_ok_and(|v| v.contains(part));
        // An explicit choice of a theme wins over NO_COLOR (no-color.org).
        let chosen = if set("NO_COLOR") { ThemeName::Mono } else { ThemeName::Dark };
        let many = has("TERM", "256color") || set("COLORTERM") || has("TERM", "direct");
        let depth = if many { Depth::Indexed } else { Depth::Sixteen };
        Theme::new(self.theme.unwrap_or(chosen), depth, self.glyphs())
    }

    /// The theme of a picture, which has all colours whatever the environment is.
    pub fn picture(self) -> Theme {
        Theme::new(self.theme.unwrap_or_default(), Depth::Indexed, self.glyphs())
    }

    fn glyphs(self) -> &'static Glyphs {
        if self.marks == Marks::Ascii { &ASCII } else { &UNICODE }
    }
}
