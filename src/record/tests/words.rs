//! The bytes of one event a variant. Whoever changes one of them makes recordings that are there
//! unreadable: a new variant goes to the end of its enum, and `WORDS` is counted up.

use std::fmt::Write as _;

use crate::event::{
    Backend, CommandPhase, ConnState, CtlOp, Event, Fd, FileId, FileKind, FileRead, GateStep,
    GoChange, GoId, GoWait, Head, How, Kind, LaneChange, LaneId, ListEntries, ListRead, Mask,
    Nanos, Output, Pass, Peer, PollSet, Provenance, Queues, Reason, Refusal, Ret, RingHeads, Seq,
    Settings, Setup, SwitchPhase, Syscall, SyscallRecord, ThreadSeen, Wakeup, WakeupLog, WatchKey,
};
use crate::event::{Cqe, RingOp, RingRead, Sqe};
use crate::journal::pack::pack;

const FD: Fd = Fd(7);
const FILE: FileId = FileId(3);

fn calls() -> Vec<Syscall> {
    let (ep, ring, timeout_ms) = (Fd(3), Fd(5), -1);
    let set = PollSet::array(2);
    vec![
        Syscall::EpollCreate,
        Syscall::EpollCtl { ep, op: CtlOp::Mod, fd: FD, mask: Mask::IN, file: FILE },
        Syscall::EpollWait { ep, max: 64, timeout_ms },
        Syscall::Accept { fd: FD },
        Syscall::Read { fd: FD, len: 16 },
        Syscall::Write { fd: FD, len: 16 },
        Syscall::Send { fd: FD, len: 16 },
        Syscall::Shutdown { fd: FD, how: How::Wr },
        Syscall::Close { fd: FD },
        Syscall::SetFlags { fd: FD, blocking: true },
        Syscall::Dup { fd: FD },
        Syscall::Poll { set, timeout_ms },
        Syscall::Select { set, timeout_ms },
        Syscall::UringSetup { entries: 8, flags: 1, completions: 16 },
        Syscall::UringRegister { ring, buffers: 4 },
        Syscall::UringEnter { ring, submit: 1, wait: 1, flags: 1 },
        Syscall::Setup(Setup::Pipe),
    ]
}

fn returns() -> Vec<Kind> {
    let called =
        |call, ret, output| Kind::Return(SyscallRecord { call, ret, output, started: Nanos(900) });
    let ok = |call| called(call, Ret::ok(1), Output::None);
    let peer = Peer::Inet(([127, 0, 0, 1], 4000).into());
    let accepted = |peer| {
        called(Syscall::Accept { fd: FD }, Ret::ok(9), Output::Accepted { file: FILE, peer })
    };
    let events = Output::Events { events: Box::default(), log: WakeupLog::Drained, done: Nanos(8) };
    let mut kinds: Vec<_> = calls().into_iter().map(ok).collect();
    kinds.push(accepted(peer));
    kinds.push(accepted(Peer::Unix { name: "@x".into(), pid: 5 }));
    kinds.push(accepted(Peer::Unknown));
    kinds.push(accepted(Peer::Numbered { number: 1, unix: false }));
    kinds.push(called(
        Syscall::EpollWait { ep: Fd(3), max: 64, timeout_ms: 0 },
        Ret::ok(0),
        events,
    ));
    let data = Output::Data(b"abc"[..].into());
    kinds.push(called(Syscall::Read { fd: FD, len: 16 }, Ret::ok(3), data));
    kinds
}

