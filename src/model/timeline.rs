//! Tracks over time: one a thread and one a registration, bounded.

use std::collections::BTreeMap;
use std::collections::VecDeque;

use crate::event::{Event, LaneId, Nanos, Seq, Trigger, WatchKey};

use super::World;

/// Whose track.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
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
pub enum Moment {
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
}

/// A moment with its time and its event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// When.
    pub t: Nanos,
    /// The event.
    pub seq: Seq,
    /// What.
    pub what: Moment,
}

/// A track: marks in order of time, the oldest dropped at the bound.
#[derive(Clone, Debug, Default)]
pub struct Track {
    marks: VecDeque<Mark>,
    dropped_until: Nanos,
}

impl Track {
    /// The marks with `from <= t <= to`, oldest first.
    pub fn window(&self, from: Nanos, to: Nanos) -> impl Iterator<Item = &Mark> {
        let low = self.marks.partition_point(|m| m.t < from);
        self.marks.range(low..).take_while(move |m| m.t <= to)
    }

    /// The span that holds just before `t`; `None` before the track begins or where it was dropped.
    pub fn span_before(&self, t: Nanos) -> Option<Span> {
        let end = self.marks.partition_point(|m| m.t < t);
        self.marks.range(..end).rev().find_map(|m| match m.what {
            Moment::Span(span) => Some(span),
            _ => None,
        })
    }

    /// Before this time marks were dropped because of the bound.
    pub fn dropped_until(&self) -> Nanos {
        self.dropped_until
    }
}

/// All tracks.
#[derive(Clone, Debug, Default)]
pub struct Timeline {
    tracks: BTreeMap<TrackId, Track>,
}

impl Timeline {
    /// Folds an event that has just been folded into `world`.
    pub fn apply(&mut self, _event: &Event, _world: &World) {}

    /// The tracks in order: threads, then registrations by number.
    pub fn tracks(&self) -> impl Iterator<Item = (TrackId, &Track)> {
        self.tracks.iter().map(|(id, track)| (*id, track))
    }

    /// One track.
    pub fn track(&self, id: TrackId) -> Option<&Track> {
        self.tracks.get(&id)
    }
}
