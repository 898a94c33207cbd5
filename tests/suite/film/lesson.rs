//! The page of a lesson: what it tells stays beside its screen, and no answer stands there before.

use std::path::Path;

use epollscope::film::{Film, FilmScreen};
use epollscope::record::Recording;
use epollscope::source::script::RecordedLesson;
use epollscope::tui::film::film_lesson;
use serde_json::json;

use super::{LOOK, Made, SIZE, event, page, plan, point, screens};
use crate::browser::Browser;

/// The film of the lesson that is kept with the tests, its screens, and the first that asks.
fn lesson() -> (Film, Vec<FilmScreen>, usize) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recordings/lesson.rec");
    let recording = Recording::read(std::fs::read(path).unwrap()).unwrap();
    let lesson = RecordedLesson::read(&recording).unwrap().unwrap();
    let film = film_lesson(&lesson, &plan("lesson.rec", SIZE));
    let screens = screens(&film);
    let asked = screens.iter().position(|screen| screen.text().contains(" QUESTION "));
    (film, screens, asked.expect("a question"))
}

/// Its page in a browser of that size, at its first screen, and the page's file.
fn opened(name: &str, size: (u32, u32), film: &Film) -> Option<(Browser, Made)> {
    let browser = Browser::open(name, size, "dark")?;
    let file = page(film, &format!("{name}-{}", size.0));
    browser.file(&file.0);
    assert!(event(&browser, film.frames[0].seq.0));
    Some((browser, file))
}

fn text_of(browser: &Browser, id: &str) -> String {
    let text =
        browser.run("return document.getElementById(arguments[0]).textContent", &[json!(id)]);
    text.as_str().unwrap().to_owned()
}

#[test]
fn a_lesson_is_told_beside_its_screen_and_no_answer_stands_there_before() {
    let name = "a_lesson_is_told_beside_its_screen_and_no_answer_stands_there_before";
    let (film, screens, asked) = lesson();
    let Some((browser, _file)) = opened(name, (1280, 800), &film) else { return };
    let seen = browser.run(LOOK, &[json!(asked)]);
    assert_eq!(seen["why"], json!(screens[asked].words.story));
    let heading = "return document.getElementById('why-title').textContent";
    assert_eq!(browser.run(heading, &[]), "The lesson");
    let listed = "return document.querySelectorAll('.call.later').length";
    assert_eq!(browser.run(listed, &[]), 0);
    let last = "return [...document.querySelectorAll('.call')].pop().className.includes('now')";
    assert_eq!(browser.run(last, &[]), true);
    // It stands as long as it takes to read it, and then goes on by itself.
    browser.keys(&["+", "+", "+", " "]);
    let place = "document.getElementById('slider').value";
    browser.until(&format!("return {place} > {asked}"));
    let (complaints, _) = browser.complaints_and_requests();
    assert!(complaints.is_empty(), "{complaints:#?}");
}

#[test]
fn what_a_lesson_has_not_come_to_is_not_found() {
    let name = "what_a_lesson_has_not_come_to_is_not_found";
    let (film, _, asked) = lesson();
    let Some((browser, _file)) = opened(name, (1280, 800), &film) else { return };
    let calls = |frames: std::ops::Range<usize>| {
        film.frames[frames].iter().flat_map(|frame| &frame.words.calls).collect::<Vec<_>>()
    };
    let (before, later) = (calls(0..asked + 1), calls(asked + 1..film.frames.len()));
    let of = |word: &str| before.iter().filter(|call| call.2.contains(word)).count();
    let word = "read";
    assert!(later.iter().any(|call| call.2.contains(word)), "{later:?}");
    browser.run(LOOK, &[json!(asked)]);
    browser.keys(&["/", "r", "e", "a", "d"]);
    let found = format!("{} of {} calls so far", of(word), before.len());
    let shown = "document.getElementById('found').textContent";
    browser.until(&format!("return {shown}.startsWith('{found}')"));
    browser.keys(&["\u{e007}"]);
    let none = if of(word) > 0 { "no other call up to here" } else { "no call up to here has" };
    browser.until(&format!("return {shown}.startsWith('{none}')"));
    let place = "return Number(document.getElementById('slider').value)";
    assert_eq!(browser.run(place, &[]), asked, "it does not go on to it");
    // At the end all of them are there.
    browser.run(LOOK, &[json!(film.frames.len() - 1)]);
    let all = later.iter().filter(|call| call.2.contains(word)).count() + of(word);
    let found = format!("{all} of {} calls so far", before.len() + later.len());
    browser.until(&format!("return {shown}.startsWith('{found}')"));
}

#[test]
fn a_descriptor_that_is_chosen_stands_below_what_a_lesson_tells() {
    let name = "a_descriptor_that_is_chosen_stands_below_what_a_lesson_tells";
    let (film, screens, asked) = lesson();
    let has_row = |screen: &FilmScreen| !screen.words.why.is_empty();
    let last = screens.iter().rposition(has_row).expect("a descriptor");
    for size in [(1280, 800), (390, 844)] {
        let Some((browser, _file)) = opened(name, size, &film) else { return };
        let mut clicked = 0;
        // At a question too, and where the lesson tells most.
        for n in [asked, last] {
            let words = &screens[n].words;
            let Some(row) = words.rows.as_ref().unwrap().first() else { continue };
            let seen = browser.run(LOOK, &[json!(n)]);
            assert_eq!(seen["pinned"], "");
            browser.run("window.scrollTo(0, 0)", &[]);
            let click = || browser.click(point(&browser, (row.1, row.0), 2.0));
            let title = "return document.getElementById('pinned-title').textContent";
            let chosen = || browser.until(&format!("{title} === 'Why: fd {}'", row.3));
            let let_go = || browser.until("return document.getElementById('pinned').hidden");
            click();
            chosen();
            clicked += 1;
            assert_eq!(text_of(&browser, "why-title"), "The lesson");
            let why = text_of(&browser, "why-text");
            assert_eq!(json!(why), json!(words.story), "{size:?}");
            assert_eq!(json!(text_of(&browser, "pinned-text")), json!(words.why[&row.3]));
            below(&browser);
            // There are three ways to let it go.
            browser.run("document.getElementById('unpin').click()", &[]);
            let_go();
            click();
            chosen();
            click();
            let_go();
            click();
            chosen();
            browser.keys(&["\u{e00c}"]);
            let_go();
            assert_eq!(json!(text_of(&browser, "why-text")), json!(words.story));
        }
        assert!(clicked > 0, "{size:?}");
    }
}

/// Both are seen, one above the other, within the pane.
fn below(browser: &Browser) {
    let boxes = browser.run(
        "return ['why', 'own', 'pinned', 'unpin'].map((id) => {
             const box = document.getElementById(id).getBoundingClientRect();
             return [box.top, box.bottom];
         })",
        &[],
    );
    let at = |n: usize, m: usize| boxes[n][m].as_f64().unwrap();
    assert!(at(1, 1) - at(1, 0) > 60.0, "the lesson is seen: {boxes}");
    assert!(at(2, 0) >= at(1, 1) && at(2, 1) - at(2, 0) > 30.0, "{boxes}");
    assert!(at(2, 1) <= at(0, 1) && at(3, 1) <= at(2, 1), "{boxes}");
}
