//! What was written is what is read, and what is damaged costs itself alone.

use std::collections::BTreeMap;
use std::rc::Rc;

use proptest::prelude::*;

mod files;
mod streams;
mod words;

use super::block::{HEAD, LONGEST};
use super::*;
use crate::event::{
    Event, Fd, FileId, Header, Kind, LaneId, Nanos, Output, Peer, Ret, Seq, Syscall, SyscallRecord,
};
use crate::journal::Journal;
use crate::model::World;

/// Bytes, as a file would have them.
#[derive(Default)]
struct Bytes {
    all: Vec<u8>,
    /// So many blocks are refused.
    refuse: usize,
}

impl Outlet for Bytes {
    fn put(&mut self, block: Block) -> bool {
        if self.refuse > 0 && block.kind == BlockKind::Events {
            self.refuse -= 1;
            return false;
        }
        self.all.extend(block.encode());
        true
    }
}

/// Connections that come and go, an event each microsecond.
fn event(n: u64) -> Event {
    crate::journal::tests::event(n, 1000)
}

fn head() -> RecordingHead {
    RecordingHead::new(Header::default(), &[])
}

/// A recording of the events `from..until`; a block ends after each of those in `cuts`.
fn pressed(from: u64, until: u64, cuts: &[u64], refuse: usize) -> Vec<u8> {
    pressed_by(&head(), (from, until), cuts, refuse)
}

fn pressed_by(
    head: &RecordingHead,
    (from, until): (u64, u64),
    cuts: &[u64],
    refuse: usize,
) -> Vec<u8> {
    let mut world = World::default();
    (0..from).for_each(|n| world.apply(&event(n)));
    let out = Bytes { all: head.line(), refuse };
    let mut press = Press::new(out, head, &world);
    for n in from..until {
        world.apply(&event(n));
        press.event(&event(n), &world);
        if cuts.contains(&n) {
            press.flush(&world);
        }
    }
    press.finish(&world, "end").all
}

/// A recording with its blocks changed, and whole again: checksums know nothing of it.
pub(crate) fn forged(bytes: &[u8], change: impl FnOnce(&mut Vec<Block>)) -> Vec<u8> {
    let bytes = bytes.to_vec();
    let line = bytes.iter().position(|byte| *byte == b'\n').expect("a line") + 1;
    let read = |found: &super::block::Found| Block {
        kind: found.kind,
        first: found.first,
        count: found.count,
        from: found.from,
        until: found.until,
        raw: found.body(&bytes).expect("a body"),
    };
    let mut blocks: Vec<_> = super::block::scan(&bytes, line).iter().map(read).collect();
    change(&mut blocks);
    let line = bytes[..line].to_vec();
    blocks.iter().fold(line, |all, block| [all, block.encode()].concat())
}

fn journal(bytes: &[u8]) -> Journal {
    let recording = Recording::read(bytes.to_vec()).expect("a recording");
    Rc::new(recording).journal()
}

fn events(journal: &Journal) -> Vec<Event> {
    let mut events = Vec::new();
    journal.forward_from(Seq(1), |event| {
        events.push(event.clone());
        true
    });
    events
}

/// The events that are whole, and how many are missing.
fn left(bytes: &[u8]) -> Result<(BTreeMap<u64, Event>, u64), ReadError> {
    let recording = Rc::new(Recording::read(bytes.to_vec())?);
    let (mut whole, mut lost) = (BTreeMap::new(), 0);
    for event in events(&recording.journal()) {
        match event.kind {
            Kind::Gap { lost: missing } => lost += missing,
            _ => assert!(whole.insert(event.seq.0, event).is_none()),
        }
    }
    Ok((whole, lost))
}

/// Where the blocks begin, and their heads' lengths.
fn blocks(bytes: &[u8]) -> Vec<usize> {
    let line = bytes.iter().position(|byte| *byte == b'\n').expect("a line") + 1;
    super::block::scan(&bytes.to_vec(), line).iter().map(|block| block.at).collect()
}

