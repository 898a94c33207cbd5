//! `epollscope lesson`: the menu, a lesson on the screen, as text, or as lines; a lesson to start
//! from.

use std::fs::OpenOptions;
use std::io::{self, BufReader, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::cli::{LessonOptions, Teach};
use crate::error::Error;
use crate::event::visible;
use crate::kernel::release::release;
use crate::lesson::case::Case;
use crate::lesson::child::Player;
use crate::lesson::progress::LessonProgress;
use crate::lesson::{catalog, file, handout, jsonl, parse};
use crate::serve::{ended_by, look, sharing};
use crate::share::ShareBlocks;
use crate::sys::standard::{Stdin, Stdout};
use crate::tui;
use crate::tui::lesson::run::{ClassReport, LessonFiles, Start};

/// How long a step may take without a screen.
const DEADLINE: Duration = Duration::from_secs(60);

/// Does what was asked for with lessons. Returns the exit status.
///
/// # Errors
/// If there is no such lesson, or no terminal for the screen, or the system refuses something that
/// the tool needs.
pub fn run(options: &LessonOptions) -> Result<u8, Error> {
    let name = options.name.as_deref();
    match (options.what, name) {
        (Teach::List, _) => print(&list()),
        (Teach::Guide, _) => print(catalog::guide()),
        (Teach::New, Some(name)) => begin_file(name),
        (Teach::Print, Some(name)) => print(&handout(&load(name)?.case)),
        (Teach::Json, Some(name)) => json(&load(name)?.case, options.strace_text),
        (Teach::Show, Some(name)) => show(load(name)?.start(), options),
        (_, None) => show(Start::Menu(catalog::topics()), options),
    }
}

/// A lesson, and where it is from.
struct Loaded {
    case: Case,
    /// Its file, if it is none of the program's.
    path: Option<PathBuf>,
}

impl Loaded {
    /// It on a screen: after a lesson of the program comes the next one, a file is read again.
    fn start(self) -> Start {
        match self.path {
            None => Start::Lesson(Box::new(self.case), catalog::topics()),
            Some(path) => {
                let again = move || read(&path).map_err(|error| error.to_string());
                Start::File(Box::new(self.case), Box::new(again))
            }
        }
    }
}

/// The lesson, or case, of that name, or in that file.
fn load(name: &str) -> Result<Loaded, Error> {
    if let Some(file) = catalog::find(name) {
        let case = file.parse().map_err(|errors| Error::Usage(errors.to_string()))?;
        return Ok(Loaded { case, path: None });
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
    Ok(Loaded { case: read(path)?, path: Some(path.to_owned()) })
}

/// The lesson in a file.
fn read(path: &Path) -> Result<Case, Error> {
    let shown = visible(path.as_os_str().as_encoded_bytes(), 200);
    let content = file::content(path)
        .map_err(|error| Error::Usage(format!("cannot read the lesson {shown}: {error}")))?;
    parse(&shown, &content).map_err(|errors| Error::Usage(errors.to_string()))
}

/// Writes a lesson to start from to a file that is not there yet.
fn begin_file(name: &str) -> Result<u8, Error> {
    let shown = visible(name.as_bytes(), 200);
    let refused = |error: io::Error| match error.kind() {
        io::ErrorKind::AlreadyExists => {
            Error::Usage(format!("{shown} is there already, and --new overwrites nothing"))
        }
        _ => Error::Usage(format!("cannot write the lesson {shown}: {error}")),
    };
    let opened = OpenOptions::new().write(true).create_new(true).open(name);
    let text = catalog::template(&id_for(Path::new(name)));
    opened.and_then(|mut file| file.write_all(text.as_bytes())).map_err(refused)?;
    // A name without a folder could be that of a lesson of the program.
    let here = if name.contains('/') { "" } else { "./" };
    print(&format!(
        "{shown} is written\n  epollscope check {here}{shown}    does the kernel do what it says?\n  \
         epollscope lesson {here}{shown}   what the class sees\n  epollscope lesson --guide   how \
         a lesson is written\n"
    ))
}

/// The name of a lesson in that file: what its name has of what a lesson's may have.
fn id_for(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy().to_lowercase();
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let id: String = stem.chars().map(|c| if allowed(c) { c } else { '-' }).take(40).collect();
    let id = id.trim_matches('-');
    if id.is_empty() { "my-lesson".to_owned() } else { id.to_owned() }
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

/// Begins the file that says how a class answers.
fn report(path: &Path) -> Result<ClassReport, Error> {
    let shown = visible(path.as_os_str().as_encoded_bytes(), 200);
    ClassReport::create(path).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => Error::Usage(format!("{shown} exists: give another name")),
        _ => Error::Usage(format!("cannot write the report {shown}: {error}")),
    })
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
    let progress = options.remember.then(LessonProgress::of_user).flatten();
    let sharing = sharing(&options.share, ShareBlocks::Whole, &Arc::default())?;
    // A file is made when nothing else can be wrong.
    let report = options.report.as_deref().map(report).transpose()?;
    let files = LessonFiles { record: options.record.as_deref(), report, ..LessonFiles::default() };
    let exit = tui::lesson::run::run(start, progress, &release(), look, sharing, files, &token)?;
    Ok(match exit {
        tui::Exit::Signal(signal) => ended_by(signal),
        tui::Exit::Quit => tui::watchdog::caught().map_or(0, ended_by),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lesson_in_a_file_is_called_as_the_file_as_far_as_it_can_be() {
        for (path, id) in [
            ("mine.toml", "mine"),
            ("a/My Lesson 2.toml", "my-lesson-2"),
            ("über.toml", "ber"),
            ("..", "my-lesson"),
            ("a/.toml", "toml"),
        ] {
            assert_eq!(id_for(Path::new(path)), id, "{path}");
            let text = catalog::template(id);
            parse(path, &text).unwrap_or_else(|errors| panic!("{errors}"));
        }
    }
}
