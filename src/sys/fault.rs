//! Memory whose pages are not there until somebody lets them be (userfaultfd(2)): a system call
//! that writes to it stops inside the kernel.
#![expect(unsafe_code, reason = "userfaultfd(2) and mmap(2) are not in nix")]

use std::fs::OpenOptions;
use std::os::fd::{AsRawFd, OwnedFd};
use std::ptr::NonNull;

use nix::errno::Errno;
use nix::libc;
use nix::request_code_readwrite;

use super::descriptor::raw::owned;

/// `struct uffdio_api` of `<linux/userfaultfd.h>`
#[repr(C)]
#[derive(Default)]
struct Api {
    version: u64,
    features: u64,
    ioctls: u64,
}

/// `struct uffdio_register`
#[repr(C)]
#[derive(Default)]
struct Register {
    start: u64,
    len: u64,
    mode: u64,
    ioctls: u64,
}

/// `UFFDIO_API`
const UFFDIO_API: libc::Ioctl =
    request_code_readwrite!(0xaa, 0x3f, size_of::<Api>()) as libc::Ioctl;
/// `UFFDIO_REGISTER`
const UFFDIO_REGISTER: libc::Ioctl =
    request_code_readwrite!(0xaa, 0x00, size_of::<Register>()) as libc::Ioctl;
/// `UFFDIO_REGISTER_MODE_MISSING`
const MISSING: u64 = 1;
/// `UFFD_API`
const UFFD_API: u64 = 0xaa;
/// `USERFAULTFD_IOC_NEW`: `_IO(0xAA, 0x00)`
const USERFAULTFD_IOC_NEW: libc::Ioctl = nix::request_code_none!(0xaa, 0x00) as libc::Ioctl;

/// Asks for a descriptor that handles page faults, those of the kernel included.
///
/// # Errors
/// What userfaultfd(2) lists: EPERM for a program without privilege, ENOSYS where the kernel was
/// built without.
pub fn userfault() -> Result<OwnedFd, Errno> {
    let flags = libc::O_CLOEXEC | libc::O_NONBLOCK;
    // SAFETY: userfaultfd(2) takes flags and touches no memory.
    let number = unsafe { libc::syscall(libc::SYS_userfaultfd, flags) };
    let fd = match Errno::result(number) {
        Ok(number) => i32::try_from(number).map(owned).map_err(|_| Errno::EBADF)?,
        Err(refused) => by_device(flags).ok_or(refused)?,
    };
    let mut api = Api { version: UFFD_API, ..Api::default() };
    // SAFETY: UFFDIO_API reads and writes one struct uffdio_api (ioctl_userfaultfd(2)).
    let done = unsafe { libc::ioctl(fd.as_raw_fd(), UFFDIO_API, &raw mut api) };
    Errno::result(done)?;
    Ok(fd)
}

/// The other way in, for whoever may open the device (userfaultfd(2), "/dev/userfaultfd").
fn by_device(flags: i32) -> Option<OwnedFd> {
    let device = OpenOptions::new().read(true).write(true).open("/dev/userfaultfd").ok()?;
    // SAFETY: USERFAULTFD_IOC_NEW takes flags and touches no memory (userfaultfd(2)).
    let number = unsafe { libc::ioctl(device.as_raw_fd(), USERFAULTFD_IOC_NEW, flags) };
    Errno::result(number).ok().map(owned)
}

/// Anonymous memory of this process.
#[derive(Debug)]
struct Mapping {
    start: NonNull<libc::c_void>,
    len: usize,
}

// SAFETY: a mapping belongs to the process, not to a thread (mmap(2)).
unsafe impl Send for Mapping {}

