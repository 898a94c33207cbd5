//! Wake-ups: what `ep_poll_callback` does to the ready list and to the wait queue, and what is known
//! of the order in which it did.

use crate::event::{Fd, FileId, FileKind, Mask, Nanos, Queues, Seq, Wakeup, WakeupLog, WatchKey};

use super::check::{Check, Loss, Sync};
use super::file::OpenFile;
use super::interest::Debt;
use super::lane::LaneState;
use super::log_read::LogRead;
use super::poller::EpollInstance;
use super::ready::{ReadyEntry, Reason};
use super::world::World;
use crate::sim::Eventfd;
use crate::sim::rules;

impl World {
    /// A wake-up of a file: what `ep_poll_callback` does, for each registration of the file.
    pub(super) fn woken(&mut self, wakeup: &Wakeup) {
        self.counters.wakeups += 1;
        let (seq, t) = (self.seq, self.t);
        let registered =
            self.fds.get(&wakeup.fd).map(|file| WatchKey { fd: wakeup.fd, file: *file });
        let ghost = || {
            let mut all = self.pollers.epolls();
            all.find_map(|(_, instance)| Some(instance.interest.by_fd(wakeup.fd).next()?.key))
        };
        let Some(key) = registered.or_else(ghost) else { return };
        if self.last_log_read.after != wakeup.after || wakeup.after == Nanos(0) {
            self.last_log_read = LogRead { after: wakeup.after, first: seq, ..LogRead::default() };
        }
        self.last_log_read.wakeups += 1;
        let mut copied = false;
        let mut why = Reason::Woken(wakeup.band);
        let mut end = Some(false);
        if let Some(file) = self.files.get_mut(&key.file) {
            file.woken = Some(t);
            copied = file.copied;
            end = file.is_end(wakeup);
            why = file.take_wakeup(wakeup, seq);
        }
        // The end of a stream is told to everybody, without a key (`tcp_fin`, `unix_shutdown`).
        let band = if end == Some(true) { Mask::EMPTY } else { wakeup.band };
        self.scan_woken(key, band, wakeup.after);
        self.ring_woken(key);
        let mut next = self.pollers.after(None);
        while let Some(ep) = next {
            let keys: Vec<_> = if copied {
                let interest = &self.pollers.at(ep).interest;
                interest.of_file(key.file).map(|e| e.key).collect()
            } else {
                vec![key]
            };
            for key in keys {
                self.callback(ep, key, band, why, wakeup.after);
                if end.is_none() && !band.is_empty() {
                    self.perhaps_keyless(ep, key);
                }
            }
            self.doubt_order(ep, wakeup.after);
            next = self.pollers.after(next);
        }
    }

    /// `ep_poll_callback` for one registration, of each epoll instance that has it.
    pub(super) fn call_back(&mut self, key: WatchKey, band: Mask, why: Reason, after: Nanos) {
        let mut next = self.pollers.after(None);
        while let Some(ep) = next {
            self.callback(ep, key, band, why, after);
            next = self.pollers.after(next);
        }
    }

    /// `ep_poll_callback` for one registration of that instance, some time after `after`. An empty `band` is a
    /// wake-up without a key.
    fn callback(&mut self, ep: FileId, key: WatchKey, band: Mask, why: Reason, after: Nanos) {
        let at = (self.seq, self.t);
        let Some(entry) = self.pollers.at_mut(ep).interest.get_mut(key) else { return };
        if !rules::concerns(entry.mask, band) {
            return;
        }
        entry.woken_before = entry.woken.map(|(seq, _)| seq);
        entry.woken = Some(at);
        entry.wakeups += 1;
        // The signal comes after the callback, so a quick harvest can come between them: this may be
        // what the last report was for.
        let reported = entry.delivered.map_or(Nanos(0), |(_, t, _)| t);
        let debt = std::mem::take(&mut entry.debt);
        let debt = if at.1.since(reported) < Check::PATIENCE { debt } else { Debt::None };
        // A one-shot that had fired was not concerned before the MOD that armed it.
        let fired = entry.mask.has(Mask::ONESHOT) && entry.changed.1 > after;
        let unsure = match debt {
            Debt::None => fired || entry.harvested_since(after),
            Debt::Perhaps => fired || after <= reported,
            Debt::Owed => {
                self.pollers.at_mut(ep).check.paid(key);
                if after <= reported {
                    return;
                }
                true
            }
        };
        let why = if unsure && debt != Debt::Owed { Reason::Perhaps } else { why };
        self.list(ep, key, why, unsure);
        self.wake_one(ep, self.seq);
    }

    /// A wake-up of which it is not known whether it had a key lists also who does not watch that
    /// key, perhaps.
    fn perhaps_keyless(&mut self, ep: FileId, key: WatchKey) {
        let Some(entry) = self.pollers.at(ep).interest.get(key) else { return };
        if !entry.listed && !entry.mask.has(Mask::IN) && rules::armed(entry.mask) {
            self.list(ep, key, Reason::Perhaps, true);
            self.wake_one(ep, self.seq);
        }
    }

