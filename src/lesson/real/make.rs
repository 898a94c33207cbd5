//! How the descriptors of an actor are made.
//!
//! A regular file is a memfd: it has no path, and epoll refuses it like any other.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::Duration;

use nix::fcntl::{FcntlArg, OFlag, fcntl, open};
use nix::libc;
use nix::sys::epoll::{Epoll, EpollCreateFlags};
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, SockaddrIn, SockaddrStorage, bind, connect,
    getsockname, listen, socket, socketpair,
};
use nix::sys::stat::Mode;
use nix::sys::timerfd::{ClockId, TimerFd, TimerFlags};
use nix::unistd::pipe2;

use crate::event::{
    Domain, Errno, Fd, FileKind, Nanos, OpenPath, Output, Ret, Setup, SocketOption, SocketType,
    Syscall,
};
use crate::lesson::case::ActorKind;
use crate::sys::clock::Clock;
use crate::sys::socket as sockopt;

use super::job::errno;

/// A call that made something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Made {
    /// The call with its arguments.
    pub(crate) call: Syscall,
    /// Its result.
    pub(crate) ret: Ret,
    /// What it handed over.
    pub(crate) output: Output,
    /// When it was made, and when it had returned.
    pub(crate) time: (Nanos, Nanos),
}

/// Makes descriptors, and writes down how.
#[derive(Debug)]
pub(crate) struct Maker {
    clock: Clock,
    /// The calls made.
    pub(crate) calls: Vec<Made>,
}

type Ends = Result<Vec<(OwnedFd, FileKind)>, Errno>;

impl Maker {
    /// One that has made nothing yet.
    pub(crate) fn new(clock: Clock) -> Self {
        Self { clock, calls: Vec::new() }
    }

    /// Makes a call and writes it down; `value` says what it returned, and what it handed over.
    pub(crate) fn call<T>(
        &mut self,
        call: Syscall,
        make: impl FnOnce() -> nix::Result<T>,
        value: impl FnOnce(&T) -> (i64, Output),
    ) -> Result<T, Errno> {
        let started = Nanos(self.clock.now());
        let made = make().map_err(errno);
        let time = (started, Nanos(self.clock.now()));
        let (ret, output) = match &made {
            Ok(made) => {
                let (value, output) = value(made);
                (Ret::ok(value), output)
            }
            Err(errno) => (Ret::err(*errno), Output::None),
        };
        self.calls.push(Made { call, ret, output, time });
        made
    }

    /// Makes one of `kind`: its descriptors in the order of [`ActorKind::ends`].
    ///
    /// # Errors
    /// That of the call that failed; what was made before it is closed again.
    pub(crate) fn make(&mut self, kind: ActorKind) -> Ends {
        match kind {
            ActorKind::Epoll => self.epoll(),
            ActorKind::Pipe { size } => self.pipe(size),
            ActorKind::Eventfd { value, semaphore } => self.eventfd(value, semaphore),
            ActorKind::Timerfd => self.timerfd(),
            ActorKind::Pair { sndbuf } => self.pair(SocketType::Stream, FileKind::Unix, sndbuf),
            ActorKind::Dgram { sndbuf } => self.pair(SocketType::Dgram, FileKind::Datagram, sndbuf),
            ActorKind::Udp => self.udp(),
            ActorKind::Listener { backlog } => self.listener(backlog),
            ActorKind::Client => Ok(vec![(self.tcp()?, FileKind::Tcp)]),
            // It is no descriptor alone: its memory belongs to it.
            ActorKind::Ring { .. } => Err(Errno(libc::EINVAL)),
            ActorKind::File => self.file(),
            ActorKind::Dir => self.opened(OpenPath::Root, OFlag::O_RDONLY | OFlag::O_DIRECTORY),
            ActorKind::Null => self.opened(OpenPath::DevNull, OFlag::O_RDWR),
        }
    }

    fn epoll(&mut self) -> Ends {
        let flags = EpollCreateFlags::EPOLL_CLOEXEC;
        let ep = self.call(Syscall::EpollCreate, || Epoll::new(flags).map(|ep| ep.0), number)?;
        Ok(vec![(ep, FileKind::Epoll)])
    }

