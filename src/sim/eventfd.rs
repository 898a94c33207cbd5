//! An eventfd: a counter of 64 bits (eventfd(2), fs/eventfd.c). The live server's control eventfd is
//! one too, of which the count is not always known.

use serde::{Deserialize, Serialize};

use crate::event::{Errno, Mask, Reason};

use super::Flaw;
use super::wakes::{Wakes, Whom};

/// The counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Eventfd {
    count: u64,
    /// Whether a read takes 1 instead of all (EFD_SEMAPHORE).
    semaphore: bool,
}

impl Eventfd {
    /// What a write wakes with.
    pub(crate) const WRITTEN: Mask = Mask::IN;
    /// What a read wakes with.
    pub(crate) const TAKEN: Mask = Mask::OUT;

    pub(crate) fn new(count: u64, semaphore: bool) -> Self {
        Self { count, semaphore }
    }

    /// The count.
    pub(crate) fn count(self) -> u64 {
        self.count
    }

    /// What poll answers (`eventfd_poll`): it knows IN, OUT and ERR alone.
    pub(crate) fn poll(self) -> Mask {
        Mask::EMPTY
            .with(Mask::IN, self.count > 0)
            .with(Mask::OUT, self.count < u64::MAX - 1)
            .with(Mask::ERR, self.count == u64::MAX)
    }

    /// A read takes the count, or 1 of a semaphore; none if it is 0.
    pub(crate) fn take(&mut self) -> Option<u64> {
        let taken = if self.semaphore { self.count.min(1) } else { self.count };
        self.count -= taken;
        (taken > 0).then_some(taken)
    }

    /// `read(2)`. It wakes writers every time that it succeeds.
    pub(super) fn read(&mut self, wakes: &mut Wakes) -> Result<u64, Errno> {
        let taken = self.take().ok_or(Errno::EAGAIN)?;
        if !wakes.flawed(Flaw::EventfdReadIsSilent) {
            wakes.one(Whom::Own, Self::TAKEN, Reason::Room);
        }
        Ok(taken)
    }

    /// `write(2)` of that value. It wakes readers every time that it succeeds, also for 0.
    pub(super) fn write(&mut self, value: u64, wakes: &mut Wakes) -> Result<u64, Errno> {
        if value == u64::MAX {
            return Err(Errno::EINVAL);
        }
        if u64::MAX - self.count <= value {
            return Err(Errno::EAGAIN);
        }
        self.count += value;
        if value > 0 || !wakes.flawed(Flaw::EventfdZeroIsSilent) {
            wakes.one(Whom::Own, Self::WRITTEN, Reason::Signalled);
        }
        Ok(8)
    }
}
