//! io_uring(7): the calls, and what is written into a ring and taken out of it without one.

use std::time::Duration;

use nix::errno::Errno;

use super::{Door, ret};
use crate::engine::lock;
use crate::engine::peer;
use crate::engine::tap::{Brought, Handed};
use crate::event::{
    self, Admitted, Cqe, Fd, FileId, GateStep, Ret, RingHeads, RingOp, Sqe, Syscall, WakeupLog,
};
use crate::sys::ring::{
    Completion, Denied, EXT_ARG, GETEVENTS, Gain, Heads, Operation, Posted, Ring, SETUP_FLAGS,
    Sizes,
};

/// What is noted of an operation in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Noted {
    /// As it was written.
    pub(crate) sqe: Sqe,
    /// The file that it is about.
    pub(crate) file: FileId,
}

/// A server's ring.
pub(crate) type ServerRing = Ring<Noted>;

/// The number of a ring as the events have it.
pub(crate) fn number(ring: &ServerRing) -> Fd {
    Fd(ring.number())
}

/// The call that makes a ring of that size.
pub(crate) fn setup_call(sizes: Sizes) -> Syscall {
    let Sizes { submissions: entries, completions, .. } = sizes;
    Syscall::UringSetup { entries, flags: SETUP_FLAGS, completions }
}

/// The call that submits what is written and waits for `wait` completions, as long as `timeout` at
/// most.
pub(crate) fn enter_call(ring: &mut ServerRing, wait: u32, timeout: Option<Duration>) -> Syscall {
    let heads = ring.heads();
    let limit = if timeout.is_some() { EXT_ARG } else { 0 };
    Syscall::UringEnter {
        ring: number(ring),
        submit: heads.sq_tail.wrapping_sub(heads.sq_head),
        wait,
        flags: GETEVENTS | limit,
    }
}

fn heads(ring: &mut ServerRing) -> RingHeads {
    let Heads { sq_head, sq_tail, cq_head, cq_tail, overflow, taskrun } = ring.heads();
    RingHeads { sq_head, sq_tail, cq_head, cq_tail, overflow, taskrun }
}

/// What taking a completion is called, that is posted in that ring.
pub(crate) fn reap_step(ring: &ServerRing, posted: &Posted) -> GateStep {
    let noted = ring.note(posted.id);
    let (op, fd) = noted.map_or((RingOp::Nop, Fd(-1)), |noted| (noted.sqe.op, noted.sqe.fd));
    GateStep::Reap { ring: number(ring), op, fd, cqe: cqe(posted) }
}

fn cqe(posted: &Posted) -> Cqe {
    let Posted { id, res, more, buffer } = *posted;
    Cqe { id, ret: Ret::from_raw(res.into()), more, buffer }
}

/// What came with a completion, for whoever takes it.
#[derive(Debug)]
pub(crate) struct Taken {
    /// What was noted of its operation.
    pub(crate) noted: Noted,
    /// Its result, or what went wrong.
    pub(crate) result: Result<usize, Errno>,
    /// Whether the operation goes on.
    pub(crate) more: bool,
    /// What came with it.
    pub(crate) gain: Gain,
    /// The tool's number for a connection, and who connected.
    pub(crate) admitted: Option<Admitted>,
}

