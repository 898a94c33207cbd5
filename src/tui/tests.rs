//! Key strings through the real app, and whole screens as text.

mod own_code;
pub(crate) mod styles;

mod asked;
mod exports;
mod lists;
mod mouse;
mod pages;
mod panes;
mod path;
mod play;
mod replay;
mod room;
mod steps;
mod watch;

use proptest::prelude::*;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::Widget;

use super::action::Direction;
use super::app::App;
use super::key::{Key, KeyPress, ch, ctrl, plain};
use super::lesson::app::LessonApp;
use super::lesson::screen as lesson_screen;
use super::pane::{Interest, Ready, RenderContext, TimelinePane, Waiting};
use super::run::paint;
use super::scenes::Stage;
use super::theme::{ASCII, Depth, Glyphs, PLAIN, Role, Theme, ThemeName, UNICODE};
use super::ui::{Hold, Pane, UiRequest};
use crate::event::{
    Backend, Command, Delivery, Fd, FileId, Kind, LaneId, Mask, Nanos, Output, Pass, Queues,
    ReadPolicy, Ret, Scope, Seq, Settings, Syscall, SyscallRecord, View, WakeupLog,
};
use crate::session::Scene;

/// The text of a buffer, without blanks at the ends of its lines.
pub(crate) fn text(buf: &Buffer) -> String {
    let mut lines = Vec::new();
    for y in 0..buf.area.height {
        let line: String = (0..buf.area.width).map(|x| buf[(x, y)].symbol()).collect();
        lines.push(line.trim_end().to_owned());
    }
    lines.join("\n")
}

fn shown(app: &App, stage: &Stage, glyphs: &'static Glyphs) -> String {
    drawn(app, stage.scene(), glyphs)
}

/// A scene as text, on a screen of that app's size.
pub(crate) fn painted(app: &App, scene: Scene<'_>) -> String {
    drawn(app, scene, &UNICODE)
}

/// A lesson as text.
pub(crate) fn painted_lesson(app: &LessonApp) -> String {
    let (width, height) = app.app.ui.size;
    let mut buf = Buffer::empty(Rect::new(0, 0, width, height));
    lesson_screen::paint(app, &PLAIN, &mut buf);
    text(&buf)
}

fn drawn(app: &App, scene: Scene<'_>, glyphs: &'static Glyphs) -> String {
    let theme = Theme::new(ThemeName::Mono, Depth::Sixteen, glyphs);
    let (width, height) = app.ui.size;
    let mut buf = Buffer::empty(Rect::new(0, 0, width, height));
    paint(app, scene, &theme, &mut buf);
    text(&buf)
}

#[track_caller]
fn snapshot(name: &str, stage: &Stage, keys: &str) {
    for size in [(60, 16), (80, 24), (120, 40), (240, 70)] {
        let mut app = stage.app(size);
        stage.press(&mut app, keys);
        let name = format!("{name}_{}x{}", size.0, size.1);
        insta::assert_snapshot!(name, shown(&app, stage, &UNICODE));
    }
}

#[test]
fn screen_at_the_start() {
    snapshot("start", &Stage::start(), "");
}

#[test]
fn screen_of_three_clients_held() {
    snapshot("three_clients", &Stage::three_clients(), "");
}

#[test]
fn screen_in_the_past() {
    snapshot("past", &Stage::three_clients(), "[[[");
}

#[test]
fn screen_with_a_finding() {
    snapshot("finding", &Stage::stranded(), "");
}

#[test]
fn screen_of_poll() {
    snapshot("poll", &Stage::scanning(Backend::Poll), "");
}

#[test]
fn screen_of_select() {
    snapshot("select", &Stage::scanning(Backend::Select), "");
}

#[test]
fn screen_of_io_uring() {
    snapshot("io_uring", &Stage::ring(), "");
}

#[test]
fn other_views() {
    let stage = Stage::three_clients();
    for (name, keys) in [
        ("timeline", "2"),
        ("calls_past", "3kk"),
        ("findings_none", "4"),
        ("help", "?"),
        ("palette", ":trigger all "),
        ("palette_error", ":read twice<Enter>"),
        ("send", "ihello"),
        ("still", "f"),
    ] {
        let mut app = stage.app((120, 40));
        stage.press(&mut app, keys);
        insta::assert_snapshot!(format!("view_{name}"), shown(&app, &stage, &UNICODE));
    }
    let stage = Stage::stranded();
    let mut app = stage.app((120, 40));
    stage.press(&mut app, "4");
    insta::assert_snapshot!("view_findings", shown(&app, &stage, &UNICODE));
}

