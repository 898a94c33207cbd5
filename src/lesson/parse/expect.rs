//! `[steps.expect]`, and the `when` of an answer.

use std::collections::BTreeMap;

use super::fd::{self, Bits};
use super::near::nearest;
use super::reader::Reader;
use super::scope::{Use, Wants, What};
use super::value::Value;
use crate::event::Errno;
use crate::lesson::case::{Action, Counter, Entry, Expect, Label, Outcome, Range, Seen};

/// The largest number of entries in a list of an expectation.
const MAX_LIST: usize = 1024;

/// The expectations of a step that does `action`; `None` if that is wrong itself.
pub(super) fn read(
    r: &mut Reader<'_>,
    value: &Value<'_>,
    action: Option<&Action>,
) -> Option<Expect> {
    let mut table = value.table(r, "the expectations")?;
    let ret = option(table.get("ret"), |value| outcome(r, &value));
    let events = option(table.get("events"), |value| {
        if action.is_some_and(|action| !hands_over(action)) {
            value.wrong(r, "only a wait, poll or select of the main thread hands over events");
        }
        seen(r, &value)
    });
    let rdl = per_label(r, table.get("rdl"), Of::Instance, labels);
    let ovf = per_label(r, table.get("ovf"), Of::Instance, labels);
    let interest = per_label(r, table.get("interest"), Of::Instance, |r, value| {
        let mut entries = value.each(r, MAX_LIST, |r, item| entry(r, &item, Bits::Epoll))?;
        entries.sort_by(|a, b| (&a.label, a.mask.0).cmp(&(&b.label, b.mask.0)));
        Some(entries)
    });
    let woke = per_label(r, table.get("woke"), Of::Thread, seen);
    let woke_maybe = per_label(r, table.get("woke_maybe"), Of::Thread, seen);
    let asleep = option(table.get("asleep"), |value| {
        let mut threads = value.each(r, MAX_LIST, |r, item| thread(r, &item))?;
        threads.sort();
        Some(threads)
    });
    let count = table.get("count").map_or(Some(BTreeMap::new()), |value| counts(r, &value));
    let same = option(table.get("same"), |value| {
        two(r, &value, |r, item| fd::label(r, &item, Wants::Any))
    });
    let less = option(table.get("less"), |value| two(r, &value, |r, item| counter(r, &item)));
    table.finish(r);
    Some(Expect {
        ret: ret?,
        events: events?,
        rdl: rdl?,
        ovf: ovf?,
        interest: interest?,
        woke: woke?,
        woke_maybe: woke_maybe?,
        asleep: asleep?,
        count: count?,
        same: same?,
        less: less?,
    })
}

/// Whether the main thread gets events by this.
fn hands_over(action: &Action) -> bool {
    match action {
        Action::Wait(wait) => wait.thread.is_none(),
        Action::Poll(scan) | Action::Select(scan) => scan.thread.is_none(),
        Action::Repeat { body, .. } => body.iter().any(hands_over),
        _ => false,
    }
}

/// What `read` makes of a value that may be absent.
fn option<'t, T>(
    value: Option<Value<'t>>,
    read: impl FnOnce(Value<'t>) -> Option<T>,
) -> Option<Option<T>> {
    match value {
        None => Some(None),
        Some(value) => read(value).map(Some),
    }
}

/// A number, the name of an error, or `EOF`.
pub(super) fn outcome(r: &mut Reader<'_>, value: &Value<'_>) -> Option<Outcome> {
    if value.is_number() {
        return value.number(r, i64::MIN, i64::MAX).map(Outcome::Value);
    }
    match value.as_str() {
        Some("EOF") => Some(Outcome::Eof),
        Some(_) => errno(r, value).map(Outcome::Errno),
        None => {
            value.not(r, "a number, the name of an error, or `EOF`");
            None
        }
    }
}

fn errno(r: &mut Reader<'_>, value: &Value<'_>) -> Option<Errno> {
    let name = value.string(r)?;
    let errno = Errno::parse(name);
    if errno.is_none() {
        let hint = nearest(name, Errno::names())
            .map(|meant| format!("; did you mean `{meant}`?"))
            .unwrap_or_default();
        value.not(r, format!("the name of an error, such as `EAGAIN`{hint}"));
    }
    errno
}

/// What a call that waits came back with: a list of events, or the name of an error.
fn seen(r: &mut Reader<'_>, value: &Value<'_>) -> Option<Seen> {
    if value.as_str().is_some() {
        return errno(r, value).map(Seen::Errno);
    }
    value.each(r, MAX_LIST, |r, item| entry(r, &item, Bits::Reported)).map(Seen::Events)
}

fn entry(r: &mut Reader<'_>, value: &Value<'_>, bits: Bits) -> Option<Entry> {
    fd::entry(r, value, bits).map(|(label, mask)| Entry { label, mask })
}

fn labels(r: &mut Reader<'_>, value: &Value<'_>) -> Option<Vec<Label>> {
    value.each(r, MAX_LIST, |r, item| fd::label(r, &item, Wants::Any))
}

