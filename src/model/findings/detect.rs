//! The detectors: what each event means for each of them.

use crate::event::{
    Arm, Call, ConnState, CtlOp, Delivery, Errno, Event, Fd, FileId, FileKind, Kind, LaneChange,
    LaneId, Mask, Nanos, Output, SyscallRecord, Trigger, WatchKey,
};

use super::ledger::{About, Shown};
use super::{FindingKind, Findings, sentence};
use crate::model::{InterestEntry, OpenFile, Progress, World};

/// Deliveries, or failed accepts, in a row without progress that make a spin.
const SPIN: u32 = 32;
/// Empty returns in a row of `epoll_wait` with timeout 0 that make a spin.
const EMPTY_RETURNS: u32 = 64;
/// Reads of one file in one turn that starve the others.
const FLOOD_READS: u32 = 256;
/// The same in time, if there are at least [`FLOOD_FEW`] reads.
const FLOOD_TIME: Nanos = Nanos(64_000_000);
/// See [`FLOOD_TIME`].
const FLOOD_FEW: u32 = 32;
/// How long before a thread's `epoll_wait` returned another thread may have taken what it found.
const HERD_BEFORE: Nanos = Nanos(10_000_000);

/// The level-triggered spins.
const SPINS: [FindingKind; 3] =
    [FindingKind::OutSpin, FindingKind::EofSpin, FindingKind::MaskZeroSpin];
/// What nobody will be told of.
const LEFT: [FindingKind; 3] =
    [FindingKind::EdgeStranded, FindingKind::EmfileStranded, FindingKind::OneshotDisarmed];

/// What the detectors remember of an open file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FileState {
    /// The number it was opened under.
    fd: Fd,
    /// The thread that last got something out of it, and when.
    served: Option<(LaneId, Nanos)>,
    /// Nothing was left behind: the last word of a read or accept was EAGAIN or the end.
    emptied: bool,
    /// A read returned 0.
    ended: bool,
    /// It was woken since it was last reported.
    woken: bool,
    /// Accepts in a row that failed for want of a descriptor.
    emfile: u32,
    /// Reports in a row of that kind of spin.
    row: (Option<FindingKind>, u32),
    /// The threads (a bit each) that were told of it or touched it since they last waited.
    touched: u16,
    /// The threads that were told of it and have not yet called read or accept on it.
    fresh: u16,
    /// The findings (a bit each) that may be active.
    active: u16,
}

impl FileState {
    fn new(fd: Fd) -> Self {
        Self {
            fd,
            served: None,
            emptied: true,
            ended: false,
            woken: false,
            emfile: 0,
            row: (None, 0),
            touched: 0,
            fresh: 0,
            active: 0,
        }
    }

    fn may(&self, kind: FindingKind) -> bool {
        self.active & (1 << kind as u16) != 0
    }
}

/// What the detectors remember of a thread, since its last `epoll_wait`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Turn {
    /// When it returned.
    returned: Nanos,
    /// What it was told of or touched.
    touched: Vec<FileId>,
    /// Reads in a row of one file, since when.
    run: Option<(FileId, u32, Nanos)>,
    /// Empty returns in a row with timeout 0.
    empty: u32,
}

fn bit(lane: LaneId) -> u16 {
    1 << u16::from(lane.0).min(15)
}

