//! What those who watch are asked, and what they answered: a box above the hints.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::{Clear, Widget};

use super::RenderContext;
use crate::tui::class::FreeQuestion;
use crate::tui::draw::{Accent, Row, cells, frame, inside};
use crate::tui::spots::Spot;
use crate::tui::theme::Role;

/// Draws the box at the lower end of an area.
pub(crate) struct AskedPane<'a>(pub RenderContext<'a>, pub &'a FreeQuestion);

/// The widest box.
const WIDEST: u16 = 84;

impl Widget for AskedPane<'_> {
    fn render(self, area: Rect, buf: &mut Buffer) {
        let (look, question) = (self.0, self.1);
        let width = WIDEST.min(area.width.saturating_sub(2));
        let lines = question.lines(usize::from(width.saturating_sub(4)), look.theme.glyphs);
        let height = cells(lines.len() + 2).min(area.height);
        let x = area.x + (area.width - width) / 2;
        let over = Rect { x, y: area.bottom() - height, width, height };
        Clear.render(over.intersection(buf.area), buf);
        buf.set_style(over.intersection(buf.area), look.theme.base());
        look.note(over, Spot::Cover);
        let stage = if question.open { "who watches answers" } else { "a puts it away" };
        let title = vec!["The class".to_owned(), stage.to_owned()];
        frame(buf, over, &title, look.theme, Accent::Focus);
        let inner = inside(over);
        // What is last matters most: how many have answered, and the bars.
        let hidden = lines.len().saturating_sub(inner.height.into());
        for (n, (line, role)) in lines.iter().skip(hidden).enumerate() {
            Row::new(buf, inner, cells(n))
                .put(" ", look.style(Role::Text))
                .put(line, look.style(*role));
        }
    }
}
