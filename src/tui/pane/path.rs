//! The way of one event: the kernel's own structures as places, in the order in which an event goes
//! through them, from the file's wait queue to what the server calls. The places that the viewed
//! event touches are lit; each says when it was reached and how long after the one before.
//!
//! Wide enough it is drawn as a circuit, above towards the sleeping thread, below back to the
//! server; else as a list.

mod epoll;
mod own_code;
mod ring;
mod scan;
mod trail;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::Widget;

use super::RenderContext;
use crate::event::{FileKind, Nanos, TimeUnit, WatchKey};
use crate::model::Poller;
use crate::tui::draw::{Accent, Align, Row, cells, frame, inside};
use crate::tui::theme::Role;
use crate::tui::words;

use trail::{Place, Trail};

/// Draws the way.
pub(crate) struct PathPane<'a>(pub RenderContext<'a>);

/// From so many columns and rows on it is a circuit.
const CIRCUIT: (u16, u16) = (104, 13);

/// One place, with what is there.
struct Stage {
    place: Place,
    title: &'static str,
    lines: Vec<(Role, String)>,
    /// What always happens there.
    words: &'static str,
}

impl Stage {
    fn new(place: Place, title: &'static str, words: &'static str) -> Self {
        Self { place, title, lines: Vec::new(), words }
    }

    fn line(&mut self, role: Role, text: impl Into<String>) {
        self.lines.push((role, text.into()));
    }
}

/// The places, when each was reached, and whether the viewed event touches it.
struct Picture {
    stages: Vec<Stage>,
    times: Vec<Option<Nanos>>,
    lit: Vec<bool>,
}

impl<'a> PathPane<'a> {
    /// The pane's title: whose way it is.
    pub(crate) fn title(look: &RenderContext<'a>) -> Vec<String> {
        let mut title = vec!["The way of one event".to_owned()];
        if let Some(key) = Self::subject(look) {
            title.push(look.world().watch_name(key));
            let world = look.world();
            let entry = world.instance.interest.get(key);
            // A lesson may be before its first ADD.
            let comes = world.labelled && world.world.pollers.own().is_none();
            if entry.is_some() || comes {
                title.push(epoll::trigger(entry).to_owned());
            }
        }
        title.push(look.known_by("seen, model"));
        title
    }

    /// The file that the viewed event is about, or the selected one.
    fn subject(look: &RenderContext<'a>) -> Option<WatchKey> {
        let of_event = trail::subject(&look.scene, look.scene.world.seq, look.ui.watch);
        // Live, the picture stays with what is selected.
        let shown = of_event.filter(|_| look.ui.past.is_some()).or(look.ui.watch);
        shown.or_else(|| Self::first_file(look))
    }

    /// Before a lesson's first ADD: the first file that can come to something. Of a server whatever
    /// is registered is selected, unless nobody wants that.
    fn first_file(look: &RenderContext<'a>) -> Option<WatchKey> {
        let world = look.world();
        let all = world.world.fds.iter().filter(|_| world.labelled);
        let can_wake = all.filter(|(_, file)| {
            let kind = world.world.files.get(file).map(|file| file.what);
            kind.is_some_and(|what| what != FileKind::Epoll && what != FileKind::PipeWriter)
        });
        let keys = can_wake.map(|(fd, file)| WatchKey { fd: *fd, file: *file });
        keys.min_by_key(|key| key.fd)
    }

    fn picture(&self) -> Option<Picture> {
        let look = &self.0;
        let trail = Trail::of(&look.scene, Self::subject(look)?);
        let world = look.world();
        let stages = match world.world.pollers.own() {
            Some(Poller::Scan(set)) => scan::stages(look, set, &trail),
            Some(Poller::Ring(rings)) => ring::stages(look, rings, &trail),
            Some(Poller::Netpoll(netpoll)) => own_code::goroutines(look, netpoll, &trail),
            Some(Poller::Threads(served)) => own_code::threads(look, served, &trail),
            None => epoll::stages(look, &trail),
        };
        // A set that is passed in is no list on which a wake-up puts anything.
        let passed = |stage: &Stage| stage.place == Place::List && look.world().scan().is_some();
        let time = |stage: &Stage| trail.time(stage.place).filter(|_| !passed(stage));
        let times = stages.iter().map(time).collect();
        let changed = self.changed(trail.key);
        let is_lit = |place: &Place| trail.at.contains(place) || changed.contains(place);
        let lit = stages.iter().map(|stage| is_lit(&stage.place)).collect();
        Some(Picture { stages, times, lit })
    }

