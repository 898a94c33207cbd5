//! A thread of the server: waits on the epoll instance, handles the batch, waits again.
//!
//! Every system call that a class is to see goes through one door: the gate, the call, its record
//! in the tap. Nothing else is called by those names in these threads.

mod accept;
mod call;
mod conn;
mod farewell;
mod orders;

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use nix::sys::epoll::{Epoll, EpollEvent};

pub(crate) use self::accept::{spare_descriptor, unix_name};

use super::gate::{Passage, Verdict};
use super::lock;
use super::mailbox::Job;
use super::shared::Shared;
use super::table::Watched;
use super::tap::Lane;
use crate::event::{
    Call, Delivery, Fd, FileId, FileKind, Kind, LaneChange, LaneId, Mask, Mistake, Settings,
};

/// Milliseconds after which a muted listener is tried again.
const RETRY_MS: i32 = 1000;
/// Milliseconds that a client may take to end a connection after the server's last word.
const PARTING_MS: i32 = 5000;

/// A server thread's own state. Without `OBSERVED` the same thread is compiled without the tap.
pub(crate) struct Worker<const OBSERVED: bool> {
    shared: Arc<Shared>,
    lane: Lane,
    settings: Settings,
    changes: u64,
    /// The thread is held at the gate and carries out commands there.
    at_gate: bool,
    /// Connections whose turn ended before their input did.
    unfinished: VecDeque<FileId>,
    /// When to try the muted listeners again.
    retry: Option<Instant>,
    batch: Vec<Delivery>,
    raw: Vec<EpollEvent>,
    buffer: Vec<u8>,
}

/// The body of the thread of `lane`, until it is not wanted any more or panics.
pub(crate) fn run(shared: &Arc<Shared>, id: LaneId) {
    if shared.observed { live::<true>(shared, id) } else { live::<false>(shared, id) }
}

