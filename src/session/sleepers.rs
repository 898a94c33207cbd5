//! Which of the server's threads sleep in `epoll_wait`, as the kernel tells it: a sleeper proves that
//! the ready list is empty.

use crate::engine::Handle;
use crate::event::{Kind, LaneChange, LaneId, Nanos};
use crate::kernel::task::Task;
use crate::model::{Lane, LaneState, Sync, World};
use crate::sys::descriptor;

/// How long the picture may be in doubt before somebody is asked: a harvest takes less.
const PATIENCE: u64 = 2_000_000;
/// The longest time between two questions while nothing happens.
const LONGEST_GAP: u64 = 64_000_000;

/// The files of the threads that have been asked about, and when to ask again.
pub(super) struct Sleepers {
    tasks: Vec<(LaneId, u32, Task)>,
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

impl Default for Sleepers {
    fn default() -> Self {
        Self {
            tasks: Vec::new(),
            blind: false,
            doubtful: None,
            last_asked: Nanos(0),
            gap: PATIENCE,
            answer: None,
        }
    }
}

impl Sleepers {
    /// Something has happened. The files of a thread are opened when it starts: later there may be
    /// no descriptor for them.
    pub(super) fn note(&mut self, lane: LaneId, kind: &Kind, server: &Handle) {
        self.gap = PATIENCE;
        if let Kind::Lane(LaneChange::Started { tid }) = kind {
            self.tasks.retain(|(id, ..)| *id != lane);
            match server.aside(|| Task::open(*tid, descriptor::out_of_the_way)) {
                Ok(task) => self.tasks.push((lane, *tid, task)),
                // A thread that is gone already is no reason to give up, a system without /proc is.
                Err(_) => self.blind |= !std::path::Path::new("/proc/self/task").exists(),
            }
        }
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
        let lanes = alive.filter(|lane| self.sleeps(lane)).map(|lane| lane.id).collect();
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

    fn sleeps(&self, lane: &Lane) -> bool {
        let mut own = self.tasks.iter().filter(|(id, tid, _)| (*id, *tid) == (lane.id, lane.tid));
        let Some((.., task)) = own.next() else { return false };
        let Ok(look) = task.look() else { return false };
        // Where the call is not told, it is the one that the thread said it makes.
        let waits = matches!(lane.state, LaneState::Harvesting(_) | LaneState::Asleep(_));
        look.sleeps_in_epoll_wait(task.tells_call()).unwrap_or(waits)
    }
}

/// Since when somebody should be asked: a thread was woken and has not returned, threads sleep
/// beside a list that is not empty, or the list is not known while somebody waits.
fn doubtful_since(world: &World) -> Option<Nanos> {
    let check = &world.instance.check;
    let waits = |lane: &&Lane| match lane.state {
        LaneState::Harvesting(call) => call.may_sleep(),
        LaneState::Asleep(_) => check.sync == Sync::Lost || !world.instance.ready.is_empty(),
        _ => false,
    };
    let since = world.lanes.iter().filter(waits).map(|lane| lane.since).min()?;
    // What was listed last may have changed the picture.
    let listed = world.instance.ready.iter().map(|entry| entry.since).max();
    Some(listed.map_or(since, |listed| listed.max(since)))
}
