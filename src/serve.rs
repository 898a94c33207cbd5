//! `epollscope serve`: the engine, the session, and a screen or JSON lines.

use std::io::IsTerminal;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

use nix::sys::signal::{SigSet, SigmaskHow, Signal, pthread_sigmask};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::cli::ServeOptions;
use crate::engine::{Address, Doorbell, Engine, EngineConfig, EngineError};
use crate::error::Error;
use crate::headless;
use crate::journal::Limits;
use crate::session::{Facts, Session};
use crate::sys;
use crate::sys::clock::Clock;

/// How long an orderly end may take after a signal before the process ends anyway.
const GRACE: Duration = Duration::from_secs(1);

/// Serves until the user, a signal, or the time ends it. Returns the exit status.
///
/// # Errors
/// If there is no terminal for the screen, an address cannot be listened on, or the system refuses
/// something that the tool needs.
pub fn run(options: &ServeOptions) -> Result<u8, Error> {
    let headless = options.headless || !std::io::stdout().is_terminal();
    if !headless {
        return Err(Error::NoTerminal);
    }
    // Before any thread starts, so that every thread inherits it.
    sys::signal::block_observer_signals().map_err(|e| Error::runtime("sigprocmask", &e))?;
    let signals = block_ends()?;
    let descriptors = sys::limits::raise_descriptor_limit()
        .map_err(|e| Error::runtime("setrlimit(RLIMIT_NOFILE)", &e))?;
    let bell = Arc::new(Notify::new());
    let ring = Arc::clone(&bell);
    let doorbell = Arc::new(Doorbell::new(move || ring.notify_one()));
    let clock = Clock::start();
    let config = EngineConfig {
        listen: options.listen.clone(),
        unix: options.unix.clone(),
        lan: options.lan,
        settings: options.settings,
        buffers: options.buffers,
    };
    let engine = Engine::start_with_clock(config, Arc::clone(&doorbell), clock).map_err(failure)?;
    let facts = facts(&engine, options, descriptors);
    let limits = Limits { events: options.history.events as u64, bytes: options.history.bytes };
    let session = Session::new(engine, doorbell, clock, limits, facts);
    let token = CancellationToken::new();
    let ended_by = watch_signals(signals, token.clone());
    headless::run(session, options.run_for, &token, &bell)
        .map_err(|e| Error::runtime("write to standard output", &e))?;
    Ok(match ended_by.load(Ordering::SeqCst) {
        0 => 0,
        signal => 128 + u8::try_from(signal).unwrap_or(0),
    })
}

fn failure(error: EngineError) -> Error {
    match error {
        EngineError::Bind { address, source } => {
            Error::Bind { address: address.to_string(), reason: source.to_string() }
        }
        EngineError::BindPath { path, source } => {
            Error::Bind { address: path.display().to_string(), reason: source.to_string() }
        }
        EngineError::NotLoopback(_) => Error::Usage(error.to_string()),
        other => Error::runtime("starting the server", &other),
    }
}

/// The signals that end the program, blocked in every thread and taken by one of them.
fn block_ends() -> Result<SigSet, Error> {
    let mut signals = SigSet::empty();
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP, Signal::SIGQUIT] {
        signals.add(signal);
    }
    pthread_sigmask(SigmaskHow::SIG_BLOCK, Some(&signals), None)
        .map_err(|e| Error::runtime("sigprocmask", &e))?;
    Ok(signals)
}

/// A thread of its own takes the signals, because a stalled terminal or pipe blocks the front end:
/// it cancels the token, and after a grace ends the process itself.
fn watch_signals(signals: SigSet, token: CancellationToken) -> Arc<AtomicI32> {
    let ended_by = Arc::new(AtomicI32::new(0));
    let noted = Arc::clone(&ended_by);
    std::thread::spawn(move || {
        let Ok(signal) = signals.wait() else { return };
        noted.store(signal as i32, Ordering::SeqCst);
        token.cancel();
        std::thread::sleep(GRACE);
        std::process::exit(128 + signal as i32);
    });
    ended_by
}

fn facts(engine: &Engine, options: &ServeOptions, descriptors: (u64, u64)) -> Facts {
    let mut invitations = Vec::new();
    for address in engine.addresses() {
        match address {
            Address::Tcp(address) => invitations.extend(telnet_lines(*address)),
            Address::Unix(path) => invitations.push(format!("nc -U {}", path.display())),
        }
    }
    Facts {
        addresses: engine.addresses().iter().map(ToString::to_string).collect(),
        invitation: invitations.join("  "),
        pid: std::process::id(),
        descriptors,
        lan: options.lan,
    }
}

/// What to type to connect: for an address that stands for all interfaces, one line for each
/// address that other machines can reach.
fn telnet_lines(address: SocketAddr) -> Vec<String> {
    let line = |ip: IpAddr| format!("telnet {ip} {}", address.port());
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
