//! The gate's state: who stands where, who may go, who is to come. It neither waits nor wakes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{GateVisit, Order};
use crate::engine::sync::Condvar;
use crate::event::{LaneId, Pass};

/// What lets one thread pass while all are held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Permit {
    Step { made: bool },
    Turn { made: bool },
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Place {
    /// No thread.
    #[default]
    Absent,
    /// Between the gate and its next coming there.
    Out,
    /// Held at the gate.
    Gate,
    /// Delayed at the gate.
    Delayed,
    /// On its way to its end.
    Leaving,
    /// It panicked.
    Dead,
}

#[derive(Debug, Default)]
pub(super) struct LaneState {
    /// Rung when the thread has to look again.
    pub(super) bell: Arc<Condvar>,
    pub(super) place: Place,
    pub(super) tid: u32,
    pub(super) permit: Option<Permit>,
    pub(super) order: Option<Order>,
    pub(super) poked: bool,
    pub(super) retire: bool,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) hold: bool,
    pub(super) ending: bool,
    pub(super) delay: Duration,
    pub(super) pausers: Vec<Order>,
    /// By their number, as far as there were any; 0 is unused.
    pub(super) lanes: Vec<LaneState>,
    /// How many lanes there are to be, and the commands that asked for it.
    pub(super) wanted: u16,
    pub(super) askers: Vec<Order>,
    /// The first thread has made the epoll instance: others may start.
    pub(super) ready: bool,
}

/// What the warden is to do next.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Chores {
    /// Threads to start.
    pub(crate) start: Vec<LaneId>,
    /// All threads have ended and none is to start.
    pub(crate) over: bool,
}

/// Whether a permit lets the thread through; a used one ends here, with its command.
pub(super) fn permitted(me: &mut LaneState, between_turns: bool) -> Option<Pass> {
    match me.permit {
        Some(Permit::Step { made: false }) => {
            me.permit = Some(Permit::Step { made: true });
            Some(Pass::Step)
        }
        Some(Permit::Turn { made: false }) => {
            me.permit = Some(Permit::Turn { made: true });
            Some(Pass::Turn)
        }
        Some(Permit::Turn { made: true }) if !between_turns => Some(Pass::Turn),
        // The command ends when the thread is parked again.
        Some(_) => {
            me.permit = None;
            None
        }
        None => None,
    }
}

impl LaneState {
    pub(super) fn runs(&self) -> bool {
        !matches!(self.place, Place::Absent | Place::Dead)
    }
}

impl State {
    /// How that lane stands, which may be a new one.
    pub(super) fn lane(&mut self, id: LaneId) -> &mut LaneState {
        let index = usize::from(id.0);
        if self.lanes.len() <= index {
            self.lanes.resize_with(index + 1, LaneState::default);
        }
        &mut self.lanes[index]
    }

    /// How many lanes there are to be.
    pub(super) fn want(&mut self, threads: u8) {
        self.wanted = threads.clamp(1, LaneId::MAX_WORKERS).into();
        self.lane(LaneId(self.wanted));
        for (index, me) in (0..).zip(&mut self.lanes) {
            me.retire = index > self.wanted && me.runs();
        }
    }

    pub(super) fn delay_left(&self, passage: &mut GateVisit) -> Option<Duration> {
        if self.delay.is_zero() {
            return None;
        }
        let now = Instant::now();
        let until = *passage.until.get_or_insert(now + self.delay);
        // A shorter delay takes effect at once.
        let left = until.saturating_duration_since(now).min(self.delay);
        (!left.is_zero()).then_some(left)
    }

    pub(super) fn all_held(&self) -> bool {
        let mut runs = self.lanes.iter().filter(|me| me.runs() && me.place != Place::Leaving);
        runs.all(|me| me.place == Place::Gate && me.permit.is_none()) && !self.is_starting()
    }

    /// Whether a thread is wanted, may begin, and has not.
    fn is_starting(&self) -> bool {
        let wanted = (0..=self.wanted).zip(&self.lanes).skip(1);
        let mut absent = wanted.filter(|(_, me)| me.place == Place::Absent);
        !self.ending && absent.any(|(index, _)| index == 1 || self.ready)
    }

    /// Threads that may sleep in a call while they are wanted elsewhere.
    pub(super) fn to_kick(&self) -> Vec<u32> {
        let out = self.lanes.iter().filter(|me| me.place == Place::Out && me.tid != 0);
        out.filter(|me| self.wants(me).is_some()).map(|me| me.tid).collect()
    }

    /// Why that thread is wanted at the gate, if it is.
    pub(super) fn calls(&self, lane: LaneId) -> Option<&'static str> {
        self.lanes.get(usize::from(lane.0)).and_then(|me| self.wants(me))
    }

    fn wants(&self, me: &LaneState) -> Option<&'static str> {
        match me {
            _ if self.ending => Some("the server ends"),
            LaneState { retire: true, .. } => Some("fewer threads are wanted"),
            LaneState { permit: None, .. } if self.hold => Some("hold"),
            _ => None,
        }
    }

    pub(super) fn chores(&mut self) -> Chores {
        let mut chores = Chores::default();
        if self.ending {
            chores.over = !self.lanes.iter().any(LaneState::runs);
            return chores;
        }
        for (index, me) in (0..=self.wanted).zip(&mut self.lanes).skip(1) {
            if me.place == Place::Absent && (index == 1 || self.ready) {
                me.place = Place::Out;
                chores.start.push(LaneId(index));
            }
        }
        chores
    }

    pub(super) fn askers_satisfied(&self) -> bool {
        let settled = (0..).zip(&self.lanes).skip(1).all(|(i, me)| {
            let there = me.runs() && me.tid != 0;
            me.place == Place::Dead || if i <= self.wanted { there } else { !me.runs() }
        });
        self.ready && settled
    }
}
