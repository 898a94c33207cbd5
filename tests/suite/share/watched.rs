//! The program looks on at another one.

use super::CODE;
use super::live::{SHARED, address, start};
use crate::pty::Terminal;

#[test]
fn the_whole_tool_looks_on() {
    let mut teacher = start(&[]);
    let address = address(&teacher);
    let mut viewer = Terminal::start(40, 120, &["watch", &format!("{address}/{CODE}")]);
    viewer.shows("WATCHING 127.0.0.1");
    teacher.keys("c");
    viewer.shows("built-in 127.0.0.1");
    teacher.keys("3");
    let calls_alone = |screen: &str| screen.contains("Calls") && !screen.contains("Ready list");
    viewer.until("the teacher's view", calls_alone);
    viewer.keys("1");
    viewer.until("its own", |screen| screen.contains("Ready list") && screen.contains("own view"));
    teacher.keys("2");
    teacher.until("the timeline", |screen| !screen.contains("Ready list"));
    viewer.keys(":pause\r");
    viewer.shows("who looks on asks nothing of the server");
    viewer.keys("[");
    viewer.shows("PAST");
    viewer.keys("V");
    viewer.until("the teacher's view", |screen| {
        screen.contains("follows the teacher's view") && !screen.contains("Ready list")
    });
    teacher.keys("q");
    assert!(teacher.ended().success());
    viewer.shows("the session has ended; what came can be replayed and exported");
    viewer.keys("[");
    viewer.shows("PAST");
    viewer.keys("q");
    assert!(viewer.ended().success());
}

#[test]
fn a_lesson_is_looked_on_at_with_its_story_and_so_is_the_one_after_it() {
    let mut teacher = Terminal::start(40, 120, &[&["lesson", "--no-state"][..], &SHARED].concat());
    let address = format!("{}/{CODE}", address(&teacher));
    teacher.keys("\r");
    teacher.shows("Enter makes the first step.");
    let mut viewer = Terminal::start(40, 120, &["watch", &address]);
    let title = |screen: &str| {
        let row = screen.lines().next()?;
        Some(row.split("  step ").next()?.trim().to_owned())
    };
    let first = title(&teacher.text());
    viewer.until("its beginning", |screen| {
        screen.contains("WATCHING 127.0.0.1")
            && screen.contains("step 0 of")
            && title(screen) == first
    });
    teacher.keys("\r");
    viewer.until("its first step", |screen| screen.contains("\u{2500} Step 1 \u{2500}"));
    viewer.keys("v");
    viewer.shows(&format!("you look on: a browser takes answers at http://{address}"));
    // The same lesson begins again.
    teacher.keys("r");
    teacher.shows("r again begins again");
    teacher.keys("r");
    viewer.until("its beginning again", |screen| {
        screen.contains("the lesson begins again") && screen.contains("step 0 of")
    });
    teacher.keys("q");
    viewer.shows("this lesson is over: the next one is shown as soon as it begins");
    teacher.shows("by topic");
    teacher.keys("j\r");
    let second = viewer.shows("the next lesson: ");
    assert!(title(&second) != first && second.contains("step 0 of"), "{second}");
    teacher.keys("q");
    teacher.shows("by topic");
    both_end(teacher, viewer);
}

/// The session is left where it is shared, which is said where it is looked on at.
fn both_end(mut teacher: Terminal, mut viewer: Terminal) {
    teacher.keys("q");
    assert!(teacher.ended().success());
    viewer.shows("the session has ended; what came can be replayed and exported");
    viewer.keys("q");
    assert!(viewer.ended().success());
}

#[test]
fn a_lesson_that_is_replayed_is_looked_on_at_as_one() {
    let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/recordings/lesson.rec");
    let mut teacher = Terminal::start(40, 120, &[&["replay", golden][..], &SHARED].concat());
    let address = format!("{}/{CODE}", address(&teacher));
    let mut viewer = Terminal::start(24, 80, &["watch", &address]);
    viewer.until("its beginning", |screen| screen.contains("step 0 of"));
    teacher.keys("]]");
    viewer.until("where he is", |screen| screen.contains("\u{2500} Step 2 \u{2500}"));
    for key in ["[", "v"] {
        viewer.keys(key);
    }
    viewer.shows("you look on: ");
    viewer.until("its own view", |screen| screen.contains("\u{2500} Step 1 \u{2500}"));
    // p plays, space stands, Home is the beginning.
    teacher.keys("p");
    teacher.shows("PLAYING");
    teacher.keys(" ");
    teacher.shows("stopped");
    teacher.keys("\x1b[H");
    teacher.until("the beginning", |screen| screen.contains("step 0 of"));
    teacher.keys("u");
    teacher.shows("a recording: nothing to answer or to try");
    both_end(teacher, viewer);
}
