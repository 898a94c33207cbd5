//! `epollscope lesson`: the menu, a lesson on the screen, as text, or as lines.

use std::io::{self, BufReader, BufWriter, Write as _};
use std::path::Path;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::cli::{LessonOptions, Teach};
use crate::error::Error;
use crate::event::visible;
use crate::kernel::release::release;
use crate::lesson::case::Case;
use crate::lesson::child::Player;
use crate::lesson::{catalog, file, handout, jsonl, parse};
use crate::serve::{ended_by, look};
use crate::sys::standard::{Stdin, Stdout};
use crate::tui;
use crate::tui::lesson::run::Start;

/// How long a step may take without a screen.
const DEADLINE: Duration = Duration::from_secs(60);

/// Does what was asked for with lessons. Returns the exit status.
///
/// # Errors
/// If there is no such lesson, or no terminal for the screen, or the system refuses something that
/// the tool needs.
pub fn run(options: &LessonOptions) -> Result<u8, Error> {
    let case = options.name.as_deref().map(load).transpose()?;
    match (options.what, case) {
        (Teach::List, _) => print(&list()),
        (Teach::Print, Some(case)) => print(&handout(&case)),
        (Teach::Json, Some(case)) => json(&case, options.strace_text),
        (Teach::Show, Some(case)) => show(Start::Lesson(Box::new(case)), options),
        (_, None) => show(Start::Menu(catalog::topics()), options),
    }
}

/// The lesson, or case, of that name, or in that file.
fn load(name: &str) -> Result<Case, Error> {
    if let Some(file) = catalog::find(name) {
        return file.parse().map_err(|errors| Error::Usage(errors.to_string()));
    }
    let path = Path::new(name);
    let shown = visible(name.as_bytes(), 200);
    if !name.contains('/') && !path.exists() {
        let known: Vec<_> = catalog::files().map(|file| file.name).collect();
        let hint = crate::event::nearest(name, known.into_iter());
        let hint = hint.map_or_else(String::new, |name| format!(", did you mean `{name}`?"));
        let see = "epollscope lesson --list names them";
        return Err(Error::Usage(format!("there is no lesson `{shown}`{hint} ({see})")));
    }
    let content = file::content(path)
        .map_err(|error| Error::Usage(format!("cannot read the lesson {shown}: {error}")))?;
    parse(&shown, &content).map_err(|errors| Error::Usage(errors.to_string()))
}

fn list() -> String {
    let mut text = String::new();
    for topic in catalog::topics() {
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(&topic.name);
        text.push('\n');
        for case in topic.lessons {
            let minutes = case.minutes.map_or_else(String::new, |n| format!("{n} min"));
            let level = case.level.to_string();
            let line = format!("  {:<26}{minutes:>6}  {level:<9} {}\n", case.id, case.title);
            text.push_str(&line);
        }
    }
    text
}

fn print(text: &str) -> Result<u8, Error> {
    quietly(Stdout::default().write_all(text.as_bytes()))?;
    Ok(0)
}

/// A reader that went away is the ordinary end of a pipe.
fn quietly(result: io::Result<()>) -> Result<(), Error> {
    match result {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Error::runtime("write to standard output", &error))
        }
        _ => Ok(()),
    }
}

fn json(case: &Case, trace: bool) -> Result<u8, Error> {
    let player = Player::start(case, DEADLINE);
    let (mut input, mut out) = (BufReader::new(Stdin), BufWriter::new(Stdout::default()));
    match jsonl::run(case, &release(), player, trace, &mut input, &mut out) {
        Ok(jsonl::Ended::Well) => Ok(0),
        Ok(jsonl::Ended::Stopped) => Ok(1),
        Err(error) => quietly(Err(error)).map(|()| 0),
    }
}

fn show(start: Start, options: &LessonOptions) -> Result<u8, Error> {
    tui::terminal::require().map_err(|_| {
        let instead = "--json runs a lesson without a screen, --print and --list print";
        Error::Usage(format!("standard input is no terminal, or TERM is dumb: {instead}"))
    })?;
    // Before any thread starts, so that every thread inherits it.
    tui::watchdog::block().map_err(|e| Error::runtime("sigprocmask", &e))?;
    let token = CancellationToken::new();
    tui::watchdog::start(token.clone(), tui::terminal::leave_stalled)
        .map_err(|e| Error::runtime("clone", &e))?;
    let look = look(options.theme, options.ascii, options.mouse, options.run_for);
    let exit = tui::lesson::run::run(start, &release(), look, &token)?;
    Ok(match exit {
        tui::Exit::Signal(signal) => ended_by(signal),
        tui::Exit::Quit => tui::watchdog::caught().map_or(0, ended_by),
    })
}
