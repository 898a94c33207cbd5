//! Loops in which each connection has code of its own.

use super::*;
use crate::event::{Backend, GateStep, GoChange, GoId, GoWait, Mistake, Refusal, SwitchPhase};
use crate::model::FindingKind;

const BOTH: Mask = Mask(0x8000_2005);

fn goroutines() -> Scenario {
    let enter = Kind::Backend { to: Backend::Goroutine, phase: SwitchPhase::Entered(None) };
    let start = Scenario::new().thread(2).tool(enter);
    start.settings(|s| s.backend = Backend::Goroutine).listen(4, BOTH).client(9, BOTH)
}

impl Scenario {
    fn go(self, lane: u16, id: u32, what: GoChange) -> Self {
        self.push(lane, Kind::Go { go: GoId(id), what })
    }

    fn made(self, id: u32, fd: i32) -> Self {
        let key = self.key(fd);
        self.go(1, id, GoChange::Spawn { fd: key.fd, file: key.file })
    }

    fn parks(self, id: u32, on: GoWait) -> Self {
        self.go(1, id, GoChange::Run).go(1, id, GoChange::Park { on })
    }
}

#[test]
fn a_parked_goroutine_has_a_stack_that_waits_and_no_thread() {
    let s = goroutines().made(7, 9).parks(7, GoWait::Read);
    check(&s.why_fd(9), &["G7 is parked in read of fd 9", "room (OUT)", "wakes nobody"]);
    let s = s.enter(2).report(2, &[(9, Mask::OUT)]);
    check(&s.why_fd(9), &["G7 is parked in read of fd 9", "no thread does", "registered once"]);
    let s = s.enter(2).arrive(9, 12);
    check(&s.why_fd(9), &["12 bytes arrived", "on the ready list of the one epoll", "G7 runnable"]);
    let write = goroutines().made(7, 9).parks(7, GoWait::Write);
    check(&write.why_fd(9), &["parked in write of fd 9", "does not read"]);
    let full = goroutines().made(7, 9).parks(7, GoWait::Room);
    check(&full.why_fd(9), &["does not read fd 9", "too full"]);
    let accept = goroutines().made(1, 4).parks(1, GoWait::Descriptor);
    check(&accept.why_fd(4), &["no descriptor is left"]);
}

#[test]
fn a_runnable_goroutine_stands_in_the_run_queue() {
    let s = goroutines().client(12, BOTH).made(7, 9).go(1, 7, GoChange::Run).enter(2);
    let s = s.made(8, 12);
    let words = ["G8 is runnable", "first in the run queue", "T1 runs G7", "T2 is the netpoller"];
    check(&s.why_fd(12), &words);
    check(&s.why_lane(1), &["T1 runs G7", "serves fd 9"]);
    let held = s.park(2, GateStep::Run(GoId(8)));
    check(&held.why_lane(2), &["T2 is held before run G8", "takes G8 of fd 12", "first call"]);
    let s = held.unpark(2).enter(2);
    let s = s.go(1, 7, GoChange::Yield);
    check(&s.why_fd(9), &["G7 yielded", "at place 2", "10 ms"]);
    check(&s.why_last(), &["yields", "tail"]);
}

#[test]
fn what_came_before_it_was_asked_for_is_noted() {
    let s = goroutines().made(7, 9).go(1, 7, GoChange::Run).enter(2);
    let s = s.arrive(9, 3).report(2, &[(9, BOTH)]);
    check(&s.why_fd(9), &["note stands in rg of fd 9", "before G7 asked", "does not park"]);
    let s = s.read(1, 9, 4096, 3).again(1, 9);
    check(&s.why_fd(9), &["T1 runs G7", "registered once", "made no epoll_ctl"]);
}

#[test]
fn a_goroutine_whose_client_has_ended_is_leaked() {
    let s = goroutines().settings(|s| s.mistakes.set(Mistake::LeakGoroutine, true));
    let s = s.made(7, 9).go(1, 7, GoChange::Run).read(1, 9, 4096, 0);
    let s = s.go(1, 7, GoChange::Park { on: GoWait::Room });
    check(&s.why_fd(9), &["G7 is parked for good", "leaked"]);
    assert_eq!(s.active(), [FindingKind::GoroutineLeak]);
    let s = s.go(2, 7, GoChange::Ready { mask: Mask::EMPTY });
    assert!(s.active().is_empty());
}

#[test]
fn a_thread_of_its_own_sleeps_in_its_call() {
    let enter = Kind::Backend { to: Backend::Threads, phase: SwitchPhase::Entered(None) };
    let s = Scenario::new().settings(|s| s.backend = Backend::Threads).tool(enter);
    let s = s.listen(4, IN).thread(7).client(12, IN);
    let read = Syscall::Read { fd: Fd(12), len: 4096 };
    let s = s.push(7, Kind::Enter(read));
    check(&s.why_fd(12), &["T7 sleeps in read(12)", "a thread of its own"]);
    check(&s.why_lane(7), &["wakes T7 alone", "one wait queue"]);
    let s = s.read(7, 12, 4096, 9);
    check(&s.why_fd(12), &["T7 runs", "fd 12 alone"]);
    let s = s.push(7, Kind::Enter(Syscall::Send { fd: Fd(12), len: 9 }));
    check(&s.why_fd(12), &["T7 sleeps in send(12)", "does not read"]);
}

#[test]
fn a_client_for_whom_there_is_no_thread_is_a_finding() {
    let enter = Kind::Backend { to: Backend::Threads, phase: SwitchPhase::Entered(None) };
    for why in [Refusal::Threads, Refusal::NoThread] {
        let s = Scenario::new().tool(enter.clone()).push(1, Kind::Refused(why));
        assert_eq!(s.active(), [FindingKind::ThreadLimit]);
        let s = s.push(1, Kind::Refused(why));
        let found = s.finding(FindingKind::ThreadLimit).expect("found");
        let text = crate::text::finding(found).text;
        check(&text, &["turned away", "thread", "2 clients so far"]);
    }
}
