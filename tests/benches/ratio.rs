//! What being watched costs the server: the same engine unobserved, folded, written as JSON,
//! drawn, and drawn for many viewers as well, each serving 100 busy connections in turn, in slices of one run.
//!
//! `cargo bench --bench ratio` prints requests a second and server CPU a request, as ratios to the
//! unobserved engine, or to the one that is only drawn. Absolute figures move from machine to machine and are not printed as results.
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on may stop")]

use std::fs::File;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::pty::{Winsize, openpty};

mod viewers;

use viewers::{read_all, watch};

/// Connections to each server.
const CONNECTIONS: usize = 100;
/// How long each server is measured before the next one's turn: several frames.
const SLICE: Duration = Duration::from_millis(250);
/// How long it is driven before that: the edge log is switched off by then.
const WARM_UP: Duration = Duration::from_millis(200);
/// Turns of each server.
const TURNS: usize = 25;
/// Bytes of a request and of its answer.
const REQUEST: usize = 64;

/// A way of being watched, and the one that it is compared with.
struct Variant {
    name: &'static str,
    to: usize,
    goal: &'static str,
    args: &'static [&'static str],
    watched: Watched,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Watched {
    /// Only its output is read.
    Piped,
    /// On a terminal.
    Screen,
    /// On a terminal, and by [`VIEWERS`].
    Shared,
}

/// Browsers that look on, and those of them that never read.
const VIEWERS: usize = 100;
const DEAF: usize = 5;
const CODE: &str = "K7QM4X";

const VARIANTS: [Variant; 5] = [
    Variant {
        name: "unobserved",
        to: 0,
        goal: "",
        args: &["--headless", "--unobserved"],
        watched: Watched::Piped,
    },
    Variant {
        name: "folded, no output",
        to: 0,
        goal: ">= 0.95",
        args: &["--headless", "--output", "none"],
        watched: Watched::Piped,
    },
    Variant { name: "screen 120x40", to: 0, goal: ">= 0.90", args: &[], watched: Watched::Screen },
    Variant {
        name: "JSON lines",
        to: 0,
        goal: ">= 0.80",
        args: &["--headless"],
        watched: Watched::Piped,
    },
    Variant {
        name: "screen, 100 viewers",
        to: 2,
        goal: ">= 0.97",
        args: &[],
        watched: Watched::Shared,
    },
];

/// A server with its clients, and what was measured of it.
struct Subject {
    variant: &'static Variant,
    child: Child,
    clients: Vec<TcpStream>,
    /// Viewers that never read: they only have to be there.
    _deaf: Vec<TcpStream>,
    /// Requests a second, and server CPU nanoseconds a request, of each turn.
    turns: Vec<(f64, f64)>,
}

fn free_port() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// Reads and forgets until the end, on a thread of its own.
fn swallow(mut from: impl Read + Send + 'static) {
    std::thread::spawn(move || {
        let mut buffer = vec![0; 1 << 16];
        while from.read(&mut buffer).is_ok_and(|n| n > 0) {}
    });
}

fn start(variant: &'static Variant) -> Subject {
    let address = free_port();
    let mut command = Command::new(env!("CARGO_BIN_EXE_epollscope"));
    command.args(variant.args).args(["--listen", &address.to_string()]).stdin(Stdio::piped());
    let shared = free_port().to_string();
    if variant.watched == Watched::Shared {
        command.args(["--share", &shared, "--code", CODE]);
    }
    let child = match variant.watched {
        Watched::Piped => piped(&mut command),
        Watched::Screen | Watched::Shared => on_screen(&mut command),
    };
    let deadline = Instant::now() + Duration::from_secs(10);
    let mut clients = Vec::new();
    while clients.len() < CONNECTIONS {
        match TcpStream::connect(address) {
            Ok(client) => {
                client.set_nodelay(true).unwrap();
                clients.push(client);
            }
            Err(error) => assert!(Instant::now() < deadline, "{}: {error}", variant.name),
        }
    }
    let deaf = if variant.watched == Watched::Shared { looked_on(&shared) } else { Vec::new() };
    Subject { variant, child, clients, _deaf: deaf, turns: Vec::new() }
}

fn piped(command: &mut Command) -> Child {
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    swallow(child.stdout.take().unwrap());
    child
}

