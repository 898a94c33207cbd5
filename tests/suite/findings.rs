//! Each finding, met on the live server with real clients.

use std::io::{ErrorKind, Read, Write};

use nix::sys::resource::{Resource, setrlimit};
use serde_json::Value;

use crate::harness::{Server, is_call, program};

/// Sends without waiting for room.
fn flood(client: &mut crate::harness::Client, bytes: usize) {
    client.0.set_nonblocking(true).unwrap();
    let chunk = vec![b'x'; 65_536];
    let mut sent = 0;
    while sent < bytes {
        match client.0.write(&chunk) {
            Ok(n) => sent += n,
            Err(e) if e.kind() == ErrorKind::WouldBlock => break,
            Err(e) => panic!("{e}"),
        }
    }
    client.0.set_nonblocking(false).unwrap();
}

#[track_caller]
fn about(finding: &Value, fd: i64) {
    assert_eq!(finding["fd"], fd, "{finding}");
    let text = finding["text"].as_str().unwrap();
    assert!(text.contains(&format!("fd {fd}")), "{text}");
}

#[test]
fn edge_triggered_and_left_unread_is_found() {
    let server = Server::start(&["--trigger", "edge", "--read", "once:4"]);
    let (mut client, fd) = server.client();
    client.send("hello world");
    client.expect("hell");
    about(&server.finding("edge-stranded"), fd);
}

#[test]
fn a_listener_accepted_once_an_edge_is_found() {
    let mut server = Server::start(&["--trigger", "edge", "--mistake", "accept-once"]);
    let listener = server.ever("the listener", |l| l["what"] == "listener")["fd"].clone();
    server.command("pause");
    let _clients: Vec<_> = (0..3).map(|_| server.silent_client()).collect();
    server.command("run");
    about(&server.finding("edge-stranded"), listener.as_i64().unwrap());
}

#[test]
fn out_watched_with_nothing_to_write_is_found() {
    let server = Server::start(&["--mistake", "out-always"]);
    let (_client, fd) = server.client();
    about(&server.finding("out-spin"), fd);
}

#[test]
fn an_ignored_end_of_stream_is_found() {
    for backend in crate::backends::loops() {
        let server = Server::start(&["--mistake", "ignore-eof", "--backend", backend]);
        let (client, fd) = server.client();
        drop(client);
        about(&server.finding("eof-spin"), fd);
    }
}

#[test]
fn mask_zero_with_a_reset_is_found() {
    let mut server = Server::start(&["--mistake", "mask-zero"]);
    let (mut client, fd) = server.client();
    client.send("x");
    client.half_close();
    server.ever("mask 0", |l| l["call"] == "epoll_ctl" && l["fd"] == fd && l["events"] == "0");
    client.reset();
    about(&server.finding("mask-zero-spin"), fd);
    server.command("pause");
    let lines = server.lines();
    let differs: Vec<_> = lines.iter().filter(|l| l["kind"] == "divergence").collect();
    let first: Vec<_> = lines.iter().take(40).map(ToString::to_string).collect();
    let about = "ERR and HUP follow what is reported";
    assert!(differs.is_empty(), "{about}: {differs:?}\nafter\n{}", first.join("\n"));
}

/// A server that may open few descriptors.
fn starved(args: &[&str]) -> (Server, Vec<crate::harness::Client>) {
    use std::os::unix::process::CommandExt;
    let mut command = program();
    command.args(["--headless", "--listen", "127.0.0.1:0", "--mistake", "no-emfile-guard"]);
    command.args(args);
    let limit = || setrlimit(Resource::RLIMIT_NOFILE, 40, 40).map_err(std::io::Error::from);
    #[expect(unsafe_code, reason = "the limit has to be set in the child, before it runs")]
    // SAFETY: setrlimit(2) is async-signal-safe and the closure touches nothing else.
    unsafe {
        command.pre_exec(limit);
    }
    let server = Server::spawn(&mut command);
    let clients = (0..40).map(|_| server.silent_client()).collect();
    (server, clients)
}

#[test]
fn an_accept_loop_without_descriptors_is_found_spinning() {
    let (server, _clients) = starved(&[]);
    server.finding("emfile-spin");
}

#[test]
fn clients_stranded_by_emfile_under_edge_are_found() {
    let (server, _clients) = starved(&["--trigger", "edge"]);
    server.finding("emfile-stranded");
}

