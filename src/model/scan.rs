//! poll(2) and select(2): what each call asks, what it finds, and whether that agrees with what is
//! known of the files (fs/select.c: `do_poll`, `do_select`).

use crate::event::{
    Backend, Delivery, Errno, Fd, FileKind, LaneId, Mask, Nanos, Output, PollSet, Seq, SwitchPhase,
    Syscall, SyscallRecord, WakeupLog, WatchKey,
};

use super::check::{Check, Difference, Divergence, Loss, Owed, Sync};
use super::file::{OpenFile, Poll};
use super::interest::InterestList;
use super::lane::LaneState;
use super::poller::{Netpoll, Poller, ScanEntry, ScanForecast, ScanSet, Served};
use super::world::World;

/// A call being compared with what was known.
struct Comparison {
    lane: LaneId,
    /// The event at which it was entered: what was woken later may have been asked before that.
    entered: Seq,
    differences: Vec<Difference>,
    /// Found, although the wake-up for it has not been told.
    early: Vec<WatchKey>,
}

impl World {
    /// What is passed to each poll(2) or select(2), while the server waits so.
    pub fn scan(&self) -> Option<&ScanSet> {
        self.pollers.scan()
    }

    /// The server goes over to another way of waiting.
    pub(super) fn switched(&mut self, to: Backend, phase: &SwitchPhase) {
        match phase {
            SwitchPhase::Asked => self.switching = Some(to),
            SwitchPhase::Left => {
                self.pollers.set_own(None);
                // Its instance was closed, which may have been lost.
                self.pollers.retain(|_| false);
            }
            SwitchPhase::Entered(by) => {
                self.switching = None;
                let own = match to {
                    Backend::Poll | Backend::Select => {
                        Some(Poller::Scan(Box::new(ScanSet::new(to, self.fresh_check()))))
                    }
                    Backend::Goroutine => Some(Poller::Netpoll(Netpoll::default())),
                    Backend::Threads => Some(Poller::Threads(Served::default())),
                    Backend::Epoll => None,
                    // A ring was made before.
                    Backend::IoUring => return self.ring_entered_by(*by),
                };
                self.pollers.set_own(own);
                if let Some(ep) = by {
                    let _known = self.epoll_of_call(*ep);
                }
            }
            SwitchPhase::Refused(_) => self.switching = None,
        }
    }

    /// Whether what waits from now on can be followed: only if wake-ups are recorded.
    pub(super) fn fresh_check(&self) -> Check {
        let (sync, loss) = match self.edge_log {
            WakeupLog::Off => (Sync::Unknown, Loss::Unrecorded),
            WakeupLog::NoQueue => (Sync::Unknown, Loss::NoQueue),
            WakeupLog::Drained | WakeupLog::Skipped => (Sync::Following, Loss::Start),
        };
        let mut check = Check::default();
        (check.sync, check.loss) = (sync, loss);
        check
    }

    /// The server changed what it passes.
    pub(super) fn set_changed(&mut self, key: WatchKey, events: Option<Mask>, place: u32) {
        let at = (self.seq, self.t);
        let Some(set) = self.pollers.scan_mut() else { return };
        let place = usize::try_from(place).unwrap_or(usize::MAX);
        if !set.change(key, events, place, at) {
            // What came between was lost: the set has to be told once more.
            set.check.wants_resync = true;
        }
    }

    /// The whole set was told.
    pub(super) fn set_read(&mut self, entries: &[(WatchKey, Mask)]) {
        let at = (self.seq, self.t);
        let Some(set) = self.pollers.scan_mut() else { return };
        set.read(entries, at);
        set.check.wants_resync = false;
        let seen = entries.iter().map(|(key, _)| *key).collect();
        self.forget_unwatched(&seen);
        for (key, _) in entries {
            if self.files.contains_key(&key.file) {
                self.fds.insert(key.fd, key.file);
                continue;
            }
            let mut file = OpenFile::new(key.file, key.fd, FileKind::Tcp, "?".into(), at.1);
            file.room = None;
            file.peer = Some(crate::event::Peer::Unknown);
            self.open(file);
        }
    }

