//! A pair of connected AF_UNIX datagram sockets (unix(7), net/unix/af_unix.c): whole messages, empty
//! ones included.

use crate::event::{Errno, How, Mask, Reason};

use super::Flaw;
use super::charge::Charges;
use super::side::Side;
use super::stream::{Half, Message};
use super::wakes::{SOCKET_IN, SOCKET_OUT, Wakes, Whom, count};

/// The pair.
#[derive(Clone, Debug)]
pub(super) struct Datagram {
    halves: [Half; 2],
    /// Whether each still sends to the other: a first send to a closed one ends that.
    connected: [bool; 2],
}

impl Datagram {
    pub(super) fn new(sndbuf: u32) -> Self {
        Self { halves: [Half::new(sndbuf), Half::new(sndbuf)], connected: [true, true] }
    }

    pub(super) fn half(&self, side: Side) -> &Half {
        &self.halves[side.index()]
    }

    pub(super) fn half_mut(&mut self, side: Side) -> &mut Half {
        &mut self.halves[side.index()]
    }

    /// Messages that wait.
    pub(super) fn unread(&self, side: Side) -> u64 {
        self.half(side).unread()
    }

    /// `write(2)`. A message that is refused was built first: freeing it wakes its own sender.
    pub(super) fn write(
        &mut self,
        side: Side,
        n: u64,
        charges: &Charges,
        wakes: &mut Wakes,
    ) -> Result<u64, Errno> {
        let own = self.half(side);
        if n > own.sndbuf.saturating_sub(32) {
            return Err(Errno::EMSGSIZE);
        }
        if own.shut_out {
            return Err(Errno::EPIPE);
        }
        if own.charged >= own.sndbuf {
            return Err(Errno::EAGAIN);
        }
        let charge = charges.of(true, n);
        self.half_mut(side).charged += charge;
        if let Err(errno) = self.refuses(side) {
            if errno == Errno::ECONNREFUSED {
                // Its writers are told that it sends to nobody now
                // (`unix_dgram_peer_wake_disconnect_wakeup`), and what it could have received is
                // lost (`unix_dgram_disconnected`).
                self.connected[side.index()] = false;
                self.half_mut(side).inbox.clear();
                wakes.one(Whom::Own, SOCKET_OUT, Reason::Room);
            }
            if wakes.flawed(Flaw::RefusedDatagramIsSilent) {
                let own = self.half_mut(side);
                own.charged = own.charged.saturating_sub(charge);
            } else {
                self.half_mut(side).uncharge(charge, Whom::Own, wakes);
            }
            return Err(errno);
        }
        let other = self.half_mut(side.other());
        other.inbox.push_back(Message { left: n, charge });
        wakes.one(Whom::Other, SOCKET_IN, Reason::Arrived(count(other.unread())));
        Ok(n)
    }

    /// Why the other socket takes no message.
    fn refuses(&self, side: Side) -> Result<(), Errno> {
        let other = self.half(side.other());
        if !self.connected[side.index()] {
            Err(Errno::ENOTCONN)
        } else if !other.open {
            Err(Errno::ECONNREFUSED)
        } else if other.shut_in {
            Err(Errno::EPIPE)
        } else {
            Ok(())
        }
    }

    /// `read(2)`: one message; the rest of a long one is lost. After SHUT_RD it says EAGAIN although
    /// poll says IN.
    pub(super) fn read(&mut self, side: Side, n: u64, wakes: &mut Wakes) -> Result<u64, Errno> {
        if n == 0 {
            return Ok(0);
        }
        let Some(message) = self.half_mut(side).inbox.pop_front() else {
            return Err(Errno::EAGAIN);
        };
        self.half_mut(side.other()).uncharge(message.charge, Whom::Other, wakes);
        Ok(message.left.min(n))
    }

    /// `shutdown(2)`: the other socket is not told.
    pub(super) fn shutdown(&mut self, side: Side, how: How, wakes: &mut Wakes) {
        let own = self.half_mut(side);
        own.shut_in |= how != How::Wr;
        own.shut_out |= how != How::Rd;
        wakes.all(Whom::Own, Reason::Woken(Mask::EMPTY));
    }

    /// The last close: nobody is told, but the messages that it never read free room.
    pub(super) fn release(&mut self, side: Side, wakes: &mut Wakes) {
        self.half_mut(side).open = false;
        while let Some(message) = self.half_mut(side).inbox.pop_front() {
            self.half_mut(side.other()).uncharge(message.charge, Whom::Other, wakes);
        }
    }
}
