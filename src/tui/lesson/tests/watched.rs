//! A lesson that is gone through elsewhere.

use std::path::Path;

use super::*;
use crate::event::Viewpoint;
use crate::record::{Beside, BlockKind, Recording};
use crate::source::RemoteEnd;
use crate::source::script::RecordedLesson;
use crate::tui::keymap::Mode;
use crate::tui::lesson::app::LessonPlace;
use crate::tui::tests::painted_lesson;

/// A lesson of which nothing has been told, and what there is to tell.
fn watched() -> (LessonApp, Vec<Beside>, RecordedLesson) {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/recordings/lesson.rec");
    let recording = Recording::open(Path::new(path)).expect("a file").expect("a recording");
    let lesson = RecordedLesson::read(&recording).expect("it is sound").expect("a lesson");
    let told = recording.bodies(BlockKind::Report);
    let told = told.map(|raw| Beside { kind: BlockKind::Report, raw }).collect();
    let file = recording.bodies(BlockKind::Lesson).next().expect("its file");
    let begun = RecordedLesson::begun(&file, "Linux 6.18.44").expect("a lesson");
    let mut app = LessonApp::new(Script::recorded(begun), (120, 40));
    let page = "http://192.168.1.20:8001/K7QM4X".to_owned();
    app.open_watch(LessonPlace { host: "192.168.1.20".to_owned(), page });
    (app, told, lesson)
}

fn press(app: &mut LessonApp, text: &str) {
    for press in keys(text) {
        assert_eq!(app.key(press), None, "{press}");
    }
}

fn said(app: &LessonApp) -> String {
    app.app.ui.message.as_ref().map(|message| message.text.clone()).unwrap_or_default()
}

fn first_row(app: &LessonApp) -> String {
    painted_lesson(app).lines().next().map(str::to_owned).expect("a row")
}

#[test]
fn its_steps_come_as_they_are_made_and_its_questions_without_their_answers() {
    let (mut app, told, lesson) = watched();
    let mut asked = 0;
    for (n, told) in told.iter().enumerate() {
        let next = app.course().next;
        let ask = lesson.case.steps.get(next).and_then(|step| step.ask.clone());
        if let Some(ask) = ask.filter(|_| n > 0) {
            // A question of another step is not this one.
            app.look_along(Viewpoint { asks: Some(next + 1), ..Viewpoint::default() });
            assert_eq!(app.course().phase, Phase::Ready);
            app.look_along(Viewpoint { asks: Some(next), ..Viewpoint::default() });
            assert_eq!((&app.course().phase, app.app.ui.mode()), (&Phase::Asking, Mode::Retold));
            let page = "answer it in a browser: http://192.168.1.20:8001/K7QM4X";
            assert_eq!(said(&app), page);
            let screen = painted_lesson(&app);
            assert!(screen.contains(" WATCHING 192.168.1.20 QUESTION "), "{screen}");
            let words: Vec<_> = ask.text.split_whitespace().take(4).collect();
            assert!(screen.contains(&words.join(" ")), "{screen}");
            let reveal = lesson.case.steps[next].reveal.as_deref().unwrap_or("none at all");
            let reveal: Vec<_> = reveal.split_whitespace().take(4).collect();
            assert!(!screen.contains(&reveal.join(" ")) && !screen.contains("Right"), "{screen}");
            press(&mut app, "1");
            let browser = "you look on: a browser takes answers at http://192.168.1.20:8001/K7QM4X";
            assert_eq!((said(&app).as_str(), &app.course().phase), (browser, &Phase::Asking));
            asked += 1;
        }
        app.hear_of(told);
        assert_eq!((app.course().moments.len(), &app.course().phase), (n + 1, &Phase::Ready));
        assert!(first_row(&app).contains(&format!("step {} of", app.course().next)));
    }
    assert!(asked > 0);
}

#[test]
fn where_the_one_looks_who_goes_through_it_is_followed_until_a_key_moves() {
    let (mut app, told, _) = watched();
    told.iter().take(5).for_each(|told| app.hear_of(told));
    let of = |app: &LessonApp, at: usize| app.course().moments[at].events.1;
    let look = |app: &mut LessonApp, seq| {
        app.look_along(Viewpoint { seq, ..Viewpoint::default() });
    };
    assert_eq!(app.viewed, None);
    let (second, third) = (of(&app, 1), of(&app, 2));
    look(&mut app, Some(second));
    assert_eq!(app.viewed, Some(1));
    assert!(first_row(&app).contains(" PAST "), "{}", first_row(&app));
    press(&mut app, "[");
    assert_eq!(app.viewed, Some(0));
    look(&mut app, Some(third));
    assert_eq!(app.viewed, Some(0), "the view is one's own");
    // What is made meanwhile does not lead away.
    app.hear_of(&told[5]);
    app.go_through_last();
    assert_eq!(app.viewed, Some(0));
    press(&mut app, "<Enter>");
    assert_eq!(app.viewed, Some(2), "followed again, at once");
    look(&mut app, None);
    assert_eq!(app.viewed, None);
    press(&mut app, "]");
    assert_eq!(said(&app), "this is now: the next step is made where the lesson is shared");
    app.hear_of(&told[6]);
    app.go_through_last();
    assert!(app.app.follows(), "slow motion is no view of one's own");
}

#[test]
fn its_end_is_said_and_all_can_still_be_gone_through() {
    let (mut app, told, _) = watched();
    told.iter().take(4).for_each(|told| app.hear_of(told));
    app.hear_of_end();
    assert_eq!(said(&app), "this lesson is over: the next one is shown as soon as it begins");
    app.hear_no_more(RemoteEnd::Ended);
    assert_eq!(said(&app), "the session has ended; what came can be replayed and exported");
    assert!(first_row(&app).contains(" WATCHING 192.168.1.20 ended "), "{}", first_row(&app));
    press(&mut app, "[[");
    assert_eq!(app.viewed, Some(1));
    let damaged = Beside { kind: BlockKind::Report, raw: vec![0xff; 3] };
    let (mut app, told, _) = watched();
    app.hear_of(&told[0]);
    app.hear_of(&damaged);
    assert_eq!(app.course().phase, Phase::Stopped("a step of it is damaged".to_owned()));
}
