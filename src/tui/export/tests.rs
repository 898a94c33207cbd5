//! Exports of screens: they show what the screen shows, and nothing that is hidden.

use std::io::Read as _;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::*;
use crate::event::Nanos;
use crate::journal::Journal;
use crate::record::RecordingHead;
use crate::tui::theme::{Depth, ThemeName, UNICODE};

fn golden(name: &str) -> (RecordingHead, Journal) {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recordings");
    let bytes = std::fs::read(folder.join(format!("{name}.rec"))).expect("a file");
    let recording = Rc::new(Recording::read(bytes).expect("a recording"));
    (recording.head().clone(), recording.journal())
}

fn plan(kind: ExportKind, hidden: &[Hidden]) -> ExportPlan {
    ExportPlan {
        kind,
        hidden: hidden.to_vec(),
        size: (120, 40),
        theme: Theme::new(ThemeName::Dark, Depth::Indexed, &UNICODE),
        title: "class.rec".to_owned(),
    }
}

fn exported(plan: &ExportPlan, until: Option<Nanos>) -> Vec<u8> {
    let (head, journal) = golden("class");
    let range = ExportRange::between(&head.header, &journal, None, until).expect("it is there");
    let mut out = Vec::new();
    plan.write(&range, &head.hidden, &mut out).expect("memory takes everything");
    out
}

/// When a row was put back.
const PUT_BACK: Nanos = Nanos(3_206_480_039);

#[test]
fn a_text_is_the_screen() {
    let text = exported(&plan(ExportKind::Text, &[]), Some(PUT_BACK));
    insta::assert_snapshot!("text", String::from_utf8(text).expect("text"));
}

/// Each word of a picture, with the cells that it says it takes.
fn words(svg: &str) -> impl Iterator<Item = (usize, usize, Option<usize>, String)> {
    let value = |tag: &str, key: &str| {
        let (_, rest) = tag.split_once(&format!(" {key}=\""))?;
        rest.split_once('"')?.0.parse::<usize>().ok()
    };
    svg.split("<text").skip(1).map(move |rest| {
        let (tag, rest) = rest.split_once('>').expect("a tag");
        let word = rest.split_once("</text>").expect("its end").0;
        let word = word.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"");
        let (x, y) = (value(tag, "x").expect("x"), value(tag, "y").expect("y"));
        let columns = value(tag, "textLength").map(|width| width / 8);
        (x / 8, y / 17, columns, word.replace("&amp;", "&"))
    })
}

#[test]
fn every_word_of_a_picture_stands_at_its_column() {
    let at = Some(PUT_BACK);
    let text = String::from_utf8(exported(&plan(ExportKind::Text, &[]), at)).expect("text");
    let svg = String::from_utf8(exported(&plan(ExportKind::Picture, &[]), at)).expect("text");
    let mut cells: Vec<Vec<char>> = text.lines().map(|line| line.chars().collect()).collect();
    let mut count = 0;
    for (x, y, columns, word) in words(&svg) {
        let own: Vec<char> = word.chars().collect();
        assert_eq!(cells[y][x..x + own.len()], own, "{word} in row {y}");
        assert_eq!(columns.unwrap_or(1), own.len(), "{word}");
        cells[y][x..x + own.len()].fill(' ');
        count += 1;
    }
    assert!(count > 200, "{count} words");
    // What is left are lines and blocks.
    let left: String = cells.into_iter().flatten().filter(|c| *c != ' ').collect();
    assert!(left.chars().all(|c| ('\u{2500}'..='\u{259f}').contains(&c)), "{left}");
}

/// What is in a page, as lines.
fn unpacked(page: &str) -> String {
    let longest = page.split(['"', '>', '<']).max_by_key(|part| part.len()).expect("a part");
    let packed = BASE64_STANDARD.decode(longest.trim()).expect("base64");
    let mut lines = String::new();
    flate2::read::ZlibDecoder::new(&packed[..]).read_to_string(&mut lines).expect("deflated");
    lines
}

#[test]
fn no_screen_shows_what_is_hidden() {
    let all = [ExportKind::Page, ExportKind::Cast, ExportKind::Picture, ExportKind::Text];
    for kind in all.into_iter().chain([ExportKind::Lines, ExportKind::Strace, ExportKind::Spans]) {
        let until = kind.is_one_screen().then_some(PUT_BACK);
        let [plain, veiled] = [&[][..], &[Hidden::Payload, Hidden::Peers][..]].map(|hidden| {
            let text = String::from_utf8(exported(&plan(kind, hidden), until)).expect("text");
            if kind == ExportKind::Page { unpacked(&text) } else { text }
        });
        // A screen shows the last calls; a cast has only what is new on it.
        let (told, names) = match kind {
            ExportKind::Picture => ("&quot;what&quot;", false),
            ExportKind::Text => ("\"what\"", true),
            ExportKind::Spans => ("", true),
            ExportKind::Cast => ("", false),
            ExportKind::Strace => ("\"what\"", false),
            _ => ("what will", true),
        };
        assert!(plain.contains(told), "{kind}");
        assert!(told.is_empty() || !veiled.contains(told), "{kind}");
        assert!(!veiled.contains("what will"), "{kind}");
        assert!(!veiled.contains("good morn"), "{kind}");
        let (_, journal) = golden("class");
        let mut peers = 0;
        for file in journal.at(crate::event::Seq(130)).files.values() {
            if file.peer.is_some() {
                peers += 1;
                assert!(plain.contains(&*file.name) || !names, "{kind}: {}", file.name);
                assert!(!veiled.contains(&*file.name), "{kind}: {}", file.name);
            }
        }
        assert_eq!(peers, 3);
    }
}
