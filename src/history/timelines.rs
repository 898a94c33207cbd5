//! The timelines of a history: each epoll instance has its own, of its registrations.

use rustc_hash::FxHashMap;

use crate::event::{Event, FileId, Seq};
use crate::model::{EpollView, Span, Timeline, Track, TrackId, World};

/// A track, and the epoll instance whose timeline it is in: `None` for those of threads, which are in
/// all of them, and for files that no instance watches.
pub type TrackOwner = (Option<FileId>, TrackId);

/// The timelines of all epoll instances.
#[derive(Clone, Debug, Default)]
pub(super) struct Timelines {
    /// As long as there is no instance: of the threads, and of what the server passes to poll(2) or
    /// select(2).
    none: Timeline,
    /// Those of the instances by their open files.
    own: FxHashMap<FileId, Timeline>,
}

/// Whose track that is in the timeline of an instance: threads are told of by the first one.
fn owned(owner: Option<FileId>, id: TrackId, first: bool) -> Option<TrackOwner> {
    match id {
        TrackId::Lane(_) => first.then_some((None, id)),
        TrackId::Watch(_) => Some((owner, id)),
    }
}

/// What of a timeline goes on in the next one: of a live server, which takes its files with it from
/// one way of waiting to another, all of it; else what the threads did.
fn goes_on(last: &Timeline, world: &World) -> Timeline {
    if world.labelled { last.of_threads() } else { last.clone() }
}

impl Timelines {
    /// Those of a world of whose past nothing is known.
    pub(super) fn begun(world: &World) -> Self {
        if world.seq == Seq(0) {
            return Self::default();
        }
        let own = world.views().filter_map(|view| Some((view.id?, Timeline::begun(view))));
        Self { none: Timeline::begun(world.through_none()), own: own.collect() }
    }

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

    /// The world is another one, of whose past nothing is known: with the next event its tracks
    /// stand as they are in it.
    pub(super) fn resume(&mut self) {
        self.none.resume();
        self.own.values_mut().for_each(Timeline::resume);
    }

    /// From now on notes which tracks turn to another span.
    pub(super) fn note_turns(&mut self) {
        self.none.note_turns();
        self.own.values_mut().for_each(Timeline::note_turns);
    }

    /// Those that are not over of a world, with their spans.
    pub(super) fn spans(&self, world: &World) -> Vec<(TrackOwner, Span)> {
        let (mut spans, first) = (Vec::new(), world.through(None).id);
        let mut of = |owner: Option<FileId>, timeline: &Timeline| {
            for (id, track) in timeline.tracks() {
                let owner = owned(owner, id, owner == first);
                let lasts = track.span().filter(|span| *span != Span::Gone);
                spans.extend(owner.zip(lasts));
            }
        };
        if world.pollers.is_empty() {
            of(None, &self.none);
        }
        for id in world.views().filter_map(|view| view.id) {
            if let Some(own) = self.own.get(&id) {
                of(Some(id), own);
            }
        }
        spans
    }

    /// Those that have turned since it was asked last, with their spans now.
    pub(super) fn take_turned(&mut self, world: &World) -> Vec<(TrackOwner, Span)> {
        let first = world.through(None).id;
        let none = world.pollers.is_empty().then_some((None, &mut self.none));
        let own = self.own.iter_mut().map(|(id, own)| (Some(*id), own));
        let mut spans = Vec::new();
        for (owner, timeline) in none.into_iter().chain(own) {
            for id in timeline.take_turned() {
                let span = timeline.track(id).and_then(Track::span).unwrap_or(Span::Gone);
                spans.extend(owned(owner, id, owner == first).map(|owner| (owner, span)));
            }
        }
        spans
    }

    /// That of the epoll instance which is looked at.
    pub(super) fn of(&self, view: EpollView<'_>) -> &Timeline {
        view.id.and_then(|file| self.own.get(&file)).unwrap_or(&self.none)
    }
}
