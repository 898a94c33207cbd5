//! What happened in a step of a case, seen when the step is over: every list is as it is then, and
//! descriptors go by their labels.

use super::change::changes;
use super::lane::sleeps_in;
use crate::event::{Event, Kind, LaneChange, Syscall};
use crate::model::EpollView;
use crate::text::strace;
use crate::text::words::{Phrase, list, short, who};

/// What is to be said of an event.
pub(super) fn phrase(world: EpollView<'_>, event: &Event) -> Phrase {
    let who = who(&world, event.lane);
    match &event.kind {
        Kind::Enter(call) => entered(world, event, &who, call),
        Kind::Open { fd, .. } => Phrase::new(format!("fd {fd} is {}", short(&world, *fd))),
        Kind::Lane(LaneChange::Started { tid }) => {
            Phrase::new(format!("{who} begins, as task {tid}"))
        }
        Kind::Lane(LaneChange::Ended) => Phrase::new(format!("{who} ends")),
        kind if kind.is_look() => match changes(&world) {
            none if none.is_empty() => Phrase::new("nothing changed on the lists"),
            changes => Phrase::named(changes.join("; ")),
        },
        _ => Phrase::new(super::event::sentence(world, event)),
    }
}

fn entered(world: EpollView<'_>, event: &Event, who: &str, call: &Syscall) -> Phrase {
    let call = strace::entered(&world, call, event.seq);
    let dropped: Vec<String> =
        world.instance.delta.removed.iter().map(|key| world.watch_name(*key)).collect();
    let dropped = match dropped.len() {
        0 => String::new(),
        _ => format!("It polled {}, found nothing, and dropped it first.", list(&dropped)),
    };
    match sleeps_in(world, event.lane) {
        Some((instance, _)) => Phrase::new(format!(
            "{who} enters {call}: nothing is ready, so it sleeps at the head of the wait queue of {}",
            instance.name
        ))
        .then(dropped),
        None => Phrase::new(format!("{who} enters {call}")),
    }
}

#[cfg(test)]
mod tests;
