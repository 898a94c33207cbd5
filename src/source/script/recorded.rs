//! A lesson in a recording: its file, and what each thing that was done in it came to.

use serde::{Deserialize, Serialize};

use crate::lesson::case::Case;
use crate::lesson::course::Done;
use crate::lesson::run::Report;
use crate::lesson::{parse, to_toml};
use crate::record::{Beside, BlockKind, Recording};

/// Something that was done, and what it came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RecordedMoment {
    /// What; `None` is the making of the actors.
    pub(super) done: Option<Done>,
    /// What the process of the lesson reported.
    pub(super) report: Report,
}

/// A lesson as it was gone through.
#[derive(Clone, Debug)]
pub struct RecordedLesson {
    /// The lesson.
    pub case: Case,
    /// The kernel's name and release.
    pub(super) kernel: String,
    pub(super) moments: Vec<RecordedMoment>,
}

impl RecordedLesson {
    /// The lesson of which a recording tells, if it does.
    ///
    /// # Errors
    /// Why it cannot be shown as one, in words: its events can.
    pub fn read(recording: &Recording) -> Result<Option<Self>, String> {
        let Some(file) = recording.bodies(BlockKind::Lesson).next() else { return Ok(None) };
        let case = parse("the lesson", &file).map_err(|errors| errors.to_string());
        let case = case.map_err(|wrong| first_line(&wrong))?;
        let bodies = recording.bodies(BlockKind::Report);
        let moments = bodies.map(|body| postcard::from_bytes::<RecordedMoment>(&body).ok());
        let moments: Option<Vec<_>> = moments.collect();
        let moments = moments.filter(|all| all.len() == recording.count(BlockKind::Report));
        // What follows it cannot be told without it.
        let moments = moments.ok_or("a step of the lesson is damaged")?;
        if moments.first().is_none_or(|first| first.done.is_some()) {
            return Err("the beginning of the lesson is missing".to_owned());
        }
        let kernel = recording.head().header.kernel.clone();
        Ok(Some(Self { case, kernel, moments }))
    }

    /// The lesson in that file, of which nothing has been done yet; `None` if it is none.
    pub(crate) fn begun(file: &[u8], kernel: &str) -> Option<Self> {
        let case = parse("the lesson", file).ok()?;
        Some(Self { case, kernel: kernel.to_owned(), moments: Vec::new() })
    }

    /// What a recording of it has beside its events.
    pub fn beside(&self) -> Vec<Beside> {
        let reports = self.moments.iter();
        let reports = reports.filter_map(|it| told(it.done.clone(), it.report.clone()));
        std::iter::once(file(&self.case)).chain(reports).collect()
    }

    /// How many events it has at the least.
    pub fn events(&self) -> u64 {
        self.moments.iter().map(|moment| moment.report.events.len() as u64).sum()
    }

    /// What was done, in order.
    pub fn done(&self) -> Vec<Done> {
        self.moments.iter().filter_map(|moment| moment.done.clone()).collect()
    }
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}

/// What a recording has of the lesson itself.
pub(super) fn file(case: &Case) -> Beside {
    Beside { kind: BlockKind::Lesson, raw: to_toml(case).into_bytes() }
}

/// What it has of something that was done, and came to that.
pub(super) fn told(done: Option<Done>, report: Report) -> Option<Beside> {
    let raw = postcard::to_stdvec(&RecordedMoment { done, report }).ok()?;
    Some(Beside { kind: BlockKind::Report, raw })
}
