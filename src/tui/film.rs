//! Films of the screen: what a terminal would show, as cells that changed with words beside them.
//!
//! ```text
//! App + Scene ──┐            ┌─ head line, if there are new styles
//!               ├─> Camera ──┤
//! LessonApp  ───┘            └─ Frame: what differs from the screen before, or a whole screen
//! ```
//!
//! A camera has a size and colours of its own: what it films need not be what a terminal shows, and
//! it costs nothing where nobody takes a screen.

mod colour;
mod lesson;
mod recording;

#[cfg(test)]
mod tests;

use ratatui::buffer::{Buffer, Cell};
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier};
use rustc_hash::FxHashMap;

use super::app::App;
use super::lesson::app::LessonApp;
use super::lesson::menu::Menu;
use super::lesson::screen::draw as draw_lesson;
use super::pane::{RenderContext, Why};
use super::screen;
use super::spots::Spots;
use super::theme::Theme;
use crate::event::{Nanos, Seq, TimeUnit};
use crate::film::{
    FilmCall, FilmHead, FilmRow, FilmSpan, FilmStyle, FilmWords, Frame, Sampling, Sentences,
    SpanList, glyph_of, told,
};
use crate::session::Scene;
use crate::text;

pub use lesson::film_lesson;
pub(crate) use lesson::last_of_lesson;
pub use recording::{FilmPlan, film};

/// What is filmed.
#[derive(Clone, Copy, Debug)]
pub(super) struct FilmSubject<'a> {
    /// What it is called.
    pub(super) title: &'a str,
    /// What its times count.
    pub(super) clock: TimeUnit,
    /// Which time it is shown: what begins again has other events.
    pub(super) run: u32,
}

/// What came of a look through a camera.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// The head, if it is the first look or there are new styles: it comes before the frame.
    pub head: Option<FilmHead>,
    /// The frame; `None` if the screen and its words are as they were.
    pub frame: Option<Frame>,
}

/// What a cell looks like: its colours and emphases.
type Look = (Color, Color, Modifier);

/// A cell: the symbol by its character, or by its place among the longer ones, and above that the
/// style. Rows of numbers are compared as fast as anything is.
type Shot = u64;

/// Longer symbols are numbered from here on; no character is.
const LONGER: u32 = 0x8000_0000;
/// A cell that the symbol before it reaches over.
const COVERED: u32 = 0;
const BLANK: Shot = shot(b' ' as u32, 0);

const fn shot(symbol: u32, style: u16) -> Shot {
    (style as u64) << 32 | symbol as u64
}

fn symbol_of(shot: Shot) -> u32 {
    u32::try_from(shot & u64::from(u32::MAX)).unwrap_or(0)
}

fn style_of(shot: Shot) -> u16 {
    u16::try_from(shot >> 32).unwrap_or(0)
}

/// Takes screens, and tells each as what differs from the one before.
pub struct Camera {
    theme: Theme,
    head: FilmHead,
    styles: FxHashMap<Look, u16>,
    /// Styles of which the head has been told.
    told: usize,
    longer: Vec<String>,
    buf: Buffer,
    cells: Vec<Shot>,
    words: FilmWords,
    /// Frames since a key frame; `None` makes the next one of them.
    since: Option<u32>,
    /// The last call that was told.
    call: Seq,
}

impl Camera {
    /// A camera for screens of so many columns and rows.
    pub fn new(title: &str, clock: TimeUnit, size: (u16, u16), theme: &Theme) -> Self {
        let theme = theme.indexed();
        let (fg, bg) = colour::ground(&theme);
        let head = FilmHead {
            title: title.to_owned(),
            run: 0,
            cols: size.0,
            rows: size.1,
            clock,
            fg,
            bg,
            turned: colour::turned(&theme),
            sampling: Sampling::Shown,
            gaps: Vec::new(),
            cut: false,
            styles: vec![FilmStyle::default()],
        };
        Self {
            theme,
            head,
            styles: FxHashMap::default(),
            told: 0,
            longer: Vec::new(),
            buf: Buffer::empty(Rect::new(0, 0, size.0, size.1)),
            cells: Vec::new(),
            words: FilmWords::default(),
            since: None,
            call: Seq(0),
        }
    }

    /// What it films, with all styles up to now.
    pub fn head(&self) -> &FilmHead {
        &self.head
    }

    /// What was told last has not arrived: the next frame tells everything again.
    pub(super) fn forget(&mut self) {
        (self.told, self.since) = (0, None);
    }

