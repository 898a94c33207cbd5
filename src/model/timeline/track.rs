//! One track: a bounded ring of marks.

use std::collections::VecDeque;

use super::{Mark, MarkKind, Span};
use crate::event::{Nanos, Seq, Trigger};

/// A mark in two words: the time; the event, with what happened in the low byte. The timeline is
/// written at every event, so its size is what it costs.
#[derive(Clone, Copy, Debug)]
struct Packed(u64, u64);

impl Packed {
    fn of(mark: Mark) -> Self {
        Self(mark.t.0, mark.seq.0 << 8 | u64::from(code(mark.what)))
    }

    fn t(self) -> Nanos {
        Nanos(self.0)
    }

    fn what(self) -> MarkKind {
        MOMENTS[usize::from(self.1.to_le_bytes()[0]) % MOMENTS.len()]
    }

    fn mark(self) -> Mark {
        Mark { t: self.t(), seq: Seq(self.1 >> 8), what: self.what() }
    }
}

/// Every moment, at the place of its [`code`].
const MOMENTS: [MarkKind; 24] = [
    MarkKind::Span(Span::Running),
    MarkKind::Span(Span::Asleep),
    MarkKind::Span(Span::Held),
    MarkKind::Span(Span::Quiet(Trigger::Level)),
    MarkKind::Span(Span::Quiet(Trigger::Edge)),
    MarkKind::Span(Span::Ready),
    MarkKind::Span(Span::PutBack),
    MarkKind::Span(Span::Gone),
    MarkKind::Span(Span::Unknown),
    MarkKind::Accept,
    MarkKind::Arrive,
    MarkKind::Report,
    MarkKind::Read,
    MarkKind::Write,
    MarkKind::Again,
    MarkKind::End,
    MarkKind::Close,
    MarkKind::Changed,
    MarkKind::Lost,
    MarkKind::Submit,
    MarkKind::Complete,
    MarkKind::Park,
    MarkKind::Runnable,
    MarkKind::Runs,
];

fn code(what: MarkKind) -> u8 {
    match what {
        MarkKind::Span(Span::Running) => 0,
        MarkKind::Span(Span::Asleep) => 1,
        MarkKind::Span(Span::Held) => 2,
        MarkKind::Span(Span::Quiet(Trigger::Level)) => 3,
        MarkKind::Span(Span::Quiet(Trigger::Edge)) => 4,
        MarkKind::Span(Span::Ready) => 5,
        MarkKind::Span(Span::PutBack) => 6,
        MarkKind::Span(Span::Gone) => 7,
        MarkKind::Span(Span::Unknown) => 8,
        MarkKind::Accept => 9,
        MarkKind::Arrive => 10,
        MarkKind::Report => 11,
        MarkKind::Read => 12,
        MarkKind::Write => 13,
        MarkKind::Again => 14,
        MarkKind::End => 15,
        MarkKind::Close => 16,
        MarkKind::Changed => 17,
        MarkKind::Lost => 18,
        MarkKind::Submit => 19,
        MarkKind::Complete => 20,
        MarkKind::Park => 21,
        MarkKind::Runnable => 22,
        MarkKind::Runs => 23,
    }
}

/// A track: marks in order of time, the oldest dropped at the bound.
#[derive(Clone, Debug, Default)]
pub struct Track {
    marks: VecDeque<Packed>,
    dropped_until: Nanos,
    /// The last span among the dropped marks.
    base: Option<Span>,
    /// The last span.
    pub(super) span: Option<Span>,
}

impl Track {
    /// A track of which nothing is known up to that time.
    pub(super) fn unknown_until(t: Nanos) -> Self {
        Self { dropped_until: t, base: Some(Span::Unknown), ..Self::default() }
    }

    /// The marks with `from <= t <= to`, oldest first.
    pub fn window(&self, from: Nanos, to: Nanos) -> impl Iterator<Item = Mark> {
        let low = self.marks.partition_point(|m| m.t() < from);
        self.marks.range(low..).map(|m| m.mark()).take_while(move |m| m.t <= to)
    }

    /// The span that holds just before `t`; `None` before the track begins or where it was dropped.
    pub fn span_before(&self, t: Nanos) -> Option<Span> {
        let end = self.marks.partition_point(|m| m.t() < t);
        let kept = self.marks.range(..end).rev().find_map(|m| match m.what() {
            MarkKind::Span(span) => Some(span),
            _ => None,
        });
        kept.or_else(|| self.base.filter(|_| t > self.dropped_until))
    }

    /// The span that holds now.
    pub fn span(&self) -> Option<Span> {
        self.span
    }

    /// When the track begins, as far as it is kept.
    pub fn begins(&self) -> Nanos {
        self.marks.front().map_or(Nanos(0), |mark| mark.t())
    }

    /// Whether what it is about is gone by now.
    pub fn is_over(&self) -> bool {
        self.span == Some(Span::Gone)
    }

    /// Before this time marks were dropped because of the bound, or nothing was known.
    pub fn dropped_until(&self) -> Nanos {
        self.dropped_until
    }

    pub(crate) fn push(&mut self, mark: Mark, cap: usize) {
        while self.marks.len() >= cap.max(1) {
            let Some(dropped) = self.marks.pop_front() else { break };
            self.dropped_until = dropped.t();
            if let MarkKind::Span(span) = dropped.what() {
                self.base = Some(span);
            }
        }
        self.marks.push_back(Packed::of(mark));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_moment_survives_packing() {
        for (place, what) in MOMENTS.into_iter().enumerate() {
            assert_eq!(usize::from(code(what)), place);
            let mark = Mark { t: Nanos(u64::MAX), seq: Seq((1 << 56) - 1), what };
            assert_eq!(Packed::of(mark).mark(), mark);
        }
    }
}
