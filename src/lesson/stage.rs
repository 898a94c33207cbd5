//! The real thing behind the labels of a case: descriptors, threads, and a harvest that can be
//! held inside the kernel.
//!
//! A stage makes calls and says what the kernel answered; what should have been answered is none
//! of its business. It belongs into a process of its own: it expects the small numbers to be free,
//! and changes the limit of descriptors.

mod charge;
pub(crate) mod files;
pub(crate) mod job;
mod loopback;
pub(crate) mod make;
pub(crate) mod own;
mod settle;
pub(crate) mod table;
pub(crate) mod worker;

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddrV4;
use std::os::fd::OwnedFd;
use std::time::Duration;

use crate::event::{Errno, Fd, FileId, FileKind, LaneId};
use crate::kernel::fdinfo::{Fdinfo, Registration};
use crate::sim::Flow;
use crate::sys::clock::Clock;
use crate::sys::fault::{HeldBuffer, userfault};
use crate::sys::signal;

use super::case::{FdArg, Label, MAX_EPOLLS, MAX_THREADS, Need};
use charge::Charges;
use job::{Done, Job, errno};
use loopback::Loopback;
use own::{Kept, Own};
use table::Table;
use worker::{PATIENCE, Worker};

/// The lane of the main thread; those of the others follow.
pub(crate) const MAIN: LaneId = LaneId(1);

/// Why a step could not be made at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum StageError {
    /// The step asks for what cannot be done now.
    #[error("{0}")]
    Refused(String),
    /// The system refused the tool something that it needs.
    #[error("{operation}: {reason}")]
    System {
        /// What was tried.
        operation: String,
        /// The error in words.
        reason: String,
    },
    /// A thread neither sleeps nor returns.
    #[error("the threads did not come to rest within {} s", PATIENCE.as_secs())]
    Restless,
}

impl StageError {
    /// A failure of the tool's own `operation`.
    pub(crate) fn system(operation: &str, reason: &dyn std::fmt::Display) -> Self {
        Self::System { operation: operation.to_owned(), reason: reason.to_string() }
    }

    /// A step that cannot be made.
    pub(crate) fn refused(why: impl Into<String>) -> Self {
        Self::Refused(why.into())
    }
}

/// A new descriptor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NewFd {
    /// Its label.
    pub(crate) label: Label,
    /// Its number.
    pub(crate) fd: Fd,
    /// The file behind it.
    pub(crate) file: FileId,
    /// What that is.
    pub(crate) what: FileKind,
}

/// Real descriptors and threads.
#[derive(Debug)]
pub(crate) struct Stage {
    /// Held harvests: closing the descriptor lets one go on. With the epoll instance of each. They
    /// are dropped before everything else: a close of what they watch would wait for them.
    frozen: BTreeMap<LaneId, (FileId, OwnedFd)>,
    clock: Clock,
    own: Own,
    table: Table,
    workers: Vec<Worker>,
    fdinfo: BTreeMap<FileId, Fdinfo>,
    loopback: Loopback,
    charges: Charges,
    /// How long it was waited for rest, beyond what the machine took for it.
    waited: Duration,
    /// A port that is taken, and on which nobody listens.
    nobody: Option<(OwnedFd, SocketAddrV4)>,
}

impl Stage {
    /// An empty stage.
    ///
    /// # Errors
    /// If a limit cannot be raised or a signal handler not be set.
    pub(crate) fn new(clock: Clock) -> Result<Self, StageError> {
        let own = Own::new().map_err(|e| StageError::system("setrlimit(RLIMIT_NOFILE)", &e))?;
        signal::install_user_handler().map_err(|e| StageError::system("sigaction(SIGUSR1)", &e))?;
        Ok(Self {
            clock,
            own,
            table: Table::default(),
            workers: Vec::new(),
            frozen: BTreeMap::new(),
            fdinfo: BTreeMap::new(),
            loopback: Loopback::default(),
            charges: Charges::default(),
            waited: Duration::ZERO,
            nobody: None,
        })
    }

    /// The descriptors.
    pub(crate) fn table(&self) -> &Table {
        &self.table
    }

    /// The threads, in the order of their lanes.
    pub(crate) fn workers(&self) -> &[Worker] {
        &self.workers
    }