    /// Many files were listed by one look at the edge log: their signals need not be in the order
    /// of the callbacks. And of what did not come from the edge log it is only known that it
    /// happened before it was told, as of this wake-up that it happened after `after`.
    fn doubt_order(&mut self, ep: FileId, after: Nanos) {
        let seq = self.seq;
        let entries = &mut self.pollers.at_mut(ep).ready.entries;
        let Some(last) = entries.back().filter(|last| last.seq == seq) else { return };
        let from_log = |why| !matches!(why, Reason::Signalled | Reason::AtAdd | Reason::AtMod);
        let told = last.why;
        let mut others = 0;
        for entry in entries.iter_mut().rev().skip(1).take_while(|entry| entry.since > after) {
            if entry.why != Reason::PutBack && !(from_log(told) && from_log(entry.why)) {
                entry.unsure = true;
                others += 1;
            }
        }
        if let Some(last) = entries.back_mut() {
            last.unsure |= others > 0;
        }
        let look = &mut self.last_log_read;
        look.listed += 1;
        if look.listed > 1 && look.is_crowded() {
            let same = entries.iter_mut().rev().take_while(|entry| entry.seq >= look.first);
            same.for_each(|entry| entry.unsure = true);
        }
    }

    /// What was listed by this event, and what other threads listed while the call ran: which came
    /// first is not known.
    pub(super) fn doubt_order_since(&mut self, ep: FileId, started: Nanos) {
        let seq = self.seq;
        let entries = &mut self.pollers.at_mut(ep).ready.entries;
        if entries.back().is_none_or(|last| last.seq != seq) {
            return;
        }
        let meanwhile = entries.iter().rev().skip(1).take_while(|e| e.since >= started).count();
        if meanwhile > 0 {
            entries.iter_mut().rev().take(meanwhile + 1).for_each(|entry| entry.unsure = true);
        }
    }

    /// Queue lengths were read. AF_UNIX sends no signal when the peer has read something, but its
    /// queue tells (`unix_write_space`).
    pub(super) fn queues_read(&mut self, fd: Fd, queues: &Queues) {
        let (seq, t) = (self.seq, self.t);
        let Some(id) = self.fds.get(&fd).copied() else { return };
        let Some(file) = self.files.get_mut(&id) else { return };
        let read_since = file.read_by_peer(queues);
        file.learn(queues, seq, t);
        let room = file.room == Some(true);
        self.scan_touch(fd);
        if room && let Some(since) = read_since {
            let band = Mask::OUT | Mask::WRNORM | Mask::WRBAND;
            self.call_back(WatchKey { fd, file: id }, band, Reason::Room, since);
        }
    }

    /// Appends to the ready list unless it is there already, where it keeps its place. Of a list
    /// that is not known nothing is noted.
    pub(super) fn list(&mut self, ep: FileId, key: WatchKey, why: Reason, unsure: bool) {
        let instance = self.pollers.at_mut(ep);
        if instance.check.sync != Sync::Following {
            return;
        }
        let Some(entry) = instance.interest.get_mut(key).filter(|entry| !entry.listed) else {
            return;
        };
        entry.listed = true;
        let entry = ReadyEntry { key, why, since: self.t, seq: self.seq, unsure };
        instance.ready.entries.push_back(entry);
        instance.delta.added.push(entry);
    }

    /// Wakes the thread at the head of the wait queue, if there is one.
    pub(super) fn wake_one(&mut self, ep: FileId, harvest_from: Seq) {
        let Some(id) = self.pollers.at_mut(ep).wq.pop_head() else { return };
        let t = self.t;
        let Some(lane) = self.lane_mut(id) else { return };
        if let LaneState::Asleep(call) = lane.state {
            lane.becomes(LaneState::Harvesting(call), t);
            lane.since = t;
            lane.looked = true;
            lane.harvest_from = harvest_from;
        }
    }

    pub(super) fn edge_log_changed(&mut self, state: WakeupLog) {
        match state {
            WakeupLog::Off | WakeupLog::NoQueue => {
                let queue = state == WakeupLog::Off;
                self.edge_log = state;
                self.lost_sync(if queue { Loss::Unrecorded } else { Loss::NoQueue });
                self.pollers.deduced_mut().for_each(|it| it.check.sync = Sync::Unknown);
            }
            WakeupLog::Skipped => self.lost_sync(Loss::Overflow),
            WakeupLog::Drained => {
                // What was listed while nobody looked is not known yet.
                if self.edge_log != WakeupLog::Drained
                    && (!self.pollers.is_empty() || self.scan().is_some())
                {
                    self.lost_sync(Loss::Resumed);
                    self.pollers.deduced_mut().for_each(|it| it.check.sync = Sync::Lost);
                }
                self.edge_log = WakeupLog::Drained;
            }
        }
    }

    /// No list is known any more, until a whole harvest or a sleeper tells it.
    pub(super) fn lost_sync(&mut self, why: Loss) {
        let at = (self.seq, self.t);
        for instance in self.pollers.deduced_mut() {
            let check = &mut instance.check;
            // A wake-up that is missing may be among what was lost.
            check.owed.clear();
            (check.lost, check.loss) = (at, why);
            if check.sync == Sync::Following {
                check.sync = Sync::Lost;
            }
            instance.unlist_all();
        }
        self.scan_lost(why);
        if !self.deduces_files() {
            return;
        }
        for file in self.files.values_mut() {
            file.unread = None;
            file.readable = false;
            file.settled = false;
            file.drained = false;
        }
    }

