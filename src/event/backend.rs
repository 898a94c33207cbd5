//! Ways in which a server waits for many files at once.

use serde::{Deserialize, Serialize};

use super::{Fd, LaneId, vocabulary};

vocabulary! {
    /// How a server waits for its clients.
    ///
    /// ```
    /// use epollscope::event::Backend;
    ///
    /// assert_eq!(Backend::parse("io_uring"), Some(Backend::IoUring));
    /// assert_eq!(Backend::Threads.next(), Backend::Epoll);
    /// // Two threads in poll(2) on one set are both woken by each byte.
    /// assert_eq!((Backend::Epoll.lanes(4), Backend::Poll.lanes(4)), (4, 1));
    /// ```
    #[derive(
        Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
    )]
    pub enum Backend {
        /// epoll(7): the kernel keeps the set, and a list of what is ready.
        #[default]
        Epoll = "epoll",
        /// poll(2): each call passes an array, and each file in it is asked.
        Poll = "poll",
        /// select(2): the same with bitmaps, which the call overwrites.
        Select = "select",
        /// io_uring(7): operations are submitted, and their ends are told.
        IoUring = "io_uring",
        /// A coroutine a client, which parks on the way to epoll as Go's goroutines do.
        Goroutine = "goroutine",
        /// A thread a client, which sleeps in read(2).
        Threads = "threads",
    }
}

impl Backend {
    /// The one after it; the first after the last.
    #[must_use]
    pub fn next(self) -> Self {
        match self {
            Self::Epoll => Self::Poll,
            Self::Poll => Self::Select,
            Self::Select => Self::IoUring,
            Self::IoUring => Self::Goroutine,
            Self::Goroutine => Self::Threads,
            Self::Threads => Self::Epoll,
        }
    }

    /// Whether each wait asks every file anew.
    pub fn scans(self) -> bool {
        matches!(self, Self::Poll | Self::Select)
    }

    /// How many threads wait if so many are wished for, at most [`LaneId::MAX_WORKERS`].
    pub fn lanes(self, wished: u8) -> u8 {
        match self {
            Self::Epoll | Self::Goroutine => wished.clamp(1, LaneId::MAX_WORKERS),
            Self::Poll | Self::Select | Self::IoUring | Self::Threads => 1,
        }
    }
}

/// How far a server has come from one way of waiting to another.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum SwitchPhase {
    /// A person asked for it: each thread ends at its next wait.
    Asked,
    /// The last thread has ended, and nothing waits for the files.
    Left,
    /// The first thread of the other way has begun: it takes every file. It waits by that
    /// descriptor, an epoll instance or a ring, if by any.
    Entered(Option<Fd>),
    /// It cannot be had, for this reason: the old way comes back.
    Refused(Box<str>),
}
