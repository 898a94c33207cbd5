//! A comparison in the loop of the screen: keys, what was measured, what is measured next.

use std::fs::File;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::app::{CompareApp, CompareCommand};
use super::screen::{paint, printed, under};
use crate::compare::mirror::{self, MirrorBoard, MirrorUpdate};
use crate::compare::{ComparePlan, CompareUpdate, measure};
use crate::error::Error;
use crate::sys::standard::Stdout;
use crate::sys::thread;
use crate::tui::input::Input;
use crate::tui::run::{Exit, Front, Next, TAKE, TuiOptions, end_of, failed, runtime, show};
use crate::tui::terminal::Terminal;
use crate::tui::theme::{PLAIN, Theme};
use crate::tui::ui::Ui;

/// What the screen is told of the machine, beside what it measures.
pub struct CompareSurroundings {
    /// The kernel's name and number.
    pub kernel: String,
    /// Processors that the program may use.
    pub cpus: usize,
    /// Descriptors that it may have.
    pub descriptors: u64,
    /// Where a client of the person's own is listened for.
    pub mirror: SocketAddr,
    /// Whether it is from the beginning.
    pub mirrored: bool,
}

/// Measures and shows until the person quits or the token is cancelled; then prints what there is.
///
/// As for the screen of a server, signals must be blocked and the watchdog be started.
///
/// # Errors
/// If the terminal cannot be taken or drawn to, or the system refuses a thread.
pub fn run(
    plan: ComparePlan,
    around: &CompareSurroundings,
    options: TuiOptions,
    token: &CancellationToken,
) -> Result<Exit, Error> {
    let runtime = runtime()?;
    let bell = Arc::new(Notify::new());
    let mut workers = Workers::new(token, Arc::clone(&bell));
    let terminal = Terminal::enter(options.mouse).map_err(failed(TAKE))?;
    let size = terminal.size();
    let (kernel, cpus) = (around.kernel.clone(), around.cpus);
    let mut app = CompareApp::new(plan.clone(), kernel, cpus, around.descriptors);
    app.ui.size = size;
    workers.measure(plan)?;
    let mirror = around.mirror;
    let mut screen = Screen { terminal, theme: options.theme(), app, workers, mirror, dirty: true };
    if around.mirrored {
        screen.app.mirrored = true;
        screen.listen()?;
    }
    let ended = runtime.block_on(show(&mut screen, options.run_for, token, &bell));
    let Screen { terminal, app, workers, .. } = screen;
    // No process of a loop outlives this.
    drop(workers);
    drop(terminal);
    let exit = end_of(ended)?;
    let width = size.0.clamp(80, 120);
    // A terminal that is gone has no use for it.
    let _ = Stdout::default().write_all(printed(&app, &PLAIN, width).as_bytes());
    Ok(exit)
}

/// The threads that measure and mirror, each of which has processes of its own.
struct Workers {
    token: CancellationToken,
    bell: Arc<Notify>,
    measuring: Option<Worker<CompareUpdate>>,
    mirroring: Option<Worker<MirrorUpdate>>,
}

/// A thread and what it tells.
struct Worker<T> {
    stop: CancellationToken,
    told: Receiver<T>,
    thread: JoinHandle<()>,
}

impl<T> Worker<T> {
    fn end(self) {
        self.stop.cancel();
        let _panicked = self.thread.join();
    }
}

impl Workers {
    fn new(token: &CancellationToken, bell: Arc<Notify>) -> Self {
        Self { token: token.clone(), bell, measuring: None, mirroring: None }
    }

