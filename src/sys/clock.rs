//! The one clock: `CLOCK_MONOTONIC` since the program started.

#![expect(unsafe_code, reason = "it is read twice a call of the server: nix's checks cost more")]

use nix::libc;

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
    #[inline]
    pub fn now(&self) -> u64 {
        // CLOCK_MONOTONIC does not go back (clock_gettime(2)).
        monotonic().wrapping_sub(self.base)
    }
}

/// Nanoseconds of `CLOCK_MONOTONIC`. The call cannot fail with a valid clock, and its times are
/// not negative.
#[inline]
fn monotonic() -> u64 {
    let mut t = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: clock_gettime(2) writes one timespec, which is valid for writing.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut t) };
    (t.tv_sec.cast_unsigned()).wrapping_mul(1_000_000_000).wrapping_add(t.tv_nsec.cast_unsigned())
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
