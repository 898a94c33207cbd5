//! The model as a [`Kernel`]: what each of its calls comes to.

use crate::event::{Fd, FileKind, LaneId, Nanos, RingState, Sqe};
use crate::lesson::case::{Action, ActorKind, Entry, Label, Outcome, Seen};
use crate::lesson::interpret::{drain_by_calls, fill_by_calls};
use crate::lesson::kernel::{Call, Kernel, Observed, Query, RunError, nanos};
use crate::lesson::table::{MAIN, Table};

use super::{ModelKernel, TCP_TAKES};

impl Kernel for ModelKernel {
    fn table(&self) -> &Table {
        &self.table
    }

    fn seen(&mut self) -> [Option<&mut Observed>; 2] {
        [Some(&mut self.seen), None]
    }

    fn table_mut(&mut self) -> &mut Table {
        &mut self.table
    }

    fn thread(&mut self, name: &Label) -> Result<LaneId, RunError> {
        let known = self.table.lane_of(name);
        Ok(known.unwrap_or_else(|| self.table.begin(name.clone())))
    }

    fn sleeps(&self, lane: LaneId) -> bool {
        self.sleepers.contains_key(&lane)
    }

    fn make(&mut self, name: &Label, kind: ActorKind) -> Result<Outcome, RunError> {
        let made = self.member(name, kind);
        Ok(self.seen.returned(made))
    }

    fn call(&mut self, _lane: LaneId, call: &Call) -> Result<Outcome, RunError> {
        let result = self.result(call);
        Ok(self.seen.returned(result))
    }

    fn wait(
        &mut self,
        lane: LaneId,
        query: &Query,
        timeout: Option<u32>,
    ) -> Result<Option<Outcome>, RunError> {
        if lane == MAIN && timeout == Some(0) {
            let seen = self.ask(query);
            return Ok(Some(self.seen.handed_over(query, seen)));
        }
        let entered = self.enter(lane, query, timeout);
        if lane == MAIN {
            if self.machine.asleep().contains(&MAIN) {
                self.pass(nanos(timeout.unwrap_or(0)))?;
            }
            return Ok(Some(self.main_returns(query)));
        }
        if entered && timeout == Some(0) {
            self.machine.expire(lane);
        }
        Ok(None)
    }

    fn freeze(&mut self, lane: LaneId, ep: Fd, max: u32, at: u32) -> Result<(), RunError> {
        let max = i32::try_from(max).unwrap_or(i32::MAX);
        let entered = self.machine.freeze(lane, ep, max, at);
        self.entered(lane, &Query::Wait { ep, max }, None, entered);
        Ok(())
    }

    fn thaw(&mut self, lane: LaneId) -> Result<(), RunError> {
        self.machine.thaw(lane);
        Ok(())
    }

    fn signal(&mut self, lane: LaneId) -> Result<(), RunError> {
        self.machine.interrupt(lane);
        Ok(())
    }

    fn expire(&mut self, lane: LaneId) -> Result<(), RunError> {
        if let Some(until) = self.sleepers.get(&lane).and_then(|sleeper| sleeper.until) {
            self.pass(until.since(self.now))?;
        }
        self.machine.expire(lane);
        Ok(())
    }

    /// With the threads' own timeouts.
    fn pass(&mut self, time: Nanos) -> Result<(), RunError> {
        let end = Nanos(self.now.0 + time.0);
        loop {
            let due = self.sleepers.iter().filter_map(|(lane, s)| Some((s.until?, *lane)));
            let asleep = self.machine.asleep();
            let next = due.filter(|(at, lane)| *at <= end && asleep.contains(lane)).min();
            let Some((at, lane)) = next else { break };
            self.machine.advance(at.since(self.now));
            self.now = self.now.max(at);
            self.machine.expire(lane);
        }
        self.machine.advance(end.since(self.now));
        self.now = end;
        Ok(())
    }

    fn measure(
        &mut self,
        _name: &Label,
        times: u32,
        query: &Query,
        timeout: u32,
    ) -> Result<Seen, RunError> {
        if timeout > 0 {
            // It finds something at once, as before it.
            let mut seen = Seen::Events(Vec::new());
            for _ in 0..times {
                self.enter(MAIN, query, Some(timeout));
                self.main_returns(query);
                seen = self.seen.events.take().unwrap_or(seen);
            }
            return Ok(seen);
        }
        for _ in 1..times {
            self.ask(query);
        }
        Ok(self.ask(query))
    }

    fn drain(&mut self, lane: LaneId, fd: Fd, n: u32) -> Result<Outcome, RunError> {
        drain_by_calls(self, lane, fd, n)
    }

    fn fill(&mut self, lane: LaneId, fd: Fd, n: u32) -> Result<Outcome, RunError> {
        let tcp = self.table.kind(fd) == Some(FileKind::Tcp);
        if tcp && self.machine.write(fd, TCP_TAKES).is_ok() {
            self.machine.fill(fd);
        }
        fill_by_calls(self, lane, fd, n)
    }

    fn write_sqe(&mut self, ring: Fd, name: &Label, sqe: Sqe) -> Result<Outcome, RunError> {
        let id = self.table.new_op(name.clone(), sqe.op);
        let written = self.machine.ring_write(ring, Sqe { id, ..sqe });
        Ok(self.seen.returned(written.map(|()| 0)))
    }

    fn reap(&mut self, ring: Fd, max: u32) -> Result<Outcome, RunError> {
        let max = usize::try_from(max).unwrap_or(usize::MAX);
        Ok(match self.machine.ring_take(ring, max) {
            Ok(cqes) => {
                let cqes = cqes.iter().map(|cqe| self.table.completed(cqe)).collect();
                self.seen.reaped(cqes)
            }
            Err(errno) => self.seen.returned(Err(errno)),
        })
    }

    fn sqes_written(&mut self, ring: Fd) -> u32 {
        self.machine.ring_state(ring).map_or(0, |state: RingState| state.written)
    }

    fn notice(&mut self) -> Result<Outcome, RunError> {
        Ok(match self.machine.take_notice() {
            Ok(named) => {
                let entry = named.map(|(fd, mask)| {
                    let label = self.table.label_at(fd).cloned();
                    Entry { label: label.unwrap_or_else(|| Label::new("?")), mask }
                });
                self.seen.noticed(entry)
            }
            Err(errno) => self.seen.returned(Err(errno)),
        })
    }

    fn end(&mut self, _action: &Action) -> Result<(), RunError> {
        self.collect();
        self.table.woken = self.back.first().copied().or(self.table.woken);
        self.back.clear();
        Ok(())
    }
}
