//! The run: processes, rounds of slices, the curve. One thread drives everything.

use std::time::Duration;

use nix::sched::{CpuSet, sched_getaffinity, sched_getcpu, sched_setaffinity};
use nix::unistd::Pid;
use tokio_util::sync::CancellationToken;

use super::subject::Subject;
use super::update::{ComparePhase, CompareUpdate, LoopSample};
use super::{ComparePlan, curve};

/// How long a loop has its turn.
const SLICE: Duration = Duration::from_millis(20);
/// How long a server may take to go back to sleep after its last answer.
const SETTLE: Duration = Duration::from_millis(1);

/// Measures everything and tells of it, until it is done or the token is cancelled.
pub fn measure(plan: &ComparePlan, stop: &CancellationToken, tell: &mut dyn FnMut(CompareUpdate)) {
    {
        let _one_core = (plan.clients == 1).then(OneCore::enter);
        let mut subjects = start(plan, stop, tell);
        // What happens the first time is not measured.
        let _first = round(&mut subjects, Order::Forth, stop, &mut |_| {});
        for number in 1..=plan.rounds {
            tell(CompareUpdate::Phase(ComparePhase::Round(number)));
            let order = if number % 2 == 0 { Order::Back } else { Order::Forth };
            match round(&mut subjects, order, stop, tell) {
                Some(samples) if !samples.is_empty() => tell(CompareUpdate::Round(samples)),
                _ => break,
            }
        }
    }
    if plan.curve && !stop.is_cancelled() {
        curve::measure(stop, tell);
    }
    let end = if stop.is_cancelled() { ComparePhase::Stopped } else { ComparePhase::Done };
    tell(CompareUpdate::Phase(end));
}

/// A row that serves.
struct Running {
    row: usize,
    subject: Subject,
}

fn start(
    plan: &ComparePlan,
    stop: &CancellationToken,
    tell: &mut dyn FnMut(CompareUpdate),
) -> Vec<Running> {
    let mut running: Vec<Running> = Vec::new();
    for row in 0..plan.rows() {
        // The last row is the first loop that serves, once more.
        let again = row == plan.loops.len();
        let name = match running.first() {
            Some(first) if again => plan.loop_of(first.row),
            None if again => return running,
            _ => plan.loop_of(row),
        };
        if stop.is_cancelled() {
            return running;
        }
        tell(CompareUpdate::Phase(ComparePhase::Starting(name)));
        match Subject::start(name, plan, stop) {
            Ok(subject) => {
                tell(CompareUpdate::Memory { row, kib_per_client: subject.kib_per_client });
                running.push(Running { row, subject });
            }
            Err(_) if stop.is_cancelled() => return running,
            Err(reason) => tell(CompareUpdate::Refused { row, reason }),
        }
    }
    running
}

/// In which order the rows have their turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Forth,
    Back,
}

/// A slice of each; `None` if it was stopped. A row that fails is left out from then on.
fn round(
    rows: &mut Vec<Running>,
    order: Order,
    stop: &CancellationToken,
    tell: &mut dyn FnMut(CompareUpdate),
) -> Option<Vec<(usize, LoopSample)>> {
    let mut samples = Vec::with_capacity(rows.len());
    let mut failed = Vec::new();
    let turns: Box<dyn Iterator<Item = &mut Running>> = match order {
        Order::Forth => Box::new(rows.iter_mut()),
        Order::Back => Box::new(rows.iter_mut().rev()),
    };
    for Running { row, subject } in turns {
        if stop.is_cancelled() {
            return None;
        }
        match slice(subject, stop) {
            Ok(sample) => samples.push((*row, sample)),
            Err(_) if stop.is_cancelled() => return None,
            Err(reason) => {
                tell(CompareUpdate::Refused { row: *row, reason });
                failed.push(*row);
            }
        }
    }
    rows.retain(|running| !failed.contains(&running.row));
    samples.sort_unstable_by_key(|(row, _)| *row);
    Some(samples)
}

fn slice(subject: &mut Subject, stop: &CancellationToken) -> Result<LoopSample, String> {
    let before = subject.read(stop)?;
    let (requests, wall_ns) = subject.drive(SLICE, stop)?;
    std::thread::sleep(SETTLE);
    let after = subject.read(stop)?;
    Ok(LoopSample {
        requests,
        wall_ns,
        cpu_ns: after.usage.cpu_ns.saturating_sub(before.usage.cpu_ns),
        sleeps: after.usage.sleeps.saturating_sub(before.usage.sleeps),
        counts: after.counts.since(before.counts),
    })
}

/// This thread, and the processes that it starts, on one core (sched_setaffinity(2)). Dropping it
/// lets the thread go where it could before.
struct OneCore(Option<CpuSet>);

impl OneCore {
    fn enter() -> Self {
        let this = Pid::from_raw(0);
        let before = sched_getaffinity(this).ok();
        let mut one = CpuSet::new();
        let entered = sched_getcpu()
            .and_then(|core| one.set(core))
            .and_then(|()| sched_setaffinity(this, &one));
        // Without it the row is measured as any other.
        Self(before.filter(|_| entered.is_ok()))
    }
}

impl Drop for OneCore {
    fn drop(&mut self) {
        if let Some(before) = &self.0 {
            let _ = sched_setaffinity(Pid::from_raw(0), before);
        }
    }
}
