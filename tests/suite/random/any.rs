//! Any event and any command, to be drawn by lot.

mod rings;

use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};

use epollscope::event::{
    AcceptPolicy, Application, Backend, Command, CommandPhase, ConnState, CtlOp, Delivery,
    Direction, Domain, Errno, Event, Fd, FdinfoEntry, FileId, FileKind, FileRead, GateStep,
    GoChange, GoId, GoWait, How, Kind, LaneChange, LaneId, ListEntries, ListRead, Mask, Mistake,
    Mistakes, Nanos, NetpollMode, OpenPath, Output, Pass, Peer, PollFd, PollSet, Provenance,
    Queues, ReadPolicy, Reason, Refusal, ReplaySpeed, Ret, Scope, ScreenCommand, Seq, Settings,
    Setup, SocketOption, SocketType, SwitchPhase, Syscall, SyscallRecord, Target, ThreadSeen,
    Trigger, View, Wakeup, WakeupLog, WatchKey, WatchRead,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

fn fd() -> impl Strategy<Value = Fd> {
    prop_oneof![(0..20).prop_map(Fd), any::<i32>().prop_map(Fd)]
}

fn file() -> impl Strategy<Value = FileId> {
    any::<u32>().prop_map(FileId)
}

fn mask() -> impl Strategy<Value = Mask> {
    prop_oneof![any::<u32>().prop_map(Mask), (0_u32..32).prop_map(|bit| Mask(1 << bit))]
}

fn nanos() -> impl Strategy<Value = Nanos> {
    prop_oneof![any::<u64>(), 0..100_000_000_000_u64].prop_map(Nanos)
}

/// Text as a stranger could make it.
fn text() -> impl Strategy<Value = Box<str>> {
    let odd =
        vec("[\\x00-\\x1f\\x7f-\u{9f}\u{202e}\u{feff}\"\\\\a-c ]", 0..8).prop_map(|t| t.concat());
    prop_oneof![any::<String>(), odd, "[ -~]{0,300}"].prop_map(String::into_boxed_str)
}

fn trigger() -> impl Strategy<Value = Trigger> {
    select(vec![Trigger::Level, Trigger::Edge])
}

fn log() -> impl Strategy<Value = WakeupLog> {
    select(vec![WakeupLog::Drained, WakeupLog::Skipped, WakeupLog::Off])
}

fn call() -> impl Strategy<Value = Syscall> {
    let op = select(vec![CtlOp::Add, CtlOp::Mod, CtlOp::Del, CtlOp::Invalid(42)]);
    let how = select(vec![How::Rd, How::Wr, How::RdWr]);
    prop_oneof![
        Just(Syscall::EpollCreate),
        rings::calls(),
        (fd(), op, fd(), mask(), file()).prop_map(|(ep, op, fd, mask, file)| Syscall::EpollCtl {
            ep,
            op,
            fd,
            mask,
            file
        }),
        (fd(), any::<u32>(), any::<i32>()).prop_map(|(ep, max, timeout_ms)| Syscall::EpollWait {
            ep,
            max,
            timeout_ms
        }),
        fd().prop_map(|fd| Syscall::Accept { fd }),
        (fd(), any::<u32>()).prop_map(|(fd, len)| Syscall::Read { fd, len }),
        (fd(), any::<u32>()).prop_map(|(fd, len)| Syscall::Write { fd, len }),
        (fd(), any::<u32>()).prop_map(|(fd, len)| Syscall::Send { fd, len }),
        (fd(), how).prop_map(|(fd, how)| Syscall::Shutdown { fd, how }),
        fd().prop_map(|fd| Syscall::Close { fd }),
        fd().prop_map(|fd| Syscall::Dup { fd }),
        (fd(), any::<bool>()).prop_map(|(fd, blocking)| Syscall::SetFlags { fd, blocking }),
        preparing(),
        signalling(),
        asking(),
    ]
}

/// Calls that open and set files.
fn preparing() -> impl Strategy<Value = Syscall> {
    let kind = || select(vec![SocketType::Stream, SocketType::Dgram]);
    let number = any::<u32>;
    let address =
        || (any::<Ipv4Addr>(), any::<u16>()).prop_map(|(ip, port)| SocketAddrV4::new(ip, port));
    let option = prop_oneof![
        number().prop_map(SocketOption::RcvLowat),
        number().prop_map(SocketOption::SndBuf),
        number().prop_map(SocketOption::RcvBuf),
        number().prop_map(SocketOption::Linger),
        any::<bool>().prop_map(SocketOption::NoDelay),
    ];
    prop_oneof![
        (select(vec![Domain::Inet, Domain::Unix]), kind())
            .prop_map(|(domain, kind)| Syscall::Setup(Setup::Socket { domain, kind })),
        kind().prop_map(|kind| Syscall::Setup(Setup::Socketpair { kind })),
        (fd(), address()).prop_map(|(fd, address)| Syscall::Setup(Setup::Bind { fd, address })),
        (fd(), address()).prop_map(|(fd, address)| Syscall::Setup(Setup::Connect { fd, address })),
        (fd(), number()).prop_map(|(fd, backlog)| Syscall::Setup(Setup::Listen { fd, backlog })),
        (fd(), option).prop_map(|(fd, option)| Syscall::Setup(Setup::Setsockopt { fd, option })),
        (fd(), number()).prop_map(|(fd, bytes)| Syscall::Setup(Setup::SetPipeSize { fd, bytes })),
        (fd(), fd()).prop_map(|(fd, least)| Syscall::Setup(Setup::DupFrom { fd, least })),
        (number(), any::<bool>())
            .prop_map(|(initval, semaphore)| Syscall::Setup(Setup::Eventfd { initval, semaphore })),
        (fd(), number(), number()).prop_map(|(fd, first_ms, interval_ms)| {
            Syscall::Setup(Setup::TimerfdSettime { fd, first_ms, interval_ms })
        }),
        select(vec![OpenPath::Root, OpenPath::DevNull])
            .prop_map(|path| Syscall::Setup(Setup::Open { path })),
        select(vec![
            Syscall::Setup(Setup::Pipe),
            Syscall::Setup(Setup::TimerfdCreate),
            Syscall::Setup(Setup::MemfdCreate)
        ]),
        number().prop_map(|tid| Syscall::Setup(Setup::Tgkill { tid })),
        option::of(number()).prop_map(|soft| Syscall::Setup(Setup::Setrlimit { soft })),
    ]
}

/// Calls about signals of arrivals, and files whose calls sleep.
fn signalling() -> impl Strategy<Value = Syscall> {
    prop_oneof![
        (fd(), any::<u32>()).prop_map(|(fd, pid)| Setup::SetOwner { fd, pid }),
        (fd(), any::<u32>()).prop_map(|(fd, signo)| Setup::SetSignal { fd, signo }),
        (fd(), any::<bool>(), any::<bool>()).prop_map(|(fd, blocking, signals)| Setup::SetFlags {
            fd,
            blocking,
            signals
        }),
        Just(Setup::Sigtimedwait),
        option::of(any::<u32>()).prop_map(|soft| Setup::SetrlimitSignals { soft }),
    ]
    .prop_map(Syscall::Setup)
}

/// Calls that ask many files at once.
fn asking() -> impl Strategy<Value = Syscall> {
    let asked = (fd(), mask()).prop_map(|(fd, events)| PollFd { fd, events });
    (vec(asked, 0..9), any::<i32>(), any::<bool>()).prop_map(|(fds, timeout_ms, poll)| {
        let counted = timeout_ms % 2 == 0;
        let (count, ends) = (u32::try_from(fds.len()).unwrap_or(0), fds.first().map(|p| p.fd.0));
        let set = match (counted, poll) {
            (false, _) => PollSet::new(fds),
            (true, true) => PollSet::array(count),
            (true, false) => {
                PollSet::bitmaps(count, [count, 1, 0], ends.unwrap_or(0).unsigned_abs())
            }
        };
        if poll { Syscall::Poll { set, timeout_ms } } else { Syscall::Select { set, timeout_ms } }
    })
}

fn peer() -> impl Strategy<Value = Peer> {
    prop_oneof![
        (any::<IpAddr>(), any::<u16>())
            .prop_map(|(ip, port)| Peer::Inet(SocketAddr::new(ip, port))),
        (text(), any::<u32>()).prop_map(|(name, pid)| Peer::Unix { name, pid }),
        Just(Peer::Unknown),
        (any::<u32>(), any::<bool>()).prop_map(|(number, unix)| Peer::Numbered { number, unix }),
    ]
}

fn output() -> impl Strategy<Value = Output> {
    let delivery = (file(), fd(), mask()).prop_map(|(file, fd, mask)| Delivery { file, fd, mask });
    let found = (file(), fd(), mask()).prop_map(|(file, fd, mask)| Delivery { file, fd, mask });
    prop_oneof![
        Just(Output::None),
        rings::output(),
        (vec(delivery, 0..6), log(), nanos()).prop_map(|(events, log, done)| Output::Events {
            events: events.into(),
            log,
            done
        }),
        (vec(found, 0..6), option::of(0..9_u32), log())
            .prop_map(|(ready, slept, log)| Output::Scan { ready: ready.into(), slept, log }),
        mask().prop_map(Output::Polled),
        [fd(), fd()].prop_map(Output::Pair),
        (file(), peer()).prop_map(|(file, peer)| Output::Accepted { file, peer }),
        vec(any::<u8>(), 0..=64).prop_map(|bytes| Output::Data(bytes.into())),
    ]
}

fn record() -> impl Strategy<Value = SyscallRecord> {
    let ret = prop_oneof![
        (-200..200_i64).prop_map(Ret::from_raw),
        any::<i64>().prop_map(Ret::from_raw),
        any::<i32>().prop_map(|number| Ret::err(Errno(number))),
        Just(Ret::from_raw(i64::MIN)),
    ];
    (call(), ret, output(), nanos()).prop_map(|(call, ret, output, started)| SyscallRecord {
        call,
        ret,
        output,
        started,
    })
}

fn settings() -> impl Strategy<Value = Settings> {
    let app = select(&Application::ALL[..]);
    let read = prop_oneof![Just(ReadPolicy::Drain), any::<u32>().prop_map(ReadPolicy::Once)];
    let accept = select(vec![AcceptPolicy::Drain, AcceptPolicy::Once]);
    let numbers = (any::<u32>(), any::<u32>(), any::<u8>(), any::<u16>());
    let app = (app, (backend(), netpoll()));
    (app, trigger(), read, accept, numbers, any::<bool>(), any::<bool>()).prop_map(
        |((app, (backend, netpoll)), trigger, read, accept, numbers, raw, paused)| {
            let (max_events, delay_ms, threads, mistakes) = numbers;
            let mistakes = Mistakes::from_bits(mistakes);
            Settings {
                app,
                backend,
                netpoll,
                trigger,
                read,
                accept,
                max_events,
                delay_ms,
                threads,
                mistakes,
                raw,
                paused,
            }
        },
    )
}

fn backend() -> impl Strategy<Value = Backend> {
    select(&Backend::ALL[..])
}

fn netpoll() -> impl Strategy<Value = NetpollMode> {
    select(&NetpollMode::ALL[..])
}

/// What a server tells of its goroutines.
fn of_goroutines() -> impl Strategy<Value = Kind> {
    let what = prop_oneof![
        (fd(), file()).prop_map(|(fd, file)| GoChange::Spawn { fd, file }),
        Just(GoChange::Run),
        select(&GoWait::ALL[..]).prop_map(|on| GoChange::Park { on }),
        mask().prop_map(|mask| GoChange::Ready { mask }),
        Just(GoChange::Yield),
        Just(GoChange::End),
    ];
    (0..8_u32, what).prop_map(|(go, what)| Kind::Go { go: GoId(go), what })
}

/// What a server tells that waits by poll(2) or select(2), or is about to.
fn of_scans() -> impl Strategy<Value = Kind> {
    let phase = prop_oneof![
        Just(SwitchPhase::Asked),
        Just(SwitchPhase::Left),
        option::of(fd()).prop_map(SwitchPhase::Entered),
        text().prop_map(SwitchPhase::Refused),
    ];
    let scanned = vec((key(), mask()), 0..6).prop_map(|entries| {
        let list = ListEntries::Scanned(entries.into());
        Kind::ListRead(ListRead { poller: FileId::SCAN_SET, by: Provenance::Deduced, list })
    });
    prop_oneof![
        (key(), option::of(mask()), 0..8_u32).prop_map(|(key, events, place)| Kind::Set {
            fd: key.fd,
            file: key.file,
            events,
            place
        }),
        (backend(), phase).prop_map(|(to, phase)| Kind::Backend { to, phase }),
        scanned,
    ]
}

/// What a server thread tells of its calls.
fn of_calls() -> impl Strategy<Value = Kind> {
    let pass = select(vec![Pass::Run, Pass::Step, Pass::Turn]);
    let wakeup = (fd(), mask(), option::of(any::<u32>()), nanos(), nanos());
    let wakeup = wakeup.prop_map(|(fd, band, unread, counted, after)| Wakeup {
        fd,
        band,
        unread,
        counted,
        after,
    });
    let length = || option::of(any::<u32>());
    let queues = (length(), length(), option::of(mask()), option::of(any::<bool>()))
        .prop_map(|(unread, unsent, state, room)| Queues { unread, unsent, state, room });
    prop_oneof![
        of_scans(),
        rings::kinds(),
        of_goroutines(),
        call().prop_map(Kind::Enter),
        record().prop_map(Kind::Return),
        record().prop_map(Kind::Return),
        wakeup.prop_map(Kind::Wakeup),
        (fd(), queues).prop_map(|(fd, queues)| Kind::Arrive { fd, queues }),
        log().prop_map(Kind::WakeupLog),
        call().prop_map(|next| Kind::Park { next: next.into() }),
        (0..8_u32).prop_map(|go| Kind::Park { next: GateStep::Run(GoId(go)) }),
        pass.prop_map(Kind::Unpark),
        (fd(), vec(fdinfo(), 0..6))
            .prop_map(|(ep, entries)| Kind::ListRead(ListRead::fdinfo(ep, entries))),
        (fd(), file()).prop_map(|(fd, file)| Kind::Handle { fd, file }),
        (fd(), file(), any::<bool>()).prop_map(|(fd, file, believed)| Kind::Stale {
            fd,
            file,
            believed
        }),
    ]
}

/// The rest.
fn what() -> impl Strategy<Value = FileKind> {
    select(vec![
        FileKind::Listener,
        FileKind::Tcp,
        FileKind::Unix,
        FileKind::Eventfd,
        FileKind::Pipe,
        FileKind::PipeWriter,
        FileKind::Timerfd,
        FileKind::Datagram,
        FileKind::Udp,
        FileKind::Epoll,
        FileKind::Ring,
        FileKind::Plain,
    ])
}

fn of_the_tool() -> impl Strategy<Value = Kind> {
    let state = select(vec![
        ConnState::Open,
        ConnState::Carried,
        ConnState::BackPressure,
        ConnState::Flushing,
    ]);
    let refusal = select(vec![
        Refusal::NoDescriptor,
        Refusal::Clients,
        Refusal::Address,
        Refusal::Threads,
        Refusal::NoThread,
        Refusal::FdSetSize(Fd(1024)),
    ]);
    let phase = prop_oneof![
        Just(CommandPhase::Accepted),
        option::of(text()).prop_map(CommandPhase::Done),
        text().prop_map(CommandPhase::Failed),
    ];
    let change = prop_oneof![
        any::<u32>().prop_map(|tid| LaneChange::Started { tid }),
        Just(LaneChange::Ended),
        text().prop_map(LaneChange::Died),
    ];
    prop_oneof![
        (fd(), file(), what(), text()).prop_map(|(fd, file, what, name)| Kind::Open {
            fd,
            file,
            what,
            name
        }),
        settings().prop_map(Kind::Settings),
        (fd(), state, any::<u32>()).prop_map(|(fd, state, queued)| Kind::Conn {
            fd,
            state,
            queued
        }),
        refusal.prop_map(Kind::Refused),
        (any::<u32>(), text(), phase).prop_map(|(id, text, phase)| Kind::Command {
            id,
            text,
            phase
        }),
        any::<u64>().prop_map(|lost| Kind::Gap { lost }),
        change.prop_map(Kind::Lane),
        text().prop_map(Kind::Note),
        text().prop_map(Kind::Client),
        text().prop_map(Kind::Mark),
        look().prop_flat_map(select),
        (call(), any::<u32>(), nanos()).prop_map(|(call, times, each)| Kind::Measured {
            call,
            times,
            each
        }),
        (lanes(), nanos()).prop_map(|(lanes, since)| Kind::Asleep { lanes, since }),
        Just(Kind::Idle),
    ]
}

fn reason() -> impl Strategy<Value = Reason> {
    prop_oneof![
        option::of(any::<u32>()).prop_map(Reason::Arrived),
        option::of(any::<u32>()).prop_map(Reason::Connection),
        Just(Reason::Room),
        Just(Reason::PeerClosed),
        Just(Reason::Signalled),
        Just(Reason::Expired),
        Just(Reason::Inner),
        Just(Reason::AtAdd),
        Just(Reason::AtMod),
        Just(Reason::PutBack),
        Just(Reason::Perhaps),
        mask().prop_map(Reason::Woken),
    ]
}

/// Few numbers, so that tellings are about the same things.
fn key() -> impl Strategy<Value = WatchKey> {
    (0..6_i32, 0..6_u32).prop_map(|(fd, file)| WatchKey { fd: Fd(fd), file: FileId(file) })
}

fn lanes() -> impl Strategy<Value = Box<[LaneId]>> {
    vec((0..20_u16).prop_map(LaneId), 0..4).prop_map(Vec::into_boxed_slice)
}

fn fdinfo() -> impl Strategy<Value = FdinfoEntry> {
    (fd(), mask(), file()).prop_map(|(fd, mask, file)| FdinfoEntry { fd, mask, file })
}

fn instance() -> impl Strategy<Value = Vec<Kind>> {
    let watch = (key(), mask(), text()).prop_map(|(key, mask, name)| WatchRead { key, mask, name });
    let by = || select(vec![Provenance::Kernel, Provenance::Model, Provenance::Fdinfo]);
    let lists = (vec(watch, 0..5), option::of(vec(key(), 0..4)), vec((key(), reason()), 0..5));
    (key(), text(), lists, lanes(), (by(), by())).prop_map(
        |(own, name, (interest, overflow, ready), asleep, (interest_by, by))| {
            let (fd, poller) = (own.fd, own.file);
            let lists = [
                (interest_by, ListEntries::Interest(interest.into())),
                (by, ListEntries::Overflow(overflow.map(Vec::into_boxed_slice))),
                (by, ListEntries::Ready(ready.into())),
                (by, ListEntries::Waiting(asleep)),
            ];
            let lists = lists.into_iter();
            let lists = lists.map(|(by, list)| Kind::ListRead(ListRead { poller, by, list }));
            std::iter::once(Kind::Poller { file: poller, fd, name }).chain(lists).collect()
        },
    )
}

/// Any look at everything: also those that no source would make.
pub(crate) fn look() -> impl Strategy<Value = Vec<Kind>> {
    let number = || option::of(any::<u64>());
    let fds = vec((0..6_i32).prop_map(Fd), 0..3);
    let file = (0..6_u32, what(), text(), fds, mask(), number(), number()).prop_map(
        |(id, what, name, fds, poll, unread, unsent)| FileRead {
            id: FileId(id),
            what,
            name,
            fds: fds.into(),
            poll,
            unread,
            unsent,
        },
    );
    let thread = (0..20_u16, text(), any::<u32>(), option::of(call())).prop_map(
        |(lane, name, tid, asleep_in)| ThreadSeen { lane: LaneId(lane), name, tid, asleep_in },
    );
    let counts = (any::<u64>(), any::<u64>());
    (vec(instance(), 0..3), vec(file, 0..6), vec(thread, 0..3), counts).prop_map(
        |(instances, files, threads, (agreed, diverged))| {
            let mut look = vec![Kind::Files { by: Provenance::Model, files: files.into() }];
            look.extend(instances.into_iter().flatten());
            look.push(Kind::Threads(threads.into()));
            look.push(Kind::Compared { agreed, diverged });
            look
        },
    )
}

/// Any event: also those that no server would cause.
pub(crate) fn event() -> impl Strategy<Value = Event> {
    let kind = prop_oneof![of_calls(), of_the_tool()];
    let lane = prop_oneof![0..=u16::from(LaneId::MAX_WORKERS), any::<u16>()].prop_map(LaneId);
    (any::<u64>().prop_map(Seq), nanos(), lane, kind).prop_map(|(seq, t, lane, kind)| Event {
        seq,
        t,
        lane,
        kind,
    })
}

/// The name of a file; `off` ends a recording.
fn name() -> impl Strategy<Value = String> {
    free_text().prop_filter("a name", |name| !name.is_empty() && name != "off")
}

/// What can stand at the end of a command: no blanks around it.
fn free_text() -> impl Strategy<Value = String> {
    prop_oneof![any::<String>(), "[a-z=0-9 ]{0,20}", "fd=[0-9a-z ]{0,6}"]
        .prop_map(|text| text.trim().to_owned())
}

/// Commands about a descriptor or a thread.
fn about_one() -> impl Strategy<Value = Command> {
    let fd = || prop_oneof![(0..20).prop_map(Fd), (0..=i32::MAX).prop_map(Fd)];
    let client = || prop_oneof![1_u32..20, 1..=u32::MAX].prop_map(Target::Client);
    let number = move || prop_oneof![2 => fd().prop_map(Target::Fd), 1 => client()];
    let lane = || (1..=u16::from(LaneId::MAX_WORKERS)).prop_map(LaneId);
    let scope = prop_oneof![Just(Scope::Selected), number().prop_map(Scope::One), Just(Scope::All)];
    let toggle = || (option::of(number()), option::of(any::<bool>()));
    prop_oneof![
        option::of(lane()).prop_map(Command::Step),
        option::of(lane()).prop_map(Command::Turn),
        lane().prop_map(|lane| ScreenCommand::Lane(lane).into()),
        fd().prop_map(|fd| ScreenCommand::Select(fd).into()),
        (scope, option::of(trigger())).prop_map(|(scope, to)| Command::Trigger(scope, to)),
        toggle().prop_map(|(fd, on)| Command::Oneshot(fd, on)),
        toggle().prop_map(|(fd, on)| Command::Exclusive(fd, on)),
        toggle().prop_map(|(fd, on)| Command::Watch(fd, on)),
        option::of(number()).prop_map(Command::Rearm),
        option::of(number()).prop_map(Command::Close),
        option::of(number()).prop_map(Command::Reset),
        option::of(number()).prop_map(Command::Drop),
        (option::of(number()), free_text()).prop_filter_map("names a descriptor", |(fd, text)| {
            // Without a descriptor such a text would name one.
            let names = text.starts_with("fd=") || text.starts_with("client=");
            (fd.is_some() || !names).then_some(Command::Send(fd, text))
        }),
    ]
}

/// Any command within the bounds of its numbers.
pub(crate) fn command() -> impl Strategy<Value = Command> {
    let plain = [
        Command::Pause,
        Command::Run,
        Command::Client,
        ScreenCommand::Live.into(),
        ScreenCommand::Copy.into(),
        ScreenCommand::Help.into(),
        Command::Quit,
        Command::Accept(AcceptPolicy::Drain),
        Command::Accept(AcceptPolicy::Once),
        Command::Read(ReadPolicy::Drain),
        ScreenCommand::Seek(Direction::Back).into(),
        ScreenCommand::Call(Direction::On).into(),
        ScreenCommand::Wait(Direction::Back).into(),
        ScreenCommand::Play.into(),
        ScreenCommand::Stand.into(),
        ScreenCommand::Speed(ReplaySpeed::USUAL).into(),
    ];
    prop_oneof![
        4 => about_one(),
        3 => select(plain.to_vec()),
        1 => (0..=Settings::MAX_DELAY_MS).prop_map(Command::Delay),
        1 => (1..=ReadPolicy::MAX_BYTES).prop_map(|bytes| Command::Read(ReadPolicy::Once(bytes))),
        1 => (1..=Settings::MAX_EVENTS).prop_map(Command::MaxEvents),
        1 => (select(&Mistake::ALL[..]), option::of(any::<bool>()))
            .prop_map(|(mistake, on)| Command::Mistake(mistake, on)),
        1 => (1..=LaneId::MAX_WORKERS).prop_map(Command::Threads),
        1 => option::of(backend()).prop_map(Command::Backend),
        1 => netpoll().prop_map(Command::Netpoll),
        1 => (1..=86_400_000_000_000_u64).prop_map(|time| ScreenCommand::Zoom(Nanos(time)).into()),
        1 => (0..=86_400_000_u64).prop_map(|ms| ScreenCommand::At(Nanos(ms * 1_000_000)).into()),
        1 => any::<u64>().prop_map(|t| ScreenCommand::At(Nanos(t)).into()),
        1 => free_text().prop_map(|text| ScreenCommand::Filter(text).into()),
        1 => free_text().prop_map(Command::Mark),
        1 => name().prop_map(|words| ScreenCommand::Find(words).into()),
        1 => option::of(name()).prop_map(Command::Save),
        1 => option::of(name()).prop_map(Command::Record),
        1 => Just(Command::RecordOff),
        1 => any::<Option<(std::net::IpAddr, u16)>>().prop_map(|to| ScreenCommand::Share(to.map(Into::into)).into()),
        1 => Just(ScreenCommand::ShareOff.into()),
        1 => prop::collection::vec("[a-z0-9]{1,9}", 2..9)
            .prop_map(|answers| ScreenCommand::Ask("Is it?".to_owned(), answers).into()),
        1 => Just(ScreenCommand::AskOff.into()),
        1 => option::of(any::<bool>()).prop_map(|on| ScreenCommand::Still(on).into()),
        1 => option::of(any::<bool>()).prop_map(|on| ScreenCommand::Follow(on).into()),
        1 => select(&View::ALL[..]).prop_map(|view| ScreenCommand::View(view).into()),
    ]
}
