//! A column shows what happened in its time, and nothing else.

use proptest::prelude::*;

use super::column::{Band, Window, columns};
use crate::event::{Fd, FileId, LaneId, Nanos, Seq, Trigger, WatchKey};
use crate::model::{Mark, MarkKind, Span, Track, TrackId};
use crate::tui::app::ZOOMS;
use crate::tui::theme::{ASCII, UNICODE};

const FILE: TrackId = TrackId::Watch(WatchKey { fd: Fd(7), file: FileId(7) });
const THREAD: TrackId = TrackId::Lane(LaneId(1));

fn track(marks: &[(u64, MarkKind)]) -> Track {
    let mut track = Track::default();
    for (n, (t, what)) in marks.iter().enumerate() {
        track.push(Mark { t: Nanos(*t), seq: Seq(n as u64), what: *what }, 4096);
    }
    track
}

/// What is drawn of it: each column its glyph.
fn drawn(id: TrackId, marks: &[(u64, MarkKind)], window: &Window, band: Band) -> String {
    let columns = columns(&track(marks), window);
    columns.iter().map(|column| column.cell(&UNICODE, id, band).0).collect()
}

fn marks() -> impl Strategy<Value = Vec<(u64, MarkKind)>> {
    let what = prop::sample::select(vec![
        MarkKind::Span(Span::Ready),
        MarkKind::Span(Span::Quiet(Trigger::Edge)),
        MarkKind::Span(Span::Unknown),
        MarkKind::Accept,
        MarkKind::Arrive,
        MarkKind::Report,
        MarkKind::Read,
        MarkKind::Write,
        MarkKind::Again,
        MarkKind::End,
        MarkKind::Close,
        MarkKind::Changed,
        MarkKind::Lost,
    ]);
    // Some come together, some long after.
    let gap = prop_oneof![0_u64..3, 0_u64..30_000, 0_u64..2_000_000_000];
    prop::collection::vec((gap, what), 0..60).prop_map(|steps| {
        let mut t = 0;
        let mark = |(gap, what)| {
            t += gap;
            (t, what)
        };
        steps.into_iter().map(mark).collect()
    })
}

proptest! {
    #[test]
    fn every_mark_stands_in_the_column_of_its_time(
        marks in marks(),
        zoom in prop::sample::select(ZOOMS.to_vec()),
        odd in 0_u64..1_000,
        width in 11_u16..230,
    ) {
        let until = marks.last().map_or(0, |(t, _)| *t);
        let window = Window::new(Nanos(until), Nanos(zoom.0 + odd), width);
        let columns = columns(&track(&marks), &window);
        prop_assert_eq!(columns.len(), usize::from(width));
        prop_assert!(window.from.0 + window.width.0 > until, "the newest is within");
        prop_assert!(window.width.0 <= until || window.from == Nanos(0));
        let unused = window.from.0 + window.width.0 - until.max(window.width.0 - 1);
        prop_assert!(unused <= window.width.0 / 16 + 1, "{unused} are left blank");
        for (n, column) in columns.iter().enumerate() {
            let n = u16::try_from(n).expect("a narrow screen");
            let (begins, ends) = (window.begins(n), window.begins(n + 1));
            let inside = |t: u64| t >= begins.0 && t < ends.0;
            let moment = |what: &MarkKind| !matches!(what, MarkKind::Span(_));
            let here = marks.iter().filter(|(t, what)| inside(*t) && moment(what)).count();
            prop_assert_eq!((column.events.count + column.calls.count) as usize, here);
            let state = column.cell(&UNICODE, FILE, Band::States);
            let cell = column.cell(&UNICODE, FILE, Band::Marks);
            prop_assert_eq!(cell.0 == " ", here == 0);
            let all = column.cell(&UNICODE, FILE, Band::All);
            prop_assert_eq!(all, if here == 0 { state } else { cell });
            let known = column.times().iter().sum::<u64>();
            prop_assert!(known <= ends.0 - begins.0, "{known} in {begins} to {ends}");
        }
    }
}

#[test]
fn several_marks_in_one_column_are_told_by_their_number() {
    // A column a microsecond.
    let window = Window::new(Nanos(15_999), Nanos(16_000), 16);
    let mut marks = vec![(1_000, MarkKind::Read)];
    marks.extend([(3_000, MarkKind::Arrive), (3_500, MarkKind::Report), (3_999, MarkKind::Read)]);
    marks.extend((0..12).map(|n| (5_000 + n, MarkKind::Write)));
    marks.extend((0..100).map(|n| (7_000 + n, MarkKind::Again)));
    assert_eq!(drawn(FILE, &marks, &window, Band::All), " r 3 \u{2591} \u{2593}        ");
    assert_eq!(drawn(FILE, &marks, &window, Band::Events), "   2            ");
    assert_eq!(drawn(FILE, &marks, &window, Band::Calls), " r r \u{2591} \u{2593}        ");
    assert_eq!(drawn(FILE, &marks, &window, Band::States), " ".repeat(16));
}

#[test]
fn a_thread_shows_the_share_of_the_time_in_which_it_was_awake() {
    let window = Window::new(Nanos(7_999), Nanos(8_000), 8);
    let at = |t, span| (t, MarkKind::Span(span));
    let marks = [
        at(0, Span::Asleep),
        at(1_500, Span::Running),
        at(2_000, Span::Asleep),
        at(3_000, Span::Running),
        at(3_001, Span::Asleep),
        at(4_000, Span::Running),
        at(5_250, Span::Held),
    ];
    assert_eq!(drawn(THREAD, &marks, &window, Band::All), "z▄z▁━‖‖‖");
    // Its calls fall together where it is awake: their number is told where the files are.
    let calls = [(1_600, MarkKind::Report), (1_700, MarkKind::Read), (3_000, MarkKind::Report)];
    let mut both = [marks.to_vec(), calls.to_vec()].concat();
    both.sort_by_key(|(t, _)| *t);
    assert_eq!(drawn(THREAD, &both, &window, Band::All), "z▄zW━‖‖‖");
    assert_eq!(drawn(THREAD, &both, &window, Band::Marks), " 2 W    ");
}

#[test]
fn what_is_not_kept_is_not_drawn_as_known() {
    let window = Window::new(Nanos(7_999), Nanos(8_000), 8);
    let mut track = Track::default();
    for t in 0..8 {
        track.push(Mark { t: Nanos(t * 1_000), seq: Seq(t), what: MarkKind::Read }, 4);
    }
    let cells = columns(&track, &window);
    let drawn: String = cells.iter().map(|column| column.cell(&ASCII, FILE, Band::All).0).collect();
    assert_eq!(drawn, "... rrrr");
}
