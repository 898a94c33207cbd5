//! What a learner asks for: to try, to play on, to begin again, to leave.

use super::*;
use crate::session::RecordingProgress;

#[test]
fn what_cannot_be_tried_is_said() {
    let mut class = Class::begin((120, 40));
    class.press("v").shows(&["try>", "Tab completes, Down chooses"]);
    class.press("add f q.r IN<Enter>").shows(&["there is no `q.r`: there are e, f, p.r, p.w"]);
    class.press("<C-u>a<Tab>").shows(&["add EP FD MASK", "accept FD as NAME", "arm FD MS"]);
    class.press("<C-u>write p<Tab>").shows(&["try> write p."]);
    class.press("<Esc>v<Enter>").hides(&["try>"]);
    assert_eq!(class.app.course().phase, Phase::Ready);
}

#[test]
fn it_plays_on_by_itself_up_to_a_question() {
    let mut class = Class::begin((120, 40));
    assert_eq!(class.app.pause_ms(), None);
    class.press("p").shows(&["PLAYING", "Step 1"]);
    let pause = class.app.pause_ms().expect("it plays");
    assert!((2_000..20_000).contains(&pause), "{pause} ms for a step");
    let wish = class.app.play_on();
    class.grant(wish);
    class.shows(&["Step 2"]);
    let wish = class.app.play_on();
    assert_eq!(wish, None);
    class.shows(&["QUESTION"]);
    assert_eq!(class.app.pause_ms(), None, "a question waits");
    class.press("1");
    assert!(class.app.pause_ms().is_some(), "it goes on after the answer");
    class.press("p").hides(&["PLAYING"]);
    assert_eq!(class.app.pause_ms(), None);
}

#[test]
fn restart_and_leave_are_wishes() {
    let mut class = Class::begin((80, 24));
    class.press("r<Enter>q");
    assert_eq!(class.wishes, [LessonCommand::Restart, LessonCommand::Leave]);
}

#[test]
fn what_was_answered_is_not_lost_by_one_key() {
    let mut class = Class::begin((80, 24));
    class.press("<Enter>r").shows(&["r again begins again"]).hides(&["lost"]);
    class.press("<Enter><Enter>1r").shows(&["r again begins again: 1 answer would be lost"]);
    // A line that is typed on where none can be typed.
    class.press("<Enter>vwrite p.wvdrain<Esc><Esc>").hides(&["begins again"]);
    assert_eq!(class.wishes, []);
    class.press("rr");
    assert_eq!(class.wishes, [LessonCommand::Restart]);
}

#[test]
fn a_step_that_cannot_be_made_is_left_out() {
    let mut class = Class::begin((120, 40));
    class.press("<Enter>");
    let wish = class.app.key(keys("<Enter>")[0]);
    assert_eq!(wish, Some(LessonCommand::Step));
    class.app.tell(PlayerEvent::Refused("no descriptor is free".to_owned()));
    class.shows(&["step 2 cannot be made here and is left out: no descriptor is free"]);
    class.press("<Enter>").shows(&["QUESTION", "Step 3"]);
}

#[test]
fn a_lesson_that_cannot_go_on_ends_cleanly() {
    let mut class = Class::begin((80, 24));
    class.press(FIRST);
    class.app.tell(PlayerEvent::Stopped("no answer within 60s".to_owned()));
    class.shows(&["The lesson cannot go on after step 3.", "no answer within 60s", "STOPPED"]);
    class.shows(&["You predicted 1 of 1."]);
    class.hides(&["v try"]);
    class.press("<Enter>.v[").shows(&["PAST"]);
    let mut class = Class::begin((80, 24));
    class.app = lesson(case(), (80, 24));
    class.app.tell(PlayerEvent::Stopped("this lesson needs userfaultfd".to_owned()));
    class.shows(&["This lesson cannot begin here.", "this lesson needs userfaultfd"]);
    class.hides(&["unknown"]);
    class.press("<Enter>[]etcsvp?");
}

#[test]
fn keys_are_patient_while_a_step_is_made() {
    let mut class = Class::begin((80, 24));
    let wish = class.app.key(keys("<Enter>")[0]);
    assert_eq!(wish, Some(LessonCommand::Step));
    for key in keys("1xv<Enter>.") {
        assert_eq!(class.app.key(key), None);
    }
    class.shows(&["the step is being made"]);
}

#[test]
fn texts_cannot_act_on_the_terminal() {
    let mut hostile = case();
    hostile.title = "a\u{1b}[2Jb".to_owned();
    hostile.about = "\u{202e}c".to_owned();
    let mut class = Class::begin((80, 24));
    class.app = lesson(hostile, (80, 24));
    let report = class.kernel.start();
    class.app.tell(made(report));
    let screen = class.shown(&UNICODE);
    assert!(!screen.contains(['\u{1b}', '\u{202e}']), "{screen:?}");
}

#[test]
fn a_recording_is_wished_for_and_a_sign_that_there_is_one_stands_in_the_first_row() {
    let mut class = Class::begin((120, 40));
    class.press("R");
    assert_eq!(class.wishes, [LessonCommand::Record]);
    let progress = RecordingProgress { bytes: 2_700, ..RecordingProgress::default() };
    class.app.app.ui.recording = Some(progress);
    class.shows(&[" REC 2.6K "]);
}
