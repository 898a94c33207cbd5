//! What the server's threads do between calls: the gate, the wait queue, batches.

use crate::event::{Call, Fd, FileId, LaneChange, LaneId, Mask, Nanos, Pass, Settings, WatchKey};

use super::check::Sync;
use super::lane::{Lane, LaneState};
use super::ready::ReadyEntry;
use super::world::World;

/// A harvest is over after this time: a thread that has not returned by then sleeps.
const HARVEST_TAKES: Nanos = Nanos(2_000_000);

/// A thread that is to be woken runs within this time, also on a busy machine.
const NO_DOUBT: Nanos = Nanos(500_000_000);

impl World {
    pub(super) fn lane_mut(&mut self, id: LaneId) -> Option<&mut Lane> {
        if !id.is_worker() {
            return None;
        }
        let place = match self.lanes.binary_search_by_key(&id, |lane| lane.id) {
            Ok(place) => place,
            Err(place) => {
                self.lanes.insert(place, Lane { id, ..Lane::default() });
                place
            }
        };
        self.lanes.get_mut(place)
    }

    /// `epoll_wait` was entered: it harvests at once if something may be ready, else it drops what
    /// is stale and sleeps (`ep_poll`).
    pub(super) fn entered(&mut self, id: LaneId, call: Call) {
        let (seq, t) = (self.seq, self.t);
        let idle = !self.instance.ready.iter().any(|entry| self.may_report(entry.key));
        if idle && self.instance.check.sync == Sync::Following {
            let stale: Vec<_> = self.instance.ready.iter().map(|entry| entry.key).collect();
            for key in stale {
                self.unlist(key);
            }
        }
        self.instance.check.harvested_by(id, seq);
        let sleeps = idle && call.may_sleep();
        if sleeps {
            self.instance.wq.push_head(id);
        }
        let Some(lane) = self.lane_mut(id) else { return };
        lane.batch.clear();
        lane.since = t;
        lane.harvest_from = seq;
        lane.looked = !sleeps;
        lane.late = false;
        lane.state = if sleeps { LaneState::Asleep(call) } else { LaneState::Harvesting(call) };
    }

    /// A thread that was woken and has not returned for a while found nothing: it sleeps again, at
    /// the head of the wait queue, and what it polled has left the list (`ep_poll`).
    pub(super) fn back_to_sleep(&mut self, but: LaneId) {
        let t = self.t;
        let slow = |lane: &Lane| match lane.state {
            LaneState::Harvesting(call) if call.may_sleep() && lane.id != but => {
                (t.since(lane.since) > HARVEST_TAKES).then_some((lane.since, lane.id, call))
            }
            _ => None,
        };
        let mut sleepers: Vec<_> = self.lanes.iter().filter_map(slow).collect();
        if sleepers.is_empty() {
            return;
        }
        sleepers.sort_unstable_by_key(|(since, id, _)| (*since, *id));
        for (since, id, call) in sleepers {
            self.instance.wq.push_head(id);
            if let Some(lane) = self.lane_mut(id) {
                lane.state = LaneState::Asleep(call);
                lane.late = true;
                self.drop_stale(since);
            }
        }
    }

    /// Takes off the list what was there at `since` and is not known to be listed and ready: it was
    /// polled, or it was not there.
    fn drop_stale(&mut self, since: Nanos) {
        let stale = |entry: &&ReadyEntry| {
            let mask = self.instance.interest.get(entry.key).map_or(Mask::EMPTY, |e| e.mask);
            let ready = self.files.get(&entry.key.file).is_some_and(|f| f.poll().surely(mask));
            entry.since <= since && (entry.unsure || !ready)
        };
        let stale: Vec<_> = self.instance.ready.iter().filter(stale).map(|e| e.key).collect();
        for key in stale {
            self.unlist(key);
        }
        // It would have been reported, unless the thread was kept from running meanwhile.
        for entry in self.instance.ready.entries.iter_mut().filter(|e| e.since <= since) {
            entry.unsure = true;
        }
    }

