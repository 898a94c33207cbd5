//! A pair of connected AF_UNIX stream sockets (unix(7), net/unix/af_unix.c), message by message.

use std::collections::VecDeque;

use crate::event::{Errno, How, Mask, Reason};

use super::Flaw;
use super::charge::Charges;
use super::side::Side;
use super::wakes::{READABLE, SOCKET_IN, SOCKET_OUT, Wakes, Whom, count};

/// Most bytes of one message: a page without `skb_shared_info`, and the pages of its fragments
/// (`SKB_MAX_ALLOC + UNIX_SKB_FRAGS_SZ` of `unix_stream_sendmsg`, 4096-byte pages).
const LARGEST: u64 = 4096 - 320 + 32768;

/// A message in a receive queue.
#[derive(Clone, Copy, Debug)]
pub(super) struct Message {
    /// Bytes of it that were not read.
    pub(super) left: u64,
    /// What its sender is charged for as long as it is here.
    pub(super) charge: u64,
}

/// One of the two sockets.
#[derive(Clone, Debug)]
pub(super) struct Half {
    /// What it can receive.
    pub(super) inbox: VecDeque<Message>,
    /// What it is charged for its messages that wait in the other inbox (`sk_wmem_alloc`).
    pub(super) charged: u64,
    /// SO_SNDBUF as getsockopt(2) gives it.
    pub(super) sndbuf: u64,
    /// RCV_SHUTDOWN
    pub(super) shut_in: bool,
    /// SEND_SHUTDOWN
    pub(super) shut_out: bool,
    /// SO_ERROR
    pub(super) error: Option<Errno>,
    /// Whether the socket was not closed.
    pub(super) open: bool,
}

impl Half {
    pub(super) fn new(sndbuf: u32) -> Self {
        Self {
            inbox: VecDeque::new(),
            charged: 0,
            sndbuf: u64::from(sndbuf),
            shut_in: false,
            shut_out: false,
            error: None,
            open: true,
        }
    }

    /// Whether poll calls it writable (`unix_writable`): a quarter of the buffer is charged at
    /// most. `sk_wmem_alloc` counts from 1, and while a message is freed 1 more is charged.
    fn writable(&self, freeing: bool) -> bool {
        (self.charged + 1 + u64::from(freeing)) * 4 <= self.sndbuf
    }

    pub(super) fn unread(&self) -> u64 {
        self.inbox.iter().map(|message| message.left).sum()
    }

    /// A message of this socket is freed (`sock_wfree`, `unix_write_space`): it is told that there
    /// is room whenever there is, not only when there was none.
    pub(super) fn uncharge(&mut self, charge: u64, whom: Whom, wakes: &mut Wakes) {
        self.charged = self.charged.saturating_sub(charge);
        if self.writable(true) && self.open && !wakes.flawed(Flaw::UnixReadIsSilent) {
            wakes.one(whom, SOCKET_OUT, Reason::Room);
        }
    }

    /// `setsockopt(2)` SO_SNDBUF, with the value that the kernel made of it.
    pub(super) fn resize(&mut self, sndbuf: u32, wakes: &mut Wakes) {
        self.sndbuf = u64::from(sndbuf);
        if self.writable(false) {
            wakes.one(Whom::Own, SOCKET_OUT, Reason::Room);
        }
    }

    /// What poll answers (`unix_poll`, and for a connected pair `unix_dgram_poll`).
    pub(super) fn poll(&self) -> Mask {
        Mask::EMPTY
            .with(Mask::ERR, self.error.is_some())
            .with(Mask::HUP, self.shut_in && self.shut_out)
            .with(READABLE | Mask::RDHUP, self.shut_in)
            | Mask::EMPTY
                .with(READABLE, !self.inbox.is_empty())
                .with(SOCKET_OUT, self.writable(false))
    }

    /// Takes SO_ERROR, which clears it.
    pub(super) fn take_error(&mut self) -> Result<(), Errno> {
        self.error.take().map_or(Ok(()), Err)
    }
}

