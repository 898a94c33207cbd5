//! The picture: everything that is known at one event.

use rustc_hash::FxHashMap;

use crate::event::{EdgeLog, Fd, FileId, LaneId, ListSource, Nanos, Seq, Settings, WatchKey};

use super::check::{Check, Divergence, Sync};
use super::file::OpenFile;
use super::findings::Findings;
use super::interest::{InterestEntry, InterestList};
use super::labels::Labels;
use super::lane::{BatchEntry, Lane, WaitQueue};
use super::log_read::LogRead;
use super::ready::{ReadyEntry, ReadyList};

/// An epoll instance (struct eventpoll).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EpollInstance {
    /// Its descriptor, once it has been created.
    pub fd: Option<Fd>,
    /// The interest list (rbr).
    pub interest: InterestList,
    /// The last event that changed it.
    pub interest_changed: Seq,
    /// The last event that brought it whole from the kernel (fdinfo).
    pub interest_read: Option<Seq>,
    /// The ready list (rdllist), as the model has it.
    pub ready: ReadyList,
    /// The threads asleep in `epoll_wait` (wq).
    pub wq: WaitQueue,
    /// How well the model follows the kernel.
    pub check: Check,
    /// What its source calls it; empty if that names nothing.
    pub name: Box<str>,
    /// Its open file, if its source tells.
    pub file: Option<FileId>,
    /// The overflow list (ovflist), newest first, while a harvest runs; `None` otherwise, and
    /// where nobody can know.
    pub overflow: Option<Box<[WatchKey]>>,
    /// What a harvest that is held has taken off the ready list and not put back (its private
    /// list), in the order in which it stood there.
    pub batch: Box<[WatchKey]>,
    /// Where the lists come from, if they were told and not deduced here.
    pub source: Option<ListSource>,
}

/// Totals since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
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

/// What the last event changed in the ready list, and what it brought to light.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delta {
    /// Entries that were put on the ready list, in order.
    pub added: Vec<ReadyEntry>,
    /// Registrations that left it.
    pub removed: Vec<WatchKey>,
    /// Divergences that were noticed.
    pub divergences: Vec<Divergence>,
    /// Registrations that were put on the overflow list, if that is told.
    pub overflowed: Vec<WatchKey>,
    /// Registrations that are no more, if the interest list was told.
    pub forgotten: Vec<WatchKey>,
    /// Registrations that stayed where they are although something arrived for them.
    pub arrived: Vec<WatchKey>,
    /// How many findings are new: the last ones of the list.
    pub findings: usize,
}

impl Delta {
    /// Forgets the last event; the lists keep their room.
    pub(super) fn clear(&mut self) {
        self.added.clear();
        self.removed.clear();
        self.divergences.clear();
        self.arrived.clear();
        self.forgotten.clear();
        self.overflowed.clear();
        self.findings = 0;
    }

    /// Whether the event changed nothing of that.
    pub fn is_empty(&self) -> bool {
        self.added.is_empty()
            && self.removed.is_empty()
            && self.divergences.is_empty()
            && self.arrived.is_empty()
            && self.forgotten.is_empty()
            && self.overflowed.is_empty()
            && self.findings == 0
    }
}

/// An epoll instance that is not the one looked at, with what the last event changed in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Aside {
    /// The instance.
    pub instance: EpollInstance,
    /// What the last event changed.
    pub delta: Delta,
}

/// Everything that is known after one event. [`World::apply`] is the only way in which that
/// changes; [`World::turn_to`] changes which epoll instance is looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct World {
    /// The last event folded.
    pub seq: Seq,
    /// Its time.
    pub t: Nanos,
    /// How the server behaves.
    pub settings: Settings,
    /// The epoll instance looked at; a server has one.
    pub instance: EpollInstance,
    /// The other ones, if a source has several.
    pub others: Vec<Aside>,
    /// Open file descriptions.
    pub files: FxHashMap<FileId, OpenFile>,
    /// Which file each open number names.
    pub fds: FxHashMap<Fd, FileId>,
    /// The server's threads, T1 first; those that never started are absent.
    pub lanes: Vec<Lane>,
    /// What would be a bug in a real server.
    pub findings: Findings,
    /// Totals.
    pub counters: Counters,
    /// Whether wake-ups are recorded.
    pub edge_log: EdgeLog,
    /// What the last event changed.
    pub delta: Delta,
    /// The look at the edge log that brought the last wake-up.
    pub(super) last_log_read: LogRead,
    /// The event that last told every list, if one did: from then on none is deduced.
    pub(super) told: Option<Seq>,
    /// The telling before that.
    pub(crate) told_before: Option<Seq>,
    /// What the source calls its descriptors.
    pub(super) labels: Labels,
}

