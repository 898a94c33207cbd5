//! A lesson without a screen: JSON objects, one a line; answers come in as lines.

use std::collections::BTreeMap;
use std::io::{self, BufRead, Write};

use serde::Serialize;

use super::case::{Action, Answer, Ask, Case};
use super::child::PlayError;
use super::line;
use super::quiz::{self, Judge, Reply, Truth, Verdict};
use super::run::Report;
use crate::event::visible;

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
    Score {
        asked: u32,
        answered: u32,
        right: u32,
    },
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

/// Whether the lesson came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It did.
    Well,
    /// It could not go on.
    Stopped,
}

#[derive(Default)]
struct Score {
    asked: u32,
    answered: u32,
    right: u32,
}

fn shown(text: &str) -> String {
    visible(text.as_bytes(), LONG)
}

/// Runs a lesson that `player` has begun, or could not begin.
///
/// # Errors
/// If a line cannot be written; an answer that cannot be read is told in a line.
pub fn run<P: Play>(
    case: &Case,
    kernel: &str,
    player: Result<P, PlayError>,
    answers: &mut impl BufRead,
    out: &mut impl Write,
) -> io::Result<Ended> {
    let (id, title) = (shown(&case.id), shown(&case.title));
    let steps = case.steps.len();
    write(out, &Line::Lesson { id, title, kernel: kernel.to_owned(), steps })?;
    let mut score = Score::default();
    let mut ended = Ended::Well;
    match player {
        Ok(mut player) => {
            for at in 0..steps {
                if step(case, at, &mut player, &mut score, answers, out)? == Ended::Stopped {
                    ended = Ended::Stopped;
                    break;
                }
            }
        }
        Err(error) => {
            write(out, &Line::Stopped { step: 0, reason: shown(&error.to_string()) })?;
            ended = Ended::Stopped;
        }
    }
    let Score { asked, answered, right } = score;
    write(out, &Line::Score { asked, answered, right })?;
    Ok(ended)
}

fn step<P: Play>(
    case: &Case,
    at: usize,
    player: &mut P,
    score: &mut Score,
    answers: &mut impl BufRead,
    out: &mut impl Write,
) -> io::Result<Ended> {
    let (step, number) = (&case.steps[at], at + 1);
    let mut reply = None;
    if let Some(ask) = &step.ask {
        write(out, &question(number, ask))?;
        let (given, line) = answer(number, ask, answers);
        reply = given;
        write(out, &line)?;
    }
    let report = match player.next() {
        Ok(Some(report)) => report,
        Ok(None) => return Ok(Ended::Stopped),
        Err(error) if error.is_final() => {
            let reason = shown(&error.to_string());
            write(out, &Line::Stopped { step: number, reason })?;
            return Ok(Ended::Stopped);
        }
        Err(error) => {
            write(out, &Line::Refused { step: number, reason: shown(&error.to_string()) })?;
            return Ok(Ended::Well);
        }
    };
    write(
        out,
        &Line::Kernel {
            step: number,
            call: shown(&line::call(&step.action)),
            result: shown(&quiz::result_text(&report)),
            counters: tally(&step.action, &report),
            mismatches: report.mismatches.iter().map(|m| shown(&m.to_string())).collect(),
        },
    )?;
    if let Some(ask) = &step.ask {
        let verdict = quiz::judge(ask, reply, &report);
        score.asked += u32::from(verdict.is_judged());
        score.answered += u32::from(verdict.is_judged() && verdict.reply.is_some());
        score.right += u32::from(verdict.is_right() == Some(true));
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
    serde_json::to_writer(&mut *out, line).map_err(io::Error::from)?;
    out.write_all(b"\n")?;
    out.flush()
}

#[cfg(test)]
mod tests;
