//! `epollscope replay`: a recording on the screen, or as lines; `epollscope export`: as a file for
//! others.

mod export;

use std::io::{self, BufWriter, Write as _};
use std::path::Path;
use std::rc::Rc;

use tokio_util::sync::CancellationToken;

use crate::cli::ReplayOptions;
use crate::error::Error;
use crate::event::visible;
use crate::export::ExportRange;
use crate::record::Recording;
use crate::serve::{ended_by, look, sharing};
use crate::session::Session;
use crate::sink::jsonl::Lines;
use crate::source::Replay;
use crate::sys::standard::Stdout;
use crate::tui;

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
    show(&name, &recording, options)
}

/// A recording, and what it is called.
fn open(file: &Path) -> Result<(String, Rc<Recording>), Error> {
    let name = visible(file.to_string_lossy().as_bytes(), 200);
    let bytes = std::fs::read(file)
        .map_err(|error| Error::Usage(format!("cannot read the recording {name}: {error}")))?;
    let recording =
        Recording::read(bytes).map_err(|error| Error::Usage(format!("{name} {error}")))?;
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

/// A reader that went away is the ordinary end of a pipe.
fn quietly(written: io::Result<()>) -> Result<u8, Error> {
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Error::runtime("write to standard output", &error))
        }
        _ => Ok(0),
    }
}

fn show(name: &str, recording: &Rc<Recording>, options: &ReplayOptions) -> Result<u8, Error> {
    tui::terminal::require()?;
    // Before any thread starts, so that every thread inherits it.
    tui::watchdog::block().map_err(|e| Error::runtime("sigprocmask", &e))?;
    let token = CancellationToken::new();
    tui::watchdog::start(token.clone(), tui::terminal::leave_stalled)
        .map_err(|e| Error::runtime("clone", &e))?;
    let journal = recording.journal();
    let source = Replay::new(recording.head().header.clone(), journal.until().unwrap_or_default());
    let mut session = Session::of_journal(source, journal);
    let screen = look(options.theme, options.ascii, options.mouse, options.run_for);
    let begin = tui::ReplayBegin {
        state: tui::ReplayState { name: name.to_owned(), speed: options.speed, idle: options.idle },
        cut: recording.cut(),
        hidden: recording.head().hidden.clone(),
        at: options.at,
        plays: !options.paused,
    };
    let sharing = sharing(&options.share, false)?;
    let exit = tui::replay(&mut session, screen, begin, sharing, &token)?;
    Ok(match exit {
        tui::Exit::Signal(signal) => ended_by(signal),
        tui::Exit::Quit => tui::watchdog::caught().map_or(0, ended_by),
    })
}
