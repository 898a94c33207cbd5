//! Makes the steps of a case on the kernel and on the model, and holds the two and the file
//! against each other.
//!
//! The kernel's calls are made first, and the model is told the numbers that the kernel gave, and
//! what it cannot know: how much a message is charged, when the buffers of TCP were full. The two
//! share one clock.

mod collect;
mod compare;
mod look;
mod pair;
mod ready;
mod report;
mod step;
mod tcp;
mod time;
mod window;

use std::collections::{BTreeMap, BTreeSet};

use crate::event::{Fd, FileId, Kind, LaneId, Nanos};
use crate::kernel::fdinfo::Registration;
use crate::sim::{KernelModel, ScanTally};
use crate::sys::clock::Clock;

use super::case::{Action, ActorKind, Case, Counter, Expect, Label, Need, Outcome, Step};
use super::fd_budget;
use super::interpret::{make_members, perform};
use super::kernel::Kernel as _;
use super::model_kernel::ModelKernel;
use super::real::{RealKernel, grants, refusal};
use super::skip::{Skip, SkipCause};
use super::table::Tag;
use compare::Comparison;
use ready::{ByModel, ReadySource};
use step::StepContext;
use time::Nominal;
use window::Flows;

pub use super::kernel::Observed;
pub(crate) use super::kernel::RunError;
pub use report::{Between, LessonEvent, Mismatch, Report};

/// Runs one case, on the kernel and on the model.
pub(crate) struct Runner {
    case: Case,
    /// How many steps have been made, or passed over.
    made: u32,
    real: RealKernel,
    model: ModelKernel,
    source: Box<dyn ReadySource>,
    /// Up to when the model's time has passed.
    told: Nanos,
    /// The interest lists as read after the last step, by the files of the instances.
    fdinfo: BTreeMap<FileId, Vec<Registration>>,
    /// What was compared in this step.
    found: Comparison,
    /// Threads of which the kernel may bring back some or not in this step.
    maybe: Vec<Label>,
    /// The action waits for time to pass.
    patient: bool,
    /// The round of a repeat.
    round: Option<u32>,
    /// Whether a full window holds back any connection, and what was told of those that are.
    follows: bool,
    /// TCP sockets that took less than they were given.
    filled: BTreeSet<FileId>,
    flows: Flows,
    /// Messages that rings were given to send, and where: they are written later.
    ring_sends: BTreeSet<(Fd, u32)>,
    /// Whether it was open what came first, a call or what a timer of TCP brought.
    timely: bool,
    /// What the file says of the time, once a timer was started.
    nominal: Option<Nominal>,
    /// By how much the case was late at most, if that is too much.
    late: Nanos,
    agreed: u64,
    diverged: u64,
}

impl Runner {
    /// Makes the actors of a case: step 0.
    ///
    /// # Errors
    /// [`RunError::Skipped`] if the system does not grant what the case needs, or so many
    /// descriptors; if an actor cannot be made.
    pub(crate) fn start(case: Case) -> Result<(Self, Report), RunError> {
        Self::start_with(case, KernelModel::new())
    }

    /// The same with a model of the caller's, which has seen nothing yet.
    ///
    /// # Errors
    /// As [`Runner::start`].
    pub(crate) fn start_with(case: Case, machine: KernelModel) -> Result<(Self, Report), RunError> {
        fd_budget::fits(&case).map_err(|why| lacks(SkipCause::TooFewDescriptors, why))?;
        let clock = Clock::start();
        let real = RealKernel::new(clock)?;
        for need in &case.needs {
            let refused = grants(*need).map_err(|errno| match need {
                Need::Userfaultfd => format!("{need} is refused ({errno})"),
                Need::IoUring => refusal(errno),
            });
            refused.map_err(|why| lacks(SkipCause::Refused(*need), why))?;
        }
        if uses_loopback(&case) {
            let down = |e| format!("there is no loopback interface: {e}");
            let reached = real.reaches_itself().map_err(down);
            reached.map_err(|why| lacks(SkipCause::NoLoopback, why))?;
        }
        let mut runner = Self {
            case,
            made: 0,
            told: real.now(),
            real,
            model: ModelKernel::new(machine),
            source: Box::new(ByModel),
            fdinfo: BTreeMap::new(),
            found: Comparison::default(),
            maybe: Vec::new(),
            patient: false,
            round: None,
            follows: false,
            filled: BTreeSet::new(),
            flows: Flows::new(),
            ring_sends: BTreeSet::new(),
            timely: false,
            nominal: None,
            late: Nanos(0),
            agreed: 0,
            diverged: 0,
        };
        runner.actors()?;
        let report = runner.finish(&Expect::default())?;
        Ok((runner, report))
    }

    /// Makes the actors that must be there before the first step.
    fn actors(&mut self) -> Result<(), RunError> {
        for actor in self.case.actors.clone() {
            if let Some(Outcome::Errno(errno)) = make_members(self, &actor)? {
                return Err(RunError::Failed(format!("make {}: {errno}", actor.name)));
            }
        }
        self.model.machine.keep_wakeup(self.real.keeps_wakeup()?);
        self.reset_counters();
        for seen in self.seen().into_iter().flatten() {
            *seen = Observed::default();
        }
        Ok(())
    }

    /// Makes the next step of the case; `None` after the last one.
    ///
    /// # Errors
    /// If it cannot be made. One that was refused is passed over: what follows can be made.
    pub(crate) fn step(&mut self) -> Result<Option<Report>, RunError> {
        let at = usize::try_from(self.made).unwrap_or(usize::MAX);
        let Some(step) = self.case.steps.get(at).cloned() else { return Ok(None) };
        self.made += 1;
        self.act(&step).map(Some)
    }

