//! What the user asked for: the command line and the configuration file.
//!
//! There is one definition of every option (`options`), from which the parser, `--help`, the
//! manual page, the completions and the keys of the configuration file are made. The words of the
//! values are those of the commands. This module starts nothing: it says what is to be done.

mod compare;
mod config;
mod export;
mod lesson;
mod options;
mod replay;
mod share;
mod values;
mod watch;

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{Args as _, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use crate::compare::child;
use crate::error::Error;
use crate::event::{Settings, WakeupLogMode, visible};
use crate::lesson::check::CheckPlan;
use crate::lesson::child::SUBCOMMAND;
use crate::record::RecordingOptions;
use crate::share::SUBCOMMAND as SHARE_PROCESS;
use compare::CompareArgs;
pub use compare::{CompareOptions, CompareOutput};
use export::ExportArgs;
pub use export::ExportOptions;
use lesson::LessonArgs;
pub use lesson::{LessonOptions, Teach};
use options::{CheckArgs, Options};
use replay::ReplayArgs;
pub use replay::ReplayOptions;
pub use share::SharePlan;
pub use values::{HistoryLimits, OutputFormat, ThemeChoice};
use watch::WatchArgs;
pub use watch::WatchOptions;

/// The address of the server unless the user says otherwise.
pub(crate) const DEFAULT_LISTEN: &str = "127.0.0.1:8000";

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CliRequest {
    /// Run the server and watch it.
    Serve(Box<ServeOptions>),
    /// Show, list, print or run lessons.
    Lesson(Box<LessonOptions>),
    /// Show a recording.
    Replay(Box<ReplayOptions>),
    /// Make a file of a recording, for others.
    Export(Box<ExportOptions>),
    /// Look on at a session that another process shares.
    Watch(Box<WatchOptions>),
    /// Compare loops on the same clients.
    Compare(Box<CompareOptions>),
    /// Run cases and say how they came out.
    Check(CheckPlan),
    /// Be the process of a case, for the process with this number.
    CaseProcess(u32),
    /// Be the process that serves viewers.
    ShareProcess,
    /// Print this text and end: help, version, completions.
    Print(String),
    /// Print the manual page.
    Manual,
}

/// How to run the server and how to show it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own")]
pub struct ServeOptions {
    /// TCP addresses to listen on.
    pub listen: Vec<SocketAddr>,
    /// UNIX sockets to listen on.
    pub unix: Vec<PathBuf>,
    /// Other machines may connect.
    pub lan: bool,
    /// What can be switched while it runs.
    pub settings: Settings,
    /// `SO_SNDBUF` and `SO_RCVBUF` of the sockets, if not the system's.
    pub buffers: Option<u32>,
    /// Draw with ASCII characters only.
    pub ascii: bool,
    /// The colours, if not chosen by the terminal.
    pub theme: Option<ThemeChoice>,
    /// Take the mouse from the terminal.
    pub mouse: bool,
    /// Give calls as strace prints them, too.
    pub strace_text: bool,
    /// The server runs without being watched, to compare with.
    pub unobserved: bool,
    /// The process that compares this server with others: it ends with it, and if nobody watches
    /// tells it what it counts.
    pub child_of: Option<u32>,
    /// When wake-ups are recorded.
    pub edge_log: WakeupLogMode,
    /// The file in which what happens is recorded.
    pub record: Option<PathBuf>,
    /// How recordings are made.
    pub recording: RecordingOptions,
    /// Whether and how others watch.
    pub share: SharePlan,
    /// What is written without a screen.
    pub output: OutputFormat,
    /// How far one can go back.
    pub history: HistoryLimits,
    /// Events as lines instead of a screen.
    pub headless: bool,
    /// Whether the lessons that are gone through from here are remembered.
    pub remember: bool,
    /// End after that time.
    pub run_for: Option<Duration>,
}

/// The examples at the end of the help.
const EXAMPLES: &str = "\
Examples:
  epollscope                      watch an echo server on 127.0.0.1:8000, ...
  telnet 127.0.0.1 8000           ... and talk to it from another terminal

  epollscope --trigger edge --read once:4 --paused
                                  step through edge-triggered reads of 4 bytes
  epollscope lesson               predict what epoll does, step by step; --list, --print NAME
  epollscope --app http --threads 2
                                  one epoll instance, two threads; try: curl 127.0.0.1:8000
  epollscope --headless --for 10s --listen 127.0.0.1:0
                                  events as lines of JSON, for 10 seconds, on a free port
  epollscope --config class.toml  options from a file: trigger = \"edge\", mistake = [\"ignore-eof\"]
  epollscope compare              what a request costs in each way of waiting
  epollscope check                does this kernel do what the cases and lessons say?
";

/// The examples at the end of the help of lessons.
const LESSONS: &str = "\
Examples:
  epollscope lesson               the menu
  epollscope lesson --list        the names
  epollscope lesson read-once --theme projector
  epollscope lesson --new mine.toml
                                  a lesson of your own to start from; --guide explains every word
  epollscope lesson ./mine.toml   what the class sees; r reads the file again
  printf '1\\n2\\n' | epollscope lesson read-once --json
";

/// The examples at the end of the help of comparisons.
const COMPARE: &str = "\
Examples:
  epollscope compare                                  100 clients, all of them busy
  epollscope compare --clients 1000 --active 10       most of them idle
  epollscope compare --clients 1 --rounds 50 --csv    one client, on one core with its server
  epollscope compare --curve --json > run.jsonl
  epollscope compare --mirror 127.0.0.1:8000          then: telnet 127.0.0.1 8000
";

/// The examples at the end of the help of replays.
const REPLAY: &str = "\
Examples:
  epollscope --record class.rec                       first: record what happens; R does it, too
  epollscope replay class.rec
  epollscope replay class.rec --at 12.031 --paused    [ and ] go an event back and on
  epollscope replay class.rec --speed 1/4 --idle off
  epollscope replay class.rec --json                  the lines that --headless prints
";

/// The examples at the end of the help of exports.
const EXPORT: &str = "\
Examples:
  epollscope export class.rec class.html              to go through in any browser
  epollscope export class.rec class.svg --at 12.031   one screen, for slides; .txt for a mail
  epollscope export class.rec class.json              tracks for ui.perfetto.dev
  epollscope export class.rec short.rec --from 10 --until 20 --hide payload,peers
  epollscope export class.rec - --as strace | grep EAGAIN
";

/// The examples at the end of the help of looking on.
const WATCH: &str = "\
Examples:
  epollscope --share                                  first: share a session; it says the address
  epollscope watch 192.168.1.20:8001/K7QM4X           V follows the teacher's view, or not
  epollscope watch 192.168.1.20:8001/K7QM4X --record class.rec
";

/// See how Linux epoll works: a live server, its interest list, its ready list, and the reason for
/// every entry.
#[derive(Debug, Parser)]
#[command(name = "epollscope", bin_name = "epollscope", version, after_help = EXAMPLES, max_term_width = 100)]
#[command(subcommand_value_name = "COMMAND", disable_help_subcommand = true)]
struct Line {
    #[command(flatten)]
    options: Options,
    #[command(subcommand)]
    verb: Option<Verb>,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Run the server and watch it; this is what happens without a command, too.
    #[command(after_help = EXAMPLES)]
    Serve(Box<Options>),
    /// Go through lessons: predict what epoll does, then watch the kernel do it.
    #[command(after_help = LESSONS)]
    Lesson(Box<LessonArgs>),
    /// Look at a recording: all panes, back and on in time.
    #[command(after_help = REPLAY)]
    Replay(Box<ReplayArgs>),
    /// Make a file of a recording: a page for browsers, a picture, a text, tracks, calls, ...
    #[command(after_help = EXPORT)]
    Export(Box<ExportArgs>),
    /// Look on at a session that is shared: all panes, back and on in time, on your own.
    #[command(after_help = WATCH)]
    Watch(Box<WatchArgs>),
    /// Compare ways of waiting on the same clients: what a request costs in each
    #[command(after_help = COMPARE)]
    Compare(Box<CompareArgs>),
    /// Run case files on this kernel and on the model: both must do what the files say
    Check(CheckArgs),
    /// Print the completions for a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Print the manual page, in roff.
    Man,
}

/// Finds out what `args`, the first of which is the program's name, ask for.
///
/// # Errors
/// [`Error::Usage`] if they, or the configuration file they name, ask for what cannot be.
pub fn parse<I>(args: I) -> Result<CliRequest, Error>
where
    I: IntoIterator,
    I::Item: Into<OsString> + Clone,
{
    let args: Vec<OsString> = args.into_iter().map(Into::into).collect();
    if let Some(parent) = case_process(&args) {
        return Ok(CliRequest::CaseProcess(parent));
    }
    if matches!(args.as_slice(), [_, word] if word == SHARE_PROCESS) {
        return Ok(CliRequest::ShareProcess);
    }
    if let Some((parent, args)) = loop_process(&args) {
        let child_of = Some(parent);
        return Ok(match parse(args)? {
            CliRequest::Serve(options) => {
                CliRequest::Serve(Box::new(ServeOptions { child_of, ..*options }))
            }
            other => other,
        });
    }
    let line = match Line::try_parse_from(args) {
        Ok(line) => line,
        Err(error) => return not_parsed(&error),
    };
    let options = match line.verb {
        None => line.options,
        Some(Verb::Serve(options)) => options.with(line.options),
        Some(_) if line.options != Options::default() => {
            return Err(Error::Usage("the options of serve mean nothing to this command".into()));
        }
        Some(Verb::Compare(arguments)) => {
            return arguments.resolve().map(|options| CliRequest::Compare(Box::new(options)));
        }
        Some(Verb::Replay(arguments)) => {
            return Ok(CliRequest::Replay(Box::new(arguments.resolve())));
        }
        Some(Verb::Export(arguments)) => {
            return arguments.resolve().map(|options| CliRequest::Export(Box::new(options)));
        }
        Some(Verb::Watch(arguments)) => {
            return Ok(CliRequest::Watch(Box::new(arguments.resolve())));
        }
        Some(Verb::Check(check)) => return Ok(CliRequest::Check(check.resolve())),
        Some(Verb::Lesson(arguments)) => {
            return arguments.resolve().map(|options| CliRequest::Lesson(Box::new(options)));
        }
        Some(Verb::Completions { shell }) => return Ok(CliRequest::Print(completions(shell))),
        Some(Verb::Man) => return Ok(CliRequest::Manual),
    };
    let file = options.config().map(config::read).transpose()?;
    let options = options.over(file.unwrap_or_default());
    options.resolve().map(|options| CliRequest::Serve(Box::new(options)))
}

/// The process that asks, if this is to be the process of a case: no command for people, of which
/// neither the help nor the completions know.
fn case_process(args: &[OsString]) -> Option<u32> {
    match args {
        [_, word, parent] if word == SUBCOMMAND => parent.to_str()?.parse().ok(),
        _ => None,
    }
}

/// The process that asks, and the options of the server, if this is to be the process of a loop.
fn loop_process(args: &[OsString]) -> Option<(u32, Vec<OsString>)> {
    let [program, word, parent, rest @ ..] = args else { return None };
    let parent = parent.to_str()?.parse().ok().filter(|_| word == child::SUBCOMMAND)?;
    Some((parent, std::iter::once(program).chain(rest).cloned().collect()))
}

/// Help and version are no failures, though clap says so.
fn not_parsed(error: &clap::Error) -> Result<CliRequest, Error> {
    let text = error.render().to_string();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Ok(CliRequest::Print(text)),
        _ => Err(Error::Usage(one_line(&text))),
    }
}

