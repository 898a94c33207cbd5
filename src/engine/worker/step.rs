//! One read or one send of a connection, for loops in which each connection has code of its own that
//! makes one call after the other.

use std::os::fd::AsFd;
use std::sync::Arc;

use nix::errno::Errno;

use super::Worker;
use super::conn::Reading;
use crate::engine::backend::Loop;
use crate::engine::lock;
use crate::engine::serve::{Next, Served};
use crate::engine::table::Watched;
use crate::event::{Backend, How, Mistake, ReadPolicy, Syscall};

/// What it came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CallOutcome {
    /// So many bytes were moved.
    Moved(usize),
    /// EAGAIN.
    Again,
    /// No call was made: nothing is queued, or the connection is not to be read.
    Nothing,
    /// The peer sent its end, and something is still to be sent.
    On,
    /// The connection is closed.
    Gone,
}

impl<const OBSERVED: bool, L: Loop> Worker<'_, OBSERVED, L> {
    /// One read of a connection, and the serving of what it brings.
    pub(crate) fn read_step(&mut self, watched: &Arc<Watched>) -> CallOutcome {
        {
            let state = lock(&watched.state);
            if state.fd.is_none() {
                return CallOutcome::Gone;
            }
            if !state.conn.wants(&self.settings).read {
                return CallOutcome::Nothing;
            }
        }
        let len = self.read_len();
        self.gate(Syscall::Read { fd: watched.fd, len });
        let mut total = 0;
        let (reading, served) = self.read_once(watched, len, &mut total);
        self.after_read(watched, reading, served.as_ref(), total)
    }

    /// Bytes that a read asks for.
    pub(crate) fn read_len(&self) -> u32 {
        match self.settings.read {
            ReadPolicy::Drain => ReadPolicy::DEFAULT_BYTES,
            ReadPolicy::Once(bytes) => bytes.clamp(1, ReadPolicy::MAX_BYTES),
        }
    }

    /// What a read of so many bytes came to.
    pub(super) fn after_read(
        &mut self,
        watched: &Arc<Watched>,
        reading: Option<Reading>,
        served: Option<&Served>,
        total: usize,
    ) -> CallOutcome {
        if let Some(served) = served {
            self.pass_on(watched, served);
        }
        match reading {
            Some(Reading::End) => self.end_step(watched),
            Some(Reading::Enough) => CallOutcome::Again,
            Some(Reading::Broken) => {
                self.broken(watched);
                CallOutcome::Gone
            }
            Some(Reading::Gone) => CallOutcome::Gone,
            // A signal took it out of its sleep.
            None if total == 0 => CallOutcome::On,
            Some(Reading::Bound) | None => CallOutcome::Moved(total),
        }
    }

    /// The peer sent its end.
    fn end_step(&mut self, watched: &Arc<Watched>) -> CallOutcome {
        if L::BACKEND == Backend::Goroutine && self.mistake(Mistake::LeakGoroutine) {
            lock(&watched.state).conn.switch_off();
            return CallOutcome::Nothing;
        }
        self.end_of_input(watched);
        let state = lock(&watched.state);
        let wants = state.conn.wants(&self.settings);
        match state.fd {
            None => CallOutcome::Gone,
            // It is kept by mistake, and its end is read again and again.
            Some(_) if wants.read => CallOutcome::Moved(0),
            Some(_) if wants.write || wants.close.is_some() => {
                drop(state);
                L::queued(self, watched);
                CallOutcome::On
            }
            Some(_) => CallOutcome::Nothing,
        }
    }

    /// What a read came to for others, and for whoever writes to this one.
    fn pass_on(&mut self, watched: &Arc<Watched>, served: &Served) {
        if !served.commands.is_empty() {
            self.note(format!("fd {}: telnet {}", watched.fd, served.commands.join(" ")));
        }
        if !served.lines.is_empty() {
            for other in self.shared.table.all(|w| w.is_stream() && w.file != watched.file) {
                self.enqueue(&other, &served.lines);
            }
        }
        if lock(&watched.state).conn.queued() > 0 {
            L::queued(self, watched);
        }
    }

    /// Puts lines on the queue of another connection, if there is room.
    fn enqueue(&mut self, other: &Arc<Watched>, lines: &[u8]) {
        let full = {
            let mut guard = lock(&other.state);
            let conn = &mut guard.conn;
            if conn.is_full() {
                return;
            }
            conn.enqueue(lines);
            let before = conn.state();
            let next = conn.advance(false);
            self.tell_state(other, before, conn);
            next == Next::Full
        };
        if full {
            self.note(format!("fd {} does not read: lines to it are dropped", other.fd));
        }
        L::queued(self, other);
    }

    /// One send of what is queued. When nothing is, the end of a connection that is due comes.
    pub(crate) fn send_step(&mut self, watched: &Arc<Watched>) -> CallOutcome {
        let (queued, close) = {
            let state = lock(&watched.state);
            if state.fd.is_none() {
                return CallOutcome::Gone;
            }
            (state.conn.queued(), state.conn.wants(&self.settings).close)
        };
        if queued == 0 {
            return self.end_of_queue(watched, close);
        }
        self.gate(Syscall::Send { fd: watched.fd, len: queued });
        self.send_once(watched)
    }

    /// Nothing is queued: the end that is due comes.
    pub(super) fn end_of_queue(
        &mut self,
        watched: &Arc<Watched>,
        close: Option<How>,
    ) -> CallOutcome {
        match close {
            None => CallOutcome::Nothing,
            Some(How::Wr) => {
                self.say_last_word(watched);
                CallOutcome::Nothing
            }
            Some(How::Rd | How::RdWr) => {
                self.close(watched);
                CallOutcome::Gone
            }
        }
    }

    fn send_once(&mut self, watched: &Arc<Watched>) -> CallOutcome {
        let sent = {
            let state = lock(&watched.state);
            let Some(fd) = &state.fd else { return CallOutcome::Gone };
            if state.conn.pending().is_empty() {
                return CallOutcome::Nothing;
            }
            self.door.send(fd.as_fd(), state.conn.pending())
        };
        self.sent(watched, sent)
    }

    /// What a send came to.
    pub(super) fn sent(
        &mut self,
        watched: &Arc<Watched>,
        sent: Result<usize, Errno>,
    ) -> CallOutcome {
        let step = match sent {
            Ok(sent) => CallOutcome::Moved(sent),
            Err(Errno::EINTR) => CallOutcome::On,
            Err(Errno::EAGAIN) => CallOutcome::Again,
            Err(_) => {
                self.broken(watched);
                return CallOutcome::Gone;
            }
        };
        let next = {
            let mut guard = lock(&watched.state);
            let conn = &mut guard.conn;
            conn.sent(sent.unwrap_or(0));
            let before = conn.state();
            let next = conn.advance(false);
            self.tell_state(watched, before, conn);
            next
        };
        if next == Next::Resume {
            L::has_room(self, watched);
        }
        step
    }
}
