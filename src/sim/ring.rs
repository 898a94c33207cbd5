//! io_uring: two queues, and operations that wait for a file without a thread (io_uring/).
//!
//! What a wake-up sets going is not done there and then but as task work of the thread that made the
//! call, when that goes back to its program: the operation is tried again, and completes or is armed
//! anew.

mod flight;

use std::collections::VecDeque;

use crate::event::{Cqe, Errno, Fd, FileId, LaneId, Mask, Reason, Ret, RingOp, RingState, Sqe};

use super::file::What;
use super::thread::Sleep;
use super::{KernelModel, Place, Woke};
use flight::Flight;

/// One instance (struct io_ring_ctx).
#[derive(Clone, Debug)]
pub(super) struct Ring {
    /// Room for SQEs: a power of two; there is room for twice as many CQEs.
    entries: usize,
    written: VecDeque<Sqe>,
    posted: VecDeque<Cqe>,
    /// What found no room, oldest first. While there is any, everything goes here.
    overflow: VecDeque<Cqe>,
    /// Completions that are posted together at the end of a submission or of task work, with the
    /// files that their operations held (`compl_reqs`).
    batch: Vec<(Cqe, Option<FileId>)>,
    /// Operations that wait.
    flights: Vec<Flight>,
}

/// Task work: an operation of a ring.
pub(super) type Work = (FileId, u64);

impl KernelModel {
    /// `io_uring_setup(2)` with so many entries, rounded up to a power of two.
    pub fn ring(&mut self, at: Place, entries: u32) {
        self.install(at, What::Ring);
        let ring = Ring {
            entries: usize::try_from(entries).unwrap_or(1).max(1).next_power_of_two(),
            written: VecDeque::new(),
            posted: VecDeque::new(),
            overflow: VecDeque::new(),
            batch: Vec::new(),
            flights: Vec::new(),
        };
        self.rings.insert(at.file, ring);
    }

    /// Writes an SQE.
    ///
    /// # Errors
    /// EBADF or EOPNOTSUPP if the number is no ring, EBUSY if there is no room for one more.
    pub fn ring_write(&mut self, fd: Fd, sqe: Sqe) -> Result<(), Errno> {
        let ring = self.ring_at(fd)?;
        let ring = self.rings.get_mut(&ring).ok_or(Errno::EOPNOTSUPP)?;
        if ring.written.len() >= ring.entries {
            return Err(Errno::EBUSY);
        }
        ring.written.push_back(sqe);
        Ok(())
    }

    /// Takes up to `max` CQEs, oldest first.
    ///
    /// # Errors
    /// EBADF or EOPNOTSUPP if the number is no ring.
    pub fn ring_take(&mut self, fd: Fd, max: usize) -> Result<Vec<Cqe>, Errno> {
        let ring = self.ring_at(fd)?;
        let ring = self.rings.get_mut(&ring).ok_or(Errno::EOPNOTSUPP)?;
        let count = ring.posted.len().min(max);
        Ok(ring.posted.drain(..count).collect())
    }

    /// What a ring holds; `None` if the number is none.
    pub fn ring_state(&self, fd: Fd) -> Option<RingState> {
        let ring = self.rings.get(&self.ring_at(fd).ok()?)?;
        let mut armed: Vec<_> = ring.flights.iter().map(|one| one.sqe.op.number()).collect();
        armed.sort_unstable();
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Some(RingState {
            written: count(ring.written.len()),
            posted: count(ring.posted.len()),
            overflow: !ring.overflow.is_empty(),
            armed,
        })
    }

    /// `io_uring_enter(2)`: submits up to so many SQEs, and sleeps until `wait` CQEs are there to be
    /// taken. What overflowed is posted if it waits, or if anything had before the call
    /// (`IORING_ENTER_GETEVENTS`).
    ///
    /// # Errors
    /// EBADF or EOPNOTSUPP if the number is no ring; then the thread has returned with that.
    pub fn ring_enter(
        &mut self,
        thread: LaneId,
        fd: Fd,
        submit: u32,
        wait: u32,
    ) -> Result<(), Errno> {
        let id = self.ring_at(fd)?;
        self.hold(id);
        let count = self.submit(id, submit, wait > 0);
        // What finds less to submit than it was told waits for nothing.
        let wait = if count < u64::from(submit) { 0 } else { wait };
        let wait = usize::try_from(wait).unwrap_or(usize::MAX);
        self.threads.insert(thread, Sleep::Ring { ring: id, count, wait });
        self.wake_ring(id);
        self.settle();
        Ok(())
    }

    /// The same by the main thread, which waits for none: how many were submitted.
    ///
    /// # Errors
    /// EBADF or EOPNOTSUPP if the number is no ring.
    pub fn ring_submit(&mut self, fd: Fd, submit: u32) -> Result<u64, Errno> {
        let id = self.ring_at(fd)?;
        Ok(self.submit(id, submit, false))
    }

    fn submit(&mut self, id: FileId, submit: u32, waits: bool) -> u64 {
        let flushes = waits || self.rings.get(&id).is_some_and(|one| !one.overflow.is_empty());
        let mut count = 0;
        while count < u64::from(submit) {
            let sqe = self.rings.get_mut(&id).and_then(|ring| ring.written.pop_front());
            let Some(sqe) = sqe else { break };
            count += 1;
            self.issue(id, sqe);
        }
        self.post_batch(id);
        self.settle();
        if flushes && count == u64::from(submit) {
            self.flush_overflow(id);
            self.settle();
        }
        count
    }