/// What clap says in several lines, with neither its title nor the usage.
fn one_line(text: &str) -> String {
    let lines = text.trim_start_matches("error: ").lines().map(str::trim);
    let message = lines
        .take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more information"))
        .filter(|line| !line.is_empty())
        .fold(String::new(), |message, line| match message.as_str() {
            "" => line.to_owned(),
            before if before.ends_with(':') || line.starts_with('[') => format!("{before} {line}"),
            before => format!("{before}; {line}"),
        });
    format!("{} (see --help)", plain(&message))
}

/// The words of the user without what would act on the terminal.
fn plain(text: &str) -> String {
    text.split('"').map(|part| visible(part.as_bytes(), 400)).collect::<Vec<_>>().join("\"")
}

/// The whole command line: what the manual page and the pages of the reference are made of.
pub(crate) fn command() -> clap::Command {
    Line::command()
}

fn completions(shell: clap_complete::Shell) -> String {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut command(), "epollscope", &mut text);
    String::from_utf8_lossy(&text).into_owned()
}

/// The definitions of the options alone, for the configuration file.
fn definitions() -> clap::Command {
    let command = clap::Command::new("config").no_binary_name(true);
    Options::augment_args(command).disable_help_flag(true).disable_version_flag(true)
}

/// One option of the configuration file, written as on the command line.
fn parse_one(argument: String) -> Result<Options, clap::Error> {
    Options::from_arg_matches(&definitions().try_get_matches_from([argument])?)
}

#[cfg(test)]
mod tests;
