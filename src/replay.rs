//! `epollscope replay`: a recording on the screen, or as lines.

use std::io;
use std::rc::Rc;

use tokio_util::sync::CancellationToken;

use crate::cli::ReplayOptions;
use crate::error::Error;
use crate::event::{Seq, visible};
use crate::record::Recording;
use crate::serve::{ended_by, look, sharing};
use crate::session::Session;
use crate::sink::Sink as _;
use crate::sink::jsonl::{Jsonl, Lines};
use crate::source::Replay;
use crate::tui;

/// Shows a recording. Returns the exit status.
///
/// # Errors
/// If it is none, or there is no terminal for the screen.
pub fn run(options: &ReplayOptions) -> Result<u8, Error> {
    let name = visible(options.file.to_string_lossy().as_bytes(), 200);
    let bytes = std::fs::read(&options.file)
        .map_err(|error| Error::Usage(format!("cannot read the recording {name}: {error}")))?;
    let recording =
        Recording::read(bytes).map_err(|error| Error::Usage(format!("{name} {error}")))?;
    let recording = Rc::new(recording);
    if options.json {
        return quietly(lines(&recording, options.strace_text));
    }
    show(&name, &recording, options)
}

/// Its events as lines of JSON.
fn lines(recording: &Rc<Recording>, strace: bool) -> io::Result<()> {
    let journal = recording.journal();
    let mut sink = Jsonl::begin(&recording.head().header, Lines { strace })?;
    let (mut world, mut written) = (journal.origin(), Ok(()));
    journal.forward_from(Seq(1), |event| {
        world.apply(event);
        written = sink.event(event, &world).and_then(|()| sink.flush(&world));
        written.is_ok()
    });
    written.and_then(|()| Box::new(sink).finish(&world))
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
