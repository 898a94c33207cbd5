//! Records of what goes into an io_uring and comes out of it.

use super::parts::{decode_bytes, decode_log, decode_peer};
use super::{Record, accepted, fd, join, length, number, push_bytes, split};
use crate::event::{
    Admitted, Cqe, Fd, FileId, GateStep, HEAD, Kind, Mask, Output, Ret, RingHeads, RingOp, Sqe,
    WakeupLog,
};

/// In the flags of an operation or completion: it goes on.
const GOES_ON: u8 = 1 << 7;
/// In the last word of a completion: a connection follows, not bytes.
const CONNECTION: u32 = 1 << 8;
/// The most completions that are told of one call: the record of the queues, two in each of the
/// others.
const CQES: usize = 2 * (super::LONGEST - 3);

const OVERFLOW: u32 = 1;
const TASKRUN: u32 = 2;

/// What comes with a completion, borrowed from where it lies.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Brought<'a> {
    /// Nothing.
    Nothing,
    /// Bytes; the first [`HEAD`] are kept.
    Bytes(&'a [u8]),
    /// A connection.
    Connection(&'a Admitted),
}

fn buffer_word(buffer: Option<u16>) -> u32 {
    buffer.map_or(0, |buffer| u32::from(buffer) + 1)
}

fn buffer_of(word: u32) -> Option<u16> {
    word.checked_sub(1).and_then(|buffer| u16::try_from(buffer).ok())
}

fn ret_word(ret: Ret) -> u32 {
    i32::try_from(ret.raw()).unwrap_or(i32::MAX).cast_unsigned()
}

fn ret_of(word: u32) -> Ret {
    Ret::from_raw(word.cast_signed().into())
}

/// An operation was written.
pub(in super::super) fn sqe(ring: Fd, sqe: &Sqe) -> Record {
    let flags = sqe.op.number() | if sqe.multi { GOES_ON } else { 0 };
    let (low, high) = split(sqe.id);
    let (a, b) = match sqe.op {
        RingOp::Cancel => split(sqe.target),
        RingOp::Poll => (sqe.mask.0, 0),
        _ => (sqe.len, 0),
    };
    Record::header(super::SQE, flags, number(sqe.fd), [low, high, a, b, number(ring)])
}

/// The head of a completion that was taken.
pub(in super::super) fn reap(ring: Fd, op: RingOp, cqe: &Cqe) -> Record {
    let flags = op.number() | if cqe.more { GOES_ON } else { 0 };
    let (low, high) = split(cqe.id);
    let args = [low, high, ret_word(cqe.ret), buffer_word(cqe.buffer), 0];
    Record::header(super::REAP, flags, number(ring), args)
}

/// What came with it, into its head and into records after it.
pub(in super::super) fn bring(to: &mut Vec<Record>, head: &mut Record, brought: Brought<'_>) {
    match brought {
        Brought::Nothing => {}
        Brought::Bytes(bytes) => {
            let bytes = bytes.get(..HEAD).unwrap_or(bytes);
            head.0[7] = length(bytes.len());
            push_bytes(to, bytes);
        }
        Brought::Connection(Admitted { file, peer }) => {
            to.push(Record([file.0, 0, 0, 0, 0, 0, 0, 0]));
            let mut kind = Record::default();
            accepted(to, &mut kind, *file, peer);
            head.0[7] = CONNECTION | kind.0[super::HANDED];
        }
    }
}

/// A buffer was given back.
pub(in super::super) fn give(ring: Fd, buffer: u16) -> Record {
    Record::header(super::GIVE, 0, number(ring), [buffer.into(), 0, 0, 0, 0])
}

/// Where the queues stand after a call, and what is posted.
pub(super) fn posted(to: &mut Vec<Record>, heads: &RingHeads, posted: &[Cqe], log: WakeupLog) {
    let posted = posted.get(..CQES).unwrap_or(posted);
    let flags = if heads.overflow { OVERFLOW } else { 0 } | if heads.taskrun { TASKRUN } else { 0 };
    let RingHeads { sq_head, sq_tail, cq_head, cq_tail, .. } = *heads;
    let count = length(posted.len());
    to.push(Record([sq_head, sq_tail, cq_head, cq_tail, flags, 1 + log as u32, count, 0]));
    to.extend(posted.chunks(2).map(|pair| {
        let mut record = Record::default();
        for (words, cqe) in record.0.chunks_exact_mut(4).zip(pair) {
            let (low, high) = split(cqe.id);
            let more = u32::from(cqe.more);
            words.copy_from_slice(&[
                low,
                high,
                ret_word(cqe.ret),
                buffer_word(cqe.buffer) << 1 | more,
            ]);
        }
        record
    }));
}

/// The same back from its records.
pub(super) fn decode_posted(rest: &[Record]) -> Output {
    let Some((first, rest)) = rest.split_first() else { return Output::None };
    let [sq_head, sq_tail, cq_head, cq_tail, flags, log, count, _] = first.0;
    let (overflow, taskrun) = (flags & OVERFLOW != 0, flags & TASKRUN != 0);
    let halves = rest.iter().flat_map(|record| record.0.as_chunks::<4>().0);
    let cqe = |[low, high, ret, rest]: &[u32; 4]| Cqe {
        id: join(*low, *high),
        ret: ret_of(*ret),
        more: rest & 1 != 0,
        buffer: buffer_of(rest >> 1),
    };
    Output::Ring {
        heads: RingHeads { sq_head, sq_tail, cq_head, cq_tail, overflow, taskrun },
        posted: halves.take(usize::try_from(count).unwrap_or(0)).map(cqe).collect(),
        log: decode_log(log),
    }
}

/// The operation that a record stands for, and its ring.
fn decode_sqe(head: &Record) -> Option<(Fd, Sqe)> {
    let [_, _, number, low, high, third, fourth, ring] = head.0;
    let op = RingOp::of_number(head.flags() & !GOES_ON)?;
    let (fd, id, multi) = (fd(number), join(low, high), head.flags() & GOES_ON != 0);
    let mut sqe = Sqe { id, op, fd, len: 0, mask: Mask::EMPTY, multi, target: 0 };
    match op {
        RingOp::Cancel => sqe.target = join(third, fourth),
        RingOp::Poll => sqe.mask = Mask(third),
        _ => sqe.len = third,
    }
    Some((super::fd(ring), sqe))
}

/// The completion that a record stands for, its operation and its ring.
fn decode_cqe(head: &Record) -> Option<(Fd, RingOp, Cqe)> {
    let [_, _, number, low, high, third, fourth, _] = head.0;
    let op = RingOp::of_number(head.flags() & !GOES_ON)?;
    let (id, ret, more) = (join(low, high), ret_of(third), head.flags() & GOES_ON != 0);
    Some((fd(number), op, Cqe { id, ret, more, buffer: buffer_of(fourth) }))
}

/// What a thread is held before.
pub(super) fn decode_step(head: &Record) -> Option<GateStep> {
    if head.tag() == super::PARK_PUSH {
        let (ring, sqe) = decode_sqe(head)?;
        return Some(GateStep::Push { ring, sqe });
    }
    let (ring, op, cqe) = decode_cqe(head)?;
    Some(GateStep::Reap { ring, op, fd: fd(head.0[7]), cqe })
}

/// The event of that tag that these records stand for.
pub(super) fn decode(tag: u8, head: &Record, rest: &[Record]) -> Option<Kind> {
    let name = Box::<str>::default();
    Some(match tag {
        super::SQE => {
            let (ring, sqe) = decode_sqe(head)?;
            Kind::Sqe { ring, name, sqe }
        }
        super::REAP => {
            let (ring, op, cqe) = decode_cqe(head)?;
            let last = head.0[7];
            let admitted = match rest.split_first() {
                Some((first, peer)) if last & CONNECTION != 0 => Some(Box::new(Admitted {
                    file: FileId(first.0[0]),
                    peer: decode_peer(last & !CONNECTION, peer),
                })),
                _ => None,
            };
            let bytes = if last & CONNECTION != 0 { 0 } else { usize::try_from(last).ok()? };
            Kind::Reap { ring, name, op, cqe, data: decode_bytes(bytes, rest), admitted }
        }
        super::GIVE => Kind::Give { ring: fd(head.0[2]), buffer: u16::try_from(head.0[3]).ok()? },
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Errno, Peer};

    #[track_caller]
    fn check_reap(cqe: Cqe, brought: Brought<'_>, data: &[u8], admitted: Option<Admitted>) {
        let mut records = Vec::new();
        let mut head = reap(Fd(7), RingOp::Recv, &cqe);
        bring(&mut records, &mut head, brought);
        let kind = Kind::Reap {
            ring: Fd(7),
            name: "".into(),
            op: RingOp::Recv,
            cqe,
            data: data.into(),
            admitted: admitted.map(Box::new),
        };
        assert_eq!(super::super::decode(&head, &records, 0), Some(kind));
    }

    #[track_caller]
    fn held(next: GateStep) {
        let record = super::super::park(&next);
        assert_eq!(super::super::decode(&record, &[], 0), Some(Kind::Park { next }));
    }

    #[test]
    fn operations_and_completions_survive_the_ring() {
        let base = Sqe {
            id: 1 << 40 | 7,
            op: RingOp::Send,
            fd: Fd(14),
            len: 2110,
            mask: Mask::EMPTY,
            multi: false,
            target: 0,
        };
        let cancel = Sqe { op: RingOp::Cancel, len: 0, target: 1 << 33, fd: Fd(-1), ..base };
        let accept = Sqe { op: RingOp::Accept, len: 0, multi: true, ..base };
        for written in [base, cancel, accept] {
            let kind = Kind::Sqe { ring: Fd(7), name: "".into(), sqe: written };
            assert_eq!(super::super::decode(&sqe(Fd(7), &written), &[], 0), Some(kind));
            held(GateStep::Push { ring: Fd(7), sqe: written });
        }
        let kind = Kind::Give { ring: Fd(7), buffer: 255 };
        assert_eq!(super::super::decode(&give(Fd(7), 255), &[], 0), Some(kind));

        let cqe = Cqe { id: 1 << 40, ret: Ret::ok(5), more: true, buffer: Some(0) };
        check_reap(cqe, Brought::Bytes(b"hello"), b"hello", None);
        held(GateStep::Reap { ring: Fd(7), op: RingOp::Recv, fd: Fd(14), cqe });
        held(GateStep::Reap { ring: Fd(7), op: RingOp::Cancel, fd: Fd(-1), cqe });
        let failed = Cqe { ret: Ret::err(Errno::EINTR), more: false, buffer: None, ..cqe };
        check_reap(failed, Brought::Nothing, b"", None);
        let peers = [
            Peer::Inet("127.0.0.1:40312".parse().expect("address")),
            Peer::Unix { name: "@1".into(), pid: 9 },
            Peer::Unknown,
        ];
        for peer in peers {
            let admitted = Admitted { file: FileId(9), peer };
            check_reap(cqe, Brought::Connection(&admitted), b"", Some(admitted.clone()));
        }
    }

    #[test]
    fn the_queues_survive_the_ring() {
        let heads = RingHeads {
            sq_head: u32::MAX,
            sq_tail: 3,
            cq_head: 4,
            cq_tail: 9,
            overflow: true,
            taskrun: false,
        };
        for count in [0_u64, 1, 2, 1022] {
            let cqes: Vec<_> = (0..count)
                .map(|id| Cqe { id, ret: Ret::ok(4), more: id % 2 == 0, buffer: Some(255) })
                .collect();
            let mut records = Vec::new();
            posted(&mut records, &heads, &cqes, WakeupLog::Drained);
            let told = Output::Ring { heads, posted: cqes.into(), log: WakeupLog::Drained };
            assert_eq!(decode_posted(&records), told);
        }
    }
}