    fn pipe(&mut self, size: u32) -> Ends {
        let flags = OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
        let (r, w) = self.call(Syscall::Setup(Setup::Pipe), || pipe2(flags), two)?;
        if size != DEFAULT_PIPE {
            let wanted = i32::try_from(size).unwrap_or(i32::MAX);
            let call = Syscall::Setup(Setup::SetPipeSize { fd: Fd(w.as_raw_fd()), bytes: size });
            let got = |got: &i32| (i64::from(*got), Output::None);
            self.call(call, || fcntl(&w, FcntlArg::F_SETPIPE_SZ(wanted)), got)?;
        }
        Ok(vec![(r, FileKind::Pipe), (w, FileKind::PipeWriter)])
    }

    fn eventfd(&mut self, value: u32, semaphore: bool) -> Ends {
        let mut flags = EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC;
        flags.set(EfdFlags::EFD_SEMAPHORE, semaphore);
        let fd = self.call(
            Syscall::Setup(Setup::Eventfd { initval: value, semaphore }),
            || EventFd::from_value_and_flags(value, flags).map(OwnedFd::from),
            number,
        )?;
        Ok(vec![(fd, FileKind::Eventfd)])
    }

    fn timerfd(&mut self) -> Ends {
        let flags = TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC;
        let fd = self.call(
            Syscall::Setup(Setup::TimerfdCreate),
            || TimerFd::new(ClockId::CLOCK_MONOTONIC, flags).map(OwnedFd::from),
            number,
        )?;
        Ok(vec![(fd, FileKind::Timerfd)])
    }

    fn pair(&mut self, kind: SocketType, what: FileKind, sndbuf: Option<u32>) -> Ends {
        let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
        let (a, b) = self.call(
            Syscall::Setup(Setup::Socketpair { kind }),
            || socketpair(AddressFamily::Unix, sock_type(kind), None, flags),
            two,
        )?;
        if let Some(bytes) = sndbuf {
            for fd in [a.as_raw_fd(), b.as_raw_fd()] {
                self.set_option(Fd(fd), SocketOption::SndBuf(bytes))?;
            }
        }
        Ok(vec![(a, what), (b, what)])
    }

    /// setsockopt(2)
    ///
    /// # Errors
    /// What setsockopt(2) lists.
    pub(crate) fn set_option(&mut self, fd: Fd, option: SocketOption) -> Result<(), Errno> {
        self.call(Syscall::Setup(Setup::Setsockopt { fd, option }), || set(fd, option), nothing)
    }

    /// What is written to a TCP socket leaves at once: else a small write would wait until the one
    /// before it was acknowledged (tcp(7), TCP_NODELAY; accept(2) hands the option on).
    fn tcp(&mut self) -> Result<OwnedFd, Errno> {
        let fd = self.socket(SocketType::Stream)?;
        self.set_option(Fd(fd.as_raw_fd()), SocketOption::NoDelay(true))?;
        Ok(fd)
    }

    fn socket(&mut self, kind: SocketType) -> Result<OwnedFd, Errno> {
        let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
        self.call(
            Syscall::Setup(Setup::Socket { domain: Domain::Inet, kind }),
            || socket(AddressFamily::Inet, sock_type(kind), flags, None),
            number,
        )
    }

