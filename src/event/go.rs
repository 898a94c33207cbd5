//! Goroutines: code with a stack of its own that a thread runs, and that waits without one.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Fd, FileId, Mask, vocabulary};

/// The number of a goroutine, from 1, never used twice in a run.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct GoId(pub u32);

impl fmt::Display for GoId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "G{}", self.0)
    }
}

vocabulary! {
    /// What a goroutine waits for while it is parked.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
    pub enum GoWait {
        /// Something to read or to accept: the `rg` of its file (runtime/netpoll.go: `pollDesc`).
        Read = "read",
        /// Room to write: the `wg` of its file.
        Write = "write",
        /// Something on the queue of its connection, which another goroutine puts there.
        Queue = "queue",
        /// That its connection is read again: its queue is too full.
        Room = "room",
        /// A free descriptor to accept with.
        Descriptor = "descriptor",
    }
}

/// What a goroutine came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum GoChange {
    /// It was made, for that file, and stands at the tail of the run queue.
    Spawn {
        /// The number of its file.
        fd: Fd,
        /// Its file.
        file: FileId,
    },
    /// The thread of this event took it from the head of the run queue.
    Run,
    /// It waits: its stack does, and no thread.
    Park {
        /// For what.
        on: GoWait,
    },
    /// What it waited for has come, and it stands at the tail of the run queue.
    Ready {
        /// What the netpoller was told of its file; empty: another goroutine made it so.
        mask: Mask,
    },
    /// It let the others run, and stands at the tail of the run queue.
    Yield,
    /// It is no more.
    End,
}

vocabulary! {
    /// Who waits in `epoll_wait` for the files of goroutines.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
    pub enum NetpollMode {
        /// Any thread that has nothing to run, one at a time, as in Go (runtime/proc.go:
        /// `findRunnable`).
        #[default]
        Shared = "shared",
        /// A thread that does nothing else, as drawings of Go have it.
        Thread = "thread",
    }
}
