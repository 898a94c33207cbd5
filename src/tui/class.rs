//! What a class answers, as the teacher sees it: a bar for each answer.

use super::theme::{Glyphs, Role};
use super::words;
use crate::event::visible;
use crate::share::ClassTally;

/// Columns of the longest bar.
const BAR: u32 = 24;
/// Typed answers that are shown.
pub(super) const SHOWN: usize = 8;
/// Columns of an answer beside its bar, at the most.
const ANSWER: usize = 24;

/// An answer of a class, how many gave it, and whether it was right, once that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ClassCount {
    pub(super) answer: String,
    pub(super) count: u32,
    pub(super) right: Option<bool>,
}

/// A bar for each answer, called so; the longest is that of the most.
pub(super) fn bars(
    counts: &[ClassCount],
    glyphs: &Glyphs,
    name: impl Fn(usize, &ClassCount) -> String,
) -> Vec<(String, Role)> {
    let most = counts.iter().map(|one| one.count).max().unwrap_or(0).max(1);
    let bar = |(n, one): (usize, &ClassCount)| {
        let bar = glyphs.shares[7].repeat((one.count * BAR).div_ceil(most) as usize);
        let role = match one.right {
            Some(true) => Role::Good,
            Some(false) => Role::Dim,
            None => Role::Data,
        };
        (format!(" {}  {bar} {}", name(n, one), one.count), role)
    };
    counts.iter().enumerate().map(bar).collect()
}

/// A text in one line, of which nothing acts on a terminal.
pub(super) fn plain(text: &str) -> String {
    let words: Vec<_> = text.split_whitespace().collect();
    visible(words.join(" ").as_bytes(), 400)
}

/// A question of the teacher's own to all who watch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FreeQuestion {
    /// Its number.
    pub number: u32,
    /// What is asked.
    pub text: String,
    /// What can be answered; if that is nothing, it is typed.
    pub answers: Vec<String>,
    /// What the answers come to so far.
    pub tally: ClassTally,
    /// Answers are taken.
    pub open: bool,
}

impl FreeQuestion {
    /// What the screen says of it, in so many columns.
    pub(super) fn lines(&self, columns: usize, glyphs: &Glyphs) -> Vec<(String, Role)> {
        let wrapped =
            |text: &str, role| words::wrap(text, columns).into_iter().map(move |line| (line, role));
        let ClassTally { answered, of, .. } = self.tally;
        let mut lines: Vec<_> = wrapped(&plain(&self.text), Role::Title).collect();
        if self.open {
            let numbered = |(n, answer): (usize, &String)| format!("{}) {}", n + 1, plain(answer));
            let answers: Vec<_> = self.answers.iter().enumerate().map(numbered).collect();
            // What is typed has none.
            if !answers.is_empty() {
                let answers = answers.join(&format!(" {} ", glyphs.dot));
                lines.extend(wrapped(&answers, Role::Text));
            }
            // Who could answer is heard of within a second.
            let answered = match of {
                0 => "Nobody has answered yet.".to_owned(),
                _ => format!("{answered} of {of} have answered."),
            };
            lines.push((format!("{answered} a closes."), Role::Key));
            return lines;
        }
        lines.push((format!("{answered} of {of} have answered."), Role::Text));
        let counts = self.counts();
        let widest = counts.iter().map(|one| words::width(&one.answer)).max().unwrap_or(0);
        let widest = widest.min(ANSWER).min(columns / 2);
        let name = |_: usize, one: &ClassCount| {
            let name = words::cut(&one.answer, widest, glyphs.ellipsis);
            let room = widest.saturating_sub(words::width(&name));
            format!("{name}{}", " ".repeat(room))
        };
        lines.extend(bars(&counts, glyphs, name));
        lines
    }

    /// How many gave each answer; of those that were typed, the most frequent.
    fn counts(&self) -> Vec<ClassCount> {
        let count = |answer: &str, count| ClassCount { answer: plain(answer), count, right: None };
        if self.answers.is_empty() {
            let mut typed = self.tally.typed.clone();
            typed.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
            return typed.iter().take(SHOWN).map(|(text, n)| count(text, *n)).collect();
        }
        let chosen = |n: usize| self.tally.choices.get(n).copied().unwrap_or(0);
        self.answers.iter().enumerate().map(|(n, answer)| count(answer, chosen(n))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::theme::ASCII;

    fn question() -> FreeQuestion {
        let tally = ClassTally { answered: 4, of: 6, choices: vec![1, 3], ..ClassTally::default() };
        let answers = vec!["T1".to_owned(), "all of them".to_owned()];
        FreeQuestion { number: 1, text: "Who wakes?".to_owned(), answers, tally, open: true }
    }

    fn texts(question: &FreeQuestion, columns: usize) -> Vec<String> {
        question.lines(columns, &ASCII).into_iter().map(|(text, _)| text).collect()
    }

    #[test]
    fn nothing_of_what_was_chosen_shows_before_it_is_closed() {
        let mut question = question();
        let open = texts(&question, 58);
        assert_eq!(
            open,
            ["Who wakes?", "1) T1 / 2) all of them", "4 of 6 have answered. a closes."]
        );
        question.tally.choices = vec![3, 1];
        assert_eq!(texts(&question, 58), open);
    }

    #[test]
    fn each_answer_has_its_bar() {
        let question = FreeQuestion { open: false, ..question() };
        let bar = |n: usize| ASCII.shares[7].repeat(n);
        assert_eq!(
            texts(&question, 58),
            [
                "Who wakes?".to_owned(),
                "4 of 6 have answered.".to_owned(),
                format!(" T1           {} 1", bar(8)),
                format!(" all of them  {} 3", bar(24)),
            ]
        );
    }

    #[test]
    fn what_was_typed_comes_by_how_many_typed_it_and_acts_on_no_terminal() {
        let mut question = FreeQuestion { answers: Vec::new(), open: false, ..question() };
        let typed = [("a\x1b[2J", 1), ("seven", 3)];
        question.tally.typed = typed.map(|(text, n)| (text.to_owned(), n)).to_vec();
        let lines = texts(&question, 58);
        assert!(lines[2].starts_with(" seven") && lines[2].ends_with(" 3"), "{lines:?}");
        assert!(!lines[3].contains('\x1b'), "{lines:?}");
        question.tally.typed = (0..20).map(|n| (n.to_string(), 1)).collect();
        assert_eq!(question.counts().len(), SHOWN);
    }
}
