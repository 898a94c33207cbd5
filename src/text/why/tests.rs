//! One scenario for each thing that Why can say.

mod own_code;

use super::{Subject, why};
use crate::event::{
    CommandPhase, ConnState, CtlOp, Errno, Fd, How, Kind, LaneChange, LaneId, ListRead, Mask,
    Nanos, Refusal, Syscall, WakeupLog,
};
use crate::model::scenario::{EDGE, END, IN, LEVEL, ONESHOT, OUT, Scenario};
use crate::text::Remedy;

impl Scenario {
    fn why_fd(&self, fd: i32) -> String {
        why(self.world.through(None), Subject::Watch(self.key(fd))).text
    }

    fn why_lane(&self, lane: u16) -> String {
        why(self.world.through(None), Subject::Lane(LaneId(lane))).text
    }

    fn why_last(&self) -> String {
        let last = self.told.last();
        last.map(|event| why(self.world.through(None), Subject::Event(event)).text)
            .unwrap_or_default()
    }

    fn remedy(&self, fd: i32) -> Option<Remedy> {
        why(self.world.through(None), Subject::Watch(self.key(fd))).remedy
    }
}

/// Two lines at 120 columns, and a little.
const LONG: usize = 260;

/// What the sentence must contain.
#[track_caller]
fn check(sentence: &str, words: &[&str]) {
    for word in words {
        assert!(sentence.contains(word), "{word:?} is not in {sentence:?}");
    }
    let columns = sentence.chars().count();
    assert!(columns > 10 && columns <= LONG, "{columns} columns: {sentence}");
    assert!(!sentence.contains("  ") && !sentence.contains(".."), "{sentence}");
    if std::env::var_os("SHOW_WHY").is_some() {
        println!("WHY {columns:3} {sentence}");
    }
}

fn start() -> Scenario {
    Scenario::new().listen(4, LEVEL).control(5)
}

fn level() -> Scenario {
    start().client(7, LEVEL)
}

fn edge() -> Scenario {
    start().client(7, EDGE)
}

const READ: Syscall = Syscall::Read { fd: Fd(7), len: 4096 };

#[test]
fn without_an_epoll_instance_a_close_takes_no_registration_away() {
    let s = Scenario::blank().accept(1, 4, 7).close(1, 7);
    check(&s.why_fd(7), &["is closed: its number is free", "an operation in flight holds it"]);
    let s = start().client(7, LEVEL).close(1, 7);
    check(&s.why_fd(7), &["is closed", "took its registration"]);
}

#[test]
fn listed_because_data_arrived() {
    let s = level().arrive(7, 12);
    check(&s.why_fd(7), &["fd 7 (127.0.0.1:51007) is on the ready list", "data arrived at 0.0"]);
    check(&s.why_fd(7), &["12 bytes are unread", "at the head", "reports IN", "back at the tail"]);
    check(&edge().arrive(7, 1).why_fd(7), &["1 byte is unread", "takes it off"]);
    let s = start().client(7, ONESHOT).arrive(7, 12);
    check(&s.why_fd(7), &["disarms it (one-shot)"]);
    let s = level().arrive(7, 12).arrive(7, 24);
    check(&s.why_fd(7), &["24 bytes are unread; woken again at", "keeps its place"]);
}

#[test]
fn listed_for_every_other_reason() {
    check(&start().arrive(4, 2).why_fd(4), &["connection completed", "2 clients wait"]);
    check(&start().arrive(5, 1).why_fd(5), &["fd 5 (control eventfd)", "the tool wrote to it"]);
    let s = start().client(7, LEVEL | OUT).turn(1, &[(7, OUT)]).send(1, 7, 9, -1).enter(1);
    check(&s.wakeup(7, OUT, None).why_fd(7), &["room to write", "reports OUT"]);
    let s = edge().wakeup(7, END, Some(0));
    check(&s.why_fd(7), &["the peer closed or reset its end"]);
    let s = start().accept(1, 4, 7).queues(7, 12).ctl(1, CtlOp::Add, 7, EDGE);
    check(&s.why_fd(7), &["ADD polled it", "what came before ADD counts"]);
    let s = edge().arrive(7, 12).turn(1, &[(7, IN)]).enter(1).rearm(1, 7, EDGE);
    check(&s.why_fd(7), &["MOD polled it", "12 bytes are unread", "asks again"]);
    let s = level().arrive(7, 12).turn(1, &[(7, IN)]).read(1, 7, 4, 4).park_wait(1);
    check(&s.why_fd(7), &["and put it back", "8 bytes are unread"]);
}

