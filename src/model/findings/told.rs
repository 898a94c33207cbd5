//! What a thread does about that of which it is told: spins, herds, floods.

use crate::event::{
    Delivery, Errno, Event, Fd, FileId, FileKind, LaneId, Mask, Nanos, Output, SyscallRecord,
    Trigger, WatchKey,
};

use super::ledger::{About, Shown};
use super::left::LEFT;
use super::state::FileState;
use super::{Evidence, FindingKind, Findings, WatchIdentity};
use crate::model::{InterestEntry, Poller, Progress, World};
use crate::sim::rules;

/// Deliveries, or failed accepts, in a row without progress that make a spin.
const SPIN: u32 = 32;
/// Reads of one file in one turn that starve the others.
const FLOOD_READS: u32 = 256;
/// The same in time, if there are at least [`FLOOD_FEW`] reads.
const FLOOD_TIME: Nanos = Nanos(64_000_000);
/// See [`FLOOD_TIME`].
const FLOOD_FEW: u32 = 32;
/// How long before a thread's `epoll_wait` returned another thread may have taken what it found.
const HERD_BEFORE: Nanos = Nanos(10_000_000);

/// The level-triggered spins.
pub(super) const SPINS: [FindingKind; 3] =
    [FindingKind::OutSpin, FindingKind::EofSpin, FindingKind::MaskZeroSpin];

