//! System calls on descriptor numbers that may name nothing, or the wrong thing, on purpose: the
//! kernel checks them.
#![expect(
    unsafe_code,
    reason = "nix takes descriptors that are known to be open, never bare numbers"
)]

use std::os::fd::OwnedFd;
use std::time::Duration;

use nix::errno::Errno;
use nix::libc;
use nix::sys::socket::{SockFlag, accept4};

use super::descriptor::raw::owned;

/// `maxevents` above which the kernel refuses an `epoll_wait` (`EP_MAX_EVENTS`, epoll_wait(2)).
const EP_MAX_EVENTS: usize = i32::MAX as usize / size_of::<libc::epoll_event>();
/// The largest `maxevents` below that bound for which room is made.
pub const MOST_EVENTS: usize = 1 << 16;

/// `epoll_ctl(2)` with any operation.
///
/// # Errors
/// What epoll_ctl(2) lists.
pub fn epoll_ctl(ep: i32, op: i32, fd: i32, events: u32, data: u64) -> Result<(), Errno> {
    let mut event = libc::epoll_event { events, u64: data };
    // SAFETY: the kernel reads one struct epoll_event, which `event` is (epoll_ctl(2)).
    let done = unsafe { libc::epoll_ctl(ep, op, fd, &raw mut event) };
    Errno::result(done).map(drop)
}

/// `epoll_wait(2)`; each event as its bits and its data. A negative timeout is for ever.
///
/// # Errors
/// What epoll_wait(2) lists; E2BIG for a `max` above [`MOST_EVENTS`] that the kernel would take.
pub fn epoll_wait(ep: i32, max: i32, timeout_ms: i32) -> Result<Vec<(u32, u64)>, Errno> {
    let wanted = usize::try_from(max).unwrap_or(0);
    let room = match wanted {
        0..=MOST_EVENTS => wanted,
        _ if wanted > EP_MAX_EVENTS => 0,
        _ => return Err(Errno::E2BIG),
    };
    let mut events = vec![libc::epoll_event { events: 0, u64: 0 }; room];
    // SAFETY: `events` has room for `max` events, unless `max` is one that the kernel refuses
    // before it writes any (epoll_wait(2), EINVAL).
    let count = unsafe { libc::epoll_wait(ep, events.as_mut_ptr(), max, timeout_ms) };
    let count = usize::try_from(Errno::result(count)?).unwrap_or(0);
    Ok(events.iter().take(count).map(|event| (event.events, event.u64)).collect())
}

/// `poll(2)`: what it answers for each of `fds`, in their order. A negative timeout is for ever.
///
/// # Errors
/// What poll(2) lists.
pub fn poll(fds: &[(i32, u32)], timeout_ms: i32) -> Result<Vec<u32>, Errno> {
    let short = |bits: u32| (bits & 0xffff) as u16;
    let mut all: Vec<_> = fds
        .iter()
        .map(|(fd, asked)| libc::pollfd {
            fd: *fd,
            events: short(*asked).cast_signed(),
            revents: 0,
        })
        .collect();
    let count = libc::nfds_t::try_from(all.len()).map_err(|_| Errno::EINVAL)?;
    // SAFETY: `all` holds `count` structs pollfd, which the kernel reads and writes (poll(2)).
    let done = unsafe { libc::poll(all.as_mut_ptr(), count, timeout_ms) };
    Errno::result(done)?;
    Ok(all.iter().map(|one| u32::from(one.revents.cast_unsigned())).collect())
}

/// The three sets of a `select(2)`, a bit a number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Bits(Vec<u64>);

impl Bits {
    fn set(&mut self, number: usize) {
        let word = number / 64;
        if self.0.len() <= word {
            self.0.resize(word + 1, 0);
        }
        self.0[word] |= 1 << (number % 64);
    }

    fn has(&self, number: usize) -> bool {
        self.0.get(number / 64).is_some_and(|word| word >> (number % 64) & 1 == 1)
    }
}

/// The largest number that is put into a set: the kernel takes as many bits as it is told of.
const LARGEST_IN_SET: i32 = 1 << 20;

/// `select(2)` by its own bitmaps, so that numbers above `FD_SETSIZE` are no error. Each of `fds`
/// comes with the sets that it is put into: bit 0 readfds, bit 1 writefds, bit 2 exceptfds. The
/// same bits are answered, in their order. A negative timeout is for ever.
///
/// # Errors
/// What select(2) lists; EBADF for a number that cannot be in a set.
pub fn select(fds: &[(i32, u8)], timeout_ms: i32) -> Result<Vec<u8>, Errno> {
    if fds.iter().any(|(fd, _)| !(0..LARGEST_IN_SET).contains(fd)) {
        return Err(Errno::EBADF);
    }
    let number = |fd: i32| usize::try_from(fd).unwrap_or(0);
    let end = fds.iter().map(|(fd, _)| fd + 1).max().unwrap_or(0);
    let mut sets = [Bits::default(), Bits::default(), Bits::default()];
    for (at, set) in sets.iter_mut().enumerate() {
        set.0.resize(number(end).div_ceil(64).max(1), 0);
        let members = fds.iter().filter(|(_, bits)| bits >> at & 1 == 1);
        members.for_each(|(fd, _)| set.set(number(*fd)));
    }
    let [read, write, except] = sets.each_mut().map(|set| set.0.as_mut_ptr().cast());
    let time =
        u64::try_from(timeout_ms).ok().map(Duration::from_millis).map(|time| libc::timespec {
            tv_sec: libc::time_t::try_from(time.as_secs()).unwrap_or(0),
            tv_nsec: libc::c_long::from(time.subsec_nanos().cast_signed()),
        });
    let limit = time.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
    // SAFETY: each set has `end` bits, rounded up to whole words, which is what the kernel reads
    // and writes (select(2), "the fd_set structure"); the timeout may be null, as the mask.
    let done = unsafe { libc::pselect(end, read, write, except, limit, std::ptr::null()) };
    Errno::result(done)?;
    let answer = |fd: i32| {
        let bits = sets.iter().enumerate().filter(|(_, set)| set.has(number(fd)));
        bits.fold(0, |bits, (at, _)| bits | 1 << at)
    };
    Ok(fds.iter().map(|(fd, asked)| answer(*fd) & asked).collect())
}

