//! The producing end of a ring.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use rtrb::Producer;

use super::record::{self, Handed, LONGEST, Record};
use super::{IDLE, Side};
use crate::event::{Call, Fd, FileId, Kind, LaneId, Nanos, Pass, Queues, Ret, Wakeup};
use crate::sys::clock::Clock;

/// Records that an event may need beside those that follow its head: itself, a gap, two times.
const BESIDE: usize = 4;

/// What a producer and the consumer share beside the ring.
#[derive(Debug)]
pub(super) struct Bounds {
    /// Unless the producer rests: the time of its last event, and every later one is still to
    /// come. [`IDLE`] while it rests.
    pub(super) floor: AtomicU64,
    /// Events dropped since the last gap.
    pub(super) lost: AtomicU64,
    /// Whether less is told of each event.
    pub(super) brief: AtomicBool,
}

/// The producing end of a ring: one thread's, or whoever holds the lock around it.
///
/// Between its first push and [`Lane::rest`] nothing later than the last push can be merged: who
/// pushes no more for a while says so.
#[derive(Debug)]
pub struct Lane {
    id: LaneId,
    ring: Producer<Record>,
    bounds: Arc<Bounds>,
    /// The records that follow the next head.
    scratch: Vec<Record>,
    /// The time of the last record in the ring.
    last: u64,
    /// The time of the last event of this lane, in the ring or the side channel.
    floor: u64,
    resting: bool,
    /// An event that the server turned to: it travels with the next call.
    turned: Option<(Fd, FileId)>,
    pub(super) clock: Clock,
    side: Arc<Side>,
}

impl Lane {
    pub(super) fn new(
        id: LaneId,
        ring: Producer<Record>,
        bounds: Arc<Bounds>,
        clock: Clock,
        side: Arc<Side>,
    ) -> Self {
        let scratch = Vec::with_capacity(LONGEST);
        let (last, floor, resting, turned) = (0, 0, true, None);
        Self { id, ring, bounds, scratch, last, floor, resting, turned, clock, side }
    }

    /// Whose lane it is.
    pub fn id(&self) -> LaneId {
        self.id
    }

    /// The time now.
    pub fn now(&self) -> Nanos {
        Nanos(self.clock.now())
    }

    /// When a call is made: now. While many events come it is only said to be later than the
    /// thread's last event, which saves a look at the clock.
    pub fn start(&self) -> Nanos {
        if self.bounds.brief.load(Ordering::Relaxed) { Nanos(self.floor) } else { self.now() }
    }

    /// A call that may sleep: nothing more is pushed until it returns.
    pub fn enter(&mut self, call: &Call) {
        self.push(record::enter(call));
        self.rest();
    }

    /// A call that was made at `started` returned, just now.
    #[expect(clippy::inline_always, reason = "which call it is, is known where it is told")]
    #[inline(always)]
    pub fn returned(&mut self, call: &Call, ret: Ret, started: Nanos, handed: Handed<'_>) {
        let head = record::returned(call, ret);
        match handed {
            Handed::None => self.put_call(head, started),
            Handed::Data(_) if self.bounds.brief.load(Ordering::Relaxed) => {
                self.put_call(head, started);
            }
            _ => self.put_all(head, started, handed),
        }
    }

    /// Puts a call that has nothing to tell but its head.
    fn put_call(&mut self, mut head: Record, started: Nanos) {
        if self.turned.is_some() {
            self.turn_with(&mut head);
        }
        let t = self.begin();
        if head.set_took(t.wrapping_sub(started.0)) {
            self.put(t, head);
        } else {
            self.put_all(head, started, Handed::None);
        }
    }

    /// What the server turned to goes with this call if it is about that, and before it if not.
    fn turn_with(&mut self, head: &mut Record) {
        if let Some((fd, file)) = self.turned {
            if head.set_turned(fd, file) {
                self.turned = None;
            } else {
                self.tell_turned();
            }
        }
    }

    /// Puts a call that has more to tell than fits its head.
    fn put_all(&mut self, mut head: Record, started: Nanos, handed: Handed<'_>) {
        self.turn_with(&mut head);
        let t = self.begin();
        self.scratch.clear();
        if !head.set_took(t.saturating_sub(started.0)) {
            self.scratch.push(record::started(started));
        }
        record::hand_over(&mut self.scratch, &mut head, handed);
        head.set_following(self.scratch.len());
        if self.make_way(t, self.scratch.len()) {
            let delta = self.delta(t);
            head.set_delta(delta);
            self.write(head);
            for index in 0..self.scratch.len() {
                self.write(self.scratch[index]);
            }
            self.written(t);
        } else {
            self.lost();
        }
    }

    /// The thread is held: nothing more is pushed until it is let go.
    pub fn park(&mut self, next: &Call) {
        self.push(record::park(next));
        self.rest();
    }

