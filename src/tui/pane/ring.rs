//! What a server has in flight in its io_uring, one row an operation; below, the connections that
//! have nothing armed.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::widgets::Widget;

use super::RenderContext;
use super::file::{NARROWEST, QUEUE, ailment, queues, roles};
use super::order::ordered;
use crate::event::{Fd, RingOp, WatchKey};
use crate::model::{Flight, OpenFile, Rings};
use crate::tui::draw::{Align, Row, cells, first_row};
use crate::tui::layout::WIDE;
use crate::tui::theme::Role;
use crate::tui::words;

/// Draws the operations.
pub(super) struct InFlight<'a> {
    pub(super) look: RenderContext<'a>,
    pub(super) rings: &'a Rings,
}

/// Columns of the number of an operation, of its name, of what a file is, of a time, of a count.
const ID: u16 = 4;
const OP: u16 = 7;
const WHAT: u16 = 8;
const SINCE: u16 = 8;
const DONE: u16 = 4;
/// Columns of a state.
const STATE: u16 = 10;

/// A row: an operation, or a connection without any.
type Entry<'a> = (Option<&'a Flight>, Option<WatchKey>);

/// The title: how many there are, and how well that agrees with the kernel.
pub(super) fn title(look: &RenderContext<'_>, rings: &Rings) -> Vec<String> {
    let fdinfo = match (rings.check.wants_resync, rings.check.diverged) {
        (true, _) => "unknown".to_owned(),
        (false, 0) => {
            format!("fdinfo {} {}", look.theme.glyphs.check, words::rough(rings.check.agreed))
        }
        (false, n) => words::plural(n, "divergence"),
    };
    let shown =
        || InFlight { look: *look, rings }.entries().iter().filter(|one| one.0.is_some()).count();
    let len = look.numbers(rings.len(), shown);
    vec!["In flight".to_owned(), len, format!("seen, {fdinfo}")]
}

