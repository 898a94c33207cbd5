//! The scheduler: who can run, who is parked on what. It makes no system call but the one that wakes
//! a thread with nothing to do.
//!
//! Order of locks: a file's state, then this one. It is never held at the gate.

use std::collections::VecDeque;
use std::io;
use std::sync::Mutex;
use std::time::Duration;

use rustc_hash::FxHashMap;

use super::body::{Answer, Role, Routine, routine};
use crate::engine::lock;
use crate::event::{Delivery, Fd, FileId, GoChange, GoId, GoWait, LaneId, Mask};
use crate::sys::futex::Futex;

/// A goroutine that no thread runs now.
#[derive(Debug)]
pub(super) struct Go {
    pub(super) id: GoId,
    pub(super) file: FileId,
    pub(super) routine: Routine,
    /// With what it goes on.
    pub(super) answer: Answer,
}

/// A place where one goroutine may wait (runtime/netpoll.go: `rg` and `wg` of `pollDesc`).
#[derive(Debug, Default)]
enum Slot {
    /// Nothing.
    #[default]
    Nil,
    /// What was to be waited for has come before anybody waited: a note for the next who wants to.
    Ready,
    /// That goroutine is parked here.
    Wait(Go),
}

/// What the scheduler knows of an open file (runtime/netpoll.go: `pollDesc`).
#[derive(Debug, Default)]
struct PollDesc {
    /// By [`GoWait`].
    slots: [Slot; GoWait::ALL.len()],
    /// Those that serve it, with what they are for.
    gos: Vec<(GoId, Role)>,
}

impl PollDesc {
    fn slot(&mut self, on: GoWait) -> &mut Slot {
        &mut self.slots[on as usize]
    }
}

/// All goroutines of the server, and their one run queue.
#[derive(Debug, Default)]
pub(crate) struct Scheduler {
    state: Mutex<State>,
    /// Where threads with nothing to do sleep.
    idle: Futex,
}

#[derive(Debug, Default)]
struct State {
    run: VecDeque<Go>,
    descs: FxHashMap<FileId, PollDesc>,
    last: u32,
    /// The thread that waits in `epoll_wait`.
    netpoller: Option<LaneId>,
    /// Threads that sleep with nothing to do.
    sleepers: u32,
    /// How many were taken from the run queue since the netpoller was last asked.
    taken: u32,
}

/// How many goroutines run in a row before the netpoller is asked although others can run. Go has a
/// thread that asks after 10 ms without (`sysmon`); here each looks after so many.
const ASK_EVERY: u32 = 61;

/// What came of an event of the netpoller.
#[derive(Clone, Copy, Debug)]
pub(super) enum Heard {
    /// A goroutine can run.
    Go(GoId, GoChange),
    /// Its file is closed.
    Stale(Delivery),
}

impl Scheduler {
    /// The head of the run queue. `None` if it is empty; and where this thread `asks` the netpoller
    /// also if that is due.
    pub(super) fn head(&self, asks: bool) -> Option<GoId> {
        let mut state = lock(&self.state);
        let head = state.run.front().map(|go| go.id);
        if head.is_none() || (asks && state.taken >= ASK_EVERY) {
            state.taken = 0;
            return None;
        }
        head
    }

    /// Takes the head of the run queue, to be run.
    pub(super) fn take(&self, tell: impl FnOnce(GoId, GoChange)) -> Option<Go> {
        let mut state = lock(&self.state);
        let go = state.run.pop_front()?;
        state.taken = state.taken.saturating_add(1);
        tell(go.id, GoChange::Run);
        Some(go)
    }

    /// Makes a goroutine for that file, if it has none for that; whether it did.
    ///
    /// # Errors
    /// If there is no memory for its stack.
    pub(super) fn spawn(
        &self,
        role: Role,
        (fd, file): (Fd, FileId),
        tell: impl FnOnce(GoId, GoChange),
    ) -> io::Result<bool> {
        let mut state = lock(&self.state);
        let state = &mut *state;
        let desc = state.descs.entry(file).or_default();
        if desc.gos.iter().any(|(_, other)| *other == role) {
            return Ok(false);
        }
        let routine = routine(role)?;
        state.last += 1;
        let id = GoId(state.last);
        desc.gos.push((id, role));
        tell(id, GoChange::Spawn { fd, file });
        state.run.push_back(Go { id, file, routine, answer: Answer::Go });
        self.call(state, 1);
        Ok(true)
    }

