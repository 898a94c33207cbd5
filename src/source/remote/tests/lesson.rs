//! Lessons elsewhere, one after the other.

use std::path::Path;

use super::*;
use crate::event::TimeUnit;
use crate::record::{BlockKind, Recording};
use crate::source::{LessonNews, RemoteLesson};

fn golden() -> Vec<u8> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/recordings/lesson.rec");
    std::fs::read(Path::new(path)).expect("it is there")
}

/// What is told until the end, in words.
fn told(remote: &mut RemoteLesson) -> Vec<String> {
    let (mut all, begun) = (Vec::new(), Instant::now());
    loop {
        assert!(begun.elapsed() < Duration::from_secs(60), "it does not end: {all:?}");
        let Some(news) = remote.news() else {
            std::thread::yield_now();
            continue;
        };
        match news {
            LessonNews::Begun(lesson) => all.push(format!("begun {}", lesson.case.id)),
            LessonNews::Done(told) => all.push(format!("{:?}", told.kind)),
            LessonNews::View(_) => {}
            LessonNews::Over => all.push("over".to_owned()),
            LessonNews::Ended(end) => {
                all.push(format!("{end:?}"));
                return all;
            }
        }
    }
}

#[test]
fn each_is_told_from_its_beginning_to_its_end() {
    let file = golden();
    let recording = Recording::read(file.clone()).expect("a recording");
    let reports = recording.bodies(BlockKind::Report).count();
    let (address, _) = server(answer(&[&file[..], &file[..]].concat(), 1000));
    let mut lesson = connect(&address).expect("an answer").lesson().ok().expect("a lesson");
    let all = told(&mut lesson);
    let (first, second) = all.split_at(reports + 2);
    assert!(first[0].starts_with("begun ") && first[1..=reports].iter().all(|it| it == "Report"));
    assert_eq!(first.last().map(String::as_str), Some("over"));
    assert_eq!(&second[..second.len() - 1], first);
    assert_eq!(second.last().map(String::as_str), Some("Ended"));
}

#[test]
fn one_that_breaks_off_is_lost_and_what_is_no_lesson_is_a_session() {
    let file = golden();
    let (address, _) = server(answer(&file[..file.len() / 2], 1000));
    let mut lesson = connect(&address).expect("an answer").lesson().ok().expect("a lesson");
    assert_eq!(told(&mut lesson).last().map(String::as_str), Some("Lost"));
    let (address, _) = server(answer(&ended(0, 60), 1000));
    let session = connect(&address).expect("an answer").lesson().err().expect("a session");
    assert_eq!(session.header().clock, TimeUnit::Nanoseconds);
}
