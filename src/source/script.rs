//! A lesson, or a case, as a source: each step that its player makes comes as events, on a clock
//! that counts steps.

mod player;
mod recorded;

use std::collections::VecDeque;
use std::time::Duration;

use super::{Drained, Source, Unsupported};
use crate::event::{Command, Header, Kind, LaneId, Nanos, Provenance, Seq, TimeUnit, Witness};
use crate::history::History;
use crate::lesson::case::{Action, Case, Label, Step, Who};
use crate::lesson::course::{Course, Done, Moment, is_call};
use crate::lesson::run::{LessonEvent, Report};
use crate::model::World;
use crate::record::{Beside, BlockKind};
use crate::text::{Subject, changes, why};

pub use player::{PlayerEvent, PlayerHandle};
pub use recorded::RecordedLesson;
use recorded::RecordedMoment;

/// A lesson being gone through.
pub struct Script {
    header: Header,
    /// How far it is.
    pub course: Course,
    player: Option<PlayerHandle>,
    /// What a recording tells instead of one.
    recorded: Option<VecDeque<RecordedMoment>>,
    /// What a recording of it has beside events.
    beside: Vec<Beside>,
    /// What came from elsewhere than the player.
    told: VecDeque<PlayerEvent>,
    /// What came of the last request, for whoever shows the lesson.
    outcome: Option<StepOutcome>,
}

/// What came of what the player was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StepOutcome {
    /// It was done: its events are in the history, and the course has a new moment.
    Made,
    /// There are no more steps.
    Over,
    /// It could not be done, for this reason; the lesson goes on.
    Refused(String),
    /// The lesson cannot go on.
    Stopped,
}

impl Script {
    /// A lesson on a kernel of that release. `player` makes its steps; without one somebody else
    /// does, and [tells](Script::tell) of it.
    pub fn new(case: Case, kernel: String, player: Option<PlayerHandle>) -> Self {
        let witnesses = vec![Witness::Calls, Witness::Fdinfo, Witness::Tasks, Witness::Model];
        let header = Header { kernel, clock: TimeUnit::Steps, witnesses, ..Header::default() };
        let beside = vec![recorded::file(&case)];
        let course = Course::new(case);
        Self {
            header,
            course,
            player,
            recorded: None,
            beside,
            told: VecDeque::new(),
            outcome: None,
        }
    }

    /// A lesson that has been gone through.
    pub fn recorded(lesson: RecordedLesson) -> Self {
        let RecordedLesson { case, kernel, moments } = lesson;
        let mut script = Self::new(case, kernel, None);
        let mut moments: VecDeque<_> = moments.into();
        let first = moments.pop_front().map(|first| PlayerEvent::Report(Box::new(first.report)));
        script.told.extend(first);
        script.recorded = Some(moments);
        script
    }

    /// Whether it is one that has been gone through.
    pub fn is_recorded(&self) -> bool {
        self.recorded.is_some()
    }

    /// Takes over what was done next in one that is gone through elsewhere, as its recording tells
    /// it: what that is, or `None` if it cannot be told. Nothing was done to make the actors.
    pub(crate) fn hear(&mut self, told: &Beside) -> Option<Vec<Done>> {
        let moment = postcard::from_bytes::<RecordedMoment>(&told.raw).ok();
        let Some(moment) = moment.filter(|_| told.kind == BlockKind::Report) else {
            self.told.push_back(PlayerEvent::Stopped("a step of it is damaged".to_owned()));
            return None;
        };
        let Some(done) = moment.done.clone() else {
            self.told.push_back(PlayerEvent::Report(Box::new(moment.report)));
            return Some(Vec::new());
        };
        self.recorded.get_or_insert_default().push_back(moment);
        Some(vec![done])
    }

    /// Asks the player for the next step.
    pub fn ask_step(&mut self) {
        if let Some(player) = &self.player {
            player.step();
        }
        let next = self.course.next;
        let left_out = "it could not be made when this was recorded";
        self.ask_recording(|done| match done {
            Some(Done::Step(step, _)) if *step == next => Ok(()),
            Some(_) => Err(PlayerEvent::Refused(left_out.to_owned())),
            None => Err(PlayerEvent::Stopped("the recording ends here".to_owned())),
        });
    }

    /// Asks the player for a step of the learner's own.
    pub fn ask_act(&mut self, step: Box<Step>) {
        if let Some(player) = &self.player {
            player.act(step);
        }
        self.ask_recording(|done| match done {
            Some(Done::Try(_)) => Ok(()),
            _ => Err(PlayerEvent::Refused("a recording has no kernel to try it on".to_owned())),
        });
    }

    /// Takes what the recording tells next, if that is what is asked for.
    fn ask_recording(&mut self, is: impl FnOnce(Option<&Done>) -> Result<(), PlayerEvent>) {
        let Some(recorded) = &mut self.recorded else { return };
        let next = recorded.front().and_then(|moment| moment.done.as_ref());
        let event = match is(next) {
            Ok(()) => recorded.pop_front().map(|it| PlayerEvent::Report(Box::new(it.report))),
            Err(event) => Some(event),
        };
        self.told.extend(event);
    }

    /// Takes over what came of a request.
    pub fn tell(&mut self, event: PlayerEvent) {
        self.told.push_back(event);
    }

    /// What came of the last request, told once.
    pub fn outcome(&mut self) -> Option<StepOutcome> {
        self.outcome.take()
    }

