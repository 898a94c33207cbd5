//! An io_uring (io_uring(7)): operations with the memory that the kernel may touch until they are
//! over, and buffers that it chooses from.
//!
//! ```text
//! write ──> SQ ──enter──> in flight ──> CQ ──> take
//!   memory moves in                      memory, buffer or descriptor moves out
//! ```
#![expect(unsafe_code, reason = "the kernel uses memory after the call that names it has returned")]

mod buffers;
mod denied;

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::Duration;

use io_uring::{IoUring, cqueue, opcode, squeue, types};
use nix::errno::Errno;
use nix::libc;
use rustc_hash::FxHashMap;

use self::buffers::Buffers;
use super::descriptor::raw::owned;

pub use self::denied::Denied;

/// `IORING_ENTER_GETEVENTS`: wait for completions, and post what found no room.
pub const GETEVENTS: u32 = 1;
/// `IORING_ENTER_EXT_ARG`: the call has a timeout.
pub const EXT_ARG: u32 = 1 << 3;

/// The group of the one ring of buffers.
const GROUP: u16 = 0;

/// How large a ring is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// SQEs, a power of two.
    pub submissions: u32,
    /// CQEs, a power of two, not fewer.
    pub completions: u32,
    /// Buffers that the kernel chooses from, a power of two.
    pub buffers: u16,
    /// Bytes of each.
    pub buffer_bytes: u32,
}

/// An operation. What it needs of memory moves into the ring, and out of it with its last
/// completion.
#[derive(Debug, PartialEq, Eq)]
pub enum Operation {
    /// `IORING_OP_NOP`
    Nop,
    /// `IORING_OP_ACCEPT` of non-blocking connections; one, or until it ends.
    Accept {
        /// The listener.
        fd: i32,
        /// Whether it goes on after a completion.
        multi: bool,
    },
    /// `IORING_OP_RECV` into buffers of the ring, until it ends.
    RecvMulti {
        /// The socket.
        fd: i32,
    },
    /// `IORING_OP_RECV` of at most so many bytes, once.
    Recv {
        /// The socket.
        fd: i32,
        /// Bytes.
        len: u32,
    },
    /// `IORING_OP_SEND` with `MSG_NOSIGNAL`.
    Send {
        /// The socket.
        fd: i32,
        /// What is sent.
        bytes: Vec<u8>,
    },
    /// `IORING_OP_READ` of at most so many bytes, once.
    Read {
        /// The file.
        fd: i32,
        /// Bytes.
        len: u32,
    },
    /// `IORING_OP_POLL_ADD`
    Poll {
        /// The file.
        fd: i32,
        /// Bits of poll(2).
        mask: u32,
        /// Whether it goes on after a completion.
        multi: bool,
    },
    /// `IORING_OP_ASYNC_CANCEL` of the first operation with this `user_data`.
    Cancel {
        /// Which.
        target: u64,
    },
}

/// What comes with a completion beside its result.
#[derive(Debug)]
pub enum Gain {
    /// Nothing.
    None,
    /// A connection that was accepted.
    Accepted(OwnedFd),
    /// The number of the buffer that the bytes are in: to be given back.
    Buffer(u16),
    /// The memory of an operation that is over.
    Memory(Vec<u8>),
}

/// A completion that was taken.
#[derive(Debug)]
pub struct Completion<T> {
    /// `user_data`
    pub id: u64,
    /// What was noted of its operation.
    pub note: T,
    /// `res`: a value, or a negated error number.
    pub res: i32,
    /// `IORING_CQE_F_MORE`: the operation goes on.
    pub more: bool,
    /// What comes with it.
    pub gain: Gain,
}

/// A completion that is posted and not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Posted {
    /// `user_data`
    pub id: u64,
    /// `res`
    pub res: i32,
    /// `IORING_CQE_F_MORE`
    pub more: bool,
    /// The buffer that the bytes are in.
    pub buffer: Option<u16>,
}

/// Where the queues begin and end: counters that wrap at 2^32.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Heads {
    /// SQEs that the kernel has taken.
    pub sq_head: u32,
    /// SQEs written.
    pub sq_tail: u32,
    /// CQEs taken.
    pub cq_head: u32,
    /// CQEs posted.
    pub cq_tail: u32,
    /// Completions found no room in the CQ (`IORING_SQ_CQ_OVERFLOW`).
    pub overflow: bool,
    /// Completions wait for the owner to enter the kernel (`IORING_SQ_TASKRUN`).
    pub taskrun: bool,
}

