//! A stream that any number of viewers watch.

use hyper::body::Bytes;

use super::super::ring::Ring;

/// A piece of a stream.
#[derive(Debug)]
pub(super) struct StreamPiece {
    pub(super) bytes: Bytes,
    /// It needs none before it.
    pub(super) whole: bool,
    /// It has none behind it.
    pub(super) last: bool,
}

/// A stream that any number of viewers watch.
#[derive(Debug)]
pub(super) struct Stream {
    /// What every viewer gets first.
    pub(super) head: Bytes,
    pub(super) ring: Ring<StreamPiece>,
    /// Bytes behind a whole picture from which one may still begin.
    fresh: usize,
    /// Where it begins for everybody, if it is kept as a whole.
    pub(super) kept: Option<u64>,
}

impl Stream {
    /// An empty one with room for so many pieces and bytes.
    pub(super) fn new((pieces, bytes): (usize, usize), fresh: usize, kept: Option<u64>) -> Self {
        Self { head: Bytes::new(), ring: Ring::new(pieces, bytes), fresh, kept }
    }

    /// Adds a piece.
    pub(super) fn push(&mut self, bytes: Bytes, whole: bool) {
        let length = bytes.len();
        self.ring.push(StreamPiece { bytes, whole, last: false }, length);
    }

    /// Where one may begin who has seen nothing.
    pub(super) fn begins(&self) -> Option<u64> {
        if let Some(place) = self.kept {
            return self.ring.get(place).is_ok_and(|piece| piece.is_some()).then_some(place);
        }
        let place = self.ring.last_where(|piece| piece.whole)?;
        (self.ring.bytes_after(place) <= self.fresh).then_some(place)
    }
}
