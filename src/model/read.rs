//! Lists and files that are read and not deduced: what was known before gives way to them, and what
//! differs is what the event changed.
//!
//! Between two readings calls are counted and threads change their states, and that is all.

use rustc_hash::FxHashMap;

use crate::event::{
    Delivery, Fd, FileId, FileKind, FileRead, LaneId, ListEntries, ListRead, Mask, Nanos,
    Provenance, Reason, Seq, Syscall, ThreadSeen, WatchKey, WatchRead,
};

use super::check::Sync;
use super::file::OpenFile;
use super::interest::{InterestEntry, InterestList};
use super::lane::{LaneState, WaitQueue};
use super::poller::{EpollInstance, Known};
use super::ready::ReadyEntry;
use super::world::World;

impl World {
    /// `epoll_wait` reported those, of lists that are read.
    pub(super) fn reported(&mut self, ep: FileId, lane: LaneId, events: &[Delivery]) {
        let at = (self.seq, self.t);
        if let Some(lane) = self.lane_mut(lane) {
            lane.takes(events);
            // Nobody says when they are handled.
            lane.batch.finish();
        }
        let interest = &mut self.pollers.at_mut(ep).interest;
        for event in events {
            if let Some(entry) = interest.get_mut(InterestList::key_of(event)) {
                entry.delivered = Some((at.0, at.1, event.mask));
                entry.deliveries += 1;
            }
            if let Some(file) = self.files.get_mut(&event.file) {
                file.counts.reports += 1;
            }
        }
    }

    /// A list was read: compared with what was deduced if it is deduced, else taken over.
    pub(super) fn list_read(&mut self, read: &ListRead) {
        let ListRead { poller, by, list } = read;
        let known = Known { by: *by, at: self.seq };
        let deduced = self.pollers.epoll(*poller).is_some_and(EpollInstance::is_deduced);
        if let ListEntries::Interest(entries) = list
            && deduced
            && self.deduces_files()
        {
            self.interest_compared(*poller, entries, known);
            return;
        }
        if let ListEntries::Scanned(entries) = list {
            self.set_read(entries);
            return;
        }
        if let ListEntries::InFlight(list) = list {
            self.flights_read(list);
            return;
        }
        let t = self.t;
        let instance = self.pollers.at_mut(*poller);
        match list {
            ListEntries::Interest(entries) => instance.read_interest(entries, known, t),
            ListEntries::Overflow(list) => instance.read_overflow(list.as_deref(), known),
            ListEntries::Ready(list) => instance.read_ready(list, &self.files, known, t),
            ListEntries::Waiting(lanes) => instance.read_waiting(lanes, known),
            ListEntries::Scanned(_) | ListEntries::InFlight(_) => {}
        }
    }

    /// The open files were read: what was known of files gives way to it.
    pub(super) fn files_read(&mut self, by: Provenance, files: &[FileRead]) {
        let before = std::mem::replace(&mut self.files_known, Known { by, at: self.seq }).at;
        let at = (self.seq, self.t);
        let mut old = std::mem::take(&mut self.files);
        let numbers = std::mem::take(&mut self.fds);
        for read in files {
            for fd in &read.fds {
                // Opened since, it has its name; else the file's, if the number is new to it.
                let since = self.labels.since(*fd);
                let stale = since.is_none_or(|since| since <= before);
                let new = since.is_none() || (stale && numbers.get(fd) != Some(&read.id));
                if new && self.labelled {
                    self.labels.set(*fd, at.0, &read.name);
                }
                self.fds.insert(*fd, read.id);
            }
            self.files.insert(read.id, file(old.remove(&read.id), read, at));
        }
        let files = &self.files;
        self.pollers.retain(|id| files.contains_key(&id));
    }

    /// An epoll instance was found.
    pub(super) fn poller_found(&mut self, file: FileId, fd: Fd, name: &str) {
        if self.labelled && self.labels.since(fd).is_none() {
            self.labels.set(fd, self.seq, name);
        }
        let instance = self.pollers.at_mut(file);
        (instance.fd, instance.name) = (Some(fd), name.into());
    }

