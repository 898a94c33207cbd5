//! A recording as a source: everything has happened already, and nobody can be asked for more.

use std::rc::Rc;
use std::time::Duration;

use super::{Drained, Source, Unsupported};
use crate::event::{Command, Header, Nanos};
use crate::history::History;
use crate::record::Recording;

/// A recording that is looked at. Its events are in the journal from the start.
pub struct Replay {
    header: Header,
    until: Nanos,
    recording: Option<Rc<Recording>>,
}

impl Replay {
    /// That of a session which began so; its last event was at that time.
    pub fn new(header: Header, until: Nanos) -> Self {
        Self { header, until, recording: None }
    }

    /// The same of one that is in a recording.
    pub fn of(recording: &Rc<Recording>, until: Nanos) -> Self {
        let header = recording.head().header.clone();
        Self { recording: Some(Rc::clone(recording)), ..Self::new(header, until) }
    }
}

impl Source for Replay {
    fn header(&self) -> &Header {
        &self.header
    }

    fn drain(&mut self, _: usize, _: &mut History) -> Drained {
        Drained { idle: true, until: self.until, ..Drained::default() }
    }

    fn send(&mut self, _: u32, _: Command) -> Result<(), Unsupported> {
        Err(Unsupported("a recording has no server"))
    }

    fn recording(&self) -> Option<Rc<Recording>> {
        self.recording.clone()
    }

    fn arm(&self) {}

    fn finish(&mut self, _: Duration) {}
}
