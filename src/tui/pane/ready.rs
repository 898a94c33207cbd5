//! The ready list (rdllist): what the next epoll_wait will poll, head first, and why it is there.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::Widget;

use super::RenderContext;
use super::completions::{self, Completions};
use super::connections::{self, Costs};
use super::file::provenance;
use super::found::{self, Found};
use super::run_queue::{self, RunQueue};
use crate::event::{LaneId, Provenance, WatchKey};
use crate::model::{BatchEntry, InterestList, Poller, Progress, ReadyEntry};
use crate::text::unknown_list;
use crate::tui::draw::{Align, Row, cells, first_row};
use crate::tui::theme::Role;
use crate::tui::words;

/// Draws the ready list.
pub(crate) struct Ready<'a>(pub RenderContext<'a>);

impl Ready<'_> {
    /// The pane's title: how many there are, and how that is known.
    pub(crate) fn title(look: &RenderContext<'_>) -> Vec<String> {
        match look.world().pollers.own() {
            Some(Poller::Scan(set)) => found::title(look, set),
            Some(Poller::Ring(rings)) => completions::title(look, rings),
            Some(Poller::Netpoll(netpoll)) => run_queue::title(look, netpoll),
            Some(Poller::Threads(_)) => connections::costs_title(look),
            None => Self::listed(look),
        }
    }

    fn listed(look: &RenderContext<'_>) -> Vec<String> {
        let instance = look.world().instance;
        let known = look.world().knows_ready_list();
        let len = if known { words::count(instance.ready.len() as u64) } else { "?".to_owned() };
        let by = match look.world().ready_by() {
            Provenance::Kernel => "kernel",
            Provenance::Deduced | Provenance::Fdinfo | Provenance::Model => "model",
        };
        let source = provenance(&instance.check, known, by, look.theme.glyphs.check);
        let mut title = vec!["Ready list (rdllist)".to_owned()];
        look.named(&mut title);
        title.extend([len, source]);
        title
    }

    /// What is said instead of the list where it is not known.
    fn unknown(&self) -> Option<String> {
        unknown_list(self.0.world()).map(|why| format!("unknown: {why}"))
    }
}

impl Widget for Ready<'_> {
    fn render(self, area: Rect, buf: &mut Buffer) {
        let look = self.0;
        match look.scene.world.pollers.own() {
            Some(Poller::Scan(set)) => Found { look, set }.render(area, buf),
            Some(Poller::Ring(rings)) => Completions { look, rings }.render(area, buf),
            Some(Poller::Netpoll(netpoll)) => RunQueue { look, netpoll }.render(area, buf),
            Some(Poller::Threads(_)) => Costs(look).render(area, buf),
            None => self.list(area, buf),
        }
    }
}

impl Ready<'_> {
    fn list(&self, area: Rect, buf: &mut Buffer) {
        let look = self.0;
        let world = look.world();
        let dim = look.style(Role::Dim);
        if let Some(text) = self.unknown() {
            for (n, line) in words::wrap(&text, usize::from(area.width)).iter().enumerate() {
                Row::new(buf, area, cells(n)).put(line, look.style(Role::Bad));
            }
            return;
        }
        let handed: Vec<_> = world
            .lanes
            .iter()
            .flat_map(|lane| lane.batch.iter().map(|entry| (lane.id, entry)))
            .filter(|(_, entry)| entry.progress != Progress::Done)
            .collect();
        let list = &world.instance.ready;
        // In a pane of a few rows the list goes first.
        let needed = list.len() + handed.len() + 2;
        let foot = match &world.instance.overflow {
            Some(overflow) => {
                // The list keeps what it needs, and half of the rows at the least.
                let free = usize::from(area.height).saturating_sub(list.len().max(1));
                let held = usize::from(!world.instance.batch.is_empty());
                (overflow.len().max(1) + 1 + held).min(free.max(usize::from(area.height / 2)))
            }
            None => usize::from(area.height > 4 || needed <= usize::from(area.height)),
        };
        let room = usize::from(area.height).saturating_sub(foot);
        let shared =
            handed.len().min(room / 2).max(room.saturating_sub(list.len() + 1).min(handed.len()));
        let rows = room - shared;
        let chosen = look.ui.watch.and_then(|key| list.find(key)).map_or(0, |(at, _)| at);
        let first = first_row(chosen, list.len(), rows);
        let mut y = 0;
        for (place, entry) in list.iter().enumerate().skip(first).take(rows) {
            draw(&look, place, entry, &mut Row::new(buf, area, y));
            y += 1;
        }
        if list.is_empty() {
            let scan = world.instance.overflow.is_some();
            let told = look.foretells() && !scan;
            let text = match told {
                _ if world.id.is_none() => "there is no epoll instance",
                true => "empty: epoll_wait would sleep",
                false => "empty",
            };
            Row::new(buf, area, 0).put(text, dim);
            y = 1;
        } else if usize::from(y) < rows {
            Row::new(buf, area, y).put("tail", dim);
            y += 1;
        }
        for (lane, entry) in handed.into_iter().take(shared) {
            draw_handed(&look, lane, entry, &mut Row::new(buf, area, y));
            y += 1;
        }
        let below = cells(foot).min(area.height);
        let at = Rect { y: area.bottom() - below, height: below, ..area };
        match &world.instance.overflow {
            Some(overflow) => draw_overflow(&look, overflow, at, buf),
            None if foot > 0 && world.overflow_by() != Provenance::Deduced => {
                Row::new(buf, at, 0).put("ovflist  not in use: no harvest runs", dim);
            }
            None if foot > 0 => {
                Row::new(buf, at, 0).put("ovflist          unknown without eBPF", dim);
            }
            None => {}
        }
    }
}

