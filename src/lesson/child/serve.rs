//! The side that answers: the whole life of the process of a case.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Mutex, PoisonError};

use nix::fcntl::{OFlag, open};
use nix::sched::{CloneFlags, unshare};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::Signal;
use nix::sys::stat::Mode;
use nix::unistd::{chdir, dup2_stderr, dup2_stdin, dup2_stdout, getppid};

use super::{Reply, Request};
use crate::error::Error;
use crate::lesson::case::{Action, Case};
use crate::lesson::real::reserved::ReservedFds;
use crate::lesson::run::{RunError, Runner};
use crate::sys::message::{pack, unpack};
use crate::sys::number;

/// Answers requests until standard input ends. `parent` is the process that asks: with it this one
/// dies.
///
/// # Errors
/// If the process cannot be made ready, or nobody reads its answers.
pub fn serve(parent: u32) -> Result<u8, Error> {
    let (input, output) = ready(parent).map_err(|e| Error::runtime("begin a case", &e))?;
    let mut pipes = Pipes { input, output, bytes: Vec::new() };
    answer(&mut pipes).map_err(|e| Error::runtime("answer a request", &e))?;
    Ok(0)
}

/// Makes a clean process: it ends with its parent, holds no descriptor of others, and its own sit
/// above those of the case.
fn ready(parent: u32) -> io::Result<(File, File)> {
    set_pdeathsig(Signal::SIGKILL)?;
    if i64::from(getppid().as_raw()) != i64::from(parent) {
        return Err(io::Error::other("whoever asked is gone"));
    }
    // It keeps no file system from being unmounted.
    chdir("/")?;
    number::close_from(3).or_else(|_| close_listed())?;
    let own = ReservedFds::new()?;
    let kept = |fd: io::Result<OwnedFd>| fd.map(|fd| File::from(own.keep(fd)));
    let input = kept(io::stdin().as_fd().try_clone_to_owned())?;
    let output = kept(io::stdout().as_fd().try_clone_to_owned())?;
    let null = open("/dev/null", OFlag::O_RDWR | OFlag::O_CLOEXEC, Mode::empty())?;
    dup2_stdin(&null)?;
    dup2_stdout(&null)?;
    dup2_stderr(&null)?;
    Ok((input, output))
}

/// Closes everything, one by one, where the kernel cannot do so at once.
fn close_listed() -> io::Result<()> {
    let names = std::fs::read_dir("/proc/self/fd")?;
    let numbers: Vec<_> = names
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok())
        .filter(|number| *number > 2)
        .collect();
    numbers.into_iter().for_each(number::close);
    Ok(())
}

struct Pipes {
    input: File,
    output: File,
    bytes: Vec<u8>,
}

impl Pipes {
    /// The next request; `None` once nobody asks any more.
    fn request(&mut self) -> io::Result<Option<Request>> {
        loop {
            if let Some(request) = unpack(&mut self.bytes).map_err(io::Error::other)? {
                return Ok(Some(request));
            }
            let mut room = [0; 1 << 14];
            match self.input.read(&mut room) {
                Ok(0) => return Ok(None),
                Ok(count) => self.bytes.extend_from_slice(&room[..count]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn reply(&mut self, reply: &Reply) -> io::Result<()> {
        let bytes = pack(reply).map_err(io::Error::other)?;
        self.output.write_all(&bytes)
    }
}

/// What the last panic said: nobody would see it on standard error.
static SAID: Mutex<String> = Mutex::new(String::new());

fn answer(pipes: &mut Pipes) -> io::Result<()> {
    panic::set_hook(Box::new(|info| {
        *SAID.lock().unwrap_or_else(PoisonError::into_inner) = info.to_string();
    }));
    let mut runner = None;
    while let Some(request) = pipes.request()? {
        let result = panic::catch_unwind(AssertUnwindSafe(|| carry_out(&mut runner, request)));
        let reply = result.unwrap_or_else(|_| {
            let said = SAID.lock().unwrap_or_else(PoisonError::into_inner);
            Reply::Failed(said.replace('\n', " "))
        });
        pipes.reply(&reply)?;
    }
    Ok(())
}

/// Gives the process a count of queued signals of its own, if the case limits them: the user's is
/// one for all processes, and others would take part in it (user_namespaces(7); kernel/ucount.c).
/// Where that is refused the case shares it with them.
fn own_signal_queue(case: &Case) {
    let limits = |action: &Action| matches!(action, Action::LimitSignals { .. });
    let has_limit = |action: &Action| match action {
        Action::Repeat { body, .. } => body.iter().any(limits),
        action => limits(action),
    };
    if case.steps.iter().any(|step| has_limit(&step.action)) {
        let _shared = unshare(CloneFlags::CLONE_NEWUSER);
    }
}

fn carry_out(runner: &mut Option<Runner>, request: Request) -> Reply {
    let done = match (request, runner) {
        (Request::Start(case), runner) => {
            own_signal_queue(&case);
            Runner::start(*case).map(|(begun, report)| {
                *runner = Some(begun);
                Some(report)
            })
        }
        (Request::Step, Some(runner)) => runner.step(),
        (Request::Act(step), Some(runner)) => runner.act(&step).map(Some),
        (_, None) => Err(RunError::Refused("there is no case yet".to_owned())),
    };
    match done {
        Ok(Some(report)) => Reply::Report(Box::new(report)),
        Ok(None) => Reply::Over,
        Err(RunError::Skipped(skip)) => Reply::Skipped(skip),
        Err(RunError::Refused(why)) => Reply::Refused(why),
        Err(RunError::Failed(why)) => Reply::Failed(why),
    }
}
