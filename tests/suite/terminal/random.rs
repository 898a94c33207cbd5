//! Random keys, pastes, clicks and sizes beside live traffic.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::harness::{Over, PATIENCE};
use crate::pty::{FREE, Terminal};
use epollscope::lesson::random::Rng;

/// Keys in the proportion in which they come. `q`, Ctrl-C and Ctrl-Z would end or stop the
/// program, and `w` would make the server spin.
const KEYS: &str = "  ...>>bd-+=nNtTooxmcKXgghhllzzZZff[[[]]]jjkk1234/y??::eavshru0123456789\t\t\r\
     \x7f\x08\x01\x05\x15";

/// Keys that are sequences.
const SEQUENCES: [&str; 12] = [
    "\x1b[A", "\x1b[B", "\x1b[C", "\x1b[D", "\x1b[H", "\x1b[F", "\x1b[5~", "\x1b[6~", "\x1b[3~",
    "\x1b[Z", "\x1bOP", "\x1b",
];

/// Commands for the palette, as they are typed.
const COMMANDS: [&str; 19] = [
    "trigger all edge",
    "trigger all level",
    "read once 4",
    "read drain",
    "accept once",
    "accept drain",
    "max-events 1",
    "max-events 64",
    "threads 8",
    "threads 1",
    "filter read",
    "drop fd=12",
    "zoom 1ms",
    "view findings",
    "backend",
    "backend goroutine",
    "backend threads",
    "backend epoll",
    "netpoll thread",
];

/// What a paste may hold.
const PASTES: [&str; 5] =
    ["fd=7", "pause\n", "\x1b[2J\x1b]0;x\x07", "\u{202e}\u{200b}e\u{301}漢字", "\0\x01\x7f\t\r\n"];

/// Says at a failure how to have it again.
struct Seed(u64);

impl Drop for Seed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the seed was EPOLLSCOPE_SEED={}", self.0);
        }
    }
}

/// One client after another, until it is over; the server may be held at any time.
fn talk(port: u16, seed: u64, over: &AtomicBool) {
    let mut rng = Rng::new(seed);
    while !over.load(Ordering::Relaxed) {
        let Ok(mut client) = TcpStream::connect(("127.0.0.1", port)) else { return };
        client.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        client.set_write_timeout(Some(Duration::from_millis(20))).unwrap();
        for _ in 0..rng.roll(40) {
            let bytes: Vec<_> =
                (0..rng.roll(300)).map(|n| (n * 7 % 256).to_le_bytes()[0]).collect();
            let _full = client.write_all(&bytes);
            let _held = client.read(&mut [0; 512]);
        }
        if rng.roll(2) == 0 {
            crate::harness::Client(client).reset();
        }
    }
}

fn act(terminal: &mut Terminal, rng: &mut Rng, size: &mut (u16, u16)) {
    match rng.roll(100) {
        0..70 => {
            let keys: Vec<_> = KEYS.chars().collect();
            terminal.keys(&keys[rng.roll(keys.len())].to_string());
        }
        70..82 => terminal.keys(SEQUENCES[rng.roll(SEQUENCES.len())]),
        82..88 => terminal.keys(&format!("\x1b\x1b[F:{}\r", COMMANDS[rng.roll(COMMANDS.len())])),
        88..92 => {
            terminal.keys(&format!("\x1b[200~{}\x1b[201~", PASTES[rng.roll(PASTES.len())]));
        }
        92..96 => {
            let (x, y) = (1 + rng.roll(size.1.into()), 1 + rng.roll(size.0.into()));
            terminal.keys(&format!("\x1b[<0;{x};{y}M\x1b[<0;{x};{y}m"));
        }
        _ => {
            let mut side = |most: usize| u16::try_from(1 + rng.roll(most)).unwrap();
            *size = (side(90), side(260));
            terminal.resize(size.0, size.1);
        }
    }
}

/// Whatever is open is closed, and the help comes and goes: the screen lives.
#[track_caller]
fn answers(terminal: &mut Terminal, size: (u16, u16)) {
    terminal.resize(size.0, size.1);
    let deadline = Instant::now() + PATIENCE;
    for help in [true, false] {
        while terminal.text().contains("? closes") != help {
            assert!(Instant::now() < deadline, "help: {}\n{}", !help, terminal.text());
            // `u` ends what a random Esc, `[` and `?` began; Esc by itself ends where no other byte
            // follows it at once.
            terminal.keys("u");
            terminal.settle();
            terminal.keys("\x1b");
            terminal.settle();
            if help {
                terminal.keys("?");
                terminal.settle();
            }
        }
    }
    // An Esc that has not been read yet would make another key of the one that follows.
    terminal.keys("u");
}

