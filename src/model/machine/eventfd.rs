//! An eventfd: a counter of 64 bits (eventfd(2), fs/eventfd.c).

use crate::event::{Errno, Mask, Reason};

use super::Flaw;
use super::wakes::{Wakes, Whom};

/// The counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::model) struct Eventfd {
    pub(in crate::model) count: u64,
    /// Whether a read takes 1 instead of all (EFD_SEMAPHORE).
    semaphore: bool,
}

impl Eventfd {
    pub(in crate::model) fn new(count: u64, semaphore: bool) -> Self {
        Self { count, semaphore }
    }

    /// What poll answers (`eventfd_poll`): it knows IN, OUT and ERR alone.
    pub(in crate::model) fn poll(self) -> Mask {
        Mask::EMPTY
            .with(Mask::IN, self.count > 0)
            .with(Mask::OUT, self.count < u64::MAX - 1)
            .with(Mask::ERR, self.count == u64::MAX)
    }

    /// `read(2)`: the count, or 1 of a semaphore. It wakes writers every time.
    pub(super) fn read(&mut self, wakes: &mut Wakes) -> Result<u64, Errno> {
        if self.count == 0 {
            return Err(Errno::EAGAIN);
        }
        let taken = if self.semaphore { 1 } else { self.count };
        self.count -= taken;
        if !wakes.flawed(Flaw::EventfdReadIsSilent) {
            wakes.one(Whom::Own, Mask::OUT, Reason::Room);
        }
        Ok(taken)
    }

    /// `write(2)` of that value. It wakes readers every time, also for 0.
    pub(super) fn write(&mut self, value: u64, wakes: &mut Wakes) -> Result<u64, Errno> {
        if value == u64::MAX {
            return Err(Errno::EINVAL);
        }
        if u64::MAX - self.count <= value {
            return Err(Errno::EAGAIN);
        }
        self.count += value;
        if value > 0 || !wakes.flawed(Flaw::EventfdZeroIsSilent) {
            wakes.one(Whom::Own, Mask::IN, Reason::Signalled);
        }
        Ok(8)
    }
}
