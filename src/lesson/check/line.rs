//! The lines in which it is told how a case came out.

use std::io::{self, Write};
use std::time::Duration;

use serde::Serialize;

use crate::lesson::file::shown_path;
use crate::lesson::run::{Between, Mismatch};

use super::find::Found;
use super::{Failure, Verdict};

/// A case in words: a line, and below it what went wrong.
pub(super) fn words(out: &mut impl Write, file: &Found, verdict: &Verdict) -> io::Result<()> {
    let name = &file.case.id;
    match verdict {
        Verdict::Passed { .. } => writeln!(out, "ok {name}"),
        Verdict::Skipped(skip) => writeln!(out, "skip {name}: {skip}"),
        Verdict::Failed(failure) => {
            writeln!(out, "FAIL {name}")?;
            writeln!(out, "  {}", place(file, failure))?;
            if let Some(reason) = &failure.reason {
                writeln!(out, "    {reason}")?;
            }
            for mismatch in &failure.mismatches {
                write_mismatch(out, mismatch)?;
            }
            Ok(())
        }
    }
}

/// `step 3, line 25 of x/nested.toml: write p.w`
fn place(file: &Found, failure: &Failure) -> String {
    let Failure { step, line, action, .. } = failure;
    let source = match &file.path {
        Some(path) => shown_path(path),
        None => format!("{}.toml", file.case.id),
    };
    match step {
        0 => format!("before the first step of {source}: {action}"),
        step => format!("step {step}, line {line} of {source}: {action}"),
    }
}

fn write_mismatch(out: &mut impl Write, mismatch: &Mismatch) -> io::Result<()> {
    writeln!(out, "    {}", mismatch.what)?;
    let sides = [
        ("expected", &mismatch.expected),
        ("the kernel", &mismatch.kernel),
        ("the model", &mismatch.model),
    ];
    for (who, what) in sides {
        if let Some(what) = what {
            writeln!(out, "      {:11} {what}", format!("{who}:"))?;
        }
    }
    Ok(())
}

/// A case as an object of JSON.
#[derive(Serialize)]
struct Object<'a> {
    case: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    result: &'static str,
    ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    agreed: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    step: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u32>,
    #[serde(rename = "do", skip_serializing_if = "Option::is_none")]
    action: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    mismatches: Vec<Difference<'a>>,
}

/// A disagreement as an object of JSON.
#[derive(Serialize)]
struct Difference<'a> {
    between: &'static str,
    what: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    expected: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kernel: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<&'a str>,
}

impl<'a> From<&'a Mismatch> for Difference<'a> {
    fn from(mismatch: &'a Mismatch) -> Self {
        Self {
            between: match mismatch.between {
                Between::FileAndKernel => "file and kernel",
                Between::FileAndModel => "file and model",
                Between::ModelAndKernel => "model and kernel",
            },
            what: &mismatch.what,
            expected: mismatch.expected.as_deref(),
            kernel: mismatch.kernel.as_deref(),
            model: mismatch.model.as_deref(),
        }
    }
}

/// A case for machines: one line of JSON.
pub(super) fn json(
    out: &mut impl Write,
    file: &Found,
    verdict: &Verdict,
    took: Duration,
) -> io::Result<()> {
    let mut object = Object {
        case: &file.case.id,
        file: file.path.as_ref().map(|path| path.to_string_lossy().into_owned()),
        result: "ok",
        ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        agreed: None,
        step: None,
        line: None,
        action: None,
        reason: None,
        cause: None,
        mismatches: Vec::new(),
    };
    match verdict {
        Verdict::Passed { agreed } => object.agreed = Some(*agreed),
        Verdict::Skipped(skip) => {
            (object.result, object.reason) = ("skip", Some(skip.why.as_str()));
            object.cause = Some(skip.cause.to_string());
        }
        Verdict::Failed(failure) => {
            object.result = "fail";
            (object.step, object.line) = (Some(failure.step), Some(failure.line));
            (object.action, object.reason) =
                (Some(failure.action.as_str()), failure.reason.as_deref());
            object.mismatches = failure.mismatches.iter().map(Difference::from).collect();
        }
    }
    serde_json::to_writer(&mut *out, &object)?;
    writeln!(out)
}
