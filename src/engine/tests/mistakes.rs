//! Each protection that can be switched off, and what then happens.

use super::*;

fn wrong(mistake: Mistake) -> Settings {
    settings(|s| s.mistakes.set(mistake, true))
}

fn server_of(rig: &Rig) -> String {
    rig.engine.addresses()[0].to_string()
}

#[test]
fn ignored_end_is_reported_again_and_again_until_the_mistake_ends() {
    let mut rig = rig(wrong(Mistake::IgnoreEof));
    let client = rig.connect();
    let fd = rig.accepted();
    drop(client);
    for _ in 0..3 {
        rig.returned("end", |r| matches!(r.call, Syscall::Read { .. }) && r.ret == Ret::ok(0));
    }
    rig.done("mistake ignore-eof off");
    rig.closed(fd);
    rig.check();
}

#[test]
fn ignored_end_of_an_edge_is_closed_once_the_mistake_ends() {
    let mut rig = rig(settings(|s| {
        s.mistakes.set(Mistake::IgnoreEof, true);
        s.trigger = Trigger::Edge;
    }));
    let client = rig.connect();
    let fd = rig.accepted();
    drop(client);
    rig.returned("end", |r| matches!(r.call, Syscall::Read { .. }) && r.ret == Ret::ok(0));
    rig.done("mistake ignore-eof off");
    rig.closed(fd);
    rig.check();
}

#[test]
fn mask_zero_leaves_a_silent_registration() {
    let mut rig = rig(wrong(Mistake::MaskZero));
    let client = rig.connect();
    let fd = rig.accepted();
    rig.ctl(CtlOp::Add, fd);
    drop(client);
    assert_eq!(rig.ctl(CtlOp::Mod, fd).0, Mask::EMPTY);
    assert_eq!(rig.interest_of(fd), Mask::ALWAYS);
    rig.done("mistake mask-zero off");
    rig.closed(fd);
    rig.check();
}

#[test]
fn out_is_watched_for_nothing() {
    let mut rig = rig(Settings::default());
    let _client = rig.connect();
    let fd = rig.accepted();
    rig.ctl(CtlOp::Add, fd);
    rig.done("mistake out-always on");
    assert!(rig.ctl(CtlOp::Mod, fd).0.has(Mask::OUT));
    for _ in 0..3 {
        rig.find("writable", |k| match k {
            Kind::Handle { fd: at, .. } if *at == fd => Some(()),
            _ => None,
        });
    }
    rig.done("mistake out-always off");
    assert!(!rig.ctl(CtlOp::Mod, fd).0.has(Mask::OUT));
    rig.check();
}

#[test]
fn one_accept_an_event_strands_the_rest_of_an_edge() {
    let mut rig = rig(settings(|s| {
        s.mistakes.set(Mistake::AcceptOnce, true);
        s.trigger = Trigger::Edge;
        s.paused = true;
    }));
    rig.parked();
    let _clients: Vec<_> = (0..3).map(|_| rig.connect()).collect();
    rig.done("run");
    let fd = rig.accepted();
    rig.ctl(CtlOp::Add, fd);
    rig.sleeps();
    let accepts =
        |r: &Kind| matches!(r, Kind::Return(r) if matches!(r.call, Syscall::Accept { .. }));
    assert_eq!(rig.seen.iter().filter(|(_, _, k)| accepts(k)).count(), 1);
    rig.check();
}

#[test]
fn copy_keeps_the_registration_of_a_closed_number() {
    let mut rig = rig(wrong(Mistake::CloseKeepsDup));
    let client = rig.connect();
    let fd = rig.accepted();
    rig.ctl(CtlOp::Add, fd);
    rig.done("pause");
    rig.done(&format!("drop fd={fd}"));
    rig.closed(fd);
    assert_eq!(rig.interest_of(fd), Mask::IN | Mask::RDHUP | Mask::ALWAYS, "ghost");
    rig.fails(&format!("drop fd={fd}"), &format!("fd {fd} is not registered"));
    drop(client);
    rig.done("run");
    rig.find("stale", |k| matches!(k, Kind::Stale { believed: false, .. }).then_some(()));
}

