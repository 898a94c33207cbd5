//! A run as lines of JSON, each with how its numbers are known, and as CSV.

use std::fmt::Write as _;

use serde::Serialize;

use super::board::{CompareBoard, FIT_FROM, RowCost, RowReport};
use super::mirror::{AnswerAgreement, MirrorBoard, MirrorUpdate};
use super::statistics::QuartileSpread;
use super::update::{ComparePhase, CompareUpdate, CurvePoint, ReadyPlace};
use crate::engine::CallCounts;
use crate::event::visible;
use crate::text::csv_field;

/// A line of JSON.
#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum CompareLine<'a> {
    /// The first line: what is compared.
    Compare {
        loops: Vec<&'static str>,
        clients: u32,
        active: u32,
        size: u32,
        rounds: u32,
        slice_ms: u32,
        kernel: &'a str,
        cpus: usize,
    },
    /// A loop that cannot be had.
    Refused {
        #[serde(rename = "loop")]
        name: &'static str,
        reason: &'a str,
    },
    /// A row of the table.
    Loop(Box<LoopLine>),
    /// A point of the curve.
    Point {
        #[serde(rename = "loop")]
        name: &'static str,
        watched: u32,
        ready: ReadyPlace,
        ns: f64,
        source: &'static str,
    },
    /// What a loop did with what a mirrored client sent.
    Mirror {
        #[serde(rename = "loop")]
        name: &'static str,
        typed: String,
        calls: &'a [String],
        omitted: usize,
        answered: u64,
        same: Option<bool>,
        source: &'static str,
    },
    /// Where a client of one's own can connect.
    Mirroring { address: String },
    /// How a line of the curve rises.
    Fit {
        #[serde(rename = "loop")]
        name: &'static str,
        ready: ReadyPlace,
        from: u32,
        points: usize,
        slope: f64,
    },
}

#[derive(Serialize)]
struct LoopLine {
    #[serde(rename = "loop")]
    name: &'static str,
    again: bool,
    rounds: u32,
    requests: u64,
    per_second: f64,
    cpu_ns: Quartiles,
    ratio: Quartiles,
    /// Of the row that is the noise.
    noise: Option<f64>,
    same: Option<bool>,
    calls: f64,
    copied: f64,
    asked: f64,
    hooked: f64,
    sqes: f64,
    cqes: f64,
    sleeps: f64,
    kib_per_client: Option<f64>,
    counts: CallCounts,
    source: Sources,
}

#[derive(Serialize)]
struct Quartiles {
    low: f64,
    median: f64,
    high: f64,
}

impl From<QuartileSpread> for Quartiles {
    fn from(spread: QuartileSpread) -> Self {
        Self { low: neat(spread.low), median: neat(spread.median), high: neat(spread.high) }
    }
}

/// How each number is known.
#[derive(Serialize)]
struct Sources {
    per_second: &'static str,
    cpu_ns: &'static str,
    ratio: &'static str,
    calls: &'static str,
    copied: &'static str,
    asked: &'static str,
    hooked: &'static str,
    sqes: &'static str,
    cqes: &'static str,
    sleeps: &'static str,
    kib_per_client: &'static str,
}

const SOURCES: Sources = Sources {
    per_second: "seen",
    cpu_ns: "kernel",
    ratio: "kernel",
    calls: "seen",
    copied: "seen",
    asked: "model",
    hooked: "model",
    sqes: "seen",
    cqes: "seen",
    sleeps: "kernel",
    kib_per_client: "kernel",
};

/// Four digits, which is more than is known.
fn neat(value: f64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return 0.0;
    }
    let scale = 10f64.powf(3.0 - value.abs().log10().floor());
    (value * scale).round() / scale
}

/// The first line.
pub fn begin(board: &CompareBoard, kernel: &str, cpus: usize) -> String {
    let plan = &board.plan;
    line(&CompareLine::Compare {
        loops: plan.loops.iter().map(|name| name.word()).collect(),
        clients: plan.clients,
        active: plan.active,
        size: plan.size,
        rounds: plan.rounds,
        slice_ms: 20,
        kernel,
        cpus,
    })
}

