//! What is wrong in a case file, and how it is told.
//!
//! The excerpt is made here: it is a part of what is told, as data for JSON too, bounded in columns and
//! with nothing in it that a terminal acts upon, of which `annotate-snippets` promises none.

use std::fmt;
use std::ops::Range;

use unicode_width::UnicodeWidthStr as _;

use crate::error::Error;
use crate::event::visible;

/// Errors that are kept; in a file that has more no others are looked for.
pub(super) const MAX_KEPT: usize = 200;
/// Errors that are told; the others are counted.
const MAX_TOLD: usize = 20;
/// Columns of a source line that are shown.
const SHOWN: usize = 100;
/// Columns before the place that are shown of a longer line.
const BEFORE: usize = 60;
/// Characters of a line, before the place and after it, that are looked at.
const NEAR: usize = 200;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1, in characters.
    pub column: usize,
    /// What was found and what was expected.
    pub message: String,
    /// The line and, below it, the signs that point to the place; empty if the place is the whole
    /// file.
    pub shown: Option<[String; 2]>,
}

/// All that is wrong in one file, in the order of the places.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Errors {
    /// The name of the file, made visible.
    pub file: String,
    /// At least one, at most 20.
    pub problems: Vec<Problem>,
    /// How many more were found; with 180 no others were looked for.
    pub untold: usize,
}

impl Errors {
    pub(super) fn new(name: &str, text: &str, mut wrongs: Vec<Wrong>) -> Self {
        wrongs.sort_by_key(|wrong| wrong.span.start);
        let untold = wrongs.len().saturating_sub(MAX_TOLD);
        wrongs.truncate(MAX_TOLD);
        let problems = wrongs.into_iter().map(|wrong| wrong.into_problem(text)).collect();
        Self { file: file_name(name), problems, untold }
    }

    /// Something that is wrong with the file as a whole.
    pub(super) fn whole(name: &str, message: &str) -> Self {
        let problem = Problem { line: 1, column: 1, message: message.to_owned(), shown: None };
        Self { file: file_name(name), problems: vec![problem], untold: 0 }
    }

    /// The bytes from `at` on are no text.
    pub(super) fn not_utf8(name: &str, content: &[u8], at: usize) -> Self {
        let text = String::from_utf8_lossy(content.get(..at).unwrap_or_default());
        let (line, column) = place(&text, text.len());
        let message = "expected UTF-8".to_owned();
        let problem = Problem { line, column, message, shown: None };
        Self { file: file_name(name), problems: vec![problem], untold: 0 }
    }
}

fn file_name(name: &str) -> String {
    visible(name.as_bytes(), 200)
}

impl fmt::Display for Errors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            let Problem { line, column, message, shown } = problem;
            let break_before = if index == 0 { "" } else { "\n" };
            write!(f, "{break_before}{}:{line}:{column}: {message}", self.file)?;
            if let Some([source, carets]) = shown {
                let margin = line.to_string();
                let blank = " ".repeat(margin.len());
                write!(f, "\n  {margin} | {source}\n  {blank} | {carets}")?;
            }
        }
        match self.untold {
            0 => Ok(()),
            1 => f.write_str("\nand one more error"),
            more if more >= MAX_KEPT - MAX_TOLD => f.write_str("\nand many more errors"),
            more => write!(f, "\nand {more} more errors"),
        }
    }
}

impl std::error::Error for Errors {}

impl From<Errors> for Error {
    fn from(errors: Errors) -> Self {
        Self::Usage(errors.to_string())
    }
}

/// Something wrong at a place in the text.
#[derive(Clone, Debug)]
pub(super) struct Wrong {
    /// The place in bytes.
    pub(super) span: Range<usize>,
    pub(super) message: String,
}

impl Wrong {
    fn into_problem(self, text: &str) -> Problem {
        let start = floor(text, self.span.start);
        let end = floor(text, self.span.end).max(start);
        let (line, column) = place(text, start);
        Problem { line, column, message: self.message, shown: Some(shown(text, start..end)) }
    }
}

/// The last place not after `at` that lies between two characters.
fn floor(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0)
}

/// The line and the column, both from 1, of a place between two characters.
pub(super) fn place(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let line = before.bytes().filter(|&byte| byte == b'\n').count() + 1;
    (line, before[line_start..].chars().count() + 1)
}

/// The line in which `span` begins, and the carets under as much of it as lies in that line.
fn shown(text: &str, span: Range<usize>) -> [String; 2] {
    let line_start = text[..span.start].rfind('\n').map_or(0, |newline| newline + 1);
    let line_end = text[span.start..].find('\n').map_or(text.len(), |newline| span.start + newline);
    let line = text[line_start..line_end].trim_end_matches('\r');
    let from = (span.start - line_start).min(line.len());
    let to = (span.end.min(line_end) - line_start).min(line.len());
    let first = line[..from].char_indices().rev().nth(NEAR).map_or(0, |(at, _)| at);
    let last = line[from..].char_indices().nth(NEAR).map_or(line.len(), |(at, _)| from + at);
    let cell = |(at, c)| Cell { text: glyph(c), marked: from <= first + at && first + at < to };
    let mut cells: Vec<Cell> = line[first..last].char_indices().map(cell).collect();
    if !cells.iter().any(|cell| cell.marked) {
        // A place between two characters, or at the end of the line.
        let at = line[first..from].chars().count();
        match cells.get_mut(at) {
            Some(cell) => cell.marked = true,
            None => cells.push(Cell { text: String::new(), marked: true }),
        }
    }
    draw(&cells, first > 0, last < line.len())
}

/// A character of a source line as it is shown.
struct Cell {
    text: String,
    marked: bool,
}

impl Cell {
    /// Columns; at least one if a caret stands under it.
    fn width(&self) -> usize {
        self.text.width().max(usize::from(self.marked))
    }
}

/// A character of the file, made harmless; quotes and backslashes stay as they were written.
fn glyph(c: char) -> String {
    match c {
        '"' | '\\' => c.to_string(),
        '\t' => " ".to_owned(),
        _ => visible(c.encode_utf8(&mut [0; 4]).as_bytes(), SHOWN),
    }
}

/// At most [`SHOWN`] columns of the line around the first mark, and the carets. The line may have
/// more before and after these cells.
fn draw(cells: &[Cell], more_before: bool, more_after: bool) -> [String; 2] {
    let marked = cells.iter().position(|cell| cell.marked).unwrap_or(0);
    let total: usize = cells.iter().map(Cell::width).sum();
    let mut first = 0;
    if more_before || total > SHOWN {
        let mut before = 0;
        first = marked;
        while first > 0 && before + cells[first - 1].width() <= BEFORE {
            first -= 1;
            before += cells[first].width();
        }
    }
    let cut = |on| if on { "…" } else { "" };
    let mut source = cut(more_before || first > 0).to_owned();
    let mut carets = " ".repeat(source.width());
    let mut last = first;
    while let Some(cell) = cells.get(last).filter(|cell| source.width() + cell.width() <= SHOWN) {
        source.push_str(&cell.text);
        carets.push_str(&if cell.marked { "^" } else { " " }.repeat(cell.width()));
        last += 1;
    }
    source.push_str(cut(more_after || last < cells.len()));
    [source, carets.trim_end().to_owned()]
}
