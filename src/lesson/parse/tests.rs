//! The parser against files that are wrong, good, and damaged.

mod damaged;
mod readme;

use super::*;
use crate::lesson::case::{Action, Actor, Counter, Expect, FdArg, Label, Look, Outcome, Range};

/// What stands before the steps of most files here: lines 1 to 14.
const HEAD: &str = r#"format = 1
id = "case"
title = "T"
about = "A"
level = "core"
[actors]
e = { kind = "epoll" }
p = { kind = "pipe" }
q = { kind = "pipe", count = 2 }
n = { kind = "eventfd" }
t = { kind = "timerfd" }
u = { kind = "pair" }
L = { kind = "listener" }
c = { kind = "client" }
"#;

/// A whole file around `part`, which is of the kind that `what` says.
fn file_with(what: &str, part: &str) -> String {
    let lesson = HEAD.replace("[actors]", "topic = \"X\"\nminutes = 5\n[actors]");
    let needy = HEAD.replace("[actors]", "needs = [\"userfaultfd\"]\n[actors]");
    let (before, _) = HEAD.split_once("[actors]").expect("there are actors");
    match what {
        "file" => part.to_owned(),
        "actors" => format!("{before}[actors]\n{part}\n[[steps]]\ndo = \"note\"\n"),
        "step" => format!("{HEAD}[[steps]]\n{part}\n"),
        "freeze" => format!("{needy}[[steps]]\n{part}\n"),
        "expect" => format!("{HEAD}[[steps]]\ndo = \"note\"\n[steps.expect]\n{part}\n"),
        "lesson" => format!("{lesson}[[steps]]\n{part}\n"),
        "ask" => {
            format!("{lesson}[[steps]]\ndo = \"read\"\nfd = \"p.r\"\n[steps.ask]\n{part}\n")
        }
        _ => panic!("what is `{what}`?"),
    }
}

#[test]
fn each_error_names_its_place_what_was_found_and_what_was_expected() {
    let table = include_str!("tests/bad.txt");
    let entries: Vec<_> = table.split("=== ").skip(1).collect();
    assert!(entries.len() > 100);
    for entry in entries {
        let (what, rest) = entry.split_once('\n').expect("a kind, then the file");
        let (part, expected) = rest.split_once("\n---\n").expect("a file, then its errors");
        let said = match parse("case.toml", file_with(what, part)) {
            Ok(_) => "nothing is wrong".to_owned(),
            Err(errors) => errors.to_string(),
        };
        assert_eq!(said, expected.trim_end(), "\n{part}");
    }
}

#[track_caller]
fn good(what: &str, part: &str) -> Case {
    match parse("case.toml", file_with(what, part)) {
        Ok(case) => case,
        Err(errors) => panic!("{errors}"),
    }
}

#[track_caller]
fn bad(what: &str, part: &str) -> Errors {
    parse("case.toml", file_with(what, part)).expect_err("something is wrong")
}

#[test]
fn a_file_that_is_no_text_says_where_it_stops_being_one() {
    let errors = parse("a\nb.toml", b"format = 1\nid = \"\xff\"").expect_err("something is wrong");
    assert_eq!(errors.to_string(), "a\\nb.toml:2:7: expected UTF-8");
}

#[test]
fn a_file_of_more_than_a_megabyte_is_not_read() {
    let text = "#".repeat(MAX_BYTES);
    let errors = parse("big.toml", &text).expect_err("something is wrong");
    assert!(errors.to_string().contains("missing keys"), "{errors}");
    let errors = parse("big.toml", text + "#").expect_err("something is wrong");
    assert_eq!(errors.to_string(), "big.toml:1:1: the file is longer than 1 MB, which is the most");
}

#[test]
fn twenty_errors_are_told_and_the_others_counted() {
    let steps = "do = \"no\"\n[[steps]]\n".repeat(20);
    let errors = bad("step", &format!("{steps}do = \"no\""));
    assert_eq!((errors.problems.len(), errors.untold), (20, 1));
    assert!(errors.to_string().ends_with("\nand one more error"));
    let errors = bad("step", &format!("{steps}do = \"no\"\n[[steps]]\ndo = \"no\""));
    assert!(errors.to_string().ends_with("\nand 2 more errors"));
}

#[test]
fn errors_are_a_usage_error_of_the_program() {
    let error = crate::error::Error::from(bad("step", "do = \"note\"\nsay = 1"));
    assert_eq!(error.exit_code(), 2);
    assert!(error.to_string().starts_with("case.toml:17:7: `say`"), "{error}");
}

