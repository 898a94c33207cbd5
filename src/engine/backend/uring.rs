//! The loop of io_uring(7): one ring, and one thread that writes operations into it and takes their
//! completions out of it.
//!
//! Nobody asks what is ready. A listener has an accept in flight and each connection a recv, both of
//! which go on after a completion; what is queued for a client is lent to one send at a time.

mod leave;
mod reap;
mod slot;

use std::sync::Arc;
use std::time::{Duration, Instant};

use rustc_hash::FxHashMap;

use self::slot::{Due, Input, Slot};
use super::{Loop, Turn, Unavailable};
use crate::engine::door::{Noted, ServerRing, enter_call, number, reap_step, setup_call};
use crate::engine::lock;
use crate::engine::table::Watched;
use crate::engine::worker::Worker;
use crate::event::{
    Backend, Errno, Fd, FileId, FileKind, GateStep, Kind, ListEntries, ListRead, Mask, Mistake,
    Provenance, RingOp, Sqe, Syscall,
};
use crate::sys::ring::{Operation, Posted, Sizes};

/// How large the server's ring is.
const SIZES: Sizes =
    Sizes { submissions: 256, completions: 1024, buffers: 256, buffer_bytes: 4096 };

/// A worker that waits in io_uring_enter(2).
type RingWorker<'a, const OBSERVED: bool> = Worker<'a, OBSERVED, UringLoop>;

/// What the loop does with files that have nothing in flight.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Mode {
    /// It writes what the server wants of them.
    #[default]
    Serve,
    /// Nothing: it is about to end.
    Leave,
    /// The server has said goodbye: it reads and forgets until their ends.
    Linger,
}

/// The thread's ring, and what is in flight for each file.
#[derive(Debug, Default)]
pub(crate) struct UringLoop {
    /// `None` before it is opened and after it is shut.
    ring: Option<ServerRing>,
    slots: FxHashMap<FileId, Slot>,
    /// The last `user_data` that was used.
    last_id: u64,
    /// What the last call found posted.
    posted: Vec<Posted>,
    /// Files whose recv ended because no buffer was left.
    starved: Vec<FileId>,
    /// Buffers given back since then.
    given: u16,
    /// Buffers that are not given back, by mistake.
    kept: Vec<u16>,
    /// Whether its ring was to be a small one.
    small: bool,
    mode: Mode,
}

/// Whether a ring can be had here.
pub(super) fn probe() -> Result<(), Unavailable> {
    Ok(ServerRing::probe()?)
}

impl UringLoop {
    /// Whether it has a ring that can be written to.
    fn is_open(&self) -> bool {
        self.ring.is_some()
    }

    fn slot(&mut self, file: FileId) -> &mut Slot {
        self.slots.entry(file).or_default()
    }
}

/// How large the ring is to be.
fn sizes<const OBSERVED: bool>(worker: &RingWorker<'_, OBSERVED>) -> Sizes {
    #[cfg(test)]
    {
        let small = worker.shared.small_ring.load(std::sync::atomic::Ordering::SeqCst);
        if small {
            return Sizes { submissions: 4, completions: 4, buffers: 2, buffer_bytes: 64 };
        }
    }
    if worker.mistake(Mistake::SmallCq) {
        Sizes { submissions: 8, completions: 8, ..SIZES }
    } else {
        SIZES
    }
}

/// Makes a ring.
fn make<const OBSERVED: bool>(worker: &mut RingWorker<'_, OBSERVED>) -> Result<(), Unavailable> {
    let (sizes, small) = (sizes(worker), worker.mistake(Mistake::SmallCq));
    worker.gate(setup_call(sizes));
    let ring = worker.door.uring_setup(sizes)?;
    worker.backend = UringLoop { ring: Some(ring), small, ..UringLoop::default() };
    Ok(())
}

/// The call of the next wait, and its timeout. What is posted already is not waited for.
fn next_call<const OBSERVED: bool>(
    worker: &mut RingWorker<'_, OBSERVED>,
) -> Option<(Syscall, Option<Duration>)> {
    let timeout_ms = worker.timeout_ms();
    let ring = worker.backend.ring.as_mut()?;
    let heads = ring.heads();
    let wait = u32::from(timeout_ms != 0 && heads.cq_head == heads.cq_tail);
    let timeout = u64::try_from(timeout_ms).ok().filter(|_| wait > 0).map(Duration::from_millis);
    Some((enter_call(ring, wait, timeout), timeout))
}

/// Submits what is written, and waits for a completion if the call says so.
fn enter<const OBSERVED: bool>(
    worker: &mut RingWorker<'_, OBSERVED>,
    call: Syscall,
    timeout: Option<Duration>,
) {
    let Worker { door, backend, .. } = worker;
    if let Some(ring) = &mut backend.ring {
        door.uring_enter(ring, call, timeout, &mut backend.posted);
    }
}

