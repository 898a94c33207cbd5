//! The side that asks.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::{Reply, Request, SUBCOMMAND};
use crate::lesson::case::{Case, Step};
use crate::lesson::run::Report;
use crate::lesson::skip::{Skip, SkipCause};
use crate::sys::message::{pack, unpack};

/// Why a request has no report.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlayError {
    /// The system does not grant what the case needs.
    #[error("{0}")]
    Skipped(Skip),
    /// It cannot be done now; the case goes on as it was.
    #[error("{0}")]
    Refused(String),
    /// There was no answer in time; the process is gone.
    #[error("no answer within {0:?}")]
    Late(Duration),
    /// The process is gone, or has to go.
    #[error("{0}")]
    Died(String),
}

impl PlayError {
    fn died(what: &str, why: &dyn std::fmt::Display) -> Self {
        Self::Died(format!("{what}: {why}"))
    }

    /// Whether the case can go on.
    pub fn is_final(&self) -> bool {
        !matches!(self, Self::Refused(_))
    }
}

/// A case in its process. Dropping it kills and reaps the process.
///
/// The process dies with the *thread* that started it (PR_SET_PDEATHSIG, prctl(2)).
#[derive(Debug)]
pub struct Player {
    child: Child,
    /// Closed by the first failure.
    pipes: Option<(ChildStdin, ChildStdout)>,
    deadline: Duration,
    /// The request that is being waited for was made then.
    asked: Option<Instant>,
    bytes: Vec<u8>,
}

/// How long a killed process is waited for; the kernel has nothing to do but to end it.
const REAP: Duration = Duration::from_secs(2);

impl Player {
    /// Starts `case` in a process of its own and makes its actors; each request is answered within
    /// `deadline` or fails. The report is that of step 0.
    ///
    /// # Errors
    /// [`PlayError::Skipped`] if the system does not grant what the case needs; otherwise if the
    /// process cannot be started or does not answer.
    pub fn start(case: &Case, deadline: Duration) -> Result<(Self, Report), PlayError> {
        Self::start_as(&this_program(), case, deadline)
    }

    /// The same, in a process that runs `program`, which must be this one.
    ///
    /// # Errors
    /// As [`Player::start`].
    pub fn start_as(
        program: &Path,
        case: &Case,
        deadline: Duration,
    ) -> Result<(Self, Report), PlayError> {
        let mut player = Self::spawn(program, deadline)?;
        player.ask(&Request::Start(Box::new(case.clone())))?;
        let report = player.wait()?;
        let report = report.ok_or_else(|| player.broken(&"no report of the actors"))?;
        Ok((player, report))
    }

