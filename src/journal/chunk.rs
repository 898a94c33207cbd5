//! A stretch of the history: its events, and perhaps the world before them.

use super::pack;
use super::shelf::{BlockId, Stretch};
use crate::event::{Event, Kind, LaneId, Nanos, Seq};
use crate::model::World;

/// Events in a chunk.
pub(super) const CHUNK: usize = 4096;

/// Where the events of a chunk are.
pub(super) enum Kept {
    /// Here, packed.
    Packed(Vec<u8>),
    /// On the shelf.
    Shelved(BlockId),
    /// Nowhere.
    Lost,
}

/// Where the world before a chunk is.
pub(super) enum Base {
    /// Here.
    Here(Box<World>),
    /// On the shelf.
    Shelved(BlockId),
}

impl Base {
    pub(super) fn size(&self) -> usize {
        match self {
            Self::Here(world) => world.size(),
            Self::Shelved(_) => 0,
        }
    }
}

/// Events, and perhaps the world before the first of them.
pub(super) struct Chunk {
    pub(super) first: Seq,
    pub(super) from: Nanos,
    pub(super) last: Seq,
    pub(super) until: Nanos,
    pub(super) kept: Kept,
    pub(super) base: Option<Base>,
}

impl Chunk {
    /// A chunk of one event.
    pub(super) fn begin(event: &Event, base: Option<Base>) -> Self {
        let (seq, t) = (event.seq, event.t);
        let mut packed = Vec::with_capacity(CHUNK * 16);
        pack::pack(&mut packed, t, event);
        Self { first: seq, from: t, last: seq, until: t, kept: Kept::Packed(packed), base }
    }

    /// A chunk of events that are not to be had.
    pub(super) fn lost(
        (first, from): (Seq, Nanos),
        (last, until): (Seq, Nanos),
        base: Option<Base>,
    ) -> Self {
        Self { first, from, last, until, kept: Kept::Lost, base }
    }

    /// A chunk that is on the shelf.
    pub(super) fn shelved(stretch: &Stretch) -> Self {
        let Stretch { first, last, from, until, events, world } = *stretch;
        let kept = events.map_or(Kept::Lost, Kept::Shelved);
        Self { first, from, last, until, kept, base: world.map(Base::Shelved) }
    }

    /// Whether another event has room in it.
    pub(super) fn grows(&self) -> bool {
        matches!(self.kept, Kept::Packed(_)) && self.events() < CHUNK
    }

    pub(super) fn push(&mut self, event: &Event) {
        if let Kept::Packed(packed) = &mut self.kept {
            pack::pack(packed, self.until, event);
        }
        (self.last, self.until) = (event.seq, event.t);
    }

    pub(super) fn events(&self) -> usize {
        usize::try_from(self.last.0 - self.first.0).unwrap_or(usize::MAX).saturating_add(1)
    }

    /// Bytes of its packed events that are here.
    pub(super) fn packed(&self) -> usize {
        match &self.kept {
            Kept::Packed(packed) => packed.len(),
            Kept::Shelved(_) | Kept::Lost => 0,
        }
    }

    pub(super) fn bytes(&self) -> usize {
        let packed = match &self.kept {
            Kept::Packed(packed) => packed.capacity(),
            Kept::Shelved(_) | Kept::Lost => 0,
        };
        packed + self.base.as_ref().map_or(0, Base::size)
    }

    /// What stands in the place of its events, if they cannot be had.
    pub(super) fn gap(&self) -> Event {
        let lost = (self.last.0 - self.first.0).saturating_add(1);
        Event { seq: self.first, t: self.from, lane: LaneId::TOOL, kind: Kind::Gap { lost } }
    }
}
