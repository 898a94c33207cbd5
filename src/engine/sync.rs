//! What the engine's waiting logic shares memory by, in one place.
//!
//! The gate, the mailbox and the doorbell take their primitives from here and nowhere else, so that
//! the models of `tests/loom` can run the same files on primitives that try every order.

use std::sync::PoisonError;
use std::time::Duration;

pub(crate) use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering, fence};
pub(crate) use std::sync::{Condvar, Mutex, MutexGuard};

/// Locks, also after a panic of somebody who held the lock: a thread's panic is shown, and the
/// others go on.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits for the bell.
pub(crate) fn wait<'a, T>(bell: &Condvar, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
    bell.wait(guard).unwrap_or_else(PoisonError::into_inner)
}

/// Waits for the bell, for `limit` at most.
pub(crate) fn wait_for<'a, T>(
    bell: &Condvar,
    guard: MutexGuard<'a, T>,
    limit: Duration,
) -> MutexGuard<'a, T> {
    bell.wait_timeout(guard, limit).unwrap_or_else(PoisonError::into_inner).0
}

/// Waits as long as `condition` holds, for `limit` at most.
pub(crate) fn wait_while<'a, T>(
    bell: &Condvar,
    guard: MutexGuard<'a, T>,
    limit: Duration,
    condition: impl FnMut(&mut T) -> bool,
) -> MutexGuard<'a, T> {
    let waited = bell.wait_timeout_while(guard, limit, condition);
    waited.unwrap_or_else(PoisonError::into_inner).0
}
