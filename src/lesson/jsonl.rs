//! A lesson without a screen: JSON objects, one a line; answers come in as lines.

use std::collections::BTreeMap;
use std::io::{self, BufRead, Write};

use serde::Serialize;

use super::case::{Action, Answer, Ask, Case, Step};
use super::child::PlayError;
use super::course::{Course, Score};
use super::line;
use super::quiz::{self, Judge, Reply, Truth, Verdict};
use super::run::Report;
use crate::event::{Kind, LaneId, Seq, visible};
use crate::sink::jsonl::write_line;
use crate::text::strace;

/// Columns of a text, and bytes of an answer, at the most.
const LONG: usize = 2000;
/// So many bytes behind a longer answer are its own, if its line is that long.
const REST: u64 = 1 << 20;

/// A line of output.
#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Line {
    Lesson {
        id: String,
        title: String,
        kernel: String,
        steps: usize,
    },
    Question {
        step: usize,
        text: String,
        answers: Vec<String>,
    },
    Answer {
        step: usize,
        answer: Option<String>,
        error: Option<String>,
    },
    Kernel {
        step: usize,
        call: String,
        result: String,
        #[serde(skip_serializing_if = "BTreeMap::is_empty")]
        counters: BTreeMap<String, u64>,
        mismatches: Vec<String>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        strace: Vec<String>,
    },
    /// The calls that made the actors.
    Actors {
        strace: Vec<String>,
    },
    Verdict {
        step: usize,
        right: Option<bool>,
        truth: String,
        by: Judge,
        mark_holds: bool,
    },
    Refused {
        step: usize,
        reason: String,
    },
    Stopped {
        step: usize,
        reason: String,
    },
    Score(Score),
}

/// Who makes the steps.
pub trait Play {
    /// Makes the next step; `None` after the last one.
    ///
    /// # Errors
    /// If it cannot be made.
    fn next(&mut self) -> Result<Option<Report>, PlayError>;
}

impl Play for super::child::Player {
    fn next(&mut self) -> Result<Option<Report>, PlayError> {
        self.step()
    }
}

/// The calls of a report as `strace -f` prints them, each behind the number of its thread; none if
/// they are not asked for.
fn traced(report: &Report, asked: bool) -> Vec<String> {
    let threads = report.events.iter().filter_map(|event| match &event.kind {
        Kind::Threads(threads) => Some(threads),
        _ => None,
    });
    let tids: BTreeMap<LaneId, u32> = threads.flatten().map(|one| (one.lane, one.tid)).collect();
    let calls = report.events.iter().filter(|_| asked).filter_map(|event| match &event.kind {
        Kind::Return(record) => Some((event.lane, record)),
        _ => None,
    });
    let line = |(lane, record)| {
        let tid = tids.get(&lane).copied().unwrap_or_default();
        // Each registration has a number of its own there, which is in no event.
        format!("{tid} {}", strace::line(record, |_| None, None))
    };
    calls.map(line).collect()
}

/// Whether the lesson came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It did.
    Well,
    /// It could not go on.
    Stopped,
}

fn shown(text: &str) -> String {
    visible(text.as_bytes(), LONG)
}

/// Runs a lesson that `player` has begun, or could not begin. If `trace`, the calls are written as
/// strace prints them, too.
///
/// # Errors
/// If a line cannot be written; an answer that cannot be read is told in a line.
pub fn run<P: Play>(
    case: &Case,
    kernel: &str,
    player: Result<(P, Report), PlayError>,
    trace: bool,
    answers: &mut impl BufRead,
    out: &mut impl Write,
) -> io::Result<Ended> {
    let (id, title) = (shown(&case.id), shown(&case.title));
    let steps = case.steps.len();
    write(out, &Line::Lesson { id, title, kernel: kernel.to_owned(), steps })?;
    let mut course = Course::new(case.clone());
    let mut ended = Ended::Well;
    match player {
        Ok((mut player, made)) => {
            if trace {
                write(out, &Line::Actors { strace: traced(&made, trace) })?;
            }
            while ended == Ended::Well && course.step().is_some() {
                ended = step(&mut course, &mut player, trace, answers, out)?;
            }
        }
        Err(error) => {
            write(out, &Line::Stopped { step: 0, reason: shown(&error.to_string()) })?;
            ended = Ended::Stopped;
        }
    }
    write(out, &Line::Score(course.score()))?;
    Ok(ended)
}

