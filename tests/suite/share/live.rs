//! The program on a terminal, and those who watch it.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

use epollscope::event::Event;
use epollscope::film::{FilmLine, FilmScreen};
use epollscope::record::Recording;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{CODE, PATIENCE};
use crate::browser::Browser;
use crate::harness::events_of;
use crate::pty::Terminal;

pub(super) const SHARED: [&str; 4] = ["--share", "127.0.0.1:0", "--code", CODE];

pub(super) fn start(more: &[&str]) -> Terminal {
    let args = ["--listen", "127.0.0.1:0"];
    Terminal::start(40, 120, &[&args[..], &SHARED, more].concat())
}

/// Where it can be watched: what the last row says.
pub(super) fn address(terminal: &Terminal) -> SocketAddr {
    let text = terminal.until("shared: http://", |screen| {
        screen.split_once("shared: http://").is_some_and(|(_, rest)| rest.contains(CODE))
    });
    let at = text.find("shared: http://").unwrap() + "shared: http://".len();
    text[at..].split('/').next().unwrap().parse().unwrap()
}

/// A stream that is read to its end, or to what is looked for.
pub(super) struct Stream {
    stream: TcpStream,
    bytes: Vec<u8>,
}

impl Stream {
    pub(super) fn new(address: SocketAddr, path: &str) -> Self {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        write!(stream, "GET /{CODE}/{path} HTTP/1.1\r\nHost: {address}\r\n\r\n").unwrap();
        Self { stream, bytes: Vec::new() }
    }

    /// Whether there was more.
    pub(super) fn read(&mut self) -> bool {
        let mut bytes = [0; 4096];
        let read = self.stream.read(&mut bytes).unwrap();
        self.bytes.extend_from_slice(&bytes[..read]);
        read > 0
    }

    /// What has come so far, without its chunks (RFC 9112, 7.1).
    pub(super) fn body(&self) -> Vec<u8> {
        let end = self.bytes.windows(4).position(|four| four == b"\r\n\r\n");
        let Some(mut rest) = end.map(|end| &self.bytes[end + 4..]) else { return Vec::new() };
        let mut body = Vec::new();
        while let Some(line) = rest.windows(2).position(|two| two == b"\r\n") {
            let length = std::str::from_utf8(&rest[..line]).unwrap();
            let length = usize::from_str_radix(length, 16).unwrap();
            let Some(chunk) = rest.get(line + 2..line + 2 + length) else { break };
            body.extend_from_slice(chunk);
            rest = rest.get(line + 4 + length..).unwrap_or_default();
        }
        body
    }

