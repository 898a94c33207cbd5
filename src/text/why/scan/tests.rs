//! The sentences about poll(2) and select(2).

use crate::event::{Backend, ConnState, LaneId};
use crate::model::scenario::{END, IN, OUT, Scenario};
use crate::text::{Subject, why};

/// Fifty-seven files: a control eventfd's place is taken by a listener, and the last one is this.
fn many(backend: Backend, end: i32) -> Scenario {
    let s = Scenario::scanning(backend).listen_scanned(4);
    let asks = if backend == Backend::Poll { END } else { IN };
    let s = (0..55).fold(s, |s, n| s.client_scanned(9 + n, asks));
    s.client_scanned(end, asks)
}

#[track_caller]
fn check(s: &Scenario, fd: i32, expected: &str) {
    let sentence = why(s.world.through(None), Subject::Watch(s.key(fd)));
    assert_eq!(sentence.text, expected);
}

#[test]
fn of_what_came_after_the_call_nobody_knows() {
    let s = many(Backend::Poll, 99).enter_scan().arrive(9, 9).finds(&[(9, IN)], Some(1));
    let t = s.world.t;
    check(
        &s.arrive(12, 12),
        12,
        &format!(
            "fd 12 holds 12 unread bytes and no list knows it: poll left nothing in the kernel when \
             it returned at {t}. The next call asks all 57 files in array order and finds it at \
             place 4."
        ),
    );
}

#[test]
fn what_was_found_at_once_ends_the_hooking() {
    let s = many(Backend::Poll, 99).arrive(10, 9).enter_scan().finds(&[(10, IN)], Some(0));
    let done = s.handle(1, 10).park_scan();
    check(
        &done,
        10,
        "fd 10 was found at place 2 without sleeping: the 54 places after it were asked, but not \
         hooked.",
    );
    let slept = many(Backend::Poll, 99).enter_scan().arrive(10, 9).finds(&[(10, IN)], Some(1));
    check(
        &slept.park_scan(),
        10,
        "fd 10 is in the answer of every call until it is read or closed: poll reports a state and \
         has no edge to wait for.",
    );
}

#[test]
fn a_sleeper_hangs_on_every_queue() {
    let s = many(Backend::Poll, 99).enter_scan();
    let since = s.world.t;
    let expected = format!(
        "T1 sleeps in poll since {since} on 57 wait queues at once, one hook a file; whichever file \
         wakes it, poll asks all 57 again and takes every hook off before it returns."
    );
    check(&s, 30, &expected);
    let lane = why(s.world.through(None), Subject::Lane(LaneId(1)));
    assert_eq!(lane.text, expected);
}

#[test]
fn the_array_is_the_servers_own_memory() {
    let idle = many(Backend::Poll, 99).enter_scan().arrive(9, 9).finds(&[(9, IN)], Some(1));
    check(
        &idle,
        15,
        "fd 15 is asked for IN alone: its output queue is empty. The server changes its own array \
         for that; no system call is made.",
    );
    let full = idle.send(1, 15, 10, -1).conn(1, 15, ConnState::BackPressure, 65_536);
    check(
        &full.ask(15, OUT),
        15,
        "fd 15 is asked for OUT alone: 65,536 bytes wait to be written, and nothing is read \
         meanwhile. The server changes its own array for that; no system call is made.",
    );
}

#[test]
fn select_erases_who_was_not_ready() {
    let s = || many(Backend::Select, 1003).arrive(9, 9).enter_scan().finds(&[(9, IN)], Some(0));
    check(
        &s(),
        12,
        "fd 12 is no longer in the set: it was not readable, and select erased it. 56 bits are set \
         again before the next call, or nobody hears of them.",
    );
    check(
        &s(),
        9,
        "fd 9 is still in the set: it was readable. 56 others were erased and must be set again, or \
         the next call does not ask them.",
    );
    check(
        &s(),
        1003,
        "fd 1003 is the highest number, so each call copies 16 words a set and looks at 1,004 places \
         for 57 bits.",
    );
}

#[test]
fn select_has_no_bit_for_a_hang_up() {
    let s = many(Backend::Select, 1003).wakeup(14, IN, Some(0)).enter_scan();
    let s = s.finds(&[(14, IN)], Some(0)).read(1, 14, 4096, 0);
    check(
        &s,
        14,
        "fd 14 reads as readable because its peer hung up: select has no bit for HUP; only the next \
         read tells.",
    );
}

#[test]
fn what_a_held_call_will_do_is_foretold() {
    let will = |s: &Scenario| {
        let held = why(s.world.through(None), Subject::Lane(LaneId(1))).text;
        held.split_once("): ").map(|(_, will)| will.to_owned()).unwrap_or(held)
    };
    let s = many(Backend::Poll, 99).arrive(12, 3).park_scan();
    assert_eq!(
        will(&s),
        "it asks 57 files in array order, finds fd 12 IN at place 4 and returns at once."
    );
    let s = many(Backend::Select, 1003).park_scan();
    assert_eq!(
        will(&s),
        "it asks 57 files by their numbers, finds nothing, and sleeps hooked to each of them."
    );
}
