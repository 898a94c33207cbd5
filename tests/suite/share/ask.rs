//! Questions to those who watch, and what is no answer.

use std::io::Write as _;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use epollscope::share::{ClassForm, Share, ShareLook};

use super::live::{SHARED, Stream, address as address_on};
use super::{CODE, Viewer, address, answer, send, start, wait};
use crate::browser::Browser;
use crate::pty::{FREE, Terminal};

/// The request of an answer.
fn request(share: &Share, body: &str) -> String {
    let (length, host) = (body.len(), address(share));
    format!(
        "POST /{CODE}/answer HTTP/1.1\r\nHost: {host}\r\nContent-Length: {length}\r\n\r\n{body}"
    )
}

pub(super) fn body(question: u32, token: u32, answer: &str) -> String {
    format!(r#"{{"question":{question},"token":"{token:032x}","answer":{answer}}}"#)
}

pub(super) fn is_taken(share: &Share, question: u32, token: u32, said: &str) -> bool {
    let answered = answer(send(share, &request(share, &body(question, token, said))));
    assert!(answered.starts_with("HTTP/1.1 204 ") || answered.starts_with("HTTP/1.1 404 "));
    answered.starts_with("HTTP/1.1 204 ")
}

fn watches(share: &Share, token: u32) -> Viewer {
    Viewer::new(share, &format!("120x40&viewer={token:032x}"))
}

fn choices() -> ClassForm {
    ClassForm::Choices(vec!["yes".to_owned(), "no".to_owned()])
}

#[test]
fn what_is_no_answer_is_refused_and_counted() {
    let mut share = start();
    let _viewer = watches(&share, 1);
    wait(&mut share, "one watches", |share| share.report().viewers == 1);
    assert!(!is_taken(&share, 1, 1, "0"), "nothing is asked");
    let number = share.ask("Is it?".to_owned(), choices());
    let begun = Instant::now();
    while !is_taken(&share, number, 1, "0") {
        assert!(begun.elapsed() < super::PATIENCE);
        std::thread::sleep(Duration::from_millis(600));
    }
    let refused = |share: &mut Share| {
        assert!(matches!(share.look(), ShareLook::Same | ShareLook::Changed));
        share.report().refused
    };
    wait(&mut share, "it is counted", |share| share.tally(number).is_some_and(|t| t.answered == 1));
    let before = refused(&mut share);
    assert!(!is_taken(&share, number + 1, 1, "0"), "another question");
    assert!(!is_taken(&share, number, 2, "0"), "one who does not watch");
    assert!(!is_taken(&share, number, 1, "2"), "no such answer");
    assert!(!is_taken(&share, number, 1, "\"yes\""), "it is not typed");
    let host = format!("Host: {}\r\n", address(&share));
    let whole = body(number, 1, "1");
    for no in [
        format!("POST /{CODE}/answer HTTP/1.1\r\n{host}\r\n"),
        format!(
            "POST /{CODE}/answer HTTP/1.1\r\n{host}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
        ),
        request(&share, &format!("{whole}{}", " ".repeat(257))),
        request(&share, &whole[..20]),
        request(&share, &whole).replace("/answer", "/film?size=120x40"),
        request(&share, &whole).replace("POST", "PUT"),
        request(&share, &whole).replace(CODE, "K7QM4Y"),
    ] {
        let answered = answer(send(&share, &no));
        assert!(answered.starts_with("HTTP/1.1 404 "), "{no}: {answered}");
    }
    wait(&mut share, "they are counted", |share| share.report().refused == before + 11);
    assert_eq!(share.tally(number).unwrap().choices, [1, 0]);
}

#[test]
fn a_class_answers_a_lesson_that_was_opened_beside_a_server() {
    let mut terminal = Terminal::start(40, 120, &[&FREE[..], &SHARED].concat());
    let address = address_on(&terminal);
    let film = "film?size=120x40&viewer=00000000000000000000000000000001";
    let mut viewer = Stream::new(address, film);
    viewer.until("the server", |screen| screen.contains("Interest list"));
    terminal.keys("L");
    terminal.shows("by topic");
    terminal.keys("/read-once\r");
    terminal.settle();
    terminal.keys("\r");
    to_the_question(&mut terminal);
    terminal.shows("The class: 0 of 1 have answered. a closes.");
    let body = body(1, 1, "0");
    let head = format!("Host: {address}\r\nContent-Length: {}\r\n", body.len());
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "POST /{CODE}/answer HTTP/1.1\r\n{head}\r\n{body}").unwrap();
    assert!(answer(stream).starts_with("HTTP/1.1 204 "));
    // Nobody presses a key.
    terminal.shows("The class: 1 of 1 have answered. a closes.");
    // Whoever goes has not answered any more.
    drop(viewer);
    terminal.shows("The class: 0 of 0 have answered. a closes.");
    terminal.keys("qqq");
}