    /// All that has come, as it came.
    pub(super) fn answer(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    fn text(&self) -> String {
        String::from_utf8(self.body()).unwrap()
    }

    /// The screen that its film shows now.
    fn screen(&self) -> String {
        let mut screen = FilmScreen::new(120, 40);
        let text = self.text();
        for line in text.lines().filter_map(|line| line.strip_prefix("data: ")) {
            if let Some(FilmLine::Frame(frame)) = FilmLine::parse(line) {
                screen.apply(&frame);
            }
        }
        screen.text()
    }

    /// Reads until the screen is so.
    pub(super) fn until(&mut self, what: &str, is: impl Fn(&str) -> bool) -> String {
        let begun = Instant::now();
        loop {
            let screen = self.screen();
            if is(&screen) {
                return screen;
            }
            assert!(begun.elapsed() < PATIENCE && self.read(), "{what}:\n{screen}");
        }
    }
}

/// The lines of a screen, without blanks at their ends, and without the first and the last.
fn inner(screen: &str) -> Vec<&str> {
    let mut lines: Vec<_> = screen.lines().map(str::trim_end).collect();
    lines.truncate(39);
    lines.split_off(1)
}

#[test]
fn viewers_see_what_the_terminal_shows() {
    let mut terminal = start(&["--paused"]);
    let address = address(&terminal);
    let mut film = Stream::new(address, "film?size=120x40");
    terminal.shows("SHARED 1");
    terminal.keys("?");
    terminal.shows("Help");
    film.until("the help", |screen| screen.contains("Help"));
    terminal.keys("?");
    let seen = film.until("no help", |screen| !screen.contains("Help"));
    terminal.settle();
    assert_eq!(inner(&seen), inner(&terminal.text()));
    // Who comes later sees it within a second.
    let begun = Instant::now();
    let mut late = Stream::new(address, "film?size=120x40");
    late.until("the same", |screen| inner(screen) == inner(&seen));
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    terminal.keys("q");
    assert!(terminal.ended().success());
    while film.read() {}
    assert!(film.text().ends_with("event: bye\ndata: \"the session has ended\"\n\n"));
}

pub(super) fn events(bytes: Vec<u8>) -> Vec<Event> {
    let recording = Recording::read(bytes).unwrap();
    assert_eq!(recording.cut(), None);
    events_of(recording)
}

#[test]
fn the_blocks_are_a_recording() {
    let file = std::env::temp_dir().join(format!("epollscope-shared-{}.rec", std::process::id()));
    let mut terminal = start(&["--record", file.to_str().unwrap()]);
    let mut blocks = Stream::new(address(&terminal), "blocks");
    while blocks.body().is_empty() {
        assert!(blocks.read(), "{}", String::from_utf8_lossy(&blocks.bytes));
    }
    terminal.keys("cM");
    let mut client = terminal.connect();
    client.write_all(b"hello\n").unwrap();
    client.read_exact(&mut [0; 6]).unwrap();
    terminal.keys("q");
    assert!(terminal.ended().success());
    while blocks.read() {}
    let (seen, all) = (events(blocks.body()), events(std::fs::read(&file).unwrap()));
    std::fs::remove_file(&file).unwrap();
    let first = all.iter().position(|event| event.seq == seen[0].seq).unwrap();
    assert!(seen.len() > 10, "{}", seen.len());
    assert_eq!(seen, all[first..]);
}

/// The kinds of a process's descriptors, sorted, and how many threads it has.
fn has(pid: Pid) -> (Vec<String>, usize) {
    let process = Path::new("/proc").join(pid.to_string());
    let files = process.join("fd").read_dir().unwrap();
    let kind = |path: std::path::PathBuf| {
        let target = std::fs::read_link(path).ok()?.into_os_string().into_string().ok()?;
        let target = target.trim_end_matches(|c: char| c.is_ascii_digit());
        Some(target.split('[').next().unwrap_or_default().to_owned())
    };
    let mut kinds: Vec<_> = files.filter_map(|file| kind(file.unwrap().path())).collect();
    kinds.retain(|kind| !kind.starts_with("/proc"));
    kinds.sort_unstable();
    (kinds, process.join("task").read_dir().unwrap().count())
}

#[test]
fn the_observed_process_has_two_pipes_more_and_a_thread_that_sleeps() {
    let alone = Terminal::start(40, 120, &["--listen", "127.0.0.1:0"]);
    let shared = start(&[]);
    let mut film = Stream::new(address(&shared), "film?size=120x40");
    film.until("a picture", |screen| screen.contains("listener"));
    alone.shows("epoll_wait(");
    let ((with, threads), (mut without, others)) = (has(shared.pid()), has(alone.pid()));
    assert_eq!(threads, others + 1);
    without.extend(["pipe:".to_owned(), "pipe:".to_owned()]);
    without.sort_unstable();
    assert_eq!(with, without);
}

/// How often each thread of a process has gone to sleep (proc(5), `voluntary_ctxt_switches`).
fn sleeps(pid: Pid) -> Vec<(String, u64)> {
    let tasks = Path::new("/proc").join(pid.to_string()).join("task").read_dir().unwrap();
    let of = |path: std::path::PathBuf| {
        let name = std::fs::read_to_string(path.join("comm")).ok()?.trim().to_owned();
        let status = std::fs::read_to_string(path.join("status")).ok()?;
        let count = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
        Some((name, count?.trim().parse().ok()?))
    };
    let mut sleeps: Vec<_> = tasks.filter_map(|task| of(task.unwrap().path())).collect();
    sleeps.sort_unstable();
    sleeps
}

/// Waits until a process sleeps for two seconds without waking. They are those of somebody who waits
/// for what nobody sends.
#[track_caller]
fn sleeps_on(pid: Pid, what: &str) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut silent = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    silent.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
    let begun = Instant::now();
    let mut before = sleeps(pid);
    loop {
        silent.read(&mut [0]).expect_err("nothing comes");
        let after = sleeps(pid);
        if after == before {
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "{what}: it wakes: {before:?} {after:?}");
        before = after;
    }
}

