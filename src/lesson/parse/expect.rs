//! `[steps.expect]`, and the `when` of an answer.

use std::collections::BTreeMap;
use std::ops;

use super::fd::{self, Bits};
use super::near::meant;
use super::reader::{ErrorReported, Read, Reader, quoted};
use super::table::Entry as Key;
use super::usage::{Use, Wants, What};
use super::value::Value;
use crate::event::{Errno, Mask};
use crate::lesson::case::{
    Action, Counter, CqeEntry, CqeResult, Entry, Expect, Label, Outcome, Range, Seen,
};

/// The largest number of entries in a list of an expectation.
const MAX_LIST: usize = 1024;

/// The expectations of a step that does `action`; `None` if that is wrong itself.
pub(super) fn read(r: &mut Reader<'_>, value: &Value<'_>, action: Option<&Action>) -> Read<Expect> {
    let mut table = value.table(r, "the expectations")?;
    let ret = table.option(r, "ret", outcome);
    let events = table.option(r, "events", |r, value| {
        if action.is_some_and(|action| !hands_over(action)) {
            let message = "only a wait, poll or select of the main thread hands over events";
            return Err(value.wrong(r, message));
        }
        seen(r, value)
    });
    let cqes =
        table.option(r, "cqes", |r, value| value.each(r, MAX_LIST, |r, item| completion(r, &item)));
    let rdl = table.option(r, "rdl", |r, value| per_instance(r, value, labels));
    let ovf = table.option(r, "ovf", |r, value| per_instance(r, value, labels));
    let interest = table.option(r, "interest", |r, value| per_instance(r, value, registered));
    let woke = table.option(r, "woke", |r, value| per_thread(r, value, seen));
    let woke_maybe = table.option(r, "woke_maybe", |r, value| per_thread(r, value, seen));
    let asleep = table.option(r, "asleep", |r, value| {
        let mut threads = value.each(r, MAX_LIST, |r, item| thread(r, &item))?;
        threads.sort();
        Ok(threads)
    });
    let count = table.option(r, "count", counts);
    let same =
        table.option(r, "same", |r, value| two(r, value, |r, item| fd::label(r, item, Wants::Any)));
    let less = table.option(r, "less", |r, value| two(r, value, counter));
    table.finish(r);
    Ok(Expect {
        ret: ret?,
        events: events?,
        cqes: cqes?,
        rdl: rdl?.unwrap_or_default(),
        ovf: ovf?.unwrap_or_default(),
        interest: interest?.unwrap_or_default(),
        woke: woke?.unwrap_or_default(),
        woke_maybe: woke_maybe?.unwrap_or_default(),
        asleep: asleep?,
        count: count?.unwrap_or_default(),
        same: same?,
        less: less?,
    })
}

/// Whether the main thread gets events by this.
fn hands_over(action: &Action) -> bool {
    match action {
        Action::Wait(wait) => wait.thread.is_none(),
        Action::Poll(scan) | Action::Select(scan) => scan.thread.is_none(),
        Action::SelectAgain | Action::SignalWait => true,
        Action::Repeat { body, .. } => body.iter().any(hands_over),
        _ => false,
    }
}

/// A number, the name of an error, or `EOF`.
pub(super) fn outcome(r: &mut Reader<'_>, value: &Value<'_>) -> Read<Outcome> {
    if value.is_number() {
        return value.number(r, i64::MIN, i64::MAX).map(Outcome::Value);
    }
    match value.as_str() {
        Some("EOF") => Ok(Outcome::Eof),
        Some(_) => errno(r, value).map(Outcome::Errno),
        None => Err(value.not(r, "a number, the name of an error, or `EOF`")),
    }
}

fn errno(r: &mut Reader<'_>, value: &Value<'_>) -> Read<Errno> {
    let name = value.string(r)?;
    Errno::parse(name).ok_or_else(|| {
        let hint = meant(name, &Errno::names().collect::<Vec<_>>());
        value.not(r, format!("the name of an error, such as `EAGAIN`{hint}"))
    })
}