    /// Something was told of a file.
    pub(super) fn scan_touch(&mut self, fd: Fd) {
        let Some(file) = self.fds.get(&fd).copied() else { return };
        if let Some(set) = self.pollers.scan_mut() {
            set.touch(WatchKey { fd, file });
        }
    }

    /// A file was woken: whoever sleeps in the call asks all files again (`pollwake`).
    pub(super) fn scan_woken(&mut self, key: WatchKey, band: Mask, after: Nanos) {
        let at = (self.seq, self.t);
        let Some(set) = self.pollers.scan_mut() else { return };
        set.touch(key);
        let Some(entry) = set.get_mut(key) else { return };
        entry.woken = Some(at);
        let (events, found) = (entry.events, entry.found);
        if found.is_some_and(|(_, t, _)| after <= t) {
            set.check.paid(key);
        }
        let answer = set.answer(events, Poll { set: band, unknown: Mask::EMPTY });
        if !band.is_empty() && answer.set.is_empty() {
            return;
        }
        for lane in &mut self.lanes {
            if let LaneState::Asleep(call @ (Syscall::Poll { .. } | Syscall::Select { .. })) =
                lane.state
            {
                lane.becomes(LaneState::Harvesting(call), at.1);
                lane.since = at.1;
            }
        }
    }

    /// What the next call will find.
    pub fn scan_forecast(&self) -> ScanForecast {
        let Some(set) = self.scan() else { return ScanForecast::default() };
        let certain = set.check.sync == Sync::Following;
        let mut forecast = ScanForecast { certain, ..ScanForecast::default() };
        for entry in set.candidates().into_iter().filter_map(|place| set.at(place)) {
            let answer = set.answer(entry.events, self.scan_poll(entry.key));
            if !answer.set.is_empty() {
                forecast.found.push((entry.key, answer.set));
                forecast.certain &= answer.unknown.is_empty();
            } else if !answer.unknown.is_empty() {
                forecast.perhaps.push(entry.key);
                forecast.certain = false;
            }
        }
        forecast
    }

    /// What asking that file would answer.
    fn scan_poll(&self, key: WatchKey) -> Poll {
        let unknown = Poll { set: Mask::EMPTY, unknown: !Mask::EMPTY };
        self.files.get(&key.file).map_or(unknown, OpenFile::poll)
    }

    /// Whether the call finds nothing, so that the thread sleeps on every file's wait queue.
    pub(super) fn scan_sleeps(&self, call: Syscall) -> bool {
        let forecast = self.scan_forecast();
        call.may_sleep() && forecast.certain && forecast.found.is_empty()
    }

    /// The call returned: compares what it found with what was known, and takes over what it says.
    /// Those that it did not find were asked as well.
    pub(super) fn scanned(&mut self, id: LaneId, record: &SyscallRecord) {
        let Output::Scan { ready, slept, log } = &record.output else { return };
        let (Syscall::Poll { timeout_ms, .. } | Syscall::Select { timeout_ms, .. }) = record.call
        else {
            return;
        };
        let at = (self.seq, self.t);
        let entered = self.lane_mut(id).map_or(at.0, |lane| {
            lane.takes(ready);
            lane.entered
        });
        if record.ret.errno().is_some_and(|errno| errno != Errno::EINTR) {
            return;
        }
        if !told_all(record, ready) {
            // More were found than could be told.
            self.scan_lost(Loss::Overflow);
            return;
        }
        for delivery in ready {
            if let Some(file) = self.files.get_mut(&delivery.file) {
                file.counts.reports += 1;
            }
        }
        let Some(set) = self.scan() else { return };
        let whole = set.check.sync != Sync::Following;
        let asked: Vec<_> = if whole { (0..set.len()).collect() } else { set.candidates() };
        let mut asked: Vec<_> =
            asked.into_iter().filter_map(|place| Some(set.at(place)?.key)).collect();
        let known = |delivery: &&Delivery| set.get(InterestList::key_of(delivery)).is_some();
        let found = ready.iter().filter(known).map(|d| (InterestList::key_of(d), d.mask));
        let found: Vec<(WatchKey, Mask)> = found.collect();
        let mut by_key = found.clone();
        by_key.sort_unstable_by_key(|(key, _)| *key);
        asked.extend(found.iter().map(|(key, _)| *key));
        asked.sort_unstable();
        asked.dedup();
        let mut c = Comparison { lane: id, entered, differences: Vec::new(), early: Vec::new() };
        for key in asked {
            let at = by_key.binary_search_by_key(&key, |(key, _)| *key);
            let got = at.map_or(Mask::EMPTY, |at| by_key[at].1);
            self.compare_answer(&mut c, key, got);
        }
        self.compare_order(&mut c, &found);
        if let Some(set) = self.pollers.scan_mut() {
            set.scanned(at, timeout_ms, record.ret, *slept, &found);
            set.asked(|entry| entry.woken.is_some_and(|(seq, _)| seq > entered));
        }
        self.settle_scan(&c, *log);
    }

