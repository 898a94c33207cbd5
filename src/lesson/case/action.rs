//! What a step does: one variant for each `do`.

mod ring;
mod rounds;
mod word;

use std::fmt;

use serde::{Deserialize, Serialize};

use super::words::word_of;
use super::{Actor, Counter, FdArg, Label, Outcome};
use crate::event::{How, Mask, SocketOption};
use crate::sim::Way;

pub use ring::{CqeEntry, CqeResult, Enter, Submit};

/// Who makes a call that does not sleep, if not the main thread.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Who {
    /// This thread, which must not be asleep.
    Thread(Label),
    /// The thread that returned first in the last step in which one did: `@woken`.
    Woken,
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Thread(thread) => thread.fmt(f),
            Self::Woken => f.write_str("@woken"),
        }
    }
}

/// An epoll_wait(2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wait {
    /// The epoll instance.
    pub ep: FdArg,
    /// `maxevents`; 64 unless the file says so. Above 4096 only numbers that the kernel refuses.
    pub max: i32,
    /// Milliseconds; `None` is for ever. Unless the file says so 0 by the main thread, which never
    /// waits for ever, and for ever by another.
    pub timeout: Option<u32>,
    /// Who waits, if not the main thread. The step ends when it sleeps or has returned.
    pub thread: Option<Label>,
}

/// A poll(2) or select(2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scan {
    /// The descriptors with what is asked of each.
    pub fds: Vec<(FdArg, Mask)>,
    /// As in [`Wait`].
    pub timeout: Option<u32>,
    /// As in [`Wait`].
    pub thread: Option<Label>,
}

/// The call that `measure` makes, by the main thread: with timeout 0, or a poll or select that finds
/// something at once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Run {
    /// epoll_wait(2)
    Wait(Wait),
    /// poll(2) or select(2)
    Scan(Way, Scan),
}

/// What is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Amount {
    /// So many bytes, at most 16 MiB.
    Bytes(u32),
    /// The eight bytes of this number, for an eventfd.
    Value(u64),
}

/// Where a client connects to.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ConnectTarget {
    /// This listener.
    Listener(Label),
    /// A loopback port on which nobody listens.
    Nobody,
}

/// A socket option of the level `SOL_SOCKET`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum SockOpt {
    /// `SO_RCVLOWAT`
    RcvLowat,
    /// `SO_SNDBUF`
    SndBuf,
    /// `SO_RCVBUF`
    RcvBuf,
}

impl SockOpt {
    /// Each with its word.
    pub const ALL: [(Self, &str); 3] =
        [(Self::RcvLowat, "RCVLOWAT"), (Self::SndBuf, "SNDBUF"), (Self::RcvBuf, "RCVBUF")];

    /// Its word.
    pub fn word(self) -> &'static str {
        word_of(&Self::ALL, &self)
    }

    /// The option with a value, as a call sets it.
    pub fn with(self, value: u32) -> SocketOption {
        match self {
            Self::RcvLowat => SocketOption::RcvLowat(value),
            Self::SndBuf => SocketOption::SndBuf(value),
            Self::RcvBuf => SocketOption::RcvBuf(value),
        }
    }
}

/// The directions of shutdown(2), each with its word.
pub(crate) const HOWS: [(How, &str); 3] = [(How::Rd, "rd"), (How::Wr, "wr"), (How::RdWr, "rdwr")];

