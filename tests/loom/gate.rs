//! The gate: whoever is to go goes, whoever is to be held is held, and every order ends once.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize as Count;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use crate::engine::eventfd::Eventfd;
use crate::engine::gate::{Gate, GateVisit, Order, Verdict};
use crate::engine::tap::{RingWriter, SideChannel};
use crate::event::{Backend, CommandPhase, Fd, GateStep, LaneId, Pass, Settings, Syscall};

const WAIT: GateStep = GateStep::Call(Syscall::EpollWait { ep: Fd(5), max: 1, timeout_ms: -1 });
const READ: GateStep = GateStep::Call(Syscall::Read { fd: Fd(7), len: 1 });
const HOUR: Duration = Duration::from_secs(3600);
const DONE: CommandPhase = CommandPhase::Done(None);

struct Rig {
    gate: Gate,
    side: Arc<SideChannel>,
    /// Where threads sleep in `epoll_wait`, for ever unless they are kicked.
    kernel: Eventfd,
    /// Calls made.
    made: Count,
    /// A way of waiting that cannot be had.
    denied: Option<Backend>,
}

fn order(id: u32) -> Order {
    Order { id, text: String::new() }
}

fn rig(hold: bool, delay: Duration, threads: u8) -> Arc<Rig> {
    let rig = unready(hold, delay, threads, None);
    rig.gate.set_ready();
    rig
}

/// A rig whose first thread is to say when the others may begin.
fn unready(hold: bool, delay: Duration, threads: u8, denied: Option<Backend>) -> Arc<Rig> {
    let side = Arc::new(SideChannel::default());
    let delay_ms = u32::try_from(delay.as_millis()).expect("a short time");
    let settings = Settings { paused: hold, delay_ms, threads, ..Settings::default() };
    let gate = Gate::new(Arc::clone(&side), &settings);
    Arc::new(Rig { gate, side, kernel: Eventfd::default(), made: Count::new(0), denied })
}

impl Rig {
    /// A server thread: goes through `calls` again and again until it is told to end.
    fn live(&self, id: u16, calls: &[GateStep]) {
        self.gate.arrived(LaneId(id), id.into());
        self.serve(id, calls);
        self.gate.departed(LaneId(id), false);
    }

    fn serve(&self, id: u16, calls: &[GateStep]) {
        if self.denied.is_some_and(|denied| denied == self.gate.backend()) {
            self.gate.refuse_switch("no");
            return;
        }
        if id == 1 {
            self.gate.set_ready();
        }
        let mut lane = RingWriter::new(LaneId(id), Arc::clone(&self.side));
        for call in calls.iter().cycle() {
            let verdict = self.gate.pass(&mut lane, call, &mut GateVisit::default(), || false);
            if verdict == Verdict::Stop {
                break;
            }
            self.made.fetch_add(1, SeqCst);
            if *call == WAIT {
                self.kernel.sleep(id);
            }
        }
    }

    /// The warden: starts threads, kicks them, and ends when all have ended.
    fn watch_over(self: &Arc<Self>, calls: &'static [GateStep]) {
        let mut threads = Vec::new();
        loop {
            let kick = |tid| self.kernel.kick(u16::try_from(tid).unwrap_or(0));
            let chores = self.gate.watch(kick);
            if chores.over {
                break;
            }
            for LaneId(id) in chores.start {
                let own = Arc::clone(self);
                threads.push(loom::thread::spawn(move || own.live(id, calls)));
            }
        }
        for thread in threads {
            thread.join().expect("a server thread");
        }
    }

    fn made(&self) -> usize {
        self.made.load(SeqCst)
    }
}

/// Runs `person` beside a warden and its threads, and ends the server after it.
fn check(
    preemptions: Option<usize>,
    make: fn() -> Arc<Rig>,
    calls: &'static [GateStep],
    person: fn(&Rig),
) {
    crate::check(preemptions, move || {
        let rig = make();
        let own = Arc::clone(&rig);
        let warden = loom::thread::spawn(move || own.watch_over(calls));
        person(&rig);
        rig.gate.end();
        warden.join().expect("the warden");
        assert!(!rig.side.is_held(1) && !rig.side.is_held(2));
    });
}

