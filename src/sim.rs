//! The kernel as a machine: every epoll instance, every file and every thread of a small process, as the kernel
//! keeps them. Each method is one system call; the same calls give the same results and the same
//! lists as the kernel does.
//!
//! It is pure: numbers are given as the kernel gave them, time passes by [`KernelModel::advance`].
//! Threads that a call wakes run, in the order in which they were woken, before the call's method
//! returns; what they returned with is fetched by [`KernelModel::take_woken`].

mod block;
mod charge;
mod connect;
mod datagram;
mod epoll;
mod eventfd;
mod file;
mod flaw;
mod harvest;
mod link;
mod listener;
mod nest;
mod notice;
mod option;
mod pipe;
mod queue;
mod race;
mod ring;
pub(crate) mod rules;
mod scan;
mod side;
mod stream;
mod tcp;
#[cfg(test)]
mod tests;
mod thread;
mod timerfd;
mod udp;
mod view;
mod wakes;
mod words;

use std::collections::{BTreeMap, VecDeque};

use rustc_hash::FxHashMap;

use crate::event::{CtlOp, Errno, Fd, FileId, How, LaneId, Mask, Nanos, WatchKey};

use charge::Charges;
use connect::SynRetry;
use datagram::Datagram;
use epoll::{Epoll, Item};
pub(crate) use eventfd::Eventfd;
use file::{File, What};
pub use flaw::Flaw;
use link::{Joint, Link, LinkId};
use listener::Listener;
use notice::Notices;
use pipe::Pipe;
use queue::ItemId;
use race::Nondeterminism;
use ring::{Ring, Work};
pub use scan::ScanTally;
use side::Side;
use stream::Stream;
use tcp::Tcp;
use thread::Sleep;
use timerfd::Timerfd;
use udp::Udp;
pub use view::{FileView, InstanceView, WatchView};
pub use words::{Flow, Over, Place, Reported, Way, Woke};

/// The machine.
///
/// Its calls return what the kernel would, or the error number. EDEADLK, which none of these calls
/// returns, stands for a call that would sleep until a harvest that is held goes on.
#[derive(Clone, Debug, Default)]
pub struct KernelModel {
    now: Nanos,
    /// Whether there ever was a file to which time brings something.
    timed: bool,
    numbers: BTreeMap<Fd, FileId>,
    files: FxHashMap<FileId, File>,
    /// The open files in the order in which they were made.
    order: Vec<FileId>,
    epolls: FxHashMap<FileId, Epoll>,
    items: FxHashMap<ItemId, Item>,
    last_item: u32,
    links: FxHashMap<LinkId, Link>,
    last_link: u32,
    charges: Charges,
    /// Clients that were not answered.
    knocks: Vec<SynRetry>,
    threads: BTreeMap<LaneId, Sleep>,
    /// Threads that were woken and have not run.
    woken: VecDeque<LaneId>,
    returned: Vec<(LaneId, Woke)>,
    doubt: Nondeterminism,
    scans: ScanTally,
    notices: Notices,
    rings: FxHashMap<FileId, Ring>,
    last_op: u64,
    /// Task work that is to be done before the thread goes back to its program.
    ring_work: VecDeque<Work>,
    keeps_wakeup: bool,
    flaw: Option<Flaw>,
    /// Where a registration stood that was removed, for [`Flaw::DelKeepsPlace`].
    left_place: Option<(FileId, WatchKey, usize)>,
}

impl KernelModel {
    /// A process without descriptors.
    pub fn new() -> Self {
        Self::default()
    }

    /// A machine with a deliberate error, to show that a test notices it.
    #[must_use]
    pub fn with_flaw(mut self, flaw: Flaw) -> Self {
        self.flaw = Some(flaw);
        self
    }

    fn flawed(&self, flaw: Flaw) -> bool {
        self.flaw == Some(flaw)
    }

    /// Whether the kernel keeps EPOLLWAKEUP, for which the caller must be allowed to block suspend
    /// and the kernel to suspend (epoll_ctl(2)). Otherwise, as at first, it drops the bit in
    /// silence.
    pub fn keep_wakeup(&mut self, keeps: bool) {
        self.keeps_wakeup = keeps;
    }

