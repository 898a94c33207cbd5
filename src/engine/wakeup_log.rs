//! The edge log's reader: one lock around reading and stamping, taken by an observer thread and,
//! around each epoll call, by the server's threads themselves.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, TryLockError};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::lock;
use super::tap::RingWriter;
use crate::event::{Fd, FileKind, Kind, Mask, Nanos, Wakeup, WakeupLog};
use crate::kernel::queues;
use crate::kernel::wakeup_log::{BATCH, LogEntry, Reader};

/// How long a server thread tries for the lock before it goes on without.
const PATIENCE: Duration = Duration::from_micros(20);
/// Files of one look whose queue lengths are asked for.
const ASK_MAX: usize = 16;
/// Full reads of one look; wake-ups that come faster are left for the next.
const READS_MAX: usize = 64;
/// How long the observer leaves the log alone after a look.
const REST_MS: u16 = 1;

/// The log, shared by all who read it.
#[derive(Debug)]
pub(crate) struct SharedWakeupLog {
    on: AtomicBool,
    /// The queue of signals has been found full since that was last asked.
    overflowed: AtomicBool,
    log: Mutex<Log>,
    listeners: Vec<Fd>,
    /// A second number of the signalfd, for the observer's poll.
    readable: OwnedFd,
}

#[derive(Debug)]
struct Log {
    reader: Reader,
    lane: RingWriter,
    /// When the previous look began.
    looked: Nanos,
    batch: Vec<(Fd, Mask)>,
}

impl SharedWakeupLog {
    /// Opens the log and forgets what an earlier one left in the queue.
    pub(crate) fn open(lane: RingWriter, listeners: Vec<Fd>) -> io::Result<Self> {
        let mut reader = Reader::open()?;
        while reader.read(|_| {}) > 0 {}
        let readable = crate::sys::descriptor::out_of_the_way(reader.as_fd().try_clone_to_owned()?);
        let batch = Vec::with_capacity(BATCH);
        let log = Mutex::new(Log { reader, lane, looked: Nanos(0), batch });
        let (on, overflowed) = (AtomicBool::new(true), AtomicBool::new(false));
        Ok(Self { on, overflowed, log, listeners, readable })
    }

    /// Whether the queue of signals was full since this was last asked.
    pub(crate) fn has_overflowed(&self) -> bool {
        self.overflowed.load(Ordering::Relaxed) && self.overflowed.swap(false, Ordering::SeqCst)
    }

    fn look(&self, log: &mut Log) -> WakeupLog {
        let (state, overflow) = log.look(&self.listeners);
        if overflow {
            self.overflowed.store(true, Ordering::SeqCst);
        }
        state
    }

    pub(crate) fn is_on(&self) -> bool {
        self.on.load(Ordering::Relaxed)
    }

    pub(crate) fn set(&self, on: bool) {
        self.on.store(on, Ordering::SeqCst);
    }

    /// Reads all that is there, unless somebody else is at it for too long.
    pub(crate) fn drain(&self) -> WakeupLog {
        if !self.is_on() {
            return WakeupLog::Off;
        }
        match self.try_lock() {
            Some(mut log) => self.look(&mut log),
            None => WakeupLog::Skipped,
        }
    }

    /// Reads all that is there, after anybody who is at it.
    pub(crate) fn drain_surely(&self) {
        if self.is_on() {
            self.look(&mut lock(&self.log));
        }
    }

    fn try_lock(&self) -> Option<MutexGuard<'_, Log>> {
        let mut until = None;
        loop {
            match self.log.try_lock() {
                Ok(log) => return Some(log),
                Err(TryLockError::Poisoned(poisoned)) => return Some(poisoned.into_inner()),
                Err(TryLockError::WouldBlock) => {}
            }
            let limit = *until.get_or_insert_with(|| Instant::now() + PATIENCE);
            if Instant::now() >= limit {
                return None;
            }
            std::hint::spin_loop();
        }
    }

    /// The observer's life: sleep until there is something, look, rest; until `stop` is readable.
    pub(crate) fn observe(&self, stop: &OwnedFd) {
        loop {
            let mut fds = [
                PollFd::new(stop.as_fd(), PollFlags::POLLIN),
                PollFd::new(self.readable.as_fd(), PollFlags::POLLIN),
            ];
            let _interrupted = poll(&mut fds, PollTimeout::NONE);
            if fds[0].any().unwrap_or(false) {
                return;
            }
            self.look(&mut lock(&self.log));
            let mut fds = [PollFd::new(stop.as_fd(), PollFlags::POLLIN)];
            let _interrupted = poll(&mut fds, PollTimeout::from(REST_MS));
        }
    }
}

impl Log {
    /// Reads what is there; what is known by that, and whether the queue of signals was full.
    fn look(&mut self, listeners: &[Fd]) -> (WakeupLog, bool) {
        let (mut state, mut full) = (WakeupLog::Drained, false);
        for _ in 0..READS_MAX {
            let began = self.lane.now();
            self.batch.clear();
            let batch = &mut self.batch;
            let mut overflow = false;
            let count = self.reader.read(|entry| match entry {
                LogEntry::Woken(fd, band) => batch.push((fd, band)),
                LogEntry::Overflow => overflow = true,
            });
            self.tell(listeners);
            self.lane.rest();
            self.looked = began;
            if overflow {
                self.lane.tell(Kind::WakeupLog(WakeupLog::Skipped));
                (state, full) = (WakeupLog::Skipped, true);
            }
            if count < BATCH {
                return (state, full);
            }
        }
        (WakeupLog::Skipped, full)
    }

    fn tell(&mut self, listeners: &[Fd]) {
        let mut asked = 0;
        for index in 0..self.batch.len() {
            let (fd, band) = self.batch[index];
            let last = !self.batch[index + 1..].iter().any(|(later, _)| *later == fd);
            let ask = last && asked < ASK_MAX;
            asked += usize::from(ask);
            let what = if listeners.contains(&fd) { FileKind::Listener } else { FileKind::Pipe };
            let counted = self.lane.now();
            let unread = if ask { queues::of(fd, what).unread } else { None };
            self.lane.wakeup(&Wakeup { fd, band, unread, counted, after: self.looked });
        }
    }
}
