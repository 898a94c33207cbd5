//! A run: where its events come from, and what becomes of them.
//!
//! ```text
//! Source::drain ──> History: number, fold, tell the sinks, keep ──> Scene
//!      ^
//! Source::send <── Session::send: a command, at the next tick
//! ```
//!
//! One [`Session::tick`] is bounded and never blocks; it says when the next one is wanted.

mod recordings;
mod shared;
mod veiled;

use std::cell::{Cell, RefCell};
use std::io;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use crate::event::{Command, CommandPhase, FileId, Header, Kind, LaneId, Nanos, Viewpoint};
use crate::history::{History, SinkId};
use crate::journal::{Journal, Limits};
use crate::model::{LaneState, World};
use crate::record::{Hidden, RecordingOptions};
use crate::sink::Sink;
use crate::sink::share::SharedSession;

use crate::source::{Drained, Source};

use recordings::{Recordings, Since};

pub use crate::history::Scene;
pub use crate::sink::record::RecordingProgress;

/// Events taken in one tick at the most, so that keys are answered meanwhile.
const PER_TICK: usize = 32_768;

/// A run: its source of events, its history, its picture.
pub struct Session<S> {
    source: S,
    history: History,
    commands: Vec<Command>,
    last_command: u32,
    recordings: Recordings,
    /// What came of a recording, where that is no event.
    remark: Option<Result<String, String>>,
    /// Who passes events on to those who watch.
    relay: Option<SinkId>,
    /// What is to be told as a whole, as soon as somebody wants it.
    whole: Option<SharedSession>,
    /// What they see, if something is left out of it.
    veiled: Option<(SinkId, Rc<RefCell<History>>)>,
    viewpoint: Rc<Cell<Viewpoint>>,
}

impl<S: Source> Session<S> {
    /// A session whose events come from `source`; so much of its history is kept.
    pub fn new(source: S, limits: Limits) -> Self {
        let world = World::of(source.header().clock);
        let history = History::new(limits, world);
        let (recordings, remark) = (Recordings::default(), None);
        Self {
            source,
            history,
            commands: Vec::new(),
            last_command: 0,
            recordings,
            remark,
            relay: None,
            whole: None,
            veiled: None,
            viewpoint: Rc::default(),
        }
    }

    /// A session whose events have happened already, and are in that journal.
    pub fn of_journal(source: S, journal: Journal) -> Self {
        Self { history: History::of(journal), ..Self::new(source, Limits::default()) }
    }

    /// Tells every event from now on to this one too.
    pub fn add_sink(&mut self, sink: Box<dyn Sink>) {
        self.history.add(sink);
    }

    /// Has recordings made so from now on.
    pub fn record_so(&mut self, options: RecordingOptions) {
        self.recordings.options = options;
    }

    /// What is left out of recordings, and of what others have.
    pub fn hidden(&self) -> &[Hidden] {
        &self.recordings.options.hidden
    }

    /// Records what is kept and what happens from now on.
    ///
    /// # Errors
    /// If something is recorded already, or the file is there, or cannot be made.
    pub fn record(&mut self, path: &Path) -> io::Result<()> {
        self.recordings.start(path, &self.source, &mut self.history, Since::Beginning).map(|_| ())
    }

    /// After what time a tick is wanted for those who take events; `None` if it need not be.
    pub fn due(&self) -> Option<Duration> {
        self.history.due()
    }

    /// Tells something that the tool itself has to say.
    pub fn note(&mut self, text: String) {
        let t = self.history.world().t;
        self.history.push(t, LaneId::TOOL, Kind::Note(text.into()));
    }

    /// How far the recording is, if there is one; after the end of the session, how far it came.
    pub fn recording(&self) -> Option<RecordingProgress> {
        self.recordings.progress()
    }

    /// Takes over what the source has produced, up to a bound, passes commands on, and returns at
    /// once.
    pub fn tick(&mut self) -> Drained {
        self.begin_whole();
        let mut drained = self.source.drain(PER_TICK, &mut self.history);
        for command in std::mem::take(&mut self.commands) {
            drained.events += self.pass_on(drained.until, command);
        }
        self.history.flush();
        let ended = self.recordings.ended(&mut self.history);
        if let Some(note) = ended {
            if !self.source.tells_all() {
                let t = drained.until.max(self.history.world().t);
                self.history.push(t, LaneId::TOOL, Kind::Note(note.clone().into()));
                drained.events += 1;
            }
            self.remark = Some(Err(note));
        }
        drained.again = drained.again.into_iter().chain(self.history.due()).min();
        drained
    }

    /// Carries out a command that is told in no event.
    fn aside(&mut self, command: &Command) {
        let phase = self.recordings.command(command, &self.source, &mut self.history);
        self.remark = Some(match phase {
            CommandPhase::Failed(why) => Err(format!("{command}: {why}")),
            CommandPhase::Accepted | CommandPhase::Done(None) => Ok(command.to_string()),
            CommandPhase::Done(Some(remark)) => Ok(format!("{command}: {remark}")),
        });
    }

