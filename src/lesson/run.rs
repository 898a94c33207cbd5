//! Makes the steps of a case on the kernel and on the model, and holds the two and the file
//! against each other.
//!
//! The kernel's calls are made first, and the model is told the numbers that the kernel gave, and
//! what it cannot know: how much a message is charged, when the buffers of TCP were full. The two
//! share one clock.

mod act;
mod bytes;
mod compare;
mod counters;
mod files;
mod look;
mod many;
mod ready;
mod report;
mod sleep;
mod step;
mod time;
mod window;

use std::collections::{BTreeMap, BTreeSet};

use crate::event::{Errno, Fd, FileId, Kind, LaneChange, LaneId, Nanos};
use crate::kernel::fdinfo::Registration;
use crate::sim::{KernelModel, Woke};
use crate::sys::clock::Clock;

use super::case::{Action, Actor, ActorKind, Case, Expect, Label, Step};
use super::room;
use super::skip::{Skip, SkipCause};
use super::stage::job::Query;
use super::stage::{MAIN, Stage, StageError, grants};
use counters::Counters;
use ready::{ByModel, ReadySource};
use step::Doing;
use time::Nominal;
use window::Flows;

pub(crate) use act::NO_OPERATION;
pub use report::{Between, Happening, Mismatch, Observed, Report};

/// Why a case cannot go on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RunError {
    /// The system does not grant what the case needs.
    #[error("{0}")]
    Skipped(Skip),
    /// The step asks for what cannot be done now; nothing was done.
    #[error("{0}")]
    Refused(String),
    /// The tool itself failed.
    #[error("{0}")]
    Failed(String),
}

impl From<StageError> for RunError {
    fn from(error: StageError) -> Self {
        match error {
            StageError::Refused(why) => Self::Refused(why),
            other => Self::Failed(other.to_string()),
        }
    }
}

/// What an `epoll_event.data` stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Tag {
    /// The name that it was registered under.
    label: Label,
    file: FileId,
    fd: Fd,
}

/// A call in which a thread sleeps.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Sleeper {
    call: sleep::Sleeping,
    query: Query,
    /// Its own timeout in milliseconds.
    timeout: Option<u32>,
    since: Nanos,
}

