//! A pair of UDP sockets on loopback, each connected to the other (udp(7), net/ipv4/udp.c).
//!
//! Loopback frees a datagram's charge as soon as it is sent, so that the sender is always writable,
//! and is told so by each send. How much a receive buffer holds is not modelled.

use std::collections::VecDeque;

use crate::event::{Errno, How, Mask, Reason};

use super::Flaw;
use super::side::Side;
use super::wakes::{READABLE, SOCKET_IN, SOCKET_OUT, Wakes, Whom, count};

/// The longest datagram of IPv4 (udp(7), EMSGSIZE).
const LARGEST: u64 = 65507;

/// One of the two sockets.
#[derive(Clone, Debug, Default)]
struct Half {
    inbox: VecDeque<u64>,
    shut_in: bool,
    shut_out: bool,
    error: Option<Errno>,
    closed: bool,
}

/// The pair.
#[derive(Clone, Debug, Default)]
pub(super) struct Udp([Half; 2]);

impl Udp {
    fn half(&self, side: Side) -> &Half {
        &self.0[side.index()]
    }

    fn half_mut(&mut self, side: Side) -> &mut Half {
        &mut self.0[side.index()]
    }

    /// Bytes that wait.
    pub(super) fn unread(&self, side: Side) -> u64 {
        self.half(side).inbox.iter().sum()
    }

    /// What poll answers (`datagram_poll`).
    pub(super) fn poll(&self, side: Side) -> Mask {
        let own = self.half(side);
        let gone = own.shut_in && own.shut_out;
        SOCKET_OUT
            .with(Mask::ERR, own.error.is_some())
            .with(Mask::HUP, gone)
            .with(Mask::RDHUP, own.shut_in)
            .with(READABLE, own.shut_in || !own.inbox.is_empty())
    }

    /// `write(2)`. The sender is told of room when the datagram leaves (`loopback_xmit`), then the
    /// receiver of data. If that is closed, the sender gets an ICMP message instead: this send
    /// succeeds, the next call says ECONNREFUSED.
    pub(super) fn write(&mut self, side: Side, n: u64, wakes: &mut Wakes) -> Result<u64, Errno> {
        if n > LARGEST {
            return Err(Errno::EMSGSIZE);
        }
        let own = self.half_mut(side);
        own.error.take().map_or(Ok(()), Err)?;
        if own.shut_out {
            return Err(Errno::EPIPE);
        }
        if !wakes.flawed(Flaw::UdpSendTellsNoRoom) {
            wakes.one(Whom::Own, SOCKET_OUT, Reason::Room);
        }
        if self.half(side.other()).closed {
            self.half_mut(side).error = Some(Errno::ECONNREFUSED);
            wakes.one(Whom::Own, Mask::ERR, Reason::PeerClosed);
            return Ok(n);
        }
        let other = self.half_mut(side.other());
        other.inbox.push_back(n);
        let unread = count(other.inbox.iter().sum());
        wakes.one(Whom::Other, SOCKET_IN, Reason::Arrived(unread));
        Ok(n)
    }

    /// `read(2)`: one datagram; the rest of a long one is lost. It tells the sender nothing.
    pub(super) fn read(&mut self, side: Side, n: u64) -> Result<u64, Errno> {
        if n == 0 {
            return Ok(0);
        }
        let own = self.half_mut(side);
        own.error.take().map_or(Ok(()), Err)?;
        own.inbox.pop_front().map(|len| len.min(n)).ok_or(Errno::EAGAIN)
    }

    /// `shutdown(2)`: the other socket is not told.
    pub(super) fn shutdown(&mut self, side: Side, how: How, wakes: &mut Wakes) {
        let own = self.half_mut(side);
        own.shut_in |= how != How::Wr;
        own.shut_out |= how != How::Rd;
        wakes.all(Whom::Own, Reason::Woken(Mask::EMPTY));
    }

    /// `setsockopt(2)` SO_SNDBUF: writers are woken.
    pub(super) fn resize(wakes: &mut Wakes) {
        wakes.one(Whom::Own, SOCKET_OUT, Reason::Room);
    }

    /// The last close: nobody is told.
    pub(super) fn release(&mut self, side: Side) {
        self.half_mut(side).closed = true;
    }
}
