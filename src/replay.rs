//! `epollscope replay`: a recording on the screen, or as lines; `epollscope export`: as a file for
//! others.

mod export;

use std::io::{self, BufWriter, Write as _};
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::cli::ReplayOptions;
use crate::error::Error;
use crate::event::visible;
use crate::export::ExportRange;
use crate::record::{Damage, Recording};
use crate::serve::{ended_by, look, sharing};
use crate::session::Session;
use crate::share::ShareBlocks;
use crate::sink::jsonl::Lines;
use crate::source::Replay;
use crate::source::script::RecordedLesson;
use crate::sys::standard::Stdout;
use crate::tui;
use crate::tui::lesson::run::{LessonFiles, Start};
use crate::tui::words::{self, count, plural};

pub use export::run as export;

/// Shows a recording. Returns the exit status.
///
/// # Errors
/// If it is none, or there is no terminal for the screen.
pub fn run(options: &ReplayOptions) -> Result<u8, Error> {
    let (name, recording) = open(&options.file)?;
    if options.json {
        return quietly(lines(&recording, options.strace_text));
    }
    match RecordedLesson::read(&recording) {
        Ok(Some(lesson)) => show_lesson(lesson, options),
        Ok(None) => show(&name, &recording, options, None),
        Err(why) => {
            let why = format!("{name}: {why}; its events are shown");
            show(&name, &recording, options, Some(why))
        }
    }
}

/// Its lesson, as it was gone through.
fn show_lesson(lesson: RecordedLesson, options: &ReplayOptions) -> Result<u8, Error> {
    let token = take_signals()?;
    let screen = look(options.theme, options.ascii, options.mouse, options.run_for);
    let start = Start::Recorded(Box::new(lesson));
    let sharing = sharing(&options.share, ShareBlocks::Whole, &Arc::default())?;
    let files = LessonFiles::default();
    Ok(status(tui::lesson::run::run(start, None, "", screen, sharing, files, &token)?))
}

/// Sees that there is a terminal, and has signals end the screen.
fn take_signals() -> Result<CancellationToken, Error> {
    tui::terminal::require()?;
    // Before any thread starts, so that every thread inherits it.
    tui::watchdog::block().map_err(|e| Error::runtime("sigprocmask", &e))?;
    let token = CancellationToken::new();
    tui::watchdog::start(token.clone(), tui::terminal::leave_stalled)
        .map_err(|e| Error::runtime("clone", &e))?;
    Ok(token)
}

fn status(exit: tui::Exit) -> u8 {
    match exit {
        tui::Exit::Signal(signal) => ended_by(signal),
        tui::Exit::Quit => tui::watchdog::caught().map_or(0, ended_by),
    }
}

/// A recording, and what it is called.
fn open(file: &Path) -> Result<(String, Rc<Recording>), Error> {
    let name = visible(file.to_string_lossy().as_bytes(), 200);
    let recording = Recording::open(file)
        .map_err(|error| Error::Usage(format!("cannot read the recording {name}: {error}")))?
        .map_err(|error| Error::Usage(format!("{name} {error}")))?;
    Ok((name, Rc::new(recording)))
}

/// Its events as lines of JSON.
fn lines(recording: &Rc<Recording>, strace: bool) -> io::Result<()> {
    let journal = recording.journal();
    let range = ExportRange::whole(&recording.head().header, &journal);
    let mut out = BufWriter::with_capacity(1 << 16, Stdout::default());
    crate::export::lines(&range, Lines { strace }, &mut out)?;
    out.flush()
}

/// What of it is missing, and up to which time it is there, to be `shown` or otherwise used.
fn warning(name: &str, recording: &Rc<Recording>, used: &str) -> Option<String> {
    let clock = recording.head().header.clock;
    let until = words::time(clock, recording.journal().until().unwrap_or_default());
    let cut = recording.cut().map(|at| {
        format!("{name} is cut at byte {}: it is {used} up to {until}", count(at as u64))
    });
    let damage = recording.damage().map(|Damage { blocks, of, events, at }| {
        let is = if blocks == 1 { "is" } else { "are" };
        let blocks = format!("{} of {} {is} damaged", count(blocks), plural(of, "block"));
        let are = if events == 1 { "is" } else { "are" };
        let at = words::time(clock, at);
        format!("{name}: {blocks}: {} {are} missing at {at}", plural(events, "event"))
    });
    let all: Vec<_> = cut.into_iter().chain(damage).collect();
    (!all.is_empty()).then(|| all.join("; "))
}

/// A reader that went away is the ordinary end of a pipe.
fn quietly(written: io::Result<()>) -> Result<u8, Error> {
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Error::runtime("write to standard output", &error))
        }
        _ => Ok(0),
    }
}

/// What it is called on a screen, which somebody else may see: where it lies is nobody's business.
fn title(file: &Path) -> String {
    let name = file.file_name().unwrap_or(file.as_os_str());
    visible(name.to_string_lossy().as_bytes(), 200)
}

fn show(
    name: &str,
    recording: &Rc<Recording>,
    options: &ReplayOptions,
    why: Option<String>,
) -> Result<u8, Error> {
    let token = take_signals()?;
    let journal = recording.journal();
    let until = journal.until().unwrap_or_default();
    let source = Replay::of(recording, until);
    let mut session = Session::of_journal(source, journal);
    let screen = look(options.theme, options.ascii, options.mouse, options.run_for);
    let begin = tui::ReplayBegin {
        state: tui::ReplayState {
            name: title(&options.file),
            speed: options.speed,
            idle: options.idle,
        },
        warning: why.or_else(|| warning(name, recording, "shown")),
        hidden: recording.head().hidden.clone(),
        at: options.at,
        plays: !options.paused,
    };
    let sharing = sharing(&options.share, offered(recording), &Arc::default())?;
    let exit = tui::replay(&mut session, screen, begin, sharing, &token)?;
    Ok(status(exit))
}

/// Which blocks those can have who watch.
fn offered(recording: &Recording) -> ShareBlocks {
    if recording.stored() <= ShareBlocks::KEPT {
        return ShareBlocks::Whole;
    }
    ShareBlocks::too_large("the recording")
}

#[cfg(test)]
mod tests;