    /// Makes the next frame a key frame, even if nothing changes.
    pub fn force_key(&mut self) {
        self.since = None;
    }

    /// Takes the screen of a server or a recording, at the event that is viewed.
    pub fn app(&mut self, app: &mut App, live: Scene<'_>) -> Taken {
        self.app_with(app, live, |_, _| {})
    }

    /// The same, with rows that are left out below the film's own, of which `finish` may make
    /// something.
    fn app_with(
        &mut self,
        app: &mut App,
        live: Scene<'_>,
        finish: impl FnOnce(&mut Buffer, &Theme),
    ) -> Taken {
        let area = self.buf.area;
        let size = std::mem::replace(&mut app.ui.size, (area.width, area.height));
        let scene = app.view(live);
        let calls = self.calls(&scene);
        let at = (scene.world.seq, scene.world.t);
        let rows = self.head.rows;
        let taken = self.take(at, |theme, buf| {
            let spots = Spots::default();
            let look = RenderContext { scene, ui: &app.ui, theme, spots: Some(&spots) };
            screen::draw(&look, buf);
            finish(buf, theme);
            words(&look, rows, calls)
        });
        app.ui.size = size;
        taken
    }

    /// Takes the screen of a lesson.
    pub fn lesson(&mut self, lesson: &mut LessonApp) -> Taken {
        let area = self.buf.area;
        let size = std::mem::replace(&mut lesson.app.ui.size, (area.width, area.height));
        let scene = lesson.view();
        let calls = self.calls(&scene);
        let at = (scene.world.seq, scene.world.t);
        let rows = self.head.rows;
        let taken = self.take(at, |theme, buf| {
            let spots = Spots::default();
            draw_lesson(lesson, theme, Some(&spots), buf);
            let look = RenderContext { scene, ui: &lesson.app.ui, theme, spots: Some(&spots) };
            if look.ui.keyless {
                recording::close(buf, buf.area.height - 1, theme);
            }
            let story = Some(lesson.told(theme.glyphs));
            FilmWords { story, ..words(&look, rows, calls) }
        });
        lesson.app.ui.size = size;
        taken
    }

    /// Takes the menu of the lessons.
    pub(super) fn menu(&mut self, menu: &mut Menu) -> Taken {
        let area = self.buf.area;
        let size = std::mem::replace(&mut menu.ui.size, (area.width, area.height));
        let taken = self.take((Seq(0), Nanos(0)), |theme, buf| {
            menu.paint(theme, buf);
            FilmWords::default()
        });
        menu.ui.size = size;
        taken
    }

    /// What comes from now on is something else, on another clock: it begins with a key frame, and
    /// what it is painted with stays as it was.
    pub(super) fn turn_to(&mut self, FilmSubject { title, clock, run }: FilmSubject<'_>) {
        let head = &mut self.head;
        if head.title != title || head.clock != clock || head.run != run {
            (head.title, head.clock, head.run) = (title.to_owned(), clock, run);
            (self.told, self.since, self.call) = (0, None, Seq(0));
        }
    }

    /// The newest calls up to the viewed event that were not told before.
    fn calls(&mut self, scene: &Scene<'_>) -> Vec<FilmCall> {
        /// Events that are looked at for that.
        const LOOKED_AT: u64 = 4096;
        let (now, told) = (scene.world.seq, self.call);
        if now <= told {
            return Vec::new();
        }
        self.call = now;
        let oldest = Seq(told.0.max(now.0.saturating_sub(LOOKED_AT)));
        let mut calls = Vec::new();
        scene.journal.back_from(now, |event| {
            if event.seq > oldest && text::is_row(event) {
                let row = text::row(scene.live, event);
                // Each viewer writes the time.
                let row = row.split_once(' ').map_or("", |(_, row)| row).to_owned();
                calls.push(FilmCall(event.seq, event.t, row));
            }
            event.seq > oldest && calls.len() < FilmWords::CALLS
        });
        calls.reverse();
        calls
    }

