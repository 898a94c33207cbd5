//! From records back to events.

use super::parts::{decode_bytes, decode_log, decode_peer};
use super::{
    ACCEPT, ADD_POLLED, ARRIVE, ENTER, GAP, GIVE, GO, HANDED, HANDLE, LONG, MOD_POLLED, NUMBER,
    PARK, PARK_PUSH, PARK_REAP, PARK_RUN, POLL, POLLED, READ, REAP, RET, RETURN, Record, SELECT,
    SEND, SET, SQE, STALE, TOOK, TURNED, UNPARK, URING_ENTER, WAIT, WAKEUP, WRITE, call_of, fd,
    join, ring,
};
use crate::event::{
    Delivery, FileId, GateStep, GoChange, GoId, GoWait, Kind, Mask, Nanos, Output, Pass, Queues,
    Ret, SyscallRecord, Wakeup,
};

/// The event of that time that these records, a header and those that follow it, stand for.
pub(in crate::engine::tap) fn decode(head: &Record, rest: &[Record], time: u64) -> Option<Kind> {
    let at = fd(head.0[NUMBER]);
    let [_, _, _, a, b, c, d, age] = head.0;
    Some(match head.tag() {
        ENTER => Kind::Enter(call_of(head)),
        RETURN => Kind::Return(decode_return(head, rest, time)?),
        PARK => Kind::Park { next: call_of(head).into() },
        PARK_PUSH | PARK_REAP => Kind::Park { next: ring::decode_step(head)? },
        PARK_RUN => Kind::Park { next: GateStep::Run(GoId(head.0[NUMBER])) },
        UNPARK => Kind::Unpark(match head.0[NUMBER] {
            0 => Pass::Run,
            1 => Pass::Step,
            _ => Pass::Turn,
        }),
        HANDLE => Kind::Handle { fd: at, file: FileId(a) },
        STALE => Kind::Stale { fd: at, file: FileId(a), believed: head.flags() != 0 },
        ARRIVE => Kind::Arrive {
            fd: at,
            queues: Queues {
                unread: (head.flags() & 1 != 0).then_some(a),
                unsent: (head.flags() & 2 != 0).then_some(b),
                state: (head.flags() & 4 != 0).then_some(Mask(c)),
                room: (head.flags() & 8 != 0).then_some(d != 0),
            },
        },
        WAKEUP => Kind::Wakeup(Wakeup {
            fd: at,
            band: Mask(a),
            unread: (head.flags() != 0).then_some(b),
            counted: Nanos(time.saturating_sub(age.into())),
            after: Nanos(join(c, d)),
        }),
        GAP => Kind::Gap { lost: join(a, b) },
        tag @ (SQE | REAP | GIVE) => ring::decode(tag, head, rest)?,
        GO => Kind::Go { go: GoId(head.0[NUMBER]), what: decode_go(head.flags(), a, b)? },
        SET => Kind::Set {
            fd: at,
            file: FileId(a),
            events: (head.flags() != 0).then_some(Mask(b)),
            place: c,
        },
        _ => return None,
    })
}

fn decode_return(head: &Record, mut rest: &[Record], t: u64) -> Option<SyscallRecord> {
    let mut started = t.saturating_sub(head.0[TOOK].into());
    if head.0[TOOK] == LONG {
        let (long, left) = rest.split_first()?;
        started = long.as_time()?;
        rest = left;
    }
    let mut ret = Ret::from_raw(head.0[RET].cast_signed().into());
    let output = match (head.flags(), head.0[HANDED]) {
        (WAIT, _) if head.0[TURNED] != 0 => Output::Events {
            events: decode_events(ret.count().map_or(0, |n| usize::try_from(n).unwrap_or(0)), rest),
            log: decode_log(head.0[TURNED] & 0xff),
            done: Nanos(t.saturating_sub((head.0[TURNED] >> 8).into())),
        },
        (POLL | SELECT, _) => decode_scan(rest),
        (URING_ENTER, _) => ring::decode_posted(rest),
        (ADD_POLLED | MOD_POLLED, _) => {
            let polled = Output::Polled(Mask(head.0[RET]));
            ret = Ret::ok(0);
            polled
        }
        (SEND, polled) if polled & POLLED != 0 => Output::Polled(Mask(polled - POLLED)),
        (ACCEPT, kind @ 1..) => {
            Output::Accepted { file: FileId(head.0[5]), peer: decode_peer(kind, rest) }
        }
        (READ | WRITE | SEND, count @ 1..) => {
            Output::Data(decode_bytes(usize::try_from(count - 1).ok()?, rest))
        }
        _ => Output::None,
    };
    Some(SyscallRecord { call: call_of(head), ret, output, started: Nanos(started) })
}

fn decode_go(flags: u8, a: u32, b: u32) -> Option<GoChange> {
    Some(match flags {
        0 => GoChange::Spawn { fd: fd(a), file: FileId(b) },
        1 => GoChange::Run,
        2 => {
            let on = GoWait::ALL.get(usize::try_from(a).unwrap_or(usize::MAX));
            GoChange::Park { on: *on? }
        }
        3 => GoChange::Ready { mask: Mask(a) },
        4 => GoChange::Yield,
        5 => GoChange::End,
        _ => return None,
    })
}

fn decode_scan(rest: &[Record]) -> Output {
    let Some((first, rest)) = rest.split_first() else { return Output::None };
    let [slept, log, count, ..] = first.0;
    Output::Scan {
        ready: decode_events(usize::try_from(count).unwrap_or(0), rest),
        slept: slept.checked_sub(1),
        log: decode_log(log),
    }
}

fn decode_events(count: usize, rest: &[Record]) -> Box<[Delivery]> {
    let halves = rest.iter().flat_map(|record| record.0.as_chunks::<4>().0);
    let delivery = |[file, at, mask, _]: &[u32; 4]| Delivery {
        file: FileId(*file),
        fd: fd(*at),
        mask: Mask(*mask),
    };
    halves.take(count).map(delivery).collect()
}
