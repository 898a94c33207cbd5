//! The observed system calls, each with its record.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::socket::{MsgFlags, Shutdown, send, shutdown};
use nix::unistd::{close, dup, read};

use super::Worker;
use crate::engine::lock;
use crate::engine::shared::COPIES_MAX;
use crate::engine::table::{State, Watched};
use crate::engine::tap::Handed;
use crate::event::{
    self, Call, CtlOp, Delivery, EdgeLog, Fd, FileId, FileKind, How, Mask, Nanos, Peer, Ret,
};
use crate::kernel::queues;
use crate::sys;

/// The result of a call as the events have it.
fn ret<T>(result: &Result<T, Errno>, value: impl FnOnce(&T) -> i64) -> Ret {
    match result {
        Ok(got) => Ret::ok(value(got)),
        Err(errno) => Ret::err(event::Errno(*errno as i32)),
    }
}

/// The result of a call that returns a count.
fn count(result: Result<usize, Errno>) -> Ret {
    ret(&result, |n| i64::try_from(*n).unwrap_or(0))
}

fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX)
}

/// `epoll_event.data`: the number in the high half, for people who read fdinfo; the file in the
/// low half.
fn data(fd: Fd, file: FileId) -> u64 {
    u64::from(fd.0.cast_unsigned()) << 32 | u64::from(file.0)
}

fn delivery(event: &EpollEvent) -> Delivery {
    let data = event.data();
    let high = u32::try_from(data >> 32).unwrap_or(0);
    Delivery {
        file: FileId(u32::try_from(data & 0xffff_ffff).unwrap_or(0)),
        fd: Fd(high.cast_signed()),
        mask: Mask(event.events().bits().cast_unsigned()),
    }
}

impl<const OBSERVED: bool> Worker<OBSERVED> {
    fn record(&mut self, call: Call, ret: Ret, started: Nanos, handed: Handed<'_>) {
        if OBSERVED {
            self.lane.returned(&call, ret, started, handed);
        }
    }

    /// As [`Self::record`], with what the file answers to poll(2) right after, if that is asked for.
    ///
    /// Such a look can change what wakes the file later: `tcp_poll` notes that somebody waits for
    /// room (SOCK_NOSPACE). So it is made only where the call itself has just done the same.
    fn record_polled(
        &mut self,
        call: Call,
        ret: Ret,
        started: Nanos,
        fd: BorrowedFd<'_>,
        asked: bool,
    ) {
        let polled =
            if OBSERVED && asked { sys::descriptor::polled(fd.as_raw_fd()).ok() } else { None };
        let handed = polled.map_or(Handed::None, |bits| Handed::Polled(Mask(bits)));
        self.record(call, ret, started, handed);
    }

    /// The time at which a call is made, if anybody wants to know.
    fn now(&self) -> Nanos {
        if OBSERVED { self.lane.start() } else { Nanos(0) }
    }

