//! From the threads of the server to the one consumer of events, without ever making a server
//! thread wait.
//!
//! A ring for each producer, and a low-rate side channel behind a lock for what is rare. A producer
//! collects its events and puts them into its ring when it rests, or when they are many: before it
//! sleeps nobody could have looked at them. An event is put whole or not at all; what did not fit is
//! counted and becomes a gap where it was lost.
//! The consumer merges by time, up to a watermark below which no producer can still push: a
//! producer that is at work publishes the time of its last event, before it reads the clock again.

mod record;
mod writer;

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use rtrb::{Consumer, RingBuffer};

use self::record::{LONGEST, Record};
use self::writer::Bounds;
use super::doorbell::Doorbell;
use super::lock;
use crate::event::{Kind, LaneId, Nanos};
use crate::sys::clock::Clock;

pub use self::record::Handed;
pub(crate) use self::record::ring::Brought;
pub use self::writer::RingWriter;

/// Records that a ring holds.
pub const SLOTS: usize = 65_536;
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

/// The bound of a producer that rests.
const IDLE: u64 = u64::MAX;
/// Events a second from which on less is told of each, because nobody can look at it: not the
/// bytes that a call moved, and not when exactly it was made.
const LOADED: u64 = 50_000;
/// Over at least which time that is counted, nanoseconds.
const COUNTED: u64 = 5_000_000;

/// The side channel: what is rare, in any lane, stamped under its lock.
#[derive(Debug)]
pub struct SideChannel {
    clock: Clock,
    doorbell: Arc<Doorbell>,
    queue: Mutex<SideQueue>,
}

#[derive(Debug, Default)]
struct SideQueue {
    events: VecDeque<(Nanos, LaneId, Kind)>,
    last: u64,
    /// Events that found no room, a lane.
    lost: BTreeMap<LaneId, u64>,
    /// Rings that the consumer has not seen yet.
    rings: Vec<Ring>,
}

impl SideChannel {
    /// Pushes an event of the tool itself.
    pub fn push(&self, kind: Kind) {
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
            *queue.lost.entry(lane).or_default() += 1;
        }
        drop(queue);
        self.doorbell.pushed();
        t
    }

    fn take(&self, to: &mut VecDeque<(Nanos, LaneId, Kind)>) {
        let mut queue = lock(&self.queue);
        to.append(&mut queue.events);
        let (last, lost) = (Nanos(queue.last), std::mem::take(&mut queue.lost));
        to.extend(lost.into_iter().map(|(lane, lost)| (last, lane, Kind::Gap { lost })));
    }

    /// Makes a ring of so many records, and gives its producing end. No lane may have two.
    pub(crate) fn open_lane(self: &Arc<Self>, id: LaneId, slots: usize) -> RingWriter {
        let (producer, records) = RingBuffer::new(slots);
        let bounds = Arc::new(Bounds {
            floor: AtomicU64::new(IDLE),
            lost: AtomicU64::new(0),
            brief: AtomicBool::new(false),
        });
        let reader = Arc::clone(&bounds);
        let ring = Ring { lane: id, records, bounds: reader, base: 0, left: 0 };
        lock(&self.queue).rings.push(ring);
        RingWriter::new(id, producer, bounds, self.clock, Arc::clone(self))
    }
}

/// What a drain came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is one independent fact")]
pub struct DrainReport {
    /// Events handed to the sink.
    pub events: usize,
    /// Events that were lost, as told by the gaps among them.
    pub lost: u64,
    /// The bound was reached: there is more to take at once.
    pub more: bool,
    /// Events are waiting above the watermark: a producer has not rested since they happened.
    pub held: bool,
    /// No later drain hands over an event older than this.
    pub watermark: Nanos,
    /// A lane is losing events right now; its gap is still to come.
    pub losing: bool,
    /// No producer was at work when it began.
    pub idle: bool,
}

/// When a call that returned was made.
fn kind_started(kind: &Kind) -> Option<u64> {
    match kind {
        Kind::Return(record) => Some(record.started.0),
        _ => None,
    }
}

#[derive(Debug)]
struct Ring {
    lane: LaneId,
    records: Consumer<Record>,
    bounds: Arc<Bounds>,
    /// The time of the last record taken.
    base: u64,
    /// Records that were there when this drain began, and have not been taken.
    left: usize,
}

