//! What `epoll_wait` will return, what it did return, and whether the two agree
//! (`ep_send_events`, `ep_done_scan`).

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::event::{
    Delivery, Errno, FileId, FileKind, LaneId, Mask, Nanos, Output, Seq, Syscall, SyscallRecord,
    WakeupLog, WatchKey,
};

use super::check::{Ahead, Check, Difference, Divergence, Owed, Sync};
use super::file::{OpenFile, Poll};
use super::interest::{Debt, InterestEntry, InterestList};
use super::lane::{LaneState, ThreadLane};
use super::poller::EpollInstance;
use super::ready::{ReadyEntry, Reason};
use super::view::EpollView;
use super::world::World;
use crate::sim::rules::{self, After};

/// What `epoll_wait` would do now.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prediction {
    /// The registrations that are surely reported, in order, with the bits that are known to be set.
    pub reported: Vec<(WatchKey, Mask)>,
    /// Those that are polled, and perhaps reported: not everything is known of them.
    pub perhaps: Vec<WatchKey>,
    /// Those that are polled, found not ready, and dropped.
    pub dropped: Vec<WatchKey>,
    /// How many are not reached because of `maxevents`.
    pub left: usize,
    /// Whether all of that is certain: nothing that the kernel would poll is unknown.
    pub certain: bool,
}

/// A harvest being compared with the modelled list.
struct Comparison<'a> {
    /// Whose, on which epoll instance.
    lane: LaneId,
    ep: FileId,
    events: &'a [Delivery],
    /// The event that set the harvest off, and the one at which the call was entered.
    from: Seq,
    entered: Seq,
    /// When the call had returned.
    done: Nanos,
    /// Whether `maxevents` was reached, so that the rest of the list was not looked at.
    full: bool,
    /// Whether the list was known, and every wake-up up to the return.
    judged: bool,
    differences: Vec<Difference>,
    /// Listed entries that were reported.
    taken: Vec<ReadyEntry>,
    /// Reported without having been listed, or with bits that only a wake-up can have brought: it
    /// is still to be told.
    early: Vec<WatchKey>,
    /// Listed entries that the harvest did not reach.
    rest: Vec<ReadyEntry>,
    /// Listed entries that were woken too late to be seen by the harvest.
    later: Vec<ReadyEntry>,
}

impl EpollView<'_> {
    /// What `epoll_wait` with that `maxevents` would do now: each listed file is polled in turn, from
    /// the head, until the events are out (`ep_send_events`).
    pub fn predict(&self, max: u32) -> Prediction {
        let ready = &self.instance.ready;
        let certain = self.instance.check.sync == Sync::Following;
        let mut prediction = Prediction { certain, ..Prediction::default() };
        let max = usize::try_from(max).unwrap_or(usize::MAX);
        for (place, listed) in ready.iter().enumerate() {
            if prediction.reported.len() >= max {
                prediction.left = ready.len() - place;
                break;
            }
            let Some(entry) = self.instance.interest.get(listed.key) else { continue };
            let mask = entry.mask - Mask::PRIVATE;
            let poll = self.poll(listed.key);
            prediction.certain &= !poll.unknown.any(mask) && !listed.unsure;
            if poll.surely(mask) {
                prediction.reported.push((listed.key, poll.set & mask));
            } else if poll.perhaps(mask) || listed.unsure {
                prediction.perhaps.push(listed.key);
            } else {
                prediction.dropped.push(listed.key);
            }
        }
        prediction
    }

    /// What polling the file of a registration would answer.
    pub fn poll(&self, key: WatchKey) -> Poll {
        let unknown = Poll { set: Mask::EMPTY, unknown: !Mask::EMPTY };
        self.world.files.get(&key.file).map_or(unknown, OpenFile::poll)
    }
}

