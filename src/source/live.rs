//! The live server as a source: what its threads tell, and between that what the kernel says when it
//! is asked. Nobody else asks `/proc/self`.
//!
//! ```text
//! Engine::drain ──> note what is to be asked ──> History::push
//!                        │                            ^
//!                        v  when nothing changes      │ where they belong, if they still hold
//!                      fdinfo, queues, who sleeps ────┘
//! ```

mod pace;
mod probe;
mod rings;
mod sleepers;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::{Drained, Source, Unsupported};
use crate::engine::{Doorbell, Engine};
use crate::event::{Command, Facts, Header, Kind, LaneId, Nanos, WakeupLogMode, Witness};
use crate::history::History;
use crate::kernel::release::release;

use pace::Pace;
use probe::Probe;

/// When to look again for events that are held back.
const HELD: Duration = Duration::from_millis(1);

/// A running engine, and whoever asks the kernel about it.
pub struct Live {
    engine: Engine,
    doorbell: Arc<Doorbell>,
    header: Header,
    probe: Probe,
    pace: Pace,
    /// It was shut down: there is nothing to ask any more.
    finished: bool,
}

impl Live {
    /// A running engine, which rings that doorbell. `edge_log` says when wake-ups are recorded.
    pub fn new(
        engine: Engine,
        doorbell: Arc<Doorbell>,
        facts: Facts,
        edge_log: WakeupLogMode,
    ) -> Self {
        let header = header(&engine, facts, edge_log);
        let pace = Pace::new(edge_log, engine.has_edge_log());
        let probe = Probe::new(engine.handle());
        Self { engine, doorbell, header, probe, pace, finished: false }
    }

    fn now(&self) -> Nanos {
        Nanos(self.engine.clock().now())
    }

    /// Takes over what the server's threads have told, and the kernel's answers between.
    fn merge(&mut self, max: usize, to: &mut History) -> Drained {
        let (probe, pace) = (&mut self.probe, &mut self.pace);
        let mut answers = 0;
        let merged = self.engine.drain(max, &mut |t, lane, kind| {
            answers += push_answers(probe, t, to);
            pace.note(&kind);
            probe.note(t, &kind, to.world());
            to.push(t, lane, kind);
        });
        probe.losing(merged.losing);
        answers += push_answers(probe, merged.watermark, to);
        Drained {
            events: merged.events + answers,
            more: merged.more,
            held: merged.held,
            idle: merged.idle,
            until: merged.watermark,
            again: None,
        }
    }

    /// Asks the kernel what is due, takes the answers, and says when the next thing is.
    fn ask(&mut self, mut drained: Drained, max: usize, to: &mut History) -> Drained {
        let clock = self.engine.clock();
        let asked = self.probe.ask(self.now(), to.world(), || Nanos(clock.now()));
        if asked && !drained.more {
            let before = drained.events;
            drained = self.merge(max, to);
            drained.events += before;
        }
        if !drained.more && !drained.held && self.probe.is_quiet(drained.until) {
            to.push(drained.until, LaneId::TOOL, Kind::Idle);
            drained.events += 1;
        }
        self.set_pace();
        let pace = self.pace.due().map(|at| Duration::from_nanos(at.since(self.now()).0));
        let held = drained.held.then_some(HELD);
        drained.again =
            [self.probe.due(self.now(), to.world()), pace, held].into_iter().flatten().min();
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
}

impl Source for Live {
    fn header(&self) -> &Header {
        &self.header
    }

    fn drain(&mut self, max: usize, to: &mut History) -> Drained {
        let drained = self.merge(max, to);
        if self.finished { drained } else { self.ask(drained, max, to) }
    }

    fn send(&mut self, id: u32, command: Command) -> Result<(), Unsupported> {
        if command == Command::Run {
            self.engine.restart_dead();
        }
        self.engine.send(id, command);
        Ok(())
    }

    fn arm(&self) {
        self.doorbell.arm();
    }

    /// Ends the server: every client gets a last line and a close.
    fn finish(&mut self, grace: Duration) {
        self.engine.shutdown(grace);
        self.finished = true;
    }
}

fn header(engine: &Engine, facts: Facts, edge_log: WakeupLogMode) -> Header {
    let mut witnesses =
        vec![Witness::Calls, Witness::Fdinfo, Witness::Queues, Witness::Tasks, Witness::WakeupLog];
    witnesses.truncate(5 - usize::from(edge_log == WakeupLogMode::Off));
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).ok();
    let since = since.and_then(|time| u64::try_from(time.as_nanos()).ok());
    Header {
        kernel: release(),
        epoch: since.and_then(|now| now.checked_sub(engine.clock().now())),
        options: engine.settings(),
        witnesses,
        facts,
        ..Header::default()
    }
}

/// Pushes the kernel's answers if everything before `t` has been pushed and `t` is later than they.
fn push_answers(probe: &mut Probe, t: Nanos, to: &mut History) -> usize {
    let answers = probe.answers(t, to.world());
    let count = answers.len();
    for (at, kind) in answers {
        to.push(at, LaneId::TOOL, kind);
    }
    count
}
