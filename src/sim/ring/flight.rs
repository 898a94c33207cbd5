//! An operation that waits for its file (io_uring/poll.c).

use crate::event::{Cqe, Errno, FileId, Mask, Ret, RingOp, Sqe};
use crate::sim::KernelModel;
use crate::sim::queue::Hook;
use crate::sim::thread::NVAL;
use crate::sim::wakes::{READABLE, WRITABLE};

/// What every armed operation hears of beside what it asked for (`IO_POLL_UNMASK`).
const ALWAYS: Mask = Mask(Mask::ERR.0 | Mask::HUP.0 | Mask::RDHUP.0 | NVAL.0);

/// An operation in flight (struct io_kiocb with its async_poll).
#[derive(Clone, Debug)]
pub(super) struct Flight {
    /// The model's number for it.
    serial: u64,
    pub(super) sqe: Sqe,
    /// It holds the file, whatever becomes of the number.
    pub(super) file: FileId,
    /// Wake-ups since its work was done last (`poll_refs`).
    wakes: u32,
    /// The key of the first of them.
    key: Mask,
    cancelled: bool,
}

impl Flight {
    pub(super) fn new(serial: u64, sqe: Sqe, file: FileId) -> Self {
        Self { serial, sqe, file, wakes: 0, key: Mask::EMPTY, cancelled: false }
    }

    /// What its poll asks for.
    fn want(&self) -> Mask {
        ALWAYS
            | match self.sqe.op {
                RingOp::Poll => self.sqe.mask,
                RingOp::Send => WRITABLE | Mask::PRI,
                _ => READABLE | Mask::PRI,
            }
    }

    fn ends_at_once(&self) -> bool {
        self.sqe.op != RingOp::Poll || !self.sqe.multi
    }
}

impl KernelModel {
    /// An operation is tried; it completes, or is armed.
    pub(super) fn attempt(&mut self, ring: FileId, flight: Flight) {
        let result = match flight.sqe.op {
            RingOp::Recv => self.read_of(flight.file, flight.sqe.len.into()),
            RingOp::Send => self.write_of(flight.file, flight.sqe.len.into()),
            _ => Err(Errno::EAGAIN),
        };
        if result != Err(Errno::EAGAIN) {
            return self.complete(ring, flight.sqe.id, result, Some(flight.file));
        }
        let ready = self.poll_file(flight.file) & flight.want();
        let polls = flight.sqe.op == RingOp::Poll;
        if polls && flight.ends_at_once() && !ready.is_empty() {
            let mask = u64::from(ready.0);
            return self.complete(ring, flight.sqe.id, Ok(mask), Some(flight.file));
        }
        // A send that finds no room, though poll says something: the kernel tries it some times and
        // hands it to a thread of its own.
        self.doubt.stuck |= !polls && !ready.is_empty();
        let (serial, flaw) = (flight.serial, self.flaw);
        let hook = Hook::Ring { ring, serial, want: flight.want() - Mask::PRI };
        if let Some(file) = self.files.get_mut(&flight.file) {
            file.queue.hook(hook, flaw);
        }
        if let Some(ring) = self.rings.get_mut(&ring) {
            ring.flights.push(flight);
        }
        if polls && !ready.is_empty() {
            self.wake_flight(ring, serial, ready);
        }
    }

    /// The operation with this `user_data` is to end (`io_poll_cancel`).
    pub(super) fn cancel(&mut self, ring: FileId, target: u64) -> Result<u64, Errno> {
        let flights = self.rings.get_mut(&ring).map(|ring| &mut ring.flights);
        let flight = flights.into_iter().flatten().find(|one| one.sqe.id == target);
        let flight = flight.ok_or(Errno::ENOENT)?;
        flight.cancelled = true;
        let work = (ring, flight.serial);
        if flight.wakes == 0 {
            self.ring_work.push_back(work);
        }
        Ok(0)
    }

