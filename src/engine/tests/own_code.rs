//! Loops in which each connection has code of its own: steps, ends, quiet, and the way from one loop
//! to the next.

use std::collections::BTreeSet;
use std::net::Shutdown;

use super::*;
use crate::event::{Backend, GoChange, GoId};

const OWN_CODE: [Backend; 2] = [Backend::Goroutine, Backend::Threads];

fn waits_by(backend: Backend) -> Rig {
    rig(settings(|s| s.backend = backend))
}

/// What a thread that is held is about to do.
fn next_step(rig: &mut Rig) -> GateStep {
    rig.find("park", |kind| if let Kind::Park { next } = kind { Some(*next) } else { None })
}

/// Which goroutines were run since that place of what was told.
fn run_since(rig: &Rig, from: usize) -> Vec<GoId> {
    let runs = rig.seen[from..].iter().filter_map(|(_, _, kind)| match kind {
        Kind::Go { go, what: GoChange::Run } => Some(*go),
        _ => None,
    });
    runs.collect()
}

/// Waits until something can be read there: a busy machine delivers late (softirq).
fn has_come(number: Fd) {
    let deadline = Instant::now() + LIMIT;
    while crate::sys::descriptor::unread_bytes(number.0).expect("FIONREAD") == 0 {
        assert!(Instant::now() < deadline, "nothing comes");
        thread::yield_now();
    }
}

#[test]
fn a_held_scheduler_lets_one_goroutine_run() {
    let mut rig = waits_by(Backend::Goroutine);
    let mut clients: Vec<_> = (0..3).map(|_| rig.connect()).collect();
    for client in &mut clients {
        echo(client, b"hello");
    }
    let numbers = [(); 3].map(|()| rig.accepted());
    rig.send("pause");
    // Whoever was still to find that nothing is left has found it once the thread would sleep.
    while !matches!(next_step(&mut rig), GateStep::Call(Syscall::EpollWait { timeout_ms: -1, .. }))
    {
        rig.send("step T1");
    }
    for client in &mut clients {
        client.write_all(b"again").expect("write");
    }
    numbers.into_iter().for_each(has_come);
    // One call: it is told of all of them.
    let head = loop {
        rig.send("step T1");
        if let GateStep::Run(head) = next_step(&mut rig) {
            break head;
        }
    };
    rig.catch_up();
    let from = rig.seen.len();
    rig.send("step T1");
    let call = next_step(&mut rig);
    assert!(matches!(call, GateStep::Call(Syscall::Read { .. })), "{call}");
    assert_eq!(run_since(&rig, from), [head], "one, and the one that was shown");
    // A turn ends at the wait, over all that can run.
    rig.send("turn T1");
    let wait = next_step(&mut rig);
    assert!(matches!(wait, GateStep::Call(Syscall::EpollWait { .. })), "{wait}");
    let all: BTreeSet<_> = run_since(&rig, from).into_iter().collect();
    assert_eq!(all.len(), 3, "{all:?}");
    for client in &mut clients {
        let mut back = [0; 5];
        client.read_exact(&mut back).expect("served while held");
    }
    rig.done("run");
    rig.check();
}

#[test]
fn a_thread_that_is_held_before_a_goroutine_makes_way_for_another_loop() {
    let mut rig = waits_by(Backend::Goroutine);
    let mut client = rig.connect();
    echo(&mut client, b"hello");
    rig.done("pause");
    client.write_all(b"again").expect("write");
    rig.looked = rig.seen.len();
    loop {
        rig.send("step T1");
        match next_step(&mut rig) {
            GateStep::Run(_) => break,
            // It was held before a read that has taken the first ones: nothing would wake it.
            GateStep::Call(Syscall::EpollWait { timeout_ms: -1, .. }) => {
                client.write_all(b"again").expect("write");
            }
            _ => {}
        }
    }
    rig.send("backend epoll");
    rig.find("left", |k| {
        matches!(k, Kind::Backend { phase: crate::event::SwitchPhase::Left, .. }).then_some(())
    });
    rig.done("run");
    let mut back = [0; 5];
    client.read_exact(&mut back).expect("what was not read is not lost");
    rig.check();
}

