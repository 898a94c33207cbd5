//! Wakes an idle consumer once, and costs a busy producer one fence.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering, fence};

/// A bell between the producers of events and their one consumer.
///
/// The consumer arms it, looks once more, and sleeps; the next producer to push rings it. A
/// consumer that is not asleep is never rung, and one that is armed is rung once.
pub struct Doorbell {
    armed: AtomicBool,
    ring: Box<dyn Fn() + Send + Sync>,
}

impl Doorbell {
    /// A bell that calls `ring`, from any thread. `ring` must not block and must not call into the
    /// engine.
    pub fn new(ring: impl Fn() + Send + Sync + 'static) -> Self {
        Self { armed: AtomicBool::new(false), ring: Box::new(ring) }
    }

    /// The next push rings. The caller must look for events once more after this and before it
    /// sleeps.
    pub fn arm(&self) {
        self.armed.store(true, Ordering::SeqCst);
        fence(Ordering::SeqCst);
    }

    /// The consumer is awake by itself.
    pub fn disarm(&self) {
        self.armed.store(false, Ordering::SeqCst);
    }

    /// Called by a producer after its push.
    pub fn pushed(&self) {
        fence(Ordering::SeqCst);
        if self.armed.load(Ordering::Relaxed) && self.armed.swap(false, Ordering::SeqCst) {
            (self.ring)();
        }
    }
}

impl fmt::Debug for Doorbell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Doorbell").field("armed", &self.armed).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicU32;

    use super::*;

    #[test]
    fn bell_rings_once_for_each_arming() {
        let rung = Arc::new(AtomicU32::new(0));
        let count = Arc::clone(&rung);
        let bell = Doorbell::new(move || {
            count.fetch_add(1, Ordering::SeqCst);
        });
        bell.pushed();
        assert_eq!(rung.load(Ordering::SeqCst), 0);
        bell.arm();
        bell.pushed();
        bell.pushed();
        assert_eq!(rung.load(Ordering::SeqCst), 1);
        bell.arm();
        bell.disarm();
        bell.pushed();
        assert_eq!(rung.load(Ordering::SeqCst), 1);
    }
}
