//! A loop in its process, with its clients: started, driven, looked at.

use crate::event::Backend;
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, AsRawFd};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tokio_util::sync::CancellationToken;

use super::ComparePlan;
use super::child::{CountReport, SUBCOMMAND};
use super::process::{Usage, resident_kib, usage};
use crate::engine::CallCounts;
use crate::event::visible;
use crate::sys::socket;

/// How long an answer may take, of the process or of the server.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a process may take to end that has closed its pipes.
const ENDING: Duration = Duration::from_secs(2);
/// How often it is looked meanwhile whether to go on.
const LOOK: Duration = Duration::from_millis(50);

/// A running loop. Dropping it ends its process.
pub(super) struct Subject {
    process: LoopProcess,
    clients: Vec<TcpStream>,
    /// Those that send, by their places: evenly among all.
    active: Vec<usize>,
    request: Vec<u8>,
    answer: Vec<u8>,
    /// KiB that a client takes of the server's memory.
    pub(super) kib_per_client: f64,
}

/// What is read of a loop between two slices.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reading {
    pub(super) counts: CallCounts,
    pub(super) usage: Usage,
}

impl Subject {
    /// Starts the loop in a process of its own and connects its clients, each of which is served
    /// once.
    ///
    /// # Errors
    /// In words, why it cannot be had; if the process says why, in its words.
    pub(super) fn start(
        name: Backend,
        plan: &ComparePlan,
        stop: &CancellationToken,
    ) -> Result<Self, String> {
        let (process, address) = LoopProcess::start(name, stop)?;
        let before = resident_kib(process.child.id()).map_err(|e| e.to_string())?;
        let wanted = (0..plan.clients).take_while(|_| !stop.is_cancelled());
        let clients: io::Result<Vec<_>> = wanted.map(|_| connect(address)).collect();
        let clients = clients.map_err(|error| format!("connect a client: {error}"))?;
        if stop.is_cancelled() {
            return Err("stopped".to_owned());
        }
        let size = usize::try_from(plan.size).unwrap_or(1);
        let (request, answer) = (vec![b'x'; size], vec![0; size]);
        let all = (0..clients.len()).collect();
        let mut subject =
            Self { process, clients, active: all, request, answer, kib_per_client: 0.0 };
        subject.pass(stop).map_err(|error| subject.process.last_words(&error))?;
        let after = resident_kib(subject.process.child.id()).map_err(|e| e.to_string())?;
        #[expect(clippy::cast_precision_loss, reason = "kibibytes")]
        let grown = after.saturating_sub(before) as f64;
        subject.kib_per_client = grown / f64::from(plan.clients);
        subject.active = places(plan.clients, plan.active);
        Ok(subject)
    }

    /// Every active client sends a request, then every one reads its answer, until the time is over.
    /// How many requests that made, and nanoseconds that it took; nothing is in flight then.
    ///
    /// # Errors
    /// In words, if the server does not answer, or it is time to stop.
    pub(super) fn drive(
        &mut self,
        time: Duration,
        stop: &CancellationToken,
    ) -> Result<(u64, u64), String> {
        let begun = Instant::now();
        let mut requests = 0;
        while requests == 0 || begun.elapsed() < time {
            self.pass(stop).map_err(|error| self.process.last_words(&error))?;
            requests += self.active.len() as u64;
        }
        Ok((requests, u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX)))
    }

    fn pass(&mut self, stop: &CancellationToken) -> io::Result<()> {
        for place in &self.active {
            self.clients[*place].write_all(&self.request)?;
        }
        for place in &self.active {
            read_all(&mut self.clients[*place], &mut self.answer, stop)?;
        }
        Ok(())
    }

    /// What has been counted so far, and what the kernel says.
    ///
    /// # Errors
    /// In words, if the process is gone.
    pub(super) fn read(&mut self, stop: &CancellationToken) -> Result<Reading, String> {
        let counts = self.process.counts(stop)?;
        let usage = usage(self.process.child.id()).map_err(|e| e.to_string())?;
        Ok(Reading { counts, usage })
    }
}

/// The places of `active` clients, evenly among `clients`.
fn places(clients: u32, active: u32) -> Vec<usize> {
    let place = |n: u32| u64::from(n) * u64::from(clients) / u64::from(active.max(1));
    (0..active).filter_map(|n| usize::try_from(place(n)).ok()).collect()
}

fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let client = TcpStream::connect(address)?;
    client.set_nodelay(true)?;
    client.set_read_timeout(Some(LOOK))?;
    // Its end is a reset: thousands that waited for late segments (TIME_WAIT) would take up the
    // ports of the next ones.
    socket::set_linger(client.as_raw_fd(), 0)?;
    Ok(client)
}

