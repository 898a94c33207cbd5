//! Error numbers by the names of errno(3). A traced error is data, never a failure of the tool.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An error number as the kernel returned it (Linux, generic numbering).
///
/// ```
/// use std::io;
/// use epollscope::event::Errno;
///
/// // What ends a drain of an edge-triggered descriptor is no failure (epoll(7)).
/// assert_eq!(Errno::parse("EAGAIN"), Some(Errno::EAGAIN));
/// let error = io::Error::from_raw_os_error(Errno::EAGAIN.0);
/// assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
///
/// // The ADD of what is watched already, and the MOD of what is not (epoll_ctl(2)).
/// assert_eq!(Errno(nix::libc::EEXIST).to_string(), "EEXIST");
/// assert_eq!(Errno(nix::libc::ENOENT).to_string(), "ENOENT");
///
/// assert!(Errno::EMFILE.is_out_of_descriptors() && Errno::ENFILE.is_out_of_descriptors());
/// assert_eq!(Errno(4000).to_string(), "errno 4000");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Errno(pub i32);

/// Numbers with their names, and what strerror(3) says of them; those that the observed calls can
/// return (their manual pages, ERRORS).
const NAMES: [(i32, &str, &str); 50] = [
    (1, "EPERM", "Operation not permitted"),
    (2, "ENOENT", "No such file or directory"),
    (3, "ESRCH", "No such process"),
    (4, "EINTR", "Interrupted system call"),
    (5, "EIO", "Input/output error"),
    (6, "ENXIO", "No such device or address"),
    (9, "EBADF", "Bad file descriptor"),
    (11, "EAGAIN", "Resource temporarily unavailable"),
    (12, "ENOMEM", "Cannot allocate memory"),
    (13, "EACCES", "Permission denied"),
    (14, "EFAULT", "Bad address"),
    (16, "EBUSY", "Device or resource busy"),
    (17, "EEXIST", "File exists"),
    (20, "ENOTDIR", "Not a directory"),
    (21, "EISDIR", "Is a directory"),
    (22, "EINVAL", "Invalid argument"),
    (23, "ENFILE", "Too many open files in system"),
    (24, "EMFILE", "Too many open files"),
    (25, "ENOTTY", "Inappropriate ioctl for device"),
    (28, "ENOSPC", "No space left on device"),
    (32, "EPIPE", "Broken pipe"),
    (35, "EDEADLK", "Resource deadlock avoided"),
    (40, "ELOOP", "Too many levels of symbolic links"),
    (62, "ETIME", "Timer expired"),
    (71, "EPROTO", "Protocol error"),
    (88, "ENOTSOCK", "Socket operation on non-socket"),
    (89, "EDESTADDRREQ", "Destination address required"),
    (90, "EMSGSIZE", "Message too long"),
    (92, "ENOPROTOOPT", "Protocol not available"),
    (94, "ESOCKTNOSUPPORT", "Socket type not supported"),
    (95, "EOPNOTSUPP", "Operation not supported"),
    (97, "EAFNOSUPPORT", "Address family not supported by protocol"),
    (98, "EADDRINUSE", "Address already in use"),
    (99, "EADDRNOTAVAIL", "Cannot assign requested address"),
    (100, "ENETDOWN", "Network is down"),
    (101, "ENETUNREACH", "Network is unreachable"),
    (102, "ENETRESET", "Network dropped connection on reset"),
    (103, "ECONNABORTED", "Software caused connection abort"),
    (104, "ECONNRESET", "Connection reset by peer"),
    (105, "ENOBUFS", "No buffer space available"),
    (106, "EISCONN", "Transport endpoint is already connected"),
    (107, "ENOTCONN", "Transport endpoint is not connected"),
    (108, "ESHUTDOWN", "Cannot send after transport endpoint shutdown"),
    (110, "ETIMEDOUT", "Connection timed out"),
    (111, "ECONNREFUSED", "Connection refused"),
    (112, "EHOSTDOWN", "Host is down"),
    (113, "EHOSTUNREACH", "No route to host"),
    (114, "EALREADY", "Operation already in progress"),
    (115, "EINPROGRESS", "Operation now in progress"),
    (125, "ECANCELED", "Operation canceled"),
];

impl Errno {
    /// `EPERM`
    pub const EPERM: Self = Self(1);
    /// `ENOENT`
    pub const ENOENT: Self = Self(2);
    /// `EINTR`
    pub const EINTR: Self = Self(4);
    /// `EBADF`
    pub const EBADF: Self = Self(9);
    /// `EAGAIN`
    pub const EAGAIN: Self = Self(11);
    /// `EEXIST`
    pub const EBUSY: Self = Self(16);
    /// The name is taken.
    pub const EEXIST: Self = Self(17);
    /// `EISDIR`
    pub const EISDIR: Self = Self(21);
    /// `EINVAL`
    pub const EINVAL: Self = Self(22);
    /// `ENFILE`
    pub const ENFILE: Self = Self(23);
    /// `EMFILE`
    pub const EMFILE: Self = Self(24);
    /// `EPIPE`
    pub const EPIPE: Self = Self(32);
    /// `EDEADLK`
    pub const EDEADLK: Self = Self(35);
    /// `ELOOP`
    pub const ELOOP: Self = Self(40);
    /// `ENOTSOCK`
    pub const ENOTSOCK: Self = Self(88);
    /// `EMSGSIZE`
    pub const EMSGSIZE: Self = Self(90);
    /// `EOPNOTSUPP`
    pub const EOPNOTSUPP: Self = Self(95);
    /// `ECONNABORTED`
    pub const ECONNABORTED: Self = Self(103);
    /// `ECONNRESET`
    pub const ECONNRESET: Self = Self(104);
    /// `EISCONN`
    pub const EISCONN: Self = Self(106);
    /// `ENOTCONN`
    pub const ENOTCONN: Self = Self(107);
    /// `ECONNREFUSED`
    pub const ECONNREFUSED: Self = Self(111);
    /// `EALREADY`
    pub const EALREADY: Self = Self(114);
    /// `EINPROGRESS`
    pub const EINPROGRESS: Self = Self(115);
    /// The operation was cancelled.
    pub const ECANCELED: Self = Self(125);
    /// No buffer is left to put the bytes in.
    pub const ENOBUFS: Self = Self(105);
    /// The timeout has passed.
    pub const ETIME: Self = Self(62);

    /// The symbolic name, if it is one that the observed calls return.
    pub fn name(self) -> Option<&'static str> {
        NAMES.iter().find(|(n, ..)| *n == self.0).map(|(_, name, _)| *name)
    }

    /// What strerror(3) says of it in the C locale, if it is one that the observed calls return.
    pub fn description(self) -> Option<&'static str> {
        NAMES.iter().find(|(n, ..)| *n == self.0).map(|(.., text)| *text)
    }

    /// The number with this name.
    pub fn parse(name: &str) -> Option<Self> {
        NAMES.iter().find(|(_, known, _)| *known == name).map(|(n, ..)| Self(*n))
    }

    /// All names, in the order of the numbers.
    pub fn names() -> impl Iterator<Item = &'static str> {
        NAMES.iter().map(|(_, name, _)| *name)
    }

    /// Whether the process or the system is out of descriptors (`EMFILE`, `ENFILE`).
    pub fn is_out_of_descriptors(self) -> bool {
        self == Self::EMFILE || self == Self::ENFILE
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "errno {}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptions_are_those_of_the_c_library() {
        for (number, name, text) in NAMES {
            let error = std::io::Error::from_raw_os_error(number).to_string();
            assert_eq!(error, format!("{text} (os error {number})"), "{name}");
        }
    }
}
