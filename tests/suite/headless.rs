//! The program without a screen: what it writes, what it reads, how it ends.

use std::process::Stdio;

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::harness::{Server, is_call, is_list, program};

#[test]
fn a_line_is_served_and_every_call_of_it_is_told() {
    let mut server = Server::start(&[]);
    let (mut client, fd) = server.client();
    let add = server.wait("the registration", |l| {
        l["call"] == "epoll_ctl" && l["fd"] == fd && l["op"] == "EPOLL_CTL_ADD"
    });
    assert_eq!(add["events"], "IN|RDHUP");
    // A server that runs may have read before the length is asked for.
    server.command("pause");
    client.send("hello\n");
    let wakeup = server.wait("the wake-up", |l| l["kind"] == "wakeup" && l["fd"] == fd);
    assert_eq!(wakeup["unread"], 6);
    server.tell("run");
    client.expect("hello\n");
    let wait = server.wait("its report", |l| {
        l["kind"] == "call" && l["call"] == "epoll_wait" && l["events"][0]["fd"] == fd
    });
    assert_eq!(wait["events"][0]["events"], "IN");
    let read = server.wait("the read", |l| is_call(l, "read", fd));
    assert_eq!((&read["data"], &read["ret"]), (&Value::from("hello\\n"), &Value::from(6)));
    server.wait("the answer", |l| is_call(l, "sendto", fd) && l["ret"] == 6);
    assert!(server.quit().success());
}

