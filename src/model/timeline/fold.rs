//! What an event adds to the tracks.

mod span;

use crate::event::{
    Backend, Cqe, CtlOp, Errno, Event, Fd, FileId, FileKind, GoChange, GoId, Kind, LaneChange,
    LaneId, ListEntries, Output, RingOp, SwitchPhase, Syscall, SyscallRecord, WatchKey,
};

use self::span::{listed, now, quiet, ringed, scanned, served};
use super::{Mark, MarkKind, Span, Timeline, TrackId};
use crate::model::{EpollView, Flight, LaneState, ReadyEntry, Reason, Rings, ScanSet, Sync};

impl Timeline {
    /// Folds an event that has just been folded into `world`: the tracks are those of its threads,
    /// and of the registrations of the epoll instance through which it is seen.
    pub fn apply(&mut self, event: &Event, world: EpollView<'_>) {
        match &event.kind {
            Kind::Return(record) => self.returned(event, record, world),
            Kind::Wakeup(wakeup) => {
                if let Some(key) = world.watch_at(wakeup.fd) {
                    self.mark(TrackId::Watch(key), event, MarkKind::Arrive);
                }
            }
            Kind::ListRead(read) if world.id == Some(read.poller) => {
                self.list_read(event, &read.list, world);
            }
            Kind::Set { fd, file, events: Some(_), .. } => {
                self.asked(event, WatchKey { fd: *fd, file: *file }, world);
            }
            Kind::Sqe { sqe, .. } if sqe.op != RingOp::Cancel => {
                self.both(event, sqe.fd, world, MarkKind::Submit);
            }
            Kind::Reap { op, cqe, .. } => self.reaped(event, *op, cqe, world),
            Kind::Backend { to, phase: SwitchPhase::Entered(_) } => {
                self.switched(event, *to);
                if world.served().is_some() {
                    self.unserved(event, world);
                }
            }
            Kind::Go { go, what } => self.goroutine(event, *go, *what, world),
            Kind::Gap { .. } => self.gap(event),
            Kind::Lane(LaneChange::Died(_)) => {
                self.mark(TrackId::Lane(event.lane), event, MarkKind::Close);
            }
            Kind::Open { .. }
            | Kind::Enter(_)
            | Kind::Arrive { .. }
            | Kind::WakeupLog(_)
            | Kind::Park { .. }
            | Kind::Unpark(_)
            | Kind::ListRead(_)
            | Kind::Files { .. }
            | Kind::Poller { .. }
            | Kind::Threads(_)
            | Kind::Compared { .. }
            | Kind::Settings(_)
            | Kind::Set { events: None, .. }
            | Kind::Sqe { .. }
            | Kind::Give { .. }
            | Kind::Rings { .. }
            | Kind::Backend { .. }
            | Kind::Conn { .. }
            | Kind::Handle { .. }
            | Kind::Stale { .. }
            | Kind::Refused(_)
            | Kind::Client(_)
            | Kind::Command { .. }
            | Kind::Lane(_)
            | Kind::Note(_)
            | Kind::Mark(_)
            | Kind::Measured { .. }
            | Kind::Asleep { .. }
            | Kind::Idle => {}
        }
        self.spans(event, world);
        self.lanes(event, world);
    }

    fn mark(&mut self, id: TrackId, event: &Event, what: MarkKind) {
        let cap = self.cap(id);
        if let Some(track) = self.track_mut(id) {
            track.push(Mark { t: event.t, seq: event.seq, what }, cap);
        }
    }

    fn span(&mut self, id: TrackId, event: &Event, span: Span) {
        let cap = self.cap(id);
        if let Some(track) = self.track_mut(id).filter(|track| track.span != Some(span)) {
            track.span = Some(span);
            track.push(Mark { t: event.t, seq: event.seq, what: MarkKind::Span(span) }, cap);
            if let Some(turned) = &mut self.turned {
                turned.push(id);
            }
        }
    }

    /// On the thread's track and on that of the file's registration.
    fn both(&mut self, event: &Event, fd: Fd, world: EpollView<'_>, what: MarkKind) {
        self.mark(TrackId::Lane(event.lane), event, what);
        if let Some(key) = world.watch_at(fd) {
            self.mark(TrackId::Watch(key), event, what);
        }
    }

