//! The timelines of a history: each epoll instance has its own, of its registrations.

use rustc_hash::FxHashMap;

use crate::event::{Event, FileId};
use crate::model::{EpollView, Timeline, World};

/// The timelines of all epoll instances.
#[derive(Clone, Debug, Default)]
pub(super) struct Timelines {
    /// As long as there is no instance: of the threads, and of what the server passes to poll(2) or
    /// select(2).
    none: Timeline,
    /// Those of the instances by their open files.
    own: FxHashMap<FileId, Timeline>,
}

/// What of a timeline goes on in the next one: of a live server, which takes its files with it from
/// one way of waiting to another, all of it; else what the threads did.
fn goes_on(last: &Timeline, world: &World) -> Timeline {
    if world.labelled { last.of_threads() } else { last.clone() }
}

impl Timelines {
    /// Folds an event that has just been folded into `world`.
    pub(super) fn apply(&mut self, event: &Event, world: &World) {
        if world.pollers.is_empty() {
            if let Some(last) = self.own.values().next() {
                self.none = goes_on(last, world);
                self.own.clear();
            }
            self.none.apply(event, world.through_none());
        }
        for view in world.views() {
            let Some(file) = view.id else { continue };
            if !self.own.contains_key(&file) {
                let before = goes_on(self.own.values().next().unwrap_or(&self.none), world);
                self.own.insert(file, before);
            }
            if let Some(own) = self.own.get_mut(&file) {
                own.apply(event, view);
            }
        }
    }

    /// That of the epoll instance which is looked at.
    pub(super) fn of(&self, view: EpollView<'_>) -> &Timeline {
        view.id.and_then(|file| self.own.get(&file)).unwrap_or(&self.none)
    }
}
