//! How connections and the server itself end, and commands at bad moments.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use nix::sys::socket::{MsgFlags, send};

use super::assert_answers;
use crate::harness::{Client, Over, PATIENCE, Server, is_call};

#[test]
fn twenty_restarts_on_the_same_port_after_the_server_closed_first() {
    let mut server = Server::start(&[]);
    let address = server.address().to_string();
    for _ in 0..20 {
        let (mut client, fd) = server.client();
        assert_eq!(server.command(&format!("drop fd={fd}"))["state"], "done");
        assert_eq!(client.0.read(&mut [0]).unwrap(), 0, "the server closed first");
        assert!(server.quit().success());
        let mut again = crate::harness::program();
        server = Server::spawn(again.args(["--headless", "--listen", &address]));
    }
    assert_answers(&server);
}

#[test]
fn reset_before_accept_is_an_accept_and_a_failed_read() {
    for trigger in ["level", "edge"] {
        let mut server = Server::start(&["--trigger", trigger]);
        server.command("pause");
        server.silent_client().reset();
        let mut data = server.silent_client();
        data.send("unread");
        data.reset();
        server.command("run");
        server.many("accept4", 2, |l| l["call"] == "accept4" && !l["ret"].is_null());
        let lines = server.lines();
        let accepts = lines.iter().filter(|l| l["call"] == "accept4");
        for fd in accepts.filter_map(|l| l["ret"].as_i64()) {
            let report = |l: &serde_json::Value| {
                let events = l["events"].as_array().into_iter().flatten();
                events.filter(|e| e["fd"] == fd).any(|e| e["events"] == "IN|ERR|HUP|RDHUP")
            };
            server.ever("the report", report);
            server.ever("the read", |l| is_call(l, "read", fd) && l["errno"] == "ECONNRESET");
            server.ever("the close", |l| is_call(l, "close", fd));
        }
        assert_answers(&server);
    }
}

#[test]
fn reset_with_unread_data_ends_the_connection() {
    for trigger in ["level", "edge"] {
        let mut server = Server::start(&["--trigger", trigger]);
        let (mut client, fd) = server.client();
        server.ever("its registration", |l| is_call(l, "epoll_ctl", fd));
        server.command("pause");
        client.send("never read");
        client.reset();
        server.command("run");
        server.ever("the read", |l| is_call(l, "read", fd) && l["errno"] == "ECONNRESET");
        server.ever("the close", |l| is_call(l, "close", fd) && l["ret"] == 0);
        assert_answers(&server);
    }
}

#[test]
fn half_close_with_pending_output_gets_all_of_it() {
    for trigger in ["level", "edge"] {
        for threads in ["1", "2"] {
            let args = ["--trigger", trigger, "--buffers", "4096", "--threads", threads];
            let mut server = Server::start(&args);
            let (mut client, fd) = server.client();
            let total = client.stuff();
            client.half_close();
            let mut back = Vec::new();
            client.0.read_to_end(&mut back).unwrap();
            assert_eq!(back.len(), total, "{trigger}, {threads} threads");
            server.wait("the close", |l| is_call(l, "close", fd) && l["ret"] == 0);
        }
    }
}

#[test]
fn back_pressure_comes_and_goes_without_losing_a_byte() {
    const TOTAL: usize = 1_500_000;
    for trigger in ["level", "edge"] {
        for threads in ["1", "3"] {
            let args = ["--trigger", trigger, "--buffers", "4096", "--threads", threads, "--raw"];
            let mut server = Server::start(&args);
            let (client, fd) = server.client();
            let bytes: Vec<_> = (0..TOTAL).map(|n| u8::try_from(n % 251).unwrap()).collect();
            let stop = AtomicBool::new(false);
            std::thread::scope(|scope| {
                let _over = Over(&stop, &[&client.0]);
                let (mut sends, mut reads) = (&client.0, &client.0);
                let all = &bytes;
                scope.spawn(move || {
                    sends.write_all(all).unwrap();
                    sends.shutdown(Shutdown::Write).unwrap();
                });
                server.wait("back-pressure", |l| {
                    l["kind"] == "connection" && l["fd"] == fd && l["state"] == "back-pressure"
                });
                let mut back = Vec::new();
                reads.read_to_end(&mut back).unwrap();
                assert!(back == bytes, "{trigger}, {threads} threads: {} bytes", back.len());
            });
        }
    }
}