    /// `epoll_create1`; its failure is told and leaves nothing to do for this thread.
    pub(super) fn create(&mut self) -> Option<Epoll> {
        self.gate(Call::EpollCreate);
        let shared = Arc::clone(&self.shared);
        let _order = lock(&shared.numbers);
        let started = self.now();
        let made = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC);
        let number = ret(&made, |ep| i64::from(ep.0.as_raw_fd()));
        self.record(Call::EpollCreate, number, started, Handed::None);
        made.ok()
    }

    /// `epoll_wait`, with the edge log read before it is entered and before its return is told.
    pub(super) fn wait(&mut self, ep: &Epoll, call: Call) {
        let Call::EpollWait { max, timeout_ms, .. } = call else { return };
        let room = usize::try_from(max).unwrap_or(1).min(self.raw.len());
        let timeout = EpollTimeout::try_from(timeout_ms).unwrap_or(EpollTimeout::NONE);
        if OBSERVED {
            self.shared.edge.drain();
            self.lane.enter(&call);
        }
        let started = self.now();
        let got = ep.wait(&mut self.raw[..room], timeout);
        let done =
            if OBSERVED && self.shared.edge.is_on() { self.lane.now() } else { Nanos(u64::MAX) };
        let log = if OBSERVED { self.shared.edge.drain() } else { EdgeLog::Off };
        self.batch.clear();
        self.batch.extend(self.raw[..got.unwrap_or(0)].iter().map(delivery));
        if OBSERVED {
            let events = Handed::Events(&self.batch, log, done);
            self.lane.returned(&call, count(got), started, events);
            if got == Err(Errno::EINTR) {
                self.explain_interrupt();
            }
        }
    }

    /// Tells that it was the tool's own signal, if it was.
    fn explain_interrupt(&mut self) {
        let (id, name) = (self.lane.id(), sys::signal::KICK_NAME);
        if let Some(why) = self.shared.gate.calls(id) {
            self.note(format!("{name} took {id} out of its sleep: {why}"));
        }
    }

    /// The `epoll_ctl` that `watched` would need next.
    pub(super) fn ctl_call(&self, watched: &Watched, op: CtlOp, mask: Mask) -> Call {
        let ep = lock(&self.shared.ep).as_ref().map_or(Fd(-1), |ep| Fd(ep.0.as_raw_fd()));
        Call::EpollCtl { ep, op, fd: watched.fd, mask, file: watched.file }
    }

    /// `epoll_ctl` on a file whose state is locked; what the server knows of the registration
    /// follows the result.
    pub(super) fn ctl(
        &mut self,
        watched: &Watched,
        state: &mut State,
        op: CtlOp,
        mask: Mask,
    ) -> Ret {
        let Some(ep) = lock(&self.shared.ep).clone() else {
            return Ret::err(event::Errno::EBADF);
        };
        // ADD and MOD poll the file: what they find there is part of the story.
        if OBSERVED && op != CtlOp::Del && watched.what != FileKind::Eventfd {
            self.lane.arrive(watched.fd, queues::of(watched.fd, watched.what));
        }
        let call = self.ctl_call(watched, op, mask);
        let shared = Arc::clone(&self.shared);
        let fd = match (&state.fd, watched.what) {
            (Some(fd), _) => fd.as_fd(),
            (None, FileKind::Eventfd) => shared.mailbox.event().as_fd(),
            (None, _) => return Ret::err(event::Errno::EBADF),
        };
        let flags = EpollFlags::from_bits_retain(mask.0.cast_signed());
        let mut wish = EpollEvent::new(flags, data(watched.fd, watched.file));
        let started = self.now();
        let done = match op {
            CtlOp::Add => ep.add(fd, wish),
            CtlOp::Mod => ep.modify(fd, &mut wish),
            CtlOp::Del => ep.delete(fd),
            CtlOp::Invalid(_) => Err(Errno::EINVAL),
        };
        let result = ret(&done, |()| 0);
        self.record_polled(call, result, started, fd, op != CtlOp::Del && done.is_ok());
        if done.is_ok() {
            state.held = (op != CtlOp::Del).then_some(mask);
            state.armed = true;
        }
        result
    }

    /// `accept4`; the new connection's file, who connected, and its descriptor.
    pub(super) fn accept4(
        &mut self,
        listener: &Watched,
        state: &State,
    ) -> Result<(OwnedFd, FileId, Peer), Errno> {
        let call = Call::Accept { fd: listener.fd };
        let shared = Arc::clone(&self.shared);
        let _order = lock(&shared.numbers);
        let started = self.now();
        let got = match &state.fd {
            Some(fd) => sys::socket::accept(fd.as_fd()),
            None => return Err(Errno::EBADF),
        };
        let number = ret(&got, |fd| i64::from(fd.as_raw_fd()));
        match got {
            Ok(fd) => {
                let (file, peer) = (shared.new_file(), super::accept::peer(&fd));
                self.record(call, number, started, Handed::Accepted(file, &peer));
                Ok((fd, file, peer))
            }
            Err(errno) => {
                self.record(call, number, started, Handed::None);
                Err(errno)
            }
        }
    }

    /// `read` of at most `len` bytes into the thread's buffer.
    pub(super) fn read(&mut self, fd: Fd, file: &OwnedFd, len: u32) -> Result<usize, Errno> {
        let room = usize::try_from(len).unwrap_or(1).min(self.buffer.len());
        let started = self.now();
        let got = read(file, &mut self.buffer[..room]);
        if OBSERVED {
            let bytes = &self.buffer[..got.unwrap_or(0)];
            let handed = if bytes.is_empty() { Handed::None } else { Handed::Data(bytes) };
            self.lane.returned(&Call::Read { fd, len }, count(got), started, handed);
        }
        got
    }

    /// `read` of the control eventfd.
    pub(super) fn read_control(&mut self) {
        let fd = self.shared.mailbox.event().fd();
        let call = Call::Read { fd, len: 8 };
        self.gate(call);
        let mut value = [0; 8];
        let started = self.now();
        let got = read(self.shared.mailbox.event().as_fd(), &mut value);
        let handed = if got.is_ok() { Handed::Data(&value) } else { Handed::None };
        self.record(call, count(got), started, handed);
    }

    /// `send` with `MSG_NOSIGNAL`.
    pub(super) fn send(&mut self, fd: Fd, file: &OwnedFd, bytes: &[u8]) -> Result<usize, Errno> {
        let call = Call::Send { fd, len: length(bytes) };
        let started = self.now();
        let sent = send(file.as_raw_fd(), bytes, MsgFlags::MSG_NOSIGNAL);
        let moved = bytes.get(..sent.unwrap_or(0)).unwrap_or_default();
        if moved.is_empty() {
            // The socket is full: from now on the room that comes is told.
            let full = sent == Err(Errno::EAGAIN);
            self.record_polled(call, count(sent), started, file.as_fd(), full);
        } else {
            self.record(call, count(sent), started, Handed::Data(moved));
        }
        sent
    }

    /// `shutdown(SHUT_WR)`.
    pub(super) fn shut_down(&mut self, fd: Fd, file: &OwnedFd) {
        let started = self.now();
        let done = shutdown(file.as_raw_fd(), Shutdown::Write);
        let call = Call::Shutdown { fd, how: How::Wr };
        self.record(call, ret(&done, |()| 0), started, Handed::None);
    }

    /// `close`; `before` runs when no other thread can be given the number yet.
    pub(super) fn close_fd(&mut self, file: OwnedFd, before: impl FnOnce()) {
        let call = Call::Close { fd: Fd(file.as_raw_fd()) };
        let shared = Arc::clone(&self.shared);
        let _order = lock(&shared.numbers);
        before();
        let started = self.now();
        let done = close(file);
        self.record(call, ret(&done, |()| 0), started, Handed::None);
    }

    /// `dup`, keeping the copy open.
    pub(super) fn keep_copy(&mut self, fd: Fd, file: &OwnedFd) {
        let shared = Arc::clone(&self.shared);
        if lock(&shared.copies).len() >= COPIES_MAX {
            return;
        }
        let _order = lock(&shared.numbers);
        let started = self.now();
        let made = dup(file);
        let number = ret(&made, |copy| i64::from(copy.as_raw_fd()));
        self.record(Call::Dup { fd }, number, started, Handed::None);
        lock(&shared.copies).extend(made.ok());
    }

    /// Makes the registration what it should be by now, by as many calls as that takes; the
    /// error of the last one, if it failed.
    pub(super) fn settle(&mut self, watched: &Watched) -> Option<event::Errno> {
        for _ in 0..3 {
            let wish = self.wish(watched, &lock(&watched.state));
            let (op, mask) = wish?;
            let call = self.ctl_call(watched, op, mask);
            self.gate(call);
            let mut state = lock(&watched.state);
            let (op, mask) = self.wish(watched, &state)?;
            let ret = self.ctl(watched, &mut state, op, mask);
            if ret.errno().is_some() {
                return ret.errno();
            }
        }
        None
    }

    fn wish(&self, watched: &Watched, state: &State) -> Option<(CtlOp, Mask)> {
        if state.fd.is_none() && watched.what != FileKind::Eventfd {
            return None;
        }
        watched.next_ctl(state, &self.settings)
    }
}
