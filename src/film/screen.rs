//! A screen of cells that takes frames, and of which frames are made.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::frame::{FilmSpan, Frame};
use super::words::FilmWords;
use crate::event::{Nanos, Seq};

/// A cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilmCell {
    /// The symbol; empty if the one before it reaches over this cell.
    pub symbol: String,
    /// The style, as a place in the head's.
    pub style: u16,
}

/// The columns of a symbol, and the character if it is one that takes a column.
#[inline]
pub fn glyph_of(symbol: &str) -> (u16, Option<char>) {
    if let [one @ b' '..=b'~'] = symbol.as_bytes() {
        return (1, Some(char::from(*one)));
    }
    let mut all = symbol.chars();
    match (all.next(), all.next()) {
        // Of a control character it is not told; as a text it has a column.
        (Some(one), None) if one.width().is_none_or(|columns| columns == 1) => (1, Some(one)),
        _ => (u16::try_from(symbol.width()).unwrap_or(1).max(1), None),
    }
}

/// A screen as cells, with the words beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilmScreen {
    columns: u16,
    rows: u16,
    cells: Vec<FilmCell>,
    /// The words, with the last calls.
    pub words: FilmWords,
}

impl FilmScreen {
    /// A blank screen.
    pub fn new(columns: u16, rows: u16) -> Self {
        let blank = FilmCell { symbol: " ".to_owned(), style: 0 };
        let cells = vec![blank; usize::from(columns) * usize::from(rows)];
        Self { columns, rows, cells, words: FilmWords::default() }
    }

    /// The cells of a row.
    pub fn row(&self, y: u16) -> &[FilmCell] {
        let columns = usize::from(self.columns);
        let first = usize::from(y.min(self.rows)) * columns;
        self.cells.get(first..first + columns).unwrap_or_default()
    }

    /// The text, without blanks at the ends of its lines.
    pub fn text(&self) -> String {
        let line = |y| {
            let line: String = self.row(y).iter().map(|cell| cell.symbol.as_str()).collect();
            line.trim_end().to_owned()
        };
        (0..self.rows).map(line).collect::<Vec<_>>().join("\n")
    }

    /// Takes a frame over. What lies outside is left out.
    pub fn apply(&mut self, frame: &Frame) {
        if frame.key {
            *self = Self::new(self.columns, self.rows);
        }
        for span in &frame.spans {
            self.lay(span);
        }
        self.words.take(&frame.words);
    }

    fn lay(&mut self, span: &FilmSpan) {
        if span.wide > 0 {
            self.put((span.x, span.y), &span.text, span.style);
            for x in 1..span.wide {
                self.put((span.x.saturating_add(x), span.y), "", span.style);
            }
            return;
        }
        let mut symbol = [0; 4];
        for (x, c) in (span.x..=u16::MAX).zip(span.text.chars()) {
            self.put((x, span.y), c.encode_utf8(&mut symbol), span.style);
        }
    }

    fn put(&mut self, (x, y): (u16, u16), symbol: &str, style: u16) {
        if x >= self.columns || y >= self.rows {
            return;
        }
        let cell = &mut self.cells[usize::from(y) * usize::from(self.columns) + usize::from(x)];
        symbol.clone_into(&mut cell.symbol);
        cell.style = style;
    }

    /// A frame that stands for itself, of that event.
    pub fn key(&self, seq: Seq, t: Nanos) -> Frame {
        let blank = Self::new(self.columns, self.rows);
        Frame {
            seq,
            t,
            reading: 0,
            key: true,
            spans: self.since(&blank),
            words: self.words.clone(),
        }
    }

    /// The cells that differ from those of another screen of that size.
    fn since(&self, before: &Self) -> Vec<FilmSpan> {
        let mut spans = SpanList::default();
        for (n, at) in told(&before.cells, &self.cells, self.columns) {
            let FilmCell { symbol, style } = &self.cells[n];
            let (columns, one) = glyph_of(symbol);
            if !symbol.is_empty() {
                spans.put(at, *style, symbol, one.map_or(columns, |_| 0));
            }
        }
        spans.finish()
    }
}

/// So many cells between two that changed are told too.
const BETWEEN: usize = 3;

/// The cells to tell of, by rows, each with its column and row: those that changed and the few between
/// two of them. A text that moved to another row stays whole then, and takes next to nothing when it
/// is packed.
pub fn told<T: PartialEq>(
    before: &[T],
    now: &[T],
    columns: u16,
) -> impl Iterator<Item = (usize, (u16, u16))> {
    let columns = usize::from(columns.max(1));
    let place = |n: usize| u16::try_from(n).unwrap_or(u16::MAX);
    let rows = before.chunks(columns).zip(now.chunks(columns)).enumerate();
    rows.filter(|(_, (before, now))| before != now).flat_map(move |(y, (before, now))| {
        let mut last: Option<usize> = None;
        let changed = (0..now.len()).filter(|x| before[*x] != now[*x]);
        let runs = changed.flat_map(move |x| {
            let near = last.filter(|last| x - last <= BETWEEN + 1);
            last = Some(x);
            near.map_or(x, |last| last + 1)..=x
        });
        runs.map(move |x| (y * columns + x, (place(x), place(y))))
    })
}

/// Spans as they are put together from changed cells, by rows.
#[derive(Debug, Default)]
pub struct SpanList {
    spans: Vec<FilmSpan>,
    /// The column behind the last one.
    end: u16,
}

impl SpanList {
    /// Appends a cell: to the last span, if it follows that and looks the same. `wide` is 0 for a
    /// character that takes a column.
    pub fn put(&mut self, (x, y): (u16, u16), style: u16, symbol: &str, wide: u16) {
        let follows = |span: &&mut FilmSpan| {
            (span.y, span.style, span.wide, wide) == (y, style, 0, 0) && self.end == x
        };
        match self.spans.last_mut().filter(follows) {
            Some(span) => span.text.push_str(symbol),
            None => self.spans.push(FilmSpan { y, x, style, text: symbol.to_owned(), wide }),
        }
        self.end = x.saturating_add(wide.max(1));
    }

    /// The spans.
    pub fn finish(self) -> Vec<FilmSpan> {
        self.spans
    }
}
