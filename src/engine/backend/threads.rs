//! A thread a client: each sleeps in a call of its own, on one wait queue.
//!
//! ```text
//! T1: accept4 ──> crew ──> T2: read, serve, send      O_NONBLOCK is cleared for as long
//!                     └──> T3: read, serve, send
//! ```
//!
//! Commands reach T1 by a signal that takes it out of `accept4`. A connection is closed by the last
//! thread that serves it: who else wants it closed shuts it down, which ends the call in which that
//! thread sleeps.

mod crew;

use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

pub(crate) use self::crew::Crew;
use self::crew::{Duty, Task};
use super::{Loop, Turn, Unavailable, only_epoll};
use crate::engine::lock;
use crate::engine::shared::Shared;
use crate::engine::table::Watched;
use crate::engine::worker::{Accepting, CallOutcome, Worker};
use crate::event::{
    Application, Backend, Errno, FileId, FileKind, How, Kind, LaneId, Refusal, Settings, Syscall,
};

/// A worker that sleeps in its own calls.
type Sleeper<'a, const OBSERVED: bool> = Worker<'a, OBSERVED, ThreadsLoop>;

/// How often clients are looked at at the end of the server, when nobody sleeps any more.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// How long no client is asked for when no descriptor is left and nobody waits.
const NO_DESCRIPTOR: Duration = Duration::from_secs(1);

/// One thread's duty.
#[derive(Debug, Default)]
pub(crate) struct ThreadsLoop {
    task: Option<Task>,
    /// Its file, while its calls sleep.
    file: Option<Arc<Watched>>,
    crew: Option<Arc<Crew>>,
}

/// What threads a file has.
fn duties(what: FileKind, settings: &Settings) -> &'static [Duty] {
    match what {
        FileKind::Listener => &[Duty::Accept],
        FileKind::Tcp | FileKind::Unix if settings.app == Application::Chat => {
            &[Duty::Read, Duty::Write]
        }
        FileKind::Tcp | FileKind::Unix => &[Duty::Serve],
        _ => &[],
    }
}

/// Why there cannot be a thread for each file of the server, if there cannot.
pub(super) fn available(shared: &Shared) -> Result<(), Unavailable> {
    let settings = shared.settings();
    let files = shared.table.all(|_| true);
    let threads: usize = files.iter().map(|file| duties(file.what, &settings).len()).sum();
    if threads > usize::from(LaneId::MAX_THREADS) {
        return Err(Unavailable::Refused(Refusal::Threads));
    }
    Ok(())
}

impl Loop for ThreadsLoop {
    const BACKEND: Backend = Backend::Threads;

    /// The first thread hands every file to a thread, and keeps the first listener.
    fn open<const OBSERVED: bool>(worker: &mut Sleeper<'_, OBSERVED>) -> Result<(), Unavailable> {
        let shared = worker.shared;
        worker.backend.crew = Some(Arc::clone(&shared.crew));
        if worker.door.id() == LaneId(1) {
            let files = shared.table.all(|_| true);
            let first = files.iter().find(|file| file.what == FileKind::Listener);
            let own = first.map(|file| file.file);
            if shared.crew.begin() {
                available(shared).inspect_err(|_| shared.crew.end())?;
                worker.entered(None);
                for file in &files {
                    if file.what == FileKind::Listener {
                        worker.log_wakeups(file);
                    }
                    if Some(file.file) != own {
                        worker.settle(file);
                    }
                }
            }
            worker.backend.task = own.map(|file| shared.crew.take_own(file, Duty::Accept));
        } else {
            worker.backend.task = shared.crew.take();
        }
        let task = worker.backend.task.as_ref();
        worker.backend.file = task.and_then(|task| shared.table.get(task.file));
        if let Some(file) = worker.backend.file.clone() {
            set_blocking(worker, &file, true);
        }
        Ok(())
    }

    /// One call of its duty.
    fn turn<const OBSERVED: bool>(worker: &mut Sleeper<'_, OBSERVED>) -> Turn {
        worker.refresh();
        let (Some(task), Some(file)) = (worker.backend.task.clone(), worker.backend.file.clone())
        else {
            return Turn::Stop;
        };
        if worker.shared.crew.is_closing(file.file) {
            worker.close(&file);
            return Turn::Stop;
        }
        match task.duty {
            Duty::Accept => accept(worker, &file, &task),
            Duty::Serve => {
                let queued = lock(&file.state).conn.queued() > 0;
                let due = lock(&file.state).conn.wants(&worker.settings).close.is_some();
                if queued || due { write(worker, &file, &task) } else { read(worker, &file, &task) }
            }
            Duty::Read => read(worker, &file, &task),
            Duty::Write => write(worker, &file, &task),
        }
    }

