//! System calls of the server and of cases: their arguments, results, and what they handed over.

use std::net::SocketAddrV4;

use serde::{Deserialize, Serialize};

use super::{Fd, FileId, Mask};

mod argument;
mod record;

pub use argument::{
    Argument, Arguments, CtlOp, Domain, How, OpenPath, PollFd, PollSet, SocketOption, SocketType,
};
use argument::{list, number};
pub use record::{Delivery, EdgeLog, HEAD, Head, Output, Peer, Ret, SyscallRecord};

/// A call with its arguments, made or about to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Call {
    /// `epoll_create1(EPOLL_CLOEXEC)`
    EpollCreate,
    /// `epoll_ctl(2)`
    EpollCtl {
        /// The epoll instance.
        ep: Fd,
        /// What to do.
        op: CtlOp,
        /// The watched number.
        fd: Fd,
        /// `epoll_event.events`; empty for DEL.
        mask: Mask,
        /// `epoll_event.data`: the open file that the server means. For DEL the file that the
        /// server believes to be registered.
        file: FileId,
    },
    /// `epoll_wait(2)`
    EpollWait {
        /// The epoll instance.
        ep: Fd,
        /// `maxevents`
        max: u32,
        /// Milliseconds; -1 is for ever.
        timeout_ms: i32,
    },
    /// `accept4(2)` with `SOCK_NONBLOCK | SOCK_CLOEXEC`
    Accept {
        /// The listening socket.
        fd: Fd,
    },
    /// `read(2)`
    Read {
        /// The file.
        fd: Fd,
        /// Bytes asked for.
        len: u32,
    },
    /// `write(2)`
    Write {
        /// The file.
        fd: Fd,
        /// Bytes asked for.
        len: u32,
    },
    /// `sendto(2)` with `MSG_NOSIGNAL` and no address, which is what `send(2)` is
    Send {
        /// The socket.
        fd: Fd,
        /// Bytes asked for.
        len: u32,
    },
    /// `shutdown(2)`
    Shutdown {
        /// The socket.
        fd: Fd,
        /// Which direction.
        how: How,
    },
    /// `close(2)`
    Close {
        /// The number.
        fd: Fd,
    },
    /// `dup(2)`
    Dup {
        /// The number to copy.
        fd: Fd,
    },
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
    /// `memfd_create(2)` with `MFD_CLOEXEC`
    MemfdCreate,
    /// `open(2)`
    Open {
        /// What, and how.
        path: OpenPath,
    },
    /// `poll(2)`
    Poll {
        /// Who is asked for what.
        set: PollSet,
        /// Milliseconds; -1 is for ever.
        timeout_ms: i32,
    },
    /// `select(2)`
    Select {
        /// Who is asked for what.
        set: PollSet,
        /// Milliseconds; -1 is for ever.
        timeout_ms: i32,
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

impl Call {
    /// The system call's name, as strace prints it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::EpollCreate => "epoll_create1",
            Self::EpollCtl { .. } => "epoll_ctl",
            Self::EpollWait { .. } => "epoll_wait",
            Self::Accept { .. } => "accept4",
            Self::Read { .. } => "read",
            Self::Write { .. } => "write",
            Self::Send { .. } => "sendto",
            Self::Shutdown { .. } => "shutdown",
            Self::Close { .. } => "close",
            Self::Dup { .. } => "dup",
            Self::Socket { .. } => "socket",
            Self::Socketpair { .. } => "socketpair",
            Self::Bind { .. } => "bind",
            Self::Listen { .. } => "listen",
            Self::Connect { .. } => "connect",
            Self::Setsockopt { .. } => "setsockopt",
            Self::Pipe => "pipe2",
            Self::SetPipeSize { .. } => "fcntl",
            Self::Eventfd { .. } => "eventfd2",
            Self::TimerfdCreate => "timerfd_create",
            Self::TimerfdSettime { .. } => "timerfd_settime",
            Self::MemfdCreate => "memfd_create",
            Self::Open { .. } => "open",
            Self::Poll { .. } => "poll",
            Self::Select { .. } => "select",
            Self::Tgkill { .. } => "tgkill",
            Self::Setrlimit { .. } => "setrlimit",
        }
    }

    /// The file that the call is about: for `epoll_ctl` the watched one, for `epoll_wait` the
    /// epoll itself. Calls that make a file, or ask about many, have none.
    pub fn fd(&self) -> Option<Fd> {
        match *self {
            Self::EpollWait { ep, .. } => Some(ep),
            Self::EpollCtl { fd, .. }
            | Self::Accept { fd }
            | Self::Read { fd, .. }
            | Self::Write { fd, .. }
            | Self::Send { fd, .. }
            | Self::Shutdown { fd, .. }
            | Self::Close { fd }
            | Self::Dup { fd }
            | Self::Bind { fd, .. }
            | Self::Listen { fd, .. }
            | Self::Connect { fd, .. }
            | Self::Setsockopt { fd, .. }
            | Self::SetPipeSize { fd, .. }
            | Self::TimerfdSettime { fd, .. } => Some(fd),
            Self::EpollCreate
            | Self::Socket { .. }
            | Self::Socketpair { .. }
            | Self::Pipe
            | Self::Eventfd { .. }
            | Self::TimerfdCreate
            | Self::MemfdCreate
            | Self::Open { .. }
            | Self::Poll { .. }
            | Self::Select { .. }
            | Self::Tgkill { .. }
            | Self::Setrlimit { .. } => None,
        }
    }

    /// Its arguments in the order of the manual page, each with its name there; `fd` is always the
    /// file that the call is about.
    pub fn arguments(&self) -> Arguments {
        use Argument::{
            Address, Ctl, Events, Fds, Flags, How, Implied, Limit, Max, NewFds, Number, Option,
            Set, Timer,
        };
        match *self {
            Self::EpollCreate => list([("flags", Flags("EPOLL_CLOEXEC"))]),
            Self::EpollCtl { ep, op: CtlOp::Del, fd, .. } => {
                list([("epfd", Fds(ep)), ("op", Ctl(CtlOp::Del)), ("fd", Fds(fd))])
            }
            Self::EpollCtl { ep, op, fd, mask, .. } => list([
                ("epfd", Fds(ep)),
                ("op", Ctl(op)),
                ("fd", Fds(fd)),
                ("events", Events(mask)),
            ]),
            Self::EpollWait { ep, max, timeout_ms } => {
                list([("epfd", Fds(ep)), ("maxevents", Max(max)), ("timeout", number(timeout_ms))])
            }
            Self::Accept { fd } => {
                list([("fd", Fds(fd)), ("flags", Implied("SOCK_CLOEXEC|SOCK_NONBLOCK"))])
            }
            Self::Read { fd, len } | Self::Write { fd, len } => {
                list([("fd", Fds(fd)), ("len", number(len))])
            }
            Self::Send { fd, len } => {
                list([("fd", Fds(fd)), ("len", number(len)), ("flags", Implied("MSG_NOSIGNAL"))])
            }
            Self::Shutdown { fd, how } => list([("fd", Fds(fd)), ("how", How(how))]),
            Self::Close { fd } | Self::Dup { fd } => list([("fd", Fds(fd))]),
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
            Self::MemfdCreate => {
                list([("name", Flags("\"file\"")), ("flags", Flags("MFD_CLOEXEC"))])
            }
            Self::Open { path } => {
                let (path, flags) = path.words();
                list([("pathname", Flags(path)), ("flags", Flags(flags))])
            }
            Self::Poll { set, timeout_ms } | Self::Select { set, timeout_ms } => {
                list([("fds", Set(set)), ("timeout", number(timeout_ms))])
            }
            Self::Tgkill { tid } => list([("tid", number(tid)), ("sig", Flags("SIGUSR1"))]),
            Self::Setrlimit { soft } => {
                list([("resource", Flags("RLIMIT_NOFILE")), ("rlim", Limit(soft))])
            }
        }
    }

    /// Whether the call can put the thread to sleep: all files are non-blocking, so only the calls
    /// that wait for many can.
    pub fn may_sleep(&self) -> bool {
        match self {
            Self::EpollWait { timeout_ms, .. }
            | Self::Poll { timeout_ms, .. }
            | Self::Select { timeout_ms, .. } => *timeout_ms != 0,
            _ => false,
        }
    }
}
