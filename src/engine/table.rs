//! The server's table of open files: listeners, connections, the control eventfd.
//!
//! Order of locks: a file's state, then the table. No lock of either is held at the gate.

use std::net::IpAddr;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex};

use rustc_hash::FxHashMap;

use super::lock;
use super::serve::{Connection, Wants};
use crate::event::{Fd, FileId, FileKind, Mask, Peer, Settings, Trigger};

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
        let state = Mutex::new(State { fd: owned.map(Arc::new), ..State::default() });
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

    /// The same in the bits of poll(2), as a program asks for them.
    pub(crate) fn asks(&self, state: &State, settings: &Settings) -> Mask {
        let wants = self.wants(state, settings);
        let input = if self.is_stream() { Mask::IN | Mask::RDHUP } else { Mask::IN };
        let input = if wants.read { input } else { Mask::EMPTY };
        input.with(Mask::OUT, wants.write || state.flags.watch_out)
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
    /// Shared with the thread that sleeps in a call on it.
    pub(crate) fd: Option<Arc<OwnedFd>>,
    pub(crate) flags: Flags,
    /// The mask of the registration, or what each call asks for; `None` while it is neither.
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
    files: FxHashMap<FileId, Arc<Watched>>,
    numbers: FxHashMap<Fd, FileId>,
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