fn step<P: Play>(
    course: &mut Course,
    player: &mut P,
    trace: bool,
    answers: &mut impl BufRead,
    out: &mut impl Write,
) -> io::Result<Ended> {
    let number = course.next + 1;
    let Some(Step { action, ask, .. }) = course.step().cloned() else { return Ok(Ended::Well) };
    let mut reply = None;
    if let Some(ask) = &ask {
        write(out, &question(number, ask))?;
        let (given, line) = answer(number, ask, answers);
        reply = given;
        write(out, &line)?;
    }
    course.begin_step(reply);
    let report = match player.next() {
        Ok(Some(report)) => report,
        Ok(None) => return Ok(Ended::Stopped),
        Err(error) => {
            let reason = error.to_string();
            course.refused(&reason);
            let (step, reason) = (number, shown(&reason));
            if error.is_final() {
                write(out, &Line::Stopped { step, reason })?;
                return Ok(Ended::Stopped);
            }
            write(out, &Line::Refused { step, reason })?;
            return Ok(Ended::Well);
        }
    };
    write(
        out,
        &Line::Kernel {
            step: number,
            call: shown(&line::call(&action)),
            result: shown(&quiz::result_text(&report)),
            counters: tally(&action, &report),
            mismatches: report.mismatches.iter().map(|m| shown(&m.to_string())).collect(),
            strace: traced(&report, trace),
        },
    )?;
    let no_events = (Seq(0), Seq(0));
    course.arrived(report, no_events, &[], (Vec::new(), |_| String::new()));
    let verdict = course.moments.last().and_then(|moment| moment.verdict);
    if let (Some(ask), Some(verdict)) = (&ask, verdict) {
        write(out, &judged(number, ask, &verdict))?;
    }
    Ok(Ended::Well)
}

/// The counters that a step shows.
fn tally(action: &Action, report: &Report) -> BTreeMap<String, u64> {
    let Action::Tally { show } = action else { return BTreeMap::new() };
    show.iter().map(|one| (shown(&one.to_string()), report.counter(one))).collect()
}

fn question(step: usize, ask: &Ask) -> Line {
    let answers = match &ask.answer {
        Answer::Choice(choices) => choices.iter().map(|choice| shown(&choice.text)).collect(),
        Answer::Free { .. } => Vec::new(),
    };
    Line::Question { step, text: shown(&ask.text), answers }
}

/// The next line, without its end; all of it is read, however little is of use. Empty after the
/// last one.
///
/// # Errors
/// Why it is no answer, whatever is asked, with what there is of it.
fn next_line(answers: &mut impl BufRead) -> Result<String, (Vec<u8>, String)> {
    let mut text = Vec::new();
    let unread = |error: io::Error| (Vec::new(), format!("it cannot be read: {error}"));
    let most = LONG as u64 + 1;
    io::Read::take(&mut *answers, most).read_until(b'\n', &mut text).map_err(unread)?;
    if text.len() > LONG && !text.ends_with(b"\n") {
        io::Read::take(&mut *answers, REST).skip_until(b'\n').map_err(unread)?;
        text.truncate(LONG);
        return Err((text, format!("an answer of at most {LONG} bytes")));
    }
    let text = String::from_utf8(text);
    text.map_err(|error| (error.into_bytes(), "it is not UTF-8".to_owned()))
}

/// The answer that the next line gives; an empty one, or none, is no answer.
fn answer(step: usize, ask: &Ask, answers: &mut impl BufRead) -> (Option<Reply>, Line) {
    let (text, understood) = match next_line(answers) {
        Ok(line) => {
            let understood = understood(ask, line.trim());
            (line.into_bytes(), understood)
        }
        Err((text, why)) => (text, Err(why)),
    };
    let text = text.trim_ascii();
    let answer = (!text.is_empty()).then(|| visible(text, LONG));
    let (reply, error) = match understood {
        Ok(reply) => (reply, None),
        Err(error) => (None, Some(error)),
    };
    (reply, Line::Answer { step, answer, error })
}

/// What an answer means; `None` for an empty one.
///
/// # Errors
/// What would be an answer.
fn understood(ask: &Ask, text: &str) -> Result<Option<Reply>, String> {
    match &ask.answer {
        _ if text.is_empty() => Ok(None),
        Answer::Choice(choices) => match text.parse::<usize>() {
            Ok(n) if (1..=choices.len()).contains(&n) => Ok(Some(Reply::Choice(n - 1))),
            _ => Err(format!("an answer from 1 to {}", choices.len())),
        },
        Answer::Free { take, .. } => quiz::typed(take, text).map(|given| Some(Reply::Typed(given))),
    }
}

fn judged(step: usize, ask: &Ask, verdict: &Verdict) -> Line {
    let truth = match (verdict.truth, &ask.answer) {
        (Truth::Choice(at), Answer::Choice(choices)) => {
            choices.get(at).map_or_else(String::new, |choice| shown(&choice.text))
        }
        (Truth::Given(given), _) => quiz::spelled(given),
        _ => "none of the answers".to_owned(),
    };
    let (right, mark_holds) = (verdict.is_right(), verdict.mark_holds());
    Line::Verdict { step, right, truth, by: Judge::of(ask), mark_holds }
}

fn write(out: &mut impl Write, line: &Line) -> io::Result<()> {
    write_line(out, line)?;
    out.flush()
}

#[cfg(test)]
mod tests;
