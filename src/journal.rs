//! The bounded history: every event, packed, with keyframes from which any moment is folded again.
//!
//! ```text
//!  dropped │ chunk          │ chunk          │ chunk          │ chunk being filled
//!          │ world, events  │ events         │ world, events  │ events             <── push
//!            ^                                 ^    │
//!            the oldest moment there is        └────┴─> at: that world, and the events up to there
//! ```
//!
//! The past is not stored: it is folded again by the function that folds the present, so the two
//! cannot differ.

mod chunk;
pub(crate) mod pack;
mod retell;
mod shelf;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use crate::event::{Event, Nanos, Seq};
use crate::model::World;

use chunk::{Base, CHUNK, Chunk, Kept};
pub use retell::{Retelling, RetoldItem};
pub use shelf::{BlockId, Shelf, Stretch};

/// How much history is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Events, at least one chunk (4,096).
    pub events: u64,
    /// Bytes of packed events and keyframes, at least one chunk.
    pub bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { events: 1_000_000, bytes: 64 << 20 }
    }
}

/// Chunks that are remembered unpacked: a screen looks at the events around a moment.
const UNPACKED: usize = 4;

/// Events of a chunk that has been unpacked, as far as it has been.
struct Unpacked {
    first: Seq,
    events: Rc<Vec<Event>>,
    /// Bytes of the chunk that they are.
    used: usize,
}

impl Unpacked {
    /// Takes over what has come since.
    fn unpack(&mut self, chunk: &Chunk, packed: &[u8]) {
        if self.used == packed.len() {
            return;
        }
        let last = self.events.last();
        let (seq, t) = last.map_or((chunk.first, chunk.from), |event| (event.seq.next(), event.t));
        let events = Rc::make_mut(&mut self.events);
        events.reserve(CHUNK - events.len().min(CHUNK));
        pack::unpack(&packed[self.used..], seq, t, |event| {
            events.push(event);
            true
        });
        self.used = packed.len();
    }
}

/// The history of a run: `push` at one end, the oldest dropped at the other, `at` any point between.
///
/// An event is packed when it is pushed. From time to time, and not more often than the worlds
/// stay small beside the events between them, the world is kept too.
pub struct Journal {
    limits: Limits,
    /// The last one still grows.
    chunks: VecDeque<Chunk>,
    bytes: usize,
    /// Bytes of packed events since the last keyframe.
    since_base: usize,
    /// The world after the last event, if the next one begins a chunk with a keyframe.
    base: Option<Base>,
    dropped: u64,
    /// The chunks that were unpacked last, the newest first.
    unpacked: RefCell<Vec<Unpacked>>,
    /// Where chunks are that are not here.
    shelf: Option<Box<dyn Shelf>>,
    /// The world before the first event, if none is kept with it.
    origin: Box<World>,
    /// What followed the last event is not to be had.
    cut: bool,
}

impl Journal {
    /// An empty journal, of a world of which nothing is known.
    pub fn new(limits: Limits) -> Self {
        Self::beginning(limits, World::default())
    }

    /// An empty journal that begins with that world.
    pub fn beginning(limits: Limits, world: World) -> Self {
        Self {
            limits,
            chunks: VecDeque::new(),
            bytes: 0,
            since_base: 0,
            base: Some(Base::Here(Box::new(world))),
            dropped: 0,
            unpacked: RefCell::default(),
            shelf: None,
            origin: Box::default(),
            cut: false,
        }
    }

    /// A journal of what is on a shelf, which has a stretch of events after the other without a
    /// hole between them. Nothing of it is dropped.
    pub fn shelved(
        shelf: Box<dyn Shelf>,
        stretches: impl IntoIterator<Item = Stretch>,
        before: World,
    ) -> Self {
        let limits = Limits { events: u64::MAX, bytes: usize::MAX };
        let chunks = stretches.into_iter().map(|stretch| Chunk::shelved(&stretch)).collect();
        let (shelf, origin) = (Some(shelf), Box::new(before));
        Self { chunks, base: None, shelf, origin, ..Self::new(limits) }
    }

    /// The same, of what breaks off after its last event if it is `cut`.
    #[must_use]
    pub fn broken_off(self, cut: bool) -> Self {
        Self { cut, ..self }
    }

    /// Whether it breaks off after that event: what followed is not to be had.
    pub fn breaks_off_after(&self, seq: Seq) -> bool {
        self.cut && self.last() == Some(seq)
    }

    /// Appends an event that has just been folded into `world`.
    pub fn push(&mut self, event: &Event, world: &World) {
        match self.chunks.back_mut().filter(|chunk| chunk.grows()) {
            Some(chunk) => chunk.push(event),
            None => self.chunks.push_back(Chunk::begin(event, self.base.take())),
        }
        if self.chunks.back().is_some_and(|chunk| chunk.events() == CHUNK) {
            self.seal(world);
        }
    }

