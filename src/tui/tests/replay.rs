//! A recording on the screen, as data: the time is a number.

use super::*;
use crate::event::ReplaySpeed;
use crate::tui::keymap::Mode;
use crate::tui::ui::{PlayClock, ReplayState};

/// A recording of that, opened at its beginning.
fn opened(stage: &Stage, size: (u16, u16)) -> App {
    let mut app = stage.app(size);
    let state = ReplayState { name: "class.rec".to_owned(), speed: ReplaySpeed::USUAL, idle: None };
    app.open_replay(state, None, &stage.scene());
    app
}

fn viewed(app: &App) -> Seq {
    app.ui.past.as_ref().expect("a recording always views an event").seq
}

fn clock(app: &App) -> Nanos {
    let clock = app.ui.play.as_ref().and_then(|play| play.clock);
    clock.map_or(Nanos(0), |PlayClock { t, .. }| t)
}

#[test]
fn a_recording_begins_at_its_beginning_and_ends_at_its_end() {
    let stage = Stage::three_clients();
    let mut app = opened(&stage, (120, 40));
    assert_eq!((viewed(&app), app.ui.mode()), (Seq(1), Mode::Replay));
    stage.press(&mut app, "]]");
    assert_eq!(viewed(&app), Seq(3));
    stage.press(&mut app, "<End>");
    assert_eq!(viewed(&app), stage.last());
    stage.press(&mut app, "]");
    assert_eq!(viewed(&app), stage.last(), "nothing is after it");
    stage.press(&mut app, "<Home>");
    assert_eq!(viewed(&app), Seq(1));
    stage.press(&mut app, ":at 9.0<Enter>");
    assert_eq!(Some(viewed(&app)), stage.scene().journal.seq_at(Nanos(9_000_000_000)));
}

#[test]
fn nothing_is_asked_of_a_server_that_is_not_there() {
    let stage = Stage::three_clients();
    let mut app = opened(&stage, (120, 40));
    let asked = ["t", "c", "R", ":record x<Enter>", ":save x<Enter>", ":send hello<Enter>"];
    for keys in asked.into_iter().chain([":pause<Enter>", ":trigger all<Enter>"]) {
        assert_eq!(stage.press(&mut app, keys), [], "{keys}");
        assert!(app.ui.past.is_some(), "{keys}");
    }
    let message = app.ui.message.expect("it says why").text;
    assert_eq!(message, "a recording has no server: . and , go by calls, F finds, e exports");
}

#[test]
fn no_key_of_a_server_is_silent_where_there_is_none() {
    use crate::tui::keymap;
    let stage = Stage::three_clients();
    let mut watched = stage.app((120, 40));
    watched.open_watch("192.168.1.20".to_owned());
    let apps = [opened(&stage, (120, 40)), watched];
    for (app, page) in apps.iter().flat_map(|app| [(app, false), (app, true)]) {
        for press in ('!'..='~').map(ch) {
            let mut app = app.clone();
            if page {
                stage.press(&mut app, "g<Enter>");
                assert!(app.ui.page.is_some());
            }
            let (mode, seq) = (app.ui.mode(), app.ui.past.as_ref().map(|past| past.seq));
            let here = keymap::action(mode, press);
            if here.is_some() || keymap::action(Mode::Live, press).is_none() {
                continue;
            }
            assert_eq!(app.key(press, &stage.scene()), None, "{press} in {mode:?}");
            let said = app.ui.message.clone().unwrap_or_else(|| panic!("{press} in {mode:?}"));
            assert!(crate::tui::words::width(&said.text) < 77, "{}", said.text);
            assert_eq!(app.ui.past.as_ref().map(|past| past.seq), seq, "{press} in {mode:?}");
            assert_eq!(app.ui.request, None, "{press} in {mode:?}");
        }
    }
    let said = |keys: &str| {
        let mut app = opened(&stage, (120, 40));
        stage.press(&mut app, keys);
        app.ui.message.map(|message| message.text).unwrap_or_default()
    };
    assert_eq!(said("R"), "this is a recording already: e exports it, or a part of it");
    assert_eq!(said("g<Enter>R"), said("R"), "on the page of a row, too");
    assert_eq!(said("L"), "the lessons are not here: epollscope lesson opens them");
    assert_eq!(said(":still<Enter>"), said("f"));
}

