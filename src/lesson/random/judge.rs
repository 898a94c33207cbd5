//! A sequence on the kernel, and on the model alone.

use crate::lesson::case::{Case, Step};
use crate::lesson::run::{Mismatch, Observed, RunError, Runner};
use crate::model::Machine;

use super::rehearsal::Rehearsal;

/// Why a sequence did not come out.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Difference {
    /// The number of the step, from 1; 0 is the making of the actors.
    pub(super) step: usize,
    /// What differs; none if the tool itself failed.
    pub(super) mismatch: Option<Mismatch>,
    /// In words.
    pub(super) text: String,
}

/// Runs a sequence on the kernel beside `machine`, up to the first difference.
pub(super) fn on_kernel(case: &Case, machine: Machine) -> Option<Difference> {
    let lean = Case { steps: Vec::new(), ..case.clone() };
    let mut runner = match Runner::start_with(lean, machine) {
        Ok((runner, _)) => runner,
        Err(error) => return Some(failed(0, &error)),
    };
    let mut mute = Rehearsal::new(Machine::new());
    let plain = case.threads().is_empty();
    for actor in &case.actors {
        let _made = mute.make(actor);
    }
    for (at, step) in case.steps.iter().enumerate() {
        if !plain {
            mute.play(&step.action);
            if mute.machine.raced() {
                return None;
            }
        }
        let looks = at % LOOKS == 0 || at + 1 == case.steps.len();
        match runner.try_action(&step.action, looks) {
            Ok(found) => {
                if let Some(first) = found.into_iter().next() {
                    let text = first.to_string();
                    return Some(Difference { step: at + 1, mismatch: Some(first), text });
                }
            }
            // Such a step does nothing: it may be left by the shrinking.
            Err(RunError::Refused(_)) => {}
            Err(error) => return Some(failed(at + 1, &error)),
        }
    }
    None
}

/// After so many steps the interest lists are looked at again.
const LOOKS: usize = 8;

fn failed(step: usize, error: &RunError) -> Difference {
    Difference { step, mismatch: None, text: error.to_string() }
}

/// What the model alone shows after each step; the first is after the making of the actors.
pub(super) fn on_model(case: &Case, machine: Machine) -> Vec<Observed> {
    let mut stage = Rehearsal::new(machine);
    for actor in &case.actors {
        let _made = stage.make(actor);
    }
    case.steps.iter().map(|step: &Step| stage.play(&step.action)).collect()
}
