//! The model as a [`Kernel`](super::kernel::Kernel): it gives the numbers that a process without
//! other descriptors would get, and its time is that of the steps. What is seen is what the kernel
//! would show, if the model is right.

mod as_kernel;

use std::collections::BTreeMap;

use crate::event::{Errno, Fd, FileKind, LaneId, Nanos, SocketOption};
use crate::sim::{KernelModel, Place, Way, Woke};

use super::case::{ActorKind, Amount, Label, Outcome, Seen};
use super::kernel::{Call, Observed, Query, nanos};
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
            (ActorKind::Ring { entries }, [at]) => machine.ring(*at, entries),
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
            Call::LimitSignals { room } => {
                self.machine.limit_signals(room.map(u64::from));
                Ok(())
            }
            Call::Async { fd } => self.machine.send_signals(*fd),
            Call::Blocking { fd } => self.machine.file_under(*fd).ok_or(Errno::EBADF).map(|file| {
                self.table.blocking.insert(file);
            }),
            Call::Enter { ring, submit } => return self.machine.ring_submit(*ring, *submit),
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
            // Only a thread asks so.
            Query::Read { .. } | Query::Enter { .. } => Err(Errno::EINVAL),
            Query::Scan { way: Way::Poll, fds, .. } => Ok(self.machine.poll(fds)),
            Query::Scan { way: Way::Select, fds, .. } => self.machine.select(fds),
        };
        found.map_or_else(Seen::Errno, |found| query.polled(&found))
    }

    /// A thread enters a call. Whether it did not fail.
    fn enter(&mut self, lane: LaneId, query: &Query, ms: Option<u32>) -> bool {
        let entered = match query {
            Query::Wait { ep, max } => self.machine.park_wait(lane, *ep, *max),
            Query::Read { fd, len } => self.machine.park_read(lane, *fd, (*len).into()),
            Query::Enter { ring, submit, wait } => {
                self.machine.ring_enter(lane, *ring, *submit, *wait)
            }
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
                Woke::Number(result) => result.map_or_else(Seen::Errno, Seen::number),
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

/// What the kernel makes of a wish for SO_SNDBUF (socket(7)).
fn buffer(wish: Option<u32>) -> u32 {
    wish.map_or(SNDBUF, |wish| wish.min(SNDBUF).saturating_mul(2).max(LEAST_SNDBUF))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lesson::case::{Action, Actor, FdArg};
    use crate::lesson::interpret::perform;
    use crate::lesson::kernel::{Kernel as _, RunError};

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
