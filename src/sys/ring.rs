//! An io_uring (io_uring(7)): operations are written into memory that the kernel shares, and so are
//! their completions.
#![expect(unsafe_code, reason = "the kernel uses memory after the call that names it has returned")]

use std::collections::BTreeMap;
use std::io;
use std::os::fd::AsRawFd;

use io_uring::{IoUring, cqueue, opcode, squeue, types};
use nix::errno::Errno;
use nix::libc;

/// An operation with its arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// `IORING_OP_NOP`
    Nop,
    /// `IORING_OP_RECV` of at most so many bytes.
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
        /// Bytes.
        len: u32,
    },
    /// `IORING_OP_POLL_ADD`
    Poll {
        /// The file.
        fd: i32,
        /// Bits of poll(2).
        mask: u32,
        /// It goes on after a completion.
        multi: bool,
    },
    /// `IORING_OP_ASYNC_CANCEL` of the first operation with this `user_data`.
    Cancel {
        /// Which.
        target: u64,
    },
}

/// A completion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Completion {
    /// `user_data`
    pub id: u64,
    /// `res`: a value, or a negated error number.
    pub res: i32,
    /// `IORING_CQE_F_MORE`: another one follows.
    pub more: bool,
}

/// A ring with the memory of its operations.
pub struct Ring {
    uring: IoUring,
    /// What the kernel reads and writes until the last completion of each operation, by `user_data`.
    /// A buffer stays where it is: the vector that holds it is never grown.
    flights: BTreeMap<u64, Vec<u8>>,
}

impl std::fmt::Debug for Ring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let number = self.uring.as_raw_fd();
        f.debug_struct("Ring").field("fd", &number).field("flights", &self.flights.len()).finish()
    }
}

impl Ring {
    /// `io_uring_setup(2)` with room for so many SQEs, rounded up to a power of two, and twice as
    /// many CQEs.
    ///
    /// # Errors
    /// What io_uring_setup(2) lists: EPERM or ENOSYS where it is forbidden, EMFILE, ENOMEM.
    pub fn new(entries: u32) -> io::Result<Self> {
        Ok(Self { uring: IoUring::new(entries)?, flights: BTreeMap::new() })
    }

    /// Its descriptor.
    pub fn number(&self) -> i32 {
        self.uring.as_raw_fd()
    }

    /// Whether the last completion of some operation has not been taken.
    pub fn is_busy(&self) -> bool {
        !self.flights.is_empty()
    }

    /// Writes an operation, which the next [`enter`] submits. `id` is that of no other one in flight.
    ///
    /// # Errors
    /// EBUSY if there is no room for one more, or `id` is taken.
    pub fn write(&mut self, id: u64, operation: Operation) -> Result<(), Errno> {
        if self.flights.contains_key(&id) {
            return Err(Errno::EBUSY);
        }
        let len = match operation {
            Operation::Recv { len, .. } | Operation::Send { len, .. } => len,
            _ => 0,
        };
        let mut buffer = vec![b'x'; len as usize];
        let entry = entry(operation, &mut buffer).user_data(id);
        // SAFETY: what the entry points at is `buffer`, whose memory does not move when the vector
        // does; it stays in `flights` until the kernel has posted the last completion of the
        // operation, and is leaked if the ring is dropped before (io_uring_enter(2)).
        let pushed = unsafe { self.uring.submission().push(&entry) };
        pushed.map_err(|_| Errno::EBUSY)?;
        self.flights.insert(id, buffer);
        Ok(())
    }

    /// Takes up to `max` completions, oldest first.
    pub fn take(&mut self, max: usize) -> Vec<Completion> {
        let taken: Vec<_> = self.uring.completion().take(max).map(|cqe| completion(&cqe)).collect();
        for one in taken.iter().filter(|one| !one.more) {
            self.flights.remove(&one.id);
        }
        taken
    }

    /// How many SQEs are written and not submitted, how many CQEs posted and not taken, and whether
    /// more are waiting for room.
    pub fn queues(&mut self) -> (usize, usize, bool) {
        let posted = self.uring.completion().len();
        let written = self.uring.submission();
        (written.len(), posted, written.cq_overflow())
    }
}

impl Drop for Ring {
    /// The kernel ends what is in flight some time after the ring is closed: until then it may write.
    fn drop(&mut self) {
        std::mem::forget(std::mem::take(&mut self.flights));
    }
}

fn entry(operation: Operation, buffer: &mut [u8]) -> squeue::Entry {
    let len = u32::try_from(buffer.len()).unwrap_or(u32::MAX);
    match operation {
        Operation::Nop => opcode::Nop::new().build(),
        Operation::Recv { fd, .. } => {
            opcode::Recv::new(types::Fd(fd), buffer.as_mut_ptr(), len).build()
        }
        Operation::Send { fd, .. } => {
            let send = opcode::Send::new(types::Fd(fd), buffer.as_ptr(), len);
            send.flags(libc::MSG_NOSIGNAL).build()
        }
        Operation::Poll { fd, mask, multi } => {
            opcode::PollAdd::new(types::Fd(fd), mask).multi(multi).build()
        }
        Operation::Cancel { target } => opcode::AsyncCancel::new(target).build(),
    }
}

fn completion(cqe: &cqueue::Entry) -> Completion {
    Completion { id: cqe.user_data(), res: cqe.result(), more: cqueue::more(cqe.flags()) }
}

/// `io_uring_enter(2)` without a signal mask: how many SQEs were submitted. It touches the queues of
/// the ring alone, and what its operations point at.
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
/// `IORING_ENTER_GETEVENTS`: wait for completions, and post what found no room.
pub const GETEVENTS: u32 = 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_armed_completes_when_something_arrives() {
        let Ok(mut ring) = Ring::new(4) else { return };
        let (a, b) = std::os::unix::net::UnixStream::pair().expect("a pair");
        let recv = Operation::Recv { fd: a.as_raw_fd(), len: 100 };
        assert_eq!(ring.write(1, recv), Ok(()));
        assert_eq!(ring.write(1, Operation::Nop), Err(Errno::EBUSY));
        assert_eq!(enter(ring.number(), 1, 0, 0), Ok(1));
        assert_eq!((ring.take(9), ring.is_busy()), (vec![], true));
        io::Write::write_all(&mut &b, b"hello").expect("written");
        let done = Completion { id: 1, res: 5, more: false };
        assert_eq!((ring.take(9), ring.is_busy()), (vec![done], false));
    }

    #[test]
    fn a_full_queue_takes_no_more() {
        let Ok(mut ring) = Ring::new(2) else { return };
        let all: Vec<_> = (0..3).map(|id| ring.write(id, Operation::Nop)).collect();
        assert_eq!(all, [Ok(()), Ok(()), Err(Errno::EBUSY)]);
        assert_eq!(ring.queues(), (2, 0, false));
    }
}
