//! When to read a server's io_uring from fdinfo, and whether the answer still holds once every event
//! up to it has been folded.

use crate::engine::Handle;
use crate::event::{Fd, Kind, Nanos, RingRead};
use crate::kernel::ring::RingFdinfo;
use crate::model::World;

/// How long the server must have been quiet before it is asked.
const CALM: u64 = 30_000_000;
/// How often a ring is read whose owner is held or sleeps: the kernel goes on completing.
const EVERY: u64 = 200_000_000;

/// A question that has been put to the kernel and whose answer is not folded yet.
struct Answer {
    asked: Nanos,
    answered: Nanos,
    ring: Fd,
    read: RingRead,
}

/// What is to be asked, and when.
pub(super) struct RingProbe {
    server: Handle,
    fdinfo: Option<RingFdinfo>,
    /// The last event that the ring has to do with.
    changed: Nanos,
    /// Something happened since the last answer.
    unchecked: bool,
    /// When the ring was read last.
    asked: Nanos,
    answer: Option<Answer>,
    /// What was told last.
    told: Option<RingRead>,
}

impl RingProbe {
    /// Nothing is to be asked of that server yet.
    pub(super) fn new(server: Handle) -> Self {
        let (fdinfo, answer, told) = (None, None, None);
        let (changed, asked) = (Nanos(0), Nanos(0));
        Self { server, fdinfo, changed, unchecked: false, asked, answer, told }
    }

    /// Takes note of an event that is about to be folded.
    pub(super) fn note(&mut self, t: Nanos, kind: &Kind) {
        if !matches!(kind, Kind::Rings { .. } | Kind::Asleep { .. } | Kind::Idle) {
            self.changed = t;
            self.unchecked = true;
        }
    }

    /// When to ask; `None` if there is nothing to ask.
    pub(super) fn due(&self, world: &World) -> Option<Nanos> {
        let ring = world.ring()?;
        let busy = self.answer.is_some() || ring.check.wants_resync;
        // Held, its thread stands still, and the kernel does not.
        let again = self.unchecked || world.settings.paused;
        let next = Nanos((self.changed.0 + CALM).max(self.asked.0 + EVERY));
        (again && !busy).then_some(next)
    }

    /// Asks if it is time to. Whether anything was asked.
    pub(super) fn ask(&mut self, now: Nanos, world: &World, clock: impl Fn() -> Nanos) -> bool {
        let Some(fd) = world.ring().and_then(|ring| ring.fd) else {
            self.fdinfo = None;
            return false;
        };
        if self.due(world).is_none_or(|at| now < at) {
            return false;
        }
        let asked = clock();
        self.asked = asked;
        if self.fdinfo.as_ref().is_none_or(|fdinfo| fdinfo.ring() != fd) {
            self.fdinfo = self.server.aside(|| RingFdinfo::open(fd)).ok();
        }
        let read = self.fdinfo.as_mut().and_then(|fdinfo| fdinfo.read().ok());
        match read {
            Some(Some(read)) => {
                self.answer = Some(Answer { asked, answered: clock(), ring: fd, read });
                true
            }
            // The lock was taken: it is looked at again.
            Some(None) => false,
            None => {
                self.fdinfo = None;
                false
            }
        }
    }

    /// The answer as an event with its time, once everything before `t` has been folded and `t` is
    /// later, if nothing happened meanwhile and it says something new.
    pub(super) fn answer(&mut self, t: Nanos, world: &World) -> Option<(Nanos, Kind)> {
        let answer = self.answer.take_if(|answer| answer.answered < t)?;
        let same = world.ring().is_some_and(|ring| ring.fd == Some(answer.ring));
        if !same || self.changed >= answer.asked {
            return None;
        }
        let checked = std::mem::take(&mut self.unchecked);
        if !checked && self.told.as_ref() == Some(&answer.read) {
            return None;
        }
        self.told = Some(answer.read.clone());
        Some((answer.answered, Kind::Rings { ring: answer.ring, read: answer.read }))
    }
}
