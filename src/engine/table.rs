//! The server's table of open files: listeners, connections, the control eventfd.
//!
//! Order of locks: a file's state, then the table. No lock of either is held at the gate.

use std::collections::HashMap;
use std::net::IpAddr;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex};

use super::app::App;
use super::lock;
use crate::event::{
    ConnState, CtlOp, Fd, FileId, FileKind, Mask, Mistake, Peer, Settings, Trigger,
};

/// Bytes queued for a client at which it is not read any more.
pub(crate) const QUEUE_CAP: usize = 256 * 1024;

/// An open file of the server, from its opening to the end of the last reference.
#[derive(Debug)]
pub(crate) struct Watched {
    pub(crate) file: FileId,
    pub(crate) fd: Fd,
    pub(crate) what: FileKind,
    pub(crate) peer: Peer,
    pub(crate) state: Mutex<State>,
}

impl Watched {
    pub(crate) fn new(
        file: FileId,
        fd: Fd,
        what: FileKind,
        peer: Peer,
        owned: Option<OwnedFd>,
    ) -> Self {
        let state = Mutex::new(State { fd: owned, ..State::default() });
        Self { file, fd, what, peer, state }
    }

    /// Whether this is a connection.
    pub(crate) fn is_stream(&self) -> bool {
        matches!(self.what, FileKind::Tcp | FileKind::Unix)
    }

    /// Whether a trigger change for all is for this one too.
    pub(crate) fn is_socket(&self) -> bool {
        self.is_stream() || self.what == FileKind::Listener
    }

    /// What the kernel should be asked to watch now.
    fn wanted(&self, state: &State, settings: &Settings) -> Mask {
        let flags = &state.flags;
        let plain = match self.what {
            FileKind::Listener if flags.muted => Mask::EMPTY,
            FileKind::Tcp | FileKind::Unix => state.stream_mask(settings),
            _ => Mask::IN,
        };
        let plain = plain.with(Mask::OUT, plain.has(Mask::OUT) || flags.watch_out);
        let mask = plain.with(Mask::ET, flags.trigger == Trigger::Edge);
        if flags.exclusive {
            (mask | Mask::EXCLUSIVE) - Mask::RDHUP
        } else {
            mask.with(Mask::ONESHOT, flags.oneshot)
        }
    }

    /// The `epoll_ctl` that the registration needs next, if it needs one.
    pub(crate) fn next_ctl(&self, state: &State, settings: &Settings) -> Option<(CtlOp, Mask)> {
        let want = self.wanted(state, settings);
        let Some(held) = state.held else { return Some((CtlOp::Add, want)) };
        let forgotten = settings.mistakes.has(Mistake::NoRearm);
        if held == want && (state.armed || forgotten) {
            return None;
        }
        // An exclusive registration can neither be modified nor made by a modification.
        if held.has(Mask::EXCLUSIVE) || want.has(Mask::EXCLUSIVE) {
            return Some((CtlOp::Del, Mask::EMPTY));
        }
        Some((CtlOp::Mod, want))
    }
}

/// What a person or the server asked of a registration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is one independent switch")]
pub(crate) struct Flags {
    pub(crate) trigger: Trigger,
    pub(crate) oneshot: bool,
    pub(crate) exclusive: bool,
    pub(crate) watch_out: bool,
    /// A listener without a descriptor to accept with.
    pub(crate) muted: bool,
    /// A client was turned away since then: the others of its queue wait.
    pub(crate) refused: bool,
}

/// Whether the server ends a connection of its own accord.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum LastWord {
    /// It does not.
    #[default]
    None,
    /// It does, once the queue is empty.
    Due,
    /// It has shut its side down, and for a while forgets what still comes until the client does the same: a
    /// close with unread data would be a reset, which can overtake the answer.
    Said,
}

