//! A source that tells every list: what was known before gives way to it, and what differs is what
//! the event changed.
//!
//! Between two tellings nothing is deduced: calls are counted, threads change their states, and
//! that is all.

use std::collections::BTreeSet;

use rustc_hash::FxHashMap;

use crate::event::{
    Errno, Event, Fd, FileId, FileKind, Kind, LaneId, Mask, Nanos, Output, Reason, Seq, Syscall,
    SyscallRecord, Told, ToldFile, ToldInstance, WatchKey,
};

use super::check::Sync;
use super::file::OpenFile;
use super::interest::{InterestEntry, InterestList};
use super::lane::{LaneState, WaitQueue};
use super::poller::{Delta, EpollInstance};
use super::ready::{ReadyEntry, ReadyList};
use super::world::World;

/// How long a step lasts on the clock of a source that tells every list: such a clock counts steps,
/// the first of which begins one step after the start. What the learner does between two steps
/// comes in the second half of the one before.
pub const STEP: Nanos = Nanos(1_000_000_000);

/// The time of a telling, and the one before it.
#[derive(Clone, Copy)]
struct Now {
    at: (Seq, Nanos),
    before: Seq,
}

impl World {
    /// Folds an event of a source that tells every list.
    pub(super) fn fold_told(&mut self, event: &Event) {
        let lane = event.lane;
        match &event.kind {
            Kind::Told(told) => self.told(told),
            Kind::Open { fd, name, .. } => self.labels.set(*fd, event.seq, name),
            Kind::Enter(call) => self.begins(lane, *call),
            Kind::Return(record) => self.ends(lane, record),
            Kind::Measured { .. } => self.made(lane),
            Kind::Park { next } => self.parked(lane, *next),
            Kind::Unpark(pass) => self.unparked(lane, *pass),
            Kind::Lane(change) => self.lane_changed(lane, change),
            Kind::Settings(settings) => self.behaves(*settings),
            Kind::Gap { lost } => {
                self.counters.gaps += 1;
                self.counters.lost = self.counters.lost.saturating_add(*lost);
                self.counters.lost_at = event.t;
            }
            _ => {}
        }
    }

    // --- calls

    fn begins(&mut self, id: LaneId, call: Syscall) {
        let t = self.t;
        if let Some(lane) = self.lane_mut(id) {
            lane.batch.finish();
            lane.state = LaneState::Harvesting(call);
            lane.since = t;
        }
    }

    /// A call that has no entry of its own.
    fn made(&mut self, id: LaneId) {
        let t = self.t;
        let Some(lane) = self.lane_mut(id) else { return };
        lane.calls += 1;
        lane.state = LaneState::Running;
        lane.since = t;
    }

    fn ends(&mut self, id: LaneId, record: &SyscallRecord) {
        self.made(id);
        let at = (self.seq, self.t);
        match (record.call, &record.output) {
            (Syscall::EpollWait { ep, .. }, Output::Events { events, .. }) => {
                if let Some(lane) = self.lane_mut(id) {
                    lane.turns += 1;
                    lane.batch.fill(events);
                    // Nobody says when they are handled.
                    lane.batch.finish();
                }
                let Some(id) = self.epoll_at(ep) else { return };
                let instance = self.pollers.at_mut(id);
                for event in events {
                    if let Some(entry) = instance.interest.get_mut(InterestList::key_of(event)) {
                        entry.delivered = Some((at.0, at.1, event.mask));
                        entry.deliveries += 1;
                    }
                }
            }
            (
                Syscall::Read { fd, .. }
                | Syscall::Accept { fd }
                | Syscall::Write { fd, .. }
                | Syscall::Send { fd, .. },
                _,
            ) => {
                let reads = matches!(record.call, Syscall::Read { .. } | Syscall::Accept { .. });
                if let Some(file) = self.file_at_mut(fd) {
                    file.served = Some(at);
                    if reads && record.ret.count().is_some_and(|n| n > 0) {
                        file.read = Some(at.1);
                    }
                    file.drained |= reads && record.ret.is(Errno::EAGAIN);
                }
            }
            _ => {}
        }
    }

    // --- the telling

    fn told(&mut self, told: &Told) {
        let now = Now { at: (self.seq, self.t), before: self.told.unwrap_or(Seq(0)) };
        self.told_before = self.told.replace(self.seq).or(Some(Seq(0)));
        let grown = self.told_files(&told.files, now);
        self.told_instances(told, &grown, now);
        self.told_threads(told);
    }

