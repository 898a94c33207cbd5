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
        title.extend([len, look.known_by(source)]);
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
        let handed = self.handed();
        let rows = self.rows(handed.len(), usize::from(area.height));
        let list = &world.instance.ready;
        let chosen = look.ui.watch.and_then(|key| list.find(key)).map_or(0, |(at, _)| at);
        let (fit, more) = fitting(list.len(), rows.list);
        let first = first_row(chosen, list.len(), fit);
        let mut y = 0;
        for (place, entry) in list.iter().enumerate().skip(first).take(fit) {
            look.note_file(area, y, Some(entry.key));
            draw(&look, place, entry, &mut Row::new(buf, area, y));
            y += 1;
        }
        if list.is_empty() {
            Row::new(buf, area, 0).put(self.nothing(), dim);
            y = 1;
        } else if more > 0 {
            Row::new(buf, area, y).put(&format!("     {more} more"), dim);
            y += 1;
        } else if usize::from(y) < rows.list {
            Row::new(buf, area, y).put("tail", dim);
            y += 1;
        }
        let batch = Rect { y: area.y + y, height: cells(rows.batch), ..area };
        draw_batch(&look, &handed, batch.intersection(area), buf);
        let below = cells(rows.foot).min(area.height);
        let at = Rect { y: area.bottom() - below, height: below, ..area };
        match &world.instance.overflow {
            _ if rows.foot == 0 => {}
            Some(overflow) => draw_overflow(&look, overflow, at, buf),
            None if world.overflow_by() != Provenance::Deduced => {
                Row::new(buf, at, 0).put("ovflist  not in use: no harvest runs", dim);
            }
            None => {
                Row::new(buf, at, 0).put("ovflist          unknown without eBPF", dim);
            }
        }
    }

    /// What is said where the list is empty.
    fn nothing(&self) -> &'static str {
        let world = self.0.world();
        match self.0.foretells() && world.instance.overflow.is_none() {
            _ if world.id.is_none() => "there is no epoll instance",
            true => "empty: epoll_wait would sleep",
            false => "empty",
        }
    }

    /// The events that `epoll_wait` returned and that are not handled yet, with whose they are.
    fn handed(&self) -> Vec<(LaneId, &BatchEntry)> {
        let lanes = self.0.world().world.lanes.iter();
        let entries = lanes.flat_map(|lane| lane.batch.iter().map(|entry| (lane.id, entry)));
        entries.filter(|(_, entry)| entry.progress != Progress::Done).collect()
    }

    /// How the rows are shared; in a pane of a few the list goes first.
    fn rows(&self, handed: usize, height: usize) -> Shares {
        let instance = self.0.world().instance;
        let len = instance.ready.len();
        // Both have a row of their own beside the entries: the tail, and a title.
        let titled = if handed > 0 { handed + 1 } else { 0 };
        let needed = len + titled + 2;
        let foot = match &instance.overflow {
            Some(overflow) => {
                // The list keeps what it needs, and half of the rows at the least.
                let free = height.saturating_sub(len.max(1));
                let held = usize::from(!instance.batch.is_empty());
                (overflow.len().max(1) + 1 + held).min(free.max(height / 2))
            }
            None => usize::from((height > 4 && titled == 0) || needed <= height),
        };
        let room = height.saturating_sub(foot);
        let batch = titled.min(room / 2).max(room.saturating_sub(len + 1).min(titled));
        Shares { list: room - batch, batch, foot }
    }
}

/// Rows of the parts of the pane.
struct Shares {
    list: usize,
    batch: usize,
    foot: usize,
}

/// How many of `len` entries are shown in so many rows, and how many are not: the last row says so,
/// unless it is the only one.
fn fitting(len: usize, rows: usize) -> (usize, usize) {
    match rows {
        0 | 1 => (rows.min(len), 0),
        _ if len <= rows => (len, 0),
        _ => (rows - 1, len + 1 - rows),
    }
}

/// The batch in hand, with a title of its own where there is room for more than that.
fn draw_batch(
    look: &RenderContext<'_>,
    handed: &[(LaneId, &BatchEntry)],
    area: Rect,
    buf: &mut Buffer,
) {
    let dim = look.style(Role::Dim);
    let mut y = 0;
    if area.height > 1 && !handed.is_empty() {
        let of = format!(" {} {}", look.theme.glyphs.horizontal, handed.len());
        let mut row = Row::new(buf, area, 0);
        row.put("in hand (events[])", look.style(Role::Title)).put(&of, dim);
        row.end(" what epoll_wait returned", dim);
        y = 1;
    }
    let (fit, more) = fitting(handed.len(), usize::from(area.height - y));
    for (lane, entry) in handed.iter().take(fit) {
        look.note_file(area, y, Some(InterestList::key_of(&entry.delivery)));
        draw_handed(look, *lane, entry, &mut Row::new(buf, area, y));
        y += 1;
    }
    if more > 0 {
        Row::new(buf, area, y).put(&format!("     {more} more"), dim);
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
    let (fit, more) = fitting(overflow.len(), usize::from(area.height.saturating_sub(1)));
    if more > 0 {
        Row::new(buf, area, area.height - 1).put(&format!("     {more} more"), dim);
    }
    for (n, key) in overflow.iter().take(fit).enumerate() {
        let chosen = look.ui.watch == Some(*key);
        look.note_file(area, cells(n) + 1, Some(*key));
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
