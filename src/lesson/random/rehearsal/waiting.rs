//! The calls that wait: at once, asleep in the main thread, or asleep in one of the case's own.

use super::{MAIN, Rehearsal, Sleeper, nanos};
use crate::event::{Errno, Fd, LaneId, Mask, Nanos};
use crate::lesson::case::{Entry, Label, Scan, Seen, Wait, Way};
use crate::lesson::run::Observed;

impl Rehearsal {
    pub(super) fn wait(&mut self, wait: &Wait, seen: &mut Observed) {
        let ep = self.number(&wait.ep);
        let Some(thread) = &wait.thread else {
            if wait.timeout == Some(0) {
                let events = self.machine.wait(ep, wait.max);
                seen.events = Some(events.map_or_else(Seen::Errno, |events| self.events(&events)));
            } else {
                let entered = self.machine.park_wait(MAIN, ep, wait.max);
                self.main_waits(Vec::new(), wait.timeout, entered, seen);
            }
            return;
        };
        let lane = self.lane_or_new(thread);
        let entered = self.machine.park_wait(lane, ep, wait.max);
        self.sleeper(lane, Vec::new(), wait.timeout, entered, seen);
    }

    pub(super) fn scan(&mut self, way: Way, scan: &Scan, seen: &mut Observed) {
        let pairs = scan.fds.iter().map(|(arg, mask)| (self.number(arg), *mask));
        let fds: Vec<_> = pairs.collect();
        let names = scan.fds.iter().map(|(arg, _)| Label::new(arg.to_string()));
        let labels: Vec<_> = fds.iter().map(|(fd, _)| *fd).zip(names).collect();
        match &scan.thread {
            None if scan.timeout == Some(0) => {
                let found = match way {
                    Way::Poll => Ok(self.machine.poll(&fds)),
                    Way::Select => self.machine.select(&fds),
                };
                seen.events = Some(found.map_or_else(Seen::Errno, |found| polled(&found, &labels)));
            }
            None => {
                let entered = self.machine.park_poll(MAIN, &fds, way);
                self.main_waits(labels, scan.timeout, entered, seen);
            }
            Some(thread) => {
                let lane = self.lane_or_new(thread);
                let entered = self.machine.park_poll(lane, &fds, way);
                self.sleeper(lane, labels, scan.timeout, entered, seen);
            }
        }
    }

    /// The main thread waits, for its timeout at most.
    fn main_waits(
        &mut self,
        labels: Vec<(Fd, Label)>,
        ms: Option<u32>,
        entered: Result<(), Errno>,
        seen: &mut Observed,
    ) {
        self.sleeper(MAIN, labels, ms, entered, seen);
        if self.machine.asleep().contains(&MAIN) {
            self.pass(nanos(ms.unwrap_or(0)));
        }
        self.collect(seen);
        seen.events = seen.woke.remove(&self.thread(MAIN)).or(seen.events.take());
    }

    /// A thread is in a call, or came back from it with an error.
    pub(super) fn sleeper(
        &mut self,
        lane: LaneId,
        labels: Vec<(Fd, Label)>,
        ms: Option<u32>,
        entered: Result<(), Errno>,
        seen: &mut Observed,
    ) {
        if let Err(errno) = entered {
            seen.woke.insert(self.thread(lane), Seen::Errno(errno));
            return;
        }
        let until = ms.map(|ms| Nanos(self.now.0 + nanos(ms).0));
        self.sleepers.insert(lane, Sleeper { labels, until });
        if ms == Some(0) {
            self.machine.expire(lane);
        }
    }
}

/// What poll or select found, with the labels that the call named.
pub(super) fn polled(found: &[(Fd, Mask)], labels: &[(Fd, Label)]) -> Seen {
    let entry = |(fd, mask): &(Fd, Mask)| {
        let label = labels.iter().find(|(other, _)| other == fd).map(|(_, label)| label.clone());
        Entry { label: label.unwrap_or_else(|| Label::new("?")), mask: *mask }
    };
    Seen::Events(found.iter().map(entry).collect())
}
