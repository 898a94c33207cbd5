//! Built-in clients: one thread with non-blocking sockets and `poll(2)`, so that a class can watch
//! a server without a second terminal. They read and forget what the server returns.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{
    AddressFamily, MsgFlags, Shutdown, SockFlag, SockType, SockaddrLike, SockaddrStorage, UnixAddr,
    bind, connect, getsockname, getsockopt, send, setsockopt, shutdown, socket, sockopt,
};
use nix::unistd::{read, write};

use super::gate::{ENDED, Order};
use super::listen::Address;
use super::lock;
use super::mailbox::TOO_MANY;
use super::peer::{socket_addr, unix_name};
use super::shared::Shared;
use super::table::Watched;
use super::tap::SideChannel;
use crate::event::{CommandPhase, Fd, Kind, Peer};
use crate::sys::socket::tcp_info;

/// Clients at a time.
const CLIENTS_MAX: usize = 256;
/// Commands that may wait.
const WAITING_MAX: usize = 1024;
/// Bytes that may wait to be sent by one client.
const OUT_MAX: usize = 1 << 20;
/// How long a client may stand in the accept queue before that is told of it.
const ACCEPT_WITHIN: Duration = Duration::from_secs(2);
/// How often it is looked until then whether the server has accepted it, in ms. The server's
/// threads do not tell: that would be a call which is not the server's.
const LOOK_MS: u16 = 1;

/// A command that cannot be carried out, and why.
type Refused = (Order, String);

/// A client as the server sees it.
#[derive(Debug)]
pub(crate) struct Who {
    pub(crate) fd: Fd,
    pub(crate) peer: Peer,
}

/// What a client is asked to do.
#[derive(Debug)]
pub(crate) enum ClientRequest {
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
    queue: VecDeque<(Order, ClientRequest)>,
    over: bool,
}

impl Clients {
    pub(crate) fn new(wake: OwnedFd) -> Self {
        Self { wishes: Mutex::default(), wake }
    }

    /// Asks for something; what cannot be taken comes back with the reason.
    pub(crate) fn ask(
        &self,
        order: Order,
        wish: ClientRequest,
    ) -> Result<(), (Order, &'static str)> {
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
    stage: Stage,
    out: VecDeque<u8>,
    /// The kernel has taken less than there was to send.
    blocked: bool,
}

/// How far a client is, and who is to be told.
enum Stage {
    /// On its way.
    Connecting(Order),
    /// In the server's accept queue, since then.
    Waiting(Order, Instant),
    /// The server's.
    Open,
    /// It closes once all that it has is sent.
    Closing(Order),
    /// Its own end has been sent: it reads until the server's comes.
    Ended,
}

/// The thread's state.
struct Crowd {
    target: Address,
    shared: Arc<Shared>,
    clients: Vec<Client>,
}

/// How a client goes by the name that the server gives it.
fn name_of(peer: &Peer) -> Option<String> {
    Some(peer.name()).filter(|name| !name.is_empty())
}

/// The thread's life, until it is told to end.
pub(crate) fn run(clients: &Clients, target: Address, shared: Arc<Shared>) {
    let mut crowd = Crowd { target, shared, clients: Vec::new() };
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
        crowd.clients.retain_mut(|client| client.serve(&crowd.shared));
    }
}

impl Crowd {
    fn sleep(&self, wake: &OwnedFd) {
        let mut fds = vec![PollFd::new(wake.as_fd(), PollFlags::POLLIN)];
        fds.extend(self.clients.iter().map(|client| {
            let out = matches!(client.stage, Stage::Connecting(_)) || !client.out.is_empty();
            let flags =
                if out { PollFlags::POLLIN | PollFlags::POLLOUT } else { PollFlags::POLLIN };
            PollFd::new(client.fd.as_fd(), flags)
        }));
        let waits = self.clients.iter().any(|client| matches!(client.stage, Stage::Waiting(..)));
        let until = if waits { PollTimeout::from(LOOK_MS) } else { PollTimeout::NONE };
        let _interrupted = poll(&mut fds, until);
    }

    /// The server has ended: whoever still waits for a command is told.
    fn refuse(self, wishes: VecDeque<(Order, ClientRequest)>) {
        let asked = self.clients.into_iter().filter_map(|client| client.stage.order());
        for order in wishes.into_iter().map(|(order, _)| order).chain(asked) {
            order.finish(&self.shared.side, CommandPhase::Failed(ENDED.into()));
        }
    }

    fn grant(&mut self, order: Order, wish: ClientRequest) {
        let refused = match wish {
            ClientRequest::Connect => self.connect(order),
            ClientRequest::Send(who, bytes) => self.send(order, &who, &bytes),
            ClientRequest::Close(who) => self.close(order, &who),
            ClientRequest::Reset(who) => self.reset(order, &who),
        };
        if let Err((order, why)) = refused {
            order.finish(&self.shared.side, CommandPhase::Failed(why.into()));
        }
    }

