//! Lessons that are gone through elsewhere, one after the other.

use super::Lessons;
use crate::event::visible;
use crate::source::script::{RecordedLesson, Script};
use crate::source::{LessonNews, RemoteLesson};
use crate::tui::lesson::app::{LessonApp, LessonPlace};

/// Where they come from.
pub(super) struct WatchedLessons {
    pub(super) remote: Box<RemoteLesson>,
    pub(super) place: LessonPlace,
}

impl Lessons {
    /// Takes over what was done there; whether anything was.
    pub(super) fn hear(&mut self) -> bool {
        let (mut any, mut done) = (false, 0);
        while let Some(news) = self.watched.as_mut().and_then(|watched| watched.remote.news()) {
            any = true;
            if let LessonNews::Begun(lesson) = news {
                self.begin_watched(*lesson);
                done = 0;
                continue;
            }
            let Some(app) = &mut self.lesson else { continue };
            match news {
                LessonNews::Begun(_) => {}
                LessonNews::Done(told) => {
                    app.hear_of(&told);
                    done += 1;
                }
                LessonNews::View(viewpoint) => app.look_along(viewpoint),
                LessonNews::Over => app.hear_of_end(),
                LessonNews::Ended(end) => {
                    app.hear_no_more(end);
                    self.watched = None;
                }
            }
        }
        // Whoever comes later is shown where it stands.
        if let Some(app) = self.lesson.as_mut().filter(|_| done == 1) {
            app.go_through_last();
        }
        any
    }

    /// Shows another lesson than before, if one was shown.
    fn begin_watched(&mut self, lesson: RecordedLesson) {
        let Some(watched) = &self.watched else { return };
        let place = watched.place.clone();
        self.runs = self.runs.wrapping_add(1);
        let before = self.lesson.take().map(|app| app.course().case.id.clone());
        let mut app = LessonApp::new(Script::recorded(lesson), self.size);
        app.open_watch(place);
        let case = &app.course().case;
        let said = match before {
            None => None,
            Some(id) if id == case.id => Some("the lesson begins again".to_owned()),
            Some(_) => Some(format!("the next lesson: {}", visible(case.title.as_bytes(), 60))),
        };
        if let Some(said) = said {
            app.app.ui.say(said);
        }
        self.lesson = Some(app);
        self.offer();
    }
}
