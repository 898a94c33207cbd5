//! Events for those who watch: blocks, as of a recording, that are made only while somebody wants
//! them.

mod recording_relay;
mod whole_relay;

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::{Sink, TimedPress};
use crate::event::{Event, Header, Viewpoint};
use crate::model::World;
use crate::record::{Block, Hidden, Outlet, Press, RecordingHead};
use crate::share::{Share, Wanted};

pub use recording_relay::RecordingRelay;
pub use whole_relay::WholeRelay;

/// How long an event waits in an open block.
const OPEN: Duration = Duration::from_millis(100);

/// What is shared, for all who tell it something.
pub type SharedSession = Rc<RefCell<Share>>;

/// Whether somebody wants blocks of it.
pub fn is_wanted(share: &SharedSession) -> bool {
    share.borrow().wants_blocks() != Wanted::No
}

/// Where the person before the screen looks.
struct Looks {
    now: Rc<Cell<Viewpoint>>,
    /// What of that was told last, and when.
    told: Option<(Viewpoint, Instant)>,
}

impl Looks {
    fn new(now: Rc<Cell<Viewpoint>>) -> Self {
        Self { now, told: None }
    }

    /// After what time it is to be told again: if it is new, and was not told just now.
    fn due(&self) -> Option<Duration> {
        let (told, at) = self.told.as_ref()?;
        (*told != self.now.get()).then(|| OPEN.saturating_sub(at.elapsed()))
    }

    /// What is to be told, if it is time to.
    fn next(&mut self) -> Option<Viewpoint> {
        let due = self.told.is_none() || self.due() == Some(Duration::ZERO);
        due.then(|| {
            let now = self.now.get();
            self.told = Some((now, Instant::now()));
            now
        })
    }
}

/// Where the blocks go.
struct Pipe(SharedSession);

impl Outlet for Pipe {
    fn put(&mut self, block: Block) -> bool {
        self.0.borrow_mut().tell_block(block)
    }
}

/// Passes events on as blocks.
pub struct Relay {
    share: SharedSession,
    head: RecordingHead,
    /// There is one while somebody watches.
    timed: Option<TimedPress<Pipe>>,
    looks: Looks,
}

impl Relay {
    /// A relay of what that header begins, without what is left out, and of where somebody looks.
    pub fn new(
        share: SharedSession,
        header: &Header,
        hidden: &[Hidden],
        viewpoint: Rc<Cell<Viewpoint>>,
    ) -> Self {
        let head = RecordingHead::new(header.clone(), hidden);
        Self { share, head, timed: None, looks: Looks::new(viewpoint) }
    }
}

impl Sink for Relay {
    fn event(&mut self, event: &Event, world: &World) -> io::Result<()> {
        if let Some(timed) = &mut self.timed {
            timed.event(event, world);
        }
        Ok(())
    }

    fn flush(&mut self, world: &World) -> io::Result<()> {
        if !is_wanted(&self.share) {
            (self.timed, self.looks.told) = (None, None);
            return Ok(());
        }
        let begin = || Press::new(Pipe(Rc::clone(&self.share)), &self.head, world);
        let timed = self.timed.get_or_insert_with(|| TimedPress::new(begin(), OPEN));
        // To begin may have been what was wanted.
        if self.share.borrow().wants_blocks() == Wanted::Whole {
            timed.whole(world);
            self.looks.told = None;
        } else {
            timed.flush(world);
        }
        if let Some(now) = self.looks.next() {
            timed.press.view(&now);
        }
        Ok(())
    }

    fn due(&self) -> Option<Duration> {
        let block = self.timed.as_ref().and_then(TimedPress::due);
        block.into_iter().chain(self.looks.due()).min()
    }

    fn finish(self: Box<Self>, world: &World) -> io::Result<()> {
        if let Some(timed) = self.timed {
            timed.press.finish(world, "ended");
        }
        Ok(())
    }
}
