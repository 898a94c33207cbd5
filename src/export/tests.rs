//! Exports of recordings that are there: what they say, and that they are what they claim to be.

use std::collections::BTreeMap;
use std::rc::Rc;

use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::event::{Nanos, Seq};
use crate::film::{FilmHead, FilmScreen, FilmSpan, FilmStyle, Frame, Rgb, Sampling};
use crate::journal::Journal;
use crate::record::{Hidden, Recording, RecordingHead};

/// Every kind of server.
const GOLDEN: [&str; 7] = ["class", "epoll", "poll", "select", "io-uring", "goroutine", "threads"];

fn golden(name: &str) -> (RecordingHead, Journal) {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recordings");
    let bytes = std::fs::read(folder.join(format!("{name}.rec"))).expect("a file");
    opened(bytes)
}

fn opened(bytes: Vec<u8>) -> (RecordingHead, Journal) {
    let recording = Rc::new(Recording::read(bytes).expect("a recording"));
    (recording.head().clone(), recording.journal())
}

type Writing = fn(&ExportRange<'_>, &mut Vec<u8>) -> io::Result<()>;

fn written(range: &ExportRange<'_>, write: Writing) -> String {
    let mut out = Vec::new();
    write(range, &mut out).expect("memory takes everything");
    String::from_utf8(out).expect("text")
}

#[test]
fn each_kind_says_what_happened() {
    let (head, journal) = golden("class");
    let range = ExportRange::whole(&head.header, &journal);
    insta::assert_snapshot!("strace", written(&range, |range, out| strace(range, out)));
    insta::assert_snapshot!("spans", written(&range, |range, out| spans(range, out)));
    insta::assert_snapshot!("trace", written(&range, |range, out| trace(range, out)));
}

#[test]
fn a_part_begins_with_what_was_before_it() {
    let (head, journal) = golden("class");
    let secs = |t: u64| Some(Nanos(t * 1_000_000_000));
    let range = ExportRange::between(&head.header, &journal, secs(2), secs(3)).expect("some");
    assert!(range.begins() >= Nanos(2_000_000_000) && range.ends() <= Nanos(3_000_000_000));
    let before = journal.get(range.first.back()).expect("there").t;
    let after = journal.get(range.last.next()).expect("there").t;
    assert!(before < Nanos(2_000_000_000) && after > Nanos(3_000_000_000));
    insta::assert_snapshot!("part_spans", written(&range, |range, out| spans(range, out)));
    insta::assert_snapshot!("part_strace", written(&range, |range, out| strace(range, out)));
    assert!(ExportRange::between(&head.header, &journal, secs(100), None).is_none());
    assert!(ExportRange::between(&head.header, &journal, secs(3), secs(2)).is_none());
}

/// The lines of a range, and those of the recording that is made of it.
#[test]
fn a_recording_of_a_part_has_its_lines() {
    for name in GOLDEN {
        let (head, journal) = golden(name);
        let whole = ExportRange::whole(&head.header, &journal);
        for (first, last) in [(1, whole.last.0), (20, whole.last.0), (7, 30)] {
            let range = ExportRange { first: Seq(first), last: Seq(last), ..whole };
            let mut excerpt =
                Excerpt::begin(&range, &head.hidden, &[], Vec::new()).expect("memory");
            while excerpt.go_on(&journal, 9).expect("memory") {}
            let (again, part) = opened(excerpt.finish().expect("memory"));
            let part = ExportRange::whole(&again.header, &part);
            assert_eq!((part.first, part.last), (range.first, range.last), "{name}");
            let lines = |range: &ExportRange<'_>| {
                written(range, |range, out| lines(range, Lines { strace: true }, out))
            };
            assert_eq!(lines(&part), lines(&range), "{name}");
        }
    }
}

/// A slice of a trace: from, until.
type Slices = BTreeMap<(u64, u64), Vec<(f64, f64)>>;

