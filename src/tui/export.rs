//! An export of any kind: what happened is written by `export`, what was shown is filmed here first.

mod dialog;
mod estimate;
mod job;

use std::io::{self, Write};
use std::rc::Rc;

use super::app::App;
use super::film::{Camera, FilmPlan, Taken, film, film_lesson, last_of_lesson};
use super::theme::Theme;
use super::ui::ReplayState;
use crate::event::{ExportKind, ReplaySpeed};
use crate::export::{self, Excerpt, ExportRange};
use crate::film::{Film, FilmHead, FilmScreen};
use crate::history::{Folded, Hindsight};
use crate::record::{Beside, Hidden, Recording};
use crate::session::Scene;
use crate::sink::jsonl::Lines;
use crate::source::script::RecordedLesson;

pub use dialog::{ExportDialog, ExportOrder, RangeChoice};
pub(crate) use estimate::estimates;
pub(crate) use job::{ExportView, Exports};

/// What is to be written.
#[derive(Clone, Debug)]
pub struct ExportPlan {
    /// The kind.
    pub kind: ExportKind,
    /// What is left out.
    pub hidden: Vec<Hidden>,
    /// Columns and rows of the screen, if one is shown.
    pub size: (u16, u16),
    /// How it looks.
    pub theme: Theme,
    /// What the whole is called.
    pub title: String,
}

impl ExportPlan {
    /// Writes a part of a recording's history.
    ///
    /// A lesson is shown as one, and is one again in a recording of all of it; where something is
    /// hidden of it, only its events are left.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write(
        &self,
        range: &ExportRange<'_>,
        recording: &Recording,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        let known = &recording.head().hidden;
        let mut hidden = known.clone();
        hidden.extend(self.hidden.iter().filter(|what| !known.contains(what)));
        let lesson = RecordedLesson::read(recording).ok().flatten();
        if self.kind == ExportKind::Recording {
            let beside = lesson.filter(|_| range.is_whole()).map(|lesson| lesson.beside());
            return excerpt(range, &hidden, &beside.unwrap_or_default(), out).map(|_| ());
        }
        if hidden.len() > known.len() {
            // Nothing behind a recording can tell what is hidden in it.
            let bytes = excerpt(range, &hidden, &[], Vec::new())?;
            let recording = Rc::new(Recording::read(bytes).map_err(io::Error::other)?);
            let journal = recording.journal();
            return self.plainly(&ExportRange::whole(&recording.head().header, &journal), out);
        }
        match lesson {
            Some(lesson) if self.kind.is_shown() => self.lesson(&lesson, range, out),
            _ => self.plainly(range, out),
        }
    }

    /// Writes what was shown of a lesson.
    fn lesson(
        &self,
        lesson: &RecordedLesson,
        range: &ExportRange<'_>,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        let plan = self.film_plan(range);
        match self.kind {
            ExportKind::Page => {
                let mut film = film_lesson(lesson, &plan);
                film.head.cut = range.is_cut();
                export::page::write(&film, out)
            }
            ExportKind::Cast => export::cast::write(&film_lesson(lesson, &plan), out),
            _ => {
                let (camera, taken) = last_of_lesson(lesson, &plan);
                let (head, screen) = shot(&camera, &taken);
                self.screen(&head, &screen, out)
            }
        }
    }

    /// Writes what happened, or what was shown of it.
    fn plainly(&self, range: &ExportRange<'_>, out: &mut dyn Write) -> io::Result<()> {
        match self.kind {
            ExportKind::Trace => export::trace(range, out),
            ExportKind::Strace => export::strace(range, out),
            ExportKind::Lines => export::lines(range, Lines::default(), out),
            ExportKind::Spans => export::spans(range, out),
            ExportKind::Recording => excerpt(range, &[], &[], out).map(|_| ()),
            ExportKind::Page => export::page::write(&self.film(range), out),
            ExportKind::Cast => export::cast::write(&self.film(range), out),
            ExportKind::Picture | ExportKind::Text => {
                let (head, screen) = self.last_screen(range);
                self.screen(&head, &screen, out)
            }
        }
    }

    /// Writes one screen.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn screen(
        &self,
        head: &FilmHead,
        screen: &FilmScreen,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        match self.kind {
            ExportKind::Picture => export::picture(head, screen, out),
            _ => writeln!(out, "{}", screen.text()),
        }
    }

    /// The screens of a range.
    fn film(&self, range: &ExportRange<'_>) -> Film {
        let plan = self.film_plan(range);
        staged(range, |scene| film(scene, &plan))
    }

    fn film_plan(&self, range: &ExportRange<'_>) -> FilmPlan {
        FilmPlan {
            name: self.title.clone(),
            from: Some(range.begins()),
            until: Some(range.ends()),
            size: self.size,
            theme: self.theme,
        }
    }

    /// The screen at the end of a range, as somebody sees it who goes through the recording.
    fn last_screen(&self, range: &ExportRange<'_>) -> (FilmHead, FilmScreen) {
        let mut app = App::default();
        let mut camera = Camera::new(&self.title, range.header.clock, self.size, &self.theme);
        let state = ReplayState { name: self.title.clone(), speed: ReplaySpeed::USUAL, idle: None };
        let taken = staged(range, |scene| {
            app.open_replay(state, None, &scene);
            app.go_on_to(range.last, &scene);
            camera.app(&mut app, scene)
        });
        shot(&camera, &taken)
    }
}

/// Does something with the scene of a whole history.
fn staged<R>(range: &ExportRange<'_>, look: impl FnOnce(Scene<'_>) -> R) -> R {
    let journal = range.journal;
    let folded = Folded::at(journal, journal.last().unwrap_or_default(), Hindsight::Long);
    let (world, timeline) = (folded.world(), folded.timeline(None));
    look(Scene { world, live: world, timeline, journal, header: range.header })
}

/// What a camera has just seen for the first time.
pub(crate) fn shot(camera: &Camera, taken: &Taken) -> (FilmHead, FilmScreen) {
    let head = camera.head().clone();
    let mut screen = FilmScreen::new(head.cols, head.rows);
    if let Some(frame) = &taken.frame {
        screen.apply(frame);
    }
    (head, screen)
}

fn excerpt<W: Write>(
    range: &ExportRange<'_>,
    hidden: &[Hidden],
    beside: &[Beside],
    out: W,
) -> io::Result<W> {
    let mut excerpt = Excerpt::begin(range, hidden, beside, out)?;
    excerpt.go_on(range.journal, u64::MAX)?;
    excerpt.finish()
}

#[cfg(test)]
mod tests;
