//! Lessons in a pseudo-terminal: the process of a lesson ends with the screen, however it ends.

use std::fs;
use std::io::{Read, Write};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::harness::{PATIENCE, cpu_time, program};
use crate::pty::{FREE, Terminal, Tie};

/// A lesson of five steps with three questions.
pub(super) const EDGE: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/src/tui/lesson/tests/edge.toml");

fn lesson(rows: u16, columns: u16) -> Terminal {
    Terminal::start(rows, columns, &["lesson", EDGE])
}

/// The processes that this one has started.
pub(super) fn children(pid: Pid) -> Vec<Pid> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let of =
        |task: fs::DirEntry| fs::read_to_string(task.path().join("children")).unwrap_or_default();
    let all: Vec<String> = tasks.map(|task| of(task.unwrap())).collect();
    let words = all.iter().flat_map(|line| line.split_whitespace());
    words.map(|word| Pid::from_raw(word.parse().unwrap())).collect()
}

#[track_caller]
fn process_of(terminal: &Terminal) -> Pid {
    let children = children(terminal.pid());
    assert_eq!(children.len(), 1, "{children:?}");
    children[0]
}

/// Waits until a process is gone.
#[track_caller]
fn is_gone(pid: Pid) {
    let deadline = Instant::now() + PATIENCE;
    while kill(pid, None).is_ok() {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        if stat.contains(") Z ") {
            return;
        }
        assert!(Instant::now() < deadline, "{pid} is still there: {stat}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn a_lesson_is_gone_through_on_the_real_kernel() {
    let mut terminal = lesson(40, 120);
    terminal.shows("Enter makes the first step.");
    let process = process_of(&terminal);
    terminal.keys("\r");
    terminal.shows("epoll_ctl(3<e>, ADD, 5<p.r>, IN|ET) = 0");
    terminal.keys("\r");
    terminal.shows("p.r came on the ready list: data arrived");
    terminal.keys("\r");
    terminal.shows("What will epoll_wait return now?");
    terminal.keys("1");
    terminal.shows("Right: 1, one event: p.r IN");
    // Something of one's own, and the past.
    terminal.keys("vwrite p.w 2\r");
    terminal.shows("Your own: write p.w 2");
    terminal.shows("3 bytes are unread");
    terminal.keys("[[");
    terminal.shows("PAST");
    terminal.keys("g");
    terminal.until("the present", |text| !text.contains("PAST"));
    terminal.keys("rr");
    terminal.shows("step 0 of 5");
    terminal.shows("Enter makes the first step.");
    is_gone(process);
    let process = process_of(&terminal);
    terminal.keys("q");
    assert_eq!(terminal.ended().code(), Some(0));
    is_gone(process);
    terminal.is_restored();
    terminal.is_clean();
}

#[test]
fn a_step_is_gone_through_in_slow_motion_unless_that_is_not_wanted() {
    let mut terminal = lesson(40, 120);
    terminal.shows("Enter makes the first step.");
    terminal.keys("\r");
    terminal.shows("SLOW MOTION");
    terminal.shows("as before");
    // It comes to its end by itself, and then the lists are as they were read.
    terminal.until("its end", |text| !text.contains("SLOW MOTION") && !text.contains("as before"));
    terminal.keys("m");
    terminal.shows("slow motion: off");
    terminal.keys("\r");
    terminal.shows("p.r came on the ready list: data arrived");
    terminal.until("no slow motion", |text| !text.contains("SLOW MOTION"));
    terminal.keys("q");
    assert_eq!(terminal.ended().code(), Some(0));
    terminal.is_clean();
}

#[test]
fn a_lesson_ends_with_its_last_step() {
    let mut terminal = lesson(24, 80);
    terminal.shows("Enter makes the first step.");
    for (keys, then) in [
        ("\r", "Step 1"),
        ("\r", "Step 2"),
        ("\r", "QUESTION"),
        ("2", "Not so: you said 2"),
        ("\r", "QUESTION"),
        ("2", "Right: 2"),
        ("\r", "your answer>"),
        ("eagain\r", "Right: EAGAIN"),
        ("\r", "You predicted 2 of 3."),
    ] {
        terminal.keys(keys);
        terminal.shows(then);
    }
    terminal.keys("q");
    assert_eq!(terminal.ended().code(), Some(0));
    terminal.is_restored();
}

#[test]
fn the_process_of_a_lesson_ends_with_any_signal() {
    for (signal, code) in [(Signal::SIGTERM, 143), (Signal::SIGHUP, 129), (Signal::SIGINT, 130)] {
        let mut terminal = lesson(24, 80);
        terminal.shows("Enter makes the first step.");
        let process = process_of(&terminal);
        terminal.signal(signal);
        assert_eq!(terminal.ended().code(), Some(code), "{signal}");
        is_gone(process);
        terminal.is_restored();
    }
}

#[test]
fn the_process_of_a_lesson_ends_when_the_terminal_vanishes() {
    let mut terminal = lesson(24, 80);
    terminal.shows("Enter makes the first step.");
    let process = process_of(&terminal);
    terminal.hang_up();
    assert_eq!(terminal.ended().code(), Some(129));
    is_gone(process);
}

#[test]
fn the_process_of_a_lesson_ends_when_the_program_is_killed() {
    let mut terminal = lesson(24, 80);
    terminal.shows("Enter makes the first step.");
    let process = process_of(&terminal);
    terminal.signal(Signal::SIGKILL);
    terminal.ended();
    is_gone(process);
}

#[test]
fn a_step_that_sleeps_can_be_left() {
    let path = std::env::temp_dir().join(format!("epollscope-sleep-{}.toml", std::process::id()));
    let text = fs::read_to_string(EDGE).unwrap();
    let id = path.file_stem().unwrap().to_str().unwrap();
    let step = "[[steps]]\nchapter = \"One byte\"\ndo = \"sleep\"\nms = 10000\n\n[[steps]]";
    let text = text.replacen("id = \"edge\"", &format!("id = \"{id}\""), 1);
    fs::write(&path, text.replacen("[[steps]]\nchapter = \"One byte\"", step, 1)).unwrap();
    let mut terminal = Terminal::start(24, 80, &["lesson", path.to_str().unwrap()]);
    terminal.shows("Enter makes the first step.");
    let process = process_of(&terminal);
    terminal.keys("\r");
    terminal.shows(" ... ");
    let begun = Instant::now();
    terminal.keys("q");
    assert_eq!(terminal.ended().code(), Some(0));
    assert!(begun.elapsed() < Duration::from_secs(8), "it waited for the step");
    is_gone(process);
    fs::remove_file(path).unwrap();
}

#[test]
fn a_lesson_whose_process_dies_says_so_and_can_begin_again() {
    let mut terminal = lesson(24, 80);
    terminal.shows("Enter makes the first step.");
    kill(process_of(&terminal), Signal::SIGKILL).unwrap();
    terminal.keys("\r");
    terminal.shows("The lesson cannot go on");
    terminal.shows("STOPPED");
    terminal.keys("r");
    terminal.shows("Enter makes the first step.");
    terminal.keys("\r");
    terminal.shows("epoll_ctl(3<e>, ADD, 5<p.r>, IN|ET) = 0");
    terminal.keys("q");
    assert_eq!(terminal.ended().code(), Some(0));
    terminal.is_restored();
}

#[test]
fn an_idle_lesson_costs_nothing() {
    let terminal = lesson(40, 120);
    terminal.shows("Enter makes the first step.");
    let process = process_of(&terminal);
    terminal.settle();
    let before = [terminal.pid(), process].map(cpu_time);
    std::thread::sleep(Duration::from_secs(2));
    let after = [terminal.pid(), process].map(cpu_time);
    assert_eq!(before, after, "nothing happened for two seconds");
}

#[test]
fn the_menu_begins_a_lesson_and_gets_it_back() {
    let mut terminal = Terminal::start(24, 80, &["lesson"]);
    terminal.shows("Lessons");
    terminal.keys("jjkk?");
    terminal.shows("Choosing a lesson");
    terminal.keys("?");
    terminal.until("no help", |text| !text.contains("Choosing a lesson"));
    let empty = terminal.text().contains("no lesson is part of this program");
    if !empty {
        terminal.keys("\r");
        terminal.shows("Enter makes the first step.");
        terminal.keys("q");
        terminal.shows("by topic");
    }
    terminal.resize(40, 120);
    terminal.until("the new size", |text| text.lines().count() == 40);
    terminal.keys("q");
    assert_eq!(terminal.ended().code(), Some(0));
    terminal.is_restored();
}

/// A folder for files of a test.
fn scratch(name: &str) -> std::path::PathBuf {
    let folder = std::env::temp_dir().join(format!("epollscope-{name}-{}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir(&folder).unwrap();
    folder
}

#[test]
fn a_file_of_ones_own_is_read_again() {
    let folder = scratch("again");
    let path = folder.join("mine.toml");
    let new = program().args(["lesson", "--new", path.to_str().unwrap()]).output().unwrap();
    assert_eq!(new.status.code(), Some(0), "{}", String::from_utf8_lossy(&new.stderr));
    let again = program().args(["lesson", "--new", path.to_str().unwrap()]).output().unwrap();
    assert_eq!(again.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&again.stderr).contains("is there already"));
    let checked = program().args(["check", path.to_str().unwrap()]).output().unwrap();
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stdout));
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains("id = \"mine\""), "{text}");
    let mut terminal = Terminal::start(40, 120, &["lesson", path.to_str().unwrap()]);
    terminal.shows("A byte, a thread, a question");
    fs::write(&path, text.replace("A byte, a thread", "One byte, one thread")).unwrap();
    terminal.keys("r");
    terminal.shows("One byte, one thread, a question");
    // Something wrong is said, and the lesson goes on as it was.
    fs::write(&path, text.replace("mask = \"IN|ET\"", "mask = \"IN|INN\"")).unwrap();
    terminal.keys("r");
    terminal.shows("not read again");
    terminal.shows("`mask`");
    // A key that comes while the lesson is made anew is not kept.
    let deadline = Instant::now() + PATIENCE;
    while !["Step 1", "Step 2"].iter().any(|step| terminal.text().contains(step)) {
        assert!(Instant::now() < deadline, "no step is made:\n{}", terminal.text());
        terminal.keys("\r");
        terminal.settle();
    }
    terminal.keys("q");
    assert_eq!(terminal.ended().code(), Some(0));
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn an_action_of_ones_own_is_undone_on_the_real_kernel() {
    let mut terminal = lesson(40, 120);
    terminal.shows("Enter makes the first step.");
    let process = process_of(&terminal);
    terminal.keys("\r");
    terminal.shows("Step 1");
    terminal.keys("vwrite p.w 2\r");
    terminal.shows("Your own: write p.w 2");
    terminal.keys("u");
    terminal.shows("undone: the lesson was made anew up to here");
    terminal.shows("step 1 of 5");
    is_gone(process);
    // The pipe is as it was: a read finds nothing.
    terminal.keys("vread p.r\r");
    terminal.shows("EAGAIN");
    terminal.keys("q");
    assert_eq!(terminal.ended().code(), Some(0));
}

/// A lesson of the program with few questions, gone through to its end.
fn to_the_end(terminal: &mut Terminal, steps: usize) {
    terminal.shows("Enter makes the first step.");
    for step in 1..=steps {
        terminal.keys("\r");
        let asked = format!("step {step} of {steps}");
        terminal.until("the next step", |text| text.contains(&asked) && !text.contains(" ... "));
        if !terminal.text().contains("QUESTION") {
            continue;
        }
        if terminal.text().contains("your answer>") {
            terminal.keys("\u{1b}");
            terminal.until("no line", |text| !text.contains("your answer>"));
        }
        terminal.keys("x");
        terminal.until("the answer", |text| !text.contains("QUESTION") && !text.contains(" ... "));
    }
    terminal.keys("\r");
    terminal.shows(" END ");
}

#[test]
fn what_was_done_is_remembered_and_leads_to_the_next_lesson() {
    let folder = scratch("state");
    let file = folder.join("epollscope/lessons");
    let lessons = epollscope::lesson::catalog::topics();
    let mut lessons = lessons.iter().flat_map(|topic| &topic.lessons);
    let (first, second) = (lessons.next().unwrap(), lessons.next().unwrap());
    let start = |args: &[&str]| {
        let mut command = program();
        command.env("XDG_STATE_HOME", &folder).env("TERM", "xterm-256color").args(args);
        Terminal::spawn(40, 120, &mut command, Tie::Session)
    };
    let mut terminal = start(&["lesson", &first.id, "--no-state"]);
    to_the_end(&mut terminal, first.steps.len());
    terminal.keys("q");
    assert_eq!(terminal.ended().code(), Some(0));
    assert!(!file.exists(), "--no-state");
    let mut terminal = start(&["lesson", &first.id]);
    to_the_end(&mut terminal, first.steps.len());
    terminal.keys("\r");
    terminal.shows(&second.title);
    terminal.shows("Enter makes the first step.");
    terminal.keys("q");
    assert_eq!(terminal.ended().code(), Some(0));
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.starts_with(&format!("1 {} ", first.id)) && text.lines().count() == 1, "{text}");
    let mut terminal = start(&["lesson"]);
    terminal.shows(", 1 done");
    terminal.keys("q");
    assert_eq!(terminal.ended().code(), Some(0));
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn without_a_terminal_a_lesson_is_one_clear_line() {
    let out = program().args(["lesson", EDGE]).output().unwrap();
    assert_eq!(out.status.code(), Some(2));
    let text = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(text.contains("--json") && text.lines().count() == 1, "{text}");
    let mut command = program();
    command.env("TERM", "dumb").args(["lesson", EDGE]);
    let mut terminal = Terminal::spawn(24, 80, &mut command, Tie::Session);
    assert_eq!(terminal.ended().code(), Some(2));
}

#[test]
fn lessons_open_before_a_server_that_goes_on_and_is_there_again() {
    let mut terminal = Terminal::start(40, 120, &FREE);
    terminal.shows("New here?");
    let mut client = terminal.connect();
    terminal.shows("1 client");
    terminal.keys("2");
    terminal.until("the view of the timeline", |text| !text.contains("Interest list"));
    terminal.keys("L");
    terminal.shows("by topic, in teaching order");
    terminal.keys("\r");
    terminal.shows("Enter makes the first step.");
    let process = process_of(&terminal);
    terminal.keys("\r");
    terminal.shows("step 1 of");
    // The server answers meanwhile.
    client.write_all(b"hello\r\n").unwrap();
    let mut echo = [0; 7];
    client.read_exact(&mut echo).unwrap();
    assert_eq!(&echo, b"hello\r\n");
    terminal.keys("q");
    terminal.shows("left early");
    is_gone(process);
    terminal.keys("q");
    terminal.until("the server as it was", |text| {
        text.contains("1 client") && text.contains("Timeline") && !text.contains("Interest list")
    });
    terminal.keys("3");
    terminal.shows("\"hello\\r\\n\"");
    terminal.keys("L");
    terminal.shows("by topic, in teaching order");
    terminal.keys("\u{3}");
    assert_eq!(terminal.ended().code(), Some(0));
    terminal.is_restored();
}
