//! What is said of a case that does not come out, and of a file that is none.

use std::path::Path;

use super::{PIPE, case, check, endless, file, lines};
use crate::harness::write;

const ADD: &str = "[[steps]]\ndo = \"add\"\nep = \"e\"\nfd = \"p.r\"\nmask = \"IN\"\n\n";

/// Runs one file; the exit status, standard output, standard error.
fn run(path: &Path) -> (Option<i32>, String, String) {
    let output = check(&[path]).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// Each key of `expect`, wrong: what is said of it.
const WRONG: [(&str, &str, &str, &str); 9] = [
    ("ret", "do = \"write\"\nfd = \"p.w\"\nn = 1\n[steps.expect]\nret = 2", "the result", "2 / 1"),
    (
        "events",
        "do = \"wait\"\nep = \"e\"\n[steps.expect]\nevents = [\"p.r IN\"]",
        "the events",
        "[p.r IN] / []",
    ),
    (
        "rdl",
        "do = \"write\"\nfd = \"p.w\"\nn = 1\n[steps.expect]\nrdl.e = []",
        "the ready list of e",
        "[] / [p.r]",
    ),
    (
        "interest",
        "do = \"del\"\nep = \"e\"\nfd = \"p.r\"\n[steps.expect]\ninterest.e = [\"p.r IN|ERR|HUP\"]",
        "the interest list of e",
        "[p.r IN|ERR|HUP] / []",
    ),
    (
        "woke",
        "do = \"wait\"\nep = \"e\"\nthread = \"A\"\n[steps.expect]\nwoke.A = []",
        "who returned",
        "A: [] / nobody",
    ),
    (
        "asleep",
        "do = \"wait\"\nep = \"e\"\nthread = \"A\"\n[steps.expect]\nasleep = []",
        "who sleeps",
        "[] / [A]",
    ),
    (
        "count",
        "do = \"note\"\n[steps.expect]\ncount = { calls = { min = 2, max = 5 } }",
        "the counter calls",
        "2 to 5 / 1",
    ),
    (
        "less",
        "do = \"note\"\n[steps.expect]\nless = [\"calls\", \"waits\"]",
        "the counters calls and waits",
        "the first is less / 1 and 0",
    ),
    (
        "same",
        "do = \"note\"\n[steps.expect]\nsame = [\"p.r\", \"p.w\"]",
        "the numbers of p.r and p.w",
        "the same / 4 and 5",
    ),
];

#[test]
fn a_wrong_expectation_is_told_with_its_step_its_line_and_all_sides() {
    for (name, step, what, sides) in WRONG {
        let path = case(&format!("wrong-{name}"), PIPE, &format!("{ADD}[[steps]]\n{step}\n"));
        let (lines, numbers, output) = lines(&mut check(&[&path]));
        assert_eq!((output.status.code(), &numbers["failed"]), (Some(4), &1.into()), "{name}");
        let line = &lines[0];
        assert_eq!((&line["result"], &line["step"]), (&"fail".into(), &2.into()), "{line:#}");
        assert_eq!(line["line"], 16, "{line:#}");
        let wrong = &line["mismatches"][0];
        let (expected, kernel) = sides.split_once(" / ").unwrap();
        assert_eq!((&wrong["what"], &wrong["expected"]), (&what.into(), &expected.into()));
        // The ready list is the model's: the kernel shows it to nobody.
        let (who, between) = match name {
            "rdl" => ("model", "file and model"),
            _ => ("kernel", "file and kernel"),
        };
        assert_eq!((&wrong[who], &wrong["between"]), (&kernel.into(), &between.into()));
        assert_eq!(wrong["kernel"].is_null(), who == "model", "{wrong:#}");
    }
}

#[test]
fn nothing_is_not_counted_as_agreeing() {
    let note = "[[steps]]\ndo = \"note\"\n\n".repeat(10);
    let sleep = "[[steps]]\ndo = \"sleep\"\nms = 0\n\n";
    let epolls = "e = { kind = \"epoll\", count = 2 }";
    let repeat = "[[steps]]\ndo = \"repeat\"\ntimes = 5\n\
                  steps = [{ do = \"write\", fd = \"p.w\", n = 1 }]\n[steps.expect]\nret = 5\n";
    for (name, actors, steps, agreed) in [
        ("nothing", "", note.as_str(), 0),
        ("no-claim", "", sleep, 0),
        // The number of each, and its interest list: before the first step and after each.
        ("lists", epolls, &note, 24),
        // Five results, and the numbers that the pipe got.
        ("rounds", "p = { kind = \"pipe\" }", repeat, 6),
    ] {
        let path = case(&format!("agreed-{name}"), actors, steps);
        let (lines, _, _) = lines(&mut check(&[&path]));
        assert_eq!((&lines[0]["result"], &lines[0]["agreed"]), (&"ok".into(), &agreed.into()));
    }
}

const LISTS: &str = "e = { kind = \"epoll\" }\nv = { kind = \"eventfd\", value = 1 }";
const ADD_V: &str = "[[steps]]\ndo = \"add\"\nep = \"e\"\nfd = \"v\"\nmask = \"IN\"\n\n";

#[test]
fn the_lists_of_a_duplicate_are_those_of_its_file() {
    let dup = "[[steps]]\ndo = \"dup\"\nfd = \"e\"\nas = \"e2\"\n[steps.expect]\n";
    let right = "interest.e2 = [\"v IN|ERR|HUP\"]\nrdl.e2 = [\"v\"]\n";
    let path = case("duplicate-right", LISTS, &format!("{ADD_V}{dup}{right}"));
    assert_eq!(lines(&mut check(&[&path])).0[0]["result"], "ok");
    let wrong = "interest.e2 = []\nrdl.e2 = []\n";
    let path = case("duplicate-wrong", LISTS, &format!("{ADD_V}{dup}{wrong}"));
    let (lines, _, _) = lines(&mut check(&[&path]));
    let wrong = |at: usize, side: &str| lines[0]["mismatches"][at][side].clone();
    assert_eq!(wrong(0, "kernel"), "[v IN|ERR|HUP]");
    assert_eq!((wrong(1, "kernel").is_null(), wrong(1, "model")), (true, "[v]".into()));
}

#[test]
fn a_list_that_is_not_read_while_a_harvest_is_held_is_not_empty() {
    let freeze = "[[steps]]\ndo = \"freeze\"\nep = \"e\"\nthread = \"A\"\nmax = 1\nat = 1\n";
    let path =
        case("not-read", LISTS, &format!("{ADD_V}{freeze}[steps.expect]\ninterest.e = []\n"));
    with_userfaultfd(&path);
    let (lines, _, _) = lines(&mut check(&[&path]));
    if lines[0]["result"] == "skip" {
        return;
    }
    let wrong = &lines[0]["mismatches"][0];
    assert_eq!(wrong["kernel"], "not read: a harvest of it is held", "{lines:#?}");
}

/// Lets a case hold harvests.
fn with_userfaultfd(path: &Path) {
    let text = std::fs::read_to_string(path).unwrap();
    let needs = "level = \"core\"\nneeds = [\"userfaultfd\"]\n";
    write(path, text.replace("level = \"core\"\n", needs));
}

#[test]
fn in_words_it_is_told_line_by_line() {
    let step = "[[steps]]\ndo = \"write\"\nfd = \"p.w\"\nn = 1\n[steps.expect]\nret = 2\n";
    let path = case("words", PIPE, &format!("{ADD}{step}"));
    let (code, out, err) = run(&path);
    let expected = format!(
        "FAIL words\n  step 2, line 16 of {}: write(p.w, 1)\n    the result\n      \
         expected:   2\n      the kernel: 1\n      the model:  1\n\
         0 passed, 1 failed, 0 skipped\n",
        path.display()
    );
    assert_eq!((code, out, err), (Some(4), expected, String::new()));
}

#[test]
fn a_case_that_takes_too_long_fails_in_time() {
    let path = endless("takes-too-long");
    let begin = std::time::Instant::now();
    let (lines, _, output) = lines(check(&[&path]).args(["--timeout", "3s"]));
    assert!(begin.elapsed() < crate::harness::PATIENCE / 2);
    assert_eq!(output.status.code(), Some(4));
    assert_eq!((&lines[0]["step"], &lines[0]["result"]), (&2.into(), &"fail".into()));
    let reason = lines[0]["reason"].as_str().unwrap();
    assert!(reason.contains("not over within 3s"), "{reason}");
}

#[test]
fn a_duplicate_of_a_number_connects_as_the_kernel_lets_it() {
    let actors = "v = { kind = \"eventfd\" }\nl = { kind = \"listener\" }\n\
                  c = { kind = \"client\" }\nq = { kind = \"pair\" }\n\
                  g = { kind = \"dgram\" }\nu = { kind = \"udp\" }";
    let no_listener = Some("y is no listener to connect to");
    let peer = Some("y is a UDP socket, which is connected to its peer for good");
    // What y connects to, or is connected to, is found out when it runs.
    for (name, number, fd, to, refused) in [
        ("eventfd", 3, "y", "l", None),
        ("listener", 4, "y", "nobody", None),
        ("client", 5, "y", "l", None),
        ("pair", 6, "y", "l", None),
        ("dgram", 9, "y", "nobody", None),
        ("udp", 10, "y", "l", peer),
        ("to-listener", 4, "c", "y", None),
        ("to-eventfd", 3, "c", "y", no_listener),
        ("to-client", 5, "c", "y", no_listener),
        ("to-pair", 7, "c", "y", no_listener),
        ("to-udp", 11, "c", "y", no_listener),
    ] {
        let steps = format!(
            "[[steps]]\ndo = \"dup\"\nfd = {number}\nas = \"y\"\n\n\
             [[steps]]\ndo = \"connect\"\nfd = \"{fd}\"\nto = \"{to}\"\n"
        );
        let path = case(&format!("unsure-{name}"), actors, &steps);
        let (lines, _, _) = lines(&mut check(&[&path]));
        let result = if refused.is_some() { "fail" } else { "ok" };
        let told = (lines[0]["result"].as_str(), lines[0]["reason"].as_str());
        assert_eq!(told, (Some(result), refused), "{:#}", lines[0]);
    }
}

/// A TCP connection of c and s.
const CONNECT: &str = "[[steps]]\ndo = \"connect\"\nfd = \"c\"\nto = \"l\"\n\n\
                       [[steps]]\ndo = \"accept\"\nfd = \"l\"\nas = \"s\"\n\n";
const TCP: &str = "l = { kind = \"listener\" }\nc = { kind = \"client\" }";

/// A step that does that with a file, so many bytes at a time.
fn step(what: &str, fd: &str, n: u32) -> String {
    format!("[[steps]]\ndo = \"{what}\"\nfd = \"{fd}\"\nn = {n}\n\n")
}

#[test]
fn a_bound_that_is_met_in_the_middle_is_named() {
    let reads = "it took more than 200000 reads, which is the most";
    // The part behind the first colon.
    let count = "write 18446744073709551614 to fill it";
    let lost = "what its peer has no room for is lost";
    let bytes = "with this more than 64 MiB would be written to regular files";
    let twice = step("write", "c", 150_000).repeat(2);
    let big = "[[steps]]\ndo = \"repeat\"\ntimes = 100\n\
               steps = [{ do = \"write\", fd = \"f\", n = 16777216 }]\n"
        .to_owned();
    let pipe = "p = { kind = \"pipe\", size = 1048576 }";
    let pipe_steps = step("fill", "p.w", 65536) + &step("drain", "p.r", 1);
    let files = "f = { kind = \"file\" }\nz = { kind = \"null\" }";
    // What keeps nothing has no such bound.
    let thrown = step("write", "z", 16_777_216).repeat(5);
    for (name, actors, steps, at, reason) in [
        ("drain-pipe", pipe, pipe_steps, 2, reads),
        ("drain-tcp", TCP, format!("{CONNECT}{twice}{}", step("drain", "s", 1)), 5, reads),
        ("fill-eventfd", "v = { kind = \"eventfd\" }", step("fill", "v", 1), 1, count),
        ("fill-udp", "u = { kind = \"udp\" }", step("fill", "u.a", 1), 1, lost),
        ("rounds-file", files, big, 1, bytes),
        ("fill-file", files, step("fill", "f", 1_000_000), 1, bytes),
        ("write-file", files, thrown + &step("write", "f", 16_777_216).repeat(5), 10, bytes),
    ] {
        let path = case(&format!("bound-{name}"), actors, &steps);
        let (lines, _, _) = lines(check(&[&path]).args(["--timeout", "60s"]));
        let said = lines[0]["reason"].as_str().unwrap_or_default();
        let round = said.split_once(": ").map_or(said, |(_, rest)| rest);
        assert_eq!((&lines[0]["step"], round), (&at.into(), reason), "{name}: {:#}", lines[0]);
    }
}

#[test]
fn what_the_tool_waits_itself_makes_no_timer_late() {
    let arm = "[[steps]]\ndo = \"arm\"\nfd = \"t\"\nms = 9000\n\n";
    let wrong = "[[steps]]\ndo = \"note\"\n\n\
                 [[steps]]\ndo = \"sleep\"\nms = 1\n[steps.expect]\nret = 77\n";
    let knock = |n: u32| format!("[[steps]]\ndo = \"connect\"\nfd = \"k{n}\"\nto = \"b\"\n\n");
    // Few writes: each is told, which takes its time, too.
    let fill = step("fill", "c", 1_000_000);
    // Whoever is not answered stays where he is.
    let unheard: String = (1..=3).map(knock).collect();
    for (name, waits, at) in [("fill", &fill, 6), ("unheard", &unheard, 8)] {
        let actors = format!(
            "t = {{ kind = \"timerfd\" }}\n{TCP}\n\
             b = {{ kind = \"listener\", backlog = 0 }}\nk = {{ kind = \"client\", count = 3 }}"
        );
        let path = case(&format!("late-{name}"), &actors, &[CONNECT, arm, waits, wrong].concat());
        let (lines, _, _) = lines(check(&[&path]).args(["--timeout", "60s"]));
        let line = &lines[0];
        assert_eq!((&line["result"], &line["step"]), (&"fail".into(), &at.into()), "{line:#}");
        assert_eq!(line["mismatches"][0]["expected"], "77");
    }
}

#[test]
fn a_call_that_would_wait_for_a_held_harvest_is_refused() {
    let actors = "o = { kind = \"epoll\" }\ni = { kind = \"epoll\" }\np = { kind = \"pipe\" }";
    let step = |step: &str| format!("[[steps]]\n{}\n\n", step.replace("; ", "\n"));
    let steps = [
        "do = \"add\"; ep = \"i\"; fd = \"p.r\"; mask = \"IN\"",
        "do = \"add\"; ep = \"o\"; fd = \"i\"; mask = \"IN\"",
        "do = \"write\"; fd = \"p.w\"; n = 1",
        "do = \"freeze\"; ep = \"i\"; thread = \"A\"; max = 1; at = 1",
        "do = \"wait\"; ep = \"o\"; thread = \"B\"",
    ];
    let path = case("would-wait", actors, &steps.map(step).concat());
    with_userfaultfd(&path);
    let (lines, _, _) = lines(&mut check(&[&path]));
    let line = &lines[0];
    if line["result"] == "skip" {
        return;
    }
    let reason = line["reason"].as_str().unwrap();
    assert_eq!((&line["step"], &line["result"]), (&5.into(), &"fail".into()));
    assert!(reason.contains("would wait until the harvest"), "{reason}");
}

#[test]
fn one_wrong_file_keeps_all_from_being_run() {
    let good = case("good", PIPE, ADD);
    let long = vec![b'#'; 10_000_000];
    for (name, text, said) in [
        ("key", ADD.replace("mask", "maks"), "unknown key `maks`"),
        ("label", ADD.replace("p.r", "q.r"), "q.r"),
        ("type", ADD.replace("\"IN\"", "7"), "expected"),
        ("syntax", "[[steps]\n".to_owned(), "|"),
    ] {
        let bad = case(&format!("bad-{name}"), PIPE, &text);
        let output = check(&[&good, &bad]).output().unwrap();
        let err = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{name}: {err}");
        let place = format!("epollscope: {}:", bad.display());
        assert!(
            err.starts_with(&place) && err.contains(said) && err.contains('^'),
            "{name}: {err}"
        );
    }
    for (name, content, said) in
        [("long", long, "longer than 1 MB"), ("bytes", vec![0xff, 0xfe], "UTF-8")]
    {
        let output = check(&[&good, &file(name, content)]).output().unwrap();
        let err = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{name}: {err}");
        assert!(err.contains(said), "{name}: {err}");
    }
}

#[test]
fn what_is_no_file_of_cases_is_a_wrong_argument() {
    let empty = Path::new(env!("CARGO_TARGET_TMPDIR")).join("no-cases");
    std::fs::create_dir_all(&empty).unwrap();
    for (path, said) in [
        (Path::new("/no/such/file.toml"), "No such file"),
        (&empty, "no file here ends with .toml"),
        (Path::new("/dev/zero"), "not a regular file"),
    ] {
        let (code, out, err) = run(path);
        assert_eq!((code, out.as_str()), (Some(2), ""), "{err}");
        assert!(err.contains(said), "{err}");
    }
}

#[test]
fn options_of_the_server_mean_nothing_to_it() {
    let output = crate::harness::program().args(["--paused", "check"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    for args in [["check", "--timeout", "soon"], ["check", "--timeout", "0"], ["check", "--x", ""]]
    {
        let output = crate::harness::program().args(args).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{args:?}");
    }
}
