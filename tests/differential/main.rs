//! The model against the kernel: random operations on one epoll instance, every `epoll_wait`
//! predicted before it is made; and random sequences on everything that the machine models.
//!
//! A binary of its own: a test beside it that starts a process would copy descriptors between
//! fork and exec, and a closed file with a copy stays registered.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on may stop")]

use std::os::fd::{AsRawFd, OwnedFd};
use std::process::{Command, Stdio};
use std::sync::Mutex;

use epollscope::event::{
    CtlOp, Delivery, Errno, Event, Fd, FileId, FileKind, Kind, LaneChange, LaneId, Mask, Nanos,
    Output, Queues, Ret, Seq, Syscall, SyscallRecord, Wakeup, WakeupLog,
};
use epollscope::model::World;
use nix::fcntl::OFlag;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};

use epollscope::lesson::random::Rng;

/// One test at a time: the process that one starts would for a moment have the descriptors of
/// another.
static ALONE: Mutex<()> = Mutex::new(());

/// A watched end and the end that the test writes to.
struct Ends {
    watched: OwnedFd,
    writer: Option<OwnedFd>,
    file: FileId,
    registered: bool,
    what: FileKind,
}

impl Ends {
    fn fd(&self) -> Fd {
        Fd(self.watched.as_raw_fd())
    }
}

/// The real epoll instance beside the modelled one.
struct Duel {
    epoll: Epoll,
    world: World,
    ends: Vec<Ends>,
    seq: u64,
    files: u32,
    seed: u64,
    waits: u64,
    log: Vec<String>,
}

const LANE: LaneId = LaneId(1);
const MASKS: [Mask; 6] = [
    Mask::IN,
    Mask(Mask::IN.0 | Mask::ET.0),
    Mask(Mask::IN.0 | Mask::ONESHOT.0),
    Mask(Mask::IN.0 | Mask::ET.0 | Mask::ONESHOT.0),
    Mask::EMPTY,
    Mask(Mask::IN.0 | Mask::RDNORM.0 | Mask::ET.0),
];

