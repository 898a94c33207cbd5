//! What the server's threads do between calls: the gate, the wait queue, batches.

use crate::event::{
    Fd, FileId, GateStep, LaneChange, LaneId, Nanos, Pass, Seq, Settings, Syscall, WakeupLog,
    WatchKey,
};

use super::check::Sync;
use super::lane::{LaneState, ThreadLane};
use super::ready::ReadyEntry;
use super::world::World;

impl World {
    pub(super) fn lane_mut(&mut self, id: LaneId) -> Option<&mut ThreadLane> {
        if !id.is_worker() {
            return None;
        }
        let place = match self.lanes.binary_search_by_key(&id, |lane| lane.id) {
            Ok(place) => place,
            Err(place) => {
                self.lanes.insert(place, ThreadLane { id, ..ThreadLane::default() });
                place
            }
        };
        self.lanes.get_mut(place)
    }

    /// A call that may sleep was entered.
    pub(super) fn entered(&mut self, id: LaneId, call: Syscall) {
        let (seq, t) = (self.seq, self.t);
        let sleeps = match call {
            Syscall::EpollWait { ep, .. } => {
                let ep = self.epoll_of_call(ep).filter(|ep| self.pollers.at(*ep).is_deduced());
                let sleeps = ep.is_some_and(|ep| self.looked_at(ep, id)) && call.may_sleep();
                if let Some(ep) = ep.filter(|_| sleeps) {
                    self.pollers.at_mut(ep).wq.push_head(id);
                }
                sleeps
            }
            Syscall::Poll { .. } | Syscall::Select { .. } => self.scan_sleeps(call),
            Syscall::UringEnter { .. } => self.ring_enters(call),
            _ => self.own_call_sleeps(&call),
        };
        self.serves(id, &call);
        let Some(lane) = self.lane_mut(id) else { return };
        lane.batch.clear();
        lane.since = t;
        (lane.entered, lane.harvest_from) = (seq, seq);
        lane.looked = !sleeps;
        let asleep = if sleeps { LaneState::Asleep(call) } else { LaneState::Harvesting(call) };
        lane.becomes(asleep, t);
    }

    /// Who enters `epoll_wait` harvests at once if something may be ready, else drops what is stale
    /// and sleeps (`ep_poll`). Whether there is nothing.
    fn looked_at(&mut self, ep: FileId, id: LaneId) -> bool {
        let view = self.through(Some(ep));
        let may = |entry: &ReadyEntry| view.may_report(entry.key);
        let idle = view.knows_ready_list() && !view.instance.ready.iter().any(may);
        let seq = self.seq;
        let instance = self.pollers.at_mut(ep);
        if idle {
            instance.unlist_all();
        }
        instance.check.harvested_by(id, seq);
        idle
    }

    /// Those threads, and no others, slept in `epoll_wait` at some time after `since`.
    ///
    /// Nobody sleeps beside an entry: a thread that is about to sleep looks at the list and puts
    /// itself on the wait queue under one lock (`ep_poll`), whoever lists something wakes one of the
    /// sleepers under the same lock (`ep_poll_callback`), and whoever leaves something there, too
    /// (`ep_done_scan`). So if all threads that are in the call sleep, the list was empty. A thread
    /// that was woken and sleeps again has polled what it was woken for and found nothing.
    pub(super) fn found_asleep(&mut self, asleep: &[LaneId], since: Nanos) {
        let mut next = self.pollers.after(None);
        while let Some(ep) = next {
            if self.pollers.at(ep).is_deduced() {
                for id in asleep {
                    self.sleeps_again(ep, *id, since);
                }
                self.found_empty(ep, asleep, since);
            }
            next = self.pollers.after(next);
        }
        self.scan_asleep(asleep, since);
        self.ring_asleep(asleep, since);
    }

    /// The ready list was empty if all threads that wait at that instance were asleep.
    fn found_empty(&mut self, ep: FileId, asleep: &[LaneId], since: Nanos) {
        let instance = self.pollers.at(ep);
        let sleeps = |lane: &ThreadLane| asleep.contains(&lane.id) && instance.wq.contains(lane.id);
        let inside = |lane: &&ThreadLane| self.waits_at(lane) == Some(ep);
        let mut waiting = self.lanes.iter().filter(inside).peekable();
        if waiting.peek().is_none() || !waiting.all(sleeps) {
            return;
        }
        let instance = self.pollers.at_mut(ep);
        let gone = instance.ready.iter().filter(|entry| entry.since <= since);
        let gone: Vec<_> = gone.map(|entry| entry.key).collect();
        for key in gone {
            instance.unlist(key);
        }
        let check = &instance.check;
        let recorded = self.edge_log == WakeupLog::Drained && !check.wants_resync;
        if check.sync == Sync::Lost && recorded && check.lost.1 <= since {
            // What was woken after the question may be listed.
            let from = instance.interest.iter().filter_map(|entry| entry.woken);
            let from = from.filter(|(_, t)| *t <= since).map(|(seq, _)| seq).max();
            self.found_sync(ep, from.unwrap_or(Seq(0)));
        }
    }