    /// Where lists are read they tell what the viewed event did to the file's registration.
    fn changed(&self, key: WatchKey) -> &'static [Place] {
        let world = self.0.world();
        let delta = &world.instance.delta;
        match world.labelled {
            true if delta.added.iter().any(|entry| entry.key == key) => {
                &[Place::Socket, Place::Callback, Place::List]
            }
            true if delta.removed.contains(&key) => &[Place::Scan, Place::List],
            _ => &[],
        }
    }

    /// `4.486 +12 us`: when a place was reached, and how long after the last one before.
    fn when(&self, picture: &Picture, n: usize) -> Option<String> {
        if self.0.world().clock == TimeUnit::Steps {
            return None;
        }
        let at = picture.times[n]?;
        let before = picture.times[..n].iter().flatten().max().copied();
        Some(match before {
            Some(before) if before == at => String::new(),
            Some(before) if before < at => format!("+{}", words::brief(at.since(before))),
            _ => at.to_string(),
        })
    }

    /// One place as a box.
    fn draw_box(&self, picture: &Picture, n: usize, area: Rect, buf: &mut Buffer) {
        let stage = &picture.stages[n];
        let title = vec![format!("{} {}", n + 1, stage.title)];
        let accent = if picture.lit[n] { Accent::Look } else { Accent::None };
        frame(buf, area, &title, self.0.theme, accent);
        let inner = inside(area);
        if let (Some(when), Some(last)) = (self.when(picture, n), inner.height.checked_sub(1)) {
            Row::new(buf, inner, last).end(&when, self.0.style(Role::Dim));
        }
        for (row, (role, text)) in stage.lines.iter().take(inner.height.into()).enumerate() {
            let text = words::cut(text, inner.width.into(), self.0.theme.glyphs.ellipsis);
            Row::new(buf, inner, cells(row)).put(&text, self.0.style(*role));
        }
    }

    /// Above to the right, below back to the left.
    fn circuit(&self, picture: &Picture, area: Rect, buf: &mut Buffer) {
        let count = picture.stages.len();
        let above = cells(count.div_ceil(2));
        let gap = 3;
        let width = (area.width - gap * (above - 1)) / above;
        let height = (area.height - 1) / 2;
        let glyphs = self.0.theme.glyphs;
        for n in 0..count {
            let (column, row) = match cells(n) {
                n if n < above => (n, 0),
                n => (2 * above - 1 - n, 1),
            };
            let x = area.x + column * (width + gap);
            let y = area.y + row * (height + 1);
            self.draw_box(picture, n, Rect { x, y, width, height }, buf);
            let lit = |n: usize| picture.lit.get(n).copied().unwrap_or(false);
            let style = self.0.style(if lit(n) { Role::Look } else { Role::Dim });
            if n + 1 == count {
                continue;
            }
            match cells(n) + 1 {
                next if next == above => {
                    let down = Rect { x: x + width / 2, y: y + height, width: 1, height: 1 };
                    Row::new(buf, down, 0).put(glyphs.down, style);
                }
                next => {
                    let at = if next < above { x + width } else { x - gap };
                    let line = Rect { x: at, y: y + height / 2, width: gap, height: 1 };
                    let arrow = if next < above { glyphs.to_right } else { glyphs.to_left };
                    Row::new(buf, line, 0).put(arrow, style);
                }
            }
        }
    }

    /// What happens in each place, as far as there is room for all of it.
    fn explain(&self, picture: &Picture, area: Rect, buf: &mut Buffer) {
        let columns = usize::from(area.width.saturating_sub(4));
        let wrapped = picture.stages.iter().enumerate().map(|(n, stage)| {
            let text = format!("{} {}: {}", n + 1, stage.title, stage.words);
            (n, words::wrap(&text, columns))
        });
        let texts: Vec<_> = wrapped.collect();
        let rows: usize = texts.iter().map(|(_, lines)| lines.len()).sum();
        if rows + 1 > area.height.into() {
            return;
        }
        let lines = texts.iter().flat_map(|(n, lines)| lines.iter().map(|line| (*n, line)));
        let mut before = None;
        for (row, (n, line)) in lines.enumerate() {
            let lit = picture.lit[n];
            let mut row = Row::new(buf, area, cells(row) + 1);
            let first = before.replace(n) != Some(n);
            let mark = if lit && first { self.0.theme.glyphs.look } else { " " };
            let indent = if first { "" } else { "  " };
            let role = if lit { Role::Text } else { Role::Dim };
            row.put(" ", self.0.style(Role::Dim)).put(mark, self.0.style(Role::Look));
            row.put(indent, self.0.style(Role::Dim)).put(line, self.0.style(role));
        }
    }

    /// One place below the other, each in a row or two.
    fn list(&self, picture: &Picture, area: Rect, buf: &mut Buffer) {
        let count = picture.stages.len().max(1);
        let each = (usize::from(area.height) / count).clamp(1, 3);
        let titles = picture.stages.iter().map(|stage| words::width(stage.title) + 3);
        let titles = cells(titles.max().unwrap_or(0));
        // Where time is counted in steps no place has one.
        let times = if self.0.world().clock == TimeUnit::Steps { 0 } else { 8 };
        let columns = usize::from(area.width.saturating_sub(titles + times + 4));
        for (n, stage) in picture.stages.iter().enumerate() {
            let lit = picture.lit[n];
            let at = cells(n * each);
            // On the smallest screens the last places have no row.
            if at >= area.height {
                break;
            }
            let mut row = Row::new(buf, area, at);
            let glyph = if lit { self.0.theme.glyphs.look } else { " " };
            row.put(glyph, self.0.style(Role::Look));
            let role = if lit { Role::Look } else { Role::Title };
            let title = format!("{} {}", n + 1, stage.title);
            row.column(&title, titles, Align::Left, self.0.style(role));
            if times > 0 {
                let when = self.when(picture, n).unwrap_or_default();
                row.column(&when, times, Align::Right, self.0.style(Role::Dim));
            }
            let left = area.width - row.left();
            for (below, texts) in packed(&stage.lines, each, columns).iter().enumerate() {
                let right = Rect {
                    x: area.x + left + 1,
                    width: area.width.saturating_sub(left + 1),
                    ..area
                };
                let mut row = Row::new(buf, right, at + cells(below));
                for (role, text) in texts {
                    let text = words::cut(text, row.left().into(), self.0.theme.glyphs.ellipsis);
                    row.put(&text, self.0.style(*role)).put("  ", self.0.style(Role::Dim));
                }
            }
        }
    }
}

