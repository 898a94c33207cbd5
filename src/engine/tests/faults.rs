//! What goes wrong, and the end: some in a process of their own, since they change or count what
//! belongs to the process.

use std::process::Command as Process;

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use super::*;

/// Set in the process that a test is repeated in.
const ALONE: &str = "EPOLLSCOPE_TEST_ALONE";

/// Whether this is the process that runs the test `name` alone. If not, one is started for it.
fn alone(name: &str) -> bool {
    if std::env::var_os(ALONE).is_some() {
        return true;
    }
    let me = std::env::current_exe().expect("test binary");
    let test = format!("engine::tests::faults::{name}");
    let child = Process::new(me)
        .args([&test, "--exact", "--nocapture", "--test-threads=1"])
        .env(ALONE, "1")
        .output()
        .expect("child");
    let text = String::from_utf8_lossy(&child.stdout);
    let error = String::from_utf8_lossy(&child.stderr);
    assert!(child.status.success() && text.contains("1 passed"), "{text}\n{error}");
    false
}

fn open_descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").expect("fd").count()
}

fn tasks() -> usize {
    std::fs::read_dir("/proc/self/task").expect("task").count()
}

#[test]
fn shutdown_leaves_no_descriptor_and_no_thread() {
    if !alone("shutdown_leaves_no_descriptor_and_no_thread") {
        return;
    }
    let before = (open_descriptors(), tasks());
    for paused in [false, true] {
        let mut rig = rig(settings(|s| {
            s.threads = 4;
            s.mistakes.set(Mistake::CloseKeepsDup, true);
        }));
        let mut client = rig.connect();
        let fd = rig.accepted();
        let _quiet = rig.connect();
        rig.done("client");
        rig.done(&format!("drop fd={fd}"));
        if paused {
            rig.done("pause");
        }
        rig.engine.shutdown(Duration::from_millis(100));
        let mut rest = Vec::new();
        client.read_to_end(&mut rest).expect("end");
        rig.check();
        let closed = rig.seen.iter().filter(
            |(_, _, k)| matches!(k, Kind::Return(r) if matches!(r.call, Syscall::Close { .. })),
        );
        assert!(closed.count() > 3);
    }
    assert_eq!((open_descriptors(), tasks()), before);
}

#[test]
fn client_is_told_goodbye() {
    let mut rig = rig(Settings::default());
    let mut client = rig.connect();
    rig.accepted();
    let reader = thread::spawn(move || {
        let mut text = String::new();
        client.read_to_string(&mut text).expect("end");
        text
    });
    rig.engine.shutdown(Duration::from_secs(1));
    assert!(reader.join().expect("reader").contains("goodbye"));
    rig.check();
}

#[test]
fn client_beyond_the_last_descriptor_is_told_and_the_rest_wait() {
    if !alone("client_beyond_the_last_descriptor_is_told_and_the_rest_wait") {
        return;
    }
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("limit");
    setrlimit(Resource::RLIMIT_NOFILE, 40, hard).expect("limit");
    for trigger in [Trigger::Level, Trigger::Edge] {
        let mut rig = rig(settings(|s| {
            s.trigger = trigger;
            s.paused = true;
        }));
        rig.parked();
        let room = [spare_descriptor(), spare_descriptor(), spare_descriptor()];
        let Address::Tcp(addr) = rig.engine.addresses()[0].clone() else { panic!("no TCP") };
        let clients: Vec<_> = std::iter::from_fn(|| TcpStream::connect(addr).ok()).collect();
        assert!(clients.len() > 5, "{}", clients.len());
        drop(room);
        rig.done("run");
        // One number is the epoll instance's.
        let fd = rig.accepted();
        rig.accepted();
        rig.find("refusal", |k| matches!(k, Kind::Refused(Refusal::NoDescriptor)).then_some(()));
        let muted = rig.find("muted listener", |k| match k {
            Kind::Return(SyscallRecord {
                call: Syscall::EpollCtl { op: CtlOp::Mod, fd, mask, .. },
                ..
            }) if (*mask - Mask::ET).is_empty() => Some(*fd),
            _ => None,
        });
        rig.find("patient wait", |k| match k {
            Kind::Enter(Syscall::EpollWait { timeout_ms: 1000, .. }) => Some(()),
            _ => None,
        });
        rig.catch_up();
        rig.done(&format!("drop fd={fd}"));
        assert_eq!(rig.ctl(CtlOp::Mod, muted).0 - Mask::ET, Mask::IN);
        rig.accepted();
        // The others wait for their turn: nobody is turned away in the meantime.
        rig.ctl(CtlOp::Mod, muted);
        rig.done(&format!("drop fd={fd}"));
        rig.accepted();
        let refused = rig.seen.iter().filter(|(_, _, k)| matches!(k, Kind::Refused(_)));
        assert_eq!(refused.count(), 1);
        rig.check();
        drop(clients);
    }
}

