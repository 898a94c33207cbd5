//! The gate's state: who stands where, who may go, who is to come. It neither waits nor wakes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{GateVisit, Order};
use crate::engine::sync::Condvar;
use crate::event::{Backend, GateStep, LaneId, Pass, Syscall};

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
    /// It is wanted beside those that are counted: for a client.
    pub(super) extra: bool,
    /// What it is held before.
    pub(super) before: Option<GateStep>,
}

/// The server goes over to another way of waiting.
#[derive(Debug)]
pub(super) struct Change {
    pub(super) to: Backend,
    pub(super) from: Backend,
    pub(super) order: Order,
    pub(super) stage: Stage,
}

/// How far that is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// The threads end, each at its next wait.
    Leaving,
    /// The first thread of the other way is to begin.
    Entering,
    /// It could not, for this reason, and is on its way to its end.
    Refused(String),
    /// The first thread of the old way is to begin again.
    Back(String),
}

#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is one independent fact")]
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
    /// How many are wished for, where the way of waiting can have them.
    pub(super) wished: u8,
    /// How threads wait that start from now on.
    pub(super) backend: Backend,
    pub(super) change: Option<Change>,
    /// No first thread is left to end the server in good order.
    pub(super) headless: bool,
    /// The first thread has made the epoll instance: others may start.
    pub(super) ready: bool,
    /// Commands wait for the first thread, which nothing but a signal takes out of its call.
    pub(super) errand: bool,
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
        self.wished = threads;
        self.recount();
    }

    /// Which lanes there are to be follows from the wish and from how they wait.
    pub(super) fn recount(&mut self) {
        let leaving = self.is_leaving();
        self.wanted = self.backend.lanes(self.wished).into();
        self.lane(LaneId(self.wanted));
        for (index, me) in (0..).zip(&mut self.lanes) {
            me.retire = (leaving || (index > self.wanted && !me.extra)) && me.runs();
        }
    }

    /// Whether every thread is to end, because others are to wait in another way.
    pub(super) fn is_leaving(&self) -> bool {
        self.change.as_ref().is_some_and(|change| change.stage == Stage::Leaving)
    }

    /// Whether any thread is there.
    pub(super) fn is_any(&self) -> bool {
        self.lanes.iter().any(LaneState::runs)
    }

    /// From now on the threads end to make way.
    pub(super) fn change(&mut self, to: Backend, order: Order) {
        let from = self.backend;
        self.change = Some(Change { to, from, order, stage: Stage::Leaving });
        self.recount();
    }

    /// Threads that are held where they cannot end, and what each is held before.
    pub(super) fn stuck(&self) -> Vec<(LaneId, GateStep)> {
        let held = (0..).zip(&self.lanes).filter(|(_, me)| me.place == Place::Gate);
        let before = held.filter_map(|(index, me)| Some((LaneId(index), me.before?)));
        before.filter(|(_, next)| !self.bounds(next).0).collect()
    }

    /// The next stage, once every thread has ended; to which way of waiting, if that has just been
    /// cleared.
    pub(super) fn advance(&mut self) -> Option<Backend> {
        if self.is_any() {
            return None;
        }
        let change = self.change.as_mut()?;
        let (backend, stage, left) = match std::mem::replace(&mut change.stage, Stage::Entering) {
            Stage::Leaving => (change.to, Stage::Entering, Some(change.to)),
            Stage::Refused(why) => (change.from, Stage::Back(why), None),
            other => {
                change.stage = other;
                return None;
            }
        };
        change.stage = stage;
        self.backend = backend;
        self.ready = false;
        for me in &mut self.lanes {
            me.extra = false;
            if me.place == Place::Dead {
                me.place = Place::Absent;
            }
        }
        self.recount();
        left
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

    /// Whether a thread may end where it does that next, and whether a turn ends there: where each
    /// client has a thread, that is at its own next call.
    pub(super) fn bounds(&self, next: &GateStep) -> (bool, bool) {
        let GateStep::Call(next) = next else { return (true, false) };
        let waits = next.ends_turn();
        if self.backend != Backend::Threads {
            return (waits, waits);
        }
        let reads = matches!(next, Syscall::Read { .. } | Syscall::Accept { .. });
        (waits || reads || matches!(next, Syscall::Send { .. }), waits || reads)
    }

    /// A place for one more thread, if there is one; it is started as soon as others may be.
    pub(super) fn grow(&mut self) -> bool {
        let Some(at) = self.places().next() else { return false };
        self.lane(at).extra = true;
        true
    }

    /// The places for more threads than are wanted by their number.
    pub(super) fn places(&self) -> impl Iterator<Item = LaneId> {
        let free = |me: &LaneState| me.place == Place::Absent && !me.extra;
        let all = self.wanted + 1..=LaneId::MAX_THREADS;
        all.filter(move |at| self.lanes.get(usize::from(*at)).is_none_or(free)).map(LaneId)
    }

    /// Threads that may sleep in a call while they are wanted elsewhere.
    pub(super) fn to_kick(&self) -> Vec<u32> {
        let out = (0..).zip(&self.lanes).filter(|(_, me)| me.place == Place::Out && me.tid != 0);
        let called = |index| self.errand && index == 1_u16;
        let wanted = out.filter(|(index, me)| called(*index) || self.wants(me).is_some());
        wanted.map(|(_, me)| me.tid).collect()
    }

    /// Why that thread is wanted at the gate, if it is.
    pub(super) fn calls(&self, lane: LaneId) -> Option<&'static str> {
        let errand = self.errand && lane == LaneId(1);
        let why = self.lanes.get(usize::from(lane.0)).and_then(|me| self.wants(me));
        why.or(errand.then_some("a command waits"))
    }

    fn wants(&self, me: &LaneState) -> Option<&'static str> {
        match me {
            _ if self.ending => Some("the server ends"),
            LaneState { retire: true, .. } if self.is_leaving() => {
                Some("the server is to wait in another way")
            }
            LaneState { retire: true, .. } => Some("fewer threads are wanted"),
            LaneState { permit: None, .. } if self.hold => Some("hold"),
            _ => None,
        }
    }

    pub(super) fn chores(&mut self) -> Chores {
        let mut chores = Chores::default();
        if self.ending {
            let none = !self.is_any();
            if none && std::mem::take(&mut self.headless) {
                self.lane(LaneId(1)).place = Place::Out;
                chores.start.push(LaneId(1));
            } else {
                chores.over = none;
            }
            return chores;
        }
        if self.is_leaving() {
            return chores;
        }
        for (index, me) in (0..).zip(&mut self.lanes).skip(1) {
            let wanted = index <= self.wanted || me.extra;
            if me.place == Place::Absent && wanted && (index == 1 || self.ready) {
                me.place = Place::Out;
                chores.start.push(LaneId(index));
            }
        }
        chores
    }

    pub(super) fn askers_satisfied(&self) -> bool {
        let settled = (0..).zip(&self.lanes).skip(1).all(|(i, me)| {
            let there = me.runs() && me.tid != 0;
            me.place == Place::Dead || if i <= self.wanted { there } else { me.extra || !me.runs() }
        });
        self.ready && settled
    }
}