    fn returned(&mut self, event: &Event, record: &SyscallRecord, world: EpollView<'_>) {
        let ret = record.ret;
        let moved = |moment| match (ret.value(), ret.errno()) {
            (Some(_), _) => moment,
            (_, Some(Errno::EAGAIN)) => MarkKind::Again,
            _ => MarkKind::Close,
        };
        match (record.call, &record.output) {
            (Syscall::EpollWait { ep, .. }, Output::Events { events, .. }) => {
                self.mark(TrackId::Lane(event.lane), event, MarkKind::Report);
                for delivery in events.iter().filter(|_| is_about(world, ep)) {
                    let key = WatchKey { fd: delivery.fd, file: delivery.file };
                    if world.instance.interest.get(key).is_some() {
                        self.mark(TrackId::Watch(key), event, MarkKind::Report);
                    }
                }
            }
            (_, Output::Ring { posted, .. }) => {
                self.mark(TrackId::Lane(event.lane), event, MarkKind::Report);
                self.posted(event, posted, world);
            }
            (_, Output::Scan { ready, .. }) => {
                self.mark(TrackId::Lane(event.lane), event, MarkKind::Report);
                for delivery in ready {
                    let key = WatchKey { fd: delivery.fd, file: delivery.file };
                    if world.watches(key) {
                        self.mark(TrackId::Watch(key), event, MarkKind::Report);
                    }
                }
            }
            (Syscall::Accept { fd }, _) => self.both(event, fd, world, moved(MarkKind::Accept)),
            (Syscall::Read { fd, .. }, _) => {
                let moment = if ret.value() == Some(0) { MarkKind::End } else { MarkKind::Read };
                self.both(event, fd, world, moved(moment));
            }
            (Syscall::Write { fd, .. } | Syscall::Send { fd, .. }, _) => {
                self.both(event, fd, world, moved(MarkKind::Write));
            }
            (Syscall::EpollCtl { ep, op, fd, file, .. }, _) if ret.value().is_some() => {
                self.mark(TrackId::Lane(event.lane), event, MarkKind::Changed);
                if is_about(world, ep) {
                    self.changed(event, op, WatchKey { fd, file }, world);
                }
            }
            (Syscall::Close { fd }, _) if ret.value().is_some() => self.closed(event, fd, world),
            _ => {}
        }
    }

    /// Completions are posted in a ring: those that are new there.
    fn posted(&mut self, event: &Event, posted: &[Cqe], world: EpollView<'_>) {
        let Some(rings) = world.ring() else { return };
        let new = rings.cq.iter().filter(|one| one.at.0 == event.seq).count();
        for cqe in posted.iter().rev().take(new).rev() {
            if let Some(key) = rings.get(cqe.id).and_then(Flight::key) {
                self.mark(TrackId::Watch(key), event, MarkKind::Complete);
            }
        }
    }

    /// On the track of the goroutine's file, and on that of the thread that runs it.
    fn goroutine(&mut self, event: &Event, go: GoId, what: GoChange, world: EpollView<'_>) {
        let moment = match what {
            GoChange::Run => MarkKind::Runs,
            GoChange::Park { .. } => MarkKind::Park,
            GoChange::Ready { .. } | GoChange::Yield => MarkKind::Runnable,
            GoChange::Spawn { .. } | GoChange::End => return,
        };
        if what == GoChange::Run {
            self.mark(TrackId::Lane(event.lane), event, moment);
        }
        if let Some(key) = world.goroutine_key(go) {
            self.mark(TrackId::Watch(key), event, moment);
            if let Some(span) = served(world, key) {
                self.span(TrackId::Watch(key), event, span);
            }
        }
    }

    /// A completion was taken out of a ring.
    fn reaped(&mut self, event: &Event, op: RingOp, cqe: &Cqe, world: EpollView<'_>) {
        let Some((_, fd)) = world.ring().and_then(|rings| rings.name(cqe.id)) else { return };
        let moment = match (op, cqe.ret.value()) {
            (RingOp::Cancel, _) => return,
            (RingOp::Recv, Some(0)) => MarkKind::End,
            (RingOp::Recv | RingOp::Read, Some(_)) => MarkKind::Read,
            (RingOp::Send, Some(_)) => MarkKind::Write,
            (RingOp::Accept, Some(_)) => MarkKind::Accept,
            _ => MarkKind::Again,
        };
        self.both(event, fd, world, moment);
    }

    fn changed(&mut self, event: &Event, op: CtlOp, key: WatchKey, world: EpollView<'_>) {
        let id = TrackId::Watch(key);
        let Some(entry) = world.instance.interest.get(key) else {
            if op == CtlOp::Del && self.watches.contains_key(&key) {
                self.leave(event, key);
            }
            return;
        };
        if op == CtlOp::Add {
            self.gone.retain(|gone| *gone != key);
        }
        self.mark(id, event, MarkKind::Changed);
        if !entry.listed {
            self.span(id, event, quiet(entry, world));
        }
    }

