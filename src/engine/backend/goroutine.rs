//! A goroutine a connection, whose code looks as if it waited, on one epoll instance: as Go does it
//! (runtime/netpoll.go, netpoll_epoll.go, proc.go).
//!
//! ```text
//! netpoll: epoll_wait ──> pollDesc {rg, wg} ──> run queue ──> a thread runs G: read, serve, send
//!                               ^                  ^ │               │
//!                               └── G is parked ───┼─┼── EAGAIN ─────┤
//!                                                  └─┴── 64 KiB ─────┘
//! ```
//!
//! Each file is registered once, when it is opened, for both directions and edge-triggered. Parking
//! and waking change nothing of that.

mod body;
mod netpoll;
mod run;
mod sched;

use std::os::fd::{AsFd, AsRawFd};
use std::sync::Arc;
use std::time::Instant;

use nix::sys::epoll::{Epoll, EpollEvent};

use self::body::Role;
pub(crate) use self::sched::Scheduler;
use super::{Loop, Turn, Unavailable, only_epoll};
use crate::engine::lock;
use crate::engine::table::Watched;
use crate::engine::worker::Worker;
use crate::event::{
    Application, Backend, CtlOp, Delivery, Errno, Fd, FileId, FileKind, GateStep, GoChange, GoId,
    GoWait, Mask, NetpollMode, Settings, Syscall,
};

/// A worker that runs goroutines.
type GoWorker<'a, const OBSERVED: bool> = Worker<'a, OBSERVED, GoLoop>;

/// For what each file is registered (runtime/netpoll_epoll.go: `netpollopen`).
fn both_edges() -> Mask {
    Mask::IN | Mask::OUT | Mask::RDHUP | Mask::ET
}

/// One thread's end of the instance and of the run queue.
#[derive(Debug)]
pub(crate) struct GoLoop {
    /// `None` before it is opened and after it is shut.
    ep: Option<Arc<Epoll>>,
    sched: Arc<Scheduler>,
    /// The goroutine that it runs.
    running: Option<(FileId, GoId)>,
    /// Where the kernel puts events.
    raw: Vec<EpollEvent>,
    batch: Vec<Delivery>,
}

impl Default for GoLoop {
    fn default() -> Self {
        let max = usize::try_from(Settings::MAX_EVENTS).unwrap_or(1);
        Self {
            ep: None,
            sched: Arc::default(),
            running: None,
            raw: vec![EpollEvent::empty(); max],
            batch: Vec::with_capacity(max),
        }
    }
}

impl GoLoop {
    /// The instance's number.
    fn fd(&self) -> Fd {
        self.ep.as_ref().map_or(Fd(-1), |ep| Fd(ep.0.as_raw_fd()))
    }
}

/// Tells what a goroutine came to.
fn tell<const OBSERVED: bool>(worker: &mut GoWorker<'_, OBSERVED>, id: GoId, what: GoChange) {
    if OBSERVED {
        worker.door.lane().go(id, what);
    }
}

/// Wakes the goroutine that waits there for that file.
fn wake<const OBSERVED: bool>(worker: &mut GoWorker<'_, OBSERVED>, file: FileId, on: GoWait) {
    let sched = Arc::clone(&worker.backend.sched);
    sched.wake(file, on, |id, what| tell(worker, id, what));
}

/// What goroutines a file has.
fn roles(file: &Watched, settings: &Settings) -> &'static [Role] {
    match file.what {
        FileKind::Listener => &[Role::Listener],
        FileKind::Tcp | FileKind::Unix if settings.app == Application::Chat => {
            &[Role::Reader, Role::Writer]
        }
        FileKind::Tcp | FileKind::Unix => &[Role::Client],
        _ => &[Role::Control],
    }
}

impl Loop for GoLoop {
    const BACKEND: Backend = Backend::Goroutine;

