//! What clients, limits and bad moments do to the server, on real sockets.

mod endings;

use std::collections::BTreeSet;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::harness::{Client, PATIENCE, Server, is_call, program};

/// The program with room for this many descriptors.
fn limited(descriptors: u32, args: &[&str]) -> Command {
    let mut command = Command::new("sh");
    let script = format!("ulimit -n {descriptors} && exec \"$0\" \"$@\"");
    command.args(["-c", &script, env!("CARGO_BIN_EXE_epollscope"), "--headless"]).args(args);
    command.env_remove("EPOLLSCOPE_CONFIG");
    command
}

/// The clients that a server has accepted so far, by their addresses.
fn accepted(server: &Server) -> BTreeSet<String> {
    let lines = server.lines();
    let peers = lines.iter().filter(|l| l["call"] == "accept4").filter_map(|l| l["peer"].as_str());
    peers.map(str::to_owned).collect()
}

fn is_exhausted(line: &Value) -> bool {
    line["call"] == "accept4" && line["errno"] == "EMFILE"
}

fn is_refusal(line: &Value) -> bool {
    line["kind"] == "refused"
}

fn is_wait(line: &Value) -> bool {
    line["kind"] == "call" && line["call"] == "epoll_wait"
}

/// Wake-ups a second between the line of number `from` and the last one.
fn wakeups_a_second(server: &Server, from: usize) -> f64 {
    let lines = &server.lines()[from..];
    let time = |line: &Value| line["t_ns"].as_f64().unwrap() / 1e9;
    let wakeups = lines.iter().filter(|l| is_wait(l)).count();
    f64::from(u32::try_from(wakeups).unwrap()) / (time(&lines[lines.len() - 1]) - time(&lines[0]))
}

/// A server that still answers somebody new.
#[track_caller]
fn assert_answers(server: &Server) {
    let mut client = server.silent_client();
    client.send("still there?\n");
    client.expect("still there?\n");
}

fn exhaust(trigger: &str) {
    let args = ["--listen", "127.0.0.1:0", "--trigger", trigger];
    let mut server = Server::spawn(&mut limited(64, &args));
    let clients: Vec<_> = (0..100).map(|_| server.silent_client()).collect();
    server.wait("a refusal", is_refusal);
    // Full: it looks again once in a while, and turns nobody else away.
    server.wait("EMFILE", is_exhausted);
    let from = server.lines().len() - 1;
    for _ in 0..3 {
        server.wait("another try", is_exhausted);
    }
    let rate = wakeups_a_second(&server, from);
    assert!(rate < 10.0, "{trigger}: {rate} wake-ups a second");
    assert_eq!(server.count(is_refusal), 1, "{trigger}");
    let first = accepted(&server);
    assert!(first.len() > 20 && first.len() < 64, "{trigger}: {} accepted", first.len());
    let (served, waiting): (Vec<_>, Vec<_>) =
        clients.into_iter().partition(|client| first.contains(&client.name()));
    // One of them was refused.
    let refused = server.lines().iter().position(is_refusal).unwrap();
    let told = server.lines()[..refused].iter().rposition(|l| !l["peer"].is_null()).unwrap();
    let told = server.lines()[told]["peer"].as_str().unwrap().to_owned();
    for mut client in served {
        if client.name() == told {
            assert_eq!(client.0.read(&mut [0]).unwrap(), 0, "{trigger}: the refused is told");
        }
    }
    for mut client in waiting {
        client.send("at last");
        client.expect("at last");
    }
    server.many("accept", 100, |l| !l["peer"].is_null());
    assert_eq!((accepted(&server).len(), server.count(is_refusal)), (100, 1), "{trigger}");
    assert!(server.quit().success());
}

#[test]
fn without_descriptors_one_client_is_refused_and_the_rest_wait_and_are_served_level() {
    exhaust("level");
}

#[test]
fn without_descriptors_one_client_is_refused_and_the_rest_wait_and_are_served_edge() {
    exhaust("edge");
}

