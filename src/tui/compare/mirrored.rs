//! The mirror: what a client of the person's own sent, and a column of calls for each loop.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::Widget;

use crate::compare::mirror::{AnswerAgreement, MirrorBoard};
use crate::event::visible;
use crate::tui::draw::{Row, cells};
use crate::tui::theme::{Role, Theme};
use crate::tui::words;

/// Draws the columns that fit.
pub(super) struct MirrorPane<'a>(pub(super) &'a MirrorBoard, pub(super) &'a Theme);

/// The least columns for a loop's calls.
const LEAST: u16 = 18;

impl MirrorPane<'_> {
    /// The pane's title.
    pub(super) fn title(board: &MirrorBoard) -> Vec<String> {
        let place = board.address.map_or_else(String::new, |address| address.to_string());
        let mut title = vec!["Mirror".to_owned(), "a client of yours before every loop".to_owned()];
        title.extend(Some(place).filter(|place| !place.is_empty()));
        title.push("seen".to_owned());
        title
    }

    /// What to do, or what was sent last.
    fn first_line(&self) -> (String, Role) {
        let board = self.0;
        match (&board.failed, board.address, board.client) {
            (Some(why), ..) => (why.clone(), Role::Bad),
            (None, None, _) => ("the servers are started".to_owned(), Role::Dim),
            (None, Some(address), None) if board.typed.is_empty() => {
                let (ip, port) = (address.ip(), address.port());
                (format!("type in another window: telnet {ip} {port}"), Role::Key)
            }
            (None, Some(_), client) => {
                let typed = visible(&board.typed, 60);
                let gone = if client.is_none() { "   the client has gone" } else { "" };
                (format!("sent: \"{typed}\"{gone}"), Role::Data)
            }
        }
    }

    fn column(&self, number: usize, area: Rect, buf: &mut Buffer) {
        let style = |role| self.1.style(role);
        let row = &self.0.rows[number];
        let name = self.0.loops[number].word();
        Row::new(buf, area, 0).put(name, style(Role::Title));
        if let Some(why) = &row.refused {
            let lines = words::wrap(why, usize::from(area.width));
            for (n, line) in lines.iter().enumerate() {
                Row::new(buf, area, cells(n + 1)).put(line, style(Role::Bad));
            }
            return;
        }
        let rows = usize::from(area.height.saturating_sub(3));
        let hidden = row.calls.len().saturating_sub(rows) + row.omitted;
        for (n, call) in row.calls.iter().rev().take(rows).rev().enumerate() {
            Row::new(buf, area, cells(n + 1)).put(call, style(Role::Text));
        }
        let first = self.0.first() == Some(number);
        let (word, role) = match self.0.agreement(number) {
            _ if first => ("answers", Role::Good),
            Some(AnswerAgreement::Same) => ("same bytes", Role::Good),
            Some(AnswerAgreement::Partly) => ("not yet all", Role::Dim),
            Some(AnswerAgreement::Different) => ("OTHER BYTES", Role::Bad),
            None => ("", Role::Dim),
        };
        let calls = words::plural((row.calls.len() + row.omitted) as u64, "call");
        let more = if hidden > 0 { format!(", {hidden} not shown") } else { String::new() };
        let last = area.height.saturating_sub(1);
        Row::new(buf, area, last.saturating_sub(1))
            .put(&format!("{calls}{more}"), style(Role::Dim));
        Row::new(buf, area, last).put(word, style(role));
    }
}

impl Widget for MirrorPane<'_> {
    fn render(self, area: Rect, buf: &mut Buffer) {
        let inner = Rect { x: area.x + 1, width: area.width.saturating_sub(2), ..area };
        let (text, role) = self.first_line();
        Row::new(buf, inner, 0).put(&text, self.1.style(role));
        let fit = usize::from(inner.width / LEAST).max(1);
        let shown = self.0.loops.len().min(fit);
        let below = Rect { y: inner.y + 1, height: inner.height.saturating_sub(1), ..inner };
        let width = inner.width / cells(shown.max(1));
        for number in 0..shown {
            let column = Rect { x: below.x + width * cells(number), width: width - 1, ..below };
            self.column(number, column, buf);
        }
        let hidden = self.0.loops.len() - shown;
        if hidden > 0 {
            let text = format!("{hidden} more loops on a wider screen ");
            Row::new(buf, inner, 0).end(&text, self.1.style(Role::Dim));
        }
    }
}
