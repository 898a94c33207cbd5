//! Bytes that nobody should send.

use std::io::{Read, Write};

use serde_json::Value;

use crate::harness::{Server, is_call, program, resident};
use crate::sieve::is_harmful;

/// What a terminal, a decoder or a bound might trip over.
pub(crate) fn payloads() -> Vec<Vec<u8>> {
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
    let mut server = Server::start(&["--history-bytes", "1M"]);
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

/// A chat passes `total` bytes on that hold no newline.
fn without_newline(total: usize) {
    let args = ["--app", "chat", "--raw", "--read", "once:65536", "--history-bytes", "1M"];
    let server = Server::start(&args);
    let (mut ann, fd) = server.client();
    let (mut bob, _) = server.client();
    let before = resident(server.pid());
    std::thread::scope(|scope| {
        // Lines to one who does not read are dropped, so he reads as fast as he can.
        let reader = scope.spawn(move || {
            let (mut got, mut buffer) = (0, vec![0; 65_536]);
            while let Ok(count @ 1..) = bob.0.read(&mut buffer) {
                got += count;
            }
            got
        });
        for _ in 0..total / 10_000 {
            ann.0.write_all(&[b'x'; 10_000]).unwrap();
        }
        drop(ann);
        server.ever("the close", |l| is_call(l, "close", fd));
        let all = |l: &Value| l["call"] == "read" && l["fd"] == fd;
        let read: i64 =
            server.lines().iter().filter(|l| all(l)).filter_map(|l| l["ret"].as_i64()).sum();
        let lost = server.count(|l| l["kind"] == "gap");
        assert!(lost > 0 || usize::try_from(read).unwrap() == total, "{read}");
        let grown = resident(server.pid()).saturating_sub(before);
        assert!(grown < 16 << 20, "{grown} bytes more");
        assert!(server.quit().success());
        assert!(reader.join().unwrap() > 0);
    });
}

#[test]
fn ten_megabytes_without_a_newline_are_passed_on_in_a_chat_and_not_kept() {
    without_newline(10_000_000);
}

#[test]
#[ignore = "reason: minutes"]
fn hundred_megabytes_without_a_newline_are_passed_on_in_a_chat_and_not_kept() {
    without_newline(100_000_000);
}
