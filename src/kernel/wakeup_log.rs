//! The edge log: a queued realtime signal for each wake-up of a watched socket (F_SETSIG,
//! fcntl(2)), which is one call of `ep_poll_callback`.

use std::io::{self, IoSliceMut};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::uio::readv;

use crate::event::{Fd, Mask};
use crate::sys::signal::{self, OVERFLOW_SIGNAL, SIGINFO_LEN, SigInfo};
use crate::sys::socket;

/// How many records one `readv(2)` takes.
pub const BATCH: usize = 64;

/// What a record of the log says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogEntry {
    /// This file was woken with this key (`si_band`).
    Woken(Fd, Mask),
    /// The signal queue was full: wake-ups were lost (RLIMIT_SIGPENDING, getrlimit(2)).
    Overflow,
}

/// The reading end of the log.
#[derive(Debug)]
pub struct Reader {
    fd: OwnedFd,
    buffer: Box<[u8]>,
}

impl Reader {
    /// Opens the log of this process.
    ///
    /// # Errors
    /// What signalfd(2) lists.
    pub fn open() -> io::Result<Self> {
        let fd = crate::sys::descriptor::out_of_the_way(signal::wakeup_descriptor()?);
        Ok(Self { fd, buffer: vec![0; BATCH * SIGINFO_LEN].into_boxed_slice() })
    }

    /// The next entries handed to `sink` in order; returns how many records were there, at most
    /// [`BATCH`]. It never blocks.
    pub fn read(&mut self, mut sink: impl FnMut(LogEntry)) -> usize {
        let got = loop {
            match readv(&self.fd, &mut [IoSliceMut::new(&mut self.buffer)]) {
                Err(Errno::EINTR) => {}
                got => break got.unwrap_or(0),
            }
        };
        let records = self.buffer.get(..got).unwrap_or_default().chunks_exact(SIGINFO_LEN);
        let count = records.len();
        records.filter_map(SigInfo::parse).filter_map(entry).for_each(&mut sink);
        count
    }
}

impl AsFd for Reader {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// What a signal tells; `None` of a wake-up signal that somebody else sent, which is no wake-up.
fn entry(info: SigInfo) -> Option<LogEntry> {
    if info.signo == OVERFLOW_SIGNAL.unsigned_abs() {
        // Of a standard signal one is queued at most (signal(7)): a stranger's may stand for the
        // kernel's own.
        return Some(LogEntry::Overflow);
    }
    info.is_kernels().then_some(LogEntry::Woken(Fd(info.fd), Mask(info.band)))
}

/// Puts the wake-ups of `fd` into the log from now on. Eventfds and timerfds cannot be logged.
///
/// # Errors
/// What fcntl(2) lists.
pub fn arm(fd: BorrowedFd<'_>) -> io::Result<()> {
    socket::signal_wakeups(fd, signal::wakeup_signal())
}

/// Takes the wake-ups of `fd` out of the log.
///
/// # Errors
/// What fcntl(2) lists.
pub fn disarm(fd: BorrowedFd<'_>) -> io::Result<()> {
    socket::silence_wakeups(fd)
}
