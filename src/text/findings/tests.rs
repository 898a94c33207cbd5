//! One scenario for each finding, and the nearest one that is none.

use super::finding;
use crate::event::{ConnState, CtlOp, Errno, Mask};
use crate::model::FindingKind::{self, *};
use crate::model::scenario::{EDGE, END, IN, LEVEL, ONESHOT, OUT, Scenario};
use crate::model::{Finding, Findings};
use crate::text::Remedy;

/// The findings that hold at the end, and words that their sentences contain.
#[track_caller]
fn check(scenario: &Scenario, active: &[FindingKind], words: &[&str]) {
    let told = |f: &Finding| finding(f).text;
    let all: Vec<_> = scenario.world.findings.iter().map(told).collect();
    assert_eq!(scenario.active(), active, "{all:#?}");
    let holding = scenario.world.findings.iter().filter(|f| f.active);
    let text: Vec<_> = holding.map(told).collect();
    for word in words {
        assert!(text.iter().any(|s| s.contains(word)), "{word:?} is not in {all:#?}");
    }
    assert!(text.iter().all(|s| !s.contains("  ") && s.len() <= 330), "{all:#?}");
}

fn remedy(s: &Scenario, kind: FindingKind) -> Option<Remedy> {
    s.finding(kind).and_then(|found| finding(found).remedy)
}

fn start() -> Scenario {
    Scenario::new().listen(4, LEVEL).control(5)
}

#[test]
fn edge_left_unread_is_stranded_once_the_server_waits() {
    let s = start().client(7, EDGE).arrive(7, 600).turn(1, &[(7, IN)]).read(1, 7, 88, 88);
    check(&s, &[], &[]);
    let s = s.enter(1);
    check(&s, &[EdgeStranded], &["fd 7 (127.0.0.1:51007)", "512 unread bytes"]);
    assert_eq!(remedy(&s, EdgeStranded), Some(Remedy::Modify));
    assert_eq!(s.world.new_findings, 1);
    check(&s.arrive(7, 700), &[], &[]);
}

#[test]
fn stranded_edge_is_mended_by_a_mod_and_found_again_as_the_same() {
    let s = start().client(7, EDGE).arrive(7, 600).turn(1, &[(7, IN)]).read(1, 7, 88, 88).enter(1);
    let s = s.rearm(1, 7, EDGE);
    check(&s, &[], &[]);
    let s = s.report(1, &[(7, IN)]).read(1, 7, 88, 88).enter(1);
    check(&s, &[EdgeStranded], &["424 unread bytes"]);
    assert_eq!(s.world.new_findings, 0);
    assert_eq!(s.finding(EdgeStranded).map(|f| f.count), Some(2));
}

#[test]
fn edge_drained_or_carried_is_not_stranded() {
    let s = start().client(7, EDGE).arrive(7, 12).turn(1, &[(7, IN)]).read(1, 7, 4096, 12);
    let drained = s.again(1, 7).enter(1);
    check(&drained, &[], &[]);
    let s = start().client(7, EDGE).arrive(7, 600).turn(1, &[(7, IN)]).read(1, 7, 88, 88);
    check(&s.conn(1, 7, ConnState::Carried, 0).enter(1), &[], &[]);
}

#[test]
fn edge_handled_by_another_thread_is_not_stranded() {
    let s = start().thread(2).client(7, EDGE).arrive(7, 600).turn(1, &[(7, IN)]);
    let s = s.arrive(7, 700).turn(2, &[(7, IN)]).read(1, 7, 88, 88).enter(1);
    check(&s, &[], &[]);
    check(&s.enter(2), &[EdgeStranded], &["612 unread bytes"]);
}

#[test]
fn end_that_came_with_the_data_is_stranded_by_a_short_read() {
    let s = start().client(7, EDGE).arrive(7, 12).turn(1, &[(7, END)]).read(1, 7, 4096, 12);
    check(&s.enter(1), &[EdgeStranded], &["its peer has closed", "short read"]);
}

#[test]
fn edge_listener_accepted_once_is_stranded() {
    let s = Scenario::new().listen(4, EDGE).arrive(4, 3).turn(1, &[(4, IN)]).accept(1, 4, 7);
    let s = s.enter(1);
    check(&s, &[EdgeStranded], &["2 connections still wait", "accept until EAGAIN"]);
    let s = Scenario::new().listen(4, LEVEL).arrive(4, 3).turn(1, &[(4, IN)]).accept(1, 4, 7);
    check(&s.enter(1), &[], &[]);
}

