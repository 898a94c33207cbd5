//! Ways of waiting for many connections at once, each behind one trait.
//!
//! Bytes live in the connection ([`crate::engine::serve`]), never in a loop; a loop ends between
//! two turns; and each begins by asking for what has come already, so that nothing is lost when
//! one follows another.

mod epoll;

use std::sync::Arc;
use std::time::Instant;

use thiserror::Error;

pub(crate) use self::epoll::EpollLoop;
use crate::engine::table::Watched;
use crate::engine::worker::Worker;
use crate::event::{Errno, FileId};

/// Why a loop cannot be had.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("{call} failed")]
pub(crate) struct Unavailable {
    /// The call that the system refused.
    pub(crate) call: &'static str,
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

    /// Reads and forgets until every client has sent its end, or until then.
    fn linger<const OBSERVED: bool>(worker: &mut Worker<'_, OBSERVED, Self>, until: Instant);

    /// The files of events that it has in hand and will not handle: its thread has died.
    fn orphans(&mut self) -> Vec<FileId>;

    /// Closes it, as its thread ends: nothing is in flight afterwards.
    fn shut<const OBSERVED: bool>(worker: &mut Worker<'_, OBSERVED, Self>);
}
