//! Calls on files and sockets.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, Shutdown, send, shutdown};
use nix::unistd::{close, dup, read};

use super::{Door, count, ret};
use crate::engine::lock;
use crate::engine::peer;
use crate::engine::tap::Handed;
use crate::event::{Fd, FileId, How, Nanos, Peer, Syscall};
use crate::sys;

fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX)
}

impl<const OBSERVED: bool> Door<'_, OBSERVED> {
    /// `accept4`; the new connection's descriptor, its file, and who connected.
    pub(crate) fn accept(
        &mut self,
        listener: BorrowedFd<'_>,
    ) -> Result<(OwnedFd, FileId, Peer), Errno> {
        let call = Syscall::Accept { fd: Fd(listener.as_raw_fd()) };
        let shared = self.shared;
        let _order = lock(&shared.numbers);
        let started = self.start();
        let got = sys::socket::accept(listener);
        self.accepted(call, started, got)
    }

    /// Tells of an `accept4` that has returned.
    pub(super) fn accepted(
        &mut self,
        call: Syscall,
        started: Nanos,
        got: Result<OwnedFd, Errno>,
    ) -> Result<(OwnedFd, FileId, Peer), Errno> {
        let number = ret(&got, |fd| i64::from(fd.as_raw_fd()));
        match got {
            Ok(fd) => {
                let (file, peer) = (self.shared.new_file(), peer::of(&fd));
                self.record(call, number, started, Handed::Accepted(file, &peer));
                Ok((fd, file, peer))
            }
            Err(errno) => {
                self.record(call, number, started, Handed::None);
                Err(errno)
            }
        }
    }

    /// `read` of at most what `buffer` has room for.
    pub(crate) fn read(&mut self, file: BorrowedFd<'_>, buffer: &mut [u8]) -> Result<usize, Errno> {
        let call = Syscall::Read { fd: Fd(file.as_raw_fd()), len: length(buffer) };
        let started = self.start();
        let got = read(file, buffer);
        let bytes = buffer.get(..got.unwrap_or(0)).unwrap_or_default();
        let handed = if bytes.is_empty() { Handed::None } else { Handed::Data(bytes) };
        self.record(call, count(got), started, handed);
        got
    }

    /// `send` with `MSG_NOSIGNAL`.
    pub(crate) fn send(&mut self, file: BorrowedFd<'_>, bytes: &[u8]) -> Result<usize, Errno> {
        let call = Syscall::Send { fd: Fd(file.as_raw_fd()), len: length(bytes) };
        let started = self.start();
        let sent = send(file.as_raw_fd(), bytes, MsgFlags::MSG_NOSIGNAL);
        let moved = bytes.get(..sent.unwrap_or(0)).unwrap_or_default();
        if moved.is_empty() {
            // The socket is full: from now on the room that comes is told.
            let full = sent == Err(Errno::EAGAIN);
            self.record_polled(call, count(sent), started, file, full);
        } else {
            self.record(call, count(sent), started, Handed::Data(moved));
        }
        sent
    }

    /// `shutdown(SHUT_WR)`.
    pub(crate) fn shut_down(&mut self, file: BorrowedFd<'_>) {
        let call = Syscall::Shutdown { fd: Fd(file.as_raw_fd()), how: How::Wr };
        let started = self.start();
        let done = shutdown(file.as_raw_fd(), Shutdown::Write);
        self.record(call, ret(&done, |()| 0), started, Handed::None);
    }

    /// `close`; `before` runs when no other thread can be given the number yet.
    pub(crate) fn close(&mut self, file: OwnedFd, before: impl FnOnce()) {
        let call = Syscall::Close { fd: Fd(file.as_raw_fd()) };
        let shared = self.shared;
        let _order = lock(&shared.numbers);
        before();
        let started = self.start();
        let done = close(file);
        self.record(call, ret(&done, |()| 0), started, Handed::None);
    }

    /// `dup`; the copy, if there is one.
    pub(crate) fn dup(&mut self, file: BorrowedFd<'_>) -> Option<OwnedFd> {
        let call = Syscall::Dup { fd: Fd(file.as_raw_fd()) };
        let shared = self.shared;
        let _order = lock(&shared.numbers);
        let started = self.start();
        let made = dup(file);
        let number = ret(&made, |copy| i64::from(copy.as_raw_fd()));
        self.record(call, number, started, Handed::None);
        made.ok()
    }

    /// `read` of the control eventfd, which takes all that was written to it.
    pub(crate) fn read_control(&mut self) {
        let shared = self.shared;
        let _told = self.read(shared.mailbox.event().as_fd(), &mut [0; 8]);
    }
}
