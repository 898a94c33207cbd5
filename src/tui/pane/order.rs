//! The order of the list of what is waited for. What is equal stays as the list has it.

use std::cmp::Reverse;

use super::RenderContext;
use crate::event::{Nanos, Order, WatchKey};
use crate::model::{EpollView, OpenFile};

/// Puts the rows of a list into the order that the person asked for; `key` is the file of a row.
pub(super) fn ordered<T>(
    look: &RenderContext<'_>,
    rows: &mut [T],
    key: impl Fn(&T) -> Option<WatchKey>,
) {
    let world = look.world();
    let file = |row: &T| key(row).and_then(|key| world.file_of(key));
    match look.ui.order {
        Order::Number => {}
        // What is not known may be any number: it stands before what is known to be none.
        Order::Unread => rows.sort_by_cached_key(|row| {
            Reverse(file(row).map(|file| file.unread.map_or(1, |n| u64::from(n) * 2)))
        }),
        Order::State => {
            rows.sort_by_cached_key(|row| key(row).map_or(u8::MAX, |key| rank(world, key)));
        }
        Order::Activity => rows.sort_by_cached_key(|row| Reverse(file(row).map(last_active))),
    }
}

/// When a file was opened, or last served or woken.
fn last_active(file: &OpenFile) -> Nanos {
    let served = file.served.map(|(_, t)| t);
    [served, file.woken].into_iter().flatten().fold(file.opened, Nanos::max)
}

/// How much a file wants to be looked at: what is stuck first, then what is in hand, what is ready,
/// what is silent although something is there, what has ended, and what is quiet.
fn rank(world: EpollView<'_>, key: WatchKey) -> u8 {
    let file = world.file_of(key);
    let entry = world.instance.interest.get(key);
    let scanned = world.scan().and_then(|set| set.get(key));
    let waits = file.and_then(|file| file.unread).is_some_and(|n| n > 0);
    if world.findings.of_file(key.file).next().is_some() {
        0
    } else if world.is_in_hand(key) {
        1
    } else if world.being_handled(key).is_some() {
        2
    } else if entry.is_some_and(|entry| entry.listed)
        || scanned.is_some_and(|entry| !entry.revents.is_empty())
    {
        3
    } else if waits {
        4
    } else if file.is_none_or(OpenFile::ended) {
        5
    } else {
        6
    }
}
