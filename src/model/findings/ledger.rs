//! The list of findings: found by what they are about, in the order of their first sight.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::event::{Event, Fd, FileId, LaneId, Nanos};

use super::{Evidence, Finding, FindingKind, Findings};

/// What a finding is about: one entry of the list for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct About {
    /// What.
    pub(super) kind: FindingKind,
    /// The open file, if it is about one.
    pub(super) file: Option<FileId>,
    /// The thread, if each has its own.
    pub(super) lane: Option<LaneId>,
}

impl About {
    pub(super) fn file(kind: FindingKind, file: FileId) -> Self {
        Self { kind, file: Some(file), lane: None }
    }

    pub(super) fn lane(kind: FindingKind, lane: LaneId) -> Self {
        Self { kind, file: None, lane: Some(lane) }
    }

    pub(super) fn all(kind: FindingKind) -> Self {
        Self { kind, file: None, lane: None }
    }
}

/// What is shown beside it: the number and the thread of the latest sight.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shown {
    /// The descriptor.
    pub(super) fd: Option<Fd>,
    /// The thread.
    pub(super) lane: Option<LaneId>,
}

/// The findings.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Ledger {
    list: Vec<Finding>,
    index: BTreeMap<About, usize>,
    created: u64,
    fade_at: Option<Nanos>,
}

impl Ledger {
    /// How long something that happens in an instant counts as holding.
    pub(super) const FADE: Nanos = Nanos(5_000_000_000);

    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = &Finding> {
        self.list.iter()
    }

    /// How many were ever made.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Finding> {
        self.list.iter_mut()
    }

    pub(super) fn created(&self) -> u64 {
        self.created
    }

    pub(super) fn is_active(&self, about: About) -> bool {
        self.index.get(&about).and_then(|i| self.list.get(*i)).is_some_and(|f| f.active)
    }

    /// Notes one more sight. What is seen is kept when the finding begins, begins again, and at
    /// each doubling of its count, which is part of it.
    pub(super) fn see(
        &mut self,
        about: About,
        shown: Shown,
        event: &Event,
        evidence: impl FnOnce(u64) -> Evidence,
    ) {
        let at = (event.seq, event.t);
        if about.kind.is_instant() {
            self.fade_at.get_or_insert(Nanos(event.t.0.saturating_add(Self::FADE.0)));
        }
        if let Some(finding) = self.index.get(&about).and_then(|i| self.list.get_mut(*i)) {
            finding.last = at;
            finding.count += 1;
            if !finding.active || finding.count.is_power_of_two() {
                finding.active = true;
                (finding.fd, finding.lane) = (shown.fd, shown.lane);
                finding.evidence = evidence(finding.count);
            }
            return;
        }
        self.make_room();
        self.index.insert(about, self.list.len());
        self.created += 1;
        self.list.push(Finding {
            kind: about.kind,
            fd: shown.fd,
            file: about.file,
            lane: shown.lane,
            first: at,
            last: at,
            count: 1,
            active: true,
            evidence: evidence(1),
        });
    }

    /// The condition is gone.
    pub(super) fn end(&mut self, about: About) {
        if let Some(finding) = self.index.get(&about).and_then(|i| self.list.get_mut(*i)) {
            finding.active = false;
        }
    }

    /// Ends what happened in an instant and has not happened again for a while.
    pub(super) fn fade(&mut self, now: Nanos) {
        if self.fade_at.is_none_or(|at| now < at) {
            return;
        }
        self.fade_at = None;
        for finding in self.list.iter_mut().filter(|f| f.active && f.kind.is_instant()) {
            let until = Nanos(finding.last.1.0.saturating_add(Self::FADE.0));
            if now >= until {
                finding.active = false;
            } else {
                self.fade_at = Some(self.fade_at.map_or(until, |at| at.min(until)));
            }
        }
    }

    fn make_room(&mut self) {
        if self.list.len() < Findings::KEPT {
            return;
        }
        let oldest = self.list.iter().position(|f| !f.active).unwrap_or(0);
        self.list.remove(oldest);
        self.index.retain(|_, i| *i != oldest);
        for place in self.index.values_mut().filter(|i| **i > oldest) {
            *place -= 1;
        }
    }
}

impl FindingKind {
    /// Whether it is something that happens, rather than a state that lasts.
    pub(crate) fn is_instant(self) -> bool {
        matches!(
            self,
            Self::ThunderingHerd
                | Self::StaleEvent
                | Self::Starving
                | Self::SelectFdLimit
                | Self::ThreadLimit
        )
    }
}
