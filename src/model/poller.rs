//! What waits for files to be ready: each poller with its lists, by its open file.

use std::collections::BTreeMap;
use std::ops::Bound::{Excluded, Unbounded};
use std::ops::Deref;
use std::sync::LazyLock;

use crate::event::{EdgeLog, Fd, FileId, Provenance, Seq, WatchKey};

use super::check::{Check, Divergence, Loss, Sync};
use super::interest::{InterestEntry, InterestList};
use super::lane::WaitQueue;
use super::ready::{ReadyEntry, ReadyList};
use super::world::World;

/// An epoll instance (struct eventpoll).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// Who says so.
    pub by: Provenance,
    /// The event that said so last, if it was read.
    pub at: Seq,
}

/// By whom each list of an epoll instance is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
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

/// Something that waits for files to be ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Poller {
    /// An epoll instance.
    Epoll(EpollInstance),
}

/// The pollers of a process by their open files, in the order in which these were made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pollers(BTreeMap<FileId, Poller>);

/// What is known of an epoll instance that does not exist.
static NONE: LazyLock<EpollInstance> = LazyLock::new(EpollInstance::default);

impl Pollers {
    /// The epoll instances with their open files.
    pub fn epolls(&self) -> impl DoubleEndedIterator<Item = (FileId, &EpollInstance)> {
        self.0.iter().map(|(id, Poller::Epoll(instance))| (*id, instance))
    }

    /// The epoll instance of that open file, if there is one.
    pub fn epoll(&self, id: FileId) -> Option<&EpollInstance> {
        self.0.get(&id).map(|Poller::Epoll(instance)| instance)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The one made next after that one; the first after none.
    pub fn after(&self, id: Option<FileId>) -> Option<FileId> {
        let from = id.map_or(Unbounded, Excluded);
        self.0.range((from, Unbounded)).next().map(|(id, _)| *id)
    }

    /// The epoll instance of that open file, for the fold, which asks only for those that it knows.
    pub(super) fn at(&self, id: FileId) -> &EpollInstance {
        self.epoll(id).unwrap_or(&NONE)
    }

    /// The same, to change it; it is there from now on.
    pub(super) fn at_mut(&mut self, id: FileId) -> &mut EpollInstance {
        let fresh = || Poller::Epoll(EpollInstance::default());
        let Poller::Epoll(instance) = self.0.entry(id).or_insert_with(fresh);
        instance
    }

    pub(super) fn epolls_mut(&mut self) -> impl Iterator<Item = &mut EpollInstance> {
        self.0.values_mut().map(|Poller::Epoll(instance)| instance)
    }

    /// Those whose lists are deduced.
    pub(super) fn deduced_mut(&mut self) -> impl Iterator<Item = &mut EpollInstance> {
        self.epolls_mut().filter(|instance| instance.is_deduced())
    }

    /// Keeps those of these open files, and takes the others out.
    pub(super) fn retain(&mut self, keep: impl Fn(FileId) -> bool) {
        self.0.retain(|id, _| keep(*id));
    }
}

/// A world seen through one of its epoll instances: the one that is looked at, or that an event is
/// about.
#[derive(Clone, Copy, Debug)]
pub struct EpollView<'a> {
    /// The world.
    pub world: &'a World,
    /// The open file of the instance; `None` if there is no instance.
    pub id: Option<FileId>,
    /// The instance; an empty one if there is none.
    pub instance: &'a EpollInstance,
}

impl Deref for EpollView<'_> {
    type Target = World;

    fn deref(&self) -> &World {
        self.world
    }
}

