//! The recordings of a session: one at a time of what happens, and any number of what is kept.

use std::cell::RefCell;
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use crate::event::{Command, CommandPhase, Seq};
use crate::history::{History, SinkId};
use crate::journal::{Journal, Retelling, RetoldItem};
use crate::model::World;
use crate::record::RecordingOptions;
use crate::sink::Sink as _;
use crate::sink::record::{Recorder, RecordingProgress, unnamed};
use crate::source::Source;

/// From where on something is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Since {
    /// From the oldest event that is kept.
    Beginning,
    /// From the next one.
    Now,
}

/// Whether something is recorded, and where.
#[derive(Default)]
pub(super) struct Recordings {
    pub(super) options: RecordingOptions,
    running: Option<(SinkId, Rc<RefCell<RecordingProgress>>)>,
}

impl Recordings {
    /// How far the recording is.
    pub(super) fn progress(&self) -> Option<RecordingProgress> {
        self.running.as_ref().map(|(_, progress)| progress.borrow().clone())
    }

    /// Carries out a command that is for recordings: what came of it.
    pub(super) fn command(
        &mut self,
        command: &Command,
        source: &impl Source,
        history: &mut History,
    ) -> CommandPhase {
        let path = |name: &Option<String>| name.as_ref().map_or_else(unnamed, PathBuf::from);
        let done = match command {
            Command::Record(name) => self.start(&path(name), source, history, Since::Now),
            Command::Save(name) => self.save(&path(name), source, history),
            _ => self.stop(history).ok_or_else(|| io::Error::other("nothing is recorded")),
        };
        match done {
            Ok(remark) => CommandPhase::Done(Some(remark.into())),
            Err(error) => CommandPhase::Failed(error.to_string().into()),
        }
    }

    /// Begins to record what happens; says so.
    pub(super) fn start(
        &mut self,
        path: &Path,
        source: &impl Source,
        history: &mut History,
        since: Since,
    ) -> io::Result<String> {
        if let Some(progress) = self.progress() {
            let name = progress.name;
            return Err(io::Error::other(format!("{name} is recorded: end that with record off")));
        }
        let recorder = match since {
            Since::Now => self.begin(path, source, history.world())?,
            Since::Beginning => self.kept(path, source, history.journal())?,
        };
        let progress = recorder.progress();
        let remark = format!("recording to {}", progress.borrow().name);
        self.running = Some((history.add(Box::new(recorder)), progress));
        Ok(remark)
    }

    /// Ends the recording; says what has become of it.
    fn stop(&mut self, history: &mut History) -> Option<String> {
        let (id, progress) = self.running.take()?;
        history.end(id);
        Some(outcome(&progress.borrow()))
    }

    /// Ends a recording that has ended by itself; a note of that.
    pub(super) fn ended(&mut self, history: &mut History) -> Option<String> {
        let over = self.progress().is_some_and(|progress| progress.ended.is_some());
        over.then(|| self.stop(history)).flatten()
    }

    /// A recording of what follows that world.
    fn begin(&self, path: &Path, source: &impl Source, world: &World) -> io::Result<Recorder> {
        let mut recorder = Recorder::start(path, source.header(), &self.options, world)?;
        source.beside().iter().try_for_each(|beside| recorder.beside(beside))?;
        Ok(recorder)
    }

    /// A recording of what is kept.
    fn kept(&self, path: &Path, source: &impl Source, journal: &Journal) -> io::Result<Recorder> {
        let world = journal.origin();
        let mut recorder = self.begin(path, source, &world)?;
        recorder.wait_for_all();
        let mut done = Ok(());
        let end = journal.last().map_or(Seq(0), Seq::next);
        let first = journal.first().unwrap_or_default();
        Retelling::new(world, first).go_on(journal, end, |told| {
            done = match told {
                RetoldItem::Event(event, world) => recorder.event(event, world),
                RetoldItem::World(world) => recorder.resume(world),
            };
            done.is_ok()
        });
        done.map(|()| recorder)
    }

    /// Writes the history that is kept; says how much that was.
    fn save(&self, path: &Path, source: &impl Source, history: &History) -> io::Result<String> {
        let journal = history.journal();
        let recorder = self.kept(path, source, journal)?;
        let progress = recorder.progress();
        Box::new(recorder).finish(history.world())?;
        let progress = progress.borrow();
        match progress.ended {
            Some(_) => Err(io::Error::other(outcome(&progress))),
            None => Ok(format!("{} events to {}", journal.len(), progress.name)),
        }
    }
}

/// What has become of a recording that is over.
fn outcome(progress: &RecordingProgress) -> String {
    match &progress.ended {
        Some(why) => format!("recording ended: {why}"),
        None => format!("{} is recorded: {} bytes", progress.name, progress.bytes),
    }
}
