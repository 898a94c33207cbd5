//! What joins two files: a pipe, a pair of sockets, a connection.

use crate::event::{Errno, FileId, FileKind, How, Mask};

use super::charge::Charges;
use super::datagram::Datagram;
use super::pipe::Pipe;
use super::side::Side;
use super::stream::Stream;
use super::tcp::Tcp;
use super::udp::Udp;
use super::wakes::{Wakes, Whom};

/// The machine's number of a link; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct LinkId(pub(super) u32);

/// What it is that joins them.
#[derive(Clone, Debug)]
pub(super) enum Joint {
    Pipe(Pipe),
    Stream(Stream),
    Datagram(Datagram),
    Udp(Udp),
    Tcp(Tcp),
}

/// A joint and the files at its ends; a connection that was not accepted has no file yet.
#[derive(Clone, Debug)]
pub(super) struct Link {
    pub(super) joint: Joint,
    pub(super) ends: [Option<FileId>; 2],
}

impl Link {
    /// The file that a wake-up from `side` means.
    pub(super) fn file(&self, side: Side, whom: Whom) -> Option<FileId> {
        let side = if whom == Whom::Own { side } else { side.other() };
        self.ends[side.index()]
    }

    pub(super) fn kind(&self, side: Side) -> FileKind {
        match self.joint {
            Joint::Pipe(_) if side == Side::A => FileKind::Pipe,
            Joint::Pipe(_) => FileKind::PipeWriter,
            Joint::Stream(_) => FileKind::Unix,
            Joint::Datagram(_) => FileKind::Datagram,
            Joint::Udp(_) => FileKind::Udp,
            Joint::Tcp(_) => FileKind::Tcp,
        }
    }

    /// What poll would answer, without the traces that polling leaves.
    pub(super) fn peek(&self, side: Side) -> Mask {
        match &self.joint {
            Joint::Pipe(pipe) => pipe.peek(side == Side::B),
            Joint::Stream(pair) => pair.half(side).poll(),
            Joint::Datagram(pair) => pair.half(side).poll(),
            Joint::Udp(pair) => pair.poll(side),
            Joint::Tcp(tcp) => tcp.peek(side),
        }
    }

    /// What poll answers.
    pub(super) fn poll(&mut self, side: Side) -> Mask {
        match &mut self.joint {
            Joint::Pipe(pipe) => pipe.poll(side == Side::B),
            Joint::Tcp(tcp) => tcp.poll(side),
            _ => self.peek(side),
        }
    }

    /// Bytes that wait to be read at that end; none at a pipe's writing end.
    pub(super) fn unread(&self, side: Side) -> Option<u64> {
        match &self.joint {
            Joint::Pipe(pipe) => (side == Side::A).then(|| pipe.unread()),
            Joint::Stream(pair) => Some(pair.half(side).unread()),
            Joint::Datagram(pair) => Some(pair.unread(side)),
            Joint::Udp(pair) => Some(pair.unread(side)),
            Joint::Tcp(tcp) => Some(tcp.unread(side)),
        }
    }

    /// Bytes written at that end that the other one has not read; none at a pipe's reading end.
    pub(super) fn unsent(&self, side: Side) -> Option<u64> {
        let coming = match &self.joint {
            Joint::Tcp(tcp) => tcp.coming(side.other()),
            _ => 0,
        };
        self.unread(side.other()).map(|bytes| bytes + coming)
    }

    /// `read(2)`
    pub(super) fn read(&mut self, side: Side, n: u64, wakes: &mut Wakes) -> Result<u64, Errno> {
        match &mut self.joint {
            Joint::Pipe(_) if side == Side::B => Err(Errno::EBADF),
            Joint::Pipe(pipe) => pipe.read(n, wakes),
            Joint::Stream(pair) => pair.read(side, n, wakes),
            Joint::Datagram(pair) => pair.read(side, n, wakes),
            Joint::Udp(pair) => pair.read(side, n),
            Joint::Tcp(tcp) => tcp.read(side, n, wakes),
        }
    }

    /// `write(2)`
    pub(super) fn write(
        &mut self,
        side: Side,
        n: u64,
        charges: &Charges,
        wakes: &mut Wakes,
    ) -> Result<u64, Errno> {
        match &mut self.joint {
            Joint::Pipe(_) if side == Side::A => Err(Errno::EBADF),
            Joint::Pipe(pipe) => pipe.write(n, wakes),
            Joint::Stream(pair) => pair.write(side, n, charges, wakes),
            Joint::Datagram(pair) => pair.write(side, n, charges, wakes),
            Joint::Udp(pair) => pair.write(side, n, wakes),
            Joint::Tcp(tcp) => tcp.write(side, n, wakes),
        }
    }

    /// `shutdown(2)`
    pub(super) fn shutdown(
        &mut self,
        side: Side,
        how: How,
        wakes: &mut Wakes,
    ) -> Result<(), Errno> {
        match &mut self.joint {
            Joint::Pipe(_) => return Err(Errno::ENOTSOCK),
            Joint::Stream(pair) => pair.shutdown(side, how, wakes),
            Joint::Datagram(pair) => pair.shutdown(side, how, wakes),
            Joint::Udp(pair) => pair.shutdown(side, how, wakes),
            Joint::Tcp(tcp) => return tcp.shutdown(side, how, wakes),
        }
        Ok(())
    }

    /// The last descriptor of that end is closed; `reset` is SO_LINGER with 0.
    pub(super) fn release(&mut self, side: Side, reset: bool, wakes: &mut Wakes) {
        self.ends[side.index()] = None;
        match &mut self.joint {
            Joint::Pipe(pipe) => pipe.release(side == Side::B, wakes),
            Joint::Stream(pair) => pair.release(side, wakes),
            Joint::Datagram(pair) => pair.release(side, wakes),
            Joint::Udp(pair) => pair.release(side),
            Joint::Tcp(tcp) => tcp.release(side, reset, wakes),
        }
    }

    /// `setsockopt(2)` SO_SNDBUF, with the value that the kernel made of it.
    pub(super) fn resize(
        &mut self,
        side: Side,
        bytes: u32,
        wakes: &mut Wakes,
    ) -> Result<(), Errno> {
        match &mut self.joint {
            Joint::Pipe(_) => return Err(Errno::ENOTSOCK),
            Joint::Stream(pair) => pair.0[side.index()].resize(bytes, wakes),
            Joint::Datagram(pair) => pair.half_mut(side).resize(bytes, wakes),
            Joint::Udp(_) => Udp::resize(wakes),
            Joint::Tcp(tcp) => tcp.resize(side, wakes),
        }
        Ok(())
    }

    /// The size of the message that a write of `n` bytes would make next, and whether it is a
    /// datagram; none where messages are not charged.
    pub(super) fn message(&self, side: Side, n: u64) -> Option<(bool, u64)> {
        match &self.joint {
            Joint::Stream(pair) => Some((false, pair.chunk(side, n))),
            Joint::Datagram(_) => Some((true, n)),
            _ => None,
        }
    }
}
