//! Events as bytes, for the history and for recordings.
//!
//! An event is packed without its position, which follows from its place, and with the time since
//! the one before it. What a busy server does most, reads, sends and turning to events, is packed
//! by hand: a byte of what it is and whose, the lane if that has no room there, then numbers of seven bits a byte. All else goes
//! through serde.

use crate::event::{
    Event, Fd, FileId, HEAD, Head, Kind, LaneId, Nanos, Output, Ret, Seq, Syscall, SyscallRecord,
};

/// Anything, by serde.
const ANY: u8 = 0;
/// The server turned to an event.
const HANDLE: u8 = 1;
/// `read` and what it moved.
const READ: u8 = 2;
/// `send` and what it moved.
const SEND: u8 = 3;
/// `read` of which nothing is known but its result.
const READ_BARE: u8 = 4;
/// Such a `send`.
const SEND_BARE: u8 = 5;

/// In the place of a lane: its number follows.
const FAR: u8 = 0xf;
/// The longest event packed by hand: a byte, seven numbers of ten bytes, the head of the data.
const LONGEST: usize = 1 + 7 * 10 + HEAD;

/// An event that is being packed by hand.
struct Short {
    bytes: [u8; LONGEST],
    len: usize,
}

impl Short {
    fn new(what: u8, lane: LaneId) -> Self {
        let mut short = Self { bytes: [0; LONGEST], len: 0 };
        match u8::try_from(lane.0) {
            Ok(near) if near < FAR => short.byte(what << 4 | near),
            _ => {
                short.byte(what << 4 | FAR);
                short.number(lane.0.into());
            }
        }
        short
    }

    fn byte(&mut self, byte: u8) {
        if let Some(place) = self.bytes.get_mut(self.len) {
            *place = byte;
            self.len += 1;
        }
    }

    fn number(&mut self, mut n: u64) -> &mut Self {
        while n >= 0x80 {
            self.byte(n.to_le_bytes()[0] | 0x80);
            n >>= 7;
        }
        self.byte(n.to_le_bytes()[0]);
        self
    }

    fn slice(&mut self, bytes: &[u8]) {
        if let Some(place) = self.bytes.get_mut(self.len..self.len + bytes.len()) {
            place.copy_from_slice(bytes);
            self.len += bytes.len();
        }
    }

    fn finish(&self, to: &mut Vec<u8>) {
        to.extend_from_slice(&self.bytes[..self.len]);
    }
}

/// A signed number as an unsigned one that is small when it is near zero.
fn zigzag(n: i64) -> u64 {
    (n.cast_unsigned() << 1) ^ (n >> 63).cast_unsigned()
}

fn unzigzag(n: u64) -> i64 {
    (n >> 1).cast_signed() ^ -(n & 1).cast_signed()
}

/// Appends an event to `to`; `before` is the time of the one before it.
pub(crate) fn pack(to: &mut Vec<u8>, before: Nanos, event: &Event) {
    let delta = event.t.0.wrapping_sub(before.0).cast_signed();
    if !pack_short(to, delta, event) {
        to.push(ANY);
        let packed: (i64, LaneId, &Kind) = (delta, event.lane, &event.kind);
        // Packing into memory fails for no event: all its types are plain data.
        if let Ok(more) = postcard::to_extend(&packed, std::mem::take(to)) {
            *to = more;
        }
    }
}

/// Packs by hand what can be; whether it could.
fn pack_short(to: &mut Vec<u8>, delta: i64, event: &Event) -> bool {
    match &event.kind {
        Kind::Handle { fd, file } => {
            let mut short = Short::new(HANDLE, event.lane);
            short.number(zigzag(delta)).number(fd.0.cast_unsigned().into()).number(file.0.into());
            short.finish(to);
            true
        }
        Kind::Return(record) => pack_call(to, delta, event, record),
        _ => false,
    }
}

fn pack_call(to: &mut Vec<u8>, delta: i64, event: &Event, record: &SyscallRecord) -> bool {
    let (what, fd, len, data) = match (record.call, &record.output) {
        (Syscall::Read { fd, len }, Output::Data(data)) => (READ, fd, len, &data[..]),
        (Syscall::Send { fd, len }, Output::Data(data)) => (SEND, fd, len, &data[..]),
        (Syscall::Read { fd, len }, Output::None) => (READ_BARE, fd, len, &[][..]),
        (Syscall::Send { fd, len }, Output::None) => (SEND_BARE, fd, len, &[][..]),
        _ => return false,
    };
    if data.len() > HEAD {
        return false;
    }
    let mut short = Short::new(what, event.lane);
    let took = event.t.0.wrapping_sub(record.started.0).cast_signed();
    short.number(zigzag(delta)).number(zigzag(took)).number(fd.0.cast_unsigned().into());
    short.number(len.into()).number(zigzag(record.ret.raw()));
    if what < READ_BARE {
        short.number(u64::try_from(data.len()).unwrap_or(0)).slice(data);
    }
    short.finish(to);
    true
}

