//! Films in a browser: the page is the screen, cell by cell, whatever was filmed.

mod lesson;
mod live;
mod missing;

use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::rc::Rc;

use epollscope::event::{Fd, Nanos};
use epollscope::export;
use epollscope::film::{Film, FilmHead, FilmScreen, FilmStyle, FilmWords, Rgb};
use epollscope::record::Recording;
use epollscope::session::Session;
use epollscope::source::Replay;
use epollscope::tui::film::{FilmPlan, film};
use epollscope::tui::theme::{Depth, Theme, ThemeName, UNICODE};
use serde_json::{Value, json};

use crate::browser::{Browser, installed};
use crate::harness::Server;

const SIZE: (u16, u16) = (120, 38);
/// What a client sends that would like to be more than text.
const PAYLOAD: &str = "</script><img src=x onerror=alert(1)>";

/// A file of this test's own, removed at the end.
struct Made(PathBuf);

impl Made {
    fn new(name: &str) -> Self {
        Self(std::env::temp_dir().join(format!("epollscope-film-{}-{name}", std::process::id())))
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        let _gone = std::fs::remove_file(&self.0);
    }
}

/// The film of a class: clients, a held thread, a level row that is put back.
fn class(name: &str) -> Film {
    let file = Made::new(&format!("{name}.rec"));
    let mut server = Server::start(&["--record", file.0.to_str().unwrap()]);
    let (mut first, fd) = server.client();
    let (_second, _) = server.client();
    first.send("hello\n");
    first.expect("hello\n");
    server.command("read once 4");
    server.command("pause");
    server.command(&format!("send fd={fd} no"));
    first.send(&format!("{PAYLOAD}\n"));
    for _ in 0..6 {
        server.command("step T1");
    }
    server.command("run");
    first.expect(PAYLOAD);
    server.command(&format!("trigger fd={fd} edge"));
    assert!(server.quit().success());
    filmed(&file.0, SIZE)
}

/// The film of a recording that is kept with the tests.
fn recorded(name: &str, size: (u16, u16)) -> Film {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recordings").join(name);
    filmed(&path, size)
}

fn filmed(path: &Path, size: (u16, u16)) -> Film {
    let recording = Rc::new(Recording::read(std::fs::read(path).unwrap()).unwrap());
    let journal = recording.journal();
    let header = recording.head().header.clone();
    let source = Replay::new(header, journal.until().unwrap_or(Nanos(0)));
    let session = Session::of_journal(source, journal);
    film(session.scene(None), &plan("<b>class.rec</b>", size))
}

fn plan(name: &str, size: (u16, u16)) -> FilmPlan {
    let theme = Theme::new(ThemeName::Dark, Depth::Indexed, &UNICODE);
    FilmPlan { name: name.to_owned(), from: None, until: None, size, theme }
}

/// The page of a film, as a file.
fn page(film: &Film, name: &str) -> Made {
    let file = Made::new(&format!("{name}.html"));
    export::page::write(film, std::fs::File::create(&file.0).unwrap()).unwrap();
    file
}

/// The screen and the words after each frame.
fn screens(film: &Film) -> Vec<FilmScreen> {
    let mut screen = FilmScreen::new(film.head.cols, film.head.rows);
    let screens = film.frames.iter().map(|frame| {
        screen.apply(frame);
        screen.clone()
    });
    screens.collect()
}

/// Goes to a frame with the slider; returns the lines that are seen, each text at the column where
/// it stands, and how far the worst of them is from there in pixels.
const LOOK: &str = r"
    const slider = document.getElementById('slider');
    slider.value = arguments[0];
    slider.dispatchEvent(new Event('input'));
    return new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => {
        const screen = document.getElementById('screen');
        const style = screen.style, cols = Number(style.getPropertyValue('--cols'));
        const left = screen.getBoundingClientRect().left;
        const width = screen.getBoundingClientRect().width / cols;
        let off = 0;
        const lines = [...screen.querySelectorAll('.row')].map((row) => {
            const line = Array(cols).fill(' ');
            for (const span of row.children) {
                const box = span.getBoundingClientRect();
                const x = Math.round((box.left - left) / width);
                const columns = Math.round(box.width / width);
                off = Math.max(off, Math.abs(box.left - left - x * width));
                const text = [...span.textContent];
                // Each letter of a run stands in its own column.
                const range = document.createRange(), node = span.firstChild;
                for (let n = 0; n < text.length; n++) {
                    if (!span.classList.contains('one')) {
                        range.setStart(node, n); range.setEnd(node, n + 1);
                        const at = range.getBoundingClientRect().left - left;
                        off = Math.max(off, Math.abs(at - (x + n) * width));
                    }
                    line[x + n] = text[n];
                }
                for (let n = text.length; n < columns; n++) line[x + n] = '';
            }
            return line.join('').trimEnd();
        });
        done({ lines, off, why: document.getElementById('why-text').textContent,
               pinned: document.getElementById('pinned-text').textContent,
               where: document.getElementById('where').textContent });
    })));
