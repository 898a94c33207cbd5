//! A session that is shared, as viewers see it: over real connections, from a process of its own.

mod ask;
mod crowd;
mod live;
mod past;
mod watched;

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

use epollscope::share::{
    FilmSize, Share, ShareBlocks, ShareCode, ShareLook, ShareOptions, SharePage, Telling, Wanted,
};

use nix::sys::socket::{getsockopt, sockopt};

const CODE: &str = "K7QM4X";
const PAGE: &str = "<!doctype html><title>page</title>";
const PATIENCE: Duration = Duration::from_secs(30);

fn start() -> Share {
    let code = ShareCode::parse(CODE);
    let address = SocketAddr::from(([127, 0, 0, 1], 0));
    let options = ShareOptions { address, code, name: Some("class.test".to_owned()), lan: false };
    let program = Path::new(env!("CARGO_BIN_EXE_epollscope"));
    Share::start_as(program, &options, page, ShareBlocks::Passing, || ()).unwrap()
}

fn page(code: &str) -> SharePage {
    assert_eq!(code.len(), CODE.len());
    SharePage { html: PAGE.to_owned(), policy: "default-src 'none'".to_owned() }
}

fn address(share: &Share) -> SocketAddr {
    let addresses = share.addresses();
    assert_eq!(addresses.len(), 1);
    addresses[0].strip_suffix(&format!("/{CODE}")).unwrap().parse().unwrap()
}

/// Sends a request as it is.
fn send(share: &Share, request: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address(share)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    stream
}

fn get(share: &Share, path: &str) -> TcpStream {
    send(share, &format!("GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", address(share)))
}

