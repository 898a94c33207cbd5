//! Events for those who watch: blocks, as of a recording, that are made only while somebody wants
//! them.

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::{OpenBlock, Sink};
use crate::event::{Event, Header, Viewpoint};
use crate::model::World;
use crate::record::{Block, Hidden, Outlet, Press, RecordingHead};
use crate::share::{Share, Wanted};

/// How long an event waits in an open block.
const OPEN: Duration = Duration::from_millis(100);

/// What is shared, for all who tell it something.
pub type SharedSession = Rc<RefCell<Share>>;

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
    /// Where the person before the screen looks.
    viewpoint: Rc<Cell<Viewpoint>>,
    /// What of that was told last, and when.
    looked: Option<(Viewpoint, Instant)>,
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
        Self { share, head, press: None, open: OpenBlock::default(), viewpoint, looked: None }
    }

    /// After what time it is to be told where the person looks: if that is new, and not just now.
    fn look_due(&self) -> Option<Duration> {
        let (told, at) = self.looked.as_ref()?;
        (*told != self.viewpoint.get()).then(|| OPEN.saturating_sub(at.elapsed()))
    }

    /// Tells it if it is time to.
    fn look(&mut self) {
        let due = self.looked.is_none() || self.look_due() == Some(Duration::ZERO);
        if let Some(press) = self.press.as_mut().filter(|_| due) {
            let now = self.viewpoint.get();
            press.view(&now);
            self.looked = Some((now, Instant::now()));
        }
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
            (self.press, self.looked) = (None, None);
            self.open.see(false);
            return Ok(());
        }
        let begin = || Press::new(Pipe(Rc::clone(&self.share)), &self.head, world);
        let press = self.press.get_or_insert_with(begin);
        if wanted == Wanted::Whole && self.share.borrow().wants_blocks() == Wanted::Whole {
            press.whole(world);
            self.open.see(false);
            self.looked = None;
        } else if self.open.due(OPEN) == Some(Duration::ZERO) {
            if let Some(press) = &mut self.press {
                press.flush(world);
            }
            self.open.see(false);
        }
        self.look();
        Ok(())
    }

    fn due(&self) -> Option<Duration> {
        self.open.due(OPEN).into_iter().chain(self.look_due()).min()
    }

    fn finish(self: Box<Self>, world: &World) -> io::Result<()> {
        if let Some(press) = self.press {
            press.finish(world, "ended");
        }
        Ok(())
    }
}
