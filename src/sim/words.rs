//! What is said to a machine, and what it answers.

use serde::{Deserialize, Serialize};

use crate::event::{Errno, Fd, FileId, Mask};

/// A new descriptor: its number, and the tool's number for the open file behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The number.
    pub fd: Fd,
    /// The open file, never used before.
    pub file: FileId,
}

/// An epoll_event as epoll_wait hands it over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reported {
    /// `epoll_event.data`
    pub data: u64,
    /// `epoll_event.events`
    pub mask: Mask,
}

/// What a thread that slept returned with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Woke {
    /// epoll_wait: events, in the order handed over; at least one.
    Events(Vec<Reported>),
    /// poll or select: the descriptors with something to tell, in the order given.
    Polled(Vec<(Fd, Mask)>),
    /// read(2), io_uring_enter(2): what it returned.
    Number(Result<u64, Errno>),
    /// A signal: EINTR.
    Interrupted,
    /// Its own timeout: 0.
    TimedOut,
}

/// How far the stream that a TCP socket sends is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// It may go on, or its end is not acknowledged.
    No,
    /// Its end is acknowledged (TCP_FIN_WAIT2, TCP_TIME_WAIT).
    Acknowledged,
    /// The whole connection is (TCP_CLOSE).
    Closed,
}

/// What the kernel says of an end of a TCP connection of which a full window may hold back the
/// streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flow {
    /// How far the stream to it came: bytes, and one for its end (`tcpi_bytes_received`).
    pub received: u64,
    /// How far its own stream is over.
    pub over: Over,
    /// Whether its receive buffer is nearly used up (`tcp_epollin_ready`).
    pub pressed: bool,
    /// Whether poll calls it writable (`sk_stream_is_writeable`).
    pub writable: bool,
}

/// Which of the two calls that are told of all descriptors each time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Way {
    /// poll(2)
    Poll,
    /// select(2), which knows IN, OUT and PRI
    Select,
}

impl Way {
    /// The name of the call.
    pub fn name(self) -> &'static str {
        match self {
            Self::Poll => "poll",
            Self::Select => "select",
        }
    }
}
