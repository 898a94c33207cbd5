//! The page of a film of which something is missing says what, and where.

use epollscope::event::Nanos;
use epollscope::film::FilmGap;
use serde_json::json;

use super::{SIZE, event, page, recorded};
use crate::browser::Browser;

#[test]
fn the_page_says_what_is_missing_and_marks_where() {
    let name = "the_page_says_what_is_missing_and_marks_where";
    let film = recorded("class.rec", SIZE);
    let (first, last) = (&film.frames[0], film.frames.last().unwrap());
    let middle = &film.frames[film.frames.len() / 3];
    let one = FilmGap(middle.seq, Nanos(710_400_000), 1);
    let more = FilmGap(last.seq, last.t, 1_239);
    let ends = format!("{}.{:03} s", last.t.0 / 1_000_000_000, last.t.0 / 1_000_000 % 1000);
    let breaks_off = format!("The recording breaks off at {ends}: what followed is not in it.");
    let cases = [
        (vec![], false, String::new()),
        (vec![one], false, "1 event is missing at 0.710 s.".to_owned()),
        (vec![FilmGap(one.0, one.1, 11)], false, "11 events are missing at 0.710 s.".to_owned()),
        (
            vec![one, more],
            true,
            format!("1,240 events are missing, the first at 0.710 s. {breaks_off}"),
        ),
        (vec![], true, breaks_off.clone()),
    ];
    for (size, scheme) in [((1280, 800), "dark"), ((390, 844), "light")] {
        let Some(browser) = Browser::open(name, size, scheme) else { return };
        for (gaps, cut, said) in &cases {
            let mut film = film.clone();
            (film.head.gaps, film.head.cut) = (gaps.clone(), *cut);
            let file = page(&film, &format!("missing-{}", size.0));
            browser.file(&file.0);
            assert!(event(&browser, first.seq.0));
            let missing = "document.getElementById('missing')";
            assert_eq!(browser.run(&format!("return {missing}.textContent"), &[]), json!(said));
            let height = browser.run(&format!("return {missing}.offsetHeight"), &[]);
            assert_eq!(height.as_u64().unwrap() > 0, !said.is_empty(), "{height}");
            for (n, gap) in gaps.iter().enumerate() {
                marked(&browser, n, film.frames.iter().position(|frame| frame.seq == gap.0));
            }
            let marks = browser.run("return document.querySelectorAll('#gaps i').length", &[]);
            assert_eq!(marks, gaps.len());
            let wide = browser.run("return document.documentElement.scrollWidth", &[]);
            assert_eq!(wide, size.0);
        }
        let (complaints, _) = browser.complaints_and_requests();
        assert!(complaints.is_empty(), "{complaints:#?}");
    }
}

/// A click on the mark is one on the slider, and goes there.
fn marked(browser: &Browser, mark: usize, frame: Option<usize>) {
    let at = browser.run(
        "const mark = document.querySelectorAll('#gaps i')[arguments[0]];
         mark.scrollIntoView({ block: 'center' });
         const box = mark.getBoundingClientRect();
         return [box.left + box.width / 2, box.top + box.height / 2]",
        &[json!(mark)],
    );
    browser.click((at[0].as_f64().unwrap(), at[1].as_f64().unwrap()));
    let frame = frame.unwrap();
    let near = format!(
        "const at = Number(document.getElementById('slider').value);
         return Math.abs(at - {frame}) < 2"
    );
    browser.until(&near);
}
