//! The loop of every screen: it waits for keys, for events, for the next frame, and for the end.
//!
//! It draws at once on the first change, then at most at the frame rate; when nothing happens it
//! sleeps without any tick.

mod beheld;
mod options;
mod watched;

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use ratatui::buffer::Buffer;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::app::App;
use super::export::{ExportOrder, ExportView, Exports};
use super::input::{self, Input};
use super::key::{Key, KeyPress};
use super::lesson::lessons::{Lessons, Start};
use super::pane::RenderContext;
use super::screen;
use super::share::Sharing;
use super::terminal::Terminal;
use super::theme::Theme;
use super::ui::{ShareWish, Ui, UiRequest, clock};
use super::watchdog;
use crate::error::Error;
use crate::lesson::catalog;
use crate::lesson::progress::LessonProgress;
use crate::record::Hidden;
use crate::session::{Scene, Session};
use crate::source::{Drained, RemoteNews, Source};

pub use beheld::{ReplayBegin, replay, watch};
pub use options::{Exit, Marks, TuiOptions};

/// Between two frames when little happens.
const CALM: Duration = Duration::from_millis(16);
/// Between two frames under load.
const BUSY: Duration = Duration::from_millis(33);
/// More events than this between two frames are a load.
const LOAD: usize = 500;

/// How long the server may take to say goodbye to its clients.
const FAREWELL: Duration = Duration::from_millis(500);

/// What is done with a terminal, as its failure is told.
pub(super) const TAKE: &str = "take the terminal";
const READ: &str = "read the terminal";
const DRAW: &str = "draw on the terminal";

/// Shows a session until the person quits or the token is cancelled.
///
/// The signals that end the program must be blocked before any thread starts, and the watchdog be
/// started ([`watchdog::block`], [`watchdog::start`]); [`super::terminal::require`] says beforehand
/// whether there is a terminal.
///
/// # Errors
/// If the terminal cannot be taken or drawn to, or the system refuses a thread.
pub fn run<S: Source>(
    session: &mut Session<S>,
    options: TuiOptions,
    sharing: Sharing,
    token: &CancellationToken,
    wake: &Arc<Notify>,
) -> Result<Exit, Error> {
    let runtime = runtime()?;
    let terminal = Terminal::enter(options.mouse).map_err(failed(TAKE))?;
    if let Some(share) = sharing.shared() {
        session.share(share);
    }
    let mut screen = Screen::new(terminal, options, session, sharing, Arc::clone(wake));
    let ended = runtime.block_on(show(&mut screen, options.run_for, token, wake));
    drop(screen);
    // A screen has no sink that could fail.
    let _ = session.finish(FAREWELL);
    end_of(ended)
}

/// What a loop of the screen runs on.
pub(super) fn runtime() -> Result<tokio::runtime::Runtime, Error> {
    let built = tokio::runtime::Builder::new_current_thread().enable_time().build();
    built.map_err(|e| Error::runtime("start the loop", &e))
}

/// Where an operation on the terminal becomes the reason of the end.
pub(super) fn failed(operation: &'static str) -> impl Fn(io::Error) -> Error {
    move |error| Error::runtime(operation, &error)
}

/// How a screen ended whose loop ended so.
pub(super) fn end_of(ended: Result<(), Error>) -> Result<Exit, Error> {
    // A terminal that is gone cannot be drawn to; the signal is the reason.
    let gone = || watchdog::is_hung_up().then_some(Signal::SIGHUP as i32);
    match watchdog::caught().or_else(gone) {
        Some(signal) => Ok(Exit::Signal(signal)),
        None => ended.map(|()| Exit::Quit),
    }
}

/// Paints a scene as the app sees it.
pub fn paint(app: &App, live: Scene<'_>, theme: &Theme, buf: &mut Buffer) {
    let look = RenderContext { scene: app.view(live), ui: &app.ui, theme, spots: None };
    screen::draw(&look, buf);
}

/// Whether the loop goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    Go,
    Stop,
}

/// What a loop shows, and who takes the keys.
pub(super) trait Front {
    /// Takes over what has happened, draws it if it is time to, and says how long to sleep if
    /// nothing more happens; `None` is for ever.
    fn turn(&mut self) -> io::Result<Option<Duration>>;

