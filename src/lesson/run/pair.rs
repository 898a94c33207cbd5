//! The kernel and the model side by side, as one [`Kernel`]: each call is made on the real one first,
//! and what came of that decides what comes next. The model is told what it cannot know: the numbers
//! that were given, how much a message is charged, when the buffers of TCP were full. The two share
//! one clock.

use std::collections::BTreeSet;

use crate::event::{CtlOp, Errno, Fd, FileKind, LaneId, Mask, Nanos, RingOp, SocketOption, Sqe};
use crate::lesson::case::{Action, ActorKind, Amount, FdArg, Label, Outcome, Seen};
use crate::lesson::interpret::{drain_by_calls, fill_by_calls};
use crate::lesson::kernel::{Call, Kernel, Query};
use crate::lesson::real::granted;
use crate::lesson::table::{MAIN, Table};
use crate::sim::{KernelModel, Place};

use super::report::{outcome_text, seen_text};
use super::{Observed, RunError, Runner};

impl Kernel for Runner {
    fn table(&self) -> &Table {
        &self.real.table
    }

    fn seen(&mut self) -> [Option<&mut Observed>; 2] {
        [Some(&mut self.real.seen), Some(&mut self.model.seen)]
    }

    fn number(&self, arg: &FdArg) -> Result<Fd, RunError> {
        self.real.number(arg)
    }

    fn has_room(&self, descriptors: usize, epolls: usize) -> Result<(), RunError> {
        self.real.has_room(descriptors, epolls)
    }

    fn table_mut(&mut self) -> &mut Table {
        &mut self.real.table
    }

    fn thread(&mut self, name: &Label) -> Result<LaneId, RunError> {
        self.real.thread(name)?;
        self.model.thread(name)
    }

    fn sleeps(&self, lane: LaneId) -> bool {
        self.real.sleeps(lane)
    }

    fn make(&mut self, name: &Label, kind: ActorKind) -> Result<Outcome, RunError> {
        let ends = kind.ends();
        let outcome = self.real.make(name, kind)?;
        if matches!(outcome, Outcome::Errno(_)) {
            let model = self.model.places(ends.len()).map(|_| 0);
            self.model.seen.returned(model);
            return Ok(outcome);
        }
        let labels: Vec<_> = ends.iter().map(|end| Label::new(format!("{name}{end}"))).collect();
        self.gave(|| format!("the numbers of {name}"), &labels);
        if let (ActorKind::Pair { .. } | ActorKind::Dgram { .. }, Some(first)) =
            (kind, self.model.given.first())
        {
            self.model.granted = granted(first.fd, SocketOption::SndBuf(0));
        }
        self.model.make(name, kind)?;
        Ok(outcome)
    }

    fn call(&mut self, lane: LaneId, call: &Call) -> Result<Outcome, RunError> {
        match call {
            Call::Write { fd, what } => return self.write(lane, *fd, *what),
            Call::Limit { end: Some(end) } if *end > self.real.end_of_case() => {
                let end = Some(self.real.end_of_case());
                return self.call(lane, &Call::Limit { end });
            }
            Call::Settime { .. } => self.sync(),
            _ => {}
        }
        let outcome = self.real.call(lane, call)?;
        self.tell_of(call, outcome)?;
        self.model.call(lane, call)?;
        (self.model.granted, self.model.given) = (None, Vec::new());
        match call {
            Call::Accept { name, .. } if matches!(outcome, Outcome::Value(_)) => {
                if let Some(fd) = self.real.table.number_of(name) {
                    self.see_accepted(fd)?;
                }
            }
            Call::Settime { .. } => self.timer_started(),
            // A smaller buffer cuts what is sent into other messages.
            Call::Setsockopt { .. } => {
                for (fd, len) in self.ring_sends.clone() {
                    self.learn(fd, Amount::Bytes(len));
                }
            }
            _ => {}
        }
        Ok(outcome)
    }

