//! The model as a [`Kernel`]: it gives the numbers that a process without other descriptors would
//! get, and its time is that of the steps. What is seen is what the kernel would show, if the model
//! is right.

use std::collections::BTreeMap;

use crate::event::{Errno, Fd, FileKind, LaneId, Nanos, SocketOption};
use crate::sim::{KernelModel, Place, Way, Woke};

use super::case::{Action, ActorKind, Amount, Label, Outcome, Seen};
use super::interpret::{drain_by_calls, fill_by_calls};
use super::kernel::{Call, Kernel, Observed, Query, RunError, nanos};
use super::table::{MAIN, Table};

/// SO_SNDBUF of an AF_UNIX socket that nobody changed (net.core.wmem_default, socket(7)).
const SNDBUF: u32 = 212_992;
/// The least that the kernel makes of a wish for SO_SNDBUF (`SOCK_MIN_SNDBUF`), of which it takes
/// twice.
const LEAST_SNDBUF: u32 = 4608;
/// What a full TCP connection over loopback takes, more or less.
const TCP_TAKES: u64 = 2_000_000;

/// A thread that is in a call.
#[derive(Clone, Debug)]
struct Sleeper {
    query: Query,
    /// When its own timeout passes.
    until: Option<Nanos>,
}

/// The model of a process, with the labels of a case.
#[derive(Clone, Debug)]
pub(crate) struct ModelKernel {
    /// The model.
    pub(crate) machine: KernelModel,
    /// What it knows of the labels.
    pub(crate) table: Table,
    /// What was seen in this step.
    pub(crate) seen: Observed,
    /// The threads that returned in this step, in the order in which they did.
    pub(crate) back: Vec<LaneId>,
    /// Where the next descriptors are, if the kernel said so; else the lowest numbers are taken.
    pub(crate) given: Vec<Place>,
    /// What the kernel made of the wish for a buffer that comes next, if it said so.
    pub(crate) granted: Option<u32>,
    now: Nanos,
    sleepers: BTreeMap<LaneId, Sleeper>,
    /// The number from which on nothing can be opened.
    limit: Option<Fd>,
}

impl ModelKernel {
    /// A process without descriptors, of a model that has seen nothing yet.
    pub(crate) fn new(machine: KernelModel) -> Self {
        Self {
            machine,
            table: Table::default(),
            seen: Observed::default(),
            back: Vec::new(),
            given: Vec::new(),
            granted: None,
            now: Nanos(0),
            sleepers: BTreeMap::new(),
            limit: None,
        }
    }

    // --- what is made

    /// Where so many new descriptors would be.
    ///
    /// # Errors
    /// EMFILE if the limit is in the way.
    pub(crate) fn places(&self, count: usize) -> Result<Vec<Place>, Errno> {
        let skips = (0..u32::MAX).take(count);
        let places: Vec<_> = skips.map(|skip| self.table.next_place(skip)).collect();
        let last = places.last().map(|place| place.fd);
        if self.limit.is_some_and(|limit| last >= Some(limit)) {
            return Err(Errno::EMFILE);
        }
        Ok(places)
    }

    /// Where a duplicate would be whose number is not below `least`.
    ///
    /// # Errors
    /// EINVAL if the limit is below it, EMFILE if it is in the way (fcntl(2)).
    fn place_from(&self, least: Fd) -> Result<Place, Errno> {
        let fd = self.table.free_from(least);
        match self.limit {
            Some(limit) if least >= limit => Err(Errno::EINVAL),
            Some(limit) if fd >= limit => Err(Errno::EMFILE),
            _ => Ok(Place { fd, ..self.table.next_place(0) }),
        }
    }

    /// Where so many new descriptors are.
    fn take_places(&mut self, count: usize) -> Result<Vec<Place>, Errno> {
        let given = std::mem::take(&mut self.given);
        if given.len() == count { Ok(given) } else { self.places(count) }
    }

    fn member(&mut self, name: &Label, kind: ActorKind) -> Result<u64, Errno> {
        let places = self.take_places(kind.ends().len())?;
        self.install(kind, &places);
        for (end, at) in kind.ends().iter().zip(places) {
            let what = self.machine.kind_under(at.fd).unwrap_or(FileKind::Plain);
            self.table.insert(Label::new(format!("{name}{end}")), at, what);
        }
        Ok(0)
    }

    fn install(&mut self, kind: ActorKind, places: &[Place]) {
        let granted = self.granted.take();
        let sndbuf = |wish| granted.unwrap_or_else(|| buffer(wish));
        let machine = &mut self.machine;
        match (kind, places) {
            (ActorKind::Epoll, [at]) => machine.epoll(*at),
            (ActorKind::Eventfd { value, semaphore }, [at]) => {
                machine.eventfd(*at, value.into(), semaphore);
            }
            (ActorKind::Timerfd, [at]) => machine.timerfd(*at),
            (ActorKind::Listener { backlog }, [at]) => machine.listener(*at, backlog),
            (ActorKind::Client, [at]) => machine.tcp(*at),
            (ActorKind::File | ActorKind::Null, [at]) => machine.plain(*at),
            (ActorKind::Dir, [at]) => machine.directory(*at),
            (ActorKind::Pipe { size }, [r, w]) => machine.pipe(*r, *w, size),
            (ActorKind::Pair { sndbuf: wish }, [a, b]) => machine.unix_pair(*a, *b, sndbuf(wish)),
            (ActorKind::Dgram { sndbuf: wish }, [a, b]) => {
                machine.datagram_pair(*a, *b, sndbuf(wish));
            }
            (ActorKind::Udp, [a, b]) => machine.udp_pair(*a, *b),
            _ => debug_assert!(false, "{kind:?} has other ends"),
        }
    }

