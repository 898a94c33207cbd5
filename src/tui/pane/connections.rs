//! The connections where each has a thread of its own: which thread, and the call that it sleeps in.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::widgets::Widget;

use super::RenderContext;
use super::file::{NARROWEST, QUEUE, queues, roles};
use super::order::ordered;
use crate::event::{LaneId, WatchKey};
use crate::model::{LaneState, Served, ThreadLane};
use crate::tui::draw::{Align, Row, cells, first_row};
use crate::tui::theme::Role;
use crate::tui::words;

/// Draws the connections.
pub(super) struct Connections<'a> {
    pub(super) look: RenderContext<'a>,
    pub(super) served: &'a Served,
}

/// Draws how many threads there are, and what they cost.
pub(super) struct Costs<'a>(pub(super) RenderContext<'a>);

/// Columns of what a file is, of the threads, and of the call.
const WHAT: u16 = 8;
const THREAD: u16 = 6;
const CALL: u16 = 18;

/// The title: how many there are, and how that is known.
pub(super) fn title(look: &RenderContext<'_>, served: &Served) -> Vec<String> {
    let shown = || Connections { look: *look, served }.entries().len();
    let len = look.numbers(served.len(), shown);
    vec!["Connections".to_owned(), len, "seen".to_owned()]
}

/// The title of the costs: how many threads sleep, of how many.
pub(super) fn costs_title(look: &RenderContext<'_>) -> Vec<String> {
    let (asleep, all) = threads(look);
    let of = format!("{asleep} of {all} asleep");
    vec!["Threads".to_owned(), of, "seen".to_owned()]
}

/// How many threads sleep, and how many there are.
fn threads(look: &RenderContext<'_>) -> (usize, usize) {
    let world = look.world();
    let alive = world.world.lanes.iter().filter(|lane| lane.is_alive());
    let sleeps = |lane: &&ThreadLane| matches!(lane.state, LaneState::Asleep(_));
    (alive.clone().filter(sleeps).count(), alive.count())
}

impl Connections<'_> {
    /// All that the filter lets through, in the order that was asked for.
    fn entries(&self) -> Vec<(WatchKey, &'_ [LaneId])> {
        let RenderContext { scene, ui, .. } = self.look;
        let shown = |(key, _): &(WatchKey, &[LaneId])| ui.filter.shows(scene.world, *key);
        let mut all: Vec<_> = self.served.iter().filter(shown).collect();
        ordered(&self.look, &mut all, |(key, _)| Some(*key));
        all
    }

    /// Their files.
    pub(super) fn keys(&self) -> Vec<WatchKey> {
        self.entries().into_iter().map(|(key, _)| key).collect()
    }

    fn rows(&self, rows: usize) -> Vec<(WatchKey, &[LaneId])> {
        let all = self.entries();
        let chosen = all.iter().position(|(key, _)| Some(*key) == self.look.ui.watch).unwrap_or(0);
        let first = first_row(chosen, all.len(), rows);
        all.into_iter().skip(first).take(rows).collect()
    }

    /// Columns of the number and of the peer in a pane of so many.
    fn widths(&self, columns: u16) -> (u16, u16) {
        let number = words::number_columns(self.served.iter().next_back().map(|(key, _)| key.fd));
        let fixed = 1 + number + 1 + WHAT + 1 + 1 + THREAD + 1 + CALL + 1 + 2 * (QUEUE + 1);
        (number, columns.saturating_sub(fixed).clamp(NARROWEST, 45))
    }

    fn head(&self, row: &mut Row<'_>, (number, peer): (u16, u16)) {
        let dim = self.look.style(Role::Dim);
        row.put(" ", dim).column("fd", number, Align::Right, dim);
        row.column("what", WHAT, Align::Left, dim).column("peer", peer, Align::Left, dim);
        row.column("thread", THREAD, Align::Left, dim).column("call", CALL, Align::Left, dim);
        row.column("unread", QUEUE, Align::Right, dim).column("unsent", QUEUE, Align::Right, dim);
    }

    fn connection(
        &self,
        key: WatchKey,
        lanes: &[LaneId],
        row: &mut Row<'_>,
        (number, peer): (u16, u16),
    ) {
        let (look, plain) = (&self.look, Style::new());
        let world = look.world();
        let file = world.file_of(key);
        let marker = if look.ui.watch == Some(key) { look.theme.glyphs.selected } else { " " };
        row.put(marker, look.style(Role::Focus));
        let [title, text] = roles(file);
        row.column(&key.fd.to_string(), number, Align::Right, look.style(title));
        row.column(file.map_or("?", words::kind), WHAT, Align::Left, look.style(text));
        let name = file.map_or_else(|| "?".to_owned(), words::peer);
        let name = words::tail(&name, usize::from(peer), look.theme.glyphs.ellipsis);
        row.column(&name, peer, Align::Left, look.style(text));
        let names: Vec<_> = lanes.iter().map(|id| world.lane_name(*id)).collect();
        row.column(&names.join(" "), THREAD, Align::Left, plain);
        let (call, role) = self.call(lanes);
        row.column(&call, CALL, Align::Left, look.style(role));
        let [unread, unsent] = queues(file);
        row.column(&unread, QUEUE, Align::Right, plain);
        row.column(&unsent, QUEUE, Align::Right, plain);
    }

    /// What its thread does; of two the one that writes, if it does.
    fn call(&self, lanes: &[LaneId]) -> (String, Role) {
        let (glyphs, world) = (self.look.theme.glyphs, self.look.world());
        let state = |id: &LaneId| world.lane(*id).map(|lane| &lane.state);
        match lanes.iter().rev().find_map(state) {
            Some(LaneState::Asleep(call)) => {
                (format!("{} in {}", glyphs.asleep, short(call.name())), Role::Asleep)
            }
            Some(LaneState::Held(next)) => {
                let call = next.call().map_or("", |call| short(call.name()));
                (format!("{} before {call}", glyphs.held), Role::Title)
            }
            Some(LaneState::Died(_)) => (format!("{} died", glyphs.stuck), Role::Bad),
            Some(LaneState::Ended) | None => ("-".to_owned(), Role::Dim),
            Some(_) => (format!("{} runs", glyphs.handled), Role::Handled),
        }
    }
}

