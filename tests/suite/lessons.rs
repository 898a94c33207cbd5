//! Every lesson of the program on the real kernel: through the real screen with right, with wrong
//! and without answers, and without a screen.

use std::io::{Read as _, Write};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use epollscope::event::{Errno, Mask, Nanos};
use epollscope::lesson::case::{Action as Do, Answer, Case, Given, Outcome};
use epollscope::lesson::catalog;
use epollscope::lesson::child::{PlayError, Player};
use epollscope::lesson::course::{Moment, Phase, What};
use epollscope::lesson::quiz::{self, Reply};
use epollscope::lesson::run::Report;
use epollscope::source::script::{PlayerEvent, Script};
use epollscope::tui::action::{EditAction, KeyAction, LessonAction};
use epollscope::tui::lesson::app::{LessonApp, LessonCommand};
use epollscope::tui::lesson::screen::paint;
use epollscope::tui::theme::{Depth, Theme, ThemeName, UNICODE};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use serde_json::Value;

use crate::harness::{end_of, program, write};

/// How a learner answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Learner {
    /// As the author says.
    Right,
    /// Otherwise.
    Wrong,
    /// Not at all.
    Silent,
}

const SIZES: [(u16, u16); 2] = [(80, 24), (120, 40)];
const DEADLINE: Duration = Duration::from_secs(60);
/// How often a lesson is begun for which the machine was too busy.
const TIMES: usize = 5;

