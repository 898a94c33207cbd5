//! A thread that takes the signals and notices that the terminal is gone, because a stalled
//! terminal blocks the thread that draws, and crossterm reads on when the terminal has vanished.

use std::io::{self, IsTerminal};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, SigmaskHow, Signal, pthread_sigmask};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::unistd::{dup2_stdin, pipe};
use tokio_util::sync::CancellationToken;

use super::terminal;

/// How long an orderly end may take.
const GRACE: Duration = Duration::from_secs(1);

/// The signal that ended the program, or 0.
static CAUGHT: AtomicI32 = AtomicI32::new(0);

/// The signal that asked the program to end, if one did; SIGHUP also if the terminal vanished.
pub fn caught() -> Option<i32> {
    Some(CAUGHT.load(Ordering::SeqCst)).filter(|signal| *signal != 0)
}

/// The signals that end the program.
pub fn signals() -> SigSet {
    [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP, Signal::SIGQUIT].into_iter().collect()
}

/// Blocks the signals that end the program. To be called before any thread starts, so that every
/// thread inherits it.
///
/// # Errors
/// If the system refuses.
pub fn block() -> io::Result<()> {
    Ok(pthread_sigmask(SigmaskHow::SIG_BLOCK, Some(&signals()), None)?)
}

/// Starts the thread: on a signal, or when the terminal vanishes, it cancels the token, waits for
/// an orderly end, and then gives the terminal back as far as possible and ends the process with
/// 128 and the signal's number.
///
/// # Errors
/// If the system refuses the descriptor or the thread.
pub fn start(token: CancellationToken) -> io::Result<()> {
    let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
    let source = SignalFd::with_flags(&signals(), flags)?;
    std::thread::Builder::new().name("watchdog".to_owned()).spawn(move || {
        // A terminal that is gone does not say any more that it is one.
        let tty = io::stdin().is_terminal();
        let signal = wait(&source, tty);
        CAUGHT.store(signal, Ordering::SeqCst);
        token.cancel();
        rest(tty);
        terminal::leave_stalled();
        std::process::exit(128 + signal);
    })?;
    Ok(())
}

/// Waits for a signal, or for the terminal to hang up.
fn wait(source: &SignalFd, tty: bool) -> i32 {
    let stdin = io::stdin();
    loop {
        let mut fds = vec![PollFd::new(source.as_fd(), PollFlags::POLLIN)];
        if tty {
            // POLLHUP and POLLERR are always reported (poll(2)); input is somebody else's.
            fds.push(PollFd::new(stdin.as_fd(), PollFlags::empty()));
        }
        match poll(&mut fds, PollTimeout::NONE) {
            Err(Errno::EINTR) => continue,
            Err(_) => return Signal::SIGTERM as i32,
            Ok(_) => {}
        }
        let hung_up = fds.get(1).is_some_and(is_gone);
        if let Ok(Some(info)) = source.read_signal() {
            return i32::try_from(info.ssi_signo).unwrap_or(Signal::SIGTERM as i32);
        }
        if hung_up {
            return Signal::SIGHUP as i32;
        }
    }
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
pub fn is_hung_up() -> bool {
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