#[test]
fn bounds_are_named() {
    let note = "[[steps]]\ndo = \"note\"\n";
    let errors = bad("step", &format!("do = \"note\"\n{}", note.repeat(MAX_STEPS)));
    assert_eq!(errors.problems[0].message, "`steps`: found 501, expected 1 to 500");
    let actor = |n: usize| format!("a{n} = {{ kind = \"null\" }}\n");
    let errors = bad("actors", &(0..65).map(actor).collect::<String>());
    assert_eq!(errors.problems[0].message, "`actors`: found 65, expected at most 64");
    let errors = bad("step", &format!("do = \"note\"\nsay = \"{}\"", "ä".repeat(MAX_TEXT + 1)));
    assert_eq!(errors.problems[0].message, "`say`: found 2001 characters, expected 1 to 2000");
    let body = "{ do = \"reset\" }, ".repeat(17);
    let errors = bad("step", &format!("do = \"repeat\"\ntimes = 1\nsteps = [{body}]"));
    assert_eq!(errors.problems[0].message, "`steps`: found 17, expected 1 to 16");
    let name = "a".repeat(41);
    let errors = bad("actors", &format!("{name} = {{ kind = \"null\" }}"));
    assert!(errors.problems[0].message.ends_with("at most 40 in all"));
}

#[test]
fn a_file_cannot_keep_the_parser_busy() {
    let fds = "\"q#.r IN\", ".repeat(1000);
    let poll =
        format!("do = \"repeat\"\ntimes = 1024\nsteps = [{{ do = \"poll\", fds = [{fds}] }}]");
    let errors = bad("step", &poll);
    let told = "with this the rounds of all repeats name more than 1000000 descriptors and threads";
    assert_eq!(errors.problems[0].message, told);
    let many = "\"q*.r IN\", ".repeat(1000);
    let errors = bad("step", &format!("do = \"poll\"\nfds = [{many}]"));
    assert_eq!(errors.problems[0].message, "`fds`: found 2000, expected 1 to 1024");
    let fds = "\"q*.r IN\", ".repeat(512);
    let poll = format!("do = \"poll\"\nfds = [{fds}]\n[[steps]]\n").repeat(98);
    let errors = bad("step", &format!("{poll}do = \"note\""));
    let told = "`fds`: the lists of the file have more than 100000 entries";
    assert_eq!(errors.problems[0].message, told);
    let steps = "do = \"add\"\nep = \"x\"\nfd = \"y\"\nmask = \"IN\"\n[[steps]]\n".repeat(499);
    let errors = bad("step", &format!("{steps}do = \"note\""));
    assert_eq!((errors.problems.len(), errors.untold), (20, 180));
    assert!(errors.to_string().ends_with("\nand many more errors"));
    let line = format!("do = \"note\"\nsay = {}1", " ".repeat(900_000));
    let shown = bad("step", &line).problems[0].shown.clone();
    let [source, carets] = shown.expect("the place is in a line");
    assert!(source.starts_with('…') && source.ends_with('1'), "{source}");
    assert_eq!(carets.len(), source.chars().count());
}

#[test]
fn lines_may_end_as_on_windows() {
    let case = good("step", "do = \"note\"\r\nsay = \"\"\"one\r\ntwo\"\"\"\r");
    assert_eq!(case.steps[0].say.as_deref(), Some("one\ntwo"));
    let errors = bad("step", "do = \"note\"\nsay = \"one\\rtwo\"");
    assert!(errors.problems[0].message.starts_with("`say`: found the control character"));
}

#[test]
fn an_error_without_a_place_is_one_of_the_whole_file() {
    let deep = format!("{} = 1", vec!["a"; 500].join("."));
    let errors = bad("file", &deep);
    assert_eq!((errors.problems.len(), &errors.problems[0].shown), (1, &None), "{errors}");
}

#[test]
fn actors_come_in_the_order_of_the_file_and_know_their_labels() {
    let case = good("actors", "z = { kind = \"pipe\", count = 2 }\na = { kind = \"epoll\" }");
    let labels: Vec<_> = case.actors.iter().flat_map(Actor::labels).collect();
    assert_eq!(labels, ["z1.r", "z1.w", "z2.r", "z2.w", "a"].map(Label::from));
    assert_eq!((case.actors[1].line, case.steps[0].line), (8, 9));
}

#[test]
fn a_closed_label_still_names_its_number_and_may_be_given_again() {
    good(
        "step",
        "do = \"close\"\nfd = \"c\"\n[[steps]]\ndo = \"del\"\nep = \"e\"\nfd = \"c\"\n[[steps]]\n\
         do = \"new\"\nname = \"c\"\nkind = \"client\"",
    );
}

