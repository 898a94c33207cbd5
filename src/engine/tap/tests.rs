//! Rings, their merging by time, and what is lost.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::event::{Fd, FileId, HEAD, Output, Ret, Syscall, SyscallRecord};

fn tap(lanes: &[u16], slots: usize) -> (Vec<RingWriter>, Arc<SideChannel>, Tap) {
    let lanes: Vec<_> = lanes.iter().map(|n| LaneId(*n)).collect();
    channel(Clock::start(), Arc::new(Doorbell::new(|| {})), &lanes, slots)
}

fn all(tap: &mut Tap) -> Vec<(Nanos, LaneId, Kind)> {
    let mut seen = Vec::new();
    while tap.drain(1000, &mut |t, lane, kind| seen.push((t, lane, kind))).more {}
    seen
}

fn read(lane: &mut RingWriter, bytes: &[u8]) {
    let call = Syscall::Read { fd: Fd(7), len: 64 };
    let started = lane.now();
    lane.returned(&call, Ret::ok(1), started, Handed::Data(bytes));
}

/// A short event, told by its number.
fn push(lane: &mut RingWriter, n: i32) {
    lane.stale(Fd(n), FileId(1), false);
}

#[test]
fn events_of_all_lanes_come_in_the_order_of_their_times() {
    let (mut lanes, side, mut tap) = tap(&[1, 2], 64);
    push(&mut lanes[0], 1);
    push(&mut lanes[1], 2);
    side.push(Kind::Note("three".into()));
    lanes[0].tell(Kind::Note("four".into()));
    push(&mut lanes[0], 5);
    lanes.iter_mut().for_each(RingWriter::rest);
    let seen = all(&mut tap);
    let lanes: Vec<_> = seen.iter().map(|(_, lane, _)| lane.0).collect();
    assert_eq!(lanes, [1, 2, 0, 1, 1]);
    assert!(seen.is_sorted_by_key(|(t, ..)| *t));
}

#[test]
fn lane_that_opens_later_is_merged_with_the_others() {
    let (mut lanes, side, mut tap) = tap(&[1], 64);
    push(&mut lanes[0], 1);
    lanes[0].rest();
    assert_eq!(all(&mut tap).len(), 1);
    let mut late = side.open_lane(LaneId(300), 64);
    push(&mut late, 2);
    assert!(all(&mut tap).is_empty(), "it is still at work");
    push(&mut lanes[0], 3);
    lanes[0].rest();
    late.rest();
    let seen: Vec<_> = all(&mut tap).iter().map(|(_, lane, _)| lane.0).collect();
    assert_eq!(seen, [300, 1]);
}

#[test]
fn turning_to_an_event_comes_before_whatever_follows_it() {
    let (mut lanes, _side, mut tap) = tap(&[1], 64);
    let lane = &mut lanes[0];
    lane.handle(Fd(7), FileId(1));
    read(lane, &[1; 64]);
    lane.handle(Fd(8), FileId(2));
    read(lane, &[1; 64]);
    lane.handle(Fd(9), FileId(3));
    lane.tell(Kind::Note("x".into()));
    lane.handle(Fd(10), FileId(4));
    lane.rest();
    let seen = all(&mut tap);
    let name = |kind: &Kind| match kind {
        Kind::Handle { fd, .. } => format!("turn {fd}"),
        Kind::Return(record) => format!("read {}", record.call.fd().expect("a read")),
        _ => "other".to_owned(),
    };
    let names: Vec<_> = seen.iter().map(|(.., kind)| name(kind)).collect();
    assert_eq!(names, ["turn 7", "read 7", "turn 8", "read 7", "turn 9", "other", "turn 10"]);
    assert!(seen.is_sorted_by(|a, b| a.0 < b.0));
}

