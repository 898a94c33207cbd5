//! Undoing an action of the learner's own. What a call did to the kernel cannot be taken back: the
//! lesson begins again in a fresh process, and everything before the action is done once more.

use std::collections::VecDeque;

use super::{LessonApp, LessonCommand, known};
use crate::lesson::course::{Done, Moment, Phase, What};
use crate::lesson::line;

impl LessonApp {
    /// Whether the last thing that was done is the learner's own.
    pub(super) fn is_undoable(&self) -> bool {
        let last = self.course().moments.last();
        last.is_some_and(|moment| matches!(moment.what, What::Try(_)))
            && !matches!(self.course().phase, Phase::Stopped(_))
    }

    /// Everything again but the action that was the last.
    pub(super) fn undo(&mut self) -> Option<LessonCommand> {
        if self.course().is_making() {
            self.app.ui.say("the step is being made");
            return None;
        }
        if self.is_undoable() {
            let (_, before) = self.course().moments.split_last()?;
            return Some(LessonCommand::Redo(before.iter().filter_map(Moment::done).collect()));
        }
        self.app.ui.warn(if self.course().has_tried() {
            "a step was made since: u undoes an action of your own that was the last"
        } else {
            "nothing of your own was done: u undoes what v did"
        });
        None
    }

    /// Does these again as soon as the actors are made.
    pub(crate) fn redo(&mut self, done: Vec<Done>) {
        self.redo = Some(done.into());
        self.app.ui.say("what was done before is done again");
    }

    /// Does what a recording tells of, and goes back to its beginning.
    pub(crate) fn replay(&mut self, done: Vec<Done>) {
        self.follow(done);
        if self.course().phase == Phase::Ready && self.course().step().is_none() {
            self.finish();
        }
        self.go_to(0);
        if self.app.ui.message.is_none() {
            self.app.ui.say("a recording: ] and [ go through its steps, p plays, Enter to its end");
        }
    }

    /// Does what a recording tells of.
    pub(crate) fn follow(&mut self, done: Vec<Done>) {
        self.redo = Some(done.into());
        self.go_on_with_redo();
        self.tick();
    }

    /// Opens the question that was answered by what a recording tells of next; whether it has one.
    pub(crate) fn open_question(&mut self, next: &Done) -> bool {
        let asked = matches!(next, Done::Step(step, _) if *step == self.course().next);
        if asked && self.course().asks() {
            self.open();
            self.app.ui.entry = None;
            return true;
        }
        false
    }

    /// The next of what is done again, once the one before is done; after the last one the screen is
    /// the learner's.
    pub(super) fn go_on_with_redo(&mut self) {
        if self.course().is_making() {
            return;
        }
        while let Some(done) = self.redo.as_mut().and_then(VecDeque::pop_front) {
            let step = match done {
                // It could not be made this time, and was left out.
                Done::Step(step, _) if self.course().next > step => continue,
                Done::Step(step, reply) => {
                    // One that could not be made then comes before it, and is none of these.
                    let own = self.course().next == step;
                    if let Some(redo) = self.redo.as_mut().filter(|_| !own) {
                        redo.push_front(Done::Step(step, reply));
                    }
                    self.course_mut().begin_step(reply.filter(|_| own));
                    None
                }
                Done::Try(line) => match line::parse(&line, &known(self.session.world())) {
                    Ok(step) => {
                        self.course_mut().begin_try(line, step.action.clone());
                        Some(Box::new(step))
                    }
                    Err(error) => {
                        self.redo = None;
                        self.app.ui.warn(format!("{line}: {error}"));
                        return;
                    }
                },
            };
            self.settle();
            self.ask_player(step);
            return;
        }
        let made_anew = self.redo.take().is_some() && !self.is_recorded();
        if made_anew && self.course().phase == Phase::Ready {
            self.app.ui.say("undone: the lesson was made anew up to here");
        }
    }
}
