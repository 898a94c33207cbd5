//! A lesson's question, asked of all who watch: what they are told, and what the teacher sees of what
//! they answer.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;

use crate::lesson::case::{Answer, Ask};
use crate::lesson::quiz::{self, Truth, Verdict};
use crate::share::{ClassForm, ClassTally, ClassTruth};
use crate::text::csv_field;
use crate::tui::class::{self, ClassCount, SHOWN, plain};
use crate::tui::theme::{Glyphs, Role};

/// A question that a class was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClassRound {
    /// The step that it is about.
    pub step: usize,
    /// Its number.
    pub number: u32,
    /// What the answers come to so far.
    pub tally: ClassTally,
    /// How far it is.
    pub stage: ClassStage,
}

/// How far a question to a class is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClassStage {
    /// Answers are taken.
    Open,
    /// The teacher takes no more.
    Closed,
    /// The kernel has answered.
    Solved,
}

/// How a question is answered.
pub(super) fn form(ask: &Ask) -> ClassForm {
    match &ask.answer {
        Answer::Choice(choices) => {
            ClassForm::Choices(choices.iter().map(|choice| plain(&choice.text)).collect())
        }
        Answer::Free { take, .. } => ClassForm::Field(quiz::expected(take).to_owned()),
    }
}

/// What was right, for those who watch.
pub(super) fn truth(ask: &Ask, verdict: &Verdict, tally: &ClassTally) -> ClassTruth {
    match (verdict.truth, &ask.answer) {
        (Truth::Choice(at), _) => ClassTruth::Choice(u32::try_from(at).unwrap_or(u32::MAX)),
        (Truth::Given(given), Answer::Free { take, .. }) => {
            let is_right = |text: &&String| quiz::typed(take, text) == Ok(given);
            let typed = tally.typed.iter().map(|(text, _)| text);
            ClassTruth::Typed(typed.filter(is_right).cloned().collect(), quiz::spelled(given))
        }
        (Truth::Given(_) | Truth::NoChoice | Truth::Nothing, _) => ClassTruth::None,
    }
}

/// What a class answered: each choice, or what was typed, that of many first.
pub(super) fn counts(ask: &Ask, verdict: Option<&Verdict>, tally: &ClassTally) -> Vec<ClassCount> {
    let judged = verdict.filter(|verdict| verdict.is_judged()).map(|verdict| verdict.truth);
    match &ask.answer {
        Answer::Choice(choices) => {
            let count = |n: usize| tally.choices.get(n).copied().unwrap_or(0);
            let all = choices.iter().enumerate();
            all.map(|(n, choice)| ClassCount {
                answer: plain(&choice.text),
                count: count(n),
                right: judged.map(|truth| truth == Truth::Choice(n)),
            })
            .collect()
        }
        Answer::Free { take, .. } => {
            let mut counts = Vec::<ClassCount>::new();
            for (text, count) in &tally.typed {
                let given = quiz::typed(take, text);
                let answer =
                    given.as_ref().map_or_else(|_| plain(text), |given| quiz::spelled(*given));
                let right =
                    judged.map(|truth| given.is_ok_and(|given| truth == Truth::Given(given)));
                match counts.iter_mut().find(|known| known.answer == answer) {
                    Some(known) => known.count += count,
                    None => counts.push(ClassCount { answer, count: *count, right }),
                }
            }
            counts.sort_by_key(|count| std::cmp::Reverse(count.count));
            counts
        }
    }
}

/// What the teacher sees of it.
pub(super) fn lines(
    round: &ClassRound,
    ask: &Ask,
    verdict: Option<&Verdict>,
    glyphs: &Glyphs,
) -> Vec<(String, Role)> {
    let tally = &round.tally;
    let answered = format!("{} of {} have answered", tally.answered, tally.of);
    if round.stage == ClassStage::Open {
        // Where a line is typed, a is a letter.
        let typed = matches!(ask.answer, Answer::Free { .. });
        let key = if typed { "Esc, then a, closes." } else { "a closes." };
        return vec![(format!("The class: {answered}. {key}"), Role::Key)];
    }
    let counts = counts(ask, verdict, tally);
    let right: u32 = counts.iter().filter(|one| one.right == Some(true)).map(|one| one.count).sum();
    let known = counts.iter().any(|one| one.right.is_some());
    let title = if known { format!("{answered}, {right} of them rightly") } else { answered };
    let mut lines = vec![(format!("The class: {title}."), Role::Title)];
    let typed = matches!(ask.answer, Answer::Free { .. });
    let shown = if typed { &counts[..counts.len().min(SHOWN)] } else { &counts };
    lines.extend(class::bars(shown, glyphs, |n, one| {
        if typed { format!("{:<12}", one.answer) } else { (n + 1).to_string() }
    }));
    lines
}

impl ClassRound {
    /// A question that has just been asked.
    pub(super) fn new(step: usize, number: u32) -> Self {
        Self { step, number, tally: ClassTally::default(), stage: ClassStage::Open }
    }

