//! Whether a case fits into its process: how many descriptors it has open at a time, and how many
//! the tool needs for it.

use std::collections::{BTreeMap, BTreeSet};

use nix::sys::resource::{Resource, getrlimit};

use super::case::{
    Action, Actor, ActorKind, Case, Expect, FdArg, Label, MAX_EPOLLS, Outcome, Target,
};
use super::stage::own::{self, Kept};

/// Whether this process may have what `case` makes, as far as its file says.
///
/// # Errors
/// What is too much, and how much there may be.
pub(super) fn fits(case: &Case) -> Result<(), String> {
    let hard = getrlimit(Resource::RLIMIT_NOFILE).map_or(0, |(_, hard)| hard);
    fits_into(case, hard)
}

/// The same of a process whose hard limit is `hard`.
fn fits_into(case: &Case, hard: u64) -> Result<(), String> {
    let count = count(case);
    if count.kept.epolls > MAX_EPOLLS {
        let found = count.kept.epolls;
        return Err(format!(
            "it has {found} epoll instances open at a time, a case may have {MAX_EPOLLS}"
        ));
    }
    let (room, why) = (own::room(hard), own::because(hard));
    if count.most > room {
        let most = count.most;
        return Err(format!(
            "it has {most} descriptors open at a time, a case may have {room}{why}"
        ));
    }
    let (wanted, room) = (count.kept.descriptors(), own::own_room(hard));
    if wanted > room {
        return Err(format!(
            "the tool needs {wanted} descriptors of its own for it and may have {room}{why}"
        ));
    }
    Ok(())
}

/// What is open, and what was at most.
#[derive(Debug, Default)]
struct Count {
    /// Open labels, each with its file.
    open: BTreeMap<Label, usize>,
    /// The descriptors of each file that is open, and whether it is an epoll instance.
    files: BTreeMap<usize, (usize, bool)>,
    next_file: usize,
    /// No more descriptors than these, where the case has set a limit.
    limit: Option<usize>,
    /// Connections of which none has been accepted.
    connecting: usize,
    frozen: BTreeSet<Label>,
    /// Descriptors at most.
    most: usize,
    /// What the tool has open for it at most.
    kept: Kept,
    /// Charges are asked for messages of streams, and of datagrams.
    charged: [bool; 2],
}

/// Goes through a case. Calls that fail where the file does not say so are counted as if they had
/// not: those of rounds that are not made any more.
fn count(case: &Case) -> Count {
    let mut count = Count::default();
    case.actors.iter().for_each(|actor| count.actor(actor));
    for step in &case.steps {
        match &step.action {
            Action::Repeat { times, body, .. } => count.rounds(*times, body),
            action if fails(&step.expect) => count.refused(action),
            action => count.action(action),
        }
    }
    count.kept.threads = case.threads().len();
    count.kept.sockets += 2 * count.charged.into_iter().filter(|charged| *charged).count();
    count
}

fn fails(expect: &Expect) -> bool {
    matches!(expect.ret, Some(Outcome::Errno(_)))
}

impl Count {
    fn rounds(&mut self, times: u32, body: &[Action]) {
        let counts = |action: &&Action| {
            matches!(
                action,
                Action::Dup { .. }
                    | Action::Connect { .. }
                    | Action::Accept { .. }
                    | Action::Close { .. }
                    | Action::Rst { .. }
                    | Action::Limit { .. }
            )
        };
        let body: Vec<_> = body.iter().filter(counts).collect();
        let alike = body.iter().all(|action| action.of_round(1) == action.of_round(2));
        for round in 1..=if alike { times.min(2) } else { times } {
            for action in &body {
                self.action(&action.of_round(round));
            }
        }
    }

    /// One that fails makes and closes nothing, but for the first members of many.
    fn refused(&mut self, action: &Action) {
        match action {
            Action::New { .. } => self.action(action),
            Action::Connect { to: Target::Nobody, .. } => self.kept.sockets = 1,
            _ => {}
        }
    }

    fn action(&mut self, action: &Action) {
        match action {
            Action::New { actor } => self.actor(actor),
            Action::Dup { fd, name } => {
                let known = fd.label().map(|label| self.open.get(label).copied());
                match known {
                    Some(Some(file)) => self.hold(name, file, false),
                    // Nothing to be duplicated.
                    Some(None) => {}
                    None => self.make(name, false),
                }
            }
            Action::Accept { name, .. } if self.connecting > 0 => {
                self.connecting -= 1;
                self.make(name, false);
            }
            Action::Connect { to: Target::Listener(_), .. } => self.connecting += 1,
            Action::Connect { to: Target::Nobody, .. } => self.kept.sockets = 1,
            Action::Close { fd: FdArg::Named(label), .. }
            | Action::Rst { fd: FdArg::Named(label) } => self.close(label),
            Action::Limit { free } => {
                self.limit = free.map(|free| self.open.len() + free as usize);
            }
            Action::Freeze { thread, .. } => {
                self.frozen.insert(thread.clone());
                self.kept.held = self.kept.held.max(self.frozen.len());
            }
            Action::Thaw { thread } => {
                self.frozen.remove(thread);
            }
            _ => {}
        }
    }

    fn actor(&mut self, actor: &Actor) {
        match actor.kind {
            ActorKind::Pair { .. } => self.charged[0] = true,
            ActorKind::Dgram { .. } => self.charged[1] = true,
            _ => {}
        }
        let ends = actor.kind.ends().len();
        for member in actor.labels().chunks(ends) {
            if !self.has_room(ends) {
                break;
            }
            for label in member {
                self.make(label, actor.kind == ActorKind::Epoll);
            }
        }
    }

    fn has_room(&self, more: usize) -> bool {
        self.limit.is_none_or(|limit| self.open.len() + more <= limit)
    }

    /// A new file under `label`.
    fn make(&mut self, label: &Label, is_epoll: bool) {
        self.next_file += 1;
        self.hold(label, self.next_file, is_epoll);
    }

    /// Another descriptor of `file`.
    fn hold(&mut self, label: &Label, file: usize, is_epoll: bool) {
        if self.open.contains_key(label) || !self.has_room(1) {
            return;
        }
        self.open.insert(label.clone(), file);
        self.files.entry(file).or_insert((0, is_epoll)).0 += 1;
        self.most = self.most.max(self.open.len());
        let epolls = if is_epoll { self.files.values().filter(|file| file.1).count() } else { 0 };
        self.kept.epolls = self.kept.epolls.max(epolls);
    }

    fn close(&mut self, label: &Label) {
        let Some(file) = self.open.remove(label) else { return };
        if let Some((descriptors, _)) = self.files.get_mut(&file) {
            *descriptors -= 1;
            if *descriptors == 0 {
                self.files.remove(&file);
            }
        }
    }
}

#[cfg(test)]
mod tests;