    /// Has threads started for the file, if it has none. Those that it has look once more whether
    /// there is a call to make.
    fn watch<const OBSERVED: bool>(
        worker: &mut Sleeper<'_, OBSERVED>,
        file: &Watched,
    ) -> Option<Errno> {
        let shared = worker.shared;
        lock(&file.state).fd.as_ref()?;
        let mut new = false;
        for duty in duties(file.what, &worker.settings) {
            if shared.crew.hand(file.file, *duty) {
                new = true;
                if !shared.gate.grow() {
                    // Else it would be left to a thread that never comes to close it.
                    shared.crew.withdraw(file.file, *duty);
                    return Some(Errno::EAGAIN);
                }
            }
        }
        if !new {
            shared.crew.call(file.file);
        }
        None
    }

    fn full<const OBSERVED: bool>(worker: &Sleeper<'_, OBSERVED>) -> Option<Refusal> {
        let more = duties(FileKind::Tcp, &worker.settings).len();
        let most = usize::from(LaneId::MAX_THREADS);
        // A thread whose client has gone has its place until it has ended.
        let full = worker.shared.crew.len() + more > most || !worker.shared.gate.has_places(more);
        full.then_some(Refusal::Threads)
    }

    fn rearm<const OBSERVED: bool>(
        _: &mut Sleeper<'_, OBSERVED>,
        _: &Watched,
    ) -> Result<(), String> {
        Err(only_epoll(Backend::Threads))
    }

    /// The last thread that serves it closes it; it is shut down for those who sleep in a call.
    fn release<const OBSERVED: bool>(worker: &mut Sleeper<'_, OBSERVED>, file: &Arc<Watched>) {
        let shared = worker.shared;
        let own = worker.backend.task.take_if(|task| task.file == file.file);
        if let Some(task) = own {
            worker.backend.file = None;
            if shared.crew.leave(file.file, task.duty) {
                worker.close_now(file);
                return;
            }
        }
        // At the end of the server nobody serves it any more, though a thread may have been due.
        if !worker.is_last() && shared.crew.dismiss(file.file) {
            shut_down(worker, file);
        } else {
            worker.close_now(file);
        }
    }

    fn forget<const OBSERVED: bool>(worker: &mut Sleeper<'_, OBSERVED>, file: &Watched) {
        worker.shared.crew.forget(file.file);
    }

    fn queued<const OBSERVED: bool>(worker: &mut Sleeper<'_, OBSERVED>, file: &Watched) {
        worker.shared.crew.call(file.file);
    }

    fn has_room<const OBSERVED: bool>(worker: &mut Sleeper<'_, OBSERVED>, file: &Watched) {
        worker.shared.crew.call(file.file);
    }

