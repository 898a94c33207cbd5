//! What happened without what is left out of it: for those who are shown the screen.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;

use crate::event::Event;
use crate::history::History;
use crate::journal::Limits;
use crate::model::World;
use crate::record::{Hidden, Veil};
use crate::sink::Sink;

/// Keeps a history of its own, of veiled events.
pub(super) struct Veiled {
    veil: Veil,
    history: Rc<RefCell<History>>,
}

impl Veiled {
    /// One that begins with that world, and the history that it keeps.
    pub(super) fn new(hidden: &[Hidden], world: &World) -> (Self, Rc<RefCell<History>>) {
        let mut veil = Veil::new(hidden);
        let world = veil.world(world).into_owned();
        let history = Rc::new(RefCell::new(History::new(Limits::default(), world)));
        (Self { veil, history: Rc::clone(&history) }, history)
    }
}

impl Sink for Veiled {
    fn event(&mut self, event: &Event, _: &World) -> io::Result<()> {
        let Event { t, lane, kind, .. } = self.veil.event(event).into_owned();
        self.history.borrow_mut().push(t, lane, kind);
        Ok(())
    }

    fn flush(&mut self, _: &World) -> io::Result<()> {
        Ok(())
    }

    fn finish(self: Box<Self>, _: &World) -> io::Result<()> {
        Ok(())
    }
}
