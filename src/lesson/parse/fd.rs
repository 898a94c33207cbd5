//! Labels, descriptors, masks and threads as the file writes them.

use std::ops::Range;

use super::near::meant;
use super::reader::{ErrorReported, Read, Reader, quoted};
use super::usage::{Use, Wants, What};
use super::value::{Part, Value, one_of};
use crate::event::Mask;
use crate::lesson::case::{FdArg, Label, NVAL, Who};

/// The largest number of entries in the list of a poll or a select.
const MAX_ENTRIES: usize = 1024;
/// The largest number of entries in all such lists of a file.
const MAX_IN_FILE: usize = 100_000;

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
        let all = Mask(u32::MAX);
        match self {
            Self::Epoll => all - NVAL,
            Self::Poll => all - Mask::PRIVATE - NVAL,
            Self::Select => Mask::IN | Mask::OUT | Mask::PRI,
            Self::Reported => all - Mask::PRIVATE,
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

/// Whether `text` is a name: a letter, then letters, digits, `_`, `-`; `#` too where a round has a
/// number.
fn is_name(text: &str, with_round: bool) -> bool {
    if with_round { Label::is_name(&text.replace('#', "0")) } else { Label::is_name(text) }
}

/// Whether `text` is a name, or a name with that of an end.
fn is_label(text: &str, with_round: bool) -> bool {
    let (name, end) = text.split_once('.').unwrap_or((text, "r"));
    is_name(name, with_round) && ["r", "w", "a", "b"].contains(&end)
}

/// Why a name with a `#` is none.
fn round_hint(text: &str) -> &'static str {
    if text.contains('#') { "; `#` is known only in a repeat" } else { "" }
}

/// A label that is known by then, and is what is wanted.
pub(super) fn known(r: &mut Reader<'_>, part: &Part<'_>, wants: Wants) -> Read<Label> {
    let text = part.text();
    if !is_label(text, r.in_repeat) {
        return Err(part.not(r, format!("a label, such as `e` or `p.r`{}", round_hint(text))));
    }
    let label = Label::new(text);
    r.uses.push(Use::new(part.span(r), What::Fd(label.clone(), wants)));
    Ok(label)
}

/// A label that must be known, and be what is wanted.
pub(super) fn label(r: &mut Reader<'_>, value: &Value<'_>, wants: Wants) -> Read<Label> {
    let part = value.part(r)?;
    known(r, &part, wants)
}

/// A descriptor as an argument: a label that must be known, or a number.
pub(super) fn fd(r: &mut Reader<'_>, value: &Value<'_>, wants: Wants) -> Read<FdArg> {
    if value.is_number() {
        return value.number(r, i32::MIN, i32::MAX).map(FdArg::Number);
    }
    if value.as_str().is_none() {
        return Err(value.not(r, "a label or a number"));
    }
    label(r, value, wants).map(FdArg::Named)
}

/// The name of something new: an actor, a duplicate, a connection, a measurement.
pub(super) fn new_name(r: &mut Reader<'_>, value: &Value<'_>) -> Read<Label> {
    let text = value.string(r)?;
    name(r, text, value.span())
}

/// A key that names something.
pub(super) fn name(r: &mut Reader<'_>, text: &str, span: Range<usize>) -> Read<Label> {
    let shown = quoted(text);
    if Label::RESERVED.contains(&text) {
        r.wrong(span, format!("the name `{shown}` has another meaning: choose another"));
        return Err(ErrorReported);
    }
    if !is_name(text, r.in_repeat) {
        let expected = format!(
            "a letter, then letters, digits, _, -, at most {} in all{}",
            Label::LONGEST,
            round_hint(text)
        );
        r.wrong(span, format!("found the name `{shown}`, expected {expected}"));
        return Err(ErrorReported);
    }
    Ok(text.into())
}

/// The name of a thread.
pub(super) fn thread(r: &mut Reader<'_>, value: &Value<'_>) -> Read<Label> {
    let thread = new_name(r, value)?;
    if Label::RESERVED_THREADS.contains(&thread.as_str()) {
        let message = format!("the name `{thread}` has another meaning: choose another");
        return Err(value.wrong(r, message));
    }
    Ok(thread)
}

/// Who makes a call that does not sleep.
pub(super) fn who(r: &mut Reader<'_>, value: &Value<'_>) -> Read<Who> {
    if value.as_str() == Some("@woken") {
        r.uses.push(Use::new(value.span(), What::AnyWoken));
        return Ok(Who::Woken);
    }
    let thread = thread(r, value)?;
    r.uses.push(Use::new(value.span(), What::By(thread.clone())));
    Ok(Who::Thread(thread))
}