    /// The first thread makes the instance and registers what is open; the others are started when
    /// that is done.
    fn open<const OBSERVED: bool>(worker: &mut GoWorker<'_, OBSERVED>) -> Result<(), Unavailable> {
        let shared = worker.shared;
        let known = lock(&shared.ep).clone();
        if let (Some(ep), Some(sched)) = (known, lock(&shared.sched).clone()) {
            (worker.backend.ep, worker.backend.sched) = (Some(ep), sched);
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
        *lock(&shared.sched) = Some(Arc::clone(&worker.backend.sched));
        worker.backend.ep = Some(ep);
        worker.entered(Some(worker.backend.fd()));
        for file in shared.table.all(|_| true) {
            if file.what == FileKind::Listener {
                worker.log_wakeups(&file);
            }
            if let Some(errno) = worker.settle(&file) {
                worker.note(format!("fd {} has no goroutine: {errno}", file.fd));
                if file.is_stream() {
                    worker.close(&file);
                }
            }
        }
        Ok(())
    }

    /// Runs one goroutine, or asks the netpoller.
    fn turn<const OBSERVED: bool>(worker: &mut GoWorker<'_, OBSERVED>) -> Turn {
        worker.refresh();
        let sched = Arc::clone(&worker.backend.sched);
        let settings = &worker.settings;
        let apart = settings.netpoll == NetpollMode::Thread && settings.threads > 1;
        if apart && worker.door.id() == netpoll::ALONE {
            return netpoll::wait_alone(worker);
        }
        let Some(head) = sched.head(!apart) else {
            let wanted = worker.shared.gate.calls(worker.door.id()).is_some();
            return if apart && !wanted { netpoll::idle(worker) } else { netpoll::ask(worker) };
        };
        if !worker.gate(GateStep::Run(head)) {
            return Turn::Stop;
        }
        match sched.take(|id, what| tell(worker, id, what)) {
            Some(go) => run::run(worker, go),
            // Another thread has taken it.
            None => Turn::Again,
        }
    }

    /// Registers the file if it is not, and gives it the goroutines that it lacks. Those that it has
    /// look once more whether they may go on.
    fn watch<const OBSERVED: bool>(
        worker: &mut GoWorker<'_, OBSERVED>,
        file: &Watched,
    ) -> Option<Errno> {
        let open = |state: &crate::engine::table::State| {
            state.fd.is_some() || file.what == FileKind::Eventfd
        };
        let (is_open, held) = {
            let state = lock(&file.state);
            (open(&state), state.held)
        };
        if !is_open {
            return None;
        }
        if held.is_none()
            && let Some(errno) = register(worker, file)
        {
            return Some(errno);
        }
        let sched = Arc::clone(&worker.backend.sched);
        let mut new = false;
        for role in roles(file, &worker.settings) {
            let made = sched.spawn(*role, (file.fd, file.file), |id, what| tell(worker, id, what));
            match made {
                Ok(made) => new |= made,
                Err(error) => return Some(Errno(error.raw_os_error().unwrap_or(0))),
            }
        }
        if !new {
            look_again(worker, file);
        }
        None
    }

    fn rearm<const OBSERVED: bool>(
        _: &mut GoWorker<'_, OBSERVED>,
        _: &Watched,
    ) -> Result<(), String> {
        Err(only_epoll(Backend::Goroutine))
    }

    /// A close ends the registration as well.
    fn release<const OBSERVED: bool>(worker: &mut GoWorker<'_, OBSERVED>, file: &Arc<Watched>) {
        worker.close_now(file);
    }

    /// Whoever is parked there finds it gone.
    fn forget<const OBSERVED: bool>(worker: &mut GoWorker<'_, OBSERVED>, file: &Watched) {
        let sched = Arc::clone(&worker.backend.sched);
        sched.forget(file.file, |id, what| tell(worker, id, what));
    }

    fn queued<const OBSERVED: bool>(worker: &mut GoWorker<'_, OBSERVED>, file: &Watched) {
        // Who both reads and writes does not wait for that.
        if worker.settings.app == Application::Chat {
            wake(worker, file.file, GoWait::Queue);
        }
    }

    fn has_room<const OBSERVED: bool>(worker: &mut GoWorker<'_, OBSERVED>, file: &Watched) {
        wake(worker, file.file, GoWait::Room);
    }

    fn linger<const OBSERVED: bool>(worker: &mut GoWorker<'_, OBSERVED>, until: Instant) {
        netpoll::linger(worker, until);
    }

    /// The goroutine that its thread died of: another one takes its place.
    fn orphans(&mut self) -> Vec<FileId> {
        let Some((file, id)) = self.running.take() else { return Vec::new() };
        self.sched.bury(file, id, |_, _| {});
        vec![file]
    }

    /// The last thread drops all goroutines and closes the instance, if the server ends or waits in
    /// another way. What they had begun is in their connections.
    fn shut<const OBSERVED: bool>(worker: &mut GoWorker<'_, OBSERVED>) {
        let shared = worker.shared;
        worker.backend.ep = None;
        let sched = std::mem::take(&mut worker.backend.sched);
        if !worker.is_last() && !shared.gate.is_leaving() {
            if sched.has_work() {
                shared.ring();
            }
            sched.call_all();
            return;
        }
        drop(sched);
        let ep = {
            let mut ep = lock(&shared.ep);
            let unused = ep.as_ref().is_some_and(|ep| Arc::strong_count(ep) == 1);
            if unused { ep.take() } else { None }
        };
        if let Some(ep) = ep.and_then(|ep| Arc::try_unwrap(ep).ok()) {
            *lock(&shared.sched) = None;
            worker.door.close(ep.0, || {});
        }
    }
}

/// Registers a file; why it cannot be, if it cannot.
fn register<const OBSERVED: bool>(
    worker: &mut GoWorker<'_, OBSERVED>,
    file: &Watched,
) -> Option<Errno> {
    let (ep, op, mask) = (worker.backend.fd(), CtlOp::Add, both_edges());
    worker.gate(Syscall::EpollCtl { ep, op, fd: file.fd, mask, file: file.file });
    let mut state = lock(&file.state);
    if state.held.is_some() {
        return None;
    }
    let fd = match (&state.fd, file.what) {
        (Some(fd), _) => fd.as_fd(),
        (None, FileKind::Eventfd) => worker.shared.mailbox.event().as_fd(),
        (None, _) => return None,
    };
    let ep = worker.backend.ep.as_ref()?;
    let ret = worker.door.epoll_ctl(ep, op, file, fd, mask);
    if ret.errno().is_none() {
        (state.held, state.armed) = (Some(mask), true);
    }
    ret.errno()
}

/// Something has changed that a goroutine of the file may be parked for.
fn look_again<const OBSERVED: bool>(worker: &mut GoWorker<'_, OBSERVED>, file: &Watched) {
    let (muted, wants) = {
        let state = lock(&file.state);
        (state.flags.muted, file.wants(&state, &worker.settings))
    };
    match file.what {
        FileKind::Listener if !muted => wake(worker, file.file, GoWait::Descriptor),
        FileKind::Tcp | FileKind::Unix => {
            if wants.read || wants.close.is_some() {
                wake(worker, file.file, GoWait::Room);
            }
            if wants.write {
                wake(worker, file.file, GoWait::Queue);
            }
        }
        _ => {}
    }
}
