//! setsockopt(2) of what a model has of it.

use crate::event::{Errno, Fd, Reason};

use super::KernelModel;
use super::wakes::{SOCKET_OUT, Whom};

impl KernelModel {
    /// `setsockopt(2)` SO_RCVLOWAT: TCP wakes readers at once if enough is there; the others do not
    /// look at it when they are polled.
    ///
    /// # Errors
    /// EBADF, ENOTSOCK.
    pub fn rcvlowat(&mut self, fd: Fd, bytes: u32) -> Result<(), Errno> {
        let (file, link, side) = self.socket(fd)?;
        let mut wakes = self.wakes();
        if let Some(tcp) = link.and_then(|link| self.tcp_of(link)) {
            tcp.set_lowat(side, bytes, &mut wakes);
        }
        self.run(file, wakes);
        self.settle();
        Ok(())
    }

    /// `setsockopt(2)` SO_SNDBUF; `bytes` is what getsockopt(2) gives after it. Writers are woken if
    /// there is room.
    ///
    /// # Errors
    /// EBADF, ENOTSOCK.
    pub fn sndbuf(&mut self, fd: Fd, bytes: u32) -> Result<(), Errno> {
        let (file, link, side) = self.socket(fd)?;
        let mut wakes = self.wakes();
        match link.and_then(|link| self.links.get_mut(&link)) {
            Some(link) => link.resize(side, bytes, &mut wakes)?,
            // A listener never wrote: it has room.
            None => wakes.one(Whom::Own, SOCKET_OUT, Reason::Room),
        }
        self.run(file, wakes);
        self.settle();
        Ok(())
    }

    /// `setsockopt(2)` SO_RCVBUF: it wakes nobody, and what receive buffers hold is not modelled.
    ///
    /// # Errors
    /// EBADF, ENOTSOCK.
    pub fn rcvbuf(&mut self, fd: Fd, _bytes: u32) -> Result<(), Errno> {
        self.socket(fd).map(drop)
    }
}
