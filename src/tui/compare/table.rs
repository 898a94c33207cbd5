//! The table: a row a loop, the first one again as the last.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::Widget;

use super::app::CompareApp;
use crate::compare::AskRule;
use crate::compare::board::{RowCost, RowReport};
use crate::compare::why::{bytes, count, micro, number, percent};
use crate::event::visible;
use crate::tui::draw::{Align, Row, cells, first_row};
use crate::tui::spots::{Spot, Spots};
use crate::tui::theme::{Role, Theme};
use crate::tui::words;

/// Draws the rows that fit, the selected one among them.
pub(super) struct CompareTable<'a>(
    pub(super) &'a CompareApp,
    pub(super) &'a Theme,
    pub(super) Option<&'a Spots>,
);

/// A column of the table; those with a high rank give way first.
struct Column {
    head: &'static str,
    width: u16,
    align: Align,
    rank: u8,
    text: fn(&RowCost) -> String,
}

const fn column(head: &'static str, width: u16, rank: u8, text: fn(&RowCost) -> String) -> Column {
    Column { head, width, align: Align::Right, rank, text }
}

/// Columns of a loop's name, and of the mark before it.
const NAME: u16 = 12;
/// From this many columns on there is room for a remark.
const REMARK: u16 = 16;

const COLUMNS: [Column; 11] = [
    column("req/s", 9, 0, |c| count(whole(c.per_second))),
    column("CPU/req", 8, 1, |c| format!("{} us", micro(c.cpu_ns.median))),
    Column { head: "ratio [q25..q75]", width: 17, align: Align::Left, rank: 2, text: ratio },
    column("calls", 5, 3, |c| format!("{:.2}", c.calls)),
    column("copied", 8, 4, |c| if c.copied == 0.0 { "0".to_owned() } else { bytes(c.copied) }),
    column("asked", 6, 5, |c| number(c.asked)),
    column("hooks", 6, 7, |c| number(c.hooked)),
    column("sqe", 4, 9, |c| dash(c.sqes)),
    column("cqe", 4, 9, |c| dash(c.cqes)),
    column("sleeps", 6, 6, |c| number(c.sleeps)),
    column("KiB/client", 10, 8, |c| c.kib_per_client.map_or("-".into(), |k| format!("{k:.1}"))),
];

/// Of what only rings have.
fn dash(value: f64) -> String {
    if value == 0.0 { "-".to_owned() } else { number(value) }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "requests a second are some millions"
)]
fn whole(value: f64) -> u64 {
    value.round().max(0.0) as u64
}

fn ratio(cost: &RowCost) -> String {
    let spread = cost.ratio;
    let middle = match cost.same {
        Some(true) => "same".to_owned(),
        _ => format!("{:.2}", spread.median),
    };
    format!("{middle} [{:.2}..{:.2}]", spread.low, spread.high)
}

/// The columns that fit, in their order.
fn fitting(room: u16) -> Vec<&'static Column> {
    let mut ranks: Vec<u8> = COLUMNS.iter().map(|column| column.rank).collect();
    ranks.sort_unstable();
    ranks.dedup();
    let needs = |most: u8| -> u16 {
        COLUMNS.iter().filter(|c| c.rank <= most).map(|c| c.width + 1).sum::<u16>() + NAME
    };
    let most = ranks.into_iter().rev().find(|most| needs(*most) <= room).unwrap_or(0);
    COLUMNS.iter().filter(|column| column.rank <= most).collect()
}

impl CompareTable<'_> {
    fn row(&self, report: &RowReport, chosen: bool, columns: &[&Column], mut row: Row<'_>) {
        let style = |role| self.1.style(role);
        let marker = if chosen { self.1.glyphs.selected } else { " " };
        let role = if chosen { Role::Title } else { Role::Text };
        let again = if report.again { " again" } else { "" };
        let name = format!("{}{again}", report.name);
        row.put(marker, style(Role::Focus)).column(&name, NAME - 1, Align::Left, style(role));
        if let Some(reason) = &report.refused {
            let text = format!("refused: {}", visible(reason.as_bytes(), 300));
            row.put(&text, style(Role::Bad));
            return;
        }
        let Some(cost) = &report.cost else {
            row.put("not measured yet", style(Role::Dim));
            return;
        };
        for column in columns {
            let same = column.rank == 2 && cost.same == Some(true);
            let role = if same { Role::Dim } else { Role::Text };
            row.column(&(column.text)(cost), column.width, column.align, style(role));
        }
        if row.left() >= REMARK {
            row.put(" ", style(Role::Text)).put(&self.remark(report, cost), style(Role::Dim));
        }
    }

    /// What stands out in a row.
    fn remark(&self, report: &RowReport, cost: &RowCost) -> String {
        let reports = self.0.board.reports();
        let costs = || reports.iter().filter_map(|other| other.cost.as_ref());
        let fewest = costs().all(|other| cost.calls <= other.calls + 1e-9);
        let clearly = costs().any(|other| cost.calls < other.calls * 0.8);
        let found = cost.asked * words::share(cost.requests) / words::share(cost.counts.events);
        match (report.again, self.0.board.noise()) {
            (true, Some(noise)) => return format!("noise: {} %", percent(noise)),
            (true, None) => return String::new(),
            (false, _) => {}
        }
        if AskRule::of(report.name) == AskRule::All && found.is_finite() && found >= 3.0 {
            format!("{} asked for 1", count(whole(found)))
        } else if cost.sleeps >= 0.9 && AskRule::of(report.name) == AskRule::One {
            "always asleep".to_owned()
        } else if fewest && clearly {
            "fewest calls".to_owned()
        } else {
            String::new()
        }
    }
}

impl Widget for CompareTable<'_> {
    fn render(self, area: Rect, buf: &mut Buffer) {
        let style = self.1.style(Role::Dim);
        let columns = fitting(area.width);
        let mut heads = Row::new(buf, area, 0);
        heads.column(" loop", NAME, Align::Left, style);
        for column in &columns {
            heads.column(column.head, column.width, column.align, style);
        }
        let reports = self.0.board.reports();
        let rows = usize::from(area.height.saturating_sub(1));
        let first = first_row(self.0.selected, reports.len(), rows);
        for (n, report) in reports.iter().enumerate().skip(first).take(rows) {
            let chosen = n == self.0.selected;
            let line = cells(n - first + 1);
            if let Some(spots) = self.2 {
                spots.note(Rect { y: area.y + line, height: 1, ..area }, Spot::Row(n));
            }
            if chosen {
                Row::new(buf, area, line).fill(self.1.style(Role::Selected));
            }
            self.row(report, chosen, &columns, Row::new(buf, area, line));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_give_way_by_their_ranks() {
        let heads = |room: u16| fitting(room).iter().map(|c| c.head).collect::<Vec<_>>();
        assert_eq!(heads(118).len(), COLUMNS.len());
        assert_eq!(
            heads(78),
            ["req/s", "CPU/req", "ratio [q25..q75]", "calls", "copied", "asked", "sleeps"]
        );
        assert_eq!(heads(0), ["req/s"]);
    }
}
