//! Where events come from.

pub mod live;
pub mod recording;
pub mod remote;
pub mod script;

use std::rc::Rc;
use std::time::Duration;

use crate::event::{Command, Header, Nanos};
use crate::history::History;
use crate::record::{Beside, Recording};

pub use live::Live;
pub use recording::Replay;
pub use remote::{
    LessonNews, Remote, RemoteAddress, RemoteEnd, RemoteError, RemoteLesson, RemoteNews,
};
pub use script::Script;

/// Something that makes events: a server that runs, a lesson.
pub trait Source {
    /// What is known before the first event.
    fn header(&self) -> &Header;

    /// Puts what has happened into the history, up to about `max` events, and returns at once. What
    /// is to be asked of the kernel from time to time is asked here.
    fn drain(&mut self, max: usize, to: &mut History) -> Drained;

    /// Passes a command on. What comes of it is told by a `Kind::Command` with this `id`; that it
    /// was accepted is for the caller to tell.
    ///
    /// # Errors
    /// If no such source can carry it out.
    fn send(&mut self, id: u32, command: Command) -> Result<(), Unsupported>;

    /// Whether all that is told comes from it: nothing of the tool's own stands among its events.
    fn tells_all(&self) -> bool {
        false
    }

    /// What a recording of it has beside events, so far.
    fn beside(&self) -> Vec<Beside> {
        Vec::new()
    }

    /// The recording that all of it is read from, if it is.
    fn recording(&self) -> Option<Rc<Recording>> {
        None
    }

    /// Asks to be woken by the next event. The caller drains once more before it sleeps.
    fn arm(&self);

    /// Ends it in an orderly way, within about that time. What it tells last can still be drained.
    fn finish(&mut self, grace: Duration);
}

/// What a [`Source::drain`] came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Drained {
    /// Events put into the history.
    pub events: usize,
    /// There is more to take at once.
    pub more: bool,
    /// There is more, but a thread that is not waiting may still have been before it.
    pub held: bool,
    /// No thread of the server was at work: what is left to take disturbs nobody.
    pub idle: bool,
    /// Everything up to this time has been taken: what the tool itself has to tell is told as of
    /// then. Its own thread may have been kept from running since, and a later time would push the
    /// source's events of meanwhile forward.
    pub until: Nanos,
    /// The next drain is wanted after this time even if nothing happens: something is to be asked
    /// of the kernel. `None` when nothing is.
    pub again: Option<Duration>,
}

/// Why a source cannot carry out a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unsupported(pub &'static str);
