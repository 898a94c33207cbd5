//! From one loop to the next under clients that never rest: no byte is lost, and no descriptor.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::backends::loops;
use crate::harness::{Client, Over, PATIENCE, Server};
use crate::rings::has_ring;

/// Descriptors of that process, and its threads.
fn resources(server: &Server) -> (usize, usize) {
    let count = |what| std::fs::read_dir(format!("/proc/{}/{what}", server.pid())).unwrap().count();
    (count("fd"), count("task"))
}

/// What the clients of a storm share.
#[derive(Default)]
struct Storm {
    stop: AtomicBool,
    echoed: AtomicUsize,
    /// Between two pieces that a client sends.
    pause: Duration,
}

/// Sends numbered bytes without end and compares what comes back.
fn flood(mut stream: TcpStream, storm: &Storm, seed: u8) {
    let mut out = stream.try_clone().unwrap();
    thread::scope(|scope| {
        let (tell, told) = std::sync::mpsc::channel::<usize>();
        scope.spawn(move || {
            let mut buffer = vec![0; 32_768];
            let mut at = 0_usize;
            let mut end = None;
            while end != Some(at) {
                end = end.or_else(|| told.try_recv().ok());
                if end == Some(at) {
                    break;
                }
                let got = stream.read(&mut buffer).expect("the echo");
                if got == 0 {
                    let end = end.or_else(|| told.recv().ok());
                    assert_eq!(end, Some(at), "bytes are lost");
                    return;
                }
                for byte in &buffer[..got] {
                    assert_eq!(*byte, byte_at(at, seed), "at {at}");
                    at += 1;
                }
                storm.echoed.fetch_add(got, Ordering::Relaxed);
            }
        });
        let mut sent = 0_usize;
        let mut chunk = [0; 3_000];
        while !storm.stop.load(Ordering::Relaxed) {
            thread::sleep(storm.pause);
            for (n, byte) in chunk.iter_mut().enumerate() {
                *byte = byte_at(sent + n, seed);
            }
            out.write_all(&chunk).unwrap();
            sent += chunk.len();
        }
        tell.send(sent).unwrap();
        out.shutdown(std::net::Shutdown::Write).unwrap();
    });
}

fn byte_at(at: usize, seed: u8) -> u8 {
    ((at * 31 + at / 251) % 256).to_le_bytes()[0].wrapping_add(seed)
}

#[test]
fn no_byte_is_lost_on_the_way_from_loop_to_loop() {
    storm(&["--unobserved"], Duration::ZERO);
}

#[test]
fn no_byte_is_lost_on_the_way_from_loop_to_loop_while_it_is_watched() {
    storm(&["--edge-log", "on"], Duration::from_millis(5));
}

/// The last switch ends where it began, once all its threads have begun.
#[track_caller]
fn settles(server: &Server, before: (usize, usize)) {
    let mut after = resources(server);
    for _ in 0..500 {
        if after == before {
            break;
        }
        thread::sleep(Duration::from_millis(10));
        after = resources(server);
    }
    assert_eq!(after, before);
}

fn storm(args: &[&str], pause: Duration) {
    let loops = loops();
    let args = [args, &["--raw", "--threads", "3", "--trigger", "edge"]].concat();
    let mut server = Server::start(&args);
    let started = |l: &Value| l["kind"] == "thread" && l["state"] == "started";
    server.many("threads", 3, started);
    if !args.contains(&"--unobserved") {
        server.ever("fdinfo has been opened", |l| l["kind"] == "interest");
    }
    let before = resources(&server);
    let storm = Arc::new(Storm { pause, ..Storm::default() });
    let clients: Vec<_> = (0..6)
        .map(|seed| {
            let stream = TcpStream::connect(server.address()).unwrap();
            stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
            let storm = Arc::clone(&storm);
            thread::spawn(move || flood(stream, &storm, seed))
        })
        .collect();
    for round in 0..8 {
        for to in loops.iter().cycle().skip(1).take(loops.len()) {
            let answer = server.command(&format!("backend {to}"));
            assert_eq!(answer["state"], "done", "round {round}: {answer}");
            // Some come and go meanwhile.
            let mut client = server.silent_client();
            client.send("in between");
            client.expect("in between");
            if round % 2 == 0 {
                client.reset();
            }
            let so_far = storm.echoed.load(Ordering::Relaxed);
            while storm.echoed.load(Ordering::Relaxed) < so_far + 50_000 {
                thread::sleep(Duration::from_millis(1));
            }
        }
    }
    storm.stop.store(true, Ordering::Relaxed);
    for client in clients {
        client.join().expect("every byte came back in order");
    }
    settles(&server, before);
    assert!(server.quit().success());
}