    /// Takes over the open files; returns those for which something arrived.
    fn told_files(&mut self, files: &[ToldFile], now: Now) -> BTreeSet<FileId> {
        let mut grown = BTreeSet::new();
        let mut before = std::mem::take(&mut self.files);
        let numbers = std::mem::take(&mut self.fds);
        for told in files {
            let old = before.remove(&told.id);
            if old.as_ref().is_some_and(|old| has_grown(old, told)) {
                grown.insert(told.id);
            }
            for fd in &told.fds {
                // Opened since, it has its name; else the file's, if the number is new to it.
                let since = self.labels.since(*fd);
                let stale = since.is_none_or(|since| since <= now.before);
                if since.is_none() || (stale && numbers.get(fd) != Some(&told.id)) {
                    self.labels.set(*fd, now.at.0, &told.name);
                }
                self.fds.insert(*fd, told.id);
            }
            self.files.insert(told.id, file(old, told, now));
        }
        grown
    }

    fn told_instances(&mut self, told: &Told, grown: &BTreeSet<FileId>, now: Now) {
        self.pollers.retain(|id| told.instances.iter().any(|instance| instance.file == id));
        for told_instance in &told.instances {
            self.labels_of(told_instance, now);
            let place = self.pollers.at_mut(told_instance.file);
            let mut instance = instance(std::mem::take(place), told_instance, grown, now);
            instance.check.agreed = told.agreed;
            instance.check.diverged = told.diverged;
            instance.check.sync = Sync::Following;
            *place = instance;
        }
    }

    fn labels_of(&mut self, told: &ToldInstance, now: Now) {
        if self.labels.since(told.fd).is_none() {
            self.labels.set(told.fd, now.at.0, &told.name);
        }
    }

    fn told_threads(&mut self, told: &Told) {
        for thread in &told.threads {
            if let Some(lane) = self.lane_mut(thread.lane) {
                lane.name = Some(thread.name.clone());
                lane.tid = thread.tid;
                if lane.state == LaneState::Unstarted {
                    lane.state = LaneState::Running;
                }
            }
        }
        for (id, call) in told.threads.iter().filter_map(|one| Some((one.lane, one.asleep_in?))) {
            if let Some(lane) = self.lane_mut(id) {
                lane.state = LaneState::Asleep(call);
            }
        }
        let mut asleep: FxHashMap<LaneId, Fd> = FxHashMap::default();
        for instance in &told.instances {
            asleep.extend(instance.asleep.iter().map(|lane| (*lane, instance.fd)));
        }
        for lane in &mut self.lanes {
            let state = match (&lane.state, asleep.get(&lane.id)) {
                (LaneState::Harvesting(call), Some(_)) => LaneState::Asleep(*call),
                (LaneState::Running | LaneState::Unstarted, Some(ep)) => {
                    // It went to sleep unseen.
                    LaneState::Asleep(Syscall::EpollWait { ep: *ep, max: 64, timeout_ms: -1 })
                }
                // It was woken, and is held up on its way out of the kernel.
                (LaneState::Asleep(call @ Syscall::EpollWait { .. }), None) => {
                    LaneState::Harvesting(*call)
                }
                _ => continue,
            };
            lane.state = state;
        }
    }
}

/// Whether something arrived since the file was last told.
fn has_grown(old: &OpenFile, told: &ToldFile) -> bool {
    let more = told.unread.map(clamped) > old.unread;
    let news = told.poll - old.told.unwrap_or(Mask::EMPTY);
    more || news.any(Mask::HUP | Mask::ERR | Mask::RDHUP | Mask::OUT)
}

fn clamped(n: u64) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// The file as it is told; what only calls tell is kept.
fn file(old: Option<OpenFile>, told: &ToldFile, now: Now) -> OpenFile {
    let (seq, t) = now.at;
    let first = told.fds.first().copied();
    let mut file = old.unwrap_or_else(|| {
        OpenFile::new(told.id, first.unwrap_or(Fd(-1)), told.what, told.name.clone(), t)
    });
    let unread = told.unread.map(clamped);
    if unread != file.unread {
        file.unread_at = seq;
    }
    if unread > file.unread && file.told.is_some() {
        file.woken = Some(t);
    }
    file.drained &= unread.unwrap_or(0) == 0;
    file.fd = first.unwrap_or(file.fd);
    file.what = told.what;
    file.name = told.name.clone();
    file.refs = clamped(told.fds.len() as u64);
    file.copied |= told.fds.len() > 1;
    file.unread = unread;
    file.unsent = told.unsent.map(clamped);
    file.room = (told.what != FileKind::Listener).then(|| told.poll.any(Mask::OUT));
    file.state = told.poll & (Mask::RDHUP | Mask::HUP | Mask::ERR);
    file.settled = true;
    file.told = Some(told.poll);
    file
}

