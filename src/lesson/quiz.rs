//! Questions: what a typed answer means, and which answer is right given what the kernel did.
//!
//! Pure. The kernel decides: the author's mark counts only where an answer does not say when it is
//! right.

use serde::{Deserialize, Serialize};

use super::case::{Answer, Ask, Choice, Expect, Given, Label, Outcome, Seen, Take};
use super::run::Report;
use crate::event::{Errno, Mask};

/// What a question that is answered by typing asks for.
fn taken(take: &Take, report: &Report) -> Option<Given> {
    let outcome = |n: u64| Given::Outcome(Outcome::Value(i64::try_from(n).unwrap_or(i64::MAX)));
    match take {
        Take::Ret => report.seen.ret.map(Given::Outcome),
        Take::Events => match report.seen.events.as_ref()? {
            Seen::Events(events) => Some(outcome(events.len() as u64)),
            Seen::Value(value) => Some(Given::Outcome(Outcome::Value(*value))),
            Seen::Errno(errno) => Some(Given::Outcome(Outcome::Errno(*errno))),
        },
        Take::Count(counter) => Some(outcome(report.counter(counter))),
        Take::Mask(label) => Some(Given::Mask(reported(label, report))),
    }
}

/// The mask that the step reported for a descriptor, to whomever; empty if it did not.
fn reported(label: &Label, report: &Report) -> Mask {
    let events = |seen: &Seen| match seen {
        Seen::Events(events) => {
            events.iter().find(|entry| entry.label == *label).map(|entry| entry.mask)
        }
        Seen::Value(_) | Seen::Errno(_) => None,
    };
    let mut all = report.seen.events.iter().chain(report.seen.woke.values());
    all.find_map(events).unwrap_or(Mask::EMPTY)
}

/// What a learner answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reply {
    /// The choice at this place, from 0.
    Choice(usize),
    /// A typed answer.
    Typed(Given),
}

/// What was right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Truth {
    /// The choice at this place, from 0.
    Choice(usize),
    /// None of the choices.
    NoChoice,
    /// This should have been typed.
    Given(Given),
    /// The step did not come to what was asked for.
    Nothing,
}

/// Who says which answer is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Judge {
    /// The kernel: the answers name what it returned or shows.
    Kernel,
    /// The model of the kernel: some answer names a ready list, which the kernel shows to nobody.
    Model,
    /// The author's mark: no answer says when it is right.
    Author,
}

impl Judge {
    /// Who judges the answers to `ask`.
    pub fn of(ask: &Ask) -> Self {
        let choices = match &ask.answer {
            Answer::Choice(choices) => choices,
            Answer::Free { take: Take::Count(counter), .. } if counter.is_model() => {
                return Self::Model;
            }
            Answer::Free { .. } => return Self::Kernel,
        };
        let mut whens = choices.iter().filter_map(|choice| choice.when.as_ref()).peekable();
        if whens.peek().is_none() {
            Self::Author
        } else if whens.any(Expect::names_lists) {
            Self::Model
        } else {
            Self::Kernel
        }
    }
}

/// How a question came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// What the learner said, if anything.
    pub reply: Option<Reply>,
    /// What was right.
    pub truth: Truth,
    /// What the author says is right.
    pub mark: Truth,
}

impl Verdict {
    /// Whether the learner was right; `None` without an answer, or if none could be judged.
    pub fn is_right(&self) -> Option<bool> {
        match (self.reply?, self.truth) {
            (Reply::Choice(one), Truth::Choice(other)) => Some(one == other),
            (Reply::Typed(one), Truth::Given(other)) => Some(one == other),
            (_, Truth::NoChoice | Truth::Nothing) => None,
            _ => Some(false),
        }
    }

    /// Whether there was an answer that fits what the kernel did; else the question does not count.
    pub fn is_judged(&self) -> bool {
        matches!(self.truth, Truth::Choice(_) | Truth::Given(_))
    }

    /// Whether the kernel did what the author says it does.
    pub fn mark_holds(&self) -> bool {
        self.truth == self.mark
    }
}

/// Judges an answer by what the step came to.
pub fn judge(ask: &Ask, reply: Option<Reply>, report: &Report) -> Verdict {
    let (truth, mark) = match &ask.answer {
        Answer::Choice(choices) => {
            let place = |found: Option<usize>| found.map_or(Truth::NoChoice, Truth::Choice);
            let mark = place(choices.iter().position(|choice| choice.right));
            let agrees = |choice: &Choice| {
                choice.when.as_ref().is_some_and(|expect| report.agrees_with(expect))
            };
            let marked = choices.iter().position(|choice| choice.right && agrees(choice));
            let found = marked.or_else(|| choices.iter().position(agrees));
            let judged = choices.iter().any(|choice| choice.when.is_some());
            (if judged { place(found) } else { mark }, mark)
        }
        Answer::Free { take, right } => {
            (taken(take, report).map_or(Truth::Nothing, Truth::Given), Truth::Given(*right))
        }
    };
    Verdict { reply, truth, mark }
}

