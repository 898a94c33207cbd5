//! What an AF_UNIX message costs its sender: the kernel is asked, on sockets of the tool's own.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use nix::libc;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};

use crate::sys::{descriptor, number, socket};

use super::reserved::ReservedFds;

/// SO_SNDBUF of the sockets on which it is tried: the largest message that a case writes at once
/// passes as a whole where the system allows so much.
const SNDBUF: i32 = 1 << 26;

/// A pair of sockets of each kind, and what was learnt from them.
#[derive(Debug, Default)]
pub(crate) struct Charges {
    stream: Option<(OwnedFd, OwnedFd)>,
    datagram: Option<(OwnedFd, OwnedFd)>,
    known: BTreeMap<(bool, u32), u32>,
}

impl Charges {
    /// How many sockets are open for it.
    pub(crate) fn sockets(&self) -> usize {
        2 * [&self.stream, &self.datagram].into_iter().flatten().count()
    }

    /// What one message of so many bytes is charged (SIOCOUTQ, unix(7)).
    ///
    /// # Errors
    /// What socketpair(2), write(2) and ioctl(2) list.
    pub(crate) fn of(&mut self, own: &ReservedFds, datagram: bool, bytes: u32) -> io::Result<u32> {
        if let Some(charge) = self.known.get(&(datagram, bytes)) {
            return Ok(*charge);
        }
        let pair = if datagram { &mut self.datagram } else { &mut self.stream };
        let (from, to) = match pair {
            Some(pair) => pair,
            None => pair.insert(own.aside(|own| new_pair(own, datagram))?),
        };
        let mut text = vec![b'x'; bytes as usize];
        number::write(from.as_raw_fd(), &text)?;
        let charge = descriptor::unsent_bytes(from.as_raw_fd());
        // The pair must be empty again for the next question. A read without room takes nothing,
        // not even an empty message.
        text.push(0);
        let _ = number::read(to.as_raw_fd(), &mut text);
        let charge = charge?;
        self.known.insert((datagram, bytes), charge);
        Ok(charge)
    }
}

fn new_pair(own: &ReservedFds, datagram: bool) -> io::Result<(OwnedFd, OwnedFd)> {
    let kind = if datagram { SockType::Datagram } else { SockType::Stream };
    let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
    let (a, b) = socketpair(AddressFamily::Unix, kind, None, flags)?;
    let (a, b) = (own.keep(a), own.keep(b));
    socket::set_option(a.as_raw_fd(), libc::SO_SNDBUF, SNDBUF)?;
    Ok((a, b))
}
