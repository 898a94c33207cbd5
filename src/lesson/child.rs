//! The fresh process in which a case runs, and what is said to it and by it.
//!
//! It is this program again. Requests and answers go through its standard input and output, each
//! with its length before it. Whatever a case does, it leaves nothing behind: its descriptors,
//! threads and limits are those of a process that ends.

mod player;
mod serve;

use serde::{Deserialize, Serialize};

use super::case::{Case, Step};
use super::run::Report;
use super::skip::Skip;

pub use player::{PlayError, Player};
pub use serve::serve;

/// The word, before the number of the process that asks, that makes this program such a process.
pub const SUBCOMMAND: &str = "case-process";

/// What the process is asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Request {
    /// Make the actors of this case.
    Start(Box<Case>),
    /// Make the next step of the case.
    Step,
    /// Make this step, which is none of the case's.
    Act(Box<Step>),
}

/// What it answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Reply {
    /// It was done.
    Report(Box<Report>),
    /// The case has no more steps.
    Over,
    /// The system does not grant what the case needs.
    Skipped(Skip),
    /// It could not be done; everything is as it was before. A step of the case is passed over.
    Refused(String),
    /// It could not be done, and nothing more can be.
    Failed(String),
}
