//! The loop of io_uring: what it serves, and what may be in flight while it ends.

mod wrong;

use std::sync::atomic::Ordering;

use super::*;
use crate::event::{Backend, RingHeads, RingOp, Sqe};

/// Whether the system has an io_uring for us; if not, there is nothing to test.
fn has_ring() -> bool {
    let can = crate::sys::ring::Ring::<()>::probe();
    if let Err(why) = &can {
        eprintln!("SKIPPED: io_uring: {why}");
    }
    can.is_ok()
}

fn ring_settings(change: impl FnOnce(&mut Settings)) -> Settings {
    settings(|s| {
        s.backend = Backend::IoUring;
        change(s);
    })
}

/// An engine whose ring has four entries and two buffers of 64 bytes.
fn small(change: impl FnOnce(&mut Settings)) -> Rig {
    let mut rig = rig(settings(change));
    rig.engine.handle.shared().small_ring.store(true, Ordering::SeqCst);
    rig.done("backend io_uring");
    rig
}

impl Rig {
    /// The number of the next connection that a completion brought.
    #[track_caller]
    fn admitted(&mut self) -> Fd {
        self.find("completed accept", |kind| match kind {
            Kind::Reap { cqe, admitted: Some(_), .. } => cqe.ret.fd(),
            _ => None,
        })
    }

    /// The next operation written of that kind.
    #[track_caller]
    fn written(&mut self, op: RingOp) -> Sqe {
        self.find(op.word(), |kind| match kind {
            Kind::Sqe { sqe, .. } if sqe.op == op => Some(*sqe),
            _ => None,
        })
    }

    /// Waits until a send is over and T1 sleeps for good.
    #[track_caller]
    fn rests(&mut self) {
        self.find("the end of the send", |kind| match kind {
            Kind::Reap { op: RingOp::Send, .. } => Some(()),
            _ => None,
        });
        self.find("sleep", |kind| match kind {
            Kind::Enter(Syscall::UringEnter { wait: 1, .. }) => Some(()),
            _ => None,
        });
    }

    /// The next completion of that kind that failed so.
    #[track_caller]
    fn failed(&mut self, op: RingOp, errno: Errno) {
        self.find(&format!("{} with {errno}", op.word()), |kind| match kind {
            Kind::Reap { op: own, cqe, .. } => (*own == op && cqe.ret.is(errno)).then_some(()),
            _ => None,
        });
    }
}

/// A stream of bytes that says where it is.
fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|at| u8::try_from(at * 7 % 251).unwrap_or(0)).collect()
}

fn read_all(mut stream: TcpStream) -> Vec<u8> {
    let mut back = Vec::new();
    stream.read_to_end(&mut back).expect("end");
    back
}

/// What three clients that do the same in each loop get back.
fn script(app: Application, backend: Backend) -> Vec<Vec<u8>> {
    let mut rig = rig(settings(|s| {
        (s.app, s.backend) = (app, backend);
    }));
    let mut clients: Vec<_> = (0..3).map(|_| rig.connect()).collect();
    while rig.engine.handle.shared().table.clients(None).0 < 3 {
        thread::yield_now();
    }
    let mut back = vec![Vec::new(); 3];
    let request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    for n in 0..clients.len() {
        let line = format!("line of {n}, and \x1b[1m\n");
        let bytes = if app == Application::Http { request } else { &line }.as_bytes();
        clients[n].write_all(&bytes[..5]).expect("write");
        clients[n].write_all(&bytes[5..]).expect("write");
        // Lines that cross come in any order: each is heard before the next one is written.
        for (other, client) in clients.iter_mut().enumerate() {
            if app == Application::Chat && other != n {
                let mut heard = vec![0; bytes.len()];
                client.read_exact(&mut heard).expect("line");
                back[other].extend(heard);
            }
        }
    }
    if app == Application::Echo {
        let big = pattern(300_000);
        let mut writer = clients[0].try_clone().expect("clone");
        let own = big.clone();
        let writing = thread::spawn(move || writer.write_all(&own).expect("write"));
        let mut echoed = vec![0; "line of 0, and \x1b[1m\n".len() + big.len()];
        clients[0].read_exact(&mut echoed).expect("echo");
        writing.join().expect("writer");
        back[0].extend(echoed);
    }
    for (client, back) in clients.into_iter().zip(&mut back) {
        client.shutdown(std::net::Shutdown::Write).expect("shutdown");
        back.extend(read_all(client));
    }
    rig.check();
    back
}

