//! Time in columns: which stretch each stands for, and what happened on a track in it. A mark stands
//! in the column of its time and nowhere else, however many others are there.

use crate::event::{Nanos, Trigger};
use crate::model::{Mark, MarkKind, Span, Track, TrackId};
use crate::tui::theme::{Glyphs, Role};

/// The axis moves on by this part of its width: seldom enough for the eye, and nearly all of the
/// width is used.
const BEATS: u64 = 16;

/// The stretch of time that is shown.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    pub(super) from: Nanos,
    /// The newest event shown.
    pub(super) until: Nanos,
    pub(super) width: Nanos,
    pub(super) columns: u16,
}

impl Window {
    /// So much time in so many columns, up to the next beat after `until`.
    pub(super) fn new(until: Nanos, width: Nanos, columns: u16) -> Self {
        let width = Nanos(width.0.max(1));
        let beat = (width.0 / BEATS).max(1);
        let end = (until.0 / beat).saturating_add(1).saturating_mul(beat).max(width.0);
        Self { from: Nanos(end - width.0), until, width, columns: columns.max(1) }
    }

    /// The column of a time; one before or after the window belongs to the column at that end.
    pub(super) fn column(&self, t: Nanos) -> u16 {
        let place = u128::from(t.since(self.from).0) * u128::from(self.columns);
        let place = u16::try_from(place / u128::from(self.width.0)).unwrap_or(u16::MAX);
        place.min(self.columns - 1)
    }

    /// The first time of a column: the one after the last begins where the window ends.
    pub(super) fn begins(&self, column: u16) -> Nanos {
        let columns = u128::from(self.columns);
        let part = (u128::from(self.width.0) * u128::from(column)).div_ceil(columns);
        Nanos(self.from.0.saturating_add(u64::try_from(part).unwrap_or(u64::MAX)))
    }

    /// The time that a column stands for.
    pub(super) fn resolution(&self) -> Nanos {
        Nanos((self.width.0 / u64::from(self.columns)).max(1))
    }

    /// The marks of a track in the column of `until`, spans not counted: the first of them, and how
    /// many there are.
    pub(super) fn last_column(&self, track: &Track) -> Option<(Mark, usize)> {
        let from = self.begins(self.column(self.until));
        let mut marks = track.window(from, self.until).filter(|mark| is_moment(mark.what));
        let first = marks.next()?;
        Some((first, 1 + marks.count()))
    }
}

fn is_moment(what: MarkKind) -> bool {
    !matches!(what, MarkKind::Span(_))
}

/// A cell: its glyph and role.
pub(super) type Cell = (&'static str, Role);

const BLANK: Cell = (" ", Role::Dim);

/// In which row of a track something is drawn, where it has several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Band {
    /// The states, and the marks on top of them.
    All,
    /// The states.
    States,
    /// The marks.
    Marks,
    /// What came, what was reported, what was changed.
    Events,
    /// What the server called.
    Calls,
}

impl Band {
    /// The rows of a track, if it has so many.
    pub(super) fn rows(count: usize) -> &'static [Self] {
        match count {
            0 | 1 => &[Self::All],
            2 => &[Self::States, Self::Marks],
            _ => &[Self::States, Self::Events, Self::Calls],
        }
    }

    /// Whether a mark stands in it.
    pub(super) fn has(self, what: MarkKind) -> bool {
        let call = match what {
            MarkKind::Span(_) => return false,
            MarkKind::Accept
            | MarkKind::Read
            | MarkKind::Write
            | MarkKind::Again
            | MarkKind::Park
            | MarkKind::Runs
            | MarkKind::Submit => true,
            MarkKind::Arrive
            | MarkKind::Runnable
            | MarkKind::Complete
            | MarkKind::Report
            | MarkKind::End
            | MarkKind::Close
            | MarkKind::Changed
            | MarkKind::Lost => false,
        };
        match self {
            Self::All | Self::Marks => true,
            Self::States => false,
            Self::Events => !call,
            Self::Calls => call,
        }
    }
}