impl Duel {
    fn new(seed: u64) -> Self {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).unwrap();
        let mut duel = Self {
            epoll,
            world: World::default(),
            ends: Vec::new(),
            seq: 0,
            files: 0,
            seed,
            waits: 0,
            log: Vec::new(),
        };
        duel.tell(Kind::Lane(LaneChange::Started { tid: 1 }));
        duel.tell(Kind::WakeupLog(WakeupLog::Drained));
        let ep = i64::from(duel.epoll.0.as_raw_fd());
        duel.called(Syscall::EpollCreate, Ret::ok(ep), Output::None);
        duel
    }

    fn tell(&mut self, kind: Kind) {
        self.seq += 1;
        let event = Event { seq: Seq(self.seq), t: Nanos(self.seq * 1000), lane: LANE, kind };
        self.world.apply(&event);
        assert!(
            self.world.through(None).instance.delta.divergences.is_empty(),
            "seed {}: {:?} at {event:?} after {:#?}",
            self.seed,
            self.world.through(None).instance.delta.divergences,
            self.log.iter().rev().take(30).collect::<Vec<_>>()
        );
    }

    fn called(&mut self, call: Syscall, ret: Ret, output: Output) {
        self.log.push(format!("{call} = {ret}"));
        let started = Nanos(self.seq * 1000 + 1);
        self.tell(Kind::Return(SyscallRecord { call, ret, output, started }));
    }

    fn ep(&self) -> Fd {
        Fd(self.epoll.0.as_raw_fd())
    }

    fn open(&mut self, pipe: bool) {
        self.files += 1;
        let (watched, writer, what) = if pipe {
            let (r, w) = nix::unistd::pipe2(OFlag::O_NONBLOCK | OFlag::O_CLOEXEC).unwrap();
            (r, w, FileKind::Pipe)
        } else {
            let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
            let (a, b) = socketpair(AddressFamily::Unix, SockType::Stream, None, flags).unwrap();
            (a, b, FileKind::Unix)
        };
        let file = FileId(self.files);
        let ends = Ends { watched, writer: Some(writer), file, registered: false, what };
        let fd = ends.fd();
        self.log.push(format!("open {what:?} {fd}"));
        self.ends.push(ends);
        self.tell(Kind::Open { fd, file, what, name: "pair".into() });
        let queues =
            Queues { unread: Some(0), unsent: Some(0), state: Some(Mask::EMPTY), room: None };
        self.tell(Kind::Arrive { fd, queues });
    }

    fn step(&mut self, rng: &mut Rng) {
        if self.ends.len() < 2 {
            self.open(rng.roll(2) == 0);
        }
        let which = rng.roll(self.ends.len());
        match rng.roll(24) {
            0 if self.ends.len() < 8 => self.open(rng.roll(2) == 0),
            1 => self.close(which),
            2 => self.hang_up(which),
            3..=5 => self.control(CtlOp::Add, which, MASKS[rng.roll(MASKS.len())]),
            6..=7 => self.control(CtlOp::Mod, which, MASKS[rng.roll(MASKS.len())]),
            8 => self.control(CtlOp::Del, which, Mask::EMPTY),
            9..=13 => self.write(which, 1 + rng.roll(200)),
            14..=16 => {
                self.read(which, 1 + rng.roll(250));
            }
            17 => while self.read(which, 512) {},
            _ => self.wait(1 + rng.roll(4)),
        }
    }

    fn control(&mut self, op: CtlOp, which: usize, mask: Mask) {
        let ends = &mut self.ends[which];
        let (fd, file) = (ends.fd(), ends.file);
        let flags = EpollFlags::from_bits_retain(mask.0.cast_signed());
        let mut event = EpollEvent::new(flags, u64::from(file.0));
        let result = match op {
            CtlOp::Add => self.epoll.add(&ends.watched, event),
            CtlOp::Mod => self.epoll.modify(&ends.watched, &mut event),
            CtlOp::Del => self.epoll.delete(&ends.watched),
            CtlOp::Invalid(_) => unreachable!("none is made here"),
        };
        match op {
            CtlOp::Add if result.is_ok() => ends.registered = true,
            CtlOp::Del if result.is_ok() => ends.registered = false,
            _ => {}
        }
        let call = Syscall::EpollCtl { ep: self.ep(), op, fd, mask, file };
        self.called(call, ret(result.map(|()| 0)), Output::None);
    }

    fn write(&mut self, which: usize, n: usize) {
        let ends = &self.ends[which];
        let Some(writer) = &ends.writer else { return };
        let fd = ends.fd();
        let wrote = nix::unistd::write(writer, &vec![b'x'; n]);
        self.log.push(format!("write {n} to the peer of {fd} = {wrote:?}"));
        // A failed write to a pipe that was ever polled wakes its readers all the same; a full
        // UNIX socket stays silent.
        if wrote.is_err() {
            return;
        }
        let unread = self.world.file_at(fd).and_then(|file| file.unread).unwrap();
        let band = Mask::IN | Mask::RDNORM;
        let unread = Some(unread + u32::try_from(wrote.unwrap()).unwrap());
        let after = Nanos(self.seq * 1000);
        self.tell(Kind::Wakeup(Wakeup { fd, band, unread, counted: after, after }));
        // The test drives both ends: it knows that this was no end of stream.
        let queues = Queues { unread, unsent: None, state: Some(Mask::EMPTY), room: None };
        self.tell(Kind::Arrive { fd, queues });
    }

    /// The other end is closed: a wake-up without a key.
    fn hang_up(&mut self, which: usize) {
        let ends = &mut self.ends[which];
        if ends.writer.take().is_none() {
            return;
        }
        let fd = ends.fd();
        let state = match ends.what {
            FileKind::Pipe => Mask::HUP,
            _ => Mask::RDHUP | Mask::HUP,
        };
        self.log.push(format!("close the peer of {fd}"));
        let unread = self.world.file_at(fd).and_then(|file| file.unread);
        let after = Nanos(self.seq * 1000);
        let band = Mask::EMPTY;
        self.tell(Kind::Wakeup(Wakeup { fd, band, unread, counted: after, after }));
        let queues = Queues { unread, unsent: None, state: Some(state), room: None };
        self.tell(Kind::Arrive { fd, queues });
    }

    /// Reads once; whether there may be more.
    fn read(&mut self, which: usize, n: usize) -> bool {
        let ends = &self.ends[which];
        let mut buffer = vec![0; n];
        let got = nix::unistd::read(&ends.watched, &mut buffer);
        let goes_on = got.is_ok_and(|n| n > 0);
        let (fd, what, open) = (ends.fd(), ends.what, ends.writer.is_some());
        let call = Syscall::Read { fd, len: u32::try_from(n).unwrap() };
        self.called(call, ret(got.map(i64::try_from).map(Result::unwrap)), Output::None);
        if what == FileKind::Pipe && !open && got == Ok(0) {
            // A pipe's end is HUP, never RDHUP.
            let state = Some(Mask::HUP);
            let queues = Queues { unread: Some(0), unsent: None, state, room: None };
            self.tell(Kind::Arrive { fd, queues });
        }
        goes_on
    }

    fn close(&mut self, which: usize) {
        let ends = self.ends.swap_remove(which);
        let fd = ends.fd();
        drop(ends);
        self.called(Syscall::Close { fd }, Ret::ok(0), Output::None);
    }

    fn wait(&mut self, max: usize) {
        let mut buffer = vec![EpollEvent::empty(); max];
        let expected = self.world.through(None).predict(u32::try_from(max).unwrap());
        let call =
            Syscall::EpollWait { ep: self.ep(), max: u32::try_from(max).unwrap(), timeout_ms: 0 };
        self.tell(Kind::Enter(call));
        let n = self.epoll.wait(&mut buffer, EpollTimeout::ZERO).unwrap();
        let events: Vec<_> = buffer[..n]
            .iter()
            .map(|event| {
                let file = FileId(u32::try_from(event.data()).unwrap());
                let fd = self.ends.iter().find(|ends| ends.file == file).unwrap().fd();
                Delivery { file, fd, mask: Mask(event.events().bits().cast_unsigned()) }
            })
            .collect();
        let real: Vec<_> = events.iter().map(|e| (e.file, e.mask)).collect();
        let predicted: Vec<_> = expected.reported.iter().map(|(k, mask)| (k.file, *mask)).collect();
        let recent: Vec<_> = self.log.iter().rev().take(30).collect();
        assert!(expected.certain, "seed {}: uncertain after {recent:#?}", self.seed);
        assert_eq!(predicted, real, "seed {}: after {recent:#?}", self.seed);
        let ret = Ret::ok(i64::try_from(n).unwrap());
        let output =
            Output::Events { events: events.into(), log: WakeupLog::Drained, done: Nanos(0) };
        self.called(call, ret, output);
        self.waits += 1;
    }
}