    /// The events up to `last`, which was at `t`, are not to be had; that is the world without them.
    pub fn skip(&mut self, last: Seq, t: Nanos, world: &World) {
        if self.chunks.back().is_some_and(Chunk::grows) {
            self.seal(world);
        }
        let first = self.last().map_or(Seq(1), Seq::next);
        let from = self.until().unwrap_or_default();
        self.chunks.push_back(Chunk::lost((first, from), (last, t), self.base.take()));
    }

    /// The next event, which begins a chunk, follows that world.
    pub fn resume(&mut self, world: &World) {
        self.base = Some(Base::Here(Box::new(world.clone())));
    }

    /// The oldest event kept; `None` if there is none.
    pub fn first(&self) -> Option<Seq> {
        self.chunks.front().map(|c| c.first)
    }

    /// The newest event; `None` if there is none.
    pub fn last(&self) -> Option<Seq> {
        self.chunks.back().map(|c| c.last)
    }

    /// The time of the oldest event kept.
    pub fn begins(&self) -> Option<Nanos> {
        self.chunks.front().map(|c| c.from)
    }

    /// The time of the newest event.
    pub fn until(&self) -> Option<Nanos> {
        self.chunks.back().map(|c| c.until)
    }

    /// Events kept.
    pub fn len(&self) -> u64 {
        match (self.first(), self.last()) {
            (Some(first), Some(last)) => last.0 - first.0 + 1,
            _ => 0,
        }
    }

