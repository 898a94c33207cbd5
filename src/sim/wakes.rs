//! Wake-ups that a call gives rise to, in order: the files say whom and with which key, the machine
//! then walks the wait queues.

use smallvec::SmallVec;

use crate::event::{Mask, Reason};

use super::Flaw;

/// Whose wait queue, seen from the file that the call is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whom {
    /// That file's own.
    Own,
    /// That of the other end.
    Other,
}

impl Whom {
    pub(super) fn other(self) -> Self {
        match self {
            Self::Own => Self::Other,
            Self::Other => Self::Own,
        }
    }
}

/// One `wake_up` of a wait queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wake {
    pub(super) whom: Whom,
    /// Poll bits that say what for; empty for a wake-up without a key.
    pub(super) key: Mask,
    /// Whether it goes on behind the first exclusive one that it served.
    pub(super) all: bool,
    /// What the screen says of an entry that is listed for it.
    pub(super) why: Reason,
}

/// The wake-ups of one call.
#[derive(Clone, Debug, Default)]
pub(super) struct Wakes {
    list: SmallVec<[Wake; 4]>,
    flaw: Option<Flaw>,
}

impl Wakes {
    pub(super) fn new(flaw: Option<Flaw>) -> Self {
        Self { list: SmallVec::new(), flaw }
    }

    /// A wake-up with a key (`wake_up_poll`): stops at the first exclusive one that it served.
    pub(super) fn one(&mut self, whom: Whom, key: Mask, why: Reason) {
        self.list.push(Wake { whom, key, all: false, why });
    }

    /// A wake-up without a key of everybody (`wake_up_all`).
    pub(super) fn all(&mut self, whom: Whom, why: Reason) {
        self.list.push(Wake { whom, key: Mask::EMPTY, all: true, why });
    }

    /// Whether that deliberate error is turned on.
    pub(super) fn flawed(&self, flaw: Flaw) -> bool {
        self.flaw == Some(flaw)
    }
}

impl IntoIterator for Wakes {
    type Item = Wake;
    type IntoIter = smallvec::IntoIter<[Wake; 4]>;

    fn into_iter(self) -> Self::IntoIter {
        self.list.into_iter()
    }
}

/// What a socket's readers are woken with (`sock_def_readable`).
pub(super) const SOCKET_IN: Mask = Mask(Mask::IN.0 | Mask::PRI.0 | Mask::RDNORM.0 | Mask::RDBAND.0);

/// What a socket's writers are woken with (`sock_def_write_space`, `unix_write_space`).
pub(super) const SOCKET_OUT: Mask = Mask(Mask::OUT.0 | Mask::WRNORM.0 | Mask::WRBAND.0);

/// What a file that can be read answers to poll, unless it is an eventfd or a timerfd.
pub(super) const READABLE: Mask = Mask(Mask::IN.0 | Mask::RDNORM.0);

/// What a file that can be written answers to poll, unless it is an eventfd.
pub(super) const WRITABLE: Mask = Mask(Mask::OUT.0 | Mask::WRNORM.0);

/// A number of bytes or connections as a reason has it.
pub(super) fn count(n: u64) -> Option<u32> {
    u32::try_from(n).ok()
}
