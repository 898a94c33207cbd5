//! Actors: the table `[actors]`, and the action `new`.

use std::ops::Range;

use super::fd::is_new_name;
use super::reader::Reader;
use super::scope::{MAX_OPEN, Scope, Thing, Use, What};
use super::table::Table;
use super::value::Value;
use crate::lesson::case::{Actor, ActorKind, Label};

/// The largest number of actors.
const MAX_ACTORS: usize = 64;
/// The largest `count` of most kinds.
const MAX_COUNT: u16 = 64;
/// The largest `count` of eventfds; of pipes, which have two ends, it is half of it.
const MAX_LIGHT: u16 = 1024;
/// Descriptors of all actors but the counted pipes and eventfds.
const MAX_DESCRIPTORS: usize = 256;
/// The largest buffer of a socket.
const MAX_BUFFER: u32 = 16 << 20;
/// Sizes that a pipe can have.
const PIPE_SIZES: std::ops::RangeInclusive<u32> = 4096..=1 << 20;

/// The kinds, each with its word.
const KINDS: [(&str, &str); 12] = [
    ("epoll", "epoll"),
    ("pipe", "pipe"),
    ("eventfd", "eventfd"),
    ("timerfd", "timerfd"),
    ("pair", "pair"),
    ("dgram", "dgram"),
    ("udp", "udp"),
    ("listener", "listener"),
    ("client", "client"),
    ("file", "file"),
    ("dir", "dir"),
    ("null", "null"),
];

/// The actors that exist before the first step.
pub(super) fn all(
    r: &mut Reader<'_>,
    scope: &mut Scope,
    value: Option<Value<'_>>,
) -> Option<Vec<Actor>> {
    let Some(value) = value else {
        return Some(Vec::new());
    };
    let entries = value.table(r, "the actors")?.into_entries();
    if entries.len() > MAX_ACTORS {
        let found = entries.len();
        r.wrong(value.span(), format!("`actors`: found {found}, expected at most {MAX_ACTORS}"));
        return None;
    }
    let (mut plain, mut counted) = (0, 0);
    let mut actors = Vec::new();
    for entry in entries {
        let actor = one(r, entry.key, entry.span.clone(), &entry.value);
        let uses = std::mem::take(&mut r.uses);
        scope.apply(r, &uses, false);
        if let Some(actor) = &actor {
            let made = usize::from(actor.count.unwrap_or(1)) * actor.kind.ends().len();
            let total = if is_many(actor) { &mut counted } else { &mut plain };
            let before = *total;
            *total += made;
            let most = if is_many(actor) { MAX_OPEN } else { MAX_DESCRIPTORS };
            if before <= most && *total > most {
                r.wrong(entry.span, format!("this makes more than {most} descriptors"));
            }
        }
        actors.push(actor);
    }
    actors.into_iter().collect()
}

/// Whether the actor is one of which there may be hundreds.
fn is_many(actor: &Actor) -> bool {
    let is_light = matches!(actor.kind, ActorKind::Pipe { .. } | ActorKind::Eventfd { .. });
    is_light && actor.count.is_some()
}

fn one(r: &mut Reader<'_>, name: &str, span: Range<usize>, value: &Value<'_>) -> Option<Actor> {
    let named = is_new_name(r, name, span.clone());
    let mut table = value.table(r, "an actor")?;
    let body = body(r, &mut table);
    table.finish(r);
    let line = r.line(span.start);
    finish(r, named.then(|| name.into()), span, line, body)
}

/// The action `new`.
pub(super) fn made_now(r: &mut Reader<'_>, table: &mut Table<'_>) -> Option<Actor> {
    let name = table.need(r, "name");
    let label = name.and_then(|name| super::fd::new_name(r, &name));
    let span = name.map_or(table.span(), |name| name.span());
    let line = r.line(table.span().start);
    let body = body(r, table);
    finish(r, label, span, line, body)
}

/// What an actor is, and how many of them; the kind may be known although an option is wrong.
struct Body {
    kind: Option<ActorKind>,
    count: Option<Option<u16>>,
}