/// What the page shows of the question.
const ASKED: &str = "document.getElementById('ask').hidden \
                     ? '' : document.getElementById('ask').innerText";

fn page_shows(browser: &Browser, text: &str) {
    browser.until(&format!("return ({ASKED}).includes('{text}')"));
}

/// Goes through a lesson up to its first question.
fn to_the_question(lesson: &mut Terminal) {
    while !lesson.text().contains("QUESTION") {
        lesson.keys("\r");
        lesson.settle();
    }
}

/// A shared lesson whose first question the browser shows.
fn asked(browser: &Browser, lesson: &[&str]) -> Terminal {
    let mut lesson = Terminal::start(40, 120, &[lesson, &SHARED].concat());
    browser.go(&format!("http://{}/{CODE}", address_on(&lesson)));
    lesson.shows("SHARED 1");
    to_the_question(&mut lesson);
    lesson.shows("The class: 0 of 1 have answered.");
    page_shows(browser, "What do you say?");
    lesson
}

#[test]
fn a_class_answers_a_lesson_in_a_browser() {
    let test = "a_class_answers_a_lesson_in_a_browser";
    let Some(browser) = Browser::open(test, (1280, 900), "dark") else { return };
    let report = std::env::temp_dir().join(format!("epollscope-class-{}.csv", std::process::id()));
    let more = ["lesson", "read-once", "--report", report.to_str().unwrap()];
    let mut lesson = asked(&browser, &more);
    let shows = |text: &str| page_shows(&browser, text);
    browser.run("document.querySelectorAll('#ask-choices button')[0].click()", &[]);
    lesson.shows("The class: 1 of 1 have answered. a closes.");
    shows("Your answer is in.");
    lesson.keys("a");
    lesson.until("it is closed", |screen| !screen.contains("a closes."));
    shows("No more answers are taken; yours is in.");
    lesson.keys("x");
    lesson.shows("1 of 1 have answered, 1 of them rightly.");
    shows("Right. Your answers: 1 of 1 right.");
    let (complaints, _) = browser.complaints_and_requests();
    assert_eq!(complaints, Vec::<String>::new());
    lesson.keys("qq");
    assert!(lesson.ended().success());
    let text = std::fs::read_to_string(&report).unwrap();
    std::fs::remove_file(&report).unwrap();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines.len(), 3, "{text}");
    assert_eq!(lines[0], "lesson,step,question,answer,right,count,answered,of");
    assert!(lines[1].starts_with("read-once,5,") && lines[1].ends_with(",yes,1,1,1"), "{text}");
    assert!(lines[2].ends_with(",no,0,1,1"), "{text}");
}

