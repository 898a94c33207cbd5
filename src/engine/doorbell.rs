//! Wakes an idle consumer once, and costs a busy producer one fence.

use std::fmt;

use super::sync::{AtomicBool, Ordering, fence};

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