#[test]
fn write_after_the_peer_has_gone_is_an_error_and_no_signal() {
    for trigger in ["level", "edge"] {
        let mut server = Server::start(&["--trigger", trigger, "--buffers", "4096"]);
        let (mut client, fd) = server.client();
        client.stuff();
        server.wait("back-pressure", |l| l["fd"] == fd && l["state"] == "back-pressure");
        // It closes with unread data, which is a reset.
        drop(client);
        server.wait("the failed write", |l| {
            is_call(l, "sendto", fd) && (l["errno"] == "ECONNRESET" || l["errno"] == "EPIPE")
        });
        server.wait("the close", |l| is_call(l, "close", fd) && l["ret"] == 0);
        assert_answers(&server);
    }
}

#[test]
fn second_write_after_a_close_is_epipe() {
    let mut server = Server::start(&["--app", "chat"]);
    let (ann, fd) = server.client();
    let (mut bob, from) = server.client();
    server.ever("registered", |l| is_call(l, "epoll_ctl", from));
    server.command("pause");
    // Both lines are read before the end of the other is.
    bob.send("one\n");
    server.ever("it has come", |l| l["kind"] == "wakeup" && l["fd"] == from);
    drop(ann);
    server.ever("its end has come", |l| l["kind"] == "wakeup" && l["fd"] == fd);
    while server.count(|l| is_call(l, "sendto", fd)) == 0 {
        server.command("step T1");
    }
    server.ever("the reset", |l| {
        l["kind"] == "wakeup" && l["fd"] == fd && l["band"].as_str().unwrap().contains("ERR")
    });
    bob.send("two\n");
    server.command("run");
    server.ever("EPIPE", |l| is_call(l, "sendto", fd) && l["errno"] == "EPIPE");
    server.ever("the close", |l| is_call(l, "close", fd));
    assert_answers_line(&server);
}

/// A chat does not answer: it is enough that it reads.
#[track_caller]
fn assert_answers_line(server: &Server) {
    let (mut client, fd) = server.client();
    client.send("hi\n");
    server.ever("the read", |l| is_call(l, "read", fd) && l["data"] == "hi\\n");
}

#[test]
fn telnet_interrupt_is_answered_and_text_goes_on() {
    for trigger in ["level", "edge"] {
        let server = Server::start(&["--trigger", trigger]);
        let (mut client, _) = server.client();
        client.0.write_all(b"a\xff\xf4\xff\xfd\x06b").unwrap();
        let mut got = [0; 5];
        client.0.read_exact(&mut got).unwrap();
        got.sort_unstable();
        assert_eq!(&got, b"\x06ab\xfc\xff");
        // Synch: the mark is urgent data, and stands in line.
        send(std::os::fd::AsRawFd::as_raw_fd(&client.0), b"\xff", MsgFlags::MSG_OOB).unwrap();
        client.0.write_all(b"\xf2text").unwrap();
        client.expect("text");
        server.ever("a word", |l| l["text"].as_str().is_some_and(|t| t.contains("[IP] [DO TM]")));
        // The last byte could have been the beginning of a command, and was not.
        client.0.write_all(b"end\xff").unwrap();
        client.half_close();
        let mut rest = Vec::new();
        client.0.read_to_end(&mut rest).unwrap();
        assert_eq!(rest, b"end\xff");
    }
}

#[test]
fn answer_that_ends_an_http_connection_arrives_although_more_is_sent() {
    for trigger in ["level", "edge"] {
        let mut server = Server::start(&["--app", "http", "--trigger", trigger]);
        let (mut client, fd) = server.client();
        server.ever("registered", |l| is_call(l, "epoll_ctl", fd));
        server.command("pause");
        client.send("GET / HTTP/9.9\r\n\r\n");
        client.0.write_all(&vec![b'x'; 100_000]).unwrap();
        server.command("run");
        server.ever("the end of the answers", |l| is_call(l, "shutdown", fd));
        client.0.write_all(&vec![b'x'; 100_000]).unwrap();
        let text = client.rest();
        assert!(text.starts_with("HTTP/1.1 505 "), "{text:?}");
        client.half_close();
        server.wait("the close", |l| is_call(l, "close", fd));
        let resets = server.count(|l| l["fd"] == fd && l["errno"] == "ECONNRESET");
        assert_eq!(resets, 0);
    }
}

