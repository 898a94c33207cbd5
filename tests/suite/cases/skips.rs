//! What was not run is counted, named and said: a run in which nothing was tried is no success.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::{PIPE, case, check, own};

const BUSY: &str = "too busy";
const REFUSED: &str = "userfaultfd refused";
const NO_RING: &str = "io_uring refused";

/// Whether the case of that name, which is the program's or these tests' own, holds harvests.
fn needs_userfaultfd(case: &str) -> bool {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    ["assets/cases", "assets/lessons", "tests/suite/cases/files"].iter().any(|folder| {
        let text = std::fs::read_to_string(root.join(folder).join(format!("{case}.toml")));
        text.is_ok_and(|text| text.contains("\nneeds = [\"userfaultfd\"]\n"))
    })
}

fn name(line: &Value) -> &str {
    line["case"].as_str().expect("a name")
}

/// What was skipped, by its cause.
fn skipped(lines: &[Value]) -> BTreeMap<&str, Vec<&str>> {
    let mut causes: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for line in lines.iter().filter(|line| line["result"] == "skip") {
        causes.entry(line["cause"].as_str().expect("a cause")).or_default().push(name(line));
    }
    causes
}

/// Fails unless every case passed, or was skipped for a reason that lies in the machine. Whatever is
/// skipped is said, though the test passes: libtest captures what is printed, not what is written.
#[track_caller]
pub(super) fn all_passed(lines: &[Value], numbers: &Value) {
    for (cause, cases) in skipped(lines) {
        let names = cases.join(", ");
        let said = writeln!(std::io::stderr(), "SKIPPED {}: {cause}: {names}", cases.len());
        said.expect("standard error is open");
    }
    judge(lines, numbers);
}

/// Userfaultfd is refused to all that need it, or to none; the machine was too busy for few; the
/// numbers tell the same.
#[track_caller]
fn judge(lines: &[Value], numbers: &Value) {
    let causes = skipped(lines);
    for line in lines.iter().filter(|line| line["result"] != "ok") {
        let machine = [BUSY, REFUSED, NO_RING].map(Value::from).contains(&line["cause"]);
        assert!(line["result"] == "skip" && machine, "{line:#}");
    }
    let skipped: usize = causes.values().map(Vec::len).sum();
    assert_eq!(numbers["causes"], json!(causes), "{numbers}");
    assert_eq!((&numbers["skipped"], &numbers["failed"]), (&skipped.into(), &0.into()));
    assert_eq!(numbers["passed"], lines.len() - skipped);
    if let Some(refused) = causes.get(REFUSED) {
        let need: Vec<_> = lines.iter().map(name).filter(|case| needs_userfaultfd(case)).collect();
        assert_eq!(*refused, need, "what is granted to one case is granted to all");
    }
    let busy = causes.get(BUSY).map_or(0, Vec::len);
    assert!(busy <= lines.len().div_ceil(10), "{busy} of {} were skipped: {BUSY}", lines.len());
}

/// Runs the rest of the line without the right that lets userfaultfd(2) handle faults of the kernel.
fn unprivileged(args: &[&str]) -> Command {
    let mut command = Command::new("unshare");
    command.args(["-Ur", "--"]).args(args).stdin(Stdio::null());
    command
}

#[test]
fn a_refused_userfaultfd_is_counted_and_named() {
    let there = unprivileged(&["true"]).stderr(Stdio::null()).status();
    if !there.is_ok_and(|status| status.success()) {
        eprintln!("SKIPPED a refused userfaultfd: unshare is not there or may not");
        return;
    }
    let held = own().join("held-harvest.toml");
    let good = case("not-refused", PIPE, "[[steps]]\ndo = \"note\"\n");
    let paths = [held.as_path(), good.as_path(), held.as_path()];
    let run = |json: &[&str]| {
        let checked = check(&paths);
        let args = std::iter::once(checked.get_program()).chain(checked.get_args());
        let args: Vec<_> = args.map(|arg| arg.to_str().expect("UTF-8")).collect();
        unprivileged(&[&args[..], json].concat()).output().expect("it starts")
    };
    let output = run(&[]);
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let last = text.lines().last().unwrap_or_default();
    if last == "3 passed, 0 failed, 0 skipped" {
        eprintln!("SKIPPED a refused userfaultfd: it is granted to everybody here");
        return;
    }
    let held = "held-harvest, held-harvest";
    let expected = format!("1 passed, 0 failed, 2 skipped: {REFUSED} 2 ({held})");
    assert_eq!((last, output.status.code()), (expected.as_str(), Some(0)), "{text}");
    let text = String::from_utf8(run(&["--json"]).stdout).expect("UTF-8");
    let last: Value = serde_json::from_str(text.lines().last().unwrap_or_default()).expect("JSON");
    let causes = json!({ REFUSED: ["held-harvest", "held-harvest"] });
    assert_eq!(last, json!({ "passed": 1, "failed": 0, "skipped": 2, "causes": causes }));
}

#[test]
#[should_panic(expected = "2 of 10 were skipped: too busy")]
fn a_machine_that_is_too_busy_for_many_cases_has_tested_nothing() {
    let late = json!({ "case": "late", "result": "skip", "cause": BUSY });
    let good = json!({ "case": "good", "result": "ok" });
    let run = |cases: usize| {
        let mut lines = vec![good.clone(); cases];
        lines[..2].fill(late.clone());
        let causes = json!({ BUSY: ["late", "late"] });
        let passed = cases - 2;
        let numbers = json!({ "passed": passed, "failed": 0, "skipped": 2, "causes": causes });
        judge(&lines, &numbers);
    };
    run(11);
    run(10);
}

#[test]
#[should_panic(expected = "granted to one case")]
fn userfaultfd_is_not_refused_to_some() {
    let refused = json!({ "case": "held-harvest", "result": "skip", "cause": REFUSED });
    let granted = json!({ "case": "inside-the-scan", "result": "ok" });
    let causes = json!({ REFUSED: ["held-harvest"] });
    let numbers = json!({ "passed": 1, "failed": 0, "skipped": 1, "causes": causes });
    judge(&[refused, granted], &numbers);
}

#[test]
fn no_other_cause_is_taken_for_the_machines() {
    let line = json!({ "case": "x", "result": "skip", "cause": "too few descriptors" });
    let causes = json!({ "too few descriptors": ["x"] });
    let numbers = json!({ "passed": 0, "failed": 0, "skipped": 1, "causes": causes });
    let judged = std::panic::catch_unwind(|| judge(&[line], &numbers));
    assert!(judged.is_err());
}
