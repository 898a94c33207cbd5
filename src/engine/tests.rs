//! The whole engine against the real kernel: what a client does is what the events say.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Mutex, MutexGuard};
use std::thread;
use std::time::Instant;

use super::*;
use crate::event::{
    Application, CommandPhase, ConnState, CtlOp, Errno, FdinfoEntry, GateStep, LaneChange,
    ListEntries, ListRead, Mask, Mistake, Output, ReadPolicy, Refusal, Ret, Syscall, SyscallRecord,
    Trigger,
};

mod doorbell;
mod end;
mod faults;
mod gate;
mod loops;
mod mistakes;
mod own_code;
mod service;
mod storm;
mod uring;

const LIMIT: Duration = Duration::from_secs(5);

/// The wake-up signals belong to the process, so that one engine runs at a time.
static ONE: Mutex<()> = Mutex::new(());

/// A running engine and what it has told.
struct Rig {
    engine: Engine,
    rung: Receiver<()>,
    bell: Arc<Doorbell>,
    seen: Vec<(Nanos, LaneId, Kind)>,
    /// How much of it has been looked for.
    looked: usize,
    commands: u32,
    _one: MutexGuard<'static, ()>,
}

fn rig(settings: Settings) -> Rig {
    rig_with(EngineConfig { settings, ..EngineConfig::default() })
}

fn rig_with(mut config: EngineConfig) -> Rig {
    let one = lock(&ONE);
    let (ring, rung) = sync_channel(1);
    let bell = Arc::new(Doorbell::new(move || {
        let _ = ring.try_send(());
    }));
    if config.unix.is_empty() {
        config.listen.push("127.0.0.1:0".parse().expect("address"));
    }
    let engine = Engine::start(config, Arc::clone(&bell)).expect("start");
    Rig { engine, rung, bell, seen: Vec::new(), looked: 0, commands: 0, _one: one }
}

fn settings(change: impl FnOnce(&mut Settings)) -> Settings {
    let mut settings = Settings::default();
    change(&mut settings);
    settings
}

impl Rig {
    fn connect(&self) -> TcpStream {
        let Address::Tcp(addr) = &self.engine.addresses()[0] else { panic!("no TCP") };
        let stream = TcpStream::connect(addr).expect("connect");
        stream.set_read_timeout(Some(LIMIT)).expect("timeout");
        stream
    }

    fn drain(&mut self) -> DrainReport {
        let seen = &mut self.seen;
        self.engine.drain(usize::MAX, &mut |t, lane, kind| seen.push((t, lane, kind)))
    }