/// Makes room in the SQ by a call that waits for nothing.
fn submit<const OBSERVED: bool>(worker: &mut RingWorker<'_, OBSERVED>) {
    let Some(ring) = &mut worker.backend.ring else { return };
    let Syscall::UringEnter { ring, submit, .. } = enter_call(ring, 0, None) else { return };
    let call = Syscall::UringEnter { ring, submit, wait: 0, flags: 0 };
    // A call in the middle of a turn must not lose sight of what the turn is about.
    let posted = std::mem::take(&mut worker.backend.posted);
    if worker.backend.mode == Mode::Serve {
        worker.gate(call);
    }
    enter(worker, call, None);
    worker.backend.posted = posted;
}

/// Writes an operation about a file; its `user_data`. It comes back if there is no ring, or no
/// room in it.
fn write<const OBSERVED: bool>(
    worker: &mut RingWorker<'_, OBSERVED>,
    file: FileId,
    sqe: Sqe,
    operation: Operation,
) -> Result<u64, Operation> {
    let Worker { door, backend, .. } = worker;
    let Some(ring) = &mut backend.ring else { return Err(operation) };
    let id = backend.last_id + 1;
    let noted = Noted { sqe: Sqe { id, ..sqe }, file };
    door.uring_write(ring, operation, noted)?;
    backend.last_id = id;
    Ok(id)
}

/// The SQE and the operation that a due one is, as far as it can be told before it is written.
fn due_sqe(file: &Watched, due: Due) -> Sqe {
    let (fd, mask) = (file.fd, Mask::EMPTY);
    let base = Sqe { id: 0, op: RingOp::Nop, fd, len: 0, mask, multi: false, target: 0 };
    match due {
        Due::Arm(Input::Accept { multi }) => Sqe { op: RingOp::Accept, multi, ..base },
        Due::Arm(Input::Recv { once: None }) => Sqe { op: RingOp::Recv, multi: true, ..base },
        Due::Arm(Input::Recv { once: Some(len) }) => Sqe { op: RingOp::Recv, len, ..base },
        Due::Arm(Input::Read { len }) => Sqe { op: RingOp::Read, len, ..base },
        Due::Cancel(target) => Sqe { op: RingOp::Cancel, fd: Fd(-1), target, ..base },
        Due::Send => Sqe { op: RingOp::Send, len: lock(&file.state).conn.queued(), ..base },
    }
}

/// Writes what is due for a file; whether there was room.
fn write_due<const OBSERVED: bool>(
    worker: &mut RingWorker<'_, OBSERVED>,
    file: &Watched,
    due: Due,
    sqe: Sqe,
) -> bool {
    let fd = file.fd.0;
    let operation = match due {
        Due::Arm(Input::Accept { multi }) => Operation::Accept { fd, multi },
        Due::Arm(Input::Recv { once: None }) => Operation::RecvMulti { fd },
        Due::Arm(Input::Recv { once: Some(len) }) => Operation::Recv { fd, len },
        Due::Arm(Input::Read { len }) => Operation::Read { fd, len },
        Due::Cancel(target) => Operation::Cancel { target },
        Due::Send => {
            let Some(bytes) = lock(&file.state).conn.lend() else { return true };
            Operation::Send { fd, bytes }
        }
    };
    let sqe = match &operation {
        Operation::Send { bytes, .. } => {
            Sqe { len: u32::try_from(bytes.len()).unwrap_or(u32::MAX), ..sqe }
        }
        _ => sqe,
    };
    match (write(worker, file.file, sqe, operation), due) {
        (Ok(id), Due::Arm(input)) => worker.backend.slot(file.file).armed(id, input),
        (Ok(id), Due::Send) => worker.backend.slot(file.file).sends(id),
        (Ok(_), Due::Cancel(target)) => worker.backend.slot(file.file).cancelled(target),
        (Err(operation), _) => {
            if let Operation::Send { bytes, .. } = operation {
                lock(&file.state).conn.give_back(bytes, 0);
            }
            return false;
        }
    }
    true
}

/// Writes the end of an operation.
fn cancel<const OBSERVED: bool>(
    worker: &mut RingWorker<'_, OBSERVED>,
    file: FileId,
    target: u64,
) -> Result<u64, Operation> {
    let (op, fd, mask) = (RingOp::Cancel, Fd(-1), Mask::EMPTY);
    let sqe = Sqe { id: 0, op, fd, len: 0, mask, multi: false, target };
    write(worker, file, sqe, Operation::Cancel { target })
}

/// What is due for a file, if anything is.
fn due<const OBSERVED: bool>(worker: &mut RingWorker<'_, OBSERVED>, file: &Watched) -> Option<Due> {
    let state = lock(&file.state);
    // The control eventfd is the mailbox's.
    if state.fd.is_none() && file.what != FileKind::Eventfd {
        return None;
    }
    let wanted = slot::wanted(file, &state, &worker.settings, worker.backend.mode);
    worker.backend.slot(file.file).due(wanted)
}