#[test]
fn out_always_ready_spins() {
    let mask = LEVEL | OUT;
    let spin = |s: Scenario| s.turn(1, &[(7, OUT)]).handle(1, 7);
    let s = start().client(7, mask).repeat(31, spin);
    check(&s, &[], &[]);
    let s = s.repeat(1, spin);
    check(&s, &[OutSpin], &["reported 32 times"]);
    assert_eq!(remedy(&s, OutSpin), Some(Remedy::UnwatchOut));
    let s = s.repeat(32, spin);
    check(&s, &[OutSpin], &["reported 63 times"]);
    check(&s.send(1, 7, 5, 5), &[], &[]);
}

#[test]
fn out_of_a_one_shot_that_is_armed_again_spins() {
    for mask in [LEVEL | OUT | Mask::ONESHOT, EDGE | OUT | Mask::ONESHOT] {
        let turn = |s: Scenario| s.turn(1, &[(7, OUT)]).handle(1, 7);
        let s = start().client(7, mask).repeat(40, |s| turn(s).rearm(1, 7, mask));
        check(&s, &[OutSpin], &["in a row with OUT", "armed again"]);
        let s = start().client(7, mask);
        check(&s.repeat(40, |s| turn(s).send(1, 7, 9, 9).rearm(1, 7, mask)), &[], &[]);
    }
}

#[test]
fn out_with_writes_does_not_spin() {
    let mask = LEVEL | OUT;
    let s = start().client(7, mask);
    check(&s.repeat(100, |s| s.turn(1, &[(7, OUT)]).send(1, 7, 9, 9)), &[], &[]);
}

#[test]
fn ignored_end_spins_until_it_is_closed() {
    let s = start().client(7, LEVEL).wakeup(7, END, Some(0));
    let s = s.repeat(40, |s| s.turn(1, &[(7, END)]).read(1, 7, 4096, 0));
    check(&s, &[EofSpin], &["IN RDHUP", "closes fd 7"]);
    check(&s.close(1, 7), &[], &[]);
}

#[test]
fn level_with_data_read_each_time_does_not_spin() {
    let s = start().client(7, LEVEL).arrive(7, 4000);
    check(&s.repeat(100, |s| s.turn(1, &[(7, END)]).read(1, 7, 4, 4)), &[], &[]);
}

#[test]
fn mask_zero_spins_on_hang_up() {
    let gone = Mask::ERR | Mask::HUP;
    let s = start().client(7, LEVEL).rearm(1, 7, Mask::EMPTY).wakeup(7, gone, None);
    let s = s.repeat(32, |s| s.turn(1, &[(7, gone)]));
    check(&s, &[MaskZeroSpin], &["mask 0", "ERR HUP"]);
    check(&s.ctl(1, CtlOp::Del, 7, Mask::EMPTY), &[], &[]);
}

#[test]
fn level_accept_loop_spins_on_emfile() {
    let spin = |s: Scenario| s.turn(1, &[(4, IN)]).accept_fails(1, 4, Errno::EMFILE);
    let s = start().arrive(4, 1).repeat(32, spin);
    check(&s, &[EmfileSpin], &["fd 4 (listener 127.0.0.1:8000)", "32 times"]);
    check(&s.accept(1, 4, 9), &[], &[]);
    // The guard: a spare descriptor is given up, and the client is accepted and closed.
    let guard = |s: Scenario| spin(s).accept(1, 4, 9).close(1, 9).arrive(4, 1);
    check(&start().arrive(4, 1).repeat(50, guard), &[], &[]);
}

#[test]
fn edge_accept_loop_strands_clients_on_emfile() {
    let s = Scenario::new().listen(4, EDGE).arrive(4, 2).turn(1, &[(4, IN)]);
    let s = s.accept_fails(1, 4, Errno::EMFILE).enter(1);
    check(&s, &[EmfileStranded], &["2 connections still wait", "EMFILE"]);
    check(&s.arrive(4, 3), &[], &[]);
}

