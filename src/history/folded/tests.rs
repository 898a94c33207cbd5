//! What is known of a moment that is far from now.

use std::cell::Cell;
use std::rc::Rc;

use super::*;
use crate::event::{Nanos, Trigger};
use crate::history::History;
use crate::journal::tests::event;
use crate::journal::{BlockId, Limits, Shelf, Stretch};
use crate::model::scenario::{EDGE, IN, LEVEL, Scenario};
use crate::model::{Mark, Track, TrackId};

/// Events in a block of a shelf, and blocks from one world to the next.
const BLOCK: u64 = 4096;
const WORLD_EACH: usize = 8;

/// A shelf of events without end, which counts what is asked of it.
struct Counting {
    worlds: Vec<World>,
    read: Rc<Cell<usize>>,
}

impl Shelf for Counting {
    fn events(&self, block: BlockId) -> Option<Vec<Event>> {
        self.read.set(self.read.get() + 1);
        let first = block.0 as u64 * BLOCK;
        Some((first..first + BLOCK).map(|n| event(n, 10)).collect())
    }

    fn world(&self, block: BlockId) -> Option<World> {
        self.worlds.get(block.0 / WORLD_EACH).cloned()
    }
}

/// A journal of so many blocks, and how many of them have been read.
fn shelved(blocks: usize) -> (Journal, Rc<Cell<usize>>) {
    let (mut world, mut worlds) = (World::default(), Vec::new());
    for n in 0..blocks as u64 * BLOCK {
        if n % (BLOCK * WORLD_EACH as u64) == 0 {
            worlds.push(world.clone());
        }
        world.apply(&event(n, 10));
    }
    let stretches = (0..blocks).map(|n| {
        let first = n as u64 * BLOCK;
        let (from, until) = (event(first, 10).t, event(first + BLOCK - 1, 10).t);
        let id = Some(BlockId(n));
        let world = id.filter(|_| n.is_multiple_of(WORLD_EACH));
        Stretch { first: Seq(first + 1), last: Seq(first + BLOCK), from, until, events: id, world }
    });
    let read = Rc::new(Cell::new(0));
    let shelf = Box::new(Counting { worlds, read: Rc::clone(&read) });
    (Journal::shelved(shelf, stretches, World::default()), read)
}

#[test]
fn who_comes_through_reads_no_more_than_from_a_world_that_is_kept() {
    let (journal, read) = shelved(40);
    let cost = |fold: &mut dyn FnMut() -> Folded| {
        read.set(0);
        (fold(), read.get())
    };
    let (long, all) = cost(&mut || Folded::at(&journal, Seq(150_000), Hindsight::Long));
    assert!(all >= 32, "{all}");
    let (mut short, few) = cost(&mut || Folded::at(&journal, Seq(150_000), Hindsight::Short));
    assert!(few <= WORLD_EACH + 2, "{few}");
    assert_eq!(short.world(), long.world());
    // A little further it goes on from where it is; far away it does not.
    read.set(0);
    assert!(short.reach(&journal, Seq(155_000), Hindsight::Short));
    assert!(read.get() <= 3, "{}", read.get());
    assert_eq!(short.world(), &journal.at(Seq(155_000)));
    let (mut short, _) = cost(&mut || Folded::at(&journal, Seq(40_000), Hindsight::Short));
    read.set(0);
    assert!(!short.reach(&journal, Seq(150_000), Hindsight::Short));
    assert_eq!(read.get(), 0, "it is folded anew from elsewhere");
}

/// What a history has of all these events but some, behind which it goes on from the world there.
fn without(events: &[Event], lost: std::ops::RangeInclusive<u64>) -> History {
    let mut history = History::new(Limits::default(), World::default());
    let mut world = World::default();
    for event in events {
        world.apply(event);
        if !lost.contains(&event.seq.0) {
            history.receive(event.clone());
        } else if *lost.end() == event.seq.0 {
            history.resume(world.clone());
        }
    }
    history
}

fn marks(track: &Track, from: Nanos) -> Vec<Mark> {
    track.window(from, Nanos::MAX).collect()
}

