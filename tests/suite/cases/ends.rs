//! However it ends, nothing is left behind.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use nix::sys::signal::{SigHandler, Signal, kill, signal};
use nix::unistd::Pid;

use super::{case, check, endless};
use crate::harness::PATIENCE;

/// The processes that `parent` has started and not reaped.
fn children(parent: u32) -> Vec<i32> {
    let tasks = fs::read_dir(format!("/proc/{parent}/task")).into_iter().flatten().flatten();
    let lists = tasks.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    lists
        .flat_map(|list| {
            list.split_whitespace().map(|pid| pid.parse().unwrap()).collect::<Vec<_>>()
        })
        .collect()
}

/// Whether a process neither runs nor sleeps any more.
fn is_gone(pid: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(')')
        .next()
        .is_none_or(|rest| rest.is_empty() || rest.starts_with(" Z") || rest.starts_with(" X"))
}

#[track_caller]
fn wait_until(what: &str, mut is: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !is() {
        assert!(Instant::now() < end, "{what}");
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
}

/// The command with the action that SIGINT has by itself: a shell without job control makes its
/// background jobs ignore it, and with them this test.
#[expect(unsafe_code, reason = "what a child does at a signal has to be set in the child")]
fn heeding(mut command: Command) -> Command {
    let heed = || {
        // SAFETY: signal(2) may be called between fork and exec.
        unsafe { signal(Signal::SIGINT, SigHandler::SigDfl) }.map(drop).map_err(Into::into)
    };
    // SAFETY: `heed` makes a system call and nothing else.
    unsafe { command.pre_exec(heed) };
    command
}

/// A run in the middle of a case: the program, and the process of the case.
fn in_the_middle(name: &str) -> (Child, i32) {
    let path = endless(name);
    let program = heeding(check(&[&path])).stdout(Stdio::piped()).spawn().unwrap();
    let mut case = None;
    wait_until("the case begins", || {
        // Its thread sleeps: it is in its second step.
        let threads =
            |pid: &i32| fs::read_dir(format!("/proc/{pid}/task")).map_or(0, Iterator::count);
        case = children(program.id()).first().copied().filter(|pid| threads(pid) == 2);
        case.is_some()
    });
    (program, case.unwrap())
}

#[test]
fn the_process_of_a_case_dies_with_the_program_however_that_ends() {
    for signal in [Signal::SIGKILL, Signal::SIGINT, Signal::SIGTERM] {
        let (mut program, case) = in_the_middle(&format!("ends-by-{}", signal as i32));
        kill(Pid::from_raw(i32::try_from(program.id()).unwrap()), signal).unwrap();
        let status = program.wait().unwrap();
        assert_eq!(status.signal(), Some(signal as i32));
        wait_until("the process of the case is gone", || is_gone(case));
    }
}

#[test]
fn a_case_that_is_killed_is_a_case_that_fails() {
    let (program, case) = in_the_middle("killed");
    kill(Pid::from_raw(case), Signal::SIGKILL).unwrap();
    let output = program.wait_with_output().unwrap();
    let out = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(4), "{out}");
    assert!(out.contains("the process of the case ended: signal: 9"), "{out}");
}

#[test]
fn a_reader_that_goes_away_ends_it() {
    let mut program = check(&[]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut out = BufReader::new(program.stdout.take().unwrap());
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    assert!(line.starts_with("ok ") || line.starts_with("skip "), "{line}");
    drop(out);
    let status = program.wait().unwrap();
    let mut err = String::new();
    program.stderr.take().unwrap().read_to_string(&mut err).unwrap();
    assert_eq!((status.code(), err.as_str()), (Some(141), ""));
}

#[test]
fn a_hundred_cases_leave_no_descriptor_and_no_process_in_the_program() {
    let steps = "[[steps]]\ndo = \"wait\"\nep = \"e\"\nthread = \"A\"\n";
    let path = case("hundred", "e = { kind = \"epoll\" }", steps);
    let paths: Vec<&Path> = vec![&path; 100];
    let mut program = check(&paths).stdout(Stdio::piped()).spawn().unwrap();
    let pid = program.id();
    let mut most = (0, 0);
    let mut lines = 0;
    for line in BufReader::new(program.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        assert!(line == "ok hundred" || line == "100 passed, 0 failed, 0 skipped", "{line}");
        lines += 1;
        // Between two cases, or in the next one.
        let open = fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count);
        most = (most.0.max(open), most.1.max(children(pid).len()));
    }
    assert!(program.wait().unwrap().success());
    assert_eq!(lines, 101);
    // Three of its own, the two pipes of a case, and what starting one takes for a moment.
    assert!(most.0 <= 12 && most.1 <= 1, "{most:?}");
}
