//! Where events go beside the screen: to a file, a pipe, a viewer.

pub mod jsonl;
pub mod record;
pub mod share;

use std::io;
use std::time::{Duration, Instant};

use crate::event::Event;
use crate::model::World;
pub(crate) use crate::record::Beside;

/// Since when a block of events is open.
#[derive(Clone, Copy, Debug, Default)]
struct OpenBlock(Option<Instant>);

impl OpenBlock {
    /// Whether one is open now.
    fn see(&mut self, open: bool) {
        self.0 = open.then(|| self.0.unwrap_or_else(Instant::now));
    }

    /// After what time it is to be closed, if it may be open for so long.
    fn due(self, most: Duration) -> Option<Duration> {
        self.0.map(|opened| most.saturating_sub(opened.elapsed()))
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
