//! Events for those who watch: blocks, as of a recording, that are made only while somebody wants
//! them.

mod recording_relay;
mod whole_relay;

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::{OpenBlock, Sink};
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
    press: Option<Press<Pipe>>,
    open: OpenBlock,
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
        let (open, looks) = (OpenBlock::default(), Looks::new(viewpoint));
        Self { share, head, press: None, open, looks }
    }
}

impl Sink for Relay {
    fn event(&mut self, event: &Event, world: &World) -> io::Result<()> {
        let Some(press) = &mut self.press else { return Ok(()) };
        press.event(event, world);
        self.open.see(press.is_open());
        Ok(())
    }

    fn flush(&mut self, world: &World) -> io::Result<()> {
        let wanted = self.share.borrow().wants_blocks();
        if wanted == Wanted::No {
            (self.press, self.looks.told) = (None, None);
            self.open.see(false);
            return Ok(());
        }
        let begin = || Press::new(Pipe(Rc::clone(&self.share)), &self.head, world);
        let press = self.press.get_or_insert_with(begin);
        if wanted == Wanted::Whole && self.share.borrow().wants_blocks() == Wanted::Whole {
            press.whole(world);
            self.open.see(false);
            self.looks.told = None;
        } else if self.open.due(OPEN) == Some(Duration::ZERO) {
            if let Some(press) = &mut self.press {
                press.flush(world);
            }
            self.open.see(false);
        }
        if let Some(press) = &mut self.press
            && let Some(now) = self.looks.next()
        {
            press.view(&now);
        }
        Ok(())
    }

    fn due(&self) -> Option<Duration> {
        self.open.due(OPEN).into_iter().chain(self.looks.due()).min()
    }

    fn finish(self: Box<Self>, world: &World) -> io::Result<()> {
        if let Some(press) = self.press {
            press.finish(world, "ended");
        }
        Ok(())
    }
}
