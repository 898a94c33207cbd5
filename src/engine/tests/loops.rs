//! The loops in which each connection has code of its own: the same bytes as by epoll, and what they
//! say of themselves is so.

use std::collections::BTreeMap;
use std::net::Shutdown;
use std::sync::atomic::Ordering;

use super::*;
use crate::event::{Backend, GoChange, GoId, NetpollMode, SwitchPhase};

const OWN_CODE: &[Backend] = &[Backend::Goroutine, Backend::Threads];

fn waits_by(backend: Backend, change: impl FnOnce(&mut Settings)) -> Rig {
    rig(settings(|s| {
        s.backend = backend;
        change(s);
    }))
}

fn talk(mut stream: TcpStream, parts: &[&[u8]]) -> Vec<u8> {
    let mut reader = stream.try_clone().expect("clone");
    let back = thread::spawn(move || {
        let mut back = Vec::new();
        let _reset = reader.read_to_end(&mut back);
        back
    });
    for part in parts {
        stream.write_all(part).expect("write");
    }
    stream.shutdown(Shutdown::Write).expect("shutdown");
    back.join().expect("reader")
}

/// What clients of that application are told, one after the other.
fn script(app: Application, backend: Backend) -> Vec<Vec<u8>> {
    let mut rig = waits_by(backend, |s| s.app = app);
    let long: Vec<u8> =
        (0..300_000_u32).map(|n| b'a' + u8::try_from(n % 26).unwrap_or(0)).collect();
    if app == Application::Chat {
        let (mut ann, mut bob) = (rig.connect(), rig.connect());
        let _ = (rig.accepted(), rig.accepted());
        let mut heard = [0; 7];
        ann.write_all(b"hi all\n").expect("write");
        bob.read_exact(&mut heard).expect("line");
        bob.write_all(b"\xff\xfd\x01hello\nno newline").expect("write");
        let mut back = [0; 6];
        ann.read_exact(&mut back).expect("line");
        bob.shutdown(Shutdown::Write).expect("shutdown");
        let mut rest = Vec::new();
        bob.read_to_end(&mut rest).expect("end");
        let mut last = [0; 10];
        ann.read_exact(&mut last).expect("what was kept back");
        return vec![heard.into(), back.into(), rest, last.into(), talk(ann, &[])];
    }
    let get: &[u8] = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    let close: &[u8] = b"GET /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let parts: [&[&[u8]]; 4] =
        [&[b"hello\r\n"], &[b"\xff\xfd\x01ab", b"cd\xff"], &[&long, &long], &[get, get, close]];
    let told = parts.into_iter().map(|parts| talk(rig.connect(), parts)).collect();
    rig.check();
    told
}

#[test]
fn one_script_of_clients_gives_the_same_bytes() {
    for app in Application::ALL {
        let expected = script(app, Backend::Epoll);
        assert!(expected.iter().any(|told| !told.is_empty()) || app == Application::Discard);
        for backend in OWN_CODE.iter().copied() {
            let told = script(app, backend);
            let lengths = |all: &[Vec<u8>]| all.iter().map(Vec::len).collect::<Vec<_>>();
            assert_eq!(lengths(&told), lengths(&expected), "{app:?} by {backend}");
            assert!(told == expected, "{app:?} by {backend}");
        }
    }
}

/// Where each goroutine is, by what was told: parked, runnable, running.
fn goroutines(rig: &Rig) -> BTreeMap<GoId, GoChange> {
    let mut all = BTreeMap::new();
    for (_, _, kind) in &rig.seen {
        match kind {
            Kind::Go { go, what: GoChange::End } => {
                all.remove(go);
            }
            Kind::Go { go, what } => {
                all.insert(*go, *what);
            }
            _ => {}
        }
    }
    all
}