/// `read(2)`
///
/// # Errors
/// What read(2) lists.
pub fn read(fd: i32, into: &mut [u8]) -> Result<usize, Errno> {
    // SAFETY: the kernel writes at most `into.len()` bytes to `into` (read(2)).
    let count = unsafe { libc::read(fd, into.as_mut_ptr().cast(), into.len()) };
    Errno::result(count).map(|count| usize::try_from(count).unwrap_or(0))
}

/// `write(2)`
///
/// # Errors
/// What write(2) lists.
pub fn write(fd: i32, from: &[u8]) -> Result<usize, Errno> {
    // SAFETY: the kernel reads at most `from.len()` bytes of `from` (write(2)).
    let count = unsafe { libc::write(fd, from.as_ptr().cast(), from.len()) };
    Errno::result(count).map(|count| usize::try_from(count).unwrap_or(0))
}

/// `accept4(2)`, non-blocking and close-on-exec.
///
/// # Errors
/// What accept(2) lists.
pub fn accept(fd: i32) -> Result<OwnedFd, Errno> {
    accept4(fd, SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC).map(owned)
}

/// `dup(2)`: the new number has no close-on-exec flag, as the manual page says.
///
/// # Errors
/// What dup(2) lists.
pub fn dup(fd: i32) -> Result<OwnedFd, Errno> {
    // SAFETY: dup(2) takes a number and touches no memory.
    let number = unsafe { libc::dup(fd) };
    Errno::result(number).map(owned)
}

/// Closes every descriptor from number `first` on, whoever holds it: for a process that has just
/// begun and opened nothing yet.
///
/// # Errors
/// What close_range(2) lists; ENOSYS before Linux 5.9.
pub fn close_from(first: u32) -> Result<(), Errno> {
    let (first, last) = (libc::c_long::from(first), libc::c_long::from(u32::MAX));
    let none: libc::c_long = 0;
    // SAFETY: close_range(2) takes three numbers and touches no memory.
    let done = unsafe { libc::syscall(libc::SYS_close_range, first, last, none) };
    Errno::result(done).map(drop)
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsRawFd;

    use super::*;

    #[test]
    fn numbers_that_name_nothing_are_refused_by_the_kernel() {
        let (ep, read_end) = (-1, -7);
        assert_eq!(epoll_ctl(ep, libc::EPOLL_CTL_ADD, read_end, 1, 1), Err(Errno::EBADF));
        assert_eq!(epoll_wait(ep, 1, 0), Err(Errno::EBADF));
        assert_eq!(poll(&[(i32::MAX, 1)], 0), Ok(vec![u32::from(libc::POLLNVAL.cast_unsigned())]));
        assert_eq!(select(&[(-1, 1)], 0), Err(Errno::EBADF));
        assert_eq!(read(-1, &mut [0]), Err(Errno::EBADF));
        assert_eq!(write(-1, &[0]), Err(Errno::EBADF));
        assert_eq!(accept(-1).map(drop), Err(Errno::EBADF));
        assert_eq!(dup(-1).map(drop), Err(Errno::EBADF));
    }

    #[test]
    fn select_answers_in_the_sets_that_were_asked() {
        let (r, w) = nix::unistd::pipe().expect("pipe");
        let (r, w) = (r.as_raw_fd(), w.as_raw_fd());
        assert_eq!(select(&[(r, 0b101), (w, 0b10)], 0), Ok(vec![0, 0b10]));
        assert_eq!(write(w, b"x"), Ok(1));
        assert_eq!(select(&[(r, 0b101), (w, 0b10)], 0), Ok(vec![0b1, 0b10]));
        assert_eq!(poll(&[(r, 1), (w, 4)], 0), Ok(vec![1, 4]));
    }

    #[test]
    fn maxevents_beyond_the_kernels_bound_is_refused_by_it() {
        let ep = nix::sys::epoll::Epoll::new(nix::sys::epoll::EpollCreateFlags::EPOLL_CLOEXEC);
        let ep = ep.expect("epoll").0;
        for max in [0, -1, i32::MAX] {
            assert_eq!(epoll_wait(ep.as_raw_fd(), max, 0), Err(Errno::EINVAL), "{max}");
        }
        assert_eq!(epoll_wait(ep.as_raw_fd(), 1 << 20, 0), Err(Errno::E2BIG));
        assert_eq!(epoll_wait(ep.as_raw_fd(), 1 << 16, 0), Ok(vec![]));
    }
}
