//! What a thread's calls came to: counters beside the record of each call, for a server that nobody
//! watches.
//!
//! Each counter has one writer, so that counting is a load and a store without a locked bus.

use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

use crate::event::{CtlOp, Ret, Syscall};

/// Bytes of a `struct epoll_event` (epoll_ctl(2); it is packed on x86-64).
const EPOLL_EVENT: u64 = size_of::<nix::libc::epoll_event>() as u64;
/// Bytes of a `struct pollfd` (poll(2)).
const POLLFD: u64 = size_of::<nix::libc::pollfd>() as u64;
/// Bytes of `pollfd.revents`, which is all of it that poll(2) writes (fs/select.c, do_sys_poll).
const REVENTS: u64 = size_of::<nix::libc::c_short>() as u64;

/// Makes the counters twice: as they are counted, and as they are told.
macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// What the calls of a server came to, since its start or between two moments.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
        pub struct CallCounts {
            $($(#[$doc])* pub $name: u64,)*
        }

        impl CallCounts {
            /// These and others.
            #[must_use]
            pub(crate) fn plus(self, other: Self) -> Self {
                Self { $($name: self.$name.saturating_add(other.$name),)* }
            }

            /// What came since `before`.
            #[must_use]
            pub fn since(self, before: Self) -> Self {
                Self { $($name: self.$name.saturating_sub(before.$name),)* }
            }
        }

        /// The counters of one thread.
        #[derive(Debug, Default)]
        pub(crate) struct Tally {
            $($name: AtomicU64,)*
        }

        impl Tally {
            /// What has been counted so far.
            pub(crate) fn read(&self) -> CallCounts {
                CallCounts { $($name: self.$name.load(Ordering::Relaxed),)* }
            }
        }
    };
}

counters! {
    /// Calls that wait for many files at once.
    waits,
    /// Calls that change what is watched.
    changes,
    /// `read`.
    reads,
    /// `sendto` and `write`.
    sends,
    /// `accept4`.
    accepts,
    /// All other calls.
    others,
    /// What waits handed over: events, or files that a scan found.
    events,
    /// Bytes that the arguments of waits and changes took into the kernel, by the ABI.
    copied_in,
    /// Bytes that they brought back.
    copied_out,
    /// Files that scans name in their arguments: each is asked once, and once more for each time that
    /// the call slept.
    asked,
    /// Of those, the ones up to and including the first that was ready: a scan that does not sleep
    /// hooks these (fs/select.c, do_poll, do_select).
    hooked,
    /// Submission queue entries.
    sqes,
    /// Completion queue entries.
    cqes,
}

/// Adds to a counter of the calling thread's own.
fn add(counter: &AtomicU64, by: u64) {
    counter.store(counter.load(Ordering::Relaxed).wrapping_add(by), Ordering::Relaxed);
}

impl Tally {
    /// Counts a call that returned.
    pub(crate) fn call(&self, call: &Syscall, ret: Ret) {
        match call {
            Syscall::EpollWait { .. } => {
                let events = u64::from(ret.count().unwrap_or(0));
                add(&self.waits, 1);
                add(&self.events, events);
                add(&self.copied_out, events * EPOLL_EVENT);
            }
            Syscall::EpollCtl { op, .. } => {
                add(&self.changes, 1);
                // DEL reads no event (fs/eventpoll.c, ep_op_has_event).
                add(&self.copied_in, if *op == CtlOp::Del { 0 } else { EPOLL_EVENT });
            }
            Syscall::Poll { set, .. } => {
                let files = u64::from(set.count());
                self.scanned(files, ret, [files * POLLFD, files * REVENTS]);
            }
            Syscall::Select { set, .. } => {
                // Two sets go in and out, in whole words (fs/select.c, core_sys_select).
                let bytes = 2 * 8 * u64::from(set.nfds().unwrap_or(0).div_ceil(64));
                self.scanned(set.count().into(), ret, [bytes, bytes]);
            }
            Syscall::UringEnter { .. } => add(&self.waits, 1),
            Syscall::Read { .. } => add(&self.reads, 1),
            Syscall::Send { .. } | Syscall::Write { .. } => add(&self.sends, 1),
            Syscall::Accept { .. } => add(&self.accepts, 1),
            Syscall::EpollCreate
            | Syscall::Shutdown { .. }
            | Syscall::Close { .. }
            | Syscall::Dup { .. }
            | Syscall::SetFlags { .. }
            | Syscall::UringSetup { .. }
            | Syscall::UringRegister { .. }
            | Syscall::Setup(_) => add(&self.others, 1),
        }
    }
}

