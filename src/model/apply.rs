//! `World::apply`: one match arm an event, one small function a rule.

use crate::event::{
    Call, ConnState, CtlOp, EdgeLog, Errno, Event, Fd, FileId, FileKind, Kind, LaneId, Mask, Nanos,
    Output, Pass, Peer, Ret, Seq, SyscallRecord, Wakeup, WatchKey,
};

use super::check::{Check, Sync};
use super::file::OpenFile;
use super::interest::InterestEntry;
use super::lane::LaneState;
use super::machine::Eventfd;
use super::ready::{ReadyEntry, Reason};
use super::rules;
use super::world::World;

impl World {
    /// Folds one event: the only way in which a world changes.
    pub fn apply(&mut self, event: &Event) {
        self.delta.clear();
        self.seq = event.seq;
        self.t = event.t;
        self.counters.events += 1;
        if self.is_told() || matches!(event.kind, Kind::Told(_)) {
            self.fold_told(event);
            return;
        }
        // A thread whose own event this is did not sleep until now.
        self.back_to_sleep(event.lane);
        self.fold(event);
        let mut findings = std::mem::take(&mut self.findings);
        self.delta.findings = findings.observe(event, self);
        self.findings = findings;
    }

    fn fold(&mut self, event: &Event) {
        let lane = event.lane;
        match &event.kind {
            Kind::Open { fd, file, what, name } => {
                self.open(OpenFile::new(*file, *fd, *what, name.clone(), event.t));
            }
            Kind::Enter(call) => self.entered(lane, *call),
            Kind::Return(record) => self.returned(lane, record),
            Kind::Wakeup(wakeup) => self.woken(wakeup),
            Kind::Arrive { fd, queues } => {
                let seq = self.seq;
                if let Some(file) = self.file_at_mut(*fd) {
                    file.learn(queues, seq);
                }
            }
            Kind::EdgeLog(state) => self.edge_log_changed(*state),
            Kind::Park { next } => self.parked(lane, *next),
            Kind::Unpark(pass) => self.unparked(lane, *pass),
            Kind::Resync { entries, .. } => self.resynced(entries),
            Kind::Settings(settings) => self.behaves(*settings),
            Kind::Conn { fd, state, queued } => self.connection(*fd, *state, *queued),
            Kind::Handle { fd, file } => self.handling(lane, *fd, *file),
            Kind::Refused(_) => self.counters.refused += 1,
            Kind::Gap { lost } => {
                self.counters.gaps += 1;
                self.counters.lost = self.counters.lost.saturating_add(*lost);
                self.counters.lost_at = event.t;
                self.lost_sync();
                self.instance.check.wants_resync = true;
            }
            Kind::Lane(change) => self.lane_changed(lane, change),
            Kind::Quiet => self.quiet(),
            Kind::Stale { .. }
            | Kind::Command { .. }
            | Kind::Note(_)
            | Kind::Made { .. }
            | Kind::Told(_) => {}
        }
    }

    // --- files and numbers

    pub(super) fn open(&mut self, file: OpenFile) {
        self.fds.insert(file.fd, file.id);
        self.counters.clients += usize::from(file.peer.is_some());
        if let Some(before) = self.files.insert(file.id, file) {
            self.counters.clients -= usize::from(before.peer.is_some());
        }
    }

    pub(super) fn file_at_mut(&mut self, fd: Fd) -> Option<&mut OpenFile> {
        self.files.get_mut(self.fds.get(&fd)?)
    }

    fn connection(&mut self, fd: Fd, state: ConnState, queued: u32) {
        if let Some(file) = self.file_at_mut(fd) {
            file.conn = state;
            file.queued = queued;
        }
    }

    fn accepted(&mut self, listener: Fd, fd: Fd, id: FileId, peer: &Peer) {
        let seq = self.seq;
        let t = self.t;
        let mut what = FileKind::Tcp;
        if let Some(file) = self.file_at_mut(listener) {
            file.unread = file.unread.map(|n| n.saturating_sub(1));
            file.unread_at = seq;
            if file.name.starts_with(['/', '@', '.']) {
                what = FileKind::Unix;
            }
        }
        if matches!(peer, Peer::Unix { .. }) {
            what = FileKind::Unix;
        }
        let mut file = OpenFile::new(id, fd, what, peer.to_string().into(), t);
        file.peer = Some(peer.clone());
        self.open(file);
        self.counters.accepted += 1;
    }

