//! Very many clients, and clients that want too much.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use serde_json::Value;

use super::{assert_answers, is_refusal};
use crate::harness::{Over, PATIENCE, Server, resident};
use crate::pty::{FREE, Terminal};

/// A crowd takes most of the descriptors that the tests may have: there is one at a time.
static CROWD: Mutex<()> = Mutex::new(());

/// What waits to be accepted at a port, by the kernel (proc_net(5)).
fn queued(port: u16) -> usize {
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let port = format!(":{port:04X}");
    let listens = |fields: &[&str]| fields[1].ends_with(&port) && fields[3] == "0A";
    let lines = table.lines().skip(1).map(|line| line.split_whitespace().collect::<Vec<_>>());
    let line = lines.into_iter().find(|fields| listens(fields)).expect("it listens");
    usize::from_str_radix(line[4].split(':').nth(1).unwrap(), 16).unwrap()
}

/// So many clients come and go as fast as they can; how many observations that cost.
fn burst(clients: usize) -> usize {
    let mut server = Server::start(&["--threads", "2"]);
    let (address, begun) = (server.address(), Instant::now());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..clients / 4 {
                    drop(TcpStream::connect(address).unwrap());
                }
            });
        }
    });
    let fdinfo = format!("/proc/{}/fdinfo/{}", server.pid(), server.epoll());
    let watched = || {
        let text = std::fs::read_to_string(&fdinfo).unwrap();
        text.lines().filter(|line| line.starts_with("tfd:")).count()
    };
    while queued(address.port()) > 0 || watched() > 2 {
        assert!(
            begun.elapsed() < 3 * PATIENCE,
            "{} wait, {} open",
            queued(address.port()),
            watched()
        );
        std::thread::sleep(Duration::from_millis(5));
    }
    println!("{clients} connections served in {:?}", begun.elapsed());
    assert_answers(&server);
    server.tell("quit");
    assert!(server.ended().success());
    let lines = server.all_lines();
    let count = |call: &str| {
        let done = |l: &&Value| l["kind"] == "call" && l["call"] == call && !l["ret"].is_null();
        lines.iter().filter(done).count()
    };
    let refused = lines.iter().filter(|line| is_refusal(line)).count();
    let lost: u64 = lines.iter().filter_map(|l| l["lost"].as_u64()).sum();
    let (lost, all) = (usize::try_from(lost).unwrap(), clients + 1);
    println!("told: {} accepts, {} closes; lost: {lost}", count("accept4"), count("close"));
    // The last one asked whether it answers.
    for call in ["accept4", "close"] {
        assert!(count(call) <= all + 8 && count(call) + lost >= all, "{call}: {}", count(call));
    }
    assert!(lost > 0 || count("accept4") == all, "{} accepts", count("accept4"));
    assert_eq!(refused, 0);
    lost
}

#[test]
fn burst_of_2000_short_connections_loses_none_and_counts_are_exact() {
    assert_eq!(burst(2_000), 0);
}

#[test]
#[ignore = "reason: minutes"]
fn burst_of_18000_short_connections_loses_none_and_counts_are_exact_but_for_told_gaps() {
    burst(18_000);
}

#[test]
fn client_that_never_reads_and_one_that_never_stops_do_not_keep_others_waiting() {
    for trigger in ["level", "edge"] {
        let args = ["--trigger", trigger, "--buffers", "8192", "--delay", "1", "--threads", "2"];
        let mut server = Server::start(&args);
        let (mut deaf, deaf_fd) = server.client();
        let (loud, _) = server.client();
        deaf.0.set_nonblocking(true).unwrap();
        let stop = AtomicBool::new(false);
        let is_over = || stop.load(Ordering::Relaxed);
        std::thread::scope(|scope| {
            let over = Over(&stop, &[&loud.0]);
            let (mut sends, mut reads) = (&loud.0, &loud.0);
            scope.spawn(move || while sends.write_all(&[b'y'; 4096]).is_ok() {});
            scope.spawn(move || while reads.read(&mut [0; 4096]).is_ok_and(|n| n > 0) {});
            scope.spawn(|| {
                while !is_over() {
                    let _full = deaf.0.write(&[b'x'; 16_384]);
                    std::thread::yield_now();
                }
            });
            server.wait("back-pressure", |l| {
                l["kind"] == "connection" && l["fd"] == deaf_fd && l["state"] == "back-pressure"
            });
            let (mut third, _) = server.client();
            let mut times: Vec<_> = (0..9)
                .map(|_| {
                    let begun = Instant::now();
                    third.send("me too\n");
                    third.expect("me too\n");
                    begun.elapsed()
                })
                .collect();
            times.sort_unstable();
            drop(over);
            assert!(times[4] < Duration::from_secs(1), "{trigger}: {times:?}");
        });
    }
}

