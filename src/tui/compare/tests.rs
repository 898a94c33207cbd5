//! Whole screens from fixed numbers, and keys through the real app.

use crate::event::Backend;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::app::{CompareApp, CompareCommand};
use super::screen::{paint, printed, under};
use crate::compare::mirror::{MirrorBoard, MirrorUpdate};
use crate::compare::{
    CallCounts, ComparePhase, ComparePlan, CompareUpdate, CurvePoint, LoopSample, ReadyPlace,
};
use crate::tui::action::Direction;
use crate::tui::key::{Key, ch, plain};
use crate::tui::tests::text;
use crate::tui::theme::{ASCII, Depth, Glyphs, PLAIN, Theme, ThemeName, UNICODE};
use crate::tui::ui::UiRequest;

const REQUESTS: u64 = 10_000;

fn app(clients: u32, active: u32, size: (u16, u16)) -> CompareApp {
    let loops = Backend::ALL.to_vec();
    let plan = ComparePlan { loops, clients, active, size: 64, rounds: 4, curve: true };
    let mut app = CompareApp::new(plan, "Linux 6.18".to_owned(), 2, 20_000);
    app.ui.size = size;
    app
}

/// What a loop does for ten thousand requests: nanoseconds of CPU and counts a hundred requests.
fn sample(cpu_ns: u64, counts: CallCounts, sleeps: u64) -> LoopSample {
    let hundred = |n: u64| n * REQUESTS / 100;
    let counts = CallCounts {
        waits: hundred(counts.waits),
        reads: hundred(counts.reads),
        sends: hundred(counts.sends),
        events: hundred(counts.events),
        copied_in: hundred(counts.copied_in),
        copied_out: hundred(counts.copied_out),
        asked: hundred(counts.asked),
        hooked: hundred(counts.hooked),
        sqes: hundred(counts.sqes),
        cqes: hundred(counts.cqes),
        ..CallCounts::default()
    };
    LoopSample {
        requests: REQUESTS,
        wall_ns: REQUESTS * cpu_ns,
        cpu_ns: REQUESTS * cpu_ns,
        sleeps,
        counts,
    }
}

/// The numbers of a run with 1,000 clients of which ten are active.
fn measured(app: &mut CompareApp) {
    let both = CallCounts { reads: 100, sends: 100, events: 100, ..CallCounts::default() };
    let epoll = CallCounts { waits: 19, copied_out: 1200, ..both };
    let scan = CallCounts { waits: 10, asked: 10_040, hooked: 40, ..both };
    let poll = CallCounts { copied_in: 80_320, copied_out: 20_080, ..scan };
    let select = CallCounts { copied_in: 1300, copied_out: 1300, ..scan };
    let goroutine = CallCounts { waits: 18, reads: 200, copied_out: 1200, ..both };
    let threads = CallCounts { reads: 100, sends: 100, ..CallCounts::default() };
    for (row, kib) in [(0, 0.0), (1, 0.0), (2, 0.0), (4, 9.0), (5, 29.6), (6, 0.0)] {
        app.take(CompareUpdate::Memory { row, kib_per_client: kib });
    }
    let reason = "forbidden here: kernel.io_uring_disabled is 2".to_owned();
    app.take(CompareUpdate::Refused { row: 3, reason });
    for round in 0..4 {
        let again = [3455, 3490, 3500, 3525][round];
        app.take(CompareUpdate::Phase(ComparePhase::Round(
            u32::try_from(round).expect("four") + 1,
        )));
        app.take(CompareUpdate::Round(vec![
            (0, sample(3490, epoll, 10)),
            (1, sample(11_980 + 40 * round as u64, poll, 10)),
            (2, sample(12_010, select, 10)),
            (4, sample(3500, goroutine, 40)),
            (5, sample(5620, threads, 9960)),
            (6, sample(again, epoll, 10)),
        ]));
    }
    for watched in [10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 9900] {
        let rising = 0.24 * f64::from(watched).powf(1.27) * 60.0 + 600.0;
        let mut point = |word: &str, ready: ReadyPlace, ns: f64| {
            let name = Backend::parse(word).expect("a loop");
            app.take(CompareUpdate::Point(CurvePoint { name, watched, ready, ns }));
        };
        point("epoll", ReadyPlace::Middle, 225.0);
        point("epoll", ReadyPlace::All, 76.0 * f64::from(watched));
        for word in ["poll", "select"] {
            point(word, ReadyPlace::First, rising * 0.6);
            point(word, ReadyPlace::Middle, rising);
            point(word, ReadyPlace::Last, rising * 1.4);
            point(word, ReadyPlace::All, 49.0 * f64::from(watched));
        }
    }
    app.take(CompareUpdate::Phase(ComparePhase::Done));
}

