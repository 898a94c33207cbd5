//! The Why sentence: why a descriptor is or is not on the ready list, and what would change that.

use crate::event::{Event, LaneId, WatchKey};

use super::World;

/// What is selected.
#[derive(Clone, Copy, Debug)]
pub enum Subject<'a> {
    /// A registration.
    Watch(WatchKey),
    /// A thread.
    Lane(LaneId),
    /// An event, in the world as it was after it.
    Event(&'a Event),
}

/// One or two plain sentences about the subject, computed from the model.
pub fn why(_world: &World, _subject: Subject<'_>) -> String {
    String::new()
}