/// Connections that stay open, with the right to have so many.
fn crowd(clients: usize, connect: impl Fn() -> TcpStream) -> Vec<TcpStream> {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    assert!(hard > clients as u64 + 1_000, "{clients} clients need a higher limit than {hard}");
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).unwrap();
    (0..clients).map(|_| connect()).collect()
}

/// Looks at the memory of a process, and at one of its clients, for a while; how much it is. In the
/// first quarter what has just happened may still be worked on.
#[track_caller]
fn stays_flat(pid: u32, time: Duration, client: &mut TcpStream, clients: usize) -> usize {
    let (begun, mut seen) = (Instant::now(), Vec::new());
    while begun.elapsed() < time {
        client.write_all(b"tick").unwrap();
        client.read_exact(&mut [0; 4]).expect("an answer");
        std::thread::sleep(Duration::from_millis(100));
        seen.push(resident(pid));
    }
    let settled = &seen[seen.len() / 4..];
    let most = settled.iter().max().unwrap();
    // A keyframe of the history, with all clients in it, may be made meanwhile.
    let keyframe = 512 * clients;
    assert!(
        most - settled[0] < (4 << 20) + keyframe,
        "it grew from {} to {most} bytes",
        settled[0]
    );
    settled[0]
}

/// So many connections do nothing for so long.
fn idle(clients: usize, time: Duration) {
    let _one = CROWD.lock().unwrap_or_else(PoisonError::into_inner);
    let server = Server::start(&["--history-bytes", "1M"]);
    let before = resident(server.pid());
    let address = server.address();
    let crowd = crowd(clients, || TcpStream::connect(address).unwrap());
    let (mut last, _) = server.client();
    let each = (stays_flat(server.pid(), time, &mut last.0, clients) - before) / clients;
    println!("{clients} connections: {each} bytes of the server's memory each");
    assert!(each < 8_192, "{each} bytes a connection");
    drop(crowd);
    assert_answers(&server);
    assert!(server.quit().success());
}

#[test]
fn thousand_idle_connections_take_little_memory_and_no_more_with_time() {
    idle(1_000, Duration::from_secs(2));
}

#[test]
#[ignore = "reason: minutes"]
fn ten_thousand_idle_connections_take_little_memory_and_no_more_with_time() {
    idle(10_000, Duration::from_secs(60));
}

/// The same with a screen, which answers keys.
fn idle_on_screen(clients: usize, time: Duration) {
    let _one = CROWD.lock().unwrap_or_else(PoisonError::into_inner);
    let args = [FREE[0], FREE[1], "--history-bytes", "1M"];
    let mut terminal = Terminal::start(40, 120, &args);
    terminal.shows("Timeline");
    let pid = terminal.child.id();
    let before = resident(pid);
    let port = terminal.port();
    let connect = || TcpStream::connect(("127.0.0.1", port)).unwrap();
    let mut crowd = crowd(clients, connect);
    terminal.shows(&format!("{},{:03} clients", clients / 1000, clients % 1000));
    let mut times = Vec::new();
    for (key, view) in [("3", "connected"), ("?", "? closes"), ("?1", "Timeline")].repeat(5) {
        let begun = Instant::now();
        terminal.keys(key);
        terminal.shows(view);
        times.push(begun.elapsed());
    }
    // A few wait for the machine, which others use, too.
    times.sort_unstable();
    let (median, slowest) = (times[times.len() / 2], times[times.len() - 1]);
    println!("15 keys took {median:?}, the slowest {slowest:?}");
    assert!(median < Duration::from_secs(1), "{times:?}");
    let last = crowd.last_mut().unwrap();
    last.set_read_timeout(Some(PATIENCE)).unwrap();
    let each = (stays_flat(pid, time, last, clients) - before) / clients;
    println!("{clients} connections on a screen: {each} bytes of the server's memory each");
    assert!(each < 8_192, "{each} bytes a connection");
    drop(crowd);
    terminal.shows("0 clients");
    terminal.keys("q");
    assert_eq!(terminal.ended().code(), Some(0));
    terminal.is_restored();
}

