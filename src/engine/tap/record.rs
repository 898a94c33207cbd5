//! Events as fixed-size records, for the rings.
//!
//! A header of four words: time; tag, call, number of records that follow, a number; two words of
//! arguments. What does not fit follows in whole records.

use std::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6};

use crate::event::{
    Call, CtlOp, Delivery, EdgeLog, Fd, FileId, HEAD, How, Kind, Mask, Nanos, Output, Pass, Peer,
    Queues, Ret, SyscallRecord, Wakeup,
};

/// Thirty-two bytes of an event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Record(pub(super) [u64; 4]);

/// Bytes of a record.
const WIDTH: usize = 32;
/// No longer UNIX name exists (`sun_path`, unix(7)).
const NAME_MAX: usize = 108;
/// The most records that one event takes: a header, the call's result, 1024 deliveries in pairs.
pub(crate) const LONGEST: usize = 2 + 512;

/// What a call handed over, borrowed from where the call left it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Handed<'a> {
    /// Nothing.
    None,
    /// `epoll_wait`'s events.
    Events(&'a [Delivery], EdgeLog),
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

impl Record {
    pub(super) fn header(tag: u8, call: u8, number: u32, args: [u32; 4]) -> Self {
        let word = u64::from(tag) | u64::from(call) << 8 | u64::from(number) << 32;
        Self([0, word, join(args[0], args[1]), join(args[2], args[3])])
    }

    pub(super) fn time(&self) -> u64 {
        self.0[0]
    }

    pub(super) fn set_time(&mut self, t: u64) {
        self.0[0] = t;
    }

    pub(super) fn set_following(&mut self, count: usize) {
        let count = u16::try_from(count).unwrap_or(u16::MAX);
        self.0[1] = self.0[1] & !0xffff_0000 | u64::from(count) << 16;
    }

    /// How many records follow this header.
    pub(super) fn following(&self) -> usize {
        usize::from(u16::try_from(self.0[1] >> 16 & 0xffff).unwrap_or(0))
    }

    fn tag(&self) -> u8 {
        self.0[1].to_le_bytes()[0]
    }

    fn call(&self) -> u8 {
        self.0[1].to_le_bytes()[1]
    }

    fn number(&self) -> u32 {
        split(self.0[1]).1
    }

    fn args(&self) -> [u32; 4] {
        let ((a, b), (c, d)) = (split(self.0[2]), split(self.0[3]));
        [a, b, c, d]
    }

    fn bytes(&self) -> [u8; WIDTH] {
        let mut bytes = [0; WIDTH];
        for (to, word) in bytes.chunks_exact_mut(8).zip(self.0) {
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

fn pack(call: &Call) -> (u8, [u32; 4]) {
    match *call {
        Call::EpollCreate => (0, [0; 4]),
        Call::EpollCtl { ep, op, fd, mask, file } => {
            let kind = match op {
                CtlOp::Add => 1,
                CtlOp::Mod => 2,
                CtlOp::Del => 3,
            };
            (kind, [number(ep), number(fd), mask.0, file.0])
        }
        Call::EpollWait { ep, max, timeout_ms } => {
            (4, [number(ep), max, timeout_ms.cast_unsigned(), 0])
        }
        Call::Accept { fd } => (5, [number(fd), 0, 0, 0]),
        Call::Read { fd, len } => (6, [number(fd), len, 0, 0]),
        Call::Write { fd, len } => (7, [number(fd), len, 0, 0]),
        Call::Send { fd, len } => (8, [number(fd), len, 0, 0]),
        Call::Shutdown { fd, how } => (9, [number(fd), how as u32, 0, 0]),
        Call::Close { fd } => (10, [number(fd), 0, 0, 0]),
        Call::Dup { fd } => (11, [number(fd), 0, 0, 0]),
    }
}

fn unpack(kind: u8, args: [u32; 4]) -> Call {
    let ctl = |op| Call::EpollCtl {
        ep: fd(args[0]),
        op,
        fd: fd(args[1]),
        mask: Mask(args[2]),
        file: FileId(args[3]),
    };
    let (first, len) = (fd(args[0]), args[1]);
    match kind {
        0 => Call::EpollCreate,
        1 => ctl(CtlOp::Add),
        2 => ctl(CtlOp::Mod),
        3 => ctl(CtlOp::Del),
        4 => Call::EpollWait { ep: first, max: len, timeout_ms: args[2].cast_signed() },
        5 => Call::Accept { fd: first },
        6 => Call::Read { fd: first, len },
        7 => Call::Write { fd: first, len },
        8 => Call::Send { fd: first, len },
        9 => {
            let how = match len {
                0 => How::Rd,
                1 => How::Wr,
                _ => How::RdWr,
            };
            Call::Shutdown { fd: first, how }
        }
        10 => Call::Close { fd: first },
        _ => Call::Dup { fd: first },
    }
}

/// A call that may sleep was entered.
pub(super) fn enter(call: &Call) -> Record {
    let (kind, args) = pack(call);
    Record::header(ENTER, kind, 0, args)
}

/// A thread parked before `call`.
pub(super) fn park(call: &Call) -> Record {
    let (kind, args) = pack(call);
    Record::header(PARK, kind, 0, args)
}

/// A thread left the gate.
pub(super) fn unpark(pass: Pass) -> Record {
    Record::header(UNPARK, 0, pass as u32, [0; 4])
}

/// The server turned to an event.
pub(super) fn handle(at: Fd, file: FileId) -> Record {
    Record::header(HANDLE, 0, number(at), [file.0, 0, 0, 0])
}

/// The server met a stale event.
pub(super) fn stale(at: Fd, file: FileId, believed: bool) -> Record {
    Record::header(STALE, 0, number(at), [file.0, believed.into(), 0, 0])
}

/// Queue lengths were read.
pub(super) fn arrive(at: Fd, queues: Queues) -> Record {
    let known = u32::from(queues.unread.is_some())
        | u32::from(queues.unsent.is_some()) << 1
        | u32::from(queues.state.is_some()) << 2;
    let (unread, unsent) = (queues.unread.unwrap_or(0), queues.unsent.unwrap_or(0));
    let state = queues.state.unwrap_or_default().0;
    Record::header(ARRIVE, 0, number(at), [known, unread, unsent, state])
}

/// A file was woken.
pub(super) fn wakeup(wakeup: &Wakeup) -> Record {
    let known = u8::from(wakeup.unread.is_some());
    let (low, high) = split(wakeup.after.0);
    let args = [wakeup.band.0, wakeup.unread.unwrap_or(0), low, high];
    Record::header(WAKEUP, known, number(wakeup.fd), args)
}

/// `lost` records were dropped here; more than 2^64 never are.
pub(super) fn gap(lost: u64) -> Record {
    let (low, high) = split(lost);
    Record::header(GAP, 0, 0, [low, high, 0, 0])
}

/// A call returned: appends its records to `to`.
pub(super) fn returned(
    to: &mut Vec<Record>,
    call: &Call,
    ret: Ret,
    started: Nanos,
    handed: Handed<'_>,
) {
    let (kind, args) = pack(call);
    to.push(Record::header(RETURN, kind, 0, args));
    let ret = ret.raw().cast_unsigned();
    match handed {
        Handed::None => to.push(Record([started.0, ret, 0, 0])),
        Handed::Events(events, log) => {
            let events = events.get(..2 * (LONGEST - 2)).unwrap_or(events);
            to.push(Record([started.0, ret, join(1, log as u32), length(events.len())]));
            to.extend(events.chunks(2).map(|pair| {
                let word = |i: usize| pair.get(i).map_or((0, 0), deliver);
                let ((a, b), (c, d)) = (word(0), word(1));
                Record([a, b, c, d])
            }));
        }
        Handed::Accepted(file, peer) => accepted(to, started, ret, file, peer),
        Handed::Data(bytes) => {
            let bytes = bytes.get(..HEAD).unwrap_or(bytes);
            to.push(Record([started.0, ret, 3, length(bytes.len())]));
            push_bytes(to, bytes);
        }
    }
}

fn deliver(event: &Delivery) -> (u64, u64) {
    (join(event.file.0, number(event.fd)), event.mask.0.into())
}

fn length(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(0)
}

fn push_bytes(to: &mut Vec<Record>, bytes: &[u8]) {
    to.extend(bytes.chunks(WIDTH).map(|chunk| {
        let mut record = Record::default();
        for (word, part) in record.0.iter_mut().zip(chunk.chunks(8)) {
            let mut eight = [0; 8];
            eight[..part.len()].copy_from_slice(part);
            *word = u64::from_ne_bytes(eight);
        }
        record
    }));
}

const INET: u32 = 1;
const INET6: u32 = 2;
const UNIX: u32 = 3;

fn accepted(to: &mut Vec<Record>, started: Nanos, ret: u64, file: FileId, peer: &Peer) {
    let mut first = |kind: u32| to.push(Record([started.0, ret, join(2, kind), file.0.into()]));
    match peer {
        Peer::Unknown => first(0),
        Peer::Inet(addr) => {
            let (kind, ip, scope) = match addr {
                SocketAddr::V4(v4) => (INET, v4.ip().to_ipv6_mapped(), 0),
                SocketAddr::V6(v6) => (INET6, *v6.ip(), v6.scope_id()),
            };
            first(kind);
            let ip = u128::from(ip).to_ne_bytes();
            push_bytes(to, &ip);
            if let Some(last) = to.last_mut() {
                last.0[2] = join(addr.port().into(), scope);
            }
        }
        Peer::Unix { name, pid } => {
            first(UNIX);
            let name = name.as_bytes();
            let name = name.get(..NAME_MAX).unwrap_or(name);
            to.push(Record([u64::from(*pid), length(name.len()), 0, 0]));
            push_bytes(to, name);
        }
    }
}

/// The event that these records, a header and those that follow it, stand for.
pub(super) fn decode(records: &[Record]) -> Option<(Nanos, Kind)> {
    let (head, rest) = records.split_first()?;
    let args = head.args();
    let at = fd(head.number());
    let kind = match head.tag() {
        ENTER => Kind::Enter(unpack(head.call(), args)),
        RETURN => Kind::Return(decode_return(head, rest)?),
        PARK => Kind::Park { next: unpack(head.call(), args) },
        UNPARK => Kind::Unpark(match head.number() {
            0 => Pass::Run,
            1 => Pass::Step,
            _ => Pass::Turn,
        }),
        HANDLE => Kind::Handle { fd: at, file: FileId(args[0]) },
        STALE => Kind::Stale { fd: at, file: FileId(args[0]), believed: args[1] != 0 },
        ARRIVE => Kind::Arrive {
            fd: at,
            queues: Queues {
                unread: (args[0] & 1 != 0).then_some(args[1]),
                unsent: (args[0] & 2 != 0).then_some(args[2]),
                state: (args[0] & 4 != 0).then_some(Mask(args[3])),
            },
        },
        WAKEUP => Kind::Wakeup(Wakeup {
            fd: at,
            band: Mask(args[0]),
            unread: (head.call() != 0).then_some(args[1]),
            after: Nanos(join(args[2], args[3])),
        }),
        GAP => Kind::Gap { lost: join(args[0], args[1]) },
        _ => return None,
    };
    Some((Nanos(head.time()), kind))
}

fn decode_return(head: &Record, rest: &[Record]) -> Option<SyscallRecord> {
    let (result, rest) = rest.split_first()?;
    let (what, detail) = split(result.0[2]);
    let count = usize::try_from(result.0[3]).ok()?;
    let output = match what {
        0 => Output::None,
        1 => Output::Events { events: decode_events(count, rest), log: decode_log(detail) },
        2 => Output::Accepted {
            file: FileId(u32::try_from(result.0[3]).ok()?),
            peer: decode_peer(detail, rest),
        },
        _ => Output::Data(decode_bytes(count, rest).into_boxed_slice()),
    };
    Some(SyscallRecord {
        call: unpack(head.call(), head.args()),
        ret: Ret::from_raw(result.0[1].cast_signed()),
        output,
        started: Nanos(result.0[0]),
    })
}

fn decode_log(log: u32) -> EdgeLog {
    match log {
        0 => EdgeLog::Drained,
        1 => EdgeLog::Skipped,
        _ => EdgeLog::Off,
    }
}

fn decode_events(count: usize, rest: &[Record]) -> Box<[Delivery]> {
    let pairs = rest.iter().flat_map(|r| [(r.0[0], r.0[1]), (r.0[2], r.0[3])]);
    let events = pairs.take(count).map(|(data, mask)| {
        let (file, number) = split(data);
        Delivery { file: FileId(file), fd: fd(number), mask: Mask(split(mask).0) }
    });
    events.collect()
}

fn decode_bytes(count: usize, rest: &[Record]) -> Vec<u8> {
    rest.iter().flat_map(Record::bytes).take(count).collect()
}

fn decode_peer(kind: u32, rest: &[Record]) -> Peer {
    let Some((first, more)) = rest.split_first() else { return Peer::Unknown };
    match kind {
        INET | INET6 => {
            let mut ip = [0; 16];
            ip.copy_from_slice(&first.bytes()[..16]);
            let ip = Ipv6Addr::from(u128::from_ne_bytes(ip));
            let (port, scope) = split(first.0[2]);
            let port = u16::try_from(port).unwrap_or(0);
            Peer::Inet(match (kind, ip.to_ipv4_mapped()) {
                (INET, Some(v4)) => SocketAddr::new(IpAddr::V4(v4), port),
                _ => SocketAddr::V6(SocketAddrV6::new(ip, port, 0, scope)),
            })
        }
        _ => {
            let len = usize::try_from(first.0[1]).unwrap_or(0);
            let name = decode_bytes(len, more);
            let name = String::from_utf8_lossy(&name).into_owned().into_boxed_str();
            Peer::Unix { name, pid: split(first.0[0]).0 }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Errno;

    #[track_caller]
    fn check(call: Call, ret: Ret, handed: Handed<'_>, output: Output) {
        let mut records = Vec::new();
        returned(&mut records, &call, ret, Nanos(5), handed);
        let expected = SyscallRecord { call, ret, output, started: Nanos(5) };
        assert_eq!(decode(&records), Some((Nanos(0), Kind::Return(expected))));
        assert!(records.len() <= LONGEST);
    }

    #[test]
    fn calls_survive_the_ring() {
        let (ep, at, file, mask) = (Fd(5), Fd(7), FileId(9), Mask::IN | Mask::ET);
        let ok = Ret::ok(0);
        check(Call::EpollCreate, Ret::ok(5), Handed::None, Output::None);
        for op in [CtlOp::Add, CtlOp::Mod, CtlOp::Del] {
            let call = Call::EpollCtl { ep, op, fd: at, mask, file };
            check(call, Ret::err(Errno::EINVAL), Handed::None, Output::None);
        }
        for how in [How::Rd, How::Wr, How::RdWr] {
            check(Call::Shutdown { fd: at, how }, ok, Handed::None, Output::None);
        }
        for call in [Call::Close { fd: at }, Call::Dup { fd: at }, Call::Write { fd: at, len: 3 }] {
            check(call, ok, Handed::None, Output::None);
        }
        let bytes: Vec<u8> = (0..100).collect();
        let read = Call::Read { fd: at, len: 4096 };
        for len in [0, 1, 8, 33, 64, 100] {
            let kept = Output::Data(bytes[..len.min(HEAD)].into());
            check(read, Ret::ok(100), Handed::Data(&bytes[..len]), kept.clone());
            check(Call::Send { fd: at, len: 7 }, Ret::ok(7), Handed::Data(&bytes[..len]), kept);
        }
    }

    #[test]
    fn results_of_a_wait_survive_the_ring() {
        let call = Call::EpollWait { ep: Fd(5), max: 1024, timeout_ms: -1 };
        for count in [0u32, 1, 2, 3, 1024] {
            let events: Vec<_> = (0..count)
                .map(|n| Delivery { file: FileId(n), fd: fd(n + 7), mask: Mask::IN })
                .collect();
            for log in [EdgeLog::Drained, EdgeLog::Skipped, EdgeLog::Off] {
                let output = Output::Events { events: events.clone().into(), log };
                check(call, Ret::ok(count.into()), Handed::Events(&events, log), output);
            }
        }
    }

    #[test]
    fn peers_survive_the_ring() {
        let addr = |text: &str| Peer::Inet(text.parse().expect("address"));
        let peers = [
            Peer::Unknown,
            addr("127.0.0.1:40312"),
            addr("[::1]:80"),
            addr("[::ffff:10.0.0.1]:80"),
            Peer::Unix { name: "".into(), pid: 7 },
            Peer::Unix { name: "@00001".into(), pid: 0 },
            Peer::Unix { name: "x".repeat(108).into(), pid: 1 },
        ];
        for peer in peers {
            let handed = Handed::Accepted(FileId(4), &peer);
            let output = Output::Accepted { file: FileId(4), peer: peer.clone() };
            check(Call::Accept { fd: Fd(3) }, Ret::ok(8), handed, output);
        }
    }

    #[test]
    fn short_events_survive_the_ring() {
        let call = Call::Read { fd: Fd(7), len: 1 };
        let queues = Queues { unread: Some(1), unsent: None, state: Some(Mask::RDHUP) };
        let woken =
            Wakeup { fd: Fd(7), band: Mask::IN, unread: Some(2), after: Nanos(u64::MAX - 1) };
        let pairs = [
            (enter(&call), Kind::Enter(call)),
            (park(&call), Kind::Park { next: call }),
            (unpark(Pass::Run), Kind::Unpark(Pass::Run)),
            (unpark(Pass::Step), Kind::Unpark(Pass::Step)),
            (unpark(Pass::Turn), Kind::Unpark(Pass::Turn)),
            (handle(Fd(7), FileId(2)), Kind::Handle { fd: Fd(7), file: FileId(2) }),
            (
                stale(Fd(7), FileId(2), true),
                Kind::Stale { fd: Fd(7), file: FileId(2), believed: true },
            ),
            (arrive(Fd(7), queues), Kind::Arrive { fd: Fd(7), queues }),
            (wakeup(&woken), Kind::Wakeup(woken)),
            (gap(1 << 40), Kind::Gap { lost: 1 << 40 }),
        ];
        for (record, kind) in pairs {
            assert_eq!(decode(&[record]), Some((Nanos(0), kind)));
        }
        assert_eq!(decode(&[]), None);
        assert_eq!(decode(&[Record::default()]), None);
    }
}
