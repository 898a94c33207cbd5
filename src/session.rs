//! Where a source, a journal and a world meet.

use crate::event::Command;
use crate::journal::Journal;
use crate::model::{Timeline, World};

/// What does not change during a run and is shown.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Where clients can connect: `127.0.0.1:8000`, `/tmp/echo.sock`.
    pub addresses: Vec<String>,
    /// What to type in another window: `telnet 127.0.0.1 8000`.
    pub invitation: String,
    /// The process id.
    pub pid: u32,
    /// Soft limit of descriptors before and after it was raised.
    pub descriptors: (u64, u64),
    /// Reachable from other machines.
    pub lan: bool,
}

/// What the screen is drawn from: the world at the viewed event, and the history around it.
#[derive(Clone, Copy)]
pub struct Scene<'a> {
    /// The world at the viewed event (live, or in the past).
    pub world: &'a World,
    /// The world as it is now.
    pub live: &'a World,
    /// All tracks up to now.
    pub timeline: &'a Timeline,
    /// The history.
    pub journal: &'a Journal,
    /// What does not change.
    pub facts: &'a Facts,
}

/// What a [`Session::tick`] brought.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Drained {
    /// Events folded.
    pub events: usize,
    /// There is more to fold at once.
    pub more: bool,
}

/// A run: its source of events, its history, its picture.
pub struct Session {
    world: World,
    timeline: Timeline,
    journal: Journal,
    facts: Facts,
}

impl Session {
    /// Takes over what the source has produced, up to a bound, and returns at once.
    pub fn tick(&mut self) -> Drained {
        Drained::default()
    }

    /// Passes a command to the server; its progress comes back as events.
    pub fn send(&mut self, _command: Command) {}

    /// The world as it is now.
    pub fn world(&self) -> &World {
        &self.world
    }

    /// The history.
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// What does not change.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// The live scene.
    pub fn scene(&self) -> Scene<'_> {
        Scene {
            world: &self.world,
            live: &self.world,
            timeline: &self.timeline,
            journal: &self.journal,
            facts: &self.facts,
        }
    }
}
