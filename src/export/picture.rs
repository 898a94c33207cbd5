//! A screen as SVG: letters as text at their columns, lines and blocks as shapes.
//!
//! One `<text>` a word, with its width: whatever font there is, and whatever the program that shows
//! it makes of blanks, each word stands in its columns. Colours are attributes and not rules: a rule
//! would win over the attribute of the group.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Write};

use super::markup::escaped;
use super::shapes::{Arms, Block, Shape};
use crate::film::{FilmHead, FilmScreen, Rgb, glyph_of};

/// A column and a row in pixels, and where letters stand in it.
pub(super) const CELL: (u32, u32) = (8, 17);
const BASE: u32 = 13;
/// The space around the screen.
const MARGIN: u32 = 8;
/// The letters of these fonts are 0.6 times as wide as they are high.
const FONT: &str = "font-family=\"ui-monospace,'DejaVu Sans Mono',Menlo,Consolas,monospace\" \
                    font-size=\"13.3\"";

/// The parts of a picture, in the order in which they lie on each other.
struct Picture<'a> {
    head: &'a FilmHead,
    /// What is behind letters, where it is another colour.
    grounds: String,
    /// Blocks.
    blocks: String,
    /// Lines by their colours.
    lines: BTreeMap<Rgb, Lines>,
    text: String,
}

/// Lines of one colour.
#[derive(Default)]
struct Lines {
    thin: String,
    thick: String,
    dashed: String,
}

/// Cells beside each other that are drawn at once.
struct Run<'a> {
    y: u32,
    /// The first column, and the one behind the last.
    from: u32,
    until: u32,
    style: u16,
    text: &'a str,
}

/// Writes a screen.
///
/// # Errors
/// If it cannot be written.
pub fn write(head: &FilmHead, screen: &FilmScreen, mut out: impl Write) -> io::Result<()> {
    let mut picture = Picture {
        head,
        grounds: String::new(),
        blocks: String::new(),
        lines: BTreeMap::new(),
        text: String::new(),
    };
    for y in 0..head.rows {
        picture.row(y.into(), screen);
    }
    let width = u32::from(head.cols) * CELL.0 + 2 * MARGIN;
    let height = u32::from(head.rows) * CELL.1 + 2 * MARGIN;
    let (title, bg) = (escaped(&head.title), head.bg);
    writeln!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\">\n<title>{title}</title>\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"{bg}\"/>\n\
         <g transform=\"translate({MARGIN} {MARGIN})\">"
    )?;
    let Picture { grounds, blocks, lines, text, .. } = picture;
    writeln!(out, "<g shape-rendering=\"crispEdges\">\n{grounds}{blocks}</g>")?;
    writeln!(out, "<g fill=\"none\" shape-rendering=\"crispEdges\">")?;
    for (colour, Lines { thin, thick, dashed }) in lines {
        let dashes = " stroke-dasharray=\"2 2\"";
        for (d, width, dashes) in [(thin, 1, ""), (thick, 3, ""), (dashed, 1, dashes)] {
            if !d.is_empty() {
                writeln!(
                    out,
                    "<path stroke=\"{colour}\" stroke-width=\"{width}\"{dashes} d=\"{d}\"/>"
                )?;
            }
        }
    }
    writeln!(out, "</g>\n<g {FONT} fill=\"{}\" xml:space=\"preserve\">", head.fg)?;
    writeln!(out, "{text}</g>\n</g>\n</svg>")
}