#[test]
fn the_same_clients_get_the_same_bytes_as_from_epoll() {
    if !has_ring() {
        return;
    }
    let apps = [Application::Echo, Application::Chat, Application::Discard, Application::Http];
    for app in apps {
        let epoll = script(app, Backend::Epoll);
        assert_eq!(script(app, Backend::IoUring), epoll, "{}", app.word());
        assert!(app == Application::Discard || epoll.iter().any(|bytes| !bytes.is_empty()));
    }
}

#[test]
fn a_line_goes_through_the_ring_without_read_or_send() {
    if !has_ring() {
        return;
    }
    let mut rig = rig(ring_settings(|_| {}));
    let mut client = rig.connect();
    let fd = rig.admitted();
    let recv = rig.written(RingOp::Recv);
    assert_eq!((recv.fd, recv.multi), (fd, true));
    echo(&mut client, b"hello\r\n");
    let data = rig.find("bytes", |kind| match kind {
        Kind::Reap { op: RingOp::Recv, cqe, data, .. } => {
            assert!(cqe.more && cqe.buffer.is_some());
            Some(data.to_vec())
        }
        _ => None,
    });
    assert_eq!(data, b"hello\r\n");
    let send = rig.written(RingOp::Send);
    assert_eq!((send.fd, send.len), (fd, 7));
    drop(client);
    rig.closed(fd);
    let named = |kind: &Kind, call: fn(&Syscall) -> bool| match kind {
        Kind::Return(record) => call(&record.call),
        _ => false,
    };
    let moved = |call: &Syscall| {
        matches!(call, Syscall::Read { .. } | Syscall::Send { .. } | Syscall::Accept { .. })
    };
    assert!(!rig.seen.iter().any(|(_, _, kind)| named(kind, moved)));
    rig.check();
}

#[test]
fn a_bounded_read_is_one_recv_at_a_time() {
    if !has_ring() {
        return;
    }
    let mut rig = rig(ring_settings(|s| s.read = ReadPolicy::Once(4)));
    let mut client = rig.connect();
    rig.admitted();
    let recv = rig.written(RingOp::Recv);
    assert_eq!((recv.len, recv.multi), (4, false));
    echo(&mut client, b"0123456789");
    // The other way begins with the operation that is armed now.
    rig.done("read drain");
    rig.written(RingOp::Cancel);
    rig.find("a recv that goes on", |kind| match kind {
        Kind::Sqe { sqe, .. } if sqe.op == RingOp::Recv && sqe.multi => Some(()),
        _ => None,
    });
    echo(&mut client, b"again");
    rig.check();
}

#[test]
fn a_slow_reader_is_not_received_from_until_it_has_read() {
    if !has_ring() {
        return;
    }
    let settings = ring_settings(|_| {});
    let buffers = Some(4096);
    let mut rig = rig_with(EngineConfig { settings, buffers, ..EngineConfig::default() });
    let mut client = rig.connect();
    let mut reader = client.try_clone().expect("clone");
    let sent = pattern(2_000_000);
    let own = sent.clone();
    let writer = thread::spawn(move || {
        client.write_all(&own).expect("write");
        client.shutdown(std::net::Shutdown::Write).expect("shutdown");
    });
    rig.conn(ConnState::BackPressure);
    rig.written(RingOp::Cancel);
    let mut back = Vec::new();
    reader.read_to_end(&mut back).expect("read");
    assert!(back == sent, "{} bytes of {}", back.len(), sent.len());
    rig.conn(ConnState::Open);
    writer.join().expect("writer");
}

#[test]
fn a_connection_dropped_in_flight_tells_its_peer_of_the_end() {
    if !has_ring() {
        return;
    }
    let mut rig = rig(ring_settings(|_| {}));
    let client = rig.connect();
    let fd = rig.admitted();
    rig.written(RingOp::Recv);
    rig.done(&format!("drop fd={fd}"));
    let cancel = rig.written(RingOp::Cancel);
    assert!(cancel.target > 0);
    rig.closed(fd);
    assert_eq!(read_all(client), b"");
    rig.check();
}

