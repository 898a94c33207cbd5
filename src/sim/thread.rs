//! Threads that sleep: in epoll_wait (`ep_poll`), in poll(2) and select(2) (fs/select.c), or held in
//! the middle of a harvest.

use crate::event::{Errno, Fd, FileId, LaneId, Mask};

use super::queue::Hook;
use super::wakes::{READABLE, WRITABLE};
use super::{Flaw, KernelModel, Way, Woke};

/// poll(2)'s answer for a number that is not open.
pub(super) const NVAL: Mask = Mask(0x20);

/// Bytes of a struct epoll_event, which is packed on x86-64 alone.
const EVENT: i32 = if cfg!(target_arch = "x86_64") { 12 } else { 16 };

/// What select(2) takes for readable and for writable (`POLLIN_SET`, `POLLOUT_SET`).
const SELECT_IN: Mask = Mask(READABLE.0 | Mask::RDBAND.0 | Mask::HUP.0 | Mask::ERR.0 | NVAL.0);
const SELECT_OUT: Mask = Mask(WRITABLE.0 | Mask::WRBAND.0 | Mask::ERR.0 | NVAL.0);

/// What a thread is inside of.
#[derive(Clone, Debug)]
pub(super) enum Sleep {
    /// epoll_wait
    Wait { ep: FileId, max: usize },
    /// A harvest that is held.
    Frozen { ep: FileId },
    /// read(2) of a blocking socket
    Read {
        file: FileId,
        n: u64,
        /// Whether it was woken and did not run yet.
        woken: bool,
    },
    /// io_uring_enter(2), until `wait` completions are there; it then returns `count`.
    Ring { ring: FileId, count: u64, wait: usize },
    /// poll or select
    Poll {
        fds: Vec<(Fd, Mask)>,
        /// The files that it hooked.
        hooked: Vec<FileId>,
        way: Way,
        /// Whether it was woken and did not run yet.
        woken: bool,
    },
}

impl KernelModel {
    /// The checks of epoll_wait (`ep_check_params`).
    pub(super) fn waitable(&self, ep: Fd, max: i32) -> Result<(FileId, usize), Errno> {
        self.file_at(ep)?;
        let most = usize::try_from(max).unwrap_or(0);
        if max <= 0 || max > i32::MAX / EVENT {
            return Err(Errno::EINVAL);
        }
        let ep = self.epoll_at(ep)?;
        Ok((ep, most))
    }

    /// A thread enters epoll_wait with a timeout: it returns at once, or sleeps at the head of the
    /// wait queue.
    pub(super) fn enter_wait(&mut self, thread: LaneId, ep: FileId, max: usize) {
        self.hold(ep);
        self.threads.insert(thread, Sleep::Wait { ep, max });
        self.woken.push_back(thread);
    }

    /// A thread makes a harvest that is held before event number `at` is handed over; one that does
    /// not get there returns.
    pub(super) fn enter_frozen(&mut self, thread: LaneId, ep: FileId, max: usize, at: u32) {
        self.hold(ep);
        let at = usize::try_from(at).unwrap_or(usize::MAX).max(1);
        self.threads.insert(thread, Sleep::Frozen { ep });
        if !self.harvest_until(ep, max, at) {
            self.finish_frozen(thread, ep);
        }
    }

    /// The harvest that was held runs to its end; then those who waited for it.
    pub(super) fn finish_frozen(&mut self, thread: LaneId, ep: FileId) {
        let events = self.resume_harvest(ep);
        let woke = if events.is_empty() { Woke::TimedOut } else { Woke::Events(events) };
        if let Some(epoll) = self.epolls.get_mut(&ep) {
            let blocked = std::mem::take(&mut epoll.blocked);
            self.woken.extend(blocked);
        }
        self.leave(thread, woke);
    }

    /// A thread enters poll or select: it polls every file, hooking each until one is ready, and
    /// sleeps if none is. What it hooks it holds, also when the number is closed meanwhile.
    /// Without a timeout, when it never `sleeps`, nothing is hooked: that is not told apart but by
    /// what is counted.
    pub(super) fn enter_poll(
        &mut self,
        thread: LaneId,
        fds: &[(Fd, Mask)],
        way: Way,
        sleeps: bool,
    ) {
        let mut found = Vec::new();
        let mut hooked = Vec::new();
        for (fd, mask) in fds.iter().filter(|(_, mask)| way.is_in_set(*mask)) {
            if let (Ok(id), true) = (self.file_at(*fd), found.is_empty()) {
                self.hold(id);
                hooked.push(id);
                self.scans.hooks += u64::from(sleeps && self.has_queue(id));
                let (flaw, want) = (self.flaw, *mask | way.always(*mask));
                if let Some(file) = self.files.get_mut(&id) {
                    file.queue.hook(Hook::Poller { thread, want }, flaw);
                }
            }
            found.extend(self.poll_one(*fd, *mask, way));
        }
        self.threads.insert(thread, Sleep::Poll { fds: fds.to_vec(), hooked, way, woken: false });
        if !found.is_empty() {
            self.leave(thread, Woke::Polled(found));
        }
    }

