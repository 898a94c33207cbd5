//! Built-in clients: what they were told to send arrives, whenever they are told to close.

use serde_json::Value;

use crate::harness::{Client, Server, is_call};

/// A built-in client, by the server's number.
fn client(server: &mut Server) -> i64 {
    let done = server.command("client");
    assert_eq!(done["state"], "done");
    let peer = done["note"].as_str().unwrap().to_owned();
    // It is told when it is the server's: the accept has been told before.
    let lines = server.lines();
    let accept = lines.iter().find(|l| l["call"] == "accept4" && l["peer"] == peer.as_str());
    accept.expect("the accept comes before the end of the command")["ret"].as_i64().unwrap()
}

/// Bytes that the server has read from this descriptor.
fn read(server: &Server, fd: i64) -> i64 {
    let lines = server.lines();
    let reads = lines.iter().filter(|l| is_call(l, "read", fd));
    reads.filter_map(|l| l["ret"].as_i64()).sum()
}

fn is_closed(line: &Value, fd: i64) -> bool {
    is_call(line, "close", fd) && line["ret"] == 0
}

#[test]
fn what_is_sent_before_a_close_is_read_by_the_server() {
    let name = format!("epollscope-sent-before-a-close-{}.sock", std::process::id());
    let path = std::env::temp_dir().join(name);
    for listener in [["--listen", "127.0.0.1:0"], ["--unix", path.to_str().unwrap()]] {
        let mut server = Server::spawn(crate::harness::program().arg("--headless").args(listener));
        for n in 1..=20 {
            let fd = client(&mut server);
            server.mark();
            server.tell(&format!("send fd={fd} x\nclose fd={fd}"));
            server.wait("the close", |l| is_closed(l, fd));
            let read = server.count(|l| l["call"] == "read" && l["data"] == "x\\n");
            assert_eq!(read, n, "{listener:?}");
        }
        let is_close = |l: &Value| l["command"].as_str().is_some_and(|c| c.starts_with("close"));
        server.many("a close", 20, |l| is_close(l) && l["state"] == "done");
        // Who is killed leaves his socket's file behind.
        assert!(server.quit().success());
    }
    assert!(!path.exists());
}

#[test]
fn a_close_waits_for_what_the_server_has_no_room_for() {
    const LINE: usize = 3999;
    let mut server = Server::start(&[]);
    let fd = client(&mut server);
    server.command("pause");
    let line = "x".repeat(LINE);
    for _ in 0..200 {
        server.tell(&format!("send fd={fd} {line}"));
    }
    server.tell(&format!("close fd={fd}"));
    let is_send = |l: &Value| l["command"].as_str().is_some_and(|c| c.starts_with("send"));
    server.many("the sends", 200, |l| is_send(l) && l["state"] == "done");
    server.command("run");
    server.ever("the close", |l| is_closed(l, fd));
    assert_eq!(read(&server, fd), 200 * 4000);
    server.ever("done", |l| l["command"] == format!("close fd={fd}") && l["state"] == "done");
}

#[test]
fn a_reset_says_what_it_drops() {
    let mut server = Server::start(&["--buffers", "4096"]);
    let fd = client(&mut server);
    server.command("pause");
    let line = "x".repeat(3999);
    for _ in 0..100 {
        server.tell(&format!("send fd={fd} {line}"));
    }
    let done = server.command(&format!("reset fd={fd}"));
    assert!(
        done["note"].as_str().unwrap().ends_with("that waited to be sent are dropped"),
        "{done}"
    );
}

#[test]
fn a_client_of_a_held_server_is_said_to_wait() {
    let mut server = Server::start(&["--paused"]);
    server.ever("held", |l| l["kind"] == "park");
    let done = server.command("client");
    assert!(done["note"].as_str().unwrap().ends_with(" waits in the accept queue"), "{done}");
}

#[test]
fn a_client_that_never_ends_an_answered_connection_is_closed() {
    let mut server = Server::start(&["--app", "http"]);
    let (mut stuck, fd) = server.client();
    stuck.send("GET / HTTP/9.9\r\n\r\n");
    server.ever("the last word", |l| is_call(l, "shutdown", fd));
    server.wait("the close", |l| is_closed(l, fd));
    server.ever("why", |l| {
        l["kind"] == "note" && l["text"].as_str().unwrap().contains("has not ended the connection")
    });
    // Nobody is waited for any more.
    let (_client, _): (Client, i64) = server.client();
    server.wait("its sleep", |l| l["kind"] == "enter" && l["timeout"] == -1);
}
