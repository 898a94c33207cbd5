//! What is counted of the calls of a case.

use std::collections::BTreeMap;

use crate::event::{CtlOp, Errno, Syscall, SyscallRecord};
use crate::lesson::case::{Counter, Label};
use crate::lesson::kernel::{Copied, EVENT_BYTES};

/// The counters that are not 0.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counters(BTreeMap<Counter, u64>);

impl Counters {
    /// All of them.
    pub(crate) fn all(&self) -> &BTreeMap<Counter, u64> {
        &self.0
    }

    /// Begins anew.
    pub(crate) fn reset(&mut self) {
        self.0.clear();
    }

    /// Adds to a counter.
    pub(crate) fn add(&mut self, counter: Counter, by: u64) {
        if by > 0 {
            let value = self.0.entry(counter).or_default();
            *value = value.saturating_add(by);
        }
    }

    /// Sets a counter.
    pub(crate) fn set(&mut self, counter: Counter, to: u64) {
        self.0.insert(counter, to);
    }

    /// A system call returned.
    pub(crate) fn returned(&mut self, record: &SyscallRecord) {
        self.add(Counter::Calls, 1);
        self.add(Counter::Again, u64::from(record.ret.errno() == Some(Errno::EAGAIN)));
        match &record.call {
            Syscall::EpollWait { .. } => {
                let events = record.ret.value().map_or(0, i64::unsigned_abs);
                self.add(Counter::Waits, 1);
                self.add(Counter::Empty, u64::from(events == 0));
                self.add(Counter::Events, events);
            }
            Syscall::Read { .. } => self.add(Counter::Reads, 1),
            Syscall::Write { .. } => self.add(Counter::Writes, 1),
            Syscall::Accept { .. } => self.add(Counter::Accepts, 1),
            Syscall::Poll { set, .. } | Syscall::Select { set, .. } => {
                self.add(Counter::Polled, set.count().into());
            }
            Syscall::EpollCtl { op, .. } => {
                let into = if *op == CtlOp::Del { 0 } else { EVENT_BYTES };
                self.copied(Copied { into, out: 0 });
                self.add(Counter::Ctls, 1);
            }
            Syscall::EpollCreate
            | Syscall::Send { .. }
            | Syscall::Shutdown { .. }
            | Syscall::Close { .. }
            | Syscall::Dup { .. }
            | Syscall::UringSetup { .. }
            | Syscall::UringRegister { .. }
            | Syscall::UringEnter { .. }
            | Syscall::SetFlags { .. }
            | Syscall::Setup(_) => {}
        }
    }

    /// A call copied so much.
    pub(crate) fn copied(&mut self, bytes: Copied) {
        self.add(Counter::Copied, bytes.into.saturating_add(bytes.out));
        self.add(Counter::CopiedIn, bytes.into);
    }

    /// A parked thread returned.
    pub(crate) fn woke(&mut self, thread: &Label) {
        self.add(Counter::Wakeups(None), 1);
        self.add(Counter::Wakeups(Some(thread.clone())), 1);
    }
}