impl<'a> InFlight<'a> {
    /// All rows that the filter lets through.
    fn entries(&self) -> Vec<Entry<'a>> {
        let RenderContext { scene, ui, .. } = self.look;
        let rings = self.rings;
        let flights = rings.flights().map(|flight| (Some(flight), flight.key()));
        let bare = |file: &&OpenFile| file.peer.is_some() && rings.input(file.id).is_none();
        let mut bare: Vec<_> = scene.world.files.values().filter(bare).collect();
        bare.sort_unstable_by_key(|file| file.fd);
        let bare =
            bare.into_iter().map(|file| (None, Some(WatchKey { fd: file.fd, file: file.id })));
        let shown = |entry: &Entry<'_>| entry.1.is_none_or(|key| ui.filter.shows(scene.world, key));
        let mut all: Vec<_> = flights.chain(bare).filter(shown).collect();
        ordered(&self.look, &mut all, |entry| entry.1);
        all
    }

    /// The files of all rows.
    pub(super) fn keys(&self) -> Vec<WatchKey> {
        self.entries().into_iter().filter_map(|entry| entry.1).collect()
    }

    /// The entries in so many rows, and how many more there are.
    fn rows(&self, rows: usize) -> (Vec<Entry<'a>>, usize) {
        let all = self.entries();
        let is_chosen = |entry: &Entry<'_>| entry.1.is_some() && entry.1 == self.look.ui.watch;
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
        let most = self.look.world().world.fds.keys().max().copied();
        let number = words::number_columns(most);
        let since = if self.is_wide() { SINCE + 1 } else { 0 };
        let fixed =
            1 + ID + 1 + OP + 1 + number + 1 + WHAT + 1 + since + DONE + 1 + QUEUE + 1 + STATE;
        (number, columns.saturating_sub(fixed + 1).clamp(NARROWEST, 45))
    }

    fn head(&self, row: &mut Row<'_>, (number, peer): (u16, u16)) {
        let dim = self.look.style(Role::Dim);
        row.put(" ", dim).column("id", ID, Align::Right, dim).column("op", OP, Align::Left, dim);
        row.column("fd", number, Align::Right, dim);
        row.column("what", WHAT, Align::Left, dim).column("peer", peer, Align::Left, dim);
        if self.is_wide() {
            row.column("since", SINCE, Align::Left, dim);
        }
        row.column("done", DONE, Align::Right, dim);
        row.column("unread", QUEUE, Align::Right, dim).put("state", dim);
    }

    fn entry(&self, (flight, key): Entry<'_>, row: &mut Row<'_>, (number, peer): (u16, u16)) {
        let (look, plain) = (&self.look, Style::new());
        let file = key.and_then(|key| look.world().world.file_of(key));
        let chosen = key.is_some() && look.ui.watch == key;
        let marker = if chosen { look.theme.glyphs.selected } else { " " };
        row.put(marker, look.style(Role::Focus));
        let id = flight.map_or_else(|| "-".to_owned(), |flight| flight.sqe.id.to_string());
        row.column(&id, ID, Align::Right, look.style(Role::Dim));
        let op = flight.map_or_else(
            || "-".to_owned(),
            |flight| format!("{}{}", flight.sqe.op.word(), if flight.sqe.multi { "*" } else { "" }),
        );
        row.column(&op, OP, Align::Left, look.style(Role::Edge));
        let fd = key.map(|key| key.fd).or(flight.map(|flight| flight.sqe.fd)).unwrap_or(Fd(-1));
        let [title, text] = roles(file);
        row.column(&fd.to_string(), number, Align::Right, look.style(title));
        let name = file.map_or_else(|| "?".to_owned(), words::peer);
        let name = words::tail(&name, usize::from(peer), look.theme.glyphs.ellipsis);
        // What is closed here may be held open by its operation.
        let closed = if key.is_some() { "closed" } else { "?" };
        row.column(file.map_or(closed, words::kind), WHAT, Align::Left, look.style(text));
        row.column(&name, peer, Align::Left, look.style(text));
        if self.is_wide() {
            let since = flight.map_or_else(
                || "-".to_owned(),
                |flight| flight.submitted.unwrap_or(flight.written).1.to_string(),
            );
            row.column(&since, SINCE, Align::Left, plain);
        }
        let done = match flight {
            Some(flight) if flight.sqe.multi => words::count(flight.done),
            _ => "-".to_owned(),
        };
        row.column(&done, DONE, Align::Right, plain);
        let [unread, _] = queues(file);
        let waits = file.and_then(|f| f.unread).is_some_and(|n| n > 0);
        let data = if waits { Role::Data } else { Role::Text };
        row.column(&unread, QUEUE, Align::Right, look.style(data));
        let (glyph, word, role) = self.state(flight, file, key);
        row.put(glyph, look.style(role)).put(" ", plain).put(&word, look.style(role));
    }

    /// The state of a row: glyph, word, role. The first that holds is shown: a finding, a completion
    /// that is posted, not submitted yet, bytes on loan, armed, the server's own state, not armed.
    fn state(
        &self,
        flight: Option<&Flight>,
        file: Option<&OpenFile>,
        key: Option<WatchKey>,
    ) -> (&'static str, String, Role) {
        let glyphs = self.look.theme.glyphs;
        let world = self.look.world();
        let finding = key.and_then(|key| world.findings.of_file(key.file).next());
        if let Some(finding) = finding {
            return (glyphs.stuck, ailment(finding.kind).to_owned(), Role::Bad);
        }
        let Some(flight) = flight else {
            let conn = file.and_then(|file| crate::text::connection_state(file.conn));
            let word = conn.unwrap_or("unarmed").to_owned();
            return (glyphs.stuck, word, if conn.is_some() { Role::Text } else { Role::Bad });
        };
        if flight.posted > 0 {
            return ("c", "posted".to_owned(), Role::Ready);
        }
        if flight.submitted.is_none() {
            return ("s", "written".to_owned(), Role::Edge);
        }
        if flight.sqe.op == RingOp::Send {
            return ("s", format!("{} lent", short(flight.sqe.len)), Role::Data);
        }
        (glyphs.edge, "armed".to_owned(), Role::Text)
    }
}

/// So many bytes in three columns, as far as they fit: `999`, `2K`, `64K`.
fn short(bytes: u32) -> String {
    match bytes {
        0..1000 => bytes.to_string(),
        _ => format!("{}K", bytes.saturating_add(512) / 1024),
    }
}

impl Widget for InFlight<'_> {
    fn render(self, area: Rect, buf: &mut Buffer) {
        let widths = self.widths(area.width);
        self.head(&mut Row::new(buf, area, 0), widths);
        let rows = usize::from(area.height.saturating_sub(1));
        let (entries, more) = self.rows(rows);
        let mut y = 1;
        for entry in &entries {
            self.look.note_file(area, y, entry.1);
            if entry.1.is_some() && self.look.ui.watch == entry.1 {
                Row::new(buf, area, y).fill(self.look.style(Role::Selected));
            }
            self.entry(*entry, &mut Row::new(buf, area, y), widths);
            y += 1;
        }
        let dim = self.look.style(Role::Dim);
        let multi = entries.iter().any(|entry| entry.0.is_some_and(|flight| flight.sqe.multi));
        if more > 0 {
            Row::new(buf, area, y).put(&format!("  and {more} more"), dim);
        } else if let Some(text) = self.look.no_match().filter(|_| entries.is_empty()) {
            Row::new(buf, area, y).put(&text, self.look.style(Role::Bad));
        } else if entries.is_empty() {
            Row::new(buf, area, y).put(" nothing is in flight", dim);
        } else if multi && y < area.height {
            let text = "  * multishot: stays armed while its completions say MORE";
            Row::new(buf, area, cells(entries.len() + 1)).put(text, dim);
        }
    }
}
