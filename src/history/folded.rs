//! The tracks of a moment that is far from now: folded again from the events before it.

use crate::event::{Event, FileId, Kind, Seq};
use crate::journal::Journal;
use crate::model::{Span, Timeline, World};

use super::timelines::{Timelines, TrackOwner};

/// How far back from a moment its tracks are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hindsight {
    /// As far as it is worth while where somebody stands.
    Long,
    /// As far as it takes next to no time where somebody comes through.
    Short,
}

impl Hindsight {
    /// How many events before a moment its tracks are folded from, at the least.
    fn events(self) -> u64 {
        match self {
            Self::Long => 131_072,
            Self::Short => Folded::NEAR,
        }
    }

    /// Where it begins, if it has to begin anew: with a world that is kept.
    fn begins(self, journal: &Journal, seq: Seq) -> Seq {
        journal.based(Seq(seq.0.saturating_sub(self.events()))).unwrap_or_default()
    }
}

/// The world and the tracks of a moment.
#[derive(Clone, Debug)]
pub struct Folded {
    /// The first event that its tracks can have.
    first: Seq,
    /// It is the oldest one there is.
    whole: bool,
    /// The next event may come after others that are not to be had.
    torn: bool,
    pub(super) world: World,
    pub(super) timelines: Timelines,
}

impl Folded {
    /// Folds the events before `seq`, and that one.
    pub fn at(journal: &Journal, seq: Seq, hindsight: Hindsight) -> Self {
        let first = hindsight.begins(journal, seq);
        let whole = journal.first().is_none_or(|oldest| first <= oldest);
        let world = if whole { journal.origin() } else { journal.before(first) };
        let timelines = Timelines::begun(&world);
        let mut folded = Self { first, whole, torn: false, world, timelines };
        folded.go_on(journal, seq);
        folded
    }

    /// So many events are surely on a track that keeps the fewest.
    pub const NEAR: u64 = 4096;

    /// Goes on to a later moment, if that is less than to fold it anew. Whether the tracks have what
    /// is to be seen of that moment.
    pub fn reach(&mut self, journal: &Journal, seq: Seq, hindsight: Hindsight) -> bool {
        if !self.whole && seq.0 < self.first.0.saturating_add(hindsight.events() / 2) {
            return false;
        }
        if seq <= self.world.seq {
            return self.world.seq.0 - seq.0 < Self::NEAR;
        }
        let nearer = self.world.seq >= hindsight.begins(journal, seq);
        if nearer {
            self.go_on(journal, seq);
        }
        nearer
    }

    fn go_on(&mut self, journal: &Journal, until: Seq) {
        let from = self.world.seq.next();
        if from > until {
            return;
        }
        journal.forward_from(from, |event| {
            if event.seq <= until {
                self.apply(event, journal);
            }
            event.seq < until
        });
    }

    /// Goes on by one event. Behind events that are not to be had it goes on from the world that came
    /// instead of them, if one did.
    pub fn apply(&mut self, event: &Event, journal: &Journal) {
        let torn = self.torn || event.seq > self.world.seq.next();
        if let Some(world) = torn.then(|| journal.begun(event.seq)).flatten() {
            self.world = world;
            self.timelines.resume();
        }
        self.torn = matches!(event.kind, Kind::Gap { .. });
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

#[cfg(test)]
mod tests;
