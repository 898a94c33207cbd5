//! What has been measured so far, and what it comes to. Pure: it is folded from updates.

use super::statistics::{QuartileSpread, slope};
use super::update::{ComparePhase, CompareUpdate, CurvePoint, LoopSample, ReadyPlace};
use super::{AskRule, ComparePlan};
use crate::engine::CallCounts;
use crate::event::Backend;

/// From so many watched descriptors on the slope is fitted: below, the call itself costs more.
pub(crate) const FIT_FROM: u32 = 100;

/// Everything that one run has told.
#[derive(Clone, Debug)]
pub struct CompareBoard {
    /// What is compared.
    pub plan: ComparePlan,
    /// What is being done.
    pub phase: ComparePhase,
    /// Rounds that are over.
    pub rounds: u32,
    /// The curve's points, in the order in which they were measured.
    pub points: Vec<CurvePoint>,
    rows: Vec<Row>,
    /// The row that the others are compared with.
    base: Option<usize>,
}

/// A row as it is summed up.
#[derive(Clone, Debug, Default)]
struct Row {
    refused: Option<String>,
    kib_per_client: Option<f64>,
    total: LoopSample,
    /// Nanoseconds of CPU a request, of each round.
    cpu_ns: Vec<f64>,
    /// The same as a ratio to the first loop's in the same round.
    ratios: Vec<f64>,
}

/// What a row comes to.
#[derive(Clone, Debug, PartialEq)]
pub struct RowReport {
    /// The loop.
    pub name: Backend,
    /// Whether it is the first loop once more, for the noise.
    pub again: bool,
    /// Why it cannot be had.
    pub refused: Option<String>,
    /// What has been measured, once a round is over.
    pub cost: Option<RowCost>,
}

/// What a request costs in a loop: numbers without a unit are a request's.
#[derive(Clone, Debug, PartialEq)]
pub struct RowCost {
    /// Requests that were measured.
    pub requests: u64,
    /// Requests a second.
    pub per_second: f64,
    /// Nanoseconds of CPU.
    pub cpu_ns: QuartileSpread,
    /// The same, as a ratio to the first loop's within a round.
    pub ratio: QuartileSpread,
    /// Whether the ratio differs from 1 by no more than the noise; `None` while that is not known,
    /// and for the rows that it is made of.
    pub same: Option<bool>,
    /// System calls.
    pub calls: f64,
    /// Bytes that the arguments of waits moved, by the ABI.
    pub copied: f64,
    /// Files that the kernel asked whether they are ready.
    pub asked: f64,
    /// Wait queues that a thread was hooked to and unhooked from.
    pub hooked: f64,
    /// Submission queue entries.
    pub sqes: f64,
    /// Completion queue entries.
    pub cqes: f64,
    /// How often a thread slept.
    pub sleeps: f64,
    /// Memory of a client, in KiB.
    pub kib_per_client: Option<f64>,
    /// What was counted, in all.
    pub counts: CallCounts,
}

impl CompareBoard {
    /// A board on which nothing stands yet.
    pub fn new(plan: ComparePlan) -> Self {
        let rows = vec![Row::default(); plan.rows()];
        let phase = ComparePhase::Starting(plan.loop_of(0));
        Self { plan, phase, rounds: 0, points: Vec::new(), rows, base: None }
    }

    /// Takes over what was told.
    pub fn take(&mut self, update: CompareUpdate) {
        match update {
            CompareUpdate::Phase(phase) => self.phase = phase,
            CompareUpdate::Refused { row, reason } => {
                if let Some(row) = self.rows.get_mut(row) {
                    row.refused = Some(reason);
                }
            }
            CompareUpdate::Memory { row, kib_per_client } => {
                if let Some(row) = self.rows.get_mut(row) {
                    row.kib_per_client = Some(kib_per_client);
                }
            }
            CompareUpdate::Round(samples) => self.round(&samples),
            CompareUpdate::Point(point) => self.points.push(point),
        }
    }

