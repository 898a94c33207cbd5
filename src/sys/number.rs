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
pub(crate) const MOST_EVENTS: usize = 1 << 16;

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

/// Room for the events of an `epoll_wait(2)`, made once for any number of calls.
pub struct EventRoom {
    events: Vec<libc::epoll_event>,
    max: i32,
    count: usize,
}

impl EventRoom {
    /// Room for `max` events.
    ///
    /// # Errors
    /// E2BIG for a `max` above `MOST_EVENTS` that the kernel would take.
    pub fn new(max: i32) -> Result<Self, Errno> {
        let wanted = usize::try_from(max).unwrap_or(0);
        let room = match wanted {
            0..=MOST_EVENTS => wanted,
            _ if wanted > EP_MAX_EVENTS => 0,
            _ => return Err(Errno::E2BIG),
        };
        Ok(Self { events: vec![libc::epoll_event { events: 0, u64: 0 }; room], max, count: 0 })
    }

    /// Makes the call; how many events came. A negative timeout is for ever.
    ///
    /// # Errors
    /// What epoll_wait(2) lists.
    pub fn call(&mut self, ep: i32, timeout_ms: i32) -> Result<usize, Errno> {
        let into = self.events.as_mut_ptr();
        // SAFETY: there is room for `max` events, unless `max` is one that the kernel refuses
        // before it writes any (epoll_wait(2), EINVAL).
        let count = unsafe { libc::epoll_wait(ep, into, self.max, timeout_ms) };
        self.count = usize::try_from(Errno::result(count)?).unwrap_or(0);
        Ok(self.count)
    }

    /// The events of the last call: bits and data.
    pub fn events(&self) -> impl Iterator<Item = (u32, u64)> {
        self.events.iter().take(self.count).map(|event| (event.events, event.u64))
    }
}

/// The argument of a `poll(2)`, made once for any number of calls.
#[derive(Clone, Debug, Default)]
pub struct RawPollSet(Vec<libc::pollfd>);

impl RawPollSet {
    /// These numbers, each with the bits asked for.
    pub fn new(fds: &[(i32, u32)]) -> Self {
        let mut set = Self::default();
        for (fd, bits) in fds {
            set.push(*fd, *bits);
        }
        set
    }

    /// Appends a number with the bits asked for.
    pub fn push(&mut self, fd: i32, bits: u32) {
        self.0.push(libc::pollfd { fd, events: poll_bits(bits), revents: 0 });
    }

    /// Asks the one at that place for these bits.
    pub fn ask(&mut self, place: usize, bits: u32) {
        if let Some(entry) = self.0.get_mut(place) {
            entry.events = poll_bits(bits);
        }
    }

    /// Takes out the one at that place; the last one takes its place.
    pub fn swap_remove(&mut self, place: usize) {
        if place < self.0.len() {
            self.0.swap_remove(place);
        }
    }

    /// Makes the call; how many have an answer. A negative timeout is for ever.
    ///
    /// # Errors
    /// What poll(2) lists.
    pub fn call(&mut self, timeout_ms: i32) -> Result<usize, Errno> {
        let count = libc::nfds_t::try_from(self.0.len()).map_err(|_| Errno::EINVAL)?;
        // SAFETY: there are `count` structs pollfd, which the kernel reads and writes (poll(2)).
        let done = unsafe { libc::poll(self.0.as_mut_ptr(), count, timeout_ms) };
        Errno::result(done).map(|count| usize::try_from(count).unwrap_or(0))
    }

    /// The answer for each, in their order.
    pub fn answers(&self) -> impl Iterator<Item = u32> {
        self.0.iter().map(|one| u32::from(one.revents.cast_unsigned()))
    }
}

/// The bits that fit `struct pollfd`.
fn poll_bits(bits: u32) -> i16 {
    ((bits & 0xffff) as u16).cast_signed()
}

/// The argument of a `select(2)`, made once for any number of calls: bitmaps of its own, so that
/// numbers above `FD_SETSIZE` are no error. Numbers for which the process has no room in its table
/// of files are ignored by the kernel: their bits stay as they were.
pub struct SelectSet {
    /// Each number with its sets: bit 0 readfds, bit 1 writefds, bit 2 exceptfds.
    fds: Vec<(i32, u8)>,
    /// The sets that are given at all: a null pointer is copied neither in nor out.
    given: u8,
    end: i32,
    asked: [Vec<u64>; 3],
    answered: [Vec<u64>; 3],
}

/// The largest number that is put into a set.
const LARGEST_IN_SET: i32 = 1 << 20;

impl SelectSet {
    /// These numbers, each with the sets that it is put into, of those that are `given`; one that is
    /// in none makes the sets long enough for it.
    ///
    /// # Errors
    /// EBADF for a number that cannot be in a set.
    pub fn new(fds: &[(i32, u8)], given: u8) -> Result<Self, Errno> {
        if fds.iter().any(|(fd, _)| !(0..LARGEST_IN_SET).contains(fd)) {
            return Err(Errno::EBADF);
        }
        let end = fds.iter().map(|(fd, _)| fd + 1).max().unwrap_or(0);
        let words = usize::try_from(end).unwrap_or(0).div_ceil(64).max(1);
        let mut asked = [vec![0; words], vec![0; words], vec![0; words]];
        for (fd, sets) in fds {
            let (word, bit) = place(*fd);
            for (at, set) in asked.iter_mut().enumerate() {
                set[word] |= u64::from(sets >> at & 1) << bit;
            }
        }
        Ok(Self { fds: fds.to_vec(), given, end, answered: asked.clone(), asked })
    }

