//! Timers as descriptors, by number.
#![expect(
    unsafe_code,
    reason = "nix takes descriptors that are known to be open, never bare numbers"
)]

use std::time::Duration;

use nix::errno::Errno;
use nix::libc;

/// Starts the timer with this number: `first` from now, then every `interval`; zero is never.
///
/// # Errors
/// What timerfd_settime(2) lists.
pub fn arm(fd: i32, first: Duration, interval: Duration) -> Result<(), Errno> {
    let time = |time: Duration| libc::timespec {
        tv_sec: libc::time_t::try_from(time.as_secs()).unwrap_or(libc::time_t::MAX),
        tv_nsec: libc::c_long::from(time.subsec_nanos().cast_signed()),
    };
    let value = libc::itimerspec { it_interval: time(interval), it_value: time(first) };
    // SAFETY: the kernel reads one struct itimerspec; the old one may be null
    // (timerfd_settime(2)).
    let done = unsafe { libc::timerfd_settime(fd, 0, &raw const value, std::ptr::null_mut()) };
    Errno::result(done).map(drop)
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsRawFd;

    use nix::sys::timerfd::{ClockId, TimerFd, TimerFlags};

    use super::*;

    #[test]
    fn a_timer_is_readable_once_it_is_over() {
        let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, TimerFlags::TFD_CLOEXEC).expect("timer");
        let number = std::os::fd::AsFd::as_fd(&timer).as_raw_fd();
        assert_eq!(arm(number, Duration::from_millis(1), Duration::ZERO), Ok(()));
        let mut set = super::super::number::RawPollSet::new(&[(number, 1)]);
        assert_eq!(set.call(10_000), Ok(1));
        assert_eq!(arm(-1, Duration::ZERO, Duration::ZERO), Err(Errno::EBADF));
    }
}