#[test]
fn what_was_written_is_what_is_read() {
    let bytes = pressed(0, 20_000, &[7, 8, 5_000], 0);
    let journal = journal(&bytes);
    let read = events(&journal);
    assert_eq!(read, (0..20_000).map(event).collect::<Vec<_>>());
    let mut world = World::default();
    for n in 0..20_000 {
        world.apply(&event(n));
        if n % 1_777 == 0 || [6, 7, 8, 9].contains(&n) {
            assert_eq!(journal.at(Seq(n + 1)), world, "event {n}");
            assert_eq!(journal.get(Seq(n + 1)), Some(event(n)));
        }
    }
    let mut back = Vec::new();
    journal.back_from(Seq(20_000), |event| {
        back.push(event.seq.0);
        true
    });
    assert_eq!(back, (1..=20_000).rev().collect::<Vec<_>>());
}

#[test]
fn a_recording_that_begins_later_begins_with_the_world_there() {
    let bytes = pressed(700, 900, &[], 0);
    let journal = journal(&bytes);
    assert_eq!((journal.first(), journal.last()), (Some(Seq(701)), Some(Seq(900))));
    let mut world = World::default();
    (0..800).for_each(|n| world.apply(&event(n)));
    assert_eq!(journal.at(Seq(800)), world);
}

#[test]
fn worlds_are_used_and_lead_to_the_same() {
    // Long notes, so that there are enough bytes for a world between.
    let (mut world, mut press) = (World::default(), None);
    for n in 0..6_000_u64 {
        let mut event = event(n);
        if n % 5 == 4 {
            event.kind = Kind::Note("x".repeat(400).into());
        }
        let out = || Bytes { all: head().line(), refuse: 0 };
        let press = press.get_or_insert_with(|| Press::new(out(), &head(), &World::default()));
        world.apply(&event);
        press.event(&event, &world);
    }
    let bytes = press.expect("a press").finish(&world, "end").all;
    let recording = Recording::read(bytes).expect("a recording");
    assert!(recording.stretches().iter().any(|stretch| stretch.world.is_some()));
    assert_eq!(Rc::new(recording).journal().at(Seq(6_000)), world);
}

#[test]
fn a_block_that_found_no_room_is_a_gap_with_the_world_after_it() {
    let bytes = pressed(0, 10_000, &[], 1);
    let (whole, lost) = left(&bytes).expect("a recording");
    assert_eq!((whole.len(), lost), (10_000 - 4096, 4096));
    let journal = journal(&bytes);
    let mut world = World::default();
    (0..10_000).for_each(|n| world.apply(&event(n)));
    assert_eq!(journal.at(Seq(10_000)), world, "the world after it is whole again");
    assert_eq!(journal.at(Seq(4_000)).counters.lost, 10_000 - 5_904);
}

#[test]
fn cut_at_any_byte_every_whole_block_is_read() {
    let bytes = pressed(0, 120, &[9, 10, 40, 77, 100], 0);
    // The first block is the head, then come those of the events, the world and the end.
    let mut ends = blocks(&bytes).split_off(1);
    ends.push(bytes.len());
    let events = [10, 11, 41, 78, 101, 120];
    for cut in 0..=bytes.len() {
        let whole = ends.iter().filter(|end| **end <= cut).count().min(1 + events.len());
        let expected = whole.checked_sub(2).map(|n| events[n]);
        let found = left(&bytes[..cut]).map(|(whole, lost)| (whole.len(), lost));
        match expected {
            Some(count) => assert_eq!(found, Ok((count, 0)), "cut at {cut}"),
            None => assert!(found.is_err(), "cut at {cut}"),
        }
    }
}