    /// The last close of a file removes its registrations, without an event and without waking
    /// anybody (`eventpoll_release_file`); an earlier one removes nothing.
    fn closed(&mut self, fd: Fd) {
        let Some(id) = self.fds.remove(&fd) else { return };
        let Some(file) = self.files.get_mut(&id) else { return };
        file.refs = file.refs.saturating_sub(1);
        if file.refs > 0 {
            return;
        }
        let copied = file.copied;
        let mut keys = vec![WatchKey { fd, file: id }];
        if copied {
            keys.extend(self.instance.interest.of_file(id).map(|entry| entry.key));
        }
        for key in keys {
            self.unregister(key);
        }
        self.remove_file(id);
    }

    pub(super) fn remove_file(&mut self, id: FileId) {
        if let Some(file) = self.files.remove(&id) {
            self.counters.clients -= usize::from(file.peer.is_some());
        }
    }

    fn copied(&mut self, fd: Fd, copy: Fd) {
        let Some(id) = self.fds.get(&fd).copied() else { return };
        self.fds.insert(copy, id);
        if let Some(file) = self.files.get_mut(&id) {
            file.refs += 1;
            file.copied = true;
        }
    }

    // --- calls

    fn returned(&mut self, lane: LaneId, record: &SyscallRecord) {
        let t = self.t;
        if let Some(lane) = self.lane_mut(lane) {
            lane.calls += 1;
            lane.pending = lane.pending.filter(|pass| *pass != Pass::Step);
            // A held thread carries out commands at the gate, and stays there.
            if !matches!(lane.state, LaneState::Held(_)) {
                lane.state = LaneState::Running;
                lane.since = t;
            }
        }
        self.served(record);
        match (record.call, &record.output) {
            (Call::EpollCreate, _) => {
                self.instance.fd = record.ret.fd();
                self.instance.check.sync = match self.edge_log {
                    EdgeLog::Off => Sync::Unknown,
                    _ => Sync::Following,
                };
            }
            (Call::EpollCtl { op, fd, mask, file, .. }, _) if record.ret.value().is_some() => {
                self.controlled(op, WatchKey { fd, file }, mask);
                self.doubt_order_since(record.started);
            }
            (Call::EpollWait { max, .. }, Output::Events { events, log })
                if record.ret.value().is_some() =>
            {
                self.harvested(lane, max, events, *log);
            }
            (Call::EpollWait { .. }, _) => self.instance.wq.remove(lane),
            (Call::Accept { fd }, Output::Accepted { file, peer }) => {
                if let Some(new) = record.ret.fd() {
                    self.accepted(fd, new, *file, peer);
                }
            }
            (Call::Accept { fd } | Call::Read { fd, .. }, _) => self.read(fd, record),
            (Call::Send { fd, len } | Call::Write { fd, len }, _) => {
                self.wrote(fd, len, record.ret);
            }
            (Call::Shutdown { fd, .. }, _) if record.ret.value().is_some() => {
                // inet_shutdown wakes the file's own watchers, without a key and without a signal.
                if let Some(key) = self.fds.get(&fd).map(|file| WatchKey { fd, file: *file }) {
                    self.callback(key, Mask::EMPTY, Reason::Woken(Mask::EMPTY));
                }
            }
            (Call::Close { fd }, _) if record.ret.value().is_some() => self.closed(fd),
            (Call::Dup { fd }, _) => {
                if let Some(copy) = record.ret.fd() {
                    self.copied(fd, copy);
                }
            }
            _ => {}
        }
    }

    fn served(&mut self, record: &SyscallRecord) {
        let (Call::Accept { fd }
        | Call::Read { fd, .. }
        | Call::Send { fd, .. }
        | Call::Write { fd, .. }) = record.call
        else {
            return;
        };
        let at = (self.seq, self.t);
        if let Some(file) = self.file_at_mut(fd) {
            file.served = Some(at);
        }
    }

    fn controlled(&mut self, op: CtlOp, key: WatchKey, mask: Mask) {
        let at = (self.seq, self.t);
        let stored = rules::stored(mask);
        self.instance.interest_changed = at.0;
        match op {
            CtlOp::Del => {
                self.unregister(key);
                return;
            }
            CtlOp::Add => {
                self.instance.interest.insert(InterestEntry::new(key, mask, at));
            }
            CtlOp::Mod => {
                if let Some(entry) = self.instance.interest.get_mut(key) {
                    entry.mask = stored;
                    entry.changed = at;
                }
            }
        }
        // Both poll the file (ep_insert, ep_modify): ready and not yet listed means listed now.
        let ready = self.files.get(&key.file).is_some_and(|file| file.poll().surely(stored));
        if ready {
            let why = if op == CtlOp::Add { Reason::AtAdd } else { Reason::AtMod };
            self.list(key, why, false);
            self.wake_one(self.seq);
        }
    }

