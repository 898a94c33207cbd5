//! The calls of a stage that open, close and set descriptors.

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

use crate::event::{Errno, Fd, FileId, FileKind, How, LaneId, Mask, Nanos, SocketOption};
use crate::kernel::fdinfo::Fdinfo;
use crate::lesson::case::{ActorKind, Label, SockOpt};
use crate::sys::number;
use crate::sys::socket as sockopt;

use super::job::{Answer, Done, Job, errno};
use super::make::{Made, Maker, address_of, loopback};
use super::own::Own;
use super::{MAIN, NewFd, Stage, StageError};

impl Stage {
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
            if let Some(listener) = self.table.file_at(fd) {
                self.loopback.accepted(listener.id, new.file, port.ok());
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
            let now = Nanos(self.clock.now());
            return Ok(Done {
                answer: Answer::Number(Err(Errno::EBADF)),
                started: now,
                ended: now,
            });
        };
        // Such a file shows whatever has its number by then.
        if self.fdinfo.get(&closing.file).is_some_and(|open| open.ep() == fd) {
            self.fdinfo.remove(&closing.file);
        }
        if closing.last {
            self.loopback.finished(closing.file);
            if reset {
                self.loopback.reset(closing.file);
            }
        }
        self.call(lane, Job::Close { fd: closing.fd })
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
        let done = maker.connect(fd, address);
        let begun = done.is_ok() || done == Err(Errno::EINPROGRESS);
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
            let (family, kind) = (AddressFamily::Inet, SockType::Stream);
            let fd = own.keep(socket(family, kind, SockFlag::SOCK_CLOEXEC, None)?);
            bind(fd.as_raw_fd(), &loopback(0))?;
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
        let done = maker.arm(fd, first_ms, interval_ms);
        (done, maker.calls)
    }

    /// setsockopt(2)
    pub(crate) fn set_option(
        &mut self,
        fd: Fd,
        option: SocketOption,
    ) -> (Result<(), Errno>, Vec<Made>) {
        let mut maker = Maker::new(self.clock);
        let done = maker.set_option(fd, option);
        (done, maker.calls)
    }

    /// Bytes were written into the file with this number: all that were to be, or less.
    pub(crate) fn wrote(&mut self, fd: Fd, bytes: u64, all: bool) {
        if let Some(file) = self.table.file_at(fd) {
            self.loopback.wrote(file.id, bytes, all);
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

    /// Whether the loopback interface is up.
    ///
    /// # Errors
    /// Why a packet to this machine itself cannot be sent: ENETUNREACH if it is down.
    pub(crate) fn reaches_itself(&self) -> io::Result<()> {
        self.own.aside(|own| {
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
    pub(crate) fn keeps_wakeup(&self) -> Result<bool, StageError> {
        let ask = |own: &Own| {
            let ep = own.keep(Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?.0);
            let file = own.keep(OwnedFd::from(EventFd::new()?));
            let (number, watched) = (ep.as_raw_fd(), file.as_raw_fd());
            number::epoll_ctl(number, libc::EPOLL_CTL_ADD, watched, Mask::WAKEUP.0, 0)?;
            let list = Fdinfo::open_kept(Fd(number), |fd| own.keep(fd))?.registrations()?;
            Ok(list.iter().any(|line| Mask(line.events).has(Mask::WAKEUP)))
        };
        self.own.aside(ask).map_err(|e| StageError::system("try EPOLLWAKEUP", &e))
    }
}

/// What the kernel made of a socket option.
///
/// # Errors
/// What getsockopt(2) lists.
pub(crate) fn buffer(fd: Fd, option: SockOpt) -> Result<u32, Errno> {
    let number = match option {
        SockOpt::RcvLowat => libc::SO_RCVLOWAT,
        SockOpt::SndBuf => libc::SO_SNDBUF,
        SockOpt::RcvBuf => libc::SO_RCVBUF,
    };
    let value = sockopt::option(fd.0, number).map_err(errno)?;
    Ok(u32::try_from(value).unwrap_or(0))
}
