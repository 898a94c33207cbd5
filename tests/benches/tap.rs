//! What it costs the server to tell of an event, and whether any is lost when many come.
//!
//! `cargo bench --bench tap` prints nanoseconds a push and how many of 600,000 events a second were
//! lost while a front end folds, keeps and draws them. The push loop alone, for an instruction
//! count: `valgrind --tool=callgrind --toggle-collect='*push_loop*' target/release/deps/tap-* --push`.
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on may stop")]

use std::hint::black_box;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use epollscope::engine::Doorbell;
use epollscope::engine::tap::{Handed, RingWriter, SLOTS, Tap, channel};
use epollscope::event::{
    Delivery, Errno, Event, Facts, Fd, FileId, FileKind, Header, Kind, LaneId, Mask, Output, Peer,
    Ret, Seq, Syscall, SyscallRecord, WakeupLog,
};
use epollscope::journal::{Journal, Limits};
use epollscope::model::{Timeline, World};
use epollscope::session::Scene;
use epollscope::sys::clock::Clock;
use epollscope::tui::app::App;
use epollscope::tui::run::paint;
use epollscope::tui::theme::{Depth, Theme, ThemeName, UNICODE};
use ratatui::backend::CrosstermBackend;
use ratatui::{Terminal, TerminalOptions, Viewport};

const EP: Fd = Fd(5);
/// Connections of the server that is told of.
const CLIENTS: i32 = 100;
/// Events a second that must not be lost.
const RATE: u32 = 600_000;
/// How long they come.
const TIME: Duration = Duration::from_secs(5);
/// Between two looks of a front end under load.
const FRAME: Duration = Duration::from_millis(33);

fn tap() -> (RingWriter, Tap) {
    let bell = Arc::new(Doorbell::new(|| {}));
    let (mut lanes, _side, tap) = channel(Clock::start(), bell, &[LaneId(1)], SLOTS);
    (lanes.remove(0), tap)
}

/// Pushes `count` calls without data; only this is counted.
#[inline(never)]
fn push_loop(lane: &mut RingWriter, count: u32) {
    let again = black_box(Ret::err(Errno::EAGAIN));
    for _ in 0..count {
        let started = lane.start();
        let call = Syscall::Read { fd: black_box(Fd(7)), len: 4096 };
        lane.returned(&call, again, started, Handed::None);
    }
}

/// As many pushes as a ring holds, and the ring emptied; then again.
fn pushes(rounds: u32) -> Duration {
    let (mut lane, mut tap) = tap();
    let count = u32::try_from(SLOTS).unwrap() - 8;
    let mut took = Duration::ZERO;
    for _ in 0..rounds {
        let begun = Instant::now();
        push_loop(&mut lane, count);
        took += begun.elapsed();
        lane.rest();
        let drained = tap.drain(usize::MAX, &mut |_, _, kind| drop(black_box(kind)));
        assert_eq!((drained.lost, drained.events), (0, usize::try_from(count).unwrap()));
    }
    took / (rounds * count)
}

/// The turn of a busy server: one wait that reports every client, and an echo each. How many
/// events that is.
fn turn(lane: &mut RingWriter, told: &[Delivery]) -> u32 {
    let wait = Syscall::EpollWait { ep: EP, max: 1024, timeout_ms: -1 };
    let again = Ret::err(Errno::EAGAIN);
    let now = lane.start();
    lane.returned(&wait, Ret::ok(CLIENTS.into()), now, Handed::Events(told, WakeupLog::Off, now));
    for event in told {
        let fd = event.fd;
        let read = Syscall::Read { fd, len: 4096 };
        lane.handle(fd, event.file);
        let now = lane.start();
        lane.returned(&read, Ret::ok(64), now, Handed::Data(&[b'x'; 64]));
        let now = lane.start();
        lane.returned(&read, again, now, Handed::None);
        let now = lane.start();
        let send = Syscall::Send { fd, len: 64 };
        lane.returned(&send, Ret::ok(64), now, Handed::Data(&[b'x'; 64]));
    }
    u32::try_from(told.len()).unwrap() * 4 + 1
}

/// Tells of a busy server at [`RATE`]; how many events it told of.
fn server(mut lane: RingWriter, over: Arc<AtomicBool>) -> JoinHandle<u64> {
    std::thread::spawn(move || {
        let delivery =
            |fd: i32| Delivery { file: file(fd), fd: Fd(fd), mask: Mask::IN | Mask::RDNORM };
        let told: Vec<_> = (10..10 + CLIENTS).map(delivery).collect();
        let (begun, mut events) = (Instant::now(), 0u64);
        while begun.elapsed() < TIME {
            events += u64::from(turn(&mut lane, &told));
            // What is due by now comes in one go, as it does when a server is kept from running.
            let due = Duration::from_secs_f64(
                f64::from(u32::try_from(events).unwrap()) / f64::from(RATE),
            );
            std::thread::sleep(due.saturating_sub(begun.elapsed()));
        }
        lane.rest();
        over.store(true, Ordering::SeqCst);
        events
    })
}