    /// The next event, from the last one found on, that `pick` takes something from.
    #[track_caller]
    fn find<T>(&mut self, what: &str, mut pick: impl FnMut(&Kind) -> Option<T>) -> T {
        let deadline = Instant::now() + LIMIT;
        loop {
            while self.looked < self.seen.len() {
                self.looked += 1;
                if let Some(got) = pick(&self.seen[self.looked - 1].2) {
                    return got;
                }
            }
            self.bell.arm();
            let drained = self.drain();
            if drained.events > 0 || drained.more {
                continue;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if self.rung.recv_timeout(left).is_err() {
                let tail = self.seen.iter().skip(self.seen.len().saturating_sub(40));
                let tail: Vec<_> = tail.map(|event| format!("{event:?}")).collect();
                panic!("no {what} in:\n{}", tail.join("\n"));
            }
        }
    }

    #[track_caller]
    fn returned(&mut self, what: &str, pick: impl Fn(&SyscallRecord) -> bool) -> SyscallRecord {
        self.find(what, |kind| match kind {
            Kind::Return(record) if pick(record) => Some(record.clone()),
            _ => None,
        })
    }

    /// The number of the next accepted connection.
    #[track_caller]
    fn accepted(&mut self) -> Fd {
        let accept = |r: &SyscallRecord| matches!(r.output, Output::Accepted { .. });
        let record = self.returned("accept4", accept);
        record.ret.fd().expect("descriptor")
    }

    /// The next `epoll_ctl` of `fd` with `op`.
    #[track_caller]
    fn ctl(&mut self, wanted: CtlOp, number: Fd) -> (Mask, Ret) {
        self.find(&format!("{wanted} of {number}"), |kind| match kind {
            Kind::Return(SyscallRecord {
                call: Syscall::EpollCtl { op, fd, mask, .. },
                ret,
                ..
            }) if *op == wanted && *fd == number => Some((*mask, *ret)),
            _ => None,
        })
    }

    #[track_caller]
    fn closed(&mut self, number: Fd) {
        self.returned("close", |r| r.call == Syscall::Close { fd: number });
    }

    #[track_caller]
    fn conn(&mut self, wanted: ConnState) {
        self.find(&format!("{wanted:?}"), |kind| match kind {
            Kind::Conn { state, .. } if *state == wanted => Some(()),
            _ => None,
        });
    }

    #[track_caller]
    fn parked(&mut self) -> GateStep {
        self.find("park", |kind| if let Kind::Park { next } = kind { Some(*next) } else { None })
    }

    fn send(&mut self, text: &str) -> u32 {
        self.commands += 1;
        self.engine.send(self.commands, Command::parse(text).expect("command"));
        self.commands
    }

    /// Sends a command and waits for its end.
    #[track_caller]
    fn order(&mut self, text: &str) -> CommandPhase {
        let number = self.send(text);
        self.end_of(number)
    }

    /// The end of a command, wherever it stands: what is told beside it can still be found.
    #[track_caller]
    fn end_of(&mut self, number: u32) -> CommandPhase {
        let before = std::mem::take(&mut self.looked);
        let phase = self.find("end of command", |kind| match kind {
            Kind::Command { id, phase, .. } if *id == number => Some(phase.clone()),
            _ => None,
        });
        self.looked = before;
        phase
    }

    /// Nothing that has been told so far is looked for any more.
    fn catch_up(&mut self) {
        while self.drain().more {}
        self.looked = self.seen.len();
    }

    /// Waits until T1 sleeps for good in `epoll_wait`, having told everything before it.
    #[track_caller]
    fn sleeps(&mut self) {
        self.find("sleep", |kind| match kind {
            Kind::Enter(Syscall::EpollWait { timeout_ms: -1, .. }) => Some(()),
            _ => None,
        });
    }

    #[track_caller]
    fn done(&mut self, text: &str) {
        let phase = self.order(text);
        assert!(matches!(phase, CommandPhase::Done(_)), "{text}: {phase:?}");
    }

    #[track_caller]
    fn fails(&mut self, text: &str, why: &str) {
        assert_eq!(self.order(text), CommandPhase::Failed(why.into()), "{text}");
    }

    fn interest(&self) -> Vec<FdinfoEntry> {
        fdinfo::read(self.engine.epoll_fd().expect("epoll")).expect("fdinfo")
    }

    fn interest_of(&self, fd: Fd) -> Mask {
        self.interest().iter().find(|e| e.fd == fd).map_or(Mask::EMPTY, |e| e.mask)
    }

    /// What is true of every run.
    #[track_caller]
    fn check(&mut self) {
        while self.drain().more {}
        assert!(self.seen.is_sorted_by_key(|(t, ..)| *t), "order of times");
        for lane in 0..=8 {
            let own: Vec<_> = self.seen.iter().filter(|(_, l, _)| l.0 == lane).collect();
            assert!(own.is_sorted_by(|a, b| a.0 < b.0), "times of lane {lane}");
        }
        assert!(!self.seen.iter().any(|(_, _, k)| matches!(k, Kind::Gap { .. })), "gap");
    }
}

fn echo(stream: &mut TcpStream, text: &[u8]) {
    stream.write_all(text).expect("write");
    let mut back = vec![0; text.len()];
    stream.read_exact(&mut back).expect("echo");
    assert_eq!(back, text);
}

#[test]
fn line_of_a_client_is_seen_from_accept_to_echo() {
    let mut rig = rig(Settings::default());
    rig.sleeps();
    rig.looked = 0;
    let mut client = rig.connect();
    echo(&mut client, b"hello\r\n");
    let listener = rig.find("listener", |kind| match kind {
        Kind::Open { fd, what: FileKind::Listener, .. } => Some(*fd),
        _ => None,
    });
    rig.returned("create", |r| r.call == Syscall::EpollCreate && r.ret.fd().is_some());
    assert_eq!(rig.ctl(CtlOp::Add, listener).0, Mask::IN);
    let control = rig.handle_mailbox();
    assert_eq!(rig.ctl(CtlOp::Add, control).0, Mask::IN);
    let before = rig.looked;
    rig.find("wake-up of the listener", |kind| match kind {
        Kind::Wakeup(w) if w.fd == listener && w.band.has(Mask::IN) => Some(()),
        _ => None,
    });
    // Whoever reads the log may tell of it after the thread that it woke has gone on.
    rig.looked = before;
    let fd = rig.accepted();
    let queues = rig.find("queues", |kind| match kind {
        Kind::Arrive { fd: at, queues } if *at == fd => Some(*queues),
        _ => None,
    });
    assert_eq!(queues.state, Some(Mask::EMPTY));
    assert_eq!(rig.ctl(CtlOp::Add, fd), (Mask::IN | Mask::RDHUP, Ret::ok(0)));
    let data = Output::Data(b"hello\r\n"[..].into());
    rig.returned(
        "delivery",
        |r| matches!(&r.output, Output::Events { events, .. } if events.iter().any(|e| e.fd == fd)),
    );
    let read = rig.returned("read", |r| r.call == Syscall::Read { fd, len: 4096 });
    assert_eq!((read.ret, read.output), (Ret::ok(7), data.clone()));
    let again = rig.returned("read", |r| matches!(r.call, Syscall::Read { .. }));
    assert!(again.ret.is(Errno::EAGAIN));
    let sent = rig.returned("send", |r| r.call == Syscall::Send { fd, len: 7 });
    assert_eq!((sent.ret, sent.output), (Ret::ok(7), data));
    drop(client);
    rig.closed(fd);
    rig.check();
}

impl Rig {
    fn handle_mailbox(&self) -> Fd {
        self.engine.handle.shared().mailbox.event().fd()
    }
}

#[test]
fn wakeups_of_an_idle_connection_are_logged_one_by_one() {
    let mut rig = rig(Settings::default());
    let mut client = rig.connect();
    let fd = rig.accepted();
    rig.done("pause");
    for _ in 0..3 {
        client.write_all(b"x").expect("write");
        rig.find("wake-up", |kind| match kind {
            Kind::Wakeup(w) if w.fd == fd => w.unread,
            _ => None,
        });
    }
    rig.check();
}

#[test]
fn pause_holds_every_thread_and_eats_no_event() {
    let mut rig = rig(settings(|s| s.threads = 3));
    let mut client = rig.connect();
    echo(&mut client, b"before");
    rig.done("pause");
    assert!(rig.engine.handle.shared().gate.all_held());
    client.write_all(b"during").expect("write");
    let more = rig.connect();
    rig.done("trigger all edge");
    rig.done("run");
    let mut back = [0; 6];
    client.read_exact(&mut back).expect("echo");
    assert_eq!(&back, b"during");
    drop(more);
    for _ in 0..20 {
        rig.done("pause");
        client.write_all(b"again!").expect("write");
        rig.done("run");
        client.read_exact(&mut back).expect("echo");
        assert_eq!(&back, b"again!");
    }
    rig.check();
}

#[test]
fn server_started_paused_makes_no_call_before_its_step() {
    let mut rig = rig(settings(|s| s.paused = true));
    assert_eq!(rig.parked(), Syscall::EpollCreate.into());
    assert!(!rig.seen.iter().any(|(_, _, k)| matches!(k, Kind::Return(_))));
    rig.done("step");
    let first = rig.returned("first call", |_| true);
    assert_eq!(first.call, Syscall::EpollCreate);
    let calls = rig.seen.iter().filter(|(_, _, k)| matches!(k, Kind::Return(_)));
    assert_eq!(calls.count(), 1);
    rig.done("turn");
    let mut client = rig.connect();
    rig.done("turn T1");
    rig.done("run");
    echo(&mut client, b"x");
    rig.check();
}

#[test]
fn step_into_a_sleeping_wait_ends_when_it_returns() {
    let mut rig = rig(Settings::default());
    let fd = { rig.connect() };
    rig.accepted();
    drop(fd);
    rig.returned("close", |r| matches!(r.call, Syscall::Close { .. }));
    rig.done("pause");
    rig.catch_up();
    let step = rig.send("step");
    rig.find("wait", |kind| matches!(kind, Kind::Enter(_)).then_some(()));
    rig.fails("step", "T1 is still in its call");
    let _client = rig.connect();
    let phase = rig.end_of(step);
    assert_eq!(phase, CommandPhase::Done(None));
    rig.check();
}

#[test]
fn steps_are_refused_where_they_make_no_sense() {
    let mut rig = rig(Settings::default());
    rig.returned("create", |r| r.call == Syscall::EpollCreate);
    rig.fails("step", "T1 is not held: pause the server first");
    rig.fails("turn T5", "T5 does not run");
    rig.fails("drop fd=999", "fd 999 is not registered");
    rig.fails("trigger", "needs fd=N or client=N");
    rig.fails("help", "not a command for the server");
    rig.check();
}

#[test]
fn registrations_are_what_the_commands_make_them() {
    let mut rig = rig(Settings::default());
    let mut client = rig.connect();
    let fd = rig.accepted();
    rig.ctl(CtlOp::Add, fd);
    let plain = Mask::IN | Mask::RDHUP | Mask::ALWAYS;
    assert_eq!(rig.interest_of(fd), plain);
    rig.done("trigger all edge");
    assert_eq!(rig.engine.settings().trigger, Trigger::Edge);
    assert_eq!(rig.interest_of(fd), plain | Mask::ET);
    rig.done(&format!("trigger fd={fd}"));
    assert_eq!(rig.interest_of(fd), plain);
    rig.done(&format!("watch fd={fd} on"));
    assert_eq!(rig.interest_of(fd), plain | Mask::OUT);
    rig.done(&format!("watch fd={fd}"));
    rig.done(&format!("oneshot fd={fd}"));
    assert_eq!(rig.interest_of(fd), plain | Mask::ONESHOT);
    let why = "dropped RDHUP and ONESHOT; shows nothing on a single instance";
    let phase = rig.order(&format!("exclusive fd={fd} on"));
    assert_eq!(phase, CommandPhase::Done(Some(why.into())));
    let exclusive = Mask::IN | Mask::ALWAYS | Mask::EXCLUSIVE;
    assert_eq!(rig.interest_of(fd), exclusive);
    let why = "EINVAL: an exclusive registration refuses MOD";
    rig.fails(&format!("rearm fd={fd}"), why);
    rig.fails(&format!("oneshot fd={fd} on"), "EPOLLEXCLUSIVE refuses EPOLLONESHOT");
    rig.done(&format!("trigger fd={fd} edge"));
    assert_eq!(rig.interest_of(fd), exclusive | Mask::ET);
    echo(&mut client, b"still served");
    rig.done(&format!("exclusive fd={fd}"));
    assert_eq!(rig.interest_of(fd), plain | Mask::ET | Mask::ONESHOT);
    echo(&mut client, b"and again");
    rig.done(&format!("rearm fd={fd}"));
    rig.done(&format!("drop fd={fd}"));
    assert_eq!(rig.interest_of(fd), Mask::EMPTY);
    let mut rest = Vec::new();
    client.read_to_end(&mut rest).expect("end");
    let control = rig.handle_mailbox();
    rig.fails(
        &format!("drop fd={control}"),
        &format!("fd {control} is the server's own control eventfd"),
    );
    rig.check();
}
