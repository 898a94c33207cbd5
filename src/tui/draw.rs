//! Writing text straight into cells, clipped to an area. Knows nothing of what is written.

use ratatui::buffer::{Buffer, Cell};
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::symbols::merge::MergeStrategy;
use unicode_width::UnicodeWidthChar;

use super::theme::{Role, Theme};
use super::words::is_printable;

/// A count as a screen coordinate; what does not fit is off the screen anyway.
pub fn cells(n: usize) -> u16 {
    u16::try_from(n).unwrap_or(u16::MAX)
}

/// Where a text stands in its column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// At the left.
    Left,
    /// At the right.
    Right,
}

/// What stands in the last cell of a text that is cut.
const CUT: &str = "…";

/// A row being written from left to right. What does not fit is cut, and says so.
pub struct Row<'a> {
    buf: &'a mut Buffer,
    left: u16,
    x: u16,
    y: u16,
    right: u16,
}

impl<'a> Row<'a> {
    /// Row `n` of `area`; a row that is not inside it swallows what is written.
    pub fn new(buf: &'a mut Buffer, area: Rect, n: u16) -> Self {
        let area = area.intersection(buf.area);
        let inside = n < area.height;
        let right = if inside { area.right() } else { area.left() };
        let left = area.left();
        Self { left, x: left, y: area.top().saturating_add(n), right, buf }
    }

    /// Columns that are left.
    pub fn left(&self) -> u16 {
        self.right.saturating_sub(self.x)
    }

    /// The column in which the next text begins.
    pub(crate) fn at(&self) -> u16 {
        self.x
    }

    /// The cells from that column up to where the next text begins.
    pub(crate) fn since(&self, from: u16) -> Rect {
        Rect::new(from, self.y, self.x.saturating_sub(from), 1)
    }

    /// Writes `text` and moves behind it.
    pub fn put(&mut self, text: &str, style: Style) -> &mut Self {
        let room = usize::from(self.left());
        if room > 0 {
            self.x = write(self.buf, (self.x, self.y), text, room, style).min(self.right);
        }
        if is_cut(text, room) && self.right > self.left {
            self.buf[(self.right - 1, self.y)].set_symbol(CUT);
        }
        self
    }

    /// Writes `text` into a column of `width` cells and moves behind it and one blank.
    pub fn column(&mut self, text: &str, width: u16, align: Align, style: Style) -> &mut Self {
        let width = width.min(self.left());
        let start = self.x;
        let used = cells(super::words::width(text));
        if align == Align::Right && used < width {
            self.x += width - used;
        }
        let room = usize::from(width.min(start + width - self.x));
        if room > 0 {
            write(self.buf, (self.x, self.y), text, room, style);
            if is_cut(text, room) {
                self.buf[(self.x + width - 1, self.y)].set_symbol(CUT);
            }
        }
        self.x = (start + width + 1).min(self.right);
        self
    }

    /// Writes `text` so that it ends at the right edge, if it fits behind what is written.
    pub fn end(&mut self, text: &str, style: Style) {
        let used = cells(super::words::width(text));
        if used <= self.left() {
            self.x = self.right - used;
            self.put(text, style);
        }
    }

    /// Lays `style` over the whole rest of the row.
    pub fn fill(&mut self, style: Style) {
        let rest = Rect::new(self.x, self.y, self.left(), 1).intersection(self.buf.area);
        self.buf.set_style(rest, style);
    }
}

/// Writes `text` into at most so many cells of the buffer, and gives the column behind it: what
/// [`Buffer::set_stringn`] does, which looks for letters of several characters in all that is written.
fn write(buf: &mut Buffer, (x, y): (u16, u16), text: &str, room: usize, style: Style) -> u16 {
    let room = room.min(usize::from(buf.area.right().saturating_sub(x)));
    if is_printable(text) {
        let (from, columns) = (buf.index_of(x, y), text.len().min(room));
        let cells = &mut buf.content[from..from + columns];
        for (cell, byte) in cells.iter_mut().zip(text.bytes()) {
            cell.set_char(byte.into()).set_style(style);
        }
        return x + self::cells(columns);
    }
    let mut all = text.chars();
    match (all.next(), all.next()) {
        (Some(one), None) if room > 0 && takes_a_cell(one) => {
            buf[(x, y)].set_symbol(text).set_style(style);
            x + 1
        }
        _ => buf.set_stringn(x, y, text, room, style).0,
    }
}

/// Whether a character that stands alone takes one cell, on every terminal.
fn takes_a_cell(one: char) -> bool {
    // Voiced marks take a cell of their own on some.
    one.width() == Some(1) && !matches!(one, '\u{ff9e}' | '\u{ff9f}')
}

/// Gives all cells, which are blank, the theme's ground.
pub(crate) fn ground(buf: &mut Buffer, theme: &Theme) {
    if theme.base() != Style::new() {
        buf.set_style(buf.area, theme.base());
    }
}

