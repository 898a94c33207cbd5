//! The run queue of the goroutines, head first, and below it the ready list of the one epoll
//! instance, whose entries make the next ones runnable.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::Widget;

use super::RenderContext;
use super::file::provenance;
use crate::model::{GoReason, GoState, Goroutine, Netpoll, ReadyEntry};
use crate::tui::draw::{Row, cells};
use crate::tui::layout::WIDE;
use crate::tui::theme::Role;
use crate::tui::words;

/// Draws both.
pub(super) struct RunQueue<'a> {
    pub(super) look: RenderContext<'a>,
    pub(super) netpoll: &'a Netpoll,
}

/// The title of the queue, and in a narrow screen also that of the list.
pub(super) fn title(look: &RenderContext<'_>, netpoll: &Netpoll) -> Vec<String> {
    let count = words::count(netpoll.queue().len() as u64);
    if look.ui.size.0 >= WIDE {
        return vec!["Run queue".to_owned(), count, "seen".to_owned()];
    }
    vec!["Run queue".to_owned(), format!("{count}  rdllist"), listed(look)]
}

/// How many are on the ready list, as far as that is known.
fn listed(look: &RenderContext<'_>) -> String {
    let world = look.world();
    if world.knows_ready_list() {
        words::count(world.instance.ready.len() as u64)
    } else {
        "?".to_owned()
    }
}

impl RunQueue<'_> {
    fn runnable(&self, place: usize, go: &Goroutine, row: &mut Row<'_>) {
        let look = &self.look;
        let dim = look.style(Role::Dim);
        let chosen = go.key.is_some() && go.key == look.ui.watch;
        row.put(if place == 0 { "head" } else { "    " }, dim);
        row.put(if chosen { look.theme.glyphs.selected } else { " " }, look.style(Role::Focus));
        let name = look.style(if chosen { Role::Title } else { Role::Ready });
        row.put(&format!("{} {}", place + 1, go.id), name);
        let fd = go.key.map_or_else(String::new, |key| format!(" of fd {}", key.fd));
        let why = match go.state {
            GoState::Runnable(GoReason::Ready(mask)) if mask.is_empty() => {
                "woken by another".to_owned()
            }
            GoState::Runnable(GoReason::Ready(mask)) => format!("{}{fd}", mask.join(" ")),
            GoState::Runnable(GoReason::Yielded) => "yielded".to_owned(),
            _ => format!("new{fd}"),
        };
        row.put(&format!("  {}: {why}", go.since.1), look.style(Role::Text));
    }

    fn listed(&self, place: usize, entry: &ReadyEntry, row: &mut Row<'_>) {
        let look = &self.look;
        let world = look.world();
        let chosen = look.ui.watch == Some(entry.key);
        let name = look.style(if chosen { Role::Title } else { Role::Ready });
        let dim = look.style(Role::Dim);
        row.put("    ", dim);
        row.put(if chosen { look.theme.glyphs.selected } else { " " }, look.style(Role::Focus));
        row.put(&format!("{} {} ", place + 1, world.watch_name(entry.key)), name);
        let bits = words::ready_bits(world, entry);
        row.put(&bits.join(" "), look.style(Role::Data)).put(" ", dim);
        let room = usize::from(row.left());
        row.put(&words::reason(world, entry, room, look.foretells()), look.style(Role::Text));
    }
}

impl Widget for RunQueue<'_> {
    fn render(self, area: Rect, buf: &mut Buffer) {
        let (look, world) = (&self.look, self.look.world());
        let dim = look.style(Role::Dim);
        let wide = look.ui.size.0 >= WIDE;
        let list = &world.instance.ready;
        let queue = self.netpoll.queue();
        // The list keeps half of the rows, if it needs them.
        let below = usize::from(area.height).div_ceil(2).min(list.len().max(1) + usize::from(wide));
        let rows = usize::from(area.height).saturating_sub(below);
        let mut y = 0;
        if queue.len() == 0 {
            Row::new(buf, area, y).put("empty: a thread asks the netpoller", dim);
            y += 1;
        }
        for (place, go) in queue.enumerate().take(rows) {
            look.note_file(area, y, go.key);
            self.runnable(place, go, &mut Row::new(buf, area, y));
            y += 1;
        }
        if wide && y < area.height {
            let known = world.knows_ready_list();
            let source = provenance(&world.instance.check, known, "model", look.theme.glyphs.check);
            let dash = look.theme.glyphs.horizontal;
            let title = format!("Ready list (rdllist) {dash} {} {dash} {source}", listed(look));
            Row::new(buf, area, y).put(&title, look.style(Role::Title));
            y += 1;
        }
        let left = usize::from(area.height.saturating_sub(y));
        for (place, entry) in list.iter().enumerate().take(left) {
            look.note_file(area, y + cells(place), Some(entry.key));
            self.listed(place, entry, &mut Row::new(buf, area, y + cells(place)));
        }
        if list.is_empty() && left > 0 {
            let text = if world.knows_ready_list() { "rdllist empty" } else { "rdllist unknown" };
            Row::new(buf, area, y).put(text, dim);
        }
    }
}
