//! The loop of lessons: it waits for keys, for the player, for the time to play on, and for the
//! end. When nothing happens it sleeps without any tick.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::app::{LessonApp, Wish};
use super::course::Phase;
use super::menu::Menu;
use super::player::{Desk, News};
use super::screen;
use crate::error::Error;
use crate::lesson::case::Case;
use crate::lesson::catalog::Topic;
use crate::session::{Facts, Feed};
use crate::tui::action::Action;
use crate::tui::input::{self, Input};
use crate::tui::run::{DRAW, Exit, Next, READ, TAKE, TuiOptions, end_of, failed, runtime, sleep};
use crate::tui::terminal::Terminal;
use crate::tui::theme::Theme;
use crate::tui::ui::{Request, Tone, Ui};
use crate::tui::watchdog;

/// What is gone through.
pub enum Start {
    /// The menu of these.
    Menu(Vec<Topic>),
    /// This lesson.
    Lesson(Box<Case>),
}

/// Shows lessons until the person quits or the token is cancelled.
///
/// As for the screen of a server, signals must be blocked and the watchdog be started.
///
/// # Errors
/// If the terminal cannot be taken or drawn to, or the system refuses a thread.
pub fn run(
    start: Start,
    kernel: &str,
    options: TuiOptions,
    token: &CancellationToken,
) -> Result<Exit, Error> {
    let runtime = runtime()?;
    let terminal = Terminal::enter(options.mouse).map_err(failed(TAKE))?;
    let size = terminal.size();
    let mut screen = Screen {
        terminal,
        theme: options.theme(),
        kernel: kernel.to_owned(),
        bell: Arc::new(Notify::new()),
        menu: None,
        lesson: None,
        nothing: Feed::new(crate::journal::Limits::default(), Facts::default()),
        dirty: true,
        turn: None,
    };
    match start {
        Start::Menu(topics) => screen.menu = Some(Menu::new(topics, size)),
        Start::Lesson(case) => screen.begin(*case)?,
    }
    let ended = runtime.block_on(screen.show(options.run_for, token));
    drop(screen);
    end_of(ended)
}

struct Screen {
    terminal: Terminal,
    theme: Theme,
    kernel: String,
    bell: Arc<Notify>,
    menu: Option<Menu>,
    /// The lesson being gone through, and its process.
    lesson: Option<(LessonApp, Desk)>,
    /// The scene of the menu.
    nothing: Feed,
    dirty: bool,
    /// When it plays on by itself.
    turn: Option<Instant>,
}

impl Screen {
    fn begin(&mut self, case: Case) -> Result<(), Error> {
        let app = LessonApp::new(case.clone(), self.kernel.clone(), self.terminal.size());
        // The one before ends first: a process at a time.
        self.lesson = None;
        let desk = Desk::open(case, Arc::clone(&self.bell));
        self.lesson = Some((app, desk.map_err(failed("start the lesson"))?));
        Ok(())
    }

    async fn show(
        &mut self,
        run_for: Option<Duration>,
        token: &CancellationToken,
    ) -> Result<(), Error> {
        let mut inputs = input::listen(self.terminal.size()).map_err(failed(READ))?;
        let end = sleep(run_for);
        let bell = Arc::clone(&self.bell);
        tokio::pin!(end);
        loop {
            self.take_news();
            self.draw().map_err(failed(DRAW))?;
            let pause = self.turn.map(|turn| turn.saturating_duration_since(Instant::now()));
            tokio::select! {
                () = token.cancelled() => return Ok(()),
                () = &mut end => return Ok(()),
                input = inputs.recv() => {
                    let mut next = input.or_else(|| Some(Err(io::Error::other("no more input"))));
                    while let Some(input) = next {
                        if self.input(input.map_err(failed(READ))?)? == Next::Stop {
                            return Ok(());
                        }
                        next = inputs.try_recv().ok();
                    }
                }
                () = watchdog::continued() => {
                    self.terminal.resume().map_err(failed(TAKE))?;
                    self.resized();
                    self.dirty = true;
                }
                () = bell.notified() => {}
                () = sleep(pause) => self.play_on(),
            }
        }
    }

    /// Folds what the player told.
    fn take_news(&mut self) {
        let Some((app, desk)) = &mut self.lesson else { return };
        let mut any = false;
        while let Some(news) = desk.news() {
            any = true;
            match news {
                News::Report(report) => app.report(*report),
                News::Over => app.over(),
                News::Refused(why) => app.refused(&why),
                News::Stopped(why) => app.stop(why),
            }
        }
        if any {
            self.changed();
        }
    }

