//! The page of a row: opened from the pane that the keys move in, and turned as they move on.

use super::App;
use crate::event::WatchKey;
use crate::session::Scene;
use crate::tui::ui::{Page, Pane, TrackChoice, WhyTopic};

impl App {
    /// Opens the page of the selected row.
    pub(super) fn open_page(&mut self, scene: &Scene<'_>) {
        self.ui.page = self.page(scene);
        match self.ui.page {
            Some(Page::Thread(_)) if self.ui.past.is_none() => self.ui.topic = WhyTopic::Lane,
            Some(_) => {}
            None => self.ui.say("nothing is selected: j and k select"),
        }
    }

    /// Whatever is selected now has its page shown, if one is.
    pub(super) fn turn_page(&mut self, scene: &Scene<'_>) {
        if self.ui.page.is_some() {
            self.ui.page = self.page(scene).or(self.ui.page);
        }
    }

    /// The page of what is selected in the pane that the keys move in.
    fn page(&self, scene: &Scene<'_>) -> Option<Page> {
        let file = self.ui.watch.map(Page::File);
        let lane = Page::Thread(self.ui.lane);
        match self.ui.focus {
            Pane::Waiting => Some(lane),
            Pane::Timeline if self.ui.track == TrackChoice::Lane => Some(lane),
            Pane::Calls => self.page_of_event(scene).or(file),
            Pane::Interest | Pane::Ready | Pane::Timeline | Pane::Findings | Pane::Path => file,
        }
    }

    /// The page of the file that the viewed event is about, else of its thread.
    fn page_of_event(&self, scene: &Scene<'_>) -> Option<Page> {
        let past = self.ui.past.as_ref()?;
        let event = scene.journal.get(past.seq)?;
        let file = |fd| past.world.fds.get(&fd).map(|file| WatchKey { fd, file: *file });
        let lane = event.lane.is_worker().then_some(Page::Thread(event.lane));
        event.fd().and_then(file).map(Page::File).or(lane)
    }
}
