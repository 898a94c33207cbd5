//! Files for others while the session goes on: the part of its history that is wanted is first put
//! into a recording that has no name, a stretch at a time, from which a thread makes the file.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::thread::JoinHandle;

use tokio::sync::Notify;

use super::{ExportOrder, ExportPlan, shot, staged};
use crate::event::{Seq, TimeUnit, visible};
use crate::export::{Excerpt, ExportRange, to_file};
use crate::journal::Journal;
use crate::record::{Beside, Hidden, Recording};
use crate::session::Scene;
use crate::sys::thread;
use crate::tui::app::App;
use crate::tui::film::{Camera, Taken};
use crate::tui::theme::Theme;
use crate::tui::words::stored;

/// Events that are taken in one go: keys are answered meanwhile.
const STRETCH: u64 = 32_768;
/// How many names are tried until one is free.
const NAMES: u32 = 1000;

/// What a file for others is made of, beside what was ordered.
#[derive(Clone, Copy)]
pub(crate) struct ExportView<'a> {
    /// How the screen looks.
    pub(crate) theme: &'a Theme,
    /// What the history does not have.
    pub(crate) hidden: &'a [Hidden],
    /// What there is beside the history.
    pub(crate) beside: &'a [Beside],
    /// Rung when the file is there.
    pub(crate) wake: &'a Arc<Notify>,
}

/// How far it is.
#[derive(Clone, Debug, Default)]
pub(crate) struct ExportProgress {
    /// What the person is told: how far it is, what has become of it, or why nothing has.
    pub(crate) said: Option<Result<String, String>>,
    /// There is more to be done at once.
    pub(crate) more: bool,
}

/// The file for others that is being written, if one is.
#[derive(Default)]
pub(crate) struct Exports {
    job: Option<Job>,
}

/// What came of it: the file's name and its bytes.
type Outcome = (String, u64);

struct Job {
    order: ExportOrder,
    plan: ExportPlan,
    /// The first event that is taken.
    first: Seq,
    /// The screen, if that is what is wanted of a history of which something is hidden.
    app: Option<Box<App>>,
    wake: Arc<Notify>,
    stage: Stage,
}

enum Stage {
    /// The recording is made.
    Saving(Box<Excerpt<File>>),
    /// The recording is there.
    Begun,
    /// The file is made of it.
    Writing(Receiver<Result<Outcome, String>>, Option<JoinHandle<()>>),
}

impl Exports {
    /// Writes the screen that `take` takes; says what has become of it.
    ///
    /// # Errors
    /// Why it could not be written, in words.
    pub(crate) fn screen(
        order: &ExportOrder,
        clock: TimeUnit,
        view: ExportView<'_>,
        take: impl FnOnce(&mut Camera) -> Taken,
    ) -> Result<String, String> {
        let plan = plan(order, view.theme);
        let mut camera = Camera::new(&plan.title, clock, order.size, &plan.theme);
        let taken = take(&mut camera);
        let (head, screen) = shot(&camera, &taken);
        written(order, |out| plan.screen(&head, &screen, out)).map(|outcome| in_words(&outcome))
    }

    /// Begins to write what was ordered of that history. `app` is what shows the screen that is
    /// wanted, if one is: of a history without what is hidden.
    ///
    /// # Errors
    /// Why not, in words.
    pub(crate) fn begin(
        &mut self,
        order: ExportOrder,
        app: Option<Box<App>>,
        scene: Scene<'_>,
        view: ExportView<'_>,
    ) -> Result<(), String> {
        if let Some(job) = &self.job {
            let name = visible(job.order.path.to_string_lossy().as_bytes(), 100);
            return Err(format!("{name} is being written: wait for it"));
        }
        let (header, journal) = (scene.header, scene.journal);
        let (mut first, mut last) = order.events;
        if app.is_some() || !view.beside.is_empty() {
            // A screen may show anything of it, and a lesson is whole or none.
            first = journal.first().unwrap_or(first);
            last = journal.last().unwrap_or(last);
        }
        let range = ExportRange { header, journal, first, last };
        let mut hidden = view.hidden.to_vec();
        hidden.extend(order.hidden.iter().filter(|what| !view.hidden.contains(what)));
        let begun = unnamed().and_then(|file| Excerpt::begin(&range, &hidden, view.beside, file));
        let excerpt = begun.map_err(|error| format!("no file to work with: {error}"))?;
        let (plan, wake) = (plan(&order, view.theme), Arc::clone(view.wake));
        let stage = Stage::Saving(Box::new(excerpt));
        self.job = Some(Job { order, plan, first, app, wake, stage });
        Ok(())
    }

    /// Goes on with it.
    pub(crate) fn go_on(&mut self, journal: &Journal) -> ExportProgress {
        let Some(job) = self.job.take() else { return ExportProgress::default() };
        match job.go_on(journal) {
            Ok(Next::Job(job, said)) => {
                let more = matches!(job.stage, Stage::Saving(_));
                self.job = Some(*job);
                ExportProgress { said: said.map(Ok), more }
            }
            Ok(Next::Done(said)) => ExportProgress { said: Some(Ok(said)), more: false },
            Err(why) => ExportProgress { said: Some(Err(why)), more: false },
        }
    }
}