/// How a typed answer to such a question looks, for the person who types.
pub fn expected(take: &Take) -> &'static str {
    match take {
        Take::Ret => "a number, or the name of an error such as EAGAIN",
        Take::Mask(_) => "bits such as OUT|PRI, or 0 for none",
        Take::Events => "how many events",
        Take::Count(_) => "a number",
    }
}

/// What was typed, as an answer to such a question.
///
/// # Errors
/// What would have been an answer.
pub fn typed(take: &Take, text: &str) -> Result<Given, String> {
    let text = text.trim().to_uppercase();
    let given = match take {
        Take::Mask(_) => mask(&text).map(Given::Mask),
        _ => outcome(&text).map(Given::Outcome),
    };
    given.ok_or_else(|| format!("type {}", expected(take)))
}

fn outcome(text: &str) -> Option<Outcome> {
    if text == "EOF" {
        return Some(Outcome::Eof);
    }
    match text.replace([',', '_'], "").parse() {
        Ok(value) => Some(Outcome::Value(value)),
        Err(_) => Errno::parse(text).map(Outcome::Errno),
    }
}

fn mask(text: &str) -> Option<Mask> {
    if ["0", "NONE", "NOTHING"].contains(&text) {
        return Some(Mask::EMPTY);
    }
    let words = text.split(['|', ',', '+', ' ']).filter(|word| !word.is_empty());
    let words: Vec<_> = words.map(|word| word.strip_prefix("EPOLL").unwrap_or(word)).collect();
    if words.is_empty() { None } else { Mask::parse(&words.join("|")) }
}

/// An answer as text.
pub fn spelled(given: Given) -> String {
    match given {
        Given::Outcome(outcome) => outcome_text(outcome),
        Given::Mask(mask) => mask.to_string(),
    }
}

/// An outcome as text.
pub(crate) fn outcome_text(outcome: Outcome) -> String {
    match outcome {
        Outcome::Value(value) => value.to_string(),
        Outcome::Errno(errno) => errno.to_string(),
        Outcome::Eof => "EOF".to_owned(),
    }
}

/// What a step came to in a few words: what was handed over, or returned, and to whom.
pub(crate) fn result_text(report: &Report) -> String {
    let seen = &report.seen;
    let cqes = seen.cqes.iter().flatten().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let own = match (&seen.events, seen.ret) {
        _ if !cqes.is_empty() => Some(cqes),
        (Some(events), _) => Some(seen_text(events)),
        (None, Some(ret)) => Some(outcome_text(ret)),
        (None, None) => None,
    };
    let woke = seen.woke.iter().map(|(who, what)| format!("{who}: {}", seen_text(what)));
    own.into_iter().chain(woke).collect::<Vec<_>>().join("; ")
}

