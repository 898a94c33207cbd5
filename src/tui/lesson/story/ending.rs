//! The end of a lesson: its score, each question with what was said and what was right; or why it
//! cannot go on.

use super::{Line, Teller, flat};
use crate::event::visible;
use crate::lesson::case::Ask;
use crate::lesson::course::{Moment, What};
use crate::lesson::quiz::{Truth, Verdict};
use crate::tui::theme::Role;

impl Teller<'_> {
    /// How it came out.
    pub(super) fn end(&self) -> Vec<Vec<Line>> {
        let score = self.course.score();
        let words = match (score.asked, score.right) {
            (0, _) => "The end.".to_owned(),
            (asked, right) => format!("The end. {}", self.predicted(right, asked)),
        };
        let mut answers = Vec::new();
        for moment in &self.course.moments {
            let (Some(verdict), What::Step(step)) = (moment.verdict, &moment.what) else {
                continue;
            };
            let Some(ask) = self.course.case.steps.get(*step).and_then(|s| s.ask.as_ref()) else {
                continue;
            };
            self.outcome(&mut answers, step + 1, moment, ask, &verdict);
        }
        let after = "[ goes back step by step, v tries something of your own, r begins again, q \
                     leaves.";
        let after = match self.following {
            Some(title) => {
                let title = flat(title);
                let stop = if title.ends_with(['?', '!', '.']) { "" } else { "." };
                format!("Enter goes on to: {title}{stop} {after}")
            }
            None => after.to_owned(),
        };
        let after = Some(after.as_str()).filter(|_| !self.keyless);
        vec![self.said_so(Some(&words), Role::Title), answers, self.said_so(after, Role::Key)]
    }

    /// How a question came out, at the end: what the learner said, and what was right.
    fn outcome(
        &self,
        lines: &mut Vec<Line>,
        step: usize,
        moment: &Moment,
        ask: &Ask,
        verdict: &Verdict,
    ) {
        let truth = self.truth(moment, ask, verdict);
        let [yes, no, idle] = [self.glyphs.check, self.glyphs.close, self.glyphs.idle];
        let said = verdict.reply.map(|reply| Self::said(ask, reply));
        // Where the answer stands alone it needs no number.
        let place = match verdict.truth {
            Truth::Choice(at) => format!("{}, ", at + 1),
            _ => String::new(),
        };
        let alone = truth.strip_prefix(&place).unwrap_or(&truth);
        let (mark, role, text) = match (verdict.is_right(), said) {
            (Some(true), _) => (yes, Role::Good, alone.to_owned()),
            (Some(false), Some(said)) => {
                let text = format!("step {step}: you said {said}");
                self.marked(lines, &format!("{no} "), &text, Role::Bad);
                let text = format!("{}: {truth}", Self::judge(ask));
                self.marked(lines, &format!("  {yes} "), &text, Role::Good);
                return;
            }
            (_, Some(said)) => (idle, Role::Text, format!("you said {said}; not judged: {truth}")),
            (_, None) => (idle, Role::Text, format!("not answered; {alone}")),
        };
        self.marked(lines, &format!("{mark} "), &format!("step {step}: {text}"), role);
    }

    /// How many answers were right: whoever reads it elsewhere has given none of them.
    fn predicted(&self, right: u64, asked: u64) -> String {
        if self.keyless {
            format!("{right} of {asked} were predicted.")
        } else {
            format!("You predicted {right} of {asked}.")
        }
    }

    /// Why it stops before its end.
    pub(super) fn stopped(&self, why: &str) -> Vec<Vec<Line>> {
        let at = match self.course.moments.len() {
            0 => "This lesson cannot begin here.".to_owned(),
            _ => format!("The lesson cannot go on after step {}.", self.course.next),
        };
        let mut reason = self.said_so(Some(&at), Role::Title);
        let why = visible(why.as_bytes(), 1000);
        self.marked(&mut reason, &format!("{} ", self.glyphs.stuck), &why, Role::Bad);
        let score = self.course.score();
        let words = self.predicted(score.right, score.asked);
        let words = Some(words.as_str()).filter(|_| score.asked > 0);
        let after = "[ goes back step by step, r begins again, q leaves.";
        vec![reason, self.said_so(words, Role::Text), self.said_so(Some(after), Role::Key)]
    }
}
