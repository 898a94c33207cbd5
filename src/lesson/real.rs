//! This machine's kernel as a [`Kernel`](super::kernel::Kernel): real descriptors, threads, and a
//! harvest that can be held inside.
//!
//! It makes calls and says what was answered; what should have been answered is none of its
//! business. It belongs into a process of its own: it expects the small numbers to be free, and
//! changes the limit of descriptors.

mod as_kernel;
mod calls;
mod charge;
mod counters;
pub(crate) mod job;
mod log;
mod loopback;
mod make;
mod measure;
mod notices;
pub(crate) mod reserved;
mod settle;
mod uring;
pub(crate) mod worker;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::SocketAddrV4;
use std::os::fd::OwnedFd;
use std::time::Duration;

use crate::event::{Errno, Fd, FileId, Kind, LaneChange, LaneId, Mask, Nanos, Syscall};
use crate::kernel::fdinfo::{Fdinfo, Registration};
use crate::sim::{Flow, Way};
use crate::sys::clock::Clock;
use crate::sys::fault::userfault;
use crate::sys::ring::Ring;
use crate::sys::signal;

use super::case::{MAX_EPOLLS, Need};
use super::kernel::{Observed, Query, RunError, nanos};
use super::table::{MAIN, Table};
use charge::Charges;
use job::{Done, Job, errno};
use log::Log;
use loopback::Loopback;
use notices::SignalQueue;
use reserved::{Kept, ReservedFds};
use worker::{PATIENCE, Worker};

pub(crate) use calls::granted;
pub(crate) use uring::refusal;

/// A call in which a thread sleeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sleeper {
    /// The call.
    pub(crate) call: Syscall,
    /// What it asks.
    pub(crate) query: Query,
    /// Its own timeout in milliseconds; `None` if it has none, or is held.
    pub(crate) timeout: Option<u32>,
    /// When it was made.
    since: Nanos,
}

/// Real descriptors and threads.
#[derive(Debug)]
pub(crate) struct RealKernel {
    /// Held harvests: closing the descriptor lets one go on. With the epoll instance of each. They
    /// are dropped before everything else: a close of what they watch would wait for them.
    frozen: BTreeMap<LaneId, (FileId, OwnedFd)>,
    rings: BTreeMap<FileId, Ring<()>>,
    signals: SignalQueue,
    clock: Clock,
    reserved: ReservedFds,
    /// What the labels stand for.
    pub(crate) table: Table,
    owned: BTreeMap<Fd, OwnedFd>,
    workers: Vec<Worker>,
    sleepers: BTreeMap<LaneId, Sleeper>,
    fdinfo: BTreeMap<FileId, Fdinfo>,
    loopback: Loopback,
    charges: Charges,
    /// How long it was waited for rest, beyond what the machine took for it.
    waited: Duration,
    /// A port that is taken, and on which nobody listens.
    nobody: Option<(OwnedFd, SocketAddrV4)>,
    /// The number from which on the case lets nothing be opened.
    limit: Option<Fd>,
    /// The regular files, which keep what is written to them, and how much that was.
    regular: BTreeSet<FileId>,
    kept: u64,
    /// The sockets whose last close resets the connection (`SO_LINGER` with 0).
    resets: BTreeSet<FileId>,
    /// What is told and counted of the calls.
    pub(crate) log: Log,
    /// What was seen in this step.
    pub(crate) seen: Observed,
    /// The kernel's number for the main thread.
    pub(crate) tid: u32,
}

impl RealKernel {
    /// A process without descriptors of a case, and with one thread.
    ///
    /// # Errors
    /// If a limit cannot be raised or a signal handler not be set.
    pub(crate) fn new(clock: Clock) -> Result<Self, RunError> {
        let reserved =
            ReservedFds::new().map_err(|e| RunError::system("setrlimit(RLIMIT_NOFILE)", &e))?;
        signal::block_observer_signals().map_err(|e| RunError::system("block signals", &e))?;
        signal::install_user_handler().map_err(|e| RunError::system("sigaction(SIGUSR1)", &e))?;
        let tid = u32::try_from(nix::unistd::gettid().as_raw()).unwrap_or(0);
        let mut log = Log::default();
        log.tell(Nanos(clock.now()), MAIN, Kind::Lane(LaneChange::Started { tid }));
        Ok(Self {
            frozen: BTreeMap::new(),
            rings: BTreeMap::new(),
            signals: SignalQueue::default(),
            clock,
            reserved,
            table: Table::default(),
            owned: BTreeMap::new(),
            workers: Vec::new(),
            sleepers: BTreeMap::new(),
            fdinfo: BTreeMap::new(),
            loopback: Loopback::default(),
            charges: Charges::default(),
            waited: Duration::ZERO,
            nobody: None,
            limit: None,
            regular: BTreeSet::new(),
            kept: 0,
            resets: BTreeSet::new(),
            log,
            seen: Observed::default(),
            tid,
        })
    }

