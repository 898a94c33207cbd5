//! The options, each defined once, and how those given in several places become one set.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;

use super::share::ShareArgs;
use super::values::{self, HistoryLimits, OutputFormat, ThemeChoice};
use super::{DEFAULT_LISTEN, ServeOptions};
use crate::error::Error;
use crate::event::{
    AcceptPolicy, Application, Backend, Mistake, Mistakes, NetpollMode, ReadPolicy, Settings,
    Trigger, WakeupLogMode,
};
use crate::lesson::check::CheckPlan;
use crate::record::{Hidden, RecordingOptions};

/// The options as given in one place: on the command line, or in the configuration file.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
#[group(skip)]
pub(super) struct Options {
    #[command(flatten)]
    sockets: Sockets,
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    screen: Screen,
    #[command(flatten)]
    share: ShareArgs,
    #[command(flatten)]
    run: Run,
}

/// Where the server listens.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
#[command(next_help_heading = "Sockets")]
#[group(skip)]
struct Sockets {
    /// Listen on this TCP address; port 0 takes a free port. May be given several times
    /// [default: 127.0.0.1:8000]
    #[arg(long, value_name = "ADDR", value_parser = values::address)]
    listen: Vec<SocketAddr>,
    /// Listen on a UNIX socket with this path; alone, there is no TCP listener. May be given
    /// several times
    #[arg(long, value_name = "PATH", value_parser = values::unix_path)]
    #[arg(value_hint = clap::ValueHint::FilePath)]
    unix: Vec<PathBuf>,
    /// Allow addresses that other machines can reach
    #[arg(long)]
    lan: bool,
    /// Give the sockets buffers of this size, so that they fill up soon [default: the system's]
    #[arg(long, value_name = "BYTES", value_parser = values::buffers)]
    buffers: Option<u32>,
}

/// How the server behaves.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
#[command(next_help_heading = "Server")]
#[group(skip)]
struct Server {
    /// What the server does with what it receives [default: echo]
    #[arg(long, value_name = "APP", value_parser = values::application())]
    app: Option<Application>,
    /// Wait by epoll; by poll or select, where each call asks every file; by a goroutine or a thread
    /// a client [default: epoll]
    #[arg(long, value_name = "BACKEND", value_parser = values::backend())]
    backend: Option<Backend>,
    /// Who waits for the files of goroutines: any thread with nothing to run, as in Go, or one that
    /// does nothing else [default: shared]
    #[arg(long, value_name = "shared|thread", value_parser = values::netpoll())]
    netpoll: Option<NetpollMode>,
    /// Register level-triggered or edge-triggered [default: level]
    #[arg(long, value_name = "TRIGGER", value_parser = values::trigger())]
    trigger: Option<Trigger>,
    /// Read until EAGAIN for each event, or once, at most BYTES [default: drain]
    #[arg(long, value_name = "drain|once[:BYTES]", value_parser = values::read_policy)]
    read: Option<ReadPolicy>,
    /// Accept until EAGAIN for each event, or once [default: drain]
    #[arg(long, value_name = "POLICY", value_parser = values::accept_policy())]
    accept: Option<AcceptPolicy>,
    /// Let each epoll_wait return at most N events, 1 to 1024 [default: 64]
    #[arg(long, value_name = "N", value_parser = values::max_events)]
    max_events: Option<u32>,
    /// Wait in N threads on the one epoll instance, 1 to 8 [default: 1]
    #[arg(long, value_name = "N", value_parser = values::threads)]
    threads: Option<u8>,
    /// Start with the server held before its first system call
    #[arg(long)]
    paused: bool,
    /// Wait so many milliseconds before each system call, 0 to 60000 [default: 0]
    #[arg(long, value_name = "MS", value_parser = values::delay_ms)]
    delay: Option<u32>,
    /// Switch a protection of the server off, to see what then happens. May be given several times
    #[arg(long, value_name = "NAME", value_parser = values::mistake())]
    mistake: Vec<Mistake>,
    /// Leave telnet commands in the text instead of answering them
    #[arg(long)]
    raw: bool,
}

/// How it is shown.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
#[command(next_help_heading = "Screen")]
#[group(skip)]
pub(super) struct Screen {
    /// Draw with ASCII characters only, as where the locale is not one of UTF-8
    #[arg(long)]
    pub(super) ascii: bool,
    /// Use this set of colours [default: by the terminal]
    #[arg(long, value_name = "THEME", value_enum)]
    pub(super) theme: Option<ThemeChoice>,
    /// Use the mouse: a click selects or presses a key of the footer, the wheel scrolls; it then no
    /// longer selects text
    #[arg(long)]
    pub(super) mouse: bool,
}

