//! The command `lesson`: its options, and what they ask for.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::ThemeChoice;
use super::options::Screen;
use super::share::{SharePlan, ShareWithLan};
use super::values;
use crate::error::Error;

/// The options of `lesson`.
#[derive(Args, Clone, Debug)]
#[group(skip)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own")]
pub(super) struct LessonArgs {
    /// A lesson by its name, or a file of one; without it there is a menu
    #[arg(value_name = "NAME|FILE", value_hint = clap::ValueHint::FilePath)]
    name: Option<String>,
    /// List the lessons by topic
    #[arg(long, conflicts_with_all = ["print", "json", "name"])]
    list: bool,
    /// Print the lesson as text, to read or to hand out
    #[arg(long, conflicts_with = "json", requires = "name")]
    print: bool,
    /// Run it without a screen: questions, answers and what the kernel did as lines of JSON. Answers
    /// are read from standard input, one a line
    #[arg(long, requires = "name")]
    json: bool,
    /// Give the calls of each step as strace -f prints them, too
    #[arg(long, requires = "json")]
    strace_text: bool,
    /// Write a lesson to start from to this file, which must not be there yet
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    #[arg(conflicts_with_all = ["list", "print", "json", "name"])]
    new: Option<String>,
    /// Print how a lesson is written: every action, field, expectation and bound
    #[arg(long, conflicts_with_all = ["list", "print", "json", "name", "new"])]
    guide: bool,
    /// Record the lesson in this file, which must not be there yet: replay shows it as it was
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath, requires = "name")]
    #[arg(conflicts_with_all = ["list", "print", "json", "new", "guide"])]
    record: Option<PathBuf>,
    /// Do not remember which lessons were gone through
    #[arg(long)]
    no_state: bool,
    #[command(flatten)]
    screen: Screen,
    #[command(flatten)]
    share: ShareWithLan,
    /// Write how a class answers to this file, which must not be there yet: a line an answer, and
    /// nobody's name
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    #[arg(conflicts_with_all = ["list", "print", "json", "new", "guide"])]
    report: Option<PathBuf>,
    /// End after this time: 500ms, 2s, 3m
    #[arg(long = "for", value_name = "DURATION", value_parser = values::duration)]
    duration: Option<Duration>,
}

/// What is to be done with lessons.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Teach {
    /// Show the screen: the lesson, or the menu.
    Show,
    /// List the lessons.
    List,
    /// Print the lesson.
    Print,
    /// Run it without a screen.
    Json,
    /// Write a lesson to start from.
    New,
    /// Print how a lesson is written.
    Guide,
}

/// Which lesson, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own")]
pub struct LessonOptions {
    /// What is to be done.
    pub what: Teach,
    /// A lesson's name, or a file.
    pub name: Option<String>,
    /// Remember which lessons were gone through.
    pub remember: bool,
    /// The file in which it is recorded.
    pub record: Option<PathBuf>,
    /// Draw with ASCII characters only.
    pub ascii: bool,
    /// The colours, if not chosen by the terminal.
    pub theme: Option<ThemeChoice>,
    /// Take the mouse from the terminal.
    pub mouse: bool,
    /// Give calls as strace prints them, too.
    pub strace_text: bool,
    /// Whether and how others watch.
    pub share: SharePlan,
    /// The file that says how a class answers.
    pub report: Option<PathBuf>,
    /// End after that time.
    pub run_for: Option<Duration>,
}

impl LessonArgs {
    /// What is to be done.
    pub(super) fn resolve(self) -> Result<LessonOptions, Error> {
        let what = match () {
            () if self.list => Teach::List,
            () if self.print => Teach::Print,
            () if self.json => Teach::Json,
            () if self.new.is_some() => Teach::New,
            () if self.guide => Teach::Guide,
            () => Teach::Show,
        };
        let name = self.name.or(self.new);
        if name.as_deref() == Some("") {
            return Err(Error::Usage("the name of a lesson is not empty (see --list)".to_owned()));
        }
        let Screen { ascii, theme, mouse } = self.screen;
        let (remember, strace_text, run_for) = (!self.no_state, self.strace_text, self.duration);
        let (share, report) = (self.share.resolve(), self.report);
        let record = self.record;
        Ok(LessonOptions {
            what,
            name,
            remember,
            record,
            ascii,
            theme,
            mouse,
            strace_text,
            share,
            report,
            run_for,
        })
    }
}
