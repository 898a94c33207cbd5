//! What is said to a machine, and what it answers.

use crate::event::{CtlOp, Fd, FileId, Mask};

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
    /// A signal: EINTR.
    Interrupted,
    /// Its own timeout: 0.
    TimedOut,
}

/// The operation of epoll_ctl(2), unknown ones included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ctl {
    /// EPOLL_CTL_ADD
    Add,
    /// EPOLL_CTL_MOD
    Mod,
    /// EPOLL_CTL_DEL
    Del,
    /// A number that is none of these.
    Invalid,
}

impl Ctl {
    /// The operation, if it is one.
    pub fn known(self) -> Option<CtlOp> {
        match self {
            Self::Add => Some(CtlOp::Add),
            Self::Mod => Some(CtlOp::Mod),
            Self::Del => Some(CtlOp::Del),
            Self::Invalid => None,
        }
    }
}

/// poll(2) or select(2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// poll(2)
    Poll,
    /// select(2), which knows IN, OUT and PRI
    Select,
}
