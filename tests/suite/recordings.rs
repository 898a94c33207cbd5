//! Recordings by the program itself: what was recorded is what was told, and nothing that goes wrong
//! costs more than it must.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use epollscope::record::Recording;
use nix::sys::signal::Signal;
use serde_json::Value;

use crate::harness::{Client, Over, PATIENCE, Server, program, write};
use crate::pty::Terminal;

/// A file of this test's own, which is not there.
struct Unused(PathBuf);

impl Unused {
    fn new(name: &str) -> Self {
        let name = format!("epollscope-suite-{}-{name}", std::process::id());
        Self(std::env::temp_dir().join(name))
    }

    fn text(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for Unused {
    fn drop(&mut self) {
        let _gone = std::fs::remove_file(&self.0);
    }
}

fn replay(path: &Path, more: &[&str]) -> Output {
    program().arg("replay").arg(path).args(more).output().unwrap()
}

/// The lines of its events.
fn events(path: &Path) -> Vec<Value> {
    let out = replay(path, &["--json"]);
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let lines = String::from_utf8(out.stdout).unwrap();
    of_events(lines.lines().map(|line| serde_json::from_str(line).unwrap()))
}

/// Of each event its own line, which is the first with its number: lists and findings follow it.
fn of_events(lines: impl Iterator<Item = Value>) -> Vec<Value> {
    let mut last = 0;
    let mut is_next = |line: &Value| {
        let seq = line["seq"].as_u64().unwrap_or(0);
        let is = seq > last;
        last = last.max(seq);
        is
    };
    lines.filter(|line| is_next(line)).collect()
}

#[test]
fn a_recording_has_the_lines_that_were_told() {
    for backend in ["epoll", "poll", "select", "goroutine", "threads"] {
        let file = Unused::new(&format!("lines-{backend}.rec"));
        let mut server = Server::start(&["--backend", backend, "--record", file.text()]);
        let (mut client, _) = server.client();
        client.send("hello\n");
        client.expect("hello\n");
        assert_eq!(server.command("mark here it is")["state"], "done");
        let lines = {
            server.tell("quit");
            assert!(server.ended().success());
            server.all_lines()
        };
        let told = of_events(lines.into_iter());
        assert!(told.len() > 20, "{backend}");
        assert!(told.iter().any(|line| line["kind"] == "mark"), "{backend}");
        assert_eq!(events(&file.0), told, "{backend}");
    }
}

#[test]
fn commands_begin_and_end_a_recording_and_save_what_is_kept() {
    let (recorded, saved) = (Unused::new("begun.rec"), Unused::new("saved.rec"));
    let mut server = Server::start(&[]);
    let (_first, _) = server.client();
    assert_eq!(server.command(&format!("record {}", recorded.text()))["state"], "done");
    let (mut client, fd) = server.client();
    client.send("hello\n");
    client.expect("hello\n");
    assert_eq!(server.command("record off")["state"], "done");
    assert_eq!(server.command(&format!("save {}", saved.text()))["state"], "done");
    assert!(server.quit().success());
    let (part, all) = (events(&recorded.0), events(&saved.0));
    assert!(part[0]["seq"].as_u64() > Some(1), "it begins later: {}", part[0]);
    assert_eq!(all[0]["seq"], 1);
    let first = usize::try_from(part[0]["seq"].as_u64().unwrap()).unwrap() - 1;
    assert_eq!(part, all[first..first + part.len()]);
    let read = |line: &Value| line["call"] == "read" && line["fd"] == fd;
    assert!(part.iter().any(read), "of the server it began with the world is there");
}

#[test]
fn who_is_killed_leaves_what_was_written() {
    let file = Unused::new("killed.rec");
    let mut server = Server::start(&["--record", file.text()]);
    assert_eq!(server.command("mark before the end")["state"], "done");
    let begun = Instant::now();
    // A block is written a quarter of a second after its first event.
    let marked = || {
        let out = replay(&file.0, &["--json"]);
        String::from_utf8_lossy(&out.stdout).contains("before the end")
    };
    while !marked() {
        assert!(begun.elapsed() < PATIENCE, "it is not written");
    }
    server.signal(Signal::SIGKILL);
    assert!(marked());
}

#[test]
fn what_is_wrong_with_a_recording_is_said_in_words() {
    let said = |path: &Path| {
        let out = replay(path, &["--json"]);
        (out.status.code(), String::from_utf8_lossy(&out.stderr).into_owned())
    };
    let lines = Unused::new("lines.jsonl");
    write(&lines.0, "{\"kind\":\"listening\",\"seq\":1}\n");
    let (code, error) = said(&lines.0);
    assert_eq!(code, Some(2));
    let told = "is no recording; lines of --headless cannot be replayed: record with --record";
    assert!(error.contains(told), "{error}");
    let (code, error) = said(&Unused::new("nothing.rec").0);
    assert_eq!(code, Some(2));
    assert!(error.contains("cannot read the recording"), "{error}");
    let out = program()
        .args(["--headless", "--listen", "127.0.0.1:0", "--for", "1ms", "--record", lines.text()])
        .output()
        .unwrap();
    assert_eq!(out.status.code(), Some(2));
    let error = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(error.contains("it exists: give another name"), "{error}");
}

/// Over RLIMIT_FSIZE the recording ends whole, and the server goes on.
#[test]
fn a_file_that_may_not_become_longer_ends_the_recording_alone() {
    let file = Unused::new("limited.rec");
    let program = program();
    let mut shell = Command::new("sh");
    // In blocks of 512 bytes (POSIX) or 1,024: less than the events of this client take.
    let script = "ulimit -f 12; exec \"$0\" --headless --listen 127.0.0.1:0 --record \"$1\"";
    shell.args(["-c", script]).arg(program.get_program()).arg(&file.0);
    let server = Server::spawn(&mut shell);
    let noise = |n: u64| format!("{:x}\n", n.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let (mut client, _) = server.client();
    let begun = Instant::now();
    let ended = |line: &Value| {
        line["kind"] == "note" && line["text"].as_str().is_some_and(|t| t.contains("recording"))
    };
    let mut n = 0;
    while server.count(ended) == 0 {
        assert!(begun.elapsed() < PATIENCE, "it is not told");
        client.send(&noise(n));
        client.expect(&noise(n));
        n += 1;
        // A block a line: one of many would be longer than the file may become.
        let before = file.0.metadata().unwrap().len();
        while file.0.metadata().unwrap().len() == before && server.count(ended) == 0 {
            assert!(begun.elapsed() < PATIENCE, "nothing is written");
            std::thread::yield_now();
        }
    }
    let note = server.ever("the note", ended);
    let text = note["text"].as_str().unwrap();
    assert!(text.starts_with("recording ended: file too large; "), "{text}");
    assert!(text.contains(".rec is whole up to "), "{text}");
    client.send("still here\n");
    client.expect("still here\n");
    assert!(server.quit().success());
    let recording = Recording::open(&file.0).unwrap().unwrap();
    assert_eq!(recording.cut().map(|at| at as u64), Some(file.0.metadata().unwrap().len()));
    assert_eq!(recording.damage(), None, "what is there is whole");
}

/// A recording that begins and ends while a hundred connections flood: whole, and what found no
/// room is told.
#[test]
fn a_recording_of_a_stretch_of_a_flood_is_whole() {
    let file = Unused::new("flood.rec");
    let mut server = Server::start(&[]);
    let clients: Vec<_> = (0..100).map(|_| server.silent_client()).collect();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let over = Over(&stop, &[]);
        for some in clients.chunks(25) {
            scope.spawn(|| pour(some, &stop));
        }
        assert_eq!(server.command(&format!("record {}", file.text()))["state"], "done");
        let begun = Instant::now();
        while file.0.metadata().unwrap().len() < 60_000 {
            assert!(begun.elapsed() < PATIENCE, "nothing is written");
            std::thread::yield_now();
        }
        let off = server.command("record off");
        drop(over);
        assert_eq!(off["state"], "done", "{off}");
    });
    assert!(server.quit().success());
    let recording = Rc::new(Recording::open(&file.0).unwrap().unwrap());
    assert_eq!((recording.cut(), recording.damage()), (None, None));
    let journal = recording.journal();
    let mut next = journal.first().unwrap();
    journal.forward_from(next, |event| {
        assert_eq!(event.seq, next);
        next = event.seq.next();
        true
    });
    assert!(journal.len() > 4_096, "{} events", journal.len());
}

/// Sends and takes what comes back, until that is over.
fn pour(clients: &[Client], stop: &AtomicBool) {
    for client in clients {
        client.0.set_nonblocking(true).unwrap();
    }
    let mut echo = [0; 4096];
    while !stop.load(Ordering::Relaxed) {
        for client in clients {
            let mut stream = &client.0;
            // A full buffer, and one with nothing in it, is waited for by the others' turns.
            let _full = stream.write(b"a flood is many small lines\n");
            let _empty = stream.read(&mut echo);
        }
    }
}

/// Recordings of earlier versions, which every later one reads: each with the lines of its events.
#[test]
fn recordings_that_are_there_are_read() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recordings");
    let mut read = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|ending| ending != "rec") {
            continue;
        }
        let events = events(&path);
        let last = events.last().and_then(|event| event["seq"].as_u64());
        let seqs = events.iter().map(|event| event["seq"].as_u64());
        assert!(seqs.eq((1..=last.unwrap_or(0)).map(Some)), "{}", path.display());
        assert!(events.iter().all(|event| event["kind"] != "gap"), "{}", path.display());
        let lesson = path.file_stem().is_some_and(|name| name == "lesson");
        let marked = events.iter().any(|event| event["kind"] == "mark");
        assert!(lesson || marked, "{}", path.display());
        read += 1;
    }
    assert!(read >= 7, "{read} were found");
}

