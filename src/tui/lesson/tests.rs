//! A lesson through the real app: keys, reports made by hand, whole screens as text.

mod comforts;
mod film;
mod menu;
mod retold;
mod styles;
mod watched;
mod wishes;

use proptest::prelude::*;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::app::{LessonApp, LessonCommand};
use super::screen::paint;
use crate::event::{
    CtlOp, Delivery, Errno, Fd, FileKind, Kind, LaneId, Mask, Nanos, Output, Reason, Ret, Syscall,
    SyscallRecord, WakeupLog,
};
use crate::lesson::case::{Action, Case, Entry, Outcome, Seen};
use crate::lesson::course::{Done, Phase};
use crate::lesson::run::{Between, LessonEvent, Mismatch, Observed, Report};
use crate::model::teller::Teller;
use crate::source::script::{PlayerEvent, Script};
use crate::tui::scenes::keys;
use crate::tui::tests::{any_key, text};
use crate::tui::theme::{ASCII, Depth, Glyphs, Theme, ThemeName, UNICODE};
use crate::tui::ui::UiRequest;

const EDGE: Mask = Mask(0x1 | 1 << 31);

fn case() -> Case {
    let text = include_str!("tests/edge.toml");
    crate::lesson::parse("edge.toml", text).unwrap_or_else(|errors| panic!("{errors}"))
}

/// A kernel made by hand: an edge-triggered pipe.
struct Kernel {
    teller: Teller,
    unread: u64,
    listed: bool,
    step: u32,
    /// It reports what was reported already, as no kernel does.
    forgetful: bool,
    /// It reports what nobody asked for, as no kernel does.
    odd: bool,
}

impl Kernel {
    fn new() -> Self {
        let mut teller = Teller::new();
        teller.epoll(3, "e").epoll(4, "f").pipe("p", 5);
        Self { teller, unread: 0, listed: false, step: 0, forgetful: false, odd: false }
    }

    fn report(&mut self, kinds: Vec<Kind>, seen: Observed) -> Report {
        self.teller.unread(5, self.unread);
        let list = [(5, Reason::Arrived(Some(1)))];
        self.teller.ready(3, if self.listed { &list } else { &[] });
        let told = self.teller.tell();
        let happening = |kind| LessonEvent { t: Nanos(0), lane: LaneId(1), kind };
        let report = Report {
            step: self.step,
            t: Nanos(0),
            events: kinds.into_iter().chain(told).map(happening).collect(),
            untold: 0,
            late: Nanos(0),
            model: seen.clone(),
            seen,
            mismatches: Vec::new(),
            counters: [].into(),
            numbers: [].into(),
            duplicates: [].into(),
        };
        self.step += 1;
        report
    }

    fn start(&mut self) -> Report {
        let open = |fd: i32, name: &str, what| Kind::Open {
            fd: Fd(fd),
            file: Teller::key(fd).file,
            what,
            name: name.into(),
        };
        let kinds = vec![
            open(3, "e", FileKind::Epoll),
            open(4, "f", FileKind::Epoll),
            open(5, "p.r", FileKind::Pipe),
            open(6, "p.w", FileKind::PipeWriter),
        ];
        self.report(kinds, Observed::default())
    }

    fn returned(&mut self, call: Syscall, ret: Ret) -> Report {
        let outcome = match ret.errno() {
            Some(errno) => Outcome::Errno(errno),
            None => Outcome::Value(ret.raw()),
        };
        let seen = Observed { ret: Some(outcome), ..Observed::default() };
        let output = Output::None;
        let record = SyscallRecord { call, ret, output, started: Nanos(0) };
        self.report(vec![Kind::Return(record)], seen)
    }

