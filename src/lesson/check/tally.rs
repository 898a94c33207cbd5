//! How many cases came out how, and which were skipped for what.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::Serialize;

use super::Verdict;
use crate::lesson::skip::SkipCause;

/// The numbers of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    passed: usize,
    failed: usize,
    /// The names of the cases that were skipped, in the order in which they were.
    skipped: BTreeMap<SkipCause, Vec<String>>,
}

/// The numbers as an object of JSON.
#[derive(Serialize)]
struct Object<'a> {
    passed: usize,
    failed: usize,
    skipped: usize,
    causes: BTreeMap<String, &'a [String]>,
}

impl Tally {
    /// Counts this case.
    pub(super) fn count(&mut self, case: &str, verdict: &Verdict) {
        match verdict {
            Verdict::Passed { .. } => self.passed += 1,
            Verdict::Failed(_) => self.failed += 1,
            Verdict::Skipped(skip) => {
                self.skipped.entry(skip.cause).or_default().push(case.to_owned());
            }
        }
    }

    /// Whether no case failed.
    pub(super) fn none_failed(&self) -> bool {
        self.failed == 0
    }

    fn skipped(&self) -> usize {
        self.skipped.values().map(Vec::len).sum()
    }

    /// `119 passed, 0 failed, 2 skipped: too busy 1 (edge), userfaultfd refused 1 (held)`
    pub(super) fn words(&self, out: &mut impl Write) -> io::Result<()> {
        let (passed, failed) = (self.passed, self.failed);
        write!(out, "{passed} passed, {failed} failed, {} skipped", self.skipped())?;
        for (n, (cause, cases)) in self.skipped.iter().enumerate() {
            let sign = if n == 0 { ':' } else { ',' };
            write!(out, "{sign} {cause} {} ({})", cases.len(), cases.join(", "))?;
        }
        writeln!(out)
    }

    /// The same for machines: one line of JSON.
    pub(super) fn json(&self, out: &mut impl Write) -> io::Result<()> {
        let causes = self.skipped.iter().map(|(cause, cases)| (cause.to_string(), &cases[..]));
        let (passed, failed, skipped) = (self.passed, self.failed, self.skipped());
        let object = Object { passed, failed, skipped, causes: causes.collect() };
        serde_json::to_writer(&mut *out, &object)?;
        writeln!(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lesson::case::Need;
    use crate::lesson::skip::Skip;

    fn told(tally: &Tally) -> (String, String) {
        let (mut words, mut json) = (Vec::new(), Vec::new());
        tally.words(&mut words).expect("a Vec takes all");
        tally.json(&mut json).expect("a Vec takes all");
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8").trim_end().to_owned();
        (text(words), text(json))
    }

    #[test]
    fn what_was_skipped_is_counted_by_its_cause_and_named() {
        let mut tally = Tally::default();
        tally.count("plain", &Verdict::Passed { agreed: 7 });
        for (case, cause) in [
            ("inside", SkipCause::Refused(Need::Userfaultfd)),
            ("timer", SkipCause::TooBusy),
            ("held", SkipCause::Refused(Need::Userfaultfd)),
        ] {
            tally.count(case, &Verdict::Skipped(Skip::new(cause, "in full")));
        }
        let (words, json) = told(&tally);
        assert_eq!(
            words,
            "1 passed, 0 failed, 3 skipped: \
             too busy 1 (timer), userfaultfd refused 2 (inside, held)"
        );
        assert_eq!(
            json,
            r#"{"passed":1,"failed":0,"skipped":3,"causes":{"too busy":["timer"],"userfaultfd refused":["inside","held"]}}"#
        );
    }

    #[test]
    fn where_all_could_be_run_no_cause_is_named() {
        let mut tally = Tally::default();
        tally.count("plain", &Verdict::Passed { agreed: 7 });
        let (words, json) = told(&tally);
        assert_eq!(words, "1 passed, 0 failed, 0 skipped");
        assert_eq!(json, r#"{"passed":1,"failed":0,"skipped":0,"causes":{}}"#);
    }
}