impl Drop for Exports {
    /// A file that is being written is not left half.
    fn drop(&mut self) {
        if let Some(Job { stage: Stage::Writing(_, Some(thread)), .. }) = self.job.take() {
            let _panicked = thread.join();
        }
    }
}

/// What follows a stretch of work.
enum Next {
    Job(Box<Job>, Option<String>),
    Done(String),
}

impl Job {
    fn go_on(mut self, journal: &Journal) -> Result<Next, String> {
        match self.stage {
            Stage::Saving(mut excerpt) => {
                let more = excerpt.go_on(journal, STRETCH).map_err(|error| error.to_string())?;
                let name = visible(self.order.path.to_string_lossy().as_bytes(), 100);
                if more {
                    let said = format!("{name}: {} % read", excerpt.percent(self.first));
                    self.stage = Stage::Saving(excerpt);
                    return Ok(Next::Job(Box::new(self), Some(said)));
                }
                let file = excerpt.finish().map_err(|error| error.to_string())?;
                let (stage, app) = (Stage::Begun, self.app.take());
                let job = Self { stage, app: None, ..self };
                job.write(file, app)
                    .map(|job| Next::Job(Box::new(job), Some(format!("{name} ..."))))
            }
            Stage::Writing(told, thread) => match told.try_recv() {
                Ok(outcome) => {
                    let _over = thread.map(JoinHandle::join);
                    outcome.map(|outcome| Next::Done(in_words(&outcome)))
                }
                Err(TryRecvError::Empty) => {
                    self.stage = Stage::Writing(told, thread);
                    Ok(Next::Job(Box::new(self), None))
                }
                Err(TryRecvError::Disconnected) => Err("what writes the file died".to_owned()),
            },
            Stage::Begun => Err("nothing is being written".to_owned()),
        }
    }

    /// Has a thread make the file of the recording.
    fn write(self, file: File, app: Option<Box<App>>) -> Result<Self, String> {
        let (sender, told) = channel();
        let (order, plan, wake) = (self.order.clone(), self.plan.clone(), Arc::clone(&self.wake));
        let thread = thread::spawn("export", move || {
            let made = make(file, &order, &plan, app);
            // The session may be over.
            let _told = sender.send(made);
            wake.notify_one();
        });
        let thread = thread.map_err(|error| format!("no thread to write with: {error}"))?;
        Ok(Self { stage: Stage::Writing(told, Some(thread)), ..self })
    }
}

/// Makes the file of a recording of all that it is to be made of.
fn make(
    file: File,
    order: &ExportOrder,
    plan: &ExportPlan,
    app: Option<Box<App>>,
) -> Result<Outcome, String> {
    let recording = Recording::of(file).map_err(|error| error.to_string())?;
    let recording = Rc::new(recording.map_err(|error| error.to_string())?);
    let (head, journal) = (recording.head(), recording.journal());
    let whole = ExportRange::whole(&head.header, &journal);
    let Some(mut app) = app else {
        // More may have been taken than was ordered.
        let (first, last) = order.events;
        let range =
            ExportRange { first: first.max(whole.first), last: last.min(whole.last), ..whole };
        return written(order, |out| plan.write(&range, &recording, out));
    };
    let range = whole;
    let mut camera = Camera::new(&plan.title, head.header.clock, plan.size, &plan.theme);
    let taken = staged(&range, |scene| {
        app.see_again(&scene);
        camera.app(&mut app, scene)
    });
    let (head, screen) = shot(&camera, &taken);
    written(order, |out| plan.screen(&head, &screen, out))
}

/// What is to be written, in the colours of that screen.
fn plan(order: &ExportOrder, theme: &Theme) -> ExportPlan {
    let ExportOrder { kind, size, title, .. } = order;
    // What is hidden is hidden in the recording that it is made of.
    let hidden = Vec::new();
    ExportPlan { kind: *kind, hidden, size: *size, theme: *theme, title: title.clone() }
}

/// The file, under its name or, if that was nobody's wish, under the next one that is free.
fn written(
    order: &ExportOrder,
    mut write: impl FnMut(&mut dyn io::Write) -> io::Result<()>,
) -> Result<Outcome, String> {
    let mut path = order.path.clone();
    for n in 2..NAMES {
        match to_file(&path, order.kind, &mut write) {
            Ok(bytes) => {
                let name = visible(path.to_string_lossy().as_bytes(), 100);
                return Ok((name, bytes));
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && !order.named => {
                path = numbered(&order.path, n);
            }
            Err(error) => return Err(error.to_string()),
        }
    }
    Err("too many files have that name".to_owned())
}

/// `class-2.html`
fn numbered(path: &Path, n: u32) -> PathBuf {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let ending = path.extension().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!("{stem}-{n}.{ending}"))
}

fn in_words((name, bytes): &Outcome) -> String {
    format!("{name} is written: {}", stored(*bytes))
}

/// A file for as long as it is open.
fn unnamed() -> io::Result<File> {
    static MADE: AtomicU32 = AtomicU32::new(0);
    let n = MADE.fetch_add(1, Ordering::Relaxed);
    let name = format!(".epollscope-{}-{n}.rec", std::process::id());
    let path = std::env::temp_dir().join(name);
    let mut options = OpenOptions::new();
    let file = options.read(true).write(true).create_new(true).mode(0o600).open(&path)?;
    std::fs::remove_file(&path)?;
    Ok(file)
}
