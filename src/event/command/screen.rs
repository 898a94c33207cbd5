//! What a person can ask of the screen: the server is told nothing of it.

use std::fmt;
use std::net::SocketAddr;

use super::print::{print_duration, print_on, print_seconds, with_text};
use super::{Order, View};
use crate::event::{ExportKind, Fd, LaneId, Nanos};

/// A direction: less or more, back or on, up or down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Towards the beginning, or less.
    Back,
    /// Towards the end, or more.
    On,
}

/// How fast recorded time goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReplaySpeed {
    quarters: u32,
}

impl Default for ReplaySpeed {
    fn default() -> Self {
        Self::USUAL
    }
}

impl ReplaySpeed {
    /// As it was.
    pub const USUAL: Self = Self { quarters: 4 };
    /// Those that can be chosen, as they are written.
    pub const ALL: [(&str, Self); 6] = [
        ("1/4", Self { quarters: 1 }),
        ("1/2", Self { quarters: 2 }),
        ("1", Self::USUAL),
        ("2", Self { quarters: 8 }),
        ("4", Self { quarters: 16 }),
        ("8", Self { quarters: 32 }),
    ];

    /// The one that is written so.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.iter().find(|(written, _)| *written == word).map(|(_, speed)| *speed)
    }

    /// How it is written.
    pub fn word(self) -> &'static str {
        Self::ALL.iter().find(|(_, speed)| *speed == self).map_or("", |(word, _)| word)
    }

    /// The next faster or slower one, if there is one.
    #[must_use]
    pub fn changed(self, step: Direction) -> Self {
        let mut all = Self::ALL.iter().map(|(_, speed)| *speed);
        match step {
            Direction::On => all.find(|speed| *speed > self),
            Direction::Back => all.rfind(|speed| *speed < self),
        }
        .unwrap_or(self)
    }

    /// How much recorded time goes by in so many milliseconds.
    pub fn recorded(self, ms: u64) -> Nanos {
        // A quarter of a millisecond is a whole number of nanoseconds.
        Nanos(ms.saturating_mul(250_000).saturating_mul(self.quarters.into()))
    }

    /// In how many milliseconds so much recorded time goes by.
    pub fn passes(self, time: Nanos) -> u64 {
        time.0 / 250_000 / u64::from(self.quarters)
    }
}

/// What changes nothing but the screen, or what others see of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ScreenCommand {
    /// The timeline's width in time.
    Zoom(Nanos),
    /// Show the screen as it was at that time.
    At(Nanos),
    /// One event forward or back in time.
    Seek(Direction),
    /// The next call of the selected thread, or the one before.
    Call(Direction),
    /// Where the selected thread next waits, or did before.
    Wait(Direction),
    /// Play what follows the viewed event.
    Play,
    /// Stop playing there.
    Stand,
    /// How fast a recording plays.
    Speed(ReplaySpeed),
    /// Return to now.
    Live,
    /// Look as whoever shares the session does, or not; `None` toggles.
    Follow(Option<bool>),
    /// Show only what matches; empty shows all.
    Filter(String),
    /// The order of the list of what is waited for; `None` is the next one.
    Sort(Option<Order>),
    /// Go to the next event that has all these words.
    Find(String),
    /// Keep the view still, or not; `None` toggles.
    Still(Option<bool>),
    /// Select a descriptor.
    Select(Fd),
    /// Select a thread.
    Lane(LaneId),
    /// Show a view, 1 to 5.
    View(View),
    /// Write a file for others, of that kind, perhaps with that name; without a kind, ask for it.
    Export(Option<ExportKind>, Option<String>),
    /// Let others watch from now on, who connect to that address or to the usual one.
    Share(Option<SocketAddr>),
    /// Let nobody watch any more.
    ShareOff,
    /// Ask those who watch, with these answers or by a field.
    Ask(String, Vec<String>),
    /// Take no more answers.
    AskOff,
    /// Copy what is selected to the clipboard (OSC 52).
    Copy,
    /// Show or hide the help.
    Help,
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::On => "1",
            Self::Back => "-1",
        })
    }
}

impl fmt::Display for ScreenCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Zoom(time) => write!(f, "zoom {}", print_duration(*time)),
            Self::At(t) => write!(f, "at {}", print_seconds(*t)),
            Self::Seek(step) => write!(f, "seek {step}"),
            Self::Call(step) => write!(f, "call {step}"),
            Self::Wait(step) => write!(f, "wait {step}"),
            Self::Play => f.write_str("play"),
            Self::Stand => f.write_str("stand"),
            Self::Speed(speed) => write!(f, "speed {}", speed.word()),
            Self::Live => f.write_str("live"),
            Self::Follow(on) => {
                f.write_str("follow")?;
                print_on(f, *on)
            }
            Self::Find(words) => with_text(f, "find", words),
            Self::Filter(text) => with_text(f, "filter", text),
            Self::Sort(None) => f.write_str("sort"),
            Self::Sort(Some(order)) => write!(f, "sort {order}"),
            Self::Still(on) => {
                f.write_str("still")?;
                print_on(f, *on)
            }
            Self::Select(fd) => write!(f, "select fd={fd}"),
            Self::Lane(lane) => write!(f, "lane {lane}"),
            Self::View(view) => write!(f, "view {}", view.word()),
            Self::Export(None, _) => f.write_str("export"),
            Self::Export(Some(kind), None) => write!(f, "export {kind}"),
            Self::Export(Some(kind), Some(name)) => write!(f, "export {kind} {name}"),
            Self::Share(None) => f.write_str("share"),
            Self::Share(Some(address)) => write!(f, "share {address}"),
            Self::ShareOff => f.write_str("share off"),
            Self::Ask(text, answers) => {
                with_text(f, "ask", text)?;
                answers.iter().try_for_each(|answer| write!(f, " | {answer}"))
            }
            Self::AskOff => f.write_str("ask off"),
            Self::Copy => f.write_str("copy"),
            Self::Help => f.write_str("help"),
        }
    }
}

impl From<ScreenCommand> for super::Command {
    fn from(command: ScreenCommand) -> Self {
        Self::Screen(command)
    }
}
