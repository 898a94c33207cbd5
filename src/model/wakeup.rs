//! Wake-ups: what `ep_poll_callback` does to the ready list and to the wait queue, and what is known
//! of the order in which it did.

use crate::event::{Fd, FileId, FileKind, Mask, Nanos, Queues, Seq, Wakeup, WakeupLog, WatchKey};

use super::check::{Check, Loss, Sync};
use super::file::OpenFile;
use super::interest::Debt;
use super::lane::LaneState;
use super::log_read::LogRead;
use super::poller::EpollInstance;
use super::ready::{ReadyEntry, Reason};
use super::world::World;
use crate::sim::Eventfd;
use crate::sim::rules;

impl World {
    /// A wake-up of a file: what `ep_poll_callback` does, for each registration of the file.
    pub(super) fn woken(&mut self, wakeup: &Wakeup) {
        self.counters.wakeups += 1;
        let (seq, t) = (self.seq, self.t);
        let registered =
            self.fds.get(&wakeup.fd).map(|file| WatchKey { fd: wakeup.fd, file: *file });
        let ghost = || {
            let mut all = self.pollers.epolls();
            all.find_map(|(_, instance)| Some(instance.interest.by_fd(wakeup.fd).next()?.key))
        };
        let Some(key) = registered.or_else(ghost) else { return };
        if self.last_log_read.after != wakeup.after || wakeup.after == Nanos(0) {
            self.last_log_read = LogRead { after: wakeup.after, first: seq, ..LogRead::default() };
        }
        self.last_log_read.wakeups += 1;
        let mut copied = false;
        let mut why = Reason::Woken(wakeup.band);
        let mut end = Some(false);
        if let Some(file) = self.files.get_mut(&key.file) {
            file.woken = Some(t);
            copied = file.copied;
            end = file.is_end(wakeup);
            why = file.take_wakeup(wakeup, seq);
        }
        // The end of a stream is told to everybody, without a key (`tcp_fin`, `unix_shutdown`).
        let band = if end == Some(true) { Mask::EMPTY } else { wakeup.band };
        self.scan_woken(key, band, wakeup.after);
        self.ring_woken(key);
        let mut next = self.pollers.after(None);
        while let Some(ep) = next {
            let keys: Vec<_> = if copied {
                let interest = &self.pollers.at(ep).interest;
                interest.of_file(key.file).map(|e| e.key).collect()
            } else {
                vec![key]
            };
            for key in keys {
                self.callback(ep, key, band, why, wakeup.after);
                if end.is_none() && !band.is_empty() {
                    self.perhaps_keyless(ep, key);
                }
            }
            self.doubt_order(ep, wakeup.after);
            next = self.pollers.after(next);
        }
    }

    /// `ep_poll_callback` for one registration, of each epoll instance that has it.
    pub(super) fn call_back(&mut self, key: WatchKey, band: Mask, why: Reason, after: Nanos) {
        let mut next = self.pollers.after(None);
        while let Some(ep) = next {
            self.callback(ep, key, band, why, after);
            next = self.pollers.after(next);
        }
    }

    /// `ep_poll_callback` for one registration of that instance, some time after `after`. An empty `band` is a
    /// wake-up without a key.
    fn callback(&mut self, ep: FileId, key: WatchKey, band: Mask, why: Reason, after: Nanos) {
        let at = (self.seq, self.t);
        let Some(entry) = self.pollers.at_mut(ep).interest.get_mut(key) else { return };
        if !rules::concerns(entry.mask, band) {
            return;
        }
        entry.woken_before = entry.woken.map(|(seq, _)| seq);
        entry.woken = Some(at);
        entry.wakeups += 1;
        // The signal comes after the callback, so a quick harvest can come between them: this may be
        // what the last report was for.
        let reported = entry.delivered.map_or(Nanos(0), |(_, t, _)| t);
        let debt = std::mem::take(&mut entry.debt);
        let debt = if at.1.since(reported) < Check::PATIENCE { debt } else { Debt::None };
        // A one-shot that had fired was not concerned before the MOD that armed it.
        let fired = entry.mask.has(Mask::ONESHOT) && entry.changed.1 > after;
        let unsure = match debt {
            Debt::None => fired || entry.harvested_since(after),
            Debt::Perhaps => fired || after <= reported,
            Debt::Owed => {
                self.pollers.at_mut(ep).check.paid(key);
                if after <= reported {
                    return;
                }
                true
            }
        };
        let why = if unsure && debt != Debt::Owed { Reason::Perhaps } else { why };
        self.list(ep, key, why, unsure);
        self.wake_one(ep, self.seq);
    }

