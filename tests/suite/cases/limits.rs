//! At the limits: few descriptors (RLIMIT_NOFILE, getrlimit(2)), the largest numbers.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{PIPE, case, lines};

const NOTE: &str = "[[steps]]\ndo = \"note\"\n";

/// The command that checks these files where so many descriptors may be open, hard limit and soft.
fn limited(limit: u32, paths: &[&Path]) -> Command {
    let mut command = Command::new("sh");
    let line = format!("ulimit -n {limit} && exec \"$0\" check \"$@\"");
    command.args(["-c", &line, env!("CARGO_BIN_EXE_epollscope")]);
    command.args(paths).stdin(Stdio::null());
    command
}

/// The case of that name that the program has itself.
fn shipped(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("assets/cases/{name}.toml"))
}

#[test]
fn a_number_that_is_nobodys_is_never_the_tools_own() {
    let errors = shipped("errors");
    for limit in [64, 256, 1024] {
        let (lines, _, output) = lines(&mut limited(limit, &[&errors]));
        assert_eq!((&lines[0]["result"], output.status.code()), (&"ok".into(), Some(0)), "{limit}");
    }
}

#[test]
fn more_descriptors_than_the_process_may_have_are_refused_before_anything_runs() {
    let many = case("many", "p = { kind = \"pipe\", count = 40 }", NOTE);
    let good = case("good-too", PIPE, NOTE);
    let refused = limited(64, &[&good, &many]).output().unwrap();
    let err = String::from_utf8(refused.stderr).unwrap();
    assert_eq!((refused.status.code(), refused.stdout.len()), (Some(2), 0), "{err}");
    assert!(err.contains("80 descriptors") && err.contains("RLIMIT_NOFILE is 64"), "{err}");
    assert_eq!(limited(256, &[&good, &many]).output().unwrap().status.code(), Some(0));
}

#[test]
fn random_sequences_go_on_after_the_largest_number() {
    let largest = u64::MAX.to_string();
    let mut command = crate::harness::program();
    command.args(["check", "--random", "3", "--seed", &largest]);
    let (_, numbers, output) = lines(&mut command);
    assert_eq!((&numbers["sequences"], output.status.code()), (&3.into(), Some(0)));
}