/// The lines of a place in so many rows: several in a row, where they have to be.
fn packed(lines: &[(Role, String)], rows: usize, columns: usize) -> Vec<Vec<(Role, String)>> {
    let mut packed = vec![Vec::new()];
    let mut used = 0;
    for line in lines {
        let width = words::width(&line.1) + 2;
        let whole = lines.len() <= rows || used + width > columns;
        if whole && used > 0 && packed.len() < rows {
            packed.push(Vec::new());
            used = 0;
        }
        used += width;
        if let Some(row) = packed.last_mut() {
            row.push(line.clone());
        }
    }
    packed
}

impl Widget for PathPane<'_> {
    fn render(self, area: Rect, buf: &mut Buffer) {
        let Some(picture) = self.picture() else {
            let text = "no file is selected, and the viewed event is about none";
            Row::new(buf, area, 0).put(text, self.0.style(Role::Dim));
            return;
        };
        if area.width >= CIRCUIT.0 && area.height >= CIRCUIT.1 {
            // Taller boxes would be empty.
            let most = picture.stages.iter().map(|stage| stage.lines.len()).max().unwrap_or(0);
            let height = area.height.min(2 * (cells(most) + 3) + 1).max(CIRCUIT.1);
            self.circuit(&picture, Rect { height, ..area }, buf);
            let below = Rect { y: area.y + height, height: area.height - height, ..area };
            self.explain(&picture, below, buf);
        } else {
            self.list(&picture, area, buf);
        }
    }
}
