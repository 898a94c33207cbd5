//! The calls as the program writes them in strace's manner, beside what strace itself prints of the
//! same process.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

/// What strace printed of each thread, in order.
pub(crate) type Trace = BTreeMap<String, VecDeque<String>>;

/// Reads it; calls that were interrupted are put together again.
fn read_trace(path: &Path) -> Trace {
    let text = fs::read_to_string(path).unwrap();
    let mut lines = Trace::new();
    let mut begun = BTreeMap::<String, String>::new();
    for line in text.lines() {
        let Some((tid, call)) = line.split_once(' ') else { continue };
        let (tid, call) = (tid.to_owned(), call.trim_start());
        if let Some(first) = call.strip_suffix("<unfinished ...>") {
            begun.insert(tid, first.trim_end().to_owned());
        } else if call.starts_with("<... ") {
            let Some((_, rest)) = call.split_once(" resumed>") else { continue };
            let first = begun.remove(&tid).unwrap_or_default();
            lines.entry(tid).or_default().push_back(joined(&first, rest));
        } else {
            lines.entry(tid).or_default().push_back(call.to_owned());
        }
    }
    lines
}

/// The two halves of a call: strace may leave out the blank behind a comma.
fn joined(first: &str, rest: &str) -> String {
    let gap = if first.ends_with(',') { " " } else { "" };
    format!("{first}{gap}{}", rest.trim_start())
}

/// A line without the blanks by which strace puts the results below each other. It sees what the
/// kernel answers before the signal's handler runs; the program only ever sees EINTR (signal(7)).
fn plain(line: &str) -> String {
    let Some((call, result)) = line.split_once(")  ") else {
        return match line.split_once(" = ? ERESTART") {
            Some((call, _)) => format!("{call} {INTERRUPTED}"),
            None => line.to_owned(),
        };
    };
    let result = result.trim_start();
    let result = if result.starts_with("= ? ERESTART") { INTERRUPTED } else { result };
    format!("{call}) {result}")
}

/// How a call ends that a signal's handler interrupts.
const INTERRUPTED: &str = "= -1 EINTR (Interrupted system call)";