    /// The answer of one file: compared with what was known of it, and then believed.
    fn compare_answer(&mut self, c: &mut Comparison, key: WatchKey, got: Mask) {
        let Some(set) = self.pollers.scan() else { return };
        let Some(entry) = set.get(key) else { return };
        let late = entry.woken.is_some_and(|(seq, _)| seq > c.entered);
        let (events, select) = (entry.events, set.is_select());
        let Some(file) = self.files.get(&key.file) else { return };
        let answer = set.answer(events, file.poll());
        let missing = answer.set - got;
        let impossible = got - answer.set - answer.unknown;
        // Room to write often comes without a wake-up that is told.
        let news = Mask::IN | Mask::RDHUP | Mask::ALWAYS;
        // A second wake-up after a reset is not told (`tcp_reset`), nor is room to write.
        let told = !events.has(Mask::OUT) && !file.state.any(Mask::HUP | Mask::ERR);
        if !late && !missing.is_empty() {
            c.differences.push(if got.is_empty() {
                Difference::NotReported(key)
            } else {
                Difference::Bits { key, expected: answer.set, reported: got }
            });
        } else if !late && told && impossible.any(news) {
            c.early.push(key);
        }
        let seq = self.seq;
        if let Some(file) = self.files.get_mut(&key.file) {
            if select {
                file.learn_selected(got, events, late, seq);
            } else {
                file.learn_report(got, events, late, seq);
            }
        }
    }

    /// What is found is found in the order of the set.
    fn compare_order(&self, c: &mut Comparison, found: &[(WatchKey, Mask)]) {
        let Some(set) = self.scan().filter(|set| !set.check.wants_resync) else { return };
        let places = found.iter().map(|(key, _)| (set.place(*key), *key));
        let places: Vec<_> = places.collect();
        for pair in places.windows(2) {
            if let [(Some(first), key), (Some(second), _)] = pair
                && first > second
            {
                c.differences.push(Difference::Order(*key));
            }
        }
    }

    fn settle_scan(&mut self, c: &Comparison, log: WakeupLog) {
        let (seq, t, lane) = (self.seq, self.t, c.lane);
        let recorded = self.edge_log == WakeupLog::Drained;
        let Some(set) = self.pollers.scan_mut() else { return };
        let check = &mut set.check;
        if check.sync == Sync::Lost && recorded && c.entered > check.lost.0 {
            // Every file was asked: what each of them holds is known again.
            check.sync = Sync::Following;
            check.unjudged += 1;
            return;
        }
        if check.sync != Sync::Following || log != WakeupLog::Drained || check.wants_resync {
            check.unjudged += 1;
            return;
        }
        let differ = |what, seq, t| Divergence { seq, t, lane, what };
        let unpaid = check.unpaid(t);
        check.owed.extend(c.early.iter().map(|key| Owed { key: *key, seq, t, lane }));
        match (c.differences.is_empty(), c.early.is_empty()) {
            (true, true) => check.agreed += 1,
            (true, false) => check.unjudged += 1,
            (false, _) => {}
        }
        for owed in unpaid {
            set.differ(differ(Difference::NotListed(owed.key), owed.seq, owed.t));
        }
        for what in &c.differences {
            set.differ(differ(*what, seq, t));
        }
    }

