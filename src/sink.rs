//! Where events go beside the screen: to a file, a pipe, a viewer.

pub mod jsonl;
pub mod record;
pub mod share;

use std::io;
use std::time::{Duration, Instant};

use crate::event::Event;
use crate::model::World;
pub(crate) use crate::record::Beside;
use crate::record::{Outlet, Press};

/// A press none of whose blocks stays open for longer than a time.
struct TimedPress<O> {
    press: Press<O>,
    most: Duration,
    /// When the open block was begun, if one is open.
    opened: Option<Instant>,
}

impl<O: Outlet> TimedPress<O> {
    fn new(press: Press<O>, most: Duration) -> Self {
        Self { press, most, opened: None }
    }

    fn event(&mut self, event: &Event, world: &World) {
        self.press.event(event, world);
        self.opened = self.press.is_open().then(|| self.opened.unwrap_or_else(Instant::now));
    }

    fn resume(&mut self, world: &World) {
        self.press.resume(world);
        self.opened = None;
    }

    /// As [`Press::whole`].
    fn whole(&mut self, world: &World) {
        self.press.whole(world);
        self.opened = None;
    }

    /// Closes the open block, if it has been open for long enough.
    fn flush(&mut self, world: &World) {
        if self.due() == Some(Duration::ZERO) {
            self.press.flush(world);
            self.opened = None;
        }
    }

    /// After what time the open block is to be closed.
    fn due(&self) -> Option<Duration> {
        self.opened.map(|opened| self.most.saturating_sub(opened.elapsed()))
    }
}

/// Takes every event of a session, in order.
///
/// One that fails is let go: the session goes on without it, and tells why.
pub trait Sink {
    /// Takes an event, with the world after it.
    ///
    /// # Errors
    /// If it cannot be kept or passed on.
    fn event(&mut self, event: &Event, world: &World) -> io::Result<()>;

    /// Events are missing; what comes next follows that world.
    ///
    /// # Errors
    /// As [`Sink::event`].
    fn resume(&mut self, _world: &World) -> io::Result<()> {
        Ok(())
    }

    /// Takes what is no event.
    ///
    /// # Errors
    /// As [`Sink::event`].
    fn beside(&mut self, _beside: &Beside) -> io::Result<()> {
        Ok(())
    }

    /// Nothing more comes for now: whoever reads at the other end should have what there is.
    ///
    /// # Errors
    /// As [`Sink::event`].
    fn flush(&mut self, world: &World) -> io::Result<()>;

    /// How long it has waited so far for whoever reads at the other end: that time was no work.
    fn waited(&self) -> Duration {
        Duration::ZERO
    }

    /// After what time it wants to be flushed, even if nothing comes; `None` if it need not be.
    fn due(&self) -> Option<Duration> {
        None
    }

    /// Nothing more comes; that is the last world.
    ///
    /// # Errors
    /// As [`Sink::event`].
    fn finish(self: Box<Self>, world: &World) -> io::Result<()>;
}
