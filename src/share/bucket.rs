//! So much a second, and no more.

use std::time::{Duration, Instant};

/// A bucket that fills up by so much a second, and holds what a second brings.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bucket {
    rate: f64,
    holds: f64,
    seen: Instant,
}

impl Bucket {
    /// A full one.
    pub(super) fn new(rate: u32, now: Instant) -> Self {
        Self { rate: rate.into(), holds: rate.into(), seen: now }
    }

    /// Takes so much out of it if it is there; of what is more than it can hold, all that it holds.
    pub(super) fn take(&mut self, much: u32, now: Instant) -> bool {
        let since = now.saturating_duration_since(self.seen).as_secs_f64();
        (self.holds, self.seen) = (self.rate.min(self.holds + since * self.rate), now);
        let there = self.holds >= f64::from(much).min(self.rate);
        if there {
            self.holds -= f64::from(much);
        }
        there
    }

    /// How long it takes until one can be taken.
    pub(super) fn wait(&self) -> Duration {
        Duration::from_secs_f64(((1.0 - self.holds) / self.rate).max(0.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_brings_so_much_and_what_is_more_is_paid_off() {
        let begun = Instant::now();
        let at = |ms: u64| begun + Duration::from_millis(ms);
        let mut bucket = Bucket::new(50, begun);
        assert_eq!((0..100).filter(|_| bucket.take(1, begun)).count(), 50);
        assert!(!bucket.take(1, at(19)) && bucket.wait() < Duration::from_millis(2));
        assert!(bucket.take(1, at(20)) && !bucket.take(1, at(20)));
        assert_eq!((0..100).filter(|_| bucket.take(1, at(60_000))).count(), 50);
        // What is larger than the bucket goes once it is full, and is then waited for.
        assert!(bucket.take(100, at(70_000)));
        assert!(!bucket.take(1, at(71_000)) && bucket.take(1, at(72_100)));
    }
}
