//! What clients, limits and bad moments do to the server, on real sockets.

mod descriptors;
mod endings;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::harness::{Server, is_call, program};

fn is_refusal(line: &Value) -> bool {
    line["kind"] == "refused"
}

/// A server that still answers somebody new.
#[track_caller]
fn assert_answers(server: &Server) {
    let mut client = server.silent_client();
    client.send("still there?\n");
    client.expect("still there?\n");
}

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
