//! Clicks and the wheel: what is seen under the pointer is what is meant.

use super::*;
use crate::tui::action::Direction;
use crate::tui::entry::Purpose;

/// Where `text` begins on the screen, in the `nth` row that has it.
#[track_caller]
fn find(screen: &str, text: &str, nth: usize) -> (u16, u16) {
    let mut rows = screen.lines().enumerate().filter(|(_, line)| line.contains(text));
    let (y, line) = rows.nth(nth).unwrap_or_else(|| panic!("no `{text}` in\n{screen}"));
    let x = line[..line.find(text).expect("it is there")].chars().count();
    (u16::try_from(x).expect("a column"), u16::try_from(y).expect("a row"))
}

#[track_caller]
fn click(app: &mut App, stage: &Stage, text: &str, nth: usize) -> Option<Command> {
    let at = find(&shown(app, stage, &ASCII), text, nth);
    app.click(at, &stage.scene())
}

fn selected(app: &App) -> Option<i32> {
    app.ui.watch.map(|key| key.fd.0)
}

#[test]
fn a_click_selects_in_every_list() {
    let stage = Stage::three_clients();
    let mut app = stage.app((120, 40));
    click(&mut app, &stage, "51243", 0);
    assert_eq!((selected(&app), app.ui.focus), (Some(9), Pane::Interest));
    click(&mut app, &stage, "2 fd 7", 0);
    assert_eq!((selected(&app), app.ui.focus), (Some(7), Pane::Ready));
    click(&mut app, &stage, "T1 | held", 0);
    assert_eq!((app.ui.lane, app.ui.focus), (LaneId(1), Pane::Waiting));
    click(&mut app, &stage, "accept4(4) = 9", 0);
    assert_eq!(app.ui.focus, Pane::Calls);
    let event = app.ui.past.as_ref().and_then(|past| stage.scene().journal.get(past.seq));
    assert!(event.is_some_and(|event| event.record().is_some_and(|r| r.ret == Ret::ok(9))));
    let stage = Stage::stranded();
    let mut app = stage.app((120, 40));
    stage.press(&mut app, "4");
    click(&mut app, &stage, "edge-stranded", 0);
    assert_eq!((app.ui.finding, selected(&app)), (0, Some(7)));
}

#[test]
fn a_click_selects_in_the_lists_of_the_other_loops() {
    let stage = Stage::scanning(Backend::Poll);
    let mut app = stage.app((120, 40));
    click(&mut app, &stage, "fd 14 IN", 0);
    assert_eq!((selected(&app), app.ui.focus), (Some(14), Pane::Ready));
    click(&mut app, &stage, "51246", 0);
    assert_eq!((selected(&app), app.ui.focus), (Some(12), Pane::Interest));
    let stage = Stage::ring();
    let mut app = stage.app((120, 40));
    let before = selected(&app);
    click(&mut app, &stage, "accept", 0);
    assert_ne!(selected(&app), before);
}

#[test]
fn a_click_on_a_mark_of_the_timeline_goes_to_its_event() {
    let stage = Stage::three_clients();
    let mut app = stage.app((120, 40));
    stage.press(&mut app, "2");
    let screen = shown(&app, &stage, &UNICODE);
    // The arrival on fd 7, the newest mark of its track.
    let at = screen.lines().enumerate().skip(2).find_map(|(y, line)| {
        let x = line.chars().position(|c| c == '▼')?;
        Some((u16::try_from(x).ok()?, u16::try_from(y).ok()?))
    });
    app.click(at.expect("an arrival"), &stage.scene());
    let event = app.ui.past.as_ref().and_then(|past| stage.scene().journal.get(past.seq));
    assert!(matches!(event.map(|e| e.kind), Some(Kind::Wakeup(_))));
    // Where there is no mark, the track is selected.
    stage.press(&mut app, "g");
    click(&mut app, &stage, "T1 ", 0);
    assert!(app.ui.past.is_none());
    assert_eq!(app.ui.track, crate::tui::ui::TrackChoice::Lane);
}

#[test]
fn keys_of_the_footer_work_by_a_click() {
    let stage = Stage::three_clients();
    let mut app = stage.app((120, 40));
    assert_eq!(click(&mut app, &stage, "space run", 0), Some(Command::Run));
    click(&mut app, &stage, "? help", 0);
    assert!(app.ui.help.is_some());
    // What is covered is not meant.
    let before = selected(&app);
    app.click((50, 12), &stage.scene());
    assert_eq!((selected(&app), app.ui.help.is_some()), (before, true));
    click(&mut app, &stage, "? close ", 0);
    assert!(app.ui.help.is_none());
}

#[test]
fn a_click_takes_a_suggestion() {
    let stage = Stage::three_clients();
    let mut app = stage.app((120, 40));
    stage.press(&mut app, ":back");
    click(&mut app, &stage, "backend [", 0);
    click(&mut app, &stage, "select ", 0);
    let entry = app.ui.entry.as_ref().expect("the line");
    assert_eq!((entry.purpose, entry.text.as_str()), (Purpose::Command, "backend select "));
}

#[test]
fn the_wheel_moves_in_what_is_under_it() {
    let stage = Stage::three_clients();
    let mut app = stage.app((120, 40));
    let interest = find(&shown(&app, &stage, &ASCII), "51243", 0);
    app.wheel(Direction::On, interest, &stage.scene());
    assert_eq!(selected(&app), Some(8));
    app.wheel(Direction::Back, interest, &stage.scene());
    assert_eq!(selected(&app), Some(7));
    let calls = find(&shown(&app, &stage, &ASCII), "EINTR", 0);
    app.wheel(Direction::Back, calls, &stage.scene());
    assert!(app.ui.past.is_some());
    assert_eq!(app.ui.focus, Pane::Interest, "the focus stays");
    stage.press(&mut app, "g?");
    app.wheel(Direction::On, interest, &stage.scene());
    assert_eq!(app.ui.help, Some(1));
}