    /// Puts what a step did into the history.
    fn report(&mut self, mut report: Report, to: &mut History) {
        let whole = report.clone();
        let mut happenings = std::mem::take(&mut report.events);
        if let Some(lane) = self.course.action().and_then(|action| acting(action, to.world())) {
            // Whom the call woke may have returned before it: the cause is told first. The look
            // stays the last.
            let rank =
                |one: &LessonEvent| if one.kind.is_look() { 2 } else { u8::from(one.lane != lane) };
            happenings.sort_by_key(rank);
        }
        self.name_numbers(&report, &mut happenings);
        let before = happenings.iter().filter(|one| !one.kind.is_look()).count();
        let (mut first, mut last) = (None, to.world().seq);
        let mut calls: Vec<(Seq, LaneId, bool)> = Vec::new();
        for (n, LessonEvent { lane, mut kind, .. }) in happenings.into_iter().enumerate() {
            let t = self.course.time(n.min(before), before + 1);
            if let Kind::Return(record) = &mut kind {
                // On a clock that counts steps no call takes time.
                record.started = t;
            }
            let enters = matches!(kind, Kind::Enter(_));
            let is_one = enters || is_call(&kind);
            last = to.push(t, lane, kind);
            first = first.or(Some(last));
            if is_one {
                // What returned in the same step need not be told twice.
                calls.retain(|(_, of, enters)| *of != lane || !enters);
                calls.push((last, lane, enters));
            }
        }
        let (world, journal) = (to.world(), to.journal());
        let sentence = |seq: Seq| {
            let event = journal.get(seq);
            event.map_or_else(String::new, |event| {
                why(world.through(None), Subject::Event(&event)).text
            })
        };
        let calls: Vec<_> = calls.into_iter().map(|(seq, lane, _)| (seq, lane)).collect();
        let events = (first.unwrap_or(last), last);
        self.course.arrived(report, events, &calls, (changes(world), sentence));
        let done = self.course.moments.last().and_then(Moment::done);
        if let Some(beside) = recorded::told(done, whole) {
            to.beside(&beside);
            self.beside.push(beside);
        }
    }

    /// Tells of the labels that got a number, which a duplicate has of its own.
    fn name_numbers(&self, report: &Report, happenings: &mut Vec<LessonEvent>) {
        let look = happenings.iter().position(|one| one.kind.is_look());
        let look = look.unwrap_or(happenings.len());
        let Some(Kind::Files { files, .. }) = happenings.get(look).map(|one| one.kind.clone())
        else {
            return;
        };
        let mut named = Vec::new();
        let before = self.course.moments.last().map(|moment| &moment.report.numbers);
        for (label, fd) in &report.numbers {
            let known = before.and_then(|numbers| numbers.get(label)) == Some(fd);
            let file = files.iter().find(|file| file.fds.contains(fd)).filter(|_| !known);
            let Some(file) = file else { continue };
            let (what, name) = (file.what, label.as_str().into());
            let kind = Kind::Open { fd: *fd, file: file.id, what, name };
            named.push(LessonEvent { t: report.t, lane: LaneId::TOOL, kind });
        }
        happenings.splice(look..look, named);
    }
}

impl Source for Script {
    fn header(&self) -> &Header {
        &self.header
    }

    /// One report, however many events it has: what came of it is to be looked at before the next.
    fn drain(&mut self, _max: usize, to: &mut History) -> Drained {
        let before = to.world().seq;
        if before == Seq(0) {
            // Before the actors are made there is nothing, and that is known.
            let nothing = Kind::Files { by: Provenance::Model, files: Box::default() };
            to.push(Nanos(0), LaneId::TOOL, nothing);
        }
        let told = self.told.pop_front();
        let event = told.or_else(|| self.player.as_ref().and_then(PlayerHandle::event));
        let more = event.is_some();
        self.outcome = event.map(|event| match event {
            PlayerEvent::Report(report) => {
                self.report(*report, to);
                StepOutcome::Made
            }
            PlayerEvent::Over => {
                self.course.finish();
                StepOutcome::Over
            }
            PlayerEvent::Refused(why) => StepOutcome::Refused(self.course.refused(&why)),
            PlayerEvent::Stopped(why) => {
                self.course.stop(why);
                StepOutcome::Stopped
            }
        });
        let world = to.world();
        let events = usize::try_from(world.seq.0 - before.0).unwrap_or(usize::MAX);
        Drained { events, more, idle: true, until: world.t, ..Drained::default() }
    }

    fn send(&mut self, _: u32, _: Command) -> Result<(), Unsupported> {
        Err(Unsupported("a lesson has no server"))
    }

    fn tells_all(&self) -> bool {
        true
    }

    fn beside(&self) -> Vec<Beside> {
        self.beside.clone()
    }

    /// The player's bell rings for each of its events.
    fn arm(&self) {}

    fn finish(&mut self, _: Duration) {
        self.player = None;
    }
}

/// The lane that makes the call of an action, if it is a single one.
fn acting(action: &Action, world: &World) -> Option<LaneId> {
    let named = |label: &Label| {
        let lane = world.lanes.iter().find(|lane| lane.name.as_deref() == Some(label.as_str()));
        lane.map(|lane| lane.id)
    };
    match (action, action.who()) {
        (Action::Repeat { .. } | Action::Many { .. } | Action::Measure { .. }, _)
        | (_, Some(Who::Woken)) => None,
        (_, None) => Some(LaneId(1)),
        (_, Some(Who::Thread(thread))) => named(thread),
    }
}
