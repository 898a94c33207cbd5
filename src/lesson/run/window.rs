//! TCP connections that a full window holds back: the kernel says how far their streams came, and
//! the model is told.
//!
//! Until a window is full all that is sent arrives, and the model knows that by itself.

use crate::event::{Errno, Fd, FileId, FileKind};
use crate::lesson::case::Action;
use crate::sim::Flow;

use super::{RunError, Runner};

/// What the kernel says of the connections that are followed.
pub(super) type Flows = Vec<(FileId, Fd, Flow)>;

impl Runner {
    /// After a call that sends, and before the model makes it: connections that are held back from
    /// now on are followed.
    pub(super) fn see_flow(&mut self, fd: Fd) -> Result<(), RunError> {
        if self.real.table.file_at(fd).is_none_or(|file| file.what == FileKind::Tcp) {
            self.see_flows()?;
        }
        Ok(())
    }

    /// The same, whatever was called.
    pub(super) fn see_flows(&mut self) -> Result<(), RunError> {
        self.real.settle()?;
        for (_, fd) in self.real.held_back() {
            self.model.machine.follow(fd);
            self.follows = true;
        }
        // What the call lets come comes in the midst of it.
        for (_, fd, flow) in self.flows() {
            self.model.machine.will_flow(fd, flow);
        }
        Ok(())
    }

    /// From now on the model is told how far the streams of that connection come.
    pub(super) fn model_follows(&mut self, fd: Fd) {
        self.model.machine.follow(fd);
        self.follows = true;
        for (_, fd, flow) in self.flows() {
            self.model.machine.will_flow(fd, flow);
        }
    }

    /// A connection was accepted: only now can be seen what came to it before.
    pub(super) fn see_accepted(&mut self, fd: Fd) -> Result<(), RunError> {
        self.see_flows()?;
        if self.model.machine.follows(fd) {
            let flows = self.real.flows();
            if let Some((_, _, flow)) = flows.iter().find(|(_, other, _)| *other == fd) {
                self.model.machine.came(fd, flow.received);
            }
        }
        Ok(())
    }

    fn flows(&self) -> Flows {
        if !self.follows {
            return Vec::new();
        }
        let mut flows = self.real.flows();
        flows.retain(|(_, fd, _)| self.model.machine.follows(*fd));
        flows
    }

    /// Tells the model how far the streams came, and then where there is room: what arrives is
    /// acknowledged after it arrived.
    pub(super) fn tell_flows(&mut self) {
        let flows = self.flows();
        for (_, fd, flow) in &flows {
            self.model.machine.flows(*fd, *flow);
        }
        for (_, fd, flow) in &flows {
            self.model.machine.has_room(*fd, flow.writable);
        }
        self.flows = flows;
    }

    /// What timers of TCP did between two steps is told before the next one. Where they did more
    /// than one thing it is open in which order.
    pub(super) fn tell_what_time_brought(&mut self) {
        let before = self.flows.clone();
        self.tell_flows();
        let changed = self.flows.iter().filter(|flow| !before.contains(flow)).count();
        self.timely |= changed > 1;
    }

    /// A read that took more than the model has shows that a timer of TCP brought it meanwhile.
    pub(super) fn see_read(&mut self, fd: Fd, read: u64) {
        if !self.model.machine.follows(fd) {
            return;
        }
        let flow = self.real.flows().into_iter().find(|(_, other, _)| *other == fd);
        let came = |(_, _, flow)| self.model.machine.came_before_read(fd, read, flow);
        self.timely |= flow.is_some_and(came);
    }

    /// A call that does nothing to a connection was made while a timer of TCP did: it is open
    /// which was first.
    pub(super) fn watch_flows(&mut self, action: &Action) {
        self.timely |= leaves_alone(action) && self.flows() != self.flows;
    }

    /// How many TCP sockets took less than they were given.
    pub(crate) fn filled(&self) -> u64 {
        self.filled.len() as u64
    }

    /// Whether it was open what came first, a call or what a timer of TCP brought.
    pub(crate) fn is_open(&self) -> bool {
        self.timely
    }

    /// The model learns that a write was refused, unless poll called it writable before: `surely`
    /// the kernel takes something then.
    pub(super) fn model_is_refused(&mut self, fd: Fd, n: u64, surely: bool) -> Result<u64, Errno> {
        self.model_follows(fd);
        if surely || self.model.machine.clone().write(fd, n).is_err() {
            return self.model.machine.write(fd, n);
        }
        self.model_is_full(fd);
        Err(Errno::EAGAIN)
    }

    /// The model learns that a write took less than it was given.
    pub(super) fn model_is_full(&mut self, fd: Fd) {
        self.model.machine.fill(fd);
        self.filled.extend(self.real.table.file_at(fd).map(|file| file.id));
    }
}

/// Whether it sends nothing and makes no room.
fn leaves_alone(action: &Action) -> bool {
    matches!(
        action,
        Action::Wait(_)
            | Action::Poll(_)
            | Action::Select(_)
            | Action::Add { .. }
            | Action::Mod { .. }
            | Action::Del { .. }
            | Action::Ctl { .. }
    )
}
