//! What a full window holds back (RFC 9293, 3.8.6): bytes, and behind them the end of the stream.
//!
//! How far a stream comes depends on buffers that are not modelled. The kernel says it, and the
//! machine tells what follows from it; a machine that nobody tells lets all come at once, and behind
//! a write that met the limit the rest when all is read.

use crate::event::{Fd, Reason};

use super::super::KernelModel;
use super::super::link::{Joint, LinkId};
use super::super::side::Side;
use super::super::wakes::{SOCKET_OUT, Wakes, Whom};
use super::super::words::{Flow, Over};
use super::{Coming, Half, State, Tcp};

impl Half {
    /// More had been thought to be here than was.
    fn give_back(&mut self, n: u64) {
        let fin = u64::from(n > 0 && self.input.fin);
        if fin > 0 {
            (self.input.fin, self.input.shut) = (false, false);
        }
        let bytes = (n - fin).min(self.inbox);
        self.inbox -= bytes;
        self.arrived -= bytes + fin;
        let end = self.coming.fin || fin > 0;
        self.coming = Coming { bytes: self.coming.bytes + bytes, fin: end };
    }
}

impl Tcp {
    /// Bytes that are on their way to that end.
    pub(in super::super) fn coming(&self, side: Side) -> u64 {
        let half = self.half(side);
        if half.state == State::Connected { half.coming.bytes } else { 0 }
    }

    /// All was read at that end, and nobody tells what comes of it.
    pub(super) fn opens(&mut self, side: Side, wakes: &mut Wakes) {
        let (own, other) = self.both(side);
        let fin = own.coming.fin && own.state == State::Connected;
        other.room.full = false;
        if std::mem::take(&mut other.room.wanted) {
            wakes.one(Whom::Other, SOCKET_OUT, Reason::Room);
        }
        if fin {
            self.fin_arrives(side.other(), Whom::Other, wakes);
        }
    }

    /// What is on its way to that end arrives, as far as was told (`tcp_data_queue`, `tcp_fin`).
    pub(super) fn comes(&mut self, side: Side, whom: Whom, wakes: &mut Wakes) {
        let (own, _) = self.both(side);
        let new = own.told.saturating_sub(own.arrived);
        let bytes = new.min(own.coming.bytes);
        own.coming.bytes -= bytes;
        if bytes > 0 {
            own.take(bytes, whom, wakes);
        }
        if own.coming.fin && new > bytes {
            self.fin_arrives(side.other(), whom.other(), wakes);
        }
    }

    /// So far the stream to that end came.
    fn arrives(&mut self, side: Side, flow: Flow, wakes: &mut Wakes) {
        let (own, _) = self.both(side);
        (own.told, own.pressed) = (flow.received, flow.pressed);
        self.comes(side, Whom::Own, wakes);
        self.is_acknowledged(side, flow, wakes);
        if flow.over == Over::Closed {
            self.is_broken(side, wakes);
        }
    }

    /// The end of what that end sent is there, though nobody may be left to tell of it.
    fn is_acknowledged(&mut self, side: Side, flow: Flow, wakes: &mut Wakes) {
        let (own, other) = self.both(side);
        let over = match flow.over {
            Over::No => false,
            Over::Acknowledged => true,
            Over::Closed => !other.open && other.coming.bytes == 0,
        };
        if own.state != State::Connected || !other.coming.fin || !over {
            return;
        }
        let bytes = std::mem::take(&mut other.coming.bytes);
        if bytes > 0 && other.open {
            other.take(bytes, Whom::Other, wakes);
        }
        self.fin_arrives(side, Whom::Own, wakes);
    }

    /// A connection that is over while bytes are on their way was reset by them: they came to who
    /// is shut both ways, or closed.
    fn is_broken(&mut self, side: Side, wakes: &mut Wakes) {
        let (own, other) = self.both(side);
        if own.state != State::Connected {
            return;
        }
        if own.coming.bytes > 0 && own.refuses() {
            own.reset(Whom::Own, wakes);
            other.reset(Whom::Other, wakes);
        } else if other.coming.bytes > 0 && (other.refuses() || !other.open) {
            other.reset(Whom::Other, wakes);
            own.reset(Whom::Own, wakes);
        }
    }

