//! The io_urings of a case.

use std::fs;
use std::io;

use crate::event::{
    Cqe, Errno, Fd, FileId, FileKind, Head, Kind, LaneId, Output, Ret, RingOp, RingState, Sqe,
    Syscall,
};
use crate::kernel::ring::parse;
use crate::lesson::case::{Counter, Label, Outcome};
use crate::lesson::kernel::RunError;
use crate::lesson::table::MAIN;
use crate::sim::Place;
use crate::sys::ring::{self, Completion, Denied, GETEVENTS, Operation, Ring};

use super::RealKernel;
use super::job::errno;

impl RealKernel {
    /// `io_uring_setup(2)`; the ring is called `name`.
    pub(super) fn make_ring(&mut self, name: &Label, entries: u32) -> Result<u64, Errno> {
        let started = self.now();
        let made = Ring::plain(entries).map_err(|denied| Errno(denied.errno()));
        let time = (started, self.now());
        let ret =
            made.as_ref().map_or_else(|errno| Ret::err(*errno), |one| Ret::ok(one.number().into()));
        let call = Syscall::UringSetup { entries, flags: 0, completions: 0 };
        self.log.returned(MAIN, call, time, ret, Output::None);
        let ring = made?;
        let at = Place { fd: Fd(ring.number()), file: self.table.next_place(0).file };
        self.table.insert(name.clone(), at, FileKind::Ring);
        let (what, name) = (FileKind::Ring, name.as_str().into());
        self.log.tell(time.1, LaneId::TOOL, Kind::Open { fd: at.fd, file: at.file, what, name });
        self.rings.insert(at.file, ring);
        Ok(0)
    }

    /// The file of a ring; EOPNOTSUPP if the number names something else.
    fn ring_file(&self, fd: Fd) -> Result<FileId, Errno> {
        let file = self.table.file_at(fd).ok_or(Errno::EBADF)?;
        if file.what == FileKind::Ring { Ok(file.id) } else { Err(Errno::EOPNOTSUPP) }
    }

    fn ring_at(&mut self, fd: Fd) -> Result<&mut Ring<()>, Errno> {
        let file = self.ring_file(fd)?;
        self.rings.get_mut(&file).ok_or(Errno::EOPNOTSUPP)
    }

    /// Whether that number is a ring's.
    pub(super) fn is_ring(&self, fd: Fd) -> bool {
        self.ring_file(fd).is_ok()
    }

    /// Writes an SQE under the name of its operation.
    ///
    /// # Errors
    /// [`RunError::Refused`] of a send over TCP, whose bytes are not followed on their way.
    pub(super) fn write_operation(
        &mut self,
        fd: Fd,
        name: &Label,
        sqe: Sqe,
    ) -> Result<Outcome, RunError> {
        if sqe.op == RingOp::Send && self.table.kind(sqe.fd) == Some(FileKind::Tcp) {
            let why = "what a ring sends over TCP is not followed on its way: send to a pair";
            return Err(RunError::refused(why));
        }
        let id = self.table.new_op(name.clone(), sqe.op);
        let sqe = Sqe { id, ..sqe };
        let written = self.ring_at(fd).and_then(|ring| {
            let operation = operation(&sqe).ok_or(Errno::EOPNOTSUPP)?;
            ring.write(id, operation, ()).map_err(|_| Errno::EBUSY)
        });
        if written.is_ok() {
            let name = name.as_str().into();
            self.log.tell(self.now(), MAIN, Kind::Sqe { ring: fd, name, sqe });
            self.log.counters.add(Counter::Sqes, 1);
        }
        Ok(self.seen.returned(written.map(|()| 0)))
    }

    /// `io_uring_enter(2)` by the main thread, which waits for nothing.
    pub(super) fn enter(&mut self, fd: Fd, submit: u32) -> Result<u64, Errno> {
        let overflow = self.ring_state(fd).is_some_and(|state| state.overflow);
        let flags = if overflow { GETEVENTS } else { 0 };
        let started = self.now();
        let done = ring::enter(fd.0, submit, 0, flags).map_err(errno);
        let time = (started, self.now());
        let ret = done.map_or_else(Ret::err, |count| Ret::ok(count.into()));
        let call = Syscall::UringEnter { ring: fd, submit, wait: 0, flags };
        self.log.returned(MAIN, call, time, ret, Output::None);
        done.map(u64::from)
    }