#[test]
fn a_flipped_bit_costs_one_block_or_nothing() {
    let bytes = pressed(0, 120, &[9, 10, 40, 77, 100], 0);
    let longest = 40;
    let heads = blocks(&bytes);
    for at in 0..bytes.len() {
        // Of the heads each bit, of the bodies one a byte.
        let head = heads.iter().any(|begins| (*begins..begins + HEAD).contains(&at));
        for bit in (0..8).filter(|bit| head || at % 8 == *bit) {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1 << bit;
            let Ok((whole, lost)) = left(&damaged) else {
                panic!("byte {at}, bit {bit}: nothing is left");
            };
            let missing = 120 - whole.len();
            assert!(missing <= longest, "byte {at}, bit {bit}: {missing} are missing");
            assert!(lost <= missing as u64, "byte {at}, bit {bit}");
            for (seq, read) in whole {
                assert_eq!(read, event(seq - 1), "byte {at}, bit {bit}");
            }
        }
    }
}

/// A recording with that block in it.
fn with(block: &Block, patch: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut bytes = pressed(0, 10, &[], 0);
    let mut more = block.encode();
    patch(&mut more);
    bytes.extend(more);
    bytes
}

fn block(kind: BlockKind, raw: Vec<u8>, until: u64) -> Block {
    let (from, until) = (Nanos(9_005), Nanos(until));
    Block { kind, first: Seq(11), count: 1, from, until, raw }
}

#[test]
fn lengths_and_times_that_cannot_be_are_not_believed() {
    let mut raw = Vec::new();
    crate::journal::pack::pack(&mut raw, Nanos(9_005), &event(10));
    let t = event(10).t.0;
    let sound = block(BlockKind::Events, raw.clone(), t);
    assert!(
        left(&with(&sound, |_| {})).expect("a recording").0.len() == 10,
        "its time is not that"
    );
    for until in [1 << 53, (1 << 53) + 1, u64::MAX, 0] {
        let bytes = with(&block(BlockKind::Events, raw.clone(), until), |_| {});
        let (whole, lost) = left(&bytes).expect("a recording");
        assert_eq!(whole.len(), 10, "until {until}");
        assert!(lost <= 1);
    }
    // A body of 4 GiB, stored or raw, as many events, and a position at the end of all.
    for (at, bytes) in [(8, 4), (12, 4), (24, 4), (16, 8)] {
        let patched = with(&sound, |more| more[at..at + bytes].fill(0xff));
        assert_eq!(left(&patched).expect("a recording").0.len(), 10, "at {at}");
    }
}

#[test]
fn a_body_that_grows_beyond_what_its_head_says_is_not_unpacked() {
    let bomb = block(BlockKind::Events, vec![0; LONGEST], 9_005);
    let bytes = with(&bomb, |more| {
        // 16 MiB of nothing say that they are 100 bytes.
        more[12..16].copy_from_slice(&100_u32.to_le_bytes());
        let mut crc = flate2::Crc::new();
        crc.update(&more[4..HEAD - 4]);
        crc.update(&more[HEAD..]);
        let sum = crc.sum().to_le_bytes();
        more[HEAD - 4..HEAD].copy_from_slice(&sum);
    });
    let (whole, lost) = left(&bytes).expect("a recording");
    assert_eq!((whole.len(), lost), (10, 1));
}

#[test]
fn what_a_later_version_has_beside_is_left_out() {
    let bytes = with(&block(BlockKind::Other(77), b"later".to_vec(), 9_005), |_| {});
    assert_eq!(left(&bytes).expect("a recording"), left(&pressed(0, 10, &[], 0)).expect("another"));
}

