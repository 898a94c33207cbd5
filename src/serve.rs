//! `epollscope serve`: the engine, the session, and a screen or JSON lines.

use std::io::{self, IsTerminal};
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::cli::{OutputFormat, ServeOptions, SharePlan, ThemeChoice};
use crate::compare;
use crate::engine::{Address, Doorbell, Engine, EngineConfig, EngineError};
use crate::error::Error;
use crate::event::{Application, Facts, WakeupLogMode, visible};
use crate::export::page;
use crate::headless;
use crate::journal::Limits;
use crate::kernel::port::{self, PortHolder};
use crate::session::Session;
use crate::share::{ShareBlocks, SharePage};
use crate::source::Live;
use crate::sys;
use crate::tui::terminal::Mouse;
use crate::tui::{self, Exit, Marks, Sharing, TuiOptions};

/// Numbers that the server takes beside those of its listeners: the low ones, for a class.
const OWN_NUMBERS: usize = 4;

/// Serves until the user, a signal, or the time ends it. Returns the exit status.
///
/// # Errors
/// If there is no terminal for the screen, an address cannot be listened on, or the system refuses
/// something that the tool needs.
pub fn run(options: &ServeOptions) -> Result<u8, Error> {
    let headless = options.headless || !std::io::stdout().is_terminal();
    sensible(options, headless)?;
    if !headless {
        tui::terminal::require()?;
    }
    if let Some(parent) = options.child_of {
        compare::child::tie(parent)?;
    }
    // Before any thread starts, so that every thread inherits it.
    sys::signal::block_observer_signals().map_err(|e| Error::runtime("sigprocmask", &e))?;
    tui::watchdog::block().map_err(|e| Error::runtime("sigprocmask", &e))?;
    let descriptors = sys::limits::raise_descriptor_limit()
        .map_err(|e| Error::runtime("setrlimit(RLIMIT_NOFILE)", &e))?;
    if !headless {
        let listeners = options.listen.len() + options.unix.len();
        tui::input::prepare(listeners + OWN_NUMBERS)
            .map_err(|e| Error::runtime("read the terminal", &e))?;
    }
    // Before the server begins to take the lowest numbers.
    let bell = Arc::new(Notify::new());
    let sharing = sharing(&options.share, ShareBlocks::Passing, &bell)?;
    let ring = Arc::clone(&bell);
    let doorbell = Arc::new(Doorbell::new(move || ring.notify_one()));
    let config = EngineConfig {
        listen: options.listen.clone(),
        unix: options.unix.clone(),
        lan: options.lan,
        settings: options.settings,
        buffers: options.buffers,
        unobserved: options.unobserved,
    };
    let engine = Engine::start(config, Arc::clone(&doorbell)).map_err(failure)?;
    if options.child_of.is_some() && options.unobserved {
        return compare::child::answer(engine);
    }
    let facts = facts(&engine, options, descriptors);
    let edge_log = if options.unobserved { WakeupLogMode::Off } else { options.edge_log };
    let limits = Limits { events: options.history.events as u64, bytes: options.history.bytes };
    let mut session = Session::new(Live::new(engine, doorbell, facts, edge_log), limits);
    session.record_so(options.recording.clone());
    if let Some(path) = &options.record {
        session.record(path).map_err(|error| Error::Usage(error.to_string()))?;
    }
    let token = CancellationToken::new();
    tui::watchdog::start(token.clone(), tui::terminal::leave_stalled)
        .map_err(|e| Error::runtime("clone", &e))?;
    if headless {
        let lines = headless::Lines { strace: options.strace_text };
        let json = (options.output == OutputFormat::Json).then_some(lines);
        headless::run(&mut session, json, options.run_for, &token, &bell)?;
    } else if let Exit::Signal(signal) =
        tui::run(&mut session, screen(options), sharing, &token, &bell)?
    {
        return Ok(ended_by(signal));
    }
    if let Some(why) = session.recording().and_then(|progress| progress.ended) {
        return Err(Error::runtime("recording ended", &why));
    }
    match (tui::watchdog::caught(), session.dead()) {
        (Some(signal), _) => Ok(ended_by(signal)),
        (None, Some((lane, why))) => Err(Error::runtime(format!("{lane} died"), &why)),
        (None, None) => Ok(0),
    }
}

/// Refuses options that mean nothing with a screen, or without one.
fn sensible(options: &ServeOptions, headless: bool) -> Result<(), Error> {
    let wrong = match headless {
        false if options.unobserved => "--unobserved has nothing to show: give --headless",
        false if options.strace_text => "--strace-text is for lines of JSON: give --headless",
        true if options.share.now => "--share shows the screen: give no --headless",
        _ => return Ok(()),
    };
    Err(Error::Usage(wrong.to_owned()))
}

/// Whether and how others watch; if they do from the start, that begins now. The bell wakes the
/// screen.
pub(crate) fn sharing(
    plan: &SharePlan,
    blocks: ShareBlocks,
    bell: &Arc<Notify>,
) -> Result<Sharing, Error> {
    let page = |code: &str| SharePage {
        html: page::live("epollscope", &format!("{code}/film")),
        policy: page::policy(),
    };
    let mut sharing = Sharing::new(plan.options.clone(), page, blocks, Arc::clone(bell));
    if plan.now {
        sharing.start()?;
    }
    Ok(sharing)
}

