//! The end of the loop: nothing may be in flight afterwards, and no byte may be lost.

use std::time::{Duration, Instant};

use super::{Mode, RingWorker, Turn, cancel, enter, make, reap, settle, submit};
use crate::engine::door::{ServerRing, enter_call};
use crate::engine::table::Watched;
use crate::event::{FileId, Kind, Mistake, RingOp, SwitchPhase};

/// How long what is in flight may take to end.
const LIMIT: Duration = Duration::from_secs(1);

/// Ends all that is in flight; whether it is over. Bytes that come meanwhile are served, and their
/// answers stay queued.
fn quiesce<const OBSERVED: bool>(worker: &mut RingWorker<'_, OBSERVED>) -> bool {
    worker.backend.mode = Mode::Leave;
    for file in worker.shared.table.all(|_| true) {
        let slot = worker.backend.slot(file.file);
        // As one that closes: sends are cancelled as well.
        let closing = std::mem::replace(&mut slot.closing, true);
        settle(worker, &file);
        worker.backend.slot(file.file).closing = closing;
    }
    cancel_unowned(worker);
    let mut waited = Duration::ZERO;
    while worker.backend.ring.as_ref().is_some_and(|ring| ring.in_flight() > 0) {
        let left = LIMIT.saturating_sub(waited);
        if left.is_zero() {
            return false;
        }
        let Some(ring) = &mut worker.backend.ring else { return true };
        let begun = Instant::now();
        let call = enter_call(ring, 1, Some(left));
        enter(worker, call, Some(left));
        // Only what the kernel takes counts: the thread may be held before a close.
        waited += begun.elapsed();
        while reap::one(worker) {}
    }
    true
}

/// Ends the operations of files that are closed already, which happens by mistake alone.
fn cancel_unowned<const OBSERVED: bool>(worker: &mut RingWorker<'_, OBSERVED>) {
    let Some(ring) = &worker.backend.ring else { return };
    let unowned: Vec<(u64, FileId)> = ring
        .flights()
        .filter(|(_, noted)| noted.sqe.op != RingOp::Cancel)
        .filter(|(_, noted)| worker.shared.table.get(noted.file).is_none())
        .map(|(id, noted)| (id, noted.file))
        .collect();
    for (target, file) in unowned {
        if worker.backend.ring.as_mut().is_some_and(ServerRing::is_full) {
            submit(worker);
        }
        // If there is no room, what it does is not waited for in vain: the ring stays as it is.
        let _ = cancel(worker, file, target);
    }
}

/// The ring gives way to one of another size.
pub(super) fn renew<const OBSERVED: bool>(worker: &mut RingWorker<'_, OBSERVED>) {
    let small = worker.mistake(Mistake::SmallCq);
    let ended = quiesce(worker);
    worker.backend.mode = Mode::Serve;
    // It is tried once.
    worker.backend.small = small;
    if ended {
        let old = std::mem::take(&mut worker.backend);
        if let Some(ring) = old.ring {
            worker.door.uring_close(ring);
        }
        if let Err(why) = make(worker) {
            worker.note(format!("no ring of another size: {why}"));
        }
    }
    for file in worker.shared.table.all(|_| true) {
        worker.settle(&file);
    }
}

/// The thread is not wanted any more: whether it can end. If the server goes over to another way of
/// waiting and something does not end, it stays, and arms again.
pub(super) fn leave<const OBSERVED: bool>(worker: &mut RingWorker<'_, OBSERVED>) -> Turn {
    if quiesce(worker) {
        return Turn::Stop;
    }
    let left = worker.backend.ring.as_ref().map_or(0, ServerRing::in_flight);
    let why = format!("{left} operations are still in flight after {} s", LIMIT.as_secs());
    let Some(to) = worker.shared.gate.call_off(worker.door.id(), &why) else { return Turn::Stop };
    let phase = SwitchPhase::Refused(why.into());
    worker.door.tell(Kind::Backend { to, phase });
    worker.backend.mode = Mode::Serve;
    for file in worker.shared.table.all(|_| true) {
        worker.settle(&file);
    }
    Turn::Again
}

/// Closes the ring. A connection whose bytes the kernel still has on loan is closed: nobody can say
/// how many of them were sent.
pub(super) fn shut<const OBSERVED: bool>(worker: &mut RingWorker<'_, OBSERVED>) {
    if !quiesce(worker) {
        for file in worker.shared.table.all(Watched::is_stream) {
            if !worker.backend.slot(file.file).is_idle() {
                worker.note(format!("fd {} is closed with an operation in flight", file.fd));
                worker.close_now(&file);
            }
        }
    }
    let super::UringLoop { ring, .. } = std::mem::take(&mut worker.backend);
    if let Some(ring) = ring {
        worker.door.uring_close(ring);
    }
}

/// Reads and forgets until every client has sent its end, or until then.
pub(super) fn linger<const OBSERVED: bool>(worker: &mut RingWorker<'_, OBSERVED>, until: Instant) {
    worker.backend.mode = Mode::Linger;
    for file in worker.shared.table.all(Watched::is_stream) {
        worker.settle(&file);
    }
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let any = !worker.shared.table.all(Watched::is_stream).is_empty();
        let Some(ring) = worker.backend.ring.as_mut().filter(|_| any && !left.is_zero()) else {
            break;
        };
        let call = enter_call(ring, 1, Some(left));
        enter(worker, call, Some(left));
        while reap::one(worker) {}
        reap::feed(worker);
    }
    // What follows closes the rest at once.
    quiesce(worker);
}
