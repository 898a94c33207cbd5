//! The interest list (rbr): every registration as the kernel has it.

use std::collections::HashSet;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::Widget;

use super::RenderContext;
use super::connections::{self, Connections};
use super::file::{PEER, QUEUE, ailment, queues};
use super::goroutines::{self, Goroutines};
use super::order::ordered;
use super::ring::{self, InFlight};
use super::scan::{self, Scanned};
use crate::event::{Arm, ConnState, Mask, Order, Trigger, WatchKey, visible};
use crate::model::{EpollView, InterestEntry, OpenFile, Poller};
use crate::tui::draw::{Align, Row, around, cells, first_row};
use crate::tui::theme::Role;
use crate::tui::words;

/// Draws the interest list.
pub(crate) struct Interest<'a>(pub RenderContext<'a>);

/// Columns of all but fd, peer, watched bits, trigger and unsent, with the blanks between all of
/// them: marker, what, unread, state.
const FIXED: u16 = 1 + 1 + 9 + 7 + 10 + 3;
/// From this width on the trigger's heading is written out.
const ROOMY: u16 = 78;
/// Below this width there is no column of what is unsent.
const NARROW: u16 = 70;
/// The widest column of watched bits.
const WATCHING: u16 = 15;

impl Interest<'_> {
    /// The pane's title: how many there are, and how that is known.
    pub(crate) fn title(look: &RenderContext<'_>) -> Vec<String> {
        let mut title = match look.world().pollers.own() {
            Some(Poller::Scan(set)) => scan::title(look, set),
            Some(Poller::Ring(rings)) => ring::title(look, rings),
            Some(Poller::Netpoll(netpoll)) => goroutines::title(look, netpoll),
            Some(Poller::Threads(served)) => connections::title(look, served),
            None => Self::registered(look),
        };
        look.sorted(&mut title);
        look.filtered(&mut title);
        title
    }

    fn registered(look: &RenderContext<'_>) -> Vec<String> {
        let instance = look.world().instance;
        let known = words::provenance(look.world().interest_by());
        let shown = |e: &&InterestEntry| look.ui.filter.shows(look.scene.world, e.key);
        let shown = || instance.interest.iter().filter(shown).count();
        let len = look.numbers(instance.interest.len(), shown);
        let mut title = vec!["Interest list (rbr)".to_owned()];
        look.named(&mut title);
        title.extend([len, look.known_by(known)]);
        title
    }

    /// The files of all rows, in their order; one that has several rows once.
    pub(crate) fn all_keys(&self) -> Vec<WatchKey> {
        let look = self.0;
        let mut keys = match look.scene.world.pollers.own() {
            Some(Poller::Scan(set)) => Scanned { look, set }.keys(),
            Some(Poller::Ring(rings)) => InFlight { look, rings }.keys(),
            Some(Poller::Netpoll(netpoll)) => Goroutines { look, netpoll }.keys(),
            Some(Poller::Threads(served)) => Connections { look, served }.keys(),
            None => self.sorted(),
        };
        let mut seen = HashSet::new();
        keys.retain(|key| seen.insert(*key));
        keys
    }

    /// The keys of all registrations that are shown, in their order.
    fn sorted(&self) -> Vec<WatchKey> {
        let RenderContext { scene, ui, .. } = self.0;
        let all = self.0.world().instance.interest.iter().map(|entry| entry.key);
        let mut keys: Vec<_> = all.filter(|key| ui.filter.shows(scene.world, *key)).collect();
        ordered(&self.0, &mut keys, |key| Some(*key));
        keys
    }

    /// The keys in so many rows, and what is said in the last one where they do not fit.
    fn keys(&self, rows: usize) -> (Vec<WatchKey>, Option<String>) {
        // Those that a filter shows are not counted in each frame.
        let visible = self.visible(rows + 1);
        if visible.len() <= rows {
            return (visible, None);
        }
        let fewer = rows.saturating_sub(1);
        let more = if self.0.ui.filter.is_all() {
            format!("{} more", self.0.world().instance.interest.len() - fewer)
        } else {
            "more".to_owned()
        };
        (self.visible(fewer), Some(more))
    }

    fn visible(&self, rows: usize) -> Vec<WatchKey> {
        let RenderContext { scene, ui, .. } = self.0;
        if ui.order != Order::Number {
            let keys = self.sorted();
            let chosen = ui.watch.and_then(|key| keys.iter().position(|one| *one == key));
            let first = first_row(chosen.unwrap_or(0), keys.len(), rows);
            return keys.into_iter().skip(first).take(rows).collect();
        }
        let shown = |e: &&InterestEntry| ui.filter.shows(scene.world, e.key);
        let interest = &self.0.world().instance.interest;
        let chosen = ui.watch.and_then(|key| interest.get(key)).filter(shown);
        let visible = match chosen {
            None => interest.iter().filter(shown).take(rows).collect(),
            Some(chosen) => {
                let from = std::iter::once(chosen).chain(interest.after(Some(chosen.key)));
                around(interest.before(chosen.key).filter(shown), from.filter(shown), rows)
            }
        };
        visible.into_iter().map(|entry| entry.key).collect()
    }
}

