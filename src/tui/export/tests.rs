//! Exports of screens: they show what the screen shows, and nothing that is hidden.

use std::io::Read as _;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::*;
use crate::event::{Nanos, Seq, TimeUnit};
use crate::film::{FilmGap, FilmLine, Frame};
use crate::lesson::course::Done;
use crate::tui::theme::{Depth, ThemeName, UNICODE};

fn golden(name: &str) -> Rc<Recording> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recordings");
    let bytes = std::fs::read(folder.join(format!("{name}.rec"))).expect("a file");
    Rc::new(Recording::read(bytes).expect("a recording"))
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
    exported_of(&golden("class"), plan, until)
}

fn exported_of(recording: &Rc<Recording>, plan: &ExportPlan, until: Option<Nanos>) -> Vec<u8> {
    let (head, journal) = (recording.head(), recording.journal());
    let range = ExportRange::between(&head.header, &journal, None, until).expect("it is there");
    let mut out = Vec::new();
    plan.write(&range, recording, &mut out).expect("memory takes everything");
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
    let (_, film) = page.split_once("id=\"film\" type=\"text/plain\">").expect("a film");
    let (film, _) = film.split_once("</script>").expect("its end");
    let packed = BASE64_STANDARD.decode(film.trim()).expect("base64");
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
        let journal = golden("class").journal();
        let mut peers = 0;
        for file in journal.at(Seq(130)).files.values() {
            if file.peer.is_some() {
                peers += 1;
                assert!(plain.contains(&*file.name) || !names, "{kind}: {}", file.name);
                assert!(!veiled.contains(&*file.name), "{kind}: {}", file.name);
            }
        }
        assert_eq!(peers, 3);
    }
}

fn head_of(page: &[u8]) -> FilmHead {
    let lines = unpacked(std::str::from_utf8(page).expect("text"));
    let Some(FilmLine::Head(head)) = lines.lines().next().and_then(FilmLine::parse) else {
        panic!("no head");
    };
    head
}

/// Where the blocks of a recording begin.
fn blocks(bytes: &[u8]) -> Vec<usize> {
    let begins = |at: &usize| bytes[*at..].starts_with(&[0xeb, b'e', b'p', b'\n']);
    (0..bytes.len()).filter(begins).collect()
}

/// One of the tests' recordings without its end, two blocks of which are damaged.
fn torn() -> Vec<u8> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/recordings/class.rec");
    let mut bytes = std::fs::read(path).expect("a file");
    let blocks = blocks(&bytes);
    for damaged in [4, 8] {
        bytes[blocks[damaged + 1] - 1] ^= 1;
    }
    bytes.truncate(blocks[11]);
    bytes
}

#[test]
fn a_page_of_what_is_damaged_and_cut_knows_what_is_missing() {
    let whole = head_of(&exported(&plan(ExportKind::Page, &[]), None));
    assert_eq!((whole.gaps, whole.cut), (Vec::new(), false));
    let torn = Rc::new(Recording::read(torn()).expect("a recording"));
    let damage = torn.damage().expect("it is damaged");
    let head = head_of(&exported_of(&torn, &plan(ExportKind::Page, &[]), None));
    assert!(head.cut);
    let lost = |head: &FilmHead| head.gaps.iter().map(|gap| gap.2).sum::<u64>();
    assert_eq!((head.gaps.len(), lost(&head)), (2, damage.events));
    let FilmGap(seq, t, events) = head.gaps[0];
    assert_eq!(t, damage.at);
    assert!(torn.journal().get(Seq(seq.0 + events)).is_some(), "what follows is there");
    // A part has what is missing of it, and is ended by whoever takes it.
    let part = head_of(&exported_of(&torn, &plan(ExportKind::Page, &[]), Some(Nanos(t.0 + 1))));
    assert_eq!((part.gaps, part.cut), (head.gaps[..1].to_vec(), false));
    let journal = torn.journal();
    let all = ExportRange::whole(&torn.head().header, &journal);
    let within = ExportRange { first: Seq(seq.0 + 1), ..all };
    let mut out = Vec::new();
    plan(ExportKind::Page, &[]).write(&within, &torn, &mut out).expect("memory");
    assert_eq!(head_of(&out).gaps, head.gaps, "it begins where events are missing");
    // What is made of it knows that too.
    let hidden = head_of(&exported_of(&torn, &plan(ExportKind::Page, &[Hidden::Payload]), None));
    assert_eq!((lost(&hidden), hidden.cut), (damage.events, true));
    let again = exported_of(&torn, &plan(ExportKind::Recording, &[]), None);
    let again = Rc::new(Recording::read(again).expect("a recording"));
    assert_eq!(again.cut(), None, "its own end is there");
    let again = head_of(&exported_of(&again, &plan(ExportKind::Page, &[]), None));
    assert_eq!((lost(&again), again.cut), (damage.events, true));
}

#[test]
fn a_page_of_a_lesson_that_was_cut_knows_it() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/recordings/lesson.rec");
    let mut bytes = std::fs::read(path).expect("a file");
    let end = *blocks(&bytes).last().expect("its end");
    let head = |bytes: Vec<u8>| {
        let recording = Rc::new(Recording::read(bytes).expect("a recording"));
        head_of(&exported_of(&recording, &plan(ExportKind::Page, &[]), None))
    };
    assert!(!head(bytes.clone()).cut);
    bytes.truncate(end);
    assert!(head(bytes).cut);
}