#[test]
fn a_one_shot_that_is_not_armed_again_is_found() {
    let mut server = Server::start(&["--mistake", "no-rearm"]);
    let (mut client, fd) = server.client();
    server.command(&format!("oneshot fd={fd} on"));
    client.send("first");
    client.expect("first");
    client.send("second");
    about(&server.finding("oneshot-disarmed"), fd);
}

#[test]
fn a_registration_that_outlived_its_descriptor_is_found() {
    let server = Server::start(&["--mistake", "close-keeps-dup"]);
    let (client, fd) = server.client();
    drop(client);
    about(&server.finding("ghost"), fd);
}

#[test]
fn several_threads_woken_for_one_connection_are_found() {
    let mut server = Server::start(&["--threads", "2"]);
    for lane in ["T1", "T2"] {
        server.ever("its first wait", |l| l["kind"] == "enter" && l["lane"] == lane);
    }
    server.command("pause");
    server.mark();
    let _client = server.silent_client();
    server.wait("the connection", |l| l["kind"] == "wakeup");
    // Level-triggered: the first wait puts the listener back, and the second thread is told too.
    for lane in ["T1", "T2", "T1", "T2"] {
        server.command(&format!("step {lane}"));
    }
    server.finding("thundering-herd");
}

/// a's line makes the server write to b, which was reset: b is closed while its own event waits in
/// the same batch.
fn stale(mistakes: &[&str]) -> Server {
    let mut server = Server::start(&[&["--app", "chat"], mistakes].concat());
    let (mut a, fd_a) = server.client();
    let (b, fd_b) = server.client();
    server.command("pause");
    a.send("to everybody\n");
    server.wait("a's line", |l| l["kind"] == "wakeup" && l["fd"] == fd_a);
    b.reset();
    server.wait("b's reset", |l| l["kind"] == "wakeup" && l["fd"] == fd_b);
    let _c = server.silent_client();
    server.wait("c's connection", |l| l["kind"] == "wakeup" && l["fd"] != fd_b);
    server.command("run");
    server.ever("the stale event", |l| l["kind"] == "stale" && l["fd"] == fd_b);
    server
}

#[test]
fn a_stale_event_that_is_believed_is_found() {
    stale(&["--mistake", "trust-batch"]).finding("stale-event");
}

#[test]
fn a_correct_server_skips_a_stale_event() {
    let mut server = stale(&[]);
    server.command("pause");
    let found = server.lines().iter().any(|l| l["finding"] == "stale-event");
    assert!(!found, "a skipped event is no finding");
}

#[test]
fn a_quiet_client_behind_a_flooder_is_found() {
    let mut server = Server::start(&["--app", "discard", "--mistake", "no-read-bound"]);
    let (mut flooder, fd) = server.client();
    let (mut quiet, fd_quiet) = server.client();
    server.command("pause");
    flood(&mut flooder, 4 << 20);
    server.wait("the flood", |l| l["kind"] == "wakeup" && l["fd"] == fd);
    quiet.send("me too\n");
    server.wait("the quiet one", |l| l["kind"] == "wakeup" && l["fd"] == fd_quiet);
    server.command("run");
    let finding = server.finding("starving");
    let text = finding["text"].as_str().unwrap();
    assert!(text.contains(&fd.to_string()) && text.contains(&fd_quiet.to_string()), "{text}");
}

#[test]
fn a_wait_with_timeout_zero_is_found() {
    let server = Server::start(&["--mistake", "timeout-zero"]);
    server.finding("timeout-zero-spin");
}

#[test]
fn a_correct_server_has_no_findings() {
    for trigger in ["level", "edge"] {
        let server = Server::start(&["--trigger", trigger]);
        let mut clients: Vec<_> = (0..8).map(|_| server.client().0).collect();
        for round in 0..20 {
            for client in &mut clients {
                let line = format!("line {round}\n");
                client.send(&line);
                client.expect(&line);
            }
        }
        clients[0].half_close();
        let mut end = Vec::new();
        clients[0].0.read_to_end(&mut end).unwrap();
        let (slow, fd) = server.client();
        slow.reset();
        server.ever("the close", |l| is_call(l, "close", fd));
        let found: Vec<_> = server.lines().into_iter().filter(|l| l["kind"] == "finding").collect();
        assert!(found.is_empty(), "{trigger}: {found:?}");
    }
}
