//! A TCP connection over loopback between two sockets (tcp(7), net/ipv4/tcp.c): who is woken, and
//! what poll says. How many bytes the buffers hold is not modelled; a write that met the limit is
//! told by [`Tcp::fill`], and how far a stream came that a full window holds back by [`window`].

mod window;

use crate::event::{Errno, How, Mask, Reason};

use super::Flaw;
use super::side::Side;
use super::wakes::{READABLE, SOCKET_IN, SOCKET_OUT, WRITABLE, Wakes, Whom, count};

/// Where a connection is (`sk_state`, as far as poll tells).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum State {
    /// TCP_CLOSE, never connected.
    #[default]
    Idle,
    /// TCP_SYN_SENT: the listener's queue is full.
    SynSent,
    /// Both ends know of each other.
    Connected,
    /// TCP_CLOSE after a reset, or after both ends have closed.
    Closed,
}

/// What connect(2) knows of the socket (`sock->state`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Attempt {
    /// SS_UNCONNECTED
    #[default]
    None,
    /// SS_CONNECTING: a connect said EINPROGRESS, and none has been made since.
    Begun,
    /// SS_CONNECTED
    Known,
    /// SS_DISCONNECTING
    GivenUp,
}

/// What a connect(2) has to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Connect {
    /// Send a SYN.
    Try,
    /// Nothing: an earlier attempt has succeeded by now.
    Done,
}

/// What was sent to an end and is not there yet: a full window holds it back.
#[derive(Clone, Copy, Debug, Default)]
struct Coming {
    bytes: u64,
    /// The end of the stream is behind them (`tcp_send_fin`).
    fin: bool,
}

/// One direction of a connection, as one end sees it.
#[derive(Clone, Copy, Debug, Default)]
struct Direction {
    /// Whether it is shut down.
    shut: bool,
    /// Whether its end went over the wire.
    fin: bool,
}

/// Room to send.
#[derive(Clone, Copy, Debug, Default)]
struct Room {
    /// A write met the limit, and the peer has not read all since.
    full: bool,
    /// SOCK_NOSPACE: somebody wants to know of room.
    wanted: bool,
}

/// One of the two sockets.
#[derive(Clone, Debug)]
struct Half {
    state: State,
    attempt: Attempt,
    /// Bytes to read.
    inbox: u64,
    /// How far the stream came: bytes, and one for its end (`tcpi_bytes_received`).
    arrived: u64,
    coming: Coming,
    /// How far it may come, as told.
    told: u64,
    /// The receive buffer is nearly used up: SO_RCVLOWAT does not count (`tcp_epollin_ready`).
    pressed: bool,
    room: Room,
    lowat: u64,
    /// RCV_SHUTDOWN, and whether the peer's FIN came (SOCK_DONE).
    input: Direction,
    /// SEND_SHUTDOWN, and whether a FIN was sent.
    output: Direction,
    error: Option<Errno>,
    /// Whether the socket was not closed.
    open: bool,
}

impl Half {
    fn new(state: State) -> Self {
        Self {
            state,
            attempt: if state == State::Connected { Attempt::Known } else { Attempt::None },
            inbox: 0,
            arrived: 0,
            coming: Coming::default(),
            told: 0,
            pressed: false,
            room: Room::default(),
            lowat: 1,
            input: Direction::default(),
            output: Direction::default(),
            error: None,
            open: true,
        }
    }

    fn take_error(&mut self) -> Result<(), Errno> {
        self.error.take().map_or(Ok(()), Err)
    }

    fn readable(&self) -> bool {
        self.inbox >= self.lowat || (self.pressed && self.inbox > 0)
    }

    /// Whether it answers data with an RST: both its ways are shut.
    fn refuses(&self) -> bool {
        self.output.fin && self.input.shut
    }

    /// Bytes arrive (`tcp_data_ready`).
    fn take(&mut self, n: u64, whom: Whom, wakes: &mut Wakes) {
        self.inbox += n;
        self.arrived += n;
        if self.readable() || wakes.flawed(Flaw::LowatIsIgnored) {
            wakes.one(whom, SOCKET_IN, Reason::Arrived(count(self.inbox)));
        }
    }

    /// `tcp_poll`
    fn peek(&self) -> Mask {
        let gone = (self.input.shut && self.output.shut)
            || self.state == State::Idle
            || self.state == State::Closed;
        let mask = Mask::EMPTY
            .with(Mask::HUP, gone)
            .with(READABLE | Mask::RDHUP, self.input.shut)
            .with(Mask::ERR, self.error.is_some());
        if self.state == State::SynSent {
            return mask;
        }
        let out = self.output.shut || !self.room.full;
        mask | Mask::EMPTY.with(READABLE, self.readable()).with(WRITABLE, out)
    }

    /// An RST arrives (`tcp_reset`).
    fn reset(&mut self, whom: Whom, wakes: &mut Wakes) {
        self.error = Some(match self.state {
            State::Closed | State::Idle => return,
            State::SynSent => Errno::ECONNREFUSED,
            State::Connected if self.input.fin && !self.output.fin => Errno::EPIPE,
            State::Connected => Errno::ECONNRESET,
        });
        self.end();
        if self.open && !wakes.flawed(Flaw::ResetIsSilent) {
            wakes.all(whom, Reason::PeerClosed);
            wakes.one(whom, Mask::ERR, Reason::PeerClosed);
        }
    }