    /// That time is over.
    fn rested(&mut self) {}

    /// Takes what was typed, pasted or clicked.
    fn input(&mut self, input: Input) -> Result<Next, Error>;

    /// The terminal has another size, or has lost what was drawn.
    fn resized(&mut self);

    fn terminal(&mut self) -> &mut Terminal;

    /// Lets others watch, or ends that, where that means something.
    fn share(&mut self, _wish: ShareWish) {}

    /// Opens the lessons, where that means something.
    fn teach(&mut self) {}

    /// Begins to write a file for others, where there is something to write.
    fn export(&mut self, _: ExportOrder) {}

    /// The state of what is on the screen, if anything is.
    fn ui(&mut self) -> Option<&mut Ui>;
}

/// Shows it until the person or the token ends it, or that time is over; `wake` says that something
/// has happened.
pub(super) async fn show(
    front: &mut impl Front,
    run_for: Option<Duration>,
    token: &CancellationToken,
    wake: &Notify,
) -> Result<(), Error> {
    let mut inputs = input::listen(front.terminal().size()).map_err(failed(READ))?;
    let end = sleep(run_for);
    tokio::pin!(end);
    loop {
        let pause = front.turn().map_err(failed(DRAW))?;
        tokio::select! {
            () = token.cancelled() => return Ok(()),
            () = &mut end => return Ok(()),
            input = inputs.recv() => {
                let mut next = input.or_else(|| Some(Err(io::Error::other("no more input"))));
                // All that was typed, before the next events are folded: under load that takes
                // longer than a key.
                while let Some(input) = next {
                    if take(front, input.map_err(failed(READ))?)? == Next::Stop {
                        return Ok(());
                    }
                    next = inputs.try_recv().ok();
                }
            }
            () = watchdog::continued() => {
                front.terminal().resume().map_err(failed(TAKE))?;
                front.resized();
            }
            () = wake.notified() => {}
            () = sleep(pause) => front.rested(),
        }
    }
}

fn take(front: &mut impl Front, input: Input) -> Result<Next, Error> {
    match input {
        Input::Nothing => return Ok(Next::Go),
        Input::EscKey(press) => {
            // A line being typed is not given up by a key for which it has no use.
            if front.ui().is_some_and(|ui| ui.entry.is_some()) {
                return Ok(Next::Go);
            }
            let esc = KeyPress { key: Key::Esc, ctrl: false };
            return match take(front, Input::Key(esc))? {
                Next::Go => take(front, Input::Key(press)),
                Next::Stop => Ok(Next::Stop),
            };
        }
        Input::Resize(width, height) => {
            front.terminal().resize(width, height);
            front.resized();
        }
        Input::Key(_) | Input::Paste(_) | Input::Click(..) | Input::Wheel(..) => {
            if front.input(input)? == Next::Stop {
                return Ok(Next::Stop);
            }
        }
    }
    requested(front).map_err(failed(DRAW))
}

/// Does what only the loop can do.
fn requested(front: &mut impl Front) -> io::Result<Next> {
    match front.ui().and_then(|ui| ui.request.take()) {
        None => {}
        Some(UiRequest::Quit) => return Ok(Next::Stop),
        Some(UiRequest::Suspend) => {
            front.terminal().suspend()?;
            front.resized();
        }
        Some(UiRequest::Lessons) => front.teach(),
        Some(UiRequest::Export(order)) => front.export(*order),
        Some(UiRequest::Share(wish)) => front.share(wish),
        Some(UiRequest::Copy(text)) => match (front.terminal().copy(&text)?, front.ui()) {
            (true, Some(ui)) => ui.say("copied, if the terminal allows it (OSC 52)"),
            (false, Some(ui)) => ui.warn("too long to copy"),
            (_, None) => {}
        },
    }
    Ok(Next::Go)
}

struct Screen<'a, S> {
    terminal: Terminal,
    theme: Theme,
    app: App,
    session: &'a mut Session<S>,
    /// What is known of a session elsewhere.
    news: Option<Rc<RefCell<RemoteNews>>>,
    /// Who watches.
    sharing: Sharing,
    /// Says that something has happened.
    wake: Arc<Notify>,
    /// The lessons, while they are open: the server goes on behind them.
    lessons: Option<Lessons>,
    /// Files for others that are being written.
    exports: Exports,
    /// What is left out of what others get: there, or already in the recording that is looked at.
    hidden: Vec<Hidden>,
    /// Whether it is remembered which of them were gone through.
    remember: bool,
    /// Something has changed since the last frame.
    dirty: bool,
    /// The next frame may be drawn from here on.
    due: Instant,
    /// Events since the last frame.
    events: usize,
    /// The screen's clock: slow motion goes by it.
    begun: Instant,
}