/// The descriptors that an epoll instance of the process watches, by the kernel.
fn watched(pid: u32) -> BTreeSet<i64> {
    let mut all = BTreeSet::new();
    for entry in std::fs::read_dir(format!("/proc/{pid}/fdinfo")).unwrap() {
        // A descriptor may be gone by now.
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap_or_default();
        let lines = text.lines().filter_map(|line| line.strip_prefix("tfd:"));
        all.extend(lines.map(|l| l.split_whitespace().next().unwrap().parse::<i64>().unwrap()));
    }
    all
}

/// The number in the title of the interest list, and the descriptors in its rows.
fn listed(text: &str) -> Option<(usize, BTreeSet<i64>)> {
    let title = text.split("Interest list (rbr) ─ ").nth(1)?;
    let (count, rest) = title.split_once(' ')?;
    rest.starts_with("─ kernel").then_some(())?;
    let rows = text.lines().skip(3).take_while(|line| line.starts_with('│'));
    let numbers = rows
        .filter_map(|row| row[3..].trim_start_matches('▌').split_whitespace().next()?.parse().ok());
    Some((count.replace(',', "").parse().ok()?, numbers.collect()))
}

/// Brings the server and the screen back to where they began. A random key that is still to be
/// read may take a command with it, so the caller looks and asks again.
fn set_right(terminal: &mut Terminal) {
    let rights =
        ["run", "delay 0", "backend epoll", "netpoll shared", "accept drain", "read drain"];
    let then = ["threads 1", "trigger all level", "live", "filter", "sort number", "view overview"];
    for command in rights.iter().chain(&then) {
        answers(terminal, (200, 240));
        terminal.keys(&format!(":{command}\r"));
    }
    answers(terminal, (200, 240));
}

fn storm(seed: u64, time: Duration) {
    let _told = Seed(seed);
    println!("EPOLLSCOPE_SEED={seed}");
    let args = ["--mouse", "--threads", "2", "--history-bytes", "4M"];
    let mut terminal = Terminal::start(40, 120, &[&FREE[..], &args].concat());
    terminal.shows("Timeline");
    let (port, pid) = (terminal.port(), terminal.child.id());
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let _over = Over(&over, &[]);
        for n in 0..3 {
            let over = &over;
            scope.spawn(move || talk(port, seed + n, over));
        }
        let (mut rng, mut size) = (Rng::new(seed), (40, 120));
        let begun = Instant::now();
        let mut acts = 0;
        while begun.elapsed() < time {
            for _ in 0..200 {
                act(&mut terminal, &mut rng, &mut size);
                std::thread::sleep(Duration::from_micros(500));
            }
            acts += 200;
            size = (40, 120);
            answers(&mut terminal, size);
            terminal.is_clean();
        }
        println!("{acts} keys, pastes, clicks and sizes in {:?}", begun.elapsed());
    });
    let deadline = Instant::now() + PATIENCE;
    loop {
        set_right(&mut terminal);
        let text = terminal.text();
        let shown = listed(&text);
        let kernel = watched(pid);
        let is_true = shown.is_some_and(|(count, rows)| {
            count == kernel.len() && rows.is_subset(&kernel) && rows.len() >= count.min(20)
        });
        let header = text.lines().next().unwrap_or_default();
        let is_right = header.contains("epoll·level·drain·1 thread  running");
        // At two seconds a call nobody is answered in time.
        if is_true && is_right && !header.contains("delay") {
            break;
        }
        assert!(Instant::now() < deadline, "the kernel's interest list is not shown:\n{text}");
    }
    let mut client = terminal.connect();
    client.write_all(b"well?").unwrap();
    if let Err(error) = client.read_exact(&mut [0; 5]) {
        terminal.settle();
        panic!("no answer: {error}\n{}", terminal.text());
    }
    assert!(!terminal.text().contains("died"), "{}", terminal.text());
    terminal.keys("q");
    assert_eq!(terminal.ended().code(), Some(0));
    terminal.is_restored();
}

/// The seed asked for, or this one.
fn seed(or: u64) -> u64 {
    std::env::var("EPOLLSCOPE_SEED").map_or(or, |seed| seed.parse().expect("a number"))
}

#[test]
fn random_keys_pastes_and_sizes_beside_traffic_leave_the_interest_list_true() {
    storm(seed(1), Duration::from_secs(5));
}

#[test]
#[ignore = "reason: minutes"]
fn five_minutes_of_random_keys_pastes_and_sizes_leave_the_interest_list_true() {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    storm(seed(now.as_secs()), Duration::from_secs(300));
}
