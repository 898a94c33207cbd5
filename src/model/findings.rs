//! Findings: states that are bugs in real servers.
//!
//! The detectors are called for every event, so each does a bounded amount of work and keeps a few
//! words a file and a thread; times are the events' own.

mod cost;
mod detect;
mod evidence;
mod leak;
mod ledger;
mod left;
mod ring;
mod state;
mod told;
mod witness;

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use crate::event::{Fd, FileId, LaneId, Nanos, Seq, vocabulary};

pub use evidence::{Evidence, FileIdentity, WatchIdentity};
use ledger::Ledger;
use state::{FileState, Turn};

vocabulary! {
    /// What was found.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
    pub enum FindingKind {
        /// Edge-triggered, left unread (or unaccepted), and nothing will report it.
        EdgeStranded = "edge-stranded",
        /// Level-triggered spin: OUT is always ready and nothing is written.
        OutSpin = "out-spin",
        /// The end of a stream is not acted upon, and reported, or read, over and over.
        EofSpin = "eof-spin",
        /// Level-triggered spin: mask 0, yet ERR and HUP are always reported.
        MaskZeroSpin = "mask-zero-spin",
        /// Level-triggered spin of the accept loop: EMFILE.
        EmfileSpin = "emfile-spin",
        /// EMFILE in an edge-triggered accept loop: the waiting clients are stranded.
        EmfileStranded = "emfile-stranded",
        /// A one-shot registration that fired, with bytes left and nobody to arm it.
        OneshotDisarmed = "oneshot-disarmed",
        /// A registration that outlived its descriptor: a copy keeps the open file alive.
        Ghost = "ghost",
        /// Several threads were woken for one event; the others found nothing.
        ThunderingHerd = "thundering-herd",
        /// A stale event of a batch was believed: its file had been closed meanwhile.
        StaleEvent = "stale-event",
        /// A client waits while the server reads another one without end.
        Starving = "starving",
        /// `epoll_wait` with timeout 0 returns nothing, over and over.
        TimeoutZeroSpin = "timeout-zero-spin",
        /// A client was turned away because its number is not below FD_SETSIZE (select(2)).
        SelectFdLimit = "select-fd-limit",
        /// Each poll(2) or select(2) asks many files for every one that it finds.
        ScanCost = "scan-cost",
        /// Completions found no room in the queue of a ring, and wait in the kernel.
        CqOverflow = "cq-overflow",
        /// A recv of a ring ended because no buffer was free (ENOBUFS).
        NoBuffers = "no-buffers",
        /// An operation of a ring that brought input ended, and was not armed again.
        MultishotEnded = "multishot-ended",
        /// A number was closed whose file an operation of a ring holds open.
        RingGhost = "ring-ghost",
        /// A goroutine is parked for good on a connection whose client has ended.
        GoroutineLeak = "goroutine-leak",
        /// A client was turned away because there is no thread for it.
        ThreadLimit = "thread-limit",
    }
}

/// Something found, from its first sight to its last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What.
    pub kind: FindingKind,
    /// The descriptor, if it is about one.
    pub fd: Option<Fd>,
    /// The open file, if it is about one.
    pub file: Option<FileId>,
    /// The thread, if it is about one.
    pub lane: Option<LaneId>,
    /// When it was first seen.
    pub first: (Seq, Nanos),
    /// When it was last seen.
    pub last: (Seq, Nanos),
    /// How often it was seen.
    pub count: u64,
    /// Whether it holds now.
    pub active: bool,
    /// What was seen: the facts of its sentence.
    pub evidence: Evidence,
}

/// All findings so far, and what the detectors remember.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Findings {
    ledger: Ledger,
    files: FxHashMap<FileId, FileState>,
    /// Which file each open number names, for the event that closes it.
    numbers: FxHashMap<Fd, FileId>,
    /// By the thread's number, as far as there are any.
    turns: Vec<Turn>,
    /// What the last calls of poll(2) or select(2) cost.
    cost: cost::Cost,
    /// Files that are closed and held open by operations of a ring.
    held_open: Vec<FileId>,
}

impl Findings {
    /// The findings, oldest first; at most [`Findings::KEPT`].
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Finding> {
        self.ledger.iter()
    }

    /// The files that evidence names.
    pub(super) fn files_mut(&mut self) -> impl Iterator<Item = &mut FileIdentity> {
        self.ledger.iter_mut().flat_map(|finding| finding.evidence.files_mut())
    }

    /// How many findings are kept; older inactive ones are dropped first.
    pub const KEPT: usize = 256;

    /// How many open files the detectors remember.
    #[cfg(test)]
    pub(crate) fn files_watched(&self) -> usize {
        self.files.len()
    }

    /// Those that hold now for that open file.
    pub fn of_file(&self, file: FileId) -> impl Iterator<Item = &Finding> {
        self.iter().filter(move |f| f.active && f.file == Some(file))
    }
}