fn on_screen(command: &mut Command) -> Child {
    let size = Winsize { ws_row: 40, ws_col: 120, ws_xpixel: 0, ws_ypixel: 0 };
    let pty = openpty(Some(&size), None).unwrap();
    let copy = |fd: &OwnedFd| fd.try_clone().unwrap();
    command.env("TERM", "xterm-256color");
    command.stdin(copy(&pty.slave)).stdout(copy(&pty.slave)).stderr(copy(&pty.slave));
    let child = command.spawn().unwrap();
    swallow(File::from(pty.master));
    child
}

/// Lets viewers come, until each is served; those that never read.
fn looked_on(address: &str) -> Vec<TcpStream> {
    let mut viewers: Vec<_> = (0..VIEWERS).map(|_| watch(address, CODE)).collect();
    for viewer in &viewers {
        assert_eq!(viewer.peek(&mut [0]).unwrap(), 1, "a viewer is served");
    }
    let deaf = viewers.split_off(VIEWERS - DEAF);
    read_all(viewers);
    deaf
}

impl Subject {
    /// Nanoseconds that each thread has run, with its name (proc(5), `schedstat`).
    fn threads(&self) -> Vec<(String, f64)> {
        let tasks = format!("/proc/{}/task", self.child.id());
        let thread = |task: std::io::Result<std::fs::DirEntry>| {
            let path = task.unwrap().path();
            let name = std::fs::read_to_string(path.join("comm")).unwrap().trim().to_owned();
            let text = std::fs::read_to_string(path.join("schedstat")).unwrap();
            (name, text.split_whitespace().next().unwrap().parse().unwrap())
        };
        std::fs::read_dir(tasks).unwrap().map(thread).collect()
    }

    /// What the server's own thread has run.
    fn cpu(&self) -> f64 {
        let threads = self.threads();
        threads.iter().find(|(name, _)| name == "T1").expect("a thread T1").1
    }

    /// Waits until it has done with what the last turn left: it must not be paid for by the next.
    fn settle(&self) {
        let all = || self.threads().iter().map(|(_, ran)| ran).sum::<f64>();
        let mut before = all();
        loop {
            std::thread::sleep(Duration::from_millis(10));
            let now = all();
            if now - before < 200_000.0 {
                return;
            }
            before = now;
        }
    }

    fn turn(&mut self) {
        self.drive(WARM_UP);
        let (cpu, begun) = (self.cpu(), Instant::now());
        let requests = f64::from(self.drive(SLICE));
        let took = begun.elapsed().as_secs_f64();
        self.turns.push((requests / took, (self.cpu() - cpu) / requests));
        self.settle();
    }

    /// Every client sends a request, then every client reads its answer; until the time is over.
    /// How many requests that made.
    fn drive(&mut self, time: Duration) -> u32 {
        let (request, mut answer) = ([b'x'; REQUEST], [0; REQUEST]);
        let begun = Instant::now();
        let mut requests = 0;
        while begun.elapsed() < time {
            for client in &mut self.clients {
                client.write_all(&request).unwrap();
            }
            for client in &mut self.clients {
                client.read_exact(&mut answer).unwrap();
                requests += 1;
            }
        }
        requests
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}

fn main() {
    // `cargo test --benches` only wants to know that this compiles.
    if std::env::args().any(|arg| arg == "--test") {
        return;
    }
    let mut subjects: Vec<_> = VARIANTS.iter().map(start).collect();
    subjects.iter_mut().for_each(Subject::turn);
    for subject in &mut subjects {
        subject.turns.clear();
    }
    for _ in 0..TURNS {
        subjects.iter_mut().for_each(Subject::turn);
    }
    println!("{CONNECTIONS} connections, {TURNS} turns of {SLICE:?} each; medians of ratios");
    println!(
        "{:<20} {:>10} {:>10}   {:<10} compared with",
        "watched", "requests/s", "CPU/req", "goal"
    );
    for subject in &subjects {
        let Variant { name, goal, to, .. } = *subject.variant;
        let pairs = || subject.turns.iter().zip(&subjects[to].turns);
        let speed = median(pairs().map(|(this, other)| this.0 / other.0).collect());
        let cpu = median(pairs().map(|(this, other)| other.1 / this.1).collect());
        let other = VARIANTS[to].name;
        println!("{name:<20} {speed:>10.3} {cpu:>10.3}   {goal:<10} {other}");
    }
    for subject in &mut subjects {
        let _ = subject.child.kill();
        let _ = subject.child.wait();
    }
}
