//! A thread runs a goroutine: it makes the calls that the goroutine asks for.

use std::os::fd::AsFd;
use std::sync::Arc;

use nix::errno::Errno;

use super::body::{Answer, Ask};
use super::sched::Go;
use super::{GoWorker, tell};
use crate::engine::backend::Turn;
use crate::engine::table::Watched;
use crate::engine::worker::{Accepting, CallOutcome};
use crate::event::{AcceptPolicy, Mistake, Syscall};

/// Runs it until it is left.
pub(super) fn run<const OBSERVED: bool>(worker: &mut GoWorker<'_, OBSERVED>, mut go: Go) -> Turn {
    let sched = Arc::clone(&worker.backend.sched);
    worker.backend.running = Some((go.file, go.id));
    // Once it is closed, each call on it says so.
    let file = worker.shared.table.get(go.file);
    loop {
        let Some(ask) = go.routine.resume(go.answer) else {
            sched.bury(go.file, go.id, |id, what| tell(worker, id, what));
            break;
        };
        match ask {
            Ask::Park(on) => match sched.park(go, on, |id, what| tell(worker, id, what)) {
                Some(back) => go = back,
                None => break,
            },
            Ask::Yield if !yields(worker) => go.answer = Answer::Go,
            Ask::Yield => {
                sched.leave(go, |id, what| tell(worker, id, what));
                break;
            }
            Ask::Read | Ask::Send | Ask::Accept | Ask::Control => {
                go.answer = match &file {
                    Some(file) => perform(worker, file, ask),
                    None => Answer::Gone,
                };
            }
        }
    }
    worker.backend.running = None;
    Turn::Again
}

/// Whether a goroutine that would let others run does so.
fn yields<const OBSERVED: bool>(worker: &GoWorker<'_, OBSERVED>) -> bool {
    let called = || worker.shared.gate.calls(worker.door.id()).is_some();
    !worker.mistake(Mistake::NoReadBound) || called()
}

/// Makes the call; what it came to.
fn perform<const OBSERVED: bool>(
    worker: &mut GoWorker<'_, OBSERVED>,
    file: &Arc<Watched>,
    ask: Ask,
) -> Answer {
    match ask {
        Ask::Read => answer(worker.read_step(file), Answer::Deaf),
        Ask::Send => answer(worker.send_step(file), Answer::Empty),
        Ask::Accept => match worker.accept_once(file, &mut 0) {
            Accepting::More => {
                let once = worker.settings.accept == AcceptPolicy::Once;
                let called = || worker.shared.gate.calls(worker.door.id()).is_some();
                if once || worker.mistake(Mistake::AcceptOnce) || called() {
                    Answer::Empty
                } else {
                    Answer::Moved(1)
                }
            }
            Accepting::Enough => Answer::Again,
            Accepting::Unminded => Answer::Empty,
            Accepting::Muted => Answer::NoDescriptor,
            Accepting::Gone => Answer::Gone,
        },
        Ask::Control => control(worker),
        Ask::Park(_) | Ask::Yield => Answer::Go,
    }
}

fn answer(step: CallOutcome, nothing: Answer) -> Answer {
    match step {
        CallOutcome::Moved(bytes) => Answer::Moved(u32::try_from(bytes).unwrap_or(u32::MAX)),
        CallOutcome::Again => Answer::Again,
        CallOutcome::Nothing => nothing,
        CallOutcome::On => Answer::Go,
        CallOutcome::Gone => Answer::Gone,
    }
}

/// Reads the control eventfd, and does what is asked.
fn control<const OBSERVED: bool>(worker: &mut GoWorker<'_, OBSERVED>) -> Answer {
    let event = worker.shared.mailbox.event();
    worker.gate(Syscall::Read { fd: event.fd(), len: 8 });
    let got = worker.door.read(event.as_fd(), &mut [0; 8]);
    worker.carry_out();
    match got {
        Err(Errno::EAGAIN) => Answer::Again,
        _ => Answer::Go,
    }
}
