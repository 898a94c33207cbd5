//! `World::apply`: one match arm an event, one small function a rule.

use crate::event::{
    ConnState, CtlOp, Errno, Event, Fd, FileId, FileKind, How, Kind, LaneId, Mask, Nanos, Output,
    Pass, Peer, Ret, Seq, Setup, Syscall, SyscallRecord, WatchKey,
};

use super::check::{Ahead, Loss};
use super::file::OpenFile;
use super::interest::InterestEntry;
use super::lane::LaneState;
use super::poller::EpollInstance;
use super::ready::Reason;
use super::world::{Bookmark, World};
use crate::sim::Eventfd;
use crate::sim::rules::{self, After};

impl World {
    /// Folds one event: the only way in which a world changes.
    pub fn apply(&mut self, event: &Event) {
        // What one look brings is one change, from its first event, the files, to its last.
        let goes_on = event.kind.is_look() && !matches!(event.kind, Kind::Files { .. });
        for instance in self.pollers.epolls_mut().filter(|it| !goes_on || it.is_deduced()) {
            instance.delta.clear();
        }
        if let Some(set) = self.pollers.scan_mut() {
            set.clear();
        }
        if let Some(rings) = self.pollers.ring_mut() {
            rings.delta.clear();
        }
        if let Some(netpoll) = self.pollers.netpoll_mut() {
            netpoll.clear();
        }
        self.new_findings = 0;
        self.seq = event.seq;
        self.t = event.t;
        self.counters.events += 1;
        self.fold(event);
        let mut findings = std::mem::take(&mut self.findings);
        self.new_findings = findings.observe(event, self);
        self.findings = findings;
    }

    fn fold(&mut self, event: &Event) {
        let lane = event.lane;
        match &event.kind {
            Kind::Open { fd, file, what, name } => {
                if self.labelled {
                    self.labels.set(*fd, event.seq, name);
                }
                if self.deduces_files() {
                    self.open(OpenFile::new(*file, *fd, *what, name.clone(), event.t));
                }
            }
            Kind::Enter(call) => self.entered(lane, *call),
            Kind::Return(record) => self.returned(lane, record),
            Kind::Wakeup(wakeup) => {
                if self.deduces_files() {
                    self.woken(wakeup);
                }
            }
            Kind::Arrive { fd, queues } => {
                if self.deduces_files() {
                    self.queues_read(*fd, queues);
                }
            }
            Kind::WakeupLog(state) => self.edge_log_changed(*state),
            Kind::Park { next } => self.parked(lane, *next),
            Kind::Unpark(pass) => self.unparked(lane, *pass),
            Kind::Settings(settings) => self.behaves(*settings),
            Kind::Conn { fd, state, queued } => self.connection(*fd, *state, *queued),
            Kind::Handle { fd, file } => self.handling(lane, *fd, *file),
            Kind::Set { fd, file, events, place } => {
                self.set_changed(WatchKey { fd: *fd, file: *file }, *events, *place);
            }
            Kind::Sqe { ring, sqe, .. } => self.sqe_written(*ring, sqe),
            Kind::Reap { op, cqe, admitted, .. } => {
                self.reaped(lane, *op, cqe, admitted.as_deref());
            }
            Kind::Give { buffer, .. } => self.buffer_given(*buffer),
            Kind::Rings { read, .. } => self.ring_read(read),
            Kind::Backend { to, phase } => self.switched(*to, phase),
            Kind::Go { go, what } => self.goroutine_changed(lane, *go, *what),
            Kind::Refused(_) => self.counters.refused += 1,
            Kind::Client(name) => self.dialled(name),
            Kind::Gap { lost } => {
                self.counters.gaps += 1;
                self.counters.lost = self.counters.lost.saturating_add(*lost);
                self.counters.lost_at = event.t;
                self.lost_sync(Loss::Gap);
                self.pollers.deduced_mut().for_each(|it| it.check.wants_resync = true);
                if let Some(rings) = self.pollers.ring_mut() {
                    rings.check.wants_resync = true;
                }
                if let Some(netpoll) = self.pollers.netpoll_mut() {
                    netpoll.unsure = true;
                }
            }
            Kind::Lane(change) => self.lane_changed(lane, change),
            Kind::Asleep { lanes, since } => self.found_asleep(lanes, *since),
            Kind::Stale { .. } | Kind::Command { .. } | Kind::Note(_) | Kind::Idle => {}
            Kind::Mark(note) => self.bookmark(event, note),
            Kind::Measured { .. } => self.made(lane),
            Kind::ListRead(read) => self.list_read(read),
            Kind::Files { by, files } => self.files_read(*by, files),
            Kind::Poller { file, fd, name } => self.poller_found(*file, *fd, name),
            Kind::Threads(threads) => self.threads_read(threads),
            Kind::Compared { agreed, diverged } => self.compared(*agreed, *diverged),
        }
    }

