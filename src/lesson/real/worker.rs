//! A thread of a case: it sleeps in the calls that it is given, and makes others when asked.

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::event::LaneId;
use crate::kernel::task::{Task, TaskLook};
use crate::lesson::case::Label;
use crate::sys::clock::Clock;
use crate::sys::{signal, thread};

use super::job::{Done, Job, is_sleeping_call};
use super::reserved::ReservedFds;

/// What the thread and its owner share.
#[derive(Debug, Default)]
struct Shared {
    slot: Mutex<Slot>,
    changed: Condvar,
}

/// What the thread has to do, or has done.
#[derive(Debug, Default)]
enum Slot {
    #[default]
    Starting,
    Idle {
        tid: u32,
    },
    Todo(Job),
    Busy,
    Done(Box<Done>),
    End,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Slot> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, slot: Slot) {
        *self.lock() = slot;
        self.changed.notify_all();
    }

    /// Waits until `wanted` takes something out of the slot, or until the deadline.
    fn wait<T>(
        &self,
        deadline: Instant,
        mut wanted: impl FnMut(&mut Slot) -> Option<T>,
    ) -> Option<T> {
        let mut slot = self.lock();
        loop {
            if let Some(found) = wanted(&mut slot) {
                return Some(found);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            let waited = self.changed.wait_timeout(slot, left);
            slot = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// The thread's own life.
    fn run(&self, clock: Clock) {
        let tid = u32::try_from(nix::unistd::gettid().as_raw()).unwrap_or(0);
        self.set(Slot::Idle { tid });
        loop {
            let mut slot = self.lock();
            let job = loop {
                match std::mem::replace(&mut *slot, Slot::Busy) {
                    Slot::Todo(job) => break job,
                    Slot::End => {
                        *slot = Slot::End;
                        return;
                    }
                    other => *slot = other,
                }
                slot = self.changed.wait(slot).unwrap_or_else(PoisonError::into_inner);
            };
            drop(slot);
            let done = job.perform(clock);
            let mut slot = self.lock();
            if !matches!(*slot, Slot::End) {
                *slot = Slot::Done(Box::new(done));
            }
            drop(slot);
            self.changed.notify_all();
        }
    }
}

/// What a look at a thread finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rest {
    /// It has nothing to do, or has returned.
    Gone,
    /// It sleeps in its call, for the so many-th time.
    Asleep(u64),
    /// It waits inside the kernel for something that is held.
    Blocked(u64),
    /// Neither yet.
    Moving,
}

/// A thread of a case.
#[derive(Debug)]
pub(crate) struct Worker {
    /// Its lane.
    pub(crate) lane: LaneId,
    /// Its name.
    pub(crate) name: Label,
    /// The kernel's number for it.
    pub(crate) tid: u32,
    shared: Arc<Shared>,
    task: Task,
    handle: Option<JoinHandle<()>>,
    /// It was given a call of which nothing has been taken yet.
    pub(crate) called: bool,
}

/// How long a thread may take for something that cannot take long.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

impl Worker {
    /// Starts a thread.
    ///
    /// # Errors
    /// What clone(2) and the opening of its files in `/proc` list; `TimedOut` if it does not start.
    pub(crate) fn start(
        name: Label,
        lane: LaneId,
        clock: Clock,
        own: &ReservedFds,
    ) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let theirs = Arc::clone(&shared);
        let handle = thread::spawn(&name.to_string(), move || theirs.run(clock))?;
        let tid = shared
            .wait(Instant::now() + PATIENCE, |slot| match slot {
                Slot::Idle { tid } => Some(*tid),
                _ => None,
            })
            .ok_or(io::ErrorKind::TimedOut)?;
        let task = own.aside(|own| Task::open(tid, |fd| own.keep(fd)))?;
        Ok(Self { lane, name, tid, shared, task, handle: Some(handle), called: false })
    }

    /// Gives it a call to make.
    pub(crate) fn give(&mut self, job: Job) {
        self.called = true;
        self.shared.set(Slot::Todo(job));
    }

    /// What came of its call, if it has returned.
    pub(crate) fn take(&mut self) -> Option<Done> {
        self.wait(Duration::ZERO)
    }

    /// The same, waiting for it.
    pub(crate) fn wait(&mut self, at_most: Duration) -> Option<Done> {
        let tid = self.tid;
        let done = self.shared.wait(Instant::now() + at_most, |slot| match slot {
            Slot::Done(_) => match std::mem::replace(slot, Slot::Idle { tid }) {
                Slot::Done(done) => Some(*done),
                _ => None,
            },
            _ => None,
        })?;
        self.called = false;
        Some(done)
    }

    /// Waits until its call has returned, and leaves what came of it. Whether it has.
    pub(crate) fn returned(&self, at_most: Duration) -> bool {
        let deadline = Instant::now() + at_most;
        let done = |slot: &mut Slot| matches!(slot, Slot::Done(_)).then_some(());
        self.shared.wait(deadline, done).is_some()
    }

    /// Whether the system tells in which call it sleeps.
    pub(crate) fn tells_call(&self) -> bool {
        self.task.tells_call()
    }

    /// Looks at it.
    ///
    /// # Errors
    /// What reading its files in `/proc` lists.
    pub(crate) fn rest(&self) -> io::Result<Rest> {
        if matches!(*self.shared.lock(), Slot::Idle { .. } | Slot::Done(_)) {
            return Ok(Rest::Gone);
        }
        let TaskLook { interruptible, asleep, call, sleeps } = self.task.look()?;
        let in_call = call.map_or(!self.task.tells_call(), is_sleeping_call);
        Ok(match (in_call, interruptible, asleep) {
            (true, true, _) => Rest::Asleep(sleeps),
            (true, false, true) => Rest::Blocked(sleeps),
            _ => Rest::Moving,
        })
    }

    /// Sends it SIGUSR1.
    pub(crate) fn signal(&self) {
        signal::interrupt(self.tid);
    }
}