#[test]
fn a_page_of_a_recording_leaves_its_keys_what_they_are() {
    let stage = Stage::three_clients();
    let mut app = opened(&stage, (120, 40));
    stage.press(&mut app, "g<Enter> ");
    assert!(app.ui.page.is_some());
    assert!(app.ui.play.as_ref().is_some_and(|play| play.clock.is_some()), "space plays it");
    stage.press(&mut app, "<End>[");
    assert_eq!(viewed(&app), stage.last().back());
    let screen = shown(&app, &stage, &UNICODE);
    let last = screen.lines().last().expect("a row");
    assert!(last.contains("space play") && !last.contains("hold"), "{last}");
    stage.press(&mut app, "<Esc>");
    assert!(app.ui.page.is_none());
}

#[test]
fn it_plays_by_its_own_time_and_a_program_that_was_suspended_does_not_jump() {
    let stage = Stage::three_clients();
    let mut app = opened(&stage, (120, 40));
    let scene = stage.scene();
    stage.press(&mut app, " ");
    let begins = clock(&app);
    let mut now = 7_000;
    let pass = |app: &mut App, now: &mut u64, ms| {
        *now += ms;
        app.advance(*now, &scene).1
    };
    pass(&mut app, &mut now, 0);
    for _ in 0..40 {
        pass(&mut app, &mut now, 100);
    }
    assert_eq!(clock(&app), Nanos(begins.0 + 4_000_000_000));
    assert_eq!(Some(viewed(&app)), scene.journal.seq_at(clock(&app)));
    pass(&mut app, &mut now, 3_600_000);
    assert_eq!(clock(&app), Nanos(begins.0 + 4_100_000_000), "an hour asleep is one tick");
    stage.press(&mut app, "++ ");
    assert_eq!(pass(&mut app, &mut now, 50), None, "who stands costs nothing");
    let here = clock(&app);
    stage.press(&mut app, " ");
    pass(&mut app, &mut now, 0);
    pass(&mut app, &mut now, 100);
    assert_eq!(clock(&app), Nanos(here.0 + 400_000_000), "four times as fast");
    while pass(&mut app, &mut now, 100).is_some() {}
    assert_eq!(viewed(&app), stage.last(), "it stays at the end");
    assert!(app.ui.play.is_none());
}

#[test]
fn an_hour_of_ticks_at_a_quarter_is_exact() {
    let mut stage = Stage::start();
    stage.after_ms(2_000_000);
    stage.client(Fd(7));
    let mut app = opened(&stage, (120, 40));
    stage.press(&mut app, "-- ");
    let (begins, mut now) = (clock(&app), 0);
    app.advance(now, &stage.scene());
    for _ in 0..225_000 {
        now += 16;
        app.advance(now, &stage.scene());
    }
    assert_eq!(clock(&app), Nanos(begins.0 + 900_000_000_000));
}

/// The tracks of a screen.
fn tracks(app: &App, stage: &Stage) -> Vec<String> {
    let screen = shown(app, stage, &UNICODE);
    let rows = screen.lines().skip_while(|row| !row.contains("Timeline")).skip(1);
    rows.take_while(|row| !row.contains("seconds")).map(str::to_owned).collect()
}

#[test]
fn a_flood_that_plays_fast_has_its_last_moments_and_all_of_them_as_soon_as_it_stands() {
    let mut stage = Stage::start();
    stage.client(Fd(7));
    stage.client(Fd(8));
    for _ in 0..10_000 {
        stage.arrive(Fd(7), 3);
        stage.wait_returns(&[Fd(7)]);
        stage.read(Fd(7), b"abc");
        let wait = Syscall::EpollWait { ep: Fd(3), max: 64, timeout_ms: -1 };
        stage.push(LaneId(1), Kind::Enter(wait));
    }
    let mut app = opened(&stage, (120, 40));
    app.ui.zoom = Nanos(500_000_000);
    stage.press(&mut app, "2+++ ");
    app.advance(0, &stage.scene());
    app.advance(100, &stage.scene());
    assert!(viewed(&app) > Seq(32_769), "it goes by a world: {:?}", viewed(&app));
    let quiet = |app: &App| {
        let tracks = tracks(app, &stage);
        tracks.into_iter().find(|row| row.contains(" 8 level")).expect("the row of fd 8")
    };
    let passing = quiet(&app);
    assert!(passing.contains("···") && passing.contains("───"), "{passing}");
    stage.press(&mut app, " ");
    let standing = quiet(&app);
    assert!(!standing.contains('·'), "{standing}");
    let mut there = opened(&stage, (120, 40));
    there.ui.zoom = app.ui.zoom;
    stage.press(&mut there, "2");
    there.go_to(viewed(&app), &stage.scene());
    assert_eq!(tracks(&app, &stage), tracks(&there, &stage));
}