    fn wait(
        &mut self,
        lane: LaneId,
        query: &Query,
        timeout: Option<u32>,
    ) -> Result<Option<Outcome>, RunError> {
        self.real.can_ask(query)?;
        if lane != MAIN || timeout == Some(0) {
            let outcome = self.real.wait(lane, query, timeout)?;
            if lane == MAIN {
                self.sync();
            }
            self.model.wait(lane, query, timeout)?;
            return Ok(outcome);
        }
        // While the main thread sleeps only time wakes others.
        self.model.main_enters(query, timeout);
        let begun = self.now();
        let outcome = self.real.wait(lane, query, timeout)?;
        self.sync();
        self.time_passed(self.now().since(begun));
        self.model.main_returns(query);
        Ok(outcome)
    }

    fn freeze(&mut self, lane: LaneId, ep: Fd, max: u32, at: u32) -> Result<(), RunError> {
        self.real.freeze(lane, ep, max, at)?;
        self.model.freeze(lane, ep, max, at)
    }

    fn thaw(&mut self, lane: LaneId) -> Result<(), RunError> {
        self.real.thaw(lane)?;
        self.model.thaw(lane)
    }

    fn signal(&mut self, lane: LaneId) -> Result<(), RunError> {
        self.real.signal(lane)?;
        self.model.signal(lane)
    }

    fn expire(&mut self, lane: LaneId) -> Result<(), RunError> {
        let begun = self.now();
        if !self.real.wait_for_timeout(lane)? {
            let name = self.name_of(lane);
            let what = || format!("the timeout of {name}");
            self.found.both(what, &"did not bring it back", &"is over", ToString::to_string);
        }
        // Collecting it tells the model.
        self.time_passed(self.now().since(begun));
        Ok(())
    }

    fn pass(&mut self, time: Nanos) -> Result<(), RunError> {
        let time = self.sleep_of(time);
        self.real.pass(time)
    }

    fn measure(
        &mut self,
        name: &Label,
        times: u32,
        query: &Query,
        timeout: u32,
    ) -> Result<Seen, RunError> {
        let kernel = self.real.measure(name, times, query, timeout)?;
        let model = self.model.measure(name, times, query, timeout)?;
        self.found.both(|| "the last call".to_owned(), &kernel, &model, seen_text);
        Ok(kernel)
    }

    fn drain(&mut self, lane: LaneId, fd: Fd, n: u32) -> Result<Outcome, RunError> {
        match self.real.table.kind(fd) {
            Some(FileKind::Tcp) => self.drain_tcp(lane, fd, n),
            _ => drain_by_calls(self, lane, fd, n),
        }
    }

    fn fill(&mut self, lane: LaneId, fd: Fd, n: u32) -> Result<Outcome, RunError> {
        match self.real.table.kind(fd) {
            Some(FileKind::Tcp) => self.fill_tcp(lane, fd, n),
            _ => fill_by_calls(self, lane, fd, n),
        }
    }

    fn write_sqe(&mut self, ring: Fd, name: &Label, sqe: Sqe) -> Result<Outcome, RunError> {
        if sqe.op == RingOp::Send {
            self.ring_sends.insert((sqe.fd, sqe.len));
            self.learn(sqe.fd, Amount::Bytes(sqe.len));
        }
        let outcome = self.real.write_sqe(ring, name, sqe)?;
        self.model.write_sqe(ring, name, sqe)?;
        Ok(outcome)
    }

    fn reap(&mut self, ring: Fd, max: u32) -> Result<Outcome, RunError> {
        let outcome = self.real.reap(ring, max)?;
        self.model.reap(ring, max)?;
        Ok(outcome)
    }

    fn sqes_written(&mut self, ring: Fd) -> u32 {
        self.real.sqes_written(ring)
    }

    fn notice(&mut self) -> Result<Outcome, RunError> {
        let outcome = self.real.notice()?;
        self.model.notice()?;
        Ok(outcome)
    }

