//! A session on the screen that others watch.

use std::net::SocketAddr;

use super::Screen;
use crate::source::Source;
use crate::tui::app::App;
use crate::tui::film::FilmSubject;
use crate::tui::lesson::lessons::Lessons;
use crate::tui::ui::Ui;

/// The state of what is on the screen.
pub(super) fn shown<'a>(lessons: &'a mut Option<Lessons>, app: &'a mut App) -> Option<&'a mut Ui> {
    match lessons {
        Some(lessons) => lessons.ui(),
        None => Some(&mut app.ui),
    }
}

impl<S: Source> Screen<'_, S> {
    /// Looks who watches; if nobody can any more, that is told among the events, too.
    pub(super) fn look_who_watches(&mut self) {
        let ui = shown(&mut self.lessons, &mut self.app);
        let Some(ui) = ui else { return };
        let (changed, ended) = self.sharing.tick(ui);
        self.dirty |= changed;
        if let (Some(lessons), true) = (&mut self.lessons, changed) {
            lessons.redraw();
        }
        if let Some(why) = ended {
            self.session.unshare();
            self.session.note(why);
        }
    }

    /// What others see.
    pub(super) fn film(&mut self) {
        // It may have gone on by itself.
        self.session.looks(self.app.viewpoint());
        if let Some(lessons) = &mut self.lessons {
            lessons.film(&mut self.sharing);
            return;
        }
        // To leave out what is hidden takes time.
        if !self.sharing.is_due() {
            return;
        }
        let scene = self.session.scene(self.app.ui.poller);
        let server = || {
            let addresses = scene.header.facts.addresses.join(" ");
            format!("{} {addresses}", scene.world.settings.app)
        };
        let title = self.app.ui.replay.as_ref().map_or_else(server, |replay| replay.name.clone());
        let about = FilmSubject { title: &title, clock: scene.header.clock, run: 0 };
        let (sharing, theme, app) = (&mut self.sharing, &self.theme, &mut self.app);
        let veiled = self.session.veiled(app.ui.poller, |scene| {
            // What is typed, looked for and answered is not veiled, and neither is the past.
            let mut app = app.clone();
            app.ui.leave_all();
            sharing.film(about, theme, |camera| camera.app(&mut app, scene));
        });
        if !veiled {
            sharing.film(about, theme, |camera| camera.app(app, scene));
        }
    }

    /// Lets others watch from now on, or says where they can.
    pub(super) fn let_watch(&mut self, address: Option<SocketAddr>) {
        let ui = shown(&mut self.lessons, &mut self.app);
        let begun = ui.is_some_and(|ui| self.sharing.begin(address, ui));
        if let Some(share) = self.sharing.shared().filter(|_| begun) {
            self.session.share(share);
        }
    }

    /// Asks those who watch.
    pub(super) fn ask(&mut self, text: String, answers: Vec<String>) {
        if !self.sharing.is_shared() {
            self.app.ui.warn("nobody watches: S lets browsers watch");
            return;
        }
        self.sharing.ask_freely(text, answers, &mut self.app.ui);
    }

    /// Lets nobody watch any more: first the stream of events has its end.
    pub(super) fn let_nobody_watch(&mut self) {
        self.session.unshare();
        let ui = shown(&mut self.lessons, &mut self.app);
        if let Some(ui) = ui {
            self.sharing.end(ui);
        }
    }
}
