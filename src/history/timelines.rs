//! The timelines of a history: each epoll instance has its own, of its registrations.

use rustc_hash::FxHashMap;

use crate::event::{Event, FileId};
use crate::model::{EpollView, Timeline, World};

/// The timelines of all epoll instances.
#[derive(Default)]
pub(super) struct Timelines {
    /// As long as there is no instance: the threads alone.
    none: Timeline,
    /// Those of the instances by their open files.
    own: FxHashMap<FileId, Timeline>,
}

impl Timelines {
    /// Folds an event that has just been folded into `world`.
    pub(super) fn apply(&mut self, event: &Event, world: &World) {
        if world.pollers.is_empty() {
            if let Some(last) = self.own.values().next() {
                self.none = last.of_threads();
                self.own.clear();
            }
            self.none.apply(event, world.through_none());
        }
        for view in world.views() {
            let Some(file) = view.id else { continue };
            if !self.own.contains_key(&file) {
                // It begins with what the threads did before it.
                let before = self.own.values().next().unwrap_or(&self.none).of_threads();
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
