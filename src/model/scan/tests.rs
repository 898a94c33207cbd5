//! What poll(2) and select(2) are passed, find and cost, on sequences written by hand.

use crate::event::{Backend, Errno, Fd, Kind, Mask, Ret, SwitchPhase, WakeupLog};
use crate::model::scenario::{END, IN, Scenario};
use crate::model::{FindingKind, LaneState, LastScan, ScanSet, Span, Sync, TrackId};

fn set(s: &Scenario) -> &ScanSet {
    s.world.scan().expect("the server scans")
}

fn last(s: &Scenario) -> &LastScan {
    set(s).last.as_ref().expect("a call has returned")
}

/// What a client is asked for: a bitmap has no bit for the end of a stream.
fn asks(backend: Backend) -> Mask {
    if backend == Backend::Poll { END } else { IN }
}

/// A listener and two clients.
fn start(backend: Backend) -> Scenario {
    let s = Scenario::scanning(backend).listen_scanned(4);
    s.client_scanned(7, asks(backend)).client_scanned(8, asks(backend))
}

/// Fifty-seven files, the last of which has that number.
fn many(backend: Backend, end: i32) -> Scenario {
    let s = Scenario::scanning(backend).listen_scanned(4);
    let s = (0..55).fold(s, |s, n| s.client_scanned(10 + n, asks(backend)));
    s.client_scanned(end, asks(backend))
}

#[track_caller]
fn check(s: &Scenario, agreed: u64, diverged: u64) {
    assert_eq!((set(s).check.agreed, set(s).check.diverged), (agreed, diverged));
}

#[test]
fn a_poll_that_sleeps_asks_all_twice_and_hooks_to_all() {
    let s = many(Backend::Poll, 99).enter_scan();
    assert!(matches!(s.world.lanes[0].state, LaneState::Asleep(_)), "nothing is ready");
    let s = s.arrive(12, 9).arrive(18, 4);
    assert!(matches!(s.world.lanes[0].state, LaneState::Harvesting(_)), "it was woken");
    let s = s.finds(&[(12, IN), (18, IN)], Some(1));
    let scan = last(&s);
    assert_eq!((scan.asked, scan.hooked, scan.copied), (114, Some(57), (456, 114)));
    assert_eq!(scan.found, [3, 9]);
    check(&s, 1, 0);
}

#[test]
fn a_poll_that_finds_at_once_hooks_up_to_the_first() {
    let found = start(Backend::Poll).arrive(7, 3).enter_scan().finds(&[(7, IN)], Some(0));
    assert_eq!((last(&found).asked, last(&found).hooked), (3, Some(2)));
    let zero = start(Backend::Poll).timeout(0).enter_scan().finds(&[], Some(0));
    assert_eq!((last(&zero).asked, last(&zero).hooked), (3, Some(0)));
    let unknown = start(Backend::Poll).arrive(7, 3).enter_scan().finds(&[(7, IN)], None);
    assert_eq!((last(&unknown).asked, last(&unknown).hooked), (3, None));
}

#[test]
fn select_copies_whole_words_of_two_sets_both_ways() {
    let s = many(Backend::Select, 1003).arrive(11, 9).enter_scan();
    let s = s.finds(&[(11, IN)], Some(0));
    assert_eq!((set(&s).nfds(), set(&s).words(), set(&s).bits()), (1004, 16, 57));
    assert_eq!((last(&s).asked, last(&s).copied), (57, (256, 256)));
    // fd 4, 10 and 11, in the order of the numbers.
    assert_eq!(last(&s).hooked, Some(3));
    check(&s, 1, 0);
}

#[test]
fn what_is_not_found_was_asked_as_well() {
    for backend in [Backend::Poll, Backend::Select] {
        let s = start(backend).arrive(7, 3).enter_scan().finds(&[(7, IN)], Some(0));
        let s = s.read(1, 7, 4096, 3);
        let s = s.again(1, 7).enter_scan();
        assert!(matches!(s.world.lanes[0].state, LaneState::Asleep(_)), "{backend}");
        let s = s.arrive(8, 1).finds(&[(8, IN)], Some(1));
        check(&s, 2, 0);
        assert_eq!(set(&s).get(s.key(7)).map(|entry| entry.revents), Some(Mask::EMPTY));
    }
}