    fn reset_counters(&mut self) {
        self.real.reset_counters();
        self.model.machine.forget_scans();
    }

    fn begin(&mut self, action: &Action) -> Result<(), RunError> {
        self.refuse_deadlock(action)?;
        self.patient = waits_for_time(action);
        self.tell_what_time_brought();
        Ok(())
    }

    /// Waits for rest and takes what threads have returned with, from kernel and model.
    fn end(&mut self, action: &Action) -> Result<(), RunError> {
        self.watch_flows(action);
        self.real.settle()?;
        self.tell_flows();
        self.sync();
        self.collect()
    }

    fn in_round(&mut self, round: Option<u32>) {
        self.round = round;
    }

    fn agree(&mut self, call: &str) -> bool {
        let (kernel, model) = (self.real.seen.ret, self.model.seen.ret);
        let round = self.round.map_or_else(String::new, |round| format!(" in round {round}"));
        let text = |ret: &Option<Outcome>| ret.map_or_else(String::new, outcome_text);
        self.found.both(|| format!("{call}{round}"), &kernel, &model, text);
        kernel == model
    }

    fn agree_on(&mut self, action: &Action) -> bool {
        let round = self.round.unwrap_or(0);
        let when = format!(" of {} in round {round}", action.word());
        self.found.results(&self.real.seen, &self.model.seen, &when);
        self.found.mismatches.is_empty()
    }
}

impl Runner {
    /// The kernel gave these labels their numbers: the model gets them, too, and says which it
    /// would have given.
    fn gave(&mut self, what: impl FnOnce() -> String, labels: &[Label]) {
        let skips = (0..u32::MAX).take(labels.len());
        let expected: Vec<_> = skips.map(|skip| self.model.table.free(skip)).collect();
        self.gave_of(what, labels, &expected);
    }

    /// The same where the model would have given the numbers that are `expected`.
    fn gave_of(&mut self, what: impl FnOnce() -> String, labels: &[Label], expected: &[Fd]) {
        let table = &self.real.table;
        let numbers: Vec<_> = labels.iter().filter_map(|label| table.number_of(label)).collect();
        let file = |fd: Fd| Some(Place { fd, file: table.file_at(fd)?.id });
        self.model.given = numbers.iter().filter_map(|fd| file(*fd)).collect();
        let text = |fds: &Vec<Fd>| match fds[..] {
            [fd] => fd.to_string(),
            _ => format!("{:?}", fds.iter().map(|fd| fd.0).collect::<Vec<_>>()),
        };
        self.found.both(what, &numbers, &expected.to_vec(), text);
    }

    /// What the model cannot know of a call that the kernel has made.
    fn tell_of(&mut self, call: &Call, outcome: Outcome) -> Result<(), RunError> {
        let value = match outcome {
            Outcome::Value(value) => Some(value.unsigned_abs()),
            Outcome::Errno(_) | Outcome::Eof => None,
        };
        match call {
            Call::Read { fd, .. } => self.see_read(*fd, value.unwrap_or(0)),
            Call::Dup { name, least: Some(least), .. } if value.is_some() => {
                let expected = vec![self.model.table.free_from(*least)];
                let what = || format!("the number of {name}");
                self.gave_of(what, std::slice::from_ref(name), &expected);
            }
            Call::Accept { name, .. } | Call::Dup { name, .. } if value.is_some() => {
                self.gave(|| format!("the number of {name}"), std::slice::from_ref(name));
            }
            Call::Close { fd } | Call::Shutdown { fd, .. } => self.see_flow(*fd)?,
            Call::Setsockopt { fd, option } => {
                self.model.granted = granted(*fd, *option);
                if matches!(option, SocketOption::SndBuf(_)) {
                    // With what it makes of it there may be room.
                    self.tell_flows();
                }
            }
            Call::Accept { .. }
            | Call::Dup { .. }
            | Call::Ctl { .. }
            | Call::Write { .. }
            | Call::Connect { .. }
            | Call::Settime { .. }
            | Call::LimitSignals { .. }
            | Call::Async { .. }
            | Call::Blocking { .. }
            | Call::Enter { .. }
            | Call::Limit { .. } => {}
        }
        Ok(())
    }

