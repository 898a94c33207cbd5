//! The ready list (rdllist): candidates that the next `epoll_wait` will poll, head first.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

pub use crate::event::Reason;
use crate::event::{Nanos, Seq, WatchKey};

/// An entry of the ready list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadyEntry {
    /// The registration.
    pub key: WatchKey,
    /// Why it is here.
    pub why: Reason,
    /// Since when it has been here without interruption.
    pub since: Nanos,
    /// The event that put it here.
    pub seq: Seq,
    /// Its place among its neighbours, or its being here at all, is not certain: it was woken
    /// while a harvest ran, or observations were lost.
    pub unsure: bool,
}

/// The ready list, head first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadyList {
    pub(super) entries: VecDeque<ReadyEntry>,
}

impl ReadyList {
    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The entries, head first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &ReadyEntry> {
        self.entries.iter()
    }

    /// The entry of that registration and its place, 0 being the head.
    pub fn find(&self, key: WatchKey) -> Option<(usize, &ReadyEntry)> {
        self.entries.iter().enumerate().find(|(_, entry)| entry.key == key)
    }
}