#[test]
fn a_client_that_resets_with_a_send_in_flight_is_closed() {
    if !has_ring() {
        return;
    }
    let settings = ring_settings(|_| {});
    let buffers = Some(4096);
    let mut rig = rig_with(EngineConfig { settings, buffers, ..EngineConfig::default() });
    let client = rig.connect();
    let fd = rig.admitted();
    let mut writer = client.try_clone().expect("clone");
    writer.set_write_timeout(Some(Duration::from_millis(300))).expect("timeout");
    // Nobody reads, so that a send stays in flight.
    let _full = writer.write_all(&pattern(3_000_000));
    rig.conn(ConnState::BackPressure);
    let linger = nix::libc::linger { l_onoff: 1, l_linger: 0 };
    nix::sys::socket::setsockopt(&client, nix::sys::socket::sockopt::Linger, &linger)
        .expect("linger");
    drop((client, writer));
    rig.closed(fd);
    let mut other = rig.connect();
    echo(&mut other, b"next");
    rig.check();
}

#[test]
fn bytes_wait_in_their_socket_while_no_buffer_is_left() {
    if !has_ring() {
        return;
    }
    let mut rig = small(|_| {});
    let client = rig.connect();
    let mut reader = client.try_clone().expect("clone");
    let sent = pattern(20_000);
    let own = sent.clone();
    let writer = thread::spawn(move || {
        (&client).write_all(&own).expect("write");
        client.shutdown(std::net::Shutdown::Write).expect("shutdown");
    });
    let mut back = Vec::new();
    reader.read_to_end(&mut back).expect("read");
    assert!(back == sent, "{} bytes", back.len());
    writer.join().expect("writer");
    rig.failed(RingOp::Recv, Errno::ENOBUFS);
    rig.check();
}

#[test]
fn completions_beyond_the_queue_are_not_lost() {
    if !has_ring() {
        return;
    }
    let mut rig = small(|_| {});
    rig.done("pause");
    let mut clients: Vec<_> = (0..30).map(|_| rig.connect()).collect();
    for client in &mut clients {
        client.write_all(b"hello").expect("write");
    }
    rig.done("run");
    for client in &mut clients {
        let mut back = [0; 5];
        client.read_exact(&mut back).expect("echo");
        assert_eq!(&back, b"hello");
    }
    rig.find("overflow", |kind| match kind {
        Kind::Return(SyscallRecord {
            output: Output::Ring { heads: RingHeads { overflow: true, .. }, .. },
            ..
        }) => Some(()),
        _ => None,
    });
    for client in &mut clients {
        echo(client, b"again");
    }
    rig.check();
}

#[test]
fn completions_are_posted_while_the_thread_is_held() {
    if !has_ring() {
        return;
    }
    let mut rig = rig(ring_settings(|_| {}));
    let mut client = rig.connect();
    let fd = rig.admitted();
    echo(&mut client, b"before");
    rig.done("pause");
    client.write_all(b"while held").expect("write");
    let ring = rig.seen.iter().find_map(|(_, _, kind)| match kind {
        Kind::Return(SyscallRecord { call: Syscall::UringSetup { .. }, ret, .. }) => ret.fd(),
        _ => None,
    });
    let mut fdinfo = crate::kernel::ring::RingFdinfo::open(ring.expect("ring")).expect("fdinfo");
    let deadline = Instant::now() + LIMIT;
    loop {
        let read = fdinfo.read().expect("read");
        // The end of the send before it may be there, too.
        let is_it = |cqe: &&crate::event::Cqe| cqe.ret.count() == Some(10);
        let posted = read.as_ref().and_then(|read| read.pending.iter().find(is_it));
        if let Some(cqe) = posted {
            assert!(cqe.more && cqe.buffer.is_some(), "{read:?}");
            break;
        }
        assert!(Instant::now() < deadline, "nothing was posted");
        thread::yield_now();
    }
    // The bytes are here: the socket is empty.
    assert_eq!(crate::sys::descriptor::unread_bytes(fd.0).expect("FIONREAD"), 0);
    rig.done("run");
    let mut back = [0; 10];
    client.read_exact(&mut back).expect("echo");
    rig.check();
}