    fn make(&mut self, action: &Action) -> Report {
        match action {
            Action::Add { .. } => {
                self.teller.watch(3, 5, EDGE);
                let file = Teller::key(5).file;
                let (ep, fd) = (Fd(3), Fd(5));
                let call = Syscall::EpollCtl { ep, op: CtlOp::Add, fd, mask: EDGE, file };
                self.returned(call, Ret::ok(0))
            }
            Action::Write { .. } => {
                (self.unread, self.listed) = (self.unread + 1, true);
                self.returned(Syscall::Write { fd: Fd(6), len: 1 }, Ret::ok(1))
            }
            Action::Wait(_) => self.wait(),
            _ => {
                self.unread = 0;
                let call = Syscall::Read { fd: Fd(5), len: 65_536 };
                self.returned(call, Ret::err(Errno::EAGAIN))
            }
        }
    }

    fn wait(&mut self) -> Report {
        let reports = self.listed || self.forgetful;
        self.listed = false;
        let key = Teller::key(5);
        let delivery = Delivery { file: key.file, fd: key.fd, mask: Mask::IN };
        let events = if reports { vec![delivery] } else { Vec::new() };
        let mask = if self.odd { Mask::OUT } else { Mask::IN };
        let entry = Entry { label: "p.r".into(), mask };
        let entries = if reports { vec![entry] } else { Vec::new() };
        let seen = Observed { events: Some(Seen::Events(entries)), ..Observed::default() };
        let call = Syscall::EpollWait { ep: Fd(3), max: 64, timeout_ms: 0 };
        let ret = Ret::ok(i64::from(reports));
        let output =
            Output::Events { events: events.into(), log: WakeupLog::Drained, done: Nanos(0) };
        let record = SyscallRecord { call, ret, output, started: Nanos(0) };
        self.report(vec![Kind::Return(record)], seen)
    }
}

/// A lesson whose steps are made by hand.
fn lesson(case: Case, size: (u16, u16)) -> LessonApp {
    LessonApp::new(Script::new(case, "Linux 6.18.0".to_owned(), None), size)
}

fn made(report: Report) -> PlayerEvent {
    PlayerEvent::Report(Box::new(report))
}

/// A lesson with its kernel.
struct Class {
    app: LessonApp,
    kernel: Kernel,
    /// What came out that the kernel does not do.
    wishes: Vec<LessonCommand>,
}

impl Class {
    fn begin(size: (u16, u16)) -> Self {
        let mut class =
            Self { app: lesson(case(), size), kernel: Kernel::new(), wishes: Vec::new() };
        let report = class.kernel.start();
        class.app.tell(made(report));
        class
    }

    fn press(&mut self, text: &str) -> &mut Self {
        for key in keys(text) {
            let wish = self.app.key(key);
            self.grant(wish);
        }
        self
    }

    fn grant(&mut self, wish: Option<LessonCommand>) {
        match wish {
            Some(LessonCommand::Step) => {
                match self.app.course().step().map(|step| step.action.clone()) {
                    Some(action) => {
                        let report = self.kernel.make(&action);
                        self.app.tell(made(report));
                    }
                    None => self.app.tell(PlayerEvent::Over),
                }
            }
            Some(LessonCommand::Act(step)) => {
                let report = self.kernel.make(&step.action);
                self.app.tell(made(report));
            }
            Some(LessonCommand::Redo(done)) => self.redo(done),
            Some(wish) => self.wishes.push(wish),
            None => {}
        }
    }

    /// The same in a fresh process.
    fn redo(&mut self, done: Vec<Done>) {
        (self.app, self.kernel) = (lesson(case(), self.app.app.ui.size), Kernel::new());
        self.app.redo(done);
        let report = self.kernel.start();
        self.app.tell(made(report));
        while let Some(action) = self.app.course().action().cloned() {
            let report = self.kernel.make(&action);
            self.app.tell(made(report));
        }
    }

    fn shown(&self, glyphs: &'static Glyphs) -> String {
        let theme = Theme::new(ThemeName::Mono, Depth::Sixteen, glyphs);
        let (width, height) = self.app.app.ui.size;
        let mut buf = Buffer::empty(Rect::new(0, 0, width, height));
        paint(&self.app, &theme, &mut buf);
        text(&buf)
    }

    #[track_caller]
    fn shows(&self, words: &[&str]) -> &Self {
        let screen = self.shown(&UNICODE);
        for word in words {
            assert!(screen.contains(word), "{word:?} is not in\n{screen}");
        }
        self
    }

