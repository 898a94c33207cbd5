//! What calls returned: results, and what is handed over with them.

use std::fmt;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::event::{Errno, Fd, FileId, Mask, vocabulary};

/// What a call returned: a value, or an error number, in one word as the kernel's ABI has it.
///
/// ```
/// use epollscope::event::{Errno, Ret};
///
/// // epoll_wait(2) returns how many events it handed over; 0 says that the timeout has passed.
/// assert_eq!(Ret::ok(2).count(), Some(2));
/// // read(2) returns 0 at the end of a stream, which is no error.
/// assert_eq!((Ret::ok(0).value(), Ret::ok(0).errno()), (Some(0), None));
///
/// // The kernel returns a negated number; strace and this program write its name.
/// let ret = Ret::from_raw(-11);
/// assert!(ret.is(Errno::EAGAIN) && ret.value().is_none());
/// assert_eq!(ret, Ret::err(Errno::EAGAIN));
/// assert_eq!(ret.to_string(), "EAGAIN");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Ret(i64);

impl Ret {
    /// A successful result; negative values are taken as 0.
    pub fn ok(value: i64) -> Self {
        Self(value.max(0))
    }

    /// A failure.
    pub fn err(errno: Errno) -> Self {
        Self(-i64::from(errno.0.max(1)))
    }

    /// The raw word: a value, or a negated error number.
    pub fn raw(self) -> i64 {
        self.0
    }

    /// From the raw word.
    pub fn from_raw(raw: i64) -> Self {
        Self(raw)
    }

    /// The value, if the call succeeded.
    pub fn value(self) -> Option<i64> {
        (self.0 >= 0).then_some(self.0)
    }

    /// The value as a count of bytes or events, if the call succeeded.
    pub fn count(self) -> Option<u32> {
        u32::try_from(self.0).ok()
    }

    /// The value as a descriptor, if the call succeeded.
    pub fn fd(self) -> Option<Fd> {
        if self.0 < 0 { None } else { i32::try_from(self.0).ok().map(Fd) }
    }

    /// The error, if the call failed.
    pub fn errno(self) -> Option<Errno> {
        let number = self.0.checked_neg().filter(|number| *number > 0)?;
        i32::try_from(number).ok().map(Errno)
    }

    /// Whether the call failed with `errno`.
    pub fn is(self, errno: Errno) -> bool {
        self.errno() == Some(errno)
    }
}

impl fmt::Display for Ret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.errno() {
            Some(errno) => write!(f, "{errno}"),
            None => write!(f, "{}", self.0),
        }
    }
}

/// One `epoll_event` as `epoll_wait` handed it over; one entry of poll(2) or select(2) with what was
/// found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Delivery {
    /// `epoll_event.data`; the file that the entry stands for.
    pub file: FileId,
    /// The number under which the server knows that file.
    pub fd: Fd,
    /// `epoll_event.events`; `revents`, or in which sets of select(2) it is left.
    pub mask: Mask,
}

/// The other end of a connection.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Peer {
    /// An internet address.
    Inet(SocketAddr),
    /// A UNIX socket: a path, `@name` for the abstract name space, or empty for an unnamed one;
    /// with the process that connected (SO_PEERCRED, unix(7)), 0 if unknown.
    Unix {
        /// The address.
        name: Box<str>,
        /// The process id.
        pid: u32,
    },
    /// The kernel did not say: the client was gone before `getpeername(2)`.
    Unknown,
    /// A recording leaves out who it was: the first, the second, ...
    Numbered {
        /// Which one, from 1.
        number: u32,
        /// By a UNIX socket.
        unix: bool,
    },
}

impl Peer {
    /// Whether it came by a UNIX socket.
    pub fn is_unix(&self) -> bool {
        match self {
            Self::Unix { .. } => true,
            Self::Numbered { unix, .. } => *unix,
            Self::Inet(_) | Self::Unknown => false,
        }
    }
}

impl Peer {
    /// The address alone, by which a client can be told from others; empty if there is none.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Inet(addr) => addr.to_string(),
            Self::Unix { name, .. } => name.to_string(),
            Self::Unknown => String::new(),
            Self::Numbered { .. } => self.to_string(),
        }
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inet(addr) => write!(f, "{addr}"),
            Self::Unix { name, pid: 0 } if name.is_empty() => f.write_str("unix"),
            Self::Unix { name, pid } if name.is_empty() => write!(f, "pid {pid}"),
            Self::Unix { name, .. } => f.write_str(name),
            Self::Unknown => f.write_str("?"),
            Self::Numbered { number, .. } => write!(f, "client-{number}"),
        }
    }
}

vocabulary! {
    /// Whether the wake-ups before the return of an `epoll_wait` are all in the event stream.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
    pub enum WakeupLog {
        /// Every wake-up up to this point has been read.
        #[default]
        Drained = "drained",
        /// Another thread was reading: later wake-ups may belong before this point.
        Skipped = "skipped",
        /// Wake-ups are not being recorded.
        Off = "off",
        /// They cannot be: the user's queue of signals is full (RLIMIT_SIGPENDING, getrlimit(2)).
        NoQueue = "no-queue",
    }
}