impl Drop for Worker {
    /// Wakes it until it has ended.
    fn drop(&mut self) {
        self.shared.set(Slot::End);
        let Some(handle) = self.handle.take() else { return };
        let deadline = Instant::now() + PATIENCE;
        while !handle.is_finished() && Instant::now() < deadline {
            self.signal();
            std::thread::sleep(Duration::from_millis(1));
        }
        // One that does not even end now is left to the end of the process.
        if handle.is_finished() {
            let _ = handle.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::{AsRawFd, OwnedFd};

    use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags};
    use nix::sys::eventfd::{EfdFlags, EventFd};

    use super::super::job::Answer;
    use super::super::settle::settle;
    use super::*;
    use crate::event::{Errno, Fd};
    use crate::lesson::kernel::Query;

    /// An epoll instance that watches an eventfd, and threads.
    struct Room {
        ep: OwnedFd,
        file: EventFd,
        own: ReservedFds,
        clock: Clock,
    }

    impl Room {
        fn new(trigger: EpollFlags) -> Self {
            signal::install_user_handler().expect("a handler");
            let ep = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).expect("epoll");
            let file = EventFd::from_flags(EfdFlags::EFD_NONBLOCK).expect("eventfd");
            ep.add(&file, EpollEvent::new(EpollFlags::EPOLLIN | trigger, 7)).expect("add");
            let own = ReservedFds::new().expect("a limit");
            Self { ep: ep.0, file, own, clock: Clock::start() }
        }

        fn sleeper(&self, lane: u16) -> Worker {
            let name = Label::new(format!("t{lane}"));
            let mut worker =
                Worker::start(name, LaneId(lane), self.clock, &self.own).expect("a thread");
            worker.give(self.wait());
            worker
        }

        fn wait(&self) -> Job {
            let query = Query::Wait { ep: Fd(self.ep.as_raw_fd()), max: 4 };
            Job::Query { query, timeout: -1 }
        }
    }

    fn events(done: Option<Done>) -> Option<Result<usize, Errno>> {
        match done?.answer {
            Answer::Events(result) => Some(result.map(|events| events.len())),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn threads_rest_once_the_last_of_a_chain_was_woken() {
        let room = Room::new(EpollFlags::empty());
        let mut workers: Vec<_> = (2..10).map(|lane| room.sleeper(lane)).collect();
        for _ in 0..50 {
            settle(&workers, false).expect("they sleep");
            assert!(workers.iter_mut().all(|worker| worker.take().is_none()));
            room.file.write(1).expect("written");
            settle(&workers, false).expect("they return");
            for worker in &mut workers {
                assert_eq!(events(worker.take()), Some(Ok(1)), "level-triggered: all return");
            }
            room.file.read().expect("read");
            for worker in &mut workers {
                worker.give(room.wait());
            }
        }
    }

    #[test]
    fn an_edge_wakes_one_and_the_others_are_found_asleep() {
        let room = Room::new(EpollFlags::EPOLLET);
        let mut workers: Vec<_> = (2..6).map(|lane| room.sleeper(lane)).collect();
        settle(&workers, false).expect("they sleep");
        for left in (0..4).rev() {
            room.file.write(1).expect("written");
            settle(&workers, false).expect("one returns");
            let back: Vec<_> = workers.iter_mut().filter_map(Worker::take).collect();
            let asleep = workers.iter().filter(|worker| worker.called).count();
            assert_eq!((back.len(), asleep), (1, left));
        }
    }

    #[test]
    fn a_signal_brings_one_back_and_a_dropped_one_ends() {
        let room = Room::new(EpollFlags::EPOLLET);
        let mut workers = vec![room.sleeper(2), room.sleeper(3)];
        settle(&workers, false).expect("they sleep");
        workers[0].signal();
        settle(&workers, false).expect("one returns");
        assert_eq!(events(workers[0].take()), Some(Err(Errno::EINTR)));
        let asleep = workers.pop().expect("two");
        let task = format!("/proc/self/task/{}", asleep.tid);
        drop(asleep);
        let end = Instant::now() + PATIENCE;
        while std::path::Path::new(&task).exists() {
            assert!(Instant::now() < end, "it does not end");
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}