    /// Passes a command to the source and tells of it; how many events that are.
    fn pass_on(&mut self, t: Nanos, command: Command) -> usize {
        if self.source.tells_all() {
            self.aside(&command);
            return 0;
        }
        self.last_command += 1;
        let (id, text) = (self.last_command, command.to_string().into_boxed_str());
        let accepted = CommandPhase::Accepted;
        let told = Kind::Command { id, text: text.clone(), phase: accepted };
        self.history.push(t, LaneId::TOOL, told);
        let phase = match command {
            Command::Mark(note) => {
                self.history.push(t, LaneId::TOOL, Kind::Mark(note.into()));
                CommandPhase::Done(None)
            }
            Command::Record(_) | Command::RecordOff | Command::Save(_) => {
                self.recordings.command(&command, &self.source, &mut self.history)
            }
            command => match self.source.send(id, command) {
                Ok(()) => return 1,
                Err(why) => CommandPhase::Failed(why.to_string().into()),
            },
        };
        let before = self.history.world().seq;
        let seq = self.history.push(t, LaneId::TOOL, Kind::Command { id, text, phase });
        usize::try_from(seq.0 - before.0).unwrap_or(1) + 1
    }

    /// Passes a command to the source at the next tick; its progress comes back as events.
    pub fn send(&mut self, command: Command) {
        self.commands.push(command);
    }

    /// Asks to be woken by the next event. The caller ticks once more before it sleeps.
    pub fn arm(&self) {
        self.source.arm();
    }

    /// What came of a recording in a session whose events are another's, or why one has ended by
    /// itself; told once.
    pub fn remark(&mut self) -> Option<Result<String, String>> {
        self.remark.take()
    }

    /// Ends the source, takes over what that brings, and ends the sinks.
    ///
    /// # Errors
    /// Why a sink failed, if that has not been told by [`Session::failure`].
    pub fn finish(&mut self, grace: Duration) -> io::Result<()> {
        self.source.finish(grace);
        loop {
            let drained = self.source.drain(PER_TICK, &mut self.history);
            if !drained.more && !drained.held {
                break;
            }
        }
        self.history.finish();
        self.history.failure().map_or(Ok(()), Err)
    }

    /// Why a sink failed, and is told no more; `None` if none did since it was asked last.
    pub fn failure(&mut self) -> Option<io::Error> {
        self.history.failure()
    }

    /// How long the sinks have waited so far for whoever reads what they write.
    pub fn waited(&self) -> Duration {
        self.history.waited()
    }

    /// A thread of the server that died and has not been started again, and of what.
    pub fn dead(&self) -> Option<(LaneId, &str)> {
        self.world().lanes.iter().find_map(|lane| match &lane.state {
            LaneState::Died(why) => Some((lane.id, &**why)),
            _ => None,
        })
    }

    /// Where the events come from.
    pub fn source(&self) -> &S {
        &self.source
    }

    /// The same, to ask it for what no command says.
    pub fn source_mut(&mut self) -> &mut S {
        &mut self.source
    }

    /// What was known before the first event.
    pub fn header(&self) -> &Header {
        self.source.header()
    }

    /// The world as it is now.
    pub fn world(&self) -> &World {
        self.history.world()
    }

    /// The events that are kept.
    pub fn journal(&self) -> &Journal {
        self.history.journal()
    }

