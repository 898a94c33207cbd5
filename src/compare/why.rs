//! One or two sentences about a row, computed from its numbers.

use super::AskRule;
use super::board::{CompareBoard, RowCost, RowReport};
use crate::event::Backend;

/// What a row says of its loop.
pub fn why(board: &CompareBoard, row: usize) -> String {
    let reports = board.reports();
    let Some(report) = reports.get(row) else { return String::new() };
    if let Some(reason) = &report.refused {
        return format!("{} cannot be had here: {reason}.", report.name);
    }
    let base = reports.get(board.base());
    let (Some(cost), Some(base)) = (&report.cost, base) else {
        return format!("{} has not been measured yet.", report.name);
    };
    if report.again {
        return noise(board, report, cost);
    }
    let what = what(report.name, cost, base.cost.as_ref());
    if row == board.base() {
        let cpu = micro(cost.cpu_ns.median);
        return format!(
            "{what} A request costs {cpu} us of CPU: what the others are compared with."
        );
    }
    format!("{what} {}", price(board, cost, base.name))
}

fn noise(board: &CompareBoard, report: &RowReport, cost: &RowCost) -> String {
    let share = percent(board.noise().unwrap_or(0.0));
    let ratio = cost.ratio;
    let much = if board.is_noisy() {
        " That is much: something else uses this machine, and only what is far apart can be told \
         apart."
    } else {
        ""
    };
    format!(
        "{} again is the same program, measured twice: {:.2} of itself, half of the rounds between \
         {:.2} and {:.2}. A difference of up to {share} % is noise, and is called the same.{much}",
        report.name, ratio.median, ratio.low, ratio.high
    )
}

/// What the loop did for a request.
fn what(name: Backend, cost: &RowCost, base: Option<&RowCost>) -> String {
    let calls = format!("{:.2} system calls a request", cost.calls);
    let events = share(cost.counts.events, cost.requests);
    match AskRule::of(name) {
        AskRule::All if events > 0.0 => format!(
            "{name} asked {} files for each one that it found, hooked {} and copied {} a request, in \
             {calls}.",
            number(cost.asked / events),
            number(cost.hooked / events),
            bytes(cost.copied)
        ),
        AskRule::ReadyTwice => format!(
            "{name} asked only the files that it reported, and each once more after it was read: {} a \
             request, however many are watched. It copied {} and made {calls}.",
            number(cost.asked),
            bytes(cost.copied)
        ),
        AskRule::Ready => format!("{name} parks without a call and is woken by an edge: {calls}."),
        AskRule::One => format!(
            "{name} slept {} times a request, each on one wait queue: {calls}, and {} a client.",
            number(cost.sleeps),
            kib(cost.kib_per_client)
        ),
        AskRule::All | AskRule::Nobody => {
            let beside = base.map_or_else(String::new, |base| format!(" beside {:.2}", base.calls));
            let rings = if cost.cqes > 0.0 {
                format!(" It wrote {:.1} SQEs and took {:.1} CQEs.", cost.sqes, cost.cqes)
            } else {
                String::new()
            };
            format!("{name} made {calls}{beside}.{rings}")
        }
    }
}

/// What it costs beside the first loop.
fn price(board: &CompareBoard, cost: &RowCost, base: Backend) -> String {
    let ratio = cost.ratio.median;
    let (active, clients) = (count(board.plan.active.into()), count(board.plan.clients.into()));
    let with = match (board.plan.active == board.plan.clients, board.plan.clients) {
        (_, 1) => "With one client on one core".to_owned(),
        (true, _) => format!("With all of {clients} active"),
        (false, _) => format!("With {active} of {clients} active"),
    };
    match (cost.same, board.noise()) {
        (Some(true), Some(noise)) => {
            let spread = cost.ratio;
            let within = if (ratio - 1.0).abs() <= noise {
                format!("the noise of {} %", percent(noise))
            } else {
                format!("its own spread, {:.2} to {:.2}", spread.low, spread.high)
            };
            format!("{with} it costs the same as {base}, within {within}.")
        }
        _ if ratio >= 1.995 => format!("{with} it costs {ratio:.1} times {base}'s CPU."),
        _ => format!("{with} it costs {ratio:.2} of {base}'s CPU."),
    }
}

#[expect(clippy::cast_precision_loss, reason = "it is shown with two digits")]
fn share(of: u64, by: u64) -> f64 {
    if by == 0 { 0.0 } else { of as f64 / by as f64 }
}

/// A share as whole per cent, upwards: a noise is not made smaller.
pub fn percent(share: f64) -> String {
    format!("{:.0}", (share * 100.0 - 1e-6).ceil().max(0.0))
}

/// Nanoseconds as microseconds.
pub fn micro(ns: f64) -> String {
    format!("{:.2}", ns / 1000.0)
}

/// A number with the digits that matter: `0.001`, `1.4`, `101`.
pub fn number(value: f64) -> String {
    match value {
        _ if value == 0.0 => "0".to_owned(),
        _ if value < 0.095 => format!("{value:.3}"),
        _ if value < 99.95 => format!("{value:.1}"),
        _ => count(round(value)),
    }
}

/// Bytes: `12 B`, `1,014 B`.
pub fn bytes(value: f64) -> String {
    format!("{} B", count(round(value)))
}

fn kib(value: Option<f64>) -> String {
    value.map_or_else(|| "unknown memory".to_owned(), |value| format!("{value:.1} KiB"))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "no number here is negative or near 2^64"
)]
fn round(value: f64) -> u64 {
    value.round().max(0.0) as u64
}

/// A count with its thousands apart.
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
