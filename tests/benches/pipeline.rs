//! What an event costs on its way: folding, keeping, going back, drawing.
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on may stop")]

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use epollscope::event::{
    CtlOp, Delivery, Event, Facts, Fd, FileId, FileKind, Header, Kind, LaneChange, LaneId, Mask,
    Nanos, Output, Peer, Ret, Seq, Syscall, SyscallRecord, View, Wakeup, WakeupLog,
};
use epollscope::journal::{Journal, Limits};
use epollscope::model::{Timeline, World};
use epollscope::session::Scene;
use epollscope::tui::app::App;
use epollscope::tui::run::paint;
use epollscope::tui::theme::{Depth, Theme, ThemeName, UNICODE};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

const LANE: LaneId = LaneId(1);
const EP: Fd = Fd(5);

/// Makes events in order: a server with some connections, then echoes without end.
struct Script {
    seq: u64,
    fds: i32,
    next: i32,
}

impl Script {
    fn event(&mut self, kind: Kind) -> Event {
        self.seq += 1;
        Event { seq: Seq(self.seq), t: Nanos(self.seq * 1000), lane: LANE, kind }
    }

    fn called(&mut self, call: Syscall, ret: i64, output: Output) -> Event {
        let started = Nanos(self.seq * 1000 + 500);
        self.event(Kind::Return(SyscallRecord { call, ret: Ret::ok(ret), output, started }))
    }

    fn file(fd: i32) -> FileId {
        FileId(u32::try_from(fd).unwrap())
    }

    /// The server begins, and `fds` clients connect.
    fn beginning(fds: i32) -> (Self, Vec<Event>) {
        let mut script = Self { seq: 0, fds, next: 0 };
        let listener = Kind::Open {
            fd: Fd(3),
            file: FileId(3),
            what: FileKind::Listener,
            name: "127.0.0.1:8000".into(),
        };
        let mut events = vec![
            script.event(Kind::WakeupLog(WakeupLog::Drained)),
            script.event(Kind::Lane(LaneChange::Started { tid: 1 })),
            script.event(listener),
            script.called(Syscall::EpollCreate, EP.0.into(), Output::None),
        ];
        for fd in 10..10 + fds {
            let file = Self::file(fd);
            let output = Output::Accepted { file, peer: Peer::Unknown };
            events.push(script.called(Syscall::Accept { fd: Fd(3) }, fd.into(), output));
            let mask = Mask::IN | Mask::RDHUP;
            let call = Syscall::EpollCtl { ep: EP, op: CtlOp::Add, fd: Fd(fd), mask, file };
            events.push(script.called(call, 0, Output::None));
        }
        (script, events)
    }

    /// One echo: six events.
    fn echo(&mut self, events: &mut Vec<Event>) {
        self.next = (self.next + 1) % self.fds;
        let (fd, file) = (Fd(10 + self.next), Self::file(10 + self.next));
        let wait = Syscall::EpollWait { ep: EP, max: 64, timeout_ms: -1 };
        events.push(self.event(Kind::Enter(wait)));
        let band = Mask::IN | Mask::RDNORM;
        let after = Nanos(self.seq * 1000);
        let wakeup = Wakeup { fd, band, unread: Some(64), counted: after, after };
        events.push(self.event(Kind::Wakeup(wakeup)));
        let delivery = Delivery { file, fd, mask: Mask::IN };
        let output =
            Output::Events { events: [delivery].into(), log: WakeupLog::Drained, done: Nanos(0) };
        events.push(self.called(wait, 1, output));
        let data = || Output::Data([b'x'; 64][..].into());
        events.push(self.called(Syscall::Read { fd, len: 4096 }, 64, data()));
        let again = Kind::Return(SyscallRecord {
            call: Syscall::Read { fd, len: 4096 },
            ret: Ret::err(epollscope::event::Errno::EAGAIN),
            output: Output::None,
            started: Nanos(self.seq * 1000 + 500),
        });
        events.push(self.event(again));
        events.push(self.called(Syscall::Send { fd, len: 64 }, 64, data()));
    }

    /// A turn of a busy server without an edge log: one wait that reports every connection, and an
    /// echo each.
    fn turn(&mut self, events: &mut Vec<Event>) {
        let wait = Syscall::EpollWait { ep: EP, max: 1024, timeout_ms: -1 };
        events.push(self.event(Kind::Enter(wait)));
        let fds = 10..10 + self.fds;
        let told =
            fds.clone().map(|fd| Delivery { file: Self::file(fd), fd: Fd(fd), mask: Mask::IN });
        let output = Output::Events { events: told.collect(), log: WakeupLog::Off, done: Nanos(0) };
        events.push(self.called(wait, self.fds.into(), output));
        for fd in fds {
            let (fd, file) = (Fd(fd), Self::file(fd));
            events.push(self.event(Kind::Handle { fd, file }));
            let read = Syscall::Read { fd, len: 4096 };
            events.push(self.called(read, 64, Output::Data([b'x'; 16][..].into())));
            let again = Kind::Return(SyscallRecord {
                call: read,
                ret: Ret::err(epollscope::event::Errno::EAGAIN),
                output: Output::None,
                started: Nanos(self.seq * 1000 + 500),
            });
            events.push(self.event(again));
            events.push(self.called(
                Syscall::Send { fd, len: 64 },
                64,
                Output::Data([b'x'; 16][..].into()),
            ));
        }
    }

