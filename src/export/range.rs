//! The part of a history that is exported.

use std::io;

use crate::event::{Event, Header, Nanos, Seq};
use crate::journal::Journal;
use crate::model::World;

/// The part of a history that is exported.
#[derive(Clone, Copy)]
pub struct ExportRange<'a> {
    /// What was known before the first event.
    pub header: &'a Header,
    /// The history.
    pub journal: &'a Journal,
    /// The first event.
    pub first: Seq,
    /// The last event.
    pub last: Seq,
}

impl<'a> ExportRange<'a> {
    /// All of a history.
    pub fn whole(header: &'a Header, journal: &'a Journal) -> Self {
        let first = journal.first().unwrap_or_default();
        Self { header, journal, first, last: journal.last().unwrap_or_default() }
    }

    /// Whether it is all of a history.
    pub fn is_whole(&self) -> bool {
        let whole = Self::whole(self.header, self.journal);
        (self.first, self.last) == (whole.first, whole.last)
    }

    /// Whether it breaks off: what followed its last event is not to be had.
    pub fn is_cut(&self) -> bool {
        self.journal.breaks_off_after(self.last)
    }

    /// What happened from one time to another; `None` if nothing did.
    pub fn between(
        header: &'a Header,
        journal: &'a Journal,
        from: Option<Nanos>,
        until: Option<Nanos>,
    ) -> Option<Self> {
        let whole = Self::whole(header, journal);
        let first = match from.filter(|from| Some(*from) > journal.begins()) {
            Some(from) => first_from(journal, from)?,
            None => journal.first()?,
        };
        let last = match until {
            Some(until) if Some(until) < journal.begins() => return None,
            Some(until) => journal.seq_at(until)?,
            None => whole.last,
        };
        (first <= last).then_some(Self { first, last, ..whole })
    }

    /// The world before the first event.
    pub fn before(&self) -> World {
        match self.journal.first() {
            Some(first) if first < self.first => self.journal.before(self.first),
            _ => self.journal.origin(),
        }
    }

    /// Visits the events in order.
    ///
    /// # Errors
    /// The first one of `visit`, which ends it.
    pub fn each(&self, mut visit: impl FnMut(&Event) -> io::Result<()>) -> io::Result<()> {
        let mut visited = Ok(());
        self.journal.forward_from(self.first, |event| {
            if event.seq > self.last {
                return false;
            }
            visited = visit(event);
            visited.is_ok()
        });
        visited
    }

    /// The time of the first event.
    pub fn begins(&self) -> Nanos {
        self.journal.get(self.first).map_or(Nanos(0), |event| event.t)
    }

    /// The time of the last one.
    pub fn ends(&self) -> Nanos {
        self.journal.get(self.last).map_or(Nanos(0), |event| event.t)
    }

    /// How many events there are.
    pub fn events(&self) -> u64 {
        (self.last.0 + 1).saturating_sub(self.first.0)
    }
}

/// The first event at `from` or after it.
fn first_from(journal: &Journal, from: Nanos) -> Option<Seq> {
    // The last one before that, and the next.
    let before = journal.seq_at(Nanos(from.0.saturating_sub(1)))?;
    let mut found = None;
    journal.forward_from(before, |event| {
        found = (event.t >= from).then_some(event.seq);
        found.is_none()
    });
    found
}
