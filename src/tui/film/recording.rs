//! The film of a recording: its screens one after the other, as somebody would go through it.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::Camera;
use crate::event::{Kind, Nanos, ReplaySpeed, Seq};
use crate::film::{Film, FilmGap, Sampling};
use crate::journal::Journal;
use crate::session::Scene;
use crate::tui::app::App;
use crate::tui::theme::{Role, Theme};
use crate::tui::ui::ReplayState;

/// What is filmed, and how.
#[derive(Clone, Debug)]
pub struct FilmPlan {
    /// The file's name, fit to be shown.
    pub name: String,
    /// From when on; `None` is the beginning.
    pub from: Option<Nanos>,
    /// Up to when; `None` is the end.
    pub until: Option<Nanos>,
    /// Columns and rows.
    pub size: (u16, u16),
    /// The colours and marks.
    pub theme: Theme,
}

/// The most screens that are taken.
const SCREENS: u64 = 20_000;
/// The most places where events are missing that are told one by one.
const GAPS: usize = 256;

/// Films a recording: a screen an event, or if there are more than 20,000 so many evenly in time.
pub fn film(scene: Scene<'_>, plan: &FilmPlan) -> Film {
    let clock = scene.header.clock;
    let mut camera = Camera::new(&plan.name, clock, plan.size, &plan.theme);
    // The row of the keys is not filmed: a film has its own.
    camera.buf.resize(Rect { height: plan.size.1.saturating_add(1), ..camera.buf.area });
    let (first, last) = range(&scene, plan);
    let events = (last.0 + 1).saturating_sub(first.0);
    let moments = moments(&scene, (first, last));
    camera.head.sampling = match moments.len() as u64 {
        screens if screens < events => Sampling::Evenly { screens, events },
        _ => Sampling::EachEvent,
    };
    camera.head.gaps = gaps(scene.journal, (first, last));
    camera.head.cut = scene.journal.breaks_off_after(last);
    let mut app = App::default();
    let state = ReplayState { name: plan.name.clone(), speed: ReplaySpeed::USUAL, idle: None };
    app.open_replay(state, None, &scene);
    app.ui.keyless = true;
    // What was called before is not of the film.
    camera.call = first.back();
    let mut frames = Vec::new();
    for seq in moments {
        app.go_on_to(seq, &scene);
        frames.extend(camera.app_with(&mut app, scene, close_bar).frame);
    }
    Film { head: camera.head, frames }
}

/// The first and the last event of it.
fn range(scene: &Scene<'_>, plan: &FilmPlan) -> (Seq, Seq) {
    let journal = scene.journal;
    let (oldest, newest) = (journal.first().unwrap_or(Seq(1)), journal.last().unwrap_or(Seq(1)));
    let at = |t: Nanos| journal.seq_at(t).unwrap_or(oldest);
    let last = plan.until.map_or(newest, at);
    (plan.from.map_or(oldest, at).min(last), last)
}

/// Where events are missing between these two.
fn gaps(journal: &Journal, (first, last): (Seq, Seq)) -> Vec<FilmGap> {
    let mut gaps: Vec<FilmGap> = Vec::new();
    let mut from = first;
    // What stands for those that are missing is where the first of them would be.
    journal.back_from(first, |event| {
        from = event.seq;
        false
    });
    journal.forward_from(from, |event| {
        if let Kind::Gap { lost } = event.kind {
            let full = gaps.len() >= GAPS;
            match gaps.last_mut().filter(|_| full) {
                Some(FilmGap(_, _, rest)) => *rest = rest.saturating_add(lost),
                None => gaps.push(FilmGap(event.seq, event.t, lost)),
            }
        }
        event.seq < last
    });
    gaps
}

/// The events whose screens are taken.
fn moments(scene: &Scene<'_>, (first, last): (Seq, Seq)) -> Vec<Seq> {
    if last.0 - first.0 < SCREENS {
        return (first.0..=last.0).map(Seq).collect();
    }
    let time = |seq| scene.journal.get(seq).map_or(Nanos(0), |event| event.t);
    let (from, until) = (time(first), time(last));
    let step = |n: u64| {
        let passed = u128::from(until.since(from).0) * u128::from(n) / u128::from(SCREENS - 1);
        let t = Nanos(from.0 + u64::try_from(passed).unwrap_or(0));
        scene.journal.seq_at(t).unwrap_or(first).clamp(first, last)
    };
    let mut moments: Vec<_> = (0..SCREENS).map(step).collect();
    moments.dedup();
    moments
}

/// Closes the frame where the bar of a recording was.
fn close_bar(buf: &mut Buffer, theme: &Theme) {
    if let Some(y) = buf.area.height.checked_sub(2) {
        close(buf, y, theme);
    }
}

/// Closes the frame in that row, if there is one above it.
pub(super) fn close(buf: &mut Buffer, y: u16, theme: &Theme) {
    let style = theme.style(Role::Border);
    let right = buf.area.width.saturating_sub(1);
    let is_framed = y > 0 && right > 0 && buf[(0, y - 1)].symbol() == theme.glyphs.vertical;
    if !is_framed {
        return;
    }
    buf.set_style(Rect { y, height: 1, ..buf.area }, theme.base());
    for x in 0..=right {
        let symbol = match x {
            0 => theme.glyphs.bottom_left,
            x if x == right => theme.glyphs.bottom_right,
            _ => theme.glyphs.horizontal,
        };
        buf[(x, y)].reset();
        buf[(x, y)].set_symbol(symbol).set_style(theme.base().patch(style));
    }
}
