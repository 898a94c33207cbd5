//! The timeline: a track a thread and a registration; how long it stood on the ready list, when it
//! was reported, what was called.
//!
//! A column is a stretch of time and shows what happened in it: one mark as what it is, several as
//! their number, and where nothing happened the state that held longest. Of a thread whose calls
//! fall together it shows the share of the time in which it was not asleep.
//!
//! The axis ends at the newest (or viewed) event, rounded up to a sixteenth of its width, so that it
//! moves on a slow beat instead of scrolling with every event.

mod column;

#[cfg(test)]
mod tests;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::Widget;

use super::RenderContext;
use crate::event::{Nanos, TimeUnit, Trigger, print_duration};
use crate::model::{InterestEntry, Mark, ScanSet, Span, Track, TrackId};
use crate::tui::draw::{Align, Row, around, cells};
use crate::tui::spots::Spot;
use crate::tui::theme::Role;
use crate::tui::ui::TrackChoice;
use crate::tui::words;

use column::{Band, Window, columns};

/// Draws the tracks.
pub(crate) struct TimelinePane<'a>(pub RenderContext<'a>);

/// Columns of a track's label.
const LABEL: u16 = 11;
/// The same where descriptors and threads have names.
const NAMED: u16 = 17;
/// From this height on the marks are explained below the axis.
const LEGEND_FROM: u16 = 16;

/// Several marks of the chosen track in one column.
pub(crate) struct Crowd {
    /// How many.
    pub(crate) count: usize,
    /// The first of them.
    pub(crate) first: Mark,
    /// The time that a column stands for.
    pub(crate) within: Nanos,
    columns: u16,
}

impl Crowd {
    /// The widest of these stretches of time in which the first and the last of them, at `until`, are
    /// far enough apart for the others between them; or the narrowest.
    pub(crate) fn zoom(&self, until: Nanos, widths: &[Nanos]) -> Option<Nanos> {
        let apart = until.since(self.first.t).0.saturating_mul(self.columns.into());
        let parts = apart / (4 * u64::try_from(self.count).unwrap_or(u64::MAX)).max(1);
        let fits = |width: &&Nanos| width.0 <= parts;
        widths.iter().rev().find(fits).or(widths.first()).copied()
    }
}

impl<'a> TimelinePane<'a> {
    /// The marks of the chosen track that share a column with the viewed event, on a screen as wide
    /// as it is: what the keys zoom to.
    pub(crate) fn crowd(look: &RenderContext<'a>) -> Option<Crowd> {
        look.ui.past.as_ref()?;
        let pane = Self(*look);
        let columns = look.ui.size.0.checked_sub(2 + pane.columns()).filter(|n| *n > 10)?;
        let window = Window::new(look.world().t, look.ui.zoom, columns);
        let track = look.scene.timeline.track(pane.chosen()?)?;
        let (first, count) = window.last_column(track).filter(|(_, count)| *count > 1)?;
        Some(Crowd { count, first, within: window.resolution(), columns })
    }

    fn draw_track(
        &self,
        id: TrackId,
        track: &Track,
        window: &Window,
        bands: &[Band],
        area: Rect,
        buf: &mut Buffer,
    ) {
        let look = self.0;
        let glyphs = look.theme.glyphs;
        let columns = columns(track, window);
        for (n, band) in bands.iter().enumerate().take(usize::from(area.height)) {
            self.note_marks(id, track, window, *band, Rect { y: area.y + cells(n), ..area });
            let mut row = Row::new(buf, area, cells(n));
            let chosen = self.chosen() == Some(id);
            let marker = if chosen { glyphs.selected } else { " " };
            let (name, role) = if n == 0 { self.label(id) } else { (String::new(), Role::Dim) };
            row.put(marker, look.style(Role::Focus));
            row.column(&name, self.columns() - 2, Align::Left, look.style(role));
            for column in &columns {
                let (glyph, role) = column.cell(glyphs, id, *band);
                row.put(glyph, look.style(role));
            }
        }
    }
}

