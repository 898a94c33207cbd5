//! The questions of a lesson, asked of all who watch.

use super::LessonApp;
use crate::lesson::course::Phase;
use crate::tui::class::plain;
use crate::tui::lesson::class::{self, ClassReport, ClassRound, ClassStage};
use crate::tui::share::Sharing;

impl LessonApp {
    /// The question that a class was asked last.
    pub(crate) fn class(&self) -> Option<&ClassRound> {
        self.class.as_ref()
    }

    /// The teacher takes no more answers.
    pub(super) fn close_class(&mut self) {
        match &mut self.class {
            Some(round) if round.stage == ClassStage::Open => round.stage = ClassStage::Closed,
            _ if self.app.ui.sharing.is_some() => {
                self.app.ui.say("nobody else is asked: no browser watches, or no question is open");
            }
            _ => self.app.ui.say("nobody else is asked: S lets browsers watch"),
        }
    }

    /// Passes the open question on to those who watch, takes over what they answer, and tells them
    /// what was right; whether something is to be drawn.
    pub(crate) fn ask_class(
        &mut self,
        sharing: &mut Sharing,
        report: Option<&mut ClassReport>,
    ) -> bool {
        let course = &self.session.source().course;
        let step = course.next;
        let open = course.question();
        if let Some(ask) = open
            && self.class.as_ref().is_none_or(|round| round.step != step)
        {
            let asked = sharing.ask(plain(&ask.text), class::form(ask));
            self.class = asked.map(|number| ClassRound::new(step, number));
            self.app.ui.offers.class = self.class.is_some();
            return self.class.is_some();
        }
        let Some(round) = &mut self.class else {
            // A lesson that begins again has asked nothing yet.
            sharing.ask_no_more();
            return false;
        };
        let before = round.clone();
        if open.is_none() && round.stage == ClassStage::Open {
            round.stage = ClassStage::Closed;
        }
        if round.stage != ClassStage::Open {
            sharing.close_answers(round.number);
        }
        if let Some(tally) = sharing.tally(round.number) {
            round.tally = tally;
        }
        let made = course.moments.iter().find(|moment| moment.step() == Some(round.step));
        let verdict = made.and_then(|moment| moment.verdict);
        let ask = course.case.steps.get(round.step).and_then(|step| step.ask.as_ref());
        // What was typed is judged once all of it has come.
        if let (Some(verdict), Some(ask)) = (verdict, ask)
            && round.stage == ClassStage::Closed
            && (round.tally.closed || !sharing.is_shared())
        {
            round.stage = ClassStage::Solved;
            sharing.solve(round.number, class::truth(ask, &verdict, &round.tally));
            let written = report.map(|report| report.note(&course.case.id, round, ask, &verdict));
            if let Some(Err(error)) = written {
                self.app.ui.warn(format!("the report cannot be written: {error}"));
            }
        }
        if course.phase == Phase::Finished {
            sharing.ask_no_more();
        }
        self.app.ui.offers.class = round.stage == ClassStage::Open;
        before != *round
    }
}