    /// Takes up to `max` CQEs.
    pub(super) fn take_completions(&mut self, fd: Fd, max: u32) -> Outcome {
        let max = usize::try_from(max).unwrap_or(usize::MAX);
        let taken = match self.ring_at(fd) {
            Ok(ring) => std::iter::from_fn(|| ring.take()).take(max).collect::<Vec<_>>(),
            Err(errno) => return self.seen.returned(Err(errno)),
        };
        let now = self.now();
        self.log.counters.add(Counter::Cqes, taken.len() as u64);
        let mut cqes = Vec::with_capacity(taken.len());
        for Completion { id, res, more, .. } in taken {
            let cqe = Cqe { id, ret: Ret::from_raw(res.into()), more, buffer: None };
            if let Some((name, op)) = self.table.op(id) {
                let (name, op) = (name.as_str().into(), *op);
                let (data, admitted) = (Head::new(), None);
                self.log.tell(now, MAIN, Kind::Reap { ring: fd, name, op, cqe, data, admitted });
            }
            cqes.push(self.table.completed(&cqe));
        }
        self.seen.reaped(cqes)
    }

    /// What a ring holds: its queues as they stand in the shared memory, and what is armed as fdinfo
    /// has it; `None` if the number is none.
    pub(crate) fn ring_state(&mut self, fd: Fd) -> Option<RingState> {
        let heads = self.ring_at(fd).ok()?.heads();
        let armed = self.armed(fd).unwrap_or_default();
        Some(RingState {
            written: heads.sq_tail.wrapping_sub(heads.sq_head),
            posted: heads.cq_tail.wrapping_sub(heads.cq_head),
            overflow: heads.overflow,
            armed,
        })
    }

    /// The operations that wait for a file, sorted.
    fn armed(&self, fd: Fd) -> io::Result<Vec<u8>> {
        let text =
            self.reserved.aside(|_| fs::read_to_string(format!("/proc/self/fdinfo/{fd}")))?;
        let armed = parse(&text).map(|read| read.armed).unwrap_or_default();
        let each = |(op, n): &(RingOp, u32)| std::iter::repeat_n(op.number(), *n as usize);
        let mut numbers: Vec<u8> = armed.iter().flat_map(each).collect();
        numbers.sort_unstable();
        Ok(numbers)
    }

    /// close(2) of a ring.
    ///
    /// # Errors
    /// [`RunError::Refused`] while something is in flight: the kernel ends it at a time of its own.
    pub(super) fn close_ring(
        &mut self,
        lane: LaneId,
        fd: Fd,
    ) -> Result<Result<u64, Errno>, RunError> {
        if self.ring_at(fd).is_ok_and(|ring| ring.in_flight() > 0) {
            let why = "the ring has operations that are not over: cancel them, and reap";
            return Err(RunError::refused(why));
        }
        let started = self.now();
        if let Some((file, _)) = self.table.close(fd) {
            self.rings.remove(&file);
        }
        let time = (started, self.now());
        self.log.returned(lane, Syscall::Close { fd }, time, Ret::ok(0), Output::None);
        Ok(Ok(0))
    }

    /// The open rings, each with its name.
    pub(crate) fn rings(&self) -> Vec<(Label, Fd)> {
        let numbers = self.table.numbers_open().filter(|(fd, _)| self.is_ring(*fd));
        numbers.map(|(fd, label)| (label.clone(), fd)).collect()
    }
}

/// `None` of what no case writes.
fn operation(sqe: &Sqe) -> Option<Operation> {
    let (fd, len) = (sqe.fd.0, sqe.len);
    Some(match sqe.op {
        RingOp::Nop => Operation::Nop,
        RingOp::Recv => Operation::Recv { fd, len },
        RingOp::Send => Operation::Send { fd, bytes: vec![b'x'; usize::try_from(len).ok()?] },
        RingOp::Poll => Operation::Poll { fd, mask: sqe.mask.0, multi: sqe.multi },
        RingOp::Cancel => Operation::Cancel { target: sqe.target },
        RingOp::Accept | RingOp::Read => return None,
    })
}

/// Whether the system lets a ring be made.
///
/// # Errors
/// Why not: what io_uring_setup(2) lists.
pub(super) fn try_one() -> Result<(), Errno> {
    Ring::<()>::plain(8).map(drop).map_err(|denied| Errno(denied.errno()))
}

/// Why there is no io_uring here, in words.
pub(crate) fn refusal(errno: Errno) -> String {
    match Denied::of_number(errno.0) {
        Denied::Missing => "this system has no io_uring (ENOSYS)".to_owned(),
        denied @ (Denied::Sysctl(_) | Denied::Seccomp) => {
            format!("io_uring is {denied} ({errno})")
        }
        Denied::Memory(kib) => {
            format!("io_uring needs lockable memory, and ulimit -l is {kib} KiB ({errno})")
        }
        _ => format!("io_uring is refused ({errno})"),
    }
}