/// Switches each 50 ms, or as soon as the one before is done, while forty clients flood and others
/// come, are answered, and leave by a reset or a half-close.
fn storm_of_switches(time: Duration) {
    let loops = loops();
    let args = ["--unobserved", "--raw", "--threads", "3", "--trigger", "edge"];
    let mut server = Server::start(&args);
    let started = |l: &Value| l["kind"] == "thread" && l["state"] == "started";
    server.many("threads", 3, started);
    let before = resources(&server);
    let storm = Arc::new(Storm { pause: Duration::from_millis(2), ..Storm::default() });
    let stream = || {
        let stream = TcpStream::connect(server.address()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    };
    let mut clients = Vec::new();
    for seed in 0..40 {
        let (stream, storm) = (stream(), Arc::clone(&storm));
        clients.push(thread::spawn(move || flood(stream, &storm, seed)));
    }
    for leaves_by_reset in [true, false] {
        let (storm, address) = (Arc::clone(&storm), server.address());
        clients.push(thread::spawn(move || {
            while !storm.stop.load(Ordering::Relaxed) {
                let mut client = Client(TcpStream::connect(address).unwrap());
                client.0.set_read_timeout(Some(PATIENCE)).unwrap();
                client.send("in between");
                client.expect("in between");
                if leaves_by_reset {
                    client.reset();
                } else {
                    client.half_close();
                    assert_eq!(client.rest(), "");
                }
            }
        }));
    }
    let (begun, mut switches) = (Instant::now(), 0);
    for to in loops.iter().cycle().skip(1) {
        let next = Instant::now() + Duration::from_millis(50);
        assert_eq!(server.command(&format!("backend {to}"))["state"], "done", "to {to}");
        switches += 1;
        if begun.elapsed() > time && *to == loops[0] {
            break;
        }
        thread::sleep(next.saturating_duration_since(Instant::now()));
    }
    storm.stop.store(true, Ordering::Relaxed);
    for client in clients {
        client.join().expect("every byte came back in order");
    }
    let bytes = storm.echoed.load(Ordering::Relaxed);
    println!("{switches} switches in {:?}, {bytes} bytes back", begun.elapsed());
    settles(&server, before);
    assert!(server.quit().success());
}

#[test]
fn no_byte_is_lost_in_a_storm_of_switches() {
    storm_of_switches(Duration::from_secs(3));
}

#[test]
#[ignore = "reason: a minute"]
fn no_byte_is_lost_in_a_minute_of_switches() {
    storm_of_switches(Duration::from_secs(60));
}

/// Goes through all loops and back, again and again, until that thread has ended.
fn switch_until_over(server: &mut Server, over: &AtomicBool) {
    let mut rounds = 0;
    while !over.load(Ordering::Relaxed) || rounds < 2 {
        for to in loops().into_iter().cycle().skip(1).take(loops().len()) {
            assert_eq!(server.command(&format!("backend {to}"))["state"], "done", "to {to}");
        }
        rounds += 1;
    }
}

/// What clients do while the server goes through all its loops.
fn across(args: &[&str], client: impl Fn(TcpStream) + Sync) {
    let mut server = Server::start(args);
    let address = server.address();
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let talk = scope.spawn(|| {
            let _over = Over(&over, &[]);
            let stream = TcpStream::connect(address).unwrap();
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            client(stream);
        });
        switch_until_over(&mut server, &over);
        talk.join().expect("the client");
    });
    assert!(server.quit().success());
}

