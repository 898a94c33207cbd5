//! From the threads of the server to the one consumer of events, without ever making a server
//! thread wait.
//!
//! A ring for each producer, and a low-rate side channel behind a lock for what is rare. An event
//! is pushed whole or not at all; what did not fit is counted and becomes a gap where it was lost.
//! The consumer merges by time, up to a watermark below which no producer can still push: each
//! producer publishes a lower bound of its next stamp before it reads the clock.

mod record;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use rtrb::{Consumer, Producer, RingBuffer};

use self::record::{LONGEST, Record};
use super::doorbell::Doorbell;
use super::lock;
use crate::event::{Call, Fd, FileId, Kind, LaneId, Nanos, Pass, Queues, Ret, Wakeup};
use crate::sys::clock::Clock;

pub(crate) use self::record::Handed;

/// Records that a ring holds.
pub(crate) const SLOTS: usize = 65_536;
/// Events that the side channel holds.
const SIDE_SLOTS: usize = 4096;

/// How full the side channel may be for another event: clients can cause notes without end, and
/// somebody waits for the end of each command.
fn side_room(kind: &Kind) -> usize {
    match kind {
        Kind::Note(_) => SIDE_SLOTS / 2,
        Kind::Command { .. } => SIDE_SLOTS * 2,
        _ => SIDE_SLOTS,
    }
}
/// The lower bound of a producer that is not between stamping and having pushed.
const IDLE: u64 = u64::MAX;

/// What a producer and the consumer share beside the ring.
#[derive(Debug)]
struct Bounds {
    /// The producer's last stamp while it is about to stamp again; [`IDLE`] otherwise.
    stamping: AtomicU64,
    /// Records dropped since the last gap.
    lost: AtomicU64,
}

/// The producing end of a ring: one thread's, or whoever holds the lock around it.
#[derive(Debug)]
pub(crate) struct Lane {
    id: LaneId,
    ring: Producer<Record>,
    bounds: Arc<Bounds>,
    scratch: Vec<Record>,
    last: u64,
    clock: Clock,
    side: Arc<Side>,
}

impl Lane {
    pub(crate) fn id(&self) -> LaneId {
        self.id
    }

    /// The time now, for the start of a call.
    pub(crate) fn now(&self) -> Nanos {
        Nanos(self.clock.now())
    }

    pub(crate) fn enter(&mut self, call: &Call) {
        self.push(|to| to.push(record::enter(call)));
    }

    pub(crate) fn returned(&mut self, call: &Call, ret: Ret, started: Nanos, handed: Handed<'_>) {
        self.push(|to| record::returned(to, call, ret, started, handed));
    }

    pub(crate) fn park(&mut self, next: &Call) {
        self.push(|to| to.push(record::park(next)));
    }

    pub(crate) fn unpark(&mut self, pass: Pass) {
        self.push(|to| to.push(record::unpark(pass)));
    }

    pub(crate) fn handle(&mut self, fd: Fd, file: FileId) {
        self.push(|to| to.push(record::handle(fd, file)));
    }

    pub(crate) fn stale(&mut self, fd: Fd, file: FileId, believed: bool) {
        self.push(|to| to.push(record::stale(fd, file, believed)));
    }

    pub(crate) fn arrive(&mut self, fd: Fd, queues: Queues) {
        self.push(|to| to.push(record::arrive(fd, queues)));
    }

    pub(crate) fn wakeup(&mut self, wakeup: &Wakeup) {
        self.push(|to| to.push(record::wakeup(wakeup)));
    }

    /// An event for the side channel, in this lane and in order with its own.
    pub(crate) fn tell(&mut self, kind: Kind) {
        self.last = self.side.push_after(self.last, self.id, kind);
    }

    /// The lane's thread panicked: whatever it was about to push is not coming.
    pub(crate) fn abandon(&mut self) {
        self.bounds.stamping.store(IDLE, Ordering::SeqCst);
    }

    fn push(&mut self, fill: impl FnOnce(&mut Vec<Record>)) {
        self.scratch.clear();
        fill(&mut self.scratch);
        let following = self.scratch.len().saturating_sub(1);
        let Some(head) = self.scratch.first_mut() else { return };
        head.set_following(following);
        self.bounds.stamping.store(self.last, Ordering::SeqCst);
        let t = self.clock.now().max(self.last + 2);
        head.set_time(t);
        if self.close_gap(t - 1) && self.ring.push_entire_slice(&self.scratch).is_ok() {
            self.last = t;
        } else {
            self.bounds.lost.fetch_add(1, Ordering::SeqCst);
        }
        self.bounds.stamping.store(IDLE, Ordering::SeqCst);
        self.side.doorbell.pushed();
    }

