//! The calls that wait: by the main thread for a time, by others until something wakes them.

use std::time::Duration;

use crate::event::{
    Delivery, EdgeLog, Errno, Fd, FileId, Kind, LaneId, Mask, Nanos, Output, PollFd, PollSet, Ret,
    Setup, Syscall,
};
use crate::lesson::case::{Entry, FdArg, Label, Scan, Seen, Wait};
use crate::lesson::stage::MAIN;
use crate::lesson::stage::job::{Answer, Done, Job, Query};
use crate::sim::{Reported, Way, Woke};

use super::act::{outcome, strange};
use super::files::told;
use super::step::Doing;
use super::time::nanos;
use super::{RunError, Runner, Sleeper};

/// The call in which a thread sleeps, and of poll or select the labels of its descriptors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sleeping {
    pub(super) call: Syscall,
    pub(super) labels: Vec<(Fd, Label)>,
}

impl Sleeping {
    fn wait(call: Syscall) -> Self {
        Self { call, labels: Vec::new() }
    }

    /// Whether it is a wait for an epoll instance.
    fn is_wait(&self) -> bool {
        matches!(self.call, Syscall::EpollWait { .. })
    }
}

/// A timeout as an argument.
fn timeout(ms: Option<u32>) -> i32 {
    ms.map_or(-1, |ms| i32::try_from(ms).unwrap_or(i32::MAX))
}

impl Runner {
    /// `epoll_wait(2)`
    pub(super) fn wait(&mut self, doing: &mut Doing, wait: &Wait) -> Result<(), RunError> {
        let ep = self.stage.number(&wait.ep)?;
        let max = wait.max;
        let call = Syscall::EpollWait {
            ep,
            max: u32::try_from(max).unwrap_or(0),
            timeout_ms: timeout(wait.timeout),
        };
        let (query, call) = (Query::Wait { ep, max }, Sleeping::wait(call));
        self.query(doing, &query, call, wait.timeout, wait.thread.as_ref())
    }

    /// poll(2) or select(2)
    pub(super) fn scan(
        &mut self,
        doing: &mut Doing,
        way: Way,
        scan: &Scan,
    ) -> Result<(), RunError> {
        let (query, sleeping) = self.scan_query(way, scan)?;
        self.query(doing, &query, sleeping, scan.timeout, scan.thread.as_ref())
    }

    /// The arguments of a poll or select.
    pub(super) fn scan_query(
        &self,
        way: Way,
        scan: &Scan,
    ) -> Result<(Query, Sleeping), RunError> {
        let mut fds = Vec::new();
        let mut labels = Vec::new();
        for (arg, mask) in &scan.fds {
            let fd = self.stage.number(arg)?;
            if way == Way::Select && fd.0 >= self.stage.end_of_numbers() {
                return Err(RunError::Refused(format!("select ignores a number like {fd}")));
            }
            fds.push((fd, *mask));
            labels.push((fd, Label::new(arg.to_string())));
        }
        let set = PollSet::new(fds.iter().map(|(fd, events)| PollFd { fd: *fd, events: *events }));
        let timeout_ms = timeout(scan.timeout);
        let (call, query) = match way {
            Way::Poll => (Syscall::Poll { set, timeout_ms }, Query::Poll(fds)),
            Way::Select => (Syscall::Select { set, timeout_ms }, Query::Select(fds)),
        };
        Ok((query, Sleeping { call, labels }))
    }

    fn query(
        &mut self,
        doing: &mut Doing,
        query: &Query,
        call: Sleeping,
        timeout: Option<u32>,
        thread: Option<&Label>,
    ) -> Result<(), RunError> {
        match thread {
            Some(name) => {
                let lane = self.thread(doing, name)?;
                self.park(doing, lane, query, call, timeout)
            }
            None => self.ask(doing, query, &call, timeout),
        }
    }