    /// Something is to be drawn, and the time to read it begins anew.
    fn changed(&mut self) {
        self.dirty = true;
        let pause = self.lesson.as_ref().and_then(|(app, _)| app.pause_ms());
        self.turn = pause.map(|ms| Instant::now() + Duration::from_millis(ms));
    }

    fn play_on(&mut self) {
        if self.turn.is_none_or(|turn| turn > Instant::now()) {
            return;
        }
        if let Some((app, desk)) = &mut self.lesson
            && app.play_on() == Some(Wish::Step)
        {
            desk.step();
        }
        self.changed();
    }

    fn draw(&mut self) -> io::Result<()> {
        if !std::mem::take(&mut self.dirty) {
            return Ok(());
        }
        let (theme, nothing) = (&self.theme, &self.nothing);
        match (&self.lesson, &self.menu) {
            (Some((app, _)), _) => self.terminal.draw(|buf| screen::paint(app, theme, buf)),
            (None, Some(menu)) => {
                self.terminal.draw(|buf| menu.paint(nothing.scene(None), theme, buf))
            }
            (None, None) => Ok(()),
        }
    }

    fn input(&mut self, input: Input) -> Result<Next, Error> {
        match input {
            Input::Key(press) => {
                let next = match (&mut self.lesson, &mut self.menu) {
                    (Some((app, _)), _) => {
                        let wish = app.key(press);
                        self.grant(wish)?
                    }
                    (None, Some(menu)) => {
                        if let Some(case) = menu.key(press) {
                            self.begin(case)?;
                        }
                        Next::Go
                    }
                    (None, None) => Next::Stop,
                };
                if next == Next::Stop {
                    return Ok(next);
                }
            }
            Input::Paste(text) => {
                if let Some((app, _)) = &mut self.lesson {
                    app.paste(&text);
                }
            }
            Input::Resize(width, height) => {
                self.terminal.resize(width, height);
                self.resized();
            }
            Input::Click(x, y) => {
                if let Some((app, _)) = &mut self.lesson {
                    app.click((x, y));
                }
            }
            Input::Wheel(by) => {
                if let Some((app, _)) = &mut self.lesson {
                    app.update(Action::Scroll(by));
                }
            }
            Input::Nothing => return Ok(Next::Go),
        }
        self.changed();
        self.requested().map_err(failed(DRAW))
    }

    /// Does what the lesson wishes for.
    fn grant(&mut self, wish: Option<Wish>) -> Result<Next, Error> {
        let Some((app, desk)) = &mut self.lesson else { return Ok(Next::Go) };
        match wish {
            None => {}
            Some(Wish::Step) => desk.step(),
            Some(Wish::Act(step)) => desk.act(step),
            Some(Wish::Restart) => {
                let case = app.course.case.clone();
                let shown = app.shown;
                self.begin(case)?;
                if let Some((app, _)) = &mut self.lesson {
                    app.show(shown);
                }
            }
            Some(Wish::Leave) => {
                let Some(menu) = &mut self.menu else { return Ok(Next::Stop) };
                let ended = app.course.phase == Phase::Finished;
                menu.note(&app.course.case.id, ended.then(|| app.course.score()));
                self.lesson = None;
                self.turn = None;
            }
        }
        Ok(Next::Go)
    }

    /// The state of what is on the screen.
    fn ui(&mut self) -> Option<&mut Ui> {
        match (&mut self.lesson, &mut self.menu) {
            (Some((app, _)), _) => Some(&mut app.app.ui),
            (None, menu) => menu.as_mut().map(|menu| &mut menu.ui),
        }
    }

    fn resized(&mut self) {
        let size = self.terminal.size();
        if let Some(menu) = &mut self.menu {
            menu.ui.size = size;
        }
        if let Some((app, _)) = &mut self.lesson {
            app.app.ui.size = size;
        }
    }

    /// What only this loop can do.
    fn requested(&mut self) -> io::Result<Next> {
        let request = self.ui().and_then(|ui| ui.request.take());
        match request {
            None => Ok(Next::Go),
            Some(Request::Quit) => Ok(Next::Stop),
            Some(Request::Suspend) => {
                self.terminal.suspend()?;
                self.resized();
                Ok(Next::Go)
            }
            Some(Request::Copy(text)) => {
                let (text, tone) = if self.terminal.copy(&text)? {
                    ("copied, if the terminal allows it (OSC 52)", Tone::Plain)
                } else {
                    ("too long to copy", Tone::Bad)
                };
                if let Some(ui) = self.ui() {
                    let message = crate::tui::ui::Message { text: text.to_owned(), tone };
                    ui.message = Some(message);
                }
                Ok(Next::Go)
            }
        }
    }
}
