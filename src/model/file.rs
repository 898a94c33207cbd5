//! Open file descriptions as far as the server's calls and the kernel's answers tell of them.

use serde::{Deserialize, Serialize};

use crate::event::{ConnState, Fd, FileId, FileKind, Mask, Nanos, Peer, Queues, Seq};
use crate::sim::Eventfd;

use super::counts::FileCounts;

/// What polling a file would answer now: some bits are known, some are not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Poll {
    /// Bits known to be set.
    pub set: Mask,
    /// Bits of which nothing is known.
    pub unknown: Mask,
}

impl Poll {
    /// Whether a registration with `mask` is known to be found ready.
    pub fn surely(self, mask: Mask) -> bool {
        self.set.any(mask)
    }

    /// Whether a registration with `mask` might be found ready.
    pub fn perhaps(self, mask: Mask) -> bool {
        (self.set | self.unknown).any(mask)
    }
}

/// An open file description (struct file).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is one independent fact")]
pub struct OpenFile {
    /// The tool's number for it.
    pub id: FileId,
    /// The number under which the server opened it.
    pub fd: Fd,
    /// What it is.
    pub what: FileKind,
    /// A listener's address, a connection's peer, the control eventfd's purpose.
    pub name: Box<str>,
    /// The other end, for a connection.
    pub peer: Option<Peer>,
    /// The other end is one of the built-in clients.
    pub built_in: bool,
    /// Descriptors that point to it. It lives until the last one is closed.
    pub refs: u32,
    /// When it was opened.
    pub opened: Nanos,
    /// Bytes to read, or connections to accept; `None` if not known.
    pub unread: Option<u32>,
    /// There is something to read or to accept, although it is not known how much.
    pub(super) readable: bool,
    /// Bytes written and not yet acknowledged; for a listener the backlog limit.
    pub unsent: Option<u32>,
    /// Whether there is room to write; `None` if not known.
    pub room: Option<bool>,
    /// Of RDHUP, HUP and ERR those known to hold.
    pub state: Mask,
    /// When the kernel was last asked for its queue lengths.
    pub(super) counted: Nanos,
    /// Whether [`OpenFile::state`] is complete: nothing has woken the file since it was learnt.
    pub settled: bool,
    /// When it was last woken.
    pub woken: Option<Nanos>,
    /// Whether other numbers were ever made to name it (dup(2)).
    pub copied: bool,
    /// What the server is doing with it.
    pub conn: ConnState,
    /// Bytes in the server's own output queue.
    pub queued: u32,
    /// The last event that says how much is to be read.
    pub unread_at: Seq,
    /// The last read, accept or write on it, and when.
    pub served: Option<(Seq, Nanos)>,
    /// When the server last read bytes of it.
    pub read: Option<Nanos>,
    /// The last `read` or `accept4` said EAGAIN and nothing has arrived since.
    pub drained: bool,
    /// A read of the server said that the peer has sent its end.
    pub end_read: bool,
    /// What polling it answers, if that is read.
    pub polled: Option<Mask>,
    /// What has been done with it.
    pub counts: FileCounts,
    /// The last reading by which something had arrived.
    pub(super) grown: Seq,
    /// AF_UNIX: when the peer was last known not to have read all that was sent, and how much was
    /// left then, unless more was sent since.
    pub(super) owed_by_peer: Option<(Nanos, Option<u32>)>,
}

impl OpenFile {
    /// A file of which nothing is known but that it exists.
    pub fn new(id: FileId, fd: Fd, what: FileKind, name: Box<str>, opened: Nanos) -> Self {
        Self {
            id,
            fd,
            what,
            name,
            peer: None,
            built_in: false,
            refs: 1,
            opened,
            unread: None,
            readable: false,
            unsent: None,
            // A fresh socket has an empty send buffer.
            room: matches!(what, FileKind::Tcp | FileKind::Unix).then_some(true),
            state: Mask::EMPTY,
            settled: !matches!(what, FileKind::Tcp | FileKind::Unix),
            woken: None,
            copied: false,
            conn: ConnState::Open,
            queued: 0,
            unread_at: Seq(0),
            served: None,
            read: None,
            drained: false,
            end_read: false,
            polled: None,
            counts: FileCounts::default(),
            grown: Seq(0),
            owed_by_peer: None,
            counted: Nanos(0),
        }
    }

