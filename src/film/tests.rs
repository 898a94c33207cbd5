//! Frames as JSON, and screens made of them.

use unicode_width::UnicodeWidthStr;

use super::*;
use crate::event::{Fd, Nanos, Seq, TimeUnit};

fn span(y: u16, x: u16, style: u16, text: &str, wide: u16) -> FilmSpan {
    FilmSpan { y, x, style, text: text.to_owned(), wide }
}

fn head() -> FilmHead {
    let orange = Rgb([0xff, 0xaf, 0]);
    let bold = FilmStyle { fg: Some(orange), bold: true, ..FilmStyle::default() };
    FilmHead {
        title: "class.rec".to_owned(),
        run: 0,
        cols: 12,
        rows: 3,
        clock: TimeUnit::Nanoseconds,
        fg: Rgb([255; 3]),
        bg: Rgb([0; 3]),
        turned: vec![(orange, Rgb([0xaf, 0x5f, 0]))],
        sampling: Sampling::Evenly { screens: 20_000, events: 1_000_000 },
        gaps: Vec::new(),
        cut: false,
        styles: vec![FilmStyle::default(), bold],
    }
}

fn frame() -> Frame {
    let why = [(Fd(7), Some("fd 7 waits.".to_owned())), (Fd(9), None)];
    let words = FilmWords {
        why: why.into(),
        rows: Some(vec![FilmRow(1, 2, 9, Fd(7))]),
        fd: Some(Fd(7)),
        says: None,
        story: Some("Step 3".to_owned()),
        calls: vec![FilmCall(Seq(3), Nanos(5), "T1 close(9) = 0".to_owned())],
    };
    let spans = vec![span(0, 1, 0, "ab c", 0), span(1, 0, 1, "文", 2), span(2, 11, 1, "│", 0)];
    Frame { seq: Seq(4), t: Nanos(6), reading: 1500, key: false, spans, words }
}

#[test]
fn a_line_is_what_it_says_and_is_read_again() {
    let line = frame().line();
    assert_eq!(
        line,
        "{\"seq\":4,\"t\":6,\"reading\":1500,\"spans\":[[0,1,0,\"ab c\"],[1,0,1,\"文\",2],[2,11,1,\"│\"]],\"words\":\
         {\"why\":{\"7\":\"fd 7 waits.\",\"9\":null},\"rows\":[[1,2,9,7]],\"fd\":7,\
         \"story\":\"Step 3\",\"calls\":[[3,5,\"T1 close(9) = 0\"]]}}\n"
    );
    assert_eq!(FilmLine::parse(&line), Some(FilmLine::Frame(frame())));
    let line = head().line();
    assert!(line.contains("\"styles\":[{},{\"fg\":\"#ffaf00\",\"bold\":true}]"), "{line}");
    assert_eq!(FilmLine::parse(&line), Some(FilmLine::Head(head())));
    assert_eq!(FilmLine::parse("{\"seq\":4}"), None);
}

#[test]
fn a_screen_is_what_its_frames_left_and_its_key_frame_says_so() {
    let mut screen = FilmScreen::new(12, 3);
    screen.apply(&frame());
    assert_eq!(screen.text(), " ab c\n文\n           │");
    let next = Frame {
        spans: vec![span(1, 0, 0, "no", 0), span(2, 11, 0, "over the edge", 0)],
        words: FilmWords { why: [(Fd(7), None)].into(), ..FilmWords::default() },
        ..frame()
    };
    screen.apply(&next);
    assert_eq!(screen.text(), " ab c\nno\n           o");
    assert_eq!(screen.words.why, [].into());
    assert_eq!(screen.words.fd, Some(Fd(7)), "what is not told has not changed");
    let mut late = FilmScreen::new(12, 3);
    late.apply(&frame());
    late.apply(&screen.key(Seq(5), Nanos(7)));
    assert_eq!(late, screen);
}

#[test]
fn words_that_follow_others_are_what_changed() {
    let mut screen = FilmScreen::new(1, 1);
    screen.apply(&frame());
    let before = screen.words.clone();
    let why = [(Fd(8), Some("fd 8 is new.".to_owned()))];
    let now = FilmWords { why: why.into(), calls: Vec::new(), ..before.clone() };
    let changed = now.since(&before);
    assert_eq!(changed.why.get(&Fd(7)), Some(&None));
    assert_eq!((changed.rows.as_ref(), changed.fd), (None, None));
    screen.apply(&Frame { spans: Vec::new(), words: changed, ..frame() });
    assert_eq!(screen.words.why, now.why);
}

#[test]
fn dim_text_is_nearer_to_what_is_behind_it() {
    let dim = FilmStyle { dim: true, ..FilmStyle::default() };
    let head = FilmHead { styles: vec![FilmStyle::default(), dim], ..head() };
    assert_eq!(head.colours(0), (Rgb([255; 3]), Rgb([0; 3])));
    assert_eq!(head.colours(1), (Rgb([159; 3]), Rgb([0; 3])));
    assert_eq!(Rgb::try_from("#0010ff".to_owned()), Ok(Rgb([0, 16, 255])));
    assert!(Rgb::try_from("#+010ff".to_owned()).is_err());
}

#[test]
fn a_few_cells_between_two_that_changed_are_told_with_them() {
    let mut now = [0; 24];
    for changed in [1, 5, 10, 11, 12, 13] {
        now[changed] = 1;
    }
    let cells: Vec<_> = told(&[0; 24], &now, 12).collect();
    let places: Vec<_> = cells.iter().map(|cell| cell.0).collect();
    // Four between are too many, and a row ends where it ends.
    assert_eq!(places, [1, 2, 3, 4, 5, 10, 11, 12, 13]);
    assert_eq!(cells[8].1, (1, 1));
}

#[test]
fn a_character_that_takes_a_column_is_told_as_one() {
    let mut symbol = [0; 4];
    for one in (0..=u32::from(char::MAX)).filter_map(char::from_u32) {
        let symbol = &*one.encode_utf8(&mut symbol);
        let columns = u16::try_from(symbol.width()).expect("a few");
        let told = if columns == 1 { (1, Some(one)) } else { (columns.max(1), None) };
        assert_eq!(glyph_of(symbol), told, "{one:?}");
    }
}
