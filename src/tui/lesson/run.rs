//! Lessons in the loop of the screen.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::lessons::Lessons;
use crate::error::Error;
use crate::lesson::progress::LessonProgress;
use crate::record::RecordingOptions;
use crate::tui::export::ExportOrder;
use crate::tui::input::Input;
use crate::tui::run::{Exit, Front, Next, TAKE, TuiOptions, end_of, failed, runtime, show};
use crate::tui::share::Sharing;
use crate::tui::terminal::Terminal;
use crate::tui::ui::{ShareWish, Ui};

pub use super::app::LessonPlace;
pub use super::class::ClassReport;
pub use super::lessons::Start;

/// Files that are made of lessons.
#[derive(Default)]
pub struct LessonFiles<'a> {
    /// In this one, which must not be there yet, the first lesson is recorded.
    pub record: Option<&'a Path>,
    /// How that is done.
    pub recording: RecordingOptions,
    /// Into this one how a class answered is written.
    pub report: Option<ClassReport>,
}

/// Shows lessons until the person quits or the token is cancelled; `progress` remembers those that
/// were gone through.
///
/// As for the screen of a server, signals must be blocked and the watchdog be started.
///
/// # Errors
/// If the terminal cannot be taken or drawn to, or the system refuses a thread.
pub fn run(
    start: Start,
    progress: Option<LessonProgress>,
    kernel: &str,
    options: TuiOptions,
    sharing: Sharing,
    files: LessonFiles<'_>,
    token: &CancellationToken,
) -> Result<Exit, Error> {
    let runtime = runtime()?;
    let terminal = Terminal::enter(options.mouse).map_err(failed(TAKE))?;
    let (size, bell) = (terminal.size(), sharing.bell());
    let theme = options.theme();
    let mut lessons = Lessons::new(start, progress, theme, kernel, size, Arc::clone(&bell))?;
    if let Some(path) = files.record {
        lessons.record(path, files.recording).map_err(|error| Error::Usage(error.to_string()))?;
    }
    lessons.report = files.report;
    if let Some(ui) = lessons.ui() {
        sharing.say(ui);
    }
    lessons.share(sharing.shared());
    let mut screen = Screen { terminal, lessons, sharing };
    let ended = runtime.block_on(show(&mut screen, options.run_for, token, &bell));
    drop(screen);
    end_of(ended)
}

struct Screen {
    terminal: Terminal,
    lessons: Lessons,
    /// Who watches.
    sharing: Sharing,
}

impl Front for Screen {
    fn turn(&mut self) -> io::Result<Option<Duration>> {
        if let Some(ui) = self.lessons.ui() {
            let (changed, ended) = self.sharing.tick(ui);
            if changed {
                self.lessons.redraw();
            }
            if ended.is_some() {
                self.lessons.share(None);
            }
        }
        if self.lessons.tick() {
            self.terminal.draw(|buf| self.lessons.paint(buf))?;
            self.sharing.changed(false);
        }
        self.lessons.film(&mut self.sharing);
        Ok([self.lessons.pause(), self.sharing.pause()].into_iter().flatten().min())
    }

    fn share(&mut self, wish: ShareWish) {
        if wish == ShareWish::End {
            // First the stream of events has its end.
            self.lessons.share(None);
        }
        let Some(ui) = self.lessons.ui() else { return };
        let begun = match wish {
            ShareWish::Begin(address) => self.sharing.begin(address, ui),
            ShareWish::End => {
                self.sharing.end(ui);
                false
            }
            // A lesson has its own questions, and no line to type others.
            ShareWish::Ask(..) | ShareWish::CloseAnswers => false,
        };
        if begun {
            self.lessons.share(self.sharing.shared());
        }
        self.lessons.redraw();
    }

    fn rested(&mut self) {
        self.lessons.rested();
    }

    fn input(&mut self, input: Input) -> Result<Next, Error> {
        Ok(if self.lessons.input(input)? { Next::Go } else { Next::Stop })
    }

    fn resized(&mut self) {
        self.lessons.resized(self.terminal.size());
    }

    fn export(&mut self, order: ExportOrder) {
        self.lessons.export(order);
    }

    fn terminal(&mut self) -> &mut Terminal {
        &mut self.terminal
    }

    fn ui(&mut self) -> Option<&mut Ui> {
        self.lessons.ui()
    }
}