/// An operation that is written and not over.
#[derive(Debug)]
struct Flight<T> {
    note: T,
    /// It accepts: a result is a descriptor.
    accepts: bool,
    /// What the kernel may touch.
    keeps: Vec<u8>,
}

/// A ring, with a note of type `T` for each operation in flight.
pub struct Ring<T> {
    /// `None` once it is dropped.
    queues: Option<IoUring>,
    flights: FxHashMap<u64, Flight<T>>,
    buffers: Option<Buffers>,
    written: u32,
    taken: u32,
}

impl<T> std::fmt::Debug for Ring<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (fd, flights) = (self.number(), self.flights.len());
        f.debug_struct("Ring").field("fd", &fd).field("flights", &flights).finish_non_exhaustive()
    }
}

/// What `io_uring_setup(2)` is passed as flags.
pub const SETUP_FLAGS: u32 = SETUP_CQSIZE | SETUP_COOP | SETUP_TASKRUN_FLAG | SETUP_SINGLE_ISSUER;
const SETUP_CQSIZE: u32 = 1 << 3;
const SETUP_COOP: u32 = 1 << 8;
const SETUP_TASKRUN_FLAG: u32 = 1 << 9;
const SETUP_SINGLE_ISSUER: u32 = 1 << 12;

impl<T> Ring<T> {
    /// `io_uring_setup(2)` of a server's ring, without buffers yet. It belongs to one thread
    /// (`IORING_SETUP_SINGLE_ISSUER`), and completes while that is held or sleeps elsewhere
    /// (`IORING_SETUP_COOP_TASKRUN`).
    ///
    /// # Errors
    /// Why there is none.
    pub fn new(sizes: Sizes) -> Result<Self, Denied> {
        let mut builder = IoUring::builder();
        builder.setup_cqsize(sizes.completions).setup_coop_taskrun();
        builder.setup_taskrun_flag().setup_single_issuer();
        let uring = builder.build(sizes.submissions).map_err(|error| Denied::of(&error))?;
        Ok(Self::with(uring))
    }

    /// `io_uring_setup(2)` without flags, with room for so many SQEs, rounded up to a power of two,
    /// and twice as many CQEs: every thread may enter it.
    ///
    /// # Errors
    /// Why there is none.
    pub fn plain(entries: u32) -> Result<Self, Denied> {
        Ok(Self::with(IoUring::new(entries).map_err(|error| Denied::of(&error))?))
    }

    fn with(uring: IoUring) -> Self {
        let (queues, flights) = (Some(uring), FxHashMap::default());
        Self { queues, flights, buffers: None, written: 0, taken: 0 }
    }

    /// `io_uring_register(2)` of a ring of buffers, all of which the kernel may choose from then on.
    ///
    /// # Errors
    /// Why there is none.
    pub fn register_buffers(&mut self, sizes: Sizes) -> Result<(), Denied> {
        let Some(uring) = &self.queues else { return Err(Denied::Other(Errno::EBADF as i32)) };
        let mut buffers = Buffers::new(sizes.buffers, sizes.buffer_bytes)
            .ok_or_else(|| Denied::of(&io::ErrorKind::OutOfMemory.into()))?;
        let (address, count) = (buffers.ring_address(), buffers.count());
        // SAFETY: the address is that of `count` entries, aligned to a page, which live until this
        // ring is dropped, and for ever if operations are in flight then
        // (io_uring_register_buf_ring(3)).
        let done =
            unsafe { uring.submitter().register_buf_ring_with_flags(address, count, GROUP, 0) };
        done.map_err(|error| Denied::of(&error))?;
        for number in 0..count {
            buffers.give(number);
        }
        self.buffers = Some(buffers);
        Ok(())
    }

    /// Whether such a ring can be had: a small one is made.
    ///
    /// # Errors
    /// Why not.
    pub fn probe() -> Result<(), Denied> {
        let sizes = Sizes { submissions: 2, completions: 4, buffers: 2, buffer_bytes: 64 };
        Self::new(sizes)?.register_buffers(sizes)
    }

    /// Its descriptor; -1 once it is closed.
    pub fn number(&self) -> i32 {
        self.queues.as_ref().map_or(-1, AsRawFd::as_raw_fd)
    }

    /// How many operations are written and not over.
    pub fn in_flight(&self) -> usize {
        self.flights.len()
    }