#[test]
fn thousand_idle_connections_on_a_screen_do_not_slow_the_keys() {
    idle_on_screen(1_000, Duration::from_secs(2));
}

#[test]
#[ignore = "reason: minutes"]
fn ten_thousand_idle_connections_on_a_screen_do_not_slow_the_keys() {
    idle_on_screen(10_000, Duration::from_secs(60));
}

/// Traffic without end for so long, at full speed.
fn greedy(trigger: &str, time: Duration) {
    let args = ["--trigger", trigger, "--buffers", "8192", "--history-bytes", "1M"];
    let mut terminal = Terminal::start(40, 120, &[&FREE[..], &args].concat());
    let (deaf, loud, mut third) = (terminal.connect(), terminal.connect(), terminal.connect());
    let pid = terminal.child.id();
    deaf.set_nonblocking(true).unwrap();
    let stop = AtomicBool::new(false);
    let is_over = || stop.load(Ordering::Relaxed);
    std::thread::scope(|scope| {
        let over = Over(&stop, &[&loud]);
        let (mut sends, mut reads) = (&loud, &loud);
        scope.spawn(move || while sends.write_all(&[b'y'; 4096]).is_ok() {});
        scope.spawn(move || while reads.read(&mut [0; 4096]).is_ok_and(|n| n > 0) {});
        scope.spawn(|| {
            while !is_over() {
                let _full = (&deaf).write(&[b'x'; 16_384]);
                std::thread::sleep(Duration::from_millis(1));
            }
        });
        let begun = Instant::now();
        let mut seen = Vec::new();
        // Whoever starves is not answered at all: how soon depends on what else the machine does.
        while begun.elapsed() < time || seen.len() < 8 {
            let asked = Instant::now();
            third.write_all(b"me too").unwrap();
            let answered = third.read_exact(&mut [0; 6]).map(|()| asked.elapsed());
            let starved = answered.is_err();
            seen.push((answered.unwrap_or(Duration::MAX), resident(pid)));
            if starved {
                break;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        drop(over);
        let half = &seen[seen.len() / 2..];
        let first = half[0].1;
        let most = half.iter().map(|(_, bytes)| *bytes).max().unwrap();
        let mut times: Vec<_> = seen.iter().map(|(answered, _)| *answered).collect();
        times.sort_unstable();
        println!(
            "{trigger}: answers {:?} to {:?}; {first} to {most} bytes",
            times[0],
            times[times.len() - 1]
        );
        assert!(times[times.len() - 1] < Duration::MAX, "{trigger}: somebody starved: {times:?}");
        assert!(most - first < 8 << 20, "{trigger}: it grew from {first} to {most} bytes");
    });
    terminal.keys("q");
    assert_eq!(terminal.ended().code(), Some(0));
    terminal.is_restored();
}

#[test]
fn client_that_never_reads_and_one_that_never_stops_take_no_more_memory_with_time() {
    for trigger in ["level", "edge"] {
        greedy(trigger, Duration::from_millis(1500));
    }
}

#[test]
#[ignore = "reason: minutes"]
fn client_that_never_reads_and_one_that_never_stops_take_no_more_memory_in_a_minute() {
    for trigger in ["level", "edge"] {
        greedy(trigger, Duration::from_secs(60));
    }
}