#[test]
fn oneshot_that_fired_is_silent_with_bytes_left() {
    let s = start().client(7, ONESHOT).arrive(7, 12).turn(1, &[(7, IN)]).read(1, 7, 4096, 12);
    let s = s.again(1, 7).enter(1);
    check(&s, &[], &[]);
    let s = s.arrive(7, 9);
    check(&s, &[OneshotDisarmed], &["9 unread bytes", "even for HUP"]);
    assert_eq!(remedy(&s, OneshotDisarmed), Some(Remedy::Modify));
    check(&s.rearm(1, 7, ONESHOT), &[], &[]);
}

#[test]
fn oneshot_armed_again_is_no_finding() {
    let s = start().client(7, ONESHOT).arrive(7, 12).turn(1, &[(7, IN)]).arrive(7, 24);
    check(&s, &[], &[]);
    check(&s.read(1, 7, 4, 4).rearm(1, 7, ONESHOT).enter(1), &[], &[]);
}

#[test]
fn registration_that_outlives_its_number_is_a_ghost() {
    let s = start().client(7, LEVEL).dup(1, 7, 9);
    check(&s, &[], &[]);
    let s = s.close(1, 7);
    check(&s, &[Ghost], &["fd 7 (127.0.0.1:51007)", "the number is closed"]);
    let s = s.arrive(7, 5).turn(1, &[(7, IN)]);
    assert_eq!(s.finding(Ghost).map(|f| f.count), Some(2));
    check(&s.close(1, 9), &[], &[]);
    check(&start().client(7, LEVEL).close(1, 7), &[], &[]);
}

#[test]
fn two_threads_told_of_one_connection_are_a_herd() {
    let s = start().thread(2).arrive(4, 1).enter(1).enter(2);
    let s = s.report(1, &[(4, IN)]).report(2, &[(4, IN)]);
    let s = s.accept(1, 4, 7);
    check(&s, &[], &[]);
    let s = s.accept_fails(2, 4, Errno::EAGAIN);
    check(&s, &[ThunderingHerd], &["reported to T1 and to T2", "T1 took it", "T2's accept4"]);
    let s = s.accept_fails(1, 4, Errno::EAGAIN).every(6_000_000_000).enter(1);
    check(&s, &[], &[]);
}

#[test]
fn one_thread_that_drains_is_no_herd() {
    let s = start().thread(2).arrive(4, 1).turn(1, &[(4, IN)]).accept(1, 4, 7);
    check(&s.accept_fails(1, 4, Errno::EAGAIN), &[], &[]);
}

#[test]
fn herd_of_clients_is_one_finding_for_all() {
    let s = start().thread(2).client(7, LEVEL).client(8, LEVEL);
    let herd = |s: Scenario, fd| {
        let s = s.arrive(fd, 5).turn(1, &[(fd, IN)]).turn(2, &[(fd, IN)]);
        s.read(1, fd, 4096, 5).again(2, fd).again(1, fd)
    };
    let s = herd(herd(s, 7), 8);
    check(&s, &[ThunderingHerd], &["fd 8", "2 times so far"]);
}

#[test]
fn threads_of_high_numbers_are_told_apart() {
    let s = start().thread(70).thread(200).client(7, LEVEL).arrive(7, 5);
    let s = s.turn(70, &[(7, IN)]).turn(200, &[(7, IN)]).read(70, 7, 4096, 5).again(200, 7);
    check(&s, &[ThunderingHerd], &["T70", "T200"]);
}

#[test]
fn believed_stale_event_is_a_finding_and_a_skipped_one_is_not() {
    let s = start().client(7, LEVEL).client(8, LEVEL).arrive(7, 5).arrive(8, 5);
    let s = s.turn(1, &[(7, IN), (8, IN)]).close(1, 8).accept(1, 4, 8);
    check(&s, &[], &[]);
    let believed = s.stale(1, 8, true);
    check(&believed, &[StaleEvent], &["the number now names 127.0.0.1:51008"]);
    check(&start().client(8, LEVEL).stale(1, 8, false), &[], &[]);
}

#[test]
fn reading_without_end_starves_the_next_of_the_batch() {
    let batch = || {
        let s = start().client(7, EDGE).client(8, EDGE).arrive(7, 9_000_000).arrive(8, 5);
        s.turn(1, &[(7, IN), (8, IN)]).handle(1, 7).every(1000)
    };
    let s = batch().repeat(255, |s| s.read(1, 7, 4096, 4096).send(1, 7, 4096, 4096));
    check(&s, &[], &[]);
    let s = s.read(1, 7, 4096, 4096);
    check(&s, &[Starving], &["has read fd 7", "256 times", "while fd 8 (127.0.0.1:51008)"]);
    let bounded = batch().repeat(16, |s| s.read(1, 7, 4096, 4096));
    check(&bounded.handle(1, 8).read(1, 8, 4096, 5), &[], &[]);
}