impl Tally {
    /// Counts a scan of so many files, and the bytes that its arguments moved in and out.
    fn scanned(&self, files: u64, ret: Ret, [copied_in, copied_out]: [u64; 2]) {
        add(&self.waits, 1);
        add(&self.events, u64::from(ret.count().unwrap_or(0)));
        add(&self.asked, files);
        add(&self.copied_in, copied_in);
        add(&self.copied_out, copied_out);
    }

    /// Counts an operation that was written into a ring.
    pub(crate) fn written(&self) {
        add(&self.sqes, 1);
    }

    /// Counts a completion that was taken out of a ring.
    pub(crate) fn taken(&self) {
        add(&self.cqes, 1);
        add(&self.events, 1);
    }

    /// Counts the wait queues that a scan was hooked to before it found the first file ready.
    pub(crate) fn hooked(&self, files: u32) {
        add(&self.hooked, files.into());
    }
}

impl CallCounts {
    /// All system calls.
    pub fn calls(&self) -> u64 {
        self.waits + self.changes + self.reads + self.sends + self.accepts + self.others
    }

    /// Bytes that the arguments of waits and changes moved, in and out.
    pub fn copied(&self) -> u64 {
        self.copied_in + self.copied_out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Errno, Fd, FileId, Mask, PollSet};

    #[test]
    fn calls_are_counted_by_what_they_are_and_what_they_moved() {
        let tally = Tally::default();
        let wait = Syscall::EpollWait { ep: Fd(5), max: 64, timeout_ms: -1 };
        tally.call(&wait, Ret::ok(3));
        tally.call(&wait, Ret::err(Errno::EINTR));
        for (op, mask) in [(CtlOp::Add, Mask::IN), (CtlOp::Del, Mask::EMPTY)] {
            let ctl = Syscall::EpollCtl { ep: Fd(5), op, fd: Fd(7), mask, file: FileId(1) };
            tally.call(&ctl, Ret::ok(0));
        }
        let before = tally.read();
        tally.call(&Syscall::Read { fd: Fd(7), len: 64 }, Ret::ok(64));
        tally.call(&Syscall::Read { fd: Fd(7), len: 64 }, Ret::err(Errno::EAGAIN));
        tally.call(&Syscall::Send { fd: Fd(7), len: 64 }, Ret::ok(64));
        let all = tally.read();
        let expected =
            CallCounts { waits: 2, changes: 2, events: 3, copied_in: 12, copied_out: 36, ..all };
        if cfg!(target_arch = "x86_64") {
            assert_eq!(all, expected);
        }
        let since = all.since(before);
        assert_eq!(since, CallCounts { reads: 2, sends: 1, ..CallCounts::default() });
        assert_eq!((all.calls(), since.calls(), since.copied()), (7, 3, 0));
        assert_eq!(before.plus(since), all);
    }
    #[test]
    fn a_scan_moves_its_array_or_its_bitmaps() {
        let scan = |call: Syscall, ret| {
            let tally = Tally::default();
            tally.call(&call, ret);
            let CallCounts { asked, copied_in, copied_out, .. } = tally.read();
            (asked, copied_in, copied_out)
        };
        let poll = Syscall::Poll { set: PollSet::array(57), timeout_ms: -1 };
        assert_eq!(scan(poll, Ret::ok(2)), (57, 456, 114));
        let set = PollSet::bitmaps(57, [57, 1, 0], 1004);
        assert_eq!(scan(Syscall::Select { set, timeout_ms: -1 }, Ret::ok(3)), (57, 256, 256));
    }
}
