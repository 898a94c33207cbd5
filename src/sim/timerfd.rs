//! A timerfd: ticks of one timer (timerfd_create(2), fs/timerfd.c).

use crate::event::{Errno, Mask, Nanos, Reason};

use super::Flaw;
use super::wakes::{Wakes, Whom};

/// The timer.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Timerfd {
    /// Expirations that were not read.
    pub(super) ticks: u64,
    /// When it expires next, while it runs.
    next: Option<Nanos>,
    /// When it expired, while a periodic timer waits to be read.
    expired: Option<Nanos>,
    interval: Nanos,
}

impl Timerfd {
    /// What poll answers (`timerfd_poll`).
    pub(super) fn poll(&self) -> Mask {
        Mask::EMPTY.with(Mask::IN, self.ticks > 0)
    }

    /// `timerfd_settime(2)`, relative: ticks are cleared; a `first` of 0 disarms.
    pub(super) fn arm(&mut self, now: Nanos, first: Nanos, interval: Nanos) {
        let next = (first.0 > 0).then(|| Nanos(now.0.saturating_add(first.0)));
        *self = Self { ticks: 0, next, expired: None, interval };
    }

    /// When it expires next, if it runs.
    pub(super) fn due(&self) -> Option<Nanos> {
        self.next
    }

    /// It expires (`timerfd_triggered`); it runs again only when it is read.
    pub(super) fn expire(&mut self, wakes: &mut Wakes) {
        self.expired = self.next.take();
        self.ticks += 1;
        if wakes.flawed(Flaw::TimerRearmsItself)
            && let Some(at) = self.expired
            && self.interval.0 > 0
        {
            self.next = Some(Nanos(at.0.saturating_add(self.interval.0)));
        }
        wakes.one(Whom::Own, Mask::IN, Reason::Expired);
    }

    /// `read(2)`: the ticks, those counted that passed since a periodic timer expired.
    pub(super) fn read(&mut self, now: Nanos) -> Result<u64, Errno> {
        if self.ticks == 0 {
            return Err(Errno::EAGAIN);
        }
        let mut ticks = std::mem::take(&mut self.ticks);
        if let Some(at) = self.expired.take()
            && self.interval.0 > 0
        {
            let missed = now.since(at).0 / self.interval.0;
            ticks += missed;
            let next = self.interval.0.saturating_mul(missed + 1);
            self.next = Some(Nanos(at.0.saturating_add(next)));
        }
        Ok(ticks)
    }
}
