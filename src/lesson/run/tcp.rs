//! Writing, where the model is told what the kernel charges and how full it is; and TCP, whose bytes
//! come and go in pieces that the model does not know.

use std::time::Duration;

use crate::event::{Errno, Fd, FileKind, LaneId, Mask, Nanos};
use crate::lesson::case::{Amount, Outcome};
use crate::lesson::interpret::{MOST_CALLS, too_many};
use crate::lesson::kernel::nanos;
use crate::sys::number::RawPollSet;
use crate::sys::socket::tcp_info;

use super::{Observed, RunError, Runner};

impl Runner {
    /// The model writes what the kernel wrote, or would have. A TCP socket that had room takes
    /// something `surely`.
    fn model_writes(
        &mut self,
        fd: Fd,
        what: Amount,
        kernel: Result<u64, Errno>,
        surely: bool,
    ) -> Result<u64, Errno> {
        let tcp = self.real.table.kind(fd) == Some(FileKind::Tcp);
        let n = self.model.written(fd, what);
        match kernel {
            Ok(count) if tcp && count < n => {
                self.model_follows(fd);
                let written = self.model.machine.write(fd, count);
                self.model_is_full(fd);
                written
            }
            Err(Errno::EAGAIN) if tcp => self.model_is_refused(fd, n, surely),
            _ => self.model.machine.write(fd, n),
        }
    }

    /// The model learns what the kernel charges for a message before it is written.
    pub(super) fn learn(&mut self, fd: Fd, what: Amount) {
        let n = match what {
            Amount::Bytes(len) => u64::from(len),
            Amount::Value(_) => 8,
        };
        // At most a whole message and the rest are asked for.
        for _ in 0..2 {
            let Some((datagram, bytes)) = self.model.machine.unlearnt(fd, n) else { return };
            // One that the kernel does not take is never charged.
            let Ok(charge) = self.real.charge(datagram, bytes) else { return };
            self.model.machine.charge(datagram, bytes, charge);
        }
    }

    /// write(2)
    pub(super) fn write(
        &mut self,
        lane: LaneId,
        fd: Fd,
        what: Amount,
    ) -> Result<Outcome, RunError> {
        self.learn(fd, what);
        let surely = self.model.machine.surely_takes(fd);
        let kernel = self.real.write(lane, fd, what)?;
        self.see_flow(fd)?;
        let model = self.model_writes(fd, what, kernel, surely);
        self.model.seen.returned(model);
        Ok(self.real.seen.returned(kernel))
    }

    /// read(2) of a TCP socket until EAGAIN, the end, or an error: its bytes come in pieces that the
    /// model does not know.
    pub(super) fn drain_tcp(&mut self, lane: LaneId, fd: Fd, n: u32) -> Result<Outcome, RunError> {
        for _ in 0..MOST_CALLS {
            let result = self.real.read(lane, fd, n)?;
            let kernel = drained(&mut self.real.seen, result);
            let more = match kernel {
                Outcome::Value(_) => true,
                // What the reads made room for comes now.
                Outcome::Errno(Errno::EAGAIN) => {
                    self.real.settle()?;
                    has_something(fd)
                }
                _ => false,
            };
            if !more {
                self.tell_flows();
                self.model_drains(fd);
                return Ok(kernel);
            }
        }
        Err(too_many("reads"))
    }

    /// The model reads all that there is.
    fn model_drains(&mut self, fd: Fd) {
        loop {
            let result = self.model.machine.read(fd, u64::MAX);
            if !matches!(drained(&mut self.model.seen, result), Outcome::Value(_)) {
                return;
            }
        }
    }

    /// The model writes what the kernel took of a fill so far.
    fn model_takes(&mut self, fd: Fd, total: &mut u64) {
        let taken = std::mem::take(total);
        if taken > 0 {
            // Nothing can be wrong with what the kernel took.
            let _ = self.model.machine.write(fd, taken);
        }
    }

    /// Waits before a refused write is tried again: time that passes on purpose. No sleep is shorter
    /// than it should be; one twice as long is the machine's doing.
    fn wait_for_room(&mut self) {
        let begun = self.now();
        std::thread::sleep(Duration::from_millis(LATER.into()));
        let slept = self.now().since(begun);
        self.time_passed(slept.min(Nanos(2 * nanos(LATER).0)));
    }

    /// write(2) to a TCP socket until EAGAIN or an error: it is full when it stays so, since the other
    /// end acknowledges late.
    pub(super) fn fill_tcp(&mut self, lane: LaneId, fd: Fd, n: u32) -> Result<Outcome, RunError> {
        let (mut total, mut refused, mut stuck) = (0, 0, 0);
        let mut surely = self.model.machine.surely_takes(fd);
        for _ in 0..MOST_CALLS {
            let kernel = self.real.write(lane, fd, Amount::Bytes(n))?;
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
                    surely = self.model.machine.surely_takes(fd);
                }
                Err(_) => {
                    self.see_flow(fd)?;
                    self.model_takes(fd, &mut total);
                    self.tell_flows();
                    let model = self.model_writes(fd, Amount::Bytes(n), kernel, surely);
                    self.model.seen.returned(model);
                    return Ok(self.real.seen.returned(kernel));
                }
            }
        }
        Err(too_many("writes"))
    }
}

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

/// Whether a read would not say EAGAIN; a look that the case does not see.
fn has_something(fd: Fd) -> bool {
    let mut look = RawPollSet::new(&[(fd.0, Mask::IN.0)]);
    look.call(0).is_ok_and(|ready| ready > 0)
}

/// A read returned that is one of many: 0 bytes are the end.
fn drained(seen: &mut Observed, result: Result<u64, Errno>) -> Outcome {
    let outcome = seen.returned(result);
    if outcome != Outcome::Value(0) {
        return outcome;
    }
    seen.ret = Some(Outcome::Eof);
    Outcome::Eof
}
