//! One step: the keys that every step may have.

use super::action;
use super::ask;
use super::expect;
use super::fd;
use super::reader::Reader;
use super::scope::{Scope, Wants};
use super::table::Table;
use super::value::Value;
use super::{MAX_LINE, MAX_TEXT};
use crate::lesson::case::{Answer, Ask, Expect, Given, Look, Outcome, Seen, Step};

/// The largest number of things to look at.
const MAX_LOOKS: usize = 8;

pub(super) fn read(r: &mut Reader<'_>, scope: &mut Scope, value: Value<'_>) -> Option<Step> {
    let mut table = value.table(r, "a step")?;
    let line = r.line(value.span().start);
    let word = action::word(r, &mut table);
    let action = word.and_then(|word| action::read(r, &mut table, word));
    let chapter = text(r, &mut table, "chapter", true);
    let say = text(r, &mut table, "say", false);
    let reveal = text(r, &mut table, "reveal", false);
    let expect = match table.get("expect") {
        None => Some(Expect::default()),
        Some(value) => expect::read(r, &value, action.as_ref()),
    };
    let ask = match table.get("ask") {
        None => Some(None),
        Some(value) => {
            scope.ask(value.span());
            ask::read(r, &value, action.as_ref()).map(Some)
        }
    };
    let look = table.get("look").map_or(Some(Vec::new()), |value| looks(r, &value));
    let uses = std::mem::take(&mut r.uses);
    scope.apply(r, &uses, is_failure(expect.as_ref(), ask.as_ref()));
    if word.is_some() {
        table.finish(r);
    }
    Some(Step {
        line,
        chapter: chapter?,
        say: say?,
        look: look?,
        ask: ask?,
        action: action?,
        reveal: reveal?,
        expect: expect?,
    })
}

fn text(
    r: &mut Reader<'_>,
    table: &mut Table<'_>,
    key: &'static str,
    one_line: bool,
) -> Option<Option<String>> {
    match table.get(key) {
        None => Some(None),
        Some(value) if one_line => value.line(r, MAX_LINE).map(Some),
        Some(value) => value.text(r, MAX_TEXT).map(Some),
    }
}

/// `look`: a word, a label, or a list of them.
fn looks(r: &mut Reader<'_>, value: &Value<'_>) -> Option<Vec<Look>> {
    if value.is_list() {
        value.each(r, MAX_LOOKS, |r, item| look(r, &item))
    } else {
        Some(vec![look(r, value)?])
    }
}

fn look(r: &mut Reader<'_>, value: &Value<'_>) -> Option<Look> {
    let pane = Look::PANES.iter().find(|(_, word)| value.as_str() == Some(word));
    match pane {
        Some((pane, _)) => Some(pane.clone()),
        None => fd::label(r, value, Wants::Any).map(Look::Label),
    }
}

/// Whether the file says that the call of the step fails.
fn is_failure(expect: Option<&Expect>, ask: Option<&Option<Ask>>) -> bool {
    let fails = |expect: &Expect| {
        matches!(expect.ret, Some(Outcome::Errno(_)))
            || matches!(expect.events, Some(Seen::Errno(_)))
    };
    let asked = match ask {
        Some(Some(Ask { answer: Answer::Choice(choices), .. })) => {
            choices.iter().any(|choice| choice.right && choice.when.as_ref().is_some_and(fails))
        }
        Some(Some(Ask { answer: Answer::Free { right, .. }, .. })) => {
            matches!(right, Given::Outcome(Outcome::Errno(_)))
        }
        _ => false,
    };
    asked || expect.is_some_and(fails)
}