#[test]
fn bytes_are_told_in_the_escapes_of_strace() {
    let mut server = Server::start(&["--raw"]);
    let (mut client, fd) = server.client();
    client.send("\u{1b}[1m\u{1}7\u{e4}\"\n");
    let read = server.wait("the read", |l| is_call(l, "read", fd));
    assert_eq!(read["data"], r#"\33[1m\0017\303\244\"\n"#);
}

#[test]
fn a_client_is_named_by_the_place_in_which_it_was_accepted() {
    let mut server = Server::start(&[]);
    let (_first, _) = server.client();
    server.tell("client");
    let accepted = |l: &Value| l["call"] == "accept4" && l["ret"].is_u64();
    server.many("accept4", 2, accepted);
    let fd = server.lines().iter().filter(|l| accepted(l)).nth(1).unwrap()["ret"].as_i64().unwrap();
    assert_eq!(server.command("send client=2 hello")["state"], "done");
    server.ever("the line", |l| is_call(l, "read", fd) && l["data"] == "hello\\n");
    assert_eq!(server.command("trigger client=2 edge")["state"], "done");
    server.ever("the change", |l| l["op"] == "EPOLL_CTL_MOD" && l["fd"] == fd);
    let failed = server.command("send client=1 hello");
    assert!(failed["note"].as_str().unwrap().ends_with("is not a built-in client"), "{failed}");
    assert_eq!(server.command("close client=2")["state"], "done");
    server.ever("the close", |l| is_call(l, "close", fd));
    assert_eq!(server.command("send client=2 more")["note"], "client 2 is gone");
    let note = "client 3 has not been accepted yet";
    assert_eq!(server.command("drop client=3")["note"], note);
    assert_eq!(server.command("drop")["note"], "needs fd=N or client=N");
}

#[test]
fn the_example_of_the_readme_sends_its_line() {
    let readme = include_str!("../../README.md");
    let (_, example) = readme.split_once("```sh\n(echo client;").expect("the example");
    let (example, _) = example.split_once("```").unwrap();
    // Any port will do here.
    let own = concat!(env!("CARGO_BIN_EXE_epollscope"), " --headless --listen 127.0.0.1:0");
    let example = example.replace("cargo run --release -- --headless", own);
    let mut shell = std::process::Command::new("sh");
    let output = shell.arg("-c").arg(format!("(echo client;{example}")).output().unwrap();
    let lines = String::from_utf8(output.stdout).unwrap();
    let lines = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let read = lines.filter(|l| l["call"] == "read").find(|l| l["data"] == "hello\\n");
    assert!(read.is_some(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn an_edge_triggered_client_is_drained_until_eagain() {
    let mut server = Server::start(&["--trigger", "edge"]);
    let (mut client, fd) = server.client();
    client.send("x");
    client.expect("x");
    server.wait("the registration", |l| {
        l["call"] == "epoll_ctl" && l["fd"] == fd && l["events"] == "IN|RDHUP|ET"
    });
    server.wait("EAGAIN", |l| is_call(l, "read", fd) && l["errno"] == "EAGAIN");
}

#[test]
fn a_held_server_lets_the_ready_list_fill_in_arrival_order() {
    let mut server = Server::start(&["--max-events", "2"]);
    let (mut a, fd_a) = server.client();
    let (mut b, fd_b) = server.client();
    let (mut c, fd_c) = server.client();
    server.command(&format!("trigger fd={fd_b} edge"));
    assert_eq!(server.command("pause")["state"], "done");
    b.send("one");
    server.wait("b is listed", |l| is_list(l, &[fd_b]));
    a.send("two");
    server.wait("a is listed", |l| is_list(l, &[fd_b, fd_a]));
    c.send("three");
    server.wait("c is listed", |l| is_list(l, &[fd_b, fd_a, fd_c]));
    server.command("step T1");
    let wait = server.ever("epoll_wait of two", |l| {
        l["call"] == "epoll_wait" && l["kind"] == "call" && l["ret"] == 2
    });
    assert_eq!(wait["events"][0]["fd"], fd_b, "{wait}");
    assert_eq!(wait["events"][1]["fd"], fd_a, "{wait}");
    // The edge-triggered one is gone; the level-triggered one went to the tail.
    server.ever("the list after it", |l| is_list(l, &[fd_c, fd_a]));
    server.command("run");
    a.expect("two");
    b.expect("one");
    c.expect("three");
}

#[test]
fn the_wait_queue_is_told_and_who_is_woken_next_comes_first() {
    let mut server = Server::start(&["--threads", "2"]);
    let asleep = |lanes: &'static [&str]| {
        move |l: &Value| {
            let names = l["waiting"].as_array().into_iter().flatten();
            l["list"].is_array() && names.map(|name| name.as_str().unwrap()).eq(lanes.to_vec())
        }
    };
    server.ever("both threads", |l| l["kind"] == "enter" && l["lane"] == "T2");
    server.command("pause");
    server.tell("step T2");
    server.wait("T2 sleeps", asleep(&["T2"]));
    server.tell("step T1");
    // Who went to sleep last is woken first.
    server.wait("T1 sleeps above T2", asleep(&["T1", "T2"]));
}

#[test]
fn a_listener_tells_of_connections_that_wait_and_of_its_backlog() {
    let mut server = Server::start(&[]);
    server.ever("its first wait", |l| l["kind"] == "enter");
    server.command("pause");
    let listener = server.ever("the listener", |l| l["what"] == "listener")["fd"].clone();
    let _client = server.silent_client();
    let woken = server.wait("its wake-up", |l| l["kind"] == "wakeup" && l["fd"] == listener);
    assert_eq!((&woken["waiting"], &woken["unread"]), (&1.into(), &Value::Null), "{woken}");
    let told = |l: &Value| l["kind"] == "queues" && l["fd"] == listener;
    let queues = server.ever("its queue", told);
    assert!(queues["backlog"].as_u64() > Some(0) && queues["waiting"].is_u64(), "{queues}");
    assert!(queues["unread"].is_null() && queues["unsent"].is_null(), "{queues}");
}

#[test]
fn a_signal_that_somebody_sends_is_no_wake_up() {
    let mut server = Server::start(&[]);
    let (mut client, fd) = server.client();
    let listener = server.ever("the listener", |l| l["what"] == "listener")["fd"].clone();
    // SIGRTMIN + 1, as the kernel sends for each wake-up (signal(7)).
    let kill = format!("kill -35 {}", server.pid());
    assert!(std::process::Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    // Signals of one number come in the order in which they were sent.
    client.send("hello");
    server.wait("the wake-up", |l| l["kind"] == "wakeup" && l["fd"] == fd);
    let wakeups: Vec<_> = server.lines().into_iter().filter(|l| l["kind"] == "wakeup").collect();
    let real = |l: &Value| [&Value::from(fd), &listener].contains(&&l["fd"]) && l["band"] != "0";
    assert!(wakeups.iter().all(real), "{wakeups:?}");
}

#[test]
fn a_policy_changed_while_the_server_sleeps_holds_from_the_next_read() {
    let mut server = Server::start(&["--trigger", "edge"]);
    let (mut client, fd) = server.client();
    client.send("first");
    client.expect("first");
    server.command("read once 4");
    client.send("second");
    client.expect("seco");
    let read = server.wait("the read", |l| is_call(l, "read", fd));
    assert_eq!((&read["len"], &read["ret"]), (&4.into(), &4.into()), "{read}");
    server.command("read drain");
    client.send("third");
    client.expect("ndthird");
    let reads = |l: &Value| is_call(l, "read", fd) && l["errno"] == "EAGAIN";
    server.wait("the drain", reads);
}

#[test]
fn a_bad_command_is_an_error_and_nothing_else() {
    let mut server = Server::start(&[]);
    server.tell("pauze");
    let error = server.wait("an error", |l| l["kind"] == "error");
    assert_eq!(error["message"], "`pauze`: expected a command (`pause`?)");
    server.tell("zoom 1s");
    server.wait("an error", |l| l["kind"] == "error");
    server.tell("\u{1b}[31m\u{202e}");
    let error = server.wait("an error", |l| l["kind"] == "error");
    assert_eq!(error["input"], "^[[31m<U+202E>");
    let failed = server.command("trigger fd=999 edge");
    assert_eq!(failed["state"], "failed");
    assert!(server.quit().success());
}

#[test]
fn the_end_of_standard_input_does_not_end_the_server() {
    let mut server = Server::start(&[]);
    server.close_stdin();
    let (mut client, _) = server.client();
    client.send("still there\n");
    client.expect("still there\n");
    let status = server.signal(Signal::SIGTERM);
    assert_eq!(status.code(), Some(143));
}

#[test]
fn a_closed_standard_output_ends_the_server_quietly() {
    let mut child = program()
        .args(["--headless", "--listen", "127.0.0.1:0"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn a_run_ends_after_its_time() {
    let mut server = Server::start(&["--for", "300ms"]);
    assert_eq!(server.ended().code(), Some(0));
}

#[test]
fn an_interrupt_ends_with_130() {
    let server = Server::start(&[]);
    assert_eq!(server.signal(Signal::SIGINT).code(), Some(130));
}

#[test]
fn a_busy_port_is_one_clear_line_and_exit_3() {
    let server = Server::start(&[]);
    let address = server.address().to_string();
    let output = program().args(["--headless", "--listen", &address]).output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(text.contains(&address) && text.lines().count() == 1, "{text}");
    let holder = format!("address in use by epollscope (process {})", server.pid());
    assert!(text.contains(&holder) && text.contains("try --listen 127.0.0.1:0 "), "{text}");
    assert!(output.stdout.is_empty());
}

#[test]
fn usage_errors_exit_with_2() {
    for args in [
        &["--headless", "--bogus"][..],
        &["--headless", "--threads", "9"],
        &["--headless", "--listen", "0.0.0.0:0"],
        &["--headless", "--mistake", "no-such"],
    ] {
        let output = program().args(args).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(!output.stderr.is_empty() && output.stdout.is_empty(), "{args:?}");
    }
}

#[test]
fn without_a_terminal_on_standard_output_it_is_headless() {
    let server = Server::spawn(program().args(["--listen", "127.0.0.1:0"]));
    assert!(server.quit().success());
}

#[test]
fn each_client_gets_a_last_line_and_a_close() {
    let server = Server::start(&[]);
    let (mut client, _) = server.client();
    assert!(server.quit().success());
    let text = client.rest();
    assert!(text.contains("epollscope") && text.ends_with('\n'), "{text:?}");
}

/// Every kind of line with the keys that it always has. The reference documents the same table.
const SCHEMA: [(&str, &[&str]); 30] = [
    ("listening", &["addresses", "pid", "descriptors"]),
    ("call", &["call", "started_ns"]),
    ("enter", &["call"]),
    ("wakeup", &["fd", "band", "after_ns"]),
    ("ready", &["source"]),
    ("command", &["id", "command", "state"]),
    ("gap", &["lost"]),
    ("finding", &["finding", "text"]),
    ("divergence", &["what", "fd", "at"]),
    ("error", &["message", "input"]),
    ("open", &["fd", "file", "what", "name"]),
    ("queues", &["fd"]),
    ("interest", &["epfd", "list", "source"]),
    ("edge-log", &["state"]),
    ("park", &[]),
    ("unpark", &["pass"]),
    (
        "settings",
        &["app", "backend", "trigger", "read", "accept", "max_events", "threads", "mistakes"],
    ),
    ("backend", &["to", "phase"]),
    ("set", &["fd", "file", "place"]),
    ("sets", &["list", "source"]),
    ("connection", &["fd", "state", "queued"]),
    ("goroutine", &["go", "state"]),
    ("handle", &["fd", "file"]),
    ("stale", &["fd", "file", "believed"]),
    ("refused", &["why"]),
    ("client", &["peer"]),
    ("thread", &["state"]),
    ("note", &["text"]),
    ("asleep", &["threads", "since_ns", "source"]),
    ("quiet", &[]),
];

#[test]
fn every_line_keeps_to_the_schema_and_the_reference_names_every_kind() {
    let page = include_str!("../../assets/reference/json.md");
    for (kind, keys) in SCHEMA {
        assert!(page.contains(&format!("`{kind}`")), "the page does not name `{kind}`");
        for key in keys {
            assert!(page.contains(&format!("`{key}`")), "the page does not name `{key}`");
        }
    }
    let mut server = Server::start(&["--trigger", "edge", "--threads", "2"]);
    let (mut client, fd) = server.client();
    client.send("\u{1b}[31mred\u{202e}\n");
    server.command("pause");
    server.tell("step T1");
    server.command("run");
    server.command(&format!("oneshot fd={fd} on"));
    server.tell("nonsense");
    drop(client);
    server.wait("the close", |l| is_call(l, "close", fd));
    server.wait("the interest list", |l| l["kind"] == "interest");
    let mut last = 0;
    for line in server.lines() {
        let kind = line["kind"].as_str().unwrap();
        let (_, keys) = SCHEMA.iter().find(|(k, _)| *k == kind).unwrap_or_else(|| {
            panic!("an unknown kind: {line}");
        });
        for key in *keys {
            assert!(!line[*key].is_null(), "no `{key}` in {line}");
        }
        if kind == "call" {
            assert!(line["ret"].is_number() ^ line["errno"].is_string(), "{line}");
        }
        if kind != "error" {
            let seq = line["seq"].as_u64().unwrap();
            assert!(seq >= last, "{line} after {last}");
            assert!(line["t_ns"].is_u64() && line["lane"].is_string(), "{line}");
            last = seq;
        }
    }
}
