//! What `e` writes for others, on a screen that shows no server of this process.

use std::io::{Read, Write};
use std::path::PathBuf;
use std::rc::Rc;

use epollscope::event::{Event, Kind, Output, Seq};
use epollscope::record::{BlockKind, Recording};

use super::lessons::EDGE;
use crate::pty::{FREE, Terminal};

/// Presses `e`, chooses the kind so many below the first, and writes it; the file.
#[track_caller]
fn written(terminal: &mut Terminal, below: usize, ending: &str) -> PathBuf {
    terminal.keys("e");
    terminal.shows("Enter write");
    terminal.keys(&"j".repeat(below));
    terminal.keys("\r");
    terminal.shows(&format!(".{ending} is written: "));
    let files = terminal.folder().read_dir().unwrap().map(|file| file.unwrap().path());
    let mut files = files.filter(|path| path.extension().is_some_and(|has| has == ending));
    let file = files.next().expect("a file");
    assert_eq!(files.next(), None);
    file
}

fn events(recording: Recording) -> Vec<Event> {
    let mut events = Vec::new();
    Rc::new(recording).journal().forward_from(Seq(1), |event| {
        events.push(event.clone());
        true
    });
    events
}

#[test]
fn of_a_lesson_its_screen_and_a_recording_that_is_a_lesson_again() {
    let mut lesson = Terminal::start(40, 120, &["lesson", EDGE]);
    lesson.shows("Enter makes the first step.");
    lesson.keys("\r");
    lesson.shows("epoll_ctl(3<e>, ADD, 5<p.r>, IN|ET) = 0");
    let text = std::fs::read_to_string(written(&mut lesson, 3, "txt")).unwrap();
    assert!(text.contains("epoll_ctl(3<e>, ADD, 5<p.r>, IN|ET) = 0"), "{text}");
    let file = written(&mut lesson, 1, "rec");
    let recording = Recording::open(&file).unwrap().unwrap();
    assert_eq!((recording.cut(), recording.bodies(BlockKind::Lesson).count()), (None, 1));
    // The making of the actors, and a step.
    assert_eq!(recording.bodies(BlockKind::Report).count(), 2);
    let mut again = Terminal::start(40, 120, &["replay", file.to_str().unwrap()]);
    again.shows("a recording: ] and [ go through its steps");
    again.keys("]");
    again.shows("epoll_ctl(3<e>, ADD, 5<p.r>, IN|ET) = 0");
    again.keys("q");
    assert!(again.ended().success());
}

#[test]
fn of_a_session_that_is_looked_at_from_elsewhere_what_came() {
    let code = "K7QM4X";
    let shared = ["--share", "127.0.0.1:0", "--code", code];
    let teacher = Terminal::start(40, 120, &[&FREE[..], &shared].concat());
    let text = teacher.until("the address", |screen| {
        screen.split_once("shared: http://").is_some_and(|(_, rest)| rest.contains(code))
    });
    let address = text.split_once("shared: http://").unwrap().1.split_whitespace().next().unwrap();
    let mut viewer = Terminal::start(40, 120, &["watch", address]);
    viewer.shows("WATCHING 127.0.0.1");
    let mut client = teacher.connect();
    client.write_all(b"hello\n").unwrap();
    client.read_exact(&mut [0; 6]).unwrap();
    viewer.shows(r#""hello\n""#);
    let file = written(&mut viewer, 1, "rec");
    let recording = Recording::open(&file).unwrap().unwrap();
    assert_eq!((recording.cut(), recording.damage()), (None, None));
    let sent = |event: &Event| match &event.kind {
        Kind::Return(record) => {
            matches!(&record.output, Output::Data(data) if data[..] == *b"hello\n")
        }
        _ => false,
    };
    assert!(events(recording).iter().any(sent));
    let text = std::fs::read_to_string(written(&mut viewer, 3, "txt")).unwrap();
    assert!(text.contains("WATCHING") && text.contains(r#""hello\n""#), "{text}");
}