/// The pair.
#[derive(Clone, Debug)]
pub(super) struct Stream(pub(super) [Half; 2]);

impl Stream {
    pub(super) fn new(sndbuf: u32) -> Self {
        Self([Half::new(sndbuf), Half::new(sndbuf)])
    }

    pub(super) fn half(&self, side: Side) -> &Half {
        &self.0[side.index()]
    }

    fn both(&mut self, side: Side) -> (&mut Half, &mut Half) {
        let [a, b] = &mut self.0;
        match side {
            Side::A => (a, b),
            Side::B => (b, a),
        }
    }

    /// The size of the next message of a write that has `left` bytes to go.
    pub(super) fn chunk(&self, side: Side, left: u64) -> u64 {
        let half = (self.half(side).sndbuf / 2).saturating_sub(64).max(1);
        left.min(half).min(LARGEST)
    }

    /// `write(2)`: one message a chunk, and a wake-up each.
    pub(super) fn write(
        &mut self,
        side: Side,
        n: u64,
        charges: &Charges,
        wakes: &mut Wakes,
    ) -> Result<u64, Errno> {
        if self.half(side).shut_out {
            return Err(Errno::EPIPE);
        }
        let mut sent = 0;
        while sent < n {
            let size = self.chunk(side, n - sent);
            let (own, other) = self.both(side);
            if own.error.is_some() {
                if sent == 0 {
                    own.take_error()?;
                }
                break;
            }
            if own.charged >= own.sndbuf {
                break;
            }
            let charge = charges.of(false, size);
            own.charged += charge;
            other.inbox.push_back(Message { left: size, charge });
            sent += size;
            let unread = count(other.unread());
            if other.open {
                wakes.one(Whom::Other, SOCKET_IN, Reason::Arrived(unread));
            }
        }
        if sent == 0 && n > 0 { Err(Errno::EAGAIN) } else { Ok(sent) }
    }

    /// `read(2)`: each message that is read to its end frees room for its sender.
    pub(super) fn read(&mut self, side: Side, n: u64, wakes: &mut Wakes) -> Result<u64, Errno> {
        if n == 0 {
            return Ok(0);
        }
        let (own, other) = self.both(side);
        let mut got = 0;
        while got < n {
            let Some(message) = own.inbox.front_mut() else { break };
            let take = message.left.min(n - got);
            message.left -= take;
            got += take;
            if message.left == 0 {
                let charge = message.charge;
                own.inbox.pop_front();
                other.uncharge(charge, Whom::Other, wakes);
            }
        }
        if got > 0 {
            return Ok(got);
        }
        own.take_error()?;
        if own.shut_in { Ok(0) } else { Err(Errno::EAGAIN) }
    }

    /// `shutdown(2)`: the other socket's opposite direction is shut too, and everybody on both is
    /// woken without a key.
    pub(super) fn shutdown(&mut self, side: Side, how: How, wakes: &mut Wakes) {
        let (input, output) = (how != How::Wr, how != How::Rd);
        let (own, other) = self.both(side);
        own.shut_in |= input;
        own.shut_out |= output;
        other.shut_in |= output;
        other.shut_out |= input;
        wakes.all(Whom::Own, Reason::Woken(Mask::EMPTY));
        if !wakes.flawed(Flaw::HalfCloseIsSilent) {
            wakes.all(Whom::Other, Reason::PeerClosed);
        }
    }

    /// The last close: the survivor is told without a key, with ECONNRESET if the closed one had
    /// not read all, and then of room for each of its messages that was thrown away.
    pub(super) fn release(&mut self, side: Side, wakes: &mut Wakes) {
        let (own, other) = self.both(side);
        own.open = false;
        other.shut_in = true;
        other.shut_out = true;
        if !own.inbox.is_empty() && !wakes.flawed(Flaw::UnreadCloseIsNoError) {
            other.error = Some(Errno::ECONNRESET);
        }
        wakes.all(Whom::Other, Reason::PeerClosed);
        while let Some(message) = own.inbox.pop_front() {
            other.uncharge(message.charge, Whom::Other, wakes);
        }
    }
}