#[test]
fn a_gap_comes_before_what_others_did_later() {
    let (mut lanes, _side, mut tap) = tap(&[1, 2], 8);
    // The first lane loses what it does after its eighth event; the second goes on.
    (0..12).for_each(|n| push(&mut lanes[0], n));
    lanes[0].rest();
    (0..4).for_each(|n| push(&mut lanes[1], n));
    lanes[1].rest();
    let mut seen = Vec::new();
    let drained = tap.drain(10, &mut |_, lane, kind| seen.push((lane, kind)));
    assert!(drained.more, "the bound was reached");
    let gap = seen.iter().position(|(_, kind)| matches!(kind, Kind::Gap { .. }));
    let other = seen.iter().position(|(lane, _)| *lane == LaneId(2));
    assert!(gap.is_some() && gap < other, "{seen:?}");
}

#[test]
fn a_gap_stands_where_it_begins() {
    let (mut lanes, _side, mut tap) = tap(&[1, 2], 8);
    (0..12).for_each(|n| push(&mut lanes[0], n));
    lanes[0].rest();
    push(&mut lanes[1], 99);
    lanes[1].rest();
    // There is room again before anybody has come to what is missing.
    let _four = tap.drain(4, &mut |_, _, _| {});
    push(&mut lanes[0], 12);
    lanes[0].rest();
    let mut seen = all(&mut tap);
    seen.drain(..4);
    let gap = |kind: &Kind| matches!(kind, Kind::Gap { .. });
    let names: Vec<_> = seen.iter().map(|(_, lane, kind)| (lane.0, gap(kind))).collect();
    assert_eq!(names, [(1, true), (2, false), (1, false)], "{seen:?}");
}

#[test]
fn event_that_does_not_fit_leaves_nothing_behind_but_a_gap() {
    let (mut lanes, _side, mut tap) = tap(&[1], 8);
    let lane = &mut lanes[0];
    (1..=3).for_each(|n| read(lane, &[n; 64]));
    lane.rest();
    let seen = all(&mut tap);
    assert_eq!(seen.len(), 3, "{seen:?}");
    assert!(seen[..2].iter().all(|(.., kind)| matches!(kind, Kind::Return(_))));
    assert_eq!(seen[2].2, Kind::Gap { lost: 1 });
    push(&mut lanes[0], 3);
    lanes[0].rest();
    assert_eq!(all(&mut tap).len(), 1);
}

#[test]
fn what_goes_with_a_call_is_lost_with_it_and_counted() {
    let (mut lanes, _side, mut tap) = tap(&[1], 8);
    let lane = &mut lanes[0];
    for n in 0..20 {
        lane.handle(Fd(7), FileId(n));
        read(lane, b"");
    }
    lane.rest();
    let lost = |kind: &Kind| if let Kind::Gap { lost } = kind { *lost } else { 1 };
    let told: u64 = all(&mut tap).iter().map(|(.., kind)| lost(kind)).sum();
    assert_eq!(told, 40, "twenty events and a call for each");
}

#[test]
fn what_a_thread_turned_to_before_it_panicked_is_told() {
    let (mut lanes, _side, mut tap) = tap(&[1], 64);
    lanes[0].handle(Fd(7), FileId(1));
    lanes[0].abandon();
    let seen = all(&mut tap);
    assert_eq!(seen.len(), 1, "{seen:?}");
    assert_eq!(seen[0].2, Kind::Handle { fd: Fd(7), file: FileId(1) });
}

#[test]
fn side_channel_counts_what_it_drops_in_whose_lane_it_was() {
    let (mut lanes, side, mut tap) = tap(&[1, 2], 64);
    let refused = || Kind::Refused(crate::event::Refusal::Clients);
    (0..SIDE_SLOTS).for_each(|_| side.push(refused()));
    side.push(refused());
    lanes[1].tell(refused());
    lanes[1].tell(refused());
    let seen = all(&mut tap);
    let gaps: Vec<_> = seen[SIDE_SLOTS..].iter().map(|(_, lane, kind)| (*lane, kind)).collect();
    let [one, two] = [1, 2].map(|lost| Kind::Gap { lost });
    assert_eq!(gaps, [(LaneId::TOOL, &one), (LaneId(2), &two)]);
}

