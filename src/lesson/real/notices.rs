//! Signals that tell of arrivals, and the limit on how many of them are queued.

use crate::event::{Errno, Fd, Mask, Output, Ret, Setup, Syscall};
use crate::lesson::case::{Counter, Entry, Label, Outcome};
use crate::lesson::kernel::RunError;
use crate::lesson::table::MAIN;
use crate::sys::signal::{self, SigInfo};
use crate::sys::socket;

use super::job::errno;
use super::{RealKernel, make};

/// The queue of the user, which all of the user's processes share.
#[derive(Debug, Default)]
pub(super) struct SignalQueue {
    /// How many were queued when the case set its limit: others', or its own.
    before: Option<u64>,
    /// Others used the queue meanwhile: how many found room says nothing.
    disturbed: bool,
}

impl RealKernel {
    /// Whether another process of the user took part in the queue since the case has limited it.
    pub(crate) fn signals_disturbed(&self) -> bool {
        self.signals.disturbed
    }

    /// `RLIMIT_SIGPENDING` so that just so many more signals find room; `None` sets it back.
    pub(super) fn limit_signals(&mut self, room: Option<u32>) -> Result<u64, RunError> {
        let started = self.now();
        self.signals.before = if room.is_some() { signal::queued() } else { None };
        let soft = room.map(|room| u64::from(room) + self.signals.before.unwrap_or(0));
        signal::limit_queue(soft)
            .map_err(|e| RunError::system("setrlimit(RLIMIT_SIGPENDING)", &e))?;
        let soft = soft.map(|soft| u32::try_from(soft).unwrap_or(u32::MAX));
        let call = Syscall::Setup(Setup::SetrlimitSignals { soft });
        let time = (started, self.now());
        self.log.returned(MAIN, call, time, Ret::ok(0), Output::None);
        Ok(0)
    }

    /// Arrivals at this file send signals from now on.
    pub(super) fn send_signals(&mut self, fd: Fd) -> Result<u64, Errno> {
        let pid = nix::unistd::getpid().as_raw();
        let signo = signal::wakeup_signal();
        let blocking = self.table.blocks(fd);
        self.by_main(|maker| {
            let owner = Setup::SetOwner { fd, pid: pid.unsigned_abs() };
            let number = Setup::SetSignal { fd, signo: signo.unsigned_abs() };
            let flags = Setup::SetFlags { fd, blocking, signals: true };
            maker.call(Syscall::Setup(owner), || socket::set_owner(fd.0, pid), make::nothing)?;
            maker.call(
                Syscall::Setup(number),
                || socket::set_signal(fd.0, signo),
                make::nothing,
            )?;
            let set = || socket::set_flags(fd.0, blocking, true);
            maker.call(Syscall::Setup(flags), set, make::nothing)
        })?;
        if let Some(file) = self.table.file_at(fd).map(|file| file.id) {
            self.table.signalling.insert(file);
        }
        Ok(0)
    }

    /// The calls of this file sleep from now on where they would have said EAGAIN.
    pub(super) fn make_blocking(&mut self, fd: Fd) -> Result<u64, Errno> {
        let file = self.table.file_at(fd).map(|file| file.id);
        let signals = file.is_some_and(|file| self.table.signalling.contains(&file));
        let call = Syscall::Setup(Setup::SetFlags { fd, blocking: true, signals });
        let set = || socket::set_flags(fd.0, true, signals);
        self.by_main(|maker| maker.call(call, set, make::nothing))?;
        self.table.blocking.extend(file);
        Ok(0)
    }

    /// sigtimedwait(2) with a timeout of 0.
    pub(super) fn take_signal(&mut self) -> Outcome {
        let started = self.now();
        let got = signal::take_notice().map_err(errno);
        let time = (started, self.now());
        let ret = got.map_or_else(Ret::err, |info| Ret::ok(info.signo.into()));
        self.log.returned(MAIN, Syscall::Setup(Setup::Sigtimedwait), time, ret, Output::None);
        match got {
            Ok(info) => {
                let named = self.named(info);
                let counter = if named.is_some() { Counter::Named } else { Counter::Sigios };
                self.log.counters.add(counter, 1);
                self.seen.noticed(named)
            }
            Err(errno) => {
                // Nothing of this process is left in it.
                let others =
                    self.signals.before.is_some() && signal::queued() != self.signals.before;
                self.signals.disturbed |= others;
                self.seen.returned(Err(errno))
            }
        }
    }

    /// Whom a signal names; a SIGIO nobody.
    fn named(&self, info: SigInfo) -> Option<Entry> {
        let wakeup = info.signo == signal::wakeup_signal().unsigned_abs();
        let label = self.table.label_at(Fd(info.fd)).cloned();
        let label = label.unwrap_or_else(|| Label::new("?"));
        wakeup.then_some(Entry { label, mask: Mask(info.band) })
    }
}
