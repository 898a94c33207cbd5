//! The program in a pseudo-terminal, read through a terminal emulator, with real clients.

mod endings;
mod exports;
mod hands;
mod lessons;
mod looks;
mod panics;
mod payloads;
mod random;
mod stops;

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;

use nix::sys::signal::Signal;

use crate::harness::{PATIENCE, program, resident};
use crate::pty::{FREE, Terminal, Tie};

#[test]
fn a_telnet_line_is_seen_held_stepped_and_gone_back_to() {
    let mut terminal = Terminal::start(40, 120, &FREE);
    terminal.shows("Interest list");
    terminal.shows("Ready list");
    let mut client = terminal.connect();
    let me = client.local_addr().unwrap().to_string();
    terminal.shows(&me);
    client.write_all(b"hello\r\n").unwrap();
    let mut echo = [0; 7];
    client.read_exact(&mut echo).unwrap();
    assert_eq!(&echo, b"hello\r\n");
    terminal.shows("\"hello\\r\\n\"");
    // Toggle all to edge-triggered.
    terminal.keys("T");
    let both_in_both_panes = |text: &str| text.matches(" EDGE ").count() >= 4;
    terminal.until("both changed, and T1 asleep", |text| {
        both_in_both_panes(text) && text.contains("1 of 1")
    });
    // Hold: the line waits on the ready list.
    terminal.keys(" ");
    terminal.shows("held before epoll_wait");
    client.write_all(b"waiting\r\n").unwrap();
    terminal.shows("9 B unread");
    // One call: epoll_wait reports it.
    terminal.keys(".");
    terminal.shows("being handled by T1");
    terminal.keys("[");
    terminal.shows("PAST");
    terminal.keys("g");
    terminal.until("the present", |text| !text.contains("PAST"));
    terminal.keys(" ");
    let mut echo = [0; 9];
    client.read_exact(&mut echo).unwrap();
    assert_eq!(&echo, b"waiting\r\n");
    terminal.keys("q");
    assert_eq!(terminal.ended().code(), Some(0));
    terminal.is_restored();
}

#[test]
fn a_screen_for_a_time_ends_by_itself() {
    let mut terminal = Terminal::start(24, 80, &["--listen", "127.0.0.1:0", "--for", "1s"]);
    terminal.shows("Why");
    assert_eq!(terminal.ended().code(), Some(0));
    terminal.is_restored();
}

#[test]
fn every_size_is_survived() {
    let mut terminal = Terminal::start(24, 80, &FREE);
    terminal.shows("Why");
    terminal.resize(70, 240);
    terminal.shows("Timeline");
    for (rows, columns) in [(1, 1), (1, 240), (70, 1), (2, 2), (10, 30)] {
        let drawn = terminal.state().sieve.clears;
        terminal.resize(rows, columns);
        terminal.wait("a whole frame", |state| state.sieve.clears > drawn);
        // The keys work all the same.
        terminal.keys("jk1c");
    }
    terminal.shows("60x16");
    terminal.resize(40, 120);
    terminal.shows("Timeline");
    terminal.shows("5 clients");
    terminal.keys("q");
    assert_eq!(terminal.ended().code(), Some(0));
    terminal.is_restored();
}

#[test]
fn a_unix_client_and_a_built_in_client_are_shown() {
    let path = std::env::temp_dir().join(format!("epollscope-tui-{}.sock", std::process::id()));
    let path_text = path.display().to_string();
    let args = ["--listen", "127.0.0.1:0", "--unix", &path_text];
    let mut terminal = Terminal::start(40, 120, &args);
    terminal.shows("Interest list");
    let mut client = loop {
        if let Ok(client) = UnixStream::connect(&path) {
            break client;
        }
    };
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    client.write_all(b"by path\n").unwrap();
    let mut echo = [0; 8];
    client.read_exact(&mut echo).unwrap();
    terminal.shows("1 client");
    terminal.keys("c");
    terminal.shows("2 clients");
    terminal.keys("q");
    assert_eq!(terminal.ended().code(), Some(0));
    assert!(!path.exists());
    terminal.is_restored();
}

#[test]
fn a_signal_restores_the_terminal() {
    for (signal, code) in [
        (Signal::SIGTERM, 143),
        (Signal::SIGHUP, 129),
        (Signal::SIGINT, 130),
        (Signal::SIGQUIT, 131),
    ] {
        let mut terminal = Terminal::start(24, 80, &FREE);
        terminal.shows("Interest list");
        terminal.signal(signal);
        assert_eq!(terminal.ended().code(), Some(code), "{signal}");
        terminal.is_restored();
    }
}

#[test]
fn a_signal_that_nothing_is_done_about_restores_the_terminal_too() {
    for signal in [Signal::SIGUSR1, Signal::SIGUSR2, Signal::SIGALRM] {
        let mut terminal = Terminal::start(24, 80, &FREE);
        terminal.shows("Interest list");
        terminal.signal(signal);
        assert_eq!(terminal.ended().signal(), Some(signal as i32), "{signal}");
        terminal.is_restored();
    }
}

#[test]
fn a_terminal_that_claims_to_be_endless_is_drawn_on_in_part() {
    let mut terminal = Terminal::start(24, 80, &FREE);
    terminal.shows("Why");
    for size in [3000, u16::MAX] {
        let drawn = terminal.state().sieve.clears;
        terminal.claim(size, size);
        terminal.wait("a whole frame", |state| state.sieve.clears > drawn);
        let used = resident(terminal.child.id());
        assert!(used < 400_000_000, "{used} B for {size} x {size}");
    }
    terminal.resize(24, 80);
    terminal.keys("?");
    terminal.shows("? closes");
    terminal.keys("?q");
    assert_eq!(terminal.ended().code(), Some(0));
    terminal.is_restored();
}

#[test]
fn a_dumb_terminal_is_one_clear_line_and_exit_2() {
    let mut command = program();
    command.env("TERM", "dumb").args(FREE);
    let mut terminal = Terminal::spawn(24, 80, &mut command, Tie::Session);
    assert_eq!(terminal.ended().code(), Some(2));
    let text = String::from_utf8_lossy(&terminal.all_bytes()).into_owned();
    assert!(text.contains("--headless") && text.trim_end().lines().count() == 1, "{text}");
    assert!(!text.contains('\u{1b}'), "{text:?}");
}

#[test]
fn thousands_of_keys_at_once_and_a_resize_among_them_are_all_taken() {
    let mut terminal = Terminal::start(24, 80, &FREE);
    terminal.shows("Why");
    for round in 0..10 {
        // More than the library reads at once, and one that shows that none was left behind.
        terminal.keys(&"jk".repeat(1500));
        terminal.resize(40 + round, 120);
        terminal.keys("?");
        terminal.shows("? closes");
        let rows = usize::from(40 + round);
        terminal.until("the new size", |text| text.lines().count() == rows);
        terminal.keys("?");
        terminal.until("no help", |text| !text.contains("? closes"));
    }
    terminal.keys("q");
    assert_eq!(terminal.ended().code(), Some(0));
    terminal.is_restored();
}
