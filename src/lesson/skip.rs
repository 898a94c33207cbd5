//! Why a case cannot be run on this machine: that is no failure of the case, but neither is it
//! silence.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::case::Need;

/// What the machine lacks. Skipped cases are counted by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum SkipCause {
    /// It was too busy to keep the time of the case.
    TooBusy,
    /// The system does not grant it.
    Refused(Need),
    /// The process may not have so many descriptors (RLIMIT_NOFILE, getrlimit(2)).
    TooFewDescriptors,
    /// The loopback interface is down.
    NoLoopback,
    /// `/proc` is not mounted.
    NoProc,
}

impl fmt::Display for SkipCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooBusy => f.write_str("too busy"),
            Self::Refused(need) => write!(f, "{need} refused"),
            Self::TooFewDescriptors => f.write_str("too few descriptors"),
            Self::NoLoopback => f.write_str("no loopback"),
            Self::NoProc => f.write_str("no /proc"),
        }
    }
}

/// A case that cannot be run here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skip {
    /// What the machine lacks.
    pub cause: SkipCause,
    /// The same in full.
    pub why: String,
}

impl Skip {
    /// For this cause, which `why` says in full.
    pub fn new(cause: SkipCause, why: impl Into<String>) -> Self {
        Self { cause, why: why.into() }
    }
}

impl fmt::Display for Skip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}
