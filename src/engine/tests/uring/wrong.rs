//! A thread that is held before what it does in its ring, and protections that are switched off.

use super::*;

fn wrong(mistake: Mistake) -> Settings {
    ring_settings(|s| s.mistakes.set(mistake, true))
}

#[test]
fn a_held_thread_takes_a_completion_and_writes_an_operation_at_a_step() {
    if !has_ring() {
        return;
    }
    let mut rig = rig(ring_settings(|_| {}));
    let mut client = rig.connect();
    let at = rig.admitted();
    echo(&mut client, b"before");
    rig.rests();
    rig.done("pause");
    client.write_all(b"hello").expect("write");
    let enters = |step: GateStep| matches!(step, GateStep::Call(Syscall::UringEnter { .. }));
    assert!(enters(rig.parked()));
    // It sleeps in the call if the bytes come later: the step is over when they have come.
    rig.done("step T1");
    let GateStep::Reap { op: RingOp::Recv, fd, cqe, .. } = rig.parked() else { panic!("no recv") };
    assert_eq!((fd, cqe.ret.count()), (at, Some(5)));
    rig.done("step T1");
    let GateStep::Push { sqe, .. } = rig.parked() else { panic!("no push") };
    assert_eq!((sqe.op, sqe.fd, sqe.len), (RingOp::Send, at, 5));
    rig.done("turn T1");
    assert_eq!(rig.written(RingOp::Send).len, 5);
    assert!(enters(rig.parked()));
    rig.done("run");
    client.read_exact(&mut [0; 5]).expect("echo");
    rig.check();
}

#[test]
fn what_is_due_may_change_while_the_thread_is_held_before_it() {
    if !has_ring() {
        return;
    }
    let mut rig = rig(ring_settings(|_| {}));
    let mut client = rig.connect();
    let fd = rig.admitted();
    echo(&mut client, b"before");
    rig.done("pause");
    client.write_all(b"hello").expect("write");
    while !matches!(rig.parked(), GateStep::Push { sqe: Sqe { op: RingOp::Send, .. }, .. }) {
        rig.done("step T1");
    }
    // Its socket is closed before the send is written.
    let drop = rig.send(&format!("drop fd={fd}"));
    assert!(matches!(rig.end_of(drop), CommandPhase::Done(_)));
    rig.done("run");
    rig.closed(fd);
    assert_eq!(read_all(client), b"");
    rig.check();
}

#[test]
fn a_close_without_a_cancel_tells_the_peer_nothing() {
    if !has_ring() {
        return;
    }
    let mut rig = rig(wrong(Mistake::NoCancel));
    let mut client = rig.connect();
    let fd = rig.admitted();
    rig.written(RingOp::Recv);
    rig.done(&format!("drop fd={fd}"));
    rig.closed(fd);
    // What it sends is still received, by nobody.
    client.write_all(b"is anybody there?").expect("write");
    rig.find("bytes", |kind| match kind {
        Kind::Reap { op: RingOp::Recv, cqe, .. } => (cqe.ret.count() == Some(17)).then_some(()),
        _ => None,
    });
    // Who goes over to another way of waiting ends that, and the peer hears of it.
    rig.done("backend epoll");
    assert_eq!(read_all(client), b"");
    rig.check();
}

#[test]
fn buffers_that_are_kept_run_out_and_come_back_with_the_mistakes_end() {
    if !has_ring() {
        return;
    }
    let mut rig = small(|s| s.mistakes.set(Mistake::NoBuffers, true));
    let mut client = rig.connect();
    rig.admitted();
    echo(&mut client, b"first");
    echo(&mut client, b"second");
    client.write_all(b"third").expect("write");
    rig.failed(RingOp::Recv, Errno::ENOBUFS);
    // It sleeps, and does not try without end.
    rig.find("sleep", |kind| match kind {
        Kind::Enter(Syscall::UringEnter { wait: 1, submit: 0, .. }) => Some(()),
        _ => None,
    });
    rig.done("mistake no-buffers off");
    client.read_exact(&mut [0; 5]).expect("echo");
    echo(&mut client, b"fourth");
    rig.check();
}

#[test]
fn a_ring_is_made_anew_for_another_size() {
    if !has_ring() {
        return;
    }
    let mut rig = rig(wrong(Mistake::SmallCq));
    let made = |rig: &mut Rig| {
        rig.find("a ring", |kind| match kind {
            Kind::Return(SyscallRecord {
                call: Syscall::UringSetup { completions, .. }, ..
            }) => Some(*completions),
            _ => None,
        })
    };
    assert_eq!(made(&mut rig), 8);
    let mut client = rig.connect();
    echo(&mut client, b"few");
    rig.done("mistake small-cq off");
    assert_eq!(made(&mut rig), 1024);
    echo(&mut client, b"many");
    rig.done("mistake small-cq on");
    assert_eq!(made(&mut rig), 8);
    echo(&mut client, b"few");
    rig.check();
}

#[test]
fn input_that_ended_stays_unarmed_until_the_mistake_ends() {
    if !has_ring() {
        return;
    }
    let mut rig = rig(ring_settings(|s| {
        s.mistakes.set(Mistake::NoRearm, true);
        s.read = ReadPolicy::Once(5);
    }));
    let mut client = rig.connect();
    let fd = rig.admitted();
    echo(&mut client, b"hello");
    client.write_all(b"again").expect("write");
    let armed = |rig: &Rig| {
        let recv = |kind: &Kind| matches!(kind, Kind::Sqe { sqe, .. } if sqe.op == RingOp::Recv && sqe.fd == fd);
        rig.seen.iter().filter(|(_, _, kind)| recv(kind)).count()
    };
    rig.done("max-events 9");
    rig.catch_up();
    assert_eq!(armed(&rig), 1);
    rig.done("mistake no-rearm off");
    client.read_exact(&mut [0; 5]).expect("echo");
    rig.catch_up();
    assert_eq!(armed(&rig), 3);
    rig.check();
}
