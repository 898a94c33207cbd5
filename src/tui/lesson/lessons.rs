//! The menu and the lesson that is gone through, whatever they are shown on: keys, what the player
//! told, the time to play on.

mod watched;

use std::io;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ratatui::buffer::Buffer;
use tokio::sync::Notify;

use super::app::{LessonApp, LessonCommand, LessonPlace};
use super::class::ClassReport;
use super::menu::{Menu, MenuChoice};
use super::screen;
use crate::error::Error;
use crate::event::TimeUnit;
use crate::lesson::case::Case;
use crate::lesson::catalog::LessonTopic;
use crate::lesson::progress::LessonProgress;
use crate::record::RecordingOptions;
use crate::share::ShareBlocks;
use crate::sink::share::SharedSession;
use crate::source::RemoteLesson;
use crate::source::script::{PlayerHandle, RecordedLesson, Script};
use crate::tui::action::{KeyAction, LessonAction};
use crate::tui::export::{ExportOrder, ExportView, Exports};
use crate::tui::film::FilmSubject;
use crate::tui::input::Input;
use crate::tui::share::Sharing;
use crate::tui::theme::Theme;
use crate::tui::ui::{Ui, clock};
use watched::WatchedLessons;

/// Reads a lesson's file again; what is wrong in it, in words, if it is no lesson.
pub(crate) type ReadAgain = Box<dyn Fn() -> Result<Case, String>>;

/// What is gone through.
pub enum Start {
    /// The menu of these.
    Menu(Vec<LessonTopic>),
    /// This lesson, which may be one of these, and then those after it.
    Lesson(Box<Case>, Vec<LessonTopic>),
    /// This lesson, which is in a file.
    File(Box<Case>, ReadAgain),
    /// This lesson, as it was gone through.
    Recorded(Box<RecordedLesson>),
    /// What is gone through there.
    Watched(Box<RemoteLesson>, LessonPlace),
}

/// What there is to learn, and how far it is learnt.
pub(crate) struct Lessons {
    theme: Theme,
    kernel: String,
    size: (u16, u16),
    bell: Arc<Notify>,
    /// The lessons of the program, of which each is followed by the next.
    menu: Option<Menu>,
    /// Whether a lesson that is left leads back to them.
    back_to_menu: bool,
    /// Reads the file that the lesson is from.
    read_again: Option<ReadAgain>,
    /// What a recording tells of the lesson.
    recorded: Option<Box<RecordedLesson>>,
    /// What is gone through elsewhere.
    watched: Option<WatchedLessons>,
    /// Which lessons were gone through.
    progress: Option<LessonProgress>,
    /// The lesson being gone through, with its process.
    lesson: Option<LessonApp>,
    /// How many have been begun.
    runs: u32,
    dirty: bool,
    /// How a class answers.
    pub(crate) report: Option<ClassReport>,
    /// Those who watch, if they may have what happens in a lesson.
    share: Option<SharedSession>,
    /// When it plays on by itself.
    plays_at: Option<Instant>,
    /// When slow motion goes on.
    goes_on_at: Option<Instant>,
    /// The screen's clock: slow motion goes by it.
    begun: Instant,
    /// Files for others that are being written.
    exports: Exports,
}

impl Lessons {
    /// What `start` says; `bell` is rung when the player has told something.
    pub(crate) fn new(
        start: Start,
        progress: Option<LessonProgress>,
        theme: Theme,
        kernel: &str,
        size: (u16, u16),
        bell: Arc<Notify>,
    ) -> Result<Self, Error> {
        let done = progress.as_ref().map(LessonProgress::known).unwrap_or_default();
        let menu = |topics| Some(Menu::new(topics, &done, size));
        let mut watched = None;
        let (menu, back_to_menu, read_again, first, recorded) = match start {
            Start::Menu(topics) => (menu(topics), true, None, None, None),
            Start::Lesson(case, topics) => (menu(topics), false, None, Some(case), None),
            Start::File(case, again) => (None, false, Some(again), Some(case), None),
            Start::Watched(remote, place) => {
                watched = Some(WatchedLessons { remote, place });
                (None, false, None, None, None)
            }
            Start::Recorded(lesson) => {
                (None, false, None, Some(Box::new(lesson.case.clone())), Some(lesson))
            }
        };
        let mut lessons = Self {
            theme,
            kernel: kernel.to_owned(),
            size,
            bell,
            menu,
            back_to_menu,
            read_again,
            recorded,
            watched,
            progress,
            lesson: None,
            runs: 0,
            dirty: true,
            report: None,
            share: None,
            plays_at: None,
            goes_on_at: None,
            begun: Instant::now(),
            exports: Exports::default(),
        };
        first.map_or(Ok(()), |case| lessons.begin(*case))?;
        lessons.hear();
        Ok(lessons)
    }

