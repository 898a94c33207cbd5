//! About how large the files of a range would be: a few of its events are written, and the rest is
//! taken to be like them.

use std::io::{self, Write};

use super::{ExportDialog, ExportPlan};
use crate::event::{ExportKind, Seq};
use crate::export::{self, ExportRange};
use crate::film::FilmScreen;
use crate::session::Scene;
use crate::tui::film::film;

/// Events that are written, and screens that are filmed.
const EVENTS: u64 = 128;
const SCREENS: u64 = 12;
/// The most screens of a film.
const FILM: u64 = 20_000;

/// Counts bytes.
#[derive(Default)]
struct Counter(u64);

impl Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += u64::try_from(bytes.len()).unwrap_or(0);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// About how many bytes a file of each kind would have.
pub(crate) fn estimates(plan: &ExportPlan, dialog: &ExportDialog, scene: Scene<'_>) -> Vec<u64> {
    let (first, last) = dialog.events;
    let whole = ExportRange { header: scene.header, journal: scene.journal, first, last };
    // Where the most is going on, and not the beginning, which is like nothing that follows.
    let part = |events: u64| {
        let left = whole.events().saturating_sub(events);
        let first = Seq(whole.first.0 + left / 2);
        ExportRange { first, last: Seq(first.0 + events - 1).min(whole.last), ..whole }
    };
    let measured = |kind: ExportKind, events: u64| {
        let range = part(events.clamp(1, whole.events().max(1)));
        let mut counter = Counter::default();
        let plan = ExportPlan { kind, ..plan.clone() };
        let filmed = || film(scene, &plan.film_plan(&range));
        let done = match kind {
            ExportKind::Page => export::page::write(&filmed(), &mut counter),
            ExportKind::Cast => export::cast::write(&filmed(), &mut counter),
            ExportKind::Picture | ExportKind::Text => {
                let film = filmed();
                let mut screen = FilmScreen::new(film.head.cols, film.head.rows);
                film.frames.iter().for_each(|frame| screen.apply(frame));
                plan.screen(&film.head, &screen, &mut counter)
            }
            ExportKind::Recording
            | ExportKind::Trace
            | ExportKind::Strace
            | ExportKind::Lines
            | ExportKind::Spans => plan.plainly(&range, &mut counter),
        };
        // Nothing can go wrong: what is written is only counted.
        done.map_or(0, |()| counter.0)
    };
    let about = |kind: ExportKind| {
        let (some, all) = match kind {
            ExportKind::Picture | ExportKind::Text => return measured(kind, 1),
            ExportKind::Page | ExportKind::Cast => (SCREENS, whole.events().min(FILM)),
            _ => (EVENTS, whole.events()),
        };
        let (one, many) = (measured(kind, 1), measured(kind, some));
        let (more, rest) = (some.min(whole.events()).max(2) - 1, all.saturating_sub(1));
        one + many.saturating_sub(one).saturating_mul(rest) / more
    };
    ExportKind::ALL.map(about).to_vec()
}
