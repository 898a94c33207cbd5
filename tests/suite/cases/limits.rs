//! At the limits: few descriptors (RLIMIT_NOFILE, getrlimit(2)), the largest numbers.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{PIPE, case, check, lines};

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
fn without_proc_cases_are_skipped_and_it_is_said_why() {
    let mut command = Command::new("unshare");
    let line = "mount -t tmpfs none /proc && touch \"$1\" && exec \"$0\" check \"$2\"";
    let cue = std::env::temp_dir().join(format!("epollscope-proc-{}", std::process::id()));
    command.args(["-m", "sh", "-c", line, env!("CARGO_BIN_EXE_epollscope")]);
    let output = command.arg(&cue).arg(shipped("errors")).stdin(Stdio::null()).output();
    if std::fs::remove_file(&cue).is_err() {
        eprintln!(
            "skipped: without_proc_cases_are_skipped_and_it_is_said_why cannot unmount /proc"
        );
        return;
    }
    let output = output.unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(text.contains("skip errors: needs /proc, which is not mounted"), "{text}");
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
fn what_is_made_by_steps_counts_too() {
    let new = "[[steps]]\ndo = \"new\"\nname = \"v\"\nkind = \"eventfd\"\ncount = 60\n";
    let dups = "[[steps]]\ndo = \"repeat\"\ntimes = 100\n\
                steps = [{ do = \"dup\", fd = \"p.r\", as = \"d#\" }]\n";
    for (name, step, said) in
        [("by-new", new, "63 descriptors"), ("by-dup", dups, "103 descriptors")]
    {
        let path = case(name, PIPE, step);
        let output = limited(64, &[&path]).output().unwrap();
        let err = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{err}");
        assert!(err.contains(said) && err.contains("RLIMIT_NOFILE is 64"), "{err}");
        assert_eq!(limited(1024, &[&path]).output().unwrap().status.code(), Some(0), "{name}");
    }
}

#[test]
fn more_epoll_instances_than_a_case_may_have_are_refused() {
    let four = ["a", "b", "c", "d"].map(|e| format!("{e} = {{ kind = \"epoll\", count = 64 }}"));
    let new = "[[steps]]\ndo = \"new\"\nname = \"n\"\nkind = \"epoll\"\n";
    let output = check(&[&case("epolls", &four.join("\n"), new)]).output().unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{err}");
    assert!(err.contains("257 epoll instances") && err.contains("may have 256"), "{err}");
}

#[test]
fn a_case_of_the_program_that_does_not_fit_is_skipped() {
    let (lines, numbers, output) = lines(&mut limited(64, &[]));
    assert_eq!((&numbers["failed"], output.status.code()), (&0.into(), Some(0)), "{numbers}");
    let skipped = lines.iter().filter(|line| line["result"] == "skip");
    let reasons = skipped.map(|line| (line["case"].as_str(), line["reason"].as_str().unwrap()));
    let room: Vec<_> = reasons.filter(|(_, why)| why.contains("RLIMIT_NOFILE is 64")).collect();
    assert!(room.iter().any(|(case, _)| *case == Some("which-worker")), "{room:?}");
    assert!(room.len() < 10, "{room:?}");
}

/// The command that goes through a lesson where so many descriptors may be open.
fn limited_lesson(limit: u32, lesson: &str) -> Command {
    let mut command = Command::new("sh");
    let line = format!("ulimit -n {limit} && exec \"$0\" lesson \"$@\"");
    command.args(["-c", &line, env!("CARGO_BIN_EXE_epollscope"), lesson]).stdin(Stdio::null());
    command
}

/// The file expects that nothing is made: what is made nevertheless takes all the numbers.
#[test]
fn the_numbers_of_the_tool_are_given_to_no_descriptor_of_a_case() {
    let actors = format!("{PIPE}\nL = {{ kind = \"listener\" }}\nc = {{ kind = \"client\" }}");
    let made = |what: &str| {
        let keys = what.replace("; ", "\n");
        format!("[[steps]]\ndo = {keys}\n[steps.expect]\nret = \"EMFILE\"\n")
    };
    let dup = |n: usize| made(&format!("\"dup\"; fd = \"p.r\"; as = \"d{n}\""));
    let mut steps = vec!["[[steps]]\ndo = \"connect\"\nfd = \"c\"\nto = \"L\"\n".to_owned()];
    steps.extend((0..=40).map(dup));
    steps.push(made("\"new\"; name = \"n\"; kind = \"eventfd\""));
    steps.push(made("\"accept\"; fd = \"L\"; as = \"s\""));
    steps.push("[[steps]]\ndo = \"close\"\nfd = \"p.w\"\n".to_owned());
    steps.push(made("\"accept\"; fd = \"L\"; as = \"s2\""));
    let repeat = "[[steps]]\ndo = \"repeat\"\ntimes = 9\n\
                  steps = [{ do = \"reset\" }, { do = \"dup\", fd = \"e\", as = \"a#\" }]\n";
    let steps = steps.concat() + repeat;
    let path = case("takes-all", &actors, &steps);
    let (lines, _, output) = lines(&mut limited_lesson(64, path.to_str().unwrap()));
    let bound = "a case may have 45 descriptors at a time (RLIMIT_NOFILE is 64)";
    let is = |step: usize, kind: &str| lines[step]["kind"] == kind && lines[step]["step"] == step;
    for step in (1..=41).chain([45, 46]) {
        assert!(is(step, "kernel"), "{}", lines[step]);
        // The kernel's number is the one that the model expects.
        assert!(!lines[step].to_string().contains("the number of"), "{}", lines[step]);
    }
    for step in [42, 43, 44] {
        assert!(is(step, "refused") && lines[step]["reason"] == bound, "{}", lines[step]);
    }
    // What a repeat has made before stays made: the lesson cannot go on.
    assert!(is(47, "stopped"), "{}", lines[47]);
    assert_eq!(lines[47]["reason"], format!("round 1: {bound}"));
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn a_lesson_that_does_not_fit_says_so() {
    let (lines, _, output) = lines(&mut limited_lesson(64, "which-worker"));
    assert_eq!((&lines[1]["kind"], output.status.code()), (&"stopped".into(), Some(1)));
    assert!(lines[1]["reason"].as_str().unwrap().contains("RLIMIT_NOFILE is 64"), "{lines:?}");
}

#[test]
fn random_sequences_go_on_after_the_largest_number() {
    let largest = u64::MAX.to_string();
    let mut command = crate::harness::program();
    command.args(["check", "--random", "3", "--seed", &largest]);
    let (_, numbers, output) = lines(&mut command);
    assert_eq!((&numbers["sequences"], output.status.code()), (&3.into(), Some(0)));
}