    /// If records were lost before, puts the gap in front of the next one, provided that both
    /// have room. Whether the next one may be pushed. A ring that has run full first drains to
    /// three quarters: one long gap says more than thousands of short ones.
    fn close_gap(&mut self, t: u64) -> bool {
        if self.bounds.lost.load(Ordering::Relaxed) == 0 {
            return true;
        }
        let room = (self.ring.buffer().capacity() / 4).max(self.scratch.len() + 1);
        if self.ring.slots() < room {
            return false;
        }
        let lost = self.bounds.lost.swap(0, Ordering::SeqCst);
        if lost > 0 {
            let mut gap = record::gap(lost);
            gap.set_time(t);
            return self.ring.push(gap).is_ok();
        }
        true
    }
}

/// The side channel: what is rare, in any lane, stamped under its lock.
#[derive(Debug)]
pub(crate) struct Side {
    clock: Clock,
    doorbell: Arc<Doorbell>,
    queue: Mutex<SideQueue>,
}

#[derive(Debug, Default)]
struct SideQueue {
    events: VecDeque<(Nanos, LaneId, Kind)>,
    last: u64,
    lost: u64,
}

impl Side {
    /// Pushes an event of the tool itself.
    pub(crate) fn push(&self, kind: Kind) {
        self.push_after(0, LaneId::TOOL, kind);
    }

    /// Pushes an event later than `after`; returns its stamp.
    fn push_after(&self, after: u64, lane: LaneId, kind: Kind) -> u64 {
        let mut queue = lock(&self.queue);
        let t = self.clock.now().max(queue.last + 1).max(after + 1);
        queue.last = t;
        if queue.events.len() < side_room(&kind) {
            queue.events.push_back((Nanos(t), lane, kind));
        } else {
            queue.lost += 1;
        }
        drop(queue);
        self.doorbell.pushed();
        t
    }

    fn take(&self, to: &mut VecDeque<(Nanos, LaneId, Kind)>) {
        let mut queue = lock(&self.queue);
        to.append(&mut queue.events);
        let lost = std::mem::take(&mut queue.lost);
        if lost > 0 {
            to.push_back((Nanos(queue.last), LaneId::TOOL, Kind::Gap { lost }));
        }
    }
}

/// What a drain came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Drained {
    /// Events handed to the sink.
    pub events: usize,
    /// Records that were lost, as told by the gaps among them.
    pub lost: u64,
    /// Events are waiting: the bound was reached, or they are above the watermark.
    pub more: bool,
    /// No later drain hands over an event older than this.
    pub watermark: Nanos,
    /// A lane is losing records right now; its gap is still to come.
    pub losing: bool,
}

struct Ring {
    lane: LaneId,
    records: Consumer<Record>,
    bounds: Arc<Bounds>,
}

/// The consuming end of all lanes.
pub(crate) struct Tap {
    clock: Clock,
    rings: Vec<Ring>,
    side: Arc<Side>,
    waiting: VecDeque<(Nanos, LaneId, Kind)>,
    scratch: Vec<Record>,
    /// The last stamp handed over, in all and a lane.
    last: u64,
    lane_last: [u64; LaneId::MAX_WORKERS as usize + 1],
}

/// Makes the tap: a lane for each of `lanes`, the side channel, and their consumer.
pub(crate) fn channel(
    clock: Clock,
    doorbell: Arc<Doorbell>,
    lanes: &[LaneId],
    slots: usize,
) -> (Vec<Lane>, Arc<Side>, Tap) {
    let side = Arc::new(Side { clock, doorbell, queue: Mutex::new(SideQueue::default()) });
    let mut producers = Vec::new();
    let mut rings = Vec::new();
    for &id in lanes {
        let (producer, consumer) = RingBuffer::new(slots);
        let bounds = Arc::new(Bounds { stamping: AtomicU64::new(IDLE), lost: AtomicU64::new(0) });
        rings.push(Ring { lane: id, records: consumer, bounds: Arc::clone(&bounds) });
        producers.push(Lane {
            id,
            ring: producer,
            bounds,
            scratch: Vec::with_capacity(LONGEST),
            last: 0,
            clock,
            side: Arc::clone(&side),
        });
    }
    let tap = Tap {
        clock,
        rings,
        side: Arc::clone(&side),
        waiting: VecDeque::new(),
        scratch: vec![Record::default(); LONGEST],
        last: 0,
        lane_last: [0; LaneId::MAX_WORKERS as usize + 1],
    };
    (producers, side, tap)
}

/// Where the oldest waiting event is.
enum Oldest {
    Ring(usize),
    Side,
}

