//! The situations of the kernel's own selftest (epoll_wakeup_test.c, epoll1 to epoll58), as data:
//! which file is watched by which epoll, who waits how, and how many get an event.

use crate::event::{LaneId, Mask};
use crate::sim::{KernelModel, Way, Woke};

use super::script::Script;

const THREADS: [LaneId; 2] = [LaneId(2), LaneId(3)];

/// Two socket pairs and three epoll instances, joined as in `s0-lt->e1 e1-et->e0`.
fn joined(topology: &str) -> Script {
    let mut script = Script::new(KernelModel::new());
    script.run("pair s0\n pair s2\n epoll e0\n epoll e1\n epoll e2");
    for link in topology.split(' ') {
        let (from, to) = link.split_once("->").expect("a link");
        let (file, trigger) = from.split_once('-').expect("a trigger");
        let file = if file.starts_with('s') { format!("{file}.a") } else { file.to_owned() };
        let mask = if trigger == "et" { "IN|ET" } else { "IN" };
        script.run(&format!("add {to} {file} {mask}"));
    }
    script
}

/// One of the sources is written to, then the calls give these numbers of events.
fn single(number: u32, topology: &str, calls: &str) {
    let mut script = joined(topology);
    script.run("write s0.b 1");
    if topology.contains("s2") {
        script.run("write s2.b 1");
    }
    for call in calls.split_whitespace() {
        let (call, expected) = call.split_once('=').expect("a count");
        let fd = |name: &str| script.fd_of(name);
        let count = match call.split_at(1) {
            ("P", ep) => script.machine.poll(&[(fd(ep), Mask::IN)]).len(),
            (_, rest) => {
                let (ep, max) = rest.split_once(',').unwrap_or((rest, "1"));
                let max = max.parse().expect("maxevents");
                script.machine.wait(fd(ep), max).expect("an epoll").len()
            }
        };
        assert_eq!(count.to_string(), expected, "epoll{number}: {call}");
    }
}

/// Two threads wait, then the sources are written to; how many of them got an event, whichever came
/// first.
fn threaded(number: u32, topology: &str, waits: [&str; 2], both: bool, expected: &[usize]) {
    for order in [[0, 1], [1, 0]] {
        let mut script = joined(topology);
        for who in order {
            park(&mut script, THREADS[who], waits[who]);
        }
        script.run("write s0.b 1");
        if both {
            script.run("write s2.b 1");
        }
        let woken = script.machine.take_woken();
        let got = woken.iter().filter(|(lane, woke)| match woke {
            Woke::Events(_) => true,
            Woke::Polled(_) => {
                let who = usize::from(lane.0) - 2;
                let ep = script.fd_of(&waits[who][1..]);
                !script.machine.wait(ep, 1).expect("an epoll").is_empty()
            }
            Woke::Number(_) | Woke::Interrupted | Woke::TimedOut => false,
        });
        let got = got.count();
        assert!(expected.contains(&got), "epoll{number} {order:?}: {got} of {woken:?}");
    }
}

fn park(script: &mut Script, thread: LaneId, wait: &str) {
    let (way, rest) = wait.split_at(1);
    let (ep, max) = rest.split_once(',').unwrap_or((rest, "1"));
    let fd = script.fd_of(ep);
    let parked = match way {
        "W" => script.machine.park_wait(thread, fd, max.parse().expect("maxevents")),
        _ => script.machine.park_poll(thread, &[(fd, Mask::IN)], Way::Poll, true),
    };
    parked.expect("a thread that sleeps");
}

