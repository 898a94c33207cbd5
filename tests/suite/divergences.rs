//! What real clients do to the picture of the ready list: it is known again after a burst, and
//! nothing is called a divergence that contradicts nothing.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, SockaddrIn, connect, setsockopt, socket, sockopt,
};
use serde_json::Value;

use crate::harness::{Client, PATIENCE, Server, is_call};

/// No divergence was told; else the first one, and what went before it.
#[track_caller]
fn none(server: &Server) {
    let lines = server.lines();
    let differs = |l: &&Value| l["kind"] == "divergence";
    let Some(first) = lines.iter().find(differs) else { return };
    let at = lines.iter().position(|l| l["seq"] == first["at"]).unwrap_or(0);
    let before: Vec<_> =
        lines[at.saturating_sub(60)..at + 8].iter().map(Value::to_string).collect();
    let many = lines.iter().filter(differs).count();
    panic!("{many} divergences; the first one: {first}\nafter\n{}", before.join("\n"));
}

/// The server is held once more, so that all that it did has been told and compared.
#[track_caller]
fn settle(server: &mut Server) {
    std::thread::sleep(Duration::from_millis(150));
    server.command("pause");
    server.command("run");
    std::thread::sleep(Duration::from_millis(150));
    server.command("pause");
}

/// A path for a UNIX socket, and a client of it.
fn path(name: &str) -> String {
    let path = std::env::temp_dir().join(format!("epollscope-{name}-{}", std::process::id()));
    path.to_str().unwrap().to_owned()
}

fn accepted(server: &mut Server) -> i64 {
    server.wait("accept4", |l| l["call"] == "accept4" && l["ret"].is_i64())["ret"].as_i64().unwrap()
}

/// A client whose receive buffer is small from the start.
fn small(address: SocketAddr) -> Client {
    let flags = SockFlag::SOCK_CLOEXEC;
    let fd: OwnedFd = socket(AddressFamily::Inet, SockType::Stream, flags, None).unwrap();
    setsockopt(&fd, sockopt::RcvBuf, &4096).unwrap();
    let SocketAddr::V4(v4) = address else { panic!("not an IPv4 address: {address}") };
    connect(fd.as_raw_fd(), &SockaddrIn::from(v4)).unwrap();
    Client(TcpStream::from(fd))
}

#[test]
fn after_a_burst_the_ready_list_is_known_again_by_itself() {
    for threads in ["1", "2"] {
        let path = path(&format!("burst-{threads}"));
        let mut server = Server::start(&["--threads", threads, "--unix", &path]);
        let mut client = UnixStream::connect(&path).unwrap();
        let fd = accepted(&mut server);
        // Each of these is a wake-up: more a second than anybody can follow.
        let off = |l: &Value| l["kind"] == "edge-log" && l["state"] == "off";
        let deadline = Instant::now() + PATIENCE;
        while server.count(off) == 0 {
            assert!(Instant::now() < deadline, "never too many wake-ups a second");
            for _ in 0..20 {
                (0..200).for_each(|_| client.write_all(b"x").unwrap());
                client.read_exact(&mut [0; 200]).unwrap();
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        server.wait("too many wake-ups", off);
        // Nothing more is done.
        server.wait("an empty list that is known", |l| {
            l["kind"] == "ready" && l["sync"] == "following" && l["length"] == 0
        });
        none(&server);
        // And it is followed from there.
        server.command("pause");
        server.mark();
        client.write_all(b"held").unwrap();
        server.wait("the entry", |l| {
            l["kind"] == "ready" && l["list"][0]["fd"] == fd && l["length"] == 1
        });
    }
}

#[test]
fn unix_clients_that_leave_at_once_contradict_nothing() {
    let path = path("leave");
    let mut server = Server::start(&["--unix", &path]);
    for _ in 0..40 {
        drop(UnixStream::connect(&path).unwrap());
        std::thread::sleep(Duration::from_millis(5));
    }
    server.many("an accept", 40, |l| l["call"] == "accept4" && l["ret"].is_i64());
    settle(&mut server);
    none(&server);
}

#[test]
fn switching_a_watch_on_and_off_contradicts_nothing() {
    let mut server = Server::start(&["--delay", "1"]);
    server.tell("client");
    let fd = accepted(&mut server);
    for _ in 0..10 {
        for word in ["watch", "exclusive"] {
            server.command(&format!("{word} fd={fd}"));
            server.command(&format!("{word} fd={fd}"));
        }
    }
    settle(&mut server);
    none(&server);
}

#[test]
fn clients_that_are_owed_data_and_leave_contradict_nothing() {
    let mut server = Server::start(&["--buffers", "4096"]);
    for round in 0..8 {
        let mut client = small(server.address());
        let name = client.name();
        let line = server.ever("accept4", |l| l["peer"] == name.as_str());
        let fd = line["ret"].as_i64().unwrap();
        server.mark();
        client.stuff();
        server.wait("a full socket", |l| is_call(l, "sendto", fd) && l["errno"] == "EAGAIN");
        match round % 3 {
            0 => client.reset(),
            1 => drop(client),
            _ => {
                client.half_close();
                client.rest();
            }
        }
        server.wait("the close", |l| is_call(l, "close", fd));
    }
    settle(&mut server);
    none(&server);
}

#[test]
fn a_modification_that_finds_connections_contradicts_nothing() {
    let path = path("rearm");
    let mut server = Server::start(&["--unix", &path, "--trigger", "edge", "--accept", "once"]);
    let line = server.ever("the listener", |l| l["kind"] == "open" && l["name"] == path.as_str());
    let fd = line["fd"].as_i64().unwrap();
    let _clients: Vec<_> = (0..4).map(|_| UnixStream::connect(&path).unwrap()).collect();
    for _ in 0..4 {
        server.command(&format!("rearm fd={fd}"));
        std::thread::sleep(Duration::from_millis(50));
    }
    server.many("an accept", 4, |l| l["call"] == "accept4" && l["ret"].is_i64());
    settle(&mut server);
    none(&server);
}

#[test]
fn a_unix_peer_that_reads_contradicts_nothing() {
    let path = path("reads");
    let mut server = Server::start(&["--unix", &path, "--trigger", "edge"]);
    let mut client = UnixStream::connect(&path).unwrap();
    let fd = accepted(&mut server);
    server.command(&format!("watch fd={fd} on"));
    for n in 0..20 {
        client.write_all(b"hello\n").unwrap();
        server.many("an answer", n + 1, |l| is_call(l, "sendto", fd));
        std::thread::sleep(Duration::from_millis(20));
        client.read_exact(&mut [0; 6]).unwrap();
        std::thread::sleep(Duration::from_millis(20));
    }
    settle(&mut server);
    none(&server);
}

#[test]
fn busy_clients_in_any_order_contradict_nothing() {
    let mut server = Server::start(&["--edge-log", "on"]);
    let address = server.address();
    let busy = |_| {
        std::thread::spawn(move || {
            let mut client = Client(TcpStream::connect(address).unwrap());
            client.0.set_nodelay(true).unwrap();
            for _ in 0..2000 {
                client.send("x");
                client.expect("x");
            }
        })
    };
    let clients: Vec<_> = (0..2).map(busy).collect();
    for client in clients {
        client.join().unwrap();
    }
    settle(&mut server);
    none(&server);
}
