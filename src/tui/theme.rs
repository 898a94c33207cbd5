//! Colours and glyphs. Nothing is told by colour alone: a role adds to a word or a mark.
//!
//! The hues are those of Okabe and Ito, which colour-blind people can tell apart.

use ratatui::style::{Color, Modifier, Style};

/// The themes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ThemeName {
    /// Light on dark.
    #[default]
    Dark,
    /// Dark on light.
    Light,
    /// Black on white, bold, nothing dim: for a room.
    Projector,
    /// No colours.
    Mono,
}

/// How many colours the terminal has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Depth {
    /// The sixteen that every terminal has.
    Sixteen,
    /// The 256 of xterm.
    #[default]
    Indexed,
}

/// What a piece of text is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Ordinary text.
    Text,
    /// Less important text.
    Dim,
    /// The name of a pane.
    Title,
    /// A frame.
    Border,
    /// The frame of the pane that the keys move in.
    Focus,
    /// The frame of a pane that a lesson points at.
    Look,
    /// The selected row.
    Selected,
    /// The viewed event.
    Cursor,
    /// On the ready list.
    Ready,
    /// Being handled.
    Handled,
    /// Stuck, a finding, a failure.
    Bad,
    /// Asleep.
    Asleep,
    /// Edge-triggered.
    Edge,
    /// Data that moves.
    Data,
    /// Agreement.
    Good,
    /// Something that must not be overlooked: held, the past, a mistake switched on.
    Badge,
    /// A key's name.
    Key,
}

#[derive(Clone, Copy)]
enum Hue {
    Orange,
    Sky,
    Green,
    Blue,
    Vermillion,
    Purple,
}

/// A theme with its glyphs.
#[derive(Clone, Copy, Debug)]
pub struct Theme {
    name: ThemeName,
    depth: Depth,
    /// The marks.
    pub glyphs: &'static Glyphs,
}

impl Theme {
    /// A theme.
    pub fn new(name: ThemeName, depth: Depth, glyphs: &'static Glyphs) -> Self {
        Self { name, depth, glyphs }
    }

    /// Which one it is.
    pub(super) fn name(&self) -> ThemeName {
        self.name
    }

    /// The same with 256 colours.
    pub(super) fn indexed(&self) -> Self {
        Self { depth: Depth::Indexed, ..*self }
    }

    /// The same on the other ground, if it has one.
    pub(super) fn turned(&self) -> Option<Self> {
        let name = match self.name {
            ThemeName::Dark => ThemeName::Light,
            ThemeName::Light => ThemeName::Dark,
            ThemeName::Projector | ThemeName::Mono => return None,
        };
        Some(Self { name, ..*self })
    }

    /// Every colour that it gives, in one order in all themes.
    pub(super) fn colours(&self) -> impl Iterator<Item = Color> {
        let hues = [Hue::Orange, Hue::Sky, Hue::Green, Hue::Blue, Hue::Vermillion, Hue::Purple];
        let hues = hues.map(|hue| self.colour(hue));
        hues.into_iter().chain(self.selected().bg)
    }

    /// The style of the whole screen before anything is drawn.
    pub fn base(&self) -> Style {
        match self.name {
            ThemeName::Projector => {
                Style::new().fg(Color::Black).bg(Color::White).add_modifier(Modifier::BOLD)
            }
            ThemeName::Dark | ThemeName::Light | ThemeName::Mono => Style::new(),
        }
    }

    /// The style of a role.
    pub fn style(&self, role: Role) -> Style {
        let style = self.emphasis(role);
        match hue(role) {
            Some(hue) if self.name != ThemeName::Mono => style.fg(self.colour(hue)),
            _ => style,
        }
    }

    fn emphasis(&self, role: Role) -> Style {
        let plain = Style::new();
        match role {
            Role::Dim | Role::Border if self.name != ThemeName::Projector => {
                plain.add_modifier(Modifier::DIM)
            }
            Role::Title | Role::Bad | Role::Ready | Role::Key => plain.add_modifier(Modifier::BOLD),
            Role::Look | Role::Focus => {
                plain.add_modifier(Modifier::BOLD).remove_modifier(Modifier::DIM)
            }
            Role::Badge => plain.add_modifier(Modifier::BOLD | Modifier::REVERSED),
            Role::Cursor => plain.add_modifier(Modifier::REVERSED),
            Role::Selected => self.selected(),
            _ => plain,
        }
    }

    fn selected(&self) -> Style {
        match (self.name, self.depth) {
            (ThemeName::Dark, Depth::Indexed) => Style::new().bg(Color::Indexed(237)),
            (ThemeName::Light, Depth::Indexed) => Style::new().bg(Color::Indexed(254)),
            (ThemeName::Projector, Depth::Indexed) => Style::new().bg(Color::Indexed(251)),
            _ => Style::new().add_modifier(Modifier::UNDERLINED),
        }
    }

    fn colour(&self, hue: Hue) -> Color {
        let on_dark = self.name == ThemeName::Dark;
        match (self.depth, hue) {
            (Depth::Sixteen, Hue::Orange) => Color::Yellow,
            (Depth::Sixteen, Hue::Sky) => Color::Cyan,
            (Depth::Sixteen, Hue::Green) => Color::Green,
            (Depth::Sixteen, Hue::Blue) => Color::Blue,
            (Depth::Sixteen, Hue::Vermillion) => Color::Red,
            (Depth::Sixteen, Hue::Purple) => Color::Magenta,
            (Depth::Indexed, Hue::Orange) => Color::Indexed(if on_dark { 214 } else { 130 }),
            (Depth::Indexed, Hue::Sky) => Color::Indexed(if on_dark { 117 } else { 25 }),
            (Depth::Indexed, Hue::Green) => Color::Indexed(if on_dark { 36 } else { 29 }),
            (Depth::Indexed, Hue::Blue) => Color::Indexed(if on_dark { 75 } else { 25 }),
            (Depth::Indexed, Hue::Vermillion) => Color::Indexed(if on_dark { 209 } else { 160 }),
            (Depth::Indexed, Hue::Purple) => Color::Indexed(if on_dark { 182 } else { 90 }),
        }
    }
}

