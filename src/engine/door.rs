//! The door through which a server thread makes its system calls: the gate, the call, its record.
//!
//! Every call that is to be seen goes through here, and nothing else in these threads is called by
//! those names. Where a call needs a lock of the server's, the caller holds it: never at the gate.

mod asleep;
mod epoll;
mod files;
mod scan;
mod uring;

pub(crate) use self::scan::Scannable;
pub(crate) use self::uring::{Noted, ServerRing, Taken, enter_call, number, reap_step, setup_call};

use std::os::fd::{AsRawFd, BorrowedFd};
use std::sync::Arc;

use nix::errno::Errno;

use crate::engine::gate::{GateVisit, Verdict};
use crate::engine::shared::Shared;
use crate::engine::tally::Tally;
use crate::engine::tap::{Handed, RingWriter};
use crate::event::{self, GateStep, Kind, LaneId, Mask, Nanos, Ret, Syscall};
use crate::sys;

/// A thread's way to the kernel. Without `OBSERVED` the same calls are compiled without the tap.
pub(crate) struct Door<'a, const OBSERVED: bool> {
    shared: &'a Shared,
    lane: RingWriter,
    tally: Arc<Tally>,
}

impl<'a, const OBSERVED: bool> Door<'a, OBSERVED> {
    /// The door of the thread whose events go to `lane`.
    pub(crate) fn new(shared: &'a Shared, lane: RingWriter) -> Self {
        Self { shared, lane, tally: shared.new_tally() }
    }

    /// Gives back where the events went to.
    pub(crate) fn into_lane(self) -> RingWriter {
        self.lane
    }

    /// Whose door it is.
    pub(crate) fn id(&self) -> LaneId {
        self.lane.id()
    }

    /// Where the thread tells what it does, beside its calls.
    pub(crate) fn lane(&mut self) -> &mut RingWriter {
        &mut self.lane
    }

    /// Tells of something that is no call.
    pub(crate) fn tell(&mut self, kind: Kind) {
        self.lane.tell(kind);
    }

    /// Tells a person something in words.
    pub(crate) fn note(&mut self, text: String) {
        self.tell(Kind::Note(text.into()));
    }

    /// The thread's way through the gate to what it does next.
    pub(crate) fn pass(&mut self, next: &GateStep, passage: &mut GateVisit) -> Verdict {
        let mailbox = &self.shared.mailbox;
        self.shared.gate.pass(&mut self.lane, next, passage, || mailbox.waiting())
    }

    /// The time at which a call is made, if anybody wants to know.
    fn start(&self) -> Nanos {
        if OBSERVED { self.lane.start() } else { Nanos(0) }
    }

    /// Counts a call that returned just now, and tells of it.
    fn record(&mut self, call: Syscall, ret: Ret, started: Nanos, handed: Handed<'_>) {
        self.tally.call(&call, ret);
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
        call: Syscall,
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
}

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
