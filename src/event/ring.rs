//! What goes into an io_uring and comes out of it: operations and completions (io_uring(7)).

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Fd, FileId, Mask, Peer, Ret};

/// What an operation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum RingOp {
    /// `IORING_OP_NOP`: nothing.
    Nop,
    /// `IORING_OP_RECV`: as recv(2), but it waits without a thread.
    Recv,
    /// `IORING_OP_SEND` with `MSG_NOSIGNAL`: the same of send(2).
    Send,
    /// `IORING_OP_POLL_ADD`: waits until poll(2) would say something.
    Poll,
    /// `IORING_OP_ASYNC_CANCEL` of the operation with a given `user_data`.
    Cancel,
    /// `IORING_OP_ACCEPT` with `SOCK_NONBLOCK | SOCK_CLOEXEC`: the same of accept4(2).
    Accept,
    /// `IORING_OP_READ`: the same of read(2).
    Read,
}

impl RingOp {
    /// Each with its word.
    pub const ALL: [(Self, &str); 7] = [
        (Self::Nop, "nop"),
        (Self::Recv, "recv"),
        (Self::Send, "send"),
        (Self::Poll, "poll"),
        (Self::Cancel, "cancel"),
        (Self::Accept, "accept"),
        (Self::Read, "read"),
    ];

    /// Its word.
    pub fn word(self) -> &'static str {
        Self::ALL.iter().find(|(op, _)| *op == self).map_or("", |(_, word)| word)
    }

    /// Its number, as fdinfo has it (`enum io_uring_op` of uapi/linux/io_uring.h).
    ///
    /// ```
    /// use epollscope::event::RingOp;
    ///
    /// let known = RingOp::ALL.map(|(op, _)| RingOp::of_number(op.number()) == Some(op));
    /// assert_eq!(known, [true; 7]);
    /// assert_eq!((RingOp::of_number(27), RingOp::of_number(99)), (Some(RingOp::Recv), None));
    /// ```
    pub fn number(self) -> u8 {
        match self {
            Self::Nop => 0,
            Self::Poll => 6,
            Self::Accept => 13,
            Self::Cancel => 14,
            Self::Read => 22,
            Self::Send => 26,
            Self::Recv => 27,
        }
    }

    /// The one of that number, if it is one of these.
    pub fn of_number(number: u8) -> Option<Self> {
        Self::ALL.iter().find(|(op, _)| op.number() == number).map(|(op, _)| *op)
    }
}

/// A submission queue entry (struct io_uring_sqe): an operation that is written into the ring, and
/// not yet submitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Sqe {
    /// `user_data`: it comes back with each completion.
    pub id: u64,
    /// What is to be done.
    pub op: RingOp,
    /// With which file; -1 for none.
    pub fd: Fd,
    /// Bytes, of recv, read and send.
    pub len: u32,
    /// The bits that are waited for, of poll.
    pub mask: Mask,
    /// It goes on after a completion (`IORING_POLL_ADD_MULTI`, `IORING_RECV_MULTISHOT`,
    /// `IORING_ACCEPT_MULTISHOT`).
    pub multi: bool,
    /// The `user_data` of the operation that is to end, of cancel.
    pub target: u64,
}

impl fmt::Display for Sqe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { op, fd, len, multi, target, .. } = self;
        let word = op.word();
        match op {
            RingOp::Nop => f.write_str(word),
            RingOp::Cancel => write!(f, "{word} of {target}"),
            RingOp::Send => write!(f, "{word} fd {fd}, {len} bytes"),
            _ if *multi => write!(f, "{word} fd {fd}, until it ends"),
            RingOp::Recv | RingOp::Read => write!(f, "{word} fd {fd}, at most {len} bytes"),
            RingOp::Accept | RingOp::Poll => write!(f, "{word} fd {fd}"),
        }
    }
}

/// A completion queue entry (struct io_uring_cqe).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Cqe {
    /// `user_data` of its operation.
    pub id: u64,
    /// `res`: what the call would have returned.
    pub ret: Ret,
    /// `IORING_CQE_F_MORE`: the operation goes on.
    pub more: bool,
    /// `IORING_CQE_F_BUFFER`: the number of the buffer that the bytes are in.
    pub buffer: Option<u16>,
}

/// What a ring holds: entries of its two queues, and operations in flight.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RingState {
    /// SQEs written and not submitted.
    pub written: u32,
    /// CQEs posted and not taken.
    pub posted: u32,
    /// Completions that found no room, and wait for a call that makes some
    /// (`IORING_SQ_CQ_OVERFLOW`).
    pub overflow: bool,
    /// The operations that wait for a file, by [`RingOp::number`], sorted: `PollList` of fdinfo.
    pub armed: Vec<u8>,
}

/// A connection that came with a completion of an accept.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Admitted {
    /// The tool's number for it.
    pub file: FileId,
    /// Who connected.
    pub peer: Peer,
}

/// Where the queues of a ring begin and end, in shared memory: counters that wrap at 2^32.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RingHeads {
    /// SQEs that the kernel has taken.
    pub sq_head: u32,
    /// SQEs written.
    pub sq_tail: u32,
    /// CQEs taken.
    pub cq_head: u32,
    /// CQEs posted.
    pub cq_tail: u32,
    /// Completions found no room in the CQ (`IORING_SQ_CQ_OVERFLOW`).
    pub overflow: bool,
    /// Completions wait for the owner to enter the kernel (`IORING_SQ_TASKRUN`).
    pub taskrun: bool,
}

/// A ring as `/proc/self/fdinfo/N` has it (io_uring/fdinfo.c: `io_uring_show_fdinfo`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RingRead {
    /// `SqHead`, `SqTail`, `CqHead`, `CqTail`.
    pub heads: RingHeads,
    /// How many SQEs and CQEs there is room for: `SqMask` and `CqMask`, and one.
    pub entries: (u32, u32),
    /// The CQEs that are posted and not taken, oldest first.
    pub pending: Box<[Cqe]>,
    /// `CqOverflowList`: completions that wait for room, oldest first.
    pub overflow: Box<[Cqe]>,
    /// `PollList`: how many operations of each kind wait for a file.
    pub armed: Box<[(RingOp, u32)]>,
}