    /// The main thread asks what is ready. With a timeout it sleeps like any other.
    fn ask(
        &mut self,
        doing: &mut Doing,
        query: &Query,
        call: &Sleeping,
        ms: Option<u32>,
    ) -> Result<(), RunError> {
        let sleeps = ms != Some(0);
        let mut early = None;
        if sleeps {
            if call.is_wait() {
                doing.tell(self.now(), MAIN, Kind::Enter(call.call));
            }
            early = self.model_enters(MAIN, query).err();
        }
        let done =
            self.stage.call(MAIN, Job::Query { query: query.clone(), timeout: timeout(ms) })?;
        self.sync();
        if sleeps {
            self.pass(done.ended.since(done.started));
        }
        let model = match (early, sleeps) {
            (Some(errno), _) => Seen::Errno(errno),
            (None, true) => {
                self.machine.expire(MAIN);
                let mut back = self.machine.take_woken();
                let at = back.iter().position(|(lane, _)| *lane == MAIN);
                let own = at.map(|at| back.remove(at).1);
                self.machine_woken.extend(back);
                own.map_or_else(|| Seen::Events(Vec::new()), |woke| self.woke_seen(woke, call))
            }
            (None, false) => self.model_asks(query, call),
        };
        let kernel = self.returned(doing, MAIN, call, &done)?;
        doing.handed_over(kernel, model, matches!(query, Query::Select(_)));
        Ok(())
    }

    /// The model's answer to a query that does not sleep.
    pub(super) fn model_asks(&mut self, query: &Query, call: &Sleeping) -> Seen {
        match query {
            Query::Wait { ep, max } => match self.machine.wait(*ep, *max) {
                Ok(events) => self.reported_seen(&events),
                Err(errno) => Seen::Errno(errno),
            },
            Query::Poll(fds) => polled_seen(&self.machine.poll(fds), call),
            Query::Select(fds) => match self.machine.select(fds) {
                Ok(found) => polled_seen(&found, call),
                Err(errno) => Seen::Errno(errno),
            },
        }
    }

    /// A thread of the model begins to wait.
    fn model_enters(&mut self, lane: LaneId, query: &Query) -> Result<(), Errno> {
        match query {
            Query::Wait { ep, max } => self.machine.park_wait(lane, *ep, *max),
            Query::Poll(fds) => self.machine.park_poll(lane, fds, Way::Poll),
            Query::Select(fds) => self.machine.park_poll(lane, fds, Way::Select),
        }
    }

    /// Another thread waits.
    fn park(
        &mut self,
        doing: &mut Doing,
        lane: LaneId,
        query: &Query,
        call: Sleeping,
        ms: Option<u32>,
    ) -> Result<(), RunError> {
        if self.stage.sleeps(lane) {
            return Err(RunError::Refused(format!("thread {} sleeps already", self.name_of(lane))));
        }
        let since = self.now();
        if call.is_wait() {
            doing.tell(since, lane, Kind::Enter(call.call));
        }
        self.stage.park(lane, Job::Query { query: query.clone(), timeout: timeout(ms) })?;
        if let Err(errno) = self.model_enters(lane, query) {
            self.machine_errors.push((lane, errno));
        } else if ms == Some(0) {
            self.machine.expire(lane);
        }
        let query = query.clone();
        self.sleepers.insert(lane, Sleeper { call, query, timeout: ms, since });
        Ok(())
    }

    /// A thread harvests and is held inside the kernel.
    pub(super) fn freeze(
        &mut self,
        doing: &mut Doing,
        ep: &FdArg,
        thread: &Label,
        max: u32,
        at: u32,
    ) -> Result<(), RunError> {
        let ep = self.stage.number(ep)?;
        let lane = self.thread(doing, thread)?;
        if self.stage.sleeps(lane) {
            return Err(RunError::Refused(format!("thread {thread} sleeps already")));
        }
        let call = Syscall::EpollWait { ep, max, timeout_ms: 0 };
        let since = self.now();
        doing.tell(since, lane, Kind::Enter(call));
        self.stage.freeze(lane, ep, max, at)?;
        let most = i32::try_from(max).unwrap_or(i32::MAX);
        if let Err(errno) = self.machine.freeze(lane, ep, most, at) {
            self.machine_errors.push((lane, errno));
        }
        let (call, query) = (Sleeping::wait(call), Query::Wait { ep, max: most });
        self.sleepers.insert(lane, Sleeper { call, query, timeout: None, since });
        Ok(())
    }

    /// Lets a frozen thread go on.
    pub(super) fn thaw(&mut self, thread: &Label) -> Result<(), RunError> {
        let lane = self.sleeping(thread)?;
        if !self.stage.thaw(lane) {
            return Err(RunError::Refused(format!("thread {thread} is not frozen")));
        }
        self.stage.settle()?;
        self.machine.thaw(lane);
        Ok(())
    }

