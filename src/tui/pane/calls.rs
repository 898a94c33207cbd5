//! The calls: every system call of the server, in strace's notation, with a short gloss.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::Widget;

use super::RenderContext;
use crate::event::{CommandPhase, Event, Kind, LaneId, Nanos, View};
use crate::model::LaneState;
use crate::text::{self, strace};
use crate::tui::draw::{Align, Row, cells};
use crate::tui::spots::Spot;
use crate::tui::theme::Role;
use crate::tui::words;

/// Draws the calls.
pub(crate) struct Calls<'a>(pub RenderContext<'a>);

/// Columns of a time.
const TIME: u16 = 7;

/// A call in which a thread sleeps.
struct Wait {
    lane: LaneId,
    since: Nanos,
    call: String,
}

/// What stands in a row.
enum Line {
    Event(Event),
    Asleep(Wait),
}

/// How many events are searched for rows that the filter shows.
const SEARCHED: usize = 65_536;

impl Calls<'_> {
    /// The pane's title.
    pub(crate) fn title(look: &RenderContext<'_>) -> Vec<String> {
        let mut title = vec![
            "Calls".to_owned(),
            if look.world().labelled {
                "what the kernel was asked".to_owned()
            } else if look.world().netpoll().is_some() {
                "what the server asked the kernel, * what its scheduler did".to_owned()
            } else {
                "what the server asked the kernel".to_owned()
            },
            "seen".to_owned(),
        ];
        look.filtered(&mut title);
        title
    }

    /// The visible events, oldest first. In the view of its own a past event stands in the middle
    /// with what came after it; in the overview it is the last.
    fn events(&self, rows: usize) -> Vec<Event> {
        let RenderContext { scene, ui, .. } = self.0;
        let now = scene.world.seq;
        if self.is_dropped() {
            return Vec::new();
        }
        let shown = |e: &Event| text::is_row(e) && ui.filter.shows_event(scene.world, e);
        let mut after = Vec::new();
        let mut back = if ui.view == View::Calls { ui.back } else { 0 };
        if ui.past.is_some() && ui.view == View::Calls && back == 0 {
            let mut left = SEARCHED;
            scene.journal.forward_from(now.next(), |event| {
                if shown(event) {
                    after.push(event.clone());
                }
                left -= 1;
                after.len() < rows / 2 && left > 0
            });
        }
        let room = rows - after.len().min(rows);
        let mut events = Vec::new();
        let mut left = SEARCHED;
        scene.journal.back_from(now, |event| {
            if events.len() < room && shown(event) {
                if back > 0 {
                    back -= 1;
                } else {
                    events.push(event.clone());
                }
            }
            left -= 1;
            events.len() < room && left > 0
        });
        events.reverse();
        events.append(&mut after);
        events
    }

    /// Whether the viewed event, and so every call up to it, is no longer kept.
    fn is_dropped(&self) -> bool {
        let RenderContext { scene, ui, .. } = self.0;
        let past = ui.past.as_ref();
        past.is_some_and(|past| scene.journal.first().is_some_and(|first| past.seq < first))
    }

    /// The waits that have not returned, the oldest first.
    fn unfinished(&self) -> Vec<Wait> {
        let world = self.0.world();
        let waits = world.lanes.iter().filter_map(|lane| match &lane.state {
            LaneState::Asleep(call) => {
                let call = strace::entered(&world, call, world.seq);
                Some(Wait { lane: lane.id, since: lane.since, call })
            }
            _ => None,
        });
        let mut waits: Vec<_> = waits.collect();
        waits.sort_by_key(|wait| wait.since);
        waits
    }

    /// The visible lines: the events, and the calls that sleep where their times say. What sleeps
    /// since before the first of them is not there, unless there is room.
    fn rows(&self, height: usize) -> Vec<Line> {
        let waits = if self.0.ui.filter.is_all() { self.unfinished() } else { Vec::new() };
        let events = self.events(height);
        let room = height - events.len();
        let oldest = events.first().map_or(Nanos(0), |event| event.t);
        let before = waits.iter().filter(|wait| wait.since < oldest).count();
        let mut waits = waits.into_iter().skip(before.saturating_sub(room)).peekable();
        let mut lines = Vec::new();
        for event in events {
            while let Some(wait) = waits.next_if(|wait| wait.since < event.t) {
                lines.push(Line::Asleep(wait));
            }
            lines.push(Line::Event(event));
        }
        lines.extend(waits.map(Line::Asleep));
        let first = lines.len().saturating_sub(height);
        lines.split_off(first)
    }

    fn draw_asleep(&self, wait: &Wait, row: &mut Row<'_>) {
        let (look, world) = (&self.0, self.0.live());
        let dim = look.style(Role::Dim);
        let since = words::moment(&world, wait.since);
        row.put(" ", dim).column(&since, self.time(), Align::Right, dim);
        let (name, columns) = (world.lane_name(wait.lane), words::lanes(&world));
        row.column(&name, columns, Align::Left, look.style(Role::Title));
        row.put(&format!("{} <asleep>", wait.call), look.style(Role::Asleep));
    }

    /// Columns of the times, which grow.
    fn time(&self) -> u16 {
        let live = self.0.live();
        cells(words::width(&words::moment(&live, live.t))).max(TIME)
    }

    pub(super) fn draw(&self, event: &Event, row: &mut Row<'_>) {
        let look = &self.0;
        let viewed = look.ui.past.is_some() && event.seq == look.world().seq;
        let marker = if viewed { look.theme.glyphs.selected } else { " " };
        let later = event.seq > look.world().seq;
        let text = if later { Role::Dim } else { Role::Text };
        let world = look.live();
        row.put(marker, look.style(Role::Focus));
        row.column(
            &words::moment(&world, event.t),
            self.time(),
            Align::Right,
            look.style(Role::Dim),
        );
        let own = event.lane.is_worker();
        let lane = if own { world.lane_name(event.lane) } else { String::new() };
        let role = if later { Role::Dim } else { Role::Title };
        row.column(&lane, words::lanes(&world), Align::Left, look.style(role));
        let (call, gloss) = text::row_parts(&look.live(), event);
        row.put(&call, look.style(if is_bad(event) { Role::Bad } else { text }));
        if !gloss.is_empty() {
            let role = if event.record().is_some_and(|r| r.ret.errno().is_none()) {
                Role::Data
            } else {
                text
            };
            row.put("   ", look.style(text))
                .put(&gloss, look.style(if later { Role::Dim } else { role }));
        }
    }
}