impl Findings {
    pub(super) fn detect(&mut self, event: &Event, world: &World) {
        match &event.kind {
            Kind::Return(record) => self.returned(event, record, world),
            Kind::Enter(Call::EpollWait { timeout_ms, .. }) => {
                if *timeout_ms != 0 {
                    self.sleeps(event.lane);
                }
                self.rest(event, world);
            }
            Kind::Open { fd, file, .. } => self.name(*fd, *file, world),
            Kind::Wakeup(wakeup) => {
                if let Some(file) = world.entry_at(wakeup.fd).map(|entry| entry.key.file) {
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
            Kind::Lane(LaneChange::Ended | LaneChange::Died(_)) => {
                self.sleeps(event.lane);
                self.rest(event, world);
            }
            Kind::Resync { .. } => self.sweep(event, world),
            _ => {}
        }
    }

    fn turn(&mut self, lane: LaneId) -> &mut Turn {
        &mut self.turns[usize::from(lane.0).min(Self::LANES - 1)]
    }

    fn state(&mut self, file: FileId, fd: Fd) -> &mut FileState {
        self.files.entry(file).or_insert_with(|| FileState::new(fd))
    }

    fn returned(&mut self, event: &Event, record: &SyscallRecord, world: &World) {
        let ret = record.ret;
        match record.call {
            Call::EpollWait { timeout_ms, .. } => self.waited(event, record, timeout_ms, world),
            Call::Accept { fd } => self.accepted(fd, event, record, world),
            Call::Read { fd, .. } => self.read(fd, event, record, world),
            Call::Write { fd, .. } | Call::Send { fd, .. } if ret.value() > Some(0) => {
                if let Some(file) = world.fds.get(&fd) {
                    self.progress(*file);
                }
            }
            Call::EpollCtl { op, fd, file, .. } if ret.value().is_some() => {
                self.progress(file);
                self.state(file, fd).emfile = 0;
                self.end(FindingKind::EmfileSpin, file);
                if op == CtlOp::Del {
                    self.state(file, fd).emptied = true;
                }
                self.check_left(file, event, world);
                self.check_ghost(file, world);
            }
            Call::Close { fd } if ret.value().is_some() => self.closed(fd, event, world),
            Call::Dup { fd } => {
                if let (Some(copy), Some(file)) = (ret.fd(), world.fds.get(&fd)) {
                    self.name(copy, *file, world);
                }
            }
            _ => {}
        }
    }

    /// A number came to name a file.
    fn name(&mut self, fd: Fd, file: FileId, world: &World) {
        if let Some(old) = self.numbers.insert(fd, file)
            && old != file
            && is_gone(old, world)
        {
            self.forget(old);
        }
    }

    fn closed(&mut self, fd: Fd, event: &Event, world: &World) {
        for entry in world.instance.interest.by_fd(fd).filter(|e| world.is_ghost(e.key)) {
            let key = entry.key;
            self.see(FindingKind::Ghost, key, event, |_| sentence::ghost(world, key));
        }
        if let Some(file) = self.numbers.remove(&fd) {
            if is_gone(file, world) {
                self.forget(file);
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

    fn see(
        &mut self,
        kind: FindingKind,
        key: WatchKey,
        event: &Event,
        sentence: impl FnOnce(u64) -> String,
    ) {
        self.state(key.file, key.fd).active |= 1 << kind as u16;
        let shown = Shown { fd: Some(key.fd), lane: None };
        self.ledger.see(About::file(kind, key.file), shown, event, sentence);
    }

    fn end(&mut self, kind: FindingKind, file: FileId) {
        if let Some(state) = self.files.get_mut(&file).filter(|state| state.may(kind)) {
            state.active &= !(1 << kind as u16);
            self.ledger.end(About::file(kind, file));
        }
    }

    fn end_all(&mut self, kinds: [FindingKind; 3], file: FileId) {
        for kind in kinds {
            self.end(kind, file);
        }
    }

    /// The whole interest list was read: whatever is not on it any more cannot be wrong.
    fn sweep(&mut self, event: &Event, world: &World) {
        let files: Vec<FileId> = self.files.keys().copied().collect();
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

/// Waiting, and what is left behind by then.
impl Findings {
    fn waited(&mut self, event: &Event, record: &SyscallRecord, timeout_ms: i32, world: &World) {
        // A call that cannot sleep is not announced by an Enter.
        self.rest(event, world);
        let events: &[Delivery] = match &record.output {
            Output::Events { events, .. } => events,
            _ => &[],
        };
        if timeout_ms == 0 && record.ret.value() == Some(0) {
            self.empty_return(event, world);
        } else {
            self.turn(event.lane).empty = 0;
        }
        self.turn(event.lane).returned = event.t;
        for delivery in events {
            self.delivered(delivery, event, world);
        }
    }

    fn empty_return(&mut self, event: &Event, world: &World) {
        let turn = self.turn(event.lane);
        turn.empty = turn.empty.saturating_add(1);
        if turn.empty >= EMPTY_RETURNS {
            let about = About::lane(FindingKind::TimeoutZeroSpin, event.lane);
            let shown = Shown { fd: world.instance.fd, lane: Some(event.lane) };
            let lane = event.lane;
            self.ledger.see(about, shown, event, |n| sentence::timeout_zero(lane, n));
        }
    }

    /// The thread no longer polls with timeout 0.
    fn sleeps(&mut self, lane: LaneId) {
        self.turn(lane).empty = 0;
        self.ledger.end(About::lane(FindingKind::TimeoutZeroSpin, lane));
    }

    /// The thread has done with its batch and waits again.
    fn rest(&mut self, event: &Event, world: &World) {
        let turn = self.turn(event.lane);
        turn.run = None;
        let mut touched = std::mem::take(&mut turn.touched);
        for file in touched.drain(..) {
            if let Some(state) = self.files.get_mut(&file) {
                state.touched &= !bit(event.lane);
                state.fresh &= !bit(event.lane);
                self.check_left(file, event, world);
            }
        }
        // Its room is kept for the next turn.
        self.turn(event.lane).touched = touched;
    }

    fn touch(&mut self, lane: LaneId, file: FileId, fd: Fd) -> &mut FileState {
        let state = self.files.entry(file).or_insert_with(|| FileState::new(fd));
        if state.touched & bit(lane) == 0 {
            state.touched |= bit(lane);
            self.turns[usize::from(lane.0).min(Self::LANES - 1)].touched.push(file);
        }
        state
    }

    fn recheck(&mut self, fd: Fd, event: &Event, world: &World) {
        if let Some(file) = world.fds.get(&fd) {
            self.check_left(*file, event, world);
        }
    }

    /// Whether something is left in the file of which nobody will be told.
    fn check_left(&mut self, file: FileId, event: &Event, world: &World) {
        let Some(state) = self.files.get(&file) else { return };
        let key = WatchKey { fd: state.fd, file };
        let found = world.instance.interest.get(key).zip(world.files.get(&file));
        let found = found.and_then(|(entry, open)| left(state, entry, open));
        for kind in LEFT.into_iter().filter(|kind| Some(*kind) != found) {
            self.end(kind, file);
        }
        if let Some(kind) = found
            && !self.ledger.is_active(About::file(kind, file))
        {
            self.see(kind, key, event, |_| sentence::left(world, kind, key));
        }
    }

    fn check_ghost(&mut self, file: FileId, world: &World) {
        if let Some(state) = self.files.get(&file)
            && state.may(FindingKind::Ghost)
            && !world
                .instance
                .interest
                .by_fd(state.fd)
                .any(|e| e.key.file == file && world.is_ghost(e.key))
        {
            self.end(FindingKind::Ghost, file);
        }
    }
}

/// Being told, and what is done about it.
impl Findings {
    fn delivered(&mut self, delivery: &Delivery, event: &Event, world: &World) {
        let key = WatchKey { fd: delivery.fd, file: delivery.file };
        let entry = world.instance.interest.get(key);
        let state = self.touch(event.lane, key.file, key.fd);
        state.emptied = false;
        state.woken = false;
        state.fresh |= bit(event.lane);
        let kind = entry.and_then(|entry| spin(state, entry, delivery.mask));
        let row = if state.row.0 == kind { state.row.1.saturating_add(1) } else { 1 };
        let changed = state.row.0 != kind;
        state.row = (kind, row);
        if state.active != 0 {
            if changed {
                self.end_all(SPINS, key.file);
            }
            self.end_all(LEFT, key.file);
        }
        if let Some(kind) = kind
            && row >= SPIN
        {
            let mask = delivery.mask;
            self.see(kind, key, event, |n| {
                sentence::spin(world, kind, key, mask, n.saturating_add(u64::from(SPIN) - 1))
            });
        }
        if self.files.get(&key.file).is_some_and(|state| state.may(FindingKind::Ghost)) {
            self.see(FindingKind::Ghost, key, event, |_| sentence::ghost(world, key));
        }
    }

    /// Something was moved or changed: whatever spun goes forward.
    fn progress(&mut self, file: FileId) {
        if let Some(state) = self.files.get_mut(&file) {
            state.row = (None, 0);
            if state.active != 0 {
                self.end_all(SPINS, file);
            }
        }
    }

    fn accepted(&mut self, fd: Fd, event: &Event, record: &SyscallRecord, world: &World) {
        let Some(file) = world.fds.get(&fd).copied() else { return };
        let key = WatchKey { fd, file };
        let edge = world.instance.interest.get(key).map(InterestEntry::trigger);
        let state = self.touch(event.lane, file, fd);
        let fresh = state.fresh & bit(event.lane) != 0;
        state.fresh &= !bit(event.lane);
        if record.ret.errno().is_some_and(Errno::is_out_of_descriptors) {
            state.emfile = state.emfile.saturating_add(1);
            if state.emfile >= SPIN && edge == Some(Trigger::Level) {
                self.see(FindingKind::EmfileSpin, key, event, |n| {
                    sentence::emfile_spin(world, key, n.saturating_add(u64::from(SPIN) - 1))
                });
            }
            return;
        }
        state.emfile = 0;
        state.emptied = record.ret.is(Errno::EAGAIN);
        state.woken &= !state.emptied;
        if let (Some(new), Output::Accepted { file: client, .. }) =
            (record.ret.fd(), &record.output)
        {
            state.served = Some((event.lane, event.t));
            self.name(new, *client, world);
            self.turn(event.lane).run = None;
        } else if fresh && record.ret.is(Errno::EAGAIN) {
            self.herd(key, event, world);
        }
        self.end(FindingKind::EmfileSpin, file);
        self.check_left(file, event, world);
    }

    fn read(&mut self, fd: Fd, event: &Event, record: &SyscallRecord, world: &World) {
        let Some(file) = world.fds.get(&fd).copied() else { return };
        let key = WatchKey { fd, file };
        let state = self.touch(event.lane, file, fd);
        let fresh = state.fresh & bit(event.lane) != 0;
        state.fresh &= !bit(event.lane);
        match record.ret.value() {
            Some(0) => {
                state.ended = true;
                state.emptied = true;
            }
            Some(_) => {
                state.emptied = false;
                state.served = Some((event.lane, event.t));
                self.progress(file);
            }
            None => {
                state.emptied = true;
                state.woken = false;
                if fresh && record.ret.is(Errno::EAGAIN) {
                    self.herd(key, event, world);
                }
            }
        }
        self.flood(key, event, record, world);
        if self.files.get(&file).is_some_and(|state| state.active != 0) {
            self.check_left(file, event, world);
        }
    }

    /// A thread was told of something and found nothing: perhaps another one took it.
    fn herd(&mut self, key: WatchKey, event: &Event, world: &World) {
        let returned = self.turn(event.lane).returned;
        let Some((taker, t)) = self.files.get(&key.file).and_then(|state| state.served) else {
            return;
        };
        if taker == event.lane || t.0.saturating_add(HERD_BEFORE.0) < returned.0 {
            return;
        }
        // Every client of a server has the same finding: it is shown once for all of them.
        let what = world.files.get(&key.file).map(|open| open.what);
        let about = if what == Some(FileKind::Listener) {
            self.state(key.file, key.fd).active |= 1 << FindingKind::ThunderingHerd as u16;
            About::file(FindingKind::ThunderingHerd, key.file)
        } else {
            About::all(FindingKind::ThunderingHerd)
        };
        let shown = Shown { fd: Some(key.fd), lane: Some(event.lane) };
        let lanes = (taker, event.lane);
        self.ledger.see(about, shown, event, |n| sentence::herd(world, key, lanes, n));
    }

    /// Counts the reads of a turn.
    fn flood(&mut self, key: WatchKey, event: &Event, record: &SyscallRecord, world: &World) {
        let turn = self.turn(event.lane);
        let fresh = (key.file, 0, record.started);
        let (file, reads, since) = turn.run.filter(|run| run.0 == key.file).unwrap_or(fresh);
        let reads = reads.saturating_add(1);
        turn.run = Some((file, reads, since));
        let held_up = world.settings.delay_ms > 0 || world.settings.paused;
        let long = !held_up && reads >= FLOOD_FEW && event.t.since(since) >= FLOOD_TIME;
        if reads % FLOOD_READS != 0 && !(long && reads % FLOOD_FEW == 0) {
            return;
        }
        if let Some(victim) = starved(world, event.lane, key.file, since) {
            let took = event.t.since(since);
            self.see(FindingKind::Starving, key, event, |_| {
                sentence::starving(world, event.lane, key, victim, (reads, took))
            });
        }
    }

    fn stale(&mut self, fd: Fd, file: FileId, event: &Event, world: &World) {
        let about = About::file(FindingKind::StaleEvent, file);
        let shown = Shown { fd: Some(fd), lane: Some(event.lane) };
        let lane = event.lane;
        self.ledger.see(about, shown, event, |_| sentence::stale(world, lane, fd));
    }
}

fn is_gone(file: FileId, world: &World) -> bool {
    world.files.get(&file).is_none_or(|open| open.refs == 0)
}

/// What is left behind in a file that no thread has in hand.
fn left(state: &FileState, entry: &InterestEntry, open: &OpenFile) -> Option<FindingKind> {
    if state.touched != 0 {
        return None;
    }
    let unread = open.unread.is_some_and(|n| n > 0);
    let unended = open.ended() && !state.ended;
    if entry.arm() == Arm::Disarmed {
        let waiting = unread || unended || state.woken;
        return waiting.then_some(FindingKind::OneshotDisarmed);
    }
    if entry.trigger() == Trigger::Level
        || entry.listed
        || state.emptied
        || open.conn != ConnState::Open
        || !entry.mask.has(Mask::IN)
        || !(unread || unended)
    {
        return None;
    }
    Some(if state.emfile > 0 { FindingKind::EmfileStranded } else { FindingKind::EdgeStranded })
}

/// The spin to which one more report of that file belongs.
fn spin(state: &FileState, entry: &InterestEntry, mask: Mask) -> Option<FindingKind> {
    let over = Mask::RDHUP | Mask::HUP | Mask::ERR;
    if entry.trigger() == Trigger::Edge || entry.arm() == Arm::Disarmed {
        None
    } else if entry.mask.asked().is_empty() {
        mask.any(Mask::ALWAYS).then_some(FindingKind::MaskZeroSpin)
    } else if state.ended || mask.any(over) {
        Some(FindingKind::EofSpin)
    } else {
        mask.has(Mask::OUT).then_some(FindingKind::OutSpin)
    }
}

/// Another file that has been ready ever since: in the thread's own batch, or on the ready list.
fn starved(world: &World, lane: LaneId, flooder: FileId, since: Nanos) -> Option<WatchKey> {
    let batch = world.lane(lane).into_iter().flat_map(|lane| &lane.batch);
    let waiting = batch
        .filter(|entry| entry.progress == Progress::Waiting)
        .map(|entry| WatchKey { fd: entry.delivery.fd, file: entry.delivery.file });
    let listed = world.instance.ready.iter().filter(|entry| entry.since <= since).map(|e| e.key);
    let ready = |key: &WatchKey| {
        let entry = world.instance.interest.get(*key);
        key.file != flooder
            && entry.zip(world.files.get(&key.file)).is_some_and(|(entry, open)| {
                open.what != FileKind::Eventfd && open.poll().surely(entry.mask)
            })
    };
    waiting.chain(listed).find(ready)
}
