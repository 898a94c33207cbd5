//! Who gets what, and who waits.

use super::*;
use crate::event::{Nanos, Seq};

fn hub() -> Rc<RefCell<Hub>> {
    let code = ShareCode::parse("K7QM4X").expect("a code");
    Rc::new(RefCell::new(Hub::new(code, None, SharePage::default(), ShareBlocks::Passing)))
}

fn frame(hub: &Rc<RefCell<Hub>>, key: bool, line: impl Into<String>) {
    hub.borrow_mut().take(Telling::Film { size: FilmSize::Wide, key, line: line.into() });
}

/// All that a viewer can have now, as text.
fn all(seat: &Seat) -> String {
    let next = || match seat.next() {
        Next::Bytes(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
        Next::Wait | Next::End => None,
    };
    std::iter::from_fn(next).collect::<String>().replace("data: ", "").replace("\n\n", " ")
}

#[test]
fn who_comes_late_asks_for_a_whole_picture_and_begins_there() {
    let (hub, film) = (hub(), Watching::Film(FilmSize::Wide));
    assert_eq!(hub.borrow().report(), ShareReport::default());
    let first = Seat::take(&hub, film, None).expect("a seat");
    assert_eq!(all(&first), "");
    assert_eq!(hub.borrow().report().films, [Wanted::Whole, Wanted::No]);
    hub.borrow_mut().take(Telling::FilmHead(FilmSize::Wide, "head".to_owned()));
    frame(&hub, false, "lost");
    frame(&hub, true, "key");
    frame(&hub, false, "1");
    assert_eq!(all(&first), "head key 1 ");
    assert_eq!(hub.borrow().report().films, [Wanted::More, Wanted::No]);
    frame(&hub, false, "2");
    // The picture is still fresh.
    let second = Seat::take(&hub, film, None).expect("a seat");
    assert_eq!((all(&first), all(&second)), ("2 ".to_owned(), "head key 1 2 ".to_owned()));
    frame(&hub, false, "x".repeat(FRESH[0]));
    let third = Seat::take(&hub, film, None).expect("a seat");
    assert_eq!(all(&third), "");
    assert_eq!(hub.borrow().report().films[0], Wanted::Whole);
    frame(&hub, true, "key");
    assert_eq!(all(&third), "head key ");
    drop([first, second, third]);
    // What was shown to nobody is not what is shown to whoever comes next.
    frame(&hub, true, "old");
    let fourth = Seat::take(&hub, film, None).expect("a seat");
    assert_eq!(hub.borrow().report().viewers, 1);
    hub.borrow_mut().end("over");
    assert_eq!(all(&fourth), "head event: bye\n\"over\" ");
    assert_eq!(fourth.next(), Next::End);
}

#[test]
fn who_is_slow_loses_its_place_and_nobody_else_does() {
    let (hub, film) = (hub(), Watching::Film(FilmSize::Wide));
    let [slow, fast] = [(); 2].map(|()| Seat::take(&hub, film, None).expect("a seat"));
    frame(&hub, true, "key");
    assert_eq!((all(&slow), all(&fast)), ("key ".to_owned(), "key ".to_owned()));
    for n in 0..100 {
        frame(&hub, false, format!("{n}"));
        assert_eq!(all(&fast), format!("{n} "));
    }
    assert_eq!((hub.borrow().report().slow, hub.borrow().report().viewers), (1, 2));
    assert_eq!(all(&slow), "");
    assert_eq!(hub.borrow().report().films[0], Wanted::Whole);
    frame(&hub, true, "key");
    assert_eq!((all(&slow), all(&fast)), ("key ".to_owned(), "key ".to_owned()));
}

#[test]
fn there_are_as_many_viewers_as_there_can_be() {
    let hub = hub();
    let seats: Vec<_> = (0..VIEWERS).map(|_| Seat::take(&hub, Watching::Blocks, None)).collect();
    assert!(seats.iter().all(Option::is_some));
    assert!(Seat::take(&hub, Watching::Blocks, None).is_none());
    drop(seats);
    assert!(Seat::take(&hub, Watching::Blocks, None).is_some());
}

/// A block whose body cannot be deflated.
fn block(kind: BlockKind, first: u64, bytes: usize) -> Block {
    let mut random = first | 1;
    let raw = std::iter::repeat_with(|| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        random.to_be_bytes()[0]
    });
    let (raw, first) = (raw.take(bytes).collect(), Seq(first));
    Block { kind, first, count: 1, from: Nanos(0), until: Nanos(0), raw }
}

#[test]
fn a_flood_becomes_worlds() {
    let hub = hub();
    let seat = Seat::take(&hub, Watching::Blocks, None).expect("a seat");
    let now = Instant::now();
    hub.borrow_mut().take(Telling::Block(block(BlockKind::Key, 1, 1000)));
    assert!(!all(&seat).is_empty());
    assert_eq!(hub.borrow().report().blocks, Wanted::More);
    for n in 0..60 {
        hub.borrow_mut().block(&block(BlockKind::Events, n, 10_000), now);
    }
    assert_eq!(hub.borrow().report().blocks, Wanted::Whole);
    let taken = std::iter::from_fn(|| match seat.next() {
        Next::Bytes(bytes) => Some(bytes.len()),
        Next::Wait | Next::End => None,
    });
    let taken: usize = taken.sum();
    // What a second brings.
    assert!((500_000..=530_000).contains(&taken), "{taken}");
    hub.borrow_mut().block(&block(BlockKind::Key, 60, 10_000), now + Duration::from_secs(1));
    assert_eq!(hub.borrow().report().blocks, Wanted::More);
}