#[test]
fn timeout_zero_never_sleeps() {
    let mut rig = rig(wrong(Mistake::TimeoutZero));
    for _ in 0..3 {
        rig.returned("empty wait", |r| {
            matches!(r.call, Syscall::EpollWait { timeout_ms: 0, .. }) && r.ret == Ret::ok(0)
        });
    }
}

#[test]
fn one_shot_that_is_not_armed_again_stays_silent() {
    let mut rig = rig(Settings::default());
    let mut client = rig.connect();
    let fd = rig.accepted();
    rig.ctl(CtlOp::Add, fd);
    rig.done(&format!("oneshot fd={fd} on"));
    rig.catch_up();
    echo(&mut client, b"one");
    rig.ctl(CtlOp::Mod, fd);
    rig.done("mistake no-rearm on");
    rig.catch_up();
    echo(&mut client, b"two");
    rig.sleeps();
    assert_eq!(rig.interest_of(fd), Mask::ONESHOT);
    rig.done(&format!("rearm fd={fd}"));
    echo(&mut client, b"three");
    rig.done("mistake no-rearm off");
    rig.done(&format!("rearm fd={fd}"));
    echo(&mut client, b"four");
    rig.check();
}

#[test]
fn read_without_bound_takes_all_in_one_turn() {
    let mut rig = rig(settings(|s| {
        s.mistakes.set(Mistake::NoReadBound, true);
        s.app = Application::Discard;
    }));
    let mut client = rig.connect();
    let fd = rig.accepted();
    rig.ctl(CtlOp::Add, fd);
    rig.done("pause");
    client.write_all(&vec![b'x'; 200_000]).expect("write");
    rig.done("run");
    let mut total = 0;
    rig.find("end of input", |k| match k {
        Kind::Return(r) if r.call == (Syscall::Read { fd, len: 4096 }) => {
            total += r.ret.count().unwrap_or(0);
            (r.ret.errno().is_some() && total > 65_536).then_some(())
        }
        _ => None,
    });
    rig.check();
}

/// A chat line to a client that has reset its connection closes that one, whose own event is still
/// to come in the same batch.
fn stale_batch(mistakes: Settings) -> (Rig, Vec<TcpStream>) {
    let mut rig = rig(Settings { app: Application::Chat, ..mistakes });
    let mut clients: Vec<_> = (0..2).map(|_| rig.connect()).collect();
    let fds = [rig.accepted(), rig.accepted()];
    rig.ctl(CtlOp::Add, fds[1]);
    rig.done("pause");
    clients[0].write_all(b"hello\n").expect("write");
    let gone = clients.remove(1);
    nix::sys::socket::setsockopt(
        &gone,
        nix::sys::socket::sockopt::Linger,
        &nix::libc::linger { l_onoff: 1, l_linger: 0 },
    )
    .expect("linger");
    drop(gone);
    rig.done("run");
    (rig, clients)
}

#[test]
fn stale_event_of_a_batch_is_unmasked() {
    let (mut rig, _clients) = stale_batch(Settings::default());
    rig.find("stale", |k| matches!(k, Kind::Stale { believed: false, .. }).then_some(()));
    rig.check();
}

#[test]
fn stale_event_of_a_batch_is_believed_by_mistake() {
    let (mut rig, _clients) = stale_batch(wrong(Mistake::TrustBatch));
    rig.find("stale", |k| matches!(k, Kind::Stale { believed: true, .. }).then_some(()));
    rig.check();
}

#[test]
fn read_once_leaves_the_rest_of_an_edge() {
    let mut rig = rig(settings(|s| {
        s.trigger = Trigger::Edge;
        s.read = ReadPolicy::Once(4);
    }));
    let mut client = rig.connect();
    let fd = rig.accepted();
    rig.ctl(CtlOp::Add, fd);
    client.write_all(b"hello").expect("write");
    rig.returned("read", |r| r.call == Syscall::Read { fd, len: 4 } && r.ret == Ret::ok(4));
    rig.sleeps();
    let unread = crate::kernel::queues::stream(fd).unread;
    assert_eq!(unread, Some(1), "{}", server_of(&rig));
    rig.check();
}