#[test]
fn a_call_that_fails_makes_no_label() {
    let failing = "do = \"accept\"\nfd = \"L\"\nas = \"x\"\n[steps.expect]\nret = \"EAGAIN\"\n";
    good("step", &format!("{failing}[[steps]]\n{failing}"));
    let asked = "do = \"accept\"\nfd = \"L\"\nas = \"x\"\n[steps.ask]\ntext = \"Q\"\n\
                 take = \"ret\"\nright = \"EMFILE\"\n";
    good("lesson", &format!("{asked}[[steps]]\n{asked}"));
    let made = asked.replace("\"EMFILE\"", "9");
    let errors = bad("lesson", &format!("{made}[[steps]]\n{made}"));
    assert_eq!(errors.problems[0].message, "the label `x` is taken since line 20");
}

#[test]
fn the_wrong_end_is_right_where_an_error_is_expected() {
    good("step", "do = \"write\"\nfd = \"p.r\"\nn = 1\n[steps.expect]\nret = \"EBADF\"");
    good("step", "do = \"read\"\nfd = \"e\"\n[steps.expect]\nret = \"EINVAL\"");
    // Nothing is said of this call, so nothing said of it is wrong.
    good("step", "do = \"read\"\nfd = \"e\"");
}

#[test]
fn a_repeat_names_something_new_in_each_round() {
    let case = good(
        "step",
        "do = \"repeat\"\ntimes = 2\nuntil = { ret = \"EAGAIN\" }\nsteps = [\n  \
         { do = \"read\", fd = \"q#.r\", n = 1 },\n  { do = \"accept\", fd = \"L\", as = \"s#\" },\n\
         ]\n[[steps]]\ndo = \"close\"\nfd = \"s2\"",
    );
    let Action::Repeat { body, until: Some(Outcome::Errno(_)), .. } = &case.steps[0].action else {
        panic!("{:?}", case.steps[0]);
    };
    let second = Action::Read { fd: FdArg::Named("q2.r".into()), n: 1, who: None };
    assert_eq!(body[0].of_round(2), second);
}

#[test]
fn a_star_stands_for_every_member() {
    let case = good("step", "do = \"poll\"\nfds = [\"q*.w OUT\", \"7 IN\"]");
    let Action::Poll(scan) = &case.steps[0].action else {
        panic!("{:?}", case.steps[0]);
    };
    let names: Vec<_> = scan.fds.iter().map(|(fd, _)| fd.to_string()).collect();
    assert_eq!(names, ["q1.w", "q2.w", "7"]);
}

#[test]
fn counters_are_written_with_and_without_quotes() {
    let wait = "do = \"wait\"\nep = \"e\"\nthread = \"A\"\n[steps.expect]\n";
    let quoted = "count = { \"wakeups.A\" = 1, wakeups = { min = 2 }, calls = 3 }";
    let bare = "count.wakeups.A = 1\ncount.calls = 3";
    let count = |case: &Case| case.steps[0].expect.count.clone();
    let quoted = count(&good("step", &format!("{wait}{quoted}")));
    let bare = count(&good("step", &format!("{wait}{bare}")));
    assert_eq!(quoted[&Counter::Wakeups(None)], Range { min: 2, max: None });
    for (counter, value) in [(Counter::Wakeups(Some("A".into())), 1), (Counter::Calls, 3)] {
        assert_eq!(
            (quoted[&counter], bare[&counter]),
            (Range::exactly(value), Range::exactly(value))
        );
    }
}

#[test]
fn what_a_step_leaves_out_has_its_usual_value() {
    let case = good(
        "step",
        "do = \"wait\"\nep = \"e\"\nlook = \"ready\"\n[[steps]]\ndo = \"wait\"\nep = \"e\"\n\
         thread = \"A\"\nlook = [\"e\", \"calls\"]\n[[steps]]\ndo = \"fill\"\nfd = \"p.w\"",
    );
    let [by_main, by_thread, fill] = case.steps.as_slice() else {
        panic!("{case:?}");
    };
    assert!(matches!(&by_main.action, Action::Wait(w) if w.max == 64 && w.timeout == Some(0)));
    assert!(matches!(&by_thread.action, Action::Wait(w) if w.timeout.is_none()));
    assert!(matches!(fill.action, Action::Fill { n: 4096, .. }));
    assert_eq!(by_thread.look, [Look::Label("e".into()), Look::Calls]);
    assert_eq!((fill.line, &fill.expect), (24, &Expect::default()));
    assert_eq!(case.threads(), [Label::from("A")]);
}