impl Default for World {
    fn default() -> Self {
        Self {
            seq: Seq(0),
            t: Nanos(0),
            settings: Settings::default(),
            instance: EpollInstance::default(),
            others: Vec::new(),
            files: FxHashMap::default(),
            fds: FxHashMap::default(),
            lanes: Vec::new(),
            findings: Findings::default(),
            counters: Counters::default(),
            edge_log: EdgeLog::Off,
            delta: Delta::default(),
            last_log_read: LogRead::default(),
            told: None,
            told_before: None,
            labels: Labels::default(),
        }
    }
}

impl EpollInstance {
    /// Whether the interest list is as the kernel gave it: nothing has changed since it was read.
    /// Otherwise it is as the calls made it.
    pub fn interest_is_kernels(&self) -> bool {
        self.interest_read.is_some_and(|read| read >= self.interest_changed)
    }
}

impl World {
    /// The open file that a number names now.
    pub fn file_at(&self, fd: Fd) -> Option<&OpenFile> {
        self.files.get(self.fds.get(&fd)?)
    }

    /// The open file of a registration.
    pub fn file_of(&self, key: WatchKey) -> Option<&OpenFile> {
        self.files.get(&key.file)
    }

    /// The registration of the file that a number names now; failing that, one that outlived the
    /// number.
    pub fn entry_at(&self, fd: Fd) -> Option<&InterestEntry> {
        let now = self.fds.get(&fd).map(|file| WatchKey { fd, file: *file });
        now.and_then(|key| self.instance.interest.get(key))
            .or_else(|| self.instance.interest.by_fd(fd).next())
    }

    /// Whether the ready list is known; if not, the one here is empty and says nothing.
    pub fn knows_ready_list(&self) -> bool {
        self.instance.check.sync == Sync::Following
    }

    /// Whether a registration outlived its descriptor: the number is closed, or names another file.
    pub fn is_ghost(&self, key: WatchKey) -> bool {
        self.instance.interest.get(key).is_some() && self.fds.get(&key.fd) != Some(&key.file)
    }

    /// A server thread.
    pub fn lane(&self, id: LaneId) -> Option<&Lane> {
        self.lanes.iter().find(|lane| lane.id == id)
    }

    /// Whether some thread has that registration in its batch and has not finished with it.
    pub fn being_handled(&self, key: WatchKey) -> Option<&Lane> {
        self.lanes.iter().find(|lane| lane.batch.holds(key))
    }

    /// Whether some thread is at work on that registration, and not only has it in its batch.
    pub fn is_in_hand(&self, key: WatchKey) -> bool {
        let is = |entry: &BatchEntry| InterestList::key_of(&entry.delivery) == key;
        self.lanes.iter().any(|lane| lane.current().is_some_and(is))
    }

    /// Whether the lists are told by the source and not deduced here.
    pub fn is_told(&self) -> bool {
        self.told.is_some()
    }

    /// Whether the epoll instance that is looked at exists, as far as the source tells: a server's
    /// does from the start.
    pub fn has_instance(&self) -> bool {
        !self.is_told() || self.instance.file.is_some()
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

    /// Whether some number is, or was, called so by its source.
    pub fn is_label(&self, name: &str) -> bool {
        self.labels.has(name)
    }

    /// What the source called numbers that are closed now.
    pub fn closed_labels(&self) -> impl Iterator<Item = &str> {
        let closed = self.labels.last().filter(|(fd, _)| !self.fds.contains_key(fd));
        closed.map(|(_, name)| name)
    }

    /// What a registration is called: the label that it was made under, if its source names
    /// things, else `fd 7`.
    pub fn watch_name(&self, key: WatchKey) -> String {
        let named = |instance: &EpollInstance| instance.interest.get(key)?.name.clone();
        let others = self.others.iter().find_map(|other| named(&other.instance));
        match named(&self.instance).or(others) {
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

impl World {
    /// Bytes that a copy takes, an estimate.
    pub fn size(&self) -> usize {
        let of = |instance: &EpollInstance| instance.interest.len() + instance.ready.len();
        let others: usize = self.others.iter().map(|other| of(&other.instance)).sum();
        4096 + 256 * (self.files.len() + of(&self.instance) + others) + self.labels.size()
    }
}