#[test]
fn listed_but_drained_will_be_dropped() {
    let s = level().arrive(7, 12).turn(1, &[(7, END)]).read(1, 7, 4096, 12).again(1, 7);
    let s = s.park_wait(1);
    check(&s.why_fd(7), &["drained since", "dropped without a report"]);
    check(&s.why_lane(1), &["held before epoll_wait(3, max 64, -1)", "will sleep", "fd 7"]);
}

#[test]
fn place_on_the_list_decides_whether_the_next_wait_reaches_it() {
    let s = level().client(8, LEVEL).client(9, EDGE).settings(|s| s.max_events = 2);
    let s = s.arrive(7, 1).arrive(8, 1).arrive(9, 1);
    check(&s.why_fd(9), &["2 entries are before it", "stops at max 2 before it"]);
    check(&s.why_fd(8), &["1 entry is before it; the next epoll_wait reports IN"]);
    let s = s.park_wait(1);
    check(&s.why_lane(1), &["return at once with fd 7 IN and fd 8 IN", "the last one stays"]);
}

#[test]
fn not_listed_because_nothing_arrived() {
    check(&level().why_fd(7), &["nothing has arrived since it was added at 0.0"]);
    let s = edge().arrive(7, 12).turn(1, &[(7, IN)]).read(1, 7, 4096, 12).again(1, 7).enter(1);
    check(&s.why_fd(7), &["it was drained at 0.0", "(EAGAIN)", "New data is an edge"]);
    check(&start().why_fd(4), &["fd 4 (listener 127.0.0.1:8000)", "no connection has been seen"]);
    check(&start().why_fd(5), &["this tool's own", "nobody has written"]);
}

#[test]
fn not_listed_because_edge_was_left_unread() {
    let s = edge().arrive(7, 600).turn(1, &[(7, IN)]).read(1, 7, 88, 88).enter(1);
    check(&s.why_fd(7), &["512 unread bytes", "IN was reported at"]);
    assert_eq!(s.remedy(7), Some(Remedy::Modify));
    let s = edge().arrive(7, 12).turn(1, &[(7, END)]).read(1, 7, 4096, 12).enter(1);
    check(&s.why_fd(7), &["its peer has closed (RDHUP)", "stays silent"]);
    let s = Scenario::new().listen(4, EDGE).arrive(4, 3).turn(1, &[(4, IN)]).accept(1, 4, 7);
    check(&s.enter(1).why_fd(4), &["2 clients wait", "accepted only some"]);
}

#[test]
fn disarmed_oneshot_is_silent() {
    let s = start().client(7, ONESHOT).arrive(7, 12).turn(1, &[(7, IN)]);
    check(&s.why_fd(7), &["fired at", "(IN) and is disarmed", "T1 is to handle it"]);
    let s = s.enter(1);
    check(&s.why_fd(7), &["silent even for HUP; 12 bytes are unread", "A MOD arms it"]);
    let s = s.arrive(7, 24);
    check(&s.why_last(), &["one-shot that has fired", "without a trace"]);
}

#[test]
fn a_fired_one_shot_that_waits_in_a_batch_is_not_said_to_be_handled() {
    let s = Scenario::new().client(7, EDGE).client(8, IN | Mask::ONESHOT);
    let s = s.arrive(7, 3).arrive(8, 12).turn(1, &[(7, IN), (8, IN)]).handle(1, 7);
    check(&s.why_fd(8), &["is disarmed", "T1 is to handle it"]);
    check(&s.handle(1, 8).why_fd(8), &["T1 is handling it"]);
}

#[test]
fn handled_entry_names_the_thread() {
    let s = level().client(8, EDGE).arrive(7, 12).arrive(8, 3).turn(1, &[(7, IN), (8, IN)]);
    let s = s.handle(1, 7);
    check(&s.why_fd(7), &["T1 is handling fd 7", "12 bytes are unread", "put back at the tail"]);
    check(&s.why_last(), &["T1 is handling fd 7"]);
    check(&s.why_fd(8), &["event 2 of 2", "edge-triggered, it left the ready list"]);
    check(&s.why_lane(1), &["T1 runs: it is handling fd 7", "then comes fd 8"]);
}