#[test]
fn a_goroutine_a_connection_and_one_registration_each() {
    let mut rig = waits_by(Backend::Goroutine, |s| s.threads = 2);
    let mut clients: Vec<_> = (0..20).map(|_| rig.connect()).collect();
    for client in &mut clients {
        echo(client, b"hello");
    }
    rig.done("pause");
    rig.catch_up();
    let mask = Mask::IN | Mask::OUT | Mask::RDHUP | Mask::ET | Mask::ALWAYS;
    let entries = rig.interest();
    assert_eq!(entries.len(), 22);
    assert!(entries.iter().all(|entry| entry.mask == mask), "{entries:?}");
    let ctls = rig.seen.iter().filter(|(_, _, kind)| {
        matches!(kind, Kind::Return(r) if matches!(r.call, Syscall::EpollCtl { .. }))
    });
    assert_eq!(ctls.count(), 22, "parking and waking made none");
    let all = goroutines(&rig);
    assert_eq!(all.len(), 22);
    rig.done("run");
    clients.truncate(5);
    for client in &mut clients {
        echo(client, b"again");
    }
    let ended = |rig: &Rig| goroutines(rig).len() == 7;
    let deadline = Instant::now() + LIMIT;
    while !ended(&rig) {
        rig.drain();
        assert!(Instant::now() < deadline, "{:?}", goroutines(&rig));
    }
    rig.check();
}

#[test]
fn many_goroutines_on_several_threads_lose_no_byte() {
    for netpoll in NetpollMode::ALL {
        let rig = waits_by(Backend::Goroutine, |s| {
            s.threads = 4;
            s.netpoll = netpoll;
            s.raw = true;
        });
        let flood: Vec<u8> = (0..1_000_000_u32).map(|n| n.to_le_bytes()[1]).collect();
        let clients: Vec<_> = (0..12)
            .map(|_| {
                let (stream, flood) = (rig.connect(), flood.clone());
                thread::spawn(move || talk(stream, &[&flood]) == flood)
            })
            .collect();
        for client in clients {
            assert!(client.join().expect("client"), "{netpoll}");
        }
    }
}

#[test]
fn a_slow_reader_parks_its_goroutine_and_nobody_else() {
    let mut rig = rig_with(EngineConfig {
        buffers: Some(4096),
        settings: settings(|s| s.backend = Backend::Goroutine),
        ..EngineConfig::default()
    });
    let mut slow = rig.connect();
    let mut reader = slow.try_clone().expect("clone");
    let total = 1_000_000;
    let writer = thread::spawn(move || {
        slow.write_all(&vec![b'x'; total]).expect("write");
        slow.shutdown(Shutdown::Write).expect("shutdown");
    });
    rig.find("parked in write", |kind| match kind {
        Kind::Go { what: GoChange::Park { on: crate::event::GoWait::Write }, .. } => Some(()),
        _ => None,
    });
    let mut other = rig.connect();
    echo(&mut other, b"is served");
    let mut back = Vec::new();
    reader.read_to_end(&mut back).expect("read");
    assert_eq!(back.len(), total);
    writer.join().expect("writer");
}

#[test]
fn a_thread_that_dies_leaves_its_connections_served() {
    let mut rig = waits_by(Backend::Goroutine, |s| s.threads = 2);
    let mut client = rig.connect();
    echo(&mut client, b"before");
    rig.engine.handle.shared().panic_next.store(true, Ordering::SeqCst);
    client.write_all(b"during").expect("write");
    rig.find("death", |k| matches!(k, Kind::Lane(LaneChange::Died(_))).then_some(()));
    let mut back = [0; 6];
    client.read_exact(&mut back).expect("served by the other");
    rig.engine.restart_dead();
    echo(&mut client, b"after");
}

#[test]
fn a_leaked_goroutine_parks_for_good_until_the_mistake_ends() {
    let mut rig = waits_by(Backend::Goroutine, |s| {
        s.mistakes.set(Mistake::LeakGoroutine, true);
    });
    let client = rig.connect();
    let fd = rig.accepted();
    client.shutdown(Shutdown::Write).expect("shutdown");
    rig.find("parked", |kind| match kind {
        Kind::Go { what: GoChange::Park { on: crate::event::GoWait::Room }, .. } => Some(()),
        _ => None,
    });
    rig.done("mistake leak-goroutine off");
    rig.closed(fd);
    rig.check();
}

