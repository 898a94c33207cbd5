//! What the completions mean.

use std::sync::Arc;

use nix::errno::Errno;

use super::{Mode, RingWorker, settle};
use crate::engine::door::Taken;
use crate::engine::lock;
use crate::engine::table::Watched;
use crate::engine::worker::Worker;
use crate::event::{FileId, Mistake, RingOp};
use crate::sys::ring::Gain;

/// An operation that ended so has done nothing, and is no sign of a broken connection: it was
/// cancelled, or a signal came (io_uring_enter(2), ASYNC_CANCEL).
fn is_harmless(errno: Errno) -> bool {
    matches!(errno, Errno::EINTR | Errno::ECANCELED | Errno::EAGAIN)
}

/// Takes the oldest completion and does what follows from it; whether there was one.
pub(super) fn one<const OBSERVED: bool>(worker: &mut RingWorker<'_, OBSERVED>) -> bool {
    let Worker { door, backend, .. } = worker;
    let Some(taken) = backend.ring.as_mut().and_then(|ring| door.uring_take(ring)) else {
        return false;
    };
    let (file, op, id) = (taken.noted.file, taken.noted.sqe.op, taken.noted.sqe.id);
    if op == RingOp::Cancel {
        return true;
    }
    if !taken.more {
        backend.slot(file).over(id);
    }
    let closing = backend.slot(file).closing;
    let Some(watched) = worker.shared.table.get(file) else {
        give_back(worker, &taken.gain);
        worker.backend.slots.remove(&file);
        return true;
    };
    match op {
        RingOp::Accept => accepted(worker, &watched, taken),
        RingOp::Recv => received(worker, &watched, &taken, closing),
        RingOp::Send => sent(worker, &watched, taken, closing),
        RingOp::Read if worker.backend.mode == Mode::Serve => worker.carry_out(),
        _ => {}
    }
    follow(worker, &watched);
    true
}

/// Writes what is due after a completion, or closes what was to be closed.
fn follow<const OBSERVED: bool>(worker: &mut RingWorker<'_, OBSERVED>, file: &Arc<Watched>) {
    match worker.backend.slots.get(&file.file) {
        Some(slot) if slot.closing && slot.is_idle() => worker.close_now(file),
        Some(_) => {
            settle(worker, file);
        }
        // It was closed.
        None => {}
    }
}

fn give_back<const OBSERVED: bool>(worker: &mut RingWorker<'_, OBSERVED>, gain: &Gain) {
    let keeps = worker.mistake(Mistake::NoBuffers) && worker.backend.mode == Mode::Serve;
    let Worker { door, backend, .. } = worker;
    if let (Gain::Buffer(buffer), Some(ring)) = (gain, &mut backend.ring) {
        if keeps {
            backend.kept.push(*buffer);
            return;
        }
        door.uring_give(ring, *buffer);
        backend.given = backend.given.saturating_add(1);
    }
}

fn accepted<const OBSERVED: bool>(
    worker: &mut RingWorker<'_, OBSERVED>,
    listener: &Arc<Watched>,
    taken: Taken,
) {
    match (taken.gain, taken.admitted, taken.result) {
        (Gain::Accepted(fd), Some(admitted), _) => worker.connected(listener, fd, admitted),
        (_, _, Err(errno)) if !is_harmless(errno) => worker.accept_failed(listener, errno),
        _ => {}
    }
}

fn received<const OBSERVED: bool>(
    worker: &mut RingWorker<'_, OBSERVED>,
    watched: &Arc<Watched>,
    taken: &Taken,
    closing: bool,
) {
    let count = taken.result.unwrap_or(0);
    let bytes = match (&taken.gain, &worker.backend.ring) {
        (Gain::Buffer(buffer), Some(ring)) => ring.bytes(*buffer, count),
        (Gain::Memory(bytes), _) => bytes.get(..count).unwrap_or_default(),
        _ => &[],
    };
    let len = bytes.len().min(worker.buffer.len());
    worker.buffer[..len].copy_from_slice(&bytes[..len]);
    give_back(worker, &taken.gain);
    if closing {
        return;
    }
    let lingers = worker.backend.mode == Mode::Linger;
    match taken.result {
        Ok(0) if lingers => worker.close(watched),
        Ok(0) => worker.input_ended(watched),
        Ok(_) if lingers => {}
        Ok(_) => worker.received(watched, len),
        Err(Errno::ENOBUFS) => starve(worker, watched.file),
        Err(errno) if is_harmless(errno) => {}
        Err(_) if lingers => worker.close(watched),
        Err(_) => worker.broken(watched),
    }
}

fn sent<const OBSERVED: bool>(
    worker: &mut RingWorker<'_, OBSERVED>,
    watched: &Arc<Watched>,
    taken: Taken,
    closing: bool,
) {
    let bytes = if let Gain::Memory(bytes) = taken.gain { bytes } else { Vec::new() };
    lock(&watched.state).conn.give_back(bytes, taken.result.unwrap_or(0));
    match taken.result {
        _ if closing => {}
        Err(errno) if !is_harmless(errno) => worker.broken(watched),
        Ok(_) | Err(_) => worker.after_send(watched),
    }
}

/// The bytes stay in the socket until buffers are given back.
fn starve<const OBSERVED: bool>(worker: &mut RingWorker<'_, OBSERVED>, file: FileId) {
    let backend = &mut worker.backend;
    if backend.starved.is_empty() {
        backend.given = 0;
    }
    backend.slot(file).starved = true;
    backend.starved.push(file);
}

/// Arms again what ended for want of buffers: once half are back, or nothing is left that has any.
pub(super) fn feed<const OBSERVED: bool>(worker: &mut RingWorker<'_, OBSERVED>) {
    if !worker.backend.kept.is_empty() && !worker.mistake(Mistake::NoBuffers) {
        for buffer in std::mem::take(&mut worker.backend.kept) {
            give_back(worker, &Gain::Buffer(buffer));
        }
    }
    let backend = &mut worker.backend;
    if backend.starved.is_empty() {
        return;
    }
    let Some(ring) = &mut backend.ring else { return };
    let heads = ring.heads();
    let posted = heads.cq_head != heads.cq_tail;
    let none = backend.kept.len() >= usize::from(ring.buffers());
    if none || posted && backend.given < ring.buffers() / 2 {
        return;
    }
    for file in std::mem::take(&mut backend.starved) {
        let Some(slot) = worker.backend.slots.get_mut(&file) else { continue };
        slot.starved = false;
        if let Some(watched) = worker.shared.table.get(file) {
            worker.settle(&watched);
        }
    }
}