#[test]
fn a_chat_passes_every_line_on_from_loop_to_loop() {
    let mut server = Server::start(&["--app", "chat"]);
    let (mut writer, _) = server.client();
    let readers: Vec<_> = (0..3).map(|_| server.client().0).collect();
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        for reader in readers {
            scope.spawn(move || {
                let mut lines = BufReader::new(reader.0).lines();
                for n in 0..2_000 {
                    assert_eq!(lines.next().unwrap().unwrap(), format!("line {n}"));
                }
            });
        }
        scope.spawn(|| {
            let _over = Over(&over, &[]);
            for n in 0..2_000 {
                writer.send(&format!("line {n}\n"));
                if n % 10 == 0 {
                    thread::sleep(Duration::from_millis(1));
                }
            }
        });
        switch_until_over(&mut server, &over);
    });
    assert!(server.quit().success());
}

#[test]
fn http_answers_every_request_from_loop_to_loop() {
    across(&["--app", "http"], |mut stream| {
        let mut first = None;
        for n in 0..400 {
            stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
            let answer = answer(&mut stream);
            assert!(answer.starts_with("HTTP/1.1 200"), "request {n}: {answer}");
            let first = first.get_or_insert_with(|| answer.clone());
            assert_eq!(answer, *first, "request {n}");
        }
    });
}

/// One answer, with its body.
fn answer(stream: &mut TcpStream) -> String {
    let mut got = Vec::new();
    let mut one = [0];
    while !got.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut one).expect("a head");
        got.push(one[0]);
    }
    let head = String::from_utf8(got).unwrap();
    let length = head
        .lines()
        .find_map(|l| l.to_ascii_lowercase().strip_prefix("content-length:")?.trim().parse().ok());
    let mut body = vec![0; length.expect("a length")];
    stream.read_exact(&mut body).expect("a body");
    head + &String::from_utf8_lossy(&body)
}

#[test]
fn discard_takes_every_byte_from_loop_to_loop() {
    across(&["--app", "discard"], |mut stream| {
        for _ in 0..600 {
            stream.write_all(&[b'x'; 16_000]).unwrap();
            thread::sleep(Duration::from_millis(1));
        }
        stream.shutdown(Shutdown::Write).unwrap();
        // It closes when it has read the end, which comes after all the rest.
        assert_eq!(stream.read(&mut [0]).unwrap(), 0);
    });
}

/// Ends a ring's server with recvs armed, sends that find no room, and traffic.
#[test]
fn a_signal_ends_a_ring_with_operations_in_flight() {
    if !has_ring() {
        return;
    }
    for (signal, code) in [(Signal::SIGTERM, 143), (Signal::SIGINT, 130), (Signal::SIGHUP, 129)] {
        let server = Server::start(&["--backend", "io_uring", "--edge-log", "on"]);
        let mut idle: Vec<_> = (0..10).map(|_| server.silent_client()).collect();
        let mut deaf = server.silent_client();
        assert!(deaf.stuff() > 0, "its echo finds no room");
        let stream = TcpStream::connect(server.address()).unwrap();
        let storm = Arc::new(Storm::default());
        let shared = Arc::clone(&storm);
        let flooding = thread::spawn(move || pour(stream, &shared));
        while storm.echoed.load(Ordering::Relaxed) < 1_000_000 {
            thread::sleep(Duration::from_millis(1));
        }
        let status = server.signal(signal);
        assert_eq!(status.code(), Some(code), "{signal}");
        for client in &mut idle {
            let last = client.rest();
            assert!(last.contains("goodbye"), "a last line: {last:?}");
        }
        flooding.join().unwrap();
    }
}

/// Sends and reads until the server has ended.
fn pour(mut stream: TcpStream, storm: &Storm) {
    let mut buffer = [0; 10_000];
    while stream.write_all(&buffer).is_ok() {
        match stream.read(&mut buffer) {
            Ok(1..) => storm.echoed.fetch_add(buffer.len(), Ordering::Relaxed),
            Ok(0) | Err(_) => return,
        };
    }
}
