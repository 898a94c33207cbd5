//! All that happens, from its beginning, for whoever wants it.

use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use super::super::{Beside, Sink, TimedPress};
use super::{Looks, OPEN, SharedSession};
use crate::event::{Event, Header, Viewpoint};
use crate::model::World;
use crate::record::{Block, Hidden, Outlet, Press, RecordingHead};

/// Where blocks go of which none may be lost.
struct Keeper(SharedSession);

impl Outlet for Keeper {
    fn put(&mut self, block: Block) -> bool {
        self.0.borrow_mut().keep_block(block);
        true
    }
}

/// Passes on all events of a session that is short, such as a lesson, and what it has beside them.
pub struct WholeRelay {
    timed: TimedPress<Keeper>,
    looks: Looks,
}

impl WholeRelay {
    /// Begins with that world, and is then to be told all that followed it.
    pub fn new(
        share: SharedSession,
        (header, hidden): (&Header, &[Hidden]),
        (world, beside): (&World, &[Beside]),
        viewpoint: Rc<Cell<Viewpoint>>,
    ) -> Self {
        let head = RecordingHead::new(header.clone(), hidden);
        let mut press = Press::new(Keeper(share), &head, world);
        for beside in beside {
            press.beside(beside);
        }
        Self { timed: TimedPress::new(press, OPEN), looks: Looks::new(viewpoint) }
    }
}

impl Sink for WholeRelay {
    fn event(&mut self, event: &Event, world: &World) -> io::Result<()> {
        self.timed.event(event, world);
        Ok(())
    }

    fn resume(&mut self, world: &World) -> io::Result<()> {
        self.timed.resume(world);
        Ok(())
    }

    fn beside(&mut self, beside: &Beside) -> io::Result<()> {
        self.timed.press.beside(beside);
        Ok(())
    }

    fn flush(&mut self, world: &World) -> io::Result<()> {
        self.timed.flush(world);
        if let Some(now) = self.looks.next() {
            self.timed.press.view(&now);
        }
        Ok(())
    }

    fn due(&self) -> Option<Duration> {
        self.timed.due().into_iter().chain(self.looks.due()).min()
    }

    fn finish(self: Box<Self>, world: &World) -> io::Result<()> {
        self.timed.press.finish(world, "ended");
        Ok(())
    }
}
