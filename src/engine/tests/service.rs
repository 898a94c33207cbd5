//! What clients get, and threads and clients that come and go.

use super::*;

#[test]
fn edge_triggered_connection_is_drained_over_several_turns() {
    let mut rig = rig(settings(|s| {
        s.trigger = Trigger::Edge;
        s.app = Application::Discard;
    }));
    let mut client = rig.connect();
    let fd = rig.accepted();
    rig.ctl(CtlOp::Add, fd);
    rig.done("pause");
    client.write_all(&vec![b'x'; 200_000]).expect("write");
    client.shutdown(std::net::Shutdown::Write).expect("shutdown");
    rig.done("run");
    rig.conn(ConnState::Carried);
    rig.returned("hurried wait", |r| matches!(r.call, Syscall::EpollWait { timeout_ms: 0, .. }));
    rig.closed(fd);
    rig.check();
}

#[test]
fn slow_reader_is_not_read_until_it_has_read() {
    let mut rig = rig_with(EngineConfig { buffers: Some(4096), ..EngineConfig::default() });
    let mut client = rig.connect();
    let fd = rig.accepted();
    let mut reader = client.try_clone().expect("clone");
    let total = 2_000_000;
    let writer = thread::spawn(move || {
        client.write_all(&vec![b'x'; total]).expect("write");
        client.shutdown(std::net::Shutdown::Write).expect("shutdown");
    });
    rig.conn(ConnState::BackPressure);
    assert_eq!(rig.ctl(CtlOp::Mod, fd).0, Mask::OUT);
    let mut back = Vec::new();
    reader.read_to_end(&mut back).expect("read");
    assert_eq!(back.len(), total);
    rig.conn(ConnState::Open);
    writer.join().expect("writer");
    rig.closed(fd);
}

#[test]
fn chat_line_reaches_the_others() {
    let mut rig = rig(settings(|s| s.app = Application::Chat));
    let (mut ann, mut bob) = (rig.connect(), rig.connect());
    let _ = (rig.accepted(), rig.accepted());
    ann.write_all(b"hi all\n").expect("write");
    let mut heard = [0; 7];
    bob.read_exact(&mut heard).expect("line");
    assert_eq!(&heard, b"hi all\n");
    rig.check();
}

#[test]
fn threads_come_and_go() {
    let mut rig = rig(Settings::default());
    rig.done("threads 4");
    let mut clients: Vec<_> = (0..8).map(|_| rig.connect()).collect();
    for client in &mut clients {
        echo(client, b"hello");
    }
    let fewer = rig.send("threads 1");
    for _ in 0..3 {
        rig.find("ended", |k| matches!(k, Kind::Lane(LaneChange::Ended)).then_some(()));
    }
    assert_eq!(rig.end_of(fewer), CommandPhase::Done(None));
    for client in &mut clients {
        echo(client, b"hello");
    }
    rig.done("pause");
    rig.done("threads 2");
    rig.done("threads 1");
    rig.check();
}

#[test]
fn built_in_clients_do_as_they_are_told() {
    let mut rig = rig(Settings::default());
    rig.done("client");
    let fd = rig.accepted();
    rig.ctl(CtlOp::Add, fd);
    rig.done(&format!("send fd={fd} hello there"));
    let data = Output::Data(b"hello there\n"[..].into());
    rig.returned("read", |r| r.output == data);
    rig.done(&format!("close fd={fd}"));
    rig.closed(fd);
    rig.fails(&format!("send fd={fd} x"), &format!("fd {fd} is not registered"));
    rig.done("client");
    let fd = rig.accepted();
    rig.ctl(CtlOp::Add, fd);
    rig.done(&format!("reset fd={fd}"));
    rig.returned("reset", |r| r.ret.is(Errno::ECONNRESET));
    let _stranger = rig.connect();
    let fd = rig.accepted();
    rig.ctl(CtlOp::Add, fd);
    rig.fails(&format!("send fd={fd} x"), &format!("fd {fd} is not a built-in client"));
    rig.check();
}

#[test]
fn unix_clients_are_served_too() {
    let path = std::env::temp_dir().join(format!("epollscope-{}-unix", std::process::id()));
    let mut rig = rig_with(EngineConfig { unix: vec![path.clone()], ..EngineConfig::default() });
    rig.done("client");
    let fd = rig.accepted();
    rig.ctl(CtlOp::Add, fd);
    rig.done(&format!("send fd={fd} hello"));
    rig.returned("send", |r| matches!(r.call, Syscall::Send { len: 6, .. }));
    let mut client = UnixStream::connect(&path).expect("connect");
    client.write_all(b"abc").expect("write");
    let mut back = [0; 3];
    client.read_exact(&mut back).expect("echo");
    rig.check();
    rig.engine.shutdown(Duration::ZERO);
    assert!(!path.exists());
}

#[test]
fn edge_log_can_be_switched() {
    let mut rig = rig(Settings::default());
    let mut client = rig.connect();
    echo(&mut client, b"x");
    rig.engine.set_edge_log(false);
    echo(&mut client, b"y");
    rig.find("off", |k| matches!(k, Kind::WakeupLog(WakeupLog::Off)).then_some(()));
    rig.find("wait without log", |k| match k {
        Kind::Return(SyscallRecord {
            output: Output::Events { log: WakeupLog::Off, .. }, ..
        }) => Some(()),
        _ => None,
    });
    rig.catch_up();
    let looked = rig.looked;
    echo(&mut client, b"z");
    rig.engine.set_edge_log(true);
    rig.find("on", |k| matches!(k, Kind::WakeupLog(WakeupLog::Drained)).then_some(()));
    let silent = &rig.seen[looked..rig.looked];
    assert!(!silent.iter().any(|(_, _, k)| matches!(k, Kind::Wakeup(_))));
    rig.engine.resync().expect("resync");
    let entries = rig.find("resync", |k| match k {
        Kind::ListRead(ListRead { list: ListEntries::Interest(all), .. }) => Some(all.len()),
        _ => None,
    });
    assert_eq!(entries, 3);
    rig.check();
}
