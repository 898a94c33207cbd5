//! The card on a screen that is too small: which size is needed and which there is.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::Widget;

use crate::tui::draw::{Row, cells};
use crate::tui::layout::SMALLEST;
use crate::tui::theme::{Role, Theme};
use crate::tui::words;

/// Draws the card; with what it says last.
pub(crate) struct TooSmall<'a>(pub &'a Theme, pub &'a str);

impl Widget for TooSmall<'_> {
    fn render(self, area: Rect, buf: &mut Buffer) {
        let (width, height) = SMALLEST;
        let needs = format!("needs {width}x{height}, has {}x{}", area.width, area.height);
        let mut lines = vec!["epollscope".to_owned()];
        let broken =
            [needs.as_str(), self.1].map(|text| words::wrap(text, usize::from(area.width)));
        let titles = 1..=broken[0].len();
        lines.extend(broken.into_iter().flatten());
        let top = area.height.saturating_sub(cells(lines.len())) / 2;
        for (n, line) in lines.iter().enumerate() {
            let indent = area.width.saturating_sub(cells(words::width(line))) / 2;
            let at = Rect { x: area.x + indent, width: area.width - indent, ..area };
            let role = if titles.contains(&n) { Role::Title } else { Role::Text };
            Row::new(buf, at, top + cells(n)).put(line, self.0.style(role));
        }
    }
}