/// The line of what was just told, if it has one of its own.
pub fn told(board: &CompareBoard, update: &CompareUpdate) -> Option<String> {
    match update {
        CompareUpdate::Refused { row, reason } => {
            let name = board.reports().get(*row)?.name.word();
            Some(line(&CompareLine::Refused { name, reason }))
        }
        CompareUpdate::Point(CurvePoint { name, watched, ready, ns }) => {
            Some(line(&CompareLine::Point {
                name: name.word(),
                watched: *watched,
                ready: *ready,
                ns: neat(*ns),
                source: "kernel",
            }))
        }
        CompareUpdate::Phase(_) | CompareUpdate::Memory { .. } | CompareUpdate::Round(_) => None,
    }
}

/// The lines at the end: the rows, and how the curve rises.
pub fn end(board: &CompareBoard) -> Vec<String> {
    let mut lines = Vec::new();
    for report in board.reports() {
        if let Some(cost) = &report.cost {
            lines.push(line(&CompareLine::Loop(Box::new(row(board, &report, cost)))));
        }
    }
    for ready in [ReadyPlace::Middle, ReadyPlace::All] {
        for fit in board.fits(ready) {
            lines.push(line(&CompareLine::Fit {
                name: fit.name.word(),
                ready,
                from: FIT_FROM,
                points: fit.points,
                slope: (fit.slope * 100.0).round() / 100.0,
            }));
        }
    }
    lines
}

/// The line of what the mirror has just told, if it has one of its own.
pub fn mirror_told(board: &MirrorBoard, update: &MirrorUpdate) -> Option<String> {
    match update {
        MirrorUpdate::Listening(address) => {
            Some(line(&CompareLine::Mirroring { address: address.to_string() }))
        }
        MirrorUpdate::Refused(row, reason) => {
            let name = board.loops.get(*row)?.word();
            Some(line(&CompareLine::Refused { name, reason }))
        }
        _ => None,
    }
}

/// The lines of what each loop did with what the client sent last.
pub fn mirrored(board: &MirrorBoard) -> Vec<String> {
    let rows = board.rows.iter().enumerate().filter(|(_, row)| row.refused.is_none());
    let told = rows.map(|(number, row)| {
        let same = board.agreement(number).map(|agreement| agreement == AnswerAgreement::Same);
        line(&CompareLine::Mirror {
            name: board.loops[number].word(),
            typed: visible(&board.typed, 64),
            calls: &row.calls,
            omitted: row.omitted,
            answered: row.answered,
            same,
            source: "seen",
        })
    });
    told.collect()
}

fn row(board: &CompareBoard, report: &RowReport, cost: &RowCost) -> LoopLine {
    LoopLine {
        name: report.name.word(),
        again: report.again,
        rounds: board.rounds,
        requests: cost.requests,
        per_second: neat(cost.per_second),
        cpu_ns: cost.cpu_ns.into(),
        ratio: cost.ratio.into(),
        noise: board.noise().filter(|_| report.again).map(neat),
        same: cost.same,
        calls: neat(cost.calls),
        copied: neat(cost.copied),
        asked: neat(cost.asked),
        hooked: neat(cost.hooked),
        sqes: neat(cost.sqes),
        cqes: neat(cost.cqes),
        sleeps: neat(cost.sleeps),
        kib_per_client: cost.kib_per_client.map(neat),
        counts: cost.counts,
        source: SOURCES,
    }
}

fn line(line: &CompareLine<'_>) -> String {
    // Its keys are words and its numbers finite: it cannot fail.
    serde_json::to_string(line).unwrap_or_default()
}

/// The names of the columns of a row.
const COLUMNS: &str = "loop,again,refused,rounds,requests,per_second,cpu_ns,cpu_ns_low,cpu_ns_high,\
    ratio,ratio_low,ratio_high,same,calls,copied,asked,hooked,sqes,cqes,sleeps,kib_per_client";

