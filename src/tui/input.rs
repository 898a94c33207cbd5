//! Where the terminal library's events become the program's own.

use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use ratatui::crossterm::event::{
    self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers, MouseButton, MouseEventKind,
};
use ratatui::crossterm::terminal;
use tokio::sync::mpsc::{self, Receiver};

use super::action::Direction;
use super::key::{Key, KeyPress};
use crate::sys::thread;

/// What came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A key.
    Key(KeyPress),
    /// Esc and a key that followed at once, or the key with Alt: terminals send the same bytes for
    /// both, and some wait half a second for what follows an Esc.
    EscKey(KeyPress),
    /// A paste.
    Paste(String),
    /// A click on a cell.
    Click(u16, u16),
    /// The wheel, up or down, over a cell.
    Wheel(Direction, (u16, u16)),
    /// Another size.
    Resize(u16, u16),
    /// Nothing that concerns the program.
    Nothing,
}

/// Inputs that are read before somebody takes them; more wait in the terminal.
const AHEAD: usize = 64;

/// For how long the first look may take.
const FIRST: Duration = Duration::from_secs(1);

/// Lets the library open what it reads the terminal with, which it does at the first look: later
/// the clients of a server may have taken every descriptor. The `kept` lowest numbers that are free
/// stay so.
///
/// # Errors
/// If there are too few descriptors for it, or the system refuses a thread.
pub fn prepare(kept: usize) -> io::Result<()> {
    let stdin = io::stdin();
    let _low: Vec<_> = (0..kept).map_while(|_| stdin.as_fd().try_clone_to_owned().ok()).collect();
    let (sender, looked) = std::sync::mpsc::channel();
    // It blocks where half a sequence has been typed already.
    thread::spawn("first look", move || {
        let _nobody_waits = sender.send(event::poll(Duration::ZERO).map(drop));
    })?;
    looked.recv_timeout(FIRST).unwrap_or(Ok(()))
}

/// Reads the terminal, of which this size is known, on a thread of its own: the library blocks in
/// the middle of a sequence whose end has not come, such as a paste, and never returns once the
/// terminal is gone.
///
/// # Errors
/// If the system refuses the thread.
pub fn listen(known: (u16, u16)) -> io::Result<Receiver<io::Result<Input>>> {
    let (sender, inputs) = mpsc::channel(AHEAD);
    // The thread lives until the program ends; nobody waits for it.
    thread::spawn("keys", move || {
        // Only from the first look on are changes of the size noticed.
        let mut input = event::poll(Duration::ZERO)
            .and_then(|_| terminal::size())
            .map(|size| if size == known { Input::Nothing } else { Input::Resize(size.0, size.1) });
        loop {
            let last = input.is_err();
            if sender.blocking_send(input).is_err() || last {
                return;
            }
            input = event::read().map(Input::from);
        }
    })?;
    Ok(inputs)
}

impl From<Event> for Input {
    fn from(event: Event) -> Self {
        match event {
            Event::Key(key) if key.modifiers.contains(KeyModifiers::ALT) => {
                press(key).map_or(Self::Nothing, Self::EscKey)
            }
            Event::Key(key) => press(key).map_or(Self::Nothing, Self::Key),
            Event::Paste(text) => Self::Paste(text),
            Event::Resize(width, height) => Self::Resize(width, height),
            Event::Mouse(mouse) if mouse.kind == MouseEventKind::Down(MouseButton::Left) => {
                Self::Click(mouse.column, mouse.row)
            }
            Event::Mouse(mouse) if mouse.kind == MouseEventKind::ScrollUp => {
                Self::Wheel(Direction::Back, (mouse.column, mouse.row))
            }
            Event::Mouse(mouse) if mouse.kind == MouseEventKind::ScrollDown => {
                Self::Wheel(Direction::On, (mouse.column, mouse.row))
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
    Some(KeyPress { key, ctrl: event.modifiers.contains(KeyModifiers::CONTROL) })
}