    /// What the kernel charges the sender of an AF_UNIX message of so many bytes, learnt from it
    /// (SIOCOUTQ, unix(7)): stream or datagram. Until learnt, 768 bytes more than the message.
    pub fn charge(&mut self, datagram: bool, bytes: u32, truesize: u32) {
        self.charges.learn(datagram, u64::from(bytes), u64::from(truesize));
    }

    /// A message of which the charge has to be learnt before `n` bytes are written to `fd`: whether
    /// it is a datagram, and its size. None if no message is charged, or all is known.
    pub fn unlearnt(&self, fd: Fd, n: u64) -> Option<(bool, u32)> {
        let (_, end) = self.end_at(fd).ok()?;
        let (link, side) = end?;
        let link = self.links.get(&link)?;
        let (datagram, whole) = link.message(side, n)?;
        let rest = n.checked_rem(whole).unwrap_or(0);
        let asked = [whole, rest].into_iter().filter(|size| *size > 0 || (datagram && n == 0));
        let size = asked.into_iter().find(|size| !self.charges.knows(datagram, *size))?;
        u32::try_from(size).ok().map(|size| (datagram, size))
    }

    // --- files

    /// `epoll_create1(2)`
    pub fn epoll(&mut self, at: Place) {
        self.install(at, What::Epoll);
        self.epolls.insert(at.file, Epoll::new(at.fd));
    }

    /// `pipe2(2)`, non-blocking, with room for that many bytes in whole pages.
    pub fn pipe(&mut self, read: Place, write: Place, bytes: u32) {
        self.install_pair(read, write, Joint::Pipe(Pipe::new(bytes)));
    }

    /// `eventfd(2)`, non-blocking.
    pub fn eventfd(&mut self, at: Place, count: u64, semaphore: bool) {
        self.install(at, What::Eventfd(Eventfd::new(count, semaphore)));
    }

    /// `timerfd_create(2)`, non-blocking.
    pub fn timerfd(&mut self, at: Place) {
        self.timed = true;
        self.install(at, What::Timerfd(Timerfd::default()));
    }

    /// `socketpair(2)` of AF_UNIX stream sockets, non-blocking, with SO_SNDBUF as getsockopt(2)
    /// gives it.
    pub fn unix_pair(&mut self, a: Place, b: Place, sndbuf: u32) {
        self.install_pair(a, b, Joint::Stream(Stream::new(sndbuf)));
    }

    /// `socketpair(2)` of AF_UNIX datagram sockets, non-blocking, with SO_SNDBUF as getsockopt(2)
    /// gives it.
    pub fn datagram_pair(&mut self, a: Place, b: Place, sndbuf: u32) {
        self.install_pair(a, b, Joint::Datagram(Datagram::new(sndbuf)));
    }

    /// Two UDP sockets on loopback, non-blocking, each connected to the other.
    pub fn udp_pair(&mut self, a: Place, b: Place) {
        self.install_pair(a, b, Joint::Udp(Udp::default()));
    }

    /// A listening TCP socket on loopback, non-blocking.
    pub fn listener(&mut self, at: Place, backlog: u32) {
        self.install(at, What::Listener(Listener::new(backlog)));
    }

    /// A TCP socket that is not connected, non-blocking.
    pub fn tcp(&mut self, at: Place) {
        self.timed = true;
        let link = self.link(Joint::Tcp(Tcp::new()), [Some(at.file), None]);
        self.install(at, What::End(link, Side::A));
    }

    /// A file that epoll refuses: a regular file that nobody reads from its beginning, `/dev/null`.
    pub fn plain(&mut self, at: Place) {
        self.install(at, What::Plain);
    }

    /// A directory, which epoll refuses too.
    pub fn directory(&mut self, at: Place) {
        self.install(at, What::Directory);
    }

    // --- epoll

    /// `epoll_ctl(2)`
    ///
    /// # Errors
    /// Those of the manual page but EFAULT, ENOSPC and ENOMEM.
    pub fn ctl(&mut self, ep: Fd, op: CtlOp, fd: Fd, mask: Mask, data: u64) -> Result<(), Errno> {
        let result = self.control(ep, op, fd, mask, data);
        self.settle();
        result
    }

