//! Scenes for tests: literal events, folded as a session folds them.

mod ring;

use super::app::App;
use super::key::{Key, KeyPress, ch, ctrl, plain};
use crate::event::{
    Backend, Command, CtlOp, Delivery, Errno, Event, Facts, Fd, FdinfoEntry, FileId, FileKind,
    Header, Kind, LaneChange, LaneId, ListRead, Mask, Nanos, Output, Pass, Peer, PollSet, Queues,
    ReadPolicy, Ret, Seq, Settings, SwitchPhase, Syscall, SyscallRecord, Wakeup, WakeupLog,
};
use crate::journal::{Journal, Limits};
use crate::model::{Timeline, World};
use crate::session::Scene;

/// A run made by hand.
pub(super) struct Stage {
    world: World,
    timeline: Timeline,
    journal: Journal,
    header: Header,
    t: Nanos,
}

const EP: Fd = Fd(3);
const LISTENER: Fd = Fd(4);
const CONTROL: Fd = Fd(5);
const T1: LaneId = LaneId(1);
const WAIT: Syscall = Syscall::EpollWait { ep: EP, max: 64, timeout_ms: -1 };
const WATCHED: Mask = Mask(0x2001);

fn file(fd: Fd) -> FileId {
    FileId(u32::try_from(fd.0).unwrap_or(0))
}

fn peer(fd: Fd) -> Peer {
    Peer::Inet(([127, 0, 0, 1], 51_234 + u16::try_from(fd.0).unwrap_or(0)).into())
}

impl Stage {
    /// A server that waits for its first client.
    pub(super) fn start() -> Self {
        let facts = Facts {
            addresses: vec!["127.0.0.1:8000".to_owned()],
            invitation: "telnet 127.0.0.1 8000".to_owned(),
            ..Facts::default()
        };
        let mut stage = Self {
            world: World::default(),
            timeline: Timeline::default(),
            journal: Journal::new(Limits::default()),
            header: Header { facts, ..Header::default() },
            t: Nanos(1_000_000),
        };
        stage.tool(Kind::WakeupLog(WakeupLog::Drained));
        stage.tool(Kind::Settings(Settings::default()));
        stage.push(T1, Kind::Lane(LaneChange::Started { tid: 4711 }));
        let listener = Kind::Open {
            fd: LISTENER,
            file: file(LISTENER),
            what: FileKind::Listener,
            name: "127.0.0.1:8000".into(),
        };
        stage.tool(listener);
        let control = Kind::Open {
            fd: CONTROL,
            file: file(CONTROL),
            what: FileKind::Eventfd,
            name: "control".into(),
        };
        stage.tool(control);
        stage.returns(Syscall::EpollCreate, Ret::ok(3), Output::None);
        stage.ctl(CtlOp::Add, LISTENER, Mask::IN);
        stage.ctl(CtlOp::Add, CONTROL, Mask::IN);
        let queues = Queues { unread: Some(0), unsent: Some(128), ..Queues::default() };
        stage.tool(Kind::Arrive { fd: LISTENER, queues });
        stage.resync();
        stage.push(T1, Kind::Enter(WAIT));
        stage
    }

    /// Three clients, level and edge, and a held thread.
    pub(super) fn three_clients() -> Self {
        let mut stage = Self::start();
        for fd in [7, 8, 9] {
            stage.after_ms(3500);
            // The one in the middle is somebody's telnet.
            if fd != 8 {
                stage.dials(Fd(fd));
            }
            stage.connect(Fd(fd));
        }
        stage.after_ms(900);
        stage.interrupt();
        stage.ctl(CtlOp::Mod, Fd(7), WATCHED | Mask::ET);
        stage.push(T1, Kind::Enter(WAIT));
        stage.after_ms(200);
        stage.arrive(Fd(9), 7);
        stage.wait_returns(&[Fd(9)]);
        stage.read(Fd(9), b"wor");
        stage.tool(Kind::Settings(Settings { paused: true, ..stage.world.settings }));
        stage.push(T1, Kind::Park { next: WAIT.into() });
        stage.after_ms(300);
        stage.arrive(Fd(7), 12);
        stage
    }

