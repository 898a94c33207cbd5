//! The gate between any two system calls of a server thread, and before what a ring is passed or
//! tells in shared memory: run, hold, step a call, step a turn, delay.
//!
//! Holding a thread holds a real thread: the kernel goes on filling the ready list meanwhile. A
//! free run costs one relaxed load a call. The gate knows nothing of connections; no lock of
//! theirs is ever held here.

mod state;
mod switch;

use std::sync::Arc;
use std::time::{Duration, Instant};

pub(crate) use self::state::Chores;
use self::state::{LaneState, Permit, Place, Stage, State, permitted};
use super::sync::{
    AtomicBool, Condvar, Mutex, MutexGuard, Ordering, lock, wait, wait_for, wait_while,
};
use super::tap::{RingWriter, SideChannel};
use crate::event::{CommandPhase, GateStep, Kind, LaneId, Pass, Settings, SwitchPhase};

/// How long a thread that is asked to come to the gate is left alone between two kicks.
const KICK_EVERY: Duration = Duration::from_millis(2);

/// Why a command that came too late was not carried out.
pub(crate) const ENDED: &str = "the server has ended";

/// A command whose end the gate reports.
#[derive(Debug)]
pub(crate) struct Order {
    /// Its number.
    pub(crate) id: u32,
    /// Its text.
    pub(crate) text: String,
}

impl Order {
    /// Reports the end of the command.
    pub(crate) fn finish(self, side: &SideChannel, phase: CommandPhase) {
        side.push(Kind::Command { id: self.id, text: self.text.into(), phase });
    }

    fn done(self, side: &SideChannel) {
        self.finish(side, CommandPhase::Done(None));
    }

    fn too_late(self, side: &SideChannel) {
        self.finish(side, CommandPhase::Failed(ENDED.into()));
    }
}

/// What a thread at the gate is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Make the call.
    Go,
    /// Carry out waiting commands, then ask again.
    Commands,
    /// End: the thread is between two turns and is no longer wanted.
    Stop,
}

/// A thread's own note of how it stands at the gate before one call.
#[derive(Debug, Default)]
pub(crate) struct GateVisit {
    /// The state has the thread here: it may be poked.
    here: bool,
    parked: bool,
    until: Option<Instant>,
}

/// The gate of all lanes.
#[derive(Debug)]
pub(crate) struct Gate {
    /// Whether anybody has to look at the state at all.
    attention: AtomicBool,
    state: Mutex<State>,
    changed: Condvar,
    side: Arc<SideChannel>,
}

impl Gate {
    /// The gate of a server that is set so.
    pub(crate) fn new(side: Arc<SideChannel>, settings: &Settings) -> Self {
        let (hold, backend) = (settings.paused, settings.backend);
        let delay = Duration::from_millis(settings.delay_ms.into());
        let mut state = State { hold, delay, backend, ..State::default() };
        state.want(settings.threads);
        let gate = Self {
            attention: AtomicBool::new(false),
            state: Mutex::new(state),
            changed: Condvar::new(),
            side,
        };
        gate.refresh(&lock(&gate.state));
        gate
    }

    /// A thread's way through the gate before `next`. `waiting` tells whether commands wait that
    /// any held thread may carry out.
    pub(crate) fn pass(
        &self,
        lane: &mut RingWriter,
        next: &GateStep,
        passage: &mut GateVisit,
        waiting: impl Fn() -> bool,
    ) -> Verdict {
        if !self.attention.load(Ordering::Relaxed) && !passage.here {
            return Verdict::Go;
        }
        let mut state = lock(&self.state);
        let (may_end, between_turns) = state.bounds(next);
        loop {
            let ending = state.ending;
            if lane.id() == LaneId(1) && std::mem::take(&mut state.errand) {
                self.refresh(&state);
                return Verdict::Commands;
            }
            let me = state.lane(lane.id());
            // Whoever poked counts on this thread: it may not leave before it has looked.
            if std::mem::take(&mut me.poked) {
                return Verdict::Commands;
            }
            if may_end && (me.retire || ending) {
                me.place = Place::Leaving;
                self.leave(me, lane, passage, Pass::Run);
                return Verdict::Stop;
            }
            if let Some(pass) = permitted(me, between_turns) {
                me.place = Place::Out;
                self.leave(me, lane, passage, pass);
                return Verdict::Go;
            }
            // A delay stands before each call, and nothing else.
            let call = next.call().is_some();
            let time = if state.hold || !call { None } else { state.delay_left(passage) };
            if !state.hold && time.is_none() {
                let me = state.lane(lane.id());
                me.place = Place::Out;
                self.leave(me, lane, passage, Pass::Run);
                return Verdict::Go;
            }
            state = match self.stay(state, lane, next, passage, &waiting, time) {
                Ok(state) => state,
                Err(verdict) => return verdict,
            };
        }
    }

