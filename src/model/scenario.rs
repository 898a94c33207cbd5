//! Event sequences for tests, written as what happens: `client(7, EDGE).arrive(7, 12).wait(1)`.
//!
//! Each step makes one event, 1 ms after the one before it, and folds it into a world and a
//! timeline. The epoll instance is fd 3; the file of a number is numbered after it until the
//! number is used again.

use std::collections::BTreeMap;

use crate::event::{
    Backend, ConnState, CtlOp, Delivery, Errno, Event, Fd, FdinfoEntry, FileId, FileKind, GateStep,
    Head, How, Kind, LaneChange, LaneId, ListRead, Mask, Nanos, Output, Pass, Peer, PollSet,
    Queues, Ret, Seq, Settings, SwitchPhase, Syscall, SyscallRecord, Wakeup, WakeupLog, WatchKey,
};

use super::{Finding, FindingKind, MarkKind, Span, Timeline, TrackId, World};

pub(crate) const LEVEL: Mask = Mask(0x1 | 0x2000);
pub(crate) const EDGE: Mask = Mask(0x1 | 0x2000 | 1 << 31);
pub(crate) const ONESHOT: Mask = Mask(0x1 | 0x2000 | 1 << 30);
pub(crate) const IN: Mask = Mask::IN;
pub(crate) const OUT: Mask = Mask::OUT;
pub(crate) const END: Mask = Mask(0x1 | 0x2000);

const EP: Fd = Fd(3);

pub(crate) struct Scenario {
    pub(crate) world: World,
    pub(crate) timeline: Timeline,
    /// All events.
    pub(crate) told: Vec<Event>,
    files: BTreeMap<i32, FileId>,
    next_file: u32,
    timeout_ms: i32,
    step: u64,
}

impl Scenario {
    /// One thread, the epoll instance, a recorded edge log.
    pub(crate) fn new() -> Self {
        Self::blank().call(1, Syscall::EpollCreate, Ret::ok(3), Output::None)
    }

    /// One thread that waits by poll(2) or select(2), a recorded edge log.
    pub(crate) fn scanning(to: Backend) -> Self {
        let blank = Self::blank().settings(|settings| settings.backend = to);
        blank.push(1, Kind::Backend { to, phase: SwitchPhase::Entered(None) })
    }

    /// One thread, which has made nothing yet.
    pub(crate) fn blank() -> Self {
        let scenario = Self {
            world: World::default(),
            timeline: Timeline::default(),
            told: Vec::new(),
            files: BTreeMap::new(),
            next_file: 100,
            timeout_ms: -1,
            step: 1_000_000,
        };
        scenario.tool(Kind::WakeupLog(WakeupLog::Drained)).thread(1)
    }

    pub(crate) fn push(mut self, lane: u16, kind: Kind) -> Self {
        let event = Event {
            seq: self.world.seq.next(),
            t: Nanos(self.world.t.0 + self.step),
            lane: LaneId(lane),
            kind,
        };
        self.world.apply(&event);
        self.timeline.apply(&event, self.world.through(None));
        self.told.push(event);
        self
    }

    pub(crate) fn tool(self, kind: Kind) -> Self {
        self.push(0, kind)
    }

    /// Time between events, in nanoseconds.
    pub(crate) fn every(mut self, step: u64) -> Self {
        self.step = step;
        self
    }

    pub(crate) fn repeat(self, times: usize, step: impl Fn(Self) -> Self) -> Self {
        (0..times).fold(self, |scenario, _| step(scenario))
    }

    pub(crate) fn thread(self, lane: u16) -> Self {
        self.push(lane, Kind::Lane(LaneChange::Started { tid: 1000 + u32::from(lane) }))
    }

    pub(crate) fn settings(self, change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = self.world.settings;
        change(&mut settings);
        self.tool(Kind::Settings(settings))
    }

    fn call(self, lane: u16, call: Syscall, ret: Ret, output: Output) -> Self {
        let started = Nanos(self.world.t.0 + self.step / 2);
        self.push(lane, Kind::Return(SyscallRecord { call, ret, output, started }))
    }

    fn file(&self, fd: i32) -> FileId {
        self.files.get(&fd).copied().unwrap_or(FileId(0))
    }

    pub(crate) fn key(&self, fd: i32) -> WatchKey {
        WatchKey { fd: Fd(fd), file: self.file(fd) }
    }