";

#[test]
fn the_page_is_the_screen_at_every_event() {
    let name = "the_page_is_the_screen_at_every_event";
    let Some(browser) = Browser::open(name, (1280, 800), "dark") else { return };
    let film = class("screen");
    let (screens, count) = (screens(&film), film.frames.len());
    assert!(count > 60, "{count} frames");
    let file = page(&film, "screen");
    // What a window asks for by itself is not the page's.
    browser.go("about:blank");
    browser.complaints_and_requests();
    browser.file(&file.0);
    browser.until("return document.getElementById('where').textContent !== ''");
    // There and back, so that frames are reached from both sides.
    let there = (0..25).map(|n| n * (count - 1) / 24);
    for n in there.clone().chain(there.rev().map(|n| n.saturating_sub(1))) {
        let seen = browser.run(LOOK, &[json!(n)]);
        let lines: Vec<_> =
            seen["lines"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        assert_eq!(lines.join("\n"), screens[n].text(), "frame {n}");
        assert!(seen["off"].as_f64().unwrap() < 0.51, "frame {n}: {} px", seen["off"]);
        assert_eq!(seen["why"], json!(screens[n].words.says), "frame {n}");
        let event = format!("event {}", film.frames[n].seq);
        assert!(seen["where"].as_str().unwrap().ends_with(&event), "{}", seen["where"]);
    }
    // What was sent is text on the screen, and the title is.
    assert!(screens.iter().any(|screen| screen.text().contains("</sc")));
    let images = browser.run("return document.querySelectorAll('img, b').length", &[]);
    assert_eq!(images, 0);
    let title = browser.run("return document.getElementById('title').textContent", &[]);
    assert_eq!(title, "<b>class.rec</b>");
    let (complaints, requests) = browser.complaints_and_requests();
    assert!(complaints.is_empty(), "{complaints:#?}");
    let own = |url: &String| url.starts_with("file:") || url.starts_with("data:");
    assert!(requests.iter().all(own), "{requests:#?}");
    assert_eq!(requests.iter().filter(|url| url.starts_with("file:")).count(), 1);
}

/// Counts, for each cell of a picture, the pixels that are not what is behind them: the picture is
/// drawn where no policy forbids it.
const PIXELS: &str = r"
    const [picture, left, top, width, height, cols, rows] = arguments;
    const image = new Image();
    image.src = 'data:image/png;base64,' + picture;
    return image.decode().then(() => {
        const canvas = document.createElement('canvas');
        [canvas.width, canvas.height] = [image.width, image.height];
        const context = canvas.getContext('2d');
        context.drawImage(image, 0, 0);
        const found = [];
        for (let y = 0; y < rows; y++) for (let x = 0; x < cols; x++) {
            const [from, until] = [Math.ceil(left + x * width), Math.floor(left + (x + 1) * width)];
            const [above, below] = [Math.ceil(top + y * height), Math.floor(top + (y + 1) * height)];
            const { data } = context.getImageData(from, above, until - from, below - above);
            let other = 0;
            const ground = context.getImageData(Math.floor(left) - 3, Math.floor(top) - 3, 1, 1).data;
            for (let n = 0; n < data.length; n += 4) {
                const distance = [0, 1, 2].map((c) => Math.abs(data[n + c] - ground[c]));
                if (Math.max(...distance) > 40) other++;
            }
            found.push(other / (data.length / 4));
        }
        return found;
    });
";

/// The head of a film as it is on the ground that somebody prefers.
fn on_ground(head: &FilmHead, scheme: &str) -> FilmHead {
    let turned = |colour: Rgb| {
        let pair = head.turned.iter().find(|pair| pair.0 == colour);
        pair.filter(|_| scheme == "light").map_or(colour, |pair| pair.1)
    };
    let style = |style: &FilmStyle| FilmStyle {
        fg: style.fg.map(turned),
        bg: style.bg.map(turned),
        ..*style
    };
    let styles = head.styles.iter().map(style).collect();
    FilmHead { fg: turned(head.fg), bg: turned(head.bg), styles, ..head.clone() }
}

/// Every text on the screen has the colours of its style.
fn check_colours(browser: &Browser, head: &FilmHead) {
    let seen = browser.run(
        "return [...document.querySelectorAll('.row span')].map((span) => {
             const style = getComputedStyle(span);
             return [Number(span.className.match(/s([0-9]+)/)[1]), style.color, style.backgroundColor];
         })",
        &[],
    );
    let seen = seen.as_array().unwrap();
    assert!(seen.len() > 100, "{}", seen.len());
    let css = |Rgb([r, g, b]): Rgb| format!("rgb({r}, {g}, {b})");
    for one in seen {
        let style = u16::try_from(one[0].as_u64().unwrap()).unwrap();
        let (fg, bg) = head.colours(style);
        assert_eq!(one[1], css(fg), "style {style}");
        let plain = head.styles[usize::from(style)].bg.is_none();
        let bg = if plain { "rgba(0, 0, 0, 0)".to_owned() } else { css(bg) };
        assert_eq!(one[2], bg, "style {style}");
    }
}

