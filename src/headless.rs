//! The server without a screen: one JSON object a line on standard output, commands on standard
//! input.

#[cfg(test)]
mod tests;

use std::io::{self, BufRead, BufReader, Write};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

use crate::error::Error;
use crate::event::{Command, CommandError, visible};
use crate::session::Session;
pub use crate::sink::jsonl::Lines;
use crate::sink::jsonl::{JsonLine, Jsonl, write_line};
use crate::source::Source;
use crate::sys::standard::{Stdin, Stdout};
use crate::sys::thread;

/// How long to gather events before they are written: the reader is not woken by each.
const GATHER: Duration = Duration::from_millis(5);
/// The same while more than [`LOAD`] events come in that time.
const GATHER_MORE: Duration = Duration::from_millis(66);
/// See [`GATHER_MORE`].
const LOAD: usize = 500;
/// How many times longer than it took to write events it rests before the next, under load, so that
/// the server comes first: what does not fit into the rings meanwhile is lost, and told.
const REST: u32 = 4;
/// The longest rest: on a busy machine most of the time that writing took was that of others.
const REST_MAX: Duration = Duration::from_secs(1);
/// After so many ticks in a row in which no thread of the server was at work there is nobody to
/// rest for: a thread under load is found asleep now and then.
const CALM: u32 = 3;
/// The longest line of standard input, bytes.
const LONGEST: usize = 4096;
/// Lines of standard input that are taken at a time; more wait in the pipe.
const AHEAD: usize = 64;

/// Serves until the token is cancelled, `quit` is read, the time is over, or standard output is
/// closed. Writes a JSON object a line to standard output if that is wanted; else every event is
/// folded, as for a screen, and forgotten.
///
/// # Errors
/// If standard output cannot be written for another reason than that its reader went away, or the
/// system refuses a thread.
pub fn run<S: Source>(
    session: &mut Session<S>,
    json: Option<Lines>,
    run_for: Option<Duration>,
    token: &CancellationToken,
    bell: &Arc<Notify>,
) -> Result<(), Error> {
    let refused = |e: io::Error| Error::runtime("starting the loop", &e);
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().build().map_err(refused)?;
    let input = spawn_reader().map_err(refused)?;
    spawn_hangup_watch(token.clone()).map_err(refused)?;
    let served = runtime.block_on(serve(session, json, input, run_for, token, bell));
    let finished = session.finish(Duration::from_millis(300));
    quietly(served.and(finished)).map_err(|e| Error::runtime("write to standard output", &e))
}

