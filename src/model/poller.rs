//! What waits for files to be ready: each poller with its lists, by its open file.

use std::collections::BTreeMap;
use std::ops::Bound::{Excluded, Unbounded};
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use crate::event::{Fd, FileId, Provenance, Seq, WatchKey};

use super::check::{Check, Divergence};
use super::interest::InterestList;
use super::lane::WaitQueue;
use super::ready::{ReadyEntry, ReadyList};

mod netpoll;
mod ring;
mod scan;
mod served;

pub use netpoll::{GoReason, GoSlot, GoState, Goroutine, Netpoll};
pub use ring::{EndedInput, Flight, PostedCqe, RingCheck, Rings};
pub use scan::{LastScan, ScanEntry, ScanForecast, ScanSet};
pub use served::Served;

/// An epoll instance (struct eventpoll).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EpollInstance {
    /// Its descriptor, as it was created.
    pub fd: Option<Fd>,
    /// The interest list (rbr).
    pub interest: InterestList,
    /// The last event that changed it.
    pub interest_changed: Seq,
    /// The ready list (rdllist).
    pub ready: ReadyList,
    /// The threads asleep in `epoll_wait` (wq).
    pub wq: WaitQueue,
    /// How well the model follows the kernel.
    pub check: Check,
    /// What its source calls it; empty if that names nothing.
    pub name: Box<str>,
    /// The overflow list (ovflist), newest first, while a harvest runs; `None` otherwise, and
    /// where nobody can know.
    pub overflow: Option<Box<[WatchKey]>>,
    /// What a harvest that is held has taken off the ready list and not put back (its private
    /// list), in the order in which it stood there.
    pub batch: Box<[WatchKey]>,
    /// By whom each list is known.
    pub known: ListsKnown,
    /// What the last event changed.
    pub delta: Delta,
}

impl EpollInstance {
    /// By whom the interest list is known: what was read holds until a call changes it.
    pub fn interest_by(&self) -> Provenance {
        let Known { by, at } = self.known.interest;
        if at >= self.interest_changed { by } else { Provenance::Deduced }
    }

    /// Whether calls and wake-ups say what stands on the lists: those of an instance whose ready
    /// list is read are read whole.
    pub fn is_deduced(&self) -> bool {
        self.known.ready.by == Provenance::Deduced
    }
}

/// By whom something is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// Who says so.
    pub by: Provenance,
    /// The event that said so last, if it was read.
    pub at: Seq,
}

/// By whom each list of an epoll instance is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListsKnown {
    /// The interest list.
    pub interest: Known,
    /// The ready list.
    pub ready: Known,
    /// The overflow list; while it is deduced nothing is known of it.
    pub overflow: Known,
    /// The wait queue.
    pub waiting: Known,
}

/// What the last event changed in the lists of a poller, and what it brought to light.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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
    /// The event as of which the lists were before, if they are read.
    pub since: Seq,
}

impl Delta {
    /// Forgets the last event; the lists keep their room.
    pub(super) fn clear(&mut self) {
        let Self { added, removed, divergences, overflowed, forgotten, arrived, .. } = self;
        added.clear();
        divergences.clear();
        [removed, overflowed, forgotten, arrived].into_iter().for_each(Vec::clear);
    }

    /// Whether the event changed nothing of that.
    pub fn is_empty(&self) -> bool {
        let Self { added, removed, divergences, overflowed, forgotten, arrived, .. } = self;
        let keys = [removed, overflowed, forgotten, arrived];
        added.is_empty() && divergences.is_empty() && keys.into_iter().all(Vec::is_empty)
    }
}

/// By what a server waits, if that is no epoll instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Poller {
    /// What it passes to each poll(2) or select(2).
    Scan(Box<ScanSet>),
    /// Its io_uring.
    Ring(Box<Rings>),
    /// Goroutines, which wait by an epoll instance that is beside.
    Netpoll(Netpoll),
    /// Threads that sleep in calls of their own.
    Threads(Served),
}

/// What waits for files to be ready in a process: epoll instances by their open files, in the order
/// in which these were made; and what the server keeps in its own memory.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pollers {
    epolls: BTreeMap<FileId, EpollInstance>,
    own: Option<Poller>,
}

