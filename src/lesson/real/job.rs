//! A call that a thread of the case makes, and what came of it.

use std::os::fd::OwnedFd;

use nix::libc;

use crate::event::{Errno, Fd, HEAD, Head, Mask, Nanos};

use crate::lesson::kernel::Query;
use crate::sim::{Reported, Way};
use crate::sys::clock::Clock;
use crate::sys::fault::HeldBuffer;
use crate::sys::number::{self, EventRoom, RawPollSet, SelectSet};
use crate::sys::ring::{self, GETEVENTS};

/// A call with its arguments. A timeout of -1 is for ever.
#[derive(Debug)]
pub(crate) enum Job {
    /// epoll_ctl(2) with any operation.
    Ctl { ep: Fd, op: i32, fd: Fd, mask: Mask, data: u64 },
    /// epoll_wait(2) that is held inside the kernel.
    HeldWait { ep: Fd, buffer: HeldBuffer },
    /// A call that asks what is ready.
    Query { query: Query, timeout: i32 },
    /// read(2)
    Read { fd: Fd, len: u32 },
    /// write(2) of so many bytes.
    Write { fd: Fd, len: u32 },
    /// write(2) of the eight bytes of a number.
    WriteValue { fd: Fd, value: u64 },
    /// accept4(2)
    Accept { fd: Fd },
    /// io_uring_enter(2)
    Enter { ring: Fd, submit: u32, wait: u32 },
    /// close(2)
    Close { fd: OwnedFd },
}

/// What a call handed over.
#[derive(Debug)]
pub(crate) enum Answer {
    /// Nothing but its result.
    Number(Result<u64, Errno>),
    /// read and write: how many bytes, and the first of them.
    Bytes(Result<(u64, Head), Errno>),
    /// epoll_wait
    Events(Result<Vec<Reported>, Errno>),
    /// poll and select: those that have something to say, in the order asked.
    Polled(Result<Vec<(Fd, Mask)>, Errno>),
    /// accept4
    Accepted(Result<OwnedFd, Errno>),
}

/// A call that has returned.
#[derive(Debug)]
pub(crate) struct Done {
    /// What came of it.
    pub(crate) answer: Answer,
    /// When it was made.
    pub(crate) started: Nanos,
    /// When it had returned.
    pub(crate) ended: Nanos,
}

impl Done {
    /// When it was made, and when it had returned.
    pub(crate) fn time(&self) -> (Nanos, Nanos) {
        (self.started, self.ended)
    }
}

/// The numbers under which the C library may make the calls that sleep.
const SLEEPING: &[i64] = &[
    #[cfg(target_arch = "x86_64")]
    libc::SYS_epoll_wait,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_poll,
    libc::SYS_epoll_pwait,
    libc::SYS_ppoll,
    libc::SYS_pselect6,
    libc::SYS_read,
    libc::SYS_io_uring_enter,
];

/// Whether call number `call` is one of those in which a thread of a case sleeps.
pub(crate) fn is_sleeping_call(call: i64) -> bool {
    SLEEPING.contains(&call)
}

impl Job {
    /// Makes the call.
    pub(crate) fn perform(self, clock: Clock) -> Done {
        let started = Nanos(clock.now());
        let answer = self.make();
        Done { answer, started, ended: Nanos(clock.now()) }
    }

    fn make(self) -> Answer {
        match self {
            Self::Ctl { ep, op, fd, mask, data } => {
                let done = number::epoll_ctl(ep.0, op, fd.0, mask.0, data);
                Answer::Number(done.map(|()| 0).map_err(errno))
            }
            Self::HeldWait { ep, buffer } => events(buffer.wait(ep.0, 0)),
            Self::Query { query, timeout } => match Ready::new(&query) {
                Ok(mut ready) => ready.call(timeout),
                Err(error) => ready_error(&query, error),
            },
            Self::Read { fd, len } => {
                let mut room = vec![0; len as usize];
                let done = number::read(fd.0, &mut room);
                bytes(done.map(|count| room.get(..count).unwrap_or(&room)))
            }
            Self::Write { fd, len } => write(fd, &vec![b'x'; len as usize]),
            Self::WriteValue { fd, value } => write(fd, &value.to_ne_bytes()),
            Self::Accept { fd } => Answer::Accepted(number::accept(fd.0).map_err(errno)),
            Self::Enter { ring, submit, wait } => {
                let done = ring::enter(ring.0, submit, wait, GETEVENTS);
                Answer::Number(done.map(u64::from).map_err(errno))
            }
            Self::Close { fd } => Answer::Number(nix::unistd::close(fd).map(|()| 0).map_err(errno)),
        }
    }
}