/// All that is answered until the connection is closed.
fn answer(mut stream: TcpStream) -> String {
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

/// Whoever reads a stream of events.
struct Viewer {
    stream: TcpStream,
    text: String,
}

impl Viewer {
    fn new(share: &Share, size: &str) -> Self {
        Self { stream: get(share, &format!("/{CODE}/film?size={size}")), text: String::new() }
    }

    /// Reads until that has come; all that has.
    fn until(&mut self, end: &str) -> &str {
        let (mut bytes, begun) = ([0; 4096], Instant::now());
        while !self.text.contains(end) {
            assert!(begun.elapsed() < PATIENCE, "{end} does not come: {}", self.text);
            let read = self.stream.read(&mut bytes).unwrap();
            assert!(read > 0, "it ended: {}", self.text);
            self.text.push_str(&String::from_utf8_lossy(&bytes[..read]));
        }
        &self.text
    }
}

/// Looks until that holds.
fn wait(share: &mut Share, what: &str, holds: impl Fn(&Share) -> bool) {
    let begun = Instant::now();
    while !holds(share) {
        assert!(begun.elapsed() < PATIENCE, "{what}: {:?}", share.report());
        assert!(!matches!(share.look(), ShareLook::Ended(_)), "it ended");
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn whole_is_wanted(share: &Share) -> bool {
    share.report().films[FilmSize::Wide.index()] == Wanted::Whole
}

fn frame(share: &mut Share, key: bool, line: &str) -> bool {
    share.tell(&Telling::Film { size: FilmSize::Wide, key, line: line.to_owned() })
}

/// Of what waits for a viewer in the kernel some segments are full: whoever reads says at once that
/// they have come.
#[test]
fn segments_are_shorter_than_what_waits_to_be_sent() {
    let share = start();
    let stream = TcpStream::connect(address(&share)).unwrap();
    let segment = getsockopt(&stream, sockopt::TcpMaxSeg).unwrap();
    assert!(segment <= 8 << 10, "{segment}");
}

#[test]
fn a_page_and_the_film_that_it_shows() {
    let mut share = start();
    let page = answer(get(&share, &format!("/{CODE}")));
    let (head, body) = page.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert_eq!(body, PAGE);
    for line in [
        "content-type: text/html; charset=utf-8",
        "content-security-policy: default-src 'none'; frame-ancestors 'none'",
        "referrer-policy: no-referrer",
        "x-content-type-options: nosniff",
        "cache-control: no-store",
    ] {
        assert!(head.lines().any(|there| there == line), "{line} is not in\n{head}");
    }
    for never in ["set-cookie", "access-control", "server:"] {
        assert!(!head.contains(never), "{head}");
    }
    let mut viewer = Viewer::new(&share, "120x40");
    wait(&mut share, "somebody watches", whole_is_wanted);
    assert_eq!(share.report().viewers, 1);
    share.tell(&Telling::FilmHead(FilmSize::Wide, r#"{"cols":120}"#.to_owned()));
    assert!(frame(&mut share, true, r#"{"key":true}"#) && frame(&mut share, false, r#"{"n":1}"#));
    let expected = "data: {\"cols\":120}\n\n|data: {\"key\":true}\n\n|data: {\"n\":1}\n\n";
    let text = viewer.until("{\"n\":1}\n\n").to_owned();
    let at = expected.split('|').map(|part| text.find(part).unwrap_or_else(|| panic!("{text}")));
    assert!(at.is_sorted(), "{text}");
    assert!(text.contains("text/event-stream"), "{text}");
    // Who comes late begins where the others are.
    let mut late = Viewer::new(&share, "120x40");
    late.until("{\"n\":1}\n\n");
    // The other size is another film.
    let _small = Viewer::new(&share, "80x24");
    wait(&mut share, "both are watched", |share| share.report().films[1] == Wanted::Whole);
    share.end("good bye");
    viewer.until("event: bye\ndata: \"good bye\"\n\n");
    late.until("event: bye\ndata: \"good bye\"\n\n");
}

#[test]
fn nothing_else_is_answered() {
    let mut share = start();
    let same = answer(get(&share, &format!("/{CODE}/else")));
    assert!(same.starts_with("HTTP/1.1 404 Not Found\r\n"), "{same}");
    let host = format!("Host: {}\r\n", address(&share));
    let film = format!("/{CODE}/film?size=120x40");
    let requests = [
        format!("POST /{CODE} HTTP/1.1\r\n{host}Content-Length: 0\r\n\r\n"),
        format!("HEAD /{CODE} HTTP/1.1\r\n{host}\r\n"),
        format!("GET {film} HTTP/1.1\r\n{host}Content-Length: 1\r\n\r\nx"),
        format!("GET {film} HTTP/1.1\r\n\r\n"),
        format!("GET {film} HTTP/1.1\r\nHost: example.org\r\n\r\n"),
        format!("GET {film} HTTP/1.1\r\n{host}Host: example.org\r\n\r\n"),
        format!("GET http://example.org{film} HTTP/1.1\r\n{host}\r\n"),
        format!("GET /{CODE}/film?size=1x1 HTTP/1.1\r\n{host}\r\n"),
        format!("GET /{CODE}/../{CODE} HTTP/1.1\r\n{host}\r\n"),
        format!("GET /{CODE}/%2e HTTP/1.1\r\n{host}\r\n"),
        format!("GET /{CODE}/ HTTP/1.1\r\n{host}\r\n"),
        format!("GET /K7QM4Y HTTP/1.1\r\n{host}\r\n"),
        format!("GET / HTTP/1.1\r\n{host}\r\n"),
    ];
    for request in &requests {
        let answered = answer(send(&share, request));
        let same =
            if request.starts_with("HEAD") { same.trim_end_matches("not found\n") } else { &same };
        assert_eq!(answered, same, "{request}");
    }
    let long = format!("GET /{CODE} HTTP/1.1\r\n{host}X: {}\r\n\r\n", "x".repeat(9000));
    let answered = answer(send(&share, &long));
    assert!(answered.starts_with("HTTP/1.1 431 "), "{answered}");
    let nonsense = answer(send(&share, "nonsense\r\n\r\n"));
    assert!(nonsense.starts_with("HTTP/1.1 400 "), "{nonsense}");
    let refused = requests.len() as u64 + 3;
    wait(&mut share, "all are counted", |share| share.report().refused == refused);
    // By its name it is known.
    let named = format!("GET /{} HTTP/1.1\r\nHost: Class.test:1\r\n\r\n", CODE.to_lowercase());
    assert!(answer(send(&share, &named)).starts_with("HTTP/1.1 200 OK\r\n"));
}

#[test]
fn whoever_guesses_waits_and_five_at_a_time() {
    let share = start();
    let begun = Instant::now();
    let guesses: Vec<_> = (0..11).map(|_| get(&share, "/AAAAAA")).collect();
    // Whoever knows the code is answered meanwhile.
    assert!(answer(get(&share, &format!("/{CODE}"))).starts_with("HTTP/1.1 200 OK\r\n"));
    let mut times: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = guesses
            .into_iter()
            .map(|stream| scope.spawn(move || (answer(stream), begun.elapsed())))
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    times.sort_by_key(|(_, time)| *time);
    assert!(times.iter().all(|(answer, _)| answer.starts_with("HTTP/1.1 404 ")));
    for (nth, seconds) in [(0, 1), (5, 2), (10, 3)] {
        assert!(times[nth].1 >= Duration::from_secs(seconds), "{nth}: {:?}", times[nth].1);
    }
}

#[test]
fn a_request_that_does_not_come_is_not_waited_for() {
    let mut share = start();
    let begun = Instant::now();
    let answered = answer(send(&share, &format!("GET /{CODE} HTT")));
    assert!(begun.elapsed() >= Duration::from_secs(3), "{answered}");
    assert!(!answered.contains("200 OK"), "{answered}");
    wait(&mut share, "it is counted", |share| share.report().refused == 1);
}

#[test]
fn the_deaf_and_the_slow_hold_nobody_up() {
    let mut share = start();
    let deaf: Vec<_> = (0..5).map(|_| Viewer::new(&share, "120x40")).collect();
    let mut viewer = Viewer::new(&share, "120x40");
    wait(&mut share, "all watch", |share| share.report().viewers == 6);
    wait(&mut share, "a picture is wanted", whole_is_wanted);
    assert!(frame(&mut share, true, "whole"));
    viewer.until("whole");
    // Far more than the kernel keeps for those who do not read.
    let filler = "x".repeat(8 << 10);
    for n in 0..400 {
        let begun = Instant::now();
        while !frame(&mut share, false, &format!("{filler}<{n}>")) {
            assert!(begun.elapsed() < PATIENCE, "the pipe is full");
        }
        viewer.text.clear();
        viewer.until(&format!("<{n}>\n\n"));
    }
    wait(&mut share, "five are slow", |share| share.report().slow == 5);
    assert!(whole_is_wanted(&share) || share.report().films[0] == Wanted::More);
    drop(deaf);
    wait(&mut share, "they are gone", |share| share.report().viewers == 1);
}

#[test]
fn if_its_process_is_killed_that_is_told_and_nothing_else_happens() {
    let mut share = start();
    let pid = nix::unistd::Pid::from_raw(share.pid().cast_signed());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL).unwrap();
    let begun = Instant::now();
    let why = loop {
        match share.look() {
            ShareLook::Ended(why) => break why,
            ShareLook::Same | ShareLook::Changed => assert!(begun.elapsed() < PATIENCE),
        }
    };
    assert_eq!(why, "its process was ended by signal 9");
    frame(&mut share, true, "for nobody");
}

#[test]
fn an_address_that_is_taken_or_that_others_can_reach_is_refused_at_once() {
    let share = start();
    let program = Path::new(env!("CARGO_BIN_EXE_epollscope"));
    let refused = |address: SocketAddr| {
        let options = ShareOptions { address, ..ShareOptions::default() };
        let error =
            Share::start_as(program, &options, page, ShareBlocks::Passing, || ()).unwrap_err();
        (error.to_string(), error.exit_code())
    };
    let taken = address(&share);
    assert_eq!(refused(taken), (format!("cannot listen on {taken}: address in use"), 3));
    let all = SocketAddr::from(([0, 0, 0, 0], 0));
    assert_eq!(refused(all), ("sharing beyond this machine needs --lan".to_owned(), 2));
}

/// The nice value of a process (proc(5), `stat`).
fn nice(pid: &str) -> i32 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let (_, fields) = stat.rsplit_once(')').unwrap();
    fields.split_whitespace().nth(16).unwrap().parse().unwrap()
}

#[test]
fn the_process_that_serves_viewers_comes_after_the_server() {
    let mut share = start();
    let pid = share.pid().to_string();
    wait(&mut share, "it is ready", |_| nice(&pid) == (nice("self") + 10).min(19));
}
