//! The netpoller: `epoll_wait`, called by a thread that has nothing to run, and threads that sleep
//! beside it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::sched::Heard;
use super::{GoWorker, tell};
use crate::engine::backend::Turn;
use crate::engine::table::Watched;
use crate::event::{Delivery, LaneId, Settings, Syscall};

/// The thread that does nothing else, if there is one.
pub(super) const ALONE: LaneId = LaneId(1);

/// Asks what has come; if nothing has, and nobody else waits for it, waits (runtime/proc.go:
/// `findRunnable`).
pub(super) fn ask<const OBSERVED: bool>(worker: &mut GoWorker<'_, OBSERVED>) -> Turn {
    let Some(found) = poll(worker, 0) else { return Turn::Stop };
    if found > 0 || worker.backend.sched.has_work() {
        return Turn::Again;
    }
    wait(worker)
}

/// Waits for what comes, or for somebody who has found something.
fn wait<const OBSERVED: bool>(worker: &mut GoWorker<'_, OBSERVED>) -> Turn {
    let timeout_ms = worker.timeout_ms();
    if !worker.gate(call(worker, timeout_ms)) {
        return Turn::Stop;
    }
    let sched = Arc::clone(&worker.backend.sched);
    if sched.become_netpoller(worker.door.id()) {
        // Commands at the gate may have changed it.
        take(worker, worker.timeout_ms());
        sched.no_netpoller();
        hand_over(worker);
    } else {
        sleep(worker);
    }
    worker.after_wait();
    Turn::Again
}

/// The thread that does nothing else waits once.
pub(super) fn wait_alone<const OBSERVED: bool>(worker: &mut GoWorker<'_, OBSERVED>) -> Turn {
    let timeout_ms = worker.timeout_ms();
    match poll(worker, timeout_ms) {
        Some(_) => Turn::Again,
        None => Turn::Stop,
    }
}

/// A thread that never asks sleeps until there is something to run.
pub(super) fn idle<const OBSERVED: bool>(worker: &mut GoWorker<'_, OBSERVED>) -> Turn {
    sleep(worker);
    worker.after_wait();
    Turn::Again
}

/// Sleeps until there is something to run, or to be done by a certain time.
fn sleep<const OBSERVED: bool>(worker: &mut GoWorker<'_, OBSERVED>) {
    // Nobody is to wait for what this thread tells next.
    worker.door.lane().rest();
    worker.backend.sched.sleep(limit(worker.timeout_ms()));
}

/// A timeout as a time; `None` is for ever.
fn limit(timeout_ms: i32) -> Option<Duration> {
    u64::try_from(timeout_ms).ok().map(Duration::from_millis)
}

/// One `epoll_wait` at the gate; how many goroutines can run by it. `None`: the thread ends.
fn poll<const OBSERVED: bool>(
    worker: &mut GoWorker<'_, OBSERVED>,
    timeout_ms: i32,
) -> Option<usize> {
    if !worker.gate(call(worker, timeout_ms)) {
        return None;
    }
    take(worker, timeout_ms);
    let found = hand_over(worker);
    worker.after_wait();
    Some(found)
}

fn max_events<const OBSERVED: bool>(worker: &GoWorker<'_, OBSERVED>) -> u32 {
    worker.settings.max_events.clamp(1, Settings::MAX_EVENTS)
}

fn call<const OBSERVED: bool>(worker: &GoWorker<'_, OBSERVED>, timeout_ms: i32) -> Syscall {
    Syscall::EpollWait { ep: worker.backend.fd(), max: max_events(worker), timeout_ms }
}

/// Waits for events; the batch is what came.
fn take<const OBSERVED: bool>(worker: &mut GoWorker<'_, OBSERVED>, timeout_ms: i32) {
    let max = usize::try_from(max_events(worker)).unwrap_or(1);
    let go = &mut worker.backend;
    go.batch.clear();
    if let Some(ep) = &go.ep {
        worker.door.epoll_wait(ep, timeout_ms, &mut go.raw[..max], &mut go.batch);
    }
}

/// Who waits for what came can run; how many.
fn hand_over<const OBSERVED: bool>(worker: &mut GoWorker<'_, OBSERVED>) -> usize {
    let sched = Arc::clone(&worker.backend.sched);
    let batch = std::mem::take(&mut worker.backend.batch);
    let found = sched.ready(&batch, |heard| match heard {
        Heard::Go(id, what) => tell(worker, id, what),
        Heard::Stale(Delivery { fd, file, .. }) if OBSERVED => {
            worker.door.lane().stale(fd, file, false);
        }
        Heard::Stale(_) => {}
    });
    worker.backend.batch = batch;
    found
}

/// Reads and forgets until every client has sent its end, or the time is up. No goroutine runs any
/// more.
pub(super) fn linger<const OBSERVED: bool>(worker: &mut GoWorker<'_, OBSERVED>, until: Instant) {
    let shared = worker.shared;
    // What was reported before is not reported again.
    for file in shared.table.all(Watched::is_stream) {
        while worker.drain_last(file.file) {}
    }
    loop {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() || shared.table.all(Watched::is_stream).is_empty() {
            return;
        }
        take(worker, i32::try_from(left.as_millis()).unwrap_or(0) + 1);
        for index in 0..worker.backend.batch.len() {
            let Delivery { file, fd, .. } = worker.backend.batch[index];
            if fd == shared.mailbox.event().fd() {
                worker.read_control();
            } else {
                while worker.drain_last(file) {}
            }
        }
    }
}
