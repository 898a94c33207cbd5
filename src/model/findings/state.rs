//! What the detectors remember.

use serde::{Deserialize, Serialize};

use crate::event::{Fd, FileId, LaneId, Nanos};

use super::FindingKind;

/// What the detectors remember of an open file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct FileState {
    /// The number it was opened under.
    pub(super) fd: Fd,
    /// The thread that last got something out of it, and when.
    pub(super) served: Option<(LaneId, Nanos)>,
    /// Nothing was left behind: the last word of a read or accept was EAGAIN or the end.
    pub(super) emptied: bool,
    /// A read returned 0.
    pub(super) ended: bool,
    /// It was woken since it was last reported.
    pub(super) woken: bool,
    /// Accepts in a row that failed for want of a descriptor.
    pub(super) emfile: u32,
    /// Reports in a row of that kind of spin.
    pub(super) row: (Option<FindingKind>, u32),
    /// The threads that were told of it or touched it since they last waited.
    pub(super) touched: LaneSet,
    /// The threads that were told of it and have not yet called read or accept on it.
    pub(super) fresh: LaneSet,
    /// The findings (a bit each) that may be active.
    pub(super) active: u32,
}

impl FileState {
    pub(super) fn new(fd: Fd) -> Self {
        Self {
            fd,
            served: None,
            emptied: true,
            ended: false,
            woken: false,
            emfile: 0,
            row: (None, 0),
            touched: LaneSet::default(),
            fresh: LaneSet::default(),
            active: 0,
        }
    }

    pub(super) fn may(&self, kind: FindingKind) -> bool {
        self.active & (1 << kind as u32) != 0
    }
}

/// What the detectors remember of a thread, since its last `epoll_wait`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Turn {
    /// When it returned.
    pub(super) returned: Nanos,
    /// What it was told of or touched.
    pub(super) touched: Vec<FileId>,
    /// Reads in a row of one file, since when.
    pub(super) run: Option<(FileId, u32, Nanos)>,
    /// Empty returns in a row with timeout 0.
    pub(super) empty: u32,
}

/// A set of threads; those from the last on count as one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct LaneSet([u64; 4]);

impl LaneSet {
    /// The highest number of a thread that is one of its own.
    pub(super) const LAST: u16 = 255;

    fn place(lane: LaneId) -> (usize, u64) {
        let n = lane.0.min(Self::LAST);
        (usize::from(n / 64), 1 << (n % 64))
    }

    pub(super) fn insert(&mut self, lane: LaneId) {
        let (word, bit) = Self::place(lane);
        self.0[word] |= bit;
    }

    pub(super) fn remove(&mut self, lane: LaneId) {
        let (word, bit) = Self::place(lane);
        self.0[word] &= !bit;
    }

    pub(super) fn contains(&self, lane: LaneId) -> bool {
        let (word, bit) = Self::place(lane);
        self.0[word] & bit != 0
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0 == [0; 4]
    }
}
