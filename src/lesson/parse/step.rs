//! One step: the keys that every step may have.

use super::action;
use super::ask;
use super::expect;
use super::fd;
use super::reader::{Read, Reader};
use super::scope::{Claim, Scope};
use super::usage::Wants;
use super::value::Value;
use super::{MAX_LINE, MAX_TEXT};
use crate::lesson::case::{Answer, Ask, Expect, Given, Look, Outcome, Seen, Step};

/// The largest number of things to look at.
const MAX_LOOKS: usize = 8;

pub(super) fn read(r: &mut Reader<'_>, scope: &mut Scope, value: &Value<'_>) -> Read<Step> {
    let mut table = value.table(r, "a step")?;
    let line = r.line(value.span().start);
    let word = action::word(r, &mut table);
    let action = word.and_then(|word| action::read(r, &mut table, word));
    let known = action.as_ref().ok();
    let chapter = table.option(r, "chapter", |r, value| value.line(r, MAX_LINE));
    let say = table.option(r, "say", |r, value| value.text(r, MAX_TEXT));
    let look = table.option(r, "look", looks);
    let ask = table.option(r, "ask", |r, value| {
        scope.ask(value.span());
        ask::read(r, value, known)
    });
    let reveal = table.option(r, "reveal", |r, value| value.text(r, MAX_TEXT));
    let expect = table.option(r, "expect", |r, value| expect::read(r, value, known));
    let uses = std::mem::take(&mut r.uses);
    let asked = ask.as_ref().ok().and_then(Option::as_ref);
    let expected = expect.as_ref().ok().and_then(Option::as_ref);
    let claim = if expected.is_some_and(is_failure) || asked.is_some_and(asks_for_failure) {
        Claim::Failure
    } else if ["say", "ask", "expect"].iter().any(|key| table.has(key)) {
        Claim::Success
    } else {
        Claim::Nothing
    };
    scope.apply(r, &uses, claim);
    table.finish(r);
    Ok(Step {
        line,
        chapter: chapter?,
        say: say?,
        look: look?.unwrap_or_default(),
        ask: ask?,
        action: action?,
        reveal: reveal?,
        expect: expect?.unwrap_or_default(),
    })
}

/// `look`: a word, a label, or a list of them.
fn looks(r: &mut Reader<'_>, value: &Value<'_>) -> Read<Vec<Look>> {
    if value.is_list() {
        return value.each(r, MAX_LOOKS, |r, item| look(r, &item));
    }
    look(r, value).map(|one| vec![one])
}

fn look(r: &mut Reader<'_>, value: &Value<'_>) -> Read<Look> {
    let pane = Look::PANES.iter().find(|(_, word)| value.as_str() == Some(word));
    match pane {
        Some((pane, _)) => Ok(pane.clone()),
        None => fd::label(r, value, Wants::Any).map(Look::Label),
    }
}

/// Whether the call is expected to fail.
fn is_failure(expect: &Expect) -> bool {
    matches!(expect.ret, Some(Outcome::Errno(_))) || matches!(expect.events, Some(Seen::Errno(_)))
}

/// Whether the answer that is marked as right says that the call fails.
fn asks_for_failure(ask: &Ask) -> bool {
    match &ask.answer {
        Answer::Choice(choices) => choices
            .iter()
            .any(|choice| choice.right && choice.when.as_ref().is_some_and(is_failure)),
        Answer::Free { right, .. } => matches!(right, Given::Outcome(Outcome::Errno(_))),
    }
}