#[test]
fn what_is_known_to_be_ready_must_be_found() {
    for backend in [Backend::Poll, Backend::Select] {
        let s = start(backend).arrive(7, 3).enter_scan();
        check(&s.finds(&[], Some(0)), 0, 1);
        // What comes while the call runs may have been asked before.
        let s = start(backend).enter_scan().arrive(7, 3).arrive(8, 2);
        check(&s.finds(&[(8, IN)], Some(1)), 1, 0);
        // Two are found in the order of the set.
        let s = start(backend).arrive(7, 3).arrive(8, 3).enter_scan();
        check(&s.finds(&[(8, IN), (7, IN)], Some(0)), 0, 1);
    }
}

#[test]
fn what_is_found_without_a_wake_up_waits_for_it() {
    let early = || start(Backend::Poll).enter_scan().finds(&[(7, IN)], Some(1));
    check(&early(), 0, 0);
    let told = early().wakeup_since(7, IN, 3, 500_000);
    let later = told.every(200_000_000).enter_scan().finds(&[(7, IN)], Some(0));
    check(&later, 1, 0);
    let never = early().read(1, 7, 9, 3).again(1, 7).every(200_000_000).enter_scan();
    check(&never.arrive(8, 1).finds(&[(8, IN)], Some(1)), 1, 1);
}

#[test]
fn the_last_entry_takes_the_place_of_one_that_goes() {
    let s = start(Backend::Poll).arrive(8, 3).enter_scan().finds(&[(8, IN)], Some(0));
    assert_eq!(last(&s).found, [2]);
    let s = s.ask(7, None);
    assert_eq!(set(&s).iter().map(|entry| entry.key.fd.0).collect::<Vec<_>>(), [4, 8]);
    assert_eq!(last(&s).found, [1], "it has moved");
    assert!(!set(&s).check.wants_resync);
    let s = s.close(1, 7).client_scanned(7, IN);
    assert_eq!(set(&s).iter().map(|entry| entry.key.fd.0).collect::<Vec<_>>(), [4, 8, 7]);
    let lost = s.tool(Kind::Set {
        fd: crate::event::Fd(30),
        file: crate::event::FileId(30),
        events: Some(IN),
        place: 9,
    });
    assert!(set(&lost).check.wants_resync, "others came before it");
}

#[test]
fn a_numbers_bit_is_found_by_its_number() {
    let s = start(Backend::Select).client_scanned(5, IN).ask(7, Mask::EMPTY);
    assert_eq!(set(&s).iter().map(|entry| entry.key.fd.0).collect::<Vec<_>>(), [4, 5, 7, 8]);
    assert_eq!((set(&s).bits(), set(&s).nfds()), (3, 9));
    let s = s.ask(8, None);
    assert_eq!((set(&s).bits(), set(&s).nfds()), (2, 6));
    assert!(set(&s).by_fd(crate::event::Fd(7)).is_some());
}

#[test]
fn the_end_of_a_peer_is_only_readable_to_select() {
    let s = start(Backend::Select).wakeup(7, IN, Some(0)).enter_scan();
    let s = s.finds(&[(7, IN)], Some(0));
    check(&s, 1, 0);
    let s = start(Backend::Poll).ask(7, END).wakeup(7, IN, Some(0)).enter_scan();
    let s = s.finds(&[(7, END)], Some(0));
    check(&s, 1, 0);
    assert!(s.world.files[&s.key(7).file].ended());
}

#[test]
fn a_signal_eats_no_event() {
    let s = start(Backend::Poll).enter_scan();
    let LaneState::Asleep(call) = s.world.lanes[0].state else { panic!("it sleeps") };
    let none = crate::event::Output::Scan {
        ready: Box::default(),
        slept: Some(1),
        log: WakeupLog::Drained,
    };
    let started = s.world.t;
    let record =
        crate::event::SyscallRecord { call, ret: Ret::err(Errno::EINTR), output: none, started };
    let s = s.arrive(7, 3).push(1, Kind::Return(record));
    assert_eq!(s.world.scan_forecast().found, [(s.key(7), IN)]);
    let s = s.enter_scan().finds(&[(7, IN)], Some(0));
    check(&s, 2, 0);
}

#[test]
fn after_a_burst_one_call_tells_everything() {
    let s = start(Backend::Poll).tool(Kind::WakeupLog(WakeupLog::Off));
    assert_eq!(set(&s).check.sync, Sync::Unknown);
    let s = s.enter_scan().finds(&[(7, IN)], None).tool(Kind::WakeupLog(WakeupLog::Drained));
    assert_eq!(set(&s).check.sync, Sync::Lost);
    let s = s.enter_scan().finds(&[(7, IN)], Some(0));
    assert_eq!(set(&s).check.sync, Sync::Following);
    let s = s.arrive(8, 2).enter_scan().finds(&[(7, IN), (8, IN)], Some(0));
    check(&s, 1, 0);
}

