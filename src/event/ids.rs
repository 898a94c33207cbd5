//! Numbers that cross functions, each with its own type.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Position of an event in the journal; the first event is 1.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Seq(pub u64);

impl Seq {
    /// The position after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }

    /// The position before this one; 0 stays 0.
    #[must_use]
    pub fn back(self) -> Self {
        Self(self.0.saturating_sub(1))
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// Nanoseconds of `CLOCK_MONOTONIC` since the program started.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Nanos(pub u64);

impl Nanos {
    /// The latest time that an event can have, 104 days: up to there a floating-point number holds
    /// every one, in a program that reads JSON too.
    pub const MAX: Self = Self(1 << 53);

    /// The time that passed since `earlier`; zero if `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Self {
        Self(self.0.saturating_sub(earlier.0))
    }

    /// Seconds as a floating-point number, for display only.
    #[expect(clippy::cast_precision_loss, reason = "display only: 2^53 ns is 104 days")]
    pub fn secs(self) -> f64 {
        self.0 as f64 / 1e9
    }
}

impl fmt::Display for Nanos {
    /// Seconds with three decimals, as the screen shows absolute times: `12.031`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = self.0 / 1_000_000;
        write!(f, "{}.{:03}", ms / 1000, ms % 1000)
    }
}

/// What the time of an event counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum TimeUnit {
    /// Nanoseconds, as [`Nanos`] says.
    #[default]
    Nanoseconds,
    /// Steps of a case, each of which lasts [`TimeUnit::STEP`]: the first begins one step after the
    /// start, and what is done between two steps comes in the second half of the one before.
    Steps,
}

impl TimeUnit {
    /// How long a step lasts on a clock that counts steps.
    pub const STEP: Nanos = Nanos(1_000_000_000);
}

/// A file descriptor number of the observed process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Fd(pub i32);

impl fmt::Display for Fd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// The tool's own number for an open file description (struct file), never used twice in a run.
///
/// It is also the `epoll_event.data` of the file's registration, so that a line of fdinfo can be
/// mapped to an open file although numbers are reused and anonymous inodes share one inode number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct FileId(pub u32);

impl FileId {
    /// Of an epoll instance under that number, whose open file its source does not number: from
    /// the end of the range.
    pub fn unnumbered(ep: Fd) -> Self {
        Self(u32::MAX - ep.0.unsigned_abs())
    }

    /// Stands for the array of poll(2) or the bitmaps of select(2), which are no open file but the
    /// server's own memory. An epoll instance without a file of its own would need the number 0 to
    /// be taken for it.
    pub const SCAN_SET: Self = Self(u32::MAX);
}

impl fmt::Display for FileId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

/// What the kernel keys a registration by: the open file description *and* the number
/// (struct `epoll_filefd`).
///
/// ```
/// use std::collections::BTreeSet;
/// use epollscope::event::{Fd, FileId, WatchKey};
///
/// // A duplicate (dup(2)) can be added beside the number that it was made of: one file, twice on
/// // the interest list. The same number again is EEXIST.
/// let file = FileId(1);
/// let mut interest = BTreeSet::from([WatchKey { fd: Fd(5), file }]);
/// assert!(interest.insert(WatchKey { fd: Fd(6), file }));
/// assert!(!interest.insert(WatchKey { fd: Fd(5), file }));
/// // Another file that was given the number 5 meanwhile is none of them (epoll(7), Q6).
/// assert!(interest.insert(WatchKey { fd: Fd(5), file: FileId(2) }));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct WatchKey {
    /// The number it was registered under.
    pub fd: Fd,
    /// The open file description.
    pub file: FileId,
}

impl WatchKey {
    /// `epoll_event.data` of the registration: the number in the high half, for people who read
    /// fdinfo; the file in the low half.
    pub fn data(self) -> u64 {
        u64::from(self.fd.0.cast_unsigned()) << 32 | u64::from(self.file.0)
    }

    /// The registration that such a value stands for.
    pub fn from_data(data: u64) -> Self {
        let half = |word: u64| u32::try_from(word & 0xffff_ffff).unwrap_or(0);
        Self { fd: Fd(half(data >> 32).cast_signed()), file: FileId(half(data)) }
    }
}

/// A thread that makes events: 0 is the tool itself, 1 to 8 are the server's threads T1 to T8, and up
/// to 200 where each client has one.
/// Another source may have more, and names of its own for them.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct LaneId(pub u16);

impl LaneId {
    /// The tool's own observations and bookkeeping, which are no thread of the server.
    pub const TOOL: Self = Self(0);
    /// The largest number of server threads.
    pub const MAX_WORKERS: u8 = 8;
    /// The same where each client has a thread of its own.
    pub const MAX_THREADS: u16 = 200;

    /// Whether this is a thread of the server.
    pub fn is_worker(self) -> bool {
        self.0 != 0
    }

    /// Parses `T1` to `T200`, in either case.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix(['T', 't'])?;
        let n: u16 = digits.parse().ok()?;
        let known = (1..=Self::MAX_THREADS).contains(&n) && !digits.starts_with(['0', '+']);
        known.then_some(Self(n))
    }
}

impl fmt::Display for LaneId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_worker() { write!(f, "T{}", self.0) } else { f.write_str("tool") }
    }
}
