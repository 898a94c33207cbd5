//! What poll(2) and select(2) cost inside: files that were asked, and wait queues that were hooked.
//! The kernel tells neither.

use super::KernelModel;

/// What the calls of poll(2) and select(2) have come to so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ScanTally {
    /// Files whose poll method was called: each of the set once a pass. A pass more follows each
    /// sleep (`do_poll`, `do_select`).
    pub asked: u64,
    /// Wait queues on which the caller was put: those of the set up to and including the first file
    /// that is ready, none with a timeout of 0 (`_qproc` in fs/select.c). A file without a poll
    /// method has none.
    pub hooks: u64,
}

impl KernelModel {
    /// What was asked and hooked since the machine was new, or since [`KernelModel::forget_scans`].
    pub fn scans(&self) -> ScanTally {
        self.scans
    }

    /// Counts anew.
    pub fn forget_scans(&mut self) {
        self.scans = ScanTally::default();
    }
}
