//! What the last look changed on the lists that it read, in short phrases.

use super::file::arrival;
use crate::event::{Reason, WatchKey};
use crate::model::{Delta, EpollInstance, EpollView, ReadyEntry, World};
use crate::text::words::bits;

/// Each change of each epoll instance: first what left, then what came.
pub(super) fn changes(world: &World) -> Vec<String> {
    let several = world.pollers.len() > 1;
    let of = |view: EpollView<'_>| {
        let which = if several { format!("{}: ", view.instance.name) } else { String::new() };
        let phrases = of_instance(view);
        phrases.into_iter().map(move |phrase| format!("{which}{phrase}")).collect::<Vec<_>>()
    };
    world.views().flat_map(of).collect()
}

fn of_instance(world: EpollView<'_>) -> Vec<String> {
    let (instance, delta) = (world.instance, &world.instance.delta);
    let name = |key: &WatchKey| world.watch_name(*key);
    let mut phrases = Vec::new();
    for key in &delta.forgotten {
        phrases.push(format!("{} went off the interest list", name(key)));
    }
    for key in &delta.removed {
        let back = delta.added.iter().any(|ready| ready.key == *key);
        let gone = delta.forgotten.contains(key) || instance.batch.contains(key);
        if instance.batch.contains(key) {
            phrases.push(format!("{} was taken into the harvest's hands", name(key)));
        }
        if !back && !gone {
            phrases.push(left(world, instance, *key));
        }
    }
    for ready in &delta.added {
        phrases.push(came(&name(&ready.key), delta, ready));
    }
    for key in &delta.overflowed {
        phrases.push(format!("{} went on the overflow list: a harvest is running", name(key)));
    }
    for key in &delta.arrived {
        phrases.push(format!("{} is on the ready list already and keeps its place", name(key)));
    }
    phrases
}

/// How an entry came to be off the ready list.
fn left(world: EpollView<'_>, instance: &EpollInstance, key: WatchKey) -> String {
    let name = world.watch_name(key);
    let entry = instance.interest.get(key);
    let reported =
        entry.and_then(|entry| entry.delivered).filter(|(seq, ..)| *seq > instance.delta.since);
    match (reported, entry) {
        (Some((_, _, mask)), Some(entry)) if entry.mask.has(crate::event::Mask::ONESHOT) => {
            format!("{name} was reported ({}) and is disarmed", bits(mask))
        }
        (Some((_, _, mask)), _) => {
            format!("{name} was reported ({}) and left the ready list", bits(mask))
        }
        (None, Some(_)) => format!("{name} was polled, found not ready, and dropped"),
        (None, None) => format!("{name} left the ready list"),
    }
}

fn came(name: &str, delta: &Delta, ready: &ReadyEntry) -> String {
    match ready.why {
        Reason::PutBack => format!("{name} was reported and put back at the tail (level)"),
        why if delta.removed.contains(&ready.key) => {
            format!("{name} was reported, and is on the ready list again: {}", arrival(why))
        }
        why => format!("{name} came on the ready list: {}", arrival(why)),
    }
}