impl Ring {
    /// Whether its producer rests.
    fn is_idle(&self) -> bool {
        self.bounds.floor.load(Ordering::SeqCst) == IDLE
    }

    /// The time of the oldest event left.
    fn head(&mut self) -> Option<u64> {
        while self.left > 0 {
            let head = self.records.peek().ok()?;
            let Some(t) = head.as_time() else { return Some(self.base + head.delta()) };
            self.base = t;
            self.left -= 1;
            let _ = self.records.pop();
        }
        None
    }

    /// Takes the oldest event, which is of time `t`: its head, and what follows it into `rest`.
    fn take<'a>(&mut self, t: u64, rest: &'a mut [Record]) -> Option<(Record, &'a [Record])> {
        let head = self.records.pop().ok()?;
        let rest = rest.get_mut(..head.following())?;
        if !rest.is_empty() {
            self.records.pop_entire_slice(rest).ok()?;
        }
        self.left = self.left.saturating_sub(1 + rest.len());
        self.base = t;
        Some((head, rest))
    }
}

/// The consuming end of all lanes.
pub struct Tap {
    clock: Clock,
    rings: Vec<Ring>,
    side: Arc<SideChannel>,
    waiting: VecDeque<(Nanos, LaneId, Kind)>,
    scratch: Vec<Record>,
    /// What the producers were told last of the load.
    brief: bool,
    /// Events since then.
    counted: u64,
    counted_from: u64,
    /// The last stamp handed over, in all and a lane.
    last: u64,
    lane_last: Vec<u64>,
}

/// Makes the tap: a lane for each of `lanes`, the side channel, and their consumer. More lanes come
/// by `SideChannel::open_lane`.
pub fn channel(
    clock: Clock,
    doorbell: Arc<Doorbell>,
    lanes: &[LaneId],
    slots: usize,
) -> (Vec<RingWriter>, Arc<SideChannel>, Tap) {
    let side = Arc::new(SideChannel { clock, doorbell, queue: Mutex::new(SideQueue::default()) });
    let producers = lanes.iter().map(|id| side.open_lane(*id, slots)).collect();
    let tap = Tap {
        clock,
        rings: Vec::new(),
        side: Arc::clone(&side),
        waiting: VecDeque::new(),
        scratch: vec![Record::default(); LONGEST],
        brief: false,
        counted: 0,
        counted_from: 0,
        last: 0,
        lane_last: Vec::new(),
    };
    (producers, side, tap)
}

/// Where the oldest waiting event is.
#[derive(Clone, Copy)]
enum Source {
    Ring(usize),
    SideChannel,
}

impl Tap {
    /// Hands at most `max` events to `sink` in the order of their times.
    pub fn drain(&mut self, max: usize, sink: &mut dyn FnMut(Nanos, LaneId, Kind)) -> DrainReport {
        let now = self.clock.now().saturating_sub(1);
        // A ring that is made after this holds nothing that is not later than now.
        self.take_rings();
        let idle = self.rings.iter().all(Ring::is_idle);
        let watermark = self.watermark(now);
        self.side.take(&mut self.waiting);
        // What comes after this look is above the watermark.
        self.rings.iter_mut().for_each(|ring| ring.left = ring.records.slots());
        let mut drained = DrainReport { watermark: Nanos(watermark), ..DrainReport::default() };
        while drained.events < max
            && let Some((source, until)) = self.oldest(watermark)
        {
            match source {
                Source::SideChannel => {
                    if let Some((t, lane, kind)) = self.waiting.pop_front() {
                        self.hand_over(t.0, lane, kind, &mut drained, sink);
                    }
                }
                Source::Ring(index) => {
                    self.take_run(index, until, max, &mut drained, sink);
                    // What others did after this is not to be looked at without what is missing.
                    self.silent_gap(index, &mut drained, sink);
                }
            }
        }
        let left = !self.waiting.is_empty() || self.rings.iter_mut().any(|r| r.head().is_some());
        drained.more = drained.events >= max && left;
        drained.held = !drained.more && left;
        self.tell_load(drained.events);
        drained.idle = idle;
        drained.losing = self.rings.iter().any(|r| r.bounds.lost.load(Ordering::Relaxed) > 0);
        if drained.more {
            // Older events than the watermark may still be waiting.
            drained.watermark = Nanos(self.last);
        } else {
            (0..self.rings.len()).for_each(|index| self.silent_gap(index, &mut drained, sink));
        }
        drained
    }

