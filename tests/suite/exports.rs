//! Exports by the program itself: what is made of a recording, and what is said when it cannot be.

use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::Value;

use crate::harness::program;
use crate::traced::{compare, traced};

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recordings").join(name)
}

/// A folder of a test's own, which is gone in the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let name = format!("epollscope-suite-{}-{name}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(&self.0);
    }
}

fn export(from: &Path, to: &Path, more: &[&str]) -> Output {
    program().arg("export").arg(from).arg(to).args(more).output().unwrap()
}

fn said(out: &Output) -> (Option<i32>, String) {
    (out.status.code(), String::from_utf8_lossy(&out.stderr).into_owned())
}

#[test]
fn every_kind_is_written_and_never_over_a_file() {
    let folder = Folder::new("kinds");
    for ending in ["html", "rec", "svg", "txt", "cast", "json", "strace", "jsonl", "csv"] {
        let file = folder.file(&format!("class.{ending}"));
        let (code, error) = said(&export(&golden("class.rec"), &file, &[]));
        assert_eq!((code, error.as_str()), (Some(0), ""), "{ending}");
        let written = std::fs::read(&file).unwrap();
        assert!(written.len() > 1000, "{ending}: {}", written.len());
        let (code, error) = said(&export(&golden("class.rec"), &file, &[]));
        assert_eq!(code, Some(2), "{ending}");
        assert!(error.contains("exists: give another name"), "{error}");
        assert_eq!(std::fs::read(&file).unwrap(), written, "{ending}");
    }
    let lines = program().arg("replay").arg(golden("class.rec")).arg("--json").output().unwrap();
    assert_eq!(lines.stdout, std::fs::read(folder.file("class.jsonl")).unwrap());
    let out = export(&golden("class.rec"), Path::new("-"), &["--as", "spans"]);
    assert_eq!(out.stdout, std::fs::read(folder.file("class.csv")).unwrap());
}

#[test]
fn what_cannot_be_exported_is_said() {
    let folder = Folder::new("wrong");
    let to = folder.file("x.csv");
    let (code, error) = said(&export(&folder.file("nothing.rec"), &to, &[]));
    assert_eq!(code, Some(2));
    assert!(error.contains("cannot read the recording"), "{error}");
    std::fs::write(folder.file("lines.rec"), "{\"kind\":\"listening\"}\n").unwrap();
    let (code, error) = said(&export(&folder.file("lines.rec"), &to, &[]));
    assert_eq!(code, Some(2));
    assert!(error.contains("is no recording"), "{error}");
    let (code, error) = said(&export(&golden("class.rec"), &to, &["--from", "100"]));
    assert_eq!(code, Some(2));
    assert!(error.contains("nothing happened then:"), "{error}");
    let (code, error) = said(&export(&golden("class.rec"), &folder.file("no/x.csv"), &[]));
    assert_eq!(code, Some(1));
    assert!(error.contains("no such file or directory"), "{error}");
    assert!(!to.exists());
    let (code, error) =
        said(&export(&golden("class.rec"), Path::new("/dev/full"), &["--as", "spans"]));
    assert_eq!(code, Some(2), "it is there: {error}");
}

#[test]
fn of_a_damaged_recording_what_is_whole_is_exported() {
    let folder = Folder::new("damaged");
    let whole = std::fs::read(golden("class.rec")).unwrap();
    let cut = folder.file("cut.rec");
    std::fs::write(&cut, &whole[..whole.len() - 100]).unwrap();
    let (code, error) = said(&export(&cut, &folder.file("cut.jsonl"), &[]));
    assert_eq!(code, Some(0), "{error}");
    assert!(error.contains("cut.rec is cut at byte"), "{error}");
    assert!(std::fs::read_to_string(folder.file("cut.jsonl")).unwrap().lines().count() > 100);
    let torn = folder.file("torn.rec");
    let syncs: Vec<_> = (0..whole.len() - 4)
        .filter(|at| whole[*at..].starts_with(&[0xeb, 0x65, 0x70, 0x0a, 1]))
        .collect();
    let mut bytes = whole;
    bytes[syncs[syncs.len() / 2] + 60] ^= 0x40;
    std::fs::write(&torn, bytes).unwrap();
    let (code, error) = said(&export(&torn, &folder.file("torn.strace"), &[]));
    assert_eq!(code, Some(0), "{error}");
    assert!(error.contains("1 of ") && error.contains("is damaged: "), "{error}");
    let strace = std::fs::read_to_string(folder.file("torn.strace")).unwrap();
    assert!(strace.contains("observations are missing ---"), "{strace}");
}

