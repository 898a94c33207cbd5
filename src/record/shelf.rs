//! A recording as the shelf of a journal.

use std::rc::Rc;

use super::reader::Recording;
use crate::event::{Event, Kind, LaneId, Nanos, Seq};
use crate::journal::{BlockId, Journal, Shelf};
use crate::model::World;

/// The blocks of a recording.
struct RecordingShelf(Rc<Recording>);

impl Shelf for RecordingShelf {
    fn events(&self, block: BlockId) -> Option<Vec<Event>> {
        self.0.events(block)
    }

    fn world(&self, block: BlockId) -> Option<World> {
        self.0.world(block)
    }
}

impl Recording {
    /// The history that it is. No block of it is looked into before it is wanted.
    pub fn journal(self: &Rc<Self>) -> Journal {
        let mut before = World::of(self.head().header.clock);
        let first = self.stretches().first().map_or(Seq(1), |stretch| stretch.first);
        if first > Seq(1) {
            // Used only if the world that the recording begins with is damaged.
            let kind = Kind::Gap { lost: first.0 - 1 };
            before.apply(&Event { seq: first.back(), t: Nanos(0), lane: LaneId::TOOL, kind });
        }
        let shelf = Box::new(RecordingShelf(Rc::clone(self)));
        let journal = Journal::shelved(shelf, self.stretches().iter().copied(), before);
        journal.broken_off(self.breaks_off())
    }
}
