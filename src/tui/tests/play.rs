//! Slow motion, as data: the time is a number.

use super::*;
use crate::event::Kind;

/// What is viewed, by its number.
fn viewed(app: &App) -> u64 {
    app.ui.past.as_ref().expect("an earlier event is viewed").seq.0
}

/// Lets that much time pass, and gives what is due next.
fn pass(app: &mut App, stage: &Stage, now: &mut u64, ms: u64) -> Option<u64> {
    *now += ms;
    app.advance(*now, &stage.scene()).1
}

#[test]
fn the_past_is_gone_through_one_event_each_400_ms() {
    let stage = Stage::three_clients();
    let mut app = stage.app((120, 40));
    let mut now = 5_000;
    stage.press(&mut app, "p");
    assert!(app.ui.play.is_none(), "now is not the past");
    stage.press(&mut app, "[[[[p");
    let first = viewed(&app);
    assert_eq!(pass(&mut app, &stage, &mut now, 0), Some(5_400));
    assert_eq!(pass(&mut app, &stage, &mut now, 399), Some(5_400));
    assert_eq!(viewed(&app), first, "not before its time");
    assert_eq!(pass(&mut app, &stage, &mut now, 1), Some(5_800));
    assert!(viewed(&app) > first);
    let screen = shown(&app, &stage, &ASCII);
    assert!(screen.contains("SLOW MOTION"), "{screen}");
    // At a step of a second nothing is passed over.
    let second = viewed(&app);
    pass(&mut app, &stage, &mut now, 10_000);
    assert!(viewed(&app) > second);
    while pass(&mut app, &stage, &mut now, 400).is_some() {}
    assert_eq!(viewed(&app), stage.scene().live.seq.0, "it stays at the end");
    assert!(app.ui.play.is_none() && app.ui.looked.is_empty());
}

#[test]
fn it_stands_and_goes_at_another_pace() {
    let stage = Stage::three_clients();
    let mut app = stage.app((120, 40));
    let mut now = 0;
    stage.press(&mut app, "[[[[[[p-");
    assert_eq!(pass(&mut app, &stage, &mut now, 0), Some(800));
    stage.press(&mut app, "++");
    assert_eq!(pass(&mut app, &stage, &mut now, 0), Some(200));
    stage.press(&mut app, " ");
    let here = viewed(&app);
    assert_eq!(pass(&mut app, &stage, &mut now, 60_000), None, "who stands costs nothing");
    assert_eq!(viewed(&app), here);
    stage.press(&mut app, " ");
    assert_eq!(pass(&mut app, &stage, &mut now, 0), Some(60_200));
    stage.press(&mut app, "]");
    assert!(app.ui.play.is_none(), "to go by hand is no slow motion");
    stage.press(&mut app, "p2");
    assert!(app.ui.play.is_some(), "another view of the same");
    stage.press(&mut app, "g");
    assert!(app.ui.play.is_none() && app.ui.past.is_none());
}

#[test]
fn the_last_turn_goes_from_what_woke_the_thread_to_its_sleep() {
    let mut stage = Stage::start();
    stage.client(Fd(7));
    stage.arrive(Fd(7), 5);
    stage.wait_returns(&[Fd(7)]);
    stage.read(Fd(7), b"hello");
    let wait = Syscall::EpollWait { ep: Fd(3), max: 64, timeout_ms: -1 };
    stage.push(LaneId(1), Kind::Enter(wait));
    let mut app = stage.app((120, 40));
    let mut now = 0;
    stage.press(&mut app, "P");
    let kind = |app: &App| {
        let seq = app.ui.past.as_ref().map(|past| past.seq);
        seq.and_then(|seq| stage.scene().journal.get(seq)).map(|event| event.kind)
    };
    assert!(matches!(kind(&app), Some(Kind::Wakeup(_))), "{:?}", kind(&app));
    assert_eq!(app.ui.looked, [Pane::Ready]);
    let mut seen = Vec::new();
    pass(&mut app, &stage, &mut now, 0);
    while pass(&mut app, &stage, &mut now, 400).is_some() {
        seen.push(kind(&app).expect("an event"));
    }
    assert!(matches!(seen.last(), Some(Kind::Enter(_))), "{seen:?}");
    assert_eq!(seen.iter().filter(|kind| matches!(kind, Kind::Return(_))).count(), 2, "{seen:?}");
    assert!(app.ui.past.is_none() && app.ui.play.is_none(), "it returns to now");
}
