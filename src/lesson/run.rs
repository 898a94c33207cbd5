//! What a step does, and what is reported of it.

mod report;

pub use report::{Between, Happening, Mismatch, Observed, Report};