impl Picture<'_> {
    fn row(&mut self, y: u32, screen: &FilmScreen) {
        let Ok(row) = u16::try_from(y) else { return };
        let cells = screen.row(row);
        let mut x = 0;
        while let Some(cell) = cells.get(x) {
            let like = |other: &&crate::film::FilmCell| other.style == cell.style;
            let alike = cells[x..].iter().take_while(like).count();
            let from = column(x);
            self.ground(&Run { y, from, until: column(x + alike), style: cell.style, text: "" });
            let symbols: Vec<_> =
                cells[x..x + alike].iter().map(|cell| cell.symbol.as_str()).collect();
            self.symbols((from, y), cell.style, &symbols);
            x += alike;
        }
    }

    /// What is behind cells, if that is not what is behind all.
    fn ground(&mut self, run: &Run<'_>) {
        let (_, bg) = self.head.colours(run.style);
        if bg != self.head.bg {
            rect(&mut self.grounds, run, bg, Block::FULL);
        }
    }

    /// Cells that look the same.
    fn symbols(&mut self, (x, y): (u32, u32), style: u16, symbols: &[&str]) {
        let mut at = 0;
        while at < symbols.len() {
            let symbol = symbols[at];
            let same = symbols[at..].iter().take_while(|other| **other == symbol).count();
            let (from, shape) = (x + column(at), Shape::of(symbol));
            let mut run = Run { y, from, until: from + column(same), style, text: symbol };
            let used = match shape {
                _ if symbol.is_empty() || symbol == " " => same,
                Some(Shape::Lines(arms)) => {
                    self.arms(&run, arms);
                    same
                }
                Some(Shape::Block(block)) => {
                    let (fg, _) = self.head.colours(style);
                    rect(&mut self.blocks, &run, fg, block);
                    same
                }
                None => {
                    let word = word(&symbols[at..]);
                    let text = symbols[at..at + word].concat();
                    let columns = match word {
                        1 => usize::from(glyph_of(symbol).0),
                        _ => word,
                    };
                    (run.text, run.until) = (&text, from + column(columns));
                    self.word(&run);
                    word
                }
            };
            at += used;
        }
    }

    fn word(&mut self, run: &Run<'_>) {
        let style = self.head.styles.get(usize::from(run.style)).copied().unwrap_or_default();
        let (fg, _) = self.head.colours(run.style);
        let (y, width) = (run.y * CELL.1 + BASE, (run.until - run.from) * CELL.0);
        let mut text = String::new();
        let plain = run.text.is_ascii();
        // A sign of another font has a width of its own: it stands in the middle.
        let (x, place) = if plain {
            (run.from * CELL.0, format!("textLength=\"{width}\""))
        } else {
            (run.from * CELL.0 + width / 2, "text-anchor=\"middle\"".to_owned())
        };
        let _ = write!(text, "<text x=\"{x}\" y=\"{y}\" {place}");
        if fg != self.head.fg {
            let _ = write!(text, " fill=\"{fg}\"");
        }
        for (is, attribute) in [
            (style.bold, " font-weight=\"bold\""),
            (style.italic, " font-style=\"italic\""),
            (style.underlined, " text-decoration=\"underline\""),
        ] {
            text.push_str(if is { attribute } else { "" });
        }
        let _ = writeln!(self.text, "{text}>{}</text>", escaped(run.text));
    }

    /// Signs of lines.
    fn arms(&mut self, run: &Run<'_>, arms: Arms) {
        let (fg, _) = self.head.colours(run.style);
        let lines = self.lines.entry(fg).or_default();
        let d = match (arms.thick, arms.dashed) {
            (true, _) => &mut lines.thick,
            (_, true) => &mut lines.dashed,
            (false, false) => &mut lines.thin,
        };
        // Half a pixel in, a line of one pixel fills one.
        let (top, middle) = (run.y * CELL.1, run.y * CELL.1 + CELL.1 / 2);
        let [left, right] = [run.from * CELL.0, run.until * CELL.0];
        let centre = left + CELL.0 / 2;
        if arms.left || arms.right {
            let from = if arms.left { left } else { centre };
            let until = if arms.right { right } else { right - CELL.0 / 2 + 1 };
            let _ = write!(d, "M{from} {middle}.5H{until}");
        }
        if !arms.up && !arms.down {
            return;
        }
        for n in run.from..run.until {
            let x = n * CELL.0 + CELL.0 / 2;
            let from = if arms.up { top } else { middle };
            let until = if arms.down { top + CELL.1 } else { middle + 1 };
            let _ = write!(d, "M{x}.5 {from}V{until}");
        }
    }
}

/// How many of these make one word: those of ASCII up to the next blank; of others each stands alone.
fn word(symbols: &[&str]) -> usize {
    let letter = |symbol: &&&str| symbol.len() == 1 && **symbol != " ";
    symbols.iter().take_while(letter).count().max(1)
}

fn column(x: usize) -> u32 {
    u32::try_from(x).unwrap_or(u32::MAX)
}

fn rect(to: &mut String, run: &Run<'_>, fill: Rgb, block: Block) {
    // Eighths of a cell.
    let (x, width) = (run.from * CELL.0, (run.until - run.from) * CELL.0);
    let width = if block.columns < 8 { width * block.columns / 8 } else { width };
    let height = CELL.1 * block.rows / 8;
    let y = (run.y + 1) * CELL.1 - height;
    let _ = write!(to, "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\"");
    let _ = write!(to, " fill=\"{fill}\"");
    if block.shade < 4 {
        let _ = write!(to, " fill-opacity=\"{}\"", f64::from(block.shade) / 4.0);
    }
    to.push_str("/>\n");
}
