//! `epollscope check`: runs case files and says which of them came out as they say.
//!
//! It asks nobody, so it has no [`Course`](super::course::Course), which is how far a learner is; what
//! a question's answers are worth is judged by [`quiz`](super::quiz), as there.

mod find;
mod line;
mod question;
mod tally;
mod tries;

use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::error::{CASE_FAILED, Error, NO_READER};
use crate::event::{Kind, Nanos};

use super::case::{Case, Step};
use super::child::{PlayError, Player};
use super::print::call;
use super::random::{self, Random, RandomPlan};
use super::run::{Mismatch, Report};
use super::skip::Skip;
use crate::sys::standard::Stdout;
use find::Found;
use tally::Tally;
use tries::Try;

/// What is to be checked, and how it is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckPlan {
    /// Case files, and folders of them; none is what the program has itself.
    pub paths: Vec<PathBuf>,
    /// A JSON object a line instead of words.
    pub json: bool,
    /// How long a case may take.
    pub timeout: Duration,
    /// Random sequences instead of cases: how many, and the number of the first.
    pub random: Option<(u64, u64)>,
}

/// How a case came out.
#[derive(Clone, Debug, PartialEq)]
enum Verdict {
    /// As it says, with so many comparisons.
    Passed { agreed: u64 },
    /// It could not be run here.
    Skipped(Skip),
    /// Not as it says.
    Failed(Failure),
}

/// What went wrong.
#[derive(Clone, Debug, PartialEq)]
struct Failure {
    /// The number of the step, from 1; 0 is the making of the actors.
    step: usize,
    /// Its line in the file; 0 for the actors.
    line: u32,
    /// What it does.
    action: String,
    /// What came out otherwise.
    mismatches: Vec<Mismatch>,
    /// Why it could not be made at all.
    reason: Option<String>,
}

/// Runs all that is asked for and writes what came out to standard output. Returns the exit
/// status.
///
/// # Errors
/// [`Error::Usage`] if a file is missing or wrong: then nothing at all is run. If standard output,
/// or the file of a sequence that came out otherwise, cannot be written; a reader of standard
/// output that went away is none.
pub fn run(check: &CheckPlan) -> Result<u8, Error> {
    if let Some((sequences, seed)) = check.random {
        let plan = RandomPlan { sequences, seed, ..RandomPlan::default() };
        let folder = PathBuf::from(".");
        return random::check(&Random { plan, json: check.json, folder });
    }
    let found = find::all(&check.paths).map_err(Error::Usage)?;
    match run_all(check, &found, &mut BufWriter::new(Stdout::default())) {
        Ok(tally) => Ok(if tally.none_failed() { 0 } else { CASE_FAILED }),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(NO_READER),
        Err(error) => Err(Error::runtime("write to standard output", &error)),
    }
}

fn run_all(check: &CheckPlan, found: &[Found], out: &mut impl Write) -> io::Result<Tally> {
    let mut tally = Tally::default();
    for file in found {
        let begin = Instant::now();
        let verdict = run_one(&file.case, check.timeout);
        tally.count(&file.case.id, &verdict);
        if check.json {
            line::json(out, file, &verdict, begin.elapsed())?;
        } else {
            line::words(out, file, &verdict)?;
        }
        out.flush()?;
    }
    if check.json {
        tally.json(out)?;
    } else {
        tally.words(out)?;
    }
    out.flush()?;
    Ok(tally)
}

/// Runs one case, and again if the machine was too busy to keep its time.
fn run_one(case: &Case, timeout: Duration) -> Verdict {
    let end = Instant::now() + timeout;
    tries::settled(|| attempt(case, end, timeout))
}

/// Runs one case in a process of its own, up to the first step that does not come out.
fn attempt(case: &Case, end: Instant, timeout: Duration) -> Try {
    let left = || end.saturating_duration_since(Instant::now());
    let ended = |at: usize, step: Option<&Step>, error: PlayError| match error {
        PlayError::Skipped(skip) => Try::OnTime(Verdict::Skipped(skip)),
        PlayError::Late(_) => {
            let why = format!("the case was not over within {timeout:?}");
            Try::Endless(failure(at, step, why))
        }
        error => Try::OnTime(Verdict::Failed(failure(at, step, error.to_string()))),
    };
    let (mut player, report) = match Player::start(case, left()) {
        Ok(started) => started,
        Err(error) => return ended(0, None, error),
    };
    if !report.mismatches.is_empty() {
        return Try::OnTime(Verdict::Failed(differs(0, None, &report)));
    }
    let mut agreed = agreed_in(&report);
    for (at, step) in case.steps.iter().enumerate() {
        player.set_deadline(left());
        match player.step() {
            Ok(Some(mut report)) => {
                let ask = step.ask.as_ref();
                let question = ask.and_then(|ask| question::judged(ask, &report));
                report.mismatches.extend(question);
                if report.mismatches.is_empty() {
                    agreed = agreed_in(&report);
                    continue;
                }
                let failure = differs(at + 1, Some(step), &report);
                return match report.late {
                    Nanos(0) => Try::OnTime(Verdict::Failed(failure)),
                    by => Try::Late { by, failure },
                };
            }
            Ok(None) => break,
            Err(error) => return ended(at + 1, Some(step), error),
        }
    }
    Try::OnTime(Verdict::Passed { agreed })
}

/// How many comparisons have agreed up to this report.
fn agreed_in(report: &Report) -> u64 {
    report
        .events
        .iter()
        .rev()
        .find_map(|event| match event.kind {
            Kind::Compared { agreed, .. } => Some(agreed),
            _ => None,
        })
        .unwrap_or(0)
}

fn differs(at: usize, step: Option<&Step>, report: &Report) -> Failure {
    Failure {
        step: at,
        line: step.map_or(0, |step| step.line),
        action: doing(step),
        mismatches: report.mismatches.clone(),
        reason: None,
    }
}

fn failure(at: usize, step: Option<&Step>, reason: String) -> Failure {
    Failure {
        step: at,
        line: step.map_or(0, |step| step.line),
        action: doing(step),
        mismatches: Vec::new(),
        reason: Some(reason),
    }
}

fn doing(step: Option<&Step>) -> String {
    let words = |step: &Step| match call(&step.action) {
        // A note does nothing that could be said.
        line if line.is_empty() => step.action.word().to_owned(),
        line => line,
    };
    step.map_or_else(|| "make the actors".to_owned(), words)
}
