//! The goroutines: what each serves, where it is, and what its file knows of it (`rg` and `wg` of
//! runtime/netpoll.go's `pollDesc`).

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::widgets::Widget;

use super::RenderContext;
use super::file::NARROWEST;
use super::order::ordered;
use crate::event::{FileKind, GoWait, WatchKey};
use crate::model::{GoSlot, GoState, Goroutine, Netpoll};
use crate::tui::draw::{Align, Row, cells, first_row};
use crate::tui::layout::WIDE;
use crate::tui::theme::Role;
use crate::tui::words;

/// Draws the goroutines.
pub(super) struct Goroutines<'a> {
    pub(super) look: RenderContext<'a>,
    pub(super) netpoll: &'a Netpoll,
}

/// Columns of the number, of what a file is, of the state, of `rg` and `wg`, of a stack.
const GO: u16 = 4;
const WHAT: u16 = 8;
const STATE: u16 = 20;
const SLOT: u16 = 5;
const STACK: u16 = 5;
/// From this height on it is said what is registered.
const FOOT_FROM: u16 = 8;

/// The title: how many there are, and how that is known.
pub(super) fn title(look: &RenderContext<'_>, netpoll: &Netpoll) -> Vec<String> {
    let known = if netpoll.unsure { "seen, not all" } else { "seen" };
    let shown = || Goroutines { look: *look, netpoll }.entries().len();
    vec!["Goroutines".to_owned(), look.numbers(netpoll.len(), shown), known.to_owned()]
}

impl<'a> Goroutines<'a> {
    /// All that the filter lets through, in the order that was asked for.
    fn entries(&self) -> Vec<&'a Goroutine> {
        let RenderContext { scene, ui, .. } = self.look;
        let shown = |go: &&Goroutine| go.key.is_none_or(|key| ui.filter.shows(scene.world, key));
        let mut all: Vec<_> = self.netpoll.iter().filter(shown).collect();
        ordered(&self.look, &mut all, |go| go.key);
        all
    }

    /// Their files.
    pub(super) fn keys(&self) -> Vec<WatchKey> {
        self.entries().into_iter().filter_map(|go| go.key).collect()
    }

    /// Those in so many rows.
    fn rows(&self, rows: usize) -> Vec<&'a Goroutine> {
        let all = self.entries();
        let chosen = |go: &&Goroutine| go.key.is_some() && go.key == self.look.ui.watch;
        let chosen = all.iter().position(chosen).unwrap_or(0);
        let first = first_row(chosen, all.len(), rows);
        all.into_iter().skip(first).take(rows).collect()
    }

    fn is_wide(&self) -> bool {
        self.look.ui.size.0 >= WIDE
    }

    /// Columns of the number and of the peer in a pane of so many.
    fn widths(&self, columns: u16) -> (u16, u16) {
        let keys = self.netpoll.iter().filter_map(|go| go.key);
        let number = words::number_columns(keys.map(|key| key.fd).max());
        let stack = if self.is_wide() { STACK + 1 } else { 0 };
        let fixed = 1 + GO + 1 + number + 1 + WHAT + 1 + 1 + STATE + 1 + 2 * SLOT + 1 + stack;
        (number, columns.saturating_sub(fixed).clamp(NARROWEST, 45))
    }

    fn head(&self, row: &mut Row<'_>, (number, peer): (u16, u16)) {
        let dim = self.look.style(Role::Dim);
        row.put(" ", dim).column("g", GO, Align::Right, dim);
        row.column("fd", number, Align::Right, dim).column("what", WHAT, Align::Left, dim);
        row.column("peer", peer, Align::Left, dim).column("state", STATE, Align::Left, dim);
        row.column("rg", SLOT, Align::Left, dim).column("wg", SLOT, Align::Left, dim);
        if self.is_wide() {
            row.column("stack", STACK, Align::Right, dim);
        }
    }

    fn goroutine(&self, go: &Goroutine, row: &mut Row<'_>, (number, peer): (u16, u16)) {
        let (look, plain) = (&self.look, Style::new());
        let world = look.world();
        let file = go.key.and_then(|key| world.file_of(key));
        let chosen = go.key.is_some() && go.key == look.ui.watch;
        let marker = if chosen { look.theme.glyphs.selected } else { " " };
        row.put(marker, look.style(Role::Focus));
        row.column(&go.id.to_string(), GO, Align::Right, look.style(Role::Title));
        let fd = go.key.map_or_else(|| "?".to_owned(), |key| key.fd.to_string());
        row.column(&fd, number, Align::Right, plain);
        row.column(file.map_or("?", words::kind), WHAT, Align::Left, plain);
        let name = file.map_or_else(|| "?".to_owned(), words::peer);
        let name = words::tail(&name, usize::from(peer), look.theme.glyphs.ellipsis);
        row.column(&name, peer, Align::Left, plain);
        let (state, role) = self.state(go);
        row.column(&state, STATE, Align::Left, look.style(role));
        for on in [GoWait::Read, GoWait::Write] {
            let slot = go.key.map(|key| self.netpoll.slot(key.file, on)).unwrap_or_default();
            let (word, role) = match slot {
                GoSlot::Nil => ("-", Role::Dim),
                GoSlot::Ready => ("ready", Role::Data),
                GoSlot::Wait(_) => ("wait", Role::Asleep),
            };
            row.column(word, SLOT, Align::Left, look.style(role));
        }
        if self.is_wide() {
            row.column("64K", STACK, Align::Right, look.style(Role::Dim));
        }
    }

    /// Where it is, with its mark.
    fn state(&self, go: &Goroutine) -> (String, Role) {
        let (glyphs, world) = (self.look.theme.glyphs, self.look.world());
        let leaked = go.key.and_then(|key| world.leaked(key.file)).is_some_and(|l| l.id == go.id);
        match go.state {
            _ if leaked => (format!("{} leaked", glyphs.stuck), Role::Bad),
            GoState::Runs(lane) => {
                (format!("{} runs on {}", glyphs.handled, world.lane_name(lane)), Role::Handled)
            }
            GoState::Runnable(_) => {
                let place = match self.netpoll.place(go.id) {
                    Some(0) => "1st".to_owned(),
                    Some(at) => (at + 1).to_string(),
                    None => "?".to_owned(),
                };
                (format!("+ runnable, {place}"), Role::Ready)
            }
            GoState::Parked(on) => {
                let listens = go.key.and_then(|key| world.file_of(key));
                let accepts = listens.is_some_and(|file| file.what == FileKind::Listener);
                let what = match on {
                    GoWait::Read if accepts => "in accept",
                    GoWait::Read => "in read",
                    GoWait::Write => "in write",
                    GoWait::Queue => "on its queue",
                    GoWait::Room => "for room",
                    GoWait::Descriptor => "for an fd",
                };
                (format!("{} parked {what}", glyphs.asleep), Role::Asleep)
            }
        }
    }
}