#[test]
fn every_symbol_is_seen_where_it_stands_in_the_dark_and_in_the_light() {
    let name = "every_symbol_is_seen_where_it_stands_in_the_dark_and_in_the_light";
    for scheme in ["dark", "light"] {
        let Some(browser) = Browser::open(name, (1280, 800), scheme) else { return };
        let film = class(scheme);
        let screens = screens(&film);
        let file = page(&film, scheme);
        browser.file(&file.0);
        browser.until("return document.getElementById('where').textContent !== ''");
        let n = film.frames.len() / 2;
        browser.run(LOOK, &[json!(n)]);
        check_colours(&browser, &on_ground(&film.head, scheme));
        let place = browser.run(
            "const box = document.getElementById('screen').getBoundingClientRect();
             return [box.left, box.top, box.width / arguments[0], box.height / arguments[1]]",
            &[json!(SIZE.0), json!(SIZE.1)],
        );
        let mut arguments = vec![json!(browser.picture())];
        arguments.extend(place.as_array().unwrap().iter().cloned());
        arguments.extend([json!(SIZE.0), json!(SIZE.1)]);
        browser.go("about:blank");
        let pixels = browser.run(PIXELS, &arguments);
        let pixels: Vec<_> = pixels.as_array().unwrap().iter().filter_map(Value::as_f64).collect();
        let cells = (0..SIZE.1).flat_map(|y| screens[n].row(y).to_vec());
        let mut strange = Vec::new();
        for (at, (cell, seen)) in cells.zip(&pixels).enumerate() {
            let style = film.head.styles[usize::from(cell.style)];
            let is = match cell.symbol.as_str() {
                " " if style.bg.is_none() && !style.underlined => *seen < 0.02,
                "█" => *seen > 0.9,
                " " | "" => true,
                "·" | "." | "," | "'" => *seen > 0.003,
                _ => *seen > 0.02,
            };
            if !is {
                strange.push((at / 120, at % 120, cell.symbol.clone(), *seen));
            }
        }
        assert!(strange.is_empty(), "{scheme}: {strange:?}");
    }
}

/// The event that is shown.
fn event(browser: &Browser, is: u64) -> bool {
    let is = format!("event {is}");
    let script = format!(
        "return document.getElementById('where').textContent.replace(',', '').endsWith('{is}')"
    );
    browser.until(&script) == json!(true)
}

/// Where on the page a cell of a screen is, `x` columns behind its beginning.
fn point(browser: &Browser, cell: (u16, u16), x: f64) -> (f64, f64) {
    let at = browser.run(
        "const box = document.getElementById('screen').getBoundingClientRect();
         return [box.left + box.width * (arguments[0] + arguments[2]) / 120,
                 box.top + box.height * (arguments[1] + .5) / 38]",
        &[json!(cell.0), json!(cell.1), json!(x)],
    );
    (at[0].as_f64().unwrap(), at[1].as_f64().unwrap())
}