impl World {
    /// `epoll_wait` returned events, or none: compares them with the list, then corrects the list by
    /// them.
    pub(super) fn harvested(&mut self, ep: FileId, id: LaneId, record: &SyscallRecord) {
        self.pollers.at_mut(ep).wq.remove(id);
        let (Syscall::EpollWait { max, timeout_ms, .. }, Output::Events { events, log, done }) =
            (record.call, &record.output)
        else {
            return;
        };
        let seq = self.seq;
        let (from, entered) = self.lane_mut(id).map_or((seq, seq), |lane| {
            lane.takes(events);
            // What ended the sleep was the signal: what is ready came after the last look.
            let interrupted = record.ret.is(Errno::EINTR);
            (if interrupted { lane.entered } else { lane.harvest_from }, lane.entered)
        });
        // A call that times out beside an entry leaves it to the thread that was woken for it.
        let timed_out = events.is_empty() && timeout_ms > 0 && record.ret.value().is_some();
        if timed_out && self.is_harvesting(id) {
            return;
        }
        let known = self.pollers.at(ep).check.sync == Sync::Following;
        let mut c = Comparison {
            lane: id,
            ep,
            events,
            from,
            entered,
            done: *done,
            full: u32::try_from(events.len()).is_ok_and(|n| n >= max),
            judged: known && *log == WakeupLog::Drained,
            differences: Vec::new(),
            taken: Vec::with_capacity(events.len()),
            early: Vec::new(),
            rest: Vec::new(),
            later: Vec::new(),
        };
        self.walk(&mut c);
        self.learn_bits(&mut c);
        self.count_waits(&c);
        self.recover(&c);
        self.put_back(&mut c);
        self.settle_check(&c, *log);
        if !self.pollers.at(ep).ready.is_empty() {
            self.wake_one(ep, from);
        }
    }

    /// Whether another thread may be going through the list.
    fn is_harvesting(&self, but: LaneId) -> bool {
        let harvests = |lane: &ThreadLane| matches!(lane.state, LaneState::Harvesting(_));
        self.lanes.iter().any(|lane| lane.id != but && harvests(lane))
    }

    /// Whether another thread is in `epoll_wait`.
    fn others_wait(&self, but: LaneId) -> bool {
        let waits = |lane: &ThreadLane| {
            matches!(lane.state, LaneState::Harvesting(_) | LaneState::Asleep(_))
        };
        self.lanes.iter().any(|lane| lane.id != but && waits(lane))
    }

    /// A harvest that began after the list was lost and reached its end tells it all.
    fn recover(&mut self, c: &Comparison<'_>) {
        let ep = c.ep;
        let check = &self.pollers.at(ep).check;
        let recorded = self.edge_log == WakeupLog::Drained && !check.wants_resync;
        if check.sync == Sync::Lost && recorded && !c.full && c.from > check.lost.0 {
            self.found_sync(ep, c.from);
        }
    }

    /// Walks the list from the head as the kernel did, taking entries off: it polls each, and
    /// either reports it or drops it, until `maxevents` are found. What it did not reach stays in
    /// place.
    fn walk(&mut self, c: &mut Comparison<'_>) {
        let ep = c.ep;
        let list: Vec<_> = std::mem::take(&mut self.pollers.at_mut(ep).ready.entries).into();
        // Where each event stood. The last one is where a full harvest ended.
        let place = |event: &Delivery| {
            let key = InterestList::key_of(event);
            list.iter().position(|entry| entry.key == key)
        };
        let places: Vec<_> = c.events.iter().map(place).collect();
        if places.contains(&None) {
            // A wake-up that is told later came before those that are told, and set it off.
            c.from = c.entered;
        }
        let end = places.iter().flatten().max().map_or(0, |last| last + 1);
        let end = if c.full { end } else { list.len() };
        for (at, entry) in list.iter().enumerate() {
            // The kernel passes over nothing that is ready: that stood behind the end.
            let ready = || {
                self.is_ready(ep, entry.key)
                    || (entry.unsure && self.through(Some(ep)).may_report(entry.key))
            };
            if at >= end || (c.full && !places.contains(&Some(at)) && ready()) {
                c.rest.push(ReadyEntry { unsure: entry.unsure || at < end, ..*entry });
                continue;
            }
            if let Some(listed) = self.pollers.at_mut(ep).interest.get_mut(entry.key) {
                listed.listed = false;
            }
            self.pollers.at_mut(ep).delta.removed.push(entry.key);
            if places.contains(&Some(at)) {
                c.taken.push(*entry);
            } else {
                let others = places.iter().flatten().map(|place| &list[*place]);
                let overtaken = !entry.unsure
                    && others.into_iter().any(|other| may_have_overtaken(other, entry));
                self.passed_over(*entry, overtaken, c);
            }
        }
        let early = c.events.iter().zip(&places).filter(|(_, place)| place.is_none());
        let early = early.map(|(event, _)| InterestList::key_of(event));
        c.early.extend(early.filter(|key| self.pollers.at(ep).interest.get(*key).is_some()));
        let stood: Vec<_> = places.iter().flatten().collect();
        for pair in stood.windows(2) {
            let [first, second] = pair else { continue };
            let (one, other) = (&list[**first], &list[**second]);
            let settled = |entry: &ReadyEntry| self.is_settled(ep, entry, c.from);
            let placed = settled(one) && settled(other);
            if first > second && placed && stood_behind(one, other) {
                c.differences.push(Difference::Order(one.key));
            }
        }
    }

