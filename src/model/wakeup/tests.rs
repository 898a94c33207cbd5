//! What a wake-up makes of it.

use super::super::ready::Reason;
use super::super::scenario::{EDGE, END, IN, LEVEL, ONESHOT, OUT, Scenario};
use crate::event::{CtlOp, Mask, WakeupLog};

const MS: u64 = 1_000_000;

#[track_caller]
fn check(s: &Scenario, ready: &str) {
    let list = s.ready().unwrap_or_else(|| "unknown".to_owned());
    assert_eq!(list, ready);
    assert_eq!(s.world.through(None).instance.check.diverged, 0);
}

fn start() -> Scenario {
    Scenario::new().listen(4, IN).control(5).client(7, EDGE).client(8, EDGE)
}

#[test]
fn a_count_made_while_a_read_ran_may_lack_what_it_took() {
    let s = start().client(9, LEVEL).arrive(9, 15).turn(1, &[(9, IN)]);
    // 10 of the 15 are left, by a count from within the read.
    let s = s.wakeup(9, OUT, Some(10)).read_meanwhile(1, 9, 5, 5);
    let s = s.turn(1, &[(9, IN)]).read(1, 9, 5, 5);
    let s = s.turn(1, &[(9, IN)]).read(1, 9, 5, 5);
    check(&s.every(200 * MS).turn(1, &[]), "");
}

#[test]
fn a_count_told_after_a_read_may_be_of_before() {
    let s = start().client(9, LEVEL).arrive(9, 6).turn(1, &[(9, IN)]).read(1, 9, 512, 6);
    let s = s.again(1, 9).wakeup_counted_before(9, IN, 6);
    check(&s.turn(1, &[]).every(200 * MS).turn(1, &[]), "");
}

#[test]
fn what_epoll_ctl_found_is_what_poll_says_right_after() {
    // Nobody was told how many wait at a UNIX listener, or that a client has gone.
    let found = start().ctl_polled(1, (CtlOp::Mod, 4, IN), IN, 1000);
    check(&found, "4");
    let gone = IN | OUT | Mask::HUP | Mask::RDHUP;
    let left = Scenario::new().accept(1, 4, 9);
    check(&left.ctl_polled(1, (CtlOp::Add, 9, EDGE), gone, 1000), "9");
    let full = || start().send(1, 7, 100, 50).send(1, 7, 50, -1);
    check(&full().ctl_polled(1, (CtlOp::Mod, 7, EDGE | OUT), Mask::EMPTY, 1000), "");
    check(&full().ctl_polled(1, (CtlOp::Mod, 7, EDGE | OUT), OUT, 1000), "7");
}

#[test]
fn a_report_ahead_of_its_add_was_made_by_it() {
    let two = || start().thread(2).enter(2).accept(1, 4, 9);
    let add = |s: Scenario, mask| s.ctl_polled(1, (CtlOp::Add, 9, mask), IN | OUT, 5 * MS);
    // T2 is woken by the ADD and returns before it does.
    let ahead = || two().report(2, &[(9, IN)]);
    check(&add(ahead(), EDGE), "");
    check(&add(ahead(), LEVEL), "(9)");
    let fired = add(ahead(), ONESHOT);
    check(&fired, "");
    let entry =
        fired.world.through(None).instance.interest.get(fired.key(9)).expect("it is registered");
    assert_eq!(entry.arm(), crate::event::Arm::Disarmed);
    check(&add(two(), EDGE), "9");
}

#[test]
fn a_report_beside_a_mod_of_a_fired_one_shot_came_after_it() {
    let fired = Scenario::new().listen(4, IN).client(7, ONESHOT).thread(2).arrive(7, 5);
    let fired = fired.turn(1, &[(7, IN)]).enter(2).report(2, &[(7, IN)]);
    let armed = fired.ctl_polled(1, (CtlOp::Mod, 7, ONESHOT), IN, 3 * MS);
    check(&armed, "");
    let entry =
        armed.world.through(None).instance.interest.get(armed.key(7)).expect("it is registered");
    assert_eq!(entry.arm(), crate::event::Arm::Disarmed);
}

#[test]
fn a_unix_peer_that_reads_wakes_who_watches_for_room_without_a_signal() {
    let told = Scenario::new().listen(4, IN).unix_client(9, EDGE | OUT);
    let told = told.turn(1, &[(9, OUT)]).send(1, 9, 10, 10);
    check(&told, "");
    let left = told.unsent(9, 700);
    check(&left, "");
    check(&left.unsent(9, 0), "9");
    // Who does not watch for room is not concerned.
    let deaf = Scenario::new().listen(4, IN).unix_client(9, EDGE).send(1, 9, 10, 10);
    check(&deaf.unsent(9, 700).unsent(9, 0), "");
}

#[test]
fn the_end_of_a_stream_has_no_key() {
    let only = |mask| Scenario::new().listen(4, IN).unix_client(9, mask);
    check(&only(OUT | Mask::ET).turn(1, &[(9, OUT)]).wakeup(9, IN, Some(0)), "9");
    check(&only(OUT | Mask::ET).turn(1, &[(9, OUT)]).wakeup(9, IN, Some(5)), "");
    // It may have been the end, or bytes.
    check(&only(OUT | Mask::ET).turn(1, &[(9, OUT)]).wakeup(9, IN, None), "(9)");
}

#[test]
fn bytes_that_were_counted_since_are_no_end_of_the_stream() {
    let only = Scenario::new().listen(4, IN).unix_client(9, OUT | Mask::ET);
    let counted = only.turn(1, &[(9, OUT)]).queues(9, 300);
    check(&counted.wakeup_since(9, IN, 300, 2 * MS), "(9)");
}