#[test]
fn long_waits_are_shortened_and_said() {
    let mut stage = Stage::start();
    stage.after_ms(60_000);
    stage.client(Fd(7));
    let mut app = opened(&stage, (120, 40));
    if let Some(replay) = &mut app.ui.replay {
        replay.idle = Some(Nanos(2_000_000_000));
    }
    stage.press(&mut app, " ");
    let mut now = 0;
    for _ in 0..15 {
        now += 100;
        app.advance(now, &stage.scene());
    }
    let message = app.ui.message.as_ref().expect("it says so").text.clone();
    assert!(message.ends_with(" in which nothing happened are left out"), "{message}");
    assert!(stage.scene().world.t.since(clock(&app)) < Nanos(1_000_000_000), "{}", clock(&app));
}

#[test]
fn calls_waits_and_marks_are_gone_to() {
    let stage = Stage::three_clients();
    let mut app = opened(&stage, (120, 40));
    let kind = |app: &App| stage.scene().journal.get(viewed(app)).map(|event| event.kind);
    stage.press(&mut app, "..");
    assert!(matches!(kind(&app), Some(Kind::Return(_))), "{:?}", kind(&app));
    let second = viewed(&app);
    stage.press(&mut app, ".,");
    assert_eq!(viewed(&app), second);
    stage.press(&mut app, ">");
    assert!(matches!(kind(&app), Some(Kind::Enter(_))), "{:?}", kind(&app));
    stage.press(&mut app, "M<Home>:mark there<Enter>]]]]");
    stage.press(&mut app, "}");
    assert!(viewed(&app) > second);
    stage.press(&mut app, "<End>{{");
    assert_eq!(viewed(&app), Seq(1));
    assert_eq!(app.ui.message.map(|message| message.text), Some("0.001: there".to_owned()));
}

#[test]
fn events_are_found_by_what_they_say() {
    let stage = Stage::three_clients();
    let mut app = opened(&stage, (120, 40));
    let scene = stage.scene();
    let look = |app: &mut App| while app.advance(0, &scene).1.is_some() {};
    stage.press(&mut app, "Ffd=9 read(<Enter>");
    look(&mut app);
    let event = scene.journal.get(viewed(&app)).expect("an event");
    let read = event.record().map(|record| record.call);
    assert_eq!(read, Some(Syscall::Read { fd: Fd(9), len: 3 }));
    let here = viewed(&app);
    stage.press(&mut app, "n");
    look(&mut app);
    assert_eq!(viewed(&app), here);
    let told = app.ui.message.as_ref().map(|message| message.text.as_str());
    assert_eq!(told, Some("no event after this one has fd=9 read("));
    stage.press(&mut app, "F\"wor\"<Enter>N");
    look(&mut app);
    assert!(app.ui.find.is_none() && viewed(&app) == here);
    let mut live = stage.app((120, 40));
    stage.press(&mut live, "FT1 EAGAIN<Enter>");
    look(&mut live);
    assert!(viewed(&live) < here, "from now it is looked for backwards");
}

#[test]
fn the_panes_are_those_of_the_live_session_at_the_same_event() {
    let stage = Stage::three_clients();
    for size in [(80, 24), (120, 40)] {
        // The bar takes a row.
        let (mut live, mut replay) = (stage.app(size), opened(&stage, (size.0, size.1 + 1)));
        stage.press(&mut live, "[[[[[[");
        stage.press(&mut replay, "<End>[[[[[[");
        assert_eq!(viewed(&live), viewed(&replay));
        let body = |app: &App| {
            let screen = shown(app, &stage, &UNICODE);
            let rows: Vec<_> = screen.lines().map(str::to_owned).collect();
            let body = rows[1..usize::from(size.1) - 1].join("\n");
            // What the key does is another thing; the word is as long, but for a blank.
            body.replace("to make the call", "to see the call ")
        };
        assert_eq!(body(&live), body(&replay));
    }
}

#[test]
fn screen_of_a_recording() {
    let stage = Stage::three_clients();
    for size in [(80, 24), (120, 40)] {
        let mut app = opened(&stage, size);
        stage.press(&mut app, ":at 8.2<Enter>M");
        app.ui.message = None;
        let name = format!("replay_{}x{}", size.0, size.1);
        insta::assert_snapshot!(name, shown(&app, &stage, &UNICODE));
    }
}