    /// The live scene, with the timeline of that epoll instance, or of the first one.
    pub fn scene(&self, poller: Option<FileId>) -> Scene<'_> {
        self.history.scene(self.source.header(), poller)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Event, Seq};
    use crate::source::Unsupported;

    /// Says one thing after the other, and can do nothing but pause.
    struct Literal(Vec<Kind>, Header);

    impl Source for Literal {
        fn header(&self) -> &Header {
            &self.1
        }

        fn drain(&mut self, _: usize, to: &mut History) -> Drained {
            let until = Nanos(to.world().t.0 + 1);
            let events = usize::from(!self.0.is_empty());
            for kind in self.0.drain(..events) {
                to.push(until, LaneId(1), kind);
            }
            Drained { events, more: !self.0.is_empty(), until, ..Drained::default() }
        }

        fn send(&mut self, _: u32, command: Command) -> Result<(), Unsupported> {
            (command == Command::Pause).then_some(()).ok_or(Unsupported("only pause"))
        }

        fn arm(&self) {}

        fn finish(&mut self, _: Duration) {
            self.0.push(Kind::Note("goodbye".into()));
        }
    }

    fn told(session: &Session<Literal>) -> Vec<Event> {
        let mut events = Vec::new();
        session.journal().forward_from(Seq(1), |event| {
            events.push(event.clone());
            true
        });
        events
    }

    #[test]
    fn a_command_is_accepted_and_one_that_the_source_does_not_know_fails_with_its_reason() {
        let source = Literal(vec![Kind::Idle], Header::default());
        let mut session = Session::new(source, Limits::default());
        session.send(Command::Pause);
        session.send(Command::Client);
        assert_eq!(session.tick().events, 4);
        assert_eq!(session.tick().events, 0, "each is passed on once");
        let command = |id, text: &str, phase| Kind::Command { id, text: text.into(), phase };
        let kinds: Vec<_> = told(&session).into_iter().map(|event| event.kind).collect();
        let expected = [
            Kind::Idle,
            command(1, "pause", CommandPhase::Accepted),
            command(2, "client", CommandPhase::Accepted),
            command(2, "client", CommandPhase::Failed("only pause".into())),
        ];
        assert_eq!(kinds, expected);
    }

    /// A name in the folder of temporary files that no other test has.
    fn unused(name: &str) -> std::path::PathBuf {
        std::env::temp_dir().join(format!("epollscope-{}-{name}.rec", std::process::id()))
    }

    fn read(path: &Path) -> Vec<Event> {
        let bytes = std::fs::read(path).expect("a file");
        std::fs::remove_file(path).expect("it is there");
        let recording = crate::record::Recording::read(bytes).expect("a recording");
        assert_eq!(recording.cut(), None);
        let mut events = Vec::new();
        std::rc::Rc::new(recording).journal().forward_from(Seq(1), |event| {
            events.push(event.clone());
            true
        });
        events
    }

    #[test]
    fn what_is_recorded_is_what_happened() {
        use std::os::unix::fs::PermissionsExt as _;
        let source = Literal(vec![Kind::Idle; 20], Header::default());
        let mut session = Session::new(source, Limits::default());
        let (path, saved) = (unused("recorded"), unused("saved"));
        (0..3).for_each(|_| assert!(session.tick().events > 0));
        session.record(&path).expect("a new file");
        let mode = std::fs::metadata(&path).expect("it is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let again = Command::Record(Some(path.display().to_string()));
        session.send(again.clone());
        session.send(Command::Mark("here".to_owned()));
        (0..3).for_each(|_| assert!(session.tick().events > 0));
        session.send(Command::Save(Some(saved.display().to_string())));
        session.send(Command::RecordOff);
        session.tick();
        let off = session.world().seq;
        assert_eq!(session.recording(), None);
        session.send(again);
        session.tick();
        let all = told(&session);
        // The recording is ended before it is told that it is.
        assert_eq!(read(&path), all[..usize::try_from(off.0).expect("few") - 1]);
        let kept = read(&saved);
        assert_eq!(kept, all[..kept.len()]);
        let failed: Vec<_> = all
            .iter()
            .filter_map(|event| match &event.kind {
                Kind::Command { phase: CommandPhase::Failed(why), .. } => Some(&**why),
                _ => None,
            })
            .collect();
        assert!(failed[0].ends_with(".rec is recorded: end that with record off"), "{failed:?}");
        assert!(failed[1].ends_with(".rec: it exists: give another name"), "{failed:?}");
    }

    #[test]
    fn a_disk_that_is_full_ends_the_recording_and_nothing_else() {
        // No two are alike, so that they stay long.
        let noise = |n: u64| -> String {
            let mixed = |k: u64| (n * 64 + k).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(23);
            let numbers: Vec<_> = (0..40).map(|k| mixed(k).wrapping_mul(mixed(k) | 1)).collect();
            format!("{numbers:x?}")
        };
        let notes = (0..400).map(|n| Kind::Note(noise(n).into())).collect();
        let source = Literal(notes, Header::default());
        let mut session = Session::new(source, Limits::default());
        let path = unused("full");
        session.record_so(RecordingOptions { limit: 2_000, ..RecordingOptions::default() });
        session.record(&path).expect("a new file");
        let begun = std::time::Instant::now();
        while session.recording().is_some() && begun.elapsed() < Duration::from_secs(60) {
            session.tick();
            // A block is closed after a while, and written by another thread.
            std::thread::yield_now();
        }
        let note = told(&session).into_iter().rev().find_map(|event| match event.kind {
            Kind::Note(text) if text.starts_with("recording ended") => Some(text),
            _ => None,
        });
        let note = note.expect("a note says so");
        assert!(note.contains("--record-limit"), "{note}");
        assert!(std::fs::metadata(&path).expect("it is there").len() <= 2_000);
        std::fs::remove_file(&path).expect("it is there");
    }

    #[test]
    fn what_a_source_tells_at_its_end_is_taken_to_the_last() {
        let source = Literal(vec![Kind::Idle; 3], Header::default());
        let mut session = Session::new(source, Limits::default());
        session.finish(Duration::ZERO).expect("no sink fails");
        let told = told(&session);
        assert_eq!(told.len(), 4);
        assert_eq!(told.last().map(|event| &event.kind), Some(&Kind::Note("goodbye".into())));
        assert_eq!(session.world().seq, Seq(4));
    }
}