    /// Whether nothing is kept.
    pub fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }

    /// Events dropped at the old end.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Bytes held by events and keyframes, an estimate for the latter.
    pub fn bytes(&self) -> usize {
        let growing = self.chunks.back().filter(|chunk| chunk.grows());
        let next = self.base.as_ref().map_or(0, Base::size);
        self.bytes + growing.map_or(0, Chunk::bytes) + next
    }

    /// The event at `seq`, if it is kept.
    pub fn get(&self, seq: Seq) -> Option<Event> {
        self.with_chunk(seq, |chunk, events| {
            events.get(usize::try_from(seq.0.checked_sub(chunk.first.0)?).ok()?).cloned()
        })
        .flatten()
    }

    /// The world as it was after the event at `seq`. Before the first event kept it is the world
    /// at the first one; after the last one, the world at the last.
    pub fn at(&self, seq: Seq) -> World {
        let seq = seq.max(self.first().unwrap_or(Seq(0)));
        let behind = self.chunks.partition_point(|c| c.last < seq);
        let holder = behind.min(self.chunks.len().saturating_sub(1));
        let based = |at: usize| Some((at, self.base_of(self.chunks.get(at)?)?));
        let based = (0..=holder).rev().find_map(based);
        let (based, mut world) = based.unwrap_or_else(|| (0, (*self.origin).clone()));
        for chunk in self.chunks.range(based..).take(holder + 1 - based) {
            self.visit(chunk, |event| {
                if event.seq <= seq {
                    world.apply(event);
                }
                event.seq < seq
            });
        }
        world
    }

    /// The world before the first event that is kept.
    pub fn origin(&self) -> World {
        let first = self.chunks.front().and_then(|chunk| self.base_of(chunk));
        first.unwrap_or_else(|| (*self.origin).clone())
    }

    /// The world from which that event goes on. Behind events that are not to be had it is the one
    /// that came instead of them, if one did: of that [`Journal::at`] of the event before knows
    /// nothing.
    pub fn before(&self, seq: Seq) -> World {
        self.begun(seq).unwrap_or_else(|| self.at(seq.back()))
    }

    /// The world that is kept before that event.
    pub fn begun(&self, seq: Seq) -> Option<World> {
        let holder = self.chunks.partition_point(|c| c.last < seq);
        let begun = self.chunks.get(holder).filter(|chunk| chunk.first == seq);
        begun.and_then(|chunk| self.base_of(chunk))
    }

    /// The last event at or before that one, before which a world is kept; the first one kept if
    /// there is none.
    pub fn based(&self, seq: Seq) -> Option<Seq> {
        let begun = self.chunks.partition_point(|c| c.first <= seq);
        let based = self.chunks.range(..begun).rev().find(|chunk| chunk.base.is_some());
        based.map(|chunk| chunk.first).or_else(|| self.first())
    }

    /// The world before a chunk, if it is kept and can be had.
    fn base_of(&self, chunk: &Chunk) -> Option<World> {
        match chunk.base.as_ref()? {
            Base::Here(world) => Some((**world).clone()),
            Base::Shelved(block) => self.shelf.as_ref()?.world(*block),
        }
    }

    /// Visits the events of a chunk in order while `visit` returns true.
    fn visit(&self, chunk: &Chunk, mut visit: impl FnMut(&Event) -> bool) {
        if let Kept::Packed(packed) = &chunk.kept {
            pack::unpack(packed, chunk.first, chunk.from, |event| visit(&event));
        } else {
            let _ended = self.unpacked(chunk).iter().all(visit);
        }
    }

    /// The last event at or before `t`; the first one kept if all are later.
    pub fn seq_at(&self, t: Nanos) -> Option<Seq> {
        let holder = self.chunks.partition_point(|c| c.from <= t);
        let Some(chunk) = holder.checked_sub(1).map(|i| &self.chunks[i]) else {
            return self.first();
        };
        self.with_chunk(chunk.first, |_, events| {
            let n = events.partition_point(|e| e.t <= t);
            events.get(n.saturating_sub(1)).map(|e| e.seq)
        })
        .flatten()
    }

    /// Visits events from `seq` towards the past until `visit` returns false.
    pub fn back_from(&self, seq: Seq, mut visit: impl FnMut(&Event) -> bool) {
        let mut next = seq.min(self.last().unwrap_or(Seq(0)));
        while let Some((first, goes_on)) = self.with_chunk(next, |chunk, events| {
            let n = events.partition_point(|event| event.seq <= next);
            (chunk.first, events[..n].iter().rev().all(&mut visit))
        }) {
            if !goes_on || first.0 <= 1 {
                return;
            }
            next = first.back();
        }
    }

    /// Visits events from `seq` towards the present until `visit` returns false.
    pub fn forward_from(&self, seq: Seq, mut visit: impl FnMut(&Event) -> bool) {
        let mut next = seq.max(self.first().unwrap_or(Seq(0)));
        while let Some((last, goes_on)) = self.with_chunk(next, |chunk, events| {
            let n = events.partition_point(|event| event.seq < next);
            (chunk.last, events[n..].iter().all(&mut visit))
        }) {
            if !goes_on {
                return;
            }
            next = last.next();
        }
    }

    /// Runs `f` on the chunk that holds `seq`, and its events.
    fn with_chunk<R>(&self, seq: Seq, f: impl FnOnce(&Chunk, &[Event]) -> R) -> Option<R> {
        let holder = self.chunks.partition_point(|c| c.last < seq);
        let chunk = self.chunks.get(holder).filter(|c| c.first <= seq)?;
        let events = self.unpacked(chunk);
        Some(f(chunk, &events))
    }

    /// All events of a chunk. Those of the last few asked for are remembered; a chunk that has
    /// grown since then is unpacked from where that ended.
    fn unpacked(&self, chunk: &Chunk) -> Rc<Vec<Event>> {
        let mut cache = self.unpacked.borrow_mut();
        let place = cache.iter().position(|known| known.first == chunk.first);
        let none = || Unpacked { first: chunk.first, events: Rc::default(), used: 0 };
        let mut known = place.map_or_else(none, |place| cache.remove(place));
        match &chunk.kept {
            Kept::Packed(packed) => known.unpack(chunk, packed),
            Kept::Shelved(block) if known.events.is_empty() => {
                let events = self.shelf.as_ref().and_then(|shelf| shelf.events(*block));
                known.events = Rc::new(events.unwrap_or_else(|| vec![chunk.gap()]));
            }
            Kept::Lost if known.events.is_empty() => known.events = Rc::new(vec![chunk.gap()]),
            Kept::Shelved(_) | Kept::Lost => {}
        }
        let events = Rc::clone(&known.events);
        cache.insert(0, known);
        cache.truncate(UNPACKED);
        events
    }

    /// The last chunk is full.
    fn seal(&mut self, world: &World) {
        let Some(chunk) = self.chunks.back_mut() else { return };
        if let Kept::Packed(packed) = &mut chunk.kept {
            packed.shrink_to_fit();
        }
        self.since_base = if chunk.base.is_some() { 0 } else { self.since_base } + chunk.packed();
        self.bytes += chunk.bytes();
        self.base = (self.since_base >= world.size()).then(|| Base::Here(Box::new(world.clone())));
        while self.chunks.len() > 1
            && (self.len() > self.limits.events || self.bytes > self.limits.bytes)
        {
            self.drop_oldest();
        }
    }

    /// Drops the oldest chunk; the next one inherits a keyframe if it has none.
    fn drop_oldest(&mut self) {
        let Some(oldest) = self.chunks.pop_front() else { return };
        self.bytes -= oldest.bytes();
        self.dropped += oldest.last.0 - oldest.first.0 + 1;
        if self.chunks.front().is_none_or(|next| next.base.is_some()) {
            return;
        }
        let mut world = self.base_of(&oldest).unwrap_or_default();
        self.visit(&oldest, |event| {
            world.apply(event);
            true
        });
        self.bytes += world.size();
        if let Some(next) = self.chunks.front_mut() {
            next.base = Some(Base::Here(Box::new(world)));
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::event::{
        Fd, FileId, FileKind, Kind, LaneId, Output, Peer, Ret, Syscall, SyscallRecord,
    };

    /// Connections that come and go, with reads between: event number `n` of one each `step`.
    pub(crate) fn event(n: u64, step: u64) -> Event {
        let lane = LaneId(1);
        let started = Nanos(n * step);
        let fd = Fd(7 + i32::try_from(n / 3 % 40).expect("small"));
        let call = |call, ret, output| Kind::Return(SyscallRecord { call, ret, output, started });
        let kind = match n % 3 {
            0 if n == 0 => Kind::Open {
                fd: Fd(4),
                file: FileId(1),
                what: FileKind::Listener,
                name: "x".into(),
            },
            0 => {
                let file = FileId(u32::try_from(n).expect("small"));
                let output = Output::Accepted { file, peer: Peer::Unknown };
                call(Syscall::Accept { fd: Fd(4) }, Ret::ok(fd.0.into()), output)
            }
            1 => call(Syscall::Read { fd, len: 64 }, Ret::ok(3), Output::Data(b"abc"[..].into())),
            _ if n.is_multiple_of(2) => call(Syscall::Close { fd }, Ret::ok(0), Output::None),
            _ => Kind::Note("a note".into()),
        };
        Event { seq: Seq(n + 1), t: Nanos(n * step + 5), lane, kind }
    }

    fn filled(count: u64, limits: Limits) -> (Journal, World) {
        let (mut journal, mut world) = (Journal::new(limits), World::default());
        for n in 0..count {
            world.apply(&event(n, 10));
            journal.push(&event(n, 10), &world);
        }
        (journal, world)
    }

    #[test]
    fn any_moment_is_folded_again_exactly() {
        let (journal, live) = filled(20_000, Limits::default());
        let mut world = World::default();
        for n in 0..20_000 {
            world.apply(&event(n, 10));
            if n % 1_777 == 0 || n % 4096 < 2 {
                assert_eq!(journal.at(Seq(n + 1)), world, "event {n}");
                assert_eq!(journal.get(Seq(n + 1)), Some(event(n, 10)));
            }
        }
        assert_eq!(journal.at(Seq(20_000)), live);
        assert_eq!(journal.at(Seq(u64::MAX)), live);
        assert_eq!(journal.get(Seq(20_001)), None);
        assert_eq!(journal.get(Seq(0)), None);
    }

    #[test]
    fn the_oldest_is_dropped_at_the_bound_and_the_rest_still_folds() {
        let (journal, live) = filled(40_000, Limits { events: 10_000, bytes: usize::MAX });
        assert!(journal.len() <= 10_000 + 4096, "{}", journal.len());
        let first = journal.first().expect("some are left");
        assert_eq!(journal.dropped(), first.0 - 1);
        let mut world = World::default();
        (0..first.0).for_each(|n| world.apply(&event(n, 10)));
        assert_eq!(journal.at(first), world);
        assert_eq!(journal.at(Seq(1)), world, "before the first it is the first");
        assert_eq!(journal.at(Seq(40_000)), live);
    }

    #[test]
    fn the_bound_in_bytes_holds() {
        let limits = Limits { events: u64::MAX, bytes: 100_000 };
        let (journal, live) = filled(40_000, limits);
        // What is always kept: the newest events, and a keyframe before them and before a chunk.
        let kept = 4096 * 64 + 2 * live.size();
        assert!(journal.bytes() <= 100_000 + kept, "{}", journal.bytes());
        assert!(journal.dropped() > 0);
    }

    #[test]
    fn events_are_found_by_time_and_visited_both_ways() {
        let (journal, _) = filled(10_000, Limits::default());
        for (t, seq) in [(0, 1), (5, 1), (14, 1), (15, 2), (50_004, 5_000), (999_999, 10_000)] {
            assert_eq!(journal.seq_at(Nanos(t)), Some(Seq(seq)), "at {t}");
        }
        let mut back = Vec::new();
        journal.back_from(Seq(5_000), |e| {
            back.push(e.seq.0);
            back.len() < 3_000
        });
        assert_eq!(back, (2_001..=5_000).rev().collect::<Vec<_>>());
        let mut forward = Vec::new();
        journal.forward_from(Seq(4_000), |e| {
            forward.push(e.seq.0);
            true
        });
        assert_eq!(forward, (4_000..=10_000).collect::<Vec<_>>());
        assert!(Journal::new(Limits::default()).is_empty());
    }
}