    fn spawn(program: &Path, deadline: Duration) -> Result<Self, PlayError> {
        // What a thread sleeps in, and what is registered, is read there (proc(5)).
        if !Path::new("/proc/self/task").exists() {
            let why = "needs /proc, which is not mounted";
            return Err(PlayError::Skipped(Skip::new(SkipCause::NoProc, why)));
        }
        let mut child = Command::new(program)
            .arg(SUBCOMMAND)
            .arg(std::process::id().to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|e| PlayError::died("start a process", &e))?;
        let pipes = child.stdin.take().zip(child.stdout.take());
        let player = Self { child, pipes, deadline, asked: None, bytes: Vec::new() };
        if let Some((input, output)) = &player.pipes {
            for end in [input.as_fd(), output.as_fd()] {
                fcntl(end, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))
                    .map_err(|e| PlayError::died("fcntl(O_NONBLOCK)", &e))?;
            }
        }
        Ok(player)
    }

    /// How long the requests from now on may take.
    pub fn set_deadline(&mut self, deadline: Duration) {
        self.deadline = deadline;
    }

    /// The process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Makes the next step of the case; `None` after the last one.
    ///
    /// # Errors
    /// If it cannot be made, or is not over in time. After [`PlayError::Refused`] the next step is
    /// the one behind it.
    pub fn step(&mut self) -> Result<Option<Report>, PlayError> {
        self.begin_step()?;
        self.wait()
    }

    /// Makes a step that is none of the case's.
    ///
    /// # Errors
    /// As [`Player::step`].
    pub fn act(&mut self, step: &Step) -> Result<Report, PlayError> {
        self.begin_act(step)?;
        let report = self.wait()?;
        report.ok_or_else(|| self.broken(&"no report of the action"))
    }

    /// Asks for the next step of the case without waiting for it: [`Player::poll`] does.
    ///
    /// # Errors
    /// If the process is gone.
    pub fn begin_step(&mut self) -> Result<(), PlayError> {
        self.ask(&Request::Step)
    }

    /// Asks for a step that is none of the case's, without waiting for it.
    ///
    /// # Errors
    /// If the process is gone.
    pub fn begin_act(&mut self, step: &Step) -> Result<(), PlayError> {
        self.ask(&Request::Act(Box::new(step.clone())))
    }

    /// Whether a request is being worked on.
    pub fn is_busy(&self) -> bool {
        self.asked.is_some()
    }

    /// What is readable once an answer has come.
    pub fn answers(&self) -> Option<BorrowedFd<'_>> {
        self.pipes.as_ref().map(|(_, output)| output.as_fd())
    }

    /// What came of the last request, if it is over: a report, or `Some(None)` after the last step.
    /// Does not wait.
    ///
    /// # Errors
    /// If it could not be done, or was not over in time.
    pub fn poll(&mut self) -> Result<Option<Option<Report>>, PlayError> {
        let Some(asked) = self.asked else { return Ok(None) };
        let open = self.receive()?;
        if let Some(reply) = self.unpack()? {
            self.asked = None;
            return self.understand(reply).map(Some);
        }
        if !open {
            return Err(self.gone());
        }
        if asked.elapsed() >= self.deadline {
            self.kill();
            return Err(PlayError::Late(self.deadline));
        }
        Ok(None)
    }

    /// Ends the process and waits until it is gone.
    pub fn kill(&mut self) {
        (self.pipes, self.asked) = (None, None);
        if matches!(self.child.try_wait(), Ok(Some(_))) {
            return;
        }
        let _ = self.child.kill();
        let end = Instant::now() + REAP;
        while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < end {
            thread::sleep(Duration::from_micros(200));
        }
    }

    fn wait(&mut self) -> Result<Option<Report>, PlayError> {
        loop {
            if let Some(report) = self.poll()? {
                return Ok(report);
            }
            let Some(asked) = self.asked else { return Err(self.broken(&"nothing was asked")) };
            let left = self.deadline.saturating_sub(asked.elapsed());
            self.readable(left + Duration::from_millis(1));
        }
    }

    /// Waits until there is something to read, or the time is over.
    fn readable(&self, at_most: Duration) {
        let Some(output) = self.answers() else { return };
        let at_most = PollTimeout::try_from(at_most).unwrap_or(PollTimeout::MAX);
        // A failure is met again, and told, by the read that follows.
        let _ = poll(&mut [PollFd::new(output, PollFlags::POLLIN)], at_most);
    }

    fn ask(&mut self, request: &Request) -> Result<(), PlayError> {
        if self.is_busy() {
            return Err(PlayError::Refused("the last step is not over yet".to_owned()));
        }
        let bytes = pack(request).map_err(|e| PlayError::Refused(e.to_string()))?;
        self.asked = Some(Instant::now());
        self.send(&bytes).map_err(|error| match error.kind() {
            io::ErrorKind::BrokenPipe => self.gone(),
            io::ErrorKind::TimedOut => {
                self.kill();
                PlayError::Late(self.deadline)
            }
            _ => self.broken(&error),
        })
    }

    fn send(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        let end = Instant::now() + self.deadline;
        let Some((input, _)) = &mut self.pipes else {
            return Err(io::ErrorKind::BrokenPipe.into());
        };
        while !bytes.is_empty() {
            match input.write(bytes) {
                Ok(count) => bytes = &bytes[count..],
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let left = end.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return Err(io::ErrorKind::TimedOut.into());
                    }
                    let left = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
                    let done = poll(&mut [PollFd::new(input.as_fd(), PollFlags::POLLOUT)], left);
                    if let Err(error) = done.map(drop).or_else(again) {
                        return Err(error.into());
                    }
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Reads what is there. Whether more can come.
    fn receive(&mut self) -> Result<bool, PlayError> {
        let mut room = vec![0; 1 << 16];
        loop {
            let Some((_, output)) = &mut self.pipes else { return Ok(false) };
            match output.read(&mut room) {
                Ok(0) => return Ok(false),
                Ok(count) => self.bytes.extend_from_slice(&room[..count]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(true),
                Err(error) => return Err(self.broken(&error)),
            }
        }
    }

    fn unpack(&mut self) -> Result<Option<Reply>, PlayError> {
        let reply = unpack(&mut self.bytes);
        reply.map_err(|error| self.broken(&error))
    }

    fn understand(&mut self, reply: Reply) -> Result<Option<Report>, PlayError> {
        match reply {
            Reply::Report(report) => Ok(Some(*report)),
            Reply::Over => Ok(None),
            Reply::Refused(why) => Err(PlayError::Refused(why)),
            Reply::Skipped(skip) => {
                self.kill();
                Err(PlayError::Skipped(skip))
            }
            Reply::Failed(why) => {
                self.kill();
                Err(PlayError::Died(why))
            }
        }
    }

    /// The process ended by itself, or by somebody else's hand.
    fn gone(&mut self) -> PlayError {
        // It closed its end a moment before it was gone.
        let end = Instant::now() + REAP;
        let status = loop {
            match self.child.try_wait() {
                Ok(None) if Instant::now() < end => thread::sleep(Duration::from_micros(200)),
                other => break other,
            }
        };
        self.kill();
        match status {
            Ok(Some(status)) => PlayError::died("the process of the case ended", &status),
            _ => PlayError::Died("the process of the case went silent".to_owned()),
        }
    }

    fn broken(&mut self, why: &dyn std::fmt::Display) -> PlayError {
        self.kill();
        PlayError::died("talk to the process of the case", why)
    }
}

impl Drop for Player {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A call that a signal interrupted is made again.
fn again(error: Errno) -> Result<(), Errno> {
    if error == Errno::EINTR { Ok(()) } else { Err(error) }
}

/// This program, even if its file has been replaced or removed meanwhile (proc(5)).
fn this_program() -> PathBuf {
    PathBuf::from("/proc/self/exe")
}
