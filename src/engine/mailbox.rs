//! Commands on their way to a server thread: a bounded queue and an eventfd that is registered in
//! the very epoll set that the commands are about.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use nix::sys::eventfd::{EfdFlags, EventFd};

use super::gate::Order;
use super::lock;
use crate::event::{Command, Fd};

/// Jobs that may wait.
const CAPACITY: usize = 1024;

/// What a server thread is asked to do between two of its calls.
#[derive(Debug)]
pub(crate) enum Job {
    /// A person's command.
    Command(Order, Command),
    /// A setting has changed that registrations depend on.
    Refresh,
}

/// The queue and its eventfd.
#[derive(Debug)]
pub(crate) struct Mailbox {
    queue: Mutex<VecDeque<Job>>,
    closed: AtomicBool,
    waiting: AtomicUsize,
    event: EventFd,
}

impl Mailbox {
    pub(crate) fn new() -> io::Result<Self> {
        let flags = EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC;
        let event = EventFd::from_flags(flags)?;
        Ok(Self {
            queue: Mutex::default(),
            closed: AtomicBool::new(false),
            waiting: AtomicUsize::new(0),
            event,
        })
    }

    /// The eventfd's number.
    pub(crate) fn fd(&self) -> Fd {
        Fd(self.event.as_fd().as_raw_fd())
    }

    pub(crate) fn event(&self) -> BorrowedFd<'_> {
        self.event.as_fd()
    }

    /// Puts a job into the queue; a full queue gives it back.
    pub(crate) fn put(&self, job: Job) -> Result<(), Job> {
        let mut queue = lock(&self.queue);
        if queue.len() >= CAPACITY || self.closed.load(Ordering::SeqCst) {
            return Err(job);
        }
        queue.push_back(job);
        self.waiting.store(queue.len(), Ordering::SeqCst);
        Ok(())
    }

    pub(crate) fn take(&self) -> Option<Job> {
        let mut queue = lock(&self.queue);
        let job = queue.pop_front();
        self.waiting.store(queue.len(), Ordering::SeqCst);
        job
    }

    /// Takes no more jobs: nobody will do them.
    pub(crate) fn close_queue(&self) {
        let _settled = lock(&self.queue);
        self.closed.store(true, Ordering::SeqCst);
    }

    /// Whether jobs wait.
    pub(crate) fn waiting(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > 0
    }

    /// Makes the eventfd readable.
    pub(crate) fn ring(&self) {
        // It fails only when the counter is at its limit, and then it is readable.
        let _ = self.event.write(1);
    }
}

/// An eventfd of the tool's own, out of the way of the server's numbers.
pub(crate) fn own_eventfd() -> io::Result<OwnedFd> {
    let flags = EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC;
    let fd = EventFd::from_flags(flags)?;
    Ok(crate::sys::descriptor::out_of_the_way(fd.into()))
}