    /// `epoll_wait(2)` with a timeout of 0, by the main thread.
    ///
    /// # Errors
    /// EBADF and EINVAL as in the manual page.
    pub fn wait(&mut self, ep: Fd, max: i32) -> Result<Vec<Reported>, Errno> {
        let (ep, max) = self.waitable(ep, max)?;
        self.not_frozen(ep)?;
        let events = self.harvest(ep, max).unwrap_or_default();
        self.settle();
        Ok(events)
    }

    /// `poll(2)` with a timeout of 0, by the main thread: the descriptors with something to tell,
    /// 0x20 (POLLNVAL) for one that is not open.
    pub fn poll(&mut self, fds: &[(Fd, Mask)]) -> Vec<(Fd, Mask)> {
        let found = self.poll_now(fds);
        self.settle();
        found
    }

    /// `select(2)` with a timeout of 0, by the main thread; of each mask IN, OUT and PRI count.
    ///
    /// # Errors
    /// EBADF if a descriptor is not open.
    pub fn select(&mut self, fds: &[(Fd, Mask)]) -> Result<Vec<(Fd, Mask)>, Errno> {
        let found = self.select_now(fds);
        self.settle();
        found
    }

    // --- threads

    /// A thread calls `epoll_wait(2)` with a timeout: it returns at once if something is ready, or
    /// sleeps.
    ///
    /// # Errors
    /// EBADF and EINVAL as in the manual page; then the thread has returned with that.
    pub fn park_wait(&mut self, thread: LaneId, ep: Fd, max: i32) -> Result<(), Errno> {
        let (ep, max) = self.waitable(ep, max)?;
        self.enter_wait(thread, ep, max);
        self.settle();
        Ok(())
    }

    /// A thread calls `poll(2)` or `select(2)` with a timeout: it returns at once if something is
    /// ready, or sleeps. With a timeout of 0 it would not `sleep`, and hooks nothing.
    ///
    /// # Errors
    /// EBADF from select if a descriptor is not open.
    pub fn park_poll(
        &mut self,
        thread: LaneId,
        fds: &[(Fd, Mask)],
        way: Way,
        sleeps: bool,
    ) -> Result<(), Errno> {
        if way == Way::Select {
            self.selectable(fds)?;
        }
        self.enter_poll(thread, fds, way, sleeps);
        self.settle();
        Ok(())
    }

    /// A thread calls `epoll_wait(2)` with a timeout of 0 and is held inside the kernel before the
    /// event number `at`, from 1, is copied; with fewer events it returns.
    ///
    /// # Errors
    /// EBADF and EINVAL as in the manual page.
    pub fn freeze(&mut self, thread: LaneId, ep: Fd, max: i32, at: u32) -> Result<(), Errno> {
        let (ep, max) = self.waitable(ep, max)?;
        self.not_frozen(ep)?;
        self.enter_frozen(thread, ep, max, at);
        self.settle();
        Ok(())
    }

    /// The harvest that a thread was held in goes on to its end.
    pub fn thaw(&mut self, thread: LaneId) {
        if let Some(Sleep::Frozen { ep }) = self.threads.get(&thread) {
            let ep = *ep;
            self.finish_frozen(thread, ep);
        }
        self.settle();
    }

    /// A signal is handled by a sleeping thread: it looks once more, then EINTR.
    pub fn interrupt(&mut self, thread: LaneId) {
        self.stop(thread, Woke::Interrupted);
        self.settle();
    }

    /// A sleeping thread's own timeout passes.
    pub fn expire(&mut self, thread: LaneId) {
        self.stop(thread, Woke::TimedOut);
        self.settle();
    }

    /// The threads that returned since the last call of this, in the order in which they did.
    pub fn take_woken(&mut self) -> Vec<(LaneId, Woke)> {
        std::mem::take(&mut self.returned)
    }

    // --- files in use

    /// `write(2)`: of `n` bytes, to an eventfd of the value `n`. A TCP socket takes all until
    /// [`KernelModel::fill`] says otherwise, or if it is followed; a plain file takes all.
    ///
    /// # Errors
    /// Those of the manual pages of the file's kind.
    pub fn write(&mut self, fd: Fd, n: u64) -> Result<u64, Errno> {
        let result = self.write_file(fd, n);
        self.settle();
        result
    }

