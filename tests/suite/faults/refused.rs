//! What the system, or whoever started the program, refuses it: signals, threads, room in a pipe.

use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::{SigSet, SigmaskHow, Signal, pthread_sigmask};

use crate::harness::{Server, end_of, is_call, program};

/// The program without a screen, started by a process that has done this first.
#[expect(unsafe_code, reason = "limits and masks can only be set in the child")]
fn started_by(before: impl Fn() -> std::io::Result<()> + Send + Sync + 'static) -> Command {
    let mut command = program();
    command.args(["--headless", "--listen", "127.0.0.1:0"]);
    // SAFETY: setrlimit(2), pthread_sigmask(3) and setresuid(2) are async-signal-safe.
    unsafe { command.pre_exec(before) };
    command
}

fn without_signal_queue() -> Command {
    started_by(|| Ok(setrlimit(Resource::RLIMIT_SIGPENDING, 0, 0)?))
}

fn pause_run_and_quit(mut server: Server) {
    let (mut client, fd) = server.client();
    server.ever("registered", |l| is_call(l, "epoll_ctl", fd));
    assert_eq!(server.command("pause")["state"], "done");
    client.send("hello\n");
    assert_eq!(server.command("run")["state"], "done");
    client.expect("hello\n");
    assert!(server.quit().success());
}

#[test]
fn held_and_ended_without_a_queue_of_signals_and_told_so() {
    let server = Server::spawn(&mut without_signal_queue());
    server.ever("its state", |l| l["kind"] == "edge-log" && l["state"] == "no-queue");
    server.ever("the reason", |l| {
        l["kind"] == "note" && l["text"].as_str().unwrap().contains("RLIMIT_SIGPENDING (0)")
    });
    pause_run_and_quit(server);
}

/// The queue is the user's: it can be full while the program runs, and empty again.
#[test]
fn a_queue_of_signals_that_fills_up_ends_the_recording_until_it_has_room_again() {
    let mut server = Server::start(&["--edge-log", "on"]);
    let (mut client, fd) = server.client();
    server.ever("registered", |l| is_call(l, "epoll_ctl", fd));
    let pid = server.pid().to_string();
    let limit = |signals: &str| {
        let asked = format!("--sigpending={signals}");
        Command::new("prlimit").args(["--pid", &pid, &asked]).status().is_ok_and(|s| s.success())
    };
    if !limit("0:1000") {
        eprintln!("skipped: a_queue_of_signals_that_fills_up needs prlimit(1)");
        return;
    }
    let is_log =
        |l: &serde_json::Value, state: &str| l["kind"] == "edge-log" && l["state"] == state;
    client.send("x\n");
    server.wait("no queue", |l| is_log(l, "no-queue"));
    assert!(limit("1000:1000"));
    client.send("y\n");
    server.wait("the log", |l| is_log(l, "drained"));
    client.send("z\n");
    server.wait("a wake-up", |l| l["kind"] == "wakeup" && l["fd"] == fd);
}

#[test]
fn ends_in_time_without_a_queue_of_signals() {
    let mut command = without_signal_queue();
    let mut child = command.args(["--for", "100ms"]).stdout(Stdio::null()).spawn().unwrap();
    assert!(end_of(&mut child).success());
}

#[test]
fn held_and_ended_although_the_parent_has_every_signal_blocked() {
    let all = || Ok(pthread_sigmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::all()), None)?);
    let blocked = || {
        for signo in nix::libc::SIGRTMIN()..=nix::libc::SIGRTMAX() {
            epollscope::sys::signal::block(signo)?;
        }
        Ok(())
    };
    let server = Server::spawn(&mut started_by(move || all().and_then(|()| blocked())));
    pause_run_and_quit(server);
}

/// What a hold does to a thread that sleeps is said to be the hold's doing.
#[test]
fn a_hold_that_interrupts_a_sleep_says_so() {
    let mut server = Server::start(&[]);
    server.ever("its sleep", |l| l["kind"] == "enter" && l["call"] == "epoll_wait");
    server.command("pause");
    let is_cut = |l: &serde_json::Value| l["call"] == "epoll_wait" && l["errno"] == "EINTR";
    server.ever("the end of its sleep", is_cut);
    server.ever("why", |l| {
        l["kind"] == "note" && l["lane"] == "T1" && l["text"].as_str().unwrap().ends_with(": hold")
    });
}

/// Standard input or output as whoever started the program may have left it.
fn non_blocking(fd: &OwnedFd) {
    fcntl(fd.as_fd(), FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).unwrap();
}

#[test]
fn a_full_pipe_that_does_not_block_is_waited_for() {
    let (mut reader, writer) = std::io::pipe().unwrap();
    let writer = OwnedFd::from(writer);
    non_blocking(&writer);
    // Full before the first line.
    while nix::unistd::write(&writer, &[b'\n'; 4096]).is_ok() {}
    while nix::unistd::write(&writer, b"\n").is_ok() {}
    let mut child = program()
        .args(["--headless", "--listen", "127.0.0.1:0", "--for", "300ms"])
        .stdout(writer)
        .spawn()
        .unwrap();
    std::thread::sleep(Duration::from_millis(100));
    let mut text = String::new();
    reader.read_to_string(&mut text).unwrap();
    assert!(end_of(&mut child).success());
    assert!(text.contains("\"listening\"") && text.ends_with("}\n"), "{text:?}");
}

