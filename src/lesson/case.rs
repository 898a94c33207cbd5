//! What a case file says, as types: actors, steps, expectations, questions.
//!
//! A case is data. What it comes to is a kernel's business (`lesson::kernel`), how it is written as
//! text the parser's and the printer's. This module knows neither files nor descriptors: a
//! descriptor is a [`Label`] here.

mod action;
mod bounds;
mod label;
mod words;

use std::collections::BTreeMap;
use std::mem;

use serde::{Deserialize, Serialize};

use crate::event::{Errno, Mask};
pub use crate::sim::Way;

pub(crate) use action::HOWS;
pub use action::{
    Action, Amount, ConnectTarget, CqeEntry, CqeResult, Enter, Run, Scan, SockOpt, Submit, Wait,
    Who,
};
pub use bounds::MAX_EVENTS;
pub(crate) use bounds::{MAX_EPOLLS, MAX_HELD, MAX_IO, MAX_MS, MAX_NUMBER, MAX_THREADS};
pub use label::{FdArg, Label};
pub use words::{Counter, Level, Look, NVAL, Need, Take};

/// One case or lesson.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Case {
    /// Its name: that of the file without `.toml`.
    pub id: String,
    /// The heading.
    pub title: String,
    /// One paragraph: what is shown.
    pub about: String,
    /// For whom.
    pub level: Level,
    /// Words to find it by.
    pub tags: Vec<String>,
    /// Where the facts come from: a manual page, a kernel function, a test of others.
    pub sources: Vec<String>,
    /// What the system must grant; where it does not, the case is skipped.
    pub needs: Vec<Need>,
    /// The group in the menu; a lesson has one.
    pub topic: Option<String>,
    /// How long it takes in class, 1 to 15; a lesson says so.
    pub minutes: Option<u8>,
    /// What exists before the first step, in the order of its making.
    pub actors: Vec<Actor>,
    /// What is done.
    pub steps: Vec<Step>,
}

impl Case {
    /// Whether it asks the learner something.
    #[cfg(test)]
    pub(crate) fn is_lesson(&self) -> bool {
        self.steps.iter().any(|step| step.ask.is_some())
    }

    /// Whether it ever makes an epoll instance.
    pub(crate) fn has_epoll(&self) -> bool {
        let made = self.steps.iter().filter_map(|step| match &step.action {
            Action::New { actor } => Some(actor),
            _ => None,
        });
        self.actors.iter().chain(made).any(|actor| actor.kind == ActorKind::Epoll)
    }

    /// The threads beside the main one, in the order in which the steps name them.
    pub fn threads(&self) -> Vec<Label> {
        let mut threads = Vec::new();
        for step in &self.steps {
            step.action.each_thread(&mut |thread| {
                if !threads.contains(thread) {
                    threads.push(thread.clone());
                }
            });
        }
        threads
    }

    /// The same case without the line numbers: what it says, not where it says it.
    #[must_use]
    #[cfg(test)]
    pub(crate) fn without_lines(mut self) -> Self {
        for actor in &mut self.actors {
            actor.line = 0;
        }
        for step in &mut self.steps {
            step.line = 0;
            if let Action::New { actor } = &mut step.action {
                actor.line = 0;
            }
        }
        self
    }
}

/// Something that makes descriptors.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// The line of the file, from 1; 0 if it comes from no file.
    pub line: u32,
    /// Its name; its descriptors are called after it ([`Actor::labels`]).
    pub name: Label,
    /// What it is.
    pub kind: ActorKind,
    /// So many of them, called NAME1, NAME2, ...; `None` is one, called NAME.
    pub count: Option<u16>,
}

impl Actor {
    /// The names of its members in the order of their making: NAME, or NAME1, NAME2, ...
    pub(crate) fn members(&self) -> Vec<Label> {
        match self.count {
            None => vec![self.name.clone()],
            Some(count) => (1..=count).map(|n| Label::new(format!("{}{n}", self.name))).collect(),
        }
    }