    /// The epoll instance in whose `epoll_wait` a thread is.
    fn waits_at(&self, lane: &ThreadLane) -> Option<FileId> {
        match lane.state {
            LaneState::Harvesting(Syscall::EpollWait { ep, .. })
            | LaneState::Asleep(Syscall::EpollWait { ep, .. }) => self.epoll_at(ep),
            _ => None,
        }
    }

    /// A thread was found asleep at some time after `since`, and has told nothing since then.
    fn sleeps_again(&mut self, ep: FileId, id: LaneId, since: Nanos) {
        let Some(lane) = self.lane(id).filter(|lane| lane.since <= since) else { return };
        let call = match &lane.state {
            LaneState::Harvesting(call) | LaneState::Asleep(call)
                if self.waits_at(lane) == Some(ep) =>
            {
                *call
            }
            // Its call was lost: where there is one instance it was on that.
            LaneState::Running if self.pollers.len() == 1 => {
                let Some(fd) = self.pollers.at(ep).fd else { return };
                Syscall::EpollWait { ep: fd, max: self.settings.max_events, timeout_ms: -1 }
            }
            _ => return,
        };
        let wq = &mut self.pollers.at_mut(ep).wq;
        if !wq.contains(id) {
            wq.push_head(id);
        }
        if let Some(lane) = self.lane_mut(id) {
            lane.becomes(LaneState::Asleep(call), since);
        }
    }

    /// The thread is on no wait queue.
    pub(super) fn leaves_queues(&mut self, id: LaneId) {
        self.pollers.epolls_mut().for_each(|instance| instance.wq.remove(id));
    }

    pub(super) fn handling(&mut self, id: LaneId, fd: Fd, file: FileId) {
        let Some(lane) = self.lane_mut(id) else { return };
        lane.batch.turn_to(WatchKey { fd, file });
    }

    pub(super) fn parked(&mut self, id: LaneId, next: GateStep) {
        let t = self.t;
        self.leaves_queues(id);
        let Some(lane) = self.lane_mut(id) else { return };
        if next.ends_turn() {
            lane.batch.finish();
        }
        lane.becomes(LaneState::Held(next), t);
        lane.pending = None;
        lane.since = t;
    }

    pub(super) fn unparked(&mut self, id: LaneId, pass: Pass) {
        let (t, paused) = (self.t, self.settings.paused);
        let Some(lane) = self.lane_mut(id) else { return };
        lane.becomes(LaneState::Running, t);
        // One that was let go for a step may be told of after all were.
        lane.pending = Some(pass).filter(|pass| paused && *pass != Pass::Run);
        lane.since = t;
    }

    /// The server behaves so from now on. Where nothing is held no step is pending: a thread that
    /// slept in its call goes on with the others.
    pub(super) fn behaves(&mut self, settings: Settings) {
        self.settings = settings;
        if !settings.paused {
            self.lanes.iter_mut().for_each(|lane| lane.pending = None);
        }
    }

