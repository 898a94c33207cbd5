//! The same clients, served by other loops: the same bytes.

use std::thread;
use std::time::{Duration, Instant};

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use serde_json::Value;

use crate::harness::{Client, PATIENCE, Server};
use crate::rings::has_ring;

/// The loops that are built and can be had here.
pub(crate) fn loops() -> Vec<&'static str> {
    let all = ["epoll", "poll", "select", "io_uring", "goroutine", "threads"];
    all.into_iter().filter(|name| *name != "io_uring" || has_ring()).collect()
}

fn is_divergence(line: &Value) -> bool {
    line["kind"] == "divergence"
}

fn calls(server: &Server, name: &str) -> usize {
    server.count(|line| line["kind"] == "call" && line["call"] == name)
}

/// Everything that two clients are sent in one conversation.
fn conversation(backend: &str, app: &str) -> [String; 2] {
    let server = Server::start(&["--backend", backend, "--app", app, "--edge-log", "on"]);
    let ((mut a, _), (mut b, _)) = (server.client(), server.client());
    if app == "http" {
        a.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
        b.send("GET /nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    } else {
        a.send("one\r\n");
        if app == "echo" {
            a.expect("one\r\n");
        } else if app == "chat" {
            b.expect("one\r\n");
        }
        b.send("two\r\n");
        if app == "chat" {
            a.expect("two\r\n");
        } else if app == "echo" {
            // Where each client has a thread, nothing orders this before the end of the other.
            b.expect("two\r\n");
        }
        a.send(&"x".repeat(100_000));
        a.send("\r\n");
    }
    a.half_close();
    let mut read = [a, b].map(|client| thread::spawn(move || rest(client)));
    if app != "http" {
        // The second one is closed by the first one's end, and no sooner.
        let first = std::mem::replace(&mut read[0], thread::spawn(String::new)).join().unwrap();
        assert!(server.quit().success());
        let [_, second] = read.map(|thread| thread.join().unwrap());
        return [first, second];
    }
    let told = read.map(|thread| thread.join().unwrap());
    assert!(server.quit().success());
    told
}

fn rest(mut client: Client) -> String {
    client.rest()
}

#[test]
fn every_loop_tells_clients_the_same() {
    for app in ["echo", "chat", "discard", "http"] {
        let first = conversation("epoll", app);
        for backend in loops() {
            let told = conversation(backend, app);
            assert!(told == first, "{app}: {backend} tells {told:.300?}, epoll {first:.300?}");
        }
    }
}

#[test]
fn poll_and_select_serve_without_an_epoll_instance() {
    for (backend, call) in [("poll", "poll"), ("select", "select")] {
        let args = ["--backend", backend, "--edge-log", "on"];
        let mut server = Server::start(&args);
        let clients: Vec<_> = (0..8).map(|_| server.client()).collect();
        for round in 0..40 {
            for (mut client, _) in
                clients.iter().map(|(c, fd)| (Client(c.0.try_clone().unwrap()), fd))
            {
                let text = format!("round {round}\n");
                client.send(&text);
                client.expect(&text);
            }
        }
        drop(clients);
        server.many("close", 8, |l| l["kind"] == "call" && l["call"] == "close");
        server.command("client");
        assert!(calls(&server, call) >= 40, "{backend}");
        assert_eq!((calls(&server, "epoll_wait"), calls(&server, "epoll_create1")), (0, 0));
        assert_eq!(server.count(is_divergence), 0, "{backend}");
        let slept = server.lines().iter().filter(|l| l["slept"].as_u64() > Some(0)).count();
        assert!(slept > 0, "{backend} has slept");
        assert!(server.quit().success());
    }
}

#[test]
fn commands_on_registrations_are_for_epoll_alone() {
    let mut server = Server::start(&["--backend", "poll"]);
    let (mut client, fd) = server.client();
    for command in ["trigger all edge", &format!("oneshot fd={fd} on"), &format!("rearm fd={fd}")] {
        let answer = server.command(command);
        assert_eq!(answer["state"], "failed", "{command}");
        let note = answer["note"].as_str().unwrap();
        assert!(note.starts_with("only epoll has registrations: poll"), "{note}");
    }
    assert_eq!(server.command("threads 4")["state"], "done");
    let started = server.count(|l| l["kind"] == "thread" && l["state"] == "started");
    assert_eq!(started, 1, "the wish is kept");
    client.send("x");
    client.expect("x");
    assert_eq!(server.command("backend epoll")["state"], "done");
    server.wait("T4", |l| l["kind"] == "thread" && l["state"] == "started" && l["lane"] == "T4");
    client.send("y");
    client.expect("y");
    assert!(server.quit().success());
}

#[test]
fn the_next_way_of_waiting_is_asked_for_again_and_again() {
    let mut server = Server::start(&[]);
    let entered = |to: &'static str| {
        move |l: &Value| l["kind"] == "backend" && l["to"] == to && l["phase"] == "entered"
    };
    for to in loops().into_iter().cycle().skip(1).take(loops().len()) {
        server.mark();
        server.tell("backend");
        server.wait(to, entered(to));
    }
    assert!(server.quit().success());
}

