//! How the screen ends: with its terminal gone or stalled, by a panic, for a while.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::Pid;

use crate::harness::{PATIENCE, cpu_time, program};
use crate::pty::{FREE, Terminal, Tie};

/// The command that runs the program with a terminal to draw on.
fn on_screen(args: &[&str]) -> std::process::Command {
    let mut command = program();
    command.env("TERM", "xterm-256color").env_remove("NO_COLOR").args(FREE).args(args);
    command
}

#[track_caller]
fn echo(client: &mut TcpStream, text: &str) {
    client.write_all(text.as_bytes()).unwrap();
    let mut back = vec![0; text.len()];
    client.read_exact(&mut back).expect("the server answers");
    assert_eq!(back, text.as_bytes());
}

/// What the server still says until it closes; then the client closes too.
fn rest(mut client: TcpStream) -> String {
    let mut text = String::new();
    client.read_to_string(&mut text).unwrap();
    text
}

/// Waits for the end of a child and leaves it there, so that what it has used can be read.
#[track_caller]
fn has_ended(pid: Pid) -> WaitStatus {
    let deadline = Instant::now() + PATIENCE;
    let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT | WaitPidFlag::WNOHANG;
    loop {
        let status = waitid(Id::Pid(pid), flags).unwrap();
        if status != WaitStatus::StillAlive {
            return status;
        }
        assert!(Instant::now() < deadline, "the program does not end");
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn vanish(tie: Tie) {
    let mut terminal = Terminal::spawn(24, 80, &mut on_screen(&[]), tie);
    terminal.shows("Interest list");
    let mut client = terminal.connect();
    echo(&mut client, "hello");
    let last_words = std::thread::spawn(move || rest(client));
    let used = cpu_time(terminal.pid());
    let begun = Instant::now();
    terminal.hang_up();
    let status = has_ended(terminal.pid());
    let (took, used) = (begun.elapsed(), cpu_time(terminal.pid()).saturating_sub(used));
    assert_eq!(status, WaitStatus::Exited(terminal.pid(), 129), "{tie:?}");
    assert!(took < Duration::from_secs(5), "{tie:?}: it took {took:?}");
    // A loop around a terminal that is gone would take a whole second of the grace.
    assert!(used < Duration::from_millis(500), "{tie:?}: {used:?} of CPU time in {took:?}");
    let last_words = last_words.join().unwrap();
    assert!(last_words.contains("goodbye"), "{tie:?}: {last_words:?}");
}

#[test]
fn a_terminal_that_vanishes_ends_the_program_with_129_and_without_a_spin() {
    vanish(Tie::Session);
}

#[test]
fn a_terminal_that_vanishes_while_sighup_is_ignored_ends_it_with_129_and_without_a_spin() {
    vanish(Tie::DeafToHangup);
}

#[test]
fn a_terminal_that_vanishes_without_any_signal_ends_it_with_129_and_without_a_spin() {
    vanish(Tie::Loose);
}

/// How often the thread that draws has waited.
fn rests(terminal: &Terminal) -> u64 {
    let pid = terminal.pid();
    let status = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/status")).unwrap();
    let line = status.lines().find(|l| l.starts_with("voluntary_ctxt")).unwrap();
    line.split_whitespace().last().unwrap().parse().unwrap()
}

/// Gives the program something to draw until it is stuck in the middle of a frame.
fn block_the_screen(terminal: &mut Terminal, client: &mut TcpStream) {
    terminal.stall(true);
    let deadline = Instant::now() + PATIENCE;
    let mut before = 0;
    // A screen that is drawn rests after every key; one that is stuck looks up now and then.
    while rests(terminal) > before + 8 {
        before = rests(terminal);
        for _ in 0..10 {
            // Another view is nearly a whole screen; the client is served in between.
            terminal.keys("31");
            echo(client, "still served");
            std::thread::sleep(Duration::from_millis(5));
        }
        assert!(Instant::now() < deadline, "the screen does not block");
    }
}

#[test]
fn a_stalled_terminal_and_sigterm_end_with_143_within_two_seconds_and_serve_until_then() {
    let mut terminal = Terminal::spawn(60, 240, &mut on_screen(&[]), Tie::Session);
    terminal.shows("Interest list");
    let mut client = terminal.connect();
    block_the_screen(&mut terminal, &mut client);
    for n in 0..100 {
        echo(&mut client, &format!("line {n}"));
    }
    let last_words = std::thread::spawn(move || rest(client));
    let begun = Instant::now();
    terminal.signal(Signal::SIGTERM);
    assert_eq!(terminal.ended().code(), Some(143));
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(2), "it took {took:?}");
    assert!(last_words.join().unwrap().contains("goodbye"));
    terminal.stall(false);
    terminal.is_restored();
}

#[test]
fn a_stalled_terminal_that_is_read_again_shows_the_present() {
    let mut terminal = Terminal::spawn(60, 240, &mut on_screen(&[]), Tie::Session);
    terminal.shows("Interest list");
    let mut client = terminal.connect();
    block_the_screen(&mut terminal, &mut client);
    echo(&mut client, "in the meantime");
    terminal.resize(40, 120);
    terminal.stall(false);
    terminal.shows("in the meantime");
    terminal.keys("q");
    assert_eq!(terminal.ended().code(), Some(0));
    terminal.is_restored();
}

#[test]
fn ctrl_z_gives_the_terminal_back_and_fg_serves_who_came_meanwhile() {
    let mut command = std::process::Command::new("sh");
    // A shell with job control: it goes on when its job is stopped.
    let script = "set -m; \"$0\" \"$@\"; echo stopped by $?; read word; fg; exit $?";
    command.args(["-c", script, env!("CARGO_BIN_EXE_epollscope")]).args(FREE);
    command.env("TERM", "xterm-256color").env_remove("NO_COLOR").env_remove("EPOLLSCOPE_CONFIG");
    let mut terminal = Terminal::spawn(24, 80, &mut command, Tie::Session);
    terminal.shows("Interest list");
    let port = terminal.port();
    let mut before = terminal.connect();
    echo(&mut before, "before");
    terminal.keys("\x1a");
    terminal.shows("stopped by 148");
    terminal.is_restored();
    let mut meanwhile = TcpStream::connect(("127.0.0.1", port)).unwrap();
    meanwhile.set_read_timeout(Some(PATIENCE)).unwrap();
    meanwhile.write_all(b"meanwhile").unwrap();
    terminal.resize(40, 120);
    terminal.keys("\n");
    let mut back = [0; 9];
    meanwhile.read_exact(&mut back).unwrap();
    assert_eq!(&back, b"meanwhile");
    echo(&mut before, "after");
    terminal.shows("2 clients");
    terminal.shows("Timeline");
    terminal.keys("q");
    assert_eq!(terminal.ended().code(), Some(0));
    terminal.is_restored();
}
