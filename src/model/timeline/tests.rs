//! Tracks as letters: spans in capitals, moments in small.

use crate::event::{CtlOp, Errno, LaneId, Mask, Nanos};
use crate::model::scenario::{EDGE, IN, LEVEL, Scenario};
use crate::model::{Span, Timeline, TrackId};

const T1: TrackId = TrackId::Lane(LaneId(1));

/// The marks of the registration of fd 7.
#[track_caller]
fn check(scenario: &Scenario, marks: &str) {
    assert_eq!(scenario.track(TrackId::Watch(scenario.key(7))), marks);
}

fn start() -> Scenario {
    Scenario::new().listen(4, LEVEL)
}

#[test]
fn edge_entry_is_ready_until_it_is_reported() {
    let s = start().client(7, EDGE);
    check(&s, "changed EDGE");
    let s = s.enter(1).arrive(7, 12);
    check(&s, "changed EDGE arrive READY");
    let s = s.report(1, &[(7, IN)]).read(1, 7, 4096, 12).again(1, 7).enter(1);
    check(&s, "changed EDGE arrive READY report EDGE read again");
}

#[test]
fn level_entry_is_put_back_until_the_next_wait_drops_it() {
    let s = start().client(7, LEVEL).enter(1).arrive(7, 12).report(1, &[(7, IN)]);
    check(&s, "changed LEVEL arrive READY report BACK");
    let s = s.read(1, 7, 4096, 12).send(1, 7, 12, 12).again(1, 7).enter(1);
    check(&s, "changed LEVEL arrive READY report BACK read write again LEVEL");
}

#[test]
fn trigger_change_and_close_are_marked() {
    let s = start().client(7, LEVEL).rearm(1, 7, EDGE);
    check(&s, "changed LEVEL changed EDGE");
    let key = s.key(7);
    let s = s.read(1, 7, 4096, 0).close(1, 7);
    check(&s, "changed LEVEL changed EDGE end close GONE");
    // The number is used again by another file: another track.
    let s = s.client(7, LEVEL);
    check(&s, "changed LEVEL");
    assert_eq!(s.track(TrackId::Watch(key)), "changed LEVEL changed EDGE end close GONE");
    let s = s.ctl(1, CtlOp::Del, 7, Mask::EMPTY);
    check(&s, "changed LEVEL GONE");
    check(&s.ctl(1, CtlOp::Add, 7, EDGE), "changed LEVEL GONE changed EDGE");
}

#[test]
fn ghost_goes_on_until_the_last_copy_is_closed() {
    let s = start().client(7, EDGE).dup(1, 7, 9).close(1, 7).enter(1).arrive(7, 5);
    check(&s, "changed EDGE close arrive READY");
    check(&s.close(1, 9), "changed EDGE close arrive READY GONE");
}

#[test]
fn thread_sleeps_runs_and_is_held() {
    let s = Scenario::new().enter(1);
    assert_eq!(s.track(T1), "RUNNING ASLEEP");
    let s = Scenario::new().listen(4, LEVEL).enter(1).arrive(4, 1);
    assert_eq!(s.track(T1), "RUNNING changed ASLEEP RUNNING");
    let s = s.report(1, &[(4, IN)]).accept(1, 4, 7).accept_fails(1, 4, Errno::EAGAIN).park_wait(1);
    assert_eq!(s.track(T1), "RUNNING changed ASLEEP RUNNING report accept again HELD");
    let listener = s.track(TrackId::Watch(s.key(4)));
    assert_eq!(listener, "changed LEVEL arrive READY report BACK accept again");
}

#[test]
fn gap_makes_everything_unknown_until_the_model_follows_again() {
    let s = start().client(7, EDGE).gap(1);
    check(&s, "changed EDGE lost UNKNOWN");
    assert!(s.track(T1).ends_with("lost UNKNOWN"));
    let s = s.arrive(7, 5);
    assert!(s.track(T1).ends_with("lost UNKNOWN"));
    let s = s.turn(1, &[(7, IN)]);
    assert!(s.track(T1).ends_with("RUNNING report"));
    check(&s, "changed EDGE lost UNKNOWN arrive report");
    let s = s.resync(&[(4, LEVEL - Mask::RDHUP), (7, EDGE)]).turn(1, &[]);
    check(&s, "changed EDGE lost UNKNOWN arrive report EDGE");
}

#[test]
fn tracks_are_bounded_and_keep_the_span_that_holds() {
    let s = start().client(7, EDGE).client(8, EDGE).enter(1).arrive(8, 1);
    let s = s.repeat(5000, |s| s.read(1, 7, 4, 4));
    let track = s.timeline.track(TrackId::Watch(s.key(7))).expect("it is registered");
    assert_eq!(track.window(Nanos(0), Nanos(u64::MAX)).count(), 4096);
    assert!(track.dropped_until() > Nanos(0));
    assert_eq!(track.span_before(s.world.t), Some(Span::Quiet(crate::event::Trigger::Edge)));
    assert_eq!(track.span_before(track.dropped_until()), None);
    let other = s.timeline.track(TrackId::Watch(s.key(8))).expect("it is registered");
    assert_eq!(other.span_before(s.world.t), Some(Span::Ready));
}

#[test]
fn tracks_of_what_is_gone_are_kept_for_a_while() {
    let s = (0..200).fold(start(), |s, fd| s.client(10 + fd, EDGE).close(1, 10 + fd));
    assert_eq!(s.timeline.tracks().count(), Timeline::GONE + 2);
    assert_eq!(s.track(TrackId::Watch(s.key(10))), "");
    assert!(s.track(TrackId::Watch(s.key(209))).ends_with("GONE"));
}