    /// A wake-up of the file of an operation (`io_poll_wake`). One that ends with it leaves the queue
    /// there and then, unless nothing was said of what happened.
    pub(in crate::sim) fn wake_flight(&mut self, ring: FileId, serial: u64, key: Mask) {
        let flights = self.rings.get_mut(&ring).map(|ring| &mut ring.flights);
        let flight = flights.into_iter().flatten().find(|one| one.serial == serial);
        let Some(flight) = flight else { return };
        flight.wakes += 1;
        if flight.wakes == 1 {
            flight.key = key;
            if !flight.cancelled {
                self.ring_work.push_back((ring, serial));
            }
        }
        if !key.is_empty() && flight.ends_at_once() {
            let gone = flight.clone();
            self.unhook_flight(&gone);
        }
    }

    pub(super) fn unhook_flight(&mut self, flight: &Flight) {
        if let Some(file) = self.files.get_mut(&flight.file) {
            file.queue.unhook_flight(flight.serial);
        }
    }

    /// Task work is done that was set going so far; what that sets going is the next round's. Whether
    /// there was any.
    ///
    /// A file that it lets go is released when the round is over: that is task work, too
    /// (fs/file_table.c: `fput`). An operation that is armed by then hears of the release.
    pub(in crate::sim) fn do_ring_work(&mut self) -> bool {
        let round = std::mem::take(&mut self.ring_work);
        let (mut last, mut puts) = (None, Vec::new());
        for (ring, serial) in &round {
            if let Some(before) = last.filter(|before| before != ring) {
                puts.extend(self.post_only(before));
            }
            last = Some(*ring);
            self.do_work(*ring, *serial, &mut puts);
        }
        if let Some(ring) = last {
            puts.extend(self.post_only(ring));
        }
        for file in puts {
            self.drop_ref(file);
        }
        !round.is_empty()
    }

    /// `io_poll_task_func`
    fn do_work(&mut self, ring: FileId, serial: u64, puts: &mut Vec<FileId>) {
        let Some(flights) = self.rings.get_mut(&ring).map(|ring| &mut ring.flights) else { return };
        let Some(at) = flights.iter().position(|one| one.serial == serial) else { return };
        let mut flight = flights.remove(at);
        let (wakes, key) = (std::mem::take(&mut flight.wakes), std::mem::take(&mut flight.key));
        if flight.cancelled {
            self.unhook_flight(&flight);
            let errno = Err(Errno::ECANCELED);
            return self.complete(ring, flight.sqe.id, errno, Some(flight.file));
        }
        if flight.sqe.op != RingOp::Poll {
            self.unhook_flight(&flight);
            return self.attempt(ring, flight);
        }
        let told = if wakes == 1 { key & flight.want() } else { Mask::EMPTY };
        let told = if told.is_empty() { self.poll_file(flight.file) & flight.want() } else { told };
        if flight.ends_at_once() {
            self.unhook_flight(&flight);
            // Somebody else was first: it is armed anew.
            if told.is_empty() {
                self.attempt(ring, flight);
            } else {
                self.complete(ring, flight.sqe.id, Ok(told.0.into()), Some(flight.file));
            }
            return;
        }
        self.polled_again(ring, flight, told, puts);
    }

    /// A poll that goes on posts a completion at once, if there is room; else it ends with it.
    fn polled_again(&mut self, id: FileId, flight: Flight, told: Mask, puts: &mut Vec<FileId>) {
        if !told.is_empty() {
            // What is over by then comes before it (`io_req_post_cqe`).
            puts.extend(self.post_only(id));
        }
        let Some(ring) = self.rings.get_mut(&id) else { return };
        if told.is_empty() {
            ring.flights.push(flight);
            return;
        }
        if ring.overflow.is_empty() && ring.has_room() {
            let ret = Ret::ok(told.0.into());
            ring.post(Cqe { id: flight.sqe.id, ret, more: true, buffer: None });
            ring.flights.push(flight);
            self.tell_ring(id);
            return;
        }
        self.unhook_flight(&flight);
        self.complete(id, flight.sqe.id, Ok(told.0.into()), Some(flight.file));
    }
}
