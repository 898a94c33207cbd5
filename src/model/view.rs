//! A world seen through one of its pollers.

use std::ops::Deref;

use crate::event::{Fd, FileId, Provenance, WakeupLog, WatchKey};

use super::check::{Check, Loss, Sync};
use super::interest::InterestEntry;
use super::poller::{EpollInstance, NONE, Rings, ScanSet, Served};
use super::world::World;

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
        let recorded = self.edge_log == WakeupLog::Drained;
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

    /// How well what the server waits by is followed: the instance, or what it passes to poll(2) or
    /// select(2).
    pub fn check(&self) -> &'a Check {
        let scan = self.world.scan().filter(|_| self.id.is_none());
        scan.map_or(&self.instance.check, |set| &set.check)
    }

    /// The files that are waited for, in the order of their numbers or of the array.
    pub fn watched(&self) -> impl Iterator<Item = WatchKey> {
        let scanned = self.world.scan().into_iter().flat_map(ScanSet::iter);
        let registered = self.instance.interest.iter();
        let ringed = self.world.ring().into_iter().flat_map(Rings::files);
        let served = self.world.served().into_iter().flat_map(Served::iter);
        let own = scanned.map(|entry| entry.key).chain(ringed).chain(served.map(|(key, _)| key));
        registered.map(|entry| entry.key).chain(own)
    }

    /// Whether that file is waited for.
    pub fn watches(&self, key: WatchKey) -> bool {
        let scanned = || self.world.scan().is_some_and(|set| set.get(key).is_some());
        let ringed = || self.world.ring().is_some_and(|rings| rings.of(key.file).next().is_some());
        let served = || self.world.served().is_some_and(|served| served.has(key));
        self.instance.interest.get(key).is_some() || scanned() || ringed() || served()
    }

    /// As what the file is waited for that a number names now; failing that, a registration that
    /// outlived the number.
    pub fn watch_at(&self, fd: Fd) -> Option<WatchKey> {
        let scanned = || {
            let key = WatchKey { fd, file: *self.world.fds.get(&fd)? };
            self.world.scan()?.get(key).map(|entry| entry.key)
        };
        let ringed = || {
            let key = WatchKey { fd, file: *self.world.fds.get(&fd)? };
            self.world.ring().map(|_| key)
        };
        let served = || {
            let key = WatchKey { fd, file: *self.world.fds.get(&fd)? };
            self.world.served()?.has(key).then_some(key)
        };
        let own = || scanned().or_else(ringed).or_else(served);
        self.entry_at(fd).map(|entry| entry.key).or_else(own)
    }

    /// Whether nothing waits for any file: the server goes from one way to another.
    pub fn waits_for_nothing(&self) -> bool {
        self.id.is_none() && self.world.pollers.own().is_none()
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