#[test]
fn a_thread_held_in_mid_turn_holds_the_switch() {
    let mut server = Server::start(&[]);
    let (mut client, fd) = server.client();
    server.command("pause");
    client.send("hello");
    // Over its epoll_wait, to the read.
    server.wait("woken", |l| l["kind"] == "wakeup" && l["fd"] == fd);
    server.command("step T1");
    server.mark();
    server.tell("backend poll");
    let pending = server.wait("pending", |l| l["kind"] == "note");
    let text = format!("switch to poll pending: T1 is held before read({fd}, 4096)");
    assert_eq!(pending["text"], text.as_str());
    assert_eq!(server.command("backend select")["note"], "a switch to poll is under way");
    server.command("turn T1");
    server.ever("left", |l| l["kind"] == "backend" && l["phase"] == "left");
    server.ever("held in poll", |l| l["kind"] == "park" && l["call"] == "poll");
    server.command("run");
    client.expect("hello");
    assert!(server.quit().success());
}

#[test]
fn select_turns_away_what_its_bitmaps_have_no_room_for() {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).unwrap();
    let mut server = Server::start(&["--backend", "select", "--edge-log", "off"]);
    let mut clients: Vec<_> = (0..1024).map(|_| server.silent_client()).collect();
    let refused = server.wait("a refusal", |l| l["kind"] == "refused");
    assert_eq!(refused["why"], "fd 1024 is beyond an fd_set, which ends at 1023");
    server.finding("select-fd-limit");
    let first = &mut clients[0];
    for _ in 0..200 {
        first.send("still here");
        first.expect("still here");
    }
    server.finding("scan-cost");
    assert_eq!(server.command("backend poll")["state"], "done");
    let mut late = server.silent_client();
    late.send("room");
    late.expect("room");
    let mut more: Vec<_> = (0..16).map(|_| server.silent_client()).collect();
    for client in &mut more {
        client.send("room");
        client.expect("room");
    }
    let answer = server.command("backend select");
    assert_eq!(answer["state"], "failed");
    assert!(answer["note"].as_str().unwrap().contains("is beyond an fd_set"), "{answer}");
    assert!(server.quit().success());
}

/// How often each server thread has gone to sleep so far.
fn sleeps(server: &Server) -> Vec<u64> {
    let started = |l: &&Value| l["kind"] == "thread" && l["state"] == "started";
    let lines = server.lines();
    let tids = lines.iter().filter(started).map(|l| l["tid"].as_u64().unwrap());
    let of = |tid| {
        let path = format!("/proc/{}/task/{tid}/status", server.pid());
        let status = std::fs::read_to_string(path).unwrap();
        let line = status.lines().find(|line| line.starts_with("voluntary_ctxt")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    };
    tids.map(of).collect()
}

#[test]
fn nobody_wakes_an_idle_server_in_any_loop() {
    let mut servers: Vec<_> = loops()
        .into_iter()
        .map(|backend| {
            let server = Server::start(&["--backend", backend, "--threads", "2"]);
            let (mut client, _) = server.client();
            client.send("hello");
            client.expect("hello");
            (backend, server, client)
        })
        .collect();
    // What the last words set going is over: nothing is left to be looked at.
    let all = |servers: &[(&str, Server, Client)]| -> Vec<_> {
        servers.iter().map(|(_, server, _)| sleeps(server)).collect()
    };
    let (deadline, mut before) = (Instant::now() + PATIENCE, all(&servers));
    loop {
        thread::sleep(Duration::from_secs(1));
        let now = all(&servers);
        if std::mem::replace(&mut before, now.clone()) == now {
            break;
        }
        assert!(Instant::now() < deadline, "they do not come to rest: {now:?}");
    }
    thread::sleep(Duration::from_secs(10));
    for ((backend, server, _), before) in servers.iter().zip(before) {
        assert_eq!(sleeps(server), before, "{backend}");
        assert_eq!(server.count(is_divergence), 0, "{backend}");
    }
    for (backend, server, client) in servers.drain(..) {
        drop(client);
        assert!(server.quit().success(), "{backend}");
    }
}