/// Rows of what is registered, in a pane of that height.
fn foot(height: u16) -> u16 {
    u16::from(height >= FOOT_FROM)
}

impl Widget for Goroutines<'_> {
    fn render(self, area: Rect, buf: &mut Buffer) {
        let widths = self.widths(area.width);
        self.head(&mut Row::new(buf, area, 0), widths);
        let below = foot(area.height);
        let rows = usize::from(area.height.saturating_sub(1 + below));
        let shown = self.rows(rows);
        let none = shown.is_empty();
        for (n, go) in shown.into_iter().enumerate() {
            let y = cells(n) + 1;
            self.look.note_file(area, y, go.key);
            if go.key.is_some() && go.key == self.look.ui.watch {
                Row::new(buf, area, y).fill(self.look.style(Role::Selected));
            }
            self.goroutine(go, &mut Row::new(buf, area, y), widths);
        }
        let dim = self.look.style(Role::Dim);
        if self.netpoll.is_empty() {
            Row::new(buf, area, 1).put(" no goroutine was made yet", dim);
        } else if let Some(text) = self.look.no_match().filter(|_| none) {
            Row::new(buf, area, 1).put(&text, self.look.style(Role::Bad));
        } else if below > 0 {
            let count = words::count(self.look.world().instance.interest.len() as u64);
            let text = format!(
                "  registered {count}, each once, when it was opened; parking makes no epoll_ctl"
            );
            Row::new(buf, area, area.height - 1).put(&text, dim);
        }
    }
}
