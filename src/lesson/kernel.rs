//! The calls that a case is made of, and who makes them.
//!
//! [`Kernel`] is implemented by the real one ([`super::real`]), by the model of it
//! ([`super::model_kernel`]), and by the two side by side ([`super::run`]). One interpreter
//! ([`super::interpret`]) turns an action into calls on any of them.

use std::collections::BTreeMap;
use std::fmt::Display;

use serde::{Deserialize, Serialize};

use crate::event::{CtlOp, Errno, Fd, How, LaneId, Mask, Nanos, RingState, SocketOption, Sqe};
use crate::sim::Way;

use super::case::{Action, ActorKind, Amount, CqeEntry, Entry, FdArg, Label, Outcome, Seen};
pub(crate) use super::query::{Copied, EVENT_BYTES, Query, SELECT_SETS, timeout_ms};
use super::skip::Skip;
use super::table::Table;

/// Why a case cannot go on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RunError {
    /// The system does not grant what the case needs.
    #[error("{0}")]
    Skipped(Skip),
    /// The step asks for what cannot be done now; nothing was done.
    #[error("{0}")]
    Refused(String),
    /// The tool itself failed.
    #[error("{0}")]
    Failed(String),
}

impl RunError {
    /// A step that cannot be made.
    pub(crate) fn refused(why: impl Into<String>) -> Self {
        Self::Refused(why.into())
    }

    /// A failure of the tool's own `operation`.
    pub(crate) fn system(operation: &str, reason: &dyn Display) -> Self {
        Self::Failed(format!("{operation}: {reason}"))
    }
}

/// A call that returns at once. What a `Syscall` does not carry is here: the names of what is made
/// and registered, and what is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    /// epoll_ctl(2); the registration goes by the label.
    Ctl { ep: Fd, op: CtlOp, fd: Fd, mask: Mask, label: Label },
    /// read(2); of an eventfd or a timerfd the result is the number that was read.
    Read { fd: Fd, len: u32 },
    /// write(2)
    Write { fd: Fd, what: Amount },
    /// accept4(2); the result is 0.
    Accept { fd: Fd, name: Label },
    /// close(2)
    Close { fd: Fd },
    /// dup(2), or `F_DUPFD` of fcntl(2) from a number on; the result is 0.
    Dup { fd: Fd, name: Label, least: Option<Fd> },
    /// shutdown(2)
    Shutdown { fd: Fd, how: How },
    /// connect(2) to a listener, or to a port on which nobody listens. EINPROGRESS, which is its
    /// ordinary result, counts as 0.
    Connect { fd: Fd, to: Option<Fd> },
    /// timerfd_settime(2), in milliseconds from now.
    Settime { fd: Fd, ms: u32, interval: u32 },
    /// setsockopt(2)
    Setsockopt { fd: Fd, option: SocketOption },
    /// setrlimit(2): `RLIMIT_NOFILE`; `None` sets it back.
    Limit { end: Option<Fd> },
    /// setrlimit(2): `RLIMIT_SIGPENDING`, so that so many more signals find room; `None` sets it back.
    LimitSignals { room: Option<u32> },
    /// fcntl(2): arrivals send signals.
    Async { fd: Fd },
    /// fcntl(2): calls may sleep.
    Blocking { fd: Fd },
    /// io_uring_enter(2) of so many SQEs, waiting for none.
    Enter { ring: Fd, submit: u32 },
}

/// So many milliseconds.
pub(crate) fn nanos(ms: u32) -> Nanos {
    Nanos(u64::from(ms) * 1_000_000)
}

/// What there was to see after a step, by the kernel or by the model, in the words of
/// [`Expect`](super::case::Expect).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observed {
    /// What the call returned; `None` for one that has not returned, or is none.
    pub ret: Option<Outcome>,
    /// What wait, poll or select of the main thread handed over.
    pub events: Option<Seen>,
    /// What threads returned with.
    pub woke: BTreeMap<Label, Seen>,
    /// The threads that still sleep, sorted.
    pub asleep: Vec<Label>,
    /// The interest list of each open epoll instance, sorted by label; those of which a harvest is
    /// held are missing.
    pub interest: BTreeMap<Label, Vec<Entry>>,
    /// What was taken out of a ring.
    pub cqes: Option<Vec<CqeEntry>>,
    /// What each open ring holds.
    pub rings: BTreeMap<Label, RingState>,
    /// The ready list of each epoll instance, head first. Of the kernel only those that can be read.
    pub rdl: BTreeMap<Label, Vec<Label>>,
    /// The overflow list of each of which a harvest is held, newest first; as `rdl`.
    pub ovf: BTreeMap<Label, Vec<Label>>,
}

impl Observed {
    /// A call returned.
    pub(crate) fn returned(&mut self, result: Result<u64, Errno>) -> Outcome {
        let outcome = match result {
            Ok(value) => Outcome::Value(i64::try_from(value).unwrap_or(i64::MAX)),
            Err(errno) => Outcome::Errno(errno),
        };
        (self.ret, self.events) = (Some(outcome), None);
        outcome
    }

    /// CQEs were taken.
    pub(crate) fn reaped(&mut self, cqes: Vec<CqeEntry>) -> Outcome {
        let outcome = self.returned(Ok(cqes.len() as u64));
        self.cqes = Some(cqes);
        outcome
    }

    /// A signal was taken: who it names, if it does.
    pub(crate) fn noticed(&mut self, named: Option<Entry>) -> Outcome {
        let outcome = self.returned(Ok(u64::from(named.is_some())));
        self.events = Some(Seen::Events(named.into_iter().collect()));
        outcome
    }

