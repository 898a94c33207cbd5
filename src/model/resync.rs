//! The interest list as the kernel has it (fdinfo), and what the calls had made of it.

use std::collections::BTreeSet;

use crate::event::{FileId, FileKind, LaneId, Mask, Nanos, Peer, WatchKey, WatchRead};

use super::check::{Difference, Divergence};
use super::file::OpenFile;
use super::interest::InterestEntry;
use super::poller::{EpollInstance, Known};
use super::world::World;

/// A connection is watched by this time after its accept, unless its thread is held.
const ACCEPT_TO_ADD: Nanos = Nanos(1_000_000_000);

impl World {
    /// The interest list as it was read: differences are noted, then the kernel is right.
    pub(super) fn interest_compared(&mut self, ep: FileId, entries: &[WatchRead], read: Known) {
        let at = (self.seq, self.t);
        let check = &mut self.pollers.at_mut(ep).check;
        let following = !check.wants_resync && !std::mem::take(&mut check.overlapped_mod);
        let mut differing = Vec::new();
        let mut seen = BTreeSet::new();
        for line in entries {
            let key = line.key;
            seen.insert(key);
            match self.pollers.at_mut(ep).interest.get_mut(key) {
                Some(entry) if entry.mask == line.mask => {}
                Some(entry) => {
                    entry.mask = line.mask;
                    entry.changed = at;
                    differing.push(key);
                }
                None => {
                    self.adopt(ep, key, line.mask);
                    differing.push(key);
                }
            }
        }
        let left = self.pollers.at(ep).interest.iter().map(|entry| entry.key);
        let gone: Vec<_> = left.filter(|key| !seen.contains(key)).collect();
        for key in gone {
            self.forget(ep, key);
            differing.push(key);
        }
        if !following {
            self.forget_unwatched(&seen);
        }
        let EpollInstance { check, delta, known, .. } = self.pollers.at_mut(ep);
        check.wants_resync = false;
        known.interest = read;
        if differing.is_empty() {
            check.interest_agreed += 1;
        } else if following {
            for key in differing {
                let what = Difference::Interest(key);
                let divergence = Divergence { seq: at.0, t: at.1, lane: LaneId::TOOL, what };
                check.differ(divergence);
                delta.divergences.push(divergence);
            }
        }
    }

    /// Connections whose close was lost with other observations: the server watches every one
    /// that it has, from soon after its accept.
    pub(super) fn forget_unwatched(&mut self, watched: &BTreeSet<WatchKey>) {
        let watched: BTreeSet<_> = watched.iter().map(|key| key.file).collect();
        let t = self.t;
        let gone = |file: &&OpenFile| {
            let old = t.since(file.opened) > ACCEPT_TO_ADD;
            file.peer.is_some() && old && !watched.contains(&file.id)
        };
        let gone: Vec<_> =
            self.files.values().filter(gone).map(|file| (file.id, file.fd)).collect();
        for (id, fd) in gone {
            if self.fds.get(&fd) == Some(&id) {
                self.fds.remove(&fd);
            }
            self.remove_file(id);
        }
    }

    /// A registration that was made while observations were lost.
    fn adopt(&mut self, ep: FileId, key: WatchKey, mask: Mask) {
        let at = (self.seq, self.t);
        let mut entry = InterestEntry::new(key, mask, at);
        entry.mask = mask;
        self.pollers.at_mut(ep).interest.insert(entry);
        if self.files.contains_key(&key.file) {
            self.fds.insert(key.fd, key.file);
            return;
        }
        let mut file = OpenFile::new(key.file, key.fd, FileKind::Tcp, "?".into(), at.1);
        file.room = None;
        file.peer = Some(Peer::Unknown);
        self.open(file);
    }

    /// A registration that went while observations were lost.
    fn forget(&mut self, ep: FileId, key: WatchKey) {
        if self.pollers.at(ep).interest.get(key).is_some_and(|entry| entry.listed) {
            self.pollers.at_mut(ep).unlist(key);
        }
        self.pollers.at_mut(ep).interest.remove(key);
        if self.fds.get(&key.fd) == Some(&key.file) {
            self.fds.remove(&key.fd);
        }
        self.remove_file(key.file);
    }
}
