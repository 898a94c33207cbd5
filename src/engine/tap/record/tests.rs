//! Records into their bytes and back.

use super::*;
use crate::event::{Errno, Kind, Output, SyscallRecord};

#[track_caller]
fn check(call: Syscall, ret: Ret, handed: Handed<'_>, output: &Output) {
    for took in [0, 7, u64::from(LONG) - 1, u64::from(LONG), 1 << 40] {
        let (t, mut records) = (1 << 50, Vec::new());
        let mut head = returned(&call, ret);
        if !head.set_took(took) {
            records.push(started(Nanos(t - took)));
        }
        hand_over(&mut records, &mut head, t, handed);
        let started = Nanos(t - took);
        let expected = SyscallRecord { call, ret, output: output.clone(), started };
        assert_eq!(decode(&head, &records, t), Some(Kind::Return(expected)));
        assert!(records.len() < LONGEST);
    }
}

#[test]
fn calls_survive_the_ring() {
    let (ep, at, file, mask) = (Fd(5), Fd(7), FileId(9), Mask::IN | Mask::ET);
    let ok = Ret::ok(0);
    check(Syscall::EpollCreate, Ret::ok(5), Handed::None, &Output::None);
    for op in [CtlOp::Add, CtlOp::Mod, CtlOp::Del] {
        let call = Syscall::EpollCtl { ep, op, fd: at, mask, file };
        check(call, Ret::err(Errno::EINVAL), Handed::None, &Output::None);
    }
    for op in [CtlOp::Add, CtlOp::Mod] {
        let call = Syscall::EpollCtl { ep, op, fd: at, mask, file };
        let bits = Mask::IN | Mask::RDHUP;
        check(call, ok, Handed::Polled(bits), &Output::Polled(bits));
    }
    let full = Syscall::Send { fd: at, len: 3 };
    check(full, Ret::err(Errno::EAGAIN), Handed::Polled(Mask::EMPTY), &Output::Polled(Mask(0)));
    for how in [How::Rd, How::Wr, How::RdWr] {
        check(Syscall::Shutdown { fd: at, how }, ok, Handed::None, &Output::None);
    }
    for call in [
        Syscall::Close { fd: at },
        Syscall::SetFlags { fd: at, blocking: true },
        Syscall::SetFlags { fd: at, blocking: false },
        Syscall::Dup { fd: at },
        Syscall::Write { fd: at, len: 3 },
    ] {
        check(call, ok, Handed::None, &Output::None);
    }
    let bytes: Vec<u8> = (0..100).collect();
    let read = Syscall::Read { fd: at, len: 4096 };
    for len in [0, 1, 8, 33, 64, 100] {
        let kept = Output::Data(bytes[..len.min(HEAD)].into());
        check(read, Ret::ok(100), Handed::Data(&bytes[..len]), &kept);
        check(Syscall::Send { fd: at, len: 7 }, Ret::ok(7), Handed::Data(&bytes[..len]), &kept);
    }
}

#[test]
fn results_of_a_wait_survive_the_ring() {
    let call = Syscall::EpollWait { ep: Fd(5), max: 1024, timeout_ms: -1 };
    for count in [0u32, 1, 2, 3, 1024] {
        let events: Vec<_> = (0..count)
            .map(|n| Delivery { file: FileId(n), fd: fd(n + 7), mask: Mask::IN })
            .collect();
        for log in [WakeupLog::Drained, WakeupLog::Skipped, WakeupLog::Off] {
            let done = Nanos((1 << 50) - 70_000);
            let output = Output::Events { events: events.clone().into(), log, done };
            let handed = Handed::Events(&events, log, done);
            check(call, Ret::ok(count.into()), handed, &output);
            let early = Handed::Events(&events, log, Nanos(0));
            let done = Nanos((1 << 50) - BEFORE_MAX);
            let output = Output::Events { events: events.clone().into(), log, done };
            check(call, Ret::ok(count.into()), early, &output);
        }
    }
}

#[test]
fn results_of_a_scan_survive_the_ring() {
    let poll = Syscall::Poll { set: PollSet::array(57), timeout_ms: -1 };
    let set = PollSet::bitmaps(57, [57, 1, 0], 1004);
    let select = Syscall::Select { set, timeout_ms: 1000 };
    for call in [poll, select] {
        for count in [0_u32, 1, 2, 1022] {
            let found = (0..count).map(|n| Delivery { file: FileId(n), fd: fd(n), mask: Mask::IN });
            let ready: Vec<_> = found.collect();
            for slept in [None, Some(0), Some(3)] {
                let handed = Handed::Scan(&ready, slept, WakeupLog::Skipped);
                let log = WakeupLog::Skipped;
                let output = Output::Scan { ready: ready.clone().into(), slept, log };
                check(call, Ret::ok(count.into()), handed, &output);
            }
        }
        check(call, Ret::err(Errno::EINTR), Handed::None, &Output::None);
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
        check(Syscall::Accept { fd: Fd(3) }, Ret::ok(8), handed, &output);
    }
}

