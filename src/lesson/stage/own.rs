//! The tool's own descriptors in the process of a case, and the limit on all of them.
//!
//! A case gets the small numbers, lowest first; everything else sits above them.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use crate::sys::{descriptor, limits};

/// The numbers 0, 1 and 2 are never a case's.
pub(crate) const FIRST_NUMBER: i32 = 3;
/// More numbers are not used, however many the system allows.
const MOST: u64 = 4096;
/// So many of them at most are the tool's.
const RESERVE: u64 = 512;
/// The tool has no more descriptors than this.
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

/// Where the tool's own descriptors are, and how many may be open.
#[derive(Debug)]
pub(crate) struct Own {
    first: i32,
    /// The soft limit without a case's wishes.
    soft: u64,
    /// The limit that the case asked for.
    limited: Option<u64>,
}

impl Own {
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

    /// Moves `fd` among the tool's own. To be called within [`Own::aside`] wherever a limit of the
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
        for (hard, first, left) in
            [(1 << 30, 3584, 3581), (4096, 3584, 3581), (1024, 768, 765), (64, 48, 45), (0, 0, 0)]
        {
            assert_eq!((first_own(hard), room(hard)), (first, left), "{hard}");
        }
    }
}