#[test]
fn panic_of_a_thread_is_an_event_and_can_be_mended_without_losing_an_edge() {
    for trigger in [Trigger::Level, Trigger::Edge] {
        let mut rig = rig(settings(|s| s.trigger = trigger));
        rig.find("wait", |k| matches!(k, Kind::Enter(_)).then_some(()));
        rig.engine.handle.shared().panic_next.store(true, std::sync::atomic::Ordering::SeqCst);
        let mut client = rig.connect();
        let message = rig.find("death", |k| match k {
            Kind::Lane(LaneChange::Died(message)) => Some(message.clone()),
            _ => None,
        });
        assert!(message.contains("asked to panic"), "{message}");
        // The thread tells of its death a moment before it is gone.
        let deadline = Instant::now() + LIMIT;
        while rig.engine.restart_dead() == 0 {
            assert!(Instant::now() < deadline, "nobody died");
            thread::yield_now();
        }
        echo(&mut client, b"back");
        rig.check();
    }
}

#[test]
fn client_that_resets_before_accept_is_survived() {
    let mut rig = rig(settings(|s| s.paused = true));
    rig.parked();
    let gone = rig.connect();
    let linger = nix::libc::linger { l_onoff: 1, l_linger: 0 };
    nix::sys::socket::setsockopt(&gone, nix::sys::socket::sockopt::Linger, &linger)
        .expect("linger");
    drop(gone);
    rig.done("run");
    let fd = rig.accepted();
    rig.closed(fd);
    let mut client = rig.connect();
    echo(&mut client, b"x");
    rig.check();
}

#[test]
fn network_limits_refuse_the_seventeenth_client_of_an_address() {
    let mut rig = rig_with(EngineConfig { lan: true, ..EngineConfig::default() });
    let clients: Vec<_> = (0..17).map(|_| rig.connect()).collect();
    rig.find("refusal", |k| matches!(k, Kind::Refused(Refusal::Address)).then_some(()));
    drop(clients);
}

#[test]
fn many_commands_at_once_all_end() {
    let mut rig = rig(settings(|s| s.threads = 2));
    let _client = rig.connect();
    let fd = rig.accepted();
    rig.ctl(CtlOp::Add, fd);
    let last = (0..200).map(|_| rig.send(&format!("rearm fd={fd}"))).max().unwrap_or(0);
    let mut ended = 0;
    rig.find("all", |k| {
        if matches!(k, Kind::Command { phase: CommandPhase::Done(_), .. }) {
            ended += 1;
        }
        (ended == last).then_some(())
    });
    rig.check();
}

#[test]
fn a_ring_without_a_descriptor_arms_no_accept_until_one_is_free() {
    if !alone("a_ring_without_a_descriptor_arms_no_accept_until_one_is_free") {
        return;
    }
    if crate::sys::ring::Ring::<()>::probe().is_err() {
        return;
    }
    let before = (open_descriptors(), tasks());
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("limit");
    setrlimit(Resource::RLIMIT_NOFILE, 40, hard).expect("limit");
    let mut rig = rig(settings(|s| {
        s.backend = crate::event::Backend::IoUring;
        s.paused = true;
    }));
    rig.parked();
    let room = [spare_descriptor(), spare_descriptor(), spare_descriptor()];
    let Address::Tcp(addr) = rig.engine.addresses()[0].clone() else { panic!("no TCP") };
    let clients: Vec<_> = std::iter::from_fn(|| TcpStream::connect(addr).ok()).collect();
    assert!(clients.len() > 5, "{}", clients.len());
    drop(room);
    rig.done("run");
    let admitted = |kind: &Kind| match kind {
        Kind::Reap { cqe, admitted: Some(_), .. } => cqe.ret.fd(),
        _ => None,
    };
    // One number is the ring's.
    let fd = rig.find("connection", admitted);
    rig.find("connection", admitted);
    rig.find("refusal", |k| matches!(k, Kind::Refused(Refusal::NoDescriptor)).then_some(()));
    rig.catch_up();
    let waits = |rig: &Rig| {
        let entered = |k: &Kind| matches!(k, Kind::Enter(Syscall::UringEnter { .. }));
        rig.seen.iter().filter(|(_, _, k)| entered(k)).count()
    };
    let calls = waits(&rig);
    thread::sleep(Duration::from_millis(1500));
    rig.catch_up();
    assert!(waits(&rig) - calls < 15, "{} waits", waits(&rig) - calls);
    rig.done(&format!("drop fd={fd}"));
    rig.find("the next one", admitted);
    let refused = rig.seen.iter().filter(|(_, _, k)| matches!(k, Kind::Refused(_)));
    assert_eq!(refused.count(), 1);
    rig.check();
    drop(clients);
    rig.engine.shutdown(Duration::ZERO);
    drop(rig);
    assert_eq!((open_descriptors(), tasks()), before);
}
