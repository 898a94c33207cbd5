//! Random sequences of calls, on the kernel and on the model side by side; where the two disagree,
//! the shortest sequence that shows it.

mod dice;
mod judge;
mod make;
mod rehearsal;
mod shrink;

use std::time::{Duration, Instant};

use super::case::{Case, Expect, Step};
use super::run::Observed;
use crate::model::{Flaw, Machine};

/// How many sequences are made, and which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// So many.
    pub sequences: u64,
    /// The first of them; the others follow.
    pub seed: u64,
    /// One in so many has threads that sleep.
    pub threads_in: u64,
}

impl Plan {
    /// Whether the sequence of that number has threads.
    fn has_threads(&self, number: u64) -> bool {
        self.threads_in > 0 && number.is_multiple_of(self.threads_in)
    }
}

/// A sequence that came out otherwise on the kernel.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// Its number.
    pub seed: u64,
    /// The shortest one that does.
    pub case: Case,
    /// Its last step, from 1, and what differs there.
    pub step: usize,
    /// What differs, in words.
    pub what: String,
}

/// What a run came to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Summary {
    /// Sequences made.
    pub sequences: u64,
    /// Of them those with threads.
    pub threaded: u64,
    /// Steps made.
    pub steps: u64,
    /// The first that came out otherwise: the run ends there.
    pub found: Option<Found>,
    /// How long it took.
    pub took: Duration,
}

/// Makes the sequences of a plan, up to the first that comes out otherwise. `progress` is told of
/// every thousandth.
///
/// The process must be one of its own: its small numbers are given to the sequences.
pub fn run(plan: Plan, flaw: Option<Flaw>, mut progress: impl FnMut(u64)) -> Summary {
    let begin = Instant::now();
    let mut summary = Summary::default();
    for number in plan.seed..plan.seed.saturating_add(plan.sequences) {
        let threads = plan.has_threads(number);
        let case = make::sequence(number, threads);
        summary.sequences += 1;
        summary.threaded += u64::from(threads);
        summary.steps += u64::try_from(case.steps.len()).unwrap_or(0);
        if judge::on_kernel(&case, machine(flaw)).is_some() {
            summary.found = shrunk(number, case, flaw);
            break;
        }
        if summary.sequences.is_multiple_of(1000) {
            progress(summary.sequences);
        }
    }
    summary.took = begin.elapsed();
    summary
}

fn machine(flaw: Option<Flaw>) -> Machine {
    flaw.map_or_else(Machine::new, |flaw| Machine::new().with_flaw(flaw))
}

/// The shortest sequence that still differs, cut behind the step that does.
fn shrunk(seed: u64, case: Case, flaw: Option<Flaw>) -> Option<Found> {
    let mut differs = |case: &Case| judge::on_kernel(case, machine(flaw)).is_some();
    let mut case = shrink::shrink(case, &mut differs);
    let difference = judge::on_kernel(&case, machine(flaw))?;
    case.steps.truncate(difference.step);
    Some(Found { seed, case, step: difference.step, what: difference.text })
}