#[test]
fn thread_that_sleeps_is_brought_to_the_gate_and_to_its_end() {
    check(
        Some(2),
        || rig(false, Duration::ZERO, 1),
        &[WAIT],
        |rig| {
            rig.gate.pause(Some(order(1)));
            assert_eq!(rig.side.end_of(1), DONE);
            assert!(rig.side.is_held(1));
            let made = rig.made();
            rig.gate.run();
            assert!(rig.made() <= made + 1);
            assert_eq!(rig.side.ends_of(1), 1);
        },
    );
}

#[test]
fn pause_is_done_when_both_threads_are_held() {
    check(
        Some(1),
        || rig(false, Duration::ZERO, 2),
        &[WAIT],
        |rig| {
            rig.gate.pause(Some(order(1)));
            assert_eq!(rig.side.end_of(1), DONE);
            assert!(rig.side.is_held(1) && rig.side.is_held(2));
            assert_eq!(rig.side.ends_of(1), 1);
        },
    );
}

#[test]
fn step_makes_one_call_and_ends_once() {
    check(
        Some(2),
        || rig(true, Duration::ZERO, 1),
        &[READ, READ, WAIT],
        |rig| {
            rig.side.wait_for_park(1);
            assert!(rig.gate.permit(LaneId(1), Pass::Step, order(1)).is_ok());
            assert_eq!(rig.side.end_of(1), DONE);
            assert_eq!((rig.made(), rig.side.is_held(1)), (1, true));
            assert!(rig.gate.permit(LaneId(1), Pass::Turn, order(2)).is_ok());
            assert_eq!(rig.side.end_of(2), DONE);
            assert_eq!((rig.made(), rig.side.is_held(1)), (2, true), "up to its next wait");
            assert_eq!((rig.side.ends_of(1), rig.side.ends_of(2)), (1, 1));
        },
    );
}

#[test]
fn order_to_step_ends_once_whatever_comes_after_it() {
    check(
        Some(2),
        || rig(true, Duration::ZERO, 1),
        &[WAIT],
        |rig| {
            rig.side.wait_for_park(1);
            assert!(rig.gate.permit(LaneId(1), Pass::Step, order(1)).is_ok());
            rig.gate.run();
            assert_eq!(rig.side.ends_of(1), 1);
            rig.gate.pause(None);
            let again = rig.gate.permit(LaneId(1), Pass::Turn, order(2)).is_ok();
            rig.gate.pause(Some(order(3)));
            assert_eq!(rig.side.end_of(3), DONE);
            assert_eq!((rig.side.ends_of(1), rig.side.ends_of(2)), (1, usize::from(again)));
        },
    );
}

#[test]
fn pause_is_not_done_before_a_step_is_made() {
    crate::check(Some(2), || {
        let rig = rig(true, Duration::ZERO, 2);
        assert_eq!(rig.gate.watch(|_| {}).start, [LaneId(1), LaneId(2)]);
        let own = Arc::clone(&rig);
        let first = loom::thread::spawn(move || own.live(1, &[READ, WAIT]));
        let own = Arc::clone(&rig);
        let warden = loom::thread::spawn(move || own.watch_over(&[]));
        rig.gate.pause(Some(order(1)));
        rig.side.wait_for_park(1);
        assert!(rig.gate.permit(LaneId(1), Pass::Step, order(2)).is_ok());
        // Nobody is left to be waited for but the first.
        rig.gate.departed(LaneId(2), true);
        assert_eq!(rig.side.end_of(1), DONE);
        assert_eq!((rig.made(), rig.side.is_held(1)), (1, true));
        rig.gate.end();
        first.join().expect("the first");
        warden.join().expect("the warden");
        assert_eq!((rig.side.ends_of(1), rig.side.ends_of(2)), (1, 1));
    });
}

#[test]
fn step_of_one_leaves_the_other_held() {
    check(
        Some(1),
        || rig(true, Duration::ZERO, 2),
        &[READ, WAIT],
        |rig| {
            rig.side.wait_for_park(2);
            assert!(rig.gate.permit(LaneId(2), Pass::Step, order(1)).is_ok());
            assert_eq!(rig.side.end_of(1), DONE);
            assert_eq!(rig.made(), 1);
            assert!(rig.side.is_held(1) && rig.side.is_held(2));
        },
    );
}

