//! One track: a bounded ring of marks.

use std::collections::VecDeque;

use super::{Mark, Moment, Span};
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

    fn what(self) -> Moment {
        MOMENTS[usize::from(self.1.to_le_bytes()[0]) % MOMENTS.len()]
    }

    fn mark(self) -> Mark {
        Mark { t: self.t(), seq: Seq(self.1 >> 8), what: self.what() }
    }
}

/// Every moment, at the place of its [`code`].
const MOMENTS: [Moment; 19] = [
    Moment::Span(Span::Running),
    Moment::Span(Span::Asleep),
    Moment::Span(Span::Held),
    Moment::Span(Span::Quiet(Trigger::Level)),
    Moment::Span(Span::Quiet(Trigger::Edge)),
    Moment::Span(Span::Ready),
    Moment::Span(Span::PutBack),
    Moment::Span(Span::Gone),
    Moment::Span(Span::Unknown),
    Moment::Accept,
    Moment::Arrive,
    Moment::Report,
    Moment::Read,
    Moment::Write,
    Moment::Again,
    Moment::End,
    Moment::Close,
    Moment::Changed,
    Moment::Lost,
];

fn code(what: Moment) -> u8 {
    match what {
        Moment::Span(Span::Running) => 0,
        Moment::Span(Span::Asleep) => 1,
        Moment::Span(Span::Held) => 2,
        Moment::Span(Span::Quiet(Trigger::Level)) => 3,
        Moment::Span(Span::Quiet(Trigger::Edge)) => 4,
        Moment::Span(Span::Ready) => 5,
        Moment::Span(Span::PutBack) => 6,
        Moment::Span(Span::Gone) => 7,
        Moment::Span(Span::Unknown) => 8,
        Moment::Accept => 9,
        Moment::Arrive => 10,
        Moment::Report => 11,
        Moment::Read => 12,
        Moment::Write => 13,
        Moment::Again => 14,
        Moment::End => 15,
        Moment::Close => 16,
        Moment::Changed => 17,
        Moment::Lost => 18,
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
    /// The marks with `from <= t <= to`, oldest first.
    pub fn window(&self, from: Nanos, to: Nanos) -> impl Iterator<Item = Mark> {
        let low = self.marks.partition_point(|m| m.t() < from);
        self.marks.range(low..).map(|m| m.mark()).take_while(move |m| m.t <= to)
    }

    /// The span that holds just before `t`; `None` before the track begins or where it was dropped.
    pub fn span_before(&self, t: Nanos) -> Option<Span> {
        let end = self.marks.partition_point(|m| m.t() < t);
        let kept = self.marks.range(..end).rev().find_map(|m| match m.what() {
            Moment::Span(span) => Some(span),
            _ => None,
        });
        kept.or_else(|| self.base.filter(|_| t > self.dropped_until))
    }

    /// When the track begins, as far as it is kept.
    pub fn begins(&self) -> Nanos {
        self.marks.front().map_or(Nanos(0), |mark| mark.t())
    }

    /// Whether what it is about is gone by now.
    pub fn is_over(&self) -> bool {
        self.span == Some(Span::Gone)
    }

    /// Before this time marks were dropped because of the bound.
    pub fn dropped_until(&self) -> Nanos {
        self.dropped_until
    }

    pub(super) fn push(&mut self, mark: Mark, cap: usize) {
        while self.marks.len() >= cap.max(1) {
            let Some(dropped) = self.marks.pop_front() else { break };
            self.dropped_until = dropped.t();
            if let Moment::Span(span) = dropped.what() {
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
