//! What happens at the same time in the kernel: a thread that was woken runs while the call that
//! woke it goes on, and beside others that were woken by it. Where they meet on one epoll instance,
//! who comes first is open; the machine then still does one of the things that may happen.

use crate::event::{FileId, LaneId};

use super::KernelModel;
use super::thread::Sleep;

/// What makes it doubtful that the kernel does what the machine did.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Nondeterminism {
    /// Two things happened at once of which the kernel leaves open which comes first.
    pub(super) raced: bool,
    /// A thread waited for a harvest that was held.
    pub(super) stuck: bool,
}

/// What a thread that was woken will do to an epoll instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Touch {
    /// Harvest it.
    Harvest,
    /// Poll it: by poll(2), or because what it harvests watches it.
    Poll,
}

impl KernelModel {
    /// Whether, since the machine was new, two things happened at once of which the kernel leaves
    /// open which comes first: from then on the kernel may do otherwise.
    pub fn raced(&self) -> bool {
        self.doubt.raced
    }

    /// Whether, since the machine was new, a thread began to wait for a harvest that is held in a
    /// way that is not modelled: a call of the main thread, a poll of that epoll, a signal to who
    /// waits.
    pub fn stuck(&self) -> bool {
        self.doubt.stuck
    }

    /// A registration of this epoll is listed by a wake-up, while a thread may look at the list.
    pub(super) fn race_with_arrival(&mut self, ep: FileId) {
        if self.woken.is_empty() || self.doubt.raced {
            return;
        }
        self.doubt.raced = self.woken.iter().any(|thread| self.touch(*thread, ep).is_some());
    }

    /// This epoll is harvested, or polled, while a thread may do so too. Two that poll do not
    /// disturb each other.
    pub(super) fn race_with_scan(&mut self, ep: FileId, harvests: bool) {
        if self.woken.is_empty() || self.doubt.raced {
            return;
        }
        let disturbs = |touch: Touch| harvests || touch == Touch::Harvest;
        self.doubt.raced =
            self.woken.iter().any(|thread| self.touch(*thread, ep).is_some_and(disturbs));
    }

    /// A thread in poll or select is woken by a file a second time, and may have looked meanwhile.
    pub(super) fn race_with_poller(&mut self) {
        self.doubt.raced = true;
    }

    /// A thread runs that may hold the last reference to a file, beside others: as it returns the
    /// file is released, its registrations go and its peer hears of it, before or after the others
    /// look.
    pub(super) fn race_with_release(&mut self, thread: LaneId, alone: bool) {
        let named = |id: &FileId| self.numbers.values().any(|other| other == id);
        self.doubt.raced |= !alone
            && match self.threads.get(&thread) {
                Some(Sleep::Wait { ep, .. } | Sleep::Frozen { ep }) => !named(ep),
                Some(Sleep::Poll { hooked, .. }) => !hooked.iter().all(named),
                Some(Sleep::Read { file, .. }) => !named(file),
                Some(Sleep::Ring { .. }) | None => false,
            };
    }

    /// What a thread does to an epoll when it runs.
    fn touch(&self, thread: LaneId, ep: FileId) -> Option<Touch> {
        match self.threads.get(&thread)? {
            Sleep::Wait { ep: own, .. } | Sleep::Frozen { ep: own } if *own == ep => {
                Some(Touch::Harvest)
            }
            Sleep::Wait { ep: own, .. } | Sleep::Frozen { ep: own } => {
                self.is_below(ep, *own, 0).then_some(Touch::Poll)
            }
            Sleep::Read { .. } | Sleep::Ring { .. } => None,
            Sleep::Poll { fds, .. } => {
                let mut files = fds.iter().filter_map(|(fd, _)| self.numbers.get(fd).copied());
                files.any(|file| file == ep || self.is_below(ep, file, 0)).then_some(Touch::Poll)
            }
        }
    }

    /// Whether an epoll is watched by `top`, itself or through others. Nests are five deep at most
    /// (`EP_MAX_NESTS`).
    fn is_below(&self, ep: FileId, top: FileId, depth: u32) -> bool {
        let Some(epoll) = self.epolls.get(&top).filter(|_| depth < 5) else { return false };
        let mut watched = epoll.interest.iter().filter_map(|id| self.items.get(id));
        watched.any(|item| item.key.file == ep || self.is_below(ep, item.key.file, depth + 1))
    }
}