/// What changes about an open file.
#[derive(Debug, Default)]
pub(crate) struct State {
    /// `None` once it is closed; never there for the control eventfd, which the mailbox owns.
    pub(crate) fd: Option<OwnedFd>,
    pub(crate) flags: Flags,
    /// The mask of the registration; `None` while there is none.
    pub(crate) held: Option<Mask>,
    /// A one-shot registration that has fired is not armed.
    pub(crate) armed: bool,
    pub(crate) conn: ConnState,
    pub(crate) last_word: LastWord,
    pub(crate) out: Outgoing,
    pub(crate) app: App,
    /// The peer sent its end, and the server made the mistake of keeping the connection.
    pub(crate) at_end: bool,
    /// The server "switched off" the connection with mask 0.
    pub(crate) off: bool,
}

impl State {
    /// Whether input is left where it is.
    pub(crate) fn is_deaf(&self) -> bool {
        match self.conn {
            ConnState::BackPressure => true,
            ConnState::Flushing => self.last_word != LastWord::Said,
            ConnState::Open | ConnState::Carried => false,
        }
    }

    fn stream_mask(&self, settings: &Settings) -> Mask {
        if self.off {
            return Mask::EMPTY;
        }
        match self.conn {
            ConnState::Flushing if self.last_word == LastWord::Said => Mask::IN | Mask::RDHUP,
            ConnState::BackPressure | ConnState::Flushing => Mask::OUT,
            ConnState::Open | ConnState::Carried => {
                let out = !self.out.is_empty() || settings.mistakes.has(Mistake::OutAlways);
                (Mask::IN | Mask::RDHUP).with(Mask::OUT, out)
            }
        }
    }
}

/// Bytes on their way to a client.
#[derive(Debug, Default)]
pub(crate) struct Outgoing {
    bytes: Vec<u8>,
    sent: usize,
}

impl Outgoing {
    pub(crate) fn len(&self) -> usize {
        self.bytes.len() - self.sent
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The length as the events have it.
    pub(crate) fn queued(&self) -> u32 {
        u32::try_from(self.len()).unwrap_or(u32::MAX)
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.bytes.get(self.sent..).unwrap_or_default()
    }

    /// Where more is to be appended.
    pub(crate) fn tail(&mut self) -> &mut Vec<u8> {
        if self.sent > QUEUE_CAP {
            self.bytes.drain(..self.sent);
            self.sent = 0;
        }
        &mut self.bytes
    }

    /// The first `count` bytes are sent.
    pub(crate) fn consume(&mut self, count: usize) {
        self.sent = (self.sent + count).min(self.bytes.len());
        if self.sent == self.bytes.len() {
            self.bytes.clear();
            self.sent = 0;
        }
    }
}

/// All open files, by the tool's number and by descriptor.
#[derive(Debug, Default)]
pub(crate) struct Table {
    maps: Mutex<Maps>,
}

#[derive(Debug, Default)]
struct Maps {
    files: HashMap<FileId, Arc<Watched>>,
    numbers: HashMap<Fd, FileId>,
}

impl Table {
    pub(crate) fn insert(&self, watched: Watched) -> Arc<Watched> {
        let watched = Arc::new(watched);
        let mut maps = lock(&self.maps);
        maps.numbers.insert(watched.fd, watched.file);
        maps.files.insert(watched.file, Arc::clone(&watched));
        watched
    }

    pub(crate) fn remove(&self, watched: &Watched) {
        let mut maps = lock(&self.maps);
        maps.files.remove(&watched.file);
        if maps.numbers.get(&watched.fd) == Some(&watched.file) {
            maps.numbers.remove(&watched.fd);
        }
    }

    pub(crate) fn get(&self, file: FileId) -> Option<Arc<Watched>> {
        lock(&self.maps).files.get(&file).cloned()
    }

    /// The file that has this number now.
    pub(crate) fn at(&self, fd: Fd) -> Option<Arc<Watched>> {
        let maps = lock(&self.maps);
        maps.numbers.get(&fd).and_then(|file| maps.files.get(file)).cloned()
    }