/// What a step does. Where there is a `who`, `None` is the main thread.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Action {
    /// epoll_ctl(2) with `EPOLL_CTL_ADD`
    Add {
        /// The epoll instance.
        ep: FdArg,
        /// What is watched.
        fd: FdArg,
        /// For what.
        mask: Mask,
        /// Who calls.
        who: Option<Who>,
    },
    /// epoll_ctl(2) with `EPOLL_CTL_MOD`
    Mod {
        /// The epoll instance.
        ep: FdArg,
        /// What is watched.
        fd: FdArg,
        /// For what.
        mask: Mask,
        /// Who calls.
        who: Option<Who>,
    },
    /// epoll_ctl(2) with `EPOLL_CTL_DEL`
    Del {
        /// The epoll instance.
        ep: FdArg,
        /// What was watched.
        fd: FdArg,
        /// Who calls.
        who: Option<Who>,
    },
    /// epoll_ctl(2) with 42, which is no operation
    Ctl {
        /// The epoll instance.
        ep: FdArg,
        /// The descriptor.
        fd: FdArg,
        /// The bits.
        mask: Mask,
    },
    /// epoll_wait(2)
    Wait(Wait),
    /// poll(2)
    Poll(Scan),
    /// select(2)
    Select(Scan),
    /// select(2) with a timeout of 0 and the very sets that the last select of the main thread left
    /// behind: who was not ready is in none.
    SelectAgain,
    /// Arrivals at a file send signals from now on (`F_SETOWN`, `F_SETSIG`, `O_ASYNC`; fcntl(2)).
    Async {
        /// Which.
        fd: FdArg,
    },
    /// One signal is taken out of the queue: sigtimedwait(2) with a timeout of 0. The outcome is 1 for
    /// one that names a descriptor, 0 for a SIGIO.
    SignalWait,
    /// A file becomes a blocking one (`F_SETFL`): a thread sleeps in its read.
    Blocking {
        /// Which.
        fd: FdArg,
    },
    /// An SQE is written; cancel is one, too.
    Submit(Submit),
    /// io_uring_enter(2)
    Enter(Enter),
    /// CQEs are taken, oldest first. The outcome is how many.
    Reap {
        /// The ring.
        ring: FdArg,
        /// How many at most; 64 unless the file says so.
        max: u32,
    },
    /// A goroutine runs until it parks: it reads and writes back until EAGAIN. Before it runs for the
    /// first time its file is registered, once. The outcome is how many messages it has served, or
    /// `Eof` if it came to the end.
    Go {
        /// The epoll instance of the netpoller.
        ep: FdArg,
        /// Its connection.
        fd: FdArg,
        /// Its name.
        name: Label,
        /// The thread that runs it.
        who: Option<Who>,
    },
    /// A thread harvests and is held inside the kernel while event number `at` is copied out.
    Freeze {
        /// The epoll instance.
        ep: FdArg,
        /// Who harvests.
        thread: Label,
        /// `maxevents`
        max: u32,
        /// At which event, from 1 to `max`.
        at: u32,
    },
    /// Lets a frozen thread go on.
    Thaw {
        /// Which.
        thread: Label,
    },
    /// SIGUSR1, handled without `SA_RESTART`, to a thread that sleeps.
    Signal {
        /// Which.
        thread: Label,
    },
    /// Waits until the timeout of a sleeping thread is over.
    Expire {
        /// Which.
        thread: Label,
    },
    /// write(2)
    Write {
        /// Where to.
        fd: FdArg,
        /// What.
        what: Amount,
        /// Who calls.
        who: Option<Who>,
    },
    /// One read(2)
    Read {
        /// Where from.
        fd: FdArg,
        /// How many bytes at most; 65536 unless the file says so.
        n: u32,
        /// Who calls.
        who: Option<Who>,
    },
    /// read(2) until EAGAIN, the end of the stream, or an error, which is the outcome.
    Drain {
        /// Where from.
        fd: FdArg,
        /// Bytes a read; 65536 unless the file says so.
        n: u32,
        /// Who calls.
        who: Option<Who>,
    },
    /// write(2) until EAGAIN or an error, which is the outcome.
    Fill {
        /// Where to.
        fd: FdArg,
        /// Bytes a write; 4096 unless the file says so.
        n: u32,
        /// Who calls.
        who: Option<Who>,
    },
    /// close(2)
    Close {
        /// Which.
        fd: FdArg,
        /// Who calls.
        who: Option<Who>,
    },
    /// `SO_LINGER` with 0 seconds, then close(2): TCP sends a reset.
    Rst {
        /// Which.
        fd: FdArg,
    },
    /// dup(2)
    Dup {
        /// Which.
        fd: FdArg,
        /// The name of the duplicate.
        name: Label,
        /// The least number that it may get (`F_DUPFD`, fcntl(2)); `None` is dup(2).
        least: Option<u32>,
    },
    /// shutdown(2)
    Shutdown {
        /// Which.
        fd: FdArg,
        /// Which direction.
        how: How,
    },
    /// connect(2) of a client, which does not wait
    Connect {
        /// The client.
        fd: FdArg,
        /// Where to.
        to: ConnectTarget,
    },
    /// accept4(2)
    Accept {
        /// The listener.
        fd: FdArg,
        /// The name of the connection. A call that fails makes none: the name stays free.
        name: Label,
        /// Who calls.
        who: Option<Who>,
    },
    /// timerfd_settime(2), from now
    Arm {
        /// The timer.
        fd: FdArg,
        /// Milliseconds to the first expiry; 0 disarms.
        ms: u32,
        /// Milliseconds between the next ones; 0 is one expiry only.
        interval: u32,
    },
    /// Time passes.
    Sleep {
        /// Milliseconds.
        ms: u32,
    },
    /// setsockopt(2)
    Sockopt {
        /// The socket.
        fd: FdArg,
        /// Which option.
        opt: SockOpt,
        /// Its value.
        value: u32,
    },
    /// An actor made now; it takes the lowest free numbers.
    New {
        /// The actor.
        actor: Actor,
    },
    /// Nothing: only words.
    Note,
    /// The same actions again and again. The outcome is the number of rounds made.
    Repeat {
        /// At most so many rounds, 1 to 10000.
        times: u32,
        /// 1 to 16 actions, none of them `Repeat`, `Many`, `Measure`, `Note`, `Freeze` or `New`.
        body: Vec<Action>,
        /// Ends it after the round whose last action returned this.
        until: Option<Outcome>,
    },
    /// One call so many times; a poll or select with a timeout that must find something at once.
    /// `ns.NAME` is then the nanoseconds that one took.
    Measure {
        /// The name of the result.
        name: Label,
        /// How often, 1 to 10000.
        times: u32,
        /// What.
        run: Run,
    },
    /// `RLIMIT_NOFILE` so that just so many more descriptors can be opened.
    Limit {
        /// How many; `None` sets the limit back.
        free: Option<u32>,
    },
    /// `RLIMIT_SIGPENDING` so that just so many more signals can be queued.
    LimitSignals {
        /// How many; `None` sets the limit back.
        room: Option<u32>,
    },
    /// Shows counters.
    Tally {
        /// Which, in this order.
        show: Vec<Counter>,
    },
    /// Sets all counters to 0.
    Reset,
    /// ADD for each of many: `#` in `fd` is 1 to `count`.
    Many {
        /// The epoll instance.
        ep: FdArg,
        /// What is watched.
        fd: FdArg,
        /// For what.
        mask: Mask,
        /// How many, 1 to 1024.
        count: u32,
    },
}

