//! A thread that takes the signals and notices that the terminal is gone, because a stalled
//! terminal blocks the thread that draws, and crossterm spins when the terminal vanishes.

use std::io::{self, IsTerminal};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, SigmaskHow, Signal, pthread_sigmask};
use nix::sys::signalfd::{SfdFlags, SignalFd};
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
        let signal = wait(&source);
        CAUGHT.store(signal, Ordering::SeqCst);
        token.cancel();
        std::thread::sleep(GRACE);
        terminal::leave_stalled();
        std::process::exit(128 + signal);
    })?;
    Ok(())
}

/// Waits for a signal, or for the terminal to hang up.
fn wait(source: &SignalFd) -> i32 {
    let stdin = io::stdin();
    let tty = stdin.is_terminal();
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
        let gone = PollFlags::POLLHUP | PollFlags::POLLERR | PollFlags::POLLNVAL;
        let hung_up = fds.get(1).and_then(PollFd::revents).is_some_and(|r| r.intersects(gone));
        if let Ok(Some(info)) = source.read_signal() {
            return i32::try_from(info.ssi_signo).unwrap_or(Signal::SIGTERM as i32);
        }
        if hung_up {
            return Signal::SIGHUP as i32;
        }
    }
}