#[test]
fn commands_that_only_epoll_knows_fail_with_a_sentence() {
    let mut rig = waits_by(Backend::Goroutine, |_| {});
    let mut client = rig.connect();
    let fd = rig.accepted();
    let why = "goroutine registers each file once, for IN and OUT, edge-triggered: nothing of that \
               is ever changed";
    rig.fails(&format!("trigger fd={fd}"), why);
    rig.fails(&format!("rearm fd={fd}"), why);
    rig.done(&format!("drop fd={fd}"));
    let mut rest = Vec::new();
    client.read_to_end(&mut rest).expect("end");
    rig.check();
}

/// The call that the kernel says a thread is in, with its first argument.
fn in_call(tid: u32) -> Option<(i64, i32)> {
    let text = std::fs::read_to_string(format!("/proc/self/task/{tid}/syscall")).ok()?;
    let mut words = text.split_whitespace();
    let call = words.next()?.parse().ok()?;
    let first = words.next()?.strip_prefix("0x")?;
    Some((call, i32::from_str_radix(first, 16).ok()?))
}

/// What each thread was told to sleep in last, by its task.
fn sleepers(rig: &Rig) -> BTreeMap<u32, Syscall> {
    let mut tids = BTreeMap::new();
    let mut calls = BTreeMap::new();
    for (_, lane, kind) in &rig.seen {
        match kind {
            Kind::Lane(LaneChange::Started { tid }) => drop(tids.insert(*lane, *tid)),
            Kind::Enter(call) => drop(calls.insert(*lane, *call)),
            Kind::Return(_) | Kind::Lane(_) | Kind::Park { .. } => drop(calls.remove(lane)),
            _ => {}
        }
    }
    calls.into_iter().filter_map(|(lane, call)| Some((*tids.get(&lane)?, call))).collect()
}

#[test]
fn each_thread_sleeps_in_the_call_that_is_shown() {
    let mut rig = waits_by(Backend::Threads, |_| {});
    let mut clients: Vec<_> = (0..8).map(|_| rig.connect()).collect();
    for client in &mut clients {
        echo(client, b"hello");
    }
    let expected = |call: &Syscall| match call {
        Syscall::Read { fd, .. } => (nix::libc::SYS_read, fd.0),
        Syscall::Accept { fd } => (nix::libc::SYS_accept4, fd.0),
        // It is on its way to its read.
        _ => (-1, -1),
    };
    let deadline = Instant::now() + LIMIT;
    loop {
        rig.drain();
        let told = sleepers(&rig);
        let same = |(tid, call): (&u32, &Syscall)| in_call(*tid) == Some(expected(call));
        if told.len() == 9 && told.iter().all(same) {
            break;
        }
        assert!(Instant::now() < deadline, "{told:?}");
        thread::sleep(Duration::from_millis(5));
    }
    let fd = rig.accepted();
    rig.done(&format!("drop fd={fd}"));
    let mut rest = Vec::new();
    clients[0].read_to_end(&mut rest).expect("end");
    rig.closed(fd);
    rig.done("pause");
    clients[1].write_all(b"during").expect("write");
    rig.done("run");
    let mut back = [0; 6];
    clients[1].read_exact(&mut back).expect("echo");
    rig.fails(
        "trigger all edge",
        "threads has no registrations: each thread sleeps in its own call",
    );
    rig.check();
}

#[test]
fn the_client_for_whom_there_is_no_thread_is_turned_away() {
    let mut rig = waits_by(Backend::Threads, |_| {});
    let most = usize::from(LaneId::MAX_THREADS) - 1;
    let mut clients: Vec<_> = (0..most).map(|_| rig.connect()).collect();
    for client in &mut clients {
        echo(client, b"hello");
    }
    let mut late = rig.connect();
    let mut rest = Vec::new();
    let _reset = late.read_to_end(&mut rest);
    rig.find("refusal", |k| matches!(k, Kind::Refused(Refusal::Threads)).then_some(()));
    drop(clients.pop());
    // 200 threads end and begin on however few processors.
    let deadline = Instant::now() + 12 * LIMIT;
    loop {
        let mut next = rig.connect();
        let served = next.write_all(b"x").is_ok() && next.read(&mut [0]).is_ok_and(|n| n == 1);
        if served {
            break;
        }
        assert!(Instant::now() < deadline, "a place is free");
    }
}