/// Being told, and what is done about it.
impl Findings {
    pub(super) fn delivered(
        &mut self,
        delivery: &Delivery,
        event: &Event,
        record: &SyscallRecord,
        world: &World,
    ) {
        let key = WatchKey { fd: delivery.fd, file: delivery.file };
        let asked = asked(world, record, key);
        let state = self.touch(event.lane, key.file, key.fd);
        state.emptied = false;
        state.woken = false;
        state.fresh.insert(event.lane);
        let kind = asked.and_then(|asked| spin(state, asked, delivery.mask));
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
                Evidence::spin(world, key, mask, n.saturating_add(u64::from(SPIN) - 1))
            });
        }
        if self.files.get(&key.file).is_some_and(|state| state.may(FindingKind::Ghost)) {
            self.see(FindingKind::Ghost, key, event, |_| Evidence::outlived(world, key));
        }
    }

    /// Something was moved or changed: whatever spun goes forward.
    pub(super) fn progress(&mut self, file: FileId) {
        if let Some(state) = self.files.get_mut(&file) {
            state.row = (None, 0);
            if state.active != 0 {
                self.end_all(SPINS, file);
            }
        }
    }

    pub(super) fn accepted(
        &mut self,
        fd: Fd,
        event: &Event,
        record: &SyscallRecord,
        world: &World,
    ) {
        let Some(file) = world.fds.get(&fd).copied() else { return };
        let key = WatchKey { fd, file };
        let scanned = world.scan().and_then(|set| set.get(key)).map(|_| Trigger::Level);
        let edge = world.entries(key).next().map(InterestEntry::trigger).or(scanned);
        let state = self.touch(event.lane, file, fd);
        let fresh = state.fresh.contains(event.lane);
        state.fresh.remove(event.lane);
        if record.ret.errno().is_some_and(Errno::is_out_of_descriptors) {
            state.emfile = state.emfile.saturating_add(1);
            if state.emfile >= SPIN && edge == Some(Trigger::Level) {
                self.see(FindingKind::EmfileSpin, key, event, |n| {
                    Evidence::emfile(world, key, n.saturating_add(u64::from(SPIN) - 1))
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

    pub(super) fn read(&mut self, fd: Fd, event: &Event, record: &SyscallRecord, world: &World) {
        let Some(file) = world.fds.get(&fd).copied() else { return };
        let key = WatchKey { fd, file };
        let state = self.touch(event.lane, file, fd);
        let fresh = state.fresh.contains(event.lane);
        state.fresh.remove(event.lane);
        match record.ret.value() {
            Some(0) => {
                state.ended = true;
                state.emptied = true;
                self.end_again(key, record.call.name(), event, world);
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

    /// The end of a stream was read. Where nothing reports it over and over, the server that does not
    /// act upon it asks over and over: a goroutine and a thread by read, a ring by the next recv.
    pub(super) fn end_again(&mut self, key: WatchKey, by: &str, event: &Event, world: &World) {
        match world.pollers.own() {
            Some(Poller::Ring(_) | Poller::Netpoll(_) | Poller::Threads(_)) => {}
            Some(Poller::Scan(_)) | None => return,
        }
        let state = self.state(key.file, key.fd);
        let spin = Some(FindingKind::EofSpin);
        let row = if state.row.0 == spin { state.row.1.saturating_add(1) } else { 1 };
        state.row = (spin, row);
        if row >= SPIN {
            let watch = WatchIdentity::of(world, key);
            self.see(FindingKind::EofSpin, key, event, |n| Evidence::EndAgain {
                watch,
                by: by.into(),
                times: n.saturating_add(u64::from(SPIN) - 1),
            });
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
            self.state(key.file, key.fd).active |= 1 << FindingKind::ThunderingHerd as u32;
            About::file(FindingKind::ThunderingHerd, key.file)
        } else {
            About::all(FindingKind::ThunderingHerd)
        };
        let shown = Shown { fd: Some(key.fd), lane: Some(event.lane) };
        let loser = event.lane;
        self.ledger.see(about, shown, event, |times| Evidence::Herd {
            watch: WatchIdentity::of(world, key),
            taker,
            loser,
            times,
        });
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
            let lane = event.lane;
            self.see(FindingKind::Starving, key, event, |_| Evidence::Starving {
                lane,
                flooder: WatchIdentity::of(world, key),
                victim: WatchIdentity::of(world, victim),
                reads,
                took,
            });
        }
    }

    pub(super) fn stale(&mut self, fd: Fd, file: FileId, event: &Event, world: &World) {
        let about = About::file(FindingKind::StaleEvent, file);
        let shown = Shown { fd: Some(fd), lane: Some(event.lane) };
        let lane = event.lane;
        self.ledger.see(about, shown, event, |_| Evidence::stale(world, lane, fd));
    }
}

/// What the call that returned asks that file for, ERR and HUP included.
fn asked(world: &World, record: &SyscallRecord, key: WatchKey) -> Option<Mask> {
    let from = record.call.fd().map(|ep| world.through_fd(ep));
    let registered = from.and_then(|view| view.instance.interest.get(key)).map(|e| e.mask);
    let scanned = || world.scan().and_then(|set| set.get(key)).map(|e| e.events | Mask::ALWAYS);
    registered.or_else(scanned)
}

/// The spin to which one more report of a file that is asked for so much belongs.
fn spin(state: &FileState, asked: Mask, mask: Mask) -> Option<FindingKind> {
    let over = Mask::RDHUP | Mask::HUP | Mask::ERR;
    if asked.has(Mask::ONESHOT) {
        // Armed again by MOD, which polls it: OUT is there again, with either trigger.
        (mask.has(Mask::OUT) && !mask.any(Mask::IN)).then_some(FindingKind::OutSpin)
    } else if asked.trigger() == Trigger::Edge || !rules::armed(asked) {
        None
    } else if asked.asked().is_empty() {
        mask.any(Mask::ALWAYS).then_some(FindingKind::MaskZeroSpin)
    } else if state.ended || mask.any(over) {
        Some(FindingKind::EofSpin)
    } else {
        mask.has(Mask::OUT).then_some(FindingKind::OutSpin)
    }
}

/// Another file that has been ready ever since: in the thread's own batch, or on the ready list.
fn starved(world: &World, lane: LaneId, flooder: FileId, since: Nanos) -> Option<WatchKey> {
    let batch = world.lane(lane).into_iter().flat_map(|lane| lane.batch.iter());
    let waiting = batch
        .filter(|entry| entry.progress == Progress::Waiting)
        .map(|entry| WatchKey { fd: entry.delivery.fd, file: entry.delivery.file });
    let lists = world.pollers.epolls().flat_map(|(_, instance)| instance.ready.iter());
    let listed = lists.filter(|entry| entry.since <= since).map(|e| e.key);
    let ready = |key: &WatchKey| {
        let mask = world.entries(*key).next().map(|entry| entry.mask);
        let mask = mask.or_else(|| world.scan()?.get(*key).map(|entry| entry.events));
        key.file != flooder
            && mask.zip(world.files.get(&key.file)).is_some_and(|(mask, open)| {
                open.what != FileKind::Eventfd && open.poll().surely(mask)
            })
    };
    waiting.chain(listed).find(ready)
}
