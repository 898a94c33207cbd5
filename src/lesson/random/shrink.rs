//! The shortest sequence that still comes out otherwise: steps are left out in ever smaller groups,
//! then arguments are made simpler (delta debugging).

use crate::event::Mask;
use crate::lesson::case::{Action, Amount, Case, Step};

/// No more attempts than this are made.
const MOST_TRIES: usize = 4000;

/// A sequence being shrunk.
struct Shrinking<'a> {
    case: Case,
    fails: &'a mut dyn FnMut(&Case) -> bool,
    left: usize,
}

/// Shrinks a case for which `fails` says true.
pub(super) fn shrink(case: Case, fails: &mut dyn FnMut(&Case) -> bool) -> Case {
    let mut shrinking = Shrinking { case, fails, left: MOST_TRIES };
    loop {
        let before = shrinking.case.clone();
        shrinking.steps();
        shrinking.actors();
        shrinking.arguments();
        if shrinking.case == before || shrinking.left == 0 {
            return shrinking.case;
        }
    }
}

impl Shrinking<'_> {
    /// Keeps a simpler case if it still fails.
    fn attempt(&mut self, simpler: Case) -> bool {
        if self.left == 0 || simpler == self.case {
            return false;
        }
        self.left -= 1;
        let fails = (self.fails)(&simpler);
        if fails {
            self.case = simpler;
        }
        fails
    }

    /// Leaves steps out: half of them at a time, then a quarter, down to one.
    fn steps(&mut self) {
        let mut size = self.case.steps.len().div_ceil(2);
        while size > 0 {
            let mut end = self.case.steps.len();
            while end > 0 {
                let begin = end.saturating_sub(size);
                let mut simpler = self.case.clone();
                simpler.steps.drain(begin..end.min(simpler.steps.len()));
                self.attempt(simpler);
                end = begin;
            }
            size /= 2;
        }
    }

    /// Leaves actors out.
    fn actors(&mut self) {
        for at in (0..self.case.actors.len()).rev() {
            let mut simpler = self.case.clone();
            simpler.actors.remove(at);
            self.attempt(simpler);
        }
    }

    fn arguments(&mut self) {
        for at in 0..self.case.steps.len() {
            while self.one_argument(at) {}
        }
    }

    /// Makes one argument of a step simpler; whether it still fails then.
    fn one_argument(&mut self, at: usize) -> bool {
        let Some(step) = self.case.steps.get(at) else { return false };
        simpler(&step.action).into_iter().any(|action| {
            let mut simpler = self.case.clone();
            if let Some(step) = simpler.steps.get_mut(at) {
                *step = Step::new(action);
            }
            self.attempt(simpler)
        })
    }
}

/// The same action with one argument that is simpler.
fn simpler(action: &Action) -> Vec<Action> {
    let mut found = Vec::new();
    let mut with = |change: &dyn Fn(&mut Action)| {
        let mut other = action.clone();
        change(&mut other);
        found.push(other);
    };
    match action {
        Action::Add { mask, .. } | Action::Mod { mask, .. } | Action::Ctl { mask, .. } => {
            for bit in (0..32).map(|bit| Mask(1 << bit)).filter(|bit| mask.has(*bit)) {
                with(&|other| match other {
                    Action::Add { mask, .. }
                    | Action::Mod { mask, .. }
                    | Action::Ctl { mask, .. } => {
                        *mask = *mask - bit;
                    }
                    _ => {}
                });
            }
        }
        Action::Wait(wait) if wait.max != 64 => with(&|other| {
            if let Action::Wait(wait) = other {
                wait.max = 64;
            }
        }),
        Action::Write { what, .. } if !matches!(what, Amount::Bytes(1) | Amount::Value(1)) => {
            with(&|other| {
                if let Action::Write { what, .. } = other {
                    *what = match what {
                        Amount::Bytes(_) => Amount::Bytes(1),
                        Amount::Value(_) => Amount::Value(1),
                    };
                }
            });
        }
        Action::Read { n, .. } if *n != 65536 => with(&|other| {
            if let Action::Read { n, .. } = other {
                *n = 65536;
            }
        }),
        Action::Poll(scan) | Action::Select(scan) if scan.fds.len() > 1 => {
            for at in 0..scan.fds.len() {
                with(&|other| {
                    if let Action::Poll(scan) | Action::Select(scan) = other {
                        scan.fds.remove(at);
                    }
                });
            }
        }
        _ => {}
    }
    found
}
