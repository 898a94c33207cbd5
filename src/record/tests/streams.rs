//! What comes in pieces is what is in the file.

use tokio_util::bytes::BytesMut;
use tokio_util::codec::Decoder as _;

use super::*;
use crate::event::{View, Viewpoint};

/// Everything that comes of these pieces.
fn received(pieces: &[&[u8]]) -> Vec<Received> {
    let (mut codec, mut bytes, mut all) = (BlockCodec::default(), BytesMut::new(), Vec::new());
    for piece in pieces {
        bytes.extend_from_slice(piece);
        while let Some(one) = codec.decode(&mut bytes).expect("a stream") {
            all.push(one);
        }
    }
    while let Some(one) = codec.decode_eof(&mut bytes).expect("a stream") {
        all.push(one);
    }
    all
}

fn of_events(all: &[Received]) -> Vec<Event> {
    let events = all.iter().filter_map(|one| match one {
        Received::Events(events) => Some(events.clone()),
        _ => None,
    });
    events.flatten().collect()
}

#[test]
fn a_stream_has_its_head_its_worlds_its_events_and_its_end() {
    let all = received(&[&pressed(700, 900, &[], 0)]);
    let mut world = World::default();
    (0..700).for_each(|n| world.apply(&event(n)));
    assert!(matches!(&all[0], Received::Head(found) if **found == head()));
    assert_eq!(all[1], Received::World(Box::new(world)));
    assert_eq!(of_events(&all), (700..900).map(event).collect::<Vec<_>>());
    assert_eq!(all.last(), Some(&Received::End));
}

#[test]
fn one_recording_follows_another() {
    let (first, second) = (pressed(0, 20, &[], 0), pressed(5, 30, &[], 0));
    let all = received(&[&first, &second]);
    assert_eq!(all, [received(&[&first]), received(&[&second])].concat());
    assert_eq!(all.iter().filter(|one| **one == Received::End).count(), 2);
}

#[test]
fn where_the_teacher_looks_is_told() {
    let here = Viewpoint { seq: Some(Seq(7)), view: View::Calls, ..Viewpoint::default() };
    let mut press = Press::new(Bytes { all: head().line(), refuse: 0 }, &head(), &World::default());
    press.view(&here);
    let bytes = press.finish(&World::default(), "end").all;
    assert_eq!(received(&[&bytes])[1..], [Received::View(here), Received::End]);
    assert_eq!(Recording::read(bytes).err(), Some(ReadError::Empty), "a file has no use for it");
}

#[test]
fn what_is_damaged_is_passed_over() {
    let bytes = pressed(0, 120, &[9, 10, 40, 77, 100], 0);
    let heads = blocks(&bytes);
    for at in heads[1]..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1;
        let read = of_events(&received(&[&damaged]));
        assert!(read.len() >= 80 && read.len() <= 120, "byte {at}: {} are left", read.len());
        assert!(read.iter().all(|read| *read == event(read.seq.0 - 1)), "byte {at}");
    }
    let mut longer = bytes.clone();
    longer.splice(heads[2]..heads[2], *b"\xeb\x65\x70\x0a noise \xeb\x65");
    assert_eq!(of_events(&received(&[&longer])).len(), 120);
}

#[test]
fn what_is_no_stream_of_blocks_is_refused() {
    let error = |bytes: &[u8]| {
        let mut codec = BlockCodec::default();
        codec.decode(&mut BytesMut::from(bytes)).err().map(|error| error.to_string())
    };
    let no = ReadError::NoRecording.to_string();
    assert_eq!(error(b"<html>\n"), Some(no.clone()));
    assert_eq!(error(&vec![b' '; 64 << 10]), Some(no), "a line is not waited for without end");
    assert_eq!(error(b"{\"epollscope\""), None, "its end may come");
}

/// A stream in which some are missing, as whoever is slow gets it.
#[test]
fn a_press_goes_on_from_a_world() {
    let (mut world, out) = (World::default(), Bytes { all: head().line(), refuse: 0 });
    let mut press = Press::new(out, &head(), &world);
    for n in 0..300 {
        world.apply(&event(n));
        match n {
            100..199 => {}
            199 => press.resume(&world),
            _ => press.event(&event(n), &world),
        }
    }
    let bytes = press.finish(&world, "end").all;
    let (whole, lost) = left(&bytes).expect("a recording");
    assert_eq!((whole.len(), lost), (200, 100));
    assert_eq!(journal(&bytes).at(Seq(300)), world);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn any_cutting_of_the_bytes_gives_the_same(
        begin in 0_u64..100,
        more in 1_u64..200,
        blocks in proptest::collection::vec(0_u64..300, 0..8),
        places in proptest::collection::vec(any::<proptest::sample::Index>(), 0..40),
    ) {
        let bytes = pressed(begin, begin + more, &blocks, 0);
        let mut places: Vec<_> = places.iter().map(|place| place.index(bytes.len())).collect();
        places.push(bytes.len());
        places.sort_unstable();
        let mut from = 0;
        let pieces: Vec<_> =
            places.iter().map(|at| &bytes[std::mem::replace(&mut from, *at)..*at]).collect();
        prop_assert_eq!(received(&pieces), received(&[&bytes]));
        let every: Vec<_> = bytes.chunks(1).collect();
        prop_assert_eq!(received(&every), received(&[&bytes]));
    }
}
