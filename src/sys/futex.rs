//! A sleep from which a thread is woken by another one, or by a signal (futex(2)).
#![expect(unsafe_code, reason = "futex(2) takes the address of its word")]

use std::ptr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use nix::libc;

/// A count of calls on which threads sleep.
///
/// Who wants to sleep reads the count while it can still see that there is nothing to do, and
/// sleeps only as long as nobody has called since.
#[derive(Debug, Default)]
pub(crate) struct Futex(AtomicU32);

impl Futex {
    /// How often somebody has called.
    pub(crate) fn count(&self) -> u32 {
        self.0.load(Ordering::SeqCst)
    }

    /// Sleeps until somebody calls, if nobody has since `count` was read; for `limit` at most, if
    /// there is one. It also ends by a signal (EINTR), and for no reason.
    pub(crate) fn sleep(&self, count: u32, limit: Option<Duration>) {
        let time = limit.map(|limit| libc::timespec {
            tv_sec: libc::time_t::try_from(limit.as_secs()).unwrap_or(libc::time_t::MAX),
            tv_nsec: libc::c_long::from(limit.subsec_nanos().cast_signed()),
        });
        let time = time.as_ref().map_or(ptr::null(), ptr::from_ref);
        let wait = libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG;
        // SAFETY: the word lives as long as `self` is borrowed, and the time as long as this call;
        // FUTEX_WAIT only compares the word (futex(2)).
        let _woken = unsafe { libc::syscall(libc::SYS_futex, self.0.as_ptr(), wait, count, time) };
    }

    /// Calls, and wakes at most so many sleepers.
    pub(crate) fn wake(&self, sleepers: u32) {
        self.0.fetch_add(1, Ordering::SeqCst);
        let wake = libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG;
        // SAFETY: FUTEX_WAKE uses the address of the word alone (futex(2)).
        let _count = unsafe { libc::syscall(libc::SYS_futex, self.0.as_ptr(), wake, sleepers) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_between_the_look_and_the_sleep_is_not_lost() {
        let futex = Futex::default();
        let count = futex.count();
        futex.wake(1);
        futex.sleep(count, None);
        futex.sleep(futex.count(), Some(Duration::from_millis(1)));
        let waits = std::thread::scope(|scope| {
            let sleeper = scope.spawn(|| {
                let count = futex.count();
                while futex.count() == count {
                    futex.sleep(count, None);
                }
                true
            });
            while !sleeper.is_finished() {
                futex.wake(1);
                std::thread::yield_now();
            }
            sleeper.join().is_ok_and(|woken| woken)
        });
        assert!(waits);
    }
}
