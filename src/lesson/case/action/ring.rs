//! What a step does with an io_uring.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::event::{Cqe, Errno, Mask, RingOp};
use crate::lesson::case::{FdArg, Label};

/// An SQE that is written; the next `enter` submits it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Submit {
    /// The ring.
    pub ring: FdArg,
    /// What is to be done.
    pub op: RingOp,
    /// With which file; `None` of nop and cancel.
    pub fd: Option<FdArg>,
    /// Bytes, of recv and send; 65536 unless the file says so.
    pub n: u32,
    /// What poll waits for.
    pub mask: Mask,
    /// A poll that goes on after its completion.
    pub multi: bool,
    /// Which operation cancel ends.
    pub of: Option<Label>,
    /// The name by which its completions go.
    pub name: Label,
}

/// An io_uring_enter(2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enter {
    /// The ring.
    pub ring: FdArg,
    /// How many SQEs are submitted at most; `None` is all that are written.
    pub submit: Option<u32>,
    /// For how many CQEs a thread waits; the main thread waits for none.
    pub wait: u32,
    /// Who calls, if not the main thread.
    pub thread: Option<Label>,
}

/// What a completion says: `r1 5`, `p1 IN MORE`, `r1 ECANCELED`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CqeEntry {
    /// The name of its operation.
    pub label: Label,
    /// `res`
    pub result: CqeResult,
    /// The operation goes on (`IORING_CQE_F_MORE`).
    pub more: bool,
}

/// The result of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CqeResult {
    /// A number, such as one of bytes.
    Value(i64),
    /// What a poll found.
    Mask(Mask),
    /// It failed.
    Errno(Errno),
}

impl CqeEntry {
    /// A completion of the operation of that name.
    pub(crate) fn new(label: Label, op: RingOp, cqe: &Cqe) -> Self {
        let result = match (cqe.ret.errno(), cqe.ret.count(), op) {
            (Some(errno), ..) => CqeResult::Errno(errno),
            (None, Some(mask), RingOp::Poll) => CqeResult::Mask(Mask(mask)),
            _ => CqeResult::Value(cqe.ret.raw()),
        };
        Self { label, result, more: cqe.more }
    }
}

impl fmt::Display for CqeEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.label)?;
        match self.result {
            CqeResult::Value(value) => write!(f, "{value}")?,
            CqeResult::Mask(mask) => write!(f, "{mask}")?,
            CqeResult::Errno(errno) => write!(f, "{errno}")?,
        }
        if self.more { f.write_str(" MORE") } else { Ok(()) }
    }
}
