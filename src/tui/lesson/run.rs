//! Lessons in the loop of the screen: keys, what the player told, the time to play on.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::app::{LessonApp, LessonCommand};
use super::menu::Menu;
use super::screen;
use crate::error::Error;
use crate::lesson::case::Case;
use crate::lesson::catalog::LessonTopic;
use crate::lesson::course::Phase;
use crate::source::script::{PlayerHandle, Script};
use crate::tui::action::{KeyAction, LessonAction};
use crate::tui::input::Input;
use crate::tui::run::{Exit, Front, Next, TAKE, TuiOptions, end_of, failed, runtime, show};
use crate::tui::terminal::Terminal;
use crate::tui::theme::Theme;
use crate::tui::ui::Ui;

/// What is gone through.
pub enum Start {
    /// The menu of these.
    Menu(Vec<LessonTopic>),
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
        dirty: true,
        plays_at: None,
    };
    match start {
        Start::Menu(topics) => screen.menu = Some(Menu::new(topics, size)),
        Start::Lesson(case) => screen.begin(*case)?,
    }
    let bell = Arc::clone(&screen.bell);
    let ended = runtime.block_on(show(&mut screen, options.run_for, token, &bell));
    drop(screen);
    end_of(ended)
}

struct Screen {
    terminal: Terminal,
    theme: Theme,
    kernel: String,
    bell: Arc<Notify>,
    menu: Option<Menu>,
    /// The lesson being gone through, with its process.
    lesson: Option<LessonApp>,
    dirty: bool,
    /// When it plays on by itself.
    plays_at: Option<Instant>,
}

impl Screen {
    fn begin(&mut self, case: Case) -> Result<(), Error> {
        // The one before ends first: a process at a time.
        self.lesson = None;
        let bell = Arc::clone(&self.bell);
        let player = PlayerHandle::open(case.clone(), move || bell.notify_one());
        let player = player.map_err(failed("start the lesson"))?;
        let script = Script::new(case, self.kernel.clone(), Some(player));
        self.lesson = Some(LessonApp::new(script, self.terminal.size()));
        Ok(())
    }

    /// Something is to be drawn, and the time to read it begins anew.
    fn changed(&mut self) {
        self.dirty = true;
        let pause = self.lesson.as_ref().and_then(LessonApp::pause_ms);
        self.plays_at = pause.map(|ms| Instant::now() + Duration::from_millis(ms));
    }

    fn draw(&mut self) -> io::Result<()> {
        if !std::mem::take(&mut self.dirty) {
            return Ok(());
        }
        let theme = &self.theme;
        match (&self.lesson, &self.menu) {
            (Some(app), _) => self.terminal.draw(|buf| screen::paint(app, theme, buf)),
            (None, Some(menu)) => self.terminal.draw(|buf| menu.paint(theme, buf)),
            (None, None) => Ok(()),
        }
    }

    /// Does what the lesson wishes for.
    fn grant(&mut self, wish: Option<LessonCommand>) -> Result<Next, Error> {
        let Some(app) = &mut self.lesson else { return Ok(Next::Go) };
        match wish {
            None => {}
            Some(LessonCommand::Step) => app.ask_player(None),
            Some(LessonCommand::Act(step)) => app.ask_player(Some(step)),
            Some(LessonCommand::Restart) => {
                let case = app.course().case.clone();
                let shown = app.shown;
                self.begin(case)?;
                if let Some(app) = &mut self.lesson {
                    app.show(shown);
                }
            }
            Some(LessonCommand::Leave) => {
                let Some(menu) = &mut self.menu else { return Ok(Next::Stop) };
                let ended = app.course().phase == Phase::Finished;
                menu.note(&app.course().case.id, ended.then(|| app.course().score()));
                self.lesson = None;
                self.plays_at = None;
            }
        }
        Ok(Next::Go)
    }
}

impl Front for Screen {
    fn turn(&mut self) -> io::Result<Option<Duration>> {
        if self.lesson.as_mut().is_some_and(LessonApp::tick) {
            self.changed();
        }
        self.draw()?;
        Ok(self.plays_at.map(|turn| turn.saturating_duration_since(Instant::now())))
    }

    /// It was long enough on the screen: it plays on.
    fn rested(&mut self) {
        if self.plays_at.is_none_or(|turn| turn > Instant::now()) {
            return;
        }
        if let Some(app) = &mut self.lesson
            && app.play_on() == Some(LessonCommand::Step)
        {
            app.ask_player(None);
        }
        self.changed();
    }

    fn input(&mut self, input: Input) -> Result<Next, Error> {
        let mut next = Next::Go;
        match (input, &mut self.lesson, &mut self.menu) {
            (Input::Key(press), Some(app), _) => {
                let wish = app.key(press);
                next = self.grant(wish)?;
            }
            (Input::Key(press), None, Some(menu)) => {
                if let Some(case) = menu.key(press) {
                    self.begin(case)?;
                }
            }
            (Input::Key(_), None, None) => next = Next::Stop,
            (Input::Paste(text), Some(app), _) => app.paste(&text),
            (Input::Click(x, y), Some(app), _) => app.click((x, y)),
            (Input::Wheel(by), Some(app), _) => {
                app.update(KeyAction::Lesson(LessonAction::Scroll(by)));
            }
            (Input::Paste(_) | Input::Click(..) | Input::Wheel(_), None, _)
            | (Input::Resize(..) | Input::Nothing, ..) => {}
        }
        self.changed();
        Ok(next)
    }

    fn resized(&mut self) {
        let size = self.terminal.size();
        let shown = self.menu.as_mut().map(|menu| &mut menu.ui);
        for ui in shown.into_iter().chain(self.lesson.as_mut().map(|app| &mut app.app.ui)) {
            ui.size = size;
        }
        self.changed();
    }

    fn terminal(&mut self) -> &mut Terminal {
        &mut self.terminal
    }

    fn ui(&mut self) -> Option<&mut Ui> {
        match (&mut self.lesson, &mut self.menu) {
            (Some(app), _) => Some(&mut app.app.ui),
            (None, menu) => menu.as_mut().map(|menu| &mut menu.ui),
        }
    }
}