impl World {
    /// The world seen through that epoll instance, or through the first one if that is not there.
    pub fn through(&self, id: Option<FileId>) -> EpollView<'_> {
        let id = id.filter(|id| self.pollers.epoll(*id).is_some());
        let id = id.or_else(|| self.pollers.after(None));
        EpollView { world: self, id, instance: id.map_or(&*NONE, |id| self.pollers.at(id)) }
    }

    /// The world seen through no epoll instance: its files and threads alone.
    pub fn through_none(&self) -> EpollView<'_> {
        EpollView { world: self, id: None, instance: &NONE }
    }

    /// The world seen through each of its epoll instances.
    pub fn views(&self) -> impl Iterator<Item = EpollView<'_>> {
        let view = |(id, instance)| EpollView { world: self, id: Some(id), instance };
        self.pollers.epolls().map(view)
    }

    /// The world seen through the epoll instance that the number `ep` names, or named last.
    pub fn through_fd(&self, ep: Fd) -> EpollView<'_> {
        match self.epoll_at(ep) {
            Some(id) => self.through(Some(id)),
            None => self.through_none(),
        }
    }

    /// The open file of the epoll instance that the number `ep` names, or named last.
    pub fn epoll_at(&self, ep: Fd) -> Option<FileId> {
        let named = self.fds.get(&ep).filter(|file| self.pollers.epoll(**file).is_some());
        named.copied().or_else(|| {
            let mut made = self.pollers.epolls().rev();
            made.find(|(_, instance)| instance.fd == Some(ep)).map(|(id, _)| id)
        })
    }

    /// The epoll instance that a call on `ep` is about. One whose making was not seen begins here,
    /// with lists that are not known; `None` where the open files are read, and it is none of them.
    pub(super) fn epoll_of_call(&mut self, ep: Fd) -> Option<FileId> {
        let known = self.epoll_at(ep);
        if known.is_some() || !self.deduces_files() {
            return known;
        }
        let id = self.create_epoll(ep);
        let recorded = self.edge_log == EdgeLog::Drained;
        let lost = (self.seq, self.t);
        let check = &mut self.pollers.at_mut(id).check;
        check.sync = if recorded { Sync::Lost } else { Sync::Unknown };
        (check.lost, check.loss, check.wants_resync) = (lost, Loss::Gap, true);
        Some(id)
    }

    /// An epoll instance was made under the number `ep`, by a source that does not number it.
    pub(super) fn create_epoll(&mut self, ep: Fd) -> FileId {
        let id = FileId::unnumbered(ep);
        *self.pollers.at_mut(id) = EpollInstance { fd: Some(ep), ..EpollInstance::default() };
        id
    }
}

impl<'a> EpollView<'a> {
    /// The registration of the file that a number names now; failing that, one that outlived the
    /// number.
    pub fn entry_at(&self, fd: Fd) -> Option<&'a InterestEntry> {
        let now = self.world.fds.get(&fd).map(|file| WatchKey { fd, file: *file });
        now.and_then(|key| self.instance.interest.get(key))
            .or_else(|| self.instance.interest.by_fd(fd).next())
    }

    /// By whom the interest list is known; of no instance, by whom that there is none.
    pub fn interest_by(&self) -> Provenance {
        self.id.map_or(self.world.files_known.by, |_| self.instance.interest_by())
    }

    /// By whom the ready list is known.
    pub fn ready_by(&self) -> Provenance {
        self.id.map_or(self.world.files_known.by, |_| self.instance.known.ready.by)
    }

    /// By whom the overflow list is known.
    pub fn overflow_by(&self) -> Provenance {
        self.id.map_or(self.world.files_known.by, |_| self.instance.known.overflow.by)
    }

    /// Whether the ready list is known; if not, the one here is empty and says nothing.
    pub fn knows_ready_list(&self) -> bool {
        // Where the files are read it is known that there is none.
        self.instance.check.sync == Sync::Following || (self.id.is_none() && !self.deduces_files())
    }

    /// Whether a registration outlived its descriptor: the number is closed, or names another file.
    pub fn is_ghost(&self, key: WatchKey) -> bool {
        self.instance.interest.get(key).is_some() && self.world.fds.get(&key.fd) != Some(&key.file)
    }

    /// Whether polling the file would, or might, make that registration be reported.
    pub fn may_report(&self, key: WatchKey) -> bool {
        let Some(entry) = self.instance.interest.get(key) else { return false };
        self.world.files.get(&key.file).is_none_or(|file| file.poll().perhaps(entry.mask))
    }
}
