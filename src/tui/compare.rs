//! The screen of a comparison: a table, the curve, a sentence about the selected row.
//!
//! `app` and the panes are pure; only `run` starts what measures.

pub(crate) mod app;
mod chart;
mod mirrored;
pub mod run;
pub(crate) mod screen;
mod table;

#[cfg(test)]
mod tests;