#[test]
fn server_side_states_are_told() {
    let carried = edge().arrive(7, 600).turn(1, &[(7, IN)]).read(1, 7, 88, 88);
    let s = carried.conn(1, 7, ConnState::Carried, 0);
    check(&s.why_last(), &["the server's own list"]);
    check(&s.enter(1).why_fd(7), &["512 bytes are unread", "its own list of unfinished"]);
    let s = level()
        .send(1, 7, 9, -1)
        .rearm(1, 7, OUT)
        .conn(1, 7, ConnState::BackPressure, 262_144)
        .queues(7, 40);
    check(&s.why_fd(7), &["40 bytes are unread", "full (262,144 bytes)", "took IN out"]);
    let s = level().send(1, 7, 9, -1).rearm(1, 7, OUT).conn(1, 7, ConnState::Flushing, 10);
    check(&s.why_fd(7), &["the peer has sent its end, and 10 bytes"]);
    check(&s.why_last(), &["half-close"]);
}

#[test]
fn out_without_room_and_masks_without_in_are_told() {
    let s = start().client(7, EDGE | OUT).turn(1, &[(7, OUT)]).send(1, 7, 99, -1);
    check(&s.why_last(), &["send buffer of fd 7 is full", "about a third"]);
    check(&s.enter(1).why_fd(7), &["OUT is watched, but its send buffer is full"]);
    let s = level().rearm(1, 7, Mask::EMPTY).queues(7, 5);
    check(&s.why_fd(7), &["mask 0", "5 bytes are unread", "always reported"]);
    let s = level().send(1, 7, 9, -1).rearm(1, 7, OUT).queues(7, 5);
    check(&s.why_fd(7), &["its mask OUT ERR HUP has no IN"]);
}

#[test]
fn ghost_and_closed_numbers_are_told() {
    let s = level().dup(1, 7, 9);
    check(&s.why_last(), &["fd 9 names the same open file as fd 7"]);
    let s = s.close(1, 7);
    check(&s.why_last(), &["a copy keeps its open file (127.0.0.1:51007) alive"]);
    check(&s.why_fd(7), &["outlived its descriptor", "the number is closed"]);
    let s = level().close(1, 7);
    check(&s.why_last(), &["took the registration of fd 7 off both lists", "woke nobody"]);
    check(&s.why_fd(7), &["fd 7 is closed"]);
    check(&start().accept(1, 4, 7).why_fd(7), &["not on the interest list"]);
}

#[test]
fn what_is_unknown_is_said_to_be_unknown() {
    let s = level().tool(Kind::WakeupLog(WakeupLog::Skipped));
    check(&s.why_last(), &["wake-ups were lost"]);
    check(&s.why_fd(7), &["is not known: the kernel had no room for more signals"]);
    check(&s.park_wait(1).why_lane(1), &["not known here: the kernel had no room"]);
    let s = level().tool(Kind::WakeupLog(WakeupLog::Off));
    check(&s.why_fd(7), &["is not known: wake-ups are not being recorded"]);
    let s = s.tool(Kind::WakeupLog(WakeupLog::Drained));
    check(&s.why_fd(7), &["is not known: wake-ups were not recorded for a while"]);
    check(&level().gap(1).why_last(), &["7 observations of T1 were lost"]);
}

#[test]
fn held_thread_says_what_the_call_will_do() {
    let held = |s: Scenario, call| s.park(1, call).why_lane(1);
    check(
        &held(level().arrive(7, 12), READ),
        &["read(7, 4096)", "the 12 unread bytes", "short read"],
    );
    check(&held(level().arrive(7, 5000), READ), &["fills its buffer of 4,096"]);
    check(&held(level(), READ), &["nothing is unread: EAGAIN", "fd 7 is drained"]);
    check(&held(start(), Syscall::Accept { fd: Fd(4) }), &["how many clients wait is not known"]);
    check(
        &held(level().arrive(7, 9), Syscall::Close { fd: Fd(7) }),
        &["9 unread bytes", "a reset"],
    );
    let s = level().dup(1, 7, 9);
    check(&held(s, Syscall::Close { fd: Fd(7) }), &["a copy keeps", "goes on reporting fd 7"]);
    let send = Syscall::Send { fd: Fd(7), len: 5 };
    check(&held(level(), send), &["there is room"]);
    check(&held(level().send(1, 7, 5, -1), send), &["EAGAIN is to be expected"]);
    let s = edge().arrive(7, 5).turn(1, &[(7, IN)]);
    let (ep, file) = (Fd(3), s.key(7).file);
    let rearm = Syscall::EpollCtl { ep, op: CtlOp::Mod, fd: Fd(7), mask: EDGE, file };
    check(&held(s, rearm), &["polls fd 7 and finds IN", "appended"]);
    let delete = Syscall::EpollCtl { ep, op: CtlOp::Del, fd: Fd(7), mask: Mask::EMPTY, file };
    check(&held(level().arrive(7, 1), delete), &["off the interest list and the ready list"]);
}

