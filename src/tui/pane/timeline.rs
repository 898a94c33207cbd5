//! The timeline: a track a thread and a registration; how long it stood on the ready list, when it
//! was reported, what was called.
//!
//! The axis ends at the newest (or viewed) event, rounded up to a quarter of its width, so that it
//! sweeps and moves on a slow beat instead of scrolling with every event.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::Widget;

use super::RenderContext;
use crate::event::{Nanos, TimeUnit, Trigger, print_duration};
use crate::model::{InterestEntry, MarkKind, ScanSet, Span, Track, TrackId};
use crate::tui::draw::{Align, Row, around, cells};
use crate::tui::theme::{Glyphs, Role};
use crate::tui::ui::TrackChoice;
use crate::tui::words;

/// Draws the tracks.
pub(crate) struct TimelinePane<'a>(pub RenderContext<'a>);

/// Columns of a track's label.
const LABEL: u16 = 11;
/// The same where descriptors and threads have names.
const NAMED: u16 = 17;
/// How far a mark may be moved to the right so as not to hide another one.
const SPILL: u16 = 4;
/// From this height on the marks are explained below the axis.
const LEGEND_FROM: u16 = 16;

/// The stretch of time that is shown.
#[derive(Clone, Copy)]
struct Window {
    from: Nanos,
    /// The newest event shown.
    until: Nanos,
    width: Nanos,
    columns: u16,
}

impl Window {
    fn new(until: Nanos, width: Nanos, columns: u16) -> Self {
        let beat = (width.0 / 4).max(1);
        // Marks of one moment follow each other to the right: the newest ones need room there.
        let room = width.0 * u64::from(SPILL + 2) / u64::from(columns.max(1));
        let end = (((until.0 + room) / beat + 1) * beat).max(width.0);
        Self { from: Nanos(end - width.0), until, width, columns }
    }

    /// The column of a time inside the window.
    fn column(&self, t: Nanos) -> u16 {
        let place = u128::from(t.since(self.from).0) * u128::from(self.columns);
        let place = u16::try_from(place / u128::from(self.width.0.max(1))).unwrap_or(u16::MAX);
        place.min(self.columns.saturating_sub(1))
    }
}