    /// One pass of poll or select. Each looks its numbers up anew.
    fn pass(&mut self, fds: &[(Fd, Mask)], way: Way) -> Vec<(Fd, Mask)> {
        fds.iter().filter_map(|(fd, mask)| self.poll_one(*fd, *mask, way)).collect()
    }

    /// One descriptor of a pass, if it has something to tell.
    fn poll_one(&mut self, fd: Fd, mask: Mask, way: Way) -> Option<(Fd, Mask)> {
        if !way.is_in_set(mask) {
            return None;
        }
        let bits = match self.file_at(fd) {
            Ok(file) => {
                self.scans.asked += 1;
                self.poll_file(file)
            }
            Err(_) if fd.0 < 0 => Mask::EMPTY,
            Err(_) => NVAL,
        };
        let told = self.answer(way, mask, bits);
        (!told.is_empty()).then_some((fd, told))
    }

    /// What the caller is told of these bits.
    fn answer(&self, way: Way, asked: Mask, bits: Mask) -> Mask {
        match way {
            Way::Poll => bits & (asked | Mask::ALWAYS | NVAL),
            Way::Select => {
                let ins = if self.flawed(Flaw::SelectIgnoresHangup) {
                    SELECT_IN - Mask::HUP
                } else {
                    SELECT_IN
                };
                let read = asked.has(Mask::IN) && bits.any(ins);
                let write = asked.has(Mask::OUT) && bits.any(SELECT_OUT);
                let except = asked.has(Mask::PRI) && bits.any(Mask::PRI | NVAL);
                Mask::EMPTY.with(Mask::IN, read).with(Mask::OUT, write).with(Mask::PRI, except)
            }
        }
    }

    /// poll(2) that does not wait.
    pub(super) fn poll_now(&mut self, fds: &[(Fd, Mask)]) -> Vec<(Fd, Mask)> {
        self.pass(fds, Way::Poll)
    }

    /// select(2) that does not wait.
    pub(super) fn select_now(&mut self, fds: &[(Fd, Mask)]) -> Result<Vec<(Fd, Mask)>, Errno> {
        self.selectable(fds)?;
        Ok(self.pass(fds, Way::Select))
    }

    /// EBADF if a descriptor of a select is not open.
    pub(super) fn selectable(&self, fds: &[(Fd, Mask)]) -> Result<(), Errno> {
        let mut asked = fds.iter().filter(|(_, mask)| Way::Select.is_in_set(*mask));
        asked.try_for_each(|(fd, _)| self.file_at(*fd).map(drop))
    }

    /// A thread in poll or select was woken through one of its hooks.
    pub(super) fn wake_poller(&mut self, thread: LaneId) {
        match self.threads.get_mut(&thread) {
            Some(Sleep::Poll { woken: true, .. }) => self.race_with_poller(),
            Some(Sleep::Poll { woken, .. }) => {
                *woken = true;
                self.woken.push_back(thread);
            }
            _ => {}
        }
    }

    /// Lets the threads that were woken run, in the order in which they were, until all sleep or
    /// have returned.
    pub(super) fn settle(&mut self) {
        self.run_woken();
        while self.do_ring_work() {
            self.run_woken();
        }
    }

    fn run_woken(&mut self) {
        let mut alone = self.woken.len() <= 1;
        while let Some(thread) = self.woken.pop_front() {
            alone &= self.woken.is_empty();
            self.race_with_release(thread, alone);
            match self.threads.get(&thread) {
                Some(Sleep::Wait { ep, max }) => {
                    let (ep, max) = (*ep, *max);
                    self.run_waiter(thread, ep, max);
                }
                Some(Sleep::Poll { .. }) => {
                    if let Some(found) = self.poll_again(thread) {
                        self.leave(thread, Woke::Polled(found));
                    }
                }
                Some(Sleep::Read { file, n, .. }) => {
                    let (file, n) = (*file, *n);
                    self.run_reader(thread, file, n);
                }
                Some(Sleep::Frozen { .. } | Sleep::Ring { .. }) | None => {}
            }
        }
    }

    /// `ep_poll`, awake: a harvest, and to sleep again at the head if it brought nothing.
    fn run_waiter(&mut self, thread: LaneId, ep: FileId, max: usize) {
        if self.is_frozen(ep) {
            if let Some(epoll) = self.epolls.get_mut(&ep) {
                epoll.blocked.push(thread);
            }
            return;
        }
        if let Some(events) = self.harvest(ep, max).filter(|events| !events.is_empty()) {
            self.leave(thread, Woke::Events(events));
            return;
        }
        let tail = self.flawed(Flaw::SleepsAgainAtTheTail);
        let Some(epoll) = self.epolls.get_mut(&ep) else { return };
        if tail {
            epoll.sleepers.push_back(thread);
        } else {
            epoll.sleepers.push_front(thread);
        }
    }

    fn poll_again(&mut self, thread: LaneId) -> Option<Vec<(Fd, Mask)>> {
        let Some(Sleep::Poll { fds, way, woken, .. }) = self.threads.get_mut(&thread) else {
            return None;
        };
        *woken = false;
        let (fds, way) = (fds.clone(), *way);
        let found = self.pass(&fds, way);
        (!found.is_empty()).then_some(found)
    }

