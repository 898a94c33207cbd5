//! What a run tells, in the order in which it happens: samples of loops, points of the curve.

use serde::Serialize;

use crate::engine::CallCounts;
use crate::event::Backend;

/// What is being done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ComparePhase {
    /// This loop is started.
    Starting(Backend),
    /// This round is measured, counted from 1.
    Round(u32),
    /// A wait with so many watched descriptors is measured.
    Curve(u32),
    /// Everything has been measured.
    Done,
    /// It was stopped before that.
    Stopped,
}

/// What one loop did in its slice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LoopSample {
    /// Requests that were answered, 1 at least.
    pub requests: u64,
    /// Nanoseconds that this took the clients.
    pub wall_ns: u64,
    /// Nanoseconds of CPU of the server's threads.
    pub cpu_ns: u64,
    /// How often they slept.
    pub sleeps: u64,
    /// What they counted.
    pub counts: CallCounts,
}

/// What the run tells, in the order in which it happens.
#[derive(Clone, Debug, PartialEq)]
pub enum CompareUpdate {
    /// What is done now.
    Phase(ComparePhase),
    /// The loop of this row cannot be had, or serves no longer.
    Refused {
        /// The row.
        row: usize,
        /// Why.
        reason: String,
    },
    /// What a client of this row takes of the server's memory.
    Memory {
        /// The row.
        row: usize,
        /// KiB.
        kib_per_client: f64,
    },
    /// A round is over: of each row that still serves what it did.
    Round(Vec<(usize, LoopSample)>),
    /// A point of the curve.
    Point(CurvePoint),
}

/// Which of the watched descriptors are ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ReadyPlace {
    /// The first one in the array, alone.
    First,
    /// The middle one, alone.
    Middle,
    /// The last one, alone.
    Last,
    /// All of them.
    All,
}

/// What one wait costs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CurvePoint {
    /// Of this loop.
    pub name: Backend,
    /// With so many watched descriptors.
    pub watched: u32,
    /// When these are ready.
    pub ready: ReadyPlace,
    /// Nanoseconds.
    pub ns: f64,
}