/// Reads until `into` is full.
fn read_all(
    client: &mut TcpStream,
    mut into: &mut [u8],
    stop: &CancellationToken,
) -> io::Result<()> {
    let mut begun = None;
    while !into.is_empty() {
        match client.read(into) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(count) => into = &mut into[count..],
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                let begun: &mut Instant = begun.get_or_insert_with(Instant::now);
                if stop.is_cancelled() || begun.elapsed() > PATIENCE {
                    return Err(ErrorKind::TimedOut.into());
                }
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// This program as a server with that loop, on a free port, which ends with the thread that starts it
/// (PR_SET_PDEATHSIG, prctl(2)). It reads a connection once an event, as is usual with
/// level-triggered ones: no read is made to be told that there is nothing. A ring has a recv armed
/// that goes on.
pub(super) fn program(name: Backend) -> Command {
    let mut command = Command::new("/proc/self/exe");
    command.args([SUBCOMMAND, &std::process::id().to_string()]);
    command.args(["--headless", "--listen=127.0.0.1:0"]);
    if name != Backend::IoUring {
        command.arg(format!("--read=once:{}", ComparePlan::MAX_SIZE));
    }
    // What the server does anyway needs no word.
    if name != Backend::ALL[0] {
        command.arg(format!("--backend={name}"));
    }
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// The last line that a process has left on its standard error, as far as it may be shown.
pub(super) fn last_line(child: &mut Child) -> String {
    let mut said = Vec::new();
    if let Some(errors) = &mut child.stderr {
        let _ = errors.read_to_end(&mut said);
    }
    let said = String::from_utf8_lossy(&said);
    let last = said.lines().rev().find(|line| !line.trim().is_empty());
    let last = last.map(|line| line.trim_start_matches("epollscope: "));
    visible(last.unwrap_or("it ended without a word").as_bytes(), 300)
}

/// The process of a loop and the pipes to it. Dropping it ends it.
struct LoopProcess {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl LoopProcess {
    /// Starts it and waits until it has served a first client.
    fn start(name: Backend, stop: &CancellationToken) -> Result<(Self, SocketAddr), String> {
        let mut child = program(name)
            .arg("--unobserved")
            .spawn()
            .map_err(|error| format!("start a process: {error}"))?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err("start a process: it has no pipes".to_owned());
        };
        let mut process = Self { child, input, output: BufReader::new(output) };
        let report = process.report(stop)?;
        Ok((process, report.address))
    }

    fn counts(&mut self, stop: &CancellationToken) -> Result<CallCounts, String> {
        self.input.write_all(b"\n").map_err(|error| self.last_words(&error))?;
        Ok(self.report(stop)?.counts)
    }

    /// The next line of the process.
    fn report(&mut self, stop: &CancellationToken) -> Result<CountReport, String> {
        let begun = Instant::now();
        while !self.is_readable() {
            if stop.is_cancelled() {
                return Err("stopped".to_owned());
            }
            if begun.elapsed() > PATIENCE {
                return Err(format!("no answer within {PATIENCE:?}"));
            }
        }
        let mut line = String::new();
        // A line is written at once.
        match self.output.read_line(&mut line) {
            Ok(count) if count > 0 => serde_json::from_str(&line).map_err(|e| e.to_string()),
            Ok(_) => Err(self.last_words(&ErrorKind::UnexpectedEof.into())),
            Err(error) => Err(self.last_words(&error)),
        }
    }

    /// Whether there is something to read, or the end; waits a little for it.
    fn is_readable(&self) -> bool {
        let output = self.output.get_ref();
        let look = PollTimeout::try_from(LOOK).unwrap_or(PollTimeout::ZERO);
        let mut fds = [PollFd::new(output.as_fd(), PollFlags::POLLIN)];
        poll(&mut fds, look).is_ok_and(|ready| ready > 0)
    }

    /// What the process said before it ended; if it has not ended, the failure that was met.
    fn last_words(&mut self, error: &io::Error) -> String {
        if error.kind() == ErrorKind::TimedOut {
            return format!("no answer within {PATIENCE:?}");
        }
        let end = Instant::now() + ENDING;
        while matches!(self.child.try_wait(), Ok(None)) {
            if Instant::now() > end {
                return error.to_string();
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        last_line(&mut self.child)
    }
}

impl Drop for LoopProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn active_clients_stand_evenly_among_all() {
        assert_eq!(places(4, 4), [0, 1, 2, 3]);
        assert_eq!(places(1000, 4), [0, 250, 500, 750]);
        assert_eq!(places(3, 2), [0, 1]);
        assert_eq!(places(1, 1), [0]);
    }
}
