//! A history that its owner feeds: what a lesson told, step by step.
//!
//! There may be several epoll instances. Each has a timeline of its own, of its registrations; the
//! scene is that of the one looked at.

use std::mem;

use rustc_hash::FxHashMap;

use crate::event::{Event, FileId, Kind, LaneId, Nanos, Seq};
use crate::journal::{Journal, Limits};
use crate::model::{Timeline, World};

use super::{Book, Facts, Scene};

/// A fed history with its picture.
pub struct Feed {
    book: Book,
    /// The timelines of the epoll instances by their open files. That of the book is of none.
    timelines: FxHashMap<FileId, Timeline>,
    facts: Facts,
}

impl Feed {
    /// An empty history.
    pub fn new(limits: Limits, facts: Facts) -> Self {
        Self { book: Book::new(limits), timelines: FxHashMap::default(), facts }
    }

    /// Takes over an event that happened at `t`; returns its position.
    pub fn take(&mut self, t: Nanos, lane: LaneId, kind: Kind) -> Seq {
        let book = &mut self.book;
        book.seq = book.seq.next();
        let event = Event { seq: book.seq, t: t.max(book.world.t), lane, kind };
        book.world.apply(&event);
        self.draw(&event);
        self.book.journal.push(&event, &self.book.world);
        event.seq
    }

    /// The event on the timeline of each instance; a new one begins with what came before it.
    fn draw(&mut self, event: &Event) {
        let chosen = self.book.world.instance.file;
        let files: Vec<_> =
            self.book.world.instances().iter().filter_map(|instance| instance.file).collect();
        for file in files {
            let before = &self.book.timeline;
            let timeline = self.timelines.entry(file).or_insert_with(|| before.clone());
            self.book.world.turn_to(file);
            timeline.apply(event, &self.book.world);
        }
        if let Some(file) = chosen {
            self.book.world.turn_to(file);
        }
        // The threads alone: as if there were no instance.
        let world = &mut self.book.world;
        let (instance, delta) = (mem::take(&mut world.instance), mem::take(&mut world.delta));
        self.book.timeline.apply(event, world);
        (world.instance, world.delta) = (instance, delta);
    }

    /// Looks at the epoll instance with that open file. Whether there is one.
    pub fn turn_to(&mut self, file: FileId) -> bool {
        self.book.world.turn_to(file)
    }

    /// The world as it is now.
    pub fn world(&self) -> &World {
        &self.book.world
    }

    /// The history.
    pub fn journal(&self) -> &Journal {
        &self.book.journal
    }

    /// The scene, of the instance looked at.
    pub fn scene(&self) -> Scene<'_> {
        let world = &self.book.world;
        let own = world.instance.file.and_then(|file| self.timelines.get(&file));
        Scene {
            world,
            live: world,
            timeline: own.unwrap_or(&self.book.timeline),
            journal: &self.book.journal,
            facts: &self.facts,
        }
    }
}
