//! Actions that stand for many calls, and those that concern counters and limits.

use super::super::reader::Reader;
use super::super::scope::{Use, What};
use super::super::table::Table;
use super::super::value::Value;
use super::super::{expect, fd};
use super::{Bits, Wants, instance};
use crate::lesson::case::{Action, Run, Scan, Wait, Way};

/// The largest number of rounds.
const MAX_TIMES: u32 = 10_000;
/// The largest number of rounds of a body that names something by `#`.
const MAX_NAMED: u32 = 1024;
/// The largest number of actions in a body.
const MAX_BODY: usize = 16;
/// The largest number of counters that are shown at once.
const MAX_SHOWN: usize = 16;

pub(super) fn read(r: &mut Reader<'_>, table: &mut Table<'_>, word: &str) -> Option<Action> {
    match word {
        "repeat" => repeat(r, table),
        "many" => many(r, table),
        "measure" => measure(r, table),
        "limit" => limit(r, table),
        _ => {
            let show = table.need(r, "show")?;
            let show = show.each(r, MAX_SHOWN, |r, item| expect::counter(r, &item))?;
            Some(Action::Tally { show })
        }
    }
}

fn times(r: &mut Reader<'_>, table: &mut Table<'_>) -> Option<u32> {
    table.need(r, "times").and_then(|times| times.number(r, 1, MAX_TIMES))
}

fn repeat(r: &mut Reader<'_>, table: &mut Table<'_>) -> Option<Action> {
    let times = times(r, table);
    let until = match table.get("until") {
        None => Some(None),
        Some(value) => until(r, &value).map(Some),
    };
    let value = table.need(r, "steps")?;
    let before = std::mem::take(&mut r.uses);
    let outer = std::mem::replace(&mut r.in_repeat, true);
    let body = body(r, &value);
    r.in_repeat = outer;
    let uses = std::mem::replace(&mut r.uses, before);
    let (times, until) = (times?, until?);
    if times > MAX_NAMED && uses.iter().any(Use::has_round) {
        let message = format!("`times`: with `#` in a label there are at most {MAX_NAMED} rounds");
        r.wrong(value.span(), message);
        return None;
    }
    r.uses.push(Use::new(value.span(), What::Rounds(times, uses)));
    Some(Action::Repeat { times, body: body?, until })
}

/// `until = { ret = ... }`
fn until(r: &mut Reader<'_>, value: &Value<'_>) -> Option<crate::lesson::case::Outcome> {
    let mut table = value.table(r, "`until`")?;
    let ret = table.need(r, "ret");
    table.finish(r);
    expect::outcome(r, &ret?)
}

fn body(r: &mut Reader<'_>, value: &Value<'_>) -> Option<Vec<Action>> {
    let list = value.list(r)?;
    if list.is_empty() || list.len() > MAX_BODY {
        value.wrong(r, format!("found {} steps, expected 1 to {MAX_BODY}", list.len()));
        return None;
    }
    let actions: Vec<_> = list.iter().map(|item| inner(r, item)).collect();
    actions.into_iter().collect()
}

/// One action of a body.
fn inner(r: &mut Reader<'_>, value: &Value<'_>) -> Option<Action> {
    let mut table = value.table(r, "a step")?;
    let word = super::word(r, &mut table)?;
    if ["repeat", "many", "measure", "note", "freeze", "new"].contains(&word) {
        let message = format!("`{word}` cannot stand in a repeat");
        r.wrong(table.get("do")?.span(), message);
        return None;
    }
    let action = super::read(r, &mut table, word);
    table.finish(r);
    action
}

fn many(r: &mut Reader<'_>, table: &mut Table<'_>) -> Option<Action> {
    let ep = instance(r, table);
    let count = table.need(r, "count").and_then(|count| count.number(r, 1, MAX_NAMED));
    let before = std::mem::take(&mut r.uses);
    let outer = std::mem::replace(&mut r.in_repeat, true);
    let value = table.need(r, "fd");
    let fd = value.and_then(|value| fd::fd(r, &value, Wants::Any));
    r.in_repeat = outer;
    let uses = std::mem::replace(&mut r.uses, before);
    let mask = table.need(r, "mask").and_then(|mask| fd::mask(r, &mask, Bits::Epoll));
    let value = value?;
    if !fd.as_ref()?.label().is_some_and(crate::lesson::case::Label::has_round) {
        value.not(r, "a label with `#`, such as `p#.r`");
        return None;
    }
    r.uses.push(Use::new(value.span(), What::Rounds(count?, uses)));
    Some(Action::Many { ep: ep?, fd: fd?, mask: mask?, count: count? })
}

fn measure(r: &mut Reader<'_>, table: &mut Table<'_>) -> Option<Action> {
    let name = super::made(r, table, What::Measure);
    let times = times(r, table);
    let value = table.need(r, "run")?;
    let run = run(r, &value);
    Some(Action::Measure { name: name?, times: times?, run: run? })
}

/// The call that is measured.
fn run(r: &mut Reader<'_>, value: &Value<'_>) -> Option<Run> {
    let mut table = value.table(r, "a step")?;
    let word = table.need(r, "do")?;
    let ways = [("wait", "wait"), ("poll", "poll"), ("select", "select")];
    let word = word.word(r, &ways)?;
    table.call(format!("a measured {word}"));
    let run = match word {
        "wait" => super::wait(r, &mut table).map(Run::Wait),
        "poll" => super::scan(r, &mut table, Way::Poll).map(|scan| Run::Scan(Way::Poll, scan)),
        _ => super::scan(r, &mut table, Way::Select).map(|scan| Run::Scan(Way::Select, scan)),
    };
    table.finish(r);
    let sleeps = match &run {
        Some(
            Run::Wait(Wait { timeout, thread, .. }) | Run::Scan(_, Scan { timeout, thread, .. }),
        ) => thread.is_some() || *timeout != Some(0),
        None => false,
    };
    if sleeps {
        value.wrong(r, "a measured call has neither `thread` nor `timeout`");
        return None;
    }
    run
}

fn limit(r: &mut Reader<'_>, table: &mut Table<'_>) -> Option<Action> {
    let free = table.need(r, "free")?;
    if free.as_str() == Some("all") {
        return Some(Action::Limit { free: None });
    }
    if !free.is_number() {
        free.not(r, "a number, or `all`");
        return None;
    }
    free.number(r, 0, MAX_NAMED).map(|free| Action::Limit { free: Some(free) })
}