fn film_of(page: &[u8]) -> Vec<Frame> {
    let lines = unpacked(std::str::from_utf8(page).expect("text"));
    let frames = lines.lines().filter_map(|line| match FilmLine::parse(line)? {
        FilmLine::Frame(frame) => Some(frame),
        FilmLine::Head(_) => None,
    });
    frames.collect()
}

#[test]
fn the_page_of_a_lesson_asks_and_then_tells() {
    let recording = golden("lesson");
    let lesson = RecordedLesson::read(&recording).expect("it is whole").expect("a lesson");
    let frames = film_of(&exported_of(&recording, &plan(ExportKind::Page, &[]), None));
    let mut screen = FilmScreen::new(120, 40);
    let (mut asked, mut slow, mut stories) = (0, 0, Vec::new());
    let mut before: Option<(Seq, Nanos)> = None;
    for frame in &frames {
        assert!(before.is_none_or(|before| before <= (frame.seq, frame.t)), "time goes on");
        before = Some((frame.seq, frame.t));
        screen.apply(frame);
        let text = screen.text();
        let end = text.lines().last().expect("rows");
        assert!(end.starts_with("└──") && end.ends_with("──┘"), "{end}");
        assert!(!text.contains("Enter ") && !text.contains(" PAST "), "{text}");
        assert!(frame.reading > 0);
        slow += u32::from(text.contains("SLOW MOTION"));
        let story = screen.words.story.clone().expect("a lesson tells something");
        if text.contains(" QUESTION ") {
            asked += 1;
            let told = screen.words.why.values().flatten().chain(&screen.words.says);
            told.for_each(|text| assert!(!text.contains("reports IN"), "{text}"));
            assert!(story.contains("? ") && !story.contains("You said"), "{story}");
            // Whoever reads it has the time to think.
            assert!(frame.reading > 3000, "{}", frame.reading);
        }
        assert!(!story.contains("You predicted") && !text.contains("You predicted"), "{story}");
        stories.push(story);
    }
    let steps = &lesson.case.steps;
    let has_one = |done: &Done| matches!(done, Done::Step(step, _) if steps[*step].ask.is_some());
    let questions = lesson.done().iter().filter(|done| has_one(done)).count();
    assert!(asked == questions && asked > 0, "{asked} of {questions}");
    assert!(slow > 10, "{slow}");
    assert!(stories[0].contains(&lesson.case.title));
    let reveal = steps.iter().find_map(|step| step.reveal.as_deref());
    let reveal = reveal.expect("one").split_whitespace().take(5).collect::<Vec<_>>().join(" ");
    assert!(stories.iter().any(|story| story.contains(&reveal)), "{reveal}: {stories:?}");
}

#[test]
fn a_part_of_a_lesson_is_filmed_however_short_it_is() {
    let recording = golden("lesson");
    let head = recording.head();
    for (from, until) in [(0, 300_000_000), (3_000_000_000, 3_600_000_000), (0, 900_000_000)] {
        let journal = recording.journal();
        let range =
            ExportRange::between(&head.header, &journal, Some(Nanos(from)), Some(Nanos(until)));
        let mut out = Vec::new();
        let plan = plan(ExportKind::Page, &[]);
        plan.write(&range.expect("something happened"), &recording, &mut out).expect("memory");
        let frames = film_of(&out);
        assert!(frames.first().is_some_and(|frame| frame.key), "{from} to {until}");
        assert!(frames.iter().all(|frame| frame.t >= Nanos(from)), "{from} to {until}");
        let calls = frames.iter().flat_map(|frame| &frame.words.calls);
        assert!(
            from == 0 || calls.into_iter().all(|call| call.1 >= Nanos(from)),
            "what was before"
        );
    }
}

#[test]
fn a_lesson_is_one_again_in_a_recording_of_all_of_it() {
    let recording = golden("lesson");
    let again = |bytes| Recording::read(bytes).expect("a recording");
    let whole = again(exported_of(&recording, &plan(ExportKind::Recording, &[]), None));
    let lesson = RecordedLesson::read(&whole).expect("it is whole").expect("a lesson");
    let own = RecordedLesson::read(&recording).expect("it is whole").expect("a lesson");
    assert_eq!((&lesson.case, lesson.done()), (&own.case, own.done()));
    assert_eq!(Rc::new(whole).journal().last(), recording.journal().last());
    // Of a part, or without what was sent, there is no whole lesson.
    let part = exported_of(&recording, &plan(ExportKind::Recording, &[]), Some(TimeUnit::STEP));
    let veiled = exported_of(&recording, &plan(ExportKind::Recording, &[Hidden::Payload]), None);
    for bytes in [part, veiled] {
        assert!(RecordedLesson::read(&again(bytes)).expect("nothing is wrong").is_none());
    }
    let veiled =
        film_of(&exported_of(&recording, &plan(ExportKind::Page, &[Hidden::Payload]), None));
    assert!(veiled.iter().all(|frame| frame.words.story.is_none()));
}

#[test]
fn a_text_of_a_lesson_is_its_screen_at_that_step() {
    let recording = golden("lesson");
    let text = |until| {
        let text = exported_of(&recording, &plan(ExportKind::Text, &[]), until);
        String::from_utf8(text).expect("text")
    };
    assert!(text(Some(Nanos(3 * TimeUnit::STEP.0))).contains("step 3 of "));
    insta::assert_snapshot!("lesson", text(None));
}
