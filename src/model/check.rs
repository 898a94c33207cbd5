//! How well the model follows the kernel.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::event::{LaneId, Mask, Nanos, Seq, WatchKey, vocabulary};

/// Where the model and the kernel did not agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Difference {
    /// Reported, but not on the modelled ready list.
    NotListed(WatchKey),
    /// Known to be ready and listed, but passed over.
    NotReported(WatchKey),
    /// Reported in another order.
    Order(WatchKey),
    /// Reported with bits that the model knew not to hold, or without bits it knew to hold.
    Bits {
        /// Whose.
        key: WatchKey,
        /// What the model expected at least.
        expected: Mask,
        /// What the kernel reported.
        reported: Mask,
    },
    /// The interest list differs from fdinfo in this registration.
    Interest(WatchKey),
}

/// A difference, and where to look at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Divergence {
    /// The event at which it was noticed.
    pub seq: Seq,
    /// When.
    pub t: Nanos,
    /// In which lane.
    pub lane: LaneId,
    /// What differed.
    pub what: Difference,
}

/// A report whose wake-up has still to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Owed {
    pub(super) key: WatchKey,
    /// The return of `epoll_wait` that reported it, and in which lane.
    pub(super) seq: Seq,
    pub(super) t: Nanos,
    pub(super) lane: LaneId,
}

/// A report that was told before the ADD of its registration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Ahead {
    pub(super) key: WatchKey,
    pub(super) at: (Seq, Nanos, Mask),
    /// When the harvest was over.
    pub(super) done: Nanos,
}

vocabulary! {
    /// Whether the model has what it needs to follow.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
    pub enum Sync {
        /// Nothing has been observed yet, or wake-ups are not recorded: the list is unknown.
        #[default]
        Unknown = "unknown",
        /// It follows.
        Following = "following",
        /// Observations were lost; it follows again once the list is known again.
        Lost = "lost",
    }
}

/// Why the ready list is not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Loss {
    /// Nothing has been observed yet.
    #[default]
    Start,
    /// Wake-ups are not being recorded.
    Unrecorded,
    /// They cannot be: the user's queue of signals is full (RLIMIT_SIGPENDING, getrlimit(2)).
    NoQueue,
    /// They are recorded again; what was listed meanwhile has still to be told.
    Resumed,
    /// The kernel had no room for another signal (RLIMIT_SIGPENDING, getrlimit(2)).
    Overflow,
    /// What the server did was lost on its way here.
    Gap,
}

/// The comparison of the model with the kernel.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// Returns of `epoll_wait` that agreed with the model.
    pub agreed: u64,
    /// Differences found.
    pub diverged: u64,
    /// Returns that could not be judged: another thread was reading the edge log, another harvest
    /// overlapped, or sync was lost.
    pub unjudged: u64,
    /// Reports whose wake-up has not been seen yet: the kernel queues the signal just after it calls
    /// `ep_poll_callback`, so a quick harvest can come before it.
    pub(super) owed: Vec<Owed>,
    /// A report overlapped a MOD: which mask is left is only known when fdinfo is read again.
    pub(super) overlapped_mod: bool,
    /// Reports of registrations whose ADD has not been told yet: another thread was woken by it
    /// before it returned.
    pub(super) ahead: VecDeque<Ahead>,
    /// The last harvests, by which thread and at which event they were seen: a harvest that began
    /// before one of another thread was seen may have come before or after it.
    pub(super) harvests: [(LaneId, Seq); 2],
    /// Comparisons of the interest list with fdinfo that agreed.
    pub interest_agreed: u64,
    /// Whether the model follows.
    pub sync: Sync,
    /// When it last ceased to follow, and why.
    pub(super) lost: (Seq, Nanos),
    /// Why the list is not known, while it is not.
    pub loss: Loss,
    /// Calls were lost: the interest list has to be read from the kernel before it is right again.
    pub wants_resync: bool,
    recent: VecDeque<Divergence>,
}

impl Check {
    /// How many divergences are kept.
    pub const KEPT: usize = 64;

    /// The latest divergences, oldest first.
    pub fn recent(&self) -> impl DoubleEndedIterator<Item = &Divergence> {
        self.recent.iter()
    }

    /// Notes a look of a thread at the list: a harvest, or finding it stale before going to sleep.
    pub(super) fn harvested_by(&mut self, lane: LaneId, at: Seq) {
        // The last one of this thread, and the last one of any other.
        if self.harvests[0].0 != lane {
            self.harvests[1] = self.harvests[0];
        }
        self.harvests[0] = (lane, at);
    }

    /// A call on this registration, made at `started`, listed it: reports since then need no wake-up.
    pub(super) fn listed_by_call(&mut self, key: WatchKey, started: Nanos) {
        self.owed.retain(|owed| owed.key != key || owed.t < started);
    }

    /// A report came before its registration was told.
    pub(super) fn came_ahead(&mut self, report: Ahead) {
        if self.ahead.len() == Self::KEPT {
            self.ahead.pop_front();
        }
        self.ahead.push_back(report);
    }

    /// Takes the report of a registration that was made by a call from `started` on.
    pub(super) fn take_ahead(&mut self, key: WatchKey, started: Nanos) -> Option<Ahead> {
        let at = self.ahead.iter().position(|report| report.key == key)?;
        self.ahead.remove(at).filter(|report| report.done > started)
    }

    /// The wake-up that a report of this registration waited for has come.
    pub(super) fn paid(&mut self, key: WatchKey) {
        self.owed.retain(|owed| owed.key != key);
    }

    /// Debts that are too old to be paid: the wake-up is not coming.
    pub(super) fn unpaid(&mut self, now: Nanos) -> Vec<Owed> {
        self.owed.extract_if(.., |owed| now.since(owed.t) > Self::PATIENCE).collect()
    }

    /// How long a wake-up may be late: whoever woke the file is kept from running between the
    /// callback and the signal, on a machine with more to do.
    pub(super) const PATIENCE: Nanos = Nanos(100_000_000);

    pub(super) fn differ(&mut self, divergence: Divergence) {
        self.diverged += 1;
        if self.recent.len() == Self::KEPT {
            self.recent.pop_front();
        }
        self.recent.push_back(divergence);
    }
}
