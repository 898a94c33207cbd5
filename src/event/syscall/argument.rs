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
    /// What poll(2) is asked.
    Set(PollSet),
    /// What select(2) is asked.
    Bits(PollSet),
    /// `struct itimerspec`, in milliseconds.
    Timer {
        /// To the first expiry; 0 disarms.
        first_ms: u32,
        /// Between the next ones; 0 is one only.
        interval_ms: u32,
    },
    /// A count with a word for what is counted: `wait 1`.
    Counted(&'static str, u32),
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
/// array. Of a server that changes its set between two calls only the numbers are kept: which they
/// are is told by [`Kind::Set`](crate::event::Kind::Set).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PollSet {
    count: u32,
    entries: Entries,
}

/// How much of the entries is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
enum Entries {
    /// The first ones.
    First([PollFd; PollSet::SHOWN]),
    /// How many there are, a set of select(2): those to read, to write, and with exceptions; and
    /// the highest number plus one.
    Counted { sets: [u32; 3], nfds: u32 },
}

impl PollSet {
    /// How many entries are kept with the call: the rest is a number.
    pub const SHOWN: usize = 4;

    /// The set of these entries.
    pub fn new(entries: impl IntoIterator<Item = PollFd>) -> Self {
        let mut count = 0_u32;
        let mut first = [PollFd { fd: Fd(-1), events: Mask(0) }; Self::SHOWN];
        for entry in entries {
            if let Some(place) = first.get_mut(count as usize) {
                *place = entry;
            }
            count = count.saturating_add(1);
        }
        Self { count, entries: Entries::First(first) }
    }

    /// An array of so many entries.
    pub fn array(count: u32) -> Self {
        Self { count, entries: Entries::Counted { sets: [0; 3], nfds: 0 } }
    }

    /// Bitmaps of so many numbers below `nfds`, of which so many are in each set.
    pub fn bitmaps(count: u32, sets: [u32; 3], nfds: u32) -> Self {
        Self { count, entries: Entries::Counted { sets, nfds } }
    }

    /// How many entries there are.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// The first entries, at most [`SHOWN`](Self::SHOWN); none where only numbers are kept.
    pub fn first(&self) -> &[PollFd] {
        match &self.entries {
            Entries::First(first) => &first[..Self::SHOWN.min(self.count as usize)],
            Entries::Counted { .. } => &[],
        }
    }

    /// Whether it says of no entry which one it is.
    pub fn is_counted(&self) -> bool {
        matches!(self.entries, Entries::Counted { .. })
    }

    /// How many numbers are in the sets of select(2): to read, to write, with exceptions; `None`
    /// if not all entries are kept.
    pub fn sets(&self) -> Option<[u32; 3]> {
        match self.entries {
            Entries::Counted { sets, .. } => Some(sets),
            Entries::First(_) if self.count as usize > Self::SHOWN => None,
            Entries::First(_) => Some([Mask::IN, Mask::OUT, Mask::PRI].map(|bit| {
                let asked = self.first().iter().filter(|entry| entry.events.has(bit)).count();
                u32::try_from(asked).unwrap_or(0)
            })),
        }
    }

    /// `nfds` of select(2), the highest number plus one; `None` if not all entries are kept.
    pub fn nfds(&self) -> Option<u32> {
        match self.entries {
            Entries::Counted { nfds, .. } => Some(nfds),
            Entries::First(_) if self.count as usize > Self::SHOWN => None,
            Entries::First(_) => {
                let numbers = self.first().iter().map(|entry| entry.fd.0.saturating_add(1));
                Some(numbers.max().map_or(0, |end| u32::try_from(end).unwrap_or(0)))
            }
        }
    }
}
