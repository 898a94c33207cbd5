//! The line being typed, with what it could become above it.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::{Clear, Widget};

use super::RenderContext;
use crate::tui::draw::{Accent, Align, Row, cells, first_row, frame, inside};
use crate::tui::entry::{LineEntry, Purpose, Suggestion};
use crate::tui::filter::Filter;
use crate::tui::spots::Spot;
use crate::tui::theme::Role;
use crate::tui::words;

/// Draws the line over the last row, and its box above that.
pub(crate) struct Prompt<'a>(pub RenderContext<'a>, pub &'a LineEntry);

/// Rows of the box, without its frame: by the screen's height, from so many to so many.
const ROWS: (u16, u16) = (5, 12);

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
        let text = look.style(if entry.marked { Role::Cursor } else { Role::Title });
        Row::new(buf, area, 0)
            .put(" ", look.style(Role::Text))
            .put(&prompt, look.style(Role::Key))
            .put(&before, text)
            .put(&under, look.style(Role::Cursor))
            .put(&rest, text);
    }

    /// What is said above the suggestions, if there are any: they need the rows.
    fn lines(&self, columns: usize, suggested: bool) -> Vec<(String, Role)> {
        let entry = self.1;
        let mut lines = Vec::new();
        if let Some(error) = &entry.error {
            let wrapped = words::wrap(error, columns);
            lines.extend(wrapped.into_iter().map(|line| (line, Role::Bad)));
        }
        match entry.purpose {
            Purpose::Filter => {
                lines.push(self.matches());
                let what = "fd=7, a peer's address, listener, client, or a call such as read; \
                            empty shows all";
                let wrapped = words::wrap(what, columns);
                lines.extend(wrapped.into_iter().map(|line| (line, Role::Text)));
            }
            Purpose::Send(_) => {
                let what = "Enter sends the line with its end; an empty line sends only that";
                lines.push((what.to_owned(), Role::Text));
            }
            Purpose::Answer | Purpose::Search | Purpose::ExportName => {}
            Purpose::Command | Purpose::Try => {
                if let Some((word, usage, about)) = entry.usage() {
                    let text = format!("{word} {usage}: {about}");
                    let wrapped = if suggested { vec![text] } else { words::wrap(&text, columns) };
                    lines.extend(wrapped.into_iter().map(|line| (line, Role::Text)));
                }
            }
        }
        lines
    }

    /// What the filter lets through as it stands.
    fn matches(&self) -> (String, Role) {
        let look = &self.0;
        let filter = Filter::parse(&self.1.text);
        let matches = filter.matches(look.world(), look.scene.journal);
        let of = format!("{} of {}", words::count(matches.shown as u64), matches.all);
        match matches.shown {
            _ if matches.nothing() => ("no match".to_owned(), Role::Bad),
            0 => (format!("{of}: no descriptor, but calls"), Role::Title),
            _ => (of, Role::Title),
        }
    }

    /// The suggestions in the rows that are left; the chosen one is among them.
    fn suggestions(&self, all: &[Suggestion], area: Rect, buf: &mut Buffer) {
        let (look, entry) = (self.0, self.1);
        let rows = usize::from(area.height);
        let cut = all.len() > rows && rows > 1;
        let shown = if cut { rows - 1 } else { rows };
        let first = entry.chosen.map_or(0, |at| first_row(at, all.len(), shown));
        let name = |one: &Suggestion| format!("{} {}", one.word, one.usage).trim_end().to_owned();
        let widest = all.iter().skip(first).take(shown).map(|one| words::width(&name(one))).max();
        let column = cells(widest.unwrap_or(0)).clamp(8, (area.width / 2).max(8));
        for (n, one) in all.iter().enumerate().skip(first).take(shown) {
            let y = cells(n - first);
            let chosen = entry.chosen == Some(n);
            look.note_row(area, y, Spot::Suggestion(n));
            if chosen {
                Row::new(buf, area, y).fill(look.style(Role::Selected));
            }
            let mut row = Row::new(buf, area, y);
            row.put(if chosen { look.theme.glyphs.selected } else { " " }, look.style(Role::Focus));
            let ellipsis = look.theme.glyphs.ellipsis;
            let name = words::cut(&name(one), column.into(), ellipsis);
            row.column(&name, column, Align::Left, look.style(Role::Key))
                .put(" ", look.style(Role::Text));
            let about = words::cut(&one.about, row.left().into(), ellipsis);
            row.put(&about, look.style(Role::Text));
        }
        if cut {
            let more = format!(" and {} more", all.len() - shown);
            Row::new(buf, area, area.height - 1).put(&more, look.style(Role::Dim));
        }
    }

    /// What the box is for, and which keys matter in it.
    fn title(&self, suggested: bool) -> Vec<String> {
        let entry = self.1;
        let keys = match entry.purpose {
            _ if entry.chosen.is_some() => "Enter takes it, Up and Down choose",
            Purpose::Command | Purpose::Try if suggested => {
                "Tab completes, Down chooses, Up: typed before"
            }
            Purpose::Command | Purpose::Try => "Enter does it, Up: typed before",
            Purpose::Filter if entry.marked => "typing replaces it, arrows edit it, Esc gives up",
            Purpose::Filter => "Enter keeps it, Esc gives up, Up: typed before",
            Purpose::ExportName => "Enter takes it, Esc gives up",
            Purpose::Answer => "Enter gives it, Esc looks around",
            Purpose::Search => "Enter begins the chosen one, Esc shows all",
            Purpose::Send(_) => "what the built-in client says, Up: said before",
        };
        vec![self.name().to_owned(), keys.to_owned()]
    }

    fn name(&self) -> &'static str {
        match self.1.purpose {
            Purpose::Command => "Command",
            Purpose::Filter => "Filter",
            Purpose::Answer => "Your answer",
            Purpose::Search => "Search",
            Purpose::Try => "Try it",
            Purpose::ExportName => "Name of the file",
            Purpose::Send(_) => "Send",
        }
    }
}