    fn start<T: Send + 'static>(
        &self,
        name: &'static str,
        body: impl FnOnce(&CancellationToken, &mut dyn FnMut(T)) + Send + 'static,
    ) -> Result<Worker<T>, Error> {
        let (stop, bell) = (self.token.child_token(), Arc::clone(&self.bell));
        let (sender, told) = mpsc::channel();
        let own = stop.clone();
        let thread = thread::spawn(name, move || {
            body(&own, &mut |update| {
                // Nobody listens once another run has begun.
                let _ = sender.send(update);
                bell.notify_one();
            });
        });
        let thread = thread.map_err(failed("start what measures"))?;
        Ok(Worker { stop, told, thread })
    }

    /// Stops what is measured, and measures this.
    fn measure(&mut self, plan: ComparePlan) -> Result<(), Error> {
        // The two would disturb each other. It stops within a slice.
        if let Some(before) = self.measuring.take() {
            before.end();
        }
        self.measuring = Some(self.start("measure", move |stop, tell| measure(&plan, stop, tell))?);
        Ok(())
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        if let Some(worker) = self.measuring.take() {
            worker.end();
        }
        if let Some(worker) = self.mirroring.take() {
            worker.end();
        }
    }
}

/// Writes that text into the first of `epollscope-compare-1.csv`, `-2.csv`, … that is not there yet;
/// its name.
///
/// # Errors
/// What open(2) and write(2) list.
pub(super) fn new_file(folder: &Path, text: &str) -> io::Result<String> {
    for number in 1_u32.. {
        let name = format!("epollscope-compare-{number}.csv");
        match File::create_new(folder.join(&name)) {
            Ok(mut file) => return file.write_all(text.as_bytes()).map(|()| name),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

struct Screen {
    terminal: Terminal,
    theme: Theme,
    app: CompareApp,
    workers: Workers,
    mirror: SocketAddr,
    dirty: bool,
}

impl Screen {
    /// Listens for a client whose bytes go to every loop.
    fn listen(&mut self) -> Result<(), Error> {
        let (loops, address) = (self.app.board.plan.loops.clone(), self.mirror);
        self.app.mirror = Some(MirrorBoard::new(loops.clone()));
        let worker = self.workers.start("mirror", move |stop, tell| {
            mirror::run(&loops, address, stop, tell);
        })?;
        self.workers.mirroring = Some(worker);
        Ok(())
    }

    /// Writes that into a new file of the working directory.
    fn export(&mut self, csv: &str) {
        match new_file(Path::new("."), csv) {
            Ok(name) => self.app.ui.say(format!("written: {name}")),
            Err(error) => self.app.ui.warn(format!("nothing is written: {error}")),
        }
    }

    /// Takes over what was told meanwhile.
    fn take(&mut self) {
        while let Some(update) =
            self.workers.measuring.as_ref().and_then(|w| w.told.try_recv().ok())
        {
            self.app.take(update);
            self.dirty = true;
        }
        let mirroring = self.workers.mirroring.as_ref();
        while let Some(update) = mirroring.and_then(|w| w.told.try_recv().ok()) {
            if let Some(board) = &mut self.app.mirror {
                board.take(update);
                self.dirty = true;
            }
        }
    }
}

impl Front for Screen {
    fn turn(&mut self) -> io::Result<Option<Duration>> {
        self.take();
        if std::mem::take(&mut self.dirty) {
            let (app, theme) = (&self.app, &self.theme);
            self.terminal.draw(|buf| paint(app, theme, buf))?;
        }
        Ok(None)
    }

    fn input(&mut self, input: Input) -> Result<Next, Error> {
        let command = match input {
            Input::Key(press) => self.app.key(press),
            Input::Click(x, y) => under(&self.app, (x, y)).and_then(|spot| self.app.click(spot)),
            Input::Wheel(by, _) => {
                self.app.wheel(by);
                None
            }
            // It has no line to be typed.
            Input::Paste(_) | Input::EscKey(_) | Input::Resize(..) | Input::Nothing => None,
        };
        match command {
            Some(CompareCommand::Measure(plan)) => self.workers.measure(plan)?,
            Some(CompareCommand::Mirror) => self.listen()?,
            Some(CompareCommand::Export(csv)) => self.export(&csv),
            None => {}
        }
        self.dirty = true;
        Ok(Next::Go)
    }

    fn resized(&mut self) {
        self.app.ui.size = self.terminal.size();
        self.dirty = true;
    }

    fn terminal(&mut self) -> &mut Terminal {
        &mut self.terminal
    }

    fn ui(&mut self) -> Option<&mut Ui> {
        Some(&mut self.app.ui)
    }
}
