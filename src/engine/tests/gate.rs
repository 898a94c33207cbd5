//! A thread at the gate, held, stepped, delayed and let go.

use std::sync::Arc;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use crate::engine::doorbell::Doorbell;
use crate::engine::gate::{Gate, GateVisit, Order, Verdict};
use crate::engine::tap::{Tap, channel};
use crate::event::{Fd, Kind, LaneId, Pass, Settings, Syscall};
use crate::sys::clock::Clock;

const T1: LaneId = LaneId(1);
const LIMIT: Duration = Duration::from_secs(10);
const READ: Syscall = Syscall::Read { fd: Fd(7), len: 1 };
const WAIT: Syscall = Syscall::EpollWait { ep: Fd(5), max: 1, timeout_ms: -1 };

/// A thread that makes READ, READ, WAIT, READ, READ, WAIT, ... and tells of each.
struct Rig {
    gate: Arc<Gate>,
    made: mpsc::Receiver<&'static str>,
    tap: Tap,
    thread: Option<std::thread::JoinHandle<()>>,
}

fn rig(hold: bool) -> Rig {
    let bell = Arc::new(Doorbell::new(|| {}));
    let (mut lanes, side, tap) = channel(Clock::start(), bell, &[T1], 4096);
    let gate = Arc::new(Gate::new(side, &Settings { paused: hold, ..Settings::default() }));
    assert_eq!(gate.watch(|_| {}).start, [T1]);
    let mut lane = lanes.remove(0);
    let (tell, made) = mpsc::sync_channel(0);
    let door = Arc::clone(&gate);
    let thread = std::thread::spawn(move || {
        for call in [READ, READ, WAIT].iter().cycle() {
            let mut passage = GateVisit::default();
            let mut verdict = Verdict::Commands;
            while verdict == Verdict::Commands {
                verdict = door.pass(&mut lane, &(*call).into(), &mut passage, || false);
                let made = if verdict == Verdict::Commands { "commands" } else { call.name() };
                if verdict != Verdict::Stop && tell.send(made).is_err() {
                    verdict = Verdict::Stop;
                }
            }
            if verdict == Verdict::Stop {
                break;
            }
        }
        door.departed(T1, false);
    });
    Rig { gate, made, tap, thread: Some(thread) }
}

impl Rig {
    #[track_caller]
    fn makes(&self, name: &str) {
        assert_eq!(self.made.recv_timeout(LIMIT), Ok(name));
    }

    #[track_caller]
    fn parks(&mut self) -> Syscall {
        let deadline = Instant::now() + LIMIT;
        let mut parked = None;
        while parked.is_none() {
            assert!(Instant::now() < deadline, "not parked");
            self.tap.drain(1, &mut |_, _, kind| {
                if let Kind::Park { next } = kind {
                    parked = next.call().copied();
                }
            });
        }
        parked.expect("parked")
    }

    fn permit(&self, pass: Pass) -> Result<(), String> {
        let order = Order { id: 1, text: "step".into() };
        self.gate.permit(T1, pass, order).map_err(|(_, why)| why)
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.gate.end();
        while self.made.recv_timeout(LIMIT).is_ok() {}
        if let Some(thread) = self.thread.take() {
            assert!(thread.join().is_ok());
        }
    }
}

#[test]
fn free_run_passes_without_an_event() {
    let mut rig = rig(false);
    for name in ["read", "read", "epoll_wait", "read"] {
        rig.makes(name);
    }
    assert_eq!(rig.tap.drain(10, &mut |_, _, _| {}).events, 0);
}

#[test]
fn thread_held_from_the_start_makes_no_call() {
    let mut rig = rig(true);
    assert_eq!(rig.parks(), READ);
    assert!(rig.gate.all_held());
    assert!(rig.made.try_recv().is_err());
    rig.gate.run();
    rig.makes("read");
}

#[test]
fn step_makes_one_call() {
    let mut rig = rig(true);
    rig.parks();
    assert_eq!(rig.permit(Pass::Step), Ok(()));
    rig.makes("read");
    assert_eq!(rig.parks(), READ);
    assert!(rig.made.try_recv().is_err());
}

#[test]
fn turn_runs_to_the_next_wait() {
    let mut rig = rig(true);
    rig.parks();
    assert_eq!(rig.permit(Pass::Turn), Ok(()));
    rig.makes("read");
    rig.makes("read");
    assert_eq!(rig.parks(), WAIT);
    assert_eq!(rig.permit(Pass::Turn), Ok(()));
    for name in ["epoll_wait", "read", "read"] {
        rig.makes(name);
    }
    assert_eq!(rig.parks(), WAIT);
}

#[test]
fn step_of_a_running_thread_is_refused() {
    let rig = rig(false);
    let why = "T1 is not held: pause the server first".to_owned();
    assert_eq!(rig.permit(Pass::Step), Err(why));
    rig.makes("read");
}

#[test]
fn delay_ends_when_it_is_taken_back() {
    let rig = rig(true);
    rig.gate.delay(Duration::from_secs(3600));
    rig.gate.run();
    assert!(rig.made.try_recv().is_err());
    rig.gate.delay(Duration::ZERO);
    rig.makes("read");
}

#[test]
fn poked_thread_looks_for_commands_before_it_goes() {
    let mut rig = rig(true);
    rig.parks();
    assert!(rig.gate.poke(), "it is at the gate");
    rig.gate.run();
    rig.makes("commands");
    rig.makes("read");
}

#[test]
fn thread_poked_while_it_carries_out_commands_looks_again() {
    for delay in [Duration::ZERO, Duration::from_secs(3600)] {
        let mut rig = rig(true);
        rig.parks();
        rig.gate.delay(delay);
        if !delay.is_zero() {
            rig.gate.run();
        }
        let deadline = Instant::now() + LIMIT;
        while !rig.gate.poke() {
            assert!(Instant::now() < deadline, "nobody at the gate");
        }
        while rig.gate.is_poked(T1) {
            assert!(Instant::now() < deadline, "not seen");
        }
        // It is about to tell of the first look.
        rig.gate.run();
        rig.gate.delay(Duration::ZERO);
        assert!(rig.gate.poke(), "it is still here");
        rig.makes("commands");
        rig.makes("commands");
        rig.makes("read");
        rig.makes("read");
        assert!(!rig.gate.poke(), "it has gone");
    }
}
