//! What goes into an io_uring and comes out of it, as JSON.

use serde::Serialize;
use serde::ser::SerializeMap;

use super::{DATA_COLUMNS, optional};
use crate::event::{Cqe, GateStep, Kind, RingHeads, RingOp, visible};
use crate::text::strace::escaped;

/// A completion.
#[derive(Serialize)]
struct CqeRow {
    id: u64,
    result: String,
    more: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    buffer: Option<u16>,
}

fn rows(list: &[Cqe]) -> Vec<CqeRow> {
    let row = |cqe: &Cqe| CqeRow {
        id: cqe.id,
        result: cqe.ret.to_string(),
        more: cqe.more,
        buffer: cqe.buffer,
    };
    list.iter().map(row).collect()
}

fn heads<M: SerializeMap>(map: &mut M, heads: &RingHeads) -> Result<(), M::Error> {
    entries!(map, "sq_head": heads.sq_head, "sq_tail": heads.sq_tail, "cq_head": heads.cq_head,
        "cq_tail": heads.cq_tail, "overflow": heads.overflow)
}

/// What io_uring_enter(2) brought.
pub(super) fn output<M: SerializeMap>(
    map: &mut M,
    told: &RingHeads,
    posted: &[Cqe],
    log: &str,
) -> Result<(), M::Error> {
    heads(map, told)?;
    entries!(map, "posted": rows(posted), "edge_log": log)
}

/// The name of an operation, if its source names them.
fn called(name: &str) -> Option<String> {
    (!name.is_empty()).then(|| visible(name.as_bytes(), 200))
}

/// What a thread is held before, if that is no call.
pub(super) fn step<M: SerializeMap>(map: &mut M, next: &GateStep) -> Result<(), M::Error> {
    entries!(map, "kind": "park", "step": next.name())?;
    match next {
        GateStep::Push { ring, sqe } => {
            let target = (sqe.op == RingOp::Cancel).then_some(sqe.target);
            entries!(map, "ring": ring.0, "op": sqe.op.word(), "fd": sqe.fd.0, "len": sqe.len,
                "multi": sqe.multi, "target"?: target)
        }
        GateStep::Reap { ring, op, fd, cqe } => {
            entries!(map, "ring": ring.0, "id": cqe.id, "op": op.word(), "fd": fd.0,
                "result": cqe.ret.to_string(), "more": cqe.more, "buffer"?: cqe.buffer)
        }
        GateStep::Call(_) | GateStep::Run(_) => Ok(()),
    }
}

/// An event about a ring.
pub(super) fn line<M: SerializeMap>(map: &mut M, kind: &Kind) -> Result<(), M::Error> {
    match kind {
        Kind::Sqe { ring, name, sqe } => {
            let target = (sqe.op == RingOp::Cancel).then_some(sqe.target);
            entries!(map, "kind": "sqe", "ring": ring.0, "name"?: called(name), "id": sqe.id, "op": sqe.op.word(),
                "fd": sqe.fd.0, "len": sqe.len, "multi": sqe.multi, "target"?: target)
        }
        Kind::Reap { ring, name, op, cqe, data, admitted } => {
            let peer = admitted.as_ref().map(|new| visible(new.peer.to_string().as_bytes(), 200));
            let bytes = (!data.is_empty()).then(|| escaped(data, DATA_COLUMNS).0);
            entries!(map, "kind": "cqe", "ring": ring.0, "name"?: called(name), "id": cqe.id,
                "op": op.word(), "result": cqe.ret.to_string(), "more": cqe.more, "buffer"?: cqe.buffer,
                "file"?: admitted.as_ref().map(|new| new.file.0), "peer"?: peer, "data"?: bytes)
        }
        Kind::Give { ring, buffer } => {
            entries!(map, "kind": "buffer", "ring": ring.0, "buffer": buffer)
        }
        Kind::Rings { ring, read } => {
            entries!(map, "kind": "ring", "ring": ring.0)?;
            heads(map, &read.heads)?;
            let armed: Vec<_> = read.armed.iter().map(|(op, n)| (op.word(), n)).collect();
            entries!(map, "pending": rows(&read.pending), "waiting": rows(&read.overflow),
                "armed": armed, "source": "fdinfo")
        }
        _ => Ok(()),
    }
}