/// `r1 5`, `p1 IN MORE`, `r1 ECANCELED`: what an operation completed with.
fn completion(r: &mut Reader<'_>, value: &Value<'_>) -> Read<CqeEntry> {
    let text = value.string(r)?;
    let (rest, more) = match text.strip_suffix(" MORE") {
        Some(rest) => (rest, true),
        None => (text, false),
    };
    let parsed = rest.split_once(' ').and_then(|(name, result)| {
        let number = result.parse().map(CqeResult::Value).ok();
        let errno = || Errno::parse(result).map(CqeResult::Errno);
        let result = number.or_else(errno).or_else(|| Mask::parse(result).map(CqeResult::Mask));
        Label::is_name(name).then_some((Label::new(name), result?))
    });
    let Some((label, result)) = parsed else {
        let expected = "an operation and its result, such as `r1 5`, `p1 IN MORE`, `r1 ECANCELED`";
        return Err(value.not(r, expected));
    };
    r.uses.push(Use::new(value.span(), What::Submitted(label.clone())));
    Ok(CqeEntry { label, result, more })
}

/// What a call that waits came back with: a list of events, a number, or the name of an error.
fn seen(r: &mut Reader<'_>, value: &Value<'_>) -> Read<Seen> {
    if value.is_number() {
        return value.number(r, 0, i64::MAX).map(Seen::Value);
    }
    if value.as_str().is_some() {
        return errno(r, value).map(Seen::Errno);
    }
    value.each(r, MAX_LIST, |r, item| entry(r, &item, Bits::Reported)).map(Seen::Events)
}

fn entry(r: &mut Reader<'_>, value: &Value<'_>, bits: Bits) -> Read<Entry> {
    fd::entry(r, value, bits).map(|(label, mask)| Entry { label, mask })
}

fn labels(r: &mut Reader<'_>, value: &Value<'_>) -> Read<Vec<Label>> {
    value.each(r, MAX_LIST, |r, item| fd::label(r, &item, Wants::Any))
}

/// An interest list, which has no order of its own.
fn registered(r: &mut Reader<'_>, value: &Value<'_>) -> Read<Vec<Entry>> {
    let mut entries = value.each(r, MAX_LIST, |r, item| entry(r, &item, Bits::Epoll))?;
    entries.sort_by(|a, b| (&a.label, a.mask.0).cmp(&(&b.label, b.mask.0)));
    Ok(entries)
}

fn thread(r: &mut Reader<'_>, value: &Value<'_>) -> Read<Label> {
    let thread = fd::thread(r, value)?;
    r.uses.push(Use::new(value.span(), What::Thread(thread.clone())));
    Ok(thread)
}

/// A table with one value for each epoll instance.
fn per_instance<T>(
    r: &mut Reader<'_>,
    value: &Value<'_>,
    read: impl Fn(&mut Reader<'_>, &Value<'_>) -> Read<T>,
) -> Read<BTreeMap<Label, T>> {
    per_label(r, value, |label| What::Fd(label, Wants::Epoll), read)
}

/// A table with one value for each thread.
fn per_thread<T>(
    r: &mut Reader<'_>,
    value: &Value<'_>,
    read: impl Fn(&mut Reader<'_>, &Value<'_>) -> Read<T>,
) -> Read<BTreeMap<Label, T>> {
    per_label(r, value, What::Thread, read)
}

fn per_label<T>(
    r: &mut Reader<'_>,
    value: &Value<'_>,
    what: impl Fn(Label) -> What,
    read: impl Fn(&mut Reader<'_>, &Value<'_>) -> Read<T>,
) -> Read<BTreeMap<Label, T>> {
    let entries = value.table(r, "the expectations")?.into_entries();
    let all: Vec<_> = entries
        .into_iter()
        .map(|Key { key, span, value }| {
            let label = fd::name(r, key, span.clone());
            if let Ok(label) = &label {
                r.uses.push(Use::new(span, what(label.clone())));
            }
            let read = read(r, &value);
            Ok((label?, read?))
        })
        .collect();
    all.into_iter().collect()
}

