//! The evidence as a world shows it.

use crate::event::{Fd, LaneId, Mask, WatchKey};

use super::{Evidence, FileIdentity, WatchIdentity};
use crate::model::{OpenFile, World};

impl FileIdentity {
    pub(super) fn of(file: &OpenFile) -> Self {
        Self { what: file.what, name: file.name.clone(), peer: file.peer.clone() }
    }
}

impl WatchIdentity {
    pub(super) fn of(world: &World, key: WatchKey) -> Self {
        Self { fd: key.fd, file: world.file_of(key).map(FileIdentity::of) }
    }
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