#[test]
fn gap_stands_before_what_came_after_it() {
    let (mut lanes, _side, mut tap) = tap(&[1], 8);
    let lane = &mut lanes[0];
    (0..10).for_each(|n| push(lane, n));
    lane.rest();
    let mut seen = Vec::new();
    let drained = tap.drain(4, &mut |_, _, kind| seen.push(kind));
    assert!(drained.more && drained.losing);
    push(&mut lanes[0], 9);
    lanes[0].rest();
    seen.extend(all(&mut tap).into_iter().map(|(_, _, kind)| kind));
    assert_eq!(seen.len(), 10);
    assert_eq!(seen[8], Kind::Gap { lost: 2 });
    assert_eq!(seen[9], Kind::Stale { fd: Fd(9), file: FileId(1), believed: false });
}

#[test]
fn long_silence_and_long_calls_are_told_exactly() {
    let (mut lanes, _side, mut tap) = tap(&[1], 64);
    let lane = &mut lanes[0];
    let call = Syscall::Read { fd: Fd(7), len: 64 };
    // As if the clock had started long ago.
    lane.clock = Clock::started_before(std::time::Duration::from_secs(10));
    tap.clock = lane.clock;
    lane.returned(&call, Ret::ok(1), Nanos(5), Handed::Data(b"x"));
    push(lane, 1);
    lane.rest();
    let seen = all(&mut tap);
    assert!(seen[0].0 > Nanos(10_000_000_000), "{seen:?}");
    let record = match &seen[0].2 {
        Kind::Return(record) => record,
        other => panic!("{other:?}"),
    };
    assert_eq!(record.started, Nanos(5));
    assert!(seen[1].0 > seen[0].0 && seen[1].0.since(seen[0].0) < Nanos(1_000_000_000));
}

#[test]
fn bytes_are_left_out_while_many_events_come() {
    let (mut lanes, _side, mut tap) = tap(&[1], 8192);
    let lane = &mut lanes[0];
    let kept = |tap: &mut Tap| match &all(tap)[0].2 {
        Kind::Return(SyscallRecord { output: Output::Data(head), .. }) => Some(head.len()),
        _ => None,
    };
    read(lane, &[7; 100]);
    lane.rest();
    assert_eq!(kept(&mut tap), Some(HEAD));
    let begun = lane.now();
    while !tap.brief {
        (0..1000).for_each(|_| push(lane, 1));
        lane.rest();
        tap.drain(usize::MAX, &mut |_, _, _| {});
        assert!(lane.now().since(begun) < Nanos(10_000_000_000), "no load can be made");
    }
    read(lane, &[7; 100]);
    lane.rest();
    assert_eq!(kept(&mut tap), None);
    while tap.brief {
        tap.drain(usize::MAX, &mut |_, _, _| {});
    }
    read(lane, &[7; 100]);
    lane.rest();
    assert_eq!(kept(&mut tap), Some(HEAD));
}

#[test]
fn side_channel_counts_what_it_drops_and_keeps_room_for_commands() {
    let (_lanes, side, mut tap) = tap(&[1], 4);
    let command = |phase| Kind::Command { id: 1, text: "run".into(), phase };
    for _ in 0..SIDE_SLOTS {
        side.push(Kind::Note("x".into()));
    }
    for _ in 0..SIDE_SLOTS {
        side.push(Kind::Refused(crate::event::Refusal::Clients));
    }
    side.push(command(crate::event::CommandPhase::Done(None)));
    let seen = all(&mut tap);
    assert_eq!(seen.len(), SIDE_SLOTS + 2);
    assert!(matches!(seen[SIDE_SLOTS].2, Kind::Command { .. }));
    assert_eq!(seen[SIDE_SLOTS + 1].2, Kind::Gap { lost: SIDE_SLOTS as u64 });
}

