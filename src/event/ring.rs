//! What goes into an io_uring and comes out of it: operations and completions (io_uring(7)).

use serde::{Deserialize, Serialize};

use super::{Fd, Mask, Ret};

/// What an operation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
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
}

impl RingOp {
    /// Each with its word.
    pub const ALL: [(Self, &str); 5] = [
        (Self::Nop, "nop"),
        (Self::Recv, "recv"),
        (Self::Send, "send"),
        (Self::Poll, "poll"),
        (Self::Cancel, "cancel"),
    ];

    /// Its word.
    pub fn word(self) -> &'static str {
        Self::ALL.iter().find(|(op, _)| *op == self).map_or("", |(_, word)| word)
    }

    /// Its number, as fdinfo has it (`enum io_uring_op` of uapi/linux/io_uring.h).
    pub fn number(self) -> u8 {
        match self {
            Self::Nop => 0,
            Self::Poll => 6,
            Self::Cancel => 14,
            Self::Send => 26,
            Self::Recv => 27,
        }
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
    /// Bytes, of recv and send.
    pub len: u32,
    /// The bits that are waited for, of poll.
    pub mask: Mask,
    /// It goes on after a completion (`IORING_POLL_ADD_MULTI`).
    pub multi: bool,
    /// The `user_data` of the operation that is to end, of cancel.
    pub target: u64,
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
