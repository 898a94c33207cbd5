//! A lesson that was gone through earlier: there is nothing to do but to go through it again.

use std::path::Path;

use super::*;
use crate::record::Recording;
use crate::source::script::RecordedLesson;
use crate::tui::keymap::Mode;
use crate::tui::tests::painted_lesson;

fn retold() -> LessonApp {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/recordings/lesson.rec");
    let recording = Recording::open(Path::new(path)).expect("a file").expect("a recording");
    let lesson = RecordedLesson::read(&recording).expect("it is sound").expect("a lesson");
    let done = lesson.done();
    let mut app = LessonApp::new(Script::recorded(lesson), (120, 40));
    app.replay(done);
    app
}

fn press(app: &mut LessonApp, text: &str) {
    for press in keys(text) {
        let wish = app.key(press);
        assert_eq!(wish, None, "{press}");
    }
}

fn said(app: &LessonApp) -> String {
    app.app.ui.message.as_ref().map(|message| message.text.clone()).unwrap_or_default()
}

#[test]
fn its_footer_says_what_its_keys_do() {
    let mut app = retold();
    assert_eq!((app.app.ui.mode(), app.viewed), (Mode::Retold, Some(0)));
    press(&mut app, "t");
    let screen = painted_lesson(&app);
    let last = screen.lines().last().expect("a row");
    assert!(last.contains("space play/stand") && last.contains("Enter end"), "{last}");
    assert!(!last.contains("try"), "{last}");
    press(&mut app, "]]");
    assert_eq!(app.viewed, Some(2));
    press(&mut app, "<Home>");
    assert_eq!(app.viewed, Some(0));
    for end in ["g", "<End>", "<Enter>"] {
        press(&mut app, "<Home>");
        press(&mut app, end);
        assert_eq!((app.viewed, app.app.ui.mode()), (None, Mode::Retold), "{end}");
        press(&mut app, "]");
        assert_eq!(said(&app), "this is the end of the recording: Home goes to its beginning");
    }
    assert!(painted_lesson(&app).contains(" REPLAY "));
    press(&mut app, "?");
    let help = painted_lesson(&app);
    assert!(help.contains("play it at the pace of reading, or stand"), "{help}");
    assert!(!help.contains("answer a question"), "{help}");
}

#[test]
fn it_plays_to_its_end_and_again_from_its_beginning() {
    for key in ["p", " "] {
        let mut app = retold();
        press(&mut app, key);
        assert!(app.playing && app.pause_ms().is_some(), "{key}");
        let mut moments = vec![app.viewed];
        while app.pause_ms().is_some() {
            assert_eq!(app.play_on(), None);
            moments.push(app.viewed);
        }
        let all = app.course().moments.len();
        assert!(moments.len() >= all && all > 3, "{moments:?}");
        assert_eq!((moments.last(), app.playing), (Some(&None), false));
        press(&mut app, key);
        assert_eq!((app.viewed, app.playing), (Some(0), true));
        press(&mut app, key);
        assert_eq!((app.playing, app.pause_ms()), (false, None), "it stands");
    }
}

#[test]
fn what_only_a_learner_does_is_refused_in_words() {
    let nothing = "a recording: nothing to answer or to try; ] and [ go on, e exports";
    for at in ["<Home>", "<End>"] {
        for key in ["v", "u", "x", "1", "4", "m"] {
            let mut app = retold();
            press(&mut app, at);
            let before = (app.viewed, app.course().phase.clone());
            press(&mut app, key);
            assert_eq!(said(&app), nothing, "{key}");
            assert_eq!((app.viewed, app.course().phase.clone()), before, "{key}");
        }
    }
}