/// The name by which a program calls it.
fn short(name: &str) -> &str {
    if name == "sendto" { "send" } else { name }
}

impl Widget for Connections<'_> {
    fn render(self, area: Rect, buf: &mut Buffer) {
        let widths = self.widths(area.width);
        self.head(&mut Row::new(buf, area, 0), widths);
        let rows = usize::from(area.height.saturating_sub(1));
        let shown = self.rows(rows);
        let none = shown.is_empty();
        for (n, (key, lanes)) in shown.into_iter().enumerate() {
            let y = cells(n) + 1;
            self.look.note_file(area, y, Some(key));
            if self.look.ui.watch == Some(key) {
                Row::new(buf, area, y).fill(self.look.style(Role::Selected));
            }
            self.connection(key, lanes, &mut Row::new(buf, area, y), widths);
        }
        if self.served.is_empty() {
            let dim = self.look.style(Role::Dim);
            Row::new(buf, area, 1).put(" no thread has made a call yet", dim);
        } else if let Some(text) = self.look.no_match().filter(|_| none) {
            Row::new(buf, area, 1).put(&text, self.look.style(Role::Bad));
        }
    }
}

impl Widget for Costs<'_> {
    fn render(self, area: Rect, buf: &mut Buffer) {
        let (asleep, all) = threads(&self.0);
        let held = |lane: &&ThreadLane| matches!(lane.state, LaneState::Held(_));
        let held = self.0.world().lanes.iter().filter(held).count();
        let (run, all) = (all.saturating_sub(asleep + held), all as u64);
        let doing = match held {
            0 => format!("{run} run, {asleep} sleep, one call each"),
            _ => format!("{run} run, {asleep} sleep, {held} held"),
        };
        let lines = [
            doing,
            format!("stacks     {} MiB reserved", words::count(2 * all)),
            format!("           some {} KiB of that used", words::count(10 * all)),
            format!("kernel     {} KiB of stacks", words::count(16 * all)),
            format!("limit      {} threads", LaneId::MAX_THREADS),
        ];
        for (n, line) in lines.iter().enumerate() {
            let role = if n == 0 { Role::Text } else { Role::Dim };
            Row::new(buf, area, cells(n)).put(line, self.0.style(role));
        }
    }
}
