//! What exists at each step: labels with what they name, threads, what is frozen.
//!
//! The parts of a step that name something leave [`Use`]s, each with its place; they are held
//! against the [`Scope`] once the step is read. In a repeat they are gone through for every round.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::near::meant;
use super::reader::Reader;
use super::usage::{Thing, Use, Wants, What};
use crate::lesson::case::{Label, MAX_THREADS, Need};

/// The largest number of descriptors that are open at one time.
pub(super) const MAX_OPEN: usize = 1024;
/// Labels that an error lists.
const LISTED: usize = 12;
/// Labels among which the one is looked for that was meant.
const COMPARED: usize = 1000;
/// What the rounds of all repeats of a file may name.
const MAX_NAMED: usize = 1_000_000;

/// What a step says will come of its call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Claim {
    /// Nothing: there are neither words nor expectations.
    Nothing,
    /// That it succeeds, as far as the file says.
    Success,
    /// That it fails: it makes and closes nothing.
    Failure,
}

/// How a [`Use`] is to be taken.
#[derive(Clone, Copy, Debug)]
struct How {
    /// The number of the round, in a repeat.
    round: Option<u32>,
    claim: Claim,
}

impl How {
    /// Whether the call makes and closes nothing. A call of a repeat may fail in some rounds.
    fn fails(self) -> bool {
        self.claim == Claim::Failure && self.round.is_none()
    }
}

/// What is known of a label.
#[derive(Clone, Debug)]
struct Known {
    thing: Thing,
    /// Which open file; a duplicate has the same.
    file: usize,
    /// The line that gave it its name.
    line: u32,
    state: State,
}

/// Whether the number of a label is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    /// Closed; or perhaps never made.
    Free,
}

/// What is known of a thread.
#[derive(Clone, Debug)]
enum Thread {
    /// It does not sleep, as far as the file says.
    Awake,
    /// It was sent to sleep.
    Parked { timeout: bool },
    /// It is frozen in a harvest of this file, since this line.
    Frozen { file: Option<usize>, line: u32 },
}

/// What exists at a step.
#[derive(Debug)]
pub(super) struct Scope {
    needs: Vec<Need>,
    known: BTreeMap<Label, Known>,
    /// Labels that are open.
    open: usize,
    /// Numbers given to open files.
    files: usize,
    threads: BTreeMap<Label, Thread>,
    measured: BTreeSet<Label>,
    /// Operations of rings.
    submitted: BTreeSet<Label>,
    asked: Option<Range<usize>>,
    /// What the rounds of repeats have named.
    named: usize,
}

impl Scope {
    pub(super) fn new(needs: Vec<Need>) -> Self {
        Self {
            needs,
            known: BTreeMap::new(),
            open: 0,
            files: 0,
            threads: BTreeMap::new(),
            measured: BTreeSet::new(),
            submitted: BTreeSet::new(),
            asked: None,
            named: 0,
        }
    }

    /// Where the first question is.
    pub(super) fn first_ask(&self) -> Option<Range<usize>> {
        self.asked.clone()
    }

    /// Notes a question.
    pub(super) fn ask(&mut self, span: Range<usize>) {
        self.asked.get_or_insert(span);
    }

    /// Holds the uses of a step that claims so much against what exists.
    pub(super) fn apply(&mut self, r: &mut Reader<'_>, uses: &[Use], claim: Claim) {
        let how = How { round: None, claim };
        let mut wrong = None;
        for one in uses {
            if r.is_full() {
                return;
            }
            if let What::Rounds(rounds, body) = &one.what {
                self.rounds(r, *rounds, body, claim);
            } else if let Err(message) = self.take(r.line(one.span.start), &one.what, how) {
                // Many labels of one actor may be wrong for one reason.
                if wrong.as_ref() != Some(&one.span) {
                    r.wrong(one.span.clone(), message);
                }
                wrong = Some(one.span.clone());
            }
        }
    }