#[test]
fn http_connection_is_kept_until_it_is_to_end() {
    let server = Server::start(&["--app", "http"]);
    let (mut client, _) = server.client();
    for _ in 0..3 {
        client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
        client.expect("HTTP/1.1 200 OK\r\n");
        let mut rest = vec![0; 1000];
        let mut text = Vec::new();
        while !text.ends_with(b"hello from epollscope\n") {
            let count = client.0.read(&mut rest).unwrap();
            text.extend_from_slice(&rest[..count]);
        }
    }
    client.send("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assert!(client.rest().ends_with("hello from epollscope\n"));
}

#[test]
fn stuck_clients_do_not_keep_the_server_from_ending() {
    for trigger in ["level", "edge"] {
        let mut server = Server::start(&["--buffers", "4096", "--trigger", trigger]);
        let mut clients: Vec<_> = (0..5).map(|_| server.client()).collect();
        for (client, fd) in &mut clients {
            client.stuff();
            server.ever("it is stuck", |l| l["fd"] == *fd && l["state"] == "back-pressure");
        }
        let (_silent, _) = server.client();
        server.tell("quit");
        let begun = Instant::now();
        assert!(server.ended().success());
        assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    }
}

#[test]
fn client_that_is_owed_something_gets_it_before_the_goodbye() {
    let mut server = Server::start(&["--paused"]);
    server.ever("held", |l| l["kind"] == "park");
    let mut client = server.silent_client();
    client.send("echo me\n");
    while server.count(|l| l["call"] == "read" && l["data"] == "echo me\\n") == 0 {
        server.command("step T1");
    }
    assert!(server.quit().success());
    let text = client.rest();
    assert!(text.starts_with("echo me\n") && text.contains("goodbye"), "{text:?}");
}

/// A command whose thread leaves the gate at that very moment is not forgotten.
#[test]
fn commands_to_a_delayed_server_all_end() {
    for delay in ["1", "2"] {
        let mut server = Server::start(&["--delay", delay]);
        let (_client, fd) = server.client();
        server.ever("registered", |l| is_call(l, "epoll_ctl", fd));
        for _ in 0..150 {
            assert_eq!(server.command(&format!("rearm fd={fd}"))["state"], "done");
        }
    }
}

#[test]
fn command_told_together_with_run_is_done() {
    let mut server = Server::start(&["--threads", "2", "--trigger", "edge"]);
    let (_client, fd) = server.client();
    server.ever("registered", |l| is_call(l, "epoll_ctl", fd));
    for _ in 0..50 {
        server.command("pause");
        server.mark();
        server.tell(&format!("rearm fd={fd}\nrun"));
        server.wait("rearm", |l| l["command"] == format!("rearm fd={fd}") && l["state"] == "done");
    }
}

#[test]
fn pauses_steps_and_changing_threads_under_load_lose_nothing() {
    for trigger in ["level", "edge"] {
        let mut server = Server::start(&["--threads", "8", "--trigger", trigger]);
        let address = server.address();
        let stop = AtomicBool::new(false);
        let is_over = || stop.load(Ordering::Relaxed);
        std::thread::scope(|scope| {
            let _over = Over(&stop, &[]);
            for n in 0..4 {
                let is_over = &is_over;
                scope.spawn(move || {
                    let mut client = Client(TcpStream::connect(address).unwrap());
                    client.0.set_read_timeout(Some(PATIENCE)).unwrap();
                    let line = format!("client {n}\n");
                    while !is_over() {
                        client.send(&line);
                        client.expect(&line);
                        // Every call of a client in full flight would have to be read here.
                        std::thread::sleep(Duration::from_millis(1));
                    }
                });
            }
            for threads in [1, 8, 3, 1, 8, 2, 1] {
                let command = format!("threads {threads}");
                assert_eq!(server.command(&command)["state"], "done", "{command}");
                assert_eq!(server.command("pause")["state"], "done");
                // They may end with the next event only.
                server.tell("step T1");
                server.tell("turn T1");
                assert_eq!(server.command("run")["state"], "done");
            }
        });
        assert_answers(&server);
        assert!(server.quit().success());
    }
}

#[test]
fn built_in_clients_come_speak_and_go_under_any_trigger() {
    for trigger in ["level", "edge"] {
        let mut server = Server::start(&["--trigger", trigger]);
        let mut fds = Vec::new();
        for _ in 0..3 {
            let done = server.command("client");
            let name = done["note"].as_str().unwrap().to_owned();
            let line =
                server.ever("its accept", |l| l["call"] == "accept4" && l["peer"] == name.as_str());
            fds.push(line["ret"].as_i64().unwrap());
        }
        for fd in &fds {
            server.command(&format!("send fd={fd} hello there"));
            server.wait("its line", |l| is_call(l, "read", *fd) && l["data"] == "hello there\\n");
        }
        server.command(&format!("close fd={}", fds[0]));
        server.ever("its end", |l| is_call(l, "close", fds[0]));
        server.command(&format!("reset fd={}", fds[1]));
        server.ever("its end", |l| is_call(l, "close", fds[1]));
        assert_eq!(server.command(&format!("drop fd={}", fds[2]))["state"], "done");
        let gone = server.command(&format!("send fd={} late", fds[2]));
        assert_eq!(gone["state"], "failed");
    }
}