/// A lesson gone through to its end.
struct Walk {
    app: LessonApp,
    /// The screens at the first question and at the end.
    screens: Vec<(&'static str, (u16, u16), String)>,
    /// The machine was too busy for it.
    late: bool,
}

/// A lesson whose steps this test has made.
fn lesson(case: Case) -> LessonApp {
    LessonApp::new(Script::new(case, "Linux".to_owned(), None), SIZES[0])
}

fn made(report: Report) -> PlayerEvent {
    PlayerEvent::Report(Box::new(report))
}

fn shown(app: &mut LessonApp, (width, height): (u16, u16)) -> String {
    app.app.ui.size = (width, height);
    let mut buf = Buffer::empty(Rect::new(0, 0, width, height));
    paint(app, &Theme::new(ThemeName::Mono, Depth::Sixteen, &UNICODE), &mut buf);
    let line = |y: u16| (0..width).map(|x| buf[(x, y)].symbol()).collect::<String>();
    let lines: Vec<_> = (0..height).map(|y| line(y).trim_end().to_owned()).collect();
    masked(&lines.join("\n"))
}

/// What differs from run to run: ports, process numbers, nanoseconds, and how often was compared.
fn masked(screen: &str) -> String {
    let lines: Vec<_> = screen.lines().map(masked_line).collect();
    lines.join("\n")
}

fn masked_line(line: &str) -> String {
    let (mut masked, mut rest, mut any) = (String::new(), line, false);
    while let Some(at) = rest.find(|c: char| c.is_ascii_digit()) {
        let (before, number) = rest.split_at(at);
        let end = number.find(|c: char| !c.is_ascii_digit() && c != ',').unwrap_or(number.len());
        masked.push_str(before);
        let varies = ["127.0.0.1:", "✓ ", "thread ", "tgkill(", "task "]
            .iter()
            .any(|word| masked.ends_with(word))
            || number[end..].starts_with(" ns");
        any |= varies;
        masked.push_str(if varies { "N" } else { &number[..end] });
        rest = &number[end..];
    }
    masked.push_str(rest);
    // How long such a number is changes what is behind it.
    if any { masked.split_whitespace().collect::<Vec<_>>().join(" ") } else { masked }
}

/// What the learner says to the open question.
fn reply(app: &LessonApp, learner: Learner) -> Option<Reply> {
    let ask = app.course().question()?;
    let other = |given: Given| match given {
        Given::Outcome(Outcome::Value(n)) => Given::Outcome(Outcome::Value(n + 1)),
        // ENXIO, with which no call of a lesson fails.
        Given::Outcome(_) => Given::Outcome(Outcome::Errno(Errno(6))),
        Given::Mask(mask) => Given::Mask(if mask.is_empty() { Mask::PRI } else { Mask::EMPTY }),
    };
    match (learner, &ask.answer) {
        (Learner::Silent, _) => None,
        (_, Answer::Choice(choices)) => {
            let right = learner == Learner::Right;
            choices.iter().position(|choice| choice.right == right).map(Reply::Choice)
        }
        (Learner::Right, Answer::Free { right, .. }) => Some(Reply::Typed(*right)),
        (Learner::Wrong, Answer::Free { right, .. }) => Some(Reply::Typed(other(*right))),
    }
}

/// Gives an answer with the keys that a person has.
fn answer(app: &mut LessonApp, reply: Option<Reply>) -> Option<LessonCommand> {
    match reply {
        None => {
            app.update(KeyAction::Edit(EditAction::Cancel));
            app.update(KeyAction::Lesson(LessonAction::Skip))
        }
        Some(Reply::Choice(at)) => app.update(KeyAction::Lesson(LessonAction::Answer(at))),
        Some(Reply::Typed(given)) => {
            app.paste(&quiz::spelled(given));
            app.update(KeyAction::Edit(EditAction::Submit))
        }
    }
}

/// Goes through a lesson; `None` if this system does not grant what it needs.
fn walk(case: &Case, learner: Learner) -> Option<Walk> {
    let binary = Path::new(env!("CARGO_BIN_EXE_epollscope"));
    let (mut player, report) = match Player::start_as(binary, case, DEADLINE) {
        Ok(begun) => begun,
        Err(PlayError::Skipped(why)) => {
            println!("{} is left out: {why}", case.id);
            return None;
        }
        Err(error) => panic!("{}: {error}", case.id),
    };
    let mut app = lesson(case.clone());
    app.tell(made(report));
    let mut walk = Walk { app, screens: Vec::new(), late: false };
    while walk.app.course().phase != Phase::Finished {
        let mut wish = walk.app.update(KeyAction::Lesson(LessonAction::Next));
        if walk.app.course().phase == Phase::Asking {
            if walk.screens.is_empty() {
                walk.look("question");
            }
            let reply = reply(&walk.app, learner);
            wish = answer(&mut walk.app, reply);
        }
        let (phase, said) = (&walk.app.course().phase, &walk.app.app.ui.message);
        assert_ne!(*phase, Phase::Asking, "{}: {learner:?} could not answer: {said:?}", case.id);
        if wish == Some(LessonCommand::Step) {
            match player.step() {
                Ok(Some(report)) => {
                    walk.late |= report.late > Nanos(0);
                    walk.app.tell(made(report));
                }
                Ok(None) => walk.app.tell(PlayerEvent::Over),
                Err(error) => panic!("{}: {error}", case.id),
            }
        }
    }
    walk.look("end");
    Some(walk)
}

impl Walk {
    fn look(&mut self, what: &'static str) {
        for size in SIZES {
            let screen = shown(&mut self.app, size);
            self.screens.push((what, size, screen));
        }
    }
}

/// Goes through a lesson on a machine that has time for it.
#[track_caller]
fn through(case: &Case, learner: Learner) -> Option<Walk> {
    for round in 1..=TIMES {
        let walk = walk(case, learner)?;
        // What is measured beside other work can come out otherwise.
        let odd = |moment: &Moment| moment.verdict.is_some_and(|verdict| !verdict.mark_holds());
        let odd = is_measured(case) && walk.app.course().moments.iter().any(odd);
        if !walk.late && (!odd || round == TIMES) {
            return Some(walk);
        }
    }
    panic!("{}: this machine is too busy", case.id);
}

/// Whether it asks how long calls take.
fn is_measured(case: &Case) -> bool {
    case.steps.iter().any(|step| matches!(step.action, Do::Measure { .. }))
}

/// Whether a step makes calls of several threads, which return in any order.
fn is_raced(case: &Case) -> bool {
    let repeats = |step: &epollscope::lesson::case::Step| matches!(step.action, Do::Repeat { .. });
    !case.threads().is_empty() && case.steps.iter().any(repeats)
}

/// A screen without the panes that show the order of calls.
fn without_order(screen: &str) -> String {
    let ordered = |title: &str| title.contains("Timeline ─") || title.contains("Calls ─");
    let mut kept = Vec::new();
    let mut skips = false;
    for line in screen.lines() {
        if line.starts_with("├─") || line.starts_with('└') {
            skips = ordered(line);
        }
        kept.extend((!skips || ordered(line)).then_some(line));
    }
    kept.join("\n")
}

/// Every lesson of the program.
fn lessons() -> Vec<Case> {
    let all = catalog::lessons().into_iter().map(catalog::File::parse);
    all.map(|case| case.unwrap_or_else(|errors| panic!("{errors}"))).collect()
}

#[track_caller]
fn check(case: &Case) {
    let asked = case.steps.iter().filter(|step| step.ask.is_some()).count() as u64;
    for learner in [Learner::Right, Learner::Wrong, Learner::Silent] {
        let Some(walk) = through(case, learner) else { return };
        let score = walk.app.course().score();
        let (answered, right) = match learner {
            Learner::Right => (asked, asked),
            Learner::Wrong => (asked, 0),
            Learner::Silent => (0, 0),
        };
        let score = (score.asked, score.answered, score.right);
        assert_eq!(score, (asked, answered, right), "{}: {learner:?}", case.id);
        for moment in &walk.app.course().moments {
            let report = &moment.report;
            assert!(report.mismatches.is_empty(), "{}: {:?}", case.id, report.mismatches);
        }
    }
}

/// A screen without the number of this process, and without the blanks that its width takes away.
fn without_pid(screen: &str) -> String {
    let line = |line: &str| {
        let Some((before, after)) = line.split_once("F_SETOWN, ") else { return line.to_owned() };
        let after = after.trim_start_matches(|c: char| c.is_ascii_digit());
        let (call, beside) = after.split_once("  ").unwrap_or((after, ""));
        format!("{before}F_SETOWN, PID{call} {}", beside.trim_start())
    };
    screen.lines().map(line).collect::<Vec<_>>().join("\n")
}

/// The screens of a lesson whose learner is right, at the first question and at the end.
#[track_caller]
fn snapshots(case: &Case) {
    let Some(walk) = through(case, Learner::Right) else { return };
    for (what, (width, height), screen) in walk.screens {
        let name = format!("{}_{what}_{width}x{height}", case.id);
        let screen = if is_raced(case) { without_order(&screen) } else { screen };
        insta::assert_snapshot!(name, without_pid(&screen));
    }
}

/// The lesson of the screen's own tests, which is always there.
fn edge() -> Case {
    let text = include_str!("../../src/tui/lesson/tests/edge.toml");
    epollscope::lesson::parse("edge.toml", text).unwrap_or_else(|errors| panic!("{errors}"))
}

#[test]
fn every_lesson_is_right_about_this_kernel_and_scores_its_learners() {
    check(&edge());
    lessons().iter().for_each(check);
}

#[test]
fn every_lesson_has_its_screens() {
    snapshots(&edge());
    lessons().iter().for_each(snapshots);
}

#[test]
fn every_case_can_be_shown_as_a_lesson() {
    for file in catalog::cases() {
        let case = file.parse().unwrap_or_else(|errors| panic!("{errors}"));
        let Some(walk) = walk(&case, Learner::Silent) else { continue };
        assert_eq!(walk.app.course().moments.len(), case.steps.len() + 1, "{}", case.id);
    }
}

#[test]
fn a_lesson_runs_without_a_screen() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/tui/lesson/tests/edge.toml");
    let mut child = program()
        .args(["lesson", path, "--json"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"1\n9\n").unwrap();
    let out = child.wait_with_output().unwrap();
    assert_eq!(out.status.code(), Some(0));
    let text = String::from_utf8(out.stdout).unwrap();
    let lines: Vec<Value> = text.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let of = |kind: &str| lines.iter().filter(|l| l["kind"] == kind).cloned().collect::<Vec<_>>();
    assert_eq!(of("lesson")[0]["steps"], 5);
    assert_eq!(of("question").len(), 3);
    assert_eq!(of("kernel").len(), 5);
    assert_eq!(of("kernel")[2]["result"], "p.r IN");
    assert_eq!(of("answer")[1]["error"], "an answer from 1 to 2");
    let verdicts: Vec<_> = of("verdict").iter().map(|l| l["right"].clone()).collect();
    assert_eq!(verdicts, [Value::Bool(true), Value::Null, Value::Null]);
    assert!(of("verdict").iter().all(|line| line["mark_holds"] == true));
    let score = &of("score")[0];
    assert_eq!(
        (&score["asked"], &score["answered"], &score["right"]),
        (&3.into(), &1.into(), &1.into())
    );
}

#[test]
fn the_counters_that_a_lesson_shows_are_told_without_a_screen() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/lessons/template.toml");
    let out = program().args(["lesson", path, "--json"]).stdin(Stdio::null()).output().unwrap();
    let text = String::from_utf8(out.stdout).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
    let tallies: Vec<Value> = lines.filter(|l: &Value| !l["counters"].is_null()).collect();
    assert_eq!(tallies.len(), 1, "{text}");
    assert_eq!(tallies[0]["counters"], serde_json::json!({ "waits": 3, "empty": 3 }));
}

