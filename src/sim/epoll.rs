//! One epoll instance (struct eventpoll): ADD, MOD, DEL, and what a wake-up does
//! (fs/eventpoll.c).

use std::collections::VecDeque;

use rustc_hash::FxHashMap;

use super::rules;
use crate::event::{CtlOp, Errno, Fd, FileId, LaneId, Mask, Reason, WatchKey};

use super::file::What;
use super::harvest::Scan;
use super::queue::{Hook, ItemId};
use super::{Flaw, KernelModel};

/// A registration (struct epitem).
#[derive(Clone, Debug)]
pub(super) struct Item {
    /// The epoll instance whose it is.
    pub(super) ep: FileId,
    pub(super) key: WatchKey,
    /// `epoll_event.events` as stored.
    pub(super) mask: Mask,
    /// `epoll_event.data`
    pub(super) data: u64,
    /// Whether it is on the ready list, or in the batch of a harvest.
    pub(super) linked: bool,
    /// Whether it is on the overflow list.
    pub(super) chained: bool,
    /// Why it was listed.
    pub(super) why: Reason,
    /// Why it was put on the overflow list.
    pub(super) chained_why: Reason,
}

/// An epoll instance.
#[derive(Clone, Debug)]
pub(super) struct Epoll {
    /// The number under which it was made.
    pub(super) fd: Fd,
    /// The interest list (rbr), in the order of the registrations.
    pub(super) interest: Vec<ItemId>,
    by_key: FxHashMap<WatchKey, ItemId>,
    /// The ready list (rdllist), head first.
    pub(super) ready: VecDeque<ItemId>,
    pub(super) scan: Option<Scan>,
    /// Threads in epoll_wait (wq), head first.
    pub(super) sleepers: VecDeque<LaneId>,
    /// Threads that were woken while a harvest was held, and wait for it to end.
    pub(super) blocked: Vec<LaneId>,
}

impl Epoll {
    pub(super) fn new(fd: Fd) -> Self {
        Self {
            fd,
            interest: Vec::new(),
            by_key: FxHashMap::default(),
            ready: VecDeque::new(),
            scan: None,
            sleepers: VecDeque::new(),
            blocked: Vec::new(),
        }
    }

    fn unlink(&mut self, item: ItemId) {
        self.ready.retain(|other| *other != item);
        if let Some(scan) = &mut self.scan {
            scan.forget(item);
        }
    }
}

impl KernelModel {
    /// The epoll instance under that number.
    pub(super) fn epoll_at(&self, fd: Fd) -> Result<FileId, Errno> {
        let file = *self.numbers.get(&fd).ok_or(Errno::EBADF)?;
        if self.epolls.contains_key(&file) { Ok(file) } else { Err(Errno::EINVAL) }
    }

    /// Whether a harvest of it is held.
    pub(super) fn is_frozen(&self, ep: FileId) -> bool {
        self.epolls.get(&ep).is_some_and(|epoll| epoll.scan.is_some())
    }

    /// A call that would sleep until a harvest that is held goes on.
    pub(super) fn not_frozen(&mut self, ep: FileId) -> Result<(), Errno> {
        let held = self.is_frozen(ep);
        self.doubt.stuck |= held;
        if held { Err(Errno::EDEADLK) } else { Ok(()) }
    }

    /// `do_epoll_ctl`: its checks, in their order.
    pub(super) fn control(
        &mut self,
        ep: Fd,
        op: CtlOp,
        fd: Fd,
        asked: Mask,
        data: u64,
    ) -> Result<(), Errno> {
        let by = *self.numbers.get(&ep).ok_or(Errno::EBADF)?;
        let file = *self.numbers.get(&fd).ok_or(Errno::EBADF)?;
        let what = self.files.get(&file).map(|file| &file.what);
        if matches!(what, None | Some(What::Plain | What::Directory)) {
            return Err(Errno::EPERM);
        }
        let is_epoll = matches!(what, Some(What::Epoll));
        if by == file || !self.epolls.contains_key(&by) {
            return Err(Errno::EINVAL);
        }
        let asked = if self.keeps_wakeup { asked } else { asked - Mask::WAKEUP };
        let any_bit = self.flawed(Flaw::ExclusiveTakesAnyBit) && op == CtlOp::Add;
        if !rules::exclusive_is_fine(op, asked, is_epoll) && !any_bit {
            return Err(Errno::EINVAL);
        }
        self.not_frozen(by)?;
        if op == CtlOp::Add && is_epoll {
            // `ep_loop_check` locks every instance from there down.
            for ep in self.epolls_below(file) {
                self.not_frozen(ep)?;
            }
            if self.nests_too_deep(by, file) {
                return Err(Errno::ELOOP);
            }
        }
        let key = WatchKey { fd, file };
        let known = self.registered(by, key);
        match (op, known) {
            (CtlOp::Invalid(_), _) => Err(Errno::EINVAL),
            (CtlOp::Add, Some(_)) => Err(Errno::EEXIST),
            (CtlOp::Add, None) => self.insert(by, key, self.stored(asked), data),
            (_, None) => Err(Errno::ENOENT),
            (CtlOp::Del, Some(item)) => {
                self.remove_item(item);
                Ok(())
            }
            (CtlOp::Mod, Some(item)) => self.modify(item, self.stored(asked), data),
        }
    }