#[test]
fn while_nothing_happens_nobody_wakes_for_those_who_watch() {
    let session = start(&[]);
    let address = address(&session);
    let server = child_of(&session);
    sleeps_on(session.pid(), "nobody watches");
    sleeps_on(server, "the process that serves nobody");
    let [mut film, mut blocks] =
        ["film?size=120x40", "blocks"].map(|path| Stream::new(address, path));
    film.until("both", |screen| screen.contains("SHARED 2"));
    while blocks.body().is_empty() {
        assert!(blocks.read());
    }
    sleeps_on(session.pid(), "two watch, and nothing is new to them");
    let lesson = Terminal::start(40, 120, &[&["lesson", "read-once"][..], &SHARED].concat());
    self::address(&lesson);
    sleeps_on(lesson.pid(), "a lesson");
}

/// The process that serves the viewers of a program that has started no other.
fn child_of(terminal: &Terminal) -> Pid {
    let children = format!("/proc/{0}/task/{0}/children", terminal.pid());
    Pid::from_raw(std::fs::read_to_string(children).unwrap().trim().parse().unwrap())
}

#[test]
fn if_the_process_that_serves_is_killed_the_session_goes_on() {
    let mut terminal = start(&[]);
    let address = address(&terminal);
    kill(child_of(&terminal), Signal::SIGKILL).unwrap();
    terminal.shows("! sharing ended: its process was ended by signal 9");
    terminal.until("no badge", |screen| !screen.contains("SHARED"));
    terminal.keys("3");
    terminal.until("a note", |screen| {
        screen.lines().take(38).any(|line| line.contains("sharing ended: its process"))
    });
    // It can be shared again, at the same address or another.
    terminal.keys(":share ");
    terminal.keys(&format!("{address}"));
    terminal.keys("\r");
    terminal.shows("SHARED 0");
    let mut film = Stream::new(address, "film?size=120x40");
    film.until("a picture", |screen| screen.contains("sharing ended: its process"));
    terminal.keys(":share off");
    terminal.keys("\r");
    terminal.shows("nobody watches any more");
    while film.read() {}
    assert!(film.text().contains("event: bye"));
}

#[test]
fn what_is_hidden_is_not_shown() {
    let mut terminal = start(&["--hide", "payload,peers"]);
    let address = address(&terminal);
    let [mut film, mut blocks] =
        ["film?size=120x40", "blocks"].map(|path| Stream::new(address, path));
    film.until("a picture", |screen| screen.contains("listener"));
    let mut client = terminal.connect();
    let peer = client.local_addr().unwrap().to_string();
    client.write_all(b"topsecret\n").unwrap();
    client.read_exact(&mut [0; 10]).unwrap();
    let text = terminal.shows("topsecret");
    assert!(text.contains(&peer));
    film.until("the client", |screen| screen.contains("client-1"));
    film.until("what was sent", |screen| screen.contains("sendto("));
    terminal.keys("q");
    assert!(terminal.ended().success());
    while film.read() {}
    while blocks.read() {}
    for told in [film.text(), String::from_utf8_lossy(&blocks.body()).into_owned()] {
        assert!(!told.contains("topsecret") && !told.contains(&peer), "{told}");
    }
    let seen = format!("{:?}", events(blocks.body()));
    assert!(!seen.contains("topsecret") && !seen.contains(&peer), "{seen}");
}

#[test]
fn a_browser_shows_it() {
    let test = "a_browser_shows_it";
    let Some(browser) = Browser::open(test, (1280, 900), "dark") else { return };
    let mut terminal = start(&["--paused"]);
    let address = address(&terminal);
    browser.go(&format!("http://{address}/{CODE}"));
    browser.until("return document.getElementById('screen').textContent.includes('Interest')");
    terminal.shows("SHARED 1");
    terminal.keys("?");
    browser.until("return document.getElementById('screen').textContent.includes('Help')");
    let (complaints, requests) = browser.complaints_and_requests();
    assert_eq!(complaints, Vec::<String>::new());
    let own = format!("http://{address}/");
    let mut requests = requests.iter().filter(|request| request.starts_with("http"));
    assert!(requests.all(|request| request.starts_with(&own)));
}
