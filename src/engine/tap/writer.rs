//! The producing end of a ring.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use rtrb::Producer;

use super::record::{self, Handed, LONGEST, Record, ring, ring::Brought};
use super::{IDLE, SideChannel};
use crate::event::{
    Cqe, Fd, FileId, GateStep, GoChange, GoId, Kind, LaneId, Mask, Nanos, Pass, Queues, Ret,
    RingOp, Sqe, Syscall, Wakeup,
};
use crate::sys::clock::Clock;

/// Once so many records are collected, they go into the ring.
const BATCH: usize = 64;
/// Records that an event after a loss may need beside those that follow its head: itself, a gap,
/// two times.
const BESIDE: usize = 4;

/// What a producer and the consumer share beside the ring.
#[derive(Debug)]
pub(super) struct Bounds {
    /// Unless the producer rests: the time of its last event in the ring, and every later one is
    /// still to come. [`IDLE`] while it rests.
    pub(super) floor: AtomicU64,
    /// Events dropped since the last gap.
    pub(super) lost: AtomicU64,
    /// Whether less is told of each event.
    pub(super) brief: AtomicBool,
}

/// The producing end of a ring: one thread's, or whoever holds the lock around it.
///
/// Between its first push and [`RingWriter::rest`] what is pushed may stay here, and nothing later can be
/// merged: who pushes no more for a while says so.
#[derive(Debug)]
pub struct RingWriter {
    id: LaneId,
    ring: Producer<Record>,
    bounds: Arc<Bounds>,
    /// Records that are not in the ring yet.
    batch: Vec<Record>,
    /// The time of the last record in the ring.
    base: u64,
    /// The time of the last record in the batch, or in the ring.
    last: u64,
    /// The time of the last event of this lane, in the ring or the side channel.
    floor: u64,
    resting: bool,
    /// The time of the first event that was lost since the last gap.
    lost_from: u64,
    /// An event that the server turned to: it travels with the next call.
    turned: Option<(Fd, FileId)>,
    pub(super) clock: Clock,
    side: Arc<SideChannel>,
}