impl<'a, S: Source> Screen<'a, S> {
    fn new(
        terminal: Terminal,
        options: TuiOptions,
        session: &'a mut Session<S>,
        sharing: Sharing,
        wake: Arc<Notify>,
    ) -> Self {
        let mut app = App::default();
        app.ui.size = terminal.size();
        sharing.say(&mut app.ui);
        let (now, hidden) = (Instant::now(), session.hidden().to_vec());
        app.ui.hidden.clone_from(&hidden);
        Self {
            terminal,
            theme: options.theme(),
            app,
            session,
            news: None,
            sharing,
            wake,
            lessons: None,
            exports: Exports::default(),
            hidden,
            remember: options.remember,
            dirty: true,
            due: now,
            events: 0,
            begun: now,
        }
    }

    /// Folds what the server did; if that is nothing, asks to be woken and looks once more.
    fn take_events(&mut self) -> Drained {
        let mut drained = self.session.tick();
        if drained.events == 0 && !drained.more {
            self.session.arm();
            drained = self.session.tick();
        }
        if drained.events > 0 {
            self.events += drained.events;
            self.app.observe(&self.session.scene(self.app.ui.poller));
            self.dirty = true;
        }
        drained
    }

    fn draw(&mut self) -> io::Result<()> {
        let now = Instant::now();
        if !self.dirty || now < self.due {
            return Ok(());
        }
        // Behind the lessons the server's events are folded at the same pace.
        if self.lessons.is_none() {
            let (app, theme) = (&self.app, &self.theme);
            let scene = self.session.scene(app.ui.poller);
            self.terminal.draw(|buf| paint(app, scene, theme, buf))?;
        }
        let load = self.events > LOAD;
        self.due = now + if load { BUSY } else { CALM };
        (self.dirty, self.events) = (false, 0);
        self.sharing.changed(load);
        Ok(())
    }

    /// How long to sleep if nothing happens; `None` is for ever.
    fn pause(&self, drained: &Drained) -> Option<Duration> {
        if drained.more {
            return Some(Duration::ZERO);
        }
        // While events come they are fetched once a frame: to be woken for each would make the
        // server pay for it.
        let frame = (self.dirty || drained.events > 0)
            .then(|| self.due.saturating_duration_since(Instant::now()));
        match (frame, drained.again) {
            (Some(frame), Some(again)) => Some(frame.min(again)),
            (one, other) => one.or(other),
        }
    }
}

impl<S: Source> Screen<'_, S> {
    /// How long to sleep if nothing happens, for all who want to be looked after.
    fn pauses(&self, drained: &Drained, next: Option<Duration>) -> Option<Duration> {
        let others = [next, self.sharing.pause(), self.session.due()];
        self.pause(drained).into_iter().chain(others.into_iter().flatten()).min()
    }
}