/// How long it runs and what it remembers.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
#[command(next_help_heading = "Run")]
#[group(skip)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own")]
struct Run {
    /// Keep at most N events to go back to [default: 1000000]
    #[arg(long, value_name = "N", value_parser = values::history_events)]
    history_events: Option<usize>,
    /// Keep events in at most so much memory, such as 64M [default: 64M]
    #[arg(long, value_name = "BYTES", value_parser = values::history_bytes)]
    history_bytes: Option<usize>,
    /// Take options from a TOML file, whose keys are the long names of the options; the command
    /// line wins
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    config: Option<PathBuf>,
    /// Print events as lines of JSON instead of showing a screen
    #[arg(long)]
    headless: bool,
    /// Write this to standard output without a screen [default: json]
    #[arg(long, value_name = "OUTPUT", value_enum)]
    output: Option<OutputFormat>,
    /// Give each call as strace -f prints it, too; only without a screen
    #[arg(long)]
    strace_text: bool,
    /// Serve without being watched, to compare with; only without a screen
    #[arg(long)]
    unobserved: bool,
    /// Record every wake-up, none, or as long as somebody could follow them [default: auto]
    #[arg(long, value_name = "MODE", value_parser = values::edge_log())]
    edge_log: Option<WakeupLogMode>,
    /// Record what happens in this file, which must not be there yet
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    record: Option<PathBuf>,
    /// End a recording before it is longer than this, such as 100M [default: 1G]
    #[arg(long, value_name = "BYTES", value_parser = values::record_limit)]
    record_limit: Option<u64>,
    /// Leave what is sent, or who sends it, out of recordings and exports, and of what others watch:
    /// payload, peers
    #[arg(long, value_name = "WHAT", value_delimiter = ',', value_parser = values::hidden())]
    hide: Vec<Hidden>,
    /// Do not remember which lessons were gone through from here
    #[arg(long)]
    no_state: bool,
    /// End after this time: 500ms, 2s, 3m
    #[arg(long = "for", value_name = "DURATION", value_parser = values::duration)]
    duration: Option<Duration>,
}

/// Which cases are run.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
pub(super) struct CheckArgs {
    /// Case files, or folders with them [default: the cases and lessons of the program]
    #[arg(value_name = "PATH", value_hint = clap::ValueHint::AnyPath)]
    paths: Vec<PathBuf>,
    /// Print a JSON object a line, the last one with the numbers
    #[arg(long)]
    json: bool,
    /// Make so many random sequences of calls instead, on the kernel and on the model
    #[arg(long, value_name = "N", conflicts_with_all = ["paths", "timeout"])]
    random: Option<u64>,
    /// The first of the random sequences; the others follow
    #[arg(long, value_name = "N", requires = "random", default_value_t = 1)]
    seed: u64,
    /// Let a case take so long: 500ms, 10s, 2m [default: 10s]
    #[arg(long, value_name = "DURATION", value_parser = values::duration)]
    timeout: Option<Duration>,
}

impl CheckArgs {
    /// What is to be done, with the defaults where nothing was given.
    pub(super) fn resolve(self) -> CheckPlan {
        let timeout = self.timeout.unwrap_or(DEFAULT_TIMEOUT);
        let random = self.random.map(|sequences| (sequences, self.seed));
        CheckPlan { paths: self.paths, json: self.json, timeout, random }
    }
}

/// How long a case may take unless the user says otherwise.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

/// `above`, or `below` if nothing is above.
fn list_over<T>(above: Vec<T>, below: Vec<T>) -> Vec<T> {
    if above.is_empty() { below } else { above }
}

impl Options {
    /// The configuration file.
    pub(super) fn config(&self) -> Option<&Path> {
        self.run.config.as_deref()
    }

    /// These options, and those `before` the word `serve`: lists are joined, the later value wins.
    pub(super) fn with(mut self, before: Self) -> Self {
        fn join<T>(list: &mut Vec<T>, before: &[T])
        where
            T: Clone,
        {
            list.splice(0..0, before.iter().cloned());
        }
        join(&mut self.sockets.listen, &before.sockets.listen);
        join(&mut self.sockets.unix, &before.sockets.unix);
        join(&mut self.server.mistake, &before.server.mistake);
        join(&mut self.run.hide, &before.run.hide);
        self.over(before)
    }

    /// These options, and for those not given the ones `below`.
    pub(super) fn over(self, below: Self) -> Self {
        Self {
            sockets: self.sockets.over(below.sockets),
            server: self.server.over(below.server),
            screen: self.screen.over(&below.screen),
            share: self.share.over(below.share),
            run: self.run.over(below.run),
        }
    }