fn drawn(app: &CompareApp, glyphs: &'static Glyphs) -> String {
    let theme = Theme::new(ThemeName::Mono, Depth::Sixteen, glyphs);
    let (width, height) = app.ui.size;
    let mut buf = Buffer::empty(Rect::new(0, 0, width, height));
    paint(app, &theme, &mut buf);
    text(&buf)
}

#[test]
fn screens_of_a_comparison() {
    for size in [(60, 16), (80, 24), (120, 40), (240, 70)] {
        let mut app = app(1000, 10, size);
        measured(&mut app);
        app.key(plain(Key::Tab));
        insta::assert_snapshot!(format!("measured_{}x{}", size.0, size.1), drawn(&app, &UNICODE));
    }
}

#[test]
fn other_screens() {
    let mut begun = app(100, 100, (80, 24));
    begun.take(CompareUpdate::Phase(ComparePhase::Starting(Backend::ALL[1])));
    insta::assert_snapshot!("begun", drawn(&begun, &UNICODE));
    let mut all = app(1000, 1000, (80, 24));
    measured(&mut all);
    all.key(plain(Key::BackTab));
    insta::assert_snapshot!("all_active_noise", drawn(&all, &UNICODE));
    all.key(ch('?'));
    insta::assert_snapshot!("help", drawn(&all, &UNICODE));
    let mut ascii = app(1000, 10, (120, 40));
    measured(&mut ascii);
    let screen = drawn(&ascii, &ASCII);
    assert!(screen.is_ascii(), "{screen}");
    insta::assert_snapshot!("ascii", screen);
    for size in [(60, 16), (1, 1), (0, 0), (200, 1), (79, 24)] {
        ascii.ui.size = size;
        drawn(&ascii, &UNICODE);
    }
}

#[test]
fn the_mirror_has_a_column_of_calls_for_each_loop() {
    let mut app = app(100, 100, (120, 40));
    app.mirrored = true;
    let mut board = MirrorBoard::new(Backend::ALL.to_vec());
    let client = "127.0.0.1:51234".parse().expect("an address");
    for update in [
        MirrorUpdate::Listening("127.0.0.1:8000".parse().expect("an address")),
        MirrorUpdate::Refused(3, "forbidden here".to_owned()),
        MirrorUpdate::Connected(client),
        MirrorUpdate::Typed(b"hello\r\n".to_vec()),
        MirrorUpdate::Call(0, "epoll_wait = 1".to_owned()),
        MirrorUpdate::Call(0, "read = 7".to_owned()),
        MirrorUpdate::Call(0, "sendto = 7".to_owned()),
        MirrorUpdate::Call(5, "read = 7".to_owned()),
        MirrorUpdate::Call(5, "sendto = 7".to_owned()),
        MirrorUpdate::Answer(0, b"hello\r\n".to_vec()),
        MirrorUpdate::Answer(1, b"hello\r\n".to_vec()),
        MirrorUpdate::Answer(5, b"HELLO".to_vec()),
    ] {
        board.take(update);
    }
    app.mirror = Some(board);
    insta::assert_snapshot!("mirror", drawn(&app, &UNICODE));
}

#[test]
fn keys_change_what_is_measured() {
    let mut app = app(100, 100, (80, 24));
    let plan = app.board.plan.clone();
    let few = ComparePlan { active: 10, ..plan.clone() };
    assert_eq!(app.key(ch('a')), Some(CompareCommand::Measure(few)));
    assert_eq!(app.key(ch('a')), Some(CompareCommand::Measure(plan.clone())));
    let more = ComparePlan { clients: 1000, active: 1000, ..plan.clone() };
    assert_eq!(app.key(ch('+')), Some(CompareCommand::Measure(more)));
    // Seven rows of 10,000 clients are more than there are descriptors for.
    assert_eq!((app.key(ch('+')), app.ui.message.is_some()), (None, true));
    assert_eq!(app.key(ch('-')), Some(CompareCommand::Measure(plan)));
    assert_eq!(app.key(ch('m')), Some(CompareCommand::Mirror));
    assert_eq!((app.key(ch('q')), app.ui.request.take()), (None, Some(UiRequest::Quit)));
}