/// The error number of a call.
pub(crate) fn errno(error: nix::errno::Errno) -> Errno {
    Errno(error as i32)
}

fn events(done: nix::Result<Vec<(u32, u64)>>) -> Answer {
    let reported = |(events, data)| Reported { data, mask: Mask(events) };
    Answer::Events(done.map(|all| all.into_iter().map(reported).collect()).map_err(errno))
}

fn bytes(done: nix::Result<&[u8]>) -> Answer {
    let head = |bytes: &[u8]| Head::from_slice(bytes.get(..HEAD).unwrap_or(bytes));
    Answer::Bytes(done.map(|bytes| (bytes.len() as u64, head(bytes))).map_err(errno))
}

fn write(fd: Fd, from: &[u8]) -> Answer {
    bytes(number::write(fd.0, from).map(|count| from.get(..count).unwrap_or(from)))
}

/// Such a call with all its arguments made.
pub(crate) enum Ready {
    Wait(Fd, EventRoom),
    Poll(Vec<(Fd, Mask)>, RawPollSet),
    Select(Vec<(Fd, Mask)>, SelectSet),
}

/// The sets of select(2), each with the bit that stands for it.
const SETS: [(Mask, u8); 3] = [(Mask::IN, 1), (Mask::OUT, 2), (Mask::PRI, 4)];

impl Ready {
    /// Makes the arguments.
    pub(crate) fn new(query: &Query) -> Result<Self, Errno> {
        match query {
            Query::Wait { ep, max } => Ok(Self::Wait(*ep, EventRoom::new(*max).map_err(errno)?)),
            Query::Read { .. } | Query::Enter { .. } => Err(Errno::EINVAL),
            Query::Scan { way: Way::Poll, fds, .. } => {
                let asked: Vec<_> = fds.iter().map(|(fd, mask)| (fd.0, mask.0)).collect();
                Ok(Self::Poll(fds.clone(), RawPollSet::new(&asked)))
            }
            Query::Scan { way: Way::Select, fds, sets: given, .. } => {
                let sets = |mask: Mask| {
                    let chosen = SETS.iter().filter(|(bit, _)| mask.any(*bit));
                    chosen.fold(0, |sets, (_, set)| sets | set)
                };
                let asked: Vec<_> = fds.iter().map(|(fd, mask)| (fd.0, sets(*mask))).collect();
                Ok(Self::Select(fds.clone(), SelectSet::new(&asked, sets(*given)).map_err(errno)?))
            }
        }
    }

    /// Makes the call and does not look at what it brought, only at how much.
    pub(crate) fn repeat(&mut self, timeout: i32) -> Result<usize, Errno> {
        match self {
            Self::Wait(ep, room) => room.call(ep.0, timeout),
            Self::Poll(_, set) => set.call(timeout),
            Self::Select(_, set) => set.call(timeout),
        }
        .map_err(errno)
    }

    /// Makes the call.
    pub(crate) fn call(&mut self, timeout: i32) -> Answer {
        match self {
            Self::Wait(ep, room) => {
                events(room.call(ep.0, timeout).map(|_| room.events().collect()))
            }
            Self::Poll(fds, set) => {
                let done = set.call(timeout).map_err(errno);
                Answer::Polled(done.map(|_| answered(fds, set.answers().map(Mask))))
            }
            Self::Select(fds, set) => {
                let mask = |sets: u8| {
                    let bits = SETS.iter().filter(|(_, set)| sets & set != 0);
                    bits.fold(Mask::EMPTY, |mask, (bit, _)| mask | *bit)
                };
                let done = set.call(timeout).map_err(errno);
                Answer::Polled(done.map(|_| answered(fds, set.answers().map(mask))))
            }
        }
    }
}

/// Those that have something to say, in the order asked.
fn answered(fds: &[(Fd, Mask)], masks: impl Iterator<Item = Mask>) -> Vec<(Fd, Mask)> {
    let all = fds.iter().zip(masks).map(|((fd, _), mask)| (*fd, mask));
    all.filter(|(_, mask)| !mask.is_empty()).collect()
}

fn ready_error(query: &Query, error: Errno) -> Answer {
    match query {
        Query::Wait { .. } => Answer::Events(Err(error)),
        Query::Scan { .. } => Answer::Polled(Err(error)),
        Query::Read { .. } => Answer::Bytes(Err(error)),
        Query::Enter { .. } => Answer::Number(Err(error)),
    }
}