#[test]
fn reading_much_is_no_finding_while_nobody_waits() {
    let s = start().client(7, EDGE).client(8, EDGE).arrive(7, 9_000_000);
    let s = s.turn(1, &[(7, IN)]).handle(1, 7);
    check(&s.repeat(600, |s| s.read(1, 7, 4096, 4096)), &[], &[]);
}

#[test]
fn timeout_zero_spins_until_it_sleeps() {
    let s = start().timeout(0).repeat(63, |s| s.turn(1, &[]));
    check(&s, &[], &[]);
    let s = s.turn(1, &[]);
    check(&s, &[TimeoutZeroSpin], &["T1", "64 times"]);
    let s = s.client(7, LEVEL).arrive(7, 1).turn(1, &[(7, IN)]);
    check(&s, &[TimeoutZeroSpin], &[]);
    check(&s.timeout(-1).enter(1), &[], &[]);
    check(&start().timeout(100).repeat(100, |s| s.turn(1, &[])), &[], &[]);
}

#[test]
fn findings_and_their_memory_are_bounded() {
    let s = (0..400).fold(start(), |s, fd| {
        let fd = 10 + fd;
        let s = s.client(fd, EDGE).arrive(fd, 600).turn(1, &[(fd, IN)]);
        s.read(1, fd, 88, 88).enter(1).close(1, fd)
    });
    assert_eq!(s.world.findings.iter().count(), Findings::KEPT);
    assert_eq!(s.active(), &[]);
    assert_eq!(s.world.findings.files_watched(), 2);
    let last = s.finding(EdgeStranded).map(|f| f.last.0);
    assert!(last.is_some_and(|seq| seq < s.seq()));
}

/// A server that does everything right, with clients that send what and when they like.
fn correct(trigger: Mask, mut dice: u64) -> Scenario {
    let mut roll = move |n: u64| {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (dice >> 33) % n
    };
    let fds = [7, 8, 9];
    let mut unread = [0_u32; 3];
    let mut s = fds.iter().fold(start(), |s, fd| s.client(*fd, trigger)).enter(1);
    for _ in 0..200 {
        for _ in 0..=roll(3) {
            let i = usize::try_from(roll(3)).expect("below 3");
            unread[i] += u32::try_from(roll(9000)).expect("below 9000") + 1;
            s = s.arrive(fds[i], unread[i]);
        }
        let max = s.world.settings.max_events;
        let ready = s.world.through(None).predict(max).reported;
        let ready: Vec<(i32, Mask)> = ready.iter().map(|e| (e.0.fd.0, IN)).collect();
        s = s.report(1, &ready);
        for (fd, _) in ready {
            s = s.handle(1, fd);
            let i = usize::try_from(fd - 7).expect("7 to 9");
            while unread[i] > 0 {
                let n = unread[i].min(4096);
                unread[i] -= n;
                s = s.read(1, fd, 4096, n).send(1, fd, n, n.into());
            }
            s = s.again(1, fd);
            if trigger.has(Mask::ONESHOT) {
                s = s.rearm(1, fd, trigger);
            }
        }
        s = s.enter(1);
    }
    s
}

#[test]
fn correct_server_has_no_findings() {
    for dice in 0..8 {
        for trigger in [LEVEL, EDGE, ONESHOT] {
            let s = correct(trigger, dice);
            assert!(s.world.through(None).instance.check.agreed > 100);
            let all: Vec<_> = s.world.findings.iter().map(|f| finding(f).text).collect();
            assert!(all.is_empty(), "{all:#?}");
        }
    }
}

#[test]
fn perhaps_listed_is_stranded_as_soon_as_a_wait_passes_it_over() {
    let s = Scenario::new().listen(4, EDGE).client(7, LEVEL).arrive(4, 1);
    let s = s.enter(1).arrive(4, 2).report(1, &[(4, IN)]);
    let s = s.accept_fails(1, 4, Errno::EMFILE).enter(1);
    check(&s, &[], &[]);
    let s = s.arrive(7, 5).report(1, &[(7, IN)]);
    check(&s, &[EmfileStranded], &["2 connections still wait"]);
}