    /// Makes a step.
    ///
    /// # Errors
    /// If it cannot be made.
    pub(crate) fn act(&mut self, step: &Step) -> Result<Report, RunError> {
        self.begin_step(step.expect.woke_maybe.keys().cloned().collect());
        perform(self, &step.action)?;
        self.finish(&step.expect)
    }

    /// Makes an action and tells only where model and kernel disagree; the lists are looked at
    /// where it `looks`.
    ///
    /// # Errors
    /// If it cannot be made.
    pub(crate) fn try_action(
        &mut self,
        action: &Action,
        looks: bool,
    ) -> Result<Vec<Mismatch>, RunError> {
        self.begin_step(Vec::new());
        perform(self, action)?;
        let mut doing = self.take_seen();
        if looks {
            self.look(&mut doing)?;
        }
        self.found.after_step(&doing.kernel, &doing.model);
        Ok(std::mem::take(&mut self.found).mismatches)
    }

    /// Nothing has been seen yet, whatever came of the step before.
    fn begin_step(&mut self, maybe: Vec<Label>) {
        self.take_seen();
        self.real.log.events.clear();
        self.real.log.untold = 0;
        self.found = Comparison::default();
        self.maybe = maybe;
        self.round = None;
        self.sync();
    }

    /// What was seen of the calls of this step.
    fn take_seen(&mut self) -> StepContext {
        let kernel = std::mem::take(&mut self.real.seen);
        StepContext { kernel, model: std::mem::take(&mut self.model.seen) }
    }

    /// The end of a step: what there is to see now, and who disagrees.
    fn finish(&mut self, expect: &Expect) -> Result<Report, RunError> {
        self.watch_time();
        let mut doing = self.take_seen();
        self.look(&mut doing)?;
        let mut found = std::mem::take(&mut self.found);
        found.after_step(&doing.kernel, &doing.model);
        if self.real.signals_disturbed() {
            self.late = self.late.max(DISTURBED);
        }
        let now = self.now();
        let numbers = self.real.table.numbers();
        let mut report = Report {
            step: self.made,
            t: now,
            events: Vec::new(),
            untold: std::mem::take(&mut self.real.log.untold),
            late: self.late,
            seen: doing.kernel,
            model: doing.model,
            mismatches: Vec::new(),
            counters: self.counters(),
            numbers: numbers.map(|(label, fd)| (label.clone(), fd)).collect(),
            duplicates: self.duplicates(),
        };
        let by_file = compare::with_file(expect, &report);
        report.events = in_order(std::mem::take(&mut self.real.log.events));
        self.agreed += found.agreed;
        self.diverged += found.mismatches.len() as u64;
        report.mismatches = found.mismatches;
        report.mismatches.extend(by_file.mismatches);
        let look = self.picture().into_iter();
        report.events.extend(look.map(|kind| LessonEvent { t: now, lane: LaneId::TOOL, kind }));
        Ok(report)
    }

    /// What was counted of the calls, and what only the model can count.
    fn counters(&self) -> BTreeMap<Counter, u64> {
        let ScanTally { asked, hooks } = self.model.machine.scans();
        let modelled = [(Counter::Asked, asked), (Counter::Hooks, hooks)];
        let all = self.real.log.counters.all().clone().into_iter();
        all.chain(modelled.into_iter().filter(|(_, count)| *count > 0)).collect()
    }

    /// The time since the case began.
    fn now(&self) -> Nanos {
        self.real.now()
    }

    /// The model's time passes as the kernel's did.
    fn sync(&mut self) {
        let now = self.now();
        self.model.machine.advance(now.since(self.told));
        self.told = now;
    }

    fn tag_of(&self, data: u64) -> Option<&Tag> {
        self.real.table.tag_of(data)
    }

    /// The label of an `epoll_event.data`.
    fn label_of(&self, data: u64) -> Label {
        self.real.table.label_of(data)
    }

    /// The name of a thread.
    fn name_of(&self, lane: LaneId) -> Label {
        self.real.table.name_of(lane)
    }
}

/// What counts as late where others have used the user's queue of signals.
const DISTURBED: Nanos = Nanos(1_000_000);

fn lacks(cause: SkipCause, why: String) -> RunError {
    RunError::Skipped(Skip::new(cause, why))
}

/// Whether anything of the case is sent over the loopback interface.
fn uses_loopback(case: &Case) -> bool {
    let sends = |kind: ActorKind| {
        matches!(kind, ActorKind::Udp | ActorKind::Listener { .. } | ActorKind::Client)
    };
    let makes = |action: &Action| matches!(action, Action::New { actor } if sends(actor.kind));
    let within = |action: &Action| match action {
        Action::Repeat { body, .. } => body.iter().any(makes),
        other => makes(other),
    };
    case.actors.iter().any(|actor| sends(actor.kind))
        || case.steps.iter().any(|step| within(&step.action))
}

/// The calls of a step, and after them the returns that they caused. A thread that was woken may
/// read the clock before the call that woke it has returned.
fn in_order(events: Vec<(Nanos, LaneId, Kind)>) -> Vec<LessonEvent> {
    let mut last = Nanos(0);
    let in_order = |(t, lane, kind)| {
        last = last.max(t);
        LessonEvent { t: last, lane, kind }
    };
    events.into_iter().map(in_order).collect()
}