#[test]
fn without_descriptors_every_listener_is_muted_and_served_again() {
    let path = std::env::temp_dir().join(format!("epollscope-full-{}", std::process::id()));
    let mut command = limited(40, &["--listen", "127.0.0.1:0", "--listen", "127.0.0.1:0"]);
    command.arg("--unix").arg(&path).args(["--trigger", "edge", "--threads", "2"]);
    let server = Server::spawn(&mut command);
    let (first, second) = (server.listener(0), server.listener(1));
    let clients: Vec<_> = (0..50).map(|_| TcpStream::connect(&first).unwrap()).collect();
    server.many("EMFILE", 2, is_exhausted);
    let mut other = Client(TcpStream::connect(&second).unwrap());
    let mut local = UnixStream::connect(&path).unwrap();
    for name in [&first, &second] {
        let fd = server.ever("open", |l| l["kind"] == "open" && l["name"] == name.as_str());
        let fd = fd["fd"].as_i64().unwrap();
        server.ever("EMFILE", |l| is_call(l, "accept4", fd) && l["errno"] == "EMFILE");
    }
    drop(clients);
    // Each may be the one that was turned away.
    let mut buffer = [0; 2];
    for client in [&mut other.0 as &mut dyn ReadWrite, &mut local as &mut dyn ReadWrite] {
        let _closed = client.write_all(b"ok");
        match client.read(&mut buffer) {
            Ok(2) => assert_eq!(&buffer, b"ok"),
            Ok(_) => assert!(server.count(is_refusal) > 0),
            Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
        }
    }
    let mut last = Client(TcpStream::connect(&second).unwrap());
    last.send("room");
    last.expect("room");
    let mut last = UnixStream::connect(&path).unwrap();
    last.set_read_timeout(Some(PATIENCE)).unwrap();
    last.write_all(b"ok").unwrap();
    last.read_exact(&mut buffer).unwrap();
    assert!(server.quit().success());
}

trait ReadWrite: Read + Write {}
impl<T: Read + Write> ReadWrite for T {}

#[test]
fn burst_of_short_connections_loses_none_and_counts_are_exact() {
    let server = Server::start(&["--threads", "2"]);
    let address = server.address();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..500 {
                    drop(TcpStream::connect(address).unwrap());
                }
            });
        }
    });
    server.many("accept", 2000, |l| l["call"] == "accept4" && !l["ret"].is_null());
    server.many("close", 2000, |l| l["call"] == "close" && !l["ret"].is_null());
    let fdinfo = format!("/proc/{}/fdinfo/{}", server.pid(), server.epoll());
    let fdinfo = std::fs::read_to_string(fdinfo).unwrap();
    assert_eq!(fdinfo.lines().filter(|l| l.starts_with("tfd:")).count(), 2, "{fdinfo}");
    assert_eq!(server.count(|l| l["call"] == "accept4" && !l["ret"].is_null()), 2000);
    assert_eq!(server.count(|l| l["kind"] == "gap"), 0);
    assert_eq!(server.count(is_refusal), 0);
    assert_answers(&server);
}

#[test]
fn client_that_never_reads_and_one_that_never_stops_do_not_keep_others_waiting() {
    for trigger in ["level", "edge"] {
        let args = ["--trigger", trigger, "--buffers", "8192", "--delay", "1", "--threads", "2"];
        let mut server = Server::start(&args);
        let (mut deaf, deaf_fd) = server.client();
        let (loud, _) = server.client();
        deaf.0.set_nonblocking(true).unwrap();
        let over = std::sync::atomic::AtomicBool::new(false);
        let is_over = || over.load(std::sync::atomic::Ordering::Relaxed);
        std::thread::scope(|scope| {
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
            over.store(true, std::sync::atomic::Ordering::Relaxed);
            loud.0.shutdown(std::net::Shutdown::Both).unwrap();
            assert!(times[4] < Duration::from_secs(1), "{trigger}: {times:?}");
        });
    }
}

/// Whether a character could change what a terminal shows beside itself.
fn is_harmful(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}

fn payloads() -> Vec<Vec<u8>> {
    vec![
        b"\x1b]0;title\x07\x1b[2J\x1b[31mred\x1bPq\x1b\\\x9b31m\x90\x9c".to_vec(),
        "\u{202e}evil\u{202c} \u{2066}x\u{2069} a\u{200b}b\u{feff}c \u{2028}\u{e0041}".into(),
        b"\xc3\x28 \xf0\x28\x8c\xbc \xed\xa0\x80 \xc0\xaf \x80\x80 \xf8\x88\x80\x80\x80".to_vec(),
        [vec![b'e'], [0xcc, 0x81].repeat(3000)].concat(),
        (0..=255).collect(),
        vec![0xff; 300_000],
        vec![0; 100_000],
    ]
}

