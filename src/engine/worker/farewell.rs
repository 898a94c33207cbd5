//! The end: a line to each client, half-close, a short wait for their ends, close.

use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use nix::errno::Errno;

use super::Worker;
use crate::engine::backend::Loop;
use crate::engine::lock;
use crate::engine::table::Watched;
use crate::event::{Application, FileId, FileKind, LaneId};

/// What each client is told.
const GOODBYE: &[u8] = b"\r\nepollscope is shutting down, goodbye\r\n";
/// How long the other threads may take to end.
const OTHERS: Duration = Duration::from_secs(2);

impl<const OBSERVED: bool, L: Loop> Worker<'_, OBSERVED, L> {
    pub(super) fn farewell(&mut self) {
        self.door.lane().rest();
        self.shared.gate.alone(LaneId(1), OTHERS);
        let until = Instant::now() + *lock(&self.shared.linger);
        for listener in self.shared.table.all(|w| w.what == FileKind::Listener) {
            self.close(&listener);
        }
        for watched in self.shared.table.all(Watched::is_stream) {
            self.say_goodbye(&watched);
        }
        L::linger(self, until);
        for watched in self.shared.table.all(|w| w.what != FileKind::Eventfd) {
            self.close(&watched);
        }
        let copies = std::mem::take(&mut *lock(&self.shared.copies));
        for copy in copies {
            self.door.close(copy, || {});
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
            let _too_late_to_matter = self.door.send(fd.as_fd(), state.conn.pending());
        }
        self.door.shut_down(fd.as_fd());
    }

    /// Reads a connection to its end, and then closes it; whether anything came of it.
    pub(crate) fn drain_last(&mut self, file: FileId) -> bool {
        let Some(watched) = self.shared.table.get(file).filter(|w| w.is_stream()) else {
            return false;
        };
        let got = {
            let state = lock(&watched.state);
            let Some(fd) = &state.fd else { return false };
            self.door.read(fd.as_fd(), &mut self.buffer)
        };
        match got {
            Ok(0) => self.close(&watched),
            Ok(_) => {}
            Err(Errno::EAGAIN) => return false,
            Err(_) => self.close(&watched),
        }
        true
    }
}
