//! What the events of a ring make of it.

use crate::event::{
    Admitted, Backend, Cqe, Errno, Event, Fd, FileId, FileKind, Kind, LaneId, Mask, Nanos, Output,
    Peer, Ret, RingHeads, RingOp, RingRead, Seq, Sqe, SwitchPhase, Syscall, SyscallRecord,
    WakeupLog, WatchKey,
};
use crate::model::{FindingKind, LaneState, Rings, World};

const RING: Fd = Fd(7);
const LISTENER: Fd = Fd(3);
const CLIENT: WatchKey = WatchKey { fd: Fd(9), file: FileId(5) };

/// A world with what was told to it.
#[derive(Default)]
struct Story {
    world: World,
    heads: RingHeads,
}

impl Story {
    fn tell(&mut self, kind: Kind) -> &mut Self {
        let seq = self.world.seq.next();
        let t = Nanos(seq.0 * 1000);
        self.world.apply(&Event { seq, t, lane: LaneId(1), kind });
        self
    }

    fn returned(&mut self, call: Syscall, ret: Ret, output: Output) -> &mut Self {
        let started = self.world.t;
        self.tell(Kind::Return(SyscallRecord { call, ret, output, started }))
    }

    fn write(&mut self, id: u64, op: RingOp, fd: Fd, multi: bool) -> &mut Self {
        self.heads.sq_tail += 1;
        let sqe = Sqe { id, op, fd, len: 8, mask: Mask::EMPTY, multi, target: 0 };
        self.tell(Kind::Sqe { ring: RING, name: "".into(), sqe })
    }

    fn call(&self) -> Syscall {
        let submit = self.heads.sq_tail - self.heads.sq_head;
        Syscall::UringEnter { ring: RING, submit, wait: 1, flags: 1 }
    }

    /// The call submits all, and finds these posted.
    fn enter(&mut self, posted: &[Cqe]) -> &mut Self {
        let call = self.call();
        let submit = self.heads.sq_tail - self.heads.sq_head;
        self.heads.sq_head = self.heads.sq_tail;
        let posted: Box<[Cqe]> = posted.into();
        self.heads.cq_tail = self.heads.cq_head + u32::try_from(posted.len()).expect("few");
        let output = Output::Ring { heads: self.heads, posted, log: WakeupLog::Drained };
        self.tell(Kind::Enter(call)).returned(call, Ret::ok(submit.into()), output)
    }

    fn reap(&mut self, op: RingOp, cqe: Cqe, admitted: Option<FileId>) -> &mut Self {
        self.heads.cq_head += 1;
        let admitted = admitted.map(|file| Box::new(Admitted { file, peer: Peer::Unknown }));
        let data = b"hello".as_slice().into();
        self.tell(Kind::Reap { ring: RING, name: "".into(), op, cqe, data, admitted })
    }

    fn rings(&self) -> &Rings {
        self.world.ring().expect("a ring")
    }
}

fn cqe(id: u64, ret: i64, more: bool, buffer: Option<u16>) -> Cqe {
    Cqe { id, ret: Ret::from_raw(ret), more, buffer }
}

/// A server with a listener and one client, whose recv is armed.
fn served() -> Story {
    let mut story = Story::default();
    let open = |fd, file, what| Kind::Open { fd, file, what, name: "127.0.0.1:8000".into() };
    story.tell(open(LISTENER, FileId(1), FileKind::Listener));
    let setup = Syscall::UringSetup { entries: 256, flags: 8, completions: 1024 };
    story.returned(setup, Ret::ok(RING.0.into()), Output::None);
    let register = Syscall::UringRegister { ring: RING, buffers: 256 };
    story.returned(register, Ret::ok(0), Output::None);
    story.tell(Kind::Backend { to: Backend::IoUring, phase: SwitchPhase::Entered(None) });
    story.write(1, RingOp::Accept, LISTENER, true);
    let came = cqe(1, CLIENT.fd.0.into(), true, None);
    story.enter(&[came]).reap(RingOp::Accept, came, Some(CLIENT.file));
    story.write(2, RingOp::Recv, CLIENT.fd, true);
    story
}