    /// SIGUSR1 to a thread.
    pub(super) fn signal(&mut self, doing: &mut Doing, thread: &Label) -> Result<(), RunError> {
        let lane = self.sleeping(thread)?;
        let started = self.now();
        self.stage.signal(lane);
        self.counters.call(None);
        let tid = self.stage.workers().iter().find(|worker| worker.lane == lane);
        let call = Syscall::Setup(Setup::Tgkill { tid: tid.map_or(0, |worker| worker.tid) });
        told(doing, MAIN, call, (started, self.now()), Ret::ok(0));
        self.machine.interrupt(lane);
        doing.came_to(outcome(Ok(0)));
        Ok(())
    }

    /// Waits for a thread's own timeout.
    pub(super) fn expire(&mut self, doing: &mut Doing, thread: &Label) -> Result<(), RunError> {
        let lane = self.sleeping(thread)?;
        let sleeper = self.sleepers.get(&lane);
        let Some((ms, since)) = sleeper.and_then(|sleeper| Some((sleeper.timeout?, sleeper.since)))
        else {
            return Err(RunError::Refused(format!("thread {thread} has no timeout")));
        };
        let begun = self.now();
        let left = Duration::from_nanos(nanos(ms).saturating_sub(begun.since(since).0));
        if !self.stage.expire(lane, left) {
            let what = || format!("the timeout of {thread}");
            doing.found.both(what, &"did not bring it back", &"is over", ToString::to_string);
        }
        // Collecting it tells the model.
        self.pass(self.now().since(begun));
        Ok(())
    }

    /// The lane of a thread that is in a call.
    fn sleeping(&self, thread: &Label) -> Result<LaneId, RunError> {
        let lane = self.stage.lane_of(thread).filter(|lane| self.stage.sleeps(*lane));
        lane.ok_or_else(|| RunError::Refused(format!("thread {thread} does not sleep")))
    }

    /// Takes what threads have returned with, from kernel and model.
    pub(super) fn collect(&mut self, doing: &mut Doing) -> Result<(), RunError> {
        let mut back = self.stage.returned();
        self.follow(doing, &back);
        self.let_return(doing, &back);
        let mut woken: Vec<_> = std::mem::take(&mut self.machine_woken);
        woken.extend(self.machine.take_woken());
        let order: Vec<_> = woken.iter().map(|(lane, _)| *lane).collect();
        let mut ended: Vec<_> = back.iter().map(|(lane, done)| (done.ended, *lane)).collect();
        ended.sort_unstable();
        // Who was first, the model knows better than a clock that is read after the return.
        let first = order.iter().find(|lane| back.iter().any(|(other, _)| other == *lane));
        self.woken = first.copied().or(ended.first().map(|(_, lane)| *lane)).or(self.woken);
        for (lane, errno) in std::mem::take(&mut self.machine_errors) {
            doing.model.woke.insert(self.name_of(lane), Seen::Errno(errno));
        }
        for (lane, woke) in woken {
            let seen = match self.sleepers.get(&lane) {
                Some(sleeper) => self.woke_seen(woke, &sleeper.call.clone()),
                None => continue,
            };
            doing.model.woke.insert(self.name_of(lane), seen);
        }
        // In the order in which they were woken, which the model knows.
        let place = |lane: LaneId| order.iter().position(|other| *other == lane);
        back.sort_by_key(|(lane, _)| place(*lane).unwrap_or(usize::MAX));
        for (lane, done) in back {
            let Some(sleeper) = self.sleepers.remove(&lane) else { continue };
            let name = self.name_of(lane);
            let seen = self.returned(doing, lane, &sleeper.call, &done)?;
            self.counters.woke(&name);
            doing.kernel.woke.insert(name, seen);
        }
        self.allow(doing);
        Ok(())
    }

    /// A thread whose own timeout was over returned for that reason, whatever the model thought.
    fn follow(&mut self, doing: &Doing, back: &[(LaneId, Done)]) {
        for (lane, done) in back {
            let nothing = match &done.answer {
                Answer::Events(Ok(events)) => events.is_empty(),
                Answer::Polled(Ok(found)) => found.is_empty(),
                _ => false,
            };
            let own = self.sleepers.get(lane).and_then(|sleeper| sleeper.timeout);
            let passed = done.ended.since(done.started);
            if nothing && own.is_some_and(|ms| passed.0 >= nanos(ms)) {
                self.machine.expire(*lane);
                if !doing.patient {
                    self.too_early();
                }
            }
        }
    }

