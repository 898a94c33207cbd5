//! The line being typed, with what it could become above it.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::{Clear, Widget};

use super::RenderContext;
use crate::tui::draw::{Accent, Align, Row, cells, frame, inside};
use crate::tui::entry::{LineEntry, Purpose};
use crate::tui::theme::Role;
use crate::tui::words;

/// Draws the line over the last row, and its box above that.
pub(crate) struct Prompt<'a>(pub RenderContext<'a>, pub &'a LineEntry);

/// Rows of the box, without its frame.
const ROWS: u16 = 5;

impl Prompt<'_> {
    /// The line itself, scrolled so that the cursor is inside it.
    fn line(&self, area: Rect, buf: &mut Buffer) {
        let (look, entry) = (self.0, self.1);
        Clear.render(area.intersection(buf.area), buf);
        buf.set_style(area.intersection(buf.area), look.theme.base());
        let prompt = entry.prompt();
        let room = usize::from(area.width).saturating_sub(words::width(&prompt) + 3);
        let skip = entry.caret.saturating_sub(room);
        let before: String = entry.text.chars().skip(skip).take(entry.caret - skip).collect();
        let mut after = entry.text.chars().skip(entry.caret);
        let under = after.next().map_or_else(|| " ".to_owned(), |c| c.to_string());
        let rest: String = after.collect();
        Row::new(buf, area, 0)
            .put(" ", look.style(Role::Text))
            .put(&prompt, look.style(Role::Key))
            .put(&before, look.style(Role::Title))
            .put(&under, look.style(Role::Cursor))
            .put(&rest, look.style(Role::Title));
    }

    /// What stands in the box.
    fn lines(&self, columns: usize) -> Vec<(String, Role)> {
        let entry = self.1;
        let mut lines = Vec::new();
        if let Some(error) = &entry.error {
            let wrapped = words::wrap(error, columns);
            lines.extend(wrapped.into_iter().map(|line| (line, Role::Bad)));
        }
        match entry.purpose {
            Purpose::Filter => {
                lines.push(("fd=7, a peer's address, listener, client, or a call such as read; empty shows all".to_owned(), Role::Text));
            }
            Purpose::Send(_) => {
                lines.push((
                    "Enter sends the line with its end; an empty line sends only that".to_owned(),
                    Role::Text,
                ));
            }
            Purpose::Answer => {}
            Purpose::Command | Purpose::Try => {
                let usages = entry.usages();
                if usages.len() > usize::from(ROWS) {
                    let words: Vec<_> = usages.iter().map(|(word, ..)| *word).collect();
                    let wrapped = words::wrap(&words.join("  "), columns);
                    lines.extend(wrapped.into_iter().map(|line| (line, Role::Text)));
                } else {
                    lines.extend(usages.iter().map(|(word, arguments, help)| {
                        (format!("{word} {arguments}   {help}"), Role::Text)
                    }));
                }
                if entry.text.trim_start().contains(' ') {
                    let candidates = entry.candidates(self.0.scene.live).join("  ");
                    let wrapped = words::wrap(&candidates, columns);
                    lines.extend(wrapped.into_iter().map(|line| (line, Role::Dim)));
                }
            }
        }
        lines
    }
}

impl Widget for Prompt<'_> {
    fn render(self, area: Rect, buf: &mut Buffer) {
        let look = self.0;
        if area.height < ROWS + 3 || area.width < 4 {
            return;
        }
        let last = Rect { y: area.bottom() - 1, height: 1, ..area };
        self.line(last, buf);
        // What an answer depends on must stay in sight.
        let rows = match (self.1.purpose, &self.1.error) {
            (Purpose::Answer, None) => return,
            (Purpose::Answer, Some(_)) => 1,
            _ => ROWS,
        };
        let above = Rect { y: last.y - rows - 2, height: rows + 2, ..area };
        Clear.render(above.intersection(buf.area), buf);
        buf.set_style(above.intersection(buf.area), look.theme.base());
        let title = match self.1.purpose {
            Purpose::Command => ["Command".to_owned(), "Tab completes".to_owned()],
            Purpose::Filter => ["Filter".to_owned(), "Enter keeps it, Esc gives up".to_owned()],
            Purpose::Answer => {
                ["Your answer".to_owned(), "Enter gives it, Esc looks around".to_owned()]
            }
            Purpose::Try => ["Try it".to_owned(), "Tab completes, Enter does it".to_owned()],
            Purpose::Send(_) => ["Send".to_owned(), "what the built-in client says".to_owned()],
        };
        frame(buf, above, &title, look.theme, Accent::Focus);
        let inner = inside(above);
        let columns = usize::from(inner.width.saturating_sub(2));
        for (n, (line, role)) in self.lines(columns).iter().enumerate() {
            let mut row = Row::new(buf, inner, cells(n));
            row.column("", 0, Align::Left, look.style(*role)).put(line, look.style(*role));
        }
    }
}