/// A theme where colours do not matter.
pub static PLAIN: Theme = Theme { name: ThemeName::Mono, depth: Depth::Sixteen, glyphs: &ASCII };

fn hue(role: Role) -> Option<Hue> {
    match role {
        Role::Ready | Role::Look => Some(Hue::Orange),
        Role::Focus | Role::Key | Role::Data => Some(Hue::Sky),
        Role::Good => Some(Hue::Green),
        Role::Handled | Role::Asleep => Some(Hue::Blue),
        Role::Bad => Some(Hue::Vermillion),
        Role::Edge => Some(Hue::Purple),
        _ => None,
    }
}

/// The marks of the screen, each one column wide.
#[derive(Debug)]
#[expect(missing_docs, reason = "each field is named after what it marks")]
pub struct Glyphs {
    pub ready: &'static str,
    pub idle: &'static str,
    pub handled: &'static str,
    pub stuck: &'static str,
    pub asleep: &'static str,
    pub accept: &'static str,
    pub arrive: &'static str,
    pub listed: &'static str,
    pub put_back: &'static str,
    pub read: &'static str,
    pub write: &'static str,
    pub again: &'static str,
    pub end: &'static str,
    pub close: &'static str,
    pub changed: &'static str,
    pub lost: &'static str,
    pub report: &'static str,
    pub level: &'static str,
    pub edge: &'static str,
    pub running: &'static str,
    pub held: &'static str,
    /// How much of the time, in eighths; the first is next to nothing.
    pub shares: [&'static str; 8],
    /// Ten marks or more in one column, and a hundred or more.
    pub many: &'static str,
    pub very_many: &'static str,
    pub selected: &'static str,
    pub look: &'static str,
    pub dot: &'static str,
    pub check: &'static str,
    pub ellipsis: &'static str,
    pub caret: &'static str,
    pub to_right: &'static str,
    pub to_left: &'static str,
    pub down: &'static str,
    pub horizontal: &'static str,
    pub vertical: &'static str,
    pub bottom_left: &'static str,
    pub bottom_right: &'static str,
    pub join_right: &'static str,
    /// What stands at every corner and joint of frames; `None` where each has a sign of its own.
    pub joint: Option<&'static str>,
}

/// Unicode marks.
pub static UNICODE: Glyphs = Glyphs {
    ready: "●",
    idle: "·",
    handled: "◐",
    stuck: "!",
    asleep: "z",
    accept: "◆",
    arrive: "▼",
    listed: "█",
    put_back: "▒",
    read: "r",
    write: "w",
    again: "E",
    end: "=",
    close: "×",
    changed: "m",
    lost: "✂",
    report: "●",
    level: "─",
    edge: "┄",
    running: "━",
    held: "‖",
    shares: ["▁", "▁", "▂", "▃", "▄", "▅", "▆", "▇"],
    many: "░",
    very_many: "▓",
    selected: "▌",
    look: "▶",
    dot: "·",
    check: "✓",
    ellipsis: "…",
    caret: "▏",
    to_right: "──▶",
    to_left: "◀──",
    down: "▼",
    horizontal: "─",
    vertical: "│",
    bottom_left: "└",
    bottom_right: "┘",
    join_right: "┤",
    joint: None,
};

/// Marks for terminals without Unicode.
pub static ASCII: Glyphs = Glyphs {
    ready: "*",
    idle: ".",
    handled: "o",
    stuck: "!",
    asleep: "z",
    accept: "A",
    arrive: "v",
    listed: "#",
    put_back: "%",
    read: "r",
    write: "w",
    again: "E",
    end: "=",
    close: "x",
    changed: "m",
    lost: "?",
    report: "*",
    level: "-",
    edge: ":",
    running: "_",
    held: "|",
    shares: ["_", "_", ".", ":", "-", "=", "+", "*"],
    many: "+",
    very_many: "&",
    selected: ">",
    look: ">",
    dot: "/",
    check: "ok",
    ellipsis: "~",
    caret: "_",
    to_right: "-->",
    to_left: "<--",
    down: "v",
    horizontal: "-",
    vertical: "|",
    bottom_left: "+",
    bottom_right: "+",
    join_right: "+",
    joint: Some("+"),
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ascii_marks_are_ascii_and_timeline_marks_differ() {
        let g = &ASCII;
        let marks = [
            g.asleep, g.accept, g.arrive, g.listed, g.put_back, g.read, g.write, g.again, g.end,
            g.close, g.changed, g.lost, g.report, g.level, g.edge, g.running, g.held,
        ];
        for (n, mark) in marks.iter().enumerate() {
            assert!(mark.is_ascii() && mark.len() == 1, "{mark}");
            assert!(!marks[..n].contains(mark), "{mark} means two things");
        }
    }

    #[test]
    fn mono_has_no_colours_and_projector_nothing_dim() {
        let roles = [Role::Text, Role::Dim, Role::Border, Role::Ready, Role::Bad, Role::Selected];
        for role in roles {
            let mono = Theme::new(ThemeName::Mono, Depth::Indexed, &ASCII).style(role);
            assert_eq!((mono.fg, mono.bg), (None, None));
            let room = Theme::new(ThemeName::Projector, Depth::Indexed, &ASCII).style(role);
            assert!(!room.add_modifier.contains(Modifier::DIM));
        }
    }
}
