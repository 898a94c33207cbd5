//! Calls on files that are not non-blocking: each is told when it is entered, because it may sleep.

use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, Shutdown, send, shutdown};
use nix::unistd::read;

use super::{Door, count, ret};
use crate::engine::lock;
use crate::engine::tap::Handed;
use crate::event::{Fd, FileId, How, Nanos, Peer, Syscall};
use crate::sys;

impl<const OBSERVED: bool> Door<'_, OBSERVED> {
    /// Tells that a call is entered; when that was.
    fn enter(&mut self, call: &Syscall) -> Nanos {
        if OBSERVED {
            self.lane.enter(call);
        }
        self.start()
    }

    /// As [`Door::accept`], asleep until there is a client. The order in which numbers change hands
    /// is kept: whoever frees one tells of it before this is told.
    pub(crate) fn accept_asleep(
        &mut self,
        listener: BorrowedFd<'_>,
    ) -> Result<(OwnedFd, FileId, Peer), Errno> {
        let call = Syscall::Accept { fd: Fd(listener.as_raw_fd()) };
        let started = self.enter(&call);
        let got = sys::socket::accept(listener);
        let shared = self.shared;
        let _order = lock(&shared.numbers);
        let told = self.accepted(call, started, got);
        if OBSERVED && matches!(told, Err(Errno::EINTR)) {
            self.explain_interrupt();
        }
        told
    }

    /// As [`Door::read`], asleep until something comes.
    pub(crate) fn read_asleep(
        &mut self,
        file: BorrowedFd<'_>,
        buffer: &mut [u8],
    ) -> Result<usize, Errno> {
        let len = u32::try_from(buffer.len()).unwrap_or(u32::MAX);
        let call = Syscall::Read { fd: Fd(file.as_raw_fd()), len };
        let started = self.enter(&call);
        let got = read(file, buffer);
        let bytes = buffer.get(..got.unwrap_or(0)).unwrap_or_default();
        let handed = if bytes.is_empty() { Handed::None } else { Handed::Data(bytes) };
        self.record(call, count(got), started, handed);
        got
    }

    /// As [`Door::send`], asleep until all of it is taken.
    pub(crate) fn send_asleep(
        &mut self,
        file: BorrowedFd<'_>,
        bytes: &[u8],
    ) -> Result<usize, Errno> {
        let len = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let call = Syscall::Send { fd: Fd(file.as_raw_fd()), len };
        let started = self.enter(&call);
        let sent = send(file.as_raw_fd(), bytes, MsgFlags::MSG_NOSIGNAL);
        let moved = bytes.get(..sent.unwrap_or(0)).unwrap_or_default();
        let handed = if moved.is_empty() { Handed::None } else { Handed::Data(moved) };
        self.record(call, count(sent), started, handed);
        sent
    }

    /// `fcntl` with F_GETFL, and F_SETFL with or without O_NONBLOCK.
    pub(crate) fn set_blocking(&mut self, file: BorrowedFd<'_>, blocking: bool) {
        let call = Syscall::SetFlags { fd: Fd(file.as_raw_fd()), blocking };
        let started = self.start();
        let done = sys::descriptor::set_blocking(file, blocking);
        self.record(call, ret(&done, |()| 0), started, Handed::None);
    }

    /// `shutdown(SHUT_RDWR)`.
    pub(crate) fn shut_down_both(&mut self, file: BorrowedFd<'_>) {
        let call = Syscall::Shutdown { fd: Fd(file.as_raw_fd()), how: How::RdWr };
        let started = self.start();
        let done = shutdown(file.as_raw_fd(), Shutdown::Both);
        self.record(call, ret(&done, |()| 0), started, Handed::None);
    }
}