/// What is left to do when a signal has ended the program, which has given everything back: of some
/// it dies, for the others there is a status.
pub(crate) fn ended_by(signal: i32) -> u8 {
    tui::watchdog::die_if_deadly();
    status(signal)
}

/// The exit status of a program that a signal ended.
fn status(signal: i32) -> u8 {
    128 + u8::try_from(signal).unwrap_or(0)
}

/// How the screen is to look.
fn screen(options: &ServeOptions) -> TuiOptions {
    let look = look(options.theme, options.ascii, options.mouse, options.run_for);
    TuiOptions { remember: options.remember, ..look }
}

/// The same from the options that every screen has. Where the locale has only ASCII, so have the
/// marks.
pub(crate) fn look(
    theme: Option<ThemeChoice>,
    ascii: bool,
    mouse: bool,
    run_for: Option<Duration>,
) -> TuiOptions {
    TuiOptions {
        theme: theme.map(|theme| match theme {
            ThemeChoice::Dark => tui::ThemeName::Dark,
            ThemeChoice::Light => tui::ThemeName::Light,
            ThemeChoice::Projector => tui::ThemeName::Projector,
            ThemeChoice::Mono => tui::ThemeName::Mono,
        }),
        marks: if ascii || !sys::locale::is_utf8() { Marks::Ascii } else { Marks::Unicode },
        mouse: if mouse { Mouse::Captured } else { Mouse::Terminal },
        run_for,
        remember: false,
    }
}

/// Why an address that is in use cannot be listened on: who has it, if that can be seen, and what to
/// do instead.
fn taken(address: SocketAddr) -> String {
    let holder = port::holder(address);
    let by = holder.map_or_else(String::new, |PortHolder { pid, name }| {
        format!(" by {} (process {pid})", shown(&name))
    });
    let free = SocketAddr::new(address.ip(), 0);
    format!("address in use{by}; try --listen {free} for a port that is free")
}

fn failure(error: EngineError) -> Error {
    match error {
        EngineError::Bind { address, source } => {
            let reason = match source.kind() {
                io::ErrorKind::AddrInUse => taken(address),
                _ => source.to_string(),
            };
            Error::Bind { address: address.to_string(), reason }
        }
        EngineError::BindPath { path, source } => {
            Error::Bind { address: shown(&path.display().to_string()), reason: source.to_string() }
        }
        EngineError::NotLoopback(_) => Error::Usage(error.to_string()),
        other => Error::runtime("starting the server", &other),
    }
}

fn facts(engine: &Engine, options: &ServeOptions, descriptors: (u64, u64)) -> Facts {
    let app = options.settings.app;
    let mut invitations = Vec::new();
    for address in engine.addresses() {
        match address {
            Address::Tcp(address) => invitations.extend(tcp_lines(*address, app)),
            Address::Unix(path) => invitations.push(unix_line(path, app)),
        }
    }
    Facts {
        // The path of a socket is any bytes.
        addresses: engine.addresses().iter().map(|a| shown(&a.to_string())).collect(),
        invitation: shown(&invitations.join("  ")),
        pid: std::process::id(),
        descriptors,
        lan: options.lan,
    }
}

/// A text that no terminal obeys.
fn shown(text: &str) -> String {
    visible(text.as_bytes(), usize::MAX)
}

/// What to type to connect to a UNIX socket.
fn unix_line(path: &Path, app: Application) -> String {
    let path = path.display();
    match app {
        Application::Http => format!("curl --unix-socket {path} http://localhost/"),
        _ => format!("nc -U {path}"),
    }
}

/// What to type to connect: for an address that stands for all interfaces, one line for each
/// address that other machines can reach.
fn tcp_lines(address: SocketAddr, app: Application) -> Vec<String> {
    let line = |ip: IpAddr| match app {
        Application::Http => format!("curl http://{}/", SocketAddr::new(ip, address.port())),
        _ => format!("telnet {ip} {}", address.port()),
    };
    if !address.ip().is_unspecified() {
        return vec![line(address.ip())];
    }
    let interfaces = nix::ifaddrs::getifaddrs().into_iter().flatten();
    let mut lines: Vec<_> = interfaces
        .filter_map(|interface| interface.address)
        .filter_map(|a| {
            a.as_sockaddr_in()
                .map(|a| IpAddr::from(a.ip()))
                .or_else(|| a.as_sockaddr_in6().map(|a| IpAddr::from(a.ip())))
        })
        .filter(|ip| !ip.is_loopback() && ip.is_ipv4() == address.is_ipv4())
        .map(line)
        .collect();
    if lines.is_empty() {
        lines.push(line(if address.is_ipv4() {
            IpAddr::from([127, 0, 0, 1])
        } else {
            IpAddr::from(std::net::Ipv6Addr::LOCALHOST)
        }));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_speaks_http_is_invited_by_curl() {
        let [v4, v6] = ["127.0.0.1:8000", "[::1]:8000"].map(|a| a.parse().expect("an address"));
        let path = Path::new("/tmp/s");
        let http = Application::Http;
        assert_eq!(tcp_lines(v4, http), ["curl http://127.0.0.1:8000/"]);
        assert_eq!(tcp_lines(v6, http), ["curl http://[::1]:8000/"]);
        assert_eq!(unix_line(path, http), "curl --unix-socket /tmp/s http://localhost/");
        assert_eq!(tcp_lines(v4, Application::Chat), ["telnet 127.0.0.1 8000"]);
        assert_eq!(unix_line(path, Application::Echo), "nc -U /tmp/s");
    }
}