    /// Stays at the gate until something changes, or for `time`.
    fn stay<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        lane: &mut RingWriter,
        next: &GateStep,
        passage: &mut GateVisit,
        waiting: &impl Fn() -> bool,
        time: Option<Duration>,
    ) -> Result<MutexGuard<'a, State>, Verdict> {
        let me = state.lane(lane.id());
        let place = if time.is_none() { Place::Gate } else { Place::Delayed };
        let before = std::mem::replace(&mut me.place, place);
        passage.here = true;
        if place == Place::Gate && !passage.parked {
            passage.parked = true;
            me.before = Some(*next);
            lane.park(next);
            self.end_permit(me);
        }
        if place != before {
            // Also one that was let go, was delayed, and is held again before the same call.
            self.changed.notify_all();
        }
        if waiting() {
            return Err(Verdict::Commands);
        }
        lane.rest();
        let bell = Arc::clone(&state.lane(lane.id()).bell);
        Ok(match time {
            None => wait(&bell, state),
            Some(time) => wait_for(&bell, state, time),
        })
    }

    fn end_permit(&self, me: &mut LaneState) {
        me.permit = None;
        if let Some(order) = me.order.take() {
            order.done(&self.side);
        }
    }

    fn refuse(&self, order: Option<Order>) {
        if let Some(order) = order {
            order.too_late(&self.side);
        }
    }

    fn leave(
        &self,
        me: &mut LaneState,
        lane: &mut RingWriter,
        passage: &mut GateVisit,
        pass: Pass,
    ) {
        passage.here = false;
        me.before = None;
        if std::mem::take(&mut passage.parked) {
            lane.unpark(pass);
        }
        if me.place == Place::Leaving {
            self.end_permit(me);
            self.changed.notify_all();
        }
    }

    /// All threads are held from their next call on. The command is done once all are here.
    pub(crate) fn pause(&self, order: Option<Order>) {
        let mut state = lock(&self.state);
        if state.ending {
            return self.refuse(order);
        }
        state.hold = true;
        for me in &mut state.lanes {
            self.end_permit(me);
        }
        state.pausers.extend(order);
        self.refresh(&state);
    }

    /// All threads run.
    pub(crate) fn run(&self) {
        let mut state = lock(&self.state);
        state.hold = false;
        for me in &mut state.lanes {
            self.end_permit(me);
        }
        self.finish_pausers(&mut state);
        self.refresh(&state);
    }

    /// Time before each call.
    pub(crate) fn delay(&self, delay: Duration) {
        let mut state = lock(&self.state);
        if state.ending {
            return;
        }
        state.delay = delay;
        self.refresh(&state);
    }

    /// One thread makes one call, or one turn.
    ///
    /// # Errors
    /// The order, and why it cannot be.
    pub(crate) fn permit(
        &self,
        lane: LaneId,
        pass: Pass,
        order: Order,
    ) -> Result<(), (Order, String)> {
        let mut state = lock(&self.state);
        let hold = state.hold;
        let Some(me) = state.lanes.get_mut(usize::from(lane.0)) else {
            return Err((order, format!("{lane} does not run")));
        };
        let reason = match me.place {
            Place::Absent | Place::Leaving => Some(format!("{lane} does not run")),
            Place::Dead => Some(format!("{lane} died")),
            _ if !hold => Some(format!("{lane} is not held: pause the server first")),
            Place::Out | Place::Delayed => Some(format!("{lane} is still in its call")),
            Place::Gate if me.permit.is_some() => Some(format!("{lane} has a step to make")),
            Place::Gate => None,
        };
        if let Some(reason) = reason {
            return Err((order, reason));
        }
        me.permit = Some(match pass {
            Pass::Turn => Permit::Turn { made: false },
            Pass::Run | Pass::Step => Permit::Step { made: false },
        });
        me.order = Some(order);
        self.refresh(&state);
        Ok(())
    }

    /// One more thread is to be started, for a client; whether there is a place for it.
    pub(crate) fn grow(&self) -> bool {
        let mut state = lock(&self.state);
        let place = state.grow();
        self.refresh(&state);
        place
    }

    /// Whether there are places for so many more threads.
    pub(crate) fn has_places(&self, more: usize) -> bool {
        lock(&self.state).places().nth(more.saturating_sub(1)).is_some()
    }

    /// Takes the first thread out of its call: commands wait for it.
    pub(crate) fn call_first(&self) {
        let mut state = lock(&self.state);
        state.errand = true;
        self.refresh(&state);
    }

    /// Asks a thread at the gate to carry out the waiting commands; whether there was one.
    pub(crate) fn poke(&self) -> bool {
        let mut state = lock(&self.state);
        let at_gate = |me: &LaneState| matches!(me.place, Place::Gate | Place::Delayed);
        let Some(me) = state.lanes.iter_mut().find(|me| at_gate(me)) else { return false };
        me.poked = true;
        me.bell.notify_all();
        true
    }

    /// How many threads there are to be.
    pub(crate) fn want(&self, threads: u8, order: Option<Order>) {
        let mut state = lock(&self.state);
        if state.ending {
            return self.refuse(order);
        }
        state.want(threads);
        state.askers.extend(order);
        self.refresh(&state);
    }

    /// Dead threads may be started again; how many there are.
    pub(crate) fn forgive(&self) -> usize {
        let mut state = lock(&self.state);
        let mut count = 0;
        for me in state.lanes.iter_mut().filter(|me| me.place == Place::Dead) {
            me.place = Place::Absent;
            count += 1;
        }
        self.refresh(&state);
        count
    }

    /// All threads leave the gate and end between two turns. Nothing holds or delays them any more.
    pub(crate) fn end(&self) {
        let mut state = lock(&self.state);
        state.ending = true;
        state.hold = false;
        state.delay = Duration::ZERO;
        for me in &mut state.lanes {
            self.end_permit(me);
        }
        self.finish_pausers(&mut state);
        for order in std::mem::take(&mut state.askers) {
            order.too_late(&self.side);
        }
        if let Some(change) = state.change.take() {
            state.headless = !state.lane(LaneId(1)).runs();
            change.order.too_late(&self.side);
        }
        self.refresh(&state);
    }

    /// Whether [`Gate::end`] was called.
    pub(crate) fn ending(&self) -> bool {
        self.attention.load(Ordering::Relaxed) && lock(&self.state).ending
    }

    /// Why a thread that was in a call is wanted at the gate, if it is.
    pub(crate) fn calls(&self, lane: LaneId) -> Option<&'static str> {
        if !self.attention.load(Ordering::Relaxed) {
            return None;
        }
        lock(&self.state).calls(lane)
    }

    /// Whether every thread is at the gate.
    #[cfg(test)]
    pub(crate) fn all_held(&self) -> bool {
        lock(&self.state).all_held()
    }

    /// Whether a thread at the gate has been poked and has not looked yet.
    #[cfg(test)]
    pub(crate) fn is_poked(&self, lane: LaneId) -> bool {
        lock(&self.state).lane(lane).poked
    }

    /// A thread has begun, as this task.
    pub(crate) fn arrived(&self, lane: LaneId, tid: u32) {
        let mut state = lock(&self.state);
        state.lane(lane).tid = tid;
        self.changed.notify_all();
    }

    /// A thread has ended, by itself or by a panic.
    pub(crate) fn departed(&self, lane: LaneId, died: bool) {
        let mut state = lock(&self.state);
        let me = state.lane(lane);
        self.end_permit(me);
        *me = LaneState::default();
        if died {
            me.place = Place::Dead;
            if lane == LaneId(1)
                && let Some(change) = state.change.take_if(|c| c.stage != Stage::Leaving)
            {
                change.order.finish(&self.side, CommandPhase::Failed("T1 died".into()));
            }
        }
        self.refresh(&state);
    }

    /// Waits until every thread but `lane` has ended, for `limit` at most.
    pub(crate) fn alone(&self, lane: LaneId, limit: Duration) {
        let others = |state: &mut State| {
            let lanes = state.lanes.iter().enumerate();
            lanes.filter(|(i, _)| *i != usize::from(lane.0)).any(|(_, me)| me.runs())
        };
        drop(wait_while(&self.changed, lock(&self.state), limit, others));
    }

    /// The warden's wait: brings threads to the gate or to their end by kicking those that sleep
    /// in a call, reports what is done, and returns when there is a chore.
    pub(crate) fn watch(&self, kick: impl Fn(u32)) -> Chores {
        let mut state = lock(&self.state);
        loop {
            if state.hold && state.all_held() {
                self.finish_pausers(&mut state);
            }
            if let Some(to) = state.advance() {
                self.side.push(Kind::Backend { to, phase: SwitchPhase::Left });
                self.refresh(&state);
            }
            let chores = state.chores();
            if chores != Chores::default() {
                return chores;
            }
            if state.askers_satisfied() {
                for order in std::mem::take(&mut state.askers) {
                    order.done(&self.side);
                }
            }
            let sleepers = state.to_kick();
            for tid in &sleepers {
                kick(*tid);
            }
            state = if sleepers.is_empty() {
                wait(&self.changed, state)
            } else {
                wait_for(&self.changed, state, KICK_EVERY)
            };
        }
    }

    fn finish_pausers(&self, state: &mut State) {
        for order in std::mem::take(&mut state.pausers) {
            order.done(&self.side);
        }
    }

    /// Tells everybody that the state has changed.
    fn refresh(&self, state: &State) {
        let quiet = !state.hold
            && !state.ending
            && state.delay.is_zero()
            && !state.errand
            && !state.lanes.iter().any(|me| me.runs() && me.retire);
        self.attention.store(!quiet, Ordering::SeqCst);
        for me in &state.lanes {
            me.bell.notify_all();
        }
        self.changed.notify_all();
    }
}