#[test]
fn behind_events_that_are_missing_the_tracks_go_on_as_whoever_was_there_saw_them() {
    let s = Scenario::new().listen(4, LEVEL).client(7, LEVEL).client(9, EDGE).enter(1);
    let first = s.seq().0 + 1;
    let s = s.client(11, EDGE).arrive(9, 5);
    let last = s.seq().0;
    let s = s.report(1, &[(9, IN)]).read(1, 9, 64, 5).again(1, 9).enter(1);
    let history = without(&s.told, first..=last);
    let folded = Folded::at(history.journal(), s.seq(), Hindsight::Long);
    assert_eq!(folded.world(), history.world());
    let (header, seen) = (crate::event::Header::default(), folded.timeline(None));
    let live = history.scene(&header, None).timeline;
    for fd in [4, 7, 9, 11] {
        let id = TrackId::Watch(s.key(fd));
        let span = seen.track(id).and_then(Track::span);
        assert_eq!(span, s.timeline.track(id).and_then(Track::span), "{fd}");
        assert_eq!(span, live.track(id).and_then(Track::span), "{fd}");
        assert!(span.is_some_and(|span| span != Span::Unknown), "{fd}");
    }
    // What was while they are missing is not known.
    let quiet = seen.track(TrackId::Watch(s.key(7))).expect("a track");
    let lost = history.journal().get(Seq(first)).expect("the gap").t;
    assert_eq!(quiet.span_before(Nanos(lost.0 + 1)), Some(Span::Unknown));
}

#[test]
fn who_comes_through_knows_less_of_the_past_and_nothing_else() {
    let s = Scenario::new().every(1000).listen(4, LEVEL).client(7, LEVEL).client(9, EDGE);
    let s = s.repeat(6000, |s| {
        let s = s.enter(1).arrive(9, 5).report(1, &[(9, IN)]);
        s.read(1, 9, 64, 5).again(1, 9)
    });
    let mut history = History::new(Limits::default(), World::default());
    for event in &s.told {
        history.receive(event.clone());
    }
    let (journal, seq) = (history.journal(), Seq(25_000));
    let [long, short] = [Hindsight::Long, Hindsight::Short].map(|hindsight| {
        let folded = Folded::at(journal, seq, hindsight);
        assert_eq!(folded.world(), &journal.at(seq));
        folded
    });
    let (known, less) = (long.timeline(None), short.timeline(None));
    let begun = journal.get(short.first.back()).expect("it is kept").t;
    assert!((Folded::NEAR..20_000).contains(&(seq.0 - short.first.0)), "{:?}", short.first);
    assert!(known.tracks().map(|(id, _)| id).eq(less.tracks().map(|(id, _)| id)));
    for (id, track) in known.tracks() {
        let other = less.track(id).expect("a track");
        assert!(other.dropped_until() >= begun, "before that it is not known");
        let after = Nanos(track.dropped_until().max(begun).0 + 2000);
        assert_eq!(other.span_before(after), track.span_before(after), "{id:?}");
        assert_eq!(marks(other, after), marks(track, after), "{id:?}");
    }
    // What was quiet all the time is there, as it was.
    let quiet = less.track(TrackId::Watch(s.key(7))).expect("a track");
    assert_eq!(quiet.span(), Some(Span::Quiet(Trigger::Level)));
    assert_eq!(quiet.dropped_until(), begun);
}

#[test]
fn who_stands_knows_more_than_who_came_through() {
    let (journal, _) = shelved(40);
    let seq = Seq(150_000);
    let mut folded = Folded::at(&journal, seq, Hindsight::Short);
    assert!(folded.reach(&journal, seq, Hindsight::Short));
    assert!(!folded.reach(&journal, seq, Hindsight::Long));
    let mut folded = Folded::at(&journal, seq, Hindsight::Long);
    assert!(folded.reach(&journal, seq, Hindsight::Short));
    assert!(folded.reach(&journal, Seq(seq.0 - 1), Hindsight::Long), "a step back costs nothing");
    assert!(!folded.reach(&journal, Seq(seq.0 - Folded::NEAR), Hindsight::Long));
}