    fn echoes(&mut self, count: usize) -> Vec<Event> {
        let mut events = Vec::with_capacity(count + 6);
        while events.len() < count {
            self.echo(&mut events);
        }
        events
    }
}

fn folded(fds: i32) -> (Script, World, Timeline) {
    let (script, events) = Script::beginning(fds);
    let (mut world, mut timeline) = (World::default(), Timeline::default());
    for event in &events {
        world.apply(event);
        timeline.apply(event, world.through(None));
    }
    (script, world, timeline)
}

fn apply(c: &mut Criterion) {
    let mut group = c.benchmark_group("World::apply");
    for fds in [10, 10_000] {
        let (mut script, world, _) = folded(fds);
        let events = script.echoes(6_000);
        group.throughput(Throughput::Elements(events.len() as u64));
        group.bench_function(format!("an echo's events at {fds} fds"), |b| {
            b.iter_batched_ref(
                || world.clone(),
                |world| events.iter().for_each(|event| world.apply(event)),
                BatchSize::LargeInput,
            );
        });
    }
    group.finish();
}

/// All that the front end does with the events of a busy server.
fn fold(c: &mut Criterion) {
    let mut group = c.benchmark_group("a busy server's event");
    let (mut script, mut world, mut timeline) = folded(100);
    let off = script.event(Kind::WakeupLog(WakeupLog::Off));
    world.apply(&off);
    let mut events = Vec::new();
    (0..100).for_each(|_| script.turn(&mut events));
    group.throughput(Throughput::Elements(events.len() as u64));
    let mut copy = world.clone();
    group.bench_function("World::apply", |b| {
        b.iter(|| events.iter().for_each(|event| copy.apply(event)));
    });
    group.bench_function("World::apply and Timeline::apply", |b| {
        b.iter(|| {
            for event in &events {
                world.apply(event);
                timeline.apply(event, world.through(None));
            }
        });
    });
    let mut journal = Journal::new(Limits::default());
    group.bench_function("Journal::push", |b| {
        b.iter(|| events.iter().for_each(|event| journal.push(event, &world)));
    });
    group.finish();
}

/// A journal of so many events, with the world after them.
fn journal(events: usize) -> (Journal, World) {
    let (mut script, mut world, _) = folded(100);
    let mut journal = Journal::new(Limits { events: u64::MAX, bytes: 1 << 30 });
    let mut more = Vec::new();
    script.seq = 0;
    for _ in 0..events / 6 {
        more.clear();
        script.echo(&mut more);
        for event in more.drain(..) {
            world.apply(&event);
            journal.push(&event, &world);
        }
    }
    (journal, world)
}

fn history(c: &mut Criterion) {
    let mut group = c.benchmark_group("Journal");
    let (mut kept, world) = journal(1_000_000);
    println!("1,000,000 events in {} bytes", kept.bytes());
    group.bench_function("seek in 1,000,000 events", |b| {
        let mut n = 0u64;
        b.iter(|| {
            n = (n * 6_364_136_223 + 1_442_695_040) % 999_000;
            black_box(kept.at(Seq(n + 1)).seq)
        });
    });
    let (mut script, ..) = Script::beginning(100);
    script.seq = kept.last().unwrap().0;
    group.throughput(Throughput::Elements(1));
    group.bench_function("push after 1,000,000 events", |b| {
        let mut ready = script.echoes(6);
        b.iter(|| {
            if ready.is_empty() {
                ready = script.echoes(600);
                ready.reverse();
            }
            if let Some(event) = ready.pop() {
                kept.push(&event, &world);
            }
        });
    });
    group.finish();
}

fn frame(c: &mut Criterion) {
    let mut group = c.benchmark_group("a frame");
    let theme = Theme::new(ThemeName::Dark, Depth::Indexed, &UNICODE);
    let facts = Facts { addresses: vec!["127.0.0.1:8000".into()], ..Facts::default() };
    let header = Header { facts, ..Header::default() };
    for (width, height) in [(120, 40), (240, 70)] {
        for fds in [10, 10_000] {
            let (mut script, mut world, mut timeline) = folded(fds);
            let mut journal = Journal::new(Limits::default());
            for event in script.echoes(6_000) {
                world.apply(&event);
                timeline.apply(&event, world.through(None));
                journal.push(&event, &world);
            }
            let scene = Scene {
                world: &world,
                live: &world,
                timeline: &timeline,
                journal: &journal,
                header: &header,
            };
            let mut app = App::default();
            app.ui.size = (width, height);
            // A client is selected, whose way is drawn.
            app.observe(&scene);
            let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
            for (view, name) in [(View::Overview, ""), (View::Path, ", view 5,")] {
                app.ui.view = view;
                group.bench_function(format!("{width}x{height}{name} with {fds} fds"), |b| {
                    b.iter(|| {
                        buffer.reset();
                        paint(&app, scene, &theme, &mut buffer);
                    });
                });
            }
        }
    }
    group.finish();
}

criterion_group!(benches, apply, fold, history, frame);
criterion_main!(benches);
