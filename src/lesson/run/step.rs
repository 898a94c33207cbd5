//! A step that was made, to be looked at.

use super::Observed;

/// What was seen of a step so far.
#[derive(Debug, Default)]
pub(super) struct StepContext {
    pub(super) kernel: Observed,
    pub(super) model: Observed,
}
