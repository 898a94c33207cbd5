//! The fixed words of a case file: levels, needs, panes, counters.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Label;
use crate::event::Mask;

/// `POLLNVAL` (poll(2)): the number is not open. epoll knows no such bit.
pub const NVAL: Mask = Mask(0x20);

/// For whom a case is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Level {
    /// The first hour.
    Intro,
    /// What everybody who uses epoll must know.
    Core,
    /// Threads, races, limits.
    Advanced,
    /// Inside the kernel.
    Expert,
}

impl Level {
    /// Each with its word.
    pub const ALL: [(Self, &str); 4] = [
        (Self::Intro, "intro"),
        (Self::Core, "core"),
        (Self::Advanced, "advanced"),
        (Self::Expert, "expert"),
    ];
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(word_of(&Self::ALL, self))
    }
}

/// What the system must grant for a case to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Need {
    /// userfaultfd(2) that also handles faults of the kernel: a harvest can be held.
    Userfaultfd,
    /// io_uring_setup(2), which many systems forbid.
    IoUring,
}

impl Need {
    /// Each with its word.
    pub const ALL: [(Self, &str); 2] =
        [(Self::Userfaultfd, "userfaultfd"), (Self::IoUring, "io_uring")];
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(word_of(&Self::ALL, self))
    }
}

/// What the learner should look at.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Look {
    /// The interest list.
    Interest,
    /// The ready list.
    Ready,
    /// The threads that sleep.
    Waiting,
    /// The calls.
    Calls,
    /// The way of one event.
    Path,
    /// An epoll instance, to which the panes turn, or another descriptor, which is selected.
    Label(Label),
}

impl Look {
    /// The panes, each with its word.
    pub(crate) const PANES: [(Self, &str); 5] = [
        (Self::Interest, "interest"),
        (Self::Ready, "ready"),
        (Self::Waiting, "waiting"),
        (Self::Calls, "calls"),
        (Self::Path, "path"),
    ];
}

impl fmt::Display for Look {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Label(label) => label.fmt(f),
            pane => f.write_str(word_of(&Self::PANES, pane)),
        }
    }
}

/// A number that is kept since the start, or since the last `reset`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Counter {
    /// System calls made.
    Calls,
    /// Returns of epoll_wait.
    Waits,
    /// Of these, those without an event.
    Empty,
    /// Events handed over.
    Events,
    /// Calls of read.
    Reads,
    /// Calls of write.
    Writes,
    /// Calls of accept.
    Accepts,
    /// Calls that failed with EAGAIN.
    Again,
    /// Descriptors passed to poll and select.
    Polled,
    /// Bytes that poll, select, epoll_wait and epoll_ctl copied: sets, arrays and events, in and out.
    Copied,
    /// Of these, those that went in.
    CopiedIn,
    /// Files that poll and select asked; the model's, the kernel does not tell.
    Asked,
    /// Wait queues on which poll and select put their caller; the model's.
    Hooks,
    /// Calls of epoll_ctl.
    Ctls,
    /// SQEs written.
    Sqes,
    /// CQEs taken.
    Cqes,
    /// Signals taken that name a descriptor.
    Named,
    /// SIGIOs taken, which name nobody.
    Sigios,
    /// System calls of this thread.
    CallsOf(Label),
    /// Parked threads that returned: this one, or all.
    Wakeups(Option<Label>),
    /// Nanoseconds a call, as the `measure` of this name found it.
    Ns(Label),
}

impl Counter {
    /// Those that are one word, each with it.
    pub const PLAIN: [(Self, &str); 19] = [
        (Self::Calls, "calls"),
        (Self::Waits, "waits"),
        (Self::Empty, "empty"),
        (Self::Events, "events"),
        (Self::Reads, "reads"),
        (Self::Writes, "writes"),
        (Self::Accepts, "accepts"),
        (Self::Again, "again"),
        (Self::Polled, "polled"),
        (Self::Copied, "copied"),
        (Self::CopiedIn, "copied-in"),
        (Self::Asked, "asked"),
        (Self::Hooks, "hooks"),
        (Self::Ctls, "ctls"),
        (Self::Sqes, "sqes"),
        (Self::Cqes, "cqes"),
        (Self::Named, "named"),
        (Self::Sigios, "sigios"),
        (Self::Wakeups(None), "wakeups"),
    ];

    /// Whether only the model can count it.
    pub(crate) fn is_model(&self) -> bool {
        matches!(self, Self::Asked | Self::Hooks)
    }

    /// The counter that is written so: a plain word, `calls.THREAD`, `wakeups.THREAD`, `ns.NAME`.
    pub fn parse(text: &str) -> Option<Self> {
        if let Some((counter, _)) = Self::PLAIN.iter().find(|(_, word)| *word == text) {
            return Some(counter.clone());
        }
        match text.split_once('.')? {
            ("wakeups", thread) if !thread.is_empty() => Some(Self::Wakeups(Some(thread.into()))),
            ("calls", thread) if !thread.is_empty() => Some(Self::CallsOf(thread.into())),
            ("ns", name) if !name.is_empty() => Some(Self::Ns(name.into())),
            _ => None,
        }
    }
}

impl fmt::Display for Counter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Wakeups(Some(thread)) => write!(f, "wakeups.{thread}"),
            Self::Ns(name) => write!(f, "ns.{name}"),
            Self::CallsOf(thread) => write!(f, "calls.{thread}"),
            plain => f.write_str(word_of(&Self::PLAIN, plain)),
        }
    }
}

/// What a question that is answered by typing asks for.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Take {
    /// What the call returns: a number or the name of an error.
    Ret,
    /// The mask that this step reports for a descriptor.
    Mask(Label),
    /// How many events this step hands over.
    Events,
    /// A counter after the step.
    Count(Counter),
}

impl fmt::Display for Take {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ret => f.write_str("ret"),
            Self::Mask(label) => write!(f, "mask {label}"),
            Self::Events => f.write_str("events"),
            Self::Count(counter) => write!(f, "count {counter}"),
        }
    }
}

/// The word of `wanted`; empty if it is not in the table.
pub(super) fn word_of<T: PartialEq>(table: &[(T, &'static str)], wanted: &T) -> &'static str {
    table.iter().find(|(one, _)| one == wanted).map_or("", |(_, word)| word)
}