#[test]
fn hostile_payloads_come_back_unchanged_and_never_reach_the_output() {
    for trigger in ["level", "edge"] {
        let server = Server::start(&["--raw", "--trigger", trigger]);
        for payload in payloads() {
            let (client, _) = server.client();
            let mut back = vec![0; payload.len()];
            std::thread::scope(|scope| {
                let (mut sends, mut reads, payload) = (&client.0, &client.0, &payload);
                scope.spawn(move || sends.write_all(payload).unwrap());
                reads.read_exact(&mut back).unwrap();
            });
            assert_eq!(back, payload);
        }
        assert_tidy(&server);
    }
}

/// No line holds a character that a terminal would obey.
#[track_caller]
fn assert_tidy(server: &Server) {
    for line in server.lines() {
        let text = line.to_string();
        assert!(!text.chars().any(is_harmful), "{}", text.escape_debug());
        assert!(text.len() < 20_000, "a line of {} bytes", text.len());
    }
}

#[test]
fn hostile_words_on_standard_input_and_in_names_never_reach_the_output() {
    let path = std::env::temp_dir().join(format!("epollscope-name-{}", std::process::id()));
    let mut command = program();
    let mut server = Server::spawn(command.arg("--headless").arg("--unix").arg(&path));
    server.tell("send fd=9 \u{1b}[2J\u{202e}\u{200b}");
    server.wait("failed", |l| l["state"] == "failed");
    server.tell("\u{1b}[2J\u{202e}\u{9b}31m");
    server.wait("an error", |l| l["kind"] == "error");
    let stream = |flags| {
        use nix::sys::socket::{AddressFamily, SockType, socket};
        socket(AddressFamily::Unix, SockType::Stream, flags, None).unwrap()
    };
    let client = stream(nix::sys::socket::SockFlag::SOCK_CLOEXEC);
    let own = format!("\u{1b}[31m\u{202e}{}", std::process::id());
    let own = nix::sys::socket::UnixAddr::new_abstract(own.as_bytes()).unwrap();
    let number = std::os::fd::AsRawFd::as_raw_fd(&client);
    nix::sys::socket::bind(number, &own).unwrap();
    let to = nix::sys::socket::UnixAddr::new(&path).unwrap();
    nix::sys::socket::connect(number, &to).unwrap();
    server.wait("the name", |l| l["peer"].as_str().is_some_and(|p| p.contains("<U+202E>")));
    assert_tidy(&server);
    assert!(server.quit().success());
}

#[test]
fn flood_of_telnet_commands_is_swallowed_and_commands_still_end() {
    let mut server = Server::start(&[]);
    let (mut client, fd) = server.client();
    // Half of the 0xFF come back; a sub-negotiation without end is forgotten.
    server.ever("registered", |l| is_call(l, "epoll_ctl", fd));
    let nops = b"\xff\xf1".repeat(200_000);
    let mut sub = vec![0xff, 0xfa, 1];
    sub.extend(vec![b'x'; 1_000_000]);
    client.0.write_all(&nops).unwrap();
    client.0.write_all(b"between").unwrap();
    client.expect("between");
    client.0.write_all(&sub).unwrap();
    for _ in 0..20 {
        assert_eq!(server.command(&format!("rearm fd={fd}"))["state"], "done");
    }
    client.0.write_all(b"\xff\xf0after").unwrap();
    client.expect("after");
    assert_tidy(&server);
}

#[test]
fn ten_megabytes_without_a_newline_are_passed_on_in_a_chat() {
    const TOTAL: usize = 10_000_000;
    let server = Server::start(&["--app", "chat", "--raw", "--read", "once:65536"]);
    let (mut ann, fd) = server.client();
    let (mut bob, _) = server.client();
    std::thread::scope(|scope| {
        // Lines to one who does not read are dropped, so he reads as fast as he can.
        let reader = scope.spawn(move || {
            let (mut got, mut buffer) = (0, vec![0; 65_536]);
            while let Ok(count @ 1..) = bob.0.read(&mut buffer) {
                got += count;
            }
            got
        });
        for _ in 0..TOTAL / 10_000 {
            ann.0.write_all(&[b'x'; 10_000]).unwrap();
        }
        drop(ann);
        server.ever("the close", |l| is_call(l, "close", fd));
        let all = |l: &Value| l["call"] == "read" && l["fd"] == fd;
        let read: i64 =
            server.lines().iter().filter(|l| all(l)).filter_map(|l| l["ret"].as_i64()).sum();
        let lost = server.count(|l| l["kind"] == "gap");
        assert!(lost > 0 || usize::try_from(read).unwrap() == TOTAL, "{read}");
        assert!(server.quit().success());
        assert!(reader.join().unwrap() > 0);
    });
}
