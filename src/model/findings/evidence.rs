//! What was seen when something was found: the facts of its sentence.

use crate::event::{Fd, FileKind, LaneId, Mask, Nanos, Peer, WatchKey};
use crate::model::{OpenFile, World};

/// What a file was at that time: it may be closed by the time it is told of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileIdentity {
    /// What it is.
    pub what: FileKind,
    /// What it was opened as.
    pub name: Box<str>,
    /// The other end, of a connection.
    pub peer: Option<Peer>,
}

impl FileIdentity {
    fn of(file: &OpenFile) -> Self {
        Self { what: file.what, name: file.name.clone(), peer: file.peer.clone() }
    }
}

/// A registration and its file, as it was at that time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchIdentity {
    /// The number that it was made under.
    pub fd: Fd,
    /// Its file, if that was known.
    pub file: Option<FileIdentity>,
}

impl WatchIdentity {
    pub(super) fn of(world: &World, key: WatchKey) -> Self {
        Self { fd: key.fd, file: world.file_of(key).map(FileIdentity::of) }
    }

    /// Whether it is a listener.
    pub fn is_listener(&self) -> bool {
        self.file.as_ref().is_some_and(|file| file.what == FileKind::Listener)
    }
}

/// What was seen, by kind of finding.
#[derive(Clone, Debug, PartialEq, Eq)]
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
        /// Empty returns in a row.
        times: u64,
    },
}

impl Evidence {
    pub(super) fn left(world: &World, key: WatchKey) -> Self {
        let file = world.file_of(key);
        Self::Left {
            watch: WatchIdentity::of(world, key),
            unread: file.and_then(|file| file.unread).unwrap_or(0),
            ended: file.is_some_and(OpenFile::ended),
        }
    }

    pub(super) fn spin(world: &World, key: WatchKey, mask: Mask, times: u64) -> Self {
        let watch = WatchIdentity::of(world, key);
        Self::Spin { watch, mask, times, outlived: world.views().any(|view| view.is_ghost(key)) }
    }

    pub(super) fn emfile(world: &World, key: WatchKey, times: u64) -> Self {
        Self::Emfile { watch: WatchIdentity::of(world, key), times }
    }

    pub(super) fn outlived(world: &World, key: WatchKey) -> Self {
        Self::Outlived { watch: WatchIdentity::of(world, key), now: named_now(world, key.fd) }
    }

    pub(super) fn stale(world: &World, lane: LaneId, fd: Fd) -> Self {
        Self::Stale { lane, fd, now: named_now(world, fd) }
    }
}

fn named_now(world: &World, fd: Fd) -> Option<FileIdentity> {
    world.file_at(fd).map(FileIdentity::of)
}