/// Whether the row tells of a failure of the server or of the tool.
fn is_bad(event: &Event) -> bool {
    use crate::event::Errno;
    match &event.kind {
        Kind::Return(record) => {
            record.ret.errno().is_some_and(|e| e != Errno::EAGAIN && e != Errno::EINTR)
        }
        Kind::Stale { believed, .. } => *believed,
        Kind::Gap { .. } | Kind::Refused(_) => true,
        Kind::Command { phase, .. } => matches!(phase, CommandPhase::Failed(_)),
        _ => false,
    }
}

impl Widget for Calls<'_> {
    fn render(self, area: Rect, buf: &mut Buffer) {
        let look = self.0;
        let height = usize::from(area.height);
        let rows = self.rows(height);
        for (n, line) in rows.iter().enumerate() {
            let mut row = Row::new(buf, area, cells(n));
            match line {
                Line::Event(event) => {
                    look.note_row(area, cells(n), Spot::Event(event.seq));
                    self.draw(event, &mut row);
                }
                Line::Asleep(wait) => {
                    look.note_row(area, cells(n), Spot::Lane(wait.lane));
                    self.draw_asleep(wait, &mut row);
                }
            }
        }
        if rows.is_empty() {
            let text = if self.is_dropped() {
                " the calls up to the viewed event have been dropped from the history"
            } else if look.ui.filter.is_all() {
                " none yet"
            } else {
                " none that the filter shows"
            };
            Row::new(buf, area, cells(0)).put(text, look.style(Role::Dim));
        }
    }
}
