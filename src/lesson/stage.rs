//! The real thing behind the labels of a case: descriptors, threads, and a harvest that can be
//! held inside the kernel.
//!
//! A stage makes calls and says what the kernel answered; what should have been answered is none
//! of its business. It belongs into a process of its own: it expects the small numbers to be free,
//! and changes the limit of descriptors.

mod charge;
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
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::Duration;

use nix::sys::epoll::{Epoll, EpollCreateFlags};
use nix::sys::eventfd::EventFd;
use nix::sys::socket::{Shutdown, SockaddrIn, bind, getpeername, getsockname, shutdown};

use crate::event::{Errno, Fd, FileId, FileKind, How, LaneId, Mask};
use crate::kernel::fdinfo::{Fdinfo, Registration};
use crate::sys::clock::Clock;
use crate::sys::fault::{HeldBuffer, userfault};
use crate::sys::{number, signal, socket};

use super::case::{ActorKind, FdArg, Label, MAX_THREADS, Need, SockOpt};
use charge::Charges;
use job::{Answer, Done, Job, errno};
use loopback::Loopback;
use make::{Made, Maker, address_of, loopback as loopback_address};
use own::Own;
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
    clock: Clock,
    own: Own,
    table: Table,
    workers: Vec<Worker>,
    /// Held harvests: closing the descriptor lets one go on. With the epoll instance of each.
    frozen: BTreeMap<LaneId, (Fd, OwnedFd)>,
    fdinfo: BTreeMap<FileId, Fdinfo>,
    loopback: Loopback,
    charges: Charges,
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
            nobody: None,
        })
    }

    /// Whether the system grants `need`.
    pub(crate) fn grants(&self, need: Need) -> Result<(), Errno> {
        match need {
            Need::Userfaultfd => userfault().map(drop).map_err(errno),
        }
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
        let reserved = self.own.first()..self.own.first().saturating_add(own::MOST_OWN);
        if (0..own::FIRST_NUMBER).contains(&fd.0) || reserved.contains(&fd.0) {
            return Err(StageError::Refused(format!("number {fd} is the tool's own")));
        }
        Ok(fd)
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
        let lane = LaneId(u8::try_from(count).unwrap_or(u8::MAX).saturating_add(MAIN.0 + 1));
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
        let fault = self.own.aside(|own| Ok(own.keep(userfault()?)));
        let fault = fault.map_err(|e| StageError::system("userfaultfd", &e))?;
        let buffer = HeldBuffer::new(&fault, max, at);
        let buffer = buffer.map_err(|e| StageError::system("ioctl(UFFDIO_REGISTER)", &e))?;
        self.frozen.insert(lane, (ep, fault));
        self.awake(lane)?.give(Job::HeldWait { ep, buffer });
        self.settle()
    }

    /// Lets a frozen thread go on. Whether it was frozen.
    pub(crate) fn thaw(&mut self, lane: LaneId) -> bool {
        self.frozen.remove(&lane).is_some()
    }

    /// The epoll instances of which a harvest is held.
    pub(crate) fn frozen(&self) -> impl Iterator<Item = Fd> {
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
        self.loopback.wait(&self.table);
        settle::settle(&self.workers, !self.frozen.is_empty())
    }

    /// Waits until nothing has moved over loopback for a while.
    pub(crate) fn wait_still(&self, still: Duration) {
        self.loopback.wait_still(&self.table, still);
    }

    /// The threads that have returned since the last call, by lane, with what came of it.
    pub(crate) fn returned(&mut self) -> Vec<(LaneId, Done)> {
        let called = self.workers.iter_mut().filter(|worker| worker.called);
        let mut back: Vec<_> =
            called.filter_map(|worker| Some((worker.lane, worker.take()?))).collect();
        // Who was not held after all has nothing left to be let go from.
        back.iter().for_each(|(lane, _)| drop(self.frozen.remove(lane)));
        back.sort_by_key(|(lane, _)| *lane);
        back
    }

    // --- descriptors

    /// Makes the descriptors of an actor called `name`, or says why the kernel refused; and the
    /// calls that were made for it.
    pub(crate) fn make(
        &mut self,
        name: &Label,
        kind: ActorKind,
    ) -> (Result<Vec<NewFd>, Errno>, Vec<Made>) {
        let mut maker = Maker::new(self.clock);
        let made = maker.make(kind);
        let ends = made.map(|ends| {
            let labels = kind.ends().iter().map(|end| Label::new(format!("{name}{end}")));
            labels.zip(ends).map(|(label, (fd, what))| self.insert(label, fd, what)).collect()
        });
        (ends, maker.calls)
    }

    fn insert(&mut self, label: Label, fd: OwnedFd, what: FileKind) -> NewFd {
        let (fd, file) = self.table.insert(label.clone(), fd, what);
        NewFd { label, fd, file, what }
    }

    /// accept4(2) by the thread of `lane`; the connection is called `label`.
    ///
    /// # Errors
    /// If that thread is asleep.
    pub(crate) fn accept(
        &mut self,
        lane: LaneId,
        fd: Fd,
        label: &Label,
    ) -> Result<(Result<NewFd, Errno>, Done), StageError> {
        let mut done = self.call(lane, Job::Accept { fd })?;
        let answer = std::mem::replace(&mut done.answer, Answer::Number(Ok(0)));
        let Answer::Accepted(accepted) = answer else {
            return Err(StageError::refused("accept4 came back as another call"));
        };
        let new = accepted.map(|conn| {
            let port = getpeername::<SockaddrIn>(conn.as_raw_fd()).map(|peer| peer.port());
            let new = self.insert(label.clone(), conn, FileKind::Tcp);
            if let (Some(listener), Ok(port)) = (self.table.file_at(fd), port) {
                self.loopback.accepted(listener.id, new.file, port);
            }
            new
        });
        Ok((new, done))
    }

    /// close(2) of a number by the thread of `lane`.
    ///
    /// # Errors
    /// If that thread is asleep.
    pub(crate) fn close(&mut self, lane: LaneId, fd: Fd, reset: bool) -> Result<Done, StageError> {
        if lane != MAIN {
            self.awake(lane)?;
        }
        let Some(closing) = self.table.take(fd) else {
            let now = crate::event::Nanos(self.clock.now());
            return Ok(Done {
                answer: Answer::Number(Err(Errno::EBADF)),
                started: now,
                ended: now,
            });
        };
        if closing.last {
            self.fdinfo.remove(&closing.file);
            self.loopback.finished(closing.file);
            if reset {
                self.loopback.reset(closing.file);
            }
        }
        self.call(lane, Job::Close { fd: closing.fd })
    }

    /// `SO_LINGER` with 0 seconds.
    ///
    /// # Errors
    /// What setsockopt(2) lists.
    pub(crate) fn linger_none(&self, fd: Fd) -> Result<(), Errno> {
        socket::reset_on_close(fd.0).map_err(errno)
    }

    /// dup(2); the copy is called `label`.
    ///
    /// # Errors
    /// What dup(2) lists.
    pub(crate) fn dup(&mut self, fd: Fd, label: &Label) -> Result<(Fd, FileId), Errno> {
        let copy = number::dup(fd.0).map_err(errno)?;
        self.table.duplicate(fd, label.clone(), copy).ok_or(Errno::EBADF)
    }

    /// shutdown(2)
    ///
    /// # Errors
    /// What shutdown(2) lists.
    pub(crate) fn shutdown(&mut self, fd: Fd, how: How) -> Result<(), Errno> {
        let direction = match how {
            How::Rd => Shutdown::Read,
            How::Wr => Shutdown::Write,
            How::RdWr => Shutdown::Both,
        };
        shutdown(fd.0, direction).map_err(errno)?;
        if let Some(file) = self.table.file_at(fd).filter(|_| how != How::Rd) {
            self.loopback.finished(file.id);
        }
        Ok(())
    }

    /// connect(2) of a client: to a listener, or to a port on which nobody listens.
    ///
    /// # Errors
    /// [`StageError`] if there is no such listener or no port to be had.
    pub(crate) fn connect(
        &mut self,
        fd: Fd,
        listener: Option<Fd>,
    ) -> Result<(Result<(), Errno>, Vec<Made>), StageError> {
        let (address, listener) = match listener {
            None => (self.nobody()?, None),
            Some(listener) => {
                let address = getsockname::<SockaddrIn>(listener.0)
                    .map_err(|e| StageError::system("getsockname of the listener", &e))?;
                let address = SocketAddrV4::new(address.ip(), address.port());
                (address, self.table.file_at(listener).map(|file| file.id))
            }
        };
        let mut maker = Maker::new(self.clock);
        let done = maker.connect(fd.0, address);
        let begun = done.is_ok() || done == Err(Errno(nix::libc::EINPROGRESS));
        let port = getsockname::<SockaddrIn>(fd.0).map(|own| own.port());
        if let (true, Ok(port), Some(file)) = (begun, port, self.table.file_at(fd)) {
            self.loopback.connects(file.id, port, listener);
        }
        Ok((done, maker.calls))
    }

    /// A loopback port that is taken and on which nobody listens.
    fn nobody(&mut self) -> Result<SocketAddrV4, StageError> {
        if let Some((_, address)) = &self.nobody {
            return Ok(*address);
        }
        let reserve = |own: &Own| {
            let (family, kind) =
                (nix::sys::socket::AddressFamily::Inet, nix::sys::socket::SockType::Stream);
            let flags = nix::sys::socket::SockFlag::SOCK_CLOEXEC;
            let fd = own.keep(nix::sys::socket::socket(family, kind, flags, None)?);
            bind(fd.as_raw_fd(), &loopback_address(0))?;
            let address = address_of(&fd).map_err(|e| io::Error::from_raw_os_error(e.0))?;
            Ok((fd, address))
        };
        let (fd, address) =
            self.own.aside(reserve).map_err(|e| StageError::system("reserve a port", &e))?;
        self.nobody = Some((fd, address));
        Ok(address)
    }

    /// timerfd_settime(2): milliseconds from now, and between the next expiries.
    pub(crate) fn arm(
        &mut self,
        fd: Fd,
        first_ms: u32,
        interval_ms: u32,
    ) -> (Result<(), Errno>, Vec<Made>) {
        let mut maker = Maker::new(self.clock);
        let done = maker.arm(fd.0, first_ms, interval_ms);
        (done, maker.calls)
    }

    /// setsockopt(2) of the level `SOL_SOCKET`.
    pub(crate) fn set_option(
        &mut self,
        fd: Fd,
        option: SockOpt,
        value: u32,
    ) -> (Result<(), Errno>, Vec<Made>) {
        let (name, what) = match option {
            SockOpt::RcvLowat => ("SO_RCVLOWAT", nix::libc::SO_RCVLOWAT),
            SockOpt::SndBuf => ("SO_SNDBUF", nix::libc::SO_SNDBUF),
            SockOpt::RcvBuf => ("SO_RCVBUF", nix::libc::SO_RCVBUF),
        };
        let mut maker = Maker::new(self.clock);
        let done = maker.set_option(fd.0, name, what, value);
        (done, maker.calls)
    }

    /// What the kernel made of `SO_SNDBUF` or `SO_RCVBUF`.
    ///
    /// # Errors
    /// What getsockopt(2) lists.
    pub(crate) fn buffer(&self, fd: Fd, option: SockOpt) -> Result<u32, Errno> {
        let what = match option {
            SockOpt::RcvLowat => nix::libc::SO_RCVLOWAT,
            SockOpt::SndBuf => nix::libc::SO_SNDBUF,
            SockOpt::RcvBuf => nix::libc::SO_RCVBUF,
        };
        let value = socket::option(fd.0, what).map_err(errno)?;
        Ok(u32::try_from(value).unwrap_or(0))
    }

    /// Bytes were written into the file with this number.
    pub(crate) fn wrote(&mut self, fd: Fd, bytes: u64) {
        if let Some(file) = self.table.file_at(fd) {
            self.loopback.wrote(file.id, bytes);
        }
    }

    /// What the kernel charges to its sender for one AF_UNIX message of so many bytes.
    ///
    /// # Errors
    /// If the kernel takes no such message, or cannot be asked.
    pub(crate) fn charge(&mut self, datagram: bool, bytes: u32) -> Result<u32, StageError> {
        self.charges
            .of(&self.own, datagram, bytes)
            .map_err(|e| StageError::system("ask what a message is charged", &e))
    }

    /// Whether the kernel keeps EPOLLWAKEUP for this process (epoll_ctl(2)).
    ///
    /// # Errors
    /// If it cannot be asked.
    pub(crate) fn keeps_wakeup(&self) -> Result<bool, StageError> {
        let ask = |own: &Own| {
            let ep = own.keep(Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?.0);
            let file = own.keep(OwnedFd::from(EventFd::new()?));
            let (number, watched) = (ep.as_raw_fd(), file.as_raw_fd());
            number::epoll_ctl(number, nix::libc::EPOLL_CTL_ADD, watched, Mask::WAKEUP.0, 0)?;
            let list = Fdinfo::open_kept(Fd(number), |fd| own.keep(fd))?.registrations()?;
            Ok(list.iter().any(|line| Mask(line.events).has(Mask::WAKEUP)))
        };
        self.own.aside(ask).map_err(|e| StageError::system("try EPOLLWAKEUP", &e))
    }

    // --- limits and lists

    /// Lets just `free` more descriptors be opened; `None` sets the limit back.
    ///
    /// # Errors
    /// What setrlimit(2) lists.
    pub(crate) fn limit(&mut self, free: Option<u32>) -> Result<(), StageError> {
        let end = free.map(|free| self.table.free(free).0.min(self.own.first()));
        self.own.limit(end).map_err(|e| StageError::system("setrlimit(RLIMIT_NOFILE)", &e))
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
