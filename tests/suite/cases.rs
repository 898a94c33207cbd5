//! `epollscope check`, and the processes in which cases run.

mod ends;
mod limits;
mod player;
mod questions;
mod skips;
mod wrong;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::harness::write;
use skips::all_passed;

/// Actors of a short case.
const PIPE: &str = "e = { kind = \"epoll\" }\np = { kind = \"pipe\" }";

/// The command that checks these files and folders.
fn check(paths: &[&Path]) -> Command {
    let mut command = crate::harness::program();
    command.arg("check").args(paths).stdin(Stdio::null());
    command
}

/// Every line of a run with `--json`, the numbers apart.
#[track_caller]
fn lines(command: &mut Command) -> (Vec<Value>, Value, Output) {
    let output = command.arg("--json").output().expect("the program starts");
    let text = String::from_utf8(output.stdout.clone()).expect("UTF-8");
    let mut lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}")))
        .collect();
    let numbers = lines.pop().expect("a last line");
    (lines, numbers, output)
}

/// The cases of this folder, which are for tests alone.
fn own() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/suite/cases/files")
}

/// A file with this text.
fn file(name: &str, text: impl AsRef<[u8]>) -> PathBuf {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cases");
    std::fs::create_dir_all(&dir).unwrap();
    let path = dir.join(format!("{name}.toml"));
    write(&path, text);
    path
}

/// A case with these actors and steps.
fn case(name: &str, actors: &str, steps: &str) -> PathBuf {
    let head = format!(
        "format = 1\nid = \"{name}\"\ntitle = \"t\"\nabout = \"a\"\nlevel = \"core\"\n\n[actors]\n"
    );
    file(name, format!("{head}{actors}\n{steps}"))
}

/// A case that takes longer than any test.
fn endless(name: &str) -> PathBuf {
    case(
        name,
        "e = { kind = \"epoll\" }",
        "[[steps]]\ndo = \"wait\"\nep = \"e\"\nthread = \"A\"\n\n\
         [[steps]]\ndo = \"sleep\"\nms = 10000\n",
    )
}

#[test]
fn every_case_and_lesson_of_the_program_comes_out() {
    let (lines, numbers, output) = lines(&mut check(&[]));
    all_passed(&lines, &numbers);
    assert!(lines.len() > 80, "{}", lines.len());
    assert_eq!((output.status.code(), output.stderr.len()), (Some(0), 0));
    // Model and kernel were really compared.
    let agreed = |line: &Value| line["agreed"].as_u64().unwrap_or(0);
    assert!(lines.iter().filter(|line| line["result"] == "ok").all(|line| agreed(line) > 0));
}

#[test]
fn every_action_and_every_kind_of_file_comes_out() {
    let (lines, numbers, output) = lines(&mut check(&[&own()]));
    all_passed(&lines, &numbers);
    assert_eq!((lines.len(), output.status.code()), (24, Some(0)));
}

#[test]
fn either_of_two_threads_that_race_may_win() {
    let path = own().join("poller-and-waiter.toml");
    let (lines, numbers, _) = lines(&mut check(&vec![path.as_path(); 40]));
    assert_eq!(lines.len(), 40);
    all_passed(&lines, &numbers);
}

#[test]
fn twenty_repetitions_of_all_come_out() {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/cases");
    let own = own();
    let once: [&Path; 2] = [&cases, &own];
    let four_at_a_time: Vec<_> = (0..4)
        .map(|_| {
            std::thread::spawn({
                let paths: Vec<PathBuf> = once.repeat(5).into_iter().map(Path::to_owned).collect();
                move || lines(&mut check(&paths.iter().map(PathBuf::as_path).collect::<Vec<_>>()))
            })
        })
        .collect();
    for thread in four_at_a_time {
        let (lines, numbers, _) = thread.join().expect("no panic");
        assert!(lines.len() > 5 * 90, "{}", lines.len());
        all_passed(&lines, &numbers);
    }
}

/// A shell's commands that put the loopback interface of a namespace of its own behind a slow link,
/// and run the rest of the line there.
const SLOW: &str = "ip link set lo up && tc qdisc add dev lo root tbf rate 50mbit burst 70kb \
                    latency 2s || exit 99; exec \"$@\"";

#[test]
fn what_is_slow_on_its_way_is_waited_for() {
    let slow = |args: &[&OsStr]| {
        let mut command = Command::new("unshare");
        command.args(["-Urn", "sh", "-c", SLOW, "sh"]).args(args).stdin(Stdio::null());
        command
    };
    let there = slow(&["true".as_ref()]).stderr(Stdio::null()).status();
    if !there.is_ok_and(|status| status.success()) {
        eprintln!("SKIPPED cases over a slow link: unshare, ip or tc is not there or may not");
        return;
    }
    let checked = check(&[&own().join("full-tcp.toml")]);
    let mut all = vec![checked.get_program()];
    all.extend(checked.get_args());
    let (lines, numbers, _) = lines(&mut slow(&all));
    assert_eq!(lines.len(), 1);
    all_passed(&lines, &numbers);
}