#[test]
fn keys_clicks_and_fingers_go_through_it() {
    let name = "keys_clicks_and_fingers_go_through_it";
    let Some(browser) = Browser::open(name, (1280, 800), "dark") else { return };
    let film = class("keys");
    let screens = screens(&film);
    let last = film.frames.len() as u64;
    let file = page(&film, "keys");
    browser.file(&file.0);
    assert!(event(&browser, 1));
    let (left, right, home, end) = ("\u{e012}", "\u{e014}", "\u{e011}", "\u{e010}");
    browser.keys(&["]", "]", right, right]);
    assert!(event(&browser, 5));
    browser.keys(&["[", left]);
    assert!(event(&browser, 3));
    browser.keys(&[end]);
    assert!(event(&browser, last));
    browser.keys(&["]", home]);
    assert!(event(&browser, 1));
    browser.keys(&["g"]);
    assert!(event(&browser, last));
    browser.keys(&["+", "+", "-"]);
    let speed = browser.run("return document.getElementById('speed').value", &[]);
    assert_eq!(speed, "2");
    // It plays up to the end by itself, and stands there.
    browser.keys(&[home, "-", "-", "-", " "]);
    browser.until("return document.getElementById('play').classList.contains('playing')");
    browser.keys(&["+", "+", "+", "+", "+"]);
    assert!(event(&browser, last));
    browser.until("return !document.getElementById('play').classList.contains('playing')");

    // A row of the interest list says why.
    let middle = screens.len() / 2;
    browser.run(LOOK, &[json!(middle)]);
    let words = &screens[middle].words;
    let rows = words.rows.as_ref().unwrap();
    let row = rows.iter().find(|row| words.fd != Some(row.3) && row.1 < 10).unwrap();
    let at = point(&browser, (row.1, row.0), 5.0);
    browser.click(at);
    let title = format!("Why: fd {}", row.3);
    let script = "return document.getElementById('pinned-title').textContent";
    browser.until(&format!("{script} === '{title}'"));
    let why = browser.run("return document.getElementById('pinned-text').textContent", &[]);
    assert_eq!(why, json!(words.why[&row.3]));
    assert_eq!(browser.run("return document.getElementById('own').offsetHeight", &[]), 0);
    // At another event too, and it is marked on the screen.
    browser.keys(&["["]);
    let before = &screens[middle - 1].words;
    let said = browser.run(LOOK, &[json!(middle - 1)]);
    assert_eq!(said["pinned"], json!(before.why[&row.3]));
    let pins = browser.run("return document.querySelectorAll('.pin').length", &[]);
    let of_it = before.rows.as_ref().unwrap().iter().filter(|other| other.3 == row.3).count();
    assert_eq!(pins, json!(of_it));
    // So do keys, one descriptor after the other.
    let all: Vec<_> = before.why.keys().collect();
    let (at_row, escape) = (all.iter().position(|fd| **fd == row.3).unwrap(), "\u{e00c}");
    let other = if at_row + 1 < all.len() { ("j", at_row + 1) } else { ("k", at_row - 1) };
    browser.keys(&[other.0]);
    browser.until(&format!("{script} === 'Why: fd {}'", all[other.1]));
    browser.keys(&[escape]);
    browser.until(&format!("{script} === ''"));
    assert_ne!(browser.run("return document.getElementById('own').offsetHeight", &[]), 0);

    // A finger goes on by one, and back.
    let here = film.frames[middle - 1].seq.0;
    browser.drag("touch", (at.0 + 300.0, at.1), (at.0 + 200.0, at.1));
    assert!(event(&browser, here + 1));
    browser.drag("touch", (at.0 + 200.0, at.1), (at.0 + 300.0, at.1));
    assert!(event(&browser, here));
}