    pub(super) fn lane_changed(&mut self, id: LaneId, change: &LaneChange) {
        let t = self.t;
        if !matches!(change, LaneChange::Started { .. }) {
            self.leaves_queues(id);
            if let Some(served) = self.pollers.served_mut() {
                served.left(id);
            }
        }
        let Some(lane) = self.lane_mut(id) else { return };
        lane.since = t;
        match change {
            LaneChange::Started { tid } => {
                *lane = ThreadLane { id, tid: *tid, since: t, ..ThreadLane::default() };
                lane.becomes(LaneState::Running, t);
            }
            LaneChange::Ended => lane.becomes(LaneState::Ended, t),
            LaneChange::Died(message) => lane.becomes(LaneState::Died(message.clone()), t),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::scenario::{EDGE, IN, LEVEL, Scenario};
    use crate::event::{Errno, Fd, Kind, Mask, Wakeup, WakeupLog};

    fn ready(s: &Scenario) -> String {
        s.ready().unwrap_or_else(|| "unknown".to_owned())
    }

    fn edge() -> Scenario {
        Scenario::new().listen(4, IN).client(7, EDGE).client(8, EDGE).client(9, LEVEL)
    }

    /// A connection is reported before its wake-up is told, which takes the observer long: nobody
    /// else can read the edge log meanwhile.
    #[test]
    fn a_wake_up_that_its_reader_has_not_told_yet_is_not_missing() {
        let early = || Scenario::new().listen(4, IN).turn(1, &[(4, IN)]);
        let looked = early().every(1000).world.t;
        let band = Mask::IN;
        let after = crate::event::Nanos(looked.0 - 900_000);
        let told =
            Kind::Wakeup(Wakeup { fd: Fd(4), band, unread: Some(1), counted: looked, after });
        let busy = |log| {
            let waits = early().every(150_000_000).enter(1);
            waits.every(1000).report_with(1, &[(4, IN)], log)
        };
        let diverged = |s: &Scenario| s.world.through(None).instance.check.diverged;
        let later = busy(WakeupLog::Skipped);
        assert_eq!(diverged(&later), 0);
        let late = later.tool(told).turn(1, &[(4, IN)]);
        assert_eq!(diverged(&late), 0);
        // Who could read all of it would have found it.
        assert_eq!(diverged(&busy(WakeupLog::Drained)), 1);
    }

    #[test]
    fn nobody_sleeps_beside_an_entry() {
        let s = edge().enter(1).arrive(7, 3);
        assert_eq!(ready(&s), "7");
        let s = s.asleep(&[1]);
        assert_eq!(ready(&s), "");
        assert_eq!(s.world.through(None).instance.wq.iter().count(), 1, "it sleeps again");
        assert_eq!(ready(&s.arrive(7, 6)), "7", "the next wake-up lists it again");
    }

    #[test]
    fn a_sleeper_proves_nothing_while_another_thread_looks_at_the_list() {
        let s = edge().thread(2).enter(1).enter(2).arrive(7, 3);
        let s = s.asleep(&[1]);
        assert_eq!(ready(&s), "7", "T2 was woken for it");
        assert_eq!(ready(&s.asleep(&[2, 1])), "");
    }

    #[test]
    fn what_is_woken_after_the_question_stays_listed() {
        let s = edge().enter(1).arrive(7, 3);
        let since = s.world.t;
        let s = s.arrive(8, 1);
        let lanes = [crate::event::LaneId(1)].into();
        assert_eq!(ready(&s.tool(Kind::Asleep { lanes, since })), "8");
    }

    #[test]
    fn an_interrupted_wait_has_looked_at_the_list() {
        let s = edge().arrive(7, 3).arrive(9, 3).read(1, 7, 4096, 3).again(1, 7).read(1, 9, 9, 3);
        let s = s.again(1, 9);
        assert_eq!(ready(&s), "7 9");
        let s = s.enter(1).wakeup(8, Mask::OUT, None).report_fails(1, Errno::EINTR);
        assert_eq!(ready(&s), "");
        // What was woken while it ran, and is ready, was woken after its last look.
        let s = edge().enter(1).arrive(8, 3).report_fails(1, Errno::EINTR);
        assert_eq!(ready(&s), "8");
        let s = edge().enter(1).arrive(8, 3).arrive(9, 3).report_fails(1, Errno::EINTR);
        assert_eq!(ready(&s), "8 9");
        assert_eq!(s.world.through(None).instance.check.diverged, 0, "the signal woke it");
    }

    #[test]
    fn after_a_burst_a_sleeper_tells_that_the_list_is_empty() {
        let burst = edge().enter(1).tool(Kind::WakeupLog(WakeupLog::Off)).report(1, &[(7, IN)]);
        let calm = burst.enter(1).tool(Kind::WakeupLog(WakeupLog::Drained));
        assert_eq!(ready(&calm), "unknown");
        let known = calm.asleep(&[1]);
        assert_eq!(ready(&known), "");
        assert_eq!(ready(&known.arrive(7, 3)), "7");
    }

    #[test]
    fn after_a_burst_a_wait_that_returns_less_than_its_max_tells_what_is_left() {
        let calm = || {
            let burst = edge().enter(1).tool(Kind::WakeupLog(WakeupLog::Off)).report(1, &[(7, IN)]);
            burst.tool(Kind::WakeupLog(WakeupLog::Drained)).settings(|s| s.max_events = 2)
        };
        let less = calm().enter(1).arrive(8, 3).report(1, &[(9, IN)]);
        assert_eq!(ready(&less), "9 (8)", "level-triggered, and woken meanwhile");
        let full = calm().turn(1, &[(9, IN), (8, IN)]);
        assert_eq!(ready(&full), "unknown", "what it did not reach is not known");
        let before = edge().enter(1).tool(Kind::WakeupLog(WakeupLog::Off));
        let before = before.tool(Kind::WakeupLog(WakeupLog::Drained)).report(1, &[(9, IN)]);
        assert_eq!(ready(&before), "unknown", "it began when nothing was recorded");
    }
}