#[test]
fn an_operation_is_written_submitted_and_armed() {
    let mut story = served();
    let rings = story.rings();
    assert_eq!((rings.sq.iter().copied().collect::<Vec<_>>(), rings.len()), (vec![2], 2));
    assert_eq!(rings.get(1).map(|flight| (flight.done, flight.posted)), Some((1, 0)));
    assert_eq!(rings.input(CLIENT.file).map(|flight| flight.submitted), Some(None));
    story.enter(&[]);
    let rings = story.rings();
    assert!(rings.sq.is_empty() && rings.input(CLIENT.file).is_some_and(|f| f.submitted.is_some()));
    assert_eq!(story.world.clients(), 1);
    assert_eq!((rings.free_buffers(), rings.cq_entries), (256, 1024));
}

#[test]
fn a_completion_is_posted_taken_and_its_buffer_given_back() {
    let mut story = served();
    let got = cqe(2, 5, true, Some(7));
    story.enter(&[got]);
    assert_eq!(story.rings().posted(CLIENT.file).map(|(at, one)| (at, one.cqe)), Some((0, got)));
    assert_eq!(story.rings().free_buffers(), 255);
    story.reap(RingOp::Recv, got, None);
    assert_eq!((story.rings().cq.len(), story.rings().free_buffers()), (0, 255));
    story.tell(Kind::Give { ring: RING, buffer: 7 });
    assert_eq!(story.rings().free_buffers(), 256);
    assert_eq!(story.rings().get(2).map(|flight| flight.done), Some(1));
}

#[test]
fn an_input_that_ends_is_remembered_until_it_is_armed_again() {
    let mut story = served();
    let ended = cqe(2, -i64::from(Errno::ENOBUFS.0), false, None);
    story.enter(&[ended]).reap(RingOp::Recv, ended, None);
    let rings = story.rings();
    assert!(rings.input(CLIENT.file).is_none());
    assert!(rings.ended(CLIENT.file).is_some_and(|ended| ended.ret.is(Errno::ENOBUFS)));
    assert_eq!(rings.name(2), Some((RingOp::Recv, CLIENT.fd)));
    story.write(3, RingOp::Recv, CLIENT.fd, true);
    assert_eq!(story.rings().ended(CLIENT.file), None);
}

#[test]
fn a_ring_whose_making_was_lost_is_taken_from_fdinfo() {
    let mut story = Story::default();
    let fd = Some(RING);
    story.tell(Kind::Backend { to: Backend::IoUring, phase: SwitchPhase::Entered(fd) });
    assert!(story.rings().fd == fd && story.rings().check.wants_resync);
    let heads = RingHeads { cq_tail: 700, cq_head: 700, ..RingHeads::default() };
    let read = RingRead { heads, entries: (64, 4096), ..RingRead::default() };
    story.tell(Kind::Rings { ring: RING, read });
    assert_eq!((story.rings().entries, story.rings().cq_entries), (64, 4096));
    assert_eq!((story.rings().check.agreed, story.rings().check.diverged), (0, 0));
}

#[test]
fn fdinfo_agrees_or_the_operations_are_asked_for() {
    let mut story = served();
    story.enter(&[]);
    let heads = story.heads;
    let armed = [(RingOp::Accept, 1), (RingOp::Recv, 1)];
    let read = RingRead { heads, armed: armed.into(), ..RingRead::default() };
    story.tell(Kind::Rings { ring: RING, read: read.clone() });
    assert_eq!((story.rings().check.agreed, story.rings().check.diverged), (1, 0));
    // What came while the thread was held stands in the queue from then on.
    let late = cqe(2, 9, true, Some(4));
    let heads = RingHeads { cq_tail: heads.cq_tail + 1, ..heads };
    let pending = [late].into();
    story.tell(Kind::Rings { ring: RING, read: RingRead { heads, pending, ..read.clone() } });
    assert_eq!(story.rings().check.agreed, 2);
    assert_eq!(story.rings().posted(CLIENT.file).map(|(at, one)| (at, one.cqe)), Some((0, late)));
    story.tell(Kind::Rings { ring: RING, read: RingRead { armed: [].into(), ..read } });
    assert!(story.rings().check.diverged == 1 && story.rings().check.wants_resync);
}

