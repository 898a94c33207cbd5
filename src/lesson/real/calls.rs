//! Calls that return at once, and what is told of them.

use std::io;
use std::net::SocketAddrV4;
use std::os::fd::{AsRawFd, OwnedFd};

use nix::libc;
use nix::sys::epoll::{Epoll, EpollCreateFlags};
use nix::sys::eventfd::EventFd;
use nix::sys::socket::{
    AddressFamily, Shutdown, SockFlag, SockType, SockaddrIn, bind, connect, getpeername,
    getsockname, shutdown, socket,
};

use crate::event::{
    Delivery, Errno, Fd, FileId, FileKind, Head, How, Kind, LaneId, Mask, Nanos, Output, Peer, Ret,
    Setup, SocketOption, Syscall, WakeupLog,
};
use crate::kernel::fdinfo::Fdinfo;
use crate::lesson::case::{ActorKind, Amount, Label, Seen};
use crate::lesson::kernel::{Call, Query, RunError};
use crate::lesson::table::MAIN;
use crate::sim::{Place, Reported};
use crate::sys::descriptor::polled;
use crate::sys::number;
use crate::sys::socket as sockopt;

use super::job::{Answer, Done, Job};
use super::make::{self, Made, Maker, address_of, loopback};
use super::reserved::ReservedFds;
use super::{RealKernel, strange};

impl RealKernel {
    // --- calls

    /// Makes a call that returns at once.
    pub(super) fn result(
        &mut self,
        lane: LaneId,
        call: &Call,
    ) -> Result<Result<u64, Errno>, RunError> {
        match call {
            Call::Ctl { ep, op, fd, mask, label } => {
                let (ep, op, fd, mask) = (*ep, *op, *fd, *mask);
                let data = self.table.tag(op, label, fd);
                let file = self.table.file_at(fd).map_or(FileId(0), |file| file.id);
                let done = self.work(lane, Job::Ctl { ep, op: op.number(), fd, mask, data })?;
                self.returned_number(lane, Syscall::EpollCtl { ep, op, fd, mask, file }, &done)
            }
            Call::Read { fd, len } => self.read(lane, *fd, *len),
            Call::Write { fd, what } => self.write(lane, *fd, *what),
            Call::Accept { fd, name } => self.accept(lane, *fd, name),
            Call::Close { fd } => self.close(lane, *fd),
            Call::Dup { fd, name, least } => Ok(self.dup(*fd, name, *least)),
            Call::Shutdown { fd, how } => Ok(self.shutdown(*fd, *how)),
            Call::Connect { fd, to } => self.connect(*fd, *to),
            Call::Settime { fd, ms, interval } => {
                Ok(self.by_main(|maker| maker.arm(*fd, *ms, *interval)).map(|()| 0))
            }
            Call::Setsockopt { fd, option } => Ok(self.set_option(*fd, *option)),
            Call::Limit { end } => self.set_limit(*end).map(Ok),
            Call::LimitSignals { room } => self.limit_signals(*room).map(Ok),
            Call::Async { fd } => Ok(self.send_signals(*fd)),
            Call::Blocking { fd } => {
                self.can_block(*fd)?;
                Ok(self.make_blocking(*fd))
            }
            Call::Enter { ring, submit } => Ok(self.enter(*ring, *submit)),
        }
    }

    /// A call of the main thread, or several, and notes that they were made.
    pub(super) fn by_main<T>(&mut self, work: impl FnOnce(&mut Maker) -> T) -> T {
        let mut maker = Maker::new(self.clock);
        let done = work(&mut maker);
        for Made { call, ret, output, time } in maker.calls {
            self.log.returned(MAIN, call, time, ret, output);
        }
        done
    }

    /// Notes that a call returned without handing anything over.
    fn returned_number(
        &mut self,
        lane: LaneId,
        call: Syscall,
        done: &Done,
    ) -> Result<Result<u64, Errno>, RunError> {
        let Answer::Number(result) = done.answer else { return Err(strange()) };
        self.log.returned(lane, call, done.time(), ret(result), Output::None);
        Ok(result)
    }