    fn round(&mut self, samples: &[(usize, LoopSample)]) {
        let base = *self.base.get_or_insert(samples.first().map_or(0, |(row, _)| *row));
        let of_base = samples.iter().find(|(row, _)| *row == base).map(|(_, sample)| cpu(sample));
        for (row, sample) in samples {
            let Some(row) = self.rows.get_mut(*row) else { continue };
            row.total = sum(row.total, *sample);
            row.cpu_ns.push(cpu(sample));
            if let Some(of_base) = of_base.filter(|ns| *ns > 0.0) {
                row.ratios.push(cpu(sample) / of_base);
            }
        }
        self.rounds += 1;
    }

    /// The row that the others are compared with.
    pub fn base(&self) -> usize {
        self.base.unwrap_or(0)
    }

    /// How far the first loop is from itself, as a share; `None` until that has been measured.
    pub fn noise(&self) -> Option<f64> {
        let again = self.rows.last()?;
        QuartileSpread::of(&again.ratios).map(|spread| spread.noise())
    }

    /// Whether a loop is so far from itself that little can be said of the others: by more than a
    /// tenth.
    pub fn is_noisy(&self) -> bool {
        self.noise().is_some_and(|noise| noise > 0.1)
    }

    /// What each row comes to, in their order.
    pub fn reports(&self) -> Vec<RowReport> {
        (0..self.rows.len()).map(|row| self.report(row)).collect()
    }

    /// What a row comes to.
    fn report(&self, number: usize) -> RowReport {
        let again = number + 1 == self.rows.len();
        let name = self.plan.loop_of(if again { self.base() } else { number });
        let row = &self.rows[number];
        let cost = self.cost(number, name);
        RowReport { name, again, refused: row.refused.clone(), cost }
    }

    fn cost(&self, number: usize, name: Backend) -> Option<RowCost> {
        let row = &self.rows[number];
        let (cpu_ns, ratio) = (QuartileSpread::of(&row.cpu_ns)?, QuartileSpread::of(&row.ratios)?);
        let total = &row.total;
        let each = |n: u64| share(n, total.requests);
        let compared = number != self.base() && number + 1 != self.rows.len();
        let noise = self.noise().filter(|_| compared);
        Some(RowCost {
            requests: total.requests,
            per_second: share(total.requests, total.wall_ns) * 1e9,
            cpu_ns,
            ratio,
            same: noise.map(|noise| ratio.is_same(noise)),
            calls: each(total.counts.calls()),
            copied: each(total.counts.copied()),
            asked: asked(AskRule::of(name), total) / share(total.requests, 1),
            hooked: hooked(AskRule::of(name), total) / share(total.requests, 1),
            sqes: each(total.counts.sqes),
            cqes: each(total.counts.cqes),
            sleeps: each(total.sleeps),
            kib_per_client: row.kib_per_client,
            counts: total.counts,
        })
    }

    /// The slopes, from a hundred watched descriptors on, of each loop that has any.
    pub fn fits(&self, ready: ReadyPlace) -> Vec<CurveFit> {
        let fit = |name: Backend| {
            let points: Vec<_> = self.series(name, ready);
            let far = points.iter().filter(|(watched, _)| *watched >= FIT_FROM);
            let far: Vec<_> = far.map(|(watched, ns)| (f64::from(*watched), *ns)).collect();
            let slope = slope(&far)?;
            Some(CurveFit { name, ready, points: far.len(), slope })
        };
        Backend::ALL.into_iter().filter_map(fit).collect()
    }

    /// The points of one line of the curve: watched descriptors and nanoseconds.
    pub fn series(&self, name: Backend, ready: ReadyPlace) -> Vec<(u32, f64)> {
        let points = self.points.iter().filter(|p| p.name == name && p.ready == ready);
        points.map(|point| (point.watched, point.ns)).collect()
    }
}

