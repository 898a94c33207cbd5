//! The calls that open and set files, limits and threads.

use std::net::SocketAddrV4;

use serde::{Deserialize, Serialize};

use super::{Argument, Arguments, Domain, OpenPath, SocketOption, SocketType, list, number};
use crate::event::Fd;

/// A call that opens or sets something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Setup {
    /// `socket(2)` with `SOCK_NONBLOCK | SOCK_CLOEXEC`
    Socket {
        /// The protocol family.
        domain: Domain,
        /// The semantics.
        kind: SocketType,
    },
    /// `socketpair(2)` of `AF_UNIX` with `SOCK_NONBLOCK | SOCK_CLOEXEC`
    Socketpair {
        /// The semantics.
        kind: SocketType,
    },
    /// `bind(2)`
    Bind {
        /// The socket.
        fd: Fd,
        /// The address; port 0 lets the kernel choose one.
        address: SocketAddrV4,
    },
    /// `listen(2)`
    Listen {
        /// The socket.
        fd: Fd,
        /// How many connections may wait to be accepted.
        backlog: u32,
    },
    /// `connect(2)`
    Connect {
        /// The socket.
        fd: Fd,
        /// To whom.
        address: SocketAddrV4,
    },
    /// `setsockopt(2)`
    Setsockopt {
        /// The socket.
        fd: Fd,
        /// Which option, and its value.
        option: SocketOption,
    },
    /// `pipe2(2)` with `O_NONBLOCK | O_CLOEXEC`
    Pipe,
    /// `fcntl(2)` with `F_SETPIPE_SZ`
    SetPipeSize {
        /// An end of the pipe.
        fd: Fd,
        /// Bytes that it is to hold.
        bytes: u32,
    },
    /// `eventfd2` (eventfd(2)) with `EFD_NONBLOCK | EFD_CLOEXEC`
    Eventfd {
        /// The counter at the beginning.
        initval: u32,
        /// `EFD_SEMAPHORE`: a read takes 1.
        semaphore: bool,
    },
    /// `timerfd_create(2)` with `CLOCK_MONOTONIC` and `TFD_NONBLOCK | TFD_CLOEXEC`
    TimerfdCreate,
    /// `timerfd_settime(2)`, from now
    TimerfdSettime {
        /// The timer.
        fd: Fd,
        /// Milliseconds to the first expiry; 0 disarms.
        first_ms: u32,
        /// Milliseconds between the next ones; 0 is one expiry only.
        interval_ms: u32,
    },
    /// `fcntl(2)` with `F_DUPFD`: a duplicate
    DupFrom {
        /// The number to copy.
        fd: Fd,
        /// The new one is the lowest that is free from this on.
        least: Fd,
    },
    /// `fcntl(2)` with `F_SETOWN`: signals go to this process
    SetOwner {
        /// The file.
        fd: Fd,
        /// The process id.
        pid: u32,
    },
    /// `fcntl(2)` with `F_SETSIG`: they are realtime signals that name the file
    SetSignal {
        /// The file.
        fd: Fd,
        /// Their number.
        signo: u32,
    },
    /// `fcntl(2)` with `F_SETFL`
    SetFlags {
        /// The file.
        fd: Fd,
        /// Without `O_NONBLOCK`: its calls may sleep.
        blocking: bool,
        /// With `O_ASYNC`: arrivals send signals.
        signals: bool,
    },
    /// `sigtimedwait(2)` of the signals of `SetSignal`, and SIGIO, with a timeout of 0
    Sigtimedwait,
    /// `setrlimit(2)` of `RLIMIT_SIGPENDING`
    SetrlimitSignals {
        /// How many signals the user may have queued; `None` is the hard limit.
        soft: Option<u32>,
    },
    /// `memfd_create(2)` with `MFD_CLOEXEC`
    MemfdCreate,
    /// `open(2)`
    Open {
        /// What, and how.
        path: OpenPath,
    },
    /// `tgkill(2)` with `SIGUSR1`
    Tgkill {
        /// The thread's id.
        tid: u32,
    },
    /// `setrlimit(2)` of `RLIMIT_NOFILE`
    Setrlimit {
        /// The number below which every new descriptor must stay; `None` is the hard limit.
        soft: Option<u32>,
    },
}