    /// `tcp_done`
    fn end(&mut self) {
        self.state = State::Closed;
        (self.input.shut, self.output.shut) = (true, true);
    }

    /// `tcp_disconnect`: the socket is as new, but for an error.
    fn disconnect(&mut self, error: Option<Errno>, wakes: &mut Wakes) {
        let lowat = self.lowat;
        *self = Self { lowat, error, ..Self::new(State::Idle) };
        wakes.one(Whom::Own, Mask::ERR, Reason::PeerClosed);
    }

    /// The peer's FIN arrives (`tcp_fin`): without a key, then as data.
    fn fin(&mut self, whom: Whom, wakes: &mut Wakes) {
        self.arrived += 1;
        (self.input.fin, self.input.shut) = (true, true);
        if !self.open || wakes.flawed(Flaw::HalfCloseIsSilent) {
            return;
        }
        wakes.all(whom, Reason::PeerClosed);
        wakes.one(whom, SOCKET_IN, Reason::PeerClosed);
    }
}

/// The connection; the first socket is the one that called connect(2).
#[derive(Clone, Debug)]
pub(super) struct Tcp {
    halves: [Half; 2],
    /// How far its streams come is told.
    followed: bool,
}

impl Tcp {
    /// A socket that is not connected.
    pub(super) fn new() -> Self {
        Self { halves: [Half::new(State::Idle), Half::new(State::Idle)], followed: false }
    }

    fn half(&self, side: Side) -> &Half {
        &self.halves[side.index()]
    }

    fn both(&mut self, side: Side) -> (&mut Half, &mut Half) {
        let [a, b] = &mut self.halves;
        match side {
            Side::A => (a, b),
            Side::B => (b, a),
        }
    }

    /// Bytes to read.
    pub(super) fn unread(&self, side: Side) -> u64 {
        self.half(side).inbox
    }

    /// What poll answers, without being asked.
    pub(super) fn peek(&self, side: Side) -> Mask {
        self.half(side).peek()
    }

    /// Poll: it asks to be told of room if there is none (`tcp_poll`).
    pub(super) fn poll(&mut self, side: Side) -> Mask {
        let (own, _) = self.both(side);
        let mask = own.peek();
        own.room.wanted |= own.state != State::SynSent && !mask.has(Mask::OUT);
        mask
    }

    /// `write(2)`. The peer is woken if enough is readable.
    pub(super) fn write(&mut self, side: Side, n: u64, wakes: &mut Wakes) -> Result<u64, Errno> {
        let followed = self.followed;
        let (own, other) = self.both(side);
        own.take_error()?;
        match own.state {
            State::SynSent => return Err(Errno::EAGAIN),
            State::Connected if !own.output.shut => {}
            _ => return Err(Errno::EPIPE),
        }
        if n == 0 {
            return Ok(0);
        }
        if followed {
            other.coming.bytes += n;
            self.comes(side.other(), Whom::Other, wakes);
            return Ok(n);
        }
        if own.room.full {
            own.room.wanted = true;
            return Err(Errno::EAGAIN);
        }
        if !other.open || other.refuses() {
            other.reset(Whom::Other, wakes);
            own.reset(Whom::Own, wakes);
            return Ok(n);
        }
        other.take(n, Whom::Other, wakes);
        Ok(n)
    }

    /// A write was refused, or took less than it was given: the buffers are full.
    pub(super) fn fill(&mut self, side: Side) {
        let (own, _) = self.both(side);
        (own.room.full, own.room.wanted) = (true, true);
    }

    /// `read(2)`. What comes of the room that it makes is told, or comes when all is read.
    pub(super) fn read(&mut self, side: Side, n: u64, wakes: &mut Wakes) -> Result<u64, Errno> {
        if n == 0 {
            return Ok(0);
        }
        let followed = self.followed;
        let (own, _) = self.both(side);
        if own.inbox > 0 {
            let got = own.inbox.min(n);
            own.inbox -= got;
            if own.inbox == 0 && !followed {
                self.opens(side, wakes);
            }
            return Ok(got);
        }
        if own.input.fin {
            return Ok(0);
        }
        own.take_error()?;
        match own.state {
            _ if own.input.shut => Ok(0),
            State::Idle | State::Closed => Err(Errno::ENOTCONN),
            State::SynSent | State::Connected => Err(Errno::EAGAIN),
        }
    }