#[test]
fn what_is_no_lesson_is_said_in_a_line() {
    for (args, words) in [
        (&["lesson", "no-such-thing"][..], "there is no lesson `no-such-thing`"),
        (&["lesson", "et-bsaic"], "did you mean `et-basic`?"),
        (&["lesson", "/no/such/file.toml"], "cannot read the lesson /no/such/file.toml"),
        (&["lesson", "--print"], "required"),
        (&["--trigger", "edge", "lesson"], "the options of serve mean nothing"),
    ] {
        let out = program().args(args).output().unwrap();
        let text = String::from_utf8_lossy(&out.stderr).into_owned();
        assert_eq!(out.status.code(), Some(2), "{args:?}: {text}");
        assert!(text.contains(words) && text.lines().count() == 1, "{args:?}: {text}");
    }
}

/// A case of which the second step asks a thread that sleeps.
const REFUSES: &str = "format = 1\nid = \"x\"\ntitle = \"t\"\nabout = \"a\"\nlevel = \"core\"\n\
    [actors]\ne = { kind = \"epoll\" }\np = { kind = \"pipe\" }\n\
    [[steps]]\ndo = \"wait\"\nep = \"e\"\nthread = \"A\"\n\
    [[steps]]\ndo = \"read\"\nfd = \"p.r\"\nthread = \"A\"\n\
    [[steps]]\ndo = \"write\"\nfd = \"p.w\"\nn = 3\n";