/// How a line of the curve rises.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CurveFit {
    /// The loop.
    pub name: Backend,
    /// Which descriptors were ready.
    pub ready: ReadyPlace,
    /// Points that it was fitted to.
    pub points: usize,
    /// The power of the number of watched descriptors.
    pub slope: f64,
}

/// Nanoseconds of CPU a request.
fn cpu(sample: &LoopSample) -> f64 {
    share(sample.cpu_ns, sample.requests)
}

#[expect(clippy::cast_precision_loss, reason = "what is measured is not that precise")]
fn share(of: u64, by: u64) -> f64 {
    if by == 0 { 0.0 } else { of as f64 / by as f64 }
}

fn sum(one: LoopSample, other: LoopSample) -> LoopSample {
    LoopSample {
        requests: one.requests + other.requests,
        wall_ns: one.wall_ns + other.wall_ns,
        cpu_ns: one.cpu_ns + other.cpu_ns,
        sleeps: one.sleeps + other.sleeps,
        counts: one.counts.plus(other.counts),
    }
}

/// How many files the kernel asked, by the rules of the call. That a level-triggered entry was ready
/// again before it could be asked is not known: it counts twice then.
fn asked(asks: AskRule, total: &LoopSample) -> f64 {
    let counts = &total.counts;
    let events = share(counts.events, 1);
    match asks {
        AskRule::All => {
            share(counts.asked, 1) + share(total.sleeps, 1) * share(counts.asked, counts.waits)
        }
        AskRule::ReadyTwice => 2.0 * events,
        AskRule::Ready => events,
        AskRule::One | AskRule::Nobody => 0.0,
    }
}

