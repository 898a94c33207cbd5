//! What goes into an io_uring and comes out of it. A case has names for its operations; of a server
//! a star stands for what it does in shared memory, which is no call.

use crate::event::{Admitted, Cqe, Errno, Fd, HEAD, Mask, RingHeads, RingOp, Seq, Sqe, visible};
use crate::model::World;
use crate::text::strace::escaped;

/// Completions that a row has room for.
const SHOWN: usize = 4;

/// `recv fd 13`, `cancel`.
pub(in crate::text) fn operation(world: &World, id: u64, op: Option<RingOp>) -> String {
    let known = world.ring().and_then(|rings| rings.name(id));
    match (known, op) {
        (Some((op @ RingOp::Cancel, _)), _) | (None, Some(op)) => op.word().to_owned(),
        (Some((op, fd)), _) => format!("{} fd {fd}", op.word()),
        (None, None) => format!("operation {id}"),
    }
}

/// An operation was written: `sqe r1: recv(5<s.a>, 100)`, `* push send fd 9, 5 bytes, id 3`.
pub(super) fn written(world: &World, seq: Seq, name: &str, sqe: &Sqe) -> (String, String) {
    if name.is_empty() {
        return (format!("* push {sqe}, id {}", sqe.id), String::new());
    }
    let file = |fd: Fd| match world.label_at(fd, seq) {
        Some(label) => format!("{fd}<{label}>"),
        None => fd.to_string(),
    };
    let arguments = match sqe.op {
        RingOp::Nop => String::new(),
        RingOp::Recv | RingOp::Read | RingOp::Send => format!("{}, {}", file(sqe.fd), sqe.len),
        RingOp::Accept => file(sqe.fd),
        RingOp::Poll if sqe.multi => format!("{}, {}, multi", file(sqe.fd), sqe.mask),
        RingOp::Poll => format!("{}, {}", file(sqe.fd), sqe.mask),
        RingOp::Cancel => format!("user_data {}", sqe.target),
    };
    let name = visible(name.as_bytes(), 60);
    (format!("sqe {name}: {}({arguments})", sqe.op.word()), "written, not submitted".to_owned())
}

/// What follows the name of an operation in a completion: ` = 9   MORE  buffer 4`.
fn outcome(cqe: &Cqe) -> String {
    let more = if cqe.more { "   MORE" } else { "" };
    let buffer = cqe.buffer.map_or_else(String::new, |buffer| format!("  buffer {buffer}"));
    format!(" = {}{more}{buffer}", cqe.ret)
}

/// A completion was taken: `cqe r1 = 5`, `* reap recv fd 13 = 9   MORE  buffer 4`; with the first bytes
/// that came with it, and the connection.
pub(super) fn taken(
    world: &World,
    name: &str,
    op: RingOp,
    cqe: &Cqe,
    (data, admitted): (&[u8], Option<&Admitted>),
) -> (String, String) {
    if !name.is_empty() {
        let result = match cqe.ret.count() {
            Some(mask) if op == RingOp::Poll => Mask(mask).to_string(),
            _ => cqe.ret.to_string(),
        };
        let name = visible(name.as_bytes(), 60);
        let more = if cqe.more { "MORE: the operation goes on" } else { "" };
        return (format!("cqe {name} = {result}"), more.to_owned());
    }
    let row = format!("* reap {}{}", operation(world, cqe.id, Some(op)), outcome(cqe));
    let gloss = match admitted {
        Some(new) => format!("{} connected", visible(new.peer.to_string().as_bytes(), 60)),
        None if data.is_empty() => ended(op, cqe).to_owned(),
        None => {
            let (text, all) = escaped(data, 80);
            let count = cqe.ret.count().map_or(0, |count| count as usize);
            let cut = !all || count > data.len().min(HEAD);
            format!("\"{text}\"{}", if cut { "..." } else { "" })
        }
    };
    (row, gloss)
}

/// What a completion without bytes means.
fn ended(op: RingOp, cqe: &Cqe) -> &'static str {
    match (op, cqe.ret.errno().and_then(Errno::name)) {
        (RingOp::Recv, None) if cqe.ret.value() == Some(0) => "the peer sent its end",
        (RingOp::Cancel, None) => "it ends",
        (RingOp::Cancel, Some("ENOENT")) => "it was over already",
        (RingOp::Cancel, Some("EALREADY")) => "it is being carried out",
        (_, Some("ECANCELED" | "EINTR")) => "cancelled: it did nothing",
        (_, Some("ENOBUFS")) => "no buffer is left: its bytes stay in the socket",
        (_, Some("EMFILE" | "ENFILE")) => "no descriptor left",
        (_, Some("ECONNRESET")) => "the peer reset the connection",
        (_, Some("EPIPE")) => "the peer is gone",
        _ => "",
    }
}

/// What a call found posted: `posted 2: [recv fd 13 = 9] [recv fd 9 = 5]`.
pub(super) fn posted(world: &World, heads: &RingHeads, posted: &[Cqe]) -> String {
    let overflow = if heads.overflow { "   more wait for room" } else { "" };
    if posted.is_empty() {
        return format!("nothing is posted{overflow}");
    }
    let shown = posted.iter().take(SHOWN);
    let list: Vec<_> =
        shown.map(|cqe| format!("[{} = {}]", operation(world, cqe.id, None), cqe.ret)).collect();
    let more = match posted.len().saturating_sub(SHOWN) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("posted {}: {}{more}{overflow}", posted.len(), list.join(" "))
}