    /// Parks a goroutine until that has come. Gives it back if it has come already, or the file is
    /// gone (runtime/netpoll.go: `netpollblock`).
    pub(super) fn park(
        &self,
        mut go: Go,
        on: GoWait,
        tell: impl FnOnce(GoId, GoChange),
    ) -> Option<Go> {
        let mut state = lock(&self.state);
        let Some(desc) = state.descs.get_mut(&go.file) else {
            go.answer = Answer::Gone;
            return Some(go);
        };
        go.answer = Answer::Go;
        let slot = desc.slot(on);
        if matches!(slot, Slot::Ready) {
            *slot = Slot::Nil;
            return Some(go);
        }
        tell(go.id, GoChange::Park { on });
        *slot = Slot::Wait(go);
        None
    }

    /// Puts a goroutine that can go on at the tail of the run queue.
    pub(super) fn leave(&self, mut go: Go, tell: impl FnOnce(GoId, GoChange)) {
        let mut state = lock(&self.state);
        go.answer = Answer::Go;
        tell(go.id, GoChange::Yield);
        state.run.push_back(go);
        self.call(&state, 1);
    }

    /// A goroutine has come to its end.
    pub(super) fn bury(&self, file: FileId, id: GoId, tell: impl FnOnce(GoId, GoChange)) {
        let mut state = lock(&self.state);
        if let Some(desc) = state.descs.get_mut(&file) {
            desc.gos.retain(|(other, _)| *other != id);
        }
        tell(id, GoChange::End);
    }

    /// What `epoll_wait` brought: who waits for it can run (runtime/netpoll.go: `netpollready`).
    /// How many can that could not before.
    pub(super) fn ready(&self, events: &[Delivery], mut tell: impl FnMut(Heard)) -> usize {
        let mut state = lock(&self.state);
        let before = state.run.len();
        for event in events {
            if !state.descs.contains_key(&event.file) {
                tell(Heard::Stale(*event));
                continue;
            }
            let mut tell = |id, what| tell(Heard::Go(id, what));
            let failed = event.mask.any(Mask::HUP | Mask::ERR);
            if failed || event.mask.any(Mask::IN | Mask::RDHUP) {
                state.wake(event.file, GoWait::Read, event.mask, &mut tell);
            }
            if failed || event.mask.any(Mask::OUT) {
                state.wake(event.file, GoWait::Write, event.mask, &mut tell);
            }
        }
        let count = state.run.len() - before;
        // Whoever asked runs the first of them itself, and somebody else is to ask next.
        self.call(&state, count);
        count
    }

    /// Another goroutine has brought about what is waited for there.
    pub(super) fn wake(&self, file: FileId, on: GoWait, mut tell: impl FnMut(GoId, GoChange)) {
        let mut state = lock(&self.state);
        if state.wake(file, on, Mask::EMPTY, &mut tell) {
            self.call(&state, 1);
        }
    }

    /// The file is about to be closed: whoever is parked there goes on, and finds it gone.
    pub(super) fn forget(&self, file: FileId, mut tell: impl FnMut(GoId, GoChange)) {
        let mut state = lock(&self.state);
        let mut count = 0;
        for on in GoWait::ALL {
            count += usize::from(state.evict(file, on, &mut tell));
        }
        state.descs.remove(&file);
        self.call(&state, count);
    }

    /// Makes that thread the one that waits in `epoll_wait`, unless another one does or there is
    /// something to run. Whether it is.
    pub(super) fn become_netpoller(&self, lane: LaneId) -> bool {
        let mut state = lock(&self.state);
        let free = state.netpoller.is_none() && state.run.is_empty();
        if free {
            state.netpoller = Some(lane);
        }
        free
    }

    /// It waits there no more.
    pub(super) fn no_netpoller(&self) {
        lock(&self.state).netpoller = None;
    }

    /// Sleeps until there may be something to do, for `limit` at most, or until a signal comes.
    pub(super) fn sleep(&self, limit: Option<Duration>) {
        let count = {
            let mut state = lock(&self.state);
            if !state.run.is_empty() {
                return;
            }
            state.sleepers += 1;
            self.idle.count()
        };
        self.idle.sleep(count, limit);
        lock(&self.state).sleepers -= 1;
    }

    /// Wakes at most so many threads that have nothing to do.
    fn call(&self, state: &State, count: usize) {
        let count = state.sleepers.min(u32::try_from(count).unwrap_or(u32::MAX));
        if count > 0 {
            self.idle.wake(count);
        }
    }

    /// Whether somebody could run, or waits for a thread to ask.
    pub(super) fn has_work(&self) -> bool {
        !lock(&self.state).run.is_empty()
    }

    /// Wakes everybody: the thread that asked the netpoller ends.
    pub(crate) fn call_all(&self) {
        let state = lock(&self.state);
        self.call(&state, usize::MAX);
    }
}