    fn fresh(&mut self, fd: i32) -> FileId {
        self.next_file += 1;
        self.files.insert(fd, FileId(self.next_file));
        FileId(self.next_file)
    }

    pub(crate) fn open(mut self, fd: i32, what: FileKind, name: &str, mask: Mask) -> Self {
        let file = self.fresh(fd);
        self.tool(Kind::Open { fd: Fd(fd), file, what, name: name.into() }).ctl(
            1,
            CtlOp::Add,
            fd,
            mask,
        )
    }

    /// A listener that is asked from now on.
    pub(crate) fn listen_scanned(mut self, fd: i32) -> Self {
        let (file, name) = (self.fresh(fd), "127.0.0.1:8000".into());
        let open = Kind::Open { fd: Fd(fd), file, what: FileKind::Listener, name };
        self.tool(open).ask(fd, IN).queues(fd, 0)
    }

    /// A connection that is there already, and is asked from now on.
    pub(crate) fn client_scanned(self, fd: i32, events: Mask) -> Self {
        self.accept(1, 4, fd).ask(fd, events).unsent(fd, 0)
    }

    /// The server asks that file for so much from now on; the last one takes its place if it goes.
    pub(crate) fn ask(self, fd: i32, events: impl Into<Option<Mask>>) -> Self {
        let key = self.key(fd);
        let set = self.world.scan().expect("the server scans");
        let place = if set.is_select() {
            usize::try_from(fd).expect("a number")
        } else {
            set.place(key).unwrap_or(set.len())
        };
        let place = u32::try_from(place).expect("a small number");
        self.push(1, Kind::Set { fd: key.fd, file: key.file, events: events.into(), place })
    }

    fn scan_call(&self) -> Syscall {
        let set = self.world.scan().expect("the server scans");
        let number = |n: usize| u32::try_from(n).expect("a small number");
        let timeout_ms = self.timeout_ms;
        if !set.is_select() {
            return Syscall::Poll { set: PollSet::array(number(set.len())), timeout_ms };
        }
        let of = |bit| number(set.iter().filter(|entry| entry.events.has(bit)).count());
        let nfds = u32::try_from(set.nfds()).expect("a small number");
        let set = PollSet::bitmaps(number(set.bits()), [of(IN), of(OUT), 0], nfds);
        Syscall::Select { set, timeout_ms }
    }

    /// The thread enters its poll(2) or select(2).
    pub(crate) fn enter_scan(self) -> Self {
        let call = self.scan_call();
        self.push(1, Kind::Enter(call))
    }

    /// The thread is held before its poll(2) or select(2).
    pub(crate) fn park_scan(self) -> Self {
        let call = self.scan_call();
        self.park(1, call)
    }

    /// It returns with these, after so many sleeps.
    pub(crate) fn finds(self, found: &[(i32, Mask)], slept: Option<u32>) -> Self {
        let call = self.scan_call();
        let delivery =
            |(fd, mask): &(i32, Mask)| Delivery { file: self.file(*fd), fd: Fd(*fd), mask: *mask };
        let ready: Box<[Delivery]> = found.iter().map(delivery).collect();
        let bits = |d: &Delivery| d.mask.names().count();
        let count = match call {
            Syscall::Select { .. } => ready.iter().map(bits).sum(),
            _ => ready.len(),
        };
        let ret = Ret::ok(i64::try_from(count).expect("a small number"));
        self.call(1, call, ret, Output::Scan { ready, slept, log: WakeupLog::Drained })
    }

    pub(crate) fn listen(self, fd: i32, mask: Mask) -> Self {
        self.open(fd, FileKind::Listener, "127.0.0.1:8000", mask - Mask::RDHUP)
    }

    pub(crate) fn control(self, fd: i32) -> Self {
        self.open(fd, FileKind::Eventfd, "control", IN)
    }

    /// A connection that is there already: accepted from fd 4 and added by T1.
    pub(crate) fn client(self, fd: i32, mask: Mask) -> Self {
        self.accept(1, 4, fd).ctl(1, CtlOp::Add, fd, mask).queues(fd, 0)
    }

