//! What the events mean: one pure function folds them into a [`World`].
//!
//! This module knows no clock, file, socket, thread, or terminal: everything it depends on is in
//! the event. The rules are the kernel's (fs/eventpoll.c), named after its functions.

mod apply;
mod check;
mod counts;
mod file;
mod findings;
mod harvest;
mod interest;
mod labels;
mod lane;
mod log_read;
mod netpoll;
mod poller;
mod read;
mod ready;
mod resync;
mod ring;
mod scan;
#[cfg(test)]
pub(crate) mod scenario;
mod sleep;
#[cfg(test)]
pub(crate) mod teller;
mod threads;
mod timeline;
mod view;
mod wakeup;
mod world;

pub use check::{Check, Difference, Divergence, Loss, Sync};
pub use counts::FileCounts;
pub use file::{OpenFile, Poll};
pub use findings::{Evidence, FileIdentity, Finding, FindingKind, Findings, WatchIdentity};
pub use harvest::Prediction;
pub use interest::{InterestEntry, InterestList};
pub use lane::{BatchEntry, LaneCounts, LaneState, Progress, ThreadLane, WaitQueue};
pub use poller::{
    Delta, EndedInput, EpollInstance, Flight, GoReason, GoSlot, GoState, Goroutine, Known,
    LastScan, ListsKnown, Netpoll, Poller, Pollers, PostedCqe, RingCheck, Rings, ScanEntry,
    ScanForecast, ScanSet, Served,
};
pub use ready::{ReadyEntry, ReadyList, Reason};
pub use timeline::{Mark, MarkKind, Span, Timeline, Track, TrackId};
pub use view::EpollView;
pub use world::{Bookmark, Counters, World};
