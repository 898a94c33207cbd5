//! What the server passes to each poll(2) or select(2): the array with what the last call wrote into
//! it, or the bitmaps with what it left of them.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::widgets::Widget;

use super::RenderContext;
use super::file::{NARROWEST, PEER, QUEUE, ailment, queues, roles};
use super::order::ordered;
use crate::event::{Mask, WatchKey};
use crate::model::{OpenFile, ScanEntry, ScanSet, Sync};
use crate::tui::draw::{Align, Row, cells, first_row};
use crate::tui::layout::WIDE;
use crate::tui::theme::Role;
use crate::tui::words;

/// Draws the set.
pub(super) struct Scanned<'a> {
    pub(super) look: RenderContext<'a>,
    pub(super) set: &'a ScanSet,
}

/// Columns of the place, of what a file is, and of the two columns of bits.
const PLACE: u16 = 3;
const WHAT: u16 = 8;
const EVENTS: u16 = 8;
const REVENTS: u16 = 7;
/// Columns of the three sets, and of what is left.
const SETS: [u16; 3] = [2, 3, 4];
const AFTER: u16 = 8;
/// From this height on the bitmaps are drawn.
const BITMAPS_FROM: u16 = 9;
/// Columns of a state that is written out, and of one that has little room.
const STATE: [u16; 2] = [10, 7];

/// The title: how many there are, and how that is known.
pub(super) fn title(look: &RenderContext<'_>, set: &ScanSet) -> Vec<String> {
    let shown = || Scanned { look: *look, set }.entries().len();
    let len = look.numbers(set.len(), shown);
    if set.is_select() {
        let bits = format!("{} bits", words::count(set.bits() as u64));
        let nfds = format!("nfds {}", set.nfds());
        let mut title = vec!["Three sets (fd_set)".to_owned(), nfds, bits];
        title.extend((!look.ui.filter.is_all()).then_some(len));
        title.push("seen".to_owned());
        return title;
    }
    vec!["The set (struct pollfd[])".to_owned(), len, "seen".to_owned()]
}

