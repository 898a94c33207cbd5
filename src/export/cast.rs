//! A film as asciicast, version 2: what any player of those shows in a terminal, a page or a talk.
//!
//! The first line says how large the terminal is, every other one what is written to it when:
//! `[33.41,"o","\u001b[5;12H..."]` (docs.asciinema.org, asciicast v2).

use std::fmt::Write as _;
use std::io::{self, Write};

use serde::Serialize;

use crate::film::{Film, FilmHead, FilmSpan, FilmStyle, Frame, Rgb};

#[derive(Serialize)]
struct Head<'a> {
    version: u8,
    width: u16,
    height: u16,
    /// A player shortens longer waits to so many seconds; what is to be read has its own time.
    #[serde(skip_serializing_if = "Option::is_none")]
    idle_time_limit: Option<u8>,
    title: &'a str,
    theme: Colours,
}

#[derive(Serialize)]
struct Colours {
    fg: Rgb,
    bg: Rgb,
    /// The sixteen that a film does not name, as xterm has them.
    palette: &'static str,
}

const PALETTE: &str = "#000000:#cd0000:#00cd00:#cdcd00:#0000ee:#cd00cd:#00cdcd:#e5e5e5:\
                       #7f7f7f:#ff0000:#00ff00:#ffff00:#5c5cff:#ff00ff:#00ffff:#ffffff";

/// Writes a film.
///
/// # Errors
/// If it cannot be written.
pub fn write(film: &Film, mut out: impl Write) -> io::Result<()> {
    let FilmHead { cols, rows, title, fg, bg, .. } = &film.head;
    let theme = Colours { fg: *fg, bg: *bg, palette: PALETTE };
    let is_read = film.frames.iter().any(|frame| frame.reading > 0);
    let idle_time_limit = (!is_read).then_some(2);
    let head = Head { version: 2, width: *cols, height: *rows, idle_time_limit, title, theme };
    writeln!(out, "{}", serde_json::to_string(&head)?)?;
    let mut passed = 0;
    let mut line = |passed: u64, text: &str| {
        let micros = passed / 1000;
        let (seconds, micros) = (micros / 1_000_000, micros % 1_000_000);
        writeln!(out, "[{seconds}.{micros:06},\"o\",{}]", serde_json::to_string(text)?)
    };
    for (n, frame) in film.frames.iter().enumerate() {
        // Nobody types in it.
        let first = if n == 0 { "\x1b[?25l" } else { "" };
        line(passed, &format!("{first}{}", written(frame, &film.head)))?;
        passed += stands(frame, film.frames.get(n + 1));
    }
    if is_read {
        // The last screen is read, too.
        line(passed, "")?;
    }
    out.flush()
}

/// How long a frame stands, in nanoseconds.
fn stands(frame: &Frame, next: Option<&Frame>) -> u64 {
    match frame.reading {
        0 => next.map_or(0, |next| next.t.since(frame.t).0),
        ms => u64::from(ms) * 1_000_000,
    }
}

/// What brings a terminal from the screen before to this one.
fn written(frame: &Frame, head: &FilmHead) -> String {
    let mut text = String::new();
    let mut style = None;
    if frame.key {
        text.push_str("\x1b[0m\x1b[H\x1b[2J");
        style = Some(0);
    }
    for span in &frame.spans {
        let FilmSpan { y, x, .. } = span;
        // Writing to a String does not fail.
        let _ = write!(text, "\x1b[{};{}H", y + 1, x + 1);
        if style != Some(span.style) {
            text.push_str(&rendition(head.styles.get(usize::from(span.style))));
            style = Some(span.style);
        }
        // Cells have no control characters; a terminal would obey one.
        text.extend(span.text.chars().map(|c| if c.is_control() { ' ' } else { c }));
    }
    if style.is_some_and(|style| style != 0) {
        text.push_str("\x1b[0m");
    }
    text
}

