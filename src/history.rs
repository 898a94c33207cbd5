//! What every event goes through, in one order: it gets its number, is folded, told to whoever
//! listens, and kept.

mod folded;
mod timelines;

use std::io;
use std::time::Duration;

use crate::event::{Event, FileId, Header, Kind, LaneId, Nanos, Seq};
use crate::journal::{Journal, Limits};
use crate::model::{Timeline, World};
use crate::sink::{Beside, Sink};

pub use folded::{Folded, Hindsight};
use timelines::Timelines;
pub use timelines::TrackOwner;

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
    pub header: &'a Header,
}

/// One of those who are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SinkId(usize);

/// The world as it is now, how it came to be so, and who is told of it.
pub struct History {
    world: World,
    timelines: Timelines,
    journal: Journal,
    sinks: Vec<(SinkId, Box<dyn Sink>)>,
    /// Sinks that there have been.
    numbered: usize,
    /// Why the first sink that failed did.
    failure: Option<io::Error>,
}

impl History {
    /// An empty history, which keeps so much, of what begins as that world.
    pub fn new(limits: Limits, world: World) -> Self {
        Self { world: world.clone(), ..Self::with(Journal::beginning(limits, world)) }
    }

    fn with(journal: Journal) -> Self {
        Self {
            timelines: Timelines::default(),
            journal,
            world: World::default(),
            sinks: Vec::new(),
            numbered: 0,
            failure: None,
        }
    }

    /// The history that a journal has already, up to its end.
    pub fn of(journal: Journal) -> Self {
        let last = journal.last().unwrap_or_default();
        let end = Folded::at(&journal, last, Hindsight::Long);
        let Folded { world, timelines, .. } = end;
        Self { world, timelines, ..Self::with(journal) }
    }

    /// Takes over what is said to have happened at `t`; returns its position.
    ///
    /// The order is that in which events are pushed: the time of one is never before that of the
    /// one before it, and none is later than [`Nanos::MAX`].
    pub fn push(&mut self, t: Nanos, lane: LaneId, kind: Kind) -> Seq {
        let t = t.max(self.world.t).min(Nanos::MAX);
        self.fold(&Event { seq: self.world.seq.next(), t, lane, kind })
    }

    /// Takes over an event that has its number from elsewhere; how many before it are missing.
    pub(crate) fn receive(&mut self, event: Event) -> u64 {
        if event.seq <= self.world.seq {
            return 0;
        }
        let missing = event.seq.0 - self.world.seq.next().0;
        self.skip(missing, event.t);
        let t = event.t.max(self.world.t).min(Nanos::MAX);
        self.fold(&Event { t, ..event });
        missing
    }

    /// Goes on from that world, if it is a later one; how many events before it are missing.
    pub(crate) fn resume(&mut self, world: World) -> u64 {
        if world.seq <= self.world.seq {
            return 0;
        }
        let missing = world.seq.0 - self.world.seq.0;
        if !self.journal.is_empty() {
            self.skip(missing, world.t);
        }
        self.journal.resume(&world);
        self.world = world;
        self.timelines.resume();
        self.tell(|sink, world| sink.resume(world));
        missing
    }

    /// The next so many events, up to that time, are not to be had.
    fn skip(&mut self, missing: u64, t: Nanos) {
        if missing == 0 {
            return;
        }
        let (seq, t) = (self.world.seq.next(), t.max(self.world.t));
        let last = Seq(seq.0 + missing - 1);
        self.journal.skip(last, t, &self.world);
        let gap = Event { seq, t, lane: LaneId::TOOL, kind: Kind::Gap { lost: missing } };
        self.world.apply(&gap);
        self.timelines.apply(&gap, &self.world);
    }

    fn fold(&mut self, event: &Event) -> Seq {
        self.world.apply(event);
        self.timelines.apply(event, &self.world);
        if !self.sinks.is_empty() {
            self.tell(|sink, world| sink.event(event, world));
        }
        self.journal.push(event, &self.world);
        event.seq
    }

    /// Tells every sink; lets those go that fail.
    fn tell(&mut self, tell: impl Fn(&mut dyn Sink, &World) -> io::Result<()>) {
        let Self { world, sinks, failure, .. } = self;
        sinks.retain_mut(|(_, sink)| match tell(&mut **sink, world) {
            Ok(()) => true,
            Err(error) => {
                failure.get_or_insert(error);
                false
            }
        });
    }

    /// Tells what is no event.
    pub(crate) fn beside(&mut self, beside: &Beside) {
        self.tell(|sink, _| sink.beside(beside));
    }

    /// Tells every event from now on to this one too.
    pub(crate) fn add(&mut self, sink: Box<dyn Sink>) -> SinkId {
        self.numbered += 1;
        let id = SinkId(self.numbered);
        self.sinks.push((id, sink));
        id
    }

    /// Tells that one no more: it comes to its end.
    pub(crate) fn end(&mut self, id: SinkId) {
        let Some(at) = self.sinks.iter().position(|(other, _)| *other == id) else { return };
        let (_, sink) = self.sinks.remove(at);
        if let Err(error) = sink.finish(&self.world) {
            self.failure.get_or_insert(error);
        }
    }

    /// After what time the sinks want to be flushed.
    pub(crate) fn due(&self) -> Option<Duration> {
        self.sinks.iter().filter_map(|(_, sink)| sink.due()).min()
    }

    /// Makes the sinks pass on what they have.
    pub(crate) fn flush(&mut self) {
        self.tell(|sink, world| sink.flush(world));
    }

    /// How long the sinks have waited for their readers.
    pub(crate) fn waited(&self) -> Duration {
        self.sinks.iter().map(|(_, sink)| sink.waited()).sum()
    }

    /// Why a sink was let go, told once.
    pub(crate) fn failure(&mut self) -> Option<io::Error> {
        self.failure.take()
    }

    /// Nothing more happens: the sinks come to their end.
    pub(crate) fn finish(&mut self) {
        for (_, sink) in std::mem::take(&mut self.sinks) {
            if let Err(error) = sink.finish(&self.world) {
                self.failure.get_or_insert(error);
            }
        }
    }

    /// The world as it is now.
    pub fn world(&self) -> &World {
        &self.world
    }

    /// The events that are kept.
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// The scene as it is now, with the timeline of that epoll instance, or of the first one, in a
    /// session that began so.
    pub fn scene<'a>(&'a self, header: &'a Header, poller: Option<FileId>) -> Scene<'a> {
        let (world, journal) = (&self.world, &self.journal);
        let timeline = self.timelines.of(world.through(poller));
        Scene { world, live: world, timeline, journal, header }
    }
}

impl Default for History {
    fn default() -> Self {
        Self::new(Limits::default(), World::default())
    }
}

#[cfg(test)]
mod tests;