#[test]
fn what_is_left_out_is_in_no_event_and_in_no_world() {
    let address: std::net::SocketAddr = "10.11.12.13:4567".parse().expect("an address");
    let started = Nanos(1);
    let call = |call, ret, output| Kind::Return(SyscallRecord { call, ret, output, started });
    let accepted = Output::Accepted { file: FileId(3), peer: Peer::Inet(address) };
    let sent: crate::event::Head = b"secret"[..].into();
    let send = "send fd=7 secret";
    let phase = crate::event::CommandPhase::Accepted;
    let kinds = [
        Kind::Client(address.to_string().into()),
        call(Syscall::Accept { fd: Fd(4) }, Ret::ok(7), accepted),
        call(Syscall::Read { fd: Fd(7), len: 64 }, Ret::ok(6), Output::Data(sent)),
        Kind::Note(format!("{address} has gone").into()),
        Kind::Command { id: 1, text: send.into(), phase },
        Kind::Mark(format!("see {address}").into()),
    ];
    let head = RecordingHead::new(Header::default(), &Hidden::ALL);
    let mut world = World::default();
    let mut press = Press::new(Bytes { all: head.line(), refuse: 0 }, &head, &world);
    for (n, kind) in (1..).zip(kinds) {
        let event = Event { seq: Seq(n), t: Nanos(n), lane: LaneId(1), kind };
        world.apply(&event);
        press.event(&event, &world);
    }
    let bytes = press.finish(&world, "end").all;
    let line = bytes.iter().position(|byte| *byte == b'\n').expect("a line") + 1;
    for block in super::block::scan(&bytes, line) {
        let body = block.body(&bytes).expect("a body");
        for hidden in [&b"secret"[..], b"10.11.12.13", &[10, 11, 12, 13]] {
            let there = body.windows(hidden.len()).any(|window| window == hidden);
            assert!(!there, "{:?}: {hidden:?}", block.kind);
        }
    }
    let texts: Vec<_> = events(&journal(&bytes)).iter().map(|e| format!("{:?}", e.kind)).collect();
    assert_eq!(texts[0], "Client(\"client-1\")");
    assert!(texts[1].contains("Numbered { number: 1, unix: false }"), "{texts:?}");
    assert!(texts[3].contains("client-1 has gone"), "{texts:?}");
    assert!(texts[4].contains("send fd=7 (hidden)"), "{texts:?}");
    assert_eq!(texts[5], "Mark(\"see client-1\")");
}

#[test]
fn what_is_no_recording_says_so() {
    let refused = |bytes: &[u8]| Recording::read(bytes.to_vec()).err().map(|e| e.to_string());
    let no = "is no recording; lines of --headless cannot be replayed: record with --record";
    assert_eq!(refused(b"").as_deref(), Some(no));
    assert_eq!(refused(b"{\"kind\":\"listening\"}\n").as_deref(), Some(no));
    assert_eq!(refused(&head().line()).as_deref(), Some("holds no whole block"));
    let later = RecordingHead { words: WORDS + 1, program: "9.0.0".to_owned(), ..head() };
    let here = env!("CARGO_PKG_VERSION");
    let expected =
        format!("was written by epollscope 9.0.0 (words 2); this is {here} and reads words 1");
    assert_eq!(refused(&later.line()), Some(expected));
}

#[test]
fn a_world_of_another_fold_is_not_used() {
    let other = RecordingHead { model: MODEL + 1, ..head() };
    let bytes = pressed_by(&other, (700, 900), &[], 0);
    let journal = journal(&bytes);
    assert_eq!(journal.at(Seq(900)).counters.lost, 700, "what was before is not known");
    assert_eq!(events(&journal).len(), 200);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_cutting_into_blocks_reads_the_same(
        begin in 0_u64..200,
        more in 1_u64..300,
        cuts in proptest::collection::vec(0_u64..500, 0..20),
    ) {
        let read = events(&journal(&pressed(begin, begin + more, &cuts, 0)));
        prop_assert_eq!(read, (begin..begin + more).map(event).collect::<Vec<_>>());
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let mut damaged = pressed(0, 30, &[4, 9], 0);
        let at = usize::from(bytes.first().copied().unwrap_or(0)) * 3 % damaged.len();
        damaged.splice(at..at, bytes);
        if let Ok(recording) = Recording::read(damaged) {
            let journal = Rc::new(recording).journal();
            let _folded = journal.at(Seq(u64::MAX));
        }
    }
}
