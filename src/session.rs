//! Where a source, a journal and a world meet.
//!
//! ```text
//! Engine::drain ──> note what is to be asked ──> number, fold, keep ──> visit (a sink, a screen)
//!      ^              │                                ^
//!      │              v  when nothing has changed for a while
//!   Engine::send    fdinfo, queues, who sleeps ────────┘ where they belong, if they still hold
//!      ^
//! Session::send ── a command, at the next tick
//! ```
//!
//! One [`Session::tick`] is bounded and never blocks; it says when the next one is wanted. A lesson
//! has a [`Feed`] instead: the same history, fed by its owner.

mod feed;
mod pace;
mod probe;
mod sleepers;

use std::sync::Arc;
use std::time::Duration;

use crate::engine::{Doorbell, Engine};
use crate::event::{
    Command, CommandPhase, Delivery, EdgeLogMode, Event, Fd, Kind, LaneId, Mask, Nanos, Output,
    Seq, Syscall,
};
use crate::journal::{Journal, Limits};
use crate::model::{InterestList, LaneState, Timeline, World};
use crate::sys::clock::Clock;

pub use feed::Feed;

use pace::Pace;
use probe::Probe;

/// Events folded in one tick at the most, so that keys are answered meanwhile.
const PER_TICK: usize = 32_768;

/// When to look again for events that are held back.
const HELD: Duration = Duration::from_millis(1);

/// What does not change during a run and is shown.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Where clients can connect: `127.0.0.1:8000`, `/tmp/echo.sock`.
    pub addresses: Vec<String>,
    /// What to type in another window: `telnet 127.0.0.1 8000`.
    pub invitation: String,
    /// The process id.
    pub pid: u32,
    /// Soft limit of descriptors before and after it was raised.
    pub descriptors: (u64, u64),
    /// Reachable from other machines.
    pub lan: bool,
}

/// What the screen is drawn from: the world at the viewed event, and the history around it.
#[derive(Clone, Copy)]
pub struct Scene<'a> {
    /// The world at the viewed event (live, or in the past).
    pub world: &'a World,
    /// The world as it is now.
    pub live: &'a World,
    /// All tracks up to now.
    pub timeline: &'a Timeline,
    /// The history.
    pub journal: &'a Journal,
    /// What does not change.
    pub facts: &'a Facts,
}

/// What a [`Session::tick`] brought.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Drained {
    /// Events folded.
    pub events: usize,
    /// There is more to fold at once.
    pub more: bool,
    /// There is more, but a thread that is not waiting may still have been before it.
    pub held: bool,
    /// No thread of the server was at work: what is left to fold disturbs nobody.
    pub idle: bool,
    /// The next tick is wanted after this time even if nothing happens: something is to be asked
    /// of the kernel. `None` when nothing is.
    pub again: Option<Duration>,
}

/// A run: its source of events, its history, its picture.
pub struct Session {
    engine: Engine,
    doorbell: Arc<Doorbell>,
    clock: Clock,
    book: Book,
    facts: Facts,
    commands: Vec<Command>,
    last_command: u32,
    probe: Probe,
    pace: Pace,
}

/// The three things that every event goes through, in one order.
struct Book {
    seq: Seq,
    world: World,
    timeline: Timeline,
    journal: Journal,
}

impl Book {
    fn new(limits: Limits) -> Self {
        Self::beginning(limits, World::default())
    }

    fn beginning(limits: Limits, world: World) -> Self {
        let journal = Journal::beginning(limits, world.clone());
        Self { seq: Seq(0), world, timeline: Timeline::default(), journal }
    }

    /// The time of an event that is said to have happened at `t`. The order is that of the merge; a
    /// time can never step back on the screen, and none is later than [`Nanos::MAX`].
    fn time(&self, t: Nanos) -> Nanos {
        t.max(self.world.t).min(Nanos::MAX)
    }

    fn write(&mut self, t: Nanos, lane: LaneId, kind: Kind, visit: &mut dyn FnMut(&Event, &World)) {
        self.seq = self.seq.next();
        let event = Event { seq: self.seq, t: self.time(t), lane, kind };
        self.world.apply(&event);
        self.timeline.apply(&event, self.world.through(None));
        visit(&event, &self.world);
        self.journal.push(&event, &self.world);
    }
}

impl Session {
    /// A session of a running engine. `edge_log` says when wake-ups are recorded.
    pub fn new(
        engine: Engine,
        doorbell: Arc<Doorbell>,
        clock: Clock,
        limits: Limits,
        facts: Facts,
        edge_log: EdgeLogMode,
    ) -> Self {
        let pace = Pace::new(edge_log, engine.has_edge_log());
        let probe = Probe::new(engine.handle());
        Self {
            engine,
            doorbell,
            clock,
            book: Book::new(limits),
            facts,
            commands: Vec::new(),
            last_command: 0,
            probe,
            pace,
        }
    }

    /// Takes over what the source has produced, up to a bound, and returns at once.
    pub fn tick(&mut self) -> Drained {
        self.tick_with(&mut |_, _| {})
    }

