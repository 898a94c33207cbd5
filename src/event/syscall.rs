//! System calls of the server and of cases: their arguments, results, and what they handed over.

use serde::{Deserialize, Serialize};

use super::{Fd, FileId, Mask};

mod argument;
mod output;
mod record;
mod setup;

pub use argument::{
    Argument, Arguments, CtlOp, Domain, How, OpenPath, PollFd, PollSet, SocketOption, SocketType,
};
use argument::{list, number};
pub use output::{HEAD, Head, Output, SyscallRecord};
pub use record::{Delivery, Peer, Ret, WakeupLog};
pub use setup::Setup;

/// A call with its arguments, made or about to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Syscall {
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
    /// `fcntl(2)` with F_GETFL, and F_SETFL with the same flags but O_NONBLOCK
    SetFlags {
        /// The file.
        fd: Fd,
        /// Whether calls on it sleep from then on: without O_NONBLOCK.
        blocking: bool,
    },
    /// `dup(2)`
    Dup {
        /// The number to copy.
        fd: Fd,
    },
    /// `poll(2)`
    Poll {
        /// Who is asked for what, as far as the call says it.
        set: PollSet,
        /// Milliseconds; -1 is for ever.
        timeout_ms: i32,
    },
    /// `select(2)`
    Select {
        /// Who is asked for what, as far as the call says it.
        set: PollSet,
        /// Milliseconds; -1 is for ever.
        timeout_ms: i32,
    },
    /// `io_uring_setup(2)`
    UringSetup {
        /// Entries of the submission queue.
        entries: u32,
        /// `IORING_SETUP_*`
        flags: u32,
        /// Entries of the completion queue, if the flags ask for so many (`IORING_SETUP_CQSIZE`);
        /// else 0, and there are twice as many.
        completions: u32,
    },
    /// `io_uring_register(2)` of a ring of buffers
    UringRegister {
        /// The ring.
        ring: Fd,
        /// How many buffers.
        buffers: u32,
    },
    /// `io_uring_enter(2)`
    UringEnter {
        /// The ring.
        ring: Fd,
        /// SQEs to submit.
        submit: u32,
        /// CQEs to wait for.
        wait: u32,
        /// `IORING_ENTER_*`
        flags: u32,
    },
    /// One that opens or sets something: only cases make it as part of what is shown.
    Setup(Setup),
}

/// `IORING_ENTER_GETEVENTS`: io_uring_enter(2) is asked for completions.
const ENTER_GETEVENTS: u32 = 1;

impl Syscall {
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
            Self::SetFlags { .. } => "fcntl",
            Self::Setup(call) => call.name(),
            Self::Poll { .. } => "poll",
            Self::Select { .. } => "select",
            Self::UringSetup { .. } => "io_uring_setup",
            Self::UringRegister { .. } => "io_uring_register",
            Self::UringEnter { .. } => "io_uring_enter",
        }
    }

    /// The file that the call is about: for `epoll_ctl` the watched one, for `epoll_wait` the
    /// epoll itself. Calls that make a file, or ask about many, have none.
    pub fn fd(&self) -> Option<Fd> {
        match *self {
            Self::EpollWait { ep, .. } => Some(ep),
            Self::UringEnter { ring, .. } | Self::UringRegister { ring, .. } => Some(ring),
            Self::EpollCtl { fd, .. }
            | Self::Accept { fd }
            | Self::Read { fd, .. }
            | Self::Write { fd, .. }
            | Self::Send { fd, .. }
            | Self::Shutdown { fd, .. }
            | Self::Close { fd }
            | Self::SetFlags { fd, .. }
            | Self::Dup { fd } => Some(fd),
            Self::Setup(call) => call.fd(),
            Self::EpollCreate
            | Self::Poll { .. }
            | Self::Select { .. }
            | Self::UringSetup { .. } => None,
        }
    }

    /// Its arguments in the order of the manual page, each with its name there; `fd` is always the
    /// file that the call is about.
    pub fn arguments(&self) -> Arguments {
        use Argument::{Bits, Counted, Ctl, Events, Fds, Flags, How, Implied, Max, Set};
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
            Self::SetFlags { fd, blocking } => list([
                ("fd", Fds(fd)),
                ("cmd", Flags("F_SETFL")),
                ("flags", Flags(if blocking { "O_RDWR" } else { "O_RDWR|O_NONBLOCK" })),
            ]),
            Self::Setup(call) => call.arguments(),
            Self::Poll { set, timeout_ms } => {
                list([("fds", Set(set)), ("timeout", number(timeout_ms))])
            }
            Self::Select { set, timeout_ms } => {
                list([("fds", Bits(set)), ("timeout", number(timeout_ms))])
            }
            Self::UringSetup { entries, flags, .. } => {
                list([("entries", number(entries)), ("flags", Implied(setup_words(flags)))])
            }
            Self::UringRegister { ring, buffers } => list([
                ("fd", Fds(ring)),
                ("opcode", Flags("PBUF_RING")),
                ("buffers", number(buffers)),
            ]),
            Self::UringEnter { ring, submit, wait, flags } => list([
                ("fd", Fds(ring)),
                ("to_submit", Counted("submit", submit)),
                ("min_complete", Counted("wait", wait)),
                ("flags", Implied(enter_words(flags))),
            ]),
        }
    }

    /// The timeout in milliseconds of a call that waits for many files at once, -1 for ever; `None`
    /// for any other. All files are non-blocking: no other call waits.
    fn wait(&self) -> Option<i32> {
        match *self {
            Self::EpollWait { timeout_ms, .. }
            | Self::Poll { timeout_ms, .. }
            | Self::Select { timeout_ms, .. } => Some(timeout_ms),
            Self::UringEnter { wait, flags, .. } if flags & ENTER_GETEVENTS != 0 => {
                Some(if wait > 0 { -1 } else { 0 })
            }
            Self::EpollCreate
            | Self::EpollCtl { .. }
            | Self::Accept { .. }
            | Self::Read { .. }
            | Self::Write { .. }
            | Self::Send { .. }
            | Self::Shutdown { .. }
            | Self::Close { .. }
            | Self::SetFlags { .. }
            | Self::Dup { .. }
            | Self::UringSetup { .. }
            | Self::UringRegister { .. }
            | Self::UringEnter { .. }
            | Self::Setup(_) => None,
        }
    }

    /// Whether the call can put the thread to sleep.
    pub fn may_sleep(&self) -> bool {
        self.wait().is_some_and(|timeout_ms| timeout_ms != 0)
    }

    /// Whether a turn of the server's loop ends where this call begins: it asks for the next events.
    pub fn ends_turn(&self) -> bool {
        self.wait().is_some()
    }
}

/// The flags of a server's io_uring_setup(2) in words.
fn setup_words(flags: u32) -> &'static str {
    match flags {
        0 => "0",
        _ => "CQSIZE|COOP_TASKRUN|TASKRUN_FLAG|SINGLE_ISSUER",
    }
}

/// The flags of io_uring_enter(2) in words.
fn enter_words(flags: u32) -> &'static str {
    match flags {
        0 => "0",
        ENTER_GETEVENTS => "GETEVENTS",
        _ => "GETEVENTS|EXT_ARG",
    }
}
