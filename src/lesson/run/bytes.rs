//! Reading and writing.

use std::time::Duration;

use crate::event::{Errno, Fd, FileKind, LaneId, Mask, Nanos, Output, Syscall};
use crate::lesson::case::{Amount, Counter, FdArg, Outcome, Who};
use crate::lesson::stage::job::{Answer, Job};
use crate::sys::number::PollSet;
use crate::sys::socket::tcp_info;

use super::act::{outcome, ret, strange};
use super::step::Doing;
use super::time::nanos;
use super::{RunError, Runner};

impl Runner {
    /// What the file with this number is.
    pub(super) fn kind(&self, fd: Fd) -> Option<FileKind> {
        self.stage.table().file_at(fd).map(|file| file.what)
    }

    /// One read(2), by the kernel: the bytes, or the number that they are.
    fn kernel_reads(
        &mut self,
        doing: &mut Doing,
        lane: LaneId,
        fd: Fd,
        n: u32,
    ) -> Result<Result<u64, Errno>, RunError> {
        let done = self.stage.call(lane, Job::Read { fd, len: n })?;
        let Answer::Bytes(result) = &done.answer else { return Err(strange()) };
        self.counters.call(result.as_ref().err().copied());
        self.counters.add(Counter::Reads, 1);
        let counts = matches!(self.kind(fd), Some(FileKind::Eventfd | FileKind::Timerfd));
        let value = match result {
            Ok((_, head)) if counts => {
                Ok(head.first_chunk().map_or(0, |bytes| u64::from_ne_bytes(*bytes)))
            }
            Ok((count, _)) => Ok(*count),
            Err(errno) => Err(*errno),
        };
        let (count, output) = match result {
            Ok((count, head)) => (Ok(*count), Output::Data(head.clone())),
            Err(errno) => (Err(*errno), Output::None),
        };
        doing.returned(lane, Syscall::Read { fd, len: n }, &done, ret(count), output);
        Ok(value)
    }

    /// read(2)
    pub(super) fn read(
        &mut self,
        doing: &mut Doing,
        fd: &FdArg,
        n: u32,
        who: Option<&Who>,
    ) -> Result<(), RunError> {
        let lane = self.caller(doing, who)?;
        let number = self.stage.number(fd)?;
        let kernel = self.kernel_reads(doing, lane, number, n)?;
        self.see_read(number, kernel.unwrap_or(0));
        let model = self.machine.read(number, n.into());
        doing.result(outcome(kernel), outcome(model));
        Ok(())
    }

    /// One write(2), by the kernel.
    fn kernel_writes(
        &mut self,
        doing: &mut Doing,
        lane: LaneId,
        fd: Fd,
        what: Amount,
    ) -> Result<Result<u64, Errno>, RunError> {
        let (job, len) = match what {
            Amount::Bytes(len) => (Job::Write { fd, len }, len),
            Amount::Value(value) => (Job::WriteValue { fd, value }, 8),
        };
        self.has_room_on(fd, len)?;
        let done = self.stage.call(lane, job)?;
        let Answer::Bytes(result) = &done.answer else { return Err(strange()) };
        self.counters.call(result.as_ref().err().copied());
        self.counters.add(Counter::Writes, 1);
        let (count, output) = match result {
            Ok((count, head)) => (Ok(*count), Output::Data(head.clone())),
            Err(errno) => (Err(*errno), Output::None),
        };
        let all = count.is_ok_and(|count| count == u64::from(len));
        self.stage.wrote(fd, count.unwrap_or(0), all);
        doing.returned(lane, Syscall::Write { fd, len }, &done, ret(count), output);
        Ok(count)
    }

    /// Whether so many more bytes may be written, where the file keeps all that it is given.
    fn has_room_on(&mut self, fd: Fd, len: u32) -> Result<(), RunError> {
        let file = self.stage.table().file_at(fd).map(|file| file.id);
        if !file.is_some_and(|file| self.regular.contains(&file)) {
            return Ok(());
        }
        let kept = self.kept + u64::from(len);
        if kept > MOST_KEPT {
            let most = MOST_KEPT >> 20;
            let why = format!("with this more than {most} MiB would be written to regular files");
            return Err(RunError::Refused(why));
        }
        self.kept = kept;
        Ok(())
    }

    /// The model writes what the kernel wrote, or would have. A TCP socket that had room takes
    /// something `surely`.
    fn model_writes(
        &mut self,
        fd: Fd,
        what: Amount,
        kernel: Result<u64, Errno>,
        surely: bool,
    ) -> Result<u64, Errno> {
        let tcp = self.kind(fd) == Some(FileKind::Tcp);
        let n = match what {
            Amount::Bytes(len) => u64::from(len),
            Amount::Value(value) if self.kind(fd) == Some(FileKind::Eventfd) => value,
            Amount::Value(_) => 8,
        };
        match kernel {
            Ok(count) if tcp && count < n => {
                self.model_follows(fd);
                let written = self.machine.write(fd, count);
                self.model_is_full(fd);
                written
            }
            Err(Errno::EAGAIN) if tcp => self.model_is_refused(fd, n, surely),
            _ => self.machine.write(fd, n),
        }
    }