    /// Binds to a free port of the loopback address.
    fn bind(&mut self, fd: &OwnedFd) -> Result<(), Errno> {
        let address = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0);
        let call = Syscall::Setup(Setup::Bind { fd: Fd(fd.as_raw_fd()), address });
        self.call(call, || bind(fd.as_raw_fd(), &SockaddrIn::from(address)), nothing)
    }

    fn listener(&mut self, backlog: u32) -> Ends {
        let fd = self.tcp()?;
        self.bind(&fd)?;
        let length = i32::try_from(backlog).ok().and_then(|n| Backlog::new(n).ok());
        let call = Syscall::Setup(Setup::Listen { fd: Fd(fd.as_raw_fd()), backlog });
        self.call(call, || listen(&fd, length.unwrap_or(Backlog::MAXCONN)), nothing)?;
        Ok(vec![(fd, FileKind::Listener)])
    }

    fn udp(&mut self) -> Ends {
        let (a, b) = (self.socket(SocketType::Dgram)?, self.socket(SocketType::Dgram)?);
        self.bind(&a)?;
        self.bind(&b)?;
        for (from, to) in [(&a, &b), (&b, &a)] {
            let address = address_of(to)?;
            self.connect(Fd(from.as_raw_fd()), address)?;
        }
        Ok(vec![(a, FileKind::Udp), (b, FileKind::Udp)])
    }

    /// connect(2) to an address of this machine.
    ///
    /// # Errors
    /// What connect(2) lists: EINPROGRESS is the ordinary result for TCP.
    pub(crate) fn connect(&mut self, fd: Fd, address: SocketAddrV4) -> Result<(), Errno> {
        let call = Syscall::Setup(Setup::Connect { fd, address });
        self.call(call, || connect(fd.0, &SockaddrIn::from(address)), nothing)
    }

    fn file(&mut self) -> Ends {
        let make = || memfd_create("file", MFdFlags::MFD_CLOEXEC);
        let fd = self.call(Syscall::Setup(Setup::MemfdCreate), make, number)?;
        Ok(vec![(fd, FileKind::Plain)])
    }

    fn opened(&mut self, path: OpenPath, flags: OFlag) -> Ends {
        let flags = flags | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK;
        let make = || open(path.path(), flags, Mode::empty());
        let fd = self.call(Syscall::Setup(Setup::Open { path }), make, number)?;
        Ok(vec![(fd, FileKind::Plain)])
    }

    /// timerfd_settime(2)
    ///
    /// # Errors
    /// What timerfd_settime(2) lists.
    pub(crate) fn arm(&mut self, fd: Fd, first_ms: u32, interval_ms: u32) -> Result<(), Errno> {
        let time = |ms: u32| Duration::from_millis(ms.into());
        self.call(
            Syscall::Setup(Setup::TimerfdSettime { fd, first_ms, interval_ms }),
            || crate::sys::timer::arm(fd.0, time(first_ms), time(interval_ms)),
            nothing,
        )
    }
}

/// What a pipe holds unless it is told otherwise (pipe(7)).
const DEFAULT_PIPE: u32 = 65_536;

/// The loopback address with this port.
pub(crate) fn loopback(port: u16) -> SockaddrIn {
    SockaddrIn::from(SocketAddrV4::new(Ipv4Addr::LOCALHOST, port))
}

/// The address that a socket is bound to.
///
/// # Errors
/// What getsockname(2) lists; EAFNOSUPPORT if it is no internet address.
pub(crate) fn address_of(fd: &OwnedFd) -> Result<SocketAddrV4, Errno> {
    let address = getsockname::<SockaddrStorage>(fd.as_raw_fd()).map_err(errno)?;
    let address = address.as_sockaddr_in().ok_or(Errno(libc::EAFNOSUPPORT))?;
    Ok(SocketAddrV4::new(address.ip(), address.port()))
}

/// setsockopt(2)
fn set(fd: Fd, option: SocketOption) -> nix::Result<()> {
    let bytes = |bytes: u32| i32::try_from(bytes).unwrap_or(i32::MAX);
    match option {
        SocketOption::RcvLowat(n) => sockopt::set_option(fd.0, libc::SO_RCVLOWAT, bytes(n)),
        SocketOption::SndBuf(n) => sockopt::set_option(fd.0, libc::SO_SNDBUF, bytes(n)),
        SocketOption::RcvBuf(n) => sockopt::set_option(fd.0, libc::SO_RCVBUF, bytes(n)),
        SocketOption::Linger(seconds) => sockopt::set_linger(fd.0, bytes(seconds)),
        SocketOption::NoDelay(on) => sockopt::set_no_delay(fd.0, on),
    }
}

fn sock_type(kind: SocketType) -> SockType {
    match kind {
        SocketType::Stream => SockType::Stream,
        SocketType::Dgram => SockType::Datagram,
    }
}

/// What a call returned that made a descriptor.
pub(super) fn number(fd: &OwnedFd) -> (i64, Output) {
    (fd.as_raw_fd().into(), Output::None)
}

/// What a call returned that made two.
fn two((a, b): &(OwnedFd, OwnedFd)) -> (i64, Output) {
    (0, Output::Pair([Fd(a.as_raw_fd()), Fd(b.as_raw_fd())]))
}

/// What a call returned that has no value.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "as all that say what a call returned")]
pub(super) fn nothing((): &()) -> (i64, Output) {
    (0, Output::None)
}
