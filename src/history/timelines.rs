//! The timelines of a history: a server has one; where there are several epoll instances each has
//! its own, of its registrations.

use std::mem;

use rustc_hash::FxHashMap;

use crate::event::{Event, FileId};
use crate::model::{Timeline, World};

/// The timelines of all epoll instances.
#[derive(Default)]
pub(super) struct Timelines {
    /// That of the only instance; where several are told, the threads alone.
    common: Timeline,
    /// Those of the instances that are told, by their open files.
    own: FxHashMap<FileId, Timeline>,
}

impl Timelines {
    /// Folds an event that has just been folded into `world`, which afterwards is as before.
    pub(super) fn apply(&mut self, event: &Event, world: &mut World) {
        if world.is_told() {
            self.apply_to_each(event, world);
        } else {
            self.common.apply(event, world);
        }
    }

    /// The event on the timeline of each instance; a new one begins with what came before it.
    fn apply_to_each(&mut self, event: &Event, world: &mut World) {
        let chosen = world.instance.file;
        let files: Vec<_> = world.instances().iter().filter_map(|one| one.file).collect();
        for file in files {
            let timeline = self.own.entry(file).or_insert_with(|| self.common.clone());
            world.turn_to(file);
            timeline.apply(event, world);
        }
        if let Some(file) = chosen {
            world.turn_to(file);
        }
        // The threads alone: as if there were no instance.
        let (instance, delta) = (mem::take(&mut world.instance), mem::take(&mut world.delta));
        self.common.apply(event, world);
        (world.instance, world.delta) = (instance, delta);
    }

    /// That of the epoll instance which `world` looks at.
    pub(super) fn of(&self, world: &World) -> &Timeline {
        let own = world.instance.file.and_then(|file| self.own.get(&file));
        own.unwrap_or(&self.common)
    }
}