    fn connect(&mut self, order: Order) -> Result<(), Refused> {
        if self.clients.len() >= CLIENTS_MAX {
            return Err((order, format!("{CLIENTS_MAX} built-in clients are enough")));
        }
        match open(&self.target) {
            Ok(fd) => {
                self.clients.push(Client::connecting(fd, order));
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

    /// A client that has not been told to close.
    fn find_open(&mut self, who: &Who) -> Result<&mut Client, String> {
        let index = self.find(who)?;
        let client = &mut self.clients[index];
        if matches!(client.stage, Stage::Closing(_) | Stage::Ended) {
            return Err(format!("the client of fd {} is closing already", who.fd));
        }
        Ok(client)
    }

    fn send(&mut self, order: Order, who: &Who, bytes: &[u8]) -> Result<(), Refused> {
        let client = match self.find_open(who) {
            Ok(client) => client,
            Err(why) => return Err((order, why)),
        };
        if client.out.len() + bytes.len() > OUT_MAX {
            return Err((order, "the client has too much to send already".to_owned()));
        }
        client.out.extend(bytes);
        order.finish(&self.shared.side, CommandPhase::Done(None));
        Ok(())
    }

    fn close(&mut self, order: Order, who: &Who) -> Result<(), Refused> {
        let side = Arc::clone(&self.shared.side);
        let client = match self.find_open(who) {
            Ok(client) => client,
            Err(why) => return Err((order, why)),
        };
        let before = std::mem::replace(&mut client.stage, Stage::Closing(order));
        if let Some(asked) = before.order() {
            // It has been accepted: the server has a number for it.
            asked.finish(&side, CommandPhase::Done(client.name.as_deref().map(Into::into)));
        }
        Ok(())
    }

    fn reset(&mut self, order: Order, who: &Who) -> Result<(), Refused> {
        let index = match self.find(who) {
            Ok(index) => index,
            Err(why) => return Err((order, why)),
        };
        let linger = libc::linger { l_onoff: 1, l_linger: 0 };
        if let Err(errno) = setsockopt(&self.clients[index].fd, sockopt::Linger, &linger) {
            return Err((order, errno.to_string()));
        }
        let client = self.clients.swap_remove(index);
        let lost = client.out.len() + usize::try_from(client.unsent()).unwrap_or(0);
        let remark = (lost > 0).then(|| format!("{lost} B that waited to be sent are dropped"));
        drop(client.fd);
        let side = &self.shared.side;
        let phase = match client.stage {
            Stage::Closing(_) => CommandPhase::Failed("the client was reset".into()),
            // It has been accepted: the server has a number for it.
            _ => CommandPhase::Done(client.name.as_deref().map(Into::into)),
        };
        if let Some(waits) = client.stage.order() {
            waits.finish(side, phase);
        }
        order.finish(side, CommandPhase::Done(remark.map(Into::into)));
        Ok(())
    }
}

impl Stage {
    /// Whoever waits for it to change.
    fn order(self) -> Option<Order> {
        match self {
            Self::Connecting(order) | Self::Waiting(order, _) | Self::Closing(order) => Some(order),
            Self::Open | Self::Ended => None,
        }
    }
}

impl Client {
    /// A client on its way. It has its address from the beginning: the server may have accepted it
    /// before this thread looks.
    fn connecting(fd: OwnedFd, order: Order) -> Self {
        let name = own_name(&fd);
        Self { fd, name, stage: Stage::Connecting(order), out: VecDeque::new(), blocked: false }
    }

    /// Does what can be done now; whether the client is still connected.
    fn serve(&mut self, shared: &Shared) -> bool {
        let mut stage = std::mem::replace(&mut self.stage, Stage::Ended);
        if let Stage::Connecting(order) = stage {
            match self.connected(order, &shared.side) {
                Some(next) => stage = next,
                None => return false,
            }
        }
        if let Stage::Waiting(order, since) = stage {
            stage = self.accepted(order, since, shared);
        }
        if matches!(stage, Stage::Connecting(_)) {
            self.stage = stage;
            return true;
        }
        let there = self.flush() && self.forget();
        let next = match stage {
            Stage::Closing(order) if there && self.out.is_empty() => self.end(order, &shared.side),
            stage if there => Some(stage),
            stage => {
                self.gone(stage, &shared.side);
                None
            }
        };
        next.map(|next| self.stage = next).is_some()
    }

    /// The server ended the connection: whoever waits for something is told.
    fn gone(&self, stage: Stage, side: &SideChannel) {
        let lost = self.out.len();
        let why = match stage {
            Stage::Waiting(..) => "the server closed the connection at once".to_owned(),
            Stage::Closing(_) if lost > 0 => {
                format!("the server ended the connection: {lost} B were not sent")
            }
            stage => {
                if let Some(order) = stage.order() {
                    order.finish(side, CommandPhase::Done(None));
                }
                return;
            }
        };
        if let Some(order) = stage.order() {
            order.finish(side, CommandPhase::Failed(why.into()));
        }
    }

    /// Sends what it has, as far as the kernel takes it; whether the connection is still there.
    fn flush(&mut self) -> bool {
        while !self.out.is_empty() {
            match send(self.fd.as_raw_fd(), self.out.as_slices().0, MsgFlags::MSG_NOSIGNAL) {
                Ok(sent) => drop(self.out.drain(..sent)),
                Err(Errno::EAGAIN) => {
                    self.blocked = true;
                    return true;
                }
                Err(Errno::EINTR) => {}
                Err(_) => return false,
            }
        }
        true
    }

    /// Reads all that has come, which nobody wants; whether the connection is still there.
    fn forget(&mut self) -> bool {
        let mut buffer = [0; 16_384];
        loop {
            match read(&self.fd, &mut buffer) {
                Err(Errno::EAGAIN) => return true,
                Ok(1..) | Err(Errno::EINTR) => {}
                Ok(0) | Err(_) => return false,
            }
        }
    }

    /// The end of a client that has handed all that it had to the kernel. A closed socket answers
    /// the server's next byte with a reset, which drops what the kernel has not delivered by then
    /// (tcp(7)): if that is possible, it only sends its end, and reads on until the server's comes.
    fn end(&self, order: Order, side: &SideChannel) -> Option<Stage> {
        let ends = (self.blocked || self.unsent() > 0)
            && shutdown(self.fd.as_raw_fd(), Shutdown::Write).is_ok();
        order.finish(side, CommandPhase::Done(None));
        ends.then_some(Stage::Ended)
    }

    /// Bytes that TCP has not sent: the server has not made room for them.
    fn unsent(&self) -> u32 {
        tcp_info(self.fd.as_raw_fd()).map_or(0, |info| info.unsent)
    }

    /// Looks whether the connection has been made. A client whose connection failed has nobody
    /// waiting for it any more.
    fn connected(&self, order: Order, side: &SideChannel) -> Option<Stage> {
        let error = getsockopt(&self.fd, sockopt::SocketError).unwrap_or(0);
        let there = nix::sys::socket::getpeername::<SockaddrStorage>(self.fd.as_raw_fd()).is_ok();
        if there {
            if let Some(name) = &self.name {
                side.push(Kind::Client(name.as_str().into()));
            }
            return Some(Stage::Waiting(order, Instant::now()));
        }
        if error == 0 {
            return Some(Stage::Connecting(order));
        }
        let why = format!("cannot connect: {}", Errno::from_raw(error).desc());
        order.finish(side, CommandPhase::Failed(why.into()));
        None
    }

    /// Looks whether the server has accepted the client, and tells who asked for it; a server that
    /// is held, or does not come to it, leaves the client in its accept queue.
    fn accepted(&self, order: Order, since: Instant, shared: &Shared) -> Stage {
        let name = self.name.as_deref();
        let is_this = |w: &Watched| w.is_stream() && name_of(&w.peer).as_deref() == name;
        let remark = if !shared.table.all(is_this).is_empty() {
            name.map(str::to_owned)
        } else if shared.settings().paused || since.elapsed() >= ACCEPT_WITHIN {
            let name = name.unwrap_or("the client");
            Some(format!("{name} waits in the accept queue"))
        } else {
            return Stage::Waiting(order, since);
        };
        order.finish(&shared.side, CommandPhase::Done(remark.map(Into::into)));
        Stage::Open
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
    fn a_client_has_its_address_before_it_is_known_to_be_connected() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a listener");
        let target = Address::Tcp(listener.local_addr().expect("an address"));
        let order = Order { id: 1, text: "client".to_owned() };
        let client = Client::connecting(open(&target).expect("a client"), order);
        let (_stream, peer) = listener.accept().expect("the client");
        assert!(matches!(client.stage, Stage::Connecting(_)));
        assert_eq!(client.name, name_of(&Peer::Inet(peer)));
    }

    #[test]
    fn listener_on_all_addresses_is_reached_by_loopback() {
        let to = |text: &str| reachable(text.parse().expect("address")).to_string();
        assert_eq!(to("0.0.0.0:80"), "127.0.0.1:80");
        assert_eq!(to("[::]:80"), "[::1]:80");
        assert_eq!(to("10.0.0.1:80"), "10.0.0.1:80");
    }
}
