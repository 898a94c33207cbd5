//! What `epoll_wait` will return, what it did return, and whether the two agree
//! (`ep_send_events`, `ep_done_scan`).

use std::collections::BTreeSet;

use crate::event::{
    Delivery, EdgeLog, FdinfoEntry, FileKind, LaneId, Mask, Nanos, Peer, Seq, WatchKey,
};

use super::check::{Difference, Divergence, Owed, Sync};
use super::file::OpenFile;
use super::interest::{InterestEntry, InterestList};
use super::lane::{Lane, LaneState};
use super::ready::{ReadyEntry, Reason};
use super::rules::{self, After};
use super::world::World;

/// A connection is watched by this time after its accept, unless its thread is held.
const ACCEPT_TO_ADD: Nanos = Nanos(1_000_000_000);

/// What `epoll_wait` would return now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prediction {
    /// The registrations that would be reported, in order, with the bits that are known to be set.
    pub events: Vec<(WatchKey, Mask)>,
    /// Whether all of that is certain: nothing that the kernel would poll is unknown.
    pub certain: bool,
}

/// A harvest being compared with the modelled list.
struct Comparison<'a> {
    events: &'a [Delivery],
    /// The event that set the harvest off.
    from: Seq,
    /// Whether `maxevents` was reached, so that the rest of the list was not looked at.
    full: bool,
    judged: bool,
    differences: Vec<Difference>,
    /// Listed entries that were reported.
    taken: Vec<ReadyEntry>,
    /// Reported before their wake-up was seen.
    early: Vec<WatchKey>,
    /// Listed entries that were woken too late to be seen by the harvest.
    later: Vec<ReadyEntry>,
}

impl World {
    /// Whether polling the file would, or might, make that registration be reported.
    pub(super) fn may_report(&self, key: WatchKey) -> bool {
        let Some(entry) = self.instance.interest.get(key) else { return false };
        self.files.get(&key.file).is_none_or(|file| file.poll().perhaps(entry.mask))
    }

    /// What `epoll_wait` with that `maxevents` would return now: each listed file is polled in
    /// turn, from the head, until the events are out.
    pub fn predict(&self, max: u32) -> Prediction {
        let mut prediction =
            Prediction { events: Vec::new(), certain: self.instance.check.sync == Sync::Following };
        let max = usize::try_from(max).unwrap_or(usize::MAX);
        for ready in self.instance.ready.iter() {
            if prediction.events.len() >= max {
                break;
            }
            let Some(entry) = self.instance.interest.get(ready.key) else { continue };
            let Some(file) = self.files.get(&ready.key.file) else { continue };
            let poll = file.poll();
            prediction.certain &= !poll.unknown.any(entry.mask) && !ready.unsure;
            if poll.perhaps(entry.mask) {
                prediction.events.push((ready.key, poll.set & entry.mask));
            }
        }
        prediction
    }

    /// `epoll_wait` returned `events`: compares them with the list, then corrects the list by them.
    pub(super) fn harvested(&mut self, id: LaneId, max: u32, events: &[Delivery], log: EdgeLog) {
        self.instance.wq.remove(id);
        let seq = self.seq;
        let from = self.lane_mut(id).map_or(seq, |lane| {
            lane.turns += 1;
            lane.batch.fill(events);
            lane.harvest_from
        });
        let mut c = Comparison {
            events,
            from,
            full: u32::try_from(events.len()).is_ok_and(|n| n >= max),
            judged: self.instance.check.sync == Sync::Following && log == EdgeLog::Drained,
            differences: Vec::new(),
            taken: Vec::with_capacity(events.len()),
            early: Vec::new(),
            later: Vec::new(),
        };
        self.walk(&mut c);
        self.learn_bits(&mut c);
        self.put_back(&c);
        self.settle_check(id, &c, log);
        if !self.instance.ready.is_empty() {
            self.wake_one(from);
        }
    }

