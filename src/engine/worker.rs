//! A thread of the server: what it does with the files that its loop tells of, and with commands.
//!
//! The loop ([`crate::engine::backend`]) waits; every system call goes through the thread's door
//! ([`crate::engine::door`]).

mod accept;
mod asleep;
mod complete;
mod conn;
mod farewell;
mod orders;
mod step;

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

pub(crate) use self::accept::{Accepting, spare_descriptor};
pub(crate) use self::step::CallOutcome;

use super::backend::{Loop, Turn, Unavailable};
use super::door::Door;
use super::gate::{GateVisit, Verdict};
use super::lock;
use super::mailbox::Job;
use super::shared::Shared;
use super::table::Watched;
use crate::event::{
    Errno, Fd, FileId, FileKind, GateStep, Kind, LaneChange, LaneId, Mask, Mistake, Settings,
    SwitchPhase, Syscall,
};

/// Milliseconds after which a muted listener is tried again.
const RETRY_MS: i32 = 1000;
/// Milliseconds that a client may take to end a connection after the server's last word.
const PARTING_MS: i32 = 5000;

/// A server thread's own state, with its loop. Without `OBSERVED` the same thread is compiled without
/// the tap.
pub(crate) struct Worker<'a, const OBSERVED: bool, L> {
    pub(crate) shared: &'a Shared,
    pub(crate) door: Door<'a, OBSERVED>,
    pub(crate) backend: L,
    pub(crate) settings: Settings,
    changes: u64,
    /// The thread is held at the gate and carries out commands there.
    at_gate: bool,
    /// Connections whose turn ended before their input did.
    unfinished: VecDeque<FileId>,
    /// When to try the muted listeners again.
    retry: Option<Instant>,
    pub(crate) buffer: Vec<u8>,
}

/// The body of the thread of that lane, until it is not wanted any more or panics.
pub(crate) fn live<const OBSERVED: bool, L: Loop>(shared: &Shared, id: LaneId) {
    let Some(lane) = shared.take_lane(id) else {
        shared.gate.departed(id, true);
        return;
    };
    let mut worker = Worker::<OBSERVED, L>::new(shared, Door::new(shared, lane));
    crate::sys::signal::allow_kicks();
    let tid = nix::unistd::gettid().as_raw().unsigned_abs();
    worker.door.tell(Kind::Lane(LaneChange::Started { tid }));
    shared.gate.arrived(id, tid);
    let ended = catch_unwind(AssertUnwindSafe(|| worker.live()));
    if ended.is_err() {
        // What is in flight is ended, as far as a thread in that state can.
        let _ended = catch_unwind(AssertUnwindSafe(|| L::died(&mut worker)));
        worker.rearm_orphans();
    }
    let Worker { door, backend, .. } = worker;
    // Whoever waits for this thread's end may count on it that its loop is gone.
    drop(backend);
    let mut lane = door.into_lane();
    let refused = match &ended {
        Ok(Err(unavailable)) => shared.gate.refuse_switch(&unavailable.to_string()),
        _ => false,
    };
    let change = match &ended {
        Ok(Ok(())) => LaneChange::Ended,
        Ok(Err(_)) if refused => LaneChange::Ended,
        Ok(Err(unavailable)) => LaneChange::Died(unavailable.to_string().into()),
        Err(panic) => {
            lane.abandon();
            LaneChange::Died(format!("panic: {}", message(panic.as_ref())).into())
        }
    };
    lane.tell(Kind::Lane(change));
    lane.rest();
    shared.give_lane_back(lane);
    shared.gate.departed(id, !refused && !matches!(ended, Ok(Ok(()))));
    if shared.mailbox.waiting() || shared.muted.load(Ordering::Relaxed) {
        // Somebody else has to see to it, or the next thread.
        shared.ring();
    }
}

fn message(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("it left no message")
}

impl<'a, const OBSERVED: bool, L: Loop> Worker<'a, OBSERVED, L> {
    fn new(shared: &'a Shared, door: Door<'a, OBSERVED>) -> Self {
        Self {
            shared,
            door,
            backend: L::default(),
            settings: shared.settings(),
            changes: 0,
            at_gate: false,
            unfinished: VecDeque::new(),
            retry: None,
            buffer: vec![0; 65_536],
        }
    }

    fn live(&mut self) -> Result<(), Unavailable> {
        L::open(self)?;
        if self.door.id() == LaneId(1) {
            // The others may begin, and whoever asked for this loop is told.
            self.shared.gate.set_ready();
        }
        while L::turn(self) == Turn::Again {}
        self.finish_unfinished();
        if self.is_last() {
            self.farewell();
        }
        L::shut(self);
        Ok(())
    }

    /// The loop begins, and waits by that descriptor, if by any: it takes every file next.
    ///
    /// What another loop asked for is nothing to this one. That is forgotten before the first file is
    /// taken: a command that is carried out meanwhile may take any of them.
    pub(crate) fn entered(&mut self, by: Option<Fd>) {
        for file in self.shared.table.all(|_| true) {
            lock(&file.state).held = None;
        }
        let (to, phase) = (L::BACKEND, SwitchPhase::Entered(by));
        self.door.tell(Kind::Backend { to, phase });
        self.shared.change(|settings| settings.backend = to);
        self.refresh();
    }