    /// Makes the call; how many bits are set in the answer. A negative timeout is for ever.
    ///
    /// # Errors
    /// What select(2) lists.
    pub fn call(&mut self, timeout_ms: i32) -> Result<usize, Errno> {
        self.answered.clone_from(&self.asked);
        let given = self.given;
        let mut at = 0;
        let [read, write, except] = self.answered.each_mut().map(|set| {
            at += 1;
            if given >> (at - 1) & 1 == 0 { std::ptr::null_mut() } else { set.as_mut_ptr().cast() }
        });
        let time = u64::try_from(timeout_ms).ok().map(Duration::from_millis);
        let time = time.map(|time| libc::timespec {
            tv_sec: libc::time_t::try_from(time.as_secs()).unwrap_or(0),
            tv_nsec: libc::c_long::from(time.subsec_nanos().cast_signed()),
        });
        let limit = time.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
        // SAFETY: each set has `end` bits, rounded up to whole words, which is what the kernel
        // reads and writes (select(2)), or is null, as the timeout and the signal mask may be.
        let done = unsafe { libc::pselect(self.end, read, write, except, limit, std::ptr::null()) };
        Errno::result(done).map(|count| usize::try_from(count).unwrap_or(0))
    }

    /// The sets in which each is answered, in their order.
    pub fn answers(&self) -> impl Iterator<Item = u8> {
        self.fds.iter().map(|(fd, asked)| {
            let (word, bit) = place(*fd);
            let set = |at: usize| u8::from(self.answered[at][word] >> bit & 1 == 1) << at;
            (set(0) | set(1) | set(2)) & asked
        })
    }
}

/// The word and the bit of a number in a set.
fn place(fd: i32) -> (usize, usize) {
    let number = usize::try_from(fd).unwrap_or(0);
    (number / 64, number % 64)
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

/// `F_DUPFD` of `fcntl(2)`: the lowest free number that is not below `least`.
///
/// # Errors
/// What fcntl(2) lists: EINVAL for a `least` that no descriptor may have.
pub fn dup_from(fd: i32, least: i32) -> Result<OwnedFd, Errno> {
    // SAFETY: this operation of fcntl(2) takes two numbers and touches no memory.
    let number = unsafe { libc::fcntl(fd, libc::F_DUPFD, least) };
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

/// Closes one number, whoever holds it: for a process that has just begun.
pub fn close(number: i32) {
    // SAFETY: close(2) takes a number and touches no memory; nothing has been opened yet whose
    // owner could mind.
    let _ = unsafe { libc::close(number) };
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsRawFd;

    use super::*;

    fn poll(fds: &[(i32, u32)]) -> Result<Vec<u32>, Errno> {
        let mut set = RawPollSet::new(fds);
        set.call(0).map(|_| set.answers().collect())
    }

    fn select(fds: &[(i32, u8)]) -> Result<Vec<u8>, Errno> {
        let mut set = SelectSet::new(fds, 7)?;
        set.call(0).map(|_| set.answers().collect())
    }

    #[test]
    fn numbers_that_name_nothing_are_refused_by_the_kernel() {
        assert_eq!(epoll_ctl(-1, libc::EPOLL_CTL_ADD, -7, 1, 1), Err(Errno::EBADF));
        assert_eq!(EventRoom::new(1).and_then(|mut room| room.call(-1, 0)), Err(Errno::EBADF));
        assert_eq!(poll(&[(i32::MAX, 1)]), Ok(vec![u32::from(libc::POLLNVAL.cast_unsigned())]));
        assert_eq!(select(&[(-1, 1)]), Err(Errno::EBADF));
        assert_eq!(read(-1, &mut [0]), Err(Errno::EBADF));
        assert_eq!(write(-1, &[0]), Err(Errno::EBADF));
        assert_eq!(accept(-1).map(drop), Err(Errno::EBADF));
        assert_eq!(dup(-1).map(drop), Err(Errno::EBADF));
    }

    #[test]
    fn select_answers_in_the_sets_that_were_asked() {
        let (r, w) = nix::unistd::pipe().expect("pipe");
        let (r, w) = (r.as_raw_fd(), w.as_raw_fd());
        assert_eq!(select(&[(r, 0b101), (w, 0b10)]), Ok(vec![0, 0b10]));
        assert_eq!(write(w, b"x"), Ok(1));
        assert_eq!(select(&[(r, 0b101), (w, 0b10)]), Ok(vec![0b1, 0b10]));
        assert_eq!(poll(&[(r, 1), (w, 4)]), Ok(vec![1, 4]));
    }

    #[test]
    fn maxevents_beyond_the_kernels_bound_is_refused_by_it() {
        let ep = nix::sys::epoll::Epoll::new(nix::sys::epoll::EpollCreateFlags::EPOLL_CLOEXEC);
        let ep = ep.expect("epoll").0;
        let wait = |max| EventRoom::new(max).and_then(|mut room| room.call(ep.as_raw_fd(), 0));
        for max in [0, -1, i32::MAX] {
            assert_eq!(wait(max), Err(Errno::EINVAL), "{max}");
        }
        assert_eq!(wait(1 << 20), Err(Errno::E2BIG));
        assert_eq!(wait(1 << 16), Ok(0));
    }
}