/// What is known of an epoll instance that does not exist.
pub(super) static NONE: LazyLock<EpollInstance> = LazyLock::new(EpollInstance::default);

impl Pollers {
    /// The epoll instances with their open files.
    pub fn epolls(&self) -> impl DoubleEndedIterator<Item = (FileId, &EpollInstance)> {
        self.epolls.iter().map(|(id, instance)| (*id, instance))
    }

    /// The epoll instance of that open file, if there is one.
    pub fn epoll(&self, id: FileId) -> Option<&EpollInstance> {
        self.epolls.get(&id)
    }

    /// How many epoll instances there are.
    pub fn len(&self) -> usize {
        self.epolls.len()
    }

    /// Whether there is no epoll instance.
    pub fn is_empty(&self) -> bool {
        self.epolls.is_empty()
    }

    /// The epoll instance made next after that one; the first after none.
    pub fn after(&self, id: Option<FileId>) -> Option<FileId> {
        let from = id.map_or(Unbounded, Excluded);
        self.epolls.range((from, Unbounded)).next().map(|(id, _)| *id)
    }

    /// The epoll instance of that open file, for the fold, which asks only for those that it knows.
    pub(super) fn at(&self, id: FileId) -> &EpollInstance {
        self.epoll(id).unwrap_or(&NONE)
    }

    /// The same, to change it; it is there from now on.
    pub(super) fn at_mut(&mut self, id: FileId) -> &mut EpollInstance {
        self.epolls.entry(id).or_default()
    }

    /// That epoll instance is no more.
    pub(super) fn remove(&mut self, id: FileId) {
        self.epolls.remove(&id);
    }

    /// What is passed to each poll(2) or select(2), while the server waits so.
    pub fn scan(&self) -> Option<&ScanSet> {
        match &self.own {
            Some(Poller::Scan(set)) => Some(set),
            _ => None,
        }
    }

    pub(super) fn scan_mut(&mut self) -> Option<&mut ScanSet> {
        match &mut self.own {
            Some(Poller::Scan(set)) => Some(set),
            _ => None,
        }
    }

    /// Its io_uring, while the server waits so.
    pub fn ring(&self) -> Option<&Rings> {
        match &self.own {
            Some(Poller::Ring(rings)) => Some(rings),
            _ => None,
        }
    }

    pub(super) fn ring_mut(&mut self) -> Option<&mut Rings> {
        match &mut self.own {
            Some(Poller::Ring(rings)) => Some(rings),
            _ => None,
        }
    }

    /// The goroutines, while the server waits by them.
    pub fn netpoll(&self) -> Option<&Netpoll> {
        match &self.own {
            Some(Poller::Netpoll(netpoll)) => Some(netpoll),
            _ => None,
        }
    }

    /// By what the server waits, if not by an epoll instance alone.
    pub fn own(&self) -> Option<&Poller> {
        self.own.as_ref()
    }

    /// Which thread serves which file, while each client has a thread of its own.
    pub fn served(&self) -> Option<&Served> {
        match &self.own {
            Some(Poller::Threads(served)) => Some(served),
            _ => None,
        }
    }

    pub(super) fn served_mut(&mut self) -> Option<&mut Served> {
        match &mut self.own {
            Some(Poller::Threads(served)) => Some(served),
            _ => None,
        }
    }

    pub(super) fn netpoll_mut(&mut self) -> Option<&mut Netpoll> {
        match &mut self.own {
            Some(Poller::Netpoll(netpoll)) => Some(netpoll),
            _ => None,
        }
    }

    /// By that the server waits from now on, if not by an epoll instance.
    pub(super) fn set_own(&mut self, own: Option<Poller>) {
        self.own = own;
    }

    pub(super) fn epolls_mut(&mut self) -> impl Iterator<Item = &mut EpollInstance> {
        self.epolls.values_mut()
    }

    /// Those whose lists are deduced.
    pub(super) fn deduced_mut(&mut self) -> impl Iterator<Item = &mut EpollInstance> {
        self.epolls_mut().filter(|instance| instance.is_deduced())
    }

    /// Keeps the epoll instances of these open files, and takes the others out.
    pub(super) fn retain(&mut self, keep: impl Fn(FileId) -> bool) {
        self.epolls.retain(|id, _| keep(*id));
    }
}
