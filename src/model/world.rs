//! The picture: everything that is known at one event.

use std::collections::{BTreeSet, VecDeque};

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use crate::event::{
    Backend, Fd, FileId, LaneId, Nanos, Peer, Provenance, Seq, Settings, TimeUnit, WakeupLog,
    WatchKey,
};

use super::file::OpenFile;
use super::findings::Findings;
use super::interest::{InterestEntry, InterestList};
use super::labels::Labels;
use super::lane::{BatchEntry, ThreadLane};
use super::log_read::LogRead;
use super::poller::{EpollInstance, Known, Pollers};

/// Totals since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Events folded.
    pub events: u64,
    /// Events lost in gaps.
    pub lost: u64,
    /// When the last of them were lost.
    pub lost_at: Nanos,
    /// Gaps.
    pub gaps: u64,
    /// Connections that are open now.
    pub clients: usize,
    /// Connections accepted.
    pub accepted: u64,
    /// Clients turned away.
    pub refused: u64,
    /// Wake-ups seen.
    pub wakeups: u64,
}

/// A moment that a person wants to find again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bookmark {
    /// The event.
    pub seq: Seq,
    /// When.
    pub t: Nanos,
    /// What it is to be remembered for; may be empty.
    pub note: Box<str>,
}

/// Everything that is known after one event. [`World::apply`] is the only way in which that
/// changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct World {
    /// The last event folded.
    pub seq: Seq,
    /// Its time.
    pub t: Nanos,
    /// How the server behaves.
    pub settings: Settings,
    /// What waits for files; a server has one epoll instance.
    pub pollers: Pollers,
    /// Open file descriptions.
    pub files: FxHashMap<FileId, OpenFile>,
    /// Which file each open number names.
    pub fds: FxHashMap<Fd, FileId>,
    /// The server's threads, T1 first; those that never started are absent.
    pub lanes: Vec<ThreadLane>,
    /// What would be a bug in a real server.
    pub findings: Findings,
    /// Totals.
    pub counters: Counters,
    /// Whether wake-ups are recorded.
    pub edge_log: WakeupLog,
    /// To which way of waiting the server is going over.
    pub switching: Option<Backend>,
    /// How many findings the last event brought: the last ones of the list.
    pub new_findings: usize,
    /// The look at the edge log that brought the last wake-up.
    pub(super) last_log_read: LogRead,
    /// What the times of events count.
    pub clock: TimeUnit,
    /// Whether the names of descriptors are labels, by which the source calls them.
    /// Sentences ask it where a label takes the place of a number, or where they would speak of what the
    /// tool itself does to a live server.
    pub labelled: bool,
    /// By whom the open files and their numbers are known.
    pub files_known: Known,
    /// What the source calls its descriptors.
    pub(super) labels: Labels,
    /// Built-in clients that the server has not accepted yet, by their addresses.
    pub(super) dialled: BTreeSet<Box<str>>,
    /// The moments that were marked, in order: the last 1,000 of them.
    pub bookmarks: VecDeque<Bookmark>,
}

impl Default for World {
    fn default() -> Self {
        Self {
            seq: Seq(0),
            t: Nanos(0),
            settings: Settings::default(),
            pollers: Pollers::default(),
            files: FxHashMap::default(),
            fds: FxHashMap::default(),
            lanes: Vec::new(),
            findings: Findings::default(),
            counters: Counters::default(),
            edge_log: WakeupLog::Off,
            switching: None,
            new_findings: 0,
            last_log_read: LogRead::default(),
            clock: TimeUnit::default(),
            labelled: false,
            files_known: Known::default(),
            labels: Labels::default(),
            dialled: BTreeSet::new(),
            bookmarks: VecDeque::new(),
        }
    }
}

impl World {
    /// How many moments that were marked are remembered.
    pub(super) const BOOKMARKS: usize = 1000;

    /// The open file that a number names now.
    pub fn file_at(&self, fd: Fd) -> Option<&OpenFile> {
        self.files.get(self.fds.get(&fd)?)
    }

    /// The registrations of that key, on whichever epoll instance.
    pub fn entries(&self, key: WatchKey) -> impl Iterator<Item = &InterestEntry> {
        self.pollers.epolls().filter_map(move |(_, instance)| instance.interest.get(key))
    }

    /// The open file of a registration.
    pub fn file_of(&self, key: WatchKey) -> Option<&OpenFile> {
        self.files.get(&key.file)
    }

    /// A server thread.
    pub fn lane(&self, id: LaneId) -> Option<&ThreadLane> {
        self.lanes.iter().find(|lane| lane.id == id)
    }