    /// Whether that end has room (`sk_stream_write_space`).
    fn has_room(&mut self, side: Side, writable: bool, wakes: &mut Wakes) {
        let (own, _) = self.both(side);
        own.room.full = !writable;
        if writable && std::mem::take(&mut own.room.wanted) && own.state == State::Connected {
            wakes.one(Whom::Own, SOCKET_OUT, Reason::Room);
        }
    }
}

impl KernelModel {
    fn connection(&self, fd: Fd) -> Option<(Side, &Tcp)> {
        let (link, side) = self.end_at(fd).ok()?.1?;
        match &self.links.get(&link)?.joint {
            Joint::Tcp(tcp) => Some((side, tcp)),
            _ => None,
        }
    }

    fn tcp_at(&mut self, fd: Fd) -> Option<(LinkId, Side, &mut Tcp)> {
        let (link, side) = self.end_at(fd).ok()?.1?;
        Some((link, side, self.tcp_of(link)?))
    }

    /// A write to that TCP socket was refused, or took less than it was given: what its buffers
    /// hold is not modelled, and has to be told. Unless it is followed, it has room again when its
    /// peer has read all, and what it sends behind that comes then.
    pub fn fill(&mut self, fd: Fd) {
        if let Some((_, side, tcp)) = self.tcp_at(fd) {
            tcp.fill(side);
        }
    }

    /// From now on how far the streams of that connection come, and whether there is room to send,
    /// is told by [`KernelModel::flows`] and [`KernelModel::has_room`].
    pub fn follow(&mut self, fd: Fd) {
        if let Some((_, _, tcp)) = self.tcp_at(fd) {
            tcp.followed = true;
        }
    }

    /// Whether that is a connection that is followed.
    pub fn follows(&self, fd: Fd) -> bool {
        self.connection(fd).is_some_and(|(_, tcp)| tcp.followed)
    }

    /// Whether poll calls that connection writable, and who follows it knows.
    pub fn surely_takes(&self, fd: Fd) -> bool {
        self.connection(fd).is_some_and(|(side, tcp)| tcp.followed && !tcp.half(side).room.full)
    }

    /// The stream to an end that was just accepted had come so far: before, nobody could tell.
    pub fn came(&mut self, fd: Fd, received: u64) {
        if let Some((_, side, tcp)) = self.tcp_at(fd) {
            let (own, _) = tcp.both(side);
            own.give_back(own.arrived.saturating_sub(received));
        }
    }

    /// So far the stream to that end of a connection will have come when the next call, which is
    /// known to have been made, is over.
    pub fn will_flow(&mut self, fd: Fd, flow: Flow) {
        if let Some((_, side, tcp)) = self.tcp_at(fd) {
            let (own, _) = tcp.both(side);
            (own.told, own.pressed) = (flow.received, flow.pressed);
        }
    }

    /// So far the stream to that end of a connection that is followed came.
    pub fn flows(&mut self, fd: Fd, flow: Flow) {
        let mut wakes = self.wakes();
        let Some((link, side, tcp)) = self.tcp_at(fd) else { return };
        tcp.arrives(side, flow, &mut wakes);
        self.run_from(link, side, wakes);
        self.settle();
    }

    /// A read took so many bytes from the connection that is followed: what is missing here came
    /// after it was told and before the read, if the stream had come so far by now. Whether any was.
    pub fn came_before_read(&mut self, fd: Fd, read: u64, flow: Flow) -> bool {
        let Some((side, tcp)) = self.connection(fd) else { return false };
        let own = tcp.half(side);
        let missing = read.saturating_sub(own.inbox);
        let received = own.arrived + missing;
        let came = missing > 0 && missing <= own.coming.bytes && received <= flow.received;
        if came {
            self.flows(fd, Flow { received, over: Over::No, ..flow });
        }
        came
    }

    /// Whether that end of a connection that is followed has room.
    pub fn has_room(&mut self, fd: Fd, writable: bool) {
        let mut wakes = self.wakes();
        let Some((link, side, tcp)) = self.tcp_at(fd) else { return };
        tcp.has_room(side, writable, &mut wakes);
        self.run_from(link, side, wakes);
        self.settle();
    }
}
