//! The server's table of open files: listeners, connections, the control eventfd.
//!
//! Order of locks: a file's state, then the table. No lock of either is held at the gate.

use std::collections::HashMap;
use std::net::IpAddr;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex};

use super::lock;
use super::serve::{Connection, Wants};
use crate::event::{CtlOp, Fd, FileId, FileKind, Mask, Mistake, Peer, Settings, Trigger};

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

    /// What is to be waited for.
    pub(crate) fn wants(&self, state: &State, settings: &Settings) -> Wants {
        match self.what {
            FileKind::Tcp | FileKind::Unix => state.conn.wants(settings),
            FileKind::Listener => Wants::read(!state.flags.muted),
            _ => Wants::read(true),
        }
    }

    /// What the kernel should be asked to watch now.
    fn wanted(&self, state: &State, settings: &Settings) -> Mask {
        let (flags, wants) = (&state.flags, self.wants(state, settings));
        let input = if self.is_stream() { Mask::IN | Mask::RDHUP } else { Mask::IN };
        let plain = if wants.read { input } else { Mask::EMPTY };
        let plain = plain.with(Mask::OUT, wants.write || flags.watch_out);
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
    /// What it is to its server, if it is a connection.
    pub(crate) conn: Connection,
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
        let mut zero = plain;
        zero.mistakes.set(Mistake::MaskZero, true);
        let full = |s: &mut State| {
            s.conn.enqueue(&[0; 1 << 20]);
            s.conn.advance(false);
        };
        check(|_| {}, &plain, "IN|RDHUP");
        check(|s| s.conn.enqueue(b"x"), &plain, "IN|OUT|RDHUP");
        check(full, &plain, "OUT");
        check(|s| assert!(s.conn.switch_off()), &zero, "0");
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
}