impl Widget for Interest<'_> {
    fn render(self, area: Rect, buf: &mut Buffer) {
        let look = self.0;
        match look.scene.world.pollers.own() {
            Some(Poller::Scan(set)) => Scanned { look, set }.render(area, buf),
            Some(Poller::Ring(rings)) => InFlight { look, rings }.render(area, buf),
            Some(Poller::Netpoll(netpoll)) => Goroutines { look, netpoll }.render(area, buf),
            Some(Poller::Threads(served)) => Connections { look, served }.render(area, buf),
            None => self.registrations(area, buf),
        }
    }
}

/// The columns of the list that are not the same everywhere.
#[derive(Clone, Copy)]
struct Widths {
    number: u16,
    peer: u16,
    watching: u16,
    trigger: u16,
    /// Whether there is room for what is unsent.
    unsent: bool,
}

impl Interest<'_> {
    /// The columns in a pane of so many: the peers take what they need, the bits what is left.
    fn widths(&self, columns: u16, keys: &[WatchKey]) -> Widths {
        let world = self.0.world();
        let trigger = if columns < ROOMY { 5 } else { 7 };
        let last = world.instance.interest.iter().next_back().map(|entry| entry.key.fd);
        let number = words::number_columns(last);
        let unsent = columns >= NARROW;
        let fixed = FIXED + if unsent { QUEUE + 1 } else { 0 };
        let rest = columns.saturating_sub(fixed + number + trigger);
        let entries = keys.iter().filter_map(|key| world.instance.interest.get(*key));
        let names = entries.map(|entry| words::width(&name(world, entry)));
        let longest = cells(names.max().unwrap_or(0)).max(PEER);
        let watching = rest.saturating_sub(longest).clamp(8, WATCHING);
        let peer = rest.saturating_sub(watching).min(longest);
        Widths { number, peer, watching, trigger, unsent }
    }

    fn heading(&self, widths: Widths, row: &mut Row<'_>) {
        let dim = self.0.style(Role::Dim);
        row.put(" ", dim).column("fd", widths.number, Align::Right, dim);
        let name = if self.0.world().labelled { "name" } else { "peer" };
        row.column("what", 8, Align::Left, dim).column(name, widths.peer, Align::Left, dim);
        let trigger = if widths.trigger < 7 { "trig" } else { "trigger" };
        row.column("watching", widths.watching, Align::Left, dim);
        row.column(trigger, widths.trigger, Align::Left, dim);
        row.column("unread", QUEUE, Align::Right, dim);
        if widths.unsent {
            row.column("unsent", QUEUE, Align::Right, dim);
        }
        row.put("state", dim);
    }

    fn registrations(&self, area: Rect, buf: &mut Buffer) {
        let look = self.0;
        let dim = look.style(Role::Dim);
        let (keys, more) = self.keys(usize::from(area.height.saturating_sub(1)));
        let none = keys.is_empty();
        let widths = self.widths(area.width, &keys);
        self.heading(widths, &mut Row::new(buf, area, 0));
        for (n, key) in keys.iter().enumerate() {
            let Some(entry) = look.world().instance.interest.get(*key) else { continue };
            let chosen = look.ui.watch == Some(*key);
            look.note_file(area, cells(n) + 1, Some(*key));
            if chosen {
                Row::new(buf, area, cells(n) + 1).fill(look.style(Role::Selected));
            }
            draw(&look, entry, &mut Row::new(buf, area, cells(n) + 1), widths, chosen);
        }
        if let Some(more) = more {
            Row::new(buf, area, cells(keys.len()) + 1).put("  ", dim).put(&more, dim);
        }
        if look.world().instance.interest.is_empty() {
            let text = if look.world().id.is_some() {
                " nothing is registered"
            } else {
                nothing_waits(&look)
            };
            Row::new(buf, area, 1).put(text, dim);
        } else if let Some(text) = look.no_match().filter(|_| none) {
            Row::new(buf, area, 1).put(&text, look.style(Role::Bad));
        }
    }
}

/// What a registration's file is called: by its label, or by its peer.
fn name(world: EpollView<'_>, entry: &InterestEntry) -> String {
    let label = entry.name.as_deref().map(|name| visible(name.as_bytes(), 120));
    label.unwrap_or_else(|| world.file_of(entry.key).map_or_else(|| "?".to_owned(), words::peer))
}

