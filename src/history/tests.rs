//! Several epoll instances, time, and sinks.

use std::cell::RefCell;
use std::rc::Rc;

use super::*;
use crate::event::{Mask, Reason};
use crate::model::scenario::{EDGE, LEVEL, Scenario};
use crate::model::teller::Teller;
use crate::model::{Track, TrackId};

fn look(history: &mut History, t: u64, kinds: Vec<Kind>) {
    for kind in kinds {
        history.push(Nanos(t), LaneId(1), kind);
    }
}

/// Two instances that watch the same pipe; only the second lists it.
fn fed() -> History {
    let mut history = History::new(Limits::default(), World::of_steps());
    let mut teller = Teller::new();
    teller.epoll(3, "a").epoll(4, "b").pipe("p", 5).watch(3, 5, Mask::IN).watch(4, 5, Mask::IN);
    look(&mut history, 1, teller.tell());
    teller.unread(5, 1).ready(4, &[(5, Reason::Arrived(None))]);
    look(&mut history, 2, teller.tell());
    history
}

fn file(ep: i32) -> FileId {
    Teller::key(ep).file
}

#[test]
fn each_instance_has_its_own_tracks() {
    let (history, header) = (fed(), Header::default());
    let marks = |ep: i32| {
        let scene = history.scene(&header, Some(file(ep)));
        let track = scene.timeline.track(TrackId::Watch(Teller::key(5))).expect("a track");
        track.window(Nanos(0), Nanos(9)).count()
    };
    assert!(marks(4) > marks(3), "there it was listed");
    assert_eq!(history.world().through(Some(file(9))).id, Some(file(3)), "there is none");
}

#[test]
fn without_an_instance_the_threads_go_on() {
    let (mut history, header) = (fed(), Header::default());
    let before = |history: &History| {
        let scene = history.scene(&header, None);
        let main = scene.timeline.track(TrackId::Lane(LaneId(1))).expect("the main thread's track");
        (main.begins(), scene.timeline.last_watch())
    };
    assert_eq!(before(&history), (Nanos(1), Some(Teller::key(5))));
    look(&mut history, 3, Teller::new().tell());
    assert_eq!(before(&history), (Nanos(1), None));
}

#[test]
fn the_history_leads_to_the_same_world() {
    let history = fed();
    let again = history.journal().at(history.world().seq);
    assert_eq!(again.clock, history.world().clock);
    assert_eq!(again.pollers, history.world().pollers);
    assert_eq!(again.files, history.world().files);
}

#[test]
fn no_event_is_later_than_the_last_time_there_is() {
    let mut history = fed();
    for t in [Nanos::MAX.0 + 1, u64::MAX, 7] {
        history.push(Nanos(t), LaneId(1), Kind::Idle);
        assert_eq!(history.world().t, Nanos::MAX);
    }
}

#[test]
fn an_instance_that_comes_later_has_the_threads_from_the_beginning() {
    let mut history = fed();
    let mut teller = Teller::new();
    teller.epoll(3, "a").epoll(7, "c");
    look(&mut history, 3, teller.tell());
    let header = Header::default();
    let scene = history.scene(&header, Some(file(7)));
    let main = scene.timeline.track(TrackId::Lane(LaneId(1))).expect("the main thread's track");
    assert_eq!(main.begins(), Nanos(1));
}

/// Takes so many events, then fails.
struct Short {
    left: usize,
    told: Rc<RefCell<Vec<Seq>>>,
}

impl Sink for Short {
    fn event(&mut self, event: &Event, world: &World) -> io::Result<()> {
        assert_eq!(event.seq, world.seq, "the world is that after the event");
        self.left = self.left.checked_sub(1).ok_or(io::ErrorKind::StorageFull)?;
        self.told.borrow_mut().push(event.seq);
        Ok(())
    }

    fn flush(&mut self, _: &World) -> io::Result<()> {
        Ok(())
    }

    fn finish(self: Box<Self>, _: &World) -> io::Result<()> {
        self.told.borrow_mut().push(Seq(0));
        Ok(())
    }
}

#[test]
fn a_sink_that_fails_is_let_go_and_the_others_are_told_on() {
    let mut history = History::default();
    let told = [2, 9].map(|left| {
        let told = Rc::new(RefCell::new(Vec::new()));
        history.add(Box::new(Short { left, told: Rc::clone(&told) }));
        told
    });
    for t in 1..=4 {
        history.push(Nanos(t), LaneId::TOOL, Kind::Idle);
    }
    history.flush();
    assert_eq!(history.failure().map(|e| e.kind()), Some(io::ErrorKind::StorageFull));
    history.finish();
    assert!(history.failure().is_none());
    let told = told.map(|told| told.borrow().iter().map(|seq| seq.0).collect::<Vec<_>>());
    assert_eq!(told, [vec![1, 2], vec![1, 2, 3, 4, 0]]);
}

#[test]
fn who_begins_in_the_middle_has_the_tracks_of_what_is_there() {
    let shared = Scenario::new().client(7, LEVEL).client(9, EDGE).arrive(9, 5);
    let header = Header::default();
    let mut late = History::new(Limits::default(), World::default());
    late.resume(shared.world.clone());
    late.push(shared.world.t, LaneId::TOOL, Kind::Idle);
    let timeline = late.scene(&header, None).timeline;
    for fd in [7, 9] {
        let id = TrackId::Watch(shared.key(fd));
        let span = shared.timeline.track(id).and_then(Track::span);
        assert!(span.is_some());
        assert_eq!(timeline.track(id).and_then(Track::span), span, "{fd}");
    }
}
