//! Cases and lessons: files that say which descriptors there are, which calls are made, and what
//! must be seen after each.
//!
//! A case and a lesson are one format. A case holds the model against the kernel; a lesson is a
//! case with words and questions for the learner.

pub mod case;
pub mod catalog;
pub mod check;
pub mod child;
pub mod course;
mod fd_budget;
pub mod file;
mod interpret;
pub mod jsonl;
mod kernel;
pub mod line;
mod model_kernel;
mod parse;
mod print;
pub mod progress;
mod query;
pub mod quiz;
pub mod random;
mod real;
pub mod run;
pub mod skip;
mod table;

pub use parse::{Errors, MAX_BYTES, Problem, parse};
pub use print::handout;
pub(crate) use print::to_toml;