    /// Nothing has happened for a while. What is doubtful and would have been reported to a thread
    /// that sleeps is not listed.
    pub(super) fn quiet(&mut self) {
        let t = self.t;
        let long = |since: Nanos| t.since(since) > NO_DOUBT;
        let sleeper = |lane: &Lane| matches!(lane.state, LaneState::Asleep(_)) && long(lane.since);
        if !self.lanes.iter().any(sleeper) {
            return;
        }
        let doubtful = |entry: &&ReadyEntry| entry.unsure && long(entry.since);
        let gone: Vec<_> = self.instance.ready.iter().filter(doubtful).map(|e| e.key).collect();
        for key in gone {
            self.unlist(key);
        }
    }

    pub(super) fn handling(&mut self, id: LaneId, fd: Fd, file: FileId) {
        let Some(lane) = self.lane_mut(id) else { return };
        lane.batch.turn_to(WatchKey { fd, file });
    }

    pub(super) fn parked(&mut self, id: LaneId, next: Call) {
        let t = self.t;
        self.instance.wq.remove(id);
        let Some(lane) = self.lane_mut(id) else { return };
        if matches!(next, Call::EpollWait { .. }) {
            lane.batch.finish();
        }
        lane.state = LaneState::Held(next);
        lane.pending = None;
        lane.since = t;
    }

    pub(super) fn unparked(&mut self, id: LaneId, pass: Pass) {
        let (t, paused) = (self.t, self.settings.paused);
        let Some(lane) = self.lane_mut(id) else { return };
        lane.state = LaneState::Running;
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
            self.instance.wq.remove(id);
        }
        let Some(lane) = self.lane_mut(id) else { return };
        lane.since = t;
        match change {
            LaneChange::Started { tid } => {
                *lane = Lane { id, tid: *tid, since: t, ..Lane::default() };
                lane.state = LaneState::Running;
            }
            LaneChange::Ended => lane.state = LaneState::Ended,
            LaneChange::Died(message) => lane.state = LaneState::Died(message.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::scenario::{EDGE, IN, Scenario};
    use crate::event::{EdgeLog, Fd, Kind, Mask, Wakeup};

    /// A thread is woken, and its return is told only after 3 ms in which something else was seen.
    fn told_late() -> Scenario {
        let held_up = Scenario::new().listen(4, IN).client(7, EDGE).enter(1).wakeup(7, IN, None);
        let world = held_up.every(3_000_000).wakeup(4, IN, Some(1));
        world.report(1, &[(7, IN), (4, IN)])
    }

    #[test]
    fn a_report_that_is_told_late_is_not_judged() {
        let later = told_late().every(200_000_000).turn(1, &[(4, IN)]);
        let check = &later.world.instance.check;
        assert_eq!((check.diverged, check.unjudged), (0, 1), "{:?}", check.recent().last());
    }

    /// A connection is reported before its wake-up is told, which takes the observer long: nobody
    /// else can read the edge log meanwhile.
    #[test]
    fn a_wake_up_that_its_reader_has_not_told_yet_is_not_missing() {
        let early = || Scenario::new().listen(4, IN).turn(1, &[(4, IN)]);
        let looked = early().world.t;
        let band = Mask::IN;
        let told = Kind::Wakeup(Wakeup { fd: Fd(4), band, unread: Some(1), after: looked });
        let busy = |log| {
            let waits = early().every(150_000_000).enter(1);
            waits.every(1000).report_with(1, &[(4, IN)], log)
        };
        let diverged = |s: &Scenario| s.world.instance.check.diverged;
        let later = busy(EdgeLog::Skipped);
        assert_eq!(diverged(&later), 0);
        let late = later.tool(told).turn(1, &[(4, IN)]);
        assert_eq!(diverged(&late), 0);
        // Who could read all of it would have found it.
        assert_eq!(diverged(&busy(EdgeLog::Drained)), 1);
    }

    #[test]
    fn the_next_report_is_judged_again() {
        let later = told_late().turn(1, &[(7, IN), (4, IN)]);
        let later = later.every(200_000_000).turn(1, &[(4, IN)]);
        assert!(later.world.instance.check.diverged > 0, "7 is edge-triggered and was taken");
    }
}