/// What happened on a track in one column.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Column {
    /// How long each state held, by [`place`].
    time: [u64; 9],
    /// The marks of each call or of each event, and the gravest of each.
    pub(super) events: Dense,
    pub(super) calls: Dense,
}

/// Marks in one place.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Dense {
    pub(super) count: u32,
    gravest: Option<MarkKind>,
}

impl Dense {
    fn add(&mut self, what: MarkKind) {
        self.count += 1;
        if self.gravest.is_none_or(|had| weight(had) < weight(what)) {
            self.gravest = Some(what);
        }
    }

    fn and(self, other: Self) -> Self {
        let mut both = self;
        if let Some(what) = other.gravest {
            both.add(what);
            both.count = self.count + other.count;
        }
        both
    }
}

/// Which of several marks a column takes its colour from.
fn weight(what: MarkKind) -> u8 {
    match what {
        MarkKind::Span(_) => 0,
        MarkKind::Write => 1,
        MarkKind::Park | MarkKind::Runs | MarkKind::Submit | MarkKind::Read => 2,
        MarkKind::Again => 3,
        MarkKind::Report | MarkKind::Complete | MarkKind::Runnable => 4,
        MarkKind::Arrive => 5,
        MarkKind::Changed => 6,
        MarkKind::Accept => 7,
        MarkKind::End => 8,
        MarkKind::Close => 9,
        MarkKind::Lost => 10,
    }
}

/// The states in the order in which they are counted.
const SPANS: [Span; 9] = [
    Span::Running,
    Span::Asleep,
    Span::Held,
    Span::Ready,
    Span::PutBack,
    Span::Quiet(Trigger::Edge),
    Span::Quiet(Trigger::Level),
    Span::Unknown,
    Span::Gone,
];

fn place(span: Span) -> usize {
    match span {
        Span::Running => 0,
        Span::Asleep => 1,
        Span::Held => 2,
        Span::Ready => 3,
        Span::PutBack => 4,
        Span::Quiet(Trigger::Edge) => 5,
        Span::Quiet(Trigger::Level) => 6,
        Span::Unknown => 7,
        Span::Gone => 8,
    }
}

impl Column {
    fn of(&self, span: Span) -> u64 {
        self.time[place(span)]
    }

    /// How long each state held.
    #[cfg(test)]
    pub(super) fn times(&self) -> [u64; 9] {
        self.time
    }

    /// The state that held longest; of equals the first in the order of [`SPANS`].
    fn longest(&self) -> Option<Span> {
        let most = self.time.iter().copied().max().filter(|time| *time > 0)?;
        SPANS.into_iter().find(|span| self.of(*span) == most)
    }

    /// The state of a thread: which share of the time it was not asleep, in eighths.
    fn share(&self, glyphs: &Glyphs) -> Cell {
        let (running, held) = (self.of(Span::Running), self.of(Span::Held));
        let (awake, asleep) = (running + held, self.of(Span::Asleep));
        if awake == 0 || asleep == 0 {
            return span_cell(glyphs, self.longest());
        }
        let eighths = usize::try_from((awake * 8 / (awake + asleep)).min(7)).unwrap_or(7);
        let role = if held > running { Role::Title } else { Role::Text };
        (glyphs.shares[eighths], role)
    }

    /// The cell of one row of a track.
    pub(super) fn cell(&self, glyphs: &Glyphs, id: TrackId, band: Band) -> Cell {
        let thread = matches!(id, TrackId::Lane(_));
        let state = || if thread { self.share(glyphs) } else { span_cell(glyphs, self.longest()) };
        let dense = match band {
            Band::States => return state(),
            Band::All | Band::Marks => self.events.and(self.calls),
            Band::Events => self.events,
            Band::Calls => self.calls,
        };
        let Some(what) = dense.gravest else {
            return if band == Band::All { state() } else { BLANK };
        };
        let mark = moment_cell(glyphs, id, what).unwrap_or(BLANK);
        match dense.count {
            0 | 1 => mark,
            // A thread's calls are told on the tracks of the files, too: of it the share of the time
            // says more than their number.
            _ if thread && band == Band::All => self.share(glyphs),
            count => (density(glyphs, count), mark.1),
        }
    }
}

