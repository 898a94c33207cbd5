//! The spans of the timeline's tracks, one after the other and without a bound: each as it ends.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::ExportRange;
use crate::event::{Event, Nanos, Reason, Seq, Trigger};
use crate::history::{Folded, Hindsight, TrackOwner};
use crate::journal::Journal;
use crate::model::{Span, TrackId, World};

/// A span that has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct EndedSpan {
    /// Whose.
    pub(super) track: TrackOwner,
    /// What the track is called.
    pub(super) name: Rc<str>,
    /// What held.
    pub(super) span: Span,
    /// Why, of a registration on the ready list.
    pub(super) why: Option<Reason>,
    /// From when.
    pub(super) from: Nanos,
    /// Up to when.
    pub(super) until: Nanos,
    /// The event that began it.
    pub(super) seq: Seq,
    /// It is cut off by the end of the range.
    pub(super) lasts: bool,
}

/// The tracks of a range, as far as it has been gone through.
pub(super) struct OpenSpans<'a> {
    journal: &'a Journal,
    folded: Folded,
    open: BTreeMap<TrackOwner, EndedSpan>,
}

impl<'a> OpenSpans<'a> {
    /// The tracks as they are before the first event of a range.
    pub(super) fn before(range: &ExportRange<'a>) -> Self {
        let journal = range.journal;
        let mut folded = Folded::at(journal, range.first.back(), Hindsight::Long);
        let begun = folded.note_turns();
        let mut spans = Self { journal, folded, open: BTreeMap::new() };
        for (track, span) in begun {
            spans.begin(track, span, (range.begins(), range.first.back()), None);
        }
        spans
    }

    /// The world as far as it has been gone through.
    pub(super) fn world(&self) -> &World {
        self.folded.world()
    }

    /// Goes on by one event; what ended with it.
    pub(super) fn apply(&mut self, event: &Event) -> Vec<EndedSpan> {
        self.folded.apply(event, self.journal);
        let mut ended = Vec::new();
        for (track, span) in self.folded.take_turned() {
            if self.open.get(&track).is_some_and(|open| open.span == span) {
                continue;
            }
            let before = self.open.remove(&track);
            let name = before.as_ref().map(|before| Rc::clone(&before.name));
            ended.extend(before.map(|open| EndedSpan { until: event.t, lasts: false, ..open }));
            self.begin(track, span, (event.t, event.seq), name);
        }
        // What no epoll instance watches any more, because there is none, has come to its end.
        let world = self.folded.world();
        let gone = |(owner, _): &TrackOwner| {
            owner.is_some_and(|owner| world.pollers.epoll(owner).is_none())
        };
        let gone: Vec<_> = self.open.keys().copied().filter(gone).collect();
        let gone = gone.into_iter().filter_map(|track| self.open.remove(&track));
        ended.extend(gone.map(|open| EndedSpan { until: event.t, lasts: false, ..open }));
        ended
    }

    /// What has not ended by then.
    pub(super) fn finish(self, until: Nanos) -> impl Iterator<Item = EndedSpan> {
        self.open.into_values().map(move |open| EndedSpan { until, ..open })
    }

    fn begin(
        &mut self,
        track: TrackOwner,
        span: Span,
        (from, seq): (Nanos, Seq),
        name: Option<Rc<str>>,
    ) {
        if span == Span::Gone {
            return;
        }
        let world = self.folded.world();
        let why = match track {
            (Some(owner), TrackId::Watch(key)) => {
                world.through(Some(owner)).instance.ready.find(key).map(|(_, entry)| entry.why)
            }
            _ => None,
        };
        let name = name.unwrap_or_else(|| self::name(world, track).into());
        let begun = EndedSpan { track, name, span, why, from, until: from, seq, lasts: true };
        self.open.insert(track, begun);
    }
}

/// What a track is called: `T1`, `fd 7 127.0.0.1:40000`.
fn name(world: &World, (owner, id): TrackOwner) -> String {
    let key = match id {
        TrackId::Lane(lane) => {
            let own = world.lane(lane).and_then(|lane| lane.name.as_deref());
            return own.map_or_else(|| lane.to_string(), str::to_owned);
        }
        TrackId::Watch(key) => key,
    };
    let label = world.label(key.fd).map(str::to_owned);
    let file = || world.file_of(key).map(|file| file.name.to_string());
    let name = label.or_else(file).unwrap_or_default();
    let several = world.pollers.len() > 1;
    let of = owner.filter(|_| several).and_then(|owner| world.pollers.epoll(owner)?.fd);
    let of = of.map(|fd| format!(" in epoll {fd}")).unwrap_or_default();
    let space = if name.is_empty() { "" } else { " " };
    format!("fd {}{space}{name}{of}", key.fd)
}

/// The word for a span.
pub(super) fn word(span: Span) -> &'static str {
    match span {
        Span::Running => "running",
        Span::Asleep => "asleep",
        Span::Held => "held",
        Span::Quiet(Trigger::Level) => "quiet level",
        Span::Quiet(Trigger::Edge) => "quiet edge",
        Span::Ready => "ready",
        Span::PutBack => "put back",
        Span::Gone => "gone",
        Span::Unknown => "unknown",
    }
}
