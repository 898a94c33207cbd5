//! From one way of waiting to another: the threads end, each at its next wait, and the first of the
//! other way is started when the last of them has.

use std::sync::atomic::Ordering;

use super::state::{Place, Stage};
use super::{ENDED, Gate, Order};
use crate::engine::sync::lock;
use crate::event::{Backend, CommandPhase, Kind, LaneId, SwitchPhase};

impl Gate {
    /// The server goes over to that way of waiting: each thread ends at its next wait, and the first
    /// of the others is started when the last one has.
    ///
    /// # Errors
    /// The order, and why it cannot be.
    pub(crate) fn switch(&self, to: Backend, order: Order) -> Result<(), (Order, String)> {
        let mut state = lock(&self.state);
        let first = state.lane(LaneId(1)).place;
        let reason = match &state.change {
            _ if state.ending => Some(ENDED.to_owned()),
            Some(change) => Some(format!("a switch to {} is under way", change.to)),
            None if first == Place::Dead => Some("T1 died: run starts it again".to_owned()),
            None => None,
        };
        if let Some(reason) = reason {
            return Err((order, reason));
        }
        self.side.push(Kind::Backend { to, phase: SwitchPhase::Asked });
        for (lane, call) in state.stuck() {
            let text = format!("switch to {to} pending: {lane} is held before {call}");
            self.side.push(Kind::Note(text.into()));
        }
        state.change(to, order);
        self.refresh(&state);
        Ok(())
    }

    /// Whether the server is on its way from one way of waiting to another.
    pub(crate) fn is_switching(&self) -> bool {
        lock(&self.state).change.is_some()
    }

    /// How threads wait that start from now on.
    pub(crate) fn backend(&self) -> Backend {
        lock(&self.state).backend
    }

    /// Whether every thread is to end, because others are to wait in another way.
    pub(crate) fn is_leaving(&self) -> bool {
        self.attention.load(Ordering::Relaxed) && lock(&self.state).is_leaving()
    }

    /// The first thread cannot wait in the way that was asked for. Whether anybody asked: then the
    /// old way comes back.
    pub(crate) fn refuse_switch(&self, why: &str) -> bool {
        let mut state = lock(&self.state);
        let Some(change) = state.change.as_mut().filter(|c| c.stage == Stage::Entering) else {
            return false;
        };
        change.stage = Stage::Refused(why.to_owned());
        true
    }

    /// A thread that was to make way cannot end, and goes on: the switch has failed. To where it was
    /// to go; `None` if it was to end for another reason.
    pub(crate) fn call_off(&self, lane: LaneId, why: &str) -> Option<Backend> {
        let mut state = lock(&self.state);
        let change = state.change.take_if(|change| change.stage == Stage::Leaving)?;
        let to = change.to;
        change.order.finish(&self.side, CommandPhase::Failed(why.into()));
        state.lane(lane).place = Place::Out;
        state.recount();
        self.refresh(&state);
        Some(to)
    }

    /// The first thread has taken every file: the others may start, and a switch has come to its
    /// end.
    pub(crate) fn set_ready(&self) {
        let mut state = lock(&self.state);
        if state.is_leaving() {
            return;
        }
        state.ready = true;
        if let Some(change) = state.change.take() {
            if let Stage::Back(why) = change.stage {
                let phase = SwitchPhase::Refused(why.as_str().into());
                self.side.push(Kind::Backend { to: change.to, phase });
                change.order.finish(&self.side, CommandPhase::Failed(why.into()));
            } else {
                change.order.done(&self.side);
            }
        }
        self.refresh(&state);
    }
}