impl Widget for Prompt<'_> {
    fn render(self, area: Rect, buf: &mut Buffer) {
        let look = self.0;
        if area.height < ROWS.0 + 3 || area.width < 4 {
            return;
        }
        look.note(area, Spot::Cover);
        let last = Rect { y: area.bottom() - 1, height: 1, ..area };
        self.line(last, buf);
        // What an answer depends on must stay in sight.
        let rows = match (self.1.purpose, &self.1.error) {
            // What is asked stays in sight.
            (Purpose::Answer, None) | (Purpose::Search | Purpose::ExportName, _) => return,
            (Purpose::Answer, Some(_)) => 1,
            (Purpose::Command | Purpose::Try, _) => (area.height / 4).clamp(ROWS.0, ROWS.1),
            (Purpose::Filter | Purpose::Send(_), _) => ROWS.0,
        };
        let above = Rect { y: last.y - rows - 2, height: rows + 2, ..area };
        Clear.render(above.intersection(buf.area), buf);
        buf.set_style(above.intersection(buf.area), look.theme.base());
        let all = self.1.suggestions(look.scene.live);
        let title = self.title(!all.is_empty());
        frame(buf, above, &title, look.theme, Accent::Focus);
        let inner = inside(above);
        let columns = usize::from(inner.width.saturating_sub(2));
        let lines = self.lines(columns, !all.is_empty());
        for (n, (line, role)) in lines.iter().enumerate() {
            let text = words::cut(line, columns + 1, look.theme.glyphs.ellipsis);
            let mut row = Row::new(buf, inner, cells(n));
            row.column("", 0, Align::Left, look.style(*role)).put(&text, look.style(*role));
        }
        let used = cells(lines.len()).min(inner.height);
        let below = Rect { y: inner.y + used, height: inner.height - used, ..inner };
        self.suggestions(&all, below, buf);
    }
}
