//! A listening TCP socket and its queue of connections (listen(2), `inet_csk_listen_poll`).

use std::collections::VecDeque;

use crate::event::{Errno, Mask, Reason};

use super::link::LinkId;
use super::wakes::{READABLE, SOCKET_IN, Wakes, Whom, count};

/// The listener.
#[derive(Clone, Debug)]
pub(super) struct Listener {
    backlog: usize,
    /// Connections to accept, oldest first.
    pub(super) queue: VecDeque<LinkId>,
}

impl Listener {
    pub(super) fn new(backlog: u32) -> Self {
        let backlog = usize::try_from(backlog).unwrap_or(usize::MAX);
        Self { backlog, queue: VecDeque::new() }
    }

    /// Whether a SYN gets no answer: more connections wait than the backlog says
    /// (`sk_acceptq_is_full`).
    pub(super) fn is_full(&self) -> bool {
        self.queue.len() > self.backlog
    }

    /// What poll answers.
    pub(super) fn poll(&self) -> Mask {
        Mask::EMPTY.with(READABLE, !self.queue.is_empty())
    }

    /// A connection is complete.
    pub(super) fn arrive(&mut self, link: LinkId, wakes: &mut Wakes) {
        self.queue.push_back(link);
        let waiting = count(u64::try_from(self.queue.len()).unwrap_or(u64::MAX));
        wakes.one(Whom::Own, SOCKET_IN, Reason::Connection(waiting));
    }

    /// `accept4(2)`: it wakes nobody.
    pub(super) fn accept(&mut self) -> Result<LinkId, Errno> {
        self.queue.pop_front().ok_or(Errno::EAGAIN)
    }
}