#[test]
fn held_accept_names_the_rival() {
    let s = start().thread(2).arrive(4, 1).enter(1).enter(2);
    let s = s.report(1, &[(4, IN)]).report(2, &[(4, IN)]).park(1, Syscall::Accept { fd: Fd(4) });
    check(&s.why_lane(1), &["1 client waits", "it may find nothing: T2 was told"]);
    let s = s.unpark(1).accept(1, 4, 7).accept_fails(2, 4, Errno::EAGAIN);
    check(&s.why_last(), &["EAGAIN", "T1 was told of fd 4 too"]);
}

#[test]
fn sleepers_are_woken_last_in_first_out() {
    let s = start().thread(2).enter(1).enter(2);
    check(&s.why_lane(1), &["number 2 of 2 in wq", "T2 went to sleep later"]);
    check(&s.why_lane(2), &["it came last", "woken next"]);
    check(&s.why_last(), &["T2 enters", "sleeps at the head of wq"]);
    let s = s.arrive(4, 1);
    check(&s.why_last(), &["1 client waits", "place 1", "woke T2, the head of wq"]);
    check(&s.why_lane(2), &["awake", "polls each file again"]);
    check(&start().timeout(250).enter(1).why_lane(1), &["at most 250 ms", "only sleeper"]);
    check(&start().why_lane(3), &["T3 has not started"]);
    let s = start().push(1, Kind::Lane(LaneChange::Died("\x1b[2Jboom".into())));
    check(&s.why_lane(1), &["T1 died", "boom"]);
    assert!(!s.why_lane(1).contains('\x1b'));
}

#[test]
fn wait_returns_are_explained() {
    let s = level().client(8, LEVEL).arrive(8, 1).arrive(7, 1).turn(1, &[(8, IN), (7, IN)]);
    check(&s.why_last(), &["fd 8 IN and fd 7 IN", "order in which they became ready", "tail"]);
    let s = level().client(8, EDGE).arrive(8, 1).arrive(7, 1).settings(|s| s.max_events = 1);
    check(&s.turn(1, &[(8, IN)]).why_last(), &["off the list", "stopped at max 1"]);
    let s = edge().wakeup(7, END, Some(0)).turn(1, &[(7, END)]);
    check(&s.why_last(), &["RDHUP without HUP", "may still read"]);
    let reset = END | Mask::ERR | Mask::HUP;
    let s = edge().wakeup(7, reset, Some(0)).turn(1, &[(7, reset)]);
    check(&s.why_last(), &["ERR: fd 7 was reset"]);
    let s = start().client(7, EDGE | OUT).arrive(7, 5).turn(1, &[(7, IN | OUT)]);
    check(&s.why_last(), &["OUT of fd 7 comes along"]);
    let s = level().thread(2).enter(2).enter(1).arrive(7, 1).report(1, &[(7, IN)]);
    check(&s.why_last(), &["so T2 was woken too"]);
    check(&start().enter(1).wait_fails(1, Errno::EINTR).why_last(), &["SA_RESTART", "pause"]);
    check(&start().timeout(0).turn(1, &[]).why_last(), &["timeout 0", "burns a CPU"]);
}

#[test]
fn reads_are_explained() {
    let told = || edge().arrive(7, 12).turn(1, &[(7, IN)]);
    check(
        &told().read(1, 7, 4, 4).why_last(),
        &["4 bytes of up to 4", "8 bytes are left", "read on"],
    );
    check(&told().read(1, 7, 4096, 12).why_last(), &["only EAGAIN (or 0) proves"]);
    let s = told().read(1, 7, 4096, 12).again(1, 7);
    check(&s.why_last(), &["fd 7 is drained", "the only proof"]);
    let s = level().arrive(7, 12).turn(1, &[(7, IN)]).read(1, 7, 4096, 12).again(1, 7);
    check(&s.why_last(), &["stays on the ready list", "drops it"]);
    let s = told().arrive(7, 24);
    check(&s.why_last(), &["every arrival is an edge"]);
    check(&told().read(1, 7, 4096, 0).why_last(), &["end of the stream", "nothing repeats it"]);
    check(&told().read_fails(1, 7, Errno::ECONNRESET).why_last(), &["RST"]);
    let s = edge().arrive(7, 12).turn(1, &[(7, END)]).read(1, 7, 4096, 12);
    check(&s.why_last(), &["the peer has closed too"]);
}

