//! Tracks over time: one a thread and one a registration, bounded.

mod fold;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::collections::VecDeque;

use crate::event::{LaneId, Nanos, Seq, Trigger, WatchKey};

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
    /// The last span among the dropped marks.
    base: Option<Span>,
    /// The last span.
    span: Option<Span>,
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
        let kept = self.marks.range(..end).rev().find_map(|m| match m.what {
            Moment::Span(span) => Some(span),
            _ => None,
        });
        kept.or_else(|| self.base.filter(|_| t > self.dropped_until))
    }

    /// When the track begins, as far as it is kept.
    pub fn begins(&self) -> Nanos {
        self.marks.front().map_or(Nanos(0), |mark| mark.t)
    }

    /// Whether what it is about is gone by now.
    pub fn is_over(&self) -> bool {
        self.span == Some(Span::Gone)
    }

    /// Before this time marks were dropped because of the bound.
    pub fn dropped_until(&self) -> Nanos {
        self.dropped_until
    }

    fn push(&mut self, mark: Mark, cap: usize) {
        self.marks.push_back(mark);
        while self.marks.len() > cap {
            let Some(dropped) = self.marks.pop_front() else { break };
            self.dropped_until = dropped.t;
            if let Moment::Span(span) = dropped.what {
                self.base = Some(span);
            }
        }
    }
}

/// All tracks.
#[derive(Clone, Debug, Default)]
pub struct Timeline {
    tracks: BTreeMap<TrackId, Track>,
    /// Registrations that are gone, in the order of their going.
    gone: VecDeque<WatchKey>,
    /// The last span of each lane, so that an event that changes none costs no search.
    lanes: [Option<Span>; Timeline::LANES],
    /// Some tracks are unknown, until the model follows the kernel again.
    lost: bool,
}

impl Timeline {
    /// Marks of all tracks together, about.
    pub const MARKS: usize = 262_144;
    /// How many tracks of registrations that are gone are kept.
    pub const GONE: usize = 64;
    const LANES: usize = LaneId::MAX_WORKERS as usize + 1;

    /// The tracks in order: threads, then registrations by number.
    pub fn tracks(&self) -> impl Iterator<Item = (TrackId, &Track)> {
        self.tracks.iter().map(|(id, track)| (*id, track))
    }

    /// One track.
    pub fn track(&self, id: TrackId) -> Option<&Track> {
        self.tracks.get(&id)
    }

    /// The bound of one track.
    fn cap(&self) -> usize {
        (Self::MARKS / self.tracks.len().max(1)).clamp(64, 4096)
    }
}
