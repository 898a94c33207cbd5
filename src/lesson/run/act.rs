//! One action: which of them it is, and `epoll_ctl(2)`.

use std::collections::BTreeSet;

use crate::event::{
    CtlOp, Errno, Fd, FileId, Kind, LaneChange, LaneId, Mask, Output, Ret, Syscall,
};
use crate::lesson::case::{Action, FdArg, Label, Outcome, Way, Who};
use crate::lesson::stage::MAIN;
use crate::lesson::stage::job::{Answer, Job};
use crate::sim::KernelModel;

use super::step::Doing;
use super::{RunError, Runner};

/// A number that is no operation of epoll_ctl(2).
pub(crate) const NO_OPERATION: i32 = 42;

/// What a call without a value returned.
pub(super) fn outcome(result: Result<u64, Errno>) -> Outcome {
    match result {
        Ok(value) => Outcome::Value(i64::try_from(value).unwrap_or(i64::MAX)),
        Err(errno) => Outcome::Errno(errno),
    }
}

/// The same as the word of the kernel's ABI.
pub(super) fn ret(result: Result<u64, Errno>) -> Ret {
    result.map_or_else(Ret::err, |value| Ret::ok(i64::try_from(value).unwrap_or(i64::MAX)))
}

impl Runner {
    /// Makes one action on the kernel and on the model, up to the next rest.
    pub(super) fn perform(&mut self, doing: &mut Doing, action: &Action) -> Result<(), RunError> {
        self.refuse_deadlock(action)?;
        doing.patient = waits_for_time(action);
        self.tell_what_time_brought();
        self.make(doing, action)?;
        self.watch_flows(action);
        self.settle(doing)
    }

    fn make(&mut self, doing: &mut Doing, action: &Action) -> Result<(), RunError> {
        match action {
            Action::Add { ep, fd, mask, who } => {
                let lane = self.caller(doing, who.as_ref())?;
                self.control(doing, lane, CtlOp::Add, (ep, fd), *mask)
            }
            Action::Mod { ep, fd, mask, who } => {
                let lane = self.caller(doing, who.as_ref())?;
                self.control(doing, lane, CtlOp::Mod, (ep, fd), *mask)
            }
            Action::Del { ep, fd, who } => {
                let lane = self.caller(doing, who.as_ref())?;
                self.control(doing, lane, CtlOp::Del, (ep, fd), Mask::EMPTY)
            }
            Action::Ctl { ep, fd, mask } => {
                self.control(doing, MAIN, CtlOp::Invalid(NO_OPERATION), (ep, fd), *mask)
            }
            Action::Wait(wait) => self.wait(doing, wait),
            Action::Poll(scan) => self.scan(doing, Way::Poll, scan),
            Action::Select(scan) => self.scan(doing, Way::Select, scan),
            Action::Freeze { ep, thread, max, at } => self.freeze(doing, ep, thread, *max, *at),
            Action::Thaw { thread } => self.thaw(thread),
            Action::Signal { thread } => self.signal(doing, thread),
            Action::Expire { thread } => self.expire(doing, thread),
            Action::Write { fd, what, who } => self.write(doing, fd, *what, who.as_ref()),
            Action::Read { fd, n, who } => self.read(doing, fd, *n, who.as_ref()),
            Action::Drain { fd, n, who } => self.drain(doing, fd, *n, who.as_ref()),
            Action::Fill { fd, n, who } => self.fill(doing, fd, *n, who.as_ref()),
            Action::Close { fd, who } => {
                let lane = self.caller(doing, who.as_ref())?;
                self.close(doing, lane, fd, false)
            }
            Action::Rst { fd } => self.reset(doing, fd),
            Action::Dup { fd, name } => self.dup(doing, fd, name),
            Action::Shutdown { fd, how } => self.shutdown(doing, fd, *how),
            Action::Connect { fd, to } => self.connect(doing, fd, to),
            Action::Accept { fd, name, who } => self.accept(doing, fd, name, who.as_ref()),
            Action::Arm { fd, ms, interval } => self.arm(doing, fd, *ms, *interval),
            Action::Sleep { ms } => {
                self.pause(doing, *ms);
                Ok(())
            }
            Action::Sockopt { fd, opt, value } => self.set_option(doing, fd, *opt, *value),
            Action::New { actor } => self.new_actor(doing, actor),
            Action::Repeat { times, body, until } => self.repeat(doing, *times, body, *until),
            Action::Many { .. } => match action.as_repeat() {
                Some(Action::Repeat { times, body, until }) => {
                    self.repeat(doing, times, &body, until)
                }
                _ => Ok(()),
            },
            Action::Measure { name, times, run } => self.measure(doing, name, *times, run),
            Action::Limit { free } => self.set_limit(doing, *free),
            Action::Reset => {
                self.counters.reset();
                Ok(())
            }
            Action::Note | Action::Tally { .. } => Ok(()),
        }
    }

