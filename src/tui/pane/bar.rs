//! The bar of a recording: where the viewed event is between the beginning and the end, and what was
//! marked and found.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::Widget;

use super::RenderContext;
use crate::event::{Nanos, TimeUnit};
use crate::tui::draw::{Row, cells};
use crate::tui::theme::Role;
use crate::tui::words;

/// Draws the bar, a row.
pub(crate) struct Bar<'a>(pub RenderContext<'a>);

/// Seconds with one decimal, or a step.
fn label(clock: TimeUnit, t: Nanos) -> String {
    match clock {
        TimeUnit::Nanoseconds => format!("{}.{}", t.0 / 1_000_000_000, t.0 / 100_000_000 % 10),
        TimeUnit::Steps => words::time(clock, t),
    }
}

/// The column of a time between two others, of so many.
fn column(t: Nanos, (from, until): (Nanos, Nanos), columns: u16) -> u16 {
    let place = u128::from(t.since(from).0) * u128::from(columns.saturating_sub(1));
    let column = place / u128::from(until.since(from).0.max(1));
    u16::try_from(column).unwrap_or(u16::MAX).min(columns.saturating_sub(1))
}

impl Bar<'_> {
    /// The time that is played.
    fn playhead(&self) -> Nanos {
        let clock = self.0.ui.play.as_ref().and_then(|play| play.clock);
        clock.map_or(self.0.world().t, |clock| clock.t)
    }
}

impl Widget for Bar<'_> {
    fn render(self, area: Rect, buf: &mut Buffer) {
        let look = self.0;
        let glyphs = look.theme.glyphs;
        let journal = look.scene.journal;
        let span = (journal.begins().unwrap_or_default(), journal.until().unwrap_or_default());
        let [begins, ends] = [span.0, span.1].map(|t| label(look.world().clock, t));
        let beside = cells(words::width(&begins) + words::width(&ends) + 2);
        let Some(columns) = area.width.checked_sub(beside).filter(|columns| *columns > 1) else {
            return;
        };
        let mut marks = vec![(glyphs.level, Role::Dim); columns.into()];
        let head = column(self.playhead(), span, columns);
        marks[..usize::from(head)].fill((glyphs.running, Role::Text));
        let mut put = |t: Nanos, glyph, role| {
            if let Some(place) = marks.get_mut(usize::from(column(t, span, columns))) {
                *place = (glyph, role);
            }
        };
        for finding in look.scene.live.findings.iter() {
            put(finding.first.1, glyphs.stuck, Role::Bad);
        }
        for mark in look.scene.live.bookmarks.iter().chain(&look.ui.bookmarks) {
            put(mark.t, glyphs.accept, Role::Key);
        }
        put(self.playhead(), glyphs.ready, Role::Title);
        let mut row = Row::new(buf, area, 0);
        row.put(&begins, look.style(Role::Dim)).put(" ", look.style(Role::Dim));
        for (glyph, role) in marks {
            row.put(glyph, look.style(role));
        }
        row.put(" ", look.style(Role::Dim)).put(&ends, look.style(Role::Dim));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_and_the_last_time_are_at_the_ends() {
        let span = (Nanos(5), Nanos(105));
        let columns = [0, 5, 6, 55, 104, 105, u64::MAX].map(|t| column(Nanos(t), span, 11));
        assert_eq!(columns, [0, 0, 0, 5, 9, 10, 10]);
        assert_eq!(column(Nanos(9), (Nanos(9), Nanos(9)), 11), 0);
        let labels = [TimeUnit::Nanoseconds, TimeUnit::Steps]
            .map(|clock| label(clock, Nanos(59_812_345_678)));
        assert_eq!(labels, ["59.8", "step 59"]);
    }
}