#[test]
fn marks_are_listed_with_the_findings() {
    let stage = Stage::three_clients();
    let mut app = opened(&stage, (80, 24));
    stage.press(&mut app, ":at 8.2<Enter>:mark the second client<Enter>]]M4");
    app.ui.message = None;
    let screen = shown(&app, &stage, &UNICODE);
    let rows: Vec<_> = screen.lines().filter(|row| row.contains(UNICODE.accept)).collect();
    let row = rows.iter().find(|row| row.contains("the second client")).expect("its row");
    assert!(row.contains(" 7.001 ") && row.contains("event "), "{row}");
    let last = rows.iter().rfind(|row| row.contains("event ")).expect("a row");
    assert!(last.contains(UNICODE.selected), "that of the viewed event: {last}");
    assert!(screen.contains("2 marks"), "{screen}");
    assert!(!screen.contains("type mistake"), "there is no server to switch: {screen}");
}

#[test]
fn its_help_says_what_each_key_does_here_once() {
    let stage = Stage::three_clients();
    let mut app = opened(&stage, (120, 200));
    stage.press(&mut app, "?");
    let screen = shown(&app, &stage, &UNICODE);
    // Where a line is typed, it means something else.
    let before = screen.split("Typing a line").next().expect("the first part");
    for key in ["Home", "Esc", "End"] {
        let rows = before.lines().filter(|row| row.split_whitespace().any(|word| word == key));
        assert_eq!(rows.count(), 1, "{key}: {before}");
    }
    assert!(!before.contains("built-in client"), "{before}");
}

#[test]
fn on_a_screen_that_is_too_small_no_server_is_spoken_of() {
    let stage = Stage::three_clients();
    let app = opened(&stage, (30, 8));
    let screen = shown(&app, &stage, &UNICODE);
    assert!(screen.contains("q quits") && !screen.contains("server"), "{screen}");
}

#[test]
fn its_keys_have_words() {
    let stage = Stage::three_clients();
    let (mut typed, mut pressed) = (opened(&stage, (120, 40)), opened(&stage, (120, 40)));
    for (words, keys) in [
        (":call<Enter>", "."),
        (":call 1<Enter>", "."),
        (":wait<Enter>", ">"),
        (":call -1<Enter>", ","),
        (":wait -1<Enter>", "<"),
        (":seek 1<Enter>", "]"),
        (":seek -1<Enter>", "["),
        (":live<Enter>", "<End>"),
    ] {
        stage.press(&mut typed, words);
        stage.press(&mut pressed, keys);
        assert_eq!(viewed(&typed), viewed(&pressed), "{words}");
    }
    let playing = |app: &App| app.ui.play.as_ref().map(|play| play.stands);
    for (words, is) in [
        (":stand<Enter>", None),
        (":play<Enter>", Some(false)),
        (":play<Enter>", Some(false)),
        (":stand<Enter>", Some(true)),
        (":stand<Enter>", Some(true)),
        (":play<Enter>", Some(false)),
    ] {
        stage.press(&mut typed, words);
        assert_eq!(playing(&typed), is, "{words}");
    }
    stage.press(&mut typed, ":speed 1/4<Enter>");
    assert_eq!(typed.ui.replay.as_ref().map(|replay| replay.speed.word()), Some("1/4"));
    stage.press(&mut typed, "-");
    assert_eq!(typed.ui.replay.as_ref().map(|replay| replay.speed.word()), Some("1/4"));
    stage.press(&mut typed, "++");
    assert_eq!(typed.ui.replay.as_ref().map(|replay| replay.speed.word()), Some("1"));
}

#[test]
fn without_a_recording_its_words_say_what_there_is_instead() {
    let stage = Stage::three_clients();
    let mut app = stage.app((120, 40));
    for (words, said) in [
        (":stand<Enter>", "nothing plays"),
        (":speed 2<Enter>", "only a recording has a speed: - and + pace slow motion"),
        (":follow<Enter>", "there is nobody to follow: epollscope watch looks on"),
        (":play<Enter>", "this is now: [ and h go back in time, P plays the last turn"),
    ] {
        assert_eq!(stage.press(&mut app, words), [], "{words}");
        assert_eq!(app.ui.message.as_ref().map(|message| message.text.as_str()), Some(said));
    }
    stage.press(&mut app, ":call -1<Enter>");
    assert!(app.ui.past.is_some(), "a call is gone back to");
}