    /// What is to be done, with the defaults where nothing was given.
    pub(super) fn resolve(self) -> Result<ServeOptions, Error> {
        let limits = HistoryLimits::default();
        let settings = self.server.settings();
        let lan = self.sockets.lan;
        Ok(ServeOptions {
            listen: self.sockets.addresses()?,
            unix: self.sockets.unix,
            lan,
            settings,
            buffers: self.sockets.buffers,
            ascii: self.screen.ascii,
            theme: self.screen.theme,
            mouse: self.screen.mouse,
            history: HistoryLimits {
                events: self.run.history_events.unwrap_or(limits.events),
                bytes: self.run.history_bytes.unwrap_or(limits.bytes),
            },
            share: self.share.resolve(lan),
            headless: self.run.headless,
            output: self.run.output.unwrap_or_default(),
            strace_text: self.run.strace_text,
            unobserved: self.run.unobserved,
            child_of: None,
            edge_log: self.run.edge_log.unwrap_or_default(),
            record: self.run.record,
            recording: RecordingOptions {
                limit: self.run.record_limit.unwrap_or(RecordingOptions::default().limit),
                hidden: self.run.hide,
            },
            remember: !self.run.no_state,
            run_for: self.run.duration,
        })
    }
}

impl Sockets {
    fn over(self, below: Self) -> Self {
        // A file that names sockets is replaced as a whole: `--unix` on the command line means
        // that path alone, as it does without a file.
        let (listen, unix) = if self.listen.is_empty() && self.unix.is_empty() {
            (below.listen, below.unix)
        } else {
            (self.listen, self.unix)
        };
        Self { listen, unix, lan: self.lan || below.lan, buffers: self.buffers.or(below.buffers) }
    }

    fn addresses(&self) -> Result<Vec<SocketAddr>, Error> {
        let reachable = |address: &&SocketAddr| !address.ip().to_canonical().is_loopback();
        if let Some(address) = self.listen.iter().find(reachable).filter(|_| !self.lan) {
            return Err(Error::Usage(format!(
                "other machines could reach {address}: give --lan as well if they may"
            )));
        }
        if !self.listen.is_empty() || !self.unix.is_empty() {
            return Ok(self.listen.clone());
        }
        values::address(DEFAULT_LISTEN).map(|address| vec![address]).map_err(Error::Usage)
    }
}

impl Server {
    fn over(self, below: Self) -> Self {
        Self {
            app: self.app.or(below.app),
            backend: self.backend.or(below.backend),
            netpoll: self.netpoll.or(below.netpoll),
            trigger: self.trigger.or(below.trigger),
            read: self.read.or(below.read),
            accept: self.accept.or(below.accept),
            max_events: self.max_events.or(below.max_events),
            threads: self.threads.or(below.threads),
            paused: self.paused || below.paused,
            delay: self.delay.or(below.delay),
            mistake: list_over(self.mistake, below.mistake),
            raw: self.raw || below.raw,
        }
    }

    fn settings(&self) -> Settings {
        let default = Settings::default();
        let mut mistakes = Mistakes::default();
        for mistake in &self.mistake {
            mistakes.set(*mistake, true);
        }
        Settings {
            app: self.app.unwrap_or(default.app),
            backend: self.backend.unwrap_or(default.backend),
            netpoll: self.netpoll.unwrap_or(default.netpoll),
            trigger: self.trigger.unwrap_or(default.trigger),
            read: self.read.unwrap_or(default.read),
            accept: self.accept.unwrap_or(default.accept),
            max_events: self.max_events.unwrap_or(default.max_events),
            delay_ms: self.delay.unwrap_or(default.delay_ms),
            threads: self.threads.unwrap_or(default.threads),
            mistakes,
            raw: self.raw,
            paused: self.paused,
        }
    }
}

impl Screen {
    fn over(self, below: &Self) -> Self {
        Self {
            ascii: self.ascii || below.ascii,
            theme: self.theme.or(below.theme),
            mouse: self.mouse || below.mouse,
        }
    }
}

impl Run {
    fn over(self, below: Self) -> Self {
        Self {
            history_events: self.history_events.or(below.history_events),
            history_bytes: self.history_bytes.or(below.history_bytes),
            config: self.config.or(below.config),
            headless: self.headless || below.headless,
            output: self.output.or(below.output),
            strace_text: self.strace_text || below.strace_text,
            unobserved: self.unobserved || below.unobserved,
            edge_log: self.edge_log.or(below.edge_log),
            record: self.record.or(below.record),
            record_limit: self.record_limit.or(below.record_limit),
            hide: list_over(self.hide, below.hide),
            no_state: self.no_state || below.no_state,
            duration: self.duration.or(below.duration),
        }
    }
}