#[test]
fn accepts_and_writes_are_explained() {
    let s = start().arrive(4, 2).turn(1, &[(4, IN)]).accept(1, 4, 7);
    check(&s.why_last(), &["T1 took 127.0.0.1:51007", "as fd 7; 1 client waits still"]);
    let s = s.accept(1, 4, 8).accept_fails(1, 4, Errno::EAGAIN);
    check(&s.why_last(), &["the queue of fd 4 is empty"]);
    check(&s.accept_fails(1, 4, Errno::EMFILE).why_last(), &["no descriptor is left", "spins"]);
    check(&level().send(1, 7, 100, 40).why_last(), &["Only 40 of 100"]);
    check(&level().send(1, 7, 100, 100).why_last(), &["100 bytes went into"]);
}

#[test]
fn wakeups_and_controls_are_explained() {
    let s = level().arrive(7, 12);
    check(&s.why_last(), &["Data arrived (12 bytes unread)", "appended it", "nobody slept"]);
    check(&s.arrive(7, 24).why_last(), &["already: it keeps its place", "one report"]);
    let s = level().rearm(1, 7, OUT);
    check(&s.arrive(7, 3).why_last(), &["not in its mask", "ignores it"]);
    check(&level().wakeup(7, END, Some(0)).why_last(), &["FIN"]);
    let s = edge().arrive(7, 5).turn(1, &[(7, IN)]).rearm(1, 7, EDGE);
    check(&s.why_last(), &["edge-triggered for IN RDHUP", "appended", "one-shot"]);
    let s = level().rearm(1, 7, IN | Mask::ONESHOT);
    check(&s.why_last(), &["now is one-shot, level-triggered for IN", "armed for one report"]);
    let s = level().arrive(7, 1).ctl(1, CtlOp::Del, 7, Mask::EMPTY);
    check(&s.why_last(), &["off the interest list", "already in a batch"]);
    let s = start().accept(1, 4, 7).ctl(1, CtlOp::Add, 7, IN | Mask::EXCLUSIVE);
    check(&s.why_last(), &["ERR and HUP added", "EXCLUSIVE chooses between instances"]);
}

#[test]
fn every_kind_of_event_has_a_sentence() {
    let kinds = [
        Kind::Refused(Refusal::NoDescriptor),
        Kind::Client("127.0.0.1:40000".into()),
        Kind::Note("a note of some length".into()),
        Kind::ListRead(ListRead::fdinfo(Fd(3), Vec::new())),
        Kind::Settings(crate::event::Settings::default()),
        Kind::Command { id: 1, text: "trigger all edge".into(), phase: CommandPhase::Accepted },
        Kind::Command { id: 1, text: "client".into(), phase: CommandPhase::Failed("full".into()) },
        Kind::Lane(LaneChange::Ended),
        Kind::WakeupLog(WakeupLog::Drained),
        Kind::Enter(READ),
        Kind::Park { next: Syscall::Shutdown { fd: Fd(7), how: How::Wr }.into() },
    ];
    for kind in kinds {
        check(&level().push(1, kind).why_last(), &[]);
    }
    check(&level().stale(1, 7, false).why_last(), &["skipped it", "not the number"]);
    check(&level().unpark(1).why_last(), &["one call"]);
    check(&level().queues(7, 3).why_last(), &["3 unread bytes"]);
    assert_eq!(Nanos(12_031_000_000).to_string(), "12.031");
}

#[test]
fn woken_around_a_wait_is_perhaps_listed_until_the_next_wait_sleeps() {
    let s = Scenario::new().listen(4, EDGE).client(7, EDGE).arrive(4, 1);
    let s = s.enter(1).arrive(4, 2).report(1, &[(4, IN)]);
    let s = s.accept_fails(1, 4, Errno::EMFILE).enter(1);
    check(&s.why_fd(4), &["perhaps on the ready list", "cannot be seen"]);
    // Nobody sleeps beside an entry: it is not listed after all.
    let s = s.asleep(&[1]);
    check(&s.why_last(), &["T1 sleeps in epoll_wait", "so the ready list is empty"]);
    check(&s.why_fd(4), &["is not on the ready list"]);
}

#[test]
fn listing_beside_a_sleeper_is_dropped() {
    let s = Scenario::new().listen(4, EDGE).client(7, EDGE).enter(1).arrive(7, 5);
    check(&s.why_fd(7), &["is on the ready list"]);
    check(&s.asleep(&[1]).why_fd(7), &["is not on the ready list"]);
}
