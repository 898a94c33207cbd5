//! A sequence on the kernel, and on the model alone.

use std::time::{Duration, Instant};

use crate::lesson::case::{Case, Need};
#[cfg(test)]
use crate::lesson::kernel::Observed;
use crate::lesson::run::{RunError, Runner};
use crate::sim::KernelModel;

use super::model_runner::ModelRunner;

/// Why a sequence did not come out.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Difference {
    /// The number of the step, from 1; 0 is the making of the actors.
    pub(super) step: usize,
    /// What differs, or why the tool itself failed.
    pub(super) text: String,
}

/// How a sequence came out.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Verdict {
    /// Kernel and model agree; so many TCP sockets took less than they were given.
    Agrees(u64),
    /// They do not.
    Differs(Difference),
    /// Not judged: the system does not grant what it needs, or stood still too long.
    Skipped,
}

/// Runs a sequence on the kernel beside `machine`, up to the first difference.
pub(super) fn on_kernel(case: &Case, machine: KernelModel) -> Verdict {
    let lean = Case { steps: Vec::new(), ..case.clone() };
    let mut runner = match Runner::start_with(lean, machine) {
        Ok((runner, _)) => runner,
        Err(RunError::Skipped(_)) => return Verdict::Skipped,
        Err(error) => return Verdict::Differs(failed(0, &error)),
    };
    let begun = Instant::now();
    let may_be_open = !case.threads().is_empty() || case.needs.contains(&Need::IoUring);
    let mut mute = may_be_open.then(|| model_runner(case, KernelModel::new()));
    for (at, step) in case.steps.iter().enumerate() {
        if let Some(mute) = &mut mute {
            mute.pass_over(&step.action);
            // What comes from here on is open.
            if mute.is_open() {
                return Verdict::Agrees(runner.filled());
            }
        }
        let looks = at % LOOKS == 0 || at + 1 == case.steps.len();
        match runner.try_action(&step.action, looks) {
            // What a timer of TCP brought came before a call or after it.
            Ok(_) if runner.is_open() => return Verdict::Skipped,
            Ok(found) => {
                if let Some(first) = found.into_iter().next() {
                    if begun.elapsed() >= AGAIN {
                        return Verdict::Skipped;
                    }
                    let text = first.to_string();
                    return Verdict::Differs(Difference { step: at + 1, text });
                }
            }
            // Such a step does nothing: it may be left by the shrinking.
            Err(RunError::Refused(_)) => {}
            Err(error) => return Verdict::Differs(failed(at + 1, &error)),
        }
    }
    Verdict::Agrees(runner.filled())
}

/// A SYN that was not answered is sent again after a second (tcp(7)), by clocks that need not agree
/// to the millisecond. A sequence takes some milliseconds; where the machine stood still for so long
/// it is open what comes.
const AGAIN: Duration = Duration::from_millis(900);

/// After so many steps the interest lists are looked at again.
const LOOKS: usize = 8;

fn failed(step: usize, error: &RunError) -> Difference {
    Difference { step, text: error.to_string() }
}

/// What the model alone shows after each step.
#[cfg(test)]
pub(super) fn on_model(case: &Case, machine: KernelModel) -> Vec<Observed> {
    let mut runner = model_runner(case, machine);
    case.steps.iter().map(|step| runner.play(&step.action)).collect()
}

/// The model with the actors of a case.
fn model_runner(case: &Case, machine: KernelModel) -> ModelRunner {
    let mut runner = ModelRunner::new(machine);
    for actor in &case.actors {
        // One that cannot be made is missing on both sides.
        let _made = runner.make(actor);
    }
    runner
}
