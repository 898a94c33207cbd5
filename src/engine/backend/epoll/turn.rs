//! A turn of the loop: wait, then handle what came, one file after the other.

use std::time::Instant;

use super::EpollWorker;
use crate::engine::backend::{Turn, batch};
use crate::engine::lock;
use crate::engine::table::Watched;
use crate::event::{Delivery, Mask, Settings, Syscall};

/// One wait and what it brought.
pub(super) fn turn<const OBSERVED: bool>(worker: &mut EpollWorker<'_, OBSERVED>) -> Turn {
    worker.refresh();
    let (ep, max, timeout_ms) = (worker.backend.fd(), max_events(worker), worker.timeout_ms());
    if !worker.gate(Syscall::EpollWait { ep, max, timeout_ms }) {
        return Turn::Stop;
    }
    let carried = worker.carried();
    // Commands at the gate may have changed it.
    wait(worker, worker.timeout_ms());
    worker.after_wait();
    for index in 0..worker.backend.batch.len() {
        if worker.shared.gate.ending() {
            return Turn::Again;
        }
        let delivery = worker.backend.batch[index];
        handle(worker, delivery);
    }
    for _ in 0..carried {
        worker.carry_on();
    }
    Turn::Again
}

fn max_events<const OBSERVED: bool>(worker: &EpollWorker<'_, OBSERVED>) -> u32 {
    worker.settings.max_events.clamp(1, Settings::MAX_EVENTS)
}

/// Waits for events; the batch is what came.
fn wait<const OBSERVED: bool>(worker: &mut EpollWorker<'_, OBSERVED>, timeout_ms: i32) {
    let max = usize::try_from(max_events(worker)).unwrap_or(1);
    let epoll = &mut worker.backend;
    epoll.batch.clear();
    if let Some(ep) = &epoll.ep {
        worker.door.epoll_wait(ep, timeout_ms, &mut epoll.raw[..max], &mut epoll.batch);
    }
}

fn handle<const OBSERVED: bool>(worker: &mut EpollWorker<'_, OBSERVED>, delivery: Delivery) {
    let Some(watched) = batch::take(worker, delivery) else { return };
    {
        let mut state = lock(&watched.state);
        if state.held.is_some_and(|held| held.has(Mask::ONESHOT)) {
            state.armed = false;
        }
    }
    worker.handle(&watched, delivery.mask);
}

/// Reads and forgets until every client has sent its end, or the time is up.
pub(super) fn linger<const OBSERVED: bool>(worker: &mut EpollWorker<'_, OBSERVED>, until: Instant) {
    let shared = worker.shared;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() || shared.table.all(Watched::is_stream).is_empty() {
            return;
        }
        wait(worker, i32::try_from(left.as_millis()).unwrap_or(0) + 1);
        let mut over = true;
        for index in 0..worker.backend.batch.len() {
            let Delivery { file, fd, .. } = worker.backend.batch[index];
            if fd == shared.mailbox.event().fd() {
                worker.read_control();
                over = false;
            } else {
                over &= !worker.drain_last(file);
            }
        }
        if over && !worker.backend.batch.is_empty() {
            // Only what cannot be helped is reported now; it would be reported for ever.
            return;
        }
    }
}
