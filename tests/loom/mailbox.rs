//! The mailbox, its eventfd and the gate: no job is left behind with nobody looking, and each is
//! done once or given back.

use std::sync::Arc;

use crate::engine::gate::{Gate, GateVisit, Order, Verdict};
use crate::engine::mailbox::{Job, Mailbox};
use crate::engine::tap::{RingWriter, SideChannel};
use crate::event::{Command, Fd, GateStep, LaneId, Settings, Syscall};
use crate::sync::{Condvar, Mutex, lock, wait};

const WAIT: GateStep = GateStep::Call(Syscall::EpollWait { ep: Fd(5), max: 1, timeout_ms: -1 });
const READ: GateStep = GateStep::Call(Syscall::Read { fd: Fd(4), len: 8 });

struct Rig {
    gate: Gate,
    mailbox: Mailbox,
    side: Arc<SideChannel>,
    /// The jobs that were carried out.
    done: Mutex<Vec<u32>>,
    /// Rung for each of them.
    bell: Condvar,
}

fn rig(hold: bool, threads: u8) -> Arc<Rig> {
    let side = Arc::new(SideChannel::default());
    let settings = Settings { paused: hold, threads, ..Settings::default() };
    let gate = Gate::new(Arc::clone(&side), &settings);
    gate.set_ready();
    assert_eq!(gate.watch(|_| {}).start.len(), usize::from(threads));
    let mailbox = Mailbox::new().expect("an eventfd");
    Arc::new(Rig { gate, mailbox, side, done: Mutex::default(), bell: Condvar::new() })
}

impl Rig {
    /// As `Shared::post`; whether it was taken.
    fn post(&self, id: u32) -> bool {
        let order = Order { id, text: String::new() };
        match self.mailbox.post(Job::Command(order, Command::Client), &self.gate) {
            Ok(false) => true,
            Ok(true) => {
                self.mailbox.event().ring();
                true
            }
            Err(_) => false,
        }
    }

    fn carry_out_one(&self) -> bool {
        match self.mailbox.take() {
            Some(Job::Command(order, _)) => {
                lock(&self.done).push(order.id);
                self.bell.notify_all();
            }
            Some(Job::Refresh | Job::TellSet) => {}
            None => return false,
        }
        true
    }

    /// The way through the gate, as a server thread takes it. Whether the call is to be made.
    fn gate(&self, lane: &mut RingWriter, call: GateStep) -> bool {
        let mut passage = GateVisit::default();
        loop {
            match self.gate.pass(lane, &call, &mut passage, || self.mailbox.waiting()) {
                Verdict::Go => return true,
                Verdict::Stop => return false,
                Verdict::Commands => while self.carry_out_one() {},
            }
        }
    }

    /// The life of a server thread, until so many jobs are done or it is told to end.
    fn live(&self, id: u16, jobs: usize) {
        let mut lane = RingWriter::new(LaneId(id), Arc::clone(&self.side));
        while lock(&self.done).len() < jobs && self.gate(&mut lane, WAIT) {
            if lock(&self.done).len() < jobs && self.mailbox.event().sleep(id) {
                self.gate(&mut lane, READ);
                self.mailbox.event().read();
                while self.carry_out_one() {}
            }
        }
        self.depart(id, false);
    }

    /// As at the end of a server thread.
    fn depart(&self, id: u16, died: bool) {
        self.gate.departed(LaneId(id), died);
        if self.mailbox.waiting() {
            self.mailbox.event().ring();
        }
    }

    fn wait_for_jobs(&self, jobs: usize) {
        let mut done = lock(&self.done);
        while done.len() < jobs {
            done = wait(&self.bell, done);
        }
    }

    #[track_caller]
    fn check_done(&self, jobs: &[u32]) {
        let mut done = lock(&self.done).clone();
        done.sort_unstable();
        assert_eq!(done, jobs);
        assert!(!self.mailbox.waiting());
    }
}

/// Runs `body` beside a server thread.
fn beside_a_thread(rig: &Arc<Rig>, jobs: usize, body: impl FnOnce(&Rig)) {
    let own = Arc::clone(rig);
    let thread = loom::thread::spawn(move || own.live(1, jobs));
    body(rig);
    thread.join().expect("a server thread");
}