    /// Every round of a repeat, or two where they are alike. Each place is told of once.
    fn rounds(&mut self, r: &mut Reader<'_>, rounds: u32, body: &[Use], claim: Claim) {
        let alike = !body.iter().any(Use::has_round);
        let rounds = if alike { rounds.min(2) } else { rounds };
        let before = self.named;
        self.named += usize::try_from(rounds).unwrap_or(usize::MAX).saturating_mul(body.len());
        if self.named > MAX_NAMED {
            if let Some(first) = body.first().filter(|_| before <= MAX_NAMED) {
                let message = format!(
                    "with this the rounds of all repeats name more than {MAX_NAMED} descriptors \
                     and threads"
                );
                r.wrong(first.span.clone(), message);
            }
            return;
        }
        let mut wrong = vec![false; body.len()];
        for round in 1..=rounds {
            let how = How { round: Some(round), claim };
            for (one, wrong) in body.iter().zip(&mut wrong).filter(|(_, wrong)| !**wrong) {
                if let Err(message) = self.take(r.line(one.span.start), &one.what, how) {
                    r.wrong(one.span.clone(), message);
                    *wrong = true;
                }
            }
        }
    }

    fn take(&mut self, line: u32, what: &What, how: How) -> Result<(), String> {
        let named = |label: &Label| how.round.map_or(label.clone(), |round| label.of_round(round));
        match what {
            What::Fd(label, wants) => self.fd(&named(label), *wants, how.claim),
            What::Control(_) if how.claim != Claim::Success => Ok(()),
            What::Enter(label) | What::Control(label) => self.enter(&named(label)),
            What::Make(label, thing) => self.make(&named(label), *thing, None, line, how),
            What::Dup(label, of) => {
                let of = of.as_ref().and_then(|of| self.known.get(&named(of)));
                // What a number names by now that was closed is not known.
                let of = of.filter(|of| of.state == State::Open);
                let (thing, file) =
                    of.map_or((Thing::Unsure, None), |of| (of.thing, Some(of.file)));
                self.make(&named(label), thing, file, line, how)
            }
            What::Close(label) => {
                self.close(&named(label), how);
                Ok(())
            }
            What::Thread(label) if self.threads.contains_key(&named(label)) => Ok(()),
            What::Thread(label) => Err(self.unknown_thread(&named(label))),
            What::AnyWoken if self.threads.is_empty() => {
                Err("no step before sends a thread to sleep".to_owned())
            }
            What::AnyWoken | What::Rounds(..) => Ok(()),
            What::Measure(label) => {
                self.measured.insert(named(label));
                Ok(())
            }
            What::Submit(label) => {
                self.submitted.insert(named(label));
                Ok(())
            }
            What::Submitted(label) if self.submitted.contains(&named(label)) => Ok(()),
            What::Submitted(label) => {
                let label = named(label);
                Err(unknown("operation", label.as_str(), self.submitted.iter()))
            }
            What::Measured(label) if self.measured.contains(&named(label)) => Ok(()),
            What::Measured(label) => {
                Err(unknown("measurement", label.as_str(), self.measured.iter()))
            }
            What::Park(..)
            | What::Freeze(..)
            | What::Thaw(_)
            | What::Signal(_)
            | What::Expire(_)
            | What::By(_) => self.thread(line, what, &named),
        }
    }

    fn fd(&self, label: &Label, wants: Wants, claim: Claim) -> Result<(), String> {
        let Some(known) = self.known.get(label) else {
            return Err(self.unknown_label(label));
        };
        if wants.takes(known.thing) || (claim != Claim::Success && wants.yields(known.thing)) {
            return Ok(());
        }
        if (wants, known.thing) == (Wants::Writable, Thing::Eventfd) {
            return Err(format!("`{label}` is an eventfd, which takes a `value` and not bytes"));
        }
        Err(format!("`{label}` is {}, expected {}", known.thing.words(), wants.words()))
    }

    fn unknown_label(&self, label: &Label) -> String {
        let is_part = |known: &&Label| {
            let rest = known.as_str().strip_prefix(label.as_str()).unwrap_or_default();
            rest.starts_with(|c: char| c == '.' || c.is_ascii_digit())
        };
        let parts: Vec<_> =
            self.known.keys().filter(is_part).take(LISTED).map(Label::as_str).collect();
        if !parts.is_empty() {
            let parts = parts.join(", ");
            return format!("`{label}` is no descriptor by itself: expected one of {parts}");
        }
        unknown("label", label.as_str(), self.known.keys())
    }

    fn unknown_thread(&self, thread: &Label) -> String {
        unknown("thread", thread.as_str(), self.threads.keys())
    }

