//! The server that waits by io_uring(7), from outside: strace, clients, a system that forbids it.

mod denied;

use std::collections::BTreeMap;
use std::process::Command;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use serde_json::Value;

use crate::harness::Server;
use crate::traced::{compare, traced};

/// Whether the system has an io_uring for us: the program says why not.
pub(crate) fn has_ring() -> bool {
    let program = env!("CARGO_BIN_EXE_epollscope");
    let arguments =
        ["--headless", "--backend", "io_uring", "--listen", "127.0.0.1:0", "--for", "10ms"];
    let run = Command::new(program).args(arguments).output().unwrap();
    if !run.status.success() {
        eprintln!("SKIPPED: {}", String::from_utf8_lossy(&run.stderr));
    }
    run.status.success()
}

#[test]
fn calls_of_a_server_with_a_ring_are_written_as_strace_prints_them() {
    if !has_ring() {
        return;
    }
    let commands: [&[u8]; 2] =
        [b"client\nclient\n", b"send client=1 hello\nclose client=1\nsend client=2 01234567890\n"];
    let arguments = ["--headless", "--strace-text", "--listen", "127.0.0.1:0", "--for", "2s"];
    let arguments = [&arguments[..], &["--backend", "io_uring", "--edge-log", "on"]].concat();
    let Some((lines, trace)) = traced(&arguments, "io_uring", commands) else { return };
    let started = lines.iter().filter(|line| line["state"] == "started");
    let tid = |line: &Value| line["tid"].as_u64().unwrap().to_string();
    let tids: BTreeMap<_, _> =
        started.map(|line| (line["lane"].clone().to_string(), tid(line))).collect();
    let calls = lines.iter().filter(|line| line["strace"].is_string());
    let call = |line: &Value| {
        let tid = tids.get(&line["lane"].to_string()).cloned();
        Some((tid?, line["strace"].as_str().unwrap().to_owned()))
    };
    let calls: Vec<_> = calls.filter_map(call).collect();
    let seen = compare(&calls, trace);
    for word in ["io_uring_setup", "io_uring_register", "io_uring_enter", "close"] {
        assert!(seen.contains(word), "{word} is not in {seen:?}");
    }
    for word in ["accept4", "read", "epoll_wait"] {
        assert!(!seen.contains(word), "{word} is in {seen:?}");
    }
}

/// What fdinfo says is what the operations and completions made of the ring.
#[test]
fn the_ring_is_as_fdinfo_has_it() {
    if !has_ring() {
        return;
    }
    let mut server = Server::start(&["--backend", "io_uring", "--edge-log", "on"]);
    let mut client = server.silent_client();
    client.send("hello\n");
    client.expect("hello\n");
    let ring = server.wait("fdinfo", |l| l["kind"] == "ring");
    let armed = |ring: &Value, op: &str| {
        let all = ring["armed"].as_array().unwrap();
        all.iter().find(|pair| pair[0] == op).map_or(0, |pair| pair[1].as_u64().unwrap())
    };
    assert_eq!((armed(&ring, "accept"), armed(&ring, "recv"), armed(&ring, "read")), (1, 1, 1));
    server.command("pause");
    server.mark();
    client.send("while held\n");
    let held = server.wait("posted while held", |l| {
        l["kind"] == "ring" && l["pending"].as_array().is_some_and(|list| list.len() == 1)
    });
    assert_eq!(held["pending"][0]["result"], "11");
    server.command("run");
    client.expect("while held\n");
}

/// A thread that nothing happens to is not woken, by the program itself either.
#[test]
fn a_thousand_idle_clients_go_to_the_ring_and_back() {
    if !has_ring() {
        return;
    }
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).unwrap();
    let mut server = Server::start(&["--edge-log", "off"]);
    let mut clients: Vec<_> = (0..1000).map(|_| server.silent_client()).collect();
    for to in ["io_uring", "epoll", "io_uring", "poll", "io_uring"] {
        assert_eq!(server.command(&format!("backend {to}"))["state"], "done", "{to}");
        for client in &mut clients {
            client.send("still here");
        }
        for client in &mut clients {
            client.expect("still here");
        }
    }
    drop(clients);
    assert!(server.quit().success());
}

#[test]
fn mistakes_of_a_ring_are_found() {
    if !has_ring() {
        return;
    }
    let mut server = Server::start(&["--backend", "io_uring", "--mistake", "small-cq"]);
    // Who is held before the accept is armed is told of no client.
    let (mut first, _) = server.client();
    first.send("armed");
    first.expect("armed");
    server.command("pause");
    let mut clients: Vec<_> = (0..20).map(|_| server.silent_client()).collect();
    server.finding("cq-overflow");
    server.command("run");
    for client in &mut clients {
        client.send("hello");
        client.expect("hello");
    }
    server.command("mistake small-cq off");
    server.command("mistake no-buffers on");
    for _ in 0..256 {
        clients[0].send("x");
        clients[0].expect("x");
    }
    clients[0].send("waits");
    server.finding("no-buffers");
    server.command("mistake no-buffers off");
    clients[0].expect("waits");
    server.command("mistake no-cancel on");
    let (closed, fd) = server.client();
    server.command(&format!("drop fd={fd}"));
    assert_eq!(server.finding("ring-ghost")["fd"], fd);
    drop(closed);
    server.command("mistake no-rearm on");
    server.command("read once 4");
    let (mut deaf, fd) = server.client();
    deaf.send("1234");
    deaf.expect("1234");
    assert_eq!(server.finding("multishot-ended")["fd"], fd);
    assert!(server.quit().success());
}
