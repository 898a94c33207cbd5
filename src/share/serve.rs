//! The whole life of the process that serves viewers.

use std::cell::RefCell;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::rc::Rc;
use std::time::Duration;

use nix::fcntl::{OFlag, open};
use nix::sys::stat::Mode;
use nix::unistd::{chdir, dup2_stderr, dup2_stdin, dup2_stdout};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::net::unix::pipe::{Receiver, Sender};
use tokio::task::{LocalSet, spawn_local};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::code::ShareCode;
use super::http::{Door, DoorLimits, accept};
use super::hub::Hub;
use super::wire::{Reported, Telling};
use crate::error::Error;
use crate::sys::limits::let_others_go_first;
use crate::sys::message::{pack, unpack};
use crate::sys::number;

/// How often the session is told who watches, if that changes.
const REPORT: Duration = Duration::from_secs(1);
/// The least time between two such reports.
const SOON: Duration = Duration::from_millis(50);
/// How long viewers have to read the end.
const FAREWELL: Duration = Duration::from_millis(300);
/// By how much its nice value is raised.
const NICE: u8 = 10;
/// Bytes that are read of the pipe at a time.
const CHUNK: usize = 64 << 10;

/// Serves viewers until standard input ends, or nobody reads standard output. Where standard error
/// would be is the socket that they connect to: it is inherited so without a number of its own.
///
/// # Errors
/// If the process cannot be made ready.
pub fn serve() -> Result<u8, Error> {
    let failed = |error: io::Error| Error::runtime("share", &error);
    // The observed server does not wait for those who look at it.
    let_others_go_first(NICE);
    let [input, output, listener] = ready().map_err(failed)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let served = LocalSet::new().block_on(&runtime.map_err(failed)?, run(input, output, listener));
    served.map(|()| 0).map_err(failed)
}

/// Takes what it was given, and nothing else.
fn ready() -> io::Result<[OwnedFd; 3]> {
    // It keeps no file system from being unmounted.
    chdir("/")?;
    number::close_from(3)?;
    let (input, output, listener) = (io::stdin(), io::stdout(), io::stderr());
    let given = [input.as_fd(), output.as_fd(), listener.as_fd()];
    let [input, output, listener] = given.map(|fd| fd.try_clone_to_owned());
    let given = [input?, output?, listener?];
    let null = open("/dev/null", OFlag::O_RDWR | OFlag::O_CLOEXEC, Mode::empty())?;
    dup2_stdin(&null)?;
    dup2_stdout(&null)?;
    dup2_stderr(&null)?;
    Ok(given)
}

async fn run(input: OwnedFd, output: OwnedFd, listener: OwnedFd) -> io::Result<()> {
    let mut told = SessionPipe { input: Receiver::from_owned_fd(input)?, bytes: Vec::new() };
    let listener = std::net::TcpListener::from(listener);
    listener.set_nonblocking(true)?;
    let listener = TcpListener::from_std(listener)?;
    let Some(Telling::Begin { code, name, page, blocks }) = told.next().await? else {
        return Err(io::Error::other("it was not told how"));
    };
    let code = ShareCode::parse(&code).ok_or_else(|| io::Error::other("that is no code"))?;
    let hub = Rc::new(RefCell::new(Hub::new(code, name, page, blocks)));
    let accepting =
        spawn_local(accept(listener, Door::new(Rc::clone(&hub), DoorLimits::default())));
    let reports = spawn_local(report(Rc::clone(&hub), Sender::from_owned_fd(output)?));
    while !reports.is_finished() {
        match told.next().await {
            Ok(Some(telling)) => hub.borrow_mut().take(telling),
            Ok(None) | Err(_) => break,
        }
    }
    hub.borrow_mut().end("the session has ended");
    // Aborted, it drops the listener.
    accepting.abort();
    let gone = async {
        while hub.borrow().viewers() > 0 {
            sleep(Duration::from_millis(5)).await;
        }
    };
    let _deaf = timeout(FAREWELL, gone).await;
    Ok(())
}

/// What comes through the pipe.
struct SessionPipe {
    input: Receiver,
    bytes: Vec<u8>,
}

impl SessionPipe {
    /// The next message; `None` at the end.
    async fn next(&mut self) -> io::Result<Option<Telling>> {
        loop {
            if let Some(telling) = unpack(&mut self.bytes).map_err(io::Error::other)? {
                return Ok(Some(telling));
            }
            self.bytes.reserve(CHUNK);
            if self.input.read_buf(&mut self.bytes).await? == 0 {
                return Ok(None);
            }
        }
    }
}

/// Tells the session who watches, until it is not there any more.
async fn report(hub: Rc<RefCell<Hub>>, mut output: Sender) {
    let (urgent, refusals) = (hub.borrow().urgent(), hub.borrow().refusals());
    let (mut last, mut tallied) = (None, Instant::now());
    loop {
        let begun = Instant::now();
        let reports = {
            let mut hub = hub.borrow_mut();
            // One in so much time, and the last one at once.
            let due = tallied.elapsed() >= REPORT || hub.is_closed();
            let answered = due.then(|| hub.tally()).flatten().map(Reported::Answered);
            if answered.is_some() {
                tallied = begun;
            }
            let report = hub.report();
            // What did not come of it is asked for again.
            let new = last.replace(report) != Some(report) || report.waits();
            new.then_some(Reported::Watched(report)).into_iter().chain(answered)
        };
        for report in reports {
            let Ok(bytes) = pack(&report) else { return };
            if output.write_all(&bytes).await.is_err() {
                return;
            }
        }
        let later = async {
            // While nobody watches, nothing else is new, and no clock ticks for it.
            if hub.borrow().is_quiet() {
                refusals.notified().await;
            }
            sleep_until(begun + REPORT).await;
        };
        tokio::select! {
            () = urgent.notified() => {}
            () = later => {}
        }
        sleep_until(begun + SOON).await;
    }
}
