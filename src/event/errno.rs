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

/// Numbers with their names; those that the observed calls can return (their manual pages, ERRORS).
const NAMES: [(i32, &str); 48] = [
    (1, "EPERM"),
    (2, "ENOENT"),
    (3, "ESRCH"),
    (4, "EINTR"),
    (5, "EIO"),
    (6, "ENXIO"),
    (9, "EBADF"),
    (11, "EAGAIN"),
    (12, "ENOMEM"),
    (13, "EACCES"),
    (14, "EFAULT"),
    (16, "EBUSY"),
    (17, "EEXIST"),
    (20, "ENOTDIR"),
    (21, "EISDIR"),
    (22, "EINVAL"),
    (23, "ENFILE"),
    (24, "EMFILE"),
    (25, "ENOTTY"),
    (28, "ENOSPC"),
    (32, "EPIPE"),
    (35, "EDEADLK"),
    (40, "ELOOP"),
    (71, "EPROTO"),
    (88, "ENOTSOCK"),
    (89, "EDESTADDRREQ"),
    (90, "EMSGSIZE"),
    (92, "ENOPROTOOPT"),
    (94, "ESOCKTNOSUPPORT"),
    (95, "EOPNOTSUPP"),
    (97, "EAFNOSUPPORT"),
    (98, "EADDRINUSE"),
    (99, "EADDRNOTAVAIL"),
    (100, "ENETDOWN"),
    (101, "ENETUNREACH"),
    (102, "ENETRESET"),
    (103, "ECONNABORTED"),
    (104, "ECONNRESET"),
    (105, "ENOBUFS"),
    (106, "EISCONN"),
    (107, "ENOTCONN"),
    (108, "ESHUTDOWN"),
    (110, "ETIMEDOUT"),
    (111, "ECONNREFUSED"),
    (112, "EHOSTDOWN"),
    (113, "EHOSTUNREACH"),
    (114, "EALREADY"),
    (115, "EINPROGRESS"),
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

    /// The symbolic name, if it is one that the observed calls return.
    pub fn name(self) -> Option<&'static str> {
        NAMES.iter().find(|(n, _)| *n == self.0).map(|(_, name)| *name)
    }

    /// The number with this name.
    pub fn parse(name: &str) -> Option<Self> {
        NAMES.iter().find(|(_, known)| *known == name).map(|(n, _)| Self(*n))
    }

    /// All names, in the order of the numbers.
    pub fn names() -> impl Iterator<Item = &'static str> {
        NAMES.iter().map(|(_, name)| *name)
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