#[test]
fn screen_in_ascii() {
    let stage = Stage::three_clients();
    let app = stage.app((120, 40));
    let screen = shown(&app, &stage, &ASCII);
    assert!(screen.is_ascii(), "{screen}");
    insta::assert_snapshot!("ascii", screen);
}

#[test]
fn small_screens_say_what_is_needed() {
    let stage = Stage::start();
    let mut app = stage.app((40, 5));
    insta::assert_snapshot!("too_small", shown(&app, &stage, &UNICODE));
    for size in [(1, 1), (0, 0), (2, 1), (1, 200), (200, 1), (59, 24), (80, 15)] {
        app.ui.size = size;
        shown(&app, &stage, &UNICODE);
    }
}

#[track_caller]
fn sends(stage: &Stage, keys: &str, commands: &[&str]) -> App {
    let mut app = stage.app((120, 40));
    let sent = stage.press(&mut app, keys);
    let sent: Vec<_> = sent.iter().map(ToString::to_string).collect();
    assert_eq!(sent, commands, "{keys}: {:?}", app.ui.message);
    app
}

#[test]
fn keys_make_commands_for_the_selected_descriptor() {
    let stage = Stage::three_clients();
    sends(&stage, "t", &["trigger fd=7"]);
    sends(&stage, "jt", &["trigger fd=8"]);
    sends(&stage, "oxwm", &["oneshot fd=7", "exclusive fd=7", "watch fd=7", "rearm fd=7"]);
    sends(&stage, "KX", &["close fd=7", "reset fd=7"]);
    sends(&stage, "Tdc", &["trigger all edge", "read once 16", "client"]);
    sends(&stage, "=-nN", &["delay 10", "threads 2"]);
    sends(&stage, " .>", &["run", "step T1", "turn T1"]);
    sends(&stage, "ihi there<Enter>", &["send fd=7 hi there"]);
    sends(&stage, ":mistake ig<Tab>on<Enter>", &["mistake ignore-eof on"]);
}

#[test]
fn what_cannot_mean_anything_is_said_and_not_sent() {
    let stage = Stage::start();
    for (keys, says) in [
        (".", "the server runs: press space to hold it, then step"),
        ("K", "fd 4 is not a client: j and k select one, c connects one"),
        ("i", "no client is selected: press c to connect one, j and k select"),
        ("-", "the delay is 0 ms; type :delay for any other"),
        ("N", "threads: 1 to 8"),
    ] {
        let app = sends(&stage, keys, &[]);
        assert_eq!(app.ui.message.map(|m| m.text).as_deref(), Some(says), "{keys}");
    }
}

#[test]
fn keys_that_act_first_return_to_now_and_say_so() {
    let stage = Stage::three_clients();
    let app = sends(&stage, "[[t", &["trigger fd=7"]);
    assert!(app.ui.past.is_none());
    let message = app.ui.message.map(|m| m.text);
    assert_eq!(message.as_deref(), Some("back to now, then: trigger fd=7"));
}

#[test]
fn time_goes_back_and_forward_by_one_event() {
    let stage = Stage::three_clients();
    let mut app = stage.app((120, 40));
    let last = stage.last();
    stage.press(&mut app, "[[[");
    assert_eq!(app.ui.past.as_ref().map(|p| p.seq), Some(Seq(last.0 - 3)));
    stage.press(&mut app, "]");
    let past = app.ui.past.as_ref().expect("still in the past");
    assert_eq!(past.world, stage.scene().journal.at(past.seq));
    stage.press(&mut app, "]]]");
    assert!(app.ui.past.is_none());
    stage.press(&mut app, ":at 3.6<Enter>");
    assert!(app.ui.past.as_ref().is_some_and(|p| p.world.t <= Nanos(3_600_000_000)));
    stage.press(&mut app, "g");
    assert!(app.ui.past.is_none());
}