    fn stored(&self, asked: Mask) -> Mask {
        if self.flawed(Flaw::AlwaysIsNotStored) { asked } else { rules::stored(asked) }
    }

    fn registered(&self, ep: FileId, key: WatchKey) -> Option<ItemId> {
        let epoll = self.epolls.get(&ep)?;
        if self.flawed(Flaw::KeyIsTheNumber) {
            let same = |item: &&ItemId| self.items.get(item).is_some_and(|i| i.key.fd == key.fd);
            return epoll.interest.iter().find(same).copied();
        }
        epoll.by_key.get(&key).copied()
    }

    /// `ep_insert`
    fn insert(&mut self, ep: FileId, key: WatchKey, mask: Mask, data: u64) -> Result<(), Errno> {
        self.last_item += 1;
        let id = ItemId(self.last_item);
        let why = Reason::AtAdd;
        let item =
            Item { ep, key, mask, data, linked: false, chained: false, why, chained_why: why };
        self.items.insert(id, item);
        let exclusive = mask.has(Mask::EXCLUSIVE);
        if let Some(file) = self.files.get_mut(&key.file) {
            file.items.insert(0, id);
        }
        if let Some(epoll) = self.epolls.get_mut(&ep) {
            epoll.interest.push(id);
            epoll.by_key.insert(key, id);
        }
        if self.too_many_paths(key.file) {
            self.remove_item(id);
            return Err(Errno::EINVAL);
        }
        let flaw = self.flaw;
        if let Some(file) = self.files.get_mut(&key.file) {
            file.queue.hook(Hook::Item { item: id, exclusive }, flaw);
        }
        self.take_left_place(ep, id);
        let ready = !self.poll_item(id).is_empty();
        let silent = self.flawed(Flaw::AddDoesNotPoll)
            || (self.flawed(Flaw::AddDoesNotPollEdges) && mask.has(Mask::ET));
        if ready && !silent {
            self.make_ready(id, Reason::AtAdd);
        }
        Ok(())
    }

    /// `ep_modify`
    fn modify(&mut self, id: ItemId, mask: Mask, data: u64) -> Result<(), Errno> {
        let (keeps_data, modifies) =
            (self.flawed(Flaw::ModKeepsData), self.flawed(Flaw::ExclusiveCanBeModified));
        let Some(item) = self.items.get_mut(&id) else { return Err(Errno::ENOENT) };
        if item.mask.has(Mask::EXCLUSIVE) && !modifies {
            return Err(Errno::EINVAL);
        }
        item.mask = mask;
        if !keeps_data {
            item.data = data;
        }
        let ready = !self.poll_item(id).is_empty();
        match self.flaw {
            Some(Flaw::ModDoesNotPoll) => return Ok(()),
            Some(Flaw::ModMovesToTheTail) => self.unlist(id),
            Some(Flaw::ModUnlistsUnready) if !ready => self.unlist(id),
            _ => {}
        }
        if ready || self.flawed(Flaw::ModListsUnready) {
            self.make_ready(id, Reason::AtMod);
        }
        Ok(())
    }

    /// ADD or MOD found it ready: it is appended, unless it has a place already, and a sleeper and
    /// those who poll the epoll are woken.
    fn make_ready(&mut self, id: ItemId, why: Reason) {
        let Some(ep) = self.items.get(&id).filter(|item| !item.linked).map(|item| item.ep) else {
            return;
        };
        self.list(id, why);
        if !self.flawed(Flaw::CtlWakesNobody) {
            self.wake_sleeper(ep);
            self.tell_outer(ep);
        }
    }

    pub(super) fn list(&mut self, id: ItemId, why: Reason) {
        let Some(item) = self.items.get_mut(&id) else { return };
        (item.linked, item.why) = (true, why);
        if let Some(epoll) = self.epolls.get_mut(&item.ep) {
            epoll.ready.push_back(id);
        }
    }

    fn unlist(&mut self, id: ItemId) {
        let Some(item) = self.items.get_mut(&id) else { return };
        item.linked = false;
        if let Some(epoll) = self.epolls.get_mut(&item.ep) {
            epoll.ready.retain(|other| *other != id);
        }
    }

