//! The film of a lesson that was gone through: each question before it was answered, each step in
//! slow motion, and what was said of it.

use super::{Camera, FilmPlan, Taken};
use crate::event::{Nanos, TimeUnit, visible};
use crate::film::{Film, Frame};
use crate::lesson::course::{Done, Phase};
use crate::source::script::{RecordedLesson, Script};
use crate::tui::lesson::app::LessonApp;

/// The most screens of slow motion; if there are more events, steps are shown without it.
const SCREENS: u64 = 20_000;

/// Films a lesson from one time to another.
pub fn film_lesson(lesson: &RecordedLesson, plan: &FilmPlan) -> Film {
    let slow = lesson.events() <= SCREENS;
    let mut filming = LessonFilming::new(lesson, plan);
    filming.screen();
    for done in lesson.done() {
        if filming.lesson.open_question(&done) {
            filming.screen();
        }
        filming.make(done, slow);
    }
    if filming.is_over() {
        filming.lesson.finish();
        filming.screen();
    }
    if filming.frames.is_empty() {
        // It is within the making of the actors, or between two steps.
        let (camera, taken) = last_of_lesson(lesson, plan);
        return Film { head: camera.head, frames: taken.frame.into_iter().collect() };
    }
    Film { head: filming.camera.head, frames: filming.frames }
}

/// The screen at the end of that time, and the camera that took it.
pub(crate) fn last_of_lesson(lesson: &RecordedLesson, plan: &FilmPlan) -> (Camera, Taken) {
    let mut filming = LessonFilming::new(lesson, plan);
    for done in lesson.done() {
        if plan.until.is_some_and(|until| filming.now() >= until) {
            break;
        }
        filming.lesson.follow(vec![done]);
    }
    let taken = filming.camera.lesson(&mut filming.lesson);
    (filming.camera, taken)
}

/// A lesson before a camera.
struct LessonFilming<'a> {
    lesson: LessonApp,
    camera: Camera,
    frames: Vec<Frame>,
    plan: &'a FilmPlan,
}

impl<'a> LessonFilming<'a> {
    fn new(lesson: &RecordedLesson, plan: &'a FilmPlan) -> Self {
        let title = visible(lesson.case.title.as_bytes(), 100);
        let mut lesson = LessonApp::new(Script::recorded(lesson.clone()), plan.size);
        lesson.app.ui.keyless = true;
        let camera = Camera::new(&title, TimeUnit::Steps, plan.size, &plan.theme);
        Self { lesson, camera, frames: Vec::new(), plan }
    }

    fn now(&self) -> Nanos {
        self.lesson.scene().live.t
    }

    /// Whether the last step has been made.
    fn is_over(&self) -> bool {
        let course = self.lesson.course();
        course.phase == Phase::Ready && course.step().is_none()
    }

    /// Takes the screen that is to be read now.
    fn screen(&mut self) {
        self.shoot(self.lesson.reading_ms());
    }

    /// Takes the screen, which stands for so many milliseconds.
    fn shoot(&mut self, ms: u64) {
        let (seq, t) = (self.lesson.view().world.seq, self.lesson.view().world.t);
        let FilmPlan { from, until, .. } = self.plan;
        if from.is_some_and(|from| t < from) || until.is_some_and(|until| t > until) {
            // What was called before is not of the film.
            self.camera.call = seq;
            return;
        }
        if let Some(mut frame) = self.camera.lesson(&mut self.lesson).frame {
            frame.reading = u32::try_from(ms).unwrap_or(u32::MAX);
            self.frames.push(frame);
        }
    }

    /// Does what was done next.
    fn make(&mut self, done: Done, slow: bool) {
        let before = self.lesson.scene().live.seq;
        self.lesson.follow(vec![done]);
        if slow && self.lesson.go_through_since(before) {
            let mut now = 0;
            while self.lesson.app.ui.play.is_some() {
                let (changed, due) = self.lesson.advance(now);
                let next = due.unwrap_or(now);
                if changed && self.lesson.app.ui.play.is_some() {
                    self.shoot(next - now);
                }
                now = next;
            }
        }
        self.screen();
    }
}
