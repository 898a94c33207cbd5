//! An export of any kind: what happened is written by `export`, what was shown is filmed here first.

mod dialog;
mod estimate;
mod job;

use std::io::{self, Write};
use std::rc::Rc;

use super::app::App;
use super::film::{Camera, FilmPlan, Taken, film};
use super::theme::Theme;
use super::ui::ReplayState;
use crate::event::ExportKind;
use crate::export::{self, Excerpt, ExportRange};
use crate::film::{Film, FilmHead, FilmScreen};
use crate::history::{Folded, Hindsight};
use crate::record::{Hidden, Recording};
use crate::session::Scene;
use crate::sink::jsonl::Lines;

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
    /// Writes a part of a history in which `known` is hidden already.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write(
        &self,
        range: &ExportRange<'_>,
        known: &[Hidden],
        out: &mut dyn Write,
    ) -> io::Result<()> {
        let mut hidden = known.to_vec();
        hidden.extend(self.hidden.iter().filter(|what| !known.contains(what)));
        if self.kind == ExportKind::Recording {
            return excerpt(range, &hidden, out).map(|_| ());
        }
        if hidden.len() == known.len() {
            return self.plainly(range, out);
        }
        // Nothing behind a recording can tell what is hidden in it.
        let bytes = excerpt(range, &hidden, Vec::new())?;
        let recording = Recording::read(bytes).map_err(io::Error::other)?;
        let recording = Rc::new(recording);
        let journal = recording.journal();
        self.plainly(&ExportRange::whole(&recording.head().header, &journal), out)
    }

    fn plainly(&self, range: &ExportRange<'_>, out: &mut dyn Write) -> io::Result<()> {
        match self.kind {
            ExportKind::Trace => export::trace(range, out),
            ExportKind::Strace => export::strace(range, out),
            ExportKind::Lines => export::lines(range, Lines::default(), out),
            ExportKind::Spans => export::spans(range, out),
            ExportKind::Recording => excerpt(range, &[], out).map(|_| ()),
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
        let plan = FilmPlan {
            name: self.title.clone(),
            from: Some(range.begins()),
            until: Some(range.ends()),
            size: self.size,
            theme: self.theme,
        };
        staged(range, |scene| film(scene, &plan))
    }

    /// The screen at the end of a range, as somebody sees it who goes through the recording.
    fn last_screen(&self, range: &ExportRange<'_>) -> (FilmHead, FilmScreen) {
        let mut app = App::default();
        let mut camera = Camera::new(&self.title, range.header.clock, self.size, &self.theme);
        let state = ReplayState { name: self.title.clone(), speed: 4, idle: None };
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

fn excerpt<W: Write>(range: &ExportRange<'_>, hidden: &[Hidden], out: W) -> io::Result<W> {
    let mut excerpt = Excerpt::begin(range, hidden, out)?;
    excerpt.go_on(range.journal, u64::MAX)?;
    excerpt.finish()
}

#[cfg(test)]
mod tests;
