//! Threads that sleep in calls of their own, each on the wait queue of its file.

use crate::event::{Backend, FileKind, LaneId, Syscall, WatchKey};

use super::poller::Served;
use super::world::World;

impl World {
    /// Which thread serves which file, while each client has a thread of its own.
    pub fn served(&self) -> Option<&Served> {
        self.pollers.served()
    }

    /// Whether the thread sleeps in that call until its file has something for it.
    pub(super) fn own_call_sleeps(&self, call: &Syscall) -> bool {
        let own =
            matches!(call, Syscall::Read { .. } | Syscall::Accept { .. } | Syscall::Send { .. });
        own && self.settings.backend == Backend::Threads
    }

    /// A thread enters a call, or made one.
    pub(super) fn serves(&mut self, lane: LaneId, call: &Syscall) {
        let (Syscall::Read { fd, .. }
        | Syscall::Accept { fd }
        | Syscall::Send { fd, .. }
        | Syscall::SetFlags { fd, blocking: true }) = *call
        else {
            return;
        };
        let Some(file) = self.fds.get(&fd).copied() else { return };
        let eventfd = self.files.get(&file).is_some_and(|open| open.what == FileKind::Eventfd);
        if let Some(served) = self.pollers.served_mut().filter(|_| !eventfd) {
            served.note(lane, WatchKey { fd, file });
        }
    }
}