    fn unregister(&mut self, key: WatchKey) {
        if self.instance.interest.get(key).is_some_and(|entry| entry.listed) {
            self.unlist(key);
        }
        if self.instance.interest.remove(key).is_some() {
            self.instance.interest_changed = self.seq;
        }
    }

    /// A `read` or a failed `accept4`.
    fn read(&mut self, fd: Fd, record: &SyscallRecord) {
        let (seq, t) = (self.seq, self.t);
        let Some(file) = self.file_at_mut(fd) else { return };
        if record.ret.count().is_some_and(|n| n > 0) {
            file.read = Some(t);
        }
        // A wake-up that was noticed while the call ran may be older or younger than its result.
        let raced = file.woken.is_some_and(|woken| woken > record.started);
        match (record.ret.count(), record.ret.errno()) {
            (Some(0), _) if record.call.fd().is_some() => {
                file.state |= Mask::RDHUP;
                file.unread = Some(0);
            }
            (Some(_), _) if file.what == FileKind::Eventfd => {
                // However much it was, a read takes all.
                let mut eventfd = Eventfd::new(file.unread.unwrap_or(1).into(), false);
                eventfd.take();
                file.unread = u32::try_from(eventfd.count()).ok();
            }
            (Some(n), _) => file.unread = file.unread.map(|unread| unread.saturating_sub(n)),
            (_, Some(Errno::EAGAIN)) if raced => file.unread = None,
            (_, Some(Errno::EAGAIN)) => {
                file.unread = Some(0);
                file.drained = true;
                file.state = file.state - Mask::RDHUP - Mask::HUP - Mask::ERR;
                file.settled = true;
            }
            (_, Some(Errno::ECONNRESET)) => {
                file.state = Mask::RDHUP | Mask::HUP;
                file.settled = true;
            }
            _ => return,
        }
        file.unread_at = seq;
    }

    fn wrote(&mut self, fd: Fd, len: u32, ret: Ret) {
        let Some(file) = self.file_at_mut(fd) else { return };
        file.room = match (ret.count(), ret.errno()) {
            (Some(n), _) if n < len => Some(false),
            (Some(_), _) if file.what == FileKind::Eventfd => Some(true),
            // How much of the buffer that took is not known until the queue is asked for.
            (Some(_), _) => None,
            (_, Some(Errno::EAGAIN)) => Some(false),
            _ => file.room,
        };
    }

    // --- wake-ups

    /// A wake-up of a file: what `ep_poll_callback` does, for each registration of the file.
    fn woken(&mut self, wakeup: &Wakeup) {
        self.counters.wakeups += 1;
        let (seq, t) = (self.seq, self.t);
        let registered =
            self.fds.get(&wakeup.fd).map(|file| WatchKey { fd: wakeup.fd, file: *file });
        let ghost = || self.instance.interest.by_fd(wakeup.fd).next().map(|entry| entry.key);
        let Some(key) = registered.or_else(ghost) else { return };
        if self.last_look.0 != wakeup.after || wakeup.after == Nanos(0) {
            self.last_look = (wakeup.after, seq);
        }
        let look_began = self.last_look.1;
        let mut copied = false;
        let mut why = Reason::Woken(wakeup.band);
        if let Some(file) = self.files.get_mut(&key.file) {
            file.woken = Some(t);
            copied = file.copied;
            why = file.take_wakeup(wakeup, seq);
        }
        if copied {
            let keys: Vec<_> = self.instance.interest.of_file(key.file).map(|e| e.key).collect();
            for key in keys {
                self.callback(key, wakeup.band, why);
            }
        } else if !self.instance.check.paid(key, wakeup.after) {
            self.callback(key, wakeup.band, why);
        }
        self.doubt_order(look_began);
    }

    /// Two files listed by one look at the edge log: their signals need not be in the order of the
    /// callbacks.
    fn doubt_order(&mut self, look_began: Seq) {
        let seq = self.seq;
        let Some(last) = self.instance.ready.entries.len().checked_sub(1) else { return };
        let entries = &mut self.instance.ready.entries;
        if last > 0 && entries[last].seq == seq && entries[last - 1].seq >= look_began {
            entries[last].unsure = true;
            entries[last - 1].unsure = true;
        }
    }

