//! A server that runs out of descriptors.

use std::collections::BTreeSet;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::is_refusal;
use crate::harness::{Client, PATIENCE, Server, is_call};
use crate::pty::{Terminal, Tie};

/// The program with room for this many descriptors.
fn limited(descriptors: u32, args: &[&str]) -> Command {
    let mut command = Command::new("sh");
    let script = format!("ulimit -n {descriptors} && exec \"$0\" \"$@\"");
    command.args(["-c", &script, env!("CARGO_BIN_EXE_epollscope")]).args(args);
    command.env("TERM", "xterm-256color").env_remove("EPOLLSCOPE_CONFIG");
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

fn is_wait(line: &Value) -> bool {
    let waits = ["epoll_wait", "poll", "select", "accept4"];
    line["kind"] == "call" && waits.iter().any(|call| line["call"] == *call)
}

/// Wake-ups a second between the line of number `from` and the last one.
fn wakeups_a_second(server: &Server, from: usize) -> f64 {
    let lines = &server.lines()[from..];
    let time = |line: &Value| line["t_ns"].as_f64().unwrap() / 1e9;
    let wakeups = lines.iter().filter(|l| is_wait(l)).count();
    f64::from(u32::try_from(wakeups).unwrap()) / (time(&lines[lines.len() - 1]) - time(&lines[0]))
}

#[test]
fn a_server_whose_thread_died_has_not_ended_well() {
    // Enough for the tool's own, and none for the epoll instance.
    for descriptors in 6..30 {
        let args = ["--headless", "--listen", "127.0.0.1:0", "--for", "100ms"];
        let output = limited(descriptors, &args).stdin(Stdio::null()).output().unwrap();
        if !String::from_utf8_lossy(&output.stdout).contains("\"state\":\"died\"") {
            continue;
        }
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!((output.status.code(), error.lines().count()), (Some(1), 1), "{error}");
        assert!(error.contains("T1 died: epoll_create1 failed"), "{error}");
        return;
    }
    panic!("no thread died of too few descriptors");
}

/// Sets how many descriptors the server may have, by prlimit(1): whether that could be done.
fn limit(server: &Server, descriptors: &str) -> bool {
    let (pid, asked) = (server.pid().to_string(), format!("--nofile={descriptors}"));
    Command::new("prlimit").args(["--pid", &pid, &asked]).status().is_ok_and(|s| s.success())
}

fn exhaust(trigger: &str) {
    exhaust_loop("epoll", trigger);
}

fn exhaust_loop(backend: &str, trigger: &str) {
    let args = ["--headless", "--listen", "127.0.0.1:0", "--trigger", trigger];
    let args = [&args[..], &["--backend", backend]].concat();
    let mut server = Server::spawn(&mut limited(64, &args));
    let clients: Vec<_> = (0..100).map(|_| server.silent_client()).collect();
    server.wait("a refusal", is_refusal);
    // Full: it looks again once in a while, and turns nobody else away.
    server.wait("EMFILE", is_exhausted);
    let from = server.lines().len() - 1;
    for _ in 0..3 {
        server.wait("another try", is_exhausted);
    }
    // The thread that ends leaves a few of the tool's own, so the limit is lowered; poll(2) may not
    // be passed more files than it allows.
    if backend == "select" && limit(&server, "8:64") {
        // There is no descriptor for the instance: the old loop comes back.
        let answer = server.command("backend epoll");
        assert_eq!(answer["note"], "epoll_create1 failed", "{answer}");
        assert!(limit(&server, "64:64"));
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
fn without_descriptors_one_client_is_refused_and_the_rest_wait_in_other_loops() {
    exhaust_loop("poll", "level");
    exhaust_loop("select", "level");
}

#[test]
fn without_descriptors_whoever_accepts_in_code_of_its_own_waits_too() {
    exhaust_loop("goroutine", "level");
    exhaust_loop("threads", "level");
}

#[test]
fn without_descriptors_one_client_is_refused_and_the_rest_wait_and_are_served_edge() {
    exhaust("edge");
}

#[test]
fn without_descriptors_every_listener_is_muted_and_served_again() {
    let path = std::env::temp_dir().join(format!("epollscope-full-{}", std::process::id()));
    let mut command = limited(40, &["--headless", "--listen", "127.0.0.1:0"]);
    command.args(["--listen", "127.0.0.1:0"]);
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

/// The server looks for another client when the last descriptor is gone, and nobody is there yet:
/// that is not a refusal, and the next one is told all the same.
#[test]
fn client_that_comes_after_the_last_descriptor_went_is_told_and_the_next_ones_wait() {
    for trigger in ["level", "edge"] {
        let args = ["--headless", "--listen", "127.0.0.1:0", "--trigger", trigger];
        let mut server = Server::spawn(&mut limited(40, &args));
        let mut clients = Vec::new();
        while server.count(is_exhausted) == 0 {
            let client = server.silent_client();
            let me = client.name();
            server.ever("accept", |l| l["peer"] == me.as_str());
            // The turn of the listener ends with one of these.
            server.wait("its end", |l| is_exhausted(l) || l["errno"] == "EAGAIN");
            clients.push(client);
        }
        assert_eq!(server.count(is_refusal), 0, "{trigger}");
        let mut told = server.silent_client();
        assert_eq!(told.0.read(&mut [0]).unwrap(), 0, "{trigger}");
        server.wait("the refusal", is_refusal);
        let mut waiting = server.silent_client();
        waiting.send("at last");
        server.wait("EMFILE", is_exhausted);
        clients.clear();
        waiting.expect("at last");
        assert_eq!(server.count(is_refusal), 1, "{trigger}");
        assert!(server.quit().success());
    }
}

#[test]
fn without_descriptors_the_refused_are_counted_on_the_screen_which_goes_on() {
    for trigger in ["level", "edge"] {
        let args = ["--listen", "127.0.0.1:0", "--trigger", trigger];
        let mut terminal = Terminal::spawn(40, 120, &mut limited(64, &args), Tie::Session);
        let mut clients: Vec<_> = (0..100).map(|_| terminal.connect()).collect();
        terminal.shows("refused 1");
        terminal.keys("?");
        terminal.shows("? closes");
        terminal.keys("?");
        terminal.until("no help", |text| !text.contains("? closes"));
        // The last ones wait until the first ones are gone.
        let mut last = clients.pop().unwrap();
        last.write_all(b"at last").unwrap();
        clients.clear();
        last.read_exact(&mut [0; 7]).unwrap();
        terminal.shows("1 client  refused 1");
        terminal.keys("q");
        assert_eq!(terminal.ended().code(), Some(0));
        terminal.is_restored();
    }
}
