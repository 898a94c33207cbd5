//! Looking on at a session elsewhere: as whoever shares it looks, or on one's own.

use super::App;
use crate::event::Viewpoint;
use crate::session::Scene;
use crate::source::{RemoteEnd, RemoteNews};
use crate::tui::ui::{UiContext, WatchState};

/// What is said when nothing more comes.
pub(in crate::tui) fn over(end: &RemoteEnd) -> String {
    let what = match end {
        RemoteEnd::Ended => "the session has ended",
        RemoteEnd::Lost => "the connection was lost",
    };
    format!("{what}; what came can be replayed and exported")
}

impl App {
    /// Whether a session elsewhere is looked at.
    pub(super) fn looks_on(&self) -> bool {
        self.ui.place == UiContext::Watch
    }

    /// Opens a session elsewhere; whoever shares it is followed.
    pub(crate) fn open_watch(&mut self, host: String) {
        self.ui.place = UiContext::Watch;
        let news = RemoteNews::default();
        self.ui.watching = Some(WatchState { host, follows: true, news });
    }

    /// Takes over what is known of it; whether that is new.
    pub(crate) fn hear(&mut self, news: &RemoteNews, scene: &Scene<'_>) -> bool {
        let Some(watching) = self.ui.watching.as_mut().filter(|it| it.news != *news) else {
            return false;
        };
        let before = std::mem::replace(&mut watching.news, news.clone());
        let follows = watching.follows && before.viewpoint != news.viewpoint;
        if let Some(viewpoint) = news.viewpoint.filter(|_| follows) {
            self.look_from(&viewpoint, scene);
        }
        if before.ended.is_none()
            && let Some(end) = &news.ended
        {
            self.ui.say(over(end));
        }
        true
    }

    /// Follows the view of whoever shares the session, or no more.
    pub(super) fn follow_or_not(&mut self, scene: &Scene<'_>) {
        let Some(watching) = &mut self.ui.watching else { return };
        watching.follows = !watching.follows;
        if let Some(viewpoint) = watching.news.viewpoint.filter(|_| watching.follows) {
            self.look_from(&viewpoint, scene);
        }
    }

    /// Whether the view is that of whoever shares the session.
    pub(crate) fn follows(&self) -> bool {
        self.ui.watching.as_ref().is_some_and(|watching| watching.follows)
    }

    /// The view is one's own from now on.
    pub(crate) fn own_view(&mut self) {
        if let Some(watching) = &mut self.ui.watching {
            watching.follows = false;
        }
    }

    /// Looks as somebody else does.
    fn look_from(&mut self, viewpoint: &Viewpoint, scene: &Scene<'_>) {
        self.end_play();
        let message = self.ui.message.take();
        let Viewpoint { seq, watch, lane, view, poller, .. } = *viewpoint;
        match seq {
            Some(seq) if self.viewed(scene) != seq || self.ui.past.is_none() => {
                self.visit(seq, scene);
            }
            Some(_) => {}
            None => self.live(scene),
        }
        (self.ui.view, self.ui.lane, self.ui.poller) = (view, lane, poller);
        if watch.is_some() {
            (self.ui.watch, self.ui.chosen) = (watch, true);
        }
        self.ui.message = message;
    }
}