    /// The operations that are written and not over, in no particular order.
    pub fn flights(&self) -> impl Iterator<Item = (u64, &T)> {
        self.flights.iter().map(|(id, flight)| (*id, &flight.note))
    }

    /// What was noted of an operation that is not over.
    pub fn note(&self, id: u64) -> Option<&T> {
        self.flights.get(&id).map(|flight| &flight.note)
    }

    /// How many buffers there are.
    pub fn buffers(&self) -> u16 {
        self.buffers.as_ref().map_or(0, Buffers::count)
    }

    /// Whether the SQ has no room: an enter makes some.
    pub fn is_full(&mut self) -> bool {
        self.queues.as_mut().is_some_and(|uring| uring.submission().is_full())
    }

    /// Writes an operation, which the next enter submits. `id` is that of no other one in
    /// flight.
    ///
    /// # Errors
    /// The operation: there is no room for one more, or `id` is taken.
    pub fn write(&mut self, id: u64, operation: Operation, note: T) -> Result<(), Operation> {
        let Some(uring) = &mut self.queues else { return Err(operation) };
        if self.flights.contains_key(&id) || uring.submission().is_full() {
            return Err(operation);
        }
        let accepts = matches!(operation, Operation::Accept { .. });
        let (entry, keeps) = entry(operation);
        // SAFETY: what the entry points at is the memory of `keeps`, which does not move when the
        // vector does. It stays in `flights` until the kernel has posted the last completion of the
        // operation, and is leaked if the ring is dropped before (io_uring_enter(2)).
        let pushed = unsafe { uring.submission().push(&entry.user_data(id)) };
        debug_assert!(pushed.is_ok(), "there was room");
        self.flights.insert(id, Flight { note, accepts, keeps });
        self.written = self.written.wrapping_add(1);
        Ok(())
    }

    /// `io_uring_enter(2)`: how many SQEs were submitted. With a timeout the flag [`EXT_ARG`] is
    /// added.
    ///
    /// # Errors
    /// What io_uring_enter(2) lists; ETIME if the timeout has passed.
    pub fn enter(
        &self,
        submit: u32,
        wait: u32,
        flags: u32,
        timeout: Option<Duration>,
    ) -> Result<u32, Errno> {
        let Some(uring) = &self.queues else { return Err(Errno::EBADF) };
        let submitter = uring.submitter();
        let done = match timeout {
            None => {
                // SAFETY: the call is passed numbers and no signal mask; what the operations point
                // at is kept by `flights` (io_uring_enter(2)).
                unsafe { submitter.enter::<u64>(submit, wait, flags, None) }
            }
            Some(timeout) => {
                let time = types::Timespec::from(timeout);
                let args = types::SubmitArgs::new().timespec(&time);
                submitter.submit_with_args(usize::try_from(wait).unwrap_or(1), &args)
            }
        };
        let count = done.map_err(|error| Errno::from_raw(error.raw_os_error().unwrap_or(0)))?;
        Ok(u32::try_from(count).unwrap_or(u32::MAX))
    }

    /// Where the queues begin and end.
    pub fn heads(&mut self) -> Heads {
        let (written, taken) = (self.written, self.taken);
        let Some(uring) = &mut self.queues else { return Heads::default() };
        let short = |len: usize| u32::try_from(len).unwrap_or(0);
        let posted = short(uring.completion().len());
        let sq = uring.submission();
        Heads {
            sq_head: written.wrapping_sub(short(sq.len())),
            sq_tail: written,
            cq_head: taken,
            cq_tail: taken.wrapping_add(posted),
            overflow: sq.cq_overflow(),
            taskrun: sq.taskrun(),
        }
    }

    /// Appends what is posted and not taken, oldest first; it stays where it is.
    pub fn posted(&mut self, to: &mut Vec<Posted>) {
        let Some(uring) = &mut self.queues else { return };
        let mut queue = uring.completion();
        to.extend(queue.by_ref().map(|cqe| Posted {
            id: cqe.user_data(),
            res: cqe.result(),
            more: cqueue::more(cqe.flags()),
            buffer: cqueue::buffer_select(cqe.flags()),
        }));
        // Its end would tell the kernel that they are taken.
        std::mem::forget(queue);
    }