    /// What was listed by this event, and what other threads listed while the call ran: which came
    /// first is not known.
    fn doubt_order_since(&mut self, started: Nanos) {
        let seq = self.seq;
        let entries = &mut self.instance.ready.entries;
        if entries.back().is_none_or(|last| last.seq != seq) {
            return;
        }
        let meanwhile = entries.iter().rev().skip(1).take_while(|e| e.since >= started).count();
        if meanwhile > 0 {
            entries.iter_mut().rev().take(meanwhile + 1).for_each(|entry| entry.unsure = true);
        }
    }

    /// `ep_poll_callback` for one registration. An empty `band` is a wake-up without a key.
    fn callback(&mut self, key: WatchKey, band: Mask, why: Reason) {
        let at = (self.seq, self.t);
        let Some(entry) = self.instance.interest.get_mut(key) else { return };
        if !rules::concerns(entry.mask, band) {
            return;
        }
        entry.woken_before = entry.woken.map(|(seq, _)| seq);
        entry.woken = Some(at);
        entry.wakeups += 1;
        if !entry.listed {
            self.list(key, why, false);
        }
        self.wake_one(self.seq);
    }

    /// Appends to the ready list unless it is there already, where it keeps its place.
    pub(super) fn list(&mut self, key: WatchKey, why: Reason, unsure: bool) {
        let (seq, since) = (self.seq, self.t);
        let Some(entry) = self.instance.interest.get_mut(key) else { return };
        if entry.listed {
            return;
        }
        entry.listed = true;
        let entry = ReadyEntry { key, why, since, seq, unsure };
        self.instance.ready.entries.push_back(entry);
        self.delta.added.push(entry);
    }

    pub(super) fn unlist(&mut self, key: WatchKey) {
        if let Some(entry) = self.instance.interest.get_mut(key) {
            entry.listed = false;
        }
        self.instance.ready.entries.retain(|entry| entry.key != key);
        self.delta.removed.push(key);
    }

    /// Wakes the thread at the head of the wait queue, if there is one.
    pub(super) fn wake_one(&mut self, harvest_from: Seq) {
        let Some(id) = self.instance.wq.pop_head() else { return };
        let t = self.t;
        let Some(lane) = self.lane_mut(id) else { return };
        if let LaneState::Asleep(call) = lane.state {
            lane.state = LaneState::Harvesting(call);
            // What it was late with it has told by then, or never will.
            lane.late &= t.since(lane.since) < Check::PATIENCE;
            lane.since = t;
            lane.looked = true;
            lane.harvest_from = harvest_from;
        }
    }

    fn edge_log_changed(&mut self, state: EdgeLog) {
        match state {
            EdgeLog::Off => {
                self.edge_log = EdgeLog::Off;
                self.instance.check.owed.clear();
                self.instance.check.sync = Sync::Unknown;
            }
            EdgeLog::Skipped => self.lost_sync(),
            EdgeLog::Drained => {
                // What was listed while nobody looked is not known yet.
                if self.edge_log == EdgeLog::Off && self.instance.fd.is_some() {
                    self.lost_sync();
                }
                self.edge_log = EdgeLog::Drained;
            }
        }
    }

    fn lost_sync(&mut self) {
        // A wake-up that is missing may be among what was lost.
        self.instance.check.owed.clear();
        if self.instance.check.sync == Sync::Following {
            self.instance.check.sync = Sync::Lost;
        }
        for file in self.files.values_mut() {
            file.unread = None;
            file.settled = false;
            file.drained = false;
        }
    }
}

impl OpenFile {
    /// Takes over what a wake-up says of the file, and why it would be listed for it.
    fn take_wakeup(&mut self, wakeup: &Wakeup, seq: Seq) -> Reason {
        if self.what == FileKind::Tcp || self.what == FileKind::Unix || self.what == FileKind::Pipe
        {
            self.settled = false;
        }
        if wakeup.band.any(Mask::OUT) {
            self.room = Some(true);
        }
        let arrived = wakeup.band.any(Mask::IN);
        match wakeup.unread {
            Some(unread) => self.set_unread(unread, seq),
            None if arrived => {
                self.unread = None;
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
            _ if arrived && wakeup.unread == Some(0) => Reason::PeerClosed,
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
