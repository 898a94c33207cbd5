//! Commands on their way to a server thread: a bounded queue and an eventfd that is registered in
//! the very epoll set that the commands are about.

use std::collections::VecDeque;
use std::io;

use super::eventfd::Eventfd;
use super::gate::{ENDED, Gate, Order};
use super::sync::{AtomicUsize, Mutex, Ordering, lock};
use crate::event::Command;

/// Jobs that may wait.
const CAPACITY: usize = 1024;
/// What a command is told that no queue has room for.
pub(crate) const TOO_MANY: &str = "too many commands are waiting";

/// What a server thread is asked to do between two of its calls.
#[derive(Debug)]
pub(crate) enum Job {
    /// A person's command.
    Command(Order, Command),
    /// A setting has changed that registrations depend on.
    Refresh,
    /// What is passed to poll(2) or select(2) is to be told once more.
    TellSet,
}

/// The queue and its eventfd.
#[derive(Debug)]
pub(crate) struct Mailbox {
    queue: Mutex<Queue>,
    waiting: AtomicUsize,
    event: Eventfd,
}

#[derive(Debug, Default)]
struct Queue {
    jobs: VecDeque<Job>,
    closed: bool,
}

impl Mailbox {
    pub(crate) fn new() -> io::Result<Self> {
        let event = Eventfd::new()?;
        Ok(Self { queue: Mutex::default(), waiting: AtomicUsize::new(0), event })
    }

    /// The eventfd, to be watched, rung and read.
    pub(crate) fn event(&self) -> &Eventfd {
        &self.event
    }

    /// Hands a job to a thread at the gate if there is one. Whether there was none: then the
    /// eventfd must be rung. A queue that is full or closed gives the job back and says why.
    pub(crate) fn post(&self, job: Job, gate: &Gate) -> Result<bool, (Job, &'static str)> {
        self.put(job)?;
        Ok(!gate.poke())
    }

    fn put(&self, job: Job) -> Result<(), (Job, &'static str)> {
        let mut queue = lock(&self.queue);
        if queue.closed {
            return Err((job, ENDED));
        }
        if queue.jobs.len() >= CAPACITY {
            return Err((job, TOO_MANY));
        }
        queue.jobs.push_back(job);
        self.waiting.store(queue.jobs.len(), Ordering::SeqCst);
        Ok(())
    }

    pub(crate) fn take(&self) -> Option<Job> {
        let mut queue = lock(&self.queue);
        let job = queue.jobs.pop_front();
        self.waiting.store(queue.jobs.len(), Ordering::SeqCst);
        job
    }

    /// Takes no more jobs; gives back those that nobody will do.
    pub(crate) fn close(&self) -> VecDeque<Job> {
        let mut queue = lock(&self.queue);
        queue.closed = true;
        self.waiting.store(0, Ordering::SeqCst);
        std::mem::take(&mut queue.jobs)
    }

    /// Whether jobs wait.
    pub(crate) fn waiting(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > 0
    }
}
