//! Key strings through the real app, and whole screens as text.

pub(crate) mod styles;

use proptest::prelude::*;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::Widget;

use super::app::App;
use super::key::{Key, KeyPress, ch, ctrl, plain};
use super::keymap::readme_rows;
use super::pane::{Interest, Ready, RenderContext, TimelinePane, Waiting};
use super::run::paint;
use super::scenes::Stage;
use super::theme::{ASCII, Depth, Glyphs, PLAIN, Role, Theme, ThemeName, UNICODE};
use super::ui::{Hold, Pane, UiRequest};
use crate::event::{
    Command, Delivery, Fd, FileId, Kind, LaneId, Mask, Mistake, Nanos, Output, Pass, Queues,
    ReadPolicy, Ret, Scope, Seq, Settings, Syscall, SyscallRecord, View, WakeupLog,
};
use crate::model::FindingKind;

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
    let theme = Theme::new(ThemeName::Mono, Depth::Sixteen, glyphs);
    let (width, height) = app.ui.size;
    let mut buf = Buffer::empty(Rect::new(0, 0, width, height));
    paint(app, stage.scene(), &theme, &mut buf);
    text(&buf)
}

#[track_caller]
fn snapshot(name: &str, stage: &Stage, keys: &str) {
    for size in [(80, 24), (120, 40), (240, 70)] {
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
    for size in [(1, 1), (0, 0), (2, 1), (1, 200), (200, 1), (79, 24), (80, 23)] {
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
    app.click((5, 6), &stage.scene());
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
fn an_uncertain_place_is_marked_behind_the_reason() {
    let mut stage = Stage::start();
    stage.client(Fd(7));
    stage.client(Fd(8));
    stage.arrive_together([Fd(7), Fd(8)]);
    let app = stage.app((80, 24));
    draws(
        Ready(look(&stage, &app)),
        (39, 4),
        &[
            "head>fd 7 IN arrived, 3 B unread ?",
            "     fd 8 IN arrived, 3 B unread ?",
            "tail",
            "ovflist          unknown without eBPF",
        ],
    );
}

#[test]
fn the_help_is_not_cut_on_the_smallest_screen() {
    let stage = Stage::start();
    let mut app = stage.app((80, 24));
    stage.press(&mut app, "?");
    let mut lines = std::collections::BTreeSet::new();
    for _ in 0..120 {
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

#[test]
fn the_readme_has_the_keys_the_mistakes_and_the_findings() {
    let readme = include_str!("../../README.md");
    assert!(readme.contains(&readme_rows()), "its table of keys should be\n{}", readme_rows());
    for mistake in Mistake::ALL {
        assert!(readme.contains(&format!("| `{}` |", mistake.word())), "{}", mistake.word());
    }
    for finding in FindingKind::ALL {
        assert!(readme.contains(&format!("`{}`", finding.word())), "{}", finding.word());
    }
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
            app.click((7, 5), &stage.scene());
            shown(&app, &stage, if n % 2 == 0 { &UNICODE } else { &ASCII });
        }
    }
}

#[track_caller]
fn draws(pane: impl Widget, size: (u16, u16), lines: &[&str]) {
    let mut buf = Buffer::empty(Rect::new(0, 0, size.0, size.1));
    pane.render(buf.area, &mut buf);
    assert_eq!(text(&buf).lines().map(str::trim_end).collect::<Vec<_>>(), lines);
}

fn look<'a>(stage: &'a Stage, app: &'a App) -> RenderContext<'a> {
    RenderContext { scene: stage.scene(), ui: &app.ui, theme: &PLAIN }
}

#[test]
fn a_fired_one_shot_is_disarmed_and_a_closed_copy_a_ghost() {
    let mut stage = Stage::start();
    stage.client(Fd(7));
    stage.one_shot_fires(Fd(7));
    stage.client(Fd(8));
    stage.outlives_its_number(Fd(8), Fd(9));
    let app = stage.app((120, 40));
    draws(
        Interest(look(&stage, &app)),
        (72, 5),
        &[
            "  fd what     peer            watching    trig  unread unsent state",
            "   4 listener 127.0.0.1:8000  IN          level  0/128      - . idle",
            "   5 control  eventfd         IN          level      -      - . idle",
            ">  7 client   127.0.0.1:51241 none 1SHOT  level      3      0 ! disarmed",
            "   8 ghost    127.0.0.1:51242 IN RDHUP    level      0      0 ! ghost",
        ],
    );
}

#[test]
fn a_step_is_pending_until_its_call_returns_or_all_run_on() {
    let wait = Syscall::EpollWait { ep: Fd(3), max: 64, timeout_ms: -1 };
    let mut stage = Stage::start();
    let mut says = |lane: Option<Kind>, line: &str| {
        let lane = lane.into_iter().map(|kind| match kind {
            Kind::Settings(_) => (LaneId::TOOL, kind),
            _ => (LaneId(1), kind),
        });
        lane.for_each(|(lane, kind)| stage.push(lane, kind));
        let app = stage.app((120, 40));
        let mut buf = Buffer::empty(Rect::new(0, 0, 44, 2));
        Waiting(look(&stage, &app)).render(buf.area, &mut buf);
        assert_eq!(text(&buf).lines().next(), Some(format!(">T1 {line}").as_str()));
    };
    let paused = |paused| Some(Kind::Settings(Settings { paused, ..Settings::default() }));
    let step = |pass| Some(Kind::Unpark(pass));
    let read = Syscall::Read { fd: Fd(5), len: 8 };
    let ret = Ret::ok(8);
    let returned = SyscallRecord { call: read, ret, started: Nanos(0), output: Output::None };
    says(paused(true), "z asleep since 0.001");
    says(Some(Kind::Park { next: read }), "| held before read(5, 8)");
    says(step(Pass::Step), ". makes the call");
    says(Some(Kind::Return(returned.clone())), ". runs");
    says(Some(Kind::Park { next: read }), "| held before read(5, 8)");
    says(step(Pass::Turn), ". runs");
    says(Some(Kind::Return(returned)), ". runs");
    says(Some(Kind::Park { next: wait }), "| held before epoll_wait(3, max 64, -1)");
    says(step(Pass::Step), ". makes the call");
    says(Some(Kind::Enter(wait)), "z step pending, asleep since 0.001");
    says(paused(false), "z asleep since 0.001");
    // The thread took its step just before all were let go, and that is told after it.
    says(Some(Kind::Park { next: read }), "| held before read(5, 8)");
    says(step(Pass::Step), ". runs");
}

#[test]
fn the_time_of_a_sleeper_is_not_cut_in_a_narrow_pane() {
    let mut stage = Stage::start();
    let wait = Syscall::EpollWait { ep: Fd(3), max: 64, timeout_ms: -1 };
    stage.after_ms(1_000_000);
    stage.tool(Kind::Settings(Settings { paused: true, ..Settings::default() }));
    stage.push(LaneId(1), Kind::Unpark(Pass::Step));
    stage.push(LaneId(1), Kind::Enter(wait));
    let app = stage.app((80, 24));
    draws(Waiting(look(&stage, &app)), (37, 1), &[">T1 z step pending since 1000.001"]);
}

#[test]
fn a_list_that_is_not_known_is_not_drawn_as_empty() {
    let mut stage = Stage::three_clients();
    stage.push(LaneId(1), Kind::Gap { lost: 12 });
    let app = stage.app((120, 40));
    assert!(Ready::title(&look(&stage, &app)).contains(&"unknown".to_owned()));
    draws(
        Ready(look(&stage, &app)),
        (44, 3),
        &[
            "unknown: observations were lost; the next",
            "epoll_wait that sleeps, or returns fewer",
            "than its max, tells it",
        ],
    );
    let screen = shown(&app, &stage, &ASCII);
    assert!(screen.contains("lost 12 until 11.901"), "{screen}");
}

#[test]
fn what_was_lost_long_ago_is_no_bad_news_any_more() {
    let mut stage = Stage::start();
    let theme = Theme::new(ThemeName::Dark, Depth::Sixteen, &ASCII);
    let style = |stage: &Stage| {
        let app = stage.app((200, 40));
        let mut buf = Buffer::empty(Rect::new(0, 0, 200, 40));
        paint(&app, stage.scene(), &theme, &mut buf);
        let row: String = (0..200).map(|x| buf[(x, 0)].symbol()).collect();
        let at = row.find("lost 12 until 0.001").expect("what was lost, and when");
        buf[(u16::try_from(at).expect("a column"), 0)].fg
    };
    let bad = theme.style(Role::Bad).fg;
    stage.push(LaneId(1), Kind::Gap { lost: 12 });
    assert_eq!(Some(style(&stage)), bad);
    stage.after_ms(1_500);
    stage.tool(Kind::Idle);
    assert_eq!(Some(style(&stage)), bad, "the list is not known yet");
    stage.client(Fd(7));
    stage.finds_nothing();
    assert_ne!(Some(style(&stage)), bad);
}

#[test]
fn numbers_of_four_digits_are_not_cut() {
    let mut stage = Stage::start();
    stage.after_ms(1_000_000);
    stage.client(Fd(1014));
    let app = stage.app((120, 40));
    draws(
        Interest(look(&stage, &app)),
        (73, 4),
        &[
            "   fd what     peer            watching    trig  unread unsent state",
            "    4 listener 127.0.0.1:8000  IN          level  0/128      - . idle",
            "    5 control  eventfd         IN          level      -      - . idle",
            ">1014 client   127.0.0.1:52248 IN RDHUP    level      0      0 . idle",
        ],
    );
    let screen = shown(&app, &stage, &ASCII);
    assert!(screen.contains(">1014 level "), "{screen}");
    assert!(screen.contains(" 1000.001 T1 accept4(4) = 1014 "), "{screen}");
    // As many wait as there is no room for beside the limit.
    let queues = Queues { unread: Some(1000), unsent: Some(4096), ..Queues::default() };
    stage.tool(Kind::Arrive { fd: Fd(4), queues });
    let screen = shown(&app, &stage, &ASCII);
    assert!(screen.contains(" level   1000      - "), "{screen}");
}

#[test]
fn a_drained_entry_says_that_it_stays_until_the_next_wait() {
    let mut stage = Stage::start();
    stage.client(Fd(7));
    stage.drained_while_listed(Fd(7));
    let app = stage.app((240, 70));
    draws(
        Ready(look(&stage, &app)),
        (43, 6),
        &[
            "head>1 fd 7 drained: next wait drops it",
            "tail",
            "   o   fd 7 IN being handled by T1",
            "",
            "",
            "ovflist          unknown without eBPF",
        ],
    );
}

/// Two clients are reported together, level-triggered, and the server turns to the first.
fn two_reported() -> Stage {
    let mut stage = Stage::start();
    stage.client(Fd(7));
    stage.client(Fd(8));
    stage.arrive(Fd(7), 3);
    stage.arrive(Fd(8), 12);
    let delivery =
        |fd: i32| Delivery { file: FileId(fd.unsigned_abs()), fd: Fd(fd), mask: Mask::IN };
    let output = Output::Events {
        events: [7, 8].map(delivery).into(),
        log: WakeupLog::Drained,
        done: Nanos(0),
    };
    let call = Syscall::EpollWait { ep: Fd(3), max: 64, timeout_ms: -1 };
    let record = SyscallRecord { call, ret: Ret::ok(2), started: Nanos(0), output };
    stage.push(LaneId(1), Kind::Return(record));
    stage.push(LaneId(1), Kind::Handle { fd: Fd(7), file: FileId(7) });
    stage
}

#[test]
fn an_event_that_waits_in_a_batch_is_nowhere_said_to_be_handled() {
    let stage = two_reported();
    let app = stage.app((240, 70));
    draws(
        Interest(look(&stage, &app)),
        (72, 5),
        &[
            "  fd what     peer            watching    trig  unread unsent state",
            "   4 listener 127.0.0.1:8000  IN          level  0/128      - . idle",
            "   5 control  eventfd         IN          level      -      - . idle",
            ">  7 client   127.0.0.1:51241 IN RDHUP    level      3      0 o handled",
            "   8 client   127.0.0.1:51242 IN RDHUP    level     12      0 . in batch",
        ],
    );
}

#[test]
fn what_nobody_has_read_is_not_said_to_be_left() {
    let mut stage = two_reported();
    let says = |stage: &Stage, first: &str| {
        let app = stage.app((240, 70));
        let mut buf = Buffer::empty(Rect::new(0, 0, 70, 1));
        Ready(look(stage, &app)).render(buf.area, &mut buf);
        assert_eq!(text(&buf), first);
    };
    says(&stage, "head>1 fd 7  IN  put back: 3 B unread");
    stage.read(Fd(7), b"he");
    says(&stage, "head>1 fd 7  IN  put back: 1 B left unread");
    stage.arrive(Fd(7), 9);
    says(&stage, "head>1 fd 7  IN  put back: 9 B unread");
}

#[test]
fn held_threads_show_the_call_they_are_about_to_make() {
    let stage = Stage::three_clients();
    let app = stage.app((120, 40));
    draws(
        Waiting(look(&stage, &app)),
        (44, 2),
        &[">T1 | held before epoll_wait(3, max 64, -1)", "   press . to make the call"],
    );
}

#[test]
fn the_timeline_zooms_from_microseconds_to_minutes() {
    let stage = Stage::three_clients();
    let mut app = stage.app((120, 40));
    for zoom in super::app::ZOOMS {
        app.ui.zoom = zoom;
        let screen = shown(&app, &stage, &ASCII);
        assert!(screen.contains("Timeline"), "{screen}");
    }
    app.ui.zoom = Nanos(500_000);
    stage.press(&mut app, ":at 11.601<Enter>");
    draws(
        TimelinePane(app_look(&app, &stage)),
        (72, 4),
        &[
            "   5 level -----------------------------------------------",
            ">  7 EDGE  --------------------------------------------m::",
            "   8 level -----------------------------------------------",
            "seconds       |11.401400  |11.401500  |11.401600  |11.401700  |11.401800",
        ],
    );
}

fn app_look<'a>(app: &'a App, stage: &'a Stage) -> RenderContext<'a> {
    RenderContext { scene: app.view(stage.scene()), ui: &app.ui, theme: &PLAIN }
}