/// What answers to a viewer: the bytes of a recording, without chunks, as whoever shares sends them.
fn shared(bytes: Vec<u8>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut asked = BufReader::new(stream.try_clone().unwrap()).lines();
        let line = asked.next().unwrap().unwrap();
        while asked.next().is_some_and(|line| !line.unwrap().is_empty()) {}
        let found = line == "GET /K7QM4X/blocks?following HTTP/1.1";
        let head = if found { "200 OK" } else { "404 Not Found" };
        write!(stream, "HTTP/1.1 {head}\r\n\r\n").unwrap();
        if found {
            stream.write_all(&bytes).unwrap();
        }
    });
    address
}

#[test]
fn what_is_wrong_with_looking_on_is_said_in_words() {
    let said = |address: &str| {
        let out = program().args(["watch", address]).output().unwrap();
        (out.status.code(), String::from_utf8_lossy(&out.stderr).trim().to_owned())
    };
    let told = |code, text: &str| (Some(code), format!("epollscope: {text}"));
    let given = "nonsense is no address with a code: 192.168.1.20:8001/K7QM4X";
    assert_eq!(said("nonsense"), told(2, given));
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recordings/epoll.rec");
    let bytes = std::fs::read(golden).unwrap();
    assert_eq!(said(&format!("{}/ABCD", shared(bytes.clone()))), told(1, "wrong code"));
    let text = String::from_utf8_lossy(&bytes[..=bytes.iter().position(|b| *b == b'\n').unwrap()]);
    let later = text.replace("\"model\":1,", "\"model\":77,").into_bytes();
    let later = [later, bytes[text.len()..].to_vec()].concat();
    let address = format!("{}/K7QM4X", shared(later));
    let (code, error) = said(&address);
    assert_eq!(code, Some(2));
    assert!(error.contains("(model 77), this is "), "{error}");
    assert!(error.ends_with(&format!("open http://{address} in a browser")), "{error}");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = listener.local_addr().unwrap();
    drop(listener);
    assert_eq!(said(&format!("{nobody}/ABCD")), told(1, &format!("no answer from {nobody}")));
}