/// Whether a line of ours is that line of strace: `...` stands for anything.
fn is_same(ours: &str, theirs: &str) -> bool {
    let mut parts = ours.split("...");
    let Some(mut rest) = parts.next().and_then(|first| theirs.strip_prefix(first)) else {
        return false;
    };
    let parts: Vec<_> = parts.collect();
    let Some((last, between)) = parts.split_last() else { return rest.is_empty() };
    for part in between {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

/// Runs the program beneath strace, which follows its children, and gives what both wrote. Its
/// standard input stays open until it ends: the commands of `first`, and as soon as they are done
/// those of `then`.
pub(crate) fn traced(
    arguments: &[&str],
    name: &str,
    [first, then]: [&[u8]; 2],
) -> Option<(Vec<Value>, Trace)> {
    let version = Command::new("strace").arg("-V").output();
    if !version.is_ok_and(|output| output.status.success()) {
        eprintln!("SKIPPED {name}: strace is not installed");
        return None;
    }
    let trace = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.strace"));
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-e", "signal=none", "-o"]).arg(&trace);
    strace.arg(env!("CARGO_BIN_EXE_epollscope")).args(arguments);
    strace.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut strace = strace.spawn().unwrap();
    let mut stdin = strace.stdin.take().unwrap();
    stdin.write_all(first).unwrap();
    let mut wanted = first.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).count();
    let mut lines: Vec<Value> = Vec::new();
    for line in BufReader::new(strace.stdout.take().unwrap()).lines() {
        let line: Value = serde_json::from_str(&line.unwrap()).unwrap();
        if wanted > 0 && line["kind"] == "command" && line["state"] == "done" {
            wanted -= 1;
            if wanted == 0 {
                stdin.write_all(then).unwrap();
            }
        }
        lines.push(line);
    }
    let output = strace.wait_with_output().unwrap();
    drop(stdin);
    let error = String::from_utf8_lossy(&output.stderr);
    if error.contains("PTRACE") {
        eprintln!("SKIPPED {name}: nothing may be traced here: {error}");
        return None;
    }
    assert!(output.status.success(), "{arguments:?}: {error}");
    Some((lines, read_trace(&trace)))
}

/// Looks for each of these lines, in order, among those of strace; the words of the calls found.
pub(crate) fn compare(
    ours: &[(String, String)],
    mut theirs: BTreeMap<String, VecDeque<String>>,
) -> BTreeSet<String> {
    let mut words = BTreeSet::new();
    for (tid, ours) in ours {
        let left = theirs.get_mut(tid).unwrap_or_else(|| panic!("strace saw no thread {tid}"));
        let before: Vec<_> = left.iter().take(40).cloned().collect();
        let found = left.iter().position(|line| is_same(ours, &plain(line)));
        let found = found.unwrap_or_else(|| panic!("{tid}: no {ours} in {before:#?}"));
        left.drain(..=found);
        words.insert(ours.split('(').next().unwrap_or_default().to_owned());
    }
    words
}

/// A case with a call of each kind that no other case below makes.
const EVERY_CALL: &str = r#"
format = 1
id = "every-call"
title = "Every call"
about = "What the others do not call."
level = "core"
[actors]
e = { kind = "epoll" }
p = { kind = "pipe", size = 4096 }
u = { kind = "pair", sndbuf = 8192 }
g = { kind = "dgram" }
d = { kind = "udp" }
t = { kind = "timerfd" }
n = { kind = "null" }
[[steps]]
do = "add"
ep = "e"
fd = "p.r"
mask = "IN|RDHUP|ET|ONESHOT"
[[steps]]
do = "mod"
ep = "e"
fd = "p.r"
mask = "IN|PRI|RDNORM|RDBAND"
[[steps]]
do = "wait"
ep = "e"
thread = "w"
[[steps]]
do = "signal"
thread = "w"
[[steps]]
do = "arm"
fd = "t"
ms = 20
interval = 1500
[[steps]]
do = "write"
fd = "p.w"
n = 1000
[[steps]]
do = "wait"
ep = "e"
timeout = 0
[[steps]]
do = "limit"
free = 0
[[steps]]
do = "limit"
free = "all"
"#;

/// Cases that together make every call that a case can make.
const CASES: [&str; 7] = [
    "select-poll-epoll",
    "errors",
    "connection-reset",
    "eventfd-wakeup",
    "half-close-rdhup",
    "dup-zombie",
    "accept-level",
];

/// Every system call that a case can make, as strace calls it.
const CALLS: [&str; 26] = [
    "accept4",
    "bind",
    "close",
    "connect",
    "dup",
    "epoll_create1",
    "epoll_ctl",
    "epoll_wait",
    "eventfd2",
    "fcntl",
    "listen",
    "memfd_create",
    "openat",
    "pipe2",
    "poll",
    "prlimit64",
    "pselect6",
    "read",
    "setsockopt",
    "shutdown",
    "socket",
    "socketpair",
    "tgkill",
    "timerfd_create",
    "timerfd_settime",
    "write",
];

#[test]
fn calls_of_cases_are_written_as_strace_prints_them() {
    let own = Path::new(env!("CARGO_TARGET_TMPDIR")).join("every-call.toml");
    fs::write(&own, EVERY_CALL).unwrap();
    let assets = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/cases");
    let cases = CASES.iter().map(|name| assets.join(name).with_extension("toml"));
    let mut seen = BTreeSet::new();
    for case in cases.chain([own]) {
        let name = case.file_stem().unwrap().to_str().unwrap();
        let arguments = ["lesson", "--json", "--strace-text", case.to_str().unwrap()];
        let Some((lines, trace)) = traced(&arguments, name, [b"", b""]) else { return };
        let calls = lines.iter().filter_map(|line| line["strace"].as_array()).flatten();
        let calls = calls.map(|call| call.as_str().unwrap().split_once(' ').unwrap());
        let calls: Vec<_> = calls.map(|(tid, call)| (tid.to_owned(), call.to_owned())).collect();
        assert!(calls.len() > 3, "{name}: {calls:?}");
        seen.extend(compare(&calls, trace));
    }
    assert_eq!(seen, CALLS.map(str::to_owned).into());
}

#[test]
fn calls_of_the_server_are_written_as_strace_prints_them() {
    traced_server("epoll", &["epoll_ctl", "epoll_wait"]);
}

/// The arrays and bitmaps are those of the model, in full.
#[test]
fn calls_of_a_server_that_polls_are_written_as_strace_prints_them() {
    traced_server("poll", &["poll"]);
}

#[test]
fn calls_of_a_server_that_selects_are_written_as_strace_prints_them() {
    traced_server("select", &["pselect6"]);
}

#[test]
fn calls_of_goroutines_are_written_as_strace_prints_them() {
    traced_server("goroutine", &["epoll_ctl", "epoll_wait"]);
}

#[test]
fn calls_of_threads_are_written_as_strace_prints_them() {
    traced_server("threads", &["fcntl"]);
}

fn traced_server(backend: &str, waits: &[&str]) {
    // The built-in client and its commands come in on standard input.
    let first = b"client\nclient\n";
    let then = b"send client=1 hello\nwatch client=2 on\nwatch client=2 off\nclose client=1\n\
        send client=2 0123456789012345678901234567890123456789\n";
    let arguments = ["--headless", "--strace-text", "--listen", "127.0.0.1:0", "--for", "5s"];
    let arguments = [&arguments[..], &["--backend", backend, "--edge-log", "on"]].concat();
    let Some((lines, trace)) = traced(&arguments, backend, [first, then]) else { return };
    let started = lines.iter().filter(|line| line["state"] == "started");
    let tid = |line: &Value| line["tid"].as_u64().unwrap().to_string();
    // A lane's thread may end, and another begin in its place.
    let mut tids = BTreeMap::new();
    let mut calls = Vec::new();
    assert!(started.count() > 0);
    for line in &lines {
        let lane = line["lane"].to_string();
        if line["state"] == "started" {
            tids.insert(lane, tid(line));
        } else if let (Some(tid), Some(call)) = (tids.get(&lane), line["strace"].as_str()) {
            calls.push((tid.clone(), call.to_owned()));
        }
    }
    let seen = compare(&calls, trace);
    for word in ["accept4", "close", "read", "sendto"].iter().chain(waits) {
        assert!(seen.contains(*word), "{word} is not in {seen:?}");
    }
    let differ: Vec<_> = lines.iter().filter(|line| line["kind"] == "divergence").collect();
    assert!(differ.is_empty(), "{differ:#?}");
    let whole = |call: &&(String, String)| !call.1.contains("...");
    let told = calls.iter().filter(|call| waits.iter().any(|word| call.1.starts_with(word)));
    // What comes together is found by one call.
    let scans = ["poll", "select"].contains(&backend);
    assert!(!scans || told.filter(whole).count() > 1, "{calls:#?}");
}