#[test]
fn who_waits_sleeps_until_something_arrives_for_an_armed_operation() {
    let mut story = served();
    story.enter(&[]);
    story.write(3, RingOp::Send, CLIENT.fd, false);
    let call = story.call();
    assert_eq!(story.rings().sq.len(), 1);
    story.tell(Kind::Enter(call));
    assert!(story.rings().sq.is_empty(), "the kernel has taken it, whoever sleeps");
    let state = |story: &Story| story.world.lane(LaneId(1)).map(|lane| lane.state.clone());
    assert_eq!(state(&story), Some(LaneState::Asleep(call)));
    let (fd, after) = (CLIENT.fd, story.world.t);
    let wakeup =
        crate::event::Wakeup { fd, band: Mask::IN, unread: Some(5), counted: after, after };
    story.tell(Kind::Wakeup(wakeup));
    assert_eq!(state(&story), Some(LaneState::Harvesting(call)));
    assert_eq!(story.world.seq, Seq(story.world.counters.events));
}

/// The kinds of findings that hold.
fn active(story: &Story) -> Vec<FindingKind> {
    story.world.findings.iter().filter(|f| f.active).map(|f| f.kind).collect()
}

fn no_buffer(id: u64) -> Cqe {
    cqe(id, -i64::from(Errno::ENOBUFS.0), false, None)
}

#[test]
fn completions_without_room_are_found_until_there_is_some() {
    let mut story = served();
    story.heads.overflow = true;
    story.enter(&[cqe(2, 5, true, Some(7))]);
    assert_eq!(active(&story), [FindingKind::CqOverflow]);
    story.heads.overflow = false;
    story.reap(RingOp::Recv, cqe(2, 5, true, Some(7)), None).enter(&[]);
    assert_eq!(active(&story), []);
}

#[test]
fn a_recv_without_a_buffer_is_found_until_it_is_armed_again() {
    let mut story = served();
    story.enter(&[no_buffer(2)]).reap(RingOp::Recv, no_buffer(2), None);
    assert_eq!(active(&story), [FindingKind::NoBuffers]);
    story.write(3, RingOp::Recv, CLIENT.fd, true);
    assert_eq!(active(&story), []);
}

#[test]
fn input_that_is_not_armed_again_is_found_once_the_thread_waits() {
    let mut story = served();
    let last = cqe(2, 5, false, Some(7));
    story.enter(&[last]).reap(RingOp::Recv, last, None);
    assert_eq!(active(&story), [], "it may be armed before the wait");
    story.enter(&[]);
    assert_eq!(active(&story), [FindingKind::MultishotEnded]);
    story.write(3, RingOp::Recv, CLIENT.fd, true);
    assert_eq!(active(&story), []);
    // The end of a stream, and a cancel, are no mistake.
    for ret in [0, -i64::from(Errno::ECANCELED.0)] {
        let mut story = served();
        story.enter(&[cqe(2, ret, false, None)]);
        story.reap(RingOp::Recv, cqe(2, ret, false, None), None).enter(&[]);
        assert_eq!(active(&story), [], "{ret}");
    }
}

#[test]
fn a_close_under_an_operation_is_found_until_that_is_over() {
    let mut story = served();
    story.enter(&[]);
    story.returned(Syscall::Close { fd: CLIENT.fd }, Ret::ok(0), Output::None);
    assert_eq!(active(&story), [FindingKind::RingGhost]);
    let last = cqe(2, 0, false, None);
    story.enter(&[last]).reap(RingOp::Recv, last, None);
    assert_eq!(active(&story), []);
}
