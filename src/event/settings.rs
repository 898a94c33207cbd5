//! How the live server behaves: what can be switched while it runs.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Backend, NetpollMode, Trigger, vocabulary};

vocabulary! {
    /// What the server does with the bytes it receives.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
    pub enum Application {
        /// Each client gets its own bytes back.
        #[default]
        Echo = "echo",
        /// Each line goes to all the other clients.
        Chat = "chat",
        /// Reads and forgets.
        Discard = "discard",
        /// A small correct HTTP/1.1 answer with keep-alive.
        Http = "http",
    }
}

/// How much the server reads for one event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ReadPolicy {
    /// Until EAGAIN, within the bound of a turn.
    #[default]
    Drain,
    /// One `read` of at most so many bytes.
    Once(u32),
}

impl ReadPolicy {
    /// Bytes of one `read` unless the user says otherwise.
    pub const DEFAULT_BYTES: u32 = 4096;
    /// The largest `read`.
    pub const MAX_BYTES: u32 = 65_536;
}

impl fmt::Display for ReadPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Drain => f.write_str("drain"),
            Self::Once(Self::DEFAULT_BYTES) => f.write_str("once"),
            Self::Once(bytes) => write!(f, "once {bytes}"),
        }
    }
}

vocabulary! {
    /// How many connections the server accepts for one event.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
    pub enum AcceptPolicy {
        /// Until EAGAIN.
        #[default]
        Drain = "drain",
        /// One.
        Once = "once",
    }
}

vocabulary! {
    /// A protection of the correct server that can be switched off.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
    pub enum Mistake {
        /// End of stream is not acted upon: the connection stays registered.
        IgnoreEof = "ignore-eof",
        /// EMFILE is treated as just an error.
        NoEmfileGuard = "no-emfile-guard",
        /// Reads of a turn have no bound.
        NoReadBound = "no-read-bound",
        /// OUT is watched although there is nothing to write.
        OutAlways = "out-always",
        /// One `accept4` an event, whatever the trigger.
        AcceptOnce = "accept-once",
        /// A copy of the descriptor stays open after close, as if a child process had inherited it.
        CloseKeepsDup = "close-keeps-dup",
        /// `epoll_wait` is called with timeout 0.
        TimeoutZero = "timeout-zero",
        /// A one-shot registration that fired is not armed again.
        NoRearm = "no-rearm",
        /// A connection at its end is "switched off" with mask 0 instead of being closed.
        MaskZero = "mask-zero",
        /// Events of a batch are believed although an earlier event of it closed their file.
        TrustBatch = "trust-batch",
        /// A connection is closed under the operations that it has in flight in a ring.
        NoCancel = "no-cancel",
        /// Buffers that came with completions of a ring are not given back.
        NoBuffers = "no-buffers",
        /// A ring has room for a few completions only.
        SmallCq = "small-cq",
        /// The goroutine of a connection at its end parks for good instead of closing it.
        LeakGoroutine = "leak-goroutine",
    }
}

impl Mistake {
    /// What the server then does wrong, in a few words.
    pub fn about(self) -> &'static str {
        match self {
            Self::IgnoreEof => "end of stream is not acted upon",
            Self::NoEmfileGuard => "EMFILE is treated as just an error",
            Self::NoReadBound => "one connection may be read without end in a turn",
            Self::OutAlways => "OUT is watched with nothing to write",
            Self::AcceptOnce => "one accept an event",
            Self::CloseKeepsDup => "a copy of the descriptor outlives close",
            Self::TimeoutZero => "epoll_wait with timeout 0",
            Self::NoRearm => "a fired one-shot is not armed again",
            Self::MaskZero => "mask 0 instead of close at the end of stream",
            Self::TrustBatch => "stale events of a batch are believed",
            Self::NoCancel => "a close under operations in flight in a ring",
            Self::NoBuffers => "buffers of a ring are not given back",
            Self::SmallCq => "a ring with room for 8 completions",
            Self::LeakGoroutine => "a goroutine parks for good at the end of stream",
        }
    }
}

/// A set of mistakes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Mistakes(u16);

impl Mistakes {
    /// Whether `mistake` is switched on.
    pub fn has(self, mistake: Mistake) -> bool {
        self.0 & (1 << mistake as u16) != 0
    }

    /// Whether none is switched on.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Switches `mistake` on or off.
    pub fn set(&mut self, mistake: Mistake, on: bool) {
        let bit = 1 << mistake as u16;
        self.0 = if on { self.0 | bit } else { self.0 & !bit };
    }

    /// Those switched on.
    pub fn iter(self) -> impl Iterator<Item = Mistake> {
        Mistake::ALL.into_iter().filter(move |m| self.has(*m))
    }

    /// The set as a number, for an atomic.
    pub fn bits(self) -> u16 {
        self.0
    }

    /// The set from its number.
    pub fn from_bits(bits: u16) -> Self {
        Self(bits & ((1 << Mistake::ALL.len()) - 1))
    }
}

vocabulary! {
    /// When wake-ups are recorded, one signal each (F_SETSIG, fcntl(2)).
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
    pub enum WakeupLogMode {
        /// While somebody could follow them: not above some thousands a second.
        #[default]
        Auto = "auto",
        /// Always.
        On = "on",
        /// Never: the ready list is then unknown.
        Off = "off",
    }
}

/// Everything about the server that can be switched while it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Settings {
    /// What is served. Fixed for a run.
    pub app: Application,
    /// How the server waits.
    pub backend: Backend,
    /// Who waits for the files of goroutines.
    pub netpoll: NetpollMode,
    /// Trigger of new registrations.
    pub trigger: Trigger,
    /// Reads an event.
    pub read: ReadPolicy,
    /// Accepts an event.
    pub accept: AcceptPolicy,
    /// `maxevents` of each `epoll_wait`, 1 to 1024.
    pub max_events: u32,
    /// Milliseconds before each call, 0 to 60,000.
    pub delay_ms: u32,
    /// Server threads, 1 to 8: so many are wished for, where the backend can have them.
    pub threads: u8,
    /// Protections switched off.
    pub mistakes: Mistakes,
    /// No telnet layer. Fixed for a run.
    pub raw: bool,
    /// All threads are held at the gate.
    pub paused: bool,
}

impl Settings {
    /// The largest `maxevents`.
    pub const MAX_EVENTS: u32 = 1024;
    /// The longest delay, milliseconds.
    pub const MAX_DELAY_MS: u32 = 60_000;
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            app: Application::Echo,
            backend: Backend::Epoll,
            netpoll: NetpollMode::Shared,
            trigger: Trigger::Level,
            read: ReadPolicy::Drain,
            accept: AcceptPolicy::Drain,
            max_events: 64,
            delay_ms: 0,
            threads: 1,
            mistakes: Mistakes::default(),
            raw: false,
            paused: false,
        }
    }
}
