//! poll(2) and select(2).

use nix::errno::Errno;
use nix::sys::resource::{UsageWho, getrusage};

use super::{Door, count};
use crate::engine::tap::Handed;
use crate::event::{Delivery, Syscall, WakeupLog};

/// What is passed to such a call.
pub(crate) trait Scannable {
    /// The call.
    fn call(&self, timeout_ms: i32) -> Syscall;

    /// Makes it; what it returns.
    fn make(&mut self, timeout_ms: i32) -> Result<usize, Errno>;

    /// Puts what the last call found into `batch`, in the order of the set.
    fn found(&self, count: usize, batch: &mut Vec<Delivery>);

    /// How many files are asked up to that one, it among them.
    fn asked_up_to(&self, found: &Delivery) -> u32;
}

/// How often this thread has gone to sleep (`ru_nvcsw`, getrusage(2)).
fn sleeps() -> Option<i64> {
    let usage = getrusage(UsageWho::RUSAGE_THREAD).ok()?;
    Some(usage.voluntary_context_switches())
}

impl<const OBSERVED: bool> Door<'_, OBSERVED> {
    /// The call, with the edge log read before it is entered and before its return is told; while
    /// that is on, it is counted how often the thread slept in it. `batch` is what it found.
    pub(crate) fn scan(
        &mut self,
        set: &mut impl Scannable,
        timeout_ms: i32,
        batch: &mut Vec<Delivery>,
    ) {
        let call = set.call(timeout_ms);
        let edge = &self.shared.edge;
        if OBSERVED {
            edge.drain();
            self.lane.enter(&call);
        }
        let before = if OBSERVED && edge.is_on() { sleeps() } else { None };
        let started = self.start();
        let got = set.make(timeout_ms);
        let slept = before.and_then(|before| u32::try_from(sleeps()? - before).ok());
        let log = if OBSERVED { edge.drain() } else { WakeupLog::Off };
        batch.clear();
        if let Ok(count) = got {
            set.found(count, batch);
        }
        // Who does not want to wait is hooked nowhere (fs/select.c, do_poll, do_select).
        if let Some(first) = batch.first().filter(|_| timeout_ms != 0) {
            self.tally.hooked(set.asked_up_to(first));
        }
        self.record(call, count(got), started, Handed::Scan(batch, slept, log));
        if OBSERVED && got == Err(Errno::EINTR) {
            self.explain_interrupt();
        }
    }
}
