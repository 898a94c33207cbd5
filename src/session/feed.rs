//! A history that its owner feeds: what a lesson told, step by step.
//!
//! There may be several epoll instances. Each has a timeline of its own, of its registrations; the
//! scene is that of the one looked at.

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
        Self {
            book: Book::beginning(limits, World::of_steps()),
            timelines: FxHashMap::default(),
            facts,
        }
    }

    /// Takes over an event that happened at `t`; returns its position.
    pub fn take(&mut self, t: Nanos, lane: LaneId, kind: Kind) -> Seq {
        let book = &mut self.book;
        book.seq = book.seq.next();
        let event = Event { seq: book.seq, t: book.time(t), lane, kind };
        book.world.apply(&event);
        self.draw(&event);
        self.book.journal.push(&event, &self.book.world);
        event.seq
    }

    /// The event on the timeline of each instance; a new one begins with what came before it.
    fn draw(&mut self, event: &Event) {
        for view in self.book.world.views() {
            let Some(file) = view.id else { continue };
            let before = &self.book.timeline;
            self.timelines.entry(file).or_insert_with(|| before.clone()).apply(event, view);
        }
        self.book.timeline.apply(event, self.book.world.through_none());
    }

    /// The world as it is now.
    pub fn world(&self) -> &World {
        &self.book.world
    }

    /// The history.
    pub fn journal(&self) -> &Journal {
        &self.book.journal
    }

    /// The scene, with the timeline of that epoll instance.
    pub fn scene(&self, poller: Option<FileId>) -> Scene<'_> {
        let world = &self.book.world;
        let own = world.through(poller).id.and_then(|file| self.timelines.get(&file));
        Scene {
            world,
            live: world,
            timeline: own.unwrap_or(&self.book.timeline),
            journal: &self.book.journal,
            facts: &self.facts,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Mask, Reason};
    use crate::model::TrackId;
    use crate::model::teller::Teller;

    fn look(feed: &mut Feed, t: u64, kinds: Vec<Kind>) {
        for kind in kinds {
            feed.take(Nanos(t), LaneId(1), kind);
        }
    }

    /// Two instances that watch the same pipe; only the second lists it.
    fn fed() -> Feed {
        let mut feed = Feed::new(Limits::default(), Facts::default());
        let mut teller = Teller::new();
        teller.epoll(3, "a").epoll(4, "b").pipe("p", 5).watch(3, 5, Mask::IN).watch(4, 5, Mask::IN);
        look(&mut feed, 1, teller.tell());
        teller.unread(5, 1).ready(4, &[(5, Reason::Arrived(None))]);
        look(&mut feed, 2, teller.tell());
        feed
    }

    fn file(ep: i32) -> FileId {
        Teller::key(ep).file
    }

    #[test]
    fn each_instance_has_its_own_tracks() {
        let feed = fed();
        let marks = |ep: i32| {
            let scene = feed.scene(Some(file(ep)));
            let track = scene.timeline.track(TrackId::Watch(Teller::key(5))).expect("a track");
            track.window(Nanos(0), Nanos(9)).count()
        };
        assert!(marks(4) > marks(3), "there it was listed");
        assert_eq!(feed.world().through(Some(file(9))).id, Some(file(3)), "there is none");
    }

    #[test]
    fn the_history_leads_to_the_same_world() {
        let feed = fed();
        let again = feed.journal().at(feed.world().seq);
        assert_eq!(again.clock, feed.world().clock);
        assert_eq!(again.pollers, feed.world().pollers);
        assert_eq!(again.files, feed.world().files);
    }

    #[test]
    fn no_event_is_later_than_the_last_time_there_is() {
        let mut feed = fed();
        for t in [Nanos::MAX.0 + 1, u64::MAX, 7] {
            feed.take(Nanos(t), LaneId(1), Kind::Quiet);
            assert_eq!(feed.world().t, Nanos::MAX);
        }
    }

    #[test]
    fn an_instance_that_comes_later_has_the_threads_from_the_beginning() {
        let mut feed = fed();
        let mut teller = Teller::new();
        teller.epoll(3, "a").epoll(7, "c");
        look(&mut feed, 3, teller.tell());
        let scene = feed.scene(Some(file(7)));
        let main = scene.timeline.track(TrackId::Lane(LaneId(1))).expect("the main thread's track");
        assert_eq!(main.begins(), Nanos(1));
    }
}
