//! What those have who watch a session from elsewhere.

use std::rc::Rc;

use crate::event::{FileId, Seq, Viewpoint};
use crate::journal::{Retelling, RetoldItem};
use crate::sink::Sink as _;
use crate::sink::share::{RecordingRelay, Relay, SharedSession, WholeRelay, is_wanted};
use crate::source::Source;

use super::veiled::Veiled;
use super::{Scene, Session};

impl<S: Source> Session<S> {
    /// Lets others have the events from now on; of a recording that one.
    pub fn share(&mut self, share: SharedSession) {
        let viewpoint = Rc::clone(&self.viewpoint);
        if let Some(recording) = self.source.recording() {
            let lending = RecordingRelay::new(share, recording, viewpoint);
            self.relay = Some(self.history.add(Box::new(lending)));
            return;
        }
        let (header, hidden) = (self.source.header(), &self.recordings.options.hidden);
        let relay = Relay::new(share, header, hidden, viewpoint);
        self.relay = Some(self.history.add(Box::new(relay)));
        if !hidden.is_empty() {
            let (veiled, history) = Veiled::new(hidden, self.history.world());
            self.veiled = Some((self.history.add(Box::new(veiled)), history));
        }
    }

    /// Lets others have all events from the oldest that is kept, and what there is beside them, as
    /// soon as somebody wants that.
    pub fn share_whole(&mut self, share: SharedSession) {
        self.whole = Some(share);
    }

    /// Begins to tell all of it, if somebody wants that.
    pub(super) fn begin_whole(&mut self) {
        let Some(share) = self.whole.take_if(|share| is_wanted(share)) else { return };
        let (header, hidden) = (self.source.header(), &self.recordings.options.hidden[..]);
        let journal = self.history.journal();
        let (world, beside) = (journal.origin(), self.source.beside());
        let viewpoint = Rc::clone(&self.viewpoint);
        let mut whole = WholeRelay::new(share, (header, hidden), (&world, &beside), viewpoint);
        let first = journal.first().unwrap_or_default();
        let end = journal.last().map_or(Seq(0), Seq::next);
        Retelling::new(world, first).go_on(journal, end, |told| {
            let told = match told {
                RetoldItem::Event(event, world) => whole.event(event, world),
                RetoldItem::World(world) => whole.resume(world),
            };
            told.is_ok()
        });
        self.relay = Some(self.history.add(Box::new(whole)));
    }

    /// Shows the scene without what is left out, if something is; whether that is so.
    pub fn veiled(&self, poller: Option<FileId>, show: impl FnOnce(Scene<'_>)) -> bool {
        let Some((_, history)) = &self.veiled else { return false };
        show(history.borrow().scene(self.source.header(), poller));
        true
    }

    /// Tells those where the person before the screen looks.
    pub fn looks(&mut self, viewpoint: Viewpoint) {
        self.viewpoint.set(viewpoint);
    }

    /// Ends that.
    pub fn unshare(&mut self) {
        self.whole = None;
        let veiled = self.veiled.take().map(|(sink, _)| sink);
        for sink in self.relay.take().into_iter().chain(veiled) {
            self.history.end(sink);
        }
    }
}
