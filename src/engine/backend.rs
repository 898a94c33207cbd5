//! Ways of waiting for many connections at once, each behind one trait.
//!
//! Bytes live in the connection ([`crate::engine::serve`]), never in a loop; a loop ends between
//! two turns; and each begins by asking for what has come already, so that nothing is lost when
//! one follows another.

mod batch;
mod epoll;
mod goroutine;
mod poll;
mod scan;
mod select;
mod threads;
mod uring;

use std::sync::Arc;
use std::time::Instant;

use thiserror::Error;

pub(crate) use self::epoll::EpollLoop;
use self::goroutine::GoLoop;
pub(crate) use self::goroutine::Scheduler;
use self::poll::PollArray;
use self::scan::ScanLoop;
use self::select::SelectSets;
pub(crate) use self::threads::Crew;
use self::threads::ThreadsLoop;
use self::uring::UringLoop;
use crate::engine::lock;
use crate::engine::shared::Shared;
use crate::engine::table::Watched;
use crate::engine::worker::{self, Worker};
use crate::event::{Backend, Errno, Fd, FileId, LaneId, Refusal};
use crate::sys::ring::Denied;

/// Why a loop cannot be had.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub(crate) enum Unavailable {
    /// The system refused this call.
    #[error("{0} failed")]
    Call(&'static str),
    /// A file that the server has does not fit it.
    #[error("{0}")]
    Refused(Refusal),
    /// The system has no io_uring for us.
    #[error(transparent)]
    Ring(#[from] Denied),
}

/// The loop of poll(2).
pub(crate) type PollLoop = ScanLoop<PollArray>;
/// The loop of select(2).
pub(crate) type SelectLoop = ScanLoop<SelectSets>;

/// Why that way of waiting cannot be had now, if it cannot.
pub(crate) fn available(to: Backend, shared: &Shared) -> Result<(), Unavailable> {
    match to {
        Backend::Epoll | Backend::Poll | Backend::Goroutine => Ok(()),
        Backend::Select => {
            let files = shared.table.all(|_| true);
            let beyond = files.iter().find_map(|file| SelectLoop::refuses(file.fd));
            beyond.map_or(Ok(()), |refusal| Err(Unavailable::Refused(refusal)))
        }
        Backend::IoUring => {
            // A low number that the ring has for a moment is not missed.
            let _order = lock(&shared.numbers);
            uring::probe()
        }
        Backend::Threads => threads::available(shared),
    }
}

/// The body of the thread of that lane, which waits in that way.
pub(crate) fn live<const OBSERVED: bool>(backend: Backend, shared: &Shared, lane: LaneId) {
    match backend {
        Backend::Poll => worker::live::<OBSERVED, PollLoop>(shared, lane),
        Backend::Select => worker::live::<OBSERVED, SelectLoop>(shared, lane),
        Backend::IoUring => worker::live::<OBSERVED, UringLoop>(shared, lane),
        Backend::Goroutine => worker::live::<OBSERVED, GoLoop>(shared, lane),
        Backend::Threads => worker::live::<OBSERVED, ThreadsLoop>(shared, lane),
        Backend::Epoll => {
            worker::live::<OBSERVED, EpollLoop>(shared, lane);
        }
    }
}

/// Why a command on a registration means nothing where there are none.
pub(crate) fn only_epoll(backend: Backend) -> String {
    match backend {
        Backend::Goroutine => {
            "goroutine registers each file once, for IN and OUT, edge-triggered: nothing of that is \
             ever changed"
                .to_owned()
        }
        Backend::Threads => {
            "threads has no registrations: each thread sleeps in its own call".to_owned()
        }
        Backend::IoUring => {
            "io_uring has no registrations: an operation of each file is in flight".to_owned()
        }
        _ => format!("only epoll has registrations: {backend} is passed what it asks anew by each call"),
    }
}

/// Whether a turn is followed by another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// It is.
    Again,
    /// The thread is not wanted any more.
    Stop,
}

/// One thread's way of waiting.
///
/// The worker calls its loop and the loop its worker: a turn of one connection sends to others, and
/// a thread that is held at the gate carries out commands on files. So the worker has the loop, and
/// each of these takes the worker. A loop that is made by `default` is closed: it watches nothing.
pub(crate) trait Loop: Default {
    /// Which way of waiting it is.
    const BACKEND: Backend;
    /// Whether a file is registered, once or for an edge: else each wait asks what holds.
    const REGISTERS: bool = false;
    /// Whether it sends what is queued by itself.
    const SENDS: bool = false;

    /// Opens it, and takes every file of the table.
    ///
    /// # Errors
    /// Why it cannot be had; it is closed then.
    fn open<const OBSERVED: bool>(
        worker: &mut Worker<'_, OBSERVED, Self>,
    ) -> Result<(), Unavailable>;

    /// One wait and what it brought.
    fn turn<const OBSERVED: bool>(worker: &mut Worker<'_, OBSERVED, Self>) -> Turn;

    /// Waits for what the server wants of the file by now: it is new, or that has changed. Why that
    /// cannot be, if it cannot.
    fn watch<const OBSERVED: bool>(
        worker: &mut Worker<'_, OBSERVED, Self>,
        file: &Watched,
    ) -> Option<Errno>;

    /// Why a client of that number cannot be served, if it cannot.
    fn refuses(_: Fd) -> Option<Refusal> {
        None
    }

    /// Why no client more can be served, if none can.
    fn full<const OBSERVED: bool>(_: &Worker<'_, OBSERVED, Self>) -> Option<Refusal> {
        None
    }

    /// Waits for the same once more, which makes the kernel look at the file.
    ///
    /// # Errors
    /// Why that cannot be, in words.
    fn rearm<const OBSERVED: bool>(
        worker: &mut Worker<'_, OBSERVED, Self>,
        file: &Watched,
    ) -> Result<(), String>;

    /// Closes the file as soon as the kernel has let go of it.
    fn release<const OBSERVED: bool>(worker: &mut Worker<'_, OBSERVED, Self>, file: &Arc<Watched>);

    /// Tells what is passed to each wait, if that is kept in the server's own memory.
    fn tell_set<const OBSERVED: bool>(_: &mut Worker<'_, OBSERVED, Self>) {}

    /// Something was put on the queue of that connection by another one, or by its own reader.
    fn queued<const OBSERVED: bool>(_: &mut Worker<'_, OBSERVED, Self>, _: &Watched) {}

    /// The queue of that connection is short again: it is to be read.
    fn has_room<const OBSERVED: bool>(_: &mut Worker<'_, OBSERVED, Self>, _: &Watched) {}

    /// The file is about to be closed: nothing is asked of it any more.
    fn forget<const OBSERVED: bool>(_: &mut Worker<'_, OBSERVED, Self>, _: &Watched) {}

    /// Reads and forgets until every client has sent its end, or until then.
    fn linger<const OBSERVED: bool>(worker: &mut Worker<'_, OBSERVED, Self>, until: Instant);

    /// The files of events that it has in hand and will not handle: its thread has died.
    fn orphans(&mut self) -> Vec<FileId>;

    /// Its thread has panicked: what would be lost with it is saved.
    fn died<const OBSERVED: bool>(_: &mut Worker<'_, OBSERVED, Self>) {}

    /// Closes it, as its thread ends: nothing is in flight afterwards.
    fn shut<const OBSERVED: bool>(worker: &mut Worker<'_, OBSERVED, Self>);
}