impl State {
    /// Whether a goroutine can run by that; else it is noted for the next that wants to wait.
    fn wake(
        &mut self,
        file: FileId,
        on: GoWait,
        mask: Mask,
        tell: &mut impl FnMut(GoId, GoChange),
    ) -> bool {
        let Some(desc) = self.descs.get_mut(&file) else { return false };
        match std::mem::take(desc.slot(on)) {
            Slot::Wait(go) => {
                self.run_again(go, Answer::Go, mask, tell);
                true
            }
            Slot::Nil | Slot::Ready => {
                *desc.slot(on) = Slot::Ready;
                false
            }
        }
    }

    fn evict(&mut self, file: FileId, on: GoWait, tell: &mut impl FnMut(GoId, GoChange)) -> bool {
        let slot = self.descs.get_mut(&file).map(|desc| std::mem::take(desc.slot(on)));
        let Some(Slot::Wait(go)) = slot else { return false };
        self.run_again(go, Answer::Gone, Mask::EMPTY, tell);
        true
    }

    fn run_again(
        &mut self,
        mut go: Go,
        answer: Answer,
        mask: Mask,
        tell: &mut impl FnMut(GoId, GoChange),
    ) {
        go.answer = answer;
        tell(go.id, GoChange::Ready { mask });
        self.run.push_back(go);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: (Fd, FileId) = (Fd(7), FileId(3));

    fn event(mask: Mask) -> Delivery {
        Delivery { file: FILE.1, fd: FILE.0, mask }
    }

    fn one(sched: &Scheduler) -> Go {
        assert!(sched.spawn(Role::Client, FILE, |_, _| {}).expect("a stack"));
        assert!(!sched.spawn(Role::Client, FILE, |_, _| {}).expect("no other"));
        sched.take(|_, _| {}).expect("it can run")
    }

    fn ready(sched: &Scheduler, mask: Mask) -> usize {
        sched.ready(&[event(mask)], |heard| assert!(matches!(heard, Heard::Go(..))))
    }

    #[test]
    fn what_comes_before_the_wait_is_noted_and_not_parked_for() {
        let sched = Scheduler::default();
        let go = one(&sched);
        assert_eq!(ready(&sched, Mask::IN), 0);
        let go = sched.park(go, GoWait::Read, |_, _| panic!("parked")).expect("it goes on");
        // The note is taken.
        assert!(sched.park(go, GoWait::Read, |_, _| {}).is_none());
        assert_eq!(ready(&sched, Mask::OUT), 0, "it does not wait for room");
        assert_eq!(ready(&sched, Mask::IN | Mask::OUT), 1);
        let go = sched.take(|_, _| {}).expect("it can run");
        assert_eq!((go.id, go.answer), (GoId(1), Answer::Go));
        assert!(sched.park(go, GoWait::Write, |_, _| {}).is_some(), "room was noted twice");
    }

    #[test]
    fn an_end_wakes_both_sides() {
        let sched = Scheduler::default();
        let go = one(&sched);
        assert!(sched.park(go, GoWait::Write, |_, _| {}).is_none());
        assert_eq!(ready(&sched, Mask::HUP), 1);
    }

    #[test]
    fn whoever_is_parked_on_a_file_that_is_closed_finds_it_gone() {
        let sched = Scheduler::default();
        let go = one(&sched);
        assert!(sched.park(go, GoWait::Room, |_, _| {}).is_none());
        sched.forget(FILE.1, |_, _| {});
        let go = sched.take(|_, _| {}).expect("it can run");
        assert_eq!(go.answer, Answer::Gone);
        let go = sched.park(go, GoWait::Read, |_, _| {}).expect("there is nothing to wait for");
        assert_eq!(go.answer, Answer::Gone);
        let mut stale = 0;
        sched.ready(&[event(Mask::IN)], |heard| {
            stale += u32::from(matches!(heard, Heard::Stale(_)));
        });
        assert_eq!(stale, 1);
    }

    #[test]
    fn those_that_can_run_do_so_in_order_and_the_netpoller_is_asked_between() {
        let sched = Scheduler::default();
        for n in 1..=2 {
            sched.spawn(Role::Client, (Fd(n), FileId(n.unsigned_abs())), |_, _| {}).expect("stack");
        }
        let mut order = Vec::new();
        let mut asked = 0;
        while order.len() < 130 {
            let Some(head) = sched.head(true) else {
                asked += 1;
                continue;
            };
            let go = sched.take(|_, _| {}).expect("it stands there");
            assert_eq!(go.id, head);
            order.push(go.id.0);
            sched.leave(go, |_, _| {});
        }
        assert_eq!((order[0], order[1], order[2], asked), (1, 2, 1, 2));
        assert!(!sched.become_netpoller(LaneId(1)), "there is something to run");
    }
}
