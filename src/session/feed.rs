//! A history that its owner feeds: what a lesson told, step by step.

use crate::event::{FileId, Header, Kind, LaneId, Nanos, Seq};
use crate::history::{History, Scene};
use crate::journal::{Journal, Limits};
use crate::model::World;

/// A fed history with its picture.
pub struct Feed {
    history: History,
    header: Header,
}

impl Feed {
    /// An empty history.
    pub fn new(limits: Limits) -> Self {
        Self { history: History::new(limits), header: Header::default() }
    }

    /// Takes over an event that happened at `t`; returns its position.
    pub fn take(&mut self, t: Nanos, lane: LaneId, kind: Kind) -> Seq {
        self.history.push(t, lane, kind)
    }

    /// Looks at the epoll instance with that open file. Whether there is one.
    pub fn turn_to(&mut self, file: FileId) -> bool {
        self.history.turn_to(file)
    }

    /// The world as it is now.
    pub fn world(&self) -> &World {
        self.history.world()
    }

    /// The history.
    pub fn journal(&self) -> &Journal {
        self.history.journal()
    }

    /// The scene, of the instance looked at.
    pub fn scene(&self) -> Scene<'_> {
        self.history.scene(&self.header)
    }
}