    /// Walks the list from the head as the kernel did, taking entries off; what it did not reach
    /// stays in place.
    fn walk(&mut self, c: &mut Comparison<'_>) {
        let mut next = 0;
        while !(c.full && next == c.events.len()) {
            if self.came_first(c, next) {
                next += 1;
                continue;
            }
            let Some(entry) = self.instance.ready.entries.pop_front() else { break };
            if let Some(listed) = self.instance.interest.get_mut(entry.key) {
                listed.listed = false;
            }
            self.delta.removed.push(entry.key);
            let same = |event: &Delivery| InterestList::key_of(event) == entry.key;
            if c.events[next..].first().is_some_and(same) {
                c.taken.push(entry);
                next += 1;
                // Those that were met too early are behind us.
                while c.events[next..].first().is_some_and(|e| c.took(InterestList::key_of(e))) {
                    next += 1;
                }
            } else if c.events[next..].iter().any(same) {
                // Reported in another place than expected.
                let instead = c.events[next..].first().map(InterestList::key_of);
                let sure = |ready: &ReadyEntry| !ready.unsure && ready.seq <= c.from;
                let other = instead.and_then(|key| self.instance.ready.find(key));
                if sure(&entry) && other.is_some_and(|(_, other)| sure(other)) {
                    c.differences.push(Difference::Order(entry.key));
                }
                c.taken.push(entry);
            } else {
                self.passed_over(entry, c);
            }
        }
        for event in c.events {
            let key = InterestList::key_of(event);
            if !c.took(key) && self.instance.interest.get(key).is_some() {
                c.early.push(key);
                if let Some(at) = self.instance.ready.find(key).map(|(at, _)| at) {
                    // It stood behind the end of the harvest: the order was another one.
                    self.instance.ready.entries.remove(at);
                    self.delta.removed.push(key);
                }
            }
        }
    }

    /// Whether the next event reported stood before the head of the list, where the model had it
    /// later or not at all: the head is ready, was not reported, and the kernel passes over nothing
    /// that is. The entry of the event is taken; the head stays.
    fn came_first(&mut self, c: &mut Comparison<'_>, next: usize) -> bool {
        let Some(head) = self.instance.ready.entries.front().copied() else { return false };
        let Some(event) = c.events.get(next).filter(|_| c.full) else { return false };
        let (key, of) = (InterestList::key_of(event), InterestList::key_of);
        let mask = self.instance.interest.get(head.key).map_or(Mask::EMPTY, |entry| entry.mask);
        let ready = self.files.get(&head.key.file).is_some_and(|file| file.poll().surely(mask));
        if key == head.key || !ready || c.events[next..].iter().any(|e| of(e) == head.key) {
            return false;
        }
        // Not listed yet: whatever listed it is told later.
        let Some((at, _)) = self.instance.ready.find(key) else { return true };
        let Some(entry) = self.instance.ready.entries.remove(at) else { return true };
        if let Some(listed) = self.instance.interest.get_mut(key) {
            listed.listed = false;
        }
        self.delta.removed.push(key);
        if !entry.unsure && !head.unsure && entry.seq <= c.from && head.seq <= c.from {
            c.differences.push(Difference::Order(key));
        }
        c.taken.push(entry);
        true
    }

    /// A listed entry that was not reported although there was room: the kernel polled it and
    /// found nothing, or it was woken after the harvest.
    fn passed_over(&mut self, entry: ReadyEntry, c: &mut Comparison<'_>) {
        let handled = self.being_handled(entry.key).is_some();
        let Some(watch) = self.instance.interest.get(entry.key) else { return };
        let woken_late = watch.woken.is_some_and(|(seq, _)| seq > c.from);
        if entry.seq > c.from || woken_late {
            c.later.push(ReadyEntry { unsure: true, ..entry });
            return;
        }
        let mask = watch.mask;
        let Some(file) = self.files.get_mut(&entry.key.file) else { return };
        if file.poll().surely(mask) && !entry.unsure && !handled {
            c.differences.push(Difference::NotReported(entry.key));
            file.unread = None;
            file.room = None;
        }
    }

    /// Compares the reported bits with what was known, and takes over what they say.
    fn learn_bits(&mut self, c: &mut Comparison<'_>) {
        let (seq, t) = (self.seq, self.t);
        for event in c.events {
            let key = InterestList::key_of(event);
            // Its own thread has it in hand by now.
            let handled = self.lanes.len() > 1 && self.handlers(key) > 1;
            let Some(entry) = self.instance.interest.get_mut(key) else { continue };
            let mask = entry.mask;
            let late = entry.woken.is_some_and(|(woken, _)| woken > c.from);
            entry.delivered = Some((seq, t, event.mask));
            entry.deliveries += 1;
            let Some(file) = self.files.get_mut(&key.file) else { continue };
            let poll = file.poll();
            let expected = poll.set & mask;
            let impossible = event.mask - poll.set - poll.unknown;
            // What only a wake-up can have brought: it is on its way.
            let news = Mask::IN | Mask::RDHUP | Mask::HUP | Mask::ERR;
            if !late && !handled && (!event.mask.has(expected) || !(impossible - news).is_empty()) {
                c.differences.push(Difference::Bits { key, expected, reported: event.mask });
            } else if !late && !handled && !impossible.is_empty() && !c.early.contains(&key) {
                c.early.push(key);
            }
            file.learn_report(event.mask, mask, late, seq);
        }
    }

