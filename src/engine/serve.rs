//! What a server does with a connection, without waiting.
//!
//! ```text
//! bytes of the peer ──> intake ──> lines for others, words to show
//!                          │
//!                          v
//!   wants <── [ queue ] ── pending ──> bytes to send
//!                ^                          │
//!                └────────── sent ──────────┘
//! ```
//!
//! It has no descriptor, makes no call and knows no thread: each way of waiting serves with the
//! same code, and asks [`Connection::wants`] what to wait for.

mod app;
mod http;
mod outgoing;
mod telnet;

use self::app::App;
use self::outgoing::Outgoing;
use crate::event::{ConnState, How, Mistake, Settings};

pub(crate) use self::app::{Served, telnet_layer};

/// Bytes queued for a client at which it is not read any more.
const QUEUE_CAP: usize = 256 * 1024;

/// What is to be done for an open file as soon as it can be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wants {
    /// Take what has come.
    pub(crate) read: bool,
    /// Send what is queued, or wait until the peer has made room.
    pub(crate) write: bool,
    /// All is sent: end the server's side ([`How::Wr`]), or the connection ([`How::RdWr`]).
    pub(crate) close: Option<How>,
}

impl Wants {
    /// To be read, or left alone.
    pub(crate) fn read(read: bool) -> Self {
        Self { read, write: false, close: None }
    }
}

/// What follows from the length of the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Nothing but waiting.
    Wait,
    /// Reading goes on without an event, because none will come.
    Carry,
    /// The peer has made room: what came meanwhile has to be asked for.
    Resume,
    /// The queue has become full.
    Full,
}

/// Whether the server ends a connection of its own accord.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum LastWord {
    /// It does not.
    #[default]
    None,
    /// It does, once the queue is empty.
    Due,
    /// It has shut its side down, and for a while forgets what still comes until the client does
    /// the same: a close with unread data would be a reset, which can overtake the answer.
    ErrorReported,
}

/// A connection as its server sees it: the application's state, what is queued, how it ends.
#[derive(Debug, Default)]
pub(crate) struct Connection {
    state: ConnState,
    last_word: LastWord,
    out: Outgoing,
    app: App,
    /// The peer sent its end, and the server made the mistake of keeping the connection.
    at_end: bool,
    /// The server "switched off" the connection with mask 0.
    off: bool,
}

impl Connection {
    /// A new connection to the application of these settings.
    pub(crate) fn new(settings: &Settings) -> Self {
        Self { app: App::new(settings), ..Self::default() }
    }

    /// How it stands.
    pub(crate) fn state(&self) -> ConnState {
        self.state
    }

    /// The bytes that are to be sent next.
    pub(crate) fn pending(&self) -> &[u8] {
        self.out.bytes()
    }

    /// How many bytes those are, as the events have it.
    pub(crate) fn queued(&self) -> u32 {
        self.out.queued()
    }

    /// Whether so much is queued that no more is to be read.
    pub(crate) fn is_full(&self) -> bool {
        self.out.len() >= QUEUE_CAP
    }

    /// Whether input is left where it is.
    pub(crate) fn is_deaf(&self) -> bool {
        match self.state {
            ConnState::BackPressure => true,
            ConnState::Flushing => self.last_word != LastWord::ErrorReported,
            ConnState::Open | ConnState::Carried => false,
        }
    }

    /// What is to be waited for, and what can be done at once.
    pub(crate) fn wants(&self, settings: &Settings) -> Wants {
        let queued = !self.out.is_empty();
        let (read, write) = match self.state {
            _ if self.off => (false, false),
            ConnState::Flushing if self.last_word == LastWord::ErrorReported => (true, false),
            ConnState::BackPressure | ConnState::Flushing => (false, true),
            ConnState::Open | ConnState::Carried => {
                (true, queued || settings.mistakes.has(Mistake::OutAlways))
            }
        };
        let close = match (self.state, self.last_word) {
            (ConnState::Flushing, LastWord::None) if !queued => Some(How::RdWr),
            (ConnState::Flushing, LastWord::Due) if !queued => Some(How::Wr),
            _ => None,
        };
        Wants { read, write, close }
    }