#[test]
fn clients_that_reset_or_end_half_are_closed() {
    for backend in OWN_CODE {
        let mut rig = waits_by(backend);
        let mut half = rig.connect();
        let fd = rig.accepted();
        half.write_all(&vec![b'x'; 200_000]).expect("write");
        half.shutdown(Shutdown::Write).expect("shutdown");
        let mut back = Vec::new();
        half.read_to_end(&mut back).expect("all comes back after the end");
        assert_eq!(back.len(), 200_000, "{backend}");
        rig.closed(fd);
        for unread in [0, 3_000_000] {
            let mut rude = rig.connect();
            let fd = rig.accepted();
            echo(&mut rude, b"hello");
            rude.set_nonblocking(true).expect("nonblocking");
            // Until neither end has room: its goroutine or thread waits in a send.
            let mut sent = 0;
            while sent < unread {
                match rude.write(&[b'x'; 8_192]) {
                    Ok(count) => sent += count,
                    Err(_) => break,
                }
            }
            let linger = nix::libc::linger { l_onoff: 1, l_linger: 0 };
            let option = nix::sys::socket::sockopt::Linger;
            nix::sys::socket::setsockopt(&rude, option, &linger).expect("linger");
            drop(rude);
            rig.closed(fd);
        }
        let mut last = rig.connect();
        echo(&mut last, b"after them");
        rig.check();
    }
}

/// How often the threads of the server have gone to sleep (proc(5), `voluntary_ctxt_switches`).
fn sleeps(rig: &Rig) -> Vec<u64> {
    let tids = rig.seen.iter().filter_map(|(_, _, kind)| match kind {
        Kind::Lane(LaneChange::Started { tid }) => Some(*tid),
        _ => None,
    });
    let count = |tid: u32| {
        let status = std::fs::read_to_string(format!("/proc/self/task/{tid}/status")).ok()?;
        let line = status.lines().find(|line| line.starts_with("voluntary_ctxt_switches:"))?;
        line.split_whitespace().nth(1)?.parse().ok()
    };
    tids.filter_map(count).collect()
}

#[test]
fn nobody_wakes_while_nothing_comes() {
    for backend in OWN_CODE {
        let mut rig = rig(settings(|s| {
            s.backend = backend;
            s.threads = 2;
        }));
        let mut clients: Vec<_> = (0..4).map(|_| rig.connect()).collect();
        for client in &mut clients {
            echo(client, b"hello");
        }
        // The time is that of a client who waits for what nobody sends. Who has just answered may
        // still be on its way to its sleep: the second look counts.
        let mut silence = |rig: &mut Rig, ms| {
            let client = &mut clients[0];
            client.set_read_timeout(Some(Duration::from_millis(ms))).expect("timeout");
            client.read(&mut [0]).expect_err("nothing comes");
            rig.drain();
            (sleeps(rig), rig.seen.len())
        };
        let before = silence(&mut rig, 300);
        assert!(before.0.len() >= 2, "{before:?}");
        let after = silence(&mut rig, 2_000);
        assert_eq!(after, before, "{backend}: sleeps of each thread, events");
    }
}

#[test]
fn clients_go_round_all_loops() {
    let mut rig = rig(settings(|s| s.threads = 2));
    let mut clients: Vec<_> = (0..5).map(|_| rig.connect()).collect();
    let entered = |rig: &mut Rig| {
        rig.find("entered", |kind| match kind {
            Kind::Backend { to, phase: crate::event::SwitchPhase::Entered(_) } => Some(*to),
            _ => None,
        })
    };
    assert_eq!(entered(&mut rig), Backend::Epoll);
    for round in 0..3 {
        let mut ways = Vec::new();
        while ways.last() != Some(&Backend::Epoll) {
            rig.done("backend");
            ways.push(entered(&mut rig));
            for client in &mut clients {
                echo(client, format!("round {round}").as_bytes());
            }
        }
        let told = |k: &Kind| matches!(k, Kind::Backend { .. } | Kind::Note(_));
        let told: Vec<_> = rig.seen.iter().filter(|(_, _, k)| told(k)).collect();
        assert!(OWN_CODE.iter().all(|own| ways.contains(own)), "{round}: {ways:?} {told:?}");
    }
    rig.check();
}
