//! A file's wait queue: who is told of what happens to it, in which order (kernel/sched/wait.c).

use std::collections::VecDeque;

use smallvec::SmallVec;

use crate::event::{FileId, LaneId, Mask};

use super::Flaw;

/// The machine's number of a registration; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct ItemId(pub(super) u32);

/// Somebody on a wait queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hook {
    /// A registration of an epoll instance (struct eppoll_entry).
    Item {
        /// Which.
        item: ItemId,
        /// Whether a wake-up that it was served by may end there.
        exclusive: bool,
    },
    /// A thread asleep in poll(2) or select(2).
    Poller {
        /// Which.
        thread: LaneId,
        /// The keys that concern it.
        want: Mask,
    },
    /// A thread asleep in read(2).
    Reader {
        /// Which.
        thread: LaneId,
    },
    /// An operation of an io_uring (struct io_poll).
    Ring {
        /// The ring.
        ring: FileId,
        /// The operation.
        serial: u64,
        /// The keys that concern it.
        want: Mask,
    },
}

/// The queue, head first.
#[derive(Clone, Debug, Default)]
pub(super) struct Queue(VecDeque<Hook>);

impl Queue {
    /// Everybody, head first, as a walk finds them.
    pub(super) fn hooks(&self) -> SmallVec<[Hook; 8]> {
        self.0.iter().copied().collect()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Plain ones go to the head, exclusive ones to the tail (`add_wait_queue`,
    /// `add_wait_queue_exclusive`).
    pub(super) fn hook(&mut self, hook: Hook, flaw: Option<Flaw>) {
        let exclusive = matches!(hook, Hook::Item { exclusive: true, .. });
        let tail = match flaw {
            Some(Flaw::PlainHookAtTail) => true,
            Some(Flaw::ExclusiveHookAtHead) => false,
            _ => exclusive,
        };
        if tail {
            self.0.push_back(hook);
        } else {
            self.0.push_front(hook);
        }
    }

    /// Takes a registration off.
    pub(super) fn unhook(&mut self, gone: ItemId) {
        self.0.retain(|hook| !matches!(hook, Hook::Item { item, .. } if *item == gone));
    }

    /// Takes an operation of a ring off.
    pub(super) fn unhook_flight(&mut self, gone: u64) {
        self.0.retain(|hook| !matches!(hook, Hook::Ring { serial, .. } if *serial == gone));
    }

    /// Takes a thread off, all its places.
    pub(super) fn leave(&mut self, gone: LaneId) {
        let is_his = |hook: &Hook| match hook {
            Hook::Poller { thread, .. } | Hook::Reader { thread } => *thread == gone,
            Hook::Item { .. } | Hook::Ring { .. } => false,
        };
        self.0.retain(|hook| !is_his(hook));
    }
}

impl Queue {
    /// Gives threads other names.
    pub(super) fn swap(&mut self, swapped: impl Fn(LaneId) -> LaneId) {
        for hook in &mut self.0 {
            if let Hook::Poller { thread, .. } | Hook::Reader { thread } = hook {
                *thread = swapped(*thread);
            }
        }
    }
}