    /// Bytes of the peer are served; the answers are queued.
    pub(crate) fn intake(&mut self, input: &[u8]) -> Served {
        if self.last_word == LastWord::ErrorReported {
            return Served::default();
        }
        let served = self.app.serve(input, self.out.tail());
        if served.close {
            if self.last_word == LastWord::None {
                self.last_word = LastWord::Due;
            }
            self.state = ConnState::Flushing;
        }
        served
    }

    /// The peer sent its end: what was kept back because more might follow is served.
    pub(crate) fn ended(&mut self) -> Served {
        self.app.finish(self.out.tail())
    }

    /// After the peer's end what is queued still goes out. Whether nothing is, and the connection
    /// is to be closed.
    pub(crate) fn wind_up(&mut self, settings: &Settings) -> bool {
        if settings.mistakes.has(Mistake::IgnoreEof) {
            self.at_end = true;
            return false;
        }
        let over = self.out.is_empty();
        if !over {
            self.state = ConnState::Flushing;
        }
        over
    }

    /// The mistake of watching for nothing instead of closing; whether it is made now.
    pub(crate) fn switch_off(&mut self) -> bool {
        self.at_end = true;
        !std::mem::replace(&mut self.off, true)
    }

    /// The settings have changed. Whether the connection was kept by a mistake that is not made
    /// any more.
    pub(crate) fn reconsider(&mut self, settings: &Settings) -> bool {
        let has = |mistake| settings.mistakes.has(mistake);
        let kept = if self.off {
            has(Mistake::MaskZero) || has(Mistake::LeakGoroutine)
        } else {
            has(Mistake::IgnoreEof)
        };
        let over = self.at_end && !kept && self.state != ConnState::Flushing;
        self.off &= !over;
        over
    }

    /// Puts bytes of somebody else on the queue.
    pub(crate) fn enqueue(&mut self, bytes: &[u8]) {
        self.out.tail().extend_from_slice(bytes);
    }

    /// The first `count` of the pending bytes are sent.
    pub(crate) fn sent(&mut self, count: usize) {
        self.out.consume(count);
    }

    /// What is queued moves out, for the kernel to send from until [`Self::give_back`]. `None` if
    /// nothing is, or while bytes are on loan.
    pub(crate) fn lend(&mut self) -> Option<Vec<u8>> {
        self.out.lend()
    }

    /// What was lent comes back; its first `sent` bytes are sent.
    pub(crate) fn give_back(&mut self, lent: Vec<u8>, sent: usize) {
        self.out.give_back(lent, sent);
    }

    /// What the length of the queue means for the connection. `more`: input is left of which no
    /// event will tell.
    pub(crate) fn advance(&mut self, more: bool) -> Next {
        match self.state {
            ConnState::Flushing if more && self.last_word == LastWord::ErrorReported => Next::Carry,
            ConnState::BackPressure if self.out.len() <= QUEUE_CAP / 2 => {
                self.state = ConnState::Open;
                Next::Resume
            }
            ConnState::Flushing | ConnState::BackPressure => Next::Wait,
            ConnState::Open | ConnState::Carried if self.is_full() => {
                self.state = ConnState::BackPressure;
                Next::Full
            }
            ConnState::Open | ConnState::Carried if more => {
                self.state = ConnState::Carried;
                Next::Carry
            }
            ConnState::Open | ConnState::Carried => {
                self.state = ConnState::Open;
                Next::Wait
            }
        }
    }

    /// The server's side is to be ended now; whether that was due.
    pub(crate) fn say_last_word(&mut self) -> bool {
        let due = self.last_word == LastWord::Due;
        if due {
            self.last_word = LastWord::ErrorReported;
        }
        due
    }
}

#[cfg(test)]
mod tests;
