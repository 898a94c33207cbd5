//! Labels, descriptors, masks and threads as the file writes them.

use std::ops::Range;

use super::near::nearest;
use super::reader::Reader;
use super::scope::{Use, Wants, What};
use super::value::{Value, one_of};
use crate::event::Mask;
use crate::lesson::case::{FdArg, Label, NVAL, Who};

/// The longest label.
const MAX_LABEL: usize = 40;
/// The largest number of entries in the list of a poll or a select.
const MAX_ENTRIES: usize = 1024;
/// Names that mean something else where a label may stand.
const RESERVED: [&str; 5] = ["interest", "ready", "waiting", "calls", "nobody"];
/// Thread names that mean something else in a counter.
const RESERVED_THREADS: [&str; 2] = ["min", "max"];

/// Which bits a mask may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bits {
    /// All that epoll_ctl(2) knows.
    Epoll,
    /// Those of poll(2).
    Poll,
    /// The three sets of select(2).
    Select,
    /// What a call reports.
    Reported,
}

impl Bits {
    fn allowed(self) -> Mask {
        match self {
            Self::Epoll => Mask(u32::MAX) - NVAL,
            Self::Poll => Mask(u32::MAX) - Mask::PRIVATE - NVAL,
            Self::Select => Mask::IN | Mask::OUT | Mask::PRI,
            Self::Reported => Mask(u32::MAX) - Mask::PRIVATE,
        }
    }

    fn names(self) -> Vec<&'static str> {
        let named = self.allowed().names();
        named.chain(self.allowed().has(NVAL).then_some("NVAL")).collect()
    }

    fn bit(self, name: &str) -> Option<Mask> {
        let bit = if name == "NVAL" { Some(NVAL) } else { Mask::parse(name) };
        bit.filter(|bit| !bit.is_empty() && self.allowed().has(*bit))
    }
}

/// Whether `text` is a label: a letter, then letters, digits, `_`, `-`, and perhaps the name of an
/// end; `#` too where a round has a number.
fn is_label(text: &str, with_round: bool, with_end: bool) -> bool {
    let (name, end) = text.split_once('.').unwrap_or((text, "r"));
    let good = |c: char| c.is_ascii_alphanumeric() || "_-".contains(c) || (with_round && c == '#');
    text.len() <= MAX_LABEL
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(good)
        && ["r", "w", "a", "b"].contains(&end)
        && (with_end || !text.contains('.'))
}

/// The label in `part` of a string.
fn label_in(r: &mut Reader<'_>, value: &Value<'_>, part: Range<usize>) -> Option<Label> {
    let text = value.as_str()?.get(part.clone())?;
    if is_label(text, r.in_repeat, true) {
        return Some(text.into());
    }
    let hint = if text.contains('#') { "; `#` is known only in a repeat" } else { "" };
    value.part_not(r, part, format!("a label, such as `e` or `p.r`{hint}"));
    None
}

/// A label that must be known, and be what is wanted.
pub(super) fn label(r: &mut Reader<'_>, value: &Value<'_>, wants: Wants) -> Option<Label> {
    let text = value.string(r)?;
    let label = label_in(r, value, 0..text.len())?;
    r.uses.push(Use::new(value.span(), What::Fd(label.clone(), wants)));
    Some(label)
}

/// A descriptor as an argument: a label that must be known, or a number.
pub(super) fn fd(r: &mut Reader<'_>, value: &Value<'_>, wants: Wants) -> Option<FdArg> {
    if value.is_number() {
        return value.number(r, i32::MIN, i32::MAX).map(FdArg::Number);
    }
    if value.as_str().is_none() {
        value.not(r, "a label or a number");
        return None;
    }
    label(r, value, wants).map(FdArg::Named)
}

/// The name of something new: an actor, a duplicate, a connection, a measurement.
pub(super) fn new_name(r: &mut Reader<'_>, value: &Value<'_>) -> Option<Label> {
    let text = value.string(r)?;
    is_new_name(r, text, value.span()).then(|| text.into())
}

/// Whether `text` may name something new.
pub(super) fn is_new_name(r: &mut Reader<'_>, text: &str, span: Range<usize>) -> bool {
    let shown = super::reader::quoted(text);
    if RESERVED.contains(&text) {
        r.wrong(span, format!("the name `{shown}` has another meaning: choose another"));
        return false;
    }
    let good = is_label(text, r.in_repeat, false);
    if !good {
        let hint = if text.contains('#') { "; `#` is known only in a repeat" } else { "" };
        r.wrong(
            span,
            format!(
                "found the name `{shown}`, expected a letter, then letters, digits, _, -, at most \
                 {MAX_LABEL} in all{hint}"
            ),
        );
    }
    good
}

/// The name of a thread.
pub(super) fn thread(r: &mut Reader<'_>, value: &Value<'_>) -> Option<Label> {
    let text = value.string(r)?;
    if RESERVED_THREADS.contains(&text) {
        value.wrong(r, format!("the name `{text}` has another meaning: choose another"));
        return None;
    }
    new_name(r, value)
}

