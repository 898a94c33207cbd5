//! What a server thread does next.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Cqe, Fd, GoId, RingOp, Sqe, Syscall};

/// What a thread is about to do, before which it can be held: a system call, or what its loop does
/// in memory that it shares with the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum GateStep {
    /// A system call.
    Call(Syscall),
    /// An operation is written into a ring.
    Push {
        /// The ring.
        ring: Fd,
        /// The operation; what it will be called is not known yet.
        sqe: Sqe,
    },
    /// The completion at the head of a ring's queue is taken.
    Reap {
        /// The ring.
        ring: Fd,
        /// What its operation is.
        op: RingOp,
        /// With which file; -1 for none.
        fd: Fd,
        /// The completion.
        cqe: Cqe,
    },
    /// The head of the run queue is taken and run: this goroutine, unless another thread takes that
    /// one meanwhile.
    Run(GoId),
}

impl GateStep {
    /// The system call, if it is one.
    pub fn call(&self) -> Option<&Syscall> {
        match self {
            Self::Call(call) => Some(call),
            Self::Push { .. } | Self::Reap { .. } | Self::Run(_) => None,
        }
    }

    /// The name of the call, or one word for what is done.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Call(call) => call.name(),
            Self::Push { .. } => "push",
            Self::Reap { .. } => "reap",
            Self::Run(_) => "run",
        }
    }

    /// The file that it is about, if it is about one.
    pub fn fd(&self) -> Option<Fd> {
        match *self {
            Self::Call(call) => call.fd(),
            Self::Push { sqe: Sqe { fd, .. }, .. } | Self::Reap { fd, .. } => {
                Some(fd).filter(|fd| fd.0 >= 0)
            }
            Self::Run(_) => None,
        }
    }

    /// Whether a turn of the server's loop ends where this begins.
    pub fn ends_turn(&self) -> bool {
        self.call().is_some_and(Syscall::ends_turn)
    }
}

impl From<Syscall> for GateStep {
    fn from(call: Syscall) -> Self {
        Self::Call(call)
    }
}

impl fmt::Display for GateStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Call(call) => call.fmt(f),
            Self::Push { sqe, .. } => write!(f, "push: {sqe}"),
            Self::Reap { op, fd: fd @ Fd(0..), cqe, .. } => {
                write!(f, "reap: {} fd {fd} = {}", op.word(), cqe.ret)
            }
            Self::Reap { op, cqe, .. } => write!(f, "reap: {} = {}", op.word(), cqe.ret),
            Self::Run(go) => write!(f, "run {go}"),
        }
    }
}