    fn closed(&mut self, event: &Event, fd: Fd, world: EpollView<'_>) {
        self.mark(TrackId::Lane(event.lane), event, MarkKind::Close);
        let low = WatchKey { fd, file: FileId(0) };
        let high = WatchKey { fd, file: FileId(u32::MAX) };
        let own = self.order.range(low..=high).copied();
        let own: Vec<WatchKey> = own.filter(|key| self.is_kept(*key)).collect();
        for key in own {
            let id = TrackId::Watch(key);
            let registered = world.watches(key);
            if !registered {
                self.mark(id, event, MarkKind::Close);
                self.leave(event, key);
            } else if world.is_ghost(key) {
                self.mark(id, event, MarkKind::Close);
            }
        }
        // The last copy of a file may have had another number than its registration.
        let one = world.id.is_some() || world.labelled;
        if one && self.watched() != world.instance.interest.len() {
            self.compare(event, world);
        }
    }

    /// Tracks of registrations that are not gone.
    fn watched(&self) -> usize {
        self.watches.len().saturating_sub(self.gone.len())
    }

    /// Whether there is a track of that registration, and it is not gone.
    fn is_kept(&self, key: WatchKey) -> bool {
        self.watches.get(&key).is_some_and(|track| !track.is_over())
    }

    fn leave(&mut self, event: &Event, key: WatchKey) {
        self.span(TrackId::Watch(key), event, Span::Gone);
        self.gone.push_back(key);
        while self.gone.len() > Self::GONE {
            if let Some(oldest) = self.gone.pop_front() {
                self.remove(oldest);
            }
        }
    }

    /// Makes the set of tracks that of the interest list.
    fn compare(&mut self, event: &Event, world: EpollView<'_>) {
        let interest = &world.instance.interest;
        let left = self.live().into_iter().filter(|key| interest.get(*key).is_none());
        let left: Vec<WatchKey> = left.collect();
        for key in left {
            self.leave(event, key);
        }
        for entry in interest.iter() {
            let id = TrackId::Watch(entry.key);
            if !self.is_kept(entry.key) {
                self.gone.retain(|gone| *gone != entry.key);
                self.mark(id, event, MarkKind::Changed);
                self.span(id, event, now(entry, world));
            }
        }
    }

    /// A list is as it was read; what came meanwhile is marked where it arrived.
    fn list_read(&mut self, event: &Event, list: &ListEntries, world: EpollView<'_>) {
        match list {
            ListEntries::Interest(_) => {
                for key in self.live() {
                    let closed = !world.deduces_files() && !world.files.contains_key(&key.file);
                    if closed && world.instance.interest.get(key).is_none() {
                        self.mark(TrackId::Watch(key), event, MarkKind::Close);
                    }
                }
                self.compare(event, world);
            }
            ListEntries::Ready(_) => {
                let delta = &world.instance.delta;
                let came = |ready: &&ReadyEntry| {
                    !matches!(ready.why, Reason::PutBack | Reason::AtAdd | Reason::AtMod)
                };
                let came = delta.added.iter().filter(came).map(|ready| ready.key);
                for key in came.chain(delta.arrived.iter().copied()) {
                    self.mark(TrackId::Watch(key), event, MarkKind::Arrive);
                }
                for entry in world.instance.interest.iter() {
                    self.span(TrackId::Watch(entry.key), event, now(entry, world));
                }
            }
            ListEntries::Overflow(_)
            | ListEntries::Waiting(_)
            | ListEntries::Scanned(_)
            | ListEntries::InFlight(_) => {}
        }
    }

    fn gap(&mut self, event: &Event) {
        self.mark(TrackId::Lane(event.lane), event, MarkKind::Lost);
        if event.lane.is_worker() {
            self.span(TrackId::Lane(event.lane), event, Span::Unknown);
        }
        for key in self.live() {
            self.mark(TrackId::Watch(key), event, MarkKind::Lost);
        }
        self.forget_spans(event);
    }

    /// The registrations that have a track and are not gone.
    fn live(&self) -> Vec<WatchKey> {
        self.order.iter().copied().filter(|key| self.is_kept(*key)).collect()
    }

    /// The world is another one: with the next event every track stands as it is in it.
    pub fn resume(&mut self) {
        self.lost = true;
    }

    /// Which registrations are listed is not known any more.
    fn forget_spans(&mut self, event: &Event) {
        for key in self.live() {
            self.span(TrackId::Watch(key), event, Span::Unknown);
        }
        self.lost = true;
    }