#[test]
fn moving_in_the_calls_stops_following_until_the_end() {
    let mut stage = Stage::three_clients();
    let mut app = stage.app((120, 40));
    stage.press(&mut app, "3kk");
    let seq = app.ui.past.as_ref().map(|p| p.seq);
    assert!(seq.is_some());
    stage.goes_on();
    app.observe(&stage.scene());
    assert_eq!(app.ui.past.as_ref().map(|p| p.seq), seq);
    stage.press(&mut app, "<End>");
    assert!(app.ui.past.is_none());
    stage.press(&mut app, "<Home>");
    assert_eq!(app.ui.past.as_ref().map(|p| p.seq), Some(Seq(3)));
}

#[test]
fn still_keeps_the_view_while_the_server_goes_on() {
    let mut stage = Stage::three_clients();
    let mut app = stage.app((120, 40));
    stage.press(&mut app, "f");
    let before = stage.last();
    stage.goes_on();
    assert_eq!(app.view(stage.scene()).world.seq, before);
    assert!(app.ui.past.as_ref().is_some_and(|p| p.hold == Hold::Still));
    stage.press(&mut app, "f");
    assert_eq!(app.view(stage.scene()).world.seq, stage.last());
}

#[test]
fn the_timeline_is_walked_along_the_selected_track() {
    let stage = Stage::three_clients();
    let mut app = stage.app((120, 40));
    stage.press(&mut app, "h");
    let event = app.ui.past.as_ref().and_then(|p| stage.scene().journal.get(p.seq));
    assert!(matches!(event.map(|e| e.kind), Some(Kind::Wakeup(w)) if w.fd == Fd(7)));
    stage.press(&mut app, "hl");
    assert!(app.ui.past.is_some());
}

#[test]
fn a_filter_leaves_only_what_it_names() {
    let stage = Stage::three_clients();
    let mut app = stage.app((120, 40));
    stage.press(&mut app, "/fd=8<Enter>");
    let screen = shown(&app, &stage, &UNICODE);
    assert!(screen.contains("only fd=8") && !screen.contains("listener"), "{screen}");
    stage.press(&mut app, "<Esc>");
    assert!(app.ui.filter.is_all());
}

#[test]
fn views_tabs_and_requests() {
    let stage = Stage::three_clients();
    let mut app = stage.app((120, 40));
    stage.press(&mut app, "<Tab><Tab>");
    assert_eq!(app.ui.focus, Pane::Waiting);
    stage.press(&mut app, "j<S-Tab>");
    assert_eq!((app.ui.focus, app.ui.lane), (Pane::Ready, LaneId(1)));
    stage.press(&mut app, "2zzZ");
    assert_eq!((app.ui.view, app.ui.zoom), (View::Timeline, Nanos(1_000_000_000)));
    stage.press(&mut app, "1q");
    assert_eq!(app.ui.request.take(), Some(UiRequest::Quit));
    stage.press(&mut app, "y");
    assert!(matches!(app.ui.request.take(), Some(UiRequest::Copy(text)) if text.contains("fd 7")));
    stage.press(&mut app, ":<C-c>");
    assert_eq!(app.ui.request.take(), Some(UiRequest::Quit));
}

#[test]
fn a_paste_goes_to_the_line_and_nowhere_else() {
    let stage = Stage::three_clients();
    let mut app = stage.app((120, 40));
    app.paste("q");
    assert!(app.ui.request.is_none());
    stage.press(&mut app, "i");
    app.paste("a\u{1b}[31mb\n");
    let sent = stage.press(&mut app, "<Enter>");
    assert_eq!(sent, [Command::Send(Some(Fd(7).into()), "a[31mb".to_owned())]);
}

#[test]
fn a_click_selects() {
    let stage = Stage::three_clients();
    let mut app = stage.app((120, 40));
    assert_eq!(app.click((5, 6), &stage.scene()), None);
    let sent = stage.press(&mut app, "t");
    assert_eq!(sent, [Command::Trigger(Scope::One(Fd(8).into()), None)]);
}

#[test]
fn an_event_that_left_the_history_is_said_to_have_gone() {
    let mut stage = Stage::start();
    stage.keep(1);
    let mut app = stage.app((120, 40));
    stage.press(&mut app, ":at 0.001<Enter>");
    for _ in 0..9000 {
        stage.tool(Kind::Note("a line".into()));
    }
    app.observe(&stage.scene());
    let screen = shown(&app, &stage, &ASCII);
    assert!(screen.contains("this event has been dropped from the history"), "{screen}");
    assert!(screen.contains("g returns"), "{screen}");
    stage.press(&mut app, "[");
    shown(&app, &stage, &ASCII);
    stage.press(&mut app, "g");
    assert!(app.ui.past.is_none());
}