    /// The time since the case began.
    pub(crate) fn now(&self) -> Nanos {
        Nanos(self.clock.now())
    }

    /// The threads, in the order of their lanes.
    pub(crate) fn workers(&self) -> &[Worker] {
        &self.workers
    }

    /// The call in which a thread sleeps.
    pub(crate) fn sleeper(&self, lane: LaneId) -> Option<&Sleeper> {
        self.sleepers.get(&lane)
    }

    /// No descriptor of the case has this number or a higher one.
    pub(crate) fn end_of_case(&self) -> Fd {
        Fd(self.reserved.first())
    }

    /// No descriptor of this process has this number or a higher one.
    fn end_of_numbers(&self) -> i32 {
        self.reserved.first().saturating_add(reserved::MOST_OWN)
    }

    /// Whether so many more descriptors of the case would have numbers below the tool's own.
    fn has_numbers(&self, more: usize) -> Result<(), RunError> {
        let skip = u32::try_from(more.saturating_sub(1)).unwrap_or(u32::MAX);
        if more > 0 && self.table.free(skip).0 >= self.reserved.first() {
            return Err(RunError::Refused(self.reserved.bound()));
        }
        Ok(())
    }

    /// Whether there may be so many more epoll instances: the tool keeps a file open for each.
    fn has_epolls(&self, more: usize) -> Result<(), RunError> {
        let mut kept = self.kept();
        kept.epolls += more;
        if kept.epolls > MAX_EPOLLS {
            let why = format!("a case may have {MAX_EPOLLS} epoll instances at a time");
            return Err(RunError::Refused(why));
        }
        self.reserved.holds(kept).map_err(RunError::Refused)
    }

    /// What the tool has open for this case, or will have.
    fn kept(&self) -> Kept {
        Kept {
            threads: self.workers.len(),
            epolls: self.table.epolls(),
            held: self.frozen.len(),
            sockets: usize::from(self.nobody.is_some()) + self.charges.sockets(),
        }
    }

    /// Whether that call tells of all that it asks.
    ///
    /// # Errors
    /// [`RunError::Refused`] of a number that select(2) ignores.
    pub(crate) fn can_ask(&self, query: &Query) -> Result<(), RunError> {
        let Query::Scan { way: Way::Select, fds, .. } = query else { return Ok(()) };
        // One that is in no set only makes them longer.
        let far = |(fd, mask): &&(Fd, Mask)| !mask.is_empty() && fd.0 >= self.end_of_numbers();
        match fds.iter().find(far) {
            Some((fd, _)) => Err(RunError::Refused(format!("select ignores a number like {fd}"))),
            None => Ok(()),
        }
    }

    // --- threads

    fn worker(&self, lane: LaneId) -> Option<&Worker> {
        self.workers.iter().find(|worker| worker.lane == lane)
    }

    fn awake(&mut self, lane: LaneId) -> Result<&mut Worker, RunError> {
        let worker = self.workers.iter_mut().find(|worker| worker.lane == lane);
        let worker = worker.ok_or_else(|| RunError::refused("there is no such thread"))?;
        if worker.called {
            return Err(RunError::Refused(format!("thread {} is asleep", worker.name)));
        }
        Ok(worker)
    }

    /// Makes a call that does not sleep, or sleeps for a while only, in the thread of `lane`.
    fn work(&mut self, lane: LaneId, job: Job) -> Result<Done, RunError> {
        if lane == MAIN {
            return Ok(job.perform(self.clock));
        }
        let worker = self.awake(lane)?;
        worker.give(job);
        worker.wait(PATIENCE).ok_or_else(settle::restless)
    }

    /// The epoll instances of which a harvest is held.
    pub(crate) fn frozen(&self) -> impl Iterator<Item = FileId> {
        self.frozen.values().map(|(ep, _)| *ep)
    }