#[test]
fn a_call_is_found_by_its_words_and_a_click_goes_there() {
    let name = "a_call_is_found_by_its_words_and_a_click_goes_there";
    let Some(browser) = Browser::open(name, (390, 844), "light") else { return };
    let film = class("find");
    let file = page(&film, "find");
    browser.file(&file.0);
    assert!(event(&browser, 1));
    let calls: Vec<_> = film.frames.iter().flat_map(|frame| &frame.words.calls).collect();
    let accepted: Vec<_> = calls.iter().filter(|call| call.2.contains("accept4")).collect();
    browser.keys(&["/"]);
    let words: Vec<_> = "ACCEPT4 T1".chars().map(String::from).collect();
    browser.keys(&words.iter().map(String::as_str).collect::<Vec<_>>());
    let enter = "\u{e007}";
    browser.keys(&[enter]);
    assert!(event(&browser, accepted[0].0.0));
    browser.keys(&[enter]);
    assert!(event(&browser, accepted[1].0.0));
    let found = browser.run("return document.getElementById('found').textContent", &[]);
    let of = format!("{} of {} calls", accepted.len(), calls.len());
    assert!(found.as_str().unwrap().starts_with(&of), "{found}");
    browser.run("document.querySelector('.call').click()", &[]);
    assert!(event(&browser, accepted[0].0.0));
    // Nothing has to be scrolled sideways, and everything can be touched.
    let wide = browser.run("return document.documentElement.scrollWidth", &[]);
    assert_eq!(wide, 390);
    let small = browser.run(
        "return [...document.querySelectorAll('#buttons button, #buttons select, header button')]
             .filter((one) => !one.hidden)
             .map((one) => one.getBoundingClientRect())
             .filter((box) => box.width < 44 || box.height < 44).length",
        &[],
    );
    assert_eq!(small, 0);
}

#[test]
fn node_takes_the_player() {
    let Some(node) = installed("node") else {
        eprintln!("SKIPPED node_takes_the_player: no node");
        return;
    };
    for script in ["page.js", "ask.js"] {
        let script = format!("{}/assets/{script}", env!("CARGO_MANIFEST_DIR"));
        let out = Command::new(&node).args(["--check", &script]).output().unwrap();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    }
}

#[test]
fn a_film_that_is_damaged_says_so() {
    let name = "a_film_that_is_damaged_says_so";
    let Some(browser) = Browser::open(name, (1280, 800), "dark") else { return };
    let page = page(&recorded("epoll.rec", SIZE), "damaged");
    let text = std::fs::read_to_string(&page.0).unwrap();
    let (before, after) = text.split_once("id=\"film\" type=\"text/plain\">").unwrap();
    let cut = format!("{before}id=\"film\" type=\"text/plain\">{}</script>{}", &after[..400], {
        after.split_once("</script>").unwrap().1
    });
    std::fs::write(&page.0, cut).unwrap();
    browser.file(&page.0);
    browser.until("return document.getElementById('why-text').textContent.startsWith('The film')");
}

#[test]
fn every_kind_of_recording_can_be_filmed_at_any_size() {
    for name in ["epoll", "poll", "select", "goroutine", "io-uring", "threads"] {
        for size in [(3, 2), (60, 16), (200, 60)] {
            let film = recorded(&format!("{name}.rec"), size);
            let last = screens(&film).pop().unwrap().text();
            assert_eq!(last.lines().count(), usize::from(size.1), "{name} {size:?}");
            if size.1 > 10 {
                assert!(film.frames.len() > 20, "{name}: {}", film.frames.len());
                assert!(last.contains("REPLAY"), "{last}");
                assert!(last.ends_with('┘') && !last.contains(" quit"), "{last}");
            }
        }
    }
}

#[test]
fn a_film_of_a_class_is_a_cast_too() {
    let film = class("cast");
    let screens = screens(&film);
    let mut cast = Vec::new();
    export::cast::write(&film, &mut cast).unwrap();
    let lines: Vec<Value> = String::from_utf8(cast)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), film.frames.len() + 1);
    let mut terminal =
        vt100::Parser::new(NonZero::new(SIZE.1).unwrap(), NonZero::new(SIZE.0).unwrap(), 0);
    for (line, screen) in lines[1..].iter().zip(&screens) {
        terminal.process(line[2].as_str().unwrap().as_bytes());
        let shown: Vec<_> =
            terminal.screen().rows(0, SIZE.0).map(|row| row.trim_end().to_owned()).collect();
        assert_eq!(shown.join("\n"), screen.text());
    }
    let none = FilmWords::NONE;
    assert!(screens.iter().all(|screen| screen.words.fd.is_some_and(|fd| fd >= none)));
    assert!(screens.last().unwrap().words.why.keys().all(|fd| *fd > Fd(0)));
}
