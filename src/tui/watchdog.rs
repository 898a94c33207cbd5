//! Threads that take the signals and notice that the terminal is gone, because a stalled terminal
//! blocks the thread that draws, and crossterm reads on when the terminal has vanished. They also
//! notice that the program was stopped and goes on: whoever stopped it, a shell has used the terminal
//! meanwhile.

use std::io::{self, IsTerminal};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, SigmaskHow, Signal, pthread_sigmask};
use nix::unistd::{dup2_stdin, pipe};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::sys::thread;

/// How much later than its signal a vanished terminal is acted upon.
const SIGNAL_FIRST: Duration = Duration::from_millis(2);

/// How long an orderly end may take.
const GRACE: Duration = Duration::from_secs(1);

/// The signal that ended the program, or 0.
static CAUGHT: AtomicI32 = AtomicI32::new(0);

/// The signal that asked the program to end, if one did; SIGHUP also if the terminal vanished.
pub fn caught() -> Option<i32> {
    Some(CAUGHT.load(Ordering::SeqCst)).filter(|signal| *signal != 0)
}

/// The signals that end the program with a status of its own.
const ENDING: [Signal; 4] = [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP, Signal::SIGQUIT];

/// Those that it has no use for: it gives the terminal back, and dies of them as if it knew nothing
/// of them (signal(7), action Term).
const DEADLY: [Signal; 3] = [Signal::SIGUSR1, Signal::SIGUSR2, Signal::SIGALRM];

/// Rung each time the program goes on after it was stopped.
static CONTINUED: Notify = Notify::const_new();

/// Waits until the program has been stopped and goes on.
pub(crate) async fn continued() {
    CONTINUED.notified().await;
}

/// The signals that are waited for.
fn signals() -> SigSet {
    ENDING.into_iter().chain(DEADLY).chain([Signal::SIGCONT]).collect()
}

/// Blocks the signals that are waited for. To be called before any thread starts, so that every
/// thread inherits it. SIGCONT makes a process go on also if it is blocked (signal(7)).
///
/// # Errors
/// If the system refuses.
pub fn block() -> io::Result<()> {
    Ok(pthread_sigmask(SigmaskHow::SIG_BLOCK, Some(&signals()), None)?)
}

/// Dies of the signal that ended the program, if it is one that nothing else is done about. To be
/// called when everything has been given back.
pub fn die_if_deadly() {
    let caught = caught().and_then(|number| Signal::try_from(number).ok());
    if let Some(signal) = caught.filter(|signal| DEADLY.contains(signal)) {
        crate::sys::signal::die_of(signal as i32);
    }
}

/// Starts the threads: on a signal, or when the terminal vanishes, one cancels the token, waits for
/// an orderly end, and then gives the terminal back as far as possible (`give_back`) and ends the
/// process with 128 and the signal's number, or by the signal.
///
/// The signals are waited for, not read from a descriptor: whoever polls a signalfd is woken by
/// every signal of the process, and each wake-up of a watched file is one.
///
/// # Errors
/// If the system refuses a thread.
pub fn start(token: CancellationToken, give_back: fn()) -> io::Result<()> {
    // A terminal that is gone does not say any more that it is one.
    let tty = io::stdin().is_terminal();
    if tty {
        let token = token.clone();
        thread::spawn("hangup", move || {
            while !vanishes(PollTimeout::NONE) {}
            // The signal for it comes first, if it comes.
            std::thread::sleep(SIGNAL_FIRST);
            end(Signal::SIGHUP, &token, tty, give_back);
        })?;
    }
    thread::spawn("watchdog", move || {
        // It fails only for a set that holds no signal (sigwait(3)).
        let mut signal = signals().wait().unwrap_or(Signal::SIGTERM);
        while signal == Signal::SIGCONT {
            CONTINUED.notify_one();
            signal = signals().wait().unwrap_or(Signal::SIGTERM);
        }
        end(signal, &token, tty, give_back);
    })?;
    Ok(())
}

/// The end for that reason; only the first one counts.
fn end(signal: Signal, token: &CancellationToken, tty: bool, give_back: fn()) {
    let signal = signal as i32;
    if CAUGHT.compare_exchange(0, signal, Ordering::SeqCst, Ordering::SeqCst).is_err() {
        return;
    }
    token.cancel();
    rest(tty);
    give_back();
    die_if_deadly();
    std::process::exit(128 + signal);
}

fn is_gone(stdin: &PollFd<'_>) -> bool {
    let gone = PollFlags::POLLHUP | PollFlags::POLLERR | PollFlags::POLLNVAL;
    stdin.revents().is_some_and(|r| r.intersects(gone))
}

/// Whether the other side of standard input goes away within this time.
fn vanishes(within: PollTimeout) -> bool {
    let stdin = io::stdin();
    let mut fds = [PollFd::new(stdin.as_fd(), PollFlags::empty())];
    poll(&mut fds, within).is_ok_and(|ready| ready > 0) && is_gone(&fds[0])
}

/// Whether the terminal that standard input was is gone.
pub(crate) fn is_hung_up() -> bool {
    vanishes(PollTimeout::ZERO)
}

/// Lets an orderly end take its time. Whoever reads a terminal that is gone finds its end over and
/// over again, and the library does: it is given something that stays silent.
fn rest(tty: bool) {
    let begun = Instant::now();
    let grace = PollTimeout::try_from(GRACE).unwrap_or(PollTimeout::ZERO);
    // Both ends stay open as long as it lasts.
    let silent = pipe();
    if let Ok((silent, _)) = &silent
        && tty
        && vanishes(grace)
    {
        let _ = dup2_stdin(silent);
    }
    std::thread::sleep(GRACE.saturating_sub(begun.elapsed()));
}
