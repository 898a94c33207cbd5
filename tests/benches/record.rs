//! What a recording costs: an event through the press, opening, going to a moment; and a film that
//! many watch.
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on may stop")]

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process;
use std::rc::Rc;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use epollscope::event::{
    CtlOp, Delivery, Event, Fd, FileId, FileKind, Header, Kind, LaneId, Mask, Nanos, Output, Peer,
    Ret, Seq, Syscall, SyscallRecord, TimeUnit, WakeupLog,
};
use epollscope::film::{FilmLine, FilmScreen};
use epollscope::history::{Folded, Hindsight};
use epollscope::journal::Journal;
use epollscope::model::World;
use epollscope::record::{Block, Outlet, Press, Recording, RecordingHead};
use epollscope::session::Session;
use epollscope::share::{
    FilmSize, Share, ShareBlocks, ShareCode, ShareOptions, SharePage, Telling,
};
use epollscope::source::Replay;
use epollscope::tui::app::App;
use epollscope::tui::film::{Camera, FilmPlan, film};
use epollscope::tui::theme::{Depth, Theme, ThemeName, UNICODE};

mod viewers;

use viewers::{read_all, watch};

const LANE: LaneId = LaneId(1);
const EP: Fd = Fd(5);

/// Takes blocks, deflated, into memory.
struct Memory(Vec<u8>);

impl Outlet for Memory {
    fn put(&mut self, block: Block) -> bool {
        self.0.extend(block.encode());
        true
    }
}

/// Echoes without end: a wait, a turn, a read and a send of each of ten connections.
fn event(n: u64) -> Event {
    let fd = Fd(10 + i32::try_from(n / 4 % 10).unwrap());
    let file = FileId(u32::try_from(fd.0).unwrap());
    let started = Nanos(n * 1000 + 400);
    let call = |call, ret, output| {
        Kind::Return(SyscallRecord { call, ret: Ret::ok(ret), output, started })
    };
    let kind = match n {
        0 => {
            let (fd, what) = (Fd(3), FileKind::Listener);
            Kind::Open { fd, file: FileId(3), what, name: "127.0.0.1:8000".into() }
        }
        1 => call(Syscall::EpollCreate, EP.0.into(), Output::None),
        2..22 => {
            let fd = Fd(9 + i32::try_from(n / 2).unwrap());
            let file = FileId(u32::try_from(fd.0).unwrap());
            if n.is_multiple_of(2) {
                let output = Output::Accepted { file, peer: Peer::Unknown };
                call(Syscall::Accept { fd: Fd(3) }, fd.0.into(), output)
            } else {
                let add = Syscall::EpollCtl { ep: EP, op: CtlOp::Add, fd, mask: Mask::IN, file };
                call(add, 0, Output::None)
            }
        }
        _ => match n % 4 {
            0 => {
                let events = Box::new([Delivery { fd, file, mask: Mask::IN }]);
                let log = WakeupLog::Drained;
                let output = Output::Events { events, log, done: Nanos(n * 1000) };
                call(Syscall::EpollWait { ep: EP, max: 64, timeout_ms: -1 }, 1, output)
            }
            1 => Kind::Handle { fd, file },
            2 => call(Syscall::Read { fd, len: 4096 }, 5, Output::Data(b"hello"[..].into())),
            _ => call(Syscall::Send { fd, len: 5 }, 5, Output::Data(b"hello"[..].into())),
        },
    };
    Event { seq: Seq(n + 1), t: Nanos(n * 1000 + 999), lane: LANE, kind }
}

fn recorded(events: u64) -> Vec<u8> {
    let head = RecordingHead::new(Header::default(), &[]);
    let mut world = World::default();
    let mut press = Press::new(Memory(head.line()), &head, &world);
    for n in 0..events {
        let event = event(n);
        world.apply(&event);
        press.event(&event, &world);
    }
    press.finish(&world, "end").0
}

