//! Everything at once: many clients, several threads, commands of all kinds. What is left must be
//! what the kernel says.

use super::*;
use crate::event::{Backend, NetpollMode};

/// A small generator of repeatable choices (xorshift).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

const ROUNDS: usize = 150;
const CLIENTS: u64 = 6;

/// One client after another: some send, some read, some leave rudely.
fn rude_clients(address: SocketAddr, seed: u64) {
    let mut dice = Dice(seed);
    for _ in 0..ROUNDS {
        let Ok(mut stream) = TcpStream::connect(address) else { continue };
        let linger = nix::libc::linger { l_onoff: 1, l_linger: 0 };
        if dice.roll(3) == 0 {
            let rude = nix::sys::socket::sockopt::Linger;
            let _ = nix::sys::socket::setsockopt(&stream, rude, &linger);
        }
        for _ in 0..dice.roll(4) {
            let size = usize::try_from(dice.roll(20_000)).unwrap_or(0);
            if stream.write_all(&vec![b'x'; size]).is_err() {
                break;
            }
            if dice.roll(2) == 0 {
                let mut back = vec![0; size];
                let _ = stream.set_read_timeout(Some(Duration::from_millis(20)));
                let _ = stream.read(&mut back);
            }
        }
    }
}

fn any_command(dice: &mut Dice) -> String {
    let fd = dice.roll(20) + 3;
    let lane = dice.roll(5) + 1;
    match dice.roll(19) {
        0 => "pause".to_owned(),
        1 | 2 => "run".to_owned(),
        3 => format!("step T{lane}"),
        4 => format!("turn T{lane}"),
        5 => format!("threads {}", lane.min(4)),
        6 => "trigger all".to_owned(),
        7 => format!("trigger fd={fd}"),
        8 => format!("oneshot fd={fd}"),
        9 => format!("exclusive fd={fd}"),
        10 => format!("watch fd={fd} on"),
        11 => format!("rearm fd={fd}"),
        12 => format!("drop fd={fd}"),
        13 => "client".to_owned(),
        14 => format!("reset fd={fd}"),
        15 | 16 => format!("backend {}", any_backend(dice)),
        17 => format!("netpoll {}", NetpollMode::ALL[usize::from(dice.roll(2) == 0)]),
        _ => format!("max-events {}", dice.roll(8) + 1),
    }
}

fn any_backend(dice: &mut Dice) -> Backend {
    let all = Backend::ALL.len() as u64;
    Backend::ALL[usize::try_from(dice.roll(all)).unwrap_or(0)]
}

/// Every registration of the kernel is one that the server holds, with the same mask.
fn assert_same_interest(rig: &Rig) {
    let shared = rig.engine.handle.shared();
    let mut kernel: Vec<_> = rig.interest().iter().map(|e| (e.file, e.fd)).collect();
    let mut held: Vec<_> = shared
        .table
        .all(|w| lock(&w.state).held.is_some())
        .iter()
        .map(|w| (w.file, w.fd))
        .collect();
    kernel.sort_unstable();
    held.sort_unstable();
    assert_eq!(kernel, held);
    for entry in rig.interest() {
        let watched = shared.table.get(entry.file).expect("registered");
        let state = lock(&watched.state);
        let armed = state.held.expect("held") | Mask::ALWAYS;
        let expected = if state.armed { armed } else { armed & Mask::PRIVATE };
        assert_eq!(entry.mask, expected, "{}", entry.fd);
    }
}

#[test]
fn storm_of_clients_and_commands_leaves_order() {
    let mut rig = rig(settings(|s| s.threads = 3));
    let Address::Tcp(address) = rig.engine.addresses()[0].clone() else { panic!("no TCP") };
    let clients: Vec<_> = (1..=CLIENTS)
        .map(|seed| thread::spawn(move || rude_clients(address, seed * 7919)))
        .collect();
    let mut dice = Dice(4711);
    while !clients.iter().all(JoinHandle::is_finished) {
        let command = any_command(&mut dice);
        // Half of them are waited for elsewhere: a held server ends few commands.
        rig.send(&command);
        rig.send("run");
        rig.drain();
        // The trace of a storm is not looked at but for its order.
        if rig.seen.len() > 100_000 {
            rig.seen.drain(..50_000);
            rig.looked = 0;
        }
    }
    for client in clients {
        client.join().expect("client");
    }
    rig.done("run");
    // One that was asked for last may be under way.
    let deadline = Instant::now() + LIMIT;
    while !matches!(rig.order("backend epoll"), CommandPhase::Done(_)) {
        assert!(Instant::now() < deadline, "a switch does not end");
    }
    rig.done("threads 1");
    rig.done("trigger all level");
    let mut last = rig.connect();
    echo(&mut last, b"after the storm");
    rig.done("pause");
    assert_same_interest(&rig);
    while rig.drain().more {}
    assert!(rig.seen.is_sorted_by_key(|(t, ..)| *t), "order of times");
}
