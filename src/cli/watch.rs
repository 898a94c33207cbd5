//! The command `watch`: its options, and what they ask for.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::ThemeChoice;
use super::options::Screen;
use super::values;
use crate::record::RecordingOptions;

/// The options of `watch`.
#[derive(Args, Clone, Debug)]
#[group(skip)]
pub(super) struct WatchArgs {
    /// Where it is shared, and its code: 192.168.1.20:8001/K7QM4X
    #[arg(value_name = "HOST:PORT/CODE")]
    address: String,
    /// Record what comes in this file, which must not be there yet
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    record: Option<PathBuf>,
    /// End a recording before it is longer than this, such as 100M [default: 1G]
    #[arg(long, value_name = "BYTES", value_parser = values::record_limit)]
    record_limit: Option<u64>,
    #[command(flatten)]
    screen: Screen,
    /// End after this time: 500ms, 2s, 3m
    #[arg(long = "for", value_name = "DURATION", value_parser = values::duration)]
    duration: Option<Duration>,
}

/// Which session elsewhere, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchOptions {
    /// Where it is shared, as it was given.
    pub address: String,
    /// The file in which what comes is recorded.
    pub record: Option<PathBuf>,
    /// How recordings are made.
    pub recording: RecordingOptions,
    /// Draw with ASCII characters only.
    pub ascii: bool,
    /// The colours, if not chosen by the terminal.
    pub theme: Option<ThemeChoice>,
    /// Take the mouse from the terminal.
    pub mouse: bool,
    /// End after that time.
    pub run_for: Option<Duration>,
}

impl WatchArgs {
    /// What is to be done.
    pub(super) fn resolve(self) -> WatchOptions {
        let Screen { ascii, theme, mouse } = self.screen;
        let mut recording = RecordingOptions::default();
        recording.limit = self.record_limit.unwrap_or(recording.limit);
        WatchOptions {
            address: self.address,
            record: self.record,
            recording,
            ascii,
            theme,
            mouse,
            run_for: self.duration,
        }
    }
}