#[test]
fn short_events_survive_the_ring() {
    let call = Syscall::Read { fd: Fd(7), len: 1 };
    let room = Some(true);
    let queues = Queues { unread: Some(1), unsent: None, state: Some(Mask::RDHUP), room };
    let (t, counted, after) = (1 << 40, Nanos((1 << 40) - 7), Nanos(u64::MAX - 1));
    let woken = Wakeup { fd: Fd(7), band: Mask::IN, unread: Some(2), counted, after };
    let old = Wakeup { counted: Nanos(t - (1 << 32)), ..woken };
    let untold = Wakeup { unread: None, counted: Nanos(t), ..old };
    let pairs = [
        (enter(&call), Kind::Enter(call)),
        (park(&call.into()), Kind::Park { next: call.into() }),
        (park(&GateStep::Run(GoId(7))), Kind::Park { next: GateStep::Run(GoId(7)) }),
        (unpark(Pass::Run), Kind::Unpark(Pass::Run)),
        (unpark(Pass::Step), Kind::Unpark(Pass::Step)),
        (unpark(Pass::Turn), Kind::Unpark(Pass::Turn)),
        (handle(Fd(7), FileId(2)), Kind::Handle { fd: Fd(7), file: FileId(2) }),
        (stale(Fd(7), FileId(2), true), Kind::Stale { fd: Fd(7), file: FileId(2), believed: true }),
        (arrive(Fd(7), queues), Kind::Arrive { fd: Fd(7), queues }),
        (wakeup(&woken, t), Kind::Wakeup(woken)),
        (wakeup(&old, t), Kind::Wakeup(untold)),
        (gap(1 << 40), Kind::Gap { lost: 1 << 40 }),
        (
            set(Fd(7), FileId(2), Some(Mask::EMPTY), 9),
            Kind::Set { fd: Fd(7), file: FileId(2), events: Some(Mask(0)), place: 9 },
        ),
        (
            set(Fd(7), FileId(2), None, 9),
            Kind::Set { fd: Fd(7), file: FileId(2), events: None, place: 9 },
        ),
    ];
    for (record, kind) in pairs {
        assert_eq!(decode(&record, &[], t), Some(kind));
    }
    assert_eq!(decode(&Record::default(), &[], 0), None);
    assert_eq!(Record::time(u64::MAX - 1).as_time(), Some(u64::MAX - 1));
    assert_eq!(Record::default().as_time(), None);
}

#[test]
fn changes_of_goroutines_survive_the_ring() {
    let mut all = vec![
        GoChange::Spawn { fd: Fd(7), file: FileId(9) },
        GoChange::Run,
        GoChange::Ready { mask: Mask::IN | Mask::OUT },
        GoChange::Yield,
        GoChange::End,
    ];
    all.extend(crate::event::GoWait::ALL.map(|on| GoChange::Park { on }));
    for what in all {
        let id = GoId(70_000);
        assert_eq!(decode(&go(id, what), &[], 0), Some(Kind::Go { go: id, what }));
    }
}

#[test]
fn turning_to_an_event_travels_with_the_call_that_follows() {
    let (at, file) = (Fd(7), FileId(0));
    let ok = Ret::ok(0);
    let mut read = returned(&Syscall::Read { fd: at, len: 1 }, ok);
    assert_eq!(read.turned(), None);
    assert!(read.set_turned(at, file));
    assert_eq!(read.turned(), Some((at, file)));
    let others = [
        Syscall::Read { fd: Fd(8), len: 1 },
        Syscall::EpollWait { ep: at, max: 1, timeout_ms: 0 },
        Syscall::EpollCtl { ep: Fd(5), op: CtlOp::Mod, fd: at, mask: Mask::IN, file: FileId(7) },
        Syscall::Close { fd: at },
    ];
    for call in others {
        let mut head = returned(&call, ok);
        assert!(!head.set_turned(at, file), "{call}");
        assert_eq!(head.turned(), None, "{call}");
    }
}