    /// Whether the narration says so, wherever its lines break.
    #[track_caller]
    fn tells(&self, words: &[&str]) -> &Self {
        let story = self.app.teller(80, &UNICODE).story(self.app.viewed, 0);
        let lines: Vec<_> = story.iter().map(|(line, _)| line.trim()).collect();
        let story = lines.join(" ");
        for word in words {
            assert!(story.contains(word), "{word:?} is not in\n{story}");
        }
        self
    }

    #[track_caller]
    fn hides(&self, words: &[&str]) -> &Self {
        let screen = self.shown(&UNICODE);
        for word in words {
            assert!(!screen.contains(word), "{word:?} is in\n{screen}");
        }
        self
    }
}

#[track_caller]
fn snapshot(name: &str, keys: &str) {
    for size in [(60, 16), (80, 24), (120, 40), (240, 70)] {
        let mut class = Class::begin(size);
        class.press(keys);
        let name = format!("{name}_{}x{}", size.0, size.1);
        insta::assert_snapshot!(name, class.shown(&UNICODE));
    }
}

/// Through the first question, with the right answer.
const FIRST: &str = "<Enter><Enter><Enter>1";
/// Through all of it: right, wrong, right.
const ALL: &str = "<Enter><Enter><Enter>1<Enter>1<Enter>eagain<Enter><Enter>";

#[test]
fn screens_of_a_lesson() {
    snapshot("begins", "");
    snapshot("first_question", "<Enter><Enter><Enter>");
    snapshot("answered", FIRST);
    snapshot("wrong", "<Enter><Enter><Enter>1<Enter>1");
    snapshot("end", ALL);
}

#[test]
fn screens_of_the_other_parts() {
    for (name, keys) in [
        ("timeline", format!("{FIRST}t")),
        ("calls", format!("{FIRST}c")),
        ("steps", format!("{FIRST}s")),
        ("past", format!("{FIRST}[[")),
        ("try", format!("{FIRST}vwrite p.")),
        ("tried", format!("{FIRST}vwrite p.w 1<Enter>")),
        ("typed_answer", "<Enter><Enter><Enter>1<Enter>2<Enter>soon<Enter>".to_owned()),
        ("help", "?".to_owned()),
    ] {
        let mut class = Class::begin((80, 24));
        class.press(&keys);
        insta::assert_snapshot!(format!("part_{name}"), class.shown(&UNICODE));
    }
}

#[test]
fn a_lesson_in_ascii() {
    let mut class = Class::begin((120, 40));
    class.press(ALL);
    let screen = class.shown(&ASCII);
    assert!(screen.is_ascii(), "{screen}");
}

#[test]
fn the_score_counts_what_was_predicted() {
    let mut class = Class::begin((120, 40));
    class.press(ALL);
    let score = class.app.course().score();
    assert_eq!((score.asked, score.answered, score.right), (3, 3, 2));
    class.shows(&["You predicted 2 of 3.", "2 of 3 right", "END"]);
    let mut class = Class::begin((120, 40));
    class.press("<Enter><Enter><Enter>x<Enter>x<Enter><Esc>x<Enter>");
    let score = class.app.course().score();
    assert_eq!((score.asked, score.answered, score.right), (3, 0, 0));
    class.shows(&["You predicted 0 of 3."]);
    // Whoever reads it elsewhere has predicted nothing.
    let told = class.app.told(&UNICODE);
    assert!(told.starts_with("The end. 0 of 3 were predicted."), "{told}");
}

#[test]
fn the_panes_do_not_answer_an_open_question() {
    let mut class = Class::begin((120, 40));
    class.press("<Enter><Enter>").shows(&["head▌1 p.r IN arrived", "reports IN and takes it off"]);
    class.press("<Enter>").shows(&["head▌1 p.r arrived in step 2", "is on the ready list"]);
    class.shows(&["What comes next is yours to predict."]).hides(&["reports IN"]);
    class.press("[").shows(&["PAST", "yours to predict"]).hides(&["reports IN"]);
    class.press("[").shows(&["PAST"]).hides(&["yours to predict"]);
    class.press("gy");
    let Some(UiRequest::Copy(text)) = &class.app.app.ui.request else {
        panic!("nothing is copied")
    };
    assert!(text.ends_with("What comes next is yours to predict."), "{text}");
    class.press("1").shows(&["empty: epoll_wait would sleep"]);
    class.press("<Enter>").hides(&["would sleep"]).shows(&["empty"]);
}