impl<S: Source> Front for Screen<'_, S> {
    fn turn(&mut self) -> io::Result<Option<Duration>> {
        // What they want, and where the person looks, is passed on with the events.
        self.look_who_watches();
        self.session.looks(self.app.viewpoint());
        let drained = self.take_events();
        let recording = self.session.recording();
        self.dirty |= recording != self.app.ui.recording;
        self.app.ui.recording = recording;
        let writes = self.exports.go_on(self.session.journal());
        if let Some(said) = writes.said {
            self.app.ui.tell(said);
            self.dirty = true;
        }
        let drained = Drained { more: drained.more || writes.more, ..drained };
        self.hear();
        if let Some(lessons) = &mut self.lessons {
            if lessons.tick() {
                self.terminal.draw(|buf| lessons.paint(buf))?;
                self.sharing.changed(false);
            }
            self.draw()?;
            // What those who watch have done may be to be drawn.
            self.film();
            let next = self.lessons.as_ref().and_then(Lessons::pause);
            return Ok(self.pauses(&drained, next));
        }
        let now = clock(self.begun);
        let (played, due) = self.app.advance(now, &self.session.scene(self.app.ui.poller));
        self.dirty |= played;
        self.draw()?;
        self.film();
        let next = due.map(|due| Duration::from_millis(due.saturating_sub(now)));
        Ok(self.pauses(&drained, next))
    }

    fn rested(&mut self) {
        if let Some(lessons) = &mut self.lessons {
            lessons.rested();
        }
    }

    fn input(&mut self, input: Input) -> Result<Next, Error> {
        if let Some(lessons) = &mut self.lessons {
            if !lessons.input(input)? {
                (self.lessons, self.dirty) = (None, true);
            }
            return Ok(Next::Go);
        }
        let scene = self.session.scene(self.app.ui.poller);
        let before = (self.app.viewpoint(), self.app.follows());
        let command = match input {
            Input::Key(press) => self.app.key(press, &scene),
            Input::Click(x, y) => self.app.click((x, y), &scene),
            Input::Wheel(step, at) => {
                self.app.wheel(step, at, &scene);
                None
            }
            Input::Paste(text) => {
                self.app.paste(&text);
                None
            }
            Input::EscKey(_) | Input::Resize(..) | Input::Nothing => return Ok(Next::Go),
        };
        let (viewpoint, followed) = before;
        if followed && self.app.follows() && viewpoint != self.app.viewpoint() {
            self.app.own_view();
        }
        if let Some(command) = command {
            self.session.send(command);
        }
        self.dirty = true;
        Ok(Next::Go)
    }

    fn resized(&mut self) {
        self.app.ui.size = self.terminal.size();
        self.dirty = true;
        if let Some(lessons) = &mut self.lessons {
            lessons.resized(self.app.ui.size);
        }
    }

    fn share(&mut self, wish: ShareWish) {
        match wish {
            ShareWish::Begin(address) => self.let_watch(address),
            ShareWish::End => self.let_nobody_watch(),
            ShareWish::Ask(text, answers) => self.ask(text, answers),
            ShareWish::CloseAnswers => self.sharing.close_free(&mut self.app.ui),
        }
        self.dirty = true;
    }

    fn teach(&mut self) {
        let start = Start::Menu(catalog::topics());
        let scene = self.session.scene(self.app.ui.poller);
        let (kernel, wake) = (&scene.header.kernel, Arc::clone(&self.wake));
        let (size, progress) =
            (self.app.ui.size, self.remember.then(LessonProgress::of_user).flatten());
        match Lessons::new(start, progress, self.theme, kernel, size, wake) {
            Ok(lessons) => self.lessons = Some(lessons),
            Err(error) => self.app.ui.warn(error.to_string()),
        }
    }

    fn export(&mut self, order: ExportOrder) {
        if let Some(lessons) = &mut self.lessons {
            lessons.export(order);
            return;
        }
        let scene = self.session.scene(self.app.ui.poller);
        let view =
            ExportView { theme: &self.theme, hidden: &self.hidden, beside: &[], wake: &self.wake };
        let one = order.kind.is_one_screen();
        // The history of a server has everything.
        let whole = self.session.hidden().is_empty() && order.hidden.is_empty();
        let begun = if one && whole {
            let clock = scene.header.clock;
            Exports::screen(&order, clock, view, |camera| camera.app(&mut self.app, scene))
                .map(Some)
        } else {
            let kept = one.then(|| Box::new(self.app.clone()));
            self.exports.begin(order, kept, scene, view).map(|()| None)
        };
        match begun {
            Ok(said) => said.into_iter().for_each(|said| self.app.ui.say(said)),
            Err(why) => self.app.ui.warn(why),
        }
        self.dirty = true;
    }

    fn terminal(&mut self) -> &mut Terminal {
        &mut self.terminal
    }

    fn ui(&mut self) -> Option<&mut Ui> {
        watched::shown(&mut self.lessons, &mut self.app)
    }
}

/// Sleeps so long; `None` is for ever, and no time lets others run.
async fn sleep(pause: Option<Duration>) {
    match pause {
        Some(Duration::ZERO) => tokio::task::yield_now().await,
        Some(pause) => tokio::time::sleep(pause).await,
        None => std::future::pending().await,
    }
}
