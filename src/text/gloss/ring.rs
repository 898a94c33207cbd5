//! Operations and completions of a ring in words.

use crate::event::{Cqe, Fd, Mask, RingOp, Seq, Sqe, visible};
use crate::model::World;

/// An operation that was written: `sqe r1: recv(5<s.a>, 100)`.
pub(super) fn written(world: &World, seq: Seq, name: &str, sqe: &Sqe) -> (String, String) {
    let file = |fd: Fd| match world.label_at(fd, seq) {
        Some(label) => format!("{fd}<{label}>"),
        None => fd.to_string(),
    };
    let arguments = match sqe.op {
        RingOp::Nop => String::new(),
        RingOp::Recv | RingOp::Send => format!("{}, {}", file(sqe.fd), sqe.len),
        RingOp::Poll if sqe.multi => format!("{}, {}, multi", file(sqe.fd), sqe.mask),
        RingOp::Poll => format!("{}, {}", file(sqe.fd), sqe.mask),
        RingOp::Cancel => format!("user_data {}", sqe.target),
    };
    let name = visible(name.as_bytes(), 60);
    (format!("sqe {name}: {}({arguments})", sqe.op.word()), "written, not submitted".to_owned())
}

/// A completion that was taken: `cqe r1 = 5`.
pub(super) fn taken(name: &str, op: RingOp, cqe: &Cqe) -> (String, String) {
    let result = match cqe.ret.count() {
        Some(mask) if op == RingOp::Poll => Mask(mask).to_string(),
        _ => cqe.ret.to_string(),
    };
    let name = visible(name.as_bytes(), 60);
    let more = if cqe.more { "MORE: the operation goes on" } else { "" };
    (format!("cqe {name} = {result}"), more.to_owned())
}
