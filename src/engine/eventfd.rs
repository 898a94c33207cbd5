//! The eventfd by which a thread that sleeps in the kernel is woken.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use nix::sys::eventfd::{EfdFlags, EventFd};

use crate::event::Fd;

/// A non-blocking eventfd among the server's own descriptors.
#[derive(Debug)]
pub(crate) struct Eventfd(EventFd);

impl Eventfd {
    pub(crate) fn new() -> io::Result<Self> {
        let flags = EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC;
        Ok(Self(EventFd::from_flags(flags)?))
    }

    /// Its number.
    pub(crate) fn fd(&self) -> Fd {
        Fd(self.0.as_fd().as_raw_fd())
    }

    /// Makes it readable.
    pub(crate) fn ring(&self) {
        // It fails only when the counter is at its limit, and then it is readable.
        let _ = self.0.write(1);
    }
}

impl AsFd for Eventfd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// An eventfd of the tool's own, out of the way of the server's numbers.
pub(crate) fn own_eventfd() -> io::Result<OwnedFd> {
    Ok(crate::sys::descriptor::out_of_the_way(Eventfd::new()?.0.into()))
}
