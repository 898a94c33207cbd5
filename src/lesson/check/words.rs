//! An action in the words of the file.

use crate::lesson::case::{Action, Amount, FdArg, Label, Scan, Target, Wait, Who};

/// `add e p.r IN|ET`, `wait e by A`: the `do` of a step and what it is about.
pub(super) fn action(action: &Action) -> String {
    let about = match action {
        Action::Add { ep, fd, mask, .. }
        | Action::Mod { ep, fd, mask, .. }
        | Action::Ctl { ep, fd, mask }
        | Action::Many { ep, fd, mask, .. } => format!("{ep} {fd} {mask}"),
        Action::Del { ep, fd, .. } => format!("{ep} {fd}"),
        Action::Wait(Wait { ep, .. }) | Action::Freeze { ep, .. } => ep.to_string(),
        Action::Poll(scan) | Action::Select(scan) => scanned(scan),
        Action::Write { fd, what: Amount::Bytes(n), .. } => format!("{fd} {n}"),
        Action::Write { fd, what: Amount::Value(value), .. } => format!("{fd} value {value}"),
        Action::Read { fd, .. }
        | Action::Drain { fd, .. }
        | Action::Fill { fd, .. }
        | Action::Close { fd, .. }
        | Action::Rst { fd }
        | Action::Arm { fd, .. }
        | Action::Sockopt { fd, .. } => fd.to_string(),
        Action::Shutdown { fd, how } => format!("{fd} {how}"),
        Action::Dup { fd, name } | Action::Accept { fd, name, .. } => format!("{fd} as {name}"),
        Action::Connect { fd, to: Target::Listener(listener) } => format!("{fd} to {listener}"),
        Action::Connect { fd, to: Target::Nobody } => format!("{fd} to nobody"),
        Action::Sleep { ms } => format!("{ms} ms"),
        Action::New { actor } => actor.name.to_string(),
        Action::Repeat { times, .. } => format!("{times} times"),
        Action::Measure { name, .. } => format!("as {name}"),
        Action::Limit { free } => free.map_or_else(|| "all".to_owned(), |free| free.to_string()),
        Action::Thaw { .. }
        | Action::Signal { .. }
        | Action::Expire { .. }
        | Action::Note
        | Action::Tally { .. }
        | Action::Reset => String::new(),
    };
    let mut words = vec![action.word().to_owned()];
    words.extend((!about.is_empty()).then_some(about));
    if let Some(thread) = by(action) {
        words.push(format!("by {thread}"));
    }
    words.join(" ")
}

/// Who makes the call, or whom it is about.
fn by(action: &Action) -> Option<String> {
    let thread = action.thread().map(Label::to_string);
    thread.or_else(|| action.who().map(Who::to_string))
}

fn scanned(scan: &Scan) -> String {
    let one = |(fd, mask): &(FdArg, crate::event::Mask)| format!("{fd} {mask}");
    scan.fds.iter().map(one).collect::<Vec<_>>().join(", ")
}
