//! Files that are watched.

use serde::{Deserialize, Serialize};

use super::{Fd, FileId, Mask};

/// What a watched file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum FileKind {
    /// A listening TCP or UNIX socket.
    Listener,
    /// A connected TCP socket.
    Tcp,
    /// A connected AF_UNIX stream socket.
    Unix,
    /// An eventfd.
    Eventfd,
    /// The reading end of a pipe.
    Pipe,
    /// The writing end of a pipe.
    PipeWriter,
    /// A timerfd.
    Timerfd,
    /// An AF_UNIX datagram socket.
    Datagram,
    /// A UDP socket.
    Udp,
    /// An epoll instance.
    Epoll,
    /// A file that epoll refuses: a regular file, a directory, `/dev/null`.
    Plain,
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
