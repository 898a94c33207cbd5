//! What is counted of the calls of a case.

use std::collections::BTreeMap;

use crate::event::Errno;
use crate::lesson::case::{Counter, Label};

/// The counters that are not 0.
#[derive(Clone, Debug, Default)]
pub(super) struct Counters(BTreeMap<Counter, u64>);

impl Counters {
    /// All of them.
    pub(super) fn all(&self) -> &BTreeMap<Counter, u64> {
        &self.0
    }

    /// Begins anew.
    pub(super) fn reset(&mut self) {
        self.0.clear();
    }

    /// Adds to a counter.
    pub(super) fn add(&mut self, counter: Counter, by: u64) {
        if by > 0 {
            let value = self.0.entry(counter).or_default();
            *value = value.saturating_add(by);
        }
    }

    /// Sets a counter.
    pub(super) fn set(&mut self, counter: Counter, to: u64) {
        self.0.insert(counter, to);
    }

    /// A system call returned.
    pub(super) fn call(&mut self, error: Option<Errno>) {
        self.add(Counter::Calls, 1);
        if error == Some(Errno::EAGAIN) {
            self.add(Counter::Again, 1);
        }
    }

    /// An epoll_wait returned with so many events.
    pub(super) fn waited(&mut self, events: usize) {
        self.add(Counter::Waits, 1);
        self.add(Counter::Empty, u64::from(events == 0));
        self.add(Counter::Events, events as u64);
    }

    /// A parked thread returned.
    pub(super) fn woke(&mut self, thread: &Label) {
        self.add(Counter::Wakeups(None), 1);
        self.add(Counter::Wakeups(Some(thread.clone())), 1);
    }
}
