//! Tracks over time: one a thread and one a registration, bounded.

mod fold;
mod track;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use rustc_hash::FxHashMap;

use super::EpollView;
use crate::event::{Backend, LaneId, Nanos, Seq, Trigger, WatchKey};

pub use track::Track;

/// Whose track.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TrackId {
    /// A server thread.
    Lane(LaneId),
    /// A registration.
    Watch(WatchKey),
}

/// A lasting state of a track: it holds until the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Span {
    /// A thread that runs.
    Running,
    /// A thread asleep in `epoll_wait`.
    Asleep,
    /// A thread held at the gate.
    Held,
    /// A registration that is not on the ready list.
    Quiet(Trigger),
    /// A registration on the ready list because something happened.
    Ready,
    /// A level-triggered registration that was put back.
    PutBack,
    /// Gone: closed or ended.
    Gone,
    /// Observations were lost: not known.
    Unknown,
}

/// A moment on a track.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MarkKind {
    /// The span changed.
    Span(Span),
    /// A connection was accepted (on the listener's and the thread's track).
    Accept,
    /// Data or a connection arrived: a wake-up.
    Arrive,
    /// `epoll_wait` returned; on a registration's track: it was reported.
    Report,
    /// Bytes were read.
    Read,
    /// Bytes were written.
    Write,
    /// EAGAIN.
    Again,
    /// The end of the stream was read.
    End,
    /// Closed, or an error such as a reset.
    Close,
    /// The mask or the trigger was changed; for a new registration: it was added.
    Changed,
    /// Observations were lost.
    Lost,
    /// An operation was written into an io_uring.
    Submit,
    /// A completion was posted there.
    Complete,
    /// Its goroutine parked.
    Park,
    /// Its goroutine can run again.
    Runnable,
    /// A thread took its goroutine from the run queue; on the thread's track: it runs one.
    Runs,
}

/// A moment with its time and its event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// When.
    pub t: Nanos,
    /// The event.
    pub seq: Seq,
    /// What.
    pub what: MarkKind,
}

fn lane<'a>((id, track): (&LaneId, &'a Track)) -> (TrackId, &'a Track) {
    (TrackId::Lane(*id), track)
}

/// All tracks.
#[derive(Clone, Debug, Default)]
pub struct Timeline {
    /// The threads' tracks; those that never started have none.
    lanes: BTreeMap<LaneId, Track>,
    watches: FxHashMap<WatchKey, Track>,
    /// The keys of `watches`.
    order: BTreeSet<WatchKey>,
    /// Registrations that are gone, in the order of their going.
    gone: VecDeque<WatchKey>,
    /// Some tracks are unknown, until the model follows the kernel again.
    lost: bool,
    /// The bound of a registration's track, by how many there are.
    watch_cap: usize,
    /// When the server began to wait in another way, and in which; at most [`Timeline::GONE`].
    switches: VecDeque<(Nanos, Backend)>,
    /// The tracks whose span has changed, if somebody takes note of them.
    turned: Option<Vec<TrackId>>,
}

impl Timeline {
    /// Marks of all tracks together, about.
    pub const MARKS: usize = 65_536;
    /// The fewest and the most marks of one track.
    const CAP: (usize, usize) = (64, 4096);
    /// How many tracks of registrations that are gone are kept.
    pub(crate) const GONE: usize = 64;

    /// The tracks of what is there in a world of whose past nothing is known: with the next event
    /// they stand as they are in it.
    pub fn begun(world: EpollView<'_>) -> Self {
        let mut begun = Self { lost: true, ..Self::default() };
        let unknown = || Track::unknown_until(world.t);
        let alive = world.lanes.iter().filter(|lane| lane.is_alive());
        begun.lanes = alive.map(|lane| (lane.id, unknown())).collect();
        begun.watches = world.watched().map(|key| (key, unknown())).collect();
        begun.order = begun.watches.keys().copied().collect();
        begun.size();
        begun
    }

    /// The tracks of the threads alone.
    #[must_use]
    pub fn of_threads(&self) -> Self {
        let turned = self.turned.clone();
        Self { lanes: self.lanes.clone(), turned, ..Self::default() }
    }

    /// From now on notes which tracks turn to another span.
    pub fn note_turns(&mut self) {
        self.turned = Some(Vec::new());
    }

    /// The tracks that have turned to another span since it was asked last.
    pub fn take_turned(&mut self) -> Vec<TrackId> {
        self.turned.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// When the server began to wait in another way, and in which, as far as that is kept.
    pub fn switches(&self) -> impl Iterator<Item = (Nanos, Backend)> {
        self.switches.iter().copied()
    }

    /// The tracks in order: threads, then registrations by number.
    pub fn tracks(&self) -> impl Iterator<Item = (TrackId, &Track)> {
        self.from(TrackId::Lane(LaneId(0)))
    }

    /// The registration with the highest number of those that have a track.
    pub fn last_watch(&self) -> Option<WatchKey> {
        self.order.iter().next_back().copied()
    }

    /// The tracks from that one on.
    pub fn from(&self, id: TrackId) -> impl Iterator<Item = (TrackId, &Track)> {
        let (first, watches) = match id {
            TrackId::Lane(lane) => (Some(lane), self.order.range(..)),
            TrackId::Watch(key) => (None, self.order.range(key..)),
        };
        let lanes = first.into_iter().flat_map(|first| self.lanes.range(first..)).map(lane);
        lanes.chain(watches.filter_map(|key| self.watch(*key)))
    }

    /// The tracks before that one, from there back.
    pub fn before(&self, id: TrackId) -> impl Iterator<Item = (TrackId, &Track)> {
        let (key, lanes) = match id {
            TrackId::Lane(lane) => (None, self.lanes.range(..lane)),
            TrackId::Watch(key) => (Some(key), self.lanes.range(..)),
        };
        let watches = key.into_iter().flat_map(|key| self.order.range(..key).rev());
        watches.filter_map(|key| self.watch(*key)).chain(lanes.rev().map(lane))
    }

    fn watch(&self, key: WatchKey) -> Option<(TrackId, &Track)> {
        Some((TrackId::Watch(key), self.watches.get(&key)?))
    }

    /// One track.
    pub fn track(&self, id: TrackId) -> Option<&Track> {
        match id {
            TrackId::Lane(lane) => self.lanes.get(&lane),
            TrackId::Watch(key) => self.watches.get(&key),
        }
    }

    /// The track, made if there is none yet; the tool itself has none.
    fn track_mut(&mut self, id: TrackId) -> Option<&mut Track> {
        match id {
            TrackId::Lane(lane) if !lane.is_worker() => None,
            TrackId::Lane(lane) => Some(self.lanes.entry(lane).or_default()),
            TrackId::Watch(key) => {
                if !self.watches.contains_key(&key) {
                    self.order.insert(key);
                    self.watches.insert(key, Track::default());
                    self.size();
                }
                self.watches.get_mut(&key)
            }
        }
    }

    fn remove(&mut self, key: WatchKey) {
        self.order.remove(&key);
        self.watches.remove(&key);
        self.size();
    }

    /// The bound of one track.
    fn cap(&self, id: TrackId) -> usize {
        match id {
            TrackId::Lane(_) => Self::CAP.1,
            TrackId::Watch(_) => self.watch_cap.max(Self::CAP.0),
        }
    }

    /// A power of two, so that a full ring of marks writes where it has just dropped one.
    fn size(&mut self) {
        let share = Self::MARKS / self.watches.len().max(1);
        self.watch_cap = (1 << share.max(1).ilog2()).clamp(Self::CAP.0, Self::CAP.1);
    }
}
