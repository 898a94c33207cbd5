//! The same clients, served by several loops in turn: what each request cost, and in which coin.
//!
//! Each loop is a process of its own that serves without being watched and counts its calls
//! ([`child`]). One thread drives all clients (`rounds`): 20 ms for each loop in turn, in the
//! other order every other round, and nothing is in flight between two of them. What is compared is
//! a ratio within a round, so that a busy machine is busy for all. The first loop runs a second time
//! as the last row: how far it is from itself is the noise.
//!
//! ```text
//! rounds ──> subject (a process, its clients)      curve (one wait, by watched descriptors)
//!    │          │ pipes: counts                        │
//!    │          v                                      v
//!    │        child ──> engine                      CompareUpdate::Point
//!    └──────────────> CompareUpdate ──> board ──> lines (JSON, CSV), why, the screen
//! ```

pub mod board;
pub mod child;
mod curve;
pub mod lines;
pub mod mirror;
mod process;
mod rounds;
pub mod statistics;
mod subject;
mod update;
pub mod why;

pub use crate::engine::CallCounts;
use crate::event::Backend;
pub use rounds::measure;
pub use update::{ComparePhase, CompareUpdate, CurvePoint, LoopSample, ReadyPlace};

/// The loops that the server has, which are compared unless others are asked for.
pub const AT_HAND: [Backend; 6] = [
    Backend::Epoll,
    Backend::Poll,
    Backend::Select,
    Backend::IoUring,
    Backend::Goroutine,
    Backend::Threads,
];

/// Which files a wait asks whether they are ready (`vfs_poll`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AskRule {
    /// All that are watched, and all again after each sleep (fs/select.c, do_poll, do_select).
    All,
    /// Those on the ready list; a level-triggered one that was reported is put back there and asked
    /// once more (fs/eventpoll.c, ep_send_events).
    ReadyTwice,
    /// Those on the ready list.
    Ready,
    /// The one that the thread sleeps on, whose wait queue it stands on meanwhile.
    One,
    /// None: what is armed completes.
    Nobody,
}

impl AskRule {
    /// How that loop finds out which files are ready.
    pub fn of(name: Backend) -> Self {
        match name {
            Backend::Epoll => Self::ReadyTwice,
            Backend::Poll | Backend::Select => Self::All,
            Backend::IoUring => Self::Nobody,
            Backend::Goroutine => Self::Ready,
            Backend::Threads => Self::One,
        }
    }
}

/// What is compared, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ComparePlan {
    /// The loops, the first of which the others are compared with; 1 to [`Self::MAX_LOOPS`].
    pub loops: Vec<Backend>,
    /// Connections to each loop, 1 to [`Self::MAX_CLIENTS`].
    pub clients: u32,
    /// Of them, those that send requests, 1 to all.
    pub active: u32,
    /// Bytes of a request and of its answer, 1 to [`Self::MAX_SIZE`].
    pub size: u32,
    /// How often each loop has its turn, 1 to [`Self::MAX_ROUNDS`].
    pub rounds: u32,
    /// What one wait costs is measured, too.
    pub curve: bool,
}

impl ComparePlan {
    /// The most loops in one run.
    pub const MAX_LOOPS: usize = 12;
    /// The most connections to a loop.
    pub const MAX_CLIENTS: u32 = 10_000;
    /// The largest request in bytes: what a socket's buffers hold in any case, so that no client
    /// waits in a write for its own reading.
    pub const MAX_SIZE: u32 = 16_384;
    /// The most rounds.
    pub const MAX_ROUNDS: u32 = 10_000;

    /// The rows: each loop, and the first one again.
    pub fn rows(&self) -> usize {
        self.loops.len() + 1
    }

    /// The loop of a row.
    pub(crate) fn loop_of(&self, row: usize) -> Backend {
        self.loops.get(row).copied().unwrap_or(self.loops[0])
    }

    /// Descriptors that a run takes of this process: its clients', and a few for each child.
    pub fn descriptors(&self) -> u64 {
        self.rows() as u64 * (u64::from(self.clients) + 4) + 64
    }
}