/// Gives what is cut the theme's sign for it, where that is another; done once, when all is drawn.
pub(crate) fn sign_cuts(buf: &mut Buffer, theme: &Theme) {
    if theme.glyphs.ellipsis == CUT {
        return;
    }
    for cell in buf.content.iter_mut().filter(|cell| cell.symbol() == CUT) {
        cell.set_symbol(theme.glyphs.ellipsis);
    }
}

/// Whether something of a text is lost in so many columns; blanks are nothing.
fn is_cut(text: &str, columns: usize) -> bool {
    text.len() > columns && super::words::width(text.trim_end()) > columns
}

/// How a frame stands out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accent {
    /// Not at all.
    None,
    /// The keys move in it.
    Focus,
    /// A lesson points at it.
    Look,
}

impl Accent {
    fn role(self) -> Role {
        match self {
            Self::None => Role::Border,
            Self::Focus => Role::Focus,
            Self::Look => Role::Look,
        }
    }
}

/// The inside of a framed area.
pub fn inside(area: Rect) -> Rect {
    Rect {
        x: area.x.saturating_add(1),
        y: area.y.saturating_add(1),
        width: area.width.saturating_sub(2),
        height: area.height.saturating_sub(2),
    }
}

/// Draws the borders of panes. Neighbours overlap by one cell and share the border there; it looks
/// like that of the one that stands out.
pub fn borders(buf: &mut Buffer, panes: &[(Rect, Accent)], theme: &Theme) {
    let whole = buf.area;
    for accent in [Accent::None, Accent::Look, Accent::Focus] {
        for (area, _) in panes.iter().filter(|(_, of)| *of == accent) {
            outline(buf, area.intersection(whole), theme.style(accent.role()));
        }
    }
    let Some(joint) = theme.glyphs.joint else { return };
    // The frames are merged by their signs in Unicode, and have those of the theme in the end.
    for edge in panes.iter().flat_map(|(area, _)| edges(area.intersection(whole))) {
        for at in edge.positions() {
            let cell = &mut buf[at];
            match cell.symbol() {
                "─" => cell.set_symbol(theme.glyphs.horizontal),
                "│" => cell.set_symbol(theme.glyphs.vertical),
                // A side that two panes share has its signs already.
                symbol if symbol.is_ascii() => continue,
                _ => cell.set_symbol(joint),
            };
        }
    }
}

/// Draws the frame of an area, joined to those that are there: what a bordered `Block` does, which gives
/// all cells inside a style, too.
fn outline(buf: &mut Buffer, area: Rect, style: Style) {
    if area.is_empty() {
        return;
    }
    let (left, top) = (area.x, area.y);
    let (right, bottom) = (area.right() - 1, area.bottom() - 1);
    let put = |cell: &mut Cell, sign| {
        cell.merge_symbol(sign, MergeStrategy::Exact).set_style(style);
    };
    for y in [top, bottom] {
        let row = buf.index_of(left, y);
        let side = row + 1..row + usize::from((right - left).max(1));
        buf.content[side].iter_mut().for_each(|cell| put(cell, "─"));
    }
    for y in top + 1..bottom {
        let row = buf.index_of(left, y);
        put(&mut buf.content[row], "│");
        put(&mut buf.content[row + usize::from(right - left)], "│");
    }
    let corners = [(right, bottom, "┘"), (right, top, "┐"), (left, bottom, "└"), (left, top, "┌")];
    for (x, y, sign) in corners {
        put(&mut buf[(x, y)], sign);
    }
}

/// The four sides of an area, without what two of them share.
fn edges(area: Rect) -> [Rect; 4] {
    let (below, beside) = (area.bottom().saturating_sub(1), area.right().saturating_sub(1));
    let sides = Rect { y: area.y + 1, height: area.height.saturating_sub(2), ..area };
    [
        Rect { height: area.height.min(1), ..area },
        Rect { y: below, height: u16::from(area.height > 1), ..area },
        Rect { width: area.width.min(1), ..sides },
        Rect { x: beside, width: u16::from(area.width > 1), ..sides },
    ]
}

/// Writes the title of a pane over its upper border: name first, then what is known about it.
pub fn heading(buf: &mut Buffer, area: Rect, title: &[String], theme: &Theme, accent: Accent) {
    let glyphs = theme.glyphs;
    let border = theme.style(accent.role());
    let width = area.width.saturating_sub(4);
    let heading = Rect { x: area.x.saturating_add(2), width, height: 1, ..area };
    let columns = |parts: &[&str]| parts.iter().map(|p| super::words::width(p) + 3).sum::<usize>();
    let mut parts: Vec<_> = title.iter().map(String::as_str).collect();
    if columns(&parts) > usize::from(width) + 1 {
        // The kernel's own name of the thing is what can be spared.
        parts = parts.into_iter().map(|part| part.split(" (").next().unwrap_or(part)).collect();
    }
    // What the line looks like that a neighbour shares is not how the title looks.
    let over = Rect { width: cells(columns(&parts)), ..heading }.intersection(heading);
    buf.set_style(over.intersection(buf.area), Style::reset().patch(theme.base()).patch(border));
    let mut row = Row::new(buf, heading, 0);
    row.put(
        match accent {
            Accent::None => " ",
            Accent::Focus => glyphs.selected,
            Accent::Look => glyphs.look,
        },
        border,
    );
    for (n, part) in parts.into_iter().enumerate() {
        if n > 0 {
            row.put(" ", border).put(glyphs.horizontal, border).put(" ", border);
        }
        row.put(
            part,
            theme.style(match (n, accent) {
                (0, Accent::Look) => Role::Badge,
                (0, _) => Role::Title,
                _ => Role::Text,
            }),
        );
    }
    row.put(" ", border);
}