    /// A thread that may have returned or not did, and the model's sleeps: it returns, too. Whom it
    /// wakes by that returns in the same step.
    fn let_return(&mut self, doing: &Doing, back: &[(LaneId, Done)]) {
        let asleep = self.machine.asleep();
        for (lane, _) in back.iter().filter(|(lane, _)| asleep.contains(lane)) {
            if doing.maybe.contains(&self.name_of(*lane)) {
                self.machine.expire(*lane);
                let woken = self.machine.take_woken();
                self.machine_woken.extend(woken.into_iter().filter(|(other, _)| other != lane));
            }
        }
    }

    /// Where the kernel may do either, the model does what it did.
    fn allow(&mut self, doing: &mut Doing) {
        for name in doing.maybe.clone() {
            let Some(lane) = self.stage.lane_of(&name) else { continue };
            match (doing.kernel.woke.get(&name).cloned(), doing.model.woke.contains_key(&name)) {
                (Some(seen), false) => {
                    doing.model.woke.insert(name, seen);
                }
                (None, true) => {
                    doing.model.woke.remove(&name);
                    self.sleep_again(lane);
                }
                _ => {}
            }
        }
    }

    /// The model's thread goes back to the call from which the kernel's has not returned.
    fn sleep_again(&mut self, lane: LaneId) {
        let Some(query) = self.sleepers.get(&lane).map(|sleeper| sleeper.query.clone()) else {
            return;
        };
        // The numbers were good a moment ago; if one is gone the comparison says so.
        let _ = self.model_enters(lane, &query);
    }

    // --- what calls returned

    /// A waiting call of the kernel's returned: counts and tells it.
    pub(super) fn returned(
        &mut self,
        doing: &mut Doing,
        lane: LaneId,
        call: &Sleeping,
        done: &Done,
    ) -> Result<Seen, RunError> {
        match &done.answer {
            Answer::Events(result) if call.is_wait() => {
                self.counters.call(result.as_ref().err().copied());
                self.counters.waited(result.as_ref().map_or(0, Vec::len));
                let ret =
                    super::act::ret(result.as_ref().map(|all| all.len() as u64).map_err(|e| *e));
                let (seen, output) = match result {
                    Ok(events) => (self.reported_seen(events), self.delivered(events)),
                    Err(errno) => (Seen::Errno(*errno), Output::None),
                };
                doing.returned(lane, call.call, done, ret, output);
                Ok(seen)
            }
            Answer::Polled(result) if !call.is_wait() => {
                self.counters.call(result.as_ref().err().copied());
                self.counters.add(crate::lesson::case::Counter::Polled, call.labels.len() as u64);
                let ret =
                    super::act::ret(result.as_ref().map(|all| all.len() as u64).map_err(|e| *e));
                doing.returned(lane, call.call, done, ret, Output::None);
                Ok(match result {
                    Ok(found) => polled_seen(found, call),
                    Err(errno) => Seen::Errno(*errno),
                })
            }
            _ => Err(strange()),
        }
    }

    /// Events with the labels that they were registered under.
    fn reported_seen(&self, events: &[Reported]) -> Seen {
        let entry = |event: &Reported| Entry { label: self.label_of(event.data), mask: event.mask };
        Seen::Events(events.iter().map(entry).collect())
    }

    fn delivered(&self, events: &[Reported]) -> Output {
        let delivery = |event: &Reported| {
            let tag = self.tag_of(event.data);
            let (file, fd) = tag.map_or((FileId(0), Fd(-1)), |tag| (tag.file, tag.fd));
            Delivery { file, fd, mask: event.mask }
        };
        let events = events.iter().map(delivery).collect();
        Output::Events { events, log: EdgeLog::Drained, done: Nanos(0) }
    }

    /// What a thread of the model returned with.
    fn woke_seen(&self, woke: Woke, call: &Sleeping) -> Seen {
        match woke {
            Woke::Events(events) => self.reported_seen(&events),
            Woke::Polled(found) => polled_seen(&found, call),
            Woke::Interrupted => Seen::Errno(Errno::EINTR),
            Woke::TimedOut => Seen::Events(Vec::new()),
        }
    }
}

/// What poll or select handed over, with the labels that were asked.
fn polled_seen(found: &[(Fd, Mask)], call: &Sleeping) -> Seen {
    let label = |fd: Fd| call.labels.iter().find(|(one, _)| *one == fd);
    let entry = |(fd, mask): &(Fd, Mask)| Entry {
        label: label(*fd).map_or_else(|| Label::new("?"), |(_, label)| label.clone()),
        mask: *mask,
    };
    Seen::Events(found.iter().map(entry).collect())
}