    /// `read(2)` of up to `n` bytes; for an eventfd the value that was read, for a timerfd the
    /// ticks. A plain file is empty.
    ///
    /// # Errors
    /// Those of the manual pages of the file's kind.
    pub fn read(&mut self, fd: Fd, n: u64) -> Result<u64, Errno> {
        let result = self.read_file(fd, n);
        self.settle();
        result
    }

    /// `close(2)`
    ///
    /// # Errors
    /// EBADF if the number is not open.
    pub fn close(&mut self, fd: Fd) -> Result<(), Errno> {
        let file = self.file_at(fd)?;
        if self.is_last_ref(file) && self.is_in_frozen(file) {
            self.doubt.stuck = true;
            return Err(Errno::EDEADLK);
        }
        self.numbers.remove(&fd);
        self.drop_ref(file);
        self.settle();
        Ok(())
    }

    /// `setsockopt(2)` SO_LINGER with 0 seconds: TCP resets the connection with the last close of the
    /// socket, under whatever number.
    ///
    /// # Errors
    /// EBADF, ENOTSOCK.
    pub fn linger(&mut self, fd: Fd) -> Result<(), Errno> {
        let (id, ..) = self.socket(fd)?;
        if let Some(file) = self.files.get_mut(&id) {
            file.resets = true;
        }
        Ok(())
    }

    /// `dup(2)`, which gave the number `at`.
    ///
    /// # Errors
    /// EBADF if the number is not open.
    pub fn dup(&mut self, fd: Fd, at: Fd) -> Result<(), Errno> {
        let file = self.file_at(fd)?;
        if self.numbers.contains_key(&at) {
            self.close(at)?;
        }
        self.numbers.insert(at, file);
        self.hold(file);
        Ok(())
    }

    /// `shutdown(2)`
    ///
    /// # Errors
    /// EBADF, ENOTSOCK, ENOTCONN as in the manual page. With ENOTCONN the socket's watchers are
    /// woken all the same (`inet_shutdown`).
    pub fn shutdown(&mut self, fd: Fd, how: How) -> Result<(), Errno> {
        let result = self.shut(fd, how);
        self.settle();
        result
    }

    /// `connect(2)` of a client to a listener on loopback; `None`: to a port on which nobody
    /// listens. Ok stands for 0 and for EINPROGRESS alike: what came of it poll says.
    ///
    /// # Errors
    /// EBADF, ENOTSOCK, EISCONN, EALREADY as in the manual page; EINVAL from an AF_UNIX socket; after
    /// an attempt that failed the error of that attempt, or ECONNABORTED if it was fetched already
    /// (`__inet_stream_connect`). EOPNOTSUPP for a UDP socket, which the kernel would connect anew:
    /// that is not modelled.
    pub fn connect(&mut self, client: Fd, listener: Option<Fd>) -> Result<(), Errno> {
        let result = self.connect_file(client, listener);
        self.settle();
        result
    }

    /// `accept4(2)`, non-blocking, which gave `at`.
    ///
    /// # Errors
    /// EAGAIN, EBADF, EINVAL, ENOTSOCK, EOPNOTSUPP as in the manual page.
    pub fn accept(&mut self, listener: Fd, at: Place) -> Result<(), Errno> {
        let result = self.accept_file(listener, at);
        self.settle();
        result
    }

    /// `timerfd_settime(2)`, relative.
    ///
    /// # Errors
    /// EBADF, EINVAL as in the manual page.
    pub fn arm(&mut self, fd: Fd, first: Nanos, interval: Nanos) -> Result<(), Errno> {
        let file = self.file_at(fd)?;
        let now = self.now;
        match self.files.get_mut(&file).map(|file| &mut file.what) {
            Some(What::Timerfd(timerfd)) => {
                timerfd.arm(now, first, interval);
                Ok(())
            }
            _ => Err(Errno::EINVAL),
        }
    }

    /// Time passes: timers expire, and the threads that they wake run.
    pub fn advance(&mut self, by: Nanos) {
        let target = Nanos(self.now.0.saturating_add(by.0));
        if !self.timed {
            self.now = target;
            return;
        }
        // Each timer is re-armed by a read alone, so few things are due; this is no more than a bound.
        for _ in 0..10_000 {
            let Some((at, due)) = self.next_due(target) else { break };
            self.now = self.now.max(at);
            self.happen(due);
            self.settle();
        }
        self.now = target;
    }
}