impl RingWriter {
    pub(super) fn new(
        id: LaneId,
        ring: Producer<Record>,
        bounds: Arc<Bounds>,
        clock: Clock,
        side: Arc<SideChannel>,
    ) -> Self {
        let batch = Vec::with_capacity(BATCH + LONGEST);
        let (base, last, floor, lost_from, resting, turned) = (0, 0, 0, 0, true, None);
        Self { id, ring, bounds, batch, base, last, floor, resting, lost_from, turned, clock, side }
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
    pub fn enter(&mut self, call: &Syscall) {
        self.push(record::enter(call));
        self.rest();
    }

    /// A call that was made at `started` returned, just now.
    #[expect(clippy::inline_always, reason = "which call it is, is known where it is told")]
    #[inline(always)]
    pub fn returned(&mut self, call: &Syscall, ret: Ret, started: Nanos, handed: Handed<'_>) {
        let head = record::returned(call, ret);
        match handed {
            Handed::None => self.put_call(head, started),
            Handed::Data(_) if self.bounds.brief.load(Ordering::Relaxed) => {
                self.put_call(head, started);
            }
            _ => {
                let mut head = head;
                self.turn_with(&mut head);
                let t = self.begin();
                self.put_all(t, head, started, handed);
            }
        }
    }

    /// Puts a call that has nothing to tell but its head.
    #[expect(clippy::inline_always, reason = "the head is then made where it belongs")]
    #[inline(always)]
    fn put_call(&mut self, mut head: Record, started: Nanos) {
        self.turn_with(&mut head);
        let t = self.begin();
        if head.set_took(t.wrapping_sub(started.0)) {
            self.put(t, head);
        } else {
            self.put_all(t, head, started, Handed::None);
        }
    }

    /// What the server turned to goes with this call if it is about that, and before it if not.
    #[inline]
    fn turn_with(&mut self, head: &mut Record) {
        if let Some((fd, file)) = self.turned {
            if head.set_turned(fd, file) {
                self.turned = None;
            } else {
                self.tell_turned();
            }
        }
    }

    /// Puts a call that returned at `t` and has more to tell than fits its head.
    fn put_all(&mut self, t: u64, mut head: Record, started: Nanos, handed: Handed<'_>) {
        let fits = head.set_took(t.saturating_sub(started.0));
        head.set_delta(self.delta(t));
        let at = self.batch.len();
        self.batch.push(head);
        if !fits {
            self.batch.push(record::started(started));
        }
        record::hand_over(&mut self.batch, &mut head, t, handed);
        head.set_following(self.batch.len() - at - 1);
        self.batch[at] = head;
        self.written(t);
    }

    /// The thread is held: nothing more is pushed until it is let go.
    pub fn park(&mut self, next: &GateStep) {
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

    /// The server changed what it passes to poll(2) or select(2); `None` is out of it.
    pub(crate) fn set(&mut self, fd: Fd, file: FileId, events: Option<Mask>, place: u32) {
        self.push(record::set(fd, file, events, place));
    }

    /// An operation was written into a ring.
    pub(crate) fn sqe(&mut self, at: Fd, sqe: &Sqe) {
        self.push(ring::sqe(at, sqe));
    }

    /// A completion was taken out of a ring, with what it brought.
    pub(crate) fn reap(&mut self, at: Fd, op: RingOp, cqe: &Cqe, brought: Brought<'_>) {
        let brief = self.bounds.brief.load(Ordering::Relaxed);
        let brought = match brought {
            Brought::Bytes(_) if brief => Brought::Nothing,
            brought => brought,
        };
        self.tell_turned();
        let t = self.begin();
        let mut head = ring::reap(at, op, cqe);
        head.set_delta(self.delta(t));
        let first = self.batch.len();
        self.batch.push(head);
        ring::bring(&mut self.batch, &mut head, brought);
        head.set_following(self.batch.len() - first - 1);
        self.batch[first] = head;
        self.written(t);
    }

    /// A buffer was given back to a ring.
    pub(crate) fn give(&mut self, at: Fd, buffer: u16) {
        self.push(ring::give(at, buffer));
    }

    /// A goroutine came to that.
    pub(crate) fn go(&mut self, go: GoId, what: GoChange) {
        self.push(record::go(go, what));
    }

    /// Queue lengths of a file were read.
    pub fn arrive(&mut self, fd: Fd, queues: Queues) {
        self.push(record::arrive(fd, queues));
    }

    /// The edge log told of a wake-up.
    pub fn wakeup(&mut self, wakeup: &Wakeup) {
        self.tell_turned();
        let t = self.begin();
        self.put(t, record::wakeup(wakeup, t));
    }

    /// An event for the side channel, in this lane and in order with its own.
    pub fn tell(&mut self, kind: Kind) {
        self.tell_turned();
        self.flush();
        self.floor = self.side.push_after(self.floor, self.id, kind);
        if !self.resting {
            self.bounds.floor.store(self.floor, Ordering::Release);
        }
    }

    /// Whether what was told last is lost: then nothing that is told now comes after all of that.
    pub(crate) fn is_losing(&mut self) -> bool {
        self.tell_turned();
        self.flush();
        self.bounds.lost.load(Ordering::Relaxed) > 0
    }

    /// Nothing is pushed for a while.
    pub fn rest(&mut self) {
        self.tell_turned();
        if !self.resting {
            self.flush();
            self.resting = true;
            self.bounds.floor.store(IDLE, Ordering::Release);
            // What was held back because of this lane can be taken now.
            self.side.doorbell.pushed();
        }
    }

    /// The lane's thread panicked: what it had begun to push is not coming, what it turned to is told.
    pub(crate) fn abandon(&mut self) {
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
    #[inline]
    pub(super) fn begin(&mut self) -> u64 {
        if self.resting {
            self.resting = false;
            self.bounds.floor.store(self.floor, Ordering::SeqCst);
        }
        self.clock.now().max(self.floor + 2)
    }

    /// Puts a head of time `t` that is all there is to tell.
    #[inline]
    fn put(&mut self, t: u64, mut head: Record) {
        head.set_delta(self.delta(t));
        self.batch.push(head);
        self.written(t);
    }

    /// The time since the last record; a longer one than fits gets a record of its own.
    #[inline]
    fn delta(&mut self, t: u64) -> u32 {
        u32::try_from(t - self.last).unwrap_or_else(|_| {
            self.batch.push(Record::time(t));
            0
        })
    }

    /// An event of time `t` has been put whole.
    #[inline]
    fn written(&mut self, t: u64) {
        (self.last, self.floor) = (t, t);
        if self.batch.len() >= BATCH {
            self.flush();
            self.side.doorbell.pushed();
        }
    }

    /// What was collected goes into the ring; what does not fit is counted as lost.
    #[inline(never)]
    fn flush(&mut self) {
        if self.batch.is_empty() {
            return;
        }
        let losing = self.bounds.lost.load(Ordering::Relaxed) > 0;
        if !losing && self.ring.push_entire_slice(&self.batch).is_ok() {
            self.base = self.last;
        } else {
            self.flush_each();
            self.last = self.base;
        }
        self.batch.clear();
        // Only now may the reader take what was written: it is above the bound until here.
        self.bounds.floor.store(self.floor, Ordering::Release);
    }

    /// The same event by event, as far as there is room.
    #[cold]
    fn flush_each(&mut self) {
        let (mut t, mut next) = (self.base, 0);
        while let Some(&head) = self.batch.get(next) {
            next += 1;
            if let Some(time) = head.as_time() {
                t = time;
                continue;
            }
            t += head.delta();
            let rest = next..next + head.following();
            next = rest.end;
            if self.make_way(t, rest.len()) {
                self.write_at(t, head);
                for index in rest {
                    self.write(self.batch[index]);
                }
            } else {
                let before = self.bounds.lost.fetch_add(head.events(), Ordering::SeqCst);
                if before == 0 {
                    self.lost_from = t;
                }
            }
        }
    }

    /// Whether there is room for an event of so many records after its head; if events were lost
    /// before, for the gap too, which is then put in front of it. A ring that has run full first
    /// drains to three quarters: one long gap says more than thousands of short ones.
    fn make_way(&mut self, t: u64, following: usize) -> bool {
        if self.bounds.lost.load(Ordering::Relaxed) == 0 {
            let time = usize::from(u32::try_from(t - self.base).is_err());
            return self.ring.slots() > following + time;
        }
        let room = following + BESIDE;
        if self.ring.slots() < room.max(self.ring.buffer().capacity() / 4) {
            return false;
        }
        let lost = self.bounds.lost.swap(0, Ordering::SeqCst);
        if lost > 0 {
            // Where it begins: what others did since then cannot be understood without it.
            self.write_at(self.lost_from.clamp(self.base, t - 1), record::gap(lost));
        }
        true
    }

    /// Writes a head of time `t` into the ring, which has room for it and for its time.
    fn write_at(&mut self, t: u64, mut head: Record) {
        let delta = u32::try_from(t - self.base).unwrap_or_else(|_| {
            self.write(Record::time(t));
            0
        });
        head.set_delta(delta);
        self.write(head);
        self.base = t;
    }

    fn write(&mut self, record: Record) {
        // There is room: `make_way` has seen to it, and nobody else writes.
        let _ = self.ring.push(record);
    }
}