/// Writes all that is due for a file; whether there was room. Commands that are carried out while
/// the thread is held, or room is made, may have changed what is due.
fn settle<const OBSERVED: bool>(worker: &mut RingWorker<'_, OBSERVED>, file: &Watched) -> bool {
    // Each writes one operation: a cancel, an input, an output.
    for _ in 0..8 {
        let Some(first) = due(worker, file) else { return true };
        let sqe = due_sqe(file, first);
        if worker.backend.ring.as_mut().is_some_and(ServerRing::is_full) {
            submit(worker);
        }
        if let (Mode::Serve, Some(ring)) = (worker.backend.mode, &worker.backend.ring) {
            let ring = number(ring);
            worker.gate(GateStep::Push { ring, sqe });
        }
        let full = worker.backend.ring.as_mut().is_some_and(ServerRing::is_full);
        if !full && due(worker, file) == Some(first) && !write_due(worker, file, first, sqe) {
            return false;
        }
    }
    true
}

impl Loop for UringLoop {
    const BACKEND: Backend = Backend::IoUring;
    const SENDS: bool = true;

    fn open<const OBSERVED: bool>(
        worker: &mut RingWorker<'_, OBSERVED>,
    ) -> Result<(), Unavailable> {
        make(worker)?;
        let ring = worker.backend.ring.as_ref().map(|ring| Fd(ring.number()));
        worker.entered(ring);
        for file in worker.shared.table.all(|_| true) {
            if file.what == FileKind::Listener {
                worker.log_wakeups(&file);
            }
            worker.settle(&file);
        }
        Ok(())
    }

    fn turn<const OBSERVED: bool>(worker: &mut RingWorker<'_, OBSERVED>) -> Turn {
        worker.refresh();
        if worker.backend.small != worker.mistake(Mistake::SmallCq) {
            leave::renew(worker);
        }
        let Some((call, _)) = next_call(worker) else { return Turn::Stop };
        if !worker.gate(call) {
            return leave::leave(worker);
        }
        // Commands at the gate may have written more.
        let Some((call, timeout)) = next_call(worker) else { return Turn::Stop };
        enter(worker, call, timeout);
        worker.after_wait();
        for place in 0..worker.backend.posted.len() {
            if OBSERVED
                && let (Some(ring), Some(posted)) =
                    (&worker.backend.ring, worker.backend.posted.get(place))
            {
                let step = reap_step(ring, posted);
                worker.gate(step);
            }
            reap::one(worker);
        }
        reap::feed(worker);
        Turn::Again
    }

    /// Writes what is due; the next wait submits it.
    fn watch<const OBSERVED: bool>(
        worker: &mut RingWorker<'_, OBSERVED>,
        file: &Watched,
    ) -> Option<Errno> {
        let done = !worker.backend.is_open() || settle(worker, file);
        (!done).then_some(Errno::ENOBUFS)
    }

    fn rearm<const OBSERVED: bool>(
        _: &mut RingWorker<'_, OBSERVED>,
        _: &Watched,
    ) -> Result<(), String> {
        Err(super::only_epoll(Self::BACKEND))
    }

    /// An operation in flight holds the socket, and its peer would see no end: it is cancelled
    /// first, and the last completion closes.
    fn release<const OBSERVED: bool>(worker: &mut RingWorker<'_, OBSERVED>, file: &Arc<Watched>) {
        let wrong = worker.mistake(Mistake::NoCancel);
        let slot = worker.backend.slot(file.file);
        let known = std::mem::replace(&mut slot.closing, true);
        if slot.is_idle() || wrong {
            worker.close_now(file);
            // It may have been closed before.
            worker.backend.slots.remove(&file.file);
        } else if !known {
            settle(worker, file);
        }
    }

    fn tell_set<const OBSERVED: bool>(worker: &mut RingWorker<'_, OBSERVED>) {
        let Some(ring) = &worker.backend.ring else { return };
        let mut flights: Vec<_> =
            ring.flights().map(|(_, noted)| (noted.sqe, Some(noted.file))).collect();
        flights.sort_unstable_by_key(|(sqe, _)| sqe.id);
        let list = ListEntries::InFlight(flights.into());
        let poller = FileId::unnumbered(number(ring));
        let read = ListRead { poller, by: Provenance::Deduced, list };
        worker.door.tell(Kind::ListRead(read));
    }

    fn forget<const OBSERVED: bool>(worker: &mut RingWorker<'_, OBSERVED>, file: &Watched) {
        worker.backend.slots.remove(&file.file);
    }

    fn linger<const OBSERVED: bool>(worker: &mut RingWorker<'_, OBSERVED>, until: Instant) {
        leave::linger(worker, until);
    }

    /// What was in flight is over, as far as it ended in time: nothing is left behind.
    fn orphans(&mut self) -> Vec<FileId> {
        Vec::new()
    }

    fn died<const OBSERVED: bool>(worker: &mut RingWorker<'_, OBSERVED>) {
        leave::shut(worker);
    }

    fn shut<const OBSERVED: bool>(worker: &mut RingWorker<'_, OBSERVED>) {
        leave::shut(worker);
    }
}