    pub(crate) fn accept(mut self, lane: u16, listener: i32, fd: i32) -> Self {
        let file = self.fresh(fd);
        let port = 51_000 + u16::try_from(fd).expect("a small number");
        let peer = Peer::Inet(([127, 0, 0, 1], port).into());
        let output = Output::Accepted { file, peer };
        self.call(lane, Syscall::Accept { fd: Fd(listener) }, Ret::ok(fd.into()), output)
    }

    pub(crate) fn accept_fails(self, lane: u16, listener: i32, errno: Errno) -> Self {
        self.call(lane, Syscall::Accept { fd: Fd(listener) }, Ret::err(errno), Output::None)
    }

    pub(crate) fn ctl(self, lane: u16, op: CtlOp, fd: i32, mask: Mask) -> Self {
        let file = self.file(fd);
        let call = Syscall::EpollCtl { ep: EP, op, fd: Fd(fd), mask, file };
        self.call(lane, call, Ret::ok(0), Output::None)
    }

    /// As [`Scenario::ctl`], made `took` before its return, with what poll(2) answered after it.
    pub(crate) fn ctl_polled(
        self,
        lane: u16,
        (op, fd, mask): (CtlOp, i32, Mask),
        polled: Mask,
        took: u64,
    ) -> Self {
        let file = self.file(fd);
        let call = Syscall::EpollCtl { ep: EP, op, fd: Fd(fd), mask, file };
        let started = Nanos(self.world.t.0 + self.step - took);
        let (ret, output) = (Ret::ok(0), Output::Polled(polled));
        self.push(lane, Kind::Return(SyscallRecord { call, ret, output, started }))
    }

    pub(crate) fn rearm(self, lane: u16, fd: i32, mask: Mask) -> Self {
        self.ctl(lane, CtlOp::Mod, fd, mask)
    }

    pub(crate) fn wakeup(self, fd: i32, band: Mask, unread: Option<u32>) -> Self {
        let after = self.world.t;
        self.tool(Kind::Wakeup(Wakeup { fd: Fd(fd), band, unread, counted: after, after }))
    }

    /// A wake-up whose bytes were counted before the last event, and which is told only now.
    pub(crate) fn wakeup_counted_before(self, fd: i32, band: Mask, unread: u32) -> Self {
        let (unread, after) = (Some(unread), Nanos(self.world.t.0 - 1));
        self.tool(Kind::Wakeup(Wakeup { fd: Fd(fd), band, unread, counted: after, after }))
    }

    /// A wake-up between the time `ago` before the last event and now.
    pub(crate) fn wakeup_since(self, fd: i32, band: Mask, unread: u32, ago: u64) -> Self {
        let (unread, counted) = (Some(unread), self.world.t);
        let after = Nanos(counted.0 - ago);
        self.tool(Kind::Wakeup(Wakeup { fd: Fd(fd), band, unread, counted, after }))
    }

    /// A UNIX connection, with what it has sent and the peer has not read.
    pub(crate) fn unix_client(mut self, fd: i32, mask: Mask) -> Self {
        let file = self.fresh(fd);
        let output = Output::Accepted { file, peer: Peer::Unix { name: "".into(), pid: 7 } };
        let accepted = self.call(1, Syscall::Accept { fd: Fd(4) }, Ret::ok(fd.into()), output);
        accepted.ctl(1, CtlOp::Add, fd, mask).unsent(fd, 0)
    }

    pub(crate) fn unsent(self, fd: i32, unsent: u32) -> Self {
        let (state, room) = (Some(Mask::EMPTY), Some(true));
        let queues = Queues { unread: Some(0), unsent: Some(unsent), state, room };
        self.tool(Kind::Arrive { fd: Fd(fd), queues })
    }

    /// Data, or for a listener connections: so much is unread now.
    pub(crate) fn arrive(self, fd: i32, unread: u32) -> Self {
        self.wakeup(fd, Mask(0x1 | 0x40), Some(unread))
    }

    pub(crate) fn queues(self, fd: i32, unread: u32) -> Self {
        let queues = Queues { unread: Some(unread), ..Queues::default() };
        self.tool(Kind::Arrive { fd: Fd(fd), queues })
    }

    pub(crate) fn timeout(mut self, ms: i32) -> Self {
        self.timeout_ms = ms;
        self
    }

    fn wait_call(&self) -> Syscall {
        let max = self.world.settings.max_events;
        Syscall::EpollWait { ep: EP, max, timeout_ms: self.timeout_ms }
    }

