//! What threads have returned with, by kernel and model; and where the kernel may do one thing or
//! another, the model does what it did.

use crate::event::LaneId;
use crate::lesson::case::Label;
use crate::lesson::kernel::{Kernel as _, nanos};
use crate::lesson::real::job::{Answer, Done};

use super::{RunError, Runner};

impl Runner {
    /// Takes what threads have returned with, from kernel and model.
    pub(super) fn collect(&mut self) -> Result<(), RunError> {
        let mut back = self.real.returned();
        self.follow(&back);
        self.let_return(&back);
        self.model.collect();
        let order = std::mem::take(&mut self.model.back);
        let mut ended: Vec<_> = back.iter().map(|(lane, done)| (done.ended, *lane)).collect();
        ended.sort_unstable();
        // Who was first, the model knows better than a clock that is read after the return.
        let first = order.iter().find(|lane| back.iter().any(|(other, _)| other == *lane));
        let woken = &mut self.real.table.woken;
        *woken = first.copied().or(ended.first().map(|(_, lane)| *lane)).or(*woken);
        // In the order in which they were woken, which the model knows.
        let place = |lane: LaneId| order.iter().position(|other| *other == lane);
        back.sort_by_key(|(lane, _)| place(*lane).unwrap_or(usize::MAX));
        for (lane, done) in back {
            self.real.came_back(lane, &done)?;
        }
        self.allow();
        Ok(())
    }

    /// A thread whose own timeout was over returned for that reason, whatever the model thought.
    fn follow(&mut self, back: &[(LaneId, Done)]) {
        for (lane, done) in back {
            let nothing = match &done.answer {
                Answer::Events(Ok(events)) => events.is_empty(),
                Answer::Polled(Ok(found)) => found.is_empty(),
                _ => false,
            };
            let own = self.real.sleeper(*lane).and_then(|sleeper| sleeper.timeout);
            let passed = done.ended.since(done.started);
            if nothing && own.is_some_and(|ms| passed >= nanos(ms)) {
                self.model.machine.expire(*lane);
                if !self.patient {
                    self.too_early();
                }
            }
        }
    }

    /// A thread that may have returned or not did, and the model's sleeps: it returns, too. Whom it
    /// wakes by that returns in the same step.
    fn let_return(&mut self, back: &[(LaneId, Done)]) {
        let asleep = self.model.machine.asleep();
        for (lane, _) in back.iter().filter(|(lane, _)| asleep.contains(lane)) {
            let name = self.name_of(*lane);
            if self.maybe.contains(&name) {
                self.model.machine.expire(*lane);
                self.model.collect();
                self.model.back.retain(|other| other != lane);
                self.model.seen.woke.remove(&name);
            }
        }
    }

    /// Where the kernel may do either, the model does what it did.
    fn allow(&mut self) {
        for name in self.maybe.clone() {
            let kernel = self.real.seen.woke.get(&name).cloned();
            match (kernel, self.model.seen.woke.contains_key(&name)) {
                (Some(seen), false) => {
                    self.model.seen.woke.insert(name, seen);
                }
                (None, true) => {
                    self.model.seen.woke.remove(&name);
                    self.sleep_again(&name);
                }
                _ => {}
            }
        }
    }

    /// The model's thread goes back to the call from which the kernel's has not returned.
    fn sleep_again(&mut self, name: &Label) {
        let lane = self.real.table.lane_of(name);
        let sleeper = lane.and_then(|lane| Some((lane, self.real.sleeper(lane)?)));
        if let Some((lane, sleeper)) = sleeper {
            // The numbers were good a moment ago; if one is gone the comparison says so.
            let _entered = self.model.wait(lane, &sleeper.query, sleeper.timeout);
        }
    }
}
