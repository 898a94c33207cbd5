//! Queue lengths of sockets.

use crate::event::{Fd, FileKind, Mask, Queues};
use crate::sys::{descriptor, socket};

/// `TCP_CLOSE` of `<netinet/tcp.h>`
const CLOSE: u8 = 7;
/// `TCP_TIME_WAIT`
const TIME_WAIT: u8 = 6;
/// `TCP_CLOSE_WAIT`
const CLOSE_WAIT: u8 = 8;
/// `TCP_LAST_ACK`
const LAST_ACK: u8 = 9;
/// `TCP_CLOSING`
const CLOSING: u8 = 11;

/// The queues of the file with this number, as far as the kernel tells them of such a file.
pub fn of(fd: Fd, what: FileKind) -> Queues {
    match what {
        FileKind::Listener => listener(fd),
        FileKind::Tcp => stream(fd),
        FileKind::Unix => unix(fd),
        FileKind::Pipe => Queues { unsent: None, ..unstated(fd) },
        _ => Queues::default(),
    }
}

/// The queues of a connected TCP socket, and what its state implies.
pub fn stream(fd: Fd) -> Queues {
    let state = socket::tcp_info(fd.0).ok().map(|info| implied(info.state));
    let queues = unstated(fd);
    // Looking by poll(2) would change what wakes it later (SOCK_NOSPACE); its memory tells as much.
    let asked = queues.unsent.is_some_and(|unsent| unsent > 0);
    let memory = asked.then(|| socket::memory(fd.0).ok()).flatten();
    let room = memory.map(socket::Memory::is_writable);
    Queues { state, room, ..queues }
}

/// The queues of a connected AF_UNIX socket. Its poll method changes nothing (`unix_poll`).
fn unix(fd: Fd) -> Queues {
    let polled = descriptor::polled(fd.0).ok().map(Mask);
    let state = polled.map(|bits| bits & (Mask::RDHUP | Mask::HUP | Mask::ERR));
    Queues { state, room: polled.map(|bits| bits.has(Mask::OUT)), ..unstated(fd) }
}

/// The accept queue of a listening socket: its length, and its limit. AF_UNIX tells neither, but
/// whether anybody waits.
pub fn listener(fd: Fd) -> Queues {
    if let Ok(info) = socket::tcp_info(fd.0) {
        let (unread, unsent) = (Some(info.unacked), Some(info.sacked));
        return Queues { unread, unsent, ..Queues::default() };
    }
    let nobody = descriptor::polled(fd.0).is_ok_and(|bits| !Mask(bits).has(Mask::IN));
    Queues { unread: nobody.then_some(0), ..Queues::default() }
}

fn unstated(fd: Fd) -> Queues {
    Queues {
        unread: descriptor::unread_bytes(fd.0).ok(),
        unsent: descriptor::unsent_bytes(fd.0).ok(),
        ..Queues::default()
    }
}

/// A connection that is still open on this side is in `TCP_CLOSE` only after a reset.
fn implied(state: u8) -> Mask {
    match state {
        CLOSE_WAIT => Mask::RDHUP,
        LAST_ACK | CLOSING | TIME_WAIT => Mask::RDHUP | Mask::HUP,
        CLOSE => Mask::RDHUP | Mask::HUP | Mask::ERR,
        _ => Mask::EMPTY,
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::{TcpListener, TcpStream};
    use std::os::fd::AsRawFd;

    use super::*;

    #[test]
    fn queues_of_a_tcp_pair_follow_what_was_sent() {
        let server = TcpListener::bind("127.0.0.1:0").expect("bind");
        let number = Fd(server.as_raw_fd());
        assert_eq!(listener(number).unread, Some(0));
        let mut client = TcpStream::connect(server.local_addr().expect("addr")).expect("connect");
        assert_eq!(listener(number).unread, Some(1));
        let (accepted, _) = server.accept().expect("accept");
        client.write_all(b"hello").expect("write");
        let number = Fd(accepted.as_raw_fd());
        let queues = stream(number);
        assert_eq!((queues.unread, queues.state), (Some(5), Some(Mask::EMPTY)));
        drop(client);
        assert_eq!(stream(number).state, Some(Mask::RDHUP));
    }
}
