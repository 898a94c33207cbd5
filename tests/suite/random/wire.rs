//! Events as bytes, for the history and for recordings, and as lines of JSON.

use std::rc::Rc;

use epollscope::event::{CommandPhase, Event, Header, Kind, LaneId, Nanos, Output, Ret, Seq};
use epollscope::model::World;
use epollscope::record::{Block, Outlet, Press, Recording, RecordingHead};
use epollscope::sink::jsonl::{JsonLine, Lines};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::Value;

use super::any;

/// The longest line that an event without long lists may take: 1000 columns of text, escaped.
const LONGEST: usize = 40_000;

/// Whether no text in `value` has anything in it that a terminal would act upon.
fn is_plain(value: &Value) -> bool {
    match value {
        Value::String(text) => !text.chars().any(char::is_control),
        Value::Array(list) => list.iter().all(is_plain),
        Value::Object(map) => map.values().all(is_plain),
        _ => true,
    }
}

/// The line of an event, checked to be one of JSON that no terminal takes for anything else.
#[track_caller]
fn check_line(event: &Event) -> Value {
    let text =
        serde_json::to_string(&JsonLine::Event(&World::default(), event, Lines { strace: true }))
            .expect("a line");
    assert!(!text.chars().any(char::is_control), "{text:?}");
    let value: Value = serde_json::from_str(&text).expect("JSON");
    assert!(is_plain(&value), "{text}");
    assert_eq!(value["seq"].as_u64(), Some(event.seq.0));
    assert_eq!(value["t_ns"].as_u64(), Some(event.t.0));
    assert_eq!(value["lane"].as_str(), Some(event.lane.to_string().as_str()));
    assert!(value["kind"].is_string(), "{text}");
    value
}

/// A recording in memory.
struct Bytes(Vec<u8>);

impl Outlet for Bytes {
    fn put(&mut self, block: Block) -> bool {
        self.0.extend(block.encode());
        true
    }
}

/// Events as a session has them: in order, and no time in them beyond the last that there is.
fn in_order(mut events: Vec<Event>) -> Vec<Event> {
    events.sort_by_key(|event| event.t);
    for (seq, event) in (1..).zip(&mut events) {
        let early = |t: &mut Nanos| *t = Nanos(t.0.min(Nanos::MAX.0));
        event.seq = Seq(seq);
        early(&mut event.t);
        match &mut event.kind {
            Kind::Return(record) => {
                early(&mut record.started);
                if let Output::Events { done, .. } = &mut record.output {
                    early(done);
                }
            }
            Kind::Wakeup(wakeup) => {
                early(&mut wakeup.counted);
                early(&mut wakeup.after);
            }
            Kind::Asleep { since, .. } => early(since),
            Kind::Measured { each, .. } => early(each),
            _ => {}
        }
    }
    events
}

/// Whatever prints an event must be able to print any.
fn print(event: &Event) -> String {
    let record = event.record().map(|r| format!("{} {} {}", r.call, r.ret, r.started));
    format!("{:?} {:?} {record:?}", event.fd(), event.kind)
}

#[test]
fn a_result_that_no_kernel_gives_is_no_error_number() {
    let ret = Ret::from_raw(i64::MIN);
    assert_eq!((ret.errno(), ret.value()), (None, None));
    assert_eq!(ret.to_string(), i64::MIN.to_string());
}

#[test]
fn the_remark_of_a_command_is_made_visible() {
    let phase = CommandPhase::Failed("\u{80}\x1b[2J".into());
    let kind = Kind::Command { id: 1, text: "drop fd=7".into(), phase };
    let event = Event { seq: Seq(1), t: Nanos(1), lane: LaneId::TOOL, kind };
    assert_eq!(check_line(&event)["note"], "<U+0080>^[[2J");
}

proptest! {
    #[test]
    fn any_event_comes_back_from_its_bytes(event in any::event()) {
        let bytes = postcard::to_stdvec(&event).unwrap();
        let (back, rest) = postcard::take_from_bytes::<Event>(&bytes).unwrap();
        prop_assert_eq!(&back, &event);
        prop_assert!(rest.is_empty());
        for len in 0..bytes.len() {
            prop_assert!(postcard::from_bytes::<Event>(&bytes[..len]).is_err(), "cut at {len}");
        }
    }

    #[test]
    fn any_events_come_back_from_a_recording(
        events in vec(any::event(), 1..40),
        cuts in vec(any::<bool>(), 40),
    ) {
        let events = in_order(events);
        let (head, world) = (RecordingHead::new(Header::default(), &[]), World::default());
        let mut press = Press::new(Bytes(head.line()), &head, &world);
        for (event, cut) in events.iter().zip(cuts) {
            press.event(event, &world);
            if cut {
                press.flush(&world);
            }
        }
        let recording = Recording::read(press.finish(&world, "end").0).expect("a recording");
        let mut read = Vec::new();
        Rc::new(recording).journal().forward_from(Seq(1), |event| {
            read.push(event.clone());
            true
        });
        prop_assert_eq!(read, events);
    }

    #[test]
    fn any_event_comes_back_from_json(event in any::event()) {
        let text = serde_json::to_string(&event).unwrap();
        prop_assert_eq!(serde_json::from_str::<Event>(&text).unwrap(), event);
    }

    #[test]
    fn any_event_is_a_plain_line_of_json(event in any::event()) {
        let value = check_line(&event);
        prop_assert!(value.to_string().len() < LONGEST);
        print(&event);
    }

    #[test]
    fn damaged_bytes_are_refused_or_are_another_event(
        event in any::event(),
        damage in vec((any::<Index>(), any::<u8>(), any::<bool>()), 1..6),
    ) {
        let mut bytes = postcard::to_stdvec(&event).unwrap();
        for (place, byte, cut) in damage {
            let at = place.index(bytes.len() + 1);
            if cut {
                bytes.insert(at, byte);
            } else if let Some(there) = bytes.get_mut(at) {
                *there = byte;
            }
        }
        if let Ok(other) = postcard::from_bytes::<Event>(&bytes) {
            check_line(&other);
            print(&other);
        }
    }

    #[test]
    fn any_bytes_are_refused_or_are_an_event(bytes in vec(any::<u8>(), 0..200)) {
        if let Ok(event) = postcard::from_bytes::<Event>(&bytes) {
            check_line(&event);
            print(&event);
        }
        let _either = postcard::from_bytes::<Kind>(&bytes);
    }
}
