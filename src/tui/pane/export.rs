//! What is asked about a file for others: the kinds, each with its file, what it is for, and about
//! how large it would be; below them what is chosen.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::{Clear, Widget};

use super::RenderContext;
use crate::event::{ExportKind, TimeUnit};
use crate::record::Hidden;
use crate::tui::draw::{Accent, Align, Row, cells, frame, inside};
use crate::tui::export::{ExportDialog, RangeChoice};
use crate::tui::spots::Spot;
use crate::tui::theme::Role;
use crate::tui::words::{self, plural, stored};

/// Draws the box.
pub(crate) struct ExportPane<'a>(pub RenderContext<'a>, pub &'a ExportDialog);

/// The widest box.
const WIDEST: u16 = 104;
/// Columns of a kind's word, and of a size.
const KIND: u16 = 9;
const BYTES: u16 = 5;
/// From this width on what is chosen stands in one row.
const ONE_ROW: u16 = 100;

impl ExportPane<'_> {
    fn kind(&self, n: usize, kind: ExportKind, area: Rect, buf: &mut Buffer) {
        let (look, dialog) = (self.0, self.1);
        let chosen = dialog.kind == kind;
        if chosen {
            Row::new(buf, area, cells(n)).fill(look.style(Role::Selected));
        }
        look.note_row(area, cells(n), Spot::Row(n));
        let longest = ExportKind::ALL.map(|kind| words::width(&dialog.file(kind)));
        let longest = longest.into_iter().max().unwrap_or(0);
        let file = cells(longest).min(area.width / 3);
        let text = look.style(Role::Text);
        let bytes = dialog.bytes.get(n).map(|bytes| stored(*bytes)).unwrap_or_default();
        let mut row = Row::new(buf, area, cells(n));
        row.put(if chosen { look.theme.glyphs.selected } else { " " }, look.style(Role::Focus))
            .column(kind.word(), KIND, Align::Left, look.style(Role::Key));
        let name = words::tail(&dialog.file(kind), file.into(), look.theme.glyphs.ellipsis);
        row.column(&name, file, Align::Left, text);
        let about = row.left().saturating_sub(BYTES + 2);
        row.column(kind.about(), about, Align::Left, text);
        row.column(&bytes, BYTES, Align::Right, text);
    }

    /// What is chosen beside the kind: in one row, or in two.
    fn choices(&self, area: Rect, buf: &mut Buffer) {
        let (look, dialog) = (self.0, self.1);
        let [text, title, dim] = [Role::Text, Role::Title, Role::Dim].map(|role| look.style(role));
        let one = area.width >= ONE_ROW;
        let mut row = Row::new(buf, area, u16::from(one));
        row.put(" range ", dim);
        for choice in RangeChoice::ALL {
            let name = choice.named(look.world().clock);
            if choice == dialog.range {
                row.put(&format!("[{name}] "), title);
            } else {
                row.put(&format!(" {name}  "), text);
            }
        }
        let mut row = if one { row } else { Row::new(buf, area, 1) };
        row.put(" hide ", dim);
        for what in Hidden::ALL {
            let is = dialog.hidden.contains(&what) || look.ui.hidden.contains(&what);
            let (mark, style) = if is { ("[x]", title) } else { ("[ ]", text) };
            row.put(&format!("{mark} {what} "), style);
        }
        let (columns, rows) = dialog.size;
        row.put(" size ", dim).put(&format!("{columns}x{rows}"), text);
    }
}

impl Widget for ExportPane<'_> {
    fn render(self, area: Rect, buf: &mut Buffer) {
        let (look, dialog) = (self.0, self.1);
        let rows = cells(ExportKind::ALL.len() + 4);
        let Some(free) = area.height.checked_sub(rows + 2) else { return };
        let width = WIDEST.min(area.width.saturating_sub(2));
        let (x, y) = (area.x + (area.width - width) / 2, area.y + 1 + free / 2);
        let over = Rect { x, y, width, height: rows };
        Clear.render(over.intersection(buf.area), buf);
        buf.set_style(over.intersection(buf.area), look.theme.base());
        look.note(over, Spot::Cover);
        let (first, last) = dialog.events;
        let (from, until) = dialog.times;
        let events = plural((last.0 + 1).saturating_sub(first.0), "event");
        let times = match look.world().clock {
            TimeUnit::Nanoseconds => format!("{from} to {until}"),
            TimeUnit::Steps => {
                let [from, until] = [from, until].map(|t| t.0 / TimeUnit::STEP.0);
                format!("steps {from} to {until}")
            }
        };
        let title = vec!["Export".to_owned(), format!("{events}, {times}")];
        frame(buf, over, &title, look.theme, Accent::Focus);
        let inner = inside(over);
        for (n, kind) in ExportKind::ALL.into_iter().enumerate() {
            self.kind(n, kind, inner, buf);
        }
        let below = Rect { y: inner.bottom().saturating_sub(2), height: 2, ..inner };
        self.choices(below, buf);
    }
}
