//! What a file has in flight, and what is to be written for it next. It makes no call.

use super::Mode;
use crate::engine::table::{State, Watched};
use crate::event::{AcceptPolicy, FileKind, Mistake, ReadPolicy, Settings};

/// An operation that brings input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Input {
    /// Connections: one, or until it ends.
    Accept { multi: bool },
    /// Bytes: until it ends, or once at most so many.
    Recv { once: Option<u32> },
    /// At most so many bytes, once.
    Read { len: u32 },
}

/// What the server wants of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Wanted {
    /// Input by such an operation.
    pub(super) input: Option<Input>,
    /// Something is queued.
    pub(super) output: bool,
    /// What ended by itself is not armed again, by mistake.
    pub(super) once: bool,
}

/// What is to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// The operation that brings input.
    Arm(Input),
    /// The end of the one with that `user_data`.
    Cancel(u64),
    /// A send of what is queued.
    Send,
}

/// An operation in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Flying {
    id: u64,
    /// It was asked to end.
    cancelled: bool,
}

/// What a file has in flight: one operation that brings input at most, and one send.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Slot {
    input: Option<(Flying, Input)>,
    output: Option<Flying>,
    /// It is closed once nothing is in flight.
    pub(super) closing: bool,
    /// No buffer was left: input is armed again when some are back.
    pub(super) starved: bool,
    /// The last operation that brought input ended, and nobody had asked it to.
    ended: bool,
}

/// What the server wants of a file in that mode.
pub(super) fn wanted(file: &Watched, state: &State, settings: &Settings, mode: Mode) -> Wanted {
    if mode == Mode::Leave {
        return Wanted::default();
    }
    if mode == Mode::Linger {
        let input = file.is_stream().then_some(Input::Recv { once: None });
        return Wanted { input, ..Wanted::default() };
    }
    let wants = file.wants(state, settings);
    let input = match (file.what, settings.read) {
        (FileKind::Listener, _) => {
            let once = settings.accept == AcceptPolicy::Once;
            Input::Accept { multi: !once && !settings.mistakes.has(Mistake::AcceptOnce) }
        }
        (FileKind::Eventfd, _) => Input::Read { len: 8 },
        (_, ReadPolicy::Drain) => Input::Recv { once: None },
        (_, ReadPolicy::Once(bytes)) => {
            Input::Recv { once: Some(bytes.clamp(1, ReadPolicy::MAX_BYTES)) }
        }
    };
    let output = file.is_stream() && wants.write && state.conn.queued() > 0;
    let once = file.is_stream() && settings.mistakes.has(Mistake::NoRearm);
    Wanted { input: wants.read.then_some(input), output, once }
}

impl Slot {
    /// Whether nothing is in flight.
    pub(super) fn is_idle(&self) -> bool {
        self.input.is_none() && self.output.is_none()
    }

    /// The next operation to be written, if the server wants that.
    pub(super) fn due(&self, wanted: Wanted) -> Option<Due> {
        let wanted = if self.closing { Wanted::default() } else { wanted };
        match self.input {
            Some((flying, input)) if !flying.cancelled && wanted.input != Some(input) => {
                return Some(Due::Cancel(flying.id));
            }
            None if !(self.starved || self.ended && wanted.once) => {
                if let Some(input) = wanted.input {
                    return Some(Due::Arm(input));
                }
            }
            _ => {}
        }
        match self.output {
            Some(flying) if self.closing && !flying.cancelled => Some(Due::Cancel(flying.id)),
            None if wanted.output => Some(Due::Send),
            _ => None,
        }
    }

    /// The operation that brings input was written.
    pub(super) fn armed(&mut self, id: u64, input: Input) {
        self.input = Some((Flying { id, cancelled: false }, input));
        self.ended = false;
    }

    /// A send was written.
    pub(super) fn sends(&mut self, id: u64) {
        self.output = Some(Flying { id, cancelled: false });
    }

    /// The end of that operation was written.
    pub(super) fn cancelled(&mut self, target: u64) {
        let input = self.input.iter_mut().map(|(flying, _)| flying);
        for flying in input.chain(&mut self.output).filter(|flying| flying.id == target) {
            flying.cancelled = true;
        }
    }

    /// That operation is over.
    pub(super) fn over(&mut self, id: u64) {
        if let Some((flying, _)) = self.input.take_if(|(flying, _)| flying.id == id) {
            self.ended = !flying.cancelled;
        }
        self.output = self.output.filter(|flying| flying.id != id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const READS: Wanted =
        Wanted { input: Some(Input::Recv { once: None }), output: false, once: false };
    const BOTH: Wanted = Wanted { output: true, ..READS };
    const DEAF: Wanted = Wanted { input: None, ..BOTH };

    #[test]
    fn input_is_armed_once_and_one_send_at_a_time() {
        let mut slot = Slot::default();
        let arm = Due::Arm(Input::Recv { once: None });
        assert_eq!(slot.due(BOTH), Some(arm));
        slot.armed(1, Input::Recv { once: None });
        assert_eq!(slot.due(BOTH), Some(Due::Send));
        slot.sends(2);
        assert_eq!(slot.due(BOTH), None);
        slot.over(2);
        assert_eq!((slot.due(READS), slot.due(BOTH)), (None, Some(Due::Send)));
        slot.over(1);
        slot.starved = true;
        assert_eq!((slot.due(READS), slot.is_idle()), (None, true));
    }

    #[test]
    fn input_that_is_not_wanted_is_cancelled_once_and_output_goes_on() {
        let mut slot = Slot::default();
        slot.armed(1, Input::Recv { once: None });
        slot.sends(2);
        assert_eq!(slot.due(DEAF), Some(Due::Cancel(1)));
        slot.cancelled(1);
        assert_eq!(slot.due(DEAF), None);
        // Wanted again before it is over: it is armed when it is.
        assert_eq!(slot.due(BOTH), None);
        slot.over(1);
        assert_eq!(slot.due(BOTH), Some(Due::Arm(Input::Recv { once: None })));
    }

    #[test]
    fn another_way_to_read_begins_when_the_old_one_is_over() {
        let mut slot = Slot::default();
        slot.armed(1, Input::Recv { once: None });
        let few = Wanted { input: Some(Input::Recv { once: Some(4) }), ..READS };
        assert_eq!(slot.due(few), Some(Due::Cancel(1)));
        slot.cancelled(1);
        slot.over(1);
        assert_eq!(slot.due(few), Some(Due::Arm(Input::Recv { once: Some(4) })));
    }

    #[test]
    fn by_mistake_what_ended_by_itself_is_not_armed_again() {
        let mut slot = Slot::default();
        let once = Wanted { once: true, ..READS };
        slot.armed(1, Input::Recv { once: None });
        slot.over(1);
        assert_eq!(slot.due(once), None);
        assert_eq!(slot.due(READS), Some(Due::Arm(Input::Recv { once: None })));
        slot.armed(2, Input::Recv { once: None });
        slot.cancelled(2);
        slot.over(2);
        assert!(slot.due(once).is_some());
    }

    #[test]
    fn closing_cancels_whatever_is_in_flight() {
        let mut slot = Slot { closing: true, ..Slot::default() };
        slot.armed(1, Input::Recv { once: None });
        slot.sends(2);
        assert_eq!(slot.due(BOTH), Some(Due::Cancel(1)));
        slot.cancelled(1);
        assert_eq!(slot.due(BOTH), Some(Due::Cancel(2)));
        slot.cancelled(2);
        assert_eq!(slot.due(BOTH), None);
        slot.over(2);
        slot.over(1);
        assert!(slot.is_idle());
    }
}
