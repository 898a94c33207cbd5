//! What was seen when something was found: the facts of its sentence.

use serde::{Deserialize, Serialize};

use crate::event::{
    Backend, Fd, FileKind, GoId, LaneId, Mask, Nanos, Peer, Refusal, Ret, RingOp, Syscall,
};

/// What a file was at that time: it may be closed by the time it is told of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileIdentity {
    /// What it is.
    pub what: FileKind,
    /// What it was opened as.
    pub name: Box<str>,
    /// The other end, of a connection.
    pub peer: Option<Peer>,
}

/// A registration and its file, as it was at that time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WatchIdentity {
    /// The number that it was made under.
    pub fd: Fd,
    /// Its file, if that was known.
    pub file: Option<FileIdentity>,
}

impl WatchIdentity {
    /// Whether it is a listener.
    pub(crate) fn is_listener(&self) -> bool {
        self.file.as_ref().is_some_and(|file| file.what == FileKind::Listener)
    }
}

/// What was seen, by kind of finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Evidence {
    /// Something is left that nobody will report.
    Left {
        /// Where.
        watch: WatchIdentity,
        /// Bytes, or connections of a listener.
        unread: u32,
        /// Whether its peer has sent its end.
        ended: bool,
    },
    /// Reported over and over.
    Spin {
        /// Which registration.
        watch: WatchIdentity,
        /// With what.
        mask: Mask,
        /// How often in a row.
        times: u64,
        /// Whether it outlived its number.
        outlived: bool,
    },
    /// The end of its stream was read over and over, and nothing had reported it.
    EndAgain {
        /// Of what.
        watch: WatchIdentity,
        /// By which call or operation: `read`, `recv`.
        by: Box<str>,
        /// How often in a row.
        times: u64,
    },
    /// accept4 failed with EMFILE over and over.
    Emfile {
        /// The listener.
        watch: WatchIdentity,
        /// How often in a row.
        times: u64,
    },
    /// A registration outlived its number.
    Outlived {
        /// Which registration.
        watch: WatchIdentity,
        /// What the number names now; `None` while it is closed.
        now: Option<FileIdentity>,
    },
    /// One event woke several threads.
    Herd {
        /// For which registration.
        watch: WatchIdentity,
        /// Who took what there was.
        taker: LaneId,
        /// Who found nothing.
        loser: LaneId,
        /// How often so far.
        times: u64,
    },
    /// A stale event of a batch was believed.
    Stale {
        /// By whom.
        lane: LaneId,
        /// The number in the event.
        fd: Fd,
        /// What the number names now; `None` while it is closed.
        now: Option<FileIdentity>,
    },
    /// One client is read without end while another waits.
    Starving {
        /// By whom.
        lane: LaneId,
        /// Who is read.
        flooder: WatchIdentity,
        /// Who waits.
        victim: WatchIdentity,
        /// Reads in this turn.
        reads: u32,
        /// What they took together.
        took: Nanos,
    },
    /// The loop polls instead of waiting.
    TimeoutZero {
        /// Which thread.
        lane: LaneId,
        /// Which call.
        call: Syscall,
        /// Empty returns in a row.
        times: u64,
    },
    /// A number does not fit an fd_set.
    FdSetSize {
        /// Which.
        fd: Fd,
        /// How many clients were turned away so far.
        times: u64,
    },
    /// There is no thread for a client.
    ThreadLimit {
        /// Whose limit it is.
        why: Refusal,
        /// How many clients were turned away so far.
        times: u64,
    },
    /// Many files are asked for each one that is found.
    ScanCost {
        /// By which call.
        backend: Backend,
        /// How many files it is passed.
        files: u64,
        /// Over so many calls,
        calls: u64,
        /// so many times a file was asked,
        asked: u64,
        /// and so many were found.
        found: u64,
    },
    /// Completions find no room.
    CqOverflow {
        /// For so many there is room.
        room: u32,
        /// So many were seen to wait.
        waiting: u64,
    },
    /// No buffer was free.
    NoBuffers {
        /// For whose bytes.
        watch: WatchIdentity,
        /// So many there are.
        buffers: u32,
        /// So many the server had in its hands.
        held: u64,
    },
    /// What brought input ended and was not armed again.
    InputEnded {
        /// Whose.
        watch: WatchIdentity,
        /// What it was.
        op: RingOp,
        /// How it ended.
        ret: Ret,
    },
    /// Closed under an operation.
    HeldOpen {
        /// What was closed.
        watch: WatchIdentity,
        /// What holds it.
        op: RingOp,
        /// Its `user_data`.
        id: u64,
    },
    /// A goroutine is parked for good.
    Leaked {
        /// Which.
        go: GoId,
        /// On which connection.
        watch: WatchIdentity,
        /// How many goroutines are.
        all: u64,
    },
}

impl Evidence {
    /// The files that it names.
    pub(super) fn files_mut(&mut self) -> impl Iterator<Item = &mut FileIdentity> {
        let (one, other) = match self {
            Self::Left { watch, .. }
            | Self::Spin { watch, .. }
            | Self::EndAgain { watch, .. }
            | Self::Emfile { watch, .. }
            | Self::Herd { watch, .. }
            | Self::NoBuffers { watch, .. }
            | Self::InputEnded { watch, .. }
            | Self::HeldOpen { watch, .. }
            | Self::Leaked { watch, .. } => (watch.file.as_mut(), None),
            Self::Outlived { watch, now } => (watch.file.as_mut(), now.as_mut()),
            Self::Stale { now, .. } => (now.as_mut(), None),
            Self::Starving { flooder, victim, .. } => (flooder.file.as_mut(), victim.file.as_mut()),
            Self::TimeoutZero { .. }
            | Self::FdSetSize { .. }
            | Self::ThreadLimit { .. }
            | Self::ScanCost { .. }
            | Self::CqOverflow { .. } => (None, None),
        };
        one.into_iter().chain(other)
    }
}
