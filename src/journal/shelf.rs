//! What of a history is kept elsewhere than in memory.

use crate::event::{Event, Nanos, Seq};
use crate::model::World;

/// A block of a [`Shelf`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockId(pub usize);

/// Holds blocks of events, and worlds, and gives them back one at a time. The journal knows no file.
pub trait Shelf {
    /// The events of a block, in order; `None` if it is damaged.
    fn events(&self, block: BlockId) -> Option<Vec<Event>>;

    /// A world that is kept; `None` if it is damaged, or means nothing to this program.
    fn world(&self, block: BlockId) -> Option<World>;
}

/// A stretch of a history whose events are on a shelf.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// Its first event.
    pub first: Seq,
    /// Its last event.
    pub last: Seq,
    /// The time of the first one.
    pub from: Nanos,
    /// The time of the last one.
    pub until: Nanos,
    /// Where its events are; `None` if they are lost.
    pub events: Option<BlockId>,
    /// Where the world before the first one is, if it is kept.
    pub world: Option<BlockId>,
}
