//! A read of the log of wake-ups: what it brings together has no certain order.

use serde::{Deserialize, Serialize};

use crate::event::{Nanos, Seq};

/// What one look at the edge log has brought so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct LogRead {
    /// When the look before it began, which names it.
    pub(super) after: Nanos,
    /// Its first event.
    pub(super) first: Seq,
    /// Wake-ups.
    pub(super) wakeups: u32,
    /// Entries that they listed.
    pub(super) listed: u32,
}

impl LogRead {
    /// A signal is queued right after its callback. Between the two another processor may do the
    /// same for another file, and then the signals are in the wrong order: not seen where a few
    /// files are woken one after the other, but common where many are woken at once.
    pub(super) fn is_crowded(&self) -> bool {
        self.wakeups > 32 || self.listed > 4
    }
}