impl TimelinePane<'_> {
    /// Writes down where the marks of a row of a track stand; elsewhere in the row it is the track.
    fn note_marks(&self, id: TrackId, track: &Track, window: &Window, band: Band, area: Rect) {
        let look = &self.0;
        if look.spots.is_none() {
            return;
        }
        let whole = match id {
            TrackId::Lane(lane) => Spot::Lane(lane),
            TrackId::Watch(key) => Spot::File(key),
        };
        look.note_row(area, 0, whole);
        let left = area.x + self.columns();
        for mark in track.window(window.from, window.until).filter(|mark| band.has(mark.what)) {
            let x = left + window.column(mark.t);
            let cell = Rect { x, width: 1, height: 1, ..area };
            look.note(cell, Spot::Mark(id, mark.seq));
        }
    }

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
                let goroutine = world.netpoll().and_then(|it| it.of_file(key.file).next());
                let own = world.served().and_then(|served| served.by(key).first());
                let own_name = own.map_or_else(String::new, |lane| world.lane_name(*lane));
                let served = goroutine.map_or_else(String::new, |go| go.id.to_string());
                let (word, role) = match world.instance.interest.get(key) {
                    // Of a ring each open file, whether it has an operation in flight or not.
                    None if world.ring().is_some() && world.fds.get(&key.fd) == Some(&key.file) => {
                        ("ring", Role::Text)
                    }
                    None if scanned.is_some() => {
                        (scanned.map_or("", |set| set.backend.word()), Role::Text)
                    }
                    Some(_) if goroutine.is_some() => (&*served, Role::Text),
                    Some(entry) if entry.trigger() == Trigger::Level => ("level", Role::Text),
                    Some(_) => ("EDGE", Role::Edge),
                    None if own.is_some() => (&*own_name, Role::Text),
                    None => ("gone", Role::Dim),
                };
                let own = world.world.file_of(key).is_some_and(words::is_own);
                let role = if own { Role::Dim } else { role };
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
        let end = window.from.0.saturating_add(window.width.0);
        let mut next = window.from.0.div_ceil(step).checked_mul(step);
        while let Some(t) = next.filter(|t| *t <= end) {
            next = t.checked_add(step);
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
    fn legend(&self, window: &Window) -> Vec<Vec<(String, String)>> {
        let g = self.0.theme.glyphs;
        let columns = window.columns + self.columns();
        let marks = [
            (g.asleep, "asleep"),
            (g.running, "runs"),
            (g.held, "held"),
            (g.shares[4], "part of the time"),
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
            (g.idle, "not known"),
        ];
        let marks = marks.map(|(glyph, what)| (glyph.to_owned(), what.to_owned()));
        let within = words::brief(window.resolution());
        let many = (
            format!("2..9 {} {}", g.many, g.very_many),
            format!("so many marks in {within}, 10 and more, 100 and more"),
        );
        let mut rows = vec![Vec::new()];
        let mut used = 0;
        for (glyph, what) in marks.into_iter().chain([many]) {
            let width = cells(words::width(&glyph) + words::width(&what)) + 3;
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

    fn draw_legend(&self, rows: &[Vec<(String, String)>], area: Rect, buf: &mut Buffer) {
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
        let explained = if area.height >= LEGEND_FROM { self.legend(&window) } else { Vec::new() };
        let legend = cells(explained.len());
        let axis = area.height.saturating_sub(1 + legend);
        let tracks = self.tracks(&window, usize::from(axis));
        let each = if legend > 0 { usize::from(axis) / tracks.len().max(1) } else { 1 };
        let bands = Band::rows(each);
        for (n, (id, track)) in tracks.iter().enumerate() {
            let row = cells(n * bands.len());
            let rows = Rect { y: area.y + row, height: axis.saturating_sub(row), ..area };
            self.draw_track(*id, track, &window, bands, rows, buf);
        }
        self.axis(area, axis, &window, buf);
        let drawn = tracks.len() * bands.len();
        self.switches(Rect { height: axis, ..area }, &window, drawn, buf);
        if look.ui.past.is_some() {
            let x = area.x + label + window.column(window.until);
            let line = Rect::new(x, area.y, 1, axis + 1).intersection(buf.area);
            buf.set_style(line, look.style(Role::Cursor));
        }
        if legend > 0 {
            let below = Rect { y: area.y + axis + 1, height: legend, ..area };
            self.draw_legend(&explained, below, buf);
        }
    }
}
