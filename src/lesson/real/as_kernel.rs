//! The real kernel as a [`Kernel`]: what each of its calls comes to.

use std::time::Duration;

use crate::event::{Fd, FileId, Kind, LaneChange, LaneId, Nanos, Output, Ret, Setup, Sqe, Syscall};
use crate::lesson::case::{Action, ActorKind, FdArg, Label, MAX_THREADS, Outcome, Seen};
use crate::lesson::interpret::{drain_by_calls, fill_by_calls};
use crate::lesson::kernel::{Call, Kernel, Observed, Query, RunError, timeout_ms};
use crate::lesson::table::{FIRST_NUMBER, MAIN, Table};
use crate::sys::fault::{HeldBuffer, userfault};

use super::job::Job;
use super::reserved::Kept;
use super::worker::Worker;
use super::{RealKernel, Sleeper};

impl Kernel for RealKernel {
    fn table(&self) -> &Table {
        &self.table
    }

    fn seen(&mut self) -> [Option<&mut Observed>; 2] {
        [Some(&mut self.seen), None]
    }

    fn number(&self, arg: &FdArg) -> Result<Fd, RunError> {
        let fd = self.table.number(arg);
        let reserved = self.reserved.first()..self.end_of_numbers();
        if (0..FIRST_NUMBER).contains(&fd.0) || reserved.contains(&fd.0) {
            return Err(RunError::Refused(format!("number {fd} is the tool's own")));
        }
        Ok(fd)
    }

    fn has_room(&self, descriptors: usize, epolls: usize) -> Result<(), RunError> {
        // Where the case has set a limit, which lies below the tool's own numbers, the kernel says so.
        if self.limit.is_none() {
            self.has_numbers(descriptors)?;
        }
        if epolls > 0 { self.has_epolls(epolls) } else { Ok(()) }
    }

    fn table_mut(&mut self) -> &mut Table {
        &mut self.table
    }

    fn thread(&mut self, name: &Label) -> Result<LaneId, RunError> {
        if let Some(lane) = self.table.lane_of(name) {
            return Ok(lane);
        }
        let count = self.workers.len();
        if count >= MAX_THREADS {
            return Err(RunError::Refused(format!("more than {MAX_THREADS} threads")));
        }
        let kept = Kept { threads: count + 1, ..self.kept() };
        self.reserved.holds(kept).map_err(RunError::Refused)?;
        let lane = self.table.next_lane();
        let worker = Worker::start(name.clone(), lane, self.clock, &self.reserved)
            .map_err(|e| RunError::system("start a thread", &e))?;
        let started = LaneChange::Started { tid: worker.tid };
        self.workers.push(worker);
        self.log.tell(self.now(), lane, Kind::Lane(started));
        self.log.names.push(name.clone());
        Ok(self.table.begin(name.clone()))
    }

    fn sleeps(&self, lane: LaneId) -> bool {
        self.worker(lane).is_some_and(|worker| worker.called)
    }

    fn make(&mut self, name: &Label, kind: ActorKind) -> Result<Outcome, RunError> {
        let made = self.member(name, kind);
        Ok(self.seen.returned(made))
    }

    fn call(&mut self, lane: LaneId, call: &Call) -> Result<Outcome, RunError> {
        let result = self.result(lane, call)?;
        Ok(self.seen.returned(result))
    }

    fn wait(
        &mut self,
        lane: LaneId,
        query: &Query,
        timeout: Option<u32>,
    ) -> Result<Option<Outcome>, RunError> {
        self.can_ask(query)?;
        let (call, since) = (query.syscall(timeout), self.now());
        let may_sleep = lane != MAIN || timeout != Some(0);
        if may_sleep && matches!(query, Query::Wait { .. }) {
            self.log.tell(since, lane, Kind::Enter(call));
        }
        let job = match query {
            Query::Read { fd, len } => Job::Read { fd: *fd, len: *len },
            Query::Enter { ring, submit, wait } => {
                Job::Enter { ring: *ring, submit: *submit, wait: *wait }
            }
            Query::Wait { .. } | Query::Scan { .. } => {
                Job::Query { query: query.clone(), timeout: timeout_ms(timeout) }
            }
        };
        if lane == MAIN {
            let done = self.work(MAIN, job)?;
            let seen = self.handed_over(MAIN, call, query, &done)?;
            return Ok(Some(self.seen.handed_over(query, seen)));
        }
        self.awake(lane)?.give(job);
        self.sleepers.insert(lane, Sleeper { call, query: query.clone(), timeout, since });
        self.settle()?;
        Ok(None)
    }

