//! Actions that stand for many calls, and those that concern counters and limits.

use super::super::reader::{Read, Reader};
use super::super::table::Table;
use super::super::usage::{Use, What};
use super::super::value::Value;
use super::super::{expect, fd};
use super::{Wants, instance};
use crate::lesson::case::{Action, Label, Outcome, Run, Scan, Wait, Way};

/// The largest number of rounds.
const MAX_TIMES: u32 = 10_000;
/// The largest number of rounds of a body that names something by `#`.
const MAX_NAMED: u32 = 1024;
/// The largest number of actions in a body.
const MAX_BODY: usize = 16;
/// The largest number of counters that are shown at once.
const MAX_SHOWN: usize = 16;
/// The largest number of signals for which room is left.
const MAX_SIGNALS: u32 = 10_000;
/// What cannot stand in a body.
const ALONE: [&str; 6] = ["repeat", "many", "measure", "note", "freeze", "new"];

pub(super) fn read(r: &mut Reader<'_>, table: &mut Table<'_>, word: &str) -> Read<Action> {
    match word {
        "repeat" => repeat(r, table),
        "many" => many(r, table),
        "measure" => measure(r, table),
        "limit" if table.has("signals") => {
            let room = table.take(r, "signals", |r, value| number_or_all(r, value, MAX_SIGNALS))?;
            Ok(Action::LimitSignals { room })
        }
        "limit" => {
            let free = table.take(r, "free", |r, value| number_or_all(r, value, MAX_NAMED))?;
            Ok(Action::Limit { free })
        }
        _ => {
            let counters = |r: &mut Reader<'_>, value: &Value<'_>| {
                value.each(r, MAX_SHOWN, |r, item| expect::counter(r, &item))
            };
            table.take(r, "show", counters).map(|show| Action::Tally { show })
        }
    }
}

fn times(r: &mut Reader<'_>, table: &mut Table<'_>) -> Read<u32> {
    table.take(r, "times", |r, times| times.number(r, 1, MAX_TIMES))
}

/// What `read` makes where `#` is the number of a round, and what it names.
fn in_rounds<T>(r: &mut Reader<'_>, read: impl FnOnce(&mut Reader<'_>) -> T) -> (T, Vec<Use>) {
    let before = std::mem::take(&mut r.uses);
    let outer = std::mem::replace(&mut r.in_repeat, true);
    let result = read(r);
    r.in_repeat = outer;
    (result, std::mem::replace(&mut r.uses, before))
}

fn repeat(r: &mut Reader<'_>, table: &mut Table<'_>) -> Read<Action> {
    let times = times(r, table);
    let steps = table.need("steps");
    let until = table.option(r, "until", until);
    let (times, steps) = (times?, steps?);
    let (body, uses) = in_rounds(r, |r| body(r, &steps));
    if times > MAX_NAMED && uses.iter().any(Use::has_round) {
        let message = format!("with `#` in a label there are at most {MAX_NAMED} rounds");
        return Err(steps.wrong(r, message));
    }
    r.uses.push(Use::new(steps.span(), What::Rounds(times, uses)));
    Ok(Action::Repeat { times, body: body?, until: until? })
}

/// `until = { ret = ... }`
fn until(r: &mut Reader<'_>, value: &Value<'_>) -> Read<Outcome> {
    let mut table = value.table(r, "`until`")?;
    let ret = table.take(r, "ret", expect::outcome);
    table.finish(r);
    ret
}

fn body(r: &mut Reader<'_>, value: &Value<'_>) -> Read<Vec<Action>> {
    let list = value.list(r)?;
    if list.is_empty() || list.len() > MAX_BODY {
        let message = format!("found {}, expected 1 to {MAX_BODY}", list.len());
        return Err(value.wrong(r, message));
    }
    let actions: Vec<_> = list.iter().map(|item| inner(r, item)).collect();
    actions.into_iter().collect()
}

/// One action of a body.
fn inner(r: &mut Reader<'_>, value: &Value<'_>) -> Read<Action> {
    let mut table = value.table(r, "a step")?;
    let word = super::word(r, &mut table);
    if let Some(word) = word.ok().filter(|word| ALONE.contains(word)) {
        return Err(value.wrong(r, format!("`{word}` cannot stand in a repeat")));
    }
    let action = word.and_then(|word| super::read(r, &mut table, word));
    table.finish(r);
    action
}

fn many(r: &mut Reader<'_>, table: &mut Table<'_>) -> Read<Action> {
    let ep = instance(r, table, What::Control);
    let value = table.need("fd");
    let mask = super::mask(r, table);
    let count = table.take(r, "count", |r, count| count.number(r, 1, MAX_NAMED));
    let value = value?;
    let (fd, uses) = in_rounds(r, |r| fd::fd(r, &value, Wants::Any));
    let (fd, count) = (fd?, count?);
    if !fd.label().is_some_and(Label::has_round) {
        return Err(value.not(r, "a label with `#`, such as `p#.r`"));
    }
    r.uses.push(Use::new(value.span(), What::Rounds(count, uses)));
    Ok(Action::Many { ep: ep?, fd, mask: mask?, count })
}

fn measure(r: &mut Reader<'_>, table: &mut Table<'_>) -> Read<Action> {
    let name = super::made(r, table, What::Measure);
    let times = times(r, table);
    let run = table.take(r, "run", run);
    Ok(Action::Measure { name: name?, times: times?, run: run? })
}

/// The call that is measured.
fn run(r: &mut Reader<'_>, value: &Value<'_>) -> Read<Run> {
    let mut table = value.table(r, "a measured call")?;
    let words = ["wait", "poll", "select"].map(|word| (word, word));
    let run = match table.take(r, "do", |r, value| value.word(r, &words)) {
        Ok("wait") => super::wait(r, &mut table).map(Run::Wait),
        Ok("poll") => scan(r, &mut table, Way::Poll),
        Ok(_) => scan(r, &mut table, Way::Select),
        Err(said) => {
            table.give_up();
            Err(said)
        }
    };
    table.finish(r);
    let run = run?;
    let (Run::Wait(Wait { timeout, thread, .. }) | Run::Scan(_, Scan { timeout, thread, .. })) =
        &run;
    let waits = matches!(run, Run::Wait(_)) && *timeout != Some(0);
    if thread.is_some() || waits {
        return Err(value.wrong(r, "a measured call has no `thread`, and a wait no `timeout`"));
    }
    Ok(run)
}

fn scan(r: &mut Reader<'_>, table: &mut Table<'_>, way: Way) -> Read<Run> {
    super::scan(r, table, way).map(|scan| Run::Scan(way, scan))
}

/// A number, or `all`, which is `None`.
fn number_or_all(r: &mut Reader<'_>, value: &Value<'_>, most: u32) -> Read<Option<u32>> {
    if value.as_str() == Some("all") {
        return Ok(None);
    }
    if !value.is_number() {
        return Err(value.not(r, "a number, or `all`"));
    }
    value.number(r, 0, most).map(Some)
}