/// A cell: its glyph and role.
type Cell = (&'static str, Role);

fn span_cell(glyphs: &Glyphs, span: Option<Span>) -> Cell {
    match span {
        None | Some(Span::Gone) => (" ", Role::Dim),
        Some(Span::Running) => (glyphs.running, Role::Text),
        Some(Span::Asleep) => (glyphs.asleep, Role::Asleep),
        Some(Span::Held) => (glyphs.held, Role::Title),
        Some(Span::Quiet(Trigger::Level)) => (glyphs.level, Role::Dim),
        Some(Span::Quiet(Trigger::Edge)) => (glyphs.edge, Role::Edge),
        Some(Span::Ready) => (glyphs.listed, Role::Ready),
        Some(Span::PutBack) => (glyphs.put_back, Role::Ready),
        Some(Span::Unknown) => ("?", Role::Bad),
    }
}

fn moment_cell(glyphs: &Glyphs, id: TrackId, moment: MarkKind) -> Option<Cell> {
    Some(match moment {
        MarkKind::Span(_) => return None,
        MarkKind::Accept => (glyphs.accept, Role::Good),
        MarkKind::Arrive => (glyphs.arrive, Role::Data),
        MarkKind::Report if matches!(id, TrackId::Lane(_)) => ("W", Role::Title),
        MarkKind::Report => (glyphs.report, Role::Title),
        MarkKind::Read => (glyphs.read, Role::Data),
        MarkKind::Write => (glyphs.write, Role::Data),
        MarkKind::Again => (glyphs.again, Role::Text),
        MarkKind::End => (glyphs.end, Role::Title),
        MarkKind::Close => (glyphs.close, Role::Bad),
        MarkKind::Changed => (glyphs.changed, Role::Edge),
        MarkKind::Lost => (glyphs.lost, Role::Bad),
    })
}

/// A track as cells: the spans, with the marks on top. Marks that fall into one cell follow each
/// other to the right as long as they are not moved far.
fn track_cells(glyphs: &Glyphs, id: TrackId, track: &Track, window: &Window) -> Vec<Cell> {
    let mut line = vec![(" ", Role::Dim); usize::from(window.columns)];
    let mut marks: Vec<(u16, Cell)> = Vec::new();
    let mut span = track.span_before(window.from);
    let mut at = 0;
    for mark in track.window(window.from, window.until) {
        let column = window.column(mark.t);
        if let MarkKind::Span(next) = mark.what {
            line[usize::from(at)..usize::from(column)].fill(span_cell(glyphs, span));
            (span, at) = (Some(next), column);
        } else if let Some(cell) = moment_cell(glyphs, id, mark.what) {
            marks.push((column, cell));
        }
    }
    let last = usize::from(window.column(window.until));
    if let Some(rest) = line.get_mut(usize::from(at)..=last) {
        rest.fill(span_cell(glyphs, span));
    }
    if track.dropped_until() > window.from {
        // What is no longer kept is not drawn as if nothing had been.
        let until = usize::from(window.column(track.dropped_until()));
        line[..until].fill(("?", Role::Dim));
    }
    let mut free = 0;
    for (column, cell) in marks {
        let place = column.max(free);
        if place - column <= SPILL && place < window.columns {
            line[usize::from(place)] = cell;
            free = place + 1;
        }
    }
    line
}

impl TimelinePane<'_> {
    /// The pane's title: how much time is shown, and up to when.
    pub(crate) fn title(look: &RenderContext<'_>) -> Vec<String> {
        let until = look.world().t;
        let span = if look.world().clock == TimeUnit::Steps {
            format!("up to {}", words::moment(&look.world(), until))
        } else {
            format!("{} up to {until}", print_duration(look.ui.zoom))
        };
        let mut title = vec!["Timeline".to_owned(), span, "seen, model".to_owned()];
        look.filtered(&mut title);
        title
    }

    /// The tracks in so many rows: of those that have something to show in the window, the chosen
    /// one and those around it.
    fn tracks(&self, window: &Window, rows: usize) -> Vec<(TrackId, &Track)> {
        let timeline = self.0.scene.timeline;
        let shown = |(id, track): &(TrackId, &Track)| self.shows(window, *id, track);
        let chosen =
            self.chosen().filter(|id| timeline.track(*id).is_some_and(|t| shown(&(*id, t))));
        match chosen {
            None => timeline.tracks().filter(shown).take(rows).collect(),
            Some(id) => {
                around(timeline.before(id).filter(shown), timeline.from(id).filter(shown), rows)
            }
        }
    }

    fn shows(&self, window: &Window, id: TrackId, track: &Track) -> bool {
        let RenderContext { scene, ui, .. } = self.0;
        let shown = match id {
            TrackId::Lane(lane) => lane.is_worker(),
            TrackId::Watch(key) => ui.filter.shows(scene.world, key),
        };
        // Most tracks are alive: only of those that ended it is asked what they show.
        let there = || {
            if !track.is_over() {
                return track.begins() <= window.until;
            }
            let before = track.span_before(window.from);
            before.is_some_and(|span| span != Span::Gone)
                || track.window(window.from, window.until).next().is_some()
        };
        shown && there()
    }

    fn chosen(&self) -> Option<TrackId> {
        let ui = self.0.ui;
        match ui.track {
            TrackChoice::Lane => Some(TrackId::Lane(ui.lane)),
            TrackChoice::Watch => ui.watch.map(TrackId::Watch),
        }
    }

    /// Columns of the labels.
    fn columns(&self) -> u16 {
        // The longest word for how a file is watched has five letters; select has one more.
        let select = self.0.world().scan().is_some_and(ScanSet::is_select);
        if self.0.world().labelled { NAMED } else { LABEL + self.number() - 3 + u16::from(select) }
    }

    /// Columns of a descriptor's number in a label.
    fn number(&self) -> u16 {
        words::number_columns(self.0.scene.timeline.last_watch().map(|key| key.fd))
    }

    fn label(&self, id: TrackId) -> (String, Role) {
        let world = self.0.world();
        match id {
            TrackId::Lane(lane) => (world.lane_name(lane), Role::Title),
            TrackId::Watch(key) if world.labelled => {
                let name = world.watch_name(key);
                match world.instance.interest.get(key).map(InterestEntry::trigger) {
                    Some(Trigger::Level) => (format!("{name:<9.9} level"), Role::Text),
                    Some(Trigger::Edge) => (format!("{name:<9.9} EDGE"), Role::Edge),
                    None => (format!("{name:<9.9} gone"), Role::Dim),
                }
            }
            TrackId::Watch(key) => {
                let scanned = world.scan().filter(|set| set.get(key).is_some());
                let (word, role) = match world.instance.interest.get(key) {
                    None if scanned.is_some() => {
                        (scanned.map_or("", |set| set.backend.word()), Role::Text)
                    }
                    Some(entry) if entry.trigger() == Trigger::Level => ("level", Role::Text),
                    Some(_) => ("EDGE", Role::Edge),
                    None => ("gone", Role::Dim),
                };
                let columns = usize::from(self.number());
                (format!("{:>columns$} {word}", key.fd.0), role)
            }
        }
    }

    fn axis(&self, area: Rect, y: u16, window: &Window, buf: &mut Buffer) {
        const STEPS: [u64; 3] = [1, 2, 5];
        let unit = if self.0.world().clock == TimeUnit::Steps { "step" } else { "seconds" };
        let mut least = window.width.0 * 12 / u64::from(window.columns.max(1));
        if self.0.world().clock == TimeUnit::Steps {
            least = (least / 2).max(TimeUnit::STEP.0);
        }
        let scales = (0..14).map(|power| 10_u64.pow(power));
        let mut steps = scales.flat_map(|scale| STEPS.map(|step| step * scale));
        let step = steps.find(|step| *step >= least.max(1)).unwrap_or(window.width.0.max(1));
        let decimals = match step {
            1_000_000_000.. => 0,
            100_000_000.. => 1,
            1_000_000.. => 3,
            _ => 6,
        };
        let end = window.from.0 + window.width.0;
        let mut t = window.from.0.div_ceil(step) * step;
        while t <= end {
            let column = window.column(Nanos(t));
            let at = Rect {
                x: area.x + self.columns() + column,
                width: area.width.saturating_sub(self.columns() + column),
                ..area
            };
            let mark = self.0.theme.glyphs.vertical;
            let text = format!("{mark}{:.decimals$}", Nanos(t).secs());
            if at.width >= cells(words::width(&text)) {
                Row::new(buf, at, y).put(&text, self.0.style(Role::Dim));
            }
            t += step;
        }
        Row::new(buf, area, y).column(unit, self.columns(), Align::Left, self.0.style(Role::Dim));
    }

    /// A switch to another way of waiting is a line through all tracks.
    fn switches(&self, area: Rect, window: &Window, drawn: usize, buf: &mut Buffer) {
        let shown = |t: Nanos| t >= window.from && t <= window.until;
        for (t, to) in self.0.scene.timeline.switches().filter(|(t, _)| shown(*t)) {
            let x = area.x + self.columns() + window.column(t);
            let line = Rect { x, width: area.right().saturating_sub(x), ..area };
            for n in 0..area.height {
                Row::new(buf, line, n).put(self.0.theme.glyphs.vertical, self.0.style(Role::Badge));
            }
            // Its name has a row of its own, if no track is there.
            let word = to.word();
            let room = cells(words::width(word)) < line.width;
            if room && drawn < usize::from(area.height) {
                let after = Rect { x: x + 1, width: line.width - 1, ..line };
                Row::new(buf, after, area.height - 1).put(word, self.0.style(Role::Dim));
            }
        }
    }

    /// The marks explained, broken into rows.
    fn legend(&self, columns: u16) -> Vec<Vec<(&'static str, &'static str)>> {
        let g = self.0.theme.glyphs;
        let marks = [
            (g.asleep, "asleep"),
            (g.running, "runs"),
            (g.held, "held"),
            ("W", "epoll_wait returned"),
            (g.listed, "on the ready list"),
            (g.put_back, "put back"),
            (g.level, "level, quiet"),
            (g.edge, "edge, quiet"),
            (g.arrive, "arrived"),
            (g.report, "reported"),
            (g.read, "read"),
            (g.again, "EAGAIN"),
            (g.write, "write"),
            (g.accept, "accept"),
            (g.changed, "added, changed"),
            (g.end, "end"),
            (g.close, "close, reset"),
            (g.lost, "lost"),
        ];
        let mut rows = vec![Vec::new()];
        let mut used = 0;
        for (glyph, what) in marks {
            let width = cells(words::width(what)) + 4;
            if used + width > columns {
                rows.push(Vec::new());
                used = 0;
            }
            used += width;
            if let Some(row) = rows.last_mut() {
                row.push((glyph, what));
            }
        }
        rows
    }

    fn draw_legend(
        &self,
        rows: &[Vec<(&'static str, &'static str)>],
        area: Rect,
        buf: &mut Buffer,
    ) {
        for (n, marks) in rows.iter().enumerate() {
            let mut row = Row::new(buf, area, cells(n));
            for (glyph, what) in marks {
                row.put(glyph, self.0.style(Role::Title)).put(" ", self.0.style(Role::Dim));
                row.put(what, self.0.style(Role::Dim)).put("  ", self.0.style(Role::Dim));
            }
        }
    }
}