#[test]
fn an_answer_that_there_is_not_is_refused() {
    let mut class = Class::begin((80, 24));
    class.press("<Enter>").shows(&["v try"]);
    class.press("<Enter><Enter>").shows(&["1 or 2 answer"]).hides(&["v try"]);
    class.press("3").shows(&["! there are 2 answers", "QUESTION"]);
    class.press("<Enter>").shows(&["press 1 to 2, or x to go on without an answer", "QUESTION"]);
    class.press("v").shows(&["a question is open: answer it first"]);
    class.press("2").shows(&["Not so: you said 2, nothing: nobody was waiting", "The kernel: 1"]);
}

#[test]
fn a_typed_answer_says_what_is_expected() {
    let mut class = Class::begin((80, 24));
    class.press("<Enter><Enter><Enter>1<Enter>2<Enter>");
    class.shows(&["your answer>", "Type a number, or the name of an error"]);
    class.press("soon<Enter>").shows(&["type a number, or the name of an error such as EAGAIN"]);
    // Looking around, and back to the line.
    class.press("<Esc>").shows(&["Enter answer"]).hides(&["4 answer", "v try"]);
    class.press("1").shows(&["your answer> 1"]);
    class.press("<Esc>[").shows(&["PAST"]);
    class.press("]").hides(&["PAST"]);
    class.press("<Enter>").shows(&["your answer>"]);
    class.press("EAGAIN<Enter>").shows(&["Right: EAGAIN"]);
}

#[test]
fn the_kernel_wins_when_it_does_something_else() {
    let mut class = Class::begin((120, 40));
    class.kernel.forgetful = true;
    class.press("<Enter><Enter><Enter>1<Enter>2");
    class.shows(&["Not so: you said 2", "The kernel: 1, one event: p.r IN"]);
    class.tells(&["This lesson's answer does not hold on this kernel (Linux 6.18.0): it returned"]);
    class.tells(&["it returned p.r IN; the kernel wins."]);
    // What the author explains did not happen.
    class.hides(&["epoll stays silent"]);
}

#[test]
fn a_question_without_a_fitting_answer_does_not_count() {
    let mut class = Class::begin((120, 40));
    class.kernel.odd = true;
    class.press("<Enter><Enter><Enter>1");
    class.tells(&["You said 1, one event: p.r IN. Not judged: none of these answers is what it"]);
    class.hides(&["Not so", "✓ The", "Reported once, and not put back", "right"]);
    let score = class.app.course().score();
    assert_eq!((score.asked, score.answered, score.right), (0, 0, 0));
}

#[test]
fn after_actions_of_ones_own_the_lesson_is_not_accused() {
    let mut class = Class::begin((120, 40));
    class.press("<Enter><Enter><Enter>1vwrite p.w 1<Enter>");
    class.shows(&["Your own: write p.w 1", "write(6<p.w>, 1) = 1", "data arrived after step 3"]);
    class.press("<Enter>2").tells(&["After actions of your own the lesson's answer need not hold"]);
    class.hides(&["does not hold on this kernel"]);
}

#[test]
fn after_actions_of_ones_own_no_reason_of_the_author_is_repeated() {
    let mut class = Class::begin((120, 40));
    class.press("<Enter><Enter>vwrite p.w 1<Enter><Enter>");
    class.tells(&["What will epoll_wait return now?", "numbers in it may be others"]);
    class.press("1").tells(&["Right: 1, one event (p.r IN)", "may have had another reason"]);
    class.hides(&["Reported once, and not put back", "one event: p.r IN"]);
    // The same without them: the author's words.
    let mut class = Class::begin((120, 40));
    class.press("<Enter><Enter><Enter>").hides(&["may be others"]);
    class.press("1").tells(&["Right: 1, one event: p.r IN", "Reported once, and not put back"]);
    class.hides(&["another reason"]);
}