    fn ring_at(&self, fd: Fd) -> Result<FileId, Errno> {
        let (file, what) = self.what_at(fd)?;
        if matches!(what, What::Ring) { Ok(file) } else { Err(Errno::EOPNOTSUPP) }
    }

    /// What a ring answers to poll (`io_uring_poll`).
    pub(super) fn peek_ring(&self, id: FileId) -> Mask {
        let Some(ring) = self.rings.get(&id) else { return Mask::EMPTY };
        let read = Mask::IN | Mask::RDNORM;
        let write = Mask::OUT | Mask::WRNORM;
        let events = !ring.posted.is_empty() || !ring.overflow.is_empty();
        Mask::EMPTY.with(read, events).with(write, ring.written.len() < ring.entries)
    }

    // --- submitting

    fn issue(&mut self, id: FileId, sqe: Sqe) {
        let done = match sqe.op {
            RingOp::Nop => Ok(0),
            RingOp::Cancel => self.cancel(id, sqe.target),
            // No case writes these.
            RingOp::Accept | RingOp::Read => Err(Errno::EINVAL),
            RingOp::Recv | RingOp::Send | RingOp::Poll => match self.file_of(&sqe) {
                Ok(file) => {
                    self.hold(file);
                    self.last_op += 1;
                    return self.attempt(id, Flight::new(self.last_op, sqe, file));
                }
                Err(errno) => Err(errno),
            },
        };
        self.complete(id, sqe.id, done, None);
    }

    /// The file of an operation, if it is one that has it.
    fn file_of(&self, sqe: &Sqe) -> Result<FileId, Errno> {
        match sqe.op {
            RingOp::Poll => self.file_at(sqe.fd),
            _ => self.socket(sqe.fd).map(|(file, ..)| file),
        }
    }

    // --- completing

    /// An operation is over; its completion is posted with the others of its batch.
    fn complete(&mut self, id: FileId, op: u64, done: Result<u64, Errno>, file: Option<FileId>) {
        let ret = done.map_or_else(Ret::err, |n| Ret::ok(i64::try_from(n).unwrap_or(i64::MAX)));
        if let Some(ring) = self.rings.get_mut(&id) {
            ring.batch.push((Cqe { id: op, ret, more: false, buffer: None }, file));
        }
    }

    /// The completions of a batch are posted, and its files let go.
    fn post_batch(&mut self, id: FileId) {
        for file in self.post_only(id) {
            self.drop_ref(file);
        }
    }

    /// The completions of a batch are posted; the files that it held, which are still to be let go.
    fn post_only(&mut self, id: FileId) -> Vec<FileId> {
        let Some(ring) = self.rings.get_mut(&id) else { return Vec::new() };
        let batch = std::mem::take(&mut ring.batch);
        if batch.is_empty() {
            return Vec::new();
        }
        for (cqe, _) in &batch {
            ring.post(*cqe);
        }
        self.tell_ring(id);
        batch.into_iter().filter_map(|(_, file)| file).collect()
    }

    /// Whoever waits for completions hears of them (`io_cqring_wake`).
    fn tell_ring(&mut self, id: FileId) {
        self.wake(id, Mask::IN, true, Reason::Arrived(None));
        self.wake_ring(id);
    }

    /// Threads in io_uring_enter that have what they wait for return.
    fn wake_ring(&mut self, id: FileId) {
        let Some(posted) = self.rings.get(&id).map(|ring| ring.posted.len()) else { return };
        let content = |sleep: &Sleep| matches!(sleep, Sleep::Ring { ring, wait, .. } if *ring == id && posted >= *wait);
        let threads = self.threads.iter().filter(|(_, sleep)| content(sleep));
        for thread in threads.map(|(thread, _)| *thread).collect::<Vec<_>>() {
            if let Some(Sleep::Ring { count, .. }) = self.threads.get(&thread) {
                let count = *count;
                self.leave(thread, Woke::Number(Ok(count)));
            }
        }
    }

    /// What overflowed is posted as far as there is room by now (`__io_cqring_overflow_flush`).
    fn flush_overflow(&mut self, id: FileId) {
        let Some(ring) = self.rings.get_mut(&id) else { return };
        let before = ring.posted.len();
        while ring.has_room() {
            let Some(cqe) = ring.overflow.pop_front() else { break };
            ring.posted.push_back(cqe);
        }
        if ring.posted.len() > before {
            self.tell_ring(id);
        }
    }

    /// The last descriptor of a ring is closed: what was in flight ends.
    pub(super) fn release_ring(&mut self, id: FileId) {
        let Some(ring) = self.rings.remove(&id) else { return };
        for flight in ring.flights {
            self.unhook_flight(&flight);
            self.drop_ref(flight.file);
        }
    }
}

impl Ring {
    fn has_room(&self) -> bool {
        self.posted.len() < 2 * self.entries
    }

    fn post(&mut self, cqe: Cqe) {
        if self.overflow.is_empty() && self.has_room() {
            self.posted.push_back(cqe);
        } else {
            self.overflow.push_back(cqe);
        }
    }
}