fn ret(result: nix::Result<i64>) -> Ret {
    match result {
        Ok(value) => Ret::ok(value),
        Err(errno) => Ret::err(Errno(errno as i32)),
    }
}

/// Operations in the test suite; `EPOLLSCOPE_OPERATIONS` asks for more.
fn operations() -> u64 {
    let asked = std::env::var("EPOLLSCOPE_OPERATIONS").ok();
    asked.map_or(100_000, |text| text.parse().expect("EPOLLSCOPE_OPERATIONS is a number"))
}

#[test]
fn every_epoll_wait_returns_what_the_model_predicted() {
    let _alone = ALONE.lock();
    let (mut done, mut waits, mut seed) = (0, 0, 0);
    while done < operations() {
        let mut rng = Rng::new(seed);
        let mut duel = Duel::new(seed);
        for _ in 0..500 {
            duel.step(&mut rng);
        }
        assert_eq!(duel.world.through(None).instance.check.agreed, duel.waits, "seed {seed}");
        assert_eq!(duel.world.through(None).instance.check.diverged, 0, "seed {seed}");
        done += 500;
        waits += duel.waits;
        seed += 1;
    }
    assert!(waits > done / 8, "{waits} waits in {done} operations");
    println!("{done} operations, {waits} waits predicted, 0 divergences");
}

/// Sequences of the random test, and the processes that share them.
const SEQUENCES: u64 = 20_000;
const PROCESSES: u64 = 2;

/// `epollscope check --random` beside others of its kind: each in a process, whose descriptors are
/// its own.
#[test]
fn random_sequences_come_out_as_the_model_says() {
    let _alone = ALONE.lock();
    let each = SEQUENCES / PROCESSES;
    let folder = std::env::temp_dir();
    let running: Vec<_> = (0..PROCESSES)
        .map(|n| {
            Command::new(env!("CARGO_BIN_EXE_epollscope"))
                .args(["check", "--json", "--random", &each.to_string()])
                .args(["--seed", &(n * each).to_string()])
                .current_dir(&folder)
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    for child in running {
        let output = child.wait_with_output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let line: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert!(output.status.success(), "{line} in {}", folder.display());
        assert_eq!(line["sequences"], each);
        assert!(line["steps"].as_u64().unwrap() > 20 * each, "{line}");
        assert!(line["threaded"].as_u64().unwrap() > 100, "{line}");
        // Some TCP queues were full, behind which the end of a stream waits.
        assert!(line["filled"].as_u64().unwrap() > 50, "{line}");
        println!("{line}");
    }
}
