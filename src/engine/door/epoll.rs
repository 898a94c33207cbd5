//! The calls of epoll(7).

use std::os::fd::{AsRawFd, BorrowedFd};

use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

use super::{Door, count, ret};
use crate::engine::lock;
use crate::engine::table::Watched;
use crate::engine::tap::Handed;
use crate::event::{CtlOp, Delivery, Fd, FileKind, Mask, Nanos, Ret, Syscall, WakeupLog, WatchKey};
use crate::kernel::queues;
use crate::sys;

fn delivery(event: &EpollEvent) -> Delivery {
    let WatchKey { fd, file } = WatchKey::from_data(event.data());
    Delivery { file, fd, mask: Mask(event.events().bits().cast_unsigned()) }
}

impl<const OBSERVED: bool> Door<'_, OBSERVED> {
    /// `epoll_create1`.
    pub(crate) fn epoll_create(&mut self) -> Result<Epoll, Errno> {
        let shared = self.shared;
        let _order = lock(&shared.numbers);
        let started = self.start();
        let made = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC);
        let number = ret(&made, |ep| i64::from(ep.0.as_raw_fd()));
        self.record(Syscall::EpollCreate, number, started, Handed::None);
        made
    }

    /// `epoll_wait` for at most as many events as `raw` has room for, with the edge log read before
    /// it is entered and before its return is told. `batch` is what it brought.
    pub(crate) fn epoll_wait(
        &mut self,
        ep: &Epoll,
        timeout_ms: i32,
        raw: &mut [EpollEvent],
        batch: &mut Vec<Delivery>,
    ) {
        let max = u32::try_from(raw.len()).unwrap_or(u32::MAX);
        let call = Syscall::EpollWait { ep: Fd(ep.0.as_raw_fd()), max, timeout_ms };
        let timeout = EpollTimeout::try_from(timeout_ms).unwrap_or(EpollTimeout::NONE);
        let edge = &self.shared.edge;
        if OBSERVED {
            edge.drain();
            self.lane.enter(&call);
        }
        let started = self.start();
        let got = ep.wait(raw, timeout);
        let done = if OBSERVED && edge.is_on() { self.lane.now() } else { Nanos(u64::MAX) };
        let log = if OBSERVED { edge.drain() } else { WakeupLog::Off };
        batch.clear();
        batch.extend(raw[..got.unwrap_or(0)].iter().map(delivery));
        self.record(call, count(got), started, Handed::Events(batch, log, done));
        if OBSERVED && got == Err(Errno::EINTR) {
            self.explain_interrupt();
        }
    }

    /// Tells that it was the tool's own signal, if it was.
    pub(super) fn explain_interrupt(&mut self) {
        let (id, name) = (self.id(), sys::signal::KICK_NAME);
        if let Some(why) = self.shared.gate.calls(id) {
            self.note(format!("{name} took {id} out of its sleep: {why}"));
        }
    }

    /// `epoll_ctl` on `file`, whose descriptor is `fd`.
    pub(crate) fn epoll_ctl(
        &mut self,
        ep: &Epoll,
        op: CtlOp,
        file: &Watched,
        fd: BorrowedFd<'_>,
        mask: Mask,
    ) -> Ret {
        // ADD and MOD poll the file: what they find there is part of the story.
        if OBSERVED && op != CtlOp::Del && file.what != FileKind::Eventfd {
            self.lane.arrive(file.fd, queues::of(file.fd, file.what));
        }
        let ep_fd = Fd(ep.0.as_raw_fd());
        let call = Syscall::EpollCtl { ep: ep_fd, op, fd: file.fd, mask, file: file.file };
        let flags = EpollFlags::from_bits_retain(mask.0.cast_signed());
        let mut interest = EpollEvent::new(flags, WatchKey { fd: file.fd, file: file.file }.data());
        let started = self.start();
        let done = match op {
            CtlOp::Add => ep.add(fd, interest),
            CtlOp::Mod => ep.modify(fd, &mut interest),
            CtlOp::Del => ep.delete(fd),
            CtlOp::Invalid(_) => Err(Errno::EINVAL),
        };
        let result = ret(&done, |()| 0);
        self.record_polled(call, result, started, fd, op != CtlOp::Del && done.is_ok());
        result
    }
}