/// A reader that went away is the ordinary end of a pipe.
fn quietly(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

async fn serve<S: Source>(
    session: &mut Session<S>,
    json: Option<Lines>,
    mut input: mpsc::Receiver<Vec<u8>>,
    run_for: Option<Duration>,
    token: &CancellationToken,
    bell: &Arc<Notify>,
) -> io::Result<()> {
    if let Some(lines) = json {
        let sink = Jsonl::begin(session.header(), lines)?;
        session.add_sink(Box::new(sink));
    }
    let end = async {
        match run_for {
            Some(time) => tokio::time::sleep(time).await,
            None => std::future::pending().await,
        }
    };
    tokio::pin!(end);
    let mut idle = 0;
    loop {
        let (begun, waited) = (Instant::now(), session.waited());
        let mut drained = session.tick();
        if drained.events == 0 && !drained.more {
            session.arm();
            drained = session.tick();
        }
        if let Some(error) = session.failure() {
            return Err(error);
        }
        // The time in which the reader of the output did not read is no work.
        let waited = session.waited().saturating_sub(waited);
        let worked = begun.elapsed().saturating_sub(waited);
        let rest = if json.is_some() { (worked * REST).min(REST_MAX) } else { Duration::ZERO };
        idle = if drained.idle { idle + 1 } else { 0 };
        let pause = match (drained.more, drained.events) {
            (_, 0) => drained.again,
            (true, _) if rest.is_zero() || idle >= CALM => Some(Duration::ZERO),
            (_, events) if events > LOAD => Some(rest.max(GATHER_MORE)),
            _ => Some(GATHER),
        };
        tokio::select! {
            () = token.cancelled() => return Ok(()),
            () = &mut end => return Ok(()),
            () = bell.notified(), if drained.events == 0 => {}
            Some(line) = input.recv() => {
                // All that is there: under load a tick takes longer than a line.
                let more = std::iter::from_fn(|| input.try_recv().ok()).take(AHEAD - 1);
                for line in std::iter::once(line).chain(more) {
                    if take(session, json.is_some(), &line)? {
                        return Ok(());
                    }
                }
            }
            () = sleep_for(pause) => {}
        }
    }
}

async fn sleep_for(pause: Option<Duration>) {
    match pause {
        Some(Duration::ZERO) => tokio::task::yield_now().await,
        Some(pause) => tokio::time::sleep(pause).await,
        None => std::future::pending().await,
    }
}

/// Carries out a line of standard input. Whether it asked for the end.
fn take<S: Source>(session: &mut Session<S>, json: bool, line: &[u8]) -> io::Result<bool> {
    match understand(line) {
        Ok(Some(Command::Quit)) => return Ok(true),
        Ok(Some(command)) => session.send(command),
        Err(error) if json => {
            let message = error.to_string();
            let answer = JsonLine::Error { message: &message, input: &visible(line, 200) };
            // A tick leaves nothing unwritten: this line comes between two others.
            let mut text = Vec::new();
            write_line(&mut text, &answer)?;
            Stdout::default().write_all(&text)?;
        }
        Ok(None) | Err(_) => {}
    }
    Ok(false)
}

/// The command in a line of input; `None` for a blank one.
fn understand(line: &[u8]) -> Result<Option<Command>, CommandError> {
    let wrong = |expected: &str| CommandError {
        found: String::from_utf8_lossy(line).into_owned(),
        expected: expected.to_owned(),
    };
    // It was cut there, perhaps within a character, perhaps before its first word.
    if line.len() >= LONGEST {
        return Err(wrong("a shorter line"));
    }
    let text = std::str::from_utf8(line).map_err(|_| wrong("a line of UTF-8"))?;
    if text.trim().is_empty() {
        return Ok(None);
    }
    let command = Command::parse(text)?;
    if command.is_for_server() {
        Ok(Some(command))
    } else {
        Err(wrong("a command for the server: there is no screen"))
    }
}

/// Reads lines on a thread of its own: standard input blocks.
fn spawn_reader() -> io::Result<mpsc::Receiver<Vec<u8>>> {
    let (sender, lines) = mpsc::channel(AHEAD);
    // The thread lives until the end of input; the program does not wait for it.
    thread::spawn("input", move || {
        let mut input = BufReader::new(Stdin);
        while let Ok(Some(line)) = read_line(&mut input) {
            if sender.blocking_send(line).is_err() {
                return;
            }
        }
    })?;
    Ok(lines)
}

/// One line without its end, cut at [`LONGEST`]; `None` at the end of input.
fn read_line(input: &mut impl BufRead) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    let mut any = false;
    loop {
        let chunk = match input.fill_buf() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            other => other?,
        };
        if chunk.is_empty() {
            return Ok(any.then_some(line));
        }
        any = true;
        let end = chunk.iter().position(|b| *b == b'\n');
        let used = end.map_or(chunk.len(), |at| at + 1);
        let room = LONGEST.saturating_sub(line.len());
        line.extend_from_slice(&chunk[..end.unwrap_or(used).min(room)]);
        input.consume(used);
        if end.is_some() {
            return Ok(Some(line));
        }
    }
}

/// Notices that the reader of standard output went away while there is nothing to write.
fn spawn_hangup_watch(token: CancellationToken) -> io::Result<()> {
    thread::spawn("output", move || {
        let out = io::stdout();
        loop {
            let mut fds = [PollFd::new(out.as_fd(), PollFlags::empty())];
            let polled = poll(&mut fds, PollTimeout::NONE);
            let gone = fds[0].revents().is_some_and(|r| !r.is_empty());
            if polled.is_ok() && gone {
                token.cancel();
                return;
            }
            if polled.is_err_and(|errno| errno != nix::errno::Errno::EINTR) {
                return;
            }
        }
    })?;
    Ok(())
}