impl Setup {
    /// The system call's name, as strace prints it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Socket { .. } => "socket",
            Self::Socketpair { .. } => "socketpair",
            Self::Bind { .. } => "bind",
            Self::Listen { .. } => "listen",
            Self::Connect { .. } => "connect",
            Self::Setsockopt { .. } => "setsockopt",
            Self::Pipe => "pipe2",
            Self::SetPipeSize { .. }
            | Self::DupFrom { .. }
            | Self::SetOwner { .. }
            | Self::SetSignal { .. }
            | Self::SetFlags { .. } => "fcntl",
            Self::Sigtimedwait => "rt_sigtimedwait",
            Self::Eventfd { .. } => "eventfd2",
            Self::TimerfdCreate => "timerfd_create",
            Self::TimerfdSettime { .. } => "timerfd_settime",
            Self::MemfdCreate => "memfd_create",
            Self::Open { .. } => "open",
            Self::Tgkill { .. } => "tgkill",
            Self::Setrlimit { .. } | Self::SetrlimitSignals { .. } => "setrlimit",
        }
    }

    /// The file that the call is about; one that makes a file has none.
    pub fn fd(&self) -> Option<Fd> {
        match *self {
            Self::Bind { fd, .. }
            | Self::Listen { fd, .. }
            | Self::Connect { fd, .. }
            | Self::Setsockopt { fd, .. }
            | Self::SetPipeSize { fd, .. }
            | Self::DupFrom { fd, .. }
            | Self::SetOwner { fd, .. }
            | Self::SetSignal { fd, .. }
            | Self::SetFlags { fd, .. }
            | Self::TimerfdSettime { fd, .. } => Some(fd),
            Self::Socket { .. }
            | Self::Socketpair { .. }
            | Self::Pipe
            | Self::Eventfd { .. }
            | Self::TimerfdCreate
            | Self::MemfdCreate
            | Self::Open { .. }
            | Self::Tgkill { .. }
            | Self::Sigtimedwait
            | Self::SetrlimitSignals { .. }
            | Self::Setrlimit { .. } => None,
        }
    }

    /// As [`Syscall::arguments`](super::Syscall::arguments).
    pub(super) fn arguments(&self) -> Arguments {
        use Argument::{Address, Fds, Flags, Implied, Limit, NewFds, Number, Option, Timer};
        match *self {
            Self::Socket { domain, kind } => list([
                ("domain", Flags(domain.word())),
                ("type", Flags(kind.word())),
                ("protocol", Implied("0")),
            ]),
            Self::Socketpair { kind } => list([
                ("domain", Flags("AF_UNIX")),
                ("type", Flags(kind.word())),
                ("protocol", Number(0)),
                ("sv", NewFds),
            ]),
            Self::Bind { fd, address } | Self::Connect { fd, address } => {
                list([("fd", Fds(fd)), ("addr", Address(address))])
            }
            Self::Listen { fd, backlog } => list([("fd", Fds(fd)), ("backlog", number(backlog))]),
            Self::Setsockopt { fd, option } => list([("fd", Fds(fd)), ("option", Option(option))]),
            Self::Pipe => list([("pipefd", NewFds), ("flags", Flags("O_NONBLOCK"))]),
            Self::SetPipeSize { fd, bytes } => {
                list([("fd", Fds(fd)), ("op", Flags("F_SETPIPE_SZ")), ("arg", number(bytes))])
            }
            Self::DupFrom { fd, least } => {
                list([("fd", Fds(fd)), ("op", Flags("F_DUPFD")), ("arg", number(least.0))])
            }
            Self::Eventfd { initval, semaphore } => {
                let flags = if semaphore { "EFD_NONBLOCK|EFD_SEMAPHORE" } else { "EFD_NONBLOCK" };
                list([("initval", number(initval)), ("flags", Flags(flags))])
            }
            Self::TimerfdCreate => {
                list([("clockid", Flags("CLOCK_MONOTONIC")), ("flags", Flags("TFD_NONBLOCK"))])
            }
            Self::TimerfdSettime { fd, first_ms, interval_ms } => list([
                ("fd", Fds(fd)),
                ("flags", Number(0)),
                ("new_value", Timer { first_ms, interval_ms }),
            ]),
            Self::SetOwner { fd, pid } => {
                list([("fd", Fds(fd)), ("op", Flags("F_SETOWN")), ("arg", number(pid))])
            }
            Self::SetSignal { fd, signo } => {
                list([("fd", Fds(fd)), ("op", Flags("F_SETSIG")), ("arg", number(signo))])
            }
            Self::SetFlags { fd, blocking, signals } => {
                let flags = Flags(status_flags(blocking, signals));
                list([("fd", Fds(fd)), ("op", Flags("F_SETFL")), ("arg", flags)])
            }
            Self::Sigtimedwait => list([("set", Flags("[RTMIN+1 IO]")), ("timeout", Number(0))]),
            Self::SetrlimitSignals { soft } => {
                list([("resource", Flags("RLIMIT_SIGPENDING")), ("rlim", Limit(soft))])
            }
            Self::MemfdCreate => {
                list([("name", Flags("\"file\"")), ("flags", Flags("MFD_CLOEXEC"))])
            }
            Self::Open { path } => {
                let (path, flags) = path.words();
                list([("pathname", Flags(path)), ("flags", Flags(flags))])
            }
            Self::Tgkill { tid } => list([("tid", number(tid)), ("sig", Flags("SIGUSR1"))]),
            Self::Setrlimit { soft } => {
                list([("resource", Flags("RLIMIT_NOFILE")), ("rlim", Limit(soft))])
            }
        }
    }
}

/// The flags of `F_SETFL` in words.
fn status_flags(blocking: bool, signals: bool) -> &'static str {
    match (blocking, signals) {
        (false, false) => "O_NONBLOCK",
        (false, true) => "O_NONBLOCK|O_ASYNC",
        (true, false) => "0",
        (true, true) => "O_ASYNC",
    }
}
