//! The program is stopped by somebody else than itself, and goes on when the shell has used the
//! terminal.

use std::process::Command;
use std::time::Instant;

use nix::sys::signal::{Signal, kill};

use super::lessons::{EDGE, children};
use crate::harness::PATIENCE;
use crate::pty::{FREE, Terminal, Tie};

/// Waits for the state of a process (proc_pid_stat(5)).
#[track_caller]
fn is_in_state(pid: nix::unistd::Pid, state: &str) {
    let deadline = Instant::now() + PATIENCE;
    while !std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap().contains(state) {
        assert!(Instant::now() < deadline, "it is not{state}");
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
}

/// As a shell with job control does, but for its prompt, which would be no part of the screen.
fn under_a_shell(args: &[&str]) -> Terminal {
    let mut command = Command::new("sh");
    let script = "set -m; \"$0\" \"$@\"; stty sane -echo; read word; fg > /dev/null; exit $?";
    command.args(["-c", script, env!("CARGO_BIN_EXE_epollscope")]).args(args);
    command.env("TERM", "xterm-256color").env("LC_ALL", "C.UTF-8");
    command.env_remove("NO_COLOR").env_remove("EPOLLSCOPE_CONFIG");
    Terminal::spawn(24, 80, &mut command, Tie::Session)
}

fn goes_on(args: &[&str], signal: Signal, shows: &str) {
    let mut terminal = under_a_shell(args);
    terminal.shows(shows);
    let program = children(terminal.pid())[0];
    kill(program, signal).unwrap();
    is_in_state(program, ") T ");
    terminal.wait_until_cooked();
    let clears = terminal.state().sieve.clears;
    terminal.resize(40, 120);
    terminal.keys("\n");
    terminal.wait("a whole frame", |state| state.sieve.clears > clears);
    // A key without a return, and what it does.
    terminal.keys("?");
    terminal.shows("? closes");
    terminal.keys("?q");
    assert_eq!(terminal.ended().code(), Some(0), "{args:?} {signal}");
    terminal.is_restored();
}

#[test]
fn a_screen_that_is_stopped_by_others_takes_the_terminal_again() {
    for signal in [Signal::SIGTSTP, Signal::SIGSTOP] {
        goes_on(&FREE, signal, "Interest list");
    }
}

#[test]
fn a_lesson_that_is_stopped_by_others_takes_the_terminal_again() {
    for signal in [Signal::SIGTSTP, Signal::SIGSTOP] {
        goes_on(&["lesson", EDGE], signal, "Enter makes the first step.");
    }
}