    /// An edge-triggered client that was read once: the rest is stranded.
    pub(super) fn stranded() -> Self {
        let mut stage = Self::start();
        let once = Settings { read: ReadPolicy::Once(4), ..stage.world.settings };
        stage.tool(Kind::Settings(once));
        stage.after_ms(1500);
        stage.connect(Fd(7));
        stage.interrupt();
        stage.ctl(CtlOp::Mod, Fd(7), WATCHED | Mask::ET);
        stage.push(T1, Kind::Enter(WAIT));
        stage.after_ms(400);
        stage.arrive(Fd(7), 12);
        stage.wait_returns(&[Fd(7)]);
        stage.read(Fd(7), b"hell");
        stage.push(T1, Kind::Enter(WAIT));
        stage.after_ms(500);
        let queues = Queues { unread: Some(8), unsent: Some(0), ..Queues::default() };
        stage.tool(Kind::Arrive { fd: Fd(7), queues });
        stage
    }

    /// A server with fifty-five clients that goes over to poll(2) or select(2): one client was found
    /// asleep, and while its thread is held another one's bytes arrive.
    pub(super) fn scanning(to: Backend) -> Self {
        let mut stage = Self::start();
        for fd in 9..63 {
            stage.connect(Fd(fd));
        }
        stage.connect(Fd(1003));
        let phase = |phase| Kind::Backend { to, phase };
        stage.tool(phase(SwitchPhase::Asked));
        stage.interrupt();
        stage.returns(Syscall::Close { fd: EP }, Ret::ok(0), Output::None);
        stage.push(T1, Kind::Lane(LaneChange::Ended));
        stage.tool(phase(SwitchPhase::Left));
        stage.push(T1, Kind::Lane(LaneChange::Started { tid: 4712 }));
        stage.push(T1, phase(SwitchPhase::Entered(None)));
        stage.tool(Kind::Settings(Settings { backend: to, ..stage.world.settings }));
        for (place, fd) in (0..).zip([CONTROL.0, LISTENER.0].into_iter().chain(9..63).chain([1003]))
        {
            let client = if to == Backend::Poll && fd > CONTROL.0 { WATCHED } else { Mask::IN };
            let place = if to == Backend::Poll { place } else { fd.unsigned_abs() };
            let events = Some(client);
            stage.push(T1, Kind::Set { fd: Fd(fd), file: file(Fd(fd)), events, place });
        }
        let nobody = Queues { unread: Some(0), unsent: Some(4096), ..Queues::default() };
        stage.tool(Kind::Arrive { fd: LISTENER, queues: nobody });
        let timeout_ms = -1;
        let call = if to == Backend::Poll {
            Syscall::Poll { set: PollSet::array(57), timeout_ms }
        } else {
            Syscall::Select { set: PollSet::bitmaps(57, [57, 0, 0], 1004), timeout_ms }
        };
        stage.push(T1, Kind::Enter(call));
        stage.after_ms(800);
        stage.arrive(Fd(9), 9);
        stage.arrive(Fd(14), 4);
        let found = |fd| Delivery { file: file(fd), fd, mask: Mask::IN };
        let ready = [Fd(9), Fd(14)].map(found).into();
        let output = Output::Scan { ready, slept: Some(1), log: WakeupLog::Drained };
        stage.returns(call, Ret::ok(2), output);
        stage.push(T1, Kind::Handle { fd: Fd(9), file: file(Fd(9)) });
        stage.tool(Kind::Settings(Settings { paused: true, ..stage.world.settings }));
        stage.push(T1, Kind::Park { next: Syscall::Read { fd: Fd(9), len: 4096 }.into() });
        stage.after_ms(125);
        stage.arrive(Fd(13), 12);
        stage
    }

