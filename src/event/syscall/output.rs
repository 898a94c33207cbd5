//! What calls handed over.

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::Syscall;
use super::record::{Delivery, Peer, Ret, WakeupLog};
use crate::event::{Cqe, Fd, FileId, Mask, Nanos, RingHeads};

/// What a call handed over beside its result.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Output {
    /// Nothing.
    #[default]
    None,
    /// `epoll_wait`: the events in the order returned.
    Events {
        /// In the order returned.
        events: Box<[Delivery]>,
        /// What is known of the wake-ups before it.
        log: WakeupLog,
        /// When the call had returned; the edge log was read after that, and before the event's
        /// own time.
        done: Nanos,
    },
    /// `poll`, `select`: what was found in the set.
    Scan {
        /// In the order of the array, of select(2) in that of the numbers.
        ready: Box<[Delivery]>,
        /// How often the thread slept in it (`ru_nvcsw`, getrusage(2)); `None` if it was not
        /// counted.
        slept: Option<u32>,
        /// What is known of the wake-ups before it.
        log: WakeupLog,
    },
    /// `io_uring_enter`: where the queues stand after it, and what is posted and not taken, which
    /// is what the call brought.
    Ring {
        /// After the call.
        heads: RingHeads,
        /// Oldest first.
        posted: Box<[Cqe]>,
        /// What is known of the wake-ups before it.
        log: WakeupLog,
    },
    /// `accept4`: the new connection.
    Accepted {
        /// The tool's number for it.
        file: FileId,
        /// Who connected.
        peer: Peer,
    },
    /// `pipe2`, `socketpair`: the two new numbers, in the order of the array.
    Pair([Fd; 2]),
    /// `epoll_ctl` that polls the file, a write that did not take all: what the file answered to
    /// poll(2) right after.
    Polled(Mask),
    /// `read`, `write`, `send`: the first [`HEAD`] bytes that were moved. While events come faster
    /// than anybody could read them, none are recorded.
    Data(Head),
}

/// The first bytes that a call moved: at most [`HEAD`]. Short ones need no memory of their own.
pub type Head = SmallVec<[u8; 16]>;

/// How many bytes of each read and write are recorded.
pub const HEAD: usize = 64;

/// A call that has returned.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SyscallRecord {
    /// The call and its arguments.
    pub call: Syscall,
    /// Its result.
    pub ret: Ret,
    /// What it handed over.
    pub output: Output,
    /// When it was made; while many events come, the thread's last event before it. The event's own
    /// time is when it returned.
    pub started: Nanos,
}