#[test]
fn the_end_shows_what_was_said_beside_what_was_right() {
    let mut class = Class::begin((120, 40));
    class.press("<Enter><Enter><Enter>2<Enter>2<Enter><Esc>x<Enter>");
    class.tells(&[
        "The end. You predicted 1 of 3.",
        "× step 3: you said 2, nothing: nobody was waiting when the byte came",
        "✓ The kernel: 1, one event: p.r IN",
        "✓ step 4: nothing: it was reported already",
        "· step 5: not answered; EAGAIN",
    ]);
}

#[test]
fn what_the_author_expected_in_vain_is_told() {
    let mut class = Class::begin((120, 40));
    let mut report = class.kernel.make(&case().steps[0].action);
    report.mismatches.push(Mismatch {
        between: Between::FileAndKernel,
        what: "the result".to_owned(),
        expected: Some("0".to_owned()),
        kernel: Some("EPERM".to_owned()),
        model: None,
    });
    report.mismatches.push(Mismatch {
        between: Between::ModelAndKernel,
        what: "the ready list of e".to_owned(),
        expected: None,
        kernel: Some("[p.r]".to_owned()),
        model: Some("[]".to_owned()),
    });
    let _ = class.app.key(keys("<Enter>")[0]);
    class.app.tell(made(report));
    class.tells(&["This lesson does not hold on this kernel (Linux 6.18.0): the result:"]);
    class.tells(&["The model was wrong. the ready list of e: the kernel: [p.r], the model: []"]);
}

#[test]
fn back_and_forward_through_the_steps() {
    let mut class = Class::begin((120, 40));
    class.press(FIRST).press("[[");
    class.shows(&["PAST", "Step 1", "the past: Enter returns", "nothing is unread"]);
    class.press("[[[").shows(&["this is the beginning"]);
    for key in ["v", "p", "x", "1", "4"] {
        class.press(key).shows(&["PAST", "! this is the past: Enter leads back to now"]);
    }
    class.press("]]").shows(&["Step 2", "The callback of the pipe linked the item"]);
    class.press("]").hides(&["PAST"]).shows(&["Reported once, and not put back."]);
    class.press("]").shows(&["this is now"]);
    // Before an open question the last step itself is the past.
    class.press("<Enter>[").shows(&["PAST", "Reported once"]);
    class.press("<Enter>").shows(&["Nobody has read the byte.", "QUESTION"]);
    assert!(class.wishes.is_empty(), "{:?}", class.wishes);
}

#[test]
fn the_panes_turn_to_the_other_instance_and_back() {
    let mut class = Class::begin((120, 40));
    class.press(FIRST).shows(&["─ e ─ 1 ─ kernel", "epoll e, 1 of 2"]);
    class.press("<Tab>").shows(&["─ f ─ 0 ─ kernel", "epoll f, 2 of 2", "the panes show f"]);
    class.press("[").shows(&["─ f ─ 0 ─ kernel", "PAST"]);
    class.press("<Tab>").shows(&["─ e ─ 1 ─ kernel", "PAST"]);
    class.press("g").shows(&["─ e ─ 1 ─ kernel"]);
    class.press("<S-Tab>").shows(&["─ f ─ 0 ─ kernel"]);
    // The next step speaks to e, and the panes follow.
    class.press("<Enter>").shows(&["─ e ─ 1 ─ kernel", "QUESTION"]);
    class.press("<Tab>2").shows(&["─ e ─ 1 ─ kernel"]);
}

#[test]
fn a_step_points_where_to_look() {
    let mut class = Class::begin((80, 24));
    class.press("<Enter>").shows(&["▶Interest list", "▌  5 pipe     p.r"]);
    class.press("<Enter>").shows(&["▶Ready list"]).hides(&["▶Interest list"]);
    class.press("[").shows(&["▶Interest list"]).hides(&["▶Ready list"]);
    class.press("g").shows(&["▶Ready list"]);
}