impl Tap {
    /// Hands at most `max` events to `sink` in the order of their times.
    pub(crate) fn drain(
        &mut self,
        max: usize,
        sink: &mut dyn FnMut(Nanos, LaneId, Kind),
    ) -> Drained {
        let watermark = self.watermark();
        self.side.take(&mut self.waiting);
        let mut drained = Drained { watermark: Nanos(watermark), ..Drained::default() };
        while drained.events < max {
            match self.oldest(watermark) {
                None => {
                    drained.lost += self.silent_gaps(sink);
                    break;
                }
                Some(Oldest::Side) => {
                    if let Some((t, lane, kind)) = self.waiting.pop_front() {
                        self.hand_over(t.0, lane, kind, &mut drained, sink);
                    }
                }
                Some(Oldest::Ring(index)) => {
                    if let Some((t, kind)) = self.take(index) {
                        let lane = self.rings[index].lane;
                        self.hand_over(t.0, lane, kind, &mut drained, sink);
                    }
                }
            }
        }
        drained.more = !self.waiting.is_empty() || self.rings.iter().any(|r| !r.records.is_empty());
        drained.losing = self.rings.iter().any(|r| r.bounds.lost.load(Ordering::Relaxed) > 0);
        if drained.events == max && drained.more {
            // Older events than the watermark may still be waiting.
            drained.watermark = Nanos(self.last);
        }
        drained
    }

    /// Everything stamped at or before this has been pushed.
    fn watermark(&self) -> u64 {
        let now = self.clock.now().saturating_sub(1);
        let bounds = self.rings.iter().map(|r| r.bounds.stamping.load(Ordering::SeqCst));
        bounds.fold(now, u64::min)
    }

    fn oldest(&self, watermark: u64) -> Option<Oldest> {
        let rings = self.rings.iter().enumerate().filter_map(|(index, ring)| {
            ring.records.peek().ok().map(|head| (head.time(), Oldest::Ring(index)))
        });
        let side = self.waiting.front().map(|(t, ..)| (t.0, Oldest::Side));
        let (t, at) = rings.chain(side).min_by_key(|(t, _)| *t)?;
        (t <= watermark).then_some(at)
    }

    fn take(&mut self, index: usize) -> Option<(Nanos, Kind)> {
        let ring = &mut self.rings[index].records;
        let count = ring.peek().ok()?.following() + 1;
        let records = self.scratch.get_mut(..count)?;
        ring.pop_entire_slice(records).ok()?;
        record::decode(records)
    }

    /// Gaps of producers that have been silent since they lost something: nothing of theirs is
    /// waiting, so this is the place.
    fn silent_gaps(&mut self, sink: &mut dyn FnMut(Nanos, LaneId, Kind)) -> u64 {
        let mut total = 0;
        for ring in &self.rings {
            if ring.records.is_empty() && ring.bounds.lost.load(Ordering::Relaxed) > 0 {
                let lost = ring.bounds.lost.swap(0, Ordering::SeqCst);
                total += lost;
                sink(Nanos(self.last), ring.lane, Kind::Gap { lost });
            }
        }
        total
    }

