//! Events as fixed-size records, for the rings.
//!
//! A record is eight words of 32 bits: the time since the record before it; tag, flags, number of
//! records that follow; a descriptor; and what is left depends on the tag. What does not fit
//! follows in whole records. Times that do not fit a word have a record of their own.

mod decode;
mod parts;
pub(super) mod ring;

use std::net::SocketAddr;

use crate::event::{
    Cqe, CtlOp, Delivery, Fd, FileId, GateStep, GoChange, GoId, HEAD, How, Mask, Nanos, Pass, Peer,
    PollSet, Queues, Ret, RingHeads, Syscall, Wakeup, WakeupLog,
};

pub(super) use decode::decode;

/// Thirty-two bytes of an event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Record(pub(super) [u32; 8]);

/// Bytes of a record.
const WIDTH: usize = 32;
/// No longer UNIX name exists (`sun_path`, unix(7)).
const NAME_MAX: usize = 108;
/// The most records that one event takes: a header, its start, 1024 deliveries in pairs.
pub(crate) const LONGEST: usize = 2 + 512;

/// What a call handed over, borrowed from where the call left it.
#[derive(Clone, Copy, Debug)]
pub enum Handed<'a> {
    /// Nothing.
    None,
    /// `epoll_wait`'s events, and when it had returned.
    Events(&'a [Delivery], WakeupLog, Nanos),
    /// What `poll` or `select` found, and how often the thread slept in it.
    Scan(&'a [Delivery], Option<u32>, WakeupLog),
    /// Where a ring's queues stand, and what is posted.
    Ring(RingHeads, &'a [Cqe], WakeupLog),
    /// What the file answered to poll(2) right after the call.
    Polled(Mask),
    /// A new connection.
    Accepted(FileId, &'a Peer),
    /// Bytes moved; the first [`HEAD`] are kept.
    Data(&'a [u8]),
}

const ENTER: u8 = 1;
const RETURN: u8 = 2;
const PARK: u8 = 3;
const UNPARK: u8 = 4;
const HANDLE: u8 = 5;
const STALE: u8 = 6;
const ARRIVE: u8 = 7;
const WAKEUP: u8 = 8;
const GAP: u8 = 9;
const TIME: u8 = 10;
const SET: u8 = 11;
const SQE: u8 = 12;
const REAP: u8 = 13;
const GIVE: u8 = 14;
const PARK_PUSH: u8 = 15;
const PARK_REAP: u8 = 16;
const GO: u8 = 17;
const PARK_RUN: u8 = 18;

/// The words of a record.
const DELTA: usize = 0;
const HEADER: usize = 1;
const NUMBER: usize = 2;
const RET: usize = 3;
const TOOK: usize = 4;
/// Of a call that moves bytes: how many of them follow, plus one. Of `accept4`: what peer follows,
/// plus one.
const HANDED: usize = 6;
/// Of such a call: the file whose event the server turned to just before it, plus one. Of
/// `epoll_wait`: what is known of the edge log, plus one, and how long before the event's time it
/// had returned.
const TURNED: usize = 7;

/// In [`HANDED`]: no bytes follow, it is what poll(2) answered.
const POLLED: u32 = 1 << 31;
/// The longest time that fits beside the edge log's state in [`TURNED`].
const BEFORE_MAX: u64 = (1 << 24) - 1;

/// A call took longer than its word can tell: the next record has its start.
const LONG: u32 = u32::MAX;

impl Record {
    #[inline]
    fn header(tag: u8, flags: u8, number: u32, args: [u32; 5]) -> Self {
        let header = u32::from(tag) | u32::from(flags) << 8;
        let mut words = [0, header, number, 0, 0, 0, 0, 0];
        words[3..].copy_from_slice(&args);
        Self(words)
    }

    /// The same with another tag.
    fn tagged(mut self, tag: u8) -> Self {
        self.0[HEADER] = self.0[HEADER] & !0xff | u32::from(tag);
        self
    }

    /// The time of what follows it.
    pub(super) fn time(t: u64) -> Self {
        let (low, high) = split(t);
        Self::header(TIME, 0, low, [high, 0, 0, 0, 0])
    }

    /// The time that a record of its own tells.
    pub(super) fn as_time(&self) -> Option<u64> {
        (self.tag() == TIME).then(|| join(self.0[NUMBER], self.0[3]))
    }

    /// Nanoseconds since the record before it.
    pub(super) fn delta(&self) -> u64 {
        self.0[DELTA].into()
    }

    pub(super) fn set_delta(&mut self, delta: u32) {
        self.0[DELTA] = delta;
    }

    pub(super) fn set_following(&mut self, count: usize) {
        let count = u32::try_from(count).unwrap_or(0);
        self.0[HEADER] = self.0[HEADER] & 0xffff | count << 16;
    }

    /// How many records follow this header.
    pub(super) fn following(&self) -> usize {
        usize::try_from(self.0[HEADER] >> 16).unwrap_or(0)
    }

    /// Sets when the call was made, if that fits; it returned at `t`.
    #[inline]
    pub(super) fn set_took(&mut self, took: u64) -> bool {
        let short = u32::try_from(took).ok().filter(|took| *took < LONG);
        self.0[TOOK] = short.unwrap_or(LONG);
        short.is_some()
    }

    /// Notes that the server turned to an event of that file just before this call, if it is a
    /// call on that number that has a word to spare.
    #[inline]
    pub(super) fn set_turned(&mut self, at: Fd, file: FileId) -> bool {
        let fits = self.tag() == RETURN
            && matches!(self.flags(), ACCEPT | READ | WRITE | SEND)
            && self.0[NUMBER] == number(at)
            && file.0 != u32::MAX;
        if fits {
            self.0[TURNED] = file.0 + 1;
        }
        fits
    }

    /// The event that the server turned to just before this call.
    pub(super) fn turned(&self) -> Option<(Fd, FileId)> {
        let has = self.tag() == RETURN && matches!(self.flags(), ACCEPT | READ | WRITE | SEND);
        let file = self.0[TURNED].checked_sub(1).filter(|_| has)?;
        Some((fd(self.0[NUMBER]), FileId(file)))
    }

    /// How many events this header and what follows it stand for.
    pub(super) fn events(&self) -> u64 {
        1 + u64::from(self.turned().is_some())
    }

    fn tag(&self) -> u8 {
        self.0[HEADER].to_le_bytes()[0]
    }

    fn flags(&self) -> u8 {
        self.0[HEADER].to_le_bytes()[1]
    }

    fn bytes(&self) -> [u8; WIDTH] {
        let mut bytes = [0; WIDTH];
        for (to, word) in bytes.chunks_exact_mut(4).zip(self.0) {
            to.copy_from_slice(&word.to_ne_bytes());
        }
        bytes
    }
}

fn join(low: u32, high: u32) -> u64 {
    u64::from(low) | u64::from(high) << 32
}

fn split(word: u64) -> (u32, u32) {
    let low = u32::try_from(word & 0xffff_ffff).unwrap_or(0);
    (low, u32::try_from(word >> 32).unwrap_or(0))
}

fn number(fd: Fd) -> u32 {
    fd.0.cast_unsigned()
}

fn fd(number: u32) -> Fd {
    Fd(number.cast_signed())
}

const CREATE: u8 = 0;
const ADD: u8 = 1;
const MOD: u8 = 2;
const DEL: u8 = 3;
const WAIT: u8 = 4;
const ACCEPT: u8 = 5;
const READ: u8 = 6;
const WRITE: u8 = 7;
const SEND: u8 = 8;
const SHUTDOWN: u8 = 9;
const CLOSE: u8 = 10;
const DUP: u8 = 11;
/// ADD and MOD that succeeded, with what poll(2) answered in the place of their result.
const ADD_POLLED: u8 = 12;
const MOD_POLLED: u8 = 13;
const POLL: u8 = 14;
const SELECT: u8 = 15;
const URING_SETUP: u8 = 16;
const URING_REGISTER: u8 = 17;
const URING_ENTER: u8 = 18;
const SET_FLAGS: u8 = 19;

/// A header with a call, or the loss of one that the server never makes: its number in the flags, its descriptor, and up to three words.
#[expect(clippy::inline_always, reason = "which call it is, is known where it is told")]
#[inline(always)]
fn with_call(tag: u8, call: &Syscall) -> Record {
    let (kind, at, [a, b, c]) = match *call {
        Syscall::EpollCreate => (CREATE, 0, [0; 3]),
        Syscall::EpollCtl { ep, op, fd, mask, file } => {
            let kind = match op {
                CtlOp::Add => ADD,
                CtlOp::Mod => MOD,
                CtlOp::Del => DEL,
                CtlOp::Invalid(_) => return gap(1),
            };
            (kind, number(fd), [number(ep), mask.0, file.0])
        }
        Syscall::EpollWait { ep, max, timeout_ms } => {
            (WAIT, number(ep), [max, timeout_ms.cast_unsigned(), 0])
        }
        Syscall::Accept { fd } => (ACCEPT, number(fd), [0; 3]),
        Syscall::Read { fd, len } => (READ, number(fd), [len, 0, 0]),
        Syscall::Write { fd, len } => (WRITE, number(fd), [len, 0, 0]),
        Syscall::Send { fd, len } => (SEND, number(fd), [len, 0, 0]),
        Syscall::Shutdown { fd, how } => (SHUTDOWN, number(fd), [how as u32, 0, 0]),
        Syscall::Close { fd } => (CLOSE, number(fd), [0; 3]),
        Syscall::Dup { fd } => (DUP, number(fd), [0; 3]),
        Syscall::SetFlags { fd, blocking } => (SET_FLAGS, number(fd), [blocking.into(), 0, 0]),
        Syscall::Poll { set, timeout_ms } if set.is_counted() => {
            (POLL, set.count(), [timeout_ms.cast_unsigned(), 0, 0])
        }
        Syscall::Select { set, timeout_ms } if set.is_counted() => {
            let [read, write, _] = set.sets().unwrap_or_default();
            let sets = [timeout_ms.cast_unsigned(), read << 16 | write, set.count()];
            (SELECT, set.nfds().unwrap_or(0), sets)
        }
        Syscall::UringSetup { entries, flags, completions } => {
            (URING_SETUP, 0, [entries, flags, completions])
        }
        Syscall::UringRegister { ring, buffers } => (URING_REGISTER, number(ring), [buffers, 0, 0]),
        Syscall::UringEnter { ring, submit, wait, flags } => {
            (URING_ENTER, number(ring), [submit, wait, flags])
        }
        Syscall::Setup(_) | Syscall::Poll { .. } | Syscall::Select { .. } => return gap(1),
    };
    Record::header(tag, kind, at, [0, 0, a, b, c])
}

fn call_of(record: &Record) -> Syscall {
    let [_, _, at, _, _, a, b, c] = record.0;
    let at = fd(at);
    let ctl = |op| Syscall::EpollCtl { ep: fd(a), op, fd: at, mask: Mask(b), file: FileId(c) };
    match record.flags() {
        CREATE => Syscall::EpollCreate,
        ADD | ADD_POLLED => ctl(CtlOp::Add),
        MOD | MOD_POLLED => ctl(CtlOp::Mod),
        DEL => ctl(CtlOp::Del),
        WAIT => Syscall::EpollWait { ep: at, max: a, timeout_ms: b.cast_signed() },
        ACCEPT => Syscall::Accept { fd: at },
        READ => Syscall::Read { fd: at, len: a },
        WRITE => Syscall::Write { fd: at, len: a },
        SEND => Syscall::Send { fd: at, len: a },
        SHUTDOWN => {
            let how = match a {
                0 => How::Rd,
                1 => How::Wr,
                _ => How::RdWr,
            };
            Syscall::Shutdown { fd: at, how }
        }
        CLOSE => Syscall::Close { fd: at },
        SET_FLAGS => Syscall::SetFlags { fd: at, blocking: a != 0 },
        POLL => {
            let set = PollSet::array(record.0[NUMBER]);
            Syscall::Poll { set, timeout_ms: a.cast_signed() }
        }
        SELECT => {
            let set = PollSet::bitmaps(c, [b >> 16, b & 0xffff, 0], record.0[NUMBER]);
            Syscall::Select { set, timeout_ms: a.cast_signed() }
        }
        URING_SETUP => Syscall::UringSetup { entries: a, flags: b, completions: c },
        URING_REGISTER => Syscall::UringRegister { ring: at, buffers: a },
        URING_ENTER => Syscall::UringEnter { ring: at, submit: a, wait: b, flags: c },
        _ => Syscall::Dup { fd: at },
    }
}

/// A call that may sleep was entered.
pub(super) fn enter(call: &Syscall) -> Record {
    with_call(ENTER, call)
}

/// A thread parked before that.
pub(super) fn park(next: &GateStep) -> Record {
    match next {
        GateStep::Call(call) => with_call(PARK, call),
        GateStep::Push { ring, sqe } => ring::sqe(*ring, sqe).tagged(PARK_PUSH),
        GateStep::Reap { ring, op, fd, cqe } => {
            let mut record = ring::reap(*ring, *op, cqe).tagged(PARK_REAP);
            record.0[7] = number(*fd);
            record
        }
        GateStep::Run(go) => Record::header(PARK_RUN, 0, go.0, [0; 5]),
    }
}

/// A thread left the gate.
pub(super) fn unpark(pass: Pass) -> Record {
    Record::header(UNPARK, 0, pass as u32, [0; 5])
}

/// The server turned to an event.
pub(super) fn handle(at: Fd, file: FileId) -> Record {
    Record::header(HANDLE, 0, number(at), [file.0, 0, 0, 0, 0])
}

/// The server met a stale event.
pub(super) fn stale(at: Fd, file: FileId, believed: bool) -> Record {
    Record::header(STALE, u8::from(believed), number(at), [file.0, 0, 0, 0, 0])
}

/// Queue lengths were read.
pub(super) fn arrive(at: Fd, queues: Queues) -> Record {
    let known = u8::from(queues.unread.is_some())
        | u8::from(queues.unsent.is_some()) << 1
        | u8::from(queues.state.is_some()) << 2
        | u8::from(queues.room.is_some()) << 3;
    let (unread, unsent) = (queues.unread.unwrap_or(0), queues.unsent.unwrap_or(0));
    let state = queues.state.unwrap_or_default().0;
    let room = u32::from(queues.room == Some(true));
    Record::header(ARRIVE, known, number(at), [unread, unsent, state, room, 0])
}

/// A file was woken, which is told at `t`. A count of very long ago is left out.
pub(super) fn wakeup(wakeup: &Wakeup, t: u64) -> Record {
    let age = u32::try_from(t.saturating_sub(wakeup.counted.0)).ok();
    let known = u8::from(wakeup.unread.is_some() && age.is_some());
    let (low, high) = split(wakeup.after.0);
    let args = [wakeup.band.0, wakeup.unread.unwrap_or(0), low, high, age.unwrap_or(0)];
    Record::header(WAKEUP, known, number(wakeup.fd), args)
}

/// `lost` events were dropped here; more than 2^64 never are.
pub(super) fn gap(lost: u64) -> Record {
    let (low, high) = split(lost);
    Record::header(GAP, 0, 0, [low, high, 0, 0, 0])
}

/// The head of a call that returned. Results are counts, descriptors and error numbers: they fit
/// a word.
#[expect(clippy::inline_always, reason = "which call it is, is known where it is told")]
#[inline(always)]
pub(super) fn returned(call: &Syscall, ret: Ret) -> Record {
    let mut record = with_call(RETURN, call);
    record.0[RET] = i32::try_from(ret.raw()).unwrap_or(i32::MAX).cast_unsigned();
    record
}

/// What a call that returned at `t` handed over, into its head and into records after it.
pub(super) fn hand_over(to: &mut Vec<Record>, head: &mut Record, t: u64, handed: Handed<'_>) {
    match handed {
        Handed::None => {}
        Handed::Polled(polled) if matches!(head.flags(), ADD | MOD) => {
            let kind = if head.flags() == ADD { ADD_POLLED } else { MOD_POLLED };
            head.0[HEADER] = head.0[HEADER] & !0xff00 | u32::from(kind) << 8;
            head.0[RET] = polled.0;
        }
        Handed::Polled(polled) => head.0[HANDED] = POLLED | polled.0,
        Handed::Events(events, log, done) => {
            let events = events.get(..2 * (LONGEST - 2)).unwrap_or(events);
            let before = u32::try_from(t.saturating_sub(done.0).min(BEFORE_MAX)).unwrap_or(0);
            head.0[TURNED] = before << 8 | (1 + log as u32);
            push_deliveries(to, events);
        }
        Handed::Scan(ready, slept, log) => {
            let ready = ready.get(..2 * (LONGEST - 3)).unwrap_or(ready);
            to.push(Record([
                slept.map_or(0, |slept| slept.saturating_add(1)),
                1 + log as u32,
                length(ready.len()),
                0,
                0,
                0,
                0,
                0,
            ]));
            push_deliveries(to, ready);
        }
        Handed::Ring(heads, posted, log) => ring::posted(to, &heads, posted, log),
        Handed::Accepted(file, peer) => accepted(to, head, file, peer),
        Handed::Data(bytes) => {
            let bytes = bytes.get(..HEAD).unwrap_or(bytes);
            head.0[HANDED] = length(bytes.len()) + 1;
            push_bytes(to, bytes);
        }
    }
}

fn push_deliveries(to: &mut Vec<Record>, events: &[Delivery]) {
    to.extend(events.chunks(2).map(|pair| {
        let mut record = Record::default();
        for (words, event) in record.0.chunks_exact_mut(4).zip(pair) {
            words.copy_from_slice(&[event.file.0, number(event.fd), event.mask.0, 0]);
        }
        record
    }));
}

/// The server changed what it passes to poll(2) or select(2).
pub(super) fn set(at: Fd, file: FileId, events: Option<Mask>, place: u32) -> Record {
    let bits = events.unwrap_or_default().0;
    Record::header(SET, u8::from(events.is_some()), number(at), [file.0, bits, place, 0, 0])
}

/// A goroutine came to that.
pub(super) fn go(go: GoId, what: GoChange) -> Record {
    let (flags, a, b) = match what {
        GoChange::Spawn { fd, file } => (0, number(fd), file.0),
        GoChange::Run => (1, 0, 0),
        GoChange::Park { on } => (2, on as u32, 0),
        GoChange::Ready { mask } => (3, mask.0, 0),
        GoChange::Yield => (4, 0, 0),
        GoChange::End => (5, 0, 0),
    };
    Record::header(GO, flags, go.0, [a, b, 0, 0, 0])
}

/// The start of a call that took very long.
pub(super) fn started(t: Nanos) -> Record {
    Record::time(t.0)
}

fn length(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(0)
}

fn push_bytes(to: &mut Vec<Record>, bytes: &[u8]) {
    to.extend(bytes.chunks(WIDTH).map(|chunk| {
        let mut padded = [0; WIDTH];
        padded[..chunk.len()].copy_from_slice(chunk);
        let mut record = Record::default();
        for (word, four) in record.0.iter_mut().zip(padded.chunks_exact(4)) {
            *word = u32::from_ne_bytes([four[0], four[1], four[2], four[3]]);
        }
        record
    }));
}

const UNKNOWN: u32 = 1;
const INET: u32 = 2;
const INET6: u32 = 3;
const UNIX: u32 = 4;

fn accepted(to: &mut Vec<Record>, head: &mut Record, file: FileId, peer: &Peer) {
    head.0[5] = file.0;
    match peer {
        Peer::Unknown | Peer::Numbered { .. } => head.0[HANDED] = UNKNOWN,
        Peer::Inet(addr) => {
            let (kind, ip, scope) = match addr {
                SocketAddr::V4(v4) => (INET, v4.ip().to_ipv6_mapped(), 0),
                SocketAddr::V6(v6) => (INET6, *v6.ip(), v6.scope_id()),
            };
            head.0[HANDED] = kind;
            push_bytes(to, &u128::from(ip).to_ne_bytes());
            if let Some(last) = to.last_mut() {
                last.0[4] = addr.port().into();
                last.0[5] = scope;
            }
        }
        Peer::Unix { name, pid } => {
            head.0[HANDED] = UNIX;
            let name = name.as_bytes();
            let name = name.get(..NAME_MAX).unwrap_or(name);
            to.push(Record([*pid, length(name.len()), 0, 0, 0, 0, 0, 0]));
            push_bytes(to, name);
        }
    }
}

#[cfg(test)]
mod tests;