#[test]
fn one_thread_gets_what_the_selftest_says() {
    let rows = [
        (1, "s0-lt->e0", "We0=1 We0=1"),
        (2, "s0-et->e0", "We0=1 We0=0"),
        (3, "s0-lt->e0 s2-lt->e0", "We0,2=2 We0,2=2"),
        (4, "s0-et->e0 s2-et->e0", "We0,2=2 We0,2=0"),
        (5, "s0-lt->e0", "Pe0=1 We0=1 Pe0=1 We0=1"),
        (6, "s0-et->e0", "Pe0=1 We0=1 Pe0=0 We0=0"),
        (7, "s0-lt->e0 s2-lt->e0", "Pe0=1 We0,2=2 Pe0=1 We0,2=2"),
        (8, "s0-et->e0 s2-et->e0", "Pe0=1 We0,2=2 Pe0=0 We0,2=0"),
        (17, "s0-lt->e1 e1-lt->e0", "We0=1 We0=1"),
        (18, "s0-et->e1 e1-lt->e0", "We0=1 We0=1"),
        (19, "s0-lt->e1 e1-et->e0", "We0=1 We0=0"),
        (20, "s0-et->e1 e1-et->e0", "We0=1 We0=0"),
        (21, "s0-lt->e1 e1-lt->e0", "Pe0=1 We0=1 Pe0=1 We0=1"),
        (22, "s0-et->e1 e1-lt->e0", "Pe0=1 We0=1 Pe0=1 We0=1"),
        (23, "s0-lt->e1 e1-et->e0", "Pe0=1 We0=1 Pe0=0 We0=0"),
        (24, "s0-et->e1 e1-et->e0", "Pe0=1 We0=1 Pe0=0 We0=0"),
        (49, "s0-lt->e1 s2-lt->e2 e1-lt->e0 e2-lt->e0", "We0,2=2 We0,2=2"),
        (50, "s0-lt->e1 s2-lt->e2 e1-et->e0 e2-et->e0", "We0,2=2 We0,2=0"),
        (51, "s0-lt->e1 s2-lt->e2 e1-lt->e0 e2-lt->e0", "Pe0=1 We0,2=2 Pe0=1 We0,2=2"),
        (52, "s0-lt->e1 s2-lt->e2 e1-et->e0 e2-et->e0", "Pe0=1 We0,2=2 Pe0=0 We0,2=0"),
    ];
    for (number, topology, calls) in rows {
        single(number, topology, calls);
    }
}

#[test]
fn two_threads_on_one_epoll_get_what_the_selftest_says() {
    let (lt, et) = ("s0-lt->e0", "s0-et->e0");
    let (lt2, et2) = ("s0-lt->e0 s2-lt->e0", "s0-et->e0 s2-et->e0");
    let rows = [
        (9, lt, ["We0", "We0"], false, 2),
        (10, et, ["We0", "We0"], false, 1),
        (11, lt2, ["We0,2", "We0,2"], true, 2),
        (12, et2, ["We0", "We0"], true, 2),
        (13, lt, ["We0", "Pe0"], false, 2),
        (14, et, ["We0", "Pe0"], false, 1),
        (15, lt2, ["We0,2", "Pe0"], true, 2),
        (16, et2, ["We0", "Pe0"], true, 2),
    ];
    for (number, topology, waits, both, count) in rows {
        threaded(number, topology, waits, both, &[count]);
    }
}

#[test]
fn two_threads_on_a_nest_get_what_the_selftest_says() {
    let nests = [
        "s0-lt->e1 e1-lt->e0",
        "s0-et->e1 e1-lt->e0",
        "s0-lt->e1 e1-et->e0",
        "s0-et->e1 e1-et->e0",
    ];
    // The first of each four is 25, 29, 33, ...; the second number is allowed by the selftest too.
    let rows = [
        (25, ["We0", "We0"], [&[2][..], &[2], &[1], &[1]]),
        (29, ["We0", "Pe0"], [&[2], &[2], &[1], &[1]]),
        (33, ["We1", "We0"], [&[2], &[1, 2], &[2], &[1, 2]]),
        (37, ["Pe1", "We0"], [&[2], &[1, 2], &[2], &[1, 2]]),
        (41, ["We1", "Pe0"], [&[2], &[1, 2], &[2], &[1, 2]]),
        (45, ["Pe1", "Pe0"], [&[2], &[1, 2], &[2], &[1, 2]]),
    ];
    for (first, waits, expected) in rows {
        for (at, (topology, counts)) in (0..).zip(nests.iter().zip(expected)) {
            threaded(first + at, topology, waits, false, counts);
        }
    }
}

#[test]
fn two_threads_on_a_wide_nest_get_what_the_selftest_says() {
    let lt = "s0-lt->e1 s2-lt->e2 e1-lt->e0 e2-lt->e0";
    let et = "s0-lt->e1 s2-lt->e2 e1-et->e0 e2-et->e0";
    let rows = [(53, ["We0", "We0"]), (55, ["We0", "Pe0"])];
    for (first, waits) in rows {
        threaded(first, lt, waits, true, &[2]);
        threaded(first + 1, et, waits, true, &[2]);
    }
    threaded(57, lt, ["Pe0", "Pe0"], true, &[2]);
    // The selftest counts both because both writes land before a poller runs.
    threaded(58, et, ["Pe0", "Pe0"], true, &[1, 2]);
}