/// The pictures of the README: which moments of which recording they are.
#[test]
fn the_pictures_of_the_readme_are_made_of_a_recording() {
    for (name, at) in [("screen.svg", "2.99946"), ("edge.svg", "1.1451")] {
        let out = export(&golden("class.rec"), Path::new("-"), &["--as", "picture", "--at", at]);
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets").join(name);
        if std::env::var_os("REFERENCE").is_some() {
            std::fs::write(&file, &out.stdout).unwrap();
        }
        let kept = std::fs::read(&file).unwrap();
        let told = "REFERENCE=update cargo test --test suite exports makes it anew";
        assert!(out.stdout == kept, "{name} is not as the program makes it: {told}");
    }
}

/// The calls of an export by their threads: each with when it was made and how long it took.
fn calls(text: &str) -> Vec<(String, f64, String, f64)> {
    let call = |line: &str| {
        let (tid, rest) = line.split_once(' ')?;
        let (at, rest) = rest.split_once(' ')?;
        let (call, took) = rest.rsplit_once(" <")?;
        let took = took.strip_suffix('>')?.parse().ok()?;
        // The result stands in a column of its own.
        let (call, result) = call.rsplit_once(") ")?;
        let call = format!("{call}) {}", result.trim_start());
        Some((tid.to_owned(), at.parse().ok()?, call, took))
    };
    text.lines().filter_map(call).collect()
}

#[test]
fn calls_are_those_that_strace_prints() {
    let folder = Folder::new("strace");
    let record = folder.file("class.rec");
    let name = record.display().to_string();
    let args = ["--headless", "--listen", "127.0.0.1:0", "--record", &name, "--read", "once:4"];
    let before = std::time::SystemTime::now();
    let then: &[u8] = b"send client=1 hello there\ntrigger all edge\nclient\nthreads 2\nquit\n";
    let Some((_, trace)) = traced(&args, "an_export", [b"client\n", then]) else { return };
    let out = export(&record, Path::new("-"), &["--as", "strace"]);
    assert_eq!(out.status.code(), Some(0));
    let text = String::from_utf8(out.stdout).unwrap();
    let calls = calls(&text);
    assert!(calls.len() > 12, "{text}");
    let ours: Vec<_> = calls.iter().map(|(tid, _, call, _)| (tid.clone(), call.clone())).collect();
    let words = compare(&ours, trace);
    assert!(words.contains("epoll_wait") && words.contains("sendto"), "{words:?}");
    let [from, until] = [before, std::time::SystemTime::now()]
        .map(|t| t.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs_f64());
    let mut last = BTreeMap::new();
    for (tid, at, call, took) in &calls {
        assert!(*at >= from - 1.0 && at + took <= until + 1.0, "{call} at {at}: {from} to {until}");
        let before = last.insert(tid, at + took);
        assert!(before.is_none_or(|before| before <= at + 2e-6), "{tid}: {call} at {at}");
    }
}

/// What strace itself makes of times: `TID SECONDS.MICROSECONDS call(...) = result <SECONDS>`.
#[test]
fn lines_look_like_those_of_strace() {
    let out = export(&golden("class.rec"), Path::new("-"), &["--as", "strace"]);
    let text = String::from_utf8(out.stdout).unwrap();
    for line in text.lines() {
        let mut words: VecDeque<_> = line.split(' ').collect();
        let tid = words.pop_front().unwrap();
        assert!(tid.parse::<u32>().is_ok(), "{line}");
        let (seconds, micros) = words.pop_front().unwrap().split_once('.').unwrap();
        assert!(seconds.parse::<u64>().is_ok() && micros.len() == 6, "{line}");
        let ends = line.ends_with('>') && line.contains(" = ");
        assert!(ends, "{line}");
    }
}

#[test]
fn a_trace_is_json_and_a_hidden_one_tells_nobody() {
    let args = ["--as", "trace", "--hide", "payload,peers"];
    let out = export(&golden("class.rec"), Path::new("-"), &args);
    let text = String::from_utf8(out.stdout).unwrap();
    let trace: Value = serde_json::from_str(&text).unwrap();
    assert!(trace["traceEvents"].as_array().unwrap().len() > 100);
    assert!(text.contains("client-1") && !text.contains("good morn"), "{text}");
}