impl<'a> Scanned<'a> {
    /// All that the filter lets through, in the order that was asked for.
    fn entries(&self) -> Vec<&'a ScanEntry> {
        let RenderContext { scene, ui, .. } = self.look;
        let shown = |entry: &&ScanEntry| ui.filter.shows(scene.world, entry.key);
        let mut all: Vec<_> = self.set.iter().filter(shown).collect();
        ordered(&self.look, &mut all, |entry| Some(entry.key));
        all
    }

    /// Their files.
    pub(super) fn keys(&self) -> Vec<WatchKey> {
        self.entries().into_iter().map(|entry| entry.key).collect()
    }

    /// The entries in so many rows, and how many more there are.
    fn rows(&self, rows: usize) -> (Vec<&'a ScanEntry>, usize) {
        let all = self.entries();
        let is_chosen = |entry: &&ScanEntry| Some(entry.key) == self.look.ui.watch;
        let chosen = all.iter().position(is_chosen).unwrap_or(0);
        let rows = if all.len() > rows { rows.saturating_sub(1) } else { rows };
        let first = first_row(chosen, all.len(), rows);
        let more = all.len().saturating_sub(rows);
        (all.into_iter().skip(first).take(rows).collect(), more)
    }

    fn is_wide(&self) -> bool {
        self.look.ui.size.0 >= WIDE
    }

    /// Columns of the number and of the peer in a pane of so many.
    fn widths(&self, columns: u16) -> (u16, u16) {
        let number = if self.set.is_select() {
            words::number_columns(self.set.iter().next_back().map(|entry| entry.key.fd))
        } else {
            words::number_columns(self.set.iter().map(|entry| entry.key.fd).max())
        };
        let bits = if self.set.is_select() {
            SETS.iter().map(|n| n + 1).sum::<u16>() + AFTER + 1
        } else {
            PLACE + 1 + EVENTS + 1 + REVENTS + 1
        };
        let queues = if self.is_wide() { 2 * (QUEUE + 1) } else { QUEUE + 1 };
        let fixed = 1 + number + 1 + WHAT + 1 + bits + queues + 1;
        let [long, short] = STATE;
        let state = if columns >= fixed + PEER + long { long } else { short };
        (number, columns.saturating_sub(fixed + state).clamp(NARROWEST, 45))
    }

    /// Rows of the bitmaps in a pane of that height.
    fn bitmaps(&self, height: u16) -> u16 {
        if self.set.is_select() && height >= BITMAPS_FROM { 2 } else { 0 }
    }

    fn head(&self, row: &mut Row<'_>, (number, peer): (u16, u16)) {
        let dim = self.look.style(Role::Dim);
        row.put(" ", dim);
        if !self.set.is_select() {
            row.column("at", PLACE, Align::Right, dim);
        }
        row.column("fd", number, Align::Right, dim);
        row.column("what", WHAT, Align::Left, dim).column("peer", peer, Align::Left, dim);
        if self.set.is_select() {
            for (word, width) in ["in", "out", "ex"].into_iter().zip(SETS) {
                row.column(word, width, Align::Left, dim);
            }
            row.column("after", AFTER, Align::Left, dim);
        } else {
            row.column("events", EVENTS, Align::Left, dim);
            row.column("revents", REVENTS, Align::Left, dim);
        }
        row.column("unread", QUEUE, Align::Right, dim);
        if self.is_wide() {
            row.column("unsent", QUEUE, Align::Right, dim);
        }
        row.put("state", dim);
    }

    fn entry(&self, entry: &ScanEntry, row: &mut Row<'_>, (number, peer): (u16, u16)) {
        let (look, plain) = (&self.look, Style::new());
        let world = look.world();
        let file = world.file_of(entry.key);
        let chosen = look.ui.watch == Some(entry.key);
        let marker = if chosen { look.theme.glyphs.selected } else { " " };
        row.put(marker, look.style(Role::Focus));
        if !self.set.is_select() {
            let place = self.set.place(entry.key).map_or_else(String::new, |at| at.to_string());
            row.column(&place, PLACE, Align::Right, look.style(Role::Dim));
        }
        let [title, text] = roles(file);
        row.column(&entry.key.fd.to_string(), number, Align::Right, look.style(title));
        let name = file.map_or_else(|| "?".to_owned(), words::peer);
        let name = words::tail(&name, usize::from(peer), look.theme.glyphs.ellipsis);
        row.column(file.map_or("?", words::kind), WHAT, Align::Left, look.style(text));
        row.column(&name, peer, Align::Left, look.style(text));
        self.bits(entry, row);
        let [unread, unsent] = queues(file);
        let waits = file.and_then(|f| f.unread).is_some_and(|n| n > 0);
        let data = if waits { Role::Data } else { Role::Text };
        row.column(&unread, QUEUE, Align::Right, look.style(data));
        if self.is_wide() {
            row.column(&unsent, QUEUE, Align::Right, plain);
        }
        let short = row.left() < STATE[0];
        let (glyph, word, role) = self.state(entry, file, short);
        row.put(glyph, look.style(role)).put(" ", plain).put(word, look.style(role));
    }

    /// What is asked, and what was answered.
    fn bits(&self, entry: &ScanEntry, row: &mut Row<'_>) {
        let (look, plain) = (&self.look, Style::new());
        let dot = look.theme.glyphs.idle;
        let found = look.style(Role::Ready);
        if self.set.is_select() {
            let asked = [Mask::IN, Mask::OUT, Mask::PRI].map(|bit| entry.events.has(bit));
            for (asked, width) in asked.into_iter().zip(SETS) {
                row.column(if asked { "1" } else { dot }, width, Align::Left, plain);
            }
            let left = [(Mask::IN, "in"), (Mask::OUT, "out")].into_iter();
            let left: Vec<_> = left.filter(|(bit, _)| entry.revents.has(*bit)).collect();
            let words = left.iter().map(|(_, word)| *word).collect::<Vec<_>>().join(" ");
            let (text, style) = if words.is_empty() { (dot, plain) } else { (&*words, found) };
            row.column(text, AFTER, Align::Left, style);
            return;
        }
        row.column(&entry.events.join(" "), EVENTS, Align::Left, plain);
        let style = if entry.revents.is_empty() { plain } else { found };
        row.column(&entry.revents.join(" "), REVENTS, Align::Left, style);
    }

    /// The state of a file: glyph, word, role. The first that holds is shown: a finding, being
    /// handled, in a thread's batch, found by the last call, arrived since then, the server's own
    /// state, idle.
    fn state(
        &self,
        entry: &ScanEntry,
        file: Option<&OpenFile>,
        short: bool,
    ) -> (&'static str, &'static str, Role) {
        let (glyphs, world) = (self.look.theme.glyphs, self.look.world());
        let poll = file.map(OpenFile::poll).unwrap_or_default();
        let holds = !self.set.answer(entry.events, poll).set.is_empty();
        let known = self.set.check.sync == Sync::Following;
        if let Some(finding) = world.findings.of_file(entry.key.file).next() {
            (glyphs.stuck, ailment(finding.kind), Role::Bad)
        } else if world.is_in_hand(entry.key) {
            (glyphs.handled, if short { "hand" } else { "handled" }, Role::Handled)
        } else if world.being_handled(entry.key).is_some() {
            (glyphs.ready, "found", Role::Handled)
        } else if !entry.revents.is_empty() && holds {
            (glyphs.ready, "found", Role::Ready)
        } else if holds && known {
            (glyphs.arrive, if short { "late" } else { "arrived" }, Role::Data)
        } else if let Some(word) = file.and_then(|f| crate::text::connection_state(f.conn)) {
            (glyphs.idle, word, Role::Text)
        } else if file.is_some_and(OpenFile::ended) {
            (glyphs.end, "ended", Role::Text)
        } else if known {
            (glyphs.idle, "idle", Role::Text)
        } else {
            ("?", "unknown", Role::Dim)
        }
    }

    /// A bitmap: each word that has a bit in either set, as far as there is room.
    fn bitmap(&self, name: &str, bit: Mask, row: &mut Row<'_>) {
        const WORD: i32 = 64;
        let (dim, style) = (self.look.style(Role::Dim), self.look.style(Role::Data));
        let mut used: Vec<i32> = Vec::new();
        let mut set = Vec::new();
        for entry in self.set.iter().filter(|entry| !entry.events.is_empty()) {
            let fd = entry.key.fd.0;
            if used.last() != Some(&(fd / WORD)) {
                used.push(fd / WORD);
            }
            if entry.events.has(bit) {
                set.push(fd);
            }
        }
        row.put(" ", dim).column(name, 3, Align::Left, dim);
        let words = cells(used.len().max(1));
        let room = (row.left() / words).saturating_sub(6).clamp(4, 64);
        for word in used {
            if row.left() < 12 {
                return;
            }
            row.column(&(word * WORD).to_string(), 3, Align::Right, dim);
            let bits =
                (0..i32::from(room)).map(|at| set.binary_search(&(word * WORD + at)).is_ok());
            let text: String = bits.map(|on| if on { '#' } else { '.' }).collect();
            row.put(&text, style).put(" ", dim);
        }
    }
}

