//! The primitives of `src/engine/sync.rs`, as `loom` has them.

use std::ops::{Deref, DerefMut};
use std::time::Duration;

pub(crate) use loom::sync::Condvar;
pub(crate) use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering, fence};

/// Up to here a timed wait ends by itself, at any time; a longer one never does.
const SHORT: Duration = Duration::from_secs(1);

/// A lock whose guard knows it, so that a timed wait can let it go.
#[derive(Debug, Default)]
pub(crate) struct Mutex<T>(loom::sync::Mutex<T>);

impl<T> Mutex<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(loom::sync::Mutex::new(value))
    }
}

pub(crate) struct MutexGuard<'a, T> {
    of: &'a Mutex<T>,
    held: loom::sync::MutexGuard<'a, T>,
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.held
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.held
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    MutexGuard { of: mutex, held: mutex.0.lock().expect("a panic ends the model") }
}

pub(crate) fn wait<'a, T>(bell: &Condvar, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
    let held = bell.wait(guard.held).expect("a panic ends the model");
    MutexGuard { of: guard.of, held }
}

pub(crate) fn wait_for<'a, T>(
    bell: &Condvar,
    guard: MutexGuard<'a, T>,
    limit: Duration,
) -> MutexGuard<'a, T> {
    if limit > SHORT {
        return wait(bell, guard);
    }
    let of = guard.of;
    drop(guard);
    loom::thread::yield_now();
    lock(of)
}

pub(crate) fn wait_while<'a, T>(
    bell: &Condvar,
    mut guard: MutexGuard<'a, T>,
    limit: Duration,
    mut condition: impl FnMut(&mut T) -> bool,
) -> MutexGuard<'a, T> {
    while condition(&mut guard) {
        guard = wait_for(bell, guard, limit);
    }
    guard
}
