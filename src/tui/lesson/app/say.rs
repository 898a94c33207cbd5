//! What a person says in a lesson: answers to its questions, and actions of their own.

use super::known::known;
use super::{LessonApp, LessonCommand};
use crate::lesson::case::Answer;
use crate::lesson::course::{Phase, is_typed};
use crate::lesson::line;
use crate::lesson::quiz::{self, Reply};
use crate::tui::action::{EditAction, KeyAction};
use crate::tui::entry::{LineEntry, Purpose};

impl LessonApp {
    /// Opens the line for an answer, if it is typed.
    pub(super) fn ask_answer(&mut self) {
        match self.session.source().course.question() {
            Some(ask) if is_typed(ask) => {
                self.app.ui.entry = Some(LineEntry::new(Purpose::Answer, String::new()));
            }
            Some(ask) => {
                let last = match &ask.answer {
                    Answer::Choice(choices) => choices.len(),
                    Answer::Free { .. } => 1,
                };
                let what = format!("press 1 to {last}, or x to go on without an answer");
                self.app.ui.say(what);
            }
            None => {}
        }
    }

    pub(super) fn answer(&mut self, at: usize) -> Option<LessonCommand> {
        let choices = match &self.course().question()?.answer {
            Answer::Choice(choices) => choices.len(),
            // The digit is the beginning of what is typed.
            Answer::Free { .. } => {
                let digit = (at + 1).to_string();
                self.app.ui.entry = Some(LineEntry::new(Purpose::Answer, digit));
                return None;
            }
        };
        if at < choices {
            return Some(self.make(Some(Reply::Choice(at))));
        }
        self.app.ui.warn(format!("there are {choices} answers"));
        None
    }

    pub(super) fn make(&mut self, reply: Option<Reply>) -> LessonCommand {
        self.course_mut().begin_step(reply);
        self.app.ui.entry = None;
        self.settle();
        LessonCommand::Step
    }

    pub(super) fn submit(&mut self) -> Option<LessonCommand> {
        let entry = self.app.ui.entry.as_mut()?;
        if entry.take_chosen(self.session.world()) {
            return None;
        }
        let (purpose, text) = (entry.purpose, entry.text.trim().to_owned());
        if purpose == Purpose::ExportName {
            let scene = self.session.scene(self.app.ui.poller);
            self.app.update(KeyAction::Edit(EditAction::Submit), &scene);
            return None;
        }
        let done = match purpose {
            Purpose::Answer => self.submit_answer(&text),
            Purpose::Try if text.is_empty() => Ok(None),
            Purpose::Try => self.submit_try(text),
            Purpose::Command
            | Purpose::Filter
            | Purpose::Send(_)
            | Purpose::Search
            | Purpose::ExportName => Ok(None),
        };
        match done {
            Ok(wish) => {
                let typed = self.app.ui.entry.take().map(|entry| entry.text);
                self.app.ui.typed.push(purpose, &typed.unwrap_or_default());
                wish
            }
            Err(error) => {
                self.app.ui.entry.as_mut()?.error = Some(error);
                None
            }
        }
    }

    fn submit_answer(&mut self, text: &str) -> Result<Option<LessonCommand>, String> {
        let ask = self.course().question().ok_or("no question is open")?;
        let Answer::Free { take, .. } = &ask.answer else { return Ok(None) };
        let given = quiz::typed(take, text)?;
        Ok(Some(self.make(Some(Reply::Typed(given)))))
    }

    fn submit_try(&mut self, text: String) -> Result<Option<LessonCommand>, String> {
        let step = line::parse(&text, &known(self.session.world()))?;
        self.viewed = None;
        self.app.ui.past = None;
        self.course_mut().begin_try(text, step.action.clone());
        self.settle();
        Ok(Some(LessonCommand::Act(Box::new(step))))
    }

    pub(super) fn ask_try(&mut self) {
        if self.is_recorded() {
            self.app.ui.warn("a recording has no kernel to try it on");
            return;
        }
        match self.course().phase {
            Phase::Ready | Phase::Finished => {
                self.app.ui.entry = Some(LineEntry::new(Purpose::Try, String::new()));
            }
            Phase::Asking => self.app.ui.warn("a question is open: answer it first, or press x"),
            Phase::Starting | Phase::Making => self.app.ui.say("the step is being made"),
            Phase::Stopped(_) => self.app.ui.warn("the lesson has stopped: r begins again"),
        }
    }
}
