//! The menu and the lesson that is gone through, whatever they are shown on: keys, what the player
//! told, the time to play on.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ratatui::buffer::Buffer;
use tokio::sync::Notify;

use super::app::{LessonApp, LessonCommand};
use super::menu::{Menu, MenuChoice};
use super::screen;
use crate::error::Error;
use crate::lesson::case::Case;
use crate::lesson::course::Phase;
use crate::source::script::{PlayerHandle, Script};
use crate::tui::action::{KeyAction, LessonAction};
use crate::tui::input::Input;
use crate::tui::theme::Theme;
use crate::tui::ui::Ui;

/// What there is to learn, and how far it is learnt.
pub(crate) struct Lessons {
    theme: Theme,
    kernel: String,
    size: (u16, u16),
    bell: Arc<Notify>,
    menu: Option<Menu>,
    /// The lesson being gone through, with its process.
    lesson: Option<LessonApp>,
    dirty: bool,
    /// When it plays on by itself.
    plays_at: Option<Instant>,
}

impl Lessons {
    /// The lessons of that menu; `bell` is rung when the player has told something.
    pub(crate) fn new(
        menu: Option<Menu>,
        theme: Theme,
        kernel: &str,
        size: (u16, u16),
        bell: Arc<Notify>,
    ) -> Self {
        let kernel = kernel.to_owned();
        Self { theme, kernel, size, bell, menu, lesson: None, dirty: true, plays_at: None }
    }

    /// Begins a lesson.
    pub(crate) fn begin(&mut self, case: Case) -> Result<(), Error> {
        // The one before ends first: a process at a time.
        self.lesson = None;
        let bell = Arc::clone(&self.bell);
        let player = PlayerHandle::open(case.clone(), move || bell.notify_one());
        let player = player.map_err(|error| Error::runtime("start the lesson", &error))?;
        let script = Script::new(case, self.kernel.clone(), Some(player));
        self.lesson = Some(LessonApp::new(script, self.size));
        Ok(())
    }

    /// Something is to be drawn, and the time to read it begins anew.
    fn changed(&mut self) {
        self.dirty = true;
        let pause = self.lesson.as_ref().and_then(LessonApp::pause_ms);
        self.plays_at = pause.map(|ms| Instant::now() + Duration::from_millis(ms));
    }

    /// Takes over what the player has told; whether something is to be drawn.
    pub(crate) fn tick(&mut self) -> bool {
        if self.lesson.as_mut().is_some_and(LessonApp::tick) {
            self.changed();
        }
        std::mem::take(&mut self.dirty)
    }

    /// Draws everything.
    pub(crate) fn paint(&self, buf: &mut Buffer) {
        match (&self.lesson, &self.menu) {
            (Some(app), _) => screen::paint(app, &self.theme, buf),
            (None, Some(menu)) => menu.paint(&self.theme, buf),
            (None, None) => {}
        }
    }

    /// How long it stands until it plays on; `None` if it does not.
    pub(crate) fn pause(&self) -> Option<Duration> {
        self.plays_at.map(|turn| turn.saturating_duration_since(Instant::now()))
    }

    /// It was long enough on the screen: it plays on.
    pub(crate) fn rested(&mut self) {
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

    /// Does what the lesson wishes for; whether the lessons go on.
    fn grant(&mut self, wish: Option<LessonCommand>) -> Result<bool, Error> {
        let Some(app) = &mut self.lesson else { return Ok(true) };
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
                let Some(menu) = &mut self.menu else { return Ok(false) };
                let ended = app.course().phase == Phase::Finished;
                menu.note(&app.course().case.id, ended.then(|| app.course().score()));
                self.lesson = None;
                self.plays_at = None;
            }
        }
        Ok(true)
    }

    /// Takes what was typed, pasted or clicked; whether the lessons go on.
    pub(crate) fn input(&mut self, input: Input) -> Result<bool, Error> {
        let mut on = true;
        match (input, &mut self.lesson, &mut self.menu) {
            (Input::Key(press), Some(app), _) => {
                let wish = app.key(press);
                on = self.grant(wish)?;
            }
            (Input::Key(press), None, Some(menu)) => match menu.key(press) {
                Some(MenuChoice::Begin(case)) => self.begin(*case)?,
                Some(MenuChoice::Leave) => on = false,
                None => {}
            },
            (Input::Key(_), None, None) => on = false,
            (Input::Paste(text), Some(app), _) => app.paste(&text),
            (Input::Click(x, y), Some(app), _) => {
                let wish = app.click((x, y));
                on = self.grant(wish)?;
            }
            (Input::Wheel(by, _), Some(app), _) => {
                app.update(KeyAction::Lesson(LessonAction::Scroll(by)));
            }
            (Input::Paste(_) | Input::Click(..) | Input::Wheel(..), None, _)
            | (Input::Resize(..) | Input::Nothing, ..) => {}
        }
        self.changed();
        Ok(on)
    }

    /// The terminal has another size, or has lost what was drawn.
    pub(crate) fn resized(&mut self, size: (u16, u16)) {
        self.size = size;
        let shown = self.menu.as_mut().map(|menu| &mut menu.ui);
        for ui in shown.into_iter().chain(self.lesson.as_mut().map(|app| &mut app.app.ui)) {
            ui.size = size;
        }
        self.changed();
    }

    /// The state of what is on the screen, if anything is.
    pub(crate) fn ui(&mut self) -> Option<&mut Ui> {
        match (&mut self.lesson, &mut self.menu) {
            (Some(app), _) => Some(&mut app.app.ui),
            (None, menu) => menu.as_mut().map(|menu| &mut menu.ui),
        }
    }
}