    /// Takes a screen that `paint` draws, of that event.
    fn take(
        &mut self,
        (seq, t): (Seq, Nanos),
        paint: impl FnOnce(&Theme, &mut Buffer) -> FilmWords,
    ) -> Taken {
        self.buf.reset();
        let words = paint(&self.theme, &mut self.buf);
        let cells = self.shots();
        let key = self.since.is_none_or(|since| since >= Frame::KEYS - 1);
        let (blank, none) = (vec![BLANK; if key { cells.len() } else { 0 }], FilmWords::default());
        let (before, said) = if key { (&blank, &none) } else { (&self.cells, &self.words) };
        let spans = self.spans(before, &cells);
        let changed = words.since(said);
        self.cells = cells;
        self.words = FilmWords { calls: Vec::new(), ..words };
        let head = (self.told < self.head.styles.len()).then(|| self.head.clone());
        self.told = self.head.styles.len();
        let frame = Frame { seq, t, reading: 0, key, spans, words: changed };
        let same = !key && frame.spans.is_empty() && frame.words.is_empty();
        if !same {
            self.since = Some(if key { 0 } else { self.since.map_or(0, |since| since + 1) });
        }
        Taken { head, frame: (!same).then_some(frame) }
    }

    /// The cells that were painted.
    fn shots(&mut self) -> Vec<Shot> {
        let (columns, rows) = (self.buf.area.width, self.buf.area.height.min(self.head.rows));
        let (columns, rows) = (usize::from(columns), usize::from(rows));
        let buf = std::mem::take(&mut self.buf);
        let mut shots = vec![BLANK; columns * rows];
        let (mut last, mut style) = (None, 0);
        for (row, shots) in buf.content.chunks(columns.max(1)).zip(shots.chunks_mut(columns.max(1)))
        {
            let mut covered = 0;
            for x in 0..columns {
                let cell = &row[x];
                let look = (cell.fg, cell.bg, cell.modifier);
                if last != Some(look) {
                    (last, style) = (Some(look), self.style(cell));
                }
                if covered > 0 {
                    covered -= 1;
                    // It looks as the symbol does that reaches over it.
                    shots[x] = shot(COVERED, style_of(shots[x - 1]));
                    continue;
                }
                let (wide, one) = glyph_of(cell.symbol());
                covered = usize::from(wide - 1).min(columns - 1 - x);
                shots[x] = shot(one.map_or_else(|| self.longer(cell.symbol()), u32::from), style);
            }
        }
        self.buf = buf;
        shots
    }

    fn longer(&mut self, symbol: &str) -> u32 {
        let known = self.longer.iter().position(|longer| longer == symbol);
        let place = known.unwrap_or_else(|| {
            self.longer.push(symbol.to_owned());
            self.longer.len() - 1
        });
        LONGER | u32::try_from(place).unwrap_or(0)
    }

    /// The place of the cell's style among the head's.
    fn style(&mut self, cell: &Cell) -> u16 {
        let look = (cell.fg, cell.bg, cell.modifier);
        if let Some(style) = self.styles.get(&look) {
            return *style;
        }
        let style = colour::style(look, (self.head.fg, self.head.bg));
        let known = self.head.styles.iter().position(|known| *known == style);
        let place = known.unwrap_or_else(|| {
            self.head.styles.push(style);
            self.head.styles.len() - 1
        });
        let place = u16::try_from(place).unwrap_or(0);
        self.styles.insert(look, place);
        place
    }

    fn spans(&self, before: &[Shot], now: &[Shot]) -> Vec<FilmSpan> {
        let mut spans = SpanList::default();
        let mut symbol = [0; 4];
        for (n, place) in told(before, now, self.head.cols) {
            let (code, style) = (symbol_of(now[n]), style_of(now[n]));
            if code == COVERED {
                continue;
            }
            if let Some(one) = char::from_u32(code) {
                spans.put(place, style, one.encode_utf8(&mut symbol), 0);
            } else {
                let text = &self.longer[(code ^ LONGER) as usize];
                spans.put(place, style, text, glyph_of(text).0);
            }
        }
        spans.finish()
    }
}

/// The words of what was drawn, in the film's own rows.
fn words(look: &RenderContext<'_>, rows: u16, calls: Vec<FilmCall>) -> FilmWords {
    let files = look.spots.map(Spots::files).unwrap_or_default();
    let files = files.into_iter().filter(|(area, _)| area.y < rows);
    let files = files.map(|(area, key)| FilmRow(area.y, area.x, area.width, key.fd));
    let told = if look.foretells() { Sentences::Whole } else { Sentences::HowItIs };
    let selected = look.ui.watch.map(|key| key.fd);
    let words = FilmWords::of(look.world(), files.collect(), selected, told);
    FilmWords { says: Some(Why(*look).said()), calls, ..words }
}
