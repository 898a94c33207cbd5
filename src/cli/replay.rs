//! The command `replay`: its options, and what they ask for.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::ThemeChoice;
use super::options::Screen;
use super::share::{SharePlan, ShareWithLan};
use super::values;
use crate::event::{Nanos, ReplaySpeed};

/// The options of `replay`.
#[derive(Args, Clone, Debug)]
#[group(skip)]
pub(super) struct ReplayArgs {
    /// The recording
    #[arg(value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    file: PathBuf,
    /// Begin at this second of it, such as 12.031 [default: the beginning]
    #[arg(long, value_name = "SECONDS", value_parser = values::seconds)]
    at: Option<Nanos>,
    /// How fast it plays: 1/4, 1/2, 1, 2, 4 or 8 times [default: 1]
    #[arg(long, value_name = "TIMES", value_parser = values::speed())]
    speed: Option<ReplaySpeed>,
    /// Shorten the waits that are longer than this, or none of them [default: 2s]
    #[arg(long, value_name = "DURATION|off", value_parser = values::idle)]
    idle: Option<values::Idle>,
    /// Begin standing
    #[arg(long)]
    paused: bool,
    /// Print its events as lines of JSON, as --headless does
    #[arg(long)]
    json: bool,
    /// Give each call as strace -f prints it, too
    #[arg(long, requires = "json")]
    strace_text: bool,
    #[command(flatten)]
    screen: Screen,
    #[command(flatten)]
    share: ShareWithLan,
    /// End after this time: 500ms, 2s, 3m
    #[arg(long = "for", value_name = "DURATION", value_parser = values::duration)]
    duration: Option<Duration>,
}

/// Which recording, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own")]
pub struct ReplayOptions {
    /// The recording.
    pub file: PathBuf,
    /// Where to begin.
    pub at: Option<Nanos>,
    /// How fast it plays.
    pub speed: ReplaySpeed,
    /// Longer waits are shortened to this.
    pub idle: Option<Nanos>,
    /// It stands at the beginning.
    pub paused: bool,
    /// Events as lines instead of a screen.
    pub json: bool,
    /// Give calls as strace prints them, too.
    pub strace_text: bool,
    /// Draw with ASCII characters only.
    pub ascii: bool,
    /// The colours, if not chosen by the terminal.
    pub theme: Option<ThemeChoice>,
    /// Take the mouse from the terminal.
    pub mouse: bool,
    /// Whether and how others watch.
    pub share: SharePlan,
    /// End after that time.
    pub run_for: Option<Duration>,
}

impl ReplayArgs {
    /// What is to be done.
    pub(super) fn resolve(self) -> ReplayOptions {
        let Screen { ascii, theme, mouse } = self.screen;
        let idle = self.idle.unwrap_or_default();
        ReplayOptions {
            file: self.file,
            at: self.at,
            speed: self.speed.unwrap_or_default(),
            idle: idle.0,
            paused: self.paused,
            json: self.json,
            strace_text: self.strace_text,
            ascii,
            theme,
            mouse,
            share: self.share.resolve(),
            run_for: self.duration,
        }
    }
}
