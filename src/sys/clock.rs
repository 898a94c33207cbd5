//! The one clock: `CLOCK_MONOTONIC` since the program started.

use nix::time::{ClockId, clock_gettime};

/// A clock with a base. Copies share the base, so that all parts of the program tell the same
/// time.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    base: u64,
}

impl Clock {
    /// A clock that reads zero now.
    pub fn start() -> Self {
        Self { base: monotonic() }
    }

    /// A clock that has been running for a while.
    #[cfg(test)]
    pub(crate) fn started_before(time: std::time::Duration) -> Self {
        let past = u64::try_from(time.as_nanos()).expect("a short while");
        Self { base: monotonic().checked_sub(past).expect("the machine runs for longer") }
    }

    /// Nanoseconds since the start.
    pub fn now(&self) -> u64 {
        monotonic().saturating_sub(self.base)
    }
}

/// Nanoseconds of `CLOCK_MONOTONIC`. The call cannot fail with a valid clock (clock_gettime(2)).
fn monotonic() -> u64 {
    clock_gettime(ClockId::CLOCK_MONOTONIC).map_or(0, |t| {
        let secs = u64::try_from(t.tv_sec()).unwrap_or(0);
        secs * 1_000_000_000 + u64::try_from(t.tv_nsec()).unwrap_or(0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clock_never_goes_back() {
        let clock = Clock::start();
        let first = clock.now();
        assert!(clock.now() >= first);
    }
}
