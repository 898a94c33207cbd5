//! What the last poll(2) or select(2) found, in the order in which it went, and what it took to find
//! it.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::Widget;

use super::RenderContext;
use super::file::provenance;
use crate::event::Mask;
use crate::model::{InterestList, LastScan, Progress, ScanEntry, ScanSet, Sync};
use crate::tui::draw::{Align, Row, cells};
use crate::tui::layout::WIDE;
use crate::tui::theme::Role;
use crate::tui::words::{count, plural};

/// Draws what was found.
pub(super) struct Found<'a> {
    pub(super) look: RenderContext<'a>,
    pub(super) set: &'a ScanSet,
}

/// The title: how many were found, and how well that agrees with what was known.
pub(super) fn title(look: &RenderContext<'_>, set: &ScanSet) -> Vec<String> {
    let wide = look.ui.size.0 >= WIDE;
    let known = set.check.sync == Sync::Following;
    let model = provenance(&set.check, known, "model", look.theme.glyphs.check);
    let found = set.last.as_ref().map_or(0, |last| last.found.len()) as u64;
    if set.is_select() {
        let name = if wide { "Left in the sets" } else { "Left" };
        return vec![name.to_owned(), plural(bits_left(set), "bit"), model];
    }
    let name = if wide { "Found by the scan" } else { "Found" };
    vec![name.to_owned(), format!("{} of {}", count(found), count(set.len() as u64)), model]
}

/// Bits that the last select(2) left set.
fn bits_left(set: &ScanSet) -> u64 {
    let places = set.last.iter().flat_map(|last| last.found.iter());
    let entries = places.filter_map(|place| set.at(*place));
    entries.map(|entry| entry.revents.names().count() as u64).sum()
}

/// `57, slept, 57 again`.
fn asked(last: &LastScan) -> String {
    let all = count(last.files);
    match last.slept {
        None => format!("at least {all}"),
        Some(0) => format!("{all}, no sleep"),
        Some(1) => format!("{}: {all}, slept, {all} again", count(last.asked)),
        Some(n) => format!("{}: {all}, slept {n} times", count(last.asked)),
    }
}

impl Found<'_> {
    /// What the last call cost, in lines.
    fn cost(&self, last: &LastScan) -> Vec<String> {
        let (into, out) = last.copied;
        let hooked = last.hooked.map_or_else(|| "?".to_owned(), count);
        if self.look.ui.size.0 < WIDE {
            let least = if last.slept.is_none() { ">=" } else { "" };
            let (asked, copied) = (count(last.asked), count(into + out));
            return vec![format!("asked {least}{asked}, hooked {hooked}, {copied} B copied")];
        }
        let mut lines = Vec::new();
        if self.set.is_select() {
            let left = last.found.len();
            let erased = plural(self.set.bits().saturating_sub(left) as u64, "bit");
            lines.push(format!("erased {erased}: set again before each call"));
        }
        lines.push(format!("last call  asked {}", asked(last)));
        lines.push(format!("           hooked {hooked}, unhooked {hooked}"));
        lines.push(format!("           copied {} B in, {} B out", count(into), count(out)));
        lines
    }

    fn entry(&self, entry: &ScanEntry, place: usize, row: &mut Row<'_>, next: &mut bool) {
        let look = &self.look;
        let (dim, text) = (look.style(Role::Dim), look.style(Role::Text));
        let chosen = look.ui.watch == Some(entry.key);
        let name = if chosen { look.style(Role::Title) } else { look.style(Role::Ready) };
        if !self.set.is_select() {
            row.column(&format!("at {place}"), 5, Align::Left, dim);
        }
        row.column(&format!("fd {}", entry.key.fd), 5, Align::Left, name);
        let bits = if self.set.is_select() {
            let left = [(Mask::IN, "in"), (Mask::OUT, "out")].into_iter();
            let left = left.filter(|(bit, _)| entry.revents.has(*bit)).map(|(_, word)| word);
            left.collect::<Vec<_>>().join(" ")
        } else {
            entry.revents.join(" ")
        };
        let wide = look.ui.size.0 >= WIDE;
        row.column(&bits, if wide { 8 } else { 6 }, Align::Left, look.style(Role::Data));
        let (glyph, words, role) = self.progress(entry, wide, next);
        row.put(glyph, look.style(role)).put(if glyph.is_empty() { "" } else { " " }, text);
        row.put(&words, look.style(role));
    }

    /// How far the server is with it.
    fn progress(
        &self,
        entry: &ScanEntry,
        wide: bool,
        next: &mut bool,
    ) -> (&'static str, String, Role) {
        let glyphs = self.look.theme.glyphs;
        let world = self.look.world();
        let batches = world.lanes.iter().flat_map(|lane| lane.batch.iter().map(|b| (lane.id, b)));
        let mut own = batches.filter(|(_, b)| InterestList::key_of(&b.delivery) == entry.key);
        match own.next().map(|(lane, b)| (lane, b.progress)) {
            Some((lane, Progress::Current)) if wide => {
                (glyphs.handled, format!("being handled by {lane}"), Role::Handled)
            }
            Some((lane, Progress::Current)) => (glyphs.handled, lane.to_string(), Role::Handled),
            Some((_, Progress::Waiting)) if std::mem::take(next) => {
                ("", "next".to_owned(), Role::Text)
            }
            Some((lane, Progress::Waiting)) => ("", format!("waits for {lane}"), Role::Text),
            Some((_, Progress::Done)) => ("", "handled".to_owned(), Role::Dim),
            None => ("", String::new(), Role::Dim),
        }
    }
}

impl Widget for Found<'_> {
    fn render(self, area: Rect, buf: &mut Buffer) {
        let dim = self.look.style(Role::Dim);
        let Some(last) = &self.set.last else {
            Row::new(buf, area, 0).put("no call has returned yet", dim);
            return;
        };
        let mut cost = self.cost(last);
        // Half of the rows are for what was found.
        let foot = cost.len().min(usize::from(area.height.div_ceil(2)));
        let room = usize::from(area.height) - foot;
        let rows = if last.found.len() > room { room.saturating_sub(1) } else { room };
        let (mut y, mut next) = (0, true);
        for place in last.found.iter().take(rows) {
            if let Some(entry) = self.set.at(*place) {
                self.look.note_file(area, y, Some(entry.key));
                self.entry(entry, *place, &mut Row::new(buf, area, y), &mut next);
                y += 1;
            }
        }
        match last.found.len().saturating_sub(rows) {
            0 if last.found.is_empty() => {
                Row::new(buf, area, y).put("nothing", dim);
                y += 1;
            }
            0 => {}
            more => {
                Row::new(buf, area, y).put(&format!("and {more} more"), dim);
                y += 1;
            }
        }
        // What is cut is the beginning: the numbers stand at the end.
        cost.drain(..cost.len() - foot);
        for (n, line) in cost.iter().enumerate() {
            let style = self.look.style(Role::Text);
            Row::new(buf, area, y + cells(n)).put(line, style);
        }
    }
}