    /// The model learns what the kernel charges for a message before it is written.
    fn learn(&mut self, fd: Fd, what: Amount) {
        let n = match what {
            Amount::Bytes(len) => u64::from(len),
            Amount::Value(_) => 8,
        };
        // At most a whole message and the rest are asked for.
        for _ in 0..2 {
            let Some((datagram, bytes)) = self.machine.unlearnt(fd, n) else { return };
            // One that the kernel does not take is never charged.
            let Ok(charge) = self.stage.charge(datagram, bytes) else { return };
            self.machine.charge(datagram, bytes, charge);
        }
    }

    /// What `write` means for that file: bytes, or the number that an eventfd takes.
    fn amount(&self, fd: Fd, what: Amount) -> Amount {
        match what {
            Amount::Bytes(n) if self.kind(fd) == Some(FileKind::Eventfd) => Amount::Value(n.into()),
            other => other,
        }
    }

    /// write(2)
    pub(super) fn write(
        &mut self,
        doing: &mut Doing,
        fd: &FdArg,
        what: Amount,
        who: Option<&Who>,
    ) -> Result<(), RunError> {
        let lane = self.caller(doing, who)?;
        let number = self.stage.number(fd)?;
        let what = self.amount(number, what);
        self.learn(number, what);
        let surely = self.machine.surely_takes(number);
        let kernel = self.kernel_writes(doing, lane, number, what)?;
        self.see_flow(number)?;
        let model = self.model_writes(number, what, kernel, surely);
        doing.result(outcome(kernel), outcome(model));
        Ok(())
    }

    /// read(2) until EAGAIN, the end, or an error.
    pub(super) fn drain(
        &mut self,
        doing: &mut Doing,
        fd: &FdArg,
        n: u32,
        who: Option<&Who>,
    ) -> Result<(), RunError> {
        let lane = self.caller(doing, who)?;
        let number = self.stage.number(fd)?;
        let kind = self.kind(number);
        if kind == Some(FileKind::Tcp) {
            return self.drain_tcp(doing, lane, number, n);
        }
        // An empty datagram is not the end of anything.
        let ends = !matches!(kind, Some(FileKind::Datagram | FileKind::Udp));
        for _ in 0..MOST_CALLS {
            let kernel = self.kernel_reads(doing, lane, number, n)?;
            let model = self.machine.read(number, n.into());
            let (kernel, model) = (drained(kernel, ends), drained(model, ends));
            let same = doing.same("a read", kernel, model);
            if !same || !matches!(kernel, Outcome::Value(_)) {
                doing.result(kernel, model);
                return Ok(());
            }
        }
        Err(too_many("reads"))
    }

    /// The same of TCP, whose bytes come in pieces that the model does not know.
    fn drain_tcp(
        &mut self,
        doing: &mut Doing,
        lane: LaneId,
        fd: Fd,
        n: u32,
    ) -> Result<(), RunError> {
        for _ in 0..MOST_CALLS {
            let kernel = drained(self.kernel_reads(doing, lane, fd, n)?, true);
            let more = match kernel {
                Outcome::Value(_) => true,
                // What the reads made room for comes now.
                Outcome::Errno(Errno::EAGAIN) => {
                    self.stage.settle()?;
                    has_something(fd)
                }
                _ => false,
            };
            if !more {
                self.tell_flows();
                doing.result(kernel, self.model_drains(fd));
                return Ok(());
            }
        }
        Err(too_many("reads"))
    }

    /// The model reads all that there is.
    fn model_drains(&mut self, fd: Fd) -> Outcome {
        loop {
            let model = drained(self.machine.read(fd, u64::MAX), true);
            if !matches!(model, Outcome::Value(_)) {
                return model;
            }
        }
    }

    /// write(2) until EAGAIN or an error.
    pub(super) fn fill(
        &mut self,
        doing: &mut Doing,
        fd: &FdArg,
        n: u32,
        who: Option<&Who>,
    ) -> Result<(), RunError> {
        let lane = self.caller(doing, who)?;
        let number = self.stage.number(fd)?;
        let what = self.amount(number, Amount::Bytes(n));
        if let Some(why) = self.kind(number).and_then(never_full) {
            return Err(RunError::Refused(why.to_owned()));
        }
        if self.kind(number) == Some(FileKind::Tcp) {
            return self.fill_tcp(doing, lane, number, n);
        }
        for _ in 0..MOST_CALLS {
            self.learn(number, what);
            let kernel = self.kernel_writes(doing, lane, number, what).map_err(half_done)?;
            let model = outcome(self.model_writes(number, what, kernel, false));
            let kernel = outcome(kernel);
            let same = doing.same("a write", kernel, model);
            if !same || !matches!(kernel, Outcome::Value(_)) {
                doing.result(kernel, model);
                return Ok(());
            }
        }
        Err(too_many("writes"))
    }