    /// The threads were read; who sleeps in `epoll_wait` the wait queues say.
    pub(super) fn threads_read(&mut self, threads: &[ThreadSeen]) {
        let t = self.t;
        for thread in threads {
            let Some(lane) = self.lane_mut(thread.lane) else { continue };
            lane.name = Some(thread.name.clone());
            lane.tid = thread.tid;
            if let Some(call) = thread.asleep_in {
                lane.becomes(LaneState::Asleep(call), t);
            } else if lane.state == LaneState::Unstarted {
                lane.becomes(LaneState::Running, t);
            }
        }
        for lane in &mut self.lanes {
            let mut epolls = self.pollers.epolls();
            let at = epolls.find(|(_, instance)| instance.wq.contains(lane.id));
            let state = match (&lane.state, at.and_then(|(_, instance)| instance.fd)) {
                (LaneState::Harvesting(call), Some(_)) => LaneState::Asleep(*call),
                (LaneState::Running | LaneState::Unstarted, Some(ep)) => {
                    // It went to sleep unseen.
                    LaneState::Asleep(Syscall::EpollWait { ep, max: 64, timeout_ms: -1 })
                }
                // It was woken, and is held up on its way out of the kernel.
                (LaneState::Asleep(call @ Syscall::EpollWait { .. }), None) => {
                    LaneState::Harvesting(*call)
                }
                _ => continue,
            };
            lane.becomes(state, t);
        }
    }

    /// The comparisons of a case with its model.
    pub(super) fn compared(&mut self, agreed: u64, diverged: u64) {
        for instance in self.pollers.epolls_mut().filter(|instance| !instance.is_deduced()) {
            (instance.check.agreed, instance.check.diverged) = (agreed, diverged);
        }
    }
}

impl EpollInstance {
    fn read_interest(&mut self, entries: &[WatchRead], known: Known, t: Nanos) {
        let at = (known.at, t);
        let mut changed = self.interest.len() != entries.len();
        let mut old = std::mem::take(&mut self.interest);
        for read in entries {
            let mut entry = old.remove(read.key).unwrap_or_else(|| {
                changed = true;
                InterestEntry::new(read.key, read.mask, at)
            });
            if entry.mask != read.mask {
                changed = true;
                // A report that disarms a one-shot is no change by the program.
                if read.mask != entry.mask & Mask::PRIVATE {
                    entry.changed = at;
                }
                entry.mask = read.mask;
            }
            entry.name = Some(read.name.clone()).filter(|name| !name.is_empty());
            self.interest.insert(entry);
        }
        // What is left there is no more.
        self.delta.forgotten = old.iter().map(|entry| entry.key).collect();
        // What the kernel was read to have stays its word while it is the model's, too.
        let kernels = self.interest_by() == Provenance::Fdinfo && !changed;
        if known.by != Provenance::Model || !kernels {
            self.known.interest = known;
        }
        if changed {
            self.interest_changed = known.at;
        }
    }

    /// Also what a harvest that is held has in its hands: what was on the ready list when it began,
    /// and is there no more.
    fn read_overflow(&mut self, list: Option<&[WatchKey]>, known: Known) {
        self.known.overflow = known;
        let taken: Vec<WatchKey> = match (list, &self.overflow) {
            (None, _) => Vec::new(),
            (Some(_), Some(_)) => self.batch.to_vec(),
            (Some(_), None) => self.ready.iter().map(|entry| entry.key).collect(),
        };
        let new = list.unwrap_or_default();
        self.batch = taken.into_iter().filter(|key| !new.contains(key)).collect();
        let before = self.overflow.as_deref().unwrap_or_default();
        self.delta.overflowed =
            new.iter().rev().copied().filter(|key| !before.contains(key)).collect();
        self.overflow = list.map(Into::into);
    }