fn file(fd: i32) -> FileId {
    FileId(fd.cast_unsigned())
}

/// All that the front end keeps.
#[derive(Default)]
struct Front {
    seq: Seq,
    world: World,
    timeline: Timeline,
}

impl Front {
    fn write(&mut self, journal: &mut Journal, event: &Event) {
        self.world.apply(event);
        self.timeline.apply(event, self.world.through(None));
        journal.push(event, &self.world);
    }

    /// The clients connect.
    fn begin(&mut self, journal: &mut Journal) {
        let mut tell = |kind| {
            self.seq = self.seq.next();
            let t = self.world.t;
            self.write(journal, &Event { seq: self.seq, t, lane: LaneId(1), kind });
        };
        let name = "127.0.0.1:8000".into();
        tell(Kind::Open { fd: Fd(3), file: FileId(3), what: FileKind::Listener, name });
        for fd in 10..10 + CLIENTS {
            let started = epollscope::event::Nanos(0);
            let record = |call, ret, output| {
                Kind::Return(SyscallRecord { call, ret: Ret::ok(ret), output, started })
            };
            let output = Output::Accepted { file: file(fd), peer: Peer::Unknown };
            tell(record(Syscall::Accept { fd: Fd(3) }, fd.into(), output));
            let op = epollscope::event::CtlOp::Add;
            let call = Syscall::EpollCtl { ep: EP, op, fd: Fd(fd), mask: Mask::IN, file: file(fd) };
            tell(record(call, 0, Output::None));
        }
    }
}

/// Folds, keeps and draws at 120x40 what a server tells at [`RATE`]; prints what was lost.
fn keep_up() {
    let (lane, mut tap) = tap();
    let over = Arc::new(AtomicBool::new(false));
    let (mut front, mut journal) = (Front::default(), Journal::new(Limits::default()));
    front.begin(&mut journal);
    let facts = Facts { addresses: vec!["127.0.0.1:8000".into()], ..Facts::default() };
    let header = Header { facts, ..Header::default() };
    let theme = Theme::new(ThemeName::Dark, Depth::Indexed, &UNICODE);
    let app = App::default();
    let area = ratatui::layout::Rect::new(0, 0, 120, 40);
    let options = TerminalOptions { viewport: Viewport::Fixed(area) };
    let backend = CrosstermBackend::new(std::fs::File::create("/dev/null").unwrap());
    let mut screen = Terminal::with_options(backend, options).unwrap();
    let server = server(lane, Arc::clone(&over));
    let (mut seen, mut lost, mut frames, mut busy) = (0u64, 0u64, 0u32, Duration::ZERO);
    loop {
        let last = over.load(Ordering::SeqCst);
        let begun = Instant::now();
        let drained = tap.drain(usize::MAX, &mut |t, lane, kind| {
            front.seq = front.seq.next();
            front.write(&mut journal, &Event { seq: front.seq, t, lane, kind });
            seen += 1;
        });
        lost += drained.lost;
        let (world, timeline, journal) = (&front.world, &front.timeline, &journal);
        let scene = Scene { world, live: world, timeline, journal, header: &header };
        screen.draw(|frame| paint(&app, scene, &theme, frame.buffer_mut())).unwrap();
        frames += 1;
        busy += begun.elapsed();
        if last && !drained.more && !drained.held {
            break;
        }
        std::thread::sleep(FRAME.saturating_sub(begun.elapsed()));
    }
    let told = server.join().unwrap();
    let share = busy.as_secs_f64() / TIME.as_secs_f64() * 100.0;
    println!("{told} events told in {TIME:?}, {seen} seen, {lost} lost, {frames} frames drawn");
    println!("the front end was busy {share:.1} % of the time");
}

fn main() {
    let args: Vec<_> = std::env::args().collect();
    if args.iter().any(|arg| arg == "--test") {
        return;
    }
    if args.iter().any(|arg| arg == "--push") {
        pushes(16);
        return;
    }
    println!(
        "a push of a call without data: {:?} (its readings of the clock included)",
        pushes(200)
    );
    keep_up();
    std::io::stdout().flush().unwrap();
}
