//! Who is at the other end of a socket.

use std::net::SocketAddr;
use std::os::fd::{AsRawFd, OwnedFd};

use nix::sys::socket::{SockaddrStorage, getpeername, getsockopt, sockopt};

use crate::event::Peer;

/// Who connected.
pub(crate) fn of(fd: &OwnedFd) -> Peer {
    let Ok(name) = getpeername::<SockaddrStorage>(fd.as_raw_fd()) else { return Peer::Unknown };
    if let Some(addr) = socket_addr(&name) {
        return Peer::Inet(addr);
    }
    let pid = getsockopt(fd, sockopt::PeerCredentials).map_or(0, |c| c.pid().unsigned_abs());
    Peer::Unix { name: unix_name(&name).into(), pid }
}

/// A path, `@name` for the abstract name space, or nothing.
pub(crate) fn unix_name(name: &SockaddrStorage) -> String {
    let Some(addr) = name.as_unix_addr() else { return String::new() };
    if let Some(name) = addr.as_abstract() {
        return format!("@{}", String::from_utf8_lossy(name));
    }
    addr.path().map(|path| path.display().to_string()).unwrap_or_default()
}

/// The internet address in `storage`, if it is one.
pub(crate) fn socket_addr(storage: &SockaddrStorage) -> Option<SocketAddr> {
    let v4 = storage.as_sockaddr_in().map(|a| SocketAddr::V4((*a).into()));
    v4.or_else(|| storage.as_sockaddr_in6().map(|a| SocketAddr::V6((*a).into())))
}