#[test]
fn what_is_typed_in_a_browser_is_counted_and_judged() {
    let test = "what_is_typed_in_a_browser_is_counted_and_judged";
    let Some(browser) = Browser::open(test, (1280, 900), "dark") else { return };
    let mut lesson = asked(&browser, &["lesson", "accept-once"]);
    let shows = |text: &str| page_shows(&browser, text);
    browser.run("document.getElementById('ask-field').focus()", &[]);
    // Keys of the page among them do nothing there.
    browser.keys(&["g", "?", "["]);
    let typed = "return document.getElementById('ask-field').value";
    assert_eq!(browser.run(typed, &[]), "g?[");
    browser.keys(&["\u{E003}", "\u{E003}", "\u{E003}", "7", "\u{E007}"]);
    lesson.shows("The class: 1 of 1 have answered.");
    shows("Your answer is in.");
    // Whoever types goes on typing.
    browser.keys(&["\u{E003}", "1", "\u{E007}"]);
    browser.until("return document.getElementById('ask-field').value === '1'");
    // It is on its way until it has been taken.
    let taken =
        "performance.getEntriesByType('resource').filter((it) => it.name.endsWith('/answer'))";
    browser.until(&format!("return {taken}.length === 2"));
    // The teacher's own line is left first.
    lesson.shows("your answer>");
    lesson.keys("\x1b");
    lesson.until("no line", |screen| !screen.contains("your answer>"));
    lesson.keys("a");
    shows("No more answers are taken; yours is in.");
    lesson.keys("x");
    lesson.shows("1 of 1 have answered, 1 of them rightly.");
    shows("Right. It is 1. Your answers: 1 of 1 right.");
    // The teacher, who has said nothing, has another score.
    while !lesson.text().contains("The end.") {
        lesson.keys(if lesson.text().contains("QUESTION") { "x" } else { "\r" });
        lesson.settle();
    }
    lesson.shows("You predicted 0 of 3.");
    shows("Those on the screen are the teacher");
    shows("Your answers: 1 of 3 right.");
    let told = "document.getElementById('why-text').textContent";
    let whose = "The end. 0 of 3 were predicted.";
    browser.until(&format!("return {told}.startsWith('{whose}')"));
    let (complaints, _) = browser.complaints_and_requests();
    assert_eq!(complaints, Vec::<String>::new());
}

#[test]
fn a_free_question_of_a_live_server() {
    let mut terminal =
        Terminal::start(40, 120, &[&["--listen", "127.0.0.1:0"][..], &SHARED].concat());
    let address = address_on(&terminal);
    let connect = |text: &str| {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(super::PATIENCE)).unwrap();
        stream.write_all(text.as_bytes()).unwrap();
        stream
    };
    let film = format!("/{CODE}/film?size=80x24&viewer={:032x}", 7);
    let stream = connect(&format!("GET {film} HTTP/1.1\r\nHost: {address}\r\n\r\n"));
    let mut viewer = Viewer { stream, text: String::new() };
    terminal.shows("SHARED 1");
    terminal.keys(":ask Who wakes? | T1 | T2\r");
    terminal.shows("0 of 1 have answered");
    viewer.until(r#"{"number":1,"text":"Who wakes?","answers":["T1","T2"],"closed":false}"#);
    let body = body(1, 7, "1");
    let length = body.len();
    let head = format!("POST /{CODE}/answer HTTP/1.1\r\nHost: {address}\r\n");
    let taken = answer(connect(&format!("{head}Content-Length: {length}\r\n\r\n{body}")));
    assert!(taken.starts_with("HTTP/1.1 204 "), "{taken}");
    terminal.shows("1 of 1 have answered");
    let open = terminal.text();
    assert!(open.contains("1) T1 · 2) T2") && !open.contains("T2  ▇"), "{open}");
    terminal.keys(":ask Another one?\r");
    terminal.shows("a question is open: a closes it");
    terminal.keys("a");
    let closed = terminal.shows("▇ 1");
    assert!(closed.contains(" T1   0 ") && closed.contains(" T2  ▇"), "{closed}");
    viewer.until(r#""closed":true"#);
    terminal.keys("a");
    terminal.until("no box", |screen| !screen.contains("The class"));
    viewer.until("event: question\ndata: null");
    terminal.keys("a");
    terminal.shows("nobody is asked");
}
