//! `[steps.ask]`: a question.

use super::MAX_TEXT;
use super::expect;
use super::fd::{self, Bits};
use super::reader::Reader;
use super::scope::{Use, Wants, What};
use super::table::Table;
use super::value::{Value, one_of};
use crate::lesson::case::{Action, Answer, Ask, Choice, Given, Label, Outcome, Take};

/// How many answers there are to choose from.
const CHOICES: std::ops::RangeInclusive<usize> = 2..=4;

/// The question of a step that does `action`; `None` if that is wrong itself.
pub(super) fn read(r: &mut Reader<'_>, value: &Value<'_>, action: Option<&Action>) -> Option<Ask> {
    let mut table = value.table(r, "a question")?;
    let text = table.need(r, "text").and_then(|text| text.text(r, MAX_TEXT));
    let silent = action.is_some_and(|action| matches!(action, Action::Note));
    let answer = if table.has("take") {
        free(r, &mut table, silent)
    } else if let Some(answers) = table.get("answers") {
        choice(r, &answers, action, silent)
    } else {
        let message = "missing key `answers` or `take` in a question";
        r.wrong(table.span(), message);
        None
    };
    table.finish(r);
    Some(Ask { text: text?, answer: answer? })
}

fn free(r: &mut Reader<'_>, table: &mut Table<'_>, silent: bool) -> Option<Answer> {
    let value = table.need(r, "take")?;
    let take = take(r, &value);
    let right = table.need(r, "right");
    if silent {
        value.wrong(r, "a `note` makes no call whose result could be asked for");
    }
    let (take, right) = (take?, right?);
    let right = match take {
        Take::Mask(_) => Given::Mask(fd::mask(r, &right, Bits::Reported)?),
        Take::Ret => Given::Outcome(expect::outcome(r, &right)?),
        Take::Events | Take::Count(_) => {
            Given::Outcome(Outcome::Value(right.number(r, 0, i64::MAX)?))
        }
    };
    Some(Answer::Free { take, right })
}

/// `ret`, `events`, `mask LABEL`, `count NAME`.
fn take(r: &mut Reader<'_>, value: &Value<'_>) -> Option<Take> {
    let text = value.string(r)?;
    let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
    let at = word.len() + 1..text.len();
    match (word, rest) {
        ("ret", "") => Some(Take::Ret),
        ("events", "") => Some(Take::Events),
        ("mask", label) if !label.is_empty() => {
            let label = Label::new(label);
            let span = r.inside(&value.span(), text, at);
            r.uses.push(Use::new(span, What::Fd(label.clone(), Wants::Any)));
            Some(Take::Mask(label))
        }
        ("count", name) if !name.is_empty() => {
            let span = r.inside(&value.span(), text, at);
            expect::counter_named(r, name, span).map(Take::Count)
        }
        _ => {
            value.not(r, one_of(text, &["ret", "events", "mask LABEL", "count COUNTER"]));
            None
        }
    }
}

fn choice(
    r: &mut Reader<'_>,
    value: &Value<'_>,
    action: Option<&Action>,
    silent: bool,
) -> Option<Answer> {
    let list = value.list(r)?;
    if !CHOICES.contains(&list.len()) {
        value.wrong(r, format!("found {} answers, expected 2 to 4", list.len()));
        return None;
    }
    let choices: Vec<_> = list.iter().map(|item| answer(r, item, action)).collect();
    let choices: Vec<Choice> = choices.into_iter().collect::<Option<_>>()?;
    agree(r, value, &list, &choices, silent);
    Some(Answer::Choice(choices))
}

fn answer(r: &mut Reader<'_>, value: &Value<'_>, action: Option<&Action>) -> Option<Choice> {
    let mut table = value.table(r, "an answer")?;
    let text = table.need(r, "text").and_then(|text| text.line(r, MAX_TEXT));
    let when = match table.get("when") {
        None => Some(None),
        Some(when) => expect::read(r, &when, action).map(Some),
    };
    let right = table.get("right").map_or(Some(false), |right| right.switch(r));
    table.finish(r);
    Some(Choice { text: text?, when: when?, right: right? })
}

/// What must hold between the answers of a question.
fn agree(
    r: &mut Reader<'_>,
    value: &Value<'_>,
    list: &[Value<'_>],
    choices: &[Choice],
    silent: bool,
) {
    let marked = choices.iter().filter(|choice| choice.right).count();
    if marked != 1 {
        let message = format!("{marked} answers have `right = true`, expected just one");
        value.wrong(r, message);
    }
    let with = choices.iter().filter(|choice| choice.when.is_some()).count();
    for (item, choice) in list.iter().zip(choices) {
        if choice.when.is_none() && with > 0 {
            r.wrong(item.span(), "this answer has no `when`, but another has: all or none");
        }
        if choice.when.is_some() && silent {
            r.wrong(item.span(), "a `note` makes no call: its answers have no `when`");
        }
        if choice.when.as_ref().is_some_and(crate::lesson::case::Expect::is_empty) {
            r.wrong(item.span(), "the `when` of this answer says nothing");
        }
    }
    for (index, item) in list.iter().enumerate() {
        let (before, this) = (&choices[..index], &choices[index]);
        if before.iter().any(|other| other.text == this.text) {
            r.wrong(item.span(), "another answer has the same text");
        }
        if this.when.is_some() && before.iter().any(|other| other.when == this.when) {
            r.wrong(item.span(), "another answer has the same `when`");
        }
    }
}