    /// The thread leaves the gate.
    pub fn unpark(&mut self, pass: Pass) {
        self.push(record::unpark(pass));
    }

    /// The server turns to an event. It is told with the next event of this lane.
    pub fn handle(&mut self, fd: Fd, file: FileId) {
        self.tell_turned();
        self.turned = Some((fd, file));
    }

    /// The server met a stale event of its batch.
    pub fn stale(&mut self, fd: Fd, file: FileId, believed: bool) {
        self.push(record::stale(fd, file, believed));
    }

    /// Queue lengths of a file were read.
    pub fn arrive(&mut self, fd: Fd, queues: Queues) {
        self.push(record::arrive(fd, queues));
    }

    /// The edge log told of a wake-up.
    pub fn wakeup(&mut self, wakeup: &Wakeup) {
        self.push(record::wakeup(wakeup));
    }

    /// An event for the side channel, in this lane and in order with its own.
    pub fn tell(&mut self, kind: Kind) {
        self.tell_turned();
        self.floor = self.side.push_after(self.floor, self.id, kind);
        if !self.resting {
            self.bounds.floor.store(self.floor, Ordering::Release);
        }
    }

    /// Nothing is pushed for a while.
    pub fn rest(&mut self) {
        self.tell_turned();
        if !self.resting {
            self.resting = true;
            self.bounds.floor.store(IDLE, Ordering::Release);
            // What was held back because of this lane can be taken now.
            self.side.doorbell.pushed();
        }
    }

    /// The lane's thread panicked: whatever it was about to push is not coming.
    pub fn abandon(&mut self) {
        self.turned = None;
        self.rest();
    }

    fn tell_turned(&mut self) {
        if let Some((fd, file)) = self.turned.take() {
            self.push(record::handle(fd, file));
        }
    }

    fn push(&mut self, head: Record) {
        self.tell_turned();
        let t = self.begin();
        self.put(t, head);
    }

    /// The time of the next event. The bound is told before the clock is read: who reads a later
    /// time finds the bound.
    pub(super) fn begin(&mut self) -> u64 {
        if self.resting {
            self.resting = false;
            self.bounds.floor.store(self.floor, Ordering::SeqCst);
        }
        self.clock.now().max(self.floor + 2)
    }

    /// Puts a head of time `t` that is all there is to tell into the ring, or counts it as lost.
    #[expect(clippy::inline_always, reason = "two places, and one of them for every call")]
    #[inline(always)]
    fn put(&mut self, t: u64, mut head: Record) {
        if self.bounds.lost.load(Ordering::Relaxed) == 0
            && let Ok(delta) = u32::try_from(t - self.last)
        {
            head.set_delta(delta);
            match self.ring.push(head) {
                Ok(()) => self.written(t),
                Err(_) => self.lost(),
            }
        } else {
            self.put_after_gap(t, head);
        }
    }

    /// The same after a loss or a long silence.
    #[cold]
    fn put_after_gap(&mut self, t: u64, mut head: Record) {
        if self.make_way(t, 0) {
            let delta = self.delta(t);
            head.set_delta(delta);
            self.write(head);
            self.written(t);
        } else {
            self.lost();
        }
    }

    /// An event of time `t` has been written whole.
    fn written(&mut self, t: u64) {
        (self.last, self.floor) = (t, t);
        // Only now may the reader take what was written: it is above the bound until here.
        self.bounds.floor.store(t, Ordering::Release);
        self.side.doorbell.pushed();
    }

    /// An event did not fit.
    #[cold]
    fn lost(&mut self) {
        self.bounds.lost.fetch_add(1, Ordering::SeqCst);
        self.side.doorbell.pushed();
    }

    fn write(&mut self, record: Record) {
        // There is room: `make_way` has seen to it, and nobody else writes.
        let _ = self.ring.push(record);
    }

    /// The time since the last record; a longer one than fits gets a record of its own.
    fn delta(&mut self, t: u64) -> u32 {
        u32::try_from(t - self.last).unwrap_or_else(|_| {
            self.write(Record::time(t));
            0
        })
    }

    /// Whether there is room for an event of so many records after its head; if events were lost
    /// before, for the gap too, which is then put in front of it. A ring that has run full first drains to three quarters:
    /// one long gap says more than thousands of short ones.
    fn make_way(&mut self, t: u64, following: usize) -> bool {
        let room = following + BESIDE;
        if self.bounds.lost.load(Ordering::Relaxed) == 0 {
            return self.ring.cached_slots() >= room || self.ring.slots() >= room;
        }
        if self.ring.slots() < room.max(self.ring.buffer().capacity() / 4) {
            return false;
        }
        let lost = self.bounds.lost.swap(0, Ordering::SeqCst);
        if lost > 0 {
            let mut gap = record::gap(lost);
            let delta = self.delta(t - 1);
            gap.set_delta(delta);
            self.write(gap);
            self.last = t - 1;
        }
        true
    }
}