    /// A wake-up of which it is not known whether it had a key lists also who does not watch that
    /// key, perhaps.
    fn perhaps_keyless(&mut self, ep: FileId, key: WatchKey) {
        let Some(entry) = self.pollers.at(ep).interest.get(key) else { return };
        if !entry.listed && !entry.mask.has(Mask::IN) && rules::armed(entry.mask) {
            self.list(ep, key, Reason::Perhaps, true);
            self.wake_one(ep, self.seq);
        }
    }

    /// Many files were listed by one look at the edge log: their signals need not be in the order
    /// of the callbacks. And of what did not come from the edge log it is only known that it
    /// happened before it was told, as of this wake-up that it happened after `after`.
    fn doubt_order(&mut self, ep: FileId, after: Nanos) {
        let seq = self.seq;
        let entries = &mut self.pollers.at_mut(ep).ready.entries;
        let Some(last) = entries.back().filter(|last| last.seq == seq) else { return };
        let from_log = |why| !matches!(why, Reason::Signalled | Reason::AtAdd | Reason::AtMod);
        let told = last.why;
        let mut others = 0;
        for entry in entries.iter_mut().rev().skip(1).take_while(|entry| entry.since > after) {
            if entry.why != Reason::PutBack && !(from_log(told) && from_log(entry.why)) {
                entry.unsure = true;
                others += 1;
            }
        }
        if let Some(last) = entries.back_mut() {
            last.unsure |= others > 0;
        }
        let look = &mut self.last_log_read;
        look.listed += 1;
        if look.listed > 1 && look.is_crowded() {
            let same = entries.iter_mut().rev().take_while(|entry| entry.seq >= look.first);
            same.for_each(|entry| entry.unsure = true);
        }
    }

    /// What was listed by this event, and what other threads listed while the call ran: which came
    /// first is not known.
    pub(super) fn doubt_order_since(&mut self, ep: FileId, started: Nanos) {
        let seq = self.seq;
        let entries = &mut self.pollers.at_mut(ep).ready.entries;
        if entries.back().is_none_or(|last| last.seq != seq) {
            return;
        }
        let meanwhile = entries.iter().rev().skip(1).take_while(|e| e.since >= started).count();
        if meanwhile > 0 {
            entries.iter_mut().rev().take(meanwhile + 1).for_each(|entry| entry.unsure = true);
        }
    }

    /// Queue lengths were read. AF_UNIX sends no signal when the peer has read something, but its
    /// queue tells (`unix_write_space`).
    pub(super) fn queues_read(&mut self, fd: Fd, queues: &Queues) {
        let (seq, t) = (self.seq, self.t);
        let Some(id) = self.fds.get(&fd).copied() else { return };
        let Some(file) = self.files.get_mut(&id) else { return };
        let read_since = file.read_by_peer(queues);
        file.learn(queues, seq, t);
        let room = file.room == Some(true);
        self.scan_touch(fd);
        if room && let Some(since) = read_since {
            let band = Mask::OUT | Mask::WRNORM | Mask::WRBAND;
            self.call_back(WatchKey { fd, file: id }, band, Reason::Room, since);
        }
    }

    /// Appends to the ready list unless it is there already, where it keeps its place. Of a list
    /// that is not known nothing is noted.
    pub(super) fn list(&mut self, ep: FileId, key: WatchKey, why: Reason, unsure: bool) {
        let instance = self.pollers.at_mut(ep);
        if instance.check.sync != Sync::Following {
            return;
        }
        let Some(entry) = instance.interest.get_mut(key).filter(|entry| !entry.listed) else {
            return;
        };
        entry.listed = true;
        let entry = ReadyEntry { key, why, since: self.t, seq: self.seq, unsure };
        instance.ready.entries.push_back(entry);
        instance.delta.added.push(entry);
    }