impl Widget for TimelinePane<'_> {
    fn render(self, area: Rect, buf: &mut Buffer) {
        let label = self.columns();
        if area.height == 0 || area.width <= label + 10 {
            return;
        }
        let look = self.0;
        let window = Window::new(look.world().t, look.ui.zoom, area.width - label);
        let explained =
            if area.height >= LEGEND_FROM { self.legend(area.width) } else { Vec::new() };
        let legend = cells(explained.len());
        let rows = usize::from(area.height.saturating_sub(1 + legend));
        let tracks = self.tracks(&window, rows);
        let drawn = tracks.len();
        for (n, (id, track)) in tracks.iter().enumerate() {
            let mut row = Row::new(buf, area, cells(n));
            let marker = if self.chosen() == Some(*id) { look.theme.glyphs.selected } else { " " };
            let (name, role) = self.label(*id);
            row.put(marker, look.style(Role::Focus));
            row.column(&name, label - 2, Align::Left, look.style(role));
            for (glyph, role) in track_cells(look.theme.glyphs, *id, track, &window) {
                row.put(glyph, look.style(role));
            }
        }
        let axis = area.height - 1 - legend;
        self.axis(area, axis, &window, buf);
        self.switches(Rect { height: axis, ..area }, &window, drawn, buf);
        if look.ui.past.is_some() {
            let x = area.x + label + window.column(window.until);
            let line = Rect::new(x, area.y, 1, axis + 1).intersection(buf.area);
            buf.set_style(line, look.style(Role::Cursor));
        }
        if legend > 0 {
            self.draw_legend(
                &explained,
                Rect { y: area.y + axis + 1, height: legend, ..area },
                buf,
            );
        }
    }
}