    /// Waits until the thread's own timeout has brought it back. Whether it did.
    ///
    /// # Errors
    /// If it has none.
    pub(crate) fn wait_for_timeout(&mut self, lane: LaneId) -> Result<bool, RunError> {
        let sleeper = self.sleepers.get(&lane);
        let Some((ms, since)) = sleeper.and_then(|sleeper| Some((sleeper.timeout?, sleeper.since)))
        else {
            let name = self.table.name_of(lane);
            return Err(RunError::Refused(format!("thread {name} has no timeout")));
        };
        let left = nanos(ms).0.saturating_sub(self.now().since(since).0);
        let at_most = Duration::from_nanos(left) + PATIENCE;
        Ok(self.worker(lane).is_some_and(|worker| worker.returned(at_most)))
    }

    /// Waits until everything sent over loopback has arrived and every thread sleeps or has
    /// returned.
    ///
    /// # Errors
    /// If the threads do not come to rest.
    pub(crate) fn settle(&mut self) -> Result<(), RunError> {
        self.waited += self.loopback.wait(&self.table);
        self.waited += settle::settle(&self.workers, !self.frozen.is_empty())?;
        Ok(())
    }

    /// The open numbers of connections that a full window holds back, each with its file.
    pub(crate) fn held_back(&self) -> Vec<(FileId, Fd)> {
        let number = |file: FileId| Some((file, *self.table.file(file)?.fds.first()?));
        self.loopback.held_back(&self.table).into_iter().filter_map(number).collect()
    }

    /// The open connections, each with its number and what the kernel says of its streams.
    pub(crate) fn flows(&self) -> Vec<(FileId, Fd, Flow)> {
        self.loopback.flows(&self.table)
    }

    /// How long it was waited for rest since the last call of this, on purpose.
    pub(crate) fn take_waited(&mut self) -> Duration {
        std::mem::take(&mut self.waited)
    }

    /// The threads that have returned since the last call, by lane, with what came of it.
    pub(crate) fn returned(&mut self) -> Vec<(LaneId, Done)> {
        let called = self.workers.iter_mut().filter(|worker| worker.called);
        let mut back: Vec<_> =
            called.filter_map(|worker| Some((worker.lane, worker.take()?))).collect();
        // Who was not held after all has nothing left to be let go from.
        for (lane, _) in &back {
            self.frozen.remove(lane);
        }
        back.sort_by_key(|(lane, _)| *lane);
        back
    }

    /// Notes what a thread returned with.
    ///
    /// # Errors
    /// If it came back from another call.
    pub(crate) fn came_back(&mut self, lane: LaneId, done: &Done) -> Result<(), RunError> {
        let Some(sleeper) = self.sleepers.remove(&lane) else { return Ok(()) };
        let seen = self.handed_over(lane, sleeper.call, &sleeper.query, done)?;
        let name = self.table.name_of(lane);
        self.log.counters.woke(&name);
        self.seen.woke.insert(name, seen);
        Ok(())
    }

    /// The interest list of the epoll instance with this number, from fdinfo, by number and data.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub(crate) fn interest(&mut self, ep: Fd) -> Result<Vec<Registration>, RunError> {
        let failed = |e: io::Error| RunError::system("read /proc/self/fdinfo", &e);
        let id = self.table.file_at(ep).map(|file| file.id);
        let id = id.ok_or_else(|| RunError::refused("that epoll instance is closed"))?;
        let file = match self.fdinfo.entry(id) {
            std::collections::btree_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::btree_map::Entry::Vacant(entry) => {
                let open = |own: &ReservedFds| Fdinfo::open_kept(ep, |fd| own.keep(fd));
                entry.insert(self.reserved.aside(open).map_err(failed)?)
            }
        };
        let mut list = file.registrations().map_err(failed)?;
        list.sort_unstable();
        Ok(list)
    }
}

/// A thread came back with the answer of another call.
fn strange() -> RunError {
    RunError::Failed("a call came back as another one".to_owned())
}

/// Whether the system grants `need`.
///
/// # Errors
/// Why it does not.
pub(crate) fn grants(need: Need) -> Result<(), Errno> {
    match need {
        Need::Userfaultfd => userfault().map(drop).map_err(errno),
        Need::IoUring => uring::try_one(),
    }
}
