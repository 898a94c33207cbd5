//! The loop of poll(2) and of select(2): the server's own memory is the set, and each call asks
//! every file in it. One thread waits: two would both be woken by each byte.
//!
//! Both report a state, so nothing that a turn leaves is lost: the next call finds it again.

use std::sync::Arc;
use std::time::Instant;

use super::{Loop, Turn, Unavailable, batch};
use crate::engine::door::Scannable;
use crate::engine::lock;
use crate::engine::table::Watched;
use crate::engine::worker::Worker;
use crate::event::{
    Backend, Delivery, Errno, Fd, FileId, FileKind, Kind, ListEntries, ListRead, Mask, Provenance,
    Refusal, Settings, WatchKey,
};

/// The set, in the form that the call takes.
pub(crate) trait FileSet: Scannable + Default {
    /// Which call it is for.
    const BACKEND: Backend;

    /// Asks the file for that from the next call on. Its place, from 0; or why it does not fit.
    fn put(&mut self, file: &Watched, events: Mask) -> Result<u32, Refusal>;

    /// Which files are in it, in its order.
    fn files(&self) -> Vec<(Fd, FileId)>;

    /// Takes the file out; its place, if it was there.
    fn take(&mut self, file: &Watched) -> Option<u32>;

    /// Why a file of that number does not fit, if it does not.
    fn refuses(fd: Fd) -> Option<Refusal>;
}

/// The thread's set, and what the last call found.
#[derive(Debug, Default)]
pub(crate) struct ScanLoop<S> {
    set: S,
    batch: Vec<Delivery>,
}

/// A worker that waits so.
type Scanner<'a, const OBSERVED: bool, S> = Worker<'a, OBSERVED, ScanLoop<S>>;

impl<S: FileSet> ScanLoop<S> {
    /// What the server wants of the file by now.
    fn asks<const OBSERVED: bool>(worker: &Scanner<'_, OBSERVED, S>, file: &Watched) -> Mask {
        let settings: &Settings = &worker.settings;
        let state = lock(&file.state);
        let asks = file.asks(&state, settings);
        // A bitmap has no bit for the end of a stream: it is readable.
        if S::BACKEND == Backend::Select { asks - Mask::RDHUP } else { asks }
    }

    fn wait<const OBSERVED: bool>(worker: &mut Scanner<'_, OBSERVED, S>, timeout_ms: i32) {
        let ScanLoop { set, batch } = &mut worker.backend;
        worker.door.scan(set, timeout_ms, batch);
    }
}

impl<S: FileSet> Loop for ScanLoop<S> {
    const BACKEND: Backend = S::BACKEND;

    fn open<const OBSERVED: bool>(
        worker: &mut Scanner<'_, OBSERVED, S>,
    ) -> Result<(), Unavailable> {
        let files = worker.shared.table.all(|_| true);
        if let Some(refusal) = files.iter().find_map(|file| S::refuses(file.fd)) {
            return Err(Unavailable::Refused(refusal));
        }
        worker.entered(None);
        for file in files {
            if file.what == FileKind::Listener {
                worker.log_wakeups(&file);
            }
            worker.settle(&file);
        }
        Ok(())
    }

    fn turn<const OBSERVED: bool>(worker: &mut Scanner<'_, OBSERVED, S>) -> Turn {
        worker.refresh();
        let call = worker.backend.set.call(worker.timeout_ms());
        if !worker.gate(call) {
            return Turn::Stop;
        }
        let carried = worker.carried();
        // Commands at the gate may have changed it.
        ScanLoop::wait(worker, worker.timeout_ms());
        worker.after_wait();
        for index in 0..worker.backend.batch.len() {
            if worker.shared.gate.ending() {
                return Turn::Again;
            }
            let delivery = worker.backend.batch[index];
            if let Some(watched) = batch::take(worker, delivery) {
                worker.handle(&watched, delivery.mask);
            }
        }
        for _ in 0..carried {
            worker.carry_on();
        }
        Turn::Again
    }

    /// The server's own memory changes, and no call is made.
    fn watch<const OBSERVED: bool>(
        worker: &mut Scanner<'_, OBSERVED, S>,
        file: &Watched,
    ) -> Option<Errno> {
        let events = ScanLoop::asks(worker, file);
        {
            let mut state = lock(&file.state);
            // The control eventfd is the mailbox's.
            let open = state.fd.is_some() || file.what == FileKind::Eventfd;
            if !open || state.held == Some(events) {
                return None;
            }
            state.held = Some(events);
        }
        match worker.backend.set.put(file, events) {
            Ok(place) => {
                if OBSERVED {
                    worker.door.lane().set(file.fd, file.file, Some(events), place);
                }
                None
            }
            Err(_) => Some(Errno::EINVAL),
        }
    }

    fn rearm<const OBSERVED: bool>(
        _: &mut Scanner<'_, OBSERVED, S>,
        _: &Watched,
    ) -> Result<(), String> {
        Err(super::only_epoll(S::BACKEND))
    }

    fn refuses(fd: Fd) -> Option<Refusal> {
        S::refuses(fd)
    }

    /// It is out of the set before its number is closed, which is POLLNVAL to poll(2) and makes
    /// select(2) fail.
    fn release<const OBSERVED: bool>(worker: &mut Scanner<'_, OBSERVED, S>, file: &Arc<Watched>) {
        worker.close_now(file);
    }

    fn tell_set<const OBSERVED: bool>(worker: &mut Scanner<'_, OBSERVED, S>) {
        // Changes that are lost would follow it: it is asked for again.
        if worker.door.lane().is_losing() {
            return;
        }
        let entry = |(fd, file)| {
            let held = worker.shared.table.get(file).and_then(|file| lock(&file.state).held);
            (WatchKey { fd, file }, held.unwrap_or_default())
        };
        let entries = worker.backend.set.files().into_iter().map(entry).collect();
        let list = ListEntries::Scanned(entries);
        let read = ListRead { poller: FileId::SCAN_SET, by: Provenance::Deduced, list };
        worker.door.tell(Kind::ListRead(read));
    }

    fn forget<const OBSERVED: bool>(worker: &mut Scanner<'_, OBSERVED, S>, file: &Watched) {
        if let Some(place) = worker.backend.set.take(file)
            && OBSERVED
        {
            worker.door.lane().set(file.fd, file.file, None, place);
        }
    }

    fn linger<const OBSERVED: bool>(worker: &mut Scanner<'_, OBSERVED, S>, until: Instant) {
        let shared = worker.shared;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() || shared.table.all(Watched::is_stream).is_empty() {
                return;
            }
            ScanLoop::wait(worker, i32::try_from(left.as_millis()).unwrap_or(0) + 1);
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
                // Only what cannot be helped is found now; it would be found for ever.
                return;
            }
        }
    }

    /// The next thread asks every file: nothing is left behind.
    fn orphans(&mut self) -> Vec<FileId> {
        Vec::new()
    }

    fn shut<const OBSERVED: bool>(worker: &mut Scanner<'_, OBSERVED, S>) {
        worker.backend = Self::default();
    }
}