fn live<const OBSERVED: bool>(shared: &Arc<Shared>, id: LaneId) {
    let slot = &shared.lanes[usize::from(id.0)];
    let Some(lane) = lock(slot).take() else {
        shared.gate.departed(id, true);
        return;
    };
    let mut worker = Worker::<OBSERVED>::new(Arc::clone(shared), lane);
    crate::sys::signal::allow_kicks();
    let tid = nix::unistd::gettid().as_raw().unsigned_abs();
    worker.lane.tell(Kind::Lane(LaneChange::Started { tid }));
    shared.gate.arrived(id, tid);
    let ended = catch_unwind(AssertUnwindSafe(|| worker.live()));
    if ended.is_err() {
        worker.bequeath();
    }
    let Worker { mut lane, shared: own, .. } = worker;
    drop(own);
    let change = match &ended {
        Ok(true) => LaneChange::Ended,
        Ok(false) => LaneChange::Died("epoll_create1 failed".into()),
        Err(panic) => {
            lane.abandon();
            LaneChange::Died(format!("panic: {}", message(panic.as_ref())).into())
        }
    };
    lane.tell(Kind::Lane(change));
    lane.rest();
    *lock(slot) = Some(lane);
    shared.gate.departed(id, !matches!(ended, Ok(true)));
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

impl<const OBSERVED: bool> Worker<OBSERVED> {
    fn new(shared: Arc<Shared>, lane: Lane) -> Self {
        let max = usize::try_from(Settings::MAX_EVENTS).unwrap_or(1);
        let settings = shared.settings();
        Self {
            shared,
            lane,
            settings,
            changes: 0,
            at_gate: false,
            unfinished: VecDeque::new(),
            retry: None,
            batch: Vec::with_capacity(max),
            raw: vec![EpollEvent::empty(); max],
            buffer: vec![0; 65_536],
        }
    }

    /// Whether there was an epoll instance to live on.
    fn live(&mut self) -> bool {
        let Some(ep) = self.instance() else { return false };
        while self.turn(&ep) {}
        self.finish_unfinished();
        drop(ep);
        if self.shared.gate.ending() && self.lane.id() == LaneId(1) {
            self.farewell();
        }
        true
    }

    /// The epoll instance. The first thread makes it and registers what is open; the others are
    /// started when that is done.
    fn instance(&mut self) -> Option<Arc<Epoll>> {
        let known = lock(&self.shared.ep).clone();
        if known.is_some() {
            return known;
        }
        let ep = Arc::new(self.create()?);
        *lock(&self.shared.ep) = Some(Arc::clone(&ep));
        for file in self.shared.table.all(|_| true) {
            if file.what == FileKind::Listener {
                self.log_wakeups(&file);
            }
            self.settle(&file);
        }
        self.shared.gate.set_ready();
        Some(ep)
    }

    /// One wait and what it brought; whether there is to be another.
    fn turn(&mut self, ep: &Epoll) -> bool {
        self.refresh();
        let number = Fd(std::os::fd::AsRawFd::as_raw_fd(&ep.0));
        let call = self.next_wait(number);
        if !self.gate(call) {
            return false;
        }
        let call = self.next_wait(number);
        let carried = self.unfinished.len();
        self.wait(ep, call);
        // They may have changed while it slept.
        self.refresh();
        #[cfg(test)]
        assert!(!self.shared.panic_next.swap(false, Ordering::SeqCst), "asked to panic");
        if self.is_retry_due() {
            self.unmute();
        }
        self.part();
        for index in 0..self.batch.len() {
            if self.shared.gate.ending() {
                return true;
            }
            let delivery = self.batch[index];
            self.handle(delivery);
        }
        for _ in 0..carried {
            self.carry_on();
        }
        true
    }

    fn next_wait(&self, ep: Fd) -> Call {
        let hurry = !self.unfinished.is_empty() || self.settings.mistakes.has(Mistake::TimeoutZero);
        let timeout_ms = match hurry {
            true => 0,
            false if self.shared.muted.load(Ordering::Relaxed) => RETRY_MS,
            false if self.shared.parting.load(Ordering::Relaxed) => PARTING_MS,
            false => -1,
        };
        let max = self.settings.max_events.clamp(1, Settings::MAX_EVENTS);
        Call::EpollWait { ep, max, timeout_ms }
    }

    /// The thread's way through the gate; whether it is to make the call.
    fn gate(&mut self, next: Call) -> bool {
        if self.at_gate {
            return true;
        }
        let shared = Arc::clone(&self.shared);
        let mut passage = Passage::default();
        loop {
            let waiting = || shared.mailbox.waiting();
            match shared.gate.pass(&mut self.lane, &next, &mut passage, waiting) {
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
    fn refresh(&mut self) {
        let changes = self.shared.changes();
        if changes != self.changes {
            self.changes = changes;
            self.settings = self.shared.settings();
        }
    }

    fn mistake(&self, mistake: Mistake) -> bool {
        self.settings.mistakes.has(mistake)
    }

    fn handle(&mut self, delivery: Delivery) {
        let Delivery { file, fd, mask } = delivery;
        if OBSERVED {
            self.lane.handle(fd, file);
        }
        let Some(watched) = self.shared.table.get(file) else {
            self.stale(delivery);
            return;
        };
        {
            let mut state = lock(&watched.state);
            if state.held.is_some_and(|held| held.has(Mask::ONESHOT)) {
                state.armed = false;
            }
        }
        match watched.what {
            FileKind::Listener => self.accept_turn(&watched),
            FileKind::Tcp | FileKind::Unix => self.conn_turn(&watched, mask),
            _ => self.control_turn(),
        }
        self.settle(&watched);
    }

    /// The file of the event has been closed by an earlier event of the batch, or by another
    /// thread. The number may be somebody else's by now.
    fn stale(&mut self, delivery: Delivery) {
        let Delivery { file, fd, mask } = delivery;
        let believed = self.mistake(Mistake::TrustBatch);
        if OBSERVED {
            self.lane.stale(fd, file, believed);
        }
        if !believed {
            return;
        }
        match self.shared.table.at(fd).filter(|w| w.is_stream()) {
            Some(other) if mask.any(Mask::ERR | Mask::HUP) => self.close(&other),
            Some(other) => {
                self.conn_turn(&other, mask);
                self.settle(&other);
            }
            None => {}
        }
    }

    /// The eventfd was written: read it, and do what is asked.
    fn control_turn(&mut self) {
        self.read_control();
        self.carry_out();
    }

    fn carry_on(&mut self) {
        let Some(file) = self.unfinished.pop_front() else { return };
        if let Some(watched) = self.shared.table.get(file) {
            self.conn_turn(&watched, Mask::IN);
            self.settle(&watched);
        }
    }

    /// A thread that ends leaves nothing behind that no event will tell of.
    fn finish_unfinished(&mut self) {
        while !self.unfinished.is_empty() && !self.shared.gate.ending() {
            self.carry_on();
        }
    }

    /// A thread that died had events in hand that nobody will hear of again if they were edges:
    /// each of its connections is registered anew, which makes the kernel look.
    fn bequeath(&mut self) {
        let batch = self.batch.drain(..).map(|delivery| delivery.file);
        for file in batch.chain(self.unfinished.drain(..)) {
            if let Some(watched) = self.shared.table.get(file) {
                lock(&watched.state).armed = false;
            }
        }
        // If the mailbox is full, the registrations wait for their next event.
        let _ = self.shared.post(Job::Refresh);
    }

    /// Puts the wake-ups of a new file into the edge log, if that is on.
    fn log_wakeups(&self, watched: &Watched) {
        if !self.shared.edge.is_on() {
            return;
        }
        if let Some(fd) = &lock(&watched.state).fd {
            // Without it the wake-ups of this file are missing, which the model copes with.
            let _ = crate::kernel::edge_log::arm(std::os::fd::AsFd::as_fd(fd));
        }
    }

    fn note(&mut self, text: String) {
        self.lane.tell(Kind::Note(text.into()));
    }

    fn linger(&self) -> Duration {
        *lock(&self.shared.linger)
    }
}