    /// How many threads have that registration in an unfinished part of their batch.
    fn handlers(&self, key: WatchKey) -> usize {
        self.lanes.iter().filter(|lane| lane.batch.holds(key)).count()
    }

    /// After the unharvested rest come the level-triggered entries in the order reported, then
    /// what was woken meanwhile, of which it is not known whether it came during the harvest or
    /// after it. An edge-triggered one is gone, unless a second wake-up around the harvest may have
    /// listed it again.
    fn put_back(&mut self, c: &Comparison<'_>) {
        let (seq, since) = (self.seq, self.t);
        let (instance, added) = (&mut self.instance, &mut self.delta.added);
        let (interest, changed) = (&mut instance.interest, &mut instance.interest_changed);
        let reported = c.events.iter().filter_map(|event| {
            let key = InterestList::key_of(event);
            let entry = interest.get_mut(key)?;
            let (why, unsure) = match rules::reported(entry.mask) {
                After::Disarmed(left) => {
                    entry.mask = left;
                    *changed = seq;
                    return None;
                }
                After::Back => (Reason::PutBack, false),
                After::Gone if c.woken_again(entry) => (Reason::Perhaps, true),
                After::Gone => return None,
            };
            relist(interest, added, ReadyEntry { key, why, since, seq, unsure })
        });
        rules::merge(&mut instance.ready.entries, [], reported);
        let later = c.later.iter().filter_map(|entry| relist(interest, added, *entry));
        instance.ready.entries.extend(later);
    }

    fn settle_check(&mut self, id: LaneId, c: &Comparison<'_>, log: EdgeLog) {
        let (seq, t) = (self.seq, self.t);
        let check = &mut self.instance.check;
        // Another thread's harvest may have come before this one, and be told only later.
        let inside = |lane: &Lane| {
            let waits = matches!(lane.state, LaneState::Harvesting(_) | LaneState::Asleep(_));
            lane.id != id && waits && lane.looked
        };
        let late = |lane: &Lane| lane.id == id && lane.late;
        let overlapped = self.lanes.iter().any(|lane| inside(lane) || late(lane))
            || check.harvests.iter().any(|(lane, at)| *lane != id && *at > c.from);
        check.harvested_by(id, seq);
        if c.judged && !overlapped {
            let owed = c.early.iter().map(|key| Owed { key: *key, seq, t, lane: id });
            check.owed.extend(owed);
        }
        // Who reads the edge log may be kept from telling what it has read: until somebody else has
        // read it to its end a wake-up may be in its hands.
        let unpaid = if log == EdgeLog::Drained { check.unpaid(t) } else { Vec::new() };
        for owed in unpaid {
            let what = Difference::NotListed(owed.key);
            let divergence = Divergence { seq: owed.seq, t: owed.t, lane: owed.lane, what };
            check.differ(divergence);
            self.delta.divergences.push(divergence);
        }
        let clear = c.differences.is_empty() && c.early.is_empty();
        if !c.judged || (overlapped && !clear) || (c.differences.is_empty() && !clear) {
            check.unjudged += 1;
            let whole = !c.full && log == EdgeLog::Drained && !check.wants_resync;
            if check.sync == Sync::Lost && whole {
                check.sync = Sync::Following;
            }
            return;
        }
        if c.differences.is_empty() {
            check.agreed += 1;
        }
        for what in &c.differences {
            let divergence = Divergence { seq, t, lane: id, what: *what };
            check.differ(divergence);
            self.delta.divergences.push(divergence);
        }
    }

