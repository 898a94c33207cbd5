//! What stands beside the waiting logic in the models: a tap that listens, and a kernel.

/// In the place of `src/engine/tap.rs`: it keeps what the gate tells, and wakes who waits for it.
pub(crate) mod tap {
    use crate::event::{CommandPhase, GateStep, Kind, LaneId, Pass};
    use crate::sync::{Condvar, Mutex, lock, wait};

    #[derive(Debug, Default)]
    struct Told {
        /// The ends of commands, by their numbers.
        ended: Vec<(u32, CommandPhase)>,
        held: [bool; 9],
        /// How often a thread was held.
        parks: usize,
    }

    /// What all threads have told.
    #[derive(Debug, Default)]
    pub(crate) struct SideChannel {
        told: Mutex<Told>,
        bell: Condvar,
    }

    impl SideChannel {
        pub(crate) fn push(&self, kind: Kind) {
            if let Kind::Command { id, phase, .. } = kind {
                lock(&self.told).ended.push((id, phase));
                self.bell.notify_all();
            }
        }

        /// Waits until that command has ended; how.
        pub(crate) fn end_of(&self, id: u32) -> CommandPhase {
            let mut told = lock(&self.told);
            loop {
                if let Some((_, phase)) = told.ended.iter().find(|(ended, _)| *ended == id) {
                    return phase.clone();
                }
                told = wait(&self.bell, told);
            }
        }

        /// How often that command has ended.
        pub(crate) fn ends_of(&self, id: u32) -> usize {
            lock(&self.told).ended.iter().filter(|(ended, _)| *ended == id).count()
        }

        /// Waits until the thread is held, for the `times`th time at the least.
        pub(crate) fn wait_for_park(&self, times: usize) {
            let mut told = lock(&self.told);
            while told.parks < times {
                told = wait(&self.bell, told);
            }
        }

        pub(crate) fn is_held(&self, lane: u16) -> bool {
            lock(&self.told).held[usize::from(lane)]
        }
    }

    /// A thread's own end.
    #[derive(Debug)]
    pub(crate) struct RingWriter {
        id: LaneId,
        side: std::sync::Arc<SideChannel>,
    }

    impl RingWriter {
        pub(crate) fn new(id: LaneId, side: std::sync::Arc<SideChannel>) -> Self {
            Self { id, side }
        }

        pub(crate) fn id(&self) -> LaneId {
            self.id
        }

        #[expect(clippy::unused_self, reason = "as the tap has it")]
        pub(crate) fn rest(&mut self) {}

        pub(crate) fn park(&mut self, _next: &GateStep) {
            let mut told = lock(&self.side.told);
            told.held[usize::from(self.id.0)] = true;
            told.parks += 1;
            self.side.bell.notify_all();
        }

        pub(crate) fn unpark(&mut self, _pass: Pass) {
            lock(&self.side.told).held[usize::from(self.id.0)] = false;
        }
    }
}

/// In the place of `src/engine/eventfd.rs`: an eventfd and the threads that sleep on it, which is
/// all that the models need of a kernel.
pub(crate) mod eventfd {
    use std::io;

    use crate::sync::{Condvar, Mutex, lock, wait};

    #[derive(Debug, Default)]
    struct State {
        readable: bool,
        sleeping: [bool; 9],
        interrupted: [bool; 9],
    }

    /// The eventfd, in a level-triggered epoll set of its own.
    #[derive(Debug, Default)]
    pub(crate) struct Eventfd {
        state: Mutex<State>,
        bell: Condvar,
    }

    impl Eventfd {
        #[expect(clippy::unnecessary_wraps, reason = "as in the product")]
        pub(crate) fn new() -> io::Result<Self> {
            Ok(Self::default())
        }

        pub(crate) fn ring(&self) {
            lock(&self.state).readable = true;
            self.bell.notify_all();
        }

        /// `read`: whether there was anything.
        pub(crate) fn read(&self) -> bool {
            std::mem::take(&mut lock(&self.state).readable)
        }

        /// `epoll_wait` of a thread; whether it returns the eventfd. A signal interrupts it.
        pub(crate) fn sleep(&self, lane: u16) -> bool {
            let lane = usize::from(lane);
            let mut state = lock(&self.state);
            state.sleeping[lane] = true;
            while !state.readable && !state.interrupted[lane] {
                state = wait(&self.bell, state);
            }
            state.sleeping[lane] = false;
            state.interrupted[lane] = false;
            state.readable
        }

        /// The signal: it comes to nothing unless the thread sleeps.
        pub(crate) fn kick(&self, lane: u16) {
            let mut state = lock(&self.state);
            let lane = usize::from(lane);
            state.interrupted[lane] = state.sleeping[lane];
            self.bell.notify_all();
        }
    }
}
