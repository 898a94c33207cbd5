//! The two queues of an io_uring: what is written and not submitted, what is posted and not taken.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::Widget;

use super::RenderContext;
use crate::event::Cqe;
use crate::model::{Flight, LaneState, Rings};
use crate::tui::draw::{Align, Row, cells};
use crate::tui::layout::WIDE;
use crate::tui::theme::Role;
use crate::tui::words::count;

/// Draws the queues.
pub(super) struct Completions<'a> {
    pub(super) look: RenderContext<'a>,
    pub(super) rings: &'a Rings,
}

/// The title: how much is in each.
pub(super) fn title(look: &RenderContext<'_>, rings: &Rings) -> Vec<String> {
    let (sq, cq) = (count(rings.sq.len() as u64), count(rings.cq.len() as u64));
    let (entries, room) = (rings.entries, rings.cq_entries);
    if look.ui.size.0 < WIDE {
        return vec![format!("SQ {sq}   CQ {cq} of {room}"), look.known_by("kernel")];
    }
    vec![
        "SQ".to_owned(),
        format!("{sq} of {entries}   CQ"),
        format!("{cq} of {room}"),
        look.known_by("kernel"),
    ]
}

impl Completions<'_> {
    fn name(&self, id: u64) -> String {
        match self.rings.name(id) {
            Some((op, fd)) if fd.0 >= 0 => format!("{} fd {fd}", op.word()),
            Some((op, _)) => op.word().to_owned(),
            None => format!("operation {id}"),
        }
    }

    fn completion(&self, place: usize, cqe: &Cqe, columns: u16, row: &mut Row<'_>) {
        let look = &self.look;
        let wide = look.ui.size.0 >= WIDE;
        let dim = look.style(Role::Dim);
        if wide {
            row.put(if place == 0 { "CQ " } else { "   " }, dim);
        }
        let key = self.rings.get(cqe.id).and_then(Flight::key);
        let chosen = key.is_some() && look.ui.watch == key;
        let name = look.style(if chosen { Role::Title } else { Role::Ready });
        row.put(&format!("{} ", place + 1), dim).column(
            &self.name(cqe.id),
            columns,
            Align::Left,
            name,
        );
        row.put(&format!("= {}", cqe.ret), look.style(Role::Data));
        let more = if cqe.more { "   MORE" } else { "" };
        row.put(more, look.style(Role::Text));
        if let Some(buffer) = cqe.buffer.filter(|_| wide) {
            row.put(&format!("  buffer {buffer}"), dim);
        }
    }

    /// What is said below the queues.
    fn foot(&self) -> Vec<String> {
        let rings = self.rings;
        let wide = self.look.ui.size.0 >= WIDE;
        let overflow = match rings.overflow.len() {
            0 if rings.heads.overflow => "yes".to_owned(),
            n => count(n as u64),
        };
        let buffers =
            format!("overflow {overflow}  buffers {} of {}", rings.free_buffers(), rings.buffers);
        if !wide {
            return vec![buffers];
        }
        let mut lines = Vec::new();
        let lanes = &self.look.world().world.lanes;
        let held = lanes.iter().find(|lane| matches!(lane.state, LaneState::Held(_)));
        let reads = rings.cq.iter().any(|one| one.cqe.buffer.is_some());
        if let Some(lane) = held.filter(|_| reads) {
            lines.push(format!("posted while {} stands still: the bytes are", lane.id));
            lines.push("here, their sockets are empty".to_owned());
        }
        let taskrun = if rings.heads.taskrun { "yes" } else { "no" };
        lines.push(format!("{buffers}  TASKRUN {taskrun}"));
        lines
    }
}

impl Widget for Completions<'_> {
    fn render(self, area: Rect, buf: &mut Buffer) {
        let wide = self.look.ui.size.0 >= WIDE;
        let (dim, text) = (self.look.style(Role::Dim), self.look.style(Role::Text));
        let mut y = 0;
        if wide {
            let written = self.rings.sq.iter().map(|id| self.name(*id));
            let written: Vec<_> = written.take(4).collect();
            let words = match written.len() {
                0 => "empty: all submitted".to_owned(),
                _ => written.join(", "),
            };
            Row::new(buf, area, 0).put("SQ   ", dim).put(&words, text);
            y = 1;
        }
        let foot = self.foot();
        let kept = cells(foot.len()).min(area.height.saturating_sub(y) / 2).max(1);
        let rows = usize::from(area.height.saturating_sub(y + kept));
        let all = self.rings.cq.len();
        let shown = if all > rows { rows.saturating_sub(1) } else { all };
        let shown = self.rings.cq.iter().take(shown);
        let columns = shown.clone().map(|one| self.name(one.cqe.id).len()).max().unwrap_or(0);
        let columns = cells(columns);
        for (place, one) in shown.clone().enumerate() {
            let key = self.rings.get(one.cqe.id).and_then(Flight::key);
            self.look.note_file(area, y, key);
            self.completion(place, &one.cqe, columns, &mut Row::new(buf, area, y));
            y += 1;
        }
        if all == 0 {
            Row::new(buf, area, y).put(if wide { "CQ   empty" } else { "empty" }, dim);
            y += 1;
        } else if all > shown.len() {
            Row::new(buf, area, y).put(&format!("   and {} more", all - shown.len()), dim);
            y += 1;
        }
        let skip = foot.len().saturating_sub(usize::from(kept));
        for (n, line) in foot.iter().skip(skip).enumerate() {
            Row::new(buf, area, y + cells(n)).put(line, text);
        }
    }
}