/// The actor, if all of it is right. Its labels are known from here on in any case.
fn finish(
    r: &mut Reader<'_>,
    name: Option<Label>,
    span: Range<usize>,
    line: u32,
    body: Body,
) -> Option<Actor> {
    let name = name?;
    let kind = body.kind;
    let guess = Actor {
        line,
        name,
        kind: kind.unwrap_or(ActorKind::Null),
        count: body.count.unwrap_or_default(),
    };
    if let Some(count) = guess.count {
        r.members.insert(guess.name.as_str().to_owned(), count);
    }
    if let Some(kind) = kind {
        for member in guess.members() {
            for end in kind.ends() {
                let label = Label::new(format!("{member}{end}"));
                r.uses.push(Use::new(span.clone(), What::Make(label, Thing::of(kind, end))));
            }
        }
    } else {
        for end in ["", ".r", ".w", ".a", ".b"] {
            let label = Label::new(format!("{}{end}", guess.name));
            r.uses.push(Use::new(span.clone(), What::Make(label, Thing::Unsure)));
        }
    }
    (kind.is_some() && body.count.is_some()).then_some(guess)
}

/// The keys `kind`, `count` and the options of the kind.
fn body(r: &mut Reader<'_>, table: &mut Table<'_>) -> Body {
    let kind = table.need(r, "kind").and_then(|kind| kind.word(r, &KINDS));
    let most = match kind {
        Some("pipe") => MAX_LIGHT / 2,
        Some("eventfd") => MAX_LIGHT,
        _ => MAX_COUNT,
    };
    let count = match table.get("count") {
        None => Some(None),
        Some(count) => count.number(r, 1, most).map(Some),
    };
    let Some(word) = kind else {
        table.give_up();
        return Body { kind: None, count };
    };
    table.call(format!("an actor of the kind {word}"));
    Body { kind: options(r, table, word), count }
}

fn options(r: &mut Reader<'_>, table: &mut Table<'_>, word: &str) -> Option<ActorKind> {
    Some(match word {
        "epoll" => ActorKind::Epoll,
        "pipe" => ActorKind::Pipe { size: pipe_size(r, table)? },
        "eventfd" => {
            let value = number(r, table, "value", 0, 0, u32::MAX);
            let semaphore = table.get("semaphore").map_or(Some(false), |on| on.switch(r));
            ActorKind::Eventfd { value: value?, semaphore: semaphore? }
        }
        "timerfd" => ActorKind::Timerfd,
        "pair" => ActorKind::Pair { sndbuf: sndbuf(r, table)? },
        "dgram" => ActorKind::Dgram { sndbuf: sndbuf(r, table)? },
        "udp" => ActorKind::Udp,
        "listener" => ActorKind::Listener { backlog: number(r, table, "backlog", 64, 0, 4096)? },
        "client" => ActorKind::Client,
        "file" => ActorKind::File,
        "dir" => ActorKind::Dir,
        _ => ActorKind::Null,
    })
}

fn number(
    r: &mut Reader<'_>,
    table: &mut Table<'_>,
    key: &'static str,
    default: u32,
    low: u32,
    high: u32,
) -> Option<u32> {
    table.get(key).map_or(Some(default), |value| value.number(r, low, high))
}

fn sndbuf(r: &mut Reader<'_>, table: &mut Table<'_>) -> Option<Option<u32>> {
    match table.get("sndbuf") {
        None => Some(None),
        Some(value) => value.number(r, 1, MAX_BUFFER).map(Some),
    }
}

/// A power of two, since the kernel makes one of any other number.
fn pipe_size(r: &mut Reader<'_>, table: &mut Table<'_>) -> Option<u32> {
    let Some(value) = table.get("size") else {
        return Some(65536);
    };
    let (low, high) = (*PIPE_SIZES.start(), *PIPE_SIZES.end());
    let size = value.number(r, low, high)?;
    if !size.is_power_of_two() {
        value.not(r, format!("a power of two from {low} to {high}"));
        return None;
    }
    Some(size)
}
