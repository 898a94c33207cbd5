//! Random sequences of calls, on the kernel and on the model side by side; where the two disagree,
//! the shortest sequence that shows it.

mod judge;
mod make;
mod model_runner;
mod rng;
mod shrink;
#[cfg(test)]
mod tests;

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde::Serialize;

use judge::{Difference, Verdict};
pub use rng::Rng;

use super::case::Case;
use super::file::shown_path;
use super::{parse, to_toml};
use crate::error::{CASE_FAILED, Error, NO_READER};
use crate::sim::{Flaw, KernelModel};
use crate::sys::standard::Stdout;
use crate::sys::{number, thread};

/// How many sequences are made, and which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RandomPlan {
    /// So many.
    pub sequences: u64,
    /// The first of them; the others follow, after the largest number the smallest ones.
    pub seed: u64,
    /// One in so many has threads that sleep.
    pub threads_in: u64,
}

impl Default for RandomPlan {
    fn default() -> Self {
        Self { sequences: 1000, seed: 1, threads_in: 40 }
    }
}

impl RandomPlan {
    /// Whether the sequence of that number has threads.
    fn has_threads(&self, number: u64) -> bool {
        self.threads_in > 0 && number.is_multiple_of(self.threads_in)
    }
}

/// A sequence that came out otherwise on the kernel.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// Its number.
    pub seed: u64,
    /// The shortest one that does.
    pub case: Case,
    /// Its last step, from 1, and what differs there.
    pub step: usize,
    /// What differs, in words.
    pub what: String,
}

/// What a run came to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Summary {
    /// Sequences made.
    pub sequences: u64,
    /// Of them those with threads.
    pub threaded: u64,
    /// Of them those that were not judged, because the system does not let a harvest be held, or so
    /// many descriptors be open, or stood still so long that TCP sent again, or met a timer of TCP.
    pub skipped: u64,
    /// TCP sockets of the others that took less than they were given.
    pub filled: u64,
    /// Steps made.
    pub steps: u64,
    /// The first that came out otherwise: the run ends there.
    pub found: Option<Found>,
    /// How long it took.
    pub took: Duration,
}

/// Makes the sequences of a plan, up to the first that comes out otherwise. `progress` is told of
/// each before it begins.
///
/// The process must be one of its own: its small numbers are given to the sequences.
pub fn run(plan: RandomPlan, flaw: Option<Flaw>, mut progress: impl FnMut(u64)) -> Summary {
    let begin = Instant::now();
    let mut summary = Summary::default();
    for number in (0..plan.sequences).map(|after| plan.seed.wrapping_add(after)) {
        progress(number);
        let threads = plan.has_threads(number);
        let case = make::sequence(number, threads);
        summary.sequences += 1;
        summary.threaded += u64::from(threads);
        summary.steps += u64::try_from(case.steps.len()).unwrap_or(0);
        match judge::on_kernel(&case, machine(flaw)) {
            Verdict::Agrees(filled) => summary.filled += filled,
            Verdict::Skipped => summary.skipped += 1,
            Verdict::Differs(difference) => {
                summary.found = Some(shrunk(number, case, difference, flaw));
                break;
            }
        }
    }
    summary.took = begin.elapsed();
    summary
}

fn machine(flaw: Option<Flaw>) -> KernelModel {
    flaw.map_or_else(KernelModel::new, |flaw| KernelModel::new().with_flaw(flaw))
}

/// The shortest sequence that still differs, cut behind the step that does.
fn shrunk(seed: u64, mut case: Case, first: Difference, flaw: Option<Flaw>) -> Found {
    case.steps.truncate(first.step);
    let mut last = first;
    let mut differs = |case: &Case| match judge::on_kernel(case, machine(flaw)) {
        // What no file can say is no way to tell of it.
        Verdict::Differs(difference) if parse("", to_toml(case)).is_ok() => {
            last = difference;
            true
        }
        _ => false,
    };
    let mut case = shrink::shrink(case, &mut differs);
    case.steps.truncate(last.step);
    Found { seed, case, step: last.step, what: last.text }
}

/// What is asked of [`check()`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Random {
    /// The sequences.
    pub plan: RandomPlan,
    /// A JSON object a line instead of words.
    pub json: bool,
    /// The folder into which a sequence is written that came out otherwise.
    pub folder: PathBuf,
}