impl Widget for Scanned<'_> {
    fn render(self, area: Rect, buf: &mut Buffer) {
        let widths = self.widths(area.width);
        self.head(&mut Row::new(buf, area, 0), widths);
        let maps = self.bitmaps(area.height);
        let rows = usize::from(area.height.saturating_sub(1 + maps));
        let (entries, more) = self.rows(rows);
        let none = entries.is_empty();
        let mut y = 1;
        for entry in entries {
            self.look.note_file(area, y, Some(entry.key));
            if self.look.ui.watch == Some(entry.key) {
                Row::new(buf, area, y).fill(self.look.style(Role::Selected));
            }
            self.entry(entry, &mut Row::new(buf, area, y), widths);
            y += 1;
        }
        let dim = self.look.style(Role::Dim);
        if more > 0 {
            Row::new(buf, area, y).put(&format!("  and {more} more"), dim);
        } else if self.set.is_empty() {
            Row::new(buf, area, y).put(" no call passes any file", dim);
        } else if let Some(text) = self.look.no_match().filter(|_| none) {
            Row::new(buf, area, y).put(&text, self.look.style(Role::Bad));
        }
        if maps > 0 {
            let at = area.height - maps;
            self.bitmap("in", Mask::IN, &mut Row::new(buf, area, at));
            self.bitmap("out", Mask::OUT, &mut Row::new(buf, area, at + 1));
        }
    }
}