    /// All files that `keep` says, oldest first.
    pub(crate) fn all(&self, keep: impl Fn(&Watched) -> bool) -> Vec<Arc<Watched>> {
        let maps = lock(&self.maps);
        let mut all: Vec<_> = maps.files.values().filter(|w| keep(w)).cloned().collect();
        all.sort_unstable_by_key(|w| w.file);
        all
    }

    /// How many connections there are in all, and from one address.
    pub(crate) fn clients(&self, from: Option<IpAddr>) -> (usize, usize) {
        let maps = lock(&self.maps);
        let streams = maps.files.values().filter(|w| w.is_stream());
        streams.fold((0, 0), |(all, same), w| {
            let here = matches!(&w.peer, Peer::Inet(addr) if Some(addr.ip()) == from);
            (all + 1, same + usize::from(here))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream() -> Watched {
        Watched::new(FileId(3), Fd(7), FileKind::Tcp, Peer::Unknown, None)
    }

    #[track_caller]
    fn check(change: impl Fn(&mut State), settings: &Settings, expected: &str) {
        let watched = stream();
        let mut state = State::default();
        change(&mut state);
        assert_eq!(watched.wanted(&state, settings).to_string(), expected);
    }

    #[test]
    fn mask_follows_the_state_of_the_connection() {
        let plain = Settings::default();
        check(|_| {}, &plain, "IN|RDHUP");
        check(|s| s.out.tail().push(1), &plain, "IN|OUT|RDHUP");
        check(|s| s.conn = ConnState::BackPressure, &plain, "OUT");
        check(|s| s.conn = ConnState::Flushing, &plain, "OUT");
        let said = |s: &mut State| (s.conn, s.last_word) = (ConnState::Flushing, LastWord::Said);
        check(said, &plain, "IN|RDHUP");
        check(|s| s.off = true, &plain, "0");
        check(|s| s.flags.watch_out = true, &plain, "IN|OUT|RDHUP");
        check(|s| s.flags.trigger = Trigger::Edge, &plain, "IN|RDHUP|ET");
        check(|s| s.flags.oneshot = true, &plain, "IN|RDHUP|ONESHOT");
        let both = |s: &mut State| (s.flags.exclusive, s.flags.oneshot) = (true, true);
        check(both, &plain, "IN|EXCLUSIVE");
        let mut wrong = plain;
        wrong.mistakes.set(Mistake::OutAlways, true);
        check(|_| {}, &wrong, "IN|OUT|RDHUP");
    }

    #[test]
    fn exclusive_goes_by_del_and_add() {
        let (watched, settings) = (stream(), Settings::default());
        let mut state =
            State { held: Some(Mask::IN | Mask::RDHUP), armed: true, ..State::default() };
        assert_eq!(watched.next_ctl(&state, &settings), None);
        state.flags.exclusive = true;
        assert_eq!(watched.next_ctl(&state, &settings), Some((CtlOp::Del, Mask::EMPTY)));
        state.held = None;
        let add = Some((CtlOp::Add, Mask::IN | Mask::EXCLUSIVE));
        assert_eq!(watched.next_ctl(&state, &settings), add);
    }

    #[test]
    fn fired_one_shot_is_armed_again_by_the_same_mask() {
        let watched = stream();
        let mask = Mask::IN | Mask::RDHUP | Mask::ONESHOT;
        let mut state = State { held: Some(mask), armed: false, ..State::default() };
        state.flags.oneshot = true;
        let mut settings = Settings::default();
        assert_eq!(watched.next_ctl(&state, &settings), Some((CtlOp::Mod, mask)));
        settings.mistakes.set(Mistake::NoRearm, true);
        assert_eq!(watched.next_ctl(&state, &settings), None);
    }

    #[test]
    fn sent_bytes_leave_the_queue() {
        let mut out = Outgoing::default();
        out.tail().extend_from_slice(b"hello");
        out.consume(2);
        assert_eq!((out.bytes(), out.len()), (&b"llo"[..], 3));
        out.consume(9);
        assert!(out.is_empty());
    }
}
