//! How far a lesson is: the steps made, what each came to, the questions and the answers. Pure.

use serde::{Deserialize, Serialize};

use super::case::{Action, Answer, Ask, Case, Step};
use super::quiz::{self, Reply, Verdict};
use super::run::{Between, Report};
use crate::event::{Kind, LaneId, Nanos, Seq, TimeUnit};

/// What a moment of the lesson is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// The actors were made.
    Start,
    /// This step, from 0.
    Step(usize),
    /// An action of the learner's own, as it was typed.
    Try(String),
}

/// Something that was done, and can be done again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Done {
    /// This step, from 0, with what was answered to its question.
    Step(usize, Option<Reply>),
    /// An action of the learner's own, as it was typed.
    Try(String),
}

/// Something that was done, and what came of it.
#[derive(Clone, Debug)]
pub struct Moment {
    /// What.
    pub what: What,
    /// Its first event and its last one, which tells every list.
    pub events: (Seq, Seq),
    /// The calls that returned in it, the first ones.
    pub calls: Vec<Seq>,
    /// The call of which the sentence speaks.
    pub main: Option<Seq>,
    /// Calls that are not among the events.
    pub untold: u64,
    /// What changed on the lists.
    pub changes: Vec<String>,
    /// The sentence about its main call.
    pub why: String,
    /// How its question came out, if it had one.
    pub verdict: Option<Verdict>,
    /// What the report says.
    pub report: Report,
}

/// What the lesson waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The actors are being made.
    Starting,
    /// The learner may go on.
    Ready,
    /// The question of the next step is open.
    Asking,
    /// A step, or an action of the learner's own, is being made.
    Making,
    /// The last step was made, and that has been said.
    Finished,
    /// It cannot go on, for this reason.
    Stopped(String),
}

/// What is being made.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Pending {
    Step(Option<Reply>),
    Try(String, Box<Action>),
}

/// A lesson being gone through.
#[derive(Clone, Debug)]
pub struct Course {
    /// The lesson.
    pub case: Case,
    /// What it waits for.
    pub phase: Phase,
    /// What was done, in order; the first one is the start.
    pub moments: Vec<Moment>,
    /// The step that comes next, from 0.
    pub next: usize,
    pending: Option<Pending>,
    /// Actions of the learner's own since the last step.
    tries: u64,
}

/// Questions and how they were answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Score {
    /// Questions that were asked, and of which an answer fits what the kernel did.
    pub asked: u64,
    /// Those that were answered.
    pub answered: u64,
    /// Those that were answered rightly.
    pub right: u64,
}

impl Score {
    /// Whether it came out better: all right, or more of it.
    pub fn is_better_than(&self, other: Self) -> bool {
        let rank = |score: &Self| (score.right == score.asked, score.right);
        rank(self) > rank(&other)
    }
}

/// How many calls of a moment are listed.
const CALLS: usize = 64;

impl Course {
    /// A lesson whose actors are being made.
    pub fn new(case: Case) -> Self {
        Self { case, phase: Phase::Starting, moments: Vec::new(), next: 0, pending: None, tries: 0 }
    }

    /// The step that comes next.
    pub fn step(&self) -> Option<&Step> {
        self.case.steps.get(self.next)
    }

    /// The question that is open.
    pub fn question(&self) -> Option<&Ask> {
        match self.phase {
            Phase::Asking => self.step()?.ask.as_ref(),
            _ => None,
        }
    }

    /// Whether something is being made.
    pub fn is_making(&self) -> bool {
        matches!(self.phase, Phase::Making | Phase::Starting)
    }

    /// Whether the learner has done something of their own.
    pub fn has_tried(&self) -> bool {
        self.moments.iter().any(|moment| matches!(moment.what, What::Try(_)))
    }

    /// Whether the learner did something of their own before that moment.
    pub fn had_tried(&self, moment: &Moment) -> bool {
        let before = self.moments.iter().take_while(|m| m.events.0 < moment.events.0);
        before.into_iter().any(|m| matches!(m.what, What::Try(_)))
    }

    /// The answers so far.
    pub fn score(&self) -> Score {
        let mut score = Score::default();
        let verdicts = self.moments.iter().filter_map(|moment| moment.verdict);
        for verdict in verdicts.filter(Verdict::is_judged) {
            score.asked += 1;
            score.answered += u64::from(verdict.reply.is_some());
            score.right += u64::from(verdict.is_right() == Some(true));
        }
        score
    }

    /// How many questions were answered.
    pub fn replies(&self) -> u64 {
        let verdicts = self.moments.iter().filter_map(|moment| moment.verdict);
        verdicts.filter(|verdict| verdict.reply.is_some()).count() as u64
    }

    /// What a step came to, if it was made.
    pub fn made(&self, step: usize) -> Option<&Moment> {
        self.moments.iter().find(|moment| moment.what == What::Step(step))
    }

    /// The moment in which an event happened.
    pub fn moment_of(&self, seq: Seq) -> Option<usize> {
        let after = self.moments.partition_point(|moment| moment.events.1 < seq);
        (after < self.moments.len()).then_some(after)
    }

    /// Whether the next step has a question that is to be asked first.
    pub fn asks(&self) -> bool {
        self.phase == Phase::Ready && self.step().is_some_and(|step| step.ask.is_some())
    }

    /// Opens the question of the next step.
    pub fn open(&mut self) {
        self.phase = Phase::Asking;
    }

    /// The next step is being made; with the answer, if there was one.
    pub fn begin_step(&mut self, reply: Option<Reply>) {
        self.pending = Some(Pending::Step(reply));
        self.phase = Phase::Making;
    }