    /// The model writes what the kernel took of a fill so far.
    fn model_takes(&mut self, fd: Fd, total: &mut u64) {
        let taken = std::mem::take(total);
        if taken > 0 {
            // Nothing can be wrong with what the kernel took.
            let _ = self.machine.write(fd, taken);
        }
    }

    /// Waits before a refused write is tried again: time that passes on purpose. No sleep is shorter
    /// than it should be; one twice as long is the machine's doing.
    fn wait_for_room(&mut self) {
        let begun = self.now();
        std::thread::sleep(Duration::from_millis(LATER.into()));
        let slept = self.now().since(begun);
        self.pass(slept.min(Nanos(2 * nanos(LATER))));
    }

    /// The same of TCP, which is full when it stays so: the other end acknowledges late.
    fn fill_tcp(
        &mut self,
        doing: &mut Doing,
        lane: LaneId,
        fd: Fd,
        n: u32,
    ) -> Result<(), RunError> {
        let (mut total, mut refused, mut stuck) = (0, 0, 0);
        let mut surely = self.machine.surely_takes(fd);
        for _ in 0..MOST_CALLS {
            let kernel = self.kernel_writes(doing, lane, fd, Amount::Bytes(n))?;
            match kernel {
                Ok(count) => {
                    (total, refused, stuck) = (total + count, 0, 0);
                    surely = false;
                }
                Err(Errno::EAGAIN) if refused < IS_FULL && stuck < STAYS_FULL => {
                    refused += 1;
                    self.see_flow(fd)?;
                    self.model_takes(fd, &mut total);
                    let _refused = self.model_is_refused(fd, n.into(), surely);
                    self.tell_flows();
                    // A state that was found after a refusal is of weight for the next one only.
                    stuck = if can_send(fd) { 0 } else { stuck + 1 };
                    self.wait_for_room();
                    self.tell_flows();
                    surely = self.machine.surely_takes(fd);
                }
                Err(_) => {
                    self.see_flow(fd)?;
                    self.model_takes(fd, &mut total);
                    self.tell_flows();
                    let model = self.model_writes(fd, Amount::Bytes(n), kernel, surely);
                    doing.result(outcome(kernel), outcome(model));
                    return Ok(());
                }
            }
        }
        Err(too_many("writes"))
    }
}

/// No drain or fill makes more calls.
const MOST_CALLS: u32 = 200_000;
/// A case writes at most so many bytes to regular files, which keep them in memory.
const MOST_KEPT: u64 = 64 << 20;
/// So often a full TCP socket that cannot send must refuse in turn, [`LATER`] ms apart: longer than
/// an acknowledgement is held back (`TCP_DELACK_MIN`, 40 ms).
const STAYS_FULL: u32 = 24;
/// After so many nothing more is waited for: longer than the timer that sends into a small window
/// (`TCP_RTO_MIN`, 200 ms).
const IS_FULL: u32 = 250;
/// See [`STAYS_FULL`].
const LATER: u32 = 2;

/// Whether a full socket may get room though nobody reads: not all that was sent is acknowledged, or
/// the other end has room for more. What is less than a segment is kept back until a timer sends it
/// all the same (`tcp_write_wakeup`).
fn can_send(fd: Fd) -> bool {
    tcp_info(fd.0).is_ok_and(|info| info.unacked > 0 || info.window > 0)
}

/// A drain or fill that does not come to its end.
fn too_many(calls: &str) -> RunError {
    RunError::Failed(format!("it took more than {MOST_CALLS} {calls}, which is the most"))
}

/// A call that is refused after others of the same step were made.
fn half_done(error: RunError) -> RunError {
    match error {
        RunError::Refused(why) => RunError::Failed(why),
        other => other,
    }
}

/// Why a `fill` of such a file has no end.
fn never_full(kind: FileKind) -> Option<&'static str> {
    match kind {
        FileKind::Eventfd => {
            Some("an eventfd takes 2^64 writes of 1: write 18446744073709551614 to fill it")
        }
        FileKind::Udp => Some("a UDP socket is never full: what its peer has no room for is lost"),
        _ => None,
    }
}

/// Whether a read would not say EAGAIN; a look that the case does not see.
fn has_something(fd: Fd) -> bool {
    let mut look = PollSet::new(&[(fd.0, Mask::IN.0)]);
    look.call(0).is_ok_and(|ready| ready > 0)
}

/// A read as `drain` sees it: where `ends`, 0 bytes are the end.
fn drained(result: Result<u64, Errno>, ends: bool) -> Outcome {
    match result {
        Ok(0) if ends => Outcome::Eof,
        other => outcome(other),
    }
}