fn checked(trace: &str) -> Result<(Slices, usize), TestCaseError> {
    let trace: Value =
        serde_json::from_str(trace).map_err(|e| TestCaseError::fail(e.to_string()))?;
    let entries = trace["traceEvents"].as_array().expect("a list");
    let track =
        |entry: &Value| (entry["pid"].as_u64().unwrap_or(0), entry["tid"].as_u64().unwrap_or(0));
    let t = |entry: &Value, key: &str| entry[key].as_f64().expect("a number");
    let mut slices = Slices::new();
    for entry in entries.iter().filter(|entry| entry["ph"] == "X") {
        let (from, long) = (t(entry, "ts"), t(entry, "dur"));
        prop_assert!(long >= 0.0);
        slices.entry(track(entry)).or_default().push((from, from + long));
    }
    for slices in slices.values_mut() {
        slices.sort_by(|one, other| one.partial_cmp(other).expect("numbers"));
        for pair in slices.windows(2) {
            // A tenth of a nanosecond, for what a sum of two numbers of this size rounds.
            prop_assert!(pair[0].1 <= pair[1].0 + 1e-4, "{pair:?} overlap");
        }
    }
    let mut ends: BTreeMap<u64, Vec<&Value>> = BTreeMap::new();
    for entry in entries.iter().filter(|entry| entry["ph"] == "s" || entry["ph"] == "f") {
        ends.entry(entry["id"].as_u64().expect("a number")).or_default().push(entry);
    }
    for both in ends.values() {
        prop_assert_eq!(both.len(), 2);
        prop_assert!(both[0]["ph"] == "s" && both[1]["ph"] == "f");
        prop_assert!(t(both[0], "ts") <= t(both[1], "ts"));
        for end in both {
            let at = t(end, "ts");
            let within = slices[&track(end)].iter().any(|(from, until)| *from <= at && at < *until);
            prop_assert!(within, "{end} is in no slice");
        }
    }
    for key in slices.keys() {
        let named = entries.iter().any(|e| e["name"] == "thread_name" && track(e) == *key);
        prop_assert!(named, "{key:?} has no name");
    }
    Ok((slices, ends.len()))
}

#[test]
fn a_trace_leads_from_what_woke_a_thread_to_its_return() {
    for name in ["class", "epoll"] {
        let (head, journal) = golden(name);
        let range = ExportRange::whole(&head.header, &journal);
        let text = written(&range, |range, out| trace(range, out));
        let (slices, flows) = checked(&text).expect("it is sound");
        assert!(flows >= 2, "{name}: {flows} flows");
        assert!(slices.keys().any(|(pid, _)| *pid == 1) && slices.keys().any(|(pid, _)| *pid == 2));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn slices_of_any_part_never_overlap_and_flows_have_two_ends(
        name in proptest::sample::select(&GOLDEN[..]),
        cut in (0.0_f64..1.0, 0.0_f64..1.0),
        lost in any::<bool>(),
    ) {
        let (head, journal) = golden(name);
        let whole = ExportRange::whole(&head.header, &journal);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "small")]
        let place = |part: f64| Seq(1 + (part * (whole.events() - 1) as f64) as u64);
        let (first, last) = (place(cut.0.min(cut.1)), place(cut.0.max(cut.1)));
        let range = ExportRange { first, last, ..whole };
        if !lost {
            checked(&written(&range, |range, out| trace(range, out)))?;
            return Ok(());
        }
        // Of the same without its middle something is missing.
        let mut thinned = Journal::new(crate::journal::Limits::default());
        let mut world = range.before();
        let mut n = 0;
        range.each(|event| {
            n += 1;
            let kind = if n % 13 == 0 { crate::event::Kind::Gap { lost: 3 } } else { event.kind.clone() };
            let event = crate::event::Event { seq: Seq(n), kind, ..*event };
            world.apply(&event);
            thinned.push(&event, &world);
            Ok(())
        }).expect("nothing fails");
        let range = ExportRange::whole(&head.header, &thinned);
        checked(&written(&range, |range, out| trace(range, out)))?;
    }

    #[test]
    fn any_text_makes_a_picture_that_is_xml(text in "\\PC{1,40}|[<>&\"'\u{0}-\u{1f}\u{fffe}a]{1,40}") {
        let mut screen = FilmScreen::new(40, 1);
        let wide = 0;
        let spans = vec![FilmSpan { y: 0, x: 0, style: 1, text: text.clone(), wide }];
        screen.apply(&Frame { key: true, spans, ..Frame::default() });
        let mut out = Vec::new();
        let mut head = film_head(40, 1);
        head.title = text;
        picture(&head, &screen, &mut out).expect("memory takes everything");
        let out = String::from_utf8(out).expect("text");
        for (at, c) in out.char_indices() {
            let rest = &out[at..];
            let sound = match c {
                '&' => ["&amp;", "&lt;", "&gt;", "&quot;"].iter().any(|one| rest.starts_with(one)),
                '<' => ["svg ", "title>", "rect ", "g>", "g ", "text ", "path ", "/"]
                    .iter()
                    .any(|tag| rest[1..].starts_with(tag)),
                '\n' => true,
                c => !c.is_control() && c != '\u{fffe}' && c != '\u{ffff}',
            };
            prop_assert!(sound, "{rest:.40}");
        }
        prop_assert_eq!(out.matches('<').count(), out.matches('>').count());
        let opened = |tag: &str| out.matches(&format!("<{tag} ")).count() + out.matches(&format!("<{tag}>")).count();
        for tag in ["svg", "g", "text", "title"] {
            prop_assert_eq!(opened(tag), out.matches(&format!("</{tag}>")).count(), "{}", tag);
        }
    }
}