    /// A signal, or the thread's own timeout: a last look, then it returns. After its timeout a
    /// thread in epoll_wait does not look.
    pub(super) fn stop(&mut self, thread: LaneId, with: Woke) {
        let woke = match self.threads.get(&thread) {
            Some(Sleep::Wait { ep, max }) => {
                let (ep, max) = (*ep, *max);
                if let Some(epoll) = self.epolls.get_mut(&ep) {
                    epoll.sleepers.retain(|other| *other != thread);
                    // What waits for a harvest that is held no signal wakes.
                    self.doubt.stuck |= epoll.blocked.contains(&thread);
                    epoll.blocked.retain(|other| *other != thread);
                }
                let looks = with == Woke::Interrupted && self.not_frozen(ep).is_ok();
                let events = if looks { self.harvest(ep, max) } else { None };
                events.filter(|events| !events.is_empty()).map(Woke::Events)
            }
            Some(Sleep::Poll { .. }) => self.poll_again(thread).map(Woke::Polled),
            // What was submitted is told of before the signal.
            Some(Sleep::Ring { count, .. }) if *count > 0 => Some(Woke::Number(Ok(*count))),
            Some(Sleep::Read { .. } | Sleep::Ring { .. }) => None,
            Some(Sleep::Frozen { .. }) => {
                self.doubt.stuck = true;
                return;
            }
            None => return,
        };
        self.leave(thread, woke.unwrap_or(with));
    }

    /// The thread returns: its hooks and what it held go.
    pub(super) fn leave(&mut self, thread: LaneId, woke: Woke) {
        match self.threads.remove(&thread) {
            Some(Sleep::Read { file, .. }) => {
                if let Some(file) = self.files.get_mut(&file) {
                    file.queue.leave(thread);
                }
                self.let_go(file);
                self.returned.push((thread, woke));
            }
            Some(Sleep::Ring { ring, .. }) => {
                self.let_go(ring);
                self.returned.push((thread, woke));
            }
            Some(Sleep::Poll { hooked, .. }) => {
                for id in &hooked {
                    if let Some(file) = self.files.get_mut(id) {
                        file.queue.leave(thread);
                    }
                }
                for id in hooked {
                    self.let_go(id);
                }
                self.returned.push((thread, woke));
            }
            Some(Sleep::Wait { ep, .. } | Sleep::Frozen { ep }) => {
                self.let_go(ep);
                self.returned.push((thread, woke));
            }
            None => {}
        }
    }

    /// A thread drops what it held. To release a file takes the lock of each epoll that it is
    /// registered with (`eventpoll_release_file`).
    fn let_go(&mut self, id: FileId) {
        self.doubt.stuck |= self.is_last_ref(id) && self.is_in_frozen(id);
        self.drop_ref(id);
    }
}

impl Way {
    /// Whether a descriptor with this mask is asked: for select(2) one without IN, OUT and PRI is in
    /// none of the three sets.
    fn is_in_set(self, mask: Mask) -> bool {
        self == Self::Poll || mask.any(Mask::IN | Mask::OUT | Mask::PRI)
    }

    /// The keys that concern a caller beside those it asked for: `poll` adds ERR and HUP, `select`
    /// waits for groups of bits (`wait_key_set`).
    fn always(self, asked: Mask) -> Mask {
        match self {
            Self::Poll => Mask::ALWAYS,
            Self::Select => {
                let ins = if asked.has(Mask::IN) { SELECT_IN } else { Mask::EMPTY };
                let outs = if asked.has(Mask::OUT) { SELECT_OUT } else { Mask::EMPTY };
                Mask::PRI | ins | outs
            }
        }
    }
}

impl KernelModel {
    /// The threads that are inside a call, in order of their numbers.
    pub fn asleep(&self) -> Vec<LaneId> {
        self.threads.keys().copied().collect()
    }

    /// The threads that are held in a harvest.
    pub fn frozen(&self) -> Vec<LaneId> {
        let held = |sleep: &Sleep| matches!(sleep, Sleep::Frozen { .. });
        self.threads.iter().filter(|(_, sleep)| held(sleep)).map(|(id, _)| *id).collect()
    }

    /// Two threads changed places: what the one is inside of, the other is. For a source that sees
    /// which thread the kernel took where either would have done.
    pub fn swap(&mut self, a: LaneId, b: LaneId) {
        let swapped = |id: LaneId| match id {
            id if id == a => b,
            id if id == b => a,
            id => id,
        };
        self.threads = std::mem::take(&mut self.threads)
            .into_iter()
            .map(|(id, sleep)| (swapped(id), sleep))
            .collect();
        for epoll in self.epolls.values_mut() {
            epoll.sleepers.iter_mut().for_each(|id| *id = swapped(*id));
            epoll.blocked.iter_mut().for_each(|id| *id = swapped(*id));
        }
        for file in self.files.values_mut() {
            file.queue.swap(swapped);
        }
        self.returned.iter_mut().for_each(|(id, _)| *id = swapped(*id));
    }
}
