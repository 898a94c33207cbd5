//! Random sequences: descriptors, then calls on them with any flags, legal or not.
//!
//! The model goes along, so that it is known what is open and who sleeps, and so that no step is
//! taken of which the kernel leaves open how it comes out.

mod action;
mod begin;
mod choose;
mod ring;

use crate::lesson::case::{Action, Actor, Case, Label, Level, Need, Step};
use crate::sim::KernelModel;

use super::model_runner::ModelRunner;
use super::rng::Rng;
use action::{ALONE, CONNECTED, FULL, Idea, TOGETHER};
use ring::RINGS;

/// So many ideas that come to nothing, or to what the kernel leaves open, are dropped before a step
/// is left out.
const TRIES: u32 = 12;

/// What a sequence is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sort {
    /// One thread.
    Alone,
    /// One thread, and TCP sockets.
    Connected,
    /// One thread, and TCP sockets that are written to until they are full.
    Full,
    /// One thread, and io_urings.
    Rings,
    /// Threads that sleep.
    Together,
    /// Threads that sleep, and harvests that are held.
    Held,
}

impl Sort {
    fn has_threads(self) -> bool {
        matches!(self, Self::Together | Self::Held)
    }

    fn has_connections(self) -> bool {
        matches!(self, Self::Connected | Self::Full)
    }
}

/// Makes the sequence of a seed: by one thread, or with others that sleep.
pub(super) fn sequence(seed: u64, threads: bool) -> Case {
    let mut rng = Rng::new(seed);
    let sorts: &[_] = if threads {
        &[(7, Sort::Together), (3, Sort::Held)]
    } else {
        &[(1020, Sort::Alone), (160, Sort::Connected), (20, Sort::Full), (80, Sort::Rings)]
    };
    let mut maker = Maker {
        sort: rng.weigh(sorts).unwrap_or(Sort::Alone),
        rng,
        model: ModelRunner::new(KernelModel::new()),
        case: empty(format!("random-{seed}{}", if threads { "-threads" } else { "" })),
        tower: false,
        ops: Vec::new(),
        made: 0,
    };
    maker.actors();
    match maker.sort {
        Sort::Alone => {}
        Sort::Connected => maker.connections(),
        Sort::Full => {
            maker.buffers();
            maker.connections();
        }
        Sort::Rings => {
            maker.case.needs.push(Need::IoUring);
            maker.rings();
        }
        Sort::Together => maker.waiting(),
        Sort::Held => {
            maker.case.needs.push(Need::Userfaultfd);
            maker.waiting();
        }
    }
    for _ in 0..8 + maker.rng.roll(if threads { 14 } else { 38 }) {
        maker.idea();
    }
    maker.case
}

/// A case without actors and steps.
fn empty(id: String) -> Case {
    Case {
        title: "A random sequence".to_owned(),
        about: format!("The calls that the random test made for {id}."),
        id,
        level: Level::Expert,
        tags: vec!["random".to_owned()],
        sources: Vec::new(),
        needs: Vec::new(),
        topic: None,
        minutes: None,
        actors: Vec::new(),
        steps: Vec::new(),
    }
}

struct Maker {
    rng: Rng,
    model: ModelRunner,
    case: Case,
    sort: Sort,
    /// The names of operations of rings.
    ops: Vec<Label>,
    /// Whether there are enough epolls to nest them too deep.
    tower: bool,
    /// Names given so far.
    made: u32,
}

impl Maker {
    /// Takes a step, unless the kernel leaves open what comes of it.
    fn step(&mut self, action: Action) -> bool {
        if self.sort.has_threads() || self.sort == Sort::Rings {
            let mut after = self.model.clone();
            after.pass_over(&action);
            if after.is_open() {
                return false;
            }
            // A file says of nobody that a harvest is held who is not held.
            let not_held = |thread| !after.frozen().contains(thread);
            if matches!(&action, Action::Freeze { thread, .. } if not_held(thread)) {
                return false;
            }
            self.model = after;
        } else if self.sort.has_connections() || changes_descriptors(&action) {
            // Alone, nothing else has to be known.
            self.model.pass_over(&action);
        }
        self.case.steps.push(Step::new(action));
        true
    }

    fn idea(&mut self) {
        for _ in 0..TRIES {
            let ideas = if self.sort.has_threads() { &TOGETHER[..] } else { &ALONE[..] };
            let idea = if self.tower && self.rng.percent(25) {
                Some(Idea::Nest)
            } else if self.sort == Sort::Rings && self.rng.percent(55) {
                self.rng.weigh(&RINGS)
            } else if self.sort == Sort::Full && self.rng.percent(60) {
                self.rng.weigh(&FULL)
            } else if self.sort.has_connections() && self.rng.percent(30) {
                self.rng.weigh(&CONNECTED)
            } else {
                self.rng.weigh(ideas)
            };
            let Some(idea) = idea else { return };
            let Some(action) = self.action(idea) else { continue };
            let times = if idea == Idea::Burst { 2 + self.rng.roll(10) } else { 1 };
            let taken = (0..times).filter(|_| self.step(action.clone())).count();
            if idea == Idea::Close && taken > 0 && self.rng.percent(30) {
                self.reuse();
            }
            if taken > 0 {
                return;
            }
        }
    }

    /// A new file takes the number that was closed.
    fn reuse(&mut self) {
        let kind = self.kind();
        let actor = Actor { line: 0, name: self.name("n"), kind, count: None };
        self.step(Action::New { actor });
    }
}

/// Whether after it other descriptors are open.
fn changes_descriptors(action: &Action) -> bool {
    matches!(action, Action::Close { .. } | Action::Dup { .. } | Action::New { .. })
}