#[test]
fn a_session_elsewhere_is_seen_recorded_and_gone_through_when_it_is_over() {
    let file = Unused::new("watched.rec");
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recordings/epoll.rec");
    let address = format!("http://{}/K7QM4X", shared(std::fs::read(&golden).unwrap()));
    let mut terminal = Terminal::start(24, 80, &["watch", &address, "--record", file.text()]);
    terminal.shows("the session has ended");
    terminal.shows("WATCHING 127.0.0.1");
    terminal.keys("[");
    terminal.until("the past", |text| text.contains("PAST") && text.contains("own view"));
    terminal.keys("q");
    assert!(terminal.ended().success());
    assert_eq!(events(&file.0), events(&golden));
}

#[test]
fn a_lesson_that_is_recorded_is_gone_through_again() {
    let file = Unused::new("lesson.rec");
    let lesson = ["lesson", "read-once", "--no-state", "--record", file.text()];
    let mut terminal = Terminal::start(40, 120, &lesson);
    terminal.shows("REC");
    // Its process has made the actors.
    terminal.shows("epoll_create1");
    terminal.keys("\r");
    terminal.shows("step 1");
    terminal.keys("\r");
    terminal.until("more of it", |screen| screen.contains("step 2") || screen.contains("QUESTION"));
    terminal.keys("qq");
    assert!(terminal.ended().success());
    let mut again = Terminal::start(40, 120, &["replay", file.text()]);
    let screen = again.shows("a recording: ] and [ go through its steps");
    assert!(screen.contains("REPLAY"), "{screen}");
    again.keys("]");
    again.shows("step 1");
    again.keys("q");
    assert!(again.ended().success());
    assert!(!events(&file.0).is_empty());
    let other = Terminal::start(40, 120, &lesson).ended();
    assert_eq!(other.code(), Some(2), "it is there already");
}
