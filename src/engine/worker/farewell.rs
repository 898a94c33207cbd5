//! The end: a line to each client, half-close, a short wait for their ends, close.

use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::sys::epoll::Epoll;

use super::Worker;
use crate::engine::lock;
use crate::engine::table::Watched;
use crate::event::{Application, Call, Delivery, Fd, FileKind, LaneId};

/// What each client is told.
const GOODBYE: &[u8] = b"\r\nepollscope is shutting down, goodbye\r\n";
/// How long the other threads may take to end.
const OTHERS: Duration = Duration::from_secs(2);

impl<const OBSERVED: bool> Worker<OBSERVED> {
    pub(super) fn farewell(&mut self) {
        self.lane.rest();
        self.shared.gate.alone(LaneId(1), OTHERS);
        let until = Instant::now() + self.linger();
        for listener in self.shared.table.all(|w| w.what == FileKind::Listener) {
            self.close(&listener);
        }
        for watched in self.shared.table.all(Watched::is_stream) {
            self.say_goodbye(&watched);
        }
        let ep = lock(&self.shared.ep).clone();
        if let Some(ep) = ep {
            self.linger_until(&ep, until);
        }
        for watched in self.shared.table.all(|w| w.what != FileKind::Eventfd) {
            self.close(&watched);
        }
        let copies = std::mem::take(&mut *lock(&self.shared.copies));
        for copy in copies {
            self.close_fd(copy, || {});
        }
        let ep = lock(&self.shared.ep).take();
        if let Some(ep) = ep.and_then(|ep| Arc::try_unwrap(ep).ok()) {
            self.close_fd(ep.0, || {});
        }
    }

    fn say_goodbye(&mut self, watched: &Watched) {
        let mut guard = lock(&watched.state);
        let state = &mut *guard;
        let Some(fd) = &state.fd else { return };
        if self.settings.app != Application::Http {
            state.conn.enqueue(GOODBYE);
        }
        if !state.conn.pending().is_empty() {
            let _too_late_to_matter = self.send(watched.fd, fd, state.conn.pending());
        }
        self.shut_down(watched.fd, fd);
    }

    /// Reads and forgets until every client has sent its end, or the time is up.
    fn linger_until(&mut self, ep: &Epoll, until: Instant) {
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() || self.shared.table.all(Watched::is_stream).is_empty() {
                return;
            }
            let timeout_ms = i32::try_from(left.as_millis()).unwrap_or(0) + 1;
            let ep_fd = Fd(ep.0.as_raw_fd());
            let max = self.settings.max_events;
            self.wait(ep, Call::EpollWait { ep: ep_fd, max, timeout_ms });
            let mut over = true;
            for index in 0..self.batch.len() {
                let Delivery { file, fd, .. } = self.batch[index];
                if fd == self.shared.mailbox.event().fd() {
                    self.read_control();
                    over = false;
                } else {
                    over &= !self.drain_last(file);
                }
            }
            if over && !self.batch.is_empty() {
                // Only what cannot be helped is reported now; it would be reported for ever.
                return;
            }
        }
    }

    /// Reads a connection to its end, and then closes it; whether anything came of it.
    fn drain_last(&mut self, file: crate::event::FileId) -> bool {
        let Some(watched) = self.shared.table.get(file).filter(|w| w.is_stream()) else {
            return false;
        };
        let len = u32::try_from(self.buffer.len()).unwrap_or(u32::MAX);
        let got = {
            let state = lock(&watched.state);
            let Some(fd) = &state.fd else { return false };
            self.read(watched.fd, fd, len)
        };
        match got {
            Ok(0) => self.close(&watched),
            Ok(_) => {}
            Err(nix::errno::Errno::EAGAIN) => return false,
            Err(_) => self.close(&watched),
        }
        true
    }
}
