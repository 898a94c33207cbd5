//! A lesson as plain text, to be read on paper: the answers come at the end.

use unicode_width::UnicodeWidthStr;

use super::call::{actor, call, outcome};
use super::mask;
use super::wrap::wrap;
use crate::lesson::case::{Action, Answer, Ask, Case, Given, Step};

/// Columns of a line.
const WIDTH: usize = 78;
/// The letters of the answers.
const LETTERS: [char; 4] = ['a', 'b', 'c', 'd'];

/// The lesson as text of lines of at most 78 columns.
pub fn handout(case: &Case) -> String {
    let mut text = wrap(&case.title, "", "", WIDTH);
    let width = text.lines().map(UnicodeWidthStr::width).max().unwrap_or(0);
    text.push_str(&"=".repeat(width));
    text.push('\n');
    text.push_str(&wrap(&kind(case), "", "", WIDTH));
    text.push('\n');
    text.push_str(&wrap(&case.about, "", "", WIDTH));
    topology(&mut text, case);
    let mut questions = 0;
    let mut answers = String::new();
    for (index, step) in case.steps.iter().enumerate() {
        let number = index + 1;
        steps(&mut text, number, step);
        if let Some(ask) = &step.ask {
            questions += 1;
            question(&mut text, questions, ask);
        }
        answer(&mut answers, number, questions, step);
    }
    if !answers.is_empty() {
        text.push_str("\nAnswers\n-------\n");
        text.push_str(&answers);
    }
    text
}

/// `core, ready lists, 5 minutes`
fn kind(case: &Case) -> String {
    let minutes = case.minutes.map(|minutes| format!("{minutes} min"));
    let words = [case.topic.clone(), Some(case.level.to_string()), minutes];
    words.into_iter().flatten().collect::<Vec<_>>().join(" · ")
}

fn topology(text: &mut String, case: &Case) {
    if !case.actors.is_empty() {
        text.push_str("\nDescriptors\n-----------\n");
        for one in &case.actors {
            text.push_str(&wrap(&actor(one), "", "    ", WIDTH));
        }
    }
    let threads: Vec<_> = case.threads().iter().map(ToString::to_string).collect();
    if !threads.is_empty() {
        let line = format!("Threads besides the main one: {}", threads.join(", "));
        text.push_str(&wrap(&line, "", "    ", WIDTH));
    }
    text.push_str("\nSteps\n-----\n");
}

fn steps(text: &mut String, number: usize, step: &Step) {
    if let Some(chapter) = &step.chapter {
        text.push('\n');
        text.push_str(&wrap(chapter, "* ", "  ", WIDTH));
    }
    let mut first = format!("{number:3}. ");
    text.push('\n');
    for line in
        [Some(action(&step.action)).filter(|_| step.action != Action::Note), step.say.clone()]
            .into_iter()
            .flatten()
    {
        text.push_str(&wrap(&line, &first, "     ", WIDTH));
        first = " ".repeat(5);
    }
    if step.action == Action::Note && step.say.is_none() {
        text.push_str(&wrap("", &first, "", WIDTH));
    }
}

/// What a step does; what is made is said as at the beginning.
fn action(action: &Action) -> String {
    match action {
        Action::New { actor: new } => actor(new),
        other => call(other),
    }
}

fn question(text: &mut String, number: usize, ask: &Ask) {
    let first = format!("     Question {number}: ");
    text.push_str(&wrap(&ask.text, &first, "     ", WIDTH));
    match &ask.answer {
        Answer::Choice(choices) => {
            for (letter, choice) in LETTERS.iter().zip(choices) {
                let first = format!("       {letter}) ");
                text.push_str(&wrap(&choice.text, &first, "          ", WIDTH));
            }
        }
        Answer::Free { .. } => text.push_str("       Answer: ____________\n"),
    }
}

/// The answer to the question of a step, and why it came out so.
fn answer(text: &mut String, step: usize, question: usize, of: &Step) {
    let first = match &of.ask {
        Some(ask) => format!("Question {question} (step {step}): {}", right(ask)),
        None if of.reveal.is_some() => format!("Step {step}:"),
        None => return,
    };
    text.push('\n');
    text.push_str(&wrap(&first, "", "    ", WIDTH));
    if let Some(reveal) = &of.reveal {
        text.push_str(&wrap(reveal, "    ", "    ", WIDTH));
    }
}

/// What the author marked as right.
fn right(ask: &Ask) -> String {
    match &ask.answer {
        Answer::Choice(choices) => LETTERS
            .iter()
            .zip(choices)
            .find(|(_, choice)| choice.right)
            .map_or(String::new(), |(letter, choice)| format!("{letter}) {}", choice.text)),
        Answer::Free { right: Given::Mask(bits), .. } => mask(*bits),
        Answer::Free { right: Given::Outcome(right), .. } => outcome(*right),
    }
}
