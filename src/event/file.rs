//! Files that are watched.

use serde::{Deserialize, Serialize};

use super::{Fd, FileId, Mask, vocabulary};

vocabulary! {
    /// What a watched file is.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
    pub enum FileKind {
        /// A listening TCP or UNIX socket.
        Listener = "listener",
        /// A connected TCP socket.
        Tcp = "tcp",
        /// A connected AF_UNIX stream socket.
        Unix = "unix",
        /// An eventfd.
        Eventfd = "eventfd",
        /// The reading end of a pipe.
        Pipe = "pipe",
        /// The writing end of a pipe.
        PipeWriter = "pipe-writer",
        /// A timerfd.
        Timerfd = "timerfd",
        /// An AF_UNIX datagram socket.
        Datagram = "unix-datagram",
        /// A UDP socket.
        Udp = "udp",
        /// An epoll instance.
        Epoll = "epoll",
        /// An io_uring.
        Ring = "io_uring",
        /// A file that epoll refuses: a regular file, a directory, `/dev/null`.
        Plain = "file",
    }
}

/// A line of `/proc/self/fdinfo/EPFD` (proc(5)).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FdinfoEntry {
    /// `tfd`
    pub fd: Fd,
    /// `events`, the kernel's own bits included
    pub mask: Mask,
    /// `data`
    pub file: FileId,
}
