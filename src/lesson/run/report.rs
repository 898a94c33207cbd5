//! What a step did, as it is handed to whoever shows or judges it.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::event::{Fd, Kind, LaneId, Nanos};
use crate::lesson::case::{Counter, CqeEntry, Label, Outcome, Seen};
use crate::lesson::kernel::Observed;
use crate::lesson::print::entry;

/// Something that happened in a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LessonEvent {
    /// When, since the case began.
    pub t: Nanos,
    /// Whose: 1 is the main thread, the others follow in the order in which they were first named.
    pub lane: LaneId,
    /// What.
    pub kind: Kind,
}

/// Who disagrees with whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Between {
    /// The file expects what the kernel did not do.
    FileAndKernel,
    /// The file expects what the model does not say; the kernel does not tell.
    FileAndModel,
    /// The model says what the kernel did not do.
    ModelAndKernel,
}

/// A disagreement. Each side is `None` where it does not apply.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mismatch {
    /// Between whom.
    pub between: Between,
    /// About what: `events`, `the ready list of e`.
    pub what: String,
    /// What the file expects.
    pub expected: Option<String>,
    /// What the kernel did.
    pub kernel: Option<String>,
    /// What the model says.
    pub model: Option<String>,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        let sides = [
            ("expected", &self.expected),
            ("the kernel", &self.kernel),
            ("the model", &self.model),
        ];
        let told = sides.into_iter().filter_map(|(who, what)| Some((who, what.as_ref()?)));
        for (at, (who, what)) in told.enumerate() {
            write!(f, "{} {who}: {what}", if at == 0 { ":" } else { "," })?;
        }
        Ok(())
    }
}

/// Everything about one step.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The number of the step, from 1; 0 is the making of the actors. An action of the learner's
    /// own has that of the step before it.
    pub step: u32,
    /// When it was over, since the case began.
    pub t: Nanos,
    /// What happened: the calls of the step, then the returns of whom they woke; the last
    /// ones are the look at what there is then ([`Kind::is_look`]).
    pub events: Vec<LessonEvent>,
    /// How many more calls were made than are among `events`.
    pub untold: u64,
    /// By how much the case was late, at most, if that is more than its expectations allow for:
    /// then they mean nothing.
    pub late: Nanos,
    /// What the kernel did.
    pub seen: Observed,
    /// What the model says.
    pub model: Observed,
    /// Where they disagree with each other, or with the file.
    pub mismatches: Vec<Mismatch>,
    /// The counters that are not 0.
    pub counters: BTreeMap<Counter, u64>,
    /// The number that each label got last.
    pub numbers: BTreeMap<Label, Fd>,
    /// The open labels of epoll instances whose lists go by another label: by which.
    pub duplicates: BTreeMap<Label, Label>,
}

impl Report {
    /// What the kernel's call returned.
    pub fn ret(&self) -> Option<Outcome> {
        self.seen.ret
    }

    /// The label by which the lists of the epoll instance go that `label` names now.
    pub fn instance<'l>(&'l self, label: &'l Label) -> &'l Label {
        self.duplicates.get(label).unwrap_or(label)
    }

    /// A counter.
    pub fn counter(&self, counter: &Counter) -> u64 {
        self.counters.get(counter).copied().unwrap_or(0)
    }
}

/// `[p.r IN, q.r IN|HUP]`, or the name of an error.
pub(super) fn seen_text(seen: &Seen) -> String {
    match seen {
        Seen::Events(events) => list_text(events.iter().map(entry)),
        Seen::Value(value) => value.to_string(),
        Seen::Errno(errno) => errno.to_string(),
    }
}

/// `[r1 5, p1 IN MORE]`
pub(super) fn cqes_text(cqes: &[CqeEntry]) -> String {
    list_text(cqes.iter().map(ToString::to_string))
}

/// `3`, `EAGAIN`, `EOF`.
pub(super) fn outcome_text(outcome: Outcome) -> String {
    match outcome {
        Outcome::Value(value) => value.to_string(),
        Outcome::Errno(errno) => errno.to_string(),
        Outcome::Eof => "EOF".to_owned(),
    }
}

/// `[a, b]`; of a long list only its beginning.
pub(super) fn list_text(items: impl IntoIterator<Item = String>) -> String {
    let items: Vec<_> = items.into_iter().collect();
    let shown = items.get(..LISTED).unwrap_or(&items).join(", ");
    match items.len().saturating_sub(LISTED) {
        0 => format!("[{shown}]"),
        more => format!("[{shown}, and {more} more]"),
    }
}

/// So many items of a list are shown.
const LISTED: usize = 24;
