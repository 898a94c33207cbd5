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
    getsockname, listen, setsockopt, socket, socketpair, sockopt::TcpNoDelay,
};
use nix::sys::stat::Mode;
use nix::sys::timerfd::{ClockId, TimerFd, TimerFlags};
use nix::unistd::pipe2;

use crate::event::{Errno, FileKind, Nanos, Ret};
use crate::lesson::case::ActorKind;
use crate::sys::clock::Clock;
use crate::sys::socket as option;

use super::job::errno;

/// A call that made something, in strace's manner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Made {
    /// The call with its arguments.
    pub(crate) text: Box<str>,
    /// Its result.
    pub(crate) ret: Ret,
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

    /// Makes a call and writes it down: `text` says what it is, given its result, and what it
    /// returned.
    pub(crate) fn call<T>(
        &mut self,
        make: impl FnOnce() -> nix::Result<T>,
        text: impl FnOnce(Option<&T>) -> (String, i64),
    ) -> Result<T, Errno> {
        let started = Nanos(self.clock.now());
        let made = make().map_err(errno);
        let time = (started, Nanos(self.clock.now()));
        let (text, value) = text(made.as_ref().ok());
        let ret = made.as_ref().map_or_else(|e| Ret::err(*e), |_| Ret::ok(value));
        self.calls.push(Made { text: text.into(), ret, time });
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
            ActorKind::Pair { sndbuf } => self.pair(SockType::Stream, FileKind::Unix, sndbuf),
            ActorKind::Dgram { sndbuf } => {
                self.pair(SockType::Datagram, FileKind::Datagram, sndbuf)
            }
            ActorKind::Udp => self.udp(),
            ActorKind::Listener { backlog } => self.listener(backlog),
            ActorKind::Client => Ok(vec![(self.tcp()?, FileKind::Tcp)]),
            ActorKind::File => self.file(),
            ActorKind::Dir => {
                self.opened("/", OFlag::O_RDONLY | OFlag::O_DIRECTORY, "O_RDONLY|O_DIRECTORY")
            }
            ActorKind::Null => self.opened("/dev/null", OFlag::O_RDWR, "O_RDWR"),
        }
    }

    fn epoll(&mut self) -> Ends {
        let flags = EpollCreateFlags::EPOLL_CLOEXEC;
        let ep = self.call(
            || Epoll::new(flags).map(|ep| ep.0),
            |ep| ("epoll_create1(EPOLL_CLOEXEC)".to_owned(), number(ep)),
        )?;
        Ok(vec![(ep, FileKind::Epoll)])
    }

    fn pipe(&mut self, size: u32) -> Ends {
        let (r, w) = self.call(
            || pipe2(OFlag::O_NONBLOCK | OFlag::O_CLOEXEC),
            |ends| (format!("pipe2({}, O_NONBLOCK)", two(ends)), 0),
        )?;
        if size != DEFAULT_PIPE {
            let wanted = i32::try_from(size).unwrap_or(i32::MAX);
            self.call(
                || fcntl(&w, FcntlArg::F_SETPIPE_SZ(wanted)),
                |got| {
                    let text = format!("fcntl({}, F_SETPIPE_SZ, {size})", w.as_raw_fd());
                    (text, got.copied().unwrap_or(0).into())
                },
            )?;
        }
        Ok(vec![(r, FileKind::Pipe), (w, FileKind::PipeWriter)])
    }

    fn eventfd(&mut self, value: u32, semaphore: bool) -> Ends {
        let mut flags = EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC;
        flags.set(EfdFlags::EFD_SEMAPHORE, semaphore);
        let words = if semaphore { "EFD_NONBLOCK|EFD_SEMAPHORE" } else { "EFD_NONBLOCK" };
        let fd = self.call(
            || EventFd::from_value_and_flags(value, flags).map(OwnedFd::from),
            |fd| (format!("eventfd2({value}, {words})"), number(fd)),
        )?;
        Ok(vec![(fd, FileKind::Eventfd)])
    }

    fn timerfd(&mut self) -> Ends {
        let flags = TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC;
        let fd = self.call(
            || TimerFd::new(ClockId::CLOCK_MONOTONIC, flags).map(OwnedFd::from),
            |fd| ("timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK)".to_owned(), number(fd)),
        )?;
        Ok(vec![(fd, FileKind::Timerfd)])
    }

    fn pair(&mut self, kind: SockType, what: FileKind, sndbuf: Option<u32>) -> Ends {
        let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
        let word = if kind == SockType::Stream { "SOCK_STREAM" } else { "SOCK_DGRAM" };
        let (a, b) = self.call(
            || socketpair(AddressFamily::Unix, kind, None, flags),
            |ends| (format!("socketpair(AF_UNIX, {word}|SOCK_NONBLOCK, 0, {})", two(ends)), 0),
        )?;
        if let Some(bytes) = sndbuf {
            for fd in [a.as_raw_fd(), b.as_raw_fd()] {
                self.set_option(fd, "SO_SNDBUF", libc::SO_SNDBUF, bytes)?;
            }
        }
        Ok(vec![(a, what), (b, what)])
    }

    /// setsockopt(2) of the level `SOL_SOCKET`.
    ///
    /// # Errors
    /// What setsockopt(2) lists.
    pub(crate) fn set_option(
        &mut self,
        fd: i32,
        name: &str,
        what: i32,
        value: u32,
    ) -> Result<(), Errno> {
        let wanted = i32::try_from(value).unwrap_or(i32::MAX);
        self.call(
            || option::set_option(fd, what, wanted),
            |_| (format!("setsockopt({fd}, SOL_SOCKET, {name}, {value})"), 0),
        )
    }

    /// What is written to a TCP socket leaves at once: else a small write would wait until the one
    /// before it was acknowledged (tcp(7), TCP_NODELAY; accept(2) hands the option on).
    fn tcp(&mut self) -> Result<OwnedFd, Errno> {
        let fd = self.socket(SockType::Stream)?;
        self.call(
            || setsockopt(&fd, TcpNoDelay, &true),
            |_| (format!("setsockopt({}, TCP_NODELAY, 1)", fd.as_raw_fd()), 0),
        )?;
        Ok(fd)
    }

    fn socket(&mut self, kind: SockType) -> Result<OwnedFd, Errno> {
        let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
        let word = if kind == SockType::Stream { "SOCK_STREAM" } else { "SOCK_DGRAM" };
        self.call(
            || socket(AddressFamily::Inet, kind, flags, None),
            |fd| (format!("socket(AF_INET, {word}|SOCK_NONBLOCK)"), number(fd)),
        )
    }

    /// Binds to a free port of the loopback address.
    fn bind(&mut self, fd: &OwnedFd) -> Result<(), Errno> {
        let (number, any) = (fd.as_raw_fd(), loopback(0));
        self.call(|| bind(number, &any), |_| (format!("bind({number}, 127.0.0.1:0)"), 0))
    }

    fn listener(&mut self, backlog: u32) -> Ends {
        let fd = self.tcp()?;
        self.bind(&fd)?;
        let length = i32::try_from(backlog).ok().and_then(|n| Backlog::new(n).ok());
        self.call(
            || listen(&fd, length.unwrap_or(Backlog::MAXCONN)),
            |_| (format!("listen({}, {backlog})", fd.as_raw_fd()), 0),
        )?;
        Ok(vec![(fd, FileKind::Listener)])
    }

    fn udp(&mut self) -> Ends {
        let (a, b) = (self.socket(SockType::Datagram)?, self.socket(SockType::Datagram)?);
        self.bind(&a)?;
        self.bind(&b)?;
        for (from, to) in [(&a, &b), (&b, &a)] {
            let address = address_of(to)?;
            self.connect(from.as_raw_fd(), address)?;
        }
        Ok(vec![(a, FileKind::Udp), (b, FileKind::Udp)])
    }

    /// connect(2) to an address of this machine.
    ///
    /// # Errors
    /// What connect(2) lists: EINPROGRESS is the ordinary result for TCP.
    pub(crate) fn connect(&mut self, fd: i32, to: SocketAddrV4) -> Result<(), Errno> {
        let address = SockaddrIn::from(to);
        self.call(|| connect(fd, &address), |_| (format!("connect({fd}, {to})"), 0))
    }

    fn file(&mut self) -> Ends {
        let fd = self.call(
            || memfd_create("file", MFdFlags::MFD_CLOEXEC),
            |fd| ("memfd_create(\"file\", MFD_CLOEXEC)".to_owned(), number(fd)),
        )?;
        Ok(vec![(fd, FileKind::Plain)])
    }

    fn opened(&mut self, path: &str, flags: OFlag, words: &str) -> Ends {
        let flags = flags | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK;
        let fd = self.call(
            || open(path, flags, Mode::empty()),
            |fd| (format!("open({path:?}, {words})"), number(fd)),
        )?;
        Ok(vec![(fd, FileKind::Plain)])
    }

    /// timerfd_settime(2)
    ///
    /// # Errors
    /// What timerfd_settime(2) lists.
    pub(crate) fn arm(&mut self, fd: i32, first_ms: u32, interval_ms: u32) -> Result<(), Errno> {
        let time = |ms: u32| Duration::from_millis(ms.into());
        self.call(
            || crate::sys::timer::arm(fd, time(first_ms), time(interval_ms)),
            |_| (format!("timerfd_settime({fd}, 0, {first_ms} ms, every {interval_ms} ms)"), 0),
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

fn number(fd: Option<&OwnedFd>) -> i64 {
    fd.map_or(0, |fd| fd.as_raw_fd().into())
}

fn two(ends: Option<&(OwnedFd, OwnedFd)>) -> String {
    match ends {
        Some((a, b)) => format!("[{}, {}]", a.as_raw_fd(), b.as_raw_fd()),
        None => "[]".to_owned(),
    }
}