/// A mask: bits joined by `|`, or `0`.
pub(super) fn mask(r: &mut Reader<'_>, value: &Value<'_>, bits: Bits) -> Read<Mask> {
    let part = value.part(r)?;
    mask_in(r, part, bits)
}

fn mask_in(r: &mut Reader<'_>, part: Part<'_>, bits: Bits) -> Read<Mask> {
    if part.text().trim() == "0" {
        return Ok(Mask::EMPTY);
    }
    let mut mask = Mask::EMPTY;
    let mut rest = Some(part);
    while let Some(part) = rest {
        let (word, next) = part.split('|').map_or((part, None), |(word, next)| (word, Some(next)));
        let Some(bit) = bits.bit(word.text().trim()) else {
            let names = bits.names();
            let hint = meant(word.text().trim(), &names);
            let known = names.join(", ");
            return Err(word.not(r, format!("0, or bits joined by |, of {known}{hint}")));
        };
        mask |= bit;
        rest = next;
    }
    Ok(mask)
}

/// The label and the mask of `"p.r IN|ET"`.
fn halves<'t>(r: &mut Reader<'_>, value: &Value<'t>) -> Read<(Part<'t>, Part<'t>)> {
    let part = value.part(r)?;
    part.split(' ').ok_or_else(|| value.not(r, "a label and a mask, such as `p.r IN`"))
}

/// `"p.r IN"`: a descriptor with bits of it.
pub(super) fn entry(r: &mut Reader<'_>, value: &Value<'_>, bits: Bits) -> Read<(Label, Mask)> {
    let (name, mask) = halves(r, value)?;
    let label = known(r, &name, Wants::Any);
    let mask = mask_in(r, mask, bits);
    Ok((label?, mask?))
}

/// The list of a poll or select. `"p*.r IN"` stands for one entry for each member of the actor `p`.
pub(super) fn entries(
    r: &mut Reader<'_>,
    value: &Value<'_>,
    bits: Bits,
) -> Read<Vec<(FdArg, Mask)>> {
    let items = value.each(r, MAX_ENTRIES, |r, item| asked(r, &item, bits))?;
    let found: usize = items.iter().map(|item| item.of.len()).sum();
    if found == 0 || found > MAX_ENTRIES {
        return Err(value.wrong(r, format!("found {found}, expected 1 to {MAX_ENTRIES}")));
    }
    r.entries += found;
    if r.entries > MAX_IN_FILE {
        let message = format!("the lists of the file have more than {MAX_IN_FILE} entries");
        return Err(value.wrong(r, message));
    }
    Ok(items.iter().flat_map(Asked::entries).collect())
}

/// One item of the list of a poll or select.
struct Asked<'t> {
    of: Of<'t>,
    mask: Mask,
}

/// Of what an item asks.
enum Of<'t> {
    One(FdArg),
    /// Every member of an actor: its name, the end, how many there are.
    All(&'t str, &'t str, u16),
}

impl Of<'_> {
    fn len(&self) -> usize {
        match self {
            Self::One(_) => 1,
            Self::All(.., count) => usize::from(*count),
        }
    }
}

impl Asked<'_> {
    fn entries(&self) -> Vec<(FdArg, Mask)> {
        match &self.of {
            Of::One(fd) => vec![(fd.clone(), self.mask)],
            Of::All(group, end, count) => (1..=*count)
                .map(|n| (FdArg::Named(Label::new(format!("{group}{n}{end}"))), self.mask))
                .collect(),
        }
    }
}

fn asked<'t>(r: &mut Reader<'_>, value: &Value<'t>, bits: Bits) -> Read<Asked<'t>> {
    let (name, mask) = halves(r, value)?;
    if let Ok(number) = name.text().parse() {
        return Ok(Asked { of: Of::One(FdArg::Number(number)), mask: mask_in(r, mask, bits)? });
    }
    let Some((group, end)) = name.split('*') else {
        let (label, mask) = entry(r, value, bits)?;
        return Ok(Asked { of: Of::One(FdArg::Named(label)), mask });
    };
    let mask = mask_in(r, mask, bits)?;
    let Some(count) = r.members.get(group.text()).copied() else {
        let known: Vec<_> = r.members.keys().cloned().collect();
        let known: Vec<_> = known.iter().map(String::as_str).collect();
        let expected = match known.as_slice() {
            [] => "an actor with a `count`, and there is none".to_owned(),
            known => {
                format!("the name of an actor with a `count`: {}", one_of(group.text(), known))
            }
        };
        return Err(group.not(r, expected));
    };
    let (group, end) = (group.text(), end.text());
    let first = Label::new(format!("{group}1{end}"));
    r.uses.push(Use::new(name.span(r), What::Fd(first, Wants::Any)));
    Ok(Asked { of: Of::All(group, end, count), mask })
}
