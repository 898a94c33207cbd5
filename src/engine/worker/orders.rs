//! Commands on registrations, carried out by a server thread with the calls that a server would
//! make.

use std::sync::Arc;

use super::Worker;
use crate::engine::backend::{Loop, only_epoll};
use crate::engine::gate::Order;
use crate::engine::lock;
use crate::engine::mailbox::Job;
use crate::engine::table::{Flags, Watched};
use crate::event::{self, Command, CommandPhase, FileKind, Scope, Target, Trigger};

/// A remark where there is something to say, or why it cannot be.
type Outcome = Result<Option<String>, String>;

impl<const OBSERVED: bool, L: Loop> Worker<'_, OBSERVED, L> {
    /// Carries out all waiting commands.
    pub(crate) fn carry_out(&mut self) {
        while let Some(job) = self.shared.mailbox.take() {
            self.refresh();
            match job {
                Job::Refresh => self.settle_all(),
                Job::TellSet => L::tell_set(self),
                Job::Command(order, command) => {
                    let phase = match self.order(&command) {
                        Ok(remark) => CommandPhase::Done(remark.map(Into::into)),
                        Err(why) => CommandPhase::Failed(why.into()),
                    };
                    let Order { id, text } = order;
                    let kind = event::Kind::Command { id, text: text.into(), phase };
                    self.door.tell(kind);
                }
            }
        }
    }

    fn order(&mut self, command: &Command) -> Outcome {
        let registers = matches!(
            command,
            Command::Trigger(..)
                | Command::Oneshot(..)
                | Command::Exclusive(..)
                | Command::Rearm(_)
        );
        if registers && !L::REGISTERS {
            return Err(only_epoll(L::BACKEND));
        }
        match command {
            Command::Trigger(Scope::All, to) => self.trigger_all(*to),
            Command::Trigger(_, to) => self.change_flags(command, |flags| {
                flags.trigger = to.unwrap_or(flags.trigger.flipped());
                Ok(None)
            }),
            Command::Oneshot(_, on) => self.change_flags(command, |flags| {
                let on = on.unwrap_or(!flags.oneshot);
                if on && flags.exclusive {
                    return Err("EPOLLEXCLUSIVE refuses EPOLLONESHOT".to_owned());
                }
                flags.oneshot = on;
                Ok(None)
            }),
            Command::Exclusive(_, on) => self.change_flags(command, |flags| {
                flags.exclusive = on.unwrap_or(!flags.exclusive);
                let dropped = if flags.oneshot { "RDHUP and ONESHOT" } else { "RDHUP" };
                let remark = format!("dropped {dropped}; shows nothing on a single instance");
                Ok(flags.exclusive.then_some(remark))
            }),
            Command::Watch(_, on) => self.change_flags(command, |flags| {
                flags.watch_out = on.unwrap_or(!flags.watch_out);
                Ok(None)
            }),
            Command::Rearm(_) => self.rearm(command),
            Command::Drop(_) => self.drop_connection(command),
            Command::Pause
            | Command::Run
            | Command::Step(_)
            | Command::Turn(_)
            | Command::Delay(_)
            | Command::Read(_)
            | Command::Accept(_)
            | Command::MaxEvents(_)
            | Command::Client
            | Command::Send(..)
            | Command::Close(_)
            | Command::Reset(_)
            | Command::Mistake(..)
            | Command::Threads(_)
            | Command::Backend(_)
            | Command::Netpoll(_)
            | Command::Screen(_)
            | Command::Record(_)
            | Command::RecordOff
            | Command::Save(_)
            | Command::Mark(_)
            | Command::Quit => Err("not a command for a server thread".to_owned()),
        }
    }

    fn find(&self, command: &Command) -> Result<Arc<Watched>, String> {
        let Some(Target::Fd(fd)) = command.target() else { return Err("needs fd=N".to_owned()) };
        let watched = self.shared.table.at(fd);
        let watched = watched.ok_or_else(|| format!("fd {fd} is not registered"))?;
        if watched.what == FileKind::Eventfd {
            return Err(format!("fd {fd} is the server's own control eventfd"));
        }
        Ok(watched)
    }

    fn change_flags(
        &mut self,
        command: &Command,
        change: impl FnOnce(&mut Flags) -> Outcome,
    ) -> Outcome {
        let watched = self.find(command)?;
        let (remark, exclusive) = {
            let mut state = lock(&watched.state);
            let before = state.flags.exclusive;
            let remark = change(&mut state.flags)?;
            (remark, before && state.flags.exclusive)
        };
        match self.settle(&watched) {
            Some(errno) => Err(errno.to_string()),
            None if exclusive && remark.is_none() => {
                Ok(Some("by DEL and ADD: an exclusive registration refuses MOD".to_owned()))
            }
            None => Ok(remark),
        }
    }

    fn trigger_all(&mut self, to: Option<Trigger>) -> Outcome {
        let mut next = Trigger::Level;
        self.shared.change(|settings| {
            settings.trigger = to.unwrap_or(settings.trigger.flipped());
            next = settings.trigger;
        });
        self.refresh();
        let mut failed = None;
        for watched in self.shared.table.all(Watched::is_socket) {
            lock(&watched.state).flags.trigger = next;
            failed = self.settle(&watched).or(failed);
        }
        failed.map_or(Ok(None), |errno| Err(errno.to_string()))
    }

    fn rearm(&mut self, command: &Command) -> Outcome {
        let watched = self.find(command)?;
        L::rearm(self, &watched).map(|()| None)
    }

    fn drop_connection(&mut self, command: &Command) -> Outcome {
        let watched = self.find(command)?;
        if !watched.is_stream() {
            return Err(format!("fd {} is a listener", watched.fd));
        }
        self.close(&watched);
        Ok(None)
    }

    /// A setting has changed: every registration is made what it should be, and a connection
    /// that was kept by mistake is not kept any more.
    fn settle_all(&mut self) {
        for watched in self.shared.table.all(|_| true) {
            let over = lock(&watched.state).conn.reconsider(&self.settings);
            if over {
                self.end_of_input(&watched);
            }
            self.settle(&watched);
        }
    }
}
