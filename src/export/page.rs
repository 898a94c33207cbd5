//! A film as one HTML file, or the page that looks on while a session goes on: player, style and
//! all that is shown are in it, and nothing is ever loaded.

mod digest;

use std::io::{self, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use base64::write::EncoderStringWriter;
use flate2::Compression;
use flate2::write::ZlibEncoder;

use super::markup::escaped;
use crate::film::Film;

const PAGE: &str = include_str!("../../assets/page.html");
const STYLE: &str = include_str!("../../assets/page.css");
const SCRIPT: &str = include_str!("../../assets/page.js");
/// What only the page has that looks on: it shows questions, and takes answers.
const ASK: &str = include_str!("../../assets/ask.js");

/// What of a page is not the same in all.
struct Filled<'a> {
    title: &'a str,
    /// Where the film's lines come from, if they are not in it.
    source: &'a str,
    /// The film, packed.
    film: &'a str,
}

/// Writes the page of a film: its lines, deflated, in base64.
///
/// # Errors
/// If it cannot be written.
pub fn write(film: &Film, mut out: impl Write) -> io::Result<()> {
    let packed = EncoderStringWriter::new(&STANDARD);
    let mut packer = ZlibEncoder::new(packed, Compression::best());
    for line in film.lines() {
        packer.write_all(line.as_bytes())?;
    }
    let packed = packer.finish()?.into_inner();
    let page = Filled { title: &film.head.title, source: "", film: &packed }.page();
    out.write_all(page.as_bytes())?;
    out.flush()
}

/// The page that takes the film's lines from a path beside its own, as server-sent events.
pub fn live(title: &str, source: &str) -> String {
    Filled { title, source, film: "" }.page()
}

/// What the page that looks on may do, by Content Security Policy: run its own script, wear its own
/// style, and ask whom it came from.
pub fn policy() -> String {
    policy_of(&[SCRIPT, ASK].concat())
}

fn policy_of(script: &str) -> String {
    let hash = |text: &str| STANDARD.encode(digest::sha256(text.as_bytes()));
    let (script, style) = (hash(script), hash(STYLE));
    format!(
        "default-src 'none'; script-src 'sha256-{script}'; style-src 'sha256-{style}'; \
         connect-src 'self'; base-uri 'none'; form-action 'none'"
    )
}

impl Filled<'_> {
    /// The page: what is filled in is not looked at again.
    fn page(&self) -> String {
        let script = if self.source.is_empty() { SCRIPT } else { &[SCRIPT, ASK].concat() };
        let policy = policy_of(script);
        let mut page = String::with_capacity(PAGE.len() + SCRIPT.len() + self.film.len() + 20_000);
        let mut rest = PAGE;
        while let Some((before, name, after)) = hole(rest) {
            page.push_str(before);
            match name {
                "csp" => page.push_str(&escaped(&policy)),
                "title" => page.push_str(&escaped(self.title)),
                "source" => page.push_str(&escaped(self.source)),
                "style" => page.push_str(STYLE),
                "script" => page.push_str(script),
                _ => page.push_str(self.film),
            }
            rest = after;
        }
        page.push_str(rest);
        page
    }
}

/// The next `{{name}}`, with what is before and after it.
fn hole(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once("{{")?;
    let (name, after) = rest.split_once("}}")?;
    Some((before, name, after))
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;
    use crate::event::{Nanos, Seq, TimeUnit};
    use crate::film::{FilmHead, FilmSpan, FilmStyle, FilmWords, Frame, Rgb, Sampling};

    const PAYLOAD: &str = "</script><img onerror=alert(1)>\"{{film}}";

    fn film() -> Film {
        let head = FilmHead {
            title: PAYLOAD.to_owned(),
            run: 0,
            cols: 60,
            rows: 2,
            clock: TimeUnit::Nanoseconds,
            fg: Rgb([255; 3]),
            bg: Rgb([0; 3]),
            turned: Vec::new(),
            sampling: Sampling::EachEvent,
            gaps: Vec::new(),
            cut: false,
            styles: vec![FilmStyle::default()],
        };
        let spans = vec![FilmSpan { y: 0, x: 0, style: 0, text: PAYLOAD.to_owned(), wide: 0 }];
        let words = FilmWords::default();
        Film {
            head,
            frames: vec![Frame { seq: Seq(1), t: Nanos(1), reading: 0, key: true, spans, words }],
        }
    }

    fn page() -> String {
        let mut out = Vec::new();
        write(&film(), &mut out).expect("into memory");
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn the_film_is_in_the_page_as_it_is() {
        let page = page();
        let (_, rest) = page.split_once("id=\"film\" type=\"text/plain\">").expect("the film");
        let (film, _) = rest.split_once("</script>").expect("its end");
        let packed = STANDARD.decode(film).expect("base64");
        let mut text = String::new();
        let read = flate2::read::ZlibDecoder::new(&packed[..]).read_to_string(&mut text);
        read.expect("deflated");
        assert_eq!(text, self::film().lines().collect::<String>());
    }

    #[test]
    fn nothing_that_was_filmed_is_markup() {
        let page = page();
        assert!(!page.contains("<img"), "the title is escaped");
        assert_eq!(page.matches("&lt;/script&gt;&lt;img onerror=alert(1)&gt;&quot;").count(), 2);
        // The page's own ones, none of which has anything but text put in.
        assert_eq!(page.matches("<script").count(), 2);
        for word in
            ["innerHTML", "outerHTML", "insertAdjacent", "eval(", "Function(", "document.write"]
        {
            assert!(!SCRIPT.contains(word) && !ASK.contains(word), "{word}");
        }
        assert!([SCRIPT, ASK, STYLE].iter().all(|text| !text.contains("</")));
    }

    #[test]
    fn nothing_is_loaded_from_elsewhere() {
        let page = live("T", "film");
        for word in ["http:", "https:", "//cdn", " src=", " href=", "@import", "url("] {
            assert!(!page.contains(word), "{word}");
        }
        assert!(page.contains("<meta name=\"epollscope\" content=\"film\">"));
        assert!(!page.contains("{{"), "everything is filled in");
        assert!(policy().starts_with("default-src 'none'; script-src 'sha256-"));
    }
}