#[test]
fn commands_are_read_from_a_pipe_that_does_not_block() {
    let (reader, mut writer) = std::io::pipe().unwrap();
    let reader = OwnedFd::from(reader);
    non_blocking(&reader);
    let mut command = program();
    command.args(["--headless", "--listen", "127.0.0.1:0"]).stdin(reader).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    drop(command);
    // Nothing is there when it first looks.
    std::thread::sleep(Duration::from_millis(100));
    writer.write_all(b"quit\n").unwrap();
    assert!(end_of(&mut child).success());
}

/// Beside a server that spins, lines of standard input are not taken one at a time.
#[test]
fn commands_that_come_together_are_taken_together() {
    const COMMANDS: usize = 60;
    let mut server = Server::start(&["--mistake", "timeout-zero"]);
    server.many("calls", 1000, |l| l["call"] == "epoll_wait");
    server.tell(&"max-events 7\n".repeat(COMMANDS));
    let is_accepted = |l: &serde_json::Value| {
        l["kind"] == "command" && l["state"] == "accepted" && l["command"] == "max-events 7"
    };
    server.many("commands", COMMANDS, is_accepted);
    let lines = server.lines();
    let taken = lines.iter().filter(|l| is_accepted(l));
    let taken: Vec<_> = taken.map(|l| l["seq"].as_u64().unwrap()).collect();
    let times = 1 + taken.windows(2).filter(|pair| pair[1] != pair[0] + 1).count();
    assert!(times <= COMMANDS / 4, "{COMMANDS} commands were taken {times} times");
}

/// Under load the program rests three times as long as it has worked. The time for which it waits for
/// its reader is no work.
#[test]
fn a_reader_that_stalls_is_followed_by_no_silence() {
    const STALL: Duration = Duration::from_secs(3);
    let mut child = program()
        .args(["--headless", "--listen", "127.0.0.1:0", "--mistake", "timeout-zero"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = child.stdout.take().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut room = vec![0; 1 << 16];
    let mut read = |for_as_long: Duration| {
        let begun = Instant::now();
        let mut longest = Duration::ZERO;
        while begun.elapsed() < for_as_long {
            let asked = Instant::now();
            assert!(out.read(&mut room).unwrap() > 0, "the program has ended");
            longest = longest.max(asked.elapsed());
        }
        longest
    };
    read(Duration::from_secs(1));
    std::thread::sleep(STALL);
    let silence = read(STALL);
    assert!(silence < STALL * 2, "{silence:?} of silence");
    stdin.write_all(b"quit\n").unwrap();
    drop(out);
    end_of(&mut child);
}

/// A thread is refused to a user who has as many as may be; root may have any number.
#[test]
fn a_refused_thread_is_named_and_is_no_panic() {
    const NOBODY: u32 = 65_534;
    if !nix::unistd::geteuid().is_root() {
        eprintln!("skipped: a_refused_thread_is_named_and_is_no_panic needs root to be nobody");
        return;
    }
    for threads in 1..20 {
        let limited = move || {
            setrlimit(Resource::RLIMIT_NPROC, threads, threads)?;
            Ok(nix::unistd::setresuid(NOBODY.into(), NOBODY.into(), NOBODY.into())?)
        };
        let mut command = started_by(limited);
        command.args(["--threads", "3", "--for", "300ms"]);
        let output = command.stdin(Stdio::null()).stderr(Stdio::piped()).output();
        let Ok(output) = output else {
            eprintln!("skipped: a_refused_thread_is_named_and_is_no_panic cannot run as nobody");
            return;
        };
        let error = String::from_utf8_lossy(&output.stderr);
        match output.status.code() {
            Some(0) => return assert!(threads > 1, "no thread was refused"),
            Some(1) => assert!(error.contains("cannot be started"), "{threads}: {error}"),
            other => panic!("{threads} threads: {other:?}: {error}"),
        }
    }
    panic!("twenty threads are not enough");
}

#[test]
fn a_signal_that_nothing_is_done_about_is_died_of_after_a_goodbye() {
    for signal in [Signal::SIGUSR1, Signal::SIGUSR2, Signal::SIGALRM] {
        let server = Server::start(&[]);
        let (mut client, fd) = server.client();
        server.ever("registered", |l| is_call(l, "epoll_ctl", fd));
        let status = server.signal(signal);
        assert_eq!(status.signal(), Some(signal as i32));
        assert!(client.rest().contains("goodbye"));
    }
}

#[test]
fn what_is_printed_to_nobody_ends_without_a_word() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = program();
    command.arg("man").stdout(writer).stderr(Stdio::piped());
    let output = command.spawn().unwrap().wait_with_output().unwrap();
    assert_eq!((output.status.code(), &*output.stderr), (Some(141), &b""[..]));
}
