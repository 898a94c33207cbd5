//! A lesson through the real app: keys, reports made by hand, whole screens as text.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::app::{LessonApp, Wish};
use super::course::Phase;
use super::screen::paint;
use crate::event::{
    Call, CtlOp, Delivery, EdgeLog, Errno, Fd, FileKind, Kind, LaneId, Mask, Nanos, Output, Reason,
    Ret, SyscallRecord,
};
use crate::lesson::case::{Action, Case, Entry, Outcome, Seen};
use crate::lesson::run::{Between, Happening, Mismatch, Observed, Report};
use crate::model::teller::Teller;
use crate::tui::scenes::keys;
use crate::tui::tests::text;
use crate::tui::theme::{ASCII, Depth, Glyphs, Theme, ThemeName, UNICODE};

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
}

impl Kernel {
    fn new() -> Self {
        let mut teller = Teller::new();
        teller.epoll(3, "e").epoll(4, "f").pipe("p", 5);
        Self { teller, unread: 0, listed: false, step: 0, forgetful: false }
    }

    fn report(&mut self, kinds: Vec<Kind>, seen: Observed) -> Report {
        self.teller.unread(5, self.unread);
        let list = [(5, Reason::Arrived(Some(1)))];
        self.teller.ready(3, if self.listed { &list } else { &[] });
        let told = self.teller.tell();
        let happening = |kind| Happening { t: Nanos(0), lane: LaneId(1), kind };
        let report = Report {
            step: self.step,
            t: Nanos(0),
            events: kinds.into_iter().chain([told]).map(happening).collect(),
            untold: 0,
            model: seen.clone(),
            seen,
            mismatches: Vec::new(),
            counters: [].into(),
            numbers: [].into(),
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

    fn returned(&mut self, call: Call, ret: Ret) -> Report {
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
                let call = Call::EpollCtl { ep, op: CtlOp::Add, fd, mask: EDGE, file };
                self.returned(call, Ret::ok(0))
            }
            Action::Write { .. } => {
                (self.unread, self.listed) = (self.unread + 1, true);
                self.returned(Call::Write { fd: Fd(6), len: 1 }, Ret::ok(1))
            }
            Action::Wait(_) => self.wait(),
            _ => {
                self.unread = 0;
                let call = Call::Read { fd: Fd(5), len: 65_536 };
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
        let entry = Entry { label: "p.r".into(), mask: Mask::IN };
        let entries = if reports { vec![entry] } else { Vec::new() };
        let seen = Observed { events: Some(Seen::Events(entries)), ..Observed::default() };
        let call = Call::EpollWait { ep: Fd(3), max: 64, timeout_ms: 0 };
        let ret = Ret::ok(i64::from(reports));
        let output = Output::Events { events: events.into(), log: EdgeLog::Drained };
        let record = SyscallRecord { call, ret, output, started: Nanos(0) };
        self.report(vec![Kind::Return(record)], seen)
    }
}

/// A lesson with its kernel.
struct Class {
    app: LessonApp,
    kernel: Kernel,
    /// What came out that the kernel does not do.
    wishes: Vec<Wish>,
}

impl Class {
    fn begin(size: (u16, u16)) -> Self {
        let mut class = Self {
            app: LessonApp::new(case(), "Linux 6.18.0".to_owned(), size),
            kernel: Kernel::new(),
            wishes: Vec::new(),
        };
        let report = class.kernel.start();
        class.app.report(report);
        class
    }

    fn press(&mut self, text: &str) -> &mut Self {
        for key in keys(text) {
            let wish = self.app.key(key);
            self.grant(wish);
        }
        self
    }

    fn grant(&mut self, wish: Option<Wish>) {
        match wish {
            Some(Wish::Step) => match self.app.course.step().map(|step| step.action.clone()) {
                Some(action) => {
                    let report = self.kernel.make(&action);
                    self.app.report(report);
                }
                None => self.app.over(),
            },
            Some(Wish::Act(step)) => {
                let report = self.kernel.make(&step.action);
                self.app.report(report);
            }
            Some(wish) => self.wishes.push(wish),
            None => {}
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
    for size in [(80, 24), (120, 40), (240, 70)] {
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