#[test]
fn a_step_that_cannot_be_made_is_left_out_without_a_screen() {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("refuses.toml");
    write(&path, REFUSES);
    let out = program().arg("lesson").arg(&path).arg("--json").output().unwrap();
    let text = String::from_utf8(out.stdout).unwrap();
    let lines: Vec<Value> = text.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let told: Vec<_> = lines[1..4].iter().map(|l| (&l["kind"], &l["step"])).collect();
    let expected =
        [("kernel", 1), ("refused", 2), ("kernel", 3)].map(|(k, n)| (k.into(), n.into()));
    assert_eq!(told, expected.each_ref().map(|(kind, step)| (kind, step)), "{text}");
    assert_eq!(
        (&lines[2]["reason"], &lines[3]["result"]),
        (&"thread A sleeps".into(), &"3".into())
    );
    assert_eq!((lines.len(), out.status.code()), (5, Some(0)));
}

#[test]
fn a_step_that_cannot_be_made_is_left_out_on_the_screen() {
    let case = epollscope::lesson::parse("x", REFUSES).unwrap();
    let binary = Path::new(env!("CARGO_BIN_EXE_epollscope"));
    let (mut player, report) = Player::start_as(binary, &case, DEADLINE).unwrap();
    let mut app = lesson(case);
    app.tell(made(report));
    for step in 1..=3 {
        assert_eq!(app.update(KeyAction::Lesson(LessonAction::Next)), Some(LessonCommand::Step));
        match player.step() {
            Ok(report) => app.tell(made(report.expect("a step"))),
            Err(error) => {
                app.tell(PlayerEvent::Refused(error.to_string()));
                let said = app.app.ui.message.take().expect("something is said").text;
                let words = "step 2 cannot be made here and is left out: thread A sleeps";
                assert_eq!((step, said.as_str()), (2, words));
            }
        }
    }
    let made: Vec<_> = app.course().moments.iter().map(|m| (m.what.clone(), m.result())).collect();
    assert_eq!(made.last(), Some(&(What::Step(2), "3".to_owned())), "{made:?}");
    assert_eq!((made.len(), app.update(KeyAction::Lesson(LessonAction::Next))), (3, None));
    assert_eq!(app.course().phase, Phase::Finished);
}

/// Nobody writes into it: opening it would wait for ever.
#[test]
fn a_named_pipe_is_no_lesson() {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("pipe.toml");
    let _ = std::fs::remove_file(&path);
    nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let mut child =
        program().arg("lesson").arg(&path).arg("--json").stderr(Stdio::piped()).spawn().unwrap();
    let status = end_of(&mut child);
    let mut text = String::new();
    child.stderr.take().unwrap().read_to_string(&mut text).unwrap();
    assert_eq!(status.code(), Some(2), "{text}");
    assert!(text.contains("not a regular file"), "{text}");
}

#[test]
fn lessons_are_listed_and_printed() {
    let out =
        |args: &[&str]| String::from_utf8(program().args(args).output().unwrap().stdout).unwrap();
    let list = out(&["lesson", "--list"]);
    for case in lessons() {
        assert!(list.contains(&case.id) && list.contains(&case.title), "{}: {list}", case.id);
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/tui/lesson/tests/edge.toml");
    let text = out(&["lesson", "--print", path]);
    assert!(text.contains("Told once per arrival") && text.contains("IN|ET"), "{text}");
}