    /// Those threads slept at some time after `since`: nothing that they ask for held then, or they
    /// would have been woken.
    pub(super) fn scan_asleep(&mut self, asleep: &[LaneId], since: Nanos) {
        if self.scan().is_none() {
            return;
        }
        let mut found = false;
        let unseen = self.scan_call();
        for lane in self.lanes.iter_mut().filter(|lane| asleep.contains(&lane.id)) {
            let call = match lane.state {
                LaneState::Harvesting(call) | LaneState::Asleep(call) => call,
                // Its call was lost.
                LaneState::Running => unseen,
                _ => continue,
            };
            if matches!(call, Syscall::Poll { .. } | Syscall::Select { .. }) && lane.since <= since
            {
                lane.becomes(LaneState::Asleep(call), since);
                found = true;
            }
        }
        if !found {
            return;
        }
        let recorded = self.edge_log == WakeupLog::Drained;
        let later = |entry: &ScanEntry| entry.woken.is_some_and(|(_, t)| t > since);
        let Some(set) = self.pollers.scan_mut() else { return };
        let lost = set.check.sync == Sync::Lost && recorded && set.check.lost.1 <= since;
        if lost && !set.check.wants_resync {
            set.check.sync = Sync::Following;
        }
        let places = if lost { (0..set.len()).collect() } else { set.candidates() };
        let quiet = places.into_iter().filter_map(|place| set.at(place)).filter(|e| !later(e));
        let quiet: Vec<_> = quiet.map(|entry| (entry.key, entry.events)).collect();
        let select = set.is_select();
        set.asked(later);
        let seq = self.seq;
        for (key, events) in quiet {
            let Some(file) = self.files.get_mut(&key.file) else { continue };
            if select {
                file.learn_selected(Mask::EMPTY, events, false, seq);
            } else {
                file.learn_report(Mask::EMPTY, events, false, seq);
            }
        }
    }

    /// The call that the server makes, as far as that is known.
    fn scan_call(&self) -> Syscall {
        let timeout_ms = -1;
        match self.scan() {
            Some(set) if set.is_select() => {
                let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
                let of = |bit| number(set.iter().filter(|e| e.events.has(bit)).count());
                let sets = [of(Mask::IN), of(Mask::OUT), 0];
                let nfds = u32::try_from(set.nfds()).unwrap_or(u32::MAX);
                let set = PollSet::bitmaps(number(set.bits()), sets, nfds);
                Syscall::Select { set, timeout_ms }
            }
            set => {
                let count = set.map_or(0, ScanSet::len);
                let set = PollSet::array(u32::try_from(count).unwrap_or(u32::MAX));
                Syscall::Poll { set, timeout_ms }
            }
        }
    }

    /// Nothing of what the files hold is known any more.
    pub(super) fn scan_lost(&mut self, why: Loss) {
        let at = (self.seq, self.t);
        let Some(set) = self.pollers.scan_mut() else { return };
        let check = &mut set.check;
        check.owed.clear();
        (check.lost, check.loss) = (at, why);
        check.sync = match why {
            Loss::Unrecorded | Loss::NoQueue => Sync::Unknown,
            _ => Sync::Lost,
        };
        check.wants_resync |= why == Loss::Gap;
    }
}

/// Whether everything that the call found is told.
fn told_all(record: &SyscallRecord, ready: &[Delivery]) -> bool {
    let one = |delivery: &Delivery| match record.call {
        Syscall::Select { .. } => delivery.mask.names().count(),
        _ => 1,
    };
    let told: usize = ready.iter().map(one).sum();
    record.ret.value().is_none_or(|count| i64::try_from(told) == Ok(count))
}

impl OpenFile {
    /// Takes over in which sets of select(2) it is left: which condition it was is not told.
    fn learn_selected(&mut self, left: Mask, events: Mask, late: bool, seq: Seq) {
        if left.has(Mask::IN) {
            self.unread = self.unread.filter(|unread| *unread > 0);
            self.readable = true;
        } else if events.has(Mask::IN) && !late {
            self.state = self.state - Mask::RDHUP - Mask::ALWAYS;
            self.settled = true;
            self.set_unread(0, seq);
        }
        if events.has(Mask::OUT) {
            self.room = Some(left.has(Mask::OUT));
        }
    }
}

#[cfg(test)]
mod tests;