    fn read_ready(
        &mut self,
        list: &[(WatchKey, Reason)],
        files: &FxHashMap<FileId, OpenFile>,
        known: Known,
        t: Nanos,
    ) {
        let since = std::mem::replace(&mut self.known.ready, known).at;
        self.check.sync = Sync::Following;
        let (mut added, mut arrived) = (Vec::new(), Vec::new());
        let old = std::mem::take(&mut self.ready);
        for entry in old.iter() {
            if let Some(entry) = self.interest.get_mut(entry.key) {
                entry.listed = false;
            }
        }
        for (key, why) in list {
            let (key, why) = (*key, *why);
            let reported = self.interest.get(key).and_then(|entry| entry.delivered);
            let reported = reported.is_some_and(|(seq, ..)| seq > since);
            let stayed = old.find(key).map(|(_, entry)| *entry);
            let stayed = stayed.filter(|entry| entry.why == why && !reported);
            let grown = files.get(&key.file).is_some_and(|file| file.grown > since);
            let fresh = ReadyEntry { key, why, since: t, seq: known.at, unsure: false };
            if stayed.is_none() {
                added.push(fresh);
            } else if grown {
                arrived.push(key);
            }
            self.ready.entries.push_back(stayed.unwrap_or(fresh));
            let Some(entry) = self.interest.get_mut(key) else { continue };
            entry.listed = true;
            let wakes = !matches!(why, Reason::PutBack | Reason::AtAdd | Reason::AtMod);
            if (stayed.is_none() && wakes) || (stayed.is_some() && grown) {
                entry.woken_before = entry.woken.map(|(seq, _)| seq);
                entry.woken = Some((known.at, t));
                entry.wakeups += 1;
            }
        }
        let kept = |key: &WatchKey| {
            let fresh = added.iter().any(|entry: &ReadyEntry| entry.key == *key);
            self.ready.find(*key).is_some() && !fresh
        };
        let left = old.iter().map(|entry| entry.key).filter(|key| !kept(key));
        self.delta.removed = left.collect();
        self.batch = self.batch.iter().copied().filter(|k| self.ready.find(*k).is_none()).collect();
        let delta = &mut self.delta;
        (delta.added, delta.arrived, delta.since) = (added, arrived, since);
    }

    fn read_waiting(&mut self, lanes: &[LaneId], known: Known) {
        self.known.waiting = known;
        self.wq = WaitQueue::default();
        lanes.iter().rev().for_each(|lane| self.wq.push_head(*lane));
    }
}

/// Whether something arrived since the file was last read.
fn has_grown(old: &OpenFile, read: &FileRead) -> bool {
    let more = read.unread.map(clamped) > old.unread;
    let news = read.poll - old.polled.unwrap_or(Mask::EMPTY);
    more || news.any(Mask::HUP | Mask::ERR | Mask::RDHUP | Mask::OUT)
}

fn clamped(n: u64) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// The file as it is read; what only calls tell is kept.
fn file(old: Option<OpenFile>, read: &FileRead, at: (Seq, Nanos)) -> OpenFile {
    let (seq, t) = at;
    let grown = old.as_ref().is_some_and(|old| has_grown(old, read));
    let first = read.fds.first().copied();
    let mut file = old.unwrap_or_else(|| {
        OpenFile::new(read.id, first.unwrap_or(Fd(-1)), read.what, read.name.clone(), t)
    });
    let unread = read.unread.map(clamped);
    if unread != file.unread {
        file.unread_at = seq;
    }
    if unread > file.unread && file.polled.is_some() {
        file.woken = Some(t);
    }
    file.drained &= unread.unwrap_or(0) == 0;
    file.fd = first.unwrap_or(file.fd);
    file.what = read.what;
    file.name = read.name.clone();
    file.refs = clamped(read.fds.len() as u64);
    file.copied |= read.fds.len() > 1;
    file.unread = unread;
    file.unsent = read.unsent.map(clamped);
    file.room = (read.what != FileKind::Listener).then(|| read.poll.any(Mask::OUT));
    file.state = read.poll & (Mask::RDHUP | Mask::HUP | Mask::ERR);
    file.settled = true;
    file.polled = Some(read.poll);
    if grown {
        file.grown = seq;
    }
    file
}
