//! Another process's session as a source: what it shares comes as a recording without end.
//!
//! ```text
//! GET /CODE/blocks?following ──> a thread: HTTP, blocks ──> a bounded queue
//!   ──> of a session: History, with their numbers     ──> of a lesson: what was done in it
//! ```
//!
//! Who is too slow is waited for by the queue, then by TCP, and at last passed over by whoever
//! shares: the next world goes on where it is.

mod client;
mod http;
mod lesson;

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{Drained, Source, Unsupported};
use crate::event::{Command, Header, Seq, Viewpoint};
use crate::history::History;
use crate::record::Received;

use client::Incoming;
pub use client::{RemoteAddress, RemoteError};
pub use lesson::{LessonNews, RemoteLesson};

/// So long is waited for an answer, and for the first that it tells.
const PATIENCE: Duration = Duration::from_secs(5);
/// Between two looks at whether the wait was given up.
const LOOK: Duration = Duration::from_millis(50);

/// What is known of a session elsewhere, beside its events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RemoteNews {
    /// Events that did not come.
    pub not_received: u64,
    /// Where the one looks whose session it is, if that is known.
    pub viewpoint: Option<Viewpoint>,
    /// Nothing follows: it has ended, or for this reason.
    pub ended: Option<RemoteEnd>,
}

/// Why nothing follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RemoteEnd {
    /// The session has ended.
    Ended,
    /// It cannot be heard any more.
    Lost,
}

/// A session that is shared by another process.
pub struct Remote {
    header: Header,
    incoming: Receiver<Incoming>,
    /// What came before it was asked for.
    first: Option<Received>,
    /// Something has been put into a history.
    begun: bool,
    news: Rc<RefCell<RemoteNews>>,
    /// Ends the thread.
    _stop: DropGuard,
}

impl Remote {
    /// Asks for the session at that address and waits until its first events are there. `wake` is
    /// told of all that comes later; the wait is given up when `token` is cancelled.
    ///
    /// # Errors
    /// If there is no answer, or one that means nothing to this program.
    pub fn connect(
        address: &RemoteAddress,
        wake: Arc<Notify>,
        token: &CancellationToken,
    ) -> Result<Self, RemoteError> {
        let stop = CancellationToken::new();
        let incoming = client::start(address.clone(), wake, stop.clone())?;
        let until = Instant::now() + PATIENCE;
        let wait = || next(&incoming, until, token, address);
        let Received::Head(head) = wait()? else { return Err(RemoteError::no_session(address)) };
        if !head.is_known() {
            return Err(RemoteError::other(address, &head));
        }
        let first = Some(wait()?);
        let (header, news) = (head.header, Rc::default());
        Ok(Self { header, incoming, first, begun: false, news, _stop: stop.drop_guard() })
    }

    /// What is known beside the events, as of the last drain.
    pub fn news(&self) -> Rc<RefCell<RemoteNews>> {
        Rc::clone(&self.news)
    }

    /// Takes one thing over; how many events that were.
    fn take(&mut self, received: Received, to: &mut History) -> usize {
        let before = to.world().seq;
        let missing = match received {
            Received::Events(events) => events.into_iter().map(|event| to.receive(event)).sum(),
            Received::World(world) => to.resume(*world),
            Received::View(viewpoint) => {
                self.news.borrow_mut().viewpoint = Some(viewpoint);
                return 0;
            }
            Received::End => {
                self.end(RemoteEnd::Ended);
                return 0;
            }
            Received::Head(_) | Received::Beside(_) => 0,
        };
        // What was before one came is no loss.
        self.news.borrow_mut().not_received += if self.begun { missing } else { 0 };
        let now = to.world().seq;
        self.begun |= now > Seq(0);
        usize::try_from(now.0 - before.0).unwrap_or(usize::MAX)
    }

    fn end(&self, why: RemoteEnd) {
        self.news.borrow_mut().ended.get_or_insert(why);
    }
}

/// The next that comes in time.
fn next(
    incoming: &Receiver<Incoming>,
    until: Instant,
    token: &CancellationToken,
    address: &RemoteAddress,
) -> Result<Received, RemoteError> {
    while Instant::now() < until && !token.is_cancelled() {
        match incoming.recv_timeout(LOOK) {
            Ok(Incoming::Received(received)) => return Ok(received),
            Ok(Incoming::Failed(error)) => return Err(error),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    Err(RemoteError::no_answer(address))
}

impl Source for Remote {
    fn header(&self) -> &Header {
        &self.header
    }

    fn drain(&mut self, max: usize, to: &mut History) -> Drained {
        let (mut events, mut more) = (0, true);
        while events < max && more {
            let next = match self.first.take() {
                Some(first) => Ok(Incoming::Received(first)),
                None => self.incoming.try_recv(),
            };
            match next {
                Ok(Incoming::Received(received)) => events += self.take(received, to),
                Ok(Incoming::Failed(_)) | Err(TryRecvError::Disconnected) => {
                    self.end(RemoteEnd::Lost);
                    more = false;
                }
                Err(TryRecvError::Empty) => more = false,
            }
        }
        Drained { events, more, idle: true, until: to.world().t, ..Drained::default() }
    }

    fn send(&mut self, _: u32, _: Command) -> Result<(), Unsupported> {
        Err(Unsupported("who looks on asks nothing of the server"))
    }

    fn tells_all(&self) -> bool {
        true
    }

    fn arm(&self) {}

    fn finish(&mut self, _: Duration) {}
}

#[cfg(test)]
mod tests;