    pub(super) fn scene(&self) -> Scene<'_> {
        Scene {
            world: &self.world,
            live: &self.world,
            timeline: &self.timeline,
            journal: &self.journal,
            header: &self.header,
        }
    }

    /// An app that has looked at the scene.
    pub(super) fn app(&self, size: (u16, u16)) -> App {
        let mut app = App::default();
        app.ui.size = size;
        app.observe(&self.scene());
        app
    }

    /// Keys pressed one after the other; the commands that came out.
    pub(super) fn press(&self, app: &mut App, text: &str) -> Vec<Command> {
        keys(text).into_iter().filter_map(|key| app.key(key, &self.scene())).collect()
    }

    pub(super) fn after_ms(&mut self, ms: u64) {
        self.t = Nanos(self.t.0 + ms * 1_000_000);
    }

    pub(super) fn push(&mut self, lane: LaneId, kind: Kind) {
        self.t = Nanos(self.t.0 + 20_000);
        let event = Event { seq: self.world.seq.next(), t: self.t, lane, kind };
        self.world.apply(&event);
        self.timeline.apply(&event, self.world.through(None));
        self.journal.push(&event, &self.world);
    }

    pub(super) fn tool(&mut self, kind: Kind) {
        self.push(LaneId::TOOL, kind);
    }

    fn returns(&mut self, call: Syscall, ret: Ret, output: Output) {
        let started = self.t;
        self.push(T1, Kind::Return(SyscallRecord { call, ret, output, started }));
    }

    fn ctl(&mut self, op: CtlOp, fd: Fd, mask: Mask) {
        let call = Syscall::EpollCtl { ep: EP, op, fd, mask, file: file(fd) };
        self.returns(call, Ret::ok(0), Output::None);
    }

    fn resync(&mut self) {
        let entries = self.world.through(None).instance.interest.iter();
        let entries =
            entries.map(|e| FdinfoEntry { fd: e.key.fd, mask: e.mask, file: e.key.file }).collect();
        self.tool(Kind::ListRead(ListRead::fdinfo(EP, entries)));
    }

    pub(super) fn interrupt(&mut self) {
        let none =
            Output::Events { events: Box::default(), log: WakeupLog::Drained, done: Nanos(0) };
        self.returns(WAIT, Ret::err(Errno::EINTR), none);
    }

    pub(super) fn arrive(&mut self, fd: Fd, unread: u32) {
        let after = self.t;
        let band = Mask::IN | Mask::RDNORM;
        self.tool(Kind::Wakeup(Wakeup { fd, band, unread: Some(unread), counted: after, after }));
    }

    pub(super) fn wait_returns(&mut self, fds: &[Fd]) {
        let events: Box<[_]> =
            fds.iter().map(|fd| Delivery { file: file(*fd), fd: *fd, mask: Mask::IN }).collect();
        let ret = Ret::ok(i64::try_from(fds.len()).unwrap_or(0));
        let done = self.t;
        self.returns(WAIT, ret, Output::Events { events, log: WakeupLog::Drained, done });
        for fd in fds {
            self.push(T1, Kind::Handle { fd: *fd, file: file(*fd) });
        }
    }

    pub(super) fn read(&mut self, fd: Fd, bytes: &[u8]) {
        let len = u32::try_from(bytes.len()).unwrap_or(0);
        let call = Syscall::Read { fd, len };
        self.returns(call, Ret::ok(len.into()), Output::Data(bytes.into()));
    }

    /// A built-in client is connected, for which the server will have this number.
    pub(super) fn dials(&mut self, fd: Fd) {
        self.tool(Kind::Client(peer(fd).to_string().into()));
    }

    fn connect(&mut self, fd: Fd) {
        self.arrive(LISTENER, 1);
        self.wait_returns(&[LISTENER]);
        let peer = peer(fd);
        let output = Output::Accepted { file: file(fd), peer };
        self.returns(Syscall::Accept { fd: LISTENER }, Ret::ok(fd.0.into()), output);
        self.ctl(CtlOp::Add, fd, WATCHED);
        self.returns(Syscall::Accept { fd: LISTENER }, Ret::err(Errno::EAGAIN), Output::None);
        let queues = Queues { unread: Some(0), unsent: Some(0), ..Queues::default() };
        self.tool(Kind::Arrive { fd, queues });
        self.push(T1, Kind::Enter(WAIT));
    }

    /// Begins a new history that keeps few events.
    pub(super) fn keep(&mut self, events: u64) {
        self.journal = Journal::new(Limits { events, ..Limits::default() });
        self.tool(Kind::Note("here it begins".into()));
    }

    /// A client connects.
    pub(super) fn client(&mut self, fd: Fd) {
        self.connect(fd);
    }

    /// A registration becomes one-shot and fires; its bytes stay unread.
    pub(super) fn one_shot_fires(&mut self, fd: Fd) {
        self.interrupt();
        self.ctl(CtlOp::Mod, fd, WATCHED | Mask::ONESHOT);
        self.push(T1, Kind::Enter(WAIT));
        self.arrive(fd, 3);
        self.wait_returns(&[fd]);
        self.push(T1, Kind::Enter(WAIT));
    }

    /// A copy keeps the registration alive when its number is closed.
    pub(super) fn outlives_its_number(&mut self, fd: Fd, copy: Fd) {
        self.interrupt();
        self.returns(Syscall::Dup { fd }, Ret::ok(copy.0.into()), Output::None);
        self.returns(Syscall::Close { fd }, Ret::ok(0), Output::None);
        self.push(T1, Kind::Enter(WAIT));
    }

    /// A level-triggered client is reported, put back, and read until EAGAIN.
    pub(super) fn drained_while_listed(&mut self, fd: Fd) {
        self.arrive(fd, 3);
        self.wait_returns(&[fd]);
        self.read(fd, b"abc");
        let call = Syscall::Read { fd, len: 4096 };
        self.returns(call, Ret::err(Errno::EAGAIN), Output::None);
    }

    /// A client that is known to be ready is passed over: the model was wrong.
    pub(super) fn diverges(&mut self, fd: Fd) {
        self.arrive(fd, 3);
        let none =
            Output::Events { events: Box::default(), log: WakeupLog::Drained, done: Nanos(0) };
        self.returns(WAIT, Ret::ok(0), none);
    }

    /// The interest list is read, the thread's wait ends without an event, and it waits again.
    pub(super) fn finds_nothing(&mut self) {
        self.resync();
        let none =
            Output::Events { events: Box::default(), log: WakeupLog::Drained, done: Nanos(0) };
        self.returns(WAIT, Ret::ok(0), none);
        self.push(T1, Kind::Enter(WAIT));
    }

    /// Two clients write so often that one look at the edge log finds many wake-ups of both.
    pub(super) fn arrive_together(&mut self, fds: [Fd; 2]) {
        let after = self.t;
        for fd in std::iter::repeat_n(fds[0], 40).chain([fds[1]]) {
            let band = Mask::IN | Mask::RDNORM;
            self.tool(Kind::Wakeup(Wakeup { fd, band, unread: Some(3), counted: after, after }));
        }
    }

    /// The server's thread panics.
    pub(super) fn dies(&mut self) {
        self.push(T1, Kind::Lane(LaneChange::Died("panic: index out of bounds".into())));
    }

    /// The server goes on while a test looks at the past.
    pub(super) fn goes_on(&mut self) {
        self.push(T1, Kind::Unpark(Pass::Run));
    }

    pub(super) fn last(&self) -> Seq {
        self.world.seq
    }
}