impl<const OBSERVED: bool> Door<'_, OBSERVED> {
    /// `io_uring_setup`, and `io_uring_register` of its buffers.
    pub(crate) fn uring_setup(&mut self, sizes: Sizes) -> Result<ServerRing, Denied> {
        let shared = self.shared;
        let _order = lock(&shared.numbers);
        let call = setup_call(sizes);
        let started = self.start();
        let made = ServerRing::new(sizes);
        let result = match &made {
            Ok(ring) => Ret::ok(ring.number().into()),
            Err(denied) => Ret::err(event::Errno(denied.errno())),
        };
        self.record(call, result, started, Handed::None);
        let mut ring = made?;
        let buffers = sizes.buffers.into();
        let call = Syscall::UringRegister { ring: number(&ring), buffers };
        let started = self.start();
        let done = ring.register_buffers(sizes);
        let result = match &done {
            Ok(()) => Ret::ok(0),
            Err(denied) => Ret::err(event::Errno(denied.errno())),
        };
        self.record(call, result, started, Handed::None);
        done.map(|()| ring)
    }

    /// `close` of a ring.
    pub(crate) fn uring_close(&mut self, ring: ServerRing) {
        let call = Syscall::Close { fd: number(&ring) };
        let shared = self.shared;
        let _order = lock(&shared.numbers);
        let started = self.start();
        drop(ring);
        self.record(call, Ret::ok(0), started, Handed::None);
    }

    /// `io_uring_enter` as `call` says, with the edge log read before it is entered and before its
    /// return is told. `posted` is what it brought.
    pub(crate) fn uring_enter(
        &mut self,
        ring: &mut ServerRing,
        call: Syscall,
        timeout: Option<Duration>,
        posted: &mut Vec<Posted>,
    ) {
        let Syscall::UringEnter { submit, wait, flags, .. } = call else { return };
        let edge = &self.shared.edge;
        if OBSERVED {
            edge.drain();
            if wait > 0 {
                self.lane.enter(&call);
            }
        }
        let started = self.start();
        let got = ring.enter(submit, wait, flags, timeout);
        let log = if OBSERVED { edge.drain() } else { WakeupLog::Off };
        posted.clear();
        ring.posted(posted);
        let result = ret(&got, |count| i64::from(*count));
        if OBSERVED {
            let cqes: Vec<_> = posted.iter().map(cqe).collect();
            self.record(call, result, started, Handed::Ring(heads(ring), &cqes, log));
            if got == Err(Errno::EINTR) {
                self.explain_interrupt();
            }
        } else {
            self.record(call, result, started, Handed::None);
        }
    }

    /// Writes an operation into the ring; it comes back if there is no room.
    pub(crate) fn uring_write(
        &mut self,
        ring: &mut ServerRing,
        operation: Operation,
        noted: Noted,
    ) -> Result<(), Operation> {
        ring.write(noted.sqe.id, operation, noted)?;
        self.tally.written();
        if OBSERVED {
            self.lane.sqe(number(ring), &noted.sqe);
        }
        Ok(())
    }

    /// Takes the oldest completion out of the ring, if one is posted.
    pub(crate) fn uring_take(&mut self, ring: &mut ServerRing) -> Option<Taken> {
        let Completion { id, note, res, more, gain } = ring.take()?;
        self.tally.taken();
        let admitted = match &gain {
            Gain::Accepted(fd) => {
                Some(Admitted { file: self.shared.new_file(), peer: peer::of(fd) })
            }
            _ => None,
        };
        let count = usize::try_from(res).unwrap_or(0);
        if OBSERVED {
            let (op, ret) = (note.sqe.op, Ret::from_raw(res.into()));
            let buffer = if let Gain::Buffer(buffer) = gain { Some(buffer) } else { None };
            let brought = match (&gain, &admitted) {
                (_, Some(admitted)) => Brought::Connection(admitted),
                (Gain::Buffer(buffer), _) => Brought::Bytes(ring.bytes(*buffer, count)),
                (Gain::Memory(bytes), _) if op != RingOp::Read => {
                    Brought::Bytes(bytes.get(..count).unwrap_or_default())
                }
                _ => Brought::Nothing,
            };
            let taken = Cqe { id, ret, more, buffer };
            self.lane.reap(number(ring), op, &taken, brought);
        }
        let result = match res {
            0.. => Ok(count),
            _ => Err(Errno::from_raw(res.saturating_neg())),
        };
        Some(Taken { noted: note, result, more, gain, admitted })
    }

    /// Gives a buffer back to the ring.
    pub(crate) fn uring_give(&mut self, ring: &mut ServerRing, buffer: u16) {
        ring.give(buffer);
        if OBSERVED {
            self.lane.give(number(ring), buffer);
        }
    }
}