    /// Wakes the thread at the head of the wait queue, if there is one.
    pub(super) fn wake_one(&mut self, ep: FileId, harvest_from: Seq) {
        let Some(id) = self.pollers.at_mut(ep).wq.pop_head() else { return };
        let t = self.t;
        let Some(lane) = self.lane_mut(id) else { return };
        if let LaneState::Asleep(call) = lane.state {
            lane.state = LaneState::Harvesting(call);
            lane.since = t;
            lane.looked = true;
            lane.harvest_from = harvest_from;
        }
    }

    pub(super) fn edge_log_changed(&mut self, state: WakeupLog) {
        match state {
            WakeupLog::Off | WakeupLog::NoQueue => {
                let queue = state == WakeupLog::Off;
                self.edge_log = state;
                self.lost_sync(if queue { Loss::Unrecorded } else { Loss::NoQueue });
                self.pollers.deduced_mut().for_each(|it| it.check.sync = Sync::Unknown);
            }
            WakeupLog::Skipped => self.lost_sync(Loss::Overflow),
            WakeupLog::Drained => {
                // What was listed while nobody looked is not known yet.
                if self.edge_log != WakeupLog::Drained
                    && (!self.pollers.is_empty() || self.scan().is_some())
                {
                    self.lost_sync(Loss::Resumed);
                    self.pollers.deduced_mut().for_each(|it| it.check.sync = Sync::Lost);
                }
                self.edge_log = WakeupLog::Drained;
            }
        }
    }

    /// No list is known any more, until a whole harvest or a sleeper tells it.
    pub(super) fn lost_sync(&mut self, why: Loss) {
        let at = (self.seq, self.t);
        for instance in self.pollers.deduced_mut() {
            let check = &mut instance.check;
            // A wake-up that is missing may be among what was lost.
            check.owed.clear();
            (check.lost, check.loss) = (at, why);
            if check.sync == Sync::Following {
                check.sync = Sync::Lost;
            }
            instance.unlist_all();
        }
        self.scan_lost(why);
        if !self.deduces_files() {
            return;
        }
        for file in self.files.values_mut() {
            file.unread = None;
            file.readable = false;
            file.settled = false;
            file.drained = false;
        }
    }

    /// The list is known again: it holds what was woken after `from` and not reported since.
    pub(super) fn found_sync(&mut self, ep: FileId, from: Seq) {
        self.pollers.at_mut(ep).check.sync = Sync::Following;
        let woken = self.pollers.at(ep).interest.iter().filter_map(|entry| {
            let (seq, _) = entry.woken.filter(|(seq, _)| *seq > from)?;
            let reported = entry.delivered.is_some_and(|(delivered, ..)| delivered > seq);
            (!reported && rules::armed(entry.mask)).then_some((seq, entry.key))
        });
        let mut woken: Vec<_> = woken.collect();
        woken.sort_unstable();
        for (_, key) in woken {
            self.list(ep, key, Reason::Perhaps, true);
        }
    }
}

impl EpollInstance {
    /// Takes a registration off the ready list.
    pub(super) fn unlist(&mut self, key: WatchKey) {
        if let Some(entry) = self.interest.get_mut(key) {
            entry.listed = false;
        }
        self.ready.entries.retain(|entry| entry.key != key);
        self.delta.removed.push(key);
    }

    /// Takes everything off the ready list.
    pub(super) fn unlist_all(&mut self) {
        for entry in std::mem::take(&mut self.ready.entries) {
            if let Some(listed) = self.interest.get_mut(entry.key) {
                listed.listed = false;
            }
            self.delta.removed.push(entry.key);
        }
    }
}

impl OpenFile {
    /// Whether a wake-up for reading is the end of the stream: it brought no bytes. `None` if that
    /// is not known.
    fn is_end(&self, wakeup: &Wakeup) -> Option<bool> {
        let stream = matches!(self.what, FileKind::Tcp | FileKind::Unix);
        let counted_since = self.counted > wakeup.after || self.is_served_since(wakeup.after);
        if !stream || !wakeup.band.any(Mask::IN) || wakeup.band.any(Mask::HUP | Mask::PRI) {
            return Some(false);
        }
        // What is counted since the wake-up may have brought these bytes along.
        if counted_since { None } else { Some(wakeup.unread? <= self.unread?) }
    }

    /// Whether what was counted for a wake-up still held when that was told, as far as the server
    /// is concerned.
    pub(crate) fn still_counts(&self, wakeup: &Wakeup) -> bool {
        !self.is_served_since(wakeup.counted)
    }

