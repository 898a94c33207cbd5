//! Files: read a block at a time, and as whole as they still are.

use std::fs::OpenOptions;
use std::path::PathBuf;

use super::*;

/// A file of this test's own.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str, bytes: &[u8]) -> Self {
        let name = format!("epollscope-record-{}-{name}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, bytes).expect("a new file");
        Self(path)
    }

    fn open(&self) -> Result<Rc<Recording>, ReadError> {
        Recording::open(&self.0).expect("it is there").map(Rc::new)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _gone = std::fs::remove_file(&self.0);
    }
}

#[test]
fn a_file_is_read_as_its_bytes_are() {
    let bytes = pressed(0, 20_000, &[7, 8, 5_000], 1);
    // Whatever lies between two blocks, and longer than what is looked at in one go.
    let mut damaged = bytes.clone();
    let at = blocks(&bytes)[3];
    damaged.splice(at..at, vec![0xeb; 30_000]);
    for bytes in [bytes, damaged] {
        let file = Scratch::new("read", &bytes);
        let (of_file, of_bytes) = (file.open().expect("a recording"), journal(&bytes));
        assert_eq!(events(&of_file.journal()), events(&of_bytes));
        assert_eq!(of_file.cut(), Recording::read(bytes).expect("a recording").cut());
    }
}

#[test]
fn a_file_that_is_cut_while_it_is_open_has_a_gap_there() {
    let bytes = pressed(0, 20_000, &[], 0);
    let file = Scratch::new("cut", &bytes);
    let recording = file.open().expect("a recording");
    let journal = recording.journal();
    assert_eq!(journal.get(Seq(20_000)), Some(event(19_999)));
    let half = OpenOptions::new().write(true).open(&file.0).expect("it is there");
    half.set_len(blocks(&bytes)[3] as u64 + 100).expect("a shorter file");
    let journal = recording.journal();
    assert_eq!(journal.get(Seq(1)), Some(event(0)));
    let last = journal.last().expect("events");
    assert_eq!(last, Seq(20_000), "what was found is told of");
    assert!(journal.at(last).counters.lost > 4_096);
}

#[test]
fn another_file_in_its_place_is_no_part_of_it() {
    let (one, other) = (pressed(0, 9_000, &[], 0), pressed(3, 9_000, &[], 0));
    let file = Scratch::new("other", &one);
    let journal = file.open().expect("a recording").journal();
    std::fs::write(&file.0, other).expect("it is written over");
    // One stays as it was read, or is lost; none is another's.
    journal.forward_from(Seq(1), |read| {
        let lost = matches!(read.kind, Kind::Gap { .. });
        assert!(lost || *read == event(read.seq.0 - 1), "{read:?}");
        true
    });
}

#[test]
fn what_is_damaged_is_counted() {
    let bytes = pressed(0, 120, &[9, 10, 40, 77, 100], 0);
    let damage = |bytes: &[u8]| Recording::read(bytes.to_vec()).expect("a recording").damage();
    assert_eq!(damage(&bytes), None);
    let mut damaged = bytes.clone();
    damaged[blocks(&bytes)[3] + HEAD] ^= 1;
    let expected = Damage { blocks: 1, of: 6, events: 30, at: event(11).t };
    assert_eq!(damage(&damaged), Some(expected));
    let mut without = bytes.clone();
    without.drain(blocks(&bytes)[3]..blocks(&bytes)[4]);
    assert_eq!(damage(&without), Some(Damage { at: event(10).t, ..expected }));
}

#[test]
fn the_head_says_when_it_began() {
    let header = Header { epoch: Some(1_764_403_199_000_000_000), ..Header::default() };
    let head = RecordingHead::new(header, &[]);
    assert_eq!(head.started.as_deref(), Some("2025-11-29T07:59:59Z"));
    let line = String::from_utf8(head.line()).expect("a text");
    assert!(line.contains(r#""started":"2025-11-29T07:59:59Z""#), "{line}");
}

/// Many syncs, none of which begins a block: each is looked at once.
#[test]
fn a_file_of_nothing_but_beginnings_is_read_in_its_time() {
    let bytes = [head().line(), [0xeb, 0x65, 0x70, 0x0a].repeat(500_000)].concat();
    let file = Scratch::new("syncs", &bytes);
    assert_eq!(file.open().err(), Some(ReadError::Empty));
}
