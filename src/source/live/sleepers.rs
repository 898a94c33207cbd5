//! Which of the server's threads sleep in `epoll_wait`, as the kernel tells it: a sleeper proves that
//! the ready list is empty.

use crate::engine::Handle;
use crate::event::{Kind, LaneChange, LaneId, Nanos};
use crate::model::{LaneState, Sync, ThreadLane, World};

/// How long the picture may be in doubt before somebody is asked: a harvest takes less.
const PATIENCE: u64 = 2_000_000;
/// The longest time between two questions while nothing happens.
const LONGEST_GAP: u64 = 64_000_000;

/// What is to be asked, and when.
pub(super) struct Sleepers {
    server: Handle,
    /// The system does not tell.
    blind: bool,
    /// Since when the picture contradicts itself, or is not known.
    doubtful: Option<Nanos>,
    last_asked: Nanos,
    /// How long to leave it at that.
    gap: u64,
    answer: Option<Answer>,
}

struct Answer {
    asked: Nanos,
    answered: Nanos,
    lanes: Box<[LaneId]>,
}

impl Sleepers {
    /// Nothing is to be asked of that server yet.
    pub(super) fn new(server: Handle) -> Self {
        let (last_asked, gap) = (Nanos(0), PATIENCE);
        Self { server, blind: false, doubtful: None, last_asked, gap, answer: None }
    }

    /// Something has happened.
    pub(super) fn note(&mut self, kind: &Kind) {
        self.gap = PATIENCE;
        self.blind &= !matches!(kind, Kind::Lane(LaneChange::Started { .. }));
    }

    /// Takes note of whether there is something to ask.
    pub(super) fn look(&mut self, world: &World) {
        self.doubtful = doubtful_since(world);
    }

    /// When to ask; `None` if there is nothing to ask.
    pub(super) fn due(&self) -> Option<Nanos> {
        let since = self.doubtful.filter(|_| !self.blind && self.answer.is_none())?;
        Some(Nanos(since.0 + PATIENCE).max(Nanos(self.last_asked.0 + self.gap)))
    }

    /// Asks if it is time to. Whether anything was asked.
    pub(super) fn ask(&mut self, now: Nanos, world: &World, clock: impl Fn() -> Nanos) -> bool {
        if self.due().is_none_or(|at| now < at) {
            return false;
        }
        (self.last_asked, self.gap) = (now, (self.gap * 2).min(LONGEST_GAP));
        let asked = clock();
        let alive = world.lanes.iter().filter(|lane| lane.is_alive());
        let told: Vec<_> = alive.filter_map(|lane| Some((lane.id, self.sleeps(lane)?))).collect();
        self.blind = told.is_empty();
        let asleep = told.iter().filter(|(_, sleeps)| *sleeps);
        let lanes = asleep.map(|(id, _)| *id).collect();
        self.answer = Some(Answer { asked, answered: clock(), lanes });
        true
    }

    /// The answer as an event with its time, once everything before `t` has been folded and `t` is
    /// later.
    pub(super) fn answer(&mut self, t: Nanos) -> Option<(Nanos, Kind)> {
        let answer = self.answer.take_if(|answer| answer.answered < t)?;
        let (lanes, since) = (answer.lanes, answer.asked);
        (!lanes.is_empty()).then_some((answer.answered, Kind::Asleep { lanes, since }))
    }

    fn sleeps(&self, lane: &ThreadLane) -> Option<bool> {
        let waits = matches!(lane.state, LaneState::Harvesting(_) | LaneState::Asleep(_));
        self.server.sleeps_in_wait(lane.id, waits)
    }
}

/// Since when somebody should be asked: a thread was woken and has not returned, threads sleep
/// beside a list that is not empty, or the list is not known while somebody waits.
fn doubtful_since(world: &World) -> Option<Nanos> {
    let check = world.through(None).check();
    let waits = |lane: &&ThreadLane| match lane.state {
        LaneState::Harvesting(call) => call.may_sleep(),
        LaneState::Asleep(_) => {
            check.sync == Sync::Lost || !world.through(None).instance.ready.is_empty()
        }
        _ => false,
    };
    let since = world.lanes.iter().filter(waits).map(|lane| lane.since).min()?;
    // What was listed last may have changed the picture.
    let listed = world.through(None).instance.ready.iter().map(|entry| entry.since).max();
    Some(listed.map_or(since, |listed| listed.max(since)))
}