/// What is said where there is no list.
fn nothing_waits(look: &RenderContext<'_>) -> &'static str {
    if look.world().labelled || look.world().lanes.is_empty() {
        " there is no epoll instance"
    } else {
        " nothing waits for the files now: what comes stays in the sockets"
    }
}

fn draw(
    look: &RenderContext<'_>,
    entry: &InterestEntry,
    row: &mut Row<'_>,
    widths: Widths,
    chosen: bool,
) {
    let theme = look.theme;
    let world = look.world();
    let file = world.file_of(entry.key);
    // What is the tool's own is there, and no part of what a server does.
    let own = file.is_some_and(words::is_own);
    let role = |role| if own { Role::Dim } else { role };
    let style = |of| theme.style(role(of));
    let marker = if chosen { theme.glyphs.selected } else { " " };
    row.put(marker, theme.style(Role::Focus));
    row.column(&entry.key.fd.to_string(), widths.number, Align::Right, style(Role::Title));
    let what = if world.is_ghost(entry.key) { "ghost" } else { file.map_or("?", words::kind) };
    row.column(what, 8, Align::Left, style(Role::Text));
    let peer = name(world, entry);
    let peer = words::tail(&peer, usize::from(widths.peer), theme.glyphs.ellipsis);
    row.column(&peer, widths.peer, Align::Left, style(Role::Text));
    row.column(&watching(entry), widths.watching, Align::Left, style(Role::Text));
    let (trigger, mark) = match entry.trigger() {
        Trigger::Level => ("level", Role::Text),
        Trigger::Edge => ("EDGE", Role::Edge),
    };
    row.column(trigger, widths.trigger, Align::Left, style(mark));
    let [unread, unsent] = queues(file);
    let waits = file.and_then(|f| f.unread).is_some_and(|n| n > 0);
    let data = if waits { Role::Data } else { Role::Text };
    row.column(&unread, QUEUE, Align::Right, style(data));
    if widths.unsent {
        row.column(&unsent, QUEUE, Align::Right, style(Role::Text));
    }
    let (glyph, word, mark) = state(look, entry, file);
    row.put(glyph, style(mark)).put(" ", style(Role::Text)).put(word, style(mark));
}

/// The bits that the program asked for, and how.
fn watching(entry: &InterestEntry) -> String {
    let asked = entry.mask.asked();
    let mut text = if asked.is_empty() { "none".to_owned() } else { asked.join(" ") };
    if entry.mask.has(Mask::ONESHOT) {
        text.push_str(" 1SHOT");
    }
    if entry.mask.has(Mask::EXCLUSIVE) {
        text.push_str(" EXCL");
    }
    text
}

/// The state of a registration: glyph, word, role. The first that holds is shown:
/// a finding, being handled, in a thread's batch, disarmed, on the ready list (drained or ready),
/// the server's own state, idle.
fn state(
    look: &RenderContext<'_>,
    entry: &InterestEntry,
    file: Option<&OpenFile>,
) -> (&'static str, &'static str, Role) {
    let glyphs = look.theme.glyphs;
    let world = look.world();
    let disarmed = entry.arm() == Arm::Disarmed || disarmed(entry);
    let listed = world.instance.ready.find(entry.key);
    let drained = listed.is_some_and(|(_, ready)| words::is_stale(world, ready));
    if let Some(finding) = world.findings.of_file(entry.key.file).next() {
        (glyphs.stuck, if disarmed { "disarmed" } else { ailment(finding.kind) }, Role::Bad)
    } else if world.is_in_hand(entry.key) {
        (glyphs.handled, "handled", Role::Handled)
    } else if world.being_handled(entry.key).is_some() {
        (glyphs.idle, "in batch", Role::Handled)
    } else if disarmed {
        (glyphs.idle, "disarmed", Role::Dim)
    } else if entry.listed && (drained || !look.foretells()) {
        (glyphs.listed, "listed", Role::Text)
    } else if entry.listed {
        (glyphs.ready, "ready", Role::Ready)
    } else if world.instance.overflow.as_ref().is_some_and(|list| list.contains(&entry.key)) {
        (glyphs.listed, "ovflist", Role::Ready)
    } else if world.instance.batch.contains(&entry.key) {
        (glyphs.handled, "in hand", Role::Handled)
    } else if is_silent(world, entry) {
        (glyphs.idle, "silent", Role::Edge)
    } else if let Some(word) = file.and_then(|f| crate::text::connection_state(f.conn)) {
        let carried = file.is_some_and(|f| f.conn == ConnState::Carried);
        (glyphs.idle, word, if carried { Role::Handled } else { Role::Text })
    } else if file.is_some_and(OpenFile::ended) {
        (glyphs.end, "ended", Role::Text)
    } else if world.knows_ready_list() {
        (glyphs.idle, "idle", Role::Text)
    } else {
        ("?", "unknown", Role::Dim)
    }
}

/// Whether something that it watches for holds, and it is not listed all the same: what its file
/// answers where that is told, else what is left unread of what an edge has told of.
fn is_silent(world: EpollView<'_>, entry: &InterestEntry) -> bool {
    let Some(file) = world.file_of(entry.key) else { return false };
    if let Some(poll) = file.polled {
        return poll.any(entry.mask - Mask::PRIVATE);
    }
    let told = entry.trigger() == Trigger::Edge && entry.mask.has(Mask::IN);
    told && world.knows_ready_list() && file.unread > Some(0)
}

/// A one-shot registration that fired keeps only its private bits (and what the kernel adds is
/// gone with them).
fn disarmed(entry: &InterestEntry) -> bool {
    entry.mask.has(Mask::ONESHOT) && entry.mask.asked().is_empty()
}