#[test]
fn more_clients_than_threads_stay_where_they_are() {
    let mut rig = waits_by(Backend::Epoll, |_| {});
    let mut clients: Vec<_> = (0..LaneId::MAX_THREADS).map(|_| rig.connect()).collect();
    for client in &mut clients {
        echo(client, b"hello");
    }
    rig.fails("backend threads", "200 threads is the limit here");
    clients.pop();
    let deadline = Instant::now() + LIMIT;
    while !matches!(rig.order("backend threads"), CommandPhase::Done(_)) {
        assert!(Instant::now() < deadline, "one has gone");
    }
    for client in &mut clients {
        echo(client, b"again");
    }
    rig.done("backend goroutine");
    for client in &mut clients {
        echo(client, b"and again");
    }
}

/// Numbers that are open, without those of the tool's own that come and go.
fn open_numbers() -> usize {
    std::fs::read_dir("/proc/self/fd").expect("proc").count()
}

#[test]
fn clients_move_between_loops_while_they_flood() {
    let mut rig = waits_by(Backend::Epoll, |s| {
        s.threads = 2;
        s.raw = true;
    });
    rig.done("threads 2");
    let before = open_numbers();
    let flood: Vec<u8> = (0..4_000_000_u32).map(|n| n.to_le_bytes()[1]).collect();
    let clients: Vec<_> = (0..10)
        .map(|_| {
            let (stream, flood) = (rig.connect(), flood.clone());
            thread::spawn(move || talk(stream, &[&flood]) == flood)
        })
        .collect();
    let mut switches = 0;
    let mut next = Backend::Epoll;
    while !clients.iter().all(JoinHandle::is_finished) || switches < 6 {
        next = match next {
            Backend::Epoll => OWN_CODE[0],
            Backend::Goroutine => OWN_CODE.get(1).copied().unwrap_or_default(),
            _ => Backend::Epoll,
        };
        rig.done(&format!("backend {next}"));
        switches += 1;
        if rig.seen.len() > 200_000 {
            rig.seen.clear();
            rig.looked = 0;
        }
    }
    for client in clients {
        assert!(client.join().expect("client"), "bytes");
    }
    rig.done("backend epoll");
    rig.catch_up();
    let left = rig.seen.iter().filter(|(_, _, kind)| {
        matches!(kind, Kind::Backend { phase: SwitchPhase::Refused(_), .. })
    });
    assert_eq!(left.count(), 0);
    let deadline = Instant::now() + LIMIT;
    while open_numbers() > before {
        assert!(Instant::now() < deadline, "{} descriptors, {before} before", open_numbers());
        rig.drain();
        thread::sleep(Duration::from_millis(5));
    }
    let mut last = rig.connect();
    echo(&mut last, b"after all");
}

/// A thread that is held among the files that it takes carries out a command on a later one.
#[test]
fn a_file_that_a_command_takes_before_its_turn_is_not_taken_again() {
    let mut rig = waits_by(Backend::Epoll, |_| {});
    let mut client = rig.connect();
    echo(&mut client, b"here");
    let fd = rig.accepted();
    rig.done("backend poll");
    rig.done("pause");
    rig.catch_up();
    let switch = rig.send("backend epoll");
    assert_eq!(rig.parked(), GateStep::Call(Syscall::EpollCreate));
    rig.done("step T1");
    rig.done(&format!("trigger fd={fd} edge"));
    rig.done("run");
    assert!(matches!(rig.end_of(switch), CommandPhase::Done(_)));
    assert!(rig.interest_of(fd).has(Mask::ET));
    rig.done("trigger all level");
    assert!(!rig.interest_of(fd).has(Mask::ET));
    echo(&mut client, b"still here");
}
