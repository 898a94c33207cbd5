//! What is asked by a call that may sleep, and what that costs to copy.

use crate::event::{Errno, Fd, Mask, PollFd, PollSet, Syscall};
use crate::sim::Way;
use crate::sys::ring::GETEVENTS;

use super::case::{Entry, Label, Seen};

/// What is asked by a call that may sleep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Query {
    /// epoll_wait(2)
    Wait {
        /// The epoll instance.
        ep: Fd,
        /// `maxevents`
        max: i32,
    },
    /// poll(2) or select(2)
    Scan {
        /// Which.
        way: Way,
        /// Who is asked for what; in an array that select left behind some for nothing.
        fds: Vec<(Fd, Mask)>,
        /// The name of each in the case.
        labels: Vec<Label>,
        /// Of select the sets that are given: IN, OUT, PRI.
        sets: Mask,
    },
    /// read(2) of a blocking file
    Read {
        /// The file.
        fd: Fd,
        /// Bytes.
        len: u32,
    },
    /// io_uring_enter(2)
    Enter {
        /// The ring.
        ring: Fd,
        /// SQEs to submit.
        submit: u32,
        /// CQEs to wait for.
        wait: u32,
    },
}

/// Bytes that a call copies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Copied {
    /// From the caller to the kernel.
    pub(crate) into: u64,
    /// Back.
    pub(crate) out: u64,
}

/// The bits for which select(2) has a set.
pub(crate) const SELECT_SETS: Mask = Mask(Mask::IN.0 | Mask::OUT.0 | Mask::PRI.0);
/// Bytes of a struct epoll_event, which is packed on x86-64 alone.
pub(crate) const EVENT_BYTES: u64 = if cfg!(target_arch = "x86_64") { 12 } else { 16 };

impl Query {
    /// The call, with its timeout in milliseconds; `None` is for ever.
    pub(crate) fn syscall(&self, timeout: Option<u32>) -> Syscall {
        let timeout_ms = timeout_ms(timeout);
        match self {
            Self::Wait { ep, max } => {
                Syscall::EpollWait { ep: *ep, max: u32::try_from(*max).unwrap_or(0), timeout_ms }
            }
            Self::Scan { way, fds, .. } => {
                let entry = |(fd, events): &(Fd, Mask)| PollFd { fd: *fd, events: *events };
                let set = PollSet::new(fds.iter().map(entry));
                match way {
                    Way::Poll => Syscall::Poll { set, timeout_ms },
                    Way::Select => Syscall::Select { set, timeout_ms },
                }
            }
            Self::Read { fd, len } => Syscall::Read { fd: *fd, len: *len },
            Self::Enter { ring, submit, wait } => {
                let flags = GETEVENTS;
                Syscall::UringEnter { ring: *ring, submit: *submit, wait: *wait, flags }
            }
        }
    }

    /// The bytes of what is asked and answered, if the call does not fail: of poll(2) all structs
    /// pollfd in and their `revents` out (`do_sys_poll`), of select(2) each set that is given, in
    /// whole words up to the largest number in any (`core_sys_select`, `FDS_BYTES`), of
    /// epoll_wait(2) one struct epoll_event an event.
    pub(crate) fn copied(&self, found: u64) -> Copied {
        match self {
            Self::Read { .. } | Self::Enter { .. } => Copied::default(),
            Self::Wait { .. } => Copied { into: 0, out: EVENT_BYTES * found },
            Self::Scan { way: Way::Poll, fds, .. } => {
                let count = fds.len() as u64;
                Copied { into: 8 * count, out: 2 * count }
            }
            Self::Scan { way: Way::Select, fds, sets, .. } => {
                let end = fds.iter().map(|(fd, _)| fd.0.saturating_add(1)).max().unwrap_or(0);
                let set = 8 * u64::try_from(end).unwrap_or(0).div_ceil(64);
                let sets = u64::from((*sets & SELECT_SETS).0.count_ones());
                Copied { into: sets * set, out: sets * set }
            }
        }
    }

    /// The same of a call that came to this. One that failed copied in alone, but poll(2), which
    /// writes its array in any case.
    pub(crate) fn copied_by(&self, found: Result<u64, Errno>) -> Copied {
        let all = self.copied(found.unwrap_or(0));
        match (self, found) {
            (Self::Scan { way: Way::Select, .. }, Err(_)) => Copied { out: 0, ..all },
            _ => all,
        }
    }

    /// What is left in the variables of a select that came back with this: who was not ready is
    /// asked for nothing, though the sets are as long as before. Of a call that failed they are as
    /// they were.
    pub(crate) fn left(&self, seen: &Seen) -> Option<Self> {
        let Self::Scan { way: Way::Select, fds, labels, sets } = self else { return None };
        let Seen::Events(found) = seen else { return Some(self.clone()) };
        let answered = |label: &Label| {
            let all = found.iter().filter(|one| one.label == *label);
            all.fold(Mask::EMPTY, |all, one| all | one.mask)
        };
        let asked = fds.iter().zip(labels);
        let fds = asked.map(|((fd, mask), label)| (*fd, *mask & answered(label))).collect();
        Some(Self::Scan { way: Way::Select, fds, labels: labels.clone(), sets: *sets })
    }

    /// What poll or select handed over, by the labels that were asked.
    pub(crate) fn polled(&self, found: &[(Fd, Mask)]) -> Seen {
        let label = |fd: Fd| match self {
            Self::Wait { .. } | Self::Read { .. } | Self::Enter { .. } => None,
            Self::Scan { fds, labels, .. } => {
                labels.get(fds.iter().position(|(other, _)| *other == fd)?).cloned()
            }
        };
        let entry = |(fd, mask): &(Fd, Mask)| Entry {
            label: label(*fd).unwrap_or_else(|| Label::new("?")),
            mask: *mask,
        };
        Seen::Events(found.iter().map(entry).collect())
    }
}

/// A timeout as an argument.
pub(crate) fn timeout_ms(ms: Option<u32>) -> i32 {
    ms.map_or(-1, |ms| i32::try_from(ms).unwrap_or(i32::MAX))
}