#[test]
fn delayed_thread_goes_when_the_delay_is_taken_back_and_is_held_when_it_is_to_be() {
    check(
        Some(2),
        || rig(false, HOUR, 1),
        &[READ, WAIT],
        |rig| {
            rig.gate.pause(Some(order(1)));
            assert_eq!(rig.side.end_of(1), DONE);
            assert_eq!((rig.made(), rig.side.is_held(1)), (0, true));
            rig.gate.run();
            rig.gate.delay(Duration::ZERO);
            rig.gate.pause(Some(order(2)));
            assert_eq!(rig.side.end_of(2), DONE);
            assert!(rig.side.is_held(1));
        },
    );
}

#[test]
fn end_lets_a_delayed_thread_go() {
    check(Some(3), || rig(false, HOUR, 1), &[READ, WAIT], |_| {});
}

#[test]
fn thread_that_is_one_too_many_ends_wherever_it_is() {
    crate::check(Some(3), || {
        let rig = rig(false, Duration::ZERO, 2);
        assert_eq!(rig.gate.watch(|_| {}).start, [LaneId(1), LaneId(2)]);
        // The first thread is there and sleeps.
        rig.gate.arrived(LaneId(1), 1);
        let own = Arc::clone(&rig);
        let second = loom::thread::spawn(move || own.live(2, &[READ, WAIT]));
        let own = Arc::clone(&rig);
        let warden = loom::thread::spawn(move || own.watch_over(&[]));
        rig.gate.want(1, Some(order(1)));
        assert_eq!(rig.side.end_of(1), DONE);
        assert!(rig.gate.permit(LaneId(2), Pass::Step, order(2)).is_err(), "it has ended");
        second.join().expect("the second");
        rig.gate.end();
        rig.gate.departed(LaneId(1), false);
        warden.join().expect("the warden");
        assert_eq!(rig.side.ends_of(1), 1);
    });
}

#[test]
fn more_threads_are_there_when_they_have_arrived() {
    crate::check(Some(3), || {
        let rig = rig(false, Duration::ZERO, 1);
        assert_eq!(rig.gate.watch(|_| {}).start, [LaneId(1)]);
        rig.gate.arrived(LaneId(1), 1);
        let own = Arc::clone(&rig);
        let warden = loom::thread::spawn(move || own.watch_over(&[WAIT]));
        rig.gate.want(2, Some(order(1)));
        assert_eq!(rig.side.end_of(1), DONE);
        rig.gate.end();
        rig.gate.departed(LaneId(1), false);
        warden.join().expect("the warden");
        assert_eq!(rig.side.ends_of(1), 1);
    });
}

#[test]
fn held_thread_that_is_one_too_many_ends_and_the_other_stays() {
    check(
        Some(1),
        || rig(true, Duration::ZERO, 2),
        &[WAIT],
        |rig| {
            rig.side.wait_for_park(2);
            rig.gate.want(1, Some(order(1)));
            assert_eq!(rig.side.end_of(1), DONE);
            assert_eq!((rig.side.is_held(1), rig.side.is_held(2)), (true, false));
            rig.gate.pause(Some(order(2)));
            assert_eq!(rig.side.end_of(2), DONE);
        },
    );
}

/// What another thread asks for while the server ends.
fn check_at_the_end(ask: fn(&Gate)) {
    crate::check(Some(2), move || {
        let rig = rig(false, Duration::ZERO, 1);
        let own = Arc::clone(&rig);
        let warden = loom::thread::spawn(move || own.watch_over(&[READ, WAIT]));
        let own = Arc::clone(&rig);
        let person = loom::thread::spawn(move || ask(&own.gate));
        rig.gate.end();
        warden.join().expect("the warden");
        person.join().expect("the person");
        assert_eq!(rig.side.ends_of(1), 1);
        assert!(!rig.side.is_held(1));
    });
}

#[test]
fn pause_at_the_end_holds_nobody_and_ends() {
    check_at_the_end(|gate| gate.pause(Some(order(1))));
}

#[test]
fn number_of_threads_asked_for_at_the_end_is_answered() {
    check_at_the_end(|gate| gate.want(2, Some(order(1))));
}

