//! Events into a file, as a recording: blocks are made here, and written by a thread of their own.

use std::cell::RefCell;
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use super::{Beside, Sink, TimedPress};
use crate::event::{Event, Header, visible};
use crate::model::World;
use crate::record::{Press, RecordingHead, RecordingOptions, WriteEnd, Writer, utc};

/// How long an event waits in an open block: if the program is killed, no more than that is lost.
const OPEN: Duration = Duration::from_millis(250);

/// How far a recording is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecordingProgress {
    /// The file, fit to be shown.
    pub name: String,
    /// Bytes in the file.
    pub bytes: u64,
    /// Events that found no room.
    pub lost: u64,
    /// Why it ended by itself, in words.
    pub ended: Option<String>,
}

/// A recording that is being made.
pub struct Recorder {
    timed: TimedPress<Writer>,
    progress: Rc<RefCell<RecordingProgress>>,
}

impl Recorder {
    /// Begins a recording of what follows that world, in a file that must not be there yet.
    ///
    /// # Errors
    /// If it is there, or cannot be made.
    pub fn start(
        path: &Path,
        header: &Header,
        options: &RecordingOptions,
        world: &World,
    ) -> io::Result<Self> {
        let name = visible(path.to_string_lossy().as_bytes(), 200);
        let head = RecordingHead::new(header.clone(), &options.hidden);
        let writer = Writer::create(path, &head, options.limit).map_err(|error| {
            let there = error.kind() == io::ErrorKind::AlreadyExists;
            let why =
                if there { "it exists: give another name".to_owned() } else { error.to_string() };
            io::Error::new(error.kind(), format!("{name}: {why}"))
        })?;
        let progress = RecordingProgress { name, bytes: writer.bytes(), ..Default::default() };
        let timed = TimedPress::new(Press::new(writer, &head, world), OPEN);
        Ok(Self { timed, progress: Rc::new(RefCell::new(progress)) })
    }

    /// How far it is, as of the last time that it was told something.
    pub fn progress(&self) -> Rc<RefCell<RecordingProgress>> {
        Rc::clone(&self.progress)
    }

    /// No event is lost from now on: the thread that writes is waited for.
    pub fn wait_for_all(&mut self) {
        self.timed.press.outlet().wait_for_all();
    }

    fn look(&mut self) {
        let mut progress = self.progress.borrow_mut();
        let lost = self.timed.press.lost();
        let writer = self.timed.press.outlet();
        (progress.bytes, progress.lost) = (writer.bytes(), lost);
        if progress.ended.is_none()
            && let Some(end) = writer.ended()
        {
            let until = writer.until();
            let name = &progress.name;
            progress.ended = Some(format!("{}; {name} is whole up to {until}", in_words(end)));
        }
    }
}

fn in_words(end: &WriteEnd) -> &str {
    match end {
        WriteEnd::Limit => "it is as long as --record-limit lets it be",
        WriteEnd::Failed(why) => why,
    }
}

impl Sink for Recorder {
    fn event(&mut self, event: &Event, world: &World) -> io::Result<()> {
        self.timed.event(event, world);
        Ok(())
    }

    fn resume(&mut self, world: &World) -> io::Result<()> {
        self.timed.resume(world);
        Ok(())
    }

    fn beside(&mut self, beside: &Beside) -> io::Result<()> {
        self.timed.press.beside(beside);
        Ok(())
    }

    fn flush(&mut self, world: &World) -> io::Result<()> {
        self.timed.flush(world);
        self.look();
        Ok(())
    }

    fn due(&self) -> Option<Duration> {
        self.timed.due()
    }

    fn finish(mut self: Box<Self>, world: &World) -> io::Result<()> {
        self.wait_for_all();
        let Self { timed, progress } = *self;
        let done = timed.press.finish(world, "ended").finish();
        let mut progress = progress.borrow_mut();
        match done {
            Ok(bytes) => progress.bytes = bytes,
            Err(_) if progress.ended.is_some() => {}
            Err(end) => progress.ended = Some(in_words(&end).to_owned()),
        }
        Ok(())
    }
}

/// The name of a recording that nobody has named: `epollscope-20261129-080000.rec`, in UTC.
pub fn unnamed() -> PathBuf {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let [year, month, day, hour, minute, second] = utc(since.as_secs());
    format!("epollscope-{year:04}{month:02}{day:02}-{hour:02}{minute:02}{second:02}.rec").into()
}
