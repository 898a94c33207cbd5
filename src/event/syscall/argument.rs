//! Arguments of system calls.

use std::fmt;
use std::net::SocketAddrV4;

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use crate::event::{Fd, Mask, vocabulary};

/// One argument of a call, as a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Argument {
    /// A descriptor.
    Fds(Fd),
    /// An array that the call fills with two new descriptors.
    NewFds,
    /// A number.
    Number(i64),
    /// `maxevents` of epoll_wait(2).
    Max(u32),
    /// The operation of epoll_ctl(2).
    Ctl(CtlOp),
    /// Bits of epoll(7).
    Events(Mask),
    /// A constant, or several, as strace writes them.
    Flags(&'static str),
    /// A constant that every such call of this program has: the short notation leaves it out.
    Implied(&'static str),
    /// The direction of shutdown(2).
    How(How),
    /// An internet address.
    Address(SocketAddrV4),
    /// Level, name and value of an option.
    Option(SocketOption),
    /// What poll(2) or select(2) is asked.
    Set(PollSet),
    /// `struct itimerspec`, in milliseconds.
    Timer {
        /// To the first expiry; 0 disarms.
        first_ms: u32,
        /// Between the next ones; 0 is one only.
        interval_ms: u32,
    },
    /// The soft limit of setrlimit(2); `None` is the hard one.
    Limit(Option<u32>),
}

/// The arguments of a call with their names.
pub type Arguments = SmallVec<[(&'static str, Argument); 4]>;

pub(super) fn list<const N: usize>(arguments: [(&'static str, Argument); N]) -> Arguments {
    arguments.into_iter().collect()
}

pub(super) fn number(value: impl Into<i64>) -> Argument {
    Argument::Number(value.into())
}

/// The operation of `epoll_ctl(2)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum CtlOp {
    /// `EPOLL_CTL_ADD`
    Add,
    /// `EPOLL_CTL_MOD`
    Mod,
    /// `EPOLL_CTL_DEL`
    Del,
    /// A number that is no operation: EINVAL.
    Invalid(i32),
}

impl CtlOp {
    /// Its number (`EPOLL_CTL_ADD`, ... in the kernel's uapi/linux/eventpoll.h).
    pub fn number(self) -> i32 {
        match self {
            Self::Add => 1,
            Self::Del => 2,
            Self::Mod => 3,
            Self::Invalid(number) => number,
        }
    }
}

impl fmt::Display for CtlOp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Add => f.write_str("EPOLL_CTL_ADD"),
            Self::Mod => f.write_str("EPOLL_CTL_MOD"),
            Self::Del => f.write_str("EPOLL_CTL_DEL"),
            Self::Invalid(number) => write!(f, "{number}"),
        }
    }
}

vocabulary! {
    /// The direction argument of `shutdown(2)`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
    pub enum How {
        /// `SHUT_RD`
        Rd = "SHUT_RD",
        /// `SHUT_WR`
        Wr = "SHUT_WR",
        /// `SHUT_RDWR`
        RdWr = "SHUT_RDWR",
    }
}

vocabulary! {
    /// The domain of a socket (socket(2)).
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
    pub enum Domain {
        /// `AF_INET`
        Inet = "AF_INET",
        /// `AF_UNIX`
        Unix = "AF_UNIX",
    }
}

vocabulary! {
    /// The type of a socket (socket(2)).
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
    pub enum SocketType {
        /// `SOCK_STREAM`
        Stream = "SOCK_STREAM|SOCK_NONBLOCK",
        /// `SOCK_DGRAM`
        Dgram = "SOCK_DGRAM|SOCK_NONBLOCK",
    }
}

/// An option of `setsockopt(2)` with its value (socket(7), tcp(7)).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum SocketOption {
    /// `SO_RCVLOWAT`, bytes
    RcvLowat(u32),
    /// `SO_SNDBUF`, bytes
    SndBuf(u32),
    /// `SO_RCVBUF`, bytes
    RcvBuf(u32),
    /// `SO_LINGER` with so many seconds: with 0, close(2) of a TCP socket sends a reset.
    Linger(u32),
    /// `TCP_NODELAY`
    NoDelay(bool),
}

impl fmt::Display for SocketOption {
    /// The arguments of setsockopt(2) from the second on: `SOL_SOCKET, SO_SNDBUF, 4096`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RcvLowat(value) => write!(f, "SOL_SOCKET, SO_RCVLOWAT, {value}"),
            Self::SndBuf(value) => write!(f, "SOL_SOCKET, SO_SNDBUF, {value}"),
            Self::RcvBuf(value) => write!(f, "SOL_SOCKET, SO_RCVBUF, {value}"),
            Self::Linger(seconds) => write!(f, "SOL_SOCKET, SO_LINGER, {{1, {seconds}}}"),
            Self::NoDelay(on) => write!(f, "TCP_NODELAY, {}", u8::from(*on)),
        }
    }
}

/// What open(2) is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum OpenPath {
    /// The directory `/`, to read.
    Root,
    /// `/dev/null`, to read and write.
    DevNull,
}

impl OpenPath {
    /// The path.
    pub fn path(self) -> &'static str {
        match self {
            Self::Root => "/",
            Self::DevNull => "/dev/null",
        }
    }

    pub(super) fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Root => ("\"/\"", "O_RDONLY|O_DIRECTORY"),
            Self::DevNull => ("\"/dev/null\"", "O_RDWR"),
        }
    }
}

/// One `struct pollfd` of poll(2), or one number in the sets of select(2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PollFd {
    /// The number.
    pub fd: Fd,
    /// What is asked.
    pub events: Mask,
}

/// What poll(2) or select(2) is asked about: how many, and the first of them in the order of the
/// array.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PollSet {
    count: u32,
    first: [PollFd; Self::SHOWN],
}

impl PollSet {
    /// How many entries are kept with the call: the rest is a number.
    pub const SHOWN: usize = 4;

    /// The set of these entries.
    pub fn new(entries: impl IntoIterator<Item = PollFd>) -> Self {
        let mut set =
            Self { count: 0, first: [PollFd { fd: Fd(-1), events: Mask(0) }; Self::SHOWN] };
        for entry in entries {
            if let Some(place) = set.first.get_mut(set.count as usize) {
                *place = entry;
            }
            set.count = set.count.saturating_add(1);
        }
        set
    }

    /// How many entries there are.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// The first entries, at most [`SHOWN`](Self::SHOWN).
    pub fn first(&self) -> &[PollFd] {
        &self.first[..Self::SHOWN.min(self.count as usize)]
    }
}