    /// The lane of whoever makes a call.
    pub(super) fn caller(
        &mut self,
        doing: &mut Doing,
        who: Option<&Who>,
    ) -> Result<LaneId, RunError> {
        let lane = match who {
            None => return Ok(MAIN),
            Some(Who::Thread(name)) => self.thread(doing, name)?,
            Some(Who::Woken) => self
                .woken
                .ok_or_else(|| RunError::Refused("no thread has returned yet".to_owned()))?,
        };
        if self.stage.sleeps(lane) {
            return Err(RunError::Refused(format!("thread {} sleeps", self.name_of(lane))));
        }
        Ok(lane)
    }

    /// The lane of the thread with this name, which begins if it is new.
    pub(super) fn thread(&mut self, doing: &mut Doing, name: &Label) -> Result<LaneId, RunError> {
        if let Some(lane) = self.stage.lane_of(name) {
            return Ok(lane);
        }
        let lane = self.stage.thread(name)?;
        let workers = self.stage.workers().iter();
        let tid = workers.filter(|worker| worker.lane == lane).map(|worker| worker.tid).next();
        let started = LaneChange::Started { tid: tid.unwrap_or(0) };
        doing.tell(self.now(), lane, Kind::Lane(started));
        Ok(lane)
    }

    /// The name of a thread.
    pub(super) fn name_of(&self, lane: LaneId) -> Label {
        let worker = self.stage.workers().iter().find(|worker| worker.lane == lane);
        worker.map_or_else(|| Label::new("main"), |worker| worker.name.clone())
    }

    /// `epoll_ctl(2)` of two descriptors.
    fn control(
        &mut self,
        doing: &mut Doing,
        lane: LaneId,
        op: CtlOp,
        (ep, fd): (&FdArg, &FdArg),
        mask: Mask,
    ) -> Result<(), RunError> {
        let (e, f) = (self.stage.number(ep)?, self.stage.number(fd)?);
        let data = if op == CtlOp::Del { 0 } else { self.tag(label(fd), f) };
        let job = Job::Ctl { ep: e, op: op.number(), fd: f, mask, data };
        let done = self.stage.call(lane, job)?;
        let Answer::Number(kernel) = done.answer else { return Err(strange()) };
        self.counters.call(kernel.err());
        let model = self.machine.ctl(e, op, f, mask, data);
        let file = self.stage.table().file_at(f).map_or(FileId(0), |file| file.id);
        let call = Syscall::EpollCtl { ep: e, op, fd: f, mask, file };
        doing.returned(lane, call, &done, ret(kernel), Output::None);
        doing.result(outcome(kernel), outcome(model.map(|()| 0)));
        Ok(())
    }

    /// Whether the model says that the action would wait for a harvest that is held.
    pub(super) fn would_wait(&self, model: &mut KernelModel, action: &Action) -> bool {
        let fd = |arg: &FdArg| self.stage.table().number(arg);
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
        let view = self.machine.file_under(fd).and_then(|file| self.machine.instance(file));
        view.is_some_and(|view| view.overflow.is_some())
    }

    /// Whether the epoll instance with this number watches one of which a harvest is held, at any
    /// depth: a harvest of it would poll that one.
    fn watches_held(&self, fd: Fd) -> bool {
        let mut open: Vec<_> = self.machine.file_under(fd).into_iter().collect();
        let mut seen = BTreeSet::new();
        while let Some(file) = open.pop() {
            let Some(view) = self.machine.instance(file) else { continue };
            for watch in view.interest {
                let inner = self.machine.instance(watch.key.file);
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

/// The name that a registration of `fd` goes by.
fn label(fd: &FdArg) -> Label {
    match fd {
        FdArg::Named(label) => label.clone(),
        FdArg::Number(number) => Label::new(number.to_string()),
    }
}

/// A thread came back with the answer of another call.
pub(super) fn strange() -> RunError {
    RunError::Failed("a call came back as another one".to_owned())
}
