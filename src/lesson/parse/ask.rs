//! `[steps.ask]`: a question.

use super::MAX_TEXT;
use super::expect;
use super::fd::{self, Bits};
use super::reader::{ErrorReported, Read, Reader};
use super::table::Table;
use super::usage::Wants;
use super::value::{Value, one_of};
use crate::lesson::case::{Action, Answer, Ask, Choice, Expect, Given, Outcome, Take};

/// How many answers there are to choose from.
const CHOICES: std::ops::RangeInclusive<usize> = 2..=4;

/// The question of a step that does `action`; `None` if that is wrong itself.
pub(super) fn read(r: &mut Reader<'_>, value: &Value<'_>, action: Option<&Action>) -> Read<Ask> {
    let mut table = value.table(r, "a question")?;
    let text = table.take(r, "text", |r, text| text.text(r, MAX_TEXT));
    let silent = matches!(action, Some(Action::Note));
    let answer = if table.has("take") {
        free(r, &mut table, silent)
    } else if let Some(answers) = table.get("answers") {
        choice(r, &answers, action, silent)
    } else {
        r.wrong(table.span(), "a question needs the key `answers`, or `take` and `right`");
        table.give_up();
        Err(ErrorReported)
    };
    table.finish(r);
    Ok(Ask { text: text?, answer: answer? })
}

fn free(r: &mut Reader<'_>, table: &mut Table<'_>, silent: bool) -> Read<Answer> {
    let take = table.take(r, "take", |r, value| {
        if silent {
            return Err(value.wrong(r, "a `note` makes no call: there is nothing to take"));
        }
        take(r, value)
    });
    let right = table.need("right");
    let (take, right) = (take?, right?);
    let right = match take {
        Take::Mask(_) => Given::Mask(fd::mask(r, &right, Bits::Reported)?),
        Take::Ret => Given::Outcome(expect::outcome(r, &right)?),
        Take::Events | Take::Count(_) => {
            let number = i64::try_from(right.natural(r)?).unwrap_or(i64::MAX);
            Given::Outcome(Outcome::Value(number))
        }
    };
    Ok(Answer::Free { take, right })
}

/// `ret`, `events`, `mask LABEL`, `count COUNTER`.
fn take(r: &mut Reader<'_>, value: &Value<'_>) -> Read<Take> {
    let part = value.part(r)?;
    match (part.text(), part.split(' ')) {
        ("ret", _) => Ok(Take::Ret),
        ("events", _) => Ok(Take::Events),
        (_, Some((word, label))) if word.text() == "mask" => {
            fd::known(r, &label, Wants::Any).map(Take::Mask)
        }
        (_, Some((word, name))) if word.text() == "count" => {
            let span = name.span(r);
            expect::counter_named(r, name.text(), span).map(Take::Count)
        }
        (text, _) => {
            let forms = ["ret", "events", "mask LABEL", "count COUNTER"];
            Err(value.not(r, one_of(text, &forms)))
        }
    }
}

fn choice(
    r: &mut Reader<'_>,
    value: &Value<'_>,
    action: Option<&Action>,
    silent: bool,
) -> Read<Answer> {
    let list = value.list(r)?;
    if !CHOICES.contains(&list.len()) {
        return Err(value.wrong(r, format!("found {}, expected 2 to 4", list.len())));
    }
    let choices: Vec<_> = list.iter().map(|item| answer(r, item, action)).collect();
    let choices: Vec<Choice> = choices.into_iter().collect::<Read<_>>()?;
    agree(r, value, &list, &choices, silent);
    Ok(Answer::Choice(choices))
}

fn answer(r: &mut Reader<'_>, value: &Value<'_>, action: Option<&Action>) -> Read<Choice> {
    let mut table = value.table(r, "an answer")?;
    let text = table.take(r, "text", |r, text| text.line(r, MAX_TEXT));
    let when = table.option(r, "when", |r, when| expect::read(r, when, action));
    let right = table.option(r, "right", |r, right| right.switch(r));
    table.finish(r);
    Ok(Choice { text: text?, when: when?, right: right?.unwrap_or_default() })
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
        let message = format!("found {marked} with `right = true`, expected just one");
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
        if choice.when.as_ref().is_some_and(Expect::is_empty) {
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