    fn linger<const OBSERVED: bool>(worker: &mut Sleeper<'_, OBSERVED>, until: Instant) {
        loop {
            for file in worker.shared.table.all(Watched::is_stream) {
                while worker.drain_last(file.file) {}
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() || worker.shared.table.all(Watched::is_stream).is_empty() {
                return;
            }
            std::thread::sleep(left.min(LOOK_EVERY));
        }
    }

    /// Its file needs another thread, whichever way that waits.
    fn orphans(&mut self) -> Vec<FileId> {
        let (Some(file), Some(task)) = (self.file.take(), self.task.take()) else {
            return Vec::new();
        };
        if let Some(fd) = &lock(&file.state).fd {
            let _gone = crate::sys::descriptor::set_blocking(fd.as_fd(), false);
        }
        if let Some(crew) = &self.crew {
            crew.leave(task.file, task.duty);
        }
        vec![task.file]
    }

    /// Its file does not make calls sleep any more.
    fn shut<const OBSERVED: bool>(worker: &mut Sleeper<'_, OBSERVED>) {
        let shared = worker.shared;
        if let Some(file) = worker.backend.file.take() {
            set_blocking(worker, &file, false);
        }
        if let Some(task) = worker.backend.task.take() {
            shared.crew.leave(task.file, task.duty);
        }
        if worker.is_last() || shared.gate.is_leaving() {
            shared.crew.end();
        }
    }
}

/// The descriptor of a file, to be kept through a call that sleeps.
fn descriptor(file: &Watched) -> Option<Arc<OwnedFd>> {
    lock(&file.state).fd.clone()
}

/// Whether calls on the file sleep from now on (O_NONBLOCK, fcntl(2)).
fn set_blocking<const OBSERVED: bool>(
    worker: &mut Sleeper<'_, OBSERVED>,
    file: &Watched,
    blocking: bool,
) {
    if lock(&file.state).fd.is_none() {
        return;
    }
    worker.gate(Syscall::SetFlags { fd: file.fd, blocking });
    if let Some(fd) = &lock(&file.state).fd {
        worker.door.set_blocking(fd.as_fd(), blocking);
    }
}

/// Ends both directions, so that whoever sleeps in a call on the file returns.
fn shut_down<const OBSERVED: bool>(worker: &mut Sleeper<'_, OBSERVED>, file: &Watched) {
    worker.gate(Syscall::Shutdown { fd: file.fd, how: How::RdWr });
    // Its thread closes it as soon as it has seen the end, and is to find no other user then.
    if let Some(fd) = &lock(&file.state).fd {
        worker.door.shut_down_both(fd.as_fd());
    }
}

/// Sleeps until it is called, unless that has happened since `count`; stops if the thread is not
/// wanted any more.
fn idle<const OBSERVED: bool>(
    worker: &mut Sleeper<'_, OBSERVED>,
    task: &Task,
    count: u32,
    next: Syscall,
    limit: Option<Duration>,
) -> Turn {
    if worker.shared.gate.calls(worker.door.id()).is_some() {
        return if worker.gate(next) { Turn::Again } else { Turn::Stop };
    }
    worker.door.lane().rest();
    task.bell.sleep(count, limit);
    Turn::Again
}

fn read<const OBSERVED: bool>(
    worker: &mut Sleeper<'_, OBSERVED>,
    file: &Arc<Watched>,
    task: &Task,
) -> Turn {
    let count = task.bell.count();
    match worker.read_asleep(file) {
        None | Some(CallOutcome::Gone) => Turn::Stop,
        Some(CallOutcome::Nothing) => {
            let next = Syscall::Read { fd: file.fd, len: worker.read_len() };
            idle(worker, task, count, next, None)
        }
        Some(CallOutcome::Moved(_) | CallOutcome::Again | CallOutcome::On) => Turn::Again,
    }
}

fn write<const OBSERVED: bool>(
    worker: &mut Sleeper<'_, OBSERVED>,
    file: &Arc<Watched>,
    task: &Task,
) -> Turn {
    let count = task.bell.count();
    match worker.send_asleep(file) {
        None | Some(CallOutcome::Gone) => Turn::Stop,
        Some(CallOutcome::Nothing) if task.duty == Duty::Write => {
            idle(worker, task, count, Syscall::Send { fd: file.fd, len: 0 }, None)
        }
        Some(_) => Turn::Again,
    }
}

fn accept<const OBSERVED: bool>(
    worker: &mut Sleeper<'_, OBSERVED>,
    file: &Arc<Watched>,
    task: &Task,
) -> Turn {
    let count = task.bell.count();
    close_unlucky(worker);
    let next = Syscall::Accept { fd: file.fd };
    if lock(&file.state).flags.muted {
        let limit = u64::try_from(worker.timeout_ms()).ok().map(Duration::from_millis);
        let turn = idle(worker, task, count, next, limit);
        worker.after_wait();
        return turn;
    }
    let Some(fd) = descriptor(file) else { return Turn::Stop };
    if !worker.gate(next) {
        return Turn::Stop;
    }
    let got = worker.door.accept_asleep(fd.as_fd());
    drop(fd);
    if matches!(got, Err(nix::errno::Errno::EMFILE | nix::errno::Errno::ENFILE)) {
        // The spare descriptor is given up for one client; there may be none.
        set_blocking(worker, file, false);
        worker.accepted(file, got, &mut 0);
        set_blocking(worker, file, true);
        if !lock(&file.state).flags.muted {
            // The kernel looks for a descriptor before it looks for a client: it would be asked
            // without end.
            return idle(worker, task, count, next, Some(NO_DESCRIPTOR));
        }
    } else if worker.accepted(file, got, &mut 0) == Accepting::Gone {
        return Turn::Stop;
    }
    worker.after_wait();
    Turn::Again
}

/// Closes the connections for which the system has refused a thread.
fn close_unlucky<const OBSERVED: bool>(worker: &mut Sleeper<'_, OBSERVED>) {
    for file in worker.shared.crew.unlucky() {
        if let Some(file) = worker.shared.table.get(file) {
            worker.close(&file);
            worker.door.tell(Kind::Refused(Refusal::NoThread));
        }
    }
}
