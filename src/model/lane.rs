//! Server threads: what each is doing, and the batch it is working through.

use std::collections::VecDeque;
use std::ops::Deref;

use serde::{Deserialize, Serialize};

use crate::event::{Delivery, GateStep, LaneId, Nanos, Pass, Seq, Syscall, WatchKey};

use super::interest::InterestList;

/// What a thread is doing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum LaneState {
    /// It has not begun.
    #[default]
    Unstarted,
    /// It runs, between two calls.
    Running,
    /// It is held at the gate, before this.
    Held(GateStep),
    /// It is inside `epoll_wait`, harvesting what is on the ready list.
    Harvesting(Syscall),
    /// It is asleep in this call: in `epoll_wait` on the wait queue (wq) of the instance, in poll(2)
    /// or select(2) on those of all files that it asked for.
    Asleep(Syscall),
    /// It ended.
    Ended,
    /// It died, of this: a panic, or no epoll instance to live on.
    Died(Box<str>),
}

/// How far the thread is with an event of its batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Progress {
    /// Not yet looked at.
    Waiting,
    /// Being handled.
    Current,
    /// Handled.
    Done,
}

/// An event of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchEntry {
    /// As `epoll_wait` returned it.
    pub delivery: Delivery,
    /// How far the thread is with it.
    pub progress: Progress,
}

/// The events of a thread's last `epoll_wait`, in the order returned. Servers go through them in
/// that order, so each step looks where the one before it ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Batch {
    entries: Vec<BatchEntry>,
    current: Option<usize>,
}

impl Batch {
    /// The event being handled.
    pub fn current(&self) -> Option<&BatchEntry> {
        self.current.and_then(|at| self.entries.get(at))
    }

    /// Whether the thread has that registration in hand, or still to come.
    pub fn holds(&self, key: WatchKey) -> bool {
        let held = |entry: &BatchEntry| {
            InterestList::key_of(&entry.delivery) == key && entry.progress != Progress::Done
        };
        self.current().is_some_and(held) || self.entries.iter().any(held)
    }

    pub(super) fn clear(&mut self) {
        self.entries.clear();
        self.current = None;
    }

    pub(super) fn fill(&mut self, events: &[Delivery]) {
        self.clear();
        let waiting =
            |event: &Delivery| BatchEntry { delivery: *event, progress: Progress::Waiting };
        self.entries.extend(events.iter().map(waiting));
    }

    /// The thread turns to the event of that registration: whatever it had in hand is done.
    pub(super) fn turn_to(&mut self, key: WatchKey) {
        let next = self.current.map_or(0, |at| at + 1);
        self.finish_current();
        let is_it = |entry: &BatchEntry| {
            entry.progress == Progress::Waiting && InterestList::key_of(&entry.delivery) == key
        };
        let at = match self.entries.get(next) {
            Some(entry) if is_it(entry) => Some(next),
            _ => self.entries.iter().position(is_it),
        };
        if let Some(entry) = at.and_then(|at| self.entries.get_mut(at)) {
            entry.progress = Progress::Current;
            self.current = at;
        }
    }

    pub(super) fn finish(&mut self) {
        self.current = None;
        self.entries.iter_mut().for_each(|entry| entry.progress = Progress::Done);
    }

    fn finish_current(&mut self) {
        if let Some(entry) = self.current.take().and_then(|at| self.entries.get_mut(at)) {
            entry.progress = Progress::Done;
        }
    }
}

impl Deref for Batch {
    type Target = [BatchEntry];

    fn deref(&self) -> &[BatchEntry] {
        &self.entries
    }
}

/// How a thread has spent its time, and what its waits have brought.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaneCounts {
    /// Events that its waits handed over.
    pub events: u64,
    /// Time between calls and in calls that did not sleep.
    pub running: Nanos,
    /// Time asleep in a call.
    pub asleep: Nanos,
    /// Time held at the gate.
    pub held: Nanos,
    /// Up to when that is counted.
    until: Nanos,
}