    /// The list is known again: it holds what was woken after `from` and not reported since.
    pub(super) fn found_sync(&mut self, ep: FileId, from: Seq) {
        self.pollers.at_mut(ep).check.sync = Sync::Following;
        let woken = self.pollers.at(ep).interest.iter().filter_map(|entry| {
            let (seq, _) = entry.woken.filter(|(seq, _)| *seq > from)?;
            let reported = entry.delivered.is_some_and(|(delivered, ..)| delivered > seq);
            (!reported && rules::armed(entry.mask)).then_some((seq, entry.key))
        });
        let mut woken: Vec<_> = woken.collect();
        woken.sort_unstable();
        for (_, key) in woken {
            self.list(ep, key, Reason::Perhaps, true);
        }
    }
}

impl EpollInstance {
    /// Takes a registration off the ready list.
    pub(super) fn unlist(&mut self, key: WatchKey) {
        if let Some(entry) = self.interest.get_mut(key) {
            entry.listed = false;
        }
        self.ready.entries.retain(|entry| entry.key != key);
        self.delta.removed.push(key);
    }

    /// Takes everything off the ready list.
    pub(super) fn unlist_all(&mut self) {
        for entry in std::mem::take(&mut self.ready.entries) {
            if let Some(listed) = self.interest.get_mut(entry.key) {
                listed.listed = false;
            }
            self.delta.removed.push(entry.key);
        }
    }
}

impl OpenFile {
    /// Whether a wake-up for reading is the end of the stream: it brought no bytes. `None` if that
    /// is not known.
    fn is_end(&self, wakeup: &Wakeup) -> Option<bool> {
        let stream = matches!(self.what, FileKind::Tcp | FileKind::Unix);
        let counted_since = self.counted > wakeup.after || self.is_served_since(wakeup.after);
        if !stream || !wakeup.band.any(Mask::IN) || wakeup.band.any(Mask::HUP | Mask::PRI) {
            return Some(false);
        }
        // What is counted since the wake-up may have brought these bytes along.
        if counted_since { None } else { Some(wakeup.unread? <= self.unread?) }
    }

    /// Whether what was counted for a wake-up still held when that was told, as far as the server
    /// is concerned.
    pub(crate) fn still_counts(&self, wakeup: &Wakeup) -> bool {
        !self.is_served_since(wakeup.counted)
    }

    /// Whether the server has had to do with it since that time.
    fn is_served_since(&self, after: Nanos) -> bool {
        self.served.is_some_and(|(_, t)| t > after)
    }

    /// Since when at the earliest the peer has read something that this AF_UNIX socket sent, if
    /// these queue lengths say that it has.
    fn read_by_peer(&self, queues: &Queues) -> Option<Nanos> {
        let (sent, was) = self.owed_by_peer.filter(|_| self.what == FileKind::Unix)?;
        let left = queues.unsent?;
        let read = was.map_or(left == 0, |was| left < was);
        read.then_some(sent)
    }

    /// Takes over what a wake-up says of the file, and why it would be listed for it.
    fn take_wakeup(&mut self, wakeup: &Wakeup, seq: Seq) -> Reason {
        if self.what == FileKind::Tcp || self.what == FileKind::Unix || self.what == FileKind::Pipe
        {
            self.settled = false;
        }
        let served_since = self.is_served_since(wakeup.after);
        if wakeup.band.any(Mask::OUT) {
            // What has been written since may have filled it again.
            self.room = (!served_since).then_some(true);
        }
        let arrived = wakeup.band.any(Mask::IN);
        match wakeup.unread.filter(|_| self.still_counts(wakeup)) {
            Some(unread) => self.set_unread(unread, seq),
            None if arrived => {
                self.unread = None;
                self.readable = !served_since;
                self.drained = false;
            }
            None => {}
        }
        match self.what {
            FileKind::Listener => Reason::Connection(wakeup.unread),
            FileKind::Eventfd if wakeup.band.any(Eventfd::WRITTEN) => Reason::Signalled,
            FileKind::Eventfd if wakeup.band.any(Eventfd::TAKEN) => Reason::Room,
            _ if wakeup.band.any(Mask::HUP | Mask::ERR) => Reason::PeerClosed,
            // A wake-up for reading that brought no bytes is the end of the stream.
            _ if arrived && wakeup.unread == Some(0) && !served_since => Reason::PeerClosed,
            _ if arrived => Reason::Arrived(wakeup.unread),
            _ if wakeup.band.any(Mask::OUT) => Reason::Room,
            _ => Reason::Woken(wakeup.band),
        }
    }

    /// Times and counts that a snapshot needs: when it was last woken or served.
    pub fn last_active(&self) -> Nanos {
        let served = self.served.map(|(_, t)| t);
        self.woken.max(served).unwrap_or(self.opened)
    }
}

#[cfg(test)]
mod tests;