#[test]
fn watermark_stays_below_a_lane_that_is_stamping() {
    let (mut lanes, side, mut tap) = tap(&[1], 64);
    push(&mut lanes[0], 1);
    lanes[0].rest();
    assert_eq!(all(&mut tap).len(), 1);
    lanes[0].begin();
    side.push(Kind::Note("later".into()));
    let drained = tap.drain(10, &mut |_, _, _| {});
    assert_eq!((drained.events, drained.more, drained.held), (0, false, true));
    lanes[0].abandon();
    assert_eq!(all(&mut tap).len(), 1);
}

#[test]
fn events_go_together_and_are_there_when_the_thread_rests() {
    let (mut lanes, _side, mut tap) = tap(&[1], 256);
    let lane = &mut lanes[0];
    (0..63).for_each(|n| push(lane, n));
    assert_eq!(all(&mut tap).len(), 0);
    push(lane, 63);
    assert_eq!(all(&mut tap).len(), 64);
    push(lane, 64);
    assert_eq!(all(&mut tap).len(), 0);
    lane.tell(Kind::Note("at once".into()));
    assert_eq!(all(&mut tap).len(), 2);
    push(lane, 65);
    lane.rest();
    assert_eq!(all(&mut tap).len(), 1);
}

proptest! {
    /// What is seen is what was pushed, in order, and what is missing was counted where it
    /// was lost.
    #[test]
    fn every_event_is_seen_whole_or_counted(
        slots in 8usize..200,
        steps in vec((0usize..100, any::<bool>(), 0usize..40), 1..400),
    ) {
        let (mut lanes, _side, mut tap) = tap(&[1], slots);
        let lane = &mut lanes[0];
        let (mut next, mut last, mut failed) = (0u8, Nanos(0), None);
        let mut pushed = 0u64;
        let mut seen = 0u64;
        let mut see = |t: Nanos, kind: Kind| {
            let right = match kind {
                Kind::Gap { lost } => {
                    seen += lost;
                    next = next.wrapping_add(lost.to_le_bytes()[0]);
                    true
                }
                Kind::Return(SyscallRecord { output, started, .. }) => {
                    let expected = next;
                    next = next.wrapping_add(1);
                    seen += 1;
                    started < t
                        && match output {
                            Output::Data(head) => head.iter().all(|byte| *byte == expected),
                            // So many events came that less is told of each.
                            _ => true,
                        }
                }
                _ => false,
            };
            if !right || t < last {
                failed = Some((t, seen));
            }
            last = t;
        };
        for (len, rests, takes) in steps {
            read(lane, &vec![pushed.to_le_bytes()[0]; len]);
            pushed += 1;
            if rests {
                lane.rest();
            }
            tap.drain(takes, &mut |t, _, kind| see(t, kind));
        }
        lane.rest();
        while tap.drain(100, &mut |t, _, kind| see(t, kind)).more {}
        prop_assert_eq!((failed, seen), (None, pushed));
    }
}

#[test]
fn order_holds_while_producers_race() {
    let (lanes, _side, mut tap) = tap(&[1, 2, 3], 1024);
    let done = Arc::new(AtomicBool::new(false));
    let threads: Vec<_> = lanes
        .into_iter()
        .map(|mut lane| {
            let done = Arc::clone(&done);
            std::thread::spawn(move || {
                let mut pushed = 0u64;
                while !done.load(Ordering::Relaxed) {
                    push(&mut lane, 1);
                    pushed += 1;
                }
                lane.rest();
                pushed
            })
        })
        .collect();
    let (mut seen, mut last) = (0u64, Nanos(0));
    let mut count = |t: Nanos, _: LaneId, kind: Kind| {
        assert!(t >= last, "{t:?} after {last:?}");
        last = t;
        seen += if let Kind::Gap { lost } = kind { lost } else { 1 };
    };
    for _ in 0..2000 {
        tap.drain(1000, &mut count);
    }
    done.store(true, Ordering::Relaxed);
    let pushed: u64 = threads.into_iter().map(|t| t.join().expect("producer")).sum();
    while tap.drain(1000, &mut count).more {}
    assert_eq!(seen, pushed);
}