#[test]
fn a_sleeper_proves_that_nothing_is_ready() {
    // Bytes were told of, and how many is not known.
    let s = start(Backend::Poll).wakeup(7, IN, None).read(1, 7, 4096, 9).enter_scan();
    assert!(matches!(s.world.lanes[0].state, LaneState::Harvesting(_)));
    let s = s.asleep(&[1]);
    assert!(matches!(s.world.lanes[0].state, LaneState::Asleep(_)));
    assert!(s.world.scan_forecast().certain);
}

#[test]
fn files_and_tracks_go_on_through_a_switch() {
    let s = Scenario::new().listen(4, IN).client(7, END).enter(1);
    let key = s.key(7);
    let asked = |to| Kind::Backend { to, phase: SwitchPhase::Asked };
    let phase = |to, phase| Kind::Backend { to, phase };
    let s = s.tool(asked(Backend::Poll));
    assert_eq!(s.world.switching, Some(Backend::Poll));
    let s = s.report_fails(1, Errno::EINTR).close(1, 3);
    assert!(s.world.through(None).waits_for_nothing());
    let s = s.tool(phase(Backend::Poll, SwitchPhase::Left));
    let s = s.push(1, phase(Backend::Poll, SwitchPhase::Entered(None))).ask(4, IN).ask(7, END);
    assert_eq!((s.world.switching, set(&s).len()), (None, 2));
    let s = s.arrive(7, 3);
    assert_eq!(s.track(TrackId::Watch(key)), "changed LEVEL changed arrive READY");
    assert_eq!(s.timeline.switches().count(), 1);
    let s = s.enter_scan().finds(&[(7, IN)], Some(0));
    assert!(s.track(TrackId::Watch(key)).ends_with("READY report BACK"));
    let s = s.read(1, 7, 9, 3).again(1, 7);
    let track = s.timeline.track(TrackId::Watch(key)).expect("a track");
    assert_eq!(
        track.span_before(crate::event::Nanos(u64::MAX)),
        Some(Span::Quiet(crate::event::Trigger::Level))
    );
    let s = s.tool(phase(Backend::Epoll, SwitchPhase::Left));
    assert!(s.world.scan().is_none());
}

#[test]
fn a_switch_whose_calls_were_lost_leads_to_the_instance_that_is() {
    let phase = |phase| Kind::Backend { to: Backend::Epoll, phase };
    let s = Scenario::new().listen(4, IN).client(7, END).enter(1);
    // The close of 3 and the making of 9 are among what was lost.
    let s = s.tool(phase(SwitchPhase::Asked)).tool(phase(SwitchPhase::Left));
    assert!(s.world.through(None).instance.fd.is_none());
    let s = s.push(1, Kind::Gap { lost: 9 });
    let s = s.push(1, phase(SwitchPhase::Entered(Some(Fd(9)))));
    let instance = s.world.through(None).instance;
    assert_eq!((instance.fd, instance.check.wants_resync), (Some(Fd(9)), true));
    assert_eq!(instance.check.sync, Sync::Lost);
    let told = s.push(1, phase(SwitchPhase::Entered(Some(Fd(9)))));
    assert_eq!(told.world.pollers.len(), 1);
}

#[test]
fn many_questions_for_one_answer_are_a_finding() {
    let turn = |s: Scenario| s.enter_scan().arrive(12, 9).finds(&[(12, IN)], Some(1));
    let drained = |s: Scenario| turn(s).read(1, 12, 99, 9).again(1, 12);
    let s = many(Backend::Poll, 99).repeat(100, drained);
    assert_eq!(s.active(), [FindingKind::ScanCost]);
    let few = start(Backend::Poll).repeat(300, |s| {
        let s = s.enter_scan().arrive(7, 9).finds(&[(7, IN)], Some(1));
        s.read(1, 7, 99, 9).again(1, 7)
    });
    assert_eq!(few.active(), []);
    let left = s.tool(Kind::Backend { to: Backend::Epoll, phase: SwitchPhase::Left });
    assert_eq!(left.active(), []);
}

#[test]
fn a_number_beyond_an_fd_set_is_a_finding() {
    let refused = crate::event::Refusal::FdSetSize(crate::event::Fd(1024));
    let s = start(Backend::Select).push(1, Kind::Refused(refused));
    assert_eq!(s.active(), [FindingKind::SelectFdLimit]);
}