#[test]
fn a_panic_with_operations_in_flight_loses_nothing() {
    if !has_ring() {
        return;
    }
    let mut rig = rig(ring_settings(|_| {}));
    let mut old = rig.connect();
    echo(&mut old, b"before");
    rig.engine.handle.shared().panic_next.store(true, Ordering::SeqCst);
    let mut new = rig.connect();
    rig.find("death", |kind| match kind {
        Kind::Lane(LaneChange::Died(message)) => Some(message.clone()),
        _ => None,
    });
    old.write_all(b"while dead").expect("write");
    let deadline = Instant::now() + LIMIT;
    while rig.engine.restart_dead() == 0 {
        assert!(Instant::now() < deadline, "nobody died");
        thread::yield_now();
    }
    let mut back = [0; 10];
    old.read_exact(&mut back).expect("echo");
    assert_eq!(&back, b"while dead");
    echo(&mut new, b"new");
    rig.check();
}

#[test]
fn the_end_comes_with_operations_in_flight_and_clients_are_told() {
    if !has_ring() {
        return;
    }
    let mut rig = rig(ring_settings(|_| {}));
    let client = rig.connect();
    rig.admitted();
    let reader = thread::spawn(move || String::from_utf8(read_all(client)).expect("text"));
    rig.engine.shutdown(Duration::from_secs(1));
    assert!(reader.join().expect("reader").contains("goodbye"));
    rig.check();
}

/// A client that floods, and checks what comes back; how much that was.
fn flood(address: SocketAddr, stop: &std::sync::atomic::AtomicBool) -> usize {
    let stream = TcpStream::connect(address).expect("connect");
    stream.set_read_timeout(Some(LIMIT)).expect("timeout");
    let piece = pattern(9_973);
    let mut total = 0;
    thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut sent = 0;
            while !stop.load(Ordering::SeqCst) {
                (&stream).write_all(&piece).expect("write");
                sent += piece.len();
            }
            stream.shutdown(std::net::Shutdown::Write).expect("shutdown");
            sent
        });
        let mut back = vec![0; 16_384];
        loop {
            let got = (&stream).read(&mut back).expect("read");
            if got == 0 {
                break;
            }
            for (at, byte) in back[..got].iter().enumerate() {
                assert_eq!(*byte, piece[(total + at) % piece.len()], "at {}", total + at);
            }
            total += got;
        }
        assert_eq!(writer.join().expect("writer"), total);
    });
    total
}

#[test]
fn flooding_clients_go_from_loop_to_loop_and_every_byte_comes_back() {
    if !has_ring() {
        return;
    }
    let mut rig = rig(Settings::default());
    let Address::Tcp(address) = rig.engine.addresses()[0].clone() else { panic!("no TCP") };
    let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let clients: Vec<_> = (0..12)
        .map(|_| {
            let stop = Arc::clone(&stop);
            thread::spawn(move || flood(address, &stop))
        })
        .collect();
    let loops = ["io_uring", "epoll", "io_uring", "poll", "io_uring", "select"];
    for name in loops.iter().cycle().take(36) {
        rig.done(&format!("backend {name}"));
        thread::sleep(Duration::from_millis(10));
        rig.drain();
        rig.seen.clear();
        rig.looked = 0;
    }
    rig.done("backend epoll");
    stop.store(true, Ordering::SeqCst);
    for client in clients {
        assert!(client.join().expect("client") > 0);
    }
}

#[test]
fn a_hundred_busy_clients_cost_few_calls() {
    if !has_ring() {
        return;
    }
    let mut rig = rig(ring_settings(|_| {}));
    let mut clients: Vec<_> = (0..100).map(|_| rig.connect()).collect();
    for client in &mut clients {
        echo(client, b"first");
    }
    rig.catch_up();
    let rounds = 20;
    for _ in 0..rounds {
        for client in &mut clients {
            client.write_all(b"sixty-four bytes are not needed here").expect("write");
        }
        for client in &mut clients {
            client.read_exact(&mut [0; 36]).expect("echo");
        }
    }
    let before = rig.looked;
    rig.catch_up();
    let calls = rig.seen[before..].iter().filter(|(_, _, kind)| matches!(kind, Kind::Return(_)));
    let (calls, requests) = (calls.count(), rounds * clients.len());
    println!("{calls} calls for {requests} requests");
    assert!(2 * calls <= requests, "{calls} calls for {requests} requests");
}