#[test]
fn sleeping_thread_does_every_job() {
    crate::check(None, || {
        let rig = rig(false, 1);
        beside_a_thread(&rig, 2, |rig| {
            assert!(rig.post(1));
            assert!(rig.post(2));
        });
        rig.check_done(&[1, 2]);
    });
}

#[test]
fn sleeping_thread_does_the_jobs_of_two() {
    crate::check(Some(3), || {
        let rig = rig(false, 1);
        let own = Arc::clone(&rig);
        let other = loom::thread::spawn(move || own.post(2));
        beside_a_thread(&rig, 2, |rig| assert!(rig.post(1)));
        assert!(other.join().expect("the other"));
        rig.check_done(&[1, 2]);
    });
}

#[test]
fn job_is_done_while_all_are_held_whenever_it_comes() {
    crate::check(Some(3), || {
        let rig = rig(true, 1);
        beside_a_thread(&rig, 2, |rig| {
            assert!(rig.post(1));
            rig.wait_for_jobs(1);
            assert!(rig.post(2));
            rig.wait_for_jobs(2);
            rig.gate.run();
        });
        rig.check_done(&[1, 2]);
    });
}

#[test]
fn jobs_of_two_are_done_while_all_are_held() {
    crate::check(Some(2), || {
        let rig = rig(true, 1);
        let own = Arc::clone(&rig);
        let other = loom::thread::spawn(move || own.post(2));
        beside_a_thread(&rig, 2, |rig| {
            assert!(rig.post(1));
            rig.wait_for_jobs(2);
            rig.gate.run();
        });
        assert!(other.join().expect("the other"));
        rig.check_done(&[1, 2]);
    });
}

#[test]
fn thread_let_go_while_it_is_poked_does_the_jobs_first() {
    crate::check(Some(2), || {
        let rig = rig(true, 1);
        let own = Arc::clone(&rig);
        let person = loom::thread::spawn(move || {
            own.side.wait_for_park(1);
            own.gate.run();
        });
        beside_a_thread(&rig, 2, |rig| {
            assert!(rig.post(1));
            assert!(rig.post(2));
        });
        person.join().expect("the person");
        rig.check_done(&[1, 2]);
    });
}

#[test]
fn job_for_a_thread_that_dies_at_the_gate_is_done_by_another() {
    crate::check(Some(2), || {
        let rig = rig(true, 1);
        let own = Arc::clone(&rig);
        let dying = loom::thread::spawn(move || {
            let mut lane = RingWriter::new(LaneId(1), Arc::clone(&own.side));
            let mut passage = GateVisit::default();
            let verdict = own.gate.pass(&mut lane, &READ, &mut passage, || own.mailbox.waiting());
            assert_eq!(verdict, Verdict::Commands);
            own.carry_out_one();
            own.depart(1, true);
        });
        rig.side.wait_for_park(1);
        assert!(rig.post(1));
        assert!(rig.post(2));
        dying.join().expect("the first thread");
        rig.gate.run();
        // Whoever comes next, here the first thread started again.
        assert_eq!(rig.gate.forgive(), 1);
        assert_eq!(rig.gate.watch(|_| {}).start, [LaneId(1)]);
        rig.live(1, 2);
        rig.check_done(&[1, 2]);
    });
}

#[test]
fn job_is_done_or_given_back_when_the_mailbox_closes() {
    crate::check(None, || {
        let rig = rig(true, 1);
        let own = Arc::clone(&rig);
        let taker = loom::thread::spawn(move || {
            own.carry_out_one();
        });
        let own = Arc::clone(&rig);
        let poster = loom::thread::spawn(move || u32::from(!own.post(1)) + u32::from(!own.post(2)));
        let left = rig.mailbox.close().len();
        taker.join().expect("the taker");
        let given_back = poster.join().expect("the poster") as usize;
        let done = lock(&rig.done).len();
        assert_eq!(left + given_back + done, 2, "{left} left, {given_back} back, {done} done");
        assert!(rig.mailbox.take().is_none() && !rig.mailbox.waiting());
        assert!(!rig.post(3));
    });
}