    /// The labels of its descriptors in the order of their making.
    pub fn labels(&self) -> Vec<Label> {
        let ends = self.kind.ends();
        let with =
            |name: &Label| ends.iter().map(|end| Label::new(format!("{name}{end}"))).collect();
        self.members().iter().flat_map::<Vec<_>, _>(with).collect()
    }
}

/// What an [`Actor`] is. All its descriptors are non-blocking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ActorKind {
    /// An epoll instance (epoll_create1(2)).
    Epoll,
    /// A pipe (pipe2(2)): `.r` and `.w`.
    Pipe {
        /// Bytes it can hold (`F_SETPIPE_SZ`): a multiple of 4096; 65536 unless the file says so.
        size: u32,
    },
    /// A counter (eventfd2(2)).
    Eventfd {
        /// Where it begins.
        value: u32,
        /// Each read takes one (`EFD_SEMAPHORE`).
        semaphore: bool,
    },
    /// A timer of `CLOCK_MONOTONIC` (timerfd_create(2)).
    Timerfd,
    /// Two connected AF_UNIX stream sockets: `.a` and `.b`.
    Pair {
        /// SO_SNDBUF of both, in bytes, if it is set.
        sndbuf: Option<u32>,
    },
    /// Two connected AF_UNIX datagram sockets: `.a` and `.b`.
    Dgram {
        /// SO_SNDBUF of both, in bytes, if it is set.
        sndbuf: Option<u32>,
    },
    /// Two UDP sockets on loopback, connected to each other: `.a` and `.b`.
    Udp,
    /// A listening TCP socket on a free loopback port.
    Listener {
        /// The second argument of listen(2); 64 unless the file says so.
        backlog: u32,
    },
    /// A TCP socket that is not connected yet.
    Client,
    /// An empty regular file, open for reading and writing.
    File,
    /// A directory.
    Dir,
    /// `/dev/null`.
    Null,
    /// An io_uring (io_uring_setup(2)).
    Ring {
        /// SQEs for which there is room, a power of two; there is room for twice as many CQEs. 8
        /// unless the file says so.
        entries: u32,
    },
}

impl ActorKind {
    /// Each with its word, as it is unless the file says more.
    pub const ALL: [(Self, &str); 13] = [
        (Self::Epoll, "epoll"),
        (Self::Pipe { size: 65_536 }, "pipe"),
        (Self::Eventfd { value: 0, semaphore: false }, "eventfd"),
        (Self::Timerfd, "timerfd"),
        (Self::Pair { sndbuf: None }, "pair"),
        (Self::Dgram { sndbuf: None }, "dgram"),
        (Self::Udp, "udp"),
        (Self::Listener { backlog: 64 }, "listener"),
        (Self::Client, "client"),
        (Self::File, "file"),
        (Self::Dir, "dir"),
        (Self::Null, "null"),
        (Self::Ring { entries: 8 }, "ring"),
    ];

    /// Its word.
    pub fn word(self) -> &'static str {
        let same = |one: &Self| mem::discriminant(one) == mem::discriminant(&self);
        Self::ALL.iter().find(|(one, _)| same(one)).map_or("", |(_, word)| word)
    }

    /// What is appended to the name for each descriptor, in the order of their making.
    pub fn ends(self) -> &'static [&'static str] {
        match self {
            Self::Pipe { .. } => &[".r", ".w"],
            Self::Pair { .. } | Self::Dgram { .. } | Self::Udp => &[".a", ".b"],
            _ => &[""],
        }
    }
}

/// One step: words, perhaps a question, one action, and what must be seen after it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// The line of the file at which it begins, from 1; 0 if it comes from no file.
    pub line: u32,
    /// A chapter begins here.
    pub chapter: Option<String>,
    /// The narration.
    pub say: Option<String>,
    /// What to look at; empty leaves the eye where it is.
    pub look: Vec<Look>,
    /// What the learner is asked before the action.
    pub ask: Option<Ask>,
    /// What is done.
    pub action: Action,
    /// Shown after the action: why it came out so.
    pub reveal: Option<String>,
    /// What must be seen.
    pub expect: Expect,
}