    /// The spans of registrations: the ready list's changes.
    fn spans(&mut self, event: &Event, world: EpollView<'_>) {
        if world.served().is_some() {
            // No list says what is ready: a file is where its thread is.
            self.lost = true;
            return;
        }
        match world.check().sync {
            _ if world.waits_for_nothing() && !world.labelled => {}
            // What is in a ring is told, and needs no wake-ups.
            _ if world.ring().is_some() => {}
            Sync::Following if self.lost && !matches!(event.kind, Kind::Gap { .. }) => {
                self.lost = false;
                for ready in world.instance.ready.iter() {
                    self.span(TrackId::Watch(ready.key), event, listed(ready.why));
                }
                for entry in world.instance.interest.iter().filter(|entry| !entry.listed) {
                    self.span(TrackId::Watch(entry.key), event, quiet(entry, world));
                }
                for entry in world.scan().into_iter().flat_map(ScanSet::iter) {
                    self.span(TrackId::Watch(entry.key), event, scanned(entry, world));
                }
            }
            Sync::Lost | Sync::Unknown if !self.lost => self.forget_spans(event),
            _ => {}
        }
        if let Some(rings) = world.ring() {
            self.ring_spans(event, rings, world);
        }
        if let Some(set) = world.scan() {
            self.scan_spans(event, world, set);
        }
        for ready in &world.instance.delta.added {
            self.span(TrackId::Watch(ready.key), event, listed(ready.why));
        }
        for key in &world.instance.delta.removed {
            // What was put back at once has its span already; what is gone has none.
            if let Some(entry) = world.instance.interest.get(*key).filter(|e| !e.listed) {
                self.span(TrackId::Watch(*key), event, quiet(entry, world));
            }
        }
    }

    /// The server passes that file from now on, or asks it for something else.
    fn asked(&mut self, event: &Event, key: WatchKey, world: EpollView<'_>) {
        let Some(entry) = world.scan().and_then(|set| set.get(key)) else { return };
        self.gone.retain(|gone| *gone != key);
        self.mark(TrackId::Watch(key), event, MarkKind::Changed);
        self.span(TrackId::Watch(key), event, scanned(entry, world));
    }

    /// The server waits in another way from now on: a line through all tracks.
    fn switched(&mut self, event: &Event, to: Backend) {
        if self.order.is_empty() {
            return;
        }
        if self.switches.len() == Self::GONE {
            self.switches.pop_front();
        }
        self.switches.push_back((event.t, to));
    }

    /// Files that no thread serves, where each has one of its own: the control eventfd.
    fn unserved(&mut self, event: &Event, world: EpollView<'_>) {
        for key in self.live() {
            let eventfd = world.file_of(key).is_some_and(|file| file.what == FileKind::Eventfd);
            if eventfd {
                self.leave(event, key);
            }
        }
    }

    /// The spans of files that the event told of, or that it was about.
    fn scan_spans(&mut self, event: &Event, world: EpollView<'_>, set: &ScanSet) {
        let about = event.fd().and_then(|fd| world.watch_at(fd));
        for key in set.delta.iter().copied().chain(about) {
            if let Some(entry) = set.get(key) {
                self.span(TrackId::Watch(key), event, scanned(entry, world));
            }
        }
    }

    /// The spans of files that the event changed something for in the ring.
    fn ring_spans(&mut self, event: &Event, rings: &Rings, world: EpollView<'_>) {
        for key in &rings.delta {
            if world.fds.get(&key.fd) == Some(&key.file) {
                self.gone.retain(|gone| gone != key);
                self.span(TrackId::Watch(*key), event, ringed(rings, *key));
            }
        }
    }

    fn lanes(&mut self, event: &Event, world: EpollView<'_>) {
        for lane in &world.lanes {
            let span = match lane.state {
                LaneState::Unstarted => continue,
                // It sleeps until a goroutine can run (futex(2)).
                LaneState::Running if is_idle(world, lane.id) => Span::Asleep,
                LaneState::Running | LaneState::Harvesting(_) => Span::Running,
                LaneState::Held(_) => Span::Held,
                LaneState::Asleep(_) => Span::Asleep,
                LaneState::Ended | LaneState::Died(_) => Span::Gone,
            };
            let track = self.lanes.get(&lane.id);
            let last = track.and_then(|track| track.span);
            // What was lost is known again by the thread's own next event.
            let known = last != Some(Span::Unknown)
                || (event.lane == lane.id && !matches!(event.kind, Kind::Gap { .. }));
            if last != Some(span) && known {
                self.span(TrackId::Lane(lane.id), event, span);
            }
            if lane.id == event.lane
                && let Some(key) = world.served().and_then(|served| served.of(lane.id))
            {
                self.span(TrackId::Watch(key), event, span);
            }
        }
    }
}

/// Whether a call on that epoll instance is about the one whose tracks these are.
fn is_about(world: EpollView<'_>, ep: Fd) -> bool {
    world.id.is_some() && world.epoll_at(ep) == world.id
}

/// Whether a thread has no goroutine to run, where it is not the one that waits.
fn is_idle(world: EpollView<'_>, lane: LaneId) -> bool {
    world.netpoll().is_some_and(|netpoll| netpoll.run_by(lane).is_none())
}