/// Unpacks events in order while `visit` returns true; the first one has the position `seq`, and
/// `t` is the time of the one before it. Whether nothing is left.
pub(crate) fn unpack(
    bytes: &[u8],
    seq: Seq,
    t: Nanos,
    mut visit: impl FnMut(Event) -> bool,
) -> bool {
    let (mut bytes, mut seq, mut t) = (bytes, seq, t);
    while let Some((delta, lane, kind)) = next(&mut bytes, t) {
        t = Nanos(t.0.wrapping_add_signed(delta));
        if !visit(Event { seq, t, lane, kind }) {
            break;
        }
        seq = seq.next();
    }
    bytes.is_empty()
}

/// Takes an event off the front; `before` is the time of the one before it.
fn next(bytes: &mut &[u8], before: Nanos) -> Option<(i64, LaneId, Kind)> {
    let (first, rest) = bytes.split_first()?;
    *bytes = rest;
    if first >> 4 == ANY {
        let (event, rest) = postcard::take_from_bytes(rest).ok()?;
        *bytes = rest;
        return Some(event);
    }
    if first >> 4 > SEND_BARE {
        return None;
    }
    let lane = LaneId(match first & 0xf {
        FAR => u16::try_from(number(bytes)?).ok()?,
        near => near.into(),
    });
    let delta = unzigzag(number(bytes)?);
    if first >> 4 == HANDLE {
        let (fd, file) = (descriptor(bytes)?, FileId(small(bytes)?));
        return Some((delta, lane, Kind::Handle { fd, file }));
    }
    let t = before.0.wrapping_add_signed(delta);
    let started = Nanos(t.wrapping_sub(unzigzag(number(bytes)?).cast_unsigned()));
    let (fd, len) = (descriptor(bytes)?, small(bytes)?);
    let ret = Ret::from_raw(unzigzag(number(bytes)?));
    let call = match first >> 4 {
        SEND | SEND_BARE => Syscall::Send { fd, len },
        _ => Syscall::Read { fd, len },
    };
    let output = if first >> 4 >= READ_BARE {
        Output::None
    } else {
        let len = usize::try_from(number(bytes)?).ok()?;
        let (data, rest) = bytes.split_at_checked(len)?;
        *bytes = rest;
        Output::Data(Head::from_slice(data))
    };
    Some((delta, lane, Kind::Return(SyscallRecord { call, ret, output, started })))
}

fn number(bytes: &mut &[u8]) -> Option<u64> {
    let mut n = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        n |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(n);
        }
    }
    None
}

fn small(bytes: &mut &[u8]) -> Option<u32> {
    u32::try_from(number(bytes)?).ok()
}

fn descriptor(bytes: &mut &[u8]) -> Option<Fd> {
    Some(Fd(small(bytes)?.cast_signed()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn kinds() -> impl Strategy<Value = Kind> {
        let data = prop_oneof![
            Just(Output::None),
            proptest::collection::vec(any::<u8>(), 0..=HEAD)
                .prop_map(|bytes| Output::Data(Head::from_vec(bytes))),
        ];
        let call = (any::<bool>(), any::<i32>(), any::<u32>()).prop_map(|(send, fd, len)| {
            let fd = Fd(fd);
            if send { Syscall::Send { fd, len } } else { Syscall::Read { fd, len } }
        });
        let returned =
            (call, any::<i64>(), data, any::<u64>()).prop_map(|(call, ret, output, started)| {
                let (ret, started) = (Ret::from_raw(ret), Nanos(started));
                Kind::Return(SyscallRecord { call, ret, output, started })
            });
        prop_oneof![
            returned,
            (any::<i32>(), any::<u32>())
                .prop_map(|(fd, file)| Kind::Handle { fd: Fd(fd), file: FileId(file) }),
            any::<u64>().prop_map(|lost| Kind::Gap { lost }),
            ".{0,9}".prop_map(|text| Kind::Note(text.into())),
        ]
    }

    proptest! {
        #[test]
        fn packing_and_unpacking_are_inverse(
            parts in proptest::collection::vec((any::<u64>(), prop_oneof![0_u16..20, any::<u16>()], kinds()), 1..20),
        ) {
            let mut events = Vec::new();
            for (n, (t, lane, kind)) in (1..).zip(parts) {
                events.push(Event { seq: Seq(n), t: Nanos(t), lane: LaneId(lane), kind });
            }
            let (mut bytes, mut before) = (Vec::new(), Nanos(7));
            for event in &events {
                pack(&mut bytes, before, event);
                before = event.t;
            }
            let mut back = Vec::new();
            let whole = unpack(&bytes, Seq(1), Nanos(7), |event| {
                back.push(event);
                true
            });
            prop_assert!(whole);
            prop_assert_eq!(back, events);
        }

        #[test]
        fn damaged_bytes_end_the_unpacking(
            bytes in proptest::collection::vec(any::<u8>(), 0..200),
        ) {
            let mut count = 0;
            unpack(&bytes, Seq(1), Nanos(0), |_| {
                count += 1;
                true
            });
            prop_assert!(count <= bytes.len());
        }
    }
}