impl Action {
    /// Who makes the call, where it is one that any thread can make.
    pub fn who(&self) -> Option<&Who> {
        match self {
            Self::Add { who, .. }
            | Self::Mod { who, .. }
            | Self::Del { who, .. }
            | Self::Write { who, .. }
            | Self::Read { who, .. }
            | Self::Drain { who, .. }
            | Self::Fill { who, .. }
            | Self::Close { who, .. }
            | Self::Go { who, .. }
            | Self::Accept { who, .. } => who.as_ref(),
            _ => None,
        }
    }

    /// The thread that it names, if it names one: to sleep, to be woken, or to make the call.
    pub fn thread(&self) -> Option<&Label> {
        match self {
            Self::Wait(wait) => wait.thread.as_ref(),
            Self::Enter(enter) => enter.thread.as_ref(),
            Self::Poll(scan) | Self::Select(scan) => scan.thread.as_ref(),
            Self::Freeze { thread, .. }
            | Self::Thaw { thread }
            | Self::Signal { thread }
            | Self::Expire { thread } => Some(thread),
            _ => match self.who()? {
                Who::Thread(thread) => Some(thread),
                Who::Woken => None,
            },
        }
    }

    /// Calls `see` with each thread that it names, in order; those of a repeat round by round.
    pub(crate) fn each_thread(&self, see: &mut impl FnMut(&Label)) {
        if let Self::Repeat { times, body, .. } = self {
            let threads: Vec<_> = body.iter().filter_map(Self::thread).collect();
            let rounds = if threads.iter().any(|thread| thread.has_round()) { *times } else { 1 };
            for round in 1..=rounds {
                for thread in &threads {
                    see(&thread.of_round(round));
                }
            }
        } else if let Some(thread) = self.thread() {
            see(thread);
        }
    }

    /// A [`Action::Many`] as the repeat that it stands for.
    pub(crate) fn as_repeat(&self) -> Option<Self> {
        let Self::Many { ep, fd, mask, count } = self else {
            return None;
        };
        let add = Self::Add { ep: ep.clone(), fd: fd.clone(), mask: *mask, who: None };
        Some(Self::Repeat { times: *count, body: vec![add], until: None })
    }
}