    /// What the teacher sees of it, if it is about that step.
    pub(super) fn lines(
        round: Option<&Self>,
        step: usize,
        ask: &Ask,
        verdict: Option<&Verdict>,
        glyphs: &Glyphs,
    ) -> Vec<(String, Role)> {
        let round = round.filter(|round| round.step == step);
        round.map_or_else(Vec::new, |round| lines(round, ask, verdict, glyphs))
    }
}

/// How a class answered, in a file of comma-separated values (RFC 4180); no viewer is in it.
pub struct ClassReport(File);

impl ClassReport {
    /// Begins one, in a file that must not be there yet.
    ///
    /// # Errors
    /// If it is there, or cannot be written.
    pub fn create(path: &Path) -> io::Result<Self> {
        let mut file = File::create_new(path)?;
        file.write_all(b"lesson,step,question,answer,right,count,answered,of\r\n")?;
        Ok(Self(file))
    }

    /// Adds a question: a line an answer.
    pub(super) fn note(
        &mut self,
        lesson: &str,
        round: &ClassRound,
        ask: &Ask,
        verdict: &Verdict,
    ) -> io::Result<()> {
        let mut text = String::new();
        for one in counts(ask, Some(verdict), &round.tally) {
            let right = match one.right {
                Some(true) => "yes",
                Some(false) => "no",
                None => "",
            };
            let (step, tally) = ((round.step + 1).to_string(), &round.tally);
            let numbers = [one.count, tally.answered, tally.of].map(|n| n.to_string());
            let fields = [lesson, &step, &plain(&ask.text), &one.answer, right];
            let fields = fields.into_iter().chain(numbers.iter().map(String::as_str));
            text += &fields.map(csv_field).collect::<Vec<_>>().join(",");
            text += "\r\n";
        }
        self.0.write_all(text.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lesson::catalog;
    use crate::lesson::quiz::Reply;
    use crate::tui::theme::{ASCII, UNICODE};

    /// The first question of a lesson that is answered so.
    fn question(typed: bool) -> Ask {
        let cases = catalog::topics().into_iter().flat_map(|topic| topic.lessons);
        let asks = cases.flat_map(|case| case.steps).filter_map(|step| step.ask);
        let is = |ask: &Ask| matches!(ask.answer, Answer::Free { .. }) == typed;
        asks.into_iter().find(is).expect("there is one")
    }

    #[test]
    fn bars_come_after_closing_and_what_was_right_after_the_kernel() {
        let ask = question(false);
        let mut round = ClassRound::new(2, 1);
        (round.tally.answered, round.tally.of) = (17, 31);
        round.tally.choices = vec![12, 5];
        let text = |round: &ClassRound, verdict: Option<&Verdict>, glyphs| -> Vec<String> {
            ClassRound::lines(Some(round), 2, &ask, verdict, glyphs)
                .into_iter()
                .map(|(line, _)| line)
                .collect()
        };
        assert_eq!(text(&round, None, &UNICODE), ["The class: 17 of 31 have answered. a closes."]);
        round.stage = ClassStage::Closed;
        let closed = text(&round, None, &UNICODE);
        assert_eq!(closed[0], "The class: 17 of 31 have answered.");
        assert_eq!(closed[1], format!(" 1  {} 12", UNICODE.shares[7].repeat(24)));
        assert_eq!(closed[2], format!(" 2  {} 5", UNICODE.shares[7].repeat(10)));
        let reply = Some(Reply::Choice(1));
        let verdict = Verdict { reply, truth: Truth::Choice(1), mark: Truth::Choice(1) };
        let solved = text(&round, Some(&verdict), &ASCII);
        assert_eq!(solved[0], "The class: 17 of 31 have answered, 5 of them rightly.");
        assert!(ClassRound::lines(Some(&round), 3, &ask, None, &ASCII).is_empty());
        assert_eq!(truth(&ask, &verdict, &round.tally), ClassTruth::Choice(1));
    }

    #[test]
    fn what_was_typed_is_counted_by_what_it_means() {
        let ask = question(true);
        let Answer::Free { take, right } = &ask.answer else { panic!("it is typed") };
        let spelled = quiz::spelled(*right);
        assert_eq!(quiz::typed(take, &spelled), Ok(*right), "{spelled}");
        let mut round = ClassRound::new(0, 1);
        let lower = spelled.to_lowercase();
        round.tally.typed = vec![(spelled.clone(), 3), ("nonsense!".to_owned(), 2)];
        if lower != spelled {
            round.tally.typed.push((lower.clone(), 1));
        }
        let verdict =
            Verdict { reply: None, truth: Truth::Given(*right), mark: Truth::Given(*right) };
        let counts = counts(&ask, Some(&verdict), &round.tally);
        assert_eq!(counts.len(), 2, "{counts:?}");
        assert_eq!((counts[0].answer.as_str(), counts[0].right), (spelled.as_str(), Some(true)));
        assert_eq!((counts[1].answer.as_str(), counts[1].right), ("nonsense!", Some(false)));
        let ClassTruth::Typed(texts, shown) = truth(&ask, &verdict, &round.tally) else {
            panic!("it was typed")
        };
        assert!(texts.contains(&spelled) && !texts.contains(&"nonsense!".to_owned()));
        assert_eq!(shown, spelled);
    }
}