fn thread(r: &mut Reader<'_>, value: &Value<'_>) -> Option<Label> {
    let thread = fd::thread(r, value)?;
    r.uses.push(Use::new(value.span(), What::Thread(thread.clone())));
    Some(thread)
}

/// What the keys of a table are.
#[derive(Clone, Copy)]
enum Of {
    Instance,
    Thread,
}

/// A table with one value for each epoll instance or thread.
fn per_label<T>(
    r: &mut Reader<'_>,
    value: Option<Value<'_>>,
    of: Of,
    mut read: impl FnMut(&mut Reader<'_>, &Value<'_>) -> Option<T>,
) -> Option<BTreeMap<Label, T>> {
    let Some(value) = value else {
        return Some(BTreeMap::new());
    };
    let mut all = Some(BTreeMap::new());
    for entry in value.table(r, "the expectations")?.into_entries() {
        let label = Label::new(entry.key);
        let what = match of {
            Of::Instance => What::Fd(label.clone(), Wants::Epoll),
            Of::Thread => What::Thread(label.clone()),
        };
        let good = fd::is_new_name(r, entry.key, entry.span.clone());
        if good {
            r.uses.push(Use::new(entry.span, what));
        }
        match read(r, &entry.value) {
            Some(read) if good => {
                all.as_mut().map(|all| all.insert(label, read));
            }
            _ => all = None,
        }
    }
    all
}

/// A list of just two.
fn two<T>(
    r: &mut Reader<'_>,
    value: &Value<'_>,
    read: impl FnMut(&mut Reader<'_>, Value<'_>) -> Option<T>,
) -> Option<[T; 2]> {
    match <[T; 2]>::try_from(value.each(r, MAX_LIST, read)?) {
        Ok(two) => Some(two),
        Err(other) => {
            value.wrong(r, format!("found {} items, expected 2", other.len()));
            None
        }
    }
}

/// `count`: a table of counters, each with a number or a range.
fn counts(r: &mut Reader<'_>, value: &Value<'_>) -> Option<BTreeMap<Counter, Range>> {
    let mut all = Some(BTreeMap::new());
    for entry in value.table(r, "the counters")?.into_entries() {
        // `wakeups.A` without quotes is a table in a table.
        let mut inner = vec![(entry.key.to_owned(), entry.span.clone(), entry.value)];
        let is_group = entry.key == "ns" || (entry.key == "wakeups" && !is_range(&entry.value));
        if is_group && entry.value.is_table() {
            let table = entry.value.table(r, "the counters")?;
            let within = table.into_entries().into_iter();
            inner = within
                .map(|one| (format!("{}.{}", entry.key, one.key), one.span, one.value))
                .collect();
        }
        for (name, span, value) in inner {
            let counter = counter_named(r, &name, span);
            match (counter, range(r, &value)) {
                (Some(counter), Some(range)) => {
                    all.as_mut().map(|all| all.insert(counter, range));
                }
                _ => all = None,
            }
        }
    }
    all
}

fn is_range(value: &Value<'_>) -> bool {
    value.has("min") || value.has("max")
}

fn range(r: &mut Reader<'_>, value: &Value<'_>) -> Option<Range> {
    if value.is_number() {
        return value.number(r, 0, i64::MAX.cast_unsigned()).map(Range::exactly);
    }
    if !value.is_table() {
        value.not(r, "a number, or a table with `min` and `max`");
        return None;
    }
    let mut table = value.table(r, "a range")?;
    let min = option(table.get("min"), |value| value.number(r, 0, i64::MAX.cast_unsigned()));
    let max = option(table.get("max"), |value| value.number(r, 0, i64::MAX.cast_unsigned()));
    table.finish(r);
    let (min, max) = (min?, max?);
    if min.is_none() && max.is_none() {
        value.wrong(r, "expected `min`, `max` or both");
        return None;
    }
    if max.is_some_and(|max| max < min.unwrap_or(0)) {
        value.wrong(r, "`max` is less than `min`");
        return None;
    }
    Some(Range { min: min.unwrap_or(0), max })
}

/// A counter as a text.
pub(super) fn counter(r: &mut Reader<'_>, value: &Value<'_>) -> Option<Counter> {
    let name = value.string(r)?;
    counter_named(r, name, value.span())
}

pub(super) fn counter_named(
    r: &mut Reader<'_>,
    name: &str,
    span: std::ops::Range<usize>,
) -> Option<Counter> {
    let counter = Counter::parse(name);
    match &counter {
        Some(Counter::Wakeups(Some(thread))) => {
            r.uses.push(Use::new(span, What::Thread(thread.clone())));
        }
        Some(Counter::Ns(name)) => r.uses.push(Use::new(span, What::Measured(name.clone()))),
        Some(_) => {}
        None => {
            let words = || Counter::PLAIN.iter().map(|(_, word)| *word);
            let hint = nearest(name, words())
                .map(|meant| format!("; did you mean `{meant}`?"))
                .unwrap_or_default();
            let known = words().collect::<Vec<_>>().join(", ");
            let name = super::reader::quoted(name);
            r.wrong(
                span,
                format!(
                    "unknown counter `{name}`: expected one of {known}, wakeups.THREAD, \
                     ns.NAME{hint}"
                ),
            );
        }
    }
    counter
}
