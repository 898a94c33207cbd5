//! Which span a file stands in.

use crate::event::{Trigger, WatchKey};
use crate::model::timeline::Span;
use crate::model::{EpollView, GoState, InterestEntry, OpenFile, Reason, Rings, ScanEntry, Sync};

/// Where the goroutine of that file is, if it has one: of two the one that is not parked.
pub(super) fn served(world: EpollView<'_>, key: WatchKey) -> Option<Span> {
    let spans = world.netpoll()?.of_file(key.file).map(|go| match go.state {
        GoState::Runnable(_) => Span::Ready,
        GoState::Runs(_) => Span::Running,
        GoState::Parked(_) => Span::Asleep,
    });
    spans.min_by_key(|span| u8::from(*span == Span::Asleep))
}

/// The span of a file that is on the ready list for that reason.
pub(super) fn listed(why: Reason) -> Span {
    match why {
        Reason::PutBack => Span::PutBack,
        Reason::Perhaps => Span::Unknown,
        _ => Span::Ready,
    }
}

/// The span of a file that is asked anew by each call: it waits to be asked while something holds,
/// and is found again and again until nothing does.
pub(super) fn scanned(entry: &ScanEntry, world: EpollView<'_>) -> Span {
    let Some(set) = world.scan().filter(|set| set.check.sync == Sync::Following) else {
        return Span::Unknown;
    };
    let poll = world.file_of(entry.key).map(OpenFile::poll).unwrap_or_default();
    if set.answer(entry.events, poll).set.is_empty() {
        Span::Quiet(Trigger::Level)
    } else if entry.revents.is_empty() {
        Span::Ready
    } else {
        Span::PutBack
    }
}

/// The span of a file with operations in a ring: its completion waits to be taken, it is armed, or
/// it is not.
pub(super) fn ringed(rings: &Rings, key: WatchKey) -> Span {
    if rings.posted(key.file).is_some() {
        Span::Ready
    } else if rings.input(key.file).is_some() {
        Span::Quiet(Trigger::Edge)
    } else {
        Span::Quiet(Trigger::Level)
    }
}

/// The span of a registration that is not on the modelled list.
pub(super) fn quiet(entry: &InterestEntry, world: EpollView<'_>) -> Span {
    if let Some(span) = served(world, entry.key) {
        return span;
    }
    match world.instance.check.sync {
        Sync::Following => Span::Quiet(entry.trigger()),
        Sync::Lost | Sync::Unknown => Span::Unknown,
    }
}

/// The span of a registration as it stands, without an event of its own.
pub(super) fn now(entry: &InterestEntry, world: EpollView<'_>) -> Span {
    if entry.listed {
        let why = world.instance.ready.find(entry.key).map(|(_, ready)| ready.why);
        why.map_or(Span::Ready, listed)
    } else {
        quiet(entry, world)
    }
}