#[test]
fn the_order_of_what_was_not_read_from_one_place_is_not_certain() {
    // The eventfd was written at some time between the two looks at the edge log.
    check(&start().wakeup(5, IN, None).wakeup_since(7, IN, 3, 2 * MS), "(5) (7)");
    check(&start().wakeup(5, IN, None).wakeup(7, IN, Some(3)), "5 7");
    check(&start().arrive(7, 3).arrive(8, 3), "7 8");
    // What a full harvest did not reach came before what it put back, or after it.
    let full = Scenario::new().listen(4, IN).client(7, LEVEL).client(8, LEVEL);
    let full = full.settings(|s| s.max_events = 1).enter(1).arrive(7, 3).arrive(8, 3);
    check(&full.report(1, &[(7, IN)]), "(8) 7");
}

#[test]
fn a_wake_up_that_is_told_late_is_what_the_report_was_for() {
    let early = || start().enter(1).report(1, &[(7, IN)]);
    check(&early(), "");
    check(&early().wakeup_since(7, IN, 3, MS / 2), "");
    // A later one may be that one still, or another.
    check(&early().queues(8, 0).wakeup(7, IN, Some(3)), "(7)");
    // Somebody else was reading the log: the debt is remembered all the same.
    let skipped = start().enter(1).report_with(1, &[(7, IN)], WakeupLog::Skipped);
    check(&skipped.wakeup_since(7, IN, 3, MS / 2), "");
}

#[test]
fn a_report_beside_the_harvests_of_another_thread_may_be_ahead_of_its_wake_up() {
    let both = || start().thread(2).enter(2).enter(1).arrive(8, 3).report(1, &[(8, IN)]);
    let ahead = both().enter(1).report(2, &[(7, IN)]);
    check(&ahead, "");
    // It may be what the report was for, or have come since: its signal was queued when the
    // harvest was over, and before that was told.
    check(&ahead.wakeup_since(7, IN, 3, MS / 8), "(7)");
    let later = both().enter(1).report(2, &[(7, IN)]).queues(8, 0).queues(8, 0);
    check(&later.wakeup(7, IN, Some(3)), "7");
}

#[test]
fn a_wake_up_beside_the_mod_of_a_fired_one_shot_may_have_found_it_disarmed() {
    let once = EDGE | Mask::ONESHOT;
    let fired = || {
        let s = Scenario::new().listen(4, IN).client(7, once).arrive(7, 800);
        s.turn(1, &[(7, IN)]).read(1, 7, 4096, 800).read(1, 7, 4096, 1200).again(1, 7)
    };
    let armed = || fired().ctl_polled(1, (CtlOp::Mod, 7, once), OUT, 1000);
    let late = armed().wakeup_since(7, IN, 0, 4 * MS);
    check(&late, "(7)");
    // Its bytes have been read since: it was not the end of the stream.
    assert_eq!(
        late.world.through(None).instance.ready.iter().next().map(|e| e.why),
        Some(Reason::Perhaps)
    );
    check(&armed().wakeup(7, IN, Some(3)), "7");
}

#[test]
fn a_wake_up_that_is_told_late_may_have_set_the_harvest_off() {
    // The eventfd is written when the harvest for 7 is over, but told first.
    let s = start().enter(1).wakeup(5, IN, None).report(1, &[(7, IN)]);
    check(&s, "5");
    let s = start().enter(1).wakeup(5, IN, None).wakeup(7, IN, Some(3));
    check(&s.report(1, &[(5, IN)]), "5 (7)");
}

#[test]
fn signals_in_another_order_than_the_callbacks_contradict_nothing() {
    // T1 was woken for 8 and had its harvest before 7 was woken, whose signal came first.
    let s = start().enter(1).arrive(7, 3).arrive(8, 3);
    check(&s.report(1, &[(8, IN)]), "(7)");
    // Nothing explains that one alone was passed over.
    let s = start().enter(1).arrive(7, 3).report(1, &[]);
    assert_eq!(s.world.through(None).instance.check.diverged, 1);
}

#[test]
fn room_is_there_after_a_reset_and_after_ones_own_end() {
    let blocked = || {
        let full = start().ctl(1, CtlOp::Mod, 7, LEVEL | OUT).send(1, 7, 10, -1);
        full.enter(1)
    };
    let reset = Mask::ERR | Mask::HUP | OUT | END;
    let s = blocked().wakeup(7, Mask::ERR, Some(0)).report(1, &[(7, reset)]);
    check(&s, "7");
    let s = start().ctl(1, CtlOp::Mod, 7, LEVEL | OUT).send(1, 7, 10, -1).shut_down(1, 7);
    check(&s.turn(1, &[(7, OUT)]), "7");
}

#[test]
fn room_that_a_unix_peer_makes_in_a_harvest_may_list_again() {
    let out = Mask::OUT | Mask::ONESHOT;
    for (mask, listed) in [(out, "(7)"), (Mask::OUT | Mask::ET, "(7)"), (Mask::OUT, "7")] {
        let full = Scenario::new().unix_client(7, mask).report(1, &[(7, OUT)]);
        let full = full.ctl_polled(1, (CtlOp::Mod, 7, mask), Mask::EMPTY, 1000);
        let s = full.enter(1).wakeup(7, OUT, None).report(1, &[(7, OUT)]);
        assert_eq!(s.ready().as_deref(), Some(listed), "{mask}");
        // Nothing is left of it when it was polled.
        let s = s.enter(1).asleep(&[1]);
        assert_eq!(s.ready().as_deref(), Some(""), "{mask}");
    }
}