impl Mapping {
    fn new(len: usize) -> Result<Self, Errno> {
        let (access, kind) =
            (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
        // SAFETY: a new anonymous mapping at an address that the kernel chooses (mmap(2)).
        let start = unsafe { libc::mmap(std::ptr::null_mut(), len, access, kind, -1, 0) };
        if start == libc::MAP_FAILED {
            return Err(Errno::last());
        }
        NonNull::new(start).map(|start| Self { start, len }).ok_or(Errno::ENOMEM)
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: it was mapped with this length and nothing points into it (munmap(2)).
        let _ = unsafe { libc::munmap(self.start.as_ptr(), self.len) };
    }
}

/// A buffer for `epoll_wait`, of which everything from event number `at` on is missing.
#[derive(Debug)]
pub struct HeldBuffer {
    mapping: Mapping,
    /// Where the first event goes.
    offset: usize,
    max: usize,
}

/// The largest `maxevents` of a held buffer.
pub(crate) const MOST_HELD: usize = 1 << 12;

const EVENT: usize = size_of::<libc::epoll_event>();

impl HeldBuffer {
    /// A buffer for `max` events of which number `at`, counted from 1, is the first that the
    /// kernel cannot write while `fault` is open. Closing `fault` lets it go on.
    ///
    /// # Errors
    /// EINVAL unless 1 <= `at` <= `max` <= 4,096; what mmap(2) and ioctl_userfaultfd(2)
    /// list.
    pub fn new(fault: &OwnedFd, max: u32, at: u32) -> Result<Self, Errno> {
        let (max, at) = (max as usize, at as usize);
        if at == 0 || at > max || max > MOST_HELD {
            return Err(Errno::EINVAL);
        }
        let page = page_size();
        let before = ((at - 1) * EVENT).next_multiple_of(page);
        let missing = ((max - at + 1) * EVENT).next_multiple_of(page);
        let mapping = Mapping::new(before + missing)?;
        let start = mapping.start.as_ptr() as usize + before;
        let mut range =
            Register { start: start as u64, len: missing as u64, mode: MISSING, ioctls: 0 };
        // SAFETY: UFFDIO_REGISTER reads and writes one struct uffdio_register; the range is a part
        // of a mapping that lives as long as this buffer (ioctl_userfaultfd(2)).
        let done = unsafe { libc::ioctl(fault.as_raw_fd(), UFFDIO_REGISTER, &raw mut range) };
        Errno::result(done)?;
        Ok(Self { mapping, offset: before - (at - 1) * EVENT, max })
    }

    /// `epoll_wait(2)` into this buffer: bits and data of each event. Stops inside the kernel as
    /// long as the page of an event is held.
    ///
    /// # Errors
    /// What epoll_wait(2) lists.
    pub fn wait(&self, ep: i32, timeout_ms: i32) -> Result<Vec<(u32, u64)>, Errno> {
        let max = i32::try_from(self.max).map_err(|_| Errno::EINVAL)?;
        let first = self.mapping.start.as_ptr().cast::<u8>().wrapping_add(self.offset);
        // SAFETY: from `first` on the mapping has room for `max` events (epoll_wait(2)).
        let count = unsafe { libc::epoll_wait(ep, first.cast(), max, timeout_ms) };
        let count = usize::try_from(Errno::result(count)?).unwrap_or(0).min(self.max);
        let event = |at: usize| {
            let place = first.wrapping_add(at * EVENT).cast::<libc::epoll_event>();
            // SAFETY: the kernel has just written `count` events there; the type is plain data.
            let event = unsafe { place.read_unaligned() };
            (event.events, event.u64)
        };
        Ok((0..count).map(event).collect())
    }
}

fn page_size() -> usize {
    // SAFETY: sysconf(3) takes a number and touches no memory of ours.
    let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    usize::try_from(size).unwrap_or(4096).max(4096)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags};
    use nix::sys::eventfd::EventFd;

    use super::*;

    #[test]
    fn a_harvest_is_held_until_the_descriptor_is_closed() {
        let Ok(fault) = userfault() else {
            eprintln!("skipped: userfaultfd is refused");
            return;
        };
        let ep = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).expect("epoll");
        let ready: Vec<_> = (0..3u64)
            .map(|data| {
                let file = EventFd::from_value(1).expect("eventfd");
                ep.add(&file, EpollEvent::new(EpollFlags::EPOLLIN, data)).expect("add");
                file
            })
            .collect();
        let buffer = HeldBuffer::new(&fault, 3, 2).expect("buffer");
        let number = ep.0.as_raw_fd();
        let harvest = std::thread::spawn(move || buffer.wait(number, 0));
        let held = PollFd::new(std::os::fd::AsFd::as_fd(&fault), PollFlags::POLLIN);
        let timeout = PollTimeout::try_from(Duration::from_secs(10)).expect("timeout");
        assert_eq!(poll(&mut [held], timeout), Ok(1));
        assert!(!harvest.is_finished());
        drop(fault);
        let events = harvest.join().expect("thread").expect("epoll_wait");
        assert_eq!(events, [(1, 0), (1, 1), (1, 2)]);
        drop(ready);
    }

    #[test]
    fn buffers_outside_their_bounds_are_refused() {
        let Ok(fault) = userfault() else {
            eprintln!("skipped: userfaultfd is refused");
            return;
        };
        for (max, at) in [(1, 0), (1, 2), (5000, 1)] {
            assert_eq!(HeldBuffer::new(&fault, max, at).map(drop), Err(Errno::EINVAL));
        }
    }
}
