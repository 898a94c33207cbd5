//! What is asked about a file for others, and what comes of the answers.

use std::path::Path;

use super::App;
use crate::event::{ExportKind, Nanos};
use crate::export::ExportRange;
use crate::session::Scene;
use crate::tui::action::{Direction, ExportAction};
use crate::tui::entry::{LineEntry, Purpose};
use crate::tui::export::{ExportDialog, ExportPlan, RangeChoice, estimates};
use crate::tui::theme::{Depth, Theme, ThemeName, UNICODE};
use crate::tui::ui::UiRequest;

impl App {
    /// Asks what is to be written.
    pub(super) fn ask_export(&mut self, scene: &Scene<'_>) {
        if scene.journal.is_empty() {
            self.ui.say("nothing has happened yet");
            return;
        }
        let mut dialog = self.dialog();
        self.measure(&mut dialog, scene);
        (self.ui.export, self.ui.help) = (Some(dialog), None);
    }

    /// What is asked before anything is chosen.
    fn dialog(&self) -> ExportDialog {
        let (name, title) = match (&self.ui.replay, &self.ui.lesson) {
            (Some(replay), _) => {
                let stem = Path::new(&replay.name).file_stem().unwrap_or_default();
                (stem.to_string_lossy().into_owned(), replay.name.clone())
            }
            (None, Some(lesson)) => lesson.clone(),
            (None, None) => ("epollscope".to_owned(), "epollscope".to_owned()),
        };
        ExportDialog::new(name, title)
    }

    /// Does what a key asks for.
    pub(super) fn export(&mut self, action: ExportAction, scene: &Scene<'_>) {
        let Some(mut dialog) = self.ui.export.take() else { return };
        match action {
            ExportAction::Leave => return,
            ExportAction::Write => {
                self.ui.request = Some(UiRequest::Export(Box::new(dialog.order())));
                return;
            }
            ExportAction::Choose(Direction::On) => dialog.choose(1),
            ExportAction::Choose(Direction::Back) => dialog.choose(-1),
            ExportAction::Range => {
                dialog.range = dialog.range.next();
                self.measure(&mut dialog, scene);
            }
            ExportAction::Hide if scene.live.labelled => {
                self.ui.say("a lesson's own actors send: there is nobody to hide");
            }
            ExportAction::Hide => {
                dialog.hide();
                self.measure(&mut dialog, scene);
            }
            ExportAction::Size => {
                dialog.resize();
                self.measure(&mut dialog, scene);
            }
            ExportAction::Name => {
                let entry = LineEntry::marked(Purpose::ExportName, dialog.name.clone());
                self.ui.entry = Some(entry);
            }
        }
        self.ui.export = Some(dialog);
    }

    /// The kind in that row is wanted.
    pub(super) fn choose_export(&mut self, row: usize) {
        if let (Some(dialog), Some(kind)) = (&mut self.ui.export, ExportKind::ALL.get(row)) {
            dialog.kind = *kind;
        }
    }

    /// A line asks for a file, or for another name of the one that is asked about.
    pub(super) fn export_command(
        &mut self,
        kind: Option<ExportKind>,
        name: Option<String>,
        scene: &Scene<'_>,
    ) {
        match (kind, &mut self.ui.export) {
            (None, Some(dialog)) => {
                if let Some(name) = name.filter(|name| !name.is_empty()) {
                    (dialog.name, dialog.named) = (name, true);
                }
            }
            (None, None) => self.ask_export(scene),
            (Some(_), _) if scene.journal.is_empty() => self.ui.say("nothing has happened yet"),
            (Some(kind), _) => {
                let mut dialog = ExportDialog { kind, ..self.dialog() };
                self.choose_range(&mut dialog, scene);
                let mut order = dialog.order();
                if let Some(name) = name {
                    (order.path, order.named) = (name.into(), true);
                    if order.path.extension().is_none() {
                        order.path.set_extension(kind.ending());
                    }
                }
                self.ui.request = Some(UiRequest::Export(Box::new(order)));
            }
        }
    }

    /// The events of the range that is chosen; all, if it has none.
    fn choose_range(&self, dialog: &mut ExportDialog, scene: &Scene<'_>) {
        let (header, journal) = (scene.header, scene.journal);
        let t = self.view(*scene).world.t;
        let marks = || scene.live.bookmarks.iter().chain(&self.ui.bookmarks).map(|mark| mark.t);
        let (from, until) = match dialog.range {
            RangeChoice::All => (None, None),
            RangeChoice::Back => (Some(Nanos(t.0.saturating_sub(10_000_000_000))), Some(t)),
            RangeChoice::Marks => {
                let after = marks().filter(|mark| *mark > t).min();
                let before = marks().filter(|mark| after.is_some() && *mark <= t).max();
                // After the last mark, it is between the last two.
                let last = marks().max();
                let one_before = marks().filter(|mark| Some(*mark) < last).max();
                if after.is_some() { (before, after) } else { (one_before, last) }
            }
            RangeChoice::Timeline => (Some(Nanos(t.0.saturating_sub(self.ui.zoom.0))), Some(t)),
        };
        let range = ExportRange::between(header, journal, from, until);
        let range = range.unwrap_or_else(|| ExportRange::whole(header, journal));
        dialog.events = (range.first, range.last);
        dialog.times = (range.begins(), range.ends());
    }

    /// Fills in what depends on what is chosen.
    fn measure(&self, dialog: &mut ExportDialog, scene: &Scene<'_>) {
        self.choose_range(dialog, scene);
        let plan = ExportPlan {
            kind: dialog.kind,
            hidden: dialog.hidden.to_vec(),
            size: dialog.size,
            theme: Theme::new(ThemeName::Dark, Depth::Indexed, &UNICODE),
            title: dialog.title.clone(),
        };
        dialog.bytes = estimates(&plan, dialog, *scene);
    }

    /// Shows what it has shown, of a history that lacks what is hidden; what the person has typed
    /// and was told may say it.
    pub(crate) fn see_again(&mut self, scene: &Scene<'_>) {
        self.folded = None;
        let past = self.ui.past.take();
        self.ui.leave_all();
        if let Some(past) = past {
            let topic = self.ui.topic;
            self.go_to(past.seq, scene);
            self.ui.topic = topic;
            if let Some(again) = &mut self.ui.past {
                again.hold = past.hold;
            }
        }
    }
}
