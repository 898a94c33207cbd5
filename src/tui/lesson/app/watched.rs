//! A lesson that is gone through elsewhere: its steps come as they are made there, and its questions
//! without their answers.

use super::LessonApp;
use crate::event::Viewpoint;
use crate::lesson::course::Phase;
use crate::record::Beside;
use crate::source::{RemoteEnd, RemoteNews};
use crate::tui::app::watch::over;
use crate::tui::key::KeyPress;
use crate::tui::keymap::{self, Mode};
use crate::tui::ui::WatchState;

/// Where a lesson elsewhere is.
#[derive(Clone, Debug)]
pub struct LessonPlace {
    /// Who shares it.
    pub host: String,
    /// The page that browsers show of it.
    pub page: String,
}

impl LessonApp {
    /// From now on it is one that is gone through there.
    pub(crate) fn open_watch(&mut self, place: LessonPlace) {
        let news = RemoteNews::default();
        let host = place.host.clone();
        self.app.ui.watching = Some(WatchState { host, follows: true, news });
        self.elsewhere = Some(place);
    }

    /// Takes over what was done there.
    pub(crate) fn hear_of(&mut self, told: &Beside) {
        let before = self.session.world().seq;
        // What a slow motion goes through is over before the next of it comes.
        self.app.leave_play(&self.session.scene(self.app.ui.poller));
        let done = self.session.source_mut().hear(told);
        self.follow(done.unwrap_or_default());
        self.before = Some(before);
    }

    /// Goes through what was done last, if it is looked at now.
    pub(crate) fn go_through_last(&mut self) {
        let follows = self.app.follows();
        self.go_through();
        // Slow motion is no view of one's own.
        if let Some(watching) = &mut self.app.ui.watching {
            watching.follows = follows;
        }
    }

    /// Tells those where the person looks, who may have been led on.
    pub(crate) fn looks(&mut self) {
        let asks = (self.course().phase == Phase::Asking).then_some(self.course().next);
        let Viewpoint { seq, .. } = self.app.viewpoint();
        // Slow motion goes through what is now.
        let seq = seq.filter(|_| self.viewed.is_some());
        self.session.looks(Viewpoint { seq, asks, ..self.app.viewpoint() });
    }

    /// Opens the question that is open there, and looks there if the view is not one's own.
    pub(crate) fn look_along(&mut self, viewpoint: Viewpoint) {
        let next = self.course().next;
        if viewpoint.asks == Some(next)
            && self.course().phase == Phase::Ready
            && self.course().asks()
        {
            self.app.leave_play(&self.session.scene(self.app.ui.poller));
            self.open();
            self.app.ui.entry = None;
            if let Some(place) = &self.elsewhere {
                self.app.ui.say(format!("answer it in a browser: {}", place.page));
            }
        }
        let Some(watching) = &mut self.app.ui.watching else { return };
        let before = watching.news.viewpoint.replace(viewpoint);
        if watching.follows && before.map(|before| before.seq) != Some(viewpoint.seq) {
            self.look_there();
        }
    }

    /// The view is one's own in the past, and follows what is done there at its end.
    pub(super) fn own_or_not(&mut self) {
        if let Some(watching) = &mut self.app.ui.watching {
            watching.follows = self.viewed.is_none();
        }
    }

    /// Shows the moment that is looked at there.
    pub(super) fn look_there(&mut self) {
        let viewpoint = self.app.ui.watching.as_ref().and_then(|watching| watching.news.viewpoint);
        let at = viewpoint.and_then(|it| it.seq).and_then(|seq| self.course().moment_of(seq));
        match at {
            Some(at) => {
                self.app.leave_play(&self.session.scene(self.app.ui.poller));
                self.go_to(at);
            }
            None if self.viewed.is_some() => self.live(),
            None => {}
        }
    }

    /// Back to now; of a lesson elsewhere to what is looked at there.
    pub(super) fn go_to_now(&mut self) {
        self.live();
        if let Some(watching) = &mut self.app.ui.watching {
            watching.follows = true;
            self.look_there();
        }
    }

    /// Says why a key does nothing in a lesson that is only told.
    pub(super) fn refuse(&mut self, press: KeyPress) {
        if !is_of_learner(press) {
            return;
        }
        let why = match &self.elsewhere {
            Some(place) => format!("you look on: a browser takes answers at {}", place.page),
            None => "a recording: nothing to answer or to try; ] and [ go on, e exports".to_owned(),
        };
        self.app.ui.warn(why);
    }

    /// It is over there; another one may follow.
    pub(crate) fn hear_of_end(&mut self) {
        self.app.ui.say("this lesson is over: the next one is shown as soon as it begins");
    }

    /// Nothing more comes.
    pub(crate) fn hear_no_more(&mut self, end: RemoteEnd) {
        self.app.ui.say(over(&end));
        if let Some(watching) = &mut self.app.ui.watching {
            watching.news.ended = Some(end);
        }
    }
}

/// Whether a key does something in a lesson that is gone through for the first time.
fn is_of_learner(press: KeyPress) -> bool {
    let modes = [Mode::Lesson, Mode::Question, Mode::Ended];
    modes.into_iter().any(|mode| keymap::action(mode, press).is_some())
}