    /// Tells the producers whether many events come.
    fn tell_load(&mut self, events: usize) {
        let now = self.clock.now();
        self.counted += u64::try_from(events).unwrap_or(0);
        let time = now - self.counted_from;
        if time < COUNTED {
            return;
        }
        let brief = self.counted > LOADED * time / 1_000_000_000;
        (self.counted, self.counted_from) = (0, now);
        if brief != self.brief {
            self.brief = brief;
            self.rings.iter().for_each(|ring| ring.bounds.brief.store(brief, Ordering::Relaxed));
        }
    }

    /// Takes over the rings that were made since the last look.
    fn take_rings(&mut self) {
        for ring in lock(&self.side.queue).rings.drain(..) {
            ring.bounds.brief.store(self.brief, Ordering::Relaxed);
            self.rings.push(ring);
        }
    }

    /// Everything stamped at or before this has been pushed; it is not after `now`.
    fn watermark(&self, now: u64) -> u64 {
        let bounds = self.rings.iter().map(|r| r.bounds.floor.load(Ordering::SeqCst));
        bounds.fold(now, u64::min)
    }

    /// Where the oldest event is, and up to when all others there are older than any elsewhere;
    /// nothing above the watermark.
    fn oldest(&mut self, watermark: u64) -> Option<(Source, u64)> {
        let side = self.waiting.front().map(|(t, ..)| t.0);
        let (mut first, mut second) = ((side.unwrap_or(IDLE), Source::SideChannel), watermark);
        for (index, ring) in self.rings.iter_mut().enumerate() {
            let Some(t) = ring.head() else { continue };
            if t < first.0 {
                second = second.min(first.0);
                first = (t, Source::Ring(index));
            } else {
                second = second.min(t);
            }
        }
        (first.0 <= watermark).then_some((first.1, second))
    }

    /// Takes events of one ring up to the time `until`.
    fn take_run(
        &mut self,
        index: usize,
        until: u64,
        max: usize,
        drained: &mut DrainReport,
        sink: &mut dyn FnMut(Nanos, LaneId, Kind),
    ) {
        let mut scratch = std::mem::take(&mut self.scratch);
        let lane = self.rings[index].lane;
        while drained.events < max {
            let ring = &mut self.rings[index];
            let Some(t) = ring.head().filter(|t| *t <= until) else { break };
            let Some((head, rest)) = ring.take(t, &mut scratch) else { break };
            let kind = record::decode(&head, rest, t).unwrap_or(Kind::Gap { lost: 1 });
            if let Some((fd, file)) = head.turned() {
                let before = kind_started(&kind).unwrap_or(t);
                self.hand_over(before, lane, Kind::Handle { fd, file }, drained, sink);
            }
            self.hand_over(t, lane, kind, drained, sink);
        }
        self.scratch = scratch;
    }

    /// The gap of a producer that has lost something since its last record: nothing of it is
    /// waiting, so this is the place.
    fn silent_gap(
        &mut self,
        index: usize,
        drained: &mut DrainReport,
        sink: &mut dyn FnMut(Nanos, LaneId, Kind),
    ) {
        let ring = &self.rings[index];
        if ring.records.is_empty() && ring.bounds.lost.load(Ordering::Relaxed) > 0 {
            let lost = ring.bounds.lost.swap(0, Ordering::SeqCst);
            let lane = ring.lane;
            self.hand_over(self.last, lane, Kind::Gap { lost }, drained, sink);
        }
    }

    fn hand_over(
        &mut self,
        t: u64,
        lane: LaneId,
        kind: Kind,
        drained: &mut DrainReport,
        sink: &mut dyn FnMut(Nanos, LaneId, Kind),
    ) {
        let index = usize::from(lane.0);
        if self.lane_last.len() <= index {
            self.lane_last.resize(index + 1, 0);
        }
        let own = &mut self.lane_last[index];
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
mod tests;