    /// Whether an entry had its place when the harvest began, and kept it: what was woken since may
    /// have been dropped first, and listed again.
    fn is_settled(&self, ep: FileId, entry: &ReadyEntry, from: Seq) -> bool {
        let woken = self.pollers.at(ep).interest.get(entry.key).and_then(|watch| watch.woken);
        !entry.unsure && entry.seq <= from && woken.is_none_or(|(seq, _)| seq <= from)
    }

    /// Whether polling the file is known to find that registration ready.
    fn is_ready(&self, ep: FileId, key: WatchKey) -> bool {
        let Some(entry) = self.pollers.at(ep).interest.get(key) else { return false };
        self.files.get(&key.file).is_some_and(|file| file.poll().surely(entry.mask))
    }

    /// A listed entry that was not reported although there was room: the kernel polled it and
    /// found nothing, or it was woken after the harvest.
    fn passed_over(&mut self, entry: ReadyEntry, overtaken: bool, c: &mut Comparison<'_>) {
        let ep = c.ep;
        let handled = self.being_handled(entry.key).is_some();
        let others = self.others_wait(c.lane);
        let Some(watch) = self.pollers.at(ep).interest.get(entry.key) else { return };
        let woken_late = watch.woken.is_some_and(|(seq, _)| seq > c.from);
        let mask = watch.mask;
        let Some(file) = self.files.get_mut(&entry.key.file) else { return };
        let poll = file.poll();
        if entry.seq > c.from || woken_late {
            // Ready and not reported: it was woken after the harvest had polled it.
            let sure = poll.surely(mask) && !handled && !entry.unsure;
            c.later.push(ReadyEntry { unsure: !sure, ..entry });
        } else if poll.surely(mask) && (others || overtaken) {
            // Another thread is woken for it; or it was woken last, though its signal came first.
            c.later.push(ReadyEntry { unsure: true, ..entry });
            c.judged &= !overtaken;
        } else if poll.surely(mask) && !entry.unsure && !handled {
            c.differences.push(Difference::NotReported(entry.key));
            file.unread = None;
            file.room = None;
        }
    }

    /// Compares the reported bits with what was known, and takes over what they say.
    fn learn_bits(&mut self, c: &mut Comparison<'_>) {
        let ep = c.ep;
        let (seq, t) = (self.seq, self.t);
        for event in c.events {
            let key = InterestList::key_of(event);
            // Its own thread has it in hand by now.
            let handled = self.lanes.len() > 1 && self.handlers(key) > 1;
            let Some(entry) = self.pollers.at_mut(ep).interest.get_mut(key) else {
                let at = (seq, t, event.mask);
                self.pollers.at_mut(ep).check.came_ahead(Ahead { key, at, done: c.done });
                continue;
            };
            let mask = entry.mask;
            let late = entry.woken.is_some_and(|(woken, _)| woken > c.from);
            entry.delivered = Some((seq, t, event.mask));
            entry.harvested = Some(c.done);
            entry.deliveries += 1;
            let Some(file) = self.files.get_mut(&key.file) else { continue };
            file.counts.reports += 1;
            let poll = file.poll();
            let expected = poll.set & mask;
            let impossible = event.mask - poll.set - poll.unknown;
            // What only a wake-up can have brought: it is on its way.
            let news = Mask::IN | Mask::RDHUP | Mask::HUP | Mask::ERR;
            if !late && !handled && !event.mask.has(expected) {
                c.differences.push(Difference::Bits { key, expected, reported: event.mask });
            } else if !late && impossible.any(news) && !c.early.contains(&key) {
                c.early.push(key);
            }
            file.learn_report(event.mask, mask, late, seq);
        }
        // Nothing is missing on a list that is not known, and what another thread took off it at
        // the same time needs no wake-up.
        let known = self.pollers.at(ep).check.sync == Sync::Following;
        let alone = !self.is_overlapped(ep, c.lane, c.from);
        c.early.retain(|key| known && self.is_signalled(ep, *key));
        for key in &c.early {
            if let Some(entry) = self.pollers.at_mut(ep).interest.get_mut(*key) {
                entry.debt = if alone { Debt::Owed } else { Debt::Perhaps };
            }
        }
        if !alone {
            c.early.clear();
        }
    }