/// How many wait queues a thread was put on: a scan that does not sleep hooks files up to the first
/// one that is ready, one that sleeps hooks the rest, too; a thread that sleeps in a read, one.
fn hooked(asks: AskRule, total: &LoopSample) -> f64 {
    let counts = &total.counts;
    match asks {
        AskRule::All => {
            let rest = share(counts.asked.saturating_sub(counts.hooked), counts.waits);
            share(counts.hooked, 1) + share(total.sleeps, 1) * rest
        }
        AskRule::One => share(total.sleeps, 1),
        AskRule::ReadyTwice | AskRule::Ready | AskRule::Nobody => 0.0,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    fn name(word: &str) -> Backend {
        Backend::parse(word).expect("a loop")
    }

    fn plan(loops: &[&str]) -> ComparePlan {
        let loops = loops.iter().map(|word| name(word)).collect();
        ComparePlan { loops, clients: 100, active: 10, size: 64, rounds: 4, curve: true }
    }

    fn sample(cpu_ns: u64) -> LoopSample {
        let counts = CallCounts { waits: 10, reads: 100, sends: 100, ..CallCounts::default() };
        let counts = CallCounts { events: 100, copied_out: 1200, ..counts };
        LoopSample { requests: 100, wall_ns: 1_000_000, cpu_ns, sleeps: 10, counts }
    }

    #[test]
    fn ratios_are_those_of_one_round() {
        let mut board = CompareBoard::new(plan(&["epoll", "poll"]));
        // The machine gets busier: both cost more, and their ratio stays.
        for busy in [1, 2, 10] {
            let of = |cpu: u64| sample(cpu * busy * 1000);
            board.take(CompareUpdate::Round(vec![(0, of(100)), (1, of(300)), (2, of(101))]));
        }
        let reports = board.reports();
        let costs: Vec<_> = reports.iter().filter_map(|report| report.cost.clone()).collect();
        let ratios: Vec<_> = costs.iter().map(|cost| cost.ratio.median).collect();
        assert_eq!(ratios, [1.0, 3.0, 1.01]);
        assert_eq!(
            costs.iter().map(|cost| cost.same).collect::<Vec<_>>(),
            [None, Some(false), None]
        );
        assert!((board.noise().expect("measured") - 0.01).abs() < 1e-9);
        assert!(reports[2].again && reports[2].name == name("epoll"));
        assert!((costs[0].cpu_ns.median - 2000.0).abs() < 1e-9);
        assert!((costs[0].per_second - 100_000.0).abs() < 1e-6);
        assert!((costs[0].calls - 2.1).abs() < 1e-9 && (costs[0].copied - 12.0).abs() < 1e-9);
        assert_eq!(board.rounds, 3);
    }

    #[test]
    fn a_difference_within_the_noise_is_the_same() {
        let mut board = CompareBoard::new(plan(&["epoll", "poll"]));
        for again in [97_000, 100_000, 103_000, 104_000] {
            board.take(CompareUpdate::Round(vec![
                (0, sample(100_000)),
                (1, sample(102_000)),
                (2, sample(again)),
            ]));
        }
        assert_eq!(board.reports()[1].cost.as_ref().and_then(|cost| cost.same), Some(true));
    }

    #[test]
    fn who_cannot_be_had_is_named_and_the_next_one_is_compared_with() {
        let mut board = CompareBoard::new(plan(&["io_uring", "epoll", "poll"]));
        board.take(CompareUpdate::Refused { row: 0, reason: "forbidden here".into() });
        assert_eq!(board.noise(), None);
        board.take(CompareUpdate::Round(vec![(1, sample(10)), (2, sample(20)), (3, sample(10))]));
        let reports = board.reports();
        assert_eq!(reports[0].refused.as_deref(), Some("forbidden here"));
        assert_eq!((reports[0].cost.is_none(), board.base()), (true, 1));
        assert_eq!(reports[3].name, name("epoll"));
        assert_eq!(reports[2].cost.as_ref().map(|cost| cost.ratio.median), Some(2.0));
    }

    #[test]
    fn scans_ask_all_and_all_again_after_a_sleep() {
        let counts =
            CallCounts { waits: 10, events: 10, asked: 570, hooked: 30, ..sample(0).counts };
        let total = LoopSample { sleeps: 10, counts, ..sample(0) };
        // As in poll of 57: 114 asked a call that slept once, all 57 hooked.
        assert_eq!((asked(AskRule::All, &total), hooked(AskRule::All, &total)), (1140.0, 570.0));
        let awake = LoopSample { sleeps: 0, ..total };
        assert_eq!((asked(AskRule::All, &awake), hooked(AskRule::All, &awake)), (570.0, 30.0));
        assert_eq!(
            (asked(AskRule::ReadyTwice, &total), asked(AskRule::Ready, &total)),
            (20.0, 10.0)
        );
        assert_eq!(
            (hooked(AskRule::ReadyTwice, &total), hooked(AskRule::One, &total)),
            (0.0, 10.0)
        );
    }

    #[test]
    fn slopes_are_fitted_where_the_call_itself_does_not_count() {
        let mut board = CompareBoard::new(plan(&["epoll"]));
        for watched in [10, 100, 1000, 10_000] {
            let ns = if watched < FIT_FROM { 5000.0 } else { f64::from(watched) * 3.0 };
            for (word, ns) in [("poll", ns), ("epoll", 225.0)] {
                let ready = ReadyPlace::Middle;
                board.take(CompareUpdate::Point(CurvePoint {
                    name: name(word),
                    watched,
                    ready,
                    ns,
                }));
            }
        }
        let fits = board.fits(ReadyPlace::Middle);
        let slopes: Vec<_> = fits.iter().map(|fit| (fit.name.word(), fit.points)).collect();
        assert_eq!(slopes, [("epoll", 3), ("poll", 3)]);
        assert!(fits[0].slope.abs() < 1e-9 && (fits[1].slope - 1.0).abs() < 1e-9);
        assert!(board.fits(ReadyPlace::All).is_empty());
    }
}
