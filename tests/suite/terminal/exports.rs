//! What `e` writes for others, on a screen that shows no server of this process.

use std::io::{Read, Write};
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use epollscope::event::{Event, Kind, Output};
use epollscope::record::{BlockKind, Recording};

use super::lessons::EDGE;
use crate::harness::events_of;
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
    assert!(events_of(recording).iter().any(sent));
    let text = std::fs::read_to_string(written(&mut viewer, 3, "txt")).unwrap();
    assert!(text.contains("WATCHING") && text.contains(r#""hello\n""#), "{text}");
}

#[test]
fn of_a_server_nothing_that_is_left_out() {
    let hide = ["--hide", "payload,peers"];
    let mut terminal = Terminal::start(40, 120, &[&FREE[..], &hide].concat());
    let mut client = terminal.connect();
    let peer = client.local_addr().unwrap().to_string();
    client.write_all(b"GEHEIM\n").unwrap();
    client.read_exact(&mut [0; 7]).unwrap();
    terminal.shows("GEHEIM");
    for kind in
        ["recording", "page", "picture", "text", "cast", "trace", "strace", "lines", "spans"]
    {
        terminal.keys(&format!(":export {kind} of\r"));
        terminal.shows(" is written: ");
        let files = terminal.folder().read_dir().unwrap().map(|file| file.unwrap().path());
        let mut files = files.filter(|path| path.file_stem().is_some_and(|name| name == "of"));
        let file = files.next().expect("a file");
        let mut bytes = std::fs::read(&file).unwrap();
        match kind {
            "recording" => {
                let recording = Recording::open(&file).unwrap().unwrap();
                assert_eq!(recording.head().hidden.len(), 2);
                bytes = format!("{:?}", events_of(recording)).into_bytes();
            }
            "page" => bytes = film(&bytes),
            _ => {}
        }
        std::fs::remove_file(file).unwrap();
        let text = String::from_utf8(bytes).unwrap();
        assert!(text.len() > 100, "{kind}: {text}");
        assert!(!text.contains("GEHEIM"), "{kind}");
        assert!(!text.contains(&peer), "{kind}");
        terminal.keys("\u{1b}");
        terminal.until("nothing is said", |screen| !screen.contains(" is written: "));
    }
}

/// The film of a page.
fn film(page: &[u8]) -> Vec<u8> {
    let page = std::str::from_utf8(page).unwrap();
    let (_, film) = page.split_once("id=\"film\" type=\"text/plain\">").unwrap();
    let packed = STANDARD.decode(film.split_once("</script>").unwrap().0.trim()).unwrap();
    let mut lines = Vec::new();
    flate2::read::ZlibDecoder::new(&packed[..]).read_to_end(&mut lines).unwrap();
    lines
}
