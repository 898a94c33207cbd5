//! The page of whoever looks on while a session goes on.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};

use epollscope::event::{Nanos, Seq};
use epollscope::export;
use epollscope::film::{FilmScreen, FilmSpan, Frame};
use serde_json::{Value, json};

use super::{LOOK, SIZE, class, event, screens};
use crate::browser::Browser;

/// Whoever shares a session, as the page sees it: the page, and then lines as they are told.
struct Sharing {
    address: String,
    lines: Sender<Option<String>>,
}

impl Sharing {
    /// Serves until the other end of its lines is gone; `None` breaks the connection off.
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}/CODE", listener.local_addr().unwrap());
        let (lines, told) = channel::<Option<String>>();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if Self::answer(stream, &told).is_none() {
                    return;
                }
            }
        });
        Self { address, lines }
    }

    /// `None` when nothing more will be told.
    fn answer(mut stream: TcpStream, told: &Receiver<Option<String>>) -> Option<()> {
        let mut asked = String::new();
        let mut request = BufReader::new(stream.try_clone().unwrap());
        request.read_line(&mut asked).unwrap();
        let page = export::page::live("class", "film");
        let (kind, body) = match asked.split(' ').nth(1) {
            Some("/CODE") => ("text/html; charset=utf-8", page.as_str()),
            // Behind the size stands who looks on.
            Some(path) if path.starts_with("/film?size=120x40&viewer=") => {
                ("text/event-stream", "retry: 1\n\n")
            }
            _ => ("text/plain", ""),
        };
        let head = format!("HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nConnection: close\r\n\r\n");
        stream.write_all((head + body).as_bytes()).unwrap();
        if kind != "text/event-stream" {
            return Some(());
        }
        while let Some(line) = told.recv().ok()? {
            stream.write_all(format!("{line}\n\n").as_bytes()).ok();
        }
        Some(())
    }

    fn tell(&self, line: &str) {
        self.lines.send(Some(format!("data: {}", line.trim_end()))).unwrap();
    }
}

const IS_LIVE: &str = "return document.getElementById('live').classList.contains('on')";

#[test]
fn who_looks_on_follows_and_can_go_back_alone() {
    let name = "who_looks_on_follows_and_can_go_back_alone";
    let Some(browser) = Browser::open(name, (1280, 800), "dark") else { return };
    let film = class("live");
    let screens = screens(&film);
    let sharing = Sharing::start();
    browser.go(&sharing.address);
    sharing.tell(&film.head.line());
    film.frames[..10].iter().for_each(|frame| sharing.tell(&frame.line()));
    assert!(event(&browser, film.frames[9].seq.0));
    assert_eq!(browser.until(IS_LIVE), true);
    browser.keys(&["["]);
    assert!(event(&browser, film.frames[8].seq.0));
    film.frames[10..20].iter().for_each(|frame| sharing.tell(&frame.line()));
    browser.until("return Number(document.getElementById('slider').max) === 19");
    assert!(event(&browser, film.frames[8].seq.0), "who went back stays there");
    assert_eq!(browser.run(IS_LIVE, &[]), false);
    browser.keys(&["g"]);
    assert!(event(&browser, film.frames[19].seq.0));
    assert_eq!(browser.until(IS_LIVE), true);
    // The connection breaks off; whoever comes again is told everything, and some of it twice.
    sharing.lines.send(None).unwrap();
    sharing.tell(&film.head.line());
    let late = &film.frames[30];
    sharing.tell(&screens[30].key(late.seq, late.t).line());
    sharing.tell(&film.frames[31].line());
    assert!(event(&browser, film.frames[31].seq.0));
    let seen = browser.run(LOOK, &[json!(21)]);
    let lines: Vec<_> =
        seen["lines"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert_eq!(lines.join("\n"), screens[31].text());
    let calls = browser.run("return document.getElementById('rows').style.height", &[]);
    let told: BTreeSet<_> = [&film.frames[..20], &film.frames[31..32]]
        .into_iter()
        .flatten()
        .flat_map(|frame| &frame.words.calls)
        .chain(&screens[30].words.calls)
        .map(|call| call.0)
        .collect();
    assert_eq!(calls, format!("{}px", told.len() * 28), "each call is there once");
    sharing.lines.send(Some("event: bye\ndata: over".to_owned())).unwrap();
    browser.until("return document.getElementById('note').textContent.startsWith('The session')");
    browser.keys(&["["]);
    assert!(event(&browser, film.frames[30].seq.0));
    let (complaints, requests) = browser.complaints_and_requests();
    // A browser asks for an icon by itself, and its own policy is the page's.
    let strange = complaints.iter().filter(|text| !text.contains("favicon"));
    assert_eq!(strange.collect::<Vec<_>>(), Vec::<&String>::new());
    let own = sharing.address.trim_end_matches("CODE");
    let foreign = |url: &&String| url.starts_with("http") && !url.starts_with(own);
    assert_eq!(requests.iter().filter(foreign).collect::<Vec<_>>(), Vec::<&String>::new());
}

#[test]
fn a_page_that_looks_on_for_long_keeps_what_is_newest() {
    let name = "a_page_that_looks_on_for_long_keeps_what_is_newest";
    let Some(browser) = Browser::open(name, (1280, 800), "dark") else { return };
    let film = class("long");
    let sharing = Sharing::start();
    browser.go(&sharing.address);
    sharing.tell(&film.head.line());
    let mut screen = FilmScreen::new(SIZE.0, SIZE.1);
    screen.apply(&film.frames[0]);
    let last = 22_000;
    for n in 1..=last {
        let (seq, t) = (Seq(n), Nanos(n * 1_000_000));
        let text = format!("{n:06}");
        let spans = vec![FilmSpan { y: 0, x: 0, style: 0, text, wide: 0 }];
        let mut frame = Frame { seq, t, spans, ..Frame::default() };
        screen.apply(&frame);
        if n % 256 == 1 {
            frame = screen.key(seq, t);
        }
        sharing.tell(&frame.line());
    }
    assert!(event(&browser, last));
    let kept = browser.run("return Number(document.getElementById('slider').max) + 1", &[]);
    assert!((20_000..20_800).contains(&kept.as_u64().unwrap()), "{kept}");
    browser.keys(&["\u{e011}"]);
    let oldest = last + 1 - kept.as_u64().unwrap();
    assert!(event(&browser, oldest));
    let seen = browser.run(LOOK, &[json!(1000)]);
    let line = seen["lines"][0].as_str().unwrap();
    assert!(line.starts_with(&format!("{:06}", oldest + 1000)), "{line}");
}