fn press(c: &mut Criterion) {
    let mut group = c.benchmark_group("record");
    let events: Vec<_> = (0..40_000).map(event).collect();
    let bytes = recorded(40_000).len();
    eprintln!("40,000 events in {bytes} bytes: {} for 100", bytes * 100 / 40_000);
    let head = RecordingHead::new(Header::default(), &[]);
    group.throughput(Throughput::Elements(events.len() as u64));
    group.bench_function("press, deflated", |b| {
        // The world is that of the end: to fold it is not what is measured.
        let mut world = World::default();
        for event in &events {
            world.apply(event);
        }
        b.iter(|| {
            let mut press = Press::new(Memory(Vec::new()), &head, &World::default());
            for event in &events {
                press.event(event, &world);
            }
            black_box(press.outlet().0.len())
        });
    });
    group.finish();
}

/// Events of the long recording.
const LONG: u64 = 10_000_000;

/// A file of that many events, which is removed when it is dropped.
struct Scratch(PathBuf);

impl Scratch {
    fn new(events: u64) -> Self {
        let path = std::env::temp_dir().join(format!("epollscope-bench-{}.rec", process::id()));
        let bytes = recorded(events);
        eprintln!("{events} events in {} bytes", bytes.len());
        std::fs::write(&path, bytes).unwrap();
        Self(path)
    }

    fn open(&self) -> Journal {
        Rc::new(Recording::open(&self.0).unwrap().unwrap()).journal()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _gone = std::fs::remove_file(&self.0);
    }
}

/// Memory in use, in KiB (proc(5), VmRSS).
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// The next of numbers that look as if drawn by lot, below that one.
fn next(state: &mut u64, below: u64) -> u64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*state >> 33) % below
}

fn open_and_seek(c: &mut Criterion) {
    let file = Scratch::new(LONG);
    let mut group = c.benchmark_group("recording of 10,000,000 events");
    group.sample_size(20);
    group.bench_function("open", |b| b.iter(|| black_box(file.open().last())));
    group.bench_function("open, and fold what the first screen shows", |b| {
        b.iter(|| {
            let journal = file.open();
            black_box(Folded::at(&journal, journal.last().unwrap(), Hindsight::Long));
        });
    });
    let before = resident();
    let journal = file.open();
    let mut state = 0;
    group.bench_function("go to a moment", |b| {
        b.iter(|| black_box(journal.at(Seq(1 + next(&mut state, LONG))).seq));
    });
    eprintln!("open, and gone through: {} KiB more than before", resident().saturating_sub(before));
    // 625,000 events a second, eight times as fast: 80,000 between two looks at the clock.
    let mut at = 1;
    let mut next = || {
        at = 1 + (at + 80_000) % LONG;
        journal.seq_at(event(at).t).unwrap()
    };
    let mut folded = Folded::at(&journal, Seq(1), Hindsight::Short);
    group.bench_function("8x of a flood, a look at the clock", |b| {
        b.iter(|| {
            let seq = next();
            if !folded.reach(&journal, seq, Hindsight::Short) {
                folded = Folded::at(&journal, seq, Hindsight::Short);
            }
            black_box(folded.world().clone());
        });
    });
    group.bench_function("8x of a flood, as if it stood at each look", |b| {
        b.iter(|| {
            let seq = next();
            black_box(journal.at(seq).seq);
            black_box(Folded::at(&journal, seq, Hindsight::Long));
        });
    });
    group.finish();
}

fn filmed(c: &mut Criterion) {
    let recording = Rc::new(Recording::read(recorded(2_000)).unwrap());
    let source = Replay::new(Header::default(), Nanos(0));
    let session = Session::of_journal(source, recording.journal());
    let theme = Theme::new(ThemeName::Dark, Depth::Indexed, &UNICODE);
    let plan = FilmPlan { name: "x".to_owned(), from: None, until: None, size: (120, 40), theme };
    let mut group = c.benchmark_group("recording of 2,000 events");
    group.sample_size(10);
    group.bench_function("film, and its lines", |b| {
        b.iter(|| {
            let film = film(session.scene(None), &plan);
            black_box(film.lines().map(|line| line.len()).sum::<usize>())
        });
    });
    let lines: Vec<_> = film(session.scene(None), &plan).lines().collect();
    eprintln!("a film in {} bytes", lines.concat().len());
    group.bench_function("show a film", |b| {
        b.iter(|| {
            let mut screen = FilmScreen::new(120, 40);
            for line in &lines {
                if let Some(FilmLine::Frame(frame)) = FilmLine::parse(line) {
                    screen.apply(&frame);
                }
            }
            black_box(screen)
        });
    });
    let mut app = App::default();
    let mut camera = Camera::new("x", TimeUnit::Nanoseconds, (120, 40), &theme);
    group.bench_function("take a key frame", |b| {
        b.iter(|| {
            camera.force_key();
            black_box(camera.app(&mut app, session.scene(None)))
        });
    });
    group.finish();
}