    /// As [`Session::tick`]; `visit` sees each event with the world after it.
    pub fn tick_with(&mut self, visit: &mut dyn FnMut(&Event, &World)) -> Drained {
        let (mut drained, mut upto) = self.drain(visit);
        for command in std::mem::take(&mut self.commands) {
            self.last_command += 1;
            let id = self.last_command;
            let text = command.to_string().into();
            let kind = Kind::Command { id, text, phase: CommandPhase::Accepted };
            self.book.write(upto, LaneId::TOOL, kind, visit);
            if command == Command::Run {
                self.engine.restart_dead();
            }
            self.engine.send(id, command);
            drained.events += 1;
        }
        if self.ask_kernel() && !drained.more {
            let before = drained.events;
            (drained, upto) = self.drain(visit);
            drained.events += before;
        }
        if !drained.more && !drained.held && self.probe.is_quiet(upto) {
            self.book.write(upto, LaneId::TOOL, Kind::Quiet, visit);
            drained.events += 1;
        }
        self.set_pace();
        let pace = self.pace.due().map(|at| Duration::from_nanos(at.since(self.now()).0));
        let held = drained.held.then_some(HELD);
        drained.again = [self.probe.due(self.now()), pace, held].into_iter().flatten().min();
        drained
    }

    /// Switches the recording of wake-ups as their rate, and the queue of signals, have it.
    fn set_pace(&mut self) {
        let now = self.now();
        if self.engine.leave_full_queue() {
            self.pace.records(false, now);
        }
        if let Some(on) = self.pace.decide(now) {
            self.pace.records(self.engine.set_edge_log(on), now);
        }
    }

    /// Folds what is there, and says up to which time everything has been folded: what the tool
    /// itself has to tell is told as of then. This thread may have been kept from running since,
    /// and a later time would push the server's events of meanwhile forward.
    fn drain(&mut self, visit: &mut dyn FnMut(&Event, &World)) -> (Drained, Nanos) {
        let (book, probe, pace) = (&mut self.book, &mut self.probe, &mut self.pace);
        let mut answers = 0;
        let merged = self.engine.drain(PER_TICK, &mut |t, lane, kind| {
            answers += fold_answers(book, probe, t, visit);
            pace.note(&kind);
            probe.note(t, &kind, &book.world);
            book.write(t, lane, kind, visit);
        });
        probe.losing(merged.losing);
        answers += fold_answers(book, probe, merged.watermark, visit);
        let events = merged.events + answers;
        let (more, held, idle) = (merged.more, merged.held, merged.idle);
        let drained = Drained { events, more, held, idle, again: None };
        (drained, merged.watermark)
    }

    /// Reads the interest list and queue lengths from the kernel when that is due. The answers are
    /// folded in their place in time, when everything before them has been.
    fn ask_kernel(&mut self) -> bool {
        let now = self.now();
        let (probe, world) = (&mut self.probe, &self.book.world);
        probe.ask(now, world, || Nanos(self.clock.now()))
    }

    fn now(&self) -> Nanos {
        Nanos(self.clock.now())
    }

    /// Passes a command to the server at the next tick; its progress comes back as events.
    pub fn send(&mut self, command: Command) {
        self.commands.push(command);
    }

    /// Asks to be woken by the next event. The caller ticks once more before it sleeps.
    pub fn arm(&self) {
        self.doorbell.arm();
    }

    /// Ends the server: every client gets a last line and a close. Folds what that brings.
    pub fn finish(&mut self, grace: Duration, visit: &mut dyn FnMut(&Event, &World)) {
        self.engine.shutdown(grace);
        loop {
            let (drained, _) = self.drain(visit);
            if !drained.more && !drained.held {
                return;
            }
        }
    }

    /// A thread of the server that died and has not been started again, and of what.
    pub fn dead(&self) -> Option<(LaneId, &str)> {
        self.book.world.lanes.iter().find_map(|lane| match &lane.state {
            LaneState::Died(why) => Some((lane.id, &**why)),
            _ => None,
        })
    }

    /// The world as it is now.
    pub fn world(&self) -> &World {
        &self.book.world
    }

    /// The history.
    pub fn journal(&self) -> &Journal {
        &self.book.journal
    }

    /// What does not change.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// The live scene.
    pub fn scene(&self) -> Scene<'_> {
        Scene {
            world: &self.book.world,
            live: &self.book.world,
            timeline: &self.book.timeline,
            journal: &self.book.journal,
            facts: &self.facts,
        }
    }
}

/// Folds the kernel's answers if everything before `t` has been folded and `t` is later than them.
fn fold_answers(
    book: &mut Book,
    probe: &mut Probe,
    t: Nanos,
    visit: &mut dyn FnMut(&Event, &World),
) -> usize {
    let answers = probe.answers(t, &book.world);
    let count = answers.len();
    for (at, kind) in answers {
        book.write(at, LaneId::TOOL, kind, visit);
    }
    count
}

/// Whether an event can change the interest list of `world`.
fn changes_interest(kind: &Kind, world: &World) -> bool {
    let one_shot = |event: &Delivery| {
        let entry = world.through(None).instance.interest.get(InterestList::key_of(event));
        entry.is_none_or(|entry| entry.mask.has(Mask::ONESHOT))
    };
    match kind {
        Kind::Return(record) => match (&record.call, &record.output) {
            (Syscall::EpollCtl { .. } | Syscall::Close { .. } | Syscall::Dup { .. }, _) => true,
            // A one-shot registration loses its bits when it is reported.
            (_, Output::Events { events, .. }) => events.iter().any(one_shot),
            _ => false,
        },
        _ => false,
    }
}

/// The file whose queue lengths an event makes uncertain.
fn makes_uncertain(kind: &Kind) -> Option<Fd> {
    match kind {
        Kind::Return(record) => match record.call {
            Syscall::Send { fd, .. } => Some(fd),
            Syscall::Read { fd, .. } if record.ret.count().is_some_and(|n| n > 0) => Some(fd),
            _ => None,
        },
        Kind::Wakeup(wakeup) if wakeup.unread.is_none() => Some(wakeup.fd),
        _ => None,
    }
}