fn film_head(cols: u16, rows: u16) -> FilmHead {
    let red = FilmStyle { fg: Some(Rgb([255, 0, 0])), bold: true, ..FilmStyle::default() };
    FilmHead {
        title: "x".to_owned(),
        run: 0,
        cols,
        rows,
        clock: crate::event::TimeUnit::default(),
        fg: Rgb([200; 3]),
        bg: Rgb([0; 3]),
        turned: Vec::new(),
        sampling: Sampling::Shown,
        gaps: Vec::new(),
        cut: false,
        styles: vec![FilmStyle::default(), red],
    }
}

#[test]
fn words_and_lines_of_a_picture_stand_in_their_columns() {
    let mut screen = FilmScreen::new(24, 2);
    let span =
        |x, y, style, text: &str, wide| FilmSpan { y, x, style, text: text.to_owned(), wide };
    let spans = vec![
        span(0, 0, 0, "┌──┐ fd  12 ●r ██▌", 0),
        span(2, 1, 1, "<a&b>", 0),
        span(8, 1, 1, "文", 2),
    ];
    screen.apply(&Frame { key: true, spans, ..Frame::default() });
    let mut out = Vec::new();
    picture(&film_head(24, 2), &screen, &mut out).expect("memory takes everything");
    insta::assert_snapshot!("picture", String::from_utf8(out).expect("text"));
}

#[test]
fn what_is_hidden_stays_hidden() {
    let (head, journal) = golden("class");
    let range = ExportRange::whole(&head.header, &journal);
    let excerpt = |hidden: &[Hidden]| {
        let mut excerpt = Excerpt::begin(&range, hidden, &[], Vec::new()).expect("memory");
        excerpt.go_on(&journal, u64::MAX).expect("memory");
        opened(excerpt.finish().expect("memory"))
    };
    let kinds: [Writing; 4] = [
        |range, out| strace(range, out),
        |range, out| spans(range, out),
        |range, out| trace(range, out),
        |range, out| lines(range, Lines { strace: true }, out),
    ];
    let (whole, hidden) = (excerpt(&[]), excerpt(&[Hidden::Payload, Hidden::Peers]));
    let mut told = 0;
    for write in kinds {
        let [plain, veiled] = [&whole, &hidden]
            .map(|(head, journal)| written(&ExportRange::whole(&head.header, journal), write));
        let address = head.header.facts.addresses.first().expect("it listens");
        let peer = |text: &str| text.replace(&**address, "").contains("127.0.0.1:");
        for secret in ["good morn", "what will"] {
            told += usize::from(plain.contains(secret));
            assert!(!veiled.contains(secret), "{veiled}");
        }
        told += usize::from(peer(&plain));
        assert!(!peer(&veiled), "{veiled}");
    }
    assert!(told >= 5, "only {told} would have told it");
}
