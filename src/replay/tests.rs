//! Whatever is in a recording, it is folded and painted, or refused.

use std::path::Path;
use std::rc::Rc;

use proptest::prelude::*;
use proptest::sample::Index;

use crate::event::{ReplaySpeed, Seq, View};
use crate::lesson::course::{Done, Moment};
use crate::record::{BlockKind, Recording, forged};
use crate::session::Session;
use crate::source::Replay;
use crate::source::script::{RecordedLesson, Script};
use crate::tui;
use crate::tui::action::Shown;
use crate::tui::app::App;
use crate::tui::lesson::app::LessonApp;
use crate::tui::tests::{painted, painted_lesson};

/// The recordings that are kept, in order of their names.
fn kept() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recordings");
    let entries = std::fs::read_dir(folder).expect("a folder");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "rec"));
    paths.sort();
    paths.iter().map(|path| std::fs::read(path).expect("a file")).collect()
}

/// Goes through it as a person would, in each view; whether it was one.
fn look_through(bytes: Vec<u8>) -> bool {
    let Ok(recording) = Recording::read(bytes) else { return false };
    let recording = Rc::new(recording);
    let journal = recording.journal();
    let until = journal.until().unwrap_or_default();
    let source = Replay::new(recording.head().header.clone(), until);
    let session = Session::of_journal(source, journal);
    let scene = session.scene(None);
    let mut app = App::default();
    let state =
        tui::ReplayState { name: "x.rec".to_owned(), speed: ReplaySpeed::USUAL, idle: None };
    app.open_replay(state, None, &scene);
    for seq in [0, scene.live.seq.0 / 2, scene.live.seq.0] {
        app.go_to(Seq(seq), &scene);
        for view in View::ALL {
            app.ui.view = view;
            let screen = painted(&app, scene);
            assert!(screen.contains("REPLAY"), "{screen}");
        }
    }
    true
}

#[test]
fn the_recordings_that_are_kept_are_looked_through() {
    let kept = kept();
    assert!(kept.len() >= 6);
    for bytes in kept {
        assert!(look_through(bytes));
    }
}

/// Goes through a lesson as a person would; whether it is one.
fn go_through(bytes: Vec<u8>) -> Option<LessonApp> {
    let recording = Recording::read(bytes).ok()?;
    let lesson = RecordedLesson::read(&recording).ok()??;
    let done = lesson.done();
    let mut app = LessonApp::new(Script::recorded(lesson), (80, 24));
    app.replay(done);
    for at in 0..app.course().moments.len().min(16) {
        app.go_to(at);
        for shown in [Shown::Overview, Shown::Timeline, Shown::Calls, Shown::Steps, Shown::Path] {
            app.show(shown);
            assert!(!painted_lesson(&app).is_empty());
        }
    }
    app.show(Shown::Overview);
    Some(app)
}

fn recorded_lesson() -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recordings/lesson.rec");
    std::fs::read(path).expect("a file")
}

#[test]
fn a_lesson_is_gone_through_as_it_was() {
    let recording = Recording::read(recorded_lesson()).expect("a recording");
    let lesson = RecordedLesson::read(&recording).expect("it is whole").expect("a lesson");
    let done = lesson.done();
    let answered = done.iter().filter(|done| matches!(done, Done::Step(_, Some(_)))).count();
    let tried = done.iter().filter(|done| matches!(done, Done::Try(_))).count();
    assert!(done.len() > 4 && answered > 0 && tried > 0, "{done:?}");
    let mut app = go_through(recorded_lesson()).expect("a lesson");
    let again: Vec<_> = app.course().moments.iter().filter_map(Moment::done).collect();
    assert_eq!(again, done);
    assert!(app.course().moments.iter().all(|moment| moment.unmet().count() == 0));
    app.go_to(0);
    let screen = painted_lesson(&app);
    assert!(screen.contains("REPLAY") && screen.contains(&app.course().case.title), "{screen}");
    // Its events are those that the panes showed.
    let journal = Rc::new(recording).journal();
    assert_eq!(journal.last(), Some(app.scene().live.seq));
    journal.forward_from(Seq(1), |event| {
        assert_eq!(app.scene().journal.get(event.seq).as_ref(), Some(event));
        true
    });
}

#[test]
fn a_lesson_whose_beginning_is_missing_is_shown_by_its_events() {
    let bytes = forged(&recorded_lesson(), |blocks| {
        let first = blocks.iter().position(|block| block.kind == BlockKind::Report);
        blocks.remove(first.expect("a report"));
    });
    let recording = Recording::read(bytes.clone()).expect("a recording");
    let why = RecordedLesson::read(&recording).err();
    assert_eq!(why.as_deref(), Some("the beginning of the lesson is missing"));
    assert!(look_through(bytes));
}

#[test]
fn a_lesson_of_which_a_step_is_damaged_is_shown_by_its_events() {
    let bytes = forged(&recorded_lesson(), |blocks| {
        let mut reports = blocks.iter_mut().filter(|block| block.kind == BlockKind::Report);
        reports.nth(3).expect("a report").raw = vec![0xff; 3];
    });
    let recording = Recording::read(bytes.clone()).expect("a recording");
    let why = RecordedLesson::read(&recording).err();
    assert_eq!(why.as_deref(), Some("a step of the lesson is damaged"));
    assert!(look_through(bytes));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// The checksums are right: what was changed gets as far as it can.
    #[test]
    fn a_forged_recording_is_looked_through_or_refused(
        which in any::<Index>(),
        changes in proptest::collection::vec((any::<Index>(), any::<Index>(), any::<u8>()), 1..12),
    ) {
        let kept = kept();
        let bytes = forged(which.get::<Vec<u8>>(kept.as_slice()), |blocks| {
            for (block, place, byte) in changes {
                let packed = [BlockKind::Events, BlockKind::Key];
                let mut packed: Vec<_> =
                    blocks.iter_mut().filter(|block| packed.contains(&block.kind)).collect();
                let at = block.index(packed.len());
                let raw = &mut packed[at].raw;
                let at = place.index(raw.len());
                raw[at] = byte;
            }
        });
        look_through(bytes);
    }

    #[test]
    fn a_forged_lesson_is_gone_through_or_refused(
        changes in proptest::collection::vec((any::<Index>(), any::<Index>(), any::<u8>()), 1..6),
    ) {
        let bytes = forged(&recorded_lesson(), |blocks| {
            for (block, place, byte) in changes {
                let of_lesson = [BlockKind::Lesson, BlockKind::Report];
                let mut reports: Vec<_> =
                    blocks.iter_mut().filter(|block| of_lesson.contains(&block.kind)).collect();
                let at = block.index(reports.len());
                let raw = &mut reports[at].raw;
                let at = place.index(raw.len());
                raw[at] = byte;
            }
        });
        go_through(bytes);
    }

    #[test]
    fn a_damaged_recording_is_looked_through_or_refused(
        which in any::<Index>(),
        damage in proptest::collection::vec((any::<Index>(), any::<u8>(), 0_u8..3), 1..8),
    ) {
        let kept = kept();
        let mut bytes: Vec<u8> = which.get(kept.as_slice()).clone();
        for (place, byte, how) in damage {
            let at = place.index(bytes.len());
            match how {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                _ => drop(bytes.drain(at..(at + usize::from(byte)).min(bytes.len() - 1).max(at))),
            }
        }
        look_through(bytes);
    }
}
