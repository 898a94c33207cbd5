//! `epollscope compare`: the run on a screen, as lines of JSON, or as CSV.

use crate::event::Backend;
use std::io::{self, IsTerminal as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::thread::available_parallelism;

use tokio_util::sync::CancellationToken;

use crate::cli::{CompareOptions, CompareOutput};
use crate::compare::board::CompareBoard;
use crate::compare::mirror::{self, MirrorBoard, MirrorUpdate};
use crate::compare::{self, ComparePlan, CompareUpdate, lines};
use crate::error::Error;
use crate::kernel::release::release;
use crate::serve::{ended_by, look};
use crate::sys;
use crate::sys::standard::Stdout;
use crate::tui;
use crate::tui::compare::run::CompareSurroundings;

/// Where a client is mirrored unless the user says otherwise: as a server would listen.
const DEFAULT_MIRROR: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8000);

/// Compares loops until everything is measured, or the user, a signal or the time ends it. Returns
/// the exit status.
///
/// # Errors
/// If there are too few descriptors for so many clients, no terminal for the screen, or the system
/// refuses something that the tool needs.
pub fn run(options: &CompareOptions) -> Result<u8, Error> {
    let screen = options.output == CompareOutput::Screen && io::stdout().is_terminal();
    if screen {
        tui::terminal::require().map_err(|_| {
            let instead = "--json and --csv print";
            Error::Usage(format!("standard input is no terminal, or TERM is dumb: {instead}"))
        })?;
    }
    // Before any thread starts, so that every thread inherits it.
    tui::watchdog::block().map_err(|e| Error::runtime("sigprocmask", &e))?;
    let (_, descriptors) = sys::limits::raise_descriptor_limit()
        .map_err(|e| Error::runtime("setrlimit(RLIMIT_NOFILE)", &e))?;
    enough(&options.plan, descriptors)?;
    let token = CancellationToken::new();
    tui::watchdog::start(token.clone(), tui::terminal::leave_stalled)
        .map_err(|e| Error::runtime("clone", &e))?;
    if screen {
        return show(options, descriptors, &token);
    }
    print(options, &token)?;
    Ok(tui::watchdog::caught().map_or(0, ended_by))
}

fn show(
    options: &CompareOptions,
    descriptors: u64,
    token: &CancellationToken,
) -> Result<u8, Error> {
    let around = CompareSurroundings {
        kernel: release(),
        cpus: cpus(),
        descriptors,
        mirror: options.mirror.unwrap_or(DEFAULT_MIRROR),
        mirrored: options.mirror.is_some(),
    };
    let look = look(options.theme, options.ascii, options.mouse, options.run_for);
    // There is room for it on the screen.
    let plan = ComparePlan { curve: true, ..options.plan.clone() };
    Ok(match tui::compare::run::run(plan, &around, look, token)? {
        tui::Exit::Signal(signal) => ended_by(signal),
        tui::Exit::Quit => tui::watchdog::caught().map_or(0, ended_by),
    })
}

fn cpus() -> usize {
    available_parallelism().map_or(1, usize::from)
}

/// Whether there are descriptors for all clients.
fn enough(plan: &ComparePlan, limit: u64) -> Result<(), Error> {
    let needed = plan.descriptors();
    if needed <= limit {
        return Ok(());
    }
    let (rows, clients) = (plan.rows(), plan.clients);
    Err(Error::Usage(format!(
        "{rows} rows of {clients} clients take {needed} descriptors, and the limit is {limit} \
         (ulimit -Hn): fewer clients, or fewer loops"
    )))
}

/// Measures, and prints what comes of it.
fn print(options: &CompareOptions, token: &CancellationToken) -> Result<(), Error> {
    let failed = |e: &io::Error| Error::runtime("write to standard output", e);
    let csv = options.output == CompareOutput::Csv;
    let mut board = CompareBoard::new(options.plan.clone());
    let mut out = Output { failure: None, refused: None, token: token.clone() };
    if !csv {
        out.lines([lines::begin(&board, &release(), cpus())]);
    }
    let _timer = options.run_for.map(|time| end_after(time, token)).transpose()?;
    let shows = io::stderr().is_terminal() && !io::stdout().is_terminal();
    compare::measure(&options.plan, token, &mut |update: CompareUpdate| {
        let line = lines::told(&board, &update).filter(|_| !csv);
        out.lines(line);
        board.take(update);
        if shows {
            let _ = write!(io::stderr(), "\r\x1b[K{}", lines::progress(&board));
        }
    });
    if csv {
        out.text(&lines::csv(&board));
    } else {
        out.lines(lines::end(&board));
    }
    if let Some(address) = options.mirror {
        mirror_lines(&options.plan.loops, address, token, &mut out);
    }
    if let Some(why) = out.refused {
        return Err(Error::runtime("mirror", &why));
    }
    match out.failure {
        // A reader that went away is the ordinary end of a pipe.
        Some(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(failed(&error)),
        _ => Ok(()),
    }
}

/// Mirrors clients until the end, and prints what each loop does with what they send.
fn mirror_lines(
    loops: &[Backend],
    address: SocketAddr,
    token: &CancellationToken,
    out: &mut Output,
) {
    let mut board = MirrorBoard::new(loops.to_vec());
    mirror::run(loops, address, token, &mut |update| {
        let line = lines::mirror_told(&board, &update);
        out.lines(line);
        // What was sent is answered: the server has gone back to sleep.
        let over = update == MirrorUpdate::Quiet;
        if let MirrorUpdate::Failed(why) = &update {
            out.refuse(why);
        }
        board.take(update);
        if over && !board.typed.is_empty() {
            out.lines(lines::mirrored(&board));
        }
    });
}

/// Standard output, whose failure ends the run.
struct Output {
    failure: Option<io::Error>,
    /// Why there is no mirror.
    refused: Option<String>,
    token: CancellationToken,
}

impl Output {
    /// Ends the run for that reason.
    fn refuse(&mut self, why: &str) {
        self.refused = Some(why.to_owned());
        self.token.cancel();
    }

    fn lines(&mut self, lines: impl IntoIterator<Item = String>) {
        for line in lines {
            self.text(&format!("{line}\n"));
        }
    }

    fn text(&mut self, text: &str) {
        if self.failure.is_some() {
            return;
        }
        if let Err(error) = Stdout::default().write_all(text.as_bytes()) {
            self.failure = Some(error);
            self.token.cancel();
        }
    }
}

/// Cancels the token after that time; the thread is nobody's and ends with the program.
fn end_after(time: std::time::Duration, token: &CancellationToken) -> Result<(), Error> {
    let token = token.clone();
    let timer = sys::thread::spawn("timer", move || {
        std::thread::sleep(time);
        token.cancel();
    });
    timer.map(drop).map_err(|e| Error::runtime("clone", &e))
}