impl LaneCounts {
    /// The same up to `t`, in that state since it was counted last.
    #[must_use]
    fn up_to(mut self, state: &LaneState, t: Nanos) -> Self {
        let time = match state {
            LaneState::Running | LaneState::Harvesting(_) => Some(&mut self.running),
            LaneState::Asleep(_) => Some(&mut self.asleep),
            LaneState::Held(_) => Some(&mut self.held),
            LaneState::Unstarted | LaneState::Ended | LaneState::Died(_) => None,
        };
        if let Some(time) = time {
            time.0 += t.since(self.until).0;
        }
        self.until = self.until.max(t);
        self
    }
}

/// A server thread.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ThreadLane {
    /// Which.
    pub id: LaneId,
    /// The kernel's number for it.
    pub tid: u32,
    /// What it is doing.
    pub state: LaneState,
    /// Since when.
    pub since: Nanos,
    /// The step or turn that it was let go for and has not finished; `None` once all run on.
    pub pending: Option<Pass>,
    /// The events of its last `epoll_wait`, in the order returned.
    pub batch: Batch,
    /// Returns of `epoll_wait`.
    pub turns: u64,
    /// Calls of any kind.
    pub calls: u64,
    /// Its time up to its last change of state, and the events of its waits.
    pub(super) counts: LaneCounts,
    /// In `epoll_wait` it may have looked at the ready list since it entered: it found something
    /// there, or was woken.
    pub looked: bool,
    /// The event at which it entered the `epoll_wait` that it is in, or was in last.
    pub entered: Seq,
    /// The event that set off the harvest of the `epoll_wait` that the thread is in: what came
    /// later may have come before or after the harvest.
    pub harvest_from: Seq,
    /// What its source calls it, if that names things.
    pub name: Option<Box<str>>,
}

impl ThreadLane {
    /// Whether the thread exists and can make calls.
    pub fn is_alive(&self) -> bool {
        !matches!(self.state, LaneState::Unstarted | LaneState::Ended | LaneState::Died(_))
    }

    /// Whether the thread died and has not been started again.
    pub fn has_died(&self) -> bool {
        matches!(self.state, LaneState::Died(_))
    }

    /// The event being handled.
    pub fn current(&self) -> Option<&BatchEntry> {
        self.batch.current()
    }

    /// How it has spent its time up to `t`, and what its waits have brought.
    pub fn spent(&self, t: Nanos) -> LaneCounts {
        self.counts.up_to(&self.state, t)
    }

    /// From `t` on it is in that state.
    pub(super) fn becomes(&mut self, state: LaneState, t: Nanos) {
        self.counts = self.spent(t);
        self.state = state;
    }

    /// So many events more.
    pub(super) fn brought(&mut self, events: usize) {
        self.counts.events += events as u64;
    }

    /// A wait brought these events.
    pub(super) fn takes(&mut self, events: &[Delivery]) {
        self.turns += 1;
        self.brought(events.len());
        self.batch.fill(events);
    }
}

/// The threads asleep in `epoll_wait` (wq), in the order in which the kernel wakes them: last in,
/// first out (`ep_poll` puts each at the head).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitQueue {
    lanes: VecDeque<LaneId>,
}

impl WaitQueue {
    /// The sleepers, head first: the first one is woken next.
    pub fn iter(&self) -> impl Iterator<Item = LaneId> {
        self.lanes.iter().copied()
    }

    /// How many sleep.
    pub fn len(&self) -> usize {
        self.lanes.len()
    }

    /// Whether nobody sleeps.
    pub fn is_empty(&self) -> bool {
        self.lanes.is_empty()
    }

    /// Whether that thread sleeps there.
    pub fn contains(&self, lane: LaneId) -> bool {
        self.lanes.contains(&lane)
    }

    pub(super) fn push_head(&mut self, lane: LaneId) {
        self.remove(lane);
        self.lanes.push_front(lane);
    }

    pub(super) fn pop_head(&mut self) -> Option<LaneId> {
        self.lanes.pop_front()
    }

    pub(super) fn remove(&mut self, lane: LaneId) {
        self.lanes.retain(|l| *l != lane);
    }
}