/// So many marks in one place.
fn density(glyphs: &Glyphs, count: u32) -> &'static str {
    const DIGITS: [&str; 10] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];
    match count {
        0..10 => DIGITS.get(count as usize).copied().unwrap_or("9"),
        10..100 => glyphs.many,
        _ => glyphs.very_many,
    }
}

fn span_cell(glyphs: &Glyphs, span: Option<Span>) -> Cell {
    match span {
        None | Some(Span::Gone) => BLANK,
        Some(Span::Running) => (glyphs.running, Role::Text),
        Some(Span::Asleep) => (glyphs.asleep, Role::Asleep),
        Some(Span::Held) => (glyphs.held, Role::Title),
        Some(Span::Quiet(Trigger::Level)) => (glyphs.level, Role::Dim),
        Some(Span::Quiet(Trigger::Edge)) => (glyphs.edge, Role::Edge),
        Some(Span::Ready) => (glyphs.listed, Role::Ready),
        Some(Span::PutBack) => (glyphs.put_back, Role::Ready),
        Some(Span::Unknown) => (glyphs.idle, Role::Dim),
    }
}

fn moment_cell(glyphs: &Glyphs, id: TrackId, moment: MarkKind) -> Option<Cell> {
    Some(match moment {
        MarkKind::Span(_) => return None,
        MarkKind::Accept => (glyphs.accept, Role::Good),
        MarkKind::Arrive => (glyphs.arrive, Role::Data),
        MarkKind::Report if matches!(id, TrackId::Lane(_)) => ("W", Role::Title),
        MarkKind::Report => (glyphs.report, Role::Title),
        MarkKind::Read => (glyphs.read, Role::Data),
        MarkKind::Write => (glyphs.write, Role::Data),
        MarkKind::Again => (glyphs.again, Role::Text),
        MarkKind::End => (glyphs.end, Role::Title),
        MarkKind::Close => (glyphs.close, Role::Bad),
        MarkKind::Changed => (glyphs.changed, Role::Edge),
        MarkKind::Lost => (glyphs.lost, Role::Bad),
        MarkKind::Submit => ("s", Role::Edge),
        MarkKind::Complete => ("c", Role::Data),
        MarkKind::Park => ("p", Role::Asleep),
        MarkKind::Runnable => ("+", Role::Ready),
        MarkKind::Runs => ("G", Role::Handled),
    })
}

/// What happened on a track, column by column, up to the newest event shown.
pub(super) fn columns(track: &Track, window: &Window) -> Vec<Column> {
    let mut line = vec![Column::default(); usize::from(window.columns)];
    let mut span = track.span_before(window.from);
    let mut since = window.from;
    for mark in track.window(window.from, window.until) {
        match mark.what {
            MarkKind::Span(next) => {
                lasts(&mut line, window, span, since..mark.t);
                (span, since) = (Some(next), mark.t);
            }
            what => {
                let column = &mut line[usize::from(window.column(mark.t))];
                if Band::Calls.has(what) { &mut column.calls } else { &mut column.events }
                    .add(what);
            }
        }
    }
    // Up to the end of the newest column: it holds still.
    let end = window.begins(window.column(window.until) + 1);
    lasts(&mut line, window, span, since..end);
    let dropped = track.dropped_until();
    if dropped > window.from {
        // What is no longer kept is not drawn as if nothing had been.
        let until = usize::from(window.column(dropped));
        line[..until].fill(Column::default());
        lasts(&mut line, window, Some(Span::Unknown), window.from..dropped);
    }
    line
}

/// A state holds for a while: each column gets its part.
fn lasts(line: &mut [Column], window: &Window, span: Option<Span>, time: std::ops::Range<Nanos>) {
    let Some(span) = span.filter(|_| time.start < time.end) else { return };
    let (first, last) = (window.column(time.start), window.column(Nanos(time.end.0 - 1)));
    for number in first..=last {
        let from = window.begins(number).max(time.start);
        let until = window.begins(number + 1).min(time.end);
        line[usize::from(number)].time[place(span)] += until.since(from).0;
    }
}
