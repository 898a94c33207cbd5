//! Built-in clients: one thread with non-blocking sockets and `poll(2)`, so that a class can watch
//! a server without a second terminal. They read and forget what the server returns.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::{Arc, Mutex};

use nix::errno::Errno;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockType, SockaddrLike, SockaddrStorage, UnixAddr, bind,
    connect, getsockname, getsockopt, send, setsockopt, socket, sockopt,
};
use nix::unistd::{read, write};

use super::gate::{ENDED, Order};
use super::listen::{Address, socket_addr};
use super::lock;
use super::mailbox::TOO_MANY;
use super::tap::Side;
use super::worker::unix_name;
use crate::event::{CommandPhase, Fd, Peer};

/// Clients at a time.
const CLIENTS_MAX: usize = 256;
/// Commands that may wait.
const WAITING_MAX: usize = 1024;
/// Bytes that may wait to be sent by one client.
const OUT_MAX: usize = 1 << 20;

/// A client as the server sees it.
#[derive(Debug)]
pub(crate) struct Who {
    pub(crate) fd: Fd,
    pub(crate) peer: Peer,
}

/// What a client is asked to do.
#[derive(Debug)]
pub(crate) enum Wish {
    Connect,
    Send(Who, Vec<u8>),
    Close(Who),
    Reset(Who),
}

/// The way to the thread.
#[derive(Debug)]
pub(crate) struct Clients {
    wishes: Mutex<Wishes>,
    wake: OwnedFd,
}

#[derive(Debug, Default)]
struct Wishes {
    queue: VecDeque<(Order, Wish)>,
    over: bool,
}

impl Clients {
    pub(crate) fn new(wake: OwnedFd) -> Self {
        Self { wishes: Mutex::default(), wake }
    }

    /// Asks for something; what cannot be taken comes back with the reason.
    pub(crate) fn ask(&self, order: Order, wish: Wish) -> Result<(), (Order, &'static str)> {
        {
            let mut wishes = lock(&self.wishes);
            if wishes.over {
                return Err((order, ENDED));
            }
            if wishes.queue.len() >= WAITING_MAX {
                return Err((order, TOO_MANY));
            }
            wishes.queue.push_back((order, wish));
        }
        self.ring();
        Ok(())
    }

    /// Ends the thread.
    pub(crate) fn end(&self) {
        lock(&self.wishes).over = true;
        self.ring();
    }

    fn ring(&self) {
        // It fails only when the counter is at its limit, and then it is readable.
        let _ = write(&self.wake, &1u64.to_ne_bytes());
    }
}

/// One client.
struct Client {
    fd: OwnedFd,
    /// Its own address, by which the server knows it.
    name: Option<String>,
    /// Who asked for it, until it is connected.
    asked: Option<Order>,
    out: VecDeque<u8>,
}

/// The thread's state.
struct Crowd {
    target: Address,
    side: Arc<Side>,
    clients: Vec<Client>,
}

/// How a client goes by the name that the server gives it.
fn name_of(peer: &Peer) -> Option<String> {
    match peer {
        Peer::Inet(addr) => Some(addr.to_string()),
        Peer::Unix { name, .. } if !name.is_empty() => Some(name.to_string()),
        _ => None,
    }
}

/// The thread's life, until it is told to end.
pub(crate) fn run(clients: &Clients, target: Address, side: Arc<Side>) {
    let mut crowd = Crowd { target, side, clients: Vec::new() };
    loop {
        crowd.sleep(&clients.wake);
        let _ = read(&clients.wake, &mut [0; 8]);
        loop {
            let wish = {
                let mut wishes = lock(&clients.wishes);
                if wishes.over {
                    let left = std::mem::take(&mut wishes.queue);
                    drop(wishes);
                    return crowd.refuse(left);
                }
                wishes.queue.pop_front()
            };
            let Some((order, wish)) = wish else { break };
            crowd.grant(order, wish);
        }
        crowd.clients.retain_mut(|client| client.serve(&crowd.side));
    }
}

impl Crowd {
    fn sleep(&self, wake: &OwnedFd) {
        let mut fds = vec![PollFd::new(wake.as_fd(), PollFlags::POLLIN)];
        fds.extend(self.clients.iter().map(|client| {
            let out = client.asked.is_some() || !client.out.is_empty();
            let flags =
                if out { PollFlags::POLLIN | PollFlags::POLLOUT } else { PollFlags::POLLIN };
            PollFd::new(client.fd.as_fd(), flags)
        }));
        let _interrupted = poll(&mut fds, PollTimeout::NONE);
    }

    /// The server has ended: whoever still waits for a command is told.
    fn refuse(self, wishes: VecDeque<(Order, Wish)>) {
        let asked = self.clients.into_iter().filter_map(|client| client.asked);
        for order in wishes.into_iter().map(|(order, _)| order).chain(asked) {
            order.finish(&self.side, CommandPhase::Failed(ENDED.into()));
        }
    }

    fn grant(&mut self, order: Order, wish: Wish) {
        let outcome = match wish {
            Wish::Connect => match self.connect(order) {
                Ok(()) => return,
                Err((order, why)) => (order, Err(why)),
            },
            Wish::Send(who, bytes) => (order, self.send(&who, &bytes)),
            Wish::Close(who) => (order, self.leave(&who, false)),
            Wish::Reset(who) => (order, self.leave(&who, true)),
        };
        let (order, result) = outcome;
        let phase = match result {
            Ok(()) => CommandPhase::Done(None),
            Err(why) => CommandPhase::Failed(why.into()),
        };
        order.finish(&self.side, phase);
    }