    /// The interest list as fdinfo has it: differences are noted, then the kernel is right.
    pub(super) fn resynced(&mut self, entries: &[FdinfoEntry]) {
        let at = (self.seq, self.t);
        let following = !self.instance.check.wants_resync;
        let mut differing = Vec::new();
        let mut seen = BTreeSet::new();
        for line in entries {
            let key = WatchKey { fd: line.fd, file: line.file };
            seen.insert(key);
            match self.instance.interest.get_mut(key) {
                Some(entry) if entry.mask == line.mask => {}
                Some(entry) => {
                    entry.mask = line.mask;
                    entry.changed = at;
                    differing.push(key);
                }
                None => {
                    self.adopt(key, line.mask);
                    differing.push(key);
                }
            }
        }
        let gone: Vec<_> = self
            .instance
            .interest
            .iter()
            .map(|e| e.key)
            .filter(|key| !seen.contains(key))
            .collect();
        for key in gone {
            self.forget(key);
            differing.push(key);
        }
        if !following {
            self.forget_unwatched(&seen);
        }
        let check = &mut self.instance.check;
        check.wants_resync = false;
        self.instance.interest_read = Some(at.0);
        if differing.is_empty() {
            check.interest_agreed += 1;
        } else if following {
            for key in differing {
                let what = Difference::Interest(key);
                let divergence = Divergence { seq: at.0, t: at.1, lane: LaneId::TOOL, what };
                check.differ(divergence);
                self.delta.divergences.push(divergence);
            }
        }
    }

    /// Connections whose close was lost with other observations: the server watches every one
    /// that it has, from soon after its accept.
    fn forget_unwatched(&mut self, watched: &BTreeSet<WatchKey>) {
        let watched: BTreeSet<_> = watched.iter().map(|key| key.file).collect();
        let t = self.t;
        let gone = |file: &&OpenFile| {
            let old = t.since(file.opened) > ACCEPT_TO_ADD;
            file.peer.is_some() && old && !watched.contains(&file.id)
        };
        let gone: Vec<_> =
            self.files.values().filter(gone).map(|file| (file.id, file.fd)).collect();
        for (id, fd) in gone {
            if self.fds.get(&fd) == Some(&id) {
                self.fds.remove(&fd);
            }
            self.remove_file(id);
        }
    }

    /// A registration that was made while observations were lost.
    fn adopt(&mut self, key: WatchKey, mask: Mask) {
        let at = (self.seq, self.t);
        let mut entry = InterestEntry::new(key, mask, at);
        entry.mask = mask;
        self.instance.interest.insert(entry);
        if self.files.contains_key(&key.file) {
            self.fds.insert(key.fd, key.file);
            return;
        }
        let mut file = OpenFile::new(key.file, key.fd, FileKind::Tcp, "?".into(), at.1);
        file.room = None;
        file.peer = Some(Peer::Unknown);
        self.open(file);
    }

    /// A registration that went while observations were lost.
    fn forget(&mut self, key: WatchKey) {
        if self.instance.interest.get(key).is_some_and(|entry| entry.listed) {
            self.unlist(key);
        }
        self.instance.interest.remove(key);
        if self.fds.get(&key.fd) == Some(&key.file) {
            self.fds.remove(&key.fd);
        }
        self.remove_file(key.file);
    }
}

/// An entry that comes back to the ready list, unless it is there.
fn relist(
    interest: &mut InterestList,
    added: &mut Vec<ReadyEntry>,
    ready: ReadyEntry,
) -> Option<ReadyEntry> {
    let entry = interest.get_mut(ready.key).filter(|entry| !entry.listed)?;
    entry.listed = true;
    added.push(ready);
    Some(ready)
}

impl Comparison<'_> {
    fn took(&self, key: WatchKey) -> bool {
        self.taken.iter().any(|entry| entry.key == key)
    }

    /// Whether a wake-up of that registration may have come after the harvest: there was one
    /// after its beginning, and an earlier one explains the report.
    fn woken_again(&self, entry: &InterestEntry) -> bool {
        let late = entry.woken.is_some_and(|(seq, _)| seq > self.from);
        let both_late = entry.woken_before.is_some_and(|seq| seq > self.from);
        let listed_before = || {
            let listed = self.taken.iter().find(|ready| ready.key == entry.key);
            listed.is_some_and(|ready| ready.seq <= self.from)
        };
        late && (both_late || listed_before())
    }
}

impl OpenFile {
    /// Takes over what a report says: the state at the harvest, unless it was woken after that.
    fn learn_report(&mut self, reported: Mask, mask: Mask, late: bool, seq: Seq) {
        // ERR and HUP are always reported, RDHUP only if asked for.
        let told = Mask::ALWAYS | (mask & Mask::RDHUP);
        self.state |= reported & told;
        if !late {
            self.state = (self.state - told) | (reported & told);
            self.settled |= mask.has(Mask::RDHUP);
        }
        if mask.has(Mask::OUT) {
            self.room = Some(reported.has(Mask::OUT));
        }
        if mask.has(Mask::IN) && !reported.any(Mask::IN) && !late {
            self.set_unread(0, seq);
        }
        if reported.any(Mask::IN) && self.unread == Some(0) {
            self.unread = None;
        }
    }
}