    pub(crate) fn enter(self, lane: u16) -> Self {
        let call = self.wait_call();
        self.push(lane, Kind::Enter(call))
    }

    /// Those threads are found asleep in `epoll_wait`, and no others.
    pub(crate) fn asleep(self, lanes: &[u16]) -> Self {
        let since = self.world.t;
        self.tool(Kind::Asleep { lanes: lanes.iter().map(|lane| LaneId(*lane)).collect(), since })
    }

    /// fdinfo lists these registrations.
    pub(crate) fn resync(self, entries: &[(i32, Mask)]) -> Self {
        let entry = |(fd, mask): &(i32, Mask)| FdinfoEntry {
            fd: Fd(*fd),
            mask: *mask | Mask::ALWAYS,
            file: self.file(*fd),
        };
        let entries = entries.iter().map(entry).collect();
        self.tool(Kind::ListRead(ListRead::fdinfo(EP, entries)))
    }

    /// The numbers on the ready list, head first, in brackets those that are not certain; `None`
    /// if it is not known.
    pub(crate) fn ready(&self) -> Option<String> {
        let entry = |e: &super::ReadyEntry| {
            if e.unsure { format!("({})", e.key.fd) } else { e.key.fd.to_string() }
        };
        let list: Vec<_> = self.world.through(None).instance.ready.iter().map(entry).collect();
        self.world.through(None).knows_ready_list().then(|| list.join(" "))
    }

    /// `epoll_wait` returns these events.
    pub(crate) fn report(self, lane: u16, events: &[(i32, Mask)]) -> Self {
        self.report_with(lane, events, WakeupLog::Drained)
    }

    /// The same where the edge log was found like this.
    pub(crate) fn report_with(self, lane: u16, events: &[(i32, Mask)], log: WakeupLog) -> Self {
        let call = self.wait_call();
        let delivery =
            |(fd, mask): &(i32, Mask)| Delivery { file: self.file(*fd), fd: Fd(*fd), mask: *mask };
        let events: Box<[Delivery]> = events.iter().map(delivery).collect();
        let ret = Ret::ok(i64::try_from(events.len()).expect("a small number"));
        let done = Nanos(self.world.t.0 + self.step * 3 / 4);
        self.call(lane, call, ret, Output::Events { events, log, done })
    }

    /// `epoll_wait` is entered and returns these events.
    pub(crate) fn turn(self, lane: u16, events: &[(i32, Mask)]) -> Self {
        self.enter(lane).report(lane, events)
    }

    pub(crate) fn handle(self, lane: u16, fd: i32) -> Self {
        let file = self.file(fd);
        self.push(lane, Kind::Handle { fd: Fd(fd), file })
    }

    pub(crate) fn read(self, lane: u16, fd: i32, len: u32, got: u32) -> Self {
        let call = Syscall::Read { fd: Fd(fd), len };
        self.call(lane, call, Ret::ok(got.into()), Output::Data(Head::new()))
    }

    /// As [`Scenario::read`], begun before the last event.
    pub(crate) fn read_meanwhile(self, lane: u16, fd: i32, len: u32, got: u32) -> Self {
        let started = Nanos(self.world.t.0 - 1);
        let (call, ret) = (Syscall::Read { fd: Fd(fd), len }, Ret::ok(got.into()));
        let output = Output::Data(Head::new());
        self.push(lane, Kind::Return(SyscallRecord { call, ret, output, started }))
    }

    pub(crate) fn again(self, lane: u16, fd: i32) -> Self {
        self.read_fails(lane, fd, Errno::EAGAIN)
    }

    pub(crate) fn read_fails(self, lane: u16, fd: i32, errno: Errno) -> Self {
        let call = Syscall::Read { fd: Fd(fd), len: 4096 };
        self.call(lane, call, Ret::err(errno), Output::None)
    }

    pub(crate) fn send(self, lane: u16, fd: i32, len: u32, sent: i64) -> Self {
        let ret = if sent < 0 { Ret::err(Errno::EAGAIN) } else { Ret::ok(sent) };
        self.call(lane, Syscall::Send { fd: Fd(fd), len }, ret, Output::None)
    }

    pub(crate) fn shut_down(self, lane: u16, fd: i32) -> Self {
        let call = Syscall::Shutdown { fd: Fd(fd), how: How::Wr };
        self.call(lane, call, Ret::ok(0), Output::None)
    }