    /// `ep_remove`: it wakes nobody.
    pub(super) fn remove_item(&mut self, id: ItemId) {
        if let Some(left) = self.items.get(&id).filter(|item| item.linked)
            && self.flawed(Flaw::DelKeepsPlace)
        {
            let at = self.epolls.get(&left.ep).and_then(|e| e.ready.iter().position(|i| *i == id));
            self.left_place = at.map(|at| (left.ep, left.key, at));
        }
        let Some(item) = self.items.remove(&id) else { return };
        if let Some(file) = self.files.get_mut(&item.key.file) {
            file.queue.unhook(id);
            file.items.retain(|other| *other != id);
        }
        if let Some(epoll) = self.epolls.get_mut(&item.ep) {
            epoll.interest.retain(|other| *other != id);
            epoll.by_key.remove(&item.key);
            epoll.unlink(id);
        }
    }

    /// A deliberate error: a registration that comes back finds its old place.
    fn take_left_place(&mut self, ep: FileId, id: ItemId) {
        let Some((left, key, at)) = self.left_place.take() else { return };
        let Some(item) = self.items.get_mut(&id) else { return };
        if let Some(epoll) = self.epolls.get_mut(&ep)
            && (left, key) == (ep, item.key)
        {
            item.linked = true;
            epoll.ready.insert(at.min(epoll.ready.len()), id);
        }
    }

    /// `ep_poll_callback`: the file of that registration was woken. Whether an exclusive one is
    /// served by it.
    pub(super) fn callback(&mut self, id: ItemId, key: Mask, why: Reason) -> bool {
        let Some(item) = self.items.get(&id) else { return false };
        let (ep, mask) = (item.ep, item.mask);
        let plain = !mask.has(Mask::EXCLUSIVE);
        if !self.concerns(mask, key) {
            return plain;
        }
        let slept = self.epolls.get(&ep).is_some_and(|epoll| !epoll.sleepers.is_empty());
        self.arrive(id, why);
        self.wake_sleeper(ep);
        if !self.flawed(Flaw::InnerIsSilent) {
            self.tell_outer(ep);
        }
        let nobody = self.flawed(Flaw::ExclusiveServesNobody);
        plain || nobody || rules::serves_exclusively(mask, key, slept)
    }

    fn concerns(&self, mask: Mask, key: Mask) -> bool {
        match self.flaw {
            Some(Flaw::KeylessIsFiltered) if key.is_empty() => false,
            Some(Flaw::KeyIsIgnored) => rules::armed(mask),
            Some(Flaw::DisarmedIsListed) if !rules::armed(mask) => true,
            _ => rules::concerns(mask, key),
        }
    }

    /// Lists a registration that was woken, or chains it while a harvest runs. An entry that is
    /// there already keeps its place.
    fn arrive(&mut self, id: ItemId, why: Reason) {
        let flaw = self.flaw;
        if let Some(ep) = self.items.get(&id).map(|item| item.ep) {
            self.race_with_arrival(ep);
        }
        let Some(item) = self.items.get_mut(&id) else { return };
        let Some(epoll) = self.epolls.get_mut(&item.ep) else { return };
        if let Some(scan) = &mut epoll.scan {
            if !item.chained {
                (item.chained, item.chained_why) = (true, why);
                scan.overflow.push(id);
            }
            return;
        }
        if item.linked && flaw == Some(Flaw::ArrivalMovesToTheTail) {
            epoll.ready.retain(|other| *other != id);
            epoll.ready.push_back(id);
        }
        if !item.linked {
            (item.linked, item.why) = (true, why);
            if flaw == Some(Flaw::ArrivalGoesToTheHead) {
                epoll.ready.push_front(id);
            } else {
                epoll.ready.push_back(id);
            }
        }
    }

    /// Wakes one thread in epoll_wait, if one sleeps there.
    pub(super) fn wake_sleeper(&mut self, ep: FileId) {
        let flaw = self.flaw;
        let Some(epoll) = self.epolls.get_mut(&ep) else { return };
        let woken = if flaw == Some(Flaw::SleepersAreFifo) {
            epoll.sleepers.pop_back()
        } else {
            epoll.sleepers.pop_front()
        };
        self.woken.extend(woken);
        if flaw == Some(Flaw::EverySleeperWakes) {
            self.woken.extend(epoll.sleepers.drain(..));
        }
    }

    /// `ep_poll_safewake`: whoever polls the epoll itself hears IN.
    pub(super) fn tell_outer(&mut self, ep: FileId) {
        self.wake(ep, Mask::IN, false, Reason::Inner);
    }

    /// `ep_item_poll`
    pub(super) fn poll_item(&mut self, id: ItemId) -> Mask {
        let Some(item) = self.items.get(&id) else { return Mask::EMPTY };
        let (file, mask) = (item.key.file, item.mask);
        self.poll_file(file) & mask
    }
}