    /// Whether what is unread was there when the server last read: it left it.
    pub fn was_left(&self) -> bool {
        self.read.is_some_and(|read| self.woken.is_none_or(|woken| woken < read))
    }

    /// Whether the peer has sent its end of stream.
    pub fn ended(&self) -> bool {
        self.state.has(Mask::RDHUP)
    }

    /// What polling it would answer (the files' poll methods, by the last column of what each
    /// file's manual page says: tcp(7), unix(7), pipe(7), eventfd(2)).
    pub fn poll(&self) -> Poll {
        if let Some(set) = self.polled {
            return Poll { set, unknown: Mask::EMPTY };
        }
        if self.what == FileKind::Eventfd {
            let mut poll = poll_eventfd(self.unread);
            if self.unread.is_none() && self.readable {
                let readable = Mask::IN | Mask::RDNORM;
                poll = Poll { set: poll.set | readable, unknown: poll.unknown - readable };
            }
            return poll;
        }
        let mut poll = Poll { set: self.state, unknown: Mask::EMPTY };
        if !self.settled {
            // An end or an error of the connection is learnt when it is reported, not before.
            poll.unknown = (Mask::RDHUP | Mask::HUP | Mask::ERR | Mask::PRI) - self.state;
        }
        match self.unread {
            _ if self.state.has(Mask::RDHUP) => poll.set |= Mask::IN | Mask::RDNORM,
            Some(0) if self.settled => {}
            Some(1..) => poll.set |= Mask::IN | Mask::RDNORM,
            None if self.readable => poll.set |= Mask::IN | Mask::RDNORM,
            // Nothing to read but woken since: it may be the end of the stream.
            Some(0) | None => poll.unknown |= Mask::IN | Mask::RDNORM,
        }
        let out = Mask::OUT | Mask::WRNORM;
        match self.what {
            FileKind::Tcp | FileKind::Unix => match self.room {
                Some(true) => poll.set |= out,
                Some(false) => {}
                None => poll.unknown |= out,
            },
            _ => {}
        }
        poll
    }

    /// Takes over what the kernel said of the queues.
    pub fn learn(&mut self, queues: &Queues, seq: Seq, t: Nanos) {
        if let Some(unread) = queues.unread {
            self.set_unread(unread, seq);
            self.counted = t;
        }
        if let Some(unsent) = queues.unsent {
            self.unsent = Some(unsent);
            self.owed_by_peer = (unsent > 0).then_some((t, Some(unsent)));
            if unsent == 0 && self.what != FileKind::Listener {
                self.room = Some(true);
            }
        }
        if let Some(room) = queues.room {
            self.room = Some(room);
        }
        if let Some(state) = queues.state {
            self.state = state;
            self.settled = true;
        }
    }

    /// Takes over what polling it answered just now.
    pub(super) fn learn_poll(&mut self, polled: Mask, seq: Seq) {
        self.state = polled & (Mask::RDHUP | Mask::HUP | Mask::ERR);
        self.settled = true;
        if matches!(self.what, FileKind::Tcp | FileKind::Unix) {
            self.room = Some(polled.has(Mask::OUT));
        }
        if !polled.any(Mask::IN) {
            self.set_unread(0, seq);
        } else if self.unread == Some(0) {
            self.unread = None;
        }
        self.readable = polled.any(Mask::IN);
    }

    /// Sets what is known to be unread.
    pub(crate) fn set_unread(&mut self, unread: u32, seq: Seq) {
        self.unread = Some(unread);
        self.readable = unread > 0;
        self.unread_at = seq;
        if unread > 0 {
            self.drained = false;
        }
    }
}

/// What polling an eventfd answers where only the kernel may know its count, which is small.
fn poll_eventfd(count: Option<u32>) -> Poll {
    let bits = |count: u32| Eventfd::new(u64::from(count), false).poll();
    let (least, most) = (bits(count.unwrap_or(0)), bits(count.unwrap_or(1)));
    Poll { set: least & most, unknown: (least | most) - (least & most) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_count_that_is_not_known_only_in_is_open() {
        let poll = poll_eventfd(None);
        assert_eq!((poll.set, poll.unknown), (Mask::OUT, Mask::IN));
        let poll = poll_eventfd(Some(2));
        assert_eq!((poll.set, poll.unknown), (Mask::IN | Mask::OUT, Mask::EMPTY));
    }
}
