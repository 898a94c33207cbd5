//! Actors: the table `[actors]`, and the action `new`.

use std::ops::Range;

use super::fd;
use super::reader::{ErrorReported, Read, Reader};
use super::scope::{Claim, Scope};
use super::table::Table;
use super::usage::{Thing, Use, What};
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
/// The largest submission queue.
const MAX_RING: u32 = 1024;
/// The smallest and the largest pipe.
const PIPE_SIZES: (u32, u32) = (4096, 1 << 20);

/// The actors that exist before the first step.
pub(super) fn all(r: &mut Reader<'_>, scope: &mut Scope, value: &Value<'_>) -> Read<Vec<Actor>> {
    let entries = value.table(r, "the actors")?.into_entries();
    if entries.len() > MAX_ACTORS {
        let message = format!("found {}, expected at most {MAX_ACTORS}", entries.len());
        return Err(value.wrong(r, message));
    }
    let mut total = 0;
    let mut actors = Vec::new();
    for entry in entries {
        let actor = one(r, entry.key, entry.span.clone(), &entry.value);
        let uses = std::mem::take(&mut r.uses);
        scope.apply(r, &uses, Claim::Success);
        if let Ok(actor) = &actor {
            let before = total;
            total += made(actor);
            if before <= MAX_DESCRIPTORS && total > MAX_DESCRIPTORS {
                let message = format!(
                    "with this the actors make more than {MAX_DESCRIPTORS} descriptors; there may \
                     be more only of pipes and eventfds with a `count`"
                );
                r.wrong(entry.span, message);
            }
        }
        actors.push(actor);
    }
    actors.into_iter().collect()
}

/// Descriptors that an actor makes, unless it is one of which there may be hundreds.
fn made(actor: &Actor) -> usize {
    let is_light = matches!(actor.kind, ActorKind::Pipe { .. } | ActorKind::Eventfd { .. });
    match actor.count {
        Some(_) if is_light => 0,
        count => usize::from(count.unwrap_or(1)) * actor.kind.ends().len(),
    }
}

fn one(r: &mut Reader<'_>, name: &str, span: Range<usize>, value: &Value<'_>) -> Read<Actor> {
    let name = fd::name(r, name, span.clone());
    let mut table = value.table(r, "an actor")?;
    let body = body(r, &mut table);
    table.finish(r);
    let line = r.line(span.start);
    finish(r, name?, span, line, &body)
}

/// The action `new`.
pub(super) fn made_now(r: &mut Reader<'_>, table: &mut Table<'_>) -> Read<Actor> {
    let line = r.line(table.span().start);
    let name = table.need("name");
    let label = name.and_then(|name| fd::new_name(r, &name));
    let body = body(r, table);
    let span = name?.span();
    finish(r, label?, span, line, &body)
}

/// What an actor is, as far as it could be read.
struct Body {
    options: Read<ActorKind>,
    count: Read<Option<u16>>,
}

/// The actor, if all of it is right. Its labels are known from here on in any case.
fn finish(
    r: &mut Reader<'_>,
    name: Label,
    span: Range<usize>,
    line: u32,
    body: &Body,
) -> Read<Actor> {
    if let Ok(Some(count)) = body.count {
        r.members.insert(name.as_str().to_owned(), count);
    }
    let (Ok(kind), Ok(count)) = (body.options, body.count) else {
        for end in ["", ".r", ".w", ".a", ".b"] {
            let label = Label::new(format!("{name}{end}"));
            r.uses.push(Use::new(span.clone(), What::Make(label, Thing::Unsure)));
        }
        return Err(ErrorReported);
    };
    let actor = Actor { line, name, kind, count };
    for (index, label) in actor.labels().into_iter().enumerate() {
        let ends = kind.ends();
        let thing = Thing::of(kind, ends[index % ends.len()]);
        r.uses.push(Use::new(span.clone(), What::Make(label, thing)));
    }
    Ok(actor)
}

/// The keys `kind`, `count` and the options of the kind.
fn body(r: &mut Reader<'_>, table: &mut Table<'_>) -> Body {
    let kind = table.take(r, "kind", |r, kind| kind.word(r, &ActorKind::ALL));
    if kind.is_err() {
        table.give_up();
    }
    let most = match kind {
        Ok(ActorKind::Pipe { .. }) => MAX_LIGHT / 2,
        Ok(ActorKind::Eventfd { .. }) => MAX_LIGHT,
        _ => MAX_COUNT,
    };
    let count = table.option(r, "count", |r, count| count.number(r, 1, most));
    let options = kind.and_then(|kind| {
        table.call(format!("an actor of the kind {}", kind.word()));
        options(r, table, kind)
    });
    Body { options, count }
}

/// The kind with what the file says of it.
fn options(r: &mut Reader<'_>, table: &mut Table<'_>, usual: ActorKind) -> Read<ActorKind> {
    Ok(match usual {
        ActorKind::Pipe { size: usual } => {
            let size = table.option(r, "size", pipe_size)?;
            ActorKind::Pipe { size: size.unwrap_or(usual) }
        }
        ActorKind::Eventfd { .. } => {
            let value = table.option(r, "value", |r, value| value.number(r, 0, u32::MAX));
            let semaphore = table.option(r, "semaphore", |r, on| on.switch(r));
            ActorKind::Eventfd {
                value: value?.unwrap_or_default(),
                semaphore: semaphore?.unwrap_or_default(),
            }
        }
        ActorKind::Pair { .. } => ActorKind::Pair { sndbuf: sndbuf(r, table)? },
        ActorKind::Dgram { .. } => ActorKind::Dgram { sndbuf: sndbuf(r, table)? },
        ActorKind::Listener { backlog: usual } => {
            let backlog = table.option(r, "backlog", |r, value| value.number(r, 0, 4096))?;
            ActorKind::Listener { backlog: backlog.unwrap_or(usual) }
        }
        ActorKind::Ring { entries: usual } => {
            let entries = table.option(r, "entries", ring_size)?;
            ActorKind::Ring { entries: entries.unwrap_or(usual) }
        }
        ActorKind::Epoll
        | ActorKind::Timerfd
        | ActorKind::Udp
        | ActorKind::Client
        | ActorKind::File
        | ActorKind::Dir
        | ActorKind::Null => usual,
    })
}

fn sndbuf(r: &mut Reader<'_>, table: &mut Table<'_>) -> Read<Option<u32>> {
    table.option(r, "sndbuf", |r, value| value.number(r, 1, MAX_BUFFER))
}

/// A power of two, since the kernel makes one of any other number (`io_uring_fill_params`).
fn ring_size(r: &mut Reader<'_>, value: &Value<'_>) -> Read<u32> {
    let size: u32 = value.number(r, 1, MAX_RING)?;
    if !size.is_power_of_two() {
        return Err(value.not(r, format!("a power of two from 1 to {MAX_RING}")));
    }
    Ok(size)
}

/// A power of two, since the kernel makes one of any other number (`round_pipe_size`).
fn pipe_size(r: &mut Reader<'_>, value: &Value<'_>) -> Read<u32> {
    let (low, high) = PIPE_SIZES;
    let size = value.number(r, low, high)?;
    if !size.is_power_of_two() {
        return Err(value.not(r, format!("a power of two from {low} to {high}")));
    }
    Ok(size)
}
