//! A case that did not come out is run again if the machine was too busy to keep its time: what came
//! out late says nothing.

use crate::event::Nanos;
use crate::lesson::skip::{Skip, SkipCause};

use super::{Failure, Verdict};

/// A case is run so often at most.
const MOST: usize = 8;

/// How one run of a case came out.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Try {
    /// Its time was kept: this is how it is.
    OnTime(Verdict),
    /// A timer ran later than its steps, by so much at most, and it did not come out.
    Late { by: Nanos, failure: Failure },
    /// The time for the case was over.
    Endless(Failure),
}

/// Runs a case until it is known how it comes out.
///
/// What differs in the same way in each of as many runs as there may be is no matter of time.
pub(super) fn settled(mut run: impl FnMut() -> Try) -> Verdict {
    let mut late = Nanos(0);
    let mut failures = Vec::new();
    while failures.len() < MOST {
        match run() {
            Try::OnTime(verdict) => return verdict,
            Try::Endless(failure) if failures.is_empty() => return Verdict::Failed(failure),
            // The runs before took the time.
            Try::Endless(_) => break,
            Try::Late { by, failure } => {
                late = late.max(by);
                failures.push(failure);
            }
        }
    }
    let ms = late.0 / 1_000_000;
    let alike = failures.len() == MOST && failures.windows(2).all(|two| two[0] == two[1]);
    if let Some(failure) = failures.pop().filter(|_| alike) {
        let reason = format!("{MOST} times the same, though {ms} ms late");
        return Verdict::Failed(Failure { reason: Some(reason), ..failure });
    }
    let why = format!("this machine is too busy for timers: {ms} ms late");
    Verdict::Skipped(Skip::new(SkipCause::TooBusy, why))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lesson::run::{Between, Mismatch};

    /// A failure of which the kernel's side is this.
    fn failure(kernel: &str) -> Failure {
        let mismatch = Mismatch {
            between: Between::FileAndKernel,
            what: "the events".to_owned(),
            expected: None,
            kernel: Some(kernel.to_owned()),
            model: None,
        };
        let mismatches = vec![mismatch];
        Failure { step: 3, line: 20, action: "note".to_owned(), mismatches, reason: None }
    }

    fn late(kernel: &str) -> Try {
        Try::Late { by: Nanos(20_000_000), failure: failure(kernel) }
    }

    /// What comes of these runs, and how many of them were made.
    fn of(tries: &[Try]) -> (Verdict, usize) {
        let mut made = 0;
        let verdict = settled(|| {
            made += 1;
            tries[made - 1].clone()
        });
        (verdict, made)
    }

    #[test]
    fn what_comes_out_on_time_is_how_it_is_however_late_the_runs_before_were() {
        let died = Failure { reason: Some("signal: 6".to_owned()), ..failure("x") };
        for verdict in [
            Verdict::Passed { agreed: 7 },
            Verdict::Failed(failure("x")),
            Verdict::Failed(died),
            Verdict::Skipped(Skip::new(SkipCause::NoProc, "needs /proc")),
        ] {
            let now = Try::OnTime(verdict.clone());
            assert_eq!(of(std::slice::from_ref(&now)), (verdict.clone(), 1));
            assert_eq!(of(&[late("x"), late("x"), now]), (verdict, 3));
        }
    }

    #[test]
    fn a_case_without_time_for_another_run_is_skipped_and_one_that_never_ends_fails() {
        let endless = Try::Endless(failure("x"));
        assert_eq!(of(std::slice::from_ref(&endless)), (Verdict::Failed(failure("x")), 1));
        let (verdict, made) = of(&[late("x"), late("x"), endless]);
        let why = "this machine is too busy for timers: 20 ms late";
        let skip = Skip::new(SkipCause::TooBusy, why);
        assert_eq!((verdict, made), (Verdict::Skipped(skip), 3));
    }

    #[test]
    fn what_is_always_late_is_skipped_unless_it_always_differs_alike() {
        let mut tries = vec![late("x"); MOST];
        let (verdict, made) = of(&tries);
        let reason = Some("8 times the same, though 20 ms late".to_owned());
        assert_eq!((verdict, made), (Verdict::Failed(Failure { reason, ..failure("x") }), MOST));
        tries[MOST - 1] = late("y");
        assert!(matches!(of(&tries), (Verdict::Skipped(_), MOST)));
    }
}