/// The overflow list of a harvest that is held, newest first as the kernel chains it.
fn draw_overflow(look: &RenderContext<'_>, overflow: &[WatchKey], area: Rect, buf: &mut Buffer) {
    let dim = look.style(Role::Dim);
    let batch = &look.world().instance.batch;
    let names: Vec<_> = batch.iter().map(|key| look.world().watch_name(*key)).collect();
    if !names.is_empty() {
        let mut row = Row::new(buf, area, 0);
        row.column(look.theme.glyphs.handled, 4, Align::Right, look.style(Role::Handled));
        row.put(&names.join(", "), look.style(Role::Text));
        row.put(" in the harvest's hands", look.style(Role::Handled));
    }
    let held = u16::from(!names.is_empty()).min(area.height);
    let area = Rect { y: area.y + held, height: area.height - held, ..area };
    let mut row = Row::new(buf, area, 0);
    row.put("overflow (ovflist)", look.style(Role::Title)).put(", newest first", dim);
    if overflow.is_empty() {
        Row::new(buf, area, 1).put("empty: nothing was woken since", dim);
    }
    for (n, key) in overflow.iter().enumerate() {
        let chosen = look.ui.watch == Some(*key);
        let name = if chosen { look.style(Role::Title) } else { look.style(Role::Ready) };
        let mut row = Row::new(buf, area, cells(n) + 1);
        row.put(if n == 0 { "new " } else { "    " }, dim);
        row.put(if chosen { look.theme.glyphs.selected } else { " " }, look.style(Role::Focus));
        row.put(&format!("{} ", n + 1), dim).put(&look.world().watch_name(*key), name);
    }
}

/// Below so many columns, blanks and what the row tells anyway give way to the reason.
const NARROW: u16 = 42;

fn draw(look: &RenderContext<'_>, place: usize, entry: &ReadyEntry, row: &mut Row<'_>) {
    let world = look.world();
    let chosen = look.ui.watch == Some(entry.key);
    let dim = look.style(Role::Dim);
    let name = if chosen { look.style(Role::Title) } else { look.style(Role::Ready) };
    let narrow = row.left() < NARROW;
    row.put(if place == 0 { "head" } else { "    " }, dim);
    row.put(if chosen { look.theme.glyphs.selected } else { " " }, look.style(Role::Focus));
    // The place is also told by the row.
    let number = if narrow { String::new() } else { format!("{} ", place + 1) };
    let gap = if row.left() < 48 { " " } else { "  " };
    row.put(&number, dim).put(&world.watch_name(entry.key), name).put(gap, dim);
    let bits = words::ready_bits(world, entry);
    if !bits.is_empty() && look.foretells() {
        row.put(&bits.join(" "), look.style(Role::Data)).put(gap, dim);
    }
    // Its place in the order is not certain: said behind, so that the reasons stand in line.
    let doubt = if entry.unsure { " ?" } else { "" };
    let room = usize::from(row.left()).saturating_sub(doubt.len());
    row.put(&words::reason(world, entry, room, look.foretells()), look.style(Role::Text))
        .put(doubt, dim);
}

fn draw_handed(look: &RenderContext<'_>, lane: LaneId, entry: &BatchEntry, row: &mut Row<'_>) {
    let glyphs = look.theme.glyphs;
    let key = InterestList::key_of(&entry.delivery);
    let narrow = row.left() < NARROW;
    let (glyph, text) = match entry.progress {
        Progress::Current if narrow => (glyphs.handled, format!("handled by {lane}")),
        Progress::Current => (glyphs.handled, format!("being handled by {lane}")),
        Progress::Waiting | Progress::Done => (glyphs.idle, format!("waits for {lane}")),
    };
    row.column(glyph, 4, Align::Right, look.style(Role::Handled));
    let name = if look.ui.watch == Some(key) { Role::Title } else { Role::Text };
    let number = if narrow { "" } else { "  " };
    row.put(&format!("{number}fd {} ", key.fd), look.style(name));
    row.put(&entry.delivery.mask.join(" "), look.style(Role::Data));
    row.put(" ", look.style(Role::Text)).put(&text, look.style(Role::Handled));
}