fn looks() -> Vec<Kind> {
    let by = Provenance::Model;
    let key = WatchKey { fd: FD, file: FILE };
    let read = |list| Kind::ListRead(ListRead { poller: FILE, by, list });
    let file = FileRead {
        id: FILE,
        what: FileKind::Pipe,
        name: "p".into(),
        fds: Box::new([FD]),
        poll: Mask::IN,
        unread: Some(1),
        unsent: None,
    };
    let seen = ThreadSeen { lane: LaneId(1), name: "a".into(), tid: 9, asleep_in: None };
    vec![
        read(ListEntries::Interest(Box::default())),
        read(ListEntries::Overflow(None)),
        read(ListEntries::Ready(Box::new([(key, Reason::PutBack)]))),
        read(ListEntries::Waiting(Box::new([LaneId(1)]))),
        read(ListEntries::Scanned(Box::new([(key, Mask::IN)]))),
        read(ListEntries::InFlight(Box::default())),
        Kind::Files { by, files: Box::new([file]) },
        Kind::Poller { file: FILE, fd: FD, name: "a".into() },
        Kind::Threads(Box::new([seen])),
        Kind::Compared { agreed: 4, diverged: 0 },
    ]
}

fn rings() -> Vec<Kind> {
    let ring = Fd(5);
    let cqe = Cqe { id: 1, ret: Ret::ok(3), more: true, buffer: Some(2) };
    let (op, fd, mask, multi) = (RingOp::Recv, FD, Mask::IN, true);
    let sqe = Sqe { id: 1, op, fd, len: 16, mask, multi, target: 0 };
    let read = RingRead { heads: RingHeads::default(), ..RingRead::default() };
    let (name, data) = ("".into(), Head::new());
    vec![
        Kind::Sqe { ring, name: "".into(), sqe },
        Kind::Reap { ring, name, op: RingOp::Recv, cqe, data, admitted: None },
        Kind::Give { ring, buffer: 2 },
        Kind::Rings { ring, read },
    ]
}

fn others() -> Vec<Kind> {
    let queues = Queues { unread: Some(1), unsent: None, state: Some(Mask::IN), room: Some(true) };
    let wakeup =
        Wakeup { fd: FD, band: Mask::IN, unread: Some(5), counted: Nanos(8), after: Nanos(7) };
    let go = GoId(1);
    let command = |phase| Kind::Command { id: 1, text: "pause".into(), phase };
    vec![
        Kind::Open { fd: FD, file: FILE, what: FileKind::Listener, name: "x".into() },
        Kind::Enter(Syscall::EpollCreate),
        Kind::Wakeup(wakeup),
        Kind::Arrive { fd: FD, queues },
        Kind::WakeupLog(WakeupLog::Skipped),
        Kind::Park { next: GateStep::Call(Syscall::EpollCreate) },
        Kind::Unpark(Pass::Step),
        Kind::Settings(Settings::default()),
        Kind::Conn { fd: FD, state: ConnState::Flushing, queued: 1 },
        Kind::Handle { fd: FD, file: FILE },
        Kind::Stale { fd: FD, file: FILE, believed: true },
        Kind::Set { fd: FD, file: FILE, events: Some(Mask::IN), place: 1 },
        Kind::Go { go, what: GoChange::Park { on: GoWait::Read } },
        Kind::Backend { to: Backend::Poll, phase: SwitchPhase::Asked },
        Kind::Refused(Refusal::NoThread),
        command(CommandPhase::Accepted),
        command(CommandPhase::Done(None)),
        command(CommandPhase::Failed("no".into())),
        Kind::Gap { lost: 3 },
        Kind::Lane(LaneChange::Started { tid: 9 }),
        Kind::Lane(LaneChange::Died("x".into())),
        Kind::Note("x".into()),
        Kind::Measured { call: Syscall::EpollCreate, times: 2, each: Nanos(5) },
        Kind::Asleep { lanes: Box::new([LaneId(1)]), since: Nanos(5) },
        Kind::Idle,
        Kind::Client("x".into()),
        Kind::Mark("x".into()),
    ]
}

#[test]
fn the_bytes_of_an_event_stay_what_they_are() {
    let mut text = String::new();
    for kind in returns().into_iter().chain(looks()).chain(rings()).chain(others()) {
        let event = Event { seq: Seq(1), t: Nanos(1000), lane: LaneId(1), kind };
        let mut bytes = Vec::new();
        pack(&mut bytes, Nanos(990), &event);
        let hex = bytes.iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
        let words = format!("{:?}", event.kind);
        let name: String = words.chars().take(60).collect();
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{name}\n  {hex}");
    }
    insta::assert_snapshot!(text);
}
