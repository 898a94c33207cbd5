//! Whether a case fits into its process: how many descriptors it has open at a time, and how many
//! the tool needs for it. The model tells: it makes the case's calls before the kernel does.

use nix::sys::resource::{Resource, getrlimit};

use super::case::{Action, ActorKind, Case, ConnectTarget, Expect, MAX_EPOLLS, Outcome};
use super::interpret::{make_members, perform};
use super::model_kernel::ModelKernel;
use super::real::reserved::{self, Kept};
use crate::event::Fd;
use crate::sim::KernelModel;

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
    let (room, why) = (reserved::room(hard), reserved::because(hard));
    if count.most > room {
        let most = count.most;
        return Err(format!(
            "it has {most} descriptors open at a time, a case may have {room}{why}"
        ));
    }
    if let Some(fd) = count.highest.filter(|fd| usize::try_from(fd.0).is_ok_and(|n| n >= room + 3))
    {
        return Err(format!("it needs the number {fd}, which is the tool's own here{why}"));
    }
    let (wanted, room) = (count.kept.descriptors(), reserved::own_room(hard));
    if wanted > room {
        return Err(format!(
            "the tool needs {wanted} descriptors of its own for it and may have {room}{why}"
        ));
    }
    Ok(())
}

/// What is needed at most.
struct Count {
    /// Descriptors of the case at a time.
    most: usize,
    /// Its largest number.
    highest: Option<Fd>,
    /// What the tool has open for it.
    kept: Kept,
}

/// Goes through a case on the model. A call that fails by the file is left out: whether it would
/// make anything is not asked.
fn count(case: &Case) -> Count {
    let mut model = ModelKernel::new(KernelModel::new());
    let mut held = 0;
    // What cannot be made is missing on the kernel, too.
    for actor in &case.actors {
        let _made = make_members(&mut model, actor);
    }
    for step in &case.steps {
        if matches!(step.action, Action::Freeze { .. }) {
            held = held.max(model.frozen().len() + 1);
        }
        // Many are made up to the one that fails.
        if !fails(&step.expect) || matches!(step.action, Action::New { .. }) {
            let _made = perform(&mut model, &step.action);
        }
    }
    let sockets = 2 * usize::from(has(case, |kind| matches!(kind, ActorKind::Pair { .. })))
        + 2 * usize::from(has(case, |kind| matches!(kind, ActorKind::Dgram { .. })))
        + usize::from(case.steps.iter().any(|step| connects_to_nobody(&step.action)));
    let (threads, epolls) = (case.threads().len(), model.table.most_epolls);
    let (most, highest) = (model.table.most_open, model.table.highest);
    Count { most, highest, kept: Kept { threads, epolls, held, sockets } }
}

fn fails(expect: &Expect) -> bool {
    matches!(expect.ret, Some(Outcome::Errno(_)))
}

/// Whether the case ever makes an actor of such a kind.
fn has(case: &Case, wanted: impl Fn(ActorKind) -> bool) -> bool {
    let made = case.steps.iter().filter_map(|step| match &step.action {
        Action::New { actor } => Some(actor),
        _ => None,
    });
    case.actors.iter().chain(made).any(|actor| wanted(actor.kind))
}

/// Whether a port is taken on which nobody listens.
fn connects_to_nobody(action: &Action) -> bool {
    match action {
        Action::Connect { to, .. } => *to == ConnectTarget::Nobody,
        Action::Repeat { body, .. } => body.iter().any(connects_to_nobody),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