/// A list of just two.
fn two<T>(
    r: &mut Reader<'_>,
    value: &Value<'_>,
    read: impl Fn(&mut Reader<'_>, &Value<'_>) -> Read<T>,
) -> Read<[T; 2]> {
    let items = value.each(r, MAX_LIST, |r, item| read(r, &item))?;
    <[T; 2]>::try_from(items)
        .map_err(|other| value.wrong(r, format!("found {}, expected 2", other.len())))
}

/// `count`: a table of counters, each with a number or a range.
fn counts(r: &mut Reader<'_>, value: &Value<'_>) -> Read<BTreeMap<Counter, Range>> {
    let mut all: Vec<Read<(Counter, Range)>> = Vec::new();
    for Key { key, span, value } in value.table(r, "the counters")?.into_entries() {
        // `wakeups.A` without quotes is a table in a table.
        let is_range = value.has("min") || value.has("max");
        if value.is_table() && (key == "ns" || (matches!(key, "wakeups" | "calls") && !is_range)) {
            for inner in value.table(r, "the counters")?.into_entries() {
                let name = format!("{key}.{}", inner.key);
                all.push(count(r, &name, inner.span, &inner.value));
            }
        } else {
            all.push(count(r, key, span, &value));
        }
    }
    all.into_iter().collect()
}

fn count(
    r: &mut Reader<'_>,
    name: &str,
    span: ops::Range<usize>,
    value: &Value<'_>,
) -> Read<(Counter, Range)> {
    let counter = counter_named(r, name, span);
    let range = range(r, value);
    Ok((counter?, range?))
}

fn range(r: &mut Reader<'_>, value: &Value<'_>) -> Read<Range> {
    if value.is_number() {
        return value.natural(r).map(Range::exactly);
    }
    if !value.is_table() {
        return Err(value.not(r, "a number, or a table with `min` and `max`"));
    }
    let mut table = value.table(r, "a range")?;
    let min = table.option(r, "min", |r, value| value.natural(r));
    let max = table.option(r, "max", |r, value| value.natural(r));
    table.finish(r);
    let (min, max) = (min?, max?);
    if min.is_none() && max.is_none() {
        return Err(value.not(r, "`min`, `max` or both"));
    }
    if max.is_some_and(|max| max < min.unwrap_or(0)) {
        return Err(value.wrong(r, "`max` is less than `min`"));
    }
    Ok(Range { min: min.unwrap_or(0), max })
}

/// A counter as a text.
pub(super) fn counter(r: &mut Reader<'_>, value: &Value<'_>) -> Read<Counter> {
    let name = value.string(r)?;
    counter_named(r, name, value.span())
}

/// The counter that is called so, in a text at `span`.
pub(super) fn counter_named(
    r: &mut Reader<'_>,
    name: &str,
    span: ops::Range<usize>,
) -> Read<Counter> {
    let Some(counter) = Counter::parse(name) else {
        let words: Vec<_> = Counter::PLAIN.iter().map(|(_, word)| *word).collect();
        let (found, known, hint) = (quoted(name), words.join(", "), meant(name, &words));
        let expected =
            format!("expected one of {known}, calls.THREAD, wakeups.THREAD, ns.NAME{hint}");
        r.wrong(span, format!("unknown counter `{found}`: {expected}"));
        return Err(ErrorReported);
    };
    match &counter {
        Counter::Wakeups(Some(thread)) | Counter::CallsOf(thread) => {
            r.uses.push(Use::new(span, What::Thread(thread.clone())));
        }
        Counter::Ns(name) => r.uses.push(Use::new(span, What::Measured(name.clone()))),
        _ => {}
    }
    Ok(counter)
}