    /// An action of the learner's own is being made, which was typed so.
    pub fn begin_try(&mut self, line: String, action: Action) {
        self.pending = Some(Pending::Try(line, Box::new(action)));
        self.phase = Phase::Making;
    }

    /// The action that is being made.
    pub fn action(&self) -> Option<&Action> {
        match self.pending.as_ref()? {
            Pending::Step(_) => self.step().map(|step| &step.action),
            Pending::Try(_, action) => Some(action),
        }
    }

    /// What is being made could not be; everything is as before. What it was, and the reason.
    pub fn refused(&mut self, why: &str) -> String {
        match self.pending.take() {
            Some(Pending::Try(line, _)) => {
                self.phase = Phase::Ready;
                format!("{line}: {why}")
            }
            // The step is left out, and the lesson goes on without it.
            Some(Pending::Step(_)) => {
                let number = self.next + 1;
                self.next += 1;
                self.phase = Phase::Ready;
                format!("step {number} cannot be made here and is left out: {why}")
            }
            None => why.to_owned(),
        }
    }

    /// It cannot go on.
    pub fn stop(&mut self, why: String) {
        self.pending = None;
        self.phase = Phase::Stopped(why);
    }

    /// Every step was made.
    pub fn finish(&mut self) {
        self.phase = Phase::Finished;
    }

    /// When the events of the next report are, on the clock that counts steps: event number `n` of
    /// so many.
    pub fn time(&self, n: usize, of: usize) -> Nanos {
        // What every list is then is told at the time of the last call.
        let of = of.saturating_sub(1).max(1) as u64;
        let part = (n as u64).min(of - 1);
        let (from, width) = match self.pending {
            Some(Pending::Try(..)) => {
                // Each takes a part of what is left of the step before.
                let left = TimeUnit::STEP.0 / 2 / (self.tries + 1);
                (self.next as u64 * TimeUnit::STEP.0 + TimeUnit::STEP.0 - left, left / 2)
            }
            Some(Pending::Step(_)) => {
                ((self.next as u64 + 1) * TimeUnit::STEP.0, TimeUnit::STEP.0 / 2 - 1)
            }
            None => (0, TimeUnit::STEP.0 / 2 - 1),
        };
        Nanos(from + width / of * part)
    }

    /// A report has come and its events, from the first to the last, have been folded; these of
    /// them are calls.
    pub fn arrived(
        &mut self,
        report: Report,
        events: (Seq, Seq),
        calls: &[(Seq, LaneId)],
        sentences: (Vec<String>, impl FnOnce(Seq) -> String),
    ) {
        let (what, reply) = match self.pending.take() {
            None => (What::Start, None),
            Some(Pending::Step(reply)) => (What::Step(self.next), reply),
            Some(Pending::Try(line, _)) => (What::Try(line), None),
        };
        let verdict = match what {
            What::Step(step) => {
                self.next = step + 1;
                self.tries = 0;
                let ask = self.case.steps.get(step).and_then(|step| step.ask.as_ref());
                ask.map(|ask| quiz::judge(ask, reply, &report))
            }
            What::Try(_) => {
                self.tries += 1;
                None
            }
            What::Start => None,
        };
        // The main thread acts, unless the step is another one's.
        let main = LaneId(1);
        let acts = calls.iter().any(|(_, lane)| *lane == main).then_some(main);
        let lane = acts.or_else(|| calls.first().map(|(_, lane)| *lane));
        let main = calls.iter().rev().find(|(_, of)| Some(*of) == lane).map(|(seq, _)| *seq);
        let (changes, why) = sentences;
        self.moments.push(Moment {
            what,
            events,
            calls: calls.iter().map(|(seq, _)| *seq).take(CALLS).collect(),
            main,
            untold: report.untold + (calls.len().saturating_sub(CALLS)) as u64,
            changes,
            why: main.map(why).unwrap_or_default(),
            verdict,
            report,
        });
        self.phase = Phase::Ready;
    }
}

impl Moment {
    /// The step that was made, from 0, if it was one.
    pub fn step(&self) -> Option<usize> {
        match self.what {
            What::Step(step) => Some(step),
            What::Start | What::Try(_) => None,
        }
    }

    /// What was done in it; nothing was in the first one, in which the actors were made.
    pub fn done(&self) -> Option<Done> {
        match &self.what {
            What::Start => None,
            What::Step(step) => {
                Some(Done::Step(*step, self.verdict.and_then(|verdict| verdict.reply)))
            }
            What::Try(line) => Some(Done::Try(line.clone())),
        }
    }

    /// What the model and the kernel do not agree about.
    pub fn disagreements(&self) -> impl Iterator<Item = String> {
        let all = self.report.mismatches.iter();
        all.filter(|m| m.between == Between::ModelAndKernel).map(ToString::to_string)
    }

    /// What the author expected and was not so.
    pub fn unmet(&self) -> impl Iterator<Item = String> {
        let all = self.report.mismatches.iter();
        all.filter(|m| m.between != Between::ModelAndKernel).map(ToString::to_string)
    }

    /// The result in a few words: what was handed over, or returned, and to whom.
    pub fn result(&self) -> String {
        quiz::result_text(&self.report)
    }
}

/// Whether an event is a call that returned.
pub fn is_call(kind: &Kind) -> bool {
    matches!(kind, Kind::Return(_) | Kind::Measured { .. })
}

/// Whether a question is answered by typing.
pub fn is_typed(ask: &Ask) -> bool {
    matches!(ask.answer, Answer::Free { .. })
}
