//! Why there is no io_uring, in words.

use std::io;

use nix::errno::Errno;
use nix::sys::resource::{Resource, getrlimit};
use thiserror::Error;

/// Why a ring cannot be had (io_uring_setup(2), io_uring_register(2)).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Denied {
    /// The system forbids it (proc(5), `/proc/sys/kernel/io_uring_disabled`): 1 without a group, 2
    /// altogether.
    #[error("forbidden here: kernel.io_uring_disabled is {0}")]
    Sysctl(u8),
    /// Whoever started the program forbids it.
    #[error(
        "forbidden here by a seccomp filter, as in containers \
         (--security-opt seccomp=unconfined)"
    )]
    Seccomp,
    /// The kernel has none, or a filter says so.
    #[error("this system has none (ENOSYS)")]
    Missing,
    /// RLIMIT_MEMLOCK, KiB.
    #[error("needs lockable memory: ulimit -l is {0} KiB")]
    Memory(u64),
    /// There is no memory.
    #[error("there is no memory for its queues (ENOMEM)")]
    NoMemory,
    /// It lacks what came with that version.
    #[error("needs Linux 6.0")]
    Old,
    /// No descriptor is left.
    #[error("no descriptor is left for it (EMFILE)")]
    NoDescriptor,
    /// Another error number.
    #[error("io_uring_setup failed (error {0})")]
    Other(i32),
}

impl Denied {
    /// What that error means here.
    pub(super) fn of(error: &io::Error) -> Self {
        let number = match error.kind() {
            io::ErrorKind::OutOfMemory => Errno::ENOMEM as i32,
            _ => error.raw_os_error().unwrap_or(0),
        };
        Self::of_number(number)
    }

    /// What that error number means here.
    pub fn of_number(number: i32) -> Self {
        Self::told(number, disabled(), lockable())
    }

    /// The error number.
    pub fn errno(&self) -> i32 {
        match *self {
            Self::Sysctl(_) | Self::Seccomp => Errno::EPERM as i32,
            Self::Missing => Errno::ENOSYS as i32,
            Self::Memory(_) | Self::NoMemory => Errno::ENOMEM as i32,
            Self::Old => Errno::EINVAL as i32,
            Self::NoDescriptor => Errno::EMFILE as i32,
            Self::Other(number) => number,
        }
    }

    /// What an error number means where `kernel.io_uring_disabled` and RLIMIT_MEMLOCK, KiB, are so;
    /// `None` is not known, or no limit.
    fn told(number: i32, disabled: Option<u8>, lockable: Option<u64>) -> Self {
        match (Errno::from_raw(number), disabled, lockable) {
            (Errno::EPERM | Errno::EACCES, Some(level @ 1..), _) => Self::Sysctl(level),
            (Errno::EPERM | Errno::EACCES, ..) => Self::Seccomp,
            (Errno::ENOSYS, ..) => Self::Missing,
            (Errno::ENOMEM, _, Some(kib)) => Self::Memory(kib),
            (Errno::ENOMEM, ..) => Self::NoMemory,
            (Errno::EINVAL, ..) => Self::Old,
            (Errno::EMFILE | Errno::ENFILE, ..) => Self::NoDescriptor,
            _ => Self::Other(number),
        }
    }
}

/// `kernel.io_uring_disabled`; `None` before Linux 6.6.
fn disabled() -> Option<u8> {
    std::fs::read_to_string("/proc/sys/kernel/io_uring_disabled").ok()?.trim().parse().ok()
}

/// RLIMIT_MEMLOCK in KiB; `None` without a limit.
fn lockable() -> Option<u64> {
    let (soft, _) = getrlimit(Resource::RLIMIT_MEMLOCK).ok()?;
    (soft != nix::sys::resource::RLIM_INFINITY).then_some(soft / 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_refusal_has_its_sentence() {
        let cases = [
            (Errno::EPERM, Some(2), "forbidden here: kernel.io_uring_disabled is 2"),
            (Errno::EPERM, Some(1), "forbidden here: kernel.io_uring_disabled is 1"),
            (
                Errno::EPERM,
                Some(0),
                "forbidden here by a seccomp filter, as in containers (--security-opt \
                 seccomp=unconfined)",
            ),
            (
                Errno::EPERM,
                None,
                "forbidden here by a seccomp filter, as in containers (--security-opt \
                 seccomp=unconfined)",
            ),
            (Errno::ENOSYS, Some(0), "this system has none (ENOSYS)"),
            (Errno::ENOMEM, Some(0), "needs lockable memory: ulimit -l is 64 KiB"),
            (Errno::EINVAL, Some(0), "needs Linux 6.0"),
            (Errno::EIO, Some(0), "io_uring_setup failed (error 5)"),
        ];
        for (errno, disabled, sentence) in cases {
            assert_eq!(Denied::told(errno as i32, disabled, Some(64)).to_string(), sentence);
        }
        let unlimited = Denied::told(Errno::ENOMEM as i32, None, None);
        assert_eq!(unlimited, Denied::NoMemory);
    }
}