#[test]
fn a_divergence_can_be_visited_from_the_findings() {
    let mut stage = Stage::start();
    stage.client(Fd(7));
    stage.diverges(Fd(7));
    let at = stage.last();
    stage.goes_on();
    let mut app = stage.app((120, 40));
    stage.press(&mut app, "4");
    let screen = shown(&app, &stage, &ASCII);
    assert!(screen.contains("epoll_wait passed it over"), "{screen}");
    assert!(screen.contains("1 as the model said, 1 divergence"), "{screen}");
    stage.press(&mut app, "j");
    assert_eq!(app.ui.past.as_ref().map(|past| past.seq), Some(at));
    let screen = shown(&app, &stage, &ASCII);
    assert!(screen.contains("divergence          fd 7"), "{screen}");
    stage.press(&mut app, "g");
    assert!(app.ui.past.is_none());
}

#[test]
fn a_thread_that_died_is_told_and_space_starts_it_again() {
    let mut stage = Stage::start();
    stage.dies();
    let mut app = stage.app((120, 40));
    let screen = shown(&app, &stage, &ASCII);
    assert!(screen.contains("T1 died: space starts it again"), "{screen}");
    assert!(screen.contains("died: panic: index out of bounds"), "{screen}");
    assert_eq!(stage.press(&mut app, " "), [Command::Run]);
    let screen = shown(&app, &stage, &ASCII);
    assert!(screen.contains("space restart"), "{screen}");
}

#[test]
fn the_help_is_not_cut_on_the_smallest_screen() {
    let stage = Stage::start();
    let mut app = stage.app((60, 16));
    stage.press(&mut app, "?");
    let mut lines = std::collections::BTreeSet::new();
    for _ in 0..300 {
        let screen = shown(&app, &stage, &UNICODE);
        lines.extend(screen.lines().filter(|l| l.starts_with('│')).map(str::to_owned));
        stage.press(&mut app, "j");
    }
    let cut: Vec<_> = lines.iter().filter(|line| !line.ends_with(" │")).collect();
    assert!(cut.is_empty(), "{cut:#?}");
}

#[test]
fn a_read_policy_comes_back_with_its_bytes() {
    let mut stage = Stage::start();
    let once = ReadPolicy::Once(4);
    stage.tool(Kind::Settings(Settings { read: once, ..Settings::default() }));
    let mut app = stage.app((120, 40));
    assert_eq!(stage.press(&mut app, "d"), [Command::Read(ReadPolicy::Drain)]);
    stage.tool(Kind::Settings(Settings::default()));
    assert_eq!(stage.press(&mut app, "d"), [Command::Read(once)]);
}

pub(crate) fn any_key() -> impl Strategy<Value = KeyPress> {
    let named = [
        Key::Enter,
        Key::Esc,
        Key::Tab,
        Key::BackTab,
        Key::Backspace,
        Key::Delete,
        Key::Up,
        Key::Down,
        Key::Left,
        Key::Right,
        Key::PageUp,
        Key::PageDown,
        Key::Home,
        Key::End,
    ];
    prop_oneof![
        4 => proptest::char::range(' ', '~').prop_map(ch),
        2 => proptest::sample::select(named.to_vec()).prop_map(plain),
        1 => proptest::sample::select(&['c', 'z', 'u', 'a', 'e', 'h'][..]).prop_map(ctrl),
        1 => any::<char>().prop_map(ch),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn no_keys_and_no_size_panic(
        keys in prop::collection::vec(any_key(), 0..60),
        sizes in prop::collection::vec((0_u16..250, 0_u16..80), 1..4),
        which in 0..3,
    ) {
        let stage = match which {
            0 => Stage::start(),
            1 => Stage::three_clients(),
            _ => Stage::stranded(),
        };
        let mut app = stage.app((120, 40));
        for (n, key) in keys.into_iter().enumerate() {
            app.ui.size = sizes[n % sizes.len()];
            app.key(key, &stage.scene());
            let at = (u16::try_from(n * 7 % 200).unwrap_or(0), u16::try_from(n * 3 % 60).unwrap_or(0));
            app.click(at, &stage.scene());
            app.wheel(if n % 2 == 0 { Direction::On } else { Direction::Back }, at, &stage.scene());
            shown(&app, &stage, if n % 2 == 0 { &UNICODE } else { &ASCII });
        }
    }
}
