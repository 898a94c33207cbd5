//! What a label names, and what a call wants it to be.

use crate::lesson::case::ActorKind;

/// What a descriptor is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::lesson::parse) enum Thing {
    Epoll,
    ReadEnd,
    WriteEnd,
    Eventfd,
    Timerfd,
    Stream,
    Datagram,
    Udp,
    Listener,
    Client,
    Connection,
    File,
    Dir,
    Null,
    Ring,
    /// An actor of which the definition is wrong, which is an error already. Or a duplicate of a bare
    /// number, or of what was closed before: what that is by then shows when the case runs.
    Unsure,
}

impl Thing {
    /// The descriptor of `kind` whose label ends in `end`.
    pub(in crate::lesson::parse) fn of(kind: ActorKind, end: &str) -> Self {
        match kind {
            ActorKind::Epoll => Self::Epoll,
            ActorKind::Pipe { .. } if end == ".r" => Self::ReadEnd,
            ActorKind::Pipe { .. } => Self::WriteEnd,
            ActorKind::Eventfd { .. } => Self::Eventfd,
            ActorKind::Timerfd => Self::Timerfd,
            ActorKind::Pair { .. } => Self::Stream,
            ActorKind::Dgram { .. } => Self::Datagram,
            ActorKind::Udp => Self::Udp,
            ActorKind::Listener { .. } => Self::Listener,
            ActorKind::Client => Self::Client,
            ActorKind::File => Self::File,
            ActorKind::Dir => Self::Dir,
            ActorKind::Null => Self::Null,
            ActorKind::Ring { .. } => Self::Ring,
        }
    }

    pub(in crate::lesson::parse) fn words(self) -> &'static str {
        match self {
            Self::Epoll => "an epoll instance",
            Self::ReadEnd => "the read end of a pipe",
            Self::WriteEnd => "the write end of a pipe",
            Self::Eventfd => "an eventfd",
            Self::Timerfd => "a timerfd",
            Self::Stream => "a stream socket",
            Self::Datagram => "a datagram socket",
            Self::Udp => "a UDP socket",
            Self::Listener => "a listener",
            Self::Client => "a client",
            Self::Connection => "an accepted connection",
            Self::File => "a regular file",
            Self::Dir => "a directory",
            Self::Null => "/dev/null",
            Self::Ring => "an io_uring",
            Self::Unsure => "unknown",
        }
    }
}

/// What a descriptor must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::lesson::parse) enum Wants {
    Any,
    Epoll,
    /// Something that read(2) can read, unless the file says nothing or that it fails.
    Readable,
    /// Something that takes bytes, unless the file says nothing or that it fails.
    Writable,
    Eventfd,
    Timerfd,
    Listener,
    Client,
    /// A TCP connection.
    Tcp,
    Socket,
    Ring,
}

impl Wants {
    pub(in crate::lesson::parse) fn takes(self, thing: Thing) -> bool {
        use Thing as T;
        match (self, thing) {
            (_, T::Unsure) | (Self::Any, _) => true,
            (Self::Epoll, thing) => thing == T::Epoll,
            (Self::Readable, thing) => {
                !matches!(thing, T::Epoll | T::WriteEnd | T::Listener | T::Dir | T::Ring)
            }
            (Self::Writable, thing) => !matches!(
                thing,
                T::Epoll | T::ReadEnd | T::Eventfd | T::Timerfd | T::Listener | T::Dir | T::Ring
            ),
            (Self::Eventfd, thing) => thing == T::Eventfd,
            (Self::Timerfd, thing) => thing == T::Timerfd,
            (Self::Listener, thing) => thing == T::Listener,
            (Self::Client, thing) => thing == T::Client,
            (Self::Ring, thing) => thing == T::Ring,
            (Self::Tcp, thing) => matches!(thing, T::Client | T::Connection),
            (Self::Socket, thing) => matches!(
                thing,
                T::Stream | T::Datagram | T::Udp | T::Listener | T::Client | T::Connection
            ),
        }
    }

    /// Whether the wrong thing is right where the call need not succeed.
    pub(in crate::lesson::parse) fn yields(self, thing: Thing) -> bool {
        match self {
            Self::Readable | Self::Writable => true,
            // After shutdown(2) a listener is a socket like others.
            Self::Client | Self::Tcp => matches!(thing, Thing::Connection | Thing::Listener),
            _ => false,
        }
    }

    pub(in crate::lesson::parse) fn words(self) -> &'static str {
        match self {
            Self::Any => "a descriptor",
            Self::Epoll => "an epoll instance",
            Self::Readable => "something to read from",
            Self::Writable => "something to write bytes to",
            Self::Eventfd => "an eventfd, which alone takes a `value`",
            Self::Timerfd => "a timerfd",
            Self::Listener => "a listener",
            Self::Client => "a client",
            Self::Tcp => "a TCP connection",
            Self::Socket => "a socket",
            Self::Ring => "an io_uring",
        }
    }
}