    // --- calls

    fn result(&mut self, call: &Call) -> Result<u64, Errno> {
        let done = match call {
            Call::Ctl { ep, op, fd, mask, label } => {
                let data = self.table.tag(*op, label, *fd);
                self.machine.ctl(*ep, *op, *fd, *mask, data)
            }
            Call::Read { fd, len } => return self.machine.read(*fd, (*len).into()),
            Call::Write { fd, what } => {
                let n = self.written(*fd, *what);
                return self.machine.write(*fd, n);
            }
            Call::Accept { fd, name } => self.accept(*fd, name),
            Call::Close { fd } => self.machine.close(*fd).inspect(|()| {
                self.table.close(*fd);
            }),
            Call::Dup { fd, name, least } => self.dup(*fd, name, *least),
            Call::Shutdown { fd, how } => self.machine.shutdown(*fd, *how),
            Call::Connect { fd, to } => self.machine.connect(*fd, *to),
            Call::Settime { fd, ms, interval } => {
                self.machine.arm(*fd, nanos(*ms), nanos(*interval))
            }
            Call::Setsockopt { fd, option } => self.set_option(*fd, *option),
            Call::Limit { end } => {
                self.limit = *end;
                Ok(())
            }
        };
        done.map(|()| 0)
    }

    /// What a write means to the model: bytes, or the number that an eventfd takes.
    pub(crate) fn written(&self, fd: Fd, what: Amount) -> u64 {
        match what {
            Amount::Bytes(n) => n.into(),
            Amount::Value(value) if self.table.kind(fd) == Some(FileKind::Eventfd) => value,
            Amount::Value(_) => 8,
        }
    }

    fn accept(&mut self, fd: Fd, name: &Label) -> Result<(), Errno> {
        self.machine.file_under(fd).ok_or(Errno::EBADF)?;
        let places = self.take_places(1)?;
        for at in places {
            self.machine.accept(fd, at)?;
            self.table.insert(name.clone(), at, FileKind::Tcp);
        }
        Ok(())
    }

    fn dup(&mut self, fd: Fd, name: &Label, least: Option<Fd>) -> Result<(), Errno> {
        self.machine.file_under(fd).ok_or(Errno::EBADF)?;
        let places = match least {
            Some(least) if self.given.is_empty() => vec![self.place_from(least)?],
            _ => self.take_places(1)?,
        };
        for at in places {
            self.machine.dup(fd, at.fd)?;
            self.table.duplicate(fd, name.clone(), at.fd);
        }
        Ok(())
    }

    fn set_option(&mut self, fd: Fd, option: SocketOption) -> Result<(), Errno> {
        let granted = self.granted.take();
        match option {
            SocketOption::RcvLowat(n) => self.machine.rcvlowat(fd, granted.unwrap_or(n)),
            SocketOption::SndBuf(n) => {
                self.machine.sndbuf(fd, granted.unwrap_or_else(|| buffer(Some(n))))
            }
            SocketOption::RcvBuf(n) => self.machine.rcvbuf(fd, granted.unwrap_or(n)),
            SocketOption::Linger(_) => self.machine.linger(fd),
            // The model holds nothing back as it is.
            SocketOption::NoDelay(_) => self.machine.rcvbuf(fd, 0),
        }
    }

    // --- waiting

    /// The answer to a query that does not sleep.
    fn ask(&mut self, query: &Query) -> Seen {
        let found = match query {
            Query::Wait { ep, max } => {
                let events = self.machine.wait(*ep, *max);
                return events.map_or_else(Seen::Errno, |events| self.table.reported(&events));
            }
            Query::Scan { way: Way::Poll, fds, .. } => Ok(self.machine.poll(fds)),
            Query::Scan { way: Way::Select, fds, .. } => self.machine.select(fds),
        };
        found.map_or_else(Seen::Errno, |found| query.polled(&found))
    }

    /// A thread enters a call. Whether it did not fail.
    fn enter(&mut self, lane: LaneId, query: &Query, ms: Option<u32>) -> bool {
        let entered = match query {
            Query::Wait { ep, max } => self.machine.park_wait(lane, *ep, *max),
            Query::Scan { way, fds, .. } => self.machine.park_poll(lane, fds, *way, ms != Some(0)),
        };
        self.entered(lane, query, ms, entered)
    }

    fn entered(
        &mut self,
        lane: LaneId,
        query: &Query,
        ms: Option<u32>,
        entered: Result<(), Errno>,
    ) -> bool {
        if let Err(errno) = entered {
            self.seen.woke.insert(self.table.name_of(lane), Seen::Errno(errno));
            return false;
        }
        let until = ms.map(|ms| Nanos(self.now.0 + nanos(ms).0));
        self.sleepers.insert(lane, Sleeper { query: query.clone(), until });
        true
    }

