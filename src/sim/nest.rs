//! Epoll instances that watch epoll instances: how deep, and over how many paths
//! (`ep_loop_check`, `reverse_path_check`).

use crate::event::FileId;

use super::file::What;
use super::{Flaw, KernelModel};

/// Most links of epoll to epoll in a row (`EP_MAX_NESTS`).
const MAX_NESTS: usize = 4;

/// Most wake-up paths from one file, by the number of epolls on the path less 1 (`path_limits`);
/// paths of one epoll are not counted.
const MAX_PATHS: [u32; MAX_NESTS + 1] = [u32::MAX, 500, 100, 50, 10];

impl KernelModel {
    /// Whether `ep` must not watch `target`, an epoll too: it would close a circle, or the links
    /// below and above make too long a chain.
    pub(super) fn nests_too_deep(&self, ep: FileId, target: FileId) -> bool {
        let most = MAX_NESTS + usize::from(self.flawed(Flaw::DeeperNesting));
        let above =
            if self.flawed(Flaw::NestingCountsDownOnly) { 0 } else { self.links_above(ep, 0) };
        self.links_below(target, ep, 0) + 1 + above > most
    }

    /// An epoll and those that it watches, itself or through others.
    pub(super) fn epolls_below(&self, top: FileId) -> Vec<FileId> {
        let mut found = vec![top];
        let mut at = 0;
        while let Some(epoll) = found.get(at).and_then(|ep| self.epolls.get(ep)) {
            at += 1;
            let watched = epoll.interest.iter().filter_map(|id| Some(self.items.get(id)?.key.file));
            let inner: Vec<_> = watched.filter(|file| self.epolls.contains_key(file)).collect();
            for ep in inner {
                if !found.contains(&ep) {
                    found.push(ep);
                }
            }
        }
        found
    }

    /// Links of the longest chain below an epoll; more than allowed if it leads to `goal`.
    fn links_below(&self, ep: FileId, goal: FileId, depth: usize) -> usize {
        let Some(epoll) = self.epolls.get(&ep).filter(|_| depth <= MAX_NESTS) else { return 0 };
        let below = |id| {
            let file = self.items.get(id)?.key.file;
            if file == goal {
                return Some(MAX_NESTS + 2);
            }
            self.epolls.contains_key(&file).then(|| 1 + self.links_below(file, goal, depth + 1))
        };
        epoll.interest.iter().filter_map(below).max().unwrap_or(0)
    }

    /// Links of the longest chain above an epoll.
    fn links_above(&self, ep: FileId, depth: usize) -> usize {
        let Some(file) = self.files.get(&ep).filter(|_| depth <= MAX_NESTS) else { return 0 };
        let outer = file.items.iter().filter_map(|id| self.items.get(id)).map(|item| item.ep);
        outer.map(|outer| 1 + self.links_above(outer, depth + 1)).max().unwrap_or(0)
    }

    /// Whether a file, or one below it if it is an epoll, wakes epolls over too many paths.
    pub(super) fn too_many_paths(&self, file: FileId) -> bool {
        let mut below = Vec::new();
        self.files_below(file, &mut below);
        below.into_iter().any(|file| {
            let mut paths = [0; MAX_NESTS + 1];
            !self.count_paths(file, 0, &mut paths)
        })
    }

    /// The watched files that are no epolls, from there down.
    fn files_below(&self, file: FileId, found: &mut Vec<FileId>) {
        let Some(what) = self.files.get(&file).map(|file| &file.what) else { return };
        if !matches!(what, What::Epoll) {
            if !found.contains(&file) {
                found.push(file);
            }
            return;
        }
        let interest = self.epolls.get(&file).map_or(&[][..], |epoll| &epoll.interest);
        for item in interest.iter().filter_map(|id| self.items.get(id)) {
            self.files_below(item.key.file, found);
        }
    }

    /// Counts the paths by their length; false once there are too many.
    fn count_paths(&self, file: FileId, depth: usize, paths: &mut [u32; MAX_NESTS + 1]) -> bool {
        let Some(most) = MAX_PATHS.get(depth) else { return false };
        let watchers = self.files.get(&file).map_or(&[][..], |file| &file.items);
        watchers.iter().filter_map(|id| self.items.get(id)).all(|item| {
            let ends = self.files.get(&item.ep).is_none_or(|outer| outer.items.is_empty());
            if !ends {
                return self.count_paths(item.ep, depth + 1, paths);
            }
            paths[depth] += 1;
            paths[depth] <= *most
        })
    }
}