    /// Whether this action would wait for a harvest that is held, which only another step lets go.
    fn refuse_deadlock(&self, action: &Action) -> Result<(), RunError> {
        let frozen = !self.model.machine.frozen().is_empty();
        if !frozen || matches!(action, Action::Thaw { .. }) {
            return Ok(());
        }
        if self.would_wait(&mut self.model.machine.clone(), action) {
            let why = "that call would wait until the harvest that is held goes on";
            return Err(RunError::refused(why));
        }
        Ok(())
    }

    /// Whether the model says that the action would wait for a harvest that is held.
    fn would_wait(&self, model: &mut KernelModel, action: &Action) -> bool {
        let fd = |arg: &FdArg| self.real.table.number(arg);
        let waits = |result: Result<(), Errno>| result == Err(Errno::EDEADLK);
        match action {
            Action::Add { ep, fd: of, mask, .. } => {
                waits(model.ctl(fd(ep), CtlOp::Add, fd(of), *mask, 0))
            }
            Action::Mod { ep, fd: of, mask, .. } => {
                waits(model.ctl(fd(ep), CtlOp::Mod, fd(of), *mask, 0))
            }
            Action::Del { ep, fd: of, .. } => {
                waits(model.ctl(fd(ep), CtlOp::Del, fd(of), Mask::EMPTY, 0))
            }
            // A thread may wait for the one that is held, but must hold no other meanwhile.
            Action::Wait(wait) => {
                let direct = wait.thread.is_none() && self.is_held(fd(&wait.ep));
                direct || self.watches_held(fd(&wait.ep))
            }
            Action::Poll(scan) | Action::Select(scan) => {
                scan.fds.iter().any(|(arg, _)| self.is_held(fd(arg)) || self.watches_held(fd(arg)))
            }
            Action::Freeze { ep, .. } => self.is_held(fd(ep)) || self.watches_held(fd(ep)),
            Action::Close { fd: of, .. } | Action::Rst { fd: of } => waits(model.close(fd(of))),
            Action::Repeat { .. } | Action::Many { .. } | Action::Measure { .. } => true,
            _ => false,
        }
    }

    /// Whether a harvest of the epoll instance with this number is held.
    fn is_held(&self, fd: Fd) -> bool {
        let view =
            self.model.machine.file_under(fd).and_then(|file| self.model.machine.instance(file));
        view.is_some_and(|view| view.overflow.is_some())
    }

    /// Whether the epoll instance with this number watches one of which a harvest is held, at any
    /// depth: a harvest of it would poll that one.
    fn watches_held(&self, fd: Fd) -> bool {
        let mut open: Vec<_> = self.model.machine.file_under(fd).into_iter().collect();
        let mut seen = BTreeSet::new();
        while let Some(file) = open.pop() {
            let Some(view) = self.model.machine.instance(file) else { continue };
            for watch in view.interest {
                let inner = self.model.machine.instance(watch.key.file);
                if inner.is_some_and(|inner| inner.overflow.is_some()) {
                    return true;
                }
                if seen.insert(watch.key.file) {
                    open.push(watch.key.file);
                }
            }
        }
        false
    }
}

/// Whether time is to pass in it.
fn waits_for_time(action: &Action) -> bool {
    match action {
        Action::Sleep { .. } | Action::Expire { .. } => true,
        Action::Wait(wait) => wait.thread.is_none() && wait.timeout != Some(0),
        Action::Poll(scan) | Action::Select(scan) => {
            scan.thread.is_none() && scan.timeout != Some(0)
        }
        _ => false,
    }
}
