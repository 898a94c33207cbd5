//! The Why sentence: why a descriptor is or is not on the ready list, and what would change that.

mod call;
mod event;
mod lane;
mod predict;
mod prepare;
mod told;
mod watch;

#[cfg(test)]
mod tests;

use crate::event::{Event, Kind, LaneId, WatchKey};

use super::{Sentence, words};
use crate::model::{EpollView, World};

/// What is selected.
#[derive(Clone, Copy, Debug)]
pub enum Subject<'a> {
    /// A registration.
    Watch(WatchKey),
    /// A thread.
    Lane(LaneId),
    /// An event, in the world as it was after it.
    Event(&'a Event),
}

/// What the last event changed on the lists, if they are told: a short phrase for each change.
pub fn changes(world: &World) -> Vec<String> {
    told::changes(world)
}

/// Why the ready list is not known, in words; `None` if it is.
pub fn unknown_list(world: EpollView<'_>) -> Option<&'static str> {
    predict::unknown(world)
}

/// One or two plain sentences about the subject, computed from the model.
pub fn why(world: EpollView<'_>, subject: Subject<'_>) -> Sentence {
    let remedy = match subject {
        Subject::Watch(key) => watch::remedy(world, key),
        _ => None,
    };
    Sentence { text: text(world, subject), remedy }
}

fn text(world: EpollView<'_>, subject: Subject<'_>) -> String {
    if world.labelled {
        return told::in_full(world, &told::sentence(world, subject));
    }
    match subject {
        Subject::Watch(key) => words::sentence(&watch::sentence(world, key)),
        Subject::Lane(id) => words::sentence(&lane::sentence(world, id)),
        Subject::Event(event) => match event.kind {
            Kind::Command { .. } | Kind::Note(_) => event::sentence(world, event),
            _ => words::sentence(&event::sentence(world, event)),
        },
    }
}