#[test]
fn delay_at_the_end_delays_nobody() {
    check_at_the_end(|gate| {
        gate.delay(HOUR);
        gate.want(1, Some(order(1)));
    });
}

#[test]
fn first_thread_is_alone_when_the_others_have_ended() {
    crate::check(None, || {
        let rig = rig(false, Duration::ZERO, 2);
        let started = rig.gate.watch(|_| {}).start;
        assert_eq!(started, [LaneId(1), LaneId(2)]);
        let own = Arc::clone(&rig);
        let second = loom::thread::spawn(move || {
            own.made.fetch_add(1, SeqCst);
            own.gate.departed(LaneId(2), false);
        });
        rig.gate.alone(LaneId(1), HOUR);
        assert_eq!(rig.made(), 1);
        second.join().expect("the second");
    });
}

/// Asks for poll(2) beside what `meanwhile` does, and looks at the end.
fn check_switch(
    make: fn() -> Arc<Rig>,
    meanwhile: fn(&Rig),
    preemptions: usize,
    after: fn(&Rig, CommandPhase),
) {
    crate::check(Some(preemptions), move || {
        let rig = make();
        let own = Arc::clone(&rig);
        let warden = loom::thread::spawn(move || own.watch_over(&[WAIT]));
        assert!(rig.gate.switch(Backend::Poll, order(1)).is_ok());
        meanwhile(&rig);
        let end = rig.side.end_of(1);
        after(&rig, end);
        rig.gate.end();
        warden.join().expect("the warden");
        assert_eq!(rig.side.ends_of(1), 1);
        assert!(!rig.side.is_held(1) && !rig.side.is_held(2));
    });
}

#[test]
fn switch_is_done_when_the_first_thread_of_the_other_way_has_begun() {
    let make = || unready(false, Duration::ZERO, 1, None);
    check_switch(
        make,
        |_| {},
        2,
        |rig, end| {
            assert_eq!((end, rig.gate.backend()), (DONE, Backend::Poll));
            assert!(!rig.gate.is_switching());
        },
    );
}

#[test]
fn switch_of_a_held_server_ends_with_its_thread_held_again() {
    let make = || unready(true, Duration::ZERO, 1, None);
    check_switch(
        make,
        |_| {},
        2,
        |rig, end| {
            assert_eq!((end, rig.made()), (DONE, 0));
            rig.gate.pause(Some(order(2)));
            assert_eq!(rig.side.end_of(2), DONE);
            assert!(rig.side.is_held(1));
        },
    );
}

#[test]
fn switch_that_is_refused_ends_where_it_began() {
    let make = || unready(false, Duration::ZERO, 1, Some(Backend::Poll));
    check_switch(
        make,
        |_| {},
        1,
        |rig, end| {
            assert_eq!(end, CommandPhase::Failed("no".into()));
            assert_eq!(rig.gate.backend(), Backend::Epoll);
        },
    );
}

#[test]
fn switch_and_a_pause_both_end() {
    let make = || unready(false, Duration::ZERO, 1, None);
    let pause = |rig: &Rig| rig.gate.pause(Some(order(2)));
    check_switch(make, pause, 1, |rig, end| {
        assert_eq!((end, rig.side.end_of(2)), (DONE, DONE));
        assert!(rig.side.ends_of(2) == 1 && rig.side.is_held(1));
    });
}

#[test]
fn switch_at_the_end_is_answered_and_everybody_ends() {
    let make = || unready(false, Duration::ZERO, 1, None);
    check_switch(
        make,
        |rig| rig.gate.end(),
        2,
        |_, end| {
            let late = CommandPhase::Failed(crate::engine::gate::ENDED.into());
            assert!(end == DONE || end == late, "{end:?}");
        },
    );
}

#[test]
fn second_switch_is_refused_while_the_first_is_under_way() {
    let make = || unready(false, Duration::ZERO, 1, None);
    let again = |rig: &Rig| {
        if let Err((other, why)) = rig.gate.switch(Backend::Select, order(2)) {
            assert_eq!((other.id, why.as_str()), (2, "a switch to poll is under way"));
        } else {
            // The first was over by then.
            rig.side.end_of(2);
        }
    };
    check_switch(make, again, 1, |_, end| assert_eq!(end, DONE));
}
