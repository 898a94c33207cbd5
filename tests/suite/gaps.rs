//! Losing observations is allowed; hiding it, or making the server wait, is not.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::harness::{PATIENCE, end_of, program};

#[test]
fn a_reader_that_stalls_costs_a_gap_and_never_the_server() {
    let mut child = program()
        .args(["--headless", "--listen", "127.0.0.1:0", "--mistake", "out-always"])
        .args(["--edge-log", "on"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    lines.read_line(&mut line).unwrap();
    let first: Value = serde_json::from_str(&line).unwrap();
    let address: SocketAddr = first["addresses"][0].as_str().unwrap().parse().unwrap();
    // The server spins on OUT; nobody reads what is written about it.
    let mut client = TcpStream::connect(address).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    for n in 0..2000 {
        let text = format!("still served {n}\n");
        client.write_all(text.as_bytes()).unwrap();
        let mut echo = vec![0; text.len()];
        client.read_exact(&mut echo).expect("the server does not wait for its reader");
        assert_eq!(echo, text.as_bytes());
    }
    let mut stdin = child.stdin.take().unwrap();
    // Now somebody reads: the loss is told, the interest list is read again, and once the spin
    // has ended the model follows again.
    writeln!(stdin, "mistake out-always off").unwrap();
    let (mut lost, mut interest, mut following) = (0, false, false);
    let mut last = 0;
    let deadline = std::time::Instant::now() + PATIENCE;
    let mut said = 0;
    while !(lost > 0 && interest && following) {
        assert!(std::time::Instant::now() < deadline, "{lost} {interest} {following}");
        line.clear();
        assert!(lines.read_line(&mut line).unwrap() > 0, "the server ended");
        let value: Value = serde_json::from_str(&line).unwrap();
        let seq = value["seq"].as_u64().unwrap();
        assert!(seq >= last);
        last = seq;
        if value["kind"] == "gap" {
            lost += value["lost"].as_u64().unwrap();
            (interest, following) = (false, false);
        }
        if lost > 0 && value["kind"] == "interest" {
            interest = true;
        }
        if interest && value["sync"] == "following" {
            following = true;
        }
        // A word now and then, so that there is something to follow.
        if value["kind"] == "command" && value["state"] == "done" || interest && said < 10 {
            said += 1;
            client.write_all(b"x").unwrap();
        }
    }
    writeln!(stdin, "quit").unwrap();
    std::io::copy(&mut lines, &mut std::io::sink()).unwrap();
    assert!(child.wait().unwrap().success());
}

/// What a lane told, and what was lost of it, by all lines up to the end: of a server that served
/// so many lines, one after the other, while nobody read what it told.
fn told_and_lost(served: usize) -> (u64, u64) {
    let mut child = program()
        .args(["--headless", "--listen", "127.0.0.1:0", "--edge-log", "off"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    lines.read_line(&mut line).unwrap();
    let first: Value = serde_json::from_str(&line).unwrap();
    let address: SocketAddr = first["addresses"][0].as_str().unwrap().parse().unwrap();
    let mut client = TcpStream::connect(address).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    for _ in 0..served {
        client.write_all(&[b'x'; 60]).unwrap();
        client.read_exact(&mut [0; 60]).expect("the server does not wait for its reader");
    }
    // The server closes its end once it has read the end of the other one.
    client.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(client.read(&mut [0]).unwrap(), 0);
    writeln!(child.stdin.take().unwrap(), "quit").unwrap();
    let (mut told, mut lost) = (0, 0);
    for line in lines.lines() {
        let value: Value = serde_json::from_str(&line.unwrap()).unwrap();
        match value["kind"].as_str().unwrap() {
            _ if value["lane"] != "T1" => {}
            "divergence" => {}
            "gap" => lost += value["lost"].as_u64().unwrap(),
            _ => told += 1,
        }
    }
    assert!(child.wait().unwrap().success());
    (told, lost)
}

/// A line takes a wait, its return, the turn to its event, a read, a read that says EAGAIN, a send.
const EVENTS_A_LINE: u64 = 6;

#[test]
fn the_gaps_add_up_to_what_was_lost() {
    let (few, none) = told_and_lost(10);
    assert_eq!(none, 0);
    let many = 20_000;
    let (told, lost) = told_and_lost(10 + usize::try_from(many).unwrap());
    assert!(lost > 0, "all {told} were told");
    // At the end the thread has gone to sleep once more, was interrupted, and said so, or it has not.
    let (all, expected) = (told + lost, few + many * EVENTS_A_LINE);
    assert!(all.abs_diff(expected) <= 3, "{told} were told and {lost} lost of {expected}");
}

/// A program whose output nobody reads.
struct Unread(Child);

impl Drop for Unread {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_reader_that_stalls_and_sigterm_end_with_143_within_two_seconds() {
    let child = program()
        .args(["--headless", "--listen", "127.0.0.1:0"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut child = Unread(child);
    let mut lines = BufReader::with_capacity(1, child.0.stdout.take().unwrap());
    let mut line = String::new();
    lines.read_line(&mut line).unwrap();
    let first: Value = serde_json::from_str(&line).unwrap();
    let address: SocketAddr = first["addresses"][0].as_str().unwrap().parse().unwrap();
    let mut client = TcpStream::connect(address).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    // Each is told in more bytes than a hundredth of what a pipe holds (pipe(7)).
    for _ in 0..2000 {
        client.write_all(b"still served").unwrap();
        client.read_exact(&mut [0; 12]).expect("the server does not wait for its reader");
    }
    let begun = Instant::now();
    kill(Pid::from_raw(child.0.id().cast_signed()), Signal::SIGTERM).unwrap();
    assert_eq!(end_of(&mut child.0).code(), Some(143));
    assert!(begun.elapsed() < Duration::from_secs(2), "it took {:?}", begun.elapsed());
}