    /// Whether some thread has that registration in its batch and has not finished with it.
    pub fn being_handled(&self, key: WatchKey) -> Option<&ThreadLane> {
        self.lanes.iter().find(|lane| lane.batch.holds(key))
    }

    /// Whether some thread is at work on that registration, and not only has it in its batch.
    pub fn is_in_hand(&self, key: WatchKey) -> bool {
        let is = |entry: &BatchEntry| InterestList::key_of(&entry.delivery) == key;
        self.lanes.iter().any(|lane| lane.current().is_some_and(is))
    }

    /// An empty world of a source whose clock counts that.
    pub fn of(clock: TimeUnit) -> Self {
        match clock {
            TimeUnit::Nanoseconds => Self::default(),
            TimeUnit::Steps => Self::of_steps(),
        }
    }

    /// Whether it can have come about by folding events: asked of one that was read.
    pub fn is_sound(&self) -> bool {
        let clients = self.files.values().filter(|file| file.peer.is_some()).count();
        let named = self.files.iter().all(|(id, file)| *id == file.id);
        self.t <= Nanos::MAX && named && self.counters.clients == clients
    }

    /// Calls every peer otherwise, wherever it is named.
    pub fn rename_peers(&mut self, rename: &mut dyn FnMut(&Peer) -> Peer) {
        for file in self.files.values_mut() {
            rename_peer(&mut file.name, file.peer.as_mut(), rename);
        }
        let dialled = std::mem::take(&mut self.dialled);
        let renamed = dialled.into_iter().map(|name| rename(&Peer::Unix { name, pid: 0 }).name());
        self.dialled = renamed.map(String::into_boxed_str).collect();
        for file in self.findings.files_mut() {
            rename_peer(&mut file.name, file.peer.as_mut(), rename);
        }
    }

    /// An empty world of a source that counts steps and calls descriptors by labels.
    pub fn of_steps() -> Self {
        Self { clock: TimeUnit::Steps, labelled: true, ..Self::default() }
    }

    /// Whether calls and wake-ups say which files are open and what is in them.
    pub(crate) fn deduces_files(&self) -> bool {
        self.files_known.by == Provenance::Deduced
    }

    /// What the source calls a descriptor now, if it names things.
    pub fn label(&self, fd: Fd) -> Option<&str> {
        self.label_at(fd, self.seq)
    }

    /// What the source called a descriptor at that event.
    pub fn label_at(&self, fd: Fd, seq: Seq) -> Option<&str> {
        self.labels.at(fd, seq)
    }

    /// What the source calls a descriptor that the call which returned at that event made: it is
    /// named soon after.
    pub fn label_after(&self, fd: Fd, seq: Seq) -> Option<&str> {
        self.labels.after(fd, seq)
    }

    /// What the source called numbers that are closed now.
    pub fn closed_labels(&self) -> impl Iterator<Item = &str> {
        let closed = self.labels.last().filter(|(fd, _)| !self.fds.contains_key(fd));
        closed.map(|(_, name)| name)
    }

    /// What a registration is called: the label that it was made under, if its source names
    /// things, else `fd 7`.
    pub fn watch_name(&self, key: WatchKey) -> String {
        match self.entries(key).find_map(|entry| entry.name.clone()) {
            Some(name) => name.into(),
            None => self.label(key.fd).map_or_else(|| format!("fd {}", key.fd), str::to_owned),
        }
    }

    /// What a thread is called: `T1`, or its source's own name for it.
    pub fn lane_name(&self, id: LaneId) -> String {
        match self.lane(id).and_then(|lane| lane.name.as_deref()) {
            Some(name) => name.to_owned(),
            None => id.to_string(),
        }
    }

    /// Connected clients: open files that are connections.
    pub fn clients(&self) -> usize {
        self.counters.clients
    }
}

/// A connection is named by its peer.
fn rename_peer(
    name: &mut Box<str>,
    peer: Option<&mut Peer>,
    rename: &mut dyn FnMut(&Peer) -> Peer,
) {
    let Some(peer) = peer else { return };
    let (before, after) = (peer.to_string(), rename(peer));
    if **name == before {
        *name = after.to_string().into();
    }
    *peer = after;
}

impl World {
    /// Bytes that a copy takes, an estimate.
    pub fn size(&self) -> usize {
        let of = |(_, it): (_, &EpollInstance)| it.interest.len() + it.ready.len();
        let entries: usize = self.pollers.epolls().map(of).sum();
        let scanned = self.scan().map_or(0, super::poller::ScanSet::len)
            + self.netpoll().map_or(0, super::poller::Netpoll::len);
        let flying = self.ring().map_or(0, |rings| rings.len() + rings.cq.len());
        4096 + 320 * (self.files.len() + entries + scanned + flying) + self.labels.size()
    }
}
