//! The events of a lesson where no lesson is shown: their times count steps.

use std::path::Path;
use std::rc::Rc;

use super::*;
use crate::event::ReplaySpeed;
use crate::record::Recording;
use crate::session::Session;
use crate::source::Replay;
use crate::tui::ui::ReplayState;

fn lesson() -> Session<Replay> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/recordings/lesson.rec");
    let recording = Rc::new(Recording::open(Path::new(path)).expect("a file").expect("a lesson"));
    let journal = recording.journal();
    let until = journal.until().unwrap_or_default();
    Session::of_journal(Replay::of(&recording, until), journal)
}

fn press(app: &mut App, session: &Session<Replay>, text: &str) {
    for press in crate::tui::scenes::keys(text) {
        app.key(press, &session.scene(None));
        while app.ui.find.is_some() {
            app.advance(0, &session.scene(None));
        }
    }
}

fn watched(size: (u16, u16)) -> App {
    let mut app = App::default();
    app.ui.size = size;
    app.open_watch("192.168.1.20".to_owned());
    app
}

fn replayed(size: (u16, u16), session: &Session<Replay>) -> App {
    let mut app = App::default();
    app.ui.size = size;
    let state = ReplayState { name: "x.rec".to_owned(), speed: ReplaySpeed::USUAL, idle: None };
    app.open_replay(state, None, &session.scene(None));
    app
}

/// A number with three decimals, as seconds are told.
fn seconds(text: &str) -> Option<&str> {
    text.split(|c: char| !(c.is_ascii_digit() || c == '.')).find(|word| {
        let parts = word.split_once('.');
        parts.is_some_and(|(whole, rest)| !whole.is_empty() && rest.len() == 3)
    })
}

#[test]
fn no_time_of_a_lesson_is_told_in_seconds() {
    let session = lesson();
    for size in [(80, 24), (120, 40)] {
        for mut app in [watched(size), replayed(size, &session)] {
            app.observe(&session.scene(None));
            press(&mut app, &session, ":at 5<Enter>");
            let marks = "M[[M]{}Fepoll<Enter>n";
            let all = ["", "[[[[", "1", "2", "3", "4", "5", "1<Enter>", "<Esc><Tab><Tab><Enter>"];
            for keys in all.into_iter().chain(["<Esc>e", "r", "r", "<Esc>", marks, "4"]) {
                press(&mut app, &session, keys);
                let screen = painted(&app, session.scene(None));
                assert_eq!(seconds(&screen), None, "after {keys}:\n{screen}");
            }
        }
    }
}

#[test]
fn the_first_row_the_bar_and_the_marks_speak_of_steps() {
    let session = lesson();
    let first = |app: &App| {
        let screen = painted(app, session.scene(None));
        screen.lines().next().map(str::to_owned).expect("a row")
    };
    let mut app = watched((120, 40));
    press(&mut app, &session, ":at 5<Enter>");
    assert!(first(&app).contains(" PAST step 5 "), "{}", first(&app));
    press(&mut app, &session, "M");
    let said = |app: &App| app.ui.message.as_ref().map(|message| message.text.clone());
    assert_eq!(said(&app).as_deref(), Some("marked in step 5"));
    let begins = "<Esc>:mark here<Enter>[}{{:at 0<Enter>[[[[[[";
    press(&mut app, &session, begins);
    assert_eq!(said(&app).as_deref(), Some("the history begins in step 0"));
    let mut app = replayed((120, 40), &session);
    press(&mut app, &session, ":at 5<Enter>");
    let last = session.world().t.0 / 1_000_000_000;
    let far = format!("step 5 of {last}");
    assert!(first(&app).contains(&far), "{}", first(&app));
    let screen = painted(&app, session.scene(None));
    let bar = screen.lines().rev().nth(1).expect("a bar");
    let ends = bar.contains("step 0 ") && bar.contains(&format!(" step {last}"));
    assert!(ends, "{bar}");
}
