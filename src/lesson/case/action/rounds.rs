//! An action of a repeat in one of its rounds.

use super::{Action, ConnectTarget, Scan, Wait, Who};
use crate::lesson::case::{FdArg, Label};

impl Action {
    /// This action in round number `round` of a repeat: with that number for each `#`.
    #[must_use]
    pub fn of_round(&self, round: u32) -> Self {
        let mut action = self.clone();
        action.each_label_mut(&mut |label| *label = label.of_round(round));
        action
    }

    /// Calls `change` with each label that it names, the body of a repeat left out.
    fn each_label_mut(&mut self, change: &mut impl FnMut(&mut Label)) {
        match self {
            Self::Add { ep, fd, .. }
            | Self::Mod { ep, fd, .. }
            | Self::Del { ep, fd, .. }
            | Self::Ctl { ep, fd, .. }
            | Self::Many { ep, fd, .. } => [ep, fd].into_iter().for_each(|fd| in_fd(fd, change)),
            Self::Wait(wait) => in_wait(wait, change),
            Self::Poll(scan) | Self::Select(scan) => in_scan(scan, change),
            Self::Freeze { ep, thread, .. } => {
                in_fd(ep, change);
                change(thread);
            }
            Self::Thaw { thread } | Self::Signal { thread } | Self::Expire { thread } => {
                change(thread);
            }
            Self::Write { fd, .. }
            | Self::Read { fd, .. }
            | Self::Drain { fd, .. }
            | Self::Fill { fd, .. }
            | Self::Close { fd, .. }
            | Self::Rst { fd }
            | Self::Shutdown { fd, .. }
            | Self::Arm { fd, .. }
            | Self::Async { fd }
            | Self::Blocking { fd }
            | Self::Sockopt { fd, .. } => in_fd(fd, change),
            Self::Accept { fd, name, .. } | Self::Dup { fd, name, .. } => {
                in_fd(fd, change);
                change(name);
            }
            Self::Connect { fd, to } => {
                in_fd(fd, change);
                if let ConnectTarget::Listener(label) = to {
                    change(label);
                }
            }
            Self::Submit(submit) => {
                in_fd(&mut submit.ring, change);
                submit.fd.iter_mut().for_each(|fd| in_fd(fd, change));
                submit.of.iter_mut().for_each(&mut *change);
                change(&mut submit.name);
            }
            Self::Enter(enter) => {
                in_fd(&mut enter.ring, change);
                enter.thread.iter_mut().for_each(&mut *change);
            }
            Self::Reap { ring, .. } => in_fd(ring, change),
            Self::Go { ep, fd, name, .. } => {
                in_fd(ep, change);
                in_fd(fd, change);
                change(name);
            }
            Self::New { actor } => change(&mut actor.name),
            Self::Sleep { .. }
            | Self::Note
            | Self::SelectAgain
            | Self::Repeat { .. }
            | Self::Measure { .. }
            | Self::Limit { .. }
            | Self::LimitSignals { .. }
            | Self::SignalWait
            | Self::Tally { .. }
            | Self::Reset => {}
        }
        if let Some(Who::Thread(thread)) = self.who_mut() {
            change(thread);
        }
    }

    fn who_mut(&mut self) -> Option<&mut Who> {
        match self {
            Self::Add { who, .. }
            | Self::Mod { who, .. }
            | Self::Del { who, .. }
            | Self::Write { who, .. }
            | Self::Read { who, .. }
            | Self::Drain { who, .. }
            | Self::Fill { who, .. }
            | Self::Close { who, .. }
            | Self::Go { who, .. }
            | Self::Accept { who, .. } => who.as_mut(),
            _ => None,
        }
    }
}

fn in_fd(fd: &mut FdArg, change: &mut impl FnMut(&mut Label)) {
    if let FdArg::Named(label) = fd {
        change(label);
    }
}

fn in_wait(wait: &mut Wait, change: &mut impl FnMut(&mut Label)) {
    in_fd(&mut wait.ep, change);
    wait.thread.iter_mut().for_each(change);
}

fn in_scan(scan: &mut Scan, change: &mut impl FnMut(&mut Label)) {
    for (fd, _) in &mut scan.fds {
        in_fd(fd, change);
    }
    scan.thread.iter_mut().for_each(change);
}