/// Select graphic rendition (ECMA-48, 8.3.117), with direct colours (xterm's ctlseqs).
fn rendition(style: Option<&FilmStyle>) -> String {
    let style = style.copied().unwrap_or_default();
    let mut text = "\x1b[0".to_owned();
    let on =
        [(style.bold, ";1"), (style.dim, ";2"), (style.italic, ";3"), (style.underlined, ";4")];
    text.extend(on.iter().filter(|(is, _)| *is).map(|(_, code)| *code));
    for (what, colour) in [(38, style.fg), (48, style.bg)] {
        if let Some(Rgb([r, g, b])) = colour {
            let _ = write!(text, ";{what};2;{r};{g};{b}");
        }
    }
    text.push('m');
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Nanos, Seq, TimeUnit};
    use crate::film::{FilmScreen, FilmWords, Sampling};

    fn film() -> Film {
        let orange = Some(Rgb([0xff, 0xaf, 0]));
        let plain = FilmStyle::default();
        let styles = vec![
            plain,
            FilmStyle { fg: orange, bold: true, ..plain },
            FilmStyle { bg: Some(Rgb([58; 3])), dim: true, italic: true, ..plain },
            FilmStyle { underlined: true, ..plain },
        ];
        let head = FilmHead {
            title: "cl\"ass\n.rec".to_owned(),
            run: 0,
            cols: 20,
            rows: 4,
            clock: TimeUnit::Nanoseconds,
            fg: Rgb([0xd7; 3]),
            bg: Rgb([0x10; 3]),
            turned: Vec::new(),
            sampling: Sampling::EachEvent,
            gaps: Vec::new(),
            cut: false,
            styles,
        };
        let span =
            |y, x, style, text: &str, wide| FilmSpan { y, x, style, text: text.to_owned(), wide };
        let frame = |seq, t, key, spans| Frame {
            seq: Seq(seq),
            t: Nanos(t),
            reading: 0,
            key,
            spans,
            words: FilmWords::default(),
        };
        let frames = vec![
            frame(1, 7_000_000_000, true, vec![span(0, 0, 1, "REPLAY", 0), span(3, 19, 0, "┘", 0)]),
            frame(2, 7_250_001_999, false, vec![span(1, 3, 2, "文", 2), span(1, 5, 2, "ab", 0)]),
            frame(3, 9_000_000_000, false, vec![span(0, 2, 3, "x y", 0), span(2, 0, 0, "└", 0)]),
            frame(4, 9_000_000_000, true, vec![span(2, 2, 2, "  ", 0), span(0, 0, 0, "end", 0)]),
        ];
        Film { head, frames }
    }

    fn cast() -> Vec<serde_json::Value> {
        cast_of(&film())
    }

    fn cast_of(film: &Film) -> Vec<serde_json::Value> {
        let mut out = Vec::new();
        write(film, &mut out).expect("into memory");
        let text = String::from_utf8(out).expect("text");
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }

    #[test]
    fn what_is_to_be_read_stands_as_long_as_that_takes() {
        let mut film = film();
        film.frames.iter_mut().for_each(|frame| frame.reading = 12_500);
        let lines = cast_of(&film);
        assert_eq!(lines[0]["idle_time_limit"], serde_json::Value::Null);
        let times: Vec<_> = lines[1..].iter().map(|line| line[0].as_f64()).collect();
        assert_eq!(times, [0.0, 12.5, 25.0, 37.5, 50.0].map(Some));
        assert_eq!(lines[5][2], "");
        assert_eq!(cast()[0]["idle_time_limit"], 2);
    }

    #[test]
    fn a_terminal_that_plays_it_shows_the_film() {
        let (film, lines) = (film(), cast());
        assert_eq!(lines[0]["version"], 2);
        assert_eq!((&lines[0]["width"], &lines[0]["height"]), (&20.into(), &4.into()));
        assert_eq!(lines[0]["title"], "cl\"ass\n.rec");
        let times: Vec<_> = lines[1..].iter().map(|line| line[0].to_string()).collect();
        assert_eq!(times, ["0.0", "0.250001", "2.0", "2.0"]);
        let mut terminal =
            vt100::Parser::new(4.try_into().expect("rows"), 20.try_into().expect("columns"), 0);
        let mut screen = FilmScreen::new(20, 4);
        for (line, frame) in lines[1..].iter().zip(&film.frames) {
            screen.apply(frame);
            assert_eq!(line[1], "o");
            terminal.process(line[2].as_str().expect("text").as_bytes());
            assert_eq!(terminal.screen().contents().trim_end(), screen.text().trim_end());
            assert!(terminal.screen().hide_cursor());
            for y in 0..4 {
                for (x, cell) in (0..).zip(screen.row(y)) {
                    let shown = terminal.screen().cell(y, x).expect("on the screen");
                    // What the symbol before reaches over, a terminal has no style for.
                    if cell.symbol.is_empty() || cell.symbol == " " && cell.style == 0 {
                        continue;
                    }
                    let style = film.head.styles[usize::from(cell.style)];
                    let colour = |colour: Option<Rgb>| match colour {
                        Some(Rgb([r, g, b])) => vt100::Color::Rgb(r, g, b),
                        None => vt100::Color::Default,
                    };
                    let (fg, bg) = (colour(style.fg), colour(style.bg));
                    assert_eq!((shown.fgcolor(), shown.bgcolor()), (fg, bg), "{y} {x}");
                    let emphasis = (shown.bold(), shown.dim(), shown.italic(), shown.underline());
                    let asked = (style.bold, style.dim, style.italic, style.underlined);
                    assert_eq!(emphasis, asked, "{y} {x}");
                }
            }
        }
    }

    #[test]
    fn no_text_of_a_film_is_obeyed_by_a_terminal() {
        let mut film = film();
        film.frames[0].spans[0].text = "a\x1b[2Jb\n".to_owned();
        let mut out = Vec::new();
        write(&film, &mut out).expect("into memory");
        let text = String::from_utf8(out).expect("text");
        assert!(text.contains("a [2Jb "), "{text}");
        assert!(text.ends_with("]\n"));
    }
}