    fn connect(&mut self, order: Order) -> Result<(), (Order, String)> {
        if self.clients.len() >= CLIENTS_MAX {
            return Err((order, format!("{CLIENTS_MAX} built-in clients are enough")));
        }
        match open(&self.target) {
            Ok(fd) => {
                let client = Client { fd, name: None, asked: Some(order), out: VecDeque::new() };
                self.clients.push(client);
                Ok(())
            }
            Err(errno) => Err((order, format!("cannot connect: {}", errno.desc()))),
        }
    }

    fn find(&self, who: &Who) -> Result<usize, String> {
        let name = name_of(&who.peer);
        let found = self.clients.iter().position(|c| c.name.is_some() && c.name == name);
        found.ok_or_else(|| format!("fd {} is not a built-in client", who.fd))
    }

    fn send(&mut self, who: &Who, bytes: &[u8]) -> Result<(), String> {
        let index = self.find(who)?;
        let client = &mut self.clients[index];
        if client.out.len() + bytes.len() > OUT_MAX {
            return Err("the client has too much to send already".to_owned());
        }
        client.out.extend(bytes);
        Ok(())
    }

    fn leave(&mut self, who: &Who, reset: bool) -> Result<(), String> {
        let client = self.clients.swap_remove(self.find(who)?);
        if reset {
            let linger = libc::linger { l_onoff: 1, l_linger: 0 };
            setsockopt(&client.fd, sockopt::Linger, &linger).map_err(|e| e.to_string())?;
        }
        Ok(())
    }
}

impl Client {
    /// Does what can be done now; whether the client is still connected.
    fn serve(&mut self, side: &Side) -> bool {
        if self.asked.is_some() && !self.connected(side) {
            return self.asked.is_some();
        }
        while !self.out.is_empty() {
            match send(self.fd.as_raw_fd(), self.out.as_slices().0, MsgFlags::MSG_NOSIGNAL) {
                Ok(sent) => drop(self.out.drain(..sent)),
                Err(Errno::EAGAIN) => break,
                Err(_) => return false,
            }
        }
        let mut buffer = [0; 16_384];
        match read(&self.fd, &mut buffer) {
            Ok(0) => false,
            Ok(_) | Err(Errno::EAGAIN | Errno::EINTR) => true,
            Err(_) => false,
        }
    }

    /// Looks whether the connection has been made, and tells who asked for it. A client whose
    /// connection failed has nobody waiting for it any more.
    fn connected(&mut self, side: &Side) -> bool {
        let error = getsockopt(&self.fd, sockopt::SocketError).unwrap_or(0);
        let there = nix::sys::socket::getpeername::<SockaddrStorage>(self.fd.as_raw_fd()).is_ok();
        if error == 0 && !there {
            return false;
        }
        let phase = if there {
            self.name = own_name(&self.fd);
            CommandPhase::Done(self.name.as_deref().map(Into::into))
        } else {
            let why = Errno::from_raw(error).desc();
            CommandPhase::Failed(format!("cannot connect: {why}").into())
        };
        if let Some(order) = self.asked.take() {
            order.finish(side, phase);
        }
        there
    }
}

fn own_name(fd: &OwnedFd) -> Option<String> {
    let name: SockaddrStorage = getsockname(fd.as_raw_fd()).ok()?;
    let inet = socket_addr(&name).map(|addr| addr.to_string());
    inet.or_else(|| Some(unix_name(&name)).filter(|name| !name.is_empty()))
}

/// A socket on its way to `target`.
fn open(target: &Address) -> Result<OwnedFd, Errno> {
    let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
    let stream = |family| {
        let fd = socket(family, SockType::Stream, flags, None)?;
        Ok::<_, Errno>(crate::sys::descriptor::out_of_the_way(fd))
    };
    let (fd, name): (OwnedFd, Box<dyn SockaddrLike>) = match target {
        Address::Tcp(addr) => {
            let addr = reachable(*addr);
            let v4 = addr.is_ipv4();
            let family = if v4 { AddressFamily::Inet } else { AddressFamily::Inet6 };
            (stream(family)?, Box::new(SockaddrStorage::from(addr)))
        }
        Address::Unix(path) => {
            let fd = stream(AddressFamily::Unix)?;
            // An address without a name makes the kernel choose one (unix(7), autobind).
            bind(fd.as_raw_fd(), &UnixAddr::new_unnamed())?;
            (fd, Box::new(UnixAddr::new(path.as_path())?))
        }
    };
    match connect(fd.as_raw_fd(), name.as_ref()) {
        Ok(()) | Err(Errno::EINPROGRESS) => Ok(fd),
        Err(errno) => Err(errno),
    }
}

/// The loopback address at which a listener on all addresses can be reached.
fn reachable(mut addr: SocketAddr) -> SocketAddr {
    if addr.ip().is_unspecified() {
        addr.set_ip(match addr.ip() {
            IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
            IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::LOCALHOST),
        });
    }
    addr
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listener_on_all_addresses_is_reached_by_loopback() {
        let to = |text: &str| reachable(text.parse().expect("address")).to_string();
        assert_eq!(to("0.0.0.0:80"), "127.0.0.1:80");
        assert_eq!(to("[::]:80"), "[::1]:80");
        assert_eq!(to("10.0.0.1:80"), "10.0.0.1:80");
    }
}