/// An instance as it is told, and what that changes.
fn instance(
    mut old: EpollInstance,
    told: &ToldInstance,
    grown: &BTreeSet<FileId>,
    now: Now,
) -> EpollInstance {
    let mut delta = Delta::default();
    let (interest, changed) = interest(&mut old.interest, told, now);
    // What is left there is no more.
    delta.forgotten = old.interest.iter().map(|entry| entry.key).collect();
    let batch = batch(&old, told);
    let mut instance = EpollInstance {
        fd: Some(told.fd),
        interest,
        interest_changed: if changed { now.at.0 } else { old.interest_changed },
        interest_read: if told.interest_read { Some(now.at.0) } else { old.interest_read },
        ready: ReadyList::default(),
        wq: told.asleep.iter().rev().fold(WaitQueue::default(), |mut wq, lane| {
            wq.push_head(*lane);
            wq
        }),
        check: old.check,
        name: told.name.clone(),
        overflow: told.overflow.clone(),
        batch,
        source: Some(told.source),
        delta: Delta::default(),
    };
    for (key, why) in &told.ready {
        let reported = instance.interest.get(*key).and_then(|entry| entry.delivered);
        let reported = reported.is_some_and(|(seq, ..)| seq > now.before);
        let stayed = old.ready.find(*key).map(|(_, entry)| *entry);
        let stayed = stayed.filter(|entry| entry.why == *why && !reported);
        let (seq, since) = now.at;
        let fresh = ReadyEntry { key: *key, why: *why, since, seq, unsure: false };
        if stayed.is_none() {
            delta.added.push(fresh);
        } else if grown.contains(&key.file) {
            delta.arrived.push(*key);
        }
        instance.ready.entries.push_back(stayed.unwrap_or(fresh));
        let Some(entry) = instance.interest.get_mut(*key) else { continue };
        entry.listed = true;
        let wakes = |why: &Reason| !matches!(why, Reason::PutBack | Reason::AtAdd | Reason::AtMod);
        if (stayed.is_none() && wakes(why)) || (stayed.is_some() && grown.contains(&key.file)) {
            entry.woken_before = entry.woken.map(|(seq, _)| seq);
            entry.woken = Some(now.at);
            entry.wakeups += 1;
        }
    }
    let waits = |key: &WatchKey| old.overflow.as_ref().is_some_and(|list| list.contains(key));
    let overflow = told.overflow.iter().flatten().rev();
    delta.overflowed = overflow.copied().filter(|key| !waits(key)).collect();
    let kept = |key: &WatchKey| {
        let fresh = delta.added.iter().any(|entry| entry.key == *key);
        instance.ready.find(*key).is_some() && !fresh
    };
    let left = old.ready.iter().map(|entry| entry.key).filter(|key| !kept(key));
    delta.removed = left.collect();
    instance.delta = delta;
    instance
}

/// What a harvest that is held has in its hands: what was on the ready list when it began, and is
/// there no more.
fn batch(old: &EpollInstance, told: &ToldInstance) -> Box<[WatchKey]> {
    let Some(overflow) = &told.overflow else { return Box::default() };
    let harvested: Vec<WatchKey> = match old.overflow {
        Some(_) => old.batch.to_vec(),
        None => old.ready.iter().map(|entry| entry.key).collect(),
    };
    let back = |key: &WatchKey| told.ready.iter().any(|(listed, _)| listed == key);
    let kept = harvested.into_iter().filter(|key| !back(key) && !overflow.contains(key));
    kept.collect()
}

/// The interest list as it is told, and whether it is another one.
fn interest(old: &mut InterestList, told: &ToldInstance, now: Now) -> (InterestList, bool) {
    let mut list = InterestList::default();
    let mut changed = old.len() != told.interest.len();
    for watch in &told.interest {
        let mut entry = old.remove(watch.key).unwrap_or_else(|| {
            changed = true;
            InterestEntry::new(watch.key, watch.mask, now.at)
        });
        if entry.mask != watch.mask {
            changed = true;
            // A report that disarms a one-shot is no change by the program.
            if watch.mask != entry.mask & Mask::PRIVATE {
                entry.changed = now.at;
            }
            entry.mask = watch.mask;
        }
        entry.listed = false;
        entry.name = Some(watch.name.clone());
        list.insert(entry);
    }
    (list, changed)
}
