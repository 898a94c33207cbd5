//! Whether the answer that a question marks as right is the kernel's.

use crate::lesson::case::{Answer, Ask};
use crate::lesson::quiz::{self, Judge, Truth};
use crate::lesson::run::{Between, Mismatch, Report};

/// What is wrong with the question of a step that came to `report`; `None` if the marked answer,
/// and no other, is what the kernel did.
pub(super) fn judged(ask: &Ask, report: &Report) -> Option<Mismatch> {
    let verdict = quiz::judge(ask, None, report);
    let named = |truth: Truth| named(ask, truth);
    if !verdict.mark_holds() {
        let kernel = match verdict.truth {
            Truth::NoChoice | Truth::Nothing => quiz::result_text(report),
            truth => named(truth),
        };
        return Some(mismatch(ask, "the marked answer", named(verdict.mark), kernel));
    }
    let Answer::Choice(choices) = &ask.answer else { return None };
    let other = choices.iter().find(|choice| {
        !choice.right && choice.when.as_ref().is_some_and(|when| report.agrees_with(when))
    })?;
    Some(mismatch(ask, "the only right answer", named(verdict.mark), other.text.clone()))
}

fn mismatch(ask: &Ask, what: &str, expected: String, was: String) -> Mismatch {
    let (between, kernel, model) = match Judge::of(ask) {
        Judge::Model => (Between::FileAndModel, None, Some(was)),
        Judge::Kernel | Judge::Author => (Between::FileAndKernel, Some(was), None),
    };
    Mismatch { between, what: what.to_owned(), expected: Some(expected), kernel, model }
}

fn named(ask: &Ask, truth: Truth) -> String {
    match (truth, &ask.answer) {
        (Truth::Choice(at), Answer::Choice(choices)) => {
            choices.get(at).map_or_else(String::new, |choice| choice.text.clone())
        }
        (Truth::Given(given), _) => quiz::spelled(given),
        _ => "none".to_owned(),
    }
}
