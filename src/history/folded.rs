//! The tracks of a moment that is far from now: folded again from the events before it.

use crate::event::{Event, FileId, Seq};
use crate::journal::Journal;
use crate::model::{Span, Timeline, World};

use super::timelines::{Timelines, TrackOwner};

/// How many events before a moment its tracks are folded from.
const BEFORE: u64 = 131_072;

/// The world and the tracks of a moment.
#[derive(Clone, Debug)]
pub struct Folded {
    /// The first event that its tracks can have.
    first: Seq,
    /// It is the oldest one there is.
    whole: bool,
    pub(super) world: World,
    pub(super) timelines: Timelines,
}

impl Folded {
    /// Folds the events before `seq`, and that one.
    pub fn at(journal: &Journal, seq: Seq) -> Self {
        let first = Seq(seq.0.saturating_sub(BEFORE)).max(journal.first().unwrap_or_default());
        let whole = journal.first().is_none_or(|oldest| first <= oldest);
        let world = if whole { journal.origin() } else { journal.at(first) };
        let next = world.seq.next();
        let mut folded = Self { first, whole, world, timelines: Timelines::default() };
        folded.go_on(journal, next, seq);
        folded
    }

    /// So many events are surely on a track that keeps the fewest.
    pub const NEAR: u64 = 4096;

    /// Whether the tracks have what is to be seen of that moment.
    pub fn has(&self, seq: Seq) -> bool {
        let begun = self.whole || seq.0 >= self.first.0.saturating_add(BEFORE / 2);
        begun && seq <= self.world.seq && self.world.seq.0 - seq.0 < Self::NEAR
    }

    /// Goes on to a later moment, if it is near.
    pub fn follow(&mut self, journal: &Journal, seq: Seq) -> bool {
        let near = seq >= self.world.seq && seq.0 - self.world.seq.0 < BEFORE / 2;
        if near {
            self.go_on(journal, self.world.seq.next(), seq);
        }
        near
    }

    fn go_on(&mut self, journal: &Journal, from: Seq, until: Seq) {
        if from > until {
            return;
        }
        let Self { world, timelines, .. } = self;
        journal.forward_from(from, |event| {
            if event.seq <= until {
                world.apply(event);
                timelines.apply(event, world);
            }
            event.seq < until
        });
    }

    /// Goes on by one event.
    pub fn apply(&mut self, event: &Event) {
        self.world.apply(event);
        self.timelines.apply(event, &self.world);
    }

    /// The world there.
    pub fn world(&self) -> &World {
        &self.world
    }

    /// The tracks there, each with the span that holds; from now on notes which of them turn.
    pub fn note_turns(&mut self) -> Vec<(TrackOwner, Span)> {
        self.timelines.note_turns();
        self.timelines.spans(&self.world)
    }

    /// The tracks that have turned to another span since it was asked last.
    pub fn take_turned(&mut self) -> Vec<(TrackOwner, Span)> {
        self.timelines.take_turned(&self.world)
    }

    /// The tracks of that epoll instance, or of the first one.
    pub fn timeline(&self, poller: Option<FileId>) -> &Timeline {
        self.timelines.of(self.world.through(poller))
    }
}