    /// Whether the server ends with this thread.
    pub(crate) fn is_last(&self) -> bool {
        self.shared.gate.ending() && self.door.id() == LaneId(1)
    }

    /// How long the next wait may take, in milliseconds; -1: until there is an event.
    pub(crate) fn timeout_ms(&self) -> i32 {
        let hurry = !self.unfinished.is_empty() || self.mistake(Mistake::TimeoutZero);
        match hurry {
            true => 0,
            false if self.shared.muted.load(Ordering::Relaxed) => RETRY_MS,
            false if self.shared.parting.load(Ordering::Relaxed) => PARTING_MS,
            false => -1,
        }
    }

    /// A wait is over: what was due meanwhile.
    pub(crate) fn after_wait(&mut self) {
        self.refresh();
        #[cfg(test)]
        assert!(!self.shared.panic_next.swap(false, Ordering::SeqCst), "asked to panic");
        if self.is_retry_due() {
            self.unmute();
        }
        self.part();
    }

    /// The thread's way through the gate; whether it is to go on to that.
    pub(crate) fn gate(&mut self, next: impl Into<GateStep>) -> bool {
        if self.at_gate {
            return true;
        }
        let (next, mut passage) = (next.into(), GateVisit::default());
        loop {
            match self.door.pass(&next, &mut passage) {
                Verdict::Go => {
                    self.refresh();
                    return true;
                }
                Verdict::Stop => return false,
                Verdict::Commands => {
                    self.at_gate = true;
                    self.carry_out();
                    self.at_gate = false;
                }
            }
        }
    }

    /// Takes over changed settings.
    pub(crate) fn refresh(&mut self) {
        let changes = self.shared.changes();
        if changes != self.changes {
            self.changes = changes;
            self.settings = self.shared.settings();
        }
    }

    /// Whether the server makes that mistake.
    pub(crate) fn mistake(&self, mistake: Mistake) -> bool {
        self.settings.mistakes.has(mistake)
    }

    /// Has the loop wait for what the server wants of the file by now; why not, if it cannot.
    pub(crate) fn settle(&mut self, watched: &Watched) -> Option<Errno> {
        L::watch(self, watched)
    }

    /// Does what is to be done for a file that is ready, and settles it.
    pub(crate) fn handle(&mut self, watched: &Arc<Watched>, mask: Mask) {
        match watched.what {
            FileKind::Listener => self.accept_turn(watched),
            FileKind::Tcp | FileKind::Unix => self.conn_turn(watched, mask),
            _ => self.control_turn(),
        }
        self.settle(watched);
    }

    /// The eventfd was written: read it, and do what is asked.
    fn control_turn(&mut self) {
        self.read_control();
        self.carry_out();
    }

    /// Takes what was written to the control eventfd.
    pub(crate) fn read_control(&mut self) {
        let fd = self.shared.mailbox.event().fd();
        self.gate(Syscall::Read { fd, len: 8 });
        self.door.read_control();
    }

    /// How many connections are to be gone on with.
    pub(crate) fn carried(&self) -> usize {
        self.unfinished.len()
    }

    /// Goes on with the one whose turn ended first.
    pub(crate) fn carry_on(&mut self) {
        let Some(file) = self.unfinished.pop_front() else { return };
        if let Some(watched) = self.shared.table.get(file) {
            self.handle(&watched, Mask::IN);
        }
    }

    /// A thread that ends leaves nothing behind that no event will tell of.
    fn finish_unfinished(&mut self) {
        let mut rest = self.carried();
        while !self.unfinished.is_empty() && !self.shared.gate.ending() {
            if self.shared.gate.is_leaving() && rest == 0 {
                break;
            }
            rest = rest.saturating_sub(1);
            self.carry_on();
        }
        // Each of them has had its turn: the loop that follows asks them all.
        for file in std::mem::take(&mut self.unfinished) {
            if let Some(watched) = self.shared.table.get(file) {
                self.carry_no_more(&watched);
            }
        }
    }

    /// A thread that died had events in hand that nobody will hear of again if they were edges:
    /// each of its connections is registered anew, which makes the kernel look.
    fn rearm_orphans(&mut self) {
        for file in self.backend.orphans().into_iter().chain(self.unfinished.drain(..)) {
            if let Some(watched) = self.shared.table.get(file) {
                lock(&watched.state).armed = false;
            }
        }
        // If the mailbox is full, the registrations wait for their next event.
        let _ = self.shared.post(Job::Refresh);
    }

    /// Puts the wake-ups of a new file into the edge log, if that is on.
    pub(crate) fn log_wakeups(&self, watched: &Watched) {
        if !self.shared.edge.is_on() {
            return;
        }
        if let Some(fd) = &lock(&watched.state).fd {
            // Without it the wake-ups of this file are missing, which the model copes with.
            let _ = crate::kernel::wakeup_log::arm(std::os::fd::AsFd::as_fd(fd));
        }
    }

    pub(crate) fn note(&mut self, text: String) {
        self.door.note(text);
    }
}