    fn bookmark(&mut self, event: &Event, note: &str) {
        if self.bookmarks.len() == Self::BOOKMARKS {
            self.bookmarks.pop_front();
        }
        self.bookmarks.push_back(Bookmark { seq: event.seq, t: event.t, note: note.into() });
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

    pub(super) fn accepted(&mut self, listener: Fd, fd: Fd, id: FileId, peer: &Peer) {
        let seq = self.seq;
        let t = self.t;
        let mut what = FileKind::Tcp;
        if let Some(file) = self.file_at_mut(listener) {
            file.unread = file.unread.map(|n| n.saturating_sub(1));
            file.readable = false;
            file.unread_at = seq;
            if file.name.starts_with(['/', '@', '.']) {
                what = FileKind::Unix;
            }
        }
        if peer.is_unix() {
            what = FileKind::Unix;
        }
        let mut file = OpenFile::new(id, fd, what, peer.to_string().into(), t);
        file.peer = Some(peer.clone());
        file.built_in = self.dialled.remove(peer.name().as_str());
        self.open(file);
        self.counters.accepted += 1;
    }

    /// A built-in client is connected; that may be told after the server has accepted it.
    fn dialled(&mut self, name: &str) {
        let is = |file: &&mut OpenFile| file.peer.as_ref().is_some_and(|peer| peer.name() == name);
        match self.files.values_mut().find(is) {
            Some(file) => file.built_in = true,
            None => drop(self.dialled.insert(name.into())),
        }
    }

    /// The last close of a file removes its registrations, without an event and without waking
    /// anybody (`eventpoll_release_file`); an earlier one removes nothing.
    fn closed(&mut self, fd: Fd) {
        let Some(id) = self.fds.remove(&fd) else {
            // An epoll instance that its source does not number, and all that it watched.
            self.pollers.remove(FileId::unnumbered(fd));
            return;
        };
        let Some(file) = self.files.get_mut(&id) else { return };
        file.refs = file.refs.saturating_sub(1);
        if file.refs > 0 {
            return;
        }
        let copied = file.copied;
        let seq = self.seq;
        for instance in self.pollers.epolls_mut() {
            let mut keys = vec![WatchKey { fd, file: id }];
            if copied {
                keys.extend(instance.interest.of_file(id).map(|entry| entry.key));
            }
            for key in keys {
                instance.unregister(key, seq);
            }
        }
        self.remove_file(id);
    }

    pub(super) fn remove_file(&mut self, id: FileId) {
        if let Some(netpoll) = self.pollers.netpoll_mut() {
            netpoll.closed(id);
        }
        if let Some(file) = self.files.get(&id) {
            let key = WatchKey { fd: file.fd, file: id };
            if let Some(served) = self.pollers.served_mut() {
                served.closed(key);
            }
        }
        if let Some(file) = self.files.remove(&id) {
            self.counters.clients -= usize::from(file.peer.is_some());
        }
        if let Some(rings) = self.pollers.ring_mut() {
            rings.ended.remove(&id);
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

    /// A new instance watches nothing; its ready list is known if wake-ups are recorded.
    fn epoll_created(&mut self, ep: Fd) {
        let check = self.fresh_check();
        let id = self.create_epoll(ep);
        self.pollers.at_mut(id).check = check;
    }

    fn returned(&mut self, lane: LaneId, record: &SyscallRecord) {
        self.made(lane);
        self.serves(lane, &record.call);
        self.note_service(record);
        if self.deduces_files() {
            self.changed_files(record);
        }
        match (record.call, &record.output) {
            (Syscall::EpollCtl { ep, op, fd, mask, file }, output)
                if record.ret.value().is_some() =>
            {
                let polled = if let Output::Polled(polled) = output { Some(*polled) } else { None };
                let Some(ep) = self.epoll_of_call(ep) else { return };
                if self.pollers.at(ep).is_deduced() {
                    self.controlled(ep, op, (WatchKey { fd, file }, mask), polled, record.started);
                    self.doubt_order_since(ep, record.started);
                }
            }
            // Before it says EINTR it looks at the list once more (`ep_poll`).
            (Syscall::EpollWait { ep, .. }, Output::Events { events, .. })
                if record.ret.value().is_some() || record.ret.is(Errno::EINTR) =>
            {
                let Some(ep) = self.epoll_of_call(ep) else { return };
                if self.pollers.at(ep).is_deduced() {
                    self.harvested(ep, lane, record);
                } else {
                    self.reported(ep, lane, events);
                }
            }
            (Syscall::EpollWait { .. }, _) => self.leaves_queues(lane),
            (Syscall::Poll { .. } | Syscall::Select { .. }, _) => self.scanned(lane, record),
            (Syscall::UringEnter { .. }, _) => self.ring_entered(lane, record),
            (Syscall::UringSetup { entries, completions, .. }, _) => {
                if let Some(ring) = record.ret.fd().filter(|_| !self.labelled) {
                    self.ring_made(ring, (entries, completions));
                }
            }
            (Syscall::UringRegister { buffers, .. }, _) if record.ret.value().is_some() => {
                self.ring_buffers(buffers);
            }
            _ => {}
        }
        self.netpoll_returned(lane, record);
    }

    /// What a call made of the open files.
    fn changed_files(&mut self, record: &SyscallRecord) {
        match (record.call, &record.output) {
            (Syscall::EpollCreate, _) => {
                if let Some(ep) = record.ret.fd() {
                    self.epoll_created(ep);
                }
            }
            (Syscall::Accept { fd }, Output::Accepted { file, peer }) => {
                if let Some(new) = record.ret.fd() {
                    self.accepted(fd, new, *file, peer);
                }
            }
            (Syscall::Accept { fd } | Syscall::Read { fd, .. }, _) => self.read(fd, record),
            (Syscall::Send { fd, len } | Syscall::Write { fd, len }, output) => {
                self.wrote(fd, len, record.ret);
                if let (Output::Polled(polled), Some(file)) = (output, self.file_at_mut(fd)) {
                    file.room = Some(polled.has(Mask::OUT));
                }
            }
            (Syscall::Shutdown { fd, how }, _) if record.ret.value().is_some() => {
                self.shut_down(fd, how);
            }
            (Syscall::Close { fd }, _) if record.ret.value().is_some() => self.closed(fd),
            (Syscall::Dup { fd } | Syscall::Setup(Setup::DupFrom { fd, .. }), _) => {
                if let Some(copy) = record.ret.fd() {
                    self.copied(fd, copy);
                }
            }
            _ => {}
        }
    }

    /// A thread made a call.
    fn made(&mut self, lane: LaneId) {
        let t = self.t;
        if let Some(lane) = self.lane_mut(lane) {
            lane.calls += 1;
            lane.pending = lane.pending.filter(|pass| *pass != Pass::Step);
            // A held thread carries out commands at the gate, and stays there.
            if !matches!(lane.state, LaneState::Held(_)) {
                lane.becomes(LaneState::Running, t);
                lane.since = t;
            }
        }
    }

    /// When the server last did something with a file, and whether it has taken all.
    fn note_service(&mut self, record: &SyscallRecord) {
        let (Syscall::Accept { fd }
        | Syscall::Read { fd, .. }
        | Syscall::Send { fd, .. }
        | Syscall::Write { fd, .. }) = record.call
        else {
            return;
        };
        let (at, deduced) = ((self.seq, self.t), self.deduces_files());
        if let Some(file) = self.file_at_mut(fd) {
            file.served = Some(at);
            file.counts.called(record);
            let reads = matches!(record.call, Syscall::Read { .. } | Syscall::Accept { .. });
            if reads && record.ret.count().is_some_and(|n| n > 0) {
                file.read = Some(at.1);
            }
            // Where it is deduced, what came while the call ran is weighed by `read`.
            file.drained |= !deduced && reads && record.ret.is(Errno::EAGAIN);
        }
    }

    /// `epoll_ctl` on a registration; `polled` is what its file answered right after.
    fn controlled(
        &mut self,
        ep: FileId,
        op: CtlOp,
        (key, mask): (WatchKey, Mask),
        polled: Option<Mask>,
        started: Nanos,
    ) {
        let at = (self.seq, self.t);
        let stored = rules::stored(mask);
        let mut ahead = None;
        let EpollInstance { interest, interest_changed, check, .. } = self.pollers.at_mut(ep);
        *interest_changed = at.0;
        match op {
            CtlOp::Invalid(_) => return,
            CtlOp::Del => {
                self.pollers.at_mut(ep).unregister(key, at.0);
                return;
            }
            CtlOp::Add => {
                interest.insert(InterestEntry::new(key, mask, at));
                ahead = check.take_ahead(key, started);
            }
            CtlOp::Mod => {
                if let Some(entry) = interest.get_mut(key) {
                    let disarmed = !rules::armed(entry.mask);
                    entry.mask = stored;
                    entry.changed = at;
                    // What was disarmed before cannot have been reported before.
                    let report = entry.delivered.filter(|_| entry.harvested_since(started));
                    let done = entry.harvested.unwrap_or_default();
                    ahead = report.filter(|_| disarmed).map(|at| Ahead { key, at, done });
                    check.overlapped_mod |= report.is_some() && !disarmed;
                }
            }
        }
        check.listed_by_call(key, started);
        if let (Some(polled), Some(file)) = (polled, self.files.get_mut(&key.file)) {
            file.learn_poll(polled, at.0);
        }
        if let Some(report) = ahead {
            self.listed_and_reported(ep, key, report);
            return;
        }
        // Both poll the file (ep_insert, ep_modify): ready and not yet listed means listed now.
        // What became ready between that and the look at it was listed by its wake-up.
        if self.files.get(&key.file).is_some_and(|file| file.poll().surely(stored)) {
            let why = if op == CtlOp::Add { Reason::AtAdd } else { Reason::AtMod };
            // Another thread may have taken it off again meanwhile.
            let entry = self.pollers.at(ep).interest.get(key);
            let taken = entry.is_some_and(|entry| entry.harvested_since(started));
            self.list(ep, key, why, taken);
            self.wake_one(ep, self.seq);
        }
    }

    /// ADD or MOD listed it, and another thread has reported it already.
    fn listed_and_reported(&mut self, ep: FileId, key: WatchKey, report: Ahead) {
        let Some(entry) = self.pollers.at_mut(ep).interest.get_mut(key) else { return };
        entry.delivered = Some(report.at);
        entry.deliveries = entry.deliveries.max(1);
        entry.harvested = Some(report.done);
        match rules::reported(entry.mask) {
            After::Disarmed(left) => entry.mask = left,
            After::Back => self.list(ep, key, Reason::PutBack, true),
            After::Gone => {}
        }
    }

    /// A `read` or a failed `accept4`.
    fn read(&mut self, fd: Fd, record: &SyscallRecord) {
        let seq = self.seq;
        let Some(file) = self.file_at_mut(fd) else { return };
        file.readable = false;
        // A wake-up that was noticed while the call ran may be older or younger than its result,
        // and so may be the count that came with it.
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
            (Some(_), _) | (_, Some(Errno::EAGAIN)) if raced => file.unread = None,
            (Some(n), _) => file.unread = file.unread.map(|unread| unread.saturating_sub(n)),
            (_, Some(Errno::EAGAIN)) => {
                file.unread = Some(0);
                file.drained = true;
                file.state = file.state - Mask::RDHUP - Mask::HUP - Mask::ERR;
                file.settled = true;
            }
            (_, Some(Errno::ECONNRESET)) => {
                file.state = Mask::RDHUP | Mask::HUP;
                file.room = Some(true);
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
            _ => {
                // The error that it was told is told once.
                file.state = file.state - Mask::ERR;
                file.settled = false;
                file.room
            }
        };
    }

    fn shut_down(&mut self, fd: Fd, how: How) {
        let Some(key) = self.fds.get(&fd).map(|file| WatchKey { fd, file: *file }) else { return };
        if let Some(file) = self.files.get_mut(&key.file) {
            // Who has shut his own side may write as far as poll is concerned (`tcp_poll`).
            if how != How::Rd {
                file.room = Some(true);
            }
            file.settled = false;
        }
        self.scan_touch(fd);
        // inet_shutdown wakes the file's own watchers, without a key and without a signal.
        self.call_back(key, Mask::EMPTY, Reason::Woken(Mask::EMPTY), self.t);
    }
}

impl EpollInstance {
    /// The registration is no more.
    fn unregister(&mut self, key: WatchKey, at: Seq) {
        if self.interest.get(key).is_some_and(|entry| entry.listed) {
            self.unlist(key);
        }
        if self.interest.remove(key).is_some() {
            self.interest_changed = at;
        }
    }
}
