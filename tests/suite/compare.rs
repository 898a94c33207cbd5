//! Loops side by side: real processes, real clients, numbers that must agree with each other. How
//! long anything took is nothing that a test may ask.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Output, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::harness::{PATIENCE, end_of, program};
use crate::pty::Terminal;
use crate::rings::has_ring;

fn compare(args: &[&str]) -> Output {
    let mut command = program();
    command.arg("compare").args(args).stdin(Stdio::null());
    command.output().expect("the program runs")
}

fn lines(out: &[u8]) -> Vec<Value> {
    let text = std::str::from_utf8(out).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn of_kind<'a>(lines: &'a [Value], kind: &str) -> Vec<&'a Value> {
    lines.iter().filter(|line| line["kind"] == kind).collect()
}

/// The processes that this one has started and that are still there.
fn children(pid: u32) -> Vec<i32> {
    let mut children = Vec::new();
    for task in fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten() {
        let text = fs::read_to_string(task.path().join("children")).unwrap_or_default();
        children.extend(text.split_whitespace().filter_map(|word| word.parse::<i32>().ok()));
    }
    children
}

#[track_caller]
fn are_gone(processes: &[i32]) {
    let deadline = Instant::now() + PATIENCE;
    let is_there = |pid: i32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        kill(Pid::from_raw(pid), None).is_ok() && !stat.contains(") Z ")
    };
    while processes.iter().any(|pid| is_there(*pid)) {
        assert!(Instant::now() < deadline, "{processes:?} are still there");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Waits until the program has started so many processes.
#[track_caller]
fn started(child: &Child, count: usize) -> Vec<i32> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let children = children(child.id());
        if children.len() >= count {
            return children;
        }
        assert!(Instant::now() < deadline, "{children:?} are not {count}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_loop_beside_itself_has_numbers_that_agree() {
    let out = compare(&["--loops", "epoll,epoll", "--rounds", "3", "--clients", "4", "--json"]);
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let lines = lines(&out.stdout);
    assert_eq!(lines[0]["kind"], "compare");
    assert_eq!((&lines[0]["clients"], &lines[0]["active"]), (&4.into(), &4.into()));
    let rows = of_kind(&lines, "loop");
    assert_eq!(rows.len(), 3);
    for (number, row) in rows.iter().enumerate() {
        assert_eq!((&row["loop"], &row["rounds"]), (&"epoll".into(), &3.into()), "{row}");
        assert_eq!(row["again"], number == 2);
        let count = |name: &str| row["counts"][name].as_u64().unwrap();
        let requests = row["requests"].as_u64().unwrap();
        // Every client sends as often as every other, and each request is read and answered once.
        assert!(requests > 0 && requests % 4 == 0, "{row}");
        assert_eq!((count("reads"), count("sends")), (requests, requests), "{row}");
        assert!((1..=requests).contains(&count("events")), "{row}");
        assert!(count("waits") > 0 && count("accepts") == 0, "{row}");
        // What is watched does not change while requests come and go.
        assert_eq!((count("changes"), count("copied_in"), count("asked")), (0, 0, 0), "{row}");
        let each = count("copied_out") / count("events");
        assert_eq!(each, size_of::<nix::libc::epoll_event>() as u64);
        let number = |name: &str| row[name].as_f64().unwrap();
        assert!(number("calls") > 2.0 && number("asked") > 0.0 && number("hooked") == 0.0, "{row}");
        let spread = &row["ratio"];
        let part = |name: &str| spread[name].as_f64().unwrap();
        assert!(part("low") <= part("median") && part("median") <= part("high"), "{row}");
        for source in row["source"].as_object().unwrap().values() {
            assert!(["seen", "kernel", "model"].contains(&source.as_str().unwrap()));
        }
    }
    assert_eq!(rows[0]["ratio"]["median"], 1.0);
    assert!(rows[0]["same"].is_null() && rows[1]["same"].is_boolean());
    assert!(rows[2]["noise"].is_number() && rows[1]["noise"].is_null());
}

/// A ring is entered seldom, and each time is a call.
#[test]
fn calls_of_a_ring_are_counted() {
    if !has_ring() {
        return;
    }
    let out = compare(&["--loops", "io_uring", "--rounds", "3", "--clients", "4", "--json"]);
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let lines = lines(&out.stdout);
    let row = of_kind(&lines, "loop")[0];
    let count = |name: &str| row["counts"][name].as_u64().unwrap();
    assert!(count("waits") > 0 && count("reads") == 0 && count("sends") == 0, "{row}");
    assert!(count("sqes") > 0 && count("cqes") > 0, "{row}");
    assert!(row["calls"].as_f64().unwrap() > 0.0, "{row}");
}

#[test]
fn one_client_and_comma_separated_values() {
    let out = compare(&["--rounds", "2", "--clients", "1", "--csv", "--loops", "epoll"]);
    assert!(out.status.success());
    let text = String::from_utf8(out.stdout).unwrap();
    let lines: Vec<_> = text.lines().collect();
    let columns = lines[0].split(',').count();
    assert_eq!(lines.len(), 3, "{text}");
    assert!(lines.iter().all(|line| line.split(',').count() == columns), "{text}");
    assert!(lines[1].starts_with("epoll,false,,2,") && lines[2].starts_with("epoll,true,,2,"));
}

#[test]
fn the_curve_has_points_and_slopes() {
    let args = ["--rounds", "1", "--clients", "1", "--curve", "--json", "--loops", "epoll"];
    let lines = lines(&compare(&args).stdout);
    let points = of_kind(&lines, "point");
    for name in ["epoll", "poll", "select"] {
        let of: Vec<_> = points.iter().filter(|point| point["loop"] == name).collect();
        assert!(of.iter().any(|point| point["ready"] == "all"), "{name}");
        assert!(of.iter().all(|point| point["ns"].as_f64().unwrap() > 0.0), "{name}");
        let watched = |point: &&&Value| point["watched"].as_u64().unwrap();
        assert_eq!(of.iter().map(watched).min(), Some(10));
    }
    // Whether there are points enough for a slope depends on how many descriptors there may be.
    let far = points.iter().filter(|point| point["watched"].as_u64().unwrap() >= 100).count();
    let fits = if has_ring() { 8 } else { 6 };
    assert!(far < 20 || of_kind(&lines, "fit").len() == fits, "{lines:#?}");
}

#[test]
fn too_many_clients_for_the_descriptors_are_refused() {
    let out = compare(&["--clients", "10000", "--loops", &["epoll"; 12].join(","), "--json"]);
    let text = String::from_utf8(out.stderr).unwrap();
    // A machine may have that many.
    if !out.status.success() {
        assert_eq!(out.status.code(), Some(2));
        assert!(text.contains("13 rows of 10000 clients take"), "{text}");
    }
}

/// A run that would go on for minutes.
fn long() -> Child {
    let mut command = program();
    command.args(["compare", "--loops", "epoll", "--clients", "2", "--rounds", "10000", "--json"]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap()
}

#[test]
fn an_interrupted_run_gives_what_there_is_and_leaves_no_process() {
    let mut child = long();
    let processes = started(&child, 2);
    kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGINT).unwrap();
    assert_eq!(end_of(&mut child).code(), Some(130));
    let mut text = Vec::new();
    child.stdout.take().unwrap().read_to_end(&mut text).unwrap();
    let lines = lines(&text);
    assert_eq!(lines[0]["kind"], "compare");
    // Without a whole round there is no row.
    let rounds: Vec<_> = of_kind(&lines, "loop").iter().map(|l| l["rounds"].clone()).collect();
    assert!(rounds.is_empty() || rounds.len() == 2 && rounds[0] == rounds[1], "{rounds:?}");
    are_gone(&processes);
}

#[test]
fn processes_do_not_outlive_a_run_that_is_killed() {
    let mut child = long();
    let processes = started(&child, 2);
    child.kill().unwrap();
    end_of(&mut child);
    are_gone(&processes);
}

#[test]
fn a_mirrored_client_is_answered_by_the_first_loop() {
    let mut command = program();
    command.args([
        "compare",
        "--loops",
        "epoll,epoll",
        "--clients",
        "1",
        "--rounds",
        "1",
        "--json",
    ]);
    command.args(["--mirror", "127.0.0.1:0"]).stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next = |kind: &str| -> Value {
        loop {
            let line = out.next().expect("more lines").unwrap();
            let line: Value = serde_json::from_str(&line).unwrap();
            if line["kind"] == kind {
                return line;
            }
        }
    };
    let address = next("mirroring")["address"].as_str().unwrap().to_owned();
    let processes = children(child.id());
    let mut client = TcpStream::connect(address).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    client.write_all(b"hello\r\n").unwrap();
    let mut answer = [0; 7];
    client.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"hello\r\n");
    // The other loop may be late: its row comes again when it has answered.
    let deadline = Instant::now() + PATIENCE;
    let mut done = 0;
    while done < 2 {
        assert!(Instant::now() < deadline);
        let row = next("mirror");
        assert_eq!(row["typed"], "hello\\r\\n");
        let calls: Vec<_> =
            row["calls"].as_array().unwrap().iter().map(|c| c.as_str().unwrap()).collect();
        if row["same"] == true && calls.contains(&"read = 7") && calls.contains(&"sendto = 7") {
            done += 1;
        }
    }
    kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGTERM).unwrap();
    assert_eq!(end_of(&mut child).code(), Some(143));
    are_gone(&processes);
}

#[test]
fn the_screen_shows_a_run_and_leaves_no_process() {
    let args = ["compare", "--loops", "epoll", "--clients", "2", "--rounds", "2"];
    let mut terminal = Terminal::start(24, 80, &args);
    terminal.shows("Side by side");
    terminal.shows("round 2 of 2");
    terminal.shows("epoll again");
    terminal.shows("noise ");
    terminal.keys("k");
    terminal.shows("the same program, measured twice");
    terminal.keys("q");
    assert_eq!(terminal.ended().code(), Some(0));
    terminal.is_restored();
}

#[test]
fn a_terminal_that_vanishes_leaves_no_process() {
    let args = ["compare", "--loops", "epoll", "--clients", "2", "--rounds", "10000"];
    let mut terminal = Terminal::start(24, 80, &args);
    let processes = started(&terminal.child, 2);
    terminal.hang_up();
    terminal.ended();
    are_gone(&processes);
}