    fn freeze(&mut self, lane: LaneId, ep: Fd, max: u32, at: u32) -> Result<(), RunError> {
        let query = Query::Wait { ep, max: i32::try_from(max).unwrap_or(i32::MAX) };
        let (call, since) = (query.syscall(Some(0)), self.now());
        self.log.tell(since, lane, Kind::Enter(call));
        self.awake(lane)?;
        let kept = Kept { held: self.frozen.len() + 1, ..self.kept() };
        self.reserved.holds(kept).map_err(RunError::Refused)?;
        let fault = self.reserved.aside(|own| Ok(own.keep(userfault()?)));
        let fault = fault.map_err(|e| RunError::Refused(format!("userfaultfd is refused: {e}")))?;
        let buffer = HeldBuffer::new(&fault, max, at);
        let buffer = buffer.map_err(|e| RunError::system("ioctl(UFFDIO_REGISTER)", &e))?;
        let file = self.table.file_at(ep).map_or(FileId(0), |file| file.id);
        self.frozen.insert(lane, (file, fault));
        self.awake(lane)?.give(Job::HeldWait { ep, buffer });
        self.sleepers.insert(lane, Sleeper { call, query, timeout: None, since });
        self.settle()
    }

    fn thaw(&mut self, lane: LaneId) -> Result<(), RunError> {
        if self.frozen.remove(&lane).is_none() {
            let name = self.table.name_of(lane);
            return Err(RunError::Refused(format!("thread {name} is not frozen")));
        }
        self.settle()
    }

    fn signal(&mut self, lane: LaneId) -> Result<(), RunError> {
        let started = self.now();
        let mut tid = 0;
        if let Some(worker) = self.worker(lane) {
            worker.signal();
            tid = worker.tid;
        }
        let time = (started, self.now());
        let call = Syscall::Setup(Setup::Tgkill { tid });
        self.log.returned(MAIN, call, time, Ret::ok(0), Output::None);
        Ok(())
    }

    fn expire(&mut self, lane: LaneId) -> Result<(), RunError> {
        self.wait_for_timeout(lane).map(drop)
    }

    fn pass(&mut self, time: Nanos) -> Result<(), RunError> {
        std::thread::sleep(Duration::from_nanos(time.0));
        Ok(())
    }

    fn measure(
        &mut self,
        name: &Label,
        times: u32,
        query: &Query,
        timeout: u32,
    ) -> Result<Seen, RunError> {
        self.measured(name, times, query, timeout)
    }

    fn drain(&mut self, lane: LaneId, fd: Fd, n: u32) -> Result<Outcome, RunError> {
        drain_by_calls(self, lane, fd, n)
    }

    fn fill(&mut self, lane: LaneId, fd: Fd, n: u32) -> Result<Outcome, RunError> {
        fill_by_calls(self, lane, fd, n)
    }

    fn write_sqe(&mut self, ring: Fd, name: &Label, sqe: Sqe) -> Result<Outcome, RunError> {
        self.write_operation(ring, name, sqe)
    }

    fn reap(&mut self, ring: Fd, max: u32) -> Result<Outcome, RunError> {
        Ok(self.take_completions(ring, max))
    }

    fn sqes_written(&mut self, ring: Fd) -> u32 {
        self.ring_state(ring).map_or(0, |state| state.written)
    }

    fn notice(&mut self) -> Result<Outcome, RunError> {
        Ok(self.take_signal())
    }

    fn reset_counters(&mut self) {
        self.log.counters.reset();
    }

    fn end(&mut self, _action: &Action) -> Result<(), RunError> {
        self.settle()?;
        for (lane, done) in self.returned() {
            self.came_back(lane, &done)?;
        }
        Ok(())
    }
}