    /// Takes the oldest completion, if one is posted.
    pub fn take(&mut self) -> Option<Completion<T>>
    where
        T: Copy,
    {
        let cqe = self.queues.as_mut()?.completion().next()?;
        self.taken = self.taken.wrapping_add(1);
        let (id, res, flags) = (cqe.user_data(), cqe.result(), cqe.flags());
        let more = cqueue::more(flags);
        let flight = self.flights.get(&id)?;
        let (note, accepts) = (flight.note, flight.accepts);
        let memory = if more { None } else { self.flights.remove(&id).map(|flight| flight.keeps) };
        let gain = match (cqueue::buffer_select(flags), &mut self.buffers) {
            (Some(number), Some(buffers)) => {
                buffers.took(number);
                Gain::Buffer(number)
            }
            _ if accepts && res >= 0 => Gain::Accepted(owned(res)),
            _ => memory.filter(|memory| memory.capacity() > 0).map_or(Gain::None, Gain::Memory),
        };
        Some(Completion { id, note, res, more, gain })
    }

    /// The first `len` bytes of a buffer that came with a completion; none if it was given back.
    pub fn bytes(&self, buffer: u16, len: usize) -> &[u8] {
        self.buffers.as_ref().map_or(&[], |buffers| buffers.bytes(buffer, len))
    }

    /// Gives a buffer back, which the kernel may choose from then on.
    pub fn give(&mut self, buffer: u16) {
        if let Some(buffers) = &mut self.buffers {
            buffers.give(buffer);
        }
    }
}

impl<T> Drop for Ring<T> {
    /// The kernel ends what is in flight some time after the ring is closed: until then it may
    /// write, so that the memory stays where it is for ever.
    fn drop(&mut self) {
        drop(self.queues.take());
        if !self.flights.is_empty() {
            std::mem::forget(self.buffers.take());
        }
        for (_, flight) in self.flights.drain() {
            std::mem::forget(flight.keeps);
        }
    }
}

/// `io_uring_enter(2)` without a signal mask, by any thread: how many SQEs were submitted. It touches
/// the queues of the ring alone, and what its operations point at.
///
/// # Errors
/// What io_uring_enter(2) lists.
pub fn enter(ring: i32, submit: u32, wait: u32, flags: u32) -> Result<u32, Errno> {
    let none = std::ptr::null::<libc::sigset_t>();
    // SAFETY: the call takes numbers and a null pointer; the memory of the operations is kept by
    // `Ring` until they are over (io_uring_enter(2)).
    let done = unsafe {
        libc::syscall(libc::SYS_io_uring_enter, ring, submit, wait, flags, none, SIGSET_BYTES)
    };
    Errno::result(done).map(|count| u32::try_from(count).unwrap_or(0))
}

/// Bytes of the kernel's signal set.
const SIGSET_BYTES: libc::c_long = 8;

/// The SQE of an operation, and the memory that it points at.
fn entry(operation: Operation) -> (squeue::Entry, Vec<u8>) {
    let length = |bytes: &Vec<u8>| u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    let room = |len: u32| vec![0; usize::try_from(len).unwrap_or(0)];
    match operation {
        Operation::Accept { fd, multi } => {
            let flags = libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
            let nobody = std::ptr::null_mut();
            let entry = if multi {
                opcode::AcceptMulti::new(types::Fd(fd)).flags(flags).build()
            } else {
                opcode::Accept::new(types::Fd(fd), nobody, nobody.cast()).flags(flags).build()
            };
            (entry, Vec::new())
        }
        Operation::RecvMulti { fd } => {
            (opcode::RecvMulti::new(types::Fd(fd), GROUP).build(), Vec::new())
        }
        Operation::Recv { fd, len } => {
            let mut bytes = room(len);
            (opcode::Recv::new(types::Fd(fd), bytes.as_mut_ptr(), len).build(), bytes)
        }
        Operation::Send { fd, bytes } => {
            let send = opcode::Send::new(types::Fd(fd), bytes.as_ptr(), length(&bytes));
            (send.flags(libc::MSG_NOSIGNAL).build(), bytes)
        }
        Operation::Read { fd, len } => {
            let mut bytes = room(len);
            (opcode::Read::new(types::Fd(fd), bytes.as_mut_ptr(), len).build(), bytes)
        }
        Operation::Poll { fd, mask, multi } => {
            (opcode::PollAdd::new(types::Fd(fd), mask).multi(multi).build(), Vec::new())
        }
        Operation::Nop => (opcode::Nop::new().build(), Vec::new()),
        Operation::Cancel { target } => (opcode::AsyncCancel::new(target).build(), Vec::new()),
    }
}

#[cfg(test)]
mod tests;