    /// Begins a lesson.
    fn begin(&mut self, case: Case) -> Result<(), Error> {
        self.begin_alone(case)?;
        self.offer();
        Ok(())
    }

    fn begin_alone(&mut self, case: Case) -> Result<(), Error> {
        self.runs = self.runs.wrapping_add(1);
        // The one before ends first: a process at a time.
        let before = self.lesson.take().map(|app| (app.words_a_minute, app.slow));
        if let Some(recorded) = &self.recorded {
            let mut app = LessonApp::new(Script::recorded((**recorded).clone()), self.size);
            app.replay(recorded.done());
            self.lesson = Some(app);
            return Ok(());
        }
        let bell = Arc::clone(&self.bell);
        let player = PlayerHandle::open(case.clone(), move || bell.notify_one());
        let player = player.map_err(|error| Error::runtime("start the lesson", &error))?;
        let following = self.menu.as_ref().and_then(|menu| menu.after(&case.id));
        let following = following.map(|next| next.title.clone());
        let script = Script::new(case, self.kernel.clone(), Some(player));
        let mut app = LessonApp::new(script, self.size);
        app.following = following;
        (app.words_a_minute, app.slow) = before.unwrap_or((app.words_a_minute, app.slow));
        self.lesson = Some(app);
        Ok(())
    }

    /// Lets those have what happens in a lesson, from its beginning, or nobody any more.
    pub(crate) fn share(&mut self, share: Option<SharedSession>) {
        self.share = share;
        match (&mut self.lesson, &self.share) {
            (Some(lesson), None) => lesson.unshare(),
            (_, Some(_)) => self.offer(),
            (None, None) => {}
        }
    }

    /// Tells them what there is to be had now.
    fn offer(&mut self) {
        let Some(share) = &self.share else { return };
        let offered = match &mut self.lesson {
            Some(lesson) => {
                lesson.share(Rc::clone(share));
                ShareBlocks::Whole
            }
            None => ShareBlocks::None("no lesson is open now".to_owned()),
        };
        share.borrow_mut().offer(offered);
    }

    /// Records the lesson from its beginning.
    pub(crate) fn record(&mut self, path: &Path, how: RecordingOptions) -> io::Result<()> {
        self.lesson.as_mut().map_or(Ok(()), |app| app.record(path, how))
    }

    /// The lesson from its beginning, shown as it was.
    fn begin_again(&mut self, case: Case) -> Result<Option<&mut LessonApp>, Error> {
        let shown = self.lesson.as_ref().map(|app| app.shown);
        self.begin(case)?;
        if let (Some(app), Some(shown)) = (&mut self.lesson, shown) {
            app.show(shown);
        }
        Ok(self.lesson.as_mut())
    }

    /// How the lesson came out is remembered once its end has been reached.
    fn remember(&mut self) {
        let (Some(app), Some(menu)) = (&self.lesson, &mut self.menu) else { return };
        let (id, score) = (&app.course().case.id, app.came_out());
        menu.note(id, score);
        if let (Some(progress), Some(score)) = (&self.progress, score) {
            progress.note(id, score);
        }
    }

    /// Something is to be drawn, and the time to read it begins anew.
    fn changed(&mut self) {
        self.dirty = true;
        let pause = self.lesson.as_ref().and_then(LessonApp::pause_ms);
        self.plays_at = pause.map(|ms| Instant::now() + Duration::from_millis(ms));
    }