/// Who makes a call that does not sleep.
pub(super) fn who(r: &mut Reader<'_>, value: Option<Value<'_>>) -> Option<Option<Who>> {
    let Some(value) = value else {
        return Some(None);
    };
    let who = if value.as_str() == Some("@woken") {
        r.uses.push(Use::new(value.span(), What::AnyWoken));
        Who::Woken
    } else {
        let thread = thread(r, &value)?;
        r.uses.push(Use::new(value.span(), What::By(thread.clone())));
        Who::Thread(thread)
    };
    Some(Some(who))
}

/// A mask: bits joined by `|`, or `0`.
pub(super) fn mask(r: &mut Reader<'_>, value: &Value<'_>, bits: Bits) -> Option<Mask> {
    let text = value.string(r)?;
    mask_in(r, value, 0..text.len(), bits)
}

fn mask_in(r: &mut Reader<'_>, value: &Value<'_>, part: Range<usize>, bits: Bits) -> Option<Mask> {
    let text = value.as_str()?.get(part.clone())?;
    if text.trim() == "0" {
        return Some(Mask::EMPTY);
    }
    let mut mask = Mask::EMPTY;
    let mut start = part.start;
    for word in text.split('|') {
        let Some(bit) = bits.bit(word.trim()) else {
            let names = bits.names();
            let hint = nearest(word.trim(), names.iter().copied())
                .map(|meant| format!("; did you mean `{meant}`?"))
                .unwrap_or_default();
            let known = names.join(", ");
            let place = start..start + word.len();
            value.part_not(r, place, format!("0 or bits joined by |, of {known}{hint}"));
            return None;
        };
        mask |= bit;
        start += word.len() + 1;
    }
    Some(mask)
}

/// The label and the mask of `"p.r IN|ET"`: where each stands.
fn halves(r: &mut Reader<'_>, value: &Value<'_>) -> Option<(Range<usize>, Range<usize>)> {
    let text = value.string(r)?;
    if let Some(gap) = text.find(' ') {
        return Some((0..gap, gap + 1..text.len()));
    }
    value.not(r, "a label and a mask, such as `p.r IN`");
    None
}

/// `"p.r IN"`: a descriptor with bits of it.
pub(super) fn entry(r: &mut Reader<'_>, value: &Value<'_>, bits: Bits) -> Option<(Label, Mask)> {
    let (name, rest) = halves(r, value)?;
    let label = label_in(r, value, name.clone());
    let mask = mask_in(r, value, rest, bits);
    let label = label?;
    let span = r.inside(&value.span(), value.as_str()?, name);
    r.uses.push(Use::new(span, What::Fd(label.clone(), Wants::Any)));
    Some((label, mask?))
}

/// The list of a poll or select. `"p*.r IN"` stands for one entry for each member of the actor `p`.
pub(super) fn entries(
    r: &mut Reader<'_>,
    value: &Value<'_>,
    bits: Bits,
) -> Option<Vec<(FdArg, Mask)>> {
    let lists = value.each(r, MAX_ENTRIES, |r, item| asked(r, &item, bits))?;
    let entries: Vec<_> = lists.into_iter().flatten().collect();
    if entries.is_empty() || entries.len() > MAX_ENTRIES {
        let found = entries.len();
        value.wrong(r, format!("found {found} descriptors, expected 1 to {MAX_ENTRIES}"));
        return None;
    }
    Some(entries)
}

fn asked(r: &mut Reader<'_>, value: &Value<'_>, bits: Bits) -> Option<Vec<(FdArg, Mask)>> {
    let (name, rest) = halves(r, value)?;
    let text = value.as_str()?.get(name.clone())?;
    if let Ok(number) = text.parse::<i32>() {
        return Some(vec![(FdArg::Number(number), mask_in(r, value, rest, bits)?)]);
    }
    let Some((before, after)) = text.split_once('*') else {
        let (label, mask) = entry(r, value, bits)?;
        return Some(vec![(FdArg::Named(label), mask)]);
    };
    let mask = mask_in(r, value, rest, bits)?;
    let Some(count) = r.members.get(before).copied() else {
        let known: Vec<_> = r.members.keys().map(String::as_str).collect();
        let expected = match known.as_slice() {
            [] => "an actor with a `count`, and there is none".to_owned(),
            known => format!("the name of an actor with a `count`: {}", one_of(before, known)),
        };
        value.part_not(r, 0..before.len().max(1), expected);
        return None;
    };
    let (before, after) = (before.to_owned(), after.to_owned());
    let labels: Vec<_> = (1..=count).map(|n| Label::new(format!("{before}{n}{after}"))).collect();
    let first = labels.first()?.clone();
    r.uses.push(Use::new(value.span(), What::Fd(first, Wants::Any)));
    Some(labels.into_iter().map(|label| (FdArg::Named(label), mask)).collect())
}
