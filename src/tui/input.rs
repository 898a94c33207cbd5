//! Where the terminal library's events become the program's own.

use ratatui::crossterm::event::{
    Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers, MouseButton, MouseEventKind,
};

use super::key::{Key, KeyPress};

/// What came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A key.
    Key(KeyPress),
    /// A paste.
    Paste(String),
    /// A click on a cell.
    Click(u16, u16),
    /// Another size.
    Resize(u16, u16),
    /// Nothing that concerns the program.
    Nothing,
}

impl From<Event> for Input {
    fn from(event: Event) -> Self {
        match event {
            Event::Key(key) => press(key).map_or(Self::Nothing, Self::Key),
            Event::Paste(text) => Self::Paste(text),
            Event::Resize(width, height) => Self::Resize(width, height),
            Event::Mouse(mouse) if mouse.kind == MouseEventKind::Down(MouseButton::Left) => {
                Self::Click(mouse.column, mouse.row)
            }
            _ => Self::Nothing,
        }
    }
}

fn press(event: KeyEvent) -> Option<KeyPress> {
    if event.kind == KeyEventKind::Release {
        return None;
    }
    let key = match event.code {
        KeyCode::Char(c) => Key::Char(c),
        KeyCode::Enter => Key::Enter,
        KeyCode::Esc => Key::Esc,
        KeyCode::Tab => Key::Tab,
        KeyCode::BackTab => Key::BackTab,
        KeyCode::Backspace => Key::Backspace,
        KeyCode::Delete => Key::Delete,
        KeyCode::Up => Key::Up,
        KeyCode::Down => Key::Down,
        KeyCode::Left => Key::Left,
        KeyCode::Right => Key::Right,
        KeyCode::PageUp => Key::PageUp,
        KeyCode::PageDown => Key::PageDown,
        KeyCode::Home => Key::Home,
        KeyCode::End => Key::End,
        _ => return None,
    };
    if event.modifiers.contains(KeyModifiers::ALT) {
        return None;
    }
    Some(KeyPress { key, ctrl: event.modifiers.contains(KeyModifiers::CONTROL) })
}
