//! Which registrations and events are shown.

use super::words;
use crate::event::{Event, Fd, Kind, Output, WatchKey};
use crate::journal::Journal;
use crate::model::{EpollView, World};

/// A filter, parsed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Filter {
    /// Everything is shown.
    #[default]
    All,
    /// What is about this descriptor.
    Fd(Fd),
    /// What has this text in its peer, kind or call, without regard to case.
    Text(String),
}

/// How many events back a match is looked for.
const SEARCHED: u64 = 4096;

/// How much a filter lets through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Matches {
    /// So many of what is waited for.
    pub(crate) shown: usize,
    /// Of so many.
    pub(crate) all: usize,
    /// Some of the last events.
    pub(crate) events: bool,
}

impl Matches {
    /// Whether it lets nothing through.
    pub(crate) fn nothing(self) -> bool {
        self.shown == 0 && !self.events
    }
}

impl Filter {
    /// What it lets through of what is waited for, and whether of the last events any.
    pub(crate) fn matches(&self, world: EpollView<'_>, journal: &Journal) -> Matches {
        let shown = world.watched().filter(|key| self.shows(&world, *key)).count();
        let mut events = shown > 0;
        if !events {
            journal.back_from(world.seq, |event| {
                events = crate::text::is_row(event) && self.shows_event(&world, event);
                !events && world.seq.0 - event.seq.0 < SEARCHED
            });
        }
        Matches { shown, all: world.watched().count(), events }
    }

    /// Parses `fd=7` or any text; empty shows all.
    pub fn parse(text: &str) -> Self {
        let text = text.trim();
        match text.strip_prefix("fd=").and_then(|n| n.parse().ok()) {
            Some(number) => Self::Fd(Fd(number)),
            None if text.is_empty() => Self::All,
            None => Self::Text(text.to_lowercase()),
        }
    }

    /// Whether everything is shown.
    pub(crate) fn is_all(&self) -> bool {
        *self == Self::All
    }

    /// The filter as it is typed.
    pub fn text(&self) -> String {
        match self {
            Self::All => String::new(),
            Self::Fd(fd) => format!("fd={fd}"),
            Self::Text(text) => text.clone(),
        }
    }

    /// Whether a registration is shown.
    pub fn shows(&self, world: &World, key: WatchKey) -> bool {
        match self {
            Self::All => true,
            Self::Fd(fd) => key.fd == *fd,
            Self::Text(text) => world.file_of(key).is_some_and(|file| {
                words::kind(file).contains(text.as_str())
                    || file.built_in && "client".contains(text.as_str())
                    || words::peer(file).to_lowercase().contains(text)
            }),
        }
    }

    /// Whether an event is shown.
    pub(crate) fn shows_event(&self, world: &World, event: &Event) -> bool {
        match self {
            Self::All => true,
            Self::Fd(fd) => event.fd() == Some(*fd) || delivers(world, event, *fd),
            Self::Text(text) => {
                let named = match &event.kind {
                    Kind::Enter(call) => call.name().contains(text),
                    Kind::Park { next } => next.name().contains(text),
                    Kind::Return(record) => {
                        record.call.name().contains(text)
                            || record.ret.to_string().to_lowercase().contains(text)
                    }
                    _ => false,
                };
                let file = || {
                    let fd = event.fd()?;
                    let registered = world.views().find_map(|view| view.entry_at(fd));
                    let scanned = || world.through_none().watch_at(fd);
                    registered.map(|entry| entry.key).or_else(scanned)
                };
                named || file().is_some_and(|key| self.shows(world, key))
            }
        }
    }
}

/// Whether the event hands over an event of that descriptor.
fn delivers(world: &World, event: &Event, fd: Fd) -> bool {
    let named = |id| world.ring().and_then(|rings| rings.name(id)).map(|(_, fd)| fd);
    if let Kind::Reap { cqe, .. } = &event.kind {
        return named(cqe.id) == Some(fd);
    }
    match event.record().map(|record| (&record.output, record.ret)) {
        Some((Output::Events { events, .. } | Output::Scan { ready: events, .. }, _)) => {
            events.iter().any(|e| e.fd == fd)
        }
        Some((Output::Ring { posted, .. }, _)) => {
            posted.iter().any(|cqe| named(cqe.id) == Some(fd))
        }
        Some((Output::Accepted { .. }, ret)) => ret.fd() == Some(fd),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_print_as_they_parse() {
        for text in ["", "fd=7", "127.0.0.1", "fd=x"] {
            assert_eq!(Filter::parse(text).text(), text);
        }
    }
}