    /// A call that takes the lock which a harvest holds.
    fn enter(&self, label: &Label) -> Result<(), String> {
        let file = self.known.get(label).map(|known| known.file);
        for (thread, state) in &self.threads {
            if let Thread::Frozen { file: held, line } = state
                && held.is_some()
                && *held == file
            {
                return Err(format!(
                    "`{label}` is held by the thread `{thread}`, frozen at line {line}: this call \
                     would wait until it is thawed"
                ));
            }
        }
        Ok(())
    }

    fn make(
        &mut self,
        label: &Label,
        thing: Thing,
        file: Option<usize>,
        line: u32,
        how: How,
    ) -> Result<(), String> {
        if how.fails() {
            return Ok(());
        }
        if thing == Thing::Ring && !self.needs.contains(&Need::IoUring) {
            return Err("a `ring` needs the key `needs = [\"io_uring\"]`".to_owned());
        }
        if let Some(known) = self.known.get(label).filter(|known| known.state == State::Open) {
            return Err(format!("the label `{label}` is taken since line {}", known.line));
        }
        // A call of a repeat may fail, in some rounds or in all.
        if self.open >= MAX_OPEN {
            return Err(format!("`{label}` would be one descriptor more than {MAX_OPEN}"));
        }
        let state = if how.round.is_some() { State::Free } else { State::Open };
        self.open += usize::from(state == State::Open);
        self.files += 1;
        let file = file.unwrap_or(self.files);
        self.known.insert(label.clone(), Known { thing, file, line, state });
        Ok(())
    }

    fn close(&mut self, label: &Label, how: How) {
        if let Some(known) = self.known.get_mut(label).filter(|_| !how.fails()) {
            self.open -= usize::from(known.state == State::Open);
            known.state = State::Free;
        }
    }

    /// What a use does to a thread.
    fn thread(
        &mut self,
        line: u32,
        what: &What,
        named: &dyn Fn(&Label) -> Label,
    ) -> Result<(), String> {
        let (thread, next) = match what {
            What::Park(thread, timeout) => (thread, Thread::Parked { timeout: *timeout }),
            What::Freeze(thread, ep) => {
                if !self.needs.contains(&Need::Userfaultfd) {
                    return Err("`freeze` needs the key `needs = [\"userfaultfd\"]`".to_owned());
                }
                let known = ep.as_ref().and_then(|ep| self.known.get(&named(ep)));
                (thread, Thread::Frozen { file: known.map(|known| known.file), line })
            }
            What::Thaw(thread) | What::Signal(thread) | What::Expire(thread) | What::By(thread) => {
                (thread, Thread::Awake)
            }
            _ => return Ok(()),
        };
        let thread = named(thread);
        let wakes = matches!(what, What::Thaw(_) | What::Signal(_) | What::Expire(_));
        match (self.threads.get(&thread), what) {
            (None, _) if wakes => return Err(self.unknown_thread(&thread)),
            (None, _) if self.threads.len() == MAX_THREADS => {
                return Err(format!("`{thread}` would be one thread more than {MAX_THREADS}"));
            }
            (Some(Thread::Frozen { .. }), What::Thaw(_)) => {}
            (Some(Thread::Frozen { line, .. }), _) => {
                return Err(format!("the thread `{thread}` is frozen since line {line}"));
            }
            (Some(_), What::Thaw(_)) => return Err(format!("the thread `{thread}` is not frozen")),
            (Some(Thread::Awake), What::Signal(_) | What::Expire(_)) => {
                return Err(format!("the thread `{thread}` does not sleep"));
            }
            (Some(Thread::Parked { timeout: false }), What::Expire(_)) => {
                return Err(format!("the thread `{thread}` waits for ever: it has no `timeout`"));
            }
            _ => {}
        }
        self.threads.insert(thread, next);
        Ok(())
    }
}

/// `unknown label `x`: expected one of a, b`, and which was meant.
fn unknown<'k>(what: &str, found: &str, known: impl Iterator<Item = &'k Label>) -> String {
    let known: Vec<_> = known.map(Label::as_str).take(COMPARED).collect();
    let hint = meant(found, &known);
    let more = if known.len() > LISTED { ", ..." } else { "" };
    let expected = match known.as_slice() {
        [] => "there is none yet".to_owned(),
        [only] => format!("expected `{only}`"),
        _ => format!("expected one of {}{more}", known[..known.len().min(LISTED)].join(", ")),
    };
    format!("unknown {what} `{found}`: {expected}{hint}")
}
