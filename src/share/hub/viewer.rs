//! One who watches.

use std::time::Instant;

use hyper::body::Bytes;

use super::super::FilmSize;
use super::super::ask::Token;

/// What a viewer watches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::share) enum Watching {
    /// The film, on a screen of that size.
    Film(FilmSize),
    /// The blocks, which are a recording.
    Blocks,
    /// The same, and those of each recording that follows it.
    Recordings,
}

impl Watching {
    /// Whether it is no film.
    pub(in crate::share) fn is_blocks(self) -> bool {
        matches!(self, Self::Blocks | Self::Recordings)
    }

    /// Whether both have the same bytes.
    pub(super) fn is_like(self, other: Self) -> bool {
        self == other || (self.is_blocks() && other.is_blocks())
    }
}

/// What a viewer gets next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::share) enum Next {
    /// This.
    Bytes(Bytes),
    /// Nothing yet.
    Wait,
    /// Nothing any more.
    End,
}

/// One who watches.
#[derive(Debug)]
pub(super) struct Viewer {
    pub(super) what: Watching,
    /// Which one it is, if it may answer.
    pub(super) token: Option<Token>,
    /// Its place in the ring; `None` until there is a whole picture to begin with.
    pub(super) place: Option<u64>,
    /// The first bytes have been sent.
    pub(super) begun: bool,
    /// The last ones have.
    pub(super) done: bool,
    pub(super) lost_place: Option<Instant>,
}
