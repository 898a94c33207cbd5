//! The loop of epoll(7): one instance for all threads, and a registration for each file.

mod interest;
mod turn;

use std::os::fd::{AsFd, AsRawFd};
use std::sync::Arc;
use std::time::Instant;

use nix::sys::epoll::{Epoll, EpollEvent};

use super::{Loop, Turn, Unavailable};
use crate::engine::lock;
use crate::engine::table::{State, Watched};
use crate::engine::worker::Worker;
use crate::event::{
    Backend, CtlOp, Delivery, Errno, Fd, FileId, FileKind, Mask, Ret, Settings, Syscall,
};

/// A worker that waits in `epoll_wait`.
type EpollWorker<'a, const OBSERVED: bool> = Worker<'a, OBSERVED, EpollLoop>;

/// One thread's end of the instance.
#[derive(Debug)]
pub(crate) struct EpollLoop {
    /// `None` before it is opened and after it is shut.
    ep: Option<Arc<Epoll>>,
    /// Where the kernel puts events.
    raw: Vec<EpollEvent>,
    /// What the last wait brought.
    batch: Vec<Delivery>,
}

impl Default for EpollLoop {
    fn default() -> Self {
        let max = usize::try_from(Settings::MAX_EVENTS).unwrap_or(1);
        Self { ep: None, raw: vec![EpollEvent::empty(); max], batch: Vec::with_capacity(max) }
    }
}

impl EpollLoop {
    /// The instance's number.
    fn fd(&self) -> Fd {
        self.ep.as_ref().map_or(Fd(-1), |ep| Fd(ep.0.as_raw_fd()))
    }
}

impl Loop for EpollLoop {
    const BACKEND: Backend = Backend::Epoll;
    const REGISTERS: bool = true;

    /// The first thread makes the instance and registers what is open; the others are started when
    /// that is done.
    fn open<const OBSERVED: bool>(
        worker: &mut EpollWorker<'_, OBSERVED>,
    ) -> Result<(), Unavailable> {
        let shared = worker.shared;
        let known = lock(&shared.ep).clone();
        if known.is_some() {
            worker.backend.ep = known;
            return Ok(());
        }
        // Whoever begins when the others have made way for another loop has nothing to open.
        if shared.gate.is_leaving() {
            return Ok(());
        }
        worker.gate(Syscall::EpollCreate);
        let made = worker.door.epoll_create();
        let ep = Arc::new(made.map_err(|_| Unavailable::Call("epoll_create1"))?);
        *lock(&shared.ep) = Some(Arc::clone(&ep));
        worker.backend.ep = Some(ep);
        worker.entered(Some(worker.backend.fd()));
        for file in shared.table.all(|_| true) {
            if file.what == FileKind::Listener {
                worker.log_wakeups(&file);
            }
            worker.settle(&file);
        }
        Ok(())
    }

    fn turn<const OBSERVED: bool>(worker: &mut EpollWorker<'_, OBSERVED>) -> Turn {
        turn::turn(worker)
    }

    /// Makes the registration what it should be by now, by as many calls as that takes.
    fn watch<const OBSERVED: bool>(
        worker: &mut EpollWorker<'_, OBSERVED>,
        file: &Watched,
    ) -> Option<Errno> {
        for _ in 0..3 {
            let next = interest::next_ctl(file, &lock(&file.state), &worker.settings);
            let (op, mask) = next?;
            worker.gate(ctl_call(worker, file, op, mask));
            let mut state = lock(&file.state);
            let (op, mask) = interest::next_ctl(file, &state, &worker.settings)?;
            let ret = ctl(worker, file, &mut state, op, mask);
            if ret.errno().is_some() {
                return ret.errno();
            }
        }
        None
    }

    fn rearm<const OBSERVED: bool>(
        worker: &mut EpollWorker<'_, OBSERVED>,
        file: &Watched,
    ) -> Result<(), String> {
        let held = lock(&file.state).held;
        let mask = held.ok_or_else(|| format!("fd {} is not registered", file.fd))?;
        worker.gate(ctl_call(worker, file, CtlOp::Mod, mask));
        let ret = {
            let mut state = lock(&file.state);
            let Some(mask) = state.held.filter(|_| state.fd.is_some()) else {
                return Err(format!("fd {} is not registered", file.fd));
            };
            ctl(worker, file, &mut state, CtlOp::Mod, mask)
        };
        match ret.errno() {
            Some(errno) if mask.has(Mask::EXCLUSIVE) => {
                Err(format!("{errno}: an exclusive registration refuses MOD"))
            }
            Some(errno) => Err(errno.to_string()),
            None => Ok(()),
        }
    }

    /// A close ends the registration as well.
    fn release<const OBSERVED: bool>(worker: &mut EpollWorker<'_, OBSERVED>, file: &Arc<Watched>) {
        worker.close_now(file);
    }

    fn linger<const OBSERVED: bool>(worker: &mut EpollWorker<'_, OBSERVED>, until: Instant) {
        turn::linger(worker, until);
    }

    fn orphans(&mut self) -> Vec<FileId> {
        self.batch.drain(..).map(|delivery| delivery.file).collect()
    }

    /// The last thread closes the instance, if the server ends or waits in another way.
    fn shut<const OBSERVED: bool>(worker: &mut EpollWorker<'_, OBSERVED>) {
        worker.backend.ep = None;
        if !worker.is_last() && !worker.shared.gate.is_leaving() {
            return;
        }
        let ep = {
            let mut shared = lock(&worker.shared.ep);
            let unused = shared.as_ref().is_some_and(|ep| Arc::strong_count(ep) == 1);
            if unused { shared.take() } else { None }
        };
        if let Some(ep) = ep.and_then(|ep| Arc::try_unwrap(ep).ok()) {
            worker.door.close(ep.0, || {});
        }
    }
}

/// The `epoll_ctl` that `file` would need next.
fn ctl_call<const OBSERVED: bool>(
    worker: &EpollWorker<'_, OBSERVED>,
    file: &Watched,
    op: CtlOp,
    mask: Mask,
) -> Syscall {
    Syscall::EpollCtl { ep: worker.backend.fd(), op, fd: file.fd, mask, file: file.file }
}

/// `epoll_ctl` on a file whose state is locked; what the server knows of the registration follows
/// the result.
fn ctl<const OBSERVED: bool>(
    worker: &mut EpollWorker<'_, OBSERVED>,
    file: &Watched,
    state: &mut State,
    op: CtlOp,
    mask: Mask,
) -> Ret {
    let fd = match (&state.fd, file.what) {
        (Some(fd), _) => fd.as_fd(),
        (None, FileKind::Eventfd) => worker.shared.mailbox.event().as_fd(),
        (None, _) => return Ret::err(Errno::EBADF),
    };
    let Some(ep) = &worker.backend.ep else { return Ret::err(Errno::EBADF) };
    let ret = worker.door.epoll_ctl(ep, op, file, fd, mask);
    if ret.errno().is_none() {
        state.held = (op != CtlOp::Del).then_some(mask);
        state.armed = true;
    }
    ret
}
