//! What waiting costs where each call asks every file: many questions for one answer.

use serde::{Deserialize, Serialize};

use crate::event::{Event, Fd, Refusal};

use super::ledger::{About, Shown};
use super::{Evidence, FindingKind, Findings};
use crate::model::World;

/// Calls over which it is counted.
const CALLS: u64 = 100;
/// Questions for each file that is found, above which it is told.
const ASKED_FOR_ONE: u64 = 50;

/// What was counted since the last judgement.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Cost {
    calls: u64,
    asked: u64,
    found: u64,
}

impl Findings {
    /// A poll(2) or select(2) returned.
    pub(super) fn scanned(&mut self, event: &Event, world: &World) {
        let Some(set) = world.scan() else { return };
        let Some(last) = set.last.as_ref().filter(|last| last.at.0 == event.seq) else { return };
        self.cost.calls += 1;
        self.cost.asked += last.asked;
        self.cost.found += last.found.len() as u64;
        if self.cost.calls < CALLS {
            return;
        }
        let Cost { calls, asked, found } = std::mem::take(&mut self.cost);
        let about = About::all(FindingKind::ScanCost);
        if asked <= ASKED_FOR_ONE * found.max(1) {
            self.ledger.end(about);
            return;
        }
        let (files, backend) = (last.files, set.backend);
        let shown = Shown { fd: None, lane: Some(event.lane) };
        self.ledger.see(about, shown, event, |_| Evidence::ScanCost {
            backend,
            files,
            calls,
            asked,
            found,
        });
    }

    /// The server waits in another way.
    pub(super) fn switched(&mut self) {
        self.cost = Cost::default();
        self.ledger.end(About::all(FindingKind::ScanCost));
    }

    /// A client was turned away because of its number.
    pub(super) fn beyond_fd_set(&mut self, fd: Fd, event: &Event) {
        let about = About::all(FindingKind::SelectFdLimit);
        let shown = Shown { fd: Some(fd), lane: Some(event.lane) };
        self.ledger.see(about, shown, event, |times| Evidence::FdSetSize { fd, times });
    }

    /// A client was turned away because there is no thread for it.
    pub(super) fn without_thread(&mut self, why: Refusal, event: &Event) {
        let about = About::all(FindingKind::ThreadLimit);
        let shown = Shown { fd: None, lane: Some(event.lane) };
        self.ledger.see(about, shown, event, |times| Evidence::ThreadLimit { why, times });
    }
}