    /// `shutdown(2)` (`inet_shutdown`): a FIN if the way out is shut, then everybody on the socket
    /// is woken without a key, also if it fails.
    pub(super) fn shutdown(
        &mut self,
        side: Side,
        how: How,
        wakes: &mut Wakes,
    ) -> Result<(), Errno> {
        let (own, _) = self.both(side);
        if own.attempt == Attempt::Begun {
            let known = own.state == State::Connected;
            own.attempt = if known { Attempt::Known } else { Attempt::GivenUp };
        }
        let mut result = Ok(());
        match own.state {
            State::SynSent => own.disconnect(Some(Errno::ECONNRESET), wakes),
            State::Idle | State::Closed => result = Err(Errno::ENOTCONN),
            State::Connected => {}
        }
        let keeps = own.state != State::Idle || result.is_err();
        own.input.shut |= keeps && how != How::Wr;
        own.output.shut |= keeps && how != How::Rd;
        if own.state == State::Connected && how != How::Rd {
            self.send_fin(side, wakes);
        }
        wakes.all(Whom::Own, Reason::Woken(Mask::EMPTY));
        result
    }

    /// A FIN, which stands behind what was written before it (`tcp_send_fin`).
    fn send_fin(&mut self, side: Side, wakes: &mut Wakes) {
        let followed = self.followed;
        let (own, other) = self.both(side);
        if own.output.fin {
            return;
        }
        own.output.fin = true;
        own.output.shut = true;
        if !followed && !own.room.full {
            self.fin_arrives(side, Whom::Own, wakes);
            return;
        }
        other.coming.fin = true;
        self.comes(side.other(), Whom::Other, wakes);
    }

    /// The FIN of that end arrives, and its acknowledgement, of which the sender is told without a
    /// key (`tcp_rcv_state_process`). Once both FINs are there, the connection is over.
    fn fin_arrives(&mut self, from: Side, sender: Whom, wakes: &mut Wakes) {
        let (own, other) = self.both(from);
        other.coming.fin = false;
        other.fin(sender.other(), wakes);
        if own.input.fin {
            own.end();
            other.end();
        }
        if own.open {
            wakes.all(sender, Reason::Woken(Mask::EMPTY));
        }
    }

    /// `setsockopt(2)` SO_RCVLOWAT: readers are woken at once if enough is there
    /// (`tcp_set_rcvlowat`).
    pub(super) fn set_lowat(&mut self, side: Side, bytes: u32, wakes: &mut Wakes) {
        let (own, _) = self.both(side);
        own.lowat = u64::from(bytes).max(1);
        if own.readable() || own.input.fin {
            wakes.one(Whom::Own, SOCKET_IN, Reason::Arrived(count(own.inbox)));
        }
    }

    /// `setsockopt(2)` SO_SNDBUF: writers are woken if there is room, wanted or not
    /// (`sk_stream_write_space`).
    pub(super) fn resize(&mut self, side: Side, wakes: &mut Wakes) {
        let (own, _) = self.both(side);
        if !own.room.full {
            own.room.wanted = false;
            wakes.one(Whom::Own, SOCKET_OUT, Reason::Room);
        }
    }

    /// What a connect(2) on the first socket finds (`__inet_stream_connect`).
    pub(super) fn begin(&mut self, wakes: &mut Wakes) -> Result<Connect, Errno> {
        let [own, _] = &mut self.halves;
        match (own.attempt, own.state) {
            (Attempt::None, _) => {
                own.attempt = Attempt::Begun;
                // `tcp_connect_init` begins anew.
                (own.error, own.input.fin) = (None, false);
                Ok(Connect::Try)
            }
            (Attempt::Begun, State::SynSent) => Err(Errno::EALREADY),
            (Attempt::Begun, State::Connected) => {
                own.attempt = Attempt::Known;
                Ok(Connect::Done)
            }
            (Attempt::Begun, State::Idle | State::Closed) => {
                let error = own.error.take().unwrap_or(Errno::ECONNABORTED);
                own.disconnect(None, wakes);
                Err(error)
            }
            (Attempt::Known, _) => Err(Errno::EISCONN),
            (Attempt::GivenUp, _) => Err(Errno::EINVAL),
        }
    }

    /// The SYN gets no answer: the listener's queue is full.
    pub(super) fn unanswered(&mut self) {
        self.halves[0].state = State::SynSent;
    }

    /// Whether the first socket waits for an answer.
    pub(super) fn waits(&self) -> bool {
        self.halves[0].state == State::SynSent && self.halves[0].open
    }

    /// The handshake is done (`tcp_finish_connect`).
    pub(super) fn establish(&mut self, wakes: &mut Wakes) {
        self.halves[0].state = State::Connected;
        self.halves[1] = Half::new(State::Connected);
        wakes.all(Whom::Own, Reason::Woken(Mask::EMPTY));
    }

    /// The SYN is answered with an RST: nobody listens.
    pub(super) fn refuse(&mut self, wakes: &mut Wakes) {
        self.halves[0].state = State::SynSent;
        self.halves[0].reset(Whom::Own, wakes);
    }

    /// The last close: an RST if something was not read or if asked for, else a FIN.
    pub(super) fn release(&mut self, side: Side, reset: bool, wakes: &mut Wakes) {
        let (own, other) = self.both(side);
        own.open = false;
        if own.state != State::Connected {
            own.state = State::Closed;
        } else if own.inbox > 0 || reset {
            own.end();
            other.reset(Whom::Other, wakes);
        } else {
            self.send_fin(side, wakes);
        }
    }
}
