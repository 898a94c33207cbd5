//! One read or one send of a connection whose calls sleep: no lock is held while they do.

use std::os::fd::AsFd;
use std::sync::Arc;

use nix::errno::Errno;
use nix::sys::socket::{setsockopt, sockopt};
use nix::sys::time::{TimeVal, TimeValLike};

use super::{CallOutcome, PARTING_MS, Worker};
use crate::engine::backend::Loop;
use crate::engine::lock;
use crate::engine::table::Watched;
use crate::event::{How, Syscall};

impl<const OBSERVED: bool, L: Loop> Worker<'_, OBSERVED, L> {
    /// As [`Worker::read_step`], asleep until something comes; `None`: the thread is not wanted any
    /// more.
    pub(crate) fn read_asleep(&mut self, watched: &Arc<Watched>) -> Option<CallOutcome> {
        let fd = {
            let state = lock(&watched.state);
            let Some(fd) = state.fd.clone() else { return Some(CallOutcome::Gone) };
            if !state.conn.wants(&self.settings).read {
                return Some(CallOutcome::Nothing);
            }
            fd
        };
        let len = self.read_len();
        if !self.gate(Syscall::Read { fd: watched.fd, len }) {
            return None;
        }
        let room = usize::try_from(len).unwrap_or(1).min(self.buffer.len());
        let got = self.door.read_asleep(fd.as_fd(), &mut self.buffer[..room]);
        drop(fd);
        if got == Err(Errno::EAGAIN) {
            // The time for the client's end is over.
            self.note(format!(
                "fd {}: the client has not ended the connection in time",
                watched.fd
            ));
            self.close(watched);
            return Some(CallOutcome::Gone);
        }
        let (reading, served) = self.brought(watched, got);
        Some(self.after_read(watched, reading, served.as_ref(), got.unwrap_or(0)))
    }

    /// As [`Worker::send_step`], asleep until it is taken; `None`: the thread is not wanted any more.
    pub(crate) fn send_asleep(&mut self, watched: &Arc<Watched>) -> Option<CallOutcome> {
        let (fd, len, close) = {
            let state = lock(&watched.state);
            let Some(fd) = state.fd.clone() else { return Some(CallOutcome::Gone) };
            let pending = state.conn.pending();
            let len = pending.len().min(self.buffer.len());
            (fd, len, state.conn.wants(&self.settings).close)
        };
        if len == 0 {
            drop(fd);
            let step = self.end_of_queue(watched, close);
            if close == Some(How::Wr) {
                limit_reads(watched);
            }
            return Some(step);
        }
        let call = Syscall::Send { fd: watched.fd, len: u32::try_from(len).unwrap_or(u32::MAX) };
        if !self.gate(call) {
            return None;
        }
        {
            // Nobody else takes from the queue: what stands at its head stays there.
            let state = lock(&watched.state);
            let Some(bytes) = state.conn.pending().get(..len) else {
                return Some(CallOutcome::Nothing);
            };
            self.buffer[..len].copy_from_slice(bytes);
        }
        let sent = self.door.send_asleep(fd.as_fd(), &self.buffer[..len]);
        drop(fd);
        Some(self.sent(watched, sent))
    }
}

/// A client that does not end the connection after the server's last word is not waited for without
/// end (SO_RCVTIMEO, socket(7)).
fn limit_reads(watched: &Watched) {
    if let Some(fd) = &lock(&watched.state).fd {
        let limit = TimeVal::milliseconds(PARTING_MS.into());
        // Without it the client is waited for.
        let _ = setsockopt(fd, sockopt::ReceiveTimeout, &limit);
    }
}
