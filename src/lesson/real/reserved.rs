//! The tool's own descriptors in the process of a case, and the limit on all of them.
//!
//! A case gets the small numbers, lowest first; everything else sits above them.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use crate::lesson::case::{MAX_EPOLLS, MAX_THREADS};
use crate::lesson::table::FIRST_NUMBER;
use crate::sys::{descriptor, limits};

/// More numbers are not used, however many the system allows.
const MOST: u64 = 4096;
/// So many of them at most are the tool's.
const RESERVE: u64 = 512;
/// The tool has no more descriptors than this: [`Kept::MOST`] are fewer.
pub(crate) const MOST_OWN: i32 = 512;

/// The first number of the tool's own descriptors where the hard limit is `hard`.
fn first_own(hard: u64) -> i32 {
    let end = hard.min(MOST);
    i32::try_from(end - (end / 4).min(RESERVE)).unwrap_or(i32::MAX)
}

/// How many descriptors a case may have at a time where the hard limit of the process is `hard`.
pub(crate) fn room(hard: u64) -> usize {
    usize::try_from(first_own(hard) - FIRST_NUMBER).unwrap_or(0)
}

/// How many descriptors the tool may have for a case, where the hard limit is `hard`.
pub(crate) fn own_room(hard: u64) -> usize {
    let end = i32::try_from(hard).unwrap_or(i32::MAX).min(first_own(hard) + MOST_OWN);
    usize::try_from(end - first_own(hard)).unwrap_or(0)
}

/// Why there is no more room where the hard limit is `hard`, in brackets; nothing where it is the
/// tool that does not use more.
pub(crate) fn because(hard: u64) -> String {
    if hard < MOST { format!(" (RLIMIT_NOFILE is {hard})") } else { String::new() }
}

/// What the tool has open for a case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Kept {
    /// Threads: two files of each tell whether it sleeps, and in which call.
    pub(crate) threads: usize,
    /// Epoll instances: in a file of each stands its interest list.
    pub(crate) epolls: usize,
    /// Harvests that are held.
    pub(crate) held: usize,
    /// Sockets: those on which charges are tried, and that of the port on which nobody listens.
    pub(crate) sockets: usize,
}

impl Kept {
    /// The most that a case can come to.
    pub(crate) const MOST: Self =
        Self { threads: MAX_THREADS, epolls: MAX_EPOLLS, held: MAX_THREADS, sockets: 5 };

    /// Descriptors, with the two pipes to whoever asks, and with what is open in passing only.
    pub(crate) const fn descriptors(self) -> usize {
        2 + 2 * self.threads + self.epolls + self.held + self.sockets + 3
    }
}

const _: () = assert!(Kept::MOST.descriptors() <= MOST_OWN.unsigned_abs() as usize);

/// Where the tool's own descriptors are, and how many may be open.
#[derive(Debug)]
pub(crate) struct ReservedFds {
    first: i32,
    /// The soft limit without a case's wishes.
    soft: u64,
    /// The limit that the case asked for.
    limited: Option<u64>,
}

impl ReservedFds {
    /// Raises the limit as far as it goes.
    ///
    /// # Errors
    /// What setrlimit(2) lists.
    pub(crate) fn new() -> io::Result<Self> {
        let (_, hard) = limits::raise_descriptor_limit()?;
        Ok(Self { first: first_own(hard), soft: hard, limited: None })
    }

    /// The first number that is the tool's.
    pub(crate) fn first(&self) -> i32 {
        self.first
    }

    /// How many descriptors a case may have at a time, in words.
    pub(crate) fn bound(&self) -> String {
        format!("a case may have {} descriptors at a time{}", room(self.soft), because(self.soft))
    }

    /// Whether the tool may have this.
    ///
    /// # Errors
    /// How much it may have, in words.
    pub(crate) fn holds(&self, kept: Kept) -> Result<(), String> {
        let room = own_room(self.soft);
        if kept.descriptors() <= room {
            return Ok(());
        }
        let why = because(self.soft);
        Err(format!("the tool may have {room} descriptors of its own{why}, and needs more for it"))
    }

    /// Moves `fd` among the tool's own. To be called within [`ReservedFds::aside`] wherever a limit of the
    /// case's may be in force.
    pub(crate) fn keep(&self, fd: OwnedFd) -> OwnedFd {
        if fd.as_raw_fd() >= self.first { fd } else { descriptor::moved(fd, self.first) }
    }

    /// Does something of the tool's own, for which a limit of the case's does not count.
    ///
    /// # Errors
    /// What setrlimit(2) lists; what `work` returns.
    pub(crate) fn aside<T>(&self, work: impl FnOnce(&Self) -> io::Result<T>) -> io::Result<T> {
        if self.limited.is_some() {
            limits::set_descriptor_limit(self.soft)?;
        }
        let result = work(self);
        if let Some(limit) = self.limited {
            limits::set_descriptor_limit(limit)?;
        }
        result
    }

    /// Lets no number from `end` on be opened; `None` sets the limit back.
    ///
    /// # Errors
    /// What setrlimit(2) lists.
    pub(crate) fn limit(&mut self, end: Option<i32>) -> io::Result<()> {
        let end = end.and_then(|end| u64::try_from(end).ok());
        limits::set_descriptor_limit(end.unwrap_or(self.soft))?;
        self.limited = end;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tool_takes_the_upper_numbers_and_leaves_most_to_the_case() {
        for (hard, first, left, own) in [
            (1 << 40, 3584, 3581, 512),
            (4096, 3584, 3581, 512),
            (1024, 768, 765, 256),
            (64, 48, 45, 16),
            (0, 0, 0, 0),
        ] {
            let found = (first_own(hard), room(hard), own_room(hard));
            assert_eq!(found, (first, left, own), "{hard}");
        }
    }
}