    /// Takes over what the player has told; whether something is to be drawn.
    pub(crate) fn tick(&mut self) -> bool {
        if self.hear() {
            self.changed();
        }
        if self.lesson.as_mut().is_some_and(LessonApp::tick) {
            self.lesson.as_mut().map(LessonApp::go_through);
            self.changed();
        }
        self.write_on();
        let now = clock(self.begun);
        let (played, due) = self.lesson.as_mut().map_or((false, None), |app| app.advance(now));
        self.goes_on_at = due.map(|due| self.begun + Duration::from_millis(due));
        if played {
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

    /// What others see, and are asked.
    pub(crate) fn film(&mut self, sharing: &mut Sharing) {
        match &mut self.lesson {
            Some(app) => {
                app.looks();
                self.dirty |= app.ask_class(sharing, self.report.as_mut());
            }
            None => sharing.ask_no_more(),
        }
        let theme = &self.theme;
        match (&mut self.lesson, &mut self.menu) {
            (Some(app), _) => {
                let (title, clock) = (app.course().case.title.clone(), app.view().header.clock);
                let about = FilmSubject { title: &title, clock, run: self.runs };
                sharing.film(about, theme, |camera| camera.lesson(app));
            }
            (None, Some(menu)) => {
                let about = FilmSubject { title: "lessons", clock: TimeUnit::default(), run: 0 };
                sharing.film(about, theme, |camera| camera.menu(menu));
            }
            (None, None) => {}
        }
    }

    /// Something is to be drawn that no key changed.
    pub(crate) fn redraw(&mut self) {
        self.dirty = true;
    }

    /// How long it stands until it plays on; `None` if it does not.
    pub(crate) fn pause(&self) -> Option<Duration> {
        if self.dirty {
            return Some(Duration::ZERO);
        }
        let next = [self.plays_at, self.goes_on_at].into_iter().flatten().min();
        let next = next.map(|turn| turn.saturating_duration_since(Instant::now()));
        let due = self.lesson.as_ref().and_then(LessonApp::due);
        next.into_iter().chain(due).min()
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
            Some(LessonCommand::Record) => app.record_or_not(),
            Some(LessonCommand::Restart) => {
                match self.read_again.as_ref().map_or(Ok(None), |read| read().map(Some)) {
                    Ok(new) => {
                        let case = new.unwrap_or_else(|| app.course().case.clone());
                        self.begin_again(case)?;
                    }
                    Err(wrong) => app.not_read(&wrong),
                }
            }
            Some(LessonCommand::Redo(done)) => {
                let case = app.course().case.clone();
                if let Some(app) = self.begin_again(case)? {
                    app.redo(done);
                }
            }
            Some(LessonCommand::Leave) => {
                self.remember();
                if !self.back_to_menu {
                    return Ok(false);
                }
                (self.lesson, self.plays_at) = (None, None);
                self.offer();
            }
            Some(LessonCommand::Following) => {
                let id = app.course().case.id.clone();
                self.remember();
                if let Some(case) = self.menu.as_mut().and_then(|menu| menu.go_on_from(&id)) {
                    self.begin(case)?;
                }
            }
        }
        Ok(true)
    }

    /// Does what was decided in the menu; whether the lessons go on.
    fn choose(&mut self, choice: Option<MenuChoice>) -> Result<bool, Error> {
        match choice {
            Some(MenuChoice::Begin(case)) => self.begin(*case)?,
            Some(MenuChoice::Leave) => return Ok(false),
            None => {}
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
            (Input::Key(press), None, Some(menu)) => {
                let choice = menu.key(press);
                on = self.choose(choice)?;
            }
            (Input::Click(x, y), None, Some(menu)) => {
                let choice = menu.click((x, y));
                on = self.choose(choice)?;
            }
            (Input::Wheel(by, _), None, Some(menu)) => menu.wheel(by),
            (Input::Key(_), None, None) => on = false,
            (Input::Paste(text), Some(app), _) => app.paste(&text),
            (Input::Paste(text), None, Some(menu)) => menu.paste(&text),
            (Input::Click(x, y), Some(app), _) => {
                let wish = app.click((x, y));
                on = self.grant(wish)?;
            }
            (Input::Wheel(by, _), Some(app), _) => {
                app.update(KeyAction::Lesson(LessonAction::Scroll(by)));
            }
            (Input::Paste(_) | Input::Click(..) | Input::Wheel(..), None, None)
            | (Input::EscKey(_) | Input::Resize(..) | Input::Nothing, ..) => {}
        }
        self.changed();
        Ok(on)
    }

    /// Writes the screen of the lesson for others, or begins to write what else was ordered.
    pub(crate) fn export(&mut self, order: ExportOrder) {
        let Some(app) = &mut self.lesson else { return };
        let beside = app.beside();
        let view =
            ExportView { theme: &self.theme, hidden: &[], beside: &beside, wake: &self.bell };
        let said = if order.kind.is_one_screen() {
            let clock = app.scene().header.clock;
            Some(Exports::screen(&order, clock, view, |camera| camera.lesson(app)))
        } else {
            let begun = self.exports.begin(order, None, app.scene(), view);
            begun.err().map(Err)
        };
        if let Some(said) = said {
            app.app.ui.tell(said);
        }
        self.dirty = true;
    }

    /// Goes on to write what was ordered.
    fn write_on(&mut self) {
        let Some(app) = &mut self.lesson else { return };
        loop {
            let progress = self.exports.go_on(app.scene().journal);
            if let Some(said) = progress.said {
                app.app.ui.tell(said);
                self.dirty = true;
            }
            // A lesson's history is short.
            if !progress.more {
                return;
            }
        }
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
