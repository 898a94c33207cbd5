//! Single panes, drawn into a buffer.

use super::*;

#[track_caller]
fn draws(pane: impl Widget, size: (u16, u16), lines: &[&str]) {
    let mut buf = Buffer::empty(Rect::new(0, 0, size.0, size.1));
    pane.render(buf.area, &mut buf);
    assert_eq!(text(&buf).lines().map(str::trim_end).collect::<Vec<_>>(), lines);
}

fn look<'a>(stage: &'a Stage, app: &'a App) -> RenderContext<'a> {
    RenderContext { scene: stage.scene(), ui: &app.ui, theme: &PLAIN, spots: None }
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
            "   5 control  tool's own      IN          level      -      - . idle",
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
    says(Some(Kind::Park { next: read.into() }), "| held before read(5, 8)");
    says(step(Pass::Step), ". makes the call");
    says(Some(Kind::Return(returned.clone())), ". runs");
    says(Some(Kind::Park { next: read.into() }), "| held before read(5, 8)");
    says(step(Pass::Turn), ". runs");
    says(Some(Kind::Return(returned)), ". runs");
    says(Some(Kind::Park { next: wait.into() }), "| held before epoll_wait(3, max 64, -1)");
    says(step(Pass::Step), ". makes the call");
    says(Some(Kind::Enter(wait)), "z step pending, asleep since 0.001");
    says(paused(false), "z asleep since 0.001");
    // The thread took its step just before all were let go, and that is told after it.
    says(Some(Kind::Park { next: read.into() }), "| held before read(5, 8)");
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
    assert!(screen.contains("lost 12, last at 11.901"), "{screen}");
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
        let at = row.find("lost 12, ").expect("what was lost");
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
    let app = stage.app((200, 40));
    assert!(shown(&app, &stage, &ASCII).contains("lost 12, whole since 0.001"));
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
            "    5 control  tool's own      IN          level      -      - . idle",
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
            "in hand (events[]) - 1",
            "   o   fd 7 IN being handled by T1",
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
            "   5 control  tool's own      IN          level      -      - . idle",
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
    for zoom in crate::tui::app::ZOOMS {
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
            "   5 level ------------------------------------------------------------",
            ">  7 EDGE  ---------------------------------------------------------m::",
            "   8 level ------------------------------------------------------------",
            "seconds              |11.401400  |11.401500   |11.401600  |11.401700",
        ],
    );
}

fn app_look<'a>(app: &'a App, stage: &'a Stage) -> RenderContext<'a> {
    RenderContext { scene: app.view(stage.scene()), ui: &app.ui, theme: &PLAIN, spots: None }
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
fn a_finding_that_is_over_speaks_of_what_was() {
    let mut stage = Stage::stranded();
    let mut app = stage.app((120, 40));
    stage.press(&mut app, "4");
    let screen = shown(&app, &stage, &ASCII);
    assert!(screen.contains("now   seen at 1.901: press m"), "{screen}");
    assert!(!screen.contains("While it held"), "{screen}");
    stage.read(Fd(7), b"o wonder");
    stage.finds_nothing();
    let screen = shown(&app, &stage, &ASCII);
    assert!(screen.contains("over  seen at 1.901"), "{screen}");
    assert!(screen.contains("While it held: fd 7"), "{screen}");
}