    /// The main thread begins to wait.
    pub(crate) fn main_enters(&mut self, query: &Query, ms: Option<u32>) {
        self.enter(MAIN, query, ms);
    }

    /// The main thread has waited for its timeout: what it returned with.
    pub(crate) fn main_returns(&mut self, query: &Query) -> Outcome {
        self.machine.expire(MAIN);
        self.collect();
        self.back.retain(|lane| *lane != MAIN);
        let own = self.seen.woke.remove(&self.table.name_of(MAIN));
        self.seen.handed_over(query, own.unwrap_or_else(|| Seen::Events(Vec::new())))
    }

    /// What threads have returned with.
    pub(crate) fn collect(&mut self) {
        for (lane, woke) in self.machine.take_woken() {
            let Some(Sleeper { query, .. }) = self.sleepers.remove(&lane) else { continue };
            let seen = match woke {
                Woke::Events(events) => self.table.reported(&events),
                Woke::Polled(found) => query.polled(&found),
                Woke::Interrupted => Seen::Errno(Errno::EINTR),
                Woke::TimedOut => Seen::Events(Vec::new()),
            };
            self.back.push(lane);
            self.seen.woke.insert(self.table.name_of(lane), seen);
        }
    }

    /// The threads that are held in a harvest.
    pub(crate) fn frozen(&self) -> Vec<Label> {
        self.machine.frozen().into_iter().map(|lane| self.table.name_of(lane)).collect()
    }
}

impl Kernel for ModelKernel {
    fn table(&self) -> &Table {
        &self.table
    }

    fn seen(&mut self) -> [Option<&mut Observed>; 2] {
        [Some(&mut self.seen), None]
    }

    fn sets(&mut self) -> &mut Option<Query> {
        &mut self.table.sets
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

    fn end(&mut self, _action: &Action) -> Result<(), RunError> {
        self.collect();
        self.table.woken = self.back.first().copied().or(self.table.woken);
        self.back.clear();
        Ok(())
    }
}

/// What the kernel makes of a wish for SO_SNDBUF (socket(7)).
fn buffer(wish: Option<u32>) -> u32 {
    wish.map_or(SNDBUF, |wish| wish.min(SNDBUF).saturating_mul(2).max(LEAST_SNDBUF))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lesson::case::{Actor, FdArg};
    use crate::lesson::interpret::perform;

    fn does(kernel: &mut ModelKernel, action: &Action) -> Option<Outcome> {
        perform(kernel, action).expect("it can be made")
    }

    fn new(name: &str, kind: ActorKind) -> Action {
        Action::New { actor: Actor { line: 0, name: name.into(), kind, count: None } }
    }

    #[test]
    fn a_reset_of_what_is_no_socket_leaves_it_open() {
        let mut kernel = ModelKernel::new(KernelModel::new());
        does(&mut kernel, &new("p", ActorKind::Pipe { size: 4096 }));
        does(&mut kernel, &new("c", ActorKind::Client));
        let rst = |label: &str| Action::Rst { fd: FdArg::Named(label.into()) };
        let failed = Some(Outcome::Errno(Errno(nix::libc::ENOTSOCK)));
        assert_eq!(does(&mut kernel, &rst("p.r")), failed);
        assert_eq!(does(&mut kernel, &rst("c")), Some(Outcome::Value(0)));
        let open: Vec<_> = kernel.table.numbers_open().map(|(_, label)| label.as_str()).collect();
        assert_eq!(open, ["p.r", "p.w"]);
    }

    #[test]
    fn where_there_is_room_for_one_end_no_pair_is_made() {
        let mut kernel = ModelKernel::new(KernelModel::new());
        does(&mut kernel, &Action::Limit { free: Some(1) });
        let pair = new("s", ActorKind::Pair { sndbuf: None });
        assert_eq!(does(&mut kernel, &pair), Some(Outcome::Errno(Errno::EMFILE)));
        assert_eq!(does(&mut kernel, &new("t", ActorKind::Timerfd)), Some(Outcome::Value(0)));
        assert_eq!(kernel.table.most_open, 1);
    }

    #[test]
    fn a_thread_that_sleeps_makes_no_other_call() {
        let mut kernel = ModelKernel::new(KernelModel::new());
        does(&mut kernel, &new("e", ActorKind::Epoll));
        does(&mut kernel, &new("v", ActorKind::Eventfd { value: 0, semaphore: false }));
        let lane = kernel.thread(&"A".into()).expect("a thread");
        let ep = kernel.table.number(&FdArg::Named("e".into()));
        kernel.wait(lane, &Query::Wait { ep, max: 1 }, None).expect("it waits");
        let fd = FdArg::Named("v".into());
        let by = Some(crate::lesson::case::Who::Thread("A".into()));
        let read = perform(&mut kernel, &Action::Read { fd, n: 8, who: by });
        assert_eq!(read, Err(RunError::refused("thread A sleeps")));
    }
}
