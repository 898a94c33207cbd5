//! Listening sockets: made before any thread runs, so that they have the lowest numbers.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, SockaddrLike, SockaddrStorage, UnixAddr, bind,
    connect, getsockname, listen, setsockopt, socket, sockopt,
};

use super::failure::EngineError;
use super::peer::socket_addr;

/// The longest accept queue asked for; the kernel caps it at `net.core.somaxconn` (listen(2)).
const BACKLOG: i32 = 4096;

/// Where a listener can be reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// A TCP address, with the port that it was given.
    Tcp(SocketAddr),
    /// The path of a UNIX socket.
    Unix(PathBuf),
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tcp(addr) => write!(f, "{addr}"),
            Self::Unix(path) => write!(f, "{}", path.display()),
        }
    }
}

/// A listening socket.
#[derive(Debug)]
pub(crate) struct Listening {
    pub(crate) fd: OwnedFd,
    pub(crate) address: Address,
}

/// Opens a TCP listener. `buffers` bytes are set as both socket buffers before the socket listens,
/// so that connections inherit them.
pub(crate) fn tcp(
    address: SocketAddr,
    lan: bool,
    buffers: Option<u32>,
) -> Result<Listening, EngineError> {
    if !lan && !address.ip().is_loopback() {
        return Err(EngineError::NotLoopback(address));
    }
    open_tcp(address, buffers)
        .map_err(|source| EngineError::Bind { address, source: source.into() })
}

fn open_tcp(address: SocketAddr, buffers: Option<u32>) -> Result<Listening, Errno> {
    let family = if address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    let fd = stream(family)?;
    setsockopt(&fd, sockopt::ReuseAddr, &true)?;
    if address.is_ipv6() {
        setsockopt(&fd, sockopt::Ipv6V6Only, &true)?;
    }
    set_buffers(&fd, buffers)?;
    bind(fd.as_raw_fd(), &SockaddrStorage::from(address))?;
    listen(&fd, Backlog::new(BACKLOG).unwrap_or(Backlog::MAXCONN))?;
    let bound: SockaddrStorage = getsockname(fd.as_raw_fd())?;
    let bound = socket_addr(&bound).unwrap_or(address);
    Ok(Listening { fd, address: Address::Tcp(bound) })
}

fn stream(family: AddressFamily) -> Result<OwnedFd, Errno> {
    socket(family, SockType::Stream, SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC, None)
}

fn set_buffers(fd: &OwnedFd, buffers: Option<u32>) -> Result<(), Errno> {
    let Some(bytes) = buffers.and_then(|b| usize::try_from(b).ok()) else { return Ok(()) };
    setsockopt(fd, sockopt::SndBuf, &bytes)?;
    setsockopt(fd, sockopt::RcvBuf, &bytes)
}

/// Opens a UNIX listener. A socket file that nobody answers at is replaced.
pub(crate) fn unix(
    path: &Path,
    buffers: Option<u32>,
) -> Result<(Listening, SocketFile), EngineError> {
    open_unix(path, buffers)
        .map_err(|source| EngineError::BindPath { path: path.to_owned(), source })
}

fn open_unix(path: &Path, buffers: Option<u32>) -> io::Result<(Listening, SocketFile)> {
    let name = UnixAddr::new(path)?;
    let fd = stream(AddressFamily::Unix)?;
    set_buffers(&fd, buffers)?;
    match bind(fd.as_raw_fd(), &name) {
        Err(Errno::EADDRINUSE) if is_stale(path, &name)? => {
            std::fs::remove_file(path)?;
            bind(fd.as_raw_fd(), &name)?;
        }
        bound => bound?,
    }
    let file = SocketFile::of(path)?;
    listen(&fd, Backlog::new(BACKLOG).unwrap_or(Backlog::MAXCONN))?;
    Ok((Listening { fd, address: Address::Unix(path.to_owned()) }, file))
}

/// Whether `path` is a socket at which nobody answers.
fn is_stale(path: &Path, name: &dyn SockaddrLike) -> io::Result<bool> {
    use std::os::unix::fs::FileTypeExt;
    if !std::fs::symlink_metadata(path)?.file_type().is_socket() {
        return Ok(false);
    }
    let probe = stream(AddressFamily::Unix)?;
    Ok(connect(probe.as_raw_fd(), name) == Err(Errno::ECONNREFUSED))
}

/// Device, inode, and time of making: inode numbers alone are used again at once.
type Identity = (u64, u64, (i64, i64));

/// A socket file of ours; removed when dropped, if the path still names it.
#[derive(Debug)]
pub(crate) struct SocketFile {
    path: PathBuf,
    identity: Identity,
}

impl SocketFile {
    fn of(path: &Path) -> io::Result<Self> {
        Ok(Self { path: path.to_owned(), identity: identity(path)? })
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if identity(&self.path).is_ok_and(|now| now == self.identity) {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

fn identity(path: &Path) -> io::Result<Identity> {
    let meta = std::fs::symlink_metadata(path)?;
    Ok((meta.dev(), meta.ino(), (meta.mtime(), meta.mtime_nsec())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scratch(name: &str) -> PathBuf {
        std::env::temp_dir().join(format!("epollscope-{}-{name}", std::process::id()))
    }

    #[test]
    fn address_in_use_is_named_with_the_error() {
        let first = tcp("127.0.0.1:0".parse().expect("address"), false, None).expect("bind");
        let Address::Tcp(address) = first.address else { panic!("not TCP") };
        let error = tcp(address, false, None).expect_err("busy");
        assert!(error.is_bind());
        let text = error.to_string();
        assert!(text.contains(&address.to_string()), "{text}");
        assert!(text.contains("in use"), "{text}");
    }

    #[test]
    fn address_of_the_network_needs_to_be_asked_for() {
        let any = "0.0.0.0:0".parse().expect("address");
        assert!(matches!(tcp(any, false, None), Err(EngineError::NotLoopback(_))));
        assert!(tcp(any, true, None).is_ok());
    }

    #[test]
    fn socket_file_is_replaced_only_if_nobody_answers() {
        let path = scratch("stale");
        let (live, file) = unix(&path, None).expect("bind");
        assert!(unix(&path, None).is_err());
        drop(live);
        let (_live, _again) = unix(&path, None).expect("stale file is replaced");
        drop(file);
        assert!(path.exists(), "not ours any more");
    }

    #[test]
    fn file_that_is_no_socket_is_left_alone() {
        let path = scratch("plain");
        std::fs::write(&path, "x").expect("write");
        assert!(unix(&path, None).is_err());
        assert!(std::fs::remove_file(&path).is_ok());
    }
}
