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
        FileKind::Unix => Queues { state: None, ..unstated(fd) },
        FileKind::Pipe => Queues { unsent: None, ..unstated(fd) },
        _ => Queues::default(),
    }
}

/// The queues of a connected TCP socket, and what its state implies.
pub fn stream(fd: Fd) -> Queues {
    let state = socket::tcp_info(fd.0).ok().map(|info| implied(info.state));
    Queues { state, ..unstated(fd) }
}

/// The accept queue of a listening socket: its length, and its limit. AF_UNIX tells neither.
pub fn listener(fd: Fd) -> Queues {
    match socket::tcp_info(fd.0) {
        Ok(info) => Queues { unread: Some(info.unacked), unsent: Some(info.sacked), state: None },
        Err(_) => Queues::default(),
    }
}

fn unstated(fd: Fd) -> Queues {
    Queues {
        unread: descriptor::unread_bytes(fd.0).ok(),
        unsent: descriptor::unsent_bytes(fd.0).ok(),
        state: None,
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