/// Keys from text: each character is a key, `<Esc>`, `<Tab>`, `<C-c>` and the like are named.
pub(crate) fn keys(text: &str) -> Vec<KeyPress> {
    let mut keys = Vec::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if let Some((name, after)) =
            rest.strip_prefix('<').and_then(|r| r.split_once('>')).filter(|(n, _)| n.len() > 1)
        {
            keys.push(named(name));
            rest = after;
        } else {
            keys.push(ch(c));
            rest = &rest[c.len_utf8()..];
        }
    }
    keys
}

fn named(name: &str) -> KeyPress {
    match name {
        "Esc" => plain(Key::Esc),
        "Tab" => plain(Key::Tab),
        "S-Tab" => plain(Key::BackTab),
        "Enter" => plain(Key::Enter),
        "Home" => plain(Key::Home),
        "End" => plain(Key::End),
        "PgUp" => plain(Key::PageUp),
        "PgDn" => plain(Key::PageDown),
        "Up" => plain(Key::Up),
        "Down" => plain(Key::Down),
        "Left" => plain(Key::Left),
        "Right" => plain(Key::Right),
        "BS" => plain(Key::Backspace),
        "C-c" => ctrl('c'),
        "C-z" => ctrl('z'),
        "C-u" => ctrl('u'),
        other => panic!("no key is named {other}"),
    }
}
