//! What a part of a step says about the world, before it is held against the scope.

mod thing;

use std::ops::Range;

use crate::lesson::case::Label;

pub(super) use thing::{Thing, Wants};

/// What a part of a step says about the world.
#[derive(Clone, Debug)]
pub(super) enum What {
    /// Names a descriptor.
    Fd(Label, Wants),
    /// Asks an epoll instance for something that waits while a harvest of it is frozen.
    Enter(Label),
    /// The same, unless it fails before it comes to that.
    Control(Label),
    /// Makes a descriptor.
    Make(Label, Thing),
    /// Makes a duplicate of the other.
    Dup(Label, Option<Label>),
    /// Closes it.
    Close(Label),
    /// Sends a thread to sleep; `true` if it has a timeout.
    Park(Label, bool),
    /// Freezes a thread in a harvest of this epoll instance.
    Freeze(Label, Option<Label>),
    Thaw(Label),
    Signal(Label),
    Expire(Label),
    /// This thread makes a call.
    By(Label),
    /// Whoever woke makes a call.
    AnyWoken,
    /// Names a thread of a step before.
    Thread(Label),
    /// Measures something under this name.
    Measure(Label),
    /// Names a measurement.
    Measured(Label),
    /// Writes an operation of a ring under this name.
    Submit(Label),
    /// Names such an operation.
    Submitted(Label),
    /// The body of a repeat: so many rounds.
    Rounds(u32, Vec<Use>),
}

/// A [`What`] with its place.
#[derive(Clone, Debug)]
pub(super) struct Use {
    pub(super) span: Range<usize>,
    pub(super) what: What,
}

impl Use {
    pub(super) fn new(span: Range<usize>, what: What) -> Self {
        Self { span, what }
    }

    pub(super) fn has_round(&self) -> bool {
        match &self.what {
            What::Dup(label, of) | What::Freeze(label, of) => {
                label.has_round() || of.as_ref().is_some_and(Label::has_round)
            }
            What::Fd(label, _)
            | What::Enter(label)
            | What::Control(label)
            | What::Make(label, _)
            | What::Close(label)
            | What::Park(label, _)
            | What::Thaw(label)
            | What::Signal(label)
            | What::Expire(label)
            | What::By(label)
            | What::Thread(label)
            | What::Measure(label)
            | What::Submit(label)
            | What::Submitted(label)
            | What::Measured(label) => label.has_round(),
            What::AnyWoken | What::Rounds(..) => false,
        }
    }
}
