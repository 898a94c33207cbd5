//! What is printed is read back, and a handout fits on paper.

mod any;

use proptest::prelude::*;
use unicode_width::UnicodeWidthStr as _;

use super::*;
use crate::lesson::catalog;
use crate::lesson::parse::parse;

#[test]
fn every_file_of_the_program_is_read_back() {
    for file in catalog::files() {
        let case = file.parse().expect("the file is right");
        let printed = to_toml(&case);
        match parse("printed.toml", &printed) {
            Ok(again) => assert_eq!(again.without_lines(), case.without_lines()),
            Err(errors) => panic!("{errors}\n{printed}"),
        }
    }
}

#[test]
fn a_printed_case_reads_like_a_written_one() {
    let file = catalog::find("lt-basic").expect("the case is there");
    let printed = to_toml(&file.parse().expect("the case is right"));
    let lines = |text: &str| {
        let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    assert_eq!(lines(&printed), lines(file.text));
}

proptest! {
    #[test]
    fn any_case_is_read_back(case in any::case()) {
        let printed = to_toml(&case);
        match parse("printed.toml", &printed) {
            Ok(again) => prop_assert_eq!(again.without_lines(), case, "{}", printed),
            Err(errors) => prop_assert!(false, "{errors}\n{printed}"),
        }
    }

    #[test]
    fn a_handout_has_no_long_line_and_no_control_character(case in any::case()) {
        let text = handout(&case);
        for line in text.lines() {
            prop_assert!(line.width() <= 78, "{line}");
            prop_assert!(!line.chars().any(char::is_control), "{line:?}");
            prop_assert!(line.trim_end() == line, "{line:?}");
        }
    }
}

const LESSON: &str = r#"
format = 1
id = "shown"
title = "Told once"
about = "One byte, and who hears of it."
level = "core"
topic = "Edges"
minutes = 5
[actors]
e = { kind = "epoll" }
p = { kind = "pipe", count = 3 }
[[steps]]
do = "add"
ep = "e"
fd = "p1.r"
mask = "IN|ET"
chapter = "One pipe"
say = "The read end, edge-triggered."
[[steps]]
do = "wait"
ep = "e"
thread = "A"
reveal = "Nothing is ready."
[[steps]]
do = "write"
fd = "p1.w"
n = 1
[steps.ask]
text = "Who wakes?"
answers = [{ text = "nobody" }, { text = "A", right = true }]
[[steps]]
do = "note"
say = "That was all."
[[steps]]
do = "read"
fd = "p1.r"
[steps.ask]
text = "What does it return?"
take = "ret"
right = 1
"#;

const HANDOUT: &str = "\
Told once
=========
Edges · core · 5 min

One byte, and who hears of it.

Descriptors
-----------
e: an epoll instance
p1.r, p1.w ... p3.w: 3 pipes
Threads besides the main one: A

Steps
-----

* One pipe

  1. epoll_ctl(e, ADD, p1.r, IN|ET)
     The read end, edge-triggered.

  2. epoll_wait(e) by A

  3. write(p1.w, 1)
     Question 1: Who wakes?
       a) nobody
       b) A

  4. That was all.

  5. read(p1.r, 65536)
     Question 2: What does it return?
       Answer: ____________

Answers
-------

Step 2:
    Nothing is ready.

Question 1 (step 3): b) A

Question 2 (step 5): 1
";

#[test]
fn a_handout_asks_first_and_answers_at_the_end() {
    let case = parse("shown.toml", LESSON).expect("the lesson is right");
    assert_eq!(handout(&case), HANDOUT);
}

#[test]
fn a_call_says_what_each_action_does() {
    let mut said = Vec::new();
    for file in catalog::files() {
        let case = file.parse().expect("the file is right");
        for step in &case.steps {
            let line = call(&step.action);
            assert_eq!(line.is_empty(), step.action.word() == "note", "{:?}", step.action);
            said.push(line);
        }
    }
    for line in [
        "epoll_ctl(e, ADD, p.r, IN|ET)",
        "epoll_ctl(e, 42, p.r, IN)",
        "epoll_wait(e, max 2) by t, held at event 2",
        "poll(p.r IN, q.r IN, e IN)",
        "timerfd_settime(t, 40 ms, every 40 ms)",
        "close(c) with a reset",
        "s1 = accept(L)",
    ] {
        assert!(said.iter().any(|said| said == line), "{line}");
    }
}