/// The rows as CSV; if the curve was measured, an empty line and its points. Lines end with a
/// newline.
pub fn csv(board: &CompareBoard) -> String {
    let mut text = format!("{COLUMNS}\n");
    for report in board.reports() {
        let refused = csv_field(report.refused.as_deref().unwrap_or_default());
        let head = format!("{},{},{refused}", report.name, report.again);
        let rest = report.cost.as_ref().map_or_else(|| ",".repeat(17), |cost| csv_row(board, cost));
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{head},{rest}");
    }
    if !board.points.is_empty() {
        text.push_str("\nloop,watched,ready,ns\n");
        for CurvePoint { name, watched, ready, ns } in &board.points {
            let ready = format!("{ready:?}").to_lowercase();
            let _ = writeln!(text, "{name},{watched},{ready},{}", neat(*ns));
        }
    }
    text
}

fn csv_row(board: &CompareBoard, cost: &RowCost) -> String {
    let same = cost.same.map_or_else(String::new, |same| same.to_string());
    let kib = cost.kib_per_client.map_or_else(String::new, |kib| neat(kib).to_string());
    let (cpu, ratio) = (cost.cpu_ns, cost.ratio);
    let numbers = [cost.per_second, cpu.median, cpu.low, cpu.high];
    let ratios = [ratio.median, ratio.low, ratio.high];
    let rest =
        [cost.calls, cost.copied, cost.asked, cost.hooked, cost.sqes, cost.cqes, cost.sleeps];
    let join = |values: &[f64]| {
        values.iter().map(|value| neat(*value).to_string()).collect::<Vec<_>>().join(",")
    };
    format!(
        "{},{},{},{},{same},{},{kib}",
        board.rounds,
        cost.requests,
        join(&numbers),
        join(&ratios),
        join(&rest)
    )
}

/// What to say on standard error while it goes on; the line before is written over.
pub fn progress(board: &CompareBoard) -> String {
    match board.phase {
        ComparePhase::Starting(name) => format!("starting {name}"),
        ComparePhase::Round(number) => format!("round {number} of {}", board.plan.rounds),
        ComparePhase::Curve(watched) => format!("a wait with {watched} watched descriptors"),
        ComparePhase::Done | ComparePhase::Stopped => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::ComparePlan;
    use super::*;
    use crate::event::Backend;

    #[test]
    fn numbers_have_four_digits() {
        let neat = |value: f64| super::neat(value).to_string();
        assert_eq!(
            [neat(0.0), neat(3.490_51), neat(283_472.4), neat(0.001_23), neat(f64::NAN)],
            ["0", "3.491", "283500", "0.00123", "0"]
        );
    }

    #[test]
    fn every_row_of_the_table_has_every_column() {
        let loops = vec![Backend::ALL[0], Backend::ALL[1]];
        let plan = ComparePlan { loops, clients: 4, active: 4, size: 64, rounds: 1, curve: true };
        let mut board = CompareBoard::new(plan);
        board.take(CompareUpdate::Refused { row: 1, reason: "no \"poll\", here".into() });
        let sample =
            super::super::LoopSample { requests: 1, wall_ns: 1, cpu_ns: 1, ..Default::default() };
        board.take(CompareUpdate::Round(vec![(0, sample), (2, sample)]));
        let ready = ReadyPlace::All;
        let point = CurvePoint { name: Backend::ALL[1], watched: 10, ready, ns: 880.0 };
        board.take(CompareUpdate::Point(point));
        let text = csv(&board);
        let lines: Vec<_> = text.lines().collect();
        let columns = COLUMNS.split(',').count();
        assert_eq!(lines[1].split(',').count(), columns);
        assert_eq!(lines[3].split(',').count(), columns);
        assert_eq!(lines[2], format!("poll,false,\"no \"\"poll\"\", here\",{}", ",".repeat(17)));
        assert_eq!(&lines[4..], ["", "loop,watched,ready,ns", "poll,10,all,880"]);
    }
}