/// Viewers, and those of them who never read.
const VIEWERS: usize = 100;
const DEAF: usize = 5;
/// Frames, ten a second.
const FRAMES: u32 = 50;

/// Processor time that a process has used (proc(5), `schedstat`).
fn used(pid: u32) -> Duration {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let of = |task: PathBuf| {
        let text = std::fs::read_to_string(task.join("schedstat")).unwrap();
        text.split(' ').next().unwrap().parse::<u64>().unwrap()
    };
    Duration::from_nanos(tasks.map(|task| of(task.unwrap().path())).sum())
}

/// What one frame costs whoever shares and the process that serves it to many.
fn shared(_: &mut Criterion) {
    let recording = Rc::new(Recording::read(recorded(2_000)).unwrap());
    let source = Replay::new(Header::default(), Nanos(0));
    let session = Session::of_journal(source, recording.journal());
    let theme = Theme::new(ThemeName::Dark, Depth::Indexed, &UNICODE);
    let plan = FilmPlan { name: "x".to_owned(), from: None, until: None, size: (120, 40), theme };
    let lines: Vec<_> = film(session.scene(None), &plan).lines().collect();
    let code = ShareCode::parse("K7QM4X").unwrap();
    let address = ([127, 0, 0, 1], 0).into();
    let options = ShareOptions { address, code: Some(code), name: None, lan: false };
    let program = Path::new(env!("CARGO_BIN_EXE_epollscope"));
    let page = |_: &str| SharePage::default();
    let mut share = Share::start_as(program, &options, page, ShareBlocks::Passing, || ()).unwrap();
    let at = share.addresses().remove(0);
    let (address, code) = at.split_once('/').unwrap();
    let mut viewers: Vec<_> = (0..VIEWERS).map(|_| watch(address, code)).collect();
    let deaf = viewers.split_off(VIEWERS - DEAF);
    while share.report().viewers < u32::try_from(VIEWERS).unwrap() {
        share.look();
        std::thread::sleep(Duration::from_millis(10));
    }
    let reading = read_all(viewers);
    share.tell(&Telling::FilmHead(FilmSize::Wide, lines[0].clone()));
    let (mut telling, mut bytes, before) = (Duration::ZERO, 0, used(share.pid()));
    let mut frames = lines.iter().filter_map(|line| match FilmLine::parse(line)? {
        FilmLine::Frame(frame) => Some((frame.key, line)),
        FilmLine::Head(_) => None,
    });
    for n in 0..FRAMES {
        let (key, line) = frames.next().unwrap();
        let frame = Telling::Film { size: FilmSize::Wide, key: key || n == 0, line: line.clone() };
        bytes += line.len();
        let begun = Instant::now();
        assert!(share.tell(&frame), "there is room");
        share.look();
        telling += begun.elapsed();
        std::thread::sleep(Duration::from_millis(100));
    }
    let hub = used(share.pid()).saturating_sub(before);
    drop(deaf);
    share.end("over");
    let read = reading.join().unwrap();
    eprintln!(
        "shared with {VIEWERS}, of whom {DEAF} never read: a frame of {} bytes costs the session \
         {:.1?}, and the process that serves it {:.2?}, {:.2} % of a core at ten a second; \
         {read} bytes were read",
        bytes / FRAMES as usize,
        telling / FRAMES,
        hub / FRAMES,
        hub.as_secs_f64() * 1000.0 / f64::from(FRAMES),
    );
}

criterion_group!(benches, shared, press, open_and_seek, filmed);
criterion_main!(benches);
