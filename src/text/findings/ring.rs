//! The sentences about what goes wrong with an io_uring.

use crate::event::{Errno, Ret, RingOp};
use crate::text::words::{count, grouped};

/// Completions found no room.
pub(super) fn overflow(room: u32, waiting: u64) -> String {
    let more = match waiting {
        0 => "further ones wait".to_owned(),
        1 => "1 more waits".to_owned(),
        n => format!("{} more wait", grouped(n)),
    };
    format!(
        "the CQ has room for {} and is full: {more} in the kernel until io_uring_enter makes room, and \
         none is lost, but each costs memory there and ends a multishot operation; take completions \
         sooner, or ask for more room (IORING_SETUP_CQSIZE)",
        count(room.into(), "completion")
    )
}

/// No buffer was free.
pub(super) fn no_buffers(name: &str, buffers: u32, held: u64) -> String {
    format!(
        "the recv of {name} ended with ENOBUFS: of {} the server holds {}, and none was free; what the \
         client sends stays in the socket until buffers are given back and it is armed again",
        count(buffers.into(), "buffer"),
        grouped(held)
    )
}

/// What brought input ended and was not armed again.
pub(super) fn ended(name: &str, op: RingOp, ret: Ret) -> String {
    let why = match ret.errno() {
        Some(Errno::ENOBUFS) => "without MORE (ENOBUFS)".to_owned(),
        Some(errno) => format!("with {errno}"),
        None => format!("without MORE (it brought {ret})"),
    };
    format!(
        "nothing brings the input of {name}: its {} ended {why} and was not armed again, so what comes \
         stays in the socket; look for MORE in each completion, and arm again where it is missing",
        op.word()
    )
}

/// Closed under an operation.
pub(super) fn held_open(name: &str, op: RingOp, id: u64) -> String {
    format!(
        "{name} was closed under its {} (operation {id}), which still holds the socket: no end was sent, \
         and its peer waits; cancel the operation first, or shut the connection down, and close when it \
         is over",
        op.word()
    )
}