    /// The number that `arg` stands for.
    ///
    /// # Errors
    /// [`StageError::Refused`] if it is one of the tool's own.
    pub(crate) fn number(&self, arg: &FdArg) -> Result<Fd, StageError> {
        let fd = self.table.number(arg);
        let reserved = self.own.first()..self.end_of_numbers();
        if (0..own::FIRST_NUMBER).contains(&fd.0) || reserved.contains(&fd.0) {
            return Err(StageError::Refused(format!("number {fd} is the tool's own")));
        }
        Ok(fd)
    }

    /// No descriptor of this process has this number or a higher one.
    pub(crate) fn end_of_numbers(&self) -> i32 {
        self.own.first().saturating_add(own::MOST_OWN)
    }

    /// Whether so many more descriptors of the case would have numbers below the tool's own.
    ///
    /// # Errors
    /// [`StageError::Refused`] with how many there may be.
    pub(crate) fn has_numbers(&self, more: usize) -> Result<(), StageError> {
        let skip = u32::try_from(more.saturating_sub(1)).unwrap_or(u32::MAX);
        if more > 0 && self.table.free(skip).0 >= self.own.first() {
            return Err(StageError::Refused(self.own.bound()));
        }
        Ok(())
    }

    /// Whether there may be so many more epoll instances: the tool keeps a file open for each.
    ///
    /// # Errors
    /// [`StageError::Refused`] with how many there may be.
    pub(crate) fn has_epolls(&self, more: usize) -> Result<(), StageError> {
        let mut kept = self.kept();
        kept.epolls += more;
        if kept.epolls > MAX_EPOLLS {
            let why = format!("a case may have {MAX_EPOLLS} epoll instances at a time");
            return Err(StageError::Refused(why));
        }
        self.own.holds(kept).map_err(StageError::Refused)
    }

    /// What the tool has open for this case, or will have.
    fn kept(&self) -> Kept {
        Kept {
            threads: self.workers.len(),
            epolls: self.table.open_files(|file| file.what == FileKind::Epoll),
            held: self.frozen.len(),
            sockets: usize::from(self.nobody.is_some()) + self.charges.sockets(),
        }
    }

    // --- threads

    /// The lane of the thread with this name, if it was ever named.
    pub(crate) fn lane_of(&self, name: &Label) -> Option<LaneId> {
        self.workers.iter().find(|worker| worker.name == *name).map(|worker| worker.lane)
    }

    /// The lane of the thread with this name, which is started if it is new.
    ///
    /// # Errors
    /// If there are too many, or the system refuses another.
    pub(crate) fn thread(&mut self, name: &Label) -> Result<LaneId, StageError> {
        if let Some(lane) = self.lane_of(name) {
            return Ok(lane);
        }
        let count = self.workers.len();
        if count >= MAX_THREADS {
            return Err(StageError::Refused(format!("more than {MAX_THREADS} threads")));
        }
        let kept = Kept { threads: count + 1, ..self.kept() };
        self.own.holds(kept).map_err(StageError::Refused)?;
        let lane = LaneId(u16::try_from(count).unwrap_or(u16::MAX).saturating_add(MAIN.0 + 1));
        let worker = Worker::start(name.clone(), lane, self.clock, &self.own)
            .map_err(|e| StageError::system("start a thread", &e))?;
        self.workers.push(worker);
        Ok(lane)
    }

    /// Whether the thread is in a call that has not returned.
    pub(crate) fn sleeps(&self, lane: LaneId) -> bool {
        self.worker(lane).is_some_and(|worker| worker.called)
    }

    fn worker(&self, lane: LaneId) -> Option<&Worker> {
        self.workers.iter().find(|worker| worker.lane == lane)
    }

    fn awake(&mut self, lane: LaneId) -> Result<&mut Worker, StageError> {
        let worker = self.workers.iter_mut().find(|worker| worker.lane == lane);
        let worker = worker.ok_or_else(|| StageError::refused("there is no such thread"))?;
        if worker.called {
            return Err(StageError::Refused(format!("thread {} is asleep", worker.name)));
        }
        Ok(worker)
    }

    /// Makes a call that does not sleep, or sleeps for a while only, in the thread of `lane`.
    ///
    /// # Errors
    /// If that thread is asleep, or does not come back.
    pub(crate) fn call(&mut self, lane: LaneId, job: Job) -> Result<Done, StageError> {
        if lane == MAIN {
            return Ok(job.perform(self.clock));
        }
        let worker = self.awake(lane)?;
        worker.give(job);
        worker.wait(PATIENCE).ok_or(StageError::Restless)
    }