    /// How long what was reported had stood on the list, where that is certain.
    fn count_waits(&mut self, c: &Comparison<'_>) {
        for entry in c.taken.iter().filter(|entry| !entry.unsure) {
            if let Some(file) = self.files.get_mut(&entry.key.file) {
                file.counts.handed_over(self.t.since(entry.since), self.seq);
            }
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
    fn put_back(&mut self, c: &mut Comparison<'_>) {
        let ep = c.ep;
        if self.pollers.at(ep).check.sync != Sync::Following {
            return;
        }
        // Which of two harvests at the same time put its entries back first is not known.
        let both = self.is_overlapped(ep, c.lane, c.from);
        let (seq, since) = (self.seq, self.t);
        let again = self.listed_by_more_room(c);
        let instance = self.pollers.at_mut(ep);
        let (interest, changed) = (&mut instance.interest, &mut instance.interest_changed);
        let reported = c.events.iter().filter_map(|event| {
            let key = InterestList::key_of(event);
            let entry = interest.get_mut(key)?;
            let (why, unsure) = match rules::reported(entry.mask) {
                After::Disarmed(left) => {
                    entry.mask = left;
                    *changed = seq;
                    again.contains(&key).then_some((Reason::Perhaps, true))?
                }
                After::Back => (Reason::PutBack, both),
                After::Gone if again.contains(&key) || c.listed_again(entry) => {
                    (Reason::Perhaps, true)
                }
                After::Gone => return None,
            };
            Some(ReadyEntry { key, why, since, seq, unsure })
        });
        let reported: Vec<_> = reported.collect();
        // During the harvest they go before what is put back, after it behind. One that took nothing
        // has nothing to be before.
        let unplaced = !reported.is_empty() || (c.later.len() > 1 && !c.events.is_empty());
        let unsure = |entry: &ReadyEntry| ReadyEntry { unsure: entry.unsure || unplaced, ..*entry };
        let later = c.later.iter().map(unsure);
        let from = c.from;
        let rest = c.rest.iter();
        let rest = rest.map(|entry| if entry.seq > from { unsure(entry) } else { *entry });
        let mut list: VecDeque<_> = rest.collect();
        for ready in reported.into_iter().chain(later) {
            if let Some(entry) = interest.get_mut(ready.key).filter(|entry| !entry.listed) {
                entry.listed = true;
                instance.delta.added.push(ready);
                list.push_back(ready);
            }
        }
        // There are some already if the list became known just now.
        list.append(&mut instance.ready.entries);
        instance.ready.entries = list;
    }

    /// What a wake-up for room that nobody tells may have listed again while the harvest copied it
    /// out, armed or not by the time (`ep_done_scan`): each buffer that the peer of a UNIX socket
    /// takes wakes its writer (`unix_write_space`), and only the first one after a refusal signals.
    fn listed_by_more_room(&self, c: &Comparison<'_>) -> Vec<WatchKey> {
        let by_room = |key: &WatchKey| {
            c.taken.iter().any(|ready| ready.key == *key && ready.why == Reason::Room)
        };
        let is_unix = |key: &WatchKey| {
            self.files.get(&key.file).is_some_and(|file| file.what == FileKind::Unix)
        };
        let room = c.events.iter().filter(|event| event.mask.has(Mask::OUT));
        room.map(InterestList::key_of).filter(by_room).filter(is_unix).collect()
    }

    /// Whether another thread was going through the list at the same time.
    fn is_overlapped(&self, ep: FileId, id: LaneId, from: Seq) -> bool {
        let inside = |lane: &ThreadLane| {
            let waits = matches!(lane.state, LaneState::Harvesting(_) | LaneState::Asleep(_));
            lane.id != id && waits && lane.looked
        };
        let harvests = &self.pollers.at(ep).check.harvests;
        self.lanes.iter().any(inside) || harvests.iter().any(|(lane, at)| *lane != id && *at > from)
    }

    fn settle_check(&mut self, c: &Comparison<'_>, log: WakeupLog) {
        let ep = c.ep;
        let (seq, t, id) = (self.seq, self.t, c.lane);
        // Another thread's harvest may have come before this one, and be told only later.
        let overlapped = self.is_overlapped(ep, id, c.from);
        let EpollInstance { check, delta, .. } = self.pollers.at_mut(ep);
        check.harvested_by(id, seq);
        if c.judged {
            check.owed.extend(c.early.iter().map(|key| Owed { key: *key, seq, t, lane: id }));
        }
        // Who reads the edge log may be kept from telling what it has read: until somebody else has
        // read it to its end a wake-up may be in its hands.
        let unpaid = if log == WakeupLog::Drained { check.unpaid(t) } else { Vec::new() };
        for owed in unpaid {
            let what = Difference::NotListed(owed.key);
            let divergence = Divergence { seq: owed.seq, t: owed.t, lane: owed.lane, what };
            check.differ(divergence);
            delta.divergences.push(divergence);
        }
        if !c.judged || overlapped || !c.early.is_empty() {
            check.unjudged += 1;
            return;
        }
        if c.differences.is_empty() {
            check.agreed += 1;
        }
        for what in &c.differences {
            let divergence = Divergence { seq, t, lane: id, what: *what };
            check.differ(divergence);
            delta.divergences.push(divergence);
        }
    }

    /// Whether each wake-up that can list that registration is told: room to write often is not,
    /// nor is a second one after a reset (`tcp_reset`).
    fn is_signalled(&self, ep: FileId, key: WatchKey) -> bool {
        let Some(entry) = self.pollers.at(ep).interest.get(key) else { return false };
        let over = |file: &OpenFile| file.state.any(Mask::HUP | Mask::ERR);
        !entry.mask.has(Mask::OUT) && !self.files.get(&key.file).is_some_and(over)
    }
}

/// Whether `other`, which was reported, may have been woken before `entry`, which was not, although
/// its signal was queued after it: between its callback and its signal a processor may be kept from
/// running, and a harvest fits into that time.
fn may_have_overtaken(other: &ReadyEntry, entry: &ReadyEntry) -> bool {
    other.seq > entry.seq && other.since.since(entry.since) < Check::PATIENCE
}

/// Whether the first entry, which the model has behind the second one, is known to have stood
/// there. Two signals may have been queued in another order than the callbacks were called, so the
/// wake-ups must be far apart; what one harvest put back is in its order.
fn stood_behind(first: &ReadyEntry, second: &ReadyEntry) -> bool {
    let together = first.seq == second.seq;
    together || first.since.since(second.since) > Check::PATIENCE
}

impl Comparison<'_> {
    /// Whether that registration may have been listed again after the harvest had reported it:
    /// there was a wake-up or a MOD after its beginning, and an earlier one explains the report.
    fn listed_again(&self, entry: &InterestEntry) -> bool {
        let late = entry.woken.is_some_and(|(seq, _)| seq > self.from);
        let both_late = entry.woken_before.is_some_and(|seq| seq > self.from);
        let changed = entry.changed.0 > self.from;
        let listed_before = || {
            let listed = self.taken.iter().find(|ready| ready.key == entry.key);
            listed.is_some_and(|ready| ready.seq <= self.from)
        };
        (late && both_late) || ((late || changed) && listed_before())
    }
}

impl OpenFile {
    /// Takes over what a report says: the state at the harvest, unless it was woken after that.
    pub(super) fn learn_report(&mut self, reported: Mask, mask: Mask, late: bool, seq: Seq) {
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
        if reported.any(Mask::IN) {
            self.unread = self.unread.filter(|unread| *unread > 0);
            self.readable = true;
        }
    }
}
