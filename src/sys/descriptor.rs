//! Descriptors: numbers out of the way, queue lengths.
#![expect(unsafe_code, reason = "ioctl(2) takes a pointer, which nix leaves to its caller")]

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::libc;

use self::raw::owned;

/// The first number for the tool's own descriptors, so that the observed ones are small.
const OUT_OF_THE_WAY: i32 = 200;

/// Moves `fd` to a number that does not sit between those of the observed server; where there is
/// no room for that, it keeps its number.
#[must_use]
pub fn out_of_the_way(fd: OwnedFd) -> OwnedFd {
    moved(fd, OUT_OF_THE_WAY)
}

/// Moves `fd` to the lowest free number from `first` on; where there is none, it keeps its number.
#[must_use]
pub fn moved(fd: OwnedFd, first: i32) -> OwnedFd {
    match fcntl(&fd, FcntlArg::F_DUPFD_CLOEXEC(first)) {
        Ok(number) => owned(number),
        Err(_) => fd,
    }
}

/// Bytes that can be read from descriptor number `fd` (FIONREAD).
///
/// # Errors
/// What ioctl_tty(2) and tcp(7) say: EINVAL for a listening socket, EBADF if the number is gone.
pub fn unread_bytes(fd: i32) -> io::Result<u32> {
    get_int(fd, libc::FIONREAD)
}

/// Bytes sent from descriptor number `fd` that the peer has not acknowledged, or for AF_UNIX not
/// read (SIOCOUTQ).
///
/// # Errors
/// What tcp(7) and unix(7) say: EINVAL for a listening socket, EBADF if the number is gone.
pub fn unsent_bytes(fd: i32) -> io::Result<u32> {
    get_int(fd, libc::TIOCOUTQ)
}

/// What poll(2) answers for descriptor number `fd` right now, asked for every bit that `epoll_ctl` can ask for: the
/// bits have the same values. A number that is gone answers POLLNVAL.
///
/// # Errors
/// What poll(2) lists.
pub fn polled(fd: i32) -> io::Result<u32> {
    let all = libc::POLLIN
        | libc::POLLPRI
        | libc::POLLOUT
        | libc::POLLRDNORM
        | libc::POLLRDBAND
        | libc::POLLWRNORM
        | libc::POLLWRBAND
        | libc::POLLRDHUP;
    let mut asked = libc::pollfd { fd, events: all, revents: 0 };
    // SAFETY: poll(2) reads and writes the one structure that it is given.
    let done = unsafe { libc::poll(&raw mut asked, 1, 0) };
    if done < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(u32::from(asked.revents.cast_unsigned()))
}

fn get_int(fd: i32, request: libc::Ioctl) -> io::Result<u32> {
    let mut value: libc::c_int = 0;
    // SAFETY: FIONREAD and SIOCOUTQ (TIOCOUTQ) store one int (ioctl_tty(2), tcp(7)), and
    // `value` is one; the kernel checks the number.
    let done = unsafe { libc::ioctl(fd, request, &raw mut value) };
    if done < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(u32::try_from(value).unwrap_or(0))
}

/// Whether calls on `fd` sleep from now on: takes O_NONBLOCK away or puts it there, and keeps the
/// other flags, O_ASYNC among them.
///
/// # Errors
/// What fcntl(2) lists for F_GETFL and F_SETFL.
pub fn set_blocking(fd: BorrowedFd<'_>, blocking: bool) -> Result<(), Errno> {
    let mut flags = OFlag::from_bits_retain(fcntl(fd, FcntlArg::F_GETFL)?);
    flags.set(OFlag::O_NONBLOCK, !blocking);
    fcntl(fd, FcntlArg::F_SETFL(flags)).map(|_| ())
}

pub(super) mod raw {
    //! Numbers that a call has just handed over.

    use std::os::fd::{FromRawFd, OwnedFd};

    /// Takes a number that a call has just returned.
    pub(crate) fn owned(number: i32) -> OwnedFd {
        // SAFETY: every caller passes a number that a system call returned just before, which
        // nobody else owns (fcntl(2), accept(2), signalfd(2)).
        unsafe { OwnedFd::from_raw_fd(number) }
    }
}
