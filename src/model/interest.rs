//! The interest list (rbr): the registrations of an epoll instance.

use std::collections::BTreeSet;

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use crate::event::{Arm, Delivery, Fd, FileId, Mask, Nanos, Seq, Trigger, WatchKey};

use crate::sim::rules;

/// Whether a registration was reported without having been listed, so that a wake-up of it is still
/// to be told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Debt {
    /// It was listed.
    #[default]
    None,
    /// Another thread's harvest beside the report may have listed it.
    Perhaps,
    /// It was not.
    Owed,
}

/// One registration (struct epitem).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InterestEntry {
    /// The open file description and the number.
    pub key: WatchKey,
    /// `events` as the kernel keeps them: ERR and HUP included.
    pub mask: Mask,
    /// When it was added, or last modified.
    pub changed: (Seq, Nanos),
    /// When it was last reported, and with which mask.
    pub delivered: Option<(Seq, Nanos, Mask)>,
    /// When it was last woken.
    pub woken: Option<(Seq, Nanos)>,
    /// How often it was reported.
    pub deliveries: u64,
    /// How often it was woken.
    pub wakeups: u64,
    /// Whether it is on the ready list.
    pub listed: bool,
    /// The wake-up before the last one.
    pub woken_before: Option<Seq>,
    /// What its source calls it, if that names things.
    pub name: Option<Box<str>>,
    /// When the last harvest that reported it was over.
    pub(super) harvested: Option<Nanos>,
    /// Whether its last report is ahead of its wake-up.
    pub(super) debt: Debt,
}

impl InterestEntry {
    /// A new registration.
    pub fn new(key: WatchKey, mask: Mask, at: (Seq, Nanos)) -> Self {
        Self {
            key,
            mask: rules::stored(mask),
            changed: at,
            delivered: None,
            woken: None,
            deliveries: 0,
            wakeups: 0,
            listed: false,
            woken_before: None,
            name: None,
            harvested: None,
            debt: Debt::None,
        }
    }

    /// Whether what happened at some time after `after` may have happened before the end of the
    /// last harvest that reported it.
    pub(super) fn harvested_since(&self, after: Nanos) -> bool {
        self.harvested.is_some_and(|harvested| after < harvested)
    }

    /// Whether it can report: a one-shot registration that has fired cannot (`ep_send_events`).
    pub fn arm(&self) -> Arm {
        if rules::armed(self.mask) { Arm::Armed } else { Arm::Disarmed }
    }

    /// Level- or edge-triggered.
    pub fn trigger(&self) -> Trigger {
        self.mask.trigger()
    }
}

/// The registrations of one epoll instance: found by their key, gone through by their number.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<InterestEntry>", into = "Vec<InterestEntry>")]
pub struct InterestList {
    entries: FxHashMap<WatchKey, InterestEntry>,
    order: BTreeSet<WatchKey>,
}

impl From<Vec<InterestEntry>> for InterestList {
    /// The order is made again.
    fn from(entries: Vec<InterestEntry>) -> Self {
        let mut list = Self::default();
        for entry in entries {
            list.insert(entry);
        }
        list
    }
}

impl From<InterestList> for Vec<InterestEntry> {
    fn from(list: InterestList) -> Self {
        list.iter().cloned().collect()
    }
}

impl InterestList {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The registrations in order of their numbers.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &InterestEntry> {
        self.order.iter().filter_map(|key| self.entries.get(key))
    }

    /// The registrations from the one after `key` (or from the first), in order.
    pub fn after(&self, key: Option<WatchKey>) -> impl Iterator<Item = &InterestEntry> {
        use std::ops::Bound::{Excluded, Unbounded};
        let from = key.map_or(Unbounded, Excluded);
        self.order.range((from, Unbounded)).filter_map(|key| self.entries.get(key))
    }

    /// The registrations before `key`, from there back.
    pub fn before(&self, key: WatchKey) -> impl Iterator<Item = &InterestEntry> {
        self.order.range(..key).rev().filter_map(|key| self.entries.get(key))
    }

    /// The registration of that file under that number.
    pub fn get(&self, key: WatchKey) -> Option<&InterestEntry> {
        self.entries.get(&key)
    }

    /// The registrations under that number: several if a number outlived its file.
    pub fn by_fd(&self, fd: Fd) -> impl Iterator<Item = &InterestEntry> {
        let low = WatchKey { fd, file: FileId(0) };
        let high = WatchKey { fd, file: FileId(u32::MAX) };
        self.order.range(low..=high).filter_map(|key| self.entries.get(key))
    }

    /// The registrations of that file, under whatever number.
    pub fn of_file(&self, file: FileId) -> impl Iterator<Item = &InterestEntry> {
        self.iter().filter(move |entry| entry.key.file == file)
    }

    pub(super) fn get_mut(&mut self, key: WatchKey) -> Option<&mut InterestEntry> {
        self.entries.get_mut(&key)
    }

    pub(super) fn insert(&mut self, entry: InterestEntry) {
        self.order.insert(entry.key);
        self.entries.insert(entry.key, entry);
    }

    pub(super) fn remove(&mut self, key: WatchKey) -> Option<InterestEntry> {
        self.order.remove(&key);
        self.entries.remove(&key)
    }

    /// The key of a delivery: its data names the file, and the number is the one that was given.
    pub fn key_of(delivery: &Delivery) -> WatchKey {
        WatchKey { fd: delivery.fd, file: delivery.file }
    }
}
