//! The two ends of what joins two files.

/// One of the two ends: a pipe's reading end, a pair's first socket, a client are A.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Side {
    A,
    B,
}

impl Side {
    pub(super) fn index(self) -> usize {
        usize::from(self == Self::B)
    }

    pub(super) fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }
}