/// Runs one case.
pub(crate) struct Runner {
    clock: Clock,
    case: Case,
    /// How many steps have been made, or passed over.
    made: u32,
    stage: Stage,
    machine: KernelModel,
    source: Box<dyn ReadySource>,
    /// Up to when the model's time has passed.
    told: Nanos,
    /// By `epoll_event.data`; 0 is none.
    tags: Vec<Tag>,
    counters: Counters,
    sleepers: BTreeMap<LaneId, Sleeper>,
    /// What the model's threads returned with, taken before its time.
    machine_woken: Vec<(LaneId, Woke)>,
    /// The model's threads that returned with an error.
    machine_errors: Vec<(LaneId, Errno)>,
    /// The interest lists as read after the last step, by the files of the instances.
    fdinfo: BTreeMap<FileId, Vec<Registration>>,
    /// The kernel's number for the main thread.
    tid: u32,
    /// The thread that returned first in the last step in which one did.
    woken: Option<LaneId>,
    /// The regular files, which keep what is written to them, and how much that was.
    regular: BTreeSet<FileId>,
    kept: u64,
    /// The number from which on the case lets nothing be opened.
    limit: Option<Fd>,
    /// Whether a full window holds back any connection, and what was told of those that are.
    follows: bool,
    /// TCP sockets that took less than they were given.
    filled: BTreeSet<FileId>,
    flows: Flows,
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
        room::fits(&case).map_err(|why| lacks(SkipCause::TooFewDescriptors, why))?;
        let clock = Clock::start();
        let stage = Stage::new(clock)?;
        for need in &case.needs {
            let refused = grants(*need).map_err(|errno| format!("{need} is refused ({errno})"));
            refused.map_err(|why| lacks(SkipCause::Refused(*need), why))?;
        }
        if uses_loopback(&case) {
            let down = |e| format!("there is no loopback interface: {e}");
            let reached = stage.reaches_itself().map_err(down);
            reached.map_err(|why| lacks(SkipCause::NoLoopback, why))?;
        }
        let mut runner = Self {
            clock,
            case,
            made: 0,
            stage,
            machine,
            source: Box::new(ByModel),
            told: Nanos(clock.now()),
            tags: Vec::new(),
            counters: Counters::default(),
            sleepers: BTreeMap::new(),
            machine_woken: Vec::new(),
            machine_errors: Vec::new(),
            fdinfo: BTreeMap::new(),
            tid: u32::try_from(nix::unistd::gettid().as_raw()).unwrap_or(0),
            woken: None,
            regular: BTreeSet::new(),
            kept: 0,
            limit: None,
            follows: false,
            filled: BTreeSet::new(),
            flows: Flows::new(),
            timely: false,
            nominal: None,
            late: Nanos(0),
            agreed: 0,
            diverged: 0,
        };
        let mut doing = Doing::default();
        let started = LaneChange::Started { tid: runner.tid };
        doing.tell(runner.now(), MAIN, Kind::Lane(started));
        for actor in runner.case.actors.clone() {
            runner.actor(&mut doing, &actor)?;
        }
        runner.machine.keep_wakeup(runner.stage.keeps_wakeup()?);
        runner.counters.reset();
        let report = runner.finish(doing, &Expect::default())?;
        Ok((runner, report))
    }

    /// Makes an actor that must be there before the first step.
    fn actor(&mut self, doing: &mut Doing, actor: &Actor) -> Result<(), RunError> {
        for name in actor.members() {
            self.new_member(doing, &name, actor.kind)
                .map_err(|errno| RunError::Failed(format!("make {name}: {errno}")))?;
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
        let maybe = step.expect.woke_maybe.keys().cloned().collect();
        let mut doing = Doing { maybe, ..Doing::default() };
        self.sync();
        self.perform(&mut doing, &step.action)?;
        self.finish(doing, &step.expect)
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
        let mut doing = Doing::default();
        self.sync();
        self.perform(&mut doing, action)?;
        if looks {
            self.look(&mut doing)?;
        }
        doing.found.after_step(&doing.kernel, &doing.model);
        Ok(doing.found.mismatches)
    }

    /// The end of a step: what there is to see now, and who disagrees.
    fn finish(&mut self, mut doing: Doing, expect: &Expect) -> Result<Report, RunError> {
        self.watch_time();
        self.look(&mut doing)?;
        doing.found.after_step(&doing.kernel, &doing.model);
        let now = self.now();
        let numbers = self.stage.table().numbers().collect();
        let mut report = Report {
            step: self.made,
            t: now,
            events: Vec::new(),
            untold: doing.untold,
            late: self.late,
            seen: doing.kernel,
            model: doing.model,
            mismatches: Vec::new(),
            counters: self.counters.all().clone(),
            numbers,
            duplicates: self.duplicates(),
        };
        let by_file = compare::with_file(expect, &report);
        report.events = in_order(doing.events);
        self.agreed += doing.found.agreed;
        self.diverged += doing.found.mismatches.len() as u64;
        report.mismatches = doing.found.mismatches;
        report.mismatches.extend(by_file.mismatches);
        let look = self.picture().into_iter();
        report.events.extend(look.map(|kind| Happening { t: now, lane: LaneId::TOOL, kind }));
        Ok(report)
    }

    /// The time since the case began.
    fn now(&self) -> Nanos {
        Nanos(self.clock.now())
    }

    /// The model's time passes as the kernel's did.
    fn sync(&mut self) {
        let now = self.now();
        self.machine.advance(now.since(self.told));
        self.told = now;
    }

    /// Whether the case's own limit lets so many more descriptors be opened.
    fn has_room_for(&self, descriptors: u32) -> bool {
        let last = self.stage.table().free(descriptors.saturating_sub(1));
        self.limit.is_none_or(|limit| last < limit)
    }

    /// Whether so many more descriptors leave the tool its own numbers. Where the case has set a
    /// limit, which lies below them, the kernel says so.
    fn leave_room(&self, descriptors: usize) -> Result<(), RunError> {
        if self.limit.is_none() {
            self.stage.has_numbers(descriptors)?;
        }
        Ok(())
    }

    /// Whether a new descriptor may be called so.
    fn is_free(&self, name: &Label) -> Result<(), RunError> {
        if self.stage.table().is_open(name) {
            return Err(RunError::Refused(format!("{name} is open already")));
        }
        Ok(())
    }

    /// A new `epoll_event.data` for a registration.
    fn tag(&mut self, label: Label, fd: Fd) -> u64 {
        let file = self.stage.table().file_at(fd).map_or(FileId(0), |file| file.id);
        self.tags.push(Tag { label, file, fd });
        self.tags.len() as u64
    }

    fn tag_of(&self, data: u64) -> Option<&Tag> {
        let at = usize::try_from(data).ok()?.checked_sub(1)?;
        self.tags.get(at)
    }

    /// The label of an `epoll_event.data`.
    fn label_of(&self, data: u64) -> Label {
        self.tag_of(data).map_or_else(|| Label::new("?"), |tag| tag.label.clone())
    }

    /// Waits for rest and takes what threads have returned with, from kernel and model.
    fn settle(&mut self, doing: &mut Doing) -> Result<(), RunError> {
        self.stage.settle()?;
        self.tell_flows();
        self.sync();
        self.collect(doing)
    }

    /// Whether this action would wait for a harvest that is held, which only another step lets go.
    fn refuse_deadlock(&self, action: &Action) -> Result<(), RunError> {
        if self.machine.frozen().is_empty() || matches!(action, Action::Thaw { .. }) {
            return Ok(());
        }
        let mut model = self.machine.clone();
        if self.would_wait(&mut model, action) {
            let why = "that call would wait until the harvest that is held goes on";
            return Err(RunError::Refused(why.to_owned()));
        }
        Ok(())
    }
}

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
fn in_order(mut events: Vec<Happening>) -> Vec<Happening> {
    let mut last = Nanos(0);
    for event in &mut events {
        last = last.max(event.t);
        event.t = last;
    }
    events
}
