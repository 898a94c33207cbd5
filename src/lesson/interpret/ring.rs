//! What a case does with an io_uring.

use crate::event::{Fd, Sqe};
use crate::lesson::case::{Enter, Submit};
use crate::lesson::kernel::{Call, Kernel, Query};
use crate::lesson::table::MAIN;

use super::{Done, awake};

/// Writes an SQE.
///
/// # Errors
/// If it cannot be written.
pub(super) fn submit(k: &mut impl Kernel, submit: &Submit) -> Done {
    let ring = k.number(&submit.ring)?;
    let fd = submit.fd.as_ref().map(|fd| k.number(fd)).transpose()?;
    let target = submit.of.as_ref().map_or(0, |of| k.table().op_of(of));
    let sqe = Sqe {
        id: 0,
        op: submit.op,
        fd: fd.unwrap_or(Fd(-1)),
        len: submit.n,
        mask: submit.mask,
        multi: submit.multi,
        target,
    };
    k.write_sqe(ring, &submit.name, sqe).map(Some)
}

/// io_uring_enter(2)
///
/// # Errors
/// If it cannot be called.
pub(super) fn enter(k: &mut impl Kernel, enter: &Enter) -> Done {
    let ring = k.number(&enter.ring)?;
    let submit = enter.submit.unwrap_or_else(|| k.sqes_written(ring));
    let Some(thread) = &enter.thread else {
        return k.call(MAIN, &Call::Enter { ring, submit }).map(Some);
    };
    let lane = awake(k, thread)?;
    k.wait(lane, &Query::Enter { ring, submit, wait: enter.wait }, None)
}