    /// A call of the main thread handed over. It returned the number of events, or, as select(2)
    /// does, that of the bits in them.
    pub(crate) fn handed_over(&mut self, query: &Query, seen: Seen) -> Outcome {
        let outcome = match (&seen, query) {
            (Seen::Events(events), Query::Scan { way: Way::Select, .. }) => {
                Outcome::Value(events.iter().map(|one| i64::from(one.mask.0.count_ones())).sum())
            }
            (Seen::Events(events), _) => {
                Outcome::Value(i64::try_from(events.len()).unwrap_or(i64::MAX))
            }
            (Seen::Value(value), _) => Outcome::Value(*value),
            (Seen::Errno(errno), _) => Outcome::Errno(*errno),
        };
        (self.ret, self.events) = (Some(outcome), Some(seen));
        outcome
    }
}

/// Who makes the calls of a case. Numbers are given as by a process that has no other descriptors;
/// what labels stand for is in its [`Table`], and what a call returned in what it has seen.
///
/// A method fails if the call cannot be made: [`RunError::Refused`] if nothing was done.
pub(crate) trait Kernel: Sized {
    /// What the labels of the case stand for.
    fn table(&self) -> &Table;

    /// What was seen in this step: first by the one that decides what comes next, then by the one
    /// beside it, if there is one.
    fn seen(&mut self) -> [Option<&mut Observed>; 2];

    /// The number that `arg` stands for; none of the tool's own.
    fn number(&self, arg: &FdArg) -> Result<Fd, RunError> {
        Ok(self.table().number(arg))
    }

    /// Whether the tool leaves so many more descriptors to the case, of which some are epoll
    /// instances.
    fn has_room(&self, _descriptors: usize, _epolls: usize) -> Result<(), RunError> {
        Ok(())
    }

    /// The same, to note what a program would keep in mind.
    fn table_mut(&mut self) -> &mut Table;

    /// The lane of the thread with this name, which begins if it is new.
    fn thread(&mut self, name: &Label) -> Result<LaneId, RunError>;

    /// Whether that thread is in a call.
    fn sleeps(&self, lane: LaneId) -> bool;

    /// Makes one member of an actor: its descriptors.
    fn make(&mut self, name: &Label, kind: ActorKind) -> Result<Outcome, RunError>;

    /// Makes a call that returns at once.
    fn call(&mut self, lane: LaneId, call: &Call) -> Result<Outcome, RunError>;

    /// Makes a call that may sleep. That of the main thread has a timeout and has returned; another
    /// thread sleeps in it, or has returned with what [`Kernel::end`] takes.
    fn wait(
        &mut self,
        lane: LaneId,
        query: &Query,
        timeout: Option<u32>,
    ) -> Result<Option<Outcome>, RunError>;

    /// A thread makes an epoll_wait(2) with a timeout of 0 and is held inside the kernel while event
    /// number `at`, from 1, is copied out; with fewer events it returns.
    fn freeze(&mut self, lane: LaneId, ep: Fd, max: u32, at: u32) -> Result<(), RunError>;

    /// Lets a thread go on that was held.
    fn thaw(&mut self, lane: LaneId) -> Result<(), RunError>;

    /// Sends a signal to a thread that sleeps.
    fn signal(&mut self, lane: LaneId) -> Result<(), RunError>;

    /// Waits until the timeout of a thread that sleeps is over.
    fn expire(&mut self, lane: LaneId) -> Result<(), RunError>;

    /// Time passes.
    fn pass(&mut self, time: Nanos) -> Result<(), RunError>;

    /// Makes a call so many times with a timeout in milliseconds, which does not pass, and tells what
    /// the last one handed over.
    fn measure(
        &mut self,
        name: &Label,
        times: u32,
        query: &Query,
        timeout: u32,
    ) -> Result<Seen, RunError>;

    /// read(2) until EAGAIN, the end of the stream, or an error.
    fn drain(&mut self, lane: LaneId, fd: Fd, n: u32) -> Result<Outcome, RunError>;

    /// write(2) until EAGAIN or an error.
    fn fill(&mut self, lane: LaneId, fd: Fd, n: u32) -> Result<Outcome, RunError>;

    /// Writes an SQE into a ring, under the name of its operation.
    fn write_sqe(&mut self, ring: Fd, name: &Label, sqe: Sqe) -> Result<Outcome, RunError>;

    /// Takes CQEs out of a ring: how many.
    fn reap(&mut self, ring: Fd, max: u32) -> Result<Outcome, RunError>;

    /// How many SQEs of a ring are written and not submitted.
    fn sqes_written(&mut self, ring: Fd) -> u32;

    /// Takes a signal that tells of an arrival: 1, or 0 for a SIGIO, which names nobody.
    fn notice(&mut self) -> Result<Outcome, RunError>;

    /// All counters are set to 0.
    fn reset_counters(&mut self) {}

    /// An action begins: whether it can be made now.
    fn begin(&mut self, _action: &Action) -> Result<(), RunError> {
        Ok(())
    }

    /// The calls of an action are made: takes what threads have returned with.
    fn end(&mut self, action: &Action) -> Result<(), RunError>;

    /// What follows belongs to this round of a repeat.
    fn in_round(&mut self, _round: Option<u32>) {}

    /// Whether those that are side by side returned the same from one of many calls.
    fn agree(&mut self, _call: &str) -> bool {
        true
    }

    /// Whether those that are side by side have done the same up to the end of an action of a round.
    fn agree_on(&mut self, _action: &Action) -> bool {
        true
    }
}