    /// Notes that read or write returned: how many bytes, and which.
    fn returned_bytes<'d>(
        &mut self,
        lane: LaneId,
        call: Syscall,
        done: &'d Done,
    ) -> Result<Result<(u64, &'d Head), Errno>, RunError> {
        let Answer::Bytes(result) = &done.answer else { return Err(strange()) };
        let (count, output) = match result {
            Ok((count, head)) => (Ok(*count), Output::Data(head.clone())),
            Err(errno) => (Err(*errno), Output::None),
        };
        self.log.returned(lane, call, done.time(), ret(count), output);
        Ok(result.as_ref().map(|(count, head)| (*count, head)).map_err(|errno| *errno))
    }

    /// What a call handed over that asks what is ready; notes that it returned.
    pub(super) fn handed_over(
        &mut self,
        lane: LaneId,
        call: Syscall,
        query: &Query,
        done: &Done,
    ) -> Result<Seen, RunError> {
        let (count, seen, output) = match (&done.answer, query) {
            (Answer::Events(Ok(events)), Query::Wait { .. }) => {
                (Ok(events.len() as u64), self.table.reported(events), self.delivered(events))
            }
            (Answer::Polled(Ok(found)), Query::Scan { .. }) => {
                (Ok(found.len() as u64), query.polled(found), Output::None)
            }
            (Answer::Bytes(Ok((count, head))), Query::Read { .. }) => {
                (Ok(*count), Seen::number(*count), Output::Data(head.clone()))
            }
            (Answer::Number(Ok(count)), Query::Enter { .. }) => {
                (Ok(*count), Seen::number(*count), Output::None)
            }
            (Answer::Bytes(Err(errno)), Query::Read { .. })
            | (Answer::Number(Err(errno)), Query::Enter { .. })
            | (Answer::Events(Err(errno)) | Answer::Polled(Err(errno)), _) => {
                (Err(*errno), Seen::Errno(*errno), Output::None)
            }
            _ => return Err(strange()),
        };
        self.log.returned(lane, call, done.time(), ret(count), output);
        self.log.counters.copied(query.copied_by(count));
        Ok(seen)
    }

    fn delivered(&self, events: &[Reported]) -> Output {
        let delivery = |event: &Reported| {
            let tag = self.table.tag_of(event.data);
            let (file, fd) = tag.map_or((FileId(0), Fd(-1)), |tag| (tag.file, tag.fd));
            Delivery { file, fd, mask: event.mask }
        };
        let events = events.iter().map(delivery).collect();
        Output::Events { events, log: WakeupLog::Drained, done: Nanos(0) }
    }

    // --- reading and writing

    /// read(2): how many bytes, or the number that they are.
    ///
    /// # Errors
    /// If that thread is asleep.
    pub(crate) fn read(
        &mut self,
        lane: LaneId,
        fd: Fd,
        len: u32,
    ) -> Result<Result<u64, Errno>, RunError> {
        let counts = matches!(self.table.kind(fd), Some(FileKind::Eventfd | FileKind::Timerfd));
        let done = self.work(lane, Job::Read { fd, len })?;
        let read = self.returned_bytes(lane, Syscall::Read { fd, len }, &done)?;
        let number = |head: &Head| head.first_chunk().map_or(0, |bytes| u64::from_ne_bytes(*bytes));
        Ok(read.map(|(count, head)| if counts { number(head) } else { count }))
    }

    /// write(2)
    ///
    /// # Errors
    /// If that thread is asleep, or regular files would take more memory than they may.
    pub(crate) fn write(
        &mut self,
        lane: LaneId,
        fd: Fd,
        what: Amount,
    ) -> Result<Result<u64, Errno>, RunError> {
        let (job, len) = match what {
            Amount::Bytes(len) => (Job::Write { fd, len }, len),
            Amount::Value(value) => (Job::WriteValue { fd, value }, 8),
        };
        self.keeps(fd, len)?;
        self.has_room_for_write(fd)?;
        let done = self.work(lane, job)?;
        let written = self.returned_bytes(lane, Syscall::Write { fd, len }, &done)?;
        let written = written.map(|(count, _)| count);
        let all = written.is_ok_and(|count| count == u64::from(len));
        if let Some(file) = self.table.file_at(fd) {
            self.loopback.wrote(file.id, written.unwrap_or(0), all);
        }
        Ok(written)
    }

    /// Whether a write would not sleep.
    fn has_room_for_write(&self, fd: Fd) -> Result<(), RunError> {
        let full = |fd: Fd| polled(fd.0).is_ok_and(|bits| !Mask(bits).has(Mask::OUT));
        if self.table.blocks(fd) && full(fd) {
            return Err(RunError::refused("that is a blocking file, which is full: it would wait"));
        }
        Ok(())
    }

    /// Whether so many more bytes may be written, where the file keeps all that it is given.
    fn keeps(&mut self, fd: Fd, len: u32) -> Result<(), RunError> {
        let file = self.table.file_at(fd).map(|file| file.id);
        if !file.is_some_and(|file| self.regular.contains(&file)) {
            return Ok(());
        }
        let kept = self.kept + u64::from(len);
        if kept > MOST_KEPT {
            let most = MOST_KEPT >> 20;
            let why = format!("with this more than {most} MiB would be written to regular files");
            return Err(RunError::Refused(why));
        }
        self.kept = kept;
        Ok(())
    }

    // --- opening and closing

    /// Whether a thread may sleep in a read of this file.
    fn can_block(&self, fd: Fd) -> Result<(), RunError> {
        match self.table.kind(fd) {
            Some(FileKind::Unix | FileKind::Tcp) | None => Ok(()),
            Some(_) => Err(RunError::refused("only a stream socket can be made blocking here")),
        }
    }

    /// The descriptors of one member of an actor.
    pub(super) fn member(&mut self, name: &Label, kind: ActorKind) -> Result<u64, Errno> {
        if let ActorKind::Ring { entries } = kind {
            return self.make_ring(name, entries);
        }
        let ends = self.by_main(|maker| maker.make(kind))?;
        for (end, (fd, what)) in kind.ends().iter().zip(ends) {
            let file = self.insert(Label::new(format!("{name}{end}")), fd, what, self.now());
            if kind == ActorKind::File {
                self.regular.insert(file);
            }
        }
        Ok(0)
    }

    /// There is a new file under `label`.
    fn insert(&mut self, label: Label, fd: OwnedFd, what: FileKind, t: Nanos) -> FileId {
        let at = Place { fd: Fd(fd.as_raw_fd()), file: self.table.next_place(0).file };
        let name = label.as_str().into();
        self.owned.insert(at.fd, fd);
        self.table.insert(label, at, what);
        let open = Kind::Open { fd: at.fd, file: at.file, what, name };
        self.log.tell(t, LaneId::TOOL, open);
        at.file
    }

    /// accept4(2) by the thread of `lane`; the connection is called `label`.
    fn accept(
        &mut self,
        lane: LaneId,
        fd: Fd,
        label: &Label,
    ) -> Result<Result<u64, Errno>, RunError> {
        let done = self.work(lane, Job::Accept { fd })?;
        let (time, call) = (done.time(), Syscall::Accept { fd });
        let Answer::Accepted(accepted) = done.answer else { return Err(strange()) };
        let conn = match accepted {
            Ok(conn) => conn,
            Err(errno) => {
                self.log.returned(lane, call, time, Ret::err(errno), Output::None);
                return Ok(Err(errno));
            }
        };
        let output = Output::Accepted { file: self.table.next_place(0).file, peer: Peer::Unknown };
        let number = Ret::ok(conn.as_raw_fd().into());
        self.log.returned(lane, call, time, number, output);
        let port = getpeername::<SockaddrIn>(conn.as_raw_fd()).map(|peer| peer.port());
        let file = self.insert(label.clone(), conn, FileKind::Tcp, time.1);
        if let Some(listener) = self.table.file_at(fd) {
            self.loopback.accepted(listener.id, file, port.ok());
        }
        Ok(Ok(0))
    }

    /// close(2) of a number by the thread of `lane`.
    fn close(&mut self, lane: LaneId, fd: Fd) -> Result<Result<u64, Errno>, RunError> {
        if lane != MAIN {
            self.awake(lane)?;
        }
        if self.is_ring(fd) {
            return self.close_ring(lane, fd);
        }
        let call = Syscall::Close { fd };
        let (Some((file, last)), Some(owned)) = (self.table.close(fd), self.owned.remove(&fd))
        else {
            let now = self.now();
            let failed = Ret::err(Errno::EBADF);
            self.log.returned(lane, call, (now, now), failed, Output::None);
            return Ok(Err(Errno::EBADF));
        };
        // Such a file shows whatever has its number by then.
        if self.fdinfo.get(&file).is_some_and(|open| open.ep() == fd) {
            self.fdinfo.remove(&file);
        }
        if last {
            self.loopback.finished(file);
            if self.resets.remove(&file) {
                self.loopback.reset(file);
            }
        }
        let done = self.work(lane, Job::Close { fd: owned })?;
        self.returned_number(lane, call, &done)
    }

    /// dup(2), or the same with a number that is not below `least`; the copy is called `label`.
    fn dup(&mut self, fd: Fd, label: &Label, least: Option<Fd>) -> Result<u64, Errno> {
        let call = match least {
            None => Syscall::Dup { fd },
            Some(least) => Syscall::Setup(Setup::DupFrom { fd, least }),
        };
        let make = || match least {
            None => number::dup(fd.0),
            Some(least) => number::dup_from(fd.0, least.0),
        };
        let copy = self.by_main(|maker| maker.call(call, make, make::number))?;
        let at = Fd(copy.as_raw_fd());
        self.owned.insert(at, copy);
        self.table.duplicate(fd, label.clone(), at);
        Ok(0)
    }

    fn shutdown(&mut self, fd: Fd, how: How) -> Result<u64, Errno> {
        let direction = match how {
            How::Rd => Shutdown::Read,
            How::Wr => Shutdown::Write,
            How::RdWr => Shutdown::Both,
        };
        let call = Syscall::Shutdown { fd, how };
        self.by_main(|maker| maker.call(call, || shutdown(fd.0, direction), make::nothing))?;
        if let Some(file) = self.table.file_at(fd).filter(|_| how != How::Rd) {
            self.loopback.finished(file.id);
        }
        Ok(0)
    }

    fn set_option(&mut self, fd: Fd, option: SocketOption) -> Result<u64, Errno> {
        self.by_main(|maker| maker.set_option(fd, option))?;
        if let (SocketOption::Linger(0), Some(file)) = (option, self.table.file_at(fd)) {
            self.resets.insert(file.id);
        }
        Ok(0)
    }

    /// `RLIMIT_NOFILE` so that no number from `end` on can be opened; `None` sets the limit back.
    fn set_limit(&mut self, end: Option<Fd>) -> Result<u64, RunError> {
        let started = self.now();
        let set = self.reserved.limit(end.map(|end| end.0));
        set.map_err(|e| RunError::system("setrlimit(RLIMIT_NOFILE)", &e))?;
        self.limit = end;
        let call = Syscall::Setup(Setup::Setrlimit { soft: end.map(|end| end.0.unsigned_abs()) });
        let time = (started, self.now());
        self.log.returned(MAIN, call, time, Ret::ok(0), Output::None);
        Ok(0)
    }

    /// connect(2) of a client: to a listener, or to a port on which nobody listens.
    fn connect(&mut self, fd: Fd, listener: Option<Fd>) -> Result<Result<u64, Errno>, RunError> {
        let (address, listener) = match listener {
            None => (self.nobody()?, None),
            Some(listener) => {
                let address = getsockname::<SockaddrIn>(listener.0)
                    .map_err(|e| RunError::system("getsockname of the listener", &e))?;
                let address = SocketAddrV4::new(address.ip(), address.port());
                (address, self.table.file_at(listener).map(|file| file.id))
            }
        };
        let done = self.by_main(|maker| maker.connect(fd, address));
        let done = if done == Err(Errno::EINPROGRESS) { Ok(()) } else { done };
        let port = getsockname::<SockaddrIn>(fd.0).map(|own| own.port());
        if let (true, Ok(port), Some(file)) = (done.is_ok(), port, self.table.file_at(fd)) {
            self.loopback.connects(file.id, port, listener);
        }
        Ok(done.map(|()| 0))
    }

    /// A loopback port that is taken and on which nobody listens.
    fn nobody(&mut self) -> Result<SocketAddrV4, RunError> {
        if let Some((_, address)) = &self.nobody {
            return Ok(*address);
        }
        let reserve = |own: &ReservedFds| {
            let (family, kind) = (AddressFamily::Inet, SockType::Stream);
            let fd = own.keep(socket(family, kind, SockFlag::SOCK_CLOEXEC, None)?);
            bind(fd.as_raw_fd(), &loopback(0))?;
            let address = address_of(&fd).map_err(|e| io::Error::from_raw_os_error(e.0))?;
            Ok((fd, address))
        };
        let (fd, address) =
            self.reserved.aside(reserve).map_err(|e| RunError::system("reserve a port", &e))?;
        self.nobody = Some((fd, address));
        Ok(address)
    }

    // --- what the kernel is asked beside a case

    /// What the kernel charges to its sender for one AF_UNIX message of so many bytes.
    ///
    /// # Errors
    /// If the kernel takes no such message, or cannot be asked.
    pub(crate) fn charge(&mut self, datagram: bool, bytes: u32) -> Result<u32, RunError> {
        self.charges
            .of(&self.reserved, datagram, bytes)
            .map_err(|e| RunError::system("ask what a message is charged", &e))
    }

    /// Whether the loopback interface is up.
    ///
    /// # Errors
    /// Why a packet to this machine itself cannot be sent: ENETUNREACH if it is down.
    pub(crate) fn reaches_itself(&self) -> io::Result<()> {
        self.reserved.aside(|own| {
            let flags = SockFlag::SOCK_CLOEXEC;
            let fd = own.keep(socket(AddressFamily::Inet, SockType::Datagram, flags, None)?);
            bind(fd.as_raw_fd(), &loopback(0))?;
            let address = address_of(&fd).map_err(|e| io::Error::from_raw_os_error(e.0))?;
            Ok(connect(fd.as_raw_fd(), &SockaddrIn::from(address))?)
        })
    }

    /// Whether the kernel keeps EPOLLWAKEUP for this process (epoll_ctl(2)).
    ///
    /// # Errors
    /// If it cannot be asked.
    pub(crate) fn keeps_wakeup(&self) -> Result<bool, RunError> {
        let ask = |own: &ReservedFds| {
            let ep = own.keep(Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?.0);
            let file = own.keep(OwnedFd::from(EventFd::new()?));
            let (number, watched) = (ep.as_raw_fd(), file.as_raw_fd());
            number::epoll_ctl(number, libc::EPOLL_CTL_ADD, watched, Mask::WAKEUP.0, 0)?;
            let list = Fdinfo::open_kept(Fd(number), |fd| own.keep(fd))?.registrations()?;
            Ok(list.iter().any(|line| Mask(line.events).has(Mask::WAKEUP)))
        };
        self.reserved.aside(ask).map_err(|e| RunError::system("try EPOLLWAKEUP", &e))
    }
}

/// A case writes at most so many bytes to regular files, which keep them in memory.
const MOST_KEPT: u64 = 64 << 20;

/// What the kernel made of the wish for a buffer, or for a low-water mark, of a socket.
pub(crate) fn granted(fd: Fd, option: SocketOption) -> Option<u32> {
    let number = match option {
        SocketOption::RcvLowat(_) => libc::SO_RCVLOWAT,
        SocketOption::SndBuf(_) => libc::SO_SNDBUF,
        SocketOption::RcvBuf(_) => libc::SO_RCVBUF,
        SocketOption::Linger(_) | SocketOption::NoDelay(_) => return None,
    };
    u32::try_from(sockopt::option(fd.0, number).ok()?).ok()
}

/// A result as the word of the kernel's ABI.
fn ret(result: Result<u64, Errno>) -> Ret {
    result.map_or_else(Ret::err, |value| Ret::ok(i64::try_from(value).unwrap_or(i64::MAX)))
}