/// Events as text: `p.r IN, q.r IN`; `nothing` for a timeout.
pub(crate) fn seen_text(seen: &Seen) -> String {
    match seen {
        Seen::Events(events) if events.is_empty() => "nothing".to_owned(),
        Seen::Events(events) => {
            let all: Vec<_> =
                events.iter().map(|e| format!("{} {}", e.label, e.mask.join(" "))).collect();
            all.join(", ")
        }
        Seen::Value(value) => value.to_string(),
        Seen::Errno(errno) => errno.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::event::{Fd, Nanos};
    use crate::lesson::case::{Counter, Entry, Range};
    use crate::lesson::run::Observed;

    fn events(list: &[(&str, Mask)]) -> Seen {
        let entry = |(label, mask): &(&str, Mask)| Entry { label: (*label).into(), mask: *mask };
        Seen::Events(list.iter().map(entry).collect())
    }

    fn report(events: Option<Seen>) -> Report {
        let seen = Observed { events, ..Observed::default() };
        Report {
            step: 1,
            t: Nanos(0),
            events: Vec::new(),
            untold: 0,
            late: Nanos(0),
            model: seen.clone(),
            seen,
            mismatches: Vec::new(),
            counters: BTreeMap::new(),
            numbers: BTreeMap::new(),
            duplicates: BTreeMap::new(),
        }
    }

    fn choice(when: Option<Expect>, right: bool) -> Choice {
        Choice { text: "an answer".to_owned(), when, right }
    }

    fn ask(answer: Answer) -> Ask {
        Ask { text: "what?".to_owned(), answer }
    }

    #[test]
    fn a_ready_list_is_judged_by_the_model() {
        let rdl = BTreeMap::from([("e".into(), vec!["p.r".into()])]);
        let listed = Expect { rdl, ..Expect::default() };
        let asleep = Expect { asleep: Some(vec!["T".into()]), ..Expect::default() };
        let of = |one: Option<Expect>, other: Option<Expect>| {
            Judge::of(&ask(Answer::Choice(vec![choice(one, true), choice(other, false)])))
        };
        assert_eq!(of(Some(asleep.clone()), Some(listed)), Judge::Model);
        assert_eq!(of(Some(asleep.clone()), Some(asleep)), Judge::Kernel);
        assert_eq!(of(None, None), Judge::Author);
        let right = Given::Outcome(Outcome::Eof);
        assert_eq!(Judge::of(&ask(Answer::Free { take: Take::Ret, right })), Judge::Kernel);
    }

    /// What will epoll_wait return: one event, or nothing; the author says nothing.
    fn one_or_none() -> Ask {
        let one = Expect { events: Some(events(&[("p.r", Mask::IN)])), ..Expect::default() };
        let none = Expect { events: Some(events(&[])), ..Expect::default() };
        ask(Answer::Choice(vec![choice(Some(one), false), choice(Some(none), true)]))
    }

    #[test]
    fn the_kernel_decides_which_answer_is_right() {
        let facts = report(Some(events(&[])));
        let verdict = judge(&one_or_none(), Some(Reply::Choice(1)), &facts);
        assert_eq!((verdict.is_right(), verdict.mark_holds()), (Some(true), true));
        let facts = report(Some(events(&[("p.r", Mask::IN)])));
        let verdict = judge(&one_or_none(), Some(Reply::Choice(1)), &facts);
        assert_eq!((verdict.is_right(), verdict.mark_holds()), (Some(false), false));
        assert_eq!(verdict.truth, Truth::Choice(0));
        let facts = report(Some(events(&[("q.r", Mask::IN)])));
        let verdict = judge(&one_or_none(), None, &facts);
        assert_eq!((verdict.is_right(), verdict.truth), (None, Truth::NoChoice));
        let verdict = judge(&one_or_none(), Some(Reply::Choice(1)), &facts);
        assert_eq!((verdict.is_right(), verdict.is_judged()), (None, false));
    }

    #[test]
    fn without_conditions_the_author_decides() {
        let ask = ask(Answer::Choice(vec![choice(None, false), choice(None, true)]));
        let verdict = judge(&ask, Some(Reply::Choice(0)), &report(None));
        assert_eq!((verdict.is_right(), verdict.mark_holds()), (Some(false), true));
    }

    #[test]
    fn typed_answers_are_compared_with_what_was_seen() {
        let right = Given::Outcome(Outcome::Errno(Errno::EAGAIN));
        let ask = ask(Answer::Free { take: Take::Ret, right });
        let mut facts = report(None);
        facts.seen.ret = Some(Outcome::Errno(Errno::EAGAIN));
        let reply = typed(&Take::Ret, " eagain ").map(Reply::Typed).ok();
        assert_eq!(judge(&ask, reply, &facts).is_right(), Some(true));
        let verdict = judge(&ask, reply, &report(None));
        assert_eq!((verdict.truth, verdict.is_right()), (Truth::Nothing, None));
        assert!(!verdict.is_judged());
    }

    #[test]
    fn masks_are_typed_in_several_ways() {
        let take = Take::Mask("p.r".into());
        for text in ["IN|HUP", "in hup", "EPOLLIN, EPOLLHUP", "hup+in"] {
            assert_eq!(typed(&take, text), Ok(Given::Mask(Mask::IN | Mask::HUP)), "{text}");
        }
        assert_eq!(typed(&take, "none"), Ok(Given::Mask(Mask::EMPTY)));
        assert_eq!(
            typed(&take, "soon"),
            Err("type bits such as OUT|PRI, or 0 for none".to_owned())
        );
        assert_eq!(typed(&Take::Events, "1,000"), Ok(Given::Outcome(Outcome::Value(1000))));
        assert!(typed(&Take::Ret, "").is_err());
    }

    #[test]
    fn a_mask_is_found_with_whoever_it_was_reported_to() {
        let mut facts = report(None);
        facts.seen.woke.insert("A".into(), events(&[("p.r", Mask::HUP)]));
        let taken = |label: &str| super::taken(&Take::Mask(label.into()), &facts);
        assert_eq!(taken("p.r"), Some(Given::Mask(Mask::HUP)));
        assert_eq!(taken("q.r"), Some(Given::Mask(Mask::EMPTY)));
    }

    #[test]
    fn only_what_an_expectation_names_counts() {
        let mut facts = report(None);
        facts.counters.insert(Counter::Wakeups(None), 3);
        facts.numbers.extend([("a".into(), Fd(5)), ("b".into(), Fd(5)), ("c".into(), Fd(6))]);
        let mut expect = Expect::default();
        assert!(facts.agrees_with(&expect));
        expect.count.insert(Counter::Wakeups(None), Range { min: 2, max: None });
        expect.same = Some(["a".into(), "b".into()]);
        expect.less = Some([Counter::Calls, Counter::Wakeups(None)]);
        expect.rdl.insert("e".into(), Vec::new());
        assert!(!facts.agrees_with(&expect), "there is no such list");
        facts.model.rdl.insert("e".into(), Vec::new());
        assert!(facts.agrees_with(&expect));
        expect.same = Some(["a".into(), "c".into()]);
        assert!(!facts.agrees_with(&expect));
        let one = ("A".into(), Seen::Events(Vec::new()));
        let woke = Expect { woke: [one.clone()].into(), ..Expect::default() };
        assert!(!facts.agrees_with(&woke));
        facts.seen.woke.extend([one]);
        assert!(facts.agrees_with(&woke));
        facts.seen.woke.insert("B".into(), Seen::Errno(Errno::EINTR));
        assert!(!facts.agrees_with(&woke), "nobody else may have returned");
    }
}