#[test]
fn a_click_selects_and_the_wheel_scrolls() {
    let mut class = Class::begin((80, 24));
    class.press("<Enter>");
    class.app.app.ui.watch = None;
    let screen = class.shown(&UNICODE);
    let row = screen.lines().position(|line| line.contains("  5 pipe     p.r")).expect("a row");
    class.app.click((3, u16::try_from(row).expect("a row")));
    assert_eq!(class.app.app.ui.watch, Some(Teller::key(5)));
    class.app.click((3, 0));
    class.app.click((200, 200));
    class.shows(&["▌  5 pipe     p.r"]);
}

#[test]
fn why_is_a_key_away_on_the_smallest_screen() {
    let mut class = Class::begin((80, 24));
    class.press("<Enter><Enter>").hides(&["Why ─"]).shows(&["w why"]);
    class.press("w").shows(&["Why ─ p.r", "reports IN and takes it off", "Interest list"]);
    class.press("w").hides(&["Why ─"]).shows(&["Ready list"]);
}

#[test]
fn the_help_of_a_lesson_is_not_cut() {
    let mut class = Class::begin((80, 24));
    class.press("?");
    let mut lines = std::collections::BTreeSet::new();
    for _ in 0..160 {
        let screen = class.shown(&UNICODE);
        lines.extend(screen.lines().filter(|l| l.starts_with('│')).map(str::to_owned));
        class.press("j");
    }
    let cut: Vec<_> = lines.iter().filter(|line| !line.ends_with(" │")).collect();
    assert!(cut.is_empty(), "{cut:#?}");
    let has = |words: &str| lines.iter().any(|line| line.contains(words));
    for words in ["Backspace Ctrl-H ", "1 2 3 4 ", "Enter . space g Esc ", "j Down "] {
        assert!(has(words), "{words:?} is not in {lines:#?}");
    }
    assert!(
        has("predicted rightly") && has("so many results, wake-ups and lists were what it said")
    );
}

#[test]
fn a_small_screen_says_so_in_full() {
    let mut class = Class::begin((80, 24));
    class.app.app.ui.size = (20, 5);
    class.shows(&["needs 60x16, has", "20x5", "the lesson waits; q", "leaves"]);
}

#[test]
fn calls_are_scrolled_by_rows() {
    let mut class = Class::begin((80, 24));
    class.press(&format!("{FIRST}c")).shows(&["epoll_wait(3<e>, max 64, 0) = 1   [p.r IN]"]);
    class.press("k").hides(&["= 1   [p.r IN]", "PAST"]).shows(&["write(6<p.w>, 1) = 1"]);
    class.press("<Home>").hides(&["= 1   [p.r IN]"]).shows(&["epoll_ctl(3<e>, ADD"]);
    class.press("j<End>").shows(&["= 1   [p.r IN]"]);
}

#[test]
fn the_way_of_an_event_fits_the_smallest_screen() {
    // From the first place to the last one.
    let mut class = Class::begin((60, 16));
    class.press("<Enter>5").shows(&["The way of one event", "1 file and", "7 the server calls"]);
}

#[test]
fn a_long_text_can_be_scrolled() {
    let mut long = case();
    long.steps[0].say = Some("word ".repeat(390) + "last");
    let mut class = Class::begin((80, 24));
    class.app = lesson(long, (80, 24));
    let report = class.kernel.start();
    class.app.tell(made(report));
    class.press("<Enter>").shows(&["below: PgDn", "Ready list"]).hides(&["last"]);
    class.press("<PgDn><PgDn><PgDn><PgDn><PgDn>").shows(&["last"]);
    class.press("<PgUp><PgUp><PgUp><PgUp><PgUp>").hides(&["last"]);
}

proptest! {
    #[test]
    fn no_keys_and_no_size_of_a_lesson_panic(
        typed in proptest::collection::vec(any_key(), 0..60),
        size in (0_u16..260, 0_u16..80),
    ) {
        let mut class = Class::begin(size);
        for press in typed {
            let wish = class.app.key(press);
            class.grant(wish);
        }
        class.shown(&UNICODE);
    }
}