/// Draws a box that shares its border with no other, with its title.
pub fn frame(buf: &mut Buffer, area: Rect, title: &[String], theme: &Theme, accent: Accent) {
    borders(buf, &[(area, accent)], theme);
    heading(buf, area, title, theme, accent);
}

/// The `rows` visible ones of a list in which `from` begins with the chosen one, and `before` goes
/// back from it: as `first_row` has it, without counting the list.
pub fn around<T>(
    mut before: impl Iterator<Item = T>,
    from: impl Iterator<Item = T>,
    rows: usize,
) -> Vec<T> {
    let mut ahead: Vec<T> = before.by_ref().take(rows / 2).collect();
    let after: Vec<T> = from.take(rows - ahead.len()).collect();
    ahead.extend(before.take(rows - ahead.len() - after.len()));
    ahead.reverse();
    ahead.extend(after);
    ahead
}

/// The first of the `rows` visible ones in a list of `len`, so that `chosen` is among them and the
/// view moves only when it has to go beyond the middle.
pub(crate) fn first_row(chosen: usize, len: usize, rows: usize) -> usize {
    chosen.saturating_sub(rows / 2).min(len.saturating_sub(rows))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use ratatui::widgets::{Block, Widget};

    use super::*;
    use crate::tui::theme::{Depth, ThemeName, UNICODE};

    /// What is written by whom, and the column behind it.
    fn written(write: impl Fn(&mut Buffer) -> u16) -> (Buffer, u16) {
        let mut buf = Buffer::with_lines(["0123456789ab"]);
        let end = write(&mut buf);
        (buf, end)
    }

    fn check(text: &str, x: u16, room: usize) {
        let style = Style::new().dim().on_red();
        assert_eq!(
            written(|buf| write(buf, (x, 0), text, room, style)),
            written(|buf| buf.set_stringn(x, 0, text, room, style).0),
            "{text:?} at {x} in {room}"
        );
    }

    #[test]
    fn every_character_is_written_as_the_library_writes_it() {
        let mut symbol = [0; 4];
        let (forms, rare) = (0xfe00..0x1_0000, (0x3100..0x11_0000).step_by(97));
        for one in (0..0x3100).chain(forms).chain(rare).filter_map(char::from_u32) {
            let text = one.encode_utf8(&mut symbol);
            check(text, 3, 5);
            check(text, 11, 5);
        }
        check("─", 3, 0);
    }

    proptest! {
        #[test]
        fn any_text_is_written_as_the_library_writes_it(
            text in "[ -~]{0,20}|\\PC{0,8}|[a·─…\u{301}\u{200d}\u{4e00}\u{fe0f}✂\t]{0,6}",
            x in 0_u16..12,
            room in 0_usize..16,
        ) {
            check(&text, x, room);
        }
    }

    #[test]
    fn frames_are_joined_as_the_library_joins_them() {
        let theme = Theme::new(ThemeName::Dark, Depth::Indexed, &UNICODE);
        let panes = [(0, 0, 9, 4), (8, 0, 6, 4), (0, 3, 14, 3), (3, 5, 2, 2), (13, 6, 9, 9)];
        let panes = panes.map(|(x, y, width, height)| (Rect { x, y, width, height }, Accent::None));
        let area = Rect::new(0, 0, 14, 7);
        let (mut ours, mut theirs) = (Buffer::empty(area), Buffer::empty(area));
        borders(&mut ours, &panes, &theme);
        let block = Block::bordered()
            .border_style(theme.style(Role::Border))
            .merge_borders(MergeStrategy::Exact);
        for (area, _) in panes {
            (&block).render(area.intersection(theirs.area), &mut theirs);
        }
        assert_eq!(ours, theirs);
    }

    #[test]
    fn rows_around_the_chosen_one_are_those_that_counting_gives() {
        for (len, rows) in (0..12).flat_map(|len| (0..7).map(move |rows| (len, rows))) {
            for chosen in 0..len {
                let first = first_row(chosen, len, rows);
                let counted: Vec<_> = (0..len).skip(first).take(rows).collect();
                assert_eq!(around((0..chosen).rev(), chosen..len, rows), counted);
            }
        }
    }
}