    pub(crate) fn dup(self, lane: u16, fd: i32, copy: i32) -> Self {
        self.call(lane, Syscall::Dup { fd: Fd(fd) }, Ret::ok(copy.into()), Output::None)
    }

    pub(crate) fn close(self, lane: u16, fd: i32) -> Self {
        self.call(lane, Syscall::Close { fd: Fd(fd) }, Ret::ok(0), Output::None)
    }

    /// `epoll_wait` comes back with that error after it has looked at the list.
    pub(crate) fn report_fails(self, lane: u16, errno: Errno) -> Self {
        let (call, done) = (self.wait_call(), Nanos(self.world.t.0 + self.step * 3 / 4));
        let output = Output::Events { events: Box::default(), log: WakeupLog::Drained, done };
        self.call(lane, call, Ret::err(errno), output)
    }

    pub(crate) fn wait_fails(self, lane: u16, errno: Errno) -> Self {
        let call = self.wait_call();
        self.call(lane, call, Ret::err(errno), Output::None)
    }

    pub(crate) fn conn(self, lane: u16, fd: i32, state: ConnState, queued: u32) -> Self {
        self.push(lane, Kind::Conn { fd: Fd(fd), state, queued })
    }

    pub(crate) fn park(self, lane: u16, next: impl Into<GateStep>) -> Self {
        self.push(lane, Kind::Park { next: next.into() })
    }

    pub(crate) fn park_wait(self, lane: u16) -> Self {
        let call = self.wait_call();
        self.park(lane, call)
    }

    pub(crate) fn unpark(self, lane: u16) -> Self {
        self.push(lane, Kind::Unpark(Pass::Step))
    }

    pub(crate) fn stale(self, lane: u16, fd: i32, believed: bool) -> Self {
        let file = self.file(fd);
        self.push(lane, Kind::Stale { fd: Fd(fd), file, believed })
    }

    pub(crate) fn gap(self, lane: u16) -> Self {
        self.push(lane, Kind::Gap { lost: 7 })
    }

    // --- what is seen

    /// The kinds that hold now.
    pub(crate) fn active(&self) -> Vec<FindingKind> {
        self.world.findings.iter().filter(|f| f.active).map(|f| f.kind).collect()
    }

    pub(crate) fn finding(&self, kind: FindingKind) -> Option<&Finding> {
        self.world.findings.iter().find(|f| f.kind == kind)
    }

    /// A track's marks as letters, spans in capitals.
    pub(crate) fn track(&self, id: TrackId) -> String {
        let track = self.timeline.track(id);
        let marks = track.into_iter().flat_map(|t| t.window(Nanos(0), Nanos(u64::MAX)));
        marks.map(|mark| letter(mark.what)).collect::<Vec<_>>().join(" ")
    }

    /// The position of the last event.
    pub(crate) fn seq(&self) -> Seq {
        self.world.seq
    }
}

fn letter(moment: MarkKind) -> &'static str {
    match moment {
        MarkKind::Span(Span::Running) => "RUNNING",
        MarkKind::Span(Span::Asleep) => "ASLEEP",
        MarkKind::Span(Span::Held) => "HELD",
        MarkKind::Span(Span::Quiet(crate::event::Trigger::Level)) => "LEVEL",
        MarkKind::Span(Span::Quiet(crate::event::Trigger::Edge)) => "EDGE",
        MarkKind::Span(Span::Ready) => "READY",
        MarkKind::Span(Span::PutBack) => "BACK",
        MarkKind::Span(Span::Gone) => "GONE",
        MarkKind::Span(Span::Unknown) => "UNKNOWN",
        MarkKind::Accept => "accept",
        MarkKind::Arrive => "arrive",
        MarkKind::Report => "report",
        MarkKind::Read => "read",
        MarkKind::Write => "write",
        MarkKind::Again => "again",
        MarkKind::End => "end",
        MarkKind::Close => "close",
        MarkKind::Changed => "changed",
        MarkKind::Lost => "lost",
        MarkKind::Submit => "submit",
        MarkKind::Complete => "complete",
        MarkKind::Park => "park",
        MarkKind::Runnable => "runnable",
        MarkKind::Runs => "runs",
    }
}