#[test]
fn what_is_kept_is_had_by_all_from_its_beginning_and_ends_with_its_end() {
    let code = ShareCode::parse("K7QM4X").expect("a code");
    let none = ShareBlocks::None("nothing yet".to_owned());
    let hub = Rc::new(RefCell::new(Hub::new(code, None, SharePage::default(), none)));
    let tell = |kind, n| hub.borrow_mut().take(Telling::Block(block(kind, n, 10)));
    let sit = || Seat::take(&hub, Watching::Blocks, None).expect("a seat");
    let bytes = |seat: &Seat| {
        let next = || match seat.next() {
            Next::Bytes(bytes) => Some(bytes.to_vec()),
            Next::Wait | Next::End => None,
        };
        std::iter::from_fn(next).collect::<Vec<_>>().concat()
    };
    hub.borrow_mut().take(Telling::Blocks(ShareBlocks::Whole));
    let first = sit();
    assert_eq!((first.next(), hub.borrow().report().blocks), (Next::Wait, Wanted::Whole));
    tell(BlockKind::Head, 0);
    tell(BlockKind::Events, 1);
    assert_eq!(hub.borrow().report().blocks, Wanted::More);
    let seen = bytes(&first);
    drop(first);
    let (late, slow) = (sit(), sit());
    assert_eq!(bytes(&late), seen);
    assert!(matches!(slow.next(), Next::Bytes(_)));
    tell(BlockKind::Events, 2);
    tell(BlockKind::End, 2);
    let rest = bytes(&late);
    assert!(!rest.is_empty() && late.next() == Next::End);
    // Another one: whoever has the one before has it to its end, and no more.
    hub.borrow_mut().take(Telling::Blocks(ShareBlocks::Whole));
    let new = sit();
    assert_eq!((new.next(), hub.borrow().report().blocks), (Next::Wait, Wanted::Whole));
    hub.borrow_mut().take(Telling::Stored { first: true, bytes: b"stored".to_vec() });
    assert_eq!(bytes(&new), b"stored");
    let slow = (bytes(&slow), slow.next());
    assert!(slow.0.ends_with(&rest) && slow.1 == Next::End);
    hub.borrow_mut().end("over");
    assert_eq!(new.next(), Next::End);
}

#[test]
fn who_wants_what_follows_has_one_recording_after_the_other() {
    let code = ShareCode::parse("K7QM4X").expect("a code");
    let hub = Hub::new(code, None, SharePage::default(), ShareBlocks::Whole);
    let hub = Rc::new(RefCell::new(hub));
    let tell = |kind, n| hub.borrow_mut().take(Telling::Block(block(kind, n, 10)));
    let pieces = |seat: &Seat| {
        let next = || match seat.next() {
            Next::Bytes(bytes) => Some(bytes.len()),
            Next::Wait | Next::End => None,
        };
        std::iter::from_fn(next).count()
    };
    let [one, all] = [Watching::Blocks, Watching::Recordings]
        .map(|what| Seat::take(&hub, what, None).expect("a seat"));
    for kind in [BlockKind::Head, BlockKind::Events, BlockKind::End] {
        tell(kind, 1);
    }
    assert_eq!((pieces(&one), pieces(&all)), (3, 3));
    assert_eq!((one.next(), all.next()), (Next::End, Next::Wait));
    // Between two there is none.
    hub.borrow_mut().take(Telling::Blocks(ShareBlocks::None("nothing".to_owned())));
    assert_eq!(all.next(), Next::Wait);
    hub.borrow_mut().take(Telling::Blocks(ShareBlocks::Whole));
    assert_eq!(hub.borrow().report().blocks, Wanted::More);
    for kind in [BlockKind::Head, BlockKind::Events] {
        tell(kind, 1);
    }
    assert_eq!((pieces(&one), pieces(&all)), (0, 2));
    drop(one);
    hub.borrow_mut().end("over");
    assert_eq!(all.next(), Next::End);
}

#[test]
fn what_is_kept_is_bounded_and_its_beginning_never_gives_way() {
    let code = ShareCode::parse("K7QM4X").expect("a code");
    let hub = Hub::new(code, None, SharePage::default(), ShareBlocks::Whole);
    let hub = Rc::new(RefCell::new(hub));
    let stored = vec![b'x'; ShareBlocks::KEPT];
    hub.borrow_mut().take(Telling::Stored { first: true, bytes: stored });
    let sit = || Seat::take(&hub, Watching::Blocks, None).expect("a seat");
    let length = |seat: &Seat| match seat.next() {
        Next::Bytes(bytes) => Some(bytes.len()),
        Next::Wait | Next::End => None,
    };
    // Where somebody looks has room of its own.
    hub.borrow_mut().take(Telling::Block(block(BlockKind::View, 1, 100)));
    let late = sit();
    assert_eq!(length(&late), Some(ShareBlocks::KEPT));
    assert!(length(&late).is_some_and(|length| length < 1000));
    assert_eq!(late.next(), Next::Wait);
    // What happens more has none: that is the end, and nobody else begins.
    hub.borrow_mut().take(Telling::Block(block(BlockKind::Events, 2, 100)));
    let Next::Bytes(end) = late.next() else { panic!("it has an end") };
    assert!(end.windows(5).any(|bytes| bytes == b"limit"));
    assert_eq!(late.next(), Next::End);
    let offered = hub.borrow().offered.clone();
    assert_eq!(offered, ShareBlocks::None("what happened has more than 64 MiB".to_owned()));
}
