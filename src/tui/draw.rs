//! Writing text straight into cells, clipped to an area. Knows nothing of what is written.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::theme::{Role, Theme};

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

/// A row being written from left to right.
pub struct Row<'a> {
    buf: &'a mut Buffer,
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
        Self { x: area.left(), y: area.top().saturating_add(n), right, buf }
    }

    /// Columns that are left.
    pub fn left(&self) -> u16 {
        self.right.saturating_sub(self.x)
    }

    /// Writes `text` and moves behind it.
    pub fn put(&mut self, text: &str, style: Style) -> &mut Self {
        let room = usize::from(self.left());
        if room > 0 {
            let (x, _) = self.buf.set_stringn(self.x, self.y, text, room, style);
            self.x = x.min(self.right);
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
            self.buf.set_stringn(self.x, self.y, text, room, style);
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

/// Which borders a pane draws beside its title line and its sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Joint {
    /// It begins a box.
    First,
    /// It goes on a box: its title line joins the sides above.
    Next,
    /// It begins a box and ends it with a line of its own.
    Alone,
    /// It goes on a box and ends it.
    Last,
}

impl Joint {
    fn ends(self) -> bool {
        matches!(self, Self::Alone | Self::Last)
    }

    fn begins(self) -> bool {
        matches!(self, Self::First | Self::Alone)
    }
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

/// The inside of a framed area.
pub fn inside(area: Rect, joint: Joint) -> Rect {
    let below = u16::from(joint.ends());
    Rect {
        x: area.x.saturating_add(1),
        y: area.y.saturating_add(1),
        width: area.width.saturating_sub(2),
        height: area.height.saturating_sub(1 + below),
    }
}

/// Draws the frame of a pane with its title: name first, then what is known about it.
pub fn frame(
    buf: &mut Buffer,
    area: Rect,
    joint: Joint,
    title: &[String],
    theme: &Theme,
    accent: Accent,
) {
    let area = area.intersection(buf.area);
    if area.width < 2 || area.height == 0 {
        return;
    }
    let glyphs = theme.glyphs;
    let border = theme.style(match accent {
        Accent::None => Role::Border,
        Accent::Focus => Role::Focus,
        Accent::Look => Role::Look,
    });
    let line = glyphs.horizontal.repeat(usize::from(area.width - 2));
    let (left, right) = if joint.begins() {
        (glyphs.top_left, glyphs.top_right)
    } else {
        (glyphs.join_left, glyphs.join_right)
    };
    Row::new(buf, area, 0).put(left, border).put(&line, border).put(right, border);
    let heading = Rect { x: area.x + 2, width: area.width.saturating_sub(4), height: 1, ..area };
    let mut row = Row::new(buf, heading, 0);
    row.put(
        match accent {
            Accent::None => " ",
            Accent::Focus => glyphs.selected,
            Accent::Look => glyphs.look,
        },
        border,
    );
    let whole: usize = title.iter().map(|part| super::words::width(part) + 3).sum();
    let fits = whole <= usize::from(heading.width) + 1;
    for (n, part) in title.iter().enumerate() {
        // The kernel's own name of the thing is what can be spared.
        let part = if fits { part } else { part.split(" (").next().unwrap_or(part) };
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
    for n in 1..area.height {
        Row::new(buf, area, n).put(glyphs.vertical, border);
        let edge = Rect { x: area.right() - 1, width: 1, ..area };
        Row::new(buf, edge, n).put(glyphs.vertical, border);
    }
    if joint.ends() && area.height > 1 {
        Row::new(buf, area, area.height - 1)
            .put(glyphs.bottom_left, border)
            .put(&line, border)
            .put(glyphs.bottom_right, border);
    }
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
    use super::*;

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
