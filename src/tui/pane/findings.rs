//! The findings: states that are bugs in real servers, newest first.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::Widget;

use super::Look;
use crate::event::Mistake;
use crate::model::Finding;
use crate::tui::draw::{Align, Row, cells, first_row};
use crate::tui::theme::Role;
use crate::tui::words;

/// Draws the findings.
pub struct FindingsPane<'a>(pub Look<'a>);

/// Rows of a finding: its name, its sentence, a blank.
const ROWS: usize = 5;

impl FindingsPane<'_> {
    /// The pane's title: how many hold now, of how many.
    pub fn title(look: &Look<'_>) -> Vec<String> {
        let findings = &look.scene.world.findings;
        let active = findings.iter().filter(|f| f.active).count();
        let all = findings.iter().count();
        let numbers = format!("{active} now, {all} in all");
        vec!["Findings".to_owned(), numbers, "model".to_owned()]
    }

    fn draw(&self, finding: &Finding, chosen: bool, area: Rect, buf: &mut Buffer) {
        let look = &self.0;
        let marker = if chosen { look.theme.glyphs.selected } else { " " };
        let (glyph, role, word) = if finding.active {
            (look.theme.glyphs.stuck, Role::Bad, "now")
        } else {
            (look.theme.glyphs.idle, Role::Dim, "over")
        };
        let about = match (finding.fd, finding.lane) {
            (Some(fd), _) => format!("fd {fd}"),
            (None, Some(lane)) => lane.to_string(),
            (None, None) => String::new(),
        };
        let mut row = Row::new(buf, area, 0);
        row.put(marker, look.style(Role::Focus)).put(glyph, look.style(role));
        row.put(" ", look.style(role)).column(
            finding.kind.word(),
            19,
            Align::Left,
            look.style(role),
        );
        row.column(&about, 8, Align::Left, look.style(Role::Title));
        row.column(word, 5, Align::Left, look.style(role));
        let times = plural_times(finding.count);
        let (first, last) = (finding.first.1, finding.last.1);
        let when =
            if finding.count == 1 { format!("at {first}") } else { format!("{first} to {last}") };
        row.put(&format!("{when}, {times}"), look.style(Role::Dim));
        let below = Rect { x: area.x + 3, width: area.width.saturating_sub(4), ..area };
        for (n, line) in words::wrap(&finding.sentence, usize::from(below.width))
            .iter()
            .take(ROWS - 2)
            .enumerate()
        {
            Row::new(buf, below, cells(n) + 1).put(line, look.style(Role::Text));
        }
    }

    fn nothing(&self, area: Rect, buf: &mut Buffer) {
        let look = &self.0;
        let text = "None: this server does what it should. To meet one, switch a protection off: \
                    press : and type mistake with one of these names.";
        let columns = usize::from(area.width.saturating_sub(2));
        let inner = Rect { x: area.x + 1, width: area.width.saturating_sub(2), ..area };
        let lines = words::wrap(text, columns);
        let mut y = 0;
        for line in &lines {
            Row::new(buf, inner, y).put(line, look.style(Role::Text));
            y += 1;
        }
        for mistake in Mistake::ALL {
            y += 1;
            let mut row = Row::new(buf, inner, y);
            row.column(mistake.word(), 17, Align::Left, look.style(Role::Key));
            row.put(mistake.about(), look.style(Role::Text));
        }
    }
}

fn plural_times(n: u64) -> String {
    if n == 1 { "once".to_owned() } else { format!("{} times", words::count(n)) }
}

impl Widget for FindingsPane<'_> {
    fn render(self, area: Rect, buf: &mut Buffer) {
        let area = area.intersection(buf.area);
        let found: Vec<_> = self.0.scene.world.findings.iter().rev().collect();
        if found.is_empty() {
            self.nothing(area, buf);
            return;
        }
        let rows = (usize::from(area.height) / ROWS).max(1);
        let first = first_row(self.0.ui.finding, found.len(), rows);
        for (n, finding) in found.iter().enumerate().skip(first).take(rows) {
            let from = cells((n - first) * ROWS).min(area.height);
            let at = Rect { y: area.y + from, height: area.height - from, ..area };
            self.draw(finding, n == self.0.ui.finding, at, buf);
        }
    }
}
