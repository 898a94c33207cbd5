//! Lessons and recordings, of which whoever comes has all from the beginning.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Instant;

use epollscope::event::Seq;
use epollscope::record::{BlockKind, Recording};

use super::live::{SHARED, Stream, address, events};
use super::{CODE, PATIENCE};
use crate::harness::program;
use crate::pty::Terminal;

fn lesson(more: &[&str]) -> Terminal {
    Terminal::start(40, 120, &[&["lesson"][..], more, &SHARED].concat())
}

/// A file of a test, which is not there yet.
fn unused(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("epollscope-{name}-{}.rec", std::process::id()));
    let _not_there = std::fs::remove_file(&path);
    path
}

/// All blocks, once nothing follows them.
fn all(mut blocks: Stream) -> Vec<u8> {
    while blocks.read() {}
    blocks.body()
}

/// Reads until so many bytes of blocks have come.
fn has(blocks: &mut Stream, bytes: usize) {
    let begun = Instant::now();
    while blocks.body().len() < bytes {
        assert!(begun.elapsed() < PATIENCE && blocks.read(), "{} bytes", blocks.body().len());
    }
}

#[test]
fn a_recording_is_had_as_it_is() {
    let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/recordings");
    let golden = Path::new(golden).read_dir().unwrap().map(|file| file.unwrap().path());
    let is_session = |path: &PathBuf| {
        let recording = Recording::open(path).ok().and_then(Result::ok);
        recording.is_some_and(|it| it.bodies(BlockKind::Lesson).next().is_none())
    };
    let golden = golden.filter(is_session).min().unwrap();
    let file = std::fs::read(&golden).unwrap();
    let stored = Recording::read(file.clone()).unwrap().stored();
    let replay = ["replay", golden.to_str().unwrap(), "--paused"];
    let mut replay = Terminal::start(40, 120, &[&replay[..], &SHARED].concat());
    let address = address(&replay);
    let mut film = Stream::new(address, "film?size=120x40");
    film.until("the recording", |screen| screen.contains("REPLAY"));
    let mut first = Stream::new(address, "blocks");
    has(&mut first, stored);
    // Whoever comes late has all of it, too; and both hear where the one looks who goes through it.
    let mut late = Stream::new(address, "blocks");
    has(&mut late, stored + 1);
    let viewer = Terminal::start(40, 120, &["watch", &format!("{address}/{CODE}")]);
    viewer.shows("WATCHING 127.0.0.1");
    replay.keys("3");
    viewer.until("the teacher's view", |screen| !screen.contains("Ready list"));
    // He goes to the end, and a step back: it is followed there.
    replay.keys("g[[");
    let there = |screen: &str| {
        let (_, rest) = screen.split_once("event ")?;
        Some(rest.split_whitespace().next()?.to_owned())
    };
    let at = replay.until("an event near the end", |screen| {
        there(screen).is_some_and(|at| at.parse::<u64>().is_ok_and(|at| at > 20))
    });
    let at = there(&at).unwrap();
    viewer.until("the same event", |screen| there(screen).as_ref() == Some(&at));
    replay.keys("q");
    assert!(replay.ended().success());
    viewer.shows("the session has ended; what came can be replayed and exported");
    for blocks in [first, late] {
        let bytes = all(blocks);
        assert_eq!(bytes[..stored], file[..stored]);
        assert_eq!(events(bytes), events(file.clone()));
    }
}

/// How far a lesson is, as its screen says.
fn step(terminal: &Terminal) -> String {
    let text = terminal.until("the step", |screen| screen.contains(" of "));
    let at = text.find("step ").unwrap();
    text[at..].chars().take("step 0 of 9".len()).collect()
}

#[test]
fn a_lesson_is_had_from_its_beginning_and_is_one_again() {
    let [file, copy] = ["lesson-file", "lesson-copy"].map(unused);
    let mut lesson = lesson(&["read-once", "--record", file.to_str().unwrap()]);
    let address = address(&lesson);
    lesson.shows("Enter makes the first step.");
    lesson.keys("\r");
    lesson.until("a step", |screen| screen.contains("step 1 of"));
    let mut blocks = Stream::new(address, "blocks");
    has(&mut blocks, 1);
    lesson.keys("\r");
    lesson.until("another", |screen| screen.contains("step 2 of"));
    // Whoever looks on with the whole tool sees what has been done already.
    let mut viewer = Terminal::start(40, 120, &["watch", &format!("{address}/{CODE}")]);
    viewer.shows("WATCHING 127.0.0.1");
    viewer.shows("epoll_ctl(3<e>, ADD");
    let told = step(&lesson);
    lesson.keys("q");
    assert!(lesson.ended().success());
    viewer.shows("the session has ended; what came can be replayed and exported");
    viewer.keys("q");
    let bytes = all(blocks);
    assert_eq!(events(bytes.clone()), events(std::fs::read(&file).unwrap()));
    std::fs::write(&copy, bytes).unwrap();
    let mut again = Terminal::start(40, 120, &["replay", copy.to_str().unwrap()]);
    again.shows("a recording: ] and [ go through its steps");
    again.keys("]]]]");
    again.until("how far it came", |screen| screen.contains(&told));
    for path in [file, copy] {
        std::fs::remove_file(path).unwrap();
    }
}

/// What is answered to whoever asks for blocks where there are none.
fn refused(address: SocketAddr) -> String {
    let mut none = Stream::new(address, "blocks");
    while none.read() {}
    none.answer()
}

/// The lessons of a recording.
fn lessons(bytes: &[u8]) -> usize {
    Recording::read(bytes.to_vec()).unwrap().bodies(BlockKind::Lesson).count()
}

#[test]
fn each_lesson_is_a_recording_of_its_own_and_between_them_there_is_none() {
    let mut menu = lesson(&[]);
    let address = address(&menu);
    let answer = refused(address);
    assert!(answer.starts_with("HTTP/1.1 404 no lesson is open now\r\n"), "{answer}");
    assert!(answer.ends_with("not found: no lesson is open now\n"), "{answer}");
    let watch = program().args(["watch", &format!("{address}/{CODE}")]).output().unwrap();
    let why = String::from_utf8_lossy(&watch.stderr).into_owned();
    assert!(why.contains("refuses it: 404 no lesson is open now"), "{why}");
    menu.keys("\r");
    menu.shows("Enter makes the first step.");
    menu.keys("\r");
    menu.until("a step", |screen| screen.contains("step 1 of"));
    let mut blocks = Stream::new(address, "blocks");
    has(&mut blocks, 1);
    // It ends with the lesson, which has begun again.
    menu.keys("r");
    menu.shows("r again begins again");
    menu.keys("r");
    let first = all(blocks);
    menu.until("no step", |screen| screen.contains("step 0 of"));
    let mut blocks = Stream::new(address, "blocks");
    has(&mut blocks, 1);
    menu.keys("q");
    menu.shows("by topic");
    for bytes in [first, all(blocks)] {
        assert_eq!(lessons(&bytes), 1);
        assert_eq!(events(bytes)[0].seq, Seq(1));
    }
    assert!(refused(address).starts_with("HTTP/1.1 404 no lesson is open now\r\n"));
}
