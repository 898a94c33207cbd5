//! The Why sentence: why a descriptor is or is not on the ready list, and what would change that.

mod call;
mod change;
mod event;
mod file;
mod lane;
mod netpoll;
mod predict;
mod prepare;
mod ring;
mod scan;
mod step;
mod threads;
mod watch;

#[cfg(test)]
mod tests;

use crate::event::{Event, Kind, LaneId, WatchKey};

use super::Sentence;
use super::words::Phrase;
use crate::model::{EpollView, Poller, World};

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

/// What the last event changed on the lists, if they are read: a short phrase for each change.
pub fn changes(world: &World) -> Vec<String> {
    change::changes(world)
}

/// Why the ready list is not known, in words; `None` if it is.
pub fn unknown_list(world: EpollView<'_>) -> Option<&'static str> {
    predict::unknown(world)
}

/// One or two plain sentences about the subject, computed from the model.
pub fn why(world: EpollView<'_>, subject: Subject<'_>) -> Sentence {
    let remedy = match subject {
        // What a loop of another kind registers is never changed.
        Subject::Watch(_) if world.netpoll().is_some() || world.served().is_some() => None,
        Subject::Watch(key) => watch::remedy(world, key),
        Subject::Lane(_) | Subject::Event(_) => None,
    };
    Sentence { remedy, ..phrase(world, subject).into() }
}

fn phrase(world: EpollView<'_>, subject: Subject<'_>) -> Phrase {
    match subject {
        Subject::Watch(key) => match world.world.pollers.own() {
            Some(Poller::Scan(set)) => scan::phrase(world, set, key),
            Some(Poller::Ring(_)) => ring::phrase(world, key),
            Some(Poller::Netpoll(goroutines)) => netpoll::phrase(world, goroutines, key),
            Some(Poller::Threads(served)) => threads::phrase(world, served, key),
            None => watch::phrase(world, key),
        },
        Subject::Lane(id) => Phrase::new(lane::sentence(world, id)),
        Subject::Event(event) => match &event.kind {
            Kind::Return(record) => call::phrase(world, event, record),
            _ if world.labelled => step::phrase(world, event),
            // What a person or the tool wrote stays as it is.
            Kind::Command { .. } | Kind::Note(_) | Kind::Mark(_) => {
                Phrase::named(event::sentence(world, event))
            }
            _ => Phrase::new(event::sentence(world, event)),
        },
    }
}