    /// Whether the server has had to do with it since that time.
    fn is_served_since(&self, after: Nanos) -> bool {
        self.served.is_some_and(|(_, t)| t > after)
    }

    /// Since when at the earliest the peer has read something that this AF_UNIX socket sent, if
    /// these queue lengths say that it has.
    fn read_by_peer(&self, queues: &Queues) -> Option<Nanos> {
        let (sent, was) = self.owed_by_peer.filter(|_| self.what == FileKind::Unix)?;
        let left = queues.unsent?;
        let read = was.map_or(left == 0, |was| left < was);
        read.then_some(sent)
    }

    /// Takes over what a wake-up says of the file, and why it would be listed for it.
    fn take_wakeup(&mut self, wakeup: &Wakeup, seq: Seq) -> Reason {
        if self.what == FileKind::Tcp || self.what == FileKind::Unix || self.what == FileKind::Pipe
        {
            self.settled = false;
        }
        let served_since = self.is_served_since(wakeup.after);
        if wakeup.band.any(Mask::OUT) {
            // What has been written since may have filled it again.
            self.room = (!served_since).then_some(true);
        }
        let arrived = wakeup.band.any(Mask::IN);
        match wakeup.unread.filter(|_| self.still_counts(wakeup)) {
            Some(unread) => self.set_unread(unread, seq),
            None if arrived => {
                self.unread = None;
                self.readable = !served_since;
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
            _ if arrived && wakeup.unread == Some(0) && !served_since => Reason::PeerClosed,
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

#[cfg(test)]
mod tests {
    use super::super::ready::Reason;
    use super::super::scenario::{EDGE, END, IN, LEVEL, ONESHOT, OUT, Scenario};
    use crate::event::{CtlOp, Mask, WakeupLog};

    const MS: u64 = 1_000_000;

    #[track_caller]
    fn check(s: &Scenario, ready: &str) {
        let list = s.ready().unwrap_or_else(|| "unknown".to_owned());
        assert_eq!(list, ready);
        assert_eq!(s.world.through(None).instance.check.diverged, 0);
    }

    fn start() -> Scenario {
        Scenario::new().listen(4, IN).control(5).client(7, EDGE).client(8, EDGE)
    }

    #[test]
    fn a_count_made_while_a_read_ran_may_lack_what_it_took() {
        let s = start().client(9, LEVEL).arrive(9, 15).turn(1, &[(9, IN)]);
        // 10 of the 15 are left, by a count from within the read.
        let s = s.wakeup(9, OUT, Some(10)).read_meanwhile(1, 9, 5, 5);
        let s = s.turn(1, &[(9, IN)]).read(1, 9, 5, 5);
        let s = s.turn(1, &[(9, IN)]).read(1, 9, 5, 5);
        check(&s.every(200 * MS).turn(1, &[]), "");
    }

    #[test]
    fn a_count_told_after_a_read_may_be_of_before() {
        let s = start().client(9, LEVEL).arrive(9, 6).turn(1, &[(9, IN)]).read(1, 9, 512, 6);
        let s = s.again(1, 9).wakeup_counted_before(9, IN, 6);
        check(&s.turn(1, &[]).every(200 * MS).turn(1, &[]), "");
    }

    #[test]
    fn what_epoll_ctl_found_is_what_poll_says_right_after() {
        // Nobody was told how many wait at a UNIX listener, or that a client has gone.
        let found = start().ctl_polled(1, (CtlOp::Mod, 4, IN), IN, 1000);
        check(&found, "4");
        let gone = IN | OUT | Mask::HUP | Mask::RDHUP;
        let left = Scenario::new().accept(1, 4, 9);
        check(&left.ctl_polled(1, (CtlOp::Add, 9, EDGE), gone, 1000), "9");
        let full = || start().send(1, 7, 100, 50).send(1, 7, 50, -1);
        check(&full().ctl_polled(1, (CtlOp::Mod, 7, EDGE | OUT), Mask::EMPTY, 1000), "");
        check(&full().ctl_polled(1, (CtlOp::Mod, 7, EDGE | OUT), OUT, 1000), "7");
    }

    #[test]
    fn a_report_ahead_of_its_add_was_made_by_it() {
        let two = || start().thread(2).enter(2).accept(1, 4, 9);
        let add = |s: Scenario, mask| s.ctl_polled(1, (CtlOp::Add, 9, mask), IN | OUT, 5 * MS);
        // T2 is woken by the ADD and returns before it does.
        let ahead = || two().report(2, &[(9, IN)]);
        check(&add(ahead(), EDGE), "");
        check(&add(ahead(), LEVEL), "(9)");
        let fired = add(ahead(), ONESHOT);
        check(&fired, "");
        let entry = fired
            .world
            .through(None)
            .instance
            .interest
            .get(fired.key(9))
            .expect("it is registered");
        assert_eq!(entry.arm(), crate::event::Arm::Disarmed);
        check(&add(two(), EDGE), "9");
    }

    #[test]
    fn a_report_beside_a_mod_of_a_fired_one_shot_came_after_it() {
        let fired = Scenario::new().listen(4, IN).client(7, ONESHOT).thread(2).arrive(7, 5);
        let fired = fired.turn(1, &[(7, IN)]).enter(2).report(2, &[(7, IN)]);
        let armed = fired.ctl_polled(1, (CtlOp::Mod, 7, ONESHOT), IN, 3 * MS);
        check(&armed, "");
        let entry = armed
            .world
            .through(None)
            .instance
            .interest
            .get(armed.key(7))
            .expect("it is registered");
        assert_eq!(entry.arm(), crate::event::Arm::Disarmed);
    }

    #[test]
    fn a_unix_peer_that_reads_wakes_who_watches_for_room_without_a_signal() {
        let told = Scenario::new().listen(4, IN).unix_client(9, EDGE | OUT);
        let told = told.turn(1, &[(9, OUT)]).send(1, 9, 10, 10);
        check(&told, "");
        let left = told.unsent(9, 700);
        check(&left, "");
        check(&left.unsent(9, 0), "9");
        // Who does not watch for room is not concerned.
        let deaf = Scenario::new().listen(4, IN).unix_client(9, EDGE).send(1, 9, 10, 10);
        check(&deaf.unsent(9, 700).unsent(9, 0), "");
    }

    #[test]
    fn the_end_of_a_stream_has_no_key() {
        let only = |mask| Scenario::new().listen(4, IN).unix_client(9, mask);
        check(&only(OUT | Mask::ET).turn(1, &[(9, OUT)]).wakeup(9, IN, Some(0)), "9");
        check(&only(OUT | Mask::ET).turn(1, &[(9, OUT)]).wakeup(9, IN, Some(5)), "");
        // It may have been the end, or bytes.
        check(&only(OUT | Mask::ET).turn(1, &[(9, OUT)]).wakeup(9, IN, None), "(9)");
    }

    #[test]
    fn bytes_that_were_counted_since_are_no_end_of_the_stream() {
        let only = Scenario::new().listen(4, IN).unix_client(9, OUT | Mask::ET);
        let counted = only.turn(1, &[(9, OUT)]).queues(9, 300);
        check(&counted.wakeup_since(9, IN, 300, 2 * MS), "(9)");
    }

    #[test]
    fn the_order_of_what_was_not_read_from_one_place_is_not_certain() {
        // The eventfd was written at some time between the two looks at the edge log.
        check(&start().wakeup(5, IN, None).wakeup_since(7, IN, 3, 2 * MS), "(5) (7)");
        check(&start().wakeup(5, IN, None).wakeup(7, IN, Some(3)), "5 7");
        check(&start().arrive(7, 3).arrive(8, 3), "7 8");
        // What a full harvest did not reach came before what it put back, or after it.
        let full = Scenario::new().listen(4, IN).client(7, LEVEL).client(8, LEVEL);
        let full = full.settings(|s| s.max_events = 1).enter(1).arrive(7, 3).arrive(8, 3);
        check(&full.report(1, &[(7, IN)]), "(8) 7");
    }

    #[test]
    fn a_wake_up_that_is_told_late_is_what_the_report_was_for() {
        let early = || start().enter(1).report(1, &[(7, IN)]);
        check(&early(), "");
        check(&early().wakeup_since(7, IN, 3, MS / 2), "");
        // A later one may be that one still, or another.
        check(&early().queues(8, 0).wakeup(7, IN, Some(3)), "(7)");
        // Somebody else was reading the log: the debt is remembered all the same.
        let skipped = start().enter(1).report_with(1, &[(7, IN)], WakeupLog::Skipped);
        check(&skipped.wakeup_since(7, IN, 3, MS / 2), "");
    }

    #[test]
    fn a_report_beside_the_harvests_of_another_thread_may_be_ahead_of_its_wake_up() {
        let both = || start().thread(2).enter(2).enter(1).arrive(8, 3).report(1, &[(8, IN)]);
        let ahead = both().enter(1).report(2, &[(7, IN)]);
        check(&ahead, "");
        // It may be what the report was for, or have come since: its signal was queued when the
        // harvest was over, and before that was told.
        check(&ahead.wakeup_since(7, IN, 3, MS / 8), "(7)");
        let later = both().enter(1).report(2, &[(7, IN)]).queues(8, 0).queues(8, 0);
        check(&later.wakeup(7, IN, Some(3)), "7");
    }

    #[test]
    fn a_wake_up_beside_the_mod_of_a_fired_one_shot_may_have_found_it_disarmed() {
        let once = EDGE | Mask::ONESHOT;
        let fired = || {
            let s = Scenario::new().listen(4, IN).client(7, once).arrive(7, 800);
            s.turn(1, &[(7, IN)]).read(1, 7, 4096, 800).read(1, 7, 4096, 1200).again(1, 7)
        };
        let armed = || fired().ctl_polled(1, (CtlOp::Mod, 7, once), OUT, 1000);
        let late = armed().wakeup_since(7, IN, 0, 4 * MS);
        check(&late, "(7)");
        // Its bytes have been read since: it was not the end of the stream.
        assert_eq!(
            late.world.through(None).instance.ready.iter().next().map(|e| e.why),
            Some(Reason::Perhaps)
        );
        check(&armed().wakeup(7, IN, Some(3)), "7");
    }

    #[test]
    fn a_wake_up_that_is_told_late_may_have_set_the_harvest_off() {
        // The eventfd is written when the harvest for 7 is over, but told first.
        let s = start().enter(1).wakeup(5, IN, None).report(1, &[(7, IN)]);
        check(&s, "5");
        let s = start().enter(1).wakeup(5, IN, None).wakeup(7, IN, Some(3));
        check(&s.report(1, &[(5, IN)]), "5 (7)");
    }

    #[test]
    fn signals_in_another_order_than_the_callbacks_contradict_nothing() {
        // T1 was woken for 8 and had its harvest before 7 was woken, whose signal came first.
        let s = start().enter(1).arrive(7, 3).arrive(8, 3);
        check(&s.report(1, &[(8, IN)]), "(7)");
        // Nothing explains that one alone was passed over.
        let s = start().enter(1).arrive(7, 3).report(1, &[]);
        assert_eq!(s.world.through(None).instance.check.diverged, 1);
    }

    #[test]
    fn room_is_there_after_a_reset_and_after_ones_own_end() {
        let blocked = || {
            let full = start().ctl(1, CtlOp::Mod, 7, LEVEL | OUT).send(1, 7, 10, -1);
            full.enter(1)
        };
        let reset = Mask::ERR | Mask::HUP | OUT | END;
        let s = blocked().wakeup(7, Mask::ERR, Some(0)).report(1, &[(7, reset)]);
        check(&s, "7");
        let s = start().ctl(1, CtlOp::Mod, 7, LEVEL | OUT).send(1, 7, 10, -1).shut_down(1, 7);
        check(&s.turn(1, &[(7, OUT)]), "7");
    }

    #[test]
    fn room_that_a_unix_peer_makes_in_a_harvest_may_list_again() {
        let out = Mask::OUT | Mask::ONESHOT;
        for (mask, listed) in [(out, "(7)"), (Mask::OUT | Mask::ET, "(7)"), (Mask::OUT, "7")] {
            let full = Scenario::new().unix_client(7, mask).report(1, &[(7, OUT)]);
            let full = full.ctl_polled(1, (CtlOp::Mod, 7, mask), Mask::EMPTY, 1000);
            let s = full.enter(1).wakeup(7, OUT, None).report(1, &[(7, OUT)]);
            assert_eq!(s.ready().as_deref(), Some(listed), "{mask}");
            // Nothing is left of it when it was polled.
            let s = s.enter(1).asleep(&[1]);
            assert_eq!(s.ready().as_deref(), Some(""), "{mask}");
        }
    }
}