#[test]
fn a_click_selects_a_loop_and_presses_keys() {
    let mut app = app(1000, 10, (120, 40));
    measured(&mut app);
    let spot = |app: &CompareApp, words: &str| {
        let screen = drawn(app, &ASCII);
        let row = screen.lines().position(|line| line.contains(words)).expect("it is there");
        let line = screen.lines().nth(row).expect("it is there");
        let column = line[..line.find(words).expect("it is there")].chars().count();
        let at = (u16::try_from(column).expect("a column"), u16::try_from(row).expect("a row"));
        under(app, at).expect("something stands there")
    };
    app.click(spot(&app, "goroutine"));
    assert_eq!(app.selected, 4);
    app.wheel(Direction::On);
    assert_eq!(app.selected, 5);
    let few = app.click(spot(&app, "a all/few active"));
    assert!(matches!(few, Some(CompareCommand::Measure(plan)) if plan.active == plan.clients));
    app.click(spot(&app, "? help"));
    assert_eq!(app.ui.help, Some(0));
    assert_eq!((under(&app, (200, 200)), under(&app, (0, 0))), (None, None));
}

#[test]
fn a_machine_that_is_busy_is_told_of() {
    let mut app = app(100, 100, (120, 40));
    for again in [100, 128, 90, 131] {
        let counts = CallCounts::default;
        let rounds = [(0, 100), (1, 120), (6, again)];
        let rounds = rounds.map(|(row, cpu)| (row, sample(cpu, counts(), 0)));
        app.take(CompareUpdate::Round(rounds.into()));
    }
    assert!(app.board.is_noisy());
    let screen = drawn(&app, &ASCII);
    assert!(screen.contains("noise 29 %: a busy machine"), "{screen}");
    app.selected = 6;
    assert!(app.why().contains("That is much: something else uses this machine"), "{}", app.why());
}

#[test]
fn the_curve_is_measured_once_unless_asked_for_again() {
    let mut app = app(1000, 10, (80, 24));
    measured(&mut app);
    let points = app.board.points.len();
    let Some(CompareCommand::Measure(plan)) = app.key(ch('a')) else {
        panic!("nothing is measured")
    };
    assert!(!plan.curve && app.board.points.len() == points && app.board.rounds == 0);
    let Some(CompareCommand::Measure(plan)) = app.key(ch('r')) else {
        panic!("nothing is measured")
    };
    assert!(plan.curve && app.board.points.is_empty());
}

#[test]
fn the_sentence_remembers_another_workload() {
    let mut app = app(1000, 10, (80, 24));
    measured(&mut app);
    app.key(plain(Key::Tab));
    let alone = app.why();
    assert!(alone.contains("asked 101 files for each one that it found"), "{alone}");
    assert!(alone.ends_with("With 10 of 1,000 active it costs 3.4 times epoll's CPU."), "{alone}");
    app.key(ch('a'));
    measured(&mut app);
    let both = app.why();
    assert!(both.ends_with("With 10 of 1,000 it cost 3.45 of epoll's."), "{both}");
    app.selected = 3;
    assert!(app.why().starts_with("io_uring cannot be had here: forbidden here"), "{}", app.why());
}

#[test]
fn what_was_measured_is_printed_at_the_end() {
    let mut app = app(1000, 10, (80, 24));
    measured(&mut app);
    let text = printed(&app, &PLAIN, 100);
    assert_eq!(text.lines().count(), 8);
    assert!(text.is_ascii() && text.contains("refused: forbidden here"), "{text}");
}

#[test]
fn what_has_been_measured_is_exported_and_nothing_before() {
    let mut app = app(1000, 10, (120, 40));
    assert_eq!(app.key(ch('e')), None);
    assert!(app.ui.message.is_some());
    measured(&mut app);
    let Some(CompareCommand::Export(text)) = app.key(ch('e')) else { panic!("a file") };
    assert_eq!(text, crate::compare::lines::csv(&app.board));
}

#[test]
fn an_export_takes_the_first_name_that_is_free() {
    let folder = std::env::temp_dir().join(format!("epollscope-{}-export", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    for number in 1..=3 {
        let name = super::run::new_file(&folder, "a,b\n").expect("a file");
        assert_eq!(name, format!("epollscope-compare-{number}.csv"));
        assert_eq!(std::fs::read_to_string(folder.join(name)).expect("text"), "a,b\n");
    }
    assert!(super::run::new_file(&folder.join("missing"), "").is_err());
    std::fs::remove_dir_all(folder).expect("an end");
}