/// A run as a line of JSON.
#[derive(Serialize)]
struct Line<'a> {
    sequences: u64,
    threaded: u64,
    skipped: u64,
    filled: u64,
    steps: u64,
    ms: u128,
    found: Option<&'a str>,
    step: Option<usize>,
    what: Option<&'a str>,
}

/// `epollscope check --random`: makes the sequences and tells what came out on standard output. A
/// sequence that came out otherwise is written to a file that `check` can run. Returns the exit
/// status.
///
/// # Errors
/// If the file or standard output cannot be written.
pub fn check(random: &Random) -> Result<u8, Error> {
    // Whatever was inherited is in the way of the small numbers.
    number::close_from(3).map_err(|e| Error::runtime("close inherited descriptors", &e))?;
    let watch = Watch::start(random).map_err(|e| Error::runtime("check", &e))?;
    let summary = run(random.plan, None, |number| watch.reached(number));
    let path = match &summary.found {
        Some(found) => Some(write(&random.folder, &found.case)?),
        None => None,
    };
    let mut out = BufWriter::new(Stdout::default());
    let told = tell(&mut out, random.json, &summary, path.as_deref()).and_then(|()| out.flush());
    match told {
        Ok(()) => Ok(if summary.found.is_none() { 0 } else { CASE_FAILED }),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(NO_READER),
        Err(error) => Err(Error::runtime("write to standard output", &error)),
    }
}

/// Looks after a run: a sequence that does not end holds its process, which no signal of its own
/// could end.
struct Watch {
    reached: Arc<AtomicU64>,
}

/// No sequence takes as long as this.
const ENDLESS: Duration = Duration::from_secs(120);

impl Watch {
    fn start(random: &Random) -> io::Result<Self> {
        let reached = Arc::new(AtomicU64::new(random.plan.seed));
        let (theirs, random) = (Arc::clone(&reached), random.clone());
        thread::spawn("watch", move || {
            let mut last = theirs.load(Ordering::Relaxed);
            loop {
                std::thread::sleep(ENDLESS);
                let now = theirs.load(Ordering::Relaxed);
                if now == last {
                    give_up(&random, now);
                }
                last = now;
            }
        })?;
        Ok(Self { reached })
    }

    fn reached(&self, number: u64) {
        self.reached.store(number, Ordering::Relaxed);
    }
}

/// Ends the process with the sequence that does not end as a file.
fn give_up(random: &Random, number: u64) -> ! {
    let case = make::sequence(number, random.plan.has_threads(number));
    let file = write(&random.folder, &case).map(|path| shown_path(&path));
    let file = file.unwrap_or_else(|error| error.to_string());
    // There is nobody left to be told if it fails.
    let _told =
        writeln!(Stdout::default(), "FAIL random {number}\n  {file} does not come to an end");
    std::process::exit(CASE_FAILED.into())
}

fn write(folder: &Path, case: &Case) -> Result<PathBuf, Error> {
    let path = folder.join(format!("{}.toml", case.id));
    let doing = format!("write {}", shown_path(&path));
    std::fs::write(&path, to_toml(case)).map_err(|e| Error::runtime(&doing, &e))?;
    Ok(path)
}

fn tell(
    out: &mut impl Write,
    json: bool,
    summary: &Summary,
    path: Option<&Path>,
) -> io::Result<()> {
    let Summary { sequences, threaded, skipped, filled, steps, found, took } = summary;
    let file = path.map(shown_path);
    if json {
        let line = Line {
            sequences: *sequences,
            threaded: *threaded,
            skipped: *skipped,
            filled: *filled,
            steps: *steps,
            ms: took.as_millis(),
            found: file.as_deref(),
            step: found.as_ref().map(|found| found.step),
            what: found.as_ref().map(|found| found.what.as_str()),
        };
        serde_json::to_writer(&mut *out, &line)?;
        return writeln!(out);
    }
    if let (Some(found), Some(file)) = (found, file) {
        writeln!(
            out,
            "FAIL random {}\n  step {} of {file}: {}",
            found.seed, found.step, found.what
        )?;
    }
    let outcome = if found.is_some() { "the last one differs" } else { "all agree" };
    let skips = match skipped {
        0 => String::new(),
        _ => format!(", {skipped} skipped for want of userfaultfd, descriptors or time"),
    };
    writeln!(
        out,
        "{sequences} sequences, {threaded} with threads, {filled} TCP queues filled, {steps} \
         steps{skips}: {outcome}"
    )
}