impl Step {
    /// A step that does `action` and says nothing.
    pub fn new(action: Action) -> Self {
        Self {
            line: 0,
            chapter: None,
            say: None,
            look: Vec::new(),
            ask: None,
            action,
            reveal: None,
            expect: Expect::default(),
        }
    }
}

/// What a call returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// The value.
    Value(i64),
    /// It failed.
    Errno(Errno),
    /// `drain` came to the end of the stream.
    Eof,
}

/// A descriptor with a mask, as in `"p.r IN|ET"`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Which.
    pub label: Label,
    /// The bits reported, or registered.
    pub mask: Mask,
}

/// What a call that waits came back with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Seen {
    /// These events, in this order; none is a timeout.
    Events(Vec<Entry>),
    /// This number, of a read or an io_uring_enter.
    Value(i64),
    /// It failed.
    Errno(Errno),
}

impl Seen {
    /// The number that a call returned.
    pub(crate) fn number(value: u64) -> Self {
        Self::Value(i64::try_from(value).unwrap_or(i64::MAX))
    }
}

/// A number that must lie between two others, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Range {
    /// The least that is right.
    pub min: u64,
    /// The most that is right; `None` is without end.
    pub max: Option<u64>,
}

impl Range {
    /// Just this number.
    pub fn exactly(value: u64) -> Self {
        Self { min: value, max: Some(value) }
    }

    /// Whether `value` lies in it.
    pub fn contains(self, value: u64) -> bool {
        value >= self.min && self.max.is_none_or(|max| value <= max)
    }
}

/// What must be seen after a step. What is absent is not checked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expect {
    /// What the call returned.
    pub ret: Option<Outcome>,
    /// What wait, poll or select of the main thread handed over.
    pub events: Option<Seen>,
    /// What was taken out of a ring, in this order.
    pub cqes: Option<Vec<CqeEntry>>,
    /// The ready list of each of these epoll instances, head first.
    pub rdl: BTreeMap<Label, Vec<Label>>,
    /// The overflow list of each of these, newest first, while a harvest is frozen.
    pub ovf: BTreeMap<Label, Vec<Label>>,
    /// The interest list of each of these as fdinfo prints it, sorted by label.
    pub interest: BTreeMap<Label, Vec<Entry>>,
    /// What threads returned with since the last step. Unless it is empty, these and those of
    /// `woke_maybe` are all that may have returned, and each of these must have.
    pub woke: BTreeMap<Label, Seen>,
    /// What a thread returned with, if it returned: where the kernel allows two outcomes.
    pub woke_maybe: BTreeMap<Label, Seen>,
    /// The threads that still sleep, sorted.
    pub asleep: Option<Vec<Label>>,
    /// Counters.
    pub count: BTreeMap<Counter, Range>,
    /// Two labels that got the same number, at different times.
    pub same: Option<[Label; 2]>,
    /// Two counters of which the first is the smaller.
    pub less: Option<[Counter; 2]>,
}

impl Expect {
    /// Whether it checks nothing.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether it names what only the model tells: a ready list, an overflow list, or one of its
    /// counters.
    pub(crate) fn names_lists(&self) -> bool {
        let mut counted = self.count.keys().chain(self.less.iter().flatten());
        !self.rdl.is_empty() || !self.ovf.is_empty() || counted.any(Counter::is_model)
    }
}

/// A question, asked before the action of its step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ask {
    /// The question.
    pub text: String,
    /// How it is answered.
    pub answer: Answer,
}

/// How a question is answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    /// By choosing: 2 to 4 choices, of which just one is marked as right. Either every one says
    /// when it is right, or none does.
    Choice(Vec<Choice>),
    /// By typing.
    Free {
        /// What is asked for.
        take: Take,
        /// What the author says it is.
        right: Given,
    },
}

/// One of the answers to choose from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// Its words.
    pub text: String,
    /// It is right if the kernel did this.
    pub when: Option<Expect>,
    /// The author's mark.
    pub right: bool,
}

/// What is typed as an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Given {
    /// A number or the name of an error: for [`Take::Ret`], [`Take::Events`], [`Take::Count`].
    Outcome(Outcome),
    /// A mask: for [`Take::Mask`].
    Mask(Mask),
}
