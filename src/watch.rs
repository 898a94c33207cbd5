//! `epollscope watch`: a session that another process shares, with the whole screen.

use std::sync::Arc;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::cli::{SharePlan, WatchOptions};
use crate::error::Error;
use crate::event::visible;
use crate::journal::Limits;
use crate::serve::{ended_by, look, sharing};
use crate::session::Session;
use crate::share::ShareBlocks;
use crate::source::{Remote, RemoteAddress, RemoteError, RemoteLesson};
use crate::tui;
use crate::tui::Sharing;
use crate::tui::lesson::run::{self as lesson_run, LessonFiles, LessonPlace, Start};

/// Looks on until the person, a signal, or the time ends it. Returns the exit status.
///
/// # Errors
/// If nobody shares a session there, or there is no terminal for the screen.
pub fn run(options: &WatchOptions) -> Result<u8, Error> {
    let address = RemoteAddress::parse(&options.address).ok_or_else(|| {
        let given = visible(options.address.as_bytes(), 200);
        Error::Usage(format!("{given} is no address with a code: 192.168.1.20:8001/K7QM4X"))
    })?;
    // Before any thread starts, so that every thread inherits it.
    tui::watchdog::block().map_err(|e| Error::runtime("sigprocmask", &e))?;
    let token = CancellationToken::new();
    tui::watchdog::start(token.clone(), tui::terminal::leave_stalled)
        .map_err(|e| Error::runtime("clone", &e))?;
    let wake = Arc::new(Notify::new());
    let remote = Remote::connect(&address, Arc::clone(&wake), &token);
    if let Some(signal) = tui::watchdog::caught() {
        return Ok(ended_by(signal));
    }
    let remote = match remote.map_err(|error| failure(&error))?.lesson() {
        Ok(lesson) => return look_on(lesson, &address, options, &token, &wake),
        Err(session) => *session,
    };
    let mut session = Session::new(remote, Limits::default());
    tui::terminal::require()?;
    // What is recorded begins with the world that comes first.
    session.tick();
    session.record_so(options.recording.clone());
    if let Some(path) = &options.record {
        session.record(path).map_err(|error| Error::Usage(error.to_string()))?;
    }
    let screen = look(options.theme, options.ascii, options.mouse, options.run_for);
    let sharing = in_turn(&wake)?;
    let host = address.host().to_owned();
    let exit = tui::watch(&mut session, screen, host, sharing, &token, &wake)?;
    if let tui::Exit::Signal(signal) = exit {
        return Ok(ended_by(signal));
    }
    if let Some(why) = session.recording().and_then(|progress| progress.ended) {
        return Err(Error::runtime("recording ended", &why));
    }
    Ok(tui::watchdog::caught().map_or(0, ended_by))
}

/// What is on this screen can be shown to others in turn.
fn in_turn(wake: &Arc<Notify>) -> Result<Sharing, Error> {
    let why = "they are to be had where the session is shared first";
    sharing(&SharePlan::default(), ShareBlocks::None(why.to_owned()), wake)
}

/// Looks on at a lesson, and at those that follow it, as at those of this program.
fn look_on(
    lesson: RemoteLesson,
    address: &RemoteAddress,
    options: &WatchOptions,
    token: &CancellationToken,
    wake: &Arc<Notify>,
) -> Result<u8, Error> {
    tui::terminal::require()?;
    let screen = look(options.theme, options.ascii, options.mouse, options.run_for);
    let host = address.host().to_owned();
    let place = LessonPlace { host, page: format!("http://{address}") };
    let start = Start::Watched(Box::new(lesson), place);
    let record = options.record.as_deref();
    let files =
        LessonFiles { record, recording: options.recording.clone(), ..LessonFiles::default() };
    let exit = lesson_run::run(start, None, "", screen, in_turn(wake)?, files, token)?;
    Ok(match exit {
        tui::Exit::Signal(signal) => ended_by(signal),
        tui::Exit::Quit => tui::watchdog::caught().map_or(0, ended_by),
    })
}

/// Why it cannot be looked at; only another version is a matter of what was asked for.
fn failure(error: &RemoteError) -> Error {
    match error {
        RemoteError::Other { .. } => Error::Usage(error.to_string()),
        RemoteError::NoAnswer(_)
        | RemoteError::NoSession(_)
        | RemoteError::WrongCode
        | RemoteError::Refused { .. }
        | RemoteError::System(_) => Error::Remote(error.to_string()),
    }
}