    /// Lets a thread make a call in which it may sleep, and waits until it does or has returned.
    ///
    /// # Errors
    /// If that thread is asleep already, or the threads do not come to rest.
    pub(crate) fn park(&mut self, lane: LaneId, job: Job) -> Result<(), StageError> {
        self.awake(lane)?.give(job);
        self.settle()
    }

    /// Lets a thread harvest `ep` and holds it while it copies event number `at`.
    ///
    /// # Errors
    /// If that thread is asleep already, or the system refuses userfaultfd(2).
    pub(crate) fn freeze(
        &mut self,
        lane: LaneId,
        ep: Fd,
        max: u32,
        at: u32,
    ) -> Result<(), StageError> {
        self.awake(lane)?;
        let kept = Kept { held: self.frozen.len() + 1, ..self.kept() };
        self.own.holds(kept).map_err(StageError::Refused)?;
        let fault = self.own.aside(|own| Ok(own.keep(userfault()?)));
        let fault =
            fault.map_err(|e| StageError::Refused(format!("userfaultfd is refused: {e}")))?;
        let buffer = HeldBuffer::new(&fault, max, at);
        let buffer = buffer.map_err(|e| StageError::system("ioctl(UFFDIO_REGISTER)", &e))?;
        let file = self.table.file_at(ep).map_or(FileId(0), |file| file.id);
        self.frozen.insert(lane, (file, fault));
        self.awake(lane)?.give(Job::HeldWait { ep, buffer });
        self.settle()
    }

    /// Lets a frozen thread go on. Whether it was frozen.
    pub(crate) fn thaw(&mut self, lane: LaneId) -> bool {
        self.frozen.remove(&lane).is_some()
    }

    /// The epoll instances of which a harvest is held.
    pub(crate) fn frozen(&self) -> impl Iterator<Item = FileId> {
        self.frozen.values().map(|(ep, _)| *ep)
    }

    /// Waits until the thread's own timeout, at most `at_most` from now, has brought it back.
    /// Whether it came back.
    pub(crate) fn expire(&self, lane: LaneId, at_most: Duration) -> bool {
        self.worker(lane).is_some_and(|worker| worker.returned(at_most + PATIENCE))
    }

    /// Sends SIGUSR1 to a thread.
    pub(crate) fn signal(&self, lane: LaneId) {
        if let Some(worker) = self.worker(lane) {
            worker.signal();
        }
    }

    /// Waits until everything sent over loopback has arrived and every thread sleeps or has
    /// returned.
    ///
    /// # Errors
    /// If the threads do not come to rest.
    pub(crate) fn settle(&mut self) -> Result<(), StageError> {
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

    // --- limits and lists

    /// Lets just `free` more descriptors be opened; `None` sets the limit back. The number from
    /// which on none can be.
    ///
    /// # Errors
    /// What setrlimit(2) lists.
    pub(crate) fn limit(&mut self, free: Option<u32>) -> Result<Option<Fd>, StageError> {
        let end = free.map(|free| self.table.free(free).0.min(self.own.first()));
        let set = self.own.limit(end).map(|()| end.map(Fd));
        set.map_err(|e| StageError::system("setrlimit(RLIMIT_NOFILE)", &e))
    }

    /// The interest list of the epoll instance with this number, from fdinfo, by number and data.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub(crate) fn interest(&mut self, ep: Fd) -> Result<Vec<Registration>, StageError> {
        let failed = |e: io::Error| StageError::system("read /proc/self/fdinfo", &e);
        let id = self.table.file_at(ep).map(|file| file.id);
        let id = id.ok_or_else(|| StageError::refused("that epoll instance is closed"))?;
        let file = match self.fdinfo.entry(id) {
            std::collections::btree_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::btree_map::Entry::Vacant(entry) => {
                let open = |own: &Own| Fdinfo::open_kept(ep, |fd| own.keep(fd));
                entry.insert(self.own.aside(open).map_err(failed)?)
            }
        };
        let mut list = file.registrations().map_err(failed)?;
        list.sort_unstable();
        Ok(list)
    }
}

/// Whether the system grants `need`.
///
/// # Errors
/// Why it does not.
pub(crate) fn grants(need: Need) -> Result<(), Errno> {
    match need {
        Need::Userfaultfd => userfault().map(drop).map_err(errno),
    }
}
