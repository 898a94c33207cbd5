//! The detectors: what each event means for each of them.

use crate::event::{
    CtlOp, Event, Fd, FileId, Kind, LaneChange, LaneId, ListEntries, ListRead, Mask, Refusal,
    Setup, SwitchPhase, Syscall, SyscallRecord, WatchKey,
};

use super::ledger::{About, Shown};
use super::state::{FileState, LaneSet, Turn};
use super::{Evidence, FindingKind, Findings};
use crate::model::World;

impl Findings {
    /// Looks at an event that has just been folded into `world`, and returns how many findings are
    /// new (the last ones of [`Findings::iter`]).
    pub(in crate::model) fn observe(&mut self, event: &Event, world: &World) -> usize {
        let before = self.ledger.created();
        self.detect(event, world);
        self.ledger.fade(event.t);
        usize::try_from(self.ledger.created() - before).unwrap_or(Self::KEPT).min(Self::KEPT)
    }

    pub(super) fn detect(&mut self, event: &Event, world: &World) {
        match &event.kind {
            Kind::Return(record) => self.returned(event, record, world),
            Kind::Enter(call) if call.ends_turn() => {
                if call.may_sleep() {
                    self.sleeps(event.lane);
                    self.waits_for_completions(event, world);
                }
                self.rest(event, world);
            }
            Kind::Open { fd, file, .. } => self.name(*fd, *file, world),
            Kind::Wakeup(wakeup) => {
                let mut found = world.views().filter_map(|view| view.entry_at(wakeup.fd));
                if let Some(file) = found.next().map(|entry| entry.key.file) {
                    self.state(file, wakeup.fd).woken = true;
                    self.check_left(file, event, world);
                }
            }
            Kind::Arrive { fd, .. } | Kind::Conn { fd, .. } => self.recheck(*fd, event, world),
            Kind::Handle { file, .. } => {
                self.turn(event.lane).run.take_if(|run| run.0 != *file);
            }
            Kind::Stale { fd, file, believed: true } => self.stale(*fd, *file, event, world),
            Kind::Unpark(_) => self.turn(event.lane).run = None,
            Kind::Sqe { sqe, .. } => self.written(sqe, world),
            Kind::Reap { op, cqe, admitted, .. } => {
                if let (Some(fd), Some(new)) = (cqe.ret.fd(), admitted) {
                    self.name(fd, new.file, world);
                }
                self.reaped(*op, cqe, event, world);
            }
            Kind::Rings { .. } => self.overflows(event, world),
            Kind::Backend { phase: SwitchPhase::Left, .. } => {
                self.switched();
                self.ring_left();
            }
            Kind::Go { go, .. } => self.goroutine(*go, event, world),
            Kind::Refused(Refusal::FdSetSize(fd)) => self.beyond_fd_set(*fd, event),
            Kind::Refused(why @ (Refusal::Threads | Refusal::NoThread)) => {
                self.without_thread(*why, event);
            }
            Kind::Lane(LaneChange::Ended | LaneChange::Died(_)) => {
                self.sleeps(event.lane);
                self.rest(event, world);
            }
            Kind::ListRead(ListRead { list: ListEntries::Interest(_), .. })
                if world.deduces_files() =>
            {
                self.sweep(event, world);
            }
            Kind::Compared { .. } => self.sweep(event, world),
            Kind::Enter(_)
            | Kind::WakeupLog(_)
            | Kind::Park { .. }
            | Kind::ListRead(_)
            | Kind::Files { .. }
            | Kind::Poller { .. }
            | Kind::Threads(_)
            | Kind::Settings(_)
            | Kind::Set { .. }
            | Kind::Give { .. }
            | Kind::Backend { .. }
            | Kind::Stale { .. }
            | Kind::Refused(_)
            | Kind::Client(_)
            | Kind::Command { .. }
            | Kind::Gap { .. }
            | Kind::Lane(_)
            | Kind::Note(_)
            | Kind::Mark(_)
            | Kind::Measured { .. }
            | Kind::Asleep { .. }
            | Kind::Idle => {}
        }
        // What left the ready list, or turned out not to have been on it, may be left behind.
        for (_, instance) in world.pollers.epolls() {
            for key in &instance.delta.removed {
                self.check_left(key.file, event, world);
            }
        }
    }

    pub(super) fn turn(&mut self, lane: LaneId) -> &mut Turn {
        let place = usize::from(lane.0.min(LaneSet::LAST));
        if place >= self.turns.len() {
            self.turns.resize_with(place + 1, Turn::default);
        }
        &mut self.turns[place]
    }

    pub(super) fn state(&mut self, file: FileId, fd: Fd) -> &mut FileState {
        self.files.entry(file).or_insert_with(|| FileState::new(fd))
    }