    fn hand_over(
        &mut self,
        t: u64,
        lane: LaneId,
        kind: Kind,
        drained: &mut Drained,
        sink: &mut dyn FnMut(Nanos, LaneId, Kind),
    ) {
        let own = &mut self.lane_last[usize::from(lane.0)];
        let t = t.max(self.last).max(*own + 1);
        *own = t;
        self.last = t;
        drained.events += 1;
        if let Kind::Gap { lost } = kind {
            drained.lost += lost;
        }
        sink(Nanos(t), lane, kind);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;

    use super::*;

    fn tap(lanes: &[u8], slots: usize) -> (Vec<Lane>, Arc<Side>, Tap) {
        let lanes: Vec<_> = lanes.iter().map(|n| LaneId(*n)).collect();
        channel(Clock::start(), Arc::new(Doorbell::new(|| {})), &lanes, slots)
    }

    fn all(tap: &mut Tap) -> Vec<(Nanos, LaneId, Kind)> {
        let mut seen = Vec::new();
        while tap.drain(1000, &mut |t, lane, kind| seen.push((t, lane, kind))).more {}
        seen
    }

    fn read(lane: &mut Lane, bytes: &[u8]) {
        let call = Call::Read { fd: Fd(7), len: 64 };
        let started = lane.now();
        lane.returned(&call, Ret::ok(1), started, Handed::Data(bytes));
    }

    #[test]
    fn events_of_all_lanes_come_in_the_order_of_their_times() {
        let (mut lanes, side, mut tap) = tap(&[1, 2], 64);
        lanes[0].handle(Fd(1), FileId(1));
        lanes[1].handle(Fd(2), FileId(1));
        side.push(Kind::Note("three".into()));
        lanes[0].tell(Kind::Note("four".into()));
        lanes[0].handle(Fd(5), FileId(1));
        let seen = all(&mut tap);
        let lanes: Vec<_> = seen.iter().map(|(_, lane, _)| lane.0).collect();
        assert_eq!(lanes, [1, 2, 0, 1, 1]);
        assert!(seen.is_sorted_by_key(|(t, ..)| *t));
    }

    #[test]
    fn event_that_does_not_fit_leaves_nothing_behind_but_a_gap() {
        let (mut lanes, _side, mut tap) = tap(&[1], 5);
        let lane = &mut lanes[0];
        read(lane, &[1; 64]);
        read(lane, &[2; 64]);
        lane.handle(Fd(1), FileId(1));
        lane.handle(Fd(2), FileId(2));
        let seen = all(&mut tap);
        assert_eq!(seen.len(), 2, "{seen:?}");
        assert!(matches!(seen[0].2, Kind::Return(_)));
        assert_eq!(seen[1].2, Kind::Gap { lost: 3 });
        lanes[0].handle(Fd(3), FileId(3));
        assert_eq!(all(&mut tap).len(), 1);
    }

    #[test]
    fn gap_stands_before_what_came_after_it() {
        let (mut lanes, _side, mut tap) = tap(&[1], 4);
        let lane = &mut lanes[0];
        for n in 0..6 {
            lane.handle(Fd(n), FileId(1));
        }
        let mut seen = Vec::new();
        let drained = tap.drain(2, &mut |_, _, kind| seen.push(kind));
        assert!(drained.more);
        lanes[0].handle(Fd(9), FileId(1));
        seen.extend(all(&mut tap).into_iter().map(|(_, _, kind)| kind));
        assert_eq!(seen.len(), 6);
        assert_eq!(seen[4], Kind::Gap { lost: 2 });
        assert_eq!(seen[5], Kind::Handle { fd: Fd(9), file: FileId(1) });
    }

    #[test]
    fn side_channel_counts_what_it_drops_and_keeps_room_for_commands() {
        let (_lanes, side, mut tap) = tap(&[1], 4);
        let command = |phase| Kind::Command { id: 1, text: "run".into(), phase };
        for _ in 0..SIDE_SLOTS {
            side.push(Kind::Note("x".into()));
        }
        for _ in 0..SIDE_SLOTS {
            side.push(Kind::Refused(crate::event::Refusal::Clients));
        }
        side.push(command(crate::event::CommandPhase::Done(None)));
        let seen = all(&mut tap);
        assert_eq!(seen.len(), SIDE_SLOTS + 2);
        assert!(matches!(seen[SIDE_SLOTS].2, Kind::Command { .. }));
        assert_eq!(seen[SIDE_SLOTS + 1].2, Kind::Gap { lost: SIDE_SLOTS as u64 });
    }

    #[test]
    fn watermark_stays_below_a_lane_that_is_stamping() {
        let (mut lanes, side, mut tap) = tap(&[1], 64);
        lanes[0].handle(Fd(1), FileId(1));
        assert_eq!(all(&mut tap).len(), 1);
        lanes[0].bounds.stamping.store(lanes[0].last, Ordering::SeqCst);
        side.push(Kind::Note("later".into()));
        let drained = tap.drain(10, &mut |_, _, _| {});
        assert_eq!((drained.events, drained.more), (0, true));
        lanes[0].abandon();
        assert_eq!(all(&mut tap).len(), 1);
    }

    #[test]
    fn order_holds_while_producers_race() {
        let (lanes, _side, mut tap) = tap(&[1, 2, 3], 1024);
        let done = Arc::new(AtomicBool::new(false));
        let threads: Vec<_> = lanes
            .into_iter()
            .map(|mut lane| {
                let done = Arc::clone(&done);
                std::thread::spawn(move || {
                    let mut pushed = 0u64;
                    while !done.load(Ordering::Relaxed) {
                        lane.handle(Fd(1), FileId(1));
                        pushed += 1;
                    }
                    pushed
                })
            })
            .collect();
        let (mut seen, mut last) = (0u64, Nanos(0));
        let mut count = |t: Nanos, _: LaneId, kind: Kind| {
            assert!(t >= last, "{t:?} after {last:?}");
            last = t;
            seen += if let Kind::Gap { lost } = kind { lost } else { 1 };
        };
        for _ in 0..2000 {
            tap.drain(1000, &mut count);
        }
        done.store(true, Ordering::Relaxed);
        let pushed: u64 = threads.into_iter().map(|t| t.join().expect("producer")).sum();
        while tap.drain(1000, &mut count).more {}
        assert_eq!(seen, pushed);
    }
}
