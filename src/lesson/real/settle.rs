//! Waiting until every thread of a case sleeps or has returned.

use std::thread;
use std::time::{Duration, Instant};

use super::worker::{PATIENCE, Rest, Worker};
use crate::lesson::kernel::RunError;

/// How often it is looked.
const PAUSE: Duration = Duration::from_micros(50);
/// For how long a thread must sleep where the system does not tell in which call.
const UNTOLD: Duration = Duration::from_millis(4);

/// Waits until all of `workers` rest. A thread that waits inside the kernel for something that is
/// held rests only where something is `held`.
///
/// Whoever is woken by a call no longer sleeps when that call returns, and whoever it wakes in
/// turn does not when it goes to sleep itself. So once every thread has slept from the end of one
/// look at all of them to the beginning of the next, there was a moment at which all slept, and
/// nobody was left to wake any.
///
/// Returns how long it slept to be sure that they do.
///
/// # Errors
/// If it takes longer than anything can take.
pub(crate) fn settle(workers: &[Worker], held: bool) -> Result<Duration, RunError> {
    let deadline = Instant::now() + PATIENCE;
    let untold = workers.iter().any(|worker| !worker.tells_call());
    let mut slept = Duration::ZERO;
    loop {
        if let Some(first) = look(workers, held)? {
            if untold {
                thread::sleep(UNTOLD);
                slept += UNTOLD;
            }
            if look(workers, held)?.is_some_and(|second| second == first) {
                return Ok(slept);
            }
        }
        if Instant::now() > deadline {
            return Err(restless());
        }
        thread::sleep(PAUSE);
    }
}

/// What each thread is found at, if all rest.
fn look(workers: &[Worker], held: bool) -> Result<Option<Vec<Rest>>, RunError> {
    let mut all = Vec::with_capacity(workers.len());
    for worker in workers.iter().filter(|worker| worker.called) {
        let rest = worker.rest().map_err(|e| RunError::system("read /proc/self/task", &e))?;
        match rest {
            Rest::Moving => return Ok(None),
            Rest::Blocked(_) if !held => return Ok(None),
            rest => all.push(rest),
        }
    }
    Ok(Some(all))
}

/// A thread neither sleeps nor returns.
pub(crate) fn restless() -> RunError {
    let patience = PATIENCE.as_secs();
    RunError::Failed(format!("the threads did not come to rest within {patience} s"))
}
