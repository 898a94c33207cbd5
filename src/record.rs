//! A run in a file: what happened, in blocks, each of which stands for itself.
//!
//! ```text
//! {"epollscope":"recording","format":1,...}\n     line 1: what was known before the first event
//! │ head │ key │ events │ events │ mark │ key │ events │ end │
//!            ^      ^
//!            │      └── up to 4,096 events as the journal packs them, deflated, under a checksum
//!            └── the world there: whoever comes later begins here
//! ```
//!
//! Every block begins with the same four bytes, and says how long it is and which events it has: a
//! file that was cut off, or damaged in the middle, loses the blocks concerned and no others. What
//! is missing becomes a `Gap` of as many events.
//!
//! [`Press`] makes blocks of events, [`Writer`] puts them into a file by a thread of its own,
//! [`Recording`] finds them again in any bytes, and is the shelf of the journal that is replayed;
//! [`BlockCodec`] does so while they come.

mod backing;
mod block;
mod date;
mod error;
mod head;
mod press;
mod reader;
mod shelf;
mod stream;
mod veil;
mod writer;

#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) use tests::forged;

pub use block::{Block, BlockKind};
pub(crate) use date::utc;
pub use error::ReadError;
pub use head::{Hidden, RecordingHead};
pub(crate) use press::CUT;
pub use press::{Beside, Outlet, Press};
pub use reader::{Damage, Recording};
pub use stream::{BlockCodec, Received, StreamError};
pub use veil::Veil;
pub use writer::{WriteEnd, Writer};

/// The version of the vocabulary of events. Each one is a superset of those before it.
pub(crate) const WORDS: u32 = 1;
/// The version of the fold: a world that another one has made means nothing to this program.
pub(crate) const MODEL: u32 = 1;

/// How recordings are made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordingOptions {
    /// What is left out.
    pub hidden: Vec<Hidden>,
    /// Bytes of a file at the most.
    pub limit: u64,
}

impl Default for RecordingOptions {
    fn default() -> Self {
        Self { hidden: Vec::new(), limit: 1 << 30 }
    }
}