    fn returned(&mut self, event: &Event, record: &SyscallRecord, world: &World) {
        let ret = record.ret;
        match record.call {
            Syscall::EpollWait { timeout_ms, .. } => self.waited(event, record, timeout_ms, world),
            Syscall::Poll { timeout_ms, .. } | Syscall::Select { timeout_ms, .. } => {
                self.waited(event, record, timeout_ms, world);
                self.scanned(event, world);
            }
            Syscall::UringEnter { .. } => self.ring_entered(event, record, world),
            Syscall::Accept { fd } => self.accepted(fd, event, record, world),
            Syscall::Read { fd, .. } => self.read(fd, event, record, world),
            Syscall::Write { fd, .. } | Syscall::Send { fd, .. } if ret.value() > Some(0) => {
                if let Some(file) = world.fds.get(&fd) {
                    self.progress(*file);
                }
            }
            Syscall::EpollCtl { ep, op, fd, file, .. } if ret.value().is_some() => {
                let entry = world.through_fd(ep).instance.interest.get(WatchKey { fd, file });
                let rearmed = op == CtlOp::Mod && entry.is_some_and(|e| e.mask.has(Mask::ONESHOT));
                if !rearmed {
                    self.progress(file);
                }
                self.state(file, fd).emfile = 0;
                self.end(FindingKind::EmfileSpin, file);
                if op == CtlOp::Del {
                    self.state(file, fd).emptied = true;
                }
                self.check_left(file, event, world);
                self.check_ghost(file, world);
            }
            Syscall::Close { fd } if ret.value().is_some() => self.closed(fd, event, world),
            Syscall::Dup { fd } | Syscall::Setup(Setup::DupFrom { fd, .. }) => {
                if let (Some(copy), Some(file)) = (ret.fd(), world.fds.get(&fd)) {
                    self.name(copy, *file, world);
                }
            }
            Syscall::EpollCreate
            | Syscall::EpollCtl { .. }
            | Syscall::Write { .. }
            | Syscall::Send { .. }
            | Syscall::Shutdown { .. }
            | Syscall::Close { .. }
            | Syscall::UringSetup { .. }
            | Syscall::UringRegister { .. }
            | Syscall::SetFlags { .. }
            | Syscall::Setup(_) => {}
        }
    }

    /// A number came to name a file.
    pub(super) fn name(&mut self, fd: Fd, file: FileId, world: &World) {
        if let Some(old) = self.numbers.insert(fd, file)
            && old != file
            && is_gone(old, world)
        {
            self.forget(old);
        }
    }

    fn closed(&mut self, fd: Fd, event: &Event, world: &World) {
        for view in world.views() {
            for entry in view.instance.interest.by_fd(fd).filter(|e| view.is_ghost(e.key)) {
                let key = entry.key;
                self.see(FindingKind::Ghost, key, event, |_| Evidence::outlived(world, key));
            }
        }
        if let Some(file) = self.numbers.remove(&fd) {
            if is_gone(file, world) {
                self.forget(file);
                self.closed_in_flight(fd, file, event, world);
            } else {
                self.check_ghost(file, world);
            }
        }
    }

    /// The file is no more: nothing holds of it.
    fn forget(&mut self, file: FileId) {
        if let Some(state) = self.files.remove(&file) {
            for kind in FindingKind::ALL.into_iter().filter(|kind| state.may(*kind)) {
                self.ledger.end(About::file(kind, file));
            }
        }
    }

    pub(super) fn see(
        &mut self,
        kind: FindingKind,
        key: WatchKey,
        event: &Event,
        evidence: impl FnOnce(u64) -> Evidence,
    ) {
        self.state(key.file, key.fd).active |= 1 << kind as u32;
        let shown = Shown { fd: Some(key.fd), lane: None };
        self.ledger.see(About::file(kind, key.file), shown, event, evidence);
    }

    pub(super) fn end(&mut self, kind: FindingKind, file: FileId) {
        if let Some(state) = self.files.get_mut(&file).filter(|state| state.may(kind)) {
            state.active &= !(1 << kind as u32);
            self.ledger.end(About::file(kind, file));
        }
    }

    pub(super) fn end_all(&mut self, kinds: [FindingKind; 3], file: FileId) {
        for kind in kinds {
            self.end(kind, file);
        }
    }

    /// The whole interest list was read: whatever is not on it any more cannot be wrong.
    fn sweep(&mut self, event: &Event, world: &World) {
        let mut files: Vec<FileId> = self.files.keys().copied().collect();
        files.sort_unstable();
        for file in files {
            if is_gone(file, world) {
                self.forget(file);
            } else {
                self.check_ghost(file, world);
                self.check_left(file, event, world);
            }
        }
    }
}

fn is_gone(file: FileId, world: &World) -> bool {
    world.files.get(&file).is_none_or(|open| open.refs == 0)
}
